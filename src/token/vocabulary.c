// SPDX-License-Identifier: MIT OR Apache-2.0
#include "vocabulary.h"

#include "text.h"

enum { SLOT_ID_BITS = 22, SLOT_ID_MASK = (1 << SLOT_ID_BITS) - 1 };

// A power of two of at least `n`, or 0 where there is none in 32 bits.
static uint32_t power_of_two(uint64_t n) {
    uint64_t size = 16;
    while (size < n) size *= 2;
    return size > UINT32_MAX ? 0 : (uint32_t)size;
}

wm_status wm_vocabulary_init(wm_vocabulary *vocabulary, wm_arena *arena, uint64_t ids,
                             uint64_t count, wm_error *error) {
    *vocabulary = (wm_vocabulary){0};
    if (ids >= WM_LIMIT_VOCABULARY || count >= WM_LIMIT_VOCABULARY)
        return wm_fail(error, WM_ERROR_LIMIT, 0,
                       "vocabulary: %u pieces, ids to %u: the limit is %u", count, ids,
                       (uint64_t)WM_LIMIT_VOCABULARY);
    uint32_t slots = power_of_two(count + count / 2);
    WM_TRY(WM_ALLOC(arena, vocabulary->pieces, ids, error));
    WM_TRY(WM_ALLOC(arena, vocabulary->slots, slots, error));
    memset(vocabulary->pieces, 0, (size_t)ids * sizeof *vocabulary->pieces);
    memset(vocabulary->slots, 0, slots * sizeof *vocabulary->slots);
    vocabulary->slot_mask = slots - 1;
    vocabulary->ids = (uint32_t)ids;
    return WM_OK;
}

// The slot that holds `first` and `second` put together, else the free one where they would go.
static uint32_t *find_slot(const wm_vocabulary *vocabulary, uint32_t hash, wm_span first,
                           wm_span second) {
    hash = wm_hash_finish(hash);
    for (uint32_t i = hash;; i++) {
        uint32_t *slot = &vocabulary->slots[i & vocabulary->slot_mask];
        if (!*slot) return slot;
        if ((*slot ^ hash) >> SLOT_ID_BITS) continue;
        wm_span piece = vocabulary->pieces[(*slot & SLOT_ID_MASK) - 1];
        if (piece.n == first.n + second.n && wm_span_equal((wm_span){piece.p, first.n}, first) &&
            wm_span_equal((wm_span){piece.p + first.n, second.n}, second))
            return slot;
    }
}

bool wm_vocabulary_add(wm_vocabulary *vocabulary, wm_span piece, uint32_t id) {
    wm_span none = {piece.p, 0};
    if (vocabulary->crowded) return true;
    uint32_t hash = wm_hash_more(WM_HASH_START, piece);
    uint32_t *slot = find_slot(vocabulary, hash, piece, none);
    bool fresh = *slot == 0;
    uint32_t way = (uint32_t)(slot - vocabulary->slots) - wm_hash_finish(hash);
    vocabulary->crowded = (way & vocabulary->slot_mask) > WM_LIMIT_PROBES;
    if (!fresh) vocabulary->pieces[(*slot & SLOT_ID_MASK) - 1] = (wm_span){0};
    *slot = (id + 1) | (wm_hash_finish(hash) & ~(uint32_t)SLOT_ID_MASK);
    vocabulary->pieces[id] = piece;
    vocabulary->count += fresh;
    vocabulary->longest = WM_MAX(vocabulary->longest, piece.n);
    return fresh;
}

int32_t wm_vocabulary_find_joined(const wm_vocabulary *vocabulary, wm_span first, wm_span second) {
    uint32_t slot = *find_slot(vocabulary, wm_hash_more(wm_hash_more(WM_HASH_START, first), second),
                               first, second);
    return (int32_t)(slot & SLOT_ID_MASK) - 1;
}

int32_t wm_vocabulary_find(const wm_vocabulary *vocabulary, wm_span piece) {
    return wm_vocabulary_find_joined(vocabulary, (wm_span){0}, piece);
}

wm_status wm_vocabulary_check(const wm_vocabulary *vocabulary, wm_error *error) {
    return vocabulary->crowded
               ? wm_fail(error, WM_ERROR_LIMIT, 0, "vocabulary: too many pieces of one hash")
               : WM_OK;
}

static size_t character_length(uint8_t lead) {
    return lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

wm_status wm_vocabulary_index(wm_vocabulary *vocabulary, wm_arena *arena, wm_error *error) {
    uint64_t characters = 0;
    WM_TRY(wm_vocabulary_check(vocabulary, error));
    for (uint32_t id = 0; id < vocabulary->ids; id++) {
        wm_span piece = vocabulary->pieces[id];
        if (piece.n > WM_LIMIT_PIECE)
            return wm_fail(error, WM_ERROR_LIMIT, 0,
                           "vocabulary: piece %u has %u bytes, the limit is %u", (uint64_t)id,
                           (uint64_t)piece.n, (uint64_t)WM_LIMIT_PIECE);
        characters += wm_count_characters(piece);
    }
    uint32_t bits = power_of_two(characters * 6);
    if (!bits)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "vocabulary: %u characters are too many",
                       characters);
    WM_TRY(WM_ALLOC(arena, vocabulary->beginnings, bits / 8, error));
    memset(vocabulary->beginnings, 0, bits / 8);
    vocabulary->beginning_mask = bits - 1;
    for (uint32_t id = 0; id < vocabulary->ids; id++) {
        wm_span piece = vocabulary->pieces[id];
        uint32_t hash = WM_HASH_START;
        for (size_t i = 0; i < piece.n; i++) {
            hash = WM_HASH_BYTE(hash, piece.p[i]);
            if (i + 1 < piece.n && (piece.p[i + 1] & 0xC0) == 0x80) continue;
            uint32_t bit = wm_hash_finish(hash) & vocabulary->beginning_mask;
            vocabulary->beginnings[bit >> 3] =
                (uint8_t)(vocabulary->beginnings[bit >> 3] | 1u << (bit & 7));
        }
    }
    return WM_OK;
}

wm_walk wm_walk_from(const wm_vocabulary *vocabulary, wm_span prefix, wm_span text) {
    return (wm_walk){vocabulary, prefix, text, 0, wm_hash_more(WM_HASH_START, prefix)};
}

int32_t wm_walk_next(wm_walk *walk) {
    const wm_vocabulary *vocabulary = walk->vocabulary;
    while (walk->at < walk->text.n) {
        size_t length = WM_MIN(character_length(walk->text.p[walk->at]), walk->text.n - walk->at);
        while (length--) walk->hash = WM_HASH_BYTE(walk->hash, walk->text.p[walk->at++]);
        uint32_t bit = wm_hash_finish(walk->hash) & vocabulary->beginning_mask;
        if (!(vocabulary->beginnings[bit >> 3] >> (bit & 7) & 1)) break;
        wm_span rest = {walk->text.p, walk->at};
        uint32_t slot = *find_slot(vocabulary, walk->hash, walk->prefix, rest);
        if (slot) return (int32_t)(slot & SLOT_ID_MASK) - 1;
    }
    return -1;
}
