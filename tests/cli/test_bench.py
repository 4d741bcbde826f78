# SPDX-License-Identifier: MIT OR Apache-2.0
"""bench measures something; --threads changes no bit."""

import unittest

from wasmicro import TINY, USAGE, run


class Bench(unittest.TestCase):
    def test_texts(self):
        machine, *rows = run("bench", TINY / "st-mean", "--ms", "5").json
        self.assertGreater(machine["peak_gflops"], 0.1)
        self.assertGreater(machine["read_gbs"], 0.1)
        self.assertEqual(rows[0]["tokens"], 8)
        for row in rows:
            self.assertAlmostEqual(row["texts_per_second"] * row["ms"] / 1e3 / row["batch"], 1, delta=0.05)

    def test_generation(self):
        rows = run("bench", TINY / "gpt2-f32", "--ms", "5").json
        self.assertEqual([("prompt_tokens" in row, "after" in row) for row in rows],
                         [(False, False), (True, False), (False, True)])

    def test_usage(self):
        self.assertEqual(run("bench").code, USAGE)


class Threads(unittest.TestCase):
    def test_the_same_bits(self):
        texts = ["One line.", "Another, somewhat longer line of words."] * 20
        alone = run("embed", TINY / "bert-f32", *texts)
        self.assertEqual(alone.code, 0, alone.error)
        for threads in ("1", "2", "5"):
            self.assertEqual(run("embed", TINY / "bert-f32", "--threads", threads, *texts).bytes, alone.bytes)


if __name__ == "__main__":
    unittest.main()
