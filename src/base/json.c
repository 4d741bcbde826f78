// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json.h"

#include "magic.h"
#include "maths.h"
#include "utf8.h"

// ---- Bytes, eight at a time --------------------------------------------------------------------

#define JSON_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

// The first '"', '\\' or control character in [p, end), else end.
static const uint8_t *skip_plain(const uint8_t *p, const uint8_t *end) {
    while (end - p >= 8) {
        uint64_t word = wm_read_u64(p);
        uint64_t quote = word ^ JSON_BYTES('"'), slash = word ^ JSON_BYTES('\\');
        // A borrow can mark bytes above the first that is looked for, never below it.
        uint64_t found = ((word - JSON_BYTES(0x20)) & ~word) | ((quote - JSON_BYTES(1)) & ~quote) |
                         ((slash - JSON_BYTES(1)) & ~slash);
        found &= JSON_BYTES(0x80);
        if (found) return p + (__builtin_ctzll(found) >> 3);
        p += 8;
    }
    while (p < end && *p >= 0x20 && *p != '"' && *p != '\\') p++;
    return p;
}

static bool is_json_space(uint8_t byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static bool is_json_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

// ---- Escapes -----------------------------------------------------------------------------------

static bool read_hex4(const uint8_t *p, const uint8_t *end, uint32_t *unit) {
    if (end - p < 4) return false;
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        uint32_t digit = p[i], letter = digit | 0x20;
        if (is_json_digit(p[i]))
            digit -= '0';
        else if (letter >= 'a' && letter <= 'f')
            digit = letter - 'a' + 10;
        else
            return false;
        value = value << 4 | digit;
    }
    *unit = value;
    return true;
}

// The escape whose backslash is at `p`: its length, 0 where it is none. Half of a surrogate pair
// without the other comes out as itself.
enum { LONGEST_ESCAPE = 12 };
static size_t read_escape(const uint8_t *p, const uint8_t *end, uint32_t *code) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (end - p < 2) return 0;
    for (size_t i = 0; i < sizeof letters - 1; i++) {
        if (p[1] != (uint8_t)letters[i]) continue;
        *code = (uint8_t)meanings[i];
        return 2;
    }
    uint32_t low;
    if (p[1] != 'u' || !read_hex4(p + 2, end, code)) return 0;
    if (*code >> 10 != 0xD800 >> 10 || end - p < LONGEST_ESCAPE || p[6] != '\\' || p[7] != 'u')
        return 6;
    if (!read_hex4(p + 8, end, &low) || low >> 10 != 0xDC00 >> 10) return 6;
    *code = 0x10000 + ((*code & 0x3FF) << 10 | (low & 0x3FF));
    return LONGEST_ESCAPE;
}

static bool is_surrogate(uint32_t code) { return code >= 0xD800 && code < 0xE000; }

// ---- The check ---------------------------------------------------------------------------------

typedef struct json_reader {
    const uint8_t *start, *p, *end;
    const char *file;
    int flags;
    wm_error *error;
} json_reader;

// The byte at hand; 0, which fits nowhere, at the end.
WM_NOINLINE static uint8_t json_peek(const json_reader *r) {
    WM_AS_POINTER(r);
    return r->p < r->end ? *r->p : 0;
}

// Past the byte at hand if it is `byte`.
static bool json_take(json_reader *r, uint8_t byte) {
    bool taken = json_peek(r) == byte;
    r->p += taken;
    return taken;
}

static void skip_space(json_reader *r) {
    while (is_json_space(json_peek(r))) r->p++;
}

static wm_status json_expected(const json_reader *r, const char *what) {
    uint64_t offset = (uint64_t)(r->p - r->start);
    uint32_t code;
    wm_span got = {r->p, wm_utf8_decode(r->p, (size_t)(r->end - r->p), &code)};
    if (got.n == 0) got = WM_TEXT("the end");
    return wm_fail(r->error, WM_ERROR_JSON, offset, "%z: not JSON at byte %u: expected %z, got %s",
                   r->file, offset, what, &got);
}

static wm_status json_limit(const json_reader *r, const char *what) {
    uint64_t offset = (uint64_t)(r->p - r->start);
    return wm_fail(r->error, WM_ERROR_LIMIT, offset, "%z: JSON at byte %u: %z is over the limit",
                   r->file, offset, what);
}

static wm_status check_string(json_reader *r) {
    const uint8_t *start = ++r->p;
    for (;;) {
        r->p = skip_plain(r->p, r->end);
        if (json_peek(r) != '\\') break;
        uint32_t code;
        size_t length = read_escape(r->p, r->end, &code);
        if (!length || (is_surrogate(code) && !(r->flags & WM_JSON_PYTHON)))
            return json_expected(r, length ? "both halves of a surrogate pair" : "a known escape");
        r->p += length;
    }
    if (r->p - start > (ptrdiff_t)WM_LIMIT_JSON_STRING) return json_limit(r, "a string");
    return json_take(r, '"') ? WM_OK : json_expected(r, "the string's closing quote");
}

static wm_status check_key(json_reader *r) {
    skip_space(r);
    if (json_peek(r) != '"') return json_expected(r, "a key in double quotes");
    WM_TRY(check_string(r));
    skip_space(r);
    return json_take(r, ':') ? WM_OK : json_expected(r, "':'");
}

static wm_status check_digits(json_reader *r) {
    if (!is_json_digit(json_peek(r))) return json_expected(r, "a digit");
    while (is_json_digit(json_peek(r))) r->p++;
    return WM_OK;
}

static wm_status check_scalar(json_reader *r) {
    static const char literals[][10] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};
    uint8_t first = json_peek(r);
    if (first == '"') return check_string(r);
    for (size_t i = 0; i < (r->flags & WM_JSON_PYTHON ? WM_COUNT(literals) : 3); i++) {
        if (!wm_span_starts((wm_span){r->p, (size_t)(r->end - r->p)}, literals[i])) continue;
        r->p += strlen(literals[i]);
        return WM_OK;
    }
    if (!json_take(r, '-') && !is_json_digit(first)) return json_expected(r, "a value");
    if (!json_take(r, '0')) WM_TRY(check_digits(r));
    if (json_take(r, '.')) WM_TRY(check_digits(r));
    if (!json_take(r, 'e') && !json_take(r, 'E')) return WM_OK;
    if (!json_take(r, '+')) json_take(r, '-');
    return check_digits(r);
}

static wm_status check_value(json_reader *r) {
    uint64_t objects = 0; // bit d: the container d levels up is an object
    _Static_assert(WM_LIMIT_JSON_DEPTH <= 64, "one bit a level");
    uint32_t depth = 0;
    for (;;) {
        skip_space(r);
        uint8_t open = json_peek(r);
        if (open == '{' || open == '[') {
            if (depth++ == WM_LIMIT_JSON_DEPTH) return json_limit(r, "depth");
            objects = objects << 1 | (open == '{');
            r->p++;
            skip_space(r);
            if (json_peek(r) != open + 2) { // not '}' or ']'
                if (open == '{') WM_TRY(check_key(r));
                continue;
            }
        } else {
            WM_TRY(check_scalar(r));
        }
        // After a value: the ends of the containers that it completes, then a comma or the end.
        for (skip_space(r); depth && json_take(r, objects & 1 ? '}' : ']'); skip_space(r)) {
            depth--;
            objects >>= 1;
        }
        if (!depth) return r->p == r->end ? WM_OK : json_expected(r, "the end");
        if (!json_take(r, ',')) return json_expected(r, objects & 1 ? "',' or '}'" : "',' or ']'");
        if (objects & 1) WM_TRY(check_key(r));
    }
}

wm_status wm_json_check(wm_span text, const char *file, int flags, wm_json *root, wm_error *error) {
    if (!text.n) text = WM_TEXT("");
    WM_TRY(wm_magic_check(text, wm_span_of(file), error));
    size_t good = wm_utf8_check(text);
    if (good < text.n)
        return wm_fail(error, WM_ERROR_UTF8, good, "%z: not UTF-8 at byte %u", file,
                       (uint64_t)good);
    json_reader r = {text.p, text.p, text.p + text.n, file, flags, error};
    WM_TRY(check_value(&r));
    while (is_json_space(*text.p)) text.p++;
    *root = (wm_json){text.p};
    if (wm_json_type_of(*root) <= WM_JSON_NUMBER && !is_json_space(r.end[-1]))
        *root = (wm_json){(const uint8_t *)"null "};
    return WM_OK;
}

wm_status wm_json_file(const wm_source *files, size_t count, const char *name, wm_json *root,
                       wm_error *error) {
    const wm_source *file = wm_source_find(files, count, name);
    *root = (wm_json){NULL};
    return file ? wm_json_check(file->bytes, name, WM_JSON_PYTHON, root, error) : WM_OK;
}

// ---- Cursors over checked text -----------------------------------------------------------------

wm_json_type wm_json_type_of(wm_json value) {
    static const char types[] = "nftN\"[{"; // from WM_JSON_NULL on
    if (!value.p) return WM_JSON_ABSENT;
    for (uint32_t i = 0; i < WM_COUNT(types) - 1; i++)
        if (*value.p == (uint8_t)types[i]) return (wm_json_type)(WM_JSON_NULL + i);
    return WM_JSON_NUMBER;
}

// The first quote or backslash behind `p`.
static const uint8_t *plain_end(const uint8_t *p) {
    while (*++p != '"' && *p != '\\') {}
    return p;
}

// One past the string that starts at `p`.
static const uint8_t *skip_string(const uint8_t *p) {
    while (*(p = plain_end(p)) != '"') p++;
    return p + 1;
}

// One past the value that starts at `p`; `p` at the end of a container.
static const uint8_t *skip_value(const uint8_t *p) {
    size_t depth = 0;
    if (*p == '"') return skip_string(p);
    if ((*p | 0x20) != '{') {
        while (*p > ' ' && *p != ',' && (*p | 0x20) != '}') p++;
        return p;
    }
    do {
        while (*p <= ',' && *p != '"') p++; // spaces and commas
        uint8_t folded = *p | 0x20;         // '[' and '{', ']' and '}' are one
        depth += (size_t)(folded == '{') - (folded == '}');
        p = *p == '"' ? skip_string(p) : p + 1;
    } while (depth);
    return p;
}

wm_span wm_json_span(wm_json value) {
    return (wm_span){value.p, value.p ? (size_t)(skip_value(value.p) - value.p) : 0};
}

WM_NOINLINE wm_json_iter wm_json_each(wm_json container) {
    wm_json_iter iter = {0};
    if (!container.p || (*container.p | 0x20) != '{') return iter;
    iter.object = *container.p == '{';
    iter.p = container.p + 1;
    return iter;
}

// The next value, past what stands before it; absent at the end.
static wm_json next_value(wm_json_iter *iter) {
    const uint8_t *p = iter->p;
    while (*p <= ' ' || *p == ',' || *p == ':') p++;
    iter->p = skip_value(p);
    return (wm_json){iter->p > p ? p : NULL};
}

bool wm_json_next(wm_json_iter *iter) {
    if (!iter->p) return false;
    iter->value = next_value(iter);
    if (iter->object && iter->value.p) {
        iter->key = iter->value;
        iter->value = next_value(iter);
    }
    return iter->value.p;
}

uint32_t wm_json_count(wm_json container) {
    uint32_t count = 0;
    for (wm_json_iter i = wm_json_each(container); wm_json_next(&i);) count++;
    return count;
}

wm_json wm_json_get(wm_json object, const char *key) {
    wm_json found = {0};
    for (wm_json_iter i = wm_json_each(object); wm_json_next(&i);)
        if (wm_json_string_is(i.key, key)) found = i.value;
    return found;
}

// ---- Strings -----------------------------------------------------------------------------------

static bool is_json_string(wm_json value) { return value.p && *value.p == '"'; }

// The next character's bytes, escapes decoded: at most 4, written to `bytes`. `*p` moves past it.
static size_t next_character(const uint8_t **p, uint8_t bytes[4]) {
    uint32_t code;
    size_t length = **p == '\\' ? read_escape(*p, *p + LONGEST_ESCAPE, &code) : 0;
    if (!length) {
        bytes[0] = *(*p)++;
        return 1;
    }
    *p += length;
    return wm_utf8_encode(is_surrogate(code) ? 0xFFFD : code, bytes);
}

bool wm_json_string_is(wm_json string, const char *text) {
    if (!is_json_string(string)) return false;
    const uint8_t *p = string.p + 1;
    uint8_t bytes[4];
    while (*p != '"') {
        size_t n = next_character(&p, bytes);
        for (size_t i = 0; i < n; i++, text++) // a NUL of the string matches no text
            if (!*text || bytes[i] != (uint8_t)*text) return false;
    }
    return !*text;
}

bool wm_json_string_plain(wm_json string, wm_span *view) {
    if (!is_json_string(string)) return false;
    const uint8_t *end = plain_end(string.p);
    if (*end != '"') return false;
    *view = (wm_span){string.p + 1, (size_t)(end - string.p - 1)};
    return true;
}

wm_span wm_json_string_decode(wm_json string, uint8_t *decoded) {
    wm_span view = {decoded, 0};
    if (!is_json_string(string) || wm_json_string_plain(string, &view)) return view;
    for (const uint8_t *p = string.p + 1; *p != '"';)
        view.n += next_character(&p, decoded + view.n);
    return view;
}

wm_status wm_json_text(wm_json string, wm_arena *arena, wm_span *text, wm_error *error) {
    uint8_t *decoded;
    *text = (wm_span){NULL, 0};
    if (!is_json_string(string) || wm_json_string_plain(string, text)) return WM_OK;
    WM_TRY(WM_ALLOC(arena, decoded, wm_json_span(string).n, error));
    *text = wm_json_string_decode(string, decoded);
    return WM_OK;
}

// ---- Numbers -----------------------------------------------------------------------------------

// digits × 10^exponent; `inexact` where digits that are not zero did not fit.
typedef struct decimal {
    uint64_t digits;
    int64_t exponent;
    bool negative, inexact;
} decimal;

static bool read_decimal(wm_json value, decimal *number) {
    if (!value.p) return false;
    const uint8_t *p = value.p;
    *number = (decimal){0};
    if (*p == '-') {
        number->negative = true;
        p++;
    }
    if (!is_json_digit(*p)) return false;
    uint64_t full = UINT64_MAX / 10, digits = 0;
    int64_t fraction = 0, exponent = 0;
    for (; is_json_digit(*p) || *p == '.'; p++) {
        uint32_t digit = *p - (uint32_t)'0';
        if (*p == '.') {
            fraction = 1;
        } else if (!number->inexact && digits <= full - (digit > UINT64_MAX % 10)) {
            digits = digits * 10 + digit;
            number->exponent -= fraction;
        } else {
            number->inexact |= digit != 0;
            number->exponent += 1 - fraction;
        }
    }
    number->digits = digits;
    if ((*p | 0x20) != 'e') return true;
    bool small = *++p == '-';
    for (p += small || *p == '+'; is_json_digit(*p); p++)
        exponent = WM_MIN(exponent, 1 << 24) * 10 + *p - '0';
    number->exponent += small ? -exponent : exponent;
    return true;
}

bool wm_json_u64(wm_json value, uint64_t *number) {
    decimal parts;
    if (!read_decimal(value, &parts) || parts.inexact) return false;
    if (parts.digits) {
        if (parts.negative) return false;
        for (; parts.exponent < 0; parts.exponent++, parts.digits /= 10)
            if (parts.digits % 10) return false;
        for (; parts.exponent > 0; parts.exponent--)
            if (!wm_mul(parts.digits, 10, &parts.digits)) return false;
    }
    *number = parts.digits;
    return true;
}

WM_NOINLINE bool wm_json_u64_of(wm_json object, const char *key, uint64_t *number) {
    return wm_json_u64(wm_json_get(object, key), number);
}

// In two doubles, high + low: 2^-100 of the number is lost.
static double decimal_magnitude(const decimal *number) {
    double upper = (double)(number->digits >> 32) * 0x1p32,
           lower = (double)(uint32_t)number->digits;
    double high = upper + lower, low = lower - (high - upper);
    int64_t exponent = number->exponent, sign = exponent < 0 ? 1 : -1;
    while (exponent && high > 0 && high < (double)WM_INFINITY) {
        double power = 1; // 10^22 at most, which is exact
        for (uint32_t step = 0; step < 22 && exponent; step++, exponent += sign) power *= 10;
        double scaled = sign > 0 ? high / power : high;
        wm_two_doubles product = wm_two_product(scaled, power);
        if (sign > 0) {
            low = (high - product.high - product.low + low) / power;
            high = scaled;
        } else {
            low = product.low + low * power;
            high = product.high;
        }
    }
    return high < (double)WM_INFINITY ? high + low : high;
}

bool wm_json_f64(wm_json value, double *number) {
    decimal parts;
    if (read_decimal(value, &parts)) {
        *number = decimal_magnitude(&parts);
    } else if (value.p && (*value.p == 'N' || *value.p == 'I' || *value.p == '-')) {
        *number = *value.p == 'N' ? (double)WM_NAN : (double)WM_INFINITY;
        parts.negative = *value.p == '-';
    } else {
        return false;
    }
    if (parts.negative) *number = -*number;
    return true;
}

bool wm_json_f64_twice(wm_json value, double *number) {
    decimal parts, power = {.digits = 1};
    if (!read_decimal(value, &parts)) return false;
    power.exponent = parts.exponent < 0 ? -parts.exponent : parts.exponent;
    double digits = (double)parts.digits, scale = decimal_magnitude(&power);
    *number = parts.exponent < 0 ? digits / scale : digits * scale;
    if (parts.negative) *number = -*number;
    return true;
}

bool wm_json_bool(wm_json value, bool *flag) {
    if (!value.p || (*value.p != 't' && *value.p != 'f')) return false;
    *flag = *value.p == 't';
    return true;
}

bool wm_json_flag(wm_json object, const char *key, bool fallback) {
    bool flag;
    return wm_json_bool(wm_json_get(object, key), &flag) ? flag : fallback;
}
