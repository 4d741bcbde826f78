// SPDX-License-Identifier: MIT OR Apache-2.0
// The checkpoints of tests/tiny (made by tools/make_tiny.py) as the tests need them: files, goldens
// and ways to spoil a file. Everything lives in the caller's arena.
#ifndef WM_TINY_H
#define WM_TINY_H

#include "../src/base/arena.h"
#include "../src/base/json.h"
#include "harness.h"

enum { TINY_FILES = 24 };

typedef struct tiny {
    wm_arena *arena;
    const char *name;
    wm_source files[TINY_FILES];
    size_t count;
    wm_json golden;
} tiny;

static inline wm_arena tiny_arena(void) {
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    return arena;
}

static inline void *tiny_allocate(wm_arena *arena, size_t count, size_t size) {
    void *memory = wm_arena_alloc(arena, count, size);
    assert_non_null(memory);
    return memory;
}

// a + b + c as a C string
static inline const char *tiny_join(wm_arena *arena, wm_span a, const char *b, wm_span c) {
    size_t n = strlen(b);
    char *text = tiny_allocate(arena, a.n + n + c.n + 1, 1);
    if (a.n) memcpy(text, a.p, a.n);
    memcpy(text + a.n, b, n);
    if (c.n) memcpy(text + a.n + n, c.p, c.n);
    text[a.n + n + c.n] = 0;
    return text;
}

static inline wm_span tiny_string(wm_arena *arena, wm_json string) {
    assert_true(wm_json_present(string) && wm_json_type_of(string) == WM_JSON_STRING);
    return wm_json_string_decode(string, tiny_allocate(arena, wm_json_span(string).n, 1));
}

static inline wm_json tiny_json(const char *path) {
    wm_json root;
    wm_error error = {0};
    if (wm_json_check(test_file(path), path, 0, &root, &error) != WM_OK) fail_msg("%s", error.text);
    return root;
}

// The folder that an entry of index.json lists.
static inline tiny tiny_of(wm_arena *arena, wm_json entry) {
    wm_span slash = WM_TEXT("/");
    tiny folder = {.arena = arena};
    folder.name =
        tiny_join(arena, tiny_string(arena, wm_json_get(entry, "name")), "", (wm_span){NULL, 0});
    const char *root = tiny_join(arena, WM_TEXT("tests/tiny/"), folder.name, slash);
    for (wm_json_iter i = wm_json_each(wm_json_get(entry, "files")); wm_json_next(&i);) {
        assert_true(folder.count < TINY_FILES);
        wm_span path = tiny_string(arena, i.value);
        folder.files[folder.count++] =
            (wm_source){path, test_file(tiny_join(arena, wm_span_of(root), "", path))};
    }
    folder.golden =
        tiny_json(tiny_join(arena, wm_span_of(root), "golden.json", (wm_span){NULL, 0}));
    return folder;
}

static inline tiny tiny_open(wm_arena *arena, const char *name) {
    static const char *const indexes[] = {"tests/tiny/index.json", "tests/tiny/later.json",
                                          "tests/tiny/heads.json"};
    for (size_t n = 0; n < WM_COUNT(indexes); n++)
        for (wm_json_iter i = wm_json_each(tiny_json(indexes[n])); wm_json_next(&i);)
            if (wm_json_string_is(wm_json_get(i.value, "name"), name))
                return tiny_of(arena, i.value);
    fail_msg("no folder tests/tiny/%s", name);
    return (tiny){.arena = arena};
}

static inline size_t tiny_number(wm_json value) {
    uint64_t number = 0;
    assert_true(wm_json_u64(value, &number));
    return (size_t)number;
}

static inline int32_t *tiny_ids(wm_arena *arena, wm_json list, size_t *count) {
    *count = 0;
    for (wm_json_iter i = wm_json_each(list); wm_json_next(&i);) ++*count;
    int32_t *ids = tiny_allocate(arena, *count, sizeof *ids), *next = ids;
    for (wm_json_iter i = wm_json_each(list); wm_json_next(&i);)
        *next++ = (int32_t)tiny_number(i.value);
    return ids;
}

// base64 → `count` floats
static inline const float *tiny_floats(wm_arena *arena, wm_json string, size_t count) {
    wm_span text = tiny_string(arena, string);
    uint8_t *bytes = tiny_allocate(arena, text.n, 1);
    size_t n = 0;
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; i < text.n && text.p[i] != '='; i++) {
        uint8_t c = text.p[i];
        uint32_t six = c == '+'   ? 62u
                       : c == '/' ? 63u
                       : c <= '9' ? c + 4u
                       : c <= 'Z' ? c - 65u
                                  : c - 71u;
        bits = bits << 6 | six;
        have += 6;
        if (have < 8) continue;
        have -= 8;
        bytes[n++] = (uint8_t)(bits >> have);
    }
    assert_int_equal(n, count * sizeof(float));
    float *values = tiny_allocate(arena, count, sizeof *values);
    memcpy(values, bytes, n);
    return values;
}

// The largest |got - want| over a row's max(1, |want|), over all rows.
static inline double tiny_distance(const float *got, const float *want, size_t rows, size_t cols) {
    double worst = 0;
    for (size_t r = 0; r < rows; r++, got += cols, want += cols) {
        double scale = 1, off = 0;
        for (size_t c = 0; c < cols; c++) {
            double size = want[c] < 0 ? -(double)want[c] : want[c];
            double difference = (double)got[c] - want[c];
            if (difference < 0) difference = -difference;
            if (!(difference <= 1e30)) return 1e30; // NaN too
            scale = WM_MAX(scale, size);
            off = WM_MAX(off, difference);
        }
        worst = WM_MAX(worst, off / scale);
    }
    return worst;
}

// ---- Spoiling files -------------------------------------------------------------------------

static inline wm_source *tiny_file(tiny *folder, const char *path) {
    for (size_t i = 0; i < folder->count; i++)
        if (wm_span_is(folder->files[i].path, path)) return &folder->files[i];
    fail_msg("%s has no %s", folder->name, path);
    return NULL;
}

static inline void tiny_remove(tiny *folder, const char *path) {
    *tiny_file(folder, path) = folder->files[folder->count - 1];
    folder->count--;
}

static inline void tiny_replace(tiny *folder, const char *path, const char *text) {
    tiny_file(folder, path)->bytes =
        wm_span_of(tiny_join(folder->arena, wm_span_of(text), "", (wm_span){NULL, 0}));
}

// The first `old` in the file becomes `fresh`.
static inline void tiny_edit(tiny *folder, const char *path, const char *old, const char *fresh) {
    wm_span *bytes = &tiny_file(folder, path)->bytes;
    size_t n = strlen(old);
    for (size_t i = 0; i + n <= bytes->n; i++) {
        if (memcmp(bytes->p + i, old, n)) continue;
        wm_span head = {bytes->p, i}, tail = {bytes->p + i + n, bytes->n - i - n};
        size_t size = head.n + strlen(fresh) + tail.n;
        *bytes = (wm_span){(const uint8_t *)tiny_join(folder->arena, head, fresh, tail), size};
        return;
    }
    fail_msg("%s: %s does not hold %s", folder->name, path, old);
}

// Sets a key of a JSON file's root object; `value` is JSON text, NULL takes the key away by
// renaming it.
static inline void tiny_set(tiny *folder, const char *path, const char *key, const char *value) {
    wm_span *bytes = &tiny_file(folder, path)->bytes;
    wm_json root;
    assert_int_equal(wm_json_check(*bytes, path, 0, &root, NULL), WM_OK);
    wm_json old = wm_json_get(root, key);
    if (!value) {
        const char *quoted = tiny_join(folder->arena, WM_TEXT("\""), key, WM_TEXT("\""));
        tiny_edit(folder, path, quoted, "\"-\"");
    } else if (wm_json_present(old)) {
        size_t at = (size_t)(old.p - bytes->p);
        size_t end = at + wm_json_span(old).n;
        wm_span head = {bytes->p, at}, tail = {bytes->p + end, bytes->n - end};
        *bytes = wm_span_of(tiny_join(folder->arena, head, value, tail));
    } else {
        const char *head = tiny_join(folder->arena, WM_TEXT("{\""), key, WM_TEXT("\": "));
        tiny_edit(folder, path, "{",
                  tiny_join(folder->arena, wm_span_of(head), value, WM_TEXT(",")));
    }
}

static inline bool tiny_says(const wm_error *error, const char *word) {
    size_t n = strlen(word), length = strlen(error->text);
    for (size_t i = 0; i + n <= length; i++)
        if (!memcmp(error->text + i, word, n)) return true;
    return false;
}

// That a call failed with this code and a text that holds `word`.
static inline void tiny_expect(const char *what, wm_status got, const wm_error *error,
                               wm_status want, const char *word) {
    if (got != want || error->status != want || !tiny_says(error, word))
        fail_msg("%s: expected %s with \"%s\", got %s: %s", what, wm_status_name(want), word,
                 wm_status_name(got), got == WM_OK ? "" : error->text);
}

#endif
