# SPDX-License-Identifier: MIT OR Apache-2.0
"""The writer of what src/base/range.c reads."""


class RangeCoder:
    def __init__(self):
        self.low, self.range, self.size = 0, 1, 0

    def code(self, likely, bit):
        """A bit that is 1 with a likelihood of `likely` in 65,536."""
        while self.range < 1 << 24:
            self.range <<= 8
            self.low <<= 8
            self.size += 1
        bound = (self.range >> 16) * likely
        self.low += 0 if bit else bound
        self.range = bound if bit else self.range - bound

    def data(self):
        return self.low.to_bytes(self.size, "big")
