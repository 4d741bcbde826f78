// SPDX-License-Identifier: MIT OR Apache-2.0
// Threads that share one task's parts with their caller; nothing at all where there are none: as
// wasm, with WM_NO_THREADS, on systems without pthreads.
#ifndef WM_THREADS_H
#define WM_THREADS_H

#include "base.h"

#if !defined(WM_NO_THREADS) && (defined(__unix__) || defined(__APPLE__))
#define WM_THREADS
#endif

typedef struct wm_threads wm_threads;

// Does part `part`; lane: which of the threads does it, 0 the caller. Parts run in any order, side
// by side.
typedef void wm_part(void *context, size_t part, size_t lane);

// Steps of arithmetic that are worth handing to another thread: some microseconds.
#define WM_THREAD_WORK (1u << 18)

#ifdef WM_THREADS
// `threads` with the caller's own, at most 64. *pool stays NULL below 2; where the system refuses
// threads there are fewer.  Errors: NOMEM.
wm_status wm_threads_open(wm_threads **pool, uint32_t threads, const wm_allocator *host,
                          wm_error *error);
void wm_threads_close(wm_threads *pool); // NULL is allowed; nothing runs on it any more

size_t wm_threads_lanes(const wm_threads *pool); // 1 for NULL

// Into how many parts to cut `work` steps that fall into `most` at best; 1 while the caller is to
// work alone.
size_t wm_threads_parts(const wm_threads *pool, uint64_t work, size_t most);

// Returns when all parts are done. A pool that is busy for somebody else lets the caller do them;
// so does, for a while, one whose threads have kept their caller waiting. An idle pool sleeps; for
// a fraction of a millisecond after a task it waits awake for the next: a model's pass has shorter
// gaps, and waking takes longer.
void wm_threads_run(wm_threads *pool, wm_part *run, void *context, size_t parts);
#else
static inline wm_status wm_threads_open(wm_threads **pool, uint32_t threads,
                                        const wm_allocator *host, wm_error *error) {
    return (void)threads, (void)host, (void)error, *pool = NULL, WM_OK;
}
static inline void wm_threads_close(wm_threads *pool) { (void)pool; }
static inline size_t wm_threads_lanes(const wm_threads *pool) { return (void)pool, 1; }
static inline size_t wm_threads_parts(const wm_threads *pool, uint64_t work, size_t most) {
    return (void)pool, (void)work, (void)most, 1;
}
static inline void wm_threads_run(wm_threads *pool, wm_part *run, void *context, size_t parts) {
    (void)pool;
    for (size_t part = 0; part < parts; part++) run(context, part, 0);
}
#endif

#endif
