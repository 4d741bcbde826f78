// SPDX-License-Identifier: MIT OR Apache-2.0
// SentencePiece's own files (spiece.model, sentencepiece.bpe.model, tokenizer.model): a protobuf of
// pieces with scores, and rules for spaces.
#ifndef WM_SENTENCEPIECE_H
#define WM_SENTENCEPIECE_H

#include "tokenizer_read.h"

// True where `bytes` begin as such a file does: with a piece.
bool wm_sentencepiece_is(wm_span bytes);

// The model, its rules and its user-defined pieces, as tokenizer->added has them. Pieces 0, 1 and 2
// get the ids of `first`, the others stand `offset` ids higher than in the file.
wm_status wm_sentencepiece_read(wm_reading *reading, wm_span file, const uint8_t *first,
                                uint32_t offset);

#endif
