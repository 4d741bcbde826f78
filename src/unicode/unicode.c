// SPDX-License-Identifier: MIT OR Apache-2.0
#include "unicode.h"

#include "../base/range.h"
#include "tables.h"

enum { HANGUL_FIRST = 0xAC00, HANGUL_COUNT = 11172 };

// ---- Unpacking ----------------------------------------------------------------------------------
// The data is a run of numbers, coded bit by bit by an arithmetic coder. How likely a 1 is comes
// from what was seen in three contexts of the bit. tools/make_unicode.py does the same; all of it
// is exact, or rounded at each step as IEEE 754 has it.

// What was seen in one context: how likely a 1 is, of 1 << 17, and of how many bits.
typedef struct seen_bits {
    uint32_t likely;
    uint16_t tag, count;
} seen_bits;

// The parts of one kind (map, place, bits): the last one, and how it differs from the one before.
typedef struct seen_parts {
    uint32_t last, difference;
} seen_parts;

enum { SEEN_BITS = 15, SEEN_KINDS = 32, SEEN_MOST = 20, SEEN_STEPS = 2048 };

typedef struct unpacker {
    wm_unicode *unicode;
    wm_range range;
    uint32_t contexts[3];
    uint32_t class, class_before, part_count;
    uint32_t part_lengths[SEEN_KINDS]; // in bits
    uint32_t counts[WM_MAP_COUNT], last_from[WM_MAP_COUNT];
    seen_parts parts[SEEN_KINDS][32];
    seen_bits seen[1 << SEEN_BITS];
    int32_t stretched[SEEN_STEPS]; // of 1/64 of a likelihood: its odds, to be added up
    uint32_t squashed[SEEN_STEPS]; // of 1/64 of such a sum: a likelihood of 1 << 16
    uint32_t rates[SEEN_MOST + 1];
} unpacker;

static void start_unpacking(unpacker *in) {
    in->range = (wm_range){wm_unicode_data, 1, 0};
    for (int i = 0; i < SEEN_STEPS; i++) {
        double y = i * 64 + 32 - 65536;
        in->stretched[i] = (int32_t)(y * 1760 / __builtin_sqrt(4295396792 - y * y));
        in->squashed[i] =
            (uint32_t)(32768 + (int32_t)(y * 32700 / __builtin_sqrt(y * y + 16777216)));
    }
    for (uint32_t i = 0; i <= SEEN_MOST; i++) in->rates[i] = 163840 / (i * 10 + 9);
}

static uint32_t unpack_bit(unpacker *in, uint32_t node) {
    seen_bits *seen[3];
    int32_t sum = 65536;
    for (int i = 0; i < 3; i++) {
        uint32_t hash = (in->contexts[i] + node * 0x2545F491u) * 0x9E3779B1u;
        uint16_t tag = (uint16_t)(hash >> 1) | 1;
        seen[i] = &in->seen[hash >> (32 - SEEN_BITS)];
        if (seen[i]->tag != tag) *seen[i] = (seen_bits){65536, tag, 0};
        sum += in->stretched[seen[i]->likely / 64];
    }
    sum = WM_MIN(WM_MAX(sum, 0), 131071);
    uint32_t bit = wm_range_bit(&in->range, in->squashed[sum / 64]);
    for (int i = 0; i < 3; i++) {
        if (seen[i]->count < SEEN_MOST) seen[i]->count++;
        uint32_t rate = in->rates[seen[i]->count], likely = seen[i]->likely;
        seen[i]->likely += bit ? (131071 - likely) * rate >> 14 : -(likely * rate >> 14);
    }
    return bit;
}

static void set_contexts(unpacker *in, uint32_t kind, uint32_t a, uint32_t b, uint32_t c) {
    in->contexts[0] = a * 64 + kind;
    in->contexts[1] = b * 64 + kind + 1;
    in->contexts[2] = c * 64 + kind + 2;
}

// The number of bits of value + 1 in unary, then those below the top one.
static uint32_t unpack_number(unpacker *in, uint32_t kind, uint32_t a, uint32_t b, uint32_t c) {
    uint32_t bits = 0, value = 1;
    set_contexts(in, kind, a, b, c);
    while (unpack_bit(in, bits << 21)) bits++;
    for (uint32_t i = 0; i < bits; i++) value = value * 2 + unpack_bit(in, bits << 21 | value);
    return value - 1;
}

static uint32_t unpack_flags(unpacker *in) {
    uint32_t flags = 0;
    for (uint32_t i = 0; i < 26 + WM_MAP_COUNT; i++) {
        set_contexts(in, 4, i | (flags & WM_CHAR_COMBINING ? 32 : 0), i | flags << 5,
                     i | flags >> (i < 4 ? 0 : i - 4) << 5);
        flags |= unpack_bit(in, 0) << i;
    }
    return flags;
}

// Where the pair's row is among the compositions, or would go.
static uint16_t *find_composition(const wm_unicode *unicode, uint32_t first, uint32_t second) {
    for (uint32_t i = first * 31 + second * 257;; i++) {
        uint16_t *slot = &unicode->compositions[i % WM_COMPOSITIONS];
        if (!*slot) return slot;
        const uint32_t *parts = unicode->parts + unicode->rows[WM_MAP_CANONICAL][*slot - 1].at;
        if (parts[0] == first && parts[1] == second) return slot;
    }
}

// What the map makes of the next code point in it.
static void unpack_row(unpacker *in, uint32_t map, uint32_t from) {
    wm_unicode *unicode = in->unicode;
    wm_char_row *row = &unicode->rows[map][unicode->row_counts[map]++];
    uint32_t *count = &in->counts[map], before = 0;
    *count = unpack_number(in, 12, map | *count << 2, map | from >> 6 << 2,
                           map | *count << 2 | in->class << 8);
    *row = (wm_char_row){from, (uint16_t)in->part_count, (uint16_t)(*count + 1)};
    for (uint32_t i = 0; i <= *count; i++) {
        uint32_t kind = map | WM_MIN(i, 2) << 2 | (map == WM_MAP_CANONICAL ? *count << 4 : 0);
        uint32_t *bits = &in->part_lengths[kind], same = kind | *bits << 8;
        *bits ^= unpack_number(in, 16, same, same | in->class << 13, kind | before << 8);
        seen_parts *seen = &in->parts[kind][*bits];
        kind |= *bits << 8;
        uint32_t difference =
            unpack_number(in, 20, kind | WM_MIN(seen->difference, 15) << 16,
                          kind + seen->last * 40503, (kind | before << 8) + in->class * 40503);
        seen->difference = difference;
        before = seen->last + (difference & 1 ? ~(difference >> 1) : difference >> 1);
        // What follows in step makes the same difference.
        if (i == 0 && map < WM_MAP_COMPATIBLE) before += from - in->last_from[map];
        seen->last = unicode->parts[in->part_count++] = before;
    }
    in->last_from[map] = from;
    if (map == WM_MAP_CANONICAL && *count && !(unicode->flags[in->class] & WM_CHAR_EXCLUDED))
        *find_composition(unicode, unicode->parts[row->at], before) =
            (uint16_t)unicode->row_counts[map];
}

// Runs of code points of one class, and the rows of those that a map changes.
static void unpack_classes(unpacker *in) {
    wm_unicode *unicode = in->unicode;
    uint8_t recent[WM_UNICODE_CLASSES], lengths[WM_UNICODE_CLASSES] = {0}; // classes, newest first
    uint32_t class_count = 0, place_before = 0;
    for (uint32_t c = 0; c < 0x110000;) {
        uint32_t place =
            unpack_number(in, 0, c >> 7, in->class | in->class_before << 8, place_before);
        place_before = place;
        in->class_before = in->class;
        place += c > 0;
        if (place == class_count) {
            recent[place] = (uint8_t)place;
            unicode->flags[class_count++] = unpack_flags(in);
        }
        uint8_t class = recent[place];
        for (; place > 0; place--) recent[place] = recent[place - 1];
        in->class = recent[0] = class;
        uint32_t length =
            unpack_number(in, 8, class | (-c & 15) << 8, class | in->class_before << 8,
                          class | (uint32_t)lengths[class] << 8) +
            1;
        lengths[class] = (uint8_t)WM_MIN(length, 255);
        uint32_t maps = unicode->flags[class] / WM_CHAR_MAPPED;
        if (c - HANGUL_FIRST < HANGUL_COUNT) maps = 0;
        if (c + length > WM_UNICODE_DIRECT && unicode->high_count < WM_UNICODE_RANGES)
            unicode->high[unicode->high_count++] = (wm_char_range){c, class};
        for (uint32_t i = c; i < c + length && i < WM_UNICODE_DIRECT; i++) {
            unicode->classes[i] = class;
            for (uint32_t map = 0; maps >> map; map++)
                if (maps >> map & 1) unpack_row(in, map, i);
        }
        c += length;
    }
}

wm_status wm_unicode_open(wm_unicode *unicode, wm_arena *arena, wm_error *error) {
    *unicode = (wm_unicode){0};
    WM_TRY(WM_ALLOC(arena, unicode->classes, WM_UNICODE_DIRECT, error));
    WM_TRY(WM_ALLOC(arena, unicode->compositions, WM_COMPOSITIONS, error));
    memset(unicode->compositions, 0, WM_COMPOSITIONS * sizeof *unicode->compositions);
    for (int map = 0; map < WM_MAP_COUNT; map++)
        WM_TRY(WM_ALLOC(arena, unicode->rows[map], wm_unicode_counts[map], error));
    WM_TRY(WM_ALLOC(arena, unicode->parts, wm_unicode_counts[WM_MAP_COUNT], error));
    wm_mark mark = wm_arena_mark(arena);
    unpacker *in;
    WM_TRY(WM_ALLOC(arena, in, 1, error));
    memset(in, 0, sizeof *in);
    in->unicode = unicode;
    start_unpacking(in);
    unpack_classes(in);
    wm_arena_reset(arena, mark);
    return WM_OK;
}

// ---- Lookups ------------------------------------------------------------------------------------

uint32_t wm_char_high_class(const wm_unicode *unicode, uint32_t c) {
    uint32_t i = unicode->high_count - 1;
    while (i > 0 && unicode->high[i].start > c) i--;
    return unicode->high[i].class;
}

const uint32_t *wm_char_mapped(const wm_unicode *unicode, enum wm_char_map map, uint32_t c,
                               size_t *count) {
    const wm_char_row *rows = unicode->rows[map];
    *count = 0;
    if (!(wm_char_flags(unicode, c) & (uint32_t)WM_CHAR_MAPPED << map)) return NULL;
    for (uint32_t left = unicode->row_counts[map]; left > 1;) {
        uint32_t half = left / 2;
        if (rows[half].from <= c) rows += half;
        left -= half;
    }
    *count = rows->count;
    return unicode->parts + rows->at;
}

size_t wm_char_decompose(const wm_unicode *unicode, uint32_t c, uint32_t *parts) {
    uint32_t syllable = c - HANGUL_FIRST;
    if (syllable < HANGUL_COUNT) {
        uint32_t tail = syllable % 28;
        parts[0] = 0x1100 + syllable / 588;
        parts[1] = 0x1161 + syllable % 588 / 28;
        parts[2] = 0x11A7 + tail;
        return tail ? 3 : 2;
    }
    // Only the first part of a step decomposes further: the seconds come out last one first.
    size_t n = 0, count;
    uint32_t seconds[WM_DECOMPOSITION_MAX];
    for (const uint32_t *step; (step = wm_char_mapped(unicode, WM_MAP_CANONICAL, c, &count)) &&
                               n < WM_DECOMPOSITION_MAX - 1;) {
        c = step[0];
        if (count > 1) seconds[n++] = step[1];
    }
    parts[0] = c;
    for (size_t i = 0; i < n; i++) parts[1 + i] = seconds[n - 1 - i];
    return 1 + n;
}

uint32_t wm_char_compose(const wm_unicode *unicode, uint32_t first, uint32_t second) {
    if (first - 0x1100 < 19 && second - 0x1161 < 21)
        return HANGUL_FIRST + ((first - 0x1100) * 21 + (second - 0x1161)) * 28;
    if (first - HANGUL_FIRST < HANGUL_COUNT && (first - HANGUL_FIRST) % 28 == 0 &&
        second - 0x11A8 < 27)
        return first + (second - 0x11A7);
    uint32_t index = *find_composition(unicode, first, second);
    return index ? unicode->rows[WM_MAP_CANONICAL][index - 1].from : 0;
}

bool wm_char_is_ideograph(uint32_t c) {
    static const uint32_t blocks[][2] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},
                                         {0x20000, 0x2A6DF}, {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F},
                                         {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (size_t i = 0; i < WM_COUNT(blocks) && c >= blocks[i][0]; i++)
        if (c <= blocks[i][1]) return true;
    return false;
}
