// SPDX-License-Identifier: MIT OR Apache-2.0
// spiece.model: a byte for the family, the length of a text, the text, the file. What is taken must
// encode the text, and decode what it made of it, whole and as a stream.
#include "fuzz_text.h"

static void check_stream(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count) {
    wm_decoding whole = {0};
    wm_text_stream stream = {0};
    wm_error error;
    size_t n = 0;
    if (wm_tokenizer_decode(tokenizer, ids, count, true, &whole, &error) != WM_OK) return;
    for (size_t i = 1; i <= count; i++) {
        if (wm_tokenizer_decode_next(tokenizer, ids, i, i == count, true, &stream, &error) != WM_OK)
            break;
        wm_span text = stream.text;
        FUZZ_CHECK(wm_utf8_check(text) == text.n && n + text.n <= whole.n);
        FUZZ_CHECK(!text.n || memcmp(whole.text + n, text.p, text.n) == 0);
        n += text.n;
        stream.taken += text.n;
        FUZZ_CHECK(i < count || n == whole.n);
    }
    wm_decoding_free(&whole);
    wm_decoding_free(&stream.decoding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const configs[] = {
        "{}",
        "{\"tokenizer_class\":\"T5Tokenizer\",\"extra_ids\":2}",
        "{\"tokenizer_class\":\"XLMRobertaTokenizer\"}",
        "{\"tokenizer_class\":\"AlbertTokenizer\"}",
        "{\"tokenizer_class\":\"LlamaTokenizer\",\"add_eos_token\":true}",
        "{\"tokenizer_class\":\"CamembertTokenizer\"}"};
    if (!size) return 0;
    wm_span file, text = fuzz_take_text(data + 1, size - 1, &file);
    wm_source files[] = {{WM_TEXT("tokenizer_config.json"), wm_span_of(configs[data[0] % 6])},
                         {WM_TEXT("spiece.model"), file}};
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_tokenizer *tokenizer = NULL;
    wm_encoding encoding = {0};
    wm_error error;
    wm_status status = wm_tokenizer_open(&tokenizer, files, 2, &allocator, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == WM_OK) == (tokenizer != NULL));
    if (tokenizer && wm_tokenizer_encode(tokenizer, text, NULL, NULL, &encoding, &error) == WM_OK)
        check_stream(tokenizer, encoding.ids, encoding.count);
    wm_encoding_free(&encoding);
    fuzz_tokenizer(tokenizer, text);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
