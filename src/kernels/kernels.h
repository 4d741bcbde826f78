// SPDX-License-Identifier: MIT OR Apache-2.0
// The inner loops, one table an instruction set: scalar, simd128 (wasm), sse2, avx2, avx512,
// avx512vnni, neon, neondot, neoni8mm.
// Everything here is f32 in and out, row-major; pointers need no alignment; ld… are in elements;
// outputs alias no input unless a line says so. No row is read past its end. Preconditions are the
// caller's: nothing is checked here, nothing fails. Letters: T tokens, N outputs, K inputs, n
// length of a row.
//
// One summation order a kernel, weight type and instruction set: element [t, n] of a product
// depends on row t of x, row n of w and K alone, never on T, N or where the row stands in its tile.
// Hence a text's vector is bit for bit the same alone and in any batch.
//     linear    lane j sums the products of k = j, j + LANES, … below 512, the lanes are added in a
//               fixed tree, then the bias; further blocks of 512 are added to that in turn. F32 of
//               avx2 and avx512: four lanes, blocks of 384. I8, U8: of whole numbers, then times
//               the row's scale, then the bias
//     linear_t  from the bias on, k = 0, 1, …
// At most 32 KB of stack; linear_int8 and linear_halves 92 KB, as wasm 248 KB.
#ifndef WM_KERNELS_H
#define WM_KERNELS_H

#include "../base/half.h"
#include "../base/threads.h"
#include "../quant/quant.h"

enum { WM_SCORES = 32 };

// How a weight's numbers are stored.
typedef enum wm_weight_type {
    WM_F32,
    WM_F16,
    WM_BF16,
    WM_I8,
    WM_U8,
    WM_Q4,
    WM_REBASED, // F16 in another form, by `rebase`
    WM_WOVEN,   // Q4 in another form, by `weave`
    WM_WEIGHT_TYPES,
} wm_weight_type;

// A weight [N, K] of I8, U8 or Q4, at any alignment; layouts: wm_quant in wasmicro.h.
typedef struct wm_quantized {
    const uint8_t *data;
    const uint8_t *scale; // I8, U8: f32 [N], aligned; Q4: f16 [N, ⌈K/32⌉]
    const uint8_t *zero;  // U8: [N]
} wm_quantized;

// y [T, N] = x [T, K] · w + b
typedef void wm_dots(float *y, size_t ldy, const float *x, size_t ldx, const void *w, size_t ldw,
                     const float *b, size_t T, size_t N, size_t K);

typedef struct wm_kernels {
    const char *isa;

    // y [T, N] = x [T, K] · w [N, K]ᵀ + b [N]; b f32, may be NULL. w of the table's type, any
    // alignment, widened exactly; of I8, U8, Q4: const wm_quantized *, ldw unused. Row dots: lanes
    // over K.
    wm_dots *linear[WM_WEIGHT_TYPES];

    // The same of I8, Q4 or WOVEN with sums of whole numbers: each row of x is rounded to 14 bits of
    // its largest. Exact are the sums of 2048 products of I8, of a block of Q4; these add up in f32.
    // An infinite scale of Q4 may count as the number that its bits would be next.
    // avx512vnni, neondot, neoni8mm, I8: to steps that are a 36th of the row's root mean square, or 8 to 14
    // bits of its largest; exact are sums of 512 products.
    // simd128, Q4: each block of a row to a 1927th of its largest, which is below 2⁴⁸.
    void (*linear_int8)(float *y, size_t ldy, const float *x, size_t ldx, const wm_quantized *w,
                        wm_weight_type type, const float *b, size_t T, size_t N, size_t K);

    // As linear_int8, but each row of x is rounded to 28 bits of its largest, for Q4 each block to
    // 23, in two halves: about as exact as f32, faster for one row, of I8 slower for many. NULL but
    // for simd128.
    void (*linear_halves)(float *y, size_t ldy, const float *x, size_t ldx, const wm_quantized *w,
                          wm_weight_type type, const float *b, size_t T, size_t N, size_t K);

    // w [N, K] of Q4 becomes WOVEN in place: sixteen rows stand together, as woven_rows.h says, for
    // rows n, n + 16, … at their old places; every product is the same bit for bit. False, and w as
    // it was, where N is no multiple of 16, K none of 32 or above 8192. NULL but for simd128; WOVEN
    // has linear_int8 and linear_halves alone.
    bool (*weave)(uint8_t *w, uint8_t *scale, size_t N, size_t K);

    // w [n] of F16, n a multiple of 8, becomes REBASED in place: its exponents' bias is 25, so that
    // nothing is subnormal, and each eight stand as 0 4 1 5 2 6 3 7; for rows of such lengths at such
    // places. False, and w as it was, where a number is 128 or more. NULL but for simd128, as are
    // REBASED's other functions.
    bool (*rebase)(uint8_t *w, size_t n);

    // y [T, N] = x [T, K] · w [K, N] (+ b [N]): lanes over N. For attention's probabilities ×
    // values, and weights stored [in, out]. NULL for I8, U8, Q4, REBASED, WOVEN.
    wm_dots *linear_t[WM_WEIGHT_TYPES];

    // As linear of F32, without b; sums as linear_t's. For queries · keys. Of each row of y the next
    // multiple of WM_SCORES columns is written.
    wm_dots *scores;

    // y [n] = a [n] widened (F16, BF16) or copied (F32); I8, U8, Q4: a const wm_quantized * of the
    // row.
    void (*widen[WM_WEIGHT_TYPES])(float *y, const void *a, size_t n);

    // y [n] += a [n].  y may not overlap a.
    void (*add)(float *y, const float *a, size_t n);
    // y [n] = max(y, a)
    void (*max)(float *y, const float *a, size_t n);
    // y [n] *= s
    void (*scale)(float *y, float s, size_t n);
    // y [n] *= a [n]
    void (*mul)(float *y, const float *a, size_t n);

    // x [n] = e^(x · s + bias - their greatest), in place; returns 1 / their sum, with which that is
    // a softmax; s > 0; bias [n] may be NULL; -INFINITY entries give 0, but one entry at least is
    // finite; n ≥ 1.
    float (*softmax)(float *x, const float *bias, float s, size_t n);

    // y [n] = (x - mean) / sqrt(var + eps) · w + b; two passes; y may be x. torch.nn.LayerNorm
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, float eps, size_t n);
    // y [n] = x / sqrt(mean(x²) + eps) · w; y may be x. T5LayerNorm, LlamaRMSNorm
    void (*rms_norm)(float *y, const float *x, const float *w, float eps, size_t n);

    // In place. Errors in ulps of the true value at the f32 input, or of 2⁻¹¹⁸ below that: tanh 1.3,
    // sigmoid 2.2, silu 3; in units of 2⁻²⁴ |x|: gelu_tanh 2, gelu_erf 3.4 (PyTorch's: 4.2).
    // Infinities give the limits, a NaN a NaN.
    void (*gelu_erf)(float *x, size_t n);  // x/2 · (1 + erf(x/√2))
    void (*gelu_tanh)(float *x, size_t n); // x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³)))
    void (*relu)(float *x, size_t n);
    void (*silu)(float *x, size_t n); // x / (1 + exp(-x))
    void (*tanh)(float *x, size_t n);
    void (*sigmoid)(float *x, size_t n);

    // In a model's own copy of the table, where it has threads: ops cut their work into its parts.
    wm_threads *threads;
} wm_kernels;

// All of them, whichever a build has.
#define WM_ISAS \
    "scalar", "simd128", "relaxed", "sse2", "avx2", "avx512", "avx512vnni", "neon", "neondot", \
        "neoni8mm"

// The table of `isa`, NULL: the best this machine has. Returns NULL where the machine or the build
// has no such one. Asks the processor: once a model.
const wm_kernels *wm_kernels_select(const char *isa);

#endif
