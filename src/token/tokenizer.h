// SPDX-License-Identifier: MIT OR Apache-2.0
// A tokenizer: added tokens → normalizers → pre-tokenizers → model → template, each an array of
// tagged steps that is compiled when the files are read.
#ifndef WM_TOKENIZER_H
#define WM_TOKENIZER_H

#include "decoder.h"
#include "model.h"
#include "normalizer.h"
#include "pre_tokenizer.h"

enum { WM_TOKENIZER_STEPS = 16, WM_TEMPLATE_STEPS = 64 };

// A token that is looked for in the text before anything else is.
typedef struct wm_added_token {
    wm_span content;
    int32_t id;
    bool single_word, lstrip, rstrip; // not inside a word; takes the spaces on that side
    bool normalized;                  // looked for in the normalized text, in normalized form
    bool special;
} wm_added_token;

// Those that are looked for in one of the two texts; the vocabulary's ids are indices of them.
typedef struct wm_added_set {
    wm_vocabulary contents;
    bool first[256]; // whether one of them begins with the byte
} wm_added_set;

// What a text's tokens are put between: an id, or one of the texts.
enum { WM_TEMPLATE_A = -1, WM_TEMPLATE_B = -2 };

typedef struct wm_template_step {
    int32_t id;
    uint8_t type;
} wm_template_step;

typedef struct wm_template {
    uint32_t count;
    uint32_t special; // how many steps are ids
    wm_template_step steps[WM_TEMPLATE_STEPS];
} wm_template;

// How SentencePiece writes spaces, and what it normalizes first.
typedef struct wm_sentence_rules {
    bool used; // else the normalizers are
    bool dummy_prefix, suffix, remove_spaces, escape;
    wm_charsmap map;
    wm_span unknown; // what an unknown token decodes to
} wm_sentence_rules;

// The largest fields last: the offsets of the others are short numbers in the wasm.
struct wm_tokenizer {
    wm_arena arena;
    uint32_t normalizer_count, splitter_count, decoder_count;
    uint32_t model_max_length;
    uint32_t vocabulary;    // highest id + 1
    bool trim_offsets;      // spaces at a token's ends are not part of its bytes …
    bool trim_prefix_space; // … but for the one that was put before the text
    bool one_eos;           // a text that ends in </s> is given no other
    wm_piece_cache *cache;
    wm_added_token *added;
    uint32_t *fresh; // indices of those whose id is not the model's, ids rising
    uint32_t added_count, added_room, fresh_count, next_added_id;
    wm_sentence_rules sentence;
    wm_vocabulary added_names; // the added tokens' contents: indices of `added`
    wm_token_model model;
    wm_unicode unicode;
    wm_char_sets sets;
    wm_added_set raw, normalized;
    wm_template single, pair;
    wm_normalizer normalizers[2 * WM_TOKENIZER_STEPS]; // a component is one step or two
    wm_splitter splitters[2 * WM_TOKENIZER_STEPS];
    wm_decoder decoders[2 * WM_TOKENIZER_STEPS];
};

// ---- Added tokens -------------------------------------------------------------------------------

// A search in [from, stop) of a text, match by match.
typedef struct wm_added_search {
    const wm_tokenizer *tokenizer;
    const wm_added_set *set;
    const wm_text *text;
    size_t from, stop;
    size_t at, after;            // where the search goes on; where the last match's spaces end
    bool as_text;                // special tokens are left alone
    const wm_added_token *token; // the match: its bytes, with the spaces that it takes, are
    size_t start, end;           // [start, end)
} wm_added_search;

wm_added_search wm_added_search_from(const wm_tokenizer *tokenizer, const wm_added_set *set,
                                     const wm_text *text, size_t from, size_t stop, bool as_text);
bool wm_added_next(wm_added_search *search);

// Room for `count` added tokens; the model is there.
wm_status wm_added_init(wm_tokenizer *tokenizer, uint64_t count, wm_error *error);

// Adds a token, with the id that `tokenizers` gives it: the model's, else the next free one. One
// that is there already gets the new properties if `update`. An empty one is ignored: -1.
int32_t wm_added_append(wm_tokenizer *tokenizer, wm_added_token token, bool update);

// Builds both sets, after the last token; the normalizers are there.
wm_status wm_added_index(wm_tokenizer *tokenizer, wm_error *error);

// The longest of the set at `at`, or NULL.
const wm_added_token *wm_added_at(const wm_tokenizer *tokenizer, const wm_added_set *set,
                                  wm_span text, size_t *length);

// [*start, *stop) of *text as SentencePiece normalizes it; *text then is `to`'s. False: no memory.
bool wm_sentence_normalize(const wm_tokenizer *tokenizer, wm_writer *to, wm_text *text,
                           size_t *start, size_t *stop);

// ---- Reading the files --------------------------------------------------------------------------

wm_status wm_tokenizer_read_json(wm_tokenizer *tokenizer, wm_span file, wm_error *error);
wm_status wm_tokenizer_read_vocabulary(wm_tokenizer *tokenizer, const wm_source *files,
                                       size_t file_count, wm_error *error);

#endif
