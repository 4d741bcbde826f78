// SPDX-License-Identifier: MIT OR Apache-2.0
// The module's constants travel packed; they are unpacked before anything else runs:
// tools/pack_wasm.py makes `unpack` the start function. An LZ77 with an adaptive binary range
// coder, as small as it can be: a flag a token; a literal by a tree of its bits; a match by its
// offset, or again the last one's, and its length, both as Elias gamma codes whose every bit has
// its own probability. Unicode's tables, which are packed already, follow it as they are.
#include "../src/base/range.h"

enum { PACKED = 1024 }; // where the packed bytes lie: at the far end of the stack

enum { MATCH = 0, SAME = 2, OFFSET = 4, LENGTH = 68, AGAIN = 132, LITERAL = 196, CONTEXTS = 708 };

typedef struct unpacker {
    wm_range range;
    uint16_t fast[CONTEXTS],
        slow[CONTEXTS]; // probabilities of a one in 65,536ths; their mean counts
} unpacker;

static WM_NOINLINE uint32_t unpack_bit(unpacker *u, uint32_t context) {
    uint16_t *fast = &u->fast[context], *slow = &u->slow[context];
    uint32_t bit = wm_range_bit(&u->range, (uint32_t)(*fast + *slow) >> 1);
    uint32_t target = bit ? 65535 : 31; // never 0
    *fast = (uint16_t)(*fast + ((int32_t)(target - *fast) >> 4));
    *slow = (uint16_t)(*slow + ((int32_t)(target - *slow) >> 7));
    return bit;
}

static uint32_t unpack_number(unpacker *u, uint32_t context) {
    uint32_t number = 1;
    for (; unpack_bit(u, context); context += 2) number = number << 1 | unpack_bit(u, context + 1);
    return number;
}

__attribute__((export_name("unpack"))) void unpack(void) {
    const uint8_t *packed = (const uint8_t *)PACKED;
    uint8_t *to = (uint8_t *)wm_read_u32(packed), *end = to + wm_read_u32(packed + 4);
    uint8_t *hole = to + wm_read_u32(packed + 8); // where those tables go
    uint32_t hole_size = wm_read_u32(packed + 12);
    unpacker u = {.range = {packed + 16, 1, 0}};
    for (size_t i = 0; i < CONTEXTS; i++) u.fast[i] = u.slow[i] = 32768;
    uint32_t matched = 0, offset = 0;
    uint8_t last = 0;
    while (to < end) {
        if (!unpack_bit(&u, MATCH + matched)) {
            uint32_t node = 1, tree = LITERAL + (last & 128) * 2;
            while (node < 256) node = node << 1 | unpack_bit(&u, tree + node);
            *to++ = last = (uint8_t)node;
            matched = 0;
            continue;
        }
        bool same = unpack_bit(&u, SAME + matched);
        if (!same) offset = unpack_number(&u, OFFSET);
        for (uint32_t n = unpack_number(&u, same ? AGAIN : LENGTH) + !same; n; n--, to++)
            *to = last = to[-offset];
        matched = 1;
    }
    memmove(hole + hole_size, hole, (size_t)(end - hole));
    memcpy(hole, u.range.next, hole_size);
}
