// SPDX-License-Identifier: MIT OR Apache-2.0
// What a model's head says of a text: labels, documents, tokens, answers, spans, with scores.
// Source: transformers, pipelines/{text_classification,token_classification,question_answering,
// fill_mask}.py; sentence_transformers, cross_encoder/CrossEncoder.py
#include "../base/maths.h"
#include "../token/tokenizer.h"
#include "pipeline.h"

// Defaults of transformers' pipelines.
enum { FILL_TOP = 5, ANSWER_WINDOW = 384, ANSWER_STRIDE = 128, ANSWER_LONGEST = 15 };

// ---- What the files say -------------------------------------------------------------------------

// "0", "1", … in their quotes, below `limit`; else `limit`
static uint32_t label_number(wm_span key, uint32_t limit) {
    uint32_t number = 0;
    for (size_t i = 1; i + 1 < key.n; i++) {
        uint32_t digit = key.p[i] - (uint32_t)'0';
        if (digit > 9 || (i > 1 && !number) || number >= limit) return limit;
        number = number * 10 + digit;
    }
    return key.n > 2 ? number : limit;
}

static wm_status read_labels(wm_pipeline *p, wm_json names, wm_error *error) {
    uint32_t count = p->model->arch.labels;
    wm_span *labels;
    uint8_t *text;
    WM_TRY(WM_ALLOC(&p->arena, labels, count, error));
    memset(labels, 0, count * sizeof *labels);
    for (wm_json_iter i = wm_json_each(names); wm_json_next(&i);) {
        wm_span key = wm_json_span(i.key);
        uint32_t number = label_number(key, count);
        if (number < count) WM_TRY(wm_json_text(i.value, &p->arena, &labels[number], error));
        if (number >= count || !labels[number].p)
            return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: id2label %s: not of %u labels",
                           &key, (uint64_t)count);
    }
    for (uint32_t i = 0; i < count; i++) { // with id2label all are there, but for doublets
        wm_error name;
        if (labels[i].p) continue;
        wm_fail(&name, WM_OK, 0, "LABEL_%u", (uint64_t)i);
        labels[i].n = strlen(name.text);
        WM_TRY(WM_ALLOC(&p->arena, text, labels[i].n, error));
        memcpy(text, name.text, labels[i].n);
        labels[i].p = text;
    }
    p->labels = labels;
    return WM_OK;
}

wm_status wm_pipeline_read_head(wm_pipeline *p, wm_error *error) {
    wm_task task = p->model->head.task;
    wm_json config;
    wm_span name;
    if (task == WM_TASK_ANSWER && p->model->arch.labels != 2)
        return wm_fail(error, WM_ERROR_SHAPE, 0, "config.json: %u labels, answers have 2",
                       (uint64_t)p->model->arch.labels);
    if (task != WM_TASK_CLASSIFY && task != WM_TASK_TAG) return WM_OK;
    WM_TRY(wm_pipeline_json(p, "config.json", &config, error));
    wm_json kind = wm_json_get(config, "problem_type");
    bool regression = wm_json_string_is(kind, "regression");
    p->softmax = p->model->arch.labels > 1 && !regression &&
                 !wm_json_string_is(kind, "multi_label_classification");
    p->classify = regression ? WM_IDENTITY : WM_SIGMOID;
    p->rerank = WM_SIGMOID;
    // The cross-encoder's own activation: a torch module's name, where newer and older ones put it.
    kind = wm_json_get(wm_json_get(config, "sentence_transformers"), "activation_fn");
    if (!wm_json_present(kind)) kind = wm_json_get(config, "sbert_ce_default_activation_function");
    if (wm_json_string_plain(kind, &name) && !wm_sentence_activation(name, &p->rerank))
        return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: activation %s", &name);
    return read_labels(p, wm_json_get(config, "id2label"), error);
}

wm_task wm_pipeline_task(const wm_pipeline *p) { return p->model->head.task; }

// ---- Running ------------------------------------------------------------------------------------

typedef struct prediction_call {
    wm_pipeline *pipeline;
    wm_encoding *encoding; // the pipeline's first
    const wm_span *texts;
    size_t count;
    wm_predict_options options;
    wm_encode_options encode;
    const float *hidden; // of the last run
    float *inside,
        *logits; // of the head: [states, rows of its dense layer, 2 at least], [states, rows]
    wm_prediction *items; // the best `kept` of this row, at most `most`
    size_t kept, most;
    wm_predictions *out;
    wm_error *error;
} prediction_call;

// Room for `rows` rows of `most` predictions, and for the logits of `states` hidden states at once.
static wm_status begin_prediction(prediction_call *call, size_t rows, size_t most, size_t states) {
    const wm_head *head = &call->pipeline->model->head;
    wm_arena *arena = &call->pipeline->results;
    uint64_t width = WM_MAX(head->dense.rows, 2);
    WM_TRY(WM_ALLOC(arena, call->items, (uint64_t)rows * most, call->error));
    WM_TRY(WM_ALLOC(arena, call->inside, states * (width + head->out.rows), call->error));
    call->logits = call->inside + states * width;
    call->most = most;
    call->out->items = call->items;
    call->out->rows = rows;
    return WM_OK;
}

static wm_status check_score(const prediction_call *call, float score) {
    if (score - score == 0) return WM_OK;
    return wm_fail(call->error, WM_ERROR_NUMERIC, 0, "a score is NaN or infinite");
}

static wm_status keep_prediction(prediction_call *call, float score, size_t index, size_t start,
                                 size_t end) {
    wm_prediction *at = call->items + call->kept;
    WM_TRY(check_score(call, score));
    if (call->kept < call->most)
        call->kept++;
    else if (!call->most || !(score > (--at)->score))
        return WM_OK;
    for (; at > call->items && at[-1].score < score; at--) *at = at[-1];
    *at = (wm_prediction){
        .score = score, .index = (int32_t)index, .start = (uint32_t)start, .end = (uint32_t)end};
    return WM_OK;
}

static wm_status encode_into(prediction_call *call, wm_encoding *encoding, wm_span text,
                             const wm_span *pair) {
    WM_TRY(wm_tokenizer_encode(call->pipeline->tokenizer, text, pair, &call->encode, encoding,
                               call->error));
    call->out->tokens += (uint32_t)encoding->count;
    call->out->truncated |= encoding->truncated;
    return WM_OK;
}

static wm_status run_tokens(prediction_call *call, size_t at, size_t count) {
    wm_sequence sequence = {call->encoding->ids + at, call->encoding->types + at, count};
    return wm_session_run(call->pipeline->session, &sequence, 1, &call->hidden, call->error);
}

// logits [states, …] = the head of the last run's hidden states from `first` on
static void head_logits(const prediction_call *call, size_t first, size_t states) {
    const wm_model *model = call->pipeline->model;
    const wm_head *head = &model->head;
    size_t width = model->arch.width;
    const float *x = call->hidden + first * width;
    if (head->dense.data) {
        wm_model_linear(model, call->inside, x, &head->dense, states);
        x = call->inside;
        width = head->dense.rows;
        wm_activate(model->kernels, call->inside, head->activation, states * width);
        if (head->norm.weight)
            wm_normalize_rows(model->kernels, call->inside, call->inside, NULL, &head->norm, states,
                              width);
    }
    wm_model_linear(model, call->logits, x, &head->out, states);
}

// ---- Labels of a text, ranks of documents -------------------------------------------------------

// Keeps all labels of a text, or document `index`, by the logits of one state.
static wm_status score_state(prediction_call *call, bool rank, size_t index) {
    const wm_pipeline *p = call->pipeline;
    uint32_t labels = p->model->arch.labels;
    if (!call->options.raw) {
        if (!rank && p->softmax)
            wm_softmax(p->model->kernels, call->logits, labels);
        else
            wm_activate(p->model->kernels, call->logits, rank ? p->rerank : p->classify, labels);
    }
    for (uint32_t i = 0; i < labels; i++)
        WM_TRY(keep_prediction(call, call->logits[i], rank ? index : i, 0, 0));
    return WM_OK;
}

// The text, its pairs one by one: as many side by side as make a group.
static wm_status score_texts(prediction_call *call, bool rank) {
    wm_pipeline *p = call->pipeline;
    size_t count = rank ? call->count - 1 : 1, labels = p->model->arch.labels;
    size_t most = count * labels, top = call->options.top_k;
    if (rank && labels != 1)
        return wm_fail(call->error, WM_ERROR_STATE, 0, "rerank needs one label, there are %u",
                       (uint64_t)labels);
    WM_TRY(begin_prediction(call, 1, top ? WM_MIN(top, most) : most, 1));
    for (size_t done = 0, group; done < count; done += group) {
        size_t tokens = 0, row = 0;
        for (group = 0; done + group < count && group < GROUP_TEXTS && tokens < GROUP_TOKENS;) {
            wm_encoding *encoding = &p->encodings[group];
            const wm_span *pair = call->count > 1 ? call->texts + 1 + done + group : NULL;
            wm_span text = *call->texts, stripped;
            if (rank && pair) {
                text = wm_python_strip(p, text);
                stripped = wm_python_strip(p, *pair);
                pair = &stripped;
            }
            WM_TRY(encode_into(call, encoding, text, pair));
            tokens += encoding->count;
            group++;
        }
        WM_TRY(wm_pipeline_run(p, group, &call->hidden, call->error));
        for (size_t i = 0; i < group; row += p->encodings[i++].count) {
            head_logits(call, row, 1);
            WM_TRY(score_state(call, rank, done + i));
        }
    }
    return WM_OK;
}

// ---- Masks --------------------------------------------------------------------------------------

// The mask token: what the files call it, else what such tokenizers call it.
static wm_status find_mask(prediction_call *call, int32_t *id) {
    const wm_tokenizer *tokenizer = call->pipeline->tokenizer;
    wm_span names[3] = {{NULL, 0}, WM_TEXT("<mask>"), WM_TEXT("[MASK]")};
    WM_TRY(wm_pipeline_setting(call->pipeline, "mask_token", names, call->error));
    for (size_t i = 0; i < 3; i++) {
        int32_t index = wm_vocabulary_find(&tokenizer->added_names, names[i]);
        if (index < 0) continue;
        *id = tokenizer->added[index].id;
        return WM_OK;
    }
    return wm_fail(call->error, WM_ERROR_MISSING, 0, "no mask token");
}

static wm_status fill_masks(prediction_call *call) {
    const wm_encoding *encoding = call->encoding;
    uint32_t V = call->pipeline->model->arch.vocabulary, top = call->options.top_k;
    size_t masks = 0, total = 0;
    int32_t mask = -1;
    WM_TRY(find_mask(call, &mask));
    WM_TRY(encode_into(call, call->encoding, call->texts[0], NULL));
    for (size_t i = 0; i < encoding->count; i++) masks += encoding->ids[i] == mask;
    if (!masks) return wm_fail(call->error, WM_ERROR_ARG, 0, "the text has no mask token");
    WM_TRY(run_tokens(call, 0, encoding->count));
    WM_TRY(begin_prediction(call, masks, WM_MIN(top ? top : FILL_TOP, V), 1));
    for (size_t at = 0; at < encoding->count; at++) {
        if (encoding->ids[at] != mask) continue;
        head_logits(call, at, 1);
        wm_softmax(call->pipeline->model->kernels, call->logits, V);
        for (uint32_t id = 0; id < V; id++)
            WM_TRY(keep_prediction(call, call->logits[id], id, encoding->starts[at],
                                   encoding->ends[at]));
        call->items += call->kept;
        total += call->kept;
        call->kept = 0;
    }
    call->items -= total;
    call->kept = total;
    return WM_OK;
}

// The text of a token by itself.
static wm_status name_token(prediction_call *call, wm_prediction *item) {
    wm_decoding decoding = {0};
    uint8_t *text;
    WM_TRY(wm_tokenizer_decode(call->pipeline->tokenizer, &item->index, 1, false, &decoding,
                               call->error));
    wm_status status = WM_ALLOC(&call->pipeline->results, text, decoding.n, call->error);
    if (status == WM_OK) memcpy(text, decoding.text, decoding.n);
    item->text = (wm_span){text, decoding.n};
    wm_decoding_free(&decoding);
    return status;
}

// ---- Tags ---------------------------------------------------------------------------------------

// How many special tokens stand after the last text of a template.
static size_t special_behind(const wm_template *template) {
    size_t behind = 0;
    while (behind < template->count && template->steps[template->count - 1 - behind].id >= 0)
        behind++;
    return behind;
}

// Whether a label is "O", or begins with B- or I-: 2 bytes then, else 0.
static bool is_outside(wm_span label) { return label.n == 1 && *label.p == 'O'; }

static size_t mark_length(wm_span label) {
    return label.n > 1 && label.p[1] == '-' && (*label.p == 'B' || *label.p == 'I') ? 2 : 0;
}

// Joins tokens into spans as aggregation_strategy "simple" does, in place; no "O".
static size_t join_tags(wm_prediction *items, size_t count) {
    wm_prediction *span = items;
    wm_span last = {NULL, 0};
    float tokens = 0;
    for (size_t i = 0; i < count; i++) {
        wm_span label = items[i].text, tag = label;
        size_t mark = mark_length(label), dash = 0;
        tag.p += mark;
        tag.n -= mark;
        if (!i || (mark && *label.p == 'B') || !wm_span_equal(tag, last)) {
            if (i && !is_outside(span->text)) span++;
            *span = items[i];
            while (dash < label.n && label.p[dash] != '-') dash++;
            if (dash < label.n) span->text = (wm_span){label.p + dash + 1, label.n - dash - 1};
            tokens = 0;
        }
        span->score += (items[i].score - span->score) / ++tokens;
        span->end = items[i].end;
        last = tag;
    }
    return (size_t)(span - items) + (count && !is_outside(span->text));
}

static wm_status tag_text(prediction_call *call) {
    wm_pipeline *p = call->pipeline;
    const wm_encoding *encoding = call->encoding;
    const wm_template *template = &p->tokenizer->single;
    uint32_t labels = p->model->arch.labels;
    size_t first = template->special - special_behind(template);
    WM_TRY(encode_into(call, call->encoding, call->texts[0], NULL));
    size_t count = encoding->count - template->special;
    WM_TRY(begin_prediction(call, 1, count, count));
    if (!count) return WM_OK;
    WM_TRY(run_tokens(call, 0, encoding->count));
    head_logits(call, first, count);
    for (size_t t = 0; t < count; t++) {
        float *row = call->logits + t * labels;
        uint32_t best = 0;
        wm_softmax(p->model->kernels, row, labels);
        for (uint32_t i = 1; i < labels; i++)
            if (row[i] > row[best]) best = i;
        WM_TRY(check_score(call, row[best]));
        call->items[t] = (wm_prediction){p->labels[best], row[best], (int32_t)best,
                                         encoding->starts[first + t], encoding->ends[first + t]};
    }
    call->kept = call->options.all ? count : join_tags(call->items, count);
    return WM_OK;
}

// ---- Answers ------------------------------------------------------------------------------------

// The question's tokens with special ones, the context's, special ones: so is every window on a
// context that is too long for one.
typedef struct answer_windows {
    size_t before, behind; // the context's tokens
    bool null;             // the first token may stand for "no answer", as [CLS] does
} answer_windows;

static wm_status encode_windows(prediction_call *call, answer_windows *w) {
    const wm_predict_options *o = &call->options;
    const wm_template *template = &call->pipeline->tokenizer->pair;
    wm_encode_options *e = &call->encode;
    w->behind = special_behind(template);
    w->null = template->count && template->steps[0].id >= 0;
    if (!o->max_length) e->max_length = WM_MIN(e->max_length, (uint32_t)ANSWER_WINDOW);
    e->special = WM_OFF;
    WM_TRY(encode_into(call, call->encoding, call->texts[0], NULL));
    w->before = call->encoding->count + template->special - w->behind;
    e->special = WM_ON;
    e->stride = o->stride ? o->stride : WM_MIN(e->max_length / 2, (uint32_t)ANSWER_STRIDE);
    e->truncation = WM_TRUNCATION_SECOND;
    e->windows = true;
    call->out->tokens = 0;
    WM_TRY(encode_into(call, call->encoding, call->texts[0], &call->texts[1]));
    call->out->truncated = false;
    if (call->encoding->count > w->before + w->behind) return WM_OK;
    return wm_fail(call->error, WM_ERROR_ARG, 0, "the context is empty");
}

// Keeps the best spans of the window of `count` tokens from `at` on, by the product of their ends'
// probabilities; their start and end are tokens.
static wm_status run_window(prediction_call *call, const answer_windows *w, size_t at,
                            size_t count) {
    const wm_kernels *kernels = call->pipeline->model->kernels;
    size_t n = count - w->before - w->behind;
    size_t longest = call->options.max_answer ? call->options.max_answer : ANSWER_LONGEST;
    float *start = call->inside, *end = start + n + 1; // of no answer, and of the context's tokens
    WM_TRY(run_tokens(call, at, count));
    head_logits(call, 0, count);
    for (size_t i = 0; i <= n; i++) {
        const float *row = call->logits + 2 * (i ? w->before + i - 1 : 0);
        bool none = !i && !w->null;
        start[i] = none ? -WM_INFINITY : row[0];
        end[i] = none ? -WM_INFINITY : row[1];
    }
    wm_softmax(kernels, start, n + 1);
    wm_softmax(kernels, end, n + 1);
    at += w->before - 1;
    for (size_t s = 1; s <= n; s++)
        for (size_t e = s; e <= n && e - s < longest; e++)
            WM_TRY(keep_prediction(call, start[s] * end[e], 0, at + s, at + e));
    return WM_OK;
}

static wm_status answer_question(prediction_call *call) {
    const wm_encoding *encoding = call->encoding;
    answer_windows w;
    WM_TRY(encode_windows(call, &w));
    size_t most = call->encode.max_length, count = encoding->count;
    WM_TRY(begin_prediction(call, 1, WM_MAX(call->options.top_k, 1u), WM_MIN(most, count)));
    for (size_t at = 0; at < count; at += most)
        WM_TRY(run_window(call, &w, at, WM_MIN(count - at, most)));
    for (wm_prediction *item = call->items; item < call->items + call->kept; item++) {
        // tokens → the bytes of their words
        size_t first = item->start, last = item->end + 1, window = first - first % most;
        size_t stop = WM_MIN(window + most, count) - w.behind;
        while (first > window + w.before && !encoding->words[first]) first--;
        while (last < stop && !encoding->words[last]) last++;
        item->start = encoding->starts[first];
        item->end = encoding->ends[last - 1];
        item->text = (wm_span){call->texts[1].p + item->start, item->end - item->start};
    }
    return WM_OK;
}

// ---- The call -----------------------------------------------------------------------------------

static wm_status predict(prediction_call *call, wm_task task) {
    // head, least and most texts
    static const uint8_t tasks[][3] = {{0, 1, 0},
                                       {WM_TASK_CLASSIFY, 1, 2},
                                       {WM_TASK_CLASSIFY, 1, UINT8_MAX},
                                       {WM_TASK_FILL_MASK, 1, 1},
                                       {WM_TASK_ANSWER, 2, 2},
                                       {WM_TASK_TAG, 1, 1}};
    wm_pipeline *p = call->pipeline;
    uint32_t limit = call->options.max_length, most = wm_model_max_tokens(p->model);
    const uint8_t *rules = tasks[(unsigned)task > WM_TASK_TAG ? 0 : task];
    if (call->count < rules[1] || (call->count > rules[2] && rules[2] < UINT8_MAX))
        return wm_fail(call->error, WM_ERROR_ARG, 0, "task %u with %u texts", (uint64_t)task,
                       (uint64_t)call->count);
    if (p->model->head.task != (wm_task)rules[0])
        return wm_fail(call->error, WM_ERROR_STATE, 0,
                       "the model has no head for this: see architectures in config.json");
    call->encode.size = sizeof call->encode;
    call->encode.truncate = call->options.truncate;
    call->encode.max_length = limit && limit < most ? limit : limit ? most : p->max_tokens;
    if (task == WM_TASK_ANSWER) return answer_question(call);
    if (task == WM_TASK_TAG) return tag_text(call);
    WM_TRY(task == WM_TASK_FILL_MASK ? fill_masks(call)
                                     : score_texts(call, task == WM_TASK_RERANK));
    for (wm_prediction *item = call->items; item < call->items + call->kept; item++) {
        if (task == WM_TASK_CLASSIFY) item->text = p->labels[item->index];
        if (task == WM_TASK_FILL_MASK) WM_TRY(name_token(call, item));
    }
    return WM_OK;
}

wm_status wm_pipeline_predict(wm_pipeline *p, wm_task task, const wm_span *texts, size_t count,
                              const wm_predict_options *options, wm_predictions *predictions,
                              wm_error *error) {
    prediction_call call = {.pipeline = p,
                            .encoding = &p->encodings[0],
                            .texts = texts,
                            .count = count,
                            .out = predictions,
                            .error = error};
    wm_options_read(&call.options, sizeof call.options, options);
    *predictions = (wm_predictions){0};
    wm_arena_free(&p->results);
    wm_status status = wm_pipeline_within_budget(p, predict(&call, task), error);
    predictions->count = status == WM_OK ? call.kept : 0;
    return status;
}
