// SPDX-License-Identifier: MIT OR Apache-2.0
// What the `tokenizers` wheel knows of each code point: classes, lower case, canonical
// decomposition, combining classes. The generated tables are unpacked once, for lookups without a
// search.
#ifndef WM_UNICODE_H
#define WM_UNICODE_H

#include "../base/arena.h"

enum wm_char_flag {             // the first ones in the order of tables.h
    WM_CHAR_LETTER = 1,         // \p{L}
    WM_CHAR_NUMBER = 2,         // \p{N}
    WM_CHAR_SPACE = 4,          // White_Space
    WM_CHAR_PUNCTUATION = 8,    // as BERT splits it
    WM_CHAR_MARK = 16,          // Mn, as BERT strips it
    WM_CHAR_DROPPED = 32,       // control and the like, as BERT's clean text drops it
    WM_CHAR_WORD = 64,          // \w
    WM_CHAR_JOINS = 128,        // is of one grapheme with the character before it
    WM_CHAR_PREPENDS = 256,     // … with the one after it
    WM_CHAR_BREAKS = 512,       // a grapheme by itself: controls
    WM_CHAR_ACCENT = 1024,      // as StripAccents strips it
    WM_CHAR_EXCLUDED = 2048,    // decomposes, and nothing composes to it
    WM_CHAR_UPPER = 4096,       // has another lower case
    WM_CHAR_COMBINING = 8192,   // canonical combining class above 0
    WM_CHAR_DECOMPOSES = 16384, // canonically; Hangul syllables too
    WM_CHAR_SECOND = 32768, // may compose with the character before it, or begins with one that may
};

enum { WM_COMPOSITIONS = 2048 };
enum { WM_UNICODE_DIRECT = 0x33480, WM_UNICODE_RANGES = 16 };

typedef struct wm_char_range {
    uint32_t start, stop, flag; // code points [start, stop)
} wm_char_range;

typedef struct wm_char_mapping {
    uint32_t from, first, second; // second 0: none
} wm_char_mapping;

typedef struct wm_unicode {
    uint16_t *flags;                       // [WM_UNICODE_DIRECT]
    wm_char_range high[WM_UNICODE_RANGES]; // flags of the code points above it
    // Sorted. Those of lower case (the distance, 0: to the next) and of combining classes hold from
    // `from` on, for what is flagged; decompositions are of one code point each.
    wm_char_mapping *rows[2], *decompositions;
    uint32_t high_count, row_counts[2], decomposition_count;
    // [WM_COMPOSITIONS] hashed by both parts: index + 1 of the decomposition
    uint16_t *compositions;
} wm_unicode;

// Unpacks the tables into `arena`: some 480 KB, well under a millisecond.
wm_status wm_unicode_open(wm_unicode *unicode, wm_arena *arena, wm_error *error);

uint32_t wm_char_high_flags(const wm_unicode *unicode, uint32_t c);

// The flags (enum wm_char_flag) of a code point.
static inline uint32_t wm_char_flags(const wm_unicode *unicode, uint32_t c) {
    return c < WM_UNICODE_DIRECT ? unicode->flags[c] : wm_char_high_flags(unicode, c);
}

// The lower case of `c`, one code point: U+0130's is two, 'i' and U+0307, and comes out as 'i'.
uint32_t wm_char_lower(const wm_unicode *unicode, uint32_t c);

// The canonical combining class, 0 to 240.
uint32_t wm_char_combining(const wm_unicode *unicode, uint32_t c);

// parts [4] = the full canonical decomposition; how many, 1 (c itself) to 4.
enum { WM_DECOMPOSITION_MAX = 4 };
size_t wm_char_decompose(const wm_unicode *unicode, uint32_t c, uint32_t *parts);

// What two characters compose to canonically; 0: nothing.
uint32_t wm_char_compose(const wm_unicode *unicode, uint32_t first, uint32_t second);

// BERT's "Chinese characters": eight blocks of ideographs.
bool wm_char_is_ideograph(uint32_t c);

#endif
