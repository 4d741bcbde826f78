// SPDX-License-Identifier: MIT OR Apache-2.0
// Threads: every part is done once, and what the operations give is the same bit for bit. `make
// test-tsan` runs this under ThreadSanitizer. As wasm there are none, and the same holds.
#include "../src/base/arena.h"
#include "../src/ops/ops.h"
#include "harness.h"

static wm_threads *open_threads(uint32_t count) {
    wm_threads *threads = NULL;
    wm_error error = {0};
    if (wm_threads_open(&threads, count, &wm_allocator_default, &error) != WM_OK)
        fail_msg("%s", error.text);
    return threads;
}

enum { PARTS = 1000 };

typedef struct counting {
    wm_threads *threads;
    uint32_t done[PARTS], inner[PARTS];
    size_t lanes;
} counting;

static void count_inner(void *context, size_t part, size_t lane) {
    uint32_t *inner = context;
    (void)lane;
    inner[part]++;
}

static void count_part(void *context, size_t part, size_t lane) {
    counting *c = context;
    c->done[part]++;
    if (lane >= c->lanes) c->done[part] = 99;
    if (part % 100) return;
    uint32_t inner[3] = {0}; // where the threads are busy the caller does all of it
    wm_threads_run(c->threads, count_inner, inner, WM_COUNT(inner));
    c->inner[part] = inner[0] + inner[1] + inner[2];
}

static void every_part_is_done_once(void **state) {
    (void)state;
    static counting c;
    for (uint32_t count = 0; count < 6; count++) {
        c.threads = open_threads(count);
        c.lanes = wm_threads_lanes(c.threads);
        assert_true(c.lanes <= WM_MAX(count, 1));
        for (size_t parts = 0; parts < PARTS; parts += 1 + parts / 4) {
            memset(c.done, 0, sizeof c.done);
            wm_threads_run(c.threads, count_part, &c, parts);
            for (size_t i = 0; i < PARTS; i++) {
                assert_int_equal(c.done[i], i < parts);
                if (i < parts && i % 100 == 0) assert_int_equal(c.inner[i], 3);
            }
        }
        wm_threads_close(c.threads);
    }
}

static void work_is_cut_where_it_pays(void **state) {
    (void)state;
    assert_int_equal(wm_threads_parts(NULL, UINT64_MAX, 1000), 1);
    wm_threads *threads = open_threads(3);
    assert_int_equal(wm_threads_parts(threads, 1000, 1000), 1);
    assert_int_equal(wm_threads_parts(threads, UINT64_MAX, 0), 1);
    if (threads)
        assert_int_equal(wm_threads_parts(threads, UINT64_MAX, 1000),
                         4 * wm_threads_lanes(threads));
    wm_threads_close(threads);
}

static void work(uint32_t steps) {
    for (volatile uint32_t i = 0; i < steps;) i++;
}

static void slow_help(void *context, size_t part, size_t lane) {
    (void)context, (void)part;
    work(lane ? 20000000 : 50000);
}

static void count_helped(void *context, size_t part, size_t lane) {
    *(size_t *)context += lane;
    work((uint32_t)part + 5000000);
}

// A busy machine: who is kept waiting works alone, for long enough to make up for it.
static void late_threads_get_nothing(void **state) {
    (void)state;
    wm_threads *threads = open_threads(2);
    size_t helped = 0;
    if (wm_threads_lanes(threads) < 2) return;
    for (int i = 0; i < 1000 && wm_threads_parts(threads, UINT64_MAX, 8) > 1; i++)
        wm_threads_run(threads, slow_help, NULL, 8);
    assert_int_equal(wm_threads_parts(threads, UINT64_MAX, 8), 1);
    wm_threads_run(threads, count_helped, &helped, 4);
    assert_int_equal(helped, 0);
    for (int i = 0; i < 1000 && wm_threads_parts(threads, UINT64_MAX, 8) == 1; i++)
        wm_threads_run(threads, count_helped, &helped, 1);
    assert_int_equal(wm_threads_parts(threads, UINT64_MAX, 8), 8);
    assert_int_equal(helped, 0);
    wm_threads_close(threads);
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    wm_threads *threads;
    wm_error error;
    wm_allocator host = test_failing_allocator(1);
    wm_status status = wm_threads_open(&threads, 2, &host, &error);
    if (status != WM_OK) assert_int_equal(status, WM_ERROR_NOMEM);
    assert_null(threads);
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = (float)(i * 7919 % 1021) * 0x1p-9f - 1;
}

enum { T = 67, MANY = 397, N = 601, K = 160, HEADS = 4, DH = 40 };

typedef struct results {
    float linear[T * N], many[MANY * K], normed[MANY * K], across[T * N], halves[T * N],
        one[N * 40], gelu[T * N * 2], mixed[2][T * HEADS * DH];
} results;

static void run_all(results *r, wm_threads *threads) {
    static float x[T * N + N * 1024], q[T * 3 * HEADS * DH],
        scratch[8 * WM_ATTENTION_ROWS * (T + 2 * WM_SCORES)];
    wm_kernels kernels = *wm_kernels_select(NULL);
    kernels.threads = threads;
    fill(x, WM_COUNT(x));
    fill(q, WM_COUNT(q));
    wm_matrix w = {.data = (const uint8_t *)(x + 5), .bias = x, .rows = N, .cols = K, .stride = K};
    wm_linear(&kernels, r->linear, N, x, K, &w, T);
    wm_matrix square = {.data = (const uint8_t *)x, .bias = x, .rows = K, .cols = K, .stride = K};
    wm_linear(&kernels, r->many, K, x, K, &square, MANY);
    wm_norm norm = {.weight = x, .bias = x + K, .eps = 1e-5f};
    wm_normalize_rows(&kernels, r->normed, r->many, x, &norm, MANY, K);
    w.type = WM_BF16;
    wm_linear(&kernels, r->halves, N, x, K, &w, T);
    w = (wm_matrix){
        .data = (const uint8_t *)x, .rows = N, .cols = K, .stride = N, .transposed = true};
    wm_linear(&kernels, r->across, N, x, K, &w, T);
    w = (wm_matrix){.data = (const uint8_t *)x, .rows = 512, .cols = 1024, .stride = 1024};
    wm_linear(&kernels, r->one, 512, x, 1024, &w, 1);
    fill(r->gelu, T * N * 2);
    wm_activate(&kernels, r->gelu, WM_GELU_ERF, T * N * 2);
    wm_attention_spec spec = {.heads = HEADS,
                              .kv_heads = HEADS,
                              .width = DH,
                              .q_row = 3 * HEADS * DH,
                              .q_head = DH,
                              .kv_row = 3 * HEADS * DH,
                              .kv_head = DH,
                              .y_row = HEADS * DH,
                              .scale = 0.1f,
                              .before = SIZE_MAX,
                              .after = SIZE_MAX};
    for (size_t i = 0; i < 2; i++) { // by row dots, and by panels of keys
        spec.whole = i;
        wm_attention(&kernels, r->mixed[i], q, q + HEADS * DH, q + 2 * HEADS * DH, scratch, &spec,
                     T, T);
    }
}

static void results_do_not_depend_on_threads(void **state) {
    (void)state;
    static results alone, shared;
    run_all(&alone, NULL);
    for (uint32_t count = 2; count < 6; count++) {
        wm_threads *threads = open_threads(count);
        for (int i = 0; i < 3; i++) {
            memset(&shared, 0, sizeof shared);
            run_all(&shared, threads);
            assert_memory_equal(&alone, &shared, sizeof alone);
        }
        wm_threads_close(threads);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_done_once),
        cmocka_unit_test(work_is_cut_where_it_pays),
        cmocka_unit_test(late_threads_get_nothing),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(results_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
