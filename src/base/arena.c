// SPDX-License-Identifier: MIT OR Apache-2.0
#include "arena.h"

enum { ARENA_ALIGN = 64, ARENA_BLOCK = 1 << 16 };

struct wm_block {
    wm_block *older;
    uint8_t *base; // first aligned byte
    size_t used, size;
    uint64_t bytes; // asked of the host, this header included
};

static void *host_allocate(void *context, size_t size) {
    (void)context;
    return malloc(size);
}

static void host_release(void *context, void *memory) {
    (void)context;
    free(memory);
}

const wm_allocator wm_allocator_default = {NULL, host_allocate, host_release};

enum { BUDGET_HEAD = 64 }; // before each piece: its size, and the host's alignment kept

static void *budget_allocate(void *context, size_t size) {
    wm_budget *budget = context;
    uint64_t total;
    if (size > SIZE_MAX - BUDGET_HEAD || !wm_add(budget->used, size, &total)) return NULL;
    if (budget->limit && total > budget->limit) {
        budget->refused = true;
        return NULL;
    }
    uint8_t *memory = budget->host.allocate(budget->host.context, size + BUDGET_HEAD);
    if (!memory) return NULL;
    memcpy(memory, &size, sizeof size);
    budget->used = total;
    return memory + BUDGET_HEAD;
}

static void budget_release(void *context, void *memory) {
    wm_budget *budget = context;
    uint8_t *head = (uint8_t *)memory - BUDGET_HEAD;
    size_t size;
    memcpy(&size, head, sizeof size);
    budget->used -= size;
    budget->host.release(budget->host.context, head);
}

wm_allocator wm_budget_allocator(wm_budget *budget) {
    return (wm_allocator){budget, budget_allocate, budget_release};
}

WM_NOINLINE void wm_arena_init(wm_arena *arena, const wm_allocator *host) {
    *arena = (wm_arena){host ? *host : wm_allocator_default, NULL, 0};
}

// Under AddressSanitizer what has not been handed out is poisoned: a block hides no overflow.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define ARENA_SANITIZED
#endif
#ifdef ARENA_SANITIZED
void __asan_poison_memory_region(const volatile void *p, size_t n);
void __asan_unpoison_memory_region(const volatile void *p, size_t n);
#else
#define __asan_poison_memory_region(p, n) ((void)(p), (void)(n))
#define __asan_unpoison_memory_region(p, n) ((void)(p), (void)(n))
#endif

static void pop_block(wm_arena *arena) {
    wm_block *block = arena->blocks;
    arena->blocks = block->older;
    arena->bytes -= block->bytes;
    arena->host.release(arena->host.context, block);
}

void wm_arena_free(wm_arena *arena) {
    while (arena->blocks) pop_block(arena);
}

static bool push_block(wm_arena *arena, uint64_t size) {
    uint64_t bytes, total;
    if (!wm_add(size, sizeof(wm_block) + ARENA_ALIGN, &bytes) ||
        !wm_add(arena->bytes, bytes, &total))
        return false;
    if (bytes > SIZE_MAX / 2) return false;
    wm_block *block = arena->host.allocate(arena->host.context, (size_t)bytes);
    if (!block) return false;
    uintptr_t base = ((uintptr_t)(block + 1) + ARENA_ALIGN - 1) & ~(uintptr_t)(ARENA_ALIGN - 1);
    *block = (wm_block){arena->blocks, (uint8_t *)base, 0, (size_t)size, bytes};
    __asan_poison_memory_region(block->base, block->size);
    arena->blocks = block;
    arena->bytes = total;
    return true;
}

void *wm_arena_alloc(wm_arena *arena, uint64_t count, uint64_t size) {
    uint64_t bytes;
    if (!wm_mul(count, size, &bytes) || !wm_add(bytes, ARENA_ALIGN - 1, &bytes)) return NULL;
    bytes &= ~(uint64_t)(ARENA_ALIGN - 1);
    wm_block *block = arena->blocks;
    if (!block || bytes > block->size - block->used) {
        // A large request gets a block of its own size: nothing of it is wasted.
        if (!push_block(arena, WM_MAX(bytes, ARENA_BLOCK)) && !push_block(arena, bytes))
            return NULL;
        block = arena->blocks;
    }
    void *memory = block->base + block->used;
    block->used += (size_t)bytes;
    __asan_unpoison_memory_region(memory, (size_t)(count * size));
    return memory;
}

void *wm_arena_take(wm_arena *arena, uint64_t count, uint32_t size, wm_error *error) {
    void *memory = wm_arena_alloc(arena, count, size);
    uint64_t bytes = UINT64_MAX;
    (void)wm_mul(count, size, &bytes);
    if (!memory)
        wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted, %u in use", bytes,
                arena->bytes);
    return memory;
}

wm_mark wm_arena_mark(const wm_arena *arena) {
    return (wm_mark){arena->blocks, arena->blocks ? arena->blocks->used : 0};
}

void wm_arena_reset(wm_arena *arena, wm_mark mark) {
    while (arena->blocks != mark.block) pop_block(arena);
    if (!mark.block) return;
    mark.block->used = mark.used;
    __asan_poison_memory_region(mark.block->base + mark.used, mark.block->size - mark.used);
}
