# SPDX-License-Identifier: MIT OR Apache-2.0
"""convert: what goes in as safetensors, PyTorch or GGUF comes out the same bytes; what is none of them is refused."""

import base64
import json
import math
import os
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest
import zipfile

from hub import Hub
from test_commands import Case
from test_hub import WITH_HUB
from weights_files import Storage, Tensor, gguf, pickled, read_safetensors, torch_old, torch_zip
from wasmicro import BINARY, CLEAN, FAILED, ROOT, SANITIZED, TINY, USAGE, peak_memory, run

BERT = TINY / "bert-f32"


def of(dtype, numbers, key="0", seed=1):
    from weights_files import SIZES
    return Storage(key, dtype, random.Random(seed).randbytes(numbers * SIZES[dtype]))


class ConvertCase(Case):
    def setUp(self):
        super().setUp()
        self.model, self.out = self.folder / "model", self.folder / "out"
        shutil.copytree(BERT, self.model)

    def convert(self, *options, model=None, **more):
        shutil.rmtree(self.out, ignore_errors=True)
        result = run("convert", model or self.model, self.out, *options, **more)
        self.assertFalse(list(self.folder.glob("*.part")), "something half-written is left")
        return result

    def assert_converts(self, *options, model=None):
        result = self.convert(*options, model=model)
        self.assertEqual(result.code, 0, result.error)
        self.tensors, self.metadata = read_safetensors(self.out / "model.safetensors")
        return result.json[0]

    def assert_refused(self, *words, model=None, options=()):
        result = self.convert(*options, model=model)
        self.assertEqual((result.code, result.bytes), (FAILED, b""), result.error)
        self.assertFalse(self.out.exists())
        for word in words:
            self.assertIn(word, result.error)

    def use_torch(self, content, name="pytorch_model.bin"):
        (self.model / "model.safetensors").unlink(missing_ok=True)
        (self.model / name).write_bytes(content)


class Safetensors(ConvertCase):
    def test_as_it_is(self):
        for name in ("bert-f32", "distilbert-f16", "roberta-f32", "st-dense"):
            report = self.assert_converts(model=TINY / name)
            want, _ = read_safetensors(TINY / name / "model.safetensors")
            self.assertEqual(self.tensors, want)
            self.assertEqual(len(report["tensors"]), len(want))
            for path in (p for p in (TINY / name).rglob("*") if p.is_file() and p.name != "model.safetensors"):
                self.assertEqual((self.out / path.relative_to(TINY / name)).read_bytes(), path.read_bytes())
        self.assertTrue((self.out / "2_Dense/model.safetensors").exists())
        self.assertEqual(run("embed", self.out, "text").bytes, run("embed", TINY / "st-dense", "text").bytes)

    def split(self):
        """model.safetensors as two shards, its tensors in turns."""
        whole, _ = read_safetensors(self.model / "model.safetensors")
        (self.model / "model.safetensors").unlink()
        self.shards = {}
        for i in range(2):
            name, offset, header, data = f"model-{i}.safetensors", 0, {}, b""
            for tensor in sorted(whole)[i::2]:
                dtype, shape, content = whole[tensor]
                header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(content)]}
                offset += len(content)
                data += content
                self.shards[tensor] = name
            text = json.dumps(header).encode()
            (self.model / name).write_bytes(struct.pack("<Q", len(text)) + text + data)
        self.write_index(self.shards)
        return whole

    def write_index(self, shards, **metadata):
        (self.model / "model.safetensors.index.json").write_text(json.dumps({"metadata": metadata, "weight_map": shards}))

    def test_shards(self):
        whole = self.split()
        right = sum(len(data) for _, _, data in whole.values())
        for metadata in ({"total_size": 1}, {"total_size": -1}, {"total_size": "x"}, {"total_size": 10**18}, {}, {"total_size": right}):
            self.write_index(self.shards, **metadata)  # which decides nothing
            result = self.convert()
            self.assertEqual((result.code, "warning: model.safetensors.index.json: total_size" in result.error),
                             (0, metadata.get("total_size") != right), result.error)
            self.assertEqual(read_safetensors(self.out / "model.safetensors")[0], whole)
        self.assertFalse(list(self.out.glob("*index*")))
        name = sorted(whole)[0]
        self.write_index({**self.shards, name: "model-1.safetensors"})
        self.assert_refused("MISSING", name)
        shutil.copy(self.model / "model-0.safetensors", self.model / "model-2.safetensors")
        self.write_index({**self.shards, name: "model-2.safetensors"})
        self.assert_refused("DUP")
        for path in ("../../etc/passwd", "/abs", "C:\\x", "a\\..\\b", "%2e%2e/x", "https://example.org/x", ""):
            self.write_index({**self.shards, name: path})
            self.assert_refused("PATH")
        self.write_index({**self.shards, name: "absent.safetensors"})
        self.assert_refused("MISSING", "absent.safetensors")
        self.write_index({str(i): f"{i}.safetensors" for i in range(100_000)})
        self.assert_refused("LIMIT")

    def test_quantized(self):
        before, _ = read_safetensors(self.model / "model.safetensors")
        sizes = {}
        for kind in ("i8", "u8", "q4", "f16"):
            report = self.assert_converts("--quantize", kind, "--check")
            sizes[kind] = report["bytes_after"]
            self.assertEqual(report["bytes_after"], (self.out / "model.safetensors").stat().st_size)
            self.assertGreater(report["check"]["least_cosine"], 0.9 if kind == "q4" else 0.998)
            self.assertEqual((self.metadata["wasmicro.quant"], self.metadata["wasmicro.dtype"]), (f"{kind}:1", "F32"))
            changed = {t["name"]: t for t in report["tensors"] if "to" in t}
            for name, (dtype, shape, data) in before.items():
                if name not in changed:
                    self.assertEqual(self.tensors[name], (dtype, shape, data))
                    continue
                self.assertLess(changed[name]["relative_error"], {"i8": .02, "u8": .02, "q4": .15, "f16": .0005}[kind])
                self.assertEqual(name + ".scale" in self.tensors, kind != "f16")
            self.assertIn("embeddings.word_embeddings.weight", " ".join(changed))
            self.assertFalse([name for name in changed if "LayerNorm" in name or name.endswith("bias")])
            if kind != "f16":
                again = run("convert", self.out, self.folder / "again", "--quantize", "i8")
                self.assertEqual((again.code, (self.folder / "again").exists()), (FAILED, False))
                self.assertIn("quantised already", again.error)
        self.assertLess(sizes["q4"], sizes["i8"])
        self.assertLess(sizes["i8"], sizes["f16"])

    def test_quantized_generation(self):
        for name in ("gpt2-f32", "t5-f32"):  # GPT-2 stores its matrices turned
            report = self.assert_converts("--quantize", "f16", "--check", model=TINY / name)
            self.assertGreater(report["check"]["tokens"], 10)
            self.assertGreaterEqual(report["check"]["equal_tokens"], report["check"]["tokens"] * 0.5)
            self.assert_converts("--quantize", "i8", "--check", model=TINY / name)

    def test_the_target(self):
        self.assertEqual(run("convert", self.model).code, USAGE)
        self.assertEqual(run("convert", self.model, self.out, "--quantize", "i3").code, USAGE)
        self.out.mkdir()
        self.assertEqual(run("convert", self.model, self.out).code, 0)  # an empty folder is as good as none
        full = run("convert", self.model, self.out)
        self.assertEqual(full.code, FAILED)
        self.assertIn("not empty", full.error)
        self.assertEqual(run("convert", self.model, str(self.folder / "a/b/c") + "/").code, 0)
        self.assertTrue((self.folder / "a/b/c/model.safetensors").exists())
        self.assertEqual(run("convert", self.model, "/dev/null/x").code, FAILED)
        self.assertEqual(run("convert", self.folder / "absent/x/y", self.out).code, FAILED)

    def test_stopped(self):
        name, size = "embeddings.word_embeddings.weight", 240 << 20
        text = json.dumps({name: {"dtype": "F32", "shape": [size // 4096, 1024], "data_offsets": [0, size]}}).encode()
        with (self.model / "model.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + size)
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        for number in signals:
            process = subprocess.Popen([BINARY, "convert", self.model, self.out, "--quantize", "q4"], env=CLEAN, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, preexec_fn=lambda: [signal.signal(each, signal.SIG_DFL) for each in signals])
            while process.poll() is None and not list(self.folder.glob("*.part/*")):
                time.sleep(0.001)
            process.send_signal(number)
            error = process.communicate(timeout=30)[1]
            self.assertEqual(process.returncode, -number, error)
            self.assertIn(b"CANCEL", error)
            self.assertEqual((list(self.folder.glob("*.part")), self.out.exists()), ([], False))
        command = [BINARY, "convert", self.model, self.out, "--quantize", "q4"]
        killed, held = (subprocess.Popen(command, env=CLEAN, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2))
        while len(list(self.folder.glob("out.*.part/*"))) < 2:
            self.assertIsNone(killed.poll() or held.poll())
            time.sleep(0.001)
        killed.kill()
        killed.wait()
        held.send_signal(signal.SIGSTOP)
        others = [self.folder / name for name in ("out.part", "out.1x.part", "outer.1.part", "out.1.part2")]
        for path in others:
            path.mkdir()
        shutil.copy(BERT / "model.safetensors", self.model)
        done = run("convert", self.model, self.out)
        self.assertEqual(done.code, 0, done.error)
        self.assertEqual(sorted(self.folder.glob("*.part*")), sorted([*others, self.folder / f"out.{held.pid}.part"]))
        held.kill()
        held.wait()
        for path in self.folder.glob("*.part*"):
            shutil.rmtree(path)

    def test_weights_that_become_shorter(self):
        name, size = "embeddings.word_embeddings.weight", 240 << 20
        text = json.dumps({name: {"dtype": "F32", "shape": [size // 4096, 1024], "data_offsets": [0, size]}}).encode()
        for options in ((), ("--quantize", "q4")):
            with (self.model / "model.safetensors").open("wb") as file:
                file.write(struct.pack("<Q", len(text)) + text)
                file.truncate(8 + len(text) + size)
            with subprocess.Popen([BINARY, "convert", self.model, self.out, *options], env=CLEAN, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE) as process:
                while process.poll() is None and not list(self.folder.glob("*.part/*")):
                    time.sleep(0.001)
                os.truncate(self.model / "model.safetensors", 4096)
                self.assertIn(b"became shorter", process.communicate(timeout=30)[1])
            self.assertEqual((process.returncode, list(self.folder.glob("out*"))), (FAILED, []))

    def test_weights_that_are_no_numbers(self):
        path = self.model / "model.safetensors"
        data = bytearray(path.read_bytes())
        data[-4:] = struct.pack("<f", float("nan"))
        size, = struct.unpack("<Q", data[:8])
        for i in range(8 + size, len(data) - 4, 400):
            data[i // 4 * 4:i // 4 * 4 + 4] = struct.pack("<f", float("inf"))
        path.write_bytes(data)
        self.assert_refused("NUMERIC", options=["--quantize", "i8"])


class Torch(ConvertCase):
    def bert(self):
        """bert-f32's tensors, each in a storage of its own, some as parameters."""
        whole, _ = read_safetensors(BERT / "model.safetensors")
        return whole, {name: Tensor(Storage(str(i), dtype, data), shape, parameter=i % 3 == 0)
                       for i, (name, (dtype, shape, data)) in enumerate(whole.items())}

    def test_each_form(self):
        whole, tensors = self.bert()
        for content in (torch_zip(tensors), torch_zip(tensors, protocol=4), torch_zip(tensors, folder="pytorch_model"),
                        torch_old(tensors)):
            self.use_torch(content)
            self.assert_converts("--check")
            self.assertEqual(self.tensors, whole)
            self.assertEqual(run("embed", self.out, "text").bytes, run("embed", BERT, "text").bytes)
        self.assert_converts(model=self.model / "../model")
        self.assert_converts("--quantize", "i8", "--check")

    def test_each_dtype(self):
        for form in (torch_zip, torch_old):
            tensors = {dtype: Tensor(of(dtype, 6, dtype), [2, 3]) for dtype in
                       ("F32", "F16", "BF16", "F64", "I64", "I32", "I16", "I8", "U8", "BOOL")}
            self.use_torch(form(tensors))
            self.assert_converts()
            self.assertEqual(self.tensors, {n: (n, [2, 3], t.storage.data) for n, t in tensors.items()})

    def test_views(self):
        storage = of("I16", 60)
        numbers = struct.unpack("<60h", storage.data)
        views = {"turned": ([5, 3], [1, 5], 2), "gaps": ([4, 2], [10, 3], 1), "deep": ([2, 3, 4], [1, 2, 6], 0), "scalar": ([], [], 7),
                 "one": ([1, 4], [99, 1], 3), "empty": ([0, 4], [4, 1], 0), "row": ([6], [7], 5), "first": ([1, 3], [1, 2], 0)}
        self.use_torch(torch_zip({name: Tensor(storage, *view) for name, view in views.items()}))
        self.assert_converts()
        for name, (shape, strides, offset) in views.items():
            places = [offset]
            for n, stride in zip(shape, strides):
                places = [p + i * stride for p in places for i in range(n)]
            self.assertEqual(self.tensors[name], ("I16", shape, struct.pack(f"<{len(places)}h", *(numbers[p] for p in places))), name)

    def test_views_that_are_not_there(self):
        storage = of("F32", 10)
        for shape, strides, offset, word in (([11], [1], 0, "SHAPE"), ([5], [1], 6, "SHAPE"), ([2**31, 2**31], [0, 0], 0, "SHAPE"),
                                             ([5], [0], 0, None), ([2], [2**62], 0, "SHAPE"), ([3], [2**62], 0, "SHAPE"),
                                             ([2**62, 2**62], [1, 1], 0, "OVERFLOW"), ([-1], [1], 0, "FORMAT"),
                                             ([1] * 9, [1] * 9, 0, "LIMIT"), ([2], [1, 1], 0, "FORMAT"), ([1], [1], -1, "FORMAT"),
                                             ([2, 2], [2**62, 1], 2**62, "SHAPE")):
            self.use_torch(torch_zip({"a": Tensor(storage, shape, strides, offset)}))
            if word:
                self.assert_refused(word)
            else:
                self.assert_converts()
        short = Storage("0", "F32", b"x" * 40)
        content = pickled({"a": Tensor(short, [10])})
        short.data = b"x" * 39
        self.use_torch(torch_zip({"a": Tensor(short, [10])}, pickle_bytes=content))
        self.assert_refused("TRUNC")
        self.use_torch(torch_zip({}, pickle_bytes=content))
        self.assert_refused("MISSING", "storage")

    def test_pickles_that_do_something(self):
        evil = [b"cos\nsystem\n(X\x02\x00\x00\x00lstR.", b"cbuiltins\neval\n.", b"c__builtin__\nexec\n.", b"cposix\nsystem\n.",
                b"ctorch.storage\n_load_from_bytes\n.", b"ctorch\nload\n.", b"\x8c\x02os\x8c\x06system\x93.", b"cnumpy.core.multiarray\n_reconstruct\n."]
        for code in evil:
            self.use_torch(torch_zip({}, pickle_bytes=b"\x80\x02" + code))
            self.assert_refused("UNSUPPORTED", "refused")
        for code, name in ((b"ios\nsystem\n", "INST"), (b"(o", "OBJ"), (b"\x81", "NEWOBJ"), (b"\x92", "NEWOBJ_EX"), (b"P0\n", "PERSID"),
                           (b"\x82\x01", "EXT1"), (b"S'x'\n", "STRING"), (b"2", "DUP"), (b"0", "POP"), (b"\x8b", "LONG4"),
                           (b"\x96", "BYTEARRAY8"), (b"I1\n", "INT"), (b"V1\n", "UNICODE")):
            self.use_torch(torch_zip({}, pickle_bytes=b"\x80\x02" + code + b"."))
            self.assert_refused("UNSUPPORTED", name)

    def test_pickles_that_are_broken(self):
        good = pickled({"a": Tensor(of("F32", 4), [4])})
        for code in [b"", b"\x80", b".", b"t.", b"R.", b"u.", b"s.", b"a.", b"q\x00.", b"h\x07.", b"(", b"\x99.", b"}R.", b"b.", b"Q.",
                     b"X\xff\xff\xff\xffab.", b"\x8d" + b"\xff" * 8 + b"a.", b"c os", b")Q.", b"}(K\x01u.", b"r\xff\xff\xff\xff.",
                     b"Nr\xff\xff\xff\xff.", b"N."] + [good[:i] for i in range(1, len(good), 7)]:
            self.use_torch(torch_zip({}, pickle_bytes=code))
            self.assert_refused("pytorch_model.bin" if code != b"N." else "MISSING")
        start = time.monotonic()
        for code in (b"(" * 3_000_000, b"]" * 3_000_000, b"N" * 3_000_000, b"(" * 1000 + b"N" * 100_000 + b"t" * 1000, b"]q\x00" + b"h\x00a" * 500_000):
            self.use_torch(torch_zip({}, pickle_bytes=code + b"."))
            self.assert_refused("pytorch_model.bin")
        self.assertLess(time.monotonic() - start, 5)

    def test_zips_that_are_broken(self):
        _, tensors = self.bert()
        good = torch_zip(tensors)
        end = good.rindex(b"PK\5\6")
        directory, = struct.unpack("<I", good[end + 16:end + 20])
        def at(place, content):
            return good[:place] + content + good[place + len(content):]
        cases = [good[:n] for n in (4, 30, len(good) // 2, len(good) - 1)]
        cases += [at(end + 10, b"\xff\xff"), at(end + 16, b"\xff\xff\xff\xff"), at(end + 12, b"\xff\xff\xff\x7f"), at(directory, b"XX"),
                  at(directory + 42, b"\xff\xff\xff\x7f"), at(directory + 24, b"\xff\xff\xff\x7f"), at(directory + 28, b"\xff\xff"),
                  at(directory + 10, b"\x08\x00"), at(directory + 8, b"\x01\x00"), at(0, b"PK\3\5"), b"PK\3\4" + b"\0" * 100,
                  torch_zip(tensors, compression=zipfile.ZIP_DEFLATED), torch_zip(tensors, order=b"big")]
        for content in cases:
            self.use_torch(content)
            self.assert_refused("pytorch_model.bin")
        rng = random.Random(3)
        for _ in range(25):
            data = bytearray(good)
            for _ in range(4):
                data[rng.randrange(directory, len(data))] = rng.randrange(256)
            self.use_torch(bytes(data))
            self.convert()
        with zipfile.ZipFile(self.model / "pytorch_model.bin", "w") as to:
            to.writestr("readme.txt", "no model")
        self.assert_refused("UNSUPPORTED", "data.pkl")

    def test_older_files_that_are_broken(self):
        _, tensors = self.bert()
        good = torch_old(tensors)
        for n in (1, 2, 20, 100, 1000, len(good) // 2, len(good) - 1):
            self.use_torch(good[:n])
            self.assert_refused("pytorch_model.bin")
        rng = random.Random(4)
        for _ in range(25):
            data = bytearray(good)
            for _ in range(3):
                data[rng.randrange(0, 6000)] = rng.randrange(256)
            self.use_torch(bytes(data))
            self.convert()

    def test_shards(self):
        whole, tensors = self.bert()
        names = sorted(whole)
        for i in range(2):
            self.use_torch(torch_zip({n: tensors[n] for n in names[i::2]}), f"pytorch_model-{i}.bin")
        def index(more={}):
            (self.model / "pytorch_model.bin.index.json").write_text(json.dumps(
                {"weight_map": {n: f"pytorch_model-{i % 2}.bin" for i, n in enumerate(names)} | more}))
        index()
        self.assert_converts()
        self.assertEqual(self.tensors, whole)
        for more, word in (({"x": "pytorch_model-1.bin"}, "MISSING"), ({"x": "pytorch_model-9.bin"}, "MISSING"), ({"x": "../x.bin"}, "PATH")):
            index(more)
            self.assert_refused(word)

    def test_safetensors_of_any_name(self):
        alone = self.model / "some.safetensors"
        (self.model / "model.safetensors").rename(alone)
        done = run("info", alone)
        self.assertEqual(done.code, 0, done.error)
        self.assertEqual(done.json[0]["format"], "safetensors")

    def test_not_what_the_name_says(self):
        for content, code, word in ((b"<!DOCTYPE html><html>", "FORMAT", "HTML"),
                                    (b"version https://git-lfs.github.com/spec/v1\n", "FORMAT", "LFS pointer"),
                                    (b"", "FORMAT", "no weights"), (b"\x1f\x8b\x08", "UNSUPPORTED", "gzip"),
                                    (b"\x08\x03\x12\x07pytorch", "UNSUPPORTED", "ONNX")):
            self.use_torch(content)
            self.assert_refused(code, word)
        (self.model / "pytorch_model.bin").unlink()
        self.assert_refused("MISSING")

    def test_other_commands_say_how(self):
        whole, tensors = self.bert()
        self.use_torch(torch_zip(tensors))
        for model in (self.model, self.model / "pytorch_model.bin"):
            info, = run("info", model).json
            self.assertEqual((info["format"], info["runs"], info["types"]), ("PyTorch", False, {"F32": len(whole)}))
            self.assertEqual(info["needed_bytes"], sum(len(data) for _, _, data in whole.values()))
        self.assertIn("convert", run("info", self.model).json[0]["why"])
        self.assertTrue(run("info", BERT).json[0]["runs"])
        (self.model / "config.json").write_text('{"model_type": "mamba"}')
        self.assertIn("mamba", run("info", self.model).json[0]["why"])
        for command in (["embed", self.model, "text"], ["hidden", self.model, "--ids", "5"]):
            result = run(*command)
            self.assertEqual(result.code, FAILED)
            self.assertIn("UNSUPPORTED", result.error)

    def test_info_of_what_has_no_weights(self):
        (self.model / "model.safetensors").unlink()
        info, = run("info", self.model).json
        self.assertEqual((info["format"], info["model_type"], info["tokenizer"], info["runs"], info["needed_bytes"]),
                         ("tokenizer", "bert", "wordpiece", False, 0))
        self.assertIn("tokenize", info["why"])
        index = self.model / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {"total_size": 77}, "weight_map": {"a": "x.safetensors", "b": "y.safetensors", "c": "x.safetensors"}}))
        (self.model / "x.safetensors").write_bytes(b"")
        for path in (self.model, index):
            info, = run("info", path).json
            self.assertEqual([info[k] for k in ("format", "shards", "missing_shards", "first_missing", "tensors", "needed_bytes")],
                             ["index of shards", 2, 1, "y.safetensors", 3, 77])
        self.assertIn("folder", run("info", TINY / "bert-bf16/model.safetensors.index.json").json[0]["why"])
        for content, word in (('{"weight_map": {"a": "../x"}}', "PATH"), ("{}", "FORMAT"), ("{", "JSON"), ("<html>", "HTML")):
            index.write_text(content)
            done = run("info", index)
            self.assertEqual((done.code, done.bytes), (FAILED, b""))
            self.assertIn(word, done.error)
        for path in self.model.iterdir():
            if path.name != "config.json":
                path.unlink()
        self.assertEqual(run("info", self.model).json[0]["format"], "configuration")
        (self.model / "config.json").unlink()
        done = run("info", self.model)
        self.assertEqual((done.code, done.bytes), (FAILED, b""))
        self.assertIn("no model", done.error)

    def test_modules(self):
        model = self.folder / "dense"
        shutil.copytree(TINY / "st-dense", model)
        dense = model / "2_Dense/model.safetensors"
        whole, _ = read_safetensors(dense)
        dense.unlink()
        (model / "2_Dense/pytorch_model.bin").write_bytes(torch_zip({n: Tensor(Storage(n, d, b), s) for n, (d, s, b) in whole.items()}))
        self.assert_converts(model=model)
        self.assertEqual(read_safetensors(self.out / "2_Dense/model.safetensors")[0], whole)
        self.assertEqual(run("embed", self.out, "text").bytes, run("embed", TINY / "st-dense", "text").bytes)


class Gguf(ConvertCase):
    TYPES = {"F32": 0, "F16": 1, "BF16": 30}

    def setUp(self):
        super().setUp()
        self.file = self.folder / "model.gguf"

    def values(self, **more):
        vocabulary = json.loads((TINY / "gpt2-f32/vocab.json").read_text())
        tokens = sorted(vocabulary, key=vocabulary.get)[:398]
        merges = [m for m in (TINY / "gpt2-f32/merges.txt").read_text().splitlines() if not m.startswith("#version")]
        merges = [m for m in merges if set(m.split()) | {m.replace(" ", "")} <= set(tokens)]
        tokens += [f"<unused{i}>" for i in range(399 - len(tokens))] + ["<s>"]
        values = {"general.architecture": "llama", "llama.block_count": 2, "llama.context_length": 80, "llama.embedding_length": 16,
                  "llama.feed_forward_length": 30, "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2,
                  "llama.attention.layer_norm_rms_epsilon": 1e-6, "llama.rope.freq_base": 10000.0, "llama.vocab_size": 400,
                  "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens,
                  "tokenizer.ggml.token_type": [1] * 399 + [3], "tokenizer.ggml.merges": merges, "tokenizer.ggml.bos_token_id": 399,
                  "tokenizer.ggml.eos_token_id": 399, "tokenizer.ggml.add_bos_token": False, "general.languages": ["en"]}
        values |= {key.replace("__", "."): value for key, value in more.items()}
        return {key: value for key, value in values.items() if value is not None}

    def tensors_of(self, folder):
        """As llama.cpp's converter writes them: its names, and the halves of each head's rows of q and k in turns."""
        names = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
                 "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
                 "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
                 "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
        whole, _ = read_safetensors(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text())
        found = {}
        for name, (dtype, shape, data) in whole.items():
            stem, end = name.rsplit(".", 1)
            layer = stem.split(".")[2] if stem.startswith("model.layers.") else None
            short = names[stem.split(".", 3)[3] if layer else stem]
            if short in ("attn_q", "attn_k"):
                heads = config["num_attention_heads" if short == "attn_q" else "num_key_value_heads"]
                row = len(data) // shape[0]
                rows, size = [data[i:i + row] for i in range(0, len(data), row)], shape[0] // heads
                data = b"".join(rows[h * size + j * size // 2 + i] for h in range(heads) for i in range(size // 2) for j in range(2))
            found[(f"blk.{layer}." if layer else "") + short + "." + end] = (self.TYPES[dtype], shape, data)
        return whole, found

    def test_llama(self):
        for name in ("llama-f16", "llama-bf16"):
            whole, tensors = self.tensors_of(TINY / name)
            config = json.loads((TINY / name / "config.json").read_text())
            self.like = {"llama__" + ours: config[key] for ours, key in (
                ("block_count", "num_hidden_layers"), ("context_length", "max_position_embeddings"), ("embedding_length", "hidden_size"),
                ("feed_forward_length", "intermediate_size"), ("attention__head_count", "num_attention_heads"),
                ("attention__head_count_kv", "num_key_value_heads"), ("attention__layer_norm_rms_epsilon", "rms_norm_eps"),
                ("rope__freq_base", "rope_theta"))}
            for version, alignment in ((3, 32), (2, 1), (3, 4096)):
                more = {**self.like, **({} if alignment == 32 else {"general__alignment": alignment})}
                self.file.write_bytes(gguf(self.values(**more), tensors, alignment, version))
                self.assert_converts("--check", model=self.file)
                self.assertEqual(self.tensors, whole)
            like = self.folder / name  # a GGUF llama has SiLU
            shutil.copytree(TINY / name, like)
            (like / "config.json").write_text(json.dumps({**config, "hidden_act": "silu"}))
            for command in (["logits", "--ids", "5,6,7,200"], ["hidden", "--ids", "5,6,7,200"]):
                got = run(command[0], self.out, *command[1:])
                self.assertEqual(got.code, 0, got.error)
                self.assertEqual(got.bytes, run(command[0], like, *command[1:]).bytes)
        info, = run("info", self.file).json
        self.assertEqual((info["format"], info["model_type"], info["runs"], info["types"]), ("GGUF", "llama", False, {"BF16": len(whole)}))
        (self.model / "model.safetensors").unlink()
        shutil.copy(self.file, self.model / "model.gguf")
        self.assert_converts()  # from a folder; its own config and tokenizer win
        self.assertEqual(json.loads((self.out / "config.json").read_text())["model_type"], "llama")

    def test_its_tokenizer(self):
        _, tensors = self.tensors_of(TINY / "llama-f16")
        want = json.loads(run("tokenize", TINY / "gpt2-f32", "past the old mill").text)
        for pre, bos in (("gpt-2", None), ("gpt-2", True), ("llama-bpe", None), ("smollm", None), ("qwen2", False)):
            more = {"tokenizer__ggml__pre": pre, "tokenizer__ggml__add_bos_token": bos}
            self.file.write_bytes(gguf(self.values(**more), tensors))
            self.assert_converts(model=self.file)
            ids = run("tokenize", self.out, "past the old mill<s>")
            self.assertEqual(ids.code, 0, ids.error)
            added = [399] if bos or pre == "llama-bpe" else []
            self.assertEqual(ids.json[0], added + want + [399], pre)
        # SentencePiece: scores instead of merges. A piece's score is its place; those of no merge are last.
        llama = json.loads((TINY / "llama-f16/tokenizer.json").read_text())["model"]
        tokens = sorted(llama["vocab"], key=llama["vocab"].get)
        made = [merge.replace(" ", "") for merge in llama["merges"]]
        spm = {"tokenizer__ggml__model": "llama", "tokenizer__ggml__pre": None, "tokenizer__ggml__tokens": tokens,
               "tokenizer__ggml__merges": None, "tokenizer__ggml__add_bos_token": None, "tokenizer__ggml__unknown_token_id": 0,
               "tokenizer__ggml__bos_token_id": 1, "tokenizer__ggml__eos_token_id": 2,
               "tokenizer__ggml__token_type": [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259),
               "tokenizer__ggml__scores": [-float(made.index(t) if t in made else 1000 + i) for i, t in enumerate(tokens)]}
        self.file.write_bytes(gguf(self.values(**spm), tensors))
        self.assert_converts(model=self.file)
        texts = ["The river runs past the old mill.", "  two  spaces ", "na\u00efve caf\u00e9 \U0001f600", "", "one<s>two</s>", "and on and on"]
        self.assertEqual(run("tokenize", self.out, *texts).bytes, run("tokenize", TINY / "llama-f16", *texts).bytes)
        self.assertEqual(run("decode", self.out, "1", "283", "270").bytes, run("decode", TINY / "llama-f16", "1", "283", "270").bytes)
        for change, word in ((spm | {"tokenizer__ggml__scores": None}, "scores"), (spm | {"tokenizer__ggml__add_eos_token": True}, "add_eos"),
                             ({"tokenizer__ggml__pre": "viking"}, "viking"), ({"tokenizer__ggml__model": "bert"}, "bert"),
                             ({"tokenizer__ggml__tokens": None}, "MISSING"), ({"tokenizer__ggml__token_type": [1]}, "SHAPE")):
            self.file.write_bytes(gguf(self.values(**change), tensors))
            self.assert_refused(word, model=self.file)

    def test_scaled_rotations(self):
        """Linear; and Llama 3's, of which GGUF has what becomes of each frequency."""
        whole, tensors = self.tensors_of(TINY / "llama-rope3")
        config = json.loads((TINY / "llama-rope3/config.json").read_text())
        like, base = self.folder / "like", config["rope_theta"]
        shutil.copytree(TINY / "llama-rope3", like)
        more = {"llama__embedding_length": 20, "llama__attention__head_count": 2, "llama__attention__head_count_kv": 1,
                "llama__context_length": 120, "llama__rope__freq_base": base}

        def table(factor, low, high, original):
            """As llama.cpp's converter makes it."""
            numbers = []
            for i in range(5):
                wave = 2 * math.pi * base ** (i / 5)
                smooth = (original / wave - low) / (high - low)
                numbers.append(1 if wave < original / high else factor if wave > original / low else 1 / ((1 - smooth) / factor + smooth))
            return {"rope_freqs.weight": (0, [5], struct.pack("<5f", *numbers))}

        linear = {"rope_type": "linear", "factor": 2.5}
        def llama3(*numbers):
            return dict(zip(("factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"), numbers), rope_type="llama3")
        cases = [({"llama__rope__scaling__type": "linear", "llama__rope__scaling__factor": 2.5}, {}, linear),
                 ({"llama__rope__scaling__factor": 2.5}, {}, linear), ({"llama__rope__scale_linear": 2.5}, {}, linear),
                 ({"llama__rope__scaling__type": "none", "llama__rope__scaling__factor": 2.5}, {}, None),
                 ({"llama__rope__scaling__type": "linear", "llama__rope__scaling__factor": 1.0}, {}, None),
                 ({}, table(6, 1, 16, 300), llama3(6, 1, 16, 300)), ({}, table(8, 2, 32, 600), llama3(8, 1, 16, 300)),
                 ({}, table(3.5, 1.25, 20, 500), llama3(3.5, 1, 16, 400)), ({}, table(32, 1, 4, 8192), None)]
        for keys, extra, scaling in cases:
            self.file.write_bytes(gguf(self.values(**more, **keys), {**tensors, **extra}))
            self.assert_converts("--check", model=self.file)
            self.assertEqual(self.tensors, whole)
            got = json.loads((self.out / "config.json").read_text()).get("rope_scaling")
            self.assertEqual({k: v for k, v in (got or {}).items() if k != "type"}, scaling or {})
            (like / "config.json").write_text(json.dumps({**config, "rope_scaling": scaling}))
            command = ["--ids", ",".join(str(7 + i % 90) for i in range(100))]
            self.assertEqual(run("logits", self.out, *command).bytes, run("logits", like, *command).bytes)
        broken = struct.pack("<5f", 1, 2, 1, 3, 4)
        for keys, extra, word in (({}, {"rope_freqs.weight": (0, [5], broken)}, "rope_freqs"), ({}, {"rope_freqs.weight": (0, [4], broken)}, "SHAPE"),
                                  ({}, {"rope_freqs.weight": (1, [5], broken)}, "SHAPE"), ({"llama__rope__scale_linear": -1.0}, {}, "factor"),
                                  ({"llama__rope__scaling__factor": 2.0}, table(6, 1, 16, 300), "factor"),
                                  ({"llama__rope__scaling__type": "longrope"}, {}, "longrope"), ({"llama__rope__dimension_count": 6}, {}, "part"),
                                  ({}, {"rope_freqs.weight": (0, [5], struct.pack("<5f", *[float("nan")] * 5))}, "rope_freqs")):
            self.file.write_bytes(gguf(self.values(**more, **keys), {**tensors, **extra}))
            self.assert_refused(word, model=self.file)

    def test_gpt2(self):
        names = {"wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm", "ln_1": "attn_norm", "attn.c_attn": "attn_qkv",
                 "attn.c_proj": "attn_output", "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
        whole, _ = read_safetensors(TINY / "gpt2-f32/model.safetensors")
        config = json.loads((TINY / "gpt2-f32/config.json").read_text())
        tensors = {}
        for name, (dtype, shape, data) in whole.items():
            stem, end = name.removeprefix("transformer.").rsplit(".", 1)
            layer = stem.split(".")[1] if stem.startswith("h.") else None
            short = names[stem.split(".", 2)[2] if layer else stem]
            if layer and len(shape) == 2:  # Conv1D
                data, shape = self.turned(data, *shape), shape[::-1]
            tensors[(f"blk.{layer}." if layer else "") + short + "." + end] = (0, shape, data)
        values = {"general.architecture": "gpt2", "gpt2.block_count": 2, "gpt2.context_length": 80, "gpt2.embedding_length": 16,
                  "gpt2.feed_forward_length": 64, "gpt2.attention.head_count": 2, "gpt2.attention.layer_norm_epsilon": 1e-5}
        tokens = self.values()["tokenizer.ggml.tokens"]
        values |= {k: v for k, v in self.values(tokenizer__ggml__bos_token_id=0, tokenizer__ggml__eos_token_id=0).items() if k.startswith("tokenizer")}
        values |= {"tokenizer.ggml.tokens": tokens[:317], "tokenizer.ggml.token_type": [1] * 317}
        for head in ({}, {"output.weight": tensors["token_embd.weight"]}):  # which some converters write twice
            self.file.write_bytes(gguf(values, {**tensors, **head}))
            self.assert_converts("--check", model=self.file)
            self.assertEqual(self.tensors, whole)
            for command in ("logits", "hidden"):
                got, want = (run(command, folder, "--ids", "5,6,7,200") for folder in (self.out, TINY / "gpt2-f32"))
                self.assertEqual((got.code, got.bytes), (0, want.bytes), got.error)
        made = json.loads((self.out / "config.json").read_text())
        self.assertEqual({k: made[k] for k in made if k not in ("n_inner", "tie_word_embeddings")},
                         {k: config[k] for k in made if k not in ("n_inner", "tie_word_embeddings")})
        self.file.write_bytes(gguf(values, {**tensors, "output.weight": (0, [317, 16], bytes(317 * 64))}))
        self.assert_converts(model=self.file)
        self.assertEqual(set(self.tensors) - set(whole), {"lm_head.weight"})
        # Blocks lie along what becomes the columns.
        for name, vector in json.loads((ROOT / "tests/vectors/gguf.json").read_text()).items():
            blocks, numbers = base64.b64decode(vector["blocks"]), base64.b64decode(vector["numbers"])
            cols = len(numbers) // 12
            self.file.write_bytes(gguf(values, {"blk.0.ffn_up.weight": (vector["type"], [3, cols], blocks)}))
            self.assert_converts(model=self.file)
            self.assertEqual(self.tensors, {"transformer.h.0.mlp.c_fc.weight": ("F32", [cols, 3], self.turned(numbers, 3, cols))}, name)

    @staticmethod
    def turned(data, rows, cols):
        return b"".join(data[4 * (r * cols + c):][:4] for c in range(cols) for r in range(rows))

    def test_each_type_of_blocks(self):
        vectors = json.loads((ROOT / "tests/vectors/gguf.json").read_text())
        for name, vector in vectors.items():
            blocks, numbers = base64.b64decode(vector["blocks"]), base64.b64decode(vector["numbers"])
            tensors = {"output_norm.weight": (vector["type"], [3, len(numbers) // 12], blocks)}
            self.file.write_bytes(gguf(self.values(), tensors))
            self.assert_converts(model=self.file)
            self.assertEqual(self.tensors["model.norm.weight"], ("F32", [3, len(numbers) // 12], numbers), name)

    def test_what_is_not_known(self):
        _, tensors = self.tensors_of(TINY / "llama-f16")
        for change, word in (({"general__architecture": "mamba"}, "mamba"), ({"general__architecture": None}, "MISSING"),
                             ({"llama__expert_count": 8}, "experts"), ({"llama__rope__scaling__type": "yarn"}, "yarn"),
                             ({"llama__block_count": None}, "block_count"), ({"llama__attention__head_count": 0}, "heads"),
                             ({"llama__attention__head_count_kv": 3}, "heads"), ({"llama__rope__freq_base": float("nan")}, "NUMERIC"),
                             ({"llama__attention__layer_norm_rms_epsilon": float("inf")}, "NUMERIC"), ({"general__alignment": 3}, "alignment"),
                             ({"general__alignment": 0}, "alignment"), ({"general__alignment": 1 << 31}, "alignment")):
            self.file.write_bytes(gguf(self.values(**change), tensors))
            self.assert_refused(word, model=self.file)
        for name, kind, word in (("rope_freqs.weight", 0, "rope_freqs"), ("blk.0.ffn_gate_exps.weight", 0, "exps"), ("blk..attn_q.weight", 0, ""),
                                 ("output_norm.weight", 10, "Q2_K"), ("output_norm.weight", 99, "99"), ("output.weight", 2, "SHAPE")):
            self.file.write_bytes(gguf(self.values(), {**tensors, name: (kind, [16], b"x" * 64)}))
            self.assert_refused(word, model=self.file)

    def test_broken_files(self):
        _, tensors = self.tensors_of(TINY / "llama-f16")
        good = gguf(self.values(), tensors)
        for n in [4, 8, 12, 20, 24, 30, 100, 1000, 5000, len(good) // 2, len(good) - 64]:
            self.file.write_bytes(good[:n])
            self.assert_refused("model.gguf", model=self.file)
        for place, content in ((4, b"\x01"), (4, b"\x04"), (8, b"\xff" * 8), (16, b"\xff" * 8), (8, struct.pack("<Q", 65536)),
                               (24, b"\xff" * 8), (16, struct.pack("<Q", 1 << 16))):
            self.file.write_bytes(good[:place] + content + good[place + len(content):])
            start = time.monotonic()
            self.assert_refused("model.gguf", model=self.file)
            self.assertLess(time.monotonic() - start, 2)
        rng, head = random.Random(5), good.index(b"output_norm.weight")
        for _ in range(30):
            data = bytearray(good)
            for _ in range(3):
                data[rng.randrange(0, head + 600)] = rng.randrange(256)
            self.file.write_bytes(data)
            self.convert(model=self.file)


@unittest.skipIf(SANITIZED, "a sanitizer has its own memory and speed")
class Large(ConvertCase):
    def test_peak_memory(self):
        size, count = 24 << 20, 6
        header = {f"t{i}": {"dtype": "F32", "shape": [size // 4096, 1024], "data_offsets": [i * size, (i + 1) * size]} for i in range(count)}
        text = json.dumps(header).encode()
        with (self.model / "model.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            file.truncate(8 + len(text) + size * count)
        self.assertLess(peak_memory("convert", self.model, self.out), 64 << 20)  # far below the file's 144 MB


@unittest.skipUnless(WITH_HUB, "built without libcurl")
class Repositories(ConvertCase):
    def test_from_the_hub(self):
        whole, _ = read_safetensors(BERT / "model.safetensors")
        self.use_torch(torch_zip({n: Tensor(Storage(n, d, b), s) for n, (d, s, b) in whole.items()}))
        hub = Hub({"tiny/torch": {"folder": str(self.model)}})
        self.addCleanup(hub.close)
        env = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(self.folder / "cache")}
        refused = run("embed", "tiny/torch", "text", env=env)
        self.assertEqual(refused.code, FAILED)
        self.assertIn("wasmicro convert tiny/torch DIR", refused.error)
        for _ in range(2):
            result = self.convert("--quantize", "f16", "--check", model="tiny/torch", env=env)
            self.assertEqual(result.code, 0, result.error)
        self.assertEqual(sum(r["where"] == "cdn" for r in hub.log()[0]), 1)
        self.assertEqual(self.convert("--revision", "nowhere", model="tiny/torch", env=env).code, FAILED)


if __name__ == "__main__":
    unittest.main()
