#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checks the tree against the project's own rules and prints TAP: python3 tools/check.py [build/libwasmicro.a]

Layers (which folder may include which), the include list, sizes of functions and files, licence lines, versions,
paths and hosts of a machine, and of the built library: no mutable globals, nothing needed beyond base.h.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Who may include whom, directly or through another.
BELOW = {
    "include": [],
    "base": ["include"],
    "unicode": ["base"],
    "load": ["base"],
    "token": ["unicode"],
    "quant": ["base"],
    "kernels": ["quant"],
    "ops": ["kernels"],
    "models": ["ops", "load"],
    "gen": ["models"],
    "pipeline": ["gen", "token"],
    "wasm": ["pipeline"],
    "cli": ["load", "quant"],
}
ORDER = ["base", "unicode", "load", "token", "quant", "kernels", "ops", "models", "gen", "pipeline"]

# The headers of C itself that need no library, those of base.h, and those of the kernels.
FREESTANDING = {"stddef.h", "stdint.h", "stdbool.h", "stdarg.h", "limits.h", "float.h"}
SYSTEM = {"src/base/base.h": {"stdlib.h", "string.h"}, "src/base/threads.c": {"pthread.h", "sched.h", "stdatomic.h", "time.h"},
          "src/kernels/select.c": {"sys/auxv.h"}}
INTRINSICS = {"immintrin.h", "arm_neon.h", "wasm_simd128.h", "cpuid.h"}
LIBC = {"malloc", "free", "memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "_GLOBAL_OFFSET_TABLE_",
        "sched_yield", "timespec_get", "pthread_create", "pthread_join", "pthread_mutex_init", "pthread_mutex_destroy",
        "pthread_mutex_lock", "pthread_mutex_unlock", "pthread_cond_init", "pthread_cond_destroy",
        "pthread_cond_wait", "pthread_cond_broadcast", "sched_getcpu", "sched_getaffinity", "pthread_setaffinity_np",
        "__sched_cpucount", "getauxval", "__stack_chk_fail", "__cpu_model", "__cpu_indicator_init", "__cpu_features2"}

FUNCTION_LINES = 100
FILE_LINES = 800


def tracked(*endings):
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [n for n in listed.split("\0") if n and n.endswith(endings) and (ROOT / n).is_file()]


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def layer_of(name):
    parts = name.split("/")
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    return parts[0] if parts[0] in BELOW else None


def reachable(layer):
    seen, todo = {layer}, [layer]
    while todo:
        for below in BELOW[todo.pop()]:
            if below not in seen:
                seen.add(below)
                todo.append(below)
    return seen


def check_layers():
    for name in tracked(".c", ".h"):
        layer = layer_of(name)
        if layer is None:
            continue
        if layer not in BELOW:
            yield f"{name}: src/{layer} is no layer"
            continue
        for number, line in enumerate(read(name).splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
            if not found:
                continue
            quote, what = found.groups()
            if quote == '"':
                path = (ROOT / name).parent.joinpath(what).resolve()
                target = path.relative_to(ROOT).as_posix() if ROOT in path.parents else what
                if layer_of(target) not in reachable(layer):
                    yield f"{name}:{number}: {layer} may not include {target}"
            elif layer != "cli" and what not in FREESTANDING | SYSTEM.get(name, set()):
                if not (layer == "kernels" and what in INTRINSICS):
                    yield f"{name}:{number}: <{what}> has no place in {layer}"


def check_include_list():
    listed = re.findall(r'^#include "([^"]+)"', read("src/wasmicro.c"), re.M)
    sources = [n[4:] for n in tracked(".c") if n.startswith("src/") and n != "src/wasmicro.c"]
    for name in sorted(set(sources) - set(listed)):
        yield f"src/wasmicro.c does not include {name}"
    for name in sorted(set(listed) - set(sources)):
        yield f"src/wasmicro.c includes {name}, which is not there"
    places = [ORDER.index(n.split("/")[0]) for n in listed if n.split("/")[0] in ORDER]
    if places != sorted(places):
        yield "src/wasmicro.c is not in layer order: " + ", ".join(ORDER)


def is_generated(text):
    return "enerated by" in "\n".join(text.splitlines()[:4])


def check_sizes():
    for name in tracked(".c", ".h", ".js", ".mjs", ".ts", ".py"):
        text = read(name)
        if is_generated(text):
            continue
        lines = text.splitlines()
        if len(lines) > FILE_LINES:
            yield f"{name}: {len(lines)} lines, the limit is {FILE_LINES}"
        if not name.endswith((".c", ".h")):
            continue
        start = None
        for number, line in enumerate(lines, 1):
            if line.endswith("{") and not line[:1].isspace() and "(" in line:
                start = number
            elif line.startswith("}") and start:
                if number - start + 1 > FUNCTION_LINES:
                    yield f"{name}:{start}: a function of {number - start + 1} lines, the limit is {FUNCTION_LINES}"
                start = None


def check_licence():
    for name in tracked(".c", ".h", ".js", ".mjs", ".py", ".sh", "Makefile", ".mk"):
        if "SPDX-License-Identifier: MIT OR Apache-2.0" not in "\n".join(read(name).splitlines()[:3]):
            yield f"{name}: its first line must be the SPDX line"


def check_versions():
    version = read("VERSION").strip()
    header = re.search(r'#define WM_VERSION "([^"]+)"', read("include/wasmicro.h"))
    if header.group(1) != version:
        yield f"include/wasmicro.h says {header.group(1)}, VERSION {version}: run tools/set_version.py"
    package = ROOT / "npm/package.json"
    if package.is_file() and json.loads(package.read_text())["version"] != version:
        yield f"npm/package.json does not say {version}: run tools/set_version.py"


def camel(name):
    head, *tail = name.lower().split("_")
    return head + "".join(part.capitalize() for part in tail)


def check_border():
    """Numbers cross the wasm border by their order alone: the same on both sides."""
    border, engine, index = read("wasm/exports.c"), read("npm/engine.js"), read("npm/index.js")

    def enumerators(name):
        return re.findall(r"\w+", re.search(rf"enum {name} {{(.*?)}}", border, re.S).group(1))

    def words(text, name):
        return re.findall(r"\w+", re.search(rf"const {name} =(.*?)[)\]](?:\.split.*?)?;", text, re.S).group(1))

    numbers = int(re.search(r"NOTHING_GIVEN = new Float64Array\((\d+)\)", engine).group(1))
    if [camel(name) for name in enumerators("option")] != words(engine, "OPTIONS")[:numbers]:
        yield "the options of wasm/exports.c and npm/engine.js differ"
    if [name.lower() for name in enumerators("word")] != words(engine, "WORDS"):
        yield "the words of wasm/exports.c and npm/engine.js differ"
    facts = re.search(r"struct wm_pipeline_info {(.*?)}", read("include/wasmicro.h"), re.S).group(1)
    facts = re.findall(r"(\w+)[,;]", re.sub(r"//.*", "", facts))
    if [camel(name) for name in facts] != words(index, "FACTS"):
        yield "the facts of include/wasmicro.h and npm/index.js differ"


def check_machine():
    """Nothing committed may depend on, or speak of, the machine it was written on."""
    place = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/|file:///")
    registry = re.compile(r"^\s*(?:registry|index-url|extra-index-url)\s*=|--index-url|--registry\b", re.M)
    for name in tracked(""):
        if name == "tools/check.py":
            continue
        try:
            text = read(name)
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if place.search(line) and not line.startswith("#!"):
                yield f"{name}:{number}: names a path of one machine"
            if registry.search(line):
                yield f"{name}:{number}: names a registry"
        if name.endswith("package-lock.json") and '"resolved"' in text:
            yield f"{name}: holds addresses of a registry; npm's omit-lockfile-registry-resolved leaves them out"


def check_library(path):
    """No mutable state, and nothing asked of the system but what base.h declares."""
    symbols = subprocess.run(["nm", "-P", path], capture_output=True, text=True, check=True).stdout
    defined, wanted = set(), set()
    for line in symbols.splitlines():
        parts = line.split()
        if len(parts) < 2:
            continue
        (wanted if parts[1] in "Uw" else defined).add(parts[0])
    for name in sorted(wanted - defined - LIBC):
        yield f"{path} needs {name}, which base.h does not declare"
    sections = subprocess.run(["objdump", "-h", path], capture_output=True, text=True, check=True).stdout
    file = ""
    for line in sections.splitlines():
        if ":     file format" in line:
            file = line.split(":")[0]
        parts = line.split()
        if len(parts) > 2 and parts[1] in (".data", ".bss") and int(parts[2], 16):
            yield f"{file}: {parts[1]} holds {int(parts[2], 16)} bytes: a mutable global"


def main(arguments):
    checks = [
        ("layers: includes go down only", check_layers()),
        ("src/wasmicro.c lists every source in layer order", check_include_list()),
        (f"functions have at most {FUNCTION_LINES} lines, files {FILE_LINES}", check_sizes()),
        ("every source says its licence", check_licence()),
        ("versions agree with VERSION", check_versions()),
        ("the wasm border has one order", check_border()),
        ("no path or registry of one machine", check_machine()),
    ]
    checks += [(f"the library keeps no state and needs no libc: {Path(path).name}", check_library(path))
               for path in arguments]
    failed = 0
    for number, (what, findings) in enumerate(checks, 1):
        found = list(findings)
        failed += bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {what}")
        for line in found:
            print("# " + line)
    print(f"1..{len(checks)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
