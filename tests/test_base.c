// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/half.h"

static void sums_and_products_do_not_wrap(void **state) {
    (void)state;
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      3,
                                      UINT32_MAX,
                                      UINT64_C(1) << 32,
                                      UINT64_MAX / 2,
                                      UINT64_MAX / 2 + 1,
                                      UINT64_MAX - 1,
                                      UINT64_MAX};
    volatile uint64_t most = UINT64_MAX; // no constant: the compiler would take a 128-bit product
    for (size_t i = 0; i < WM_COUNT(values); i++) {
        for (size_t j = 0; j < WM_COUNT(values); j++) {
            uint64_t a = values[i], b = values[j], sum = 77, product = 77;
            bool fits = a <= UINT64_MAX - b;
            assert_int_equal(wm_add(a, b, &sum), fits);
            assert_int_equal(sum, fits ? a + b : 77);
            fits = a == 0 || b <= most / a;
            assert_int_equal(wm_mul(a, b, &product), fits);
            assert_int_equal(product, fits ? a * b : 77);
        }
    }
}

static void error_text_is_formatted(void **state) {
    (void)state;
    wm_error error;
    wm_span name = WM_TEXT("a.b\n\x7F");
    assert_int_equal(wm_fail(&error, WM_ERROR_SHAPE, 17, "%s: %z, %u of %u, %d and %d, 100%%",
                             &name, "x", (uint64_t)0, UINT64_MAX, INT64_MIN, INT64_C(12)),
                     WM_ERROR_SHAPE);
    assert_string_equal(error.text,
                        "a.b??: x, 0 of 18446744073709551615, -9223372036854775808 and 12, 100%");
    assert_int_equal(error.offset, 17);
    assert_int_equal(error.status, WM_ERROR_SHAPE);
    assert_int_equal(wm_fail(NULL, WM_ERROR_ARG, 0, "%u", (uint64_t)1), WM_ERROR_ARG);
}

// However long, the text ends with a whole character and a NUL.
static void error_text_is_cut_between_characters(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "\xC3\xBC", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    uint8_t bytes[1000];
    for (size_t kind = 0; kind < 4; kind++) {
        size_t width = strlen(characters[kind]);
        for (size_t shift = 0; shift < 5; shift++) {
            for (size_t i = 0; i < 996; i++) bytes[i] = (uint8_t)characters[kind][i % width];
            wm_span text = {bytes, 996 / width * width};
            wm_error error;
            memset(&error, 1, sizeof error);
            (void)wm_fail(&error, WM_ERROR_FORMAT, 0, "%z%s", &"xxxxx"[shift], &text);
            size_t n = strlen(error.text), start = 5 - shift;
            assert_true(n < sizeof error.text && n + width > sizeof error.text - 1);
            assert_int_equal((n - start) % width, 0);
        }
    }
}

static void every_status_has_a_name(void **state) {
    (void)state;
    static const struct {
        wm_status status;
        const char *name;
    } names[] = {
        {WM_OK, "OK"},
        {WM_ERROR_TRUNC, "TRUNC"},
        {WM_ERROR_FORMAT, "FORMAT"},
        {WM_ERROR_JSON, "JSON"},
        {WM_ERROR_UTF8, "UTF8"},
        {WM_ERROR_LIMIT, "LIMIT"},
        {WM_ERROR_OVERFLOW, "OVERFLOW"},
        {WM_ERROR_SHAPE, "SHAPE"},
        {WM_ERROR_MISSING, "MISSING"},
        {WM_ERROR_UNSUPPORTED, "UNSUPPORTED"},
        {WM_ERROR_DUP, "DUP"},
        {WM_ERROR_NOMEM, "NOMEM"},
        {WM_ERROR_ARG, "ARG"},
        {WM_ERROR_STATE, "STATE"},
        {WM_ERROR_CANCEL, "CANCEL"},
        {WM_ERROR_IO, "IO"},
        {WM_ERROR_HTTP, "HTTP"},
        {WM_ERROR_HASH, "HASH"},
        {WM_ERROR_PATH, "PATH"},
        {WM_ERROR_NUMERIC, "NUMERIC"},
    };
    for (size_t i = 0; i < WM_COUNT(names); i++)
        assert_string_equal(wm_status_name(names[i].status), names[i].name);
    assert_string_equal(wm_status_name((wm_status)99), "UNKNOWN");
    assert_int_equal(WM_ERROR_NUMERIC, 50); // frozen
}

static void spans_compare(void **state) {
    (void)state;
    wm_span nothing = {NULL, 0}, abc = WM_TEXT("abc");
    assert_true(wm_span_equal(nothing, WM_TEXT("")) && wm_span_equal(abc, abc));
    assert_false(wm_span_equal(abc, WM_TEXT("abd")) || wm_span_equal(abc, WM_TEXT("ab")));
    assert_true(wm_span_is(abc, "abc") && !wm_span_is(abc, "abcd") && wm_span_is(nothing, ""));
    assert_true(wm_span_starts(abc, "ab") && wm_span_starts(abc, "") &&
                !wm_span_starts(abc, "abcd"));
    assert_false(wm_span_starts(nothing, "a"));
    wm_source files[] = {{WM_TEXT("a"), nothing}, {WM_TEXT("b"), abc}, {WM_TEXT("b"), nothing}};
    assert_true(wm_source_find(files, 3, "b") == &files[1]);
    assert_null(wm_source_find(files, 3, "c"));
    assert_null(wm_source_find(NULL, 0, "a"));
}

// Short keys that differ a little spread over the low bits, which tables use.
static void hashes_spread(void **state) {
    (void)state;
    uint32_t buckets[256] = {0};
    for (uint32_t i = 0; i < 25600; i++) {
        uint8_t key[4] = {(uint8_t)('0' + i / 1000 % 100), (uint8_t)('0' + i / 100 % 10),
                          (uint8_t)('0' + i / 10 % 10), (uint8_t)('0' + i % 10)};
        buckets[wm_hash((wm_span){key, 4}) & 255]++;
    }
    for (size_t i = 0; i < 256; i++) assert_true(buckets[i] > 50 && buckets[i] < 170);
    assert_int_equal(wm_hash(WM_TEXT("a")), wm_hash(WM_TEXT("a")));
}

static float float_of(uint32_t bits) { return wm_read_f32(&bits); }

static void halves_widen_exactly(void **state) {
    (void)state;
    for (uint32_t half = 0; half < 0x10000; half++) {
        uint32_t exponent = half >> 10 & 31, fraction = half & 0x3FF;
        double value = exponent ? 1024 + fraction : fraction;
        for (uint32_t i = 0; i < 24; i++) value /= 2;
        for (uint32_t i = 1; i < exponent; i++) value *= 2;
        if (half & 0x8000) value = -value;
        float widened = wm_f16_to_f32((uint16_t)half), brain = wm_bf16_to_f32((uint16_t)half);
        uint32_t bits, brain_bits;
        memcpy(&bits, &widened, sizeof bits);
        memcpy(&brain_bits, &brain, sizeof brain_bits);
        if (exponent < 31)
            assert_true((double)widened == value);
        else
            assert_int_equal(bits & 0x7FFFFFFF, 0x7F800000u | fraction << 13);
        assert_int_equal(bits >> 31, half >> 15);
        assert_int_equal(brain_bits, half << 16);
    }
    assert_true(wm_f16_to_f32(0x3C00) == 1 && wm_f16_to_f32(1) == 0x1p-24f &&
                wm_f16_to_f32(0x7BFF) == 65504);
    assert_true(wm_bf16_to_f32(0x3F80) == float_of(0x3F800000u));
}

static void unaligned_reads_are_little_endian(void **state) {
    (void)state;
    static const uint8_t bytes[] = {9, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x80, 0x3F};
    assert_int_equal(wm_read_u16(bytes + 1), 0x0201);
    assert_int_equal(wm_read_u32(bytes + 1), 0x04030201);
    assert_int_equal(wm_read_u64(bytes + 1), UINT64_C(0x0807060504030201));
    assert_true(wm_read_f32(bytes + 9) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_and_products_do_not_wrap),
        cmocka_unit_test(error_text_is_formatted),
        cmocka_unit_test(error_text_is_cut_between_characters),
        cmocka_unit_test(every_status_has_a_name),
        cmocka_unit_test(spans_compare),
        cmocka_unit_test(hashes_spread),
        cmocka_unit_test(halves_widen_exactly),
        cmocka_unit_test(unaligned_reads_are_little_endian),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
