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
static const char special_keys[] =
    "bos_token\0eos_token\0unk_token\0sep_token\0pad_token\0cls_token\0mask_token\0";

typedef enum vocabulary_form { FORM_TXT, FORM_JSON } vocabulary_form;

enum { STRIP_MASK = 1, SECOND_TYPE = 2, TRIM_OFFSETS = 4 };

typedef struct token_family {
    uint8_t form, options;
    uint8_t cls, sep;     // what the template's c and s are
    const char *names;    // of tokenizer_config.json and config.json, between spaces
    const char *special;  // one after another as special_keys; "": none
    const char *template; // as wm_template_set has it
} token_family;

// The first one of a form is taken where no name is known, if it has a name that is "".
static const token_family token_families[] = {
    {FORM_TXT, SECOND_TYPE, SPECIAL_CLS, SPECIAL_SEP,
     " BertTokenizer DistilBertTokenizer ElectraTokenizer bert distilbert electra ",
     "\0\0[UNK]\0[SEP]\0[PAD]\0[CLS]\0[MASK]\0", "cAs\0cAsBs"},
    {FORM_TXT, STRIP_MASK | SECOND_TYPE, SPECIAL_CLS, SPECIAL_SEP, " MPNetTokenizer mpnet ",
     "<s>\0</s>\0[UNK]\0</s>\0<pad>\0<s>\0<mask>\0", "cAs\0cAssBs"},
    {FORM_JSON, STRIP_MASK | TRIM_OFFSETS, SPECIAL_CLS, SPECIAL_SEP, " RobertaTokenizer roberta ",
     "<s>\0</s>\0<unk>\0</s>\0<pad>\0<s>\0<mask>\0", "cAs\0cAssBs"},
    {FORM_JSON, SECOND_TYPE, SPECIAL_BOS, SPECIAL_EOS, " GPT2Tokenizer gpt2 gpt_neo ",
     "<|endoftext|>\0<|endoftext|>\0<|endoftext|>\0\0\0\0\0", "A\0AB"},
};

// The JSON files beside the vocabulary; absent ones are absent values.
typedef struct side_files {
    wm_json config, tokenizer_config, special_map;
} side_files;

static wm_status read_side_files(const wm_source *files, size_t file_count, side_files *side,
                                 wm_error *error) {
    static const char *const names[] = {"config.json", "tokenizer_config.json",
                                        "special_tokens_map.json"};
    wm_json *const roots[] = {&side->config, &side->tokenizer_config, &side->special_map};
    for (size_t i = 0; i < WM_COUNT(names); i++) {
        const wm_source *file = wm_source_find(files, file_count, names[i]);
        *roots[i] = (wm_json){0};
        if (file) WM_TRY(wm_json_check(file->bytes, names[i], WM_JSON_PYTHON, roots[i], error));
    }
    return WM_OK;
}

static bool is_word_of(wm_json name, const char *words) {
    wm_span view;
    if (!wm_json_string_plain(name, &view)) return false;
    if (view.n > 4 && memcmp(view.p + view.n - 4, "Fast", 4) == 0) view.n -= 4;
    for (; *words; words++)
        if (*words == ' ' && strlen(words + 1) > view.n && memcmp(words + 1, view.p, view.n) == 0 &&
            words[1 + view.n] == ' ')
            return true;
    return false;
}

static const token_family *find_token_family(const side_files *side, vocabulary_form form) {
    wm_json names[] = {wm_json_get(side->tokenizer_config, "tokenizer_class"),
                       wm_json_get(side->config, "model_type")};
    for (size_t k = 0; k < WM_COUNT(names); k++)
        for (size_t i = 0; i < WM_COUNT(token_families); i++)
            if (token_families[i].form == form && is_word_of(names[k], token_families[i].names))
                return &token_families[i];
    return form == FORM_TXT ? token_families : NULL;
}

// ---- Special tokens -----------------------------------------------------------------------------

// What the files say of a special token; absent: nothing.
static wm_json special_value(const side_files *side, const char *key) {
    wm_json value = wm_json_get(side->special_map, key);
    return wm_json_present(value) ? value : wm_json_get(side->tokenizer_config, key);
}

// All added tokens, as PreTrainedTokenizerFast gathers them; ids[i] is that of special_keys, -1:
// none.
static wm_status add_specials(wm_reading *reading, const side_files *side,
                              const token_family *family, int32_t *ids) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_json lists[] = {wm_json_get(side->tokenizer_config, "added_tokens_decoder"),
                       special_value(side, "additional_special_tokens")};
    const char *key = special_keys, *usual = family->special;
    uint64_t count = SPECIAL_COUNT;
    int32_t id;
    for (size_t i = 0; i < 2; i++)
        for (wm_json_iter item = wm_json_each(lists[i]); wm_json_next(&item);) count++;
    WM_TRY(wm_added_init(tokenizer, count, reading->error));
    for (wm_json_iter item = wm_json_each(lists[0]); wm_json_next(&item);)
        WM_TRY(wm_added_read(reading, &item.value, (wm_added_token){0}, true, &id));
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        wm_json value = special_value(side, key);
        wm_added_token token = {.special = true};
        if (!wm_json_present(value)) {
            token.content = wm_span_of(usual);
            token.lstrip = i == SPECIAL_MASK && family->options & STRIP_MASK;
        }
        WM_TRY(wm_added_read(reading, &value, token, false, &ids[i]));
        key += strlen(key) + 1;
        usual += strlen(usual) + 1;
    }
    for (wm_json_iter item = wm_json_each(lists[1]); wm_json_next(&item);)
        WM_TRY(wm_added_read(reading, &item.value, (wm_added_token){.special = true}, false, &id));
    return wm_added_index(tokenizer, reading->error);
}

// The special tokens, and the template that is made of them.
static wm_status read_family(wm_reading *reading, const side_files *side,
                             const token_family *family, const char *template) {
    int32_t ids[SPECIAL_COUNT];
    WM_TRY(add_specials(reading, side, family, ids));
    const int32_t ends[] = {ids[family->cls], ids[family->sep]};
    if (reading->tokenizer->model.kind == WM_TOKENS_WORDPIECE) {
        uint32_t unk = (uint32_t)ids[SPECIAL_UNK];
        if (unk >= reading->tokenizer->model.vocabulary.ids)
            return wm_reading_bad(reading, "no unk_token");
        reading->tokenizer->model.unk = (int32_t)unk;
    }
    for (const char *step = template; *step; step++)
        if (*step >= 'c' && ends[*step == 's'] < 0)
            return wm_reading_fail(reading, WM_ERROR_MISSING, "no cls_token or no sep_token", NULL);
    return wm_template_set(reading, template, ends, (family->options & SECOND_TYPE) != 0);
}

// ---- vocab.txt ----------------------------------------------------------------------------------

static wm_status check_text(const wm_reading *reading, wm_span text) {
    WM_TRY(wm_magic_check(text, wm_span_of(reading->file), reading->error));
    size_t valid = wm_utf8_check(text);
    if (valid == text.n) return WM_OK;
    return wm_fail(reading->error, WM_ERROR_UTF8, valid, "%z: byte %u begins no UTF-8 character",
                   reading->file, (uint64_t)valid);
}

static wm_status read_bert(wm_reading *reading, const side_files *side, wm_span vocab) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_token_model *model = &tokenizer->model;
    const token_family *family = find_token_family(side, FORM_TXT);
    wm_json config = side->tokenizer_config;
    bool lower = wm_json_flag(config, "do_lower_case", true);
    WM_TRY(check_text(reading, vocab));
    model->kind = WM_TOKENS_WORDPIECE;
    model->prefix = WM_TEXT("##");
    model->max_characters = 100;
    WM_TRY(wm_vocabulary_read(reading, wm_entries_of_lines(vocab)));
    tokenizer->normalizers[0].kind = WM_NORMALIZER_BERT;
    tokenizer->normalizers[0].options =
        wm_bert_options(true, wm_json_flag(config, "tokenize_chinese_chars", true),
                        wm_json_flag(config, "strip_accents", lower), lower);
    tokenizer->splitters[0].kind = WM_SPLITTER_SPACES;
    tokenizer->splitters[0].behavior = WM_SPLIT_REMOVED;
    tokenizer->splitters[1].kind = WM_SPLITTER_PUNCTUATION;
    tokenizer->decoders[0] =
        (wm_decoder){.kind = WM_DECODER_WORDPIECE, .flag = true, .content = model->prefix};
    tokenizer->normalizer_count = tokenizer->decoder_count = 1;
    tokenizer->splitter_count = 2;
    return read_family(reading, side, family, family->template);
}

// ---- vocab.json and merges.txt ------------------------------------------------------------------

static wm_status read_byte_bpe(wm_reading *reading, const side_files *side, wm_span vocab,
                               wm_span merges) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    const token_family *family = find_token_family(side, FORM_JSON);
    bool prefix_space = wm_json_flag(side->tokenizer_config, "add_prefix_space", false);
    wm_json root;
    wm_entry first;
    if (!family)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "neither tokenizer_class nor model_type names a known tokenizer",
                               NULL);
    WM_TRY(wm_json_check(vocab, reading->file, WM_JSON_PYTHON, &root, reading->error));
    if (!wm_json_is(&root, WM_JSON_OBJECT)) return wm_reading_bad(reading, "no object");
    tokenizer->model.kind = WM_TOKENS_BPE;
    WM_TRY(wm_vocabulary_read(reading, wm_entries_of_json(&root)));
    tokenizer->model.unk = -1;
    wm_splitters_byte_level(tokenizer, prefix_space, true);
    wm_bpe_find_bytes(&tokenizer->model);
    tokenizer->decoders[tokenizer->decoder_count++].kind = WM_DECODER_BYTE_LEVEL;
    // As HF's slow tokenizers read it: the first line and what follows the last \n do not count.
    reading->file = "merges.txt";
    WM_TRY(check_text(reading, merges));
    while (merges.n && merges.p[merges.n - 1] != '\n' && merges.p[merges.n - 1] != '\r') merges.n--;
    wm_entries lines = wm_entries_of_lines(merges);
    lines.next(&lines, &first);
    WM_TRY(wm_merges_read(reading, lines));
    reading->file = "tokenizer_config.json";
    tokenizer->trim_offsets = family->options & TRIM_OFFSETS &&
                              wm_json_flag(side->tokenizer_config, "trim_offsets", true);
    tokenizer->trim_prefix_space = prefix_space;
    bool bos =
        family->cls == SPECIAL_BOS && wm_json_flag(side->tokenizer_config, "add_bos_token", false);
    return read_family(reading, side, family, bos ? "cA\0cAB" : family->template);
}

wm_status wm_tokenizer_read_vocabulary(wm_tokenizer *tokenizer, const wm_source *files,
                                       size_t file_count, wm_error *error) {
    const wm_source *vocab = wm_source_find(files, file_count, "vocab.txt");
    const wm_source *json = wm_source_find(files, file_count, "vocab.json");
    const wm_source *merges = wm_source_find(files, file_count, "merges.txt");
    wm_reading reading = {
        .tokenizer = tokenizer, .file = vocab ? "vocab.txt" : "vocab.json", .error = error};
    side_files side;
    WM_TRY(read_side_files(files, file_count, &side, error));
    if (vocab) return read_bert(&reading, &side, vocab->bytes);
    if (json && merges) return read_byte_bpe(&reading, &side, json->bytes, merges->bytes);
    return wm_fail(
        error, WM_ERROR_MISSING, 0,
        "no tokenizer: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt");
}
