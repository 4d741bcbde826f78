#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Makes tests/vectors/public_components.json: the unit cases of `tokenizers` for normalizers, pre-tokenizers, post-processors,
decoders and added tokens (tokenizers/src and tokenizers/tests, Apache-2.0), their data only, and one of `transformers`.
The wheel gives what is expected, and what those tests expect is asserted here.

    pip install tokenizers==0.23.3
    python3 tools/make_public_components.py

An entry is {source, file, cases, decodings, refused}: tokenizer.json as text; [text, pair or null, special tokens,
ids, types, starts, ends] with starts and ends in bytes; [ids, special tokens left out, text]; what wasmicro refuses by name.
"""
import json
import pathlib

from tokenizers import Tokenizer, pre_tokenizers

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "vectors" / "public_components.json"
SPACE = "▁"


def N(type, **more):
    return {"type": type, **more}


def sequence(*steps):
    return N("Sequence", normalizers=list(steps))


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return N("Split", pattern={kind: pattern}, behavior=behavior, invert=invert)


def replace(pattern, content, kind="String"):
    return N("Replace", pattern={kind: pattern}, content=content)


def meta(scheme, splits=True, replacement=SPACE):
    return N("Metaspace", replacement=replacement, prepend_scheme=scheme, split=splits)


def byte_level(prefix=False, trim=False, regex=True):
    return N("ByteLevel", add_prefix_space=prefix, trim_offsets=trim, use_regex=regex)


LOWER, NFKD, NFKC, STRIP_ACCENTS = N("Lowercase"), N("NFKD"), N("NFKC"), N("StripAccents")
ACCENTS = sequence(NFKD, STRIP_ACCENTS, LOWER)
VIETNAMESE = ("Cụ thể, bạn sẽ tham gia một nhóm các giám đốc điều hành tổ chức, các nhà lãnh đạo doanh nghiệp, các học giả, "
              "chuyên gia phát triển và tình nguyện viên riêng biệt trong lĩnh vực phi lợi nhuận…")
# (file and test, normalizer, text, the normalized text)
NORMALIZED = [
    ("normalizers/strip.rs: test_strip_accents", sequence(NFKD, STRIP_ACCENTS), "Me llamó", "Me llamo"),
    ("normalizers/strip.rs: test_strip_accents", sequence(NFKD, STRIP_ACCENTS), "Me llamo", "Me llamo"),
    ("normalizers/strip.rs: test_strip_accents", sequence(NFKD, STRIP_ACCENTS), "这很简单", "这很简单"),
    ("normalizers/strip.rs: test_vietnamese_bug", ACCENTS, "ậ…", "a..."),
    ("normalizers/strip.rs: test_vietnamese_bug", ACCENTS, VIETNAMESE,
     "cu the, ban se tham gia mot nhom cac giam đoc đieu hanh to chuc, cac nha lanh đao doanh nghiep, cac hoc gia, "
     "chuyen gia phat trien va tinh nguyen vien rieng biet trong linh vuc phi loi nhuan..."),
    ("normalizers/strip.rs: test_thai_bug", ACCENTS, "ำน\u0e49ำ3ลำ", "านา3ลา"),
    ("normalizers/strip.rs: test_strip_accents_multiple", STRIP_ACCENTS, "e\u0304\u0304\u0304o", "eo"),
    ("normalizers/replace.rs: test_replace", replace("''", '"'), "This is a ''test''", 'This is a "test"'),
    ("normalizers/replace.rs: test_replace_regex", replace(r"\s+", " ", "Regex"), "This     is   a         test", "This is a test"),
    ("normalizers/replace.rs: serialization", replace("Hello", "Hey"), "Hello Hello", "Hey Hey"),
    ("normalizers/prepend.rs: test_prepend", N("Prepend", prepend=SPACE), "Hello", SPACE + "Hello"),
    ("normalizers/unicode.rs: test_nfkc", NFKC, "\ufb01", "fi"),
    ("bindings/python/tests/bindings/test_normalizers.py: strip", N("Strip", strip_left=True, strip_right=True), "  Hello there  ",
     "Hello there"),
    ("bindings/python/tests/bindings/test_normalizers.py: left strip", N("Strip", strip_left=True, strip_right=False), "  Hello there  ",
     "Hello there  "),
    ("bindings/python/tests/bindings/test_normalizers.py: sequence", sequence(N("NFC"), N("Strip", strip_left=True, strip_right=True), LOWER),
     "  HELLO THERE ", "hello there"),
    ("bindings/python/tests/bindings/test_normalizers.py: bert",
     N("BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True), "Héllò 野口", "hello  野  口 "),
]
FRIEND, DAY = "Hey friend!     How are you?!?", "Hello my friend, how is your day going?"
DAY_PIECES = "Hello Ġmy Ġfriend , Ġhow Ġis Ġyour Ġday Ġgoing ?"
WORDS = r"\w+|[^\w\s]+"
# (file and test, pre-tokenizer, text, the pieces with a line feed between)
PIECES = [
    ("pre_tokenizers/bert.rs: basic", N("BertPreTokenizer"), FRIEND, "Hey friend ! How are you ? ! ?"),
    ("pre_tokenizers/digits.rs: numbers", N("Digits", individual_digits=False), "Hey 123 friend!", "Hey |123| friend!"),
    ("pre_tokenizers/digits.rs: individual_digits", N("Digits", individual_digits=True), "Hey 123 friend!", "Hey |1|2|3| friend!"),
    ("pre_tokenizers/metaspace.rs: basic", meta("always"), "Hey friend!", "▁Hey ▁friend!"),
    ("pre_tokenizers/metaspace.rs: multiple_spaces", meta("always"), "Hey   friend!", "▁Hey ▁ ▁ ▁friend!"),
    ("pre_tokenizers/metaspace.rs: serialization", meta("always", replacement="_"), "Hey friend!", "_Hey _friend!"),
    ("pre_tokenizers/metaspace.rs: serialization", N("Metaspace", replacement="_", add_prefix_space=True), "Hey friend!", "_Hey _friend!"),
    ("pre_tokenizers/metaspace.rs: serialization", N("Metaspace", str_rep="_", replacement="_", add_prefix_space=True, prepend_scheme="always"),
     "Hey friend!", "_Hey _friend!"),
    ("pre_tokenizers/punctuation.rs: punctuation_basic", N("Punctuation", behavior="Isolated"), FRIEND, "Hey friend|!|     How are you|?|!|?"),
    ("pre_tokenizers/punctuation.rs: deserialization", N("Punctuation"), FRIEND, "Hey friend|!|     How are you|?|!|?"),
    ("pre_tokenizers/sequence.rs: sequence_basic", N("Sequence", pretokenizers=[N("WhitespaceSplit"), N("Punctuation", behavior="Isolated")]),
     FRIEND, "Hey friend ! How are you ? ! ?"),
    ("pre_tokenizers/split.rs: basic", split(WORDS, "Removed", True), "How are you doing?", "How are you doing ?"),
    ("pre_tokenizers/split.rs: basic", split(WORDS, "Isolated", True), "How are you doing?", "How| |are| |you| |doing|?"),
    ("pre_tokenizers/split.rs: basic", split(WORDS, "MergedWithPrevious", True), "How are you doing?", "How |are |you |doing|?"),
    ("pre_tokenizers/split.rs: basic", split(WORDS, "MergedWithNext", True), "How are you doing?", "How| are| you| doing|?"),
    ("pre_tokenizers/split.rs: basic", split(WORDS, "Contiguous", True), "How are you doing?", "How| |are| |you| |doing?"),
    ("pre_tokenizers/split.rs: regex_string", split(r"\s+", "Removed"), "Hey, man!", "Hey, man!"),
    ("pre_tokenizers/split.rs: regex_string", split(" ", "Removed", kind="String"), "Hey, man!", "Hey, man!"),
    ("pre_tokenizers/split.rs: invert", split(" ", "Removed", kind="String"), "Hello Hello Hello", "Hello Hello Hello"),
    ("pre_tokenizers/split.rs: invert", split("Hello", "Removed", True, kind="String"), "Hello Hello Hello", "Hello Hello Hello"),
    ("pre_tokenizers/whitespace.rs: basic", N("Whitespace"), "Hey man!", "Hey man !"),
    ("pre_tokenizers/whitespace.rs: basic", N("Whitespace"), "How are you doing?", "How are you doing ?"),
    ("pre_tokenizers/whitespace.rs: basic", N("Whitespace"), "\n", ""),
    ("pre_tokenizers/whitespace.rs: whitespace_split", N("WhitespaceSplit"), "Hey man!", "Hey man!"),
    ("pre_tokenizers/whitespace.rs: whitespace_split", N("WhitespaceSplit"), "Hey, man, Good?", "Hey, man, Good?"),
    ("pre_tokenizers/byte_level.rs: pre_tokenization", byte_level(), DAY, DAY_PIECES),
    ("pre_tokenizers/byte_level.rs: pre_tokenization_no_regex", byte_level(True, regex=False), DAY, "ĠHelloĠmyĠfriend,ĠhowĠisĠyourĠdayĠgoing?"),
    ("pre_tokenizers/byte_level.rs: add_prefix_space", byte_level(True), DAY, "Ġ" + DAY_PIECES),
    ("pre_tokenizers/byte_level.rs: add_prefix_space", byte_level(True), " " + DAY, "Ġ" + DAY_PIECES),
    ("pre_tokenizers/byte_level.rs: handling_of_newlines", byte_level(), "Hello there\nHello there", "Hello Ġthere Ċ Hello Ġthere"),
    ("pre_tokenizers/byte_level.rs: handling_of_multiple_whitespaces", byte_level(), "Hello there       dear", "Hello Ġthere ĠĠĠĠĠĠ Ġdear"),
    ("pre_tokenizers/byte_level.rs: offsets_when_char_split_up", byte_level(), "i⭢j", "i âŃ¢ j"),
    ("pre_tokenizers/byte_level.rs: deserialization", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False}, DAY, "Ġ" + DAY_PIECES),
    ("pre_tokenizers/unicode_scripts", N("UnicodeScripts"), "どこで生れ。Yes", None),
    ("pre_tokenizers/fixed_length.rs: basic", N("FixedLength", length=5), "Hello world", None),
]
PAD = "<pad>"
# (file and test, decoder, tokens, the text)
DECODED = [
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["Hey", "friend!"], "Heyfriend!"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0x61>"], "a"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0xE5>"], "\ufffd"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0xE5>", "<0x8f>"], "\ufffd\ufffd"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0xE5>", "<0x8f>", "<0xab>"], "叫"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0xE5>", "<0x8f>", "<0xab>", "a"], "叫a"),
    ("decoders/byte_fallback.rs: decode", N("ByteFallback"), ["<0xE5>", "<0x8f>", "a"], "\ufffd\ufffda"),
    ("decoders/fuse.rs: decode", N("Fuse"), ["Hey", " friend!"], "Hey friend!"),
    ("decoders/strip.rs: decode", N("Strip", content="H", start=1, stop=0), ["Hey", " friend!", "HHH"], "ey friend!HH"),
    ("decoders/strip.rs: decode", N("Strip", content="y", start=0, stop=1), ["Hey", " friend!"], "He friend!"),
    ("decoders/wordpiece.rs: wordpiece_decoder", N("WordPiece", prefix="##", cleanup=False), ["##uelo", "Ara", "##új", "##o", "No", "##guera"],
     "##uelo Araújo Noguera"),
    ("normalizers/replace.rs: test_replace_decode", replace("_", " "), ["hello", "_hello"], "hello hello"),
    ("pre_tokenizers/metaspace.rs: decode", meta("always"), ["▁Hey", "▁friend!"], "Hey friend!"),
    ("pre_tokenizers/metaspace.rs: decode", meta("never"), ["▁Hey", "▁friend!"], " Hey friend!"),
    ("pre_tokenizers/byte_level.rs: decoding", byte_level(), DAY_PIECES.split(), DAY),
    ("pre_tokenizers/byte_level.rs: decode_unknown_characters", byte_level(), ["Hello", "Ġthere", "Ġdear", "Ġfriend!", "Ġ", "[PA D]"],
     "Hello there dear friend! [PA D]"),
    ("decoders/mod.rs: decoder_serialization", N("Sequence", decoders=[N("ByteFallback"), N("Metaspace", replacement=SPACE, add_prefix_space=True,
     prepend_scheme="always")]), ["▁Hey", "<0x61>"], "Heya"),
    ("decoders/ctc.rs: handmade_sample", N("CTC", pad_token=PAD, word_delimiter_token="|", cleanup=True),
     f"{PAD} {PAD} h e e l l {PAD} l o o o {PAD}".split(), "hello"),
    ("tests/documentation.rs: streaming_tokenizer", N("ByteFallback"), ["<0x20>", "<0xC3>", "<0xA9>", " This"], " é This"),
]


def added(content, place, special=False, **more):
    return {"id": place, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special,
            **more}


def words(*pieces):
    """A model whose tokens are whole pieces, the first one unknown: ids tell the pieces apart."""
    return N("WordLevel", vocab={piece: place for place, piece in enumerate(["<unk>", *pieces])}, unk_token="<unk>")


def byte_words(*pieces):
    """The same for ByteLevel, which BPE alone has."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    return N("BPE", vocab={piece: place for place, piece in enumerate(dict.fromkeys([*alphabet, *pieces]))}, merges=[], ignore_merges=True)


def distinct(pieces):
    return [piece for piece in dict.fromkeys(pieces) if piece != "<unk>"]


def byte_starts(text):
    table = [0]
    for c in text:
        table.append(table[-1] + len(c.encode()))
    return table


def row(wheel, text, pair=None, special=False):
    e = wheel.encode(text, pair, add_special_tokens=special)
    tables = [byte_starts(text), byte_starts(pair or "")]
    which = [0 if sequence is None else sequence for sequence in e.sequence_ids]
    starts = [tables[w][s] for w, (s, _) in zip(which, e.offsets)]
    return [text, pair, special, e.ids, e.type_ids, starts, [tables[w][t] for w, (_, t) in zip(which, e.offsets)]]


# What wasmicro refuses by name: types, and patterns that Oniguruma reads otherwise than the types that have them.
REFUSED = '"CTC"', '"UnicodeScripts"', '"FixedLength"', json.dumps({"Regex": r"\s+"}), json.dumps({"Regex": WORDS})


def entry(source, whole, texts=(), decodings=()):
    """texts: those that Tokenizer.encode takes, by their arguments; decodings: (ids, special tokens left out)."""
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None, "post_processor": None,
             "decoder": None, **whole}
    file = json.dumps(whole, ensure_ascii=False)
    wheel = Tokenizer.from_str(file)
    out = {"source": "tokenizers, " + source, "file": file, "cases": [row(wheel, *text) for text in texts],
           "decodings": [[ids, skip, wheel.decode(ids, skip_special_tokens=skip)] for ids, skip in decodings]}
    return {**out, "cases": [], "decodings": [], "refused": True} if any(each in file for each in REFUSED) else out


def component(kind, step):
    """The wheel's own object of a step, by way of a whole file."""
    file = {"version": "1.0", "model": words(), "added_tokens": [], kind: step}
    return getattr(Tokenizer.from_str(json.dumps(file)), kind)


def of_normalizers():
    for source, step, text, expected in NORMALIZED:
        assert component("normalizer", step).normalize_str(text) == expected, source
        yield entry(source, {"normalizer": step, "model": words(expected)}, [(text,)])


def of_pre_tokenizers():
    for source, step, text, expected in PIECES:
        pieces = [piece for piece, _ in component("pre_tokenizer", step).pre_tokenize_str(text)]
        assert expected is None or pieces == expected.split("|" if "|" in expected else None), (source, pieces)
        model = byte_words(*distinct(pieces)) if step["type"] == "ByteLevel" else words(*distinct(pieces))
        yield entry(source, {"pre_tokenizer": step, "model": model}, [(text,)])
    # Splits at <s> were a regular expression's there, and are an added token's here.
    for scheme, splits in (("first", False), ("always", True)):
        model = words("▁Hey▁my▁friend▁", "how▁are▁you", "▁Hey▁", "how", "how▁", "are▁", "▁you", "▁Hey", "▁my", "▁friend", "▁", "▁how", "▁are")
        whole = {"pre_tokenizer": meta(scheme, splits), "model": model, "added_tokens": [added("<s>", 14)]}
        texts = ["Hey my friend <s>how▁are you", " Hey <s>how", " Hey <s>how <s>are <s> you"]
        yield entry("pre_tokenizers/metaspace.rs: non_legacy_meta_space", whole, [(text,) for text in texts])


def of_decoders():
    for source, step, tokens, expected in DECODED:
        places = {token: place for place, token in enumerate(["<unk>", *distinct(tokens)])}
        out = entry(source, {"decoder": step, "model": words(*distinct(tokens))}, [], [([places[token] for token in tokens], False)])
        assert "refused" in out or out["decodings"][0][2] == expected, (source, out["decodings"])
        yield out


HELLO = {"Hello": 12, "there": 14, "pair": 15}
HELLO = N("WordLevel", vocab={**{f"[{n}]": n for n in range(103) if n not in HELLO.values()}, **HELLO}, unk_token="[1]")
BERT = N("BertProcessing", sep=["[102]", 102], cls=["[101]", 101])
TEMPLATE = N("TemplateProcessing", single=[{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                                           {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
             pair=[{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                   {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
             special_tokens={"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "[SEP]": {"id": "[SEP]", "ids": [0], "tokens": ["[SEP]"]}})
BOTH = [("Hello there", pair, special) for pair in (None, "pair") for special in (True, False)]


def of_processors():
    split = {"pre_tokenizer": N("Whitespace"), "model": HELLO}
    yield entry("processors/bert.rs: bert_processing", {**split, "post_processor": BERT}, BOTH)
    roberta = N("RobertaProcessing", sep=["[2]", 2], cls=["[0]", 0], trim_offsets=True, add_prefix_space=True)
    yield entry("processors/roberta.rs: roberta_processing", {**split, "post_processor": roberta}, BOTH)
    yield entry("processors/template.rs: template_processing", {**split, "post_processor": TEMPLATE}, BOTH)
    trimmed = ["Ġ", "ĠĠĠĠHelloĠĠ", "ĠĠHello", "HelloĠĠ", "ĠĠĠĠ"]
    for post in (byte_level(True, True), N("Sequence", processors=[byte_level(True, True)])):
        whole = {"pre_tokenizer": byte_level(True, True, False), "post_processor": post, "model": byte_words(*trimmed)}
        texts = [" ", "    Hello  ", "  Hello", "Hello  ", "    "]
        yield entry("pre_tokenizers/byte_level.rs: processor_trims_offsets, processors/sequence.rs: process_chain", whole,
                    [(text,) for text in texts] + [(text, text) for text in texts])


def of_added_tokens():
    names = [added("my", 0), added("name", 1), added("[CLS]", 2, True), added("[SEP]", 3, True)]
    text = "[CLS] My name is Anthony [SEP]"
    source = "tokenizer/added_vocabulary.rs: "
    model = N("WordLevel", vocab={piece: 10 + place for place, piece in enumerate([
        " My ", " is Anthony ", " my ", " is anthony ", " my name ", " a<mask> <mask>ony ", ", ", "- ◌̰<mask>", "hi", "there", "Hello", "hello", " world"])},
        unk_token=" My ")

    def case(what, tokens, *texts, normalizer=None, **more):
        tokens = [{**token, "id": 23 + place} for place, token in enumerate(tokens)]
        return entry(source + what, {"model": model, "normalizer": normalizer, "added_tokens": tokens, **more}, [(text,) for text in texts],
                     [([token["id"] for token in tokens], skip) for skip in (False, True)])

    yield case("can_extract_added_tokens", names, text)
    yield case("options_use_cases", [added("my", 0, lstrip=True, rstrip=True), names[1], added("ony", 2, single_word=True), *names[2:]], text,
               normalizer=LOWER)
    yield case("test_single_word_is_correct", [added("<mask>", 0, single_word=True)], "<mask> My name <mask> A<mask> <mask>ony <mask>", normalizer=LOWER)
    yield case("test_single_word_is_unicode_correct", [added("<mask>", 0, single_word=True)], "<mask>, <mask>- ◌̰<mask>", normalizer=LOWER)
    yield case("test_lstrip_unicode_space", [added("<mask>", 0, lstrip=True, rstrip=True, single_word=True)],
               "Hi <mask> there\t<mask>\t<mask>\u2000", normalizer=LOWER)
    yield case("test_encode_special_tokens", [added("<mask>", 0, True, lstrip=True, rstrip=True, normalized=True), added("ask>", 1), added("<pad>", 2, True)],
               "Hi <mask> there\t<mask>\t<mask>\u2000 <pad> <mask><pad><pad>", normalizer=LOWER)
    yield case("content_preserved_with_normalizer", [added("Hello", 0), added("[CLS]", 1, True)], "Hello world", "hello world", normalizer=LOWER)
    yield case("empty_matches", [], "")
    first, second = added("added_token_1", 0), added("added_token_2", 0)
    yield case("can_add_tokens", [first, second, second, added("hi", 0)], "added_token_1 added_token_2hi there")
    again = {**second, "lstrip": True}  # a token that was special once stays so
    yield case("can_add_special_tokens", [first, {**second, "special": True}, again, added("hi", 0, True)], "added_token_2hi added_token_1 added_token_2")
    # Without GPT-2's merges the words around the added tokens stay as letters.
    bytes_ = byte_words("I", "ĠI", "Ġsaw", "Ġa", "Ġlike", "Ġdancing", "Ġd", "anc", "Ġl", "ĠðŁĺ", "ðŁĺ", "Ġda")
    size = len(bytes_["vocab"])
    masked, dance = "I saw a <mask> 😺", "I like dancing"
    for what, prefix, tokens, text in [
            ("lstrip_tokens", True, [added("<mask>", 0, True, lstrip=True)], masked), ("rstrip_tokens", False, [added("<mask>", 0, True, rstrip=True)], masked),
            ("rstrip_tokens", True, [added("<mask>", 0, True, rstrip=True)], masked),
            ("single_word_tokens", False, [added("ing", 0, True, single_word=True)], dance), ("single_word_tokens", False, [added("ing", 0, True)], dance),
            ("overlapping_tokens", False, [added(t, 0, True) for t in ("danc", "nci", "ing")], dance),
            ("overlapping_tokens", False, [added(t, 0, True) for t in ("nci", "danc", "ing", "ike")], dance)]:
        tokens = [{**token, "id": size + place} for place, token in enumerate(tokens)]
        whole = {"pre_tokenizer": byte_level(prefix), "post_processor": byte_level(True), "decoder": byte_level(), "model": bytes_, "added_tokens": tokens}
        yield entry("tests/added_tokens.rs: " + what, whole, [(text,)])


def of_offsets():
    pieces = "Hello Ġthere , Ġhow Ġare Ġyou ? My ĠMy Ġname Ġis ĠAnthony What ĠWhat Ġmy ĠHello".split()
    for trim in (False, True):
        whole = {"pre_tokenizer": byte_level(True, trim), "post_processor": byte_level(True, trim), "model": byte_words(*pieces)}
        yield entry("tests/offsets.rs: byte_level_basic, byte_level_unicode, byte_level_double_sequence", whole,
                    [("Hello there, how are you?",), ("i⭢j",), ("My name is Anthony", "What is my name?")])
    bert = {"normalizer": N("BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True),
            "pre_tokenizer": N("BertPreTokenizer"), "model": words("yesterday", "i", "saw", "a", "far", "away"), "added_tokens": [added("[MASK]", 7, True)]}
    yield entry("tests/offsets.rs: split_on_added_tokens_bert", bert, [("Yesterday I saw a [MASK] far away",)])


def of_models():
    def bpe(vocab, merges, **more):
        return N("BPE", vocab={piece: place for place, piece in enumerate(vocab)}, merges=merges, **more)

    related = bpe("u n r e l a t d re at ed un ated rel related unrelated".split(),
                  ["r e", "a t", "e d", "u n", "at ed", "re l", "rel ated", "un related"])
    hello = "h e l o he hel hell hello".split()
    whole = ".:.: Ġbelirtilen . : bel irtilen Ġ .: belirtilen .:. be l ir ti en irtil irti i r t b e n".split()
    merges = [". :", "b e", "be l", "i r", "t i", "ir ti", "e n", "irti l"]
    for what, model, texts in [
            ("bpe/model.rs: test_tokenize_with_and_without_dropout", related, ["unrelated"]),
            ("bpe/model.rs: test_cache_is_per_bpe_instance", bpe(hello, ["h e", "he l", "hel l", "hell o"]), ["hello", "hello"]),
            ("bpe/model.rs: test_cache_is_per_bpe_instance", bpe(hello[:4], []), ["hello", "hello"]),
            ("bpe/model.rs: test_bpe_with_continuing_subword_prefix",
             bpe(["a", "##b", "##c", "ab", "abc", "[UNK]"], ["a ##b", "ab ##c"], unk_token="[UNK]", continuing_subword_prefix="##"), ["ab", "abc"]),
            ("bpe/model.rs: test_ignore_merges", bpe(whole, merges, ignore_merges=True), [".:.:", "Ġbelirtilen"]),
            ("bpe/model.rs: test_ignore_merges", bpe(whole, merges, ignore_merges=False), [".:.:", "Ġbelirtilen"]),
            ("wordlevel/mod.rs: test_tokenize_unk", words("a", "b"), ["c", "a"])]:
        yield entry("models/" + what, {"model": model}, [(text,) for text in texts])


def of_qwen2():
    """transformers, tests/models/qwen2/test_tokenization_qwen2.py, Apache-2.0."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = [*map(chr, plain), *(chr(0x100 + n) for n in range(256 - len(plain)))]
    more = ["Ġl", "Ġn", "Ġlo", "Ġlow", "er", "Ġlowest", "Ġnewer", "Ġwider", "01", ";}", ";}Ċ", "Ïĵ", "Ġ#", "##"]
    merges = ["Ġ l", "Ġl o", "Ġlo w", "e r", "0 1", "; }", ";} Ċ", "Ï ĵ", "Ġ #", "# #"]
    pattern = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    whole = {"normalizer": N("NFC"), "pre_tokenizer": N("Sequence", pretokenizers=[split(pattern), byte_level(regex=False)]), "decoder": byte_level(),
             "model": N("BPE", vocab={piece: place for place, piece in enumerate(letters + more)}, merges=merges),
             "added_tokens": [added("<|endoftext|>", 270, True), added("<|im_start|>", 271, True)]}
    texts = ["lower lower newer 010;}\n<|endoftext|>\u03d2\u0301", " ###", "\u03d2\u0301\u03d2\u0308\u017f\u0307"]
    out = entry("tests/models/qwen2/test_tokenization_qwen2.py", whole, [(text,) for text in texts], [([259, 260, 270, 271, 26], False)])
    assert out["cases"][0][3] == [75, 78, 86, 260, 259, 260, 220, 77, 68, 86, 260, 220, 15, 16, 15, 266, 270, 267]
    assert out["cases"][1][3] == [268, 269] and out["decodings"][0][2] == " lower<|endoftext|><|im_start|>;"
    yield {**out, "source": out["source"].replace("tokenizers,", "transformers,")}


def main():
    made = [each for part in (of_normalizers, of_pre_tokenizers, of_decoders, of_processors, of_added_tokens, of_offsets, of_models, of_qwen2) for each in part()]
    OUT.write_text("[\n" + ",\n".join(json.dumps(each, ensure_ascii=False) for each in made) + "\n]\n", encoding="utf-8")
    print(f"{len(made)} entries, {sum(len(each['cases']) + len(each['decodings']) for each in made)} cases, {OUT.stat().st_size} bytes")


main()
