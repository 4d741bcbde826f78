// SPDX-License-Identifier: MIT OR Apache-2.0
#include "tokenizer_read.h"

enum { STRING_POOL = 4096 };

wm_status wm_reading_fail(const wm_reading *reading, wm_status status, const char *what,
                          const wm_span *name) {
    return wm_fail(reading->error, status, 0, name ? "%z: %z \"%s\"" : "%z: %z", reading->file,
                   what, name);
}

// Room for one more step of a chain.
static wm_status take_step(const wm_reading *reading, uint32_t *count) {
    if (*count == WM_TOKENIZER_STEPS)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "more than 16 steps of one kind", NULL);
    ++*count;
    return WM_OK;
}

wm_status wm_reading_normalizer(wm_reading *reading, wm_normalizer step) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    WM_TRY(take_step(reading, &tokenizer->normalizer_count));
    tokenizer->normalizers[tokenizer->normalizer_count - 1] = step;
    return WM_OK;
}

wm_status wm_reading_splitter(wm_reading *reading, wm_splitter step) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    WM_TRY(take_step(reading, &tokenizer->splitter_count));
    tokenizer->splitters[tokenizer->splitter_count - 1] = step;
    return WM_OK;
}

wm_status wm_reading_decoder(wm_reading *reading, wm_decoder step) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    WM_TRY(take_step(reading, &tokenizer->decoder_count));
    tokenizer->decoders[tokenizer->decoder_count - 1] = step;
    return WM_OK;
}

wm_status wm_reading_string(wm_reading *reading, wm_json string, wm_span *to) {
    if (wm_json_string_plain(string, to)) return WM_OK;
    if (string.n > reading->strings_left) {
        size_t room = WM_MAX(string.n, STRING_POOL);
        WM_TRY(WM_ALLOC(&reading->tokenizer->arena, reading->strings, room, reading->error));
        reading->strings_left = room;
    }
    *to = wm_json_string_decode(string, reading->strings);
    if (to->p == reading->strings) {
        reading->strings += to->n;
        reading->strings_left -= to->n;
    }
    return WM_OK;
}

// ---- Vocabularies -------------------------------------------------------------------------------

wm_status wm_reading_vocabulary(wm_reading *reading, const wm_json *object) {
    wm_vocabulary *vocabulary = &reading->tokenizer->model.vocabulary;
    uint64_t count = 0, ids = 0, id = 0;
    if (!wm_json_present(*object) || wm_json_type_of(*object) != WM_JSON_OBJECT)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "the vocabulary is no object", NULL);
    for (wm_json_iter piece = wm_json_each(*object); wm_json_next(&piece); count++) {
        bool number = wm_json_u64(piece.value, &id);
        if (!number || id >= WM_LIMIT_VOCABULARY) {
            wm_span text = {piece.value.p, piece.value.n};
            return wm_reading_fail(reading, number ? WM_ERROR_LIMIT : WM_ERROR_FORMAT, "an odd id",
                                   &text);
        }
        ids = WM_MAX(ids, id + 1);
    }
    if (ids > count * 2 + 65536)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "an id far above the number of pieces",
                               NULL);
    WM_TRY(wm_vocabulary_init(vocabulary, &reading->tokenizer->arena, ids, count, reading->error));
    for (wm_json_iter piece = wm_json_each(*object); wm_json_next(&piece);) {
        wm_span text;
        WM_TRY(wm_reading_string(reading, piece.key, &text));
        wm_json_u64(piece.value, &id);
        if (vocabulary->pieces[id].p || !wm_vocabulary_add(vocabulary, text, (uint32_t)id))
            return wm_reading_fail(reading, WM_ERROR_DUP, "there twice: a piece, or the id of",
                                   &text);
    }
    reading->tokenizer->vocabulary = (uint32_t)ids;
    return wm_vocabulary_check(vocabulary, reading->error);
}

// ---- Merges -------------------------------------------------------------------------------------

bool wm_merge_split(wm_span line, wm_span *sides) {
    size_t at = 0;
    while (at < line.n && line.p[at] != ' ') at++;
    if (at == line.n) return false;
    sides[0] = (wm_span){line.p, at};
    sides[1] = (wm_span){line.p + at + 1, line.n - at - 1};
    for (size_t i = 0; i < sides[1].n; i++)
        if (sides[1].p[i] == ' ') return false;
    return true;
}

wm_status wm_merge_read(wm_reading *reading, const wm_span *sides, wm_merge *merge) {
    const wm_token_model *model = &reading->tokenizer->model;
    const wm_vocabulary *vocabulary = &model->vocabulary;
    wm_span rest = sides[1], none = {0};
    merge->left = wm_vocabulary_find(vocabulary, none, sides[0]);
    if (merge->left < 0)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "the vocabulary lacks the left of a merge",
                               &sides[0]);
    merge->right = wm_vocabulary_find(vocabulary, none, rest);
    merge->into = -1;
    if (rest.n >= model->prefix.n) { // the right side's prefix is only for inside a word
        rest = (wm_span){rest.p + model->prefix.n, rest.n - model->prefix.n};
        merge->into = wm_vocabulary_find(vocabulary, sides[0], rest);
    }
    if (merge->right >= 0 && merge->into >= 0) return WM_OK;
    return wm_reading_fail(reading, WM_ERROR_FORMAT,
                           merge->right < 0 ? "the vocabulary lacks the right of a merge"
                                            : "the vocabulary lacks what a merge makes with",
                           &sides[1]);
}

void wm_bpe_find_bytes(wm_token_model *model) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        static const char digits[] = "0123456789ABCDEF";
        uint8_t written[6] = {'<', '0', 'x', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 15],
                              '>'};
        size_t n = model->byte_level ? wm_byte_level_write((uint8_t)byte, written) : sizeof written;
        model->bytes[byte] =
            wm_vocabulary_find(&model->vocabulary, (wm_span){0}, (wm_span){written, n});
    }
}

// ---- Templates ----------------------------------------------------------------------------------

wm_status wm_template_add(wm_reading *reading, wm_template_list *list, int32_t id, uint8_t type) {
    if (list->count == WM_TEMPLATE_STEPS)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "a template of more than 64 tokens", NULL);
    list->steps[list->count++] = (wm_template_step){id, type};
    return WM_OK;
}

wm_status wm_template_keep(wm_reading *reading, const wm_template_list *list, wm_template *to) {
    wm_template_step *steps;
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, steps, list->count, reading->error));
    memcpy(steps, list->steps, list->count * sizeof *steps);
    *to = (wm_template){steps, list->count, 0};
    for (uint32_t i = 0; i < list->count; i++) {
        if (steps[i].id < 0) continue;
        to->special++;
        reading->tokenizer->vocabulary =
            WM_MAX(reading->tokenizer->vocabulary, (uint32_t)steps[i].id + 1);
    }
    return WM_OK;
}

wm_status wm_template_plain(wm_reading *reading) {
    wm_template_list list = {{{WM_TEMPLATE_A, 0}, {WM_TEMPLATE_B, 1}}, 1};
    WM_TRY(wm_template_keep(reading, &list, &reading->tokenizer->single));
    list.count = 2;
    return wm_template_keep(reading, &list, &reading->tokenizer->pair);
}

wm_status wm_template_cls_sep(wm_reading *reading, int32_t cls, int32_t sep, bool twice,
                              uint8_t second) {
    wm_template_list list = {{{cls, 0}, {WM_TEMPLATE_A, 0}, {sep, 0}}, 3};
    WM_TRY(wm_template_keep(reading, &list, &reading->tokenizer->single));
    if (twice) list.steps[list.count++] = (wm_template_step){sep, 0};
    list.steps[list.count++] = (wm_template_step){WM_TEMPLATE_B, second};
    list.steps[list.count++] = (wm_template_step){sep, second};
    return wm_template_keep(reading, &list, &reading->tokenizer->pair);
}

// ---- Added tokens -------------------------------------------------------------------------------

wm_status wm_added_read(wm_reading *reading, const wm_json *content, const wm_json *object) {
    wm_added_token token = {.id = -1};
    WM_TRY(wm_reading_string(reading, *content, &token.content));
    token.single_word = wm_json_flag(*object, "single_word", false);
    token.lstrip = wm_json_flag(*object, "lstrip", false);
    token.rstrip = wm_json_flag(*object, "rstrip", false);
    token.special = wm_json_flag(*object, "special", false);
    token.normalized = wm_json_flag(*object, "normalized", !token.special);
    wm_added_append(reading->tokenizer, token);
    return WM_OK;
}
