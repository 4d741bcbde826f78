#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""GPT-2 small's shapes with random weights: python3 export_gpt2.py OUT_FOLDER

No registry has a GPT-2 as an ONNX graph with its cache, and how fast one decodes, its shapes alone decide. OUT_FOLDER/f32
and OUT_FOLDER/bf16 are folders as the hub has them, OUT_FOLDER/model.onnx holds the same weights, with the inputs and
outputs that transformers.js feeds (past_key_values.N.key …, present.N.key …).
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from export_onnx import Graph

D, HEADS, LAYERS, VOCABULARY, CONTEXT = 768, 12, 12, 50257, 1024
CONFIG = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": D, "n_head": HEADS, "n_layer": LAYERS,
    "n_positions": CONTEXT, "vocab_size": VOCABULARY, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
}
TOKENIZER = {
    "version": "1.0", "added_tokens": [], "normalizer": None, "post_processor": None,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    "model": {"type": "BPE", "vocab": {chr(33 + i): i for i in range(94)}, "merges": []},
}


def random_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)

    def normal(*shape):
        # Rounded to bf16, so that both files hold the same weights.
        bits = (random.standard_normal(shape, np.float32) * 0.02).view(np.uint32)
        return (bits & 0xFFFF0000).view(np.float32)

    tensors = {"wte.weight": normal(VOCABULARY, D), "wpe.weight": normal(CONTEXT, D)}
    for i in range(LAYERS):
        for name, rows, columns in (("attn.c_attn", D, 3 * D), ("attn.c_proj", D, D),
                                    ("mlp.c_fc", D, 4 * D), ("mlp.c_proj", 4 * D, D)):
            tensors[f"h.{i}.{name}.weight"], tensors[f"h.{i}.{name}.bias"] = normal(rows, columns), normal(columns)
    for name in ["ln_f"] + [f"h.{i}.ln_{n}" for i in range(LAYERS) for n in (1, 2)]:
        tensors[name + ".weight"], tensors[name + ".bias"] = np.ones(D, np.float32), np.zeros(D, np.float32)
    return tensors


def write_folder(folder: Path, tensors: dict[str, np.ndarray], dtype: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    header, parts, offset = {}, [], 0
    for name, values in tensors.items():
        raw = values.tobytes() if dtype == "F32" else (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        header[name] = {"dtype": dtype, "shape": values.shape, "data_offsets": [offset, offset + len(raw)]}
        parts.append(raw)
        offset += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with (folder / "model.safetensors").open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        out.writelines(parts)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "tokenizer.json").write_text(json.dumps(TOKENIZER))


class Decoder(Graph):
    def linear(self, x: str, name: str) -> str:
        return self.node("Add", self.node("MatMul", x, self.weight(name + ".weight")), self.weight(name + ".bias"))

    def gelu(self, x: str) -> str:
        cube = self.node("Mul", self.node("Mul", self.node("Mul", x, x), x), self.scalar(0.044715))
        inner = self.node("Tanh", self.node("Mul", self.node("Add", x, cube), self.scalar(float(np.sqrt(2 / np.pi)))))
        return self.node("Mul", self.node("Mul", x, self.node("Add", inner, self.scalar(1.0))), self.scalar(0.5))

    def mask(self) -> str:
        count = self.node("Gather", self.node("Shape", "attention_mask"), self.constant("one", np.array(1, np.int64)))
        keys = self.node("Range", self.constant("zero", np.array(0, np.int64)), count, "one")
        keys, queries = self.node("Unsqueeze", keys, self.ints(0, 1)), self.node("Unsqueeze", "position_ids", self.ints(2))
        later = self.node("Cast", self.node("Greater", keys, queries), to=TensorProto.FLOAT)
        return self.node("Unsqueeze", self.node("Mul", later, self.scalar(-1e9)), self.ints(1))

    def attention(self, x: str, i: int, mask: str) -> tuple[str, str, str]:
        """What the layer's attention adds, and all keys and values so far."""
        parts = [f"{i}.{part}" for part in "qkv"]
        self.nodes.append(helper.make_node("Split", [self.linear(x, f"h.{i}.attn.c_attn"), self.ints(D, D, D)], parts,
                                           axis=2))
        query, key, value = (self.node("Transpose", self.node("Reshape", part, self.ints(0, 0, HEADS, D // HEADS)),
                                       perm=[0, 2, 1, 3]) for part in parts)
        key = self.node("Concat", f"past_key_values.{i}.key", key, axis=2)
        value = self.node("Concat", f"past_key_values.{i}.value", value, axis=2)
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self.node("Add", self.node("Div", scores, self.scalar(float(np.sqrt(D // HEADS)))), mask)
        mixed = self.node("MatMul", self.node("Softmax", scores, axis=-1), value)
        mixed = self.node("Reshape", self.node("Transpose", mixed, perm=[0, 2, 1, 3]), self.ints(0, 0, D))
        return self.linear(mixed, f"h.{i}.attn.c_proj"), key, value


def build(tensors: dict[str, np.ndarray]) -> onnx.ModelProto:
    g, outputs = Decoder(tensors), []
    mask = g.mask()
    x = g.node("Add", g.node("Gather", g.weight("wte.weight"), "input_ids"),
               g.node("Gather", g.weight("wpe.weight"), "position_ids"))
    for i in range(LAYERS):
        added, key, value = g.attention(g.norm(x, f"h.{i}.ln_1", 1e-5), i, mask)
        outputs += [(key, f"present.{i}.key"), (value, f"present.{i}.value")]
        x = g.node("Add", x, added)
        inner = g.gelu(g.linear(g.norm(x, f"h.{i}.ln_2", 1e-5), f"h.{i}.mlp.c_fc"))
        x = g.node("Add", x, g.linear(inner, f"h.{i}.mlp.c_proj"))
    head = g.constant("lm_head", tensors["wte.weight"].T)
    outputs.insert(0, (g.node("MatMul", g.norm(x, "ln_f", 1e-5), head), "logits"))
    g.nodes += [helper.make_node("Identity", [inside], [outside]) for inside, outside in outputs]

    def value_info(name: str, kind: int, *shape):
        return helper.make_tensor_value_info(name, kind, shape)

    past = [f"{i}.{part}" for i in range(LAYERS) for part in ("key", "value")]
    inputs = [value_info(name, TensorProto.INT64, "b", "t" if name == "attention_mask" else "s")
              for name in ("input_ids", "attention_mask", "position_ids")]
    inputs += [value_info(f"past_key_values.{n}", TensorProto.FLOAT, "b", HEADS, "p", D // HEADS) for n in past]
    results = [value_info("logits", TensorProto.FLOAT, "b", "s", VOCABULARY)]
    results += [value_info(f"present.{n}", TensorProto.FLOAT, "b", HEADS, "t", D // HEADS) for n in past]
    graph = helper.make_graph(g.nodes, "gpt2", inputs, results, list(g.constants.values()))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main(out: Path) -> None:
    tensors = random_weights()
    write_folder(out / "f32", tensors, "F32")
    write_folder(out / "bf16", tensors, "BF16")
    onnx.save(build(tensors), out / "model.onnx")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
