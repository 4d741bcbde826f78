// SPDX-License-Identifier: MIT OR Apache-2.0
// The safetensors container. The first byte says what the rest is: a whole file, a header alone
// with the data that it asks for, or the index of two shards. What is taken must survive a round
// trip.
#include "../src/load/tensors.h"
#include "fuzz.h"

typedef struct fuzz_text {
    uint8_t *p;
    size_t n, capacity;
} fuzz_text;

static void put_text(fuzz_text *to, const char *text) {
    size_t n = strlen(text);
    FUZZ_CHECK(to->n + n <= to->capacity);
    memcpy(to->p + to->n, text, n);
    to->n += n;
}

static void put_number(fuzz_text *to, uint64_t number) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    put_text(to, digits);
}

// Every byte below 0x80 as an escape: the other way to write a name.
static void put_name(fuzz_text *to, wm_span name) {
    for (size_t i = 0; i < name.n; i++) {
        char escape[8] = {(char)name.p[i], 0};
        if (name.p[i] < 0x80) snprintf(escape, sizeof escape, "\\u%04x", name.p[i]);
        put_text(to, escape);
    }
}

// A file of the same tensors, last first.
static wm_span write_file(const wm_file *file, uint64_t data) {
    size_t count = wm_file_count(file), bytes = 64 + (size_t)data;
    for (size_t i = 0; i < count; i++) bytes += 400 + 6 * wm_file_tensor(file, i)->name.n;
    fuzz_text to = {malloc(bytes), 8, bytes};
    FUZZ_CHECK(to.p);
    uint64_t end = data;
    put_text(&to, "{");
    for (size_t i = count; i-- > 0;) {
        const wm_tensor *tensor = wm_file_tensor(file, i);
        put_text(&to, i + 1 == count ? "\"" : ",\"");
        put_name(&to, tensor->name);
        put_text(&to, "\":{\"shape\":[");
        for (uint32_t j = 0; j < tensor->rank; j++) {
            if (j) put_text(&to, ",");
            put_number(&to, tensor->shape[j]);
        }
        put_text(&to, "],\"dtype\":\"");
        put_text(&to, wm_dtype_name(tensor->dtype));
        put_text(&to, "\",\"data_offsets\":[");
        put_number(&to, end - tensor->bytes.n);
        put_text(&to, ",");
        put_number(&to, end);
        put_text(&to, "]}");
        end -= tensor->bytes.n;
    }
    FUZZ_CHECK(end == 0);
    put_text(&to, "}");
    uint64_t header = to.n - 8;
    memcpy(to.p, &header, 8);
    memset(to.p + to.n, 0, (size_t)data);
    return (wm_span){to.p, to.n + (size_t)data};
}

static void check_tensors(const wm_file *file, wm_span bytes) {
    const uint8_t *end = bytes.p + 8 + wm_read_u64(bytes.p);
    for (size_t i = 0; i < wm_file_count(file); i++) {
        const wm_tensor *tensor = wm_file_tensor(file, i);
        FUZZ_CHECK(tensor->bytes.p == end);
        end += tensor->bytes.n;
        uint64_t bits = wm_dtype_bits(tensor->dtype);
        for (uint32_t j = 0; j < tensor->rank; j++)
            FUZZ_CHECK(wm_mul(bits, tensor->shape[j], &bits));
        FUZZ_CHECK(bits == (uint64_t)tensor->bytes.n * 8);
        FUZZ_CHECK(wm_file_find(file, tensor->name) == tensor);
    }
    FUZZ_CHECK(end == bytes.p + bytes.n);
}

static void parse_file(wm_span bytes) {
    fuzz_host host = fuzz_host_for(bytes.n);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_file *file, *again;
    wm_error error;
    wm_status status = wm_file_parse(&file, bytes, &allocator, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) {
        check_tensors(file, bytes);
        uint64_t data = 0;
        for (size_t i = 0; i < wm_file_count(file); i++) data += wm_file_tensor(file, i)->bytes.n;
        wm_span written = write_file(file, data);
        status = wm_file_parse(&again, written, NULL, &error);
        if (status != WM_OK) fprintf(stderr, "%s\n", error.text);
        FUZZ_CHECK(status == WM_OK && wm_file_count(again) == wm_file_count(file));
        for (size_t i = 0; i < wm_file_count(file); i++) {
            const wm_tensor *tensor = wm_file_tensor(file, i),
                            *same = wm_file_find(again, tensor->name);
            FUZZ_CHECK(same && same->dtype == tensor->dtype && same->rank == tensor->rank);
            FUZZ_CHECK(memcmp(same->shape, tensor->shape, sizeof tensor->shape) == 0);
            FUZZ_CHECK(same->bytes.n == tensor->bytes.n);
        }
        wm_file_close(again);
        free((void *)written.p);
    }
    wm_file_close(file);
    FUZZ_CHECK(host.live == 0);
}

// The header with as much data as its second byte says.
static void parse_header(const uint8_t *data, size_t size) {
    if (!size) return;
    uint64_t header = size - 1;
    size_t rest = data[0];
    uint8_t *bytes = calloc(1, 8 + size + rest);
    FUZZ_CHECK(bytes);
    memcpy(bytes, &header, 8);
    memcpy(bytes + 8, data + 1, size - 1);
    parse_file((wm_span){bytes, 8 + size - 1 + rest});
    free(bytes);
}

// A container of one tensor.
#define SHARD(name)      \
    "\x37\0\0\0\0\0\0\0" \
    "{\"" name "\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}  \0\0"

static void open_index(wm_span index) {
    wm_source files[] = {
        {WM_TEXT("model.safetensors.index.json"), index},
        {WM_TEXT("1.safetensors"), WM_TEXT(SHARD("a"))},
        {WM_TEXT("2.safetensors"), WM_TEXT(SHARD("b"))},
        {WM_TEXT("x/3.safetensors"), WM_TEXT(SHARD("b"))},
    };
    fuzz_host host = fuzz_host_for(index.n);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_arena arena;
    wm_tensors tensors;
    wm_error error;
    wm_arena_init(&arena, &allocator);
    wm_status status = wm_tensors_open(&tensors, files, WM_COUNT(files), &arena, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) {
        FUZZ_CHECK(tensors.count <= 2);
        for (uint32_t i = 0; i < tensors.count; i++)
            FUZZ_CHECK(wm_tensors_index(&tensors, tensors.all[i]->name) == i);
    }
    wm_arena_free(&arena);
    FUZZ_CHECK(host.live == 0);
    status = wm_path_check(index, "fuzz", &error);
    fuzz_check_error(status, &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    switch (data[0]) {
    case 'f': parse_file((wm_span){data + 1, size - 1}); break;
    case 'h': parse_header(data + 1, size - 1); break;
    case 'i': open_index((wm_span){data + 1, size - 1}); break;
    }
    return 0;
}
