// SPDX-License-Identifier: MIT OR Apache-2.0
// The patterns' pieces against those of the `tokenizers` wheel.
#include "harness.h"
#include "../src/token/pre_tokenizer.h"

static wm_arena arena;
static wm_unicode unicode;
static wm_char_sets sets;

static const char *const names[] = {
    [WM_SPLITTER_GPT2] = "GPT2",
    [WM_SPLITTER_QWEN] = "QWEN",
    [WM_SPLITTER_QWEN35] = "QWEN35",
    [WM_SPLITTER_CL100K] = "CL100K",
    [WM_SPLITTER_O200K] = "O200K",
    [WM_SPLITTER_TEKKEN] = "TEKKEN",
    [WM_SPLITTER_DEEPSEEK] = "DEEPSEEK",
    [WM_SPLITTER_THREE_NUMBERS] = "THREE_NUMBERS",
    [WM_SPLITTER_LINE_ENDS] = "LINE_ENDS",
    [WM_SPLITTER_SPACE_LETTERS] = "SPACE_LETTERS",
    [WM_SPLITTER_SPACE_PUNCTUATION] = "SPACE_PUNCTUATION",
    [WM_SPLITTER_END_SPACES] = "END_SPACES",
    [WM_SPLITTER_LIST] = "LIST",
    [WM_SPLITTER_SPACE_LIST] = "SPACE_LIST",
    [WM_SPLITTER_NUMBERS] = "NUMBERS",
    [WM_SPLITTER_SPACES] = "SPACES",
};

static uint32_t digit(uint8_t c) { return c <= '9' ? c - '0' + 0u : c - 'a' + 10u; }

// The bytes that [*p, end) has in hex; *p moves on behind them.
static wm_span from_hex(const uint8_t **p, const uint8_t *end, uint8_t *to) {
    size_t n = 0;
    for (; *p + 1 < end && **p > ' '; *p += 2)
        to[n++] = (uint8_t)(digit((*p)[0]) << 4 | digit((*p)[1]));
    return (wm_span){to, n};
}

static void patterns_split_as_the_wheel(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/tokenizers/splits.txt");
    const uint8_t *p = file.p, *end = file.p + file.n;
    wm_splitting splitting = {.unicode = &unicode, .sets = &sets};
    splitting.writers[0].host = splitting.writers[1].host = &arena.host;
    wm_splitter step = {0};
    uint8_t bytes[1024], pattern[1024];
    size_t count = 0;
    for (; p < end; p++) {
        if (*p == '=') {
            const uint8_t *name = ++p;
            while (*p != ' ') p++;
            size_t n = (size_t)(p++ - name);
            wm_span list = {0};
            int kind = wm_splitter_find(from_hex(&p, end, pattern), &list);
            assert_true(kind >= 0 && (size_t)kind < WM_COUNT(names));
            assert_int_equal(strlen(names[kind]), n);
            assert_memory_equal(names[kind], name, n);
            step.kind = (wm_splitter_kind)kind;
            assert_int_equal(wm_splitter_list(&step, list, &arena, NULL), WM_OK);
            continue;
        }
        wm_span whole = from_hex(&p, end, bytes);
        const wm_run same = {0, 0, WM_RUN_SAME};
        wm_text text = {whole.p, whole.n, &same, 1};
        const wm_array *pieces;
        assert_true(wm_pre_tokenize(&step, 1, &splitting, &text, 0, text.n, &pieces));
        const wm_piece *piece = pieces->p;
        size_t start = 0;
        for (size_t i = 0; i < pieces->n / sizeof *piece; i++) {
            uint32_t want = 0;
            for (p++; p < end && *p >= '0'; p++) want = want * 10 + (*p - '0');
            if (piece[i].start != start || piece[i].end != want)
                fail_msg("%s, text %zu: piece %zu is [%u, %u), expected [%zu, %u)",
                         names[step.kind], count, i, piece[i].start, piece[i].end, start, want);
            start = want;
        }
        assert_int_equal(start, whole.n);
        assert_int_equal(*p, '\n');
        count++;
    }
    assert_true(count > 2000);
    wm_splitting_free(&splitting);
}

static void others_are_not_known(void **state) {
    (void)state;
    static const char *const patterns[] = {
        "",
        "\\s+",
        "\\p{L}+",
        "[]+",
        "[^a]+",
        "[a-]+",
        "[a\\d]+",
        "[a&&b]+",
        "[[:alpha:]]+",
        "[ab]",
        "[ab",
        "\\s?[a]",
        "\\s?a]+",
        "\\s?",
        "]+",
        "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s*"};
    wm_span list;
    for (size_t i = 0; i < WM_COUNT(patterns); i++)
        assert_int_equal(
            wm_splitter_find((wm_span){(const uint8_t *)patterns[i], strlen(patterns[i])}, &list),
            -1);
}

int main(void) {
    wm_arena_init(&arena, NULL);
    if (wm_unicode_open(&unicode, &arena, NULL) != WM_OK) return 1;
    wm_char_sets_fill(&sets, &unicode);
    const struct CMUnitTest tests[] = {cmocka_unit_test(patterns_split_as_the_wheel),
                                       cmocka_unit_test(others_are_not_known)};
    int failed = cmocka_run_group_tests_name("pre_tokenizer", tests, NULL, NULL);
    wm_arena_free(&arena);
    return failed;
}
