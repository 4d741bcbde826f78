// SPDX-License-Identifier: MIT OR Apache-2.0
#include "charsmap.h"

#include "../base/utf8.h"

wm_status wm_charsmap_open(wm_charsmap *map, wm_span blob, wm_error *error) {
    uint64_t size = blob.n >= 4 ? wm_read_u32(blob.p) : 0;
    if (size < 4 || size % 4 || size > blob.n - 4)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "precompiled_charsmap: a trie of %u bytes in %u",
                       size, (uint64_t)blob.n);
    map->units = blob.p + 4;
    map->unit_count = (uint32_t)(size / 4);
    map->texts = (wm_span){blob.p + 4 + size, blob.n - 4 - (size_t)size};
    if ((map->texts.n && map->texts.p[map->texts.n - 1]) ||
        wm_utf8_check(map->texts) < map->texts.n)
        return wm_fail(error, WM_ERROR_FORMAT, 0,
                       "precompiled_charsmap: a text that does not end or is not UTF-8");
    for (uint8_t c = 0; c < 128; c++) {
        wm_span to;
        if (wm_charsmap_find(map, (wm_span){&c, 1}, false, &to))
            map->changed[c / 32] |= 1u << c % 32;
    }
    return WM_OK;
}

// The unit at `at`; one that no byte leads to where there is none.
static uint32_t charsmap_unit(const wm_charsmap *map, uint32_t at) {
    return at < map->unit_count ? wm_read_u32(map->units + (size_t)at * 4) : 0x80000000u;
}

static uint32_t charsmap_offset(uint32_t unit) { return unit >> 10 << ((unit & 0x200) >> 6); }

size_t wm_charsmap_find(const wm_charsmap *map, wm_span text, bool longest, wm_span *to) {
    uint32_t at = charsmap_offset(charsmap_unit(map, 0));
    size_t found = 0;
    for (size_t i = 0; i < text.n && text.p[i] && (longest || !found); i++) {
        at ^= text.p[i];
        uint32_t unit = charsmap_unit(map, at);
        if ((unit & 0x800000FFu) != text.p[i]) break;
        at ^= charsmap_offset(unit);
        if (!(unit & 0x100)) continue;
        size_t start = charsmap_unit(map, at) & 0x7FFFFFFF, n = 0;
        if (at >= map->unit_count || start > map->texts.n) break;
        while (start + n < map->texts.n && map->texts.p[start + n]) n++;
        *to = (wm_span){map->texts.p + start, n};
        found = i + 1;
    }
    return found;
}

static uint32_t base64_digit(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A' + 0u;
    if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
    if (c >= '0' && c <= '9') return c - '0' + 52u;
    return c == '+' ? 62 : c == '/' ? 63 : 64;
}

size_t wm_base64_decode(wm_span text, uint8_t *to) {
    size_t n = 0, padding = 0;
    if (text.n % 4) return SIZE_MAX;
    while (padding < 2 && text.n && text.p[text.n - 1] == '=') {
        text.n--;
        padding++;
    }
    uint32_t bits = 0;
    for (size_t i = 0; i < text.n; i++) {
        uint32_t digit = base64_digit(text.p[i]);
        if (digit == 64) return SIZE_MAX;
        bits = bits << 6 | digit;
        if (i % 4) to[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return n;
}
