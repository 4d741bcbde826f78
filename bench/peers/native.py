#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Natively: wasmicro, onnxruntime and, where it is installed with MKL (Debian's is not), PyTorch, by turns in one process:

    python3 native.py libwasmicro.so MODEL_FOLDER MODEL.onnx [SECONDS]    prints one JSON object

Milliseconds from token ids to the last hidden states, f32, on one thread and on two.
"""

import ctypes as c
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

LENGTHS = [8, 32, 128, 256]


class Span(c.Structure):
    _fields_ = [("p", c.c_char_p), ("n", c.c_size_t)]


class Source(c.Structure):
    _fields_ = [("path", Span), ("bytes", Span)]


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("offset", c.c_uint64), ("text", c.c_char * 240)]


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("allocator", c.c_void_p), ("isa", c.c_char_p), ("max_bytes", c.c_uint64),
                ("compute", c.c_int), ("threads", c.c_uint32)]


class Wasmicro:
    def __init__(self, library: str, folder: Path, threads: int):
        self.lib = c.CDLL(library)
        self.kept = [(path.name.encode(), path.read_bytes()) for path in folder.iterdir()
                     if path.name in ("config.json", "tokenizer.json", "model.safetensors")]
        files = (Source * len(self.kept))(*[Source(Span(n, len(n)), Span(b, len(b))) for n, b in self.kept])
        self.pipeline, self.error = c.c_void_p(), Error()
        options = Options(size=c.sizeof(Options), threads=threads)
        self.check(self.lib.wm_pipeline_open(c.byref(self.pipeline), files, c.c_size_t(len(files)), c.byref(options),
                                             c.byref(self.error)))

    def check(self, status: int):
        if status:
            sys.exit(f"wasmicro: {self.error.text.decode()}")

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        ids = ids.astype(np.int32)
        hidden = np.empty((len(ids), 384), np.float32)
        self.check(self.lib.wm_pipeline_hidden(self.pipeline, ids.ctypes.data_as(c.c_void_p), c.c_size_t(len(ids)),
                                               hidden.ctypes.data_as(c.c_void_p), c.byref(self.error)))
        return hidden


class OnnxRuntime:
    def __init__(self, graph: str, threads: int):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        row = ids[None].astype(np.int64)
        return self.session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row),
                                       "token_type_ids": np.zeros_like(row)})[0][0]


class PyTorch:
    """The same layers by torch.nn.functional, on the same weights."""

    def __init__(self, folder: Path, threads: int):
        import torch
        if not torch.backends.mkl.is_available():
            raise ImportError("a PyTorch with a reference BLAS is no peer")
        from export_onnx import read_safetensors
        self.torch, self.threads = torch, threads
        self.w = {name: torch.from_numpy(np.array(values)) for name, values in
                  read_safetensors(folder / "model.safetensors").items()}

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        torch, F, w = self.torch, self.torch.nn.functional, self.w
        torch.set_num_threads(self.threads)

        def linear(x, name):
            return F.linear(x, w[name + ".weight"], w[name + ".bias"])

        def norm(x, name):
            return F.layer_norm(x, (384,), w[name + ".weight"], w[name + ".bias"], 1e-12)

        with torch.inference_mode():
            e = "embeddings."
            x = (w[e + "word_embeddings.weight"][torch.from_numpy(ids)] + w[e + "position_embeddings.weight"][:len(ids)]
                 + w[e + "token_type_embeddings.weight"][0])
            x = norm(x, e + "LayerNorm")
            for i in range(6):
                layer = f"encoder.layer.{i}."
                q, k, v = (linear(x, f"{layer}attention.self.{part}").view(-1, 12, 32).transpose(0, 1)
                           for part in ("query", "key", "value"))
                mixed = (torch.softmax(q @ k.transpose(1, 2) / 32 ** 0.5, -1) @ v).transpose(0, 1).reshape(-1, 384)
                x = norm(linear(mixed, layer + "attention.output.dense") + x, layer + "attention.output.LayerNorm")
                inner = F.gelu(linear(x, layer + "intermediate.dense"))
                x = norm(linear(inner, layer + "output.dense") + x, layer + "output.LayerNorm")
            return x.numpy()


def measure(engines: dict, ids: np.ndarray, seconds: float) -> dict:
    times = {name: [] for name in engines}
    start = time.perf_counter()
    while time.perf_counter() < start + seconds or len(times["wasmicro"]) < 5:
        for name, engine in engines.items():
            time.sleep(0.02)  # onnxruntime's threads go on spinning for a while
            engine(ids)  # each with its own data in the caches
            before = time.perf_counter()
            engine(ids)
            after = time.perf_counter()
            if before > start + seconds / 4:
                times[name].append((after - before) * 1e3)
    return {name: {"median": float(np.median(list_)), "min": min(list_)} for name, list_ in times.items()}


def main(library: str, folder: str, graph: str, seconds: str = "4"):
    random, rows, versions = np.random.default_rng(1), [], {"onnxruntime": onnxruntime.__version__}
    for threads in (1, 2):
        engines = {"wasmicro": Wasmicro(library, Path(folder), threads), "onnxruntime": OnnxRuntime(graph, threads)}
        try:
            engines["PyTorch"] = PyTorch(Path(folder), threads)
            versions["PyTorch"] = engines["PyTorch"].torch.__version__
        except ImportError:
            pass
        for length in LENGTHS:
            ids = np.concatenate([[101], random.integers(1000, 30000, length - 2), [102]]).astype(np.int64)
            states = {name: engine(ids) for name, engine in engines.items()}
            for name, state in states.items():
                if np.abs(state - states["wasmicro"]).max() > 1e-3:
                    sys.exit(f"{name} and wasmicro do not agree at {length} tokens")
            rows.append({"threads": threads, "length": length, **measure(engines, ids, float(seconds))})
    print(json.dumps({"versions": versions, "rows": rows}))


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
