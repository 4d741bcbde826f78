// SPDX-License-Identifier: MIT OR Apache-2.0
// MPNet: BERT with RoBERTa's positions and a bias by distance on every layer's scores.
// Source: transformers, models/mpnet/{configuration,modeling}_mpnet.py
#include "../arch.h"

static const wm_key mpnet_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"hidden_size", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"num_hidden_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"num_attention_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"intermediate_size", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"max_position_embeddings", WM_KEY_SIZE, WM_ARCH(positions), WM_LIMIT_POSITIONS, NULL},
    {"relative_attention_num_buckets", WM_KEY_SIZE, WM_ARCH(relative_buckets), WM_LIMIT_WIDTH, NULL},
    {"hidden_act", WM_KEY_ACTIVATION, WM_ARCH(activation), 0, NULL},
    {"layer_norm_eps", WM_KEY_EPS, WM_ARCH(norm_eps), 0, NULL},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot mpnet_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

static const wm_slot mpnet_stack[] = {
    {"encoder.relative_attention_bias", WM_STACK(relative), WM_SLOT_TABLE, "RH", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

static const wm_slot mpnet_layer[] = {
    {"encoder.layer.%.attention.attn.q", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"encoder.layer.%.attention.attn.k", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"encoder.layer.%.attention.attn.v", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"encoder.layer.%.attention.attn.o", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"encoder.layer.%.attention.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"encoder.layer.%.intermediate.dense", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"encoder.layer.%.output.dense", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"encoder.layer.%.output.LayerNorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

// The padding index of the positions is 1 in the code, whatever pad_token_id says.
const wm_family wm_family_mpnet = {
    "mpnet", "mpnet.",
    {.vocabulary = 30527, .positions = 512, .layers = 12, .width = 768, .heads = 12, .ffn_width = 3072,
     .pad_id = 1, .position = WM_POSITION_LEARNED_PADDED, .relative_buckets = 32, .relative_distance = 128,
     .activation = WM_GELU_ERF, .norm_eps = 1e-12f},
    mpnet_keys, mpnet_model, {{mpnet_stack, mpnet_layer}},
};
