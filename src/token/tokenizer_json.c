// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads tokenizer.json: each component is compiled into the tokenizer's steps, or refused by name.
#include "tokenizer_read.h"

// ---- Members ------------------------------------------------------------------------------------

// Every key that is looked at, and where it stands among an object's members.
static const char json_keys[] =
    "type\0added_tokens\0normalizer\0pre_tokenizer\0model\0post_"
    "processor\0normalizers\0pretokenizers\0processors\0"
    "vocab\0unk_token\0continuing_subword_prefix\0max_input_chars_per_word\0merges\0end_of_word_"
    "suffix\0fuse_unk\0"
    "byte_fallback\0ignore_merges\0dropout\0clean_text\0handle_chinese_chars\0strip_"
    "accents\0lowercase\0"
    "add_prefix_space\0trim_offsets\0use_regex\0cls\0sep\0single\0pair\0special_"
    "tokens\0Sequence\0SpecialToken\0id\0"
    "type_id\0ids\0content\0pattern\0String\0Regex\0behavior\0invert\0replacement\0prepend_"
    "scheme\0split\0"
    "individual_digits\0prepend\0strip_left\0strip_right\0precompiled_charsmap\0unk_id\0decoder\0"
    "decoders\0cleanup\0suffix\0start\0stop\0prefix\0";
enum {
    KEY_TYPE,
    KEY_ADDED,
    KEY_NORMALIZER,
    KEY_PRE_TOKENIZER,
    KEY_MODEL,
    KEY_POST,
    KEY_NORMALIZERS,
    KEY_PRETOKENIZERS,
    KEY_PROCESSORS,
    KEY_VOCAB,
    KEY_UNK,
    KEY_PREFIX,
    KEY_CHARACTERS,
    KEY_MERGES,
    KEY_SUFFIX,
    KEY_FUSE,
    KEY_FALLBACK,
    KEY_IGNORE,
    KEY_DROPOUT,
    KEY_CLEAN,
    KEY_IDEOGRAPHS,
    KEY_STRIP,
    KEY_LOWERCASE,
    KEY_PREFIX_SPACE,
    KEY_TRIM,
    KEY_REGEX,
    KEY_CLS,
    KEY_SEP,
    KEY_SINGLE,
    KEY_PAIR,
    KEY_SPECIALS,
    KEY_SEQUENCE,
    KEY_SPECIAL,
    KEY_ID,
    KEY_TYPE_ID,
    KEY_IDS,
    KEY_CONTENT,
    KEY_PATTERN,
    KEY_STRING,
    KEY_REGEX_TEXT,
    KEY_BEHAVIOR,
    KEY_INVERT,
    KEY_REPLACEMENT,
    KEY_SCHEME,
    KEY_SPLIT,
    KEY_DIGITS,
    KEY_PREPEND,
    KEY_LEFT,
    KEY_RIGHT,
    KEY_CHARSMAP,
    KEY_UNK_ID,
    KEY_DECODER,
    KEY_DECODERS,
    KEY_CLEANUP,
    KEY_WORD_SUFFIX,
    KEY_START,
    KEY_STOP,
    KEY_PIECE_PREFIX,
    KEY_COUNT
};

// One object's members; absent ones are absent values.
typedef struct json_members {
    wm_json v[KEY_COUNT];
} json_members;

// The place of a JSON string in a list of strings, -1: it is not there, or no string.
static int find_name(const wm_json *string, const char *list) {
    for (int i = 0; *list; i++, list += strlen(list) + 1)
        if (wm_json_string_is(*string, list)) return i;
    return -1;
}

static void read_members(const wm_json *object, json_members *members) {
    memset(members, 0, sizeof *members);
    for (wm_json_iter member = wm_json_each(*object); wm_json_next(&member);) {
        int key = find_name(&member.key, json_keys);
        if (key >= 0) members->v[key] = member.value;
    }
}

static bool is_of(const wm_json *value, wm_json_type type) {
    return wm_json_present(*value) && wm_json_type_of(*value) == type;
}

static bool is_null(const wm_json *value) {
    return !wm_json_present(*value) || is_of(value, WM_JSON_NULL);
}

static bool flag_of(const json_members *members, int key, bool otherwise) {
    bool flag;
    return wm_json_bool(members->v[key], &flag) ? flag : otherwise;
}

// ---- Components ---------------------------------------------------------------------------------

// A component and those of the Sequences inside it, in order, without recursion.
typedef struct component_walk {
    wm_json_iter levels[WM_LIMIT_JSON_DEPTH];
    int list; // the key of a Sequence's list
    size_t depth;
    wm_json next;
    json_members members; // of the component that next_component gave
} component_walk;

static void walk_components(component_walk *walk, const wm_json *root, int list) {
    walk->list = list;
    walk->depth = 0;
    walk->next = is_null(root) ? (wm_json){0} : *root;
}

static bool next_component(component_walk *walk) {
    for (;;) {
        while (!wm_json_present(walk->next)) {
            if (!walk->depth) return false;
            wm_json_iter *level = &walk->levels[walk->depth - 1];
            if (wm_json_next(level))
                walk->next = level->value;
            else
                walk->depth--;
        }
        read_members(&walk->next, &walk->members);
        walk->next = (wm_json){0};
        if (find_name(&walk->members.v[KEY_TYPE], "Sequence\0") < 0) return true;
        if (walk->depth < WM_COUNT(walk->levels))
            walk->levels[walk->depth++] = wm_json_each(walk->members.v[walk->list]);
    }
}

// "a normalizer of type "X" is not supported"
static wm_status refuse(wm_reading *reading, const char *what, const json_members *members) {
    wm_span name = {0};
    if (is_of(&members->v[KEY_TYPE], WM_JSON_STRING))
        WM_TRY(wm_reading_string(reading, members->v[KEY_TYPE], &name));
    return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, what, &name);
}

// A string member; null or absent: an empty one.
static wm_status read_string(wm_reading *reading, const wm_json *value, wm_span *to) {
    *to = (wm_span){0};
    if (is_null(value)) return WM_OK;
    if (is_of(value, WM_JSON_STRING)) return wm_reading_string(reading, *value, to);
    wm_span text = {value->p, value->n};
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "not a string:", &text);
}

// A pattern: its String in *text, or its Regex as a place in the list `known`.
static wm_status read_pattern(wm_reading *reading, const json_members *members, const char *known,
                              wm_span *text, int *regex) {
    json_members pattern;
    read_members(&members->v[KEY_PATTERN], &pattern);
    *regex = find_name(&pattern.v[KEY_REGEX_TEXT], known);
    if (!wm_json_present(pattern.v[KEY_REGEX_TEXT]))
        return read_string(reading, &pattern.v[KEY_STRING], text);
    WM_TRY(read_string(reading, &pattern.v[KEY_REGEX_TEXT], text));
    if (*regex < 0)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, "not supported: the pattern", text);
    *text = (wm_span){0};
    return WM_OK;
}

static wm_status read_charsmap(wm_reading *reading, const wm_json *value, wm_charsmap *map) {
    wm_span text;
    uint8_t *blob;
    WM_TRY(read_string(reading, value, &text));
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, blob, text.n / 4 * 3 + 1, reading->error));
    size_t n = wm_base64_decode(text, blob);
    if (n == SIZE_MAX)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "precompiled_charsmap is not base64",
                               NULL);
    return wm_charsmap_open(map, (wm_span){blob, n}, reading->error);
}

static wm_status read_normalizer(wm_reading *reading, const json_members *members) {
    wm_normalizer step = {0};
    int kind = find_name(&members->v[KEY_TYPE],
                         "BertNormalizer\0NFC\0NFD\0Lowercase\0StripAccents\0Strip\0Prepend\0"
                         "Replace\0Precompiled\0"),
        regex;
    if (kind < 0) return refuse(reading, "not supported: a normalizer of type", members);
    step.kind = (wm_normalizer_kind)kind;
    switch (step.kind) {
    case WM_NORMALIZER_BERT: {
        bool lower = flag_of(members, KEY_LOWERCASE, true);
        if (flag_of(members, KEY_CLEAN, true)) step.options |= WM_BERT_CLEAN;
        if (flag_of(members, KEY_IDEOGRAPHS, true)) step.options |= WM_BERT_IDEOGRAPHS;
        if (flag_of(members, KEY_STRIP, lower)) step.options |= WM_BERT_STRIP;
        if (lower) step.options |= WM_BERT_LOWER;
        break;
    }
    case WM_NORMALIZER_STRIP:
        if (flag_of(members, KEY_LEFT, true)) step.options |= WM_STRIP_LEFT;
        if (flag_of(members, KEY_RIGHT, true)) step.options |= WM_STRIP_RIGHT;
        break;
    case WM_NORMALIZER_PREPEND:
        WM_TRY(read_string(reading, &members->v[KEY_PREPEND], &step.content));
        break;
    case WM_NORMALIZER_REPLACE:
        WM_TRY(read_pattern(reading, members, " {2,}\0", &step.pattern, &regex));
        WM_TRY(read_string(reading, &members->v[KEY_CONTENT], &step.content));
        if (regex < 0 && !step.pattern.n) return WM_OK; // nothing matches
        break;
    case WM_NORMALIZER_CHARSMAP:
        WM_TRY(read_charsmap(reading, &members->v[KEY_CHARSMAP], &step.charsmap));
        break;
    default: break;
    }
    return wm_reading_normalizer(reading, step);
}

// The patterns that are known, then what is the same in two of them.
#define CONTRACTIONS "'s|'t|'re|'ve|'m|'ll|'d"
#define LINES_HEAD "(?i:" CONTRACTIONS ")|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
#define LINES_TAIL "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
static const char split_patterns[] =
    CONTRACTIONS "| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+\0" // GPT-2
    LINES_HEAD LINES_TAIL "\0"                                                   // Qwen
    LINES_HEAD "{1,3}" LINES_TAIL "\0";                                          // cl100k, Llama 3
static const uint8_t split_options[] = {0, WM_WORDS_LINES | 1, WM_WORDS_LINES | 3};

static wm_status read_split(wm_reading *reading, const json_members *members, wm_splitter *step) {
    int regex,
        behavior = find_name(&members->v[KEY_BEHAVIOR],
                             "Isolated\0Removed\0Contiguous\0MergedWithPrevious\0MergedWithNext\0");
    WM_TRY(read_pattern(reading, members, split_patterns, &step->content, &regex));
    step->kind = WM_SPLITTER_LITERAL;
    step->behavior = (wm_split_behavior)behavior;
    step->invert = flag_of(members, KEY_INVERT, false);
    if (regex >= 0) {
        step->kind = WM_SPLITTER_WORDS;
        step->options = split_options[regex];
        // These patterns match everything, so what is not matched is nothing.
        bool kept = step->behavior == WM_SPLIT_ISOLATED ||
                    (step->behavior == WM_SPLIT_REMOVED && step->invert);
        if (!kept) behavior = -1;
    } else if (!step->content.n) {
        behavior = -1;
    }
    if (behavior >= 0) return WM_OK;
    return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                           "not supported: a Split with this behavior or pattern", NULL);
}

static wm_status read_metaspace(wm_reading *reading, const json_members *members) {
    wm_splitter step = {.kind = WM_SPLITTER_METASPACE};
    int scheme = find_name(&members->v[KEY_SCHEME], "never\0always\0first\0");
    WM_TRY(read_string(reading, &members->v[KEY_REPLACEMENT], &step.content));
    if (!step.content.n || scheme > 2)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "Metaspace without replacement", NULL);
    if (scheme < 0) scheme = WM_METASPACE_ALWAYS;
    if (!flag_of(members, KEY_PREFIX_SPACE, true)) scheme = 0;
    step.options = (uint32_t)scheme;
    WM_TRY(wm_reading_splitter(reading, step));
    if (!flag_of(members, KEY_SPLIT, true)) return WM_OK;
    step.kind = WM_SPLITTER_LITERAL;
    step.behavior = WM_SPLIT_WITH_NEXT;
    return wm_reading_splitter(reading, step);
}

static wm_status read_byte_level(wm_reading *reading, const json_members *members) {
    wm_splitter prefix = {
        .kind = WM_SPLITTER_PREFIX_SPACE, .options = WM_METASPACE_ALWAYS, .content = WM_TEXT(" ")};
    reading->tokenizer->model.byte_level = true;
    if (flag_of(members, KEY_PREFIX_SPACE, true)) WM_TRY(wm_reading_splitter(reading, prefix));
    return flag_of(members, KEY_REGEX, true) ? wm_reading_splitter(reading, (wm_splitter){0})
                                             : WM_OK;
}

enum {
    SPLIT_BERT,
    SPLIT_BYTE_LEVEL,
    SPLIT_METASPACE,
    SPLIT_PATTERN,
    SPLIT_WHITESPACE,
    SPLIT_SPACES,
    SPLIT_PUNCTUATION,
    SPLIT_DIGITS
};

static wm_status read_pre_tokenizer(wm_reading *reading, const json_members *members) {
    wm_splitter step = {.kind = WM_SPLITTER_SPACES, .behavior = WM_SPLIT_REMOVED};
    switch (find_name(&members->v[KEY_TYPE],
                      "BertPreTokenizer\0ByteLevel\0Metaspace\0Split\0Whitespace\0"
                      "WhitespaceSplit\0Punctuation\0Digits\0")) {
    case SPLIT_BERT:
        WM_TRY(wm_reading_splitter(reading, step));
        step = (wm_splitter){.kind = WM_SPLITTER_PUNCTUATION};
        break;
    case SPLIT_BYTE_LEVEL: return read_byte_level(reading, members);
    case SPLIT_METASPACE: return read_metaspace(reading, members);
    case SPLIT_PATTERN: WM_TRY(read_split(reading, members, &step)); break;
    case SPLIT_WHITESPACE: step.kind = WM_SPLITTER_WORD_RUNS; break;
    case SPLIT_SPACES: break;
    case SPLIT_PUNCTUATION: {
        int behavior = find_name(&members->v[KEY_BEHAVIOR],
                                 "Isolated\0Removed\0Contiguous\0MergedWithPrevious\0"
                                 "MergedWithNext\0");
        step.kind = WM_SPLITTER_PUNCTUATION;
        step.behavior = (wm_split_behavior)WM_MAX(behavior, 0);
        break;
    }
    case SPLIT_DIGITS:
        step.kind = WM_SPLITTER_NUMBERS;
        step.behavior =
            flag_of(members, KEY_DIGITS, false) ? WM_SPLIT_ISOLATED : WM_SPLIT_CONTIGUOUS;
        break;
    default: return refuse(reading, "not supported: a pre-tokenizer of type", members);
    }
    return wm_reading_splitter(reading, step);
}

static wm_status read_chains(wm_reading *reading, const json_members *members,
                             component_walk *walk) {
    for (walk_components(walk, &members->v[KEY_NORMALIZER], KEY_NORMALIZERS); next_component(walk);)
        WM_TRY(read_normalizer(reading, &walk->members));
    for (walk_components(walk, &members->v[KEY_PRE_TOKENIZER], KEY_PRETOKENIZERS);
         next_component(walk);) {
        // ByteLevel changes the alphabet, so nothing can look at the text after it.
        if (reading->tokenizer->model.byte_level)
            return refuse(reading, "not supported: after ByteLevel a pre-tokenizer of type",
                          &walk->members);
        WM_TRY(read_pre_tokenizer(reading, &walk->members));
    }
    return WM_OK;
}

// ---- Models -------------------------------------------------------------------------------------

// Both sides of a merge, "a b" or ["a", "b"]; `scratch` has room for it.
static bool read_merge(const wm_json *merge, uint8_t *scratch, wm_span *sides) {
    if (wm_json_type_of(*merge) == WM_JSON_STRING)
        return wm_merge_split(wm_json_string_decode(*merge, scratch), sides);
    if (wm_json_type_of(*merge) != WM_JSON_ARRAY) return false;
    wm_json_iter side = wm_json_each(*merge);
    for (size_t i = 0; i < 2; scratch += side.value.n, i++) {
        if (!wm_json_next(&side) || wm_json_type_of(side.value) != WM_JSON_STRING) return false;
        sides[i] = wm_json_string_decode(side.value, scratch);
    }
    return !wm_json_next(&side);
}

static wm_status read_merges(wm_reading *reading, const wm_json *list) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_merge *merges;
    uint64_t count = 0, rank = 0;
    uint8_t *scratch;
    size_t longest = 0;
    if (!is_of(list, WM_JSON_ARRAY))
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "merges are no array", NULL);
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item); count++)
        longest = WM_MAX(longest, item.value.n);
    WM_TRY(WM_ALLOC(&tokenizer->arena, merges, count, reading->error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, scratch, longest, reading->error));
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item); rank++) {
        wm_span sides[2];
        if (!read_merge(&item.value, scratch, sides)) {
            wm_span text = {item.value.p, item.value.n};
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "no pair of pieces: the merge", &text);
        }
        WM_TRY(wm_merge_read(reading, sides, &merges[rank]));
    }
    return wm_bpe_index(&tokenizer->model, &tokenizer->arena, merges, count, reading->error);
}

static wm_status read_wordpiece(wm_reading *reading, const json_members *members) {
    wm_token_model *model = &reading->tokenizer->model;
    uint64_t characters;
    if (!wm_json_u64(members->v[KEY_CHARACTERS], &characters))
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "no max_input_chars_per_word", NULL);
    if (characters > WM_WORDPIECE_CHARACTERS)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "max_input_chars_per_word over 65536",
                               NULL);
    model->max_characters = (uint32_t)characters;
    if (model->byte_level)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "not supported: WordPiece after ByteLevel", NULL);
    if (model->unk < 0)
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "WordPiece without unk_token", NULL);
    return wm_vocabulary_index(&model->vocabulary, &reading->tokenizer->arena, reading->error);
}

static wm_status read_bpe(wm_reading *reading, const json_members *members) {
    wm_token_model *model = &reading->tokenizer->model;
    double dropout = 0;
    wm_json_f64(members->v[KEY_DROPOUT], &dropout);
    model->fuse_unknown = flag_of(members, KEY_FUSE, false);
    model->byte_fallback = flag_of(members, KEY_FALLBACK, false);
    model->ignore_merges = flag_of(members, KEY_IGNORE, false);
    if (dropout != 0)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, "not supported: dropout", NULL);
    if (model->byte_level && (model->prefix.n || model->suffix.n || model->byte_fallback))
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "not supported: ByteLevel with a prefix, a suffix or byte_fallback",
                               NULL);
    WM_TRY(read_merges(reading, &members->v[KEY_MERGES]));
    wm_bpe_find_bytes(model);
    return WM_OK;
}

// [["piece", score], …]
static wm_status read_unigram_pieces(wm_reading *reading, const wm_json *list) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_vocabulary *vocabulary = &tokenizer->model.vocabulary;
    double *scores, lowest = 0;
    uint64_t count = 0;
    uint32_t id = 0;
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item);) count++;
    WM_TRY(wm_vocabulary_init(vocabulary, &tokenizer->arena, count, count, reading->error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, scores, count, reading->error));
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item); id++) {
        wm_json_iter part = wm_json_each(item.value);
        wm_span text = {0};
        wm_json piece = wm_json_next(&part) ? part.value : (wm_json){0};
        if (is_of(&piece, WM_JSON_STRING)) WM_TRY(wm_reading_string(reading, piece, &text));
        bool scored = wm_json_next(&part) && wm_json_f64(part.value, &scores[id]);
        // Finite, and small enough for sums over any text to be.
        if (!text.n || !scored || !(scores[id] > -1e9 && scores[id] < 1e9))
            return wm_reading_fail(reading, WM_ERROR_FORMAT,
                                   "an empty piece or an odd score:", &text);
        int32_t twin = wm_vocabulary_find(vocabulary, (wm_span){0}, text);
        wm_vocabulary_add(vocabulary, text, id);
        if (twin >= 0)
            vocabulary->pieces[twin] = text; // the later one is found, the earlier one decodes
        lowest = id ? WM_MIN(lowest, scores[id]) : scores[id];
    }
    tokenizer->model.scores = scores;
    tokenizer->model.unknown_score = lowest - 10;
    tokenizer->vocabulary = id;
    return wm_vocabulary_index(vocabulary, &tokenizer->arena, reading->error);
}

static wm_status read_unigram(wm_reading *reading, const json_members *members) {
    wm_token_model *model = &reading->tokenizer->model;
    uint64_t unknown;
    if (model->byte_level)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "not supported: Unigram after ByteLevel", NULL);
    if (!is_of(&members->v[KEY_VOCAB], WM_JSON_ARRAY))
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "the vocabulary is no array", NULL);
    WM_TRY(read_unigram_pieces(reading, &members->v[KEY_VOCAB]));
    if (!wm_json_u64(members->v[KEY_UNK_ID], &unknown) || unknown >= model->vocabulary.ids)
        return wm_reading_fail(reading, WM_ERROR_FORMAT,
                               "Unigram without unk_id, or it is no piece", NULL);
    model->unk = (int32_t)unknown;
    model->byte_fallback = flag_of(members, KEY_FALLBACK, false);
    wm_bpe_find_bytes(model);
    return WM_OK;
}

static wm_status read_model(wm_reading *reading, const wm_json *root) {
    json_members members;
    wm_token_model *model = &reading->tokenizer->model;
    wm_span unknown;
    read_members(root, &members);
    int kind = find_name(&members.v[KEY_TYPE], "WordPiece\0BPE\0Unigram\0");
    if (!wm_json_present(members.v[KEY_TYPE])) { // files before tokenizers 0.8 do not say
        if (wm_json_present(members.v[KEY_CHARACTERS])) kind = WM_TOKENS_WORDPIECE;
        if (wm_json_present(members.v[KEY_MERGES])) kind = WM_TOKENS_BPE;
        if (wm_json_present(members.v[KEY_UNK_ID])) kind = WM_TOKENS_UNIGRAM;
    }
    if (kind < 0) return refuse(reading, "not supported: a model of type", &members);
    model->kind = (wm_model_kind)kind;
    if (kind == WM_TOKENS_UNIGRAM) return read_unigram(reading, &members);
    WM_TRY(wm_reading_vocabulary(reading, &members.v[KEY_VOCAB]));
    WM_TRY(read_string(reading, &members.v[KEY_PREFIX], &model->prefix));
    WM_TRY(read_string(reading, &members.v[KEY_SUFFIX], &model->suffix));
    WM_TRY(read_string(reading, &members.v[KEY_UNK], &unknown));
    if (model->prefix.n > WM_BPE_AFFIX || model->suffix.n > WM_BPE_AFFIX)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "over 64 bytes: the prefix or suffix",
                               NULL);
    model->unk = -1;
    if (!is_null(&members.v[KEY_UNK])) {
        model->unk = wm_vocabulary_find(&model->vocabulary, (wm_span){0}, unknown);
        if (model->unk < 0)
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "the vocabulary lacks unk_token",
                                   &unknown);
    }
    return kind == WM_TOKENS_BPE ? read_bpe(reading, &members) : read_wordpiece(reading, &members);
}

// ---- Decoders -----------------------------------------------------------------------------------

static bool read_count(const wm_json *value, uint32_t *count) {
    uint64_t number;
    if (!wm_json_u64(*value, &number)) return false;
    *count = (uint32_t)WM_MIN(number, UINT32_MAX);
    return true;
}

static wm_status read_decoder(wm_reading *reading, const json_members *members) {
    wm_decoder step = {0};
    int regex, content = -1;
    int kind = find_name(&members->v[KEY_TYPE],
                         "ByteLevel\0WordPiece\0Metaspace\0ByteFallback\0Fuse\0Strip\0Replace\0"
                         "BPEDecoder\0");
    if (kind < 0) return refuse(reading, "not supported: a decoder of type", members);
    step.kind = (wm_decoder_kind)kind;
    switch (step.kind) {
    case WM_DECODER_WORDPIECE:
        step.flag = flag_of(members, KEY_CLEANUP, true);
        content = KEY_PIECE_PREFIX;
        break;
    case WM_DECODER_METASPACE:
        step.flag = find_name(&members->v[KEY_SCHEME], "never\0") == 0 ||
                    !flag_of(members, KEY_PREFIX_SPACE, true);
        content = KEY_REPLACEMENT;
        break;
    case WM_DECODER_STRIP:
        if (!read_count(&members->v[KEY_START], &step.start) ||
            !read_count(&members->v[KEY_STOP], &step.stop))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "a Strip without start or stop", NULL);
        content = KEY_CONTENT;
        break;
    case WM_DECODER_REPLACE:
        WM_TRY(read_pattern(reading, members, "", &step.pattern, &regex));
        content = KEY_CONTENT;
        break;
    case WM_DECODER_BPE: content = KEY_WORD_SUFFIX; break;
    default: break;
    }
    if (content >= 0) WM_TRY(read_string(reading, &members->v[content], &step.content));
    return wm_reading_decoder(reading, step);
}

// ---- Post-processors ----------------------------------------------------------------------------

static bool read_token_id(const wm_json *value, int32_t *id) {
    uint64_t number;
    if (!wm_json_u64(*value, &number) || number > INT32_MAX) return false;
    *id = (int32_t)number;
    return true;
}

// The ids of a special token of TemplateProcessing, as steps.
static wm_status add_special_steps(wm_reading *reading, const wm_json *specials,
                                   const wm_json *name, uint8_t type, wm_template_list *list) {
    wm_span id = {0}, key;
    WM_TRY(read_string(reading, name, &id));
    for (wm_json_iter special = wm_json_each(*specials); wm_json_next(&special);) {
        WM_TRY(wm_reading_string(reading, special.key, &key));
        if (!wm_span_equal(key, id)) continue;
        json_members members;
        read_members(&special.value, &members);
        for (wm_json_iter item = wm_json_each(members.v[KEY_IDS]); wm_json_next(&item);) {
            int32_t number;
            if (!read_token_id(&item.value, &number))
                return wm_reading_fail(reading, WM_ERROR_FORMAT, "an odd id of the special token",
                                       &id);
            WM_TRY(wm_template_add(reading, list, number, type));
        }
        return WM_OK;
    }
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "the template names an unknown special token",
                           &id);
}

static wm_status read_template(wm_reading *reading, const wm_json *specials, const wm_json *steps,
                               wm_template *to) {
    wm_template_list list = {0};
    json_members members;
    bool is_pair = to == &reading->tokenizer->pair;
    for (wm_json_iter item = wm_json_each(*steps); wm_json_next(&item);) {
        uint64_t type;
        read_members(&item.value, &members);
        bool special = wm_json_present(members.v[KEY_SPECIAL]);
        wm_json step = members.v[special ? KEY_SPECIAL : KEY_SEQUENCE];
        read_members(&step, &members);
        if (!wm_json_u64(members.v[KEY_TYPE_ID], &type) || type > UINT8_MAX)
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "a template's step has no type_id",
                                   NULL);
        if (special) {
            WM_TRY(add_special_steps(reading, specials, &members.v[KEY_ID], (uint8_t)type, &list));
            continue;
        }
        int which = find_name(&members.v[KEY_ID], "A\0B\0");
        if (which < 0 || which > is_pair)
            return wm_reading_fail(reading, WM_ERROR_FORMAT,
                                   "the template names an unknown sequence", NULL);
        WM_TRY(wm_template_add(reading, &list, WM_TEMPLATE_A - which, (uint8_t)type));
    }
    return wm_template_keep(reading, &list, to);
}

// ["[SEP]", 102]
static bool read_token_pair(const wm_json *pair, int32_t *id) {
    wm_json_iter item = wm_json_each(*pair);
    return wm_json_next(&item) && wm_json_next(&item) && read_token_id(&item.value, id);
}

enum { POST_BERT, POST_ROBERTA, POST_TEMPLATE, POST_BYTE_LEVEL };

static wm_status read_post_processors(wm_reading *reading, const wm_json *root,
                                      component_walk *walk) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    bool placed = false;
    WM_TRY(wm_template_plain(reading));
    for (walk_components(walk, root, KEY_PROCESSORS); next_component(walk);) {
        const json_members *members = &walk->members;
        int32_t cls, sep;
        int kind = find_name(&members->v[KEY_TYPE],
                             "BertProcessing\0RobertaProcessing\0TemplateProcessing\0ByteLevel\0");
        if (kind < 0 || (placed && kind != POST_BYTE_LEVEL))
            return refuse(reading,
                          placed ? "not supported: a second post-processor, of type"
                                 : "not supported: a post-processor of type",
                          members);
        if (kind == POST_BYTE_LEVEL || kind == POST_ROBERTA) {
            tokenizer->trim_offsets |= flag_of(members, KEY_TRIM, true);
            tokenizer->trim_prefix_space = flag_of(members, KEY_PREFIX_SPACE, true);
        }
        if (kind == POST_BYTE_LEVEL) continue;
        placed = true;
        if (kind == POST_TEMPLATE) {
            WM_TRY(read_template(reading, &members->v[KEY_SPECIALS], &members->v[KEY_SINGLE],
                                 &tokenizer->single));
            WM_TRY(read_template(reading, &members->v[KEY_SPECIALS], &members->v[KEY_PAIR],
                                 &tokenizer->pair));
            continue;
        }
        if (!read_token_pair(&members->v[KEY_CLS], &cls) ||
            !read_token_pair(&members->v[KEY_SEP], &sep))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "a post-processor lacks cls or sep",
                                   NULL);
        WM_TRY(wm_template_cls_sep(reading, cls, sep, kind == POST_ROBERTA, kind == POST_BERT));
    }
    return WM_OK;
}

// ---- Added tokens and the whole -----------------------------------------------------------------

static wm_status read_added_tokens(wm_reading *reading, const wm_json *list) {
    uint64_t count = 0;
    json_members members;
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item);) count++;
    WM_TRY(wm_added_init(reading->tokenizer, count, reading->error));
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item);) {
        read_members(&item.value, &members);
        if (!is_of(&members.v[KEY_CONTENT], WM_JSON_STRING))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "an added token without content",
                                   NULL);
        WM_TRY(wm_added_read(reading, &members.v[KEY_CONTENT], &item.value));
    }
    return wm_added_index(reading->tokenizer, reading->error);
}

wm_status wm_tokenizer_read_json(wm_tokenizer *tokenizer, wm_span file, wm_error *error) {
    wm_reading reading = {tokenizer, "tokenizer.json", error, NULL, 0};
    wm_json root;
    json_members members;
    component_walk walk;
    WM_TRY(wm_json_check(file, reading.file, 0, &root, error));
    if (!is_of(&root, WM_JSON_OBJECT))
        return wm_reading_fail(&reading, WM_ERROR_FORMAT, "not an object", NULL);
    read_members(&root, &members);
    if (is_null(&members.v[KEY_MODEL]))
        return wm_reading_fail(&reading, WM_ERROR_FORMAT, "no model", NULL);
    WM_TRY(read_chains(&reading, &members, &walk));
    WM_TRY(read_model(&reading, &members.v[KEY_MODEL]));
    WM_TRY(read_post_processors(&reading, &members.v[KEY_POST], &walk));
    for (walk_components(&walk, &members.v[KEY_DECODER], KEY_DECODERS); next_component(&walk);)
        WM_TRY(read_decoder(&reading, &walk.members));
    return read_added_tokens(&reading, &members.v[KEY_ADDED]);
}
