// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pre_tokenizer.h"

#include "normalizer.h"

// What a step works on: one piece of `text`, and where its parts go.
typedef struct splitter_job {
    const wm_unicode *unicode;
    const wm_allocator *host;
    const wm_text *text;
    const wm_splitter *step;
    wm_array *to;
    size_t end; // of the piece
    bool failed;
    // A part that may still grow, [open_start, open_end) where they differ.
    size_t open_start, open_end;
    bool open_match;
} splitter_job;

static void add_piece(splitter_job *job, size_t start, size_t end) {
    if (start == end || job->failed) return;
    wm_piece piece = {(uint32_t)start, (uint32_t)end};
    if (!wm_array_push(job->to, job->host, &piece, sizeof piece)) job->failed = true;
}

// The flags of the character at `at` and its length, 0 at the piece's end.
static inline uint32_t flags_at(const splitter_job *job, size_t at, size_t *length) {
    const uint8_t *p = job->text->p + at;
    uint32_t c = 0;
    if (at < job->end && *p < 0x80) {
        *length = 1;
        return wm_char_flags(job->unicode, *p);
    }
    *length = wm_utf8_decode(p, job->end - at, &c);
    return *length ? wm_char_flags(job->unicode, c) : 0;
}

static void close_part(splitter_job *job) {
    add_piece(job, job->open_start, job->open_end);
    job->open_start = job->open_end;
}

// A part of the piece, a match or what lies between two.
static void add_part(splitter_job *job, size_t start, size_t end, bool match) {
    if (start == end) return;
    match ^= job->step->invert;
    bool open = job->open_start < job->open_end, joins = false;
    switch (job->step->behavior) {
    case WM_SPLIT_REMOVED:
        if (match) return;
        break;
    case WM_SPLIT_ISOLATED: break;
    case WM_SPLIT_CONTIGUOUS: joins = match == job->open_match; break;
    case WM_SPLIT_WITH_PREVIOUS: joins = match && !job->open_match; break;
    case WM_SPLIT_WITH_NEXT: joins = !match && job->open_match; break;
    }
    if (!open || !joins) {
        close_part(job);
        job->open_start = start;
    }
    job->open_end = end;
    job->open_match = match;
}

// ---- Single characters and literal texts --------------------------------------------------------

static void split_characters(splitter_job *job, size_t start, uint32_t matched) {
    size_t at = start, length;
    for (;; at += length) {
        uint32_t flags = flags_at(job, at, &length);
        if (!length) break;
        if (!(flags & matched)) continue;
        add_part(job, start, at, false);
        start = at + length;
        add_part(job, at, start, true);
    }
    add_part(job, start, at, false);
}

static void split_literal(splitter_job *job, size_t start) {
    wm_span content = job->step->content;
    for (size_t at = start; at + content.n <= job->end;) {
        if (job->text->p[at] != content.p[0] ||
            memcmp(job->text->p + at, content.p, content.n) != 0) {
            at++;
            continue;
        }
        add_part(job, start, at, false);
        start = at + content.n;
        add_part(job, at, start, true);
        at = start;
    }
    add_part(job, start, job->end, false);
}

static void split_word_runs(splitter_job *job, size_t start) {
    const uint32_t kinds = WM_CHAR_WORD | WM_CHAR_SPACE;
    size_t at = start, length;
    uint32_t kind = WM_CHAR_SPACE;
    do {
        uint32_t next = flags_at(job, at, &length) & kinds;
        if (length && next == kind) continue;
        add_part(job, start, at, kind == WM_CHAR_SPACE);
        start = at;
        kind = next;
    } while (at += length, length);
}

// ---- Words, numbers, marks and spaces: the patterns of GPT-2 and its kin ------------------------

enum { WORD_FLAGS = WM_CHAR_LETTER | WM_CHAR_NUMBER | WM_CHAR_SPACE };

static bool is_line_end(uint8_t byte) { return byte == '\r' || byte == '\n'; }

// The end of the run of at most `most` characters of one kind (of WORD_FLAGS) that begins at `at`.
static size_t run_end(const splitter_job *job, size_t at, uint32_t kind, size_t most) {
    size_t length;
    for (; most && (flags_at(job, at, &length) & WORD_FLAGS) == kind && length; at += length)
        most--;
    return at;
}

// The end of what the pattern takes of the spaces at `at`: up to their last line end (if lines
// count), else all but the last one, which goes with the next word; all where no word follows, or
// one is all.
static size_t spaces_end(const splitter_job *job, size_t at, bool lines) {
    const uint8_t *p = job->text->p;
    size_t end = run_end(job, at, WM_CHAR_SPACE, SIZE_MAX), last = end;
    for (size_t i = end; lines && i > at; i--)
        if (is_line_end(p[i - 1])) return i;
    if (end == job->end) return end;
    do last--;
    while ((p[last] & 0xC0) == 0x80);
    return last > at ? last : end;
}

// The length of a contraction whose apostrophe is at `at`; 0: none.
static size_t contraction(const splitter_job *job, size_t at, bool any_case) {
    const uint8_t *p = job->text->p + at;
    size_t left = job->end - at;
    uint8_t fold = any_case ? 0x20 : 0;
    if (left < 2) return 0;
    uint8_t first = p[1] | fold, second = left > 2 ? p[2] | fold : 0;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if (any_case && left > 2 && p[1] == 0xC5 && p[2] == 0xBF) return 3; // U+017F, a long s
    return (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                   (first == 'l' && second == 'l')
               ? 3
               : 0;
}

static void split_words(splitter_job *job, size_t start) {
    const uint8_t *p = job->text->p;
    bool lines = job->step->options & WM_WORDS_LINES;
    size_t digits = job->step->options & WM_WORDS_DIGITS, length, next_length, end;
    while (start < job->end) {
        uint32_t kind = flags_at(job, start, &length) & WORD_FLAGS;
        uint32_t next = flags_at(job, start + length, &next_length) & WORD_FLAGS;
        size_t body = start, short_length = p[start] == '\'' ? contraction(job, start, lines) : 0;
        if (!length) return;
        // One character may go before a word: a space; before letters any that is no line end, if
        // lines count, and then none before numbers.
        bool before =
            p[start] == ' ' && next != WM_CHAR_SPACE && !(lines && next == WM_CHAR_NUMBER);
        if (lines && next == WM_CHAR_LETTER && kind != WM_CHAR_LETTER && kind != WM_CHAR_NUMBER)
            before = !is_line_end(p[start]);
        if (before && next_length) {
            body += length;
            kind = next;
        }
        if (short_length)
            end = start + short_length;
        else if (kind == WM_CHAR_SPACE)
            end = spaces_end(job, start, lines);
        else
            end = run_end(job, body, kind, kind == WM_CHAR_NUMBER && digits ? digits : SIZE_MAX);
        while (lines && !short_length && !kind && end < job->end && is_line_end(p[end])) end++;
        add_part(job, start, end, true);
        start = end;
    }
}

// ---- The chain ----------------------------------------------------------------------------------

// Rewrites all pieces of job->text into `to`: PREFIX_SPACE and METASPACE.
static void rewrite_pieces(splitter_job *job, const wm_piece *pieces, size_t count, wm_writer *to) {
    const wm_splitter *step = job->step;
    bool meta = step->kind == WM_SPLITTER_METASPACE;
    const wm_normalizer spaces = {
        .kind = WM_NORMALIZER_REPLACE, .pattern = WM_TEXT(" "), .content = step->content};
    wm_writer_clear(to);
    for (size_t i = 0; i < count && !to->failed; i++) {
        size_t begin = to->bytes.n;
        wm_span piece = {job->text->p + pieces[i].start, pieces[i].end - pieces[i].start},
                content = step->content;
        wm_cursor cursor = wm_cursor_from(job->text, pieces[i].start, pieces[i].end),
                  first = cursor;
        uint32_t c;
        wm_cursor_next(&first, &c);
        bool has = c == ' ' || (piece.n >= content.n && memcmp(piece.p, content.p, content.n) == 0);
        bool wanted = step->options & WM_METASPACE_ALWAYS ||
                      (step->options & WM_METASPACE_FIRST && first.start == 0);
        if (wanted && !has) wm_normalizer_put(to, content, first.start, first.end);
        if (meta)
            wm_normalizer_replace(&spaces, cursor, to);
        else
            wm_writer_copy(to, &cursor);
        add_piece(job, begin, to->bytes.n);
    }
    job->failed |= to->failed;
}

static void split_piece(splitter_job *job, size_t start) {
    job->open_start = job->open_end = start;
    job->open_match = false;
    switch (job->step->kind) {
    case WM_SPLITTER_WORDS: split_words(job, start); break;
    case WM_SPLITTER_SPACES: split_characters(job, start, WM_CHAR_SPACE); break;
    case WM_SPLITTER_PUNCTUATION: split_characters(job, start, WM_CHAR_SPLITS); break;
    case WM_SPLITTER_NUMBERS: split_characters(job, start, WM_CHAR_NUMBER); break;
    case WM_SPLITTER_WORD_RUNS: split_word_runs(job, start); break;
    default: split_literal(job, start); break;
    }
    close_part(job);
}

void wm_splitting_free(wm_splitting *state) {
    for (int i = 0; i < 2; i++) {
        wm_array_free(&state->pieces[i], state->writers[i].host);
        wm_writer_free(&state->writers[i]);
    }
}

bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces) {
    splitter_job job = {.unicode = state->unicode, .host = state->writers[0].host, .text = text};
    job.to = &state->pieces[0];
    int turn = 0, writer = 0;
    job.to->n = 0;
    add_piece(&job, start, stop);
    for (size_t i = 0; i < count && !job.failed; i++) {
        const wm_array *from = job.to;
        const wm_piece *piece = from->p;
        size_t piece_count = from->n / sizeof *piece;
        turn ^= 1;
        job.to = &state->pieces[turn];
        job.to->n = 0;
        job.step = &steps[i];
        if (steps[i].kind >= WM_SPLITTER_PREFIX_SPACE) {
            rewrite_pieces(&job, piece, piece_count, &state->writers[writer]);
            *text = wm_writer_text(&state->writers[writer]);
            writer ^= 1;
            continue;
        }
        for (size_t k = 0; k < piece_count; k++) {
            job.end = piece[k].end;
            split_piece(&job, piece[k].start);
        }
    }
    *pieces = job.to;
    return !job.failed;
}
