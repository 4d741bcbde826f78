// SPDX-License-Identifier: MIT OR Apache-2.0
// What every layer stands on: libc's few functions, spans, checked arithmetic, the error value.
#ifndef WM_BASE_H
#define WM_BASE_H

#include "../../include/wasmicro.h"

#include <limits.h>

#ifdef __FAST_MATH__
#error "wasmicro's results depend on IEEE arithmetic: do not build it with -ffast-math"
#endif
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wasmicro reads little-endian weights in place: big-endian machines are not supported"
#endif

#ifdef __wasm__ // bare wasm32 has no libc headers; wasm/libc.c defines these
void *malloc(size_t size);
void free(void *memory);
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *text);
#else
#include <stdlib.h>
#include <string.h>
#endif

#define WM_NOINLINE __attribute__((noinline)) // where inlining makes the wasm larger
// Where the wasm's callers would otherwise each load the fields of the parameter and pass those.
#define WM_AS_POINTER(parameter) __asm__("" : "+r"(parameter))

#define WM_COUNT(array) (sizeof(array) / sizeof(array)[0])
#define WM_MIN(a, b) ((a) < (b) ? (a) : (b))
#define WM_MAX(a, b) ((a) > (b) ? (a) : (b))

// Hard limits on what a file may ask for (bad inputs are refused before anything is allocated).
#define WM_LIMIT_HEADER 100000000u // bytes of a safetensors header
#define WM_LIMIT_TENSORS 65536u
#define WM_LIMIT_NAME 1024u // bytes of a tensor's name
#define WM_LIMIT_DIMENSION (UINT64_C(1) << 31)
#define WM_LIMIT_SHARDS 4096u
#define WM_LIMIT_LAYERS 1024u
#define WM_LIMIT_WIDTH 65536u // hidden, feed-forward: × 16
#define WM_LIMIT_HEADS 1024u
#define WM_LIMIT_VOCABULARY 4194304u
#define WM_LIMIT_POSITIONS 1048576u
#define WM_LIMIT_JSON_DEPTH 64u
#define WM_LIMIT_JSON_STRING (16u << 20)
#define WM_LIMIT_CONFIG (16u << 20) // bytes of a config.json kind
#define WM_LIMIT_TOKENS (1u << 24)  // of one text
#define WM_LIMIT_TEXT (256u << 20)  // bytes of one text
#define WM_LIMIT_BATCH (1u << 20)

// ---- Errors -----------------------------------------------------------------------------------

// Fills `error` (may be NULL) and returns `status`, so that a check reads
//     return wm_fail(error, WM_ERROR_SHAPE, 0, "tensor %s: expected %u rows, got %u", &name, a, b);
// The format knows: %s const wm_span *; %z const char *; %u uint64_t; %d int64_t; %%.
// Control bytes come out as "?"; the text is cut to fit, never inside a UTF-8 character.
// Up to six values, which all travel as 64 bits: variadic calls take 1.3 KB more of wasm.
#define wm_fail(...)                                                                            \
    WM_FAIL_PICK(__VA_ARGS__, WM_FAIL_6, WM_FAIL_5, WM_FAIL_4, WM_FAIL_3, WM_FAIL_2, WM_FAIL_1, \
                 WM_FAIL_0, 0)                                                                  \
    (__VA_ARGS__)
#define WM_FAIL_PICK(e, s, o, f, a1, a2, a3, a4, a5, a6, pick, ...) pick
#define WM_FAIL_0(e, s, o, f) wm_fail_0(e, s, o, f)
#define WM_FAIL_1(e, s, o, f, a) wm_fail_2(e, s, o, f, WM_FAIL_VALUE(a), 0)
#define WM_FAIL_2(e, s, o, f, a, b) wm_fail_2(e, s, o, f, WM_FAIL_VALUE(a), WM_FAIL_VALUE(b))
#define WM_FAIL_3(e, s, o, f, a, b, c) WM_FAIL_6(e, s, o, f, a, b, c, NULL, NULL, NULL)
#define WM_FAIL_4(e, s, o, f, a, b, c, d) WM_FAIL_6(e, s, o, f, a, b, c, d, NULL, NULL)
#define WM_FAIL_5(e, s, o, f, a, b, c, d, g) WM_FAIL_6(e, s, o, f, a, b, c, d, g, NULL)
#define WM_FAIL_6(e, s, o, f, a, b, c, d, g, h)                                                   \
    wm_fail_6(e, s, o, f, WM_FAIL_VALUE(a), WM_FAIL_VALUE(b), WM_FAIL_VALUE(c), WM_FAIL_VALUE(d), \
              WM_FAIL_VALUE(g), WM_FAIL_VALUE(h))
#define WM_FAIL_VALUE(a) \
    _Generic((a), uint64_t: (a), int64_t: (uint64_t)(a), default: (uint64_t)(uintptr_t)(a))

wm_status wm_fail_0(wm_error *error, wm_status status, uint64_t offset, const char *format);
wm_status wm_fail_2(wm_error *error, wm_status status, uint64_t offset, const char *format,
                    uint64_t a, uint64_t b);
wm_status wm_fail_6(wm_error *error, wm_status status, uint64_t offset, const char *format,
                    uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

// The only control macro: passes a failure on.
#define WM_TRY(expression)                                \
    do {                                                  \
        wm_status wm_try_status = (expression);           \
        if (wm_try_status != WM_OK) return wm_try_status; \
    } while (0)

// ---- Checked arithmetic: *result is written only on success -------------------------------------

static inline bool wm_add(uint64_t a, uint64_t b, uint64_t *result) {
    if (a > UINT64_MAX - b) return false;
    *result = a + b;
    return true;
}

bool wm_mul(uint64_t a, uint64_t b, uint64_t *result);

// ---- Spans ------------------------------------------------------------------------------------

static inline wm_span wm_span_of(const char *text) {
    return (wm_span){(const uint8_t *)text, strlen(text)};
}

static inline bool wm_span_equal(wm_span a, wm_span b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool wm_span_is(wm_span a, const char *text) {
    return wm_span_equal(a, wm_span_of(text));
}

static inline bool wm_span_starts(wm_span a, const char *prefix) {
    size_t n = strlen(prefix);
    return a.n >= n && memcmp(a.p, prefix, n) == 0;
}

bool wm_span_ends(wm_span a, const char *suffix);

// The n bytes at `p`, ASCII letters made lower, are those of `lower`.
bool wm_letters_equal(const uint8_t *p, const char *lower, size_t n);

// The file at `path`, or NULL. Of two with one path the first counts.
const wm_source *wm_source_find(const wm_source *files, size_t count, const char *path);

// FNV-1a, which can stop at any byte, with a finish that spreads it: for tables of names and
// pieces.
#define WM_HASH_START 2166136261u
#define WM_HASH_BYTE(hash, byte) (((hash) ^ (byte)) * 16777619u)
uint32_t wm_hash_more(uint32_t hash, wm_span bytes);
static inline uint32_t wm_hash_finish(uint32_t hash) {
    hash ^= hash >> 15;
    hash *= 0x2C1B3C6Du;
    return hash ^ hash >> 12;
}
uint32_t wm_hash(wm_span bytes);

// Unaligned little-endian reads.
static inline uint16_t wm_read_u16(const void *p) {
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint32_t wm_read_u32(const void *p) {
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline uint64_t wm_read_u64(const void *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}
static inline float wm_read_f32(const void *p) {
    float v;
    memcpy(&v, p, sizeof v);
    return v;
}

#endif
