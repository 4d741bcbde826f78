# SPDX-License-Identifier: MIT OR Apache-2.0
"""What each command answers, on the tiny checkpoints and their outputs from Hugging Face."""

import json
import os
import re
import shutil
import stat
import struct
import tempfile
import unittest
from pathlib import Path

from wasmicro import FAILED, ROOT, TINY, USAGE, floats, golden, read_npy, run

FAMILIES = ["bert-f32", "roberta-f32", "distilbert-f32", "electra-f32", "bert-bf16"]


class Case(unittest.TestCase):
    def assert_close(self, got, want, what=""):
        self.assertEqual(len(got), len(want), what)
        tolerance = 5e-5 * max(1, max(map(abs, want)))
        for i, (a, b) in enumerate(zip(got, want)):
            self.assertLessEqual(abs(a - b), tolerance, f"{what} [{i}]")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)


class Embed(Case):
    def test_equals_hugging_face(self):
        for name in FAMILIES + ["st-mean", "st-cls", "st-max", "st-dense", "st-lower", "st-prompts", "mpnet-f32"]:
            for options, texts in self.by_options(golden(name)["texts"]).items():
                result = run("embed", TINY / name, *options, "--", *[t["text"] for t in texts])
                self.assertEqual(result.code, 0, result.error)
                self.assertEqual(len(result.json), len(texts))
                for vector, text in zip(result.json, texts):
                    self.assert_close(vector, floats(text["embedding"]), f"{name} {options}: {text['text'][:40]!r}")
                cut = [number for number, text in enumerate(texts, 1) if text["truncated"]]
                self.assertEqual([int(n) for n in re.findall(r"warning: text (\d+) ", result.error)], cut, f"{name} {options}")

    def by_options(self, texts):
        """The golden's texts by the options they were embedded with; not those that the command line has none for."""
        found = {}
        for text in texts:
            options = []
            if "pooling" in text:
                options += ["--pooling", text["pooling"]]
            if "normalize" in text:
                options += ["--normalize" if text["normalize"] else "--no-normalize"]
            if "max_length" in text:
                options += ["--max-len", text["max_length"]]
            if "prompt_name" in text:
                options += ["--prompt", text["prompt_name"]]
            if not {"truncate", "prompt"} & set(text):
                found.setdefault(tuple(map(str, options)), []).append(text)
        return found

    def test_lines_are_as_arguments(self):
        texts = ["The river runs", "past the old mill.", "", "naïve café"]
        one = run("embed", TINY / "bert-f32", *texts)
        for ending in ("", "\n"):
            other = run("embed", TINY / "bert-f32", stdin=("\n".join(texts) + ending).encode())
            self.assertEqual(one.bytes, other.bytes)
        self.assertEqual(len(one.json), 4)

    def test_no_text_gives_no_vector(self):
        result = run("embed", TINY / "bert-f32", stdin=b"")
        self.assertEqual((result.code, result.bytes), (0, b""))

    def test_numbers_survive_the_trip(self):
        path = self.folder / "vectors.npy"
        texts = ["The river runs", "past", "the old mill."]
        printed = run("embed", TINY / "roberta-f32", *texts).json
        result = run("embed", TINY / "roberta-f32", "--npy", path, *texts)
        self.assertEqual((result.code, result.bytes), (0, b""), result.error)
        shape, values = read_npy(path)
        self.assertEqual(shape, (3, len(printed[0])))
        rounded = [struct.unpack("<f", struct.pack("<f", x))[0] for row in printed for x in row]
        self.assertEqual(list(values), rounded)

    def test_npy_of_nothing(self):
        path = self.folder / "none.npy"
        self.assertEqual(run("embed", TINY / "bert-f32", "--npy", path).code, 0)
        self.assertEqual(read_npy(path), ((0, golden("bert-f32")["dim"]), ()))

    def test_a_failed_npy_leaves_no_file(self):
        path = self.folder / "vectors.npy"
        result = run("embed", TINY / "bert-f32", "--npy", path, "good", b"bad \xff")
        self.assertEqual(result.code, FAILED)
        self.assertFalse(path.exists())
        self.assertEqual(run("embed", TINY / "bert-f32", "--npy", self.folder / "no" / "x.npy", "text").code, FAILED)

    @unittest.skipIf(os.geteuid(), "only root makes devices")
    def test_a_failed_npy_leaves_a_device(self):
        path = self.folder / "null"
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except OSError as reason:
            self.skipTest(str(reason))
        self.assertEqual(run("embed", TINY / "bert-f32", "--npy", path, b"bad \xff").code, FAILED)
        self.assertTrue(path.exists())

    def test_options_override_the_files(self):
        text = "The river runs past the old mill."
        plain, = run("embed", TINY / "bert-f32", "--no-normalize", text).json
        unit, = run("embed", TINY / "bert-f32", "--normalize", text).json
        length = sum(x * x for x in plain) ** 0.5
        self.assertAlmostEqual(sum(x * x for x in unit), 1, places=5)
        self.assert_close([x * length for x in unit], plain)
        poolings = [run("embed", TINY / "bert-f32", f"--pooling={p}", text).json[0] for p in ("mean", "cls", "max", "last")]
        self.assertEqual(poolings[0], plain)
        self.assertEqual(len({tuple(p) for p in poolings}), 4)
        ids = run("tokenize", TINY / "bert-f32", text).json[0]
        hidden = run("hidden", TINY / "bert-f32", "--ids", ",".join(map(str, ids))).json[0]
        width = hidden["shape"][1]
        self.assert_close(poolings[1], hidden["data"][:width])
        self.assert_close(poolings[3], hidden["data"][-width:])

    def test_a_cut_text_is_reported(self):
        text = "The river runs past the old mill."
        result = run("embed", TINY / "bert-f32", "--max-len", "6", text)
        self.assertEqual(result.code, 0)
        self.assertIn("warning", result.error)
        self.assertIn("6", result.error)
        self.assertEqual(run("embed", TINY / "bert-f32", text).error, "")

    def test_prompts(self):
        prompts = json.loads((TINY / "st-prompts/config_sentence_transformers.json").read_text())["prompts"]
        vectors = {name: run("embed", TINY / "st-prompts", "--prompt", name, "mill").text for name in prompts}
        self.assertEqual(len(set(vectors.values())), len({p for p in prompts.values()}))
        self.assertEqual(run("embed", TINY / "st-prompts", "--prompt", "no such", "mill").code, FAILED)

    def test_kernels_agree(self):
        scalar, = run("embed", TINY / "bert-f32", "--isa", "scalar", "The old mill").json
        best, = run("embed", TINY / "bert-f32", "The old mill").json
        self.assert_close(best, scalar)
        self.assertEqual(run("embed", TINY / "bert-f32", "--isa", "mmx", "text").code, FAILED)


class Tokenize(Case):
    def test_equals_hugging_face(self):
        for name in FAMILIES:
            texts = [t for t in golden(name)["texts"] if "\n" not in t["text"]]
            self.assertTrue(texts)
            want = [t["ids"] for t in texts]
            result = run("tokenize", TINY / name, "--", *[t["text"] for t in texts])
            self.assertEqual(result.json, want, name)
            lines = "".join(t["text"] + "\n" for t in texts).encode()
            self.assertEqual(run("tokenize", TINY / name, "--stdin", stdin=lines).json, want, name)

    def test_form(self):
        self.assertRegex(run("tokenize", TINY / "bert-f32", "the mill").text, r"^\[\d+(,\d+)*\]\n$")
        self.assertEqual(run("tokenize", TINY / "bert-f32", "--no-special", "").text, "[]\n")

    def test_lines_end_at_lf_alone(self):
        result = run("tokenize", TINY / "roberta-f32", "--stdin", stdin="a\rb\u2028c\n\nd".encode())
        self.assertEqual(len(result.json), 3)
        self.assertEqual(result.json[0], run("tokenize", TINY / "roberta-f32", "a\rb\u2028c").json[0])
        self.assertEqual(result.json[1], run("tokenize", TINY / "roberta-f32", "").json[0])

    def test_special_and_pair(self):
        model = TINY / "bert-f32"
        a, b = (run("tokenize", model, "--no-special", text).json[0] for text in ("the river", "old mill"))
        single, pair = run("tokenize", model, "the river").json[0], run("tokenize", model, "--pair", "old mill", "the river").json[0]
        self.assertEqual(single, [single[0], *a, single[-1]])
        self.assertEqual(pair, [*single, *b, single[-1]])
        self.assertEqual(run("tokenize", model, "--pair", "old mill", "--no-special", "the river").json[0], a + b)

    def test_length(self):
        ids = run("tokenize", TINY / "bert-f32", "The river runs past the old mill. " * 50).json[0]
        self.assertGreater(len(ids), 128)
        cut = run("tokenize", TINY / "bert-f32", "--max-len", "5", "The river runs past the old mill.")
        self.assertEqual(cut.json[0], ids[:4] + ids[-1:])
        self.assertIn("warning", cut.error)

    def test_needs_no_weights(self):
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(TINY / "bert-f32" / file, self.folder)
        self.assertEqual(run("tokenize", self.folder, "the mill").bytes, run("tokenize", TINY / "bert-f32", "the mill").bytes)


class Hidden(Case):
    def test_equals_hugging_face(self):
        for name in FAMILIES:
            for case in golden(name)["hidden"]:
                result = run("hidden", TINY / name, "--ids", ",".join(map(str, case["ids"])))
                self.assertEqual(result.code, 0, result.error)
                answer, = result.json
                want = floats(case["states"])
                self.assertEqual(answer["shape"], [len(case["ids"]), len(want) // len(case["ids"])])
                self.assert_close(answer["data"], want, name)

    def test_needs_no_tokenizer(self):
        for file in ("config.json", "model.safetensors"):
            shutil.copy(TINY / "bert-f32" / file, self.folder)
        got, want = (run("hidden", model, "--ids", "5,6") for model in (self.folder, TINY / "bert-f32"))
        self.assertEqual((got.code, got.bytes), (0, want.bytes), got.error)
        (self.folder / "config.json").unlink()
        refused = run("hidden", self.folder, "--ids", "5,6")
        self.assertEqual(refused.code, FAILED)
        self.assertIn("MISSING: config.json", refused.error)

    def test_decoders_and_encoder_decoders(self):
        for name in ("gpt2-f32", "gpt_neox-f16", "llama-f16", "t5-f32", "mpnet-f32", "albert-f16"):
            case = golden(name)["hidden"][0]
            answer, = run("hidden", TINY / name, "--ids", ",".join(map(str, case["ids"]))).json
            self.assert_close(answer["data"], floats(case["states"]), name)

    def test_refuses(self):
        for ids, code in (("", USAGE), ("1,,2", USAGE), ("1,2,", USAGE), ("a", USAGE), ("1 2", USAGE), ("99999999999", USAGE),
                          ("-1", FAILED), ("1000000", FAILED), (",".join(["5"] * 5000), FAILED)):
            result = run("hidden", TINY / "bert-f32", "--ids", ids)
            self.assertEqual((result.code, result.bytes), (code, b""), ids[:20])


class Generate(Case):
    def test_a_generated_text_as_json(self):
        for options in ((), ("--beams", "2")):
            plain = run("generate", TINY / "gpt2-f32", "the old mill", "-n", "12", *options)
            whole = run("generate", TINY / "gpt2-f32", "the old mill", "-n", "12", "--json", *options)
            self.assertEqual((plain.code, whole.code), (0, 0), whole.error)
            self.assertEqual(whole.json, [plain.bytes.decode()[:-1]])

    def test_ids(self):
        greedy = run("generate", TINY / "gpt2-f32", "the old mill", "-n", "8", "--ids")
        self.assertEqual((greedy.code, len(greedy.json[0])), (0, 8), greedy.error)
        for options in (["--temperature", "0"], ["--temperature", "2", "--top-p", "0"], ["--isa", "scalar"], ["--top-k", "1"], ["--beams", "1"]):
            result = run("generate", TINY / "gpt2-f32", "the old mill", "-n", "8", "--ids", *options)
            self.assertEqual(result.bytes, greedy.bytes, options)

    def test_no_token_at_all_is_an_empty_text(self):
        for options, want in ((), b"\n"), (("--json",), b'""\n'), (("--ids",), b"[]\n"):
            self.assertEqual(run("generate", TINY / "gpt2-f32", "the old mill", "-n", "0", *options).bytes, want)

    def test_text_is_utf8(self):
        for name in ("gpt2-f32", "llama-f16", "t5-f32"):
            result = run("generate", TINY / name, "the old mill", "-n", "20")
            self.assertEqual(result.code, 0, result.error)
            self.assertTrue(result.text.endswith("\n"))

    def test_seeds(self):
        def draw(seed):
            return run("generate", TINY / "gpt2-f32", "the old mill", "-n", "20", "--ids", "--temperature", "1.5",
                       "--seed", seed).text
        self.assertEqual(draw("7"), draw("7"))
        self.assertGreater(len({draw(str(seed)) for seed in range(4)}), 1)

    def test_refuses(self):
        for arguments, code in (([TINY / "bert-f32", "text"], FAILED), ([TINY / "gpt2-f32"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--temperature", "warm"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--seed", "-1"], USAGE),
                                ([TINY / "gpt2-f32", "text", "-n", "-1"], USAGE),
                                ([TINY / "gpt2-f32", "text", "-n", "4294967296"], USAGE),
                                ([TINY / "gpt2-f32", "text", "-n", "4294967295"], FAILED),
                                ([TINY / "gpt2-f32", "text", "--temperature", "-1"], FAILED),
                                ([TINY / "gpt2-f32", "text", "--seed", "1.5"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--seed", "18446744073709551616"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--beams", "0"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--beams", "1000000"], FAILED),
                                ([TINY / "gpt2-f32", "text", "--no-repeat-ngram", "-1"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--repetition-penalty", "0"], USAGE),
                                ([TINY / "gpt2-f32", "text", "--stop", ""], FAILED),
                                ([TINY / "gpt2-f32", "text", "--top-p", "nan"], FAILED)):
            result = run("generate", *arguments)
            self.assertEqual((result.code, result.bytes), (code, b""), arguments)


class Search(Case):
    LINES = ["the river runs", "", "past the old mill", "   ", "the river runs", "naïve café"]

    def search(self, *arguments, lines=None):
        file = self.folder / "lines.txt"
        file.write_text("\n".join(self.LINES if lines is None else lines))
        result = run("search", TINY / "bert-f32", file, *arguments)
        self.assertEqual(result.code, 0, result.error)
        return result

    def test_table(self):
        rows = [line.split("\t") for line in self.search("the river runs").text.splitlines()]
        self.assertEqual([int(number) for _, number, _ in rows][:2], [1, 5])
        self.assertEqual(sorted(int(number) for _, number, _ in rows), [1, 3, 5, 6])
        scores = [float(score) for score, _, _ in rows]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertAlmostEqual(scores[0], 1, places=5)
        for _, number, line in rows:
            self.assertEqual(line, self.LINES[int(number) - 1])

    def test_scores_are_cosines(self):
        query, = run("embed", TINY / "bert-f32", "the old river").json
        vectors = run("embed", TINY / "bert-f32", "past the old mill", "naïve café").json
        norm = lambda v: sum(x * x for x in v) ** 0.5  # noqa: E731
        want = [sum(a * b for a, b in zip(query, v)) / norm(query) / norm(v) for v in vectors]
        hits = self.search("--json", "the old river", lines=["past the old mill", "naïve café"]).json[0]
        self.assert_close([h["score"] for h in sorted(hits, key=lambda h: h["line"])], want)
        self.assertEqual({h["text"] for h in hits}, {"past the old mill", "naïve café"})

    def test_more_lines_than_one_group(self):
        words = ["the", "river", "runs", "past", "old", "mill"]
        lines = [" ".join(words[i // 6**place % 6] for place in range(4)) for i in range(150)]
        hits = self.search("--json", "-k", "150", lines[130], lines=lines).json[0]
        self.assertEqual((hits[0]["line"], sorted(h["line"] for h in hits)), (131, list(range(1, 151))))
        alone = self.search("--json", "-k", "150", lines[130], lines=lines[64:66]).json[0]
        for hit in alone:
            self.assertIn(hit["score"], [h["score"] for h in hits if h["line"] == hit["line"] + 64])

    def test_k(self):
        self.assertEqual(len(self.search("river", "-k", "2").text.splitlines()), 2)
        self.assertEqual(len(self.search("river", "-k", "99").text.splitlines()), 4)
        self.assertEqual(self.search("river", lines=[]).text, "")

    def test_several_queries(self):
        text = self.search("river", "mill", "-k", "1").text
        self.assertRegex(text, r"^river\n[^\n]+\n\nmill\n[^\n]+\n$")
        self.assertEqual(len(self.search("river", "mill", "--json").json), 2)

    def test_lines_with_tabs_crlf_and_stdin(self):
        result = run("search", TINY / "bert-f32", "-", "a", stdin=b"a\tb\r\nc\r\n")
        self.assertEqual({line.split("\t", 2)[2] for line in result.text.splitlines()}, {"a\tb", "c"})


class Info(Case):
    def test_one_object(self):
        result = run("info", TINY / "bert-f32")
        info, = result.json
        config = json.loads((TINY / "bert-f32/config.json").read_text())
        self.assertEqual(info["model_type"], "bert")
        self.assertEqual(info["hidden_size"], config["hidden_size"])
        self.assertEqual(info["layers"], config["num_hidden_layers"])
        self.assertEqual(info["heads"], config["num_attention_heads"])
        self.assertEqual(info["vocab_size"], config["vocab_size"])
        self.assertEqual(info["dtype"], "F32")
        self.assertEqual(info["pooling"], "mean")
        self.assertIs(info["normalize"], False)
        self.assertEqual(info["needed_bytes"], info["weight_bytes"] + info["model_bytes"] + info["session_bytes"])
        self.assertGreater(info["parameters"], 1000)
        self.assertIsInstance(info["ignored_tensors"], list)

    def test_families(self):
        for name in FAMILIES:
            self.assertEqual(run("info", TINY / name).json[0]["model_type"], name.split("-")[0])


class Usage(Case):
    def test_help_and_version(self):
        self.assertEqual(run("--version").text, f"wasmicro {(ROOT / 'VERSION').read_text()}")
        for arguments in (["--help"], ["help"], ["-h"]):
            result = run(*arguments)
            self.assertEqual((result.code, result.error), (0, ""))
            for command in ("embed", "search", "generate", "tokenize", "hidden", "info"):
                self.assertIn(f"wasmicro {command}", result.text)
                for asked in ([command, "--help"], ["help", command], ["--help", command], [command, "x", "-k", "1", "-h"]):
                    self.assertEqual(run(*asked).text, run(command, "--help").text)
                self.assertIn(run(command, "--help").text, result.text)
        self.assertEqual(run("help", "nothing").code, USAGE)
        self.assertEqual(run("tokenize", TINY / "bert-f32", "--", "--help").code, 0)

    def test_usage_errors(self):
        model = TINY / "bert-f32"
        for arguments in ([], ["nothing"], ["embed"], ["info"], ["info", model, "more"], ["hidden", model], ["search", model, "file"],
                          ["tokenize", model], ["tokenize", model, "--stdin", "text"], ["embed", model, "--max-len"],
                          ["embed", model, "--max-len", "0"], ["embed", model, "--max-len", "-1"], ["embed", model, "--max-len", "1.5"],
                          ["embed", model, "--max-len", "4294967296"], ["embed", model, "--max-len", "1e3"],
                          ["embed", model, "--pooling", "median"], ["embed", model, "--normalize=yes"], ["embed", model, "-x"],
                          ["embed", model, "--no-such"], ["search", model, "file", "query", "-k", "0"]):
            result = run(*arguments)
            self.assertEqual((result.code, result.bytes), (USAGE, b""), arguments)
            self.assertTrue(result.error.strip())

    def test_two_dashes_end_the_options(self):
        want = run("tokenize", TINY / "bert-f32", "--stdin", stdin=b"--normalize\n-5\n--\n").text
        got = run("tokenize", TINY / "bert-f32", "--", "--normalize", "-5", "--").text
        self.assertEqual(got, want)


if __name__ == "__main__":
    unittest.main()
