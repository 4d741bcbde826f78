# SPDX-License-Identifier: MIT OR Apache-2.0
"""Peak memory of `embed` on all-MiniLM-L6-v2: at most the weights, a quarter more, and 16 MiB."""

import subprocess
import sys

import common

# In a process of its own: a child's peak counts what its parent held when it forked.
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdin=sys.stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak_of(*command: str, stdin: str) -> int:
    """Peak resident set of a child in bytes."""
    run = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command],
        input=stdin.encode(),
        capture_output=True,
        check=True,
    )
    return int(run.stdout) * 1024


def main() -> int:
    folder = common.minilm()
    weights = (folder / "model.safetensors").stat().st_size
    limit = weights * 1.25 + 16 * 2**20
    table = common.Table(
        f"peak resident memory of embed; the weights are {weights / 2**20:.1f} MiB"
    )
    texts = (common.ROOT / "verify/texts.txt").read_bytes().decode()
    for what, stdin in (("one short text", "hello\n"), ("the 200 texts, up to 256 tokens", texts)):
        peak = peak_of(common.CLI, "embed", str(folder), stdin=stdin)
        table.row(what, peak / 2**20, limit / 2**20, " MiB")
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
