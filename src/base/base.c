// SPDX-License-Identifier: MIT OR Apache-2.0
#include "base.h"

static const struct {
    uint8_t status;
    char name[12];
} status_names[] = {
    {WM_OK, "OK"},
    {WM_ERROR_TRUNC, "TRUNC"},
    {WM_ERROR_FORMAT, "FORMAT"},
    {WM_ERROR_JSON, "JSON"},
    {WM_ERROR_UTF8, "UTF8"},
    {WM_ERROR_LIMIT, "LIMIT"},
    {WM_ERROR_OVERFLOW, "OVERFLOW"},
    {WM_ERROR_SHAPE, "SHAPE"},
    {WM_ERROR_MISSING, "MISSING"},
    {WM_ERROR_UNSUPPORTED, "UNSUPPORTED"},
    {WM_ERROR_DUP, "DUP"},
    {WM_ERROR_NOMEM, "NOMEM"},
    {WM_ERROR_ARG, "ARG"},
    {WM_ERROR_STATE, "STATE"},
    {WM_ERROR_CANCEL, "CANCEL"},
    {WM_ERROR_IO, "IO"},
    {WM_ERROR_HTTP, "HTTP"},
    {WM_ERROR_HASH, "HASH"},
    {WM_ERROR_PATH, "PATH"},
    {WM_ERROR_NUMERIC, "NUMERIC"},
};

const char *wm_status_name(wm_status status) {
    for (size_t i = 0; i < WM_COUNT(status_names); i++)
        if (status_names[i].status == status) return status_names[i].name;
    return "UNKNOWN";
}

typedef struct text_out {
    char *p;
    size_t n, capacity;
} text_out;

static void put_byte(text_out *out, char byte) {
    if (out->n + 1 < out->capacity) out->p[out->n++] = byte;
}

static void put_u64(text_out *out, uint64_t value) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n) put_byte(out, digits[--n]);
}

static void put_span(text_out *out, wm_span span) {
    for (size_t i = 0; i < span.n; i++) {
        uint8_t byte = span.p[i];
        put_byte(out, byte < 0x20 || byte == 0x7F ? '?' : (char)byte);
    }
}

// Drops a UTF-8 character that the end of the buffer cut in two.
static void trim_utf8(text_out *out) {
    size_t start = out->n;
    while (start && ((uint8_t)out->p[start - 1] & 0xC0) == 0x80) start--;
    if (!start) return;
    uint8_t lead = (uint8_t)out->p[start - 1];
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (lead >= 0xC0 && start - 1 + length > out->n) out->n = start - 1;
}

wm_status wm_fail_6(wm_error *error, wm_status status, uint64_t offset, const char *format,
                    uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f) {
    if (!error) return status;
    text_out out = {error->text, 0, sizeof error->text};
    const uint64_t values[] = {a, b, c, d, e, f, 0}, *value = values;
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put_byte(&out, *p);
            continue;
        }
        const void *text = (const void *)(uintptr_t)*value;
        switch (*++p) {
        case 's': put_span(&out, *(const wm_span *)text); break;
        case 'z': put_span(&out, wm_span_of(text)); break;
        case 'd':
            if (*value >> 63) put_byte(&out, '-');
            put_u64(&out, *value >> 63 ? 0 - *value : *value);
            break;
        case 'u': put_u64(&out, *value); break;
        default: put_byte(&out, *p); continue;
        }
        value++;
    }
    trim_utf8(&out);
    out.p[out.n] = 0;
    error->status = status;
    error->offset = offset;
    __asm__("" : "+r"(status)); // else every caller makes the status a second time
    return status;
}

WM_NOINLINE wm_status wm_fail_2(wm_error *error, wm_status status, uint64_t offset,
                                const char *format, uint64_t a, uint64_t b) {
    return wm_fail_6(error, status, offset, format, a, b, 0, 0, 0, 0);
}

WM_NOINLINE wm_status wm_fail_0(wm_error *error, wm_status status, uint64_t offset,
                                const char *format) {
    return wm_fail_2(error, status, offset, format, 0, 0);
}

// By 32 bits: no 128-bit product, nor a division that the compiler would make one.
bool wm_mul(uint64_t a, uint64_t b, uint64_t *result) {
    uint64_t less = WM_MIN(a, b), more = WM_MAX(a, b);
    if (less >> 32 || ((more >> 32) * less + ((uint32_t)more * less >> 32)) >> 32) return false;
    *result = a * b;
    return true;
}

bool wm_span_ends(wm_span a, const char *suffix) {
    size_t n = strlen(suffix);
    return a.n >= n && memcmp(a.p + a.n - n, suffix, n) == 0;
}

static uint8_t lower_ascii(uint8_t byte) { return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte; }

bool wm_letters_equal(const uint8_t *p, const char *lower, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lower_ascii(p[i]) != (uint8_t)lower[i]) return false;
    return true;
}

const wm_source *wm_source_find(const wm_source *files, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++)
        if (wm_span_is(files[i].path, path)) return &files[i];
    return NULL;
}

uint32_t wm_hash_more(uint32_t hash, wm_span bytes) {
    for (size_t i = 0; i < bytes.n; i++) hash = WM_HASH_BYTE(hash, bytes.p[i]);
    return hash;
}

uint32_t wm_hash(wm_span bytes) { return wm_hash_finish(wm_hash_more(WM_HASH_START, bytes)); }
