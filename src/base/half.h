// SPDX-License-Identifier: MIT OR Apache-2.0
// Half floats widened exactly to f32, one at a time (kernels do whole rows).
#ifndef WM_HALF_H
#define WM_HALF_H

#include "base.h"

static inline float wm_bf16_to_f32(uint16_t half) {
    uint32_t bits = (uint32_t)half << 16;
    return wm_read_f32(&bits);
}

// IEEE binary16: the exponent is moved by a multiplication, which also normalises subnormals.
static inline float wm_f16_to_f32(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, bits = (uint32_t)(half & 0x7FFF) << 13;
    if ((half & 0x7FFF) >= 0x7C00) {
        bits |= 0x7F800000u;
    } else {
        float scaled = wm_read_f32(&bits) * 0x1p112f;
        memcpy(&bits, &scaled, sizeof bits);
    }
    bits |= sign;
    return wm_read_f32(&bits);
}

#endif
