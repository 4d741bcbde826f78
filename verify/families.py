#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Every family in sizes and options drawn at random, against transformers in float64: hidden states, logits, and 256
greedy tokens of each decoder.

    python3 verify/families.py [FAMILY …] [--rounds 2]

Run twice: with transformers 4.40 (make verify), and with transformers 5 (make verify-newer), which knows Qwen3 and
Llama's rope scalings too and writes config.json in another form. A greedy choice may be another one where the two best
logits are less than 1e-3 apart: excused, and counted. What follows it is then not compared.
"""

import argparse
import json
import random
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers

import common

sys.path.remove(str(common.ROOT / "verify"))  # which has another tiny
sys.path.insert(0, str(common.ROOT / "tools"))
from tiny import weights  # noqa: E402

NEW_TOKENS, CONTEXT, NEAR = 256, 320, 1e-3
NEWER = int(transformers.__version__.split(".")[0]) >= 5


def sizes(draw, even_heads=False) -> tuple[int, int, int]:
    """Heads, numbers in each, numbers in the feed-forward."""
    return draw.choice([1, 2, 3, 5]), 2 * draw.randint(2, 5) if even_heads else draw.randint(3, 9), draw.randint(9, 50)


def encoder(draw, **more) -> dict:
    heads, width, ffn = sizes(draw)
    return {
        "hidden_size": heads * width,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "num_hidden_layers": draw.randint(1, 3),
        "max_position_embeddings": draw.randint(60, 90),
        "type_vocab_size": draw.randint(1, 3),
        "hidden_act": draw.choice(["gelu", "gelu_new", "relu", "silu"]),
        "layer_norm_eps": draw.choice([1e-12, 1e-5, 1e-3]),
        "pad_token_id": draw.choice([0, 1, 5]),
    } | more


def distilbert(draw) -> dict:
    heads, width, ffn = sizes(draw)
    return {
        "dim": heads * width,
        "n_heads": heads,
        "hidden_dim": ffn,
        "n_layers": draw.randint(1, 3),
        "max_position_embeddings": draw.randint(60, 90),
        "activation": draw.choice(["gelu", "relu"]),
        "sinusoidal_pos_embds": draw.random() < 0.5,
    }


def gpt2(draw) -> dict:
    heads, width, ffn = sizes(draw)
    return {
        "n_embd": heads * width,
        "n_head": heads,
        "n_inner": draw.choice([None, ffn]),
        "n_layer": draw.randint(1, 3),
        "n_positions": CONTEXT,
        "activation_function": draw.choice(["gelu_new", "gelu", "relu"]),
        "scale_attn_by_inverse_layer_idx": draw.random() < 0.5,
        "scale_attn_weights": draw.random() < 0.8,
    }


def gpt_neo(draw) -> dict:
    heads, width, ffn = sizes(draw)
    pattern = draw.choice([["global", "local"], ["local", "global", "local"], ["local"]])
    times = draw.randint(1, 2)
    return {
        "hidden_size": heads * width,
        "num_heads": heads,
        "intermediate_size": draw.choice([None, ffn]),
        "num_layers": len(pattern) * times,
        "attention_types": [[pattern, times]],
        "window_size": draw.randint(2, 40),
        "max_position_embeddings": CONTEXT,
    }


def rotary(draw, **more) -> dict:
    heads, width, ffn = sizes(draw, even_heads=True)
    return {
        "hidden_size": heads * width,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "num_hidden_layers": draw.randint(1, 3),
        "max_position_embeddings": CONTEXT,
    } | more


def gpt_neox(draw) -> dict:
    return rotary(
        draw,
        rotary_pct=draw.choice([0.25, 0.5, 1.0]),
        rotary_emb_base=draw.choice([300, 10000]),
        use_parallel_residual=draw.random() < 0.5,
        attention_bias=draw.random() < 0.5,
        hidden_act=draw.choice(["gelu", "gelu_new"]),
    )


def scaled(draw) -> dict | None:
    """Llama 3's rope scaling and the linear one: transformers 4.40 has no first and rounds the second otherwise."""
    kind = draw.choice(["llama3", "linear", None]) if NEWER else None
    scaling = {"rope_type": kind, "factor": draw.choice([2.0, 5.5, 8.0])}
    if kind == "llama3":
        scaling |= {"low_freq_factor": 1.0, "high_freq_factor": draw.choice([2.5, 4.0])}
        scaling |= {"original_max_position_embeddings": draw.choice([16, 40, 100])}
    return scaling if kind else None


def llama(draw, **more) -> dict:
    config = rotary(draw, rms_norm_eps=draw.choice([1e-6, 1e-3]), **more)
    heads = config["num_attention_heads"]
    config["num_key_value_heads"] = draw.choice([n for n in range(1, heads + 1) if heads % n == 0])
    theta, scaling = draw.choice([300.0, 10000.0]), scaled(draw)
    if NEWER:
        config["rope_parameters"] = {"rope_theta": theta} | (scaling or {"rope_type": "default"})
        return config
    return config | {"rope_theta": theta}


def qwen3(draw) -> dict:
    """A head's width of its own, so that heads times it is not the model's."""
    return llama(draw, head_dim=2 * draw.randint(2, 6), hidden_size=draw.randint(11, 30))


def t5(draw, **more) -> dict:
    heads, width, ffn = sizes(draw)
    kinds = ["relu", "gated-gelu", "gated-silu", "gated-relu"]
    layers = draw.randint(1, 3)
    return {
        "d_model": draw.randint(9, 30),
        "d_kv": width,
        "num_heads": heads,
        "d_ff": ffn,
        "num_layers": layers,
        # transformers 5 gives the decoder's cache as many layers as the encoder has.
        "num_decoder_layers": layers if NEWER else draw.randint(1, 3),
        "feed_forward_proj": draw.choice(kinds),
        "relative_attention_num_buckets": draw.choice([8, 16, 32]),
        "relative_attention_max_distance": draw.choice([20, 64, 128]),
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
    } | more


def longt5(draw) -> dict:
    kind = draw.choice(["local", "transient-global"])
    radius, block = draw.randint(2, 20), draw.randint(2, 9)
    return t5(draw, encoder_attention_type=kind, local_radius=radius, global_block_size=block)


FAMILIES = {
    "bert": ("BertModel", encoder),
    "roberta": ("RobertaModel", encoder),
    "xlm-roberta": ("XLMRobertaModel", encoder),
    "camembert": ("CamembertModel", encoder),
    "electra": ("ElectraModel", lambda draw: encoder(draw, embedding_size=draw.randint(5, 20))),
    "albert": ("AlbertModel", lambda draw: encoder(draw, embedding_size=draw.randint(5, 20), inner_group_num=draw.randint(1, 2))),
    "mpnet": ("MPNetModel", lambda draw: encoder(draw, pad_token_id=1)),
    "distilbert": ("DistilBertModel", distilbert),
    "gpt2": ("GPT2LMHeadModel", gpt2),
    "gpt_neo": ("GPTNeoForCausalLM", gpt_neo),
    "gpt_neox": ("GPTNeoXForCausalLM", gpt_neox),
    "llama": ("LlamaForCausalLM", lambda draw: llama(draw, attention_bias=draw.random() < 0.5, mlp_bias=draw.random() < 0.5)),
    "qwen2": ("Qwen2ForCausalLM", llama),
    "qwen3": ("Qwen3ForCausalLM", qwen3),
    "t5": ("T5ForConditionalGeneration", t5),
    "mt5": ("MT5ForConditionalGeneration", t5),
    "longt5": ("LongT5ForConditionalGeneration", longt5),
}


def write_tokenizer(folder: Path) -> None:
    """A byte a token: a text is its ids."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in printable}
    letters |= {byte: chr(256 + i) for i, byte in enumerate(b for b in range(256) if b not in letters)}
    step = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    model = {"type": "BPE", "vocab": {letters[byte]: byte for byte in range(256)}, "merges": []}
    text = {"version": "1.0", "pre_tokenizer": step, "decoder": step, "model": model, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(text))


def make(name: str, seed: int, folder: Path) -> None:
    cls, config = FAMILIES[name]
    cls, draw = getattr(transformers, cls), random.Random(f"{name} {seed}")
    settings = {"vocab_size": draw.randint(256, 300), "tie_word_embeddings": draw.random() < 0.5}
    settings |= {key: None for key in ("bos_token_id", "eos_token_id")} | config(draw)
    if name == "mt5" and not NEWER:  # which scales what comes before a tied head; no later one does, nor do we
        settings["tie_word_embeddings"] = False
    model = cls(cls.config_class(**settings))
    weights.draw(model, zlib.crc32(f"{name} {seed}".encode()), 0.5)
    model.tie_weights()
    model.to(getattr(torch, draw.choice(["float32", "float16", "bfloat16"])))
    model.save_pretrained(folder, safe_serialization=True, max_shard_size=draw.choice(["5KB", "1GB"]))
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_tokenizer(folder)


def exact(folder: Path, cls: str):
    """The weights widened exactly; masks are then made in float64 too. The newer computes rope's angles in f32
    whatever the type, so do we; a norm's mean it takes in f32, which is its own error."""
    torch.set_default_dtype(torch.float32)
    options = {"attn_implementation": "eager"} if NEWER else {}
    model = getattr(transformers, cls).from_pretrained(folder, torch_dtype=torch.float32, **options)
    torch.set_default_dtype(torch.float64)
    return model.double().eval()


def texts(draw, limit: int) -> list[list[int]]:
    return [[draw.randint(32, 126) for _ in range(n)] for n in (1, draw.randint(2, 9), min(limit, draw.randint(30, 60)))]


def cli_logits(folder: Path, *arguments: str) -> np.ndarray:
    answer = json.loads(common.cli("logits", str(folder), *arguments))
    return np.array(answer["data"], dtype=np.float64).reshape(answer["shape"])


def listed(ids: list[int]) -> str:
    return ",".join(map(str, ids))


class Count:
    def __init__(self):
        self.hidden = self.logits = 0.0
        self.tokens = self.excused = self.wrong = 0


@torch.no_grad()
def check_logits(count: Count, model, folder: Path, ids: list[int], start: list[int]) -> None:
    if start:
        want = model(input_ids=torch.tensor([ids]), decoder_input_ids=torch.tensor([start])).logits[0].numpy()
        got = cli_logits(folder, "--ids", listed(ids), "--decoder-ids", listed(start))
    else:
        want = model(input_ids=torch.tensor([ids])).logits[0].numpy()
        got = cli_logits(folder, "--ids", listed(ids))
    count.logits = max(count.logits, float(np.abs(got - want).max()))


@torch.no_grad()
def check_greedy(count: Count, model, folder: Path, ids: list[int]) -> None:
    out = model.generate(
        torch.tensor([ids]),
        attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
        do_sample=False,
        num_beams=1,
        max_new_tokens=min(NEW_TOKENS, CONTEXT - len(ids)),
        pad_token_id=0,
        eos_token_id=None,
        output_scores=True,
        return_dict_in_generate=True,
    )
    want = out.sequences[0][1 if model.config.is_encoder_decoder else len(ids) :].tolist()
    end = ["-n", str(len(want)), "--ids", "--", bytes(ids).decode()]
    got = json.loads(common.cli("generate", str(folder), *end))
    for i, (a, b) in enumerate(zip(got, want)):
        if a == b:
            count.tokens += 1
            continue
        best = torch.topk(out.scores[i][0], 2).values
        near = float(best[0] - best[1]) < NEAR
        count.excused += near
        count.wrong += not near
        return
    count.wrong += len(got) != len(want)


def check(name: str, seed: int, count: Count) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder, draw = Path(temporary) / "model", random.Random(f"texts {name} {seed}")
        folder.mkdir()
        torch.set_default_dtype(torch.float32)
        make(name, seed, folder)
        model = exact(folder, FAMILIES[name][0])
        config = model.config
        base = model.get_encoder() if config.is_encoder_decoder else model.base_model
        for ids in texts(draw, 60 - 6):
            batch = torch.tensor([ids])
            with torch.no_grad():
                want = base(input_ids=batch, attention_mask=torch.ones_like(batch)).last_hidden_state[0].numpy()
            count.hidden = max(count.hidden, common.distance(common.cli_hidden(folder, ids), want))
            if not hasattr(model, "lm_head") and not hasattr(model, "embed_out"):
                continue
            start = [0, *(draw.randint(1, 255) for _ in range(draw.randint(0, 9)))]
            check_logits(count, model, folder, ids, start if config.is_encoder_decoder else [])
            check_greedy(count, model, folder, ids)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*", metavar="FAMILY", help=" ".join(FAMILIES))
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    title = f"families of random sizes: largest |Δ| to transformers {transformers.__version__} in float64"
    table = common.Table(title)
    for name in options.families or FAMILIES:
        if not hasattr(transformers, FAMILIES[name][0]):
            continue
        count = Count()
        for seed in range(options.rounds):
            check(name, seed, count)
        table.row(f"{name}: hidden states, over a row's largest", count.hidden, 5e-5)
        if count.logits:
            table.row(f"{name}: logits", count.logits, 1e-3)
            table.row(f"{name}: greedy tokens, {count.excused} parted at a near tie", count.tokens)
            table.row(f"{name}: parted elsewhere", count.wrong, 0)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
