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
    letters = sorted(
        p for p in counts if length[p] == 1 and (counts[p] > 1 or not p.startswith("##"))
    )
    longer = sorted(
        (p for p in counts if length[p] > 1), key=lambda p: (-counts[p] * (length[p] - 1), p)
    )
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
    learner.train_from_iterator(
        words.LEARN.splitlines(keepends=True),
        trainers.BpeTrainer(
            vocab_size=256 + merges,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        learner.model.save(folder)
        vocab = json.loads((Path(folder) / "vocab.json").read_text(encoding="utf-8"))
        pieces = special + sorted(vocab, key=vocab.get)
        (Path(folder) / "vocab.json").write_text(
            json.dumps({p: i for i, p in enumerate(pieces)}), encoding="utf-8"
        )
        if kind == "GPTNeoXTokenizerFast":  # has no other way in
            gpt2 = transformers.GPT2TokenizerFast(f"{folder}/vocab.json", f"{folder}/merges.txt")
            return transformers.GPTNeoXTokenizerFast(
                tokenizer_object=gpt2.backend_tokenizer, **options
            )
        return getattr(transformers, kind)(
            f"{folder}/vocab.json", f"{folder}/merges.txt", **options
        )


# Code points to code points, hexadecimal: enough of a character map to see that it is applied.
CHARACTER_RULES = (
    "FB01\t66 69\nFF21\t41\n3000\t20\nA0\t20\n9\t20\nA\t20\n65 301\tE9\n2026\t2E 2E 2E\n200B\t\n"
)


def sentencepiece(kind: str, size: int, **options):
    """A fast tokenizer of class `kind` from a model that the sentencepiece library learnt: Unigram, for Llama BPE."""
    import io

    import sentencepiece
    import transformers

    llama, albert = kind.startswith("Llama"), kind.startswith("Albert")
    settings = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    if kind.startswith("XLMRoberta"):
        settings = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1}
    if albert:
        settings = {
            "pad_id": 0,
            "unk_id": 1,
            "bos_id": -1,
            "eos_id": -1,
            "control_symbols": "[CLS],[SEP],[MASK]",
            "pad_piece": "<pad>",
        }
    if llama:
        settings = {
            "unk_id": 0,
            "bos_id": 1,
            "eos_id": 2,
            "pad_id": -1,
            "byte_fallback": True,
            "normalization_rule_name": "identity",
            "remove_extra_whitespaces": False,
            "split_digits": True,
        }
    keep = tempfile.TemporaryDirectory()  # until the tokenizer is saved: it then copies the model
    folder = keep.name
    if not llama:
        settings["normalization_rule_tsv"] = str(Path(folder) / "rules.tsv")
        Path(folder, "rules.tsv").write_text(CHARACTER_RULES)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(words.LEARN.splitlines()),
        model_writer=model,
        vocab_size=size,
        hard_vocab_limit=False,
        model_type="bpe" if llama else "unigram",
        num_threads=1,
        minloglevel=2,
        **settings,
    )
    path = Path(folder) / "spiece.model"
    path.write_bytes(without_path(model.getvalue()))
    tokenizer = getattr(transformers, kind)(vocab_file=str(path), **options)
    tokenizer.keep = keep
    return tokenizer


def without_path(model: bytes) -> bytes:
    """The model's protobuf without the note of where its rules were."""
    from transformers.convert_slow_tokenizer import import_protobuf

    proto = import_protobuf().ModelProto.FromString(model)
    proto.normalizer_spec.ClearField("normalization_rule_tsv")
    return proto.SerializeToString(deterministic=True)


def save(tokenizer, folder: Path, forms: str) -> None:
    """Writes the tokenizer's files; of `forms` "json" keeps tokenizer.json alone, "plain" the family's own, "both" all."""
    tokenizer.save_pretrained(folder)
    (folder / "added_tokens.json").unlink(missing_ok=True)
    if forms == "plain":
        (folder / "tokenizer.json").unlink()
    if forms == "json":
        for name in (
            "vocab.txt",
            "vocab.json",
            "merges.txt",
            "spiece.model",
            "tokenizer.model",
            "sentencepiece.bpe.model",
        ):
            (folder / name).unlink(missing_ok=True)
        if hasattr(
            tokenizer, "keep"
        ):  # by this key transformers asks for the model that is not there
            config = json.loads((folder / "tokenizer_config.json").read_text())
            config.pop("add_prefix_space", None)
            (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
    path = folder / "tokenizer.json"
    if path.exists():  # on one line: half the size
        compact = json.dumps(
            json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":")
        )
        path.write_text(compact, encoding="utf-8")
