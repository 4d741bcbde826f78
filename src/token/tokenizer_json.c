// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads tokenizer.json: each component is compiled into the tokenizer's steps, or refused by name.
#include "tokenizer_read.h"

// ---- Members --------------------------------------------------------------------------------------

// Every key that is looked at, and where it stands among an object's members.
static const char json_keys[] =
    "type\0added_tokens\0normalizer\0pre_tokenizer\0model\0post_processor\0normalizers\0pretokenizers\0processors\0"
    "vocab\0unk_token\0continuing_subword_prefix\0max_input_chars_per_word\0merges\0end_of_word_suffix\0fuse_unk\0"
    "byte_fallback\0ignore_merges\0dropout\0clean_text\0handle_chinese_chars\0strip_accents\0lowercase\0"
    "add_prefix_space\0trim_offsets\0use_regex\0cls\0sep\0single\0pair\0special_tokens\0Sequence\0SpecialToken\0id\0"
    "type_id\0ids\0content\0";
enum {
    KEY_TYPE, KEY_ADDED, KEY_NORMALIZER, KEY_PRE_TOKENIZER, KEY_MODEL, KEY_POST, KEY_NORMALIZERS, KEY_PRETOKENIZERS,
    KEY_PROCESSORS, KEY_VOCAB, KEY_UNK, KEY_PREFIX, KEY_CHARACTERS, KEY_MERGES, KEY_SUFFIX, KEY_FUSE, KEY_FALLBACK,
    KEY_IGNORE, KEY_DROPOUT, KEY_CLEAN, KEY_IDEOGRAPHS, KEY_STRIP, KEY_LOWERCASE, KEY_PREFIX_SPACE, KEY_TRIM,
    KEY_REGEX, KEY_CLS, KEY_SEP, KEY_SINGLE, KEY_PAIR, KEY_SPECIALS, KEY_SEQUENCE, KEY_SPECIAL, KEY_ID, KEY_TYPE_ID,
    KEY_IDS, KEY_CONTENT, KEY_COUNT
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

static bool is_null(const wm_json *value) { return !wm_json_present(*value) || is_of(value, WM_JSON_NULL); }

static bool flag_of(const json_members *members, int key, bool otherwise) {
    bool flag;
    return wm_json_bool(members->v[key], &flag) ? flag : otherwise;
}

// ---- Components -----------------------------------------------------------------------------------

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
            if (wm_json_next(level)) walk->next = level->value;
            else walk->depth--;
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

static wm_status read_normalizers(wm_reading *reading, const wm_json *root, component_walk *walk) {
    for (walk_components(walk, root, KEY_NORMALIZERS); next_component(walk);) {
        const json_members *members = &walk->members;
        wm_normalizer step = {0};
        if (find_name(&members->v[KEY_TYPE], "BertNormalizer\0") < 0)
            return refuse(reading, "not supported: a normalizer of type", members);
        bool lower = flag_of(members, KEY_LOWERCASE, true);
        if (flag_of(members, KEY_CLEAN, true)) step.options |= WM_BERT_CLEAN;
        if (flag_of(members, KEY_IDEOGRAPHS, true)) step.options |= WM_BERT_IDEOGRAPHS;
        if (flag_of(members, KEY_STRIP, lower)) step.options |= WM_BERT_STRIP;
        if (lower) step.options |= WM_BERT_LOWER;
        WM_TRY(wm_reading_normalizer(reading, step));
    }
    return WM_OK;
}

static wm_status read_pre_tokenizers(wm_reading *reading, const wm_json *root, component_walk *walk) {
    bool *byte_level = &reading->tokenizer->model.byte_level;
    for (walk_components(walk, root, KEY_PRETOKENIZERS); next_component(walk);) {
        const json_members *members = &walk->members;
        // ByteLevel changes the alphabet, so nothing can look at the text after it.
        if (*byte_level) return refuse(reading, "not supported: after ByteLevel a pre-tokenizer of type", members);
        switch (find_name(&members->v[KEY_TYPE], "BertPreTokenizer\0ByteLevel\0")) {
        case 0:
            WM_TRY(wm_reading_splitter(reading, (wm_splitter){WM_SPLITTER_BERT}));
            break;
        case 1:
            *byte_level = true;
            if (flag_of(members, KEY_PREFIX_SPACE, true))
                WM_TRY(wm_reading_splitter(reading, (wm_splitter){WM_SPLITTER_PREFIX_SPACE}));
            if (flag_of(members, KEY_REGEX, true))
                WM_TRY(wm_reading_splitter(reading, (wm_splitter){WM_SPLITTER_GPT2}));
            break;
        default: return refuse(reading, "not supported: a pre-tokenizer of type", members);
        }
    }
    return WM_OK;
}

// ---- Models ---------------------------------------------------------------------------------------

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
    if (!is_of(list, WM_JSON_ARRAY)) return wm_reading_fail(reading, WM_ERROR_FORMAT, "merges are no array", NULL);
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

// A string member of the model; null or absent: an empty one.
static wm_status read_string(wm_reading *reading, const wm_json *value, wm_span *to) {
    *to = (wm_span){0};
    if (is_null(value)) return WM_OK;
    if (!is_of(value, WM_JSON_STRING)) {
        wm_span text = {value->p, value->n};
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "not a string, but unk_token, a prefix or a suffix:", &text);
    }
    return wm_reading_string(reading, *value, to);
}

static wm_status read_wordpiece(wm_reading *reading, const json_members *members) {
    wm_token_model *model = &reading->tokenizer->model;
    uint64_t characters;
    if (!wm_json_u64(members->v[KEY_CHARACTERS], &characters))
        return wm_reading_fail(reading, WM_ERROR_FORMAT, "no max_input_chars_per_word", NULL);
    if (characters > WM_WORDPIECE_CHARACTERS)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "max_input_chars_per_word over 65536", NULL);
    model->max_characters = (uint32_t)characters;
    if (model->byte_level)
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, "not supported: WordPiece after ByteLevel", NULL);
    if (model->unk < 0) return wm_reading_fail(reading, WM_ERROR_FORMAT, "WordPiece without unk_token", NULL);
    return wm_vocabulary_index(&model->vocabulary, &reading->tokenizer->arena, reading->error);
}

static wm_status read_bpe(wm_reading *reading, const json_members *members) {
    wm_token_model *model = &reading->tokenizer->model;
    double dropout = 0;
    wm_json_f64(members->v[KEY_DROPOUT], &dropout);
    model->fuse_unknown = flag_of(members, KEY_FUSE, false);
    model->byte_fallback = flag_of(members, KEY_FALLBACK, false);
    model->ignore_merges = flag_of(members, KEY_IGNORE, false);
    if (dropout != 0) return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, "not supported: dropout", NULL);
    if (model->byte_level && (model->prefix.n || model->suffix.n || model->byte_fallback))
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED,
                               "not supported: ByteLevel with a prefix, a suffix or byte_fallback", NULL);
    WM_TRY(read_merges(reading, &members->v[KEY_MERGES]));
    wm_bpe_find_bytes(model);
    return WM_OK;
}

static wm_status read_model(wm_reading *reading, const wm_json *root) {
    json_members members;
    wm_token_model *model = &reading->tokenizer->model;
    wm_span unknown;
    read_members(root, &members);
    int kind = find_name(&members.v[KEY_TYPE], "WordPiece\0BPE\0");
    if (!wm_json_present(members.v[KEY_TYPE])) { // files before tokenizers 0.8 do not say
        if (wm_json_present(members.v[KEY_CHARACTERS])) kind = WM_TOKENS_WORDPIECE;
        if (wm_json_present(members.v[KEY_MERGES])) kind = WM_TOKENS_BPE;
    }
    if (kind < 0) return refuse(reading, "not supported: a model of type", &members);
    model->kind = (wm_model_kind)kind;
    WM_TRY(wm_reading_vocabulary(reading, &members.v[KEY_VOCAB]));
    WM_TRY(read_string(reading, &members.v[KEY_PREFIX], &model->prefix));
    WM_TRY(read_string(reading, &members.v[KEY_SUFFIX], &model->suffix));
    WM_TRY(read_string(reading, &members.v[KEY_UNK], &unknown));
    if (model->prefix.n > WM_BPE_AFFIX || model->suffix.n > WM_BPE_AFFIX)
        return wm_reading_fail(reading, WM_ERROR_LIMIT, "over 64 bytes: the prefix or suffix", NULL);
    model->unk = -1;
    if (!is_null(&members.v[KEY_UNK])) {
        model->unk = wm_vocabulary_find(&model->vocabulary, (wm_span){0}, unknown);
        if (model->unk < 0)
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "the vocabulary lacks unk_token", &unknown);
    }
    return kind == WM_TOKENS_BPE ? read_bpe(reading, &members) : read_wordpiece(reading, &members);
}

// ---- Post-processors --------------------------------------------------------------------------------

static bool read_token_id(const wm_json *value, int32_t *id) {
    uint64_t number;
    if (!wm_json_u64(*value, &number) || number > INT32_MAX) return false;
    *id = (int32_t)number;
    return true;
}

// The ids of a special token of TemplateProcessing, as steps.
static wm_status add_special_steps(wm_reading *reading, const wm_json *specials, const wm_json *name, uint8_t type,
                                   wm_template_list *list) {
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
                return wm_reading_fail(reading, WM_ERROR_FORMAT, "an odd id of the special token", &id);
            WM_TRY(wm_template_add(reading, list, number, type));
        }
        return WM_OK;
    }
    return wm_reading_fail(reading, WM_ERROR_FORMAT, "the template names an unknown special token", &id);
}

static wm_status read_template(wm_reading *reading, const wm_json *specials, const wm_json *steps, wm_template *to) {
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
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "a template's step has no type_id", NULL);
        if (special) {
            WM_TRY(add_special_steps(reading, specials, &members.v[KEY_ID], (uint8_t)type, &list));
            continue;
        }
        int which = find_name(&members.v[KEY_ID], "A\0B\0");
        if (which < 0 || which > is_pair)
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "the template names an unknown sequence", NULL);
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

static wm_status read_post_processors(wm_reading *reading, const wm_json *root, component_walk *walk) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    bool placed = false;
    WM_TRY(wm_template_plain(reading));
    for (walk_components(walk, root, KEY_PROCESSORS); next_component(walk);) {
        const json_members *members = &walk->members;
        int32_t cls, sep;
        int kind = find_name(&members->v[KEY_TYPE], "BertProcessing\0RobertaProcessing\0TemplateProcessing\0ByteLevel\0");
        if (kind < 0 || (placed && kind != POST_BYTE_LEVEL))
            return refuse(reading, placed ? "not supported: a second post-processor, of type"
                                          : "not supported: a post-processor of type", members);
        if (kind == POST_BYTE_LEVEL || kind == POST_ROBERTA) {
            tokenizer->trim_offsets |= flag_of(members, KEY_TRIM, true);
            tokenizer->trim_prefix_space = flag_of(members, KEY_PREFIX_SPACE, true);
        }
        if (kind == POST_BYTE_LEVEL) continue;
        placed = true;
        if (kind == POST_TEMPLATE) {
            WM_TRY(read_template(reading, &members->v[KEY_SPECIALS], &members->v[KEY_SINGLE], &tokenizer->single));
            WM_TRY(read_template(reading, &members->v[KEY_SPECIALS], &members->v[KEY_PAIR], &tokenizer->pair));
            continue;
        }
        if (!read_token_pair(&members->v[KEY_CLS], &cls) || !read_token_pair(&members->v[KEY_SEP], &sep))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "a post-processor lacks cls or sep", NULL);
        WM_TRY(wm_template_cls_sep(reading, cls, sep, kind == POST_ROBERTA, kind == POST_BERT));
    }
    return WM_OK;
}

// ---- Added tokens and the whole -----------------------------------------------------------------------

static wm_status read_added_tokens(wm_reading *reading, const wm_json *list) {
    uint64_t count = 0;
    json_members members;
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item);) count++;
    WM_TRY(wm_added_init(reading->tokenizer, count, reading->error));
    for (wm_json_iter item = wm_json_each(*list); wm_json_next(&item);) {
        read_members(&item.value, &members);
        if (!is_of(&members.v[KEY_CONTENT], WM_JSON_STRING))
            return wm_reading_fail(reading, WM_ERROR_FORMAT, "an added token without content", NULL);
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
    if (!is_of(&root, WM_JSON_OBJECT)) return wm_reading_fail(&reading, WM_ERROR_FORMAT, "not an object", NULL);
    read_members(&root, &members);
    if (is_null(&members.v[KEY_MODEL])) return wm_reading_fail(&reading, WM_ERROR_FORMAT, "no model", NULL);
    WM_TRY(read_normalizers(&reading, &members.v[KEY_NORMALIZER], &walk));
    WM_TRY(read_pre_tokenizers(&reading, &members.v[KEY_PRE_TOKENIZER], &walk));
    WM_TRY(read_model(&reading, &members.v[KEY_MODEL]));
    WM_TRY(read_post_processors(&reading, &members.v[KEY_POST], &walk));
    return read_added_tokens(&reading, &members.v[KEY_ADDED]);
}
