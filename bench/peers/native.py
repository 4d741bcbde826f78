#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Natively: wasmicro, onnxruntime and, where they are there, candle (a process of its own) and a PyTorch with MKL, by turns:

    python3 native.py libwasmicro.so MODEL_FOLDER MODEL.onnx I8_FOLDER Q8.onnx CANDLE_PEER [SECONDS] <IDS.json

prints one JSON object: milliseconds from token ids to the last hidden states, f32 and with 8-bit products, on one thread
and on two; and of the texts in IDS.json, lists of token ids, how close the vectors in 8 bits are to those in f32.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from library import Wasmicro

LENGTHS = [8, 32, 128, 256]


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


class Candle:
    def __init__(self, command: str, folder: Path, threads: int):
        self.process = subprocess.Popen([command, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, "RAYON_NUM_THREADS": str(threads)})

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        print(*ids, file=self.process.stdin, flush=True)
        self.milliseconds, *mean = map(float, self.process.stdout.readline().split())
        return np.array([mean], np.float32)


def timed(engine, ids: np.ndarray) -> tuple:
    """Milliseconds by the clock and of the processor; by its own clock alone for a process of its own."""
    start, used = time.perf_counter(), time.process_time()
    engine(ids)
    used = (time.process_time() - used) * 1e3
    taken = getattr(engine, "milliseconds", None)
    return (taken, np.nan) if taken else ((time.perf_counter() - start) * 1e3, used)


def measure(engines: dict, ids: np.ndarray, seconds: float, threads: int) -> dict:
    """Call by call by turns, and each turn begins with another engine; all but the first two take part in every fourth."""
    times, names = {name: [] for name in engines}, list(engines)
    start, turn = time.perf_counter(), -4
    while time.perf_counter() < start + seconds or turn < 8:
        now = names if turn % 4 == 0 else names[:2]
        first = turn + turn // 4
        for i in range(len(now)):
            name = now[(first + i) % len(now)]
            if threads > 1:
                time.sleep(0.05)  # threads go on spinning for a while
            engines[name](ids)  # each with its own data in the caches
            taken = timed(engines[name], ids)
            if turn >= 0:
                times[name].append(taken)
        turn += 1
    rows = {name: np.array(list_).T for name, list_ in times.items()}
    return {name: {"median": float(np.median(clock)), "min": float(clock.min()), "turns": len(clock),
                   "processor": None if np.isnan(used).any() else float(np.median(used))} for name, (clock, used) in rows.items()}


def mean(states: np.ndarray) -> np.ndarray:
    return states.mean(0) / np.linalg.norm(states.mean(0))


def float_engines(library: str, folder: Path, graph: str, candle: str, threads: int) -> dict:
    engines = {"wasmicro": Wasmicro(library, folder, threads), "onnxruntime": OnnxRuntime(graph, threads)}
    if Path(candle).exists():
        engines["candle"] = Candle(candle, folder, threads)
    try:
        engines["PyTorch"] = PyTorch(folder, threads)
    except ImportError:
        pass
    return engines


def main(library: str, folder: str, graph: str, i8: str, q8: str, candle: str, seconds: str = "3"):
    random, rows, texts = np.random.default_rng(1), {"f32": [], "int8": []}, json.load(sys.stdin)
    for threads in (1, 2):
        engines = float_engines(library, Path(folder), graph, candle, threads)
        int8 = {"wasmicro": Wasmicro(library, Path(i8), threads, 1), "onnxruntime": OnnxRuntime(q8, threads)}
        for length in LENGTHS:
            ids = np.concatenate([[101], random.integers(1000, 30000, length - 2), [102]]).astype(np.int64)
            means = {name: mean(engine(ids)) for name, engine in engines.items()}
            for name, vector in means.items():
                if np.abs(vector - means["wasmicro"]).max() > 1e-5:
                    sys.exit(f"{name} and wasmicro do not agree at {length} tokens")
            for kind, of in (("f32", engines), ("int8", int8)):
                taken = measure(of, ids, float(seconds) * (2 if length >= 128 else 1), threads)
                rows[kind].append({"threads": threads, "length": length, **taken})
    exact = [mean(engines["wasmicro"](np.array(ids, np.int64))) for ids in texts]
    cosines = {name: [float(mean(engine(np.array(ids, np.int64))) @ vector) for ids, vector in zip(texts, exact)]
               for name, engine in int8.items()}
    closeness = {name: {"mean": float(np.mean(list_)), "min": min(list_)} for name, list_ in cosines.items()}
    versions = {"onnxruntime": onnxruntime.__version__}
    if "PyTorch" in engines:
        versions["PyTorch"] = engines["PyTorch"].torch.__version__
    print(json.dumps({"versions": versions, "rows": rows["f32"], "int8": rows["int8"], "cosines": closeness}))


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
