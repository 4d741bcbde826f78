# SPDX-License-Identifier: MIT OR Apache-2.0
"""Static embeddings: folders as model2vec saves them, and as sentence-transformers' StaticEmbedding does.

The first are embedded by model2vec itself. The second by what StaticEmbedding is, a torch.nn.EmbeddingBag over the
ids of the tokenizers library: the pinned sentence-transformers is older than the class.
"""

import json
from pathlib import Path

import numpy as np

from . import words
from .golden import pack


def make(spec, tokenizer, seed: int, target: Path) -> dict:
    """Writes the folder; gives its golden values."""
    from tokenizers import Tokenizer

    rng = np.random.default_rng(seed)
    table = rng.standard_normal((len(tokenizer), spec.config["dim"])).astype(spec.dtype)
    tokenizer.save_pretrained(target / "saved")
    wheel = Tokenizer.from_file(str(target / "saved" / "tokenizer.json"))
    for path in (target / "saved").iterdir():
        path.unlink()
    (target / "saved").rmdir()
    form = model2vec if spec.forms == "model2vec" else sentence_transformers
    embed = form(table, wheel, spec.config, target)
    cases = [{"text": text} for text in words.TEXTS]
    cases += [{"text": words.TEXTS[2], "normalize": n} for n in (True, False)]
    rows = []
    for case in cases:
        vector, ids = embed(**case)
        full = wheel.encode(case["text"]).ids
        rows.append(
            case
            | {"ids": full, "tokens": len(ids), "truncated": False, "embedding": pack(vector)}
        )
    return {"width": table.shape[1], "dim": table.shape[1], "hidden": [], "texts": rows}


def model2vec(table, wheel, config: dict, target: Path):
    from model2vec import StaticModel
    from model2vec.hf_utils import save_pretrained

    settings = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "hidden_dim": config["dim"],
        "seq_length": 1000000,
        "normalize": config["normalize"],
    }
    save_pretrained(target, table, wheel, settings, create_model_card=False)
    exact = StaticModel(table.astype(np.float64), wheel, settings)

    def embed(text: str, normalize: bool | None = None):
        exact.normalize = config["normalize"] if normalize is None else normalize
        return exact.encode(text), exact.tokenize([text])[0]

    return embed


def sentence_transformers(table, wheel, config: dict, target: Path):
    import torch
    from safetensors.numpy import save_file

    folder = target / "0_StaticEmbedding"
    folder.mkdir()
    save_file({"embedding.weight": table}, folder / "model.safetensors")
    wheel.save(str(folder / "tokenizer.json"))
    kinds = ["StaticEmbedding"] + ["Normalize"] * config["normalize"]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}", "type": f"sentence_transformers.models.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (target / "modules.json").write_text(json.dumps(modules, indent=1) + "\n")
    bag = torch.nn.EmbeddingBag.from_pretrained(torch.tensor(table).double(), mode="mean")

    def embed(text: str, normalize: bool | None = None):
        ids = wheel.encode(text, add_special_tokens=False).ids
        vector = bag(torch.tensor(ids, dtype=torch.int64), torch.tensor([0]))[0].numpy()
        if config["normalize"] if normalize is None else normalize:
            vector = vector / max(np.linalg.norm(vector), 1e-12)
        return vector, ids

    return embed
