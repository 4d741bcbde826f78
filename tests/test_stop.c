// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"
#include "../src/gen/stop.h"

// Feeds `text` in pieces of `size` bytes (0: all at once); out [n] gets what goes out.
static size_t feed(uint8_t *out, wm_span text, size_t size, const wm_span *stops, size_t stop_count,
                   bool *stopped) {
    size_t given = 0, gone = 0, n = 0;
    *stopped = false;
    while (!*stopped && given < text.n) {
        given = size ? WM_MIN(given + size, text.n) : text.n;
        wm_span pending = {text.p + gone, given - gone};
        size_t ready = wm_stop_scan(pending, stops, stop_count, given == text.n, stopped);
        memcpy(out + n, pending.p, ready);
        n += ready;
        gone += ready;
    }
    return n;
}

static void check(const char *text, const char *want, bool want_stop, const wm_span *stops,
                  size_t stop_count) {
    uint8_t out[128];
    bool stopped;
    for (size_t size = 0; size < 8; size++) {
        size_t n = feed(out, wm_span_of(text), size, stops, stop_count, &stopped);
        if (!wm_span_is((wm_span){out, n}, want))
            fail_msg("%s in pieces of %d: another text", text, (int)size);
        assert_int_equal(stopped, want_stop);
    }
}

static void stop_strings_are_found_in_any_pieces(void **state) {
    (void)state;
    const wm_span stops[] = {WM_TEXT("</s>"), WM_TEXT("\n\n"), WM_TEXT("aab")};
    check("Hello</s> world", "Hello", true, stops, 3);
    check("Hello < /s> wor</s", "Hello < /s> wor</s", false, stops, 3);
    check("a\nb\n\nc", "a\nb", true, stops, 3);
    check("aaaab", "aa", true, stops, 3);
    check("aaaaa", "aaaaa", false, stops, 3);
    check("</</s>", "</", true, stops, 3);
    check("</s>", "", true, stops, 3);
    check("Hello", "Hello", false, NULL, 0);
    check("", "", false, stops, 3);
    const wm_span character[] = {WM_TEXT("\xE2\x82\xAC")}; // the euro sign
    check("5 \xE2\x82\xAC", "5 ", true, character, 1);
    check("5 \xE2\x82\xAD\xE2\x82", "5 \xE2\x82\xAD\xE2\x82", false, character, 1);
    // The first that is complete; of those the longest.
    const wm_span several[] = {WM_TEXT("cd"), WM_TEXT("bcd"), WM_TEXT("d"), WM_TEXT("abcdef"),
                               WM_TEXT("e")};
    check("xabcdef", "xa", true, several, 5);
}

static size_t ready(const char *text, const wm_span *stops, size_t stop_count) {
    bool stopped;
    return wm_stop_scan(wm_span_of(text), stops, stop_count, false, &stopped);
}

static void no_more_is_held_back_than_needed(void **state) {
    (void)state;
    const wm_span stops[] = {WM_TEXT("</s>"), WM_TEXT("<|end|>")};
    assert_int_equal(ready("abc", stops, 2), 3);
    assert_int_equal(ready("abc<", stops, 2), 3);
    assert_int_equal(ready("abc<|en", stops, 2), 3);
    assert_int_equal(ready("abc<|em", stops, 2), 7);
    assert_int_equal(ready("<|en</", stops, 2), 4);
    assert_int_equal(ready("<<", stops, 2), 1);
}

static void characters_go_out_whole(void **state) {
    (void)state;
    assert_int_equal(ready("ab\xC3", NULL, 0), 2);
    assert_int_equal(ready("ab\xC3\xA9", NULL, 0), 4);
    assert_int_equal(ready("ab\xE2\x82", NULL, 0), 2);
    assert_int_equal(ready("ab\xF0\x9F\x98", NULL, 0), 2);
    assert_int_equal(ready("ab\xF0\x9F\x98\x80", NULL, 0), 6);
    assert_int_equal(ready("\xF4", NULL, 0), 0);
    // Bytes that no further byte makes a character do not wait for one.
    assert_int_equal(ready("ab\x80", NULL, 0), 3);
    assert_int_equal(ready("ab\xC0", NULL, 0), 3);
    assert_int_equal(ready("ab\xE0\x9F", NULL, 0), 4);
    assert_int_equal(ready("ab\xED\xA0", NULL, 0), 4);
    assert_int_equal(ready("ab\xF4\x90", NULL, 0), 4);
    assert_int_equal(ready("ab\xF5", NULL, 0), 3);
    assert_int_equal(ready("ab\xE2\x82\xE2", NULL, 0), 4);
    uint8_t out[128];
    bool stopped;
    wm_span text = WM_TEXT("h\xC3\xA9 \xF0\x9F\x98\x80\xE2\x82");
    for (size_t size = 0; size < 8; size++) { // at the end all goes out, whole or not
        size_t n = feed(out, text, size, NULL, 0, &stopped);
        assert_true(wm_span_equal((wm_span){out, n}, text));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stop_strings_are_found_in_any_pieces),
        cmocka_unit_test(no_more_is_held_back_than_needed),
        cmocka_unit_test(characters_go_out_whole),
    };
    return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
