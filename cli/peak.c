// SPDX-License-Identifier: MIT OR Apache-2.0
// See peak.h. Twelve chains a = a · m + c: enough for the latency of a fused multiply-add at two a
// cycle, and few enough for sixteen registers. Where nothing is fused, seven chains b = b · m and
// as many a = a + b, for neither need wait for the other.
#include "peak.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__wasm_relaxed_simd__)
#include <wasm_simd128.h>
#endif

#define CHAINS(step)                                                                         \
    step(0) step(1) step(2) step(3) step(4) step(5) step(6) step(7) step(8) step(9) step(10) \
        step(11)
#define DECLARE(i) vector a##i = start + (float)i * 0x1p-10f;
#define TOTAL(i) +a##i[0]

#define PEAK(name, attribute, width, STEP)                                 \
    attribute static double name(long rounds, float seed) {                \
        typedef float vector __attribute__((vector_size(4 * width)));      \
        vector start = {0}, m = start + seed, c = start + seed * 0x1p-20f; \
        CHAINS(DECLARE)                                                    \
        for (long i = 0; i < rounds; i++) {                                \
            CHAINS(STEP)                                                   \
        }                                                                  \
        return (double)(0 CHAINS(TOTAL));                                  \
    }

#if defined(__aarch64__)
#define FMA_128(i) a##i = vfmaq_f32(c, a##i, m);
#elif defined(__wasm_relaxed_simd__)
#define FMA_128(i) a##i = (vector)wasm_f32x4_relaxed_madd((v128_t)a##i, (v128_t)m, (v128_t)c);
#endif
#define FMA_256(i) a##i = _mm256_fmadd_ps(a##i, m, c);
#define FMA_512(i) a##i = _mm512_fmadd_ps(a##i, m, c);

#ifdef FMA_128
PEAK(peak_128, , 4, FMA_128)
#define PEAK_128_CHAINS 12
#else
#define PEAK_128_CHAINS 7
#define APART_CHAINS(step) step(0) step(1) step(2) step(3) step(4) step(5) step(6)
#define DECLARE_PRODUCT(i) vector b##i = m + (float)i * 0x1p-10f;
#define MUL_ADD(i) a##i += b##i, b##i *= m;

static double peak_128(long rounds, float seed) {
    typedef float vector __attribute__((vector_size(16)));
    vector start = {0}, m = start + seed;
    APART_CHAINS(DECLARE)
    APART_CHAINS(DECLARE_PRODUCT)
    for (long i = 0; i < rounds; i++) {
        APART_CHAINS(MUL_ADD)
    }
    return (double)(0 APART_CHAINS(TOTAL));
}
#endif

// One number at a time: the compiler must not make vectors of them.
#ifdef __x86_64__
#define APART(i) __asm__ volatile("" : "+x"(a##i));
#else
#define APART(i)
#endif
#define DECLARE_SCALAR(i) float a##i = seed * (float)i;
#define MUL_ADD_SCALAR(i)      \
    a##i = a##i * seed + seed; \
    APART(i)
#define TOTAL_SCALAR(i) +a##i

static double peak_scalar(long rounds, float seed) {
    CHAINS(DECLARE_SCALAR)
    for (long i = 0; i < rounds; i++) {
        CHAINS(MUL_ADD_SCALAR)
    }
    return (double)(0 CHAINS(TOTAL_SCALAR));
}

#ifdef __x86_64__
PEAK(peak_256, __attribute__((target("avx2,fma"))), 8, FMA_256)
PEAK(peak_512, __attribute__((target("avx512f"))), 16, FMA_512)
#endif

double peak_run(const char *isa, long rounds) {
    static volatile float seed = 0.999f;
    if (wm_span_is(wm_span_of(isa), "scalar")) return peak_scalar(rounds, seed);
#ifdef __x86_64__
    if (wm_span_is(wm_span_of(isa), "avx2")) return peak_256(rounds, seed);
    if (wm_span_starts(wm_span_of(isa), "avx512")) return peak_512(rounds, seed);
#endif
    return peak_128(rounds, seed);
}

double peak_work(const char *isa) {
    if (wm_span_is(wm_span_of(isa), "scalar")) return 24;
    if (wm_span_is(wm_span_of(isa), "avx2")) return 24 * 8;
    if (wm_span_starts(wm_span_of(isa), "avx512")) return 24 * 16;
    return 2 * PEAK_128_CHAINS * 4;
}

// In four streams, which some machines read faster than one.
double peak_read(const float *p, size_t n) {
    typedef int32_t vector __attribute__((vector_size(16)));
    const size_t part = n / 4;
    vector a = {0}, b = a, c = a, d = a, v[4];
    for (size_t i = 0; i + 4 <= part; i += 4) {
        for (size_t j = 0; j < 4; j++) memcpy(v + j, p + j * part + i, sizeof v[j]);
        a ^= v[0], b ^= v[1], c ^= v[2], d ^= v[3];
    }
    a ^= b ^ c ^ d;
    return (double)a[0];
}
