#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes what transformers makes of random logits: one JSON object a line.

    pip install transformers==4.40.2 torch==1.13.1 numpy
    python3 tools/make_gen_vectors.py samplers > tests/vectors/samplers.jsonl
    python3 tools/make_gen_vectors.py searches > tests/vectors/searches.jsonl
    python3 tools/make_gen_vectors.py samplers --cases 3000 --vocabulary 3000   (what verify/gen.sh does)

samplers: the scores after generate()'s logits processors, and the tokens that its warpers keep, with their scores.
searches: the sequences of greedy and beam search over a toy language model, whose logits are the row
(5 · last id + number of ids) mod rows of a table.

Two things are not in transformers 4.40.2 and are added to its lists here: min_p, as later versions have it
(after top_p), and OpenAI's presence and frequency penalties (after repetition_penalty).
Left out are draws of parameters in which a sum comes within 1e-5 of its threshold, which f32 decides by chance
(or in which it decides otherwise than f64 for another reason),
and those in which top_p cuts between equal scores, or beams have equal ones: torch's order of them is not defined.
"""

import argparse
import json
import random

import torch
import transformers
from transformers import GenerationConfig, PretrainedConfig, PreTrainedModel
from transformers.generation.logits_process import (
    LogitsProcessor,
    LogitsProcessorList,
    TypicalLogitsWarper,
)
from transformers.generation.utils import GenerationMixin
from transformers.modeling_outputs import CausalLMOutput

transformers.logging.set_verbosity_error()

ROWS = 29  # prime and above the vocabulary of the searches: no two ids share a row


class CountPenalty(LogitsProcessor):
    def __init__(self, presence, frequency, prompt):
        self.presence, self.frequency, self.prompt = presence, frequency, prompt

    def __call__(self, ids, scores):
        counts = torch.bincount(ids[0, self.prompt :], minlength=scores.shape[1]).to(scores.dtype)
        return scores - torch.where(counts > 0, counts * self.frequency + self.presence, torch.zeros(()))


class MinP(LogitsProcessor):
    def __init__(self, min_p):
        self.min_p = min_p

    def __call__(self, ids, scores):
        p = scores.softmax(-1)
        return scores.masked_fill(p < self.min_p * p.amax(-1, keepdim=True), -float("inf"))


HF_KEYS = (
    "min_new_tokens min_length temperature top_k top_p typical_p repetition_penalty no_repeat_ngram_size "
    "num_beams length_penalty early_stopping num_return_sequences eos_token_id suppress_tokens "
    "begin_suppress_tokens forced_bos_token_id forced_eos_token_id"
).split()


def configuration(options, prompt):
    config = GenerationConfig(top_k=0)
    for key in HF_KEYS:
        if key in options:
            setattr(config, key, options[key])
    if isinstance(config.eos_token_id, int):
        config.eos_token_id = [config.eos_token_id]
    bias = {tuple(ids): value for ids, value in options.get("sequence_bias", []) if value != -float("inf")}
    banned = [ids for ids, value in options.get("sequence_bias", []) if value == -float("inf")]
    config.sequence_bias, config.bad_words_ids = bias or None, banned or None
    config.max_length = prompt + options["max_new_tokens"]
    if "min_new_tokens" in options:  # generate() lets it take precedence
        config.min_length = prompt + options["min_new_tokens"]
    return config


def processors(options, prompt):
    config = configuration(options, prompt)
    made = GenerationMixin()._get_logits_processor(
        config, prompt, None, prefix_allowed_tokens_fn=None, logits_processor=LogitsProcessorList()
    )
    if "presence_penalty" in options or "frequency_penalty" in options:
        penalty = CountPenalty(options.get("presence_penalty", 0), options.get("frequency_penalty", 0), prompt)
        names = [type(p).__name__ for p in made]
        at = sum(name in ("SequenceBiasLogitsProcessor", "RepetitionPenaltyLogitsProcessor") for name in names)
        made.insert(at, penalty)
    return made


def warpers(options, prompt):
    made = GenerationMixin()._get_logits_warper(configuration(options, prompt))
    if "min_p" in options:
        at = len(made) - any(isinstance(w, TypicalLogitsWarper) for w in made)
        made.insert(at, MinP(options["min_p"]))
    return made


def draw_options(draw, V, searches):
    """A handful of options at once, each with a chance of its own."""
    options = {"max_new_tokens": draw.choice([6, 12])}

    def maybe(chance, key, value):
        if draw.random() < chance:
            options[key] = value

    some = lambda low, high: [draw.randrange(V) for _ in range(draw.randint(low, high))]
    maybe(0.8, "eos_token_id", draw.choice([draw.randrange(V), draw.sample(range(V), 2), draw.sample(range(V), 3)]))
    maybe(0.3, "repetition_penalty", draw.choice([1.1, 1.3, 0.8, 2.0]))
    maybe(0.2, "presence_penalty", draw.choice([0.5, 1.5, -0.5]))
    maybe(0.2, "frequency_penalty", draw.choice([0.25, 1.0]))
    maybe(0.3, "no_repeat_ngram_size", draw.randint(1, 4))
    maybe(0.2, "min_length", draw.randint(1, 12))
    maybe(0.2, "min_new_tokens", draw.randint(1, 8))
    maybe(0.1, "suppress_tokens", some(1, 4))
    maybe(0.1, "begin_suppress_tokens", some(1, 4))
    maybe(0.1, "forced_bos_token_id", draw.randrange(V))
    if "eos_token_id" in options:
        maybe(0.1, "forced_eos_token_id", options["eos_token_id"])
    if draw.random() < 0.3:
        biases = {}
        for _ in range(draw.randint(1, 4)):
            ids = some(1, 3)
            if all(ids[-1] != other[-1] for other in biases):  # sums would be rounded in another order
                biases[tuple(ids)] = draw.choice([-float("inf"), 1.5, -2.0, 10.0])
        options["sequence_bias"] = [[list(ids), value] for ids, value in biases.items()]
        options["sequence_bias"] = [b for b in options["sequence_bias"] if len(b[0]) > 1 or b[1] > -1e9 or b[0][0] % 2]
        eos = options.get("eos_token_id", [])
        eos = eos if isinstance(eos, list) else [eos]  # transformers drops bad words that are an eos
        options["sequence_bias"] = [b for b in options["sequence_bias"] if len(b[0]) > 1 or b[0][0] not in eos]
    if searches:
        return options
    options["do_sample"] = True
    maybe(0.5, "temperature", draw.choice([0.3, 0.7, 1.0, 1.7]))
    maybe(0.5, "top_k", draw.choice([1, 2, 5, 10, V - 1, V, 2 * V]))
    maybe(0.5, "top_p", draw.choice([0.05, 0.3, 0.5, 0.9, 0.95, 0.999, 1.0]))
    maybe(0.3, "min_p", draw.choice([0.01, 0.1, 0.5, 1.0]))
    maybe(0.3, "typical_p", draw.choice([0.1, 0.5, 0.9, 0.99]))
    return options


def is_close(options, prompt, ids, scores):
    """Whether small changes of the thresholds change what is kept, or the order of equal scores does."""
    left = (warpers(options, prompt)(ids, scores) > -float("inf"))[0]
    if set(scores[0, left].tolist()) & set(scores[0, ~left].tolist()) - {-float("inf")}:
        return True
    exact = warpers(options, prompt)(ids, scores.double())
    kept = {tuple((exact > -float("inf"))[0].tolist())}
    for step in (-1e-5, 0, 1e-5):
        near = dict(options)
        for key in ("top_p", "min_p", "typical_p"):
            if key in near:
                near[key] = min(max(near[key] + step, 1e-9), 1.0) if near[key] < 1 else near[key]
        if near.get("min_p") == 1.0:
            near["min_p"] = 1.0 - 1e-7
        kept.add(tuple((warpers(near, prompt)(ids, scores) > -float("inf"))[0].tolist()))
    return len(kept) > 1


def numbers(tensor):
    """f32 in as few digits as give it back."""
    return [float(str(v)) for v in tensor.numpy()]


def samplers(draw, cases, V):
    made = 0
    while made < cases:
        options = draw_options(draw, V, False)
        prompt = draw.randint(1, 6)
        count = prompt + draw.randrange(options["max_new_tokens"])
        few = draw.choice([3, V])  # few different ids: n-grams and sequences do occur
        ids = torch.tensor([[draw.randrange(few) for _ in range(count)]])
        logits = torch.randn(1, V) * draw.choice([1, 3])
        if draw.random() < 0.3 and "typical_p" not in options:
            logits = (logits * 2).round() / 2  # with equals
        processed = processors(options, prompt)(ids, logits.clone())
        if not (processed > -float("inf")).any() or is_close(options, prompt, ids, processed):
            continue
        final = warpers(options, prompt)(ids, processed.clone())[0]
        kept = (final > -float("inf")).nonzero()[:, 0]
        print(json.dumps({
            "options": options, "prompt": prompt, "ids": ids[0].tolist(), "logits": numbers(logits[0]),
            "processed": numbers(processed[0]), "kept": kept.tolist(), "scores": numbers(final[kept]),
            "best": int(processed[0].argmax()), "probabilities": numbers(final.double().softmax(-1).float()[kept]),
        }))  # fmt: skip
        made += 1


class Toy(PreTrainedModel):
    config_class = PretrainedConfig

    def __init__(self, table):
        super().__init__(PretrainedConfig(vocab_size=table.shape[1]))
        self.table = torch.nn.Parameter(table)

    def can_generate(self):
        return True

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}

    def _reorder_cache(self, past, _):
        return past

    def forward(self, input_ids, **_):
        rows = (5 * input_ids[:, -1] + input_ids.shape[1]) % self.table.shape[0]
        return CausalLMOutput(logits=self.table[rows][:, None, :])


def searches(draw, cases, V, tables):
    models = []
    for _ in range(tables):
        table = torch.randn(ROWS, V) * 2
        print(json.dumps({"rows": ROWS, "table": numbers(table.flatten())}))
        models.append(Toy(table))
    made = 0
    while made < cases:
        options = draw_options(draw, V, True)
        for key in ("presence_penalty", "frequency_penalty"):
            options.pop(key, None)
        if draw.random() < 0.8:
            options["num_beams"] = draw.randint(2, 5)
            options["num_return_sequences"] = draw.randint(1, options["num_beams"])
            options["length_penalty"] = draw.choice([1.0, 0.6, 2.0, -1.0, 0.0])
            options["early_stopping"] = draw.choice([False, True, "never"])
        which = draw.randrange(len(models))
        prompt = [draw.randrange(V) for _ in range(draw.randint(1, 4))]
        config = configuration(options, len(prompt))
        config.pad_token_id = 10**6
        config.return_dict_in_generate = config.output_scores = True
        config.num_return_sequences = config.num_beams
        with torch.no_grad():
            result = models[which].generate(torch.tensor([prompt]), generation_config=config)
        scores = result.sequences_scores.tolist() if config.num_beams > 1 else []
        sequences = [[i for i in row if i != 10**6] for row in result.sequences[:, len(prompt) :].tolist()]
        if any(score < -1e8 for score in scores) or any(a - b < 1e-5 for a, b in zip(scores, scores[1:])):
            continue  # which of the tokens that cannot be, and which of equals comes first, is torch's choice
        if not all((step > -float("inf")).any() for step in result.scores):
            continue  # transformers goes on with token 0, wasmicro refuses
        n = options.get("num_return_sequences", 1)
        sequences, scores = sequences[:n], scores[:n]
        print(json.dumps({
            "options": options, "table": which, "prompt": prompt, "sequences": sequences, "scores": scores,
        }))  # fmt: skip
        made += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["samplers", "searches"])
    parser.add_argument("--cases", type=int, default=160)
    parser.add_argument("--vocabulary", type=int, default=24)
    parser.add_argument("--tables", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    torch.manual_seed(arguments.seed)
    if arguments.what == "samplers":
        samplers(draw, arguments.cases, arguments.vocabulary)
    else:
        searches(draw, arguments.cases, arguments.vocabulary, arguments.tables)


main()
