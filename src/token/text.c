// SPDX-License-Identifier: MIT OR Apache-2.0
#include "text.h"

// ---- Arrays -------------------------------------------------------------------------------------

bool wm_array_reserve(wm_array *array, const wm_allocator *host, uint64_t bytes) {
    if (array->p && bytes <= array->capacity - array->n) return true;
    uint64_t size, limit = array->limit ? array->limit : UINT32_MAX;
    if (!wm_add(array->n, bytes, &size) || size > limit) return false;
    size = WM_MAX(size + 256, WM_MIN((uint64_t)array->capacity * 2, limit));
    if (size > SIZE_MAX / 2) return false;
    void *memory = host->allocate(host->context, (size_t)size);
    if (!memory) return false;
    if (array->n) memcpy(memory, array->p, array->n);
    if (array->p) host->release(host->context, array->p);
    array->p = memory;
    array->capacity = (size_t)size;
    return true;
}

// A call that stores what it adds: a copy of so few bytes takes longer.
void *wm_array_add(wm_array *array, const wm_allocator *host, size_t size) {
    if (size >= array->capacity - array->n && !wm_array_reserve(array, host, size)) return NULL;
    array->n += size;
    return (uint8_t *)array->p + (array->n - size);
}

bool wm_array_push(wm_array *array, const wm_allocator *host, const void *bytes, size_t n) {
    void *to = wm_array_add(array, host, n);
    if (to && n) memcpy(to, bytes, n);
    return to;
}

WM_NOINLINE void wm_array_free(wm_array *array, const wm_allocator *host) {
    if (array->p) host->release(host->context, array->p);
    *array = (wm_array){0};
}

size_t wm_count_characters(wm_span text) {
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++) count += (text.p[i] & 0xC0) != 0x80;
    return count;
}

// ---- Reading ------------------------------------------------------------------------------------

// On to the last run that begins at `at` or before it; start and end of the `length` bytes there.
static WM_NOINLINE void find_source(wm_cursor *cursor, size_t at, size_t length) {
    const wm_text *text = cursor->text;
    const wm_run *run = text->runs + cursor->run, *end = text->runs + text->run_count;
    while (run + 1 < end && run[1].at <= at) run++;
    cursor->run = (size_t)(run - text->runs);
    cursor->start = run->start;
    cursor->end = run->end;
    if (run->end != WM_RUN_SAME) return;
    cursor->start += (uint32_t)at - run->at;
    cursor->end = cursor->start + (uint32_t)length;
}

wm_cursor wm_cursor_from(const wm_text *text, size_t at, size_t stop) {
    wm_cursor cursor = {text, at, stop, 0, 0, 0};
    for (size_t count = text->run_count, half; count > 1; count -= half) { // by halving, once
        half = count / 2;
        if (text->runs[cursor.run + half].at <= at) cursor.run += half;
    }
    find_source(&cursor, at, 0);
    cursor.end = cursor.start;
    return cursor;
}

bool wm_cursor_next(wm_cursor *cursor, uint32_t *c) {
    if (cursor->at >= cursor->stop) return false;
    size_t length = wm_utf8_decode(cursor->text->p + cursor->at, cursor->stop - cursor->at, c);
    if (!length) return false;
    find_source(cursor, cursor->at, length);
    cursor->at += length;
    return true;
}

static bool continues(const wm_text *text, size_t at) {
    return at < text->n && (text->p[at] & 0xC0) == 0x80;
}

void wm_cursor_source(wm_cursor *cursor, size_t start, size_t end, uint32_t *from, uint32_t *to) {
    while (start > 0 && continues(cursor->text, start)) start--;
    while (continues(cursor->text, end)) end++;
    find_source(cursor, start, 1);
    *from = cursor->start;
    size_t run = cursor->run;
    find_source(cursor, end - 1, 1);
    *to = cursor->end;
    cursor->run = run;
}

// ---- Writing ------------------------------------------------------------------------------------

WM_NOINLINE void wm_writer_clear(wm_writer *writer) {
    writer->bytes.n = writer->runs.n = 0;
    writer->failed = false;
}

void wm_writer_free(wm_writer *writer) {
    wm_array_free(&writer->bytes, writer->host);
    wm_array_free(&writer->runs, writer->host);
}

WM_NOINLINE wm_text wm_writer_text(const wm_writer *writer) {
    return (wm_text){writer->bytes.p, writer->bytes.n, writer->runs.p,
                     writer->runs.n / sizeof(wm_run)};
}

// What comes next is as the source's [start, end), or the same as its bytes from `start` on.
static bool begin_run(wm_writer *writer, uint32_t start, uint32_t end) {
    uint32_t at = (uint32_t)writer->bytes.n;
    if (writer->runs.n) {
        wm_run *last = (wm_run *)writer->runs.p + writer->runs.n / sizeof(wm_run) - 1;
        uint32_t expected = end == WM_RUN_SAME ? last->start + (at - last->at) : last->start;
        if (last->end == end && expected == start) return true;
    }
    wm_run *run = wm_array_add(&writer->runs, writer->host, sizeof *run);
    if (run) *run = (wm_run){at, start, end};
    return run;
}

void wm_writer_put(wm_writer *writer, uint32_t c, uint32_t start, uint32_t end) {
    if (writer->failed) return;
    size_t at = writer->bytes.n, length = 0;
    uint8_t *bytes = wm_array_add(&writer->bytes, writer->host, 4);
    writer->bytes.n = at;
    if (bytes) length = wm_utf8_encode(c, bytes);
    writer->failed = !bytes || !begin_run(writer, start, end - start == length ? WM_RUN_SAME : end);
    writer->bytes.n += length;
}

void wm_writer_copy(wm_writer *writer, wm_cursor *cursor, size_t stop) {
    const wm_text *text = cursor->text;
    while (cursor->at < stop && !writer->failed) {
        find_source(cursor, cursor->at, 1);
        size_t end = stop;
        if (cursor->run + 1 < text->run_count) end = WM_MIN(end, text->runs[cursor->run + 1].at);
        size_t n = end - cursor->at;
        bool same = text->runs[cursor->run].end == WM_RUN_SAME;
        if (!wm_array_reserve(&writer->bytes, writer->host, n) ||
            !begin_run(writer, cursor->start, same ? WM_RUN_SAME : cursor->end)) {
            writer->failed = true;
            return;
        }
        memcpy((uint8_t *)writer->bytes.p + writer->bytes.n, text->p + cursor->at, n);
        writer->bytes.n += n;
        cursor->at = end;
    }
}

void wm_writer_change(wm_writer *writer, wm_cursor *cursor, uint32_t c, int change) {
    uint32_t old;
    if (change > 0) {
        wm_writer_put(writer, c, cursor->start, cursor->end);
        return;
    }
    wm_cursor_next(cursor, &old);
    wm_writer_put(writer, c, cursor->start, cursor->end);
    for (; change < 0; change++) wm_cursor_next(cursor, &old);
}
