#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes tests/vectors/maths.txt: exp, log, pow, sin and cos rounded to the nearest double from 400 bits.

    pip install mpmath==1.2.1 && python3 tools/make_maths_vectors.py > tests/vectors/maths.txt

A line: the function, x, y (0 but for pow), the result; doubles as the 16 hexadecimal digits of their bits.
"""

import random
import struct

import mpmath

mpmath.mp.prec = 400
FUNCTIONS = {"exp": mpmath.exp, "log": mpmath.log, "pow": mpmath.power, "sin": mpmath.sin, "cos": mpmath.cos}


def nearest(value):
    """The double nearest to a multiple-precision value, subnormals and overflow included."""
    if value == 0 or abs(value) < mpmath.mpf(2) ** -1075:
        return 0.0
    if abs(value) >= mpmath.mpf(2) ** 1024 - mpmath.mpf(2) ** 970:
        return float("inf") if value > 0 else float("-inf")
    if abs(value) < mpmath.mpf(2) ** -1022:
        return float(mpmath.nint(value * mpmath.mpf(2) ** 1074)) * 5e-324
    return float(value)


def line(name, x, y=0.0):
    arguments = (mpmath.mpf(x), mpmath.mpf(y))[: 2 if name == "pow" else 1]
    result = nearest(FUNCTIONS[name](*arguments))
    print(name, *(struct.pack(">d", v).hex() for v in (x, y, result)))


def main():
    draw = random.Random(1)
    uniform = draw.uniform
    for x in [0.0, 1.0, -1.0, 0.5, 1e-300, -1e-17, 709.78, 709.79, 710.0, -708.5, -745.13, -745.14, -800.0]:
        line("exp", x)
    for _ in range(120):
        line("exp", uniform(-40, 40))
        line("exp", uniform(-745, 709))
        line("exp", uniform(-1, 1) * 2.0 ** -draw.randrange(40))
    for x in [1.0, 2.0, 0.5, 5e-324, 2.0**-1022, 1.7e308, 1 + 2.0**-52, 1 - 2.0**-53, 0.5**0.5, 2.0**0.5]:
        line("log", x)
    for _ in range(120):
        line("log", uniform(0, 4))
        line("log", 2.0 ** uniform(-1074, 1023))
        line("log", 1 + uniform(-1, 1) * 2.0 ** -draw.randrange(1, 50))
    for theta in [1e4, 1e6, 5e5, 160000.0]:
        for i in range(0, 128, 2):
            line("pow", theta, -i / 128)
    for _ in range(100):
        line("pow", float(draw.randrange(1, 5000)), draw.choice([1.0, 2.0, -1.0, 0.6, 1e-300, uniform(-3, 3)]))
        line("pow", 2.0 ** uniform(-1074, 1023), uniform(-1, 1))
    for x in [0.0, 1e-300, 1e-9, 0.75, 1.5, 3.0, 1e6, 2.0**22, -(2.0**22), 51819.0, 573204.0]:
        line("sin", x)
        line("cos", x)
    for _ in range(120):
        for x in [uniform(-7, 7), uniform(-1e6, 1e6), float(mpmath.mpf(draw.randrange(2670000)) * mpmath.pi / 2)]:
            line("sin", x)
            line("cos", x)


main()
