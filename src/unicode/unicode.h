// SPDX-License-Identifier: MIT OR Apache-2.0
// What the `tokenizers` wheel knows of each code point: classes, lower case, decompositions,
// combining classes. The generated tables are unpacked once, for lookups without a search.
#ifndef WM_UNICODE_H
#define WM_UNICODE_H

#include "../base/arena.h"

enum wm_char_flag {                // in the order of tools/make_unicode.py
    WM_CHAR_COMBINING = 255,       // the canonical combining class, 0 to 240
    WM_CHAR_LETTER = 1 << 8,       // \p{L}
    WM_CHAR_NUMBER = 1 << 9,       // \p{N}
    WM_CHAR_SPACE = 1 << 10,       // White_Space
    WM_CHAR_SPLITS = 1 << 11,      // punctuation as BERT splits it
    WM_CHAR_STRIPS = 1 << 12,      // Mn, as BERT strips it
    WM_CHAR_DROPPED = 1 << 13,     // control and the like, as BERT's clean text drops it
    WM_CHAR_WORD = 1 << 14,        // \w
    WM_CHAR_JOINS = 1 << 15,       // is of one grapheme with the character before it
    WM_CHAR_PREPENDS = 1 << 16,    // … with the one after it
    WM_CHAR_BREAKS = 1 << 17,      // a grapheme by itself: controls
    WM_CHAR_ACCENT = 1 << 18,      // as StripAccents strips it
    WM_CHAR_LOWER = 1 << 19,       // \p{Ll}
    WM_CHAR_UPPER = 1 << 20,       // \p{Lu}, \p{Lt}
    WM_CHAR_MARK = 1 << 21,        // \p{M}
    WM_CHAR_PUNCTUATION = 1 << 22, // \p{P}
    WM_CHAR_SYMBOL = 1 << 23,      // \p{S}
    WM_CHAR_EXCLUDED = 1 << 24,    // NFC changes it
    WM_CHAR_SECOND =
        1 << 25, // may compose with the character before it, or begins with one that may
};

// What a character may become. A code point of map m has the flag WM_CHAR_MAPPED << m.
enum wm_char_map {
    WM_MAP_LOWER,      // its lower case
    WM_MAP_CANONICAL,  // one step of its canonical decomposition, one or two parts; not of Hangul
    WM_MAP_COMPATIBLE, // its compatibility decomposition, whose parts decompose canonically
    WM_MAP_COUNT,
};
enum { WM_CHAR_MAPPED = 1 << 26, WM_CHAR_DECOMPOSES = WM_CHAR_MAPPED << WM_MAP_CANONICAL };

enum { WM_UNICODE_DIRECT = 0x33480, WM_UNICODE_RANGES = 16, WM_UNICODE_CLASSES = 256 };
enum { WM_COMPOSITIONS = 2048 };

typedef struct wm_char_range {
    uint32_t start, class; // up to the next one's start
} wm_char_range;

typedef struct wm_char_row {
    uint32_t from;
    uint16_t at, count; // of the parts
} wm_char_row;

typedef struct wm_unicode {
    uint8_t *classes; // [WM_UNICODE_DIRECT]
    uint32_t high_count, row_counts[WM_MAP_COUNT];
    wm_char_row *rows[WM_MAP_COUNT]; // sorted
    uint32_t *parts;
    uint16_t *compositions; // [WM_COMPOSITIONS] hashed by both parts: index + 1 of the row
    wm_char_range high[WM_UNICODE_RANGES]; // classes of the code points above `classes`
    uint32_t flags[WM_UNICODE_CLASSES];
} wm_unicode;

// Unpacks the tables into `arena`: some 320 KB, in a few milliseconds.
wm_status wm_unicode_open(wm_unicode *unicode, wm_arena *arena, wm_error *error);

uint32_t wm_char_high_class(const wm_unicode *unicode, uint32_t c);

static inline uint32_t wm_char_class(const wm_unicode *unicode, uint32_t c) {
    return c < WM_UNICODE_DIRECT ? unicode->classes[c] : wm_char_high_class(unicode, c);
}

// The flags (enum wm_char_flag) of a code point.
static inline uint32_t wm_char_flags(const wm_unicode *unicode, uint32_t c) {
    return unicode->flags[wm_char_class(unicode, c)];
}

// What `c` becomes by the map, *count code points; NULL and 0: it stays.
const uint32_t *wm_char_mapped(const wm_unicode *unicode, enum wm_char_map map, uint32_t c,
                               size_t *count);

// parts [4] = the full canonical decomposition; how many, 1 (c itself) to 4.
enum { WM_DECOMPOSITION_MAX = 4 };
size_t wm_char_decompose(const wm_unicode *unicode, uint32_t c, uint32_t *parts);

// What two characters compose to canonically; 0: nothing.
uint32_t wm_char_compose(const wm_unicode *unicode, uint32_t first, uint32_t second);

// BERT's "Chinese characters": eight blocks of ideographs.
bool wm_char_is_ideograph(uint32_t c);

#endif
