// SPDX-License-Identifier: MIT OR Apache-2.0
// A session's memory, and one pass through a stack: between session.c and transformer.c alone.
#ifndef WM_SESSION_H
#define WM_SESSION_H

#include "model.h"

typedef struct wm_buffers {
    float *hidden; // [tokens, D]
    float *normed; // [tokens, D], of models that norm before
    float *branch; // [tokens, max(D, E)] what an attention or feed-forward adds to hidden
    // [tokens, max(W + A, F or 2 F)] q, k, v and the context, or a feed-forward's inside
    float *wide;
    float *angles; // [tokens, rotary_width]
    float *scores; // [WM_ATTENTION_ROWS, longest]
} wm_buffers;

struct wm_session {
    const wm_model *model;
    wm_arena arena;  // holds this struct
    wm_arena memory; // buffers, for `tokens` tokens of which a query sees `longest` keys at most
    size_t tokens, longest;
    wm_buffers buffers;
    wm_arena bias_memory[2]; // of the relative positions of each stack: [H, bias_row], distance 0
                             // at bias_zero
    float *bias[2];
    size_t bias_row[2], bias_zero[2];
    wm_arena cache_memory; // keys and values: [depth, lanes, capacity, K] each
    float *keys, *values;
    size_t lanes, capacity;
    size_t *past;            // [lanes] tokens that each lane remembers
    wm_arena encoded_memory; // keys and values of the encoder's text: [depth, encoded, K] each
    float *encoded_keys, *encoded_values;
    size_t encoded;
};

typedef struct wm_pass {
    wm_session *session;
    uint32_t stack;
    bool causal, cached;
    const wm_sequence *sequences; // [count]
    const size_t *past;           // [count] tokens before each
    size_t count, T;              // Σ sequences' tokens
} wm_pass;

typedef struct wm_cache_rows {
    float *keys, *values; // [tokens, K]
} wm_cache_rows;

// Layer `depth` of a lane's cache from token `position` on; of the encoder's text.
wm_cache_rows wm_session_cache(const wm_session *session, uint32_t depth, size_t lane,
                               size_t position);
wm_cache_rows wm_session_encoded(const wm_session *session, uint32_t depth);

// Leaves the last hidden states in buffers.hidden [T, D]. The session's memory has room.
void wm_pass_stack(const wm_pass *pass);

// Fills the encoder's keys and values from buffers.hidden [encoded, D].
void wm_pass_cross(wm_session *session);

#endif
