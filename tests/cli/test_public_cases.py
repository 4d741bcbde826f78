# SPDX-License-Identifier: MIT OR Apache-2.0
"""Other projects' tests of tokenizers, their data only: files, a text, the ids without special tokens."""
import base64
import json
import pathlib
import tempfile
import unittest

from wasmicro import ROOT, run

CASES = json.loads((ROOT / "tests/vectors/public_cases.json").read_text("utf-8"))


class PublicCases(unittest.TestCase):
    def test_ids(self):
        for entry in CASES:
            with tempfile.TemporaryDirectory() as folder:
                for name, content in entry["files"].items():
                    pathlib.Path(folder, name).write_text(content, "utf-8")
                for name, content in entry.get("base64", {}).items():
                    pathlib.Path(folder, name).write_bytes(base64.b64decode(content))
                for text, ids in entry["cases"]:
                    with self.subTest(entry["source"], text=text):
                        result = run("tokenize", "--no-special", folder, "--", text)
                        self.assertEqual((result.code, result.json), (0, [ids]), result.error)


if __name__ == "__main__":
    unittest.main()
