// SPDX-License-Identifier: MIT OR Apache-2.0
// SentencePiece's precompiled charsmap: a double-array trie of bytes, and what its keys become.
#ifndef WM_CHARSMAP_H
#define WM_CHARSMAP_H

#include "../base/arena.h"

typedef struct wm_charsmap {
    const uint8_t *units; // u32 each, little-endian
    uint32_t unit_count;
    wm_span texts;       // NUL-terminated ones
    uint32_t changed[4]; // a bit for each ASCII character that is a key
} wm_charsmap;

static inline bool wm_charsmap_plain(const wm_charsmap *map, uint8_t c) {
    return c < 0x80 && !(map->changed[c / 32] >> c % 32 & 1);
}

// `blob`: the trie's size in bytes, the trie, the texts. It lives as long as the map.
// Errors: FORMAT.
wm_status wm_charsmap_open(wm_charsmap *map, wm_span blob, wm_error *error);

// What the shortest key that `text` begins with becomes, or the longest (as SentencePiece takes
// it). The key's length, 0: there is none.
size_t wm_charsmap_find(const wm_charsmap *map, wm_span text, bool longest, wm_span *to);

// Bytes of base64 (RFC 4648, with its padding) written to `to`, which has room for 3 of each 4
// characters; how many there are, SIZE_MAX: it is not base64.
size_t wm_base64_decode(wm_span text, uint8_t *to);

#endif
