// SPDX-License-Identifier: MIT OR Apache-2.0
// Normalizers: a text in, a text out. One array of tagged steps, run in order.
#ifndef WM_NORMALIZER_H
#define WM_NORMALIZER_H

#include "../unicode/unicode.h"
#include "charsmap.h"
#include "text.h"

typedef enum wm_normalizer_kind {
    WM_NORMALIZER_BERT,
    WM_NORMALIZER_NFC,
    WM_NORMALIZER_NFD,
    WM_NORMALIZER_NFKC,
    WM_NORMALIZER_NFKD,
    WM_NORMALIZER_LOWERCASE,
    WM_NORMALIZER_STRIP_ACCENTS,
    WM_NORMALIZER_STRIP,    // spaces at the ends, as the options say
    WM_NORMALIZER_PREPEND,  // `content`, to a text that is not empty
    WM_NORMALIZER_REPLACE,  // `pattern`, or if that is empty two spaces and more, by `content`
    WM_NORMALIZER_CHARSMAP, // Precompiled
} wm_normalizer_kind;

enum {                      // of BERT's
    WM_BERT_CLEAN = 1,      // drops control characters, makes every space ' '
    WM_BERT_IDEOGRAPHS = 2, // puts spaces around ideographs
    WM_BERT_STRIP = 4,      // decomposes and drops the marks
    WM_BERT_LOWER = 8,
};

enum { WM_STRIP_LEFT = 1, WM_STRIP_RIGHT = 2 };

typedef struct wm_normalizer {
    wm_normalizer_kind kind;
    uint32_t options;
    wm_span pattern, content;
    wm_charsmap charsmap;
} wm_normalizer;

// Two texts that steps write by turns, and the characters that a canonical form holds back.
typedef struct wm_normalizing {
    const wm_unicode *unicode;
    wm_writer writers[2];
    wm_array held;
} wm_normalizing;

// The rest of the cursor's text in lower case as Python's str.lower has it: a sigma that ends a
// word is final. False: no memory.
bool wm_normalize_lower(const wm_unicode *unicode, wm_cursor cursor, wm_writer *to);

// A WM_NORMALIZER_REPLACE of the cursor's range; `content` for the source's [start, end).
void wm_normalizer_replace(const wm_normalizer *step, wm_cursor *cursor, wm_writer *to);
void wm_normalizer_put(wm_writer *to, wm_span content, uint32_t start, uint32_t end);

void wm_normalizing_free(wm_normalizing *state);

// [*start, *stop) of *text, normalized: *text then is one of the writers' (valid until the next
// call), or is left as it was where there is nothing to do. False: no memory.
bool wm_normalize(const wm_normalizer *steps, size_t count, wm_normalizing *state, wm_text *text,
                  size_t *start, size_t *stop);

#endif
