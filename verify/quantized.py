# SPDX-License-Identifier: MIT OR Apache-2.0
"""The quantised layouts a second time, in numpy and from their definition alone: what the C code is compared with.

i8: X [N, K], scale F32 [N]: w = q · scale.  u8: and zero U8 [N]: w = (q - zero) · scale.  q4: X U8 [N, 16 · ⌈K/32⌉],
the first of two in a byte's low half, scale F16 [N, ⌈K/32⌉]: w = (q - 8) · scale of each 32.
"""

import numpy as np

KINDS = ("i8", "u8", "q4", "f16")


def blocks_of(w):
    rows, cols = w.shape
    padded = np.zeros((rows, -(-cols // 32) * 32), np.float32)
    padded[:, :cols] = w
    return padded.reshape(rows, -1, 32)


def divided(w, scale):
    """w / scale rounded to nearest, ties to even; 0 where the scale is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale != 0, np.rint(w / scale), np.float32(0))


def lane_sums(x):
    """Sums of 32 in f32: eight lanes, each in its order, then lane after lane."""
    lanes = x[..., 0:8]
    for i in range(8, 32, 8):
        lanes = lanes + x[..., i:i + 8]
    total = lanes[..., 0:1]
    for j in range(1, 8):
        total = total + lanes[..., j:j + 1]
    return total


def q4_scales(blocks):
    """Each scale that puts a block's largest number at -9.5, -9.125, … -6.5 gives whole numbers q; of these the ones that
    are nearest to the block when they are scaled by the factor that is best for them, which is the scale then."""
    place = np.abs(blocks).argmax(-1)[..., None]
    most = np.take_along_axis(blocks, place, -1)
    tiny = (most / np.float32(6)).astype(np.float16) == 0
    scale, gain = np.zeros_like(most), np.zeros(most.shape)
    for eighths in range(-76, -51, 3):
        with np.errstate(divide="ignore", over="ignore"):
            factor = np.where(tiny, 0, np.float32(eighths / 8) / most).astype(np.float32)
        q = np.rint(np.clip(blocks * factor, np.float32(-8), np.float32(7)))
        wq, qq = lane_sums(blocks * q), lane_sums(q * q)
        with np.errstate(divide="ignore", invalid="ignore"):
            now, best = wq.astype(np.float64) ** 2 / qq, wq / qq
        better = now > gain
        scale, gain = np.where(better, best, scale), np.where(better, now, gain)
    return np.where(tiny, 0, scale).astype(np.float16)


def pack(kind, w):
    """The parts of w [N, K] as they stand in a file: {"": X, ".scale": …, ".zero": …}"""
    w = np.ascontiguousarray(w, np.float32)
    if kind == "f16":
        return {"": w.astype(np.float16)}
    low, high = np.minimum(w.min(1), 0).astype(np.float32), np.maximum(w.max(1), 0).astype(np.float32)
    if kind == "i8":
        scale = np.maximum(-low, high) / np.float32(127)
        return {"": np.clip(divided(w, scale[:, None]), -127, 127).astype(np.int8), ".scale": scale}
    if kind == "u8":
        scale = high / np.float32(255) - low / np.float32(255)
        zero = np.clip(divided(-low, scale), 0, 255)
        q = np.clip(divided(w, scale[:, None]) + zero[:, None], 0, 255)
        return {"": q.astype(np.uint8), ".scale": scale, ".zero": zero.astype(np.uint8)}
    blocks = blocks_of(w)
    scale = q4_scales(blocks)
    wide = scale.astype(np.float32)
    q = (np.where(wide != 0, np.clip(divided(blocks, wide), -8, 7), 0) + 8).astype(np.uint8)
    data = (q[..., 0::2] | q[..., 1::2] << 4).reshape(len(w), -1)
    return {"": data, ".scale": scale[..., 0]}


def unpack(kind, parts, cols):
    """float32 [N, K], exactly what the layouts' formulas give when each step is rounded to f32."""
    x = parts[""]
    if kind == "f16":
        return x.astype(np.float32)
    if kind == "q4":
        q = np.stack([x & 15, x >> 4], -1).reshape(len(x), -1, 32).astype(np.float32) - 8
        return (q * parts[".scale"].astype(np.float32)[..., None]).reshape(len(x), -1)[:, :cols]
    q = x.astype(np.float32)
    if kind == "u8":
        q = q - parts[".zero"].astype(np.float32)[:, None]
    return q * parts[".scale"][:, None]
