// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pre_tokenizer.h"

// What a step works on: one piece of `text`, and where its parts go.
typedef struct splitter_job {
    const wm_unicode *unicode;
    const wm_allocator *host;
    const wm_text *text;
    wm_array *to;
    size_t end;  // of the piece
    bool failed;
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
        return job->unicode->flags[*p];
    }
    *length = wm_utf8_decode(p, job->end - at, &c);
    return *length ? wm_char_flags(job->unicode, c) : 0;
}

// ---- BERT ---------------------------------------------------------------------------------------

static void split_bert(splitter_job *job, size_t start) {
    size_t at = start, length;
    for (;; at += length) {
        uint32_t flags = flags_at(job, at, &length);
        if (!length) break;
        if (!(flags & (WM_CHAR_SPACE | WM_CHAR_PUNCTUATION))) continue;
        add_piece(job, start, at);
        start = at + length;
        if (flags & WM_CHAR_PUNCTUATION) add_piece(job, at, start);
    }
    add_piece(job, start, at);
}

// ---- GPT-2: 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ ------------

enum { WORD_FLAGS = WM_CHAR_LETTER | WM_CHAR_NUMBER | WM_CHAR_SPACE };

// The end of the run of characters of one kind (of WORD_FLAGS) that begins at `at`; *last is where
// its last character begins.
static size_t run_end(const splitter_job *job, size_t at, uint32_t kind, size_t *last) {
    size_t length;
    for (*last = at; (flags_at(job, at, &length) & WORD_FLAGS) == kind && length; at += length) *last = at;
    return at;
}

// The length of a contraction whose apostrophe is at `at`; 0: none.
static size_t contraction(const splitter_job *job, size_t at) {
    const uint8_t *p = job->text->p + at;
    size_t left = job->end - at;
    if (left >= 2 && (p[1] == 's' || p[1] == 't' || p[1] == 'm' || p[1] == 'd')) return 2;
    if (left < 3) return 0;
    bool three = (p[1] == 'r' && p[2] == 'e') || (p[1] == 'v' && p[2] == 'e') || (p[1] == 'l' && p[2] == 'l');
    return three ? 3 : 0;
}

static void split_gpt2(splitter_job *job, size_t start) {
    const uint8_t *p = job->text->p;
    while (start < job->end) {
        size_t length, last, end;
        uint32_t kind = flags_at(job, start, &length) & WORD_FLAGS;
        if (!length) return;
        size_t short_end = p[start] == '\'' ? contraction(job, start) : 0;
        if (short_end) {
            end = start + short_end;
        } else if (kind == WM_CHAR_SPACE) {
            uint32_t next = p[start] == ' ' ? flags_at(job, start + 1, &length) & WORD_FLAGS : WM_CHAR_SPACE;
            if (next != WM_CHAR_SPACE && start + 1 < job->end) {
                end = run_end(job, start + 1, next, &last);
            } else {
                end = run_end(job, start, kind, &last);
                if (end < job->end && last > start) end = last; // the last space is the next word's
            }
        } else {
            end = run_end(job, start, kind, &last);
        }
        add_piece(job, start, end);
        start = end;
    }
}

// ---- The chain ----------------------------------------------------------------------------------

// Rewrites all pieces of job->text into `to`, each with a space before it.
static void prefix_space(splitter_job *job, const wm_piece *pieces, size_t count, wm_writer *to) {
    wm_writer_clear(to);
    for (size_t i = 0; i < count && !to->failed; i++) {
        size_t begin = to->bytes.n;
        wm_cursor cursor = wm_cursor_from(job->text, pieces[i].start, pieces[i].end);
        uint32_t c;
        if (job->text->p[pieces[i].start] != ' ') {
            wm_cursor first = cursor;
            wm_cursor_next(&first, &c);
            wm_writer_put(to, ' ', first.start, first.end);
        }
        wm_writer_copy(to, &cursor);
        add_piece(job, begin, to->bytes.n);
    }
    job->failed |= to->failed;
}

void wm_splitting_free(wm_splitting *state) {
    for (int i = 0; i < 2; i++) {
        wm_array_free(&state->pieces[i], state->writers[i].host);
        wm_writer_free(&state->writers[i]);
    }
}

bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces) {
    splitter_job job = {state->unicode, state->writers[0].host, text, &state->pieces[0], 0, false};
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
        if (steps[i].kind == WM_SPLITTER_PREFIX_SPACE) {
            prefix_space(&job, piece, piece_count, &state->writers[writer]);
            *text = wm_writer_text(&state->writers[writer]);
            writer ^= 1;
            continue;
        }
        for (size_t k = 0; k < piece_count; k++) {
            job.end = piece[k].end;
            if (steps[i].kind == WM_SPLITTER_BERT) split_bert(&job, piece[k].start);
            else split_gpt2(&job, piece[k].start);
        }
    }
    *pieces = job.to;
    return !job.failed;
}
