// SPDX-License-Identifier: MIT OR Apache-2.0
// Pieces of text and their ids: one hash table, and a filter of all beginnings that says how far
// a search from some place of a text can still succeed.
#ifndef WM_VOCABULARY_H
#define WM_VOCABULARY_H

#include "../base/arena.h"

#define WM_LIMIT_PROBES 512u // of a hash table; 150,000 pieces need 50 by chance
#define WM_LIMIT_PIECE 1024u // bytes of a piece that is searched for by its beginnings

typedef struct wm_vocabulary {
    wm_span *pieces;     // [ids]; p NULL: no piece has this id
    uint32_t *slots;     // id + 1 in the low 22 bits, hash above; 0: free
    uint8_t *beginnings; // Bloom filter of the hashes of each piece's prefixes, NULL: none kept
    uint32_t slot_mask, beginning_mask; // sizes less one, in slots and in bits
    uint32_t ids, count;                // highest id + 1; pieces
    size_t longest;                     // bytes of the longest piece
    bool crowded;                       // pieces were chosen to collide: no more are taken
} wm_vocabulary;

// An empty vocabulary for `count` pieces with ids below `ids`; a `count` of room, not of promise.
wm_status wm_vocabulary_init(wm_vocabulary *vocabulary, wm_arena *arena, uint64_t ids,
                             uint64_t count, wm_error *error);

// Adds `piece`, a view that must live as long. False: it is there already, and is given the new id
// (the id that it had is without a piece from then on); `id` < ids and free.
bool wm_vocabulary_add(wm_vocabulary *vocabulary, wm_span piece, uint32_t id);

// LIMIT where the vocabulary is crowded: to be asked after the last piece.
wm_status wm_vocabulary_check(const wm_vocabulary *vocabulary, wm_error *error);

// Checks, and fills the filter: after the last piece, before the first walk. LIMIT: a piece over
// WM_LIMIT_PIECE.
wm_status wm_vocabulary_index(wm_vocabulary *vocabulary, wm_arena *arena, wm_error *error);

// The id of a piece, or of the one that is `first` and `second` put together; -1: there is none.
int32_t wm_vocabulary_find(const wm_vocabulary *vocabulary, wm_span piece);
int32_t wm_vocabulary_find_joined(const wm_vocabulary *vocabulary, wm_span first, wm_span second);

// All pieces that are `prefix` and a beginning of `text` (of whole characters), shortest first:
//     for (wm_walk walk = wm_walk_from(v, prefix, text); (id = wm_walk_next(&walk)) >= 0;) …
//     walk.at
typedef struct wm_walk {
    const wm_vocabulary *vocabulary;
    wm_span prefix, text;
    size_t at; // bytes of `text` in the piece found
    uint32_t hash;
} wm_walk;

wm_walk wm_walk_from(const wm_vocabulary *vocabulary, wm_span prefix, wm_span text);
int32_t wm_walk_next(wm_walk *walk);

#endif
