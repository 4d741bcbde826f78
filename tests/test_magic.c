// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/json.h"
#include "../src/base/magic.h"

static bool contains(const char *text, const char *word) {
    size_t n = strlen(word);
    for (; strlen(text) >= n; text++)
        if (memcmp(text, word, n) == 0) return true;
    return false;
}

static const struct {
    const char *bytes;
    size_t n;
    wm_status status;
    const char *word;
} others[] = {
    {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", 64, WM_ERROR_FORMAT,
     "LFS pointer"},
    {"<!DOCTYPE html>\n<html>", 22, WM_ERROR_FORMAT, "HTML"},
    {" \r\n\t<!doctype HTML>", 19, WM_ERROR_FORMAT, "HTML"},
    {"<HTML lang=\"en\">", 16, WM_ERROR_FORMAT, "HTML"},
    {"\x1F\x8B\x08\0\0\0\0\0\0\x03", 10, WM_ERROR_UNSUPPORTED, "gzip"},
    {"PK\3\4\0\0\x08\x08\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "pickle"},
    {"\x80\2\x8A\x0Al\xFC\x9C\x46\xF9 j\xA8P\x19.", 15, WM_ERROR_UNSUPPORTED, "pickle"},
    {"\x80\4\x95\0\0\0\0\0\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "wasmicro convert"},
    {"GGUF\3\0\0\0\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "GGUF"},
    {"\x08\x08\x12\x07pytorch\x1A\x05", 13, WM_ERROR_UNSUPPORTED, "ONNX"},
    {"\x08\x07\x3A\xFF\x01", 5, WM_ERROR_UNSUPPORTED, "ONNX"},
    {"\x89HDF\r\n\x1A\n", 8, WM_ERROR_UNSUPPORTED, "HDF5"},
};

// As any file, and as one that is read as JSON; cut short, they are still no reason to read on.
static void other_formats_are_called_by_their_name(void **state) {
    (void)state;
    for (size_t i = 0; i < WM_COUNT(others); i++) {
        wm_span bytes = {(const uint8_t *)others[i].bytes, others[i].n};
        wm_error error = {0};
        wm_json root;
        assert_int_equal(wm_magic_check(bytes, WM_TEXT("a.file"), &error), others[i].status);
        assert_true(contains(error.text, others[i].word) && contains(error.text, "a.file is "));
        assert_int_equal(wm_json_check(bytes, "b.json", 0, &root, &error), others[i].status);
        assert_true(contains(error.text, others[i].word) && contains(error.text, "b.json is "));
        for (size_t n = 0; n < bytes.n; n++) {
            uint8_t *exact = malloc(n ? n : 1);
            assert_non_null(exact);
            memcpy(exact, bytes.p, n);
            (void)wm_magic_check((wm_span){exact, n}, WM_TEXT("a.file"), NULL);
            free(exact);
        }
    }
}

static void what_is_itself_passes(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "{}",
        "\n{\"a\":1}",
        "[PAD]\n[UNK]\n",
        "<s>\n<pad>\n",
        "<unk>",
        "#version: 0.2\nh e\n",
        "version",
        "ggu",
        "PK",
        "<h",
        "html",
    };
    wm_error error;
    for (size_t i = 0; i < WM_COUNT(texts); i++)
        if (wm_magic_check(wm_span_of(texts[i]), WM_TEXT("x"), &error) != WM_OK)
            fail_msg("%s", error.text);
    assert_int_equal(wm_magic_check((wm_span){NULL, 0}, WM_TEXT("x"), &error), WM_OK);
    // A header's length may begin with any two bytes.
    static const char gzip[] = "\x1F\x8B\x08\0\0\0\0\0{}", pickle[] = "\x80\2\0\0\0\0\0\0 {}",
                      onnx[] = "\x08\x08\x12\0\0\0\0\0{";
    assert_int_equal(wm_magic_check(WM_TEXT(gzip), WM_TEXT("x"), &error), WM_OK);
    assert_int_equal(wm_magic_check(WM_TEXT(pickle), WM_TEXT("x"), &error), WM_OK);
    assert_int_equal(wm_magic_check(WM_TEXT(onnx), WM_TEXT("x"), &error), WM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_formats_are_called_by_their_name),
        cmocka_unit_test(what_is_itself_passes),
    };
    return cmocka_run_group_tests_name("magic", tests, NULL, NULL);
}
