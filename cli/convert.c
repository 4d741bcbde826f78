// SPDX-License-Identifier: MIT OR Apache-2.0
// convert MODEL DIR: the weights as one safetensors file, with the other files beside it. DIR
// appears whole, or not at all.
#include "container.h"
#include "source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const kinds[] = {"i8", "u8", "q4", "f16", NULL}; // as wm_quant, from 1 on

typedef struct conversion {
    const char *model, *to;
    char part[HUB_PATH]; // what becomes `to`
    int lock, quantize;
    cli_folder folder;
    source source;
    container container;
    wm_error error;
} conversion;

static int failed(const conversion *c) { return cli_error(c->model, &c->error); }

// ---- Folders ------------------------------------------------------------------------------------

// What runs that were killed have left of `to`: TO.PID.part that nobody holds.
static void drop_stale(const char *to, size_t n) {
    char folder[HUB_PATH], path[HUB_PATH];
    size_t start = n;
    while (start && to[start - 1] != '/') start--;
    if (!hub_path(folder, "%.*s", (int)start, to)) return;
    DIR *directory = opendir(start ? folder : ".");
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        const char *name = entry->d_name, *pid = name + (n - start) + 1;
        if (strncmp(name, to + start, n - start) != 0 || name[n - start] != '.') continue;
        size_t digits = strspn(pid, "0123456789");
        if (!digits || strcmp(pid + digits, ".part") != 0) continue;
        if (!hub_path(path, "%s%s", folder, name)) break;
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) cli_remove(path);
        if (fd >= 0) close(fd);
    }
    if (directory) closedir(directory);
}

// A name beside `to` that is not there yet, held from its first moment until `lock` is closed.
static int make_part(const char *to, char part[HUB_PATH], int *lock) {
    char fresh[HUB_PATH];
    size_t n = strlen(to);
    while (n > 1 && to[n - 1] == '/') n--;
    if (!hub_path(part, "%.*s.%ld.part", (int)n, to, (long)getpid()) ||
        !hub_path(fresh, "%s.new", part))
        return CLI_FAILED;
    int result = hub_make_folders(part);
    if (result == CLI_OK) drop_stale(to, n);
    if (result == CLI_OK && mkdir(fresh, 0777))
        result = cli_fail("%s: IO: %s", fresh, strerror(errno));
    if (result == CLI_OK) result = hub_lock(fresh, true, lock);
    if (result == CLI_OK && rename(fresh, part))
        result = cli_fail("%s: IO: %s", part, strerror(errno));
    return result;
}

static int check_target(const char *to) {
    if (!rmdir(to) || errno == ENOENT) return CLI_OK; // an empty folder is as good as none
    if (errno == ENOTEMPTY || errno == EEXIST)
        return cli_fail("%s: IO: there already, and not empty", to);
    return cli_fail("%s: IO: %s", to, strerror(errno));
}

static int write_file(const conversion *c, const char *name, const void *bytes, size_t n) {
    char path[HUB_PATH];
    if (cli_stopped() || !hub_path(path, "%s/%s", c->part, name)) return CLI_FAILED;
    int result = hub_make_folders(path);
    if (result != CLI_OK) return result;
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, n, file) == n && !fflush(file) && !fsync(fileno(file));
    if (file && fclose(file)) good = false;
    return good ? CLI_OK : cli_fail("%s: IO: %s", path, strerror(errno));
}

// ---- Files --------------------------------------------------------------------------------------

static bool in_folder(const wm_source *file) {
    return memchr(file->path.p, '/', file->path.n) != NULL;
}

// Everything but the weights themselves.
static bool is_copied(const char *name, bool inside) {
    if (hub_ends_with(name, ".index.json") || hub_ends_with(name, ".gguf")) return false;
    if (hub_ends_with(name, ".bin")) return false;
    return inside || !hub_ends_with(name, ".safetensors");
}

// 2_Dense/pytorch_model.bin: rewritten too, never quantised.
static int convert_module(conversion *c, const wm_source *file, const char *name) {
    char path[HUB_PATH];
    weights w;
    container written;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    size_t folder = strlen(name) - strlen("pytorch_model.bin");
    int result = hub_path(path, "%s/%.*smodel.safetensors", c->part, (int)folder, name)
                     ? hub_make_folders(path)
                     : CLI_FAILED;
    if (result == CLI_OK && torch_read(&w, file->bytes, file->path, &arena, &c->error) != WM_OK)
        result = failed(c);
    if (result == CLI_OK)
        result = container_write(&written, path, &w, CONTAINER_PLAIN, NULL, &arena);
    wm_arena_free(&arena);
    return result;
}

static bool has_module_weights(const conversion *c, const char *name) {
    char path[HUB_PATH];
    int folder = (int)(strlen(name) - strlen("pytorch_model.bin"));
    snprintf(path, sizeof path, "%.*smodel.safetensors", folder, name);
    return wm_source_find(c->folder.files, c->folder.count, path) != NULL;
}

static int copy_files(conversion *c) {
    int result = CLI_OK;
    for (size_t i = 0; i < GGUF_FILES && result == CLI_OK; i++)
        if (c->source.texts[i].path)
            result =
                write_file(c, c->source.texts[i].path, c->source.texts[i].p, c->source.texts[i].n);
    bool own = c->source.kind == SOURCE_GGUF; // a GGUF file's own config, not one beside it
    for (size_t i = 0; i < c->folder.count && result == CLI_OK && !own; i++) {
        const wm_source *file = &c->folder.files[i];
        const char *name = (const char *)file->path.p; // cli_folder's paths end with a NUL
        bool inside = in_folder(file);
        if (inside && hub_ends_with(name, "/pytorch_model.bin") && !has_module_weights(c, name))
            result = convert_module(c, file, name);
        else if (is_copied(name, inside))
            result = write_file(c, name, file->bytes.p, file->bytes.n);
    }
    return result;
}

// ---- The weights --------------------------------------------------------------------------------

static wm_span config_of(const conversion *c) {
    const gguf_file *own = &c->source.texts[0];
    if (own->path) return (wm_span){(const uint8_t *)own->p, own->n};
    const wm_source *file = wm_source_find(c->folder.files, c->folder.count, "config.json");
    return file ? file->bytes : (wm_span){NULL, 0};
}

static int write_weights(conversion *c) {
    char path[HUB_PATH];
    wm_config *config = NULL;
    if (!hub_path(path, "%s/model.safetensors", c->part)) return CLI_FAILED;
    if (c->quantize != CONTAINER_PLAIN &&
        wm_config_from_json(&config, config_of(c), NULL, &c->error) != WM_OK)
        return failed(c);
    int result = container_write(&c->container, path, &c->source.weights, c->quantize, config,
                                 &c->source.arena);
    wm_config_close(config);
    return result;
}

// An index's own sum of its tensors' bytes decides nothing, but one that is wrong is worth a word.
static void check_total(const conversion *c) {
    const cli_folder *folder = &c->folder;
    const char *name = c->source.kind == SOURCE_TORCH ? "pytorch_model.bin.index.json"
                                                      : "model.safetensors.index.json";
    const wm_source *index = wm_source_find(folder->files, folder->count, name);
    uint64_t total = 0, said;
    wm_json root;
    if (!index || c->source.file ||
        wm_source_find(folder->files, folder->count, "model.safetensors"))
        return;
    for (size_t i = 0; i < c->source.weights.count; i++)
        total += c->source.weights.all[i].tensor.bytes.n;
    if (wm_json_check(index->bytes, name, WM_JSON_PYTHON, &root, NULL) != WM_OK) return;
    wm_json size = wm_json_get(wm_json_get(root, "metadata"), "total_size");
    if (!wm_json_present(size) || !wm_json_u64(size, &said) || said != total)
        fprintf(stderr,
                "wasmicro: warning: %s: total_size is not the %" PRIu64 " bytes of its tensors\n",
                name, total);
}

// The whole folder under its temporary name.
static int write_part(conversion *c) {
    int result = cli_folder_open_any(&c->folder, c->model);
    if (result != CLI_OK) return result;
    if (source_read(&c->source, &c->folder, &c->error) != WM_OK) {
        cli_folder_close(&c->folder);
        return failed(c);
    }
    check_total(c);
    result = make_part(c->to, c->part, &c->lock);
    if (result == CLI_OK) result = write_weights(c);
    if (result == CLI_OK) result = copy_files(c);
    return result;
}

static void close_conversion(conversion *c) {
    if (c->lock > 0) hub_unlock(c->lock);
    source_close(&c->source);
    cli_folder_close(&c->folder);
}

// ---- --check: what both answer ------------------------------------------------------------------

static const char *const samples[] = {
    "The river runs past the old mill.", "Once upon a time, in a small village,",
    "How do I reset my password?",       "Das Wetter ist heute sehr schön.",
    "def add(a, b):\n    return a + b",  "2 + 2 = 4",
};

enum { SAMPLES = sizeof samples / sizeof *samples, CHECK_TOKENS = 24 };

typedef struct answer {
    int32_t ids[CHECK_TOKENS];
    size_t count;
    float *vector;
} answer;

static wm_status generate(wm_pipeline *pipeline, wm_span text, answer *to, wm_error *error) {
    wm_generate_options options = {.size = sizeof options, .max_new_tokens = CHECK_TOKENS};
    wm_generation *generation;
    wm_generated token = {0};
    WM_TRY(wm_generation_open(&generation, pipeline, text, &options, error));
    wm_status status = WM_OK;
    while (status == WM_OK && token.finish == WM_FINISH_NONE && to->count < CHECK_TOKENS &&
           !cli_stopped()) {
        status = wm_generation_next(generation, &token, error);
        if (status == WM_OK && token.id >= 0) to->ids[to->count++] = token.id;
    }
    wm_generation_close(generation);
    return status;
}

// New tokens of a model that generates, else a vector.
static int ask(wm_pipeline *pipeline, const char *model, const char *text, answer *to) {
    wm_error error;
    *to = (answer){0};
    wm_status status = generate(pipeline, cli_span(text), to, &error);
    if (status == WM_OK) return CLI_OK;
    if (status != WM_ERROR_STATE && status != WM_ERROR_UNSUPPORTED) return cli_error(model, &error);
    to->vector = malloc(wm_pipeline_dim(pipeline) * sizeof(float));
    if (!to->vector) return cli_fail("%s: NOMEM: no memory for a vector", model);
    if (wm_pipeline_embed(pipeline, cli_span(text), NULL, to->vector, NULL, &error) != WM_OK)
        return cli_error(model, &error);
    return CLI_OK;
}

static double cosine(const float *a, const float *b, size_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : aa == bb;
}

typedef struct agreement {
    double least, sum;     // cosines
    size_t tokens, equal;  // up to each text's first other token
    size_t vectors, texts; // that were compared
} agreement;

static void compare(const answer *a, const answer *b, size_t dim, agreement *found) {
    size_t equal = 0;
    found->texts++;
    if (a->vector && b->vector) {
        double value = cosine(a->vector, b->vector, dim);
        if (!found->vectors++ || value < found->least) found->least = value;
        found->sum += value;
        return;
    }
    while (equal < a->count && equal < b->count && a->ids[equal] == b->ids[equal]) equal++;
    found->tokens += a->count;
    found->equal += equal;
}

static int check_both(const char *before, const char *after, agreement *found) {
    cli_folder folders[2];
    wm_pipeline *pipelines[2];
    *found = (agreement){0};
    int result = cli_model_open(before, NULL, &folders[0], &pipelines[0]);
    if (result != CLI_OK) return result;
    result = cli_model_open(after, NULL, &folders[1], &pipelines[1]);
    bool both = result == CLI_OK;
    for (int i = 0; i < SAMPLES && result == CLI_OK && !cli_stopped(); i++) {
        answer a, b = {0};
        result = ask(pipelines[0], before, samples[i], &a);
        if (result == CLI_OK) result = ask(pipelines[1], after, samples[i], &b);
        if (result == CLI_OK) compare(&a, &b, wm_pipeline_dim(pipelines[0]), found);
        free(a.vector);
        free(b.vector);
    }
    if (both) cli_model_close(&folders[1], pipelines[1]);
    cli_model_close(&folders[0], pipelines[0]);
    return result;
}

// Weights that do not run as they are are first rewritten as they are.
static int check(const conversion *c, agreement *found) {
    if (c->source.kind == SOURCE_SAFETENSORS) return check_both(c->model, c->part, found);
    if (c->quantize == CONTAINER_PLAIN) return check_both(c->part, c->part, found);
    conversion plain = {.model = c->model, .to = c->part, .quantize = CONTAINER_PLAIN};
    cli_half_done(plain.part);
    int result = write_part(&plain);
    close_conversion(&plain);
    if (result == CLI_OK) result = check_both(plain.part, c->part, found);
    if (plain.part[0]) cli_remove(plain.part);
    cli_half_done(NULL);
    return result;
}

// ---- The report ---------------------------------------------------------------------------------

static void put_entry(const container_entry *e) {
    const wm_tensor *tensor = &e->from->tensor;
    fputs("{\"name\":", stdout);
    cli_put_string(tensor->name);
    fputs(",\"shape\":[", stdout);
    for (uint32_t i = 0; i < tensor->rank; i++)
        printf(i ? ",%" PRIu64 : "%" PRIu64, tensor->shape[i]);
    printf("],\"from\":\"%s\"", wm_dtype_name(tensor->dtype));
    if (e->quantized)
        printf(",\"to\":\"%s\",\"max_error\":%.3g,\"relative_error\":%.3g",
               wm_quant_name(e->plan.kind), e->max_error, e->error);
    putchar('}');
}

static void put_report(const conversion *c, const agreement *found) {
    fputs("{\"folder\":", stdout);
    cli_put_string(cli_span(c->to));
    printf(",\"bytes_before\":%" PRIu64 ",\"bytes_after\":%" PRIu64 ",\"tensors\":[",
           c->container.before, c->container.after);
    for (size_t i = 0; i < c->container.count; i++) {
        if (i) putchar(',');
        put_entry(&c->container.entries[i]);
    }
    putchar(']');
    if (found && found->vectors)
        printf(",\"check\":{\"texts\":%zu,\"least_cosine\":%.9g,\"mean_cosine\":%.9g}",
               found->texts, found->least, found->sum / (double)found->vectors);
    else if (found)
        printf(",\"check\":{\"texts\":%zu,\"tokens\":%zu,\"equal_tokens\":%zu}", found->texts,
               found->tokens, found->equal);
    puts("}");
}

static int convert(conversion *c, bool checked) {
    agreement found;
    int result = check_target(c->to);
    cli_half_done(c->part);
    if (result == CLI_OK) result = write_part(c);
    if (result == CLI_OK && checked) result = check(c, &found);
    if (cli_stopped()) result = cli_fail("%s: CANCEL: stopped by a signal", c->to);
    if (result == CLI_OK && rename(c->part, c->to))
        result = cli_fail("%s: IO: %s", c->to, strerror(errno));
    if (result == CLI_OK) result = hub_sync_folder(c->to);
    if (result == CLI_OK) put_report(c, checked ? &found : NULL);
    if (result != CLI_OK && c->part[0]) cli_remove(c->part);
    cli_half_done(NULL);
    close_conversion(c);
    return result;
}

int cli_convert(char **arguments, int count) {
    int kind = 0;
    bool checked = false;
    const char *revision = NULL;
    char found[HUB_PATH];
    const cli_option options[] = {
        {"--quantize", CLI_CHOICE, &kind, kinds},
        {"--check", CLI_FLAG, &checked, NULL},
        {"--revision", CLI_TEXT, &revision, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count != 2) return cli_usage("convert MODEL DIR");
    result = hub_find_model(arguments[0], revision, HUB_CONVERT, found);
    if (result != CLI_OK) return result;
    conversion c = {.model = found, .to = arguments[1], .quantize = kind - 1};
    cli_stop_gently();
    result = convert(&c, checked);
    cli_stop_now();
    return result;
}
