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

// *spans = the `count` (address, length) pairs at `list`, from malloc.
static wm_status unpack(wm_span **spans, const uint32_t *list, size_t count) {
    uint64_t bytes = (uint64_t)count * sizeof(wm_span);
    *spans = bytes > SIZE_MAX ? NULL : malloc((size_t)bytes);
    if (!*spans) return no_memory(bytes);
    for (size_t i = 0; i < count; i++)
        (*spans)[i] = (wm_span){(const uint8_t *)(uintptr_t)list[2 * i], list[2 * i + 1]};
    return WM_OK;
}

// ---- Pipeline ---------------------------------------------------------------------------------

// Opens the pipeline on `count` files: (address, length) pairs of their paths and of their bytes.
// What those point to stays until the instance goes.
EXPORT(open) wm_status open(const uint32_t *paths, const uint32_t *contents, size_t count) {
    if (state.pipeline) return wm_fail(&state.error, WM_ERROR_STATE, 0, "a model is open already");
    wm_span *path = NULL, *bytes = NULL;
    wm_source *files = malloc(count * sizeof *files);
    wm_status status = files ? WM_OK : no_memory((uint64_t)count * sizeof *files);
    if (status == WM_OK) status = unpack(&path, paths, count);
    if (status == WM_OK) status = unpack(&bytes, contents, count);
    if (status == WM_OK) {
        for (size_t i = 0; i < count; i++) files[i] = (wm_source){path[i], bytes[i]};
        status = wm_pipeline_open(&state.pipeline, files, count, NULL, &state.error);
    }
    free(bytes);
    free(path);
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
    wm_span *spans;
    WM_TRY(unpack(&spans, list, count + 2));
    wm_embed_options options = {sizeof options, max_length, pooling, normalize,
                                (wm_truncate)(truncate ? truncate - 1 : 0), spans[0], spans[1]};
    wm_embed_info *infos = malloc(count * sizeof *infos);
    wm_status status = infos ? wm_pipeline_embed_batch(state.pipeline, spans + 2, count, &options,
                                                       state.floats, infos, &state.error)
                             : no_memory((uint64_t)count * sizeof *infos);
    if (status == WM_OK) {
        state.embedded = (wm_embed_info){0, false};
        for (size_t i = 0; i < count; i++) {
            state.embedded.tokens += infos[i].tokens;
            state.embedded.truncated |= infos[i].truncated;
        }
    }
    free(infos);
    free(spans);
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
    wm_span *text;
    WM_TRY(unpack(&text, list, 1));
    wm_status status = wm_tokenizer_encode(wm_pipeline_tokenizer(state.pipeline), *text, NULL, NULL,
                                           &state.encoding, &state.error);
    free(text);
    state.result = state.encoding.ids;
    state.result_count = status == WM_OK ? state.encoding.count : 0;
    return status;
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
