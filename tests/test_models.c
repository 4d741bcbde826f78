// SPDX-License-Identifier: MIT OR Apache-2.0
// The encoder stack against Hugging Face in float64, on every tiny checkpoint and every instruction set.
#include "../src/kernels/kernels.h"
#include "tiny.h"

#define TOLERANCE 2e-5

typedef struct opened {
    wm_model *model;
    wm_session *session;
} opened;

static opened open_session(const tiny *folder, const char *isa) {
    opened o = {NULL, NULL};
    wm_config *config;
    wm_error error = {0};
    const wm_source *json = wm_source_find(folder->files, folder->count, "config.json");
    wm_pipeline_options options = {.size = sizeof options, .isa = isa};
    if (wm_config_from_json(&config, json->bytes, NULL, &error) != WM_OK ||
        wm_model_open(&o.model, config, folder->files, folder->count, &options, &error) != WM_OK ||
        wm_session_open(&o.session, o.model, NULL, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    wm_config_close(config);
    return o;
}

static void close_session(opened o) {
    wm_session_close(o.session);
    wm_model_close(o.model);
}

static double hidden_distance(wm_arena *arena, const tiny *folder, const char *isa) {
    opened o = open_session(folder, isa);
    size_t width = tiny_number(wm_json_get(folder->golden, "width"));
    double worst = 0;
    assert_int_equal(wm_model_width(o.model), width);
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "hidden")); wm_json_next(&i);) {
        size_t count;
        const int32_t *ids = tiny_ids(arena, wm_json_get(i.value, "ids"), &count);
        const float *want = tiny_floats(arena, wm_json_get(i.value, "states"), count * width);
        float *got = tiny_allocate(arena, count * width, sizeof *got);
        wm_error error = {0};
        if (wm_session_hidden(o.session, ids, count, got, &error) != WM_OK)
            fail_msg("%s: %s", folder->name, error.text);
        double distance = tiny_distance(got, want, count, width);
        if (!(distance <= TOLERANCE))
            fail_msg("%s on %s, %zu ids: off by %g of a row's largest", folder->name, isa, count, distance);
        worst = WM_MAX(worst, distance);
    }
    close_session(o);
    return worst;
}

static void all_folders(const char *isa) {
    static const char *const lists[] = {"tests/tiny/index.json", "tests/tiny/later.json"};
    if (!wm_kernels_select(isa)) skip();
    double worst = 0;
    size_t folders = 0;
    for (size_t l = 0; l < WM_COUNT(lists); l++) {
        for (wm_json_iter i = wm_json_each(tiny_json(lists[l])); wm_json_next(&i); folders++) {
            wm_arena arena = tiny_arena();
            tiny folder = tiny_of(&arena, i.value);
            double distance = hidden_distance(&arena, &folder, isa);
            worst = WM_MAX(worst, distance);
            wm_arena_free(&arena);
        }
    }
    assert_true(folders >= 40);
    print_message("%s: %zu folders, worst distance to float64 %g of a row's largest\n", isa, folders, worst);
}

static void hidden_states_scalar(void **state) { (void)state; all_folders("scalar"); }
static void hidden_states_simd128(void **state) { (void)state; all_folders("simd128"); }
static void hidden_states_sse2(void **state) { (void)state; all_folders("sse2"); }
static void hidden_states_avx2(void **state) { (void)state; all_folders("avx2"); }
static void hidden_states_avx512(void **state) { (void)state; all_folders("avx512"); }

static void the_limits_of_ids_hold(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t vocabulary;
        uint32_t tokens;
    } models[] = {{"bert-f32", 200, 131}, {"roberta-pad3", 381, 60}, {"distilbert-f32", 200, 64}};
    for (size_t m = 0; m < WM_COUNT(models); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, models[m].name);
        opened o = open_session(&folder, NULL);
        uint32_t limit = models[m].tokens;
        int32_t *ids = tiny_allocate(&arena, limit + 1, sizeof *ids);
        float *hidden = tiny_allocate(&arena, (limit + 1) * wm_model_width(o.model), sizeof *hidden);
        for (uint32_t i = 0; i <= limit; i++) ids[i] = 7;
        wm_error error = {0};
        assert_int_equal(wm_model_max_tokens(o.model), limit);
        assert_int_equal(wm_session_hidden(o.session, ids, limit, hidden, &error), WM_OK);
        assert_int_equal(wm_session_hidden(o.session, ids, limit + 1, hidden, &error), WM_ERROR_ARG);
        assert_int_equal(wm_session_hidden(o.session, ids, 0, hidden, &error), WM_ERROR_ARG);
        ids[1] = models[m].vocabulary - 1;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_OK);
        ids[1] = models[m].vocabulary;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_ERROR_ARG);
        ids[1] = -1;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_ERROR_ARG);
        ids[1] = 7;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_OK);
        close_session(o);
        wm_arena_free(&arena);
    }
}

// Weights may lie at any offset of a file: the whole file shifted by one byte gives the same bits.
static void odd_offsets_change_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"bert-f32", "bert-f16", "roberta-bf16"};
    for (size_t m = 0; m < WM_COUNT(names); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[m]);
        static const int32_t ids[] = {3, 17, 90, 4, 55};
        float got[2][WM_COUNT(ids) * 32];
        for (int shift = 0; shift < 2; shift++) {
            wm_span *bytes = &tiny_file(&folder, "model.safetensors")->bytes;
            uint8_t *copy = (uint8_t *)tiny_allocate(&arena, bytes->n + 1, 1) + shift;
            memcpy(copy, bytes->p, bytes->n);
            bytes->p = copy;
            opened o = open_session(&folder, NULL);
            assert_true(wm_model_width(o.model) <= 32);
            memset(got[shift], 0, sizeof got[shift]);
            assert_int_equal(wm_session_hidden(o.session, ids, WM_COUNT(ids), got[shift], NULL), WM_OK);
            close_session(o);
        }
        assert_memory_equal(got[0], got[1], sizeof got[0]);
        wm_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_states_scalar),
        cmocka_unit_test(hidden_states_simd128),
        cmocka_unit_test(hidden_states_sse2),
        cmocka_unit_test(hidden_states_avx2),
        cmocka_unit_test(hidden_states_avx512),
        cmocka_unit_test(the_limits_of_ids_hold),
        cmocka_unit_test(odd_offsets_change_nothing),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
