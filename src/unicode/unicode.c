// SPDX-License-Identifier: MIT OR Apache-2.0
#include "unicode.h"

#include "tables.h"

enum { HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 11172 };

// The table of words says only where they differ from letters, numbers and marks.
static uint32_t with_words(uint32_t flags) {
    return flags & (WM_CHAR_LETTER | WM_CHAR_NUMBER | WM_CHAR_MARK) ? flags ^ WM_CHAR_WORD : flags;
}

// ---- Unpacking ----------------------------------------------------------------------------------

static uint32_t read_number(size_t *nibble) {
    uint32_t value = 0, digit;
    unsigned shift = 0;
    do {
        digit = wm_unicode_data[*nibble >> 1] >> (*nibble & 1) * 4 & 15u;
        ++*nibble;
        value |= (digit & 7) << shift;
        shift += 3;
    } while (digit & 8);
    return value;
}

static uint32_t read_signed(size_t *nibble, uint32_t base) {
    uint32_t value = read_number(nibble);
    return value & 1 ? base - (value + 1) / 2 : base + value / 2;
}

static void add_flag(wm_unicode *unicode, uint32_t start, uint32_t stop, uint32_t flag) {
    for (uint32_t c = start; c < stop && c < WM_UNICODE_DIRECT; c++)
        unicode->flags[c] = (uint16_t)(unicode->flags[c] ^ flag);
    if (stop > WM_UNICODE_DIRECT && unicode->high_count < WM_UNICODE_RANGES)
        unicode->high[unicode->high_count++] = (wm_char_range){start, stop, flag};
}

static wm_status unpack_lower(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    size_t nibble = wm_unicode_starts[WM_TABLE_LOWER];
    for (int pass = 0; pass < 2; pass++) { // how many there are, then what they are
        size_t at = nibble;
        uint32_t rows = read_number(&at), c = 0, count = 0;
        for (uint32_t row = 0; row < rows; row++) {
            c += read_number(&at);
            uint32_t shape = read_number(&at), distance = read_signed(&at, 0);
            for (uint32_t i = 0; i <= shape >> 1; i++, count++) {
                if (i) c += 1 + (shape & 1);
                if (!pass) continue;
                unicode->lower[count] = (wm_char_mapping){c, c + distance, 0};
                add_flag(unicode, c, c + 1, WM_CHAR_UPPER);
            }
            c++;
        }
        unicode->lower_count = count;
        if (!pass) WM_TRY(WM_ALLOC(arena, unicode->lower, count, error));
    }
    for (uint32_t c = 'A'; c <= 'Z'; c++) add_flag(unicode, c, c + 1, WM_CHAR_UPPER);
    add_flag(unicode, 0x130, 0x131, WM_CHAR_UPPER);
    return WM_OK;
}

static wm_status unpack_combining(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    size_t at = wm_unicode_starts[WM_TABLE_COMBINING];
    uint32_t rows = read_number(&at), c = 0;
    WM_TRY(WM_ALLOC(arena, unicode->combining, rows, error));
    unicode->combining_count = rows;
    for (uint32_t row = 0; row < rows; row++) {
        uint32_t start = c + read_number(&at);
        c = start + read_number(&at) + 1;
        unicode->combining[row] = (wm_char_mapping){start, read_number(&at), 0};
        add_flag(unicode, start, c, WM_CHAR_COMBINING);
    }
    return WM_OK;
}

static wm_status unpack_decompositions(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    size_t at = wm_unicode_starts[WM_TABLE_DECOMPOSITION], ranges = at;
    uint32_t rows = read_number(&at), count = 0;
    for (uint32_t row = 0; row < rows; row++) {
        read_number(&at);
        count += read_number(&at) + 1;
    }
    WM_TRY(WM_ALLOC(arena, unicode->decompositions, count, error));
    unicode->decomposition_count = count;
    uint32_t seconds[128], second_count = read_number(&at), last = 0;
    for (uint32_t i = 0; i < second_count; i++) last = seconds[i % WM_COUNT(seconds)] = read_signed(&at, last);
    uint32_t firsts[2] = {0, 0}, c = 0;
    wm_char_mapping *to = unicode->decompositions;
    for (uint32_t row = read_number(&ranges); row > 0; row--) {
        c += read_number(&ranges);
        uint32_t stop = c + read_number(&ranges) + 1;
        add_flag(unicode, c, stop, WM_CHAR_DECOMPOSES);
        for (; c < stop; c++) {
            uint32_t second = seconds[read_number(&at)], *first = &firsts[second != 0];
            *first = read_signed(&at, *first);
            *to++ = (wm_char_mapping){c, *first, second};
        }
    }
    add_flag(unicode, HANGUL_FIRST, HANGUL_FIRST + HANGUL_COUNT, WM_CHAR_DECOMPOSES);
    return WM_OK;
}

wm_status wm_unicode_open(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    *unicode = (wm_unicode){0};
    WM_TRY(WM_ALLOC(arena, unicode->flags, WM_UNICODE_DIRECT, error));
    memset(unicode->flags, 0, WM_UNICODE_DIRECT * sizeof *unicode->flags);
    for (uint32_t table = 0; table < WM_TABLE_LOWER; table++) {
        size_t at = wm_unicode_starts[table];
        uint32_t c = 0;
        for (uint32_t row = read_number(&at); row > 0; row--) {
            c += read_number(&at);
            uint32_t stop = c + read_number(&at) + 1;
            add_flag(unicode, c, stop, 1u << table);
            c = stop;
        }
    }
    for (uint32_t c = 0; c < WM_UNICODE_DIRECT; c++) unicode->flags[c] = (uint16_t)with_words(unicode->flags[c]);
    WM_TRY(unpack_lower(unicode, arena, error));
    WM_TRY(unpack_combining(unicode, arena, error));
    return unpack_decompositions(unicode, arena, error);
}

// ---- Lookups ------------------------------------------------------------------------------------

uint32_t wm_char_high_flags(const wm_unicode *unicode, uint32_t c) {
    uint32_t flags = 0;
    for (uint32_t i = 0; i < unicode->high_count; i++)
        if (c >= unicode->high[i].start && c < unicode->high[i].stop) flags ^= unicode->high[i].value;
    return with_words(flags);
}

// The last of `mappings` from `c` or below it.
static const wm_char_mapping *find_mapping(const wm_char_mapping *mappings, uint32_t count, uint32_t c) {
    while (count > 1) {
        uint32_t half = count / 2;
        if (mappings[half].from <= c) mappings += half;
        count -= half;
    }
    return mappings;
}

uint32_t wm_char_lower(const wm_unicode *unicode, uint32_t c) {
    if (c < 0x80) return c - 'A' < 26 ? c + 32 : c;
    if (!(wm_char_flags(unicode, c) & WM_CHAR_UPPER)) return c;
    if (c == 0x130) return 'i';
    return find_mapping(unicode->lower, unicode->lower_count, c)->first;
}

uint32_t wm_char_combining(const wm_unicode *unicode, uint32_t c) {
    if (!(wm_char_flags(unicode, c) & WM_CHAR_COMBINING)) return 0;
    return find_mapping(unicode->combining, unicode->combining_count, c)->first;
}

size_t wm_char_decompose(const wm_unicode *unicode, uint32_t c, uint32_t *parts) {
    parts[0] = c;
    if (!(wm_char_flags(unicode, c) & WM_CHAR_DECOMPOSES)) return 1;
    uint32_t syllable = c - HANGUL_FIRST;
    if (syllable < HANGUL_COUNT) {
        uint32_t tail = syllable % 28;
        parts[0] = 0x1100 + syllable / 588;
        parts[1] = 0x1161 + syllable % 588 / 28;
        parts[2] = 0x11A7 + tail;
        return tail ? 3 : 2;
    }
    // Only the first part of a step decomposes further.
    uint32_t seconds[WM_DECOMPOSITION_MAX], count = 0;
    do {
        const wm_char_mapping *step =
            find_mapping(unicode->decompositions, unicode->decomposition_count, c);
        c = step->first;
        if (step->second) seconds[count++] = step->second;
    } while (count < WM_DECOMPOSITION_MAX - 1 && wm_char_flags(unicode, c) & WM_CHAR_DECOMPOSES);
    parts[0] = c;
    for (uint32_t i = 0; i < count; i++) parts[1 + i] = seconds[count - 1 - i];
    return 1 + count;
}

bool wm_char_is_ideograph(uint32_t c) {
    static const uint32_t blocks[][2] = {{0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF},
                                         {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                         {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < WM_COUNT(blocks) && c >= blocks[i][0]; i++)
        if (c <= blocks[i][1]) return true;
    return false;
}
