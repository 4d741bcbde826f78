// SPDX-License-Identifier: MIT OR Apache-2.0
// SentencePiece's own files against `sentencepiece`, the special tokens of families against
// transformers' slow tokenizers, and what such files may not hold.
#include "tokenizer_folder.h"
#include "../src/base/json.h"

#define VECTORS "tests/vectors/sentencepiece/"

static wm_span vector_file(wm_span name, const char *end) {
    char path[96] = VECTORS;
    size_t n = strlen(path), m = strlen(end);
    assert_true(n + name.n + m < sizeof path);
    memcpy(path + n, name.p, name.n);
    memcpy(path + n + name.n, end, m + 1);
    return test_file(path);
}

static wm_json parse(wm_span text) {
    wm_json root;
    assert_int_equal(wm_json_check(text, "cases", 0, &root, NULL), WM_OK);
    return root;
}

// The strings and lists of one case.
static void take_parts(wm_json list, wm_json *parts, size_t count) {
    wm_json_iter part = wm_json_each(list);
    for (size_t i = 0; i < count; i++) {
        assert_true(wm_json_next(&part));
        parts[i] = part.value;
    }
}

static size_t numbers_of(wm_json list, int32_t *to, size_t room) {
    size_t count = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); count++) {
        uint64_t number;
        assert_true(wm_json_u64(item.value, &number) && count < room);
        to[count] = (int32_t)number;
    }
    return count;
}

static void assert_list(wm_json want, const int32_t *got, size_t count, const char *what, wm_span text) {
    static int32_t numbers[1024];
    size_t n = numbers_of(want, numbers, WM_COUNT(numbers));
    if (n != count || memcmp(numbers, got, n * sizeof *got) != 0)
        fail_msg("%s of \"%.*s\"", what, (int)text.n, (const char *)text.p);
}

static void check_model(const char *name) {
    wm_tokenizer *tokenizer;
    wm_error error = {0};
    wm_encoding encoding = {0};
    wm_decoding decoding = {0};
    int32_t ids[64];
    static uint8_t room[8192];
    // "tokenizer" is recognised by its content.
    if (open_text(&tokenizer, "tokenizer", vector_file(wm_span_of(name), ".model"), NULL, &error) != WM_OK)
        fail_msg("%s: %s", name, error.text);
    wm_json root = parse(vector_file(wm_span_of(name), ".json"));
    for (wm_json_iter item = wm_json_each(root); wm_json_next(&item);) {
        wm_json parts[3];
        take_parts(item.value, parts, 3);
        bool decode = wm_json_type_of(parts[0]) != WM_JSON_STRING;
        wm_span text = wm_json_string_decode(parts[decode ? 2 : 0], room);
        assert_true(text.n < sizeof room);
        if (decode) {
            size_t count = numbers_of(parts[1], ids, WM_COUNT(ids));
            assert_int_equal(wm_tokenizer_decode(tokenizer, ids, count, false, &decoding, NULL), WM_OK);
            if (!wm_span_equal((wm_span){(uint8_t *)decoding.text, decoding.n}, text))
                fail_msg("%s: \"%s\", expected \"%.*s\"", name, decoding.text, (int)text.n, (const char *)text.p);
            continue;
        }
        assert_int_equal(wm_tokenizer_encode(tokenizer, text, NULL, NULL, &encoding, NULL), WM_OK);
        assert_list(parts[1], encoding.ids, encoding.count, "ids", text);
        bool suffix = name[0] == 's'; // the place of the space at the end is one's own choice
        if (!suffix) assert_list(parts[2], (const int32_t *)encoding.starts, encoding.count, "starts", text);
    }
    wm_encoding_free(&encoding);
    wm_decoding_free(&decoding);
    wm_tokenizer_close(tokenizer);
}

static void models_as_sentencepiece(void **state) {
    (void)state;
    check_model("unigram");
    check_model("unigram-user");
    check_model("bpe");
    check_model("bpe-rules");
    check_model("suffix");
    check_model("word");
    check_model("suffix-word");
    check_model("char");
}

static void families_as_the_slow_tokenizers(void **state) {
    (void)state;
    static uint8_t room[4][512];
    wm_encoding encoding = {0};
    for (wm_json_iter item = wm_json_each(parse(test_file(VECTORS "families.json"))); wm_json_next(&item);) {
        wm_json parts[5];
        wm_span texts[4];
        wm_error error = {0};
        wm_tokenizer *tokenizer;
        take_parts(item.value, parts, 5);
        for (int i = 0; i < 4; i++) texts[i] = wm_json_string_decode(parts[i], room[i]);
        size_t count = texts[0].n ? 2 : 1; // ByT5 has no file
        wm_source files[2] = {{WM_TEXT("tokenizer_config.json"), texts[1]}};
        if (texts[0].n) files[1] = (wm_source){WM_TEXT("spiece.model"), vector_file(texts[0], ".model")};
        if (wm_tokenizer_open(&tokenizer, files, count, NULL, &error) != WM_OK) fail_msg("%s", error.text);
        bool pair = wm_json_type_of(parts[3]) == WM_JSON_STRING;
        assert_int_equal(wm_tokenizer_encode(tokenizer, texts[2], pair ? &texts[3] : NULL, NULL, &encoding, NULL), WM_OK);
        assert_list(parts[4], encoding.ids, encoding.count, (const char *)texts[1].p, texts[2]);
        wm_tokenizer_close(tokenizer);
    }
    wm_encoding_free(&encoding);
}

static void byt5_leaves_broken_bytes_out(void **state) {
    (void)state;
    wm_tokenizer *tokenizer;
    wm_decoding decoding = {0};
    const int32_t ids[] = {3 + 0xE9, 3 + 'A', 259, 1, 3 + 0xC3, 3 + 0xA9, 5000};
    assert_int_equal(open_text(&tokenizer, "tokenizer_config.json", WM_TEXT("{\"tokenizer_class\":\"ByT5Tokenizer\"}"), NULL, NULL), WM_OK);
    assert_int_equal(wm_tokenizer_decode(tokenizer, ids, WM_COUNT(ids), true, &decoding, NULL), WM_OK);
    assert_string_equal(decoding.text, "A\xC3\xA9");
    assert_int_equal(wm_tokenizer_vocabulary(tokenizer), 384);
    wm_decoding_free(&decoding);
    wm_tokenizer_close(tokenizer);
}

// ---- Files that are wrong -------------------------------------------------------------------------

#define A "\x0A\x05\x0A\x01" "a\x18\x01"                // piece "a", NORMAL
#define UNK "\x0A\x06\x0A\x01" "u\x18\x02\x40"          // and a field nobody knows, cut: broken
#define UNKNOWN "\x0A\x05\x0A\x01" "u\x18\x02"          // piece "u", UNKNOWN
#define BYTES(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

static const struct {
    wm_span file;
    wm_status status;
    const char *word;
} refused[] = {
    {BYTES(A A UNKNOWN), WM_ERROR_DUP, "\"a\""},
    {BYTES(A), WM_ERROR_FORMAT, "UNKNOWN"},
    {BYTES(A UNKNOWN UNKNOWN), WM_ERROR_FORMAT, "second unknown"},
    {BYTES(UNKNOWN "\x0A\x05\x0A\x01" "v\x18\x02"), WM_ERROR_FORMAT, "second unknown"},
    {BYTES(A UNK), WM_ERROR_FORMAT, "broken piece"},
    {BYTES(A "\x0A\x05\x0A\x01" "\xFF\x18\x01" UNKNOWN), WM_ERROR_FORMAT, "broken piece"},    // not UTF-8
    {BYTES(A "\x0A\x05\x0A\x01" "b\x18\x07" UNKNOWN), WM_ERROR_FORMAT, "broken piece"},       // no such type
    {BYTES(A "\x0A\x02\x18\x01" UNKNOWN), WM_ERROR_FORMAT, "empty piece"},
    {BYTES(A "\x0A\x08\x0A\x01" "b\x15\x00\x00\xC0\x7F" UNKNOWN), WM_ERROR_FORMAT, "odd score"}, // NaN
    {BYTES(A "\x0A\x0A\x0A\x06<0xZZ>\x18\x06" UNKNOWN), WM_ERROR_FORMAT, "<0xZZ>"},
    {BYTES(A "\x0A\x0A\x0A\x06<0x-1>\x18\x06" UNKNOWN), WM_ERROR_FORMAT, "<0x-1>"},
    {BYTES(A "\x0A\x0B\x0A\x07<0x100>\x18\x06" UNKNOWN), WM_ERROR_FORMAT, "<0x100>"},
    {BYTES(A UNKNOWN "\x12\x02\x18\x05"), WM_ERROR_FORMAT, "odd type"},
    {BYTES(A UNKNOWN "\x12\x02\x18\x00"), WM_ERROR_FORMAT, "odd type"},
    {BYTES(A "\x0A\x05\x0A\x01" "b\x18\x05" UNKNOWN "\x12\x02\x18\x02"), WM_ERROR_UNSUPPORTED, "unused pieces"},
    {BYTES(A UNKNOWN "\x1A\x04\x12\x02\x01\x02"), WM_ERROR_FORMAT, "charsmap"},
    {BYTES(A UNKNOWN "\x0B"), WM_ERROR_FORMAT, "begins no field"},                            // a group
    {BYTES(A UNKNOWN "\x08\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"), WM_ERROR_FORMAT, "begins no field"},
    {BYTES(A UNKNOWN "\x32\xFF\xFF\xFF\xFF\x0F"), WM_ERROR_FORMAT, "begins no field"},         // longer than the file
};

static bool holds(const char *text, const char *word) {
    for (size_t n = strlen(word); strlen(text) >= n; text++)
        if (memcmp(text, word, n) == 0) return true;
    return false;
}

static void wrong_files_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < WM_COUNT(refused); i++) {
        wm_allocator host = test_failing_allocator(0);
        wm_tokenizer *tokenizer;
        wm_error error = {0};
        wm_status status = open_text(&tokenizer, "spiece.model", refused[i].file, &host, &error);
        if (status != refused[i].status || !holds(error.text, refused[i].word))
            fail_msg("case %u: %s: %s", (unsigned)i, wm_status_name(status), error.text);
        assert_int_equal(test_live_allocations(), 0);
    }
    wm_tokenizer *tokenizer;
    // What nobody knows is passed over.
    wm_span known = WM_TEXT(A UNKNOWN "\x30\x01\x39" "12345678" "\x45" "1234" "\x32\x02" "ab");
    assert_int_equal(open_text(&tokenizer, "spiece.model", known, NULL, NULL), WM_OK);
    wm_tokenizer_close(tokenizer);
}

// Cut at every byte a file is refused or, between two fields, is a shorter one.
static void cut_files_do_no_harm(void **state) {
    (void)state;
    wm_span file = vector_file(WM_TEXT("unigram-user"), ".model");
    wm_encoding encoding = {0};
    for (size_t n = 0; n < file.n; n += n < 200 ? 1 : 37) {
        uint8_t *copy = malloc(n + 1); // so that sanitizers see reading past the end
        memcpy(copy, file.p, n);
        wm_tokenizer *tokenizer;
        if (open_text(&tokenizer, "spiece.model", (wm_span){copy, n}, NULL, NULL) == WM_OK) {
            assert_int_equal(wm_tokenizer_encode(tokenizer, WM_TEXT("a ab, (\xEF\xAC\x81)"), NULL, NULL, &encoding, NULL), WM_OK);
            wm_tokenizer_close(tokenizer);
        }
        free(copy);
    }
    wm_encoding_free(&encoding);
}

static void every_allocation_may_fail_here_too(void **state) {
    (void)state;
    wm_span file = vector_file(WM_TEXT("bpe"), ".model");
    for (long n = 1;; n++) {
        wm_allocator host = test_failing_allocator(n);
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        wm_status status = open_text(&tokenizer, "tokenizer.model", file, &host, NULL);
        if (status == WM_OK) {
            status = wm_tokenizer_encode(tokenizer, WM_TEXT("the dog ab, \xE6\x97\xA5"), NULL, NULL, &encoding, NULL);
            wm_encoding_free(&encoding);
            wm_tokenizer_close(tokenizer);
        }
        assert_int_equal(test_live_allocations(), 0);
        if (status == WM_OK) break;
        assert_int_equal(status, WM_ERROR_NOMEM);
        assert_true(n < 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_as_sentencepiece), cmocka_unit_test(families_as_the_slow_tokenizers),
        cmocka_unit_test(byt5_leaves_broken_bytes_out), cmocka_unit_test(wrong_files_are_refused), cmocka_unit_test(cut_files_do_no_harm),
        cmocka_unit_test(every_allocation_may_fail_here_too)};
    return cmocka_run_group_tests_name("sentencepiece", tests, NULL, NULL);
}
