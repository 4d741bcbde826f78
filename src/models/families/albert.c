// SPDX-License-Identifier: MIT OR Apache-2.0
// ALBERT: BERT with a narrow embedding, and layers that share the weights of their group.
// Source: transformers, models/albert/{configuration,modeling}_albert.py
#include "../arch.h"

static const wm_key albert_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"hidden_size", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"embedding_size", WM_KEY_SIZE, WM_ARCH(embedding_width), WM_LIMIT_WIDTH, NULL},
    {"num_hidden_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"num_hidden_groups", WM_KEY_SIZE, WM_ARCH(groups), WM_LIMIT_LAYERS, NULL},
    {"inner_group_num", WM_KEY_SIZE, WM_ARCH(inner), WM_LIMIT_LAYERS, NULL},
    {"num_attention_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"intermediate_size", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"max_position_embeddings", WM_KEY_SIZE, WM_ARCH(positions), WM_LIMIT_POSITIONS, NULL},
    {"type_vocab_size", WM_KEY_SIZE, WM_ARCH(token_types), WM_LIMIT_WIDTH, NULL},
    {"pad_token_id", WM_KEY_ID, WM_ARCH(pad_id), 0, NULL},
    {"hidden_act", WM_KEY_ACTIVATION, WM_ARCH(activation), 0, NULL},
    {"layer_norm_eps", WM_KEY_EPS, WM_ARCH(norm_eps), 0, NULL},
    {"position_embedding_type", WM_KEY_EQUAL, 0, 0, "absolute"},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot albert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), WM_SLOT_TABLE, "YE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {"encoder.embedding_hidden_mapping_in", WM_MODEL(project), WM_SLOT_LINEAR, "DE", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

#define ALBERT "encoder.albert_layer_groups.%.albert_layers.%."
static const wm_slot albert_layer[] = {
    {ALBERT "attention.query", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {ALBERT "attention.key", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {ALBERT "attention.value", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {ALBERT "attention.dense", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {ALBERT "attention.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {ALBERT "ffn", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {ALBERT "ffn_output", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {ALBERT "full_layer_layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

const wm_family wm_family_albert = {
    "albert", "albert.",
    {.vocabulary = 30000, .positions = 512, .token_types = 2, .layers = 12, .groups = 1, .inner = 1,
     .width = 4096, .embedding_width = 128, .heads = 64, .ffn_width = 16384, .pad_id = 0,
     .position = WM_POSITION_LEARNED, .activation = WM_GELU_TANH, .norm_eps = 1e-12f},
    albert_keys, albert_model, {{NULL, albert_layer}},
};
