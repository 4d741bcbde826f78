// SPDX-License-Identifier: MIT OR Apache-2.0
// Added tokens: found leftmost, then longest, in the text as it is or in the normalized one.
#include "tokenizer.h"

// ---- Reading ------------------------------------------------------------------------------------

wm_status wm_added_init(wm_tokenizer *tokenizer, uint64_t count, wm_error *error) {
    WM_TRY(wm_vocabulary_init(&tokenizer->added_names, &tokenizer->arena, count, count, error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, tokenizer->added, count, error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, tokenizer->fresh, count, error));
    tokenizer->added_room = (uint32_t)count;
    tokenizer->next_added_id = tokenizer->model.vocabulary.count;
    return WM_OK;
}

// The id of a piece; control pieces of SentencePiece are in no table.
static int32_t find_piece(const wm_token_model *model, wm_span content) {
    int32_t id = wm_vocabulary_find(&model->vocabulary, content);
    for (uint32_t i = 0; model->types && id < 0 && i < model->vocabulary.ids; i++)
        if (wm_span_equal(model->vocabulary.pieces[i], content)) id = (int32_t)i;
    return id;
}

int32_t wm_added_append(wm_tokenizer *tokenizer, wm_added_token token, bool update) {
    if (!token.content.n) return -1;
    int32_t index = wm_vocabulary_find(&tokenizer->added_names, token.content);
    token.id = find_piece(&tokenizer->model, token.content);
    if (index >= 0) {
        token.id = tokenizer->added[index].id;
        token.special |= tokenizer->added[index].special; // once special, always so
        if (update) tokenizer->added[index] = token;
        return token.id;
    }
    if (tokenizer->added_count == tokenizer->added_room) return -1;
    index = (int32_t)tokenizer->added_count++;
    wm_vocabulary_add(&tokenizer->added_names, token.content, (uint32_t)index);
    if (token.id < 0) {
        token.id = (int32_t)tokenizer->next_added_id;
        tokenizer->fresh[tokenizer->fresh_count++] = (uint32_t)index;
    }
    uint32_t after = (uint32_t)token.id + 1;
    tokenizer->next_added_id = WM_MAX(tokenizer->next_added_id, after);
    tokenizer->vocabulary = WM_MAX(tokenizer->vocabulary, after);
    tokenizer->added[index] = token;
    return token.id;
}

// The content as it looks after the normalizers, kept in the arena.
static wm_status normalized_content(wm_tokenizer *tokenizer, wm_normalizing *state,
                                    wm_span *content, wm_error *error) {
    static const wm_run same = {0, 0, WM_RUN_SAME};
    wm_text text = {content->p, content->n, &same, 1};
    size_t start = 0, stop = content->n;
    uint8_t *copy;
    if (!wm_normalize(tokenizer->normalizers, tokenizer->normalizer_count, state, &text, &start,
                      &stop))
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory");
    WM_TRY(WM_ALLOC(&tokenizer->arena, copy, stop - start, error));
    memcpy(copy, text.p + start, stop - start);
    *content = (wm_span){copy, stop - start};
    return WM_OK;
}

static wm_status fill_set(wm_tokenizer *tokenizer, wm_added_set *set, bool normalized,
                          wm_normalizing *state, wm_error *error) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tokenizer->added_count; i++)
        count += tokenizer->added[i].normalized == normalized;
    if (!count) return WM_OK;
    WM_TRY(wm_vocabulary_init(&set->contents, &tokenizer->arena, tokenizer->added_count, count,
                              error));
    for (uint32_t i = 0; i < tokenizer->added_count; i++) {
        wm_span content = tokenizer->added[i].content;
        if (tokenizer->added[i].normalized != normalized) continue;
        if (normalized && tokenizer->normalizer_count && !tokenizer->sentence.used)
            WM_TRY(normalized_content(tokenizer, state, &content, error));
        if (!content.n) continue;
        wm_vocabulary_add(&set->contents, content, i);
        set->first[content.p[0]] = true;
    }
    return wm_vocabulary_index(&set->contents, &tokenizer->arena, error);
}

wm_status wm_added_index(wm_tokenizer *tokenizer, wm_error *error) {
    WM_TRY(wm_vocabulary_check(&tokenizer->added_names, error));
    wm_normalizing state = {.unicode = &tokenizer->unicode};
    state.writers[0].host = state.writers[1].host = &tokenizer->arena.host;
    wm_status status = fill_set(tokenizer, &tokenizer->raw, false, &state, error);
    if (status == WM_OK) status = fill_set(tokenizer, &tokenizer->normalized, true, &state, error);
    wm_normalizing_free(&state);
    return status;
}

// ---- Searching ----------------------------------------------------------------------------------

wm_added_search wm_added_search_from(const wm_tokenizer *tokenizer, const wm_added_set *set,
                                     const wm_text *text, size_t from, size_t stop, bool as_text) {
    return (wm_added_search){tokenizer, set, text, from, stop, from, from, as_text, NULL, 0, 0};
}

// The flags and the length of the character that ends at `at`, 0 where there is none after `from`.
static uint32_t flags_before(const wm_added_search *search, size_t from, size_t at,
                             size_t *length) {
    size_t start = at;
    uint32_t c = 0;
    while (start > from && (search->text->p[--start] & 0xC0) == 0x80) {}
    *length = wm_utf8_decode(search->text->p + start, at - start, &c);
    return *length ? wm_char_flags(&search->tokenizer->unicode, c) : 0;
}

static uint32_t flags_after(const wm_added_search *search, size_t at, size_t *length) {
    uint32_t c = 0;
    *length = wm_utf8_decode(search->text->p + at, search->stop - at, &c);
    return *length ? wm_char_flags(&search->tokenizer->unicode, c) : 0;
}

const wm_added_token *wm_added_at(const wm_tokenizer *tokenizer, const wm_added_set *set,
                                  wm_span text, size_t *length) {
    const wm_added_token *found = NULL;
    if (!text.n || !set->first[*text.p]) return NULL;
    wm_walk walk = wm_walk_from(&set->contents, (wm_span){0}, text);
    for (int32_t index; (index = wm_walk_next(&walk)) >= 0; *length = walk.at)
        found = &tokenizer->added[index];
    return found;
}

bool wm_added_next(wm_added_search *search) {
    size_t length = 0, n;
    if (!search->set->contents.count) return false;
    while (search->at < search->stop) {
        wm_span rest = {search->text->p + search->at, search->stop - search->at};
        const wm_added_token *token = NULL;
        if (search->set->first[*rest.p])
            token = wm_added_at(search->tokenizer, search->set, rest, &length);
        if (!token) {
            search->at++;
            continue;
        }
        size_t start = search->at, end = start + length;
        search->at = end; // a match that does not count is passed over all the same
        if (search->as_text && token->special) continue;
        if (token->single_word && (flags_before(search, search->from, start, &n) & WM_CHAR_WORD ||
                                   flags_after(search, end, &n) & WM_CHAR_WORD))
            continue;
        while (token->lstrip && start > search->after &&
               flags_before(search, search->after, start, &n) & WM_CHAR_SPACE)
            start -= n;
        while (token->rstrip && flags_after(search, end, &n) & WM_CHAR_SPACE) end += n;
        search->token = token;
        search->start = start;
        search->after = search->end = end;
        return true;
    }
    return false;
}
