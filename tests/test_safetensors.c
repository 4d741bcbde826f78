// SPDX-License-Identifier: MIT OR Apache-2.0
// Section A of the hostile inputs: the safetensors container, through the public functions.
#include "harness.h"

#define ENTRY(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #begin "," #end "]}"

// The length, the header, `data` zero bytes; to be freed.
static wm_span container(const char *header, size_t header_size, size_t data) {
    wm_span file = {NULL, 8 + header_size + data};
    uint8_t *bytes = malloc(file.n);
    uint64_t size = header_size;
    assert_non_null(bytes);
    memcpy(bytes, &size, 8);
    memcpy(bytes + 8, header, header_size);
    memset(bytes + 8 + header_size, 0, data);
    file.p = bytes;
    return file;
}

static bool contains(const char *text, const char *word) {
    size_t n = strlen(word);
    for (; strlen(text) >= n; text++)
        if (memcmp(text, word, n) == 0) return true;
    return false;
}

// Parses, and checks that the error is whole and nothing leaks.
static wm_status parse_status(wm_span file, wm_error *error) {
    wm_allocator counted = test_failing_allocator(0);
    wm_file *parsed = NULL;
    wm_status status = wm_file_parse(&parsed, file, &counted, error);
    if (status == WM_OK) {
        assert_non_null(parsed);
        for (size_t i = 0; i < wm_file_count(parsed); i++)
            assert_true(wm_file_find(parsed, wm_file_tensor(parsed, i)->name) ==
                        wm_file_tensor(parsed, i));
        wm_file_close(parsed);
    } else {
        assert_null(parsed);
        assert_int_equal(error->status, status);
        assert_true(error->text[0] && error->offset <= file.n);
    }
    assert_int_equal(test_live_allocations(), 0);
    return status;
}

static const struct {
    const char *header;
    size_t data;
    wm_status status;
    const char *word; // that the message must hold
} cases[] = {
    // 2, 7, 8, 9
    {"", 0, WM_ERROR_JSON, "the end"},
    {"[]", 0, WM_ERROR_FORMAT, "not an object"},
    {"\"x\"", 0, WM_ERROR_FORMAT, "not an object"},
    {"1", 0, WM_ERROR_FORMAT, "not an object"},
    {"null", 0, WM_ERROR_FORMAT, "not an object"},
    {"{", 0, WM_ERROR_JSON, "a key"},
    {"\xEF\xBB\xBF{}", 0, WM_ERROR_JSON, "byte 0"},
    {"{}", 0, WM_OK, ""},
    {"{}\r \t\n", 0, WM_OK, ""},
    {"\t\n{}\r ", 0, WM_OK, ""},
    // 6
    {"\xFF", 0, WM_ERROR_UTF8, "byte 0"},
    {"{\"\xC0\x80\":1}", 0, WM_ERROR_UTF8, "byte 2"},
    {"{\"\xED\xA0\x80\":1}", 0, WM_ERROR_UTF8, "byte 2"},
    {"{\"a\\u0000b\":" ENTRY("I32", "[2,2]", 0, 16) "}", 16, WM_ERROR_FORMAT, "NUL"},
    {"{\"\\ud800\":" ENTRY("I32", "[2,2]", 0, 16) "}", 16, WM_ERROR_JSON, "surrogate"},
    // The reference's own cases
    {"{\"test\":" ENTRY("I32", "[2,2]", 0, 16) "}", 16, WM_OK, ""},
    {"{\"test\":" ENTRY("I32", "[]", 0, 4) "}", 4, WM_OK, ""},
    {"{\"test\":" ENTRY("I32", "[2,0]", 0, 0) "}", 0, WM_OK, ""},
    {"{\"test\":" ENTRY("I32", "[2,2]", 0, 4) "}", 16, WM_ERROR_SHAPE, "test"},
    {"{\"test\":" ENTRY("I32", "[2,18446744073709551614]", 0, 16) "}", 16, WM_ERROR_OVERFLOW,
     "test"},
    {"{\"test\":" ENTRY("I32", "[2,9223372036854775807]", 0, 16) "}", 16, WM_ERROR_OVERFLOW,
     "test"},
    {"{\"test\":" ENTRY("F4", "[1,3]", 0, 1) "}", 1, WM_ERROR_FORMAT, "misaligned"},
    {"{\"test\":" ENTRY("F4", "[1,2]", 0, 2) "}", 2, WM_ERROR_SHAPE, "test"},
    {"{\"test\":" ENTRY("F4", "[1,2]", 0, 1) "}", 1, WM_OK, ""},
    {"{\"test\":" ENTRY("F6_E3M2", "[4]", 0, 3) "}", 3, WM_OK, ""},
    // 10, 11
    {"{\"a\":" ENTRY("I32", "[2,2]", 0, 16) "}", 49, WM_ERROR_FORMAT, "last 33 bytes"},
    {"{}", 4, WM_ERROR_FORMAT, "last 4 bytes"},
    {"{\"a\":" ENTRY("I32", "[2,2]", 0, 16) "}", 15, WM_ERROR_TRUNC, "tensor a"},
    {"{\"a\":" ENTRY("I32", "[2,2]", 0, 16) "}", 14, WM_ERROR_TRUNC, "has 14"},
    {"{\"a\":" ENTRY("I32", "[2,2]", 0, 16) "}", 0, WM_ERROR_TRUNC, "has 0"},
    // 12, 13
    {"{\"a\":" ENTRY("I32", "[2,2]", 4, 20) "}", 20, WM_ERROR_FORMAT, "tensor a starts at byte 4"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"b\":" ENTRY("I8", "[4]", 5, 9) "}", 9, WM_ERROR_FORMAT,
     "hole"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"b\":" ENTRY("I8", "[4]", 3, 7) "}", 7, WM_ERROR_FORMAT,
     "overlap"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"b\":" ENTRY("I8", "[4]", 0, 4) "}", 4, WM_ERROR_FORMAT,
     "overlap"},
    {"{\"a\":" ENTRY("I8", "[8]", 0, 8) ",\"b\":" ENTRY("I8", "[4]", 2, 6) "}", 8, WM_ERROR_FORMAT,
     "overlap"},
    {"{\"a\":" ENTRY("I8", "[8]", 0, 8) ",\"b\":" ENTRY("I8", "[0]", 4, 4) "}", 8, WM_ERROR_FORMAT,
     "tensor b"},
    // 14, 15
    {"{\"a\":" ENTRY("I8", "[4]", 4, 0) "}", 4, WM_ERROR_FORMAT, "begin"},
    {"{\"a\":" ENTRY("I8", "[4]", -4, 0) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", 0.0, 4) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4.0) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4e0) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", -0, 4) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 1e18) "}", 4, WM_ERROR_FORMAT, "data_offsets"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 9007199254740993) "}", 4, WM_ERROR_OVERFLOW, "2^53"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 18446744073709551615) "}", 4, WM_ERROR_OVERFLOW, "2^53"},
    {"{\"a\":" ENTRY("I8", "[4]", 18446744073709551612, 18446744073709551616) "}", 4,
     WM_ERROR_OVERFLOW, "2^53"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[\"0\",\"4\"]}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0]}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[]}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4,4]}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":{}}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":null}}", 4, WM_ERROR_FORMAT,
     "data_offsets"},
    // 16, 17
    {"{\"a\":" ENTRY("I8", "[4294967296,4294967296]", 0, 0) "}", 0, WM_ERROR_OVERFLOW, "tensor a"},
    {"{\"a\":" ENTRY("F64", "[2305843009213693952]", 0, 0) "}", 0, WM_ERROR_OVERFLOW, "tensor a"},
    {"{\"a\":" ENTRY("I8", "[4294967297,4294967295,0]", 0, 0) "}", 0, WM_ERROR_LIMIT, "2^31"},
    {"{\"a\":" ENTRY("I8", "[4,-1]", 0, 4) "}", 4, WM_ERROR_FORMAT, "dimension"},
    {"{\"a\":" ENTRY("I8", "[4.0]", 0, 4) "}", 4, WM_ERROR_FORMAT, "dimension"},
    {"{\"a\":" ENTRY("I8", "4", 0, 4) "}", 4, WM_ERROR_FORMAT, "shape"},
    // 18, 19
    {"{\"a\":" ENTRY("I8", "[0,2147483648]", 0, 0) ",\"b\":" ENTRY("U8", "[]", 0, 1) "}", 1, WM_OK,
     ""},
    {"{\"a\":" ENTRY("I8", "[1,1,1,1,1,1,1,4]", 0, 4) "}", 4, WM_OK, ""},
    {"{\"a\":" ENTRY("I8", "[1,1,1,1,1,1,1,1,4]", 0, 4) "}", 4, WM_ERROR_LIMIT, "8 dimensions"},
    // 20
    {"{\"a\":" ENTRY("I8", "[4]", 0, 5) "}", 5, WM_ERROR_SHAPE, "4 bytes, data_offsets hold 5"},
    {"{\"a\":" ENTRY("F16", "[2]", 0, 3) "}", 3, WM_ERROR_SHAPE, "F16"},
    // 21
    {"{\"a\":" ENTRY("F128", "[1]", 0, 16) "}", 16, WM_ERROR_UNSUPPORTED, "F128"},
    {"{\"a\":" ENTRY("f32", "[1]", 0, 4) "}", 4, WM_ERROR_UNSUPPORTED, "f32"},
    {"{\"a\":{\"dtype\":5,\"shape\":[4],\"data_offsets\":[0,4]}}", 4, WM_ERROR_FORMAT, "dtype"},
    // 23
    {"{\"a\":{\"shape\":[4],\"data_offsets\":[0,4]}}", 4, WM_ERROR_FORMAT, "no dtype"},
    {"{\"a\":{\"dtype\":\"I8\",\"data_offsets\":[0,4]}}", 4, WM_ERROR_FORMAT, "no shape"},
    {"{\"a\":{\"dtype\":\"I8\",\"shape\":[4]}}", 4, WM_ERROR_FORMAT, "no data_offsets"},
    {"{\"a\":null}", 0, WM_ERROR_FORMAT, "not an object"},
    {"{\"a\":{\"x\":1,\"dtype\":\"I8\",\"shape\":[4],\"y\":{},\"data_offsets\":[0,4],\"x\":2}}", 4,
     WM_OK, ""},
    {"{\"a\":{\"dtype\":\"I8\",\"dtype\":\"I8\",\"shape\":[4],\"data_offsets\":[0,4]}}", 4,
     WM_ERROR_DUP, "dtype"},
    // 24
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"a\":" ENTRY("I8", "[4]", 4, 8) "}", 8, WM_ERROR_DUP,
     "tensor a"},
    {"{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"\\u0061\":" ENTRY("I8", "[4]", 0, 4) "}", 4,
     WM_ERROR_DUP, "tensor a"},
    // 25
    {"{\"__metadata__\":{\"a\":1}}", 0, WM_ERROR_FORMAT, "__metadata__"},
    {"{\"__metadata__\":{\"a\":{}}}", 0, WM_ERROR_FORMAT, "__metadata__"},
    {"{\"__metadata__\":[]}", 0, WM_ERROR_FORMAT, "__metadata__"},
    {"{\"__metadata__\":{\"format\":\"pt\"},\"a\":" ENTRY("I8", "[4]", 0, 4) "}", 4, WM_OK, ""},
    {"{\"__metadata__\":null}", 0, WM_OK, ""},
    {"{\"__metadata__\":{\"wasmicro.quant\":\"q4:1\"}}", 0, WM_OK, ""},
    {"{\"__metadata__\":{\"wasmicro.quant\":\"q4:2\"}}", 0, WM_ERROR_UNSUPPORTED, "quant"},
    {"{\"__metadata__\":{\"wasmicro.quant\":\"\"}}", 0, WM_ERROR_UNSUPPORTED, "quant"},
    {"{\"__metadata__\":{\"wasmicro.quant\":1}}", 0, WM_ERROR_UNSUPPORTED, "quant"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, WM_ERROR_DUP, "__metadata__"},
    // 26
    {"{\"\":" ENTRY("I8", "[4]", 0, 4) "}", 4, WM_OK, ""},
    {"{\"../../x\":" ENTRY("I8", "[4]", 0, 4) ",\"\\n\\u0001\":" ENTRY("I8", "[4]", 4, 8) "}", 8,
     WM_OK, ""},
    // 30
    {"{\"b\":" ENTRY("I8", "[2]", 4, 6) ",\"a\":" ENTRY("I32", "[1]", 0, 4) "}", 6, WM_OK, ""},
};

static void each_header_is_decided_and_explained(void **state) {
    (void)state;
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_span file = container(cases[i].header, strlen(cases[i].header), cases[i].data);
        wm_error error = {0};
        wm_status status = parse_status(file, &error);
        if (status != cases[i].status || !contains(error.text, cases[i].word))
            fail_msg("%s: %s %s", cases[i].header, wm_status_name(status), error.text);
        wm_file *parsed;
        wm_status silent = wm_file_parse(&parsed, file, NULL, NULL);
        assert_int_equal(silent, status);
        wm_file_close(parsed);
        free((void *)file.p);
    }
}

// Rows 1, 3, 4, 5 and the reference's header tests: the file's first bytes.
static void the_header_length_is_checked_before_use(void **state) {
    (void)state;
    static const struct {
        uint64_t size;
        size_t rest;
        wm_status status;
    } lengths[] = {
        {UINT64_MAX, 16, WM_ERROR_LIMIT},
        {UINT64_C(1) << 63, 16, WM_ERROR_LIMIT},
        {UINT64_C(1) << 32, 16, WM_ERROR_LIMIT},
        {(UINT64_C(1) << 32) + 8, 16, WM_ERROR_LIMIT},
        {UINT64_MAX - 7, 16, WM_ERROR_LIMIT},
        {0xFFFFFFFF0000003C, 0, WM_ERROR_LIMIT},
        {100000001, 16, WM_ERROR_LIMIT},
        {100000000, 16, WM_ERROR_TRUNC},
        {0x3C, 0, WM_ERROR_TRUNC},
        {17, 16, WM_ERROR_TRUNC},
        {16, 16, WM_ERROR_FORMAT}, // of NUL bytes
        {0, 0, WM_ERROR_JSON},
        {0, 16, WM_ERROR_JSON},
    };
    uint8_t bytes[24] = {0};
    wm_error error;
    for (size_t i = 0; i < WM_COUNT(lengths); i++) {
        memcpy(bytes, &lengths[i].size, 8);
        assert_int_equal(parse_status((wm_span){bytes, 8 + lengths[i].rest}, &error),
                         lengths[i].status);
    }
    for (size_t n = 0; n < 8; n++)
        assert_int_equal(parse_status((wm_span){n ? bytes : NULL, n}, &error), WM_ERROR_TRUNC);
    // A refusal by length comes before the first allocation.
    wm_allocator none = test_failing_allocator(-1);
    wm_file *parsed;
    memcpy(bytes, &lengths[0].size, 8);
    assert_int_equal(wm_file_parse(&parsed, (wm_span){bytes, 24}, &none, &error), WM_ERROR_LIMIT);
    memcpy(bytes, &lengths[7].size, 8);
    assert_int_equal(wm_file_parse(&parsed, (wm_span){bytes, 24}, &none, &error), WM_ERROR_TRUNC);
}

// Every prefix of a good file is refused, by a message and never by a read past its end.
static void every_prefix_is_refused(void **state) {
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"a\":" ENTRY("I8", "[4]", 0, 4) "}";
    wm_span file = container(header, sizeof header - 1, 4);
    wm_error error;
    assert_int_equal(parse_status(file, &error), WM_OK);
    for (size_t n = 0; n < file.n; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, file.p, n);
        assert_int_equal(parse_status((wm_span){exact, n}, &error), WM_ERROR_TRUNC);
        free(exact);
    }
    // And every single byte changed gives an answer.
    uint8_t *bytes = (uint8_t *)file.p;
    for (size_t i = 0; i < file.n - 4; i++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            bytes[i] ^= (uint8_t)(1u << bit);
            (void)parse_status(file, &error);
            bytes[i] ^= (uint8_t)(1u << bit);
        }
    }
    free(bytes);
}

// tests/vectors/safetensors_cases.txt: lines "ok|no DATA HEADER", decided by the reference reader.
static void decisions_are_those_of_the_reference(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/safetensors_cases.txt");
    size_t accepted = 0, refused = 0, wrong = 0;
    for (size_t at = 0, end; at < file.n; at = end + 1) {
        for (end = at; file.p[end] != '\n';) end++;
        if (file.p[at] == '#') continue;
        bool ok = file.p[at] == 'o';
        size_t data = 0;
        for (at += 3; file.p[at] != ' '; at++) data = data * 10 + (file.p[at] - (size_t)'0');
        at++;
        wm_span bytes = container((const char *)file.p + at, end - at, data);
        wm_error error = {0};
        wm_status status = parse_status(bytes, &error);
        free((void *)bytes.p);
        *(ok ? &accepted : &refused) += 1;
        if ((status == WM_OK) == ok) continue;
        print_message("%s: %.*s\n", status ? error.text : "accepted", (int)(end - at),
                      (const char *)file.p + at);
        wrong++;
    }
    assert_true(accepted > 100 && refused > 300);
    assert_int_equal(wrong, 0);
}

static void tensors_come_in_order_of_offset_with_their_bytes(void **state) {
    (void)state;
    static const char header[] =
        "{\"b\":" ENTRY("BF16", "[3]", 5, 11) ",\"\xC3\xBC/\\u00fc\":" ENTRY(
            "F32", "[1,1]", 1, 5) ",\"z\":" ENTRY("F32", "[7,0]", 1,
                                                  1) ",\"a\":" ENTRY("BOOL", "[1]", 0, 1) "}";
    wm_span file = container(header, sizeof header - 1, 11);
    wm_file *parsed;
    wm_error error;
    assert_int_equal(wm_file_parse(&parsed, file, NULL, &error), WM_OK);
    assert_int_equal(wm_file_count(parsed), 4);
    static const char *const names[] = {"a", "z", "\xC3\xBC/\xC3\xBC", "b"};
    static const size_t sizes[] = {1, 0, 4, 6};
    size_t offset = 8 + sizeof header - 1;
    for (size_t i = 0; i < 4; i++) {
        const wm_tensor *tensor = wm_file_tensor(parsed, i);
        assert_true(wm_span_is(tensor->name, names[i]));
        assert_true(tensor->bytes.p == file.p + offset && tensor->bytes.n == sizes[i]);
        offset += sizes[i];
        assert_true(wm_file_find(parsed, wm_span_of(names[i])) == tensor);
    }
    const wm_tensor *empty = wm_file_find(parsed, WM_TEXT("z"));
    assert_true(empty->dtype == WM_DTYPE_F32 && empty->rank == 2 && empty->shape[0] == 7 &&
                empty->shape[1] == 0);
    assert_null(wm_file_tensor(parsed, 4));
    assert_null(wm_file_find(parsed, WM_TEXT("c")));
    assert_null(wm_file_find(parsed, WM_TEXT("")));
    assert_string_equal(wm_dtype_name(wm_file_tensor(parsed, 3)->dtype), "BF16");
    wm_file_close(parsed);
    wm_file_close(NULL);
    free((void *)file.p);
}

// ---- Large ones --------------------------------------------------------------------------------

typedef struct text_builder {
    char *p;
    size_t n;
} text_builder;

static void add_text(text_builder *to, const char *text) {
    memcpy(to->p + to->n, text, strlen(text));
    to->n += strlen(text);
}

static void add_number(text_builder *to, size_t number) {
    char digits[20];
    size_t n = 0;
    do digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n) to->p[to->n++] = digits[--n];
}

// Row 13, 26: `count` names on one range, or one after the other, last first.
static wm_status parse_many(size_t count, bool same_range, wm_error *error) {
    text_builder header = {malloc(count * 80 + 2), 0};
    assert_non_null(header.p);
    add_text(&header, "{");
    for (size_t i = 0; i < count; i++) {
        size_t begin = same_range ? 0 : count - 1 - i;
        add_text(&header, i ? ",\"t" : "\"t");
        add_number(&header, i);
        add_text(&header, "\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[");
        add_number(&header, begin);
        add_text(&header, ",");
        add_number(&header, begin + 1);
        add_text(&header, "]}");
    }
    add_text(&header, "}");
    wm_span file = container(header.p, header.n, same_range ? 1 : count);
    free(header.p);
    wm_status status = parse_status(file, error);
    free((void *)file.p);
    return status;
}

static void many_tensors_are_sorted_or_refused_fast(void **state) {
    (void)state;
    wm_error error;
    assert_int_equal(parse_many(10, true, &error), WM_ERROR_FORMAT);
    assert_int_equal(parse_many(WM_LIMIT_TENSORS, true, &error), WM_ERROR_FORMAT);
    assert_true(contains(error.text, "overlap"));
    assert_int_equal(parse_many(WM_LIMIT_TENSORS, false, &error), WM_OK);
    assert_int_equal(parse_many(WM_LIMIT_TENSORS + 1, false, &error), WM_ERROR_LIMIT);
    assert_int_equal(parse_many(1000000, true, &error), WM_ERROR_LIMIT);
}

// `before`, then `unit` × count, then `after`.
static wm_status parse_repeated(const char *before, const char *unit, size_t count,
                                const char *after, size_t data, wm_error *error) {
    text_builder header = {malloc(strlen(before) + strlen(unit) * count + strlen(after)), 0};
    assert_non_null(header.p);
    add_text(&header, before);
    for (size_t i = 0; i < count; i++) add_text(&header, unit);
    add_text(&header, after);
    wm_span file = container(header.p, header.n, data);
    free(header.p);
    wm_status status = parse_status(file, error);
    free((void *)file.p);
    return status;
}

static void long_and_deep_headers_are_limited(void **state) {
    (void)state;
    wm_error error;
    static const char entry[] = "\":" ENTRY("U8", "[1]", 0, 1) "}";
    assert_int_equal(parse_repeated("{\"", "n", WM_LIMIT_NAME, entry, 1, &error), WM_OK);
    assert_int_equal(parse_repeated("{\"", "\\u006e", WM_LIMIT_NAME, entry, 1, &error), WM_OK);
    assert_int_equal(parse_repeated("{\"", "n", WM_LIMIT_NAME + 1, entry, 1, &error),
                     WM_ERROR_LIMIT);
    assert_int_equal(parse_repeated("{\"", "\\u006e", WM_LIMIT_NAME + 1, entry, 1, &error),
                     WM_ERROR_LIMIT);
    assert_int_equal(parse_repeated("{\"", "n", 1 << 20, entry, 1, &error), WM_ERROR_LIMIT);
    assert_int_equal(parse_repeated("{\"", "\\\"", 1 << 20, entry, 1, &error), WM_ERROR_LIMIT);
    assert_int_equal(
        parse_repeated("{\"__metadata__\":{\"a\":\"", "0123456789", 5000000, "\"}}", 0, &error),
        WM_ERROR_LIMIT);
    assert_int_equal(parse_repeated("{\"a\":{\"dtype\":\"U8\",\"shape\":[1", ",1", 1000000,
                                    "],\"data_offsets\":[0,1]}}", 1, &error),
                     WM_ERROR_LIMIT);
    assert_int_equal(parse_repeated("{\"a\":", "[", 100000, "", 0, &error), WM_ERROR_LIMIT);
    assert_true(contains(error.text, "depth"));
    assert_int_equal(parse_repeated("{\"a\":", "{\"\":", 100000, "", 0, &error), WM_ERROR_LIMIT);
}

// Row 16 on a machine of 32 bits: what the format allows but memory cannot hold.
static void four_gigabytes_are_an_overflow_on_32_bits(void **state) {
    (void)state;
    static const char header[] = "{\"a\":" ENTRY("F32", "[65536,65536]", 0, 17179869184) "}";
    wm_span file = container(header, sizeof header - 1, 16);
    wm_error error;
    assert_int_equal(parse_status(file, &error),
                     sizeof(size_t) == 4 ? WM_ERROR_OVERFLOW : WM_ERROR_TRUNC);
    free((void *)file.p);
}

// Row 85: the n-th allocation fails alone, or with all after it.
static void each_failed_allocation_is_survived(void **state) {
    (void)state;
    static const char header[] =
        "{\"a\":" ENTRY("I8", "[4]", 0, 4) ",\"b\\u0062\":" ENTRY("I8", "[4]", 4, 8) "}";
    text_builder many = {malloc(sizeof header + 2000 * 80), 0};
    assert_non_null(many.p);
    add_text(&many, header);
    for (size_t i = 0; i < 2000; i++) {
        many.n--;
        add_text(&many, ",\"\\u0070");
        add_number(&many, i);
        add_text(&many, "\":" ENTRY("I8", "[0]", 8, 8) "}");
    }
    wm_span file = container(many.p, many.n, 8);
    free(many.p);
    for (long sign = -1; sign <= 1; sign += 2) {
        wm_status status = WM_ERROR_NOMEM;
        long failures = 0;
        for (long n = 1; status != WM_OK || n < 10; n++) {
            wm_allocator failing = test_failing_allocator(sign * n);
            wm_error error;
            wm_file *parsed;
            status = wm_file_parse(&parsed, file, &failing, &error);
            if (status == WM_OK) {
                assert_int_equal(wm_file_count(parsed), 2002);
                wm_file_close(parsed);
            } else {
                assert_int_equal(status, WM_ERROR_NOMEM);
                failures++;
            }
            assert_int_equal(test_live_allocations(), 0);
            assert_true(n < 1000);
        }
        assert_true(sign > 0 ||
                    failures > 2); // one failure alone may be made good by another block
    }
    free((void *)file.p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_header_is_decided_and_explained),
        cmocka_unit_test(the_header_length_is_checked_before_use),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(decisions_are_those_of_the_reference),
        cmocka_unit_test(tensors_come_in_order_of_offset_with_their_bytes),
        cmocka_unit_test(many_tensors_are_sorted_or_refused_fast),
        cmocka_unit_test(long_and_deep_headers_are_limited),
        cmocka_unit_test(four_gigabytes_are_an_overflow_on_32_bits),
        cmocka_unit_test(each_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests_name("safetensors", tests, NULL, NULL);
}
