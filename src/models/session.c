// SPDX-License-Identifier: MIT OR Apache-2.0
// One timeline of a model: its buffers, what it remembers, and the calls that move it on.
#include "session.h"

// Of a token; the limits of base.h keep them far below 2^32.
static uint32_t wide_floats(const wm_arch *arch) {
    uint32_t attention = 2 * (arch->heads + arch->kv_heads) * arch->head_width;
    return WM_MAX(attention, arch->ffn_width << arch->gated);
}

static uint32_t branch_floats(const wm_arch *arch) {
    return WM_MAX(arch->width, arch->embedding_width);
}

static uint32_t normed_floats(const wm_arch *arch) {
    return arch->norm_place == WM_NORM_PRE ? arch->width : 0;
}

static uint32_t token_floats(const wm_arch *arch) {
    return arch->width + normed_floats(arch) + branch_floats(arch) + wide_floats(arch) +
           arch->rotary_width;
}

static uint64_t score_rows(const wm_model *model) {
    return (uint64_t)WM_ATTENTION_ROWS * wm_threads_lanes(model->kernels->threads);
}

uint64_t wm_session_bytes(const wm_model *model, size_t tokens) {
    const wm_arch *arch = &model->arch;
    uint64_t floats = score_rows(model) + token_floats(arch);
    if (arch->relative_buckets) floats += 2 * (uint64_t)arch->heads;
    if (arch->side) tokens += tokens / arch->side_block;
    return (floats * tokens + score_rows(model) * 2 * WM_SCORES) * sizeof(float);
}

wm_status wm_session_open(wm_session **session, const wm_model *model,
                          const wm_allocator *allocator, wm_error *error) {
    *session = NULL;
    wm_arena arena;
    wm_arena_init(&arena, allocator);
    wm_session *made;
    WM_TRY(WM_ALLOC(&arena, made, 1, error));
    *made = (wm_session){.model = model, .arena = arena};
    for (size_t i = 0; i < WM_MEMORIES; i++) wm_arena_init(&made->memory[i], allocator);
    *session = made;
    return WM_OK;
}

void wm_session_close(wm_session *session) {
    if (!session) return;
    wm_arena arena = session->arena;
    for (size_t i = 0; i < WM_MEMORIES; i++) wm_arena_free(&session->memory[i]);
    wm_arena_free(&arena);
}

// ---- Memory -------------------------------------------------------------------------------------

// Buffers for `tokens` tokens whose queries see up to `longest` keys; what is there is kept if it
// will do.
static wm_status reserve(wm_session *session, size_t tokens, size_t longest, wm_error *error) {
    if (tokens <= session->tokens && longest <= session->longest) return WM_OK;
    const wm_arch *arch = &session->model->arch;
    wm_buffers *buffers = &session->buffers;
    tokens = WM_MAX(tokens, session->tokens);
    longest = WM_MAX(longest, session->longest);
    wm_arena_free(&session->memory[WM_MEMORY_BUFFERS]);
    session->tokens = session->longest = 0;
    float *all; // one block: its size is what wm_session_bytes says
    WM_TRY(WM_ALLOC(&session->memory[WM_MEMORY_BUFFERS], all,
                    (uint64_t)tokens * token_floats(arch) +
                        score_rows(session->model) * (longest + 2 * WM_SCORES),
                    error));
    buffers->hidden = all;
    buffers->normed = buffers->hidden + tokens * arch->width;
    buffers->branch = buffers->normed + tokens * normed_floats(arch);
    buffers->wide = buffers->branch + tokens * branch_floats(arch);
    buffers->angles = buffers->wide + tokens * wide_floats(arch);
    buffers->scores = buffers->angles + tokens * arch->rotary_width;
    session->tokens = tokens;
    session->longest = longest;
    return WM_OK;
}

// The biases of distances below `span` either way (before only, in a decoder), spread out by
// distance so that each query's are one pass. Index 2: of stack 0's side keys.
static wm_status reserve_bias(wm_session *session, uint32_t index, size_t span, wm_error *error) {
    const wm_model *model = session->model;
    const wm_arch *arch = &model->arch;
    const wm_matrix *table = index == 2 ? &model->stacks[0].weights.side_relative
                                        : &model->stacks[index].weights.relative;
    wm_bias_rows *bias = &session->bias[index];
    wm_arena *memory = &session->memory[WM_MEMORY_BIAS + index];
    bool both_ways = index != 1 && arch->kind != WM_DECODER;
    float heads[WM_LIMIT_HEADS];
    if (!table->data || (bias->values && span <= bias->zero + 1)) return WM_OK;
    if (!both_ways) span = WM_MAX(span, 2 * bias->row); // decoding grows by one
    bias->values = NULL;
    bias->row = both_ways ? 2 * span - 1 : span;
    bias->zero = span - 1;
    wm_arena_free(memory);
    WM_TRY(WM_ALLOC(memory, bias->values, (uint64_t)arch->heads * bias->row, error));
    for (size_t i = 0; i < bias->row; i++) {
        uint32_t bucket = wm_relative_bucket((int64_t)i - (int64_t)bias->zero, both_ways,
                                             arch->relative_buckets, arch->relative_distance);
        wm_table_row(model->kernels, heads, table, bucket);
        for (uint32_t h = 0; h < arch->heads; h++) bias->values[h * bias->row + i] = heads[h];
    }
    return WM_OK;
}

wm_cache_rows wm_session_cache(const wm_session *session, uint32_t depth, size_t lane,
                               size_t position) {
    size_t K = (size_t)session->model->arch.kv_heads * session->model->arch.head_width;
    size_t at = ((depth * session->lanes + lane) * session->capacity + position) * K;
    return (wm_cache_rows){session->keys + at, session->values + at};
}

wm_cache_rows wm_session_encoded(const wm_session *session, uint32_t depth) {
    size_t K = (size_t)session->model->arch.kv_heads * session->model->arch.head_width;
    return (wm_cache_rows){session->encoded_keys + depth * session->encoded * K,
                           session->encoded_values + depth * session->encoded * K};
}

// Gives lane `lane` what lane `from` of `old`, with its own memory, remembers.
static void copy_lane(wm_session *session, size_t lane, const wm_session *old, size_t from,
                      uint32_t depth) {
    size_t past = old->past[from];
    size_t bytes =
        past * session->model->arch.kv_heads * session->model->arch.head_width * sizeof(float);
    session->past[lane] = past;
    for (uint32_t i = 0; i < depth && past; i++) {
        wm_cache_rows to = wm_session_cache(session, i, lane, 0),
                      rows = wm_session_cache(old, i, from, 0);
        memcpy(to.keys, rows.keys, bytes);
        memcpy(to.values, rows.values, bytes);
    }
}

static bool is_two_stacks(const wm_session *session) {
    return session->model->arch.kind == WM_ENCODER_DECODER;
}

// Fresh caches of `lanes` lanes, which go on from what lanes `parents` (NULL: the same ones, a new
// one lane 0) remember.
static wm_status renew_cache(wm_session *session, size_t lanes, size_t capacity,
                             const uint32_t *parents, size_t count, wm_error *error) {
    const wm_model *model = session->model;
    uint32_t depth = model->stacks[is_two_stacks(session)].depth;
    uint64_t floats =
        (uint64_t)lanes * depth * capacity * model->arch.kv_heads * model->arch.head_width;
    wm_session old = *session;
    wm_arena fresh;
    wm_arena_init(&fresh, &old.arena.host);
    wm_status status = WM_ALLOC(&fresh, session->keys, 2 * floats, error);
    if (status == WM_OK) status = WM_ALLOC(&fresh, session->past, lanes, error);
    if (status != WM_OK) {
        wm_arena_free(&fresh);
        *session = old;
        return status;
    }
    session->values = session->keys + floats;
    session->lanes = lanes;
    session->capacity = capacity;
    session->memory[WM_MEMORY_CACHE] = fresh;
    for (size_t lane = 0; lane < lanes; lane++) {
        session->past[lane] = 0;
        if (parents ? lane < count : old.lanes > 0)
            copy_lane(session, lane, &old,
                      parents            ? parents[lane]
                      : lane < old.lanes ? lane
                                         : 0,
                      depth);
    }
    wm_arena_free(&old.memory[WM_MEMORY_CACHE]);
    return WM_OK;
}

// Room for `needed` tokens on each of `lanes` lanes. What the lanes remember is kept.
static wm_status reserve_cache(wm_session *session, size_t lanes, size_t needed, wm_error *error) {
    if (lanes <= session->lanes && needed <= session->capacity) return WM_OK;
    size_t capacity = session->capacity, limit = wm_arch_max_tokens(&session->model->arch);
    if (needed > capacity) capacity = WM_MIN(WM_MAX(needed, 2 * capacity), limit);
    return renew_cache(session, WM_MAX(lanes, session->lanes), capacity, NULL, 0, error);
}

// ---- Runs ---------------------------------------------------------------------------------------

static wm_status check_sequence(const wm_arch *arch, const wm_sequence *sequence, size_t past,
                                wm_error *error) {
    uint32_t limit = wm_arch_max_tokens(arch);
    if (sequence->count == 0 || sequence->count > limit - past)
        return wm_fail(error, WM_ERROR_ARG, 0,
                       "%u ids given after %u, the model takes 1 to %u in all",
                       (uint64_t)sequence->count, (uint64_t)past, (uint64_t)limit);
    for (size_t i = 0; i < sequence->count; i++) {
        if (sequence->ids[i] < 0 || (uint32_t)sequence->ids[i] >= arch->vocabulary)
            return wm_fail(error, WM_ERROR_ARG, 0,
                           "id %d at place %u is not below the vocabulary's size %u",
                           (int64_t)sequence->ids[i], (uint64_t)i, (uint64_t)arch->vocabulary);
        if (arch->token_types && sequence->types && sequence->types[i] >= arch->token_types)
            return wm_fail(error, WM_ERROR_ARG, 0, "token type %u at place %u: the model has %u",
                           (uint64_t)sequence->types[i], (uint64_t)i, (uint64_t)arch->token_types);
    }
    return WM_OK;
}

// Runs stack `stack` over `count` sequences; cached: sequence i goes on where lane i stands.
static wm_status run_sequences(wm_session *session, uint32_t stack, bool cached,
                               const wm_sequence *sequences, size_t count, const float **hidden,
                               wm_error *error) {
    const wm_arch *arch = &session->model->arch;
    size_t T = 0, keys = 0, side = 0,
           block = stack == 0 && arch->side ? arch->side_block : SIZE_MAX;
    if (cached) WM_TRY(reserve_cache(session, count, 1, error)); // a lane, and so a past, for each
    for (size_t i = 0; i < count; i++) {
        size_t past = cached ? session->past[i] : 0;
        WM_TRY(check_sequence(arch, &sequences[i], past, error));
        T += sequences[i].count;
        side += sequences[i].count / block;
        keys = WM_MAX(keys, past + sequences[i].count);
    }
    if (cached) WM_TRY(reserve_cache(session, count, keys, error));
    WM_TRY(reserve(session, T + side, WM_MAX(keys + keys / block, session->encoded), error));
    WM_TRY(reserve_bias(session, stack, keys, error));
    if (side) WM_TRY(reserve_bias(session, 2, keys / block, error));
    wm_pass pass = {session, stack,     stack == 1 || arch->kind == WM_DECODER,
                    cached,  sequences, cached ? session->past : NULL,
                    count,   T,         side};
    wm_pass_stack(&pass);
    for (size_t i = 0; i < count && cached; i++) session->past[i] += sequences[i].count;
    *hidden = session->buffers.hidden;
    return WM_OK;
}

wm_status wm_session_run(wm_session *session, const wm_sequence *sequences, size_t count,
                         const float **hidden, wm_error *error) {
    return run_sequences(session, 0, false, sequences, count, hidden, error);
}

wm_status wm_session_append(wm_session *session, const wm_sequence *sequences, size_t count,
                            const float **hidden, wm_error *error) {
    uint32_t stack = is_two_stacks(session);
    if (session->model->arch.kind == WM_ENCODER || (stack && !session->encoded))
        return wm_fail(error, WM_ERROR_STATE, 0,
                       stack ? "no text is encoded, or no decoder ids given"
                             : "this model is an encoder: it generates nothing");
    return run_sequences(session, stack, true, sequences, count, hidden, error);
}

wm_status wm_session_encode(wm_session *session, const wm_sequence *sequence, const float **hidden,
                            wm_error *error) {
    const wm_model *model = session->model;
    if (!is_two_stacks(session))
        return wm_fail(error, WM_ERROR_STATE, 0, "this model has no encoder beside a decoder");
    wm_session_rewind(session, 0);
    session->encoded = 0;
    WM_TRY(run_sequences(session, 0, false, sequence, 1, hidden, error));
    uint64_t floats = (uint64_t)model->stacks[1].depth * sequence->count * model->arch.kv_heads *
                      model->arch.head_width;
    wm_arena *memory = &session->memory[WM_MEMORY_ENCODED];
    wm_arena_free(memory);
    WM_TRY(WM_ALLOC(memory, session->encoded_keys, 2 * floats, error));
    session->encoded_values = session->encoded_keys + floats;
    session->encoded = sequence->count;
    wm_pass_cross(session);
    return WM_OK;
}

wm_status wm_session_reorder(wm_session *session, const uint32_t *parents, size_t count,
                             wm_error *error) {
    size_t same = 0;
    while (same < count && parents[same] == same) same++;
    if (same == count && count <= session->lanes) return WM_OK;
    return renew_cache(session, WM_MAX(session->lanes, count), session->capacity, parents, count,
                       error);
}

void wm_session_rewind(wm_session *session, size_t position) {
    for (size_t i = 0; i < session->lanes; i++)
        session->past[i] = WM_MIN(session->past[i], position);
}

void wm_session_logits_of(const wm_session *session, const float *hidden, size_t count,
                          float *logits) {
    const wm_model *model = session->model;
    wm_model_linear(model, logits, hidden, &model->weights.head, count);
    if (model->arch.scaled_head && model->arch.tied_head)
        model->kernels->scale(logits, 1 / __builtin_sqrtf((float)model->arch.width),
                              count * model->arch.vocabulary);
}

wm_status wm_session_hidden(wm_session *session, const int32_t *ids, size_t count, float *hidden,
                            wm_error *error) {
    wm_sequence sequence = {ids, NULL, count};
    const float *states;
    WM_TRY(wm_session_run(session, &sequence, 1, &states, error));
    memcpy(hidden, states, count * session->model->arch.width * sizeof *hidden);
    return WM_OK;
}

wm_status wm_session_hidden_states(wm_session *session, const int32_t *ids, size_t count,
                                   float *states, wm_error *error) {
    wm_sequence sequence = {ids, NULL, count};
    const float *hidden;
    session->states = states;
    wm_status status = wm_session_run(session, &sequence, 1, &hidden, error);
    session->states = NULL;
    return status;
}

static wm_status append_ids(wm_session *session, const int32_t *ids, size_t count,
                            const float **hidden, wm_error *error) {
    wm_sequence sequence = {ids, NULL, count};
    if (!session->model->weights.head.data)
        return wm_fail(error, WM_ERROR_STATE, 0, "this model has no output head for logits");
    return wm_session_append(session, &sequence, 1, hidden, error);
}

wm_status wm_logits(wm_session *session, const int32_t *ids, size_t count, float *logits,
                    wm_error *error) {
    const float *hidden = NULL;
    WM_TRY(append_ids(session, ids, count, &hidden, error));
    wm_session_logits_of(session, hidden, count, logits);
    return WM_OK;
}

wm_status wm_logits_last(wm_session *session, const int32_t *ids, size_t count, float *logits,
                         wm_error *error) {
    const float *hidden = NULL;
    WM_TRY(append_ids(session, ids, count, &hidden, error));
    wm_session_logits_of(session, hidden + (count - 1) * session->model->arch.width, 1, logits);
    return WM_OK;
}
