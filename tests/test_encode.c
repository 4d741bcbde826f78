// SPDX-License-Identifier: MIT OR Apache-2.0
// Section E of the hostile inputs: texts; and what the options of encode do.
#include "tokenizer_folder.h"

static wm_tokenizer *tokenizer;

static wm_encoding encoding;

static wm_status encode(wm_span text, const wm_span *pair, wm_encode_options options) {
    options.size = sizeof options;
    return wm_tokenizer_encode(tokenizer, text, pair, &options, &encoding, NULL);
}

// Texts without anything to tokenize still have their special tokens.
static void empty_texts_keep_the_special_tokens(void **state) {
    (void)state;
    static const wm_span texts[] = {{NULL, 0}, {(const uint8_t *)"", 0}, {(const uint8_t *)"  \t\n", 4}, {(const uint8_t *)"\0\x01\x7F", 3}};
    for (size_t i = 0; i < WM_COUNT(texts); i++) {
        assert_int_equal(encode(texts[i], NULL, (wm_encode_options){0}), WM_OK);
        assert_int_equal(encoding.count, 2);
        assert_int_equal(encoding.ids[0], 2); // [CLS]
        assert_int_equal(encoding.ids[1], 3); // [SEP]
        assert_int_equal(encode(texts[i], NULL, (wm_encode_options){.special = WM_OFF}), WM_OK);
        assert_int_equal(encoding.count, 0);
    }
}

static void broken_utf8_is_refused_with_its_place(void **state) {
    (void)state;
    static const char *const broken[] = {"ab\xFF", "ab\xC0\x80", "ab\xED\xA0\x80", "ab\xF4\x90\x80\x80", "ab\xE2\x82", "ab\x80"};
    for (size_t i = 0; i < WM_COUNT(broken); i++) {
        wm_error error = {0};
        assert_int_equal(wm_tokenizer_encode(tokenizer, wm_span_of(broken[i]), NULL, NULL, &encoding, &error), WM_ERROR_UTF8);
        assert_int_equal(error.offset, 2);
        wm_span pair = wm_span_of(broken[i]);
        assert_int_equal(encode(WM_TEXT("a"), &pair, (wm_encode_options){0}), WM_ERROR_UTF8);
    }
}

static void special_tokens_in_the_text_are_parsed_or_not(void **state) {
    (void)state;
    assert_int_equal(encode(WM_TEXT("a[SEP]"), NULL, (wm_encode_options){.special = WM_OFF}), WM_OK);
    assert_int_equal(encoding.count, 2);
    assert_int_equal(encoding.ids[1], 3);
    assert_int_equal(encoding.starts[1], 1);
    assert_int_equal(encoding.ends[1], 6);
    assert_int_equal(encode(WM_TEXT("a[SEP]"), NULL, (wm_encode_options){.special = WM_OFF, .special_as_text = true}), WM_OK);
    assert_true(encoding.count > 3);
}

static void truncation_keeps_the_end_that_is_asked_for(void **state) {
    (void)state;
    wm_span text = WM_TEXT("the dog and the fox");
    assert_int_equal(encode(text, NULL, (wm_encode_options){0}), WM_OK);
    size_t count = encoding.count;
    int32_t ids[64];
    assert_true(count < 64 && count > 6);
    memcpy(ids, encoding.ids, count * sizeof *ids);
    assert_false(encoding.truncated);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = (uint32_t)count}), WM_OK); // exactly
    assert_false(encoding.truncated);
    assert_int_equal(encoding.count, count);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = (uint32_t)count - 1}), WM_OK);
    assert_true(encoding.truncated);
    assert_int_equal(encoding.count, count - 1);
    assert_memory_equal(encoding.ids, ids, (count - 2) * sizeof *ids);
    assert_int_equal(encoding.ids[count - 2], 3);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = 4, .truncate = WM_TRUNCATE_START}), WM_OK);
    assert_int_equal(encoding.count, 4);
    assert_memory_equal(encoding.ids + 1, ids + count - 3, 2 * sizeof *ids);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = 2}), WM_OK);
    assert_int_equal(encoding.count, 2);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = 1}), WM_ERROR_ARG);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = 4, .truncate = WM_TRUNCATE_ERROR}), WM_ERROR_LIMIT);
    assert_int_equal(encode(text, NULL, (wm_encode_options){.max_length = (uint32_t)count, .truncate = WM_TRUNCATE_ERROR}), WM_OK);
}

// As transformers' longest_first: how many of 12 and of `second` one-token words stay.
static void pairs_are_truncated_longest_first(void **state) {
    (void)state;
    static const struct {
        size_t first, second;
        uint32_t max_length;
        size_t kept_first, kept_second;
    } cases[] = {{12, 12, 27, 12, 12}, {12, 12, 26, 11, 12}, {12, 12, 12, 4, 5}, {12, 2, 10, 5, 2}, {2, 12, 10, 2, 5},
                 {12, 5, 13, 5, 5}, {5, 12, 12, 4, 5}, {12, 5, 12, 5, 4}, {12, 12, 3, 0, 0}, {12, 0, 8, 5, 0}, {12, 1, 4, 1, 0}, {20, 12, 10, 4, 3}, {12, 20, 10, 3, 4}};
    char words[64];
    for (size_t i = 0; i < 32; i++) memcpy(words + 2 * i, ", ", 2);
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_span text = {(uint8_t *)words, cases[i].first * 2}, pair = {(uint8_t *)words, cases[i].second * 2};
        assert_int_equal(encode(text, &pair, (wm_encode_options){.max_length = cases[i].max_length}), WM_OK);
        size_t kept[2] = {0, 0}, second = 0;
        for (size_t k = 0; k < encoding.count; k++) {
            if (encoding.ids[k] == 3) second++;
            else if (encoding.ids[k] != 2) kept[second]++;
        }
        if (kept[0] != cases[i].kept_first || kept[1] != cases[i].kept_second)
            fail_msg("case %u: %u and %u stay", (unsigned)i, (unsigned)kept[0], (unsigned)kept[1]);
    }
}

// The wheel's windows of the same texts.
static void windows_share_their_stride(void **state) {
    (void)state;
    wm_span text = WM_TEXT("the dog the dog the dog the"), question = WM_TEXT("dog");
    assert_int_equal(encode(text, NULL, (wm_encode_options){0}), WM_OK);
    int32_t all[32];
    size_t n = encoding.count - 2;
    assert_true(n < 30);
    memcpy(all, encoding.ids, encoding.count * sizeof *all);
    for (uint32_t length = 4; length < n; length++) {
        for (uint32_t stride = 0; stride < length - 2; stride++) {
            wm_encode_options options = {.max_length = length, .windows = true, .stride = stride};
            assert_int_equal(encode(text, NULL, options), WM_OK);
            assert_true(encoding.truncated);
            size_t step = length - 2 - stride, at = 0;
            for (size_t from = 0;; from += step) { // [CLS] window [SEP], until the text's end is in one
                size_t end = WM_MIN(from + length - 2, n);
                assert_int_equal(encoding.ids[at++], all[0]);
                for (size_t i = from; i < end; i++) assert_int_equal(encoding.ids[at++], all[1 + i]);
                assert_int_equal(encoding.ids[at++], all[n + 1]);
                if (end == n) break;
            }
            assert_int_equal(encoding.count, at);
        }
    }
    wm_encode_options second = {.max_length = 9, .windows = true, .stride = 1, .truncation = WM_TRUNCATION_SECOND};
    assert_int_equal(encode(question, &text, second), WM_OK);
    for (size_t i = 0; i < encoding.count; i++) assert_int_equal(encoding.ids[i] == all[0], i % 9 == 0);
    second.truncation = WM_TRUNCATION_LONGEST;
    assert_int_equal(encode(question, &text, second), WM_ERROR_ARG); // which text?
    second = (wm_encode_options){.max_length = 6, .windows = true, .stride = 4};
    assert_int_equal(encode(text, NULL, second), WM_ERROR_ARG);
    second = (wm_encode_options){.max_length = 5, .truncation = WM_TRUNCATION_FIRST};
    assert_int_equal(encode(question, &text, second), WM_ERROR_LIMIT); // the second alone is too long
}

static void offsets_count_what_is_asked_for(void **state) {
    (void)state;
    wm_span text = WM_TEXT("\xC3\xA9 \xF0\x9F\x91\x8D the");
    static const uint32_t ends[] = {11, 7, 8}; // of the last word: bytes, code points, UTF-16 units
    for (int unit = WM_OFFSETS_BYTES; unit <= WM_OFFSETS_UTF16; unit++) {
        assert_int_equal(encode(text, NULL, (wm_encode_options){.special = WM_OFF, .offsets = (wm_offsets)unit}), WM_OK);
        assert_int_equal(encoding.ends[encoding.count - 1], ends[unit]);
        assert_int_equal(encoding.starts[encoding.count - 1] + 3, ends[unit]);
    }
}

static void lower_case_first_keeps_offsets_of_the_text(void **state) {
    (void)state;
    assert_int_equal(encode(WM_TEXT("\xC4\xB0 THE"), NULL, (wm_encode_options){.special = WM_OFF, .lower_case = true}), WM_OK);
    assert_int_equal(encoding.starts[encoding.count - 1], 3);
    assert_int_equal(encoding.ends[encoding.count - 1], 6);
}

static void options_of_another_size_are_refused(void **state) {
    (void)state;
    wm_encode_options options = {.size = 4};
    assert_int_equal(wm_tokenizer_encode(tokenizer, WM_TEXT("a"), NULL, &options, &encoding, NULL), WM_ERROR_ARG);
}

// ---- Long texts -----------------------------------------------------------------------------------

static wm_span repeat(const char *piece, size_t count) {
    size_t n = strlen(piece);
    uint8_t *text = malloc(n * count);
    assert_non_null(text);
    for (size_t i = 0; i < count; i++) memcpy(text + i * n, piece, n);
    return (wm_span){text, n * count};
}

// Each of these would take minutes if any part of it were quadratic.
static void long_texts_take_linear_time(void **state) {
    (void)state;
    static const struct {
        const char *piece;
        size_t count;
    } texts[] = {{"a", 4000000}, {"\xF0\x9F\x91\xA8", 500000}, {"\xCC\x81", 1000000}, {"\xCC\x81\xCC\xA3", 500000},
                 {"\xE1\x84\x92", 500000}, {"\xEF\xB7\xBA", 300000}, {"[SEP", 500000}, {"[SEP]", 200000}, {" ", 2000000},
                 {"\xE3\x80\xAE", 300000}, {"'", 1000000}, {"the dog ", 200000}};
    const char *const json[] = {"tokenizer.json", NULL};
    wm_tokenizer *byte_level = open_folder("roberta-prefix", json), *whole = open_folder("bpe-whole", json);
    wm_tokenizer *const all[] = {tokenizer, byte_level, whole};
    for (size_t i = 0; i < WM_COUNT(texts); i++) {
        wm_span text = repeat(texts[i].piece, texts[i].count);
        for (size_t k = 0; k < WM_COUNT(all); k++) {
            assert_int_equal(wm_tokenizer_encode(all[k], text, NULL, NULL, &encoding, NULL), WM_OK);
            assert_true(encoding.count >= 2 || k == 2);
        }
        free((void *)(uintptr_t)text.p);
    }
    wm_tokenizer_close(byte_level);
    wm_tokenizer_close(whole);
    wm_encoding_free(&encoding);
}

int main(void) {
    const char *const names[] = {"tokenizer.json", NULL};
    tokenizer = open_folder("wordpiece", names);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_share_their_stride), cmocka_unit_test(offsets_count_what_is_asked_for),
        cmocka_unit_test(empty_texts_keep_the_special_tokens), cmocka_unit_test(broken_utf8_is_refused_with_its_place),
        cmocka_unit_test(special_tokens_in_the_text_are_parsed_or_not),
        cmocka_unit_test(truncation_keeps_the_end_that_is_asked_for), cmocka_unit_test(pairs_are_truncated_longest_first),
        cmocka_unit_test(lower_case_first_keeps_offsets_of_the_text), cmocka_unit_test(options_of_another_size_are_refused),
        cmocka_unit_test(long_texts_take_linear_time)};
    int failed = cmocka_run_group_tests_name("encode", tests, NULL, NULL);
    wm_tokenizer_close(tokenizer);
    return failed;
}
