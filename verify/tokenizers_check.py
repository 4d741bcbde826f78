#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares wasmicro's token ids, types, offsets and decoded text with the `tokenizers` wheel's.

    pip install tokenizers==0.23.3        (0.19.1 gives the same answers where it reads the file)
    python3 verify/tokenizers_check.py FOLDER… [--scalars] [--lines FILE…] [--cldr FOLDER] [--blocks N] [--random N] [--seed N]

FOLDER holds tokenizer.json; a folder of vocab.txt, or vocab.json and merges.txt, is compared with what
`transformers` 4.40 makes of it, if that is installed. A file NAME.model in the place of a folder is compared with
what `sentencepiece` makes of it; --models writes each Unigram tokenizer.json as such a file too. Where
tokenizer_config.json asks for it, decoded text is cleaned up as transformers 5 does. --scalars: every Unicode scalar value alone and
as a<scalar>b. --lines: every line of the files. --public: the texts of public tests, a JSON file, and the ids that those
tests expect of real tokenizers (public_ids.json, by the folder's name). --tiktoken: those, lines and random ones
against `tiktoken` too, where a file's ids are ranks. --cldr: the names of emoji in a hundred languages
(tools/fetch.py cldr-annotations). --blocks: N lines of words from each 128 code points. --random: N
strings of pieces that hurt, a fifth as pairs, cut pairs and random ids to decode.
--once: a tokenizer.json that a folder before has too is passed over. --resume DIR: notes there how far it came, and goes
on from there the next time, unless a source, an option or a text has changed since. --seconds N, with it: ends after so
many, with 75 where more is to do. Prints one line a set, exits 1 with the first 10 differences of each.
"""
import argparse
import contextlib
import ctypes as c
import hashlib
import itertools
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unicodedata

import sentencepiece_check
import tiktoken_check
from structs import Error, Span, sources

os.environ["TOKENIZERS_PARALLELISM"] = "false"
ROOT = pathlib.Path(__file__).resolve().parent.parent
PUBLIC_IDS = ROOT / "verify" / "public_ids.json"


class Options(c.Structure):
    _fields_ = [("size", c.c_size_t), ("special", c.c_int), ("max_length", c.c_uint32), ("truncate", c.c_int),
                ("special_as_text", c.c_bool), ("lower_case", c.c_bool), ("truncation", c.c_int), ("windows", c.c_bool),
                ("stride", c.c_uint32), ("offsets", c.c_int)]


class Encoding(c.Structure):
    _fields_ = [("ids", c.POINTER(c.c_int32)), ("types", c.POINTER(c.c_uint8)), ("words", c.POINTER(c.c_uint8)),
                ("starts", c.POINTER(c.c_uint32)), ("ends", c.POINTER(c.c_uint32)), ("count", c.c_size_t),
                ("truncated", c.c_bool), ("capacity", c.c_size_t), ("allocator", c.c_void_p * 3)]


class Decoding(c.Structure):
    _fields_ = [("text", c.c_void_p), ("n", c.c_size_t), ("allocator", c.c_void_p * 3)]


LAYERS = [ROOT / "src" / layer for layer in ("base", "unicode", "token")]  # all that a tokenizer needs


def build():
    """The core as a shared library."""
    out = pathlib.Path(tempfile.mkdtemp()) / "tokenizer.so"
    sources = [str(p) for layer in LAYERS for p in sorted(layer.glob("*.c"))]
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fPIC", "-shared",
                    "-o", str(out), *sources], check=True)
    return c.CDLL(str(out))


class Tokenizer:
    names = ("tokenizer.json", "vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model",
             "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "config.json")

    def __init__(self, folder, lib, host=None):
        self.lib = lib
        if folder.suffix == ".model":
            self.files = [("spiece.model", folder.read_bytes())]
        else:
            self.files = [(n, (folder / n).read_bytes()) for n in self.names if (folder / n).exists()]
        self.handle, self.error, self.encoding, self.out = c.c_void_p(), Error(), Encoding(), Decoding()
        table = sources([(name.encode(), data) for name, data in self.files])
        started = time.perf_counter()
        if lib.wm_tokenizer_open(c.byref(self.handle), table, c.c_size_t(len(table)), host, c.byref(self.error)):
            raise SystemExit(f"{folder}: {self.error.text.decode()}")
        self.load_seconds = time.perf_counter() - started
        self.refs = [c.byref(x) for x in (self.encoding, self.error, self.out)]

    def close(self):
        self.lib.wm_encoding_free(self.refs[0])
        self.lib.wm_tokenizer_close(self.handle)

    def encode(self, text, pair=None, options=None):
        """ids, types, [(start, end)] in code points."""
        data = text.encode()
        second = None
        if pair is not None:
            pair = pair.encode()
            second = c.byref(Span(pair, len(pair)))
        if self.lib.wm_tokenizer_encode(self.handle, Span(data, len(data)), second, c.byref(options), self.refs[0], self.refs[1]):
            raise RuntimeError(self.error.text.decode())
        e = self.encoding
        n = e.count
        return e.ids[:n], e.types[:n], list(zip(e.starts[:n], e.ends[:n]))

    def decode(self, ids, skip_special=True):
        array = (c.c_int32 * len(ids))(*ids)
        if self.lib.wm_tokenizer_decode(self.handle, array, c.c_size_t(len(ids)), c.c_bool(skip_special), self.refs[2],
                                        self.refs[1]):
            raise RuntimeError(self.error.text.decode())
        text = c.string_at(self.out.text, self.out.n).decode()
        self.lib.wm_decoding_free(self.refs[2])
        return text


def options(**given):
    return Options(c.sizeof(Options), **{"offsets": 1, **given})


CLEAN = [(" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"),
         (" 're", "'re")]


def clean_up(text):
    for old, new in CLEAN:
        text = text.replace(old, new)
    return text


def asks_for_clean_up(folder, wheel):
    """tokenizer_config.json says so, and the model is no BPE: of that transformers 5 leaves it out."""
    with contextlib.suppress(OSError):
        config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
        return config.get("clean_up_tokenization_spaces") is True and type(wheel.model).__name__ != "BPE"
    return False


def oracle(folder):
    """The wheel's tokenizer of the same files."""
    if folder.suffix == ".model":
        return sentencepiece_check.Oracle(folder)
    import tokenizers
    if (folder / "tokenizer.json").exists():
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    else:
        from transformers import AutoTokenizer
        backend = AutoTokenizer.from_pretrained(str(folder)).backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend


NASTY = ["a", "B", "z", " ", "  ", "\t", "\n", "\r\n", "\0", "é", "e\u0301", "ﬁ", "İ", "ı", "ß", "ẞ", "Σ", "ς", "日本", "語",
         "한국어", "각", "\u1112\u1161\u11ab", "क्षि", "ที่", "שָׁ", "العربية", "\u202e", "\ufeff", "\u200d", "👩‍👩‍👧‍👦",
         "🏳️‍🌈", "🇩🇪", "\U0001d518", "\ufffd", "\u00a0", "\u3000", "\u2028", "\u0085", "…", "—", "'s", "'re", "'LL", "’s",
         "!", "?", "...", "##a", "[CLS]", "[SEP]", "[MASK]", "[UNK]", "<s>", "</s>", "<mask>", "<|endoftext|>",
         "<extra_id_0>", "▁", "Ġ", "123", "٣", "½", "x²", "\u0300\u0301\u0316", "\U0001d15e", "\u0e33", "a" * 101, "ab" * 60,
         "\u0344", "\u212b", "\ufb4f", "\U0001f468\U0001f3fd", "http://a.b/c?d=e&f", "user@example.com", "--", "//", "\\n",
         "\u302a\u302e", "\U0001e8d0", "\u0f73", "\u0f71\u0f72", "\u1e9b\u0323", "q\u0307\u0323", "\ud7a3", "\U000e0001", "\U0010ffff",
         "\ufdfa", "ﾊﾟ", "㍿", "①", "\u3099", "\uff9e", "\u1161", "\uffc2", "ǅ", "ʰ", "A", "ÉÈ", "'ſ", "＃", "\u0903"]


def scalars():
    return (code for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def cldr_lines(folder):
    for path in sorted(folder.glob("*.json")):
        for emoji, names in list(json.loads(path.read_text("utf-8"))["annotations"].get("annotations", {}).items())[::5]:
            yield f"{emoji} {', '.join(names.get('tts', []))}: {' | '.join(names.get('default', []))}"


def block_lines(count, seed):
    """Words of the characters of one row of 128 code points, with its neighbours' marks in between."""
    choose = random.Random(seed)
    for start in range(0, 0x32000, 0x80):
        letters = [chr(x) for x in range(start, start + 0x80) if unicodedata.category(chr(x)) not in ("Cn", "Cs", "Co")]
        for _ in range(count if letters else 0):
            yield " ".join("".join(choose.choices(letters, k=choose.randint(1, 9))) for _ in range(choose.randint(1, 9)))


def script_of(ch):
    return unicodedata.name(ch, "?").split(" ")[0] if ch.isalpha() else "?"


def texts_of(args):
    if args.scalars:
        yield "scalars alone", ((chr(code), None) for code in scalars())
        yield "scalars as a<scalar>b", ((f"a{chr(code)}b", None) for code in scalars())
    for path in args.lines:
        yield f"lines of {path.name}", ((line, None) for line in path.read_bytes().decode("utf-8", "replace").split("\n"))
    if args.public:
        yield "public tests", ((text, None) for texts in json.loads(args.public.read_text("utf-8")).values() for text in texts)
    if args.cldr:
        yield "lines of CLDR", ((line, None) for line in cldr_lines(args.cldr))
    if args.blocks:
        yield "lines of one block", ((line, None) for line in block_lines(args.blocks, args.seed))
    choose = random.Random(args.seed)
    strings = lambda least, most: "".join(choose.choices(NASTY, k=choose.randint(least, most)))
    yield "random", ((strings(1, 12), None) for _ in range(args.random))
    yield "random pairs", ((strings(0, 6), strings(0, 6)) for _ in range(args.random // 5))


class Progress:
    """Each set's count of texts and of differences, in a file named by all that they depend on."""

    def __init__(self, args):
        self.until = time.monotonic() + args.seconds if args.resume and args.seconds else float("inf")
        given = {name: value for name, value in vars(args).items() if name not in ("folders", "resume", "seconds")}
        texts = [*args.lines, *[args.public, PUBLIC_IDS] * bool(args.public), *[p for layer in LAYERS for p in sorted(layer.glob("*.[ch]"))]]
        state = hashlib.sha256(repr((given, [path.read_bytes() for path in texts])).encode()).hexdigest()
        self.path = args.resume and args.resume / f"{state[:16]}.json"
        self.sets = json.loads(self.path.read_text()) if self.path and self.path.exists() else {}

    def save(self):
        if not self.path:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(self.sets, indent=0))
        part.replace(self.path)
        if time.monotonic() > self.until:
            print("tokenizers: the time is up, more is to do")
            sys.exit(75)


class Report:
    def __init__(self, folder, progress):
        self.name, self.progress = folder.name, progress
        self.sets = progress.sets.setdefault(folder.name if folder.suffix else str(folder), {})

    def set(self, what):
        """Begins a set, or goes on with it; whether any of it is still to do."""
        state = self.sets.setdefault(what, {"count": 0, "different": 0, "scripts": [], "ended": False})
        self.what, self.count, self.different, self.scripts = what, state["count"], state["different"], set(state["scripts"])
        return not state["ended"]

    def add(self, same, detail):
        self.count += 1
        if not same:
            self.different += 1
            if self.different <= 10:
                print(f"DIFFERENT {detail()}")

    def pause(self, ended=False):
        self.sets[self.what] = {"count": self.count, "different": self.different, "scripts": sorted(self.scripts), "ended": ended}
        self.progress.save()

    def end(self):
        if self.count:
            scripts = f", {len(self.scripts)} scripts" if len(self.scripts) > 1 else ""
            print(f"{self.name}: {self.what}: {self.different} of {self.count} differ{scripts}", flush=True)
        self.pause(ended=True)

    def total(self, key):
        return sum(each[key] for each in self.sets.values() if each)


def compare(report, ours, wheel, decode, texts, special):
    pieces = isinstance(wheel, sentencepiece_check.Oracle)
    plain = options(**({} if special else {"special": 2}), **({"offsets": 0} if pieces else {}))
    texts = itertools.islice(texts, report.count, None)
    while chunk := list(itertools.islice(texts, 2000)):
        chunk_in = [text if pair is None else (text, pair) for text, pair in chunk]
        for (text, pair), expected in zip(chunk, wheel.encode_batch(chunk_in, add_special_tokens=special)):
            ids, types, offsets = ours.encode(text, pair, plain)
            if pieces:
                offsets = [start for start, _ in offsets]
            wanted = expected.ids
            skip = report.count % 2 == 0
            same = ids == wanted and offsets == expected.offsets and (pair is None or types == expected.type_ids)
            if same and (report.count % 8 < 2 or len(text) > 1 and pair is None):
                same = ours.decode(ids, skip and not pieces) == decode(wanted, skip_special_tokens=skip)
            report.add(same, lambda: f"{text!r} {pair!r}\n  ours   {ids} {types} {offsets} {ours.decode(ids, skip)!r}\n  oracle "
                                     f"{wanted} {expected.type_ids} {expected.offsets} {decode(wanted, skip_special_tokens=skip)!r}")
            if "lines" in report.what and report.count % 16 == 0:
                report.scripts.update(map(script_of, text))
        report.pause()
    report.end()


def compare_truncations(report, ours, wheel, count, seed):
    choose = random.Random(seed)
    for _ in range(count):
        first, second = ("".join(choose.choices(NASTY, k=choose.randint(0, 8))) for _ in range(2))
        second, length, left = choose.choice((None, second)), choose.randint(5, 30), choose.random() < 0.4
        wheel.enable_truncation(length, direction="left" if left else "right")
        expected = wheel.encode(first, second)
        ids, types, _ = ours.encode(first, second, options(max_length=length, truncate=int(left)))
        report.add(ids == expected.ids and types == expected.type_ids,
                   lambda: f"truncation to {length} of {first!r} {second!r}: {ids}, expected {expected.ids}")
    wheel.no_truncation()
    report.end()


def compare_decodings(report, ours, wheel, decode, count, seed):
    choose = random.Random(seed)
    pieces = isinstance(wheel, sentencepiece_check.Oracle)
    size = wheel.get_vocab_size() + (0 if pieces else 3)
    for _ in range(count):
        ids = [choose.randrange(size) for _ in range(choose.randint(0, 12))]
        skip = choose.random() < 0.5 and not pieces
        got, expected = ours.decode(ids, skip), decode(ids, skip_special_tokens=skip)
        report.add(got == expected, lambda: f"decoding of {ids}: {got!r}, expected {expected!r}")
    report.end()


def compare_public_ids(report, ours, cases):
    for text, expected in cases:
        ids = ours.encode(text, None, options())[0]
        report.add(ids == expected, lambda: f"{text!r}: {ids}, expected {expected}")
    report.end()


def compare_tiktoken(report, ours, wheel, texts):
    plain = options(special=2)
    for text, pair in texts:
        ids, expected = ours.encode(text, pair, plain)[0], wheel.encode(text, allowed_special="all")
        report.add(ids == expected, lambda: f"{text!r}: {ids}, expected {expected}")
    report.end()


def check(folder, args, lib, progress):
    """Every set of one tokenizer that is not done; its counts of comparisons and of differences."""
    report = Report(folder, progress)
    if "all" not in report.sets:
        compare_all(folder, args, lib, report)
        report.sets["all"] = None
        progress.save()
    print(f"{folder.name}: in all {report.total('different')} of {report.total('count')} differ", flush=True)
    return report.total("count"), report.total("different")


def compare_all(folder, args, lib, report):
    ours = Tokenizer(folder, lib)
    started = time.perf_counter()
    wheel = oracle(folder)
    print(f"{folder.name}: loads in {ours.load_seconds * 1e3:.0f} ms, oracle {(time.perf_counter() - started) * 1e3:.0f} ms",
          flush=True)
    pieces, decode = isinstance(wheel, sentencepiece_check.Oracle), wheel.decode
    if not pieces and asks_for_clean_up(folder, wheel):
        decode = lambda ids, skip_special_tokens: clean_up(wheel.decode(ids, skip_special_tokens=skip_special_tokens))
    for what, texts in texts_of(args):
        if not (pieces and "pairs" in what) and report.set(what):
            compare(report, ours, wheel, decode, texts, not args.no_special)
    named = json.loads(PUBLIC_IDS.read_text("utf-8")).get(folder.name) if args.public else None
    if named and report.set("public ids"):
        compare_public_ids(report, ours, named["cases"])
    if not pieces and report.set("truncations"):
        compare_truncations(report, ours, wheel, args.random // 50, args.seed)
    if report.set("decodings"):
        compare_decodings(report, ours, wheel, decode, args.random // 10, args.seed)
    ranks = tiktoken_check.encoding_of(folder / "tokenizer.json") if args.tiktoken and not pieces else None
    for what, texts in texts_of(args) if ranks else ():
        if "scalars" not in what and "pairs" not in what and report.set(f"{what}, tiktoken"):
            compare_tiktoken(report, ours, ranks, texts)
    ours.close()


def as_model_files(folders, to):
    """Each Unigram tokenizer.json of the folders as a .model in the folder `to`."""
    for folder in folders:
        made = sentencepiece_check.model_of_json(folder / "tokenizer.json") if (folder / "tokenizer.json").exists() else None
        if made:
            (to / f"{folder.name}.model").write_bytes(made)
            yield to / f"{folder.name}.model"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=pathlib.Path, nargs="+")
    parser.add_argument("--scalars", action="store_true")
    parser.add_argument("--lines", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--public", type=pathlib.Path)
    parser.add_argument("--tiktoken", action="store_true")
    parser.add_argument("--cldr", type=pathlib.Path)
    parser.add_argument("--blocks", type=int, default=0)
    parser.add_argument("--random", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-special", action="store_true")
    parser.add_argument("--models", action="store_true")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--resume", type=pathlib.Path)
    parser.add_argument("--seconds", type=float)
    args = parser.parse_args()
    lib, progress = build(), Progress(args)
    if args.once:
        args.folders = list({f.read_bytes() if (f := folder / "tokenizer.json").exists() else folder: folder
                             for folder in reversed(args.folders)}.values())[::-1]
    with tempfile.TemporaryDirectory() as to:
        models = as_model_files(args.folders, pathlib.Path(to)) if args.models else ()
        counts = {path.name: check(path, args, lib, progress) for path in itertools.chain(args.folders, models)}
    failed = [name for name, (_, different) in counts.items() if different]
    print(f"{sum(count for count, _ in counts.values())} texts and runs of ids, {len(counts)} tokenizers")
    print("tokenizers: " + (f"DIFFERENT: {', '.join(failed)}" if failed else "the same everywhere"))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
