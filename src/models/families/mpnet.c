// SPDX-License-Identifier: MIT OR Apache-2.0
// MPNet: BERT with RoBERTa's positions and a bias by distance on every layer's scores.
// Source: transformers, models/mpnet/{configuration,modeling}_mpnet.py
#include "../arch.h"

static const wm_key mpnet_keys[] = {
    {WM_KEY(vocab_size), 30527},
    {WM_KEY(hidden_size), 768},
    {WM_KEY(num_hidden_layers), 12},
    {WM_KEY(num_attention_heads), 12},
    {WM_KEY(intermediate_size), 3072},
    {WM_KEY(max_position_embeddings), 512},
    {WM_KEY(relative_attention_num_buckets), 32},
    {WM_KEY(hidden_act), WM_GELU_ERF},
    {WM_KEY(layer_norm_eps), 12},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(pad_id), 2},
    {WM_SET(position), WM_POSITION_LEARNED_PADDED},
    {WM_SET(relative_distance), 128},
    {0, 0},
};

static const wm_slot mpnet_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), 'P', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), 'E', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_slot mpnet_stack[] = {
    {"encoder.relative_attention_bias", WM_STACK(relative), 'R', 'H', WM_SLOT_TABLE, WM_ALWAYS},
    {0},
};

static const wm_slot mpnet_layer[] = {
    {"attention.attn.q", WM_LAYER(q), 'A', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.attn.k", WM_LAYER(k), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.attn.v", WM_LAYER(v), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.attn.o", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.LayerNorm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"intermediate.dense", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"output.dense", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {"output.LayerNorm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

// The padding index of the positions is 1 in the code, whatever pad_token_id says.
static const wm_stack_table mpnet_stacks[] = {{mpnet_stack, "encoder.layer.%.", mpnet_layer}};

const wm_family wm_family_mpnet = {"mpnet.",    mpnet_keys,   NULL,
                                   mpnet_model, mpnet_stacks, wm_roberta_heads};
