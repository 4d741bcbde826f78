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

// "0", "1", … below `limit`
static bool label_number(wm_json key, uint32_t limit, uint32_t *number) {
    uint64_t value = 0;
    if (key.n < 3 || key.n > 11 || (key.p[1] == '0' && key.n > 3)) return false;
    for (size_t i = 1; i + 1 < key.n; i++) {
        if (key.p[i] < '0' || key.p[i] > '9') return false;
        value = value * 10 + key.p[i] - '0';
    }
    *number = (uint32_t)value;
    return value < limit;
}

static wm_status read_label_names(wm_pipeline *p, wm_json names, wm_error *error) {
    uint32_t count = p->model->arch.labels, number;
    wm_span *labels;
    WM_TRY(WM_ALLOC(&p->arena, labels, count, error));
    memset(labels, 0, count * sizeof *labels);
    for (wm_json_iter i = wm_json_each(names); wm_json_next(&i);) {
        wm_span key = {i.key.p, i.key.n};
        uint8_t *text;
        if (!i.object || !label_number(i.key, count, &number) ||
            wm_json_type_of(i.value) != WM_JSON_STRING)
            return wm_fail(error, WM_ERROR_FORMAT, 0,
                           "config.json: id2label %s is no name of one of %u labels", &key,
                           (uint64_t)count);
        WM_TRY(WM_ALLOC(&p->arena, text, i.value.n, error));
        labels[number] = wm_json_string_decode(i.value, text);
    }
    for (number = 0; number < count; number++) { // with id2label all are there, but for doublets
        wm_error name;
        uint8_t *text;
        if (labels[number].p) continue;
        wm_fail(&name, WM_OK, 0, "LABEL_%u", (uint64_t)number);
        WM_TRY(WM_ALLOC(&p->arena, text, sizeof name.text, error));
        memcpy(text, name.text, sizeof name.text);
        labels[number] = wm_span_of((const char *)text);
    }
    p->labels = labels;
    return WM_OK;
}

// The cross-encoder's own activation: a torch module's name.
static wm_status read_rerank(wm_pipeline *p, wm_json config, wm_error *error) {
    wm_json name = wm_json_get(wm_json_get(config, "sentence_transformers"), "activation_fn");
    wm_span text;
    if (!wm_json_present(name)) name = wm_json_get(config, "sbert_ce_default_activation_function");
    p->rerank = WM_SIGMOID;
    if (!wm_json_string_plain(name, &text) || wm_sentence_activation(text, &p->rerank))
        return WM_OK;
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: activation %s is not supported",
                   &text);
}

wm_status wm_pipeline_read_head(wm_pipeline *p, wm_error *error) {
    wm_task task = p->model->head.task;
    uint32_t labels = p->model->arch.labels;
    const wm_source *file =
        wm_source_find(p->sentence.files, p->sentence.file_count, "config.json");
    wm_json config;
    if (task == WM_TASK_ANSWER && labels != 2)
        return wm_fail(error, WM_ERROR_SHAPE, 0,
                       "config.json: %u labels, a question answering head has 2", (uint64_t)labels);
    if (task != WM_TASK_CLASSIFY && task != WM_TASK_TAG) return WM_OK;
    WM_TRY(wm_json_check(file->bytes, "config.json", WM_JSON_PYTHON, &config, error));
    wm_json kind = wm_json_get(config, "problem_type");
    p->softmax = labels > 1 && !wm_json_string_is(kind, "multi_label_classification");
    p->classify = WM_SIGMOID;
    if (wm_json_string_is(kind, "regression")) {
        p->softmax = false;
        p->classify = WM_IDENTITY;
    }
    WM_TRY(read_rerank(p, config, error));
    return read_label_names(p, wm_json_get(config, "id2label"), error);
}

wm_task wm_pipeline_task(const wm_pipeline *p) { return p->model->head.task; }

// ---- Running ------------------------------------------------------------------------------------

typedef struct prediction_call {
    wm_pipeline *pipeline;
    wm_arena *arena; // of the results and of what leads to them
    const wm_span *texts;
    size_t count;
    wm_predict_options options;
    wm_prediction *items; // the best `kept` of this row, at most `most`
    size_t kept, most;
    wm_predictions *out;
    wm_error *error;
} prediction_call;

// Room for `rows` rows of `most` predictions, of which `kept` will be counted.
static wm_status begin_items(prediction_call *call, uint64_t rows, uint64_t most) {
    call->most = (size_t)most;
    WM_TRY(WM_ALLOC(call->arena, call->items, rows * most, call->error));
    call->out->items = call->items;
    call->out->rows = (size_t)rows;
    return WM_OK;
}

static wm_status keep_best(prediction_call *call, wm_prediction item) {
    wm_prediction *items = call->items;
    if (!(item.score - item.score == 0))
        return wm_fail(call->error, WM_ERROR_NUMERIC, 0,
                       "a score is NaN or infinite: the weights are damaged");
    size_t at = call->kept;
    if (at < call->most)
        call->kept++;
    else if (!at || !(item.score > items[--at].score))
        return WM_OK;
    for (; at && items[at - 1].score < item.score; at--) items[at] = items[at - 1];
    items[at] = item;
    return WM_OK;
}

static wm_status encode_texts(prediction_call *call, wm_span text, const wm_span *pair,
                              wm_encoding *encoding) {
    wm_pipeline *p = call->pipeline;
    uint32_t limit = call->options.max_length, most = wm_model_max_tokens(p->model);
    wm_encode_options options = {.size = sizeof options,
                                 .truncate = call->options.truncate,
                                 .max_length = limit ? WM_MIN(limit, most) : p->max_tokens};
    WM_TRY(wm_tokenizer_encode(p->tokenizer, text, pair, &options, encoding, call->error));
    call->out->tokens += (uint32_t)encoding->count;
    call->out->truncated |= encoding->truncated;
    return WM_OK;
}

static wm_sequence sequence_of(const wm_encoding *encoding) {
    return (wm_sequence){encoding->ids, encoding->types, encoding->count};
}

// *logits [rows, rows of the head's matrix] = the head of hidden [rows, D], new in the arena
static wm_status head_logits(prediction_call *call, const float *hidden, size_t rows,
                             float **logits) {
    const wm_model *model = call->pipeline->model;
    const wm_head *head = &model->head;
    size_t width = model->arch.width, outputs = head->out.rows;
    float *inside;
    WM_TRY(WM_ALLOC(call->arena, *logits, (uint64_t)rows * outputs, call->error));
    if (head->dense.data) {
        WM_TRY(WM_ALLOC(call->arena, inside, (uint64_t)rows * head->dense.rows, call->error));
        wm_linear(model->kernels, inside, head->dense.rows, hidden, width, &head->dense, rows);
        width = head->dense.rows;
        wm_activate(model->kernels, inside, head->activation, rows * width);
        if (head->norm.weight)
            wm_normalize_rows(model->kernels, inside, inside, &head->norm, rows, width);
        hidden = inside;
    }
    wm_linear(model->kernels, *logits, outputs, hidden, width, &head->out, rows);
    return WM_OK;
}

// ---- Labels of a text, ranks of documents -------------------------------------------------------

// Turns the logits of one text into its predictions: all labels, or document `index`.
static wm_status score_text(prediction_call *call, wm_task task, float *logits, size_t index) {
    const wm_pipeline *p = call->pipeline;
    const wm_kernels *kernels = p->model->kernels;
    uint32_t labels = p->model->arch.labels;
    bool rank = task == WM_TASK_RERANK;
    if (!call->options.raw) {
        if (!rank && p->softmax)
            kernels->softmax(logits, NULL, 1, labels);
        else
            wm_activate(kernels, logits, rank ? p->rerank : p->classify, labels);
    }
    for (uint32_t i = 0; i < labels; i++) {
        wm_prediction item = {.score = logits[i], .index = (int32_t)(rank ? index : i)};
        if (!rank) item.text = p->labels[i];
        WM_TRY(keep_best(call, item));
    }
    return WM_OK;
}

// The text, its pairs one by one: as many side by side as make a group.
static wm_status score_texts(prediction_call *call, wm_task task) {
    wm_pipeline *p = call->pipeline;
    bool rank = task == WM_TASK_RERANK;
    uint32_t labels = p->model->arch.labels;
    size_t count = rank ? call->count - 1 : 1, top = call->options.top_k;
    wm_span texts[2];
    float *logits;
    const float *hidden;
    if (rank && labels != 1)
        return wm_fail(call->error, WM_ERROR_STATE, 0,
                       "rerank needs a head of one label, this one has %u", (uint64_t)labels);
    WM_TRY(begin_items(call, 1, top ? WM_MIN(top, count * labels) : count * labels));
    for (size_t done = 0; done < count;) {
        wm_sequence sequences[GROUP_TEXTS];
        wm_mark mark = wm_arena_mark(call->arena);
        size_t group = 0, tokens = 0;
        for (; done + group < count && group < GROUP_TEXTS && tokens < GROUP_TOKENS; group++) {
            wm_encoding *encoding = &p->encodings[group];
            for (size_t i = 0; i < 2; i++) {
                size_t at = i * (done + group + 1);
                if (at < call->count)
                    texts[i] = rank ? wm_python_strip(call->texts[at]) : call->texts[at];
            }
            WM_TRY(encode_texts(call, texts[0], call->count > 1 ? &texts[1] : NULL, encoding));
            sequences[group] = sequence_of(encoding);
            tokens += encoding->count;
        }
        WM_TRY(wm_session_run(p->session, sequences, group, &hidden, call->error));
        for (size_t i = 0; i < group; i++) {
            WM_TRY(head_logits(call, hidden, 1, &logits));
            WM_TRY(score_text(call, task, logits, done + i));
            hidden += sequences[i].count * p->model->arch.width;
        }
        wm_arena_reset(call->arena, mark);
        done += group;
    }
    return WM_OK;
}

// ---- Masks --------------------------------------------------------------------------------------

// *id = the id of a token by its text, -1: it is no single token
static wm_status token_id(prediction_call *call, wm_span text, int32_t *id) {
    wm_encoding *encoding = &call->pipeline->encodings[0];
    wm_encode_options options = {.size = sizeof options, .special = WM_OFF};
    WM_TRY(wm_tokenizer_encode(call->pipeline->tokenizer, text, NULL, &options, encoding,
                               call->error));
    *id = encoding->count == 1 ? encoding->ids[0] : -1;
    return WM_OK;
}

// The mask token: what the files call it, else what every such tokenizer calls it.
static wm_status find_mask(prediction_call *call, int32_t *id) {
    static const char *const usual[] = {"<mask>", "[MASK]"};
    wm_span text;
    *id = -1;
    WM_TRY(wm_pipeline_setting(call->pipeline, "mask_token", &text, call->error));
    if (text.n) WM_TRY(token_id(call, text, id));
    for (size_t i = 0; *id < 0 && i < 2; i++) WM_TRY(token_id(call, wm_span_of(usual[i]), id));
    return *id < 0 ? wm_fail(call->error, WM_ERROR_MISSING, 0, "the tokenizer has no mask token")
                   : WM_OK;
}

static wm_status name_tokens(prediction_call *call) {
    wm_decoding decoding = {0};
    for (size_t i = 0; i < call->kept; i++) {
        wm_prediction *item = &call->items[i];
        uint8_t *text;
        WM_TRY(wm_tokenizer_decode(call->pipeline->tokenizer, &item->index, 1, false, &decoding,
                                   call->error));
        wm_status status = WM_ALLOC(call->arena, text, decoding.n, call->error);
        if (status == WM_OK) {
            memcpy(text, decoding.text, decoding.n);
            item->text = (wm_span){text, decoding.n};
        }
        wm_decoding_free(&decoding);
        WM_TRY(status);
    }
    return WM_OK;
}

static wm_status fill_masks(prediction_call *call) {
    wm_pipeline *p = call->pipeline;
    const wm_encoding *encoding = &p->encodings[0];
    uint32_t V = p->model->arch.vocabulary, top = call->options.top_k;
    size_t masks = 0, total = 0;
    int32_t mask;
    const float *hidden;
    float *logits;
    WM_TRY(find_mask(call, &mask));
    WM_TRY(encode_texts(call, call->texts[0], NULL, &p->encodings[0]));
    for (size_t i = 0; i < encoding->count; i++) masks += encoding->ids[i] == mask;
    if (!masks) return wm_fail(call->error, WM_ERROR_ARG, 0, "the text has no mask token");
    wm_sequence sequence = sequence_of(encoding);
    WM_TRY(wm_session_run(p->session, &sequence, 1, &hidden, call->error));
    WM_TRY(begin_items(call, masks, WM_MIN(top ? top : FILL_TOP, V)));
    for (size_t at = 0; at < encoding->count; at++) {
        if (encoding->ids[at] != mask) continue;
        wm_mark mark = wm_arena_mark(call->arena);
        WM_TRY(head_logits(call, hidden + at * p->model->arch.width, 1, &logits));
        p->model->kernels->softmax(logits, NULL, 1, V);
        for (uint32_t id = 0; id < V; id++)
            WM_TRY(keep_best(call, (wm_prediction){.score = logits[id],
                                                   .index = (int32_t)id,
                                                   .start = encoding->starts[at],
                                                   .end = encoding->ends[at]}));
        wm_arena_reset(call->arena, mark);
        WM_TRY(name_tokens(call));
        call->items += call->kept;
        total += call->kept;
        call->kept = 0;
    }
    call->kept = total;
    return WM_OK;
}

// ---- Tags ---------------------------------------------------------------------------------------

// How many special tokens stand after the last text of a template; *all: in all of it.
static size_t special_behind(const wm_template *template, size_t *all) {
    size_t behind = 0;
    while (behind < template->count && template->steps[template->count - 1 - behind].id >= 0)
        behind++;
    *all = template->special;
    return behind;
}

// A label without its B- or I-.
static wm_span tag_of(wm_span label) {
    bool marked = wm_span_starts(label, "B-") || wm_span_starts(label, "I-");
    return marked ? (wm_span){label.p + 2, label.n - 2} : label;
}

// Joins tokens into spans as aggregation_strategy "simple" does, in place.
static size_t join_tags(wm_prediction *items, size_t count) {
    size_t spans = 0;
    for (size_t i = 0, next; i < count; i = next) {
        wm_prediction span = items[i];
        double sum = 0;
        for (next = i; next < count; next++) {
            wm_span label = items[next].text;
            if (next > i && (wm_span_starts(label, "B-") ||
                             !wm_span_equal(tag_of(label), tag_of(items[next - 1].text))))
                break;
            sum += (double)items[next].score;
        }
        size_t dash = 0;
        while (dash < span.text.n && span.text.p[dash] != '-') dash++;
        if (dash < span.text.n)
            span.text = (wm_span){span.text.p + dash + 1, span.text.n - dash - 1};
        span.score = (float)(sum / (double)(next - i));
        span.end = items[next - 1].end;
        if (!wm_span_is(span.text, "O")) items[spans++] = span;
    }
    return spans;
}

static wm_status tag_text(prediction_call *call) {
    wm_pipeline *p = call->pipeline;
    const wm_encoding *encoding = &p->encodings[0];
    uint32_t labels = p->model->arch.labels;
    const float *hidden;
    float *logits;
    size_t first, behind = special_behind(&p->tokenizer->single, &first);
    first -= behind;
    WM_TRY(encode_texts(call, call->texts[0], NULL, &p->encodings[0]));
    wm_sequence sequence = sequence_of(encoding);
    size_t count = encoding->count - first - behind;
    WM_TRY(begin_items(call, 1, count));
    if (!count) return WM_OK;
    WM_TRY(wm_session_run(p->session, &sequence, 1, &hidden, call->error));
    WM_TRY(head_logits(call, hidden + first * p->model->arch.width, count, &logits));
    for (size_t t = 0; t < count; t++, logits += labels) {
        wm_prediction best = {.start = encoding->starts[first + t],
                              .end = encoding->ends[first + t]};
        p->model->kernels->softmax(logits, NULL, 1, labels);
        for (uint32_t i = 0; i < labels; i++) {
            if (!i || logits[i] > best.score) {
                best.score = logits[i];
                best.index = (int32_t)i;
            }
        }
        best.text = p->labels[best.index];
        call->most = call->kept = 0; // a row of its own: it is only checked
        WM_TRY(keep_best(call, best));
        call->items[t] = best;
    }
    call->kept = call->options.all ? count : join_tags(call->items, count);
    return WM_OK;
}

// ---- Answers ------------------------------------------------------------------------------------

// The question's tokens with special ones, the context's, special ones: so is every window on a
// context that is too long for one.
typedef struct answer_windows {
    size_t before, behind; // the context's tokens
    size_t longest;        // answer, in tokens
    uint32_t most;         // tokens of a window; the last one has fewer
    bool null;             // the first token may stand for "no answer", as [CLS] does
} answer_windows;

static wm_status encode_windows(prediction_call *call, answer_windows *w) {
    const wm_pipeline *p = call->pipeline;
    const wm_predict_options *o = &call->options;
    const wm_template *template = &p->tokenizer->pair;
    wm_encoding *encoding = &call->pipeline->encodings[0];
    wm_encode_options options = {.size = sizeof options, .special = WM_OFF};
    size_t special;
    w->behind = special_behind(template, &special);
    w->null = template->count && template->steps[0].id >= 0;
    w->longest = o->max_answer ? o->max_answer : ANSWER_LONGEST;
    w->most = WM_MIN(p->max_tokens, (uint32_t)ANSWER_WINDOW);
    if (o->max_length) w->most = WM_MIN(o->max_length, wm_model_max_tokens(p->model));
    WM_TRY(
        wm_tokenizer_encode(p->tokenizer, call->texts[0], NULL, &options, encoding, call->error));
    w->before = encoding->count + special - w->behind;
    options = (wm_encode_options){.size = sizeof options,
                                  .max_length = w->most,
                                  .truncate = o->truncate,
                                  .truncation = WM_TRUNCATION_SECOND,
                                  .windows = true};
    options.stride = o->stride ? o->stride : WM_MIN(w->most / 2, (uint32_t)ANSWER_STRIDE);
    WM_TRY(wm_tokenizer_encode(p->tokenizer, call->texts[0], &call->texts[1], &options, encoding,
                               call->error));
    call->out->tokens = (uint32_t)encoding->count;
    if (encoding->count > w->before + w->behind) return WM_OK;
    return wm_fail(call->error, WM_ERROR_ARG, 0, "the context is empty");
}

// Keeps the best spans of the window of `count` tokens from `at` on, by the product of their ends'
// probabilities; `start` and `end` are the tokens' places.
static wm_status run_window(prediction_call *call, const answer_windows *w, size_t at,
                            size_t count) {
    wm_pipeline *p = call->pipeline;
    wm_sequence window = {p->encodings[0].ids + at, p->encodings[0].types + at, count};
    size_t n = count - w->before - w->behind;
    const float *hidden;
    float *logits, *start, *end;
    WM_TRY(wm_session_run(p->session, &window, 1, &hidden, call->error));
    WM_TRY(head_logits(call, hidden, count, &logits));
    WM_TRY(WM_ALLOC(call->arena, start, 2 * (n + 1), call->error));
    end = start + n + 1;
    for (size_t i = 0; i <= n; i++) { // 0: no answer
        const float *row = logits + 2 * (i ? w->before + i - 1 : 0);
        bool none = !i && !w->null;
        start[i] = none ? -WM_INFINITY : row[0];
        end[i] = none ? -WM_INFINITY : row[1];
    }
    p->model->kernels->softmax(start, NULL, 1, n + 1);
    p->model->kernels->softmax(end, NULL, 1, n + 1);
    for (size_t s = 1; s <= n; s++)
        for (size_t e = s; e <= n && e - s < w->longest; e++)
            WM_TRY(keep_best(call, (wm_prediction){.score = start[s] * end[e],
                                                   .start = (uint32_t)(at + w->before + s - 1),
                                                   .end = (uint32_t)(at + w->before + e - 1)}));
    return WM_OK;
}

static wm_status answer_question(prediction_call *call) {
    const wm_encoding *encoding = &call->pipeline->encodings[0];
    answer_windows w;
    WM_TRY(encode_windows(call, &w));
    WM_TRY(begin_items(call, 1, call->options.top_k ? call->options.top_k : 1));
    for (size_t at = 0; at < encoding->count; at += w.most) {
        wm_mark mark = wm_arena_mark(call->arena);
        WM_TRY(run_window(call, &w, at, WM_MIN(encoding->count - at, w.most)));
        wm_arena_reset(call->arena, mark);
    }
    for (size_t i = 0; i < call->kept; i++) { // tokens → the bytes of their words
        wm_prediction *item = &call->items[i];
        size_t first = item->start, last = item->end + 1, window = first - first % w.most;
        size_t stop = WM_MIN(window + w.most, encoding->count) - w.behind;
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
    static const struct {
        uint8_t head, least, most; // texts
    } tasks[] = {{WM_TASK_NONE, 1, 0},      {WM_TASK_CLASSIFY, 1, 2}, {WM_TASK_CLASSIFY, 1, 0},
                 {WM_TASK_FILL_MASK, 1, 1}, {WM_TASK_ANSWER, 2, 2},   {WM_TASK_TAG, 1, 1}};
    static const char *const names[] = {NULL, "classify", "rerank", "fill-mask", "answer", "tag"};
    if (!task || (unsigned)task > WM_TASK_TAG ||
        (unsigned)call->options.truncate > WM_TRUNCATE_ERROR || call->count < tasks[task].least ||
        call->count - 1 >= (tasks[task].most ? tasks[task].most : WM_LIMIT_BATCH))
        return wm_fail(call->error, WM_ERROR_ARG, 0,
                       "task, truncate or the number of texts is out of its range");
    if (call->pipeline->model->head.task != tasks[task].head)
        return wm_fail(call->error, WM_ERROR_STATE, 0, "the model has no head for %z", names[task]);
    switch (task) {
    case WM_TASK_FILL_MASK: return fill_masks(call);
    case WM_TASK_ANSWER: return answer_question(call);
    case WM_TASK_TAG: return tag_text(call);
    default: return score_texts(call, task);
    }
}

wm_status wm_pipeline_predict(wm_pipeline *p, wm_task task, const wm_span *texts, size_t count,
                              const wm_predict_options *options, wm_predictions *predictions,
                              wm_error *error) {
    prediction_call call = {.pipeline = p,
                            .arena = &p->results,
                            .texts = texts,
                            .count = count,
                            .out = predictions,
                            .error = error};
    wm_options_read(&call.options, sizeof call.options, options);
    *predictions = (wm_predictions){0};
    wm_arena_free(&p->results);
    p->budget.refused = false;
    wm_status status = wm_pipeline_within_budget(p, predict(&call, task), error);
    predictions->count = status == WM_OK ? call.kept : 0;
    return status;
}
