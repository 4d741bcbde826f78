// SPDX-License-Identifier: MIT OR Apache-2.0
#include "unicode.h"

#include "tables.h"

enum { HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 11172 };

// Some tables say only where they differ from others.
static uint32_t with_related(uint32_t flags) {
    if (flags & (WM_CHAR_LETTER | WM_CHAR_NUMBER | WM_CHAR_MARK)) flags ^= WM_CHAR_WORD;
    if (flags & WM_CHAR_MARK) flags ^= WM_CHAR_JOINS | WM_CHAR_ACCENT;
    if (flags & WM_CHAR_DROPPED) flags ^= WM_CHAR_BREAKS;
    return flags;
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

static void add_flag(wm_unicode *unicode, uint32_t start, uint32_t stop, uint32_t step,
                     uint32_t flag) {
    for (uint32_t c = start; c < stop && c < WM_UNICODE_DIRECT; c += step)
        unicode->flags[c] = (uint16_t)(unicode->flags[c] ^ flag);
    if (stop > WM_UNICODE_DIRECT && unicode->high_count < WM_UNICODE_RANGES)
        unicode->high[unicode->high_count++] = (wm_char_range){start, stop, flag};
}

// One table's ranges: their flag, and their values where `rows` is not NULL. Gives how many code
// points there are in them; *nibble is moved past them.
static uint32_t unpack_ranges(wm_unicode *unicode, uint32_t table, wm_char_mapping *rows,
                              size_t *nibble) {
    uint32_t c = 0, total = 0;
    for (uint32_t count = read_number(nibble); count > 0; count--) {
        uint32_t start = c + read_number(nibble), value = 1;
        c = start + read_number(nibble) + 1;
        if (rows) {
            value = read_signed(nibble, 0);
            *rows++ = (wm_char_mapping){start, value, 0};
        }
        total += c - start;
        add_flag(unicode, start, c, value ? 1 : 2, 1u << table);
    }
    return total;
}

// Where the pair's index is among the compositions, or would go.
static uint16_t *find_composition(const wm_unicode *unicode, uint32_t first, uint32_t second) {
    for (uint32_t i = first * 31 + second * 257;; i++) {
        uint16_t *slot = &unicode->compositions[i % WM_COMPOSITIONS];
        if (!*slot) return slot;
        const wm_char_mapping *step = &unicode->decompositions[*slot - 1];
        if (step->first == first && step->second == second) return slot;
    }
}

// Sets the flag of what may follow a character that it composes with: the second parts, the vowels
// and finals of Hangul, and what begins with one of these, or with a mark, when decomposed.
static void flag_seconds(wm_unicode *unicode) {
    uint16_t *flags = unicode->flags;
    uint32_t parts[WM_DECOMPOSITION_MAX];
    for (uint32_t i = 0; i < unicode->decomposition_count; i++)
        flags[unicode->decompositions[i].second] |= WM_CHAR_SECOND;
    flags[0] &= (uint16_t)~WM_CHAR_SECOND; // of those that have none
    for (uint32_t c = 0x1161; c < 0x1176; c++) flags[c] |= WM_CHAR_SECOND;
    for (uint32_t c = 0x11A8; c < 0x11C3; c++) flags[c] |= WM_CHAR_SECOND;
    for (uint32_t i = 0; i < unicode->decomposition_count; i++) {
        uint32_t c = unicode->decompositions[i].from;
        wm_char_decompose(unicode, c, parts);
        if (flags[parts[0]] & (WM_CHAR_SECOND | WM_CHAR_COMBINING)) flags[c] |= WM_CHAR_SECOND;
    }
}

// The one step of each code point that decomposes.
static wm_status unpack_decompositions(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    size_t nibble = wm_unicode_starts[WM_TABLE_DECOMPOSITION];
    uint32_t count = unpack_ranges(unicode, WM_TABLE_DECOMPOSITION, NULL, &nibble);
    WM_TRY(WM_ALLOC(arena, unicode->decompositions, count, error));
    WM_TRY(WM_ALLOC(arena, unicode->compositions, WM_COMPOSITIONS, error));
    memset(unicode->compositions, 0, WM_COMPOSITIONS * sizeof *unicode->compositions);
    unicode->decomposition_count = count;
    uint32_t seconds[128], second_count = read_number(&nibble), last = 0, firsts[2] = {0, 0};
    for (uint32_t i = 0; i < second_count; i++)
        last = seconds[i % WM_COUNT(seconds)] = read_signed(&nibble, last);
    wm_char_mapping *to = unicode->decompositions;
    for (uint32_t c = 0; count > 0; c++) {
        if (!(unicode->flags[c] & WM_CHAR_DECOMPOSES)) continue;
        uint32_t second = seconds[read_number(&nibble)], *first = &firsts[second != 0];
        *first = read_signed(&nibble, *first);
        *to++ = (wm_char_mapping){c, *first, second};
        if (!second)
            unicode->flags[c] |= WM_CHAR_EXCLUDED;
        else if (!(unicode->flags[c] & WM_CHAR_EXCLUDED))
            *find_composition(unicode, *first, second) = (uint16_t)(to - unicode->decompositions);
        count--;
    }
    add_flag(unicode, HANGUL_FIRST, HANGUL_FIRST + HANGUL_COUNT, 1, WM_CHAR_DECOMPOSES);
    flag_seconds(unicode);
    return WM_OK;
}

wm_status wm_unicode_open(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    *unicode = (wm_unicode){0};
    WM_TRY(WM_ALLOC(arena, unicode->flags, WM_UNICODE_DIRECT, error));
    memset(unicode->flags, 0, WM_UNICODE_DIRECT * sizeof *unicode->flags);
    for (uint32_t table = 0; table < WM_TABLE_DECOMPOSITION; table++) {
        size_t nibble = wm_unicode_starts[table], ahead = nibble;
        wm_char_mapping *rows = NULL;
        if (table >= WM_TABLE_LOWER) {
            uint32_t count = read_number(&ahead);
            WM_TRY(WM_ALLOC(arena, rows, count, error));
            unicode->rows[table - WM_TABLE_LOWER] = rows;
            unicode->row_counts[table - WM_TABLE_LOWER] = count;
        }
        unpack_ranges(unicode, table, rows, &nibble);
    }
    for (uint32_t c = 0; c < WM_UNICODE_DIRECT; c++)
        unicode->flags[c] = (uint16_t)with_related(unicode->flags[c]);
    add_flag(unicode, 0x130, 0x131, 1, WM_CHAR_UPPER);
    return unpack_decompositions(unicode, arena, error);
}

// ---- Lookups ------------------------------------------------------------------------------------

uint32_t wm_char_high_flags(const wm_unicode *unicode, uint32_t c) {
    uint32_t flags = 0;
    for (uint32_t i = 0; i < unicode->high_count; i++)
        if (c >= unicode->high[i].start && c < unicode->high[i].stop)
            flags ^= unicode->high[i].flag;
    return with_related(flags);
}

// The last of `rows` from `c` or below it.
static const wm_char_mapping *find_row(const wm_char_mapping *rows, uint32_t count, uint32_t c) {
    while (count > 1) {
        uint32_t half = count / 2;
        if (rows[half].from <= c) rows += half;
        count -= half;
    }
    return rows;
}

uint32_t wm_char_lower(const wm_unicode *unicode, uint32_t c) {
    if (!(wm_char_flags(unicode, c) & WM_CHAR_UPPER)) return c;
    if (c == 0x130) return 'i';
    uint32_t distance = find_row(unicode->rows[0], unicode->row_counts[0], c)->first;
    return c + (distance ? distance : 1);
}

uint32_t wm_char_combining(const wm_unicode *unicode, uint32_t c) {
    if (!(wm_char_flags(unicode, c) & WM_CHAR_COMBINING)) return 0;
    return find_row(unicode->rows[1], unicode->row_counts[1], c)->first;
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
    // Only the first part of a step decomposes further: the seconds come out last one first.
    size_t count = 0;
    uint32_t seconds[WM_DECOMPOSITION_MAX];
    while (count < WM_DECOMPOSITION_MAX - 1 && wm_char_flags(unicode, c) & WM_CHAR_DECOMPOSES) {
        const wm_char_mapping *step =
            find_row(unicode->decompositions, unicode->decomposition_count, c);
        c = step->first;
        if (step->second) seconds[count++] = step->second;
    }
    parts[0] = c;
    for (size_t i = 0; i < count; i++) parts[1 + i] = seconds[count - 1 - i];
    return 1 + count;
}

uint32_t wm_char_compose(const wm_unicode *unicode, uint32_t first, uint32_t second) {
    if (first - 0x1100 < 19 && second - 0x1161 < 21)
        return HANGUL_FIRST + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
    if (first - HANGUL_FIRST < HANGUL_COUNT && (first - HANGUL_FIRST) % 28 == 0 &&
        second - 0x11A8 < 27)
        return first + (second - 0x11A7);
    if (!second) return 0;
    uint32_t index = *find_composition(unicode, first, second);
    return index ? unicode->decompositions[index - 1].from : 0;
}

bool wm_char_is_ideograph(uint32_t c) {
    static const uint32_t blocks[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                         {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                         {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < WM_COUNT(blocks) && c >= blocks[i][0]; i++)
        if (c <= blocks[i][1]) return true;
    return false;
}
