// SPDX-License-Identifier: MIT OR Apache-2.0
// The harness natively and as wasm; only what asks the host differs.
#include "harness.h"

static long allocations_left; // until the one that fails; at 0 none does
static bool failing_on;       // after it too
static size_t live_allocations;

static void *counted_allocate(void *context, size_t size) {
    (void)context;
    if (allocations_left && --allocations_left == 0) {
        if (failing_on) allocations_left = 1;
        return NULL;
    }
    void *memory = malloc(size ? size : 1);
    if (memory) live_allocations++;
    return memory;
}

static void counted_release(void *context, void *memory) {
    (void)context;
    live_allocations--;
    free(memory);
}

wm_allocator test_failing_allocator(long n) {
    allocations_left = n < 0 ? -n : n;
    failing_on = n < 0;
    live_allocations = 0;
    return (wm_allocator){NULL, counted_allocate, counted_release};
}

size_t test_live_allocations(void) { return live_allocations; }

#if !defined(__wasm__) && !defined(WM_TEST_BARE)

#include <stdio.h>

// Files are kept in a list, so that a leak checker sees them as in use.
typedef struct kept_file {
    struct kept_file *next;
    uint8_t bytes[];
} kept_file;

static kept_file *kept_files;

wm_span test_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        fail_msg("cannot read %s (run it at the repository's root)", path);
    long size = ftell(file);
    rewind(file);
    // Its own block, with nothing behind the last byte: a sanitizer sees a read past the end.
    kept_file *kept = malloc(sizeof *kept + (size_t)size);
    if (size < 0 || !kept || fread(kept->bytes, 1, (size_t)size, file) != (size_t)size)
        fail_msg("cannot read %s", path);
    fclose(file);
    kept->next = kept_files;
    kept_files = kept;
    return (wm_span){kept->bytes, (size_t)size};
}

void test_near(double got, double want, double tolerance, const char *file, int line) {
    double difference = got > want ? got - want : want - got;
    if (difference <= tolerance || got == want || (got != got && want != want)) return;
    print_error("%s:%d: got %.17g, want %.17g, off by %.3g, allowed %.3g\n", file, line, got, want,
                difference, tolerance);
    _fail(file, line);
}

#else

#ifdef __wasm__
#define IMPORT(name) __attribute__((import_module("test"), import_name(#name)))
#else
#define IMPORT(name)
#endif

// Runs the function at a place in the table and says how it ended: it returned, failed or was
// skipped.
IMPORT(run) int host_run(const char *name, void (*test)(void **state));
// Ends the running test: a JavaScript exception unwinds the wasm.
IMPORT(fail)
_Noreturn void host_fail(const char *file, int line, const char *format, va_list arguments);
IMPORT(skip) _Noreturn void host_skip(void);
IMPORT(print) void host_print(const char *format, va_list arguments);
// The file's size, -1 if there is none; its bytes are copied by the second call.
IMPORT(file_open) int host_file_open(const char *path);
IMPORT(file_read) void host_file_read(uint8_t *to);

int test_group(const char *name, const struct CMUnitTest *tests, size_t count, void *setup,
               void *teardown) {
    (void)name, (void)setup, (void)teardown;
    int failed = 0;
    for (size_t i = 0; i < count; i++) failed += host_run(tests[i].name, tests[i].test);
    return failed;
}

void test_fail(const char *file, int line, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    host_fail(file, line, format, arguments);
}

void test_skip(void) { host_skip(); }

void test_print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    host_print(format, arguments);
    va_end(arguments);
}

void test_true(bool value, const char *text, const char *file, int line) {
    if (!value) test_fail(file, line, "%s", text);
}

void test_int(unsigned long long a, unsigned long long b, bool equal, const char *file, int line) {
    if ((a == b) != equal) test_fail(file, line, "%llu %s %llu", a, equal ? "!=" : "==", b);
}

void test_string(const char *a, const char *b, const char *file, int line) {
    size_t n = strlen(a);
    if (n != strlen(b) || memcmp(a, b, n)) test_fail(file, line, "\"%s\" != \"%s\"", a, b);
}

void test_memory(const void *a, const void *b, size_t size, const char *file, int line) {
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            test_fail(file, line, "byte %zu of %zu: 0x%02x != 0x%02x", i, size, (unsigned)x[i],
                      (unsigned)y[i]);
}

void test_near(double got, double want, double tolerance, const char *file, int line) {
    double difference = got > want ? got - want : want - got;
    if (difference <= tolerance || got == want || (got != got && want != want)) return;
    test_fail(file, line, "got %g, want %g, off by %g, allowed %g", got, want, difference,
              tolerance);
}

wm_span test_file(const char *path) {
    int size = host_file_open(path);
    uint8_t *bytes = size < 0 ? NULL : malloc(size ? (size_t)size : 1);
    if (!bytes) test_fail(__FILE__, __LINE__, "cannot read %s", path);
    host_file_read(bytes);
    return (wm_span){bytes, (size_t)size};
}

#endif
