# SPDX-License-Identifier: MIT OR Apache-2.0
"""What Hugging Face computes from a folder, in float64: golden.json.

width, dim   of a hidden state, of an embedding
hidden       [{ids, states}]: last_hidden_state [ids, width], the mask all ones
texts        [{text, options…, ids, tokens, truncated, embedding}]: ids are the tokenizer's default call;
             tokens, truncated and embedding say what embedding the text with these options gives.
             Options: prompt_name, prompt, pooling, normalize, max_length, truncate
Numbers are float32, little-endian, base64.
"""

import base64
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers

from . import words

POOL = {
    "mean": lambda states: states.mean(0),
    "cls": lambda states: states[0],
    "max": lambda states: states.max(0),
    "last": lambda states: states[-1],
}


def pack(values) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype="<f4").tobytes()).decode()


def load(folder: Path, **options):
    """The base model as AutoModel reads it, widened exactly to float64."""
    return transformers.AutoModel.from_pretrained(folder, **options).double().eval()


def hidden(model, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        batch = torch.tensor([ids])
        return (
            model(input_ids=batch, attention_mask=torch.ones_like(batch))
            .last_hidden_state[0]
            .numpy()
        )


def position_limit(config) -> int:
    """How many tokens the position table can number."""
    roberta = config.model_type in ("roberta", "xlm-roberta", "mpnet")
    return config.max_position_embeddings - (config.pad_token_id + 1 if roberta else 0)


def id_lists(config, rng) -> list[list[int]]:
    """One id; a short list; one with pads inside; a full one."""

    def draw(n: int) -> list[int]:
        ids = rng.integers(config.vocab_size, size=n)
        ids[ids == config.pad_token_id] = config.vocab_size - 1
        return ids.tolist()

    padded = draw(23)
    for at in (0, 5, 6, 17, 22):
        padded[at] = config.pad_token_id
    return [draw(1), draw(7), padded, draw(position_limit(config))]


def open_tokenizer(folder: Path):
    """Hugging Face's fast tokenizer, and proof that the tokenizers library reads the file alike."""
    from tokenizers import Tokenizer

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert tokenizer.is_fast or type(tokenizer).__name__ == "ByT5Tokenizer"
    if (folder / "tokenizer.json").exists():
        wheel = Tokenizer.from_file(str(folder / "tokenizer.json"))
        wheel.no_truncation()
        wheel.no_padding()
        assert all(wheel.encode(text).ids == tokenizer(text)["input_ids"] for text in words.TEXTS)
    return tokenizer


def plain(folder: Path, seed: int) -> dict:
    """Hidden states, and embeddings where no file says how: the mean over all tokens."""
    model, tokenizer, rng = load(folder), open_tokenizer(folder), np.random.default_rng(seed)

    def embed(
        text: str, pooling="mean", normalize=False, max_length=1 << 30, truncate="end"
    ) -> dict:
        limit = min(position_limit(model.config), tokenizer.model_max_length, max_length)
        tokenizer.truncation_side = {"end": "right", "start": "left"}[truncate]
        full, ids = (
            tokenizer(text)["input_ids"],
            tokenizer(text, truncation=True, max_length=limit)["input_ids"],
        )
        vector = POOL[pooling](hidden(model, ids))
        vector = vector / np.linalg.norm(vector) if normalize else vector
        return {
            "ids": full,
            "tokens": len(ids),
            "truncated": len(full) > limit,
            "embedding": pack(vector),
        }

    states = [
        {"ids": ids, "states": pack(hidden(model, ids))} for ids in id_lists(model.config, rng)
    ]
    cases = [{"text": text} for text in words.TEXTS] + [
        {"text": words.TEXTS[2]} | options
        for options in (
            {"pooling": "cls"},
            {"pooling": "max", "normalize": True},
            {"pooling": "last"},
            {"normalize": True},
            {"max_length": 9},
            {"max_length": 9, "truncate": "start"},
        )
    ]
    check_visible(folder, load(folder), states[-1]["ids"])
    width = model.config.hidden_size
    return {
        "width": width,
        "dim": width,
        "hidden": states,
        "texts": [case | embed(**case) for case in cases],
    }


def sentence(folder: Path, extra: list[dict]) -> dict:
    """Embeddings as sentence-transformers computes them; `extra`: options to try besides none."""
    import sentence_transformers

    tokenizer = open_tokenizer(folder)

    def opened():
        with tempfile.TemporaryDirectory() as copy:
            shutil.copytree(folder, copy, dirs_exist_ok=True)
            for path in Path(copy).glob(
                "*_Dense/model.safetensors"
            ):  # this version reads Dense as pickle alone
                from safetensors.torch import load_file

                torch.save(load_file(path), path.with_name("pytorch_model.bin"))
            return sentence_transformers.SentenceTransformer(copy, device="cpu").double()

    def embed(
        text: str, pooling=None, normalize=None, max_length=None, truncate="end", **prompt
    ) -> dict:
        model = opened()
        if pooling:
            mode = {"last": "lasttoken"}.get(pooling, pooling)
            model[1] = sentence_transformers.models.Pooling(model[1].word_embedding_dimension, mode)
        if normalize is False:
            model = sentence_transformers.SentenceTransformer(
                modules=[m for m in model if type(m).__name__ != "Normalize"]
            )
        model.max_seq_length = max_length or model.max_seq_length
        model.tokenizer.truncation_side = {"end": "right", "start": "left"}[truncate]
        vector = model.encode([text], batch_size=1, show_progress_bar=False, **prompt)[0]
        assert vector.dtype == np.float64
        name = prompt.get("prompt_name", model.default_prompt_name)
        text_in = prompt.get("prompt", model.prompts[name] if name else "") + text
        tokens = model.tokenize([text_in])["input_ids"].shape[1]
        model.max_seq_length = 1 << 20
        return {
            "ids": tokenizer(text)["input_ids"],
            "tokens": tokens,
            "truncated": tokens < model.tokenize([text_in])["input_ids"].shape[1],
            "embedding": pack(vector),
        }

    cases = [{"text": text} for text in words.TEXTS]
    cases += [
        {"text": text} | options for options in extra for text in words.TEXTS[:2] + words.TEXTS[-2:]
    ]
    model = opened()
    return {
        "width": model[0].get_word_embedding_dimension(),
        "dim": model.get_sentence_embedding_dimension(),
        "hidden": [],
        "texts": [case | embed(**case) for case in cases],
    }


def check_visible(folder: Path, model, ids: list[int]) -> None:
    """That a wrong activation or epsilon would be seen, at twice the tests' tolerance."""
    want = hidden(model, ids)

    def differs(got) -> bool:
        scale = np.maximum(1, np.abs(want).max(1, keepdims=True))
        return (np.abs(got - want) / scale).max() > 1e-4

    key = "activation" if model.config.model_type == "distilbert" else "hidden_act"
    chosen = getattr(model.config, key)
    for other in {"gelu", "gelu_new", "relu", "silu"} - {
        chosen,
        "gelu_new" if chosen == "gelu_pytorch_tanh" else chosen,
    }:
        config = transformers.AutoConfig.from_pretrained(folder)
        setattr(config, key, other)
        assert differs(
            hidden(load(folder, config=config), ids)
        ), f"{folder.name}: {other} for {chosen} does not show"
    norms = [m for m in model.modules() if isinstance(m, torch.nn.LayerNorm)]
    small = float(model.get_input_embeddings().weight.std()) < 0.1
    if norms[0].eps >= 1e-3 or small:
        eps = norms[0].eps
        for norm in norms:
            norm.eps = 1e-5
        assert differs(hidden(model, ids)), f"{folder.name}: epsilon 1e-5 for {eps} does not show"


def write(folder: Path, golden: dict) -> None:
    """One line an entry."""
    import tokenizers

    by = {
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
        "torch": torch.__version__.split("a")[0],
    }
    lines = []
    for key, value in ({"by": by} | golden).items():
        rows = isinstance(value, list) and value
        text = (
            ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in value)
            if rows
            else json.dumps(value)
        )
        lines.append(f' "{key}": [\n{text}\n ]' if rows else f' "{key}": {text}')
    (folder / "golden.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
