// SPDX-License-Identifier: MIT OR Apache-2.0
// The harness itself: files, counted allocations.
#include "harness.h"

static void files_are_read_whole(void **state) {
    (void)state;
    wm_span version = test_file("VERSION");
    assert_true(version.n >= 5);
    assert_memory_equal(version.p, WM_VERSION, strlen(WM_VERSION));
}

static void one_allocation_fails(void **state) {
    (void)state;
    wm_allocator allocator = test_failing_allocator(2);
    void *first = allocator.allocate(allocator.context, 0);
    assert_non_null(first);
    assert_null(allocator.allocate(allocator.context, 1));
    void *third = allocator.allocate(allocator.context, 100);
    assert_non_null(third);
    assert_int_equal(test_live_allocations(), 2);
    allocator.release(allocator.context, first);
    allocator.release(allocator.context, third);
    assert_int_equal(test_live_allocations(), 0);
}

static void near_takes_equal_infinities(void **state) {
    (void)state;
    double infinity = 1e308 * 10;
    assert_near(infinity, infinity, 0);
    assert_near(1.0, 1.5, 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_whole),
        cmocka_unit_test(one_allocation_fails),
        cmocka_unit_test(near_takes_equal_infinities),
    };
    return cmocka_run_group_tests_name("harness", tests, NULL, NULL);
}
