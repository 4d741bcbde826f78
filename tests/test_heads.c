// SPDX-License-Identifier: MIT OR Apache-2.0
// Every head of every encoder family against transformers' pipelines in float64.
#include "../src/models/model.h"
#include "tiny.h"

#define TOLERANCE 2e-5

static wm_pipeline *open_folder(const tiny *folder, const wm_allocator *allocator) {
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_pipeline_options options = {.size = sizeof options, .allocator = allocator};
    if (wm_pipeline_open(&pipeline, folder->files, folder->count, &options, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    return pipeline;
}

static uint32_t number_or_0(wm_json value) {
    return wm_json_present(value) ? (uint32_t)tiny_number(value) : 0;
}

static const char *c_string(wm_arena *arena, wm_span text) {
    return tiny_join(arena, text, "", (wm_span){NULL, 0});
}

static wm_json config_of(const tiny *folder) {
    const wm_source *file = wm_source_find(folder->files, folder->count, "config.json");
    wm_json root;
    assert_int_equal(wm_json_check(file->bytes, "config.json", 0, &root, NULL), WM_OK);
    return root;
}

// The folder with config.json as a case asks for it.
static tiny folder_for(const tiny *folder, wm_json one) {
    tiny edited = *folder;
    wm_arena *arena = folder->arena;
    const char *name = c_string(arena, tiny_string(arena, wm_json_get(one, "architecture")));
    tiny_set(&edited, "config.json", "architectures",
             tiny_join(arena, WM_TEXT("[\""), name, WM_TEXT("\"]")));
    for (wm_json_iter i = wm_json_each(wm_json_get(one, "config")); wm_json_next(&i);) {
        const char *key = c_string(arena, tiny_string(arena, i.key));
        if (wm_json_type_of(i.value) != WM_JSON_NULL)
            tiny_set(&edited, "config.json", key, c_string(arena, wm_json_span(i.value)));
        else if (wm_json_present(wm_json_get(config_of(&edited), key)))
            tiny_set(&edited, "config.json", key, NULL);
    }
    return edited;
}

static double check_item(const tiny *folder, int task, size_t place, const wm_prediction *got,
                         wm_json want) {
    wm_json_iter i = wm_json_each(want);
    double score;
    size_t numbers[3];
    assert_true(wm_json_next(&i));
    wm_span text = tiny_string(folder->arena, i.value);
    assert_true(wm_json_next(&i) && wm_json_f64(i.value, &score));
    for (size_t n = 0; n < 3; n++) {
        assert_true(wm_json_next(&i));
        numbers[n] = tiny_number(i.value);
    }
    double off = (double)got->score - score;
    if (!(off >= -TOLERANCE && off <= TOLERANCE) || !wm_span_equal(got->text, text) ||
        (size_t)got->index != numbers[0] || got->start != numbers[1] || got->end != numbers[2])
        fail_msg("%s, task %d, item %zu: \"%s\" %g, %zu, [%zu, %zu); expected \"%s\" %g, %zu, "
                 "[%zu, %zu)",
                 folder->name, task, place, c_string(folder->arena, got->text), (double)got->score,
                 (size_t)got->index, (size_t)got->start, (size_t)got->end,
                 c_string(folder->arena, text), score, numbers[0], numbers[1], numbers[2]);
    return off < 0 ? -off : off;
}

static double check_case(const tiny *folder, wm_json one, size_t *checked) {
    tiny edited = folder_for(folder, one);
    wm_pipeline *pipeline = open_folder(&edited, NULL);
    wm_json given = wm_json_get(one, "options");
    wm_predict_options options = {.size = sizeof options,
                                  .top_k = number_or_0(wm_json_get(given, "top_k")),
                                  .max_length = number_or_0(wm_json_get(given, "max_length")),
                                  .stride = number_or_0(wm_json_get(given, "stride")),
                                  .max_answer = number_or_0(wm_json_get(given, "max_answer")),
                                  .raw = wm_json_flag(given, "raw", false),
                                  .all = wm_json_flag(given, "all", false)};
    wm_task task = (wm_task)tiny_number(wm_json_get(one, "task"));
    wm_span texts[16];
    size_t count = 0, place = 0;
    for (wm_json_iter i = wm_json_each(wm_json_get(one, "texts")); wm_json_next(&i);)
        texts[count++] = tiny_string(folder->arena, i.value);
    wm_predictions found;
    wm_error error = {0};
    double worst = 0;
    if (wm_pipeline_predict(pipeline, task, texts, count, &options, &found, &error) != WM_OK)
        fail_msg("%s, task %d: %s", folder->name, (int)task, error.text);
    for (wm_json_iter i = wm_json_each(wm_json_get(one, "items")); wm_json_next(&i); place++) {
        if (place == found.count)
            fail_msg("%s, task %d: only %zu items", folder->name, (int)task, place);
        double off = check_item(folder, (int)task, place, &found.items[place], i.value);
        worst = WM_MAX(worst, off);
    }
    assert_int_equal(found.count, place);
    assert_int_equal(found.rows, tiny_number(wm_json_get(one, "rows")));
    *checked += place;
    wm_pipeline_close(pipeline);
    return worst;
}

static void heads_agree_with_hugging_face(void **state) {
    (void)state;
    double worst = 0;
    size_t checked = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/heads.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        for (wm_json_iter one = wm_json_each(wm_json_get(folder.golden, "predictions"));
             wm_json_next(&one);) {
            double off = check_case(&folder, one.value, &checked);
            worst = WM_MAX(worst, off);
        }
        wm_arena_free(&arena);
    }
    assert_true(checked > 1000);
    print_message("%zu predictions, scores at most %g from float64\n", checked, worst);
}

// Opens the folder with one key of config.json changed, and predicts.
static wm_status try_config(const char *name, const char *key, const char *value, wm_task task,
                            const wm_span *texts, size_t count, const wm_predict_options *options,
                            wm_error *error) {
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, name);
    if (key) tiny_set(&folder, "config.json", key, value);
    wm_pipeline *pipeline;
    wm_predictions found;
    wm_status status = wm_pipeline_open(&pipeline, folder.files, folder.count, NULL, error);
    if (status == WM_OK) {
        status = wm_pipeline_predict(pipeline, task, texts, count, options, &found, error);
        if (status != WM_OK) assert_int_equal(found.count, 0);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
    return status;
}

static void labels_that_do_not_fit_are_refused(void **state) {
    (void)state;
    const wm_span text = WM_TEXT("the river");
    static const struct {
        const char *key, *value;
        wm_status status;
        const char *word;
    } cases[] = {
        {"id2label", "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\"}", WM_ERROR_SHAPE, "3 × 12"},
        {"id2label", NULL, WM_ERROR_SHAPE, "2 × 12"},
        {"id2label", "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\",\"3\":\"d\",\"5\":\"e\"}",
         WM_ERROR_FORMAT, "id2label \"5\""},
        {"id2label", "{\"0\":\"a\",\"1\":\"b\",\"2\":\"c\",\"3\":\"d\",\"-4\":\"e\"}",
         WM_ERROR_FORMAT, "id2label"},
        {"id2label", "{\"0\":\"a\",\"01\":\"b\",\"2\":\"c\",\"3\":\"d\",\"4\":\"e\"}",
         WM_ERROR_FORMAT, "01"},
        {"id2label", "{\"0\":\"a\",\"1\":7,\"2\":\"c\",\"3\":\"d\",\"4\":\"e\"}", WM_ERROR_FORMAT,
         "id2label"},
        {"id2label", "[\"a\",\"b\",\"c\",\"d\",\"e\"]", WM_ERROR_FORMAT, "id2label"},
        {"num_labels", "3", WM_OK, ""}, // id2label goes before it
        {"sbert_ce_default_activation_function", "\"torch.nn.Softplus\"", WM_ERROR_UNSUPPORTED,
         "Softplus"},
        {"architectures", "[\"BertForQuestionAnswering\"]", WM_ERROR_SHAPE, "5 × 12"},
        {"architectures", "[\"BertForMultipleChoice\"]", WM_ERROR_STATE, "no head for this"},
        {"architectures", "[\"BertForTokenClassification\"]", WM_ERROR_STATE, "no head for this"},
        {"architectures", NULL, WM_OK, ""},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_error error = {0};
        wm_status status = try_config("head-bert", cases[i].key, cases[i].value, WM_TASK_CLASSIFY,
                                      &text, 1, NULL, &error);
        tiny_expect(cases[i].value, status, &error, cases[i].status, cases[i].word);
    }
}

static void labels_without_names_get_hugging_faces(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "head-bert");
    tiny_set(&folder, "config.json", "id2label", NULL);
    tiny_set(&folder, "config.json", "num_labels", "5");
    wm_pipeline *pipeline = open_folder(&folder, NULL);
    const wm_span texts[] = {WM_TEXT("the river"), WM_TEXT("the cat")};
    wm_predictions found;
    assert_int_equal(wm_pipeline_task(pipeline), WM_TASK_CLASSIFY);
    assert_int_equal(wm_pipeline_predict(pipeline, WM_TASK_CLASSIFY, texts, 2, NULL, &found, NULL),
                     WM_OK);
    assert_int_equal(found.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_true(found.items[i].text.n == 7 && wm_span_starts(found.items[i].text, "LABEL_"));
        assert_int_equal(found.items[i].text.p[6] - '0', found.items[i].index);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void what_does_not_fit_the_task_is_refused(void **state) {
    (void)state;
    const wm_predict_options cut = {.size = sizeof cut, .max_length = 8};
    const wm_predict_options refuse = {
        .size = sizeof refuse, .max_length = 8, .truncate = WM_TRUNCATE_ERROR};
    const wm_span texts[] = {WM_TEXT("the river runs past the old mill and the harbour"),
                             WM_TEXT(""), WM_TEXT("a \xFF b"), WM_TEXT("the cat")};
    static const char *const qa = "[\"BertForQuestionAnswering\"]";
    static const struct {
        const char *name, *key, *value;
        wm_task task;
        size_t first, count;
        bool cut, refuse;
        wm_status status;
        const char *word;
    } cases[] = {
        {"head-bert", NULL, NULL, WM_TASK_NONE, 0, 1, false, false, WM_ERROR_ARG, "task"},
        {"head-bert", NULL, NULL, (wm_task)6, 0, 1, false, false, WM_ERROR_ARG, "task"},
        {"head-bert", NULL, NULL, WM_TASK_CLASSIFY, 0, 0, false, false, WM_ERROR_ARG, "texts"},
        {"head-bert", NULL, NULL, WM_TASK_CLASSIFY, 0, 3, false, false, WM_ERROR_ARG, "texts"},
        {"head-bert", NULL, NULL, WM_TASK_CLASSIFY, 2, 1, false, false, WM_ERROR_UTF8, "byte 2"},
        {"head-bert", NULL, NULL, WM_TASK_CLASSIFY, 0, 1, false, true, WM_ERROR_LIMIT, "8 tokens"},
        {"head-bert", NULL, NULL, WM_TASK_CLASSIFY, 0, 1, true, false, WM_OK, ""},
        {"head-bert", NULL, NULL, WM_TASK_RERANK, 0, 2, false, false, WM_ERROR_STATE, "5"},
        {"head-bert", NULL, NULL, WM_TASK_TAG, 0, 1, false, false, WM_ERROR_STATE,
         "no head for this"},
        {"bert-f32", NULL, NULL, WM_TASK_CLASSIFY, 0, 1, false, false, WM_ERROR_STATE,
         "no head for this"},
        {"head-rerank", NULL, NULL, WM_TASK_RERANK, 0, 1, false, false, WM_OK, ""},
        {"bert-odd", NULL, NULL, WM_TASK_FILL_MASK, 0, 1, false, false, WM_ERROR_ARG, "mask"},
        {"bert-tanh", NULL, NULL, WM_TASK_TAG, 1, 1, false, false, WM_OK, ""},
        {"head-bert", "architectures", qa, WM_TASK_ANSWER, 0, 2, false, false, WM_ERROR_SHAPE, "5"},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_error error = {0};
        wm_status status = try_config(cases[i].name, cases[i].key, cases[i].value, cases[i].task,
                                      texts + cases[i].first, cases[i].count,
                                      cases[i].cut      ? &cut
                                      : cases[i].refuse ? &refuse
                                                        : NULL,
                                      &error);
        tiny_expect(cases[i].name, status, &error, cases[i].status, cases[i].word);
    }
}

static void a_question_that_leaves_no_room_is_refused(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "head-bert");
    tiny_set(&folder, "config.json", "architectures", "[\"BertForQuestionAnswering\"]");
    tiny_set(&folder, "config.json", "id2label", NULL);
    wm_pipeline *pipeline = open_folder(&folder, NULL);
    wm_span texts[] = {WM_TEXT("who sleeps?"), WM_TEXT("the cat sleeps on the warm stones")};
    wm_predict_options options = {.size = sizeof options, .max_length = 9};
    wm_predictions found;
    wm_error error;
    tiny_expect("no room",
                wm_pipeline_predict(pipeline, WM_TASK_ANSWER, texts, 2, &options, &found, &error),
                &error, WM_ERROR_LIMIT, "9");
    options.max_length = 20;
    options.stride = 15;
    tiny_expect("no step",
                wm_pipeline_predict(pipeline, WM_TASK_ANSWER, texts, 2, &options, &found, &error),
                &error, WM_ERROR_ARG, "stride");
    texts[1] = (wm_span){NULL, 0};
    tiny_expect("no context",
                wm_pipeline_predict(pipeline, WM_TASK_ANSWER, texts, 2, NULL, &found, &error),
                &error, WM_ERROR_ARG, "context");
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void what_was_cut_is_said(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "head-rerank");
    wm_pipeline *pipeline = open_folder(&folder, NULL);
    const wm_span texts[] = {WM_TEXT("the cat"), WM_TEXT("a"),
                             WM_TEXT("the engine needs oil and the driver needs strong coffee")};
    wm_predict_options options = {.size = sizeof options, .max_length = 20};
    wm_predictions found;
    assert_int_equal(
        wm_pipeline_predict(pipeline, WM_TASK_RERANK, texts, 2, &options, &found, NULL), WM_OK);
    assert_true(!found.truncated && found.count == 1);
    uint32_t tokens = found.tokens;
    assert_int_equal(
        wm_pipeline_predict(pipeline, WM_TASK_RERANK, texts, 3, &options, &found, NULL), WM_OK);
    assert_true(found.truncated && found.count == 2);
    assert_int_equal(found.tokens, tokens + 20);
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void no_memory_is_survived(void **state) {
    (void)state;
    static const char *const classes[] = {"SequenceClassification", "MaskedLM", "QuestionAnswering",
                                          "TokenClassification"};
    static const wm_task tasks[] = {WM_TASK_CLASSIFY, WM_TASK_FILL_MASK, WM_TASK_ANSWER,
                                    WM_TASK_TAG};
    const wm_span texts[] = {WM_TEXT("the [MASK]"), WM_TEXT("the cat")};
    for (size_t i = 0; i < WM_COUNT(tasks); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, "head-bert");
        tiny_set(&folder, "config.json", "architectures",
                 tiny_join(&arena, WM_TEXT("[\"BertFor"), classes[i], WM_TEXT("\"]")));
        if (tasks[i] == WM_TASK_ANSWER) tiny_set(&folder, "config.json", "id2label", NULL);
        wm_status status = WM_ERROR_NOMEM;
        for (long n = 1; status != WM_OK; n++) {
            wm_allocator failing = test_failing_allocator(n);
            wm_pipeline_options with = {.size = sizeof with, .allocator = &failing};
            wm_pipeline *pipeline;
            wm_predictions found;
            status = wm_pipeline_open(&pipeline, folder.files, folder.count, &with, NULL);
            if (status == WM_OK)
                status =
                    wm_pipeline_predict(pipeline, tasks[i], texts,
                                        tasks[i] == WM_TASK_ANSWER ? 2 : 1, NULL, &found, NULL);
            assert_true(status == WM_OK || status == WM_ERROR_NOMEM);
            wm_pipeline_close(pipeline);
            assert_int_equal(test_live_allocations(), 0);
        }
        wm_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_agree_with_hugging_face),
        cmocka_unit_test(labels_that_do_not_fit_are_refused),
        cmocka_unit_test(labels_without_names_get_hugging_faces),
        cmocka_unit_test(what_does_not_fit_the_task_is_refused),
        cmocka_unit_test(a_question_that_leaves_no_room_is_refused),
        cmocka_unit_test(what_was_cut_is_said),
        cmocka_unit_test(no_memory_is_survived),
    };
    return cmocka_run_group_tests_name("heads", tests, NULL, NULL);
}
