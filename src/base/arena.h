// SPDX-License-Identifier: MIT OR Apache-2.0
// Memory from the host, freed all at once: a model has one arena, a session one, loading a scratch
// one.
#ifndef WM_ARENA_H
#define WM_ARENA_H

#include "base.h"

typedef struct wm_block wm_block;

typedef struct wm_arena {
    wm_allocator host;
    wm_block *blocks; // newest first
    uint64_t bytes;   // asked of the host and not released
} wm_arena;

// A point to go back to.
typedef struct wm_mark {
    wm_block *block;
    size_t used;
} wm_mark;

// malloc and free.
extern const wm_allocator wm_allocator_default;

// Counts what several arenas take of one host, and refuses beyond a limit.
typedef struct wm_budget {
    wm_allocator host;
    uint64_t used, limit; // limit 0: none
    bool refused;         // set when the limit was in the way
} wm_budget;

// An allocator on the budget: it must stay where it is as long as memory from it is in use.
wm_allocator wm_budget_allocator(wm_budget *budget);

// `host` NULL: wm_allocator_default. Allocates nothing.
void wm_arena_init(wm_arena *arena, const wm_allocator *host);
void wm_arena_free(wm_arena *arena);

// `count` × `size` bytes, 64-byte aligned, not cleared; NULL where the host has none or the product
// does not fit. A count of 0 gives a valid pointer.
void *wm_arena_alloc(wm_arena *arena, uint64_t count, uint64_t size);

wm_mark wm_arena_mark(const wm_arena *arena);
void wm_arena_reset(wm_arena *arena, wm_mark mark); // frees what was allocated since

// to = an array of `count` elements; fails with NOMEM, saying how many bytes were wanted.
#define WM_ALLOC(arena, to, count, error) \
    (((to) = wm_arena_take((arena), (count), sizeof *(to), (error))) ? WM_OK : WM_ERROR_NOMEM)
void *wm_arena_take(wm_arena *arena, uint64_t count, uint32_t size, wm_error *error);

#endif
