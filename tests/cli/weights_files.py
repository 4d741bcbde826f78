# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes and reads the files that convert is about: safetensors, torch.save's, GGUF. No package is needed."""

import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
TORCH = {"F32": "Float", "F16": "Half", "BF16": "BFloat16", "F64": "Double", "I64": "Long", "I32": "Int", "I16": "Short",
         "I8": "Char", "U8": "Byte", "BOOL": "Bool"}


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}, metadata"""
    data = path.read_bytes()
    size, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + size])
    start = 8 + size
    metadata = header.pop("__metadata__", {})
    return {name: (t["dtype"], t["shape"], data[start + t["data_offsets"][0]:start + t["data_offsets"][1]])
            for name, t in header.items()}, metadata


# ---- torch.save, as version 1.13 and later write it --------------------------------------------------

def named(module, name, kind):
    made = kind(name)
    made.__module__, made.__qualname__ = module, name
    setattr(sys.modules[module], name, made)
    return made


def function(name):
    def stand_in(*arguments):
        raise AssertionError("never called")
    stand_in.__name__ = name
    return stand_in


for module in ("torch", "torch._utils"):
    sys.modules.setdefault(module, types.ModuleType(module))
STORAGES = {dtype: named("torch", f"{word}Storage", lambda name: type(name, (), {})) for dtype, word in TORCH.items()}
REBUILD = named("torch._utils", "_rebuild_tensor_v2", function)
PARAMETER = named("torch._utils", "_rebuild_parameter", function)


class Storage:
    def __init__(self, key, dtype, data):
        self.key, self.dtype, self.data = key, dtype, data


class Tensor:
    """A view of a storage; strides and offset count numbers."""

    def __init__(self, storage, shape, strides=None, offset=0, parameter=False):
        if strides is None:
            strides = [1] * len(shape)
            for i in reversed(range(len(shape) - 1)):
                strides[i] = strides[i + 1] * max(1, shape[i + 1])
        self.storage, self.shape, self.strides, self.offset, self.parameter = storage, shape, strides, offset, parameter

    def __reduce__(self):
        if self.parameter:
            plain = Tensor(self.storage, self.shape, self.strides, self.offset)
            return PARAMETER, (plain, True, OrderedDict())
        return REBUILD, (self.storage, self.offset, tuple(self.shape), tuple(self.strides), False, OrderedDict())


def pickled(value, protocol=2, old=False):
    class Pickler(pickle.Pickler):
        def persistent_id(self, thing):
            if not isinstance(thing, Storage):
                return None
            count = len(thing.data) // SIZES[thing.dtype]
            return ("storage", STORAGES[thing.dtype], thing.key, "cpu", count) + ((None,) if old else ())
    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()


def storages_of(tensors):
    return {t.storage.key: t.storage for t in tensors.values() if isinstance(t, Tensor)}


def torch_zip(tensors, protocol=2, pickle_bytes=None, compression=zipfile.ZIP_STORED, folder="archive", order=b"little"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as to:
        to.writestr(f"{folder}/data.pkl", pickled(tensors, protocol) if pickle_bytes is None else pickle_bytes)
        to.writestr(f"{folder}/byteorder", order)
        for key, storage in storages_of(tensors).items():
            to.writestr(f"{folder}/data/{key}", storage.data)
        to.writestr(f"{folder}/version", b"3\n")
    return out.getvalue()


def torch_old(tensors):
    parts = [pickle.dumps(v, 2) for v in (0x1950a86a20f9469cfc6c, 1001, {"little_endian": True, "protocol_version": 1001})]
    storages = storages_of(tensors)
    parts += [pickled(tensors, 2, old=True), pickle.dumps(sorted(storages), 2)]
    for key in sorted(storages):
        data = storages[key].data
        parts += [struct.pack("<q", len(data) // SIZES[storages[key].dtype]), data]
    return b"".join(parts)


# ---- GGUF --------------------------------------------------------------------------------------------

def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(value)) + value


def gguf_value(value):
    """bool, int (u32), float (f32), str, or a list of ints (i32), floats (f32) or texts"""
    if isinstance(value, bool):
        return struct.pack("<IB", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if value and isinstance(value[0], int):
        return struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    if value and isinstance(value[0], float):
        return struct.pack("<IIQ", 9, 6, len(value)) + struct.pack(f"<{len(value)}f", *value)
    return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))


def gguf(values, tensors, alignment=32, version=3):
    """tensors: {name: (type's number, shape as torch has it, bytes)}"""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    head += b"".join(text(key) + gguf_value(value) for key, value in values.items())
    data = b""
    for name, (kind, shape, content) in tensors.items():
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += struct.pack("<IQ", kind, len(data))
        data += content + b"\0" * (-len(content) % alignment)
    return head + b"\0" * (-len(head) % alignment) + data
