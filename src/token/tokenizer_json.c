// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads tokenizer.json: each component is compiled into the tokenizer's steps, or refused by name.
#include "tokenizer_read.h"

// ---- Members ------------------------------------------------------------------------------------

// The place of a JSON string in a list of strings, -1: it is not there, or no string.
static int find_name(wm_json string, const char *list) {
    for (int i = 0; *list; i++, list += strlen(list) + 1)
        if (wm_json_string_is(string, list)) return i;
    return -1;
}

// The members of an object that `keys` lists, each at its key's place; absent ones are absent.
static void read_members(wm_json object, const char *keys, wm_json *members) {
    for (wm_json_iter member = wm_json_each(object); wm_json_next(&member);) {
        int key = find_name(member.key, keys);
        if (key >= 0) members[key] = member.value;
    }
}

// Members of the component in work.
static wm_json part_of(const wm_reading *reading, const char *key) {
    WM_AS_POINTER(reading);
    return wm_json_get(reading->part, key);
}

static WM_NOINLINE bool flag_of(const wm_reading *reading, const char *key, bool otherwise) {
    WM_AS_POINTER(reading);
    return wm_json_flag(reading->part, key, otherwise);
}

static int choice_of(const wm_reading *reading, const char *key, const char *list) {
    wm_json value = part_of(reading, key);
    return find_name(value, list);
}

static wm_status string_of(wm_reading *reading, const char *key, wm_span *to) {
    wm_json value = part_of(reading, key);
    return wm_reading_string(reading, value, to);
}

static wm_status refuse(const wm_reading *reading, const char *what, const wm_span *name) {
    WM_AS_POINTER(reading);
    return wm_fail(reading->error, WM_ERROR_UNSUPPORTED, 0,
                   name ? "%z: not supported: %z %s" : "%z: not supported: %z", reading->file, what,
                   name);
}

// A pattern: its Regex, else its String.
static wm_status read_pattern(wm_reading *reading, wm_span *text, bool *regex) {
    wm_json pattern = part_of(reading, "pattern"), value = wm_json_get(pattern, "Regex");
    *regex = wm_json_present(value);
    if (!*regex) value = wm_json_get(pattern, "String");
    return wm_reading_string(reading, value, text);
}

static wm_status refuse_pattern(const wm_reading *reading, const wm_span *text) {
    return refuse(reading, "the pattern", text);
}

// ---- Normalizers --------------------------------------------------------------------------------

static wm_status read_charsmap(wm_reading *reading, wm_charsmap *map) {
    wm_span text;
    uint8_t *blob;
    WM_TRY(string_of(reading, "precompiled_charsmap", &text));
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, blob, text.n / 4 * 3 + 1, reading->error));
    size_t n = wm_base64_decode(text, blob);
    if (n == SIZE_MAX) return wm_reading_bad(reading, "precompiled_charsmap is not base64");
    return wm_charsmap_open(map, (wm_span){blob, n}, reading->error);
}

static wm_status read_normalizer(wm_reading *reading, int kind) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_normalizer *step = &tokenizer->normalizers[tokenizer->normalizer_count++];
    bool regex;
    step->kind = (wm_normalizer_kind)kind;
    switch (step->kind) {
    case WM_NORMALIZER_BERT: {
        bool lower = flag_of(reading, "lowercase", true);
        step->options = wm_bert_options(flag_of(reading, "clean_text", true),
                                        flag_of(reading, "handle_chinese_chars", true),
                                        flag_of(reading, "strip_accents", lower), lower);
        return WM_OK;
    }
    case WM_NORMALIZER_STRIP:
        if (flag_of(reading, "strip_left", true)) step->options = WM_STRIP_LEFT;
        if (flag_of(reading, "strip_right", true)) step->options |= WM_STRIP_RIGHT;
        return WM_OK;
    case WM_NORMALIZER_PREPEND: return string_of(reading, "prepend", &step->content);
    case WM_NORMALIZER_REPLACE:
        WM_TRY(read_pattern(reading, &step->pattern, &regex));
        if (regex && !wm_span_is(step->pattern, " {2,}"))
            return refuse_pattern(reading, &step->pattern);
        if (regex)
            step->pattern.n = 0;
        else if (!step->pattern.n) // nothing matches
            tokenizer->normalizer_count--;
        return string_of(reading, "content", &step->content);
    case WM_NORMALIZER_CHARSMAP: return read_charsmap(reading, &step->charsmap);
    default: return WM_OK;
    }
}

// ---- Pre-tokenizers -----------------------------------------------------------------------------

static const char behaviors[] =
    "Isolated\0Removed\0Contiguous\0MergedWithPrevious\0MergedWithNext\0";

static wm_status read_split(wm_reading *reading, wm_splitter *step, bool fine) {
    int kind = WM_SPLITTER_LITERAL;
    bool regex;
    wm_span list = {0};
    WM_TRY(read_pattern(reading, &step->content, &regex));
    fine = fine && step->content.n;
    if (regex) kind = wm_splitter_find(step->content, &list);
    if (kind < 0) return refuse_pattern(reading, &step->content);
    if (regex) WM_TRY(wm_splitter_list(step, list, &reading->tokenizer->arena, reading->error));
    step->kind = (wm_splitter_kind)kind;
    return fine ? WM_OK : refuse(reading, "a Split with this behavior or pattern", NULL);
}

static wm_status read_metaspace(wm_reading *reading, wm_splitter *step) {
    int scheme = choice_of(reading, "prepend_scheme", "never\0always\0first\0");
    WM_TRY(string_of(reading, "replacement", &step->content));
    if (!step->content.n) return wm_reading_bad(reading, "Metaspace without replacement");
    step->options = scheme < 0 ? WM_METASPACE_ALWAYS : (uint32_t)scheme;
    if (!flag_of(reading, "add_prefix_space", true)) step->options = 0;
    if (!flag_of(reading, "split", true)) return WM_OK;
    step[1].content = step->content;
    step[1].kind = WM_SPLITTER_LITERAL;
    step[1].behavior = WM_SPLIT_WITH_NEXT;
    reading->tokenizer->splitter_count++;
    return WM_OK;
}

enum { SPLIT_BERT, SPLIT_BYTE_LEVEL, SPLIT_METASPACE, SPLIT_PATTERN, SPLIT_WHITESPACE };
enum { SPLIT_SPACES = 5, SPLIT_PUNCTUATION, SPLIT_DIGITS };

static wm_status read_pre_tokenizer(wm_reading *reading, int kind) {
    static const uint8_t kinds[] = {[SPLIT_BERT] = WM_SPLITTER_SPACES,
                                    [SPLIT_WHITESPACE] = WM_SPLITTER_WORD_RUNS,
                                    [SPLIT_SPACES] = WM_SPLITTER_SPACES,
                                    [SPLIT_METASPACE] = WM_SPLITTER_METASPACE,
                                    [SPLIT_PUNCTUATION] = WM_SPLITTER_PUNCTUATION,
                                    [SPLIT_DIGITS] = WM_SPLITTER_NUMBERS};
    wm_tokenizer *tokenizer = reading->tokenizer;
    int behavior = choice_of(reading, "behavior", behaviors);
    if (tokenizer->model.byte_level) // it would see ByteLevel's letters
        return refuse(reading, "a pre-tokenizer after ByteLevel", NULL);
    if (kind == SPLIT_BYTE_LEVEL) {
        wm_splitters_byte_level(tokenizer, flag_of(reading, "add_prefix_space", true),
                                flag_of(reading, "use_regex", true));
        return WM_OK;
    }
    wm_splitter *step = &tokenizer->splitters[tokenizer->splitter_count++];
    bool fine = behavior >= 0;
    if (!fine) behavior = WM_SPLIT_ISOLATED;
    if (kind == SPLIT_DIGITS && !flag_of(reading, "individual_digits", false))
        behavior = WM_SPLIT_CONTIGUOUS;
    if (kind < SPLIT_PUNCTUATION && kind != SPLIT_PATTERN) behavior = WM_SPLIT_REMOVED;
    step->kind = (wm_splitter_kind)kinds[kind];
    step->behavior = (wm_split_behavior)behavior;
    step->invert = kind == SPLIT_WHITESPACE || flag_of(reading, "invert", false);
    if (kind == SPLIT_METASPACE) return read_metaspace(reading, step);
    if (kind == SPLIT_PATTERN) return read_split(reading, step, fine);
    if (kind == SPLIT_BERT)
        tokenizer->splitters[tokenizer->splitter_count++].kind = WM_SPLITTER_PUNCTUATION;
    return WM_OK;
}

// ---- Decoders -----------------------------------------------------------------------------------

static bool count_of(const wm_reading *reading, const char *key, uint32_t *count) {
    uint64_t number;
    if (!wm_json_u64(part_of(reading, key), &number)) return false;
    *count = (uint32_t)WM_MIN(number, UINT32_MAX);
    return true;
}

static wm_status read_decoder(wm_reading *reading, int kind) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_decoder *step = &tokenizer->decoders[tokenizer->decoder_count++];
    // The key of each kind's content.
    static const char *const contents[] = {
        [WM_DECODER_WORDPIECE] = "prefix", [WM_DECODER_METASPACE] = "replacement",
        [WM_DECODER_STRIP] = "content",    [WM_DECODER_REPLACE] = "content",
        [WM_DECODER_BPE] = "suffix",
    };
    bool regex = false;
    step->kind = (wm_decoder_kind)kind;
    if (kind == WM_DECODER_WORDPIECE) step->flag = flag_of(reading, "cleanup", true);
    if (kind == WM_DECODER_METASPACE)
        step->flag = choice_of(reading, "prepend_scheme", "never\0") == 0 ||
                     !flag_of(reading, "add_prefix_space", true);
    if (kind == WM_DECODER_STRIP &&
        (!count_of(reading, "start", &step->start) || !count_of(reading, "stop", &step->stop)))
        return wm_reading_bad(reading, "a Strip without start or stop");
    if (kind == WM_DECODER_REPLACE) WM_TRY(read_pattern(reading, &step->pattern, &regex));
    if (regex) return refuse_pattern(reading, &step->pattern);
    return contents[kind] ? string_of(reading, contents[kind], &step->content) : WM_OK;
}

// ---- Post-processors ----------------------------------------------------------------------------

// False, and *id is -1: the value is no id.
static bool read_token_id(wm_json value, int32_t *id) {
    uint64_t number;
    bool fine = wm_json_u64(value, &number) && number <= INT32_MAX;
    *id = fine ? (int32_t)number : -1;
    return fine;
}

// The ids of a special token of TemplateProcessing, as steps.
static wm_status add_special_steps(wm_reading *reading, wm_json name, uint32_t type,
                                   wm_template *to) {
    wm_span id;
    WM_TRY(wm_reading_string(reading, name, &id));
    wm_json_iter special = wm_json_each(part_of(reading, "special_tokens"));
    while (wm_json_next(&special)) { // both are written by one hand
        if (!wm_span_equal(wm_json_span(special.key), wm_json_span(name))) continue;
        for (wm_json_iter item = wm_json_each(wm_json_get(special.value, "ids"));
             wm_json_next(&item);) {
            int32_t number;
            if (!read_token_id(item.value, &number))
                return wm_reading_bad(reading, "an odd id of a special token");
            WM_TRY(wm_template_add(reading, to, number, type));
        }
        return WM_OK;
    }
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "the template names an unknown token", &id);
}

static wm_status read_template(wm_reading *reading, const char *key, bool is_pair,
                               wm_template *to) {
    to->count = to->special = 0;
    for (wm_json_iter item = wm_json_each(part_of(reading, key)); wm_json_next(&item);) {
        uint64_t type;
        wm_json step = wm_json_get(item.value, "SpecialToken");
        bool special = wm_json_present(step);
        if (!special) step = wm_json_get(item.value, "Sequence");
        wm_json id = wm_json_get(step, "id");
        if (!wm_json_u64_of(step, "type_id", &type) || type > UINT8_MAX)
            return wm_reading_bad(reading, "a template's step has no type_id");
        int which = find_name(id, "A\0B\0");
        if (special) {
            WM_TRY(add_special_steps(reading, id, (uint32_t)type, to));
            continue;
        }
        if (which < 0 || which > is_pair)
            return wm_reading_bad(reading, "the template names an unknown sequence");
        WM_TRY(wm_template_add(reading, to, WM_TEMPLATE_A - which, (uint32_t)type));
    }
    return WM_OK;
}

// ["[SEP]", 102]
static int32_t token_of(const wm_reading *reading, const char *key) {
    wm_json_iter item = wm_json_each(part_of(reading, key));
    int32_t id = -1;
    if (wm_json_next(&item) && wm_json_next(&item)) read_token_id(item.value, &id);
    return id;
}

enum { POST_BERT, POST_ROBERTA, POST_TEMPLATE, POST_BYTE_LEVEL };

static wm_status read_post_processor(wm_reading *reading, int kind) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    if (kind == POST_BYTE_LEVEL || kind == POST_ROBERTA) {
        tokenizer->trim_offsets |= flag_of(reading, "trim_offsets", true);
        tokenizer->trim_prefix_space = flag_of(reading, "add_prefix_space", true);
    }
    if (kind == POST_BYTE_LEVEL) return WM_OK;
    if (reading->templated) return refuse(reading, "a second post-processor", NULL);
    reading->templated = true;
    if (kind == POST_TEMPLATE) {
        WM_TRY(read_template(reading, "single", false, &tokenizer->single));
        return read_template(reading, "pair", true, &tokenizer->pair);
    }
    int32_t ids[] = {token_of(reading, "cls"), token_of(reading, "sep")};
    if (ids[0] < 0 || ids[1] < 0)
        return wm_reading_bad(reading, "a post-processor lacks cls or sep");
    return wm_template_set(reading, kind == POST_ROBERTA ? "cAs\0cAssBs" : "cAs\0cAs:Bs", ids);
}

// ---- Chains -------------------------------------------------------------------------------------

// In the order of the root's keys; the kinds in that of their enums.
static const struct {
    const char *what, *list, *kinds;
    wm_status (*read)(wm_reading *reading, int kind);
} chains[] = {
    {"a normalizer of type", "normalizers",
     "BertNormalizer\0NFC\0NFD\0NFKC\0NFKD\0Lowercase\0StripAccents\0Strip\0Prepend\0Replace\0Preco"
     "mpiled\0",
     read_normalizer},
    {"a pre-tokenizer of type", "pretokenizers",
     "BertPreTokenizer\0ByteLevel\0Metaspace\0Split\0Whitespace\0WhitespaceSplit\0Punctuation\0"
     "Digits\0",
     read_pre_tokenizer},
    {"a decoder of type", "decoders",
     "ByteLevel\0WordPiece\0Metaspace\0ByteFallback\0Fuse\0Strip\0Replace\0BPEDecoder\0",
     read_decoder},
    {"a post-processor of type", "processors",
     "BertProcessing\0RobertaProcessing\0TemplateProcessing\0ByteLevel\0", read_post_processor},
};

// A component, and those of the Sequences inside it, in order, without recursion.
static wm_status read_chain(wm_reading *reading, size_t which, wm_json root) {
    wm_json_iter levels[WM_LIMIT_JSON_DEPTH];
    size_t depth = 0, count = 0;
    reading->part = root;
    for (bool more = !wm_json_null(root); more;) {
        wm_json type = part_of(reading, "type");
        if (wm_json_string_is(type, "Sequence")) { // as deep as JSON at the most
            levels[depth++] = wm_json_each(part_of(reading, chains[which].list));
        } else {
            int kind = find_name(type, chains[which].kinds);
            wm_span name = wm_json_span(type);
            if (kind < 0) return refuse(reading, chains[which].what, &name);
            if (count++ == WM_TOKENIZER_STEPS)
                return wm_reading_fail(reading, WM_ERROR_LIMIT, "over 16 steps of one kind", NULL);
            WM_TRY(chains[which].read(reading, kind));
        }
        while ((more = depth > 0) && !wm_json_next(&levels[depth - 1])) depth--;
        if (more) reading->part = levels[depth - 1].value;
    }
    return WM_OK;
}

// ---- The model ----------------------------------------------------------------------------------

static const char model_keys[] =
    "type\0vocab\0merges\0unk_token\0unk_id\0continuing_subword_prefix\0end_of_word_suffix\0"
    "max_input_chars_per_word\0dropout\0byte_fallback\0fuse_unk\0ignore_merges\0";
enum { MODEL_TYPE, MODEL_VOCAB, MODEL_MERGES, MODEL_UNK, MODEL_UNK_ID, MODEL_PREFIX, MODEL_SUFFIX };
enum { MODEL_CHARACTERS = 7, MODEL_DROPOUT, MODEL_FALLBACK, MODEL_FUSE, MODEL_IGNORE, MODEL_KEYS };

static wm_status read_bpe(wm_reading *reading, const wm_json *members) {
    wm_token_model *model = &reading->tokenizer->model;
    double dropout = 0;
    wm_json_f64(members[MODEL_DROPOUT], &dropout);
    wm_json_bool(members[MODEL_FUSE], &model->fuse_unknown);
    wm_json_bool(members[MODEL_IGNORE], &model->ignore_merges);
    if (dropout != 0) return refuse(reading, "dropout", NULL);
    // Bytes of what a prefix or suffix is part of would be the prefix's too.
    if ((model->byte_level || model->byte_fallback) &&
        (model->prefix.n || model->suffix.n || model->byte_level == model->byte_fallback))
        return refuse(reading, "ByteLevel or byte_fallback, with the other, a prefix or a suffix",
                      NULL);
    if (wm_json_type_of(members[MODEL_MERGES]) != WM_JSON_ARRAY)
        return wm_reading_bad(reading, "the merges are no array");
    return wm_merges_read(reading, wm_entries_of_json(members[MODEL_MERGES]));
}

// model.unk: the piece that unk_token names, or unk_id.
static wm_status read_unknown(wm_reading *reading, const wm_json *members) {
    wm_token_model *model = &reading->tokenizer->model;
    wm_span text;
    if (model->kind == WM_TOKENS_UNIGRAM) {
        if (read_token_id(members[MODEL_UNK_ID], &model->unk) &&
            (uint32_t)model->unk < model->vocabulary.ids)
            return WM_OK;
        return wm_reading_bad(reading, "unk_id is no piece");
    }
    WM_TRY(wm_reading_string(reading, members[MODEL_UNK], &text));
    model->unk = wm_vocabulary_find(&model->vocabulary, text);
    bool none = wm_json_null(members[MODEL_UNK]);
    if (none) model->unk = -1;
    if (model->unk >= 0 || (none && model->kind == WM_TOKENS_BPE)) return WM_OK;
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "unk_token is no piece:", &text);
}

static wm_status read_model(wm_reading *reading, wm_json root) {
    wm_json members[MODEL_KEYS] = {{NULL}};
    wm_token_model *model = &reading->tokenizer->model;
    uint64_t characters = 0;
    if (wm_json_null(root)) return wm_reading_bad(reading, "no model");
    read_members(root, model_keys, members);
    wm_span name = wm_json_span(members[MODEL_TYPE]);
    int kind = find_name(members[MODEL_TYPE], "WordPiece\0BPE\0Unigram\0WordLevel\0");
    if (!name.p) { // files before tokenizers 0.8 do not say
        if (wm_json_present(members[MODEL_CHARACTERS])) kind = WM_TOKENS_WORDPIECE;
        if (wm_json_present(members[MODEL_MERGES])) kind = WM_TOKENS_BPE;
        if (wm_json_present(members[MODEL_UNK_ID])) kind = WM_TOKENS_UNIGRAM;
    }
    if (kind < 0) return refuse(reading, "a model of type", &name);
    model->kind = (wm_model_kind)kind;
    if (model->byte_level && kind != WM_TOKENS_BPE)
        return refuse(reading, "another model than BPE after ByteLevel", NULL);
    if (wm_json_type_of(members[MODEL_VOCAB]) !=
        (kind == WM_TOKENS_UNIGRAM ? WM_JSON_ARRAY : WM_JSON_OBJECT))
        return wm_reading_bad(reading, "no vocab of this model's form");
    WM_TRY(wm_vocabulary_read(reading, wm_entries_of_json(members[MODEL_VOCAB])));
    WM_TRY(wm_reading_string(reading, members[MODEL_PREFIX], &model->prefix));
    WM_TRY(wm_reading_string(reading, members[MODEL_SUFFIX], &model->suffix));
    if (WM_MAX(model->prefix.n, model->suffix.n) > WM_BPE_AFFIX)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "over 64 bytes: the prefix or suffix",
                               NULL);
    WM_TRY(read_unknown(reading, members));
    wm_json_bool(members[MODEL_FALLBACK], &model->byte_fallback);
    wm_bpe_find_bytes(model);
    if (kind == WM_TOKENS_BPE) return read_bpe(reading, members);
    bool given = wm_json_u64(members[MODEL_CHARACTERS], &characters);
    model->max_characters = (uint32_t)characters;
    if (kind >= WM_TOKENS_UNIGRAM || (given && characters <= WM_WORDPIECE_CHARACTERS)) return WM_OK;
    return wm_reading_fail(reading, given ? WM_ERROR_LIMIT : WM_ERROR_FORMAT,
                           "max_input_chars_per_word: expected 0 to 65536", NULL);
}

// ---- The whole ----------------------------------------------------------------------------------

static const char root_keys[] =
    "normalizer\0pre_tokenizer\0decoder\0post_processor\0model\0added_tokens\0";
enum { ROOT_MODEL = 4, ROOT_ADDED, ROOT_KEYS };

static wm_status read_added_tokens(wm_reading *reading, wm_json list) {
    WM_TRY(wm_added_init(reading->tokenizer, wm_json_count(list), reading->error));
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item);)
        if (!wm_json_present(wm_json_get(item.value, "content")))
            return wm_reading_bad(reading, "an added token without content");
    WM_TRY(wm_added_read_all(reading, list, (wm_added_token){0}, true));
    return wm_added_index(reading->tokenizer, reading->error);
}

wm_status wm_tokenizer_read_json(wm_tokenizer *tokenizer, wm_span file, wm_error *error) {
    wm_reading reading = {.tokenizer = tokenizer, .file = "tokenizer.json", .error = error};
    wm_json root, members[ROOT_KEYS] = {{NULL}};
    WM_TRY(wm_json_check(file, reading.file, 0, &root, error));
    read_members(root, root_keys, members);
    WM_TRY(wm_template_set(&reading, "A\0A:B", NULL));
    for (size_t i = 0; i < WM_COUNT(chains); i++) WM_TRY(read_chain(&reading, i, members[i]));
    WM_TRY(read_model(&reading, members[ROOT_MODEL]));
    return read_added_tokens(&reading, members[ROOT_ADDED]);
}
