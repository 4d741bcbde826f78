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
// d, W = A + 2 K, R buckets. Enumerations are stored in bytes: every family has a descriptor of
// defaults in the wasm.
typedef struct wm_arch {
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
    uint32_t window;       // of the layers in `local`: keys that a token sees, itself included
    uint64_t local;        // a bit a layer
    uint8_t kind, position, norm, norm_place, fused, activation; // wm_kind, wm_position_kind, …
    uint8_t ffn_factor; // ffn_width = this × width where config.json gives none
    uint8_t tasks; // a bit for each wm_task that `architectures` allows the head; all where absent
    const wm_head_table *head_tables; // [WM_FAMILY_HEADS]; NULL: the family has none
    bool gated;                       // feed-forward: down(act(gate(x)) · up(x))
    bool parallel_residual;           // x + attention(norm1(x)) + feed-forward(norm2(x))
    bool unscaled_attention;
    bool attention_scale_by_layer; // attention_scale / (layer + 1)
    bool head_norms;               // q and k are normed head by head
    bool tied_head;                // the output (or FILL_MASK) head is the token table
    bool scaled_head;              // … of hidden · D^-½ (T5, where tied)
} wm_arch;

// ---- Weights, by slot ---------------------------------------------------------------------------

typedef struct wm_model_weights {
    wm_matrix token, position, type; // [V, E], [P, E], [Y, E]
    wm_norm embedding_norm;          // [E]
    wm_matrix project;               // [D, E]
    wm_matrix head;                  // [V, D]
} wm_model_weights;

typedef struct wm_stack_weights {
    wm_norm final_norm; // [D]
    wm_matrix relative; // [R, H]
} wm_stack_weights;

typedef struct wm_layer_weights {
    wm_matrix q, k, v, qkv, o; // [A, D], [K, D] × 2, or all three as [W, D]; [D, A]
    wm_norm q_norm, k_norm;    // [d] of each head
    wm_norm attention_norm;    // [D], as all norms of a layer
    wm_matrix cross_q, cross_k, cross_v, cross_o;
    wm_norm cross_norm;
    wm_matrix gate, up, down; // [F, D] × 2, [D, F]
    wm_norm ffn_norm;
} wm_layer_weights;

// ---- What a family file says --------------------------------------------------------------------

typedef enum wm_key_kind {
    // uint32_t from 1 to the limit of that name; null leaves a default of 0
    WM_KEY_VOCABULARY,
    WM_KEY_POSITIONS,
    WM_KEY_LAYERS,
    WM_KEY_HEADS,
    WM_KEY_WIDTH,
    WM_KEY_FFN_WIDTH,
    WM_KEY_REAL,       // float, positive and finite
    WM_KEY_EPS,        // float in [0, 1)
    WM_KEY_FLAG,       // bool
    WM_KEY_NOT,        // bool, the opposite
    WM_KEY_ID,         // int32_t token id in [0, vocabulary), or null: -1
    WM_KEY_ACTIVATION, // wm_activation by HF's name
    WM_KEY_T5_FFN,     // wm_arch.activation and .gated from "relu", "gated-gelu", …
    WM_KEY_WINDOWS,    // wm_arch.local from GPT-Neo's attention_types
    WM_KEY_ROPE,       // wm_arch.rotary_… from rope_scaling or rope_parameters
    WM_KEY_FALSE,      // no field: anything but false (or null) is refused
    WM_KEY_ABSOLUTE,   // no field: anything but "absolute" is refused
} wm_key_kind;

// A key of config.json and the field of wm_arch that it fills. Absent: the family's default stays.
typedef struct wm_key {
    const char *key;
    uint16_t field; // offsetof(wm_arch, …)
    uint8_t kind;   // wm_key_kind
} wm_key;

// For the tables' `field`.
#define WM_ARCH(member) offsetof(wm_arch, member)
#define WM_MODEL(member) offsetof(wm_model_weights, member)
#define WM_STACK(member) offsetof(wm_stack_weights, member)
#define WM_LAYER(member) offsetof(wm_layer_weights, member)

typedef enum wm_slot_kind {
    WM_SLOT_TABLE,       // [rows, cols], no bias
    WM_SLOT_LINEAR,      // [rows, cols] and a bias
    WM_SLOT_LINEAR_FREE, // [rows, cols] and a bias if the file has one
    WM_SLOT_CONV1D,      // [cols, rows] and a bias: GPT-2's layout
    WM_SLOT_NORM,        // a weight, and a bias where arch.norm is WM_NORM_LAYER
} wm_slot_kind;

// When a slot's tensors are there.
typedef enum wm_when {
    WM_ALWAYS,
    WM_IF_WIDTHS_DIFFER, // E ≠ D
    WM_IF_UNTIED, // the head is no token table: outside the prefix, and absent from base models
    WM_IF_GATED,
    WM_IF_NOT_GATED,
    WM_IF_HEAD_NORMS,
} wm_when;

// A slot of wm_…_weights and the name of its tensors: `name`.weight and `name`.bias, behind the
// prefixes. Shape in the letters above.
typedef struct wm_slot {
    const char *name;
    uint16_t field; // offsetof(wm_…_weights, …)
    uint8_t kind;   // wm_slot_kind
    char shape[3];
    uint8_t when; // wm_when
} wm_slot;

typedef struct wm_stack_table {
    const wm_slot *stack_slots;
    // Of the layer's names; % is the layer, or the group and then the inner layer.
    const char *layer_prefix;
    const wm_slot *layer_slots;
} wm_stack_table;

// Lists end with a NULL key or name.
typedef struct wm_family {
    // Of the base model's weights in files saved from a model with a head: "bert."
    const char *prefix;
    wm_arch defaults; // what stands where config.json says nothing: HF's own defaults
    const wm_key *keys;
    const wm_slot *model_slots;
    wm_stack_table stacks[2]; // the second for WM_ENCODER_DECODER
} wm_family;

extern const wm_head_table wm_roberta_heads[WM_FAMILY_HEADS]; // MPNet has them, too

#endif
