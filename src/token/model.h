// SPDX-License-Identifier: MIT OR Apache-2.0
// The models: what makes a piece of text into tokens.
#ifndef WM_TOKEN_MODEL_H
#define WM_TOKEN_MODEL_H

#include "text.h"
#include "vocabulary.h"

typedef enum wm_model_kind {
    WM_TOKENS_WORDPIECE,
    WM_TOKENS_BPE,
    WM_TOKENS_UNIGRAM,
    WM_TOKENS_WORDLEVEL, // a piece is a token as a whole, or unknown
} wm_model_kind;

// What a piece of a SentencePiece file is, by the file's own numbers; 0: there is none.
enum {
    WM_PIECE_NORMAL = 1,
    WM_PIECE_UNKNOWN,
    WM_PIECE_CONTROL,
    WM_PIECE_USER,
    WM_PIECE_UNUSED,
    WM_PIECE_BYTE
};

enum { WM_BPE_AFFIX = 64 }; // bytes of a prefix or suffix

// Two neighbours and what they become; its place among the merges is its rank.
typedef struct wm_merge {
    int32_t left, right, into;
} wm_merge;

typedef struct wm_token_model {
    wm_model_kind kind;
    wm_vocabulary vocabulary;
    int32_t unk;    // id, -1: none
    wm_span prefix; // of pieces inside a word: "##"
    // WordPiece
    uint32_t max_characters; // a longer word is unknown
    // BPE
    const wm_merge *merges;
    uint32_t *merge_slots; // rank + 1 in the low bits, hash above; 0: free
    uint32_t merge_mask;
    wm_span suffix;     // of the last piece of a word
    bool byte_level;    // pieces are written in ByteLevel's alphabet
    bool byte_fallback; // a character without a piece becomes <0xXX> pieces
    bool fuse_unknown, ignore_merges;
    // Unigram, and SentencePiece's BPE, which merges what makes the piece of the highest score
    double *scores; // of each id
    double unknown_score;
    uint8_t *types;     // of each id, WM_PIECE_…; NULL: the model is no SentencePiece file's
    int32_t bytes[256]; // BPE, byte level: each byte's id; byte fallback: <0xXX>'s
} wm_token_model;

typedef struct wm_token {
    int32_t id;
    uint32_t start, end; // in the caller's text
    uint16_t spaces_before,
        spaces_after; // of the token as it is written, where offsets are trimmed
    bool word;        // begins a word
} wm_token;

// What short pieces became, by their hash: texts repeat their words. One call at a time uses it, a
// second one goes without.
enum { WM_CACHED_PIECES = 16384, WM_CACHED_TOKENS = 8, WM_CACHED_BYTES = 30 };

typedef struct wm_cached_piece {
    uint32_t tokens[WM_CACHED_TOKENS]; // id, start << 22, end << 27
    uint8_t text[WM_CACHED_BYTES];
    uint8_t length, count; // of the text, 0: there is none; of its tokens
} wm_cached_piece;

typedef struct wm_piece_cache {
    wm_cached_piece pieces[WM_CACHED_PIECES];
    bool busy;
} wm_piece_cache;

// Where the tokens of one text go, and what the models need on the way.
typedef struct wm_token_sink {
    const wm_allocator *host;
    wm_cursor cursor; // over the text that the pieces are of
    wm_array tokens, symbols, queue;
    size_t limit;            // more tokens than this are not needed
    wm_piece_cache *cache;   // NULL: another call has it
    wm_cached_piece *cached; // notes what the piece at `from` becomes; NULL: nothing does
    size_t from;
} wm_token_sink;

// One token of the bytes [start, end) of the cursor's text. False: no memory.
bool wm_token_emit(wm_token_sink *sink, int32_t id, size_t start, size_t end);

// Unknown characters in a row, [start, end): their bytes' pieces, else one unknown token.
bool wm_unknown_emit(const wm_token_model *model, size_t start, size_t end, wm_token_sink *sink);

// All tokens of a piece.
bool wm_wordpiece_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink);
bool wm_bpe_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink);
bool wm_unigram_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink);

// Builds the table of a BPE model's merges.
wm_status wm_bpe_index(wm_token_model *model, wm_arena *arena, const wm_merge *merges,
                       uint64_t count, wm_error *error);

// ByteLevel's alphabet: how a byte is written (one or two bytes of UTF-8), and back (-1: no such).
size_t wm_byte_level_write(uint8_t byte, uint8_t *to);
int wm_byte_level_read(uint32_t c);

// The byte of a piece <0xXX>, -1: it is none.
int wm_byte_piece_read(wm_span piece);

#endif
