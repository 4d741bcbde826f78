// SPDX-License-Identifier: MIT OR Apache-2.0
// Pre-tokenizers: a text's pieces are split further, step by step; the model sees one at a time.
#ifndef WM_PRE_TOKENIZER_H
#define WM_PRE_TOKENIZER_H

#include "../unicode/unicode.h"
#include "text.h"

// The steps. The patterns of GPT-2 and its kin, in full:
//   GPT2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
//   CL100K  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
//           ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//   QWEN    the same with \p{N} in the place of \p{N}{1,3}
//   QWEN35  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|
//           ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//   O200K   [^\r\n\p{L}\p{N}]?U*V+S?|[^\r\n\p{L}\p{N}]?U+V*S?|\p{N}{1,3}|
//   ?[^\s\p{L}\p{N}]+[\r\n/]*|
//           \s*[\r\n]+|\s+(?!\S)|\s+, where U is [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}],
//           V [\p{Ll}\p{Lm}\p{Lo}\p{M}] and S (?i:'s|'t|'re|'ve|'m|'ll|'d)
//   TEKKEN  the same without S and with \p{N}
typedef enum wm_splitter_kind {
    WM_SPLITTER_GPT2,
    WM_SPLITTER_SPACES,      // each space
    WM_SPLITTER_PUNCTUATION, // each punctuation mark
    WM_SPLITTER_NUMBERS,     // each digit or other number
    WM_SPLITTER_QWEN,
    WM_SPLITTER_QWEN35,
    WM_SPLITTER_CL100K, // Llama 3 too
    WM_SPLITTER_O200K,
    WM_SPLITTER_TEKKEN,
    WM_SPLITTER_DEEPSEEK,          // the third one of DeepSeek V3
    WM_SPLITTER_THREE_NUMBERS,     // \p{N}{1,3}
    WM_SPLITTER_LINE_ENDS,         // [\r\n]
    WM_SPLITTER_SPACE_LETTERS,     // \s?\p{L}+
    WM_SPLITTER_SPACE_PUNCTUATION, // \s?\p{P}+
    WM_SPLITTER_END_SPACES,        // \s+$
    WM_SPLITTER_LIST,         // [一-龥ࠀ-一가-퟿]+: any characters and ranges, in `content`
    WM_SPLITTER_SPACE_LIST,   // \s?[A-Za-zµÀ-Ö]+, the same
    WM_SPLITTER_WORD_RUNS,    // \w+|[^\w\s]+
    WM_SPLITTER_LITERAL,      // each `content`
    WM_SPLITTER_PREFIX_SPACE, // no split: puts ' ' before a piece that does not begin with one
    WM_SPLITTER_METASPACE,    // no split: spaces become `content`, which may go before a piece too
} wm_splitter_kind;

// The kind of a regular expression that is known by its text, or is a list of characters; -1:
// neither. *list then is what the brackets hold.
int wm_splitter_find(wm_span pattern, wm_span *list);

typedef struct wm_splitter wm_splitter;

// Keeps a list's characters and ranges in the arena, for a step.
wm_status wm_splitter_list(wm_splitter *step, wm_span list, wm_arena *arena, wm_error *error);

// What becomes of a match (tokenizers' SplitDelimiterBehavior).
typedef enum wm_split_behavior {
    WM_SPLIT_ISOLATED,
    WM_SPLIT_REMOVED,
    WM_SPLIT_CONTIGUOUS,
    WM_SPLIT_WITH_PREVIOUS,
    WM_SPLIT_WITH_NEXT,
} wm_split_behavior;

// Of WM_SPLITTER_METASPACE: before every piece, before one at the text's start.
enum { WM_METASPACE_ALWAYS = 1, WM_METASPACE_FIRST = 2 };

struct wm_splitter {
    wm_splitter_kind kind;
    wm_split_behavior behavior;
    uint32_t options;
    bool invert;     // what is between the matches is a match
    wm_span content; // of a list: pairs of uint32_t, first and last
};

// For each ASCII character, then for each class of the others: a bit for each set of characters
// that patterns speak of.
typedef struct wm_char_sets {
    uint32_t sets[128 + WM_UNICODE_CLASSES];
} wm_char_sets;

void wm_char_sets_fill(wm_char_sets *sets, const wm_unicode *unicode);

typedef struct wm_splitting {
    const wm_unicode *unicode;
    const wm_char_sets *sets;
    wm_writer writers[2]; // the texts of steps that change the text
    wm_array pieces[2];   // wm_piece, by turns
} wm_splitting;

void wm_splitting_free(wm_splitting *state);

// Splits [start, stop) of *text; the pieces are *pieces, in *text, which a step may have replaced
// by one of the writers'. Both are valid until the next call. False: no memory.
bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces);

#endif
