// SPDX-License-Identifier: MIT OR Apache-2.0
// Llama (SmolLM2, …), Qwen2 and Qwen3: RMS norms, rotary positions, shared key/value heads, a gated
// feed-forward. Biases are read where the file has them (Qwen2's q, k, v); Qwen3 norms each head.
// Source: transformers, models/{llama,qwen2,qwen3}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key llama_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"hidden_size", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"num_hidden_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"num_attention_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"num_key_value_heads", WM_KEY_SIZE, WM_ARCH(kv_heads), WM_LIMIT_HEADS, NULL},
    {"head_dim", WM_KEY_SIZE, WM_ARCH(head_width), WM_LIMIT_WIDTH, NULL},
    {"intermediate_size", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"max_position_embeddings", WM_KEY_SIZE, WM_ARCH(positions), WM_LIMIT_POSITIONS, NULL},
    {"hidden_act", WM_KEY_ACTIVATION, WM_ARCH(activation), 0, NULL},
    {"rms_norm_eps", WM_KEY_EPS, WM_ARCH(norm_eps), 0, NULL},
    {"rope_theta", WM_KEY_REAL, WM_ARCH(rotary_theta), 0, NULL},
    {"rope_scaling", WM_KEY_ROPE, WM_ARCH(rotary_scaling), 0, NULL},
    {"tie_word_embeddings", WM_KEY_FLAG, WM_ARCH(tied_head), 0, NULL},
    {"use_sliding_window", WM_KEY_EQUAL, 0, 0, "false"},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot llama_model[] = {
    {"embed_tokens", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"lm_head", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

static const wm_slot llama_stack[] = {
    {"norm", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

#define LLAMA_LAYER                                                                                   \
    {"layers.%.input_layernorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},             \
    {"layers.%.self_attn.q_proj", WM_LAYER(q), WM_SLOT_LINEAR_FREE, "AD", WM_ALWAYS},                 \
    {"layers.%.self_attn.k_proj", WM_LAYER(k), WM_SLOT_LINEAR_FREE, "KD", WM_ALWAYS},                 \
    {"layers.%.self_attn.v_proj", WM_LAYER(v), WM_SLOT_LINEAR_FREE, "KD", WM_ALWAYS},                 \
    {"layers.%.self_attn.o_proj", WM_LAYER(o), WM_SLOT_LINEAR_FREE, "DA", WM_ALWAYS},                 \
    {"layers.%.post_attention_layernorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},          \
    {"layers.%.mlp.gate_proj", WM_LAYER(gate), WM_SLOT_LINEAR_FREE, "FD", WM_ALWAYS},                 \
    {"layers.%.mlp.up_proj", WM_LAYER(up), WM_SLOT_LINEAR_FREE, "FD", WM_ALWAYS},                     \
    {"layers.%.mlp.down_proj", WM_LAYER(down), WM_SLOT_LINEAR_FREE, "DF", WM_ALWAYS}

static const wm_slot llama_layer[] = {LLAMA_LAYER, {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS}};

static const wm_slot qwen3_layer[] = {
    LLAMA_LAYER,
    {"layers.%.self_attn.q_norm", WM_LAYER(q_norm), WM_SLOT_NORM, "d", WM_ALWAYS},
    {"layers.%.self_attn.k_norm", WM_LAYER(k_norm), WM_SLOT_NORM, "d", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

#define LLAMA_CHOICES                                                                                 \
    .kind = WM_DECODER, .pad_id = -1, .position = WM_POSITION_ROTARY, .rotary_fraction = 1,           \
    .norm = WM_NORM_RMS, .norm_place = WM_NORM_PRE, .activation = WM_SILU, .gated = true

const wm_family wm_family_llama = {
    "llama", "model.",
    {LLAMA_CHOICES, .vocabulary = 32000, .positions = 2048, .layers = 32, .width = 4096, .heads = 32,
     .ffn_width = 11008, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, llama_layer}},
};

const wm_family wm_family_qwen2 = {
    "qwen2", "model.",
    {LLAMA_CHOICES, .vocabulary = 151936, .positions = 32768, .layers = 32, .width = 4096, .heads = 32,
     .kv_heads = 32, .ffn_width = 22016, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, llama_layer}},
};

const wm_family wm_family_qwen3 = {
    "qwen3", "model.",
    {LLAMA_CHOICES, .vocabulary = 151936, .positions = 32768, .layers = 32, .width = 4096, .heads = 32,
     .kv_heads = 32, .head_width = 128, .ffn_width = 22016, .rotary_theta = 10000, .norm_eps = 1e-6f},
    llama_keys, llama_model, {{llama_stack, qwen3_layer}},
};
