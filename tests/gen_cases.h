// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads the lines of tests/vectors/samplers.jsonl and searches.jsonl (tools/make_gen_vectors.py).
#ifndef GEN_CASES_H
#define GEN_CASES_H

#include "harness.h"
#include "../src/base/json.h"
#include "../src/gen/sampler.h"

// The next line as a JSON value; absent past the last.
static inline wm_json next_line(wm_span *rest) {
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '\n') n++;
    wm_json line = {NULL};
    wm_error error;
    if (n && wm_json_check((wm_span){rest->p, n}, "line", WM_JSON_PYTHON, &line, &error))
        fail_msg("%s", error.text);
    rest->p += WM_MIN(n + 1, rest->n);
    rest->n -= WM_MIN(n + 1, rest->n);
    return line;
}

static inline double number_of(wm_json value, double otherwise) {
    double number = otherwise;
    (void)wm_json_f64(value, &number);
    return number;
}

static inline size_t read_floats(float *to, size_t most, wm_json list) {
    size_t n = 0;
    for (wm_json_iter i = wm_json_each(list); wm_json_next(&i); n++) {
        if (n == most) fail_msg("more than %d numbers", (int)most);
        to[n] = (float)number_of(i.value, 0);
    }
    return n;
}

static inline size_t read_integers(int32_t *to, size_t most, wm_json list) {
    size_t n = 0;
    for (wm_json_iter i = wm_json_each(list); wm_json_next(&i); n++) {
        if (n == most) fail_msg("more than %d numbers", (int)most);
        to[n] = (int32_t)number_of(i.value, -1);
    }
    return n;
}

static inline void read_bias(wm_generate_options *o, wm_json list, wm_arena *arena) {
    wm_sequence_bias *biases = wm_arena_alloc(arena, 16, sizeof *biases);
    o->sequence_bias = biases;
    for (wm_json_iter i = wm_json_each(list); wm_json_next(&i);) {
        wm_json_iter pair = wm_json_each(i.value);
        int32_t *ids = wm_arena_alloc(arena, 16, sizeof *ids);
        wm_json_next(&pair);
        size_t count = read_integers(ids, 16, pair.value);
        wm_json_next(&pair);
        biases[o->sequence_bias_count++] =
            (wm_sequence_bias){ids, count, (float)number_of(pair.value, 0)};
    }
}

// Options under transformers' names, and the tokens that they speak of.
static inline wm_generate_options read_options(wm_json from, wm_token_rules *rules, size_t V,
                                               wm_arena *arena) {
    wm_generate_options o = {.size = sizeof o};
#define U32(name) o.name = (uint32_t)number_of(wm_json_get(from, #name), 0)
#define F64(name) o.name = number_of(wm_json_get(from, #name), 0)
    U32(max_new_tokens);
    U32(min_new_tokens);
    U32(min_length);
    U32(top_k);
    U32(no_repeat_ngram_size);
    U32(num_beams);
    U32(num_return_sequences);
    F64(temperature);
    F64(top_p);
    F64(min_p);
    F64(typical_p);
    F64(repetition_penalty);
    F64(presence_penalty);
    F64(frequency_penalty);
    F64(length_penalty);
#undef U32
#undef F64
    if (wm_json_present(wm_json_get(from, "length_penalty")) && o.length_penalty == 0)
        o.length_penalty = 1e-300;
    bool flag = false;
    wm_json value = wm_json_get(from, "early_stopping");
    if (wm_json_bool(value, &flag) && flag) o.early_stopping = WM_STOP_EARLY;
    if (wm_json_present(value) && wm_json_string_is(value, "never"))
        o.early_stopping = WM_STOP_NEVER;
    if (wm_json_bool(wm_json_get(from, "do_sample"), &flag) && flag) o.do_sample = WM_ON;
    read_bias(&o, wm_json_get(from, "sequence_bias"), arena);
    *rules = (wm_token_rules){0};
    wm_error error;
    if (wm_token_rules_read(rules, from, "options", V, arena, &error)) fail_msg("%s", error.text);
    return o;
}

#endif
