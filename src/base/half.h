// SPDX-License-Identifier: MIT OR Apache-2.0
// Half floats to f32, exactly, and back, one at a time (kernels do whole rows).
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

// To nearest, ties to even; 65520 and more: infinity. A NaN stays one.
static inline uint16_t wm_f32_to_f16(float x) {
    uint32_t bits = wm_read_u32(&x), sign = bits >> 16 & 0x8000;
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (bits >= 0x477FF000) return (uint16_t)(sign | 0x7C00);
    if (bits < 0x38800000) { // subnormal: the sum's last bit is f16's
        float sum = wm_read_f32(&bits) + 0.5f;
        return (uint16_t)(sign | (wm_read_u32(&sum) - 0x3F000000));
    }
    return (uint16_t)(sign | ((bits + 0xFFF + (bits >> 13 & 1) - 0x38000000) >> 13));
}

#endif
