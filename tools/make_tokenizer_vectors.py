#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/tokenizers: small tokenizers trained here, and what the wheel answers with them.

    pip install tokenizers==0.23.3
    python3 tools/make_tokenizer_vectors.py

Training is not the same twice, so a folder that is there keeps its tokenizer: only its cases are made anew.
FOLDER/tokenizer.json (or vocab.txt, or vocab.json and merges.txt) is the tokenizer, FOLDER/cases.json
a list of [text, pair or null, special tokens, ids, types, starts, ends], starts and ends in bytes.
unicode.txt holds, for each property, a hash of its value for all scalar values, taken from the wheel.
"""
import json
import pathlib
import random

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests" / "vectors" / "tokenizers"

PROSE = """The quick brown fox jumps over the lazy dog, and the dog doesn't mind: it's raining anyway.
Tokenizers cut words into pieces; unaffordable words become un, ##afford, ##able. They're 100% sure, aren't they?
Der Fluß führt Übermaß an Wasser. Ça va très bien, l'été à la plage où l'on mange des crêpes. El niño come piñas.
Příliš žluťoučký kůň úpěl ďábelské ódy. Zażółć gęślą jaźń. Ο Σίσυφος ανεβαίνει τον λόφο. Съешь же ещё этих мягких булок.
日本語の文章を小さく切る。 自然语言处理很有趣。 한국어 문장도 잘 나눕니다. देवनागरी लिपि में लिखा हुआ पाठ।
שלום עולם, مرحبا بالعالم، สวัสดีชาวโลก Xin chào thế giới, İstanbul'da ışık. for (int i = 0; i < n; i++) { x += a[i]; }
Some numbers: 1 22 333 4444 3.14159 1e-9 ½ ² ٣٤٥ and links https://example.org/a?b=c#d or mail me@example.org now!!!
""".strip().split("\n")

NASTY = ["", " ", "   ", "\t\n", "\0", "a\0b", "\ufeffBOM", "\u200d", "\ufffd", "\u00a0x\u3000y\u2028z\u0085", "İIıi", "ẞßſ", "ΑΣ ας",
         "e\u0301é\u00e9\u0065\u0301\u0316\u0323", "q\u0307\u0323", "각\u1112\u1161\u11ab가", "ﬁﬀ ﷺ", "\u0344\u0f73\u0f71\u0f72", "Å\u212b\u00c5", "ậẫ",
         "日本語テキスト", "a日b本c", "\U00020000\uf900\U0002f800", "👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 👍🏽", "\U0001d518\U0001d15e", "\u302a\u302e a\u302ab", "\U000e0001\U0010ffff",
         "don't can't WE'LL we'll I'm you've he'd they're 's", "''s 'S ’s", "a  b   c    ", "\n\n a\n b \n", " lead", "trail ", "x²½٣१",
         "[CLS] a [SEP] b[MASK]c [UNK]", "</s><s> <mask> <mask>x", "<|endoftext|>a<|endoftext|>", "a" * 99, "a" * 100, "a" * 101, "ab" * 70,
         "!!!???...---", "$^`~+<=>|", "foo_bar-baz.qux", "C:\\dir\\file", "¿qué? ¡sí!", "क्षि ที่ שָׁ", "\u202eabc\u202c", "a\u00adb\u200bc",
         "the dog the dog the dog", "unaffordable", "##able ##", "Ġ Ċ ▁", "<0x0A>"]


def corpus():
    return PROSE + [line.lower() for line in PROSE]


def wordpiece(lowercase, **added):
    t = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    t.train_from_iterator(corpus(), trainers.WordPieceTrainer(vocab_size=420, special_tokens=specials,
                                                             limit_alphabet=160, show_progress=False))
    t.decoder = decoders.WordPiece()
    t.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(s, t.token_to_id(s)) for s in ("[CLS]", "[SEP]")])
    return t


def byte_bpe(specials, size=450):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=size, special_tokens=specials, show_progress=False,
                                                        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.decoder = decoders.ByteLevel()
    return t


def texts(seed):
    choose = random.Random(seed)
    pieces = NASTY[1:] + PROSE + " ".join(PROSE).split(" ")
    return NASTY + PROSE + ["".join(choose.choices(pieces, k=choose.randint(2, 5))) for _ in range(60)]


def byte_starts(text):
    table = [0]
    for ch in text:
        table.append(table[-1] + len(ch.encode()))
    return table


def row(t, text, pair, special):
    e = t.encode(text, pair, add_special_tokens=special)
    tables = [byte_starts(text), byte_starts(pair or "")]
    spans = [(0, 0) if s is None else (tables[s][a], tables[s][b]) for s, (a, b) in zip(e.sequence_ids, e.offsets)]
    return [text, pair, special, e.ids, e.type_ids, [a for a, _ in spans], [b for _, b in spans]]


def write(name, t, files=None):
    folder = OUT / name
    if folder.exists():
        if not (folder / "tokenizer.json").exists():
            return  # the wheel alone cannot read these files
        t, files = Tokenizer.from_file(str(folder / "tokenizer.json")), {}
    folder.mkdir(parents=True, exist_ok=True)
    if files is None:
        (folder / "tokenizer.json").write_text(t.to_str(), encoding="utf-8")
    for file, content in (files or {}).items():
        (folder / file).write_text(content, encoding="utf-8")
    cases = [row(t, text, None, i % 5 != 4) for i, text in enumerate(texts(name))]
    cases += [row(t, a, b, i % 3 != 2) for i, (a, b) in enumerate(zip(NASTY[::3], PROSE + NASTY[1::3]))]
    (folder / "cases.json").write_text(
        "[\n" + ",\n".join(json.dumps(c, ensure_ascii=False, separators=(",", ":")) for c in cases) + "\n]\n",
        encoding="utf-8")


def make_wordpiece():
    t = wordpiece(True)
    write("wordpiece", t)
    vocab = sorted(t.get_vocab(), key=t.get_vocab().get)
    write("vocab-txt", t, {"vocab.txt": "\n".join(vocab) + "\n",
                           "tokenizer_config.json": '{"do_lower_case": true, "model_max_length": 512}\n'})
    cased = wordpiece(False)
    cased.post_processor = processors.BertProcessing(*[(s, cased.token_to_id(s)) for s in ("[SEP]", "[CLS]")])
    cased.add_tokens([AddedToken("the dog", single_word=True), AddedToken("Ça", normalized=True),
                      AddedToken("<left>", lstrip=True), AddedToken("<right>", rstrip=True, normalized=False),
                      AddedToken("  ", normalized=False), AddedToken("x", single_word=True, lstrip=True, rstrip=True)])
    cased.add_special_tokens(["[CLS] a", "</s>"])
    write("wordpiece-cased-added", cased)


def merges_of(t):
    return [m if isinstance(m, str) else " ".join(m) for m in json.loads(t.to_str())["model"]["merges"]]


def make_byte_bpe():
    t = byte_bpe(["<|endoftext|>"])
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    files = {"vocab.json": json.dumps(t.get_vocab()), "merges.txt": "#version: 0.2\n" + "\n".join(merges_of(t)) + "\n",
             "tokenizer_config.json": '{"tokenizer_class": "GPT2Tokenizer", "model_max_length": 1e30}\n'}
    write("gpt2-files", t, files)
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    t = byte_bpe(specials)
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    files = {"vocab.json": json.dumps(t.get_vocab(), ensure_ascii=False),
             "merges.txt": "#version: 0.2\n" + "\n".join(merges_of(t)) + "\n", "config.json": '{"model_type": "roberta"}\n'}
    t.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    write("roberta-files", t, files)
    t = byte_bpe(specials)
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    t.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    write("roberta-prefix", t)
    model = json.loads(t.to_str())
    model["model"]["merges"] = [m if isinstance(m, str) else " ".join(m) for m in model["model"]["merges"]]
    model["model"]["ignore_merges"] = True
    model["pre_tokenizer"]["use_regex"] = model["pre_tokenizer"]["add_prefix_space"] = False
    model["post_processor"] = None
    write("bpe-whole", Tokenizer.from_str(json.dumps(model)))


def make_unigram():
    t = Tokenizer(models.Unigram())
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(" {2,}"), " "), normalizers.Replace("``", '"')])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.train_from_iterator(corpus(), trainers.UnigramTrainer(vocab_size=300, unk_token="<unk>", show_progress=False,
                                                           special_tokens=["<pad>", "</s>", "<unk>", "<extra_id_0>"]))
    t.decoder = decoders.Metaspace()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    write("unigram", t)


SHORT = "'s|'t|'re|'ve|'m|'ll|'d"
LINES_HEAD = rf"(?i:{SHORT})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}"
LINES_TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
LINES = LINES_HEAD + r"{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + LINES_TAIL
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def cased(short, numbers):
    before = r"[^\r\n\p{L}\p{N}]?"
    return rf"{before}{UPPER}*{LOWER}+{short}|{before}{UPPER}+{LOWER}*{short}|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*{LINES_TAIL}"


# Of DeepSeek V2: cased letters, as its pattern lists them.
DEEPSEEK_LETTERS = "".join("-".join(chr(int(end, 16)) for end in each.split("-")) for each in (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 "
    "3A3-3F5 3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A "
    "1E00-1F15 1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 "
    "1FC6-1FCC 1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 "
    "212A-212D 212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D "
    "A680-A69B A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F "
    "104B0-104D3 104D8-104FB 10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943").split())

# Patterns as files write them: the name in wm_splitter_kind, without its prefix.
SPLITS = [
    ("GPT2", SHORT + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
    ("QWEN", LINES_HEAD + r"| ?[^\s\p{L}\p{N}]+[\r\n]*" + LINES_TAIL),
    ("QWEN35", rf"(?i:{SHORT})|[^\r\n\p{{L}}\p{{N}}]?[\p{{L}}\p{{M}}]+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+[\r\n]*" + LINES_TAIL),
    ("CL100K", LINES),
    ("O200K", cased(f"(?i:{SHORT})?", r"\p{N}{1,3}")),
    ("TEKKEN", cased("", r"\p{N}")),
    ("DEEPSEEK", "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
                 "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"),
    ("THREE_NUMBERS", r"\p{N}{1,3}"),
    ("LIST", "[一-龥぀-ゟ゠-ヿ]+"),
    ("LINE_ENDS", "[\r\n]"),
    ("SPACE_LETTERS", r"\s?\p{L}+"),
    ("SPACE_PUNCTUATION", r"\s?\p{P}+"),
    ("LIST", "[一-龥ࠀ-一가-퟿]+"),
    ("SPACE_LIST", rf"\s?[{DEEPSEEK_LETTERS}]+"),
    ("SPACE_LIST", r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
    ("END_SPACES", r"\s+$"),
    ("NUMBERS", r"\p{N}"),
    ("SPACES", r"\s"),
]


def make_splits():
    """splits.txt: a pattern ("=" and its name, itself in hex), then its texts in hex and the ends of their pieces."""
    pieces = ["a", "B", "cd", "EF", "Gh", "ǅ", "ʰ", "ª", "あ", "Ⴀ", "\u0301", "\u0903", "1", "23", "4567", "½", " ", "  ", "\t", "\n", "\r\n",
              "\u3000", "/", "//", "!", "'", "'s", "'LL", "'ſ", "’", "…", "$", "+", "ÉÈ", "éè", "日本", "ア", "한", "\0", "\u200d", "_", "🙂"]
    choose, lines = random.Random(7), []
    mixed = ["".join(choose.choices(pieces, k=choose.randint(3, 9))) for _ in range(120)]
    for name, pattern in SPLITS:
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        lines.append(f"={name} {pattern.encode().hex()}")
        for text in NASTY[1:] + PROSE[1::3] + mixed:
            if len(text) > 110:
                continue
            starts = byte_starts(text)
            ends = [starts[end] for _, (_, end) in split.pre_tokenize_str(text)]
            lines.append(text.encode().hex() + " " + ",".join(map(str, ends)))
    (OUT / "splits.txt").write_text("\n".join(lines) + "\n")


def make_others():
    t = byte_bpe(["<|begin|>"])
    t.normalizer = normalizers.NFC()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(LINES), "isolated"),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    t.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), processors.TemplateProcessing(
        single="<|begin|> $A", pair="<|begin|> $A <|begin|>:1 $B:1", special_tokens=[("<|begin|>", 0)])])
    write("bpe-lines", t)
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    t.train_from_iterator(corpus(), trainers.BpeTrainer(vocab_size=520, special_tokens=["<unk>", "<s>"] + bytes_,
                                                        limit_alphabet=60, show_progress=False))
    model = json.loads(t.to_str())
    model["added_tokens"] = [a for a in model["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(model))
    t.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    write("bpe-fallback", t)
    t = wordpiece(False)
    t.normalizer = normalizers.Sequence([normalizers.Strip(), normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])
    write("wordpiece-words", t)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("merged_with_previous"),
                                               pre_tokenizers.Digits(False), pre_tokenizers.Split("an", "merged_with_next")])
    write("wordpiece-splits", t)
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre_tokenizers.Whitespace()
    t.train_from_iterator(corpus(), trainers.WordLevelTrainer(vocab_size=120, special_tokens=["[UNK]", "[CLS]"], show_progress=False))
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A", pair="[CLS] $A $B:1", special_tokens=[("[CLS]", 1)])
    write("wordlevel", t)
    t = byte_bpe(["<|begin|>"])
    patterns = dict((pattern, name) for name, pattern in SPLITS)
    lists = [pattern for pattern, name in patterns.items() if "LIST" in name and "぀" not in pattern]
    t.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in ("[\r\n]", *lists[1:], r"\s+$", lists[0])] +
        [pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    write("bpe-lists", t)


SCALARS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def fnv(values):
    result = 2166136261
    for value in values:
        for part in value:
            result = ((result ^ part) * 16777619) & 0xFFFFFFFF
    return result


def make_unicode():
    bert = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    only = lambda **on: normalizers.BertNormalizer(**{**bert, **on})
    maps = {"LOWER": normalizers.Lowercase(), "NFD": normalizers.NFD(), "CLEAN": only(clean_text=True),
            "IDEOGRAPHS": only(handle_chinese_chars=True), "STRIP": only(strip_accents=True),
            "ACCENT": normalizers.StripAccents(), "NFC": normalizers.NFC(), "NFKC": normalizers.NFKC(),
            "NFKD": normalizers.NFKD()}
    lines = [f"{name} {fnv([ord(x) for x in n.normalize_str(chr(c))] + [0] for c in SCALARS)}" for name, n in maps.items()]
    for name, pattern in (("LETTER", r"\p{L}"), ("NUMBER", r"\p{N}"), ("SPACE", r"\s"), ("LOWERCASE", r"\p{Ll}"),
                          ("UPPERCASE", r"[\p{Lu}\p{Lt}]"), ("MARK", r"\p{M}"), ("PUNCTUATION", r"\p{P}"),
                          ("SYMBOL", r"\p{S}")):
        split = pre_tokenizers.Split(Regex(pattern), "removed")
        lines.append(f"{name} {fnv([int(not split.pre_tokenize_str(chr(c)))] for c in SCALARS)}")
    for name, split in (("BERT_SPLIT", pre_tokenizers.BertPreTokenizer()), ("WORD_SPLIT", pre_tokenizers.Whitespace())):
        lines.append(f"{name} {fnv([len(split.pre_tokenize_str('a' + chr(c)))] for c in SCALARS)}")
    (OUT / "unicode.txt").write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    make_wordpiece()
    make_byte_bpe()
    make_unigram()
    make_others()
    make_splits()
    make_unicode()


if __name__ == "__main__":
    main()
