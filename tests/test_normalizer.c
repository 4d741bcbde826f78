// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/arena.h"
#include "../src/token/normalizer.h"

static wm_arena arena;
static wm_unicode unicode;

// The code points in hex up to ';' or the line's end as UTF-8; *p moves behind it.
static wm_span read_column(const uint8_t **p, uint8_t *to) {
    size_t n = 0;
    while (**p != ';' && **p != '\n') {
        uint32_t c = 0;
        for (; **p > ' ' && **p != ';'; ++*p)
            c = c * 16 + (uint32_t)(**p <= '9' ? **p - '0' : **p - 'A' + 10);
        n += wm_utf8_encode(c, to + n);
        while (**p == ' ') ++*p;
    }
    ++*p;
    return (wm_span){to, n};
}

// NormalizationTest.txt's lines: source; NFC; NFD; NFKC; NFKD.
static void forms_are_the_standards(void **state) {
    (void)state;
    static const uint8_t expected[][5] = {
        {1, 1, 1, 3, 3}, {2, 2, 2, 4, 4}, {3, 3, 3, 3, 3}, {4, 4, 4, 4, 4}}; // of each column
    wm_normalizing normalizing = {.unicode = &unicode};
    normalizing.writers[0].host = normalizing.writers[1].host = &arena.host;
    wm_span file = test_file("tests/vectors/normalization.txt");
    int lines = 0;
    for (const uint8_t *p = file.p, *end = p + file.n; p < end;) {
        if (*p == '#') {
            while (*p++ != '\n') {}
            continue;
        }
        uint8_t bytes[5][256];
        wm_span columns[5];
        for (int i = 0; i < 5; i++) columns[i] = read_column(&p, bytes[i]);
        lines++;
        for (int i = 0; i < 4 * 5; i++) {
            const wm_normalizer step = {.kind = (wm_normalizer_kind)(WM_NORMALIZER_NFC + i / 5)};
            const wm_run same = {0, 0, WM_RUN_SAME};
            wm_text text = {columns[i % 5].p, columns[i % 5].n, &same, 1};
            wm_span want = columns[expected[i / 5][i % 5]];
            size_t start = 0, stop = text.n;
            assert_true(wm_normalize(&step, 1, &normalizing, &text, &start, &stop));
            if (stop - start != want.n || memcmp(text.p + start, want.p, want.n) != 0)
                fail_msg("line %d, form %d of column %d", lines, i / 5, i % 5 + 1);
        }
    }
    assert_true(lines > 350);
    wm_normalizing_free(&normalizing);
}

// What goes at a text's beginning moves all places after it, as in `tokenizers`; what goes later
// does not.
static void places_after_a_removal(void **state) {
    (void)state;
    static uint8_t blob[4 + 4 * 0x400 + 1];
    const uint32_t units[][2] = {{0, 0x100u << 10}, {0x105, 5 | 0x100 | 0x200u << 10}, {0x305, 0}};
    blob[1] = 0x10; // of 0x1000 bytes
    for (size_t i = 0; i < WM_COUNT(units); i++)
        for (int k = 0; k < 4; k++)
            blob[4 + units[i][0] * 4 + (size_t)k] = (uint8_t)(units[i][1] >> k * 8);
    wm_normalizer step = {.kind = WM_NORMALIZER_CHARSMAP};
    wm_error error;
    if (wm_charsmap_open(&step.charsmap, (wm_span){blob, sizeof blob}, &error) != WM_OK)
        fail_msg("%s", error.text);
    static const char *const cases[] = {"\x05Z}K2abc", "Z}K2abc", "Z}K2abc\x05"};
    wm_normalizing normalizing = {.unicode = &unicode};
    normalizing.writers[0].host = normalizing.writers[1].host = &arena.host;
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        const wm_run same = {0, 0, WM_RUN_SAME};
        wm_text text = {(const uint8_t *)cases[i], strlen(cases[i]), &same, 1};
        size_t start = 0, stop = text.n;
        assert_true(wm_normalize(&step, 1, &normalizing, &text, &start, &stop));
        assert_int_equal(stop, 7);
        assert_memory_equal(text.p, "Z}K2abc", 7);
        wm_cursor cursor = wm_cursor_from(&text, start, stop);
        uint32_t c;
        for (uint32_t at = 0; wm_cursor_next(&cursor, &c); at++) assert_int_equal(cursor.start, at);
    }
    wm_normalizing_free(&normalizing);
}

// A normalizer that makes a text of each character does not get all the memory.
static void growth_is_limited(void **state) {
    (void)state;
    static const char before[] =
        "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"";
    static const char after[] =
        "\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"x\":0,\"y\":1},\"merges\":[]}}";
    static char json[sizeof before + 100000 + sizeof after];
    static uint8_t spaces[10000];
    memset(spaces, ' ', sizeof spaces);
    for (size_t content = 3; content <= 100000; content = content * 10 + 70) {
        size_t n = sizeof before - 1;
        memcpy(json, before, n);
        memset(json + n, 'x', content);
        memcpy(json + n + content, after, sizeof after - 1);
        n += content + sizeof after - 1;
        wm_source file = {WM_TEXT("tokenizer.json"), {(const uint8_t *)json, n}};
        wm_budget budget = {.host = test_failing_allocator(0), .limit = 64u << 20};
        wm_allocator host = wm_budget_allocator(&budget);
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        wm_error error;
        if (wm_tokenizer_open(&tokenizer, &file, 1, &host, &error) != WM_OK)
            fail_msg("%s", error.text);
        wm_status status = wm_tokenizer_encode(tokenizer, (wm_span){spaces, sizeof spaces}, NULL,
                                               NULL, &encoding, &error);
        assert_int_equal(status, content < 64 ? WM_OK : WM_ERROR_NOMEM);
        assert_false(budget.refused);
        if (status == WM_OK) assert_int_equal(encoding.count, content * sizeof spaces);
        // Short texts have some room more, and the next call works.
        assert_int_equal(
            wm_tokenizer_encode(tokenizer, WM_TEXT(" y"), NULL, NULL, &encoding, &error),
            content < 65536 ? WM_OK : WM_ERROR_NOMEM);
        wm_encoding_free(&encoding);
        wm_tokenizer_close(tokenizer);
        assert_int_equal(test_live_allocations(), 0);
    }
}

int main(void) {
    wm_arena_init(&arena, NULL);
    if (wm_unicode_open(&unicode, &arena, NULL) != WM_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms_are_the_standards),
                                       cmocka_unit_test(places_after_a_removal),
                                       cmocka_unit_test(growth_is_limited)};
    int failed = cmocka_run_group_tests_name("normalizer", tests, NULL, NULL);
    wm_arena_free(&arena);
    return failed;
}
