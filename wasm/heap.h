// SPDX-License-Identifier: MIT OR Apache-2.0
// What the heap of the wasm build can do beyond malloc and free.
#ifndef WM_HEAP_H
#define WM_HEAP_H

#include "../src/base/base.h"

// Makes the block at `memory` `n` bytes long where it lies. A block at the end of the heap can grow
// as long as the host gives memory; shrinking always succeeds. False: unchanged.
bool wm_heap_resize(void *memory, size_t n);

#endif
