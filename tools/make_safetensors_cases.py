#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/safetensors_cases.txt: headers, and whether the reference reader takes them.

    python tools/make_safetensors_cases.py > tests/vectors/safetensors_cases.txt

A case is a line "ok|no DATA HEADER": the file is HEADER's length, HEADER, DATA zero bytes. Needs
safetensors 0.8.0 (pip install safetensors==0.8.0). Left out is what wasmicro decides otherwise on
purpose: a name given twice, more than 8 dimensions, a dimension over 2^31, an entry written as an
array, a number over the range of a double, a NUL in a name.
"""

import json
import random
import struct
import sys

import safetensors

BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8,
        "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
        "I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}
draw = random.Random(1)


def product(shape: list[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def entries() -> tuple[list[tuple[str, dict]], int]:
    """Some tensors that cover their data, in random order."""
    made, end = [], 0
    for index in range(draw.choice([0, 1, 1, 2, 3, 5])):
        dtype = draw.choice(list(BITS))
        shape = [draw.choice([0, 1, 1, 2, 3, 4, 8]) for _ in range(draw.choice([0, 1, 2, 2, 3]))]
        size = product(shape) * BITS[dtype] // 8
        made.append((f"t{index}", {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}))
        end += size
    if draw.random() < 0.5:
        draw.shuffle(made)
    return made, end


def spoil(made: list[tuple[str, dict]]) -> None:
    """Changes one thing of one entry."""
    name, entry = draw.choice([pair for pair in made if isinstance(pair[1], dict)] or [("", {})])
    kind = draw.randrange(12)
    offsets = entry.get("data_offsets")
    shape = entry.get("shape")
    if kind == 0 and isinstance(offsets, list) and offsets and all(type(offset) is int for offset in offsets):
        offsets[draw.randrange(len(offsets))] += draw.choice([1, 4, 8])
    elif kind == 1 and isinstance(offsets, list):
        offsets.reverse()
    elif kind == 2 and isinstance(offsets, list) and offsets:
        index = draw.randrange(len(offsets))
        offsets[index] = draw.choice([1.0, -1, "0", None, True, 2**53 + 1,
                                      2**64 - 1, 2**64, [offsets[index]]])
    elif kind == 3 and isinstance(offsets, list):
        entry["data_offsets"] = draw.choice([offsets[:1], [*offsets, offsets[-1]], [], {}, None, 0, "0"])
    elif kind == 4 and isinstance(shape, list):
        shape.append(draw.choice([0, 1, 2, 1.0, -1, "1", None, [], 2**31]))
    elif kind == 5 and isinstance(shape, list):
        entry["shape"] = draw.choice([[0, *shape], [1, *shape], shape[1:], None, {}, "", 4])
    elif kind == 6:
        entry["dtype"] = draw.choice([str(entry.get("dtype")).lower(), "F128", "", 5, None, [], "f32"])
    elif kind == 7 and entry:
        entry.pop(draw.choice(list(entry)))
    elif kind == 8:
        entry[draw.choice(["extra", "", "data_offset", "Dtype", "__metadata__"])] = draw.choice(
            [None, 1, [], {"a": [1, {}]}, "x"])
    elif kind == 9:
        made.append(("__metadata__", draw.choice([{}, {"format": "pt"}, {"a": 1}, {"a": None}, {"a": {}},
                                                  None, [], "x", 1, {"": ""}])))
    elif kind == 10 and entry:
        made[made.index((name, entry))] = (draw.choice(["", "../x", "a b", "\u00fc\U0001F600", "\x01"]), entry)
    else:
        made.append((f"x{len(made)}", draw.choice([None, [], 1, "x", {}, True])))


def spoil_text(text: str) -> str:
    kind = draw.randrange(8)
    at = draw.randrange(len(text))
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + draw.choice(" {}[],:\"0x-.e\\") + text[at:]
    if kind == 2:
        return draw.choice([" ", "\t\r ", ""]) + text + draw.choice([" ", "\t \r", "x", ",", "{}"])
    if kind == 3:
        return text.replace(": ", ":").replace(", ", ",")
    if kind == 4:
        return text.replace("dtype", "d\\u0074ype")
    if kind == 5:
        return text.replace("{", "{ ", 1).replace("}", " }")
    if kind == 6:
        return text.replace("0", draw.choice(["00", "0.0", "-0", "0e0", "0"]), 1)
    return text.replace("\"dtype\"", "\"shape\"", 1)


def verdict(header: bytes, data: int) -> str:
    try:
        safetensors.deserialize(struct.pack("<Q", len(header)) + header + bytes(data))
    except safetensors.SafetensorError:
        return "no"
    return "ok"


def main() -> None:
    sys.stdout.reconfigure(encoding="utf-8")
    print("# Made by tools/make_safetensors_cases.py with safetensors " + safetensors.__version__)
    seen = set()
    while len(seen) < 600:
        made, data = entries()
        for _ in range(draw.choice([0, 1, 1, 2])):
            if made:
                spoil(made)
        data = max(0, data + draw.choice([0, 0, 0, 0, 0, 0, 0, -1, 1, 8]))
        names = [name for name, _ in made]
        if len(set(names)) != len(names):
            continue
        text = json.dumps(dict(made), ensure_ascii=draw.random() < 0.5)
        if draw.random() < 0.4:
            text = spoil_text(text)
        line = f"{verdict(text.encode(), data)} {data} {text}"
        if "\n" not in line and "u0000" not in line and line not in seen:
            seen.add(line)
            print(line)


if __name__ == "__main__":
    main()
