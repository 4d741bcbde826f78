# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every tiny checkpoint through the command line: fresh ids against transformers in float64, texts against golden.json."""

import base64
import json
import sys

import numpy as np
import transformers

import common

LIMIT = 5e-5


def texts_of(folder) -> float:
    """Embeddings of golden.json's texts, those that need no option which the command line lacks."""
    golden, worst = json.loads((folder / "golden.json").read_text()), 0.0
    flags = {"pooling": "--pooling", "max_length": "--max-len", "prompt_name": "--prompt"}
    for case in golden["texts"]:
        options = {
            k: v
            for k, v in case.items()
            if k not in ("text", "ids", "tokens", "truncated", "embedding")
        }
        normalize = options.pop("normalize", None)
        if not set(options) <= set(flags):
            continue
        arguments = [part for key, value in options.items() for part in (flags[key], str(value))]
        arguments += [] if normalize is None else ["--normalize" if normalize else "--no-normalize"]
        got = np.array(
            json.loads(common.cli("embed", str(folder), *arguments, "--", case["text"]))
        )[None]
        want = np.frombuffer(base64.b64decode(case["embedding"]), "<f4").astype(float)[None]
        worst = max(worst, common.distance(got, want))
    return worst


def main() -> int:
    table = common.Table("tiny checkpoints: largest |Δ| to float64, over a row's largest number")
    root = common.ROOT / "tests/tiny"
    for entry in json.loads((root / "index.json").read_text()):
        folder = root / entry["name"]
        if (folder / "modules.json").exists() and "StaticEmbedding" in (folder / "modules.json").read_text():
            table.row(f"{folder.name}: embeddings", texts_of(folder), LIMIT)
            continue
        t5 = json.loads((folder / "config.json").read_text())["model_type"] == "t5"
        model = transformers.T5EncoderModel.from_pretrained(folder).double().eval() if t5 else common.base_model(folder)
        rng, limit = np.random.default_rng(1), getattr(model.config, "max_position_embeddings", 60)
        if model.config.model_type in ("roberta", "xlm-roberta", "mpnet"):  # positions begin behind the pad's
            limit -= model.config.pad_token_id + 1
        worst = 0.0
        for n in (1, 2, 5, limit // 2, limit):
            ids = rng.integers(model.config.vocab_size, size=n).tolist()
            worst = max(
                worst, common.distance(common.cli_hidden(folder, ids), common.hidden(model, ids))
            )
        table.row(f"{folder.name}: hidden states, embeddings", max(worst, texts_of(folder)), LIMIT)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
