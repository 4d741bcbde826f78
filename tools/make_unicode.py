#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes src/unicode/tables.c: what the `tokenizers` wheel knows of Unicode.

    pip install tokenizers==0.23.3
    python3 tools/make_unicode.py > src/unicode/tables.c

The wheel mixes several versions of Unicode (its normaliser, its categories, Rust's own tables, its
regex engine), so nothing is taken from the standard's files: every scalar value is put through the
wheel and the tables say what came out. Only how a decomposition is split in two, and which combining
classes there are, comes from Python's unicodedata, and is then checked against the wheel.

All is a run of numbers, each as nibbles of three bits, lowest first, with 8 for "more follows".
A table is its number of ranges, then gap before, length - 1 and, where it holds values, the value of
each; the values of the decompositions follow all ranges.
"""
import sys
import unicodedata

from tokenizers import Regex, __version__, normalizers, pre_tokenizers

SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
HANGUL = range(0xAC00, 0xD7A4)


class Numbers:
    def __init__(self):
        self.nibbles = []

    def put(self, value):
        assert value >= 0
        while value >= 8:
            self.nibbles.append(8 | value & 7)
            value >>= 3
        self.nibbles.append(value)

    def put_signed(self, value):
        self.put(value << 1 if value >= 0 else (-value << 1) - 1)


def changes(normalizer):
    return {c: r for c in SCALARS if (r := normalizer.normalize_str(chr(c))) != chr(c)}


def removed_by(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    return {c for c in SCALARS if not split.pre_tokenize_str(chr(c))}


def bert(**on):
    options = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**options, **on})


def ranges(codes):
    result = []
    for c in sorted(codes):
        if result and result[-1][1] == c:
            result[-1][1] = c + 1
        else:
            result.append([c, c + 1])
    return result


def put_class(out, codes):
    rows, end = ranges(codes), 0
    out.put(len(rows))
    for start, stop in rows:
        out.put(start - end)
        out.put(stop - start - 1)
        end = stop


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


def put_combining(out, classes):
    rows = []
    for c in sorted(classes):
        if rows and rows[-1][1] == c and rows[-1][2] == classes[c]:
            rows[-1][1] = c + 1
        else:
            rows.append([c, c + 1, classes[c]])
    out.put(len(rows))
    end = 0
    for start, stop, value in rows:
        out.put(start - end)
        out.put(stop - start - 1)
        out.put_signed(value)
        end = stop


def put_lower(out, lower):
    """Ranges of one distance; distance 0 is for those where every other code point goes to the next."""
    assert {c for c, r in lower.items() if len(r) != 1} == {0x130} and lower[0x130] == "i\u0307"
    todo = {c: ord(r) - c for c, r in lower.items() if c != 0x130}
    rows = []
    for c in sorted(todo):
        if rows:
            start, stop, distance = rows[-1]
            if c == stop and todo[c] == distance and distance:
                rows[-1][1] = c + 1
                continue
            if c == stop + 1 and todo[c] == 1 and (distance == 0 or distance == 1 and stop == start + 1):
                rows[-1] = [start, c + 1, 0]
                continue
        rows.append([c, c + 1, todo[c]])
    out.put(len(rows))
    end = 0
    for start, stop, distance in rows:
        out.put(start - end)
        out.put(stop - start - 1)
        out.put_signed(distance)
        end = stop


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


def put_decompositions(out, steps):
    put_class(out, steps)
    seconds = [second for _, second in steps.values()]
    marks = sorted(set(seconds), key=lambda m: (-seconds.count(m), m))
    out.put(len(marks))
    last = 0
    for mark in marks:
        out.put_signed(mark - last)
        last = mark
    # Singletons (nearly all of them ideographs) and pairs each follow their own kind.
    last = [0, 0]
    for c in sorted(steps):
        first, second = steps[c]
        out.put(marks.index(second))
        out.put_signed(first - last[second != 0])
        last[second != 0] = first


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
    strips = changes(bert(strip_accents=True))
    nfd = changes(normalizers.NFD())
    sections = {
        "LETTER": removed_by(r"\p{L}"),
        "NUMBER": removed_by(r"\p{N}"),
        "SPACE": spaces,
        "PUNCTUATION": splits - spaces,
        "MARK": {c for c, r in strips.items() if r == ""},
        "DROPPED": drops,
    }
    out, starts = Numbers(), {}
    for name, codes in sections.items():
        starts[name] = len(out.nibbles)
        put_class(out, codes)
    # \w of the regex crate, as what sets it apart from letters, numbers and marks.
    words = {c for c in SCALARS if len(pre_tokenizers.Whitespace().pre_tokenize_str("a" + chr(c))) == 1} - spaces
    starts["WORD"] = len(out.nibbles)
    put_class(out, words ^ (sections["LETTER"] | sections["NUMBER"] | sections["MARK"]))
    joins, prepends, breaks = graphemes()
    accents = changes(normalizers.StripAccents())
    assert set(accents.values()) == {""}
    nfc = changes(normalizers.NFC())
    steps = decompositions(nfd)
    for name, codes in (("JOINS", joins ^ sections["MARK"]), ("PREPENDS", prepends), ("BREAKS", breaks ^ sections["DROPPED"]),
                        ("ACCENT", set(accents) ^ sections["MARK"]),
                        ("EXCLUDED", {c for c in steps if steps[c][1] and c in nfc})):
        starts[name] = len(out.nibbles)
        put_class(out, codes)
    lower = changes(normalizers.Lowercase())
    assert lower == {**{c: chr(c + 32) for c in range(65, 91)}, **{c: r for c, r in lower.items() if c > 0x7F}}
    tables = [("LOWER", put_lower, lower), ("COMBINING", put_combining, combining_classes()),
              ("DECOMPOSITION", put_decompositions, steps)]
    for name, put, content in tables:
        starts[name] = len(out.nibbles)
        put(out, content)
    if len(out.nibbles) % 2:
        out.nibbles.append(0)
    data = [a | b << 4 for a, b in zip(out.nibbles[::2], out.nibbles[1::2])]
    print("// Generated by: python3 tools/make_unicode.py > src/unicode/tables.c    (tokenizers " + __version__ + ")")
    print("// SPDX-License-Identifier: MIT OR Apache-2.0")
    print('#include "tables.h"\n')
    print("// The nibble where each table begins, in the order of wm_unicode_table.")
    print("const uint16_t wm_unicode_starts[] = {" + ", ".join(str(s) for s in starts.values()) + "};\n")
    print(f"const uint8_t wm_unicode_data[{len(data)}] = {{")
    for i in range(0, len(data), 24):
        print("    " + ",".join(str(b) for b in data[i:i + 24]) + ",")
    print("};")
    print({k: v for k, v in starts.items()}, len(data), file=sys.stderr)


main()
