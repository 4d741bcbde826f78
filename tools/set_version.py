#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes the version in VERSION into the header and package.json: python3 tools/set_version.py [X.Y.Z]"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACES = [
    ("include/wasmicro.h", r'(#define WM_VERSION ")[^"]+'),
    ("npm/package.json", r'("version": ")[^"]+'),
    ("npm/engine.js", r"(const VERSION = ')[^']+"),
]

if len(sys.argv) > 1:
    if not re.fullmatch(r"\d+\.\d+\.\d+(-[0-9a-z.]+)?", sys.argv[1]):
        sys.exit(f"set_version.py: {sys.argv[1]} is no version like 1.2.3")
    (ROOT / "VERSION").write_text(sys.argv[1] + "\n")
version = (ROOT / "VERSION").read_text().strip()
for name, pattern in PLACES:
    text, count = re.subn(pattern, r"\g<1>" + version, (ROOT / name).read_text(), count=1)
    if not count:
        sys.exit(f"set_version.py: no version found in {name}")
    (ROOT / name).write_text(text)
print(version)
