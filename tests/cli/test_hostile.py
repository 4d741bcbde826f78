# SPDX-License-Identifier: MIT OR Apache-2.0
"""Folders, files, pipes and surroundings that are not as they should be: the right exit code, and no crash."""

import contextlib
import os
import resource
import shutil
import signal
import stat
import subprocess
import threading
import unittest
from pathlib import Path

from test_commands import Case
from wasmicro import BINARY, FAILED, SANITIZED, TINY, run

MODEL = TINY / "bert-f32"


class Folders(Case):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(MODEL, self.model)

    def assert_fails(self, *words, model=None):
        result = run("embed", model or self.model, "text", timeout=30)
        self.assertEqual((result.code, result.bytes), (FAILED, b""), result.error)
        for word in words:
            self.assertIn(word, result.error)

    def test_no_folder(self):
        self.assert_fails("no such folder", model=self.folder / "nothing")
        self.assert_fails("no such folder", "hub", model="sentence-transformers/all-MiniLM-L6-v2")
        self.assert_fails("not a folder", model=self.model / "config.json")
        self.assert_fails("IO", model="/dev/zero")
        self.assert_fails("PATH", model="x" * 5000)

    def test_empty_folder(self):
        (self.folder / "empty").mkdir()
        self.assert_fails("MISSING", "config.json", model=self.folder / "empty")

    def test_each_file_missing_or_empty(self):
        for name in ("config.json", "model.safetensors"):
            kept = (self.model / name).read_bytes()
            (self.model / name).unlink()
            self.assert_fails("MISSING", name)
            (self.model / name).write_bytes(b"")
            self.assert_fails(name)
            (self.model / name).write_bytes(kept)
        self.assertEqual(run("embed", self.model, "text").code, 0)

    def test_cut_weights(self):
        path = self.model / "model.safetensors"
        whole = path.read_bytes()
        for n in (1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:n])
            self.assert_fails("model.safetensors")

    def test_a_fifo_does_not_hang(self):
        (self.model / "model.safetensors").unlink()
        os.mkfifo(self.model / "model.safetensors")
        self.assert_fails("not a regular file", "model.safetensors")

    def test_a_folder_in_place_of_a_file(self):
        (self.model / "config.json").unlink()
        (self.model / "config.json").mkdir()
        self.assert_fails("config.json")

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_no_permission(self):
        (self.model / "config.json").chmod(0)
        self.assert_fails("IO", "config.json", "ermission")

    def test_links_stay_inside(self):
        inside, outside = self.model / "weights.bin", self.folder / "outside.bin"
        file = self.model / "model.safetensors"
        file.rename(inside)
        file.symlink_to("weights.bin")
        self.assertEqual(run("embed", self.model, "text").code, 0)
        inside.rename(outside)
        file.unlink()
        file.symlink_to(outside)
        self.assert_fails("PATH", "model.safetensors")
        outside.unlink()
        self.assert_fails("IO", "model.safetensors")
        file.unlink()
        file.symlink_to(file)
        self.assert_fails("IO", "model.safetensors")

    def test_a_neighbour_is_not_inside(self):
        (self.folder / "model-two").mkdir()
        shutil.move(self.model / "config.json", self.folder / "model-two/config.json")
        (self.model / "config.json").symlink_to("../model-two/config.json")
        self.assert_fails("PATH")

    def test_the_hub_cache(self):
        cache = self.folder / "models--tiny--bert"
        snapshot = cache / "snapshots/0123abc"
        (cache / "blobs").mkdir(parents=True)
        snapshot.mkdir(parents=True)
        for number, path in enumerate(sorted(self.model.iterdir())):
            path.rename(cache / f"blobs/{number}")
            (snapshot / path.name).symlink_to(f"../../blobs/{number}")
        result = run("embed", snapshot, "text")
        self.assertEqual(result.bytes, run("embed", MODEL, "text").bytes, result.error)

    def test_files_that_do_not_matter(self):
        (self.model / "pytorch_model.bin").symlink_to("/dev/zero")
        (self.model / ".git").mkdir()
        (self.model / ".git/config.json").write_text("{")
        (self.model / "onnx/deep/deeper").mkdir(parents=True)
        (self.model / "onnx/deep/config.json").symlink_to("/dev/zero")
        (self.model / "loop").symlink_to(self.model)
        self.assertEqual(run("embed", self.model, "text").bytes, run("embed", MODEL, "text").bytes)

    def test_names_with_odd_bytes(self):
        odd = self.folder / "m\u00f6del \n'\""
        self.model.rename(odd)
        self.assertEqual(run("embed", odd, "text").code, 0)
        raw = os.path.join(os.fsencode(self.folder), b"\xff\xfe")
        odd.rename(os.fsdecode(raw))
        self.assertEqual(run("embed", raw, "text").code, 0)


class Surroundings(Case):
    def test_texts_that_are_not_utf8(self):
        for text in (b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"\xc0\x80"):
            for command in ("embed", "tokenize"):
                result = run(command, MODEL, text)
                self.assertEqual((result.code, result.bytes), (FAILED, b""))
                self.assertIn("UTF8", result.error)
        result = run("embed", MODEL, stdin=b"good\nbad \xff\ngood\n")
        self.assertEqual((result.code, len(result.json)), (FAILED, 1))
        self.assertIn("line 2", result.error)

    def test_locale_and_time_zone(self):
        want = run("embed", MODEL, "the mill").bytes
        for name in ("de_DE.UTF-8", "de_DE", "tr_TR.UTF-8", "C", ""):
            self.assertEqual(run("embed", MODEL, "the mill", env={"LC_ALL": name, "LANG": name, "TZ": "Asia/Kolkata"}).bytes, want)

    def test_a_closed_pipe(self):
        lines = b"the river runs past the old mill\n" * 3000
        with subprocess.Popen([BINARY, "tokenize", MODEL, "--stdin"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.close()
            threading.Timer(30, process.kill).start()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(lines)
                process.stdin.close()
            self.assertEqual((process.stderr.read(), process.wait()), (b"", FAILED))

    def test_an_interrupt_ends_it_by_the_signal(self):
        def heed():  # whoever runs the tests in the background may ignore it
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        with subprocess.Popen([BINARY, "embed", MODEL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=heed) as process:
            threading.Timer(30, process.kill).start()
            process.stdin.write(b"mill\n" * 2000)
            process.stdin.flush()
            self.assertTrue(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual((process.wait(), process.stderr.read()), (-signal.SIGINT, b""))
        file = self.folder / "half.npy"
        with subprocess.Popen([BINARY, "embed", MODEL, "--npy", file], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=heed) as process:
            threading.Timer(30, process.kill).start()
            process.stdin.write(b"mill\n" * 2000)
            process.stdin.flush()
            while not file.exists() or file.stat().st_size < 4096:
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.assertEqual((process.wait(), file.exists()), (-signal.SIGINT, False))

    def test_a_file_that_shrinks(self):
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        with subprocess.Popen([BINARY, "embed", model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            threading.Timer(30, process.kill).start()
            for byte in b"mill\n" * 20:  # what comes byte by byte is read, too
                process.stdin.write(bytes([byte]))
                process.stdin.flush()
            process.stdin.write(b"mill\n" * 2000)
            process.stdin.flush()
            self.assertTrue(process.stdout.readline())
            os.truncate(model / "model.safetensors", 4096)
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(b"the river runs\n" * 20)
                process.stdin.close()
            process.stdout.read()
            self.assertEqual((process.wait(), process.stderr.read()),
                             (FAILED, b"wasmicro: IO: a file of the model became shorter while it was read\n"))

    def test_a_full_disk(self):
        if not Path("/dev/full").exists():
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            for arguments in (["embed", MODEL, "text"], ["info", MODEL], ["--version"], ["--help"]):
                done = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, FAILED, arguments)
                self.assertIn(b"space", done.stderr)
        self.assertEqual(run("embed", MODEL, "--npy", "/dev/full", "text").code, FAILED)

    def test_closed_standard_files(self):
        def shell(redirect, *arguments):
            command = " ".join(["exec", f"'{BINARY}'", *arguments, redirect])
            return subprocess.run(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        embed = ["embed", f"'{MODEL}'"]
        self.assertEqual(shell(">&-", *embed, "text").returncode, FAILED)
        self.assertEqual(shell("<&-", *embed).returncode, 0)
        done = shell("2>&-", *embed, "--max-len", "3", "'the river runs'")
        self.assertEqual((done.returncode, done.stdout.count(b"\n")), (0, 1))

    def test_stdin_that_cannot_be_read(self):
        with open("/dev/null", "wb") as sink:
            done = subprocess.run([BINARY, "embed", MODEL], stdin=sink, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, FAILED, done.stderr)
        folder = os.open(self.folder, os.O_RDONLY)
        done = subprocess.run([BINARY, "embed", MODEL], stdin=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.close(folder)
        self.assertEqual(done.returncode, FAILED, done.stderr)

    def test_search_in_what_is_no_file(self):
        self.assertEqual(run("search", MODEL, self.folder, "query").code, FAILED)
        self.assertEqual(run("search", MODEL, self.folder / "none", "query").code, FAILED)
        result = run("search", MODEL, "/dev/zero", "query")
        self.assertEqual(result.code, FAILED)
        self.assertIn("LIMIT", result.error)

    def test_search_names_the_bad_line(self):
        result = run("search", MODEL, "-", "query", stdin=b"good\n\nbad \xff\ngood\n")
        self.assertEqual((result.code, result.bytes), (FAILED, b""))
        self.assertIn("line 3: UTF8", result.error)

    def test_many_arguments(self):
        result = run("tokenize", MODEL, *["mill"] * 5000)
        self.assertEqual((result.code, len(result.json)), (0, 5000))

    def test_a_long_argument(self):
        result = run("tokenize", MODEL, "mill " * 26000, *["mill " * 2000] * 150)  # 1.6 MB
        self.assertEqual((result.code, len(result.json)), (0, 151))

    def test_a_long_text(self):
        text = "mill " * 20000
        self.assertEqual(len(run("tokenize", MODEL, "--stdin", stdin=text.encode()).json[0]) > 20000, True)
        result = run("embed", MODEL, stdin=text.encode())
        self.assertEqual(result.code, 0)
        self.assertIn("warning", result.error)

    @unittest.skipIf(SANITIZED, "a sanitizer reserves terabytes")
    def test_little_memory(self):
        for limit, what in ((resource.RLIMIT_AS, 24 << 20), (resource.RLIMIT_STACK, 256 << 10)):
            result = run("embed", MODEL, "text", preexec_fn=lambda: resource.setrlimit(limit, (what, what)))  # noqa: B023
            self.assertEqual(result.code, 0, result.error)
        model = self.folder / "model"
        shutil.copytree(MODEL, model)
        with open(model / "model.safetensors", "r+b") as file:
            file.truncate(1 << 30)  # sparse
        result = run("embed", model, "text", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (256 << 20, 256 << 20)))
        self.assertEqual(result.code, FAILED)
        self.assertIn("cannot be mapped", result.error)

    def test_files_stay_as_they_are(self):
        before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in MODEL.iterdir()}
        run("embed", MODEL, "text")
        self.assertEqual({p: (p.stat().st_mtime_ns, p.stat().st_size) for p in MODEL.iterdir()}, before)
        self.assertFalse(any(stat.S_ISFIFO(p.stat().st_mode) for p in MODEL.iterdir()))


if __name__ == "__main__":
    unittest.main()
