#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Greedy generation of real models, token by token against transformers.

    python3 verify/real_generation.py [flan|longt5|smollm2|smollm2-bf16 …] [--tokens 256] [--prompts 20]

Where the ids part, the choice is excused if transformers' own two best logits there are within 1e-3, and counted.
Takes some twenty minutes, most of them transformers'; with --one-pass a quarter of that.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.numpy import load_file, save_file

import common
import real_models
from real import made

NEAR = 1e-3


def linear(x, weight, bias=None):
    """torch.nn.functional.linear by numpy's BLAS: Debian's torch has one that is forty times as slow."""
    y = torch.from_numpy(np.matmul(x.numpy(), weight.numpy().T))
    return y if bias is None else y + bias


torch.nn.functional.linear = linear


@torch.no_grad()
def greedy(model, ids: list[int], tokens: int) -> tuple[list[int], list[float]]:
    """New ids, and how far the best logit was ahead at each."""
    out = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        do_sample=False,
        num_beams=1,
        max_new_tokens=tokens,
        output_scores=True,
        return_dict_in_generate=True,
        pad_token_id=model.config.eos_token_id,
    )
    best = [torch.topk(step[0].double(), 2).values for step in out.scores]
    new = out.sequences[0][1 if model.config.is_encoder_decoder else len(ids) :].tolist()
    return new, [float(b[0] - b[1]) for b in best]


@torch.no_grad()
def compare_in_one_pass(table, name: str, folder: Path, model, prompts, tokens: int) -> None:
    """Each id that wasmicro chose is transformers' best after the ids before it: a greedy run's, if all are."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    count = ended = excused = wrong = 0
    for prompt in prompts:
        ids = tokenizer(prompt)["input_ids"]
        end = ["-n", str(tokens), "--ids", "--", prompt]
        got = json.loads(common.cli("generate", str(folder), *end))
        logits = model(torch.tensor([ids + got])).logits[0, len(ids) - 1 : -1]
        behind = logits.max(1).values - logits[torch.arange(len(got)), torch.tensor(got)]
        count += len(got)
        ended += len(got) < tokens and got[-1] == model.config.eos_token_id
        wrong += len(got) < tokens and got[-1] != model.config.eos_token_id
        excused += int(((behind > 0) & (behind < NEAR)).sum())
        wrong += int((behind >= NEAR).sum())
    table.row(f"{name}: ids of {len(prompts)} prompts, {ended} to the end", count)
    table.row(f"{name}: … that are second by less than {NEAR}", excused)
    table.row(f"{name}: … that are not transformers'", wrong, 0)


def compare(table, name: str, folder: Path, model, prompts: list[str], tokens: int) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    same = excused = count = texts = 0
    wrong = []
    for prompt in prompts:
        want, gaps = greedy(model, tokenizer(prompt)["input_ids"], tokens)
        end = ["-n", str(tokens), "--ids", "--", prompt]
        got = json.loads(common.cli("generate", str(folder), *end))
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        count += at
        if got == want:
            same += 1
            plain = ["-n", str(tokens), "--", prompt]
            text = common.cli("generate", str(folder), *plain).removesuffix("\n")
            # The command line gives the text as it is; transformers tidies spaces up if asked.
            texts += text == tokenizer.decode(
                want, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        elif at < len(gaps) and gaps[at] < NEAR:
            excused += 1
        else:
            wrong.append((prompt[:60], at, gaps[at] if at < len(gaps) else None))
    table.row(f"{name}: identical, of {len(prompts)} prompts, {count} ids", same)
    table.row(f"{name}: parted at a near tie", excused)
    table.row(f"{name}: parted elsewhere", len(wrong), 0)
    table.row(f"{name}: identical ids with another text", same - texts, 0)
    for row in wrong:
        print("    ", row)



def flan(table, scratch: Path, options) -> None:
    folder = made("flan-t5-small", real_models.FLAN, real_models.flan_t5_small)
    model = transformers.T5ForConditionalGeneration.from_pretrained(folder).eval()
    lines = common.lines_of(common.ROOT / "verify/texts.txt")
    lines = [line for line in lines if len(line) > 20]
    prompts = [f"translate English to German: {line}" for line in lines[:25]]
    prompts += [f"Write a title: {line}" for line in lines[25:50]]
    compare(table, "flan-t5-small", folder, model, prompts, 64)


def longt5(table, scratch: Path, options) -> None:
    """flan-t5-small's encoder as a local LongT5's: the same where the text is shorter than the window."""
    source = made("flan-t5-small", real_models.FLAN, real_models.flan_t5_small)
    folder = scratch / "longt5"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.safetensors"))
    config = json.loads((source / "config.json").read_text())
    config |= {"model_type": "longt5", "architectures": ["LongT5ForConditionalGeneration"]}
    (folder / "config.json").write_text(json.dumps(config | {"local_radius": 60}))
    tensors = {
        name.replace("SelfAttention", "LocalSelfAttention") if name.startswith("encoder.") else name: a
        for name, a in load_file(source / "model.safetensors").items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    rng = np.random.default_rng(1)
    torch.set_default_dtype(torch.float64)
    exact = transformers.LongT5EncoderModel.from_pretrained(folder).double().eval()
    torch.set_default_dtype(torch.float32)
    for n in (1, 61, 62, 500):
        ids = rng.integers(2, 32000, size=n).tolist()
        got = common.cli_hidden(folder, ids)
        table.row(
            f"flan-t5-small as LongT5: hidden states of {n} ids",
            common.distance(got, common.hidden(exact, ids)),
            5e-5,
        )
        if n <= 61:
            same = float(np.abs(got - common.cli_hidden(source, ids)).max())
            table.row(f"flan-t5-small as LongT5: to T5, {n} ids", same, 0)


PROMPTS = (
    "Once upon a time, in a village by the sea,",
    "The three laws of motion are",
    "To bake a simple loaf of bread, first",
    "def quicksort(items):\n",
    "Dear Sir or Madam,\n\nI am writing to",
    "The history of the printing press begins",
    "Q: What is the capital of Portugal?\nA:",
    "1, 1, 2, 3, 5, 8,",
    "In 1969 two astronauts",
    "My favourite season is autumn because",
)
QUESTIONS = (
    "Why is the sky blue?",
    "Write a poem about a lighthouse.",
    "Explain photosynthesis to a child.",
    "Give me five names for a cat.",
    "How do I tie a bowline knot?",
    "What is the difference between weather and climate?",
    "Summarise the story of Icarus.",
    "Translate 'good morning' into French, Spanish and Italian.",
    "Plan a weekend in Lisbon.",
    "What are prime numbers, and why do they matter?",
)


def chat(question: str) -> str:
    return f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"


def smollm2(table, scratch: Path, options, dtype: str = "float32") -> None:
    folder = made("smollm2", real_models.SMOLLM2, real_models.smollm2)
    model = transformers.LlamaForCausalLM.from_pretrained(folder).eval()
    name = "SmolLM2-135M-Instruct"
    if dtype == "bfloat16":  # the oracle computes in f32 with the rounded weights, as wasmicro does
        name, rounded = name + " in BF16", scratch / "bf16"
        model.to(torch.bfloat16).save_pretrained(rounded, safe_serialization=True)
        for path in folder.glob("tokenizer*"):
            shutil.copyfile(path, rounded / path.name)
        folder = rounded
        model = transformers.LlamaForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
    prompts = [text for pair in zip(PROMPTS, map(chat, QUESTIONS)) for text in pair]
    run = compare_in_one_pass if options.one_pass else compare
    run(table, name, folder, model, prompts[: options.prompts], options.tokens)


CASES = {
    "flan": flan,
    "longt5": longt5,
    "smollm2": smollm2,
    "smollm2-bf16": lambda *arguments: smollm2(*arguments, dtype="bfloat16"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="|".join(CASES))
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--one-pass", action="store_true", help="SmolLM2: no transformers' generate, see compare_in_one_pass")
    options = parser.parse_args()
    table = common.Table("real models: greedy generation against transformers")
    for case in options.cases or CASES:
        with tempfile.TemporaryDirectory() as scratch:
            CASES[case](table, Path(scratch), options)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
