# SPDX-License-Identifier: MIT OR Apache-2.0
"""all-MiniLM-L6-v2 against sentence-transformers: 200 texts, every instruction set, the npm package; ids; top-1."""

import logging
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import common

LIMIT = 2e-6  # to float64, and no worse than twice PyTorch's own f32


def oracle(folder: Path, texts: list[str], double: bool) -> np.ndarray:
    """Each text alone: what padding and batches round is no part of it."""
    from sentence_transformers import SentenceTransformer

    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    model = SentenceTransformer(str(folder), device="cpu")
    model = model.double() if double else model
    return model.encode(texts, batch_size=1, show_progress_bar=False)


def by_npm(folder: Path, texts: Path) -> tuple[np.ndarray, list[str]]:
    """The vectors one by one, of one batch, and the ids, from verify/embed.mjs."""
    with tempfile.TemporaryDirectory() as scratch:
        script = common.ROOT / "verify/embed.mjs"
        subprocess.run([common.NODE, str(script), str(folder), str(texts), scratch], check=True)
        one = np.fromfile(Path(scratch) / "one.f32", "<f4")
        batch = np.fromfile(Path(scratch) / "batch.f32", "<f4")
        ids = (Path(scratch) / "ids.txt").read_text().splitlines()
    if one.tobytes() != batch.tobytes():
        sys.exit("npm: embedBatch differs from embed")
    return one.reshape(len(ids), -1), ids


def main() -> int:
    folder, path = common.minilm(), common.ROOT / "verify/texts.txt"
    texts = common.lines_of(path)
    exact = oracle(folder, texts, double=True)
    torch32 = oracle(folder, texts, double=False)
    own = float(np.abs(torch32 - exact).max())
    table = common.Table(
        f"all-MiniLM-L6-v2, {len(texts)} texts: largest |Δ| of an embedding to float64"
    )
    table.row("PyTorch f32", own)
    limit = min(LIMIT, 2 * own)
    for isa in common.isas():
        table.row(
            f"native, {isa}",
            float(np.abs(common.cli_embed(folder, texts, "--isa", isa) - exact).max()),
            limit,
        )
    native = common.cli_embed(folder, texts)
    table.row("native, as it chooses", float(np.abs(native - exact).max()), limit)
    npm, npm_ids = by_npm(folder, path)
    table.row("npm package under Node", float(np.abs(npm - exact).max()), limit)
    table.row(
        "largest |length − 1|",
        float(np.abs(np.linalg.norm(native.astype(float), axis=1) - 1).max()),
        1e-6,
    )

    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    want = ["[" + ",".join(map(str, tokenizer(text)["input_ids"])) + "]" for text in texts]
    got = common.cli(
        "tokenize", str(folder), "--stdin", stdin="".join(text + "\n" for text in texts)
    ).splitlines()
    table.equal("native: texts with the tokenizers library's ids", got, want, len(texts))
    table.equal("npm: texts with the tokenizers library's ids", npm_ids, want, len(texts))

    corpus = common.ROOT / "demo/corpus.txt"
    queries = common.lines_of(common.ROOT / "verify/queries.txt")
    scores = (
        oracle(folder, queries, double=True)
        @ oracle(folder, common.lines_of(corpus), double=True).T
    )
    best = [int(line) + 1 for line in scores.argmax(1)]
    found = [
        int(common.cli("search", str(folder), str(corpus), query, "-k", "1").split("\t")[1])
        for query in queries
    ]
    table.equal("search: queries with sentence-transformers' best line", found, best, len(queries))
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
