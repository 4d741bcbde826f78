# SPDX-License-Identifier: MIT OR Apache-2.0
"""Quantised files: each kind gives what the f32 numbers that it stands for give; damaged ones are refused by name.

The numbers are read back here from the layouts' definition alone (docs/quantised.md)."""

import json
import shutil
import struct
import tempfile
import unittest
from pathlib import Path

from wasmicro import FAILED, TINY, run

KINDS = ("i8", "u8", "q4")
MODELS = {"gpt2-f32": "logits", "bert-f32": "hidden", "t5-f32": "logits", "llama-bf16": "logits", "albert-f16": "hidden"}


def read(path):
    """name → (dtype, shape, bytes), metadata"""
    data = Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    return {name: (t["dtype"], t["shape"], data[8 + length:][slice(*t["data_offsets"])])
            for name, t in header.items()}, metadata


def write(path, tensors, metadata=None):
    header, data = {"__metadata__": metadata} if metadata else {}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def rounded(values):
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


def widened(tensors, name, cols):
    """The f32 rows that a quantised tensor stands for."""
    dtype, (rows, width), data = tensors[name]
    kind, _, scales = tensors[name + ".scale"]
    if kind == "F16":
        blocks = width // 16
        scale = struct.unpack(f"<{rows * blocks}e", scales)
        q = [[n for byte in data[r * width:(r + 1) * width] for n in (byte & 15, byte >> 4)] for r in range(rows)]
        return [rounded([(q[r][k] - 8) * scale[r * blocks + k // 32] for k in range(cols)]) for r in range(rows)]
    scale = struct.unpack(f"<{rows}f", scales)
    zero = tensors[name + ".zero"][2] if dtype == "U8" else bytes(rows)
    q = struct.unpack(f"<{rows * width}{'B' if dtype == 'U8' else 'b'}", data)
    return [rounded([(q[r * width + k] - zero[r]) * scale[r] for k in range(width)]) for r in range(rows)]


# How far int8 may be from f32, of the largest number: 14 bits of x, or with avx512vnni 8 of its usual numbers.
INT8 = {("--isa", "scalar"): 2e-2, (): 5e-2}


class Quantised(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = Path(scratch.name)

    def convert(self, model, kind):
        folder = self.scratch / f"{model}-{kind}"
        done = run("convert", TINY / model, folder, "--quantize", kind)
        self.assertEqual(done.code, 0, done.error)
        return folder

    def numbers(self, folder, command, *options):
        ids = ["--ids", "5,17,30,2,8"] + (["--decoder-ids", "0,9,4"] if "t5" in folder.name else [])
        done = run(command, folder, *ids, *options)
        self.assertEqual(done.code, 0, done.error)
        return done.json[0]["data"]

    def assert_near(self, got, want, part):
        most = max(map(abs, want))
        self.assertEqual(len(got), len(want))
        self.assertLess(max(abs(a - b) for a, b in zip(got, want)), part * most)

    def test_equal_what_they_stand_for(self):
        for model, command in MODELS.items():
            before, _ = read(TINY / model / "model.safetensors")
            for kind in KINDS:
                with self.subTest(model=model, kind=kind):
                    folder = self.convert(model, kind)
                    tensors, metadata = read(folder / "model.safetensors")
                    self.assertEqual(metadata["wasmicro.quant"], kind + ":1")
                    wide = dict(before)
                    quantised = [name for name in tensors if name + ".scale" in tensors]
                    self.assertGreater(len(quantised), 4)
                    for name in quantised:
                        shape = before[name][1]
                        turned = model == "gpt2-f32" and name.split(".")[-2].startswith("c_")
                        rows = widened(tensors, name, shape[0] if turned else shape[1])
                        if turned:
                            rows = list(zip(*rows))
                        self.assertEqual([len(rows), len(rows[0])], shape)
                        flat = [value for row in rows for value in row]
                        wide[name] = ("F32", shape, struct.pack(f"<{len(flat)}f", *flat))
                    plain = self.scratch / f"{model}-{kind}-wide"
                    shutil.copytree(TINY / model, plain)
                    write(plain / "model.safetensors", wide)
                    want = self.numbers(plain, command)
                    self.assert_near(self.numbers(folder, command), want, 1e-5)
                    if kind != "u8":
                        for isa, part in INT8.items():
                            self.assert_near(self.numbers(folder, command, "--compute", "int8", *isa), want, part)

    def test_every_instruction_set_agrees(self):
        for kind in KINDS:
            folder = self.convert("bert-f32", kind)
            want = self.numbers(folder, "hidden", "--isa", "scalar")
            self.assert_near(self.numbers(folder, "hidden"), want, 1e-5)
            for isa, part in INT8.items() if kind != "u8" else ():
                self.assert_near(self.numbers(folder, "hidden", "--compute", "int8", *isa), want, part)

    def test_int8_needs_quantised_weights(self):
        done = run("hidden", TINY / "bert-f32", "--ids", "1,2", "--compute", "int8")
        self.assertEqual(done.code, FAILED)
        self.assertIn("ARG", done.error)
        self.assertEqual(run("hidden", TINY / "bert-f32", "--ids", "1,2", "--compute", "f64").code, 2)
        self.assertEqual(run("hidden", TINY / "bert-f32", "--ids", "1,2", "--compute", "f32").bytes,
                         run("hidden", TINY / "bert-f32", "--ids", "1,2").bytes)

    def assert_refused(self, folder, tensors, code, *words):
        write(folder / "model.safetensors", tensors)
        done = run("hidden", folder, "--ids", "1,2")
        self.assertEqual(done.code, FAILED)
        for word in (code, *words):
            self.assertIn(word, done.error)

    def test_damaged_files_are_refused(self):
        name = "encoder.layer.0.attention.self.query.weight"
        for kind in KINDS:
            folder = self.convert("bert-f32", kind)
            good, _ = read(folder / "model.safetensors")
            dtype, shape, data = good[name]
            scale_dtype, scale_shape, scale = good[name + ".scale"]
            with self.subTest(kind=kind):
                without = {n: t for n, t in good.items() if n != name + ".scale"}
                self.assert_refused(folder, without, "MISSING" if kind != "q4" else "", name)
                self.assert_refused(folder, good | {name: (dtype, [shape[0], shape[1] - 1], data[:-shape[0]])},
                                    "SHAPE", name)
                self.assert_refused(folder, good | {name: (dtype, [shape[0] * shape[1]], data)}, "SHAPE", name)
                shorter = [scale_shape[0] - 1, *scale_shape[1:]]
                bytes_left = len(scale) // scale_shape[0] * shorter[0]
                self.assert_refused(folder, good | {name + ".scale": (scale_dtype, shorter, scale[:bytes_left])},
                                    "SHAPE", name + ".scale")
                other = ("BF16", scale_shape, scale if kind == "q4" else scale[::2])
                self.assert_refused(folder, good | {name + ".scale": other}, "", name)
                self.assert_refused(folder, good | {name: ("I16", shape, data * 2)},
                                    "SHAPE" if kind == "q4" else "UNSUPPORTED", name)
                if kind == "u8":
                    zero = good[name + ".zero"]
                    self.assert_refused(folder, {n: t for n, t in good.items() if n != name + ".zero"}, "MISSING",
                                        name + ".zero")
                    self.assert_refused(folder, good | {name + ".zero": ("I8", *zero[1:])}, "UNSUPPORTED",
                                        name + ".zero")
                    self.assert_refused(folder, good | {name + ".zero": ("U8", [zero[1][0] - 1], zero[2][:-1])},
                                        "SHAPE", name + ".zero")


if __name__ == "__main__":
    unittest.main()
