// SPDX-License-Identifier: MIT OR Apache-2.0
// Llama (SmolLM2, …), Qwen2 and Qwen3: RMS norms, rotary positions, shared key/value heads, a gated
// feed-forward. Biases are read where the file has them (Qwen2's q, k, v); Qwen3 norms each head.
// Source: transformers, models/{llama,qwen2,qwen3}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key llama_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"num_hidden_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_attention_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"num_key_value_heads", WM_ARCH(kv_heads), WM_KEY_HEADS},
    {"head_dim", WM_ARCH(head_width), WM_KEY_WIDTH},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"hidden_act", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"rms_norm_eps", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"rope_theta", WM_ARCH(rotary_theta), WM_KEY_REAL},
    {"rope_scaling", 0, WM_KEY_ROPE},
    {"rope_parameters", 0, WM_KEY_ROPE},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {"use_sliding_window", 0, WM_KEY_FALSE},
    {0},
};

static const wm_slot llama_model[] = {
    {"embed_tokens", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"lm_head", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {0},
};

static const wm_slot llama_stack[] = {
    {"norm", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_slot llama_layer[] = {
    {"input_layernorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"self_attn.q_proj", WM_LAYER(q), WM_SLOT_LINEAR_FREE, "AD", WM_ALWAYS},
    {"self_attn.k_proj", WM_LAYER(k), WM_SLOT_LINEAR_FREE, "KD", WM_ALWAYS},
    {"self_attn.v_proj", WM_LAYER(v), WM_SLOT_LINEAR_FREE, "KD", WM_ALWAYS},
    {"self_attn.q_norm", WM_LAYER(q_norm), WM_SLOT_NORM, "d", WM_IF_HEAD_NORMS},
    {"self_attn.k_norm", WM_LAYER(k_norm), WM_SLOT_NORM, "d", WM_IF_HEAD_NORMS},
    {"self_attn.o_proj", WM_LAYER(o), WM_SLOT_LINEAR_FREE, "DA", WM_ALWAYS},
    {"post_attention_layernorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"mlp.gate_proj", WM_LAYER(gate), WM_SLOT_LINEAR_FREE, "FD", WM_ALWAYS},
    {"mlp.up_proj", WM_LAYER(up), WM_SLOT_LINEAR_FREE, "FD", WM_ALWAYS},
    {"mlp.down_proj", WM_LAYER(down), WM_SLOT_LINEAR_FREE, "DF", WM_ALWAYS},
    {0},
};

#define LLAMA_CHOICES                                                                                 \
    .kind = WM_DECODER, .pad_id = -1, .position = WM_POSITION_ROTARY, .rotary_fraction = 1,           \
    .norm = WM_NORM_RMS, .norm_place = WM_NORM_PRE, .activation = WM_SILU, .gated = true

const wm_family wm_family_llama = {
    "model.",
    {LLAMA_CHOICES, .vocabulary = 32000, .positions = 2048, .layers = 32, .width = 4096, .heads = 32,
     .ffn_width = 11008, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, "layers.%.", llama_layer}},
};

const wm_family wm_family_qwen2 = {
    "model.",
    {LLAMA_CHOICES, .vocabulary = 151936, .positions = 32768, .layers = 32, .width = 4096, .heads = 32,
     .kv_heads = 32, .ffn_width = 22016, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, "layers.%.", llama_layer}},
};

const wm_family wm_family_qwen3 = {
    "model.",
    {LLAMA_CHOICES, .vocabulary = 151936, .positions = 32768, .layers = 32, .width = 4096, .heads = 32,
     .kv_heads = 32, .head_width = 128, .head_norms = true, .ffn_width = 22016, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, "layers.%.", llama_layer}},
};
