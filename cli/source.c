// SPDX-License-Identifier: MIT OR Apache-2.0
// The weights of a folder, whatever they are in.
#include "source.h"

#include "../src/load/tensors.h"

#include <stdlib.h>
#include <string.h>

static const wm_source *find(const cli_folder *folder, const char *path) {
    return wm_source_find(folder->files, folder->count, path);
}

// ---- safetensors --------------------------------------------------------------------------------

static wm_status read_safetensors(source *s, const cli_folder *folder, wm_error *error) {
    wm_tensors tensors = {0};
    WM_TRY(wm_tensors_open(&tensors, folder->files, folder->count, &s->arena, error));
    WM_TRY(WM_ALLOC(&s->arena, s->weights.all, tensors.count, error));
    for (uint32_t i = 0; i < tensors.count; i++)
        s->weights.all[s->weights.count++] =
            (weight){.tensor = *tensors.all[i], .stored = tensors.all[i]->bytes};
    return WM_OK;
}

// ---- PyTorch ------------------------------------------------------------------------------------

static wm_status add_all(source *s, const weights *more, wm_error *error) {
    weight *all;
    size_t count = s->weights.count + more->count;
    if (count > WM_LIMIT_TENSORS) return wm_fail(error, WM_ERROR_LIMIT, 0, "too many tensors");
    WM_TRY(WM_ALLOC(&s->arena, all, count, error));
    if (s->weights.count) memcpy(all, s->weights.all, s->weights.count * sizeof *all);
    if (more->count) memcpy(all + s->weights.count, more->all, more->count * sizeof *all);
    s->weights = (weights){all, count};
    return WM_OK;
}

static bool has_tensor(const weights *w, wm_span name) {
    for (size_t i = 0; i < w->count; i++)
        if (wm_span_equal(w->all[i].tensor.name, name)) return true;
    return false;
}

// Every shard that the index names; each of its tensors must be in one.
static wm_status read_torch_shards(source *s, const cli_folder *folder, const wm_source *index,
                                   wm_error *error) {
    const char **names = NULL;
    size_t count = 0;
    wm_json root = {0};
    static const char name[] = "pytorch_model.bin.index.json";
    WM_TRY(hub_shards(index->bytes, name, &s->arena, &names, &count, error));
    for (size_t i = 0; i < count; i++) {
        weights more = {0};
        const wm_source *file = find(folder, names[i]);
        if (!file)
            return wm_fail(error, WM_ERROR_MISSING, 0, "%z is missing: %z names it", names[i],
                           name);
        WM_TRY(torch_read(&more, file->bytes, file->path, &s->arena, error));
        WM_TRY(add_all(s, &more, error));
    }
    WM_TRY(wm_json_check(index->bytes, name, WM_JSON_PYTHON, &root, error));
    size_t listed = 0;
    for (wm_json_iter i = wm_json_each(wm_json_get(root, "weight_map")); wm_json_next(&i);) {
        wm_span tensor;
        if (++listed > 4096) break; // an index longer than that is not looked through
        if (wm_json_string_plain(i.key, &tensor) && !has_tensor(&s->weights, tensor))
            return wm_fail(error, WM_ERROR_MISSING, 0, "tensor %s is in no shard of %z", &tensor,
                           name);
    }
    return WM_OK;
}

// ---- GGUF ---------------------------------------------------------------------------------------

static const wm_source *only_gguf(const cli_folder *folder) {
    const wm_source *found = NULL;
    for (size_t i = 0; i < folder->count; i++) {
        const wm_source *file = &folder->files[i];
        if (file->bytes.n < 4 || memcmp(file->bytes.p, "GGUF", 4)) continue;
        if (found) return NULL;
        found = file;
    }
    return found;
}

static wm_status read_gguf(source *s, const wm_source *file, wm_error *error) {
    WM_TRY(gguf_read(&s->gguf, file->bytes, file->path, &s->arena, error));
    WM_TRY(gguf_to_repository(&s->gguf, file->path, s->texts, &s->arena, error));
    s->weights = s->gguf.tensors;
    return WM_OK;
}

// ---- Any of them --------------------------------------------------------------------------------

static wm_status read_any(source *s, const cli_folder *folder, wm_error *error) {
    const wm_source *file = find(folder, "pytorch_model.bin");
    const wm_source *index = find(folder, "pytorch_model.bin.index.json");
    wm_source renamed = {WM_TEXT("model.safetensors"), {NULL, 0}};
    cli_folder alone = {.files = &renamed, .count = 1};
    if (!file && folder->count == 1 && !folder->root) { // given by itself, whatever its name
        file = folder->files;
        renamed.bytes = file->bytes;
        if (file->bytes.n > 8 && file->bytes.p[8] == '{') folder = &alone;
    }
    const wm_source *packed = only_gguf(folder);
    if (find(folder, "model.safetensors") || find(folder, "model.safetensors.index.json")) {
        s->kind = SOURCE_SAFETENSORS;
        return read_safetensors(s, folder, error);
    }
    if (packed && (!file || packed == file)) {
        s->kind = SOURCE_GGUF;
        s->file = packed;
        return read_gguf(s, packed, error);
    }
    s->kind = SOURCE_TORCH;
    s->file = file;
    if (file) return torch_read(&s->weights, file->bytes, file->path, &s->arena, error);
    if (index) return read_torch_shards(s, folder, index, error);
    return read_safetensors(s, folder, error); // which says what there is instead
}

wm_status source_read(source *s, const cli_folder *folder, wm_error *error) {
    *s = (source){0};
    wm_arena_init(&s->arena, NULL);
    wm_status status = read_any(s, folder, error);
    if (status != WM_OK) source_close(s);
    return status;
}

void source_close(source *s) {
    for (int i = 0; i < GGUF_FILES; i++) free(s->texts[i].p);
    wm_arena_free(&s->arena);
    *s = (source){0};
}
