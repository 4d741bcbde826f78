# SPDX-License-Identifier: MIT OR Apache-2.0
"""Peak memory of `embed` on all-MiniLM-L6-v2: at most the weights, a quarter more, and 16 MiB."""

import os
import sys

import common


def peak_of(*command: str, stdin: str) -> int:
    """Peak resident set of a child in bytes."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(read, 0)
        os.close(write)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execvp(command[0], command)
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        pipe.write(stdin.encode())
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(command)} ended with {status}")
    return usage.ru_maxrss * 1024


def main() -> int:
    folder = common.minilm()
    weights = (folder / "model.safetensors").stat().st_size
    limit = weights * 1.25 + 16 * 2**20
    table = common.Table(f"peak resident memory of embed; the weights are {weights / 2**20:.1f} MiB")
    texts = (common.ROOT / "verify/texts.txt").read_text(newline="\n")
    for what, stdin in (("one short text", "hello\n"), ("the 200 texts, up to 256 tokens", texts)):
        peak = peak_of(common.CLI, "embed", str(folder), stdin=stdin)
        table.row(what, peak / 2**20, limit / 2**20, " MiB")
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
