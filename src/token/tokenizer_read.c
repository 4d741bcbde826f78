// SPDX-License-Identifier: MIT OR Apache-2.0
#include "tokenizer_read.h"

enum { STRING_POOL = 4096 };

wm_status wm_reading_fail(const wm_reading *reading, wm_status status, const char *what,
                          const wm_span *name) {
    WM_AS_POINTER(reading);
    return wm_fail(reading->error, status, 0, name ? "%z: %z \"%s\"" : "%z: %z", reading->file,
                   what, name);
}

wm_status wm_reading_bad(const wm_reading *reading, const char *what) {
    return wm_reading_fail(reading, WM_ERROR_FORMAT, what, NULL);
}

wm_status wm_reading_string(wm_reading *reading, wm_json string, wm_span *to) {
    *to = (wm_span){0};
    if (wm_json_null(string) || wm_json_string_plain(string, to)) return WM_OK;
    if (wm_json_type_of(string) != WM_JSON_STRING) {
        wm_span text = wm_json_span(string);
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "not a string:", &text);
    }
    size_t n = wm_json_span(string).n;
    if (n > reading->strings_left) {
        size_t room = WM_MAX(n, STRING_POOL);
        WM_TRY(WM_ALLOC(&reading->tokenizer->arena, reading->strings, room, reading->error));
        reading->strings_left = room;
    }
    *to = wm_json_string_decode(string, reading->strings);
    reading->strings += to->n;
    reading->strings_left -= to->n;
    return WM_OK;
}

// ---- Entries ------------------------------------------------------------------------------------

static bool next_json(wm_entries *entries, wm_entry *entry) {
    wm_json_iter *items = &entries->items;
    if (!wm_json_next(items)) return false;
    entry->parts = 1;
    entry->part[0] = items->object ? items->key : items->value;
    if (items->object && !wm_json_u64(items->value, &entry->id)) entry->id = UINT64_MAX;
    if (items->object || wm_json_type_of(items->value) != WM_JSON_ARRAY) return true;
    entry->parts = 0;
    for (wm_json_iter part = wm_json_each(items->value); wm_json_next(&part); entry->parts++)
        if (entry->parts < 2) entry->part[entry->parts] = part.value;
    return true;
}

// Lines end at \n, \r\n or \r, as Python reads them.
bool wm_entries_line(wm_entries *entries, wm_entry *entry) {
    wm_span text = entries->rest;
    size_t n = 0;
    if (!text.n) return false;
    while (n < text.n && text.p[n] != '\n' && text.p[n] != '\r') n++;
    entry->text = (wm_span){text.p, n};
    if (n + 1 < text.n && text.p[n] == '\r' && text.p[n + 1] == '\n') n++;
    n += n < text.n;
    entries->rest = (wm_span){text.p + n, text.n - n};
    return true;
}

wm_entries wm_entries_of_json(wm_json value) {
    return (wm_entries){.next = next_json, .items = wm_json_each(value)};
}

wm_entries wm_entries_of_lines(wm_span text) {
    return (wm_entries){.next = wm_entries_line, .rest = text};
}

// ---- Vocabularies -------------------------------------------------------------------------------

// Finite, and small enough for sums over any text to be.
static bool is_score(double score) { return score >= -1e9 && score <= 1e9; }

static wm_status take_type(wm_reading *reading, const wm_entry *entry) {
    wm_token_model *model = &reading->tokenizer->model;
    int byte = entry->type == WM_PIECE_BYTE ? wm_byte_piece_read(entry->text) : 0;
    model->types[entry->id] = (uint8_t)entry->type;
    if (byte < 0 || (entry->type == WM_PIECE_UNKNOWN && model->unk >= 0))
        return wm_reading_fail(reading, WM_ERROR_FORMAT,
                               "no byte, or a second unknown piece:", &entry->text);
    if (entry->type == WM_PIECE_UNKNOWN) model->unk = (int32_t)entry->id;
    if (entry->type == WM_PIECE_BYTE) model->bytes[byte] = (int32_t)entry->id;
    return WM_OK;
}

static wm_status take_piece(wm_reading *reading, wm_entry *entry) {
    wm_token_model *model = &reading->tokenizer->model;
    wm_vocabulary *vocabulary = &model->vocabulary;
    uint32_t id = (uint32_t)entry->id;
    if (entry->parts) WM_TRY(wm_reading_string(reading, entry->part[0], &entry->text));
    int32_t twin = wm_vocabulary_find(vocabulary, entry->text);
    bool listed = !model->scores || model->types; // each piece has an id of its own
    if (listed && (entry->parts || model->types) && (twin >= 0 || vocabulary->pieces[id].p))
        return wm_reading_fail(reading, WM_ERROR_DUP, "there twice: a piece, or the id of",
                               &entry->text);
    if (entry->parts == 2 && !wm_json_f64_twice(entry->part[1], &entry->score)) entry->parts = 1;
    if (model->scores) {
        if (entry->parts == 1 || !entry->text.n || !is_score(entry->score))
            return wm_reading_fail(reading, WM_ERROR_FORMAT,
                                   "an empty piece or an odd score:", &entry->text);
        model->scores[id] = entry->score;
    }
    if (model->types) WM_TRY(take_type(reading, entry));
    if (!model->types || entry->type == WM_PIECE_NORMAL || entry->type == WM_PIECE_USER)
        wm_vocabulary_add(vocabulary, entry->text, id);
    vocabulary->pieces[id] = entry->text;
    if (twin >= 0 && model->scores)
        vocabulary->pieces[twin] = entry->text; // the later one is found, the earlier one decodes
    return WM_OK;
}

wm_status wm_vocabulary_read(wm_reading *reading, wm_entries entries) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_token_model *model = &tokenizer->model;
    wm_entries counting = entries;
    wm_entry entry = {0};
    uint64_t count = 0, ids = 0;
    for (; counting.next(&counting, &entry); count++, entry.id++) {
        wm_status status = entry.id == UINT64_MAX ? WM_ERROR_FORMAT : WM_ERROR_LIMIT;
        if (entry.id >= WM_LIMIT_VOCABULARY)
            return wm_reading_fail(reading, status, "vocab: an odd id", NULL);
        ids = WM_MAX(ids, entry.id + 1);
    }
    if (ids > count * 2 + 65536) return wm_reading_bad(reading, "an id far above the pieces");
    WM_TRY(wm_vocabulary_init(&model->vocabulary, &tokenizer->arena, ids, count, reading->error));
    if (model->kind == WM_TOKENS_UNIGRAM || entries.typed)
        WM_TRY(WM_ALLOC(&tokenizer->arena, model->scores, ids, reading->error));
    if (entries.typed) {
        WM_TRY(WM_ALLOC(&tokenizer->arena, model->types, ids, reading->error));
        memset(model->types, 0, (size_t)ids);
    }
    double lowest = 1e9;
    for (entry.id = 0; entries.next(&entries, &entry); entry.id++) {
        WM_TRY(take_piece(reading, &entry));
        if (entry.type <= WM_PIECE_NORMAL) lowest = WM_MIN(lowest, entry.score);
    }
    model->unknown_score = model->types ? (double)(float)(lowest - 10) : lowest - 10;
    tokenizer->vocabulary = WM_MAX(tokenizer->vocabulary, (uint32_t)ids);
    if (model->kind == WM_TOKENS_BPE || model->kind == WM_TOKENS_WORDLEVEL)
        return wm_vocabulary_check(&model->vocabulary, reading->error);
    return wm_vocabulary_index(&model->vocabulary, &tokenizer->arena, reading->error);
}

// ---- Merges -------------------------------------------------------------------------------------

// "a b", cut at its one space, or ["a", "b"].
static wm_status read_sides(wm_reading *reading, wm_entry *entry, wm_span *sides) {
    wm_span line;
    size_t at = 0, n = entry->parts;
    if (n) WM_TRY(wm_reading_string(reading, entry->part[0], &entry->text));
    sides[0] = line = entry->text;
    if (n == 2) return wm_reading_string(reading, entry->part[1], &sides[1]);
    if (n < 2) n = 1;
    for (size_t i = 0; i < line.n; i++) {
        if (line.p[i] != ' ') continue;
        at = i;
        n++;
    }
    sides[0].n = at;
    sides[1] = (wm_span){line.p + at + 1, line.n - at - 1};
    if (n == 2) return WM_OK;
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "no pair of pieces:", &line);
}

static wm_status take_merge(wm_reading *reading, wm_entry *entry, wm_merge *merge) {
    const wm_token_model *model = &reading->tokenizer->model;
    const wm_vocabulary *vocabulary = &model->vocabulary;
    wm_span sides[2];
    WM_TRY(read_sides(reading, entry, sides));
    // The right side's prefix is only for inside a word.
    size_t skip = WM_MIN(model->prefix.n, sides[1].n);
    wm_span rest = {sides[1].p + skip, sides[1].n - skip};
    merge->left = wm_vocabulary_find(vocabulary, sides[0]);
    merge->right = wm_vocabulary_find(vocabulary, sides[1]);
    merge->into = wm_vocabulary_find_joined(vocabulary, sides[0], rest);
    if (merge->left >= 0 && merge->right >= 0 && merge->into >= 0) return WM_OK;
    return wm_reading_fail(reading, WM_ERROR_FORMAT,
                           merge->left < 0    ? "no such piece, but a merge's left:"
                           : merge->right < 0 ? "no such piece, but a merge's right:"
                                              : "no such piece, but what a merge makes with",
                           &sides[merge->left >= 0]);
}

wm_status wm_merges_read(wm_reading *reading, wm_entries entries) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_entries counting = entries;
    wm_entry entry = {0};
    wm_merge *merges;
    uint64_t count = 0;
    while (counting.next(&counting, &entry)) count++;
    WM_TRY(WM_ALLOC(&tokenizer->arena, merges, count, reading->error));
    for (uint64_t rank = 0; entries.next(&entries, &entry); rank++)
        WM_TRY(take_merge(reading, &entry, &merges[rank]));
    return wm_bpe_index(&tokenizer->model, &tokenizer->arena, merges, count, reading->error);
}

void wm_bpe_find_bytes(wm_token_model *model) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        static const char digits[] = "0123456789ABCDEF";
        uint8_t written[6] = {'<', '0', 'x', (uint8_t)digits[byte >> 4], (uint8_t)digits[byte & 15],
                              '>'};
        size_t n = model->byte_level ? wm_byte_level_write((uint8_t)byte, written) : sizeof written;
        model->bytes[byte] = wm_vocabulary_find(&model->vocabulary, (wm_span){written, n});
    }
}

uint32_t wm_bert_options(bool clean, bool ideographs, bool strip, bool lower) {
    const bool flags[] = {clean, ideographs, strip, lower}; // in the order of their bits
    uint32_t options = 0;
    for (uint32_t i = 0; i < WM_COUNT(flags); i++) options |= (uint32_t)flags[i] << i;
    return options;
}

void wm_splitters_byte_level(wm_tokenizer *tokenizer, bool prefix_space, bool pattern) {
    tokenizer->model.byte_level = true;
    if (prefix_space)
        tokenizer->splitters[tokenizer->splitter_count++] =
            (wm_splitter){.kind = WM_SPLITTER_PREFIX_SPACE,
                          .options = WM_METASPACE_ALWAYS,
                          .content = WM_TEXT(" ")};
    if (pattern) tokenizer->splitters[tokenizer->splitter_count++] = (wm_splitter){0};
}

// ---- Templates ----------------------------------------------------------------------------------

wm_status wm_template_add(wm_reading *reading, wm_template *to, int32_t id, uint32_t type) {
    if (to->count == WM_TEMPLATE_STEPS)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "a template of more than 64 tokens", NULL);
    to->steps[to->count++] = (wm_template_step){id, (uint8_t)type};
    if (id < 0) return WM_OK;
    to->special++;
    reading->tokenizer->vocabulary = WM_MAX(reading->tokenizer->vocabulary, (uint32_t)id + 1);
    return WM_OK;
}

wm_status wm_template_set(wm_reading *reading, const char *both, const int32_t *ids) {
    for (int i = 0; i < 2; i++, both++) {
        wm_template *to = i ? &reading->tokenizer->pair : &reading->tokenizer->single;
        uint32_t type = 0;
        to->count = to->special = 0;
        for (; *both; both++) {
            bool text = *both < 'c';
            int32_t id = *both == 'A' ? WM_TEMPLATE_A : WM_TEMPLATE_B;
            if (!text) id = ids[*both == 's'];
            if (*both == ':')
                type = 1;
            else if (text || id >= 0)
                WM_TRY(wm_template_add(reading, to, id, type));
        }
    }
    return WM_OK;
}

// ---- Added tokens -------------------------------------------------------------------------------

wm_status wm_added_read(wm_reading *reading, wm_json value, wm_added_token token, bool update,
                        int32_t *id) {
    wm_json content = value;
    if (wm_json_type_of(value) == WM_JSON_OBJECT) {
        content = wm_json_get(value, "content");
        token.single_word = wm_json_flag(value, "single_word", false);
        token.lstrip = wm_json_flag(value, "lstrip", false);
        token.rstrip = wm_json_flag(value, "rstrip", false);
        token.special = wm_json_flag(value, "special", token.special);
        token.normalized = wm_json_flag(value, "normalized", !token.special);
    }
    if (!wm_json_null(content)) WM_TRY(wm_reading_string(reading, content, &token.content));
    *id = wm_added_append(reading->tokenizer, token, update);
    return WM_OK;
}

wm_status wm_added_read_all(wm_reading *reading, wm_json list, wm_added_token token, bool update) {
    int32_t id;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item);)
        WM_TRY(wm_added_read(reading, item.value, token, update, &id));
    return WM_OK;
}
