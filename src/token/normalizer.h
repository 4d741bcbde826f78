// SPDX-License-Identifier: MIT OR Apache-2.0
// Normalizers: a text in, a text out. One array of tagged steps, run in order.
#ifndef WM_NORMALIZER_H
#define WM_NORMALIZER_H

#include "../unicode/unicode.h"
#include "text.h"

typedef enum wm_normalizer_kind { WM_NORMALIZER_BERT } wm_normalizer_kind;

enum { // of BERT's
    WM_BERT_CLEAN = 1,      // drops control characters, makes every space ' '
    WM_BERT_IDEOGRAPHS = 2, // puts spaces around ideographs
    WM_BERT_STRIP = 4,      // decomposes and drops the marks
    WM_BERT_LOWER = 8,
};

typedef struct wm_normalizer {
    wm_normalizer_kind kind;
    uint32_t options; // of BERT's
} wm_normalizer;

// Two texts that steps write by turns, and the array that NFD sorts marks in.
typedef struct wm_normalizing {
    const wm_unicode *unicode;
    wm_writer writers[2];
    wm_array marks;
} wm_normalizing;

// The rest of the cursor's text in lower case as Python's str.lower has it: a sigma that ends a word
// is final. False: no memory.
bool wm_normalize_lower(const wm_unicode *unicode, wm_cursor cursor, wm_writer *to);

void wm_normalizing_free(wm_normalizing *state);

// [*start, *stop) of *text, normalized: *text then is one of the writers' (valid until the next
// call), or is left as it was where there is nothing to do. False: no memory.
bool wm_normalize(const wm_normalizer *steps, size_t count, wm_normalizing *state, wm_text *text,
                  size_t *start, size_t *stop);

#endif
