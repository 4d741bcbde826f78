// SPDX-License-Identifier: MIT OR Apache-2.0
// Chains of pre-tokenizers over any text: the pieces are whole characters of the text, in order,
// and where nothing is removed or rewritten, all of it. Bytes: steps, a kind and options each,
// text.
#include "fuzz_text.h"

#include "../src/token/pre_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const wm_unicode *unicode = fuzz_unicode();
    if (!unicode) return 0;
    wm_splitter steps[4] = {0};
    size_t count = size ? data[0] % 4u + 1 : 1;
    bool whole = true;
    if (size < 1 + count * 2) return 0;
    for (size_t i = 0; i < count; i++) {
        uint8_t options = data[2 + i * 2];
        steps[i].kind = (wm_splitter_kind)(data[1 + i * 2] % (WM_SPLITTER_METASPACE + 1));
        steps[i].behavior = (wm_split_behavior)(options % 5);
        steps[i].invert = options & 32;
        steps[i].options = options >> 6;
        steps[i].content = options & 16 ? WM_TEXT("\xE2\x96\x81") : WM_TEXT(" ");
        whole =
            whole && steps[i].kind <= WM_SPLITTER_LITERAL && steps[i].behavior != WM_SPLIT_REMOVED;
    }
    data += 1 + count * 2;
    size -= 1 + count * 2;
    size_t good = wm_utf8_check((wm_span){data, size});
    static wm_char_sets sets;
    wm_char_sets_fill(&sets, unicode);
    wm_splitting state = {.unicode = unicode, .sets = &sets};
    state.writers[0].host = state.writers[1].host = &wm_allocator_default;
    const wm_run same = {0, 0, WM_RUN_SAME};
    wm_text text = {data, good, &same, 1};
    const wm_array *pieces;
    if (wm_pre_tokenize(steps, count, &state, &text, 0, good, &pieces)) {
        const wm_piece *piece = pieces->p;
        size_t at = 0;
        for (size_t i = 0; i < pieces->n / sizeof *piece; i++) {
            FUZZ_CHECK(piece[i].start >= at && piece[i].start < piece[i].end);
            FUZZ_CHECK(!whole || piece[i].start == at);
            at = piece[i].end;
            FUZZ_CHECK(at <= text.n);
            wm_span bytes = {text.p + piece[i].start, piece[i].end - piece[i].start};
            FUZZ_CHECK(wm_utf8_check(bytes) == bytes.n);
        }
        FUZZ_CHECK(!whole || at == good);
    }
    wm_splitting_free(&state);
    return 0;
}
