# SPDX-License-Identifier: MIT OR Apache-2.0
"""SentencePiece's own files for tokenizers_check.py: the wheel `sentencepiece` behind the face of `tokenizers`', and
a tokenizer.json's Unigram written as such a file."""
import base64
import json
import struct
from types import SimpleNamespace

NORMAL, UNKNOWN, CONTROL = 1, 2, 3


def _varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes(out) + bytes([n])


def _field(number, value):
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    return _varint(number << 3) + _varint(value)


def model_of_json(path):
    """The bytes of a .model with the pieces, scores and charsmap of a tokenizer.json; None: it has none of these."""
    whole = json.loads(path.read_text("utf-8"))
    steps = [whole["normalizer"]] if whole["normalizer"] else []
    steps = [each for step in steps for each in step.get("normalizers", [step])]
    charsmaps = [step["precompiled_charsmap"] for step in steps if step["type"] == "Precompiled"]
    if whole["model"].get("type") != "Unigram" or not charsmaps:
        return None
    special = {token["content"] for token in whole["added_tokens"] if token["special"]}
    out = []
    for place, (piece, score) in enumerate(whole["model"]["vocab"]):
        kind = UNKNOWN if place == whole["model"]["unk_id"] else CONTROL if piece in special else NORMAL
        out.append(_field(1, _field(1, piece.encode()) + _field(2, float(score)) + _field(3, kind)))
    names = {name: place for place, (name, _) in enumerate(whole["model"]["vocab"])}
    trainer = _field(3, 1) + _field(40, whole["model"]["unk_id"])
    for number, name in ((41, "<s>"), (42, "</s>"), (43, "<pad>")):
        trainer += _field(number, names.get(name, 2 ** 64 - 1))
    normalizer = _field(1, b"made") + _field(2, base64.b64decode(charsmaps[0])) + _field(3, 1) + _field(4, 1) + _field(5, 1)
    return b"".join(out) + _field(2, trainer) + _field(3, normalizer)


class Oracle:
    """What tokenizers_check.py asks of a wheel, answered by sentencepiece. Offsets are where tokens begin, in bytes."""

    def __init__(self, path):
        import sentencepiece
        self.processor = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def encode_batch(self, texts, add_special_tokens=False):
        out = []
        for text in texts:
            pieces = self.processor.encode(text, return_type="proto").pieces
            out.append(SimpleNamespace(ids=[p.id for p in pieces], type_ids=[0] * len(pieces), offsets=[p.begin for p in pieces]))
        return out

    def decode(self, ids, skip_special_tokens=False):
        return self.processor.decode(ids)

    def get_vocab_size(self):
        return len(self.processor)
