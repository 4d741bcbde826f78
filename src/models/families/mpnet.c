// SPDX-License-Identifier: MIT OR Apache-2.0
// MPNet: BERT with RoBERTa's positions and a bias by distance on every layer's scores.
// Source: transformers, models/mpnet/{configuration,modeling}_mpnet.py
#include "../arch.h"

static const wm_key mpnet_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"num_hidden_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_attention_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"relative_attention_num_buckets", WM_ARCH(relative_buckets), WM_KEY_WIDTH},
    {"hidden_act", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_eps", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot mpnet_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {0},
};

static const wm_slot mpnet_stack[] = {
    {"encoder.relative_attention_bias", WM_STACK(relative), WM_SLOT_TABLE, "RH", WM_ALWAYS},
    {0},
};

static const wm_slot mpnet_layer[] = {
    {"attention.attn.q", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"attention.attn.k", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.attn.v", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.attn.o", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"attention.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"intermediate.dense", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"output.dense", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"output.LayerNorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

// The padding index of the positions is 1 in the code, whatever pad_token_id says.
const wm_family wm_family_mpnet = {
    "mpnet.",
    {.vocabulary = 30527, .positions = 512, .layers = 12, .width = 768, .heads = 12, .ffn_width = 3072,
     .pad_id = 1, .position = WM_POSITION_LEARNED_PADDED, .relative_buckets = 32, .relative_distance = 128,
     .activation = WM_GELU_ERF, .norm_eps = 1e-12f, .tied_head = true, .head_tables = wm_roberta_heads},
    mpnet_keys, mpnet_model, {{mpnet_stack, "encoder.layer.%.", mpnet_layer}},
};
