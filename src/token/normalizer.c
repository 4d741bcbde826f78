// SPDX-License-Identifier: MIT OR Apache-2.0
#include "normalizer.h"

// ---- Canonical decomposition --------------------------------------------------------------------

// A character on its way: its combining class, and its `change` (wm_writer_change).
typedef struct held_mark {
    uint32_t c;
    uint8_t class, change;
} held_mark;

// Puts out the held characters in canonical order: by class, stable. Counting keeps it linear.
static bool flush_marks(wm_normalizing *state, wm_writer *to, wm_cursor *places) {
    const wm_allocator *host = to->host;
    size_t n = state->marks.n / sizeof(held_mark);
    if (!wm_array_reserve(&state->marks, host, state->marks.n)) return false;
    held_mark *held = state->marks.p, *sorted = held + n;
    size_t starts[257] = {0};
    for (size_t i = 0; i < n; i++) starts[held[i].class + 1]++;
    for (size_t i = 0; i < 256; i++) starts[i + 1] += starts[i];
    for (size_t i = 0; i < n; i++) sorted[starts[held[i].class]++] = held[i];
    for (size_t i = 0; i < n; i++) wm_writer_change(to, places, sorted[i].c, sorted[i].change);
    state->marks.n = 0;
    return true;
}

static bool normalize_nfd(wm_normalizing *state, const wm_text *text, size_t start, size_t stop, wm_writer *to) {
    wm_cursor cursor = wm_cursor_from(text, start, stop), places = cursor;
    uint32_t c, parts[WM_DECOMPOSITION_MAX];
    while (wm_cursor_next(&cursor, &c)) {
        size_t count = wm_char_decompose(state->unicode, c, parts);
        for (size_t i = 0; i < count; i++) {
            uint32_t class = wm_char_combining(state->unicode, parts[i]);
            held_mark mark = {parts[i], (uint8_t)class, i > 0};
            if (!class && state->marks.n && !flush_marks(state, to, &places)) return false;
            if (!class) wm_writer_change(to, &places, parts[i], mark.change);
            else if (!wm_array_push(&state->marks, to->host, &mark, sizeof mark)) return false;
        }
    }
    return !state->marks.n || flush_marks(state, to, &places);
}

// ---- BERT ---------------------------------------------------------------------------------------

enum { BERT_DECOMPOSED = 16 }; // the text is in canonical order already

// The characters of [cursor->at, …) that are ASCII and stay one byte each, in one go.
static bool copy_ascii(wm_cursor *cursor, const uint8_t *ascii, wm_writer *to) {
    const wm_text *text = cursor->text;
    wm_cursor_seek(cursor, cursor->at);
    if (text->runs[cursor->run].end != WM_RUN_SAME) return false;
    size_t n = 0, left = cursor->stop - cursor->at;
    if (cursor->run + 1 < text->run_count) left = WM_MIN(left, text->runs[cursor->run + 1].at - cursor->at);
    const uint8_t *p = text->p + cursor->at;
    while (n < left && p[n] < 0x80 && ascii[p[n]] < 0x80) n++;
    uint8_t *bytes = n ? wm_writer_same(to, n, cursor->start) : NULL;
    if (!bytes) return false;
    for (size_t i = 0; i < n; i++) bytes[i] = ascii[p[i]];
    to->bytes.n += n;
    cursor->at += n;
    return true;
}

// One character, lower-cased, decomposed and stripped as the options say. False: see bert_pass.
static bool put_bert(const wm_unicode *unicode, uint32_t options, uint32_t c, const wm_cursor *at, wm_writer *to) {
    uint32_t parts[WM_DECOMPOSITION_MAX] = {c};
    size_t count = options & WM_BERT_STRIP ? wm_char_decompose(unicode, c, parts) : 1;
    for (size_t i = 0; i < count; i++) {
        if (options & WM_BERT_STRIP) {
            uint32_t flags = wm_char_flags(unicode, parts[i]);
            if (flags & WM_CHAR_MARK) continue;
            if (flags & WM_CHAR_COMBINING && !(options & BERT_DECOMPOSED)) return false;
        }
        bool lower = options & WM_BERT_LOWER;
        wm_writer_put(to, lower ? wm_char_lower(unicode, parts[i]) : parts[i], at->start, at->end);
        if (lower && parts[i] == 0x130) wm_writer_put(to, 0x307, at->start, at->end);
    }
    return true;
}

// All of BERT's steps character by character. False where that is not the same as one after the
// other: marks that stay (of a combining class, but not Mn) would have to change places.
static bool bert_pass(const wm_unicode *unicode, uint32_t options, wm_cursor cursor, wm_writer *to) {
    uint8_t ascii[128]; // 0x80: nothing is left of it
    for (uint32_t c = 0; c < 128; c++) {
        ascii[c] = (uint8_t)(options & WM_BERT_LOWER ? wm_char_lower(unicode, c) : c);
        if (!(options & WM_BERT_CLEAN)) continue;
        if (wm_char_flags(unicode, c) & WM_CHAR_SPACE) ascii[c] = ' ';
        if (wm_char_flags(unicode, c) & WM_CHAR_DROPPED) ascii[c] = 0x80;
    }
    uint32_t c;
    while (cursor.at < cursor.stop) {
        if (copy_ascii(&cursor, ascii, to)) continue;
        if (to->failed || !wm_cursor_next(&cursor, &c)) break;
        uint32_t flags = wm_char_flags(unicode, c);
        if (options & WM_BERT_CLEAN) {
            if (flags & WM_CHAR_DROPPED) continue;
            if (flags & WM_CHAR_SPACE) c = ' ';
        }
        bool ideograph = options & WM_BERT_IDEOGRAPHS && c >= 0x3400 && wm_char_is_ideograph(c);
        if (ideograph) wm_writer_put(to, ' ', cursor.start, cursor.end);
        if (!put_bert(unicode, options, c, &cursor, to)) return false;
        if (ideograph) wm_writer_put(to, ' ', cursor.start, cursor.end);
    }
    return true;
}

// What may stand inside a word without being a letter of it: marks, apostrophes, dots, soft hyphens.
static bool inside_word(const wm_unicode *unicode, uint32_t c) {
    return wm_char_flags(unicode, c) & WM_CHAR_MARK || c == '\'' || c == '.' || c == ':' || c == 0xAD ||
           c == 0xB7 || c == 0x2019;
}

static bool letter_follows(const wm_unicode *unicode, wm_cursor cursor) {
    uint32_t c;
    while (wm_cursor_next(&cursor, &c))
        if (!inside_word(unicode, c)) return wm_char_flags(unicode, c) & WM_CHAR_LETTER;
    return false;
}

bool wm_normalize_lower(const wm_unicode *unicode, wm_cursor cursor, wm_writer *to) {
    bool in_word = false;
    uint32_t c;
    while (wm_cursor_next(&cursor, &c)) {
        bool last_sigma = c == 0x3A3 && in_word && !letter_follows(unicode, cursor);
        wm_writer_put(to, last_sigma ? 0x3C2 : wm_char_lower(unicode, c), cursor.start, cursor.end);
        if (c == 0x130) wm_writer_put(to, 0x307, cursor.start, cursor.end);
        if (!inside_word(unicode, c)) in_word = wm_char_flags(unicode, c) & WM_CHAR_LETTER;
    }
    return !to->failed;
}

// ---- The chain ----------------------------------------------------------------------------------

// What a step reads: [start, stop) of `text`; and the writer whose turn it is.
typedef struct wm_stage {
    wm_normalizing *state;
    wm_text text;
    size_t start, stop;
    int turn;
} wm_stage;

static wm_writer *next_writer(wm_stage *stage) {
    wm_writer *writer = &stage->state->writers[stage->turn];
    wm_writer_clear(writer);
    return writer;
}

// What was written is what the next step reads.
static void take_writer(wm_stage *stage, const wm_writer *writer) {
    static const wm_run nothing = {0, 0, WM_RUN_SAME};
    stage->text = wm_writer_text(writer);
    if (!stage->text.run_count) stage->text.runs = &nothing;
    stage->start = 0;
    stage->stop = stage->text.n;
    stage->turn ^= 1;
}

static bool run_bert(wm_stage *stage, uint32_t options) {
    const wm_unicode *unicode = stage->state->unicode;
    wm_writer *to = next_writer(stage);
    bool simple = bert_pass(unicode, options, wm_cursor_from(&stage->text, stage->start, stage->stop), to);
    if (!simple) {
        wm_writer_clear(to);
        bert_pass(unicode, options & (WM_BERT_CLEAN | WM_BERT_IDEOGRAPHS),
                  wm_cursor_from(&stage->text, stage->start, stage->stop), to);
        if (to->failed) return false;
        take_writer(stage, to);
        to = next_writer(stage);
        if (!normalize_nfd(stage->state, &stage->text, stage->start, stage->stop, to) || to->failed) return false;
        take_writer(stage, to);
        to = next_writer(stage);
        bert_pass(unicode, (options & (WM_BERT_STRIP | WM_BERT_LOWER)) | BERT_DECOMPOSED,
                  wm_cursor_from(&stage->text, stage->start, stage->stop), to);
    }
    if (to->failed) return false;
    take_writer(stage, to);
    return true;
}

void wm_normalizing_free(wm_normalizing *state) {
    wm_array_free(&state->marks, state->writers[0].host);
    wm_writer_free(&state->writers[0]);
    wm_writer_free(&state->writers[1]);
}

bool wm_normalize(const wm_normalizer *steps, size_t count, wm_normalizing *state, wm_text *text,
                  size_t *start, size_t *stop) {
    wm_stage stage = {state, *text, *start, *stop, 0};
    for (size_t i = 0; i < count && stage.start < stage.stop; i++) {
        switch (steps[i].kind) {
        case WM_NORMALIZER_BERT:
            if (!run_bert(&stage, steps[i].options)) return false;
            break;
        }
    }
    *text = stage.text;
    *start = stage.start;
    *stop = stage.stop;
    return true;
}
