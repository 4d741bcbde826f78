// SPDX-License-Identifier: MIT OR Apache-2.0
// What a repository's sentence-transformers files say of turning hidden states into one vector.
#ifndef WM_SENTENCE_H
#define WM_SENTENCE_H

#include "../models/model.h"

typedef enum wm_step_kind { WM_STEP_POOL, WM_STEP_DENSE, WM_STEP_NORMALIZE } wm_step_kind;

typedef struct wm_step {
    wm_step_kind kind;
    uint32_t width;      // of the vector after this step
    uint32_t pools;      // POOL: bit 1 << wm_pool each; several are laid side by side in that order
    bool without_prompt; // POOL: the prompt's tokens are left out
    wm_matrix dense;     // DENSE
    wm_activation activation;
} wm_step;

typedef struct wm_prompt {
    wm_span name, text;
} wm_prompt;

enum { WM_MAX_STEPS = 16 };

typedef struct wm_sentence {
    const wm_source *files; // of the transformer itself: those under its folder, else all
    size_t file_count;
    bool strip, lower;   // of the text, before the tokenizer
    bool without_config; // StaticEmbedding's files hold no config.json
    uint32_t max_length; // tokens; 0: the files do not say
    const wm_prompt *prompts;
    uint32_t prompt_count;
    const wm_prompt *default_prompt; // NULL: none
    uint32_t step_count;
    wm_step steps[WM_MAX_STEPS];
} wm_sentence;

// Reads modules.json and what it names, sentence_*_config.json, config_sentence_transformers.json.
// Without modules.json: 1_Pooling/config.json if there is one, else the mean. Dense weights are
// read in place; everything allocated is `arena`'s.
wm_status wm_sentence_open(wm_sentence *sentence, const wm_source *files, size_t file_count,
                           wm_arena *arena, wm_error *error);

// *activation = the torch.nn module called `name`, by the last part of it; false: not supported.
bool wm_sentence_activation(wm_span name, wm_activation *activation);

// Checks and fills the widths of all steps, for hidden states of `width`.
wm_status wm_sentence_fit(wm_sentence *sentence, uint32_t width, wm_error *error);

// The text of the prompt called `name` (p NULL: the default one, or nothing).  Errors: ARG.
wm_status wm_sentence_prompt(const wm_sentence *sentence, wm_span name, wm_span *text,
                             wm_error *error);

#endif
