// SPDX-License-Identifier: MIT OR Apache-2.0
// ALBERT: BERT with a narrow embedding, and layers that share the weights of their group.
// Source: transformers, models/albert/{configuration,modeling}_albert.py
#include "../arch.h"

static const wm_key albert_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"embedding_size", WM_ARCH(embedding_width), WM_KEY_WIDTH},
    {"num_hidden_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_hidden_groups", WM_ARCH(groups), WM_KEY_LAYERS},
    {"inner_group_num", WM_ARCH(inner), WM_KEY_LAYERS},
    {"num_attention_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"type_vocab_size", WM_ARCH(token_types), WM_KEY_WIDTH},
    {"pad_token_id", WM_ARCH(pad_id), WM_KEY_ID},
    {"hidden_act", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_eps", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"position_embedding_type", 0, WM_KEY_ABSOLUTE},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot albert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), WM_SLOT_TABLE, "YE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {"encoder.embedding_hidden_mapping_in", WM_MODEL(project), WM_SLOT_LINEAR, "DE", WM_ALWAYS},
    {0},
};

static const wm_slot albert_layer[] = {
    {"attention.query", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"attention.key", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.value", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.dense", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"attention.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"ffn", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"ffn_output", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"full_layer_layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_head_table albert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "pooler", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "predictions.dense", "predictions.LayerNorm", "predictions.decoder",
     "predictions"},
};

const wm_family wm_family_albert = {
    "albert.",
    {.vocabulary = 30000, .positions = 512, .token_types = 2, .layers = 12, .groups = 1, .inner = 1,
     .width = 4096, .embedding_width = 128, .heads = 64, .ffn_width = 16384, .pad_id = 0,
     .position = WM_POSITION_LEARNED, .activation = WM_GELU_TANH, .norm_eps = 1e-12f,
     .tied_head = true, .head_tables = albert_heads},
    albert_keys, albert_model, {{NULL, "encoder.albert_layer_groups.%.albert_layers.%.", albert_layer}},
};
