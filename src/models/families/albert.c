// SPDX-License-Identifier: MIT OR Apache-2.0
// ALBERT: BERT with a narrow embedding, and layers that share the weights of their group.
// Source: transformers, models/albert/{configuration,modeling}_albert.py
#include "../arch.h"

static const wm_key albert_keys[] = {
    {WM_KEY(vocab_size), 30000},
    {WM_KEY(hidden_size), 4096},
    {WM_KEY(embedding_size), 128},
    {WM_KEY(num_hidden_layers), 12},
    {WM_KEY(num_hidden_groups), 1},
    {WM_KEY(inner_group_num), 1},
    {WM_KEY(num_attention_heads), 64},
    {WM_KEY(intermediate_size), 16384},
    {WM_KEY(max_position_embeddings), 512},
    {WM_KEY(type_vocab_size), 2},
    {WM_KEY(pad_token_id), 1},
    {WM_KEY(hidden_act), WM_GELU_TANH},
    {WM_KEY(layer_norm_eps), 12},
    {WM_KEY(position_embedding_type), 0},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(position), WM_POSITION_LEARNED},
    {0, 0},
};

static const wm_slot albert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), 'P', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), 'Y', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), 'E', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"encoder.embedding_hidden_mapping_in", WM_MODEL(project), 'D', 'E', WM_SLOT_LINEAR, WM_ALWAYS},
    {0},
};

static const wm_slot albert_layer[] = {
    {"attention.query", WM_LAYER(q), 'A', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.key", WM_LAYER(k), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.value", WM_LAYER(v), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.dense", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.LayerNorm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"ffn", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"ffn_output", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {"full_layer_layer_norm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_head_table albert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "pooler", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "predictions.dense", "predictions.LayerNorm",
     "predictions.decoder", "predictions"},
};

static const wm_stack_table albert_stacks[] = {
    {NULL, "encoder.albert_layer_groups.%.albert_layers.%.", albert_layer}};

const wm_family wm_family_albert = {"albert.",    albert_keys,   NULL,
                                    albert_model, albert_stacks, albert_heads};
