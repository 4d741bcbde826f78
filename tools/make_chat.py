#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes tests/vectors/chat.json: what transformers' apply_chat_template makes of conversations, by the templates of
tests/vectors/chat (each as its model ships it). null: the template refuses. Prints the rows of chat_known in
src/pipeline/chat.c. Needs verify/requirements.txt."""

import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

VECTORS = Path(__file__).resolve().parents[1] / "tests" / "vectors"
TALKS = [
    ["user: Hello!"],
    ["system: Answer in verse.", "user:  Hi \n"],
    ["user: Café?", "assistant:  Oui.\n", "user: 今日は"],
    ["system:  Be short. ", "user: a", "assistant: b", "user: c", "assistant: d\n\n"],
    ["user: a", "assistant: <think>\nhm\n</think>\n\nb", "user: c", "assistant: <think>\n\nso\n</think>\n\nd"],
    ["user: a", "assistant: b</think>c", "assistant: <think>x</think>y</think>\nz", "assistant: e"],
    ["user: a", "system: now in French", "user: b"],
    ["assistant: I begin."],
    ["user: a", "user: b"],
    ["user: "],
    ["system: ", "user: a"],
    ["system: one", "system: two", "user: a"],
    ["system: Be brief.", "user: a", "assistant: b"],
]


def render(tokenizer, template: str, talk: list[str], answer: bool):
    messages = [dict(zip(("role", "content"), line.split(": ", 1), strict=True)) for line in talk]
    try:
        return tokenizer.apply_chat_template(messages, template, answer, tokenize=False)
    except Exception as error:
        assert type(error).__name__ == "TemplateError", error
        return None


def is_left_out(name: str, talk: list[str]) -> bool:
    """What transformers writes and the library refuses: turns of the same side one after another, and a system message
    that would be moved to the front or lost; thoughts after the user's last message, as no answer could follow."""
    if name.startswith(("deepseek", "phi3-first", "phi3-medium")):
        sides = [line.split(":")[0] for line in talk]
        sides = sides[name.startswith("deepseek") and sides[0] == "system" :]
        return any(side != ("user", "assistant")[i % 2] for i, side in enumerate(sides))
    if name in ("qwen3", "qwen3-later", "qwen3-2507", "qwen3-thinking", "qwq"):
        return not talk[-1].startswith("user")
    return False


def fingerprint(template: str) -> tuple[int, int]:
    """FNV-1a, and the length of what it is of."""
    text = template.replace("\\n", "\n").rstrip("\n").encode()
    value = 2166136261
    for byte in text:
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value, len(text)


def main() -> None:
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.BPE()), bos_token="<bos>", eos_token="</s>"
    )
    lines = []
    for path in sorted((VECTORS / "chat").glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        cases = [
            {"talk": talk, "answer": answer, "prompt": render(tokenizer, template, talk, answer)}
            for talk in TALKS
            for answer in ((True, False) if talk in TALKS[:5] else (True,))
        ]
        for case in cases:
            case["prompt"] = None if is_left_out(path.stem, case["talk"]) else case["prompt"]
        lines.append(json.dumps({"template": path.stem, "cases": cases}, ensure_ascii=False))
        print("    {0x%08Xu, %d, …}, // %s" % (*fingerprint(template), path.stem))
    (VECTORS / "chat.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main()
