# SPDX-License-Identifier: MIT OR Apache-2.0
"""Weights drawn so that a wrong choice shows: Hugging Face's own start (norms 1, biases 0, scores near 0) would hide it."""

import json
import zlib
from pathlib import Path

import numpy as np

UNSCALED = (
    "t5",
    "mt5",
    "longt5",
    "gpt_neo",
)  # scores that are not divided by the root of the head's width


def draw(model, seed: int, embedding_std: float) -> None:
    """Draws every weight; each tensor's numbers depend on the seed and its name only."""
    import torch

    for name, weight in model.named_parameters():
        owner, _, leaf = name.rpartition(".")
        module = model.get_submodule(owner)
        mean, std = 0.0, 0.3  # a bias
        if type(module).__name__.endswith("Norm") and leaf == "weight":
            mean = 1.0
        elif isinstance(module, torch.nn.Embedding):
            std = embedding_std
        elif weight.dim() == 2:
            inputs = weight.shape[0 if type(module).__name__ == "Conv1D" else 1]
            std = (
                1.8 * inputs**-0.5
            )  # sharp attention; activations off their straight parts; residuals that count
            if (
                name.endswith(("Attention.q.weight", "attention.q_proj.weight"))
                and model.config.model_type in UNSCALED
            ):
                std *= weight.shape[0] ** -0.5 * model.config.num_heads**0.5
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        values = rng.standard_normal(tuple(weight.shape), dtype=np.float32) * np.float32(
            std
        ) + np.float32(mean)
        with torch.no_grad():
            weight.copy_(torch.from_numpy(values))


def edit(folder: Path, rename: dict[str, str], extra: dict) -> None:
    """Renames parts of the tensors' names and adds tensors, in model.safetensors or its shards."""
    from safetensors.torch import load_file, save_file

    def renamed(name: str) -> str:
        for old, new in rename.items():
            name = name.replace(old, new)
        return name

    if not rename and not extra:
        return
    for path in folder.glob("*.safetensors"):
        tensors = {renamed(name): tensor for name, tensor in load_file(path).items()}
        save_file(tensors | extra, path, metadata={"format": "pt"})
    index = folder / "model.safetensors.index.json"
    if index.exists():
        content = json.loads(index.read_text())
        content["weight_map"] = {
            renamed(name): shard for name, shard in content["weight_map"].items()
        }
        index.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def settle(folder: Path, model_type: str) -> None:
    """config.json without what differs from machine to machine."""
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.pop("_name_or_path", None)
    assert config["model_type"] == model_type
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
