#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tokenizers' throughput and load times against the `tokenizers` wheel, one thread: a table.

    python3 bench/tokenizer_speed.py libwasmicro.so FOLDER…       (make bench-tokenizers)

Processor time, the least of five runs by turns: what other load disturbs least. The wheel's encode_batch with its
parallelism off, wasmicro's wm_tokenizer_encode line by line; ids, types and offsets are made by both, read by neither.
"""
import ctypes as c
import os
import pathlib
import subprocess
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "verify"))
import tokenizers_check as check  # noqa: E402


def english():
    lines = [line for file in ("verify/texts.txt", "demo/corpus.txt") for line in (ROOT / file).read_text("utf-8").split("\n")]
    return [" ".join(lines[k % len(lines)] for k in range(i, i + 4)) for i in range(2000)]


def many_languages():
    return [line for i, line in enumerate(check.cldr_lines(ROOT / "models/cldr-annotations")) if i % 7 == 0]


def least(runs, *works):
    times = [[] for _ in works]
    for _ in range(runs):
        for work, into in zip(works, times):
            started = time.process_time()
            work()
            into.append(time.process_time() - started)
    return map(min, times)


def allocated(lib, folder):
    """Bytes that opening takes at most and keeps, beside the files' own."""
    libc, sizes, peak = c.CDLL(None), {}, [0]
    libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = c.c_void_p, [c.c_size_t], [c.c_void_p]

    def allocate(_, size):
        at = libc.malloc(size)
        sizes[at] = size
        peak[0] = max(peak[0], sum(sizes.values()))
        return at

    def release(_, at):
        sizes.pop(at)
        libc.free(at)

    functions = (c.CFUNCTYPE(c.c_void_p, c.c_void_p, c.c_size_t)(allocate), c.CFUNCTYPE(None, c.c_void_p, c.c_void_p)(release))
    host = (c.c_void_p * 3)(None, *(c.cast(f, c.c_void_p) for f in functions))
    check.Tokenizer(folder, lib, host).close()
    return peak[0]


def row(lib, folder, texts):
    ours = check.Tokenizer(folder, lib)
    wheel = check.oracle(folder)
    size = sum(len(data) for name, data in ours.files if name in ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt"))
    load, wheel_load = least(3, lambda: check.Tokenizer(folder, lib).close(), lambda: check.oracle(folder))
    columns = [folder.name, f"{size / 1e6:.1f}", f"{load * 1e3:.0f}", f"{wheel_load * 1e3:.0f}", f"{wheel_load / load:.1f}×",
               f"{allocated(lib, folder) / size:.2f}"]
    options = c.byref(check.options())
    for lines in texts:
        spans = [check.Span(line.encode(), len(line.encode())) for line in lines]
        total = sum(span.n for span in spans)

        def encode():
            for span in spans:
                lib.wm_tokenizer_encode(ours.handle, span, None, options, *ours.refs[:2])

        mine, theirs = least(5, encode, lambda: wheel.encode_batch(lines))
        columns += [f"{total / mine / 1e6:.1f}", f"{total / theirs / 1e6:.2f}", f"{theirs / mine:.1f}×"]
    ours.close()
    print("| " + " | ".join(columns) + " |", flush=True)


def main():
    import tokenizers
    lib, folders = c.CDLL(str(pathlib.Path(sys.argv[1]).absolute())), [pathlib.Path(p) for p in sys.argv[2:]]
    texts = [english(), many_languages()]
    cpu = subprocess.run(["sh", "-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2"], capture_output=True, text=True).stdout
    print(f"## Natively, against the tokenizers wheel {tokenizers.__version__}\n\n{cpu.strip()}, one thread; MB/s of processor time.\n")
    print("| tokenizer | file MB | load ms | wheel | ratio | memory / file | English MB/s | wheel | ratio | 45 languages MB/s | wheel "
          "| ratio |")
    print("|---|" + "--:|" * 11)
    for folder in folders:
        row(lib, folder, texts)


main()
