// SPDX-License-Identifier: MIT OR Apache-2.0
// config.json and its agreement with the weights: what is refused, and what is not.
#include "tiny.h"

typedef struct row {
    const char *folder, *key, *value; // value NULL: the key is taken away
    wm_status status;
    const char *word; // of the message
} row;

static const row rows[] = {
    {"bert-f32", "num_hidden_layers", "1e9", WM_ERROR_LIMIT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "2147483648", WM_ERROR_LIMIT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "1e999", WM_ERROR_LIMIT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "18446744073709551617", WM_ERROR_LIMIT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "-1", WM_ERROR_FORMAT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "0", WM_ERROR_FORMAT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "1.5", WM_ERROR_FORMAT, "1.5"},
    {"bert-f32", "num_hidden_layers", "\"12\"", WM_ERROR_FORMAT, "\"12\""},
    {"bert-f32", "num_hidden_layers", "null", WM_ERROR_FORMAT, "null"},
    {"bert-f32", "num_hidden_layers", "[2]", WM_ERROR_FORMAT, "num_hidden_layers"},
    {"bert-f32", "num_hidden_layers", "3", WM_ERROR_MISSING, "layer.2."},
    {"bert-f32", "num_hidden_layers", "1000", WM_ERROR_MISSING, "layer."},
    {"bert-f32", "num_hidden_layers", "1", WM_OK,
     ""}, // the rest of the file is ignored, as HF does
    {"bert-f32", "num_hidden_layers", "2.0", WM_OK, ""},
    {"bert-f32", "num_hidden_layers", "2e0", WM_OK, ""},
    {"distilbert-f32", "n_layers", "3", WM_ERROR_MISSING, "layer.2."},
    {"bert-f32", "num_attention_heads", "0", WM_ERROR_FORMAT, "num_attention_heads"},
    {"bert-f32", "num_attention_heads", "5", WM_ERROR_SHAPE, "heads 5"},
    {"bert-f32", "num_attention_heads", "48", WM_ERROR_SHAPE, "heads 48"},
    {"bert-f32", "num_attention_heads", "1e6", WM_ERROR_LIMIT, "num_attention_heads"},
    {"distilbert-f32", "n_heads", "0", WM_ERROR_FORMAT, "n_heads"},
    {"bert-f32", "hidden_size", "32", WM_ERROR_SHAPE, "32"},
    {"bert-f32", "hidden_size", "0", WM_ERROR_FORMAT, "hidden_size"},
    {"bert-f32", "hidden_size", "1e12", WM_ERROR_LIMIT, "hidden_size"},
    {"bert-f32", "intermediate_size", "57", WM_ERROR_SHAPE, "57"},
    {"bert-f32", "vocab_size", "199", WM_ERROR_SHAPE, "199"},
    {"bert-f32", "vocab_size", "201", WM_ERROR_SHAPE, "201"},
    {"bert-f32", "vocab_size", "1e12", WM_ERROR_LIMIT, "vocab_size"},
    {"bert-f32", "vocab_size", NULL, WM_ERROR_SHAPE, "30522"}, // HF's default
    {"bert-f32", "type_vocab_size", "3", WM_ERROR_SHAPE, "token_type"},
    {"electra-f32", "embedding_size", "24", WM_ERROR_SHAPE, "24"},
    {"electra-f32", "embedding_size", NULL, WM_ERROR_SHAPE, "128"},
    {"electra-bf16", "embedding_size", "0", WM_ERROR_FORMAT, "embedding_size"},
    {"bert-f32", "max_position_embeddings", "1e12", WM_ERROR_LIMIT, "max_position_embeddings"},
    {"bert-f32", "max_position_embeddings", "130", WM_ERROR_SHAPE, "130"},
    {"bert-f32", "max_position_embeddings", "132", WM_ERROR_SHAPE, "132"},
    {"bert-f32", "layer_norm_eps", "NaN", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "Infinity", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "-1", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "1e300", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "\"1e-12\"", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "null", WM_ERROR_FORMAT, "layer_norm_eps"},
    {"bert-f32", "layer_norm_eps", "0", WM_OK, ""},
    {"bert-f32", "model_type", "\"bart\"", WM_ERROR_UNSUPPORTED, "bart"},
    {"bert-f32", "model_type", "\"BERT\"", WM_ERROR_UNSUPPORTED, "BERT"},
    {"bert-f32", "model_type", "\"bert\\u0000\"", WM_ERROR_UNSUPPORTED, "bert"},
    {"bert-f32", "model_type", "7", WM_ERROR_UNSUPPORTED, "7"},
    {"bert-f32", "model_type", NULL, WM_ERROR_MISSING, "model_type"},
    {"bert-f32", "hidden_act", "\"mish\"", WM_ERROR_UNSUPPORTED, "mish"},
    {"bert-f32", "hidden_act", "[\"gelu\"]", WM_ERROR_UNSUPPORTED, "hidden_act"},
    {"distilbert-f32", "activation", "\"quick_gelu\"", WM_ERROR_UNSUPPORTED, "quick_gelu"},
    {"bert-f32", "position_embedding_type", "\"relative_key\"", WM_ERROR_UNSUPPORTED,
     "relative_key"},
    {"roberta-f32", "position_embedding_type", "\"relative_key_query\"", WM_ERROR_UNSUPPORTED,
     "relative_key_query"},
    {"electra-f32", "position_embedding_type", "\"relative_key\"", WM_ERROR_UNSUPPORTED,
     "relative_key"},
    {"bert-f32", "is_decoder", "true", WM_ERROR_UNSUPPORTED, "is_decoder"},
    {"bert-f32", "is_decoder", "false", WM_OK, ""},
    {"roberta-f32", "is_decoder", "true", WM_ERROR_UNSUPPORTED, "is_decoder"},
    {"electra-f32", "add_cross_attention", "true", WM_ERROR_UNSUPPORTED, "add_cross_attention"},
    {"bert-odd", "tie_word_embeddings", "false", WM_OK, ""}, // of the head, which is not used
    {"gpt2-bf16", "tie_word_embeddings", "true", WM_OK, ""}, // the file's lm_head is ignored
    {"gpt2-bf16", "tie_word_embeddings", "null", WM_ERROR_FORMAT, "tie_word_embeddings"},
    {"gpt2-f32", "tie_word_embeddings", "false", WM_OK, ""}, // and no head: no logits
    {"llama-bf16", "tie_word_embeddings", "false", WM_OK, ""},
    {"t5-v11", "tie_word_embeddings", "true", WM_OK, ""},
    {"gpt2-f32", "is_decoder", "true", WM_OK, ""}, // a decoder is none the more for it
    {"bert-f32", "is_decoder", "1", WM_ERROR_UNSUPPORTED, "is_decoder"},
    {"bert-f32", "is_decoder", "\"true\"", WM_ERROR_UNSUPPORTED, "is_decoder"},
    {"bert-f32", "pad_token_id", "200", WM_ERROR_FORMAT, "pad_token_id"},
    {"bert-f32", "pad_token_id", "[0]", WM_ERROR_FORMAT, "pad_token_id"},
    {"bert-f32", "pad_token_id", "null", WM_OK, ""},
    {"roberta-f32", "pad_token_id", "null", WM_ERROR_FORMAT, "pad_token_id"},
    {"roberta-f32", "pad_token_id", "-1", WM_ERROR_FORMAT, "pad_token_id"},
    {"roberta-f32", "pad_token_id", "401", WM_ERROR_FORMAT, "pad_token_id"},
    {"roberta-f32", "pad_token_id", "69", WM_ERROR_SHAPE,
     "pad_token_id"}, // 70 positions: none left
    {"bert-f32", "eos_token_id", "[1, 2]", WM_OK, ""},
    {"bert-f32", "architectures", "[\"Other\"]", WM_OK, ""},
    {"t5-f32", "relative_attention_num_buckets", "0", WM_ERROR_FORMAT, "num_buckets"},
    {"t5-f32", "relative_attention_num_buckets", "1", WM_ERROR_SHAPE, "buckets 1"},
    {"t5-f32", "relative_attention_num_buckets", "3", WM_ERROR_SHAPE, "buckets 3"},
    {"t5-f32", "relative_attention_num_buckets", "31", WM_ERROR_SHAPE, "relative_attention_bias"},
    {"t5-f32", "relative_attention_num_buckets", "64", WM_ERROR_SHAPE, "relative_attention_bias"},
    {"t5-f32", "relative_attention_num_buckets", "1e9", WM_ERROR_LIMIT, "num_buckets"},
    {"t5-f32", "relative_attention_max_distance", "0", WM_ERROR_FORMAT, "max_distance"},
    {"t5-f32", "relative_attention_max_distance", "1", WM_ERROR_SHAPE, "distance 1"},
    {"t5-f32", "relative_attention_max_distance", "16", WM_ERROR_SHAPE, "distance 16"},
    {"t5-f32", "relative_attention_max_distance", "17", WM_OK, ""},
    {"t5-f32", "feed_forward_proj", "\"geglu\"", WM_ERROR_UNSUPPORTED, "geglu"},
    {"t5-f32", "feed_forward_proj", "\"gated-\"", WM_ERROR_UNSUPPORTED, "gated-"},
    {"t5-f32", "feed_forward_proj", "\"gated-gelu\"", WM_ERROR_MISSING, "wi_0"},
    {"t5-f32", "feed_forward_proj", "7", WM_ERROR_UNSUPPORTED, "7"},
    {"t5-f32", "num_decoder_layers", "3", WM_ERROR_MISSING, "decoder.block.2."},
    {"t5-f32", "num_decoder_layers", "null", WM_OK, ""},
    {"t5-f32", "num_heads", "3", WM_ERROR_SHAPE, "SelfAttention"},
    {"t5-f32", "d_kv", "1e9", WM_ERROR_LIMIT, "d_kv"},
    {"t5-f32", "tie_word_embeddings", "1", WM_ERROR_FORMAT, "tie_word_embeddings"},
    {"longt5-local", "local_radius", "0", WM_ERROR_FORMAT, "local_radius"},
    {"longt5-local", "local_radius", "1e9", WM_ERROR_LIMIT, "local_radius"},
    {"longt5-local", "encoder_attention_type", "\"transient-global\"", WM_ERROR_MISSING,
     "TransientGlobalSelfAttention"},
    {"longt5-global", "encoder_attention_type", "\"global\"", WM_ERROR_UNSUPPORTED, "global"},
    {"longt5-global", "encoder_attention_type", NULL, WM_ERROR_MISSING, "LocalSelfAttention"},
    {"longt5-global", "global_block_size", "0", WM_ERROR_FORMAT, "global_block_size"},
    {"gpt2-f32", "n_inner", "null", WM_OK, ""},
    {"gpt2-f32", "n_head", "5", WM_ERROR_SHAPE, "heads 5"},
    {"gpt2-f32", "scale_attn_weights", "\"no\"", WM_ERROR_FORMAT, "scale_attn_weights"},
    {"gpt2-f32", "add_cross_attention", "true", WM_ERROR_UNSUPPORTED, "add_cross_attention"},
    {"gpt_neo-f16", "window_size", "0", WM_ERROR_FORMAT, "window_size"},
    {"gpt_neo-f16", "attention_types", "[]", WM_ERROR_SHAPE, "attention_types 0"},
    {"gpt_neo-f16", "attention_types", "\"local\"", WM_ERROR_SHAPE, "attention_types 0"},
    {"gpt_neo-f16", "attention_types", "[[[\"global\"], 1]]", WM_ERROR_SHAPE, "attention_types 1"},
    {"gpt_neo-f16", "attention_types", "[[[], 2]]", WM_ERROR_UNSUPPORTED, "attention_types"},
    {"gpt_neo-f16", "attention_types", "[[[\"sliding\"], 9]]", WM_ERROR_UNSUPPORTED, "sliding"},
    {"gpt_neo-f16", "attention_types", "[[[\"local\"], 1e18]]", WM_OK, ""},
    {"gpt_neox-f16", "rotary_pct", "0", WM_ERROR_FORMAT, "rotary_pct"},
    {"gpt_neox-f16", "rotary_pct", "1.5", WM_ERROR_SHAPE, "rotary width"},
    {"llama-f16", "num_key_value_heads", "3", WM_ERROR_SHAPE, "key/value heads 3"},
    {"llama-f16", "head_dim", "5", WM_ERROR_SHAPE, "rotary width 5"},
    {"llama-f16", "rope_theta", "0", WM_ERROR_FORMAT, "rope_theta"},
    {"llama-f16", "rope_theta", "NaN", WM_ERROR_FORMAT, "rope_theta"},
    {"llama-f16", "rope_scaling", "null", WM_OK, ""},
    {"llama-f16", "rope_scaling", "{\"type\": \"yarn\", \"factor\": 4.0}", WM_ERROR_UNSUPPORTED,
     "yarn"},
    {"llama-f16", "rope_scaling", "{\"type\": \"dynamic\", \"factor\": 4.0}", WM_ERROR_UNSUPPORTED,
     "dynamic"},
    {"llama-f16", "rope_scaling", "{\"rope_type\": \"longrope\"}", WM_ERROR_UNSUPPORTED,
     "longrope"},
    {"llama-f16", "rope_scaling", "{\"rope_type\": \"linear\"}", WM_ERROR_FORMAT, "factor"},
    {"llama-f16", "rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 0}", WM_ERROR_FORMAT,
     "factor"},
    {"llama-f16", "rope_scaling", "[]", WM_ERROR_UNSUPPORTED, "rope_scaling"},
    {"llama-rope3", "rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8}", WM_ERROR_FORMAT,
     "low_freq_factor"},
    {"llama-rope3", "rope_scaling",
     "{\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, \"high_freq_factor\": 4, "
     "\"original_max_position_embeddings\": 8}",
     WM_ERROR_UNSUPPORTED, "llama3"},
    {"qwen2-bf16", "use_sliding_window", "true", WM_ERROR_UNSUPPORTED, "use_sliding_window"},
    {"albert-bf16", "num_hidden_groups", "9", WM_ERROR_SHAPE, "groups 9"},
    {"albert-bf16", "inner_group_num", "0", WM_ERROR_FORMAT, "inner_group_num"},
    {"albert-bf16", "embedding_size", "13", WM_ERROR_SHAPE, "13"},
    {"model2vec", "normalize", "\"yes\"", WM_ERROR_FORMAT, "normalize"},
    {"model2vec", "max_length", "0", WM_ERROR_FORMAT, "max_length"},
};

// Opens, and closes again, what `folder` is.
static wm_status open_all(const tiny *folder, wm_error *error) {
    wm_config *config;
    wm_model *model;
    wm_span json = wm_source_find(folder->files, folder->count, "config.json")->bytes;
    WM_TRY(wm_config_from_json(&config, json, NULL, error));
    wm_status status = wm_model_open(&model, config, folder->files, folder->count, NULL, error);
    wm_config_close(config);
    if (status == WM_OK) wm_model_close(model);
    return status;
}

static void each_bad_value_is_named(void **state) {
    (void)state;
    for (size_t i = 0; i < WM_COUNT(rows); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, rows[i].folder);
        tiny_set(&folder, "config.json", rows[i].key, rows[i].value);
        wm_error error = {0};
        wm_status status = open_all(&folder, &error);
        const char *what = tiny_join(&arena, wm_span_of(rows[i].key), " ",
                                     wm_span_of(rows[i].value ? rows[i].value : "taken away"));
        tiny_expect(what, status, &error, rows[i].status, rows[i].word);
        wm_arena_free(&arena);
    }
}

static void the_whole_text_is_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        wm_status status;
        const char *word;
    } texts[] = {
        {"", WM_ERROR_JSON, "config.json"},
        {"{}", WM_ERROR_MISSING, "model_type"},
        {"[]", WM_ERROR_FORMAT, "object"},
        {"null", WM_ERROR_FORMAT, "object"},
        {"{\"model_type\": \"bert\"", WM_ERROR_JSON, "config.json"},
        {"\xEF\xBB\xBF{}", WM_ERROR_JSON, "config.json"},
        {"{\"a\": \"\xC0\x80\"}", WM_ERROR_UTF8, "config.json"},
    };
    for (size_t i = 0; i < WM_COUNT(texts); i++) {
        wm_error error = {0};
        wm_config *config;
        wm_status status = wm_config_from_json(&config, wm_span_of(texts[i].text), NULL, &error);
        tiny_expect(texts[i].text, status, &error, texts[i].status, texts[i].word);
        assert_null(config);
        assert_null(wm_detect_model_type(wm_span_of(texts[i].text), &error));
        assert_int_equal(error.status, texts[i].status);
    }
}

static void size_and_depth_are_limited(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    size_t n = (size_t)WM_LIMIT_CONFIG + 2;
    uint8_t *text = tiny_allocate(&arena, n, 1);
    wm_config *config;
    wm_error error = {0};
    memset(text, ' ', n);
    text[0] = '{';
    text[n - 1] = '}';
    tiny_expect("a long file", wm_config_from_json(&config, (wm_span){text, n}, NULL, &error),
                &error, WM_ERROR_LIMIT, "config.json");
    memset(text, '[', 100000);
    tiny_expect("a deep file", wm_config_from_json(&config, (wm_span){text, 100000}, NULL, &error),
                &error, WM_ERROR_LIMIT, "config.json");
    wm_arena_free(&arena);
}

static void missing_tensors_are_named(void **state) {
    (void)state;
    static const struct {
        const char *folder, *old, *fresh, *word; // names of one length: the header's size stays
    } names[] = {
        {"bert-f32", "layer.1.attention.self.query.weight", "layer.1.attention.self.quern.weight",
         "encoder.layer.1.attention.self.query.weight"},
        {"bert-f32", "layer.0.output.dense.bias", "layer.0.output.dense.bins",
         "encoder.layer.0.output.dense.bias"},
        {"bert-f32", "embeddings.LayerNorm.weight", "embeddings.LayerNorm.veight",
         "embeddings.LayerNorm"},
        {"bert-odd", "bert.embeddings.LayerNorm.beta", "bert.embeddings.LayerNorm.bota",
         "embeddings.LayerNorm"},
        {"bert-odd", "bert.embeddings.word_", "bart.embeddings.word_", "word_embeddings"},
        {"electra-f32", "embeddings_project.weight", "embeddings_proiect.weight",
         "embeddings_project"},
        {"distilbert-f16", "layer.2.ffn.lin2.weight", "layer.2.ffn.lin3.weight", "ffn.lin2"},
        {"roberta-f32", "position_embeddings", "position_umbeddings", "position_embeddings"},
    };
    for (size_t i = 0; i < WM_COUNT(names); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[i].folder);
        tiny_edit(&folder, "model.safetensors", names[i].old, names[i].fresh);
        wm_error error = {0};
        tiny_expect(names[i].old, open_all(&folder, &error), &error, WM_ERROR_MISSING,
                    names[i].word);
        wm_arena_free(&arena);
    }
}

static void unreadable_dtypes_are_named(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "bert-f32");
    wm_error error = {0};
    tiny_edit(&folder, "model.safetensors", "\"dtype\":\"F32\"", "\"dtype\":\"I32\"");
    tiny_expect("I32", open_all(&folder, &error), &error, WM_ERROR_UNSUPPORTED, "I32");
    wm_arena_free(&arena);
}

static void shards_must_all_be_there(void **state) {
    (void)state;
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "bert-bf16");
    wm_error error = {0};
    assert_int_equal(open_all(&folder, &error), WM_OK);
    tiny_remove(&folder, "model-00002-of-00004.safetensors");
    tiny_expect("a lost shard", open_all(&folder, &error), &error, WM_ERROR_MISSING,
                "model-00002-of-00004.safetensors");
    wm_arena_free(&arena);
}

static void families_are_recognised(void **state) {
    (void)state;
    static const char *const folders[][2] = {{"bert-f32", "bert"},
                                             {"roberta-f32", "roberta"},
                                             {"distilbert-f32", "distilbert"},
                                             {"electra-f32", "electra"}};
    for (size_t i = 0; i < WM_COUNT(folders); i++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, folders[i][0]);
        assert_string_equal(wm_detect_model_type(tiny_file(&folder, "config.json")->bytes, NULL),
                            folders[i][1]);
        wm_arena_free(&arena);
    }
}

// What of a model is quantised, and what q4 leaves in eight bits.
static void quantising_knows_the_tensors(void **state) {
    (void)state;
    static const char bert[] = "{\"model_type\":\"bert\",\"num_hidden_layers\":6}";
    static const char llama[] = "{\"model_type\":\"llama\",\"num_hidden_layers\":4,"
                                "\"tie_word_embeddings\":true}";
    static const char t5[] = "{\"model_type\":\"t5\",\"num_layers\":3,\"num_decoder_layers\":12,"
                             "\"tie_word_embeddings\":false}";
    static const struct {
        const char *config, *tensor;
        wm_quant_role role;
        wm_quant kind; // of q4
    } cases[] = {
        {bert, "embeddings.word_embeddings.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {bert, "bert.encoder.layer.0.output.dense.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {bert, "encoder.layer.1.output.dense.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {bert, "encoder.layer.5.output.dense.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {bert, "encoder.layer.5.output.dense.bias", WM_QUANT_KEEP, WM_QUANT_Q4},
        {bert, "encoder.layer.5.output.LayerNorm.weight", WM_QUANT_KEEP, WM_QUANT_I8},
        {bert, "embeddings.position_embeddings.weight", WM_QUANT_KEEP, WM_QUANT_Q4},
        {bert, "cls.predictions.decoder.weight", WM_QUANT_KEEP, WM_QUANT_Q4},
        {llama, "model.embed_tokens.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {llama, "model.layers.3.mlp.up_proj.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {llama, "model.layers.2.mlp.up_proj.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {t5, "shared.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {t5, "lm_head.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {t5, "encoder.block.0.layer.0.SelfAttention.q.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {t5, "decoder.block.0.layer.1.EncDecAttention.q.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {t5, "decoder.block.10.layer.0.SelfAttention.q.weight", WM_QUANT_ROWS, WM_QUANT_Q4},
        {t5, "decoder.block.11.layer.0.SelfAttention.q.weight", WM_QUANT_ROWS, WM_QUANT_I8},
        {t5, "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", WM_QUANT_KEEP,
         WM_QUANT_Q4},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_config *config = NULL;
        wm_error error;
        wm_span tensor = wm_span_of(cases[i].tensor);
        assert_int_equal(wm_config_from_json(&config, wm_span_of(cases[i].config), NULL, &error),
                         WM_OK);
        if (wm_config_quant_role(config, tensor) != cases[i].role ||
            wm_config_quant_kind(config, tensor, WM_QUANT_Q4) != cases[i].kind)
            fail_msg("%s: another role or kind", cases[i].tensor);
        assert_int_equal(wm_config_quant_kind(config, tensor, WM_QUANT_F16), WM_QUANT_F16);
        wm_config_close(config);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_bad_value_is_named),
        cmocka_unit_test(the_whole_text_is_checked),
        cmocka_unit_test(size_and_depth_are_limited),
        cmocka_unit_test(missing_tensors_are_named),
        cmocka_unit_test(unreadable_dtypes_are_named),
        cmocka_unit_test(shards_must_all_be_there),
        cmocka_unit_test(families_are_recognised),
        cmocka_unit_test(quantising_knows_the_tensors),
    };
    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
