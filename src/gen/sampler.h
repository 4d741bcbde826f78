// SPDX-License-Identifier: MIT OR Apache-2.0
// From logits to the next token: transformers' logits processors and warpers in generate()'s order,
// then the best token or a draw. Knows logits and ids, no model. V: the size of the vocabulary.
#ifndef WM_SAMPLER_H
#define WM_SAMPLER_H

#include "../base/arena.h"
#include "../base/json.h"

#define WM_LIMIT_SEQUENCES 128u // beams, or drawn ones
#define WM_LIMIT_STOPS 256u
#define WM_LIMIT_STOP_BYTES 4096u

// `to` = `from` (NULL: all defaults), checked but for its token ids, with no default left in it:
// temperature, top_p, typical_p, repetition_penalty and length_penalty are 1 where nothing is
// asked, num_beams and num_return_sequences at least 1, do_sample WM_ON or WM_OFF. Errors: ARG,
// LIMIT.
wm_status wm_generate_options_read(wm_generate_options *to, const wm_generate_options *from,
                                   wm_error *error);

// What the model's own files say of its tokens: generation_config.json, else config.json.
typedef struct wm_ids {
    const int32_t *p;
    size_t n;
} wm_ids;

typedef struct wm_token_rules {
    wm_ids eos;
    wm_ids start;                    // where a decoder that attends to an encoder begins
    wm_ids suppress, begin_suppress; // never; not as the first new token
    wm_ids forced_bos, forced_eos;   // the only tokens after a prompt of one token; as the last one
} wm_token_rules;

// Reads them from a checked JSON object: eos_token_id, decoder_start_token_id, suppress_tokens,
// begin_suppress_tokens, forced_bos_token_id, forced_eos_token_id, each a number, a list or null;
// keys that are absent leave what is there. Ids are copied to the arena. `file` names the object in
// errors. Errors: FORMAT (no id, or one outside [0, V)), NOMEM.
wm_status wm_token_rules_read(wm_token_rules *rules, wm_json object, const char *file,
                              size_t vocabulary, wm_arena *arena, wm_error *error);

typedef struct wm_candidate {
    float score;  // the logit after all processors and the temperature; for typical_p its nearness
    float weight; // its probability, not normalised
    int32_t id;
} wm_candidate;

typedef struct wm_sampler {
    uint32_t vocabulary;
    uint32_t *seen;           // [V], zero between calls; NULL where nothing penalises repetition
    wm_candidate *candidates; // [V], in ascending order of id; NULL if greedy
    wm_candidate *end;        // of the last draw's candidates
    size_t prompt, limit;     // tokens of the prompt; at most, prompt and new ones together
    uint32_t stream;
    wm_token_rules rules;        // eos: the options' where they give some
    wm_generate_options options; // as wm_generate_options_read leaves them
} wm_sampler;

// Everything that the steps need is allocated here, at most 16 V bytes. What `options` and `rules`
// point to must live as long as the sampler.  Errors: ARG (ids outside [0, V)), NOMEM.
wm_status wm_sampler_init(wm_sampler *sampler, const wm_generate_options *options,
                          const wm_token_rules *rules, size_t vocabulary, wm_arena *arena,
                          wm_error *error);

// Starts a sequence: `prompt` tokens are there, `room` more fit in the context. `stream` numbers
// the sequences that are drawn from one seed.
void wm_sampler_begin(wm_sampler *sampler, size_t prompt, size_t room, uint32_t stream);

// *id = the token after ids [count], from logits [V], which are changed.
// A draw depends on the logits, the seed, the stream and the number of new tokens, on nothing else:
// u in [0, 1) is a hash of these three, and the token is the first, in ascending order of id, at
// which the sum of the probabilities passes u. (Inverting the distribution takes one number and one
// pass; Gumbel noise would take a logarithm for each candidate.)
// Errors: NUMERIC (NaN or +infinity among the logits; no token left).
wm_status wm_sampler_next(wm_sampler *sampler, float *logits, const int32_t *ids, size_t count,
                          int32_t *id, wm_error *error);

// The first half of it: the processors alone, on the logits of greedy search and of draws, on the
// log-probabilities of beams.
void wm_sampler_process(wm_sampler *sampler, float *scores, const int32_t *ids, size_t count);

// Whether ids [count], the last of them just generated, are complete: EOS, LENGTH or NONE.
wm_finish wm_sampler_finish(const wm_sampler *sampler, const int32_t *ids, size_t count);

bool wm_sampler_is_eos(const wm_sampler *sampler, int32_t id);
wm_status wm_logits_fail(wm_error *error); // NUMERIC

// *at = the best of logits [V], the first of equals.  Errors: NUMERIC (NaN or +infinity among them,
// or all -infinity).
wm_status wm_logits_best(const float *logits, size_t V, uint32_t *at, wm_error *error);

// The logarithm of Σ exp(logits [V]), of which `best` is the largest.
double wm_logits_log_sum(const float *logits, size_t V, float best);

#endif
