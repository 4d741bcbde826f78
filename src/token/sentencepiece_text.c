// SPDX-License-Identifier: MIT OR Apache-2.0
// SentencePiece's normalizer: its charsmap, longest key first, and its rules for spaces.
#include "tokenizer.h"

enum { LONGEST_KEY = 256 }; // bytes of a charsmap's key that are looked at

// What the text at `at` becomes, and how many of its bytes that is.
static size_t map_prefix(const wm_tokenizer *tokenizer, wm_span text, wm_span *to) {
    size_t n = 0;
    uint32_t c;
    if (wm_added_at(tokenizer, &tokenizer->normalized, text, &n)) {
        *to = (wm_span){text.p, n};
        return n;
    }
    wm_span key = {text.p, WM_MIN(text.n, LONGEST_KEY)};
    if (tokenizer->sentence.map.unit_count)
        n = wm_charsmap_find(&tokenizer->sentence.map, key, true, to);
    if (n) return n;
    n = wm_utf8_decode(text.p, text.n, &c);
    *to = (wm_span){text.p, n};
    return n;
}

static bool has_space_at(const wm_writer *to, size_t at, uint32_t space) {
    uint32_t c;
    return wm_utf8_decode((const uint8_t *)to->bytes.p + at, to->bytes.n - at, &c) && c == space;
}

// Takes spaces off the end.
static void drop_spaces(wm_writer *to, uint32_t space) {
    size_t n = space == ' ' ? 1 : 3;
    while (to->bytes.n >= n && has_space_at(to, to->bytes.n - n, space)) to->bytes.n -= n;
    const wm_run *runs = to->runs.p;
    while (to->runs.n && runs[to->runs.n / sizeof *runs - 1].at >= to->bytes.n)
        to->runs.n -= sizeof *runs;
}

bool wm_sentence_normalize(const wm_tokenizer *tokenizer, wm_writer *to, wm_text *text,
                           size_t *start, size_t *stop) {
    const wm_sentence_rules *sentence = &tokenizer->sentence;
    uint32_t space = sentence->escape ? 0x2581 : ' ', c, from, end = 0;
    uint64_t limit = (uint64_t)(*stop - *start) * 64 + 65536;
    bool after_space = sentence->remove_spaces, begun = false;
    wm_cursor cursor = wm_cursor_from(text, *start, *stop);
    wm_span part;
    size_t length;
    wm_writer_clear(to);
    to->bytes.limit = (uint32_t)WM_MIN(limit, UINT32_MAX);
    for (size_t at = *start, n; at < *stop; at += n) {
        n = map_prefix(tokenizer, (wm_span){text->p + at, *stop - at}, &part);
        if (!n) return false;
        if (!begun && sentence->remove_spaces && wm_span_is(part, " ")) continue;
        wm_cursor_source(&cursor, at, at + n, &from, &end);
        if (!begun && sentence->dummy_prefix && !sentence->suffix)
            wm_writer_put(to, space, from, from);
        begun = true;
        while (after_space && part.n && *part.p == ' ') part = (wm_span){part.p + 1, part.n - 1};
        for (size_t i = 0; i < part.n; i += length) {
            length = wm_utf8_decode(part.p + i, part.n - i, &c);
            if (!length) return false;
            wm_writer_put(to, c == ' ' ? space : c, from, end);
        }
        if (part.n) after_space = sentence->remove_spaces && part.p[part.n - 1] == ' ';
    }
    if (begun && sentence->remove_spaces) drop_spaces(to, space);
    if (begun && sentence->dummy_prefix && sentence->suffix) wm_writer_put(to, space, end, end);
    *text = wm_writer_text(to);
    *start = 0;
    *stop = text->n;
    return !to->failed;
}
