// SPDX-License-Identifier: MIT OR Apache-2.0
// Options of a generation, rules of its tokens and logits, all from the input: a few steps of the
// sampler or of beams. Every id is one of the vocabulary, every failure has its reason.
#include "../src/gen/beams.h"
#include "../src/gen/stop.h"
#include "fuzz.h"

enum { VOCABULARY = 12, STEPS = 6 };

typedef struct input {
    const uint8_t *p;
    size_t n;
} input;

static void take(input *in, void *to, size_t n) {
    memset(to, 0, n);
    memcpy(to, in->p, WM_MIN(n, in->n));
    in->p += WM_MIN(n, in->n);
    in->n -= WM_MIN(n, in->n);
}

static uint8_t take_byte(input *in) {
    uint8_t byte;
    take(in, &byte, 1);
    return byte;
}

// Mostly sensible numbers; any bits at all where the byte says so.
static double take_number(input *in) {
    uint8_t byte = take_byte(in);
    double value = (double)byte / 100 - 0.5;
    if (byte == 255) take(in, &value, sizeof value);
    return byte < 100 ? 0 : value;
}

static uint32_t take_count(input *in) {
    uint8_t byte = take_byte(in);
    uint32_t value = byte % 16;
    if (byte == 255) take(in, &value, sizeof value);
    return byte < 128 ? 0 : value;
}

static wm_ids take_ids(input *in, int32_t *ids, size_t most) {
    size_t n = take_byte(in) % (most + 1);
    for (size_t i = 0; i < n; i++) ids[i] = (int8_t)take_byte(in) % (VOCABULARY + 1);
    return (wm_ids){ids, n};
}

static void take_logits(input *in, float *logits, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = take_byte(in);
        logits[i] = byte == 128 ? -__builtin_inff() : (float)(int8_t)byte / 8;
        if (byte == 255) take(in, &logits[i], sizeof *logits);
    }
}

static void check_status(wm_status status, const wm_error *error) {
    fuzz_check_error(status, error);
    FUZZ_CHECK(status == WM_OK || status == WM_ERROR_ARG || status == WM_ERROR_LIMIT ||
               status == WM_ERROR_NUMERIC);
}

static void run_sampler(input *in, wm_sampler *sampler) {
    int32_t ids[64] = {0};
    size_t count = sampler->prompt;
    wm_error error;
    while (count < sampler->prompt + STEPS && !wm_sampler_finish(sampler, ids, count)) {
        float logits[VOCABULARY];
        take_logits(in, logits, VOCABULARY);
        wm_status status = wm_sampler_next(sampler, logits, ids, count, &ids[count], &error);
        check_status(status, &error);
        if (status != WM_OK) return;
        FUZZ_CHECK(ids[count] >= 0 && ids[count] < VOCABULARY);
        count++;
    }
}

static void run_beams(input *in, wm_sampler *sampler, wm_arena *arena) {
    wm_beams beams;
    wm_error error;
    const int32_t prompt[8] = {0};
    wm_status status = wm_beams_init(&beams, sampler, prompt, arena, &error);
    check_status(status, &error);
    if (status != WM_OK) return;
    while (!beams.done) {
        float logits[WM_LIMIT_SEQUENCES * VOCABULARY];
        take_logits(in, logits, beams.rows * VOCABULARY);
        status = wm_beams_next(&beams, logits, &error);
        check_status(status, &error);
        if (status != WM_OK) return;
        for (uint32_t b = 0; b < beams.width; b++) {
            FUZZ_CHECK(beams.done || beams.parents[b] < beams.width);
            for (size_t i = 0; i < beams.count; i++)
                FUZZ_CHECK(wm_beams_ids(&beams, b)[i] >= 0 &&
                           wm_beams_ids(&beams, b)[i] < VOCABULARY);
        }
    }
    wm_beams_finish(&beams);
    FUZZ_CHECK(beams.hypothesis_count <= beams.width);
    for (uint32_t i = 0; i < beams.hypothesis_count; i++) {
        const wm_hypothesis *h = &beams.hypotheses[i];
        FUZZ_CHECK(h->count && h->count <= sampler->limit - sampler->prompt && h->finish);
        FUZZ_CHECK(!i || h->score <= h[-1].score);
    }
}

// What goes out is the same for any cut into pieces.
static void run_stop(input in) {
    wm_span stops[2], text;
    for (int i = 0; i < 2; i++) {
        size_t n = 1 + take_byte(&in) % 4u;
        n = WM_MIN(n, in.n);
        stops[i] = (wm_span){in.p, n};
        in.p += n, in.n -= n;
        if (!n) return;
    }
    text = (wm_span){in.p, WM_MIN(in.n, 64)};
    bool whole, stopped = false;
    size_t want = wm_stop_scan(text, stops, 2, true, &whole), gone = 0;
    for (size_t given = 0; given < text.n && !stopped;) {
        given++;
        gone += wm_stop_scan((wm_span){text.p + gone, given - gone}, stops, 2, given == text.n,
                             &stopped);
        FUZZ_CHECK(gone <= given);
    }
    FUZZ_CHECK(gone == want && stopped == whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_arena arena;
    wm_arena_init(&arena, &allocator);
    wm_error error;
    wm_sampler sampler;
    input in = {data, size};
    run_stop(in);
    int32_t ids[6][4];
    wm_ids eos = take_ids(&in, ids[0], 4), biased = take_ids(&in, ids[1], 4);
    wm_token_rules rules = {.eos = take_ids(&in, ids[2], 4),
                            .suppress = take_ids(&in, ids[3], 4),
                            .forced_bos = take_ids(&in, ids[4], 1),
                            .forced_eos = take_ids(&in, ids[5], 2)};
    wm_sequence_bias bias = {biased.p, biased.n, (float)take_number(&in)};
    wm_generate_options options = {.size = sizeof options,
                                   .max_new_tokens = take_count(&in),
                                   .min_new_tokens = take_count(&in),
                                   .min_length = take_count(&in),
                                   .temperature = take_number(&in),
                                   .top_k = take_count(&in),
                                   .top_p = take_number(&in),
                                   .min_p = take_number(&in),
                                   .typical_p = take_number(&in),
                                   .repetition_penalty = take_number(&in),
                                   .presence_penalty = take_number(&in),
                                   .frequency_penalty = take_number(&in),
                                   .no_repeat_ngram_size = take_count(&in),
                                   .sequence_bias = &bias,
                                   .sequence_bias_count = biased.n > 0,
                                   .num_beams = take_count(&in),
                                   .length_penalty = take_number(&in),
                                   .early_stopping = (wm_early_stopping)(take_byte(&in) % 4),
                                   .num_return_sequences = take_count(&in),
                                   .seed = take_byte(&in),
                                   .eos_ids = eos.n ? eos.p : NULL,
                                   .eos_count = eos.n};
    size_t prompt = 1 + take_byte(&in) % 4, room = take_byte(&in) % (STEPS + 1);
    wm_status status = wm_sampler_init(&sampler, &options, &rules, VOCABULARY, &arena, &error);
    check_status(status, &error);
    if (status == WM_OK) {
        wm_sampler_begin(&sampler, prompt, room, take_byte(&in));
        if (sampler.options.num_beams > 1)
            run_beams(&in, &sampler, &arena);
        else
            run_sampler(&in, &sampler);
    }
    wm_arena_free(&arena);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
