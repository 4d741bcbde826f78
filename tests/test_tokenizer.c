// SPDX-License-Identifier: MIT OR Apache-2.0
// Small tokenizers of each kind against the `tokenizers` wheel's answers, and section D of the
// hostile inputs: what tokenizer files may not say.
#include "tokenizer_folder.h"
#include "../src/base/json.h"
#include "../src/token/tokenizer.h"

// ---- Answers ------------------------------------------------------------------------------------

static void assert_numbers(wm_json list, const void *got, size_t size, size_t count, const char *what, wm_span text) {
    size_t i = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); i++) {
        uint64_t want;
        uint32_t value = 0;
        assert_true(wm_json_u64(item.value, &want));
        if (i < count) memcpy(&value, (const uint8_t *)got + i * size, size);
        if (i >= count || value != want)
            fail_msg("%s %u of \"%.*s\": %u, expected %u", what, (unsigned)i, (int)text.n, (const char *)text.p,
                     (unsigned)value, (unsigned)want);
    }
    assert_int_equal(i, count);
}

// The first `count` values of a list.
static void list_parts(wm_json list, wm_json *parts, size_t count) {
    wm_json_iter part = wm_json_each(list);
    for (size_t i = 0; i < count; i++) {
        assert_true(wm_json_next(&part));
        parts[i] = part.value;
    }
}

// A list of [text, pair or null, special tokens, ids, types, starts, ends]; how many there were.
static size_t check_list(wm_tokenizer *tokenizer, wm_json list) {
    wm_json parts[7];
    wm_encoding encoding = {0};
    size_t count = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); count++) {
        list_parts(item.value, parts, WM_COUNT(parts));
        uint8_t *room = malloc(wm_json_span(parts[0]).n + wm_json_span(parts[1]).n);
        wm_span text = wm_json_string_decode(parts[0], room), pair = {0};
        bool is_pair = wm_json_type_of(parts[1]) == WM_JSON_STRING, special = true;
        if (is_pair) pair = wm_json_string_decode(parts[1], room + wm_json_span(parts[0]).n);
        assert_true(wm_json_bool(parts[2], &special));
        wm_encode_options options = {.size = sizeof options, .special = special ? WM_ON : WM_OFF};
        wm_error error = {0};
        for (int turn = 0; turn < 3; turn++) { // anew, from the cache, while another call has the cache
            tokenizer->cache->busy = turn == 2;
            if (wm_tokenizer_encode(tokenizer, text, is_pair ? &pair : NULL, &options, &encoding, &error) != WM_OK)
                fail_msg("%s", error.text);
            assert_numbers(parts[3], encoding.ids, 4, encoding.count, "id", text);
            assert_numbers(parts[4], encoding.types, 1, encoding.count, "type", text);
            assert_numbers(parts[5], encoding.starts, 4, encoding.count, "start", text);
            assert_numbers(parts[6], encoding.ends, 4, encoding.count, "end", text);
        }
        tokenizer->cache->busy = false;
        free(room);
    }
    wm_encoding_free(&encoding);
    return count;
}

static void check_cases(const char *folder, const char *const *names) {
    wm_tokenizer *tokenizer = open_folder(folder, names);
    const char *const cases_name[] = {"cases.json", NULL};
    char path[128] = TEST_TOKENIZERS;
    memcpy(path + strlen(path), folder, strlen(folder) + 1);
    size_t n = strlen(path);
    path[n] = '/';
    memcpy(path + n + 1, cases_name[0], strlen(cases_name[0]) + 1);
    wm_json root;
    assert_int_equal(wm_json_check(test_file(path), "cases.json", 0, &root, NULL), WM_OK);
    assert_true(check_list(tokenizer, root) > 80);
    wm_tokenizer_close(tokenizer);
}

// A list of [ids, special tokens left out, text]; how many there were.
static size_t check_decodings(const wm_tokenizer *tokenizer, wm_json list) {
    wm_json parts[3];
    wm_decoding decoding = {0};
    size_t count = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); count++) {
        list_parts(item.value, parts, WM_COUNT(parts));
        int32_t ids[32];
        size_t n = 0;
        uint64_t id;
        for (wm_json_iter i = wm_json_each(parts[0]); wm_json_next(&i); ids[n++] = (int32_t)id)
            assert_true(n < WM_COUNT(ids) && wm_json_u64(i.value, &id));
        bool skip = false;
        assert_true(wm_json_bool(parts[1], &skip));
        uint8_t *room = malloc(wm_json_span(parts[2]).n);
        wm_span want = wm_json_string_decode(parts[2], room);
        assert_int_equal(wm_tokenizer_decode(tokenizer, ids, n, skip, &decoding, NULL), WM_OK);
        if (decoding.n != want.n || memcmp(decoding.text, want.p, want.n))
            fail_msg("\"%s\", expected \"%.*s\"", decoding.text, (int)want.n, (const char *)want.p);
        free(room);
    }
    wm_decoding_free(&decoding);
    return count;
}

// The unit cases of `tokenizers` for one component each (tools/make_public_components.py).
static void components_as_in_the_wheels_own_tests(void **state) {
    (void)state;
    wm_json root;
    size_t count = 0;
    assert_int_equal(wm_json_check(test_file("tests/vectors/public_components.json"), "", 0, &root, NULL), WM_OK);
    for (wm_json_iter entry = wm_json_each(root); wm_json_next(&entry);) {
        wm_json file = wm_json_get(entry.value, "file");
        wm_span source = wm_json_span(wm_json_get(entry.value, "source"));
        uint8_t *room = malloc(wm_json_span(file).n);
        wm_tokenizer *tokenizer = NULL;
        wm_error error = {0};
        wm_status want = wm_json_present(wm_json_get(entry.value, "refused")) ? WM_ERROR_UNSUPPORTED : WM_OK;
        if (open_text(&tokenizer, "tokenizer.json", wm_json_string_decode(file, room), NULL, &error) != want)
            fail_msg("%.*s: %s", (int)source.n, (const char *)source.p, error.text);
        if (tokenizer) {
            count += check_list(tokenizer, wm_json_get(entry.value, "cases"));
            count += check_decodings(tokenizer, wm_json_get(entry.value, "decodings"));
        }
        wm_tokenizer_close(tokenizer);
        free(room);
    }
    assert_true(count >= 150);
}

static const char *const json_only[] = {"tokenizer.json", NULL};

static void wordpiece_as_the_wheel(void **state) {
    (void)state;
    const char *const vocab[] = {"vocab.txt", "tokenizer_config.json", NULL};
    check_cases("wordpiece", json_only);
    check_cases("wordpiece-cased-added", json_only);
    check_cases("vocab-txt", vocab);
}

static void byte_level_bpe_as_the_wheel(void **state) {
    (void)state;
    const char *const gpt2[] = {"vocab.json", "merges.txt", "tokenizer_config.json", NULL};
    const char *const roberta[] = {"vocab.json", "merges.txt", "config.json", NULL};
    check_cases("gpt2-files", gpt2);
    check_cases("roberta-files", roberta);
    check_cases("roberta-prefix", json_only);
    check_cases("bpe-whole", json_only);
}

static void unigram_as_the_wheel(void **state) {
    (void)state;
    check_cases("unigram", json_only);
}

static void other_chains_as_the_wheel(void **state) {
    (void)state;
    check_cases("bpe-lines", json_only);
    check_cases("bpe-fallback", json_only);
    check_cases("wordpiece-words", json_only);
    check_cases("wordpiece-splits", json_only);
    check_cases("wordlevel", json_only);
    check_cases("bpe-lists", json_only);
}

static void a_tokenizer_tells_what_it_is(void **state) {
    (void)state;
    const char *const gpt2[] = {"vocab.json", "merges.txt", "tokenizer_config.json", NULL};
    const char *const vocab[] = {"vocab.txt", "tokenizer_config.json", NULL};
    wm_tokenizer *tokenizer = open_folder("gpt2-files", gpt2);
    assert_string_equal(wm_tokenizer_kind(tokenizer), "bpe");
    assert_int_equal(wm_tokenizer_model_max_length(tokenizer), 0); // 1e30: row 67
    wm_tokenizer_close(tokenizer);
    tokenizer = open_folder("vocab-txt", vocab);
    assert_string_equal(wm_tokenizer_kind(tokenizer), "wordpiece");
    assert_int_equal(wm_tokenizer_model_max_length(tokenizer), 512);
    assert_true(wm_tokenizer_vocabulary(tokenizer) > 100);
    wm_tokenizer_close(tokenizer);
    tokenizer = open_folder("wordlevel", json_only);
    assert_string_equal(wm_tokenizer_kind(tokenizer), "wordlevel");
    wm_tokenizer_close(tokenizer);
    wm_tokenizer_close(NULL);
}

// ---- Section D: hostile tokenizer files -----------------------------------------------------------

static const char *const keys[] = {"normalizer", "pre_tokenizer", "post_processor", "added_tokens", "model"};
static const char *const defaults[] = {
    "null", "null", "null", "[]",
    ("{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"##\","
     "\"max_input_chars_per_word\":100,\"vocab\":{\"[UNK]\":0,\"a\":1,\"##b\":2}}")};

// tokenizer.json with one member other than the defaults.
static wm_span tokenizer_with(const char *key, const char *value, char *to, size_t room) {
    size_t n = 0;
    for (size_t i = 0; i < WM_COUNT(keys); i++) {
        bool replaced = strlen(key) == strlen(keys[i]) && memcmp(key, keys[i], strlen(key)) == 0;
        const char *parts[] = {i ? ",\"" : "{\"", keys[i], "\":", replaced ? value : defaults[i]};
        for (size_t k = 0; k < WM_COUNT(parts); k++) {
            size_t length = strlen(parts[k]);
            assert_true(n + length < room);
            memcpy(to + n, parts[k], length);
            n += length;
        }
    }
    to[n++] = '}';
    return (wm_span){(uint8_t *)to, n};
}

#define WORDPIECE(unk, characters, vocab) \
    "{\"type\":\"WordPiece\",\"unk_token\":" unk ",\"continuing_subword_prefix\":\"##\"," \
    "\"max_input_chars_per_word\":" characters ",\"vocab\":" vocab "}"
#define BPE(vocab, merges, more) "{\"type\":\"BPE\",\"vocab\":" vocab ",\"merges\":" merges more "}"
#define UNIGRAM(vocab, unk) "{\"type\":\"Unigram\",\"unk_id\":" unk ",\"vocab\":" vocab "}"
#define CHARSMAP(base64) "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"" base64 "\"}"
#define TEMPLATE(single) \
    "{\"type\":\"TemplateProcessing\",\"single\":" single ",\"pair\":[],\"special_tokens\":{" \
    "\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[7],\"tokens\":[\"[CLS]\"]}}}"

static const struct {
    const char *key, *value;
    wm_status status;
    const char *word; // that the message holds
} refused[] = {
    // 55
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":-1}"), WM_ERROR_FORMAT, "odd id"},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":1.5}"), WM_ERROR_FORMAT, "odd id"},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":\"1\"}"), WM_ERROR_FORMAT, "odd id"},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":2147483647}"), WM_ERROR_LIMIT, "odd id"},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":18446744073709551615}"), WM_ERROR_FORMAT, ""},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":1000000}"), WM_ERROR_FORMAT, "far above"},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":1,\"b\":1}"), WM_ERROR_DUP, "\"b\""},
    {"model", WORDPIECE("\"[UNK]\"", "100", "{\"[UNK]\":0,\"a\":1,\"\\u0061\":2}"), WM_ERROR_DUP, "\"a\""},
    {"model", WORDPIECE("\"[UNK]\"", "100", "[]"), WM_ERROR_FORMAT, "no vocab"},
    // 56
    {"model", WORDPIECE("\"[XYZ]\"", "100", "{\"[UNK]\":0}"), WM_ERROR_FORMAT, "[XYZ]"},
    {"model", WORDPIECE("7", "100", "{\"[UNK]\":0}"), WM_ERROR_FORMAT, "not a string"},
    {"model", WORDPIECE("null", "100", "{\"[UNK]\":0}"), WM_ERROR_FORMAT, "unk_token"},
    {"model", BPE("{\"a\":0}", "[]", ",\"unk_token\":\"<u>\""), WM_ERROR_FORMAT, "<u>"},
    // 57
    {"model", BPE("{\"a\":0,\"b\":1}", "[\"a b\"]", ""), WM_ERROR_FORMAT, "what a merge makes with \"b\""},
    {"model", BPE("{\"a\":0,\"ab\":1}", "[\"a b\"]", ""), WM_ERROR_FORMAT, "a merge's right: \"b\""},
    {"model", BPE("{\"b\":0,\"ab\":1}", "[[\"a\",\"b\"]]", ""), WM_ERROR_FORMAT, "a merge's left: \"a\""},
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[\"ab\"]", ""), WM_ERROR_FORMAT, "no pair of pieces"},
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[\"a b c\"]", ""), WM_ERROR_FORMAT, "no pair of pieces"},
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[[\"a\"]]", ""), WM_ERROR_FORMAT, "no pair of pieces"},
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[[\"a\",\"b\",\"a\"]]", ""), WM_ERROR_FORMAT, "no pair of pieces"},
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2}", "[3]", ""), WM_ERROR_FORMAT, "not a string: \"3\""},
    {"model", BPE("{\"a\":0}", "{}", ""), WM_ERROR_FORMAT, "merges"},
    {"model", BPE("{\"a\":0}", "[]", ",\"dropout\":0.1"), WM_ERROR_UNSUPPORTED, "dropout"},
    {"model", BPE("{\"a\":0}", "[]", ",\"byte_fallback\":true,\"continuing_subword_prefix\":\"@\""), WM_ERROR_UNSUPPORTED, "byte_fallback"},
    {"model", BPE("{\"a\":0}", "[]", ",\"byte_fallback\":true,\"end_of_word_suffix\":\"@\""), WM_ERROR_UNSUPPORTED, "byte_fallback"},
    {"model", "{\"type\":\"WordLevel\",\"vocab\":{},\"unk_token\":\"u\"}", WM_ERROR_FORMAT, "\"u\""},
    {"model", "{\"type\":\"WordLevel\",\"vocab\":[],\"unk_token\":\"u\"}", WM_ERROR_FORMAT, "no vocab"},
    {"model", "{\"type\":\"Wordlevel\",\"vocab\":{},\"unk_token\":\"u\"}", WM_ERROR_UNSUPPORTED, "Wordlevel"},
    {"model", "{}", WM_ERROR_UNSUPPORTED, "model"},
    {"model", "null", WM_ERROR_FORMAT, "no model"},
    // 58
    {"model", UNIGRAM("[[\"u\",0],[\"a\",1e400]]", "0"), WM_ERROR_FORMAT, "odd score"},
    {"model", UNIGRAM("[[\"u\",0],[\"a\",1e308]]", "0"), WM_ERROR_FORMAT, "odd score"},
    {"model", UNIGRAM("[[\"u\",0],[\"a\",-1000000001]]", "0"), WM_ERROR_FORMAT, "odd score"},
    {"model", UNIGRAM("[[\"u\",0],[\"\",-1]]", "0"), WM_ERROR_FORMAT, "empty piece"},
    {"model", UNIGRAM("[[\"u\",0],[\"a\",NaN]]", "0"), WM_ERROR_JSON, ""},
    {"model", UNIGRAM("[[\"u\",0],[\"a\"]]", "0"), WM_ERROR_FORMAT, "odd score"},
    {"model", UNIGRAM("[[\"u\",0]]", "1"), WM_ERROR_FORMAT, "unk_id"},
    {"model", UNIGRAM("[[\"u\",0]]", "null"), WM_ERROR_FORMAT, "unk_id"},
    {"model", UNIGRAM("{}", "0"), WM_ERROR_FORMAT, "no vocab"},
    // 59
    {"normalizer", CHARSMAP("%%%%"), WM_ERROR_FORMAT, "base64"},
    {"normalizer", CHARSMAP(""), WM_ERROR_FORMAT, "charsmap"},
    {"normalizer", CHARSMAP("AAAA"), WM_ERROR_FORMAT, "charsmap"},
    {"normalizer", CHARSMAP("//////////8="), WM_ERROR_FORMAT, "a trie of"},
    {"normalizer", CHARSMAP("BAAAAAAAAABh"), WM_ERROR_FORMAT, "does not end"},
    // 62, 63
    {"normalizer", "{\"type\":\"Magic\"}", WM_ERROR_UNSUPPORTED, "\"Magic\""},
    {"normalizer", "{\"type\":7}", WM_ERROR_UNSUPPORTED, "normalizer"},
    {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"X\"}]}]}",
     WM_ERROR_UNSUPPORTED, "\"X\""},
    {"pre_tokenizer", "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a+)+\"},\"behavior\":\"Isolated\",\"invert\":false}",
     WM_ERROR_UNSUPPORTED, "(a+)+"},
    {"pre_tokenizer", "{\"type\":\"ByteLevel\"}", WM_ERROR_UNSUPPORTED, "ByteLevel"},
    {"pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},{\"type\":\"BertPreTokenizer\"}]}",
     WM_ERROR_UNSUPPORTED, "a pre-tokenizer after ByteLevel"},
    {"post_processor", "{\"type\":\"Magic\"}", WM_ERROR_UNSUPPORTED, "\"Magic\""},
    {"post_processor", "{\"type\":\"BertProcessing\",\"sep\":[\"x\",1]}", WM_ERROR_FORMAT, "cls or sep"},
    // 64
    {"post_processor", TEMPLATE("[{\"SpecialToken\":{\"id\":\"[X]\",\"type_id\":0}}]"), WM_ERROR_FORMAT, "[X]"},
    {"post_processor", TEMPLATE("[{\"Sequence\":{\"id\":\"C\",\"type_id\":0}}]"), WM_ERROR_FORMAT, "sequence"},
    {"post_processor", TEMPLATE("[{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}]"), WM_ERROR_FORMAT, "sequence"},
    {"post_processor", TEMPLATE("[{\"Sequence\":{\"id\":\"A\",\"type_id\":256}}]"), WM_ERROR_FORMAT, "type_id"},
    {"post_processor", TEMPLATE("[{}]"), WM_ERROR_FORMAT, "type_id"},
    // 65, 66
    {"added_tokens", "[{\"id\":5}]", WM_ERROR_FORMAT, "content"},
    {"model", WORDPIECE("\"[UNK]\"", "2147483648", "{\"[UNK]\":0}"), WM_ERROR_LIMIT, "max_input_chars_per_word"},
    {"model", WORDPIECE("\"[UNK]\"", "-1", "{\"[UNK]\":0}"), WM_ERROR_FORMAT, "max_input_chars_per_word"},
    {"model", BPE("{\"a\":0}", "[]", ",\"end_of_word_suffix\":\"" "0123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789\""), WM_ERROR_LIMIT, "suffix"},
};

static bool contains_word(const char *text, const char *word) {
    for (size_t n = strlen(word); strlen(text) >= n; text++)
        if (memcmp(text, word, n) == 0) return true;
    return false;
}

static void hostile_files_are_refused(void **state) {
    (void)state;
    char text[2048];
    for (size_t i = 0; i < WM_COUNT(refused); i++) {
        wm_allocator host = test_failing_allocator(0);
        wm_tokenizer *tokenizer;
        wm_error error = {0};
        wm_span file = tokenizer_with(refused[i].key, refused[i].value, text, sizeof text);
        wm_status status = open_text(&tokenizer, "tokenizer.json", file, &host, &error);
        if (status != refused[i].status || !contains_word(error.text, refused[i].word))
            fail_msg("%s: %s: %s, expected %s", refused[i].value, wm_status_name(status), error.text,
                     wm_status_name(refused[i].status));
        assert_null(tokenizer);
        assert_int_equal(test_live_allocations(), 0);
    }
}

// A file that opens; the ids of `input` are then `ids`.
static const struct {
    const char *key, *value, *input;
    size_t count;
    int32_t ids[8];
} accepted[] = {
    {"normalizer", "{\"type\":\"Sequence\",\"normalizers\":[]}", "ab", 2, {1, 2}},
    {"pre_tokenizer", "{\"type\":\"Sequence\",\"pretokenizers\":[]}", "ab", 2, {1, 2}},
    {"post_processor", "{\"type\":\"Sequence\",\"processors\":[]}", "ab", 2, {1, 2}},
    {"post_processor", TEMPLATE("[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}]"),
     "ab", 3, {7, 1, 2}},
    {"added_tokens", "[{\"id\":77,\"content\":\"<x>\"},{\"id\":3,\"content\":\"<y>\",\"special\":true}]", "<y>a<x>", 3, {4, 1, 3}},
    {"added_tokens", "[{\"id\":77,\"content\":\"\"},{\"id\":78,\"content\":\"<y>\"}]", "a<y>", 2, {1, 3}},
    {"model", WORDPIECE("\"[UNK]\"", "0", "{\"[UNK]\":0,\"a\":1}"), "a", 1, {0}},
    {"model", WORDPIECE("\"[UNK]\"", "65536", "{\"[UNK]\":0,\"a\":9}"), "a", 1, {9}}, // a gap
    {"model", "{\"unk_token\":\"[UNK]\",\"continuing_subword_prefix\":\"\",\"max_input_chars_per_word\":9,"
              "\"vocab\":{\"[UNK]\":0,\"a\":1,\"b\":2}}", "ab", 2, {1, 2}}, // no type, no prefix
    {"model", BPE("{\"a\":0,\"b\":1,\"ab\":2,\"<0x63>\":3}", "[[\"a\",\"b\"]]", ",\"byte_fallback\":true"), "abca", 3, {2, 3, 0}},
    {"model", BPE("{\"a\":0,\"b\":1,\"u\":2}", "[]", ",\"unk_token\":\"u\",\"fuse_unk\":true"), "axya", 3, {0, 2, 0}},
    {"model", BPE("{\"a\":0,\"b\":1,\"u\":2}", "[]", ",\"unk_token\":\"u\""), "axya", 4, {0, 2, 2, 0}},
    {"model", BPE("{\"a\":0,\"b</w>\":1,\"ab</w>\":2}", "[\"a b</w>\"]", ",\"end_of_word_suffix\":\"</w>\""), "ab", 1, {2}},
    {"model", BPE("{\"a\":0,\"@b\":1,\"ab\":2}", "[\"a @b\"]", ",\"continuing_subword_prefix\":\"@\""), "ab", 1, {2}},
    {"model", BPE("{\"a\":0,\"b\":1}", "[]", ""), "xaxb", 2, {0, 1}}, // what is unknown is lost
    {"model", UNIGRAM("[[\"u\",0],[\"a\",-2],[\"b\",-2],[\"ab\",-3]]", "0"), "abxya", 3, {3, 0, 1}},
    // Ways that are even but for how `tokenizers` rounds the scores as it reads them.
    {"model", UNIGRAM("[[\"u\",0],[\"aa\",-8.309992203280384],[\"aaa\",-2.2141298812348746]]", "0"), "aaaaaaaaaaa", 4, {2, 2, 1, 2}},
    {"normalizer", CHARSMAP("BAAAAAAAAAAA"), "ab", 2, {1, 2}},     // nothing in the trie but its root, at itself
    {"normalizer", CHARSMAP("BAAAAP////8A"), "ab", 2, {1, 2}},     // a root that points far outside
};

// Row 74 where a charsmap takes the first character away: its map of \x01 is the empty text.
static void a_lost_beginning_costs_no_more(void **state) {
    (void)state;
    enum { LONG = 2000000 };
    char file[2048];
    uint8_t *text = malloc(LONG);
    wm_tokenizer *tokenizer;
    wm_encoding encoding = {0};
    wm_span made = tokenizer_with("normalizer", CHARSMAP("EAAAAAAIAAAAAAAAAAAAgAEFAAAA"), file, sizeof file);
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", made, NULL, NULL), WM_OK);
    memset(text, 'a', LONG);
    text[0] = 1;
    assert_int_equal(wm_tokenizer_encode(tokenizer, (wm_span){text, LONG}, NULL, NULL, &encoding, NULL), WM_OK);
    assert_int_equal(encoding.count, 1);
    assert_int_equal(wm_tokenizer_encode(tokenizer, WM_TEXT("\x01" "ab"), NULL, NULL, &encoding, NULL), WM_OK);
    assert_int_equal(encoding.count, 2);
    assert_int_equal(encoding.ids[0], 1);
    wm_encoding_free(&encoding);
    wm_tokenizer_close(tokenizer);
    free(text);
}

static void odd_files_are_right(void **state) {
    (void)state;
    char text[2048];
    wm_encoding encoding = {0};
    for (size_t i = 0; i < WM_COUNT(accepted); i++) {
        wm_tokenizer *tokenizer;
        wm_error error = {0};
        wm_span file = tokenizer_with(accepted[i].key, accepted[i].value, text, sizeof text);
        if (open_text(&tokenizer, "tokenizer.json", file, NULL, &error) != WM_OK)
            fail_msg("%s: %s", accepted[i].value, error.text);
        assert_int_equal(wm_tokenizer_encode(tokenizer, wm_span_of(accepted[i].input), NULL, NULL, &encoding, NULL), WM_OK);
        assert_int_equal(encoding.count, accepted[i].count);
        for (size_t k = 0; k < encoding.count; k++)
            if (encoding.ids[k] != accepted[i].ids[k]) fail_msg("%s: token %d", accepted[i].value, (int)k);
        wm_tokenizer_close(tokenizer);
    }
    wm_encoding_free(&encoding);
}

static void deep_sequences_are_bounded(void **state) {
    (void)state;
    enum { DEPTH = 10000 };
    static const char open[] = "{\"type\":\"Sequence\",\"normalizers\":[", close[] = "]}";
    char *value = malloc(DEPTH * (sizeof open + sizeof close)), *text = malloc(DEPTH * (sizeof open + sizeof close) + 999);
    size_t n = 0;
    for (int i = 0; i < DEPTH; i++, n += sizeof open - 1) memcpy(value + n, open, sizeof open - 1);
    for (int i = 0; i < DEPTH; i++, n += sizeof close - 1) memcpy(value + n, close, sizeof close);
    wm_tokenizer *tokenizer;
    wm_span file = tokenizer_with("normalizer", value, text, DEPTH * (sizeof open + sizeof close) + 999);
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", file, NULL, NULL), WM_ERROR_LIMIT);
    free(value);
    free(text);
}

// ---- Rows 60, 61, 65: what is long and what is many -----------------------------------------------

typedef struct text_maker {
    uint8_t *p;
    size_t n, room;
} text_maker;

static void append(text_maker *to, const char *text) {
    size_t n = strlen(text);
    assert_true(to->n + n <= to->room);
    memcpy(to->p + to->n, text, n);
    to->n += n;
}

static void append_number(text_maker *to, uint32_t number) {
    char digits[8] = "0000000";
    for (int i = 6; i >= 0; i--, number /= 10) digits[i] = (char)('0' + number % 10);
    append(to, digits);
}

static wm_status open_made(text_maker *file, wm_tokenizer **tokenizer) {
    return open_text(tokenizer, "tokenizer.json", (wm_span){file->p, file->n}, NULL, NULL);
}

// A piece of 16 MB is over what is looked for in a text; whole pieces may be as long as they like.
static void long_pieces_are_refused_or_found(void **state) {
    (void)state;
    enum { LONG = 15 << 20 };
    static const char *const heads[] = {"{\"type\":\"WordPiece\",\"unk_token\":\"u\",\"max_input_chars_per_word\":9,\"vocab\":{\"u\":0,\"",
                                        "{\"type\":\"BPE\",\"ignore_merges\":true,\"merges\":[],\"vocab\":{\"u\":0,\"",
                                        "{\"type\":\"WordLevel\",\"unk_token\":\"u\",\"vocab\":{\"u\":0,\""};
    for (int whole = 0; whole < 3; whole++) {
        text_maker file = {malloc(LONG + 999), 0, LONG + 999};
        append(&file, "{\"model\":");
        append(&file, heads[whole]);
        memset(file.p + file.n, 'a', LONG);
        wm_span piece = {file.p + file.n, LONG};
        file.n += LONG;
        append(&file, "\":1}}}");
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        assert_int_equal(open_made(&file, &tokenizer), whole ? WM_OK : WM_ERROR_LIMIT);
        if (whole) {
            assert_int_equal(wm_tokenizer_encode(tokenizer, piece, NULL, NULL, &encoding, NULL), WM_OK);
            assert_int_equal(encoding.count, 1);
            assert_int_equal(encoding.ids[0], 1);
            wm_encoding_free(&encoding);
        }
        wm_tokenizer_close(tokenizer);
        free(file.p);
    }
}

// Row 57: 10^7 merges.
static void too_many_merges_are_refused(void **state) {
    (void)state;
    enum { COUNT = 10000000 };
    static const char head[] = "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"aa\":1},\"merges\":[", merge[] = "\"a a\",";
    size_t n = sizeof head - 1, step = sizeof merge - 1;
    uint8_t *file = malloc(n + COUNT * step + 2);
    memcpy(file, head, n);
    for (size_t i = 0; i < COUNT; i++, n += step) memcpy(file + n, merge, step);
    memcpy(file + n - 1, "]}}", 3);
    wm_tokenizer *tokenizer;
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", (wm_span){file, n + 2}, NULL, NULL), WM_ERROR_LIMIT);
    free(file);
}

// 10^6 pieces that begin alike, and as many added tokens.
static void a_million_pieces_are_found(void **state) {
    (void)state;
    enum { COUNT = 1000000 };
    for (int added = 0; added < 2; added++) {
        text_maker file = {malloc((size_t)COUNT * 40 + 999), 0, (size_t)COUNT * 40 + 999};
        append(&file, "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"u\",\"max_input_chars_per_word\":99,\"vocab\":{\"u\":0");
        for (uint32_t i = 1; i < COUNT; i++) {
            if (added && i == 1) append(&file, "}},\"added_tokens\":[");
            append(&file, added ? i > 1 ? ",{\"content\":\"prefix" : "{\"content\":\"prefix" : ",\"prefix");
            append_number(&file, i);
            append(&file, added ? "\"}" : "\":");
            if (added) continue;
            size_t at = file.n;
            append_number(&file, i);
            while (file.p[at] == '0') file.p[at++] = ' '; // an id begins with no 0
        }
        append(&file, added ? "]}" : "}}}");
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        assert_int_equal(open_made(&file, &tokenizer), WM_OK);
        assert_int_equal(wm_tokenizer_encode(tokenizer, WM_TEXT("prefix0777777"), NULL, NULL, &encoding, NULL), WM_OK);
        assert_int_equal(encoding.count, 1);
        assert_int_equal(encoding.ids[0], 777777);
        wm_encoding_free(&encoding);
        wm_tokenizer_close(tokenizer);
        free(file.p);
    }
}

// What is no byte is a piece like any other in tokenizer.json, as in the wheel.
static void odd_byte_pieces_are_text(void **state) {
    (void)state;
    wm_tokenizer *tokenizer;
    wm_encoding encoding = {0};
    wm_decoding decoding = {0};
    const int32_t ids[] = {1, 2, 3, 4};
    wm_span file = WM_TEXT("{\"model\":" BPE("{\"u\":0,\"<0xZZ>\":1,\"<0x-1>\":2,\"<0x100>\":3,\"<0x41>\":4}", "[]",
                                               ",\"unk_token\":\"u\",\"byte_fallback\":true") ",\"decoder\":{\"type\":\"ByteFallback\"}}");
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", file, NULL, NULL), WM_OK);
    assert_int_equal(wm_tokenizer_encode(tokenizer, WM_TEXT("AZ"), NULL, NULL, &encoding, NULL), WM_OK);
    assert_int_equal(encoding.count, 2);
    assert_int_equal(encoding.ids[0], 4);
    assert_int_equal(encoding.ids[1], 0);
    assert_int_equal(wm_tokenizer_decode(tokenizer, ids, 4, false, &decoding, NULL), WM_OK);
    assert_string_equal(decoding.text, "<0xZZ><0x-1><0x100>A");
    wm_encoding_free(&encoding);
    wm_decoding_free(&decoding);
    wm_tokenizer_close(tokenizer);
}

// ---- vocab.txt and its kin ------------------------------------------------------------------------

static int32_t only_id(const char *vocab, size_t n, const char *text) {
    wm_tokenizer *tokenizer;
    wm_error error = {0};
    wm_encoding encoding = {0};
    if (open_text(&tokenizer, "vocab.txt", (wm_span){(const uint8_t *)vocab, n}, NULL, &error) != WM_OK)
        fail_msg("%s", error.text);
    wm_encode_options options = {.size = sizeof options, .special = WM_OFF};
    assert_int_equal(wm_tokenizer_encode(tokenizer, wm_span_of(text), NULL, &options, &encoding, NULL), WM_OK);
    assert_int_equal(encoding.count, 1);
    int32_t id = encoding.ids[0];
    wm_encoding_free(&encoding);
    wm_tokenizer_close(tokenizer);
    return id;
}

#define VOCAB(text) text, sizeof text - 1

static void vocab_txt_is_read_as_python_reads_lines(void **state) {
    (void)state;
    assert_int_equal(only_id(VOCAB("[UNK]\n[CLS]\n[SEP]\na\nb"), "b"), 4);           // no end of line
    assert_int_equal(only_id(VOCAB("[UNK]\r\n[CLS]\r\n[SEP]\r\na\r\nb\r\n"), "b"), 4); // CRLF
    assert_int_equal(only_id(VOCAB("[UNK]\n[CLS]\n\n[SEP]\n\na\n"), "a"), 5);       // blank lines count
    assert_int_equal(only_id(VOCAB("[UNK]\n[CLS]\n[SEP]\na\na\nb\n"), "a"), 4);      // the later one
    assert_int_equal(only_id(VOCAB("\xEF\xBB\xBF" "a\n[UNK]\n[CLS]\n[SEP]\n"), "a"), 1); // a BOM is text
    assert_int_equal(only_id(VOCAB("[UNK]\ra\r[CLS]\r[SEP]"), "a"), 1);
}

static void broken_vocabularies_are_refused(void **state) {
    (void)state;
    wm_tokenizer *tokenizer;
    assert_int_equal(open_text(&tokenizer, "vocab.txt", WM_TEXT("a\n\xFF\n"), NULL, NULL), WM_ERROR_UTF8);
    assert_int_equal(open_text(&tokenizer, "vocab.txt", WM_TEXT(""), NULL, NULL), WM_ERROR_FORMAT);
    assert_int_equal(open_text(&tokenizer, "vocab.txt", WM_TEXT("a\nb\n"), NULL, NULL), WM_ERROR_FORMAT);
    assert_int_equal(open_text(&tokenizer, "vocab.json", WM_TEXT("{}"), NULL, NULL), WM_ERROR_MISSING);
    assert_int_equal(open_text(&tokenizer, "README.md", WM_TEXT(""), NULL, NULL), WM_ERROR_MISSING);
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", WM_TEXT("[]"), NULL, NULL), WM_ERROR_FORMAT);
    assert_int_equal(open_text(&tokenizer, "tokenizer.json", WM_TEXT(""), NULL, NULL), WM_ERROR_JSON);
    wm_source files[] = {{WM_TEXT("vocab.json"), WM_TEXT("{\"a\":0,\"b\":1,\"ab\":2}")},
                         {WM_TEXT("merges.txt"), WM_TEXT("#version: 0.2\na b\n")},
                         {WM_TEXT("config.json"), WM_TEXT("{\"model_type\":\"bloom\"}")}};
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 3, NULL, NULL), WM_ERROR_UNSUPPORTED);
    files[2].bytes = WM_TEXT("{\"model_type\":\"gpt2\"}");
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 3, NULL, NULL), WM_OK);
    wm_tokenizer_close(tokenizer);
    files[1].bytes = WM_TEXT("#version: 0.2\na b\n\n");
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 3, NULL, NULL), WM_ERROR_FORMAT);
    files[1].bytes = WM_TEXT("#version: 0.2\na c\n");
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 3, NULL, NULL), WM_ERROR_FORMAT);
    files[1].bytes = WM_TEXT(""); // no merges at all
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 3, NULL, NULL), WM_OK);
    wm_tokenizer_close(tokenizer);
}

// Rows 69, 70: what a config says of files and of templates is not looked at.
static void configs_name_no_files_and_run_nothing(void **state) {
    (void)state;
    wm_tokenizer *tokenizer;
    wm_source files[] = {
        {WM_TEXT("vocab.txt"), WM_TEXT("[UNK]\n[CLS]\n[SEP]\n")},
        {WM_TEXT("tokenizer_config.json"),
         WM_TEXT("{\"vocab_file\":\".env\",\"chat_template\":\"{{ cycler.__init__.__globals__.os.popen('id') }}\"}")}};
    assert_int_equal(wm_tokenizer_open(&tokenizer, files, 2, NULL, NULL), WM_OK);
    wm_tokenizer_close(tokenizer);
}

// ---- Memory ---------------------------------------------------------------------------------------

static void every_allocation_may_fail(void **state) {
    (void)state;
    wm_span file = test_file(TEST_TOKENIZERS "wordpiece-cased-added/tokenizer.json");
    for (long n = 1;; n++) {
        wm_allocator host = test_failing_allocator(n);
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        wm_status status = open_text(&tokenizer, "tokenizer.json", file, &host, NULL);
        if (status == WM_OK) {
            wm_span pair = WM_TEXT("unaffordable the dog");
            status = wm_tokenizer_encode(tokenizer, WM_TEXT("Ça <left> va 日本 e\u0301\u302A"), &pair, NULL, &encoding, NULL);
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
        cmocka_unit_test(components_as_in_the_wheels_own_tests),
        cmocka_unit_test(wordpiece_as_the_wheel), cmocka_unit_test(byte_level_bpe_as_the_wheel),
        cmocka_unit_test(unigram_as_the_wheel), cmocka_unit_test(other_chains_as_the_wheel),
        cmocka_unit_test(a_tokenizer_tells_what_it_is), cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(odd_files_are_right), cmocka_unit_test(deep_sequences_are_bounded),
        cmocka_unit_test(vocab_txt_is_read_as_python_reads_lines), cmocka_unit_test(broken_vocabularies_are_refused),
        cmocka_unit_test(configs_name_no_files_and_run_nothing), cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(long_pieces_are_refused_or_found), cmocka_unit_test(a_million_pieces_are_found),
        cmocka_unit_test(too_many_merges_are_refused), cmocka_unit_test(a_lost_beginning_costs_no_more),
        cmocka_unit_test(odd_byte_pieces_are_text)};
    return cmocka_run_group_tests_name("tokenizer", tests, NULL, NULL);
}
