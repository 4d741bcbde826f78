// SPDX-License-Identifier: MIT OR Apache-2.0
#include "json.h"

#include "magic.h"
#include "utf8.h"

// ---- Bytes, eight at a time --------------------------------------------------------------------

#define JSON_BYTES(byte) (UINT64_C(0x0101010101010101) * (byte))

// 0x80 in each byte of `word` that equals `byte`.
static uint64_t bytes_equal(uint64_t word, uint8_t byte) {
    uint64_t x = word ^ JSON_BYTES(byte), low = JSON_BYTES(0x7F);
    return ~(((x & low) + low) | x | low);
}

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
    if (*code >> 10 != 0xD800 >> 10 || end - p < 12 || p[6] != '\\' || p[7] != 'u') return 6;
    if (!read_hex4(p + 8, end, &low) || low >> 10 != 0xDC00 >> 10) return 6;
    *code = 0x10000 + ((*code & 0x3FF) << 10 | (low & 0x3FF));
    return 12;
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
static uint8_t json_peek(const json_reader *r) { return r->p < r->end ? *r->p : 0; }

static void skip_space(json_reader *r) {
    while (r->p < r->end && is_json_space(*r->p)) r->p++;
}

static wm_status json_expected(const json_reader *r, const char *what) {
    uint64_t offset = (uint64_t)(r->p - r->start);
    uint32_t code;
    wm_span got = {r->p, wm_utf8_decode(r->p, (size_t)(r->end - r->p), &code)};
    if (got.n == 0) got = WM_TEXT("the end");
    return wm_fail(r->error, WM_ERROR_JSON, offset, "%z: not JSON at byte %u: expected %z, got %s",
                   r->file, offset, what, &got);
}

static wm_status json_limit(const json_reader *r, const char *what, uint64_t limit) {
    uint64_t offset = (uint64_t)(r->p - r->start);
    return wm_fail(r->error, WM_ERROR_LIMIT, offset, "%z: JSON at byte %u: %z over the limit of %u",
                   r->file, offset, what, limit);
}

static wm_status check_string(json_reader *r) {
    const uint8_t *start = ++r->p;
    for (;;) {
        r->p = skip_plain(r->p, r->end);
        if (json_peek(r) != '\\') break;
        uint32_t code;
        size_t length = read_escape(r->p, r->end, &code);
        if (!length) return json_expected(r, "a known escape");
        if (is_surrogate(code) && !(r->flags & WM_JSON_PYTHON))
            return json_expected(r, "an escape that is not half of a surrogate pair");
        r->p += length;
    }
    if (json_peek(r) != '"') return json_expected(r, "the string's closing quote");
    if ((size_t)(r->p - start) > WM_LIMIT_JSON_STRING)
        return json_limit(r, "a string", WM_LIMIT_JSON_STRING);
    r->p++;
    return WM_OK;
}

static wm_status check_key(json_reader *r) {
    if (json_peek(r) != '"') return json_expected(r, "a key in double quotes");
    WM_TRY(check_string(r));
    skip_space(r);
    if (json_peek(r) != ':') return json_expected(r, "':'");
    r->p++;
    skip_space(r);
    return WM_OK;
}

static wm_status check_literal(json_reader *r, const char *literal) {
    size_t n = strlen(literal);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, literal, n) != 0)
        return json_expected(r, literal);
    r->p += n;
    return WM_OK;
}

static wm_status check_digits(json_reader *r) {
    if (!is_json_digit(json_peek(r))) return json_expected(r, "a digit");
    while (is_json_digit(json_peek(r))) r->p++;
    return WM_OK;
}

static wm_status check_number(json_reader *r) {
    if (*r->p == '-') r->p++;
    if (json_peek(r) == 'I' && r->flags & WM_JSON_PYTHON) return check_literal(r, "Infinity");
    if (json_peek(r) == '0')
        r->p++;
    else
        WM_TRY(check_digits(r));
    if (json_peek(r) == '.') {
        r->p++;
        WM_TRY(check_digits(r));
    }
    if ((json_peek(r) | 0x20) == 'e') {
        r->p++;
        if (json_peek(r) == '+' || json_peek(r) == '-') r->p++;
        WM_TRY(check_digits(r));
    }
    return WM_OK;
}

static wm_status check_scalar(json_reader *r) {
    uint8_t first = json_peek(r);
    switch (first) {
    case '"': return check_string(r);
    case 'n': return check_literal(r, "null");
    case 't': return check_literal(r, "true");
    case 'f': return check_literal(r, "false");
    }
    if (first == '-' || is_json_digit(first)) return check_number(r);
    if (first == 'N' && r->flags & WM_JSON_PYTHON) return check_literal(r, "NaN");
    if (first == 'I' && r->flags & WM_JSON_PYTHON) return check_literal(r, "Infinity");
    return json_expected(r, "a value");
}

static wm_status check_value(json_reader *r) {
    uint64_t objects = 0; // bit d: the container d levels up is an object
    _Static_assert(WM_LIMIT_JSON_DEPTH <= 64, "one bit a level");
    uint32_t depth = 0;
    for (;;) {
        uint8_t open = json_peek(r);
        if (open == '{' || open == '[') {
            if (depth == WM_LIMIT_JSON_DEPTH) return json_limit(r, "depth", WM_LIMIT_JSON_DEPTH);
            depth++;
            objects = objects << 1 | (open == '{');
            r->p++;
            skip_space(r);
            if (json_peek(r) != open + 2) { // not '}' or ']'
                if (objects & 1) WM_TRY(check_key(r));
                continue;
            }
        } else {
            WM_TRY(check_scalar(r));
            skip_space(r);
        }
        // After a value: the ends of the containers that it completes, then a comma or the end.
        while (depth && json_peek(r) == (objects & 1 ? '}' : ']')) {
            depth--;
            objects >>= 1;
            r->p++;
            skip_space(r);
        }
        if (!depth) return WM_OK;
        if (json_peek(r) != ',') return json_expected(r, objects & 1 ? "',' or '}'" : "',' or ']'");
        r->p++;
        skip_space(r);
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
    skip_space(&r);
    const uint8_t *start = r.p;
    WM_TRY(check_value(&r));
    if (r.p < r.end) return json_expected(&r, "the end");
    while (is_json_space(r.p[-1])) r.p--;
    *root = (wm_json){start, (size_t)(r.p - start)};
    return WM_OK;
}

// ---- Cursors: over checked text, yet they stay inside it whatever it holds ---------------------

wm_json_type wm_json_type_of(wm_json value) {
    switch (value.p[0]) {
    case 'n': return WM_JSON_NULL;
    case 'f': return WM_JSON_FALSE;
    case 't': return WM_JSON_TRUE;
    case '"': return WM_JSON_STRING;
    case '[': return WM_JSON_ARRAY;
    case '{': return WM_JSON_OBJECT;
    default: return WM_JSON_NUMBER;
    }
}

// One past the string that starts at `p`.
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end) {
    for (p++; p < end; p++) {
        p = skip_plain(p, end);
        if (p == end || *p == '"') break;
        if (*p == '\\' && p + 1 < end) p++;
    }
    return p < end ? p + 1 : end;
}

// One past the container that starts at `p`. Eight bytes at a time: quotes toggle, so the sum of
// the quotes up to a byte says whether it is inside a string, and the brackets outside are counted.
static const uint8_t *skip_container(const uint8_t *p, const uint8_t *end) {
    uint64_t depth = 0, inside = 0;
    while (p < end) {
        uint64_t word = end - p >= 8 ? wm_read_u64(p) : JSON_BYTES('\\');
        if (!bytes_equal(word, '\\')) {
            uint64_t quotes = (bytes_equal(word, '"') >> 7) * JSON_BYTES(1);
            uint64_t outside = ~(quotes + JSON_BYTES(inside)), folded = word | JSON_BYTES(0x20);
            uint64_t opened = bytes_equal(folded, '{') >> 7 & outside;
            uint64_t closed = bytes_equal(folded, '}') >> 7 & outside;
            opened = opened * JSON_BYTES(1) >> 56;
            closed = closed * JSON_BYTES(1) >> 56;
            if (closed < depth) {
                depth += opened - closed;
                inside = ~outside >> 56 & 1;
                p += 8;
                continue;
            }
        }
        uint8_t byte = *p++;
        if (inside) {
            if (byte == '"')
                inside = 0;
            else if (byte == '\\' && p < end)
                p++;
        } else if (byte == '"')
            inside = 1;
        else if ((byte | 0x20) == '{')
            depth++;
        else if ((byte | 0x20) == '}' && --depth == 0)
            break;
    }
    return p;
}

static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end) {
    if (*p == '"') return skip_string(p, end);
    if (*p == '{' || *p == '[') return skip_container(p, end);
    while (p < end && !is_json_space(*p) && *p != ',' && *p != ']' && *p != '}') p++;
    return p;
}

wm_json_iter wm_json_each(wm_json container) {
    wm_json_iter iter = {0};
    if (!container.n || (container.p[0] != '{' && container.p[0] != '[')) return iter;
    iter.object = container.p[0] == '{';
    iter.p = container.p + 1;
    iter.end = container.p + container.n;
    return iter;
}

static void skip_between(wm_json_iter *iter, uint8_t mark) {
    while (iter->p < iter->end && (is_json_space(*iter->p) || *iter->p == mark)) iter->p++;
}

bool wm_json_next(wm_json_iter *iter) {
    skip_between(iter, ',');
    if (iter->p == iter->end || *iter->p == ']' || *iter->p == '}') return false;
    if (iter->object) {
        const uint8_t *key = iter->p;
        iter->p = skip_value(key, iter->end);
        iter->key = (wm_json){key, (size_t)(iter->p - key)};
        skip_between(iter, ':');
        if (iter->p == iter->end) return false;
    }
    const uint8_t *value = iter->p;
    iter->p = skip_value(value, iter->end);
    iter->value = (wm_json){value, (size_t)(iter->p - value)};
    return true;
}

wm_json wm_json_get(wm_json object, const char *key) {
    wm_json found = {0};
    for (wm_json_iter i = wm_json_each(object); wm_json_next(&i);)
        if (wm_json_string_is(i.key, key)) found = i.value;
    return found;
}

// ---- Strings -----------------------------------------------------------------------------------

static bool is_json_string(wm_json value) { return value.n >= 2 && value.p[0] == '"'; }

// The next character's bytes, escapes decoded: at most 4, written to `bytes`. `*p` moves past it.
static size_t next_character(const uint8_t **p, const uint8_t *end, uint8_t bytes[4]) {
    uint32_t code;
    size_t length = **p == '\\' ? read_escape(*p, end, &code) : 0;
    if (!length) {
        bytes[0] = *(*p)++;
        return 1;
    }
    *p += length;
    return wm_utf8_encode(is_surrogate(code) ? 0xFFFD : code, bytes);
}

bool wm_json_string_is(wm_json string, const char *text) {
    if (!is_json_string(string)) return false;
    const uint8_t *p = string.p + 1, *end = string.p + string.n - 1;
    uint8_t bytes[4];
    while (p < end) {
        size_t n = next_character(&p, end, bytes);
        for (size_t i = 0; i < n; i++, text++) // a NUL of the string matches no text
            if (!*text || bytes[i] != (uint8_t)*text) return false;
    }
    return !*text;
}

bool wm_json_string_plain(wm_json string, wm_span *view) {
    if (!is_json_string(string)) return false;
    const uint8_t *end = string.p + string.n - 1;
    if (skip_plain(string.p + 1, end) != end) return false;
    *view = (wm_span){string.p + 1, string.n - 2};
    return true;
}

wm_span wm_json_string_decode(wm_json string, uint8_t *decoded) {
    wm_span view = {decoded, 0};
    if (!is_json_string(string) || wm_json_string_plain(string, &view)) return view;
    const uint8_t *p = string.p + 1, *end = string.p + string.n - 1;
    uint8_t bytes[4];
    while (p < end) {
        size_t n = next_character(&p, end, bytes);
        memcpy(decoded + view.n, bytes, n);
        view.n += n;
    }
    return view;
}

// ---- Numbers -----------------------------------------------------------------------------------

// digits × 10^exponent; `inexact` where digits that are not zero did not fit.
typedef struct decimal {
    uint64_t digits;
    int64_t exponent;
    bool negative, inexact;
} decimal;

static bool read_decimal(wm_json value, decimal *number) {
    *number = (decimal){0};
    if (!value.n) return false;
    const uint8_t *p = value.p, *end = p + value.n;
    if (*p == '-') {
        number->negative = true;
        p++;
    }
    if (p == end || !is_json_digit(*p)) return false;
    bool fraction = false, full = false;
    for (; p < end && (is_json_digit(*p) || *p == '.'); p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        uint64_t digit = *p - (uint64_t)'0';
        full =
            full || number->digits > UINT64_MAX / 10 ||
            (number->digits == UINT64_MAX / 10 && digit > UINT64_MAX % 10); // no division a digit
        if (!full) number->digits = number->digits * 10 + digit;
        number->inexact = number->inexact || (full && digit);
        number->exponent += (int64_t)full - (int64_t)fraction;
    }
    if (p == end) return true;
    int64_t exponent = 0;
    bool negative = false;
    for (p++; p < end; p++) {
        if (*p == '-') negative = true;
        if (is_json_digit(*p) && exponent < INT64_C(1) << 40) exponent = exponent * 10 + (*p - '0');
    }
    number->exponent += negative ? -exponent : exponent;
    return true;
}

// |value| as an integer, where it is one.
static bool read_integer(wm_json value, uint64_t *magnitude, bool *negative) {
    decimal number;
    if (!read_decimal(value, &number) || number.inexact) return false;
    if (number.digits == 0) number.exponent = 0;
    for (; number.exponent < 0; number.exponent++, number.digits /= 10)
        if (number.digits % 10) return false;
    for (; number.exponent > 0; number.exponent--)
        if (!wm_mul(number.digits, 10, &number.digits)) return false;
    *magnitude = number.digits;
    *negative = number.negative && number.digits;
    return true;
}

bool wm_json_u64(wm_json value, uint64_t *number) {
    uint64_t magnitude;
    bool negative;
    if (!read_integer(value, &magnitude, &negative) || negative) return false;
    *number = magnitude;
    return true;
}

bool wm_json_i64(wm_json value, int64_t *number) {
    uint64_t magnitude;
    bool negative;
    if (!read_integer(value, &magnitude, &negative)) return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *number = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}

// mantissa × 2^exponent with the mantissa's top bit set; `rest` where the true value is a little
// more.
typedef struct binary {
    uint64_t mantissa;
    int64_t exponent;
    bool rest;
} binary;

static uint64_t normalized(uint64_t value, int64_t *exponent) {
    int shift = __builtin_clzll(value);
    *exponent -= shift;
    return value << shift;
}

// x /= d, d < 2^63: long division, by as many bits at a time as the rest leaves room for, until the
// quotient has 64.
static void binary_divide(binary *x, uint64_t d) {
    uint64_t quotient = x->mantissa / d, rest = x->mantissa % d;
    while (!(quotient >> 63)) {
        int room = __builtin_clzll(rest | 1), shift = WM_MIN(room, __builtin_clzll(quotient));
        rest <<= shift;
        quotient = quotient << shift | rest / d;
        rest %= d;
        x->exponent -= shift;
    }
    x->mantissa = quotient;
    x->rest = x->rest || rest;
}

// x *= m: the upper 64 bits of the 128.
static void binary_multiply(binary *x, uint64_t m) {
    m = normalized(m, &x->exponent);
    uint64_t a = x->mantissa >> 32, b = x->mantissa & UINT32_MAX, c = m >> 32, d = m & UINT32_MAX;
    uint64_t low = b * d, middle = a * d + (low >> 32), other = b * c + (middle & UINT32_MAX);
    uint64_t high = a * c + (middle >> 32) + (other >> 32);
    low = other << 32 | (low & UINT32_MAX);
    x->exponent += 64;
    if (!(high >> 63)) {
        high = high << 1 | low >> 63;
        low <<= 1;
        x->exponent--;
    }
    x->mantissa = high;
    x->rest = x->rest || low;
}

// The bits of the nearest double, ties to even.
static uint64_t binary_round(binary x) {
    int64_t top = x.exponent + 63, shift = top < -1022 ? 11 - 1022 - top : 11;
    if (top > 1023) return UINT64_C(0x7FF) << 52;
    if (shift > 63) return 0; // a hair over half of the smallest is not told apart from less
    uint64_t half = UINT64_C(1) << (shift - 1), cut = x.mantissa & (half * 2 - 1);
    uint64_t bits = x.mantissa >> shift;
    bits += cut > half || (cut == half && (x.rest || bits & 1));
    return top < -1022 ? bits : bits + ((uint64_t)(top + 1022) << 52);
}

static double decimal_magnitude(const decimal *number) {
    int64_t exponent = number->exponent;
    if (number->digits == 0 || exponent < -400) return 0;
    binary x = {0, 0, number->inexact};
    x.mantissa = normalized(number->digits, &x.exponent);
    for (exponent = WM_MIN(exponent, 400); exponent;) {
        // 5^27 fits 64 bits; the powers of two go to the exponent.
        uint64_t power = 1;
        int64_t step = exponent < 0 ? WM_MAX(exponent, -27) : WM_MIN(exponent, 27);
        for (int64_t i = 0; i != step; i += step < 0 ? -1 : 1) power *= 5;
        if (step < 0)
            binary_divide(&x, power);
        else
            binary_multiply(&x, power);
        x.exponent += step;
        exponent -= step;
    }
    uint64_t bits = binary_round(x);
    double result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

bool wm_json_f64(wm_json value, double *number) {
    decimal parts;
    if (read_decimal(value, &parts)) {
        *number = decimal_magnitude(&parts);
    } else if (value.n >= 3 && (value.p[0] == 'N' || value.p[0] == 'I' || value.p[0] == '-')) {
        *number = value.p[0] == 'N' ? (double)__builtin_nan("") : (double)__builtin_inf();
        parts.negative = value.p[0] == '-';
    } else {
        return false;
    }
    if (parts.negative) *number = -*number;
    return true;
}

bool wm_json_bool(wm_json value, bool *flag) {
    if (!value.n || (value.p[0] != 't' && value.p[0] != 'f')) return false;
    *flag = value.p[0] == 't';
    return true;
}

bool wm_json_flag(wm_json object, const char *key, bool fallback) {
    bool flag;
    return wm_json_bool(wm_json_get(object, key), &flag) ? flag : fallback;
}
