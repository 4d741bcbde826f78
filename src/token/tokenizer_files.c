// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads what there was before tokenizer.json: vocab.txt as BertTokenizerFast does, vocab.json with
// merges.txt as GPT2TokenizerFast and RobertaTokenizerFast do.
#include "../base/magic.h"
#include "tokenizer_read.h"

// HF's special tokens, in the order in which it adds them.
enum {
    SPECIAL_BOS,
    SPECIAL_EOS,
    SPECIAL_UNK,
    SPECIAL_SEP,
    SPECIAL_PAD,
    SPECIAL_CLS,
    SPECIAL_MASK,
    SPECIAL_COUNT
};
static const char *const special_keys[SPECIAL_COUNT] = {
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"};

typedef struct token_family {
    const char *classes, *model_types; // of tokenizer_config.json and config.json, between spaces
    const char *special[SPECIAL_COUNT];
    bool strip_mask, two_seps;
} token_family;

enum { FAMILY_BERT, FAMILY_MPNET, FAMILY_ROBERTA, FAMILY_GPT2 };
static const token_family token_families[] = {
    {" BertTokenizer DistilBertTokenizer ElectraTokenizer ",
     " bert distilbert electra ",
     {NULL, NULL, "[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"},
     false,
     false},
    {" MPNetTokenizer ",
     " mpnet ",
     {"<s>", "</s>", "[UNK]", "</s>", "<pad>", "<s>", "<mask>"},
     true,
     true},
    {" RobertaTokenizer ",
     " roberta ",
     {"<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>"},
     true,
     true},
    {" GPT2Tokenizer ",
     " gpt2 gpt_neo ",
     {"<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL, NULL, NULL, NULL},
     false,
     false},
};

// The JSON files beside the vocabulary; absent ones are absent values.
typedef struct side_files {
    wm_json config, tokenizer_config, special_map;
} side_files;

static wm_status read_side_file(const wm_source *files, size_t file_count, const char *name,
                                wm_json *root, wm_error *error) {
    const wm_source *file = wm_source_find(files, file_count, name);
    *root = (wm_json){0};
    return file ? wm_json_check(file->bytes, name, WM_JSON_PYTHON, root, error) : WM_OK;
}

static bool is_word_of(wm_json name, const char *words) {
    wm_span view;
    if (!wm_json_present(name) || wm_json_type_of(name) != WM_JSON_STRING ||
        !wm_json_string_plain(name, &view))
        return false;
    if (view.n > 4 && memcmp(view.p + view.n - 4, "Fast", 4) == 0) view.n -= 4;
    for (; *words; words++)
        if (*words == ' ' && strlen(words + 1) > view.n && memcmp(words + 1, view.p, view.n) == 0 &&
            words[1 + view.n] == ' ')
            return true;
    return false;
}

static const token_family *find_token_family(const side_files *side, size_t first, size_t last) {
    wm_json class = wm_json_get(side->tokenizer_config, "tokenizer_class");
    wm_json model_type = wm_json_get(side->config, "model_type");
    for (size_t i = first; i <= last; i++)
        if (is_word_of(class, token_families[i].classes)) return &token_families[i];
    for (size_t i = first; i <= last; i++)
        if (is_word_of(model_type, token_families[i].model_types)) return &token_families[i];
    return NULL;
}

// ---- Special tokens -----------------------------------------------------------------------------

// What the files say of a special token; absent: nothing.
static wm_json special_value(const side_files *side, const char *key) {
    wm_json value = wm_json_get(side->special_map, key);
    return wm_json_present(value) ? value : wm_json_get(side->tokenizer_config, key);
}

// The content of a special token that is written as a string or as an object.
static wm_json special_content(wm_json value) {
    if (wm_json_present(value) && wm_json_type_of(value) == WM_JSON_OBJECT)
        value = wm_json_get(value, "content");
    return wm_json_present(value) && wm_json_type_of(value) == WM_JSON_STRING ? value
                                                                              : (wm_json){0};
}

static wm_status add_special(wm_reading *reading, wm_json value, wm_span content, bool lstrip) {
    wm_added_token token = {.content = content, .lstrip = lstrip, .special = true};
    if (wm_json_present(special_content(value)))
        WM_TRY(wm_reading_string(reading, special_content(value), &token.content));
    if (wm_json_present(value) && wm_json_type_of(value) == WM_JSON_OBJECT) {
        token.lstrip = wm_json_flag(value, "lstrip", false);
        token.rstrip = wm_json_flag(value, "rstrip", false);
        token.single_word = wm_json_flag(value, "single_word", false);
        token.normalized = wm_json_flag(value, "normalized", false);
    }
    if (wm_vocabulary_find(&reading->tokenizer->added_names, (wm_span){0}, token.content) < 0)
        wm_added_append(reading->tokenizer, token);
    return WM_OK;
}

// All added tokens, as PreTrainedTokenizerFast gathers them; ids[i] is special_keys[i]'s, -1: none.
static wm_status add_specials(wm_reading *reading, const side_files *side,
                              const token_family *family, int32_t *ids) {
    wm_json listed = wm_json_get(side->tokenizer_config, "added_tokens_decoder");
    wm_json more = special_value(side, "additional_special_tokens");
    uint64_t count = SPECIAL_COUNT;
    for (wm_json_iter item = wm_json_each(listed); wm_json_next(&item);) count++;
    for (wm_json_iter item = wm_json_each(more); wm_json_next(&item);) count++;
    wm_tokenizer *tokenizer = reading->tokenizer;
    WM_TRY(wm_added_init(tokenizer, count, reading->error));
    for (wm_json_iter item = wm_json_each(listed); wm_json_next(&item);) {
        wm_json content = special_content(item.value);
        if (wm_json_present(content)) WM_TRY(wm_added_read(reading, &content, &item.value));
    }
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        wm_json value = special_value(side, special_keys[i]);
        const char *usual = wm_json_present(value) ? NULL : family->special[i];
        ids[i] = -1;
        if (!usual && !wm_json_present(special_content(value))) continue;
        wm_span content = usual ? wm_span_of(usual) : (wm_span){0};
        WM_TRY(add_special(reading, value, content, i == SPECIAL_MASK && family->strip_mask));
        if (!usual) WM_TRY(wm_reading_string(reading, special_content(value), &content));
        int32_t index = wm_vocabulary_find(&tokenizer->added_names, (wm_span){0}, content);
        if (index >= 0) ids[i] = tokenizer->added[index].id;
    }
    for (wm_json_iter item = wm_json_each(more); wm_json_next(&item);)
        if (wm_json_present(special_content(item.value)))
            WM_TRY(add_special(reading, item.value, (wm_span){0}, false));
    return wm_added_index(tokenizer, reading->error);
}

// cls A sep …; both must be there.
static wm_status set_cls_sep(wm_reading *reading, const int32_t *ids, const token_family *family,
                             uint8_t second) {
    if (ids[SPECIAL_CLS] < 0 || ids[SPECIAL_SEP] < 0)
        return wm_reading_fail(reading, WM_ERROR_MISSING, "no cls_token or no sep_token", NULL);
    return wm_template_cls_sep(reading, ids[SPECIAL_CLS], ids[SPECIAL_SEP], family->two_seps,
                               second);
}

// ---- Lines --------------------------------------------------------------------------------------

// The next line of a text, without its end (\n, \r\n or \r, as Python reads them). False: there is
// none.
static bool next_line(wm_span *text, wm_span *line) {
    size_t n = 0;
    if (!text->n) return false;
    while (n < text->n && text->p[n] != '\n' && text->p[n] != '\r') n++;
    *line = (wm_span){text->p, n};
    if (n + 1 < text->n && text->p[n] == '\r' && text->p[n + 1] == '\n') n++;
    n += n < text->n;
    *text = (wm_span){text->p + n, text->n - n};
    return true;
}

static wm_status check_text(const wm_reading *reading, wm_span text) {
    WM_TRY(wm_magic_check(text, wm_span_of(reading->file), reading->error));
    size_t valid = wm_utf8_check(text);
    if (valid == text.n) return WM_OK;
    return wm_fail(reading->error, WM_ERROR_UTF8, valid, "%z: byte %u begins no UTF-8 character",
                   reading->file, (uint64_t)valid);
}

// ---- vocab.txt ----------------------------------------------------------------------------------

static wm_status read_vocab_txt(wm_reading *reading, wm_span text) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_vocabulary *vocabulary = &tokenizer->model.vocabulary;
    wm_span rest = text, line;
    uint64_t count = 0;
    WM_TRY(check_text(reading, text));
    while (next_line(&rest, &line)) count++;
    WM_TRY(wm_vocabulary_init(vocabulary, &tokenizer->arena, count, count, reading->error));
    uint32_t id = 0;
    for (rest = text; next_line(&rest, &line); id++) wm_vocabulary_add(vocabulary, line, id);
    tokenizer->vocabulary = id;
    return wm_vocabulary_index(vocabulary, &tokenizer->arena, reading->error);
}

static wm_status read_bert(wm_reading *reading, const side_files *side, wm_span vocab) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_token_model *model = &tokenizer->model;
    const token_family *family = find_token_family(side, FAMILY_BERT, FAMILY_MPNET);
    int32_t ids[SPECIAL_COUNT];
    if (!family) family = &token_families[FAMILY_BERT];
    WM_TRY(read_vocab_txt(reading, vocab));
    bool lower = wm_json_flag(side->tokenizer_config, "do_lower_case", true);
    uint32_t options = WM_BERT_CLEAN;
    if (wm_json_flag(side->tokenizer_config, "tokenize_chinese_chars", true))
        options |= WM_BERT_IDEOGRAPHS;
    if (wm_json_flag(side->tokenizer_config, "strip_accents", lower)) options |= WM_BERT_STRIP;
    if (lower) options |= WM_BERT_LOWER;
    tokenizer->normalizers[tokenizer->normalizer_count++] =
        (wm_normalizer){.kind = WM_NORMALIZER_BERT, .options = options};
    tokenizer->splitters[0] =
        (wm_splitter){.kind = WM_SPLITTER_SPACES, .behavior = WM_SPLIT_REMOVED};
    tokenizer->splitters[1].kind = WM_SPLITTER_PUNCTUATION;
    tokenizer->splitter_count = 2;
    tokenizer->decoders[tokenizer->decoder_count++] =
        (wm_decoder){.kind = WM_DECODER_WORDPIECE, .flag = true, .content = WM_TEXT("##")};
    model->kind = WM_TOKENS_WORDPIECE;
    model->prefix = WM_TEXT("##");
    model->max_characters = 100;
    WM_TRY(add_specials(reading, side, family, ids));
    model->unk = ids[SPECIAL_UNK];
    if (model->unk < 0 || (uint32_t)model->unk >= model->vocabulary.ids)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "no unk_token", NULL);
    return set_cls_sep(reading, ids, family, 1);
}

// ---- vocab.json and merges.txt ------------------------------------------------------------------

// merges.txt as HF's slow tokenizers read it: the first line and what follows the last \n do not
// count.
static wm_status read_merges_txt(wm_reading *reading, wm_span text) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_merge *merges;
    uint64_t count = 0;
    WM_TRY(check_text(reading, text));
    while (text.n && text.p[text.n - 1] != '\n' && text.p[text.n - 1] != '\r') text.n--;
    wm_span line, sides[2];
    next_line(&text, &line);
    for (wm_span rest = text; next_line(&rest, &line);) count++;
    WM_TRY(WM_ALLOC(&tokenizer->arena, merges, count, reading->error));
    for (uint64_t rank = 0; next_line(&text, &line); rank++) {
        if (!wm_merge_split(line, sides))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "no pair of pieces: the line", &line);
        WM_TRY(wm_merge_read(reading, sides, &merges[rank]));
    }
    return wm_bpe_index(&tokenizer->model, &tokenizer->arena, merges, count, reading->error);
}

static wm_status read_byte_bpe(wm_reading *reading, const side_files *side, wm_span vocab,
                               wm_span merges) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    const token_family *family = find_token_family(side, FAMILY_ROBERTA, FAMILY_GPT2);
    bool prefix_space = wm_json_flag(side->tokenizer_config, "add_prefix_space", false);
    int32_t ids[SPECIAL_COUNT];
    wm_json root;
    if (!family)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "neither tokenizer_class nor model_type names a known tokenizer",
                               NULL);
    WM_TRY(wm_json_check(vocab, reading->file, WM_JSON_PYTHON, &root, reading->error));
    WM_TRY(wm_reading_vocabulary(reading, &root));
    tokenizer->model.kind = WM_TOKENS_BPE;
    tokenizer->model.byte_level = true;
    tokenizer->decoders[tokenizer->decoder_count++].kind = WM_DECODER_BYTE_LEVEL;
    tokenizer->model.unk = -1;
    wm_bpe_find_bytes(&tokenizer->model);
    reading->file = "merges.txt";
    WM_TRY(read_merges_txt(reading, merges));
    reading->file = "tokenizer_config.json";
    if (prefix_space)
        tokenizer->splitters[tokenizer->splitter_count++] =
            (wm_splitter){.kind = WM_SPLITTER_PREFIX_SPACE,
                          .options = WM_METASPACE_ALWAYS,
                          .content = WM_TEXT(" ")};
    tokenizer->splitters[tokenizer->splitter_count++].kind = WM_SPLITTER_WORDS;
    WM_TRY(add_specials(reading, side, family, ids));
    if (family == &token_families[FAMILY_ROBERTA]) {
        tokenizer->trim_offsets = wm_json_flag(side->tokenizer_config, "trim_offsets", true);
        tokenizer->trim_prefix_space = prefix_space;
        return set_cls_sep(reading, ids, family, 0);
    }
    if (!wm_json_flag(side->tokenizer_config, "add_bos_token", false) || ids[SPECIAL_BOS] < 0)
        return wm_template_plain(reading);
    wm_template_list list = {{{ids[SPECIAL_BOS], 0}, {WM_TEMPLATE_A, 0}, {WM_TEMPLATE_B, 1}}, 2};
    WM_TRY(wm_template_keep(reading, &list, &tokenizer->single));
    list.count = 3;
    return wm_template_keep(reading, &list, &tokenizer->pair);
}

wm_status wm_tokenizer_read_vocabulary(wm_tokenizer *tokenizer, const wm_source *files,
                                       size_t file_count, wm_error *error) {
    const wm_source *vocab = wm_source_find(files, file_count, "vocab.txt");
    const wm_source *json = wm_source_find(files, file_count, "vocab.json");
    const wm_source *merges = wm_source_find(files, file_count, "merges.txt");
    wm_reading reading = {tokenizer, vocab ? "vocab.txt" : "vocab.json", error, NULL, 0};
    side_files side;
    WM_TRY(read_side_file(files, file_count, "config.json", &side.config, error));
    WM_TRY(
        read_side_file(files, file_count, "tokenizer_config.json", &side.tokenizer_config, error));
    WM_TRY(read_side_file(files, file_count, "special_tokens_map.json", &side.special_map, error));
    if (vocab) return read_bert(&reading, &side, vocab->bytes);
    if (json && merges) return read_byte_bpe(&reading, &side, json->bytes, merges->bytes);
    return wm_fail(
        error, WM_ERROR_MISSING, 0,
        "no tokenizer: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt");
}
