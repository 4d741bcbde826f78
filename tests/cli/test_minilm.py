# SPDX-License-Identifier: MIT OR Apache-2.0
"""The demonstration on the real model: its ranking is sentence-transformers', its memory within the promise."""

import unittest

from wasmicro import ROOT, SANITIZED, peak_memory, run

MODEL = ROOT / "models/all-MiniLM-L6-v2"
CORPUS = ROOT / "demo/corpus.txt"

# By sentence-transformers 2.7.0 on the same folder: cosine and line of the best three.
WANT = {
    "Why did the software stop working?": [(0.543054, 115), (0.378953, 39), (0.373080, 120)],
    "lost my luggage at the airport": [(0.370150, 134), (0.350552, 143), (0.303940, 132)],
    "people choosing their government": [(0.253323, 168), (0.224586, 166), (0.200590, 185)],
}


@unittest.skipUnless((MODEL / "model.safetensors").exists(), "tools/fetch.py all-MiniLM-L6-v2 brings the model")
class MiniLM(unittest.TestCase):
    def test_ranking(self):
        result = run("search", MODEL, CORPUS, "-k", "3", "--json", *WANT)
        self.assertEqual(result.code, 0, result.error)
        for hits, want in zip(result.json, WANT.values()):
            self.assertEqual([hit["line"] for hit in hits], [line for _, line in want])
            for hit, (score, _) in zip(hits, want):
                self.assertAlmostEqual(hit["score"], score, delta=2e-6)

    def test_info(self):
        info, = run("info", MODEL).json
        self.assertEqual((info["model_type"], info["layers"], info["hidden_size"], info["dim"]), ("bert", 6, 384, 384))
        self.assertEqual((info["max_tokens"], info["pooling"], info["normalize"]), (256, "mean", True))
        self.assertEqual(info["vocab_size"], 30522)

    @unittest.skipIf(SANITIZED, "a sanitizer has its own memory")
    def test_peak_memory(self):
        info, = run("info", MODEL).json
        peak = peak_memory("embed", MODEL, "The river runs past the old mill. " * 40)
        limit = info["weight_bytes"] * 1.25 + (16 << 20)
        self.assertLessEqual(peak, limit, f"{peak / 2**20:.1f} MiB, allowed {limit / 2**20:.1f}")
        self.assertLess(info["needed_bytes"], limit)


if __name__ == "__main__":
    unittest.main()
