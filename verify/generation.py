#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Samplers and searches against transformers, on thousands of cases more than tests/vectors has.

    python3 verify/generation.py [seed …]

Runs tests/test_sampler and tests/test_beams where they find other vectors.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))


def run(test, scratch, *arguments):
    """Makes vectors with these arguments and runs the test on them."""
    vectors = scratch / "tests/vectors" / f"{arguments[0]}.jsonl"
    with vectors.open("w") as out:
        maker = [sys.executable, "-W", "ignore", ROOT / "tools/make_gen_vectors.py", *map(str, arguments)]
        subprocess.run(maker, stdout=out, check=True)
    result = subprocess.run([test], cwd=scratch, capture_output=True, text=True, env={"CMOCKA_TEST_ABORT": "0"})
    print("ok" if result.returncode == 0 else "not ok", "-", test.name, *arguments)
    if result.returncode:
        print(result.stdout + result.stderr)
    return result.returncode == 0


def main():
    tests = [BUILD / "tests/test_sampler", BUILD / "tests/test_beams"]
    subprocess.run(["make", "-s", "-C", ROOT, f"BUILD={BUILD}", *tests], check=True)
    sampler, beams = ((ROOT / test).resolve() for test in tests)
    good = True
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        (scratch / "tests/vectors").mkdir(parents=True)
        for seed in map(int, sys.argv[1:] or ["2"]):
            for V in (24, 400, 5000):
                good &= run(sampler, scratch, "samplers", "--cases", 1000, "--vocabulary", V, "--seed", seed)
            good &= run(beams, scratch, "searches", "--cases", 3000, "--tables", 8, "--seed", seed)
    sys.exit(not good)


main()
