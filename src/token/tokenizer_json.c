// SPDX-License-Identifier: MIT OR Apache-2.0
// Reads tokenizer.json: each component is compiled into the tokenizer's steps, or refused by name.
#include "tokenizer_read.h"

// ---- Helpers ------------------------------------------------------------------------------------

// values[i] = the member called names[i], all in one pass; absent ones stay absent.
static void read_members(wm_json object, const char *const *names, wm_json *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = (wm_json){0};
    for (wm_json_iter member = wm_json_each(object); wm_json_next(&member);)
        for (size_t i = 0; i < count; i++)
            if (wm_json_string_is(member.key, names[i])) values[i] = member.value;
}

static bool is_null(wm_json value) {
    return !wm_json_present(value) || wm_json_type_of(value) == WM_JSON_NULL;
}

// The component types of an object and of the Sequences inside it, in order, without recursion.
typedef struct component_walk {
    wm_json_iter levels[WM_LIMIT_JSON_DEPTH];
    const char *list; // the key of a Sequence's list
    size_t depth;
    wm_json next;
} component_walk;

static component_walk walk_components(wm_json root, const char *list) {
    return (component_walk){.list = list, .next = is_null(root) ? (wm_json){0} : root};
}

static bool next_component(component_walk *walk, wm_json *component) {
    for (;;) {
        while (!wm_json_present(walk->next)) {
            if (!walk->depth) return false;
            wm_json_iter *level = &walk->levels[walk->depth - 1];
            if (wm_json_next(level)) walk->next = level->value;
            else walk->depth--;
        }
        *component = walk->next;
        walk->next = (wm_json){0};
        if (!wm_json_string_is(wm_json_get(*component, "type"), "Sequence")) return true;
        if (walk->depth < WM_COUNT(walk->levels))
            walk->levels[walk->depth++] = wm_json_each(wm_json_get(*component, walk->list));
    }
}

static wm_status refuse(const wm_reading *reading, const char *what, wm_json component) {
    wm_json type = wm_json_get(component, "type");
    wm_span name = WM_TEXT("none");
    uint8_t decoded[64];
    if (wm_json_present(type) && wm_json_type_of(type) == WM_JSON_STRING && type.n <= sizeof decoded)
        name = wm_json_string_decode(type, decoded);
    return wm_fail(reading->error, WM_ERROR_UNSUPPORTED, 0, "tokenizer.json: %z of type \"%s\" is not supported",
                   what, &name);
}

static wm_status too_many(const wm_reading *reading, const char *what) {
    return wm_fail(reading->error, WM_ERROR_LIMIT, 0, "tokenizer.json: more than %u %z",
                   (uint64_t)WM_TOKENIZER_STEPS, what);
}

// ---- Normalizers and pre-tokenizers ---------------------------------------------------------------

static wm_status read_normalizers(wm_reading *reading, wm_json root) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_json component;
    for (component_walk walk = walk_components(root, "normalizers"); next_component(&walk, &component);) {
        wm_normalizer step = {WM_NORMALIZER_BERT, 0};
        if (!wm_json_string_is(wm_json_get(component, "type"), "BertNormalizer"))
            return refuse(reading, "a normalizer", component);
        bool lower = wm_json_flag(component, "lowercase", true);
        if (wm_json_flag(component, "clean_text", true)) step.options |= WM_BERT_CLEAN;
        if (wm_json_flag(component, "handle_chinese_chars", true)) step.options |= WM_BERT_IDEOGRAPHS;
        if (wm_json_flag(component, "strip_accents", lower)) step.options |= WM_BERT_STRIP;
        if (lower) step.options |= WM_BERT_LOWER;
        if (tokenizer->normalizer_count == WM_TOKENIZER_STEPS) return too_many(reading, "normalizers");
        tokenizer->normalizers[tokenizer->normalizer_count++] = step;
    }
    return WM_OK;
}

static wm_status read_pre_tokenizers(wm_reading *reading, wm_json root) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_json component;
    for (component_walk walk = walk_components(root, "pretokenizers"); next_component(&walk, &component);) {
        wm_json type = wm_json_get(component, "type");
        if (tokenizer->splitter_count + 2 > WM_TOKENIZER_STEPS) return too_many(reading, "pre-tokenizers");
        wm_splitter *steps = tokenizer->splitters;
        // ByteLevel changes the alphabet, so nothing can look at the text after it.
        if (tokenizer->model.byte_level) {
            return refuse(reading, "after ByteLevel a pre-tokenizer", component);
        } else if (wm_json_string_is(type, "BertPreTokenizer")) {
            steps[tokenizer->splitter_count++].kind = WM_SPLITTER_BERT;
        } else if (wm_json_string_is(type, "ByteLevel")) {
            tokenizer->model.byte_level = true;
            if (wm_json_flag(component, "add_prefix_space", true))
                steps[tokenizer->splitter_count++].kind = WM_SPLITTER_PREFIX_SPACE;
            if (wm_json_flag(component, "use_regex", true)) steps[tokenizer->splitter_count++].kind = WM_SPLITTER_GPT2;
        } else {
            return refuse(reading, "a pre-tokenizer", component);
        }
    }
    return WM_OK;
}

// ---- Models ---------------------------------------------------------------------------------------

static wm_status read_merges(wm_reading *reading, wm_json list) {
    wm_merge *merges;
    uint64_t count = 0;
    uint8_t *scratch;
    size_t longest = 0;
    if (!wm_json_present(list) || wm_json_type_of(list) != WM_JSON_ARRAY)
        return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: merges are no array", reading->file);
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); count++)
        longest = WM_MAX(longest, item.value.n);
    if (count >= WM_LIMIT_VOCABULARY)
        return wm_fail(reading->error, WM_ERROR_LIMIT, 0, "%z: %u merges, the limit is %u", reading->file, count,
                       (uint64_t)WM_LIMIT_VOCABULARY);
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, merges, count, reading->error));
    WM_TRY(WM_ALLOC(&reading->tokenizer->arena, scratch, longest, reading->error));
    uint64_t rank = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item); rank++) {
        wm_span sides[2] = {{0}, {0}};
        bool well = wm_json_type_of(item.value) == WM_JSON_ARRAY;
        if (wm_json_type_of(item.value) == WM_JSON_STRING) {
            well = wm_merge_split(wm_json_string_decode(item.value, scratch), sides);
        } else if (well) {
            wm_json_iter side = wm_json_each(item.value);
            for (size_t i = 0, used = 0; i < 2 && well; used += side.value.n, i++) {
                well = wm_json_next(&side) && wm_json_type_of(side.value) == WM_JSON_STRING;
                if (well) sides[i] = wm_json_string_decode(side.value, scratch + used);
            }
            well = well && !wm_json_next(&side);
        }
        if (!well)
            return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: merge %u is no pair of pieces", reading->file,
                           rank);
        WM_TRY(wm_merge_read(reading, rank, sides, &merges[rank]));
    }
    return wm_bpe_index(&reading->tokenizer->model, &reading->tokenizer->arena, merges, count, reading->error);
}

// A string member of the model, NULL or absent: an empty one.
static wm_status read_affix(wm_reading *reading, wm_json value, const char *key, wm_span *to) {
    *to = (wm_span){0};
    if (is_null(value)) return WM_OK;
    if (wm_json_type_of(value) != WM_JSON_STRING)
        return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: %z is no string", reading->file, key);
    WM_TRY(wm_reading_string(reading, value, to));
    if (to->n > WM_BPE_AFFIX)
        return wm_fail(reading->error, WM_ERROR_LIMIT, 0, "%z: %z has %u bytes, the limit is %u", reading->file, key,
                       (uint64_t)to->n, (uint64_t)WM_BPE_AFFIX);
    return WM_OK;
}

static wm_status read_unknown(wm_reading *reading, wm_json value) {
    wm_token_model *model = &reading->tokenizer->model;
    wm_span name;
    model->unk = -1;
    if (is_null(value)) return WM_OK;
    if (wm_json_type_of(value) != WM_JSON_STRING)
        return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: unk_token is no string", reading->file);
    WM_TRY(wm_reading_string(reading, value, &name));
    model->unk = wm_vocabulary_find(&model->vocabulary, (wm_span){0}, name);
    if (model->unk >= 0) return WM_OK;
    return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: the vocabulary lacks unk_token \"%s\"", reading->file,
                   &name);
}

enum { MODEL_TYPE, MODEL_VOCAB, MODEL_UNK, MODEL_PREFIX, MODEL_CHARACTERS, MODEL_MERGES, MODEL_SUFFIX, MODEL_FUSE,
       MODEL_FALLBACK, MODEL_IGNORE, MODEL_DROPOUT, MODEL_KEYS };
static const char *const model_keys[MODEL_KEYS] = {
    "type", "vocab", "unk_token", "continuing_subword_prefix", "max_input_chars_per_word", "merges",
    "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "dropout"};

static wm_status read_wordpiece(wm_reading *reading, const wm_json *members) {
    wm_token_model *model = &reading->tokenizer->model;
    uint64_t characters;
    if (!wm_json_u64(members[MODEL_CHARACTERS], &characters))
        return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: no max_input_chars_per_word", reading->file);
    if (characters > WM_WORDPIECE_CHARACTERS)
        return wm_fail(reading->error, WM_ERROR_LIMIT, 0, "%z: max_input_chars_per_word %u, the limit is %u",
                       reading->file, characters, (uint64_t)WM_WORDPIECE_CHARACTERS);
    model->kind = WM_TOKENS_WORDPIECE;
    model->max_characters = (uint32_t)characters;
    if (model->byte_level || model->unk < 0)
        return wm_fail(reading->error, model->byte_level ? WM_ERROR_UNSUPPORTED : WM_ERROR_FORMAT, 0,
                       model->byte_level ? "%z: ByteLevel before WordPiece is not supported"
                                         : "%z: WordPiece without unk_token",
                       reading->file);
    return wm_vocabulary_index(&model->vocabulary, &reading->tokenizer->arena, reading->error);
}

static wm_status read_bpe(wm_reading *reading, const wm_json *members) {
    wm_token_model *model = &reading->tokenizer->model;
    double dropout = 0;
    model->kind = WM_TOKENS_BPE;
    wm_json_bool(members[MODEL_FUSE], &model->fuse_unknown);
    wm_json_bool(members[MODEL_FALLBACK], &model->byte_fallback);
    wm_json_bool(members[MODEL_IGNORE], &model->ignore_merges);
    if (wm_json_f64(members[MODEL_DROPOUT], &dropout) && dropout != 0)
        return wm_fail(reading->error, WM_ERROR_UNSUPPORTED, 0, "%z: BPE with dropout is not supported", reading->file);
    if (model->byte_level && (model->prefix.n || model->suffix.n || model->byte_fallback))
        return wm_fail(reading->error, WM_ERROR_UNSUPPORTED, 0,
                       "%z: ByteLevel before BPE with prefix, suffix or byte_fallback is not supported", reading->file);
    WM_TRY(read_merges(reading, members[MODEL_MERGES]));
    wm_bpe_find_bytes(model);
    return WM_OK;
}

static wm_status read_model(wm_reading *reading, wm_json root) {
    wm_json members[MODEL_KEYS];
    wm_token_model *model = &reading->tokenizer->model;
    read_members(root, model_keys, members, MODEL_KEYS);
    wm_json type = members[MODEL_TYPE];
    bool untyped = !wm_json_present(type); // files before 0.8 say nothing
    bool wordpiece = untyped ? wm_json_present(members[MODEL_CHARACTERS]) : wm_json_string_is(type, "WordPiece");
    bool bpe = untyped ? wm_json_present(members[MODEL_MERGES]) : wm_json_string_is(type, "BPE");
    if (!wordpiece && !bpe) return refuse(reading, "a model", root);
    WM_TRY(wm_reading_vocabulary(reading, members[MODEL_VOCAB]));
    WM_TRY(read_affix(reading, members[MODEL_PREFIX], model_keys[MODEL_PREFIX], &model->prefix));
    WM_TRY(read_affix(reading, members[MODEL_SUFFIX], model_keys[MODEL_SUFFIX], &model->suffix));
    WM_TRY(read_unknown(reading, members[MODEL_UNK]));
    return bpe ? read_bpe(reading, members) : read_wordpiece(reading, members);
}

// ---- Post-processors --------------------------------------------------------------------------------

// The ids of a special token of TemplateProcessing, as steps.
static wm_status add_special_steps(wm_reading *reading, wm_json specials, wm_json name, uint8_t type,
                                   wm_template_list *list) {
    wm_span id = {0};
    if (wm_json_present(name) && wm_json_type_of(name) == WM_JSON_STRING)
        WM_TRY(wm_reading_string(reading, name, &id));
    for (wm_json_iter special = wm_json_each(specials); id.p && wm_json_next(&special);) {
        wm_span key;
        WM_TRY(wm_reading_string(reading, special.key, &key));
        if (!wm_span_equal(key, id)) continue;
        for (wm_json_iter item = wm_json_each(wm_json_get(special.value, "ids")); wm_json_next(&item);) {
            uint64_t number;
            if (!wm_json_u64(item.value, &number) || number > INT32_MAX)
                return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: special token \"%s\" has an odd id",
                               reading->file, &id);
            WM_TRY(wm_template_add(reading, list, (int32_t)number, type));
        }
        return WM_OK;
    }
    return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: the template names an unknown special token \"%s\"",
                   reading->file, &id);
}

static wm_status read_template(wm_reading *reading, wm_json component, const char *key, wm_template *to) {
    wm_template_list list = {0};
    wm_json specials = wm_json_get(component, "special_tokens");
    bool is_pair = to == &reading->tokenizer->pair;
    for (wm_json_iter item = wm_json_each(wm_json_get(component, key)); wm_json_next(&item);) {
        wm_json sequence = wm_json_get(item.value, "Sequence"), special = wm_json_get(item.value, "SpecialToken");
        wm_json step = wm_json_present(sequence) ? sequence : special, id = wm_json_get(step, "id");
        uint64_t type;
        if (!wm_json_u64(wm_json_get(step, "type_id"), &type) || type > UINT8_MAX)
            return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: a template's step has no type_id", reading->file);
        if (wm_json_present(special)) {
            WM_TRY(add_special_steps(reading, specials, id, (uint8_t)type, &list));
            continue;
        }
        bool first = wm_json_string_is(id, "A");
        if (!first && !(is_pair && wm_json_string_is(id, "B")))
            return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: the template names an unknown sequence",
                           reading->file);
        WM_TRY(wm_template_add(reading, &list, first ? WM_TEMPLATE_A : WM_TEMPLATE_B, (uint8_t)type));
    }
    return wm_template_keep(reading, &list, to);
}

// ["[SEP]", 102]
static bool read_token_pair(wm_json pair, int32_t *id) {
    wm_json_iter item = wm_json_each(pair);
    uint64_t number;
    if (!wm_json_next(&item) || !wm_json_next(&item) || !wm_json_u64(item.value, &number) || number > INT32_MAX)
        return false;
    *id = (int32_t)number;
    return true;
}

static wm_status read_cls_sep(wm_reading *reading, wm_json component, bool roberta) {
    int32_t cls, sep;
    if (!read_token_pair(wm_json_get(component, "cls"), &cls) || !read_token_pair(wm_json_get(component, "sep"), &sep))
        return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: a post-processor lacks cls or sep", reading->file);
    return wm_template_cls_sep(reading, cls, sep, roberta, roberta ? 0 : 1);
}

static wm_status read_post_processors(wm_reading *reading, wm_json root) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    bool placed = false;
    wm_json component;
    WM_TRY(wm_template_plain(reading));
    for (component_walk walk = walk_components(root, "processors"); next_component(&walk, &component);) {
        wm_json type = wm_json_get(component, "type");
        bool bert = wm_json_string_is(type, "BertProcessing"), roberta = wm_json_string_is(type, "RobertaProcessing");
        bool byte_level = wm_json_string_is(type, "ByteLevel");
        if (byte_level || roberta) {
            tokenizer->trim_offsets |= wm_json_flag(component, "trim_offsets", true);
            tokenizer->trim_prefix_space = wm_json_flag(component, "add_prefix_space", true);
        }
        if (byte_level) continue;
        if (placed) return refuse(reading, "after another a post-processor", component);
        placed = true;
        if (bert || roberta) {
            WM_TRY(read_cls_sep(reading, component, roberta));
        } else if (wm_json_string_is(type, "TemplateProcessing")) {
            WM_TRY(read_template(reading, component, "single", &tokenizer->single));
            WM_TRY(read_template(reading, component, "pair", &tokenizer->pair));
        } else {
            return refuse(reading, "a post-processor", component);
        }
    }
    return WM_OK;
}

// ---- Added tokens and the whole -----------------------------------------------------------------------

static wm_status read_added_tokens(wm_reading *reading, wm_json list) {
    uint64_t count = 0;
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item);) count++;
    WM_TRY(wm_added_init(reading->tokenizer, count, reading->error));
    for (wm_json_iter item = wm_json_each(list); wm_json_next(&item);) {
        wm_json content = wm_json_get(item.value, "content");
        if (!wm_json_present(content) || wm_json_type_of(content) != WM_JSON_STRING)
            return wm_fail(reading->error, WM_ERROR_FORMAT, 0, "%z: an added token has no content", reading->file);
        WM_TRY(wm_added_read(reading, content, item.value));
    }
    return wm_added_index(reading->tokenizer, reading->error);
}

wm_status wm_tokenizer_read_json(wm_tokenizer *tokenizer, wm_span file, wm_error *error) {
    static const char *const keys[] = {"added_tokens", "normalizer", "pre_tokenizer", "model", "post_processor"};
    wm_reading reading = {tokenizer, "tokenizer.json", error, NULL, 0};
    wm_json root, members[WM_COUNT(keys)];
    WM_TRY(wm_json_check(file, reading.file, 0, &root, error));
    if (wm_json_type_of(root) != WM_JSON_OBJECT)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "%z: not an object", reading.file);
    read_members(root, keys, members, WM_COUNT(keys));
    if (is_null(members[3])) return wm_fail(error, WM_ERROR_FORMAT, 0, "%z: no model", reading.file);
    WM_TRY(read_normalizers(&reading, members[1]));
    WM_TRY(read_pre_tokenizers(&reading, members[2]));
    WM_TRY(read_model(&reading, members[3]));
    WM_TRY(read_post_processors(&reading, members[4]));
    return read_added_tokens(&reading, members[0]);
}
