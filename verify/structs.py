# SPDX-License-Identifier: MIT OR Apache-2.0
"""Structs of include/wasmicro.h for ctypes."""
import ctypes as c


class Span(c.Structure):
    _fields_ = [("p", c.c_char_p), ("n", c.c_size_t)]


class Source(c.Structure):
    _fields_ = [("path", Span), ("bytes", Span)]


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("offset", c.c_uint64), ("text", c.c_char * 240)]


class PipelineOptions(c.Structure):
    _fields_ = [("size", c.c_size_t), ("allocator", c.c_void_p), ("isa", c.c_char_p), ("max_bytes", c.c_uint64),
                ("compute", c.c_int), ("threads", c.c_uint32)]


def sources(files):
    """The table of (name, bytes) pairs that a call takes; its caller keeps the bytes."""
    return (Source * len(files))(*[Source(Span(n, len(n)), Span(b, len(b))) for n, b in files])
