// SPDX-License-Identifier: MIT OR Apache-2.0
// From text to ids: the chain's run, truncation, the template.
#include "tokenizer.h"

// Everything that one call needs; freed at its end.
typedef struct encode_call {
    const wm_tokenizer *tokenizer;
    const wm_encode_options *options;
    wm_normalizing normalizing;
    wm_splitting splitting;
    wm_token_sink sink;
    wm_writer lowered, sentence;
    wm_array tokens[2]; // wm_token, of the text and of its pair
} encode_call;

bool wm_token_emit(wm_token_sink *sink, int32_t id, size_t start, size_t end) {
    wm_token *token = wm_array_add(&sink->tokens, sink->host, sizeof *token);
    wm_cached_piece *cached = sink->cached;
    if (!token) return false;
    *token = (wm_token){.id = id};
    wm_cursor_source(&sink->cursor, start, end, &token->start, &token->end);
    if (cached && cached->count++ < WM_CACHED_TOKENS)
        cached->tokens[cached->count - 1] =
            (uint32_t)((uint32_t)id | (start - sink->from) << 22 | (end - sink->from) << 27);
    return true;
}

// ---- Spaces at a token's ends, for trim_offsets -------------------------------------------------

// Counts the spaces that `written` begins and ends with; ByteLevel's U+0120 is one too.
static void count_spaces(const wm_unicode *unicode, wm_span written, wm_token *token) {
    uint32_t c, before = 0, after = 0;
    bool leading = true;
    for (size_t at = 0, length; at < written.n; at += length) {
        length = wm_utf8_decode(written.p + at, written.n - at, &c);
        if (!length) break;
        bool space = c == 0x120 || wm_char_flags(unicode, c) & WM_CHAR_SPACE;
        leading = leading && space;
        before += leading;
        after = space ? after + 1 : 0;
    }
    token->spaces_before = (uint16_t)WM_MIN(before, UINT16_MAX);
    token->spaces_after = (uint16_t)WM_MIN(after, UINT16_MAX);
}

static void trim_token(wm_token *token, wm_span text, bool first, bool prefix_space) {
    uint32_t before = token->spaces_before, after = token->spaces_after;
    if ((first || token->start == 0) && prefix_space && before == 1) before = 0;
    for (; before && token->start < token->end; before--) do
            token->start++;
        while (token->start < token->end && (text.p[token->start] & 0xC0) == 0x80);
    uint32_t end = token->end;
    for (; after && end > 0; after--) do
            end--;
        while (end > 0 && (text.p[end] & 0xC0) == 0x80);
    if (!after) token->end = WM_MAX(end, token->start);
}

// ---- One text -----------------------------------------------------------------------------------

static bool is_full(const encode_call *call) {
    return call->sink.tokens.n / sizeof(wm_token) > call->sink.limit;
}

// Notes that the token at `at`, if it is there, begins a word: an added token, or what the
// pre-tokenizers made.
static void note_word(encode_call *call, size_t at) {
    wm_token *tokens = call->sink.tokens.p;
    if (at < call->sink.tokens.n / sizeof *tokens) tokens[at].word = true;
}

// Fills in the spaces of the tokens from the `from`-th on; `written` NULL: as the vocabulary has
// them.
static void note_spaces(encode_call *call, size_t from, const wm_span *written) {
    const wm_tokenizer *tokenizer = call->tokenizer;
    wm_token *tokens = call->sink.tokens.p;
    if (!tokenizer->trim_offsets) return;
    for (size_t i = from; i < call->sink.tokens.n / sizeof *tokens; i++)
        count_spaces(&tokenizer->unicode,
                     written ? *written : tokenizer->model.vocabulary.pieces[tokens[i].id],
                     &tokens[i]);
}

static bool emit_added(encode_call *call, const wm_text *text, const wm_added_search *found) {
    size_t before = call->sink.tokens.n / sizeof(wm_token);
    wm_span written = {text->p + found->start, found->end - found->start};
    call->sink.cursor = wm_cursor_from(text, found->start, found->end);
    if (!wm_token_emit(&call->sink, found->token->id, found->start, found->end)) return false;
    note_word(call, before);
    note_spaces(call, before, &written);
    return true;
}

static bool run_model(const wm_token_model *model, wm_piece piece, wm_token_sink *sink) {
    wm_span text = {sink->cursor.text->p + piece.start, piece.end - piece.start};
    switch (model->kind) {
    case WM_TOKENS_WORDPIECE: return wm_wordpiece_encode(model, piece, sink);
    case WM_TOKENS_BPE: return wm_bpe_encode(model, piece, sink);
    case WM_TOKENS_UNIGRAM: return wm_unigram_encode(model, piece, sink);
    case WM_TOKENS_WORDLEVEL: break;
    }
    int32_t id = wm_vocabulary_find(&model->vocabulary, text);
    return wm_token_emit(sink, id < 0 ? model->unk : id, piece.start, piece.end);
}

static bool encode_piece(const wm_token_model *model, wm_piece piece, wm_token_sink *sink) {
    wm_span text = {sink->cursor.text->p + piece.start, piece.end - piece.start};
    if (!sink->cache || text.n > WM_CACHED_BYTES) return run_model(model, piece, sink);
    wm_cached_piece *cached = &sink->cache->pieces[wm_hash(text) % WM_CACHED_PIECES];
    bool fine = true;
    if (wm_span_equal(text, (wm_span){cached->text, cached->length})) {
        for (uint32_t i = 0; fine && i < cached->count; i++) {
            uint32_t token = cached->tokens[i];
            fine = wm_token_emit(sink, token & 0x3FFFFF, piece.start + (token >> 22 & 31),
                                 piece.start + (token >> 27));
        }
        return fine;
    }
    memcpy(cached->text, text.p, text.n);
    cached->count = 0;
    sink->cached = cached;
    sink->from = piece.start;
    fine = run_model(model, piece, sink);
    sink->cached = NULL;
    cached->length = fine && cached->count <= WM_CACHED_TOKENS ? (uint8_t)text.n : 0;
    return fine;
}

// SentencePiece's words: an unknown one at `at` is one token with an unknown one before it.
static void join_unknown(encode_call *call, size_t at) {
    wm_token *tokens = (wm_token *)call->sink.tokens.p + at;
    int32_t unk = call->tokenizer->model.unk;
    if (tokens[0].id != unk || tokens[-1].id != unk) return;
    tokens[-1].end = tokens[0].end;
    call->sink.tokens.n -= sizeof *tokens;
}

// The tokens of [start, stop), which is normalized and holds no added token.
static bool encode_plain(encode_call *call, const wm_text *normal, size_t start, size_t stop) {
    const wm_tokenizer *tokenizer = call->tokenizer;
    wm_text text = *normal;
    const wm_array *pieces;
    if (start == stop) return true;
    if (!wm_pre_tokenize(tokenizer->splitters, tokenizer->splitter_count, &call->splitting, &text,
                         start, stop, &pieces))
        return false;
    const wm_piece *piece = pieces->p;
    size_t count = pieces->n / sizeof *piece, before = call->sink.tokens.n / sizeof(wm_token);
    if (count) call->sink.cursor = wm_cursor_from(&text, piece[0].start, stop);
    for (size_t i = 0; i < count && !is_full(call); i++) {
        size_t at = call->sink.tokens.n / sizeof(wm_token);
        if (!encode_piece(&tokenizer->model, piece[i], &call->sink)) return false;
        if (tokenizer->model.types && at > before) join_unknown(call, at);
        note_word(call, at);
    }
    note_spaces(call, before, NULL);
    return true;
}

// The tokens of [start, stop): added ones of a set, and `between` them what there is.
static bool encode_around(encode_call *call, const wm_added_set *set, const wm_text *text,
                          size_t start, size_t stop,
                          bool (*between)(encode_call *call, const wm_text *text, size_t start,
                                          size_t stop)) {
    wm_added_search search = wm_added_search_from(call->tokenizer, set, text, start, stop,
                                                  call->options->special_as_text);
    while (!is_full(call) && wm_added_next(&search)) {
        if (start < search.start && !between(call, text, start, search.start)) return false;
        if (!emit_added(call, text, &search)) return false;
        start = search.end;
    }
    return is_full(call) || start == stop || between(call, text, start, stop);
}

// The tokens of [start, stop) between added tokens that are not normalized.
static bool encode_segment(encode_call *call, const wm_text *source, size_t start, size_t stop) {
    const wm_tokenizer *tokenizer = call->tokenizer;
    wm_text text = *source;
    if (!wm_normalize(tokenizer->normalizers, tokenizer->normalizer_count, &call->normalizing,
                      &text, &start, &stop))
        return false;
    if (tokenizer->sentence.used) {
        if (!wm_sentence_normalize(tokenizer, &call->sentence, &text, &start, &stop)) return false;
        // A Unigram model scores its user-defined pieces, words are words.
        if (tokenizer->model.kind != WM_TOKENS_BPE) return encode_plain(call, &text, start, stop);
    }
    return encode_around(call, &tokenizer->normalized, &text, start, stop, encode_plain);
}

static bool encode_text(encode_call *call, wm_span bytes) {
    const wm_run same = {0, 0, WM_RUN_SAME};
    const wm_tokenizer *tokenizer = call->tokenizer;
    wm_text text = {bytes.p, bytes.n, &same, 1};
    if (call->options->lower_case) {
        wm_writer_clear(&call->lowered);
        wm_cursor cursor = wm_cursor_from(&text, 0, text.n);
        if (!wm_normalize_lower(&tokenizer->unicode, cursor, &call->lowered)) return false;
        if (bytes.n) text = wm_writer_text(&call->lowered);
    }
    return encode_around(call, &tokenizer->raw, &text, 0, text.n, encode_segment);
}

// ---- The result ---------------------------------------------------------------------------------

// How many tokens of each text may stay, as HF's longest_first has it.
static void longest_first(size_t *n1, size_t *n2, size_t most) {
    size_t small = WM_MIN(*n1, *n2), large = small;
    bool first_is_small = *n1 <= *n2;
    if (*n1 + *n2 <= most) return;
    if (small <= most) large = WM_MAX(small, most - small);
    if (small + large > most) {
        small = most / 2;
        large = small + most % 2;
    }
    *n1 = WM_MIN(*n1, first_is_small ? small : large);
    *n2 = WM_MIN(*n2, first_is_small ? large : small);
}

static wm_status make_room(wm_encoding *encoding, const wm_allocator *host, uint64_t count,
                           wm_error *error) {
    if (encoding->ids && count <= encoding->capacity) return WM_OK;
    wm_encoding_free(encoding);
    // One block: ids, starts, ends, types, words.
    uint64_t capacity = count + 32;
    uint8_t *memory =
        capacity * 14 < SIZE_MAX ? host->allocate(host->context, (size_t)capacity * 14) : NULL;
    if (!memory)
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted", capacity * 14);
    encoding->allocator = *host;
    encoding->capacity = (size_t)capacity;
    encoding->ids = (int32_t *)(void *)memory;
    encoding->starts = (uint32_t *)(void *)memory + capacity;
    encoding->ends = encoding->starts + capacity;
    encoding->types = memory + capacity * 12;
    encoding->words = encoding->types + capacity;
    return WM_OK;
}

static void put_token(wm_encoding *encoding, int32_t id, uint32_t start, uint32_t end, uint8_t type,
                      bool word) {
    size_t at = encoding->count++;
    encoding->ids[at] = id;
    encoding->starts[at] = start;
    encoding->ends[at] = end;
    encoding->types[at] = type;
    encoding->words[at] = word;
}

// A place in a text, in bytes and in the unit that is asked for.
typedef struct place {
    uint32_t at, units;
} place;

// The units before byte `at`, counted from the last place on.
static uint32_t count_units(place *last, wm_span text, uint32_t at, wm_offsets unit) {
    if (unit == WM_OFFSETS_BYTES) return at;
    while (last->at != at) {
        bool back = at < last->at;
        uint8_t byte = text.p[back ? --last->at : last->at++];
        uint32_t units = (byte & 0xC0) != 0x80;
        units += unit == WM_OFFSETS_UTF16 && byte >= 0xF0;
        last->units += back ? 0 - units : units;
    }
    return last->units;
}

// The texts' tokens [from[i], from[i] + n[i]).
typedef struct text_window {
    size_t from[2], n[2];
} text_window;

// Puts a window's tokens where the template has them.
static void fill_template(const encode_call *call, const wm_template *template,
                          const wm_span *texts, const text_window *window, wm_encoding *encoding) {
    const wm_tokenizer *tokenizer = call->tokenizer;
    wm_offsets unit = call->options->offsets;
    int32_t written = -1; // </s>, where the text ends in it and one is enough
    for (uint32_t step = 0; step < template->count; step++) {
        int32_t id = template->steps[step].id;
        uint8_t type = template->steps[step].type;
        if (id >= 0) {
            if (call->options->special != WM_OFF && id != written)
                put_token(encoding, id, 0, 0, type, true);
            written = -1;
            continue;
        }
        size_t which = id == WM_TEMPLATE_B;
        place start = {0, 0}, end = {0, 0};
        for (size_t i = 0; i < window->n[which]; i++) {
            wm_token token = ((const wm_token *)call->tokens[which].p)[window->from[which] + i];
            if (tokenizer->trim_offsets)
                trim_token(&token, texts[which], i == 0, tokenizer->trim_prefix_space);
            put_token(encoding, token.id, count_units(&start, texts[which], token.start, unit),
                      count_units(&end, texts[which], token.end, unit), type, token.word);
            if (tokenizer->one_eos) written = token.id;
        }
    }
}

// How many tokens of each text may stay; `which` is the one that is cut.
static wm_status truncate_texts(const wm_encode_options *options, size_t added, bool is_pair,
                                size_t which, size_t *n, wm_error *error) {
    if (!options->max_length) return WM_OK;
    if (added > options->max_length)
        return wm_fail(error, WM_ERROR_ARG, 0,
                       "max_length %u leaves no room for the %u special tokens",
                       (uint64_t)options->max_length, (uint64_t)added);
    size_t most = options->max_length - added;
    if (n[0] + n[1] <= most) return WM_OK;
    if (options->truncate == WM_TRUNCATE_ERROR)
        return wm_fail(error, WM_ERROR_LIMIT, 0,
                       "the text has more than the %u tokens of max_length",
                       (uint64_t)options->max_length);
    if (is_pair && options->truncation == WM_TRUNCATION_LONGEST) {
        longest_first(&n[0], &n[1], most);
    } else if (is_pair && n[!which] >= most) {
        return wm_fail(error, WM_ERROR_LIMIT, 0, "max_length %u: the other text has %u tokens",
                       (uint64_t)options->max_length, (uint64_t)n[!which]);
    } else {
        n[which] = most - n[!which];
    }
    return WM_OK;
}

static wm_status finish(encode_call *call, const wm_span *texts, bool is_pair,
                        wm_encoding *encoding, wm_error *error) {
    const wm_encode_options *options = call->options;
    const wm_template *template = is_pair ? &call->tokenizer->pair : &call->tokenizer->single;
    bool special = options->special != WM_OFF, at_start = options->truncate == WM_TRUNCATE_START;
    size_t all[2], which = is_pair && options->truncation == WM_TRUNCATION_SECOND;
    text_window window = {{0, 0}, {0, 0}};
    for (int i = 0; i < 2; i++) all[i] = window.n[i] = call->tokens[i].n / sizeof(wm_token);
    WM_TRY(
        truncate_texts(options, special ? template->special : 0, is_pair, which, window.n, error));
    bool truncated = window.n[0] < all[0] || window.n[1] < all[1];
    size_t count = 0, n = window.n[which], step = n - options->stride;
    for (uint32_t i = 0; i < template->count; i++) {
        int32_t id = template->steps[i].id;
        count += id < 0 ? window.n[id == WM_TEMPLATE_B] : special;
    }
    uint64_t windows = 1;
    if (options->windows && truncated) {
        if (options->stride >= n || (is_pair && options->truncation == WM_TRUNCATION_LONGEST))
            return wm_fail(error, WM_ERROR_ARG, 0,
                           "windows: the stride is too long, or no text "
                           "of the pair is named");
        windows += (all[which] - n + step - 1) / step;
    }
    WM_TRY(make_room(encoding, call->sink.host, windows * count, error));
    encoding->truncated = truncated;
    for (int i = 0; at_start && i < 2; i++) window.from[i] = all[i] - window.n[i];
    for (size_t *from = &window.from[which]; windows--;) {
        fill_template(call, template, texts, &window, encoding);
        size_t stop = at_start ? *from + window.n[which] - step : all[which];
        *from = at_start ? stop - WM_MIN(n, stop) : *from + step;
        window.n[which] = WM_MIN(n, stop - WM_MIN(*from, stop));
    }
    return WM_OK;
}

static void free_call(encode_call *call) {
    const wm_allocator *host = call->sink.host;
    wm_normalizing_free(&call->normalizing);
    wm_splitting_free(&call->splitting);
    wm_writer_free(&call->lowered);
    wm_writer_free(&call->sentence);
    for (int i = 0; i < 2; i++) wm_array_free(&call->tokens[i], host);
    wm_array_free(&call->sink.tokens, host);
    wm_array_free(&call->sink.symbols, host);
    wm_array_free(&call->sink.queue, host);
}

static wm_status encode_one(encode_call *call, wm_span text, wm_array *tokens, wm_error *error) {
    if (text.n > WM_LIMIT_TEXT)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "text: %u bytes, the limit is %u",
                       (uint64_t)text.n, (uint64_t)WM_LIMIT_TEXT);
    size_t valid = wm_utf8_check(text);
    if (valid < text.n)
        return wm_fail(error, WM_ERROR_UTF8, valid, "text: byte %u begins no UTF-8 character",
                       (uint64_t)valid);
    if (!encode_text(call, text)) return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory");
    if (call->sink.limit == WM_LIMIT_TOKENS && is_full(call))
        return wm_fail(error, WM_ERROR_LIMIT, 0, "text: over %u tokens", (uint64_t)WM_LIMIT_TOKENS);
    *tokens = call->sink.tokens;
    call->sink.tokens = (wm_array){0};
    return WM_OK;
}

wm_status wm_tokenizer_encode(const wm_tokenizer *tokenizer, wm_span text, const wm_span *pair,
                              const wm_encode_options *options, wm_encoding *encoding,
                              wm_error *error) {
    wm_encode_options defaults = {.size = sizeof defaults};
    wm_span texts[2] = {text, pair ? *pair : (wm_span){0}};
    encode_call call = {.tokenizer = tokenizer, .options = options ? options : &defaults};
    const wm_allocator *host = &tokenizer->arena.host;
    encoding->count = 0;
    encoding->truncated = false;
    if (options && options->size < sizeof *options)
        return wm_fail(error, WM_ERROR_ARG, 0, "wm_encode_options: size %u, expected %u",
                       (uint64_t)options->size, (uint64_t)sizeof *options);
    call.normalizing.unicode = call.splitting.unicode = &tokenizer->unicode;
    call.splitting.sets = &tokenizer->sets;
    for (int i = 0; i < 2; i++)
        call.normalizing.writers[i].host = call.splitting.writers[i].host = host;
    call.lowered.host = call.sentence.host = call.sink.host = host;
    call.sink.limit = WM_LIMIT_TOKENS;
    bool *busy = &tokenizer->cache->busy,
         cached = !__atomic_exchange_n(busy, true, __ATOMIC_ACQUIRE);
    if (cached) call.sink.cache = tokenizer->cache;
    // Of a pair all tokens count: which text is the longer one decides who keeps the odd token.
    if (call.options->max_length && call.options->truncate != WM_TRUNCATE_START && !pair &&
        !call.options->windows)
        call.sink.limit = WM_MIN(call.sink.limit - 1, call.options->max_length);
    wm_status status = encode_one(&call, text, &call.tokens[0], error);
    if (status == WM_OK && pair) status = encode_one(&call, *pair, &call.tokens[1], error);
    if (status == WM_OK) status = finish(&call, texts, pair != NULL, encoding, error);
    free_call(&call);
    if (cached) __atomic_store_n(busy, false, __ATOMIC_RELEASE);
    return status;
}

void wm_encoding_free(wm_encoding *encoding) {
    if (encoding->ids) encoding->allocator.release(encoding->allocator.context, encoding->ids);
    *encoding = (wm_encoding){0};
}
