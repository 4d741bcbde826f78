// SPDX-License-Identifier: MIT OR Apache-2.0
// GPT-2 and GPT-Neo: the same blocks, the first with fused [in, out] projections, the second with
// separate ones, no scale on the scores, and windows on some layers.
// Source: transformers, models/{gpt2,gpt_neo}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_slot gpt2_model[] = {
    {"wte", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"wpe", WM_MODEL(position), 'P', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"lm_head", WM_MODEL(head), 'V', 'D', WM_SLOT_TABLE, WM_IF_UNTIED},
    {0},
};

static const wm_slot gpt2_stack[] = {
    {"ln_f", WM_STACK(final_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_key gpt2_keys[] = {
    {WM_KEY(vocab_size), 50257},
    {WM_KEY(n_embd), 768},
    {WM_KEY(n_layer), 12},
    {WM_KEY(n_head), 12},
    {WM_KEY(n_inner), 0},
    {WM_KEY(n_positions), 1024},
    {WM_KEY(activation_function), WM_GELU_TANH},
    {WM_KEY(layer_norm_epsilon), 5},
    {WM_KEY(scale_attn_weights), 0},
    {WM_KEY(scale_attn_by_inverse_layer_idx), 0},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_KEY(add_cross_attention), 0},
    {WM_SET(kind), WM_DECODER},
    {WM_SET(ffn_factor), 4},
    {WM_SET(position), WM_POSITION_LEARNED},
    {WM_SET(norm_place), WM_NORM_PRE},
    {0, 0},
};

static const wm_slot gpt2_layer[] = {
    {"ln_1", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"attn.c_attn", WM_LAYER(qkv), 'W', 'D', WM_SLOT_CONV1D, WM_ALWAYS},
    {"attn.c_proj", WM_LAYER(o), 'D', 'A', WM_SLOT_CONV1D, WM_ALWAYS},
    {"ln_2", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"mlp.c_fc", WM_LAYER(up), 'F', 'D', WM_SLOT_CONV1D, WM_ALWAYS},
    {"mlp.c_proj", WM_LAYER(down), 'D', 'F', WM_SLOT_CONV1D, WM_ALWAYS},
    {0},
};

static const wm_stack_table gpt2_stacks[] = {{gpt2_stack, "h.%.", gpt2_layer}};

const wm_family wm_family_gpt2 = {"transformer.", gpt2_keys, NULL, gpt2_model, gpt2_stacks, NULL};

static const wm_key gpt_neo_keys[] = {
    {WM_KEY(vocab_size), 50257},
    {WM_KEY(hidden_size), 2048},
    {WM_KEY(num_layers), 24},
    {WM_KEY(num_heads), 16},
    {WM_KEY(intermediate_size), 0},
    {WM_KEY(max_position_embeddings), 2048},
    {WM_KEY(window_size), 256},
    {WM_KEY(attention_types), 0xAAAAAA},
    {WM_KEY(activation_function), WM_GELU_TANH},
    {WM_KEY(layer_norm_epsilon), 5},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(kind), WM_DECODER},
    {WM_SET(ffn_factor), 4},
    {WM_SET(position), WM_POSITION_LEARNED},
    {WM_SET(norm_place), WM_NORM_PRE},
    {WM_SET(unscaled_attention), 1},
    {0, 0},
};

static const wm_slot gpt_neo_layer[] = {
    {"ln_1", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"attn.attention.q_proj", WM_LAYER(q), 'A', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"attn.attention.k_proj", WM_LAYER(k), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"attn.attention.v_proj", WM_LAYER(v), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"attn.attention.out_proj", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR, WM_ALWAYS},
    {"ln_2", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"mlp.c_fc", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"mlp.c_proj", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {0},
};

// Without attention_types, HF's default alternates: every second layer has the window.
static const wm_stack_table gpt_neo_stacks[] = {{gpt2_stack, "h.%.", gpt_neo_layer}};

const wm_family wm_family_gpt_neo = {"transformer.", gpt_neo_keys,   NULL,
                                     gpt2_model,     gpt_neo_stacks, NULL};
