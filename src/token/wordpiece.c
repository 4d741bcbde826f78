// SPDX-License-Identifier: MIT OR Apache-2.0
// WordPiece: the longest piece that fits, again and again; a word with a gap is unknown as a whole.
#include "model.h"

bool wm_wordpiece_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink) {
    const uint8_t *p = sink->cursor.text->p;
    wm_span word = {p + piece.start, piece.end - piece.start};
    size_t before = sink->tokens.n, at = piece.start;
    bool known =
        word.n <= model->max_characters || wm_count_characters(word) <= model->max_characters;
    wm_cursor cursor = sink->cursor;
    while (known && at < piece.end) {
        wm_span prefix = at > piece.start ? model->prefix : (wm_span){0};
        wm_walk walk = wm_walk_from(&model->vocabulary, prefix, (wm_span){p + at, piece.end - at});
        int32_t id, longest = -1;
        size_t length = 0;
        while ((id = wm_walk_next(&walk)) >= 0) {
            longest = id;
            length = walk.at;
        }
        known = longest >= 0;
        if (known && !wm_token_emit(sink, longest, at, at + length)) return false;
        at += length;
    }
    if (known) return true;
    sink->tokens.n = before;
    sink->cursor = cursor;
    if (sink->cached) sink->cached->count = 0;
    return wm_token_emit(sink, model->unk, piece.start, piece.end);
}
