# SPDX-License-Identifier: MIT OR Apache-2.0
"""What Hugging Face computes from a folder, in float64: golden.json."""

import base64
import json
from pathlib import Path

import numpy as np

from . import words


def pack(values) -> str:
    """float32, little-endian, base64."""
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def load(folder: Path):
    """The base model as AutoModel reads it, widened exactly to float64."""
    import transformers

    return transformers.AutoModel.from_pretrained(folder).double().eval()


def hidden(model, ids: list[int]) -> np.ndarray:
    import torch

    with torch.no_grad():
        batch = torch.tensor([ids])
        return model(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state[0].numpy()


def position_limit(config) -> int:
    """How many tokens the position table can number."""
    roberta = config.model_type == "roberta"
    return config.max_position_embeddings - (config.pad_token_id + 1 if roberta else 0)


def id_lists(config, rng) -> list[list[int]]:
    """One id; a short list; two full ones, of which one with pads inside."""
    limit, vocabulary = position_limit(config), config.vocab_size

    def draw(n: int) -> list[int]:
        ids = rng.integers(vocabulary, size=n)
        ids[ids == config.pad_token_id] = vocabulary - 1
        return ids.tolist()

    full, padded = draw(limit), draw(23)
    for at in (0, 5, 6, 17, 22):
        padded[at] = config.pad_token_id
    return [draw(1), draw(7), padded, full]


def texts(folder: Path, embed) -> list[dict]:
    """Ids as transformers' default call gives them; what embed(text) → (vector, tokens) says."""
    import transformers
    from tokenizers import Tokenizer

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast
    found = []
    for text in words.TEXTS:
        ids = tokenizer(text)["input_ids"]
        if (folder / "tokenizer.json").exists():
            wheel = Tokenizer.from_file(str(folder / "tokenizer.json"))
            wheel.no_truncation(), wheel.no_padding()
            assert wheel.encode(text).ids == ids
        found.append({"text": text, "ids": ids} | embed(tokenizer, text))
    return found


def plain(folder: Path, seed: int) -> dict:
    """Hidden states, and embeddings where no file says how: the mean over all tokens."""
    model = load(folder)
    rng = np.random.default_rng(seed)

    def embed(tokenizer, text: str) -> dict:
        limit = min(position_limit(model.config), tokenizer.model_max_length)
        ids = tokenizer(text, truncation=True, max_length=limit)["input_ids"]
        cut = len(tokenizer(text)["input_ids"]) > limit
        return {"tokens": len(ids), "truncated": cut, "embedding": pack(hidden(model, ids).mean(0))}

    states = [{"ids": ids, "states": pack(hidden(model, ids))} for ids in id_lists(model.config, rng)]
    return {"width": model.config.hidden_size, "dim": model.config.hidden_size, "hidden": states,
            "texts": texts(folder, embed)}


def write(folder: Path, golden: dict) -> None:
    import tokenizers
    import torch
    import transformers

    by = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__, "torch": torch.__version__.split("a")[0]}
    text = json.dumps({"by": by} | golden, ensure_ascii=False, indent=1)
    (folder / "golden.json").write_text(text + "\n", encoding="utf-8")
