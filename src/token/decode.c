// SPDX-License-Identifier: MIT OR Apache-2.0
// From ids to text.
#include "tokenizer.h"

// The added token of an id that the model lacks: those ids rise in the order of the list.
static const wm_added_token *find_fresh(const wm_tokenizer *tokenizer, int32_t id) {
    uint32_t low = 0, high = tokenizer->fresh_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tokenizer->added[tokenizer->fresh[middle]].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == tokenizer->fresh_count) return NULL;
    const wm_added_token *token = &tokenizer->added[tokenizer->fresh[low]];
    return token->id == id ? token : NULL;
}

// The piece of an id; p NULL: it has none, or is special and those are left out.
static wm_span piece_of(const wm_tokenizer *tokenizer, int32_t id, bool skip_special) {
    const wm_vocabulary *vocabulary = &tokenizer->model.vocabulary;
    wm_span piece = {0};
    if (id >= 0 && (uint32_t)id < vocabulary->ids) piece = vocabulary->pieces[id];
    const wm_added_token *token = piece.p ? NULL : find_fresh(tokenizer, id);
    if (token) piece = token->content;
    if (!piece.p) return piece;
    int32_t index = wm_vocabulary_find(&tokenizer->added_names, piece);
    bool special = index >= 0 && tokenizer->added[index].special;
    if (skip_special && special) return (wm_span){0};
    if (tokenizer->model.types && !token) {
        uint8_t type = tokenizer->model.types[id];
        if (type == WM_PIECE_UNKNOWN) return tokenizer->sentence.unknown;
        if (type == WM_PIECE_CONTROL && !special) piece.n = 0; // it still ends a run of bytes
    }
    return piece;
}

wm_status wm_tokenizer_decode(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                              bool skip_special, wm_decoding *decoding, wm_error *error) {
    const wm_allocator *host = &tokenizer->arena.host;
    wm_pieces pieces[2] = {{{0}, {0}}, {{0}, {0}}};
    bool fine = true;
    int turn = 0;
    for (size_t i = 0; fine && i < count; i++) {
        wm_span piece = piece_of(tokenizer, ids[i], skip_special);
        fine = !piece.p || wm_pieces_push(&pieces[0], host, piece);
    }
    for (uint32_t i = 0; fine && i < tokenizer->decoder_count; i++, turn ^= 1)
        fine = wm_decoder_run(&tokenizer->decoders[i], &pieces[turn], &pieces[turn ^ 1], host);
    wm_decoding_free(decoding);
    wm_array *text = &pieces[turn].bytes;
    if (fine) fine = wm_array_push(text, host, "", 1);
    if (fine) {
        *decoding = (wm_decoding){text->p, text->n - 1, *host};
        *text = (wm_array){0};
    }
    for (int i = 0; i < 2; i++) {
        wm_array_free(&pieces[i].bytes, host);
        wm_array_free(&pieces[i].ends, host);
    }
    return fine ? WM_OK : wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory");
}

void wm_decoding_free(wm_decoding *decoding) {
    if (decoding->text) decoding->allocator.release(decoding->allocator.context, decoding->text);
    *decoding = (wm_decoding){0};
}

// ---- Streams ------------------------------------------------------------------------------------

enum { STREAM_IDS = 32, STREAM_KEPT = 8 }; // decoded again for each new one

// Bytes at the text's end that stand for half a character.
static size_t half_character(const wm_decoding *decoding) {
    size_t n = decoding->n;
    while (n >= 3 && memcmp(decoding->text + n - 3, "\xEF\xBF\xBD", 3) == 0) n -= 3;
    return decoding->n - n;
}

// A run of <0xXX> pieces, which is not known to be text before it ends.
static bool ends_in_bytes(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                          bool skip_special) {
    wm_span piece = {0};
    bool runs = false;
    for (uint32_t i = 0; i < tokenizer->decoder_count; i++)
        runs = runs || (tokenizer->decoders[i].kind == WM_DECODER_BYTE_FALLBACK &&
                        !tokenizer->decoders[i].flag);
    while (runs && count && !piece.p) piece = piece_of(tokenizer, ids[--count], skip_special);
    return piece.p && wm_byte_piece_read(piece) >= 0;
}

// The end may yet be cleaned up: a space near it, or an apostrophe, which " ' " may have been.
static bool may_change(const wm_tokenizer *tokenizer, const char *text, size_t n) {
    bool change = false;
    if (tokenizer->decoders[tokenizer->decoder_count - 1].kind != WM_DECODER_CLEAN) return false;
    for (size_t i = n - WM_MIN(n, 3); i < n; i++) change |= text[i] == ' ' || text[i] == '\'';
    return change;
}

wm_status wm_tokenizer_decode_next(const wm_tokenizer *tokenizer, const int32_t *ids, size_t count,
                                   bool last, bool skip_special, wm_text_stream *stream,
                                   wm_error *error) {
    wm_decoding *decoding = &stream->decoding;
    // Where all text has been taken, only its last pieces go on: those that have a text, so that
    // what comes is not taken for a beginning.
    if (stream->count >= stream->from + STREAM_IDS && stream->taken == decoding->n) {
        size_t from = stream->count - STREAM_KEPT;
        WM_TRY(
            wm_tokenizer_decode(tokenizer, ids + from, STREAM_KEPT, skip_special, decoding, error));
        if (decoding->n && !half_character(decoding)) {
            stream->from = from;
            stream->taken = decoding->n;
        }
    }
    WM_TRY(wm_tokenizer_decode(tokenizer, ids + stream->from, count - stream->from, skip_special,
                               decoding, error));
    size_t end = decoding->n - (last ? 0 : half_character(decoding));
    if (!last &&
        (ends_in_bytes(tokenizer, ids + stream->from, count - stream->from, skip_special) ||
         may_change(tokenizer, decoding->text, end)))
        end = 0;
    end = WM_MAX(end, stream->taken);
    stream->count = count;
    stream->text = (wm_span){(const uint8_t *)decoding->text + stream->taken, end - stream->taken};
    return WM_OK;
}
