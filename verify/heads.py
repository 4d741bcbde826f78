# SPDX-License-Identifier: MIT OR Apache-2.0
"""Heads against transformers' pipelines in float64, through the command line.

Two real ones: distilbert-gector tags 200 sentences, antibody-roberta fills the masks of antibodies. And random ones:
the families of tools/tiny/heads.py with other sizes.
"""

import dataclasses
import json
import random
import sys
import tempfile
from pathlib import Path

import common
import real

# Not this folder, whose tiny.py is another one.
sys.path.remove(str(common.ROOT / "verify"))
sys.path[:0] = [str(common.ROOT / "tools"), str(common.ROOT / "tests/cli")]
import make_tiny  # noqa: E402
from test_heads import COMMANDS, arguments_of, items_of  # noqa: E402
from tiny.heads import HEADS  # noqa: E402

MISTAKES = {"their": "there", "than": "then", "is": "are", "were": "was", "has": "have", "to": "too", "an": "a", "its": "it's"}
VH = "EVQLVESGGGLVQPGGSLRLSCAASGFTFSSYAMSWVRQAPGKGLEWVSAISGSGGSTYYADSVKGRFTISRDNSKNTLYLQMNSLRAEDTAVYYCAK"
ROUNDS = 3  # of random sizes


def sentences() -> list[str]:
    """200 lines of the demonstration's corpus, every second one with mistakes."""
    lines = [line for line in common.lines_of(common.ROOT / "demo/corpus.txt") if line.strip()][:200]
    wrong = [" ".join(MISTAKES.get(word, word) for word in line.split()) for line in lines]
    return [b if i % 2 else a for i, (a, b) in enumerate(zip(lines, wrong))]


def pipeline(kind: str, folder: Path):
    import transformers

    return transformers.pipeline(
        kind,
        model=getattr(transformers, json.loads((folder / "config.json").read_text())["architectures"][0])
        .from_pretrained(folder)
        .double()
        .eval(),
        tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
    )


def check_tags(table) -> None:
    folder, lines = real.made("distilbert-gector", real.GECTOR, real.gector), sentences()
    tagger = pipeline("token-classification", folder)
    got = common.cli("tag", str(folder), "--all", stdin="".join(line + "\n" for line in lines))
    got = [json.loads(line) for line in got.splitlines()]
    want = [tagger(line, ignore_labels=[]) for line in lines]
    table.equal(
        "distilbert-gector: sentences with transformers' tags",
        [[(t["label"], t["start"], t["end"]) for t in line] for line in got],
        [[(t["entity"], t["start"], t["end"]) for t in line] for line in want],
        len(lines),
    )
    off = [abs(a["score"] - b["score"]) for x, y in zip(got, want) for a, b in zip(x, y)]
    table.row(f"distilbert-gector: scores of {len(off)} tags", max(off), 5e-5)
    changed = sum(t["label"] != "$KEEP" for line in got for t in line)
    table.row("distilbert-gector: tags that are not $KEEP, at least 20", -changed, -20)


def check_masks(table) -> None:
    folder = real.made("antibody-roberta", real.ANTIBODY, real.antibody)
    filler = pipeline("fill-mask", folder)
    texts = [VH[:i] + "<mask>" + VH[i + 1 :] for i in range(0, len(VH), 4)]
    texts += [VH[:i] + "<mask>" + VH[i + 1 : i + 9] + "<mask>" + VH[i + 10 :] for i in range(0, 80, 16)]
    got = common.cli("fill-mask", str(folder), stdin="".join(text + "\n" for text in texts))
    got = [json.loads(line) for line in got.splitlines()]
    want = [filler(text) for text in texts]
    flat = lambda rows: [one for row in rows for one in (row if isinstance(row, list) else [row])]  # noqa: E731
    table.equal(
        "antibody-roberta: texts with transformers' five tokens",
        [[(t["id"], t["token"]) for t in flat(row)] for row in got],
        [[(t["token"], t["token_str"]) for t in flat(row)] for row in want],
        len(texts),
    )
    off = [abs(a["score"] - b["score"]) for x, y in zip(got, want) for a, b in zip(flat(x), flat(y))]
    table.row(f"antibody-roberta: scores of {len(off)} tokens", max(off), 5e-5)


def other_sizes(name: str, spec, turn: int):
    draw = random.Random(f"{name} {turn}")
    heads = draw.choice([1, 2, 3, 4])
    width, ffn, layers = heads * draw.randint(5, 17), draw.randint(20, 90), draw.randint(1, 3)
    old = {"distilbert": ("dim", "hidden_dim", "n_layers", "n_heads")}
    names = old.get(name.removeprefix("head-"), ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads"))
    config = spec.config | dict(zip(names, (width, ffn, layers, heads)))
    if "embedding_size" in config:
        config["embedding_size"] = draw.randint(4, width)
    if "tie_word_embeddings" not in config and draw.random() < 0.3:
        config["tie_word_embeddings"] = False
    return dataclasses.replace(spec, config=config, dtype=draw.choice(["float32", "float16", "bfloat16"]))


def check_random(table, name: str) -> None:
    misses, checked, worst = [], 0, 0.0
    for turn in range(ROUNDS):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / f"{name}-{turn}"
            folder.mkdir()
            make_tiny.make_heads(folder.name, other_sizes(name, HEADS[name], turn), folder)
            config = json.loads((folder / "config.json").read_text())
            for case in json.loads((folder / "golden.json").read_text())["predictions"]:
                arguments = arguments_of(case)
                if arguments is None:
                    continue
                settings = config | case["config"] | {"architectures": [case["architecture"]]}
                text = json.dumps({key: value for key, value in settings.items() if value is not None})
                (folder / "config.json").write_text(text)
                got = json.loads(common.cli(COMMANDS[case["task"]], str(folder), *arguments))
                got = got if isinstance(got, list) else [got]
                got = [one for row in got for one in (row if isinstance(row, list) else [row])]
                want = list(items_of(case))
                worst = max([worst] + [abs(a.pop("score") - b.pop("score")) for a, b in zip(got, want)])
                checked += 1
                misses += [got] if got != want else []
    table.equal(f"{name}: {checked} random predictions that differ", misses, [], 0)
    table.row(f"{name}: scores", worst, 5e-5)


def main() -> int:
    table = common.Table("heads: labels, tokens and spans as transformers' pipelines; scores' largest |Δ| to float64")
    check_tags(table)
    check_masks(table)
    for name in HEADS:
        check_random(table, name)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
