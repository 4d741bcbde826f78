// SPDX-License-Identifier: MIT OR Apache-2.0
// T5 (v1.0, v1.1 and Flan), mT5, ByT5: an encoder and a decoder with RMS norms, no absolute positions, a
// bias by distance that all layers of a stack share, and scores that are not scaled.
// Source: transformers, models/{t5,mt5}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key t5_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"d_model", WM_ARCH(width), WM_KEY_WIDTH},
    {"d_kv", WM_ARCH(head_width), WM_KEY_WIDTH},
    {"d_ff", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"num_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_decoder_layers", WM_ARCH(decoder_layers), WM_KEY_LAYERS},
    {"num_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"relative_attention_num_buckets", WM_ARCH(relative_buckets), WM_KEY_WIDTH},
    {"relative_attention_max_distance", WM_ARCH(relative_distance), WM_KEY_POSITIONS},
    {"feed_forward_proj", 0, WM_KEY_T5_FFN},
    {"layer_norm_epsilon", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"pad_token_id", WM_ARCH(pad_id), WM_KEY_ID},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot t5_model[] = {
    {"shared", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"lm_head", WM_MODEL(head), WM_SLOT_TABLE, "VD", WM_IF_UNTIED},
    {0},
};

#define T5_SELF                                                                     \
    {"layer.0.SelfAttention.q", WM_LAYER(q), WM_SLOT_TABLE, "AD", WM_ALWAYS},       \
    {"layer.0.SelfAttention.k", WM_LAYER(k), WM_SLOT_TABLE, "KD", WM_ALWAYS},       \
    {"layer.0.SelfAttention.v", WM_LAYER(v), WM_SLOT_TABLE, "KD", WM_ALWAYS},       \
    {"layer.0.SelfAttention.o", WM_LAYER(o), WM_SLOT_TABLE, "DA", WM_ALWAYS},       \
    {"layer.0.layer_norm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS}

#define T5_FEED(layer)                                                                         \
    {layer ".DenseReluDense.wi", WM_LAYER(up), WM_SLOT_TABLE, "FD", WM_IF_NOT_GATED},          \
    {layer ".DenseReluDense.wi_0", WM_LAYER(gate), WM_SLOT_TABLE, "FD", WM_IF_GATED},          \
    {layer ".DenseReluDense.wi_1", WM_LAYER(up), WM_SLOT_TABLE, "FD", WM_IF_GATED},            \
    {layer ".DenseReluDense.wo", WM_LAYER(down), WM_SLOT_TABLE, "DF", WM_ALWAYS},              \
    {layer ".layer_norm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS}

#define T5_STACK(stack)                                                                               \
    {stack ".final_layer_norm", WM_STACK(final_norm), WM_SLOT_NORM, "D", WM_ALWAYS},                  \
    {stack ".block.0.layer.0.SelfAttention.relative_attention_bias", WM_STACK(relative), WM_SLOT_TABLE, \
     "RH", WM_ALWAYS}

static const wm_slot t5_encoder[] = {T5_STACK("encoder"), {0}};
static const wm_slot t5_decoder[] = {T5_STACK("decoder"), {0}};
static const wm_slot t5_encoder_layer[] = {T5_SELF, T5_FEED("layer.1"), {0}};
static const wm_slot t5_decoder_layer[] = {
    T5_SELF,
    {"layer.1.EncDecAttention.q", WM_LAYER(cross_q), WM_SLOT_TABLE, "AD", WM_ALWAYS},
    {"layer.1.EncDecAttention.k", WM_LAYER(cross_k), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {"layer.1.EncDecAttention.v", WM_LAYER(cross_v), WM_SLOT_TABLE, "KD", WM_ALWAYS},
    {"layer.1.EncDecAttention.o", WM_LAYER(cross_o), WM_SLOT_TABLE, "DA", WM_ALWAYS},
    {"layer.1.layer_norm", WM_LAYER(cross_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    T5_FEED("layer.2"),
    {0},
};

#define T5_STACKS                                                  \
    {                                                              \
        {t5_encoder, "encoder.block.%.", t5_encoder_layer}, {      \
            t5_decoder, "decoder.block.%.", t5_decoder_layer       \
        }                                                          \
    }

#define T5_CHOICES                                                                                    \
    .kind = WM_ENCODER_DECODER, .positions = WM_LIMIT_POSITIONS, .pad_id = 0, .relative_buckets = 32, \
    .relative_distance = 128, .norm = WM_NORM_RMS, .norm_place = WM_NORM_PRE, .norm_eps = 1e-6f,      \
    .unscaled_attention = true

const wm_family wm_family_t5 = {
    "",
    {T5_CHOICES, .vocabulary = 32128, .layers = 6, .width = 512, .heads = 8, .head_width = 64,
     .ffn_width = 2048, .activation = WM_RELU, .tied_head = true, .scaled_head = true},
    t5_keys, t5_model, T5_STACKS,
};

const wm_family wm_family_mt5 = {
    "",
    {T5_CHOICES, .vocabulary = 250112, .layers = 8, .width = 512, .heads = 6, .head_width = 64,
     .ffn_width = 1024, .activation = WM_GELU_TANH, .gated = true, .scaled_head = true},
    t5_keys, t5_model, T5_STACKS,
};
