// SPDX-License-Identifier: MIT OR Apache-2.0
// Chains of decoders over any ids: what is decoded is UTF-8; what a stream gives is UTF-8 too, and
// in all the same text where the chain is one that models have. Bytes: the chain, special tokens,
// ids.
#include "fuzz_text.h"

static const char vocabulary[] =
    "[\"<unk>\",\"a\",\"##b\",\"Ġc\",\"▁d\",\"▁\",\"<0xE6>\",\"<0x97>\",\"<0xA5>\",\"<0xFF>\",\"<"
    "0x20>\",\".\",\"'\",\"n't\",\"'s\","
    "\"H\",\"HH\",\" \",\"Ã\",\"©\",\"æ\",\"Ĺ\",\"¥\",\"e</w>\",\"</w>\",\"日\",\"<s>\",\"</s>\"]";

#define META(scheme)                                                             \
    "{\"type\":\"Metaspace\",\"replacement\":\"▁\",\"prepend_scheme\":\"" scheme \
    "\",\"split\":true}"
#define REPLACE "{\"type\":\"Replace\",\"pattern\":{\"String\":\"▁\"},\"content\":\" \"}"
#define STRIP(start, stop) \
    "{\"type\":\"Strip\",\"content\":\" \",\"start\":" #start ",\"stop\":" #stop "}"
#define BYTES "{\"type\":\"ByteFallback\"}"
#define CHAIN(steps) "{\"type\":\"Sequence\",\"decoders\":[" steps "]}"

static const char *const chains[] = {
    "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}",
    "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":false}",
    "{\"type\":\"ByteLevel\"}",
    META("always"),
    META("never"),
    "{\"type\":\"BPEDecoder\",\"suffix\":\"</w>\"}",
    CHAIN(REPLACE "," BYTES ",{\"type\":\"Fuse\"}," STRIP(1, 0)),
    CHAIN(REPLACE "," BYTES ",{\"type\":\"Fuse\"}"),
    "null",
    // Those below are nobody's.
    CHAIN(BYTES "," META("first")),
    CHAIN(STRIP(2, 3) "," REPLACE),
    CHAIN("{\"type\":\"ByteLevel\"}," BYTES),
    CHAIN("{\"type\":\"Fuse\"},{\"type\":\"WordPiece\",\"prefix\":\"\",\"cleanup\":true}"),
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"xx\"}",
    "{\"type\":\"BPEDecoder\",\"suffix\":\"\"}",
};
enum { REAL_CHAINS = 9 };

static size_t append(char *to, size_t at, const char *text) {
    memcpy(to + at, text, strlen(text) + 1);
    return at + strlen(text);
}

// The file stays where it is as long as its tokenizer is open.
static wm_tokenizer *open_chain(const char *chain, char *file) {
    static const char head[] =
        "{\"added_tokens\":[{\"id\":26,\"content\":\"<s>\",\"special\":true},"
        "{\"id\":27,\"content\":\"</s>\",\"special\":true}],\"decoder\":";
    size_t n = append(file, 0, head);
    n = append(file, n, chain);
    n = append(file, n, ",\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[");
    for (const char *p = vocabulary + 1; *p && *p != ']'; p++) { // each piece with a score
        const char *end = p + 1;
        while (*end != '"') end++;
        file[n++] = '[';
        memcpy(file + n, p, (size_t)(end + 1 - p));
        n = append(file, n + (size_t)(end + 1 - p), end[1] == ']' ? ",-1]" : ",-1],");
        p = end[1] == ']' ? end : end + 1;
    }
    n = append(file, n, "]}}");
    wm_source source = {WM_TEXT("tokenizer.json"), {(const uint8_t *)file, n}};
    wm_tokenizer *tokenizer;
    wm_error error;
    wm_status status = wm_tokenizer_open(&tokenizer, &source, 1, NULL, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(status == WM_OK || status == WM_ERROR_NOMEM);
    return tokenizer;
}

static void check_stream(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count, bool skip,
                         const wm_decoding *whole, bool real) {
    wm_text_stream stream = {.count = 0};
    wm_error error;
    size_t n = 0;
    for (size_t i = 1; i <= count; i++) {
        if (wm_tokenizer_decode_next(tokenizer, ids, i, i == count, skip, &stream, &error) != WM_OK)
            break;
        wm_span text = stream.text;
        FUZZ_CHECK(wm_utf8_check(text) == text.n);
        if (real) FUZZ_CHECK(n + text.n <= whole->n);
        if (real) FUZZ_CHECK(!text.n || memcmp(whole->text + n, text.p, text.n) == 0);
        n += text.n;
        stream.taken += text.n;
        if (real) FUZZ_CHECK(i < count || n == whole->n);
    }
    wm_decoding_free(&stream.decoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wm_tokenizer *opened[WM_COUNT(chains)];
    static char files[WM_COUNT(chains)][2048];
    static int32_t ids[512];
    if (size < 2) return 0;
    size_t which = data[0] % WM_COUNT(chains), count = WM_MIN(size - 2, WM_COUNT(ids));
    if (!opened[which]) opened[which] = open_chain(chains[which], files[which]);
    for (size_t i = 0; i < count; i++) ids[i] = data[i + 2] == 255 ? -1 : data[i + 2] % 30;
    wm_decoding whole = {0};
    wm_error error;
    if (!opened[which] ||
        wm_tokenizer_decode(opened[which], ids, count, data[1] & 1, &whole, &error) != WM_OK)
        return 0;
    FUZZ_CHECK(wm_utf8_check((wm_span){(const uint8_t *)whole.text, whole.n}) == whole.n);
    FUZZ_CHECK(whole.text[whole.n] == 0);
    check_stream(opened[which], ids, count, data[1] & 1, &whole, which < REAL_CHAINS);
    wm_decoding_free(&whole);
    return 0;
}
