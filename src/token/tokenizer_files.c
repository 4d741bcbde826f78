// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads what there was before tokenizer.json: vocab.txt as BertTokenizerFast does, vocab.json with
// merges.txt as GPT2TokenizerFast and RobertaTokenizerFast do, SentencePiece's files with the
// special tokens of the family's slow tokenizer.
#include "../base/magic.h"
#include "sentencepiece.h"

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

// add_bos_token and add_eos_token say whether the template's c and s are used; bos by default, not.
enum { BYTE_EXTRA_IDS = 125 };

enum { STRIP_MASK = 1, TRIM_OFFSETS = 2, ADD_BOS = 4, ADD_NONE = 8, EXTRA_IDS = 16, ALBERT = 32 };

typedef struct token_family {
    uint8_t form, options;
    uint8_t cls, sep;     // what the template's c and s are
    uint8_t first[3];     // the ids of SentencePiece's first pieces, if they are not 0, 1, 2
    uint8_t offset;       // and how far the others move
    const char *names;    // of tokenizer_config.json and config.json, between spaces
    const char *special;  // one after another as special_keys; "": none
    const char *template; // as wm_template_set has it
} token_family;

#define ROBERTA_TOKENS "<s>\0</s>\0<unk>\0</s>\0<pad>\0<s>\0<mask>\0"

static const token_family token_families[] = {
    {WM_FORM_TXT,
     0,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {0},
     0,
     " BertTokenizer DistilBertTokenizer ElectraTokenizer bert distilbert electra ",
     "\0\0[UNK]\0[SEP]\0[PAD]\0[CLS]\0[MASK]\0",
     "cAs\0cAs:Bs"},
    {WM_FORM_TXT,
     STRIP_MASK,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {0},
     0,
     " MPNetTokenizer mpnet ",
     "<s>\0</s>\0[UNK]\0</s>\0<pad>\0<s>\0<mask>\0",
     "cAs\0cAss:Bs"},
    {WM_FORM_JSON,
     STRIP_MASK | TRIM_OFFSETS,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {0},
     0,
     " RobertaTokenizer roberta ",
     ROBERTA_TOKENS,
     "cAs\0cAssBs"},
    {WM_FORM_JSON,
     ADD_NONE,
     SPECIAL_BOS,
     SPECIAL_EOS,
     {0},
     0,
     " GPT2Tokenizer gpt2 gpt_neo ",
     "<|endoftext|>\0<|endoftext|>\0<|endoftext|>\0\0\0\0\0",
     "cA\0cA:B"},
    {WM_FORM_PIECES, 0, 0, 0, {0}, 0, "", "\0\0\0\0\0\0\0", "A\0A:B"}, // no name is known
    {WM_FORM_PIECES,
     EXTRA_IDS,
     SPECIAL_EOS,
     SPECIAL_EOS,
     {0},
     0,
     " T5Tokenizer MT5Tokenizer t5 mt5 longt5 ",
     "\0</s>\0<unk>\0\0<pad>\0\0\0",
     "As\0AsBs"},
    {WM_FORM_PIECES,
     STRIP_MASK,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {3, 0, 2},
     1,
     " XLMRobertaTokenizer xlm-roberta ",
     ROBERTA_TOKENS,
     "cAs\0cAssBs"},
    {WM_FORM_PIECES,
     STRIP_MASK,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {3, 5, 6},
     4,
     " CamembertTokenizer camembert ",
     ROBERTA_TOKENS,
     "cAs\0cAssBs"},
    {WM_FORM_PIECES,
     STRIP_MASK | ALBERT,
     SPECIAL_CLS,
     SPECIAL_SEP,
     {0},
     0,
     " AlbertTokenizer albert ",
     "[CLS]\0[SEP]\0<unk>\0[SEP]\0<pad>\0[CLS]\0[MASK]\0",
     "cAs\0cAs:Bs"},
    {WM_FORM_PIECES,
     ADD_BOS,
     SPECIAL_BOS,
     SPECIAL_EOS,
     {0},
     0,
     " LlamaTokenizer CodeLlamaTokenizer llama mistral ",
     "<s>\0</s>\0<unk>\0\0\0\0\0",
     "cAs\0cAs:cBs"},
    {WM_FORM_BYTES,
     EXTRA_IDS,
     SPECIAL_EOS,
     SPECIAL_EOS,
     {0},
     0,
     " ByT5Tokenizer ",
     "\0</s>\0<unk>\0\0<pad>\0\0\0",
     "As\0AsBs"},
};

// ---- Files --------------------------------------------------------------------------------------

static wm_form form_of(wm_span bytes) {
    if (wm_sentencepiece_is(bytes)) return WM_FORM_PIECES;
    size_t at = 0, quotes = 0;
    while (at < bytes.n && (bytes.p[at] == ' ' || (bytes.p[at] >= '\t' && bytes.p[at] <= '\r')))
        at++;
    if (at == bytes.n || bytes.p[at] != '{') return WM_FORM_TXT;
    // A vocabulary's first value is a number.
    for (; at < bytes.n && (quotes < 2 || bytes.p[at] != ':'); at++) {
        quotes += bytes.p[at] == '"';
        at += bytes.p[at] == '\\';
    }
    while (++at < bytes.n && bytes.p[at] <= ' ') {}
    return at < bytes.n && bytes.p[at] >= '-' && bytes.p[at] <= '9' ? WM_FORM_JSON : WM_FORM_WHOLE;
}

const wm_source *wm_form_find(const wm_source *files, size_t count, wm_form form) {
    static const char names[] = "tokenizer.json\0vocab.txt\0vocab.json\0spiece.model\0"
                                "sentencepiece.bpe.model\0tokenizer.model\0";
    const char *name = names;
    const wm_source *found = NULL;
    for (int i = 0; *name; i++, name += strlen(name) + 1)
        if (!found && WM_MIN(i, (int)WM_FORM_PIECES) == (int)form)
            found = wm_source_find(files, count, name);
    if (found) return found;
    found = wm_source_find(files, count, "tokenizer");
    return found && form_of(found->bytes) == form ? found : NULL;
}

// The JSON files beside the vocabulary; absent ones are absent values.
typedef struct side_files {
    wm_json config, tokenizer_config, special_map;
} side_files;

static wm_status read_side_files(const wm_source *files, size_t file_count, side_files *side,
                                 wm_error *error) {
    static const char *const names[] = {"config.json", "tokenizer_config.json",
                                        "special_tokens_map.json"};
    wm_json *const roots[] = {&side->config, &side->tokenizer_config, &side->special_map};
    for (size_t i = 0; i < WM_COUNT(names); i++)
        WM_TRY(wm_json_file(files, file_count, names[i], roots[i], error));
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

static const token_family *find_token_family(const side_files *side, wm_form form) {
    wm_json names[] = {wm_json_get(side->tokenizer_config, "tokenizer_class"),
                       wm_json_get(side->config, "model_type")};
    for (size_t k = 0; k < WM_COUNT(names); k++)
        for (size_t i = 0; i < WM_COUNT(token_families); i++)
            if (token_families[i].form == form && is_word_of(names[k], token_families[i].names))
                return &token_families[i];
    if (form == WM_FORM_JSON || form == WM_FORM_BYTES) return NULL;
    return &token_families[form == WM_FORM_TXT ? 0 : 4];
}

// ---- Special tokens -----------------------------------------------------------------------------

// What the files say of a special token; absent: nothing.
static wm_json special_value(const side_files *side, const char *key) {
    wm_json value = wm_json_get(side->special_map, key);
    return wm_json_present(value) ? value : wm_json_get(side->tokenizer_config, key);
}

// T5's <extra_id_N>, N falling; ByT5's, rising.
static wm_status add_extra_ids(wm_reading *reading, uint64_t count, bool rising) {
    wm_error name;
    uint8_t *to;
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, to, count * 16, reading->error));
    for (uint64_t i = 0; i < count; i++, to += 16) {
        wm_added_token token = {.lstrip = !rising, .rstrip = !rising, .special = true};
        wm_fail(&name, WM_OK, 0, "<extra_id_%u>", rising ? i : count - 1 - i);
        token.content = (wm_span){to, strlen(name.text)}; // at most 15
        memcpy(to, name.text, token.content.n);
        wm_added_append(reading->tokenizer, token, false);
    }
    return WM_OK;
}

// Counts the user-defined pieces, or adds them too.
static uint64_t take_user_pieces(wm_tokenizer *tokenizer, bool add) {
    const wm_token_model *model = &tokenizer->model;
    uint64_t count = 0;
    for (uint32_t id = 0; model->types && id < model->vocabulary.ids; id++) {
        if (model->types[id] != WM_PIECE_USER) continue;
        wm_added_token token = {.content = model->vocabulary.pieces[id], .normalized = true};
        if (add) wm_added_append(tokenizer, token, false);
        count++;
    }
    return count;
}

// All added tokens, as PreTrainedTokenizer and PreTrainedTokenizerFast gather them; ids[i] is that
// of special_keys, -1: none.
static wm_status add_specials(wm_reading *reading, const side_files *side,
                              const token_family *family, int32_t *ids) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_json lists[] = {wm_json_get(side->tokenizer_config, "added_tokens_decoder"),
                       special_value(side, "additional_special_tokens")};
    const char *key = special_keys, *usual = family->special;
    uint64_t extra = 0;
    if (family->options & EXTRA_IDS) {
        extra = family->form == WM_FORM_BYTES ? BYTE_EXTRA_IDS : 100;
        wm_json_u64_of(side->tokenizer_config, "extra_ids", &extra);
        if (extra > 10000) return wm_reading_bad(reading, "over 10000 extra_ids");
    }
    uint64_t count = SPECIAL_COUNT + extra + take_user_pieces(tokenizer, false);
    for (size_t i = 0; i < 2; i++) count += wm_json_count(lists[i]);
    WM_TRY(wm_added_init(tokenizer, count, reading->error));
    bool bytes = family->form == WM_FORM_BYTES;
    if (!bytes) WM_TRY(add_extra_ids(reading, extra, false));
    WM_TRY(wm_added_read_all(reading, lists[0], (wm_added_token){0}, true));
    for (size_t i = 0; i < SPECIAL_COUNT; i++) {
        wm_json value = special_value(side, key);
        wm_added_token token = {.special = true};
        if (!wm_json_present(value)) {
            token.content = wm_span_of(usual);
            token.lstrip = bytes || (i == SPECIAL_MASK && family->options & STRIP_MASK);
            token.rstrip = bytes;
        }
        WM_TRY(wm_added_read(reading, value, token, false, &ids[i]));
        key += strlen(key) + 1;
        usual += strlen(usual) + 1;
    }
    WM_TRY(wm_added_read_all(reading, lists[1], (wm_added_token){.special = true}, false));
    if (bytes) WM_TRY(add_extra_ids(reading, extra, true));
    take_user_pieces(tokenizer, true);
    return wm_added_index(tokenizer, reading->error);
}

// The special tokens, and the template that is made of them.
static wm_status read_family(wm_reading *reading, const side_files *side,
                             const token_family *family) {
    wm_token_model *model = &reading->tokenizer->model;
    int32_t ids[SPECIAL_COUNT];
    WM_TRY(add_specials(reading, side, family, ids));
    int32_t ends[] = {ids[family->cls], ids[family->sep]};
    reading->tokenizer->one_eos = family->options & EXTRA_IDS;
    if (model->kind == WM_TOKENS_WORDPIECE) {
        model->unk = ids[SPECIAL_UNK];
        if ((uint32_t)model->unk >= model->vocabulary.ids)
            return wm_reading_bad(reading, "no unk_token");
    }
    if (family->options & (ADD_BOS | ADD_NONE)) {
        bool bos = family->options & ADD_BOS;
        if (!wm_json_flag(side->tokenizer_config, "add_bos_token", bos)) ends[0] = -1;
        if (!wm_json_flag(side->tokenizer_config, "add_eos_token", false)) ends[1] = -1;
    } else if (*family->names && (ends[0] < 0 || ends[1] < 0)) {
        return wm_reading_fail(reading, WM_ERROR_MISSING, "no cls_token or no sep_token", NULL);
    }
    return wm_template_set(reading, family->template, ends);
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
    const token_family *family = find_token_family(side, WM_FORM_TXT);
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
    return read_family(reading, side, family);
}

// ---- vocab.json and merges.txt ------------------------------------------------------------------

static wm_status read_byte_bpe(wm_reading *reading, const side_files *side, wm_span vocab,
                               wm_span merges) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    const token_family *family = find_token_family(side, WM_FORM_JSON);
    bool prefix_space = wm_json_flag(side->tokenizer_config, "add_prefix_space", false);
    wm_json root;
    wm_entry first;
    if (!family)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "neither tokenizer_class nor model_type names a known tokenizer",
                               NULL);
    WM_TRY(wm_json_check(vocab, reading->file, WM_JSON_PYTHON, &root, reading->error));
    if (wm_json_type_of(root) != WM_JSON_OBJECT) return wm_reading_bad(reading, "no object");
    tokenizer->model.kind = WM_TOKENS_BPE;
    WM_TRY(wm_vocabulary_read(reading, wm_entries_of_json(root)));
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
    return read_family(reading, side, family);
}

// ---- SentencePiece ------------------------------------------------------------------------------

// What AlbertTokenizer does to a text first.
static void add_albert_steps(wm_tokenizer *tokenizer, const side_files *side) {
    static const char *const quotes[] = {"``", "\'\'"};
    wm_normalizer *step = tokenizer->normalizers;
    for (size_t i = 0; i < 2; i++)
        *step++ = (wm_normalizer){.kind = WM_NORMALIZER_REPLACE,
                                  .pattern = wm_span_of(quotes[i]),
                                  .content = WM_TEXT("\"")};
    if (!wm_json_flag(side->tokenizer_config, "keep_accents", false)) {
        step++->kind = WM_NORMALIZER_NFKD;
        step++->kind = WM_NORMALIZER_STRIP_ACCENTS;
    }
    if (wm_json_flag(side->tokenizer_config, "do_lower_case", true))
        step++->kind = WM_NORMALIZER_LOWERCASE;
    tokenizer->normalizer_count = (uint32_t)(step - tokenizer->normalizers);
}

static wm_status read_pieces(wm_reading *reading, const side_files *side, wm_span file) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    const token_family *family = find_token_family(side, WM_FORM_PIECES);
    if (family->options & ALBERT) add_albert_steps(tokenizer, side);
    WM_TRY(wm_sentencepiece_read(reading, file, family->offset ? family->first : NULL,
                                 family->offset));
    const wm_sentence_rules *rules = &tokenizer->sentence;
    tokenizer->decoders[0] = (wm_decoder){.kind = WM_DECODER_SENTENCE,
                                          .flag = rules->remove_spaces,
                                          .start = rules->dummy_prefix || rules->remove_spaces};
    tokenizer->decoders[1] = (wm_decoder){.kind = WM_DECODER_BYTE_FALLBACK, .flag = true};
    tokenizer->decoder_count = 2;
    return read_family(reading, side, family);
}

// ---- ByT5: an id for each byte, and no file -----------------------------------------------------

static wm_status read_bytes(wm_reading *reading, const side_files *side,
                            const token_family *family) {
    enum { FIRST_BYTE = 3 };
    static const char names[] = "<pad>\0</s>\0<unk>\0";
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_token_model *model = &tokenizer->model;
    const char *name = names;
    uint8_t *written;
    WM_TRY(wm_vocabulary_init(&model->vocabulary, &tokenizer->arena, 256 + FIRST_BYTE,
                              256 + FIRST_BYTE, reading->error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, written, 512, reading->error));
    for (uint32_t id = 0; id < 256 + FIRST_BYTE; id++) {
        wm_span piece = {written, 0};
        if (id < FIRST_BYTE) {
            piece = wm_span_of(name);
            name += piece.n + 1;
        } else {
            piece.n = wm_byte_level_write((uint8_t)(id - FIRST_BYTE), written);
            written += piece.n;
        }
        wm_vocabulary_add(&model->vocabulary, piece, id);
    }
    model->kind = WM_TOKENS_BPE;
    model->byte_level = true;
    model->unk = -1;
    wm_bpe_find_bytes(model);
    tokenizer->vocabulary = 256 + FIRST_BYTE;
    tokenizer->decoders[tokenizer->decoder_count++] =
        (wm_decoder){.kind = WM_DECODER_BYTE_LEVEL, .flag = true};
    WM_TRY(wm_bpe_index(model, &tokenizer->arena, NULL, 0, reading->error));
    return read_family(reading, side, family);
}

wm_status wm_tokenizer_read_vocabulary(wm_tokenizer *tokenizer, const wm_source *files,
                                       size_t file_count, wm_error *error) {
    const wm_source *merges = wm_source_find(files, file_count, "merges.txt");
    wm_reading reading = {.tokenizer = tokenizer, .error = error};
    side_files side;
    WM_TRY(read_side_files(files, file_count, &side, error));
    for (int form = WM_FORM_TXT; form <= WM_FORM_PIECES; form++) {
        const wm_source *file = wm_form_find(files, file_count, (wm_form)form);
        static const char *const names[] = {"", "vocab.txt", "vocab.json", "spiece.model"};
        if (!file) continue;
        reading.file = names[form];
        if (form == WM_FORM_TXT) return read_bert(&reading, &side, file->bytes);
        if (form == WM_FORM_PIECES) return read_pieces(&reading, &side, file->bytes);
        if (merges) return read_byte_bpe(&reading, &side, file->bytes, merges->bytes);
    }
    const token_family *bytes = find_token_family(&side, WM_FORM_BYTES);
    reading.file = "tokenizer_config.json";
    if (bytes) return read_bytes(&reading, &side, bytes);
    return wm_fail(error, WM_ERROR_MISSING, 0,
                   "no tokenizer: expected tokenizer.json, vocab.txt, vocab.json and merges.txt, "
                   "or spiece.model");
}
