// SPDX-License-Identifier: MIT OR Apache-2.0
// What a caller asks of a generation, and what the model's files say of its tokens.
#include "sampler.h"

#include "../base/utf8.h"

static wm_status bad_option(const char *name, const char *expected, wm_error *error) {
    return wm_fail(error, WM_ERROR_ARG, 0, "%z: expected %z", name, expected);
}

static wm_status over_limit(const char *name, uint64_t got, uint64_t most, wm_error *error) {
    return wm_fail(error, WM_ERROR_LIMIT, 0, "%z: %u, at most %u", name, got, most);
}

enum option_kind { OPTION_COUNT, OPTION_SHARE, OPTION_POSITIVE, OPTION_SIGNED };

static const char *const option_ranges[] = {"0 to 2147483647", "0 to 1", "a number above 0",
                                            "a finite number"};

static const struct option {
    const char *name;
    uint8_t offset, kind;
    bool one; // where nothing is asked
} number_options[] = {
#define OPTION(name, kind) {#name, offsetof(wm_generate_options, name), kind, false}
#define OPTION_OF_ONE(name, kind) {#name, offsetof(wm_generate_options, name), kind, true}
    OPTION(max_new_tokens, OPTION_COUNT),
    OPTION(min_new_tokens, OPTION_COUNT),
    OPTION(min_length, OPTION_COUNT),
    OPTION(top_k, OPTION_COUNT),
    OPTION(no_repeat_ngram_size, OPTION_COUNT),
    OPTION_OF_ONE(top_p, OPTION_SHARE),
    OPTION(min_p, OPTION_SHARE),
    OPTION_OF_ONE(typical_p, OPTION_SHARE),
    OPTION_OF_ONE(temperature, OPTION_POSITIVE),
    OPTION_OF_ONE(repetition_penalty, OPTION_POSITIVE),
    OPTION(presence_penalty, OPTION_SIGNED),
    OPTION(frequency_penalty, OPTION_SIGNED),
    OPTION_OF_ONE(length_penalty, OPTION_SIGNED),
#undef OPTION
#undef OPTION_OF_ONE
};

static wm_status read_numbers(wm_generate_options *o, wm_error *error) {
    static const double highest[] = {INT32_MAX, 1, 3e38, 3e38}; // 3e38: of f32
    for (const struct option *i = number_options; i < number_options + WM_COUNT(number_options);
         i++) {
        uint8_t *field = (uint8_t *)o + i->offset;
        double value;
        if (i->kind == OPTION_COUNT)
            value = wm_read_u32(field);
        else
            memcpy(&value, field, sizeof value);
        double lowest = i->kind == OPTION_SIGNED ? -highest[OPTION_SIGNED] : 0;
        if (!(value >= lowest && value <= highest[i->kind])) // a NaN is neither
            return bad_option(i->name, option_ranges[i->kind], error);
        if (i->one && value == 0) memcpy(field, &(double){1}, sizeof value);
    }
    return WM_OK;
}

static wm_status check_stops(const wm_generate_options *o, wm_error *error) {
    if (o->stop_count > WM_LIMIT_STOPS)
        return over_limit("stop strings", o->stop_count, WM_LIMIT_STOPS, error);
    for (size_t i = 0; i < o->stop_count; i++) {
        if (!o->stop[i].n || wm_utf8_check(o->stop[i]) != o->stop[i].n)
            return bad_option("stop", "strings of UTF-8 that are not empty", error);
        if (o->stop[i].n > WM_LIMIT_STOP_BYTES)
            return over_limit("bytes of a stop string", o->stop[i].n, WM_LIMIT_STOP_BYTES, error);
    }
    return WM_OK;
}

static wm_status check_sequences(const wm_generate_options *o, wm_error *error) {
    bool draws = o->do_sample == WM_ON;
    uint32_t most = WM_MAX(o->num_beams, o->num_return_sequences);
    if (most > WM_LIMIT_SEQUENCES)
        return over_limit("num_beams, num_return_sequences", most, WM_LIMIT_SEQUENCES, error);
    if (o->num_beams > 1 && draws)
        return bad_option("num_beams", "1 where tokens are drawn", error);
    if (o->num_return_sequences > o->num_beams && !draws)
        return bad_option("num_return_sequences", "at most num_beams where none is drawn", error);
    return WM_OK;
}

wm_status wm_generate_options_read(wm_generate_options *to, const wm_generate_options *from,
                                   wm_error *error) {
    memset(to, 0, sizeof *to);
    if (from) {
        if (from->size < sizeof from->size)
            return bad_option("size", "sizeof of the options", error);
        memcpy(to, from, WM_MIN(from->size, sizeof *to));
    }
    to->size = sizeof *to;
    bool given =
        to->temperature > 0 || to->top_k || to->top_p > 0 || to->min_p > 0 || to->typical_p > 0;
    WM_TRY(read_numbers(to, error));
    WM_TRY(check_stops(to, error));
    if ((unsigned)to->do_sample > WM_OFF || (unsigned)to->early_stopping > WM_STOP_NEVER)
        return bad_option("do_sample, early_stopping", "a value of the enum", error);
    if (to->do_sample == WM_FROM_FILES) to->do_sample = given ? WM_ON : WM_OFF;
    to->num_beams += !to->num_beams;
    to->num_return_sequences += !to->num_return_sequences;
    return check_sequences(to, error);
}

static wm_status read_ids(wm_ids *ids, wm_json value, size_t vocabulary, wm_arena *arena,
                          wm_error *error) {
    wm_json_type type = wm_json_type_of(value);
    wm_json_iter all = {.value = value}; // one value, …
    bool left = type != WM_JSON_NULL;    // … none, …
    if (type == WM_JSON_ARRAY) {         // … many
        all = wm_json_each(value);
        left = wm_json_next(&all);
    }
    int32_t *list;
    WM_TRY(WM_ALLOC(arena, list, wm_json_count(value) + 1, error));
    *ids = (wm_ids){list, 0};
    for (; left; left = wm_json_next(&all)) {
        uint64_t id;
        if (!wm_json_u64(all.value, &id) || id >= vocabulary) return WM_ERROR_FORMAT;
        list[ids->n++] = (int32_t)id;
    }
    return WM_OK;
}

wm_status wm_token_rules_read(wm_token_rules *rules, wm_json object, const char *file,
                              size_t vocabulary, wm_arena *arena, wm_error *error) {
    static const struct {
        const char *key;
        size_t offset;
    } lists[] = {
        {"eos_token_id", offsetof(wm_token_rules, eos)},
        {"decoder_start_token_id", offsetof(wm_token_rules, start)},
        {"suppress_tokens", offsetof(wm_token_rules, suppress)},
        {"begin_suppress_tokens", offsetof(wm_token_rules, begin_suppress)},
        {"forced_bos_token_id", offsetof(wm_token_rules, forced_bos)},
        {"forced_eos_token_id", offsetof(wm_token_rules, forced_eos)},
    };
    for (size_t i = 0; i < WM_COUNT(lists); i++) {
        const char *key = lists[i].key;
        wm_json value = wm_json_get(object, key);
        if (!wm_json_present(value)) continue;
        wm_ids *ids = (wm_ids *)(void *)((uint8_t *)rules + lists[i].offset);
        wm_status status = read_ids(ids, value, vocabulary, arena, error);
        if (status == WM_ERROR_FORMAT)
            return wm_fail(error, status, 0, "%z: %z: expected token ids below %u", file, key,
                           (uint64_t)vocabulary);
        WM_TRY(status);
    }
    return WM_OK;
}
