#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A BERT encoder as an fp32 ONNX graph: python3 export_onnx.py MODEL_FOLDER OUT.onnx

Written from model.safetensors and config.json, without torch, node by node as torch's exporter and optimum write it
(MatMul then Add, Reshape [0, 0, H, dh], the mask as (1 - mask) * min, GELU by Erf), so that onnxruntime's fusions
find what they look for. Inputs input_ids, attention_mask, token_type_ids; output last_hidden_state.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DTYPES = {"F32": np.float32, "F16": np.float16, "I64": np.int64}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            values = np.frombuffer(data[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
            tensors[name.removeprefix("bert.")] = values
    return tensors


class Graph:
    """Nodes and constants; every call returns the name of what it made."""

    def __init__(self, tensors: dict[str, np.ndarray]):
        self.tensors, self.nodes, self.constants = tensors, [], {}

    def constant(self, name: str, values) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.array(values, order="C"), name)
        return name

    def ints(self, *values: int) -> str:
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        return self.constant(f"scalar_{value!r}", np.array(value, np.float32))

    def weight(self, name: str, transpose=False) -> str:
        values = self.tensors[name].astype(np.float32)
        return self.constant(name, values.T if transpose else values)

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def linear(self, x: str, name: str) -> str:
        product = self.node("MatMul", x, self.weight(name + ".weight", transpose=True))
        return self.node("Add", product, self.weight(name + ".bias"))

    def norm(self, x: str, name: str, epsilon: float) -> str:
        return self.node("LayerNormalization", x, self.weight(name + ".weight"), self.weight(name + ".bias"),
                         axis=-1, epsilon=epsilon)


def embeddings(g: Graph, epsilon: float) -> str:
    words = g.node("Gather", g.weight("embeddings.word_embeddings.weight"), "input_ids", axis=0)
    types = g.node("Gather", g.weight("embeddings.token_type_embeddings.weight"), "token_type_ids", axis=0)
    positions = g.tensors["embeddings.position_embeddings.weight"]
    numbers = g.constant("position_ids", np.arange(len(positions), dtype=np.int64)[None])
    count = g.node("Gather", g.node("Shape", "input_ids"), g.constant("one", np.array(1, np.int64)), axis=0)
    used = g.node("Slice", numbers, g.ints(0), g.node("Unsqueeze", count, g.ints(0)), g.ints(1), g.ints(1))
    rows = g.node("Gather", g.weight("embeddings.position_embeddings.weight"), used, axis=0)
    return g.norm(g.node("Add", g.node("Add", words, types), rows), "embeddings.LayerNorm", epsilon)


def attention(g: Graph, x: str, mask: str, layer: str, heads: int, width: int) -> str:
    def split(part: str, order: list[int]) -> str:
        states = g.linear(x, f"{layer}.attention.self.{part}")
        return g.node("Transpose", g.node("Reshape", states, g.ints(0, 0, heads, width // heads)), perm=order)

    query, key, value = split("query", [0, 2, 1, 3]), split("key", [0, 2, 3, 1]), split("value", [0, 2, 1, 3])
    scores = g.node("Div", g.node("MatMul", query, key), g.scalar(float(np.sqrt(width // heads))))
    weights = g.node("Softmax", g.node("Add", scores, mask), axis=-1)
    mixed = g.node("Transpose", g.node("MatMul", weights, value), perm=[0, 2, 1, 3])
    return g.linear(g.node("Reshape", mixed, g.ints(0, 0, width)), f"{layer}.attention.output.dense")


def gelu(g: Graph, x: str) -> str:
    erf = g.node("Erf", g.node("Div", x, g.scalar(float(np.sqrt(2.0)))))
    return g.node("Mul", g.node("Mul", x, g.node("Add", erf, g.scalar(1.0))), g.scalar(0.5))


def build(folder: Path) -> onnx.ModelProto:
    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] != "bert" or config["hidden_act"] != "gelu":
        sys.exit("export_onnx.py: a BERT with erf GELU is wanted")
    g = Graph(read_safetensors(folder / "model.safetensors"))
    width, epsilon = config["hidden_size"], config["layer_norm_eps"]
    x = embeddings(g, epsilon)
    mask = g.node("Unsqueeze", g.node("Unsqueeze", "attention_mask", g.ints(1)), g.ints(2))
    mask = g.node("Sub", g.scalar(1.0), g.node("Cast", mask, to=TensorProto.FLOAT))
    mask = g.node("Mul", mask, g.scalar(float(np.finfo(np.float32).min)))
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{index}"
        mixed = attention(g, x, mask, layer, config["num_attention_heads"], width)
        x = g.norm(g.node("Add", mixed, x), f"{layer}.attention.output.LayerNorm", epsilon)
        inner = gelu(g, g.linear(x, f"{layer}.intermediate.dense"))
        x = g.norm(g.node("Add", g.linear(inner, f"{layer}.output.dense"), x), f"{layer}.output.LayerNorm", epsilon)
    g.nodes[-1].output[0] = "last_hidden_state"
    shape = ["batch_size", "sequence_length"]
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in names]
    output = helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, width])
    graph = helper.make_graph(g.nodes, "bert", inputs, [output], list(g.constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    out = Path(sys.argv[2])
    out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(build(Path(sys.argv[1])), out)
