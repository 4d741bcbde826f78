// SPDX-License-Identifier: MIT OR Apache-2.0
// What every test stands on. Natively it is cmocka; as wasm, and with WM_TEST_BARE, the few names of
// cmocka that the tests use are macros over functions of the host (tests/run_wasm.mjs, bare_host.c). Tests run at the
// repository's root.
#ifndef WM_HARNESS_H
#define WM_HARNESS_H

#include "../src/base/base.h"

#include <stdarg.h>

#if !defined(__wasm__) && !defined(WM_TEST_BARE)

#include <setjmp.h>
#include <cmocka.h>

#define assert_near(got, want, tolerance) test_near((got), (want), (tolerance), __FILE__, __LINE__)

#else

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};

#define cmocka_unit_test(function) {#function, function}
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    test_group((name), (tests), WM_COUNT(tests), (setup), (teardown))

#define fail_msg(...) test_fail(__FILE__, __LINE__, __VA_ARGS__)
#define print_message(...) test_print(__VA_ARGS__)
#define skip() test_skip()

#define assert_true(value) test_true(!!(value), #value, __FILE__, __LINE__)
#define assert_false(value) test_true(!(value), "!(" #value ")", __FILE__, __LINE__)
#define assert_null(pointer) test_true((pointer) == NULL, #pointer " == NULL", __FILE__, __LINE__)
#define assert_non_null(pointer) \
    test_true((pointer) != NULL, #pointer " != NULL", __FILE__, __LINE__)
#define assert_int_equal(a, b) \
    test_int((unsigned long long)(a), (unsigned long long)(b), true, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) \
    test_int((unsigned long long)(a), (unsigned long long)(b), false, __FILE__, __LINE__)
#define assert_string_equal(a, b) test_string((a), (b), __FILE__, __LINE__)
#define assert_memory_equal(a, b, size) test_memory((a), (b), (size), __FILE__, __LINE__)
#define assert_near(got, want, tolerance) test_near((got), (want), (tolerance), __FILE__, __LINE__)

int test_group(const char *name, const struct CMUnitTest *tests, size_t count, void *setup,
               void *teardown);
_Noreturn void test_fail(const char *file, int line, const char *format, ...);
_Noreturn void test_skip(void);
void test_print(const char *format, ...);
void test_true(bool value, const char *text, const char *file, int line);
void test_int(unsigned long long a, unsigned long long b, bool equal, const char *file, int line);
void test_string(const char *a, const char *b, const char *file, int line);
void test_memory(const void *a, const void *b, size_t size, const char *file, int line);

// Clang renames a wasm's main by its signature.
#define main test_main
#ifdef __wasm__
__attribute__((export_name("main")))
#endif
int test_main(void);

#endif

// |got - want| <= tolerance; a NaN is near to nothing but a NaN, an infinity only to itself.
// Called as assert_near(got, want, tolerance).
void test_near(double got, double want, double tolerance, const char *file, int line);

// A whole file, its path relative to the repository's root. Fails the test if there is none.
// The memory is kept until exit and is no part of test_live_allocations.
wm_span test_file(const char *path);

// malloc and free, counted; the n-th allocation from now (the first is 1) gives NULL, all others
// succeed. n < 0: the |n|-th and all after it fail. 0: none fails. Only the newest one counts.
wm_allocator test_failing_allocator(long n);

// How many blocks that test_failing_allocator gave have not been released.
size_t test_live_allocations(void);

#endif
