// SPDX-License-Identifier: MIT OR Apache-2.0
// Generation through the pipeline: Hugging Face's greedy tokens, and what a pipeline remembers.
#include "../src/base/maths.h"
#include "../src/base/utf8.h"
#include "../src/pipeline/pipeline.h"
#include "tiny.h"

static wm_pipeline *open_tiny(const tiny *folder) {
    wm_pipeline *pipeline;
    wm_error error = {0};
    if (wm_pipeline_open(&pipeline, folder->files, folder->count, NULL, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    return pipeline;
}

// Pulls up to `most` tokens of one sequence; how many came.
static size_t pull(wm_generation *generation, int32_t *ids, size_t most, wm_finish *finish) {
    wm_generated token = {0};
    size_t count = 0;
    while (count < most && token.finish == WM_FINISH_NONE) {
        assert_int_equal(wm_generation_next(generation, &token, NULL), WM_OK);
        if (token.id >= 0) ids[count++] = token.id;
    }
    *finish = token.finish;
    return count;
}

// Until an end-of-sequence token, which the goldens go on after.
static size_t check_greedy(const tiny *folder, wm_pipeline *pipeline, wm_json golden) {
    size_t count, wanted;
    const int32_t *prompt = tiny_ids(folder->arena, wm_json_get(golden, "ids"), &count);
    const int32_t *want = tiny_ids(folder->arena, wm_json_get(golden, "tokens"), &wanted);
    int32_t *got = tiny_allocate(folder->arena, wanted, sizeof *got);
    wm_generate_options options = {.size = sizeof options, .max_new_tokens = (uint32_t)wanted};
    wm_generation *generation;
    wm_error error = {0};
    wm_finish finish;
    tiny_expect(folder->name,
                wm_generation_open_ids(&generation, pipeline, prompt, count, &options, &error),
                &error, WM_OK, "");
    size_t tokens = pull(generation, got, wanted, &finish);
    assert_true(tokens == wanted || finish == WM_FINISH_EOS);
    assert_memory_equal(got, want, tokens * sizeof *got);
    wm_generated token;
    if (finish != WM_FINISH_NONE)
        assert_int_equal(wm_generation_next(generation, &token, &error), WM_ERROR_STATE);
    wm_generation_close(generation);
    return tokens;
}

// The golden's texts have Hugging Face's ids.
static void check_texts(const tiny *folder, wm_pipeline *pipeline) {
    wm_encoding encoding = {0};
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "texts")); wm_json_next(&i);) {
        size_t count;
        const int32_t *ids = tiny_ids(folder->arena, wm_json_get(i.value, "ids"), &count);
        wm_span text = tiny_string(folder->arena, wm_json_get(i.value, "text"));
        assert_int_equal(
            wm_tokenizer_encode(wm_pipeline_tokenizer(pipeline), text, NULL, NULL, &encoding, NULL),
            WM_OK);
        if (encoding.count != count || memcmp(encoding.ids, ids, count * sizeof *ids))
            fail_msg("%s: other ids of a text", folder->name);
    }
    wm_encoding_free(&encoding);
}

static void greedy_tokens_are_hugging_faces(void **state) {
    (void)state;
    size_t tokens = 0, folders = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/later.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        wm_pipeline *pipeline = open_tiny(&folder);
        // Twice: the second time the session remembers the whole prompt.
        for (size_t twice = 0; twice < 2; twice++)
            for (wm_json_iter g = wm_json_each(wm_json_get(folder.golden, "greedy"));
                 wm_json_next(&g);)
                tokens += check_greedy(&folder, pipeline, g.value);
        check_texts(&folder, pipeline);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
        folders++;
    }
    assert_true(folders >= 20 && tokens > 1000);
}

static void beams_give_several_sequences_alike_each_time(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "gpt2-f32");
    wm_pipeline *pipeline = open_tiny(&folder);
    const int32_t prompt[] = {52, 257, 268};
    int32_t ids[3][8];
    wm_finish finish;
    wm_generate_options options = {
        .size = sizeof options, .max_new_tokens = 8, .num_beams = 3, .num_return_sequences = 3};
    for (size_t twice = 0; twice < 2; twice++) { // the same after what the first search has left
        wm_generation *generation;
        wm_generated token;
        assert_int_equal(wm_generation_open_ids(&generation, pipeline, prompt, 3, &options, NULL),
                         WM_OK);
        size_t counts[3];
        int32_t again[3][8];
        for (size_t i = 0; i < 3; i++) counts[i] = pull(generation, again[i], 8, &finish);
        assert_int_equal(wm_generation_next(generation, &token, NULL), WM_ERROR_STATE);
        assert_true(counts[0] > 0 && memcmp(again[0], again[1], sizeof again[0]));
        if (twice) assert_memory_equal(ids[0], again[0], counts[0] * sizeof ids[0][0]);
        memcpy(ids, again, sizeof ids);
        wm_generation_close(generation);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

// Pulls one sequence; its text, its ids, why it ended.
static size_t pull_text(wm_generation *generation, char *text, int32_t *ids, size_t *count,
                        wm_finish *finish) {
    wm_generated token = {0};
    size_t n = 0;
    *count = 0;
    while (token.finish == WM_FINISH_NONE) {
        assert_int_equal(wm_generation_next(generation, &token, NULL), WM_OK);
        if (token.id >= 0) ids[(*count)++] = token.id;
        if (token.text.n) memcpy(text + n, token.text.p, token.text.n);
        n += token.text.n;
        assert_int_equal(wm_utf8_check((wm_span){(const uint8_t *)text, n}),
                         n); // no character is cut
    }
    *finish = token.finish;
    return n;
}

static void the_text_is_what_the_tokens_decode_to(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "gpt2-f16");
    wm_pipeline *pipeline = open_tiny(&folder);
    char text[2000];
    int32_t ids[64];
    size_t count, n;
    wm_finish finish;
    wm_generation *generation;
    wm_decoding whole = {0};
    wm_generate_options options = {
        .size = sizeof options, .max_new_tokens = 48, .top_k = 200, .seed = 7};
    assert_int_equal(
        wm_generation_open(&generation, pipeline, WM_TEXT("The river"), &options, NULL), WM_OK);
    n = pull_text(generation, text, ids, &count, &finish);
    wm_generation_close(generation);
    const wm_tokenizer *tokenizer = wm_pipeline_tokenizer(pipeline);
    assert_int_equal(wm_tokenizer_decode(tokenizer, ids, count, true, &whole, NULL), WM_OK);
    assert_true(n > 10 && n == whole.n && memcmp(text, whole.text, n) == 0);

    // The same draws again, up to a stop string that lies across tokens.
    size_t middle = n / 2;
    while (((uint8_t)whole.text[middle] & 0xC0) == 0x80) middle++;
    size_t end = middle + 4;
    while (((uint8_t)whole.text[end] & 0xC0) == 0x80) end++;
    wm_span stop = {(const uint8_t *)whole.text + middle, end - middle};
    options.stop = &stop;
    options.stop_count = 1;
    assert_int_equal(
        wm_generation_open(&generation, pipeline, WM_TEXT("The river"), &options, NULL), WM_OK);
    n = pull_text(generation, text, ids, &count, &finish);
    assert_int_equal(finish, WM_FINISH_STOP);
    assert_true(n <= middle && memcmp(text, whole.text, n) == 0 &&
                memcmp(whole.text + n, stop.p, stop.n) == 0);
    wm_generation_close(generation);
    wm_decoding_free(&whole);
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void a_full_context_ends_with_length(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "gpt2-f32");
    wm_pipeline *pipeline = open_tiny(&folder);
    uint32_t most = wm_model_max_tokens(pipeline->model);
    int32_t *ids = tiny_allocate(&arena, most + 1, sizeof *ids);
    for (uint32_t i = 0; i <= most; i++) ids[i] = (int32_t)(i % 7 + 60);
    wm_generation *generation;
    wm_generated token;
    wm_error error;
    for (uint32_t beams = 1; beams < 3; beams++) {
        wm_generate_options options = {.size = sizeof options, .num_beams = beams};
        assert_int_equal(wm_generation_open_ids(&generation, pipeline, ids, most, &options, NULL),
                         WM_OK);
        assert_int_equal(wm_generation_next(generation, &token, NULL), WM_OK);
        assert_int_equal(token.finish, WM_FINISH_LENGTH);
        assert_int_equal(token.id, -1);
        wm_generation_close(generation);
        assert_int_equal(
            wm_generation_open_ids(&generation, pipeline, ids, most - 1, &options, NULL), WM_OK);
        assert_int_equal(wm_generation_next(generation, &token, NULL), WM_OK);
        assert_true(token.finish != WM_FINISH_NONE && token.id >= 0);
        wm_generation_close(generation);
    }
    tiny_expect("a prompt too long",
                wm_generation_open_ids(&generation, pipeline, ids, most + 1, NULL, &error), &error,
                WM_ERROR_LIMIT, "prompt");
    tiny_expect("no prompt", wm_generation_open_ids(&generation, pipeline, ids, 0, NULL, &error),
                &error, WM_ERROR_ARG, "prompt");
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void an_encoder_generates_nothing(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "bert-f32");
    wm_pipeline *pipeline = open_tiny(&folder);
    wm_generation *generation;
    wm_error error;
    tiny_expect("an encoder",
                wm_generation_open(&generation, pipeline, WM_TEXT("Once"), NULL, &error), &error,
                WM_ERROR_STATE, "encoder");
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

// wm_pipeline_logits against float64, and the log probabilities against those logits.
static size_t check_logits(const tiny *folder, wm_pipeline *pipeline) {
    size_t V = pipeline->model->arch.vocabulary, checked = 0;
    wm_error error = {0};
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "logits")); wm_json_next(&i);) {
        size_t count, decoder_count;
        const int32_t *ids = tiny_ids(folder->arena, wm_json_get(i.value, "ids"), &count);
        const int32_t *decoder_ids =
            tiny_ids(folder->arena, wm_json_get(i.value, "decoder_ids"), &decoder_count);
        const int32_t *scored = decoder_count ? decoder_ids : ids;
        size_t rows = decoder_count ? decoder_count : count;
        const float *want = tiny_floats(folder->arena, wm_json_get(i.value, "values"), rows * V);
        float *got = tiny_allocate(folder->arena, rows * V, sizeof *got);
        float *values = tiny_allocate(folder->arena, rows, sizeof *values);
        tiny_expect(
            folder->name,
            wm_pipeline_logits(pipeline, ids, count, decoder_ids, decoder_count, got, &error),
            &error, WM_OK, "");
        assert_true(tiny_distance(got, want, rows, V) <= 2e-5);
        tiny_expect(folder->name,
                    wm_pipeline_log_probabilities(pipeline, ids, count, decoder_ids, decoder_count,
                                                  values, &error),
                    &error, WM_OK, "");
        assert_true(values[0] == 0);
        for (size_t t = 1; t < rows; t++, checked++) {
            double sum = 0, off;
            const float *row = want + (t - 1) * V;
            for (size_t v = 0; v < V; v++) sum += wm_exp((double)row[v]);
            off = (double)values[t] - ((double)row[scored[t]] - wm_log(sum));
            assert_true(off < 1e-4 && off > -1e-4);
        }
    }
    return checked;
}

static void logits_of_given_ids(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32", "gpt_neox-f16", "llama-bf16", "t5-f32"};
    size_t checked = 0;
    for (size_t i = 0; i < WM_COUNT(names); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[i]);
        wm_pipeline *pipeline = open_tiny(&folder);
        checked += check_logits(&folder, pipeline);
        // Generation after them starts from nothing that they left.
        wm_json_iter greedy = wm_json_each(wm_json_get(folder.golden, "greedy"));
        assert_true(wm_json_next(&greedy));
        check_greedy(&folder, pipeline, greedy.value);
        checked += check_logits(&folder, pipeline);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
    assert_true(checked > 20);
}

// transformers 5 writes tie_word_embeddings: true of T5 kinds whose head is their own, and
// scale_decoder_outputs where T5 and LongT5 are.
static void a_head_of_its_own_counts_before_what_is_tied(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"t5-v11", "false"}, {"longt5-local", "false"}, {"mt5-f16", NULL}};
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, rows[i][0]);
        tiny_set(&folder, "config.json", "tie_word_embeddings", "true");
        if (rows[i][1]) tiny_set(&folder, "config.json", "scale_decoder_outputs", rows[i][1]);
        wm_pipeline *pipeline = open_tiny(&folder);
        assert_true(check_logits(&folder, pipeline) > 0);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

static void logits_and_their_arguments(void **state) {
    (void)state;
    const int32_t ids[] = {5, 6};
    float *logits = malloc(sizeof *logits * 4000);
    wm_error error = {0};
    wm_arena arena = tiny_arena();
    tiny gpt2 = tiny_open(&arena, "gpt2-f32"), t5 = tiny_open(&arena, "t5-f32"),
         bert = tiny_open(&arena, "bert-f32");
    wm_pipeline *decoder = open_tiny(&gpt2), *both = open_tiny(&t5), *encoder = open_tiny(&bert);
    tiny_expect("none", wm_pipeline_logits(decoder, ids, 0, NULL, 0, logits, &error), &error,
                WM_ERROR_ARG, "0 ids");
    tiny_expect("decoder ids", wm_pipeline_logits(decoder, ids, 2, ids, 1, logits, &error), &error,
                WM_ERROR_ARG, "no encoder");
    tiny_expect("no decoder ids", wm_pipeline_logits(both, ids, 2, NULL, 0, logits, &error), &error,
                WM_ERROR_ARG, "0 ids");
    tiny_expect("encoder", wm_pipeline_logits(encoder, ids, 2, NULL, 0, logits, &error), &error,
                WM_ERROR_STATE, "this model");
    wm_pipeline_close(decoder);
    wm_pipeline_close(both);
    wm_pipeline_close(encoder);
    wm_arena_free(&arena);
    free(logits);
}

static void an_encoded_text_is_its_ids_states(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "t5-f32");
    wm_pipeline *pipeline = open_tiny(&folder);
    wm_json_iter texts = wm_json_each(wm_json_get(folder.golden, "texts"));
    while (wm_json_next(&texts)) {
        size_t count, rows, width = pipeline->model->arch.width;
        const int32_t *ids = tiny_ids(&arena, wm_json_get(texts.value, "ids"), &count);
        wm_span text = tiny_string(&arena, wm_json_get(texts.value, "text"));
        float *want = tiny_allocate(&arena, count * width, sizeof *want);
        const float *got;
        assert_int_equal(wm_pipeline_hidden(pipeline, ids, count, want, NULL), WM_OK);
        assert_int_equal(wm_pipeline_encode_t5(pipeline, text, &got, &rows, NULL), WM_OK);
        assert_int_equal(rows, count);
        assert_memory_equal(got, want, count * width * sizeof *got);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static const wm_span stop_late = {(const uint8_t *)"\xEF\xBC\x9F!", 4};

// Of a pipeline's calls, the cheaper first; each but the first four generates.
static const wm_generate_options generations[] = {
    {.size = sizeof *generations, .num_beams = 3, .max_new_tokens = 8},
    {.size = sizeof *generations, .max_new_tokens = 3, .num_beams = 2, .num_return_sequences = 2},
    {.size = sizeof *generations,
     .max_new_tokens = 4,
     .num_return_sequences = 2,
     .temperature = 1.5,
     .top_p = 0.9,
     .repetition_penalty = 1.2,
     .stop = &stop_late,
     .stop_count = 1},
};

enum { CALLS = 4 + WM_COUNT(generations), ROOM = 8 * 512 };

// All sequences to their ends; room: their ids.
static wm_status generate_all(wm_pipeline *pipeline, const int32_t *ids, size_t count,
                              const wm_generate_options *options, float *room, wm_error *error) {
    wm_generation *generation;
    wm_generated token;
    wm_status status = wm_generation_open_ids(&generation, pipeline, ids, count, options, error);
    while (status == WM_OK) {
        status = wm_generation_next(generation, &token, error);
        if (status == WM_OK) *room++ = (float)token.id;
    }
    wm_generation_close(generation);
    return status == WM_ERROR_STATE ? WM_OK : status;
}

static wm_status call(wm_pipeline *pipeline, size_t which, float *room, wm_error *error) {
    const int32_t ids[] = {52, 57, 68, 9, 9, 9, 9, 9};
    bool both = pipeline->model->arch.kind == WM_ENCODER_DECODER;
    const float *hidden;
    size_t count;
    memset(room, 0, ROOM * sizeof *room);
    if (which == 0) return wm_pipeline_hidden(pipeline, ids, 8, room, error);
    if (which == 1) return wm_pipeline_logits(pipeline, ids, both ? 8 : 1, ids, both, room, error);
    if (which == 2)
        return wm_pipeline_log_probabilities(pipeline, ids, 8, ids, both ? 8 : 0, room, error);
    if (which == 3)
        return wm_pipeline_encode_t5(pipeline, WM_TEXT("One two."), &hidden, &count, error);
    return generate_all(pipeline, ids, 8, &generations[which - 4], room, error);
}

// Opens and calls with an allocation that fails; what does not open or answer says NOMEM, leaves
// nothing behind, and answers the next time as if nothing had been.
static wm_status survive(const tiny *folder, size_t which, long n, const float *want) {
    static float got[ROOM];
    wm_allocator failing = test_failing_allocator(n);
    wm_pipeline_options with = {.size = sizeof with, .allocator = &failing};
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_status status = wm_pipeline_open(&pipeline, folder->files, folder->count, &with, &error);
    if (status == WM_OK) {
        status = call(pipeline, which, got, &error);
        if (status == WM_OK || n > 0) {
            if (status != WM_OK) assert_int_equal(call(pipeline, which, got, NULL), WM_OK);
            assert_memory_equal(got, want, sizeof got);
        }
    }
    if (status != WM_OK && status != WM_ERROR_NOMEM) fail_msg("%zu: %s", which, error.text);
    wm_pipeline_close(pipeline);
    assert_int_equal(test_live_allocations(), 0);
    return status;
}

static void no_memory_is_survived(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32", "t5-f32"};
    static float want[ROOM];
    for (size_t i = 0; i < 2; i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[i]);
        for (size_t which = 0; which < CALLS; which++) {
            wm_pipeline *pipeline = open_tiny(&folder);
            assert_int_equal(call(pipeline, which, want, NULL), WM_OK);
            wm_pipeline_close(pipeline);
            wm_status status = WM_ERROR_NOMEM;
            for (long n = 1; status != WM_OK; n++) {
                survive(&folder, which, -n, want);
                status = survive(&folder, which, n, want);
            }
        }
        wm_arena_free(&arena);
    }
}

// Prompts that share beginnings, with other calls between them: each continues as in a pipeline
// that has seen nothing.
static void what_is_remembered_changes_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32", "llama-f16", "t5-f32"};
    const wm_generate_options options = {.size = sizeof options, .max_new_tokens = 4};
    for (size_t n = 0; n < WM_COUNT(names); n++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[n]);
        wm_pipeline *pipeline = open_tiny(&folder);
        size_t reused = 0;
        for (uint32_t step = 0, random = 1; step < 40; step++) {
            static float got[ROOM], want[ROOM];
            int32_t ids[12];
            size_t count = 1 + (random >> 8) % 12, fork = (random >> 16) % 12;
            for (size_t i = 0; i < count; i++)
                ids[i] = (int32_t)(5 + 3 * i + (i >= fork ? random >> 24 & 7 : 0));
            random = random * 1664525 + 1013904223;
            if (step % 5 == 4) {
                assert_int_equal(call(pipeline, (random >> 20) % CALLS, got, NULL), WM_OK);
                continue;
            }
            size_t before = pipeline->remembered_count;
            for (size_t i = 0; i < WM_MIN(before, count) && pipeline->remembered[i] == ids[i]; i++)
                reused++;
            wm_pipeline *fresh = open_tiny(&folder);
            memset(got, 0, sizeof got);
            memset(want, 0, sizeof want);
            assert_int_equal(generate_all(pipeline, ids, count, &options, got, NULL), WM_OK);
            assert_int_equal(generate_all(fresh, ids, count, &options, want, NULL), WM_OK);
            assert_memory_equal(got, want, sizeof got);
            wm_pipeline_close(fresh);
        }
        assert_true(reused > 40 || pipeline->model->arch.kind == WM_ENCODER_DECODER);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

// Opens with this limit, and calls if `which` is one of the calls.
static wm_status open_within(const tiny *folder, uint64_t max_bytes, size_t which) {
    static float room[ROOM];
    wm_pipeline_options options = {.size = sizeof options, .max_bytes = max_bytes};
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_status status = wm_pipeline_open(&pipeline, folder->files, folder->count, &options, &error);
    if (status == WM_OK && which < CALLS) {
        status = call(pipeline, which, room, &error);
        if (status != WM_OK) tiny_expect("call", status, &error, WM_ERROR_LIMIT, "max_");
    }
    wm_pipeline_close(pipeline);
    assert_true(status == WM_OK || status == WM_ERROR_LIMIT);
    return status;
}

static void memory_over_max_bytes_is_limit(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32", "t5-f32"};
    for (size_t i = 0; i < 2; i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[i]);
        uint64_t most = UINT64_C(1) << 26, least = 10000, refused = 0;
        while (most - least > 500) { // what opening takes
            uint64_t half = least + (most - least) / 2;
            *(open_within(&folder, half, CALLS) == WM_OK ? &most : &least) = half;
        }
        for (size_t which = 0; which < CALLS; which++)
            for (uint64_t bytes = most; open_within(&folder, bytes, which) != WM_OK; bytes += 2000)
                refused++;
        assert_true(refused > 0);
        wm_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(greedy_tokens_are_hugging_faces),
        cmocka_unit_test(beams_give_several_sequences_alike_each_time),
        cmocka_unit_test(the_text_is_what_the_tokens_decode_to),
        cmocka_unit_test(a_full_context_ends_with_length),
        cmocka_unit_test(an_encoder_generates_nothing),
        cmocka_unit_test(logits_of_given_ids),
        cmocka_unit_test(a_head_of_its_own_counts_before_what_is_tied),
        cmocka_unit_test(logits_and_their_arguments),
        cmocka_unit_test(an_encoded_text_is_its_ids_states),
        cmocka_unit_test(what_is_remembered_changes_nothing),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(memory_over_max_bytes_is_limit),
    };
    return cmocka_run_group_tests_name("generate", tests, NULL, NULL);
}
