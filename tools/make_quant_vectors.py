#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes tests/vectors/quant.bin from the reading of the layouts in verify/quantized.py.

    python3 tools/make_quant_vectors.py > tests/vectors/quant.bin

A record: kind, N, K as u32; w F32 [N, K]; the parts X, scale, zero; then the f32 [N, K] that they stand for.
"""

import struct
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "verify"))
import quantized  # noqa: E402


def matrices(draw):
    """Bell-shaped rows, uniform ones with an outlier, ties, zeros, one-sided and tiny ones."""
    for rows, cols in [(5, 1), (3, 31), (4, 32), (3, 33), (2, 70), (2, 192)]:
        yield draw.standard_normal((rows, cols), np.float32) * np.float32(0.05)
    w = draw.random((6, 64), np.float32) - np.float32(0.5)
    w[0, 5] = 20
    w[1] = 0
    w[2] = np.abs(w[2])
    w[3] = -np.abs(w[3])
    w[4] *= np.float32(1e-7)
    w[5] = (np.arange(64) - 32) / np.float32(2)
    yield w
    yield np.full((2, 40), -0.25, np.float32)


def main():
    draw = np.random.default_rng(6)
    for w in matrices(draw):
        for number, kind in enumerate(quantized.KINDS):
            parts = quantized.pack(kind, w)
            sys.stdout.buffer.write(struct.pack("<3I", number, *w.shape) + w.tobytes())
            for part in parts.values():
                sys.stdout.buffer.write(np.ascontiguousarray(part).tobytes())
            sys.stdout.buffer.write(quantized.unpack(kind, parts, w.shape[1]).tobytes())


if __name__ == "__main__":
    main()
