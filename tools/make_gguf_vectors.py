#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes tests/vectors/gguf.json: random blocks of each type of GGUF's numbers and what the `gguf` package (0.19.0)
makes of them, base64 of little-endian f32. Needs: pip install gguf==0.19.0 numpy"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

TYPES = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q4_K", "Q5_K", "Q6_K"]
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def main():
    rng = np.random.default_rng(20240501)
    vectors = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = rng.integers(0, 256, (3, size), dtype=np.uint8)
        for at in HALVES[name]:  # finite scales, one of them zero, one negative
            scales = np.array([0.0, -0.0123, 1.5], dtype=np.float16)
            blocks[:, at:at + 2] = scales.view(np.uint8).reshape(3, 2)
        numbers = gguf.quants.dequantize(blocks, kind).astype("<f4").ravel()
        vectors[name] = {"type": int(kind), "blocks": base64.b64encode(blocks.tobytes()).decode(),
                         "numbers": base64.b64encode(numbers.tobytes()).decode()}
    path = Path(__file__).resolve().parent.parent / "tests/vectors/gguf.json"
    path.write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
