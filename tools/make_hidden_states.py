#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/hidden_states.jsonl: output_hidden_states of Hugging Face's models in float64.

    python tools/make_hidden_states.py >tests/vectors/hidden_states.jsonl

{folder, ids, states}: [layers + 1, ids, width] as base64 of float32. Needs verify/requirements.txt.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import numpy as np  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from tiny.golden import pack  # noqa: E402

FOLDERS = ("bert-f32", "electra-f32", "albert-bf16", "mpnet-f32", "gpt2-f32", "gpt_neo-f16")
FOLDERS += ("gpt_neox-f16", "llama-bf16", "t5-f32", "longt5-global")


def main() -> None:
    root = Path(__file__).resolve().parents[1] / "tests" / "tiny"
    for name in FOLDERS:
        torch.set_default_dtype(torch.float32)
        model = transformers.AutoModel.from_pretrained(root / name).double().eval()
        torch.set_default_dtype(torch.float64)
        if model.config.is_encoder_decoder:
            model = model.encoder
        ids = np.random.default_rng(7).integers(3, model.config.vocab_size, size=9).tolist()
        with torch.no_grad():
            states = model(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
                output_hidden_states=True,
            ).hidden_states
        values = pack(torch.stack(states)[:, 0].numpy())
        print(json.dumps({"folder": name, "ids": ids, "states": values}))


if __name__ == "__main__":
    main()
