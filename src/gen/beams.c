// SPDX-License-Identifier: MIT OR Apache-2.0
#include "beams.h"

#include "../base/maths.h"

wm_status wm_beams_init(wm_beams *beams, wm_sampler *sampler, const int32_t *prompt,
                        wm_arena *arena, wm_error *error) {
    uint32_t width = sampler->options.num_beams;
    uint64_t steps = width * WM_MAX(UINT64_C(2), 1 + sampler->rules.eos.n); // so that B are no eos
    size_t room = sampler->limit - sampler->prompt;
    if (steps > (uint64_t)width * sampler->vocabulary || steps > 1 << 20)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "num_beams %u: too many for the vocabulary",
                       (uint64_t)width);
    *beams = (wm_beams){.sampler = sampler,
                        .width = width,
                        .rows = 1,
                        .count = sampler->prompt,
                        .done = !room,
                        .capacity = sampler->limit,
                        .step_count = (uint32_t)steps};
    uint64_t ids = (uint64_t)width * (2 * (uint64_t)sampler->limit + room);
    WM_TRY(WM_ALLOC(arena, beams->ids, ids, error));
    WM_TRY(WM_ALLOC(arena, beams->parents, width, error));
    WM_TRY(WM_ALLOC(arena, beams->scores, width, error));
    WM_TRY(WM_ALLOC(arena, beams->steps, steps, error));
    WM_TRY(WM_ALLOC(arena, beams->hypotheses, width, error));
    beams->spare = beams->ids + width * sampler->limit;
    int32_t *new_ids = beams->spare + width * sampler->limit;
    for (uint32_t b = 0; b < width; b++) {
        beams->hypotheses[b].ids = new_ids + b * room;
        memcpy(wm_beams_ids(beams, b), prompt, sampler->prompt * sizeof *prompt);
        beams->scores[b] = b ? -1e9f : 0; // the first step is the first beam's: all are the same
    }
    return WM_OK;
}

// scores [V] = log_softmax of scores
static wm_status log_softmax(float *scores, size_t V, wm_error *error) {
    uint32_t best;
    WM_TRY(wm_logits_best(scores, V, &best, error));
    double log = wm_logits_log_sum(scores, V, scores[best]);
    for (size_t i = 0; i < V; i++) scores[i] = (float)((double)scores[i] - log);
    return WM_OK;
}

// The best steps from the beams' log-probabilities, best first; of equals the first.
static void best_steps(wm_beams *beams, const float *scores) {
    uint32_t V = beams->sampler->vocabulary, count = 0, most = beams->step_count;
    wm_beam_step *steps = beams->steps;
    for (uint32_t b = 0; b < beams->width; b++) {
        const float *row = scores + (beams->rows == 1 ? 0 : (size_t)b * V);
        for (uint32_t i = 0; i < V; i++) {
            float score = row[i] + beams->scores[b];
            if (count == most && !(score > steps[most - 1].score)) continue;
            uint32_t at = count < most ? count++ : most - 1;
            for (; at && steps[at - 1].score < score; at--) steps[at] = steps[at - 1];
            steps[at] = (wm_beam_step){score, b, (int32_t)i};
        }
    }
}

// What `length` new tokens with this sum of log-probabilities are worth. A penalty without bounds
// makes the divisor 0 or infinite: 0 / 0 and -inf / inf are the sum.
static WM_NOINLINE double worth(const wm_beams *beams, float sum, size_t length) {
    double score = (double)sum / wm_pow((double)length, beams->sampler->options.length_penalty);
    return score == score ? score : (double)sum;
}

// The worst hypothesis; of equals the first.
static uint32_t worst_of(const wm_beams *beams) {
    uint32_t worst = 0;
    for (uint32_t i = 1; i < beams->hypothesis_count; i++)
        if (beams->hypotheses[i].score < beams->hypotheses[worst].score) worst = i;
    return worst;
}

// Adds the beam, `length` new tokens long (its eos among them), to the best B hypotheses, if it is
// one of them. They stay in the order in which they came.
static void add_hypothesis(wm_beams *beams, uint32_t beam, float sum, size_t length,
                           wm_finish finish) {
    wm_hypothesis *all = beams->hypotheses, *last = &all[beams->width - 1];
    size_t prompt = beams->sampler->prompt;
    double score = worth(beams, sum, length);
    if (beams->hypothesis_count < beams->width) {
        last = &all[beams->hypothesis_count++];
    } else {
        wm_hypothesis *worst = &all[worst_of(beams)], leaves = *worst;
        if (!(score > leaves.score)) return;
        memmove(worst, worst + 1, (size_t)(last - worst) * sizeof *worst);
        *last = leaves;
    }
    memcpy(last->ids, wm_beams_ids(beams, beam) + prompt,
           (beams->count - prompt) * sizeof *last->ids);
    if (finish == WM_FINISH_EOS) last->ids[length - 1] = beams->sampler->rules.eos.p[0];
    last->count = length;
    last->score = score;
    last->finish = finish;
}

// Whether no running beam can get better than the worst hypothesis. `best`: of the last step's
// scores.
static bool is_complete(const wm_beams *beams, float best) {
    const wm_generate_options *o = &beams->sampler->options;
    if (beams->hypothesis_count < beams->width) return false;
    if (o->early_stopping == WM_STOP_EARLY) return true;
    bool at_most = o->early_stopping == WM_STOP_NEVER && o->length_penalty > 0;
    size_t length = (at_most ? beams->capacity : beams->count) - beams->sampler->prompt;
    return beams->hypotheses[worst_of(beams)].score >= worth(beams, best, length);
}

// The beams of the next step: B steps that are no eos. Steps that are become hypotheses, if they
// are among the best B.
static void go_on(wm_beams *beams) {
    size_t new_tokens = beams->count - beams->sampler->prompt + 1;
    uint32_t running = 0;
    for (uint32_t i = 0; running < beams->width && i < beams->step_count; i++) {
        const wm_beam_step *step = &beams->steps[i];
        if (wm_sampler_is_eos(beams->sampler, step->id)) {
            if (i < beams->width)
                add_hypothesis(beams, step->beam, step->score, new_tokens, WM_FINISH_EOS);
            continue;
        }
        int32_t *ids = beams->spare + running * beams->capacity;
        memcpy(ids, wm_beams_ids(beams, step->beam), beams->count * sizeof *ids);
        ids[beams->count] = step->id;
        beams->scores[running] = step->score;
        beams->parents[running++] = step->beam;
    }
    int32_t *ids = beams->ids;
    beams->ids = beams->spare;
    beams->spare = ids;
    beams->count++;
}

wm_status wm_beams_next(wm_beams *beams, float *logits, wm_error *error) {
    size_t V = beams->sampler->vocabulary;
    if (beams->done) return wm_fail(error, WM_ERROR_STATE, 0, "beam search: the search is over");
    for (uint32_t b = 0; b < beams->rows; b++) {
        WM_TRY(log_softmax(logits + b * V, V, error));
        wm_sampler_process(beams->sampler, logits + b * V, wm_beams_ids(beams, b), beams->count);
    }
    best_steps(beams, logits);
    float best = beams->steps[0].score;
    bool possible = best > -WM_INFINITY && best < WM_INFINITY;
    if (!possible && !beams->hypothesis_count) return wm_logits_fail(error);
    if (possible) go_on(beams);
    beams->rows = beams->width;
    beams->complete = !possible || is_complete(beams, best);
    beams->done = beams->complete || beams->count == beams->capacity;
    return WM_OK;
}

void wm_beams_finish(wm_beams *beams) {
    size_t length = beams->count - beams->sampler->prompt;
    for (uint32_t b = 0; length && !beams->complete && b < beams->width; b++)
        if (beams->scores[b] > -WM_INFINITY)
            add_hypothesis(beams, b, beams->scores[b], length, WM_FINISH_LENGTH);
    beams->done = beams->complete = true;
    // Best first; of equals the one that was added last, as transformers takes them.
    for (uint32_t i = 1; i < beams->hypothesis_count; i++) {
        wm_hypothesis hypothesis = beams->hypotheses[i];
        uint32_t at = i;
        for (; at && beams->hypotheses[at - 1].score <= hypothesis.score; at--)
            beams->hypotheses[at] = beams->hypotheses[at - 1];
        beams->hypotheses[at] = hypothesis;
    }
}
