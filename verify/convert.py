# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files of other programs: convert against torch and gguf-py, bit for bit; the hub's cache against huggingface_hub, in
both directions; speed, memory and what quantising costs.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file

import common
import real_models
from real_generation import made

sys.path[:0] = [str(common.ROOT / "tools"), str(common.ROOT / "tests/cli")]
os.environ["WASMICRO"] = str(Path(common.CLI).absolute())
import fetch  # noqa: E402
from hub import Hub  # noqa: E402

KINDS = ("i8", "u8", "q4", "f16")


def same(got: dict, want: dict) -> list:
    """[name, whether the bits are the same]"""
    rows = []
    for name in sorted(got.keys() | want.keys()):
        a, b = got.get(name), want.get(name)
        rows.append(a is not None and b is not None and a.dtype == b.dtype and a.shape == b.shape and
                    a.contiguous().numpy().tobytes() == b.contiguous().numpy().tobytes())
    return rows


def count(table, what: str, rows: list) -> None:
    table.equal(what, rows, [True] * len(rows), len(rows))


def convert(model, folder, *options) -> dict:
    return json.loads(common.cli("convert", str(model), str(folder), *options))


def torch_files(table, scratch: Path) -> None:
    """A BERT as torch.save writes it, in both forms."""
    model = transformers.AutoModel.from_pretrained(common.minilm())
    state = model.state_dict()
    extra = {"half": torch.randn(7, 3).half().t(), "gaps": torch.randn(9, 8)[::2, 1::3], "scalar": torch.tensor(2.5),
             "empty": torch.zeros(0, 3), "flags": torch.tensor([True, False]), "bytes": torch.arange(5, dtype=torch.uint8)}
    for what, options in (("torch.save", {}), ("torch.save, the older form", {"_use_new_zipfile_serialization": False})):
        folder, out = scratch / "torch", scratch / "torch-out"
        subprocess.run(["rm", "-rf", folder, out], check=True)
        folder.mkdir()
        model.config.save_pretrained(folder)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            (folder / name).write_bytes((common.minilm() / name).read_bytes())
        torch.save({**state, **extra}, folder / "pytorch_model.bin", **options)
        convert(folder, out)
        count(table, f"{what}: tensors as torch.load has them", same(load_file(out / "model.safetensors"), torch.load(folder / "pytorch_model.bin")))


def gguf_file(table, scratch: Path) -> Path:
    raw = common.ROOT / "models/smollm2-gguf"
    fetch.fetch(real_models.SMOLLM2, raw)
    want = load_file(made("smollm2", real_models.SMOLLM2, real_models.smollm2) / "model.safetensors")
    out = scratch / "smollm2"
    start = time.monotonic()
    report = convert(raw / "model.gguf", out)
    seconds = time.monotonic() - start
    count(table, "SmolLM2, Q4_1 and Q8_0: tensors as gguf-py has them", same(load_file(out / "model.safetensors"), want))
    table.row("  rewritten as f32", report["bytes_after"] / seconds / 1e6, unit=" MB/s")
    return out


def scaled(numbers, kind):
    """What gguf-py makes of them, and the numbers that it then stands for."""
    import gguf
    blocks = gguf.quants.quantize(numbers, kind)
    return blocks, gguf.quants.dequantize(blocks, kind).reshape(numbers.shape).astype("float32")


def written_gguf(table, scratch: Path, what: str, model, keys: dict, kind) -> None:
    """A model of random weights as gguf-py writes it: its tensors, and what transformers computes with them."""
    import gguf
    import numpy as np
    config, tiny = model.config, common.ROOT / "tests/tiny/gpt2-f32"
    family = config.model_type
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, family.upper()), config.num_hidden_layers)
    path, out, state = scratch / "written.gguf", scratch / "written", model.state_dict()
    to = gguf.GGUFWriter(path, family)
    for key, value in {"context_length": config.max_position_embeddings, "embedding_length": config.hidden_size,
                       "block_count": config.num_hidden_layers, "head_count": config.num_attention_heads, **keys}.items():
        getattr(to, "add_" + key)(value)
    vocabulary = json.loads((tiny / "vocab.json").read_text())
    to.add_tokenizer_model("gpt2")
    to.add_tokenizer_pre("gpt-2")
    to.add_token_list(sorted(vocabulary, key=vocabulary.get))
    to.add_token_merges((tiny / "merges.txt").read_text().splitlines()[1:])
    for name, tensor in list(state.items()):
        if name == "lm_head.weight" and config.tie_word_embeddings or name.endswith((".attn.bias", ".attn.masked_bias", "inv_freq")):
            del state[name]
            continue
        numbers = tensor.numpy()
        turned = family == "gpt2" and numbers.ndim == 2 and ".h." in name
        if family == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = config.num_attention_heads if "q_proj" in name else config.num_key_value_heads
            numbers = numbers.reshape(heads, 2, -1, numbers.shape[1]).swapaxes(1, 2).reshape(numbers.shape)
        numbers = np.ascontiguousarray(numbers.T if turned else numbers)
        used = kind if numbers.ndim == 2 and numbers.shape[1] % 32 == 0 else gguf.GGMLQuantizationType.F32
        blocks, back = scaled(numbers, used)
        to.add_tensor(names.get_name(name, (".weight", ".bias")), blocks, raw_dtype=used)
        if family == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            back = back.reshape(heads, -1, 2, back.shape[1]).swapaxes(1, 2).reshape(back.shape)
        back = torch.from_numpy(np.ascontiguousarray(back.T if turned else back))
        state[name] = back.half() if used == gguf.GGMLQuantizationType.F16 else back
    to.write_header_to_file()
    to.write_kv_data_to_file()
    to.write_tensors_to_file()
    to.close()
    subprocess.run(["rm", "-rf", out], check=True)
    convert(path, out)
    count(table, f"{what}: tensors as gguf-py has them", same(load_file(out / "model.safetensors"), state))
    model.load_state_dict(state, strict=False)
    ids = [(7 * i + 3) % 300 for i in range(60)]
    got = json.loads(common.cli("logits", str(out), "--ids", ",".join(map(str, ids))))["data"]
    want = model.eval()(torch.tensor([ids])).logits.detach().numpy().ravel()
    table.row("  logits: farthest from transformers'", float(np.abs(np.array(got) - want).max()), 1e-4)


def written_ggufs(table, scratch: Path) -> None:
    import gguf
    kinds = gguf.GGMLQuantizationType
    torch.manual_seed(3)
    gpt2 = transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=317, n_positions=80, n_embd=64, n_layer=2, n_head=4,
                                                                initializer_range=.1))
    for kind in (kinds.F16, kinds.Q8_0, kinds.Q5_0):
        written_gguf(table, scratch, f"GPT-2 in {kind.name}", gpt2, {"feed_forward_length": 256, "layer_norm_eps": 1e-5}, kind)
    for scaling, keys in ((None, {}), ({"type": "linear", "factor": 2.5}, {"rope_scaling_type": gguf.RopeScalingType.LINEAR, "rope_scaling_factor": 2.5})):
        llama = transformers.LlamaForCausalLM(transformers.LlamaConfig(
            vocab_size=317, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
            max_position_embeddings=80, rope_scaling=scaling, initializer_range=.1))
        written_gguf(table, scratch, f"Llama in Q8_0, positions {scaling or 'as they are'}", llama, {
            "feed_forward_length": 96, "head_count_kv": 2, "layer_norm_rms_eps": 1e-6, "rope_freq_base": 10000.0, **keys}, kinds.Q8_0)


# A process begins with its parent's peak: a small one must start it.
MEASURE = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
"""


def sentence_pieces(table, scratch: Path) -> None:
    """A SentencePiece BPE trained here, as a GGUF file has it, against transformers' own conversion of it."""
    import sentencepiece
    import weights_files
    corpus = common.ROOT / "demo/corpus.txt"
    sentencepiece.SentencePieceTrainer.train(input=str(corpus), model_prefix=str(scratch / "bpe"), vocab_size=700, model_type="bpe",
                                             byte_fallback=True, minloglevel=2, normalization_rule_name="identity",
                                             remove_extra_whitespaces=False)
    slow = transformers.LlamaTokenizer(str(scratch / "bpe.model"), legacy=True)
    fast = transformers.convert_slow_tokenizer.convert_slow_tokenizer(slow)
    sp = slow.sp_model
    kinds = [2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else 1 for i in range(len(sp))]
    values = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 16, "llama.embedding_length": 4,
              "llama.feed_forward_length": 4, "llama.attention.head_count": 1, "tokenizer.ggml.model": "llama",
              "tokenizer.ggml.tokens": [sp.id_to_piece(i) for i in range(len(sp))], "tokenizer.ggml.token_type": kinds,
              "tokenizer.ggml.scores": [float(sp.get_score(i)) for i in range(len(sp))], "tokenizer.ggml.bos_token_id": 1,
              "tokenizer.ggml.unknown_token_id": 0}
    (scratch / "pieces.gguf").write_bytes(weights_files.gguf(values, {"output_norm.weight": (0, [4], bytes(16))}))
    convert(scratch / "pieces.gguf", scratch / "pieces")
    texts = [t for path in ("verify/texts.txt", "demo/corpus.txt") for t in common.lines_of(common.ROOT / path)]
    got = common.cli("tokenize", str(scratch / "pieces"), "--stdin", "--no-special", stdin="".join(t + "\n" for t in texts)).splitlines()
    want = [str(fast.encode(t, add_special_tokens=False).ids).replace(" ", "") for t in texts]
    table.equal("SentencePiece's BPE out of a GGUF: ids as transformers'", got, want, len(texts))


def processor_time(model, *options) -> tuple:
    """(seconds, peak bytes) of one convert; the disk's own time is not in it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [common.CLI, "convert", str(model), folder + "/out", *options]
        done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command], capture_output=True, text=True, check=True)
        status, seconds, peak = done.stdout.split()
        if status != "0":
            sys.exit(f"convert {model} failed")
        return float(seconds), int(peak) * 1024


def speeds(table) -> None:
    model = common.minilm()
    size = (model / "model.safetensors").stat().st_size
    largest = 30522 * 384 * 4
    for options in ((), *(("--quantize", kind) for kind in KINDS)):
        runs = [processor_time(model, *options) for _ in range(3)]
        what = options[1] if options else "as it is"
        table.row(f"MiniLM, {what}: processor time", size / min(seconds for seconds, _ in runs) / 1e6, unit=" MB/s")
        table.row(f"MiniLM, {what}: peak memory", max(peak for _, peak in runs) / 2**20, (largest + (64 << 20)) / 2**20, " MiB")


def quality(table, scratch: Path, smollm2: Path) -> None:
    for name, model, kinds in (("MiniLM", common.minilm(), KINDS), ("flan-t5-small", made("flan-t5-small", real_models.FLAN, real_models.flan_t5_small), KINDS),
                               ("SmolLM2", smollm2, ("i8", "q4"))):
        for kind in kinds:
            report = convert(model, scratch / f"{name}-{kind}", "--quantize", kind, "--check")
            check, ratio = report["check"], report["bytes_after"] / report["bytes_before"]
            table.row(f"{name}, {kind}: size", 100 * ratio, unit=" %")
            if "least_cosine" in check:
                table.row("  the farthest cosine from 1", 1 - check["least_cosine"])
            else:
                table.row("  greedy tokens up to the first other one", 100 * check["equal_tokens"] / check["tokens"], unit=" %")


def cache(table, scratch: Path) -> None:
    hub = Hub({"tiny/bert": {"folder": str(common.ROOT / "tests/tiny/st-cls")}})
    try:
        for first in ("wasmicro", "huggingface_hub"):
            env = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HUB_CACHE": str(scratch / first), "HF_HUB_OFFLINE": "0",
                   "TRANSFORMERS_OFFLINE": "0", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
            ours = [common.CLI, "embed", "tiny/bert", "text"]
            theirs = [sys.executable, "-c", "import sys, pathlib, huggingface_hub as h; p = pathlib.Path(h.snapshot_download('tiny/bert'));"
                      "print(sorted((f.relative_to(p).as_posix(), f.read_bytes()) for f in p.rglob('*') if f.is_file()))"]
            order = (ours, theirs) if first == "wasmicro" else (theirs, ours)
            answers = [subprocess.run(order[0], env=env, capture_output=True).stdout,
                       subprocess.run(order[1], env={**env, "HF_HUB_OFFLINE": "1"}, capture_output=True).stdout]
            if first != "wasmicro":
                answers.reverse()
            folder = common.ROOT / "tests/tiny/st-cls"
            files = sorted((f.relative_to(folder).as_posix(), f.read_bytes()) for f in folder.rglob("*") if f.is_file())
            want = [common.cli("embed", str(folder), "text").encode(), (repr(files) + "\n").encode()]
            table.equal(f"{first} writes the cache, the other one reads it offline", answers, want, 2)
    finally:
        hub.close()


def main() -> int:
    table = common.Table("Other programs' files")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        torch_files(table, scratch)
        smollm2 = gguf_file(table, scratch)
        written_ggufs(table, scratch)
        sentence_pieces(table, scratch)
        cache(table, scratch)
        speeds(table)
        quality(table, scratch, smollm2)
    return table.done()


if __name__ == "__main__":
    sys.exit(main())
