// SPDX-License-Identifier: MIT OR Apache-2.0
// Precompiled charsmaps of any bytes: refused, or safe on any text. A text, then the blob.
#include "fuzz_text.h"

#include "../src/token/normalizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const wm_unicode *unicode = fuzz_unicode();
    if (!unicode) return 0;
    wm_span blob, given = fuzz_take_text(data, size, &blob), to;
    wm_normalizer step = {.kind = WM_NORMALIZER_CHARSMAP};
    wm_error error;
    wm_status status = wm_charsmap_open(&step.charsmap, blob, &error);
    fuzz_check_error(status, &error);
    if (status != WM_OK) return 0;
    for (size_t at = 0; at < given.n; at++) {
        size_t n =
            wm_charsmap_find(&step.charsmap, (wm_span){given.p + at, given.n - at}, at & 1, &to);
        FUZZ_CHECK(n <= given.n - at);
    }
    given.n = wm_utf8_check(given);
    wm_normalizing state = {.unicode = unicode};
    state.writers[0].host = state.writers[1].host = &wm_allocator_default;
    const wm_run same = {0, 0, WM_RUN_SAME};
    wm_text text = {given.p, given.n, &same, 1};
    size_t start = 0, stop = given.n;
    if (wm_normalize(&step, 1, &state, &text, &start, &stop) && start < stop)
        FUZZ_CHECK(wm_utf8_check((wm_span){text.p + start, stop - start}) == stop - start);
    wm_normalizing_free(&state);
    return 0;
}
