#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What quantising costs: convert --quantize of real models against their f32, as the tables of docs/quantised.md.

    make verify VERIFY=quant                      prints the tables and holds i8 to its limits
    python3 verify/quant.py --write               also puts them into docs/quantised.md
    python3 verify/quant.py all-MiniLM-L6-v2      these models alone, and with --write their tables

Folders in models/ that are not there are left out. Embedding: 1,000 texts cut from verify/texts.txt and
demo/corpus.txt; the ten nearest lines of the corpus for each line and query. Generation: the greedy tokens that
agree with f32's up to the first other one, and the perplexity of the same texts (T5: of f32's own answers).
"""

import ctypes
import json
import math
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from structs import Error, PipelineOptions, sources

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
CLI = os.environ.get("WASMICRO", str(BUILD / "wasmicro"))
PAGE = ROOT / "docs/quantised.md"
# name, convert's option, compute
KINDS = (("f32", None, "f32"), ("f16", "f16", "f32"), ("i8", "i8", "f32"), ("u8", "u8", "f32"), ("q4", "q4", "f32"),
         ("i8, int8", "i8", "int8"), ("q4, int8", "q4", "int8"))
LIMITS = {"f16": (0.99999, 0.9999), "i8": (0.999, 0.995), "u8": (0.999, 0.995), "i8, int8": (0.999, 0.995),
          "q4": (0.97, 0.88), "q4, int8": (0.97, 0.88)}


class Library:
    """A model in libwasmicro.so: the probabilities of given tokens."""

    def __init__(self, folder, compute):
        self.library = ctypes.CDLL(str(BUILD / "libwasmicro.so"))
        self.kept = [(p.name.encode(), p.read_bytes()) for p in sorted(folder.iterdir()) if p.is_file()]
        self.pipeline, self.error = ctypes.c_void_p(), Error()
        options = PipelineOptions(size=ctypes.sizeof(PipelineOptions), compute=compute == "int8")
        self.check(self.library.wm_pipeline_open(ctypes.byref(self.pipeline), sources(self.kept),
                                                 ctypes.c_size_t(len(self.kept)), ctypes.byref(options),
                                                 ctypes.byref(self.error)))

    def check(self, status):
        if status:
            sys.exit(f"libwasmicro.so: {self.error.text.decode()}")

    def log_probabilities(self, ids, decoder_ids=None):
        def array(values):
            return (ctypes.c_int32 * len(values or []))(*(values or []))

        scored = decoder_ids or ids
        values = (ctypes.c_float * len(scored))()
        self.check(self.library.wm_pipeline_log_probabilities(
            self.pipeline, array(ids), ctypes.c_size_t(len(ids)), array(decoder_ids) if decoder_ids else None,
            ctypes.c_size_t(len(decoder_ids or [])), values, ctypes.byref(self.error)))
        return list(values)[1:]

    def close(self):
        self.library.wm_pipeline_close(self.pipeline)


def cli(*arguments, text=None):
    result = subprocess.run([CLI, *map(str, arguments)], input=text, capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{CLI} {' '.join(map(str, arguments))[:120]}: {result.stderr[-300:]}")
    return result.stdout


def lines(path):
    return [line for line in (ROOT / path).read_text().split("\n") if line.strip()]


def thousand_texts():
    """Lines, and stretches of 5 to 60 words of all of them together."""
    texts = lines("demo/corpus.txt") + lines("verify/texts.txt")
    words, at = " ".join(texts).split(), 0
    while len(texts) < 1000:
        length = 5 + len(texts) * 7 % 56
        texts.append(" ".join(words[at:at + length]))
        at = (at + length) % (len(words) - 60)
    return texts[:1000]


def sizes(folder, compute):
    info = json.loads(cli("info", "--compute", compute, folder) if compute == "int8" else cli("info", folder))
    return (folder / "model.safetensors").stat().st_size / 1e6, info["weight_bytes"] / 1e6 + info["model_bytes"] / 1e6


def nearest(vectors, others, own):
    scores = vectors @ others.T
    if own:
        np.fill_diagonal(scores, -9)
    return [set(row) for row in np.argsort(-scores, 1, "stable")[:, :10]]


def embedding(folder, compute):
    """Unit vectors of the texts, and the ten nearest corpus lines of each corpus line and query."""
    def embed(texts):
        options = ["--compute", compute] if compute == "int8" else []
        with tempfile.NamedTemporaryFile(suffix=".npy") as file:
            cli("embed", folder, "--npy", file.name, *options, text="\n".join(texts) + "\n")
            vectors = np.load(file.name).astype(np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    corpus = embed(lines("demo/corpus.txt"))
    return embed(thousand_texts()), nearest(corpus, corpus, True) + nearest(embed(lines("verify/queries.txt")), corpus, False)


def embedding_row(folder, compute, kept):
    vectors, near = embedding(folder, compute)
    kept.setdefault("f32", (vectors, near))
    cosines = (vectors * kept["f32"][0]).sum(1)
    overlap = np.mean([len(a & b) / 10 for a, b in zip(near, kept["f32"][1])])
    return (cosines.mean(), cosines.min()), [f"{cosines.mean():.5f}", f"{cosines.min():.5f}", f"{overlap:.3f}"]


def generation_row(folder, compute, kept, t5):
    """Greedy answers of 12 prompts, and log probabilities of the same tokens for every kind."""
    texts = lines("verify/texts.txt")
    prompts = [" ".join(text.split()[:8]) for text in texts if len(text.split()) > 8][:12]
    if t5:
        prompts = ["translate English to German: " + text for text in lines("demo/corpus.txt")[::13][:12]]
    options = ["--compute", compute] if compute == "int8" else []
    answers = [json.loads(cli("generate", folder, "--ids", "-n", 32, *options, "--", prompt)) for prompt in prompts]
    if "f32" not in kept:
        ids = [json.loads(cli("tokenize", folder, prompt)) for prompt in prompts]
        if t5:
            kept["scored"] = [(a, [0, *b]) for a, b in zip(ids, answers) if b]
        else:
            joined = json.loads(cli("tokenize", folder, " ".join(texts)))
            kept["scored"] = [(joined[i * 256:(i + 1) * 256], None) for i in range(4)]
        kept["f32"] = answers
    same = total = 0
    for answer, first in zip(answers, kept["f32"]):
        total += len(first)
        same += next((i for i, (a, b) in enumerate(zip(answer, first)) if a != b), min(len(answer), len(first)))
    model = Library(folder, compute)
    values = [v for pair in kept["scored"] for v in model.log_probabilities(*pair)]
    model.close()
    perplexity = math.exp(-sum(values) / len(values))
    kept.setdefault("perplexity", perplexity)
    change = 100 * (perplexity / kept["perplexity"] - 1)
    return None, [f"{same / total:.3f}", f"{perplexity:.3f}", f"{change:+.2f} %"]


MODELS = {
    "all-MiniLM-L6-v2": (embedding_row, ["cosine, mean", "least", "top 10 shared"]),
    "flan-t5-small": (lambda *a: generation_row(*a, True), ["greedy tokens shared", "perplexity", "change"]),
    "smollm2": (lambda *a: generation_row(*a, False), ["greedy tokens shared", "perplexity", "change"]),
}


def table(name, scratch):
    row, titles = MODELS[name]
    source, kept, missed = ROOT / "models" / name, {}, 0
    text = [f"**{name}**", "", "| weights | " + " | ".join(titles) + " | file MB | in memory MB |",
            "|---|" + "---:|" * (len(titles) + 2)]
    for kind, quantize, compute in KINDS:
        folder = scratch / f"{name}-{quantize}" if quantize else source
        if quantize and not folder.exists():
            cli("convert", source, folder, "--quantize", quantize)
        measured, cells = row(folder, compute, kept)
        least = LIMITS.get(kind)
        if measured and least and (measured[0] < least[0] or measured[1] < least[1]):
            missed += 1
            print(f"MISS: {name} {kind}: {measured}, limits {least}")
        text.append(f"| {kind} | " + " | ".join(cells + [f"{n:.1f}" for n in sizes(folder, compute)]) + " |")
        print(text[-1], flush=True)
    return "\n".join(text) + "\n", missed


def write_tables(tables):
    """Those of other models stay."""
    mark = "<!-- tables: verify/quant.py --write -->\n"
    before, old, after = PAGE.read_text().split(mark)
    kept = {text.split("**")[0]: "**" + text.rstrip("\n") + "\n" for text in old.split("\n**")[1:]}
    texts = [(kept | tables)[name] for name in MODELS if name in kept or name in tables]
    PAGE.write_text(before + mark + "\n" + "\n".join(texts) + "\n" + mark + after)


def main():
    os.environ.get("NO_MAKE") or subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", BUILD / "libwasmicro.so"], check=True)
    write = "--write" in sys.argv
    names = [n for n in sys.argv[1:] if n != "--write"] or list(MODELS)
    tables, missed = {}, 0
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            if not (ROOT / "models" / name / "model.safetensors").exists():
                print(f"{name}: not in models/, left out")
                continue
            print(name)
            tables[name], misses = table(name, Path(scratch))
            missed += misses
    if write:
        write_tables(tables)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
