#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/sentencepiece: small models trained here, and what `sentencepiece` answers with them.

    pip install sentencepiece==0.2.3 protobuf tokenizers==0.23.3 transformers==4.40.2
    python3 tools/make_sentencepiece_vectors.py

A model that is there is kept: only its cases are made anew. NAME.model is the model; NAME.json a list of
[text, ids, where they begin in bytes] and of [null, ids, decoded text]; families.json a list of
[model, tokenizer_config.json, text, pair or null, ids], from transformers' slow tokenizers.
"""
import json
import pathlib
import random
import tempfile

import sentencepiece

from make_tokenizer_vectors import NASTY, PROSE

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / "sentencepiece"
RULES = {"ﬁ": "fi", "ﬃ": "ffi", "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "①": "1", "e\u0301": "é", "\u200b": "", "½": " 1/2 ",
         "\u0301": "", "ﷺ": "  a  b "}
TEXTS = NASTY + PROSE + ["▁", "▁a", "a▁ b", " ▁", "<ud>", "ab,ab", "(a)..", "...", "a..b", "<0x41>", "ﬃ①½e\u0301x", "\u200b \u200b", "a" * 300,
                         "ab" * 120, "日" * 40, "the the " * 30]


def train(name, **options):
    model = OUT / f"{name}.model"
    if model.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        rules, text = pathlib.Path(folder, "rules"), pathlib.Path(folder, "text")
        rules.write_text("".join(" ".join(f"{ord(c):X}" for c in a) + "\t" + " ".join(f"{ord(c):X}" for c in b) + "\n"
                                 for a, b in RULES.items()), encoding="utf-8")
        text.write_text("\n".join(PROSE), encoding="utf-8")
        if options.pop("rules", False):
            options["normalization_rule_tsv"] = str(rules)
        else:
            options["normalization_rule_name"] = "identity"
        sentencepiece.SentencePieceTrainer.train(input=str(text), model_prefix=str(model.with_suffix("")), vocab_size=480,
                                                 hard_vocab_limit=False, minloglevel=2, **options)
        model.with_suffix(".vocab").unlink()


def cases(name):
    sp, rnd = sentencepiece.SentencePieceProcessor(model_file=str(OUT / f"{name}.model")), random.Random(5)
    out = []
    for text in TEXTS:
        pieces = sp.encode(text, return_type="proto").pieces
        out.append([text, [p.id for p in pieces], [p.begin for p in pieces]])
    for n in range(60):
        ids = [rnd.randrange(len(sp) if n % 2 else min(len(sp), 262)) for _ in range(n % 12)]
        out.append([None, ids, sp.decode(ids)])
    (OUT / f"{name}.json").write_text(json.dumps(out, ensure_ascii=True, indent=0).replace(",\n", ",") + "\n")


def families():
    import transformers
    out = []
    for name, model, options in (("T5Tokenizer", "unigram", {}), ("T5Tokenizer", "unigram", {"extra_ids": 2}), ("XLMRobertaTokenizer", "unigram", {}),
                                 ("CamembertTokenizer", "unigram", {}), ("AlbertTokenizer", "unigram", {}), ("LlamaTokenizer", "bpe", {}),
                                 ("LlamaTokenizer", "bpe", {"add_bos_token": False, "add_eos_token": True})):
        tokenizer = getattr(transformers, name)(str(OUT / f"{model}.model"), **options)
        config = json.dumps({"tokenizer_class": name, **options})
        for text, pair in (("the dog", None), ("The Dog's É", "a b"), ("a <mask> b</s>c", None), (" x <extra_id_1> y[MASK] [SEP]", "<unk>"),
                           ("", None), ("``a''", None), ("x</s>", "y </s>")):
            out.append([model, config, text, pair, (tokenizer(text, pair) if pair else tokenizer(text)).input_ids])
    for text, pair in (("é日👍", None), ("a </s> b<extra_id_3> <extra_id_125>", "x</s>"), ("", None)):
        ids = transformers.ByT5Tokenizer()(text, pair) if pair else transformers.ByT5Tokenizer()(text)
        out.append(["", '{"tokenizer_class": "ByT5Tokenizer"}', text, pair, ids.input_ids])
    (OUT / "families.json").write_text(json.dumps(out, ensure_ascii=True, indent=0).replace(",\n", ",") + "\n")


OUT.mkdir(parents=True, exist_ok=True)
USER = ["<ud>", "ab,", "(", ")", ".", "..", "ﬁx"]
train("unigram", model_type="unigram", rules=True)
train("unigram-user", model_type="unigram", rules=True, byte_fallback=True, user_defined_symbols=USER)
train("bpe", model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False, user_defined_symbols=USER)
train("bpe-rules", model_type="bpe", rules=True, add_dummy_prefix=False, character_coverage=0.98)
train("suffix", model_type="unigram", rules=True, treat_whitespace_as_suffix=True)
train("word", model_type="word")
train("suffix-word", model_type="word", rules=True, treat_whitespace_as_suffix=True, user_defined_symbols=USER)
train("char", model_type="char", rules=True, user_defined_symbols=USER)
for each in ("unigram", "unigram-user", "bpe", "bpe-rules", "suffix", "word", "suffix-word", "char"):
    cases(each)
families()
