#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes src/unicode/tables.c: what the `tokenizers` wheel knows of Unicode.

    pip install tokenizers==0.23.3
    python3 tools/make_unicode.py > src/unicode/tables.c

The wheel mixes several versions of Unicode (its normaliser, its categories, Rust's own tables, its
regex engine), so nothing is taken from the standard's files: every scalar value is put through the
wheel and the tables say what came out. Only how a canonical decomposition is split in two, and which
combining classes there are, comes from Python's unicodedata, and is then checked against the wheel.

All code points are runs of one class each, a class being a set of flags and a combining class; a code
point that a map changes (lower case, canonical and compatibility decomposition) has its new text with
it. The numbers are coded by an arithmetic coder with adaptive contexts, which src/unicode/unicode.c
undoes: the two files change together.
"""
import collections
import math
import sys
import unicodedata

from tokenizers import Regex, __version__, normalizers, pre_tokenizers

from range_coder import RangeCoder

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)
LOWER, CANONICAL, COMPATIBLE = range(3)  # enum wm_char_map
FLAGS = ("LETTER", "NUMBER", "SPACE", "SPLITS", "STRIPS", "DROPPED", "WORD", "JOINS", "PREPENDS", "BREAKS", "ACCENT",
         "LOWER", "UPPER", "MARK", "PUNCTUATION", "SYMBOL", "EXCLUDED", "SECOND")  # from bit 8 on


MIDDLES = range(32 - 65536, 65536, 64)
STRETCHED = [int(y * 1760 / math.sqrt(4295396792 - y * y)) for y in MIDDLES]
SQUASHED = [32768 + int(y * 32700 / math.sqrt(y * y + 16777216)) for y in MIDDLES]
RATES = [163840 // (count * 10 + 9) for count in range(21)]


class Packer(RangeCoder):
    """unicode.c's unpacker, the other way round."""

    def __init__(self):
        super().__init__()
        self.seen = [[65536, 0, 0] for _ in range(1 << 15)]  # likely, tag, count

    def bit(self, contexts, node, bit):
        seen, total = [], 65536
        for context in contexts:
            hashed = (context + node * 0x2545F491) * 0x9E3779B1 & 0xFFFFFFFF
            slot, tag = self.seen[hashed >> 17], hashed >> 1 & 0xFFFF | 1
            if slot[1] != tag:
                slot[:] = [65536, tag, 0]
            seen.append(slot)
            total += STRETCHED[slot[0] >> 6]  # here: the next context may take the same slot
        self.code(SQUASHED[min(max(total, 0), 131071) >> 6], bit)
        for slot in seen:
            slot[2] = min(slot[2] + 1, 20)
            slot[0] += (131071 - slot[0]) * RATES[slot[2]] >> 14 if bit else -(slot[0] * RATES[slot[2]] >> 14)

    def number(self, kind, a, b, c, value):
        contexts = (a * 64 + kind, b * 64 + kind + 1, c * 64 + kind + 2)
        bits, x = (value + 1).bit_length() - 1, 1
        for i in range(bits):
            self.bit(contexts, i << 21, 1)
        self.bit(contexts, bits << 21, 0)
        for i in reversed(range(bits)):
            bit = value + 1 >> i & 1
            self.bit(contexts, bits << 21 | x, bit)
            x = x * 2 + bit

    def flags(self, flags):
        for i in range(29):
            past = flags & (1 << i) - 1
            contexts = (i | (past & 255 > 0) << 5, i | past << 5, i | past >> max(i - 4, 0) << 5)
            self.bit([c * 64 + 4 + k for k, c in enumerate(contexts)], 0, flags >> i & 1)


def zigzag(difference):
    return difference * 2 if difference >= 0 else -difference * 2 - 1


class Maps:
    """What maps make of code points, each number in the contexts of those before it."""

    def __init__(self, out, maps):
        self.out, self.maps = out, maps
        self.counts, self.last_from = [0] * 3, [0] * 3
        self.bits, self.seen = collections.Counter(), collections.defaultdict(lambda: [0, 0])

    def put(self, which, code, klass):
        parts = self.maps[which][code]
        old, count = self.counts[which], len(parts) - 1
        self.out.number(12, which | old << 2, which | code >> 6 << 2, which | old << 2 | klass << 8, count)
        self.counts[which], before = count, 0
        for i, part in enumerate(parts):
            kind = which | min(i, 2) << 2 | (count << 4 if which == CANONICAL else 0)
            same, bits = kind | self.bits[kind] << 8, part.bit_length()
            self.out.number(16, same, same | klass << 13, kind | before << 8, bits ^ self.bits[kind])
            self.bits[kind] = bits
            kind |= bits << 8
            seen = self.seen[kind]
            step = code - self.last_from[which] if i == 0 and which < COMPATIBLE else 0
            difference = zigzag(part - seen[0] - step)
            self.out.number(20, kind | min(seen[1], 15) << 16, kind + seen[0] * 40503,
                            (kind | before << 8) + klass * 40503, difference)
            seen[:] = [part, difference]
            before = part
        self.last_from[which] = code


def pack(flags, maps):
    out, recent, lengths = Packer(), [], collections.Counter()
    put = Maps(out, maps).put
    klasses, place_before, code = [0, 0], 0, 0
    while code < 0x110000:
        end = code
        while end < 0x110000 and flags[end] == flags[code]:
            end += 1
        known = flags[code] in recent
        if not known:
            recent.append(flags[code])
        place = recent.index(flags[code])
        out.number(0, code >> 7, klasses[0] | klasses[1] << 8, place_before, place - (code > 0))
        place_before = place - (code > 0)
        if not known:
            lengths[flags[code]] = 0
            out.flags(flags[code])
        recent.insert(0, recent.pop(place))
        klass = list(lengths).index(flags[code])
        length = lengths[flags[code]]
        out.number(8, klass | (-code & 15) << 8, klass | klasses[0] << 8, klass | length << 8, end - code - 1)
        lengths[flags[code]] = min(end - code, 255)
        klasses = [klass, klasses[0]]
        for c in range(code, end if flags[code] >> 26 and code not in HANGUL else code):
            for which in range(3):
                if flags[c] >> 26 + which & 1:
                    put(which, c, klass)
        code = end
    assert len(lengths) <= 256
    return out.data()


def changes(normalizer):
    return {c: r for c in SCALARS if (r := normalizer.normalize_str(chr(c))) != chr(c)}


def removed_by(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in SCALARS if not split.pre_tokenize_str(chr(c))}


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **on})


def combining_classes():
    """Code point -> class, from how the wheel orders it against one mark of each known class."""
    nfd = normalizers.NFD()
    marks = {240: "\u0345"}
    for c in SCALARS:
        if unicodedata.combining(chr(c)) and nfd.normalize_str("\u0345" + chr(c)) != "\u0345" + chr(c):
            marks.setdefault(unicodedata.combining(chr(c)), chr(c))
    result = {}
    for c in SCALARS:
        if nfd.normalize_str(chr(c)) != chr(c):
            continue
        moves_back = nfd.normalize_str("a" + marks[240] + chr(c)) != "a" + marks[240] + chr(c)
        moves_on = nfd.normalize_str("a" + chr(c) + marks[1]) != "a" + chr(c) + marks[1]
        if moves_back or moves_on:
            result[c] = max(v for v, m in marks.items() if nfd.normalize_str("a" + m + chr(c)) == "a" + m + chr(c))
        elif chr(c) == marks[1]:
            result[c] = 1
    return result


def decompositions(nfd):
    """Code point -> (first, second or 0), one step, such that repeating it gives the wheel's NFD."""
    steps = {}
    for c in nfd:
        if c not in HANGUL:
            parts = [int(p, 16) for p in unicodedata.decomposition(chr(c)).split()]
            steps[c] = (parts[0], parts[1] if len(parts) > 1 else 0)

    def full(c):
        first, second = steps.get(c, (0, 0))
        return full(first) + (chr(second) if second else "") if first else chr(c)

    for c in steps:
        assert full(c) == nfd[c], hex(c)
    return steps


def charsmap(key, to):
    """A precompiled charsmap of one key: what it does shows where the wheel ends a grapheme."""
    units = [0] * (1 << 12)
    units[0] = 0x100 << 10
    node = 0x100
    for i, byte in enumerate(key):
        node ^= byte
        step = 0x200 + 0x200 * i
        units[node] = byte | (i + 1 == len(key)) << 8 | step << 10
        node ^= step
    units[node] = 0  # the value: where the text begins
    blob = len(units) * 4
    return normalizers.Precompiled(blob.to_bytes(4, "little") + b"".join(u.to_bytes(4, "little") for u in units) +
                                   to.encode() + b"\0")


def graphemes():
    """What joins the character before it, what the one after it, and what nothing joins."""
    a_to_x = charsmap(b"a", "X")
    joins = {c for c in SCALARS if a_to_x.normalize_str("a" + chr(c)) == "X"}
    accent = charsmap("a\u0301".encode(), "X")
    prepends = {c for c in SCALARS if "X" not in accent.normalize_str(chr(c) + "a\u0301")}
    # Only a key of the map shows this, so it is asked of the likely ones; NUL cannot be a key.
    likely = [c for c in SCALARS if unicodedata.category(chr(c)) in ("Cc", "Cf", "Zl", "Zp") and c]
    breaks = {c for c in likely if charsmap(chr(c).encode(), "X").normalize_str(chr(c) + "\u0301") != "X"} | {0}
    return joins, prepends, breaks


def seconds(steps, compatible, classes, nfc):
    """What may compose with the character before it, or begins with such a one or with a mark."""
    codes = {second for c, (_, second) in steps.items() if second and c not in nfc}
    codes |= {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}

    def first(c):
        c = compatible.get(c, (c,))[0]
        while c in steps:
            c = steps[c][0]
        return c

    return codes | {c for c in {*steps, *compatible} if first(c) in codes or first(c) in classes}


def compatibles(nfd):
    """Code point -> the shortest text with the same NFKD; of what NFD leaves alone."""
    nfkd, nfkc = changes(normalizers.NFKD()), changes(normalizers.NFKC())
    result = {c: [ord(x) for x in nfkc.get(c, r)] for c, r in nfkd.items() if c not in nfd}

    def full(c):
        text = "".join("".join(map(chr, result.get(ord(part), [ord(part)]))) for part in nfd.get(c, chr(c)))
        return normalizers.NFD().normalize_str(text)

    assert all(full(c) == text for c, text in nfkd.items())
    return result


def main():
    spaces = removed_by(r"\s")
    clean = changes(bert(clean_text=True))
    assert set(clean.values()) == {"", " "}
    drops = {c for c, r in clean.items() if r == ""}
    assert {c for c, r in clean.items() if r == " "} == spaces - drops - {0x20}
    assert {c for c in SCALARS if not pre_tokenizers.WhitespaceSplit().pre_tokenize_str(chr(c))} == spaces
    splits = {c for c in SCALARS
              if [p for p, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str("a" + chr(c))] != ["a" + chr(c)]}
    assert spaces <= splits
    accents = changes(normalizers.StripAccents())
    assert set(accents.values()) == {""}
    nfd, nfc, lower = changes(normalizers.NFD()), changes(normalizers.NFC()), changes(normalizers.Lowercase())
    steps, compatible, classes = decompositions(nfd), compatibles(nfd), combining_classes()
    joins, prepends, breaks = graphemes()
    sections = {
        "LETTER": removed_by(r"\p{L}"),
        "NUMBER": removed_by(r"\p{N}"),
        "SPACE": spaces,
        "SPLITS": splits - spaces,
        "STRIPS": {c for c, r in changes(bert(strip_accents=True)).items() if r == ""},
        "DROPPED": drops,
        "WORD": {c for c in SCALARS if len(pre_tokenizers.Whitespace().pre_tokenize_str("a" + chr(c))) == 1} - spaces,
        "JOINS": joins,
        "PREPENDS": prepends,
        "BREAKS": breaks,
        "ACCENT": set(accents),
        "LOWER": removed_by(r"\p{Ll}"),
        "UPPER": removed_by(r"[\p{Lu}\p{Lt}]"),
        "MARK": removed_by(r"\p{M}"),
        "PUNCTUATION": removed_by(r"\p{P}"),
        "SYMBOL": removed_by(r"\p{S}"),
        "EXCLUDED": set(nfc),
        "SECOND": seconds(steps, compatible, classes, nfc),
    }
    maps = [{c: [ord(x) for x in r] for c, r in lower.items()},
            {c: [part for part in step if part] for c, step in steps.items()}, compatible]
    flags = [classes.get(c, 0) for c in range(0x110000)]
    for bit, codes in enumerate([*(sections[name] for name in FLAGS), maps[LOWER], {*maps[CANONICAL], *HANGUL},
                                 maps[COMPATIBLE]], 8):
        for c in codes:
            flags[c] |= 1 << bit
    flags[0xD800:0xE000] = [flags[0xD7FF]] * 0x800  # no scalar values
    data = pack(flags, maps)
    counts = [*map(len, maps), sum(len(parts) for table in maps for parts in table.values())]
    print("// Generated by: python3 tools/make_unicode.py > src/unicode/tables.c    (tokenizers " + __version__ + ")")
    print("// SPDX-License-Identifier: MIT OR Apache-2.0")
    print('#include "tables.h"\n')
    print("const uint16_t wm_unicode_counts[] = {" + ", ".join(map(str, counts)) + "};\n")
    print(f"const uint8_t wm_unicode_data[{len(data)}] = {{")
    for i in range(0, len(data), 24):
        print("    " + ",".join(str(b) for b in data[i:i + 24]) + ",")
    print("};")
    print(len(data), file=sys.stderr)


main()
