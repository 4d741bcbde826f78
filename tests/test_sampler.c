// SPDX-License-Identifier: MIT OR Apache-2.0
#include "gen_cases.h"
#include "../src/base/maths.h"

enum { MOST = 300000 };

// ---- Equal to transformers ----------------------------------------------------------------------

static void check_case(wm_json line, int number, float *logits, float *want, int32_t *ids) {
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_error error;
    wm_sampler sampler;
    wm_token_rules rules;
    size_t V = read_floats(logits, MOST, wm_json_get(line, "logits"));
    size_t count = read_integers(ids, MOST, wm_json_get(line, "ids"));
    size_t prompt = (size_t)number_of(wm_json_get(line, "prompt"), 0);
    wm_generate_options options = read_options(wm_json_get(line, "options"), &rules, V, &arena);
    if (wm_sampler_init(&sampler, &options, &rules, V, &arena, &error))
        fail_msg("line %d: %s", number, error.text);
    wm_sampler_begin(&sampler, prompt, 1 << 20, 0);

    wm_sampler_process(&sampler, logits, ids, count);
    assert_int_equal(read_floats(want, MOST, wm_json_get(line, "processed")), V);
    for (size_t i = 0; i < V; i++)
        if (logits[i] != want[i])
            fail_msg("line %d: processors: token %d: %g, not %g", number, (int)i, (double)logits[i],
                     (double)want[i]);

    (void)read_floats(logits, MOST, wm_json_get(line, "logits"));
    int32_t id;
    if (wm_sampler_next(&sampler, logits, ids, count, &id, &error))
        fail_msg("line %d: %s", number, error.text);
    size_t kept = read_integers(ids, MOST, wm_json_get(line, "kept")),
           n = (size_t)(sampler.end - sampler.candidates);
    if (kept != n) fail_msg("line %d: %d tokens are left, not %d", number, (int)n, (int)kept);
    (void)read_floats(want, MOST, wm_json_get(line, "scores"));
    (void)read_floats(logits, MOST, wm_json_get(line, "probabilities"));
    double total = 0;
    bool found = false;
    for (size_t i = 0; i < n; i++) total += (double)sampler.candidates[i].weight;
    for (size_t i = 0; i < n; i++) {
        const wm_candidate *candidate = &sampler.candidates[i];
        found |= candidate->id == id;
        if (candidate->id != ids[i])
            fail_msg("line %d: token %d is left, not %d", number, (int)candidate->id, (int)ids[i]);
        if (sampler.options.typical_p == 1 && candidate->score != want[i])
            fail_msg("line %d: token %d has %g, not %g", number, (int)ids[i],
                     (double)candidate->score, (double)want[i]);
        assert_near((double)candidate->weight / total, (double)logits[i], 1e-6);
    }
    assert_true(found);
    wm_arena_free(&arena);
}

static void scores_are_those_of_transformers(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    float *logits = wm_arena_alloc(&arena, MOST, sizeof *logits),
          *want = wm_arena_alloc(&arena, MOST, sizeof *want);
    int32_t *ids = wm_arena_alloc(&arena, MOST, sizeof *ids);
    wm_span rest = test_file("tests/vectors/samplers.jsonl");
    int lines = 0;
    for (wm_json line; wm_json_present(line = next_line(&rest)); lines++)
        check_case(line, lines + 1, logits, want, ids);
    assert_true(lines >= 100);
    wm_arena_free(&arena);
}

// ---- Draws --------------------------------------------------------------------------------------

static wm_status start(wm_sampler *sampler, const wm_generate_options *options, size_t V,
                       wm_arena *arena) {
    wm_error error;
    wm_arena_init(arena, NULL);
    wm_status status = wm_sampler_init(sampler, options, NULL, V, arena, &error);
    wm_sampler_begin(sampler, 1, 1 << 20, 0);
    return status;
}

static const float some_logits[] = {0.5f, -1.25f, 2.0f,  1.0f,  -3.0f,
                                    0.0f, 1.75f,  -0.5f, 0.25f, -7.0f};
enum { SOME = WM_COUNT(some_logits) };

// How far the frequencies of draws are from the probabilities, as chi-square with 7 degrees of
// freedom.
static double chi_square(bool streams) {
    wm_generate_options options = {
        .size = sizeof options, .temperature = 0.8, .top_k = 8, .seed = 42};
    wm_sampler sampler;
    wm_arena arena;
    assert_int_equal(start(&sampler, &options, SOME, &arena), WM_OK);
    enum { DRAWS = 100000 };
    int32_t *ids = wm_arena_alloc(&arena, DRAWS, sizeof *ids), id;
    memset(ids, 0, DRAWS * sizeof *ids);
    double counts[SOME] = {0}, expected[SOME], total = 0, sum = 0;
    for (uint32_t n = 0; n < DRAWS; n++) {
        float logits[SOME];
        memcpy(logits, some_logits, sizeof logits);
        wm_sampler_begin(&sampler, 1, 1 << 20, streams ? n : 0);
        assert_int_equal(wm_sampler_next(&sampler, logits, ids, streams ? 1 : 1 + n, &id, NULL),
                         WM_OK);
        counts[id]++;
    }
    for (int i = 0; i < SOME; i++)
        total += expected[i] = i == 4 || i == 9 ? 0 : wm_exp((double)some_logits[i] / 0.8);
    for (int i = 0; i < SOME; i++) {
        double want = expected[i] / total * (double)DRAWS, off = counts[i] - want;
        if (expected[i] > 0)
            sum += off * off / want;
        else
            assert_true(counts[i] == 0);
    }
    wm_arena_free(&arena);
    return sum;
}

static void frequencies_are_the_probabilities(void **state) {
    (void)state;
    assert_true(chi_square(false) < 24.3); // one right sampler in a thousand exceeds it
    assert_true(chi_square(true) < 24.3);
}

static void draw_many(int32_t *to, int count, const wm_generate_options *options, uint32_t stream) {
    wm_sampler sampler;
    wm_arena arena;
    assert_int_equal(start(&sampler, options, SOME, &arena), WM_OK);
    wm_sampler_begin(&sampler, 1, 1 << 20, stream);
    for (int n = 0; n < count; n++) {
        float logits[SOME];
        memcpy(logits, some_logits, sizeof logits);
        assert_int_equal(wm_sampler_next(&sampler, logits, to, (size_t)n + 1, &to[n + 1], NULL),
                         WM_OK);
    }
    wm_arena_free(&arena);
}

static void a_seed_repeats_itself(void **state) {
    (void)state;
    static const int32_t known[] = {3, 7, 6, 3, 2, 6, 6, 2, 2, 2, 8, 6,
                                    3, 6, 2, 2, 2, 7, 7, 6, 2, 0, 0, 3};
    int32_t first[41] = {0}, again[41] = {0}, other[41] = {0}, stream[41] = {0};
    wm_generate_options options = {
        .size = sizeof options, .do_sample = WM_ON, .seed = UINT64_C(1) << 60};
    draw_many(first, 40, &options, 0);
    draw_many(again, 40, &options, 0);
    draw_many(stream, 40, &options, 1);
    options.seed++;
    draw_many(other, 40, &options, 0);
    assert_memory_equal(first, again, sizeof first);
    assert_true(memcmp(first, stream, sizeof first) != 0);
    assert_true(memcmp(first, other, sizeof first) != 0);
    assert_memory_equal(first + 1, known,
                        sizeof known); // the same on every platform, and in every version
}

// One step from some_logits, its first ones changed.
static wm_status step(const wm_generate_options *options, const float *changed, size_t n,
                      int32_t *id) {
    wm_sampler sampler;
    wm_arena arena;
    wm_error error;
    float logits[SOME];
    memcpy(logits, some_logits, sizeof logits);
    if (n) memcpy(logits, changed, n * sizeof *logits);
    assert_int_equal(start(&sampler, options, SOME, &arena), WM_OK);
    wm_status status = wm_sampler_next(&sampler, logits, &(int32_t){0}, 1, id, &error);
    wm_arena_free(&arena);
    return status;
}

static void greedy_takes_the_first_of_equals(void **state) {
    (void)state;
    int32_t id = -1;
    wm_generate_options options = {.size = sizeof options};
    assert_int_equal(step(&options, NULL, 0, &id), WM_OK);
    assert_int_equal(id, 2);
    assert_int_equal(step(&options, (float[]){0, 2}, 2, &id), WM_OK);
    assert_int_equal(id, 1);
    options.temperature = 1.5; // switched off by do_sample
    options.do_sample = WM_OFF;
    assert_int_equal(step(&options, NULL, 0, &id), WM_OK);
    assert_int_equal(id, 2);
}

static void tiny_temperatures_are_greedy(void **state) {
    (void)state;
    const double temperatures[] = {1e-30, 1e-38, 1e-45, 1e-60, 5e-324};
    for (size_t i = 0; i < WM_COUNT(temperatures); i++) {
        wm_generate_options options = {
            .size = sizeof options, .temperature = temperatures[i], .top_p = 0.9, .typical_p = 0.9};
        int32_t id = -1;
        assert_int_equal(step(&options, NULL, 0, &id), WM_OK);
        assert_int_equal(id, 2);
        assert_int_equal(
            step(&options, (float[]){-1, -1, -0.0f, -9, -9, -9, -9, -9, -9, -9}, 10, &id), WM_OK);
        assert_int_equal(id, 2);
    }
}

static void logits_without_a_choice_are_refused(void **state) {
    (void)state;
    const float nan[] = {WM_NAN}, infinite[] = {0, WM_INFINITY}, none = -WM_INFINITY;
    const float all[] = {none, none, none, none, none, none, none, none, none, none};
    wm_sequence_bias bans[SOME];
    int32_t numbers[SOME];
    for (int i = 0; i < SOME; i++)
        numbers[i] = i, bans[i] = (wm_sequence_bias){&numbers[i], 1, none};
    for (int draws = 0; draws < 2; draws++) {
        wm_generate_options options = {.size = sizeof options, .top_k = draws ? 3 : 0};
        int32_t id = -1;
        assert_int_equal(step(&options, nan, 1, &id), WM_ERROR_NUMERIC);
        assert_int_equal(step(&options, infinite, 2, &id), WM_ERROR_NUMERIC);
        assert_int_equal(step(&options, all, SOME, &id), WM_ERROR_NUMERIC);
        assert_int_equal(id, -1);
        options.sequence_bias = bans;
        options.sequence_bias_count = SOME - 1;
        assert_int_equal(step(&options, NULL, 0, &id), WM_OK);
        assert_int_equal(id, SOME - 1);
        options.sequence_bias_count = SOME;
        assert_int_equal(step(&options, NULL, 0, &id), WM_ERROR_NUMERIC);
    }
}

// What the vectors do not happen to hold.
static void the_edges_of_processors(void **state) {
    (void)state;
    const int32_t sequence[] = {4, 7, 2}, ids[] = {4, 7, 1}, three[] = {3};
    wm_sequence_bias bias = {sequence, 3, 1};
    wm_token_rules rules = {.forced_bos = {three, 1}, .begin_suppress = {ids, 1}};
    wm_generate_options options = {
        .size = sizeof options, .top_k = 2, .sequence_bias = &bias, .sequence_bias_count = 1};
    wm_sampler sampler;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    assert_int_equal(wm_sampler_init(&sampler, &options, &rules, SOME, &arena, NULL), WM_OK);
    // The sequence's beginning is all there is: transformers leaves it alone.
    float scores[SOME] = {0};
    wm_sampler_begin(&sampler, 2, 100, 0);
    wm_sampler_process(&sampler, scores, ids, 2);
    assert_true(scores[2] == 0);
    assert_true(scores[4] == -WM_INFINITY); // begin_suppress, after a prompt of two
    scores[4] = 0;
    wm_sampler_process(&sampler, scores, (int32_t[]){0, 4, 7}, 3);
    assert_true(scores[2] == 1 && scores[4] == 0);
    // A prompt of one: the first token is forced, the second may not be what begin_suppress says.
    wm_sampler_begin(&sampler, 1, 100, 0);
    wm_sampler_process(&sampler, scores, ids, 1);
    assert_true(scores[3] == 0 && scores[4] == -WM_INFINITY && scores[2] == -WM_INFINITY);
    memset(scores, 0, sizeof scores);
    wm_sampler_process(&sampler, scores, ids, 2);
    assert_true(scores[3] == 0 && scores[4] == -WM_INFINITY && scores[5] == 0);
    // Zeros of both signs are equal: all three of them stay among the best two.
    int32_t id;
    float zeros[SOME] = {-1, 0, -0.0f, -1, -1, 0, -1, -1, -1, -1};
    assert_int_equal(wm_sampler_next(&sampler, zeros, ids, 3, &id, NULL), WM_OK);
    assert_int_equal(sampler.end - sampler.candidates, 3);
    wm_arena_free(&arena);
}

// A vocabulary of the largest models, with logits in the worst orders.
static void large_vocabularies(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    size_t V = 262144;
    float *logits = wm_arena_alloc(&arena, V, sizeof *logits);
    for (int kind = 0; kind < 3; kind++) {
        wm_generate_options options = {
            .size = sizeof options, .top_p = 0.5, .top_k = kind == 2 ? 100 : 0};
        wm_sampler sampler;
        wm_arena own;
        assert_int_equal(start(&sampler, &options, V, &own), WM_OK);
        for (size_t i = 0; i < V; i++)
            logits[i] = kind == 0 ? 1 : kind == 1 ? (float)i / -1e14f : (float)(i % 1000);
        int32_t id = -1;
        assert_int_equal(wm_sampler_next(&sampler, logits, &(int32_t){0}, 1, &id, NULL), WM_OK);
        // All equal or falling: the first half. The 262 that share the best score all stay in the
        // top 100, then half of them.
        assert_int_equal(sampler.end - sampler.candidates, kind == 2 ? 131 : V / 2);
        assert_int_equal(sampler.candidates[0].id, kind == 2 ? 999 : 0);
        wm_arena_free(&own);
    }
    wm_arena_free(&arena);
}

static void a_sequence_ends(void **state) {
    (void)state;
    const int32_t eos[] = {3, 5}, ids[] = {5, 1, 3, 4};
    wm_generate_options options = {
        .size = sizeof options, .max_new_tokens = 3, .eos_ids = eos, .eos_count = 2};
    wm_sampler sampler;
    wm_arena arena;
    assert_int_equal(start(&sampler, &options, SOME, &arena), WM_OK);
    wm_sampler_begin(&sampler, 1, 100, 0);
    assert_int_equal(wm_sampler_finish(&sampler, ids, 1), WM_FINISH_NONE); // an eos of the prompt
    assert_int_equal(wm_sampler_finish(&sampler, ids, 2), WM_FINISH_NONE);
    assert_int_equal(wm_sampler_finish(&sampler, ids, 3), WM_FINISH_EOS);
    assert_int_equal(wm_sampler_finish(&sampler, ids, 4), WM_FINISH_LENGTH);
    wm_sampler_begin(&sampler, 1, 1, 0); // the context is full before
    assert_int_equal(wm_sampler_finish(&sampler, ids, 2), WM_FINISH_LENGTH);
    wm_sampler_begin(&sampler, 4, 0, 0);
    assert_int_equal(wm_sampler_finish(&sampler, ids, 4), WM_FINISH_LENGTH);
    wm_arena_free(&arena);
}

static void a_failed_allocation_is_survived(void **state) {
    (void)state;
    const uint64_t limits[] = {1, 5 << 20}; // none of the two arrays, the first alone
    for (size_t i = 0; i < WM_COUNT(limits); i++) {
        wm_budget budget = {.host = test_failing_allocator(0), .limit = limits[i]};
        wm_allocator host = wm_budget_allocator(&budget);
        wm_arena arena;
        wm_arena_init(&arena, &host);
        wm_sampler sampler;
        wm_generate_options options = {
            .size = sizeof options, .top_p = 0.5, .repetition_penalty = 2};
        assert_int_equal(wm_sampler_init(&sampler, &options, NULL, 1 << 20, &arena, NULL),
                         WM_ERROR_NOMEM);
        wm_arena_free(&arena);
        assert_int_equal(test_live_allocations(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_transformers),
        cmocka_unit_test(frequencies_are_the_probabilities),
        cmocka_unit_test(a_seed_repeats_itself),
        cmocka_unit_test(greedy_takes_the_first_of_equals),
        cmocka_unit_test(tiny_temperatures_are_greedy),
        cmocka_unit_test(logits_without_a_choice_are_refused),
        cmocka_unit_test(the_edges_of_processors),
        cmocka_unit_test(large_vocabularies),
        cmocka_unit_test(a_sequence_ends),
        cmocka_unit_test(a_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
