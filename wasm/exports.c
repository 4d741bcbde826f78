// SPDX-License-Identifier: MIT OR Apache-2.0
// The wasm border. Only numbers and (address, length) pairs cross it; JavaScript knows no struct of
// ours. An instance holds one pipeline, so its state lies here in statics. A call that can fail
// answers with a wm_status; what it made is read afterwards through the getters, until the next
// call.
#include "heap.h"

// Not static: the linker exports global symbols only.
#define EXPORT(name) __attribute__((export_name(#name)))

static struct {
    wm_pipeline *pipeline;
    wm_encoding encoding;
    wm_error error;
    wm_embed_info embedded; // of the last call, summed over its texts
    float *floats;          // the last result, kept for the next
    size_t capacity;        // of `floats`
    const void *result;
    size_t result_count;
} state;

EXPORT(version) const char *get_version(void) { return WM_VERSION; }

// ---- Memory -----------------------------------------------------------------------------------

EXPORT(malloc) void *allocate(size_t n) { return malloc(n); }
EXPORT(free) void release(void *memory) { free(memory); }
EXPORT(resize) bool resize(void *memory, size_t n) { return wm_heap_resize(memory, n); }

// ---- Errors -----------------------------------------------------------------------------------

EXPORT(error_code) const char *error_code(void) { return wm_status_name(state.error.status); }
EXPORT(error_text) const char *error_text(void) { return state.error.text; }
EXPORT(error_offset) double error_offset(void) { return (double)state.error.offset; }

static wm_status no_memory(uint64_t bytes) {
    return wm_fail(&state.error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted", bytes);
}

static wm_status need_pipeline(void) {
    if (state.pipeline) return WM_OK;
    return wm_fail(&state.error, WM_ERROR_STATE, 0, "no model is open");
}

// ---- Results ----------------------------------------------------------------------------------

EXPORT(result) const void *get_result(void) { return state.result; }
EXPORT(result_count) size_t get_result_count(void) { return state.result_count; }
EXPORT(last_tokens) uint32_t last_tokens(void) { return state.embedded.tokens; }
EXPORT(last_truncated) bool last_truncated(void) { return state.embedded.truncated; }

// Room for rows × width floats in state.floats, as the result.
static wm_status reserve(size_t rows, size_t width) {
    uint64_t count, bytes;
    if (!wm_mul(rows, width, &count) || !wm_mul(count, sizeof(float), &bytes) || bytes > SIZE_MAX)
        return no_memory(UINT64_MAX);
    if (count > state.capacity) {
        free(state.floats);
        state.capacity = 0;
        state.floats = malloc((size_t)bytes);
        if (!state.floats) return no_memory(bytes);
        state.capacity = (size_t)count;
    }
    state.result = state.floats;
    state.result_count = (size_t)count;
    return WM_OK;
}

// The i-th (address, length) pair of a list.
static wm_span span_at(const uint32_t *list, size_t i) {
    return (wm_span){(const uint8_t *)(uintptr_t)list[2 * i], list[2 * i + 1]};
}

static void *allocate_array(size_t count, size_t size) {
    uint64_t bytes = (uint64_t)count * size;
    void *array = bytes > SIZE_MAX ? NULL : malloc((size_t)bytes);
    if (!array) no_memory(bytes);
    return array;
}

// ---- Pipeline ---------------------------------------------------------------------------------

// Opens the pipeline on `count` files: (address, length) pairs of their paths and of their bytes.
// What those point to stays until the instance goes.
EXPORT(open) wm_status open(const uint32_t *paths, const uint32_t *contents, size_t count) {
    if (state.pipeline) return wm_fail(&state.error, WM_ERROR_STATE, 0, "a model is open already");
    wm_source *files = allocate_array(count, sizeof *files);
    if (!files) return WM_ERROR_NOMEM;
    for (size_t i = 0; i < count; i++)
        files[i] = (wm_source){span_at(paths, i), span_at(contents, i)};
    wm_status status = wm_pipeline_open(&state.pipeline, files, count, NULL, &state.error);
    free(files);
    return status;
}

// The vectors of `count` texts. At `list` the (address, length) pairs of the prompt, of the
// prompt's name (address 0: not given), and of the texts. The choices count from 1; 0: not given.
EXPORT(embed)
wm_status embed(const uint32_t *list, size_t count, uint32_t max_length, wm_pooling pooling,
                wm_toggle normalize, uint32_t truncate) {
    WM_TRY(need_pipeline());
    WM_TRY(reserve(count, wm_pipeline_dim(state.pipeline)));
    wm_embed_options options = {sizeof options,
                                max_length,
                                pooling,
                                normalize,
                                (wm_truncate)(truncate ? truncate - 1 : 0),
                                span_at(list, 0),
                                span_at(list, 1)};
    wm_span *texts = allocate_array(count, sizeof *texts + sizeof(wm_embed_info));
    if (!texts) return WM_ERROR_NOMEM;
    wm_embed_info *infos = (wm_embed_info *)(texts + count);
    for (size_t i = 0; i < count; i++) texts[i] = span_at(list, i + 2);
    wm_status status = wm_pipeline_embed_batch(state.pipeline, texts, count, &options, state.floats,
                                               infos, &state.error);
    state.embedded = (wm_embed_info){0, false};
    for (size_t i = 0; status == WM_OK && i < count; i++) {
        state.embedded.tokens += infos[i].tokens;
        state.embedded.truncated |= infos[i].truncated;
    }
    free(texts);
    return status;
}

// The hidden states of `count` token ids.
EXPORT(hidden) wm_status hidden(const int32_t *ids, size_t count) {
    WM_TRY(need_pipeline());
    wm_pipeline_info info;
    wm_pipeline_info_get(state.pipeline, &info);
    WM_TRY(reserve(count, info.width));
    return wm_pipeline_hidden(state.pipeline, ids, count, state.floats, &state.error);
}

// The token ids of a text, the (address, length) pair at `list`.
EXPORT(tokenize) wm_status tokenize(const uint32_t *list) {
    WM_TRY(need_pipeline());
    WM_TRY(wm_tokenizer_encode(wm_pipeline_tokenizer(state.pipeline), span_at(list, 0), NULL, NULL,
                               &state.encoding, &state.error));
    state.result = state.encoding.ids;
    state.result_count = state.encoding.count;
    return WM_OK;
}

// ---- Facts ------------------------------------------------------------------------------------

// The family's name of a config.json; NULL: see the error.
EXPORT(detect) const char *detect(const uint8_t *config, size_t length) {
    return wm_detect_model_type((wm_span){config, length}, &state.error);
}

// The pipeline's facts by number, in the order of index.js: texts, then numbers. NULL: not a text.
EXPORT(info_text) const char *info_text(uint32_t index) {
    wm_pipeline_info info;
    wm_pipeline_info_get(state.pipeline, &info);
    const char *texts[] = {info.model_type, info.tokenizer, info.dtype, info.isa, info.pooling};
    return index < WM_COUNT(texts) ? texts[index] : NULL;
}

EXPORT(info_number) double info_number(uint32_t index) {
    wm_pipeline_info info;
    wm_pipeline_info_get(state.pipeline, &info);
    switch (index) {
    case 5: return info.normalize;
    case 6: return info.width;
    case 7: return info.dim;
    case 8: return info.layers;
    case 9: return info.heads;
    case 10: return info.vocabulary;
    case 11: return info.max_tokens;
    case 12: return (double)info.parameters;
    case 13: return (double)info.weight_bytes;
    case 14: return (double)info.model_bytes;
    case 15: return (double)info.session_bytes;
    default: return -1;
    }
}
