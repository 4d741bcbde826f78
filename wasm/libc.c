// SPDX-License-Identifier: MIT OR Apache-2.0
// The few functions that the core asks of a C library, for bare wasm32: copies by bulk memory, and
// an allocator over memory.grow. Built with -fno-builtin, lest a loop here become a call to itself.
#include "../src/base/base.h"
#include "heap.h"

void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    return __builtin_memcpy(to, from, n); // memory.copy
}

void *memmove(void *to, const void *from, size_t n) { return __builtin_memmove(to, from, n); }

void *memset(void *to, int byte, size_t n) { return __builtin_memset(to, byte, n); } // memory.fill

int memcmp(const void *a, const void *b, size_t n) {
    const uint8_t *x = a, *y = b;
    for (; n >= 4 && wm_read_u32(x) == wm_read_u32(y); n -= 4, x += 4, y += 4) {}
    for (; n; n--, x++, y++) {
        if (*x != *y) return *x < *y ? -1 : 1;
    }
    return 0;
}

size_t strlen(const char *text) {
    size_t n = 0;
    while (text[n]) n++;
    return n;
}

// ---- Heap -------------------------------------------------------------------------------------
//
// Chunks lie side by side from the end of the static data to the end of memory. A chunk knows its
// own size and that of the one before it, so free neighbours merge in constant time. Free ones are
// on one list, searched for the best fit: the core asks for few and large blocks, so the list is
// short.

typedef struct chunk {
    size_t before; // bytes of the chunk in front, 0: none
    size_t size;   // bytes of this one with its header, a multiple of 16; bit 0: in use
    struct chunk *next, *last; // where the memory given out begins; links of the free list
} chunk;

enum { HEADER = 2 * sizeof(size_t), GRAIN = 16, USED = 1, PAGE = 65536, MAX_PAGES = 65535 };

extern uint8_t __heap_base; // from the linker
static chunk *end;          // a header alone, size 0, in use: it closes the heap
static chunk *free_chunks;

static size_t size_of(const chunk *c) { return c->size & ~(size_t)USED; }
static chunk *after(chunk *c) { return (chunk *)((uint8_t *)c + size_of(c)); }

static void unlink_free(chunk *c) {
    if (c->last) c->last->next = c->next;
    else free_chunks = c->next;
    if (c->next) c->next->last = c->last;
}

// Makes a free chunk of `size` bytes at `c`, merged with its neighbours, and returns it.
static chunk *put_free(chunk *c, size_t size) {
    chunk *next = (chunk *)((uint8_t *)c + size);
    if (!(next->size & USED)) {
        unlink_free(next);
        size += next->size;
    }
    if (c->before) {
        chunk *front = (chunk *)((uint8_t *)c - c->before);
        if (!(front->size & USED)) {
            unlink_free(front);
            size += front->size;
            c = front;
        }
    }
    c->size = size;
    after(c)->before = size;
    c->last = NULL;
    c->next = free_chunks;
    if (free_chunks) free_chunks->last = c;
    free_chunks = c;
    return c;
}

// Marks the first `size` bytes of `c`, which is on no list, as in use; the rest becomes free.
static void take(chunk *c, size_t size) {
    size_t rest = size_of(c) - size;
    c->size = size | USED;
    chunk *next = after(c);
    next->before = size;
    if (rest) put_free(next, rest);
}

// Adds at least `bytes` at the end of the heap; the free chunk there, or NULL.
static chunk *grow(size_t bytes) {
    size_t pages = __builtin_wasm_memory_size(0), more = bytes / PAGE + 1;
    if (more > MAX_PAGES - pages || __builtin_wasm_memory_grow(0, more) == SIZE_MAX) return NULL;
    chunk *c = end;
    end = (chunk *)((pages + more) * PAGE - HEADER);
    end->size = USED;
    return put_free(c, (size_t)((uint8_t *)end - (uint8_t *)c));
}

static bool start(void) {
    size_t pages = __builtin_wasm_memory_size(0);
    uintptr_t base = ((uintptr_t)&__heap_base + GRAIN - 1) / GRAIN * GRAIN + GRAIN - HEADER;
    if (base + HEADER > pages * PAGE) {
        if (__builtin_wasm_memory_grow(0, 1) == SIZE_MAX) return false;
        pages++;
    }
    end = (chunk *)(pages * PAGE - HEADER);
    end->size = USED;
    chunk *first = (chunk *)base;
    first->before = 0;
    if (first != end) put_free(first, (size_t)((uint8_t *)end - (uint8_t *)first));
    return true;
}

static bool chunk_size(size_t n, size_t *size) {
    if (n > SIZE_MAX - PAGE) return false;
    *size = (WM_MAX(n, HEADER) + HEADER + GRAIN - 1) / GRAIN * GRAIN;
    return true;
}

void *malloc(size_t n) {
    size_t size;
    if (!chunk_size(n, &size) || (!end && !start())) return NULL;
    chunk *best = NULL;
    for (chunk *c = free_chunks; c; c = c->next) {
        if (c->size >= size && (!best || c->size < best->size)) best = c;
    }
    if (!best) {
        // What is free at the end of the heap counts towards the new chunk.
        chunk *last = end->before ? (chunk *)((uint8_t *)end - end->before) : NULL;
        best = grow(last && !(last->size & USED) ? size - last->size : size);
    }
    if (!best) return NULL;
    unlink_free(best);
    take(best, size);
    return &best->next;
}

void free(void *memory) {
    if (!memory) return;
    chunk *c = (chunk *)((uint8_t *)memory - HEADER);
    put_free(c, size_of(c));
}

bool wm_heap_resize(void *memory, size_t n) {
    chunk *c = (chunk *)((uint8_t *)memory - HEADER);
    size_t size, have = size_of(c);
    if (!chunk_size(n, &size)) return false;
    chunk *next = after(c);
    if (size > have) {
        if (next == end && !grow(size - have)) return false;
        if (next->size & USED) return false;
        size_t room = have + next->size;
        if (size > room && (after(next) != end || !grow(size - room))) return false;
        unlink_free(next);
        c->size = (have + next->size) | USED;
    }
    take(c, size);
    return true;
}
