// SPDX-License-Identifier: MIT OR Apache-2.0
// T5 (v1.0, v1.1 and Flan), mT5, ByT5: an encoder and a decoder with RMS norms, no absolute positions, a
// bias by distance that all layers of a stack share, and scores that are not scaled.
// Source: transformers, models/{t5,mt5}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key t5_keys[] = {
    {"vocab_size", WM_KEY_SIZE, WM_ARCH(vocabulary), WM_LIMIT_VOCABULARY, NULL},
    {"d_model", WM_KEY_SIZE, WM_ARCH(width), WM_LIMIT_WIDTH, NULL},
    {"d_kv", WM_KEY_SIZE, WM_ARCH(head_width), WM_LIMIT_WIDTH, NULL},
    {"d_ff", WM_KEY_SIZE, WM_ARCH(ffn_width), WM_LIMIT_WIDTH * 16, NULL},
    {"num_layers", WM_KEY_SIZE, WM_ARCH(layers), WM_LIMIT_LAYERS, NULL},
    {"num_decoder_layers", WM_KEY_SIZE, WM_ARCH(decoder_layers), WM_LIMIT_LAYERS, NULL},
    {"num_heads", WM_KEY_SIZE, WM_ARCH(heads), WM_LIMIT_HEADS, NULL},
    {"relative_attention_num_buckets", WM_KEY_SIZE, WM_ARCH(relative_buckets), WM_LIMIT_WIDTH, NULL},
    {"relative_attention_max_distance", WM_KEY_SIZE, WM_ARCH(relative_distance), WM_LIMIT_POSITIONS, NULL},
    {"feed_forward_proj", WM_KEY_T5_FFN, 0, 0, NULL},
    {"layer_norm_epsilon", WM_KEY_EPS, WM_ARCH(norm_eps), 0, NULL},
    {"pad_token_id", WM_KEY_ID, WM_ARCH(pad_id), 0, NULL},
    {"tie_word_embeddings", WM_KEY_FLAG, WM_ARCH(tied_head), 0, NULL},
    {NULL, WM_KEY_EQUAL, 0, 0, NULL},
};

static const wm_slot t5_model[] = {
    {"shared", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"lm_head", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

#define SELF(stack, n) stack ".block.%.layer.0.SelfAttention." n
#define CROSS(n) "decoder.block.%.layer.1.EncDecAttention." n
#define FEED(stack, layer, n) stack ".block.%.layer." layer ".DenseReluDense." n

#define T5_LAYER(stack, layer)                                                                        \
    {SELF(stack, "q"), WM_LAYER(q), WM_SLOT_TABLE, "AD", WM_ALWAYS},                                  \
    {SELF(stack, "k"), WM_LAYER(k), WM_SLOT_TABLE, "KD", WM_ALWAYS},                                  \
    {SELF(stack, "v"), WM_LAYER(v), WM_SLOT_TABLE, "KD", WM_ALWAYS},                                  \
    {SELF(stack, "o"), WM_LAYER(o), WM_SLOT_TABLE, "DA", WM_ALWAYS},                                  \
    {stack ".block.%.layer.0.layer_norm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},    \
    {FEED(stack, layer, "wi"), WM_LAYER(up), WM_SLOT_TABLE, "FD", WM_IF_NOT_GATED},                   \
    {FEED(stack, layer, "wi_0"), WM_LAYER(gate), WM_SLOT_TABLE, "FD", WM_IF_GATED},                   \
    {FEED(stack, layer, "wi_1"), WM_LAYER(up), WM_SLOT_TABLE, "FD", WM_IF_GATED},                     \
    {FEED(stack, layer, "wo"), WM_LAYER(down), WM_SLOT_TABLE, "DF", WM_ALWAYS},                       \
    {stack ".block.%.layer." layer ".layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS}

#define T5_STACK(stack)                                                                               \
    {stack ".final_layer_norm", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},                  \
    {stack ".block.0.layer.0.SelfAttention.relative_attention_bias", WM_STACK(relative), WM_SLOT_TABLE, \
     "RH", WM_ALWAYS}

static const wm_slot t5_encoder[] = {T5_STACK("encoder"), {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS}};
static const wm_slot t5_decoder[] = {T5_STACK("decoder"), {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS}};
static const wm_slot t5_encoder_layer[] = {T5_LAYER("encoder", "1"), {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS}};
static const wm_slot t5_decoder_layer[] = {
    T5_LAYER("decoder", "2"),
    {CROSS("q"), WM_LAYER(cross_q), WM_SLOT_TABLE, "AD", WM_ALWAYS},
    {CROSS("k"), WM_LAYER(cross_k), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {CROSS("v"), WM_LAYER(cross_v), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {CROSS("o"), WM_LAYER(cross_o), WM_SLOT_TABLE, "DA", WM_ALWAYS},
    {"decoder.block.%.layer.1.layer_norm", WM_LAYER(cross_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {NULL, 0, WM_SLOT_TABLE, "", WM_ALWAYS},
};

#define T5_CHOICES                                                                                    \
    .kind = WM_ENCODER_DECODER, .positions = WM_LIMIT_POSITIONS, .pad_id = 0, .relative_buckets = 32, \
    .relative_distance = 128, .norm = WM_NORM_RMS, .norm_place = WM_NORM_PRE, .norm_eps = 1e-6f,      \
    .unscaled_attention = true

const wm_family wm_family_t5 = {
    "t5", "",
    {T5_CHOICES, .vocabulary = 32128, .layers = 6, .width = 512, .heads = 8, .head_width = 64,
     .ffn_width = 2048, .activation = WM_RELU, .tied_head = true, .scaled_head = true},
    t5_keys, t5_model, {{t5_encoder, t5_encoder_layer}, {t5_decoder, t5_decoder_layer}},
};

const wm_family wm_family_mt5 = {
    "mt5", "",
    {T5_CHOICES, .vocabulary = 250112, .layers = 8, .width = 512, .heads = 6, .head_width = 64,
     .ffn_width = 1024, .activation = WM_GELU_TANH, .gated = true, .scaled_head = true},
    t5_keys, t5_model, {{t5_encoder, t5_encoder_layer}, {t5_decoder, t5_decoder_layer}},
};
