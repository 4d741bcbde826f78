// SPDX-License-Identifier: MIT OR Apache-2.0
// GPT-NeoX (Pythia): rotary positions on a part of each head, q, k and v fused head by head, and
// attention beside the feed-forward.
// Source: transformers, models/gpt_neox/{configuration,modeling}_gpt_neox.py
#include "../arch.h"

static const wm_key gpt_neox_keys[] = {
    {WM_KEY(vocab_size), 50432},
    {WM_KEY(hidden_size), 6144},
    {WM_KEY(num_hidden_layers), 44},
    {WM_KEY(num_attention_heads), 64},
    {WM_KEY(intermediate_size), 24576},
    {WM_KEY(max_position_embeddings), 2048},
    {WM_KEY(hidden_act), WM_GELU_ERF},
    {WM_KEY(layer_norm_eps), 5},
    {WM_KEY(rotary_pct), 25},
    {WM_KEY(rotary_emb_base), 1000000},
    {WM_KEY(rope_scaling), 0},
    {WM_KEY(rope_parameters), 0},
    {WM_KEY(use_parallel_residual), 1},
    {WM_KEY(tie_word_embeddings), 0},
    {WM_SET(kind), WM_DECODER},
    {WM_SET(position), WM_POSITION_ROTARY},
    {WM_SET(norm_place), WM_NORM_PRE},
    {WM_SET(fused), WM_FUSED_PER_HEAD},
    {0, 0},
};

static const wm_slot gpt_neox_model[] = {
    {"embed_in", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embed_out", WM_MODEL(head), 'V', 'D', WM_SLOT_TABLE, WM_IF_UNTIED},
    {0},
};

static const wm_slot gpt_neox_stack[] = {
    {"final_layer_norm", WM_STACK(final_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_slot gpt_neox_layer[] = {
    {"input_layernorm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"attention.query_key_value", WM_LAYER(qkv), 'W', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"attention.dense", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"post_attention_layernorm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"mlp.dense_h_to_4h", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"mlp.dense_4h_to_h", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {0},
};

static const wm_stack_table gpt_neox_stacks[] = {{gpt_neox_stack, "layers.%.", gpt_neox_layer}};

const wm_family wm_family_gpt_neox = {"gpt_neox.",    gpt_neox_keys,   NULL,
                                      gpt_neox_model, gpt_neox_stacks, NULL};
