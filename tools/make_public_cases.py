#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds cases of the `tokenizers` library's own unit tests to tests/vectors/public_cases.json; the wheel gives the ids.

    pip install tokenizers==0.23.3
    python3 tools/make_public_cases.py
"""
import json
import pathlib

from tokenizers import Tokenizer

FILE = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / "public_cases.json"
SOURCE = "tokenizers, src/models/{}, Apache-2.0: {}"


def bpe(vocab, merges=(), **more):
    return {"type": "BPE", "vocab": {piece: n for n, piece in enumerate(vocab)}, "merges": list(merges), **more}


def unigram(*vocab, **more):
    return {"type": "Unigram", "unk_id": 0, "vocab": [list(each) for each in vocab], **more}


ENCODE = [("<unk>", 0.0), ("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0), ("cd", 1.0), ("ab", 2.0), ("abc", 5.0), ("abcd", 10.0)]
ENCODE2 = [("<unk>", 0.0), ("ab", 0.0), ("cd", -0.1), ("abc", -0.2), ("a", -0.3), ("b", -0.4), ("c", -0.5), ("ABC", -0.5), ("abcdabcd", 20.0),
           ("q", 20.5), ("r", 20.5), ("qr", -0.5)]
CASES = [
    ("bpe/model.rs", "unknown, not fused", bpe(["<unk>", "a", "b"], unk_token="<unk>"), ["c", "cc", "accb"]),
    ("bpe/model.rs", "unknown, fused", bpe(["<unk>", "a", "b"], unk_token="<unk>", fuse_unk=True), ["c", "cc", "accb"]),
    ("bpe/model.rs", "byte fallback", bpe(["<unk>", "<0x61>"], unk_token="<unk>", byte_fallback=True), ["c", "a"]),
    ("bpe/model.rs", "byte fallback, newline", bpe(["<unk>", "<0x0A>"], unk_token="<unk>", byte_fallback=True), ["\n"]),
    ("unigram/model.rs", "encode", unigram(*ENCODE), ["abcd"]),
    ("unigram/model.rs", "encode2", unigram(*ENCODE2),
     ["abc", "AB", "ABC", "abcdabcdabcd", "abcdabcd", "xabcabaabcdd", "xyz東京", "ABCAB", "qr", "aqrb"]),
    ("unigram/model.rs", "byte fallback", unigram(("<unk>", 0.0), ("<0xC3>", -0.01), ("<0xA9>", -0.03), byte_fallback=True), ["é", "?é"]),
]

kept = [each for each in json.loads(FILE.read_text("utf-8")) if not each["source"].startswith("tokenizers,")]
for file, what, model, texts in CASES:
    content = json.dumps({"added_tokens": [], "model": model}, ensure_ascii=False)
    wheel = Tokenizer.from_str(content)
    kept.append({"source": SOURCE.format(file, what), "files": {"tokenizer.json": content},
                 "cases": [[text, wheel.encode(text, add_special_tokens=False).ids] for text in texts]})
FILE.write_text("[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in kept) + "\n]\n", encoding="utf-8")
