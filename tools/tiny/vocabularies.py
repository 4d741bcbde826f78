# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tiny tokenizers in Hugging Face's own files, learnt from words.LEARN in a fixed order."""

import json
import tempfile
from collections import Counter
from pathlib import Path

from . import words

MAX_LENGTH_UNSET = int(1e30)  # what transformers writes where there is no limit


def wordpiece(kind: str, size: int, special: list[str], **options):
    """A fast WordPiece tokenizer of class `kind`: letters first, then the pieces that save most."""
    import transformers

    lower = options.get("do_lower_case", True)
    split = transformers.BasicTokenizer(do_lower_case=lower)
    counts = Counter()
    for word, n in Counter(split.tokenize(words.LEARN)).items():
        for start in range(len(word)):
            for end in range(start + 1, min(start + 7, len(word)) + 1):
                counts[("##" if start else "") + word[start:end]] += n
    length = {piece: len(piece.removeprefix("##")) for piece in counts}
    letters = sorted(p for p in counts if length[p] == 1 and (counts[p] > 1 or not p.startswith("##")))
    longer = sorted((p for p in counts if length[p] > 1), key=lambda p: (-counts[p] * (length[p] - 1), p))
    pieces = special + letters + longer[: max(0, size - len(special) - len(letters))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vocab.txt"
        path.write_text("".join(piece + "\n" for piece in pieces), encoding="utf-8")
        return getattr(transformers, kind)(str(path), **options)


def byte_level(kind: str, merges: int, special: list[str], **options):
    """A fast byte-level BPE tokenizer of class `kind`, its merges learnt by the tokenizers library."""
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    learner.train_from_iterator(words.LEARN.splitlines(keepends=True), trainers.BpeTrainer(
        vocab_size=256 + merges, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    with tempfile.TemporaryDirectory() as folder:
        learner.model.save(folder)
        vocab = json.loads((Path(folder) / "vocab.json").read_text(encoding="utf-8"))
        pieces = special + sorted(vocab, key=vocab.get)
        (Path(folder) / "vocab.json").write_text(json.dumps({p: i for i, p in enumerate(pieces)}), encoding="utf-8")
        return getattr(transformers, kind)(f"{folder}/vocab.json", f"{folder}/merges.txt", **options)


def save(tokenizer, folder: Path, forms: str) -> None:
    """Writes the tokenizer's files; of `forms` "json" keeps tokenizer.json alone, "plain" the family's own, "both" all."""
    tokenizer.save_pretrained(folder)
    (folder / "added_tokens.json").unlink(missing_ok=True)
    if forms == "plain":
        (folder / "tokenizer.json").unlink()
    if forms == "json":
        for name in ("vocab.txt", "vocab.json", "merges.txt"):
            (folder / name).unlink(missing_ok=True)
    path = folder / "tokenizer.json"
    if path.exists():  # on one line: half the size
        compact = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
        path.write_text(compact, encoding="utf-8")
