// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/arena.h"

// A normalizer that makes a text of each character does not get all the memory.
static void growth_is_limited(void **state) {
    (void)state;
    static const char before[] =
        "{\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"";
    static const char after[] =
        "\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"x\":0,\"y\":1},\"merges\":[]}}";
    static char json[sizeof before + 100000 + sizeof after];
    static uint8_t spaces[10000];
    memset(spaces, ' ', sizeof spaces);
    for (size_t content = 3; content <= 100000; content = content * 10 + 70) {
        size_t n = sizeof before - 1;
        memcpy(json, before, n);
        memset(json + n, 'x', content);
        memcpy(json + n + content, after, sizeof after - 1);
        n += content + sizeof after - 1;
        wm_source file = {WM_TEXT("tokenizer.json"), {(const uint8_t *)json, n}};
        wm_budget budget = {.host = test_failing_allocator(0), .limit = 64u << 20};
        wm_allocator host = wm_budget_allocator(&budget);
        wm_tokenizer *tokenizer;
        wm_encoding encoding = {0};
        wm_error error;
        if (wm_tokenizer_open(&tokenizer, &file, 1, &host, &error) != WM_OK)
            fail_msg("%s", error.text);
        wm_status status = wm_tokenizer_encode(tokenizer, (wm_span){spaces, sizeof spaces}, NULL,
                                               NULL, &encoding, &error);
        assert_int_equal(status, content < 64 ? WM_OK : WM_ERROR_NOMEM);
        assert_false(budget.refused);
        if (status == WM_OK) assert_int_equal(encoding.count, content * sizeof spaces);
        // Short texts have some room more, and the next call works.
        assert_int_equal(
            wm_tokenizer_encode(tokenizer, WM_TEXT(" y"), NULL, NULL, &encoding, &error),
            content < 65536 ? WM_OK : WM_ERROR_NOMEM);
        wm_encoding_free(&encoding);
        wm_tokenizer_close(tokenizer);
        assert_int_equal(test_live_allocations(), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(growth_is_limited)};
    return cmocka_run_group_tests_name("normalizer", tests, NULL, NULL);
}
