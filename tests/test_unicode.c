// SPDX-License-Identifier: MIT OR Apache-2.0
// The unpacked tables against hashes of what the `tokenizers` wheel does to every scalar value.
#include "harness.h"
#include "../src/token/normalizer.h"
#include "../src/unicode/unicode.h"

static wm_arena arena;
static wm_unicode unicode;

static uint32_t mix(uint32_t hash, uint32_t value) { return (hash ^ value) * 16777619u; }

// What one normalizer makes of every scalar value, as the script hashes it.
static uint32_t hash_normalized(wm_normalizer_kind kind, uint32_t options, bool nfd) {
    uint32_t hash = 2166136261u;
    wm_normalizing normalizing = {.unicode = &unicode};
    normalizing.writers[0].host = normalizing.writers[1].host = &arena.host;
    const wm_normalizer step = {.kind = kind, .options = options};
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) continue;
        uint32_t parts[WM_DECOMPOSITION_MAX], got;
        if (nfd) {
            size_t count = wm_char_decompose(&unicode, c, parts);
            for (size_t i = 0; i < count; i++) hash = mix(hash, parts[i]);
        } else {
            uint8_t bytes[4];
            const wm_run same = {0, 0, WM_RUN_SAME};
            wm_text text = {bytes, wm_utf8_encode(c, bytes), &same, 1};
            size_t start = 0, stop = text.n;
            assert_true(wm_normalize(&step, 1, &normalizing, &text, &start, &stop));
            for (wm_cursor cursor = wm_cursor_from(&text, start, stop);
                 wm_cursor_next(&cursor, &got);)
                hash = mix(hash, got);
        }
        hash = mix(hash, 0);
    }
    wm_normalizing_free(&normalizing);
    return hash;
}

static uint32_t hash_flags(uint32_t flag) {
    uint32_t hash = 2166136261u;
    for (uint32_t c = 0; c < 0x110000; c++)
        if (c < 0xD800 || c >= 0xE000) hash = mix(hash, (wm_char_flags(&unicode, c) & flag) != 0);
    return hash;
}

// How many pieces 'a' and the character make.
static uint32_t hash_split(bool words) {
    uint32_t hash = 2166136261u;
    for (uint32_t c = 0; c < 0x110000; c++) {
        if (c >= 0xD800 && c < 0xE000) continue;
        uint32_t flags = wm_char_flags(&unicode, c);
        bool joins = words ? flags & (WM_CHAR_WORD | WM_CHAR_SPACE) : !(flags & WM_CHAR_SPLITS);
        hash = mix(hash, joins ? 1 : 2);
    }
    return hash;
}

static void every_scalar_value_is_the_wheels(void **state) {
    (void)state;
    wm_span file = test_file("tests/vectors/tokenizers/unicode.txt");
    enum { FLAG = 100, SPLIT, NFD };
    static const struct {
        const char *name;
        int kind; // a normalizer's, or one of those above
        uint32_t argument;
    } properties[] = {{"LOWER", WM_NORMALIZER_BERT, WM_BERT_LOWER},
                      {"NFD", NFD, 0},
                      {"CLEAN", WM_NORMALIZER_BERT, WM_BERT_CLEAN},
                      {"IDEOGRAPHS", WM_NORMALIZER_BERT, WM_BERT_IDEOGRAPHS},
                      {"STRIP", WM_NORMALIZER_BERT, WM_BERT_STRIP},
                      {"ACCENT", WM_NORMALIZER_STRIP_ACCENTS, 0},
                      {"NFC", WM_NORMALIZER_NFC, 0},
                      {"NFKC", WM_NORMALIZER_NFKC, 0},
                      {"NFKD", WM_NORMALIZER_NFKD, 0},
                      {"LETTER", FLAG, WM_CHAR_LETTER},
                      {"NUMBER", FLAG, WM_CHAR_NUMBER},
                      {"SPACE", FLAG, WM_CHAR_SPACE},
                      {"LOWERCASE", FLAG, WM_CHAR_LOWER},
                      {"UPPERCASE", FLAG, WM_CHAR_UPPER},
                      {"MARK", FLAG, WM_CHAR_MARK},
                      {"PUNCTUATION", FLAG, WM_CHAR_PUNCTUATION},
                      {"SYMBOL", FLAG, WM_CHAR_SYMBOL},
                      {"BERT_SPLIT", SPLIT, 0},
                      {"WORD_SPLIT", SPLIT, 1}};
    const uint8_t *p = file.p, *end = file.p + file.n;
    for (size_t i = 0; i < WM_COUNT(properties); i++) {
        size_t n = strlen(properties[i].name);
        assert_true((size_t)(end - p) > n + 1);
        assert_memory_equal(p, properties[i].name, n);
        uint32_t want = 0, got, argument = properties[i].argument;
        for (p += n + 1; p < end && *p != '\n'; p++) want = want * 10 + (*p - '0');
        p++;
        switch (properties[i].kind) {
        case FLAG: got = hash_flags(argument); break;
        case SPLIT: got = hash_split(argument); break;
        case NFD: got = hash_normalized(WM_NORMALIZER_NFD, 0, true); break;
        default: got = hash_normalized((wm_normalizer_kind)properties[i].kind, argument, false);
        }
        if (got != want) fail_msg("%s: hash %u, expected %u", properties[i].name, got, want);
    }
}

static void decompositions_go_all_the_way(void **state) {
    (void)state;
    uint32_t parts[WM_DECOMPOSITION_MAX];
    assert_int_equal(wm_char_decompose(&unicode, 0x1E14, parts), 3); // E, macron, grave
    assert_int_equal(parts[0], 'E');
    assert_int_equal(parts[1], 0x304);
    assert_int_equal(parts[2], 0x300);
    assert_int_equal(wm_char_decompose(&unicode, 0xAC01, parts), 3); // a Hangul syllable of three
    assert_int_equal(parts[2], 0x11A8);
    assert_int_equal(wm_char_decompose(&unicode, 0xAC00, parts), 2);
    assert_int_equal(wm_char_decompose(&unicode, 0xD7A4, parts), 1);
    assert_int_equal(wm_char_decompose(&unicode, 0x2F800, parts), 1);
    assert_int_equal(parts[0], 0x4E3D);
}

static void combining_classes_order_marks(void **state) {
    (void)state;
    assert_int_equal((int)(WM_CHAR_COMBINING & wm_char_flags(&unicode, 'a')), 0);
    assert_int_equal((int)(WM_CHAR_COMBINING & wm_char_flags(&unicode, 0x334)), 1);
    assert_int_equal((int)(WM_CHAR_COMBINING & wm_char_flags(&unicode, 0x301)), 230);
    assert_int_equal((int)(WM_CHAR_COMBINING & wm_char_flags(&unicode, 0x345)), 240);
    assert_int_equal((int)(WM_CHAR_COMBINING & wm_char_flags(&unicode, 0x323)), 220);
}

static void a_failing_allocation_is_reported(void **state) {
    (void)state;
    for (long n = 1;; n++) {
        wm_allocator host = test_failing_allocator(n);
        wm_arena failing;
        wm_unicode tables;
        wm_arena_init(&failing, &host);
        wm_status status = wm_unicode_open(&tables, &failing, NULL);
        wm_arena_free(&failing);
        assert_int_equal(test_live_allocations(), 0);
        if (status == WM_OK) break;
        assert_int_equal(status, WM_ERROR_NOMEM);
        assert_true(n < 20);
    }
}

int main(void) {
    wm_arena_init(&arena, NULL);
    if (wm_unicode_open(&unicode, &arena, NULL) != WM_OK) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_scalar_value_is_the_wheels),
                                       cmocka_unit_test(decompositions_go_all_the_way),
                                       cmocka_unit_test(combining_classes_order_marks),
                                       cmocka_unit_test(a_failing_allocation_is_reported)};
    int failed = cmocka_run_group_tests_name("unicode", tests, NULL, NULL);
    wm_arena_free(&arena);
    return failed;
}
