// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels against the machine: GFLOP/s and GB/s as shares of what peak loops reach in the same
// run. Natively every instruction set of the machine; as wasm (bench/kernels_wasm.mjs) the one of
// the build. Each figure is the best of many runs: other processes only ever slow a run down.
#include "../cli/peak.h"

#include "../src/kernels/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__wasm__)
#include <wasm_simd128.h>
#endif

#ifdef __wasm__
__attribute__((import_module("bench"), import_name("now"))) double bench_now(void);
__attribute__((import_module("bench"), import_name("row"))) void bench_row(const char *what,
                                                                           const char *isa,
                                                                           uint32_t T, uint32_t N,
                                                                           uint32_t K, double value,
                                                                           double share);
#else
#include <stdio.h>
#include <time.h>

static double bench_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void bench_row(const char *what, const char *isa, uint32_t T, uint32_t N, uint32_t K,
                      double value, double share) {
    printf("%-24s %-8s", what, isa);
    if (N) printf(" T %4u  %4u -> %4u", T, K, N);
    if (T && !N) printf(" n %4u", T);
    printf("  %8.2f", value);
    if (share > 0) printf("  %5.1f %%", share * 100);
    printf("\n");
    fflush(stdout);
}
#endif

enum { LAYERS = 6, D = 384, F = 1536, ROWS = 256, LAYER = 4 * D * D + 2 * D * F };

// Decoding: one row of x against weights that no cache holds, even at four bits.
enum { LONG_K = 768, LONG_N = 96 * 1024 };
enum { INT8_OF_I8 = WM_Q4 + 1, INT8_OF_Q4, TYPES }; // what is measured besides the types of files

typedef struct bench {
    const wm_kernels *k;
    unsigned type; // of wm_weight_type, or INT8_OF_…
    float *x, *y, *weights; // [ROWS, F] twice; LAYERS · LAYER
    double peak, bandwidth; // GFLOP/s of this instruction set, GB/s
    double whole;           // of products of whole numbers, 0: not measured
    uint32_t T, N, K;
    uint8_t *stored, *scale; // LONG_N · LONG_K f32, and as many bytes for scales as any type needs
    double sink;
} bench;

// The least seconds of one run, over `seconds` of runs.
static double least(void (*run)(bench *), bench *b, double seconds) {
    double end = bench_now() + seconds, best = 1e30;
    int runs = 1;
    do {
        double start = bench_now();
        for (int i = 0; i < runs; i++) run(b);
        double t = (bench_now() - start) / runs;
        if (t < best) best = t;
        if (t * runs < 0.0005) runs *= 2;
    } while (bench_now() < end);
    return best;
}

static void run_linear(bench *b) {
    b->k->linear[WM_F32](b->y, b->N, b->x, b->K, b->weights, b->K, b->x, b->T, b->N, b->K);
}

static void run_linear_bf16(bench *b) {
    b->k->linear[WM_BF16](b->y, b->N, b->x, b->K, b->weights, b->K, b->x, b->T, b->N, b->K);
}

static void run_linear_f16(bench *b) {
    b->k->linear[WM_F16](b->y, b->N, b->x, b->K, b->weights, b->K, b->x, b->T, b->N, b->K);
}

static void run_linear_t(bench *b) {
    b->k->linear_t[WM_F32](b->y, b->N, b->x, b->K, b->weights, b->N, b->x, b->T, b->N, b->K);
}

static void run_decode(bench *b) {
    wm_quantized w = {b->stored, b->scale, b->stored};
    bool plain = b->type <= WM_BF16;
    if (b->type > WM_Q4) {
        wm_weight_type type = b->type == INT8_OF_I8 ? WM_I8 : b->k->weave ? WM_WOVEN : WM_Q4;
        b->k->linear_int8(b->y, b->N, b->x, b->K, &w, type, NULL, b->T, b->N, b->K);
        return;
    }
    b->k->linear[b->type](b->y, b->N, b->x, b->K, plain ? (const void *)b->stored : &w, b->K, NULL, b->T,
                          b->N, b->K);
}

// All linear layers of a MiniLM-L6, 42 MB of weights, in order: adds up the least seconds of each
// call, which are short enough to fit between other processes' turns.
static double least_of_layers(bench *b, double seconds) {
    double best[LAYERS * 6], end = bench_now() + seconds, sum = 0;
    for (int i = 0; i < LAYERS * 6; i++) best[i] = 1e30;
    do {
        const float *w = b->weights;
        for (int i = 0; i < LAYERS * 6; i++) {
            uint32_t N = i % 6 == 4 ? F : D, K = i % 6 == 5 ? F : D;
            double start = bench_now();
            b->k->linear[WM_F32](b->y, N, b->x, K, w, K, b->x, b->T, N, K);
            double t = bench_now() - start;
            if (t < best[i]) best[i] = t;
            w += N * K;
        }
    } while (bench_now() < end);
    for (int i = 0; i < LAYERS * 6; i++) sum += best[i];
    return sum;
}

// Attention's two products of one text of MiniLM, all heads of a layer.
static void run_attention(bench *b) {
    for (uint32_t h = 0; h < 12; h++) {
        const float *q = b->x + h * 32, *v = b->weights + h * 32;
        b->k->linear[WM_F32](b->y, b->T, q, D, v, D, NULL, b->T, b->T, 32);
        b->k->linear_t[WM_F32](b->y, D, b->x, b->T, v, D, NULL, b->T, 32, b->T);
    }
}

// The functions work in place: on fresh numbers each time, a copy of n floats included.
static void run_gelu(bench *b) {
    b->k->widen[WM_F32](b->y, b->x, b->T), b->k->gelu_erf(b->y, b->T);
}
static void run_gelu_tanh(bench *b) {
    b->k->widen[WM_F32](b->y, b->x, b->T), b->k->gelu_tanh(b->y, b->T);
}
static void run_silu(bench *b) { b->k->widen[WM_F32](b->y, b->x, b->T), b->k->silu(b->y, b->T); }
static void run_softmax(bench *b) {
    b->k->widen[WM_F32](b->y, b->x, b->T), b->k->softmax(b->y, NULL, 1.0f, b->T);
}
static void run_layer_norm(bench *b) { b->k->layer_norm(b->y, b->x, b->x, b->x, 1e-5f, b->T); }
static void run_add(bench *b) { b->k->add(b->y, b->x, b->T); }
// What instructions for narrow numbers reach, chains as in peak.c: whole numbers, numbers in bf16.
enum { CHAINS = 12, ROUNDS = 10000 };

// Functions of their own, for V8 makes fast code of what is called again and again.
#define PEAK_OF(name, attribute, vector, STEP)                                                  \
    attribute WM_NOINLINE static void name(bench *b) { \
        vector m, sum[CHAINS];                                                                   \
        memcpy(&m, b->x, sizeof m);                                                              \
        memcpy(sum, b->x, sizeof sum);                                                           \
        for (int round = 0; round < ROUNDS; round++) {                                           \
            _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) sum[i] = STEP(sum[i], m);  \
        }                                                                                        \
        memcpy(b->y, sum, sizeof sum);                                                           \
    }

#if defined(__x86_64__)
#define DOT_BYTES(sum, m) _mm512_dpbusd_epi32(sum, m, m)
#define DOT_BF16(sum, m) _mm512_dpbf16_ps(sum, (__m512bh)(m), (__m512bh)(m))
PEAK_OF(run_whole, __attribute__((target("avx512f,avx512vnni"))), __m512i, DOT_BYTES)
PEAK_OF(run_bf16, __attribute__((target("avx512f,avx512bf16"))), __m512, DOT_BF16)
#elif defined(__wasm__)
#define DOT_HALVES(sum, m) wasm_i32x4_add(sum, wasm_i32x4_dot_i16x8(sum, m))
PEAK_OF(run_whole, , v128_t, DOT_HALVES)
#ifdef __wasm_relaxed_simd__
#define DOT_RELAXED(sum, m) wasm_i32x4_relaxed_dot_i8x16_i7x16_add(m, m, sum)
PEAK_OF(run_relaxed, , v128_t, DOT_RELAXED)
#endif
#endif

static void narrow_peaks(bench *b) {
    b->whole = 0;
    double products = 2e-9 * (double)(CHAINS * ROUNDS);
#if defined(__x86_64__)
    if (wm_span_is(wm_span_of(b->k->isa), "avx512vnni")) b->whole = products * 64 / least(run_whole, b, 1);
    if (__builtin_cpu_supports("avx512bf16") && wm_span_starts(wm_span_of(b->k->isa), "avx512"))
        bench_row("peak of bf16 GFLOP/s", b->k->isa, 0, 0, 0, products * 32 / least(run_bf16, b, 1), 0);
#elif defined(__wasm__)
    b->whole = products * 8 / least(run_whole, b, 1);
#ifdef __wasm_relaxed_simd__
    bench_row("peak of 7 bits GOP/s", b->k->isa, 0, 0, 0, products * 16 / least(run_relaxed, b, 1), 0);
#endif
#endif
    if (b->whole > 0) bench_row("peak of int8 GOP/s", b->k->isa, 0, 0, 0, b->whole, 0);
}

static void run_peak(bench *b) { b->sink += peak_run(b->k->isa, 10000); }
static void run_read(bench *b) { b->sink += peak_read(b->weights, LAYERS * LAYER); }

static void products(bench *b) {
    static const uint32_t rows[] = {1, 8, 32, 128, 256}, shapes[][2] = {{D, D}, {D, F}, {F, D}};
    for (size_t s = 0; s < WM_COUNT(shapes); s++) {
        for (size_t i = 0; i < WM_COUNT(rows); i++) {
            b->K = shapes[s][0], b->N = shapes[s][1], b->T = rows[i];
            double rate = 2e-9 * b->T * b->N * b->K / least(run_linear, b, 0.2);
            bench_row("linear f32 GFLOP/s", b->k->isa, b->T, b->N, b->K, rate, rate / b->peak);
        }
    }
    b->K = D, b->N = F;
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        b->T = rows[i];
        double work = 2e-9 * b->T * b->N * b->K, rate = work / least(run_linear_f16, b, 0.2);
        bench_row("linear f16 GFLOP/s", b->k->isa, b->T, b->N, b->K, rate, rate / b->peak);
        rate = work / least(run_linear_bf16, b, 0.2);
        bench_row("linear bf16 GFLOP/s", b->k->isa, b->T, b->N, b->K, rate, rate / b->peak);
        rate = work / least(run_linear_t, b, 0.2);
        bench_row("linear_t f32 GFLOP/s", b->k->isa, b->T, b->N, b->K, rate, rate / b->peak);
        b->type = INT8_OF_I8;
        rate = work / least(run_decode, b, 0.2);
        bench_row("linear int8 GOP/s", b->k->isa, b->T, b->N, b->K, rate, b->whole > 0 ? rate / b->whole : 0);
    }
}

// Weights of every type, for one row and for the few of a short prompt: 10⁹ weights/s, and how many
// times f32's.
static void decoding(bench *b) {
    static const char *const names[] = {"f32", "f16", "bf16", "i8", "u8", "q4", "i8 int8", "q4 int8"};
    static const uint32_t rows[] = {1, 4, 32};
    char what[] = "1 row of         Gweights/s";
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        double first = 0;
        for (unsigned type = 0; type < TYPES; type++) {
            b->K = LONG_K, b->N = rows[i] == 1 ? LONG_N : 4096, b->T = rows[i];
            b->type = type;
            double rate = 1e-9 * b->N * b->K * b->T / least(run_decode, b, 0.4);
            if (!type) first = rate;
            memcpy(what + 9, "        ", 8);
            memcpy(what + 9, names[type], strlen(names[type]));
            bench_row(rows[i] == 1 ? what : what + 2, b->k->isa, b->T, b->N, b->K, rate, rate / first);
        }
    }
}

// The share is of the bound: the longer of the arithmetic at its peak and the weights at full
// bandwidth.
static void layers(bench *b) {
    static const uint32_t rows[] = {1, 8, 32, 128, 256};
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        b->T = rows[i];
        double seconds = least_of_layers(b, 1);
        double work = 2e-9 * b->T * (double)(LAYERS * LAYER) / b->peak,
               read = 4e-9 * (double)(LAYERS * LAYER) / b->bandwidth;
        bench_row("MiniLM's weights ms", b->k->isa, b->T, 0, 0, seconds * 1e3,
                  WM_MAX(work, read) / seconds);
    }
    for (size_t i = 1; i < WM_COUNT(rows); i++) {
        b->T = rows[i];
        double seconds = least(run_attention, b, 0.2),
               work = 4e-9 * b->T * b->T * (double)D / b->peak;
        bench_row("MiniLM's attention ms", b->k->isa, b->T, 0, 0, (double)LAYERS * seconds * 1e3,
                  work / seconds);
    }
}

static void rows(bench *b) {
    static const struct {
        const char *name;
        void (*run)(bench *);
        uint32_t n;
    } kernels[] = {
        {"gelu_erf ns/element", run_gelu, F},   {"gelu_tanh ns/element", run_gelu_tanh, F},
        {"silu ns/element", run_silu, F},       {"softmax ns/element", run_softmax, 128},
        {"softmax ns/element", run_softmax, 9}, {"layer_norm ns/element", run_layer_norm, D},
        {"add ns/element", run_add, D},
    };
    for (size_t i = 0; i < WM_COUNT(kernels); i++) {
        b->T = kernels[i].n;
        double seconds = least(kernels[i].run, b, 0.2);
        bench_row(kernels[i].name, b->k->isa, b->T, 0, 0, seconds * 1e9 / b->T, 0);
    }
}

static void *numbers(size_t n) {
    float *p = malloc(n * sizeof *p);
    for (size_t i = 0; p && i < n; i++) p[i] = (float)(i % 1021) * 0x1p-10f - 0.5f;
    return p;
}

// Numbers that are small in every type.
static uint8_t *halves(size_t n) {
    uint16_t *p = malloc(n * sizeof *p);
    for (size_t i = 0; p && i < n; i++) p[i] = (uint16_t)(0x2C00 + i * 37 % 1021 + (i & 4) * 0x2000);
    return (uint8_t *)p;
}

int bench_main(const char *isa) {
    bench b = {.x = numbers(ROWS * F), .y = numbers(ROWS * F), .weights = numbers(LAYERS * LAYER)};
    b.stored = halves((size_t)LONG_N * LONG_K * 2);
    b.scale = halves((size_t)LONG_N * LONG_K / WM_Q4_BLOCK);
    if (!b.x || !b.y || !b.weights || !b.stored || !b.scale) return 1;
    static const char *const all[] = {WM_ISAS};
    for (size_t i = 0; i < WM_COUNT(all); i++) {
        if (isa && !wm_span_is(wm_span_of(isa), all[i])) continue;
        b.k = wm_kernels_select(all[i]);
        if (!b.k) continue;
        b.peak = 10000e-9 * peak_work(all[i]) / least(run_peak, &b, 1);
        b.bandwidth = 4e-9 * (double)(LAYERS * LAYER) / least(run_read, &b, 1);
        bench_row("peak GFLOP/s", all[i], 0, 0, 0, b.peak, 0);
        bench_row("read 42 MB GB/s", all[i], 0, 0, 0, b.bandwidth, 0);
        narrow_peaks(&b);
        b.T = 32, b.N = F, b.K = D;
        least(run_linear, &b, 1); // the machine's clock and a JIT's tiers settle
        products(&b);
        decoding(&b);
        layers(&b);
        rows(&b);
    }
    return b.sink == 0.125;
}

#ifdef __wasm__
__attribute__((export_name("bench"))) int bench_export(void);
int bench_export(void) { return bench_main(NULL); }
#else
int main(int argc, char **argv) { return bench_main(argc > 1 ? argv[1] : NULL); }
#endif
