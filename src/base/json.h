// SPDX-License-Identifier: MIT OR Apache-2.0
// The one JSON reader: a strict check of the whole text, once, then cursors over it that cannot
// fail on syntax. Nothing is allocated and nothing recurses; a value is a view of its text.
#ifndef WM_JSON_H
#define WM_JSON_H

#include "arena.h"

typedef enum wm_json_type {
    WM_JSON_ABSENT,
    WM_JSON_NULL,
    WM_JSON_FALSE,
    WM_JSON_TRUE,
    WM_JSON_NUMBER,
    WM_JSON_STRING,
    WM_JSON_ARRAY,
    WM_JSON_OBJECT,
} wm_json_type;

// A checked value by its first byte: where it ends, its own text says. {NULL} stands for "absent".
typedef struct wm_json {
    const uint8_t *p;
} wm_json;

// flags: what Python's json reads and writes beyond the standard, for files that Python wrote
// (config.json kinds): NaN, Infinity, -Infinity, and escapes that are half of a surrogate pair,
// which decode to U+FFFD.
enum { WM_JSON_PYTHON = 1 };

// Checks `text` by RFC 8259 (UTF-8 strict, no BOM, depth ≤ WM_LIMIT_JSON_DEPTH, a string ≤
// WM_LIMIT_JSON_STRING) and gives its one value. `file` names it in errors (JSON, UTF8, LIMIT
// with the byte's offset; FORMAT or UNSUPPORTED where it is an HTML page or the like). A number or
// literal that ends the text, so that nothing would end it, comes out as null.
wm_status wm_json_check(wm_span text, const char *file, int flags, wm_json *root, wm_error *error);

// The same for the file `name` of a repository, as Python reads it; absent where there is none.
wm_status wm_json_file(const wm_source *files, size_t count, const char *name, wm_json *root,
                       wm_error *error);

// The bytes of a value; {NULL, 0} of an absent one.
wm_span wm_json_span(wm_json value);

static inline bool wm_json_present(wm_json value) { return value.p != NULL; }
wm_json_type wm_json_type_of(wm_json value);
static inline bool wm_json_null(wm_json value) { return wm_json_type_of(value) <= WM_JSON_NULL; }

// Iteration: for (wm_json_iter i = wm_json_each(array or object); wm_json_next(&i);) … i.key,
// i.value. Over anything that is not an array or object it ends at once.
typedef struct wm_json_iter {
    const uint8_t *p;
    bool object;
    wm_json key; // a string value; absent in arrays
    wm_json value;
} wm_json_iter;

wm_json_iter wm_json_each(wm_json container);
bool wm_json_next(wm_json_iter *iter);
uint32_t wm_json_count(wm_json container); // its items or members

// The value of `key` in an object: the last one where there are several, as Python reads it.
// Absent if there is none or `object` is no object (or absent itself). Each call reads all of the
// object: for many keys of a large one, iterate once.
wm_json wm_json_get(wm_json object, const char *key);

// False for other types and absent.
bool wm_json_string_is(wm_json string, const char *text);

// A view of the text where no escape needs decoding, else of `decoded`, which has room for the
// bytes of the string as it is written. Empty for other types and absent.
wm_span wm_json_string_decode(wm_json string, uint8_t *decoded);

// The text of a string: a view, or in the arena where an escape needs decoding. {NULL, 0} for other
// types and absent.
wm_status wm_json_text(wm_json string, wm_arena *arena, wm_span *text, wm_error *error);

// True, and *view is the text, where it has no escapes; false for other types and absent.
bool wm_json_string_plain(wm_json string, wm_span *view);

// Numbers: false where the value is absent, no number, or not exactly such an integer: 12, 12.0 and
// 1.2e1 are all twelve.
bool wm_json_u64(wm_json value, uint64_t *number);

// The nearest double, as Python reads it, where the digits without their point are below 2^64 and
// the number is no nearer than 1 : 2^100 to the middle of two doubles; within 1 ulp otherwise. Too
// large is infinite, as in Python; the NaN literals too.
bool wm_json_f64(wm_json value, double *number);

// As Rust's serde_json reads it, rounded twice: up to 1 ulp from the nearest. No literals.
bool wm_json_f64_twice(wm_json value, double *number);

bool wm_json_u64_of(wm_json object, const char *key, uint64_t *number); // the u64 of a key

bool wm_json_bool(wm_json value, bool *flag);
bool wm_json_flag(wm_json object, const char *key,
                  bool fallback); // of a key: fallback where it is no bool

#endif
