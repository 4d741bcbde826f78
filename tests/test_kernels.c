// SPDX-License-Identifier: MIT OR Apache-2.0
// Every kernel in every instruction set this machine has: each size, odd addresses, blocks that end
// where the row ends (for the address sanitizer), against sums and functions in f64.
#include "kernel_numbers.h"

// Every how many-th float the functions are tried at; 1 tries them all (hours of it under
// sanitizers).
#ifndef STRIDE
#define STRIDE 40009u
#endif

enum { MOST = 2048, FLOAT_TYPES = WM_BF16 + 1 };

// ---- Numbers ------------------------------------------------------------------------------------

// Units in the last place of the f32 nearest to `want`, of 2⁻¹⁴² at least.
static double ulps(float got, double want) {
    float nearest = (float)want;
    uint32_t g = bits_of(got), size = bits_of(nearest) & 0x7FFFFFFF;
    if (got != got || want != want) return (got != got) == (want != want) ? 0 : 1e30;
    if (size >= 0x7F800000) return g == bits_of(nearest) ? 0 : 1e30;
    if ((g & 0x7FFFFFFF) >= 0x7F800000) { // one step past the largest counts as one
        return size == 0x7F7FFFFF && g >> 31 == bits_of(nearest) >> 31 ? 1 : 1e30;
    }
    double ulp = 0x1p-142;
    for (uint32_t e = size >> 23; e > 8; e--) ulp *= 2;
    return magnitude((double)got - want) / ulp;
}

// ---- Functions in f64, to some 1e-13 ------------------------------------------------------------

static double power_of_two(int n) {
    double p = 1;
    for (; n > 0; n--) p *= 2;
    for (; n < 0; n++) p /= 2;
    return p;
}

static double exp_f64(double x) {
    if (x != x) return x;
    if (x > 600) return (double)__builtin_inff();
    if (x < -600) return 0;
    int n = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
    double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33, term = 1, sum = 1;
    for (int i = 1; i < 22; i++) term *= r / i, sum += term;
    return sum * power_of_two(n);
}

static double tanh_f64(double x) {
    double t = magnitude(x), s = x * x;
    if (t < 0.01) return x * (1 - s / 3 + 2 * s * s / 15 - 17 * s * s * s / 315);
    double e = exp_f64(-2 * t), y = (1 - e) / (1 + e);
    return x < 0 ? -y : y;
}

// e^(z²) erfc(z) for z ≥ 0: a series near zero, a continued fraction beyond.
static double erfcx_f64(double z) {
    if (z > 3) {
        double f = z;
        for (int i = 80; i > 0; i--) f = z + i / 2.0 / f;
        return 0.5641895835477563 / f;
    }
    double term = 1, sum = 1;
    for (int i = 1; i < 90; i++) term *= 2 * z * z / (2 * i + 1), sum += term;
    return exp_f64(z * z) - 1.1283791670955126 * z * sum;
}

static double gelu_erf_f64(double x) {
    double t = magnitude(x), tail = 0.5 * exp_f64(-x * x / 2) * erfcx_f64(t * 0.7071067811865476);
    if (t > 30) tail = 0;
    return x < 0 ? (t > 30 ? -0.0 : x * tail) : x - (tail > 0 ? x * tail : 0);
}

static double sigmoid_f64(double x) {
    double e = exp_f64(-magnitude(x));
    return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

static double gated(double x, double v) { return v < -600 ? -0.0 : x * sigmoid_f64(v); }
static double silu_f64(double x) { return gated(x, x); }
static double gelu_tanh_f64(double x) {
    return x != x ? x : gated(x, 1.5957691216057308 * (x + 0.044715 * x * x * x));
}

// The largest error over the samples, in ulps where `relative`, else in units of 2^-24 · max(|x|,
// 2^-126).
static double worst_of(void (*kernel)(float *x, size_t n), double (*function)(double),
                       bool relative, float *where) {
    enum { BATCH = 1000 };
    static float x[BATCH], y[BATCH];
    static const uint32_t special[] = {0,          0x80000000, 1,          0x80000001,
                                       0x7F800000, 0xFF800000, 0x7FC00000, 0x7F7FFFFF,
                                       0xFF7FFFFF, 0x00800000, 0x80800000};
    double worst = 0;
    uint64_t next = 0;
    for (size_t done = 0; next < UINT64_C(1) << 32; done++) {
        size_t n = 0;
        for (; done == 0 && n < WM_COUNT(special); n++) x[n] = wm_read_f32(&special[n]);
        for (; n < BATCH && next < UINT64_C(1) << 32; next += STRIDE, n++) {
            uint32_t bits = (uint32_t)next;
            x[n] = wm_read_f32(&bits);
        }
        memcpy(y, x, sizeof y);
        kernel(y, n);
        for (size_t i = 0; i < n; i++) {
            double want = function((double)x[i]), error = ulps(y[i], want);
            if (!relative && error > 1 && error < 1e29) {
                error = magnitude((double)y[i] - want) /
                        (0x1p-24 * (magnitude((double)x[i]) + 0x1p-126));
            }
            if (error > worst) worst = error, *where = x[i];
        }
    }
    return worst;
}

static void check_function(const char *name, const wm_kernels *k, void (*kernel)(float *, size_t),
                           double (*function)(double), bool relative, double bound) {
    float where = 0;
    double worst = worst_of(kernel, function, relative, &where);
    if (worst <= bound) return;
    fail_msg("%s %s: error of %d thousandths, at bits %x", name, k->isa,
             (int)(worst < 1e6 ? worst * 1000 : 1e9), (unsigned)bits_of(where));
}

static double tanh_checked(double x) { return x != x ? x : tanh_f64(x); }
static double sigmoid_checked(double x) { return x != x ? x : sigmoid_f64(x); }
static double silu_checked(double x) { return x != x ? x : silu_f64(x); }
static double gelu_checked(double x) { return x != x ? x : gelu_erf_f64(x); }
static double relu_f64(double x) { return x > 0 || x != x ? x : 0; }

static void functions_are_exact(void **state) {
    (void)state;
    EACH_TABLE(k) {
        check_function("tanh", k, k->tanh, tanh_checked, true, 2);
        check_function("sigmoid", k, k->sigmoid, sigmoid_checked, true, 2.5);
        check_function("silu", k, k->silu, silu_checked, true, 3.5);
        check_function("gelu_erf", k, k->gelu_erf, gelu_checked, false, 4);
        check_function("gelu_tanh", k, k->gelu_tanh, gelu_tanh_f64, false, 2);
        check_function("relu", k, k->relu, relu_f64, true, 0);
    }
}

// ---- Products -----------------------------------------------------------------------------------

// One product: transposed (linear) or not (linear_t), at ld's wider than the rows.
typedef struct product {
    wm_weight_type type;
    bool panels;
    size_t T, N, K, offset, more; // more: of every ld than its row
    bool bias;
} product;

static void check_product(const wm_kernels *k, product p) {
    size_t ldx = p.K + p.more, ldy = p.N + p.more, rows = p.panels ? p.K : p.N,
           columns = p.panels ? p.N : p.K;
    size_t ldw = columns + p.more, w_count = rows ? (rows - 1) * ldw + columns : 0;
    size_t x_count = p.T ? (p.T - 1) * ldx + p.K : 0, y_count = (p.T - 1) * ldy + p.N;
    float *x = random_floats(x_count), *b = p.bias ? random_floats(p.N) : NULL,
          *y = random_floats(y_count);
    float *wide = malloc(w_count * sizeof *wide + 1), *before = malloc(y_count * sizeof *y + 1);
    void *owner;
    uint8_t *w = random_weights(p.type, w_count, p.offset, wide, &owner);
    memcpy(before, y, y_count * sizeof *y);
    (p.panels ? k->linear_t : k->linear)[p.type](y, ldy, x, ldx, w, ldw, b, p.T, p.N, p.K);
    for (size_t i = 0; i < y_count; i++) {
        size_t t = i / ldy, n = i % ldy;
        if (n >= p.N) {
            assert_int_equal(bits_of(y[i]), bits_of(before[i]));
            continue;
        }
        double sum = b ? (double)b[n] : 0, size = magnitude(sum);
        for (size_t j = 0; j < p.K; j++) {
            double term =
                (double)x[t * ldx + j] * (double)(p.panels ? wide[j * ldw + n] : wide[n * ldw + j]);
            sum += term, size += magnitude(term);
        }
        double bound = 0x1p-24 * (double)(p.K + 4) * size;
        if (magnitude((double)y[i] - sum) <= bound) continue;
        fail_msg("%s type %d panels %d T %d N %d K %d: [%d, %d] off by %d bounds", k->isa,
                 (int)p.type, (int)p.panels, (int)p.T, (int)p.N, (int)p.K, (int)t, (int)n,
                 (int)(magnitude((double)y[i] - sum) / bound));
    }
    free(x), free(b), free(y), free(wide), free(before), free(owner);
}

// One row takes halves inside the tile: infinities and NaNs come out as they do for many.
static void halves_that_are_not_finite(void **state) {
    (void)state;
    enum { N = 9, K = 64 };
    float x[2 * K], y[2 * N], alone[N];
    uint16_t w[N * K];
    for (size_t i = 0; i < 2 * K; i++) x[i] = 1 + (float)(i % K);
    EACH_TABLE(k) {
        for (unsigned type = WM_F16; type <= WM_BF16; type++) {
            for (size_t i = 0; i < N * K; i++) w[i] = (uint16_t)(i % 1000);
            w[3 * K + 17] = type == WM_F16 ? 0x7C00 : 0x7F80;
            w[5 * K + 63] = type == WM_F16 ? 0xFC00 : 0xFF80;
            w[7 * K] = 0x7FFF;
            k->linear[type](y, N, x, K, w, K, NULL, 2, N, K);
            k->linear[type](alone, N, x, K, w, K, NULL, 1, N, K);
            for (size_t n = 0; n < N; n++) {
                if (n == 7) {
                    assert_true(y[n] != y[n] && alone[n] != alone[n]);
                    continue;
                }
                if (n == 3) assert_true(y[n] == __builtin_inff());
                if (n == 5) assert_true(y[n] == -__builtin_inff());
                assert_int_equal(bits_of(alone[n]), bits_of(y[n]));
            }
        }
    }
}

// One row of halves may go in parts of K: the same bits as of many.
static void long_rows_of_halves(void **state) {
    (void)state;
    enum { N = 5, K = 4096 + 520 };
    static float x[2 * K], b[N];
    static uint16_t w[N * K];
    float y[2 * N], alone[N];
    for (size_t i = 0; i < 2 * K; i++) x[i] = (float)((i * 7919) % 1021) / 1024 - 0.5f;
    for (size_t i = 0; i < N * K; i++) w[i] = (uint16_t)((i * 40503 & 0x83FF) | 0x3400);
    for (size_t n = 0; n < N; n++) b[n] = (float)n;
    EACH_TABLE(k) {
        for (unsigned type = WM_F16; type <= WM_BF16; type++) {
            k->linear[type](y, N, x, K, w, K, b, 2, N, K);
            k->linear[type](alone, N, x, K, w, K, b, 1, N, K);
            for (size_t n = 0; n < N; n++) assert_int_equal(bits_of(alone[n]), bits_of(y[n]));
        }
    }
}

// F16 that is rebased: every number below 128 is what it was, and every product; others are
// refused.
static void rebased_halves(void **state) {
    (void)state;
    enum { ALL = 2 * 0x5800, N = 7, T = 3, MOST_K = 4096 + 520 };
    static uint16_t halves[ALL], w[N * MOST_K + 1];
    static float wide[ALL], x[T * MOST_K], y[T * N], want[T * N], b[N];
    for (size_t i = 0; i < T * MOST_K; i++) x[i] = (float)((i * 7919) % 1021) / 1024 - 0.5f;
    for (size_t n = 0; n < N; n++) b[n] = (float)n;
    EACH_TABLE(k) {
        if (!k->rebase) continue;
        for (size_t i = 0; i < ALL; i++) halves[i] = (uint16_t)(i / 2 | (i % 2) << 15);
        assert_true(k->rebase((uint8_t *)halves, ALL));
        k->widen[WM_REBASED](wide, halves, ALL);
        for (size_t i = 0; i < ALL; i++)
            assert_int_equal(bits_of(wide[i]), bits_of(wm_f16_to_f32((uint16_t)(i / 2 | i << 15))));
        for (uint32_t i = 0; i < 8; i++) { // from 128 on, wherever it stands
            static const uint16_t large[] = {0x5800, 0xD800, 0x7BFF, 0x7C00, 0xFC00, 0x7FFF};
            for (size_t j = 0; j < WM_COUNT(large); j++) {
                uint16_t few[16] = {1, 2, 3, 0x57FF}, before[16];
                few[8 + i] = large[j];
                memcpy(before, few, sizeof few);
                assert_false(k->rebase((uint8_t *)few, 16));
                assert_memory_equal(few, before, sizeof few);
            }
        }
        for (size_t K = 0; K <= MOST_K; K += K < 200 ? 8 : K < 800 ? 24 : K == 4096 ? 520 : 656) {
            uint8_t *at = (uint8_t *)w + K / 8 % 2;
            for (size_t i = 0; i < N * K; i++) { // a third of them subnormal
                uint16_t half = (uint16_t)((i * 40503) & (i % 3 ? 0xBFFF : 0x83FF));
                if ((half & 0x7FFF) >= 0x5800) half &= 0x8FFF;
                memcpy(at + 2 * i, &half, sizeof half);
            }
            k->linear[WM_F16](want, N, x, K, at, K, b, T, N, K);
            assert_true(k->rebase(at, N * K));
            for (size_t t = 1; t <= T; t++) {
                k->linear[WM_REBASED](y, N, x, K, at, K, b, t, N, K);
                assert_memory_equal(y, want, t * N * sizeof *y);
            }
        }
    }
}

static void products_of_every_size(void **state) {
    (void)state;
    static const size_t big[] = {96, 511, 512, 513, 1031, 1536};
    EACH_TABLE(k) {
        for (unsigned type = 0; type < FLOAT_TYPES; type++) {
            for (size_t n = 0; n < SIZES; n++) {
                product p = {
                    (wm_weight_type)type, false, 1 + n % 9, 1 + n % 7, n, n % 5, n % 3, n % 2};
                check_product(k, p);
                p.panels = true;
                check_product(k, p);
                p = (product){(wm_weight_type)type, false, 1 + n % 5, n,
                              1 + n % 37,           n % 4, n % 2,     n % 3};
                check_product(k, p);
                p.panels = true;
                check_product(k, p);
                p = (product){(wm_weight_type)type, false, n + 1, 6, 9, n % 3, 1, n % 2};
                check_product(k, p);
                p.panels = true;
                check_product(k, p);
            }
            for (size_t i = 0; i < WM_COUNT(big); i++) {
                product p = {(wm_weight_type)type, false, 13, 22, big[i], 1, 3, true};
                check_product(k, p);
                p.panels = true;
                check_product(k, p);
                p = (product){(wm_weight_type)type, true, 5, big[i], 70, 1, 3, true};
                check_product(k, p);
            }
        }
        check_product(
            k, (product){WM_F32, false, 700, 5, 384, 0, 0, true}); // more than one block of x
    }
}

// Row t of a product is the same bits alone, among any rows, and for any neighbours of its w.
static void rows_do_not_depend_on_their_batch(void **state) {
    (void)state;
    enum { T = 23, N = 37, K = 1120 };
    float *x = random_floats(T * K), *all = malloc(T * N * sizeof *all),
          *one = malloc(T * N * sizeof *one);
    float *wide = malloc(N * K * sizeof *wide), *b = random_floats(N);
    EACH_TABLE(k) {
        for (unsigned type = 0; type < FLOAT_TYPES * 2; type++) {
            bool panels = type >= FLOAT_TYPES;
            wm_weight_type weight = (wm_weight_type)(type % FLOAT_TYPES);
            size_t size = weight == WM_F32 ? 4 : 2, ldw = panels ? N : K, step = panels ? 1 : K;
            void *owner;
            const uint8_t *w = random_weights(weight, N * K, 2, wide, &owner);
            (panels ? k->linear_t : k->linear)[weight](all, N, x, K, w, ldw, b, T, N, K);
            for (size_t rows = 1; rows <= T; rows++) {
                size_t first = T - rows, n = rows % N, columns = N - n;
                (panels ? k->linear_t : k->linear)[weight](
                    one, N, x + first * K, K, w + n * step * size, ldw, b + n, rows, columns, K);
                for (size_t t = 0; t < rows; t++) {
                    assert_memory_equal(one + t * N, all + (first + t) * N + n,
                                        columns * sizeof *one);
                }
            }
            free(owner);
        }
    }
    free(x), free(all), free(one), free(wide), free(b);
}

// Scores are what linear_t makes of the same keys turned round, bit for bit.
static void scores_are_products(void **state) {
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 1},  {2, 8, 32},   {3, 33, 5},   {5, 16, 4},
                                      {7, 31, 6}, {64, 70, 32}, {67, 65, 80}, {9, 40, 259}};
    EACH_TABLE(k) {
        for (size_t i = 0; i < WM_COUNT(sizes); i++) {
            size_t T = sizes[i][0], N = sizes[i][1], K = sizes[i][2], ldw = K + 3;
            size_t ldy = N + -N % WM_SCORES + 2;
            float *x = random_floats(T * K), *w = random_floats((N - 1) * ldw + K),
                  *turned = random_floats(K * N), *want = random_floats(T * N),
                  *y = random_floats(T * ldy), *before = random_floats(T * ldy);
            memcpy(before, y, T * ldy * sizeof *y);
            for (size_t j = 0; j < K * N; j++) turned[j] = w[j % N * ldw + j / N];
            k->linear_t[WM_F32](want, N, x, K, turned, N, NULL, T, N, K);
            k->scores(y, ldy, x, K, w, ldw, NULL, T, N, K);
            for (size_t t = 0; t < T; t++) {
                assert_memory_equal(y + t * ldy, want + t * N, N * sizeof *y);
                assert_memory_equal(y + (t + 1) * ldy - 2, before + (t + 1) * ldy - 2,
                                    2 * sizeof *y);
            }
            free(x), free(w), free(turned), free(want), free(y), free(before);
        }
    }
}

static void every_half_widens(void **state) {
    (void)state;
    uint16_t *halves = malloc(65536 * sizeof *halves);
    float *wide = malloc(65536 * sizeof *wide);
    assert_true(halves && wide);
    for (size_t i = 0; i < 65536; i++) halves[i] = (uint16_t)i;
    EACH_TABLE(k) {
        for (unsigned type = WM_F16; type <= WM_BF16; type++) {
            k->widen[type](wide, halves, 65536);
            for (uint32_t i = 0; i < 65536; i++) {
                float want =
                    type == WM_F16 ? wm_f16_to_f32((uint16_t)i) : wm_bf16_to_f32((uint16_t)i);
                if (want != want) assert_true(wide[i] != wide[i]);
                if (want == want) assert_int_equal(bits_of(wide[i]), bits_of(want));
            }
        }
        for (size_t n = 0; n < SIZES; n++) {
            for (unsigned type = 0; type < FLOAT_TYPES; type++) {
                float want[SIZES], *got = malloc(n * sizeof *got + 1);
                void *owner;
                uint8_t *w = random_weights((wm_weight_type)type, n, n % 4, want, &owner);
                k->widen[type](got, w, n);
                assert_memory_equal(got, want, n * sizeof *got);
                free(owner), free(got);
            }
        }
    }
    free(halves), free(wide);
}

// ---- Rows ---------------------------------------------------------------------------------------

static const size_t lengths[] = {96, 128, 384, 511, 1000, MOST};
static size_t length_of(size_t i) { return i < SIZES ? i : lengths[i - SIZES]; }
enum { LENGTHS = SIZES + WM_COUNT(lengths) };

static void row_arithmetic(void **state) {
    (void)state;
    EACH_TABLE(k) {
        for (size_t i = 0; i < LENGTHS; i++) {
            size_t n = length_of(i);
            float *y = random_floats(n), *a = random_floats(n), *start = random_floats(n),
                  s = random_float();
            memcpy(start, y, n * sizeof *y);
            k->add(y, a, n);
            for (size_t j = 0; j < n; j++)
                assert_int_equal(bits_of(y[j]), bits_of(start[j] + a[j]));
            memcpy(y, start, n * sizeof *y);
            k->mul(y, a, n);
            for (size_t j = 0; j < n; j++)
                assert_int_equal(bits_of(y[j]), bits_of(start[j] * a[j]));
            memcpy(y, start, n * sizeof *y);
            k->max(y, a, n);
            for (size_t j = 0; j < n; j++) assert_true(y[j] == (start[j] > a[j] ? start[j] : a[j]));
            memcpy(y, start, n * sizeof *y);
            k->scale(y, s, n);
            for (size_t j = 0; j < n; j++) assert_int_equal(bits_of(y[j]), bits_of(start[j] * s));
            free(y), free(a), free(start);
        }
    }
}

// Each element of a row is what it is alone, wherever it stands.
static void functions_of_every_length(void **state) {
    (void)state;
    EACH_TABLE(k) {
        void (*const kernels[])(float *, size_t) = {k->gelu_erf, k->gelu_tanh, k->relu,
                                                    k->silu,     k->tanh,      k->sigmoid};
        for (size_t f = 0; f < WM_COUNT(kernels); f++) {
            for (size_t i = 0; i < LENGTHS; i++) {
                size_t n = length_of(i);
                float *x = random_floats(n), *y = random_floats(n);
                for (size_t j = 0; j < n; j++) y[j] = x[j] *= 6;
                kernels[f](y, n);
                for (size_t j = 0; j < n; j++) {
                    kernels[f](x + j, 1);
                    assert_int_equal(bits_of(x[j]), bits_of(y[j]));
                }
                free(x), free(y);
            }
        }
    }
}

static void softmax_of_every_length(void **state) {
    (void)state;
    EACH_TABLE(k) {
        for (size_t i = 1; i < LENGTHS; i++) {
            size_t n = length_of(i);
            float *x = random_floats(n), *y = random_floats(n),
                  *bias = i % 2 ? random_floats(n) : NULL;
            for (size_t j = 0; j < n; j++) {
                x[j] *= 20;
                if (j % 5 == 3) x[j] = -__builtin_inff();
            }
            memcpy(y, x, n * sizeof *y);
            k->scale(y, k->softmax(y, bias, 0.5f, n), n);
            double most = -1e30, sum = 0;
            for (size_t j = 0; j < n; j++) {
                double v = (double)x[j] * 0.5 + (bias ? (double)bias[j] : 0);
                if (v > most) most = v;
            }
            for (size_t j = 0; j < n; j++) {
                sum += exp_f64((double)x[j] * 0.5 + (bias ? (double)bias[j] : 0) - most);
            }
            for (size_t j = 0; j < n; j++) {
                double want =
                    exp_f64((double)x[j] * 0.5 + (bias ? (double)bias[j] : 0) - most) / sum;
                assert_near((double)y[j], want, want * 0x1p-18 + 1e-44);
                if (j % 5 == 3) assert_true(y[j] == 0);
            }
            free(x), free(y), free(bias);
        }
    }
}

static void norms_of_every_length(void **state) {
    (void)state;
    EACH_TABLE(k) {
        for (size_t i = 1; i < LENGTHS; i++) {
            size_t n = length_of(i);
            float *x = random_floats(n), *w = random_floats(n), *b = random_floats(n),
                  *y = random_floats(n);
            double mean = 0, variance = 0, square = 0;
            for (size_t j = 0; j < n; j++) mean += (double)x[j] / (double)n;
            for (size_t j = 0; j < n; j++) {
                variance += ((double)x[j] - mean) * ((double)x[j] - mean) / (double)n;
                square += (double)x[j] * (double)x[j] / (double)n;
            }
            double inverse = 1 / sqrt_f64(variance + 1e-5);
            k->layer_norm(y, x, w, b, 1e-5f, n);
            for (size_t j = 0; j < n; j++) {
                double v = ((double)x[j] - mean) * inverse * (double)w[j] + (double)b[j];
                assert_near((double)y[j], v, n < 2 ? 1e-4 : 2e-6 * (1 + inverse));
            }
            memcpy(y, x, n * sizeof *y);
            k->rms_norm(y, y, w, 1e-6f, n);
            inverse = 1 / sqrt_f64(square + 1e-6);
            for (size_t j = 0; j < n; j++) {
                double v = (double)x[j] * inverse * (double)w[j];
                assert_near((double)y[j], v, 1e-6 * magnitude(v) + 1e-12);
            }
            k->layer_norm(x, x, w, b, 1e-5f, n);
            free(x), free(w), free(b), free(y);
        }
    }
}

static void tables_are_chosen_by_name(void **state) {
    (void)state;
    size_t count = 0;
    assert_non_null(wm_kernels_select(NULL));
    assert_null(wm_kernels_select("avx1024"));
    assert_null(wm_kernels_select(""));
    EACH_TABLE(k) {
        assert_string_equal(k->isa, names[isa]);
        print_message("kernels: %s\n", k->isa);
        count++;
    }
    assert_true(count >= 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_chosen_by_name),
        cmocka_unit_test(every_half_widens),
        cmocka_unit_test(row_arithmetic),
        cmocka_unit_test(functions_of_every_length),
        cmocka_unit_test(functions_are_exact),
        cmocka_unit_test(scores_are_products),
        cmocka_unit_test(softmax_of_every_length),
        cmocka_unit_test(norms_of_every_length),
        cmocka_unit_test(products_of_every_size),
        cmocka_unit_test(rows_do_not_depend_on_their_batch),
        cmocka_unit_test(halves_that_are_not_finite),
        cmocka_unit_test(long_rows_of_halves),
        cmocka_unit_test(rebased_halves),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
