# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs the command line for the tests; $WASMICRO names the binary."""

import base64
import json
import os
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = Path(os.environ.get("WASMICRO", "build/wasmicro"))
BINARY = BINARY if BINARY.is_absolute() else ROOT / BINARY
TINY = ROOT / "tests/tiny"
SANITIZED = "asan" in BINARY.parts

# No test reaches the real hub, nor reads its cache.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_"))} | {
    "HF_HUB_OFFLINE": "1", "HF_HOME": str(ROOT / "tests/no-such-cache"), "NO_PROXY": "127.0.0.1"}

FAILED = 1
USAGE = 2


class Result:
    def __init__(self, done):
        self.code, self.bytes, self.error = done.returncode, done.stdout, done.stderr.decode(errors="replace")

    @property
    def text(self):
        return self.bytes.decode()

    @property
    def json(self):
        return [json.loads(line) for line in self.text.splitlines()]


def peak_memory(*arguments):
    """Bytes resident at most. Started from a small process: what a child inherits from this one would count as its own."""
    starter = ("import os, subprocess, sys; process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); "
               "_, status, usage = os.wait4(process.pid, 0); print(status, usage.ru_maxrss)")
    done = subprocess.run([sys.executable, "-c", starter, BINARY, *arguments], capture_output=True, text=True, check=True, env=CLEAN)
    status, kilobytes = map(int, done.stdout.split())
    if status:
        raise AssertionError(f"ended with {status}: {done.stderr}")
    return kilobytes * 1024


def run(*arguments, stdin=b"", **more):
    """The result of one run, whatever its exit code; a signal or a sanitizer's report is an error at once."""
    more.setdefault("timeout", 60)
    environment = CLEAN | {"ASAN_OPTIONS": "exitcode=99", "UBSAN_OPTIONS": "exitcode=99"} | more.pop("env", {})
    done = subprocess.run([str(BINARY), *map(os.fsencode, arguments)], input=stdin, cwd=ROOT, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    assert done.returncode in (0, FAILED, USAGE), f"{arguments}: ended with {done.returncode}: {done.stderr[-3000:]!r}"
    return Result(done)


def golden(name):
    return json.loads((TINY / name / "golden.json").read_text())


def floats(text):
    """golden.json's base64 of little-endian float32."""
    data = base64.b64decode(text)
    return list(struct.unpack(f"<{len(data) // 4}f", data))


def read_npy(path):
    """(rows, width), values"""
    data = Path(path).read_bytes()
    assert data[:8] == b"\x93NUMPY\x01\x00", data[:8]
    (size,) = struct.unpack("<H", data[8:10])
    assert (10 + size) % 64 == 0 and data[9 + size:10 + size] == b"\n"
    header = eval(data[10:10 + size], {"__builtins__": {}})  # noqa: S307 - NumPy's own way, a literal that we wrote
    assert header["descr"] == "<f4" and header["fortran_order"] is False
    values = struct.unpack(f"<{(len(data) - 10 - size) // 4}f", data[10 + size:])
    return header["shape"], values
