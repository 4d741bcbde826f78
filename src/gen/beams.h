// SPDX-License-Identifier: MIT OR Apache-2.0
// Beam search: which beams go on with which tokens, and the sequences that come of it. The model
// runs elsewhere; its logits come in, and the rows of its caches are to be moved as `parents` says.
// As transformers' BeamSearchScorer.   B: num_beams
#ifndef WM_BEAMS_H
#define WM_BEAMS_H

#include "sampler.h"

typedef struct wm_beam_step {
    float score; // sum of log-probabilities
    uint32_t beam;
    int32_t id;
} wm_beam_step;

typedef struct wm_hypothesis {
    int32_t *ids; // the new tokens, [max_new_tokens]
    size_t count;
    double score; // score of the beam / count ^ length_penalty
    wm_finish finish;
} wm_hypothesis;

typedef struct wm_beams {
    wm_sampler *sampler; // its processors and options
    uint32_t width;      // B
    // Rows of logits that the next step wants: 1 at first, as all beams are the prompt, then B.
    uint32_t rows;
    uint32_t *parents; // [B] of each beam, the beam of the last step that it goes on from
    // [B, capacity] prompt and new tokens; the last one is what the model has yet to see
    int32_t *ids;
    size_t count;              // of each beam's ids
    bool done;                 // no further step
    wm_hypothesis *hypotheses; // [B]; after wm_beams_finish the best comes first
    uint32_t hypothesis_count; // after wm_beams_finish B, or all the sequences that there can be

    int32_t *spare; // private from here
    size_t capacity;
    float *scores;
    wm_beam_step *steps;
    uint32_t step_count;
    bool complete; // no running beam can do better
} wm_beams;

// Begins at a prompt of at least one token, with a sampler that wm_sampler_begin has told of it and
// whose limit is finite. Memory: 12 B bytes a token, prompt included.
// Errors: LIMIT (more beams than the vocabulary can fill), NOMEM.
wm_status wm_beams_init(wm_beams *beams, wm_sampler *sampler, const int32_t *prompt,
                        wm_arena *arena, wm_error *error);

// One step. logits [rows, V]: of each beam's next token; they are changed.
// Errors: NUMERIC (NaN or +infinity among the logits; no token left).
wm_status wm_beams_next(wm_beams *beams, float *logits, wm_error *error);

// After the last step, or earlier if the caller wants what there is.
void wm_beams_finish(wm_beams *beams);

static inline int32_t *wm_beams_ids(const wm_beams *beams, uint32_t beam) {
    return beams->ids + beam * beams->capacity;
}

#endif
