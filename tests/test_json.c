// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/json.h"

static wm_span text_span(const char *text) {
    return (wm_span){(const uint8_t *)text, strlen(text)};
}

// With a space behind it, lest a number ends the text.
static wm_json parse(const char *json) {
    static char text[1024];
    wm_json root;
    wm_error error;
    size_t n = strlen(json);
    assert_true(n + 2 <= sizeof text);
    memcpy(text, json, n);
    memcpy(text + n, " ", 2);
    if (wm_json_check(text_span(text), "test", WM_JSON_PYTHON, &root, &error) != WM_OK)
        fail_msg("%s: %s", text, error.text);
    return root;
}

// ---- nst/JSONTestSuite -------------------------------------------------------------------------

static size_t read_number(wm_span file, size_t *at) {
    size_t number = 0;
    while (file.p[*at] >= '0' && file.p[*at] <= '9')
        number = number * 10 + (file.p[(*at)++] - (size_t)'0');
    (*at)++;
    return number;
}

// Walks all of a value by cursors; returns the number of values in it. No recursion: a stack.
static size_t count_values(wm_json root) {
    wm_json_iter stack[WM_LIMIT_JSON_DEPTH + 1];
    size_t depth = 1, count = 1;
    stack[0] = wm_json_each(root);
    while (depth) {
        wm_json_iter *top = &stack[depth - 1];
        if (!wm_json_next(top)) {
            depth--;
            continue;
        }
        count++;
        assert_true(wm_json_type_of(top->value) <= WM_JSON_OBJECT &&
                    wm_json_span(top->value).n > 0);
        stack[depth++] = wm_json_each(top->value);
    }
    return count;
}

static void the_test_suite_is_decided_as_it_says(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/jsontestsuite.bin");
    uint8_t *text = malloc(300000);
    assert_non_null(text);
    size_t at = 0, accepted = 0, refused = 0, wrong = 0;
    while (file.p[at] == '#')
        while (file.p[at++] != '\n') {}
    while (at < file.n) {
        const char *name = (const char *)file.p + at;
        size_t name_size = 0, n = 0;
        while (name[name_size] != ' ') name_size++;
        at += name_size + 1;
        size_t count = read_number(file, &at), unit = read_number(file, &at),
               tail = read_number(file, &at);
        assert_true(count * unit + tail <= 300000 && at + unit + tail < file.n);
        for (size_t i = 0; i < count; i++, n += unit) memcpy(text + n, file.p + at, unit);
        memcpy(text + n, file.p + at + unit, tail);
        n += tail;
        at += unit + tail + 1;

        // At the very end of its own block, so that a sanitizer sees any read past it.
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, text, n);
        wm_json root;
        wm_error error;
        wm_status status = wm_json_check((wm_span){exact, n}, "suite", 0, &root, &error);
        if (status == WM_OK) count_values(root);
        if (name[0] == 'y') accepted++;
        if (name[0] == 'n') refused++;
        if ((name[0] == 'y' && status != WM_OK) || (name[0] == 'n' && status == WM_OK)) {
            print_message("%.*s: %s\n", (int)name_size, name, status ? error.text : "accepted");
            wrong++;
        }
        free(exact);
    }
    free(text);
    assert_int_equal(accepted, 95);
    assert_int_equal(refused, 188);
    assert_int_equal(wrong, 0);
}

// ---- The check ---------------------------------------------------------------------------------

static void errors_say_what_and_where(void **state) {
    (void)state;
    static const struct {
        const char *text;
        wm_status status;
        uint64_t offset;
        const char *message;
    } cases[] = {
        {"", WM_ERROR_JSON, 0, "f: not JSON at byte 0: expected a value, got the end"},
        {"  ", WM_ERROR_JSON, 2, "f: not JSON at byte 2: expected a value, got the end"},
        {"\xEF\xBB\xBF{}", WM_ERROR_JSON, 0,
         "f: not JSON at byte 0: expected a value, got \xEF\xBB\xBF"},
        {"{\"a\" 1}", WM_ERROR_JSON, 5, "f: not JSON at byte 5: expected ':', got 1"},
        {"{\"a\":1 \"b\":2}", WM_ERROR_JSON, 7,
         "f: not JSON at byte 7: expected ',' or '}', got \""},
        {"[1 2]", WM_ERROR_JSON, 3, "f: not JSON at byte 3: expected ',' or ']', got 2"},
        {"[1,]", WM_ERROR_JSON, 3, "f: not JSON at byte 3: expected a value, got ]"},
        {"{a:1}", WM_ERROR_JSON, 1,
         "f: not JSON at byte 1: expected a key in double quotes, got a"},
        {"{\"a\":1,}", WM_ERROR_JSON, 7,
         "f: not JSON at byte 7: expected a key in double quotes, got }"},
        {"[1}", WM_ERROR_JSON, 2, "f: not JSON at byte 2: expected ',' or ']', got }"},
        {"[] []", WM_ERROR_JSON, 3, "f: not JSON at byte 3: expected the end, got ["},
        {"\"ab", WM_ERROR_JSON, 3,
         "f: not JSON at byte 3: expected the string's closing quote, got the end"},
        {"\"a\nb\"", WM_ERROR_JSON, 2,
         "f: not JSON at byte 2: expected the string's closing quote, got ?"},
        {"\"\\x\"", WM_ERROR_JSON, 1, "f: not JSON at byte 1: expected a known escape, got \\"},
        {"tru", WM_ERROR_JSON, 0, "f: not JSON at byte 0: expected a value, got t"},
        {"-", WM_ERROR_JSON, 1, "f: not JSON at byte 1: expected a digit, got the end"},
        {"\"\\ud800\"", WM_ERROR_JSON, 1,
         "f: not JSON at byte 1: expected both halves of a surrogate pair, got \\"},
        {"NaN", WM_ERROR_JSON, 0, "f: not JSON at byte 0: expected a value, got N"},
        {"[\"\xED\xA0\x80\"]", WM_ERROR_UTF8, 2, "f: not UTF-8 at byte 2"},
        {"{\"gr\xFC\":1}", WM_ERROR_UTF8, 4, "f: not UTF-8 at byte 4"},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_json root = {0};
        wm_error error = {0};
        wm_status status = wm_json_check(text_span(cases[i].text), "f", 0, &root, &error);
        assert_int_equal(status, cases[i].status);
        assert_int_equal(error.status, status);
        assert_string_equal(error.text, cases[i].message);
        assert_int_equal(error.offset, cases[i].offset);
        assert_int_equal(wm_json_check(text_span(cases[i].text), "f", 0, &root, NULL), status);
        assert_false(wm_json_present(root));
    }
}

static void python_literals_only_where_asked(void **state) {
    (void)state;
    static const char *const literals[] = {"NaN", "Infinity", "-Infinity", "[NaN]", "\"\\udc00\""};
    static const char *const never[] = {"-NaN", "+Infinity", "nan",      "Inf",
                                        "1_0",  "'a'",       "-Infinit", "None"};
    wm_json root;
    for (size_t i = 0; i < WM_COUNT(literals); i++) {
        assert_int_equal(wm_json_check(text_span(literals[i]), "f", 0, &root, NULL), WM_ERROR_JSON);
        assert_int_equal(wm_json_check(text_span(literals[i]), "f", WM_JSON_PYTHON, &root, NULL),
                         WM_OK);
    }
    for (size_t i = 0; i < WM_COUNT(never); i++)
        assert_int_equal(wm_json_check(text_span(never[i]), "f", WM_JSON_PYTHON, &root, NULL),
                         WM_ERROR_JSON);
}

// `open` × depth, a 1, `close` × depth.
static wm_status check_nested(const char *open, const char *close, size_t depth, bool closed) {
    size_t width = strlen(open), n = 0;
    char *text = malloc(depth * (width + 1) + 2);
    assert_non_null(text);
    for (size_t i = 0; i < depth; i++, n += width) memcpy(text + n, open, width);
    text[n++] = '1';
    for (size_t i = 0; closed && i < depth; i++) text[n++] = *close;
    wm_json root;
    wm_status status = wm_json_check((wm_span){(uint8_t *)text, n}, "f", 0, &root, NULL);
    if (status == WM_OK) assert_int_equal(count_values(root), depth + 1);
    free(text);
    return status;
}

static void depth_is_limited(void **state) {
    (void)state;
    assert_int_equal(check_nested("[", "]", WM_LIMIT_JSON_DEPTH, true), WM_OK);
    assert_int_equal(check_nested("{\"\":", "}", WM_LIMIT_JSON_DEPTH, true), WM_OK);
    assert_int_equal(check_nested("[", "]", WM_LIMIT_JSON_DEPTH, false), WM_ERROR_JSON);
    assert_int_equal(check_nested("[", "]", WM_LIMIT_JSON_DEPTH + 1, true), WM_ERROR_LIMIT);
    assert_int_equal(check_nested("{\"\":", "}", WM_LIMIT_JSON_DEPTH + 1, true), WM_ERROR_LIMIT);
    assert_int_equal(check_nested("[", "]", 100000, true), WM_ERROR_LIMIT);
    assert_int_equal(check_nested("[", "]", 100000, false), WM_ERROR_LIMIT);
}

static void string_length_is_limited(void **state) {
    (void)state;
    size_t n = WM_LIMIT_JSON_STRING + 3;
    uint8_t *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    text[0] = text[n - 2] = text[n - 1] = '"';
    wm_json root;
    assert_int_equal(wm_json_check((wm_span){text, n - 1}, "f", 0, &root, NULL), WM_OK);
    text[n - 2] = 'a';
    assert_int_equal(wm_json_check((wm_span){text, n}, "f", 0, &root, NULL), WM_ERROR_LIMIT);
    free(text);
}

// ---- Cursors -----------------------------------------------------------------------------------

static void iteration_sees_each_member_once(void **state) {
    (void)state;
    wm_json root = parse(
        " { \"a\" : [ 1 , { } , [ ] , \"]\" ] , \"b\\\"}\" : { \"c\" : null } , \"\" : -1.5e3 } ");
    assert_int_equal(wm_json_type_of(root), WM_JSON_OBJECT);
    assert_int_equal(count_values(root), 9);
    wm_json_iter i = wm_json_each(root);
    assert_true(wm_json_next(&i) && wm_json_string_is(i.key, "a"));
    assert_int_equal(wm_json_type_of(i.value), WM_JSON_ARRAY);
    static const wm_json_type types[] = {WM_JSON_NUMBER, WM_JSON_OBJECT, WM_JSON_ARRAY,
                                         WM_JSON_STRING};
    size_t count = 0;
    for (wm_json_iter j = wm_json_each(i.value); wm_json_next(&j); count++) {
        assert_int_equal(wm_json_type_of(j.value), types[count]);
        assert_false(wm_json_present(j.key));
    }
    assert_int_equal(count, 4);
    assert_true(wm_json_next(&i) && wm_json_string_is(i.key, "b\"}"));
    assert_int_equal(wm_json_type_of(wm_json_get(i.value, "c")), WM_JSON_NULL);
    assert_true(wm_json_next(&i) && wm_json_string_is(i.key, "") && wm_json_span(i.value).n == 6);
    assert_false(wm_json_next(&i));
    assert_false(wm_json_next(&i));
}

static void get_takes_the_last_and_survives_absence(void **state) {
    (void)state;
    wm_json root = parse("{\"a\":1,\"b\":2,\"\\u0061\":3,\"ab\":4}");
    uint64_t number = 0;
    assert_true(wm_json_u64(wm_json_get(root, "a"), &number));
    assert_int_equal(number, 3);
    wm_json absent = wm_json_get(root, "c");
    assert_false(wm_json_present(absent));
    assert_false(wm_json_present(wm_json_get(absent, "c")));
    assert_false(wm_json_present(wm_json_get(parse("[1]"), "1")));
    wm_json_iter i = wm_json_each(absent);
    assert_false(wm_json_next(&i));
    i = wm_json_each(parse("12"));
    assert_false(wm_json_next(&i));
    double real;
    bool flag;
    wm_span view;
    assert_false(wm_json_u64(absent, &number) || wm_json_f64(absent, &real) ||
                 wm_json_bool(absent, &flag));
    assert_false(wm_json_string_is(absent, "") || wm_json_string_plain(absent, &view));
}

// Nothing would end a number that is all of the text: it counts as null.
static void a_scalar_at_the_very_end_is_null(void **state) {
    (void)state;
    static const char *const texts[] = {"12", " 1e3", "true", "-Infinity"};
    for (size_t i = 0; i < WM_COUNT(texts); i++) {
        wm_json root;
        assert_int_equal(wm_json_check(text_span(texts[i]), "f", WM_JSON_PYTHON, &root, NULL),
                         WM_OK);
        assert_int_equal(wm_json_type_of(root), WM_JSON_NULL);
        assert_int_equal(wm_json_span(root).n, 4);
        assert_int_not_equal(wm_json_type_of(parse(texts[i])), WM_JSON_NULL);
    }
}

// Brackets, quotes and backslashes inside and around what is skipped.
static void skipping_finds_the_end(void **state) {
    (void)state;
    static const char *const inner[] = {
        "[]",
        "{}",
        "[[1],[2,[3]]]",
        "\"]\"",
        "\"\\\"]\"",
        "\"\\\\\"",
        "[\"\\\\\",\"}\"]",
        "{\"{[\":\"]}\",\"\\\\\\\"\":[{}]}",
        "\"\xE2\x96\x81\xDB\xDD\x9B\"",
        "12345678",
        "[[[[[[[[[]]]]]]]]]",
    };
    for (size_t k = 0; k < WM_COUNT(inner); k++) {
        for (size_t pad = 0; pad < 20; pad++) {
            for (size_t deep = 0; deep < 3; deep++) {
                char text[128];
                size_t n = 0;
                text[n++] = '[';
                for (size_t i = 0; i < deep; i++) text[n++] = '[';
                for (size_t i = 0; i < pad; i++) text[n++] = i % 3 ? ' ' : '\n';
                memcpy(text + n, inner[k], strlen(inner[k]));
                n += strlen(inner[k]);
                for (size_t i = 0; i < pad / 3; i++) text[n++] = ' ';
                for (size_t i = 0; i < deep; i++) text[n++] = ']';
                memcpy(text + n, ",7]", 3);
                n += 3;
                char *exact = malloc(n);
                assert_non_null(exact);
                memcpy(exact, text, n);
                wm_json_iter i = wm_json_each((wm_json){(const uint8_t *)exact});
                uint64_t seven = 0;
                if (!wm_json_next(&i) || !wm_json_next(&i) || !wm_json_u64(i.value, &seven) ||
                    seven != 7 || wm_json_next(&i))
                    fail_msg("%.*s", (int)n, text);
                free(exact);
            }
        }
    }
}

// ---- Strings -----------------------------------------------------------------------------------

static void strings_decode(void **state) {
    (void)state;
    static const struct {
        const char *json, *text;
        bool plain;
    } cases[] = {
        {"\"\"", "", true},
        {"\"plain\"", "plain", true},
        {"\"gr\xC3\xBC\xC3\x9F\"", "gr\xC3\xBC\xC3\x9F", true},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", false},
        {"\"a\\u0041b\\u00e9\\u20AC!\"", "aAb\xC3\xA9\xE2\x82\xAC!", false},
        {"\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", false},
        {"\"\\uD83D\\uDE00\\ud83d\"", "\xF0\x9F\x98\x80\xEF\xBF\xBD", false},
        {"\"\\ud83d\\u0041\"", "\xEF\xBF\xBD\x41", false},
        {"\"\\ude00\\ud83d\"", "\xEF\xBF\xBD\xEF\xBF\xBD", false},
        {"\"\\ud83d\\ud83d\\ude00x\"", "\xEF\xBF\xBD\xF0\x9F\x98\x80x", false},
        {"\"\\u0120the\"", "\xC4\xA0the", false},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_json value = parse(cases[i].json);
        uint8_t decoded[64];
        wm_span view = {0}, text = wm_json_string_decode(value, decoded);
        assert_int_equal(text.n, strlen(cases[i].text));
        assert_memory_equal(text.p, cases[i].text, text.n);
        assert_true(wm_json_string_is(value, cases[i].text));
        assert_false(wm_json_string_is(value, "something else"));
        assert_int_equal(wm_json_string_plain(value, &view), cases[i].plain);
        if (cases[i].plain)
            assert_true(view.p == value.p + 1 && view.n == strlen(cases[i].json) - 2);
    }
    assert_false(wm_json_string_is(parse("\"a\""), "ab") ||
                 wm_json_string_is(parse("\"ab\""), "a"));
    assert_false(wm_json_string_is(parse("\"a\\u0000\""), "a") ||
                 wm_json_string_is(parse("1"), "1"));
    uint8_t decoded[8];
    wm_span text = wm_json_string_decode(parse("\"a\\u0000b\""), decoded);
    assert_int_equal(text.n, 3);
    assert_memory_equal(text.p, "a\0b", 3);
}

// ---- Numbers -----------------------------------------------------------------------------------

static void integers_are_exact_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t number;
        bool is_u64;
    } cases[] = {
        {"0", 0, true},
        {"-0", 0, true},
        {"0.0", 0, true},
        {"0e999999999999999999999", 0, true},
        {"0e-5", 0, true},
        {"12", 12, true},
        {"12.0", 12, true},
        {"1.2e1", 12, true},
        {"1.2E+1", 12, true},
        {"120e-1", 12, true},
        {"1200.00e-2", 12, true},
        {"12.0000000000000000000000000000000000", 12, true},
        {"0.000000000000000000000000000000000012e36", 12, true},
        {"1e9", 1000000000, true},
        {"9007199254740993", UINT64_C(9007199254740993), true},
        {"9223372036854775807", UINT64_C(9223372036854775807), true},
        {"9223372036854775808", UINT64_C(9223372036854775808), true},
        {"18446744073709551615", UINT64_MAX, true},
        {"18446744073709551615000e-3", UINT64_MAX, true},
        {"18446744073709551616", 0, false},
        {"1e19", UINT64_C(10000000000000000000), true},
        {"1e20", 0, false},
        {"1e999999999999999999999", 0, false},
        {"1e-999999999999999999999", 0, false},
        {"-1", 0, false},
        {"-9223372036854775808", 0, false},
        {"-9223372036854775809", 0, false},
        {"1.5", 0, false},
        {"1e-1", 0, false},
        {"12.00000000000000000000000000000000001", 0, false},
        {"\"12\"", 0, false},
        {"true", 0, false},
        {"null", 0, false},
        {"[12]", 0, false},
        {"NaN", 0, false},
        {"-Infinity", 0, false},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_json value = parse(cases[i].text);
        uint64_t number = 77;
        if (wm_json_u64(value, &number) != cases[i].is_u64 ||
            number != (cases[i].is_u64 ? cases[i].number : 77))
            fail_msg("u64 of %s: %llu", cases[i].text, (unsigned long long)number);
    }
}

// The bits are Python's float(text): tests/vectors/json_numbers.txt, a line "text bits".
static void reals_are_those_of_python(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/json_numbers.txt");
    size_t count = 0, wrong = 0;
    for (size_t at = 0; at < file.n; count++) {
        size_t start = at;
        while (file.p[at] != ' ' && file.p[at] != '\n') at++;
        if (file.p[start] == '#') {
            while (file.p[at++] != '\n') {}
            count--;
            continue;
        }
        wm_json value = {file.p + start};
        uint64_t want = 0, got = 1;
        for (at++; file.p[at] != '\n'; at++) {
            uint8_t digit = file.p[at];
            want = want << 4 | (uint64_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
        }
        at++;
        double number = 0;
        assert_true(wm_json_f64(value, &number));
        memcpy(&got, &number, sizeof got);
        if (got == want) continue;
        print_message("%.*s: %llx, not %llx\n", (int)wm_json_span(value).n, (const char *)value.p,
                      (unsigned long long)got, (unsigned long long)want);
        wrong++;
    }
    assert_true(count > 1000);
    assert_int_equal(wrong, 0);
}

// What `tokenizers` makes of a Unigram's scores: not the nearest double, all but the first three.
static void numbers_rounded_twice(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t bits;
    } cases[] = {
        {"-739.899", 0xC0871F3126E978D5},
        {"-796487718.759329574455", 0xC1C7BCB8136131B6},
        {"0", 0},
        {"-26.142142341728462", 0xC03A246370C519C2},
        {"-95901e-36", 0xB97F1F24B4524490},
        {"-0.000000005707806161673381343942", 0xBE3883CC9B3EBB36},
        {"0.0097026639286269453266", 0x3F83DEFD820F6CBC},
        {"-21874666133888998e-15", 0xC035DFEA1EA7F8D6},
        {"-0.028402387991454114", 0xBF9D1583FE34D63F},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        double number = 0, nearest = 0;
        uint64_t got;
        assert_true(wm_json_f64_twice(parse(cases[i].text), &number));
        assert_true(wm_json_f64(parse(cases[i].text), &nearest));
        memcpy(&got, &number, sizeof got);
        if (got != cases[i].bits || (number == nearest) != (i < 3))
            fail_msg("%s: %.17g", cases[i].text, number);
    }
    double number;
    assert_false(wm_json_f64_twice(parse("NaN"), &number) ||
                 wm_json_f64_twice(parse("null"), &number));
}

static void other_reals_are_within_one_unit(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double number;
    } cases[] = {
        {"1000000000000000019884624838656", 1e30},
        {"1.7976931348623157e308", 1.7976931348623157e308},
        {"2.2250738585072014e-308", 2.2250738585072014e-308},
        {"5e-324", 5e-324},
        {"1.5e-322", 1.5e-322},
        {"1e-300", 1e-300},
        {"123456789012345678901234567890e-200", 123456789012345678901234567890e-200},
        {"9.999999999999999999999999999999e199", 1e200},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        double number = 0;
        int64_t got, want;
        assert_true(wm_json_f64(parse(cases[i].text), &number));
        memcpy(&got, &number, sizeof got);
        memcpy(&want, &cases[i].number, sizeof want);
        if (got - want > 1 || want - got > 1) fail_msg("%s: %.17g", cases[i].text, number);
    }
    double number = 0;
    assert_true(wm_json_f64(parse("1e309"), &number) && number > 1.7976931348623157e308);
    assert_true(wm_json_f64(parse("-1e999999999999999"), &number) &&
                number < -1.7976931348623157e308);
    assert_true(wm_json_f64(parse("1e-400"), &number) && number == 0);
    assert_true(wm_json_f64(parse("1e-999999999999999"), &number) && number == 0);
    assert_true(wm_json_f64(parse("NaN"), &number) && number != number);
    assert_true(wm_json_f64(parse("Infinity"), &number) && number > 1.7976931348623157e308);
    assert_true(wm_json_f64(parse("-Infinity"), &number) && number < -1.7976931348623157e308);
    assert_false(wm_json_f64(parse("null"), &number) || wm_json_f64(parse("\"1\""), &number));
    bool flag = false;
    assert_true(wm_json_bool(parse("true"), &flag) && flag);
    assert_true(wm_json_bool(parse("false"), &flag) && !flag);
    assert_false(wm_json_bool(parse("1"), &flag) || wm_json_bool(parse("null"), &flag));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_test_suite_is_decided_as_it_says),
        cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(python_literals_only_where_asked),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(string_length_is_limited),
        cmocka_unit_test(iteration_sees_each_member_once),
        cmocka_unit_test(get_takes_the_last_and_survives_absence),
        cmocka_unit_test(a_scalar_at_the_very_end_is_null),
        cmocka_unit_test(skipping_finds_the_end),
        cmocka_unit_test(strings_decode),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(reals_are_those_of_python),
        cmocka_unit_test(other_reals_are_within_one_unit),
        cmocka_unit_test(numbers_rounded_twice),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
