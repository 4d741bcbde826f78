// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sentencepiece.h"

// ---- Protobuf -----------------------------------------------------------------------------------

enum { PROTO_VARINT, PROTO_64, PROTO_BYTES, PROTO_32 = 5 };

// A field of a message; of a kind that is not looked at only `rest` moves on.
typedef struct proto_field {
    uint32_t number, kind;
    uint64_t value; // PROTO_VARINT, PROTO_32
    wm_span bytes;  // PROTO_BYTES
} proto_field;

static bool read_varint(wm_span *rest, uint64_t *value) {
    *value = 0;
    for (uint32_t shift = 0; shift < 64 && rest->n; shift += 7) {
        uint8_t byte = *rest->p;
        *rest = (wm_span){rest->p + 1, rest->n - 1};
        *value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return true;
    }
    return false;
}

// False: the message ends, or is broken: then rest->n is not 0.
static bool next_field(wm_span *rest, proto_field *field) {
    wm_span from = *rest;
    uint64_t tag, n = 0;
    if (!read_varint(&from, &tag)) return false;
    *field = (proto_field){.number = (uint32_t)WM_MIN(tag >> 3, UINT32_MAX), .kind = tag & 7};
    if (field->kind == PROTO_VARINT && !read_varint(&from, &field->value)) return false;
    if (field->kind == PROTO_BYTES && !read_varint(&from, &n)) return false;
    if (field->kind == PROTO_64) n = 8;
    if (field->kind == PROTO_32) n = 4;
    if (n > from.n || field->kind == 3 || field->kind == 4 || field->kind > PROTO_32) return false;
    if (field->kind == PROTO_32) field->value = wm_read_u32(from.p);
    field->bytes = (wm_span){from.p, (size_t)n};
    *rest = (wm_span){from.p + n, from.n - (size_t)n};
    return true;
}

// ---- The file -----------------------------------------------------------------------------------

enum { FILE_PIECE = 1, FILE_TRAINER, FILE_NORMALIZER };
enum { PIECE_TEXT = 1, PIECE_SCORE, PIECE_TYPE };
enum { TRAINER_MODEL = 3, TRAINER_SUFFIX = 24, TRAINER_FALLBACK = 35, TRAINER_UNKNOWN = 44 };
enum { NORMALIZER_MAP = 2, NORMALIZER_PREFIX, NORMALIZER_SPACES, NORMALIZER_ESCAPE };

bool wm_sentencepiece_is(wm_span bytes) {
    return bytes.n > 2 && bytes.p[0] == (FILE_PIECE << 3 | PROTO_BYTES) &&
           bytes.p[2] == (PIECE_TEXT << 3 | PROTO_BYTES);
}

static bool read_piece(wm_span rest, wm_entry *entry) {
    proto_field field;
    entry->text = (wm_span){0};
    entry->score = 0;
    entry->type = WM_PIECE_NORMAL;
    while (next_field(&rest, &field)) {
        if (field.number == PIECE_TEXT) entry->text = field.bytes;
        if (field.number == PIECE_SCORE && field.kind == PROTO_32)
            entry->score = (double)wm_read_f32(field.bytes.p);
        if (field.number == PIECE_TYPE) entry->type = (uint32_t)WM_MIN(field.value, 255);
    }
    if (entry->type == WM_PIECE_USER) // what a Unigram model prefers to all else
        entry->score = (double)(float)(0.1 * ((double)entry->text.n - 1));
    return !rest.n && entry->type >= WM_PIECE_NORMAL && entry->type <= WM_PIECE_BYTE &&
           wm_utf8_check(entry->text) == entry->text.n;
}

static void read_trainer(wm_tokenizer *tokenizer, wm_span rest, uint64_t *kind) {
    proto_field field;
    while (next_field(&rest, &field)) {
        if (field.number == TRAINER_MODEL) *kind = field.value;
        if (field.number == TRAINER_SUFFIX) tokenizer->sentence.suffix = field.value != 0;
        if (field.number == TRAINER_FALLBACK) tokenizer->model.byte_fallback = field.value != 0;
        if (field.number == TRAINER_UNKNOWN) tokenizer->sentence.unknown = field.bytes;
    }
}

static wm_status read_rules(wm_reading *reading, wm_span rest) {
    wm_sentence_rules *sentence = &reading->tokenizer->sentence;
    proto_field field;
    while (next_field(&rest, &field)) {
        bool on = field.value != 0;
        if (field.number == NORMALIZER_PREFIX) sentence->dummy_prefix = on;
        if (field.number == NORMALIZER_SPACES) sentence->remove_spaces = on;
        if (field.number == NORMALIZER_ESCAPE) sentence->escape = on;
        if (field.number == NORMALIZER_MAP && field.bytes.n)
            WM_TRY(wm_charsmap_open(&sentence->map, field.bytes, reading->error));
    }
    return WM_OK;
}

// The entries of the file: `first` and `offset` say what becomes of a piece's place.
static bool next_piece(wm_entries *entries, wm_entry *entry) {
    proto_field field;
    while (next_field(&entries->rest, &field)) {
        if (field.number != FILE_PIECE) continue;
        uint32_t at = entries->count++;
        entry->id = at < 3 && entries->first ? entries->first[at] : at + entries->offset;
        return read_piece(field.bytes, entry);
    }
    return false;
}

wm_status wm_sentencepiece_read(wm_reading *reading, wm_span file, const uint8_t *first,
                                uint32_t offset) {
    wm_tokenizer *tokenizer = reading->tokenizer;
    wm_entries entries = {
        .next = next_piece, .rest = file, .first = first, .offset = offset, .typed = true};
    uint64_t kind = 1;
    bool unused = false;
    proto_field field;
    wm_span rest = file;
    tokenizer->sentence = (wm_sentence_rules){.unknown = WM_TEXT(" \xE2\x81\x87 "),
                                              .used = true,
                                              .dummy_prefix = true,
                                              .remove_spaces = true,
                                              .escape = true};
    while (next_field(&rest, &field)) {
        wm_entry entry;
        bool fine = field.number != FILE_PIECE || read_piece(field.bytes, &entry);
        if (!fine)
            return wm_fail(reading->error, WM_ERROR_FORMAT, (uint64_t)(field.bytes.p - file.p),
                           "%z: a broken piece", reading->file);
        if (field.number == FILE_PIECE) unused |= entry.type == WM_PIECE_UNUSED;
        if (field.number == FILE_TRAINER) read_trainer(tokenizer, field.bytes, &kind);
        if (field.number == FILE_NORMALIZER) WM_TRY(read_rules(reading, field.bytes));
    }
    if (rest.n)
        return wm_fail(reading->error, WM_ERROR_FORMAT, (uint64_t)(rest.p - file.p),
                       "%z: broken: byte %u begins no field", reading->file,
                       (uint64_t)(rest.p - file.p));
    static const uint8_t kinds[] = {WM_TOKENS_UNIGRAM, WM_TOKENS_BPE, WM_TOKENS_WORDLEVEL,
                                    WM_TOKENS_BPE};
    if (kind - 1 >= WM_COUNT(kinds)) return wm_reading_bad(reading, "an odd type of model");
    if (kind == 2 && unused) // they are merged on the way, then taken apart again
        return wm_reading_fail(reading, WM_ERROR_UNSUPPORTED, "BPE with unused pieces", NULL);
    tokenizer->model.kind = (wm_model_kind)kinds[kind - 1];
    tokenizer->model.unk = -1;
    WM_TRY(wm_vocabulary_read(reading, entries));
    if (tokenizer->model.unk < 0) return wm_reading_bad(reading, "no piece of type UNKNOWN");
    if (first && !tokenizer->model.types[1]) // between <s> and </s>, in no file
        tokenizer->model.vocabulary.pieces[1] = WM_TEXT("<pad>");
    tokenizer->model.vocabulary.count = tokenizer->model.vocabulary.ids;
    if (kind == 4) tokenizer->model.vocabulary.longest = 0; // CHAR: nothing is merged
    if (kind == 3)
        tokenizer->splitters[tokenizer->splitter_count++] =
            (wm_splitter){.kind = WM_SPLITTER_LITERAL,
                          .behavior = WM_SPLIT_WITH_NEXT,
                          .content = WM_TEXT("\xE2\x96\x81")};
    return WM_OK;
}
