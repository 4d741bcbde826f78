#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs every suite of `make test` and adds up what they say: python3 tools/test.py [SUITE…]

A suite is a target of the Makefile that prints TAP, or what Node's runner and Python's unittest print. A suite
that ends badly without a failed test, or runs no test, counts as one failure. The last line: N passed, N failed.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / os.environ.get("BUILD", "build") / "test-logs"
SUITES = ["check", "unit", "unit-wasm", "unit-wasm-kinds", "test-asan", "test-tsan", "fuzz-replay", "size", "test-cli", "test-js", "test-install"]
MINUTES = 14

TAP = re.compile(r"^(not )?ok\b(?: \d+)?(.*)", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(OK|FAILED)(?: \((.*)\))?", re.M)


def count(text):
    """(passed, failed, skipped)"""
    passed = failed = skipped = 0
    # Node's runner nests its TAP and sums it up below; its lines at the margin stand for files.
    if re.search(r"^# tests \d+", text, re.M):
        def summed(word):
            return sum(map(int, re.findall(rf"^# {word} (\d+)$", text, re.M)))
        return summed("pass"), summed("fail") + summed("cancelled"), summed("skipped") + summed("todo")
    for bad, rest in TAP.findall(text):
        if "# SKIP" in rest:
            skipped += 1
        elif bad:
            failed += 1
        else:
            passed += 1
    for ran, _, detail in UNITTEST.findall(text):
        counts = dict(re.findall(r"(\w+)=(\d+)", detail))
        bad = int(counts.get("failures", 0)) + int(counts.get("errors", 0))
        left_out = int(counts.get("skipped", 0))
        passed, failed, skipped = passed + int(ran) - bad - left_out, failed + bad, skipped + left_out
    return passed, failed, skipped


def run(suite):
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{suite}.log"
    command = ["make", "--no-print-directory", "-s", f"-j{os.cpu_count() or 1}", suite]
    start = time.monotonic()
    with log.open("wb") as out:
        try:
            code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                  timeout=60 * MINUTES).returncode
        except subprocess.TimeoutExpired:
            code = f"no end after {MINUTES} minutes"
    text = log.read_text(encoding="utf-8", errors="replace")
    passed, failed, skipped = count(text)
    if not failed and (code or not passed):
        failed = 1
    print(f"{suite:12} {passed:6} passed {failed:4} failed"
          + (f" {skipped:4} skipped" if skipped else "") + f"  {time.monotonic() - start:6.1f} s", flush=True)
    if failed:
        print(complaints(text, code), flush=True)
        print(f"    the whole of it: {log.relative_to(ROOT) if ROOT in log.parents else log}", flush=True)
    return passed, failed


def complaints(text, code):
    """The failed tests with the lines around them; if there are none, the end of the output."""
    lines = text.splitlines()
    places = [i for i, line in enumerate(lines) if re.match(r"\s*not ok\b(?!.*# SKIP)", line) or "FAIL:" in line or "ERROR:" in line]
    if places and code in (0, 1, 2):
        shown = sorted({j for i in places[:10] for j in range(max(0, i - 2), min(len(lines), i + 8))})
    else:
        shown = range(max(0, len(lines) - 30), len(lines))
    return "\n".join("    " + lines[i][:300] for i in shown) + f"\n    ended with {code}"


def main(arguments):
    if subprocess.run([str(ROOT / "tools/setup")]).returncode:
        print("0 passed, 1 failed")
        return 1
    results = [run(suite) for suite in arguments or SUITES]
    passed, failed = (sum(column) for column in zip(*results))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
