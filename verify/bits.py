# SPDX-License-Identifier: MIT OR Apache-2.0
"""The same bits from every compiler and optimization (make verify-bits): what bits.c writes of tiny models, with
each instruction set's kernels, is compared byte for byte between gcc and clang, -O0 to -O3, LTO, 32 bits,
AArch64 in an emulator, and the wasm without SIMD. What this machine has no compiler for is named and left out."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NODE = os.environ.get("NODE", "node")
COMMAND = ROOT / os.environ.get("WASMICRO", "build/wasmicro")
FLAGS = "-std=c11 -ffp-contract=off -fno-math-errno -DNDEBUG -Iinclude verify/bits.c".split()
UNIT = ["src/wasmicro.c"]
SOURCES = sorted(glob.glob("src/*/*.c", root_dir=ROOT) + glob.glob("src/models/families/*.c", root_dir=ROOT))
LINK = ["-lm", "-pthread"]
# Debian's gcc-12-multilib leaves asm/ out of the 32-bit search path.
M32 = "-m32 -msse2 -mfpmath=sse -idirafter /usr/include/x86_64-linux-gnu".split()

# Name → compiler, options, sources, what runs the program.
BUILDS = {
    **{f"gcc -O{o}": (["gcc", f"-O{o}"], UNIT, []) for o in "203s"},
    **{f"clang -O{o}": (["clang-19", f"-O{o}"], UNIT, []) for o in "023s"},
    "gcc -O3 -march=native": (["gcc", "-O3", "-march=native"], UNIT, []),
    "clang -O3 -march=native": (["clang-19", "-O3", "-march=native"], UNIT, []),
    "gcc -O2, one unit a file": (["gcc", "-O2"], SOURCES, []),
    "gcc -O2 -flto": (["gcc", "-O2", "-flto"], SOURCES, []),
    "clang -O2 -flto": (["clang-19", "-O2", "-flto", "-fuse-ld=lld"], SOURCES, []),
    "gcc -O2, 32 bits": (["gcc", "-O2", *M32], UNIT, []),
    "gcc -O0, 32 bits": (["gcc", "-O0", *M32], UNIT, []),
    "clang -O2, 32 bits": (["clang-19", "-O2", *M32], UNIT, []),
    "gcc -O2, AArch64": (["aarch64-linux-gnu-gcc", "-O2", "-static"], UNIT, ["qemu-aarch64-static"]),
}
ISAS = re.findall(r'"(\w+)"', re.search("#define WM_ISAS (.*)", (ROOT / "src/kernels/kernels.h").read_text())[1])
MODELS = ("bert-f32", "bert-odd", "roberta-f16", "albert-bf16", "mpnet-f32", "gpt2-f16", "gpt_neox-bf16", "llama-rope3",
          "qwen3-f32", "t5-f32", "longt5-local", "st-static")

SCALAR_WASM = """
import { readFileSync } from 'node:fs';
import init, { WasmPipeline } from './npm/index.js';
const [folder, ...names] = process.argv.slice(1);
await init(readFileSync('npm/dist/wasmicro-scalar.wasm'));
const files = Object.fromEntries(names.map((name) => [name, readFileSync(`${folder}/${name}`)]));
const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
process.stdout.write(new Uint8Array(pipeline.embed('The river runs past the old mill, naïve 42 times!').buffer));
"""


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True)


def models_in(folder: Path) -> list[tuple]:
    """(name, compute, its folder, its files) of the tiny models, and of two that are quantised here."""
    files = {c["name"]: c["files"] for f in ("index", "later") for c in json.loads((ROOT / f"tests/tiny/{f}.json").read_text())}
    models = [(name, "f32", f"tests/tiny/{name}", files[name]) for name in MODELS]
    for name, kind in (("bert-f32", "i8"), ("gpt2-f32", "q4"), ("llama-f16", "u8")):
        target = folder / f"{name}-{kind}"
        made = run(str(COMMAND), "convert", f"tests/tiny/{name}", str(target), "--quantize", kind)
        if made.returncode:
            sys.exit(f"verify-bits: convert: {made.stderr.decode()}")
        models += [(f"{name} {kind} {compute}", compute, str(target), sorted(os.listdir(target))) for compute in ("f32", "int8")
                   if (kind, compute) != ("u8", "int8")]
    return models


def results_of(program: list[str], models: list[tuple]) -> dict:
    """(isa, model) → bytes, for the instruction sets that the program has."""
    results = {}
    for isa in ISAS:
        for name, compute, folder, files in models:
            done = run(*program, isa, compute, folder, *files)
            if b"isa" in done.stderr:
                break
            if done.returncode:
                sys.exit(f"verify-bits: {name}: {done.stderr.decode()}")
            results[isa, name] = done.stdout
    return results


def main() -> int:
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        models, want = models_in(Path(folder)), {}
        for name, (compiler, sources, runner) in BUILDS.items():
            program = str(Path(folder) / "bits")
            missing = next((tool for tool in (compiler[0], *runner) if not shutil.which(tool)), None)
            built = None if missing else run(*compiler, *FLAGS, *sources, *LINK, "-o", program)
            if missing or built.returncode:
                reason = f"no {missing}" if missing else built.stderr.decode().strip().splitlines()[0]
                print(f"  {name:26} left out: {reason}", flush=True)
                continue
            got = results_of([*runner, program], models)
            different = [" ".join(key) for key in got if want.setdefault(key, got[key]) != got[key]]
            failed |= bool(different) or not got
            isas = ", ".join(dict.fromkeys(isa for isa, _ in got))
            print(f"  {name:26} {len(got) - len(different):3} of {len(got):3} the same ({isas}) {'; '.join(different)}", flush=True)
        different = []
        for name, compute, folder, files in models:
            done = run(NODE, "--input-type=module", "-e", SCALAR_WASM, folder, *files)
            if compute == "f32" and not (done.stdout and want["scalar", name].startswith(done.stdout)):
                different.append(f"{name} {done.stderr.decode()[:200]}")
        failed |= bool(different)
        print(f"  {'wasm without SIMD, vectors':26} {'; '.join(different) or 'the same'}")
    print("verify-bits: " + ("DIFFERENT" if failed else "the same bits"))
    return failed


if __name__ == "__main__":
    sys.exit(main())
