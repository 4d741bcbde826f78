#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Packs the constants of a wasm module in place: python3 tools/pack_wasm.py module.wasm

The data segments become one, compressed; `unpack` (wasm/unpack.c, which is the format's definition) becomes the start
function and puts them where they were. Texts and tables shrink to half, for some 0.7 KB of code; those of Unicode are
packed already and stay as they are.
"""

import math
import re
import sys
from pathlib import Path

from range_coder import RangeCoder

PACKED = 1024  # address of the packed bytes: free until the stack is that deep
START, DATA, DATA_COUNT, EXPORT = 8, 11, 12, 7
MATCH, SAME, OFFSET, LENGTH, AGAIN, LITERAL, CONTEXTS = 0, 2, 4, 68, 132, 196, 708
LONGEST = 600
TRIES = 300  # places a match is looked for
DENSE = 48  # of a match every length up to this is considered, then the longest alone
ROUNDS = 4


# ---- Model, as in unpack.c -------------------------------------------------------------------------------------


class Model:
    """Probabilities of a one, in 65,536ths."""

    def __init__(self):
        self.fast = [32768] * CONTEXTS
        self.slow = [32768] * CONTEXTS

    def probability(self, context):
        return (self.fast[context] + self.slow[context]) >> 1

    def update(self, context, bit):
        target = 65535 if bit else 31  # never 0
        self.fast[context] += (target - self.fast[context]) >> 4
        self.slow[context] += (target - self.slow[context]) >> 7


class Encoder(RangeCoder):
    def __init__(self):
        super().__init__()
        self.model = Model()

    def bit(self, context, bit):
        self.code(self.model.probability(context), bit)
        self.model.update(context, bit)


def number_bits(context, number):
    """The contexts and bits of an Elias gamma code."""
    for shift in range(number.bit_length() - 2, -1, -1):
        yield context, 1
        yield context + 1, number >> shift & 1
        context += 2
    yield context, 0


def literal_bits(data, at):
    tree = LITERAL + (data[at - 1] & 128 if at else 0) * 2
    node = 1
    for shift in range(7, -1, -1):
        bit = data[at] >> shift & 1
        yield tree + node, bit
        node = node << 1 | bit


def encode(data, tokens):
    """tokens: (length, offset), offset 0 for a literal."""
    encoder, at, matched, last = Encoder(), 0, 0, 0
    for length, offset in tokens:
        bits = [(MATCH + matched, int(offset > 0))]
        if not offset:
            bits += literal_bits(data, at)
        else:
            same = offset == last
            bits.append((SAME + matched, int(same)))
            bits += number_bits(AGAIN, length) if same else [*number_bits(OFFSET, offset), *number_bits(LENGTH, length - 1)]
            last = offset
        for context, bit in bits:
            encoder.bit(context, bit)
        matched = int(offset > 0)
        at += length
    return encoder


# ---- Which tokens: the cheapest way, by what the last round's probabilities make of them ------------------------


def find_matches(data):
    """[position][(length, offset)], each longer and farther than the one before."""
    found, last, previous = [], {}, []
    for at in range(len(data)):
        pair, longest, here = data[at : at + 2], 1, []
        candidate = last.get(pair, -1)
        previous.append(candidate)
        last[pair] = at
        tries = TRIES
        while candidate >= 0 and len(pair) == 2 and tries and longest < LONGEST:
            tries -= 1
            length = match_length(data, at, at - candidate)
            if length > longest:
                longest = length
                here.append((length, at - candidate))
            candidate = previous[candidate]
        found.append(here)
    return found


def match_length(data, at, offset):
    limit = min(len(data) - at, LONGEST)
    length = 0
    while length < limit and data[at + length] == data[at + length - offset]:
        length += 1
    return length


def lengths_to(longest, first):
    return [*range(first, min(longest, DENSE) + 1), *([longest] if longest > DENSE else [])]


class Costs:
    def __init__(self, model):
        self.one = [-math.log2(model.probability(c) / 65536) for c in range(CONTEXTS)]
        self.zero = [-math.log2(1 - model.probability(c) / 65536) for c in range(CONTEXTS)]
        self.numbers = {}

    def of(self, bits):
        return sum(self.one[context] if bit else self.zero[context] for context, bit in bits)

    def number(self, context, number):
        key = context, number
        if key not in self.numbers:
            self.numbers[key] = self.of(number_bits(context, number))
        return self.numbers[key]


def cheapest(data, matches, costs):
    """Tokens by dynamic programming over (position, whether a match came last)."""
    best = [[math.inf, math.inf] for _ in range(len(data) + 1)]  # [position][matched]
    ways = [[None, None] for _ in range(len(data) + 1)]  # (length, offset, matched before)
    last = [[0, 0] for _ in range(len(data) + 1)]  # offset of the last match
    best[0][0] = 0

    def reach(at, matched, length, offset, cost):
        to = int(offset > 0)
        if cost < best[at + length][to]:
            best[at + length][to] = cost
            ways[at + length][to] = (length, offset, matched)
            last[at + length][to] = offset or last[at][matched]

    for at in range(len(data)):
        literal = costs.of(literal_bits(data, at))
        for matched in (0, 1):
            so_far, again = best[at][matched], last[at][matched]
            if so_far == math.inf:
                continue
            reach(at, matched, 1, 0, so_far + costs.zero[MATCH + matched] + literal)
            so_far += costs.one[MATCH + matched]
            if again:
                for length in lengths_to(match_length(data, at, again), 1):
                    reach(at, matched, length, again, so_far + costs.one[SAME + matched] + costs.number(AGAIN, length))
            first = 2
            for longest, offset in matches[at]:
                cost = so_far + costs.zero[SAME + matched] + costs.number(OFFSET, offset)
                for length in lengths_to(longest, first) if offset != again else []:
                    reach(at, matched, length, offset, cost + costs.number(LENGTH, length - 1))
                first = min(longest + 1, DENSE + 1)
    tokens, at, matched = [], len(data), int(best[-1][1] < best[-1][0])
    while at:
        length, offset, matched = ways[at][matched]
        tokens.append((length, offset))
        at -= length
    return tokens[::-1]


def pack(data):
    matches = find_matches(data)
    encoder = encode(data, [(1, 0)] * len(data))
    shortest = None
    for _ in range(ROUNDS):
        encoder = encode(data, cheapest(data, matches, Costs(encoder.model)))
        packed = encoder.data()
        if shortest is None or len(packed) < len(shortest):
            shortest = packed
    return shortest


# ---- The module ------------------------------------------------------------------------------------------------


def leb(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def signed_leb(value):
    out = bytearray()
    while value > 63:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def image_of(body, reader):
    """The data segments as one run of bytes, and its address."""
    segments = []
    for _ in range(reader.number()):
        if reader.number() != 0 or reader.byte() != 0x41:
            raise SystemExit("pack_wasm: not an active segment at a constant address")
        address = reader.number()  # below 2^30: its sign bit is never set
        if address >> 6 & 1 and address < 64 or reader.byte() != 0x0B:
            raise SystemExit("pack_wasm: an address that is not understood")
        segments.append((address, reader.take(reader.number())))
    start = min(address for address, _ in segments)
    image = bytearray(max(address + len(part) for address, part in segments) - start)
    for address, part in segments:
        image[address - start : address - start + len(part)] = part
    return start, bytes(image.rstrip(b"\0"))


def packed_already():
    """The bytes that src/unicode/tables.c has."""
    text = (Path(__file__).parent.parent / "src/unicode/tables.c").read_text()
    return bytes(map(int, re.findall(r"\d+", text.split("wm_unicode_data[")[1].split("{")[1])))


def pack_image(start, image):
    """What unpack() finds: where to, how much, the hole for what is not packed, and that itself behind the rest."""
    kept = packed_already()
    hole = image.index(kept)
    packed = pack(image[:hole] + image[hole + len(kept) :])
    print(f"# constants: {len(image) - len(kept)} bytes packed to {len(packed)}, {len(kept)} as they are")
    words = (start, len(image) - len(kept), hole, len(kept))
    return b"".join(n.to_bytes(4, "little") for n in words) + packed + kept


def without_unpack(reader):
    """The exports but for unpack, and its function's index."""
    exports, index = [], None
    for _ in range(reader.number()):
        name, kind, number = reader.take(reader.number()), reader.byte(), reader.number()
        if name == b"unpack":
            index = number
        else:
            exports.append(leb(len(name)) + name + bytes([kind]) + leb(number))
    return leb(len(exports)) + b"".join(exports), index


def main(path):
    from size import Reader, sections  # tools/size.py

    wasm, out, index = path.read_bytes(), bytearray(), None
    out += wasm[:8]
    for kind, body in sections(wasm):
        if kind == DATA_COUNT:
            continue
        if kind == EXPORT:
            body, index = without_unpack(Reader(body))
            if index is None:
                raise SystemExit("pack_wasm: no export called unpack: packed already?")
        if kind == DATA:
            start, image = image_of(body, Reader(body))
            packed = pack_image(start, image)
            if PACKED + len(packed) > start // 2:
                raise SystemExit("pack_wasm: the packed bytes do not fit below the stack's top")
            body = b"\1\0\x41" + signed_leb(PACKED) + b"\x0b" + leb(len(packed)) + packed
        out += bytes([kind]) + leb(len(body)) + body
        if kind == EXPORT:
            out += bytes([START]) + leb(len(leb(index))) + leb(index)
    path.write_bytes(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
