// SPDX-License-Identifier: MIT OR Apache-2.0
// A pipeline's parts: between the files of this folder alone.
#ifndef WM_PIPELINE_H
#define WM_PIPELINE_H

#include "../gen/sampler.h"
#include "../token/text.h"
#include "sentence.h"

// Texts that run through the model side by side: as many as have this many tokens together. Their
// weights are then read once; each text's vector is the same alone.
enum { GROUP_TOKENS = 256, GROUP_TEXTS = 32 };

// The largest fields last: the offsets of the others are short numbers in the wasm.
struct wm_pipeline {
    wm_budget budget;
    wm_allocator allocator; // on the budget; everything but this struct comes from it
    wm_arena arena;
    wm_tokenizer *tokenizer;
    wm_model *model;
    wm_session *session;
    uint32_t max_tokens; // by the files
    uint32_t dim;
    int32_t *remembered; // [remembered_room] ids whose keys and values lane 0 of the session holds
    size_t remembered_count, remembered_room;
    const wm_span *labels;          // [labels] names, of a CLASSIFY or TAG head
    wm_activation classify, rerank; // how a CLASSIFY head's logits become scores …
    bool softmax;                   // … or `classify` is a softmax
    int32_t decoder_start;          // -1: none
    float *vectors[2];              // [widest step] each: a step's input and output
    wm_array chat;                  // the last chat prompt
    wm_arena results;               // of the last predictions
    wm_arena memory;                // of `remembered`
    const char *pooling;
    uint64_t model_bytes;
    wm_token_rules rules; // of generation, as the files say
    wm_sentence sentence;
    wm_encoding encodings[GROUP_TEXTS];
};

// Fills rules and decoder_start from generation_config.json, else config.json; nothing for an
// encoder.
wm_status wm_pipeline_read_rules(wm_pipeline *pipeline, wm_error *error);

// Fills labels, classify, rerank and softmax from config.json, as the head needs them.
wm_status wm_pipeline_read_head(wm_pipeline *pipeline, wm_error *error);

// *text = a string of tokenizer_config.json, else of special_tokens_map.json, in p->results; a
// token's content, the default one of several chat templates; {NULL, 0}: not given.
wm_status wm_pipeline_setting(wm_pipeline *pipeline, const char *key, wm_span *text,
                              wm_error *error);

// *to = the caller's options, zeros beyond what the caller's version of the struct holds.
void wm_options_read(void *to, size_t size, const void *from);

// Runs the first `count` encodings; hidden: their states, one text after another.
wm_status wm_pipeline_run(wm_pipeline *pipeline, size_t count, const float **hidden,
                          wm_error *error);

// *root = the checked text of the file `name`; absent where there is no such file.
wm_status wm_pipeline_json(wm_pipeline *pipeline, const char *name, wm_json *root, wm_error *error);

// LIMIT in the place of NOMEM where it was the caller's max_bytes that refused.
wm_status wm_pipeline_within_budget(wm_pipeline *pipeline, wm_status status, wm_error *error);

// Tokenizes into the first encoding, within the budget.
wm_status wm_pipeline_encode(wm_pipeline *pipeline, wm_span text, const wm_encode_options *options,
                             wm_error *error);

wm_span wm_python_strip(const wm_pipeline *pipeline, wm_span text); // str.strip()

#endif
