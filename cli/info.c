// SPDX-License-Identifier: MIT OR Apache-2.0
// info MODEL: what it is and what it needs.
#include "source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void put_text(const char *key, const char *value) {
    printf("\"%s\":", key);
    cli_put_string(cli_span(value));
    putchar(',');
}

static void put_number(const char *key, uint64_t value) {
    printf("\"%s\":%" PRIu64 ",", key, value);
}

// Tensors of the files that the model does not use: a head, a buffer.
static void put_ignored(const wm_pipeline *pipeline) {
    fputs("\"ignored_tensors\":[", stdout);
    wm_span name;
    for (size_t i = 0; (name = wm_pipeline_ignored_tensor(pipeline, i)).p; i++) {
        if (i) putchar(',');
        cli_put_string(name);
    }
    fputs("],", stdout);
}

static int show_model(const char *path, const char *isa) {
    cli_folder folder;
    wm_pipeline *pipeline;
    int result = cli_model_open(path, isa, &folder, &pipeline);
    if (result != CLI_OK) return result;
    wm_pipeline_info info;
    wm_pipeline_info_get(pipeline, &info);
    putchar('{');
    put_text("model_type", info.model_type);
    fputs("\"runs\":true,", stdout);
    put_number("layers", info.layers);
    put_number("hidden_size", info.width);
    put_number("heads", info.heads);
    put_number("vocab_size", info.vocabulary);
    put_number("dim", info.dim);
    put_number("max_tokens", info.max_tokens);
    put_number("parameters", info.parameters);
    put_text("dtype", info.dtype);
    put_text("tokenizer", info.tokenizer);
    put_text("pooling", info.pooling);
    printf("\"normalize\":%s,", info.normalize ? "true" : "false");
    put_text("isa", info.isa);
    put_ignored(pipeline);
    put_number("weight_bytes", info.weight_bytes);
    put_number("model_bytes", info.model_bytes);
    put_number("session_bytes", info.session_bytes);
    printf("\"needed_bytes\":%" PRIu64 "}\n",
           info.weight_bytes + info.model_bytes + info.session_bytes);
    cli_model_close(&folder, pipeline);
    return CLI_OK;
}

// ---- Weights that convert rewrites --------------------------------------------------------------

static wm_span config_of(const source *s, const cli_folder *folder) {
    if (s->texts[0].path) return (wm_span){(const uint8_t *)s->texts[0].p, s->texts[0].n};
    const wm_source *file = wm_source_find(folder->files, folder->count, "config.json");
    return file ? file->bytes : (wm_span){NULL, 0};
}

// "runs", and why not.
static void put_verdict(bool runs, wm_span config, const char *model) {
    wm_error error;
    const char *family = config.p ? wm_detect_model_type(config, &error) : NULL;
    if (family) put_text("model_type", family);
    printf("\"runs\":%s,", runs && family ? "true" : "false");
    if (!config.p)
        put_text("why", "there is no config.json");
    else if (!family)
        put_text("why", error.text);
    else if (!runs)
        printf("\"why\":\"wasmicro convert %s DIR rewrites it as safetensors\",",
               hub_is_id(model) ? model : "MODEL");
}

// How many tensors are of each type of numbers.
static void put_types(const source *s) {
    const char *names[64];
    size_t counts[64], kinds = 0;
    for (size_t i = 0; i < s->weights.count; i++) {
        const char *name = s->kind == SOURCE_GGUF ? gguf_type_name(s->gguf.types[i])
                                                  : wm_dtype_name(s->weights.all[i].tensor.dtype);
        size_t k = 0;
        while (k < kinds && strcmp(names[k], name) != 0) k++;
        if (k == kinds && kinds < 64) names[k] = name, counts[kinds++] = 0;
        if (k < kinds) counts[k]++;
    }
    fputs("\"types\":{", stdout);
    for (size_t k = 0; k < kinds; k++) printf("%s\"%s\":%zu", k ? "," : "", names[k], counts[k]);
    fputs("},", stdout);
}

static int show_foreign(const char *path, const cli_folder *folder) {
    source s;
    wm_error error;
    uint64_t numbers = 0, stored = 0, converted = 0;
    if (source_read(&s, folder, &error) != WM_OK) return cli_error(path, &error);
    for (size_t i = 0; i < s.weights.count; i++) {
        const weight *w = &s.weights.all[i];
        uint64_t count = 1;
        for (uint32_t j = 0; j < w->tensor.rank; j++) count *= w->tensor.shape[j];
        numbers += count;
        stored += w->type ? w->stored.n : w->tensor.bytes.n;
        converted += w->tensor.bytes.n;
    }
    putchar('{');
    put_text("format", s.kind == SOURCE_GGUF    ? "GGUF"
                       : s.kind == SOURCE_TORCH ? "PyTorch"
                                                : "safetensors");
    put_verdict(false, config_of(&s, folder), path);
    put_number("tensors", s.weights.count);
    put_types(&s);
    put_number("parameters", numbers);
    put_number("weight_bytes", stored);
    printf("\"needed_bytes\":%" PRIu64 "}\n", converted); // at the least: the weights
    source_close(&s);
    return CLI_OK;
}

// ---- What has no weights ------------------------------------------------------------------------

static const wm_source *file_of(const cli_folder *folder, const char *path) {
    return wm_source_find(folder->files, folder->count, path);
}

// A tokenizer by itself, or a configuration.
static int show_weightless(const char *model, const cli_folder *folder) {
    wm_error error;
    wm_tokenizer *tokenizer = NULL;
    const wm_source *config = file_of(folder, "config.json");
    wm_status status = wm_tokenizer_open(&tokenizer, folder->files, folder->count, NULL, &error);
    const char *family = config ? wm_detect_model_type(config->bytes, NULL) : NULL;
    if (status != WM_OK && status != WM_ERROR_MISSING) return cli_error(model, &error);
    if (!tokenizer && !family)
        return cli_fail("%s: MISSING: no model: neither weights, a config.json nor a tokenizer",
                        model);
    putchar('{');
    put_text("format", tokenizer ? "tokenizer" : "configuration");
    if (family) put_text("model_type", family);
    fputs("\"runs\":false,", stdout);
    put_text("why", tokenizer ? "there are no weights: tokenize and decode work, nothing else"
                              : "there are no weights and there is no tokenizer");
    if (tokenizer) {
        put_text("tokenizer", wm_tokenizer_kind(tokenizer));
        put_number("vocab_size", wm_tokenizer_vocabulary(tokenizer));
    }
    puts("\"weight_bytes\":0,\"needed_bytes\":0}");
    wm_tokenizer_close(tokenizer);
    return CLI_OK;
}

static bool is_beside(const char *path, const char *name) {
    char other[HUB_PATH];
    const char *slash = strrchr(path, '/');
    return hub_path(other, "%.*s%s", slash ? (int)(slash - path) + 1 : 0, path, name) &&
           hub_is_file(other, HTTP_UNKNOWN);
}

typedef struct shard_index {
    const char **names;
    const char *absent; // the first shard that is not beside it
    size_t count, missing;
    wm_arena arena;
} shard_index;

static wm_status read_index(shard_index *index, const char *path, wm_span text, wm_error *error) {
    *index = (shard_index){0};
    wm_arena_init(&index->arena, NULL);
    WM_TRY(hub_shards(text, path, &index->arena, &index->names, &index->count, error));
    for (size_t i = 0; i < index->count; i++) {
        if (is_beside(path, index->names[i])) continue;
        if (!index->missing++) index->absent = index->names[i];
    }
    return WM_OK;
}

// model.safetensors.index.json by itself: which shards it names, and which are there.
static int show_index(const char *path, wm_span text) {
    shard_index index;
    wm_json root = {0};
    wm_error error;
    uint64_t tensors = 0, bytes = 0;
    wm_status status = read_index(&index, path, text, &error);
    if (status == WM_OK) status = wm_json_check(text, path, WM_JSON_PYTHON, &root, &error);
    if (status == WM_OK) {
        for (wm_json_iter i = wm_json_each(wm_json_get(root, "weight_map")); wm_json_next(&i);)
            tensors++;
        wm_json size = wm_json_get(wm_json_get(root, "metadata"), "total_size");
        if (wm_json_present(size) && !wm_json_u64(size, &bytes)) bytes = 0;
        fputs("{\"format\":\"index of shards\",\"runs\":false,", stdout);
        put_text("why", index.absent ? "a shard that it names is not beside it"
                                     : "it only names the shards: MODEL is the folder");
        put_number("shards", index.count);
        put_number("missing_shards", index.missing);
        if (index.absent) put_text("first_missing", index.absent);
        put_number("tensors", tensors);
        put_number("weight_bytes", bytes);
        printf("\"needed_bytes\":%" PRIu64 "}\n", bytes);
    }
    wm_arena_free(&index.arena);
    return status == WM_OK ? CLI_OK : cli_error(path, &error);
}

// ---- Repositories that are not here -------------------------------------------------------------

static uint64_t put_weights(const hub_repo *repo) {
    bool is_index;
    uint64_t bytes = 0;
    const char *name = hub_weights(repo, &is_index);
    const char *ending = name && strstr(name, ".bin")    ? ".bin"
                         : name && strstr(name, ".gguf") ? ".gguf"
                                                         : ".safetensors";
    for (size_t i = 0; name && i < repo->count; i++) {
        const hub_file *file = &repo->files[i];
        bool one = is_index ? !strchr(file->path, '/') && hub_ends_with(file->path, ending)
                            : !strcmp(file->path, name);
        if (one && file->size != HTTP_UNKNOWN) bytes += file->size;
    }
    if (name) put_text("weights", name);
    put_number("weight_bytes", bytes);
    put_number("needed_bytes", bytes); // at the least
    return bytes;
}

static int show_repository(hub *h, const char *id) {
    hub_repo repo;
    http_text config = {0};
    char url[HUB_PATH];
    bool is_index;
    if (hub_list(h, id, NULL, &repo) != CLI_OK)
        return cli_fail("%s: no such folder, and %s", id, h->http.message);
    hub_file *file = hub_find(&repo, "config.json");
    if (file && hub_url(h, &repo, file, url) && http_get_text(&h->http, url, &config) != CLI_OK) {
        hub_repo_close(&repo);
        return cli_fail("%s: %s", id, h->http.message);
    }
    const char *name = hub_weights(&repo, &is_index);
    putchar('{');
    put_text("repository", id);
    put_text("commit", repo.commit);
    put_number("files", repo.count);
    put_verdict(name && !strncmp(name, "model.safetensors", 17),
                (wm_span){(const uint8_t *)config.p, config.n}, id);
    uint64_t bytes = put_weights(&repo);
    for (size_t i = 0; i < repo.count; i++)
        if (hub_is_small(&repo, repo.files[i].path) && repo.files[i].size != HTTP_UNKNOWN)
            bytes += repo.files[i].size;
    printf("\"download_bytes\":%" PRIu64 "}\n", bytes);
    free(config.p);
    hub_repo_close(&repo);
    return CLI_OK;
}

// A repository that the cache has not is asked about, not downloaded.
static int show_missing(const char *id, char found[HUB_PATH], bool *shown) {
    hub h;
    int result = hub_open(&h);
    if (result == CLI_OK && !hub_has_snapshot(&h, id, HUB_CONVERT, found) && !h.offline) {
        result = show_repository(&h, id);
        *shown = true;
    }
    hub_close(&h);
    return result;
}

// What convert reads: a file by itself, or a folder.
static int show_file(const char *model) {
    cli_folder folder;
    int result = cli_folder_open_any(&folder, model);
    if (result != CLI_OK) return result;
    result = hub_ends_with(model, ".index.json") ? show_index(model, folder.files[0].bytes)
                                                 : show_foreign(model, &folder);
    cli_folder_close(&folder);
    return result;
}

static const char INDEX[] = "model.safetensors.index.json";

// A folder's index whose shards are not all there.
static bool is_lone(const char *path, wm_span text) {
    shard_index index;
    bool lone = read_index(&index, path, text, NULL) == WM_OK && index.missing;
    wm_arena_free(&index.arena);
    return lone;
}

static int show_folder(const char *model, const char *isa) {
    char path[HUB_PATH];
    cli_folder folder;
    int result = cli_folder_open(&folder, model);
    if (result != CLI_OK) return result;
    bool foreign = folder.other && !cli_has_weights(&folder);
    const wm_source *index = file_of(&folder, "model.safetensors") ? NULL : file_of(&folder, INDEX);
    if (index && hub_path(path, "%s/%s", folder.root, INDEX) && is_lone(path, index->bytes))
        result = show_index(path, index->bytes);
    else if (foreign || cli_has_weights(&folder))
        result = -1;
    else
        result = show_weightless(model, &folder);
    cli_folder_close(&folder);
    if (result >= 0) return result;
    return foreign ? show_file(model) : show_model(model, isa);
}

int cli_info(char **arguments, int count) {
    const char *isa = NULL;
    char found[HUB_PATH];
    struct stat about;
    bool shown = false;
    const cli_option options[] = {{"--isa", CLI_TEXT, &isa, NULL}};
    int result = cli_parse(arguments, &count, options, 1);
    if (result != CLI_OK) return result;
    if (count != 1) return cli_usage("info MODEL");
    const char *model = arguments[0];
    if (stat(model, &about) && errno == ENOENT && hub_is_id(model))
        result = show_missing(model, found, &shown);
    if (result != CLI_OK || shown) return result;
    bool is_file = !stat(model, &about) && S_ISREG(about.st_mode);
    return is_file ? show_file(model) : show_folder(model, isa);
}
