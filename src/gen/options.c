// SPDX-License-Identifier: MIT OR Apache-2.0
// What a caller asks of a generation, and what the model's files say of its tokens.
#include "sampler.h"

#include "../base/utf8.h"

static wm_status bad_option(const char *name, const char *expected, wm_error *error) {
    return wm_fail(error, WM_ERROR_ARG, 0, "%z: expected %z", name, expected);
}

// Numbers in [0, highest]; a NaN is in no range.
static wm_status check_numbers(const wm_generate_options *o, wm_error *error) {
    const double huge = 3e38; // f32's
    const struct {
        const char *name, *expected;
        double value, lowest, highest;
    } rows[] = {
        {"max_new_tokens", "0 to 2147483647", o->max_new_tokens, 0, INT32_MAX},
        {"min_new_tokens", "0 to 2147483647", o->min_new_tokens, 0, INT32_MAX},
        {"min_length", "0 to 2147483647", o->min_length, 0, INT32_MAX},
        {"top_k", "0 to 2147483647", o->top_k, 0, INT32_MAX},
        {"no_repeat_ngram_size", "0 to 2147483647", o->no_repeat_ngram_size, 0, INT32_MAX},
        {"temperature", "a number from 0 up", o->temperature, 0, huge},
        {"top_p", "0 to 1", o->top_p, 0, 1},
        {"min_p", "0 to 1", o->min_p, 0, 1},
        {"typical_p", "0 to 1", o->typical_p, 0, 1},
        {"repetition_penalty", "a number above 0", o->repetition_penalty, 0, huge},
        {"presence_penalty", "a finite number", o->presence_penalty, -huge, huge},
        {"frequency_penalty", "a finite number", o->frequency_penalty, -huge, huge},
        {"length_penalty", "a finite number", o->length_penalty, -huge, huge},
    };
    for (size_t i = 0; i < WM_COUNT(rows); i++)
        if (!(rows[i].value >= rows[i].lowest && rows[i].value <= rows[i].highest))
            return bad_option(rows[i].name, rows[i].expected, error);
    if ((unsigned)o->do_sample > WM_OFF) return bad_option("do_sample", "a wm_toggle", error);
    if ((unsigned)o->early_stopping > WM_STOP_NEVER)
        return bad_option("early_stopping", "a wm_early_stopping", error);
    return WM_OK;
}

static wm_status check_stops(const wm_generate_options *o, wm_error *error) {
    if (o->stop_count > WM_LIMIT_STOPS)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "stop: %u strings, at most %u are taken",
                       (uint64_t)o->stop_count, (uint64_t)WM_LIMIT_STOPS);
    for (size_t i = 0; i < o->stop_count; i++) {
        if (!o->stop[i].n || wm_utf8_check(o->stop[i]) != o->stop[i].n)
            return bad_option("stop", "strings of UTF-8 that are not empty", error);
        if (o->stop[i].n > WM_LIMIT_STOP_BYTES)
            return wm_fail(error, WM_ERROR_LIMIT, 0,
                           "stop: a string of %u bytes, at most %u are taken",
                           (uint64_t)o->stop[i].n, (uint64_t)WM_LIMIT_STOP_BYTES);
    }
    return WM_OK;
}

static wm_status check_sequences(const wm_generate_options *o, wm_error *error) {
    bool draws = o->do_sample == WM_ON, beams = o->num_beams > 1;
    uint64_t most = beams ? WM_LIMIT_BEAMS : WM_LIMIT_SEQUENCES;
    if (WM_MAX(o->num_beams, o->num_return_sequences) > most)
        return wm_fail(error, WM_ERROR_LIMIT, 0,
                       "num_beams %u, num_return_sequences %u: at most %u are run",
                       (uint64_t)o->num_beams, (uint64_t)o->num_return_sequences, most);
    if (beams && draws) return bad_option("num_beams", "1 where tokens are drawn", error);
    if (o->num_return_sequences > 1 && !draws && o->num_return_sequences > o->num_beams)
        return bad_option("num_return_sequences", "at most num_beams where no token is drawn",
                          error);
    return WM_OK;
}

wm_status wm_generate_options_read(wm_generate_options *to, const wm_generate_options *from,
                                   wm_error *error) {
    memset(to, 0, sizeof *to);
    if (from) {
        if (from->size < sizeof from->size)
            return bad_option("size", "sizeof(wm_generate_options)", error);
        memcpy(to, from, WM_MIN(from->size, sizeof *to));
    }
    to->size = sizeof *to;
    WM_TRY(check_numbers(to, error));
    WM_TRY(check_stops(to, error));
    if (to->do_sample == WM_FROM_FILES)
        to->do_sample =
            to->temperature > 0 || to->top_k || to->top_p > 0 || to->min_p > 0 || to->typical_p > 0
                ? WM_ON
                : WM_OFF;
    if (!to->num_beams) to->num_beams = 1;
    if (!to->num_return_sequences) to->num_return_sequences = 1;
    double *ones[] = {&to->temperature, &to->top_p, &to->typical_p, &to->repetition_penalty,
                      &to->length_penalty};
    for (size_t i = 0; i < WM_COUNT(ones); i++)
        if (*ones[i] == 0) *ones[i] = 1;
    return check_sequences(to, error);
}

static wm_status read_ids(wm_ids *ids, wm_json object, const char *key, const char *file,
                          size_t vocabulary, wm_arena *arena, wm_error *error) {
    wm_json value = wm_json_get(object, key);
    if (!wm_json_present(value)) return WM_OK;
    *ids = (wm_ids){NULL, 0};
    wm_json_type type = wm_json_type_of(value);
    if (type == WM_JSON_NULL) return WM_OK;
    size_t count = type != WM_JSON_ARRAY;
    for (wm_json_iter i = wm_json_each(value); wm_json_next(&i);) count++;
    int32_t *list;
    WM_TRY(WM_ALLOC(arena, list, count, error));
    *ids = (wm_ids){list, count};
    wm_json_iter i = wm_json_each(value);
    for (size_t n = 0; n < count; n++) {
        uint64_t id;
        if (type == WM_JSON_ARRAY) wm_json_next(&i);
        if (!wm_json_u64(type == WM_JSON_ARRAY ? i.value : value, &id) || id >= vocabulary)
            return wm_fail(error, WM_ERROR_FORMAT, 0, "%z: %z: expected token ids below %u", file,
                           key, (uint64_t)vocabulary);
        list[n] = (int32_t)id;
    }
    return WM_OK;
}

wm_status wm_token_rules_read(wm_token_rules *rules, wm_json object, const char *file,
                              size_t vocabulary, wm_arena *arena, wm_error *error) {
    WM_TRY(read_ids(&rules->eos, object, "eos_token_id", file, vocabulary, arena, error));
    WM_TRY(read_ids(&rules->suppress, object, "suppress_tokens", file, vocabulary, arena, error));
    WM_TRY(read_ids(&rules->begin_suppress, object, "begin_suppress_tokens", file, vocabulary,
                    arena, error));
    WM_TRY(read_ids(&rules->forced_bos, object, "forced_bos_token_id", file, vocabulary, arena,
                    error));
    return read_ids(&rules->forced_eos, object, "forced_eos_token_id", file, vocabulary, arena,
                    error);
}
