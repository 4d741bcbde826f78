#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares wasmicro's token ids, types, offsets and decoded text with the `tokenizers` wheel's.

    pip install tokenizers==0.23.3        (0.19.1 gives the same answers where it reads the file)
    python3 verify/tokenizers_check.py FOLDER [--scalars] [--lines FILE…] [--random N] [--seed N]

FOLDER holds tokenizer.json; a folder of vocab.txt, or vocab.json and merges.txt, is compared with what
`transformers` 4.40 makes of it, if that is installed. --scalars: every Unicode scalar value alone and
as a<scalar>b. --lines: every line of the files. --random: N strings of pieces that hurt, and as pairs.
Exits 1 on the first 10 differences of a set.
"""
import argparse
import ctypes as c
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Span(c.Structure):
    _fields_ = [("p", c.c_char_p), ("n", c.c_size_t)]


class Source(c.Structure):
    _fields_ = [("path", Span), ("bytes", Span)]


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("offset", c.c_uint64), ("text", c.c_char * 240)]


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("special", c.c_int), ("max_length", c.c_uint32), ("truncate", c.c_int),
                ("special_as_text", c.c_bool), ("lower_case", c.c_bool), ("truncation", c.c_int),
                ("windows", c.c_bool), ("stride", c.c_uint32), ("offsets", c.c_int)]


class Encoding(c.Structure):
    _fields_ = [("ids", c.POINTER(c.c_int32)), ("types", c.POINTER(c.c_uint8)), ("starts", c.POINTER(c.c_uint32)),
                ("ends", c.POINTER(c.c_uint32)), ("count", c.c_size_t), ("truncated", c.c_bool),
                ("capacity", c.c_size_t), ("allocator", c.c_void_p * 3)]


def build():
    """The core as a shared library: base, unicode and token are all that a tokenizer needs."""
    out = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.so"
    sources = [str(p) for d in ("base", "unicode", "token") for p in sorted((ROOT / "src" / d).glob("*.c"))]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=c11", "-ffp-contract=off", "-fPIC", "-shared",
                    "-o", str(out), *sources], check=True)
    return c.CDLL(str(out))


class Decoding(c.Structure):
    _fields_ = [("text", c.c_void_p), ("n", c.c_size_t), ("allocator", c.c_void_p * 3)]


class Tokenizer:
    names = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "tokenizer_config.json",
             "special_tokens_map.json", "config.json")

    def __init__(self, folder, lib):
        self.lib = lib
        self.files = [(n, (folder / n).read_bytes()) for n in self.names if (folder / n).exists()]
        table = (Source * len(self.files))(*[Source(Span(n.encode(), len(n)), Span(b, len(b))) for n, b in self.files])
        self.handle, self.error, self.encoding = c.c_void_p(), Error(), Encoding()
        started = time.perf_counter()
        if lib.wm_tokenizer_open(c.byref(self.handle), table, c.c_size_t(len(self.files)), None, c.byref(self.error)):
            raise SystemExit(f"{folder}: {self.error.text.decode()}")
        self.load_seconds = time.perf_counter() - started

    def encode(self, text, pair=None, **options):
        def span(text):
            data = text if isinstance(text, bytes) else text.encode()
            return Span(data, len(data))
        second = None if pair is None else c.byref(span(pair))
        options = Options(c.sizeof(Options), **options)
        status = self.lib.wm_tokenizer_encode(self.handle, span(text), second, c.byref(options),
                                              c.byref(self.encoding), c.byref(self.error))
        if status:
            raise RuntimeError(self.error.text.decode())
        e = self.encoding
        n = e.count
        return e.ids[:n], e.types[:n], list(zip(e.starts[:n], e.ends[:n]))


    def decode(self, ids, skip_special=True):
        array, out = (c.c_int32 * len(ids))(*ids), Decoding()
        status = self.lib.wm_tokenizer_decode(self.handle, array, c.c_size_t(len(ids)), c.c_bool(skip_special),
                                              c.byref(out), c.byref(self.error))
        if status:
            raise RuntimeError(self.error.text.decode())
        text = c.string_at(out.text, out.n).decode()
        self.lib.wm_decoding_free(c.byref(out))
        return text


def oracle(folder):
    """encode(text, pair) -> ids, types, offsets in code points, of the wheel on the same files."""
    import tokenizers
    if (folder / "tokenizer.json").exists():
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        from transformers import AutoTokenizer
        backend = AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


def byte_offsets(offsets, text, types, pair):
    """Code points of one text to bytes; None where the pair makes it unclear whose they are."""
    table, at = [0], 0
    for ch in text:
        at += len(ch.encode())
        table.append(at)
    return [(table[s], table[e]) for s, e in offsets]


NASTY = ["a", "B", "z", " ", "  ", "\t", "\n", "\r\n", "\0", "é", "e\u0301", "ﬁ", "İ", "ı", "ß", "ẞ", "Σ", "ς", "日本", "語",
         "한국어", "각", "\u1112\u1161\u11ab", "क्षि", "ที่", "שָׁ", "العربية", "\u202e", "\ufeff", "\u200d", "👩‍👩‍👧‍👦",
         "🏳️‍🌈", "🇩🇪", "\U0001d518", "\ufffd", "\u00a0", "\u3000", "\u2028", "\u0085", "…", "—", "'s", "'re", "'LL", "’s",
         "!", "?", "...", "##a", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<s>", "</s>", "<mask>", "<|endoftext|>",
         "<extra_id_0>", "▁", "Ġ", "123", "٣", "½", "x²", "\u0300\u0301\u0316", "\U0001d15e", "\u0e33", "a" * 101, "ab" * 60,
         "\u0344", "\u212b", "\ufb4f", "\U0001f468\U0001f3fd", "http://a.b/c?d=e&f", "user@example.com", "--", "//", "\\n",
         "\u302a\u302e", "\U0001e8d0", "\u0f73", "\u0f71\u0f72", "\u1e9b\u0323", "q\u0307\u0323", "\ud7a3", "\U000e0001", "\U0010ffff"]


def texts_of(args):
    if args.scalars:
        for code in range(0x110000):
            if not 0xD800 <= code < 0xE000:
                yield "scalars alone", chr(code), None
        for code in range(0x110000):
            if not 0xD800 <= code < 0xE000:
                yield "scalars as a<scalar>b", f"a{chr(code)}b", None
    for path in args.lines:
        for line in path.read_bytes().decode("utf-8", "replace").split("\n"):
            yield f"lines of {path.name}", line, None
    choose = random.Random(args.seed)
    for _ in range(args.random):
        yield "random", "".join(choose.choices(NASTY, k=choose.randint(1, 12))), None
    for _ in range(args.random // 5):
        first, second = ("".join(choose.choices(NASTY, k=choose.randint(0, 6))) for _ in range(2))
        yield "random pairs", first, second


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--scalars", action="store_true")
    parser.add_argument("--lines", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-special", action="store_true")
    args = parser.parse_args()
    ours = Tokenizer(args.folder, build())
    started = time.perf_counter()
    wheel = oracle(args.folder)
    print(f"load: wasmicro {ours.load_seconds * 1e3:.1f} ms, oracle {(time.perf_counter() - started) * 1e3:.0f} ms")
    counts, different = {}, {}
    special = {"special": 2} if args.no_special else {}
    for name, text, pair in texts_of(args):
        counts[name] = counts.get(name, 0) + 1
        ids, types, offsets = ours.encode(text, pair, **special)
        expected = wheel.encode(text, pair, add_special_tokens=not args.no_special)
        same = ids == expected.ids and types == expected.type_ids
        if same and pair is None:
            same = offsets == byte_offsets(expected.offsets, text, expected.type_ids, pair)
        skip = counts[name] % 2 == 0
        if same:
            same = ours.decode(ids, skip) == wheel.decode(ids, skip_special_tokens=skip)
        if not same:
            different[name] = different.get(name, 0) + 1
            if different[name] <= 10:
                print(f"DIFFERENT in {name}: {text!r} {pair!r}\n  ours   {ids} {types} {offsets}\n  oracle {expected.ids} "
                      f"{expected.type_ids} {expected.offsets} {expected.tokens}")
    choose, size = random.Random(args.seed), wheel.get_vocab_size() + 3
    for _ in range(args.random):
        first, second = ("".join(choose.choices(NASTY, k=choose.randint(0, 8))) for _ in range(2))
        second, length, left = choose.choice((None, second)), choose.randint(5, 30), choose.random() < 0.4
        counts["truncations"] = counts.get("truncations", 0) + 1
        wheel.enable_truncation(length, direction="left" if left else "right")
        expected = wheel.encode(first, second)
        ids, types, _ = ours.encode(first, second, max_length=length, truncate=int(left))
        if ids != expected.ids or types != expected.type_ids:
            different["truncations"] = different.get("truncations", 0) + 1
            if different["truncations"] <= 10:
                print(f"DIFFERENT truncation to {length} of {first!r} {second!r}: {ids}, expected {expected.ids}")
    wheel.no_truncation()
    for _ in range(args.random):
        ids = [choose.randrange(size) for _ in range(choose.randint(0, 12))]
        skip = choose.random() < 0.5
        counts["decodings"] = counts.get("decodings", 0) + 1
        got, expected = ours.decode(ids, skip), wheel.decode(ids, skip_special_tokens=skip)
        if got != expected:
            different["decodings"] = different.get("decodings", 0) + 1
            if different["decodings"] <= 10:
                print(f"DIFFERENT decoding of {ids}: {got!r}, expected {expected!r}")
    for name, count in counts.items():
        print(f"{args.folder.name}: {name}: {different.get(name, 0)} of {count} differ")
    sys.exit(bool(different))


main()
