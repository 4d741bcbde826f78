# SPDX-License-Identifier: MIT OR Apache-2.0
"""Checkpoints with every head of a family in one file, and what transformers' pipelines make of them in float64.

golden.json: predictions [{task, texts, options…, architecture, config, rows, items: [[text, score, index, start, end]]}].
`architecture` names the class that the test puts into config.json, `config` other keys of it (null: taken away).
start and end are bytes.
"""

import json
import warnings
from pathlib import Path

import torch
import transformers

from . import weights, words
from .folders import BERT, MPNET, ROBERTA, ROBERTA_PAD0, Folder, bert, distil

LABELS = ["O", "B-ANT", "I-ANT", "B-BEE", "I-BEE", "IN-SECT", "O-"]
TASKS = {  # number in the header, head of the class
    "classify": (1, "SequenceClassification"),
    "rerank": (2, "SequenceClassification"),
    "fill-mask": (3, "MaskedLM"),
    "answer": (4, "QuestionAnswering"),
    "tag": (5, "TokenClassification"),
}
CONTEXT = words.TEXTS[0] + " Unbelievably, the last carriage wasn't empty: it's déjà vu! " + words.TEXTS[2]
QUESTION = "What runs past the mill?"


def head(model: str, config: dict, special: list[str], size: int, labels: int = 3, **more) -> Folder:
    names = LABELS[:labels]
    named = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    named = named if labels > 1 else {"num_labels": labels}
    return Folder(model, config | named, special, size, {"model_max_length": 60}, **({"dtype": "float16"} | more))


HEADS = {
    "head-bert": head("Bert", bert(12, 1, 2, 20, 64, "relu", 1e-12, tie_word_embeddings=False), BERT, 150, 5),
    "head-roberta": head("Roberta", bert(14, 1, 2, 20, 66, "gelu_new", 1e-5, 1), ROBERTA, 60, 3, forms="plain"),
    "head-xlm-roberta": head("XLMRoberta", bert(12, 1, 3, 18, 66, "gelu", 1e-3, 1), [], 200, 7, forms="json"),
    "head-distilbert": head("DistilBert", distil(16, 1, 2, 20, 64, "relu"), BERT, 150, 4, forms="json"),
    "head-electra": head("Electra", bert(16, 1, 2, 20, 64, "relu", 1e-2, embedding_size=10), BERT, 150, 2, forms="plain"),
    "head-albert": head("Albert", bert(14, 2, 2, 20, 64, "silu", 1e-3, embedding_size=10), [], 200, 6, forms="json"),
    "head-mpnet": head("MPNet", bert(12, 1, 2, 20, 66, "relu", 1e-5, vocab_size=170), MPNET, 150, 3, forms="plain"),
    "head-rerank": head("Roberta", bert(12, 1, 2, 20, 66, "gelu", 1e-5, 1), ROBERTA_PAD0, 60, 1, forms="json"),
}


def classes(spec: Folder) -> list[str]:
    names = [kind for _, kind in TASKS.values()] if spec.config.get("num_labels") != 1 else ["SequenceClassification"]
    return [spec.model + "For" + kind for kind in dict.fromkeys(names)]


def config_for(name: str, spec: Folder, common: dict):
    config = getattr(transformers, name).config_class(**(common | spec.config))
    if name.endswith("QuestionAnswering"):
        config.num_labels = 2
    return config


def tensors(spec: Folder, common: dict, seed: int) -> dict:
    """The base model and every head: what each class adds to the tensors of those before it."""
    all_tensors = {}
    for name in classes(spec):
        model = getattr(transformers, name)(config_for(name, spec, common))
        weights.draw(model, seed, spec.embedding_std)
        tied = model.get_input_embeddings().weight.data_ptr()
        for key, tensor in model.state_dict().items():
            if tensor.is_floating_point() and (tensor.data_ptr() != tied or "word_embeddings" in key):
                all_tensors.setdefault(key, tensor.to(getattr(torch, spec.dtype)).contiguous())
    # One of the two names that a masked language model's bias has.
    doublets = [key for key in all_tensors if key.endswith("decoder.bias")]
    for key in doublets:
        spared = key if spec.model in ("Bert", "Roberta", "MPNet") else key.replace("decoder.", "")
        all_tensors.pop(spared, None)
    return all_tensors


# ---- Goldens ----


def to_bytes(text: str, place: int) -> int:
    return len(text[:place].encode())


def item(text="", score=0.0, index=0, source="", start=0, end=0) -> list:
    return [text, float(f"{score:.9g}"), int(index), to_bytes(source, start), to_bytes(source, end)]


class Oracle:
    """A folder's pipelines."""

    def __init__(self, folder: Path, spec: Folder):
        self.folder, self.spec = folder, spec
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def pipeline(self, task: str, config: dict, **options):
        name = self.spec.model + "For" + TASKS[task][1]
        settings = transformers.AutoConfig.from_pretrained(self.folder)
        if task == "answer":
            settings.num_labels = 2
        for key, value in config.items():
            setattr(settings, key, value)
        model = getattr(transformers, name).from_pretrained(self.folder, config=settings).double().eval()
        kind = {"classify": "text-classification", "fill-mask": "fill-mask", "answer": "question-answering"}
        return transformers.pipeline(kind.get(task, "token-classification"), model=model, tokenizer=self.tokenizer, **options)

    def classify(self, texts, config, raw=False, top_k=None):
        raw = raw or config.get("problem_type") == "regression"  # the pipeline's sigmoid is no regression's value
        run = self.pipeline("classify", config, **({"function_to_apply": "none"} if raw else {}))
        pair = {"text": texts[0]} | ({"text_pair": texts[1]} if len(texts) > 1 else {})
        numbers = run.model.config.label2id = {v: k for k, v in run.model.config.id2label.items()}
        found = run(pair, top_k=top_k, truncation=True)
        return [item(one["label"], one["score"], numbers[one["label"]]) for one in found]

    def fill_mask(self, texts, config, top_k=5):
        text = texts[0].replace("MASK", self.tokenizer.mask_token)
        run = self.pipeline("fill-mask", config)
        rows = run(text, top_k=min(top_k, run.model.config.vocab_size))
        rows = rows if isinstance(rows[0], list) else [rows]
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        places = [
            place
            for place, token in zip(encoded["offset_mapping"], encoded["input_ids"])
            if token == self.tokenizer.mask_token_id
        ]
        return [
            item(self.wheel([one["token"]]), one["score"], one["token"], text, *place)
            for row, place in zip(rows, places)
            for one in row
        ]

    def wheel(self, ids) -> str:
        return self.tokenizer.backend_tokenizer.decode(ids, skip_special_tokens=False)

    def answer(self, texts, config, top_k=1, max_length=None, stride=None, max_answer=15):
        run = self.pipeline("answer", config)
        limit = min(run.tokenizer.model_max_length, 64 if max_length is None else max_length)
        found = run(
            question=texts[0], context=texts[1], top_k=top_k, max_seq_len=limit, doc_stride=stride, max_answer_len=max_answer
        )
        found = found if isinstance(found, list) else [found]
        return [item(one["answer"], one["score"], 0, texts[1], one["start"], one["end"]) for one in found]

    def tag(self, texts, config, all=False):
        run = self.pipeline("tag", config)
        numbers = {v: k for k, v in run.model.config.id2label.items()}
        if all:
            found = run(texts[0], ignore_labels=[])
            return [item(o["entity"], o["score"], numbers[o["entity"]], texts[0], o["start"], o["end"]) for o in found]
        found, first, last = run(texts[0], aggregation_strategy="simple"), [], None
        for one in run(texts[0], ignore_labels=[]):  # the tokens that begin a span
            begins, tag = run.get_tag(one["entity"])
            if (begins == "B" or tag != last) and one["entity"].split("-", 1)[-1] != "O":
                first.append(numbers[one["entity"]])
            last = tag
        return [
            item(o["entity_group"], o["score"], number, texts[0], o["start"], o["end"])
            for o, number in zip(found, first, strict=True)
        ]

    def rerank(self, texts, config, raw=False):
        from sentence_transformers import CrossEncoder

        encoder = CrossEncoder(str(self.folder), device="cpu")
        encoder.model.double()
        if "sbert_ce_default_activation_function" in config or raw:
            encoder.default_activation_function = torch.nn.Identity()
        scores = encoder.predict([[texts[0], text] for text in texts[1:]], show_progress_bar=False)
        return sorted((item("", score, i) for i, score in enumerate(scores)), key=lambda one: -one[1])


def cases(spec: Folder) -> list[tuple[str, list[str], dict, dict]]:
    """Task, texts, options, config."""
    some, query = words.TEXTS[:1] + words.TEXTS[2:4], "Who sleeps on the stones?"
    if len(classes(spec)) == 1:
        identity = {"sbert_ce_default_activation_function": "torch.nn.modules.linear.Identity"}
        documents = words.LEARN.splitlines()[:9] + ["  the cat \n", ""]
        ranks = [("rerank", [query, *documents], {}, extra) for extra in ({}, identity)]
        return ranks + [
            ("rerank", [query, *documents[:3]], {"raw": True}, {}),
            ("classify", [query], {}, {}),
            ("classify", [query], {}, {"problem_type": "regression"}),
        ]
    listed = [("classify", [text], {"raw": True}, {}) for text in some]
    listed += [
        ("classify", [query, some[0]], {}, {}),
        ("classify", [query], {"top_k": 2}, {}),
        ("classify", [query], {}, {"problem_type": "multi_label_classification"}),
        ("fill-mask", ["The MASK runs past the old mill."], {}, {}),
        ("fill-mask", ["Café, MASK of the MASK"], {"top_k": 40}, {}),
        ("answer", [QUESTION, CONTEXT[:80]], {"top_k": 4}, {}),
        ("answer", [QUESTION, CONTEXT], {"top_k": 3, "max_length": 40, "stride": 6}, {}),
        ("answer", [QUESTION, CONTEXT], {"max_length": 37, "stride": 9, "max_answer": 2}, {}),
    ]
    return listed + [("tag", [text], {"all": every}, {}) for text in some for every in (True, False)]


def golden(folder: Path, spec: Folder) -> dict:
    warnings.simplefilter("ignore")
    oracle, predictions = Oracle(folder, spec), []
    for task, texts, options, config in cases(spec):
        items = getattr(oracle, task.replace("-", "_"))(texts, config, **options)
        number, kind = TASKS[task]
        texts = [text.replace("MASK", str(oracle.tokenizer.mask_token)) for text in texts]
        rows = texts[0].count(oracle.tokenizer.mask_token) if task == "fill-mask" else 1
        if task == "answer":
            config = config | {"id2label": None}
        predictions.append(
            {"task": number, "texts": texts, "options": options, "architecture": spec.model + "For" + kind}
            | {"config": config, "rows": rows, "items": items}
        )
    return {"predictions": predictions}
