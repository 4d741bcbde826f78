// SPDX-License-Identifier: MIT OR Apache-2.0
// What the kernels of every instruction set share: names, loop hints, block sizes, constants. A
// vocabulary (vec_<isa>.h) and the text of the kernels (kernels_body.h) make one table.
#ifndef WMK_VEC_H
#define WMK_VEC_H

#include "kernels.h"

#define WMK_ROUND 0x1.8p23f // added to a float it leaves a whole number, in the lowest bits

#define WMK_JOIN(name, isa) wmk_##name##_##isa
#define WMK_NAME(name, isa) WMK_JOIN(name, isa)
#define WMK(name) WMK_NAME(name, WMK_ISA)

#define WMK_INLINE static inline __attribute__((always_inline))
#define WMK_APART static __attribute__((noinline))
#ifdef __clang__
#define WMK_UNROLL _Pragma("clang loop unroll(full)")
#define WMK_ROLLED _Pragma("clang loop unroll(disable) vectorize(disable)")
#else
#define WMK_UNROLL _Pragma("GCC unroll 16")
#define WMK_ROLLED
#endif

// What is in memory at p has to be read from there again.
#define WMK_FENCE(p) __asm__ volatile("" : : "r"(p) : "memory")
// p += n in a way the compiler cannot see through, so that offsets from p go into the loads.
#define WMK_OPAQUE(value) __asm__("" : "+r"(value))
#define WMK_ADVANCE(p, n) \
    do {                  \
        (p) += (n);       \
        WMK_OPAQUE(p);    \
    } while (0)

enum {
    WMK_K_BLOCK = 512,        // a row dot's partial sums: short chains, and w's tile stays in L1
    WMK_T_BLOCK = 128,        // rows of x that go by a tile of w together
    WMK_QUAD_K = 384,         // the same of quad_rows.h, whose packed rows of x stay in L1, …
    WMK_QUAD_N = 384,         // … and of w in L2, of more than …
    WMK_QUAD_W = 1 << 20,     // … this many numbers
    WMK_LIFT_K = 4096,        // numbers of one row of x that are lifted for REBASED
    WMK_STREAM = 1 << 16,     // numbers of w from which on it is read in long streams …
    WMK_STREAM_T = 16,        // … for so many rows of x at most
    WMK_PANEL_K = 128,        // rows of w in a panel (lanes over N), which is packed …
    WMK_INT_MOST = 8191,      // of x as whole numbers: 128 · 8191 · 2048 < 2³¹
    WMK_INT_K = 2048,         // products in a sum of 32 bits
    WMK_INT_X = 32768,        // whole numbers of x on the stack …
    WMK_INT_T = 64,           // … of this many rows at most
    WMK_TURNED_T = 6,         // rows of x that are worth turning:
    WMK_TURNED_X = 98304,     // … numbers of them on the stack, …
    WMK_TURNED_MOST = 128,    // … of this many rows at most, …
    WMK_TURNED_W = 16384,     // … and of w, widened for them
    WMK_NIBBLE_X = 40960,     // bytes of x's spans on the stack (nibble_rows.h)
    WMK_BYTE_K = 512,         // products of bytes in a sum …
    WMK_BYTE_T = 64,          // … and their rows of x
    WMK_BYTE_FEW = 3,         // rows of x that are not worth packing w
    WMK_BYTE_SPREAD = 7,      // half root mean squares of a row in a byte; see byte_step
    WMK_FEW = 4,              // … for more rows of x than this; for fewer w is read where it is,
    WMK_STREAM_K = 16,        // in as many streams
    WMK_MAP = 128,            // numbers whose powers of e are computed in one go
};

// The functions that go by e's powers.
enum { WMK_SIGMOID, WMK_SILU, WMK_GELU_TANH, WMK_GELU, WMK_TANH };

// Constants of the functions, read from memory: a constant vector in the code is 18 bytes of wasm.
// The polynomials are minimax fits of the relative error, highest power first.
typedef struct wmk_maths {
    float most, least;              // beyond these e's power is infinity, zero
    float log2_e, round;            // where k is rounded
    float ln2, ln2_rest;            // -ln 2 in two parts, the first exact times k
    float exp[5];                   // (eʳ - 1 - r) / r²
    float one, half;
    float cubic, linear;            // of GELU_TANH
    float near, tanh[5];            // (tanh x - x) / x³ in x² below `near`
    float gelu_limit, gelu_p[6], gelu_q[6]; // see gelu
} wmk_maths;

static const wmk_maths wmk_numbers = {
    .most = 89.0f,
    .least = -128.0f,
    .log2_e = 0x1.715476p+0f,
    .round = 0x1.8001fcp+23f,
    .ln2 = -0x1.63p-1f,
    .ln2_rest = 0x1.bd0106p-13f,
    .exp = {0x1.6a2352p-10f, 0x1.123a6cp-7f, 0x1.5558f4p-5f, 0x1.55549p-3f, 0x1.fffffcp-2f},
    .one = 1.0f,
    .half = 0.5f,
    .cubic = 0x1.2444fap-4f,
    .linear = 0x1.988454p+0f,
    .near = 0.625f,
    .tanh = {-0x1.75e1ccp-8f, 0x1.52269ap-6f, -0x1.b83c5ap-5f, 0x1.110726p-3f, -0x1.555532p-2f},
    .gelu_limit = 0x1.570a3ep+2f,
    .gelu_p = {0x1.99ebacp-26f, 0x1.a92612p-18f, 0x1.4e07aap-13f, 0x1.2ed5c0p-8f, 0x1.0d43f8p-5f,
               0x1.988452p-2f},
    .gelu_q = {0x1.49c3d4p-20f, 0x1.291038p-14f, 0x1.dfe5b8p-10f, 0x1.cc4666p-6f, 0x1.fe11f2p-3f,
               1.0f},
};

typedef float wmk_quad __attribute__((vector_size(16)));
typedef int32_t wmk_quad_int __attribute__((vector_size(16)));

// Rows of x against four rows of w.
typedef struct wmk_tile {
    float *y; // four columns
    const float *x;
    const float *from; // what the sums are added to: bias or zeros, y after the first block of K
    const uint8_t *w[4];
    size_t ldy, ldx, ld_from;
    size_t K;
    const uint8_t *soon, *end; // what is wanted of w next, …
    size_t share;              // … so many lines of 64 bytes for each row of tiles
} wmk_tile;

typedef int8_t wmk_bytes __attribute__((vector_size(16)));

// A weight [N, K] for row dots, and one of its rows.
typedef struct wmk_weight {
    wm_weight_type type;
    uint32_t bits; // of a number
    const uint8_t *data, *scale, *zero;
    size_t pitch; // bytes from a row to the next
} wmk_weight;

typedef struct wmk_row {
    const uint8_t *data, *scales; // scales: of Q4
    int32_t zero;                 // of U8
} wmk_row;

// Rows of x against a panel of w, whose rows are ldw bytes apart.
typedef struct wmk_panel {
    float *y;
    const float *x, *from; // from: bias, y itself after the first block of K, or zeros
    const uint8_t *w;
    size_t ldy, ldx, ld_from, ldw, K;
} wmk_panel;

#endif
