// SPDX-License-Identifier: MIT OR Apache-2.0
// From ids back to text: each decoder, by small tokenizers written here. The expectations are what
// `tokenizers` 0.23 answers.
#include "tokenizer_folder.h"
#include "../src/base/utf8.h"

#define MODEL "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{"
#define FILE(decoder, vocab) "{" MODEL vocab "}},\"decoder\":" decoder \
    ",\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true},{\"id\":9,\"content\":\"new\"}]}"

static const struct {
    const char *file;
    size_t count;
    int32_t ids[8];
    bool skip;
    const char *text;
} cases[] = {
    {FILE("null", "\"a\":0,\"b\":1"), 5, {0, 1, 2, 3, 99}, false, "a b <s> new"},
    {FILE("null", "\"a\":0,\"b\":1"), 6, {0, 1, 2, 3, 99, -5}, true, "a b new"},
    {FILE("{\"type\":\"ByteLevel\"}", "\"\\u0120a\":0,\"\\u00c3\":1,\"\\u00a9\":2"), 4, {0, 1, 2, 1}, false, " a\xC3\xA9\xEF\xBF\xBD"},
    {FILE("{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}", "\"do\":0,\"##g\":1,\".\":2,\"##.\":3"), 5, {0, 1, 2, 0, 3}, false, "dog. do."},
    {FILE("{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false}", "\"do\":0,\"##g\":1,\".\":2"), 3, {0, 1, 2}, false, "dog ."},
    {FILE("{\"type\":\"Metaspace\",\"replacement\":\"_\"}", "\"_a\":0,\"b_\":1"), 3, {0, 1, 0}, false, "ab  a"},
    {FILE("{\"type\":\"Metaspace\",\"replacement\":\"_\",\"prepend_scheme\":\"never\"}", "\"_a\":0"), 1, {0}, false, " a"},
    {FILE("{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}", "\"a</w>\":0,\"b\":1"), 4, {0, 1, 0, 0}, false, "a ba a"},
    {FILE("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"_\"},\"content\":\" \"},"
          "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}",
          "\"_a\":0,\"<0xC3>\":1,\"<0xA9>\":2"), 6, {0, 1, 2, 0, 1, 1}, false, "a\xC3\xA9 a\xEF\xBF\xBD\xEF\xBF\xBD"},
};

static void decoders_as_the_wheel(void **state) {
    (void)state;
    wm_decoding decoding = {0};
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        wm_tokenizer *tokenizer;
        wm_error error = {0};
        if (open_text(&tokenizer, "tokenizer.json", wm_span_of(cases[i].file), NULL, &error) != WM_OK)
            fail_msg("case %u: %s", (unsigned)i, error.text);
        assert_int_equal(wm_tokenizer_decode(tokenizer, cases[i].ids, cases[i].count, cases[i].skip, &decoding, NULL), WM_OK);
        assert_string_equal(decoding.text, cases[i].text);
        assert_int_equal(decoding.n, strlen(cases[i].text));
        wm_tokenizer_close(tokenizer);
    }
    wm_decoding_free(&decoding);
}

static void text_comes_back_from_its_ids(void **state) {
    (void)state;
    static const char *const texts[] = {"", "Hello,  world!\n", "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x91\xA8\xE2\x80\x8D", "it's <|endoftext|>x"};
    const char *const files[] = {"vocab.json", "merges.txt", "tokenizer_config.json", NULL};
    wm_tokenizer *tokenizer = open_folder("gpt2-files", files);
    wm_encoding encoding = {0};
    wm_decoding decoding = {0};
    for (size_t i = 0; i < WM_COUNT(texts); i++) {
        assert_int_equal(wm_tokenizer_encode(tokenizer, wm_span_of(texts[i]), NULL, NULL, &encoding, NULL), WM_OK);
        assert_int_equal(wm_tokenizer_decode(tokenizer, encoding.ids, encoding.count, false, &decoding, NULL), WM_OK);
        assert_string_equal(decoding.text, texts[i]);
    }
    wm_encoding_free(&encoding);
    wm_decoding_free(&decoding);
    wm_tokenizer_close(tokenizer);
}

static void an_unknown_decoder_is_refused(void **state) {
    (void)state;
    wm_tokenizer *tokenizer;
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", WM_TEXT(FILE("{\"type\":\"CTC\"}", "\"a\":0")), NULL, NULL),
                     WM_ERROR_UNSUPPORTED);
}

static void every_allocation_may_fail_in_decoding(void **state) {
    (void)state;
    for (long n = 1;; n++) {
        wm_tokenizer *tokenizer;
        wm_decoding decoding = {0};
        wm_allocator host = test_failing_allocator(0);
        assert_int_equal(open_text(&tokenizer, "tokenizer.json", wm_span_of(cases[8].file), &host, NULL), WM_OK);
        test_failing_allocator(n);
        wm_status status = wm_tokenizer_decode(tokenizer, cases[8].ids, cases[8].count, false, &decoding, NULL);
        wm_decoding_free(&decoding);
        wm_tokenizer_close(tokenizer);
        if (status == WM_OK) break;
        assert_int_equal(status, WM_ERROR_NOMEM);
        assert_true(n < 100);
    }
}

// What a stream gives, step by step, is what all its ids decode to; no step ends inside a character.
static void check_stream(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count) {
    wm_text_stream stream = {0};
    wm_decoding whole = {0};
    static uint8_t got[8192];
    size_t n = 0;
    assert_int_equal(wm_tokenizer_decode(tokenizer, ids, count, true, &whole, NULL), WM_OK);
    for (size_t i = 1; i <= count; i++) {
        assert_int_equal(wm_tokenizer_decode_next(tokenizer, ids, i, i == count, true, &stream, NULL), WM_OK);
        wm_span text = stream.text;
        assert_int_equal(wm_utf8_check(text), text.n);
        if (i % 7 == 3 && i < count) text.n = 0; // what is not taken comes again
        assert_true(n + text.n < sizeof got);
        memcpy(got + n, text.p, text.n);
        n += text.n;
        stream.taken += text.n;
        assert_true(i - stream.from < 160);
    }
    assert_int_equal(n, whole.n);
    assert_memory_equal(got, whole.text, n);
    wm_decoding_free(&stream.decoding);
    wm_decoding_free(&whole);
}

static void streams_give_the_whole_text(void **state) {
    (void)state;
    static const char *const folders[] = {"gpt2-files", "bpe-fallback", "wordpiece", "unigram", "roberta-prefix"};
    const char *const old[] = {"vocab.json", "merges.txt", "tokenizer_config.json", NULL}, *const json[] = {"tokenizer.json", NULL};
    uint32_t seed = 1;
    for (size_t i = 0; i < WM_COUNT(folders); i++) {
        wm_tokenizer *tokenizer = open_folder(folders[i], i ? json : old);
        size_t vocabulary = wm_tokenizer_vocabulary(tokenizer);
        int32_t ids[150];
        for (int round = 0; round < 40; round++) {
            size_t most = round % 2 ? vocabulary + 3 : WM_MIN(vocabulary, 270);
            for (size_t k = 0; k < WM_COUNT(ids); k++)
                ids[k] = (int32_t)(((seed = seed * 1664525u + 1013904223u) >> 8) % most);
            check_stream(tokenizer, ids, WM_COUNT(ids));
        }
        wm_tokenizer_close(tokenizer);
    }
}

// ---- clean_up_tokenization_spaces ------------------------------------------------------------------

// Every character a token: a run of ids is a text.
#define LETTERS " '.?!,ntmsvredo"
#define LETTERS_FILE(model, decoder) "{\"model\":{\"type\":\"" model "\",\"unk_token\":\"x\",\"merges\":[],\"vocab\":{\"x\":15,\" \":0,\"'\":1," \
    "\".\":2,\"?\":3,\"!\":4,\",\":5,\"n\":6,\"t\":7,\"m\":8,\"s\":9,\"v\":10,\"r\":11,\"e\":12,\"d\":13,\"o\":14}},\"decoder\":" decoder "}"
#define FUSED "{\"type\":\"Fuse\"}"

static wm_tokenizer *open_letters(const char *file, const char *config) {
    wm_source files[] = {{WM_TEXT("tokenizer.json"), wm_span_of(file)}, {WM_TEXT("tokenizer_config.json"), wm_span_of(config)}};
    wm_tokenizer *tokenizer;
    wm_error error = {0};
    if (wm_tokenizer_open(&tokenizer, files, 2, NULL, &error) != WM_OK) fail_msg("%s", error.text);
    return tokenizer;
}

static size_t letters_of(const char *text, int32_t *ids) {
    size_t n = 0;
    for (; *text; text++) {
        ids[n] = 0;
        while (LETTERS[ids[n]] != *text) ids[n]++;
        n++;
    }
    return n;
}

#define CLEAN "{\"clean_up_tokenization_spaces\":true}"

// What transformers 5.23 makes of the texts.
static void text_is_cleaned_up_where_the_files_say_so(void **state) {
    (void)state;
    static const struct { const char *file, *config, *text, *want; } cleaned[] = {
        {LETTERS_FILE("WordLevel", FUSED), CLEAN, "to . do ? no ! so , ' es", "to. do? no! so,'es"},
        {LETTERS_FILE("WordLevel", FUSED), CLEAN, "do n't 'm 's 've 're do not", "don't'm's've're do not"},
        {LETTERS_FILE("WordLevel", FUSED), CLEAN, "not ' s  ' ve ' ' ' .", "not's've'' '."},
        {LETTERS_FILE("WordLevel", FUSED), CLEAN, "", ""},
        {LETTERS_FILE("WordLevel", "null"), CLEAN, "no.", "n o."}, // the wheel puts spaces between pieces
        {LETTERS_FILE("WordLevel", FUSED), "{\"clean_up_tokenization_spaces\":false}", "to .", "to ."},
        {LETTERS_FILE("WordLevel", FUSED), "{}", "to .", "to ."},
        {LETTERS_FILE("BPE", FUSED), CLEAN, "to .", "to ."}, // not what BPE wrote
    };
    wm_decoding decoding = {0};
    int32_t ids[64];
    for (size_t i = 0; i < WM_COUNT(cleaned); i++) {
        wm_tokenizer *tokenizer = open_letters(cleaned[i].file, cleaned[i].config);
        size_t n = letters_of(cleaned[i].text, ids);
        assert_int_equal(wm_tokenizer_decode(tokenizer, ids, n, true, &decoding, NULL), WM_OK);
        assert_string_equal(decoding.text, cleaned[i].want);
        wm_tokenizer_close(tokenizer);
    }
    wm_decoding_free(&decoding);
}

// Nothing is given that a later token would still change.
static void streams_wait_for_what_may_be_cleaned_up(void **state) {
    (void)state;
    wm_tokenizer *tokenizer = open_letters(LETTERS_FILE("WordLevel", FUSED), CLEAN);
    int32_t ids[40];
    uint32_t seed = 1;
    for (int round = 0; round < 20000; round++) {
        size_t most = round % 2 ? 15 : 3, count = 1 + (seed >> 8) % WM_COUNT(ids); // half of them of spaces, ' and .
        for (size_t k = 0; k < count; k++) ids[k] = (int32_t)(((seed = seed * 1664525u + 1013904223u) >> 8) % most);
        check_stream(tokenizer, ids, count);
    }
    wm_tokenizer_close(tokenizer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decoders_as_the_wheel), cmocka_unit_test(text_comes_back_from_its_ids),
        cmocka_unit_test(an_unknown_decoder_is_refused), cmocka_unit_test(streams_give_the_whole_text), cmocka_unit_test(every_allocation_may_fail_in_decoding),
        cmocka_unit_test(text_is_cleaned_up_where_the_files_say_so), cmocka_unit_test(streams_wait_for_what_may_be_cleaned_up)};
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
