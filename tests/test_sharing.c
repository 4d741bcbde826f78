// SPDX-License-Identifier: MIT OR Apache-2.0
// What threads may share: one tokenizer, one model with a session for each. `make test-tsan` runs
// this under ThreadSanitizer. As wasm, where there are no threads, the same is done by one.
#include "../src/base/threads.h"
#include "../src/token/tokenizer.h"
#include "tiny.h"

#ifdef WM_THREADS
#include <pthread.h>
#endif

enum { THREADS = 4, ROUNDS = 3, TEXTS = 6 };

typedef void *thread_body(void *job);

// Runs `body` on each of the THREADS jobs of `size` bytes, side by side.
static void run_threads(thread_body *body, void *jobs, size_t size) {
#ifdef WM_THREADS
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, body, (uint8_t *)jobs + i * size), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
#else
    for (size_t i = 0; i < THREADS; i++) body((uint8_t *)jobs + i * size);
#endif
}

// ---- One tokenizer ------------------------------------------------------------------------------

static const char *const texts[TEXTS] = {
    "the dog and the dog and the fox, the dogs' foxes! 123 4567",
    "É\u0301 ǅ ﬁ ½ İstanbul straße ΑΣ 日本語 한국어 क्षि ที่",
    "hello world hello world hello world [SEP] </s> <|endoftext|> <extra_id_0>",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "👩‍👩‍👧‍👦 🇩🇪 \xEF\xBF\xBD \u200D\u202E …—’s 'LL we're",
    "",
};

// What comes of one text, and of it with the text before.
typedef struct answer {
    wm_encoding encodings[2];
    wm_decoding decoding;
} answer;

static bool answer_text(const wm_tokenizer *tokenizer, size_t i, answer *a) {
    wm_span pair = wm_span_of(texts[(i + TEXTS - 1) % TEXTS]);
    for (int which = 0; which < 2; which++)
        if (wm_tokenizer_encode(tokenizer, wm_span_of(texts[i]), which ? &pair : NULL, NULL,
                                &a->encodings[which], NULL) != WM_OK)
            return false;
    return wm_tokenizer_decode(tokenizer, a->encodings[1].ids, a->encodings[1].count, false,
                               &a->decoding, NULL) == WM_OK;
}

static bool same_encoding(const wm_encoding *a, const wm_encoding *b) {
    return a->count == b->count && !memcmp(a->ids, b->ids, a->count * sizeof *a->ids) &&
           !memcmp(a->starts, b->starts, a->count * sizeof *a->starts) &&
           !memcmp(a->ends, b->ends, a->count * sizeof *a->ends) &&
           !memcmp(a->types, b->types, a->count) && !memcmp(a->words, b->words, a->count);
}

// The streamed text of the ids is the decoded one.
static bool same_stream(const wm_tokenizer *tokenizer, const answer *a) {
    wm_text_stream stream = {.count = 0};
    const wm_encoding *encoding = &a->encodings[1];
    size_t at = 0;
    bool same = true;
    for (size_t n = 1; same && n <= encoding->count; n++) {
        same = wm_tokenizer_decode_next(tokenizer, encoding->ids, n, n == encoding->count, false,
                                        &stream, NULL) == WM_OK;
        wm_span text = stream.text;
        same = same && text.n <= a->decoding.n - at &&
               (!text.n || !memcmp(text.p, a->decoding.text + at, text.n));
        stream.taken += text.n;
        at += text.n;
    }
    wm_decoding_free(&stream.decoding);
    return same && at == a->decoding.n;
}

static void free_answer(answer *a) {
    for (int which = 0; which < 2; which++) wm_encoding_free(&a->encodings[which]);
    wm_decoding_free(&a->decoding);
}

typedef struct token_job {
    const wm_tokenizer *tokenizer;
    const answer *want;
    size_t wrong;
} token_job;

static void *tokenize(void *context) {
    token_job *job = context;
    answer got = {{{0}}, {0}};
    for (size_t i = 0; i < ROUNDS * TEXTS; i++) {
        const answer *want = &job->want[i % TEXTS];
        bool same = answer_text(job->tokenizer, i % TEXTS, &got) &&
                    same_encoding(&got.encodings[0], &want->encodings[0]) &&
                    same_encoding(&got.encodings[1], &want->encodings[1]) &&
                    got.decoding.n == want->decoding.n &&
                    !memcmp(got.decoding.text, want->decoding.text, got.decoding.n) &&
                    same_stream(job->tokenizer, &got);
        job->wrong += !same;
    }
    free_answer(&got);
    return NULL;
}

static wm_tokenizer *open_file(const char *path, const char *name) {
    wm_source file = {wm_span_of(name), test_file(path)};
    wm_tokenizer *tokenizer;
    wm_error error = {0};
    if (wm_tokenizer_open(&tokenizer, &file, 1, NULL, &error) != WM_OK)
        fail_msg("%s: %s", path, error.text);
    return tokenizer;
}

static void threads_share_a_tokenizer(void **state) {
    (void)state;
    static const struct {
        const char *path, *name;
    } files[] = {
        {"tests/vectors/tokenizers/wordpiece/tokenizer.json", "tokenizer.json"},
        {"tests/vectors/tokenizers/wordlevel/tokenizer.json", "tokenizer.json"},
        {"tests/vectors/tokenizers/bpe-fallback/tokenizer.json", "tokenizer.json"},
        {"tests/vectors/tokenizers/bpe-lines/tokenizer.json", "tokenizer.json"},
        {"tests/vectors/tokenizers/unigram/tokenizer.json", "tokenizer.json"},
        {"tests/tiny/xlm-roberta-f16/tokenizer.json", "tokenizer.json"},
        {"tests/tiny/llama-bf16/tokenizer.json", "tokenizer.json"},
        {"tests/vectors/sentencepiece/unigram.model", "spiece.model"},
        {"tests/vectors/sentencepiece/bpe.model", "tokenizer.model"},
    };
    for (size_t f = 0; f < WM_COUNT(files); f++) {
        wm_tokenizer *alone = open_file(files[f].path, files[f].name),
                     *shared = open_file(files[f].path, files[f].name);
        answer want[TEXTS] = {{{{0}}, {0}}};
        token_job jobs[THREADS];
        for (size_t i = 0; i < TEXTS; i++) assert_true(answer_text(alone, i, &want[i]));
        for (size_t i = 0; i < THREADS; i++) jobs[i] = (token_job){shared, want, 0};
        run_threads(tokenize, jobs, sizeof *jobs);
        for (size_t i = 0; i < THREADS; i++)
            if (jobs[i].wrong)
                fail_msg("%s: %u texts differ", files[f].path, (unsigned)jobs[i].wrong);
        assert_false(shared->cache->busy);
        for (size_t i = 0; i < TEXTS; i++) free_answer(&want[i]);
        wm_tokenizer_close(alone);
        wm_tokenizer_close(shared);
    }
}

// ---- One model ----------------------------------------------------------------------------------

enum { IDS = 24 };

typedef struct model_job {
    const wm_model *model;
    const float *want; // [IDS, width]
    int32_t ids[IDS];
    size_t wrong;
} model_job;

static void *compute(void *context) {
    model_job *job = context;
    wm_session *session;
    size_t size = IDS * (size_t)wm_model_width(job->model) * sizeof(float);
    float *got = malloc(size);
    job->wrong = !got || wm_session_open(&session, job->model, NULL, NULL) != WM_OK;
    if (!job->wrong) {
        for (int round = 0; round < ROUNDS; round++) {
            wm_session_rewind(session, 0);
            job->wrong += wm_session_hidden(session, job->ids, IDS, got, NULL) != WM_OK ||
                          (job->want && memcmp(got, job->want, size));
        }
        wm_session_close(session);
    }
    free(got);
    return NULL;
}

static void sessions_of_threads_share_a_model(void **state) {
    (void)state;
    static const char *const names[] = {"bert-f32", "roberta-bf16", "xlm-roberta-f16",
                                        "gpt2-f16", "llama-bf16",   "t5-f32"};
    for (size_t f = 0; f < WM_COUNT(names); f++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[f]);
        wm_error error = {0};
        wm_config *config = NULL;
        wm_model *model = NULL;
        wm_session *session = NULL;
        wm_pipeline_options options = {.size = sizeof options, .threads = 2};
        if (wm_config_from_json(&config,
                                wm_source_find(folder.files, folder.count, "config.json")->bytes,
                                NULL, &error) != WM_OK ||
            wm_model_open(&model, config, folder.files, folder.count, &options, &error) != WM_OK ||
            wm_session_open(&session, model, NULL, &error) != WM_OK)
            fail_msg("%s: %s", names[f], error.text);
        float *want = tiny_allocate(&arena, IDS * wm_model_width(model), sizeof *want);
        model_job jobs[THREADS] = {{.model = model, .want = want}};
        for (int32_t i = 0; i < IDS; i++) jobs[0].ids[i] = 3 + i * 7 % 20;
        assert_int_equal(wm_session_hidden(session, jobs[0].ids, IDS, want, NULL), WM_OK);
        for (size_t i = 1; i < THREADS; i++) jobs[i] = jobs[0];
        run_threads(compute, jobs, sizeof *jobs);
        for (size_t i = 0; i < THREADS; i++)
            if (jobs[i].wrong) fail_msg("%s: %u runs differ", names[f], (unsigned)jobs[i].wrong);
        wm_session_close(session);
        wm_model_close(model);
        wm_config_close(config);
        wm_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(sessions_of_threads_share_a_model),
    };
    return cmocka_run_group_tests_name("sharing", tests, NULL, NULL);
}
