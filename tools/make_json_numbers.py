#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/json_numbers.txt: JSON numbers with the bits of the double that Python reads.

    python tools/make_json_numbers.py > tests/vectors/json_numbers.txt
"""

import random
import struct


def numbers() -> list[str]:
    draw = random.Random(1)
    texts = ["0", "-0.0", "1", "-1.5", "1e-12", "1e-05", "1e22", "1e23", "9007199254740993",
             "9007199254740992.5", "9007199254740993.0", "-3.4028234663852886e+38", "-13.5298461914",
             "-10.066900253295898", "1e30", "0.1", "0.30000000000000004", "123456789.123456789",
             "18446744073709551615", "18446744073709551615e27", "18446744073709551615e-27", "1e27"]
    for _ in range(400):  # scores as SentencePiece prints them, and f32 as Python prints them
        score = -draw.random() * 20
        texts.append(f"{score:.10f}")
        texts.append(repr(struct.unpack("<f", struct.pack("<f", score))[0]))
    for _ in range(300):  # any double of a usual size
        texts.append(repr(draw.uniform(-1, 1) * 10.0 ** draw.randrange(-9, 10)))
    for _ in range(300):  # 19 digits, the exponent in the range that is promised
        texts.append(f"{draw.randrange(10**19)}e{draw.randrange(-27, 28)}")
    for _ in range(100):  # exactly between two doubles, and a little off
        middle = (1 << 53) + 2 * draw.randrange(1 << 51) + 1
        texts += [f"{middle}", f"{middle}.5", f"{middle - 1}.9", f"{middle * 16}e-1"]
    return texts


print("# Made by tools/make_json_numbers.py: a JSON number, the bits of Python's float() of it.")
for text in numbers():
    print(text, struct.pack(">d", float(text)).hex())
