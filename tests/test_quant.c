// SPDX-License-Identifier: MIT OR Apache-2.0
// Packing and unpacking against another reading of the layouts: tests/vectors/quant.bin, whose
// records tools/make_quant_vectors.py describes.
#include "harness.h"

#include "../src/base/half.h"
#include "../src/quant/quant.h"

typedef struct record {
    wm_quant kind;
    uint32_t rows, cols;
    const uint8_t *w, *rest; // the parts and the numbers they stand for
} record;

static bool next_record(wm_span *file, record *r) {
    if (file->n == 0) return false;
    const uint8_t *p = file->p;
    *r = (record){(wm_quant)wm_read_u32(p), wm_read_u32(p + 4), wm_read_u32(p + 8), p + 12, NULL};
    r->rest = r->w + (size_t)r->rows * r->cols * 4;
    return true;
}

static wm_tensor matrix(const uint8_t *bytes, wm_dtype dtype, uint64_t rows, uint64_t cols) {
    return (wm_tensor){WM_TEXT("w"), dtype, 2, {rows, cols}, {bytes, (size_t)(rows * cols * 4)}};
}

// Packs w and returns what it gave, the three parts one after another.
static uint8_t *packed(const wm_tensor *w, wm_quant kind, wm_quant_role role, wm_quant_plan *plan) {
    wm_error error;
    assert_int_equal(wm_quantize_plan(plan, w, kind, role, &error), WM_OK);
    size_t n = plan->data.bytes.n + plan->scale.bytes.n + plan->zero.bytes.n;
    uint8_t *parts = malloc(n + 1), *data = malloc(plan->data.bytes.n + 1);
    assert_true(parts && data);
    uint8_t *scale = malloc(plan->scale.bytes.n + 4), *zero = malloc(plan->zero.bytes.n + 1);
    assert_int_equal(wm_quantize(plan, w, data, scale, zero, &error), WM_OK);
    memcpy(parts, data, plan->data.bytes.n);
    memcpy(parts + plan->data.bytes.n, scale, plan->scale.bytes.n);
    memcpy(parts + plan->data.bytes.n + plan->scale.bytes.n, zero, plan->zero.bytes.n);
    free(data), free(scale), free(zero);
    return parts;
}

static void packs_as_the_other_reading(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/quant.bin");
    record r;
    size_t count = 0;
    for (; next_record(&file, &r); count++) {
        wm_quant_plan plan;
        wm_tensor w = matrix(r.w, WM_DTYPE_F32, r.rows, r.cols);
        uint8_t *parts = packed(&w, r.kind, WM_QUANT_ROWS, &plan);
        size_t n = plan.data.bytes.n + plan.scale.bytes.n + plan.zero.bytes.n;
        for (size_t i = 0; i < n; i++)
            if (parts[i] != r.rest[i])
                fail_msg("record %d, %s %d × %d: byte %d of %d differs", (int)count,
                         wm_quant_name(r.kind), (int)r.rows, (int)r.cols, (int)i, (int)n);
        float *row = malloc(r.cols * sizeof *row);
        assert_non_null(row);
        for (uint32_t i = 0; i < r.rows; i++) {
            wm_dequantize_row(&plan, parts, parts + plan.data.bytes.n,
                              parts + plan.data.bytes.n + plan.scale.bytes.n, i, row);
            assert_memory_equal(row, r.rest + n + (size_t)i * r.cols * 4, r.cols * sizeof *row);
        }
        free(row), free(parts);
        size_t size = 12 + ((size_t)r.rows * r.cols * 8 + n);
        file.p += size;
        file.n -= size;
    }
    assert_int_equal(count, 32);
}

// A matrix stored [K, N], and one of halves, pack to what their f32 in [N, K] does.
static void reads_transposed_and_halves(void **state) {
    (void)state;
    enum { N = 5, K = 37 };
    float w[N * K], turned[N * K];
    uint16_t halves[N * K];
    for (size_t i = 0; i < N * K; i++) {
        halves[i] = (uint16_t)(0x3C00 + i * 7 % 1000 + (i % 3 ? 0x8000 : 0));
        w[i] = wm_bf16_to_f32(halves[i]);
        turned[i % K * N + i / K] = w[i];
    }
    for (unsigned kind = 0; kind < WM_QUANT_F16; kind++) {
        wm_quant_plan plan, other;
        wm_tensor plain = matrix((const uint8_t *)w, WM_DTYPE_F32, N, K);
        wm_tensor columns = matrix((const uint8_t *)turned, WM_DTYPE_F32, K, N);
        wm_tensor half = matrix((const uint8_t *)halves, WM_DTYPE_BF16, N, K);
        uint8_t *a = packed(&plain, (wm_quant)kind, WM_QUANT_ROWS, &plan);
        uint8_t *b = packed(&columns, (wm_quant)kind, WM_QUANT_TRANSPOSE, &other);
        uint8_t *c = packed(&half, (wm_quant)kind, WM_QUANT_ROWS, &other);
        size_t n = plan.data.bytes.n + plan.scale.bytes.n + plan.zero.bytes.n;
        assert_memory_equal(a, b, n);
        assert_memory_equal(a, c, n);
        free(a), free(b), free(c);
    }
}

static void refuses_what_it_cannot_hold(void **state) {
    (void)state;
    static const uint32_t bad[] = {0x7FC00000, 0x7F800000, 0xFF800000};
    wm_error error;
    wm_quant_plan plan;
    uint8_t data[64], scale[64], zero[64];
    for (unsigned kind = 0; kind < WM_QUANT_KINDS; kind++) {
        for (size_t i = 0; i <= WM_COUNT(bad); i++) {
            float w[4] = {1, 2, 1e30f, 4};
            if (i < WM_COUNT(bad)) memcpy(w + 1, &bad[i], 4);
            wm_tensor tensor = matrix((const uint8_t *)w, WM_DTYPE_F32, 1, 4);
            assert_int_equal(
                wm_quantize_plan(&plan, &tensor, (wm_quant)kind, WM_QUANT_ROWS, &error), WM_OK);
            bool fits = i == WM_COUNT(bad) && kind <= WM_QUANT_U8;
            assert_int_equal(wm_quantize(&plan, &tensor, data, scale, zero, &error),
                             fits ? WM_OK : WM_ERROR_NUMERIC);
        }
    }
    wm_tensor tensor = matrix(data, WM_DTYPE_I32, 4, 4);
    assert_int_equal(wm_quantize_plan(&plan, &tensor, WM_QUANT_I8, WM_QUANT_ROWS, &error),
                     WM_ERROR_UNSUPPORTED);
    tensor.rank = 1;
    assert_int_equal(wm_quantize_plan(&plan, &tensor, WM_QUANT_I8, WM_QUANT_ROWS, &error),
                     WM_ERROR_SHAPE);
    tensor = matrix(data, WM_DTYPE_F32, UINT64_MAX / 2, 4);
    assert_int_equal(wm_quantize_plan(&plan, &tensor, WM_QUANT_Q4, WM_QUANT_ROWS, &error),
                     WM_ERROR_OVERFLOW);
}

// Every half comes back; between two halves the nearer wins, of two the even one.
static void halves_round_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float x = wm_f16_to_f32((uint16_t)h);
        if (x != x) {
            assert_true((wm_f32_to_f16(x) & 0x7FFF) > 0x7C00);
            continue;
        }
        assert_int_equal(wm_f32_to_f16(x), h);
        if ((h & 0x7FFF) >= 0x7BFF) continue;
        double next = (double)wm_f16_to_f32((uint16_t)(h + 1)), middle = ((double)x + next) / 2;
        float exact = (float)middle;
        uint32_t up = wm_read_u32(&exact) + 1, down = wm_read_u32(&exact) - 1;
        assert_int_equal(wm_f32_to_f16(exact), h % 2 ? h + 1 : h);
        assert_int_equal(wm_f32_to_f16(wm_read_f32(&up)), h + 1);
        assert_int_equal(wm_f32_to_f16(wm_read_f32(&down)), h);
    }
    assert_int_equal(wm_f32_to_f16(65519.0f), 0x7BFF);
    assert_int_equal(wm_f32_to_f16(65520.0f), 0x7C00);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(packs_as_the_other_reading),
        cmocka_unit_test(reads_transposed_and_halves),
        cmocka_unit_test(refuses_what_it_cannot_hold),
    };
    return cmocka_run_group_tests_name("quant", tests, NULL, NULL);
}
