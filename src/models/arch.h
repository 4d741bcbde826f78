// SPDX-License-Identifier: MIT OR Apache-2.0
// The descriptor: every choice in which one transformer family differs from another. config.c fills it
// from config.json by the family's table of keys, weights.c fills the slots by the family's table of
// weight names, and transformer.c reads both. A family is data: see families/.
#ifndef WM_ARCH_H
#define WM_ARCH_H

#include "../ops/ops.h"

typedef enum wm_position_kind {
    WM_POSITION_LEARNED,        // row = index in the text
    WM_POSITION_LEARNED_PADDED, // row = pad + count of ids up to here that are not pad; a pad keeps row pad
} wm_position_kind;

// Everything config.json decides. Sizes are checked against the limits of base.h; the tensors' shapes are
// checked against these letters: V vocabulary, P positions, Y token types, E embedding width, D width,
// F feed-forward width, A = heads × head width.
typedef struct wm_arch {
    uint32_t vocabulary, positions, token_types;
    uint32_t layers, width, embedding_width, heads, head_width, ffn_width;
    int32_t pad_id; // -1: none
    wm_position_kind position;
    wm_activation activation;
    float norm_eps;
    float attention_scale; // of q·k before the softmax
} wm_arch;

// ---- Weights of the stack, by slot ----------------------------------------------------------------

typedef struct wm_embedding_weights {
    wm_matrix token, position, type; // [V, E], [P, E], [Y, E]
    wm_norm norm;                    // [E]
    wm_matrix project;               // [D, E]
} wm_embedding_weights;

typedef struct wm_layer_weights {
    wm_matrix q, k, v, o; // [A, D] × 3, [D, A]
    wm_norm attention_norm;
    wm_matrix up, down; // [F, D], [D, F]
    wm_norm ffn_norm;
} wm_layer_weights;

// ---- What a family file says ------------------------------------------------------------------------

typedef enum wm_key_kind {
    WM_KEY_SIZE,       // uint32_t, at least 1, at most `limit`
    WM_KEY_EPS,        // float in [0, 1)
    WM_KEY_ID,         // int32_t token id in [0, vocabulary), or null: -1
    WM_KEY_ACTIVATION, // wm_activation by HF's name
    WM_KEY_EQUAL,      // no field: the value, where present, must be `value` (a string, "true" or "false")
} wm_key_kind;

// A key of config.json and the field of wm_arch that it fills. Absent: the family's default stays.
typedef struct wm_key {
    const char *key;
    wm_key_kind kind;
    uint32_t field; // offsetof(wm_arch, …)
    uint32_t limit;
    const char *value;
} wm_key;

// For the tables' `field`.
#define WM_ARCH(member) offsetof(wm_arch, member)
#define WM_EMBEDDING(member) offsetof(wm_embedding_weights, member)
#define WM_LAYER(member) offsetof(wm_layer_weights, member)

typedef enum wm_slot_kind { WM_SLOT_TABLE, WM_SLOT_LINEAR, WM_SLOT_NORM } wm_slot_kind;

// A slot of wm_embedding_weights or wm_layer_weights and the name of its tensors: `name`.weight and, for
// linear and norm slots, `name`.bias; % is the layer. Shape in the letters above.
typedef struct wm_slot {
    const char *name;
    uint32_t field; // offsetof(wm_…_weights, …)
    wm_slot_kind kind;
    char shape[3];
    bool optional; // absent where the sizes make it needless (a projection from E = D)
} wm_slot;

typedef struct wm_family {
    const char *model_type;
    const char *prefix; // of every weight in files saved from a model with a head: "bert."
    wm_arch defaults;   // what stands where config.json says nothing: HF's own defaults
    const wm_key *keys; // each list ends with a NULL key or name
    const wm_slot *embedding_slots, *layer_slots;
} wm_family;

extern const wm_family *const wm_families[]; // ends with NULL

#endif
