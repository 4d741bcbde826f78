# SPDX-License-Identifier: MIT OR Apache-2.0
"""Memory does not grow with the number of texts. SOAK=1 embeds 100,000 of them in place of 1,500."""

import os
import random
import re
import subprocess
import threading
import unittest
from pathlib import Path

from wasmicro import BINARY, CLEAN, ROOT, SANITIZED, TINY

EMBEDS = 100000 if os.environ.get("SOAK") else 1500
SLACK = 512  # KB: pages that the allocator touches for the first time


@unittest.skipUnless(Path("/proc/self/status").exists() and not SANITIZED, "reads /proc; sanitizers keep what is freed")
class Soak(unittest.TestCase):
    def peak(self, pid):
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])

    def test_the_peak_is_flat(self):
        draw = random.Random(1)
        words = "the river runs past old mills and bread bakes in Ünïcödé ovens 42 times".split()
        lines = [" ".join(draw.choices(words, k=draw.randrange(20))) for _ in range(EMBEDS)]
        lines[0] = " ".join(words * 20)  # the longest comes first
        for threads in ("1", "2"):
            child = subprocess.Popen([str(BINARY), "embed", str(TINY / "bert-f32"), "--threads", threads], cwd=ROOT, env=CLEAN,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            with child:
                def feed():
                    child.stdin.write("\n".join([*lines, ""]).encode())
                    child.stdin.flush()
                feeder = threading.Thread(target=feed)
                feeder.start()
                for _ in range(EMBEDS // 4):
                    self.assertTrue(child.stdout.readline())
                early = self.peak(child.pid)
                for _ in range(EMBEDS - EMBEDS // 4 - 64):
                    self.assertTrue(child.stdout.readline())
                late = self.peak(child.pid)
                self.assertLessEqual(late, early + SLACK, f"KB after {EMBEDS // 4} and after {EMBEDS} texts")
                child.stdin.close()
                child.stdout.read()
                feeder.join()
            self.assertEqual(child.returncode, 0)


if __name__ == "__main__":
    unittest.main()
