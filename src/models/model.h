// SPDX-License-Identifier: MIT OR Apache-2.0
// A model: descriptor, weights in place, kernels; immutable. A session: one timeline's memory.
#ifndef WM_MODEL_H
#define WM_MODEL_H

#include "../base/json.h"
#include "../load/tensors.h"
#include "arch.h"

struct wm_config {
    const char *model_type;
    const wm_family *family;
    wm_arch arch;
    wm_allocator host;
};

typedef struct wm_stack {
    wm_stack_weights weights;
    wm_layer_weights *layers; // [stored]
    uint32_t stored, depth;   // layers of weights, layers run
} wm_stack;

typedef struct wm_head {
    wm_task task; // NONE: the model has no head
    wm_activation activation;
    wm_matrix dense, out; // [D or E, D]; [labels or V, rows of dense or D]
    wm_norm norm;
} wm_head;

struct wm_model {
    const char *model_type;
    const wm_family *family;
    const wm_kernels *kernels;
    const char *dtype;  // "F32", "F16", "BF16", or "mixed"
    float *frequencies; // [rotary_width / 2]
    wm_span *ignored;   // [ignored_count] names of tensors that no slot asked for
    uint32_t ignored_count;
    wm_arch arch;
    wm_head head;
    wm_stack stacks[2];
    wm_model_weights weights;
    wm_arena arena; // holds this struct too
    uint64_t parameters, weight_bytes;
};

// One text's ids; types NULL: all 0.
typedef struct wm_sequence {
    const int32_t *ids;
    const uint8_t *types;
    size_t count;
} wm_sequence;

// *config = a config.json, without memory of its own.
wm_status wm_config_read(wm_config *config, wm_span json, wm_error *error);

// The most ids one sequence may have.
uint32_t wm_arch_max_tokens(const wm_arch *arch);

// *matrix = the tensor [rows, cols] where it lies; *vector = the tensor [n] as f32 in `arena`. F64
// tensors are copied as f32 either way.  Errors: SHAPE, UNSUPPORTED (dtype), NOMEM.
wm_status wm_matrix_view(wm_matrix *matrix, const wm_tensor *tensor, uint32_t rows, uint32_t cols,
                         wm_arena *arena, wm_error *error);
wm_status wm_vector_f32(const float **vector, const wm_tensor *tensor, uint32_t n, wm_arena *arena,
                        wm_error *error);

// y [T, rows] = x [T, cols] · wᵀ + bias
void wm_model_linear(const wm_model *model, float *y, const float *x, const wm_matrix *w, size_t T);

// Brings weights into the form that is read fastest, in the host's own bytes, which have to be
// writable and are this model's alone: Q4 that goes by whole numbers is woven; a decoder's stored
// [inputs, outputs] are turned round, its F16 is rebased (kernels.h). Where there is no memory for
// a copy of one, or no such kernel, it stays as it is.
void wm_model_settle(wm_model *model);

enum { WM_MAX_SEQUENCES = 64 }; // of one call

// *hidden [Σ count, D] = the last hidden states of `sequences`, one after another; in the session's
// memory until its next call. Each has 1 … wm_arch_max_tokens ids. Whatever else runs beside it, a
// sequence's states are the same bit for bit. The two-stack kinds: the encoder's. Errors: ARG (an
// id or type out of range, too many ids), NOMEM.
wm_status wm_session_run(wm_session *session, const wm_sequence *sequences, size_t count,
                         const float **hidden, wm_error *error);

// The same of a decoder, going on from what the session remembers: sequence i on lane i, a new lane
// from lane 0's memory.  Errors: also STATE (no decoder, or its encoder has no text yet).
wm_status wm_session_append(wm_session *session, const wm_sequence *sequences, size_t count,
                            const float **hidden, wm_error *error);

// Gives the decoder the text that it attends to, and rewinds it. *hidden as wm_session_run.
wm_status wm_session_encode(wm_session *session, const wm_sequence *sequence, const float **hidden,
                            wm_error *error);

// Lane i goes on from what lane parents[i] remembers, i < count; any further lanes forget.
wm_status wm_session_reorder(wm_session *session, const uint32_t *parents, size_t count,
                             wm_error *error);

// logits [count, V] of hidden [count, D]; the model has a head.
void wm_session_logits_of(const wm_session *session, const float *hidden, size_t count,
                          float *logits);

#endif
