// SPDX-License-Identifier: MIT OR Apache-2.0
#define _DEFAULT_SOURCE // madvise: POSIX's own does nothing in glibc
#include "container.h"

#include "../src/quant/quant.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CHUNK = 4 << 20 }; // bytes of numbers at a time

typedef struct writer {
    int fd;
    const char *path;
    void *numbers, *parts[3]; // a chunk of what is read, and what becomes of it
    size_t room[4];
    wm_error error;
} writer;

static int failed(const writer *w) { return cli_error(w->path, &w->error); }

static bool reserve(void **memory, size_t *room, size_t n) {
    if (n <= *room) return true;
    free(*memory);
    *memory = malloc(n);
    *room = *memory ? n : 0;
    return *memory != NULL;
}

static int write_at(const writer *w, const void *bytes, size_t n, uint64_t at) {
    const uint8_t *p = bytes;
    while (n) {
        if (cli_stopped()) return CLI_FAILED; // convert says so
        ssize_t written = pwrite(w->fd, p, n, (off_t)at);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EFAULT) // what is mapped is no longer there
            return cli_fail("IO: a file of the model became shorter while it was read");
        if (written <= 0) return cli_fail("%s: IO: %s", w->path, strerror(errno));
        p += written;
        at += (uint64_t)written;
        n -= (size_t)written;
    }
    return CLI_OK;
}

// ---- The header ---------------------------------------------------------------------------------

static void put_tensor(FILE *to, const wm_tensor *tensor, wm_span name, const char *suffix,
                       uint64_t *at) {
    char *full = NULL;
    size_t n = 0;
    FILE *text = open_memstream(&full, &n);
    if (text) fwrite(name.p, 1, name.n, text), fputs(suffix, text), fclose(text);
    putc(',', to);
    cli_write_string(to, (wm_span){(const uint8_t *)full, n});
    free(full);
    fprintf(to, ":{\"dtype\":\"%s\",\"shape\":[", wm_dtype_name(tensor->dtype));
    for (uint32_t i = 0; i < tensor->rank; i++)
        fprintf(to, i ? ",%" PRIu64 : "%" PRIu64, tensor->shape[i]);
    fprintf(to, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", *at, *at + tensor->bytes.n);
    *at += tensor->bytes.n;
}

static void put_header(FILE *to, container *c, int quantize, const char *dtype) {
    uint64_t at = 0;
    fputs("{\"__metadata__\":{\"format\":\"pt\"", to);
    if (quantize != CONTAINER_PLAIN)
        fprintf(to, ",\"wasmicro.quant\":\"%s:1\",\"wasmicro.dtype\":\"%s\"",
                wm_quant_name((wm_quant)quantize), dtype);
    putc('}', to);
    for (size_t i = 0; i < c->count; i++) {
        container_entry *e = &c->entries[i];
        wm_span name = e->from->tensor.name;
        e->offset = at;
        put_tensor(to, &e->plan.data, name, "", &at);
        if (e->plan.scale.rank) put_tensor(to, &e->plan.scale, name, ".scale", &at);
        if (e->plan.zero.rank) put_tensor(to, &e->plan.zero, name, ".zero", &at);
    }
    putc('}', to);
    c->after = at;
}

// Writes it, and moves all offsets behind it.
static int write_header(writer *w, container *c, int quantize, const char *dtype) {
    char *text = NULL;
    size_t n = 0;
    uint8_t length[8];
    FILE *to = open_memstream(&text, &n);
    if (to) put_header(to, c, quantize, dtype);
    while (to && ftell(to) % 8) putc(' ', to);
    bool good = to && !ferror(to);
    if (to && fclose(to)) good = false;
    int result =
        good && n <= 100000000 ? CLI_OK : cli_fail("%s: LIMIT: a header of over 100 MB", w->path);
    for (int i = 0; i < 8; i++) length[i] = (uint8_t)((uint64_t)n >> (8 * i));
    if (result == CLI_OK) result = write_at(w, length, sizeof length, 0);
    if (result == CLI_OK) result = write_at(w, text, n, 8);
    for (size_t i = 0; i < c->count; i++) c->entries[i].offset += 8 + n;
    c->after += 8 + n;
    free(text);
    return result;
}

// ---- One tensor ---------------------------------------------------------------------------------

// Mapped pages that have been read are given back: a file may be larger than the memory.
static void forget(wm_span bytes) {
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), first = (uintptr_t)bytes.p;
    uintptr_t last = (first + bytes.n) / page * page;
    first = (first + page - 1) / page * page;
    if (first < last) madvise((void *)first, last - first, MADV_DONTNEED);
}

static uint64_t rows_of(const wm_tensor *t) { return t->rank ? t->shape[0] : 1; }

// Rows that make a chunk, of `row` bytes each.
static uint64_t chunk_rows(uint64_t row) { return row >= CHUNK ? 1 : CHUNK / (row ? row : 1); }

// The rows' numbers: where they are, or in w->numbers.
static int read_rows(writer *w, const weight *from, uint64_t first, uint64_t rows, wm_span *to) {
    uint64_t row = from->tensor.bytes.n / rows_of(&from->tensor);
    to->n = (size_t)(rows * row);
    to->p = from->tensor.bytes.p ? from->tensor.bytes.p + first * row : NULL;
    if (to->p) return CLI_OK;
    if (!reserve(&w->numbers, &w->room[3], to->n))
        return cli_fail("%s: NOMEM: no memory for %zu bytes", w->path, to->n);
    weight_rows(from, first, rows, w->numbers);
    to->p = w->numbers;
    return CLI_OK;
}

static int keep(writer *w, const container_entry *e) {
    const wm_tensor *tensor = &e->from->tensor;
    wm_span bytes;
    if (!tensor->bytes.n) return CLI_OK;
    uint64_t rows = rows_of(tensor), row = tensor->bytes.n / rows, step = chunk_rows(row);
    int result = CLI_OK;
    for (uint64_t first = 0; first < rows && result == CLI_OK; first += step) {
        uint64_t n = WM_MIN(step, rows - first);
        result = read_rows(w, e->from, first, n, &bytes);
        if (result == CLI_OK) result = write_at(w, bytes.p, bytes.n, e->offset + first * row);
        if (tensor->bytes.p) forget(bytes);
    }
    if (!tensor->bytes.p) forget(e->from->stored);
    return result;
}

typedef struct sums {
    double off, all; // of squares
} sums;

// How far the chunk is from what it was.
static void measure(container_entry *e, const wm_quant_plan *plan, const wm_tensor *numbers,
                    const writer *w, float *y, sums *s) {
    bool turned = e->plan.role == WM_QUANT_TRANSPOSE && plan->kind != WM_QUANT_F16;
    for (uint64_t row = 0; row < plan->rows; row++) {
        wm_dequantize_row(plan, w->parts[0], w->parts[1], w->parts[2], row, y);
        for (uint64_t k = 0; k < plan->cols; k++) {
            uint64_t at = turned ? k * plan->rows + row : row * plan->cols + k;
            double x = (double)wm_tensor_number(numbers, at), off = fabs((double)y[k] - x);
            if (off > e->max_error) e->max_error = off;
            s->off += off * off;
            s->all += x * x;
        }
    }
}

static int quantize_chunk(writer *w, container_entry *e, uint64_t first, uint64_t rows, sums *s) {
    wm_tensor numbers = e->from->tensor;
    wm_quant_plan plan = {0};
    int result = read_rows(w, e->from, first, rows, &numbers.bytes);
    if (result != CLI_OK) return result;
    numbers.shape[0] = rows;
    if (wm_quantize_plan(&plan, &numbers, e->plan.kind, e->plan.role, &w->error) != WM_OK)
        return failed(w);
    const size_t sizes[3] = {plan.data.bytes.n, plan.scale.bytes.n, plan.zero.bytes.n};
    const size_t whole[3] = {e->plan.data.bytes.n, e->plan.scale.bytes.n, e->plan.zero.bytes.n};
    float *y = malloc((size_t)plan.cols * sizeof *y);
    bool room = y != NULL;
    for (int i = 0; i < 3 && room; i++) room = reserve(&w->parts[i], &w->room[i], sizes[i]);
    if (!room)
        result = cli_fail("%s: NOMEM: no memory for a tensor", w->path);
    else if (wm_quantize(&plan, &numbers, w->parts[0], w->parts[1], w->parts[2], &w->error) !=
             WM_OK)
        result = failed(w);
    else
        measure(e, &plan, &numbers, w, y, s);
    free(y);
    uint64_t at = e->offset;
    for (int i = 0; i < 3 && result == CLI_OK; at += whole[i++]) // a part's rows are all as long
        result = write_at(w, w->parts[i], sizes[i], at + whole[i] / e->plan.rows * first);
    if (e->from->tensor.bytes.p) forget(numbers.bytes);
    return result;
}

static int quantize_rows(writer *w, container_entry *e) {
    const wm_tensor *tensor = &e->from->tensor;
    uint64_t rows = tensor->shape[0], step = chunk_rows(tensor->bytes.n / rows);
    sums s = {0, 0};
    int result = CLI_OK;
    if (e->plan.role == WM_QUANT_TRANSPOSE && e->plan.kind != WM_QUANT_F16) step = rows;
    for (uint64_t first = 0; first < rows && result == CLI_OK; first += step)
        result = quantize_chunk(w, e, first, WM_MIN(step, rows - first), &s);
    if (!tensor->bytes.p) forget(e->from->stored);
    e->error = s.all > 0 ? sqrt(s.off / s.all) : 0;
    return result;
}

// ---- All of them --------------------------------------------------------------------------------

static int by_name(const void *a, const void *b) {
    wm_span x = (*(const weight *const *)a)->tensor.name;
    wm_span y = (*(const weight *const *)b)->tensor.name;
    size_t n = WM_MIN(x.n, y.n);
    int difference = n ? memcmp(x.p, y.p, n) : 0;
    return difference ? difference : (x.n > y.n) - (x.n < y.n);
}

static wm_status check_names(const weights *from, wm_arena *arena, wm_error *error) {
    const weight **sorted;
    WM_TRY(WM_ALLOC(arena, sorted, from->count, error));
    for (size_t i = 0; i < from->count; i++) sorted[i] = &from->all[i];
    qsort(sorted, from->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < from->count; i++)
        if (wm_span_equal(sorted[i]->tensor.name, sorted[i - 1]->tensor.name))
            return wm_fail(error, WM_ERROR_DUP, 0, "tensor %s is there twice",
                           &sorted[i]->tensor.name);
    return WM_OK;
}

static wm_status make_plans(container *c, const weights *from, int quantize,
                            const wm_config *config, wm_arena *arena, wm_error *error) {
    *c = (container){0};
    WM_TRY(check_names(from, arena, error));
    WM_TRY(WM_ALLOC(arena, c->entries, from->count, error));
    for (size_t i = 0; i < from->count; i++) {
        const weight *w = &from->all[i];
        container_entry *e = &c->entries[c->count++];
        *e = (container_entry){.from = w, .plan = {.data = w->tensor}};
        c->before += w->type ? w->stored.n : w->tensor.bytes.n;
        if (quantize == CONTAINER_PLAIN || !w->tensor.bytes.n) continue;
        wm_quant_role role = wm_config_quant_role(config, w->tensor.name);
        if (role == WM_QUANT_KEEP) continue;
        if (w->tensor.dtype == WM_DTYPE_I8 || w->tensor.dtype == WM_DTYPE_U8)
            return wm_fail(error, WM_ERROR_UNSUPPORTED, 0,
                           "tensor %s is quantised already: convert the model that it was made of",
                           &w->tensor.name);
        wm_quant kind = wm_config_quant_kind(config, w->tensor.name, (wm_quant)quantize);
        WM_TRY(wm_quantize_plan(&e->plan, &w->tensor, kind, role, error));
        e->quantized = true;
    }
    return WM_OK;
}

static const char *first_dtype(const container *c) {
    for (size_t i = 0; i < c->count; i++)
        if (c->entries[i].quantized) return wm_dtype_name(c->entries[i].from->tensor.dtype);
    return "F32";
}

int container_write(container *c, const char *path, const weights *from, int quantize,
                    const wm_config *config, wm_arena *arena) {
    writer w = {.path = path};
    if (make_plans(c, from, quantize, config, arena, &w.error) != WM_OK) return failed(&w);
    w.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (w.fd < 0) return cli_fail("%s: IO: %s", path, strerror(errno));
    int result = write_header(&w, c, quantize, first_dtype(c));
    for (size_t i = 0; i < c->count && result == CLI_OK; i++)
        result =
            c->entries[i].quantized ? quantize_rows(&w, &c->entries[i]) : keep(&w, &c->entries[i]);
    // Empty tensors at the end are no bytes: the length is what the header says.
    if (result == CLI_OK && (ftruncate(w.fd, (off_t)c->after) || fsync(w.fd)))
        result = cli_fail("%s: IO: %s", path, strerror(errno));
    if (close(w.fd) && result == CLI_OK) result = cli_fail("%s: IO: %s", path, strerror(errno));
    for (int i = 0; i < 3; i++) free(w.parts[i]);
    free(w.numbers);
    return result;
}
