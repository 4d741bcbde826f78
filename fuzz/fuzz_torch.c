// SPDX-License-Identifier: MIT OR Apache-2.0
// PyTorch's files. The first byte says what the rest is: a whole file, or a pickle, which goes into
// a zip beside two storages. Every number of what is taken is read.
#include "../cli/weights.h"
#include "../src/load/tensors.h"
#include "fuzz.h"

static void read_all(const weights *w) {
    for (size_t i = 0; i < w->count; i++) {
        const wm_tensor *t = &w->all[i].tensor;
        uint64_t bits = wm_dtype_bits(t->dtype);
        for (uint32_t j = 0; j < t->rank; j++) FUZZ_CHECK(wm_mul(bits, t->shape[j], &bits));
        FUZZ_CHECK(bits == (uint64_t)t->bytes.n * 8 && t->bytes.n <= w->all[i].stored.n);
        void *numbers = malloc(t->bytes.n + 1);
        FUZZ_CHECK(numbers);
        weight_rows(&w->all[i], 0, t->rank ? t->shape[0] : 1, numbers);
        free(numbers);
    }
}

static void read_file(wm_span bytes) {
    fuzz_host host = fuzz_host_for(bytes.n);
    wm_allocator allocator = fuzz_allocator(&host);
    weights w = {0};
    wm_error error;
    wm_arena arena;
    wm_arena_init(&arena, &allocator);
    wm_status status = torch_read(&w, bytes, WM_TEXT("fuzz.bin"), &arena, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) read_all(&w);
    wm_arena_free(&arena);
    FUZZ_CHECK(host.live == 0);
}

typedef struct writer {
    uint8_t *p;
    size_t n;
} writer;

static void put(writer *w, const void *bytes, size_t n) {
    memcpy(w->p + w->n, bytes, n);
    w->n += n;
}

static void put_number(writer *w, uint64_t number, size_t size) { put(w, &number, size); }

enum { FILES = 3, STORAGE = 96 };

// A zip as torch writes it, checksums left out.
static void read_pickle(wm_span pickle) {
    static const uint8_t storage[STORAGE];
    static const char *const names[FILES] = {"a/data.pkl", "a/data/0", "a/data/1"};
    const wm_span files[FILES] = {pickle, {storage, STORAGE}, {storage, STORAGE}};
    size_t places[FILES];
    writer w = {malloc(pickle.n + 1000), 0};
    FUZZ_CHECK(w.p);
    for (int i = 0; i < FILES; i++) {
        places[i] = w.n;
        put(&w, "PK\3\4", 4);
        put(&w, storage, 22);
        put_number(&w, strlen(names[i]), 2), put_number(&w, 0, 2);
        put(&w, names[i], strlen(names[i]));
        put(&w, files[i].p, files[i].n);
    }
    size_t start = w.n;
    for (int i = 0; i < FILES; i++) {
        put(&w, "PK\1\2", 4);
        put(&w, storage, 16);
        put_number(&w, files[i].n, 4), put_number(&w, files[i].n, 4);
        put_number(&w, strlen(names[i]), 2);
        put(&w, storage, 12);
        put_number(&w, places[i], 4);
        put(&w, names[i], strlen(names[i]));
    }
    size_t end = w.n;
    put(&w, "PK\5\6\0\0\0\0", 8);
    put_number(&w, FILES, 2), put_number(&w, FILES, 2);
    put_number(&w, end - start, 4), put_number(&w, start, 4), put_number(&w, 0, 2);
    read_file((wm_span){w.p, w.n});
    free(w.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    wm_span rest = {data + 1, size - 1};
    switch (data[0]) {
    case 'f': read_file(rest); break;
    case 'p': read_pickle(rest); break;
    }
    return 0;
}
