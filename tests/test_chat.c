// SPDX-License-Identifier: MIT OR Apache-2.0
// Chat prompts against transformers' apply_chat_template, for every template that is known.
#include "../src/models/model.h"
#include "tiny.h"

static const char tokens[] = "\"<bos>\"", config_path[] = "tokenizer_config.json";

static wm_pipeline *open_folder(const tiny *folder, const wm_allocator *allocator) {
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_pipeline_options options = {.size = sizeof options, .allocator = allocator};
    if (wm_pipeline_open(&pipeline, folder->files, folder->count, &options, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    return pipeline;
}

// A decoder with this template as chat_template.jinja. Its special tokens are other ones than its
// tokenizer's; that is no matter to a text.
static tiny with_template(wm_arena *arena, wm_span template) {
    tiny folder = tiny_open(arena, "gpt2-f32");
    tiny_set(&folder, config_path, "bos_token", tokens);
    tiny_set(&folder, config_path, "eos_token", "{\"content\": \"</s>\"}");
    assert_true(folder.count < TINY_FILES);
    folder.files[folder.count++] = (wm_source){WM_TEXT("chat_template.jinja"), template};
    return folder;
}

// "role: content" …
static size_t read_talk(wm_arena *arena, wm_json talk, wm_message *messages) {
    size_t count = 0;
    for (wm_json_iter i = wm_json_each(talk); wm_json_next(&i); count++) {
        wm_span line = tiny_string(arena, i.value);
        size_t colon = 0;
        while (line.p[colon] != ':') colon++;
        messages[count].role = (wm_span){line.p, colon};
        messages[count].content = (wm_span){line.p + colon + 2, line.n - colon - 2};
    }
    return count;
}

static const char *c_string(wm_arena *arena, wm_span text) {
    return tiny_join(arena, text, "", (wm_span){NULL, 0});
}

static void check_template(const char *name, const tiny *folder, wm_json cases, size_t *checked) {
    wm_pipeline *pipeline = open_folder(folder, NULL);
    for (wm_json_iter i = wm_json_each(cases); wm_json_next(&i); ++*checked) {
        wm_message messages[8];
        size_t count = read_talk(folder->arena, wm_json_get(i.value, "talk"), messages);
        wm_json want = wm_json_get(i.value, "prompt");
        wm_span prompt;
        wm_error error = {0};
        wm_status status = wm_pipeline_chat(
            pipeline, messages, count, wm_json_flag(i.value, "answer", false), &prompt, &error);
        if (wm_json_type_of(want) == WM_JSON_NULL) {
            tiny_expect(name, status, &error, WM_ERROR_ARG, "role");
            continue;
        }
        wm_span text = tiny_string(folder->arena, want);
        if (status != WM_OK) fail_msg("%s: %s", name, error.text);
        if (!wm_span_equal(prompt, text))
            fail_msg("%s: got \"%s\", expected \"%s\"", name, c_string(folder->arena, prompt),
                     c_string(folder->arena, text));
    }
    wm_pipeline_close(pipeline);
}

static wm_span template_file(wm_arena *arena, const char *name) {
    return test_file(tiny_join(arena, WM_TEXT("tests/vectors/chat/"), name, WM_TEXT(".jinja")));
}

static void prompts_are_hugging_faces(void **state) {
    (void)state;
    size_t checked = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/vectors/chat.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        const char *name = c_string(&arena, tiny_string(&arena, wm_json_get(i.value, "template")));
        tiny folder = with_template(&arena, template_file(&arena, name));
        check_template(name, &folder, wm_json_get(i.value, "cases"), &checked);
        wm_arena_free(&arena);
    }
    assert_true(checked > 200);
    print_message("%zu prompts\n", checked);
}

static void templates_are_found_wherever_they_stand(void **state) {
    (void)state;
    static const char chatml[] =
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + "
        "message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ "
        "'<|im_start|>assistant\\n' }}{% endif %}";
    static const struct {
        const char *before, *after;
        wm_status status;
        const char *word;
    } cases[] = {
        {"\"", "\"", WM_OK, ""},
        {"[{\"name\": \"tool_use\", \"template\": \"x\"}, {\"name\": \"default\", \"template\": \"",
         "\"}]", WM_OK, ""},
        {"[{\"name\": \"tool_use\", \"template\": \"", "\"}]", WM_ERROR_MISSING, "chat_template"},
        {"\"{# my own #}", "\"", WM_ERROR_UNSUPPORTED, "{# my own #}{% for message"},
        {"7, \"other\": \"", "\"", WM_ERROR_MISSING, "chat_template"},
    };
    const wm_message hello = {WM_TEXT("user"), WM_TEXT("Hello")};
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, "gpt2-f32");
        wm_span prompt;
        wm_error error = {0};
        tiny_set(
            &folder, config_path, "chat_template",
            tiny_join(&arena, wm_span_of(cases[i].before), chatml, wm_span_of(cases[i].after)));
        wm_pipeline *pipeline = open_folder(&folder, NULL);
        tiny_expect(cases[i].before, wm_pipeline_chat(pipeline, &hello, 1, true, &prompt, &error),
                    &error, cases[i].status, cases[i].word);
        if (cases[i].status == WM_OK)
            assert_true(
                wm_span_is(prompt, "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"));
        else
            assert_int_equal(prompt.n, 0);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

static void conversations_that_do_not_fit_are_refused(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = with_template(&arena, template_file(&arena, "gemma3"));
    wm_pipeline *pipeline = open_folder(&folder, NULL);
    const wm_message messages[] = {{WM_TEXT("tool"), WM_TEXT("a")},
                                   {WM_TEXT("user"), WM_TEXT("\xFF")}};
    wm_span prompt;
    wm_error error;
    tiny_expect("nothing", wm_pipeline_chat(pipeline, messages, 0, true, &prompt, &error), &error,
                WM_ERROR_ARG, "messages");
    tiny_expect("a tool", wm_pipeline_chat(pipeline, messages, 1, true, &prompt, &error), &error,
                WM_ERROR_ARG, "role tool");
    tiny_expect("no UTF-8", wm_pipeline_chat(pipeline, messages + 1, 1, true, &prompt, &error),
                &error, WM_ERROR_UTF8, "message 0");
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

// The answer is what generation from the prompt's ids gives, and a second turn goes on from it.
static void answers_are_generated(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = with_template(&arena, template_file(&arena, "zephyr"));
    wm_pipeline *pipeline = open_folder(&folder, NULL);
    const wm_message hello = {WM_TEXT("user"), WM_TEXT("the river")};
    const wm_encode_options plain = {.size = sizeof plain, .special = WM_OFF};
    const wm_generate_options options = {.size = sizeof options, .max_new_tokens = 5};
    wm_span prompt;
    wm_encoding ids = {0};
    wm_generation *generation;
    wm_generated token;
    int32_t want[5];
    assert_int_equal(wm_pipeline_chat(pipeline, &hello, 1, true, &prompt, NULL), WM_OK);
    assert_int_equal(
        wm_tokenizer_encode(wm_pipeline_tokenizer(pipeline), prompt, NULL, &plain, &ids, NULL),
        WM_OK);
    for (size_t turn = 0; turn < 2; turn++) {
        if (turn)
            assert_int_equal(
                wm_generation_open_chat(&generation, pipeline, &hello, 1, &options, NULL), WM_OK);
        else
            assert_int_equal(
                wm_generation_open_ids(&generation, pipeline, ids.ids, ids.count, &options, NULL),
                WM_OK);
        for (size_t i = 0; i < 5; i++) {
            assert_int_equal(wm_generation_next(generation, &token, NULL), WM_OK);
            if (turn) assert_int_equal(token.id, want[i]);
            want[i] = token.id;
        }
        wm_generation_close(generation);
    }
    wm_encoding_free(&ids);
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void no_memory_is_survived(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = with_template(&arena, template_file(&arena, "qwen3"));
    const wm_message talk[] = {{WM_TEXT("user"), WM_TEXT("a")},
                               {WM_TEXT("assistant"), WM_TEXT("<think>b</think>c")},
                               {WM_TEXT("user"), WM_TEXT("d")}};
    wm_status status = WM_ERROR_NOMEM;
    for (long n = 1; status != WM_OK; n++) {
        wm_allocator failing = test_failing_allocator(n);
        wm_pipeline_options with = {.size = sizeof with, .allocator = &failing};
        wm_pipeline *pipeline;
        wm_span prompt;
        status = wm_pipeline_open(&pipeline, folder.files, folder.count, &with, NULL);
        if (status == WM_OK) status = wm_pipeline_chat(pipeline, talk, 3, true, &prompt, NULL);
        assert_true(status == WM_OK || status == WM_ERROR_NOMEM);
        wm_pipeline_close(pipeline);
        assert_int_equal(test_live_allocations(), 0);
    }
    wm_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_hugging_faces),
        cmocka_unit_test(templates_are_found_wherever_they_stand),
        cmocka_unit_test(conversations_that_do_not_fit_are_refused),
        cmocka_unit_test(answers_are_generated),
        cmocka_unit_test(no_memory_is_survived),
    };
    return cmocka_run_group_tests_name("chat", tests, NULL, NULL);
}
