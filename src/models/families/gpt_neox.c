// SPDX-License-Identifier: MIT OR Apache-2.0
// GPT-NeoX (Pythia): rotary positions on a part of each head, q, k and v fused head by head, and
// attention beside the feed-forward.
// Source: transformers, models/gpt_neox/{configuration,modeling}_gpt_neox.py
#include "../arch.h"

static const wm_key gpt_neox_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"num_hidden_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_attention_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"hidden_act", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_eps", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"rotary_pct", WM_ARCH(rotary_fraction), WM_KEY_REAL},
    {"rotary_emb_base", WM_ARCH(rotary_theta), WM_KEY_REAL},
    {"rope_scaling", 0, WM_KEY_ROPE},
    {"rope_parameters", 0, WM_KEY_ROPE},
    {"use_parallel_residual", WM_ARCH(parallel_residual), WM_KEY_FLAG},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot gpt_neox_model[] = {
    {"embed_in", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embed_out", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {0},
};

static const wm_slot gpt_neox_stack[] = {
    {"final_layer_norm", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_slot gpt_neox_layer[] = {
    {"input_layernorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"attention.query_key_value", WM_LAYER(qkv), WM_SLOT_LINEAR_FREE, "WD", WM_ALWAYS},
    {"attention.dense", WM_LAYER(o), WM_SLOT_LINEAR_FREE, "DA", WM_ALWAYS},
    {"post_attention_layernorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"mlp.dense_h_to_4h", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"mlp.dense_4h_to_h", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {0},
};

const wm_family wm_family_gpt_neox = {
    "gpt_neox.",
    {.kind = WM_DECODER, .vocabulary = 50432, .positions = 2048, .layers = 44, .width = 6144, .heads = 64,
     .ffn_width = 24576, .pad_id = -1, .position = WM_POSITION_ROTARY, .rotary_fraction = 0.25f,
     .rotary_theta = 10000, .norm_place = WM_NORM_PRE, .parallel_residual = true, .fused = WM_FUSED_PER_HEAD,
     .activation = WM_GELU_ERF, .norm_eps = 1e-5f},
    gpt_neox_keys, gpt_neox_model, {{gpt_neox_stack, "layers.%.", gpt_neox_layer}},
};
