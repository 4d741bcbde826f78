// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/token/vocabulary.h"

enum { NAME = 48 }; // 12 blocks of 4 letters or digits

static uint32_t fnv(uint32_t hash, const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

static void write_block(uint32_t number, uint8_t *to) {
    for (size_t i = 0; i < 4; i++, number /= 36)
        to[i] = (uint8_t)"abcdefghijklmnopqrstuvwxyz0123456789"[number % 36];
}

// Two blocks that take `hash` to one and the same state, which is returned.
static uint32_t find_collision(uint32_t hash, uint8_t blocks[2][4]) {
    static uint32_t numbers[1 << 20]; // by the state's low bits, number + 1
    memset(numbers, 0, sizeof numbers);
    for (uint32_t number = 0; number < 36 * 36 * 36 * 36; number++) {
        write_block(number, blocks[0]);
        uint32_t state = fnv(hash, blocks[0], 4), *slot = &numbers[state & ((1 << 20) - 1)];
        if (*slot) {
            write_block(*slot - 1, blocks[1]);
            if (fnv(hash, blocks[1], 4) == state) return state;
        }
        *slot = number + 1;
    }
    fail_msg("no collision");
    return 0;
}

// As many names of one hash as an attacker likes: each block is one of two that do not differ.
static void names_chosen_to_collide_are_refused(void **state) {
    (void)state;
    static uint8_t blocks[NAME / 4][2][4], names[1 << (NAME / 4)][NAME];
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < NAME / 4; i++) hash = find_collision(hash, blocks[i]);
    for (uint32_t name = 0; name < WM_COUNT(names); name++) {
        for (size_t i = 0; i < NAME / 4; i++)
            memcpy(names[name] + 4 * i, blocks[i][name >> i & 1], 4);
        assert_int_equal(fnv(2166136261u, names[name], NAME), hash);
    }
    wm_arena arena;
    wm_vocabulary vocabulary;
    wm_error error;
    wm_arena_init(&arena, NULL);
    assert_int_equal(
        wm_vocabulary_init(&vocabulary, &arena, WM_COUNT(names), WM_COUNT(names), &error), WM_OK);
    for (uint32_t i = 0; i < WM_COUNT(names); i++) {
        assert_true(wm_vocabulary_add(&vocabulary, (wm_span){names[i], NAME}, i));
        if (i < WM_LIMIT_PROBES) assert_int_equal(wm_vocabulary_check(&vocabulary, &error), WM_OK);
    }
    assert_true(vocabulary.count < 2 * WM_LIMIT_PROBES);
    assert_int_equal(wm_vocabulary_check(&vocabulary, &error), WM_ERROR_LIMIT);
    assert_int_equal(wm_vocabulary_index(&vocabulary, &arena, &error), WM_ERROR_LIMIT);
    wm_arena_free(&arena);
}

static wm_span number_name(uint32_t number, uint8_t *to) {
    size_t n = 0;
    do to[n++] = (uint8_t)('0' + number % 10);
    while (number /= 10);
    return (wm_span){to, n};
}

static void usual_names_are_found(void **state) {
    (void)state;
    enum { COUNT = 30000 };
    static uint8_t names[COUNT][6];
    wm_arena arena;
    wm_vocabulary vocabulary;
    wm_error error;
    uint8_t name[10];
    wm_arena_init(&arena, NULL);
    assert_int_equal(wm_vocabulary_init(&vocabulary, &arena, COUNT, COUNT, &error), WM_OK);
    for (uint32_t i = 0; i < COUNT; i++)
        assert_true(wm_vocabulary_add(&vocabulary, number_name(i, names[i]), i));
    assert_int_equal(wm_vocabulary_index(&vocabulary, &arena, &error), WM_OK);
    for (uint32_t i = 0; i < COUNT; i++) {
        wm_span text = number_name(i, name), half = {name, text.n / 2};
        wm_span rest = {name + half.n, text.n - half.n};
        assert_int_equal(wm_vocabulary_find_joined(&vocabulary, half, rest), i);
        assert_int_equal(wm_vocabulary_find_joined(&vocabulary, text, WM_TEXT("x")), -1);
    }
    assert_int_equal(wm_vocabulary_find_joined(&vocabulary, WM_TEXT(""), WM_TEXT("")), -1);
    wm_walk walk = wm_walk_from(&vocabulary, WM_TEXT(""), WM_TEXT("12"));
    assert_int_equal(wm_walk_next(&walk), 1);
    assert_int_equal(wm_walk_next(&walk), 21);
    assert_int_equal(wm_walk_next(&walk), -1);
    wm_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_chosen_to_collide_are_refused),
        cmocka_unit_test(usual_names_are_found),
    };
    return cmocka_run_group_tests_name("vocabulary", tests, NULL, NULL);
}
