#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Greedy generation of real models, token by token against transformers.

    python3 verify/real_generation.py [flan|smollm2|smollm2-bf16|longt5 …]     against verify/real_generation.json
    python3 verify/real_generation.py --write flan smollm2                     makes that file anew
    python3 verify/real_generation.py --again smollm2                          transformers' answers against that file

real_generation.json has what transformers' generate() gave, to all prompts as one batch: ids and their text, and how
far the best logit was ahead of the second where that is less than 1e-3. There another choice is excused, and counted.
--one-pass asks transformers again, as the judge of wasmicro's own ids; smollm2-bf16 and longt5 always do.
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import tokenizers
import torch
import transformers
from safetensors.numpy import load_file, save_file

import common
import real_models
from real import made

NEAR = 1e-3
GOLDENS = common.ROOT / "verify/real_generation.json"


def tokenizer_of(folder: Path):
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()  # as transformers calls it
    tokenizer.no_padding()
    return tokenizer


class Ahead(transformers.LogitsProcessor):
    """Notes how far the best logit is ahead of the second, of each text at each step."""

    def __init__(self):
        self.steps = []

    def __call__(self, ids, scores):
        best = torch.topk(scores.double(), 2).values
        self.steps.append((best[:, 0] - best[:, 1]).tolist())
        return scores


@torch.no_grad()
def greedy(model, prompts: list[list[int]], tokens: int) -> list[tuple[list[int], list[float]]]:
    """New ids of each prompt, the last one an end or not, and how far the best logit was ahead at each."""
    longest = max(map(len, prompts))
    pad, end = 0, model.config.eos_token_id
    left = not model.config.is_encoder_decoder
    padding = [[pad] * (longest - len(prompt)) for prompt in prompts]
    batch = [more + prompt if left else prompt + more for prompt, more in zip(prompts, padding)]
    mask = [[0] * len(more) + [1] * len(prompt) for prompt, more in zip(prompts, padding)]
    mask = mask if left else [row[::-1] for row in mask]
    ahead = Ahead()
    out = model.generate(
        torch.tensor(batch),
        attention_mask=torch.tensor(mask),
        do_sample=False,
        num_beams=1,
        max_new_tokens=tokens,
        logits_processor=transformers.LogitsProcessorList([ahead]),
        pad_token_id=pad,
    )
    rows = []
    for i, new in enumerate(out[:, longest if left else 1 :].tolist()):
        new = new[: new.index(end) + 1] if end in new else new
        rows.append((new, [step[i] for step in ahead.steps[: len(new)]]))
    return rows


@torch.no_grad()
def compare_in_one_pass(table, name: str, folder: Path, model, prompts, tokens: int) -> None:
    """Each id that wasmicro chose is transformers' best after the ids before it: a greedy run's, if all are."""
    tokenizer = tokenizer_of(folder)
    count = ended = excused = wrong = 0
    for prompt in prompts:
        ids = tokenizer.encode(prompt).ids
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


def write(name: str, folder: Path, model, prompts: list[str], tokens: int) -> None:
    """transformers' answers into real_generation.json."""
    tokenizer = tokenizer_of(folder)
    rows = []
    answers = greedy(model, [tokenizer.encode(prompt).ids for prompt in prompts], tokens)
    for prompt, (ids, ahead) in zip(prompts, answers):
        near = {i: round(gap, 6) for i, gap in enumerate(ahead) if gap < NEAR}
        rows.append({"prompt": prompt, "ids": ids, "text": tokenizer.decode(ids), "near": near})
    goldens = json.loads(GOLDENS.read_text()) if GOLDENS.exists() else {}
    goldens[name] = {
        "made with": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "tokens": tokens,
        "prompts": rows,
    }
    text = json.dumps(goldens, ensure_ascii=False, indent=1)
    # A list of ids takes one line.
    text = re.sub(r"\[[\d,\s]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)
    GOLDENS.write_text(text + "\n")


def tally(table, name: str, golden: dict, answers: list[list[int]]) -> list[dict]:
    """The prompts that have the same ids; the others are to part at a near tie."""
    same, excused, count, wrong = [], 0, 0, []
    for row, got in zip(golden["prompts"], answers, strict=True):
        want = row["ids"]
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        count += at
        if got == want:
            same.append(row)
        elif str(at) in row["near"]:
            excused += 1
        else:
            wrong.append((row["prompt"][:60], at))
    table.row(f"{name}: identical, of {len(golden['prompts'])} prompts, {count} ids", len(same))
    table.row(f"{name}: parted at a near tie", excused)
    table.row(f"{name}: parted elsewhere", len(wrong), 0)
    for row in wrong:
        print("    ", row)
    return same


def generate(folder: Path, golden: dict, row: dict, *form: str) -> str:
    return common.cli("generate", str(folder), *form, "-n", str(golden["tokens"]), "--", row["prompt"])


def compare(table, name: str, folder: Path) -> None:
    golden = json.loads(GOLDENS.read_text())[name]
    answers = [json.loads(generate(folder, golden, row, "--ids")) for row in golden["prompts"]]
    same = tally(table, name, golden, answers)
    other = sum(generate(folder, golden, row).removesuffix("\n") != row["text"] for row in same)
    table.row(f"{name}: identical ids with another text", other, 0)


def compare_again(table, name: str, folder: Path, model) -> None:
    golden, tokenizer = json.loads(GOLDENS.read_text())[name], tokenizer_of(folder)
    prompts = [tokenizer.encode(row["prompt"]).ids for row in golden["prompts"]]
    tally(table, f"{name}, transformers again", golden, [ids for ids, _ in greedy(model, prompts, golden["tokens"])])


def run(table, name: str, folder: Path, load, prompts: list[str], options) -> None:
    if options.write:
        write(name, folder, load(), prompts, options.tokens)
    elif options.again:
        compare_again(table, name, folder, load())
    elif options.one_pass:
        compare_in_one_pass(table, name, folder, load(), prompts, options.tokens)
    else:
        compare(table, name, folder)


def flan(table, scratch: Path, options) -> None:
    folder = made("flan-t5-small", real_models.FLAN, real_models.flan_t5_small)
    lines = common.lines_of(common.ROOT / "verify/texts.txt")
    lines = [line for line in lines if len(line) > 20]
    prompts = [f"translate English to German: {line}" for line in lines[:25]]
    prompts += [f"Write a title: {line}" for line in lines[25:50]]

    def load():
        return transformers.T5ForConditionalGeneration.from_pretrained(folder).float().eval()

    options = argparse.Namespace(**vars(options) | {"tokens": 64, "one_pass": False})
    run(table, "flan-t5-small", folder, load, prompts, options)


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


STARTS = (
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


PROMPTS = [
    text
    for start, question in zip(STARTS, QUESTIONS)
    for text in (start, f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n")
]


def smollm2(table, scratch: Path, options) -> None:
    folder = made("smollm2", real_models.SMOLLM2, real_models.smollm2)

    def load():
        return transformers.LlamaForCausalLM.from_pretrained(folder).float().eval()

    run(table, "SmolLM2-135M-Instruct", folder, load, PROMPTS[: options.prompts], options)


def smollm2_bf16(table, scratch: Path, options) -> None:
    """The oracle computes in f32 with the rounded weights, as wasmicro does."""
    folder, rounded = made("smollm2", real_models.SMOLLM2, real_models.smollm2), scratch / "bf16"
    model = transformers.LlamaForCausalLM.from_pretrained(folder).to(torch.bfloat16)
    model.save_pretrained(rounded, safe_serialization=True)
    for path in folder.glob("tokenizer*"):
        shutil.copyfile(path, rounded / path.name)
    name = "SmolLM2-135M-Instruct in BF16"
    compare_in_one_pass(table, name, rounded, model.float().eval(), PROMPTS[: options.prompts], options.tokens)


CASES = {"flan": flan, "smollm2": smollm2, "smollm2-bf16": smollm2_bf16, "longt5": longt5}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="|".join(CASES))
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--one-pass", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    table = common.Table("real models: greedy generation against transformers")
    for case in options.cases or ["flan", "smollm2"]:
        with tempfile.TemporaryDirectory() as scratch:
            CASES[case](table, Path(scratch), options)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
