// SPDX-License-Identifier: MIT OR Apache-2.0
// Pre-tokenizers: a text's pieces are split further, step by step; the model sees one at a time.
#ifndef WM_PRE_TOKENIZER_H
#define WM_PRE_TOKENIZER_H

#include "../unicode/unicode.h"
#include "text.h"

typedef enum wm_splitter_kind {
    WM_SPLITTER_BERT,         // at spaces, which go, and around punctuation
    WM_SPLITTER_GPT2,         // GPT-2's pattern
    WM_SPLITTER_PREFIX_SPACE, // no split: puts ' ' before a piece that does not begin with one
} wm_splitter_kind;

typedef struct wm_splitter {
    wm_splitter_kind kind;
} wm_splitter;

typedef struct wm_splitting {
    const wm_unicode *unicode;
    wm_writer writers[2]; // the texts of steps that change the text
    wm_array pieces[2];   // wm_piece, by turns
} wm_splitting;

void wm_splitting_free(wm_splitting *state);

// Splits [start, stop) of *text; the pieces are *pieces, in *text, which a step may have replaced by
// one of the writers'. Both are valid until the next call. False: no memory.
bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces);

#endif
