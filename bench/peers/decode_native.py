#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""SmolLM2-135M-Instruct natively, one thread: wasmicro and llama.cpp, in one process by turns:

    python3 decode_native.py libwasmicro.so MODELS Q4_1.gguf LLAMA_FOLDER [SECONDS] <IDS.json

prints one JSON object. Each turn reads other ids of IDS.json, a long text's. MODELS has wasmicro's conversions (i8, q4) of
Q4_1.gguf, and q8_0.gguf. LLAMA_FOLDER has llama.cpp's shared libraries as node-llama-cpp ships them, one for each kind of
processor: it picks its own.
"""

import ctypes as c
import json
import sys
import time
from pathlib import Path

import numpy as np

from library import Wasmicro, address

PROMPT, TOKENS, VOCABULARY = 128, 32, 49152


class Struct(c.Structure):
    """A structure of llama.cpp's, passed by value as its functions give it: at least as long as it is there."""
    _fields_ = [("words", c.c_uint32 * 128)]


class Batch(c.Structure):
    _fields_ = [("n_tokens", c.c_int32), ("token", c.c_void_p), ("others", c.c_void_p * 5)]


LOG = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(lambda *_: None)


class LlamaCpp:
    def __init__(self, folder: Path, gguf: str):
        ggml, = folder.glob("libggml.v*.so")
        library, = folder.glob("libllama.v*.so")
        self.lib = c.CDLL(str(library))
        self.lib.llama_log_set(LOG, None)
        c.CDLL(str(ggml)).ggml_backend_load_all_from_path(str(folder).encode())
        for name, result, *arguments in (
                ("llama_model_default_params", Struct), ("llama_context_default_params", Struct),
                ("llama_model_load_from_file", c.c_void_p, c.c_char_p, Struct),
                ("llama_init_from_model", c.c_void_p, c.c_void_p, Struct),
                ("llama_set_n_threads", None, c.c_void_p, c.c_int32, c.c_int32),
                ("llama_get_memory", c.c_void_p, c.c_void_p), ("llama_memory_clear", None, c.c_void_p, c.c_bool),
                ("llama_batch_get_one", Batch, c.c_void_p, c.c_int32), ("llama_decode", c.c_int32, c.c_void_p, Batch),
                ("llama_get_logits_ith", c.POINTER(c.c_float), c.c_void_p, c.c_int32)):
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        model = self.lib.llama_model_load_from_file(gguf.encode(), self.lib.llama_model_default_params())
        options = self.lib.llama_context_default_params()
        options.words[:3] = [512, 512, 512]  # n_ctx, n_batch, n_ubatch
        self.context = self.lib.llama_init_from_model(model, options) if model else None
        if not self.context:
            sys.exit(f"llama.cpp does not open {gguf}")
        self.lib.llama_set_n_threads(self.context, 1, 1)

    def generate(self, ids: np.ndarray, count: int):
        """Greedy token ids, one by one."""
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        ids = ids.astype(np.int32)
        for _ in range(count):
            if self.lib.llama_decode(self.context, self.lib.llama_batch_get_one(address(ids), len(ids))):
                sys.exit("llama.cpp failed")
            logits = np.ctypeslib.as_array(self.lib.llama_get_logits_ith(self.context, -1), (VOCABULARY,))
            ids = np.array([logits.argmax()], np.int32)
            yield int(ids[0])


def turn(engine, ids: np.ndarray) -> tuple[float, list[float], list[int]]:
    """Milliseconds a token of the prompt and of each after its first, which follow."""
    times, written = [time.perf_counter()], []
    for token in engine.generate(ids, TOKENS + 1):
        times.append(time.perf_counter())
        written.append(token)
    taken = np.diff(times) * 1e3
    return taken[0] / len(ids), taken[1:].tolist(), written


def main(library: str, models: str, gguf: str, llama: str, seconds: str = "40"):
    folder, text, at = Path(models), json.load(sys.stdin), 0
    engines = {
        "llama.cpp Q4_1": LlamaCpp(Path(llama), gguf), "wasmicro q4": Wasmicro(library, folder / "q4", 1),
        "wasmicro q4, int8": Wasmicro(library, folder / "q4", 1, 1),
        "llama.cpp Q8_0": LlamaCpp(Path(llama), str(folder / "q8_0.gguf")), "wasmicro i8": Wasmicro(library, folder / "i8", 1),
        "wasmicro i8, int8": Wasmicro(library, folder / "i8", 1, 1),
    }
    rows = {name: {"prompt": [], "token": [], "same": []} for name in engines}
    start = time.perf_counter()
    while time.perf_counter() < start + float(seconds) or len(rows["wasmicro q4"]["prompt"]) < 3:
        ids, at = np.array(text[at:at + PROMPT]), (at + PROMPT) % (len(text) - PROMPT)
        for name, engine in engines.items():
            prompt, tokens, written = turn(engine, ids)
            exact = written if name == "llama.cpp Q4_1" else exact
            rows[name]["same"].append(next((i for i, id_ in enumerate(written) if id_ != exact[i]), len(exact)) / len(exact))
            if time.perf_counter() > start + float(seconds) / 5:
                rows[name]["prompt"].append(prompt)
                rows[name]["token"] += tokens
    for row in rows.values():
        row["same"] = float(np.mean(row["same"]))
        for what in ("prompt", "token"):
            row[what] = {"median": float(np.median(row[what])), "min": min(row[what]), "turns": len(row[what])}
    release = json.loads((Path(llama) / "_nlcBuildMetadata.json").read_text())["buildOptions"]["llamaCpp"]["release"]
    print(json.dumps({"prompt": PROMPT, "tokens": TOKENS, "llama": release, "rows": rows}))


if __name__ == "__main__":
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
