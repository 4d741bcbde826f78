# SPDX-License-Identifier: MIT OR Apache-2.0
"""What Hugging Face's decoders compute from a folder, in float64: hidden states, logits, greedy continuations.

hidden    [{ids, states}]: last_hidden_state of the base model (T5 kinds: of the encoder)
logits    [{ids, decoder_ids (T5 kinds), values}]: [ids or decoder_ids, vocab_size]
greedy    [{ids, tokens, gap}]: up to 64 new ids and the smallest distance of the two best logits on the way
texts     [{text, ids}]
"""

from pathlib import Path

import numpy as np
import torch
import transformers

from .golden import open_tokenizer, pack
from . import words

NEW_TOKENS = 64


def open_model(folder: Path, architecture: str):
    """The weights widened exactly; masks are then made in float64 too."""
    torch.set_default_dtype(torch.float32)
    model = getattr(transformers, architecture).from_pretrained(folder).double().eval()
    torch.set_default_dtype(torch.float64)
    return model


def greedy(model, ids: list[int]) -> dict:
    with torch.no_grad():
        out = model.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
            do_sample=False,
            num_beams=1,
            max_new_tokens=NEW_TOKENS,
            output_scores=True,
            return_dict_in_generate=True,
        )
    best = [torch.topk(step[0], 2).values for step in out.scores]
    skip = 1 if model.config.is_encoder_decoder else len(ids)
    return {
        "ids": ids,
        "tokens": out.sequences[0][skip:].tolist(),
        "gap": round(min(float(b[0] - b[1]) for b in best), 6),
    }


def prompts(model, rng, count: int) -> list[dict]:
    """Continuations in which no choice is close."""
    found = []
    for _ in range(200):
        ids = rng.integers(3, model.config.vocab_size, size=int(rng.integers(1, 12))).tolist()
        run = greedy(model, ids)
        if run["gap"] > 2e-3 and len(run["tokens"]) > 8:
            found.append(run)
        if len(found) == count:
            return found
    raise AssertionError("no prompt has a clear continuation")


def decoder(folder: Path, architecture: str, seed: int) -> dict:
    model, tokenizer, rng = (
        open_model(folder, architecture),
        open_tokenizer(folder),
        np.random.default_rng(seed),
    )
    config, base = model.config, model.base_model

    def run(ids: list[int]):
        with torch.no_grad():
            batch = torch.tensor([ids])
            return (
                base(input_ids=batch).last_hidden_state[0].numpy(),
                model(input_ids=batch).logits[0].numpy(),
            )

    lists = [
        rng.integers(config.vocab_size, size=n).tolist()
        for n in (1, 4, config.max_position_embeddings)
    ]
    return {
        "width": config.hidden_size,
        "hidden": [{"ids": ids, "states": pack(run(ids)[0])} for ids in lists],
        "logits": [{"ids": ids, "values": pack(run(ids)[1])} for ids in lists[:2]],
        "greedy": prompts(model, rng, 3),
        "texts": [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in words.TEXTS],
    }


def seq2seq(folder: Path, architecture: str, seed: int) -> dict:
    model, tokenizer, rng = (
        open_model(folder, architecture),
        open_tokenizer(folder),
        np.random.default_rng(seed),
    )
    config = model.config

    def encode(ids: list[int]):
        with torch.no_grad():
            return model.encoder(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()

    def logits(ids: list[int], decoder_ids: list[int]):
        with torch.no_grad():
            return (
                model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([decoder_ids]))
                .logits[0]
                .numpy()
            )

    lists = [rng.integers(config.vocab_size, size=n).tolist() for n in (1, 7, 50)]
    starts = [[0], [0, *rng.integers(config.vocab_size, size=2).tolist()]]
    return {
        "width": config.d_model,
        "hidden": [{"ids": ids, "states": pack(encode(ids))} for ids in lists],
        "logits": [
            {"ids": ids, "decoder_ids": start, "values": pack(logits(ids, start))}
            for ids, start in zip(lists[1:], starts)
        ],
        "greedy": prompts(model, rng, 3),
        "texts": [{"text": text, "ids": tokenizer(text)["input_ids"]} for text in words.TEXTS],
    }
