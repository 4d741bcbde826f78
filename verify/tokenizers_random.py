#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Random tokenizer.json files, of all components, against the `tokenizers` wheel: ids, types, offsets, decoded text.

    pip install tokenizers==0.23.3
    python3 verify/tokenizers_random.py [FILES] [SEED]        (make verify-tokenizers-random)

Whatever wasmicro opens must agree; what it refuses, by name, is counted. Left out: the decoded text of added tokens that
are normalized (0.23 decodes these in normalized form, older ones as they are) or of which nothing is left then (it
cuts everywhere), and the offsets of a Unigram's unknown pieces, which no model trims.
"""
import itertools
import json
import pathlib
import random
import sys
import tempfile

from tokenizers import Tokenizer, pre_tokenizers

import tokenizers_check as check

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
LETTERS = [*"aAbBcéex▁_ .!'12½²ß", "日"]
SYLLABLES = ["##", "ab", "ba", "aa", "▁a", "##a", "##b", "x²", "ßs", "'s"]
TEXTS = check.NASTY + ["ab", "aa", "a b", "A b", "<s>", "[X]", "<mask>1", "_", "éé", "1a"]
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
PATTERNS = [{"Regex": each} for each in (r"\p{N}{1,3}", r"\s?\p{L}+", r"\s?\p{P}+", r"\p{N}", r"\s", "[\r\n]", CL100K)]
PATTERNS += [{"String": each} for each in (" ", "a", "ab", "▁")]


def kinds(type, **values):
    """The component with each choice of values."""
    return [{"type": type, **dict(zip(values, each))} for each in itertools.product(*values.values())]


FLAGS = (False, True)
NORMALIZERS = [kinds(each) for each in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")] + [
    kinds("Strip", strip_left=FLAGS, strip_right=FLAGS), kinds("Prepend", prepend=("▁", " ", "xy")),
    kinds("Replace", pattern=[{"String": each} for each in (" ", "''", "a", "é", "aa", "▁")] + [{"Regex": " {2,}"}], content=("", "▁", "b", " ", "éé")),
    kinds("BertNormalizer", clean_text=FLAGS, handle_chinese_chars=FLAGS, strip_accents=(None, *FLAGS), lowercase=FLAGS)]
SPLITTERS = [kinds(each) for each in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")] + [
    kinds("Digits", individual_digits=FLAGS), kinds("Punctuation", behavior=BEHAVIORS),
    kinds("Metaspace", replacement=("▁", "_"), prepend_scheme=("always", "never", "first"), split=FLAGS),
    kinds("Split", pattern=PATTERNS, behavior=BEHAVIORS, invert=FLAGS)]
BYTE_LEVEL = kinds("ByteLevel", add_prefix_space=FLAGS, trim_offsets=FLAGS, use_regex=FLAGS)
DECODERS = [BYTE_LEVEL, kinds("ByteFallback"), kinds("Fuse"), kinds("WordPiece", prefix=("##", "a"), cleanup=FLAGS),
            kinds("Metaspace", replacement=("▁", "_"), prepend_scheme=("always", "never", "first"), split=FLAGS),
            kinds("BPEDecoder", suffix=("</w>", "a")), kinds("Strip", content=(" ", "a", "▁"), start=(0, 1, 2), stop=(0,)),
            kinds("Replace", pattern=[{"String": each} for each in ("▁", "a", " ")], content=(" ", "", "xx"))]
FALLBACK = [f"<0x{byte:02X}>" for byte in range(256)]


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.choice = self.random.choice

    def chance(self, odds=0.5):
        return self.random.random() < odds

    def steps(self, pool, last=()):
        return [self.choice(self.choice(pool)) for _ in range(self.random.randint(0, 3))] + list(last)

    def words(self):
        return ["".join(self.random.choices(LETTERS + SYLLABLES, k=self.random.randint(1, 3))) for _ in range(60)]

    def bpe(self, byte_level):
        suffix, prefix = (None, None) if byte_level else (self.choice((None, None, "</w>")), self.choice((None, None, "##")))
        fallback = not byte_level and self.chance()
        letters = BYTES if byte_level else LETTERS
        pieces = ["<unk>", *letters, *[c + suffix for c in letters if suffix], *[prefix + c for c in letters if prefix],
                  *[prefix + c + suffix for c in letters if prefix and suffix]]
        parts, merges = pieces[1:], []
        for _ in range(self.random.randint(0, 60)):
            left, right = self.choice(parts), self.choice(parts)
            if suffix and left.endswith(suffix) or prefix and not right.startswith(prefix) or [left, right] in merges:
                continue
            merges.append([left, right])
            parts.append(left + right[len(prefix or ""):])
        pieces += parts + (FALLBACK[:self.choice((256, 200))] if fallback else [])
        return {"type": "BPE", "vocab": numbered(pieces), "merges": merges, "unk_token": self.choice((None, "<unk>")), "fuse_unk": self.chance(),
                "byte_fallback": fallback, "continuing_subword_prefix": prefix, "end_of_word_suffix": suffix, "ignore_merges": self.chance()}

    def model(self, byte_level):
        kind = "BPE" if byte_level else self.choice(("BPE", "WordPiece", "Unigram", "WordLevel"))
        words = ["<unk>", *LETTERS, *SYLLABLES, *self.words()]
        if kind == "BPE":
            return self.bpe(byte_level)
        if kind == "WordLevel":
            return {"type": kind, "vocab": numbered(words), "unk_token": "<unk>"}
        if kind == "WordPiece":
            return {"type": kind, "vocab": numbered(words + ["##" + word for word in words]), "unk_token": "<unk>",
                    "continuing_subword_prefix": self.choice(("##", "##", "")), "max_input_chars_per_word": self.choice((100, 20, 5))}
        fallback = self.chance()
        pieces = numbered(words + (FALLBACK if fallback else []))
        scores = [self.choice((-1.0, -2.5, -self.random.uniform(1, 9), -self.random.uniform(1, 9))) for _ in pieces]
        return {"type": kind, "unk_id": 0, "vocab": [list(each) for each in zip(pieces, scores)], "byte_fallback": fallback}

    def added(self, first):
        out = []
        for place in range(self.random.randint(0, 4)):
            content = self.choice(["<s>", "[X]", "ab", "A b", "é", "日", " a", "a", "<mask>", "İ"]) + self.choice(("", str(place)))
            out.append({"id": first + place, "content": content, "special": self.chance(), "normalized": self.chance(),
                        **{key: self.chance(0.3) for key in ("single_word", "lstrip", "rstrip")}})
        return out

    def post_processor(self, model):
        names = list(model["vocab"])[:2] if isinstance(model["vocab"], dict) else [piece for piece, _ in model["vocab"][:2]]
        ends = {"sep": [names[0], 0], "cls": [names[1], 1]}
        return self.choice([None, None, self.choice(BYTE_LEVEL), {"type": "BertProcessing", **ends},
                            {"type": "RobertaProcessing", "trim_offsets": self.chance(), "add_prefix_space": self.chance(), **ends}])

    def file(self):
        byte_level = self.chance(0.3)
        model = self.model(byte_level)
        return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": self.added(len(model["vocab"])),
                "normalizer": {"type": "Sequence", "normalizers": self.steps(NORMALIZERS)},
                "pre_tokenizer": {"type": "Sequence", "pretokenizers": self.steps(SPLITTERS, [self.choice(BYTE_LEVEL)] if byte_level else [])},
                "post_processor": self.post_processor(model), "decoder": {"type": "Sequence", "decoders": self.steps(DECODERS, [{"type": "Fuse"}])},
                "model": model}

    def text(self, most):
        return "".join(self.random.choices(TEXTS, k=self.random.randint(0, most)))


def numbered(pieces):
    return {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}


def compare(make, file, ours, wheel):
    """How many of 25 texts differ; the first one is shown."""
    different = 0
    as_it_is = not file["normalizer"]["normalizers"] or not any(token["normalized"] for token in file["added_tokens"])
    for _ in range(25):
        text, pair, special = make.text(6), make.text(4) if make.chance(0.25) else None, make.chance()
        try:
            expected = wheel.encode(text, pair, add_special_tokens=special)
            wanted = wheel.decode(expected.ids, skip_special_tokens=special)
        except BaseException as panic:  # the wheel's own, which it is no Exception for
            if type(panic).__name__ != "PanicException":
                raise
            continue
        ids, types, offsets = ours.encode(text, pair, check.options(special=0 if special else 2))
        same = ids == expected.ids and types == expected.type_ids
        same &= offsets == expected.offsets or file["model"]["type"] == "Unigram"
        decoded = ours.decode(expected.ids, special)
        same &= decoded == wanted or not as_it_is
        if not same and not different:
            print(f"DIFFERENT {text!r} {pair!r} {special}\n  ours   {ids} {types} {offsets} {decoded!r}\n  oracle {expected.ids} "
                  f"{expected.type_ids} {expected.offsets} {wanted!r}\n  {json.dumps(file, ensure_ascii=False)[:1500]}", flush=True)
        different += not same
    return different


def main():
    files, seed = (int(each) for each in (sys.argv[1:] + ["3000", "1"][len(sys.argv) - 1:])[:2])
    lib, make = check.build(), Maker(seed)
    opened = different = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for _ in range(files):
            file = make.file()
            (folder / "tokenizer.json").write_text(json.dumps(file, ensure_ascii=False), "utf-8")
            try:
                ours = check.Tokenizer(folder, lib)
            except SystemExit as refusal:
                if "not supported" not in str(refusal):
                    raise
                continue
            wheel = Tokenizer.from_file(str(folder / "tokenizer.json"))
            if all(wheel.normalizer.normalize_str(token["content"]) for token in file["added_tokens"]):
                opened += 1
                different += compare(make, file, ours, wheel)
            ours.close()
    print(f"random files: {different} of {opened * 25} texts differ, {opened} of {files} files")
    sys.exit(bool(different))


if __name__ == "__main__":
    main()
