# SPDX-License-Identifier: MIT OR Apache-2.0
"""The table of tests/tiny: which class of transformers, which options, which tokenizer, which files."""

from dataclasses import dataclass, field

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
BERT_ODD = ["[MASK]", "[unused0]", "[UNK]", "[SEP]", "[unused1]", "[CLS]", "[PAD]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
ROBERTA_PAD0 = ["<pad>", "</s>", "<s>", "<mask>", "<unk>"]
MPNET = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
GPT = ["<|endoftext|>"]
ROBERTA_PAD3 = ["<s>", "</s>", "<unk>", "<pad>", "<mask>"]
GAMMA_BETA = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}


@dataclass(frozen=True)
class Folder:
    model: str  # class of transformers
    config: dict
    special: list[str] = field(default_factory=lambda: BERT)
    size: int = 200  # pieces (WordPiece) or merges (BPE)
    options: dict = field(default_factory=dict)  # of the tokenizer
    forms: str = "both"  # tokenizer files: vocabularies.save
    dtype: str = "float32"
    embedding_std: float = 0.5
    rename: dict = field(default_factory=dict)  # in the tensors' names
    position_ids: str = ""  # name of an I64 tensor to add
    shard: str = "1GB"
    modules: list[dict] = field(
        default_factory=list
    )  # sentence-transformers' after the Transformer
    files: dict = field(default_factory=dict)  # further JSON files
    tries: list[dict] = field(default_factory=list)  # options to embed with
    newer: bool = False  # made by a newer transformers: make_tiny.py
    runs: bool = (
        True  # listed in index.json: embeds texts; else in later.json: generates from ids on
    )


def bert(
    width: int,
    layers: int,
    heads: int,
    ffn: int,
    positions: int,
    act: str,
    eps: float,
    types: int = 2,
    **more,
) -> dict:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "max_position_embeddings": positions,
        "hidden_act": act,
        "layer_norm_eps": eps,
        "type_vocab_size": types,
    } | more


def distil(width: int, layers: int, heads: int, ffn: int, positions: int, act: str, **more) -> dict:
    return {
        "dim": width,
        "n_layers": layers,
        "n_heads": heads,
        "hidden_dim": ffn,
        "max_position_embeddings": positions,
        "activation": act,
    } | more


def gpt(width: int, layers: int, heads: int, positions: int, **more) -> dict:
    return {"n_embd": width, "n_layer": layers, "n_head": heads, "n_positions": positions} | more


def wide(width: int, layers: int, heads: int, ffn: int, positions: int, **more) -> dict:
    return {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": ffn,
        "max_position_embeddings": positions,
    } | more


def t5(
    width: int,
    dkv: int,
    heads: int,
    ffn: int,
    layers: int,
    decoder_layers: int,
    kind: str,
    tied: bool,
    **more,
) -> dict:
    return {
        "d_model": width,
        "d_kv": dkv,
        "num_heads": heads,
        "d_ff": ffn,
        "num_layers": layers,
        "num_decoder_layers": decoder_layers,
        "feed_forward_proj": kind,
        "tie_word_embeddings": tied,
        "decoder_start_token_id": 0,
    } | more


# ---- sentence-transformers' modules ----


def pooling(width: int, *modes: str, include_prompt: bool = True) -> dict:
    all_modes = (
        "cls_token",
        "mean_tokens",
        "max_tokens",
        "mean_sqrt_len_tokens",
        "weightedmean_tokens",
        "lasttoken",
    )
    return (
        {"kind": "Pooling", "word_embedding_dimension": width}
        | {f"pooling_mode_{mode}": mode in modes for mode in all_modes}
        | {"include_prompt": include_prompt}
    )


def dense(inputs: int, outputs: int, bias: bool, activation: str) -> dict:
    return {
        "kind": "Dense",
        "in_features": inputs,
        "out_features": outputs,
        "bias": bias,
        "activation_function": activation,
    }


NORMALIZE = {"kind": "Normalize"}
TANH, IDENTITY = "torch.nn.modules.activation.Tanh", "torch.nn.modules.linear.Identity"
CASED = {"do_lower_case": False, "strip_accents": False}
PROMPTS = {"query": "the question is: ", "passage": "Walking ", "none": ""}


def st(
    *modules: dict,
    special=BERT,
    width: int = 12,
    max_length: int | None = 24,
    lower: bool = False,
    prompts: dict | None = None,
    default: str | None = None,
    **more,
) -> Folder:
    """A one-layer model in sentence-transformers' form."""
    roberta = special[0].startswith("<")
    files = {"sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": lower}}
    files["config_sentence_transformers.json"] = {
        "__version__": {
            "sentence_transformers": "2.7.0",
            "transformers": "4.40.2",
            "pytorch": "1.13.0",
        },
        "prompts": prompts or {},
        "default_prompt_name": default,
    }
    return Folder(
        "RobertaModel" if roberta else "BertModel",
        bert(width, 1, 2, 20, 48, "gelu", 1e-12, 1 if roberta else 2),
        special,
        100 if roberta else 190,
        modules=list(modules),
        files=files,
        **more,
    )


FOLDERS = {
    "bert-f32": Folder("BertModel", bert(24, 2, 4, 56, 131, "gelu", 1e-12)),
    "bert-odd": Folder(
        "BertForMaskedLM",
        bert(15, 3, 3, 37, 61, "gelu_new", 1e-3),
        BERT_ODD,
        rename=GAMMA_BETA,
        position_ids="bert.embeddings.position_ids",
        forms="plain",
        options=CASED,
    ),
    "bert-f16": Folder(
        "BertForSequenceClassification",
        bert(20, 2, 1, 33, 70, "silu", 1e-5, 1, num_labels=3),
        dtype="float16",
        forms="json",
        options={"model_max_length": 50},
    ),
    "bert-bf16": Folder(
        "BertModel",
        bert(22, 2, 2, 41, 47, "relu", 1e-2),
        dtype="bfloat16",
        shard="8KB",
        options={"tokenize_chinese_chars": False, "strip_accents": False},
    ),
    "bert-tanh": Folder(
        "BertForTokenClassification",
        bert(16, 2, 2, 40, 40, "gelu_pytorch_tanh", 1e-6),
        forms="plain",
        position_ids="bert.embeddings.position_ids",
        options={"strip_accents": False},
    ),
    "roberta-f32": Folder(
        "RobertaModel", bert(20, 2, 2, 48, 70, "gelu", 1e-5, 1), ROBERTA, 140, forms="plain"
    ),
    "roberta-pad3": Folder(
        "RobertaForMaskedLM",
        bert(15, 2, 3, 29, 64, "relu", 1e-2, 1),
        ROBERTA_PAD3,
        120,
        forms="json",
    ),
    "roberta-f16": Folder(
        "RobertaForSequenceClassification",
        bert(21, 2, 3, 50, 55, "gelu_new", 1e-5, 1),
        ROBERTA_PAD0,
        200,
        dtype="float16",
        rename=GAMMA_BETA,
    ),
    "roberta-bf16": Folder(
        "RobertaModel",
        bert(20, 2, 5, 36, 51, "silu", 1e-3, 2),
        ROBERTA,
        160,
        dtype="bfloat16",
        forms="plain",
        options={"add_prefix_space": True, "model_max_length": 40},
        position_ids="embeddings.position_ids",
    ),
    "distilbert-f32": Folder(
        "DistilBertModel", distil(24, 2, 3, 56, 64, "gelu"), embedding_std=0.01
    ),
    "distilbert-f16": Folder(
        "DistilBertForMaskedLM",
        distil(15, 3, 3, 31, 45, "relu"),
        dtype="float16",
        forms="plain",
        options=CASED,
    ),
    "distilbert-bf16": Folder(
        "DistilBertForSequenceClassification",
        distil(18, 2, 1, 40, 39, "gelu", sinusoidal_pos_embds=True),
        BERT_ODD,
        dtype="bfloat16",
        forms="json",
    ),
    "electra-f32": Folder("ElectraModel", bert(24, 2, 3, 40, 67, "gelu", 1e-12, embedding_size=20)),
    "electra-f16": Folder(
        "ElectraForPreTraining",
        bert(20, 2, 4, 35, 52, "gelu_new", 1e-5, 1, embedding_size=20),
        dtype="float16",
        forms="json",
    ),
    "electra-bf16": Folder(
        "ElectraForMaskedLM",
        bert(15, 2, 3, 44, 43, "relu", 1e-2, embedding_size=27),
        dtype="bfloat16",
        rename=GAMMA_BETA,
        forms="plain",
        shard="10KB",
    ),
    "mpnet-f32": Folder(
        "MPNetForMaskedLM", bert(16, 2, 4, 30, 60, "gelu", 1e-5), MPNET, forms="json"
    ),
    "mpnet-f16": Folder(
        "MPNetModel",
        bert(15, 2, 3, 31, 50, "gelu_new", 1e-3),
        MPNET,
        forms="plain",
        dtype="float16",
    ),
    "st-mean": st(
        pooling(12, "mean_tokens"),
        NORMALIZE,
        tries=[
            {"pooling": "cls"},
            {"pooling": "max", "normalize": False},
            {"pooling": "last"},
            {"max_length": 7},
            {"max_length": 7, "truncate": "start"},
            {"prompt": "Museum: "},
        ],
    ),
    "st-cls": st(pooling(12, "cls_token"), NORMALIZE, special=ROBERTA, tries=[{"pooling": "mean"}]),
    "st-max": st(pooling(12, "max_tokens"), max_length=None, options={"model_max_length": 30}),
    "st-sqrt": st(pooling(12, "mean_sqrt_len_tokens"), options=CASED),
    "st-weighted": st(pooling(12, "weightedmean_tokens"), dtype="bfloat16"),
    "st-last": st(pooling(12, "lasttoken"), NORMALIZE, special=ROBERTA_PAD3, dtype="float16"),
    "st-concat": st(
        pooling(12, "lasttoken", "cls_token", "mean_tokens"),
        dense(36, 9, False, IDENTITY),
        NORMALIZE,
        dtype="float16",
    ),
    "st-dense": st(
        pooling(12, "mean_tokens"),
        dense(12, 17, True, TANH),
        dense(17, 10, True, IDENTITY),
        tries=[{"pooling": "max"}],
    ),
    "st-lower": st(pooling(12, "mean_tokens"), options=CASED, lower=True),
    "st-prompts": st(
        pooling(12, "mean_tokens"),
        NORMALIZE,
        prompts=PROMPTS,
        default="query",
        tries=[{"prompt_name": "passage"}, {"prompt_name": "none"}, {"prompt": "snow "}],
    ),
    # Pooling overwrites what the prompt gave before it takes the maximum: the first token's too.
    "st-without-prompt": st(
        pooling(
            12, "cls_token", "mean_tokens", "weightedmean_tokens", "lasttoken", include_prompt=False
        ),
        prompts=PROMPTS,
        tries=[{"prompt_name": "query"}, {"prompt_name": "none"}, {"prompt": "snow on: "}],
    ),
    "st-without-max": st(
        pooling(12, "max_tokens", "mean_sqrt_len_tokens", include_prompt=False),
        prompts=PROMPTS,
        default="passage",
        dtype="float16",
    ),
}


def later(model: str, config: dict, special=(), size: int = 220, **more) -> Folder:
    """Without embeddings in its golden, but for those that say `runs`."""
    return Folder(model, config, list(special), size, **({"forms": "json", "runs": False} | more))


NEO_TYPES, LOCAL_TYPES = [[["global", "local"], 1]], [[["local"], 2], [["global"], 1]]

FOLDERS |= {
    "albert-f16": later(
        "AlbertForMaskedLM",
        bert(16, 4, 4, 30, 64, "gelu_new", 1e-12, embedding_size=12, num_hidden_groups=2),
        runs=True,
        dtype="float16",
    ),
    "albert-bf16": later(
        "AlbertModel",
        bert(18, 3, 3, 29, 45, "gelu", 1e-3, embedding_size=18, inner_group_num=2),
        runs=True,
        dtype="bfloat16",
    ),
    "xlm-roberta-f16": later(
        "XLMRobertaModel",
        bert(16, 2, 4, 30, 66, "gelu", 1e-5, 1),
        runs=True,
        dtype="float16",
    ),
    "gpt2-f32": later("GPT2LMHeadModel", gpt(16, 2, 2, 80), GPT, 60, forms="plain"),
    "gpt2-f16": later(
        "GPT2Model",
        gpt(18, 3, 1, 84, n_inner=50, activation_function="gelu"),
        GPT,
        80,
        dtype="float16",
        forms="plain",
    ),
    "gpt2-bf16": later(
        "GPT2LMHeadModel",
        gpt(
            15,
            3,
            3,
            83,
            n_inner=31,
            activation_function="relu",
            layer_norm_epsilon=1e-3,
            scale_attn_by_inverse_layer_idx=True,
            tie_word_embeddings=False,
        ),
        GPT,
        90,
        dtype="bfloat16",
    ),
    "gpt_neo-f16": later(
        "GPTNeoForCausalLM",
        {
            "hidden_size": 15,
            "num_layers": 2,
            "attention_types": NEO_TYPES,
            "num_heads": 3,
            "window_size": 4,
            "max_position_embeddings": 80,
        },
        GPT,
        40,
        dtype="float16",
    ),
    "gpt_neo-bf16": later(
        "GPTNeoForCausalLM",
        {
            "hidden_size": 20,
            "num_layers": 3,
            "attention_types": LOCAL_TYPES,
            "num_heads": 2,
            "window_size": 7,
            "intermediate_size": 33,
            "activation_function": "gelu",
            "max_position_embeddings": 79,
        },
        GPT,
        60,
        dtype="bfloat16",
    ),
    "gpt_neox-bf16": later(
        "GPTNeoXForCausalLM", wide(16, 2, 2, 30, 80, rotary_pct=0.25), GPT, 60, dtype="bfloat16"
    ),
    "gpt_neox-f16": later(
        "GPTNeoXForCausalLM",
        wide(
            24,
            2,
            3,
            44,
            80,
            rotary_pct=1.0,
            rotary_emb_base=2500,
            use_parallel_residual=False,
            attention_bias=False,
            hidden_act="gelu_new",
            tie_word_embeddings=True,
        ),
        GPT,
        60,
        dtype="float16",
    ),
    "llama-f16": later(
        "LlamaForCausalLM", wide(16, 2, 4, 30, 80, num_key_value_heads=2), size=400, dtype="float16"
    ),
    "llama-bf16": later(
        "LlamaForCausalLM",
        wide(
            18,
            3,
            3,
            31,
            80,
            num_key_value_heads=1,
            rope_theta=500.0,
            rms_norm_eps=1e-3,
            attention_bias=True,
            hidden_act="gelu",
            tie_word_embeddings=True,
        ),
        size=400,
        dtype="bfloat16",
        forms="both",
    ),
    "qwen2-bf16": later(
        "Qwen2ForCausalLM",
        wide(16, 2, 2, 30, 80, num_key_value_heads=1, tie_word_embeddings=True),
        GPT,
        60,
        dtype="bfloat16",
    ),
    "t5-f32": later(
        "T5ForConditionalGeneration", t5(16, 8, 2, 32, 2, 2, "relu", True), forms="both"
    ),
    "t5-v11": later(
        "T5ForConditionalGeneration",
        t5(14, 8, 2, 30, 2, 2, "gated-gelu", False, vocab_size=256),
        forms="plain",
        dtype="bfloat16",
    ),
    "t5-bf16": later(
        "T5ForConditionalGeneration",
        t5(
            15,
            5,
            4,
            29,
            3,
            2,
            "gated-silu",
            True,
            relative_attention_num_buckets=16,
            relative_attention_max_distance=40,
            layer_norm_epsilon=1e-3,
        ),
        dtype="bfloat16",
        forms="json",
    ),
    "byt5-f32": later(
        "T5ForConditionalGeneration",
        t5(16, 6, 2, 30, 3, 1, "gated-gelu", False),
        forms="bytes",
    ),
    "mt5-f16": later(
        "MT5ForConditionalGeneration",
        t5(15, 6, 2, 28, 2, 2, "gated-gelu", False),
        dtype="float16",
        forms="plain",
    ),
    "longt5-local": later(
        "LongT5ForConditionalGeneration",
        t5(
            16,
            6,
            3,
            30,
            2,
            2,
            "relu",
            False,
            local_radius=5,
            relative_attention_num_buckets=8,
            relative_attention_max_distance=9,
        ),
    ),
    "longt5-global": later(
        "LongT5ForConditionalGeneration",
        t5(
            15,
            5,
            2,
            29,
            3,
            2,
            "gated-gelu",
            True,
            local_radius=3,
            global_block_size=4,
            encoder_attention_type="transient-global",
            relative_attention_num_buckets=8,
            relative_attention_max_distance=12,
        ),
        dtype="bfloat16",
    ),
    "model2vec": Folder("StaticModel", {"dim": 11, "normalize": True}, forms="model2vec"),
    "model2vec-f16": Folder(
        "StaticModel",
        {"dim": 14, "normalize": False},
        forms="model2vec",
        dtype="float16",
        options=CASED,
    ),
    "st-t5": Folder(  # as sentence-t5 and gtr have it: an encoder, a Dense without bias
        "T5EncoderModel",
        t5(12, 5, 3, 20, 2, 2, "gated-gelu", True),
        [],
        220,
        modules=[pooling(12, "mean_tokens"), dense(12, 7, False, IDENTITY), NORMALIZE],
        files={"sentence_bert_config.json": {"max_seq_length": 24, "do_lower_case": False}},
        tries=[{"max_length": 7}, {"normalize": False}],
        dtype="bfloat16",
        forms="json",
    ),
    "st-static": Folder("StaticModel", {"dim": 9, "normalize": True}, forms="modules"),
    "qwen3-f32": later(
        "Qwen3ForCausalLM",
        wide(18, 2, 4, 30, 80, num_key_value_heads=2, head_dim=6, rms_norm_eps=1e-3),
        GPT,
        60,
        newer=True,
    ),
    "llama-rope3": later(
        "LlamaForCausalLM",
        wide(
            20,
            2,
            2,
            30,
            120,
            num_key_value_heads=1,
            rope_theta=300.0,
            rope_scaling={
                "rope_type": "llama3",
                "factor": 6.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 3.0,
                "original_max_position_embeddings": 40,
            },
        ),
        size=400,
        newer=True,
    ),
    "qwen2-linear": later(
        "Qwen2ForCausalLM",
        wide(
            16,
            2,
            2,
            30,
            90,
            num_key_value_heads=2,
            rope_scaling={"rope_type": "linear", "factor": 3.0},
        ),
        GPT,
        60,
        newer=True,
    ),
}
