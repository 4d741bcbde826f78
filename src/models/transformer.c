// SPDX-License-Identifier: MIT OR Apache-2.0
// The one stack: embeddings, then layers of attention and feed-forward, as the descriptor says.
// Tokens of all sequences stand in one matrix [T, …]; only attention knows where a sequence ends.
#include "model.h"

struct wm_session {
    const wm_model *model;
    wm_arena arena;  // holds this struct
    wm_arena memory; // the buffers below, for `tokens` tokens of which the longest sequence has `longest`
    size_t tokens, longest;
    float *hidden;  // [tokens, D]
    float *branch;  // [tokens, max(D, E)] what an attention or feed-forward adds to hidden
    float *wide;    // [tokens, max(3 A, F)] q, k, v side by side in thirds, or the feed-forward's inside
    float *scores;  // [WM_ATTENTION_ROWS, longest]
};

static uint64_t token_floats(const wm_arch *arch) {
    uint64_t attention = 3 * (uint64_t)arch->heads * arch->head_width;
    return arch->width + (uint64_t)WM_MAX(arch->width, arch->embedding_width) +
           WM_MAX(attention, arch->ffn_width);
}

uint64_t wm_session_bytes(const wm_model *model, size_t tokens) {
    return (token_floats(&model->arch) + WM_ATTENTION_ROWS) * sizeof(float) * tokens;
}

wm_status wm_session_open(wm_session **session, const wm_model *model, const wm_allocator *allocator,
                          wm_error *error) {
    *session = NULL;
    wm_arena arena;
    wm_arena_init(&arena, allocator);
    wm_session *made;
    WM_TRY(WM_ALLOC(&arena, made, 1, error));
    *made = (wm_session){.model = model, .arena = arena};
    wm_arena_init(&made->memory, allocator);
    *session = made;
    return WM_OK;
}

void wm_session_close(wm_session *session) {
    if (!session) return;
    wm_arena arena = session->arena;
    wm_arena_free(&session->memory);
    wm_arena_free(&arena);
}

// Buffers for `tokens` tokens; what is there is kept if it is large enough.
static wm_status reserve(wm_session *session, size_t tokens, size_t longest, wm_error *error) {
    if (tokens <= session->tokens && longest <= session->longest) return WM_OK;
    const wm_arch *arch = &session->model->arch;
    tokens = WM_MAX(tokens, session->tokens);
    longest = WM_MAX(longest, session->longest);
    wm_arena *memory = &session->memory;
    wm_arena_free(memory);
    session->tokens = session->longest = 0;
    uint64_t hidden = (uint64_t)tokens * arch->width;
    uint64_t branch = (uint64_t)tokens * WM_MAX(arch->width, arch->embedding_width);
    uint64_t wide = tokens * token_floats(arch) - hidden - branch;
    float *all; // one block: its size is what wm_session_bytes says
    WM_TRY(WM_ALLOC(memory, all, tokens * token_floats(arch) + (uint64_t)WM_ATTENTION_ROWS * longest, error));
    session->hidden = all;
    session->branch = session->hidden + hidden;
    session->wide = session->branch + branch;
    session->scores = session->wide + wide;
    session->tokens = tokens;
    session->longest = longest;
    return WM_OK;
}

static wm_status check_sequence(const wm_arch *arch, const wm_sequence *sequence, wm_error *error) {
    uint32_t limit = wm_arch_max_tokens(arch);
    if (sequence->count == 0 || sequence->count > limit)
        return wm_fail(error, WM_ERROR_ARG, 0, "%u ids given, the model takes 1 to %u", (uint64_t)sequence->count,
                       (uint64_t)limit);
    for (size_t i = 0; i < sequence->count; i++) {
        if (sequence->ids[i] < 0 || (uint32_t)sequence->ids[i] >= arch->vocabulary)
            return wm_fail(error, WM_ERROR_ARG, 0, "id %d at place %u is not below the vocabulary's size %u",
                           (int64_t)sequence->ids[i], (uint64_t)i, (uint64_t)arch->vocabulary);
        if (arch->token_types && sequence->types && sequence->types[i] >= arch->token_types)
            return wm_fail(error, WM_ERROR_ARG, 0, "token type %u at place %u: the model has %u",
                           (uint64_t)sequence->types[i], (uint64_t)i, (uint64_t)arch->token_types);
    }
    return WM_OK;
}

// y [T, E] = token + position + type embeddings of one sequence, normed; row [E] is scratch
static void embed_sequence(const wm_model *model, float *y, float *row, const wm_sequence *sequence) {
    const wm_arch *arch = &model->arch;
    const wm_kernels *kernels = model->kernels;
    const wm_embedding_weights *embedding = &model->embedding;
    uint32_t E = arch->embedding_width, seen = 0;
    for (size_t t = 0; t < sequence->count; t++) {
        float *to = y + t * E;
        wm_table_row(kernels, to, &embedding->token, (uint32_t)sequence->ids[t]);
        if (embedding->type.data) {
            wm_table_row(kernels, row, &embedding->type, sequence->types ? sequence->types[t] : 0);
            kernels->add(to, row, E);
        }
        if (embedding->position.data) {
            uint32_t position = (uint32_t)t;
            if (arch->position == WM_POSITION_LEARNED_PADDED) {
                bool pad = sequence->ids[t] == arch->pad_id;
                position = (uint32_t)arch->pad_id + (pad ? 0 : ++seen);
            }
            wm_table_row(kernels, row, &embedding->position, position);
            kernels->add(to, row, E);
        }
    }
    if (embedding->norm.weight) wm_normalize_rows(kernels, y, y, &embedding->norm, sequence->count, E);
}

// hidden [T, D] = the embeddings of all sequences, projected where the widths differ
static void embed(wm_session *session, const wm_sequence *sequences, size_t count, size_t T) {
    const wm_model *model = session->model;
    uint32_t E = model->arch.embedding_width, D = model->arch.width;
    bool project = model->embedding.project.data != NULL;
    float *to = project ? session->branch : session->hidden;
    for (size_t i = 0; i < count; to += sequences[i++].count * E)
        embed_sequence(model, to, session->wide, &sequences[i]);
    if (project)
        wm_linear(model->kernels, session->hidden, D, session->branch, E, &model->embedding.project, T);
}

// branch [T, D] = attention(in [T, D]) of each sequence
static void attend(wm_session *session, const wm_layer_weights *layer, const float *in,
                   const wm_sequence *sequences, size_t count, size_t T) {
    const wm_model *model = session->model;
    const wm_arch *arch = &model->arch;
    size_t D = arch->width, A = (size_t)arch->heads * arch->head_width;
    float *q = session->wide, *k = q + T * A, *v = k + T * A;
    wm_linear(model->kernels, q, A, in, D, &layer->q, T);
    wm_linear(model->kernels, k, A, in, D, &layer->k, T);
    wm_linear(model->kernels, v, A, in, D, &layer->v, T);
    for (size_t i = 0, at = 0; i < count; at += sequences[i++].count * A)
        wm_attention(model->kernels, q + at, q + at, k + at, v + at, A, session->scores, arch->attention_scale,
                     sequences[i].count, arch->heads, arch->head_width);
    wm_linear(model->kernels, session->branch, D, q, A, &layer->o, T);
}

// branch [T, D] = down(act(up(in [T, D])))
static void feed_forward(wm_session *session, const wm_layer_weights *layer, const float *in, size_t T) {
    const wm_model *model = session->model;
    size_t D = model->arch.width, F = model->arch.ffn_width;
    wm_linear(model->kernels, session->wide, F, in, D, &layer->up, T);
    wm_activate(model->kernels, session->wide, model->arch.activation, T * F);
    wm_linear(model->kernels, session->branch, D, session->wide, F, &layer->down, T);
}

wm_status wm_session_run(wm_session *session, const wm_sequence *sequences, size_t count,
                         const float **hidden, wm_error *error) {
    const wm_model *model = session->model;
    const wm_kernels *kernels = model->kernels;
    size_t T = 0, longest = 0, D = model->arch.width;
    for (size_t i = 0; i < count; i++) {
        WM_TRY(check_sequence(&model->arch, &sequences[i], error));
        T += sequences[i].count;
        longest = WM_MAX(longest, sequences[i].count);
    }
    WM_TRY(reserve(session, T, longest, error));
    float *x = session->hidden, *branch = session->branch;
    embed(session, sequences, count, T);
    for (uint32_t i = 0; i < model->arch.layers; i++) {
        const wm_layer_weights *layer = &model->layers[i];
        attend(session, layer, x, sequences, count, T);
        kernels->add(x, branch, T * D);
        wm_normalize_rows(kernels, x, x, &layer->attention_norm, T, D);
        feed_forward(session, layer, x, T);
        kernels->add(x, branch, T * D);
        wm_normalize_rows(kernels, x, x, &layer->ffn_norm, T, D);
    }
    *hidden = x;
    return WM_OK;
}

wm_status wm_session_hidden(wm_session *session, const int32_t *ids, size_t count, float *hidden,
                            wm_error *error) {
    wm_sequence sequence = {ids, NULL, count};
    const float *states;
    WM_TRY(wm_session_run(session, &sequence, 1, &states, error));
    memcpy(hidden, states, count * session->model->arch.width * sizeof *hidden);
    return WM_OK;
}
