# SPDX-License-Identifier: MIT OR Apache-2.0
"""libwasmicro.so by ctypes, as far as the comparisons need it."""

import ctypes as c
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2] / "verify"))
from structs import Error, PipelineOptions, Span, sources  # noqa: E402


class Generate(c.Structure):
    """The first members of wm_generate_options."""
    _fields_ = [("size", c.c_size_t), ("max_new_tokens", c.c_uint32), ("min_new_tokens", c.c_uint32)]


class Generated(c.Structure):
    _fields_ = [("id", c.c_int32), ("sequence", c.c_uint32), ("finish", c.c_int), ("text", Span)]


def address(values: np.ndarray) -> c.c_void_p:
    return values.ctypes.data_as(c.c_void_p)


class Wasmicro:
    def __init__(self, library: str, folder: Path, threads: int, compute: int = 0):
        self.lib = c.CDLL(library)
        self.kept = [(path.name.encode(), path.read_bytes()) for path in folder.iterdir()
                     if path.name in ("config.json", "tokenizer.json", "model.safetensors")]
        self.pipeline, self.error = c.c_void_p(), Error()
        options = PipelineOptions(size=c.sizeof(PipelineOptions), threads=threads, compute=compute)
        self.check(self.lib.wm_pipeline_open(c.byref(self.pipeline), sources(self.kept), c.c_size_t(len(self.kept)),
                                             c.byref(options), c.byref(self.error)))

    def check(self, status: int):
        if status:
            sys.exit(f"wasmicro: {self.error.text.decode()}")

    def __call__(self, ids: np.ndarray) -> np.ndarray:
        """Hidden states."""
        ids = ids.astype(np.int32)
        hidden = np.empty((len(ids), 384), np.float32)
        self.check(self.lib.wm_pipeline_hidden(self.pipeline, address(ids), c.c_size_t(len(ids)), address(hidden),
                                               c.byref(self.error)))
        return hidden

    def generate(self, ids: np.ndarray, count: int):
        """Greedy token ids, one by one."""
        ids, token, generation = ids.astype(np.int32), Generated(), c.c_void_p()
        options = Generate(size=c.sizeof(Generate), max_new_tokens=count, min_new_tokens=count)
        self.check(self.lib.wm_generation_open_ids(c.byref(generation), self.pipeline, address(ids), c.c_size_t(len(ids)),
                                                   c.byref(options), c.byref(self.error)))
        for _ in range(count):
            self.check(self.lib.wm_generation_next(generation, c.byref(token), c.byref(self.error)))
            yield token.id
        self.lib.wm_generation_close(generation)
