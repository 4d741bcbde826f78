// SPDX-License-Identifier: MIT OR Apache-2.0
// From files to vectors: what sentence-transformers gives, options, batches, bad files.
#include "../src/kernels/kernels.h"
#include "tiny.h"

#define TOLERANCE 1e-5 // of an embedding's largest number, at least of 1

static wm_pipeline *open_isa(const tiny *folder, const char *isa) {
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_pipeline_options options = {.size = sizeof options, .isa = isa};
    if (wm_pipeline_open(&pipeline, folder->files, folder->count, &options, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    return pipeline;
}

// ---- Against the goldens --------------------------------------------------------------------

static wm_embed_options options_of(wm_arena *arena, wm_json entry) {
    static const char *const poolings[] = {"", "mean", "cls", "max", "last"};
    wm_embed_options options = {.size = sizeof options};
    wm_json pooling = wm_json_get(entry, "pooling"), prompt = wm_json_get(entry, "prompt");
    wm_json name = wm_json_get(entry, "prompt_name"), length = wm_json_get(entry, "max_length");
    bool normalize;
    for (int i = WM_POOLING_MEAN; i <= WM_POOLING_LAST; i++)
        if (wm_json_string_is(pooling, poolings[i])) options.pooling = (wm_pooling)i;
    if (wm_json_bool(wm_json_get(entry, "normalize"), &normalize))
        options.normalize = normalize ? WM_ON : WM_OFF;
    if (wm_json_present(length)) options.max_length = (uint32_t)tiny_number(length);
    if (wm_json_string_is(wm_json_get(entry, "truncate"), "start"))
        options.truncate = WM_TRUNCATE_START;
    if (wm_json_present(prompt)) options.prompt = tiny_string(arena, prompt);
    if (wm_json_present(name)) options.prompt_name = tiny_string(arena, name);
    return options;
}

static void check_ids(const tiny *folder, const wm_pipeline *pipeline, wm_span text, wm_json want) {
    size_t count;
    const int32_t *ids = tiny_ids(folder->arena, want, &count);
    wm_encoding encoding = {0};
    wm_error error = {0};
    if (wm_tokenizer_encode(wm_pipeline_tokenizer(pipeline), text, NULL, NULL, &encoding, &error) !=
        WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    if (encoding.count != count || memcmp(encoding.ids, ids, count * sizeof *ids))
        fail_msg("%s: other ids than the tokenizers library's for the text of %zu bytes",
                 folder->name, text.n);
    wm_encoding_free(&encoding);
}

static double embedding_distance(const tiny *folder, wm_pipeline *pipeline, size_t place,
                                 wm_json entry) {
    wm_span text = tiny_string(folder->arena, wm_json_get(entry, "text"));
    wm_embed_options options = options_of(folder->arena, entry);
    wm_embed_info info = {0, false};
    wm_error error = {0};
    bool truncated = false;
    size_t dim = wm_pipeline_dim(pipeline);
    float *got = tiny_allocate(folder->arena, dim, sizeof *got);
    check_ids(folder, pipeline, text, wm_json_get(entry, "ids"));
    if (wm_pipeline_embed(pipeline, text, &options, got, &info, &error) != WM_OK)
        fail_msg("%s, text %zu: %s", folder->name, place, error.text);
    assert_true(wm_json_bool(wm_json_get(entry, "truncated"), &truncated));
    size_t tokens = tiny_number(wm_json_get(entry, "tokens"));
    if (info.tokens != tokens || info.truncated != truncated)
        fail_msg("%s, text %zu: %u tokens, truncated %d; expected %u, %d", folder->name, place,
                 (unsigned)info.tokens, (int)info.truncated, (unsigned)tokens, (int)truncated);
    double distance = tiny_distance(
        got, tiny_floats(folder->arena, wm_json_get(entry, "embedding"), dim), 1, dim);
    if (!(distance <= TOLERANCE))
        fail_msg("%s, text %zu: off by %g", folder->name, place, distance);
    return distance;
}

static void all_folders(const char *isa) {
    double worst = 0;
    size_t texts = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/index.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        wm_pipeline *pipeline = open_isa(&folder, isa);
        assert_int_equal(wm_pipeline_dim(pipeline), tiny_number(wm_json_get(folder.golden, "dim")));
        size_t place = 0;
        for (wm_json_iter t = wm_json_each(wm_json_get(folder.golden, "texts")); wm_json_next(&t);
             place++) {
            double distance = embedding_distance(&folder, pipeline, place, t.value);
            worst = WM_MAX(worst, distance);
        }
        texts += place;
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
    assert_true(texts > 200);
    print_message("%s: %zu texts, worst distance to float64 %g\n", isa, texts, worst);
}

static void embeddings_on_every_instruction_set(void **state) {
    (void)state;
    static const char *const isas[] = {WM_ISAS};
    size_t there = 0;
    for (size_t i = 0; i < WM_COUNT(isas); i++) {
        if (!wm_kernels_select(isas[i])) continue;
        all_folders(isas[i]);
        there++;
    }
    assert_true(there > 0);
}

// ---- Batches --------------------------------------------------------------------------------

enum { TEXTS = 7 };

static void fill_texts(const tiny *folder, wm_span *texts) {
    size_t n = 0;
    for (wm_json_iter t = wm_json_each(wm_json_get(folder->golden, "texts"));
         n < TEXTS && wm_json_next(&t);)
        texts[n++] = tiny_string(folder->arena, wm_json_get(t.value, "text"));
    assert_int_equal(n, TEXTS);
}

static void a_batch_is_one_by_one_bit_for_bit(void **state) {
    (void)state;
    static const char *const names[] = {"bert-f32",    "roberta-f16", "distilbert-bf16",
                                        "electra-f32", "st-concat",   "st-cls"};
    for (size_t m = 0; m < WM_COUNT(names); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[m]);
        wm_pipeline *pipeline = open_isa(&folder, NULL);
        wm_span texts[TEXTS];
        wm_embed_info infos[TEXTS], info;
        fill_texts(&folder, texts);
        size_t dim = wm_pipeline_dim(pipeline);
        float *batch = tiny_allocate(&arena, TEXTS * dim, sizeof *batch),
              *one = tiny_allocate(&arena, dim, sizeof *one);
        for (size_t first = 0; first < TEXTS; first += 4) { // batches of 7 and 3
            assert_int_equal(wm_pipeline_embed_batch(pipeline, texts + first, TEXTS - first, NULL,
                                                     batch, infos, NULL),
                             WM_OK);
            for (size_t i = first; i < TEXTS; i++) {
                assert_int_equal(wm_pipeline_embed(pipeline, texts[i], NULL, one, &info, NULL),
                                 WM_OK);
                assert_memory_equal(one, batch + (i - first) * dim, dim * sizeof *one);
                assert_int_equal(info.tokens, infos[i - first].tokens);
                assert_int_equal(info.truncated, infos[i - first].truncated);
            }
        }
        assert_int_equal(wm_pipeline_embed_batch(pipeline, NULL, 0, NULL, batch, NULL, NULL),
                         WM_OK);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

static void a_batch_fails_whole_and_the_next_works(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "bert-f32");
    wm_pipeline *pipeline = open_isa(&folder, NULL);
    enum { MANY = 70 }; // more than run side by side
    wm_span texts[MANY];
    float *vectors = tiny_allocate(&arena, MANY * 24, sizeof *vectors), one[24];
    wm_error error = {0};
    for (size_t i = 0; i < MANY; i++)
        texts[i] = i % 3 ? WM_TEXT("the river") : WM_TEXT("a train left the station");
    texts[MANY - 1] = WM_TEXT("bad \xFF bytes");
    wm_status status = wm_pipeline_embed_batch(pipeline, texts, MANY, NULL, vectors, NULL, &error);
    tiny_expect("bad UTF-8", status, &error, WM_ERROR_UTF8, "");
    assert_int_equal(
        wm_pipeline_embed_batch(pipeline, texts, MANY - 1, NULL, vectors, NULL, &error), WM_OK);
    for (size_t i = 0; i < MANY - 1; i++) {
        assert_int_equal(wm_pipeline_embed(pipeline, texts[i], NULL, one, NULL, &error), WM_OK);
        assert_memory_equal(one, vectors + i * 24, sizeof one);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

// ---- Options --------------------------------------------------------------------------------

static void bad_options_are_arguments(void **state) {
    (void)state;
    static const struct {
        wm_embed_options options;
        wm_status status;
        const char *word;
    } cases[] = {
        {{.size = sizeof(wm_embed_options), .pooling = (wm_pooling)99}, WM_ERROR_ARG, "pooling"},
        {{.size = sizeof(wm_embed_options), .normalize = (wm_toggle)7}, WM_ERROR_ARG, "normalize"},
        {{.size = sizeof(wm_embed_options), .truncate = (wm_truncate)5}, WM_ERROR_ARG, "truncate"},
        {{.size = sizeof(wm_embed_options), .prompt_name = {(const uint8_t *)"absent", 6}},
         WM_ERROR_ARG,
         "absent"},
        {{.size = sizeof(wm_embed_options), .max_length = 7, .truncate = WM_TRUNCATE_ERROR},
         WM_ERROR_LIMIT,
         "7"},
        {{.size = sizeof(wm_embed_options), .max_length = 100, .truncate = WM_TRUNCATE_ERROR},
         WM_OK,
         ""},
        {{.size = sizeof(wm_embed_options), .max_length = 1000000},
         WM_OK,
         ""}, // never above the model's
        {{.size = sizeof(wm_embed_options), .max_length = 3}, WM_OK, ""},
        {{.size = sizeof(wm_embed_options), .max_length = 2}, WM_OK, ""}, // [CLS] [SEP]
    };
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "st-prompts");
    wm_pipeline *pipeline = open_isa(&folder, NULL);
    float vector[12];
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_error error = {0};
        wm_status status = wm_pipeline_embed(pipeline, WM_TEXT("the river"), &cases[i].options,
                                             vector, NULL, &error);
        tiny_expect("options", status, &error, cases[i].status, cases[i].word);
    }
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

// At exactly the text's own length nothing is cut; one less cuts one token off.
static void the_limit_is_exact(void **state) {
    (void)state;
    static const char *const names[] = {"bert-f32", "roberta-f16", "st-max", "st-prompts"};
    for (size_t m = 0; m < WM_COUNT(names); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[m]);
        wm_pipeline *pipeline = open_isa(&folder, NULL);
        wm_embed_options options = {.size = sizeof options};
        wm_embed_info info;
        float whole[24], exact[24], cut[24];
        size_t bytes = wm_pipeline_dim(pipeline) * sizeof *whole;
        wm_span text = WM_TEXT("the old mill");
        assert_int_equal(wm_pipeline_embed(pipeline, text, &options, whole, &info, NULL), WM_OK);
        assert_false(info.truncated);
        options.max_length = info.tokens;
        assert_int_equal(wm_pipeline_embed(pipeline, text, &options, exact, &info, NULL), WM_OK);
        assert_false(info.truncated);
        assert_memory_equal(whole, exact, bytes);
        options.max_length = info.tokens - 1;
        assert_int_equal(wm_pipeline_embed(pipeline, text, &options, cut, &info, NULL), WM_OK);
        assert_true(info.truncated && info.tokens == options.max_length);
        assert_true(memcmp(whole, cut, bytes) != 0);
        options.truncate = WM_TRUNCATE_ERROR;
        assert_int_equal(wm_pipeline_embed(pipeline, text, &options, cut, &info, NULL),
                         WM_ERROR_LIMIT);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

// Texts of which little or nothing is left still have a vector, of finite numbers.
static void odd_texts_have_vectors(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "\t\r\n",
        "\x01\x02\x7F",
        "\xEF\xBB\xBF",
        "\xE2\x80\x8B\xE2\x80\x8D",
        "\xCC\x81\xCC\x82",
        "[CLS][SEP]",
        "<s></s><pad>",
        "[PAD]",
        "\xF0\x9F\x98\x80",
        "\xEF\xB7\xBA",
        "\xF4\x8F\xBF\xBF",
    };
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/index.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        wm_pipeline *pipeline = open_isa(&folder, NULL);
        size_t dim = wm_pipeline_dim(pipeline);
        float *vector = tiny_allocate(&arena, dim, sizeof *vector);
        for (size_t t = 0; t < WM_COUNT(texts); t++) {
            wm_error error = {0};
            if (wm_pipeline_embed(pipeline, wm_span_of(texts[t]), NULL, vector, NULL, &error) !=
                WM_OK)
                fail_msg("%s, text %zu: %s", folder.name, t, error.text);
            for (size_t d = 0; d < dim; d++) assert_true(vector[d] - vector[d] == 0);
        }
        const uint8_t nul[] = {'a', 0, 'b'};
        assert_int_equal(wm_pipeline_embed(pipeline, (wm_span){nul, 3}, NULL, vector, NULL, NULL),
                         WM_OK);
        assert_int_equal(wm_pipeline_embed(pipeline, (wm_span){NULL, 0}, NULL, vector, NULL, NULL),
                         WM_OK);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

static void memory_is_stated_and_limited(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "bert-f32");
    wm_pipeline *pipeline = open_isa(&folder, NULL);
    wm_pipeline_info info;
    wm_error error = {0};
    wm_pipeline_info_get(pipeline, &info);
    wm_pipeline_close(pipeline);
    assert_true(info.model_bytes > 0 && info.session_bytes > 0);
    wm_pipeline_options options = {.size = sizeof options, .max_bytes = 1000};
    wm_status status = wm_pipeline_open(&pipeline, folder.files, folder.count, &options, &error);
    tiny_expect("max_bytes", status, &error, WM_ERROR_LIMIT, "1000");
    assert_null(pipeline);
    options.max_bytes = 2 * (info.model_bytes + info.session_bytes);
    assert_int_equal(wm_pipeline_open(&pipeline, folder.files, folder.count, &options, &error),
                     WM_OK);
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

static void info_says_what_the_files_are(void **state) {
    (void)state;
    static const struct {
        const char *folder, *model_type, *tokenizer, *dtype, *pooling;
        bool normalize;
        uint32_t width, dim, layers, heads, vocabulary, max_tokens;
    } rows[] = {
        {"bert-odd", "bert", "wordpiece", "F32", "mean", false, 15, 15, 3, 3, 200, 61},
        {"bert-f16", "bert", "wordpiece", "F16", "mean", false, 20, 20, 2, 1, 200, 50},
        {"roberta-pad3", "roberta", "bpe", "F32", "mean", false, 15, 15, 2, 3, 381, 60},
        {"electra-bf16", "electra", "wordpiece", "BF16", "mean", false, 15, 15, 2, 3, 200, 43},
        {"distilbert-f32", "distilbert", "wordpiece", "F32", "mean", false, 24, 24, 2, 3, 200, 64},
        {"st-mean", "bert", "wordpiece", "F32", "mean", true, 12, 12, 1, 2, 190, 24},
        {"st-max", "bert", "wordpiece", "F32", "max", false, 12, 12, 1, 2, 190, 30},
        {"st-cls", "roberta", "bpe", "F32", "cls", true, 12, 12, 1, 2, 361, 24},
        {"st-concat", "bert", "wordpiece", "F16", "cls+mean+last", true, 12, 9, 1, 2, 190, 24},
    };
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, rows[i].folder);
        const char *isa = wm_kernels_select("scalar") ? "scalar" : "simd128";
        wm_pipeline *pipeline = open_isa(&folder, isa);
        wm_pipeline_info info;
        wm_pipeline_info_get(pipeline, &info);
        assert_string_equal(info.model_type, rows[i].model_type);
        assert_string_equal(info.tokenizer, rows[i].tokenizer);
        assert_string_equal(info.dtype, rows[i].dtype);
        assert_string_equal(info.isa, isa);
        assert_string_equal(info.pooling, rows[i].pooling);
        assert_int_equal(info.normalize, rows[i].normalize);
        assert_int_equal(info.width, rows[i].width);
        assert_int_equal(info.dim, rows[i].dim);
        assert_int_equal(info.layers, rows[i].layers);
        assert_int_equal(info.heads, rows[i].heads);
        assert_int_equal(info.vocabulary, rows[i].vocabulary);
        assert_int_equal(info.max_tokens, rows[i].max_tokens);
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

// What sentence_transformers.models.Pooling makes of keys that are not there.
static void pooling_has_its_defaults(void **state) {
    (void)state;
    static const char *const configs[][2] = {
        {"{\"word_embedding_dimension\": 12}", "mean"},
        {"{\"word_embedding_dimension\": 12, \"pooling_mode_cls_token\": true}", "cls+mean"},
        {"{\"word_embedding_dimension\": 12, \"pooling_mode_mean_tokens\": false, "
         "\"pooling_mode_lasttoken\": true}",
         "last"},
        {"{\"word_embedding_dimension\": 12, \"pooling_mode\": \"max\"}", "max"},
        {"{\"word_embedding_dimension\": 12, \"pooling_mode\": null, \"pooling_mode_mean_tokens\": "
         "true}",
         "mean"},
    };
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "st-mean");
    for (size_t i = 0; i < WM_COUNT(configs); i++) {
        tiny_replace(&folder, "1_Pooling/config.json", configs[i][0]);
        wm_pipeline *pipeline = open_isa(&folder, NULL);
        wm_pipeline_info info;
        wm_pipeline_info_get(pipeline, &info);
        assert_string_equal(info.pooling, configs[i][1]);
        wm_pipeline_close(pipeline);
    }
    wm_arena_free(&arena);
}

// ---- Bad files ------------------------------------------------------------------------------

typedef struct edit {
    const char *folder, *path, *old, *fresh; // old NULL: the file is taken away
    wm_status status;
    const char *word;
} edit;

static const edit edits[] = {
    {"st-mean", "modules.json", "\"1_Pooling\"", "\"../1_Pooling\"", WM_ERROR_PATH, "../1_Pooling"},
    {"st-mean", "modules.json", "\"1_Pooling\"", "\"/1_Pooling\"", WM_ERROR_PATH, "1_Pooling"},
    {"st-mean", "modules.json", "\"1_Pooling\"", "\"a\\\\1_Pooling\"", WM_ERROR_PATH, "1_Pooling"},
    {"st-mean", "modules.json", "\"1_Pooling\"", "\"9_Pooling\"", WM_ERROR_MISSING, "9_Pooling"},
    {"st-mean", "modules.json", "models.Pooling", "models.CNN", WM_ERROR_UNSUPPORTED, "CNN"},
    {"st-mean", "modules.json", "models.Transformer", "models.BoW", WM_ERROR_UNSUPPORTED, "BoW"},
    {"st-mean", "modules.json", "\"type\"", "\"tipe\"", WM_ERROR_FORMAT, "modules.json"},
    {"st-mean", "modules.json", "[", "{", WM_ERROR_JSON, "modules.json"},
    {"st-mean", "1_Pooling/config.json", "true", "false", WM_ERROR_FORMAT, "pooling_mode"},
    {"st-mean", "1_Pooling/config.json", "\"include_prompt\": true", "\"pooling_mode\": \"mode\"",
     WM_ERROR_FORMAT, "pooling_mode"},
    {"st-mean", "1_Pooling/config.json", ": 12", ": 13", WM_ERROR_SHAPE, "13"},
    {"st-mean", "1_Pooling/config.json", NULL, NULL, WM_ERROR_MISSING, "1_Pooling/config.json"},
    {"st-mean", "sentence_bert_config.json", "24", "-24", WM_ERROR_FORMAT, "max_seq_length"},
    {"st-mean", "sentence_bert_config.json", "24", "\"24\"", WM_ERROR_FORMAT, "max_seq_length"},
    {"st-mean", "sentence_bert_config.json", "24", "1e9", WM_OK, ""}, // never above the model's
    {"st-prompts", "config_sentence_transformers.json", "\"default_prompt_name\": \"query\"",
     "\"default_prompt_name\": \"quary\"", WM_ERROR_FORMAT, "quary"},
    {"st-prompts", "config_sentence_transformers.json", "\"the question is: \"", "12",
     WM_ERROR_FORMAT, "prompts"},
    {"st-dense", "2_Dense/config.json", ": 12", ": 11", WM_ERROR_SHAPE, "11"},
    {"st-dense", "2_Dense/config.json", ": 17", ": 18", WM_ERROR_SHAPE, "18"},
    {"st-dense", "2_Dense/config.json", ".Tanh", ".Softmax", WM_ERROR_UNSUPPORTED, "Softmax"},
    {"st-dense", "2_Dense/config.json", ": 12", ": 0", WM_ERROR_FORMAT, "in_features"},
    {"st-dense", "2_Dense/config.json", ": 12", ": 1e12", WM_ERROR_FORMAT, "in_features"},
    {"st-dense", "3_Dense/model.safetensors", "linear.bias", "linear.bibs", WM_ERROR_MISSING,
     "linear.bias"},
    {"st-dense", "3_Dense/model.safetensors", NULL, NULL, WM_ERROR_MISSING, "model.safetensors"},
    {"st-dense", "3_Dense/config.json", "\"bias\": true", "\"bias\": false", WM_OK, ""},
    {"bert-odd", "config.json", NULL, NULL, WM_ERROR_MISSING, "config.json"},
    {"bert-odd", "vocab.txt", NULL, NULL, WM_ERROR_MISSING, "tokenizer"},
    {"bert-odd", "vocab.txt", "\n", "\nextra\n", WM_ERROR_SHAPE,
     "201"}, // a piece more than the model's table
    {"bert-odd", "model.safetensors", NULL, NULL, WM_ERROR_MISSING, "model.safetensors"},
    {"bert-odd", "tokenizer_config.json", NULL, NULL, WM_OK, ""},
    {"bert-odd", "special_tokens_map.json", NULL, NULL, WM_OK, ""},
    {"t5-f32", "generation_config.json", "\"decoder_start_token_id\": 0",
     "\"decoder_start_token_id\": 1000", WM_ERROR_FORMAT, "decoder_start_token_id"},
    {"t5-f32", "generation_config.json", "\"decoder_start_token_id\": 0",
     "\"decoder_start_token_id\": \"0\"", WM_ERROR_FORMAT, "decoder_start_token_id"},
    {"t5-f32", "generation_config.json", "\"decoder_start_token_id\": 0",
     "\"decoder_start_token_id\": null", WM_OK, ""},
    {"t5-f32", "generation_config.json", "\"eos_token_id\": 1", "\"eos_token_id\": -1",
     WM_ERROR_FORMAT, "eos_token_id"},
    {"t5-f32", "generation_config.json", NULL, NULL, WM_OK, ""},
    {"bert-f16", "config.json", "\"vocab_size\": 200", "\"vocab_size\": 150", WM_ERROR_SHAPE,
     "150"},
};

static void bad_files_are_named(void **state) {
    (void)state;
    for (size_t i = 0; i < WM_COUNT(edits); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, edits[i].folder);
        if (edits[i].old)
            tiny_edit(&folder, edits[i].path, edits[i].old, edits[i].fresh);
        else
            tiny_remove(&folder, edits[i].path);
        wm_pipeline *pipeline;
        wm_error error = {0};
        wm_status status = wm_pipeline_open(&pipeline, folder.files, folder.count, NULL, &error);
        const char *what = tiny_join(&arena, wm_span_of(edits[i].path), " with ",
                                     wm_span_of(edits[i].fresh ? edits[i].fresh : "nothing"));
        tiny_expect(what, status, &error, edits[i].status, edits[i].word);
        assert_true((status == WM_OK) == (pipeline != NULL));
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

// Fills the tensor's first numbers with `bits`.
static void poison(tiny *folder, const char *name, uint32_t bits) {
    wm_span *bytes = &tiny_file(folder, "model.safetensors")->bytes;
    uint8_t *copy = tiny_allocate(folder->arena, bytes->n, 1);
    memcpy(copy, bytes->p, bytes->n);
    bytes->p = copy;
    wm_file *file;
    assert_int_equal(wm_file_parse(&file, *bytes, NULL, NULL), WM_OK);
    const wm_tensor *tensor = wm_file_find(file, wm_span_of(name));
    assert_non_null(tensor);
    uint8_t *data = copy + (tensor->bytes.p - bytes->p);
    for (size_t i = 0; i < tensor->bytes.n; i += 4) memcpy(data + i, &bits, sizeof bits);
    wm_file_close(file);
}

static void weights_that_are_no_numbers_are_reported(void **state) {
    (void)state;
    static const struct {
        const char *name;
        uint32_t bits;
        wm_status status;
    } poisons[] = {
        {"embeddings.word_embeddings.weight", 0x7FC00000, WM_ERROR_NUMERIC},   // NaN
        {"encoder.layer.0.output.dense.weight", 0x7F800000, WM_ERROR_NUMERIC}, // infinity
        {"encoder.layer.0.output.LayerNorm.bias", 0xFF800000, WM_ERROR_NUMERIC},
        {"embeddings.word_embeddings.weight", 0x00000001, WM_OK}, // denormals
        {"embeddings.word_embeddings.weight", 0x80000000, WM_OK}, // -0
    };
    for (size_t i = 0; i < WM_COUNT(poisons); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, "st-mean");
        poison(&folder, poisons[i].name, poisons[i].bits);
        wm_pipeline *pipeline = open_isa(&folder, NULL);
        float vector[12];
        wm_error error = {0};
        wm_status status =
            wm_pipeline_embed(pipeline, WM_TEXT("the river"), NULL, vector, NULL, &error);
        tiny_expect(poisons[i].name, status, &error, poisons[i].status, "");
        wm_pipeline_close(pipeline);
        wm_arena_free(&arena);
    }
}

// An allocator that counts, and gives nothing at call `fail_at` (`all`: nor at any later one).
typedef struct faulty {
    size_t calls, fail_at, live;
    bool all;
} faulty;

static void *faulty_allocate(void *context, size_t size) {
    faulty *host = context;
    host->calls++;
    if (host->fail_at && (host->all ? host->calls >= host->fail_at : host->calls == host->fail_at))
        return NULL;
    host->live++;
    return malloc(size ? size : 1);
}

static void faulty_release(void *context, void *memory) {
    faulty *host = context;
    host->live--;
    free(memory);
}

// Opens and embeds; whatever fails must fail with NOMEM, leave nothing behind, and work the next
// time.
static void run_faulty(const tiny *folder, const wm_span *texts, faulty *host) {
    wm_allocator allocator = {host, faulty_allocate, faulty_release};
    wm_pipeline_options options = {.size = sizeof options, .allocator = &allocator};
    wm_pipeline *pipeline;
    wm_error error = {0};
    wm_status status = wm_pipeline_open(&pipeline, folder->files, folder->count, &options, &error);
    assert_true((status == WM_OK) == (pipeline != NULL));
    if (status == WM_OK) {
        float vectors[TEXTS * 24];
        assert_true(wm_pipeline_dim(pipeline) <= 24);
        status = wm_pipeline_embed_batch(pipeline, texts, TEXTS, NULL, vectors, NULL, &error);
        host->fail_at = 0;
        assert_int_equal(wm_pipeline_embed_batch(pipeline, texts, TEXTS, NULL, vectors, NULL, NULL),
                         WM_OK);
        wm_pipeline_close(pipeline);
    }
    if (status != WM_OK && (status != WM_ERROR_NOMEM || !tiny_says(&error, "out of memory")))
        fail_msg("%s: %s: %s", folder->name, wm_status_name(status), error.text);
    assert_int_equal(host->live, 0);
}

static void no_memory_is_survived(void **state) {
    (void)state;
    static const char *const names[] = {"st-dense", "st-cls", "bert-bf16", "st-prompts",
                                        "st-lower"};
    for (size_t m = 0; m < WM_COUNT(names); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[m]);
        wm_span texts[TEXTS];
        fill_texts(&folder, texts);
        faulty whole = {.fail_at = 0};
        run_faulty(&folder, texts, &whole);
        size_t calls = whole.calls; // the second embed_batch's among them: they fail nothing
        assert_true(calls > 10);
        for (size_t n = 1; n <= calls; n++) {
            faulty one = {.fail_at = n}, rest = {.fail_at = n, .all = true};
            run_faulty(&folder, texts, &one);
            run_faulty(&folder, texts, &rest);
        }
        wm_arena_free(&arena);
    }
}

static void hidden_takes_ids_as_they_stand(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "roberta-f32");
    wm_pipeline *pipeline = open_isa(&folder, NULL);
    for (wm_json_iter i = wm_json_each(wm_json_get(folder.golden, "hidden")); wm_json_next(&i);) {
        size_t count;
        const int32_t *ids = tiny_ids(&arena, wm_json_get(i.value, "ids"), &count);
        float *got = tiny_allocate(&arena, count * 20, sizeof *got);
        assert_int_equal(wm_pipeline_hidden(pipeline, ids, count, got, NULL), WM_OK);
        assert_true(tiny_distance(got,
                                  tiny_floats(&arena, wm_json_get(i.value, "states"), count * 20),
                                  count, 20) < 5e-5);
    }
    wm_error error = {0};
    const int32_t bad[] = {1, 100000};
    float hidden[40];
    tiny_expect("an id", wm_pipeline_hidden(pipeline, bad, 2, hidden, &error), &error, WM_ERROR_ARG,
                "100000");
    wm_pipeline_close(pipeline);
    wm_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embeddings_on_every_instruction_set),
        cmocka_unit_test(a_batch_is_one_by_one_bit_for_bit),
        cmocka_unit_test(a_batch_fails_whole_and_the_next_works),
        cmocka_unit_test(bad_options_are_arguments),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(odd_texts_have_vectors),
        cmocka_unit_test(memory_is_stated_and_limited),
        cmocka_unit_test(info_says_what_the_files_are),
        cmocka_unit_test(pooling_has_its_defaults),
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(weights_that_are_no_numbers_are_reported),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(hidden_takes_ids_as_they_stand),
    };
    return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
