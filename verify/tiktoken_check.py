# SPDX-License-Identifier: MIT OR Apache-2.0
"""A byte-level BPE's tokenizer.json for the wheel `tiktoken`: a second oracle for tokenizers_check.py."""
import json

GPT2 = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


def _alphabet():
    """ByteLevel's characters: what each one stands for."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return {chr(b): b for b in plain} | {chr(0x100 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)}


def encoding_of(path):
    """The tiktoken.Encoding of the file; None: ids are no ranks there, or tiktoken has no such normalizer or split."""
    import tiktoken
    whole = json.loads(path.read_text("utf-8"))
    model, splits = whole["model"], whole["pre_tokenizer"] or {}
    splits = splits.get("pretokenizers", [splits])
    byte_level = [step for step in splits if step.get("type") == "ByteLevel"]
    patterns = [step["pattern"].get("Regex") for step in splits if step.get("type") == "Split"]
    patterns += [GPT2 for step in byte_level if step.get("use_regex", True)]
    if model.get("type", "BPE") != "BPE" or whole["normalizer"] or len(byte_level) != 1 or len(patterns) != 1 or len(splits) > 2:
        return None
    if byte_level[0].get("add_prefix_space"):
        return None
    made = [model["vocab"]["".join(pair.split(" ") if isinstance(pair, str) else pair)] for pair in model["merges"]]
    added = {token["content"]: token["id"] for token in whole["added_tokens"]}
    alphabet = _alphabet()
    ranks = {bytes(alphabet[c] for c in piece): place for piece, place in model["vocab"].items() if piece not in added}
    # Ids rise with the merges, and a byte's is below all of them.
    if made != sorted(made) or len(ranks) != 256 + len(set(made)):
        return None
    return tiktoken.Encoding(path.parent.name, pat_str=patterns[0], mergeable_ranks=ranks, special_tokens=added)
