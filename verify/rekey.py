# SPDX-License-Identifier: MIT OR Apache-2.0
"""all-MiniLM-L6-v2's weights under the other families' names: real weights for each, the same function.

An ELECTRA with embedding_size = hidden_size is a BERT. A RoBERTa is one whose position table starts after the pad's
row. A DistilBERT is one whose token types are all 0 and added to the positions.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

import common

DISTIL = {
    "encoder.layer.": "transformer.layer.",
    "attention.self.query": "attention.q_lin",
    "attention.self.key": "attention.k_lin",
    "attention.self.value": "attention.v_lin",
    "attention.output.dense": "attention.out_lin",
    "attention.output.LayerNorm": "sa_layer_norm",
    "intermediate.dense": "ffn.lin1",
    "output.dense": "ffn.lin2",
    "output.LayerNorm": "output_layer_norm",
}


def electra(config: dict, tensors: dict) -> tuple[dict, dict]:
    named = {
        "electra." + name: tensor
        for name, tensor in tensors.items()
        if not name.startswith("pooler.")
    }
    return config | {"model_type": "electra", "embedding_size": config["hidden_size"]}, named


def roberta(config: dict, tensors: dict) -> tuple[dict, dict]:
    table = "embeddings.position_embeddings.weight"
    shifted = np.concatenate([np.full_like(tensors[table][:1], 9), tensors[table]])
    return (
        config
        | {"model_type": "roberta", "max_position_embeddings": len(shifted), "pad_token_id": 0},
        {"roberta." + name: tensor for name, tensor in (tensors | {table: shifted}).items()},
    )


def distilbert(config: dict, tensors: dict) -> tuple[dict, dict]:
    named = {}
    for name, tensor in tensors.items():
        if name.startswith(("pooler.", "embeddings.token_type")):
            continue
        if name == "embeddings.position_embeddings.weight":
            tensor = tensor + tensors["embeddings.token_type_embeddings.weight"][0]
        for old, new in DISTIL.items() if name.startswith("encoder") else ():
            name = name.replace(old, new)
        named["distilbert." + name] = tensor
    return {
        "model_type": "distilbert",
        "dim": config["hidden_size"],
        "hidden_dim": config["intermediate_size"],
        "n_layers": config["num_hidden_layers"],
        "n_heads": config["num_attention_heads"],
        "activation": "gelu",
        "vocab_size": config["vocab_size"],
        "max_position_embeddings": config["max_position_embeddings"],
        "pad_token_id": 0,
    }, named


def main() -> int:
    source = common.minilm()
    config = json.loads((source / "config.json").read_text())
    tensors = {
        name: t
        for name, t in load_file(source / "model.safetensors").items()
        if t.dtype == np.float32
    }
    texts = common.lines_of(common.ROOT / "verify/texts.txt")[::4]
    ids = np.random.default_rng(1).integers(1000, config["vocab_size"], size=200).tolist()
    bert, table = common.cli_embed(source, texts), common.Table(
        "all-MiniLM-L6-v2's weights as other families"
    )
    for family in (electra, roberta, distilbert):
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / family.__name__
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("model.safetensors"))
            settings, renamed = family(config, tensors)
            (folder / "config.json").write_text(json.dumps(settings))
            save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
            same = float(np.abs(common.cli_embed(folder, texts) - bert).max())
            table.row(
                f"{family.__name__}: embeddings, to BERT's own",
                same,
                0 if family is not distilbert else 1e-6,
            )
            exact = common.hidden(common.base_model(folder), ids)
            table.row(
                f"{family.__name__}: hidden states of {len(ids)} ids, to float64",
                common.distance(common.cli_hidden(folder, ids), exact),
                5e-5,
            )
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
