# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the parity scripts share: the programs under test, the oracle in float64, a table with a verdict."""

import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from bits import ISAS  # noqa: E402

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)


def linear(x, weight, bias=None):
    """torch.nn.functional.linear by numpy's BLAS: Debian's torch has one that is forty times as slow."""
    y = torch.from_numpy(np.matmul(x.detach().numpy(), weight.detach().numpy().T))
    return y if bias is None else y + bias


if not torch.backends.mkl.is_available():
    torch.nn.functional.linear = linear

ROOT = Path(__file__).resolve().parents[1]
CLI = os.environ.get("WASMICRO", str(ROOT / "build" / "wasmicro"))
NODE = os.environ.get("NODE", "node")


class Table:
    """Rows of what, number and limit; a number above its limit, or a NaN, is a miss."""

    def __init__(self, title: str):
        self.misses = 0
        print(title, flush=True)

    def row(self, what: str, value: float, limit: float | None = None, unit: str = "") -> None:
        miss = limit is not None and not value <= limit
        self.misses += miss
        bound = "" if limit is None else f"≤ {limit:.3g}"
        print(
            f"  {what:58} {value:>9.3g}{unit:4} {bound:12} {'MISS' if miss else ''}".rstrip(),
            flush=True,
        )

    def equal(self, what: str, got, want, count: int) -> None:
        """Counts the places where two lists differ; `count` is how many there must be."""
        different = (
            sum(a != b for a, b in zip(got, want))
            + abs(len(got) - len(want))
            + (len(want) != count)
        )
        self.misses += different > 0
        print(
            f"  {what:58} {count - different:>5} of {count:<4} {'MISS' if different else ''}".rstrip(),
            flush=True,
        )
        for i, (a, b) in enumerate(zip(got, want)):
            if a != b:
                print(f"    first difference, at {i}: got {str(a)[:100]}, expected {str(b)[:100]}")
                break

    def done(self) -> int:
        return 1 if self.misses else 0


def cli(*arguments: str, stdin: str = "") -> str:
    result = subprocess.run([CLI, *arguments], input=stdin.encode(), capture_output=True)
    if result.returncode:
        sys.exit(f"{CLI} {' '.join(arguments)[:200]} failed: {result.stderr.decode()[-500:]}")
    return result.stdout.decode()


def lines_of(path: Path) -> list[str]:
    """The lines as the command line reads them: LF alone ends one."""
    return path.read_bytes().decode().removesuffix("\n").split("\n")


def cli_embed(model: Path, texts: list[str], *options: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        npy = str(Path(folder) / "out.npy")
        cli(
            "embed",
            str(model),
            "--npy",
            npy,
            *options,
            stdin="".join(text + "\n" for text in texts),
        )
        return np.load(npy)


def cli_hidden(model: Path, ids: list[int], *options: str) -> np.ndarray:
    answer = json.loads(cli("hidden", str(model), "--ids", ",".join(map(str, ids)), *options))
    return np.array(answer["data"], dtype=np.float64).reshape(answer["shape"])


def isas() -> list[str]:
    """The instruction sets that this build can run here."""
    model = ROOT / "tests/tiny/bert-f32"
    return [
        isa
        for isa in ISAS
        if subprocess.run(
            [CLI, "hidden", str(model), "--ids", "1", "--isa", isa], capture_output=True
        ).returncode
        == 0
    ]


def minilm() -> Path:
    folder = ROOT / "models" / "all-MiniLM-L6-v2"
    subprocess.run(
        [sys.executable, str(ROOT / "tools/fetch.py"), "all-MiniLM-L6-v2", str(folder)], check=True
    )
    return folder


def base_model(folder: Path, **options):
    """AutoModel, its weights widened exactly to float64."""
    return transformers.AutoModel.from_pretrained(folder, **options).double().eval()


def hidden(model, ids: list[int]) -> np.ndarray:
    with torch.no_grad():
        batch = torch.tensor([ids])
        return (
            model(input_ids=batch, attention_mask=torch.ones_like(batch))
            .last_hidden_state[0]
            .numpy()
        )


def distance(got: np.ndarray, want: np.ndarray) -> float:
    """The largest |got - want| over a row's max(1, |want|)."""
    if got.shape != want.shape:
        return float("nan")
    return float((np.abs(got - want).max(1) / np.maximum(1, np.abs(want).max(1))).max())
