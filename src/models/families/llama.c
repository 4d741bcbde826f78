// SPDX-License-Identifier: MIT OR Apache-2.0
// Llama (SmolLM2, …), Qwen2 and Qwen3: RMS norms, rotary positions, shared key/value heads, a gated
// feed-forward. Biases are read where the file has them (Qwen2's q, k, v); Qwen3 norms each head.
// Source: transformers, models/{llama,qwen2,qwen3}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key llama_keys[] = {
    {WM_KEY(vocab_size), 32000},
    {WM_KEY(hidden_size), 4096},
    {WM_KEY(num_hidden_layers), 32},
    {WM_KEY(num_attention_heads), 32},
    {WM_KEY(num_key_value_heads), 0},
    {WM_KEY(head_dim), 0},
    {WM_KEY(intermediate_size), 11008},
    {WM_KEY(max_position_embeddings), 2048},
    {WM_KEY(hidden_act), WM_SILU},
    {WM_KEY(rms_norm_eps), 6},
    {WM_KEY(rope_theta), 1000000},
    {WM_KEY(rope_scaling), 0},
    {WM_KEY(rope_parameters), 0},
    {WM_KEY(tie_word_embeddings), 0},
    {WM_KEY(use_sliding_window), 0},
    {WM_SET(kind), WM_DECODER},
    {WM_SET(position), WM_POSITION_ROTARY},
    {WM_SET(rotary_fraction), 100},
    {WM_SET(norm), WM_NORM_RMS},
    {WM_SET(norm_place), WM_NORM_PRE},
    {WM_SET(gated), 1},
    {0, 0},
};

static const wm_slot llama_model[] = {
    {"embed_tokens", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"lm_head", WM_MODEL(head), 'V', 'D', WM_SLOT_TABLE, WM_IF_UNTIED},
    {0},
};

static const wm_slot llama_stack[] = {
    {"norm", WM_STACK(final_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_slot llama_layer[] = {
    {"input_layernorm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"self_attn.q_proj", WM_LAYER(q), 'A', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"self_attn.k_proj", WM_LAYER(k), 'K', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"self_attn.v_proj", WM_LAYER(v), 'K', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"self_attn.q_norm", WM_LAYER(q_norm), 'd', 0, WM_SLOT_NORM, WM_IF_HEAD_NORMS},
    {"self_attn.k_norm", WM_LAYER(k_norm), 'd', 0, WM_SLOT_NORM, WM_IF_HEAD_NORMS},
    {"self_attn.o_proj", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"post_attention_layernorm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"mlp.gate_proj", WM_LAYER(gate), 'F', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"mlp.up_proj", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {"mlp.down_proj", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR_FREE, WM_ALWAYS},
    {0},
};

static const wm_stack_table llama_stacks[] = {{llama_stack, "layers.%.", llama_layer}};

const wm_family wm_family_llama = {"model.", llama_keys, NULL, llama_model, llama_stacks, NULL};

static const wm_key qwen2_more[] = {
    {WM_KEY(vocab_size), 151936},
    {WM_KEY(num_key_value_heads), 32},
    {WM_KEY(intermediate_size), 22016},
    {WM_KEY(max_position_embeddings), 32768},
    {0, 0},
};

const wm_family wm_family_qwen2 = {"model.",    llama_keys,   qwen2_more,
                                   llama_model, llama_stacks, NULL};

static const wm_key qwen3_more[] = {
    {WM_KEY(vocab_size), 151936},
    {WM_KEY(num_key_value_heads), 32},
    {WM_KEY(head_dim), 128},
    {WM_KEY(intermediate_size), 22016},
    {WM_KEY(max_position_embeddings), 32768},
    {WM_SET(head_norms), 1},
    {0, 0},
};

const wm_family wm_family_qwen3 = {"model.",    llama_keys,   qwen3_more,
                                   llama_model, llama_stacks, NULL};
