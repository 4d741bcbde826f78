// SPDX-License-Identifier: MIT OR Apache-2.0
// DistilBERT: BERT without token types, under names of its own.
// Source: transformers, models/distilbert/{configuration,modeling}_distilbert.py
#include "../arch.h"

static const wm_key distilbert_keys[] = {
    {WM_KEY(vocab_size), 30522},
    {WM_KEY(dim), 768},
    {WM_KEY(n_layers), 6},
    {WM_KEY(n_heads), 12},
    {WM_KEY(hidden_dim), 3072},
    {WM_KEY(max_position_embeddings), 512},
    {WM_KEY(pad_token_id), 1},
    {WM_KEY(activation), WM_GELU_ERF},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(position), WM_POSITION_LEARNED},
    {WM_SET(norm_eps), 12},
    {0, 0},
};

static const wm_slot distilbert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), 'P', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), 'E', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_slot distilbert_layer[] = {
    {"attention.q_lin", WM_LAYER(q), 'A', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.k_lin", WM_LAYER(k), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.v_lin", WM_LAYER(v), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.out_lin", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR, WM_ALWAYS},
    {"sa_layer_norm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"ffn.lin1", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"ffn.lin2", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {"output_layer_norm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_head_table distilbert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_RELU, "pre_classifier", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "vocab_transform", "vocab_layer_norm", "vocab_projector",
     NULL},
};

static const wm_stack_table distilbert_stacks[] = {
    {NULL, "transformer.layer.%.", distilbert_layer}};

const wm_family wm_family_distilbert = {"distilbert.",    distilbert_keys,   NULL,
                                        distilbert_model, distilbert_stacks, distilbert_heads};
