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
    float *scores; // [lanes, WM_ATTENTION_ROWS, longest + 2 WM_SCORES]
} wm_buffers;

// Of the relative positions of one stack: [H, row], distance 0 at `zero`.
typedef struct wm_bias_rows {
    float *values;
    size_t row, zero;
} wm_bias_rows;

// What a session's memory is for. The third bias is of the first stack's side keys.
enum { WM_MEMORY_BUFFERS, WM_MEMORY_CACHE, WM_MEMORY_ENCODED, WM_MEMORY_BIAS, WM_MEMORIES = 6 };

struct wm_session {
    const wm_model *model;
    size_t tokens, longest; // buffers' rows, of which a query sees `longest` keys at most
    wm_buffers buffers;
    float *keys, *values; // of the cache: [depth, lanes, capacity, K] each
    size_t lanes, capacity;
    size_t *past;                         // [lanes] tokens that each lane remembers
    float *encoded_keys, *encoded_values; // of the encoder's text: [depth, encoded, K] each
    size_t encoded;
    float *states; // NULL; else the hidden states before every layer and at the end go here
    wm_bias_rows bias[3];
    wm_arena memory[WM_MEMORIES];
    wm_arena arena; // holds this struct
};

typedef struct wm_pass {
    wm_session *session;
    uint32_t stack;
    bool causal, cached;
    const wm_sequence *sequences; // [count]
    const size_t *past;           // [count] tokens before each; NULL: none
    size_t count, T;              // Σ sequences' tokens
    size_t side;                  // Σ their side keys, behind the tokens in `normed` and `wide`
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
