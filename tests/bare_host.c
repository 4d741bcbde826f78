// SPDX-License-Identifier: MIT OR Apache-2.0
// The harness's host where there is no cmocka: for another processor's tests in an emulator.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

int test_main(void);
int host_run(const char *name, void (*test)(void **state));
_Noreturn void host_fail(const char *file, int line, const char *format, va_list arguments);
_Noreturn void host_skip(void);
void host_print(const char *format, va_list arguments);
int host_file_open(const char *path);
void host_file_read(uint8_t *to);

enum { FAILED = 1, SKIPPED };

static jmp_buf running;
static FILE *opened;
static size_t opened_size;

int host_run(const char *name, void (*test)(void **state)) {
    int end = setjmp(running);
    if (end == 0) test(NULL);
    printf("%s - %s%s\n", end == FAILED ? "not ok" : "ok", name, end == SKIPPED ? " # SKIP" : "");
    return end == FAILED;
}

void host_fail(const char *file, int line, const char *format, va_list arguments) {
    printf("# %s:%d: ", file, line);
    vprintf(format, arguments);
    printf("\n");
    longjmp(running, FAILED);
}

void host_skip(void) { longjmp(running, SKIPPED); }

void host_print(const char *format, va_list arguments) {
    printf("# ");
    vprintf(format, arguments);
}

int host_file_open(const char *path) {
    opened = fopen(path, "rb");
    if (!opened) return -1;
    fseek(opened, 0, SEEK_END);
    opened_size = (size_t)ftell(opened);
    rewind(opened);
    return (int)opened_size;
}

void host_file_read(uint8_t *to) {
    if (fread(to, 1, opened_size, opened) != opened_size) printf("# a file has shrunk\n");
    fclose(opened);
}

int main(void) { return test_main(); }
