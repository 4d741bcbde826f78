// SPDX-License-Identifier: MIT OR Apache-2.0
// What the readers of tokenizer.json and of the older files share.
#ifndef WM_TOKENIZER_READ_H
#define WM_TOKENIZER_READ_H

#include "../base/json.h"
#include "tokenizer.h"

enum { WM_WORDPIECE_CHARACTERS = 1 << 16 };

typedef struct wm_reading {
    wm_tokenizer *tokenizer;
    const char *file; // for errors
    wm_error *error;
    uint8_t *strings; // room for decoded strings
    size_t strings_left;
    wm_json part;   // tokenizer.json: the component in work
    bool templated; // its template has been read
} wm_reading;

// "FILE: WHAT", and in quotes `name` where it is not NULL.
wm_status wm_reading_fail(const wm_reading *reading, wm_status status, const char *what,
                          const wm_span *name);
wm_status wm_reading_bad(const wm_reading *reading, const char *what); // FORMAT, no name

// A JSON string that lives as long as the tokenizer: a view of the file where it has no escapes.
// An empty one for null and absent; FORMAT for other types.
wm_status wm_reading_string(wm_reading *reading, wm_json string, wm_span *to);

// ---- Files --------------------------------------------------------------------------------------

typedef enum wm_form {
    WM_FORM_WHOLE,
    WM_FORM_TXT,
    WM_FORM_JSON,
    WM_FORM_PIECES,
    WM_FORM_BYTES, // no file
} wm_form;

// The file of a form (tokenizer.json, vocab.txt, vocab.json, SentencePiece's), by its name, or by
// its content if it is called "tokenizer". NULL: there is none.
const wm_source *wm_form_find(const wm_source *files, size_t count, wm_form form);

// ---- Lists of pieces and of merges --------------------------------------------------------------

// One entry: a text, or a JSON string or array of a string and more. The id counts from 0 where the
// list has none.
typedef struct wm_entry {
    wm_json part[2];
    uint32_t parts; // 0: the text
    wm_span text;
    uint64_t id; // UINT64_MAX: it is no number
    double score;
    uint32_t type; // of SentencePiece
} wm_entry;

// What entries are read from, twice: to count them, then to take them.
typedef struct wm_entries {
    bool (*next)(struct wm_entries *entries, wm_entry *entry);
    wm_json_iter items;
    wm_span rest;
    bool typed; // SentencePiece's: `first` are the ids of the first three, `offset` is for others
    const uint8_t *first;
    uint32_t offset, count;
} wm_entries;

wm_entries wm_entries_of_json(wm_json value); // an object's members, an array's items
wm_entries wm_entries_of_lines(wm_span text);
bool wm_entries_line(wm_entries *entries, wm_entry *entry); // the next one

// model.vocabulary, and model.scores of a Unigram model.
wm_status wm_vocabulary_read(wm_reading *reading, wm_entries entries);

// The merges of a BPE model; its vocabulary and affixes are there.
wm_status wm_merges_read(wm_reading *reading, wm_entries entries);

// model.bytes, from the vocabulary.
void wm_bpe_find_bytes(wm_token_model *model);

// WM_BERT_… of its four flags.
uint32_t wm_bert_options(bool clean, bool ideographs, bool strip, bool lower);

// ByteLevel: a space before the text, GPT-2's pattern.
void wm_splitters_byte_level(wm_tokenizer *tokenizer, bool prefix_space, bool pattern);

// ---- Templates and added tokens -----------------------------------------------------------------

wm_status wm_template_add(wm_reading *reading, wm_template *to, int32_t id, uint32_t type);

// Both templates, two strings: A and B are the texts, c and s are ids[0] and ids[1] (-1: left
// out); from a colon on tokens are of type 1.
wm_status wm_template_set(wm_reading *reading, const char *both, const int32_t *ids);

// Adds a token that is written as a string, or as an object with content and flags; `token` has
// what they do not say. Its id, -1: it has no content.
wm_status wm_added_read(wm_reading *reading, wm_json value, wm_added_token token, bool update,
                        int32_t *id);

// The same for each item of an array or member of an object.
wm_status wm_added_read_all(wm_reading *reading, wm_json list, wm_added_token token, bool update);

#endif
