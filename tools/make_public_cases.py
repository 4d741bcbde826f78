#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Adds cases of the unit tests of `tokenizers` and `sentencepiece` to tests/vectors/public_cases.json; the wheels
give the ids.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    python3 tools/make_public_cases.py
"""
import base64
import json
import pathlib
import sys

import sentencepiece
from tokenizers import Tokenizer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "verify"))
from sentencepiece_check import CONTROL, NORMAL, UNKNOWN, _field as field  # noqa: E402

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

USER, UNUSED = 4, 5
UNIGRAM, BPE, WORD, CHAR = 1, 2, 3, 4
PIECES = [("ab", 0.0), ("cd", -0.1), ("abc", -0.2), ("a", -0.3), ("b", -0.4), ("c", -0.5), ("ABC", -0.5, USER), ("abcdabcd", -0.5, USER),
          ("q", -0.5), ("r", -0.5), ("qr", -0.5, USER)]
TEXTS = ["", "abc", "AB", "abcd", "abcc", "xabcabaabcdd", "xyz東京", "ABC", "ABCABC", "abcdabcdabcd", "abcdabcd", "qr", "aqrb", "ABCAB"]
USED = [("abcd", 10.0), ("abc", 5.0), ("ab", 2.0), ("cd", 1.0), ("a", 0.0), ("b", 0.0), ("c", 0.0), ("d", 0.0)]


def unused(*which):
    return [(piece, score, UNUSED if place in which else NORMAL) for place, (piece, score) in enumerate(USED)]


SENTENCES = [
    ("unigram_model_test.cc", "encode", UNIGRAM, PIECES, TEXTS),
    ("unigram_model_test.cc", "nothing unused", UNIGRAM, unused(), ["abcd"]),
    ("unigram_model_test.cc", "an unused piece", UNIGRAM, unused(0), ["abcd"]),
    ("unigram_model_test.cc", "two unused pieces", UNIGRAM, unused(0, 1), ["abcd"]),
    ("unigram_model_test.cc", "an unused part", UNIGRAM, unused(0, 2), ["abcd"]),
    ("bpe_model_test.cc", "encode", BPE, PIECES[:7], TEXTS),
    ("bpe_model_test.cc", "ambiguous", BPE, [("aa", -0.1), ("bb", -0.2), ("ab", -0.3), ("a", -0.4), ("b", -0.5)],
     ["aaa", "aabb", "aaabbb", "aaaba", "ba", "ab", "b", "a", ""]),
    # Not of that test: Mistral's files have this score, with which a piece is merged last of all.
    ("bpe_model_test.cc", "a score of -1e9", BPE, [("▁▁", -1e9), ("▁▁▁▁", -1e9), ("▁a", -1.0), ("aa", -2.0), ("▁", -3.0), ("a", -4.0)],
     ["a  a", "aa    a", "    ", "   aaa"]),
    ("char_model_test.cc", "encode", CHAR, [("▁", 0.0), ("a", 0.1), ("b", 0.2), ("c", 0.3), ("d", 0.4), ("ABC", 0.4, USER)],
     ["", "a", "b c d", "abbcd", "ABCAB", "xABCa", "a  b"]),
    ("word_model_test.cc", "encode", WORD, [("▁", 0.0), ("▁a", 0.1), ("▁b", 0.2), ("▁c", 0.3), ("▁d", 0.4), ("▁abc", 0.4)],
     ["", "a", "a b c", "d a", "abc e", "a  b"]),
]


def sentence_model(kind, pieces):
    """A model without a normalizer's map or a space before the text, as those tests have it."""
    out = b""
    for piece, score, type in [("<unk>", 0.0, UNKNOWN), ("<s>", 0.0, CONTROL), ("</s>", 0.0, CONTROL)] + [(*each, NORMAL)[:3] for each in pieces]:
        out += field(1, field(1, piece.encode()) + field(2, score) + field(3, type))
    normalizer = field(1, b"identity") + field(3, int(kind > BPE)) + field(4, 0) + field(5, 1)
    return out + field(2, field(3, kind)) + field(3, normalizer)


kept = [each for each in json.loads(FILE.read_text("utf-8")) if not each["source"].startswith(("tokenizers,", "sentencepiece,"))]
for file, what, model, texts in CASES:
    content = json.dumps({"added_tokens": [], "model": model}, ensure_ascii=False)
    wheel = Tokenizer.from_str(content)
    kept.append({"source": SOURCE.format(file, what), "files": {"tokenizer.json": content},
                 "cases": [[text, wheel.encode(text, add_special_tokens=False).ids] for text in texts]})
for file, what, kind, pieces, texts in SENTENCES:
    model = sentence_model(kind, pieces)
    wheel = sentencepiece.SentencePieceProcessor(model_proto=model)
    kept.append({"source": f"sentencepiece, src/{file}, Apache-2.0: {what}", "base64": {"tokenizer.model": base64.b64encode(model).decode()},
                 "files": {"config.json": '{"model_type": "llama"}'}, "cases": [[text, wheel.encode(text)] for text in texts]})
FILE.write_text("[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in kept) + "\n]\n", encoding="utf-8")
