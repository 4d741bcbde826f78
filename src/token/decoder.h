// SPDX-License-Identifier: MIT OR Apache-2.0
// Decoders: the pieces of a run of ids become text, step by step.
#ifndef WM_DECODER_H
#define WM_DECODER_H

#include "text.h"

typedef enum wm_decoder_kind {
    WM_DECODER_BYTE_LEVEL, // ByteLevel's alphabet back to bytes, all pieces one
    WM_DECODER_WORDPIECE,  // a space before each but the first, or `content` is taken off; cleaned
                           // up
    WM_DECODER_METASPACE,  // `content` to a space, in the first piece to nothing
    WM_DECODER_BYTE_FALLBACK, // runs of <0xXX> to their bytes
    WM_DECODER_FUSE,          // all pieces one
    WM_DECODER_STRIP,         // up to `start` and `stop` of `content` off each piece's ends
    WM_DECODER_REPLACE,       // `pattern` by `content`
    WM_DECODER_BPE,      // `content`, the suffix of words, to a space, in the last piece to nothing
    WM_DECODER_SPACED,   // a space between pieces: where there is no decoder
    WM_DECODER_CLEAN,    // all pieces one, cleaned up as transformers does
    WM_DECODER_SENTENCE, // U+2581 to a space; with `start` one at the text's start is dropped
} wm_decoder_kind;

typedef struct wm_decoder {
    wm_decoder_kind kind;
    bool flag; // BYTE_LEVEL: broken bytes are nothing; WORDPIECE: clean up; METASPACE: the first
               // piece too becomes spaces; BYTE_FALLBACK: a broken run keeps its whole characters;
               // SENTENCE: drops one of each piece until there is text
    uint32_t start, stop;
    wm_span pattern, content;
} wm_decoder;

// Pieces: their bytes one after the other, and where each ends.
typedef struct wm_pieces {
    wm_array bytes, ends; // ends: uint32_t
} wm_pieces;

bool wm_pieces_push(wm_pieces *pieces, const wm_allocator *host, wm_span piece);

// Runs a step from `from` into `to`. False: no memory.
bool wm_decoder_run(const wm_decoder *step, const wm_pieces *from, wm_pieces *to,
                    const wm_allocator *host);

#endif
