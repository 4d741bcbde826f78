#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""NormalizationTest.txt, all of it, in all four forms, against the standard and the `tokenizers` wheel.

    apt-get install unicode-data          (/usr/share/unicode/NormalizationTest.txt.bz2, Unicode 15.0)
    python3 verify/normalization.py       after `make cli`; with --slice prints tests/vectors/normalization.txt

Our forms are the wheel's: where the wheel's Unicode is older than the file, so are they. Each column of
each line must be as the wheel has it; where the wheel is as the standard has it, that is checked by the way.
"""
import bz2
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE = pathlib.Path("/usr/share/unicode/NormalizationTest.txt.bz2")
SHA256 = "fb9ac8cc154a80cad6caac9897af55a4e75176af6f4e2bb6edc2bf8b1d57f326"
FORMS = {"NFC": normalizers.NFC(), "NFD": normalizers.NFD(), "NFKC": normalizers.NFKC(), "NFKD": normalizers.NFKD()}
# The column that a form of each column is.
EXPECTED = {"NFC": (1, 1, 1, 3, 3), "NFD": (2, 2, 2, 4, 4), "NFKC": (3,) * 5, "NFKD": (4,) * 5}


def read():
    if not FILE.exists():
        sys.exit(f"{FILE} is missing: apt-get install unicode-data")
    data = bz2.decompress(FILE.read_bytes())
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{FILE} is not of Unicode 15.0: SHA-256 {hashlib.sha256(data).hexdigest()}")
    part, rows = 0, []
    for line in data.decode().splitlines():
        if line.startswith("@Part"):
            part = int(line[5])
        elif line and not line.startswith("#"):
            columns = line.split(";")[:5]
            rows.append((part, columns, ["".join(chr(int(c, 16)) for c in column.split()) for column in columns]))
    return data.decode().splitlines()[:7], rows


def by_wheel(form, row):
    return [FORMS[form].normalize_str(text) for text in row]


def by_wasmicro(form, texts):
    """Texts through a tokenizer whose ids are the bytes of the normalized text."""
    alphabet = {}
    for byte in range(256):
        # GPT-2's letters for bytes.
        alphabet[byte] = byte if 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174 else None
    spare = 256
    for byte, letter in alphabet.items():
        if letter is None:
            alphabet[byte], spare = spare, spare + 1
    tokenizer = Tokenizer(models.BPE(vocab={chr(letter): byte for byte, letter in alphabet.items()}, merges=[]))
    tokenizer.normalizer, tokenizer.decoder = FORMS[form], decoders.ByteLevel()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "tokenizer.json").write_text(tokenizer.to_str(), "utf-8")
        command = [os.environ.get("WASMICRO", str(ROOT / "build/wasmicro")), "tokenize", folder, "--stdin"]
        # A line feed would end the text: none of the file's texts has one.
        out = subprocess.run(command, input="\n".join(texts).encode(), capture_output=True, check=True).stdout
    return [bytes(json.loads(line)).decode() for line in out.decode().splitlines()]


def main():
    head, rows = read()
    standard = {id(row): all([row[2][c] for c in EXPECTED[f]] == by_wheel(f, row[2]) for f in FORMS) for row in rows}
    if "--slice" in sys.argv:
        print("\n".join(head) + "\n# A slice: source; NFC; NFD; NFKC; NFKD")
        few = [row for i, row in enumerate(rows) if row[0] == 0 or row[0] == 3 and i % 4 == 0 or i % (97, 61, 29)[min(row[0], 2)] == 0]
        print("\n".join(";".join(row[1]) for row in few if standard[id(row)]))
        return
    different = 0
    for form in FORMS:
        texts = [text for row in rows for text in row[2] if "\n" not in text and "\r" not in text]
        wanted = by_wheel(form, texts)
        got = by_wasmicro(form, texts)
        wrong = [(t, g, w) for t, g, w in zip(texts, got, wanted) if g != w] + [None] * (len(got) != len(texts))
        different += len(wrong)
        for text, ours, theirs in wrong[:10]:
            print(f"DIFFERENT {form} of {text!r}: {ours!r}, the wheel has {theirs!r}")
        print(f"normalization: {form}: {len(wrong)} of {len(texts)} columns differ from the wheel")
    older = sum(not same for same in standard.values())
    print(f"normalization: of {len(rows)} lines the wheel, and so wasmicro, has {len(rows) - older} as Unicode 15.0; "
          f"{older} it has otherwise, its tables being older")
    sys.exit(bool(different))


main()
