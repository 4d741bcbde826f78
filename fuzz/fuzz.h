// SPDX-License-Identifier: MIT OR Apache-2.0
// What every fuzz target stands on: a host that counts, and a check that aborts with its text.
#ifndef WM_FUZZ_H
#define WM_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../src/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                             \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

// The host: nothing may allocate more than `limit` at a time, nor leave anything behind.
typedef struct fuzz_host {
    size_t live, limit;
} fuzz_host;

typedef union fuzz_head {
    size_t size;
    max_align_t align;
} fuzz_head;

static inline void *fuzz_allocate(void *context, size_t size) {
    fuzz_host *host = context;
    host->live += size;
    FUZZ_CHECK(size < SIZE_MAX / 2 && host->live <= host->limit);
    fuzz_head *head = malloc(sizeof *head + size);
    if (!head) return NULL;
    head->size = size;
    return head + 1;
}

static inline void fuzz_release(void *context, void *memory) {
    fuzz_host *host = context;
    fuzz_head *head = (fuzz_head *)memory - 1;
    host->live -= head->size;
    free(head);
}

// For an input of `size` bytes: twice that and 16 MiB.
static inline fuzz_host fuzz_host_for(size_t size) {
    return (fuzz_host){0, 2 * size + (16u << 20)};
}

static inline wm_allocator fuzz_allocator(fuzz_host *host) {
    return (wm_allocator){host, fuzz_allocate, fuzz_release};
}

// A failure's error is whole: the status, a text, its end.
static inline void fuzz_check_error(wm_status status, const wm_error *error) {
    if (status == WM_OK) return;
    FUZZ_CHECK(error->status == status && strcmp(wm_status_name(status), "UNKNOWN") != 0);
    FUZZ_CHECK(error->text[0] && memchr(error->text, 0, sizeof error->text));
}

// A file of the repository, read once and kept until exit: targets run at its root.
static inline wm_span fuzz_file(const char *path) {
    FILE *file = fopen(path, "rb");
    FUZZ_CHECK(file && fseek(file, 0, SEEK_END) == 0);
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size);
    FUZZ_CHECK(bytes && fread(bytes, 1, size, file) == size);
    fclose(file);
    return (wm_span){bytes, size};
}

#endif
