// SPDX-License-Identifier: MIT OR Apache-2.0
// What convert reads: the tensors of safetensors, PyTorch and GGUF files under the names that
// Hugging Face gives them, and how to get at their numbers. Readers take bytes, never paths.
#ifndef WM_WEIGHTS_H
#define WM_WEIGHTS_H

#include "../src/base/arena.h"

// GGUF's types of numbers that are not those of safetensors.
typedef enum gguf_type {
    GGUF_PLAIN = 0,
    GGUF_Q4_0,
    GGUF_Q4_1,
    GGUF_Q5_0,
    GGUF_Q5_1,
    GGUF_Q8_0,
    GGUF_Q4_K,
    GGUF_Q5_K,
    GGUF_Q6_K,
    GGUF_TYPES,
} gguf_type;

typedef struct weight {
    wm_tensor tensor; // as it is written: bytes.n of them; bytes.p NULL where they do not stand so
    wm_span stored;   // as they stand in the file instead,
    gguf_type type;   // in blocks, or plain
    uint32_t heads;   // GGUF's order of the rows of llama's q and k; 0: as they are
    bool strided;     // with gaps, or turned; in blocks: a matrix, turned
    uint64_t strides[WM_MAX_RANK]; // of numbers
} weight;

typedef struct weights {
    weight *all; // [count]
    size_t count;
} weights;

// numbers [shape[0] rows from `first` on, `rows` of them] in tensor.dtype.
void weight_rows(const weight *w, uint64_t first, uint64_t rows, void *numbers);

// ---- PyTorch -----------------------------------------------------------------------------------

// The tensors of one file as torch.save writes it: a zip with data.pkl, or the older form.
// Owner: names lie in `arena` or in `bytes`.
wm_status torch_read(weights *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error);

// A zip's files, sorted by name. Only what is stored as it is, by its central directory.
typedef struct zip_entry {
    wm_span name, bytes;
} zip_entry;

typedef struct zip {
    zip_entry *entries; // [count]
    size_t count;
} zip;

wm_status zip_read(zip *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error);
const zip_entry *zip_find(const zip *from, wm_span folder, const char *under, wm_span name);

// A tensor as a pickle names it: a view of a storage.
typedef struct pickle_tensor {
    wm_span name, key; // of the storage
    wm_dtype dtype;
    uint32_t rank;
    uint64_t numbers, offset; // of the storage; where the tensor begins in it
    uint64_t shape[WM_MAX_RANK], strides[WM_MAX_RANK];
} pickle_tensor;

// Runs one pickle: a dictionary of tensors, or whatever else (*count 0). Nothing that it names is
// looked up or called; what is not needed to name tensors is refused by its name. *used = its
// length.
wm_status pickle_read(wm_span bytes, wm_span path, wm_arena *arena, pickle_tensor **tensors,
                      size_t *count, size_t *used, wm_error *error);

// A pickle that is a list of texts: the order of the storages in older files.
wm_status pickle_read_keys(wm_span bytes, wm_span path, wm_arena *arena, wm_span **keys,
                           size_t *count, size_t *used, wm_error *error);

// ---- GGUF --------------------------------------------------------------------------------------

typedef struct gguf_value {
    wm_span key;
    uint32_t type, element; // of GGUF's kinds of values; of an array's elements
    uint64_t count;         // of an array
    wm_span bytes;          // the value; a text without its length
} gguf_value;

typedef struct gguf {
    gguf_value *values; // [value_count]
    size_t value_count;
    weights tensors; // under GGUF's own names, in its own order of rows
    uint32_t *types; // [tensors.count] GGUF's numbers for them
} gguf;

wm_status gguf_read(gguf *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error);
const gguf_value *gguf_find(const gguf *file, const char *key);     // or NULL
bool gguf_text(const gguf *file, const char *key, wm_span *text);   // false: none
bool gguf_u64(const gguf *file, const char *key, uint64_t *number); // whole, not negative
bool gguf_f32(const gguf *file, const char *key, float *number);
bool gguf_flag(const gguf *file, const char *key, bool fallback);
const char *gguf_type_name(uint32_t type); // "Q4_K"; "?" for what is not known

// Numbers in a block, and its bytes.
uint32_t gguf_block(gguf_type type, uint32_t *size);

// Numbers of one row, or run of blocks, of `type`.
void gguf_numbers(gguf_type type, const uint8_t *blocks, uint64_t count, float *numbers);

// ---- The repository that a GGUF file stands for -------------------------------------------------

enum { GGUF_FILES = 3 };

typedef struct gguf_file {
    const char *path; // "config.json"
    char *p;          // [n], to be freed
    size_t n;
} gguf_file;

// Gives llama's kin (llama, qwen2, qwen3) and GPT-2 Hugging Face's names and order of numbers, and
// writes the files that belong to them.
wm_status gguf_to_repository(gguf *from, wm_span path, gguf_file files[GGUF_FILES], wm_arena *arena,
                             wm_error *error);

#endif
