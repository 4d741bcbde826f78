// SPDX-License-Identifier: MIT OR Apache-2.0
#include "tokenizer_read.h"

// model_max_length (HF writes 1e30 for "none"), and whether decoding ends in a clean-up: of BPE's
// texts transformers leaves that out, too.
static wm_status read_config(wm_tokenizer *tokenizer, const wm_source *files, size_t file_count,
                             wm_error *error) {
    wm_json root;
    double length;
    WM_TRY(wm_json_file(files, file_count, "tokenizer_config.json", &root, error));
    if (wm_json_f64(wm_json_get(root, "model_max_length"), &length) && length >= 1 &&
        length < INT32_MAX)
        tokenizer->model_max_length = (uint32_t)length;
    if (tokenizer->model.kind == WM_TOKENS_BPE ||
        !wm_json_flag(root, "clean_up_tokenization_spaces", false))
        return WM_OK;
    tokenizer->decoders[tokenizer->decoder_count++].kind = WM_DECODER_CLEAN;
    return WM_OK;
}

static wm_status read_tokenizer(wm_tokenizer *tokenizer, const wm_source *files, size_t file_count,
                                wm_error *error) {
    const wm_source *json = wm_form_find(files, file_count, WM_FORM_WHOLE);
    WM_TRY(wm_unicode_open(&tokenizer->unicode, &tokenizer->arena, error));
    WM_TRY(WM_ALLOC(&tokenizer->arena, tokenizer->cache, 1, error));
    memset(tokenizer->cache, 0, sizeof *tokenizer->cache);
    wm_char_sets_fill(&tokenizer->sets, &tokenizer->unicode);
    WM_TRY(json ? wm_tokenizer_read_json(tokenizer, json->bytes, error)
                : wm_tokenizer_read_vocabulary(tokenizer, files, file_count, error));
    if (!tokenizer->decoder_count)
        tokenizer->decoders[tokenizer->decoder_count++].kind = WM_DECODER_SPACED;
    return read_config(tokenizer, files, file_count, error);
}

wm_status wm_tokenizer_open(wm_tokenizer **tokenizer, const wm_source *files, size_t file_count,
                            const wm_allocator *allocator, wm_error *error) {
    const wm_allocator *host = allocator ? allocator : &wm_allocator_default;
    *tokenizer = NULL;
    wm_tokenizer *opened = host->allocate(host->context, sizeof *opened);
    if (!opened) return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory");
    *opened = (wm_tokenizer){0};
    wm_arena_init(&opened->arena, host);
    wm_status status = read_tokenizer(opened, files, file_count, error);
    if (status == WM_OK)
        *tokenizer = opened;
    else
        wm_tokenizer_close(opened);
    return status;
}

void wm_tokenizer_close(wm_tokenizer *tokenizer) {
    if (!tokenizer) return;
    wm_allocator host = tokenizer->arena.host;
    wm_arena_free(&tokenizer->arena);
    host.release(host.context, tokenizer);
}

uint32_t wm_tokenizer_model_max_length(const wm_tokenizer *tokenizer) {
    return tokenizer->model_max_length;
}

size_t wm_tokenizer_vocabulary(const wm_tokenizer *tokenizer) { return tokenizer->vocabulary; }

const char *wm_tokenizer_kind(const wm_tokenizer *tokenizer) {
    static const char *const kinds[] = {"wordpiece", "bpe", "unigram", "wordlevel"};
    return kinds[tokenizer->model.kind];
}
