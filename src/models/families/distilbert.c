// SPDX-License-Identifier: MIT OR Apache-2.0
// DistilBERT: BERT without token types, under names of its own.
// Source: transformers, models/distilbert/{configuration,modeling}_distilbert.py
#include "../arch.h"

static const wm_key distilbert_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"dim", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"n_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"n_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"hidden_dim", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"max_position_embeddings", WM_KEY_SIZE, WM_ARCH(positions), WM_LIMIT_POSITIONS, NULL},
    {"pad_token_id", WM_KEY_ID, WM_ARCH(pad_id), 0, NULL},
    {"activation", WM_KEY_ACTIVATION, WM_ARCH(activation), 0, NULL},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot distilbert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

static const wm_slot distilbert_layer[] = {
    {"transformer.layer.%.attention.q_lin", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"transformer.layer.%.attention.k_lin", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"transformer.layer.%.attention.v_lin", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"transformer.layer.%.attention.out_lin", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"transformer.layer.%.sa_layer_norm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"transformer.layer.%.ffn.lin1", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"transformer.layer.%.ffn.lin2", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"transformer.layer.%.output_layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

const wm_family wm_family_distilbert = {
    "distilbert", "distilbert.",
    {.vocabulary = 30522, .positions = 512, .layers = 6, .width = 768, .heads = 12, .ffn_width = 3072,
     .pad_id = 0, .position = WM_POSITION_LEARNED, .activation = WM_GELU_ERF, .norm_eps = 1e-12f},
    distilbert_keys, distilbert_model, {{NULL, distilbert_layer}},
};
