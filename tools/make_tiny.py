#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/tiny: random KB-sized checkpoints of Hugging Face's own classes, with its outputs in float64.

    python tools/make_tiny.py [FOLDER…] [--into tests/tiny]

The same seed gives the same bytes of every input file; golden.json's last digits may differ with the BLAS at hand.
Needs verify/requirements.txt; Qwen3 and the newer rope scalings, which are made only when named, were made with
transformers 4.51.3 and tokenizers 0.21.1 on torch 2.
"""

import argparse
import json
import shutil
import sys
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tiny import generation, golden, heads, static, vocabularies, weights  # noqa: E402
from tiny.folders import FOLDERS, Folder  # noqa: E402
from tiny.heads import HEADS  # noqa: E402

TOKENIZERS = {  # by family
    "bert": "Bert",
    "roberta": "Roberta",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "mpnet": "MPNet",
    "albert": "Albert",
    "xlm-roberta": "XLMRoberta",
    "gpt2": "GPT2",
    "gpt_neo": "GPT2",
    "gpt_neox": "GPTNeoX",
    "llama": "Llama",
    "qwen2": "Qwen2",
    "qwen3": "Qwen2",
    "t5": "T5",
    "mt5": "T5",
    "longt5": "T5",
}


def open_tokenizer(spec: Folder, family: str):
    if spec.forms == "bytes":
        from transformers import ByT5Tokenizer

        return ByT5Tokenizer()
    kind = TOKENIZERS[family] + "TokenizerFast"
    if not spec.special:
        extra = {"extra_ids": 10} if kind.startswith("T5") else {}
        return vocabularies.sentencepiece(kind, spec.size, **extra, **spec.options)
    wordpiece = any(piece.startswith("[UNK") for piece in spec.special)
    return (vocabularies.wordpiece if wordpiece else vocabularies.byte_level)(
        kind, spec.size, spec.special, **spec.options
    )


def write_modules(spec: Folder, seed: int, target: Path) -> None:
    """modules.json and a folder a module, Dense as safetensors."""
    import torch
    from safetensors.torch import save_file

    listed = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}
    ]
    for i, module in enumerate(spec.modules, 1):
        config = dict(module)
        kind = config.pop("kind")
        path = f"{i}_{kind}"
        listed.append(
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        )
        if config:
            (target / path).mkdir()
            (target / path / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        if kind == "Dense":
            layer = torch.nn.Linear(config["in_features"], config["out_features"], config["bias"])
            weights.draw(layer, seed + i, 0)
            save_file(
                {
                    f"linear.{name}": tensor.detach().to(getattr(torch, spec.dtype))
                    for name, tensor in layer.named_parameters()
                },
                target / path / "model.safetensors",
                metadata={"format": "pt"},
            )
    for name, value in ({"modules.json": listed} | spec.files).items():
        (target / name).write_text(json.dumps(value, indent=1) + "\n")


def make(name: str, spec: Folder, target: Path) -> None:
    import torch
    import transformers

    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    torch.set_default_dtype(torch.float32)
    if spec.model == "StaticModel":
        golden.write(target, static.make(spec, open_tokenizer(spec, "bert"), seed, target))
        return
    cls = getattr(transformers, spec.model)
    family = cls.config_class.model_type
    tokenizer = open_tokenizer(spec, family)
    special = {
        key: getattr(tokenizer, key) for key in ("pad_token_id", "bos_token_id", "eos_token_id")
    }
    model = cls(cls.config_class(**({"vocab_size": len(tokenizer)} | special | spec.config)))
    weights.draw(model, seed, spec.embedding_std)
    model.to(getattr(torch, spec.dtype)).save_pretrained(
        target, safe_serialization=True, max_shard_size=spec.shard
    )
    vocabularies.save(tokenizer, target, spec.forms)
    weights.settle(target, family)
    extra = {}
    if spec.position_ids:
        extra[spec.position_ids] = torch.arange(model.config.max_position_embeddings)[None]
    weights.edit(target, spec.rename, extra)
    if spec.modules:
        write_modules(spec, seed, target)
    if spec.modules:
        golden.write(target, golden.sentence(target, spec.tries))
    elif model.config.is_encoder_decoder:
        golden.write(target, generation.seq2seq(target, spec.model, seed))
    elif cls in transformers.MODEL_FOR_CAUSAL_LM_MAPPING.values() or spec.model == "GPT2Model":
        golden.write(
            target,
            generation.decoder(target, spec.model.replace("GPT2Model", "GPT2LMHeadModel"), seed),
        )
    else:
        golden.write(target, golden.plain(target, seed))
    for path in target.rglob("*.safetensors"):
        path.chmod(0o644)


def make_heads(name: str, spec: Folder, target: Path) -> None:
    """One file with all heads; config.json is the first class's."""
    import torch
    import transformers
    from safetensors.torch import save_file

    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    family = getattr(transformers, heads.classes(spec)[0]).config_class.model_type
    tokenizer = open_tokenizer(spec, family)
    common = {"vocab_size": len(tokenizer)} | {
        key: getattr(tokenizer, key) for key in ("pad_token_id", "bos_token_id", "eos_token_id")
    }
    config = heads.config_for(heads.classes(spec)[0], spec, common)
    config.architectures = heads.classes(spec)[:1]
    config.save_pretrained(target)
    tensors = heads.tensors(spec, common, seed)
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    vocabularies.save(tokenizer, target, spec.forms)
    weights.settle(target, family)
    golden.write(target, heads.golden(target, spec))
    (target / "model.safetensors").chmod(0o644)


def write_index(root: Path) -> None:
    """index.json, later.json, heads.json: the folders and their files, for tests that cannot list a directory."""

    def entry(folder: Path) -> str:
        files = [
            path for path in folder.rglob("*") if path.is_file() and path.name != "golden.json"
        ]
        return json.dumps(
            {"name": folder.name, "files": sorted(str(path.relative_to(folder)) for path in files)}
        )

    there = [folder for folder in sorted(root.iterdir()) if folder.is_dir()]
    runs = {name: "index.json" if spec.runs else "later.json" for name, spec in FOLDERS.items()}
    runs |= dict.fromkeys(HEADS, "heads.json")
    for name in ("index.json", "later.json", "heads.json"):
        lines = [entry(folder) for folder in there if runs[folder.name] == name]
        (root / name).write_text("[\n" + ",\n".join(lines) + "\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders",
        nargs="*",
        metavar="FOLDER",
        help=f"of {', '.join(FOLDERS | HEADS)}; all if none is named",
    )
    parser.add_argument(
        "--into", type=Path, default=Path(__file__).resolve().parents[1] / "tests" / "tiny"
    )
    arguments = parser.parse_args()
    import logging

    import transformers

    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    total = 0
    usual = [name for name in FOLDERS if not FOLDERS[name].newer]
    for name in arguments.folders or [*usual, *HEADS]:
        target = arguments.into / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        make_heads(name, HEADS[name], target) if name in HEADS else make(name, FOLDERS[name], target)
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        total += size
        print(f"{name:24} {size / 1024:6.1f} KB")
    print(f"{'':24} {total / 1024:6.1f} KB")
    write_index(arguments.into)


if __name__ == "__main__":
    main()
