#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The bytes of the wasm by layer, and the gate: python3 tools/size.py linked.map named.wasm wasmicro.wasm

linked.map is the linker's, from plain objects: it says which object a function or a constant came from.
named.wasm is the module while it still has its names. A function that was inlined counts where it went.
Prints TAP; the sizes are its comments. KB are of 1024 bytes.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WASM_LIMIT = 52 * 1024
GLUE_LIMIT = 8 * 1024
LAYERS = ["base", "unicode", "load", "token", "quant", "kernels", "ops", "models", "gen", "pipeline", "wasm"]
SECTIONS = {0: "custom", 1: "types", 2: "imports", 3: "functions", 4: "table", 5: "memory", 6: "globals",
            7: "exports", 9: "elements", 10: "code", 11: "data", 12: "data count"}


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def name(self):
        return self.take(self.number()).decode()


def sections(data):
    reader = Reader(data, 8)
    while reader.at < len(data):
        kind = reader.byte()
        yield kind, reader.take(reader.number())


def function_sizes(data):
    """[(name, bytes)] of the code section."""
    imports, bodies, names = 0, [], {}
    for kind, body in sections(data):
        reader = Reader(body)
        if kind == 2:
            imports = reader.number()
        elif kind == 10:
            for _ in range(reader.number()):
                start = reader.at
                reader.take(reader.number())
                bodies.append(reader.at - start)
        elif kind == 0 and reader.name() == "name":
            while reader.at < len(body):
                part, size = reader.byte(), reader.number()
                end = reader.at + size
                if part == 1:
                    for _ in range(reader.number()):
                        index = reader.number()
                        names[index] = reader.name()
                reader.at = end
    return [(names.get(imports + i, "?"), size) for i, size in enumerate(bodies)]


def layer_of(path):
    """build/wasm/src/token/bpe.o → token; build/wasm/wasm/libc.o → wasm."""
    return re.search(r"/(?:src/)?(\w+)/(?:families/)?\w+\.o$", path).group(1)


def read_map(path):
    """({function: layer}, {layer: bytes of constants}); strings are merged and belong to nobody."""
    functions, data, section = {}, {}, ""
    for line in path.read_text().splitlines():
        heading = re.match(r"\s*-\s+\S+\s+\S+\s+([A-Z]+)\s*$", line)
        if heading:
            section = heading.group(1)
        found = re.match(r"\s*\S+\s+\S+\s+([0-9a-f]+)\s+(\S+):\((.+)\)\s*$", line)
        if not found:
            continue
        size, file, symbol = int(found.group(1), 16), found.group(2), found.group(3)
        if section == "CODE":
            functions[symbol] = layer_of(file)
        elif section == "DATA" and not symbol.startswith(".bss"):
            layer = layer_of(file) if file.endswith(".o") else "(strings)"
            data[layer] = data.get(layer, 0) + size
    return functions, data


def report(linked_map, named, wasm):
    functions, data = read_map(linked_map)
    code = {}
    sizes = function_sizes(named)
    for name, size in sizes:
        layer = functions.get(name) or functions.get(re.sub(r"[._]\d+$", "", name), "(unknown)")
        code[layer] = code.get(layer, 0) + size
    print(f"# {'layer':10} {'code':>7} {'data':>7}")
    for layer in LAYERS + ["(strings)", "(unknown)"]:
        if layer in code or layer in data:
            print(f"# {layer:10} {code.get(layer, 0):7} {data.get(layer, 0):7}")
    print("# sections: " + ", ".join(f"{SECTIONS.get(kind, kind)} {len(body)}" for kind, body in sections(wasm)))
    print("# largest functions: " + ", ".join(f"{n} {size}" for n, size in sorted(sizes, key=lambda s: -s[1])[:16]))


def has_imports(wasm):
    return any(kind == 2 and Reader(body).number() for kind, body in sections(wasm))


def glue_size():
    """index.js with all that it imports, minified."""
    command = [str(ROOT / "tools/npm/node_modules/.bin/esbuild"), str(ROOT / "npm/index.js"), "--bundle", "--minify",
               "--format=esm", "--platform=neutral", "--external:node:*", "--log-level=error"]
    return len(subprocess.run(command, capture_output=True, check=True).stdout)


def main(linked_map, named, wasm):
    wasm = wasm.read_bytes()
    report(linked_map, named.read_bytes(), wasm)
    glue = glue_size()
    results = [
        (len(wasm) <= WASM_LIMIT, f"wasm: {len(wasm)} bytes, {len(wasm) / 1024:.1f} KB of {WASM_LIMIT // 1024}"),
        (glue <= GLUE_LIMIT, f"JavaScript, minified: {glue} bytes, {glue / 1024:.1f} KB of {GLUE_LIMIT // 1024}"),
        (not has_imports(wasm), "the wasm imports nothing"),
    ]
    for number, (good, what) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {what}")
    print(f"1..{len(results)}")
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
