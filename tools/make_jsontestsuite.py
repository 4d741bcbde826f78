#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Packs the parsing cases of a checkout of nst/JSONTestSuite into tests/vectors/jsontestsuite.bin.

    python tools/make_jsontestsuite.py FOLDER [--into tests/vectors/jsontestsuite.bin]

A case is a line "NAME COUNT UNIT TAIL", UNIT bytes that stand COUNT times, TAIL bytes, a newline:
two files of the suite are one short text repeated 50,000 times and more.
"""

import argparse
from pathlib import Path

ABOUT = """\
# Made by tools/make_jsontestsuite.py from https://github.com/nst/JSONTestSuite
# (commit 1ef36fa01286573e846ac449e8683f8833c5b26a), folder test_parsing.
# MIT License, Copyright (c) 2016 Nicolas Seriot: see jsontestsuite.LICENSE.
"""


def pack(data: bytes) -> tuple[int, bytes, bytes]:
    if len(data) > 4096:
        for length in range(1, 16):
            count = 1
            while data.startswith(data[:length], count * length):
                count += 1
            if len(data) - count * length <= length:
                return count, data[:length], data[count * length :]
    return 1, data, b""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--into", type=Path, default=Path("tests/vectors/jsontestsuite.bin"))
    arguments = parser.parse_args()
    files = sorted((arguments.folder / "test_parsing").glob("*.json"))
    with open(arguments.into, "wb") as out:
        out.write(ABOUT.encode())
        for file in files:
            count, unit, tail = pack(file.read_bytes())
            out.write(f"{file.name} {count} {len(unit)} {len(tail)}\n".encode() + unit + tail + b"\n")
    kinds = [sum(file.name.startswith(kind) for file in files) for kind in "yni"]
    print("{} must be accepted, {} refused, {} either".format(*kinds))


if __name__ == "__main__":
    main()
