// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"
#include "../src/base/maths.h"

static uint64_t hex(wm_span *rest) {
    uint64_t value = 0;
    for (; rest->n && *rest->p != ' ' && *rest->p != '\n'; rest->p++, rest->n--)
        value = value << 4 | (uint64_t)(*rest->p <= '9' ? *rest->p - '0' : *rest->p - 'a' + 10);
    rest->p++, rest->n--;
    return value;
}

// Doubles as integers in their order, so that neighbours differ by one.
static int64_t ordinal(uint64_t bits) {
    return bits >> 63 ? -(int64_t)(bits & INT64_MAX) : (int64_t)bits;
}

static double number(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double call(uint8_t name, double x, double y) {
    switch (name) {
    case 'e': return wm_exp(x);
    case 'l': return wm_log(x);
    case 'p': return wm_pow(x, y);
    case 's': return wm_sin(x);
    default: return wm_cos(x);
    }
}

static void results_are_within_one_ulp(void **state) {
    (void)state;
    wm_span rest = test_file("tests/vectors/maths.txt");
    size_t lines = 0;
    for (; rest.n; lines++) {
        uint8_t name = rest.p[0];
        rest.p += 4, rest.n -= 4;
        uint64_t x = hex(&rest), y = hex(&rest), want = hex(&rest);
        double got = call(name, number(x), number(y));
        int64_t distance = ordinal(wm_read_u64(&got)) - ordinal(want), bound = 1;
        if (distance < 0) distance = -distance;
        double exponent = number(want) > 0 ? wm_log(number(want)) : 1000;
        if (name == 'p' && !(exponent < 32 && exponent > -32)) bound = 16;
        if (distance > bound)
            fail_msg("line %d: %d ulp off", (int)lines + 1, (int)WM_MIN(distance, 1000000));
    }
    assert_true(lines > 1500);
}

static void the_ends_of_the_range(void **state) {
    (void)state;
    double infinity = (double)__builtin_inff(), nan = (double)__builtin_nanf("");
    assert_near(wm_exp(infinity), infinity, 0);
    assert_near(wm_exp(-infinity), 0, 0);
    assert_near(wm_exp(nan), nan, 0);
    assert_near(wm_log(0), -infinity, 0);
    assert_near(wm_log(infinity), infinity, 0);
    assert_near(wm_log(-1), nan, 0);
    assert_near(wm_log(nan), nan, 0);
    assert_near(wm_pow(0, 2), nan, 0);
    assert_near(wm_pow(2, nan), nan, 0);
    assert_near(wm_pow(2, infinity), infinity, 0);
    assert_near(wm_pow(2, -infinity), 0, 0);
    assert_near(wm_pow(2, 1e300), infinity, 0);
    assert_near(wm_pow(7, 0), 1, 0);
    assert_near(wm_pow(7, 1e-300), 1, 0);
    assert_near(wm_sin(infinity), nan, 0);
    assert_near(wm_cos(nan), nan, 0);
    assert_near(wm_sin(1e300), nan, 0);
    assert_near(wm_cos(0), 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_are_within_one_ulp),
        cmocka_unit_test(the_ends_of_the_range),
    };
    return cmocka_run_group_tests_name("maths", tests, NULL, NULL);
}
