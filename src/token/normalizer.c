// SPDX-License-Identifier: MIT OR Apache-2.0
#include "normalizer.h"

// ---- Canonical forms ----------------------------------------------------------------------------

// A character on its way: its combining class, and its `change` (wm_writer_change).
typedef struct held_char {
    uint32_t c;
    int32_t change;
    uint8_t class;
} held_char;

// Appends what `c` decomposes to.
static bool hold_char(wm_normalizing *state, const wm_allocator *host, uint32_t c,
                      bool compatible) {
    uint32_t parts[WM_DECOMPOSITION_MAX], further[WM_DECOMPOSITION_MAX];
    size_t n = wm_char_decompose(state->unicode, c, parts), count;
    held_char held = {0};
    for (size_t i = 0; i < n; i++) {
        const uint32_t *to = NULL;
        if (compatible) to = wm_char_mapped(state->unicode, WM_MAP_COMPATIBLE, parts[i], &count);
        if (!to) {
            to = &parts[i];
            count = 1;
        }
        for (const uint32_t *end = to + count; to < end; to++) {
            size_t m = wm_char_decompose(state->unicode, *to, further);
            for (size_t k = 0; k < m; k++) {
                held.c = further[k];
                held.class = wm_char_flags(state->unicode, held.c) & WM_CHAR_COMBINING;
                if (!wm_array_push(&state->held, host, &held, sizeof held)) return false;
                held.change = 1;
            }
        }
    }
    return true;
}

// Orders `n` characters by class, stably; counting keeps it linear. `sorted` has room for as many.
static void order_marks(held_char *held, held_char *sorted, size_t n) {
    size_t starts[257] = {0};
    if (n < 2) return;
    for (size_t i = 0; i < n; i++) starts[held[i].class + 1]++;
    for (size_t i = 0; i < 256; i++) starts[i + 1] += starts[i];
    for (size_t i = 0; i < n; i++) sorted[starts[held[i].class]++] = held[i];
    memcpy(held, sorted, n * sizeof *held);
}

// Composes what can be, in place; how many are left.
static size_t compose_held(const wm_unicode *unicode, held_char *held, size_t n) {
    size_t kept = 0, starter = SIZE_MAX;
    uint32_t last = 0; // the class of the character before, 0: it is the starter
    for (size_t i = 0; i < n; i++) {
        held_char next = held[i];
        if (starter != SIZE_MAX && (!last || last < next.class)) {
            uint32_t composed = wm_char_compose(unicode, held[starter].c, next.c);
            if (composed) {
                held[starter].c = composed;
                held[starter].change += next.change - 1;
                continue;
            }
        }
        if (!next.class) starter = kept;
        last = next.class;
        held[kept++] = next;
    }
    return kept;
}

// Puts out the held characters: in canonical order, and composed if that is wanted.
static bool flush_held(wm_normalizing *state, wm_writer *to, wm_cursor *places, bool compose) {
    size_t n = state->held.n / sizeof(held_char);
    if (!wm_array_reserve(&state->held, to->host, state->held.n)) return false;
    held_char *held = state->held.p;
    for (size_t i = 0, start; i < n;) {
        for (start = i; i < n && held[i].class; i++) {}
        order_marks(held + start, held + n, i - start);
        i += start == i;
    }
    if (compose) n = compose_held(state->unicode, held, n);
    for (size_t i = 0; i < n; i++) wm_writer_change(to, places, held[i].c, held[i].change);
    state->held.n = 0;
    return true;
}

// NFC to NFKD, cluster by cluster: a character and what may combine with it.
static bool normalize_canonical(wm_normalizing *state, wm_cursor *cursor, wm_writer *to,
                                wm_normalizer_kind kind) {
    const uint32_t joins = WM_CHAR_COMBINING | WM_CHAR_SECOND;
    bool compose = kind == WM_NORMALIZER_NFC || kind == WM_NORMALIZER_NFKC;
    bool compatible = kind >= WM_NORMALIZER_NFKC;
    uint32_t changes = compose ? WM_CHAR_EXCLUDED : WM_CHAR_DECOMPOSES;
    if (compatible) changes |= WM_CHAR_DECOMPOSES | WM_CHAR_MAPPED << WM_MAP_COMPATIBLE;
    const uint8_t *p = cursor->text->p;
    size_t stop = cursor->stop;
    wm_cursor ahead;
    uint32_t c, next = 0;
    while (cursor->at < stop && !to->failed) {
        size_t plain = cursor->at; // ASCII, but for the last one, stays as it is
        while (plain + 1 < stop && p[plain] < 0x80 && p[plain + 1] < 0x80) plain++;
        wm_writer_copy(to, cursor, plain);
        wm_cursor places = *cursor;
        wm_cursor_next(cursor, &c);
        ahead = *cursor;
        bool more = wm_cursor_next(&ahead, &next) && wm_char_flags(state->unicode, next) & joins;
        if (!more && !(wm_char_flags(state->unicode, c) & changes)) {
            wm_writer_put(to, c, cursor->start, cursor->end);
            continue;
        }
        if (!hold_char(state, to->host, c, compatible)) return false;
        while (more) {
            *cursor = ahead;
            if (!hold_char(state, to->host, next, compatible)) return false;
            more = wm_cursor_next(&ahead, &next) && wm_char_flags(state->unicode, next) & joins;
        }
        if (!flush_held(state, to, &places, compose)) return false;
    }
    return true;
}

// ---- BERT ---------------------------------------------------------------------------------------

enum {
    BERT_DECOMPOSED = 16, // the text is in canonical order already
    BERT_ACCENTS = 32,    // no more than StripAccents
    FIRST_IDEOGRAPH = 0x3400,
};

// The characters from the cursor on that no option changes.
static void copy_plain(const wm_unicode *unicode, wm_cursor *cursor, wm_writer *to) {
    const uint32_t changes = WM_CHAR_DROPPED | WM_CHAR_SPACE | WM_CHAR_STRIPS | WM_CHAR_ACCENT |
                             WM_CHAR_COMBINING | WM_CHAR_DECOMPOSES |
                             WM_CHAR_MAPPED << WM_MAP_LOWER;
    const uint8_t *p = cursor->text->p;
    size_t at = cursor->at;
    for (size_t length; at < cursor->stop; at += length) {
        uint32_t c = p[at];
        length = c < 0x80 ? 1 : wm_utf8_decode(p + at, cursor->stop - at, &c);
        if (!length || c >= FIRST_IDEOGRAPH) break;
        if (c != ' ' && wm_char_flags(unicode, c) & changes) break;
    }
    wm_writer_copy(to, cursor, at);
}

// One character, in lower case if that is wanted.
static void put_lower(const wm_unicode *unicode, bool lower, uint32_t c, const wm_cursor *at,
                      wm_writer *to) {
    size_t n = 0;
    const uint32_t *parts = lower ? wm_char_mapped(unicode, WM_MAP_LOWER, c, &n) : NULL;
    if (!n) wm_writer_put(to, c, at->start, at->end);
    for (size_t i = 0; i < n; i++) wm_writer_put(to, parts[i], at->start, at->end);
}

// One character, lower-cased, decomposed and stripped as the options say. False: see bert_pass.
static bool put_bert(const wm_unicode *unicode, uint32_t options, uint32_t c, const wm_cursor *at,
                     wm_writer *to) {
    uint32_t parts[WM_DECOMPOSITION_MAX] = {c};
    size_t count = options & WM_BERT_STRIP ? wm_char_decompose(unicode, c, parts) : 1;
    for (size_t i = 0; i < count; i++) {
        if (options & WM_BERT_STRIP) {
            uint32_t flags = wm_char_flags(unicode, parts[i]);
            if (flags & WM_CHAR_STRIPS) continue;
            if (flags & WM_CHAR_COMBINING && !(options & BERT_DECOMPOSED)) return false;
        }
        put_lower(unicode, options & WM_BERT_LOWER, parts[i], at, to);
    }
    return true;
}

// All of BERT's steps character by character. False where that is not the same as one after the
// other: marks that stay (of a combining class, but not Mn) would have to change places.
static bool bert_pass(const wm_unicode *unicode, uint32_t options, wm_cursor *cursor,
                      wm_writer *to) {
    uint32_t c;
    while (cursor->at < cursor->stop) {
        copy_plain(unicode, cursor, to);
        if (to->failed || !wm_cursor_next(cursor, &c)) break;
        uint32_t flags = wm_char_flags(unicode, c);
        if (options & BERT_ACCENTS && flags & WM_CHAR_ACCENT) continue;
        if (options & WM_BERT_CLEAN) {
            if (flags & WM_CHAR_DROPPED) continue;
            if (flags & WM_CHAR_SPACE) c = ' ';
        }
        bool ideograph =
            options & WM_BERT_IDEOGRAPHS && c >= FIRST_IDEOGRAPH && wm_char_is_ideograph(c);
        if (ideograph) wm_writer_put(to, ' ', cursor->start, cursor->end);
        if (!put_bert(unicode, options, c, cursor, to)) return false;
        if (ideograph) wm_writer_put(to, ' ', cursor->start, cursor->end);
    }
    return true;
}

// What may stand inside a word without being a letter of it: marks, apostrophes, dots, soft
// hyphens.
static bool inside_word(const wm_unicode *unicode, uint32_t c) {
    return wm_char_flags(unicode, c) & WM_CHAR_STRIPS || c == '\'' || c == '.' || c == ':' ||
           c == 0xAD || c == 0xB7 || c == 0x2019;
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
        put_lower(unicode, !last_sigma, last_sigma ? 0x3C2 : c, &cursor, to);
        if (!inside_word(unicode, c)) in_word = wm_char_flags(unicode, c) & WM_CHAR_LETTER;
    }
    return !to->failed;
}

// ---- Small steps --------------------------------------------------------------------------------

// All characters of `content`, for the source's [start, end).
void wm_normalizer_put(wm_writer *to, wm_span content, uint32_t start, uint32_t end) {
    uint32_t c;
    for (size_t at = 0, length; at < content.n && !to->failed; at += length) {
        length = wm_utf8_decode(content.p + at, content.n - at, &c);
        if (!length) return;
        wm_writer_put(to, c, start, end);
    }
}

static void prepend_content(wm_span content, wm_cursor *cursor, wm_writer *to) {
    wm_cursor first = *cursor;
    uint32_t c;
    wm_cursor_next(&first, &c);
    wm_normalizer_put(to, content, first.start, first.end);
    wm_writer_copy(to, cursor, cursor->stop);
}

// How many bytes at `p` match: the pattern, or with none two spaces and more.
static size_t match_length(wm_span pattern, const uint8_t *p, size_t left) {
    size_t n = 0;
    if (pattern.n)
        return *p == *pattern.p && left >= pattern.n && !memcmp(p, pattern.p, pattern.n) ? pattern.n
                                                                                         : 0;
    while (n < left && p[n] == ' ') n++;
    return n > 1 ? n : 0;
}

void wm_normalizer_replace(const wm_normalizer *step, wm_cursor *cursor, wm_writer *to) {
    const uint8_t *p = cursor->text->p;
    size_t stop = cursor->stop;
    for (size_t at = cursor->at; at < stop && !to->failed;) {
        size_t n = match_length(step->pattern, p + at, stop - at);
        if (!n) {
            at++;
            continue;
        }
        wm_writer_copy(to, cursor, at);
        at += n;
        uint32_t start, end; // of the last character that goes
        wm_cursor_source(cursor, at - 1, at, &start, &end);
        wm_normalizer_put(to, step->content, start, end);
        cursor->at = at;
    }
    wm_writer_copy(to, cursor, stop);
}

static void strip_ends(const wm_unicode *unicode, uint32_t options, wm_cursor *cursor) {
    wm_cursor ahead = *cursor;
    size_t kept = cursor->stop;
    bool leading = options & WM_STRIP_LEFT;
    uint32_t c;
    if (options & WM_STRIP_RIGHT) kept = cursor->at;
    while (wm_cursor_next(&ahead, &c)) {
        bool space = wm_char_flags(unicode, c) & WM_CHAR_SPACE;
        leading = leading && space;
        if (leading) cursor->at = ahead.at;
        if (!space && options & WM_STRIP_RIGHT) kept = ahead.at;
    }
    cursor->stop = WM_MAX(kept, cursor->at);
}

// ---- Precompiled charsmaps ----------------------------------------------------------------------

// The last character that a charsmap gave: it is written when it is known how many source
// characters go with it.
typedef struct charsmap_job {
    wm_writer *to;
    wm_cursor places;
    uint32_t c;
    int change;
    bool waiting, changed;
} charsmap_job;

static void give_char(charsmap_job *job, uint32_t c, int change) {
    if (job->waiting) wm_writer_change(job->to, &job->places, job->c, job->change);
    job->c = c;
    job->change = change;
    job->waiting = true;
}

// `part` as the map has it; false: it has nothing.
static bool give_mapped(charsmap_job *job, const wm_charsmap *map, wm_span part) {
    wm_span text;
    uint32_t c;
    if (!wm_charsmap_find(map, part, false, &text)) return false;
    int old = (int)wm_count_characters(part), left = (int)wm_count_characters(text),
        added = left - old;
    for (size_t at = 0, length; at < text.n; at += length, left--) {
        length = wm_utf8_decode(text.p + at, text.n - at, &c);
        if (!length) break;
        give_char(job, c, left <= added);
    }
    if (added < 0 && job->waiting) job->change += added;
    return job->changed = true;
}

// The end of the grapheme at `at`.
static size_t grapheme_end(const wm_unicode *unicode, const wm_text *text, size_t at, size_t stop) {
    uint32_t flags = WM_CHAR_PREPENDS, c;
    size_t length = 0, first = at;
    while (flags & WM_CHAR_PREPENDS) { // what prepends, and what it is prepended to
        at += length;
        length = wm_utf8_decode(text->p + at, stop - at, &c);
        flags = length ? wm_char_flags(unicode, c) : WM_CHAR_BREAKS;
    }
    if (flags & WM_CHAR_BREAKS) {
        bool crlf = at == first && at + 1 < stop && text->p[at] == '\r' && text->p[at + 1] == '\n';
        return at == first ? at + length + crlf : at;
    }
    do {
        at += length;
        length = wm_utf8_decode(text->p + at, stop - at, &c);
    } while (length && wm_char_flags(unicode, c) & WM_CHAR_JOINS);
    return at;
}

// Whether the character at `at` is a grapheme that the map has nothing for; *end: where it ends.
static bool is_plain(const wm_unicode *unicode, const wm_charsmap *map, const wm_text *text,
                     size_t at, size_t stop, size_t *end) {
    wm_span to, c = {text->p + at, 1};
    *end = at + 1;
    if (at + 1 < stop && c.p[0] < 0x80 && c.p[1] < 0x80) return wm_charsmap_plain(map, *c.p);
    *end = grapheme_end(unicode, text, at, stop);
    c.n = *end - at;
    return wm_count_characters(c) == 1 && !wm_charsmap_find(map, c, false, &to);
}

// As `tokenizers` has it: short graphemes as a whole, if the map has that, else character by
// character.
static bool apply_charsmap(const wm_unicode *unicode, const wm_charsmap *map, wm_cursor *cursor,
                           wm_writer *to) {
    charsmap_job job = {.to = to, .places = *cursor};
    const wm_text *text = cursor->text;
    while (cursor->at < cursor->stop && !to->failed) {
        // Up to the last one that the map leaves alone. Where the first characters of all went
        // without a trace, the places lag behind.
        size_t plain = cursor->at, next = plain, end;
        for (; next < cursor->stop; next = end) {
            if (!is_plain(unicode, map, text, next, cursor->stop, &end)) break;
            plain = next;
            if (plain == cursor->at) continue;
            if (job.waiting) wm_writer_change(to, &job.places, job.c, job.change);
            job.waiting = false;
            if (job.places.at != cursor->at) break;
        }
        if (plain > cursor->at && job.places.at == cursor->at) {
            cursor->at = plain;
            wm_writer_copy(to, &job.places, plain);
        }
        end = grapheme_end(unicode, text, cursor->at, cursor->stop);
        size_t length, tried = end - cursor->at < 6 ? end - cursor->at : 0;
        if (tried && give_mapped(&job, map, (wm_span){text->p + cursor->at, tried})) {
            cursor->at = end;
            continue;
        }
        for (; cursor->at < end; cursor->at += length) {
            uint32_t c;
            length = wm_utf8_decode(text->p + cursor->at, end - cursor->at, &c);
            if (!length) return false;
            if (length == tried || !give_mapped(&job, map, (wm_span){text->p + cursor->at, length}))
                give_char(&job, c, 0);
        }
    }
    if (job.waiting) wm_writer_change(to, &job.places, job.c, job.change);
    return job.changed;
}

// ---- The chain ----------------------------------------------------------------------------------

// What a step reads: [start, stop) of `text`; and the writer whose turn it is.
typedef struct wm_stage {
    wm_normalizing *state;
    wm_text text;
    size_t start, stop;
    int turn;
} wm_stage;

// What was written is what the next step reads.
static void take_writer(wm_stage *stage, const wm_writer *writer) {
    static const wm_run nothing = {0, 0, WM_RUN_SAME};
    stage->text = wm_writer_text(writer);
    if (!stage->text.run_count) stage->text.runs = &nothing;
    stage->start = 0;
    stage->stop = stage->text.n;
    stage->turn ^= 1;
}

static bool run_step(wm_stage *stage, const wm_normalizer *step);

static bool run_options(wm_stage *stage, wm_normalizer_kind kind, uint32_t options) {
    return run_step(stage, &(wm_normalizer){.kind = kind, .options = options});
}

// One step. False: no memory.
static bool run_step(wm_stage *stage, const wm_normalizer *step) {
    const wm_unicode *unicode = stage->state->unicode;
    wm_cursor cursor = wm_cursor_from(&stage->text, stage->start, stage->stop);
    wm_writer *to = &stage->state->writers[stage->turn];
    uint32_t options = step->options;
    bool changed = true;
    wm_writer_clear(to);
    switch (step->kind) {
    case WM_NORMALIZER_BERT:
        if (bert_pass(unicode, options, &cursor, to)) break;
        return run_options(stage, WM_NORMALIZER_BERT,
                           options & (WM_BERT_CLEAN | WM_BERT_IDEOGRAPHS)) &&
               run_options(stage, WM_NORMALIZER_NFD, 0) &&
               run_options(stage, WM_NORMALIZER_BERT,
                           (options & (WM_BERT_STRIP | WM_BERT_LOWER)) | BERT_DECOMPOSED);
    case WM_NORMALIZER_NFC:
    case WM_NORMALIZER_NFD:
    case WM_NORMALIZER_NFKC:
    case WM_NORMALIZER_NFKD:
        if (!normalize_canonical(stage->state, &cursor, to, step->kind)) return false;
        break;
    case WM_NORMALIZER_LOWERCASE: bert_pass(unicode, WM_BERT_LOWER, &cursor, to); break;
    case WM_NORMALIZER_STRIP_ACCENTS: bert_pass(unicode, BERT_ACCENTS, &cursor, to); break;
    case WM_NORMALIZER_STRIP:
        strip_ends(unicode, options, &cursor);
        stage->start = cursor.at;
        stage->stop = cursor.stop;
        changed = false;
        break;
    case WM_NORMALIZER_PREPEND: prepend_content(step->content, &cursor, to); break;
    case WM_NORMALIZER_REPLACE: wm_normalizer_replace(step, &cursor, to); break;
    case WM_NORMALIZER_CHARSMAP:
        changed = apply_charsmap(unicode, &step->charsmap, &cursor, to);
        break;
    }
    if (changed) take_writer(stage, to);
    return !to->failed;
}

void wm_normalizing_free(wm_normalizing *state) {
    wm_array_free(&state->held, state->writers[0].host);
    wm_writer_free(&state->writers[0]);
    wm_writer_free(&state->writers[1]);
}

bool wm_normalize(const wm_normalizer *steps, size_t count, wm_normalizing *state, wm_text *text,
                  size_t *start, size_t *stop) {
    wm_stage stage = {state, *text, *start, *stop, 0};
    // The longest that a character becomes, U+FDFA, is 11 times as long: files that ask for more
    // than 64 times want the memory.
    uint64_t limit = (uint64_t)(*stop - *start) * 64 + 65536;
    for (int i = 0; i < 2; i++) state->writers[i].bytes.limit = (uint32_t)WM_MIN(limit, UINT32_MAX);
    for (size_t i = 0; i < count && stage.start < stage.stop; i++)
        if (!run_step(&stage, &steps[i])) return false;
    *text = stage.text;
    *start = stage.start;
    *stop = stage.stop;
    return true;
}
