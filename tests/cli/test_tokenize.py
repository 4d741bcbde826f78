# SPDX-License-Identifier: MIT OR Apache-2.0
"""tokenize and decode, on folders that hold a tokenizer's files and nothing else."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

from wasmicro import FAILED, ROOT, USAGE, run

TOKENIZERS = ROOT / "tests/vectors/tokenizers"
PIECES = ROOT / "tests/vectors/sentencepiece"


class Tokenize(unittest.TestCase):
    def cases(self, folder):
        """[text, pair or null, special tokens, ids, …] that the command line can be given."""
        cases = json.loads((TOKENIZERS / folder / "cases.json").read_text())
        return [case for case in cases if not any("\0" in (text or "") for text in case[:2])]

    def test_arguments_pairs_and_no_special(self):
        for folder in ("wordpiece", "gpt2-files", "unigram"):
            by_options = {}
            for text, pair, special, ids, *_ in self.cases(folder):
                by_options.setdefault((pair, special), []).append((text, ids))
            for (pair, special), cases in by_options.items():
                options = ([] if pair is None else [f"--pair={pair}"]) + ([] if special else ["--no-special"])
                result = run("tokenize", TOKENIZERS / folder, *options, "--", *[text for text, _ in cases])
                self.assertEqual(result.code, 0, result.error)
                self.assertEqual(result.json, [ids for _, ids in cases], f"{folder} {options}")

    def test_lines_end_at_lf_alone(self):
        texts = ["", "a\rb", "x\u2028y", " the dog ", "日本"]
        for end in ("", "\n"):
            result = run("tokenize", TOKENIZERS / "gpt2-files", "--stdin", stdin=("\n".join(texts) + end).encode())
            self.assertEqual(result.json, run("tokenize", TOKENIZERS / "gpt2-files", "--", *texts).json)

    def test_sentencepiece_alone_needs_no_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(PIECES / "unigram.model", Path(folder, "spiece.model"))
            want = [(text, ids) for text, ids, _ in json.loads((PIECES / "unigram.json").read_text()) if text and "\0" not in text]
            self.assertEqual(run("tokenize", folder, "--", *[text for text, _ in want]).json, [ids for _, ids in want])
            Path(folder, "config.json").write_text('{"model_type": "t5"}')
            self.assertEqual(run("tokenize", folder, "the dog").json[0][-1], 2)


class Decode(unittest.TestCase):
    def test_text_comes_back(self):
        texts = ["Hello,  world!", "it's 日本 👩‍👩‍👧", "a<|endoftext|>b", ""]
        folder = TOKENIZERS / "gpt2-files"
        ids = run("tokenize", folder, "--", *texts).json
        for text, each in zip(texts, ids):
            for words in (map(str, each), [json.dumps(each)], [",".join(map(str, each))]):
                self.assertEqual(run("decode", folder, *(list(words) or [""])).text, text + "\n")
        lines = "".join(json.dumps(each) + "\n" for each in ids) + "".join(" ".join(map(str, each)) + "\n" for each in ids)
        self.assertEqual(run("decode", folder, "--stdin", stdin=lines.encode()).text, "".join(text + "\n" for text in texts * 2))
        result = run("decode", folder, "--stdin", "--json", "--no-special", stdin=lines.encode())
        self.assertEqual(result.json, [text.replace("<|endoftext|>", "") for text in texts] * 2)

    def test_ids_without_a_piece_are_nothing(self):
        self.assertEqual(run("decode", TOKENIZERS / "gpt2-files", "2147483647").text, "\n")

    def test_what_is_no_id_is_refused(self):
        for word in ("x", "1x", "1.5", "2147483648", "99999999999999999999", "1 2 -3", "{}"):
            result = run("decode", TOKENIZERS / "gpt2-files", "--", word)
            self.assertEqual((result.code, result.text), (FAILED, ""), word)
            self.assertIn("ARG", result.error)
        self.assertEqual(run("decode", TOKENIZERS / "gpt2-files").code, USAGE)
        self.assertEqual(run("decode").code, USAGE)
        self.assertEqual(run("decode", TOKENIZERS / "gpt2-files", "1", "--stdin").code, USAGE)


if __name__ == "__main__":
    unittest.main()
