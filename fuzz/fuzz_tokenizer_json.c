// SPDX-License-Identifier: MIT OR Apache-2.0
// tokenizer.json: the length of a text, the text, the file. What is taken must encode the text.
#include "fuzz_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wm_span json, text = fuzz_take_text(data, size, &json);
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_source file = {WM_TEXT("tokenizer.json"), json};
    wm_tokenizer *tokenizer = NULL;
    wm_error error;
    wm_status status = wm_tokenizer_open(&tokenizer, &file, 1, &allocator, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == WM_OK) == (tokenizer != NULL));
    fuzz_tokenizer(tokenizer, text);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
