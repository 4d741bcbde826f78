# SPDX-License-Identifier: MIT OR Apache-2.0
"""classify, rerank, fill-mask, answer, tag, logits and chat, on the tiny checkpoints and their goldens."""

import json
import shutil
import unittest

from test_commands import Case
from wasmicro import FAILED, ROOT, TINY, USAGE, floats, golden, run

COMMANDS = {1: "classify", 2: "rerank", 3: "fill-mask", 4: "answer", 5: "tag"}
FLAGS = {"top_k": "-k", "max_length": "--max-len", "all": "--all", "raw": "--raw"}
MISTRAL = (ROOT / "tests/vectors/chat/mistral.jinja").read_text()


def arguments_of(case):
    """None: the command line cannot say it."""
    options = []
    for key, value in case["options"].items():
        if key not in FLAGS or (key == "raw" and case["task"] == 1):
            return None
        options += [FLAGS[key]] if value is True else [FLAGS[key], value] if value else []
    texts = case["texts"]
    if case["task"] == 1 and len(texts) > 1:
        options += ["--pair", texts[1]]
        texts = texts[:1]
    return [*map(str, options), "--", *texts]


def items_of(case):
    """The golden's predictions as the command prints them."""
    text = case["texts"][case["task"] == 4].encode()
    for label, score, index, start, end in case["items"]:
        place = {"start": len(text[:start].decode()), "end": len(text[:end].decode())}
        yield {
            1: {"label": label, "score": score},
            2: {"index": index, "score": score},
            3: {"token": label, "id": index, "score": score},
            4: {"answer": label, "score": score} | place,
            5: {"label": label, "score": score, "word": text[start:end].decode()} | place,
        }[case["task"]]


class Heads(Case):
    def copy(self, name, **config):
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(TINY / name, target)
        path = target / "config.json"
        settings = json.loads(path.read_text()) | config
        path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))
        return target

    def test_equal_hugging_face(self):
        checked = 0
        for name in [entry["name"] for entry in json.loads((TINY / "heads.json").read_text())]:
            for case in golden(name)["predictions"]:
                arguments = arguments_of(case)
                if arguments is None:
                    continue
                model = self.copy(name, architectures=[case["architecture"]], **case["config"])
                command = COMMANDS[case["task"]]
                result = run(command, model, *arguments)
                self.assertEqual(result.code, 0, result.error)
                got, want = result.json[0], list(items_of(case))
                if command == "answer" and "top_k" not in case["options"]:
                    got = [got]
                if case["rows"] > 1:
                    self.assertEqual([len(row) for row in got], [len(want) // case["rows"]] * case["rows"])
                    got = [item for row in got for item in row]
                self.assertEqual(len(got), len(want), f"{name} {command}")
                for a, b in zip(got, want):
                    self.assertAlmostEqual(a.pop("score"), b.pop("score"), delta=2e-5)
                    self.assertEqual(a, b, f"{name} {command}")
                checked += 1
        self.assertGreater(checked, 60)

    def test_each_line_of_stdin_is_a_text(self):
        texts = ["the river", "the cat sleeps"]
        together = run("classify", TINY / "head-bert", stdin="\n".join(texts).encode())
        self.assertEqual(together.json, [run("classify", TINY / "head-bert", text).json[0] for text in texts])

    def test_what_was_cut_is_said(self):
        result = run("classify", TINY / "head-bert", "--max-len", "5", "a", "the river runs past the old mill")
        self.assertEqual((result.code, len(result.json)), (0, 2))
        self.assertIn("text 2 was cut to its first 5 tokens", result.error)
        self.assertNotIn("text 1", result.error)

    def test_wrong_use(self):
        model = TINY / "head-bert"
        for arguments in (["rerank", model, "a"], ["answer", model, "a"], ["answer", model, "a", "b", "c"], ["tag"],
                          ["classify", model, "--raw", "a"], ["tag", model, "-k", "2", "a"], ["fill-mask", model, "-k", "0", "a"]):
            self.assertEqual(run(*arguments).code, USAGE, arguments)
        for arguments, word in ((["tag", model, "a"], "STATE"), (["rerank", model, "a", "b"], "STATE"),
                                (["classify", TINY / "bert-f32", "a"], "STATE")):
            result = run(*arguments)
            self.assertEqual(result.code, FAILED, arguments)
            self.assertIn(word, result.error)


class Logits(Case):
    def test_equal_hugging_face(self):
        for name in ("gpt2-f16", "llama-bf16", "t5-f32"):
            vocabulary = json.loads((TINY / name / "config.json").read_text())["vocab_size"]
            for case in golden(name)["logits"]:
                options = ["--ids", ",".join(map(str, case["ids"]))]
                if "decoder_ids" in case:
                    options += ["--decoder-ids", ",".join(map(str, case["decoder_ids"]))]
                result = run("logits", TINY / name, *options)
                self.assertEqual(result.code, 0, result.error)
                rows = len(case.get("decoder_ids", case["ids"]))
                self.assertEqual(result.json[0]["shape"], [rows, vocabulary])
                self.assert_close(result.json[0]["data"], floats(case["values"]), name)

    def test_need_no_tokenizer(self):
        for name in ("config.json", "model.safetensors"):
            shutil.copy(TINY / "gpt2-f32" / name, self.folder)
        self.assertEqual(run("logits", self.folder, "--ids", "1,2").code, 0)

    def test_wrong_use(self):
        for arguments in ([], ["--ids", ""], ["--ids", "1,"], ["--ids", "1", "more"], ["--ids", "1", "--decoder-ids", "x"]):
            self.assertEqual(run("logits", TINY / "t5-f32", *arguments).code, USAGE, arguments)
        for name, arguments, word in (("t5-f32", ["--ids", "1"], "STATE"), ("bert-f32", ["--ids", "1"], "STATE"),
                                      ("gpt2-f32", ["--ids", "1", "--decoder-ids", "1"], "ARG"),
                                      ("gpt2-f32", ["--ids", "99999"], "ARG")):
            result = run("logits", TINY / name, *arguments)
            self.assertEqual(result.code, FAILED, name)
            self.assertIn(word, result.error)


class Chat(Case):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        shutil.copytree(TINY / "gpt2-f32", self.model)
        (self.model / "chat_template.jinja").write_text(MISTRAL)

    def test_turns_go_on_from_what_was_said(self):
        prompt, answers = "<|endoftext|>", []
        for line in ("Hi", "the mill"):
            prompt += f"[INST] {line} [/INST]"
            answers.append(run("generate", self.model, prompt, "-n", "3").bytes[:-1])
            prompt += answers[-1].decode() + "<|endoftext|>"
        result = run("chat", self.model, "-n", "3", stdin=b"Hi\n\nthe mill\n/exit\nmore\n")
        self.assertEqual((result.code, result.error), (0, ""))
        self.assertEqual(result.bytes, b"\n".join(answers) + b"\n")
        self.assertNotEqual(*answers)

    def test_a_system_message_comes_first(self):
        result = run("chat", self.model, "--system", "Be brief.", stdin=b"Hi\n")
        self.assertEqual(result.code, FAILED)
        self.assertIn("ARG: message 0 of role system", result.error)

    def test_the_end_of_input_ends_it(self):
        self.assertEqual(run("chat", self.model).bytes, b"")

    def test_a_template_that_is_not_known_is_refused(self):
        (self.model / "chat_template.jinja").write_text("{{ messages | mine }}")
        result = run("chat", self.model, stdin=b"Hi\n")
        self.assertEqual(result.code, FAILED)
        self.assertIn('UNSUPPORTED: no known chat_template ("{{ messages | mine }}"): use generate with', result.error)
        result = run("chat", TINY / "gpt2-f32", stdin=b"Hi\n")
        self.assertIn('MISSING: no known chat_template (""): use generate with a text', result.error)


if __name__ == "__main__":
    unittest.main()
