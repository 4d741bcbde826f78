// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sampler.h"

#include "../base/maths.h"

// ---- A sampler and its memory -------------------------------------------------------------------

static wm_status check_ids(const char *name, const int32_t *ids, size_t count, size_t vocabulary,
                           wm_error *error) {
    for (size_t i = 0; i < count; i++)
        if (ids[i] < 0 || (size_t)ids[i] >= vocabulary)
            return wm_fail(error, WM_ERROR_ARG, 0, "%z: token id %d, the vocabulary has %u", name,
                           (int64_t)ids[i], (uint64_t)vocabulary);
    return WM_OK;
}

wm_status wm_sampler_init(wm_sampler *sampler, const wm_generate_options *options,
                          const wm_token_rules *rules, size_t vocabulary, wm_arena *arena,
                          wm_error *error) {
    *sampler = (wm_sampler){.vocabulary = (uint32_t)vocabulary};
    wm_generate_options *o = &sampler->options;
    WM_TRY(wm_generate_options_read(o, options, error));
    if (rules) sampler->rules = *rules;
    if (o->eos_ids) {
        WM_TRY(check_ids("eos_ids", o->eos_ids, o->eos_count, vocabulary, error));
        sampler->rules.eos = (wm_ids){o->eos_ids, o->eos_count};
    }
    for (size_t i = 0; i < o->sequence_bias_count; i++) {
        const wm_sequence_bias *bias = &o->sequence_bias[i];
        WM_TRY(check_ids("sequence_bias", bias->ids, bias->count, vocabulary, error));
        if (!bias->count || !(bias->bias <= 3e38f))
            return wm_fail(error, WM_ERROR_ARG, 0,
                           "sequence_bias: expected ids and a number below infinity");
    }
    if (o->repetition_penalty != 1 || o->presence_penalty != 0 || o->frequency_penalty != 0) {
        WM_TRY(WM_ALLOC(arena, sampler->seen, vocabulary, error));
        memset(sampler->seen, 0, vocabulary * sizeof *sampler->seen);
    }
    if (o->do_sample == WM_ON) WM_TRY(WM_ALLOC(arena, sampler->candidates, vocabulary, error));
    wm_sampler_begin(sampler, 0, 0, 0);
    return WM_OK;
}

void wm_sampler_begin(wm_sampler *sampler, size_t prompt, size_t room, uint32_t stream) {
    size_t most = sampler->options.max_new_tokens;
    sampler->prompt = prompt;
    sampler->limit = prompt + (most && most < room ? most : room);
    sampler->stream = stream;
}

bool wm_sampler_is_eos(const wm_sampler *sampler, int32_t id) {
    for (size_t i = 0; i < sampler->rules.eos.n; i++)
        if (sampler->rules.eos.p[i] == id) return true;
    return false;
}

wm_finish wm_sampler_finish(const wm_sampler *sampler, const int32_t *ids, size_t count) {
    if (count > sampler->prompt && wm_sampler_is_eos(sampler, ids[count - 1])) return WM_FINISH_EOS;
    return count >= sampler->limit ? WM_FINISH_LENGTH : WM_FINISH_NONE;
}

// ---- Processors ---------------------------------------------------------------------------------

static void add_bias(const wm_sampler *s, float *scores, const int32_t *ids, size_t count) {
    for (size_t i = 0; i < s->options.sequence_bias_count; i++) {
        const wm_sequence_bias *bias = &s->options.sequence_bias[i];
        size_t before = bias->count - 1; // transformers wants one more to be there
        if (before &&
            (before >= count || memcmp(ids + count - before, bias->ids, before * sizeof *ids)))
            continue;
        scores[bias->ids[before]] += bias->bias;
    }
}

// The repetition penalty counts all tokens, the other two the generated ones (after which OpenAI's
// API and vLLM name and define them).
static void penalize(const wm_sampler *s, float *scores, const int32_t *ids, size_t count) {
    const uint32_t present = UINT32_C(1) << 31; // below it, how often it was generated
    float repetition = (float)s->options.repetition_penalty,
          presence = (float)s->options.presence_penalty,
          frequency = (float)s->options.frequency_penalty;
    for (size_t i = 0; i < count; i++)
        if ((uint32_t)ids[i] < s->vocabulary)
            s->seen[ids[i]] = (s->seen[ids[i]] | present) + (i >= s->prompt);
    for (size_t i = 0; i < count; i++) {
        if ((uint32_t)ids[i] >= s->vocabulary || !s->seen[ids[i]]) continue;
        float *score = &scores[ids[i]];
        uint32_t times = s->seen[ids[i]] & ~present;
        *score = *score < 0 ? *score * repetition : *score / repetition;
        if (times) *score -= (float)times * frequency + presence;
        s->seen[ids[i]] = 0;
    }
}

static void ban(const wm_sampler *s, float *scores, int32_t id) {
    if ((uint32_t)id < s->vocabulary) scores[id] = -WM_INFINITY;
}

static void ban_all(const wm_sampler *s, float *scores, wm_ids ids) {
    for (size_t i = 0; i < ids.n; i++) ban(s, scores, ids.p[i]);
}

static void ban_ngrams(const wm_sampler *s, float *scores, const int32_t *ids, size_t count) {
    size_t n = s->options.no_repeat_ngram_size;
    if (!n) return;
    for (size_t i = 0; i + n <= count; i++)
        if (!memcmp(ids + i, ids + count - (n - 1), (n - 1) * sizeof *ids))
            ban(s, scores, ids[i + n - 1]);
}

static void force(const wm_sampler *s, float *scores, wm_ids ids) {
    if (!ids.n) return;
    for (size_t i = 0; i < s->vocabulary; i++) scores[i] = -WM_INFINITY;
    for (size_t i = 0; i < ids.n; i++)
        if ((uint32_t)ids.p[i] < s->vocabulary) scores[ids.p[i]] = 0;
}

void wm_sampler_process(wm_sampler *sampler, float *scores, const int32_t *ids, size_t count) {
    const wm_generate_options *o = &sampler->options;
    const wm_token_rules *rules = &sampler->rules;
    add_bias(sampler, scores, ids, count);
    if (sampler->seen) penalize(sampler, scores, ids, count);
    ban_ngrams(sampler, scores, ids, count);
    if (o->min_new_tokens ? count - sampler->prompt < o->min_new_tokens : count < o->min_length)
        ban_all(sampler, scores, rules->eos);
    if (count == 1) force(sampler, scores, rules->forced_bos);
    if (count + 1 == sampler->limit) force(sampler, scores, rules->forced_eos);
    ban_all(sampler, scores, rules->suppress);
    bool bos = sampler->prompt == 1 && rules->forced_bos.n; // then the text begins after it
    if (count == sampler->prompt + bos) ban_all(sampler, scores, rules->begin_suppress);
}

// ---- Warpers: each cuts the list of candidates --------------------------------------------------

// Floats in their order, larger first.
static uint32_t order_of(float score) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

// The score, as order_of, at which the weights of the best candidates reach `target`; *above: the
// weight of those with better scores. Four passes, a byte of the score each, for any scores.
static uint32_t find_cut(const wm_sampler *s, double target, double *above) {
    uint32_t cut = 0, mask = 0;
    *above = 0;
    for (uint32_t shift = 32; shift;) {
        shift -= 8;
        double weights[256] = {0};
        for (const wm_candidate *c = s->candidates; c < s->end; c++) {
            uint32_t order = order_of(c->score);
            if ((order & mask) == cut) weights[order >> shift & 255] += (double)c->weight;
        }
        uint32_t digit = 255;
        while (digit && *above + weights[digit] < target) *above += weights[digit--];
        cut |= digit << shift;
        mask |= UINT32_C(255) << shift;
    }
    return cut;
}

// Keeps the best candidates, as many as it takes for their weights to reach `target`. Of those that
// are equal to the last of them: all, or as many as it takes, the lowest ids first.
static void keep_best(wm_sampler *s, double target, bool equals) {
    double sum;
    uint32_t cut = find_cut(s, target, &sum);
    wm_candidate *kept = s->candidates;
    for (const wm_candidate *c = kept; c < s->end; c++) {
        uint32_t order = order_of(c->score);
        if (order < cut || (order == cut && !equals && sum >= target)) continue;
        if (order == cut) sum += (double)c->weight;
        *kept++ = *c;
    }
    s->end = kept;
}

static double total_weight(const wm_sampler *s) {
    double total = 0;
    for (const wm_candidate *c = s->candidates; c < s->end; c++) total += (double)c->weight;
    return total;
}

static void keep_likely(wm_sampler *s, float lowest) {
    wm_candidate *kept = s->candidates;
    for (const wm_candidate *c = kept; c < s->end; c++)
        if (c->weight >= lowest) *kept++ = *c;
    s->end = kept;
}

// Those whose information, -log p, is nearest to the entropy, which is its mean: the log of the sum
// of weights is in both and falls out.  Meister et al., "Locally Typical Sampling".
static void keep_typical(wm_sampler *s) {
    double total = total_weight(s), mean = 0;
    for (const wm_candidate *c = s->candidates; c < s->end; c++)
        mean += (double)c->score * (double)c->weight / total;
    for (wm_candidate *c = s->candidates; c < s->end; c++)
        c->score = 0 - __builtin_fabsf((float)((double)c->score - mean));
    keep_best(s, s->options.typical_p * total, true);
}

// ---- The next token -----------------------------------------------------------------------------

// An even hash of 64 bits to 64 (the finish of SplitMix64; Steele, Lea, Flood 2014).
static uint64_t mix64(uint64_t x) {
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

// In [0, 1), 53 bits.
static double uniform(uint64_t seed, uint64_t stream, uint64_t step) {
    const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t bits = mix64(mix64(mix64(seed + golden) + stream * golden) + (step + 1) * golden);
    return (double)(bits >> 11) * 0x1p-53;
}

static int32_t draw_one(const wm_sampler *s, double u) {
    double sum = 0, target = u * total_weight(s);
    int32_t last = 0;
    for (const wm_candidate *c = s->candidates; c < s->end && sum <= target; c++) {
        sum += (double)c->weight;
        if (c->weight > 0) last = c->id;
    }
    return last;
}

static void filter(wm_sampler *s, const float *logits, float temperature, float max) {
    const wm_generate_options *o = &s->options;
    s->end = s->candidates;
    for (uint32_t id = 0; id < s->vocabulary; id++) {
        float score = logits[id] / temperature + 0.0f; // no -0: it is equal to 0, but not its bits
        if (score > -WM_INFINITY) *s->end++ = (wm_candidate){score, 1, (int32_t)id};
    }
    if (o->top_k && o->top_k < s->vocabulary) keep_best(s, o->top_k, true);
    for (wm_candidate *c = s->candidates; c < s->end; c++)
        c->weight = (float)wm_exp((double)c->score - (double)max);
    if (o->top_p < 1) keep_best(s, o->top_p * total_weight(s), false);
    if (o->min_p > 0) keep_likely(s, (float)o->min_p);
    if (o->typical_p < 1) keep_typical(s);
}

wm_status wm_logits_fail(wm_error *error) {
    return wm_fail(error, WM_ERROR_NUMERIC, 0, "logits: NaN, infinity, or no token left to choose");
}

WM_NOINLINE wm_status wm_logits_best(const float *logits, size_t V, uint32_t *at, wm_error *error) {
    float best = -WM_INFINITY;
    bool numbers = true;
    *at = 0;
    for (size_t i = 0; i < V; i++) {
        numbers &= logits[i] < WM_INFINITY;
        if (logits[i] > best) best = logits[i], *at = (uint32_t)i;
    }
    return numbers && best > -WM_INFINITY ? WM_OK : wm_logits_fail(error);
}

WM_NOINLINE double wm_logits_log_sum(const float *logits, size_t V, float best) {
    double sum = 0;
    for (size_t i = 0; i < V; i++) sum += wm_exp((double)logits[i] - (double)best);
    return (double)best + wm_log(sum);
}

wm_status wm_sampler_next(wm_sampler *sampler, float *logits, const int32_t *ids, size_t count,
                          int32_t *id, wm_error *error) {
    uint32_t best;
    wm_sampler_process(sampler, logits, ids, count);
    WM_TRY(wm_logits_best(logits, sampler->vocabulary, &best, error));
    *id = (int32_t)best;
    // A temperature too low for f32 leaves the best token alone.
    float temperature = (float)sampler->options.temperature, max = logits[best] / temperature;
    if (!sampler->candidates || !(max < WM_INFINITY && max > -WM_INFINITY)) return WM_OK;
    filter(sampler, logits, temperature, max);
    *id =
        draw_one(sampler, uniform(sampler->options.seed, sampler->stream, count - sampler->prompt));
    return WM_OK;
}
