#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Long texts of one thing take linear time: 100 MB of `a`, 10 MB of one emoji, 10^6 marks on one letter, and their kin.

    python3 verify/tokenizers_long.py FOLDER…        (make verify-tokenizers-long)

Each text is encoded at its full length and at an eighth of it, the least of two runs: a byte may take no more than
three times as long in the long one, nor more than a second a MB. A refusal must be LIMIT or NOMEM. It takes some 6 GB.
"""
import ctypes as c
import pathlib
import sys
import time

import tokenizers_check as check

MB = 1 << 20
TEXTS = {"100 MB of a": ("a", 100 * MB), "10 MB of one emoji": ("\U0001f9e1", 10 * MB), "a family": ("👩‍👩‍👧‍👦", 4 * MB),
         "10^6 marks on one letter": ("\u0301", 2 * 10**6), "marks out of order": ("\u0301\u0323", 2 * MB), "jamo": ("\u1112\u1161\u11ab", 4 * MB),
         "U+FDFA": ("\ufdfa", MB), "16 MB of one word": ("abcdefgh", 16 * MB), "spaces": (" ", 16 * MB), "spaces and a letter": (" " * 99 + "x", 8 * MB),
         "line ends": ("\r\n", 8 * MB), "apostrophes": ("'", 8 * MB), "digits": ("1", 8 * MB), "carets": ("^", 8 * MB), "ababab": ("ab", 8 * MB),
         "aab": ("aab", 8 * MB), "words": ("the dog ", 8 * MB), "CJK": ("漢字", 8 * MB), "half a special token": ("<|endoftex", 8 * MB),
         "special tokens": ("</s>[SEP]<|endoftext|>", 4 * MB), "underlines": ("▁", 8 * MB), "NUL": ("\0", 8 * MB),
         "words behind what is taken away": ("\x01" + "the dog " * MB, 8 * MB)}


def seconds(ours, span):
    best = float("inf")
    for _ in range(2):
        started = time.process_time()
        status = ours.lib.wm_tokenizer_encode(ours.handle, span, None, c.byref(check.options(offsets=0)), *ours.refs[:2])
        best = min(best, time.process_time() - started)
    return best, status


def main():
    lib, bad = check.build(), 0
    only = sys.argv.pop(1)[7:] if sys.argv[1].startswith("--only=") else ""
    for folder in map(pathlib.Path, sys.argv[1:]):
        for name, (piece, size) in TEXTS.items():
            if only not in name:
                continue
            ours = check.Tokenizer(folder, lib)
            data = piece.encode() * (size // len(piece.encode()) or 1)
            short = data[:len(data) // 8 // len(piece.encode()) * len(piece.encode()) or len(data) // 8]
            one, _ = seconds(ours, check.Span(short, len(short)))
            all_of_it, status = seconds(ours, check.Span(data, len(data)))
            rates = [len(short) / one / 1e6, len(data) / all_of_it / 1e6]
            fine = status in (14, 20) or not status and rates[1] > max(1, rates[0] / 3)
            bad += not fine
            what = {0: f"{rates[1]:.1f} MB/s, an eighth of it {rates[0]:.1f}", 14: "LIMIT", 20: "NOMEM"}.get(status, f"status {status}")
            print(f"{folder.name}: {name}: {what}{'' if fine else ' NOT LINEAR'}", flush=True)
            ours.close()
    sys.exit(bad > 0)


main()
