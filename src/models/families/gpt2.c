// SPDX-License-Identifier: MIT OR Apache-2.0
// GPT-2 and GPT-Neo: the same blocks, the first with fused [in, out] projections, the second with
// separate ones, no scale on the scores, and windows on some layers.
// Source: transformers, models/{gpt2,gpt_neo}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_slot gpt2_model[] = {
    {"wte", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"wpe", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"lm_head", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {0},
};

static const wm_slot gpt2_stack[] = {
    {"ln_f", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_key gpt2_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"n_embd", WM_ARCH(width), WM_KEY_WIDTH},
    {"n_layer", WM_ARCH(layers), WM_KEY_LAYERS},
    {"n_head", WM_ARCH(heads), WM_KEY_HEADS},
    {"n_inner", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"n_positions", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"activation_function", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_epsilon", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"scale_attn_weights", WM_ARCH(unscaled_attention), WM_KEY_NOT},
    {"scale_attn_by_inverse_layer_idx", WM_ARCH(attention_scale_by_layer), WM_KEY_FLAG},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {"add_cross_attention", 0, WM_KEY_FALSE},
    {0},
};

static const wm_slot gpt2_layer[] = {
    {"ln_1", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"attn.c_attn", WM_LAYER(qkv), WM_SLOT_CONV1D, "WD", WM_ALWAYS},
    {"attn.c_proj", WM_LAYER(o), WM_SLOT_CONV1D, "DA", WM_ALWAYS},
    {"ln_2", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"mlp.c_fc", WM_LAYER(up), WM_SLOT_CONV1D, "FD", WM_ALWAYS},
    {"mlp.c_proj", WM_LAYER(down), WM_SLOT_CONV1D, "DF", WM_ALWAYS},
    {0},
};

const wm_family wm_family_gpt2 = {
    "transformer.",
    {.kind = WM_DECODER, .vocabulary = 50257, .positions = 1024, .layers = 12, .width = 768, .heads = 12,
     .ffn_factor = 4, .pad_id = -1, .position = WM_POSITION_LEARNED, .norm_place = WM_NORM_PRE,
     .activation = WM_GELU_TANH, .norm_eps = 1e-5f, .tied_head = true},
    gpt2_keys, gpt2_model, {{gpt2_stack, "h.%.", gpt2_layer}},
};

static const wm_key gpt_neo_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"num_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"window_size", WM_ARCH(window), WM_KEY_POSITIONS},
    {"attention_types", 0, WM_KEY_WINDOWS},
    {"activation_function", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_epsilon", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot gpt_neo_layer[] = {
    {"ln_1", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"attn.attention.q_proj", WM_LAYER(q), WM_SLOT_TABLE, "AD", WM_ALWAYS},
    {"attn.attention.k_proj", WM_LAYER(k), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {"attn.attention.v_proj", WM_LAYER(v), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {"attn.attention.out_proj", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"ln_2", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"mlp.c_fc", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"mlp.c_proj", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {0},
};

// Without attention_types, HF's default alternates: every second layer has the window.
const wm_family wm_family_gpt_neo = {
    "transformer.",
    {.kind = WM_DECODER, .vocabulary = 50257, .positions = 2048, .layers = 24, .width = 2048, .heads = 16,
     .ffn_factor = 4, .pad_id = -1, .position = WM_POSITION_LEARNED, .window = 256, .local = 0xAAAAAA,
     .norm_place = WM_NORM_PRE, .activation = WM_GELU_TANH, .norm_eps = 1e-5f, .unscaled_attention = true,
     .tied_head = true},
    gpt_neo_keys, gpt2_model, {{gpt2_stack, "h.%.", gpt_neo_layer}},
};
