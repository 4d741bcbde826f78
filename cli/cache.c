// SPDX-License-Identifier: MIT OR Apache-2.0
// The cache folder of huggingface_hub: models--OWNER--NAME/{blobs,refs,snapshots}, locks beside it.
// A blob is named by its ETag and appears whole; a snapshot links to blobs; a ref, written last,
// says which snapshot a name stands for. So a run that is killed leaves nothing that is not true.
#include "../src/load/tensors.h"
#include "hub.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct cache {
    hub *h;
    hub_repo *repo;
    char root[HUB_PATH], locks[HUB_PATH]; // of this repository
} cache;

static bool name_folders(cache *c, const hub *h, const char *id) {
    char name[256] = "models--";
    size_t n = strlen(name);
    for (; *id && n + 3 < sizeof name; id++) {
        if (*id == '/') name[n++] = '-';
        name[n++] = *id == '/' ? '-' : *id;
    }
    name[n] = 0;
    return hub_path(c->root, "%s/%s", h->cache, name) &&
           hub_path(c->locks, "%s/.locks/%s", h->cache, name);
}

// ---- What is there ------------------------------------------------------------------------------

static bool has(const char *folder, const char *name) {
    char path[HUB_PATH];
    return hub_path(path, "%s/%s", folder, name) && hub_is_file(path, HTTP_UNKNOWN);
}

static bool has_any(const char *folder, const char *const *names) {
    while (*names && !has(folder, *names)) names++;
    return *names != NULL;
}

static bool has_shards(const char *folder, const char *index) {
    char path[HUB_PATH];
    const char **names = NULL;
    size_t n = 0, count = 0;
    char *text = hub_path(path, "%s/%s", folder, index) ? hub_read(path, &n) : NULL;
    wm_arena arena;
    wm_arena_init(&arena, NULL);
    wm_span bytes = {(const uint8_t *)text, n};
    bool good = text && hub_shards(bytes, index, &arena, &names, &count, NULL) == WM_OK;
    for (size_t i = 0; good && i < count; i++) good = has(folder, names[i]);
    wm_arena_free(&arena);
    free(text);
    return good;
}

static bool has_gguf(const char *folder) {
    DIR *directory = opendir(folder);
    bool found = false;
    for (struct dirent *entry; directory && !found && (entry = readdir(directory));) {
        size_t n = strlen(entry->d_name);
        found = n > 5 && !strcmp(entry->d_name + n - 5, ".gguf");
    }
    if (directory) closedir(directory);
    return found;
}

// What a library has downloaded for itself may lack the files that it did not ask for: modules.json
// must be there, or be known not to exist.
static bool is_complete(const cache *c, const char *commit, const char *folder, hub_need need) {
    static const char *const tokenizers[] = {"tokenizer.json",
                                             "vocab.txt",
                                             "vocab.json",
                                             "spiece.model",
                                             "sentencepiece.bpe.model",
                                             "tokenizer.model",
                                             "tokenizer_config.json",
                                             NULL};
    char missing[HUB_PATH];
    bool gguf = need == HUB_CONVERT && has_gguf(folder);
    if (gguf) return true;
    if (!has(folder, "config.json") || !has_any(folder, tokenizers)) return false;
    if (!hub_path(missing, "%s/.no_exist/%s", c->root, commit) ||
        (!has(folder, "modules.json") && !has(missing, "modules.json")))
        return false;
    if (need == HUB_TOKENIZER || has(folder, "model.safetensors") ||
        has_shards(folder, "model.safetensors.index.json"))
        return true;
    return need == HUB_CONVERT &&
           (has(folder, "pytorch_model.bin") || has_shards(folder, "pytorch_model.bin.index.json"));
}

// The snapshot that `revision` stands for: its folder, "" where there is none.
static bool find_snapshot(const cache *c, const char *revision, char commit[140],
                          char folder[HUB_PATH]) {
    char path[HUB_PATH];
    struct stat about;
    size_t n = 0;
    wm_error error;
    if (!hub_path(path, "%s/refs/%s", c->root, revision)) return false;
    char *text = hub_read(path, &n);
    snprintf(commit, 140, "%s", text ? text : revision);
    free(text);
    commit[strcspn(commit, "\r\n")] = 0;
    folder[0] = 0;
    if (wm_path_check(wm_span_of(commit), path, &error) != WM_OK || strchr(commit, '/'))
        return true;
    if (!hub_path(folder, "%s/snapshots/%s", c->root, commit)) return false;
    if (stat(folder, &about) || !S_ISDIR(about.st_mode)) folder[0] = 0;
    return true;
}

// ---- Bringing it in -----------------------------------------------------------------------------

static bool blob_of(const cache *c, const hub_file *file, char blob[HUB_PATH]) {
    return hub_path(blob, "%s/blobs/%s", c->root, file->etag);
}

bool hub_cached(const hub *h, const hub_repo *repo, const hub_file *file, char blob[HUB_PATH]) {
    cache c = {0};
    return name_folders(&c, h, repo->id) && blob_of(&c, file, blob) &&
           hub_is_file(blob, file->size);
}

// One process downloads a blob; the others wait, and find it there. One of another length is what
// something else has left: it is replaced.
static int bring_blob(const cache *c, const hub_file *file, const char *blob) {
    char lock[HUB_PATH], part[HUB_PATH];
    int fd;
    if (hub_is_file(blob, file->size)) return CLI_OK;
    if (!hub_path(lock, "%s/%s.lock", c->locks, file->etag) ||
        !hub_path(part, "%s.incomplete", blob))
        return CLI_FAILED;
    int result = hub_make_folders(lock);
    if (result == CLI_OK) result = hub_make_folders(blob);
    if (result == CLI_OK) result = hub_lock(lock, c->h->http.quiet, &fd);
    if (result != CLI_OK) return result;
    if (!hub_is_file(blob, file->size)) result = hub_fetch(c->h, c->repo, file, part, blob);
    hub_unlock(fd);
    return result;
}

// The snapshot's link to the blob, in place of whatever else has its name.
static int link_blob(const hub_file *file, const char *path) {
    char target[HUB_PATH], found[HUB_PATH], fresh[HUB_PATH], up[64] = "../../";
    for (const char *at = file->path; *at; at++)
        if (*at == '/' && strlen(up) + 4 < sizeof up) strcat(up, "../");
    if (!hub_path(target, "%sblobs/%s", up, file->etag) ||
        !hub_path(fresh, "%s.%ld.part", path, (long)getpid()))
        return CLI_FAILED;
    ssize_t n = readlink(path, found, sizeof found - 1);
    if (n > 0) {
        found[n] = 0;
        if (!strcmp(found, target)) return CLI_OK;
    }
    int result = hub_make_folders(path);
    if (result != CLI_OK) return result;
    unlink(fresh);
    if (symlink(target, fresh) || rename(fresh, path)) {
        result = cli_fail("%s: IO: %s", path, strerror(errno));
        unlink(fresh);
    }
    return result;
}

static int place_in_cache(void *context, hub_file *file, char path[HUB_PATH]) {
    const cache *c = context;
    char blob[HUB_PATH];
    int result = hub_look_up(c->h, c->repo, file);
    if (result != CLI_OK) return result;
    if (!blob_of(c, file, blob) ||
        !hub_path(path, "%s/snapshots/%s/%s", c->root, c->repo->commit, file->path))
        return CLI_FAILED;
    result = bring_blob(c, file, blob);
    return result == CLI_OK ? link_blob(file, path) : result;
}

// A small file that appears whole.
static int write_text(const char *path, const char *text) {
    char fresh[HUB_PATH];
    int result = hub_make_folders(path);
    if (result != CLI_OK || !hub_path(fresh, "%s.%ld.part", path, (long)getpid()))
        return CLI_FAILED;
    FILE *file = fopen(fresh, "wb");
    bool good = file && fputs(text, file) >= 0;
    if (file && fclose(file)) good = false;
    if (good && !rename(fresh, path)) return CLI_OK;
    result = cli_fail("%s: IO: %s", path, strerror(errno));
    unlink(fresh);
    return result;
}

static int bring_snapshot(cache *c, hub_need need) {
    char path[HUB_PATH];
    hub_repo *repo = c->repo;
    int result = hub_get(c->h, repo, need, NULL, place_in_cache, c);
    if (result != CLI_OK) return result;
    if (!hub_find(repo, "modules.json")) {
        if (!hub_path(path, "%s/.no_exist/%s/modules.json", c->root, repo->commit))
            return CLI_FAILED;
        result = write_text(path, "");
    }
    if (result != CLI_OK || !strcmp(repo->revision, repo->commit)) return result;
    if (!hub_path(path, "%s/refs/%s", c->root, repo->revision)) return CLI_FAILED;
    return write_text(path, repo->commit);
}

bool hub_has_snapshot(hub *h, const char *id, hub_need need, char folder[HUB_PATH]) {
    cache c = {.h = h};
    char commit[140];
    return name_folders(&c, h, id) && find_snapshot(&c, "main", commit, folder) && folder[0] &&
           (h->offline || is_complete(&c, commit, folder, need));
}

// A cache of one's own among the temporary files, in place of one that cannot be written.
static int move_cache(hub *h) {
    struct stat about;
    char folder[HUB_PATH];
    const char *place = getenv("TMPDIR");
    if (!hub_path(folder, "%s/wasmicro-%ld", place && *place ? place : "/tmp", (long)getuid()))
        return CLI_FAILED;
    mkdir(folder, 0700);
    // Others may have made it, for us to read what they have put there.
    if (lstat(folder, &about) || !S_ISDIR(about.st_mode) || about.st_uid != getuid() ||
        about.st_mode & 022)
        return cli_fail("%s: IO: the cache cannot be written, and %s is no folder of yours alone "
                        "(HF_HUB_CACHE names another one)",
                        h->cache, folder);
    fprintf(stderr, "wasmicro: warning: the cache %s cannot be written: using %s\n", h->cache,
            folder);
    memcpy(h->cache, folder, sizeof folder);
    return CLI_OK;
}

int hub_snapshot(hub *h, const char *id, const char *revision, hub_need need,
                 char folder[HUB_PATH]) {
    hub_repo repo;
    cache c = {.h = h, .repo = &repo};
    char commit[140];
    wm_error error;
    if (!revision) revision = "main";
    if (wm_path_check(wm_span_of(revision), "--revision", &error) != WM_OK)
        return cli_error(id, &error);
    if (!name_folders(&c, h, id) || !find_snapshot(&c, revision, commit, folder)) return CLI_FAILED;
    if (folder[0] && (h->offline || is_complete(&c, commit, folder, need))) return CLI_OK;
    if (h->offline)
        return cli_fail("%s: MISSING: no such folder, not in the hub's cache %s, and "
                        "HF_HUB_OFFLINE forbids to look further",
                        id, h->cache);
    if (!hub_can_write(h->cache)) {
        if (move_cache(h) != CLI_OK || !name_folders(&c, h, id) ||
            !find_snapshot(&c, revision, commit, folder))
            return CLI_FAILED;
        if (folder[0] && is_complete(&c, commit, folder, need)) return CLI_OK;
    }
    if (hub_list(h, id, revision, &repo) != CLI_OK) {
        if (!folder[0]) return cli_fail("%s: no such folder, and %s", id, h->http.message);
        fprintf(stderr, "wasmicro: warning: %s; using what the cache has\n", h->http.message);
        return CLI_OK;
    }
    int result = bring_snapshot(&c, need);
    if (result == CLI_OK && !hub_path(folder, "%s/snapshots/%s", c.root, repo.commit))
        result = CLI_FAILED;
    hub_repo_close(&repo);
    return result;
}

int hub_find_model(const char *model, const char *revision, hub_need need, char folder[HUB_PATH]) {
    struct stat about;
    hub h;
    if (!stat(model, &about) || errno != ENOENT)
        return hub_path(folder, "%s", model) ? CLI_OK : CLI_FAILED;
    if (!hub_is_id(model))
        return cli_fail("%s: no such folder, and no name of a repository of the hub", model);
    int result = hub_open(&h);
    if (result == CLI_OK) result = hub_snapshot(&h, model, revision, need, folder);
    hub_close(&h);
    return result;
}
