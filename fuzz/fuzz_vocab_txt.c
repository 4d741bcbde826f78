// SPDX-License-Identifier: MIT OR Apache-2.0
// Vocabularies without tokenizer.json: a byte of options, the length of a text, the text, then
// vocab.txt, or vocab.json and merges.txt with a NUL between.
#include "fuzz_text.h"

// WM_TEXT is no constant expression.
#define SPAN(literal) {(const uint8_t *)(literal), sizeof(literal) - 1}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const wm_span configs[] = {
        SPAN("{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":true}"),
        SPAN("{\"tokenizer_class\":\"BertTokenizer\",\"do_lower_case\":false,\"strip_accents\":"
             "true}"),
        SPAN("{\"tokenizer_class\":\"MPNetTokenizer\",\"model_max_length\":4}"),
        SPAN("{\"tokenizer_class\":\"ElectraTokenizerFast\",\"additional_special_tokens\":[\"[X]\","
             "\"a b\"]}"),
        SPAN("{\"tokenizer_class\":\"RobertaTokenizer\",\"add_prefix_space\":true}"),
        SPAN("{\"tokenizer_class\":\"GPT2Tokenizer\",\"model_max_length\":1e30}"),
        SPAN("{\"mask_token\":{\"content\":\"<mask>\",\"lstrip\":true},\"unk_token\":\"a\"}"),
        SPAN("{}"),
    };
    if (!size) return 0;
    wm_span vocabulary, text = fuzz_take_text(data + 1, size - 1, &vocabulary), merges = {NULL, 0};
    bool json = data[0] & 8;
    for (size_t i = 0; json && i < vocabulary.n && !merges.p; i++) {
        if (vocabulary.p[i]) continue;
        merges = (wm_span){vocabulary.p + i + 1, vocabulary.n - i - 1};
        vocabulary.n = i;
    }
    wm_source files[] = {
        {WM_TEXT("tokenizer_config.json"), configs[data[0] & 7]},
        {WM_TEXT("vocab.json"), vocabulary},
        {WM_TEXT("merges.txt"), merges},
    };
    if (!json) files[1].path = WM_TEXT("vocab.txt");
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_tokenizer *tokenizer = NULL;
    wm_error error;
    wm_status status =
        wm_tokenizer_open(&tokenizer, files, json && merges.p ? 3 : 2, &allocator, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == WM_OK) == (tokenizer != NULL));
    fuzz_tokenizer(tokenizer, text);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
