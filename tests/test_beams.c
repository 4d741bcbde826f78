// SPDX-License-Identifier: MIT OR Apache-2.0
// Greedy and beam search over a toy language model: the logits are the row (5 · last id + number of
// ids) mod rows of a table.
#include "gen_cases.h"
#include "../src/gen/beams.h"

enum { ROWS = 29, MOST_V = 64, TABLES = 8 };

typedef struct toy {
    float table[ROWS * MOST_V];
    size_t V;
} toy;

static void toy_logits(float *logits, const toy *model, const int32_t *ids, size_t count) {
    size_t row = (5 * (size_t)ids[count - 1] + count) % ROWS;
    memcpy(logits, model->table + row * model->V, model->V * sizeof *logits);
}

static void compare(const int32_t *ids, size_t count, wm_json want, int number) {
    int32_t expected[64];
    size_t n = read_integers(expected, 64, want);
    if (n != count || memcmp(ids, expected, n * sizeof *ids))
        fail_msg("line %d: another sequence", number);
}

static void check_greedy(wm_sampler *sampler, const toy *model, const int32_t *prompt, size_t count,
                         wm_json line, int number) {
    int32_t ids[64];
    float logits[MOST_V];
    size_t start = count;
    memcpy(ids, prompt, count * sizeof *ids);
    while (!wm_sampler_finish(sampler, ids, count)) {
        toy_logits(logits, model, ids, count);
        assert_int_equal(wm_sampler_next(sampler, logits, ids, count, &ids[count], NULL), WM_OK);
        count++;
    }
    wm_json_iter sequence = wm_json_each(wm_json_get(line, "sequences"));
    wm_json_next(&sequence);
    compare(ids + start, count - start, sequence.value, number);
}

static void check_beams(wm_sampler *sampler, const toy *model, const int32_t *prompt, wm_json line,
                        int number, wm_arena *arena) {
    wm_beams beams;
    wm_error error;
    float logits[8 * MOST_V], scores[8];
    if (wm_beams_init(&beams, sampler, prompt, arena, &error))
        fail_msg("line %d: %s", number, error.text);
    while (!beams.done) {
        for (uint32_t b = 0; b < beams.rows; b++)
            toy_logits(logits + b * model->V, model, wm_beams_ids(&beams, b), beams.count);
        if (wm_beams_next(&beams, logits, &error)) fail_msg("line %d: %s", number, error.text);
    }
    wm_beams_finish(&beams);
    assert_true(beams.hypothesis_count >= sampler->options.num_return_sequences);
    (void)read_floats(scores, 8, wm_json_get(line, "scores"));
    uint32_t n = 0;
    for (wm_json_iter i = wm_json_each(wm_json_get(line, "sequences")); wm_json_next(&i); n++) {
        compare(beams.hypotheses[n].ids, beams.hypotheses[n].count, i.value, number);
        assert_near(beams.hypotheses[n].score, (double)scores[n],
                    1e-5 * (1 + (double)(scores[n] < 0 ? -scores[n] : scores[n])));
    }
    assert_int_equal(n, sampler->options.num_return_sequences);
}

static void searches_are_those_of_transformers(void **state) {
    (void)state;
    static toy models[TABLES];
    wm_span rest = test_file("tests/vectors/searches.jsonl");
    int lines = 0, tables = 0;
    for (wm_json line; wm_json_present(line = next_line(&rest)); lines++) {
        wm_json table = wm_json_get(line, "rows");
        if (wm_json_present(table)) {
            assert_int_equal(number_of(table, 0), ROWS);
            models[tables].V =
                read_floats(models[tables].table, ROWS * MOST_V, wm_json_get(line, "table")) / ROWS;
            tables++;
            continue;
        }
        const toy *model = &models[(int)number_of(wm_json_get(line, "table"), 0)];
        wm_arena arena;
        wm_arena_init(&arena, NULL);
        int32_t prompt[64];
        size_t count = read_integers(prompt, 64, wm_json_get(line, "prompt"));
        wm_token_rules rules;
        wm_generate_options options =
            read_options(wm_json_get(line, "options"), &rules, model->V, &arena);
        wm_sampler sampler;
        wm_error error;
        if (wm_sampler_init(&sampler, &options, &rules, model->V, &arena, &error))
            fail_msg("line %d: %s", lines + 1, error.text);
        wm_sampler_begin(&sampler, count, 1000, 0);
        if (sampler.options.num_beams > 1)
            check_beams(&sampler, model, prompt, line, lines + 1, &arena);
        else
            check_greedy(&sampler, model, prompt, count, line, lines + 1);
        wm_arena_free(&arena);
    }
    assert_true(lines >= 100);
}

// A search that ends before it has begun, and one that is asked for what it has before its end.
static void a_search_may_end_early(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_generate_options options = {.size = sizeof options, .num_beams = 3};
    wm_sampler sampler;
    wm_beams beams;
    int32_t prompt[] = {1, 2};
    assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 8, &arena, NULL), WM_OK);
    wm_sampler_begin(&sampler, 2, 0, 0);
    assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
    assert_true(beams.done);
    assert_int_equal(wm_beams_next(&beams, NULL, NULL), WM_ERROR_STATE);
    wm_beams_finish(&beams);
    assert_int_equal(beams.hypothesis_count, 0);

    wm_sampler_begin(&sampler, 2, 10, 0);
    assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
    float logits[] = {0, 1, 2, 3, 4, 5, 6, 7};
    assert_int_equal(wm_beams_next(&beams, logits, NULL), WM_OK);
    assert_int_equal(beams.rows, 3);
    for (uint32_t b = 0; b < 3; b++) {
        assert_int_equal(beams.parents[b], 0);
        assert_int_equal(wm_beams_ids(&beams, b)[2], 7 - b);
    }
    wm_beams_finish(&beams);
    assert_int_equal(beams.hypothesis_count, 3);
    assert_int_equal(beams.hypotheses[0].ids[0], 7);
    assert_int_equal(beams.hypotheses[0].finish, WM_FINISH_LENGTH);
    wm_arena_free(&arena);
}

// Of equals the lower beam's, then the lower id's goes first; of complete ones the later.
static void equals_have_an_order(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_generate_options options = {.size = sizeof options, .num_beams = 3, .max_new_tokens = 1};
    wm_sampler sampler;
    wm_beams beams;
    int32_t prompt[] = {1};
    float logits[8] = {0};
    assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 8, &arena, NULL), WM_OK);
    wm_sampler_begin(&sampler, 1, 10, 0);
    assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
    assert_int_equal(wm_beams_next(&beams, logits, NULL), WM_OK);
    for (uint32_t b = 0; b < 3; b++) assert_int_equal(wm_beams_ids(&beams, b)[1], b);
    assert_true(beams.done);
    wm_beams_finish(&beams);
    for (uint32_t i = 0; i < 3; i++) assert_int_equal(beams.hypotheses[i].ids[0], 2 - i);
    wm_arena_free(&arena);
}

// Where bans leave fewer continuations than beams, the result has the sequences that can be.
static void impossible_beams_are_no_result(void **state) {
    (void)state;
    const int32_t after[][2] = {{1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, 0}, {2, 1}, {2, 2}},
                  first[] = {3};
    wm_sequence_bias bans[8] = {
        {first, 1, -2}}; // the first tokens: 0 to 2, but 0 and 3 are unlikely
    for (int i = 0; i < 7; i++) bans[i + 1] = (wm_sequence_bias){after[i], 2, -__builtin_inff()};
    for (uint32_t most = 2; most <= 3; most++) {
        wm_generate_options options = {.size = sizeof options,
                                       .num_beams = 2,
                                       .max_new_tokens = most,
                                       .sequence_bias = bans,
                                       .sequence_bias_count = 8};
        wm_arena arena;
        wm_arena_init(&arena, NULL);
        wm_sampler sampler;
        wm_beams beams;
        int32_t prompt[] = {0};
        assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 4, &arena, NULL), WM_OK);
        wm_sampler_begin(&sampler, 1, 10, 0);
        assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
        while (!beams.done) {
            float logits[8] = {0, 5, 5, 1, 0, 5, 5, 1};
            assert_int_equal(wm_beams_next(&beams, logits, NULL), WM_OK);
        }
        wm_beams_finish(&beams);
        assert_int_equal(beams.hypothesis_count, most == 2 ? 1 : 2); // 2 3, of which two go on
        assert_int_equal(beams.hypotheses[0].ids[0], 2);
        assert_int_equal(beams.hypotheses[0].ids[1], 3);
        wm_arena_free(&arena);
    }
}

static void beams_without_a_choice_are_refused(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_generate_options options = {.size = sizeof options, .num_beams = 2};
    wm_sampler sampler;
    wm_beams beams;
    int32_t prompt[] = {1};
    const float none = -__builtin_inff(), bad[][4] = {{0, __builtin_nanf(""), 1, 2},
                                                      {0, -none, 1, 2},
                                                      {none, none, none, none}};
    assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 4, &arena, NULL), WM_OK);
    wm_sampler_begin(&sampler, 1, 5, 0);
    for (int i = 0; i < 3; i++) {
        float logits[4];
        memcpy(logits, bad[i], sizeof logits);
        assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
        assert_int_equal(wm_beams_next(&beams, logits, NULL), WM_ERROR_NUMERIC);
    }
    int32_t all[] = {0, 1, 2, 3}; // of four tokens, all end the text: nothing could go on
    options.eos_ids = all;
    options.eos_count = 4;
    assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 4, &arena, NULL), WM_OK);
    wm_sampler_begin(&sampler, 1, 5, 0);
    assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_ERROR_LIMIT);
    wm_arena_free(&arena);
}

// Sums of 0 and of -infinity over divisors of 0 and infinity: no NaN, best first.
static void penalties_without_bounds_leave_an_order(void **state) {
    (void)state;
    const double penalties[] = {1e30, -1e30, 3e38, -3e38};
    const float none = -__builtin_inff();
    for (size_t n = 0; n < WM_COUNT(penalties); n++) {
        wm_arena arena;
        wm_arena_init(&arena, NULL);
        wm_generate_options options = {
            .size = sizeof options, .num_beams = 3, .length_penalty = penalties[n]};
        int32_t prompt[] = {1}, eos[] = {2};
        options.eos_ids = eos;
        options.eos_count = 1;
        wm_sampler sampler;
        wm_beams beams;
        assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 8, &arena, NULL), WM_OK);
        wm_sampler_begin(&sampler, 1, 4, 0);
        assert_int_equal(wm_beams_init(&beams, &sampler, prompt, &arena, NULL), WM_OK);
        for (size_t step = 0; !beams.done; step++) { // one token is sure, then the end
            float logits[3 * 8];
            for (size_t i = 0; i < 24; i++) logits[i] = none;
            for (size_t b = 0; b < 3; b++) logits[8 * b + (step ? 2 : 4)] = 5;
            assert_int_equal(wm_beams_next(&beams, logits, NULL), WM_OK);
        }
        wm_beams_finish(&beams);
        assert_true(beams.hypothesis_count > 0);
        for (uint32_t i = 0; i < beams.hypothesis_count; i++)
            assert_true(!i || beams.hypotheses[i].score <= beams.hypotheses[i - 1].score);
        assert_true(beams.hypotheses[0].score == 0);
        wm_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_are_those_of_transformers),
        cmocka_unit_test(a_search_may_end_early),
        cmocka_unit_test(equals_have_an_order),
        cmocka_unit_test(impossible_beams_are_no_result),
        cmocka_unit_test(beams_without_a_choice_are_refused),
        cmocka_unit_test(penalties_without_bounds_leave_an_order),
    };
    return cmocka_run_group_tests_name("beams", tests, NULL, NULL);
}
