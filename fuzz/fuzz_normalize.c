// SPDX-License-Identifier: MIT OR Apache-2.0
// Chains of normalizers over any text: what comes out is UTF-8 whose places are in the source, in
// order; the forms are idempotent. Bytes: how many steps, a kind and options each, the text.
#include "fuzz_text.h"

#include "../src/token/normalizer.h"

static void check_text(const wm_text *text, size_t start, size_t stop, size_t source) {
    uint32_t c, before = 0;
    FUZZ_CHECK(stop <= text->n && start <= stop);
    if (start == stop) return;
    FUZZ_CHECK(wm_utf8_check((wm_span){text->p + start, stop - start}) == stop - start);
    wm_cursor cursor = wm_cursor_from(text, start, stop);
    while (wm_cursor_next(&cursor, &c)) {
        FUZZ_CHECK(cursor.start <= cursor.end && cursor.end <= source && before <= cursor.start);
        before = cursor.start;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const wm_unicode *unicode = fuzz_unicode();
    if (!unicode) return 0;
    wm_normalizer steps[4] = {0};
    size_t count = size ? data[0] % 4u + 1 : 1;
    if (size < 1 + count * 2) return 0;
    for (size_t i = 0; i < count; i++) {
        steps[i].kind = (wm_normalizer_kind)(data[1 + i * 2] % WM_NORMALIZER_CHARSMAP);
        steps[i].options = data[2 + i * 2];
        steps[i].pattern = data[2 + i * 2] & 1 ? WM_TEXT("a") : (wm_span){0};
        steps[i].content = data[2 + i * 2] & 2 ? WM_TEXT("\xE2\x96\x81") : (wm_span){0};
    }
    data += 1 + count * 2;
    size -= 1 + count * 2;
    size_t good = wm_utf8_check((wm_span){data, size});
    wm_normalizing state = {.unicode = unicode}, again = {.unicode = unicode};
    for (int i = 0; i < 2; i++)
        state.writers[i].host = again.writers[i].host = &wm_allocator_default;
    const wm_run same = {0, 0, WM_RUN_SAME};
    wm_text text = {data, good, &same, 1};
    size_t start = 0, stop = good;
    if (wm_normalize(steps, count, &state, &text, &start, &stop)) {
        check_text(&text, start, stop, good);
        const wm_normalizer *last = &steps[count - 1];
        bool form = last->kind >= WM_NORMALIZER_NFC && last->kind <= WM_NORMALIZER_NFKD;
        wm_text twice = text;
        size_t from = start, to = stop;
        if (form && stop > start && wm_normalize(last, 1, &again, &twice, &from, &to))
            FUZZ_CHECK(to - from == stop - start &&
                       !memcmp(twice.p + from, text.p + start, to - from));
    }
    wm_normalizing_free(&state);
    wm_normalizing_free(&again);
    return 0;
}
