// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/arena.h"

static void memory_is_aligned_apart_and_freed_at_once(void **state) {
    (void)state;
    wm_allocator host = test_failing_allocator(0);
    wm_arena arena;
    wm_arena_init(&arena, &host);
    assert_int_equal(test_live_allocations(), 0);
    uint8_t *pieces[200];
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = wm_arena_alloc(&arena, i * 37 % 1000, 1 + i % 3);
        assert_non_null(pieces[i]);
        assert_int_equal((uintptr_t)pieces[i] % 64, 0);
        memset(pieces[i], (int)i, i * 37 % 1000 * (1 + i % 3));
    }
    for (size_t i = 0; i < 200; i++)
        for (size_t j = 0; j < i * 37 % 1000 * (1 + i % 3); j++)
            if (pieces[i][j] != (uint8_t)i) fail_msg("piece %d was overwritten", (int)i);
    assert_true(test_live_allocations() > 0 && test_live_allocations() < 20);
    wm_arena_free(&arena);
    assert_int_equal(arena.bytes, 0);
    assert_int_equal(test_live_allocations(), 0);
    wm_arena_free(&arena); // of an empty one: nothing
}

static void a_large_request_wastes_nothing(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    assert_non_null(wm_arena_alloc(&arena, 1000000, 1));
    assert_true(arena.bytes >= 1000000 && arena.bytes < 1000000 + 256);
    wm_arena_free(&arena);
}

static void reset_goes_back_to_the_mark(void **state) {
    (void)state;
    wm_allocator host = test_failing_allocator(0);
    wm_arena arena;
    wm_arena_init(&arena, &host);
    wm_mark empty = wm_arena_mark(&arena);
    uint8_t *kept = wm_arena_alloc(&arena, 100, 1);
    memset(kept, 7, 100);
    wm_mark mark = wm_arena_mark(&arena);
    uint64_t bytes = arena.bytes;
    uint8_t *first = wm_arena_alloc(&arena, 100, 1);
    for (size_t i = 0; i < 50; i++) assert_non_null(wm_arena_alloc(&arena, 10000, 1));
    wm_arena_reset(&arena, mark);
    assert_int_equal(arena.bytes, bytes);
    assert_int_equal(test_live_allocations(), 1);
    assert_true(wm_arena_alloc(&arena, 100, 1) == first);
    for (size_t i = 0; i < 100; i++) assert_int_equal(kept[i], 7);
    wm_arena_reset(&arena, empty);
    assert_int_equal(arena.bytes, 0);
    assert_int_equal(test_live_allocations(), 0);
    wm_arena_free(&arena);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    static const uint64_t sizes[][2] = {
        {UINT64_MAX, 1},
        {1, UINT64_MAX},
        {UINT64_MAX, UINT64_MAX},
        {UINT64_C(1) << 32, UINT64_C(1) << 32},
        {UINT64_MAX / 2 + 1, 2},
        {UINT64_MAX - 62, 1}, // rounding up would wrap
        {UINT64_MAX - 127, 1},
        {(uint64_t)SIZE_MAX + 1, 1},
        {SIZE_MAX, 1},
        {SIZE_MAX - 200, 1},
        {SIZE_MAX / 2, 1},
    };
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    for (size_t i = 0; i < WM_COUNT(sizes); i++) {
        if (!sizes[i][0]) continue; // SIZE_MAX + 1 is 0 with 64 bits
        assert_null(wm_arena_alloc(&arena, sizes[i][0], sizes[i][1]));
        assert_int_equal(arena.bytes, 0);
    }
    assert_non_null(wm_arena_alloc(&arena, 0, 0));
    assert_non_null(wm_arena_alloc(&arena, 0, UINT64_MAX));
    uint64_t *array;
    wm_error error = {0};
    assert_int_equal(WM_ALLOC(&arena, array, UINT64_C(1) << 62, &error), WM_ERROR_NOMEM);
    assert_null(array);
    static const char wanted[] = "out of memory: 18446744073709551615 bytes wanted, ";
    assert_memory_equal(error.text, wanted, sizeof wanted - 1);
    assert_int_equal(WM_ALLOC(&arena, array, 100, &error), WM_OK);
    array[99] = 1;
    wm_arena_free(&arena);
}

static void a_failed_allocation_changes_nothing(void **state) {
    (void)state;
    wm_allocator host = test_failing_allocator(-2);
    wm_arena arena;
    wm_arena_init(&arena, &host);
    uint8_t *small = wm_arena_alloc(&arena, 10, 1);
    assert_non_null(small);
    uint64_t bytes = arena.bytes;
    assert_null(wm_arena_alloc(&arena, 1 << 17, 1));
    assert_int_equal(arena.bytes, bytes);
    assert_true(wm_arena_alloc(&arena, 10, 1) == small + 64);
    wm_arena_free(&arena);
    assert_int_equal(test_live_allocations(), 0);
}

static void a_budget_counts_and_refuses(void **state) {
    (void)state;
    wm_budget budget = {.host = test_failing_allocator(0), .limit = 200000};
    wm_allocator host = wm_budget_allocator(&budget);
    wm_arena one, two;
    wm_arena_init(&one, &host);
    wm_arena_init(&two, &host);
    assert_non_null(wm_arena_alloc(&one, 90000, 1));
    assert_non_null(wm_arena_alloc(&two, 90000, 1));
    assert_int_equal(budget.used, one.bytes + two.bytes);
    assert_null(wm_arena_alloc(&two, 90000, 1));
    assert_int_equal(budget.used, one.bytes + two.bytes);
    wm_arena_free(&one);
    assert_int_equal(budget.used, two.bytes);
    assert_non_null(wm_arena_alloc(&two, 90000, 1));
    assert_null(host.allocate(host.context, SIZE_MAX));
    assert_null(host.allocate(host.context, SIZE_MAX - 64));
    wm_arena_free(&two);
    assert_int_equal(budget.used, 0);
    assert_int_equal(test_live_allocations(), 0);
    budget.limit = 0;
    assert_non_null(wm_arena_alloc(&two, 1000000, 1));
    wm_arena_free(&two);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_apart_and_freed_at_once),
        cmocka_unit_test(a_large_request_wastes_nothing),
        cmocka_unit_test(reset_goes_back_to_the_mark),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
        cmocka_unit_test(a_budget_counts_and_refuses),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
