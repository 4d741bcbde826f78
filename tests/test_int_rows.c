// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of I8, U8 and Q4, in f32 and as whole numbers, in every instruction set: each size, odd
// addresses, blocks that end where the row ends, against sums in f64.
#include "kernel_numbers.h"

// A quantised weight [N, K] of random bytes and what it stands for; every part at an odd address
// but the scales of I8 and U8.
typedef struct quantised {
    wm_quantized parts;
    void *owners[3];
    float *wide; // [N, K]
} quantised;

static uint8_t *random_bytes(size_t n, size_t offset, void **owner) {
    uint8_t *p = block(n, offset, owner);
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)random_u32();
    return p;
}

static quantised random_quantised(wm_weight_type type, size_t N, size_t K, size_t offset) {
    quantised q = {.wide = random_floats(N * K)};
    size_t blocks = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    q.parts.data =
        random_bytes(N * (type == WM_Q4 ? blocks * WM_Q4_BYTES : K), offset, &q.owners[0]);
    if (type == WM_Q4) {
        float *halves = random_floats(N * blocks);
        q.parts.scale = random_weights(WM_F16, N * blocks, offset, halves, &q.owners[1]);
        free(halves);
    } else {
        q.owners[1] = random_floats(N);
        q.parts.scale = q.owners[1];
    }
    q.parts.zero = random_bytes(N, offset, &q.owners[2]);
    wm_quant_plan plan = {.rows = N, .cols = K, .kind = (wm_quant)(type - WM_I8)};
    plan.data.bytes.n = N * (type == WM_Q4 ? blocks * WM_Q4_BYTES : K);
    for (size_t n = 0; n < N; n++)
        wm_dequantize_row(&plan, q.parts.data, q.parts.scale, q.parts.zero, n, q.wide + n * K);
    return q;
}

static void free_quantised(quantised *q) {
    for (size_t i = 0; i < WM_COUNT(q->owners); i++) free(q->owners[i]);
    free(q->wide);
}

static void quantised_product(const wm_kernels *k, wm_weight_type type, float *y, const float *x,
                              const wm_quantized *w, const float *b, size_t T, size_t N, size_t K,
                              bool halves) {
    if (halves)
        k->linear_halves(y, N, x, K, w, type, b, T, N, K);
    else
        k->linear[type](y, N, x, K, w, K, b, T, N, K);
}

// The largest number of the block of x that number j stands in.
static double most_of_block(const float *x, size_t K, size_t j) {
    double most = 0;
    for (size_t i = j / 32 * 32; i < K && i < j / 32 * 32 + 32; i++)
        if (magnitude((double)x[i]) > most) most = magnitude((double)x[i]);
    return most;
}

static void check_product_of(const wm_kernels *k, wm_weight_type type, size_t T, size_t N, size_t K,
                             size_t offset, bool bias, bool halves) {
    float *x = random_floats(T * K), *y = random_floats(T * N), *b = bias ? random_floats(N) : NULL;
    quantised w = random_quantised(type, N, K, offset);
    quantised_product(k, type, y, x, &w.parts, b, T, N, K, halves);
    for (size_t i = 0; i < T * N; i++) {
        double sum = b ? (double)b[i % N] : 0, size = magnitude(sum), rounded = 0;
        for (size_t j = 0; j < K; j++) {
            double term = (double)x[i / N * K + j] * (double)w.wide[i % N * K + j];
            sum += term, size += magnitude(term);
            if (halves && type == WM_Q4)
                rounded += 0.5 / (1927 * 3854) * most_of_block(x + i / N * K, K, j) *
                           magnitude((double)w.wide[i % N * K + j]);
        }
        double bound = 0x1p-24 * (double)(K + 5) * size + rounded,
               off = magnitude((double)y[i] - sum);
        if (!(off <= bound))
            fail_msg("%s type %d T %d N %d K %d: [%d, %d] off by %d bounds", k->isa, (int)type,
                     (int)T, (int)N, (int)K, (int)(i / N), (int)(i % N),
                     (int)(off < 1e6 * bound ? off / bound : 1e6));
    }
    for (size_t n = 0; n < N && K; n++) { // a row of a table
        size_t blocks = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
        wm_quantized row = {w.parts.data + n * (type == WM_Q4 ? blocks * WM_Q4_BYTES : K),
                            w.parts.scale + n * (type == WM_Q4 ? blocks * 2 : sizeof(float)),
                            w.parts.zero + n};
        float *got = random_floats(K);
        k->widen[type](got, &row, K);
        assert_memory_equal(got, w.wide + n * K, K * sizeof *got);
        free(got);
    }
    // Each row alone is the same bits, as is each column among others.
    float *alone = random_floats(N);
    for (size_t t = 0; t < T; t++) {
        quantised_product(k, type, alone, x + t * K, &w.parts, b, 1, N, K, halves);
        assert_memory_equal(alone, y + t * N, N * sizeof *alone);
        if (N < 2) continue;
        quantised_product(k, type, alone, x + t * K, &w.parts, b, 1, N - 1, K, halves);
        assert_memory_equal(alone, y + t * N, (N - 1) * sizeof *alone);
    }
    free(x), free(y), free(b), free(alone), free_quantised(&w);
}

static void check_quantised(const wm_kernels *k, wm_weight_type type, size_t T, size_t N, size_t K,
                            size_t offset, bool bias) {
    check_product_of(k, type, T, N, K, offset, bias, false);
    if (k->linear_halves && type != WM_U8) check_product_of(k, type, T, N, K, offset, bias, true);
}

// The step of a row's number j: of 14 bits of the row, but that of I8 with dot products of bytes by
// its root mean square, that of Q4 where it is woven by its block.
static double int8_step(const wm_kernels *k, wm_weight_type type, const float *x, size_t K,
                        size_t j) {
    if (type == WM_Q4 && k->weave) return (double)((float)most_of_block(x, K, j) / 1927);
    double most = 0, squares = 0;
    for (size_t j = 0; j < K; j++) {
        if (magnitude((double)x[j]) > most) most = magnitude((double)x[j]);
        squares += (double)x[j] * (double)x[j] / (double)K;
    }
    double fine = (double)((float)most / 8191), spread = 3.5 / 127 * sqrt_f64(squares);
    wm_span isa = wm_span_of(k->isa);
    bool bytes =
        wm_span_is(isa, "avx512vnni") || wm_span_is(isa, "neondot") || wm_span_is(isa, "neoni8mm");
    if (type != WM_I8 || !bytes) return fine;
    if (spread > most / 127) return (double)((float)most / 127);
    return spread < most / 8128 ? (double)((float)most / 127 / 64) : spread;
}

// Whole numbers of 14 bits, as the contract says, then a product in f64.
static void check_int8(const wm_kernels *k, wm_weight_type type, size_t T, size_t N, size_t K,
                       size_t offset, float range, bool bias) {
    float *x = random_floats(T * K), *y = random_floats(T * N), *b = bias ? random_floats(N) : NULL;
    float *alone = random_floats(N);
    quantised w = random_quantised(type, N, K, offset);
    for (size_t i = 0; i < T * K; i++) { // and now and then a number that is out of proportion
        x[i] *= i % 7 ? range : range / 100;
        x[i] *= i % 211 == 5 ? 3000.0f : i % 29 == 3 ? 20.0f : 1.0f;
    }
    k->linear_int8(y, N, x, K, &w.parts, type, b, T, N, K);
    for (size_t t = 0; t < T; t++) {
        double step = int8_step(k, type, x + t * K, K, 0), inverse = step > 0 ? 1 / step : 0;
        for (size_t n = 0; n < N; n++) {
            double sum = b ? (double)b[n] : 0, size = magnitude(sum), slack = 0;
            for (size_t j = 0; j < K; j++) {
                if (j % 32 == 0 && type == WM_Q4 && k->weave) {
                    step = int8_step(k, type, x + t * K, K, j);
                    inverse = step > 0 ? 1 / step : 0;
                }
                double v = (double)x[t * K + j] * inverse, term;
                int32_t q = (int32_t)(v + (v < 0 ? -0.5 : 0.5));
                if (magnitude(magnitude(v - (double)q) - 0.5) < 1e-2)
                    slack += step * magnitude((double)w.wide[n * K + j]); // rounded either way
                term = (double)q * step * (double)w.wide[n * K + j];
                sum += term, size += magnitude(term);
            }
            assert_near((double)y[t * N + n], sum, 0x1p-20 * size + slack);
        }
        k->linear_int8(alone, N, x + t * K, K, &w.parts, type, b, 1, N, K);
        assert_memory_equal(alone, y + t * N, N * sizeof *alone);
    }
    free(x), free(y), free(b), free(alone), free_quantised(&w);
}

static void int8_products_of_every_size(void **state) {
    (void)state;
    static const size_t big[] = {96, 384, 513, 1536, 2047, 2048, 2049, 5000};
    EACH_TABLE(k) {
        for (unsigned t = 0; t < 2; t++) {
            wm_weight_type type = t ? WM_Q4 : WM_I8;
            for (size_t n = 0; n < SIZES; n++) {
                check_int8(k, type, 1 + n % 6, 1 + n % 9, n, n % 5, 3, n % 2);
                check_int8(k, type, 1 + n % 3, n, 40, n % 3, 100, n % 3);
                check_int8(k, type, n + 1, 6, 33, 1, 1e-6f, n % 2);
            }
            for (size_t i = 0; i < WM_COUNT(big); i++)
                check_int8(k, type, 1 + 3 * i, 10, big[i], i % 4, 1, i % 2);
            check_int8(k, type, 75, 37, 201, 1, 1, true); // more than one block of rows
            check_int8(k, type, 64, 32, 384, 0, 1, false);
            for (size_t T = 1; T < 4; T++) check_int8(k, type, T, 5, 35001, 1, 1, true);
        }
        // The largest sums there are do not overflow.
        enum { K = 2048 };
        float x[K], y[4], scale[4] = {1, 1, 1, 1};
        uint8_t w[4 * K];
        memset(w, 0x80, sizeof w);
        for (size_t i = 0; i < K; i++) x[i] = 1;
        wm_quantized q = {w, (const uint8_t *)scale, NULL};
        k->linear_int8(y, 4, x, K, &q, WM_I8, NULL, 1, 4, K);
        for (size_t i = 0; i < 4; i++) assert_near((double)y[i], -128.0 * K, 0.1);
        // Nothing but zeros, and what is not finite.
        for (size_t i = 0; i < K; i++) x[i] = i % 2 ? 1e-39f : 0;
        k->linear_int8(y, 4, x, K, &q, WM_I8, NULL, 1, 4, K);
        assert_true(y[0] == 0 || magnitude((double)y[0]) < 1e-33);
        x[7] = __builtin_inff();
        k->linear_int8(y, 4, x, K, &q, WM_I8, NULL, 1, 4, K);
        assert_true(!(magnitude((double)y[3]) < 1e38));
        x[7] = __builtin_nanf("");
        k->linear_int8(y, 4, x, K, &q, WM_I8, NULL, 1, 4, K);
        assert_true(y[3] != y[3]);
    }
}

// Sums of whole numbers are the same by whichever instruction.
static void int8_products_of_neon(void **state) {
    (void)state;
    const wm_kernels *k = wm_kernels_select("neoni8mm"), *dot = wm_kernels_select("neondot");
    if (!k || !dot) return;
    for (size_t T = 1; T < SIZES; T++) {
        size_t N = 1 + T * 7 % 41, K = T * 37 % 1100;
        float *x = random_floats(T * K), *y = random_floats(T * N), *want = random_floats(T * N);
        quantised w = random_quantised(WM_I8, N, K, T % 5);
        for (size_t i = 0; i < T * K; i += 1 + random_u32() % 60) x[i] *= 900;
        k->linear_int8(y, N, x, K, &w.parts, WM_I8, NULL, T, N, K);
        dot->linear_int8(want, N, x, K, &w.parts, WM_I8, NULL, T, N, K);
        assert_memory_equal(y, want, T * N * sizeof *y);
        free(x), free(y), free(want), free_quantised(&w);
    }
}

static void quantised_products_of_every_size(void **state) {
    (void)state;
    static const size_t big[] = {96, 384, 511, 512, 513, 544, 1088, 1100, 1536};
    EACH_TABLE(k) {
        for (unsigned type = WM_I8; type <= WM_Q4; type++) {
            for (size_t n = 0; n < SIZES; n++) {
                check_quantised(k, (wm_weight_type)type, 1 + n % 6, 1 + n % 9, n, n % 5, n % 2);
                check_quantised(k, (wm_weight_type)type, 1 + n % 3, n, 64, n % 3, n % 3);
                check_quantised(k, (wm_weight_type)type, n + 1, 6, 33, 1, n % 2);
            }
            for (size_t i = 0; i < WM_COUNT(big); i++)
                check_quantised(k, (wm_weight_type)type, 1 + i, 22, big[i], i % 4, i % 2);
            check_quantised(k, (wm_weight_type)type, 2, 5, 20001, 1, true);
            check_quantised(k, (wm_weight_type)type, 41, 37, 201, 1, true);
            check_quantised(k, (wm_weight_type)type, 9, 6, 4500, 2, true);
        }
    }
}

// Q4 that is woven: every product of it is what it was; what has no such form stays as it is.
static void woven_q4(void **state) {
    (void)state;
    static const size_t sizes[] = {32, 64, 96, 128, 160, 576, 1056, 4096, 8192};
    EACH_TABLE(k) {
        if (!k->weave) continue;
        for (size_t i = 0; i < WM_COUNT(sizes); i++) {
            size_t K = sizes[i], N = 16 * (1 + i % 3), T = 1 + i % 5;
            quantised w = random_quantised(WM_Q4, N, K, i % 3);
            float *x = random_floats(T * K), *b = random_floats(N);
            float *want = random_floats(2 * T * N), *y = random_floats(2 * T * N);
            uint8_t *data = w.owners[0], *scale = w.owners[1];
            k->linear_int8(want, N, x, K, &w.parts, WM_Q4, b, T, N, K);
            k->linear_halves(want + T * N, N, x, K, &w.parts, WM_Q4, b, T, N, K);
            assert_true(k->weave(data + i % 3, scale + i % 3, N, K));
            for (size_t t = 1; t <= T; t++) {
                k->linear_int8(y, N, x, K, &w.parts, WM_WOVEN, b, t, N, K);
                assert_memory_equal(y, want, t * N * sizeof *y);
                k->linear_halves(y, N, x, K, &w.parts, WM_WOVEN, b, t, N, K);
                assert_memory_equal(y, want + T * N, t * N * sizeof *y);
            }
            free(x), free(b), free(want), free(y), free_quantised(&w);
        }
        uint8_t few[16] = {1, 2, 3};
        assert_false(k->weave(few, few, 15, 32));
        assert_false(k->weave(few, few, 16, 40));
        assert_false(k->weave(few, few, 16, 8224));
        assert_true(k->weave(few, few, 0, 32));
    }
}

// Each four numbers of Q4 that there are times whole numbers, the largest among them: exact.
static void woven_q4_is_exact(void **state) {
    (void)state;
    enum { N = 16, K = 32, CALLS = 65536 / (N * K / 4) };
    uint16_t w[N * K / 4], scale[N];
    float x[K], y[N], halves[N];
    for (size_t n = 0; n < N; n++) scale[n] = 0x3C00;
    wm_quantized parts = {(const uint8_t *)w, (const uint8_t *)scale, NULL};
    EACH_TABLE(k) {
        for (size_t call = 0; k->weave && call < CALLS; call++) {
            for (size_t i = 0; i < WM_COUNT(w); i++) w[i] = (uint16_t)(call * WM_COUNT(w) + i);
            for (size_t i = 0; i < K; i++)
                x[i] =
                    (float)(int32_t)(random_u32() % 3 ? random_u32() % 3855 : i % 2 * 3854) - 1927;
            x[call % K] = call % 2 ? 1927 : -1927;
            k->linear_int8(y, N, x, K, &parts, WM_Q4, NULL, 1, N, K);
            k->linear_halves(halves, N, x, K, &parts, WM_Q4, NULL, 1, N, K);
            for (size_t n = 0; n < N; n++) {
                int32_t sum = 0;
                for (size_t i = 0; i < K; i++)
                    sum += (int32_t)x[i] * ((w[(n * K + i) / 4] >> i % 4 * 4 & 15) - 8);
                assert_true(y[n] == (float)sum);
                assert_near((double)halves[n], (double)sum, 0x1p-23 * magnitude((double)sum));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(int8_products_of_every_size),
        cmocka_unit_test(int8_products_of_neon),
        cmocka_unit_test(quantised_products_of_every_size),
        cmocka_unit_test(woven_q4),
        cmocka_unit_test(woven_q4_is_exact),
    };
    return cmocka_run_group_tests_name("int_rows", tests, NULL, NULL);
}
