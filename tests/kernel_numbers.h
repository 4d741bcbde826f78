// SPDX-License-Identifier: MIT OR Apache-2.0
// What the tests of kernels share: every table, numbers at random, weights of them.
#ifndef WM_TEST_KERNEL_NUMBERS_H
#define WM_TEST_KERNEL_NUMBERS_H

#include "harness.h"

#include "../src/base/half.h"
#include "../src/kernels/kernels.h"

enum { SIZES = 68 };

static const char *const names[] = {WM_ISAS};

// The i-th instruction set's table, NULL where this machine has no such one.
static const wm_kernels *table(size_t i) { return wm_kernels_select(names[i]); }

#define EACH_TABLE(k)                                  \
    for (size_t isa = 0; isa < WM_COUNT(names); isa++) \
        for (const wm_kernels *k = table(isa); k; k = NULL)

static uint32_t random_state;

static inline uint32_t random_u32(void) {
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8 | random_state << 24;
}

static inline float random_float(void) { return (float)(random_u32() >> 8) * 0x1p-23f - 1.0f; }

static inline double magnitude(double x) { return x < 0 ? -x : x; }

static inline uint32_t bits_of(float x) { return wm_read_u32(&x); }

// A block of exactly `size` bytes that begins `offset` bytes after an aligned address: an access
// past its end is an access past malloc's block.
static inline uint8_t *block(size_t size, size_t offset, void **owner) {
    *owner = malloc(size + offset ? size + offset : 1);
    assert_non_null(*owner);
    return (uint8_t *)*owner + offset;
}

static inline float *random_floats(size_t n) {
    float *p = malloc(n * sizeof *p + 1);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) p[i] = random_float();
    return p;
}

// Random weights of a type, and what they are in f32.
static inline uint8_t *random_weights(wm_weight_type type, size_t n, size_t offset, float *wide,
                                      void **owner) {
    size_t size = type == WM_F32 ? 4 : 2;
    uint8_t *p = block(n * size, offset, owner);
    for (size_t i = 0; i < n; i++) {
        float x = random_float();
        uint16_t half = (uint16_t)(bits_of(x) >> 16);
        if (type == WM_F16)
            half = (uint16_t)((random_u32() & 0x83FF) | ((10 + random_u32() % 5) << 10));
        memcpy(p + i * size, type == WM_F32 ? (const void *)&x : (const void *)&half, size);
        wide[i] = type == WM_F32 ? x : type == WM_F16 ? wm_f16_to_f32(half) : wm_bf16_to_f32(half);
    }
    return p;
}

static inline double sqrt_f64(double x) {
    double root = x > 1 ? x : 1;
    for (int i = 0; i < 60; i++) root = (root + x / root) / 2;
    return root;
}

#endif
