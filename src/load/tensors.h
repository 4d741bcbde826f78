// SPDX-License-Identifier: MIT OR Apache-2.0
// The weights of a repository by name: one safetensors file, or the shards of its index.
#ifndef WM_TENSORS_H
#define WM_TENSORS_H

#include "../base/arena.h"

typedef struct wm_tensors {
    const wm_tensor *const *all; // [count]
    const uint32_t *slots;       // hash table over `all`: index + 1, 0 empty
    uint32_t count, slot_count;
    uint64_t bytes; // of all tensors
} wm_tensors;

// Finds model.safetensors, else model.safetensors.index.json and its shards, among `files`.
// What is there in another form (pytorch_model.bin, GGUF, ONNX, an LFS pointer, an HTML page, gzip) is
// UNSUPPORTED or FORMAT with its name. Everything is allocated in `arena`.
wm_status wm_tensors_open(wm_tensors *tensors, const wm_source *files, size_t file_count,
                          wm_arena *arena, wm_error *error);

uint32_t wm_tensors_index(const wm_tensors *tensors, wm_span name); // into `all`; `count`: no such tensor

uint32_t wm_dtype_bits(wm_dtype dtype);

// A path from a file that names another file (shards, modules): relative, no empty, "." or ".." segment,
// no backslash, drive letter, NUL, control character or percent escape, segments ≤ 255 bytes. Else PATH.
wm_status wm_path_check(wm_span path, const char *file, wm_error *error);

// FORMAT or UNSUPPORTED where `bytes` are recognisably something else than `path` promises (HTML page, LFS
// pointer, gzip, zip or pickle, GGUF, ONNX); WM_OK otherwise.
wm_status wm_magic_check(wm_span bytes, wm_span path, wm_error *error);

#endif
