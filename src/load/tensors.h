// SPDX-License-Identifier: MIT OR Apache-2.0
// The weights of a repository by name: one safetensors file, or the shards of its index.
#ifndef WM_TENSORS_H
#define WM_TENSORS_H

#include "../base/arena.h"
#include "../base/magic.h"

typedef struct wm_tensors {
    const wm_tensor *const *all; // [count], of one file in order of offset
    const uint32_t *by_name;     // [count] into `all`, sorted by name (hash tables can be attacked)
    uint32_t count;
    uint64_t bytes; // of all tensors
} wm_tensors;

// Finds model.safetensors, else model.safetensors.index.json and its shards, among `files`.
// What is there in another form (pytorch_model.bin, GGUF, ONNX, an LFS pointer, an HTML page, gzip)
// is UNSUPPORTED or FORMAT with its name. Everything is allocated in `arena`.
wm_status wm_tensors_open(wm_tensors *tensors, const wm_source *files, size_t file_count,
                          wm_arena *arena, wm_error *error);

uint32_t wm_tensors_index(const wm_tensors *tensors,
                          wm_span name); // into `all`; `count`: no such tensor

uint32_t wm_dtype_bits(wm_dtype dtype);

// The two halves of opening, for the tensors of one file. Read: the header of the safetensors file
// `bytes`, by the decisions of the reference reader, and no name twice; `path` names it in errors.
// Sort: fills by_name; `all`, count and bytes are given.
wm_status wm_tensors_read(wm_tensors *tensors, wm_span bytes, wm_span path, wm_arena *arena,
                          wm_error *error);
wm_status wm_tensors_sort(wm_tensors *tensors, wm_arena *arena, wm_error *error);

// `order` = the numbers below `count`, such that `less` holds for no element and its predecessor.
typedef bool wm_tensor_less(const wm_tensor *a, const wm_tensor *b);
void wm_tensors_order(uint32_t *order, uint32_t count, const wm_tensor *const *all,
                      wm_tensor_less *less);

// A path from a file that names another file (shards, modules): relative, no empty, "." or ".."
// segment, no backslash, colon, percent sign or control character, segments ≤ 255 bytes and none of
// Windows' device names. Else PATH; `file` is the one that holds it.
wm_status wm_path_check(wm_span path, const char *file, wm_error *error);

#endif
