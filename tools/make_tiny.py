# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/tiny: random KB-sized checkpoints, saved by Hugging Face's own classes, with its outputs in float64.

    python tools/make_tiny.py [FOLDER…] [--into tests/tiny]

The same seed gives the same bytes of every input file; golden.json's last digits may differ with the BLAS at hand.
Needs verify/requirements.txt.
"""

import argparse
import shutil
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from tiny import golden, vocabularies, weights  # noqa: E402

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


@dataclass(frozen=True)
class Folder:
    model: str  # class of transformers
    config: dict
    tokenizer: str = "wordpiece"
    size: int = 200  # pieces, or merges
    special: tuple[str, ...] = ()
    options: dict = field(default_factory=dict)  # of the tokenizer
    forms: str = "both"
    dtype: str = "float32"
    embedding_std: float = 0.5
    rename: dict = field(default_factory=dict)
    positions: bool = False  # with an I64 position_ids tensor
    shard: str = "1GB"


def bert(width: int, layers: int, heads: int, ffn: int, positions: int, act: str, eps: float, types: int = 2, **more) -> dict:
    return {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": ffn,
            "max_position_embeddings": positions, "hidden_act": act, "layer_norm_eps": eps, "type_vocab_size": types} | more


def distil(width: int, layers: int, heads: int, ffn: int, positions: int, act: str, **more) -> dict:
    return {"dim": width, "n_layers": layers, "n_heads": heads, "hidden_dim": ffn, "max_position_embeddings": positions,
            "activation": act} | more


FOLDERS = {
    "bert-f32": Folder("BertModel", bert(24, 2, 4, 56, 131, "gelu", 1e-12)),
    "roberta-f32": Folder("RobertaModel", bert(20, 2, 2, 48, 70, "gelu", 1e-5, 1), "bpe", 140, forms="plain"),
    "distilbert-f32": Folder("DistilBertModel", distil(24, 2, 3, 56, 64, "gelu"), embedding_std=0.01),
    "electra-f32": Folder("ElectraModel", bert(24, 2, 3, 40, 67, "gelu", 1e-12, embedding_size=20)),
}


def make(name: str, spec: Folder, target: Path) -> None:
    import torch
    import transformers

    seed = zlib.crc32(name.encode())
    torch.manual_seed(seed)
    cls = getattr(transformers, spec.model)
    family = cls.config_class.model_type
    prefix = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert", "electra": "Electra"}[family]
    if spec.tokenizer == "wordpiece":
        tokenizer = vocabularies.wordpiece(prefix + "TokenizerFast", spec.size, list(spec.special or BERT), **spec.options)
    else:
        tokenizer = vocabularies.byte_level(prefix + "TokenizerFast", spec.size, list(spec.special or ROBERTA), **spec.options)
    special = {key: getattr(tokenizer, key) for key in ("pad_token_id", "bos_token_id", "eos_token_id")}
    model = cls(cls.config_class(**({"vocab_size": len(tokenizer)} | special | spec.config)))
    weights.draw(model, seed, spec.embedding_std)
    model.to(getattr(torch, spec.dtype)).save_pretrained(target, safe_serialization=True, max_shard_size=spec.shard)
    vocabularies.save(tokenizer, target, spec.forms)
    weights.settle(target, family)
    extra = {}
    if spec.positions:
        extra["bert.embeddings.position_ids"] = torch.arange(model.config.max_position_embeddings)[None]
    if extra or spec.rename:
        weights.edit(target, spec.rename, extra)
    for path in target.glob("*.safetensors"):
        path.chmod(0o644)
    golden.write(target, golden.plain(target, seed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help=f"of {', '.join(FOLDERS)}; all if none is named")
    parser.add_argument("--into", type=Path, default=Path(__file__).resolve().parents[1] / "tests" / "tiny")
    arguments = parser.parse_args()
    import transformers
    transformers.logging.set_verbosity_error()
    for name in arguments.folders or FOLDERS:
        target = arguments.into / name
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        make(name, FOLDERS[name], target)
        size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
        print(f"{name:24} {size / 1024:6.1f} KB")


if __name__ == "__main__":
    main()
