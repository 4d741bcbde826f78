// SPDX-License-Identifier: MIT OR Apache-2.0
// Files in, vectors out: the tokenizer, the model and the sentence-transformers steps in one.
#include "pipeline.h"

#include "../base/utf8.h"
#include "../token/tokenizer.h"

void wm_options_read(void *to, size_t size, const void *from) {
    size_t given = 0;
    memset(to, 0, size);
    if (from) memcpy(&given, from, sizeof given);
    memcpy(to, from ? from : to, WM_MIN(given, size));
}

// ---- Open ---------------------------------------------------------------------------------------

static wm_status open_model(wm_pipeline *p, const wm_pipeline_options *options, wm_error *error) {
    const wm_source *file =
        wm_source_find(p->sentence.files, p->sentence.file_count, "config.json");
    wm_span json = WM_TEXT("{\"model_type\":\"static\"}");
    if (file)
        json = file->bytes;
    else if (!p->sentence.without_config)
        return wm_fail(error, WM_ERROR_MISSING, 0, "config.json is missing");
    wm_config config;
    WM_TRY(wm_config_read(&config, json, error));
    WM_TRY(wm_model_open(&p->model, &config, p->sentence.files, p->sentence.file_count, options,
                         error));
    return wm_session_open(&p->session, p->model, &p->allocator, error);
}

// "mean", or "cls+mean" where the files ask for both
static wm_status name_pooling(wm_pipeline *p, wm_error *error) {
    static const char *const names[WM_POOL_KINDS] = {"cls",           "max",           "mean",
                                                     "mean_sqrt_len", "weighted_mean", "last"};
    char *name;
    size_t n = 0;
    WM_TRY(WM_ALLOC(&p->arena, name, 64, error));
    for (uint32_t i = 0; i < WM_POOL_KINDS; i++) {
        if (!(p->sentence.steps[0].pools >> i & 1)) continue;
        if (n) name[n++] = '+';
        for (const char *c = names[i]; *c; c++) name[n++] = *c;
    }
    name[n] = 0;
    p->pooling = name;
    return WM_OK;
}

static wm_status open_pipeline(wm_pipeline *p, const wm_source *files, size_t count,
                               const wm_pipeline_options *options, wm_error *error) {
    wm_sentence *sentence = &p->sentence;
    WM_TRY(wm_sentence_open(sentence, files, count, &p->arena, error));
    WM_TRY(open_model(p, options, error));
    WM_TRY(wm_tokenizer_open(&p->tokenizer, sentence->files, sentence->file_count, &p->allocator,
                             error));
    size_t pieces = wm_tokenizer_vocabulary(p->tokenizer);
    if (pieces > p->model->arch.vocabulary)
        return wm_fail(error, WM_ERROR_SHAPE, 0,
                       "the tokenizer has %u ids, the model's vocabulary is %u", (uint64_t)pieces,
                       (uint64_t)p->model->arch.vocabulary);
    if (p->model->arch.normalized && sentence->step_count == 1)
        sentence->steps[sentence->step_count++].kind = WM_STEP_NORMALIZE;
    WM_TRY(wm_sentence_fit(sentence, p->model->arch.width, error));
    uint32_t widest = 0;
    for (uint32_t i = 0; i < sentence->step_count; i++)
        widest = WM_MAX(widest, sentence->steps[i].width);
    for (uint32_t i = 0; i < 2; i++) WM_TRY(WM_ALLOC(&p->arena, p->vectors[i], widest, error));
    WM_TRY(name_pooling(p, error));
    WM_TRY(wm_pipeline_read_rules(p, error));
    WM_TRY(wm_pipeline_read_head(p, error));
    p->dim = sentence->steps[sentence->step_count - 1].width;
    uint32_t said =
        sentence->max_length ? sentence->max_length : wm_tokenizer_model_max_length(p->tokenizer);
    p->max_tokens = wm_model_max_tokens(p->model);
    if (said) p->max_tokens = WM_MIN(p->max_tokens, said);
    p->model_bytes = p->budget.used;
    return WM_OK;
}

wm_status wm_pipeline_json(wm_pipeline *p, const char *name, wm_json *root, wm_error *error) {
    return wm_json_file(p->sentence.files, p->sentence.file_count, name, root, error);
}

wm_status wm_pipeline_within_budget(wm_pipeline *p, wm_status status, wm_error *error) {
    bool refused = p->budget.refused;
    p->budget.refused = false;
    if (status != WM_ERROR_NOMEM || !refused) return status;
    return wm_fail(error, WM_ERROR_LIMIT, 0, "more memory is needed than max_bytes %u",
                   p->budget.limit);
}

wm_status wm_pipeline_encode(wm_pipeline *p, wm_span text, const wm_encode_options *options,
                             wm_error *error) {
    return wm_pipeline_within_budget(
        p, wm_tokenizer_encode(p->tokenizer, text, NULL, options, &p->encodings[0], error), error);
}

wm_status wm_pipeline_open(wm_pipeline **pipeline, const wm_source *files, size_t file_count,
                           const wm_pipeline_options *options, wm_error *error) {
    wm_pipeline_options o;
    wm_options_read(&o, sizeof o, options);
    *pipeline = NULL;
    wm_allocator host = o.allocator ? *o.allocator : wm_allocator_default;
    wm_pipeline *p = host.allocate(host.context, sizeof *p);
    if (!p)
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted",
                       (uint64_t)sizeof *p);
    *p = (wm_pipeline){.budget = {.host = host, .limit = o.max_bytes}};
    p->allocator = wm_budget_allocator(&p->budget);
    o.allocator = &p->allocator;
    wm_arena_init(&p->arena, &p->allocator);
    wm_arena_init(&p->memory, &p->allocator);
    wm_arena_init(&p->results, &p->allocator);
    wm_status status =
        wm_pipeline_within_budget(p, open_pipeline(p, files, file_count, &o, error), error);
    if (status == WM_OK)
        *pipeline = p;
    else
        wm_pipeline_close(p);
    return status;
}

void wm_pipeline_close(wm_pipeline *p) {
    if (!p) return;
    for (size_t i = 0; i < GROUP_TEXTS; i++) wm_encoding_free(&p->encodings[i]);
    wm_session_close(p->session);
    wm_model_close(p->model);
    wm_tokenizer_close(p->tokenizer);
    wm_arena_free(&p->results);
    wm_array_free(&p->chat, &p->allocator);
    wm_arena_free(&p->memory);
    wm_arena_free(&p->arena);
    wm_allocator host = p->budget.host;
    host.release(host.context, p);
}

// ---- Text → ids ---------------------------------------------------------------------------------

// Python's spaces are Unicode's and the four separators of ASCII.
static bool python_space(const wm_pipeline *p, uint32_t code) {
    return (code >= 0x1C && code < 0x20) ||
           wm_char_flags(&p->tokenizer->unicode, code) & WM_CHAR_SPACE;
}

wm_span wm_python_strip(const wm_pipeline *p, wm_span text) {
    uint32_t code;
    size_t n;
    while ((n = wm_utf8_decode(text.p, text.n, &code)) && python_space(p, code)) {
        text.p += n;
        text.n -= n;
    }
    while (text.n) {
        size_t start = text.n - 1;
        while (start && (text.p[start] & 0xC0) == 0x80) start--;
        if (!wm_utf8_decode(text.p + start, text.n - start, &code) || !python_space(p, code)) break;
        text.n = start;
    }
    return text;
}

typedef struct embedding_call {
    wm_pipeline *pipeline;
    wm_embed_options options;
    wm_span prompt;
    uint32_t prompt_tokens; // to leave out of the pooling
    wm_error *error;
} embedding_call;

static void drop_id(wm_encoding *encoding, int32_t id) {
    size_t kept = 0;
    for (size_t i = 0; i < encoding->count; i++)
        if (encoding->ids[i] != id) encoding->ids[kept++] = encoding->ids[i];
    encoding->count = kept;
}

static wm_status tokenize_text(embedding_call *call, wm_span prompt, wm_span text,
                               wm_encoding *encoding) {
    wm_pipeline *p = call->pipeline;
    wm_mark mark = wm_arena_mark(&p->arena);
    wm_encode_options options = {.size = sizeof options,
                                 .special = p->model->arch.plain_text ? WM_OFF : WM_ON,
                                 .truncate = call->options.truncate,
                                 .lower_case = p->sentence.lower};
    options.max_length = p->max_tokens;
    if (call->options.max_length)
        options.max_length = WM_MIN(call->options.max_length, wm_model_max_tokens(p->model));
    wm_status status = WM_OK;
    if (prompt.n) {
        uint8_t *whole;
        status = WM_ALLOC(&p->arena, whole, (uint64_t)prompt.n + text.n, call->error);
        if (status == WM_OK) {
            memcpy(whole, prompt.p, prompt.n);
            if (text.n) memcpy(whole + prompt.n, text.p, text.n);
            text = (wm_span){whole, prompt.n + text.n};
        }
    }
    if (status == WM_OK) {
        if (p->sentence.strip) text = wm_python_strip(p, text);
        status = wm_tokenizer_encode(p->tokenizer, text, NULL, &options, encoding, call->error);
    }
    if (p->model->arch.without_unknown) drop_id(encoding, p->tokenizer->model.unk);
    wm_arena_reset(&p->arena, mark);
    return status;
}

// ---- Ids → vector -------------------------------------------------------------------------------

static uint32_t pools_of(const wm_pipeline *p, wm_pooling pooling) {
    static const uint8_t bits[] = {[WM_POOLING_MEAN] = 1u << WM_POOL_MEAN,
                                   [WM_POOLING_CLS] = 1u << WM_POOL_CLS,
                                   [WM_POOLING_MAX] = 1u << WM_POOL_MAX,
                                   [WM_POOLING_LAST] = 1u << WM_POOL_LAST};
    return pooling == WM_POOLING_FILES ? p->sentence.steps[0].pools : bits[pooling];
}

static void pool_hidden(embedding_call *call, float *y, const float *hidden, size_t T) {
    wm_pipeline *p = call->pipeline;
    uint32_t D = p->model->arch.width, pools = pools_of(p, call->options.pooling);
    size_t first = WM_MIN(call->prompt_tokens, T - 1);
    for (uint32_t i = 0; i < WM_POOL_KINDS; i++) {
        if (!(pools >> i & 1)) continue;
        wm_pool_rows(p->model->kernels, y, hidden, (wm_pool)i, first, T, D);
        y += D;
    }
}

// vector [dim] = all steps over hidden [T, D]
static wm_status run_steps(embedding_call *call, float *vector, const float *hidden, size_t T) {
    wm_pipeline *p = call->pipeline;
    const wm_kernels *kernels = p->model->kernels;
    float *from = p->vectors[0], *to = p->vectors[1];
    bool normalize = call->options.normalize == WM_ON;
    pool_hidden(call, from, hidden, T);
    for (uint32_t i = 1; i < p->sentence.step_count; i++) {
        const wm_step *step = &p->sentence.steps[i];
        if (step->kind == WM_STEP_DENSE) {
            wm_model_linear(p->model, to, from, &step->dense, 1);
            wm_activate(kernels, to, step->activation, step->width);
            float *other = from;
            from = to;
            to = other;
        } else if (call->options.normalize != WM_OFF) {
            wm_l2_normalize(kernels, from, step->width);
            normalize = false;
        }
    }
    if (normalize) wm_l2_normalize(kernels, from, p->dim);
    memcpy(vector, from, p->dim * sizeof *vector);
    for (uint32_t i = 0; i < p->dim; i++)
        if (!(vector[i] - vector[i] == 0)) // NaN and infinity alone fail this
            return wm_fail(call->error, WM_ERROR_NUMERIC, 0,
                           "number %u of the embedding is NaN or infinite", (uint64_t)i);
    return WM_OK;
}

wm_status wm_pipeline_run(wm_pipeline *p, size_t count, const float **hidden, wm_error *error) {
    wm_sequence sequences[GROUP_TEXTS];
    for (size_t i = 0; i < count; i++) {
        const wm_encoding *encoding = &p->encodings[i];
        sequences[i] = (wm_sequence){encoding->ids, encoding->types, encoding->count};
    }
    return wm_session_run(p->session, sequences, count, hidden, error);
}

// Runs the texts of the first `count` encodings and writes their vectors.
static wm_status embed_group(embedding_call *call, size_t count, float *vectors) {
    wm_pipeline *p = call->pipeline;
    const float *hidden;
    WM_TRY(wm_pipeline_run(p, count, &hidden, call->error));
    for (size_t i = 0; i < count; i++) {
        size_t T = p->encodings[i].count;
        WM_TRY(run_steps(call, vectors + i * p->dim, hidden, T));
        hidden += T * p->model->arch.width;
    }
    return WM_OK;
}

static wm_status prepare_call(embedding_call *call) {
    wm_pipeline *p = call->pipeline;
    const wm_embed_options *o = &call->options;
    if ((unsigned)o->pooling > WM_POOLING_LAST || (unsigned)o->normalize > WM_OFF ||
        (unsigned)o->truncate > WM_TRUNCATE_ERROR)
        return wm_fail(call->error, WM_ERROR_ARG, 0,
                       "pooling, normalize or truncate is none of its values");
    if (o->pooling != WM_POOLING_FILES && p->sentence.steps[0].width != p->model->arch.width)
        return wm_fail(call->error, WM_ERROR_ARG, 0,
                       "pooling: one alone is not the dimension of this model's (%z)", p->pooling);
    call->prompt = o->prompt;
    if (!o->prompt.p)
        WM_TRY(wm_sentence_prompt(&p->sentence, o->prompt_name, &call->prompt, call->error));
    if (call->prompt.p &&
        p->sentence.steps[0].without_prompt) { // an empty one has the opening special token
        WM_TRY(tokenize_text(call, call->prompt, (wm_span){NULL, 0}, &p->encodings[0]));
        call->prompt_tokens =
            (uint32_t)p->encodings[0].count - 1; // without the closing special token
    }
    return WM_OK;
}

static wm_status embed_texts(embedding_call *call, const wm_span *texts, size_t count,
                             float *vectors, wm_embed_info *infos) {
    wm_pipeline *p = call->pipeline;
    WM_TRY(prepare_call(call));
    size_t grouped = 0, tokens = 0;
    for (size_t i = 0; i < count; i++) {
        wm_encoding *encoding = &p->encodings[grouped];
        WM_TRY(tokenize_text(call, call->prompt, texts[i], encoding));
        if (infos) infos[i] = (wm_embed_info){(uint32_t)encoding->count, encoding->truncated};
        bool empty = !encoding->count && p->model->arch.plain_text;
        tokens += encoding->count;
        grouped += !empty;
        if (!empty && tokens < GROUP_TOKENS && grouped < GROUP_TEXTS && i + 1 < count) continue;
        if (grouped) WM_TRY(embed_group(call, grouped, vectors + (i + !empty - grouped) * p->dim));
        if (empty) memset(vectors + i * p->dim, 0, p->dim * sizeof *vectors);
        grouped = tokens = 0;
    }
    return WM_OK;
}

wm_status wm_pipeline_embed_batch(wm_pipeline *p, const wm_span *texts, size_t count,
                                  const wm_embed_options *options, float *vectors,
                                  wm_embed_info *infos, wm_error *error) {
    embedding_call call = {.pipeline = p, .error = error};
    wm_options_read(&call.options, sizeof call.options, options);
    if (count > WM_LIMIT_BATCH)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "%u texts in one batch, the limit is %u",
                       (uint64_t)count, (uint64_t)WM_LIMIT_BATCH);
    return wm_pipeline_within_budget(p, embed_texts(&call, texts, count, vectors, infos), error);
}

wm_status wm_pipeline_embed(wm_pipeline *p, wm_span text, const wm_embed_options *options,
                            float *vector, wm_embed_info *info, wm_error *error) {
    return wm_pipeline_embed_batch(p, &text, 1, options, vector, info, error);
}

wm_status wm_pipeline_hidden(wm_pipeline *p, const int32_t *ids, size_t count, float *hidden,
                             wm_error *error) {
    return wm_pipeline_within_budget(p, wm_session_hidden(p->session, ids, count, hidden, error),
                                     error);
}

wm_status wm_pipeline_encode_t5(wm_pipeline *p, wm_span text, const float **hidden, size_t *count,
                                wm_error *error) {
    WM_TRY(wm_pipeline_encode(p, text, NULL, error));
    *count = p->encodings[0].count;
    return wm_pipeline_within_budget(p, wm_pipeline_run(p, 1, hidden, error), error);
}

// ---- Facts --------------------------------------------------------------------------------------

size_t wm_pipeline_dim(const wm_pipeline *p) { return p->dim; }

const wm_tokenizer *wm_pipeline_tokenizer(const wm_pipeline *p) { return p->tokenizer; }

wm_span wm_pipeline_ignored_tensor(const wm_pipeline *p, size_t index) {
    return index < p->model->ignored_count ? p->model->ignored[index] : (wm_span){NULL, 0};
}

void wm_pipeline_info_get(const wm_pipeline *p, wm_pipeline_info *info) {
    const wm_arch *arch = &p->model->arch;
    *info = (wm_pipeline_info){
        .model_type = p->model->model_type,
        .tokenizer = wm_tokenizer_kind(p->tokenizer),
        .dtype = p->model->dtype,
        .isa = p->model->kernels->isa,
        .pooling = p->pooling,
        .width = arch->width,
        .dim = p->dim,
        .layers = arch->layers,
        .heads = arch->heads,
        .vocabulary = arch->vocabulary,
        .max_tokens = p->max_tokens,
        .parameters = p->model->parameters,
        .weight_bytes = p->model->weight_bytes,
        .model_bytes = p->model_bytes,
        // a group may be one token short of full when the longest text joins it
        .session_bytes =
            wm_session_bytes(p->model, GROUP_TOKENS - 1 + (size_t)wm_model_max_tokens(p->model)),
    };
    for (uint32_t i = 0; i < p->sentence.step_count; i++)
        info->normalize |= p->sentence.steps[i].kind == WM_STEP_NORMALIZE;
}
