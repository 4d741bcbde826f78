// SPDX-License-Identifier: MIT OR Apache-2.0
// The quantised layouts of wasmicro.h in plain C: packing and unpacking. The kernels read the same
// layouts on their own.
#ifndef WM_QUANT_H
#define WM_QUANT_H

#include "../base/base.h"

enum { WM_Q4_BLOCK = 32, WM_Q4_BYTES = 16 }; // numbers under one scale, and their bytes

// Number i of a tensor of F64 (rounded), F32, F16 or BF16.
float wm_tensor_number(const wm_tensor *tensor, uint64_t i);

#endif
