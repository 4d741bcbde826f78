// SPDX-License-Identifier: MIT OR Apache-2.0
// BERT and the families that keep its names: RoBERTa (XLM-RoBERTa, CamemBERT), ELECTRA.
// Source: transformers, models/{bert,roberta,electra}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key bert_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"hidden_size", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"embedding_size", WM_KEY_SIZE, WM_ARCH(embedding_width), WM_LIMIT_WIDTH, NULL}, // ELECTRA alone has it
    {"num_hidden_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"num_attention_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"intermediate_size", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"max_position_embeddings", WM_KEY_SIZE, WM_ARCH(positions), WM_LIMIT_POSITIONS, NULL},
    {"type_vocab_size", WM_KEY_SIZE, WM_ARCH(token_types), WM_LIMIT_WIDTH, NULL},
    {"pad_token_id", WM_KEY_ID, WM_ARCH(pad_id), 0, NULL},
    {"hidden_act", WM_KEY_ACTIVATION, WM_ARCH(activation), 0, NULL},
    {"layer_norm_eps", WM_KEY_EPS, WM_ARCH(norm_eps), 0, NULL},
    {"position_embedding_type", WM_KEY_EQUAL, 0, 0, "absolute"},
    {"is_decoder", WM_KEY_EQUAL, 0, 0, "false"},
    {"add_cross_attention", WM_KEY_EQUAL, 0, 0, "false"},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot bert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), WM_SLOT_TABLE, "YE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {"embeddings_project", WM_MODEL(project), WM_SLOT_LINEAR, "DE", WM_IF_WIDTHS_DIFFER},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

static const wm_slot bert_layer[] = {
    {"encoder.layer.%.attention.self.query", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"encoder.layer.%.attention.self.key", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"encoder.layer.%.attention.self.value", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"encoder.layer.%.attention.output.dense", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"encoder.layer.%.attention.output.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"encoder.layer.%.intermediate.dense", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"encoder.layer.%.output.dense", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"encoder.layer.%.output.LayerNorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

const wm_family wm_family_bert = {
    "bert", "bert.",
    {.vocabulary = 30522, .positions = 512, .token_types = 2, .layers = 12, .width = 768, .heads = 12,
     .ffn_width = 3072, .pad_id = 0, .position = WM_POSITION_LEARNED, .activation = WM_GELU_ERF,
     .norm_eps = 1e-12f},
    bert_keys, bert_model, {{NULL, bert_layer}},
};

#define ROBERTA_DEFAULTS                                                                           \
    {.vocabulary = 50265, .positions = 512, .token_types = 2, .layers = 12, .width = 768,          \
     .heads = 12, .ffn_width = 3072, .pad_id = 1, .position = WM_POSITION_LEARNED_PADDED,          \
     .activation = WM_GELU_ERF, .norm_eps = 1e-12f}

const wm_family wm_family_roberta = {
    "roberta", "roberta.", ROBERTA_DEFAULTS, bert_keys, bert_model, {{NULL, bert_layer}},
};

const wm_family wm_family_xlm_roberta = {
    "xlm-roberta", "roberta.", ROBERTA_DEFAULTS, bert_keys, bert_model, {{NULL, bert_layer}},
};

const wm_family wm_family_camembert = {
    "camembert", "roberta.", ROBERTA_DEFAULTS, bert_keys, bert_model, {{NULL, bert_layer}},
};

const wm_family wm_family_electra = {
    "electra", "electra.",
    {.vocabulary = 30522, .positions = 512, .token_types = 2, .layers = 12, .width = 256,
     .embedding_width = 128, .heads = 4, .ffn_width = 1024, .pad_id = 0, .position = WM_POSITION_LEARNED,
     .activation = WM_GELU_ERF, .norm_eps = 1e-12f},
    bert_keys, bert_model, {{NULL, bert_layer}},
};
