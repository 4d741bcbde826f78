// SPDX-License-Identifier: MIT OR Apache-2.0
// The descriptor: every choice in which one transformer family differs from another. config.c fills
// it from config.json by the family's table of keys, weights.c fills the slots by the family's
// tables of weight names, and transformer.c reads both. A family is data: see families/.
#ifndef WM_ARCH_H
#define WM_ARCH_H

#include "../ops/ops.h"

typedef enum wm_norm_kind { WM_NORM_LAYER, WM_NORM_RMS } wm_norm_kind;

typedef enum wm_norm_place {
    WM_NORM_POST, // x = norm(x + f(x)), as the first transformer
    WM_NORM_PRE,  // x = x + f(norm(x)), and a norm after the last layer
} wm_norm_place;

typedef enum wm_position_kind {
    WM_POSITION_NONE,
    WM_POSITION_LEARNED,        // row = index in the text
    WM_POSITION_LEARNED_PADDED, // row = pad + count of ids up to here that are not pad; a pad keeps
                                // row pad
    WM_POSITION_ROTARY,         // of the first rotary_width numbers of each head, halves paired
} wm_position_kind;

typedef enum wm_kind {
    WM_ENCODER,         // stack 0 sees the whole text
    WM_DECODER,         // stack 0 sees what came before
    WM_ENCODER_DECODER, // stack 0 encodes, stack 1 decodes and attends to it
} wm_kind;

// How a fused projection's outputs lie.
typedef enum wm_fused {
    WM_FUSED_BLOCKS,
    WM_FUSED_PER_HEAD
} wm_fused; // [q | k | v]; [q k v] each head

// A head of the family: out(norm(activation(dense(x)))), the first three where they have names.
// ANSWER and TAG heads are the same everywhere and stand in weights.c.
typedef struct wm_head_table {
    uint8_t task;       // wm_task
    uint8_t activation; // wm_activation; WM_IDENTITY: the layers'
    const char *dense;  // may be of the base model: a pooler
    const char *norm, *out;
    const char *bias; // of `out`, where that has none of its own name
} wm_head_table;

enum { WM_FAMILY_HEADS = 2 };

// Everything config.json decides. Sizes are checked against the limits of base.h; the tensors'
// shapes are checked against these letters: V vocabulary, P positions, Y token types, E embedding
// width, D width, L labels, F feed-forward width, d head width, H heads, A = H · d, K = kv_heads ·
// d, W = A + 2 K, R buckets. Enumerations are stored in bytes, which WM_SET fills.
typedef struct wm_arch {
    uint8_t kind, position, norm, norm_place, fused, activation; // wm_kind, wm_position_kind, …
    uint8_t ffn_factor; // ffn_width = this × width where config.json gives none
    uint8_t tasks; // a bit for each wm_task that `architectures` allows the head; all where absent
    bool gated;    // feed-forward: down(act(gate(x)) · up(x))
    bool parallel_residual; // x + attention(norm1(x)) + feed-forward(norm2(x))
    bool unscaled_attention;
    bool attention_scale_by_layer; // attention_scale / (layer + 1)
    bool local_encoder;            // all layers of stack 0 are local
    bool
        side; // they also see, of each block of side_block tokens, one key made of their normed sum
    bool head_norms; // q and k are normed head by head
    bool tied_head;  // the output (or FILL_MASK) head is the token table
    bool normalized; // embeddings have length 1
    bool plain_text; // no special tokens are put around a text, whose vector is 0 if it has none
    bool without_unknown; // unknown tokens are left out
    bool scaled_head;     // … of hidden · D^-½ (T5, where tied)
    uint32_t vocabulary, positions, token_types;
    uint32_t layers, decoder_layers; // of stack 0 and stack 1
    uint32_t groups,
        inner; // stack 0 stores groups × inner layers of weights, and runs layers × inner
    uint32_t width, embedding_width, heads, kv_heads, head_width, ffn_width;
    int32_t pad_id; // -1: none
    uint32_t relative_buckets,
        relative_distance; // a bias by distance on all layers' scores; 0: none
    uint32_t rotary_width; // of a head: rotary_fraction of head_width
    float rotary_fraction, rotary_theta;
    wm_rotary_scaling rotary_scaling;
    float norm_eps;
    float attention_scale; // of q·k before the softmax: 1/√d, or 1 if unscaled_attention
    uint32_t labels;       // of a head: id2label's, else num_labels, else 2
    uint32_t window; // of the layers in `local`: keys that a token sees, itself included (either
                     // way with local_encoder: LongT5)
    uint32_t side_block; // tokens that share a side key
    uint64_t local;      // a bit a layer
} wm_arch;

// ---- Weights, by slot ---------------------------------------------------------------------------

typedef struct wm_model_weights {
    wm_matrix token, position, type; // [V, E], [P, E], [Y, E]
    wm_norm embedding_norm;          // [E]
    wm_matrix project;               // [D, E]
    wm_matrix head;                  // [V, D]
} wm_model_weights;

typedef struct wm_stack_weights {
    wm_norm final_norm;                // [D]
    wm_matrix relative, side_relative; // [R, H]
} wm_stack_weights;

typedef struct wm_layer_weights {
    wm_matrix q, k, v, qkv, o; // [A, D], [K, D] × 2, or all three as [W, D]; [D, A]
    wm_norm q_norm, k_norm;    // [d] of each head
    wm_norm attention_norm;    // [D], as all norms of a layer
    wm_norm side_norm;
    wm_matrix cross_q, cross_k, cross_v, cross_o;
    wm_norm cross_norm;
    wm_matrix gate, up, down; // [F, D] × 2, [D, F]
    wm_norm ffn_norm;
} wm_layer_weights;

// ---- What a family file says --------------------------------------------------------------------

// How a key's value is read, and what the family's default, a number of 24 bits, stands for.
typedef enum wm_key_kind {
    // uint32_t from 1 to the limit of that name; null leaves a default of 0
    WM_KEY_VOCABULARY,
    WM_KEY_POSITIONS,
    WM_KEY_LAYERS,
    WM_KEY_HEADS,
    WM_KEY_WIDTH,
    WM_KEY_FFN_WIDTH,
    WM_KEY_REAL,       // float, positive and finite; the default in hundredths
    WM_KEY_EPS,        // float in [0, 1); the default is 10 to the power of its negative
    WM_KEY_FLAG,       // bool
    WM_KEY_NOT,        // bool, the opposite; the default is the field's
    WM_KEY_ID,         // int32_t token id in [0, vocabulary), or null: -1; the default is one more
    WM_KEY_ACTIVATION, // wm_activation by HF's name
    WM_KEY_T5_FFN,     // wm_arch.activation and .gated from "relu", "gated-gelu", …
    WM_KEY_WINDOWS,    // wm_arch.local from GPT-Neo's attention_types
    WM_KEY_ROPE,       // wm_arch.rotary_… from rope_scaling or rope_parameters
    WM_KEY_SIDE,       // bool, from LongT5's "transient-global" or "local"
    WM_KEY_USUAL,      // no field: anything but false, null or "absolute" is refused
} wm_key_kind;

// Every key of config.json that some family reads, the field of wm_arch that it fills, and how.
#define WM_KEYS(X)                                                     \
    X(vocab_size, vocabulary, VOCABULARY)                              \
    X(hidden_size, width, WIDTH)                                       \
    X(d_model, width, WIDTH)                                           \
    X(dim, width, WIDTH)                                               \
    X(n_embd, width, WIDTH)                                            \
    X(embedding_size, embedding_width, WIDTH)                          \
    X(num_hidden_layers, layers, LAYERS)                               \
    X(num_layers, layers, LAYERS)                                      \
    X(n_layers, layers, LAYERS)                                        \
    X(n_layer, layers, LAYERS)                                         \
    X(num_decoder_layers, decoder_layers, LAYERS)                      \
    X(num_hidden_groups, groups, LAYERS)                               \
    X(inner_group_num, inner, LAYERS)                                  \
    X(num_attention_heads, heads, HEADS)                               \
    X(num_heads, heads, HEADS)                                         \
    X(n_heads, heads, HEADS)                                           \
    X(n_head, heads, HEADS)                                            \
    X(num_key_value_heads, kv_heads, HEADS)                            \
    X(head_dim, head_width, WIDTH)                                     \
    X(d_kv, head_width, WIDTH)                                         \
    X(intermediate_size, ffn_width, FFN_WIDTH)                         \
    X(hidden_dim, ffn_width, FFN_WIDTH)                                \
    X(n_inner, ffn_width, FFN_WIDTH)                                   \
    X(d_ff, ffn_width, FFN_WIDTH)                                      \
    X(max_position_embeddings, positions, POSITIONS)                   \
    X(n_positions, positions, POSITIONS)                               \
    X(position_embedding_type, kind, USUAL)                            \
    X(type_vocab_size, token_types, WIDTH)                             \
    X(pad_token_id, pad_id, ID)                                        \
    X(hidden_act, activation, ACTIVATION)                              \
    X(activation, activation, ACTIVATION)                              \
    X(activation_function, activation, ACTIVATION)                     \
    X(feed_forward_proj, activation, T5_FFN)                           \
    X(layer_norm_eps, norm_eps, EPS)                                   \
    X(layer_norm_epsilon, norm_eps, EPS)                               \
    X(rms_norm_eps, norm_eps, EPS)                                     \
    X(scale_attn_weights, unscaled_attention, NOT)                     \
    X(scale_attn_by_inverse_layer_idx, attention_scale_by_layer, FLAG) \
    X(window_size, window, POSITIONS)                                  \
    X(attention_types, local, WINDOWS)                                 \
    X(local_radius, window, POSITIONS)                                 \
    X(global_block_size, side_block, POSITIONS)                        \
    X(encoder_attention_type, side, SIDE)                              \
    X(use_sliding_window, kind, USUAL)                                 \
    X(relative_attention_num_buckets, relative_buckets, WIDTH)         \
    X(relative_attention_max_distance, relative_distance, POSITIONS)   \
    X(rotary_pct, rotary_fraction, REAL)                               \
    X(rotary_emb_base, rotary_theta, REAL)                             \
    X(rope_theta, rotary_theta, REAL)                                  \
    X(rope_scaling, kind, ROPE)                                        \
    X(rope_parameters, kind, ROPE)                                     \
    X(use_parallel_residual, parallel_residual, FLAG)                  \
    X(tie_word_embeddings, tied_head, FLAG)                            \
    X(scale_decoder_outputs, scaled_head, FLAG)                        \
    X(normalize, normalized, FLAG)                                     \
    X(max_length, positions, POSITIONS)                                \
    X(is_decoder, kind, USUAL)                                         \
    X(add_cross_attention, kind, USUAL)

// Fields that a family sets where config.json has no key for them.
#define WM_CHOICES(X)               \
    X(kind, FLAG)                   \
    X(position, FLAG)               \
    X(positions, POSITIONS)         \
    X(relative_distance, POSITIONS) \
    X(rotary_fraction, REAL)        \
    X(pad_id, ID)                   \
    X(norm, FLAG)                   \
    X(norm_place, FLAG)             \
    X(norm_eps, EPS)                \
    X(ffn_factor, FLAG)             \
    X(fused, FLAG)                  \
    X(gated, FLAG)                  \
    X(unscaled_attention, FLAG)     \
    X(head_norms, FLAG)             \
    X(local_encoder, FLAG)          \
    X(plain_text, FLAG)             \
    X(without_unknown, FLAG)

// A key or choice of a family and its default, Hugging Face's own. A list ends with {0, 0}.
typedef struct wm_key {
    uint32_t key : 8; // of the next enum
    uint32_t value : 24;
} wm_key;

#define WM_KEY_OF(name, field, kind) WM_KEY_OF_##name,
#define WM_SET_OF(field, kind) WM_SET_OF_##field,
enum { WM_KEYS_END, WM_KEYS(WM_KEY_OF) WM_CHOICES(WM_SET_OF) WM_KEYS_COUNT };
#define WM_KEY(name) WM_KEY_OF_##name
#define WM_SET(field) WM_SET_OF_##field

// For the tables' `field`.
#define WM_MODEL(member) (offsetof(wm_model_weights, member) / sizeof(void *))
#define WM_STACK(member) (offsetof(wm_stack_weights, member) / sizeof(void *))
#define WM_LAYER(member) (offsetof(wm_layer_weights, member) / sizeof(void *))

typedef enum wm_slot_kind {
    WM_SLOT_TABLE,       // [rows, cols], no bias
    WM_SLOT_WHOLE,       // … under the name alone, without .weight
    WM_SLOT_LINEAR,      // [rows, cols] and a bias
    WM_SLOT_LINEAR_FREE, // [rows, cols] and a bias if the file has one
    WM_SLOT_CONV1D,      // [cols, rows] and a bias: GPT-2's layout
    WM_SLOT_REFUSED,     // under the name alone: a file that has it is not supported
    WM_SLOT_NORM,        // a weight, and a bias where arch.norm is WM_NORM_LAYER
} wm_slot_kind;

// When a slot's tensors are there.
typedef enum wm_when {
    WM_ALWAYS,
    WM_IF_WIDTHS_DIFFER, // E ≠ D
    WM_IF_UNTIED, // the head is no token table: outside the prefix, and absent from base models
    WM_IF_THERE,  // the same, but that a file which has one means it, tied or not
    WM_IF_GATED,
    WM_IF_NOT_GATED,
    WM_IF_HEAD_NORMS,
    WM_IF_SIDE,
} wm_when;

// A slot of wm_…_weights and the name of its tensors: `name`.weight and `name`.bias, behind the
// prefixes. Shape in the letters above; cols 0: a vector.
typedef struct wm_slot {
    const char *name; // @ is "Local", "TransientGlobal" or nothing, as LongT5 and T5 attend
    uint8_t field;    // WM_MODEL(…), WM_STACK(…) or WM_LAYER(…)
    char rows, cols;
    uint8_t kind : 4, when : 4; // wm_slot_kind, wm_when
} wm_slot;

// Lists end with a NULL name.
typedef struct wm_stack_table {
    const wm_slot *stack_slots; // NULL: none
    // Of the layer's names; % is the layer, or the group and then the inner layer.
    const char *layer_prefix;
    const wm_slot *layer_slots;
} wm_stack_table;

typedef struct wm_family {
    // Of the base model's weights in files saved from a model with a head: "bert."
    const char *prefix;
    const wm_key *keys, *more; // `more`: what is different from `keys` or added to them; NULL
    const wm_slot *model_slots;
    const wm_stack_table *stacks;     // NULL: no layers; [1], or [2] for WM_ENCODER_DECODER
    const wm_head_table *head_tables; // [WM_FAMILY_HEADS]; NULL: the family has none
} wm_family;

extern const wm_head_table wm_roberta_heads[WM_FAMILY_HEADS]; // MPNet has them, too

#endif
