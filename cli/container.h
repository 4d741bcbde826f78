// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes weights as one safetensors file, quantised or as they are, tensor by tensor.
#ifndef WM_CONTAINER_H
#define WM_CONTAINER_H

#include "cli.h"
#include "weights.h"

enum { CONTAINER_PLAIN = -1 };

// What became of one tensor.
typedef struct container_entry {
    const weight *from;
    wm_quant_plan plan; // .data alone where it is kept
    bool quantized;
    uint64_t offset;         // of data, scale, zero, one after another, in the file
    double max_error, error; // of its numbers; of all together, relative
} container_entry;

typedef struct container {
    container_entry *entries; // [count], of the weights in their order
    size_t count;
    uint64_t before, after; // bytes
} container;

// quantize: a wm_quant, or CONTAINER_PLAIN; config is needed only with the first. Prints what
// fails.
int container_write(container *c, const char *path, const weights *from, int quantize,
                    const wm_config *config, wm_arena *arena);

#endif
