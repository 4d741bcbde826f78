// SPDX-License-Identifier: MIT OR Apache-2.0
// A model: descriptor, weights in place, kernels; immutable. A session: one timeline's memory.
#ifndef WM_MODEL_H
#define WM_MODEL_H

#include "../base/json.h"
#include "../load/tensors.h"
#include "arch.h"

struct wm_config {
    const wm_family *family;
    wm_arch arch;
    wm_allocator host;
};

struct wm_model {
    const wm_family *family;
    wm_arch arch;
    const wm_kernels *kernels;
    wm_embedding_weights embedding;
    wm_layer_weights *layers; // [arch.layers]
    wm_arena arena;           // holds this struct too
    wm_span *ignored;         // [ignored_count] names of tensors that no slot asked for
    uint32_t ignored_count;
    uint64_t parameters, weight_bytes;
    const char *dtype; // "F32", "F16", "BF16", or "mixed"
};

// One text's ids; types NULL: all 0.
typedef struct wm_sequence {
    const int32_t *ids;
    const uint8_t *types;
    size_t count;
} wm_sequence;

// Fills `arch` from a checked config.json; `file` names it in errors. Sizes within limits and
// agreeing with each other; whether they agree with the tensors is wm_model_open's to find out.
wm_status wm_arch_from_json(wm_arch *arch, const wm_family **family, wm_json config, wm_error *error);

// The most ids one sequence may have.
uint32_t wm_arch_max_tokens(const wm_arch *arch);

// *matrix = the tensor [rows, cols] where it lies; *vector = the tensor [n] as f32 in `arena`. F64 tensors
// are copied as f32 either way.  Errors: SHAPE, UNSUPPORTED (dtype), NOMEM.
wm_status wm_matrix_view(wm_matrix *matrix, const wm_tensor *tensor, uint32_t rows, uint32_t cols, wm_arena *arena,
                         wm_error *error);
wm_status wm_vector_f32(const float **vector, const wm_tensor *tensor, uint32_t n, wm_arena *arena, wm_error *error);

// *hidden [Σ count, D] = the last hidden states of `sequences`, one after another; in the session's memory
// until its next call. Each sequence has 1 … wm_arch_max_tokens ids. Whatever else runs beside it, a
// sequence's states are the same bit for bit.
// Errors: ARG (an id or type out of range, too many ids), NOMEM.
wm_status wm_session_run(wm_session *session, const wm_sequence *sequences, size_t count,
                         const float **hidden, wm_error *error);

#endif
