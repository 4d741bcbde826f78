// SPDX-License-Identifier: MIT OR Apache-2.0
// The JSON reader: the check in both modes, then cursors over all of the text.
#include "../src/base/json.h"
#include "fuzz.h"

static void read_scalar(wm_json value, uint8_t *decoded) {
    uint64_t natural;
    double real;
    bool flag;
    wm_span view, text = wm_json_string_decode(value, decoded);
    FUZZ_CHECK(text.n <= wm_json_span(value).n);
    if (wm_json_string_plain(value, &view)) FUZZ_CHECK(wm_span_equal(view, text));
    if (wm_json_u64(value, &natural)) {
        FUZZ_CHECK(wm_json_f64(value, &real));
        FUZZ_CHECK(real == (double)natural);
    }
    (void)wm_json_bool(value, &flag);
    (void)wm_json_string_is(value, "a\"\xC3\xBC");
}

// Walks everything by cursors, as deep as the stack is; returns the number of values.
static size_t walk(wm_json root, wm_span all, uint8_t *decoded) {
    wm_json_iter stack[WM_LIMIT_JSON_DEPTH + 1];
    size_t depth = 1, count = 1;
    read_scalar(root, decoded);
    stack[0] = wm_json_each(root);
    while (depth) {
        wm_json_iter *top = &stack[depth - 1];
        if (!wm_json_next(top)) {
            depth--;
            continue;
        }
        count++;
        wm_span value = wm_json_span(top->value);
        FUZZ_CHECK(value.n && value.p >= all.p && value.p + value.n <= all.p + all.n);
        if (top->object) read_scalar(top->key, decoded);
        read_scalar(top->value, decoded);
        if (depth <= WM_LIMIT_JSON_DEPTH) stack[depth++] = wm_json_each(top->value);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wm_error error;
    wm_json strict = {0}, python = {0};
    wm_span text = {data, size};
    uint8_t *decoded = malloc(size + 1);
    FUZZ_CHECK(decoded);
    wm_status status = wm_json_check(text, "fuzz", 0, &strict, &error);
    fuzz_check_error(status, &error);
    if (status != WM_OK) FUZZ_CHECK(error.offset <= size);
    wm_status lenient = wm_json_check(text, "fuzz", WM_JSON_PYTHON, &python, NULL);
    if (status == WM_OK) {
        FUZZ_CHECK(lenient == WM_OK && strict.p == python.p);
        // What was taken is taken again without the space around it, and not without its last byte.
        wm_span value = wm_json_span(strict);
        wm_json_type type = wm_json_type_of(strict);
        wm_status whole = wm_json_check(value, "fuzz", 0, &python, NULL);
        value.n--;
        bool cut = wm_json_check(value, "fuzz", 0, &python, NULL) == WM_OK;
        FUZZ_CHECK(whole == WM_OK && (!cut || type == WM_JSON_NUMBER));
        lenient = wm_json_check(text, "fuzz", WM_JSON_PYTHON, &python, NULL);
    }
    if (lenient == WM_OK) {
        (void)wm_json_get(python, "a");
        walk(python, text, decoded);
    }
    free(decoded);
    return 0;
}
