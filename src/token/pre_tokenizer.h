// SPDX-License-Identifier: MIT OR Apache-2.0
// Pre-tokenizers: a text's pieces are split further, step by step; the model sees one at a time.
#ifndef WM_PRE_TOKENIZER_H
#define WM_PRE_TOKENIZER_H

#include "../unicode/unicode.h"
#include "text.h"

typedef enum wm_splitter_kind {
    WM_SPLITTER_WORDS,        // the patterns of GPT-2 and its kin, as the options say
    WM_SPLITTER_SPACES,       // matches: each space
    WM_SPLITTER_PUNCTUATION,  // each punctuation mark
    WM_SPLITTER_NUMBERS,      // each digit or other number
    WM_SPLITTER_LITERAL,      // each `content`
    WM_SPLITTER_WORD_RUNS,    // \w+|[^\w\s]+
    WM_SPLITTER_PREFIX_SPACE, // no split: puts ' ' before a piece that does not begin with one
    WM_SPLITTER_METASPACE,    // no split: spaces become `content`, which may go before a piece too
} wm_splitter_kind;

// What becomes of a match (tokenizers' SplitDelimiterBehavior).
typedef enum wm_split_behavior {
    WM_SPLIT_ISOLATED,
    WM_SPLIT_REMOVED,
    WM_SPLIT_CONTIGUOUS,
    WM_SPLIT_WITH_PREVIOUS,
    WM_SPLIT_WITH_NEXT,
} wm_split_behavior;

// Options of WM_SPLITTER_WORDS:
//   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+      none of them
//   (GPT-2)
//   (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|
//   \s*[\r\n]+|\s+(?!\S)|\s+                         LINES and three digits (cl100k, Llama 3), or
//   one (Qwen)
enum { WM_WORDS_DIGITS = 15, WM_WORDS_LINES = 16 };

// Of WM_SPLITTER_METASPACE: before every piece, before one at the text's start.
enum { WM_METASPACE_ALWAYS = 1, WM_METASPACE_FIRST = 2 };

typedef struct wm_splitter {
    wm_splitter_kind kind;
    wm_split_behavior behavior;
    uint32_t options;
    bool invert; // what is between the matches is a match
    wm_span content;
} wm_splitter;

typedef struct wm_splitting {
    const wm_unicode *unicode;
    wm_writer writers[2]; // the texts of steps that change the text
    wm_array pieces[2];   // wm_piece, by turns
} wm_splitting;

void wm_splitting_free(wm_splitting *state);

// Splits [start, stop) of *text; the pieces are *pieces, in *text, which a step may have replaced
// by one of the writers'. Both are valid until the next call. False: no memory.
bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces);

#endif
