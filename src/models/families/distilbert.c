// SPDX-License-Identifier: MIT OR Apache-2.0
// DistilBERT: BERT without token types, under names of its own.
// Source: transformers, models/distilbert/{configuration,modeling}_distilbert.py
#include "../arch.h"

static const wm_key distilbert_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"dim", WM_ARCH(width), WM_KEY_WIDTH},
    {"n_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"n_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"hidden_dim", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"pad_token_id", WM_ARCH(pad_id), WM_KEY_ID},
    {"activation", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot distilbert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {0},
};

static const wm_slot distilbert_layer[] = {
    {"attention.q_lin", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"attention.k_lin", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.v_lin", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.out_lin", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"sa_layer_norm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"ffn.lin1", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"ffn.lin2", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"output_layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_head_table distilbert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_RELU, "pre_classifier", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "vocab_transform", "vocab_layer_norm", "vocab_projector", NULL},
};

const wm_family wm_family_distilbert = {
    "distilbert.",
    {.vocabulary = 30522, .positions = 512, .layers = 6, .width = 768, .heads = 12, .ffn_width = 3072,
     .pad_id = 0, .position = WM_POSITION_LEARNED, .activation = WM_GELU_ERF, .norm_eps = 1e-12f,
     .tied_head = true, .head_tables = distilbert_heads},
    distilbert_keys, distilbert_model, {{NULL, "transformer.layer.%.", distilbert_layer}},
};
