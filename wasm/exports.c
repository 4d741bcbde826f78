// SPDX-License-Identifier: MIT OR Apache-2.0
// The wasm border. Only numbers and lists cross it; JavaScript knows no struct of ours. A list is
// an array of (address, length in bytes) pairs: texts, arrays of numbers, 0 0 for what is not
// given. Here a pair is a wm_span, which the assertions below hold to. A call that can fail answers
// with a wm_status; what it made is in `out`, numbers in an order that its comment says, until the
// next call. An instance holds one pipeline or one tokenizer, so its state lies here in statics.
#include "../src/pipeline/pipeline.h"
#include "heap.h"

// Not static: the linker exports global symbols only.
#define EXPORT(name) __attribute__((export_name(#name)))

_Static_assert(sizeof(wm_span) == 8, "a pair of the list");
_Static_assert(offsetof(wm_pipeline_info, max_tokens) == 44 &&
                   offsetof(wm_pipeline_info, session_bytes) == 72,
               "12 words, 4 of twice the size");
_Static_assert(sizeof(wm_source) == 16 && sizeof(wm_message) == 16, "two pairs of the list");

static struct {
    wm_pipeline *pipeline;
    wm_tokenizer *tokenizer; // the pipeline's, or opened alone
    wm_generation *generation;
    wm_generate_options options; // of the generation
    const wm_span *list;         // behind them
    void *result;                // of the last call, kept for the next
    size_t room;                 // bytes of it
    wm_encoding encoding;
    wm_decoding decoding;
    wm_error error;
} state;

static double out[16];

// Named for the version: whoever speaks to another does not find it.
__attribute__((export_name(WM_VERSION))) double *get_out(void) { return out; }

// ---- Memory -----------------------------------------------------------------------------------

EXPORT(malloc) void *allocate(size_t n) { return malloc(n); }
EXPORT(free) void release(void *memory) { free(memory); }
EXPORT(resize) bool resize(void *memory, size_t n) { return wm_heap_resize(memory, n); }

static double address(const void *at) { return (double)(uintptr_t)at; }

// out: offset, the code's name, the text.
EXPORT(error) void error(void) {
    out[0] = (double)state.error.offset;
    out[1] = address(wm_status_name(state.error.status));
    out[2] = address(state.error.text);
}

static wm_status no_memory(uint64_t bytes) {
    return wm_fail(&state.error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted", bytes);
}

static wm_status state_error(const char *what) {
    return wm_fail(&state.error, WM_ERROR_STATE, 0, "%z", what);
}

static wm_status need_pipeline(void) {
    if (!state.pipeline) return state_error("no model is open");
    if (state.generation) return state_error("a generation is at work: end it first");
    return WM_OK;
}

// Room for `count` rows of `width` floats, the call's result. out: its address, its length.
static wm_status reserve(size_t count, size_t width) {
    uint64_t floats = (uint64_t)count * width, bytes = floats * sizeof(float);
    if (floats > UINT32_MAX / sizeof(float)) return no_memory(bytes);
    if (!state.result || bytes > state.room) {
        free(state.result);
        state.result = malloc((size_t)bytes);
        if (!state.result) return no_memory(bytes);
        state.room = (size_t)bytes;
    }
    out[0] = address(state.result);
    out[1] = (double)floats;
    return WM_OK;
}

// ---- Options ------------------------------------------------------------------------------------
//
// Every call that has options takes all of them, as the numbers at the head of its list: 0 where
// one is not given, -0 for a 0 that is given, below 0 a word. Both orders are those of engine.js;
// `make check` compares them.

enum option {
    MAX_LENGTH,
    POOLING,
    NORMALIZE,
    TRUNCATE,
    SPECIAL,
    SPECIAL_AS_TEXT,
    SKIP_SPECIAL,
    RAW,
    ALL,
    MAX_ANSWER,
    STRIDE,
    MAX_NEW_TOKENS,
    MIN_NEW_TOKENS,
    MIN_LENGTH,
    DO_SAMPLE,
    TEMPERATURE,
    TOP_K,
    TOP_P,
    MIN_P,
    TYPICAL_P,
    REPETITION_PENALTY,
    PRESENCE_PENALTY,
    FREQUENCY_PENALTY,
    NO_REPEAT_NGRAM_SIZE,
    NUM_BEAMS,
    LENGTH_PENALTY,
    EARLY_STOPPING,
    NUM_RETURN_SEQUENCES,
};

enum word { FALSE, TRUE, MEAN, CLS, MAX, LAST, END, START, ERROR, NEVER };

static double number_of(const wm_span *list, enum option option) {
    return ((const double *)list->p)[option];
}

// What is no whole number becomes one that the core refuses.
static uint32_t count_of(const wm_span *list, enum option option) {
    double number = number_of(list, option);
    uint32_t count = number >= 0 && number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
    return count == number ? count : UINT32_MAX;
}

// The word's place after `first`, which counts as 0; what is no word becomes a value that no enum
// has, as may one that is out of place.
static uint32_t word_of(const wm_span *list, enum option option, enum word first) {
    double word = -1 - number_of(list, option) - (double)first;
    if (number_of(list, option) == 0) return 0;
    return word >= 0 && word < (double)NEVER ? (uint32_t)word : NEVER;
}

static wm_toggle toggle_of(const wm_span *list, enum option option) {
    static const wm_toggle toggles[] = {WM_OFF, WM_ON};
    uint32_t word = word_of(list, option, FALSE);
    if (number_of(list, option) == 0) return WM_FROM_FILES;
    return word <= TRUE ? toggles[word] : (wm_toggle)NEVER;
}

static bool is_on(const wm_span *list, enum option option) {
    return toggle_of(list, option) == WM_ON;
}

static WM_NOINLINE bool is_zero(const wm_span *list, enum option option) {
    WM_AS_POINTER(list);
    return 1 / number_of(list, option) < 0 && number_of(list, option) == 0;
}

// The calls whose options have no check of their own.
static wm_status check_length(const wm_span *list) {
    if (count_of(list, MAX_LENGTH) != UINT32_MAX && word_of(list, TRUNCATE, END) <= ERROR - END)
        return WM_OK;
    return wm_fail(&state.error, WM_ERROR_ARG, 0, "maxLength or truncate is none of its values");
}

// ---- Opening ------------------------------------------------------------------------------------

// list: path and bytes of each file; "tokenizer" for the tokenizer's, whichever that is. They and
// the list stay until the instance goes. how: 1 a tokenizer alone, 2 a model with compute: "int8".
EXPORT(open) wm_status open(const wm_source *files, size_t count, uint32_t how) {
    count /= 2;
    if (how == 1) return wm_tokenizer_open(&state.tokenizer, files, count, NULL, &state.error);
    wm_pipeline_options options = {.size = sizeof options};
    if (how == 2) options.compute = WM_COMPUTE_INT8;
    WM_TRY(wm_pipeline_open(&state.pipeline, files, count, &options, &state.error));
    wm_model_settle(state.pipeline->model);
    // Const to others; here it is only ever read.
    state.tokenizer = (wm_tokenizer *)(uintptr_t)wm_pipeline_tokenizer(state.pipeline);
    return WM_OK;
}

// list: a config.json. out: the family's name.
EXPORT(detect) wm_status detect(const wm_span *list) {
    const char *family = wm_detect_model_type(*list, &state.error);
    out[0] = address(family);
    return family ? WM_OK : state.error.status;
}

// out: the facts, in the order of index.js: texts, then numbers.
EXPORT(info) void put_info(void) {
    wm_pipeline_info info;
    wm_pipeline_info_get(state.pipeline, &info);
    const uint64_t *large = &info.parameters; // the last four
    for (size_t i = 0; i < 16; i++)
        out[i] = i < 12 ? wm_read_u32((const uint32_t *)&info + i) : (double)large[i - 12];
    out[5] = info.normalize;
}

// ---- Vectors ------------------------------------------------------------------------------------

// list: options, prompt, its name, texts. out: address and count of the vectors' floats, tokens of
// all texts, whether one was cut.
EXPORT(embed) wm_status embed(const wm_span *list, size_t count) {
    WM_TRY(need_pipeline());
    WM_TRY(check_length(list));
    wm_embed_options options = {.size = sizeof options,
                                .max_length = count_of(list, MAX_LENGTH),
                                .pooling = (wm_pooling)word_of(list, POOLING, TRUE),
                                .normalize = toggle_of(list, NORMALIZE),
                                .truncate = (wm_truncate)word_of(list, TRUNCATE, END),
                                .prompt = list[1],
                                .prompt_name = list[2]};
    size_t texts = count - 3, dim = wm_pipeline_dim(state.pipeline);
    WM_TRY(reserve(texts, dim + sizeof(wm_embed_info) / sizeof(float)));
    float *vectors = state.result;
    const wm_embed_info *infos = (const void *)(vectors + texts * dim);
    WM_TRY(wm_pipeline_embed_batch(state.pipeline, list + 3, texts, &options, vectors,
                                   (wm_embed_info *)(uintptr_t)infos, &state.error));
    out[1] = (double)(texts * dim);
    out[2] = out[3] = 0;
    for (; texts--; infos++) {
        out[2] += infos->tokens;
        out[3] += infos->truncated;
    }
    return WM_OK;
}

enum { INFO_WIDTH = 6, INFO_VOCABULARY = 10 }; // in `out`

static size_t info_of(size_t index) {
    put_info();
    return (size_t)out[index];
}

static const int32_t *ids_of(const wm_span *item) { return (const int32_t *)item->p; }
static size_t count_ids(const wm_span *item) { return item->n / sizeof(int32_t); }

// list: ids. out: address and count of the hidden states.
EXPORT(hidden) wm_status hidden(const wm_span *list) {
    WM_TRY(need_pipeline());
    WM_TRY(reserve(count_ids(list), info_of(INFO_WIDTH)));
    return wm_pipeline_hidden(state.pipeline, ids_of(list), count_ids(list), state.result,
                              &state.error);
}

// list: ids, ids of the decoder. out: address and count of the logits.
EXPORT(logits) wm_status logits(const wm_span *list) {
    WM_TRY(need_pipeline());
    const wm_span *last = list[1].n ? list + 1 : list;
    WM_TRY(reserve(count_ids(last), info_of(INFO_VOCABULARY)));
    return wm_pipeline_logits(state.pipeline, ids_of(list), count_ids(list), ids_of(list + 1),
                              count_ids(list + 1), state.result, &state.error);
}

// ---- Tokens -------------------------------------------------------------------------------------

// list: options, text, pair. out: address and count of the ids, addresses of types, starts and
// ends, whether the text was cut.
EXPORT(encode)
wm_status encode(const wm_span *list, size_t count, wm_offsets offsets, wm_truncation truncation,
                 bool windows, uint32_t stride) {
    (void)count;
    WM_TRY(check_length(list));
    wm_encode_options options = {.size = sizeof options,
                                 .special = toggle_of(list, SPECIAL),
                                 .max_length = count_of(list, MAX_LENGTH),
                                 .truncate = (wm_truncate)word_of(list, TRUNCATE, END),
                                 .special_as_text = is_on(list, SPECIAL_AS_TEXT),
                                 .truncation = truncation,
                                 .windows = windows,
                                 .stride = stride,
                                 .offsets = offsets};
    wm_encoding *e = &state.encoding;
    WM_TRY(wm_tokenizer_encode(state.tokenizer, list[1], list[2].p ? list + 2 : NULL, &options, e,
                               &state.error));
    out[0] = address(e->ids);
    out[1] = (double)e->count;
    out[2] = address(e->types);
    out[3] = address(e->starts);
    out[4] = address(e->ends);
    out[5] = e->truncated;
    return WM_OK;
}

// list: options, ids. out: address and length of the text.
EXPORT(decode) wm_status decode(const wm_span *list) {
    wm_decoding *d = &state.decoding;
    WM_TRY(wm_tokenizer_decode(state.tokenizer, ids_of(list + 1), count_ids(list + 1),
                               is_on(list, SKIP_SPECIAL), d, &state.error));
    out[0] = address(d->text);
    out[1] = (double)d->n;
    return WM_OK;
}

// ---- Generation ---------------------------------------------------------------------------------

// The options from MAX_NEW_TOKENS on: where each one goes, below 0 a double.
#define COUNT(name) offsetof(wm_generate_options, name)
#define NUMBER(name) -(int)offsetof(wm_generate_options, name)
static const int16_t generate_fields[] = {COUNT(max_new_tokens),
                                          COUNT(min_new_tokens),
                                          COUNT(min_length),
                                          COUNT(do_sample),
                                          NUMBER(temperature),
                                          COUNT(top_k),
                                          NUMBER(top_p),
                                          NUMBER(min_p),
                                          NUMBER(typical_p),
                                          NUMBER(repetition_penalty),
                                          NUMBER(presence_penalty),
                                          NUMBER(frequency_penalty),
                                          COUNT(no_repeat_ngram_size),
                                          COUNT(num_beams),
                                          NUMBER(length_penalty),
                                          COUNT(early_stopping),
                                          COUNT(num_return_sequences)};

static void read_generate_options(wm_generate_options *o, const wm_span *list) {
    memset(o, 0, sizeof *o);
    o->size = sizeof *o;
    for (uint32_t i = 0; i < WM_COUNT(generate_fields); i++) {
        enum option option = (enum option)(MAX_NEW_TOKENS + i);
        int at = generate_fields[i];
        double number = number_of(list, option);
        uint32_t count = count_of(list, option);
        memcpy((uint8_t *)o + (at < 0 ? -at : at), at < 0 ? (void *)&number : &count,
               at < 0 ? 8 : 4);
    }
    o->do_sample = toggle_of(list, DO_SAMPLE);
    uint32_t early = word_of(list, EARLY_STOPPING, FALSE);
    o->early_stopping = early == NEVER ? WM_STOP_NEVER : (wm_early_stopping)early;
    if (is_zero(list, TEMPERATURE)) o->do_sample = WM_OFF;
    if (is_zero(list, TOP_P)) o->top_k = 1;
    if (is_zero(list, LENGTH_PENALTY)) o->length_penalty = 1e-300;
}

// list: options, seed (text with a space behind it), eos ids, biases (numbers), each one's ids, stop strings, then the
// prompt: its text, or 0 0 and its ids, or role and content of each message.
static wm_status begin(const wm_span *list, size_t count, size_t stops) {
    static const uint8_t never_zero[] = {TYPICAL_P, REPETITION_PENALTY, NUM_BEAMS,
                                         NUM_RETURN_SEQUENCES};
    WM_TRY(need_pipeline());
    wm_generate_options *o = &state.options;
    read_generate_options(o, list);
    for (size_t i = 0; i < WM_COUNT(never_zero); i++)
        if (is_zero(list, (enum option)never_zero[i]))
            return wm_fail(&state.error, WM_ERROR_ARG, 0,
                           "typicalP, repetitionPenalty, numBeams, numReturnSequences: not 0");
    wm_json seed;
    if (wm_json_check(list[1], "seed", 0, &seed, &state.error) != WM_OK ||
        !wm_json_u64(seed, &o->seed))
        return wm_fail(&state.error, WM_ERROR_ARG, 0, "seed: expected a whole number");
    if (list[2].p) o->eos_ids = ids_of(list + 2);
    o->eos_count = count_ids(list + 2);
    size_t biases = list[3].n / sizeof(double);
    WM_TRY(reserve(biases, sizeof(wm_sequence_bias) / sizeof(float)));
    wm_sequence_bias *bias = state.result;
    for (size_t i = 0; i < biases; i++)
        bias[i] = (wm_sequence_bias){ids_of(list + 4 + i), count_ids(list + 4 + i),
                                     (float)((const double *)list[3].p)[i]};
    o->sequence_bias = bias;
    o->sequence_bias_count = biases;
    o->stop = list + 4 + biases;
    o->stop_count = stops;
    const wm_span *prompt = o->stop + stops;
    size_t left = count - (size_t)(prompt - list);
    if (is_zero(list, MAX_NEW_TOKENS)) return WM_OK; // nothing will come
    if (left == 1)
        return wm_generation_open(&state.generation, state.pipeline, *prompt, o, &state.error);
    if (!prompt->p)
        return wm_generation_open_ids(&state.generation, state.pipeline, ids_of(prompt + 1),
                                      count_ids(prompt + 1), o, &state.error);
    return wm_generation_open_chat(&state.generation, state.pipeline, (const wm_message *)prompt,
                                   left / 2, o, &state.error);
}

EXPORT(end) void end(void) {
    wm_generation_close(state.generation);
    free((void *)(uintptr_t)state.list);
    state.generation = NULL;
    state.list = NULL;
}

// The list is freed by `end`, or here where nothing begins.
EXPORT(generate) wm_status generate(const wm_span *list, size_t count, size_t stops) {
    wm_status status = begin(list, count, stops);
    if (status == WM_OK)
        state.list = list;
    else
        free((void *)(uintptr_t)list);
    return status;
}

// out: address and length of the text, id, sequence, finish (-1: nothing is left).
EXPORT(next) wm_status next(void) {
    wm_generated token;
    wm_status status = WM_ERROR_STATE;
    if (state.generation) status = wm_generation_next(state.generation, &token, &state.error);
    out[4] = -1;
    if (status == WM_ERROR_STATE) return WM_OK;
    WM_TRY(status);
    out[0] = address(token.text.p);
    out[1] = (double)token.text.n;
    out[2] = token.id;
    out[3] = token.sequence;
    out[4] = token.finish;
    return WM_OK;
}

// ---- Heads --------------------------------------------------------------------------------------

// UTF-16 units of `text`'s first n bytes: one a character, two for those of four bytes.
static uint32_t units_of(wm_span text, uint32_t n) {
    uint32_t units = 0;
    for (uint32_t i = 0; i < n; i++)
        units += (text.p[i] & 0xC0) != 0x80 ? 1 + (text.p[i] > 0xEF) : 0;
    return units;
}

// list: options, texts. out: address and count of the predictions, rows, tokens, whether a text was
// cut. A prediction is six numbers: text's address and length, score, index, start, end.
EXPORT(predict) wm_status predict(const wm_span *list, size_t count, wm_task task) {
    WM_TRY(need_pipeline());
    WM_TRY(check_length(list));
    wm_predict_options options = {
        .size = sizeof options,
        .top_k = count_of(list, TOP_K),
        .max_length = count_of(list, MAX_LENGTH),
        .truncate = (wm_truncate)word_of(list, TRUNCATE, END),
        .raw = is_on(list, RAW),
        .all = is_on(list, ALL),
        .max_answer = count_of(list, MAX_ANSWER),
        .stride = count_of(list, STRIDE),
    };
    wm_predictions p;
    WM_TRY(
        wm_pipeline_predict(state.pipeline, task, list + 1, count - 1, &options, &p, &state.error));
    WM_TRY(reserve(p.count, 6 * sizeof(double) / sizeof(float)));
    double *row = state.result;
    for (const wm_prediction *i = p.items; i < p.items + p.count; i++, row += 6) {
        row[0] = address(i->text.p);
        row[1] = (double)i->text.n;
        row[2] = (double)i->score;
        row[3] = i->index;
        row[4] = units_of(list[1 + (task == WM_TASK_ANSWER)], i->start);
        row[5] = units_of(list[1 + (task == WM_TASK_ANSWER)], i->end);
    }
    out[1] = (double)p.count;
    out[2] = (double)p.rows;
    out[3] = p.tokens;
    out[4] = p.truncated;
    return WM_OK;
}
