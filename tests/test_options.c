// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"
#include "../src/gen/sampler.h"

static wm_status read(wm_generate_options *o, const wm_generate_options *from) {
    wm_error error;
    return wm_generate_options_read(o, from, &error);
}

static void defaults_are_filled_in(void **state) {
    (void)state;
    wm_generate_options o;
    assert_int_equal(read(&o, NULL), WM_OK);
    assert_true(o.temperature == 1 && o.top_p == 1 && o.typical_p == 1 &&
                o.repetition_penalty == 1);
    assert_true(o.length_penalty == 1 && o.num_beams == 1 && o.num_return_sequences == 1);
    assert_int_equal(o.do_sample, WM_OFF);
    wm_generate_options from = {.size = sizeof from, .length_penalty = 1e-300, .top_p = 0.5};
    assert_int_equal(read(&o, &from), WM_OK);
    assert_true(o.length_penalty == 1e-300 && o.top_p == 0.5);
    assert_int_equal(o.do_sample, WM_ON);
    from.do_sample = WM_OFF;
    assert_int_equal(read(&o, &from), WM_OK);
    assert_int_equal(o.do_sample, WM_OFF);
}

static void an_older_caller_knows_fewer_options(void **state) {
    (void)state;
    wm_generate_options o, from;
    memset(&from, 0xFF, sizeof from);
    memset(&from, 0, offsetof(wm_generate_options, min_new_tokens));
    from.size = offsetof(wm_generate_options, min_new_tokens);
    from.max_new_tokens = 7;
    assert_int_equal(read(&o, &from), WM_OK);
    assert_int_equal(o.max_new_tokens, 7);
    assert_int_equal(o.do_sample, WM_OFF);
    from.size = 0;
    assert_int_equal(read(&o, &from), WM_ERROR_ARG);
}

#define REFUSED(code, ...)                                                \
    do {                                                                  \
        wm_generate_options o, from = {.size = sizeof from, __VA_ARGS__}; \
        assert_int_equal(read(&o, &from), code);                          \
    } while (0)

static void bad_numbers_are_refused(void **state) {
    (void)state;
    const double nan = (double)__builtin_nanf(""), infinity = (double)__builtin_inff();
    const uint32_t minus_one = UINT32_MAX, too_large = UINT32_C(1) << 31;
    REFUSED(WM_ERROR_ARG, .max_new_tokens = minus_one);
    REFUSED(WM_ERROR_ARG, .max_new_tokens = too_large);
    REFUSED(WM_OK, .max_new_tokens = too_large - 1);
    REFUSED(WM_ERROR_ARG, .min_new_tokens = minus_one);
    REFUSED(WM_ERROR_ARG, .min_length = minus_one);
    REFUSED(WM_ERROR_ARG, .top_k = minus_one);
    REFUSED(WM_ERROR_ARG, .no_repeat_ngram_size = minus_one);
    const double bad[] = {nan, infinity, -infinity, 1e300};
    for (size_t i = 0; i < WM_COUNT(bad); i++) {
        REFUSED(WM_ERROR_ARG, .temperature = bad[i]);
        REFUSED(WM_ERROR_ARG, .top_p = bad[i]);
        REFUSED(WM_ERROR_ARG, .min_p = bad[i]);
        REFUSED(WM_ERROR_ARG, .typical_p = bad[i]);
        REFUSED(WM_ERROR_ARG, .repetition_penalty = bad[i]);
        REFUSED(WM_ERROR_ARG, .presence_penalty = bad[i]);
        REFUSED(WM_ERROR_ARG, .frequency_penalty = bad[i]);
        REFUSED(WM_ERROR_ARG, .length_penalty = bad[i]);
    }
    REFUSED(WM_ERROR_ARG, .temperature = -1);
    REFUSED(WM_ERROR_ARG, .top_p = -0.1);
    REFUSED(WM_ERROR_ARG, .top_p = 1.0000001);
    REFUSED(WM_ERROR_ARG, .min_p = -0.1);
    REFUSED(WM_ERROR_ARG, .min_p = 1.1);
    REFUSED(WM_ERROR_ARG, .typical_p = 1.1);
    REFUSED(WM_ERROR_ARG, .repetition_penalty = -1);
    REFUSED(WM_ERROR_ARG, .do_sample = (wm_toggle)3);
    REFUSED(WM_ERROR_ARG, .early_stopping = (wm_early_stopping)3);
    REFUSED(WM_OK, .presence_penalty = -2, .frequency_penalty = -2, .length_penalty = -3);
}

static void counts_have_their_limits(void **state) {
    (void)state;
    REFUSED(WM_OK, .num_beams = 1);
    REFUSED(WM_OK, .num_beams = 128, .num_return_sequences = 128);
    REFUSED(WM_ERROR_LIMIT, .num_beams = 129);
    REFUSED(WM_ERROR_LIMIT, .num_beams = 1000000);
    REFUSED(WM_ERROR_ARG, .num_beams = 4, .num_return_sequences = 5);
    REFUSED(WM_ERROR_ARG, .num_return_sequences = 2);
    REFUSED(WM_OK, .num_return_sequences = 2, .temperature = 1);
    REFUSED(WM_ERROR_LIMIT, .num_return_sequences = 1000000, .temperature = 1);
    REFUSED(WM_ERROR_ARG, .num_beams = 2, .top_k = 5);
    REFUSED(WM_OK, .num_beams = 2, .top_k = 5, .do_sample = WM_OFF);
}

static void bad_stops_are_refused(void **state) {
    (void)state;
    static uint8_t long_text[5000];
    memset(long_text, 'a', sizeof long_text);
    wm_span stops[300];
    for (size_t i = 0; i < 300; i++) stops[i] = WM_TEXT("stop");
    REFUSED(WM_OK, .stop = stops, .stop_count = 256);
    REFUSED(WM_ERROR_LIMIT, .stop = stops, .stop_count = 257);
    REFUSED(WM_ERROR_LIMIT, .stop = stops, .stop_count = 10000);
    stops[1].n = 0;
    REFUSED(WM_ERROR_ARG, .stop = stops, .stop_count = 2);
    stops[1] = WM_TEXT("\xE2\x82"); // part of a character
    REFUSED(WM_ERROR_ARG, .stop = stops, .stop_count = 2);
    stops[1] = (wm_span){long_text, sizeof long_text};
    REFUSED(WM_ERROR_LIMIT, .stop = stops, .stop_count = 2);
}

static wm_status with_ids(const int32_t *eos, size_t eos_count, wm_sequence_bias bias) {
    wm_generate_options o = {.size = sizeof o,
                             .eos_ids = eos,
                             .eos_count = eos_count,
                             .sequence_bias = &bias,
                             .sequence_bias_count = 1};
    wm_sampler sampler;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_status status = wm_sampler_init(&sampler, &o, NULL, 10, &arena, NULL);
    wm_arena_free(&arena);
    return status;
}

static void ids_belong_to_the_vocabulary(void **state) {
    (void)state;
    const int32_t good[] = {0, 9}, above[] = {3, 10}, below[] = {3, -1};
    const float infinity = __builtin_inff(), nan = __builtin_nanf("");
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){good, 2, -infinity}), WM_OK);
    assert_int_equal(with_ids(above, 2, (wm_sequence_bias){good, 2, 1}), WM_ERROR_ARG);
    assert_int_equal(with_ids(below, 2, (wm_sequence_bias){good, 2, 1}), WM_ERROR_ARG);
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){above, 2, 1}), WM_ERROR_ARG);
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){below, 2, 1}), WM_ERROR_ARG);
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){good, 0, 1}), WM_ERROR_ARG);
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){good, 2, infinity}), WM_ERROR_ARG);
    assert_int_equal(with_ids(good, 2, (wm_sequence_bias){good, 2, nan}), WM_ERROR_ARG);
}

static wm_status read_rules(wm_token_rules *rules, const char *text, wm_arena *arena) {
    wm_json root;
    assert_int_equal(
        wm_json_check(wm_span_of(text), "generation_config.json", WM_JSON_PYTHON, &root, NULL),
        WM_OK);
    return wm_token_rules_read(rules, root, "generation_config.json", 100, arena, NULL);
}

static void files_say_what_tokens_do(void **state) {
    (void)state;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_token_rules rules = {0};
    assert_int_equal(read_rules(&rules,
                                "{\"eos_token_id\": [7, 99], \"forced_bos_token_id\": 3, "
                                "\"suppress_tokens\": [1, 2], \"begin_suppress_tokens\": []}",
                                &arena),
                     WM_OK);
    assert_int_equal(rules.eos.n, 2);
    assert_int_equal(rules.eos.p[1], 99);
    assert_int_equal(rules.forced_bos.n, 1);
    assert_int_equal(rules.forced_bos.p[0], 3);
    assert_int_equal(rules.suppress.n, 2);
    assert_int_equal(rules.begin_suppress.n, 0);
    assert_int_equal(rules.forced_eos.n, 0);
    // A second file: what it does not say stays, null takes away.
    assert_int_equal(
        read_rules(&rules, "{\"forced_bos_token_id\": null, \"suppress_tokens\": 5}", &arena),
        WM_OK);
    assert_int_equal(rules.eos.n, 2);
    assert_int_equal(rules.forced_bos.n, 0);
    assert_int_equal(rules.suppress.n, 1);
    const char *bad[] = {"{\"eos_token_id\": 100}",        "{\"eos_token_id\": -1}",
                         "{\"eos_token_id\": 1.5}",        "{\"eos_token_id\": \"2\"}",
                         "{\"eos_token_id\": [1, null]}",  "{\"eos_token_id\": {}}",
                         "{\"suppress_tokens\": [1e300]}", "{\"forced_eos_token_id\": true}"};
    for (size_t i = 0; i < WM_COUNT(bad); i++)
        assert_int_equal(read_rules(&rules, bad[i], &arena), WM_ERROR_FORMAT);
    wm_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(an_older_caller_knows_fewer_options),
        cmocka_unit_test(bad_numbers_are_refused),
        cmocka_unit_test(counts_have_their_limits),
        cmocka_unit_test(bad_stops_are_refused),
        cmocka_unit_test(ids_belong_to_the_vocabulary),
        cmocka_unit_test(files_say_what_tokens_do),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
