// SPDX-License-Identifier: MIT OR Apache-2.0
// What the readers of tokenizer.json and of the older files share.
#ifndef WM_TOKENIZER_READ_H
#define WM_TOKENIZER_READ_H

#include "../base/json.h"
#include "tokenizer.h"

enum { WM_WORDPIECE_CHARACTERS = 1 << 16, WM_TEMPLATE_STEPS = 64 };

typedef struct wm_reading {
    wm_tokenizer *tokenizer;
    const char *file; // for errors
    wm_error *error;
    uint8_t *strings; // room for decoded strings
    size_t strings_left;
} wm_reading;

// "FILE: WHAT", and in quotes `name` where it is not NULL.
wm_status wm_reading_fail(const wm_reading *reading, wm_status status, const char *what,
                          const wm_span *name);

// A JSON string that lives as long as the tokenizer: a view of the file where it has no escapes.
wm_status wm_reading_string(wm_reading *reading, wm_json string, wm_span *to);

// model.vocabulary from an object of pieces and ids.
wm_status wm_reading_vocabulary(wm_reading *reading, const wm_json *object);

// The next step of a chain.
wm_status wm_reading_normalizer(wm_reading *reading, wm_normalizer step);
wm_status wm_reading_splitter(wm_reading *reading, wm_splitter step);
wm_status wm_reading_decoder(wm_reading *reading, wm_decoder step);

// Merges: "a b" cut at its one space; two pieces' ids and their merge's.
bool wm_merge_split(wm_span line, wm_span *sides);
wm_status wm_merge_read(wm_reading *reading, const wm_span *sides, wm_merge *merge);

// model.bytes, from the vocabulary.
void wm_bpe_find_bytes(wm_token_model *model);

// Templates, built step by step.
typedef struct wm_template_list {
    wm_template_step steps[WM_TEMPLATE_STEPS];
    uint32_t count;
} wm_template_list;

wm_status wm_template_add(wm_reading *reading, wm_template_list *list, int32_t id, uint8_t type);
wm_status wm_template_keep(wm_reading *reading, const wm_template_list *list, wm_template *to);

// Both templates: A and A B; cls A sep and cls A sep (sep, if `twice`) B sep, B of type `second`.
wm_status wm_template_plain(wm_reading *reading);
wm_status wm_template_cls_sep(wm_reading *reading, int32_t cls, int32_t sep, bool twice,
                              uint8_t second);

// Appends the added token with this content (a string) and the flags of `object`.
wm_status wm_added_read(wm_reading *reading, const wm_json *content, const wm_json *object);

#endif
