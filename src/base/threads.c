// SPDX-License-Identifier: MIT OR Apache-2.0
// The parts of a task are handed out by one atomic number, the ticket: the task's number above, the
// parts not yet taken below. Who takes one by compare-and-swap knows that the task it has read is
// the ticket's own, for the next one begins only when all parts are done.
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE // sched_getcpu and affinity
#endif
#include "threads.h"

#ifdef WM_THREADS
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum {
    POOL_THREADS = 64,
    POOL_LONG = 16 * WM_THREAD_WORK, // work of a part that may be cut further
    POOL_PATIENCE = 8192,            // looks at the ticket before sleeping
    POOL_YIELD = 32,                 // looks before letting others run
    POOL_LATE = 20000, // nanoseconds that a part may take longer than two of the caller's quickest
    POOL_PRICE = 16,   // nanoseconds alone for one of waiting for it, …
    POOL_MOST = 16000000, // … of as many at most
};

typedef struct pool_lane {
    wm_threads *pool;
    pthread_t thread;
} pool_lane;

struct wm_threads {
    wm_allocator host;
    _Atomic uint64_t ticket;
    _Atomic size_t unfinished; // parts of the task
    _Atomic(wm_part *) run;
    _Atomic(void *) context;
    atomic_bool closing;
    atomic_flag busy;
    _Atomic int64_t alone; // nanoseconds that the caller is to work by itself; `busy` holds it
    int cpu;               // whose threads have been sent to others
    _Atomic uint32_t sleepers;
    pthread_mutex_t mutex; // of sleep alone
    pthread_cond_t wake;
    size_t lanes;
    pool_lane lane[POOL_THREADS]; // from 1 on
};

// Between looks at what is waited for. Who has it may want this very processor.
static void pool_pause(uint32_t look) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
    if (look % POOL_YIELD == POOL_YIELD - 1) sched_yield();
}

// Does one part, if there is one left.
static bool take_part(wm_threads *pool, size_t lane) {
    uint64_t ticket = atomic_load(&pool->ticket);
    while ((uint32_t)ticket) {
        wm_part *run = atomic_load(&pool->run);
        void *context = atomic_load(&pool->context);
        if (!atomic_compare_exchange_weak(&pool->ticket, &ticket, ticket - 1)) continue;
        run(context, (uint32_t)ticket - 1, lane);
        atomic_fetch_sub(&pool->unfinished, 1);
        return true;
    }
    return false;
}

static void sleep_until_work(wm_threads *pool) {
    for (uint32_t i = 0; i < POOL_PATIENCE; i++) {
        if ((uint32_t)atomic_load(&pool->ticket)) return;
        pool_pause(i);
    }
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1); // before the look: who hands out parts looks after that
    if (!(uint32_t)atomic_load(&pool->ticket) && !atomic_load(&pool->closing))
        pthread_cond_wait(&pool->wake, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

static void *help(void *argument) {
    pool_lane *lane = argument;
    wm_threads *pool = lane->pool;
    while (!atomic_load(&pool->closing))
        if (!take_part(pool, (size_t)(lane - pool->lane))) sleep_until_work(pool);
    return NULL;
}

static void wake_all(wm_threads *pool) {
    atomic_store(&pool->sleepers, 0);
    pthread_mutex_lock(&pool->mutex);
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);
}

wm_status wm_threads_open(wm_threads **pool, uint32_t threads, const wm_allocator *host,
                          wm_error *error) {
    *pool = NULL;
    if (threads < 2) return WM_OK;
    wm_threads *made = host->allocate(host->context, sizeof *made);
    if (!made)
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted",
                       (uint64_t)sizeof *made);
    memset(made, 0, sizeof *made);
    made->host = *host;
    atomic_flag_clear(&made->busy);
    made->cpu = -1;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->wake, NULL);
    // `lanes` is written before the first thread could ask: none of them reads it.
    for (made->lanes = 1; made->lanes < WM_MIN(threads, POOL_THREADS); made->lanes++) {
        pool_lane *lane = &made->lane[made->lanes];
        lane->pool = made;
        if (pthread_create(&lane->thread, NULL, help, lane)) break;
    }
    *pool = made;
    return WM_OK;
}

void wm_threads_close(wm_threads *pool) {
    if (!pool) return;
    atomic_store(&pool->closing, true);
    wake_all(pool);
    for (size_t i = 1; i < pool->lanes; i++) pthread_join(pool->lane[i].thread, NULL);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->mutex);
    wm_allocator host = pool->host;
    host.release(host.context, pool);
}

size_t wm_threads_lanes(const wm_threads *pool) { return pool ? pool->lanes : 1; }

// One part for each thread, of much work up to four: who comes late or is slower leaves more to the
// others.
size_t wm_threads_parts(const wm_threads *pool, uint64_t work, size_t most) {
    if (!pool || work < 2 * WM_THREAD_WORK || atomic_load(&pool->alone) > 0) return 1;
    uint64_t few = WM_MIN(work / WM_THREAD_WORK, pool->lanes), many = work / POOL_LONG;
    size_t parts = (size_t)WM_MIN(WM_MAX(few, WM_MIN(many, 4 * pool->lanes)), WM_MAX(most, 1));
    return parts > pool->lanes ? parts - parts % pool->lanes : parts;
}

static int64_t nanoseconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

// Linux may wake a thread on its waker's processor beside an idle one, and takes some milliseconds
// to move it: the threads are kept off the processor of who calls them.
static void stand_apart(wm_threads *pool) {
#if defined(CPU_CLR) && !defined(__ANDROID__)
    int cpu = sched_getcpu();
    cpu_set_t others;
    if (cpu == pool->cpu || cpu < 0 || sched_getaffinity(0, sizeof others, &others)) return;
    pool->cpu = cpu;
    CPU_CLR((unsigned)cpu, &others);
    for (size_t i = 1; i < pool->lanes && CPU_COUNT(&others); i++)
        pthread_setaffinity_np(pool->lane[i].thread, sizeof others, &others);
#else
    (void)pool;
#endif
}

// Hands out the parts and waits for those that others have. Returns the nanoseconds of that, if
// they were too many: on a busy machine a thread waits for its turn with a part in hand.
static int64_t run_shared(wm_threads *pool, wm_part *run, void *context, size_t parts) {
    stand_apart(pool);
    atomic_store(&pool->run, run);
    atomic_store(&pool->context, context);
    atomic_store(&pool->unfinished, parts);
    atomic_store(&pool->ticket, ((atomic_load(&pool->ticket) >> 32) + 1) << 32 | parts);
    if (atomic_load(&pool->sleepers)) wake_all(pool);
    int64_t start = nanoseconds(), end, quickest = POOL_MOST;
    for (; take_part(pool, 0); start = end) {
        end = nanoseconds();
        quickest = WM_MIN(quickest, end - start);
    }
    start = nanoseconds();
    for (uint32_t i = 0; atomic_load(&pool->unfinished); i++) pool_pause(i);
    int64_t waited = nanoseconds() - start;
    return waited > 2 * quickest + POOL_LATE ? WM_MIN(waited, POOL_MOST) : 0;
}

// Who has been kept waiting works alone for so long that sharing cannot cost much.
void wm_threads_run(wm_threads *pool, wm_part *run, void *context, size_t parts) {
    bool mine = pool && !atomic_flag_test_and_set(&pool->busy);
    int64_t alone = mine ? atomic_load(&pool->alone) : 0;
    if (mine && alone <= 0 && parts > 1 && parts <= UINT32_MAX) {
        alone = POOL_PRICE * run_shared(pool, run, context, parts);
    } else {
        int64_t start = alone > 0 ? nanoseconds() : 0;
        for (size_t part = 0; part < parts; part++) run(context, part, 0);
        if (alone > 0) alone -= nanoseconds() - start;
    }
    if (!mine) return;
    atomic_store(&pool->alone, alone);
    atomic_flag_clear(&pool->busy);
}
#endif
