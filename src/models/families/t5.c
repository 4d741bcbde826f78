// SPDX-License-Identifier: MIT OR Apache-2.0
// T5 (v1.0, v1.1 and Flan), mT5, ByT5, LongT5: an encoder and a decoder with RMS norms, no absolute
// positions, a bias by distance that all layers of a stack share, and scores that are not scaled.
// Source: transformers, models/{t5,mt5,longt5}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key t5_keys[] = {
    {WM_KEY(vocab_size), 32128},
    {WM_KEY(d_model), 512},
    {WM_KEY(d_kv), 64},
    {WM_KEY(d_ff), 2048},
    {WM_KEY(num_layers), 6},
    {WM_KEY(num_decoder_layers), 0},
    {WM_KEY(num_heads), 8},
    {WM_KEY(relative_attention_num_buckets), 32},
    {WM_KEY(relative_attention_max_distance), 128},
    {WM_KEY(feed_forward_proj), WM_RELU},
    {WM_KEY(layer_norm_epsilon), 6},
    {WM_KEY(pad_token_id), 1},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(kind), WM_ENCODER_DECODER},
    {WM_SET(positions), WM_LIMIT_POSITIONS},
    {WM_SET(norm), WM_NORM_RMS},
    {WM_SET(norm_place), WM_NORM_PRE},
    {WM_SET(unscaled_attention), 1},
    {WM_KEY(scale_decoder_outputs), 1}, // of transformers 5: what tie_word_embeddings said before
    {0, 0},
};

static const wm_slot t5_model[] = {
    {"shared", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    // transformers 5 writes that it is tied where it is not.
    {"lm_head", WM_MODEL(head), 'V', 'D', WM_SLOT_TABLE, WM_IF_THERE},
    {0},
};

#define T5_SELF                                                                          \
    {"layer.0.@SelfAttention.q", WM_LAYER(q), 'A', 'D', WM_SLOT_TABLE, WM_ALWAYS},       \
        {"layer.0.@SelfAttention.k", WM_LAYER(k), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},   \
        {"layer.0.@SelfAttention.v", WM_LAYER(v), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},   \
        {"layer.0.@SelfAttention.o", WM_LAYER(o), 'D', 'A', WM_SLOT_TABLE, WM_ALWAYS}, { \
        "layer.0.layer_norm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS  \
    }

#define T5_FEED(layer)                                                                        \
    {layer ".DenseReluDense.wi", WM_LAYER(up), 'F', 'D', WM_SLOT_TABLE, WM_IF_NOT_GATED},     \
        {layer ".DenseReluDense.wi_0", WM_LAYER(gate), 'F', 'D', WM_SLOT_TABLE, WM_IF_GATED}, \
        {layer ".DenseReluDense.wi_1", WM_LAYER(up), 'F', 'D', WM_SLOT_TABLE, WM_IF_GATED},   \
        {layer ".DenseReluDense.wo", WM_LAYER(down), 'D', 'F', WM_SLOT_TABLE, WM_ALWAYS}, {   \
        layer ".layer_norm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS              \
    }

#define T5_STACK(stack)                                                                           \
    {stack ".final_layer_norm", WM_STACK(final_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS}, {         \
        stack ".block.0.layer.0.@SelfAttention.relative_attention_bias", WM_STACK(relative), 'R', \
            'H', WM_SLOT_TABLE, WM_ALWAYS                                                         \
    }

static const wm_slot t5_encoder[] = {
    T5_STACK("encoder"),
    {"encoder.block.0.layer.0.@SelfAttention.global_relative_attention_bias",
     WM_STACK(side_relative), 'R', 'H', WM_SLOT_TABLE, WM_IF_SIDE},
    {0},
};
static const wm_slot t5_decoder[] = {T5_STACK("decoder"), {0}};
static const wm_slot t5_encoder_layer[] = {
    T5_SELF,
    {"layer.0.@SelfAttention.global_input_layer_norm", WM_LAYER(side_norm), 'D', 0, WM_SLOT_NORM,
     WM_IF_SIDE},
    T5_FEED("layer.1"),
    {0},
};
static const wm_slot t5_decoder_layer[] = {
    T5_SELF,
    {"layer.1.EncDecAttention.q", WM_LAYER(cross_q), 'A', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"layer.1.EncDecAttention.k", WM_LAYER(cross_k), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"layer.1.EncDecAttention.v", WM_LAYER(cross_v), 'K', 'D', WM_SLOT_TABLE, WM_ALWAYS},
    {"layer.1.EncDecAttention.o", WM_LAYER(cross_o), 'D', 'A', WM_SLOT_TABLE, WM_ALWAYS},
    {"layer.1.layer_norm", WM_LAYER(cross_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    T5_FEED("layer.2"),
    {0},
};

static const wm_stack_table t5_stacks[] = {
    {t5_encoder, "encoder.block.%.", t5_encoder_layer},
    {t5_decoder, "decoder.block.%.", t5_decoder_layer},
};

const wm_family wm_family_t5 = {"", t5_keys, NULL, t5_model, t5_stacks, NULL};

static const wm_key mt5_more[] = {
    {WM_KEY(vocab_size), 250112},
    {WM_KEY(d_ff), 1024},
    {WM_KEY(num_layers), 8},
    {WM_KEY(num_heads), 6},
    {WM_KEY(feed_forward_proj), WM_GELU_TANH},
    {WM_KEY(tie_word_embeddings), 0},
    {WM_KEY(scale_decoder_outputs), 0},
    {WM_SET(gated), 1},
    {0, 0},
};

const wm_family wm_family_mt5 = {"", t5_keys, mt5_more, t5_model, t5_stacks, NULL};

static const wm_key longt5_more[] = {
    {WM_KEY(local_radius), 127},
    {WM_KEY(global_block_size), 16},
    {WM_KEY(encoder_attention_type), 0},
    {WM_SET(local_encoder), 1},
    {0, 0},
};

const wm_family wm_family_longt5 = {"", t5_keys, longt5_more, t5_model, t5_stacks, NULL};
