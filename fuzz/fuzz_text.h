// SPDX-License-Identifier: MIT OR Apache-2.0
// Whatever files a tokenizer was made of, what it says of a text must fit that text.
#ifndef WM_FUZZ_TEXT_H
#define WM_FUZZ_TEXT_H

#include "../src/base/utf8.h"
#include "../src/unicode/unicode.h"
#include "fuzz.h"

static inline void fuzz_check_encoding(const wm_tokenizer *tokenizer, const wm_encoding *encoding,
                                       wm_span text, const wm_span *pair) {
    size_t most = pair ? WM_MAX(text.n, pair->n) : text.n;
    for (size_t i = 0; i < encoding->count; i++) {
        FUZZ_CHECK(encoding->ids[i] >= 0);
        FUZZ_CHECK((size_t)encoding->ids[i] < wm_tokenizer_vocabulary(tokenizer));
        FUZZ_CHECK(encoding->starts[i] <= encoding->ends[i] && encoding->ends[i] <= most);
    }
}

static inline void fuzz_encode(const wm_tokenizer *tokenizer, wm_span text, const wm_span *pair,
                               const wm_encode_options *options, wm_encoding *encoding) {
    wm_error error;
    wm_status status = wm_tokenizer_encode(tokenizer, text, pair, options, encoding, &error);
    fuzz_check_error(status, &error);
    bool valid = wm_utf8_check(text) == text.n && (!pair || wm_utf8_check(*pair) == pair->n);
    FUZZ_CHECK(valid || status == WM_ERROR_UTF8);
    if (status != WM_OK) return;
    fuzz_check_encoding(tokenizer, encoding, text, pair);
}

// Encodes in all ways, then closes. `tokenizer` NULL: nothing.
static inline void fuzz_tokenizer(wm_tokenizer *tokenizer, wm_span text) {
    static const wm_span pair = {(const uint8_t *)"A b [MASK] \xC3\xA9\xE4\xB8\xAD", 16};
    static const wm_encode_options ways[] = {
        {.size = sizeof(wm_encode_options), .special = WM_OFF},
        {.size = sizeof(wm_encode_options), .max_length = 5},
        {.size = sizeof(wm_encode_options), .max_length = 7, .truncate = WM_TRUNCATE_START},
        {.size = sizeof(wm_encode_options), .max_length = 1, .truncate = WM_TRUNCATE_ERROR},
        {.size = sizeof(wm_encode_options), .special_as_text = true, .lower_case = true},
    };
    wm_encoding encoding = {0};
    if (!tokenizer) return;
    FUZZ_CHECK(wm_tokenizer_kind(tokenizer)[0]);
    fuzz_encode(tokenizer, text, NULL, NULL, &encoding);
    fuzz_encode(tokenizer, text, &pair, NULL, &encoding);
    for (size_t i = 0; i < WM_COUNT(ways); i++) {
        fuzz_encode(tokenizer, text, NULL, &ways[i], &encoding);
        fuzz_encode(tokenizer, pair, &text, &ways[i], &encoding);
    }
    wm_encoding_free(&encoding);
    wm_tokenizer_close(tokenizer);
}

// The character tables, unpacked once. NULL: no memory.
static inline const wm_unicode *fuzz_unicode(void) {
    static wm_unicode unicode;
    static wm_arena arena;
    if (!unicode.classes) {
        wm_arena_init(&arena, NULL);
        if (wm_unicode_open(&unicode, &arena, NULL) != WM_OK) return NULL;
    }
    return &unicode;
}

// The text at the front of the input: its length in a byte, then its bytes. `rest`: what follows.
static inline wm_span fuzz_take_text(const uint8_t *data, size_t size, wm_span *rest) {
    size_t n = size ? WM_MIN((size_t)data[0], size - 1) : 0, used = size ? n + 1 : 0;
    *rest = (wm_span){data + used, size - used};
    return size ? (wm_span){data + 1, n} : (wm_span){data, 0};
}

#endif
