// SPDX-License-Identifier: MIT OR Apache-2.0
// A prompt in, tokens out: one call, one token.
#include "../gen/beams.h"
#include "../gen/stop.h"
#include "pipeline.h"

// Tokens that run through the model at once: bounds the memory of a long prompt.
enum { PROMPT_TOKENS = 256 };

// The context of a model whose positions set no limit (T5), where the caller sets none either.
enum { FREE_CONTEXT = 512 };

struct wm_generation {
    wm_pipeline *pipeline;
    float *logits; // [beams, V]
    int32_t *ids;  // [sampler.limit] prompt (of the decoder) and new tokens of the sequence in work
    size_t count;  // of them
    size_t sequence; // the one in work
    size_t told;     // of its new tokens, how many the caller has
    wm_finish finish;
    bool over;             // the caller has been told of `finish`
    wm_text_stream stream; // of the sequence's new tokens
    wm_beams beams;        // in use where num_beams > 1
    wm_sampler sampler;
    wm_arena arena; // holds this struct
};

// A sequence's first token is next.
static void restart_text(wm_generation *g) {
    g->told = g->stream.taken = g->stream.from = g->stream.count = 0;
}

static wm_session *session_of(const wm_generation *g) { return g->pipeline->session; }

static bool has_encoder(const wm_generation *g) {
    return g->pipeline->model->arch.kind == WM_ENCODER_DECODER;
}

// ---- What the files say -------------------------------------------------------------------------

wm_status wm_pipeline_read_rules(wm_pipeline *p, wm_error *error) {
    uint32_t V = p->model->arch.vocabulary;
    uint64_t start;
    p->decoder_start = -1;
    if (p->model->arch.kind == WM_ENCODER) return WM_OK;
    const char *name = "generation_config.json";
    wm_json root;
    WM_TRY(wm_pipeline_json(p, name, &root, error));
    if (!wm_json_present(root)) WM_TRY(wm_pipeline_json(p, name = "config.json", &root, error));
    WM_TRY(wm_token_rules_read(&p->rules, root, name, V, &p->arena, error));
    if (p->rules.start.n)
        p->decoder_start = *p->rules.start.p;
    else if (wm_json_u64_of(root, "bos_token_id", &start) && start < V)
        p->decoder_start = (int32_t)start;
    return WM_OK;
}

// ---- The model's side ---------------------------------------------------------------------------

// Keeps what the session remembers of ids' beginning, and forgets the rest. At least one id is left
// to run.
static void keep_prefix(wm_generation *g) {
    wm_pipeline *p = g->pipeline;
    size_t same = 0;
    if (!has_encoder(g))
        while (same < p->remembered_count && same + 1 < g->count &&
               p->remembered[same] == g->ids[same])
            same++;
    wm_session_rewind(p->session, same);
    p->remembered_count = same;
}

// The logits of the token after ids [count]: the session remembers their beginning, and all of them
// then. What is noted is never more than it remembers, so a run that fails half way leaves nothing
// wrong.
static WM_NOINLINE wm_status run_tokens_left(wm_generation *g, wm_error *error) {
    wm_pipeline *p = g->pipeline;
    const float *hidden = NULL;
    size_t from = p->remembered_count;
    for (size_t known = from; known < g->count;) {
        wm_sequence part = {g->ids + known, NULL, WM_MIN(g->count - known, (size_t)PROMPT_TOKENS)};
        WM_TRY(wm_session_append(p->session, &part, 1, &hidden, error));
        known += part.count;
        if (known == g->count)
            wm_session_logits_of(p->session, hidden + (part.count - 1) * p->model->arch.width, 1,
                                 g->logits);
    }
    if (p->remembered_room < g->count) {
        wm_arena_free(&p->memory);
        p->remembered_room = p->remembered_count = from = 0;
        WM_TRY(WM_ALLOC(&p->memory, p->remembered, 2 * g->count, error));
        p->remembered_room = 2 * g->count;
    }
    memcpy(p->remembered + from, g->ids + from, (g->count - from) * sizeof *g->ids);
    p->remembered_count = g->count;
    return WM_OK;
}

static wm_status begin_sequence(wm_generation *g, wm_error *error) {
    g->count = g->sampler.prompt;
    restart_text(g);
    // LENGTH where the prompt fills the context.
    g->finish = wm_sampler_finish(&g->sampler, g->ids, g->count);
    g->sampler.stream = (uint32_t)g->sequence;
    keep_prefix(g);
    return run_tokens_left(g, error);
}

// One token more, by the sampler.
static wm_status draw_token(wm_generation *g, wm_error *error) {
    int32_t id;
    WM_TRY(run_tokens_left(g, error));
    WM_TRY(wm_sampler_next(&g->sampler, g->logits, g->ids, g->count, &id, error));
    g->ids[g->count++] = id;
    g->finish = wm_sampler_finish(&g->sampler, g->ids, g->count);
    return WM_OK;
}

// The whole search: its result is known at its end alone.
static wm_status search_beams(wm_generation *g, wm_error *error) {
    wm_beams *beams = &g->beams;
    size_t V = g->pipeline->model->arch.vocabulary, D = g->pipeline->model->arch.width;
    wm_sequence sequences[WM_LIMIT_SEQUENCES];
    const float *hidden = NULL;
    g->pipeline->remembered_count = 0;
    while (!beams->done) {
        WM_TRY(wm_beams_next(beams, g->logits, error));
        if (beams->done) break;
        WM_TRY(wm_session_reorder(session_of(g), beams->parents, beams->width, error));
        for (uint32_t b = 0; b < beams->width; b++)
            sequences[b] = (wm_sequence){wm_beams_ids(beams, b) + beams->count - 1, NULL, 1};
        WM_TRY(wm_session_append(session_of(g), sequences, beams->width, &hidden, error));
        for (uint32_t b = 0; b < beams->width; b++)
            wm_session_logits_of(session_of(g), hidden + b * D, 1, g->logits + b * V);
    }
    wm_beams_finish(beams);
    return WM_OK;
}

// ---- Logits of given ids ------------------------------------------------------------------------

// Rows of logits made at once where only one number of each is wanted.
enum { SCORED_TOKENS = 16 };

// The natural logarithm of the probability of id `id`: torch.nn.functional.log_softmax
static float log_probability(const float *logits, size_t V, int32_t id) {
    uint32_t best;
    (void)wm_logits_best(logits, V, &best, NULL); // what is no number gives none
    return (float)((double)logits[id] - wm_logits_log_sum(logits, V, logits[best]));
}

// Runs ids [count] from an empty memory on; `logits` is [count, V], or [SCORED_TOKENS, V] where
// values [count] are wanted instead.
static wm_status run_ids(wm_pipeline *p, const int32_t *ids, size_t count, float *logits,
                         float *values, wm_error *error) {
    size_t V = p->model->arch.vocabulary;
    const float *hidden = NULL;
    wm_session_rewind(p->session, 0);
    p->remembered_count = 0;
    for (size_t done = 0; done == 0 || done < count;) {
        wm_sequence part = {done ? ids + done : ids, NULL,
                            WM_MIN(count - done, (size_t)(values ? SCORED_TOKENS : PROMPT_TOKENS))};
        WM_TRY(wm_session_append(p->session, &part, 1, &hidden, error));
        wm_session_logits_of(p->session, hidden, part.count, logits);
        done += part.count;
        if (!values) logits += part.count * V;
        for (size_t t = 0, at = done - part.count + 1; values && t < part.count && at < count;
             t++, at++)
            values[at] = log_probability(logits + t * V, V, ids[at]);
    }
    if (values) values[0] = 0;
    return WM_OK;
}

static wm_status score_ids(wm_pipeline *p, wm_sequence ids, wm_sequence decoder, float *logits,
                           float *values, wm_error *error) {
    const wm_arch *arch = &p->model->arch;
    const float *hidden = NULL;
    if (!p->model->weights.head.data)
        return wm_fail(error, WM_ERROR_STATE, 0, "this model has no output head for logits");
    if (arch->kind != WM_ENCODER_DECODER) {
        if (decoder.count)
            return wm_fail(error, WM_ERROR_ARG, 0, "decoder ids: this model has no encoder");
        decoder = ids;
    } else {
        WM_TRY(wm_session_encode(p->session, &ids, &hidden, error));
    }
    wm_mark mark = wm_arena_mark(&p->arena);
    wm_status status = WM_OK;
    if (values)
        status = WM_ALLOC(&p->arena, logits, (uint64_t)SCORED_TOKENS * arch->vocabulary, error);
    if (status == WM_OK) status = run_ids(p, decoder.ids, decoder.count, logits, values, error);
    wm_arena_reset(&p->arena, mark);
    return status;
}

// wm_pipeline_logits, or wm_pipeline_log_probabilities where `values` is given.
static WM_NOINLINE wm_status score_all(wm_pipeline *p, const int32_t *ids, size_t count,
                                       const int32_t *decoder_ids, size_t decoder_count,
                                       float *logits, float *values, wm_error *error) {
    wm_sequence encoder = {ids, NULL, count}, decoder = {decoder_ids, NULL, decoder_count};
    return wm_pipeline_within_budget(p, score_ids(p, encoder, decoder, logits, values, error),
                                     error);
}

wm_status wm_pipeline_logits(wm_pipeline *p, const int32_t *ids, size_t count,
                             const int32_t *decoder_ids, size_t decoder_count, float *logits,
                             wm_error *error) {
    return score_all(p, ids, count, decoder_ids, decoder_count, logits, NULL, error);
}

wm_status wm_pipeline_log_probabilities(wm_pipeline *p, const int32_t *ids, size_t count,
                                        const int32_t *decoder_ids, size_t decoder_count,
                                        float *values, wm_error *error) {
    return score_all(p, ids, count, decoder_ids, decoder_count, NULL, values, error);
}

// ---- The caller's side --------------------------------------------------------------------------

// Where the decoder begins: the prompt, or the start token of a decoder that attends to it.
static wm_status begin_prompt(wm_generation *g, wm_sequence *prompt, wm_error *error) {
    wm_pipeline *p = g->pipeline;
    const float *hidden = NULL;
    if (!has_encoder(g)) return WM_OK;
    if (p->decoder_start < 0)
        return wm_fail(error, WM_ERROR_MISSING, 0,
                       "config.json: decoder_start_token_id is missing");
    WM_TRY(wm_session_encode(p->session, prompt, &hidden, error));
    *prompt = (wm_sequence){&p->decoder_start, NULL, 1};
    return WM_OK;
}

static wm_status open_generation(wm_generation *g, wm_sequence prompt,
                                 const wm_generate_options *options, wm_error *error) {
    wm_pipeline *p = g->pipeline;
    size_t V = p->model->arch.vocabulary, room = wm_model_max_tokens(p->model);
    if (room == WM_LIMIT_POSITIONS && !(options && options->max_new_tokens)) room = FREE_CONTEXT;
    WM_TRY(begin_prompt(g, &prompt, error));
    if (prompt.count == 0 || prompt.count > room)
        return wm_fail(error, prompt.count ? WM_ERROR_LIMIT : WM_ERROR_ARG, 0,
                       "the prompt has %u tokens, the model takes 1 to %u", (uint64_t)prompt.count,
                       (uint64_t)room);
    WM_TRY(wm_sampler_init(&g->sampler, options, &p->rules, V, &g->arena, error));
    wm_sampler_begin(&g->sampler, prompt.count, room - prompt.count, 0);
    WM_TRY(WM_ALLOC(&g->arena, g->logits, V * g->sampler.options.num_beams, error));
    WM_TRY(WM_ALLOC(&g->arena, g->ids, g->sampler.limit, error));
    memcpy(g->ids, prompt.ids, prompt.count * sizeof *g->ids);
    if (g->sampler.options.num_beams > 1)
        WM_TRY(wm_beams_init(&g->beams, &g->sampler, g->ids, &g->arena, error));
    return begin_sequence(g, error);
}

wm_status wm_generation_open_ids(wm_generation **generation, wm_pipeline *p, const int32_t *ids,
                                 size_t count, const wm_generate_options *options,
                                 wm_error *error) {
    *generation = NULL;
    if (!p->model->weights.head.data || p->model->arch.kind == WM_ENCODER)
        return wm_fail(error, WM_ERROR_STATE, 0,
                       "this model generates no text: an encoder, or no head");
    wm_arena arena;
    wm_generation *g;
    wm_arena_init(&arena, &p->allocator);
    wm_status status = WM_ALLOC(&arena, g, 1, error);
    if (status == WM_OK) {
        *g = (wm_generation){
            .pipeline = p, .arena = arena, .stream = {.decoding = {.allocator = p->allocator}}};
        status = open_generation(g, (wm_sequence){ids, NULL, count}, options, error);
        if (status == WM_OK)
            *generation = g;
        else
            wm_generation_close(g);
    }
    return wm_pipeline_within_budget(p, status, error);
}

wm_status wm_generation_open(wm_generation **generation, wm_pipeline *p, wm_span prompt,
                             const wm_generate_options *options, wm_error *error) {
    const wm_encoding *encoding = &p->encodings[0];
    *generation = NULL;
    WM_TRY(wm_pipeline_encode(p, prompt, NULL, error));
    return wm_generation_open_ids(generation, p, encoding->ids, encoding->count, options, error);
}

void wm_generation_close(wm_generation *g) {
    if (!g) return;
    wm_arena arena = g->arena;
    wm_decoding_free(&g->stream.decoding);
    wm_arena_free(&arena);
}

// The next beam hypothesis's tokens, as if they had just been drawn.
static wm_status next_of_beams(wm_generation *g, wm_error *error) {
    if (!g->beams.hypothesis_count) WM_TRY(search_beams(g, error));
    const wm_hypothesis *best = &g->beams.hypotheses[g->sequence];
    if (best->count) g->ids[g->count++] = best->ids[g->told];
    if (g->told + 1 >= best->count) g->finish = best->finish;
    return WM_OK;
}

// The text that may go out now. What ends in half a character, or may yet become a stop string,
// waits.
static wm_status next_text(wm_generation *g, wm_span *text, wm_error *error) {
    const wm_generate_options *options = &g->sampler.options;
    bool last = g->finish != WM_FINISH_NONE, stopped = false;
    size_t prompt = g->sampler.prompt;
    WM_TRY(wm_tokenizer_decode_next(g->pipeline->tokenizer, g->ids + prompt, g->count - prompt,
                                    last, true, &g->stream, error));
    *text = g->stream.text;
    text->n = wm_stop_scan(*text, options->stop, options->stop_count, last, &stopped);
    g->stream.taken += text->n;
    if (stopped) g->finish = WM_FINISH_STOP;
    return WM_OK;
}

// Goes on to the next of several sequences.
static wm_status next_sequence(wm_generation *g, bool beams, wm_error *error) {
    size_t sequences = g->sampler.options.num_return_sequences;
    if (beams)
        sequences = WM_MIN(sequences, g->beams.hypothesis_count); // fewer where tokens are banned
    if (g->sequence + 1 >= sequences)
        return wm_fail(error, WM_ERROR_STATE, 0, "the generation is over");
    g->sequence++;
    g->over = false;
    if (!beams) return begin_sequence(g, error);
    g->count = g->sampler.prompt;
    restart_text(g);
    g->finish = WM_FINISH_NONE;
    return WM_OK;
}

static wm_status next_token(wm_generation *g, wm_generated *out, wm_error *error) {
    bool beams = g->sampler.options.num_beams > 1;
    int32_t id = -1;
    wm_span text = {NULL, 0};
    if (g->over) WM_TRY(next_sequence(g, beams, error));
    if (g->finish == WM_FINISH_NONE) {
        WM_TRY(beams ? next_of_beams(g, error) : draw_token(g, error));
        id = g->ids[g->count - 1];
        g->told++;
        WM_TRY(next_text(g, &text, error));
    }
    g->over = g->finish != WM_FINISH_NONE;
    *out = (wm_generated){
        .id = id, .sequence = (uint32_t)g->sequence, .finish = g->finish, .text = text};
    return WM_OK;
}

wm_status wm_generation_next(wm_generation *g, wm_generated *out, wm_error *error) {
    return wm_pipeline_within_budget(g->pipeline, next_token(g, out, error), error);
}
