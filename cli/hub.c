// SPDX-License-Identifier: MIT OR Apache-2.0
// The hub's side: where it is, what a repository has, what of it a model needs.
#define _DEFAULT_SOURCE // strcasecmp, with _XOPEN_SOURCE
#include "hub.h"

#include "../src/base/json.h"
#include "../src/load/tensors.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool hub_path(char path[HUB_PATH], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(path, HUB_PATH, format, arguments);
    va_end(arguments);
    if (n >= 0 && n < HUB_PATH) return true;
    cli_fail("PATH: %.80s…: longer than %d bytes", path, HUB_PATH - 1);
    return false;
}

// ---- Surroundings ------------------------------------------------------------------------------

// A variable that is set and not empty, else NULL.
static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static bool is_set_true(const char *name) {
    static const char *const words[] = {"1", "on", "yes", "true"};
    const char *value = variable(name);
    for (size_t i = 0; value && i < WM_COUNT(words); i++)
        if (!strcasecmp(value, words[i])) return true;
    return false;
}

// What "$NAME" or "${NAME}" at the beginning of `text` stands for, or NULL; *taken is its length.
static const char *variable_at(const char *text, size_t *taken) {
    char name[256];
    bool braces = text[0] == '$' && text[1] == '{';
    const char *start = text + 1 + braces;
    size_t n = 0;
    *taken = 1;
    if (text[0] != '$') return NULL;
    while (isalnum((unsigned char)start[n]) || start[n] == '_') n++;
    if (!n || n >= sizeof name || (braces && start[n] != '}')) return NULL;
    memcpy(name, start, n);
    name[n] = 0;
    const char *value = getenv(name);
    if (value) *taken = 1 + n + 2 * (size_t)braces;
    return value;
}

// "~" and variables as Python's expanduser and expandvars have them.
static bool copy_path(char to[HUB_PATH], const char *path, const char *under) {
    const char *home = variable("HOME");
    bool tilde = path[0] == '~' && (path[1] == '/' || !path[1]) && home;
    size_t taken;
    if (!hub_path(to, "%s", tilde ? home : "")) return false;
    size_t n = strlen(to);
    for (path += tilde; *path && n < HUB_PATH; path += taken) {
        const char *value = variable_at(path, &taken);
        size_t given = value ? strlen(value) : 1;
        if (given < HUB_PATH - n) memcpy(to + n, value ? value : path, given);
        n += given;
    }
    if (n < HUB_PATH && strlen(under) < HUB_PATH - n) return strcpy(to + n, under) != NULL;
    cli_fail("PATH: the cache's place is longer than %d bytes", HUB_PATH - 1);
    return false;
}

static bool find_home(char home[HUB_PATH]) {
    const char *set = variable("HF_HOME"), *xdg = variable("XDG_CACHE_HOME");
    if (set) return copy_path(home, set, "");
    return xdg ? copy_path(home, xdg, "/huggingface") : copy_path(home, "~/.cache/huggingface", "");
}

static bool find_cache(const char *home, char cache[HUB_PATH]) {
    const char *set = variable("HF_HUB_CACHE");
    if (!set) set = variable("HUGGINGFACE_HUB_CACHE");
    return set ? copy_path(cache, set, "") : hub_path(cache, "%s/hub", home);
}

// A token is one word of printable ASCII: it becomes part of a header.
static int set_token(hub *h, const char *token, size_t n, const char *source) {
    while (n && isspace((unsigned char)token[n - 1])) n--;
    while (n && isspace((unsigned char)*token)) token++, n--;
    for (size_t i = 0; i < n; i++)
        if (token[i] <= ' ' || token[i] > '~') n = sizeof h->token;
    if (n >= sizeof h->token) return cli_fail("%s: ARG: not a token of the hub", source);
    memcpy(h->token, token, n);
    h->token[n] = 0;
    h->http.token = n ? h->token : NULL;
    return CLI_OK;
}

static int find_token(hub *h, const char *home) {
    char path[HUB_PATH];
    const char *set = variable("HF_TOKEN"), *file = variable("HF_TOKEN_PATH");
    if (!set) set = variable("HUGGING_FACE_HUB_TOKEN");
    if (is_set_true("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return CLI_OK; // --token alone
    if (set) return set_token(h, set, strlen(set), "HF_TOKEN");
    if (!(file ? copy_path(path, file, "") : hub_path(path, "%s/token", home))) return CLI_FAILED;
    size_t n;
    char *text = hub_read(path, &n);
    int result = text ? set_token(h, text, n, path) : CLI_OK;
    free(text);
    return result;
}

int hub_set_endpoint(hub *h, const char *endpoint) {
    size_t n = strlen(endpoint);
    while (n && endpoint[n - 1] == '/') n--;
    if ((strncmp(endpoint, "http://", 7) && strncmp(endpoint, "https://", 8)) ||
        n >= sizeof h->endpoint)
        return cli_fail("ARG: the hub's address must be http://… or https://…, got \"%s\"",
                        endpoint);
    memcpy(h->endpoint, endpoint, n);
    h->endpoint[n] = 0;
    return CLI_OK;
}

int hub_set_token(hub *h, const char *token) {
    return set_token(h, token, strlen(token), "--token");
}

static void set_seconds(const char *name, unsigned *to) {
    const char *value = variable(name);
    int seconds = value ? atoi(value) : 0;
    if (seconds > 0 && seconds < 3600) *to = (unsigned)seconds;
}

int hub_open(hub *h) {
    char home[HUB_PATH];
    *h = (hub){.http = {.idle_seconds = 10, .answer_seconds = 10}};
    const char *endpoint = variable("HF_ENDPOINT");
    set_seconds("HF_HUB_DOWNLOAD_TIMEOUT", &h->http.idle_seconds);
    set_seconds("HF_HUB_ETAG_TIMEOUT", &h->http.answer_seconds);
    h->http.quiet = is_set_true("HF_HUB_DISABLE_PROGRESS_BARS");
    h->offline =
        is_set_true(variable("HF_HUB_OFFLINE") ? "HF_HUB_OFFLINE" : "TRANSFORMERS_OFFLINE");
    if (!find_home(home) || !find_cache(home, h->cache)) return CLI_FAILED;
    int result = hub_set_endpoint(h, endpoint ? endpoint : "https://huggingface.co");
    return result == CLI_OK ? find_token(h, home) : result;
}

void hub_close(hub *h) { http_close(&h->http); }

// [A-Za-z0-9][\w.-]{0,95}
static bool is_id_part(const char *text, size_t n) {
    if (!n || n > 96 || !isalnum((unsigned char)text[0])) return false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_' && c != '.' && c != '-')) return false;
    }
    return true;
}

bool hub_is_id(const char *text) {
    size_t n = strlen(text), slash = strcspn(text, "/");
    if (strstr(text, "..") || strstr(text, "--")) return false;
    return is_id_part(text, slash) && (slash == n || is_id_part(text + slash + 1, n - slash - 1));
}

// ---- The listing --------------------------------------------------------------------------------

// `text` with what an address may not hold as %XX; a slash too where `whole` is set.
static bool put_quoted(char *to, size_t size, const char *text, bool whole) {
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (n + 4 > size) return false;
        if ((c < 0x80 && isalnum(c)) || strchr("-._~", c) || (c == '/' && !whole)) {
            to[n++] = (char)c;
        } else {
            to[n++] = '%';
            to[n++] = hex[c >> 4];
            to[n++] = hex[c & 15];
        }
    }
    to[n] = 0;
    return true;
}

bool hub_url(const hub *h, const hub_repo *repo, const hub_file *file, char url[HUB_PATH]) {
    char revision[600], path[3 * 1024 + 1];
    const char *at = file ? repo->commit : repo->revision;
    if (!put_quoted(revision, sizeof revision, at, true) ||
        (file && !put_quoted(path, sizeof path, file->path, false))) {
        cli_fail("%s: LIMIT: a name too long for an address", repo->id);
        return false;
    }
    return file ? hub_path(url, "%s/%s/resolve/%s/%s", h->endpoint, repo->id, revision, path)
                : hub_path(url, "%s/api/models/%s/revision/%s?blobs=true", h->endpoint, repo->id,
                           revision);
}

// A string as NUL-terminated text in the arena; *copy is NULL where there is none.
static wm_status copy_string(hub_repo *repo, wm_json value, const char **copy, wm_error *error) {
    uint8_t *text;
    *copy = NULL;
    if (!wm_json_present(value) || wm_json_type_of(value) != WM_JSON_STRING) return WM_OK;
    WM_TRY(WM_ALLOC(&repo->arena, text, (uint64_t)wm_json_span(value).n + 1, error));
    wm_span decoded = wm_json_string_decode(value, text);
    memmove(text, decoded.p, decoded.n);
    text[decoded.n] = 0;
    if (memchr(text, 0, decoded.n))
        return wm_fail(error, WM_ERROR_PATH, 0, "the hub's listing: a NUL in a name");
    *copy = (const char *)text;
    return WM_OK;
}

// An etag becomes a file's name in the cache.
static bool is_etag(const char *etag) {
    size_t n = strlen(etag), good = 0;
    while (good < n && (isalnum((unsigned char)etag[good]) || strchr("-_.", etag[good]))) good++;
    return n > 1 && n < 128 && good == n && etag[0] != '.';
}

bool hub_is_hash(const char *text, size_t digits) {
    return strlen(text) == digits && strspn(text, "0123456789abcdef") == digits;
}

// Large files' etags are SHA-256, small ones' git's, for which the size is needed.
static bool is_hashed(const char *etag, bool linked, uint64_t size) {
    return linked ? hub_is_hash(etag, 64) : size != HTTP_UNKNOWN && hub_is_hash(etag, 40);
}

static wm_status read_sibling(hub_repo *repo, wm_json entry, hub_file *file, wm_error *error) {
    *file = (hub_file){.size = HTTP_UNKNOWN};
    WM_TRY(copy_string(repo, wm_json_get(entry, "rfilename"), &file->path, error));
    if (!file->path)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "the hub's listing: a file without a name");
    WM_TRY(wm_path_check(wm_span_of(file->path), "the hub's listing", error));
    wm_json lfs = wm_json_get(entry, "lfs"), sha256 = wm_json_get(lfs, "sha256");
    bool linked = wm_json_present(sha256);
    WM_TRY(copy_string(repo, linked ? sha256 : wm_json_get(entry, "blobId"), &file->etag, error));
    if (file->etag && (!is_etag(file->etag) || (linked && !hub_is_hash(file->etag, 64))))
        return wm_fail(error, WM_ERROR_FORMAT, 0, "the hub's listing: an odd hash of %z",
                       file->path);
    wm_json size = wm_json_get(linked ? lfs : entry, "size");
    if (wm_json_present(size) && wm_json_type_of(size) != WM_JSON_NULL &&
        (!wm_json_u64(size, &file->size) || file->size > INT64_MAX))
        return wm_fail(error, WM_ERROR_FORMAT, 0, "the hub's listing: an odd size of %z",
                       file->path);
    file->hashed = file->etag && is_hashed(file->etag, linked, file->size);
    return WM_OK;
}

wm_status hub_read_listing(hub_repo *repo, wm_span text, wm_error *error) {
    wm_json root;
    WM_TRY(wm_json_check(text, "the hub's listing", 0, &root, error));
    WM_TRY(copy_string(repo, wm_json_get(root, "sha"), &repo->commit, error));
    wm_json siblings = wm_json_get(root, "siblings");
    if (!repo->commit || !is_etag(repo->commit) || !wm_json_present(siblings) ||
        wm_json_type_of(siblings) != WM_JSON_ARRAY)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "the hub's listing: no sha, or no siblings");
    size_t count = 0;
    for (wm_json_iter i = wm_json_each(siblings); wm_json_next(&i);) count++;
    if (count > HUB_MAX_FILES)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "the hub's listing: over %u files",
                       (uint64_t)HUB_MAX_FILES);
    WM_TRY(WM_ALLOC(&repo->arena, repo->files, count, error));
    for (wm_json_iter i = wm_json_each(siblings); wm_json_next(&i);)
        WM_TRY(read_sibling(repo, i.value, &repo->files[repo->count++], error));
    return WM_OK;
}

int hub_list(hub *h, const char *id, const char *revision, hub_repo *repo) {
    char url[HUB_PATH];
    http_text text = {0};
    wm_error error;
    *repo = (hub_repo){.id = id, .revision = revision ? revision : "main"};
    wm_arena_init(&repo->arena, NULL);
    wm_status status = wm_path_check(wm_span_of(repo->revision), "--revision", &error);
    if (status == WM_OK) {
        if (!hub_url(h, repo, NULL, url) || http_open(&h->http) != CLI_OK ||
            http_get_text(&h->http, url, &text) != CLI_OK)
            return CLI_FAILED; // and http.message says why
        wm_span listing = {(const uint8_t *)text.p, text.n};
        status = hub_read_listing(repo, listing, &error);
        free(text.p);
    }
    if (status == WM_OK) return CLI_OK;
    snprintf(h->http.message, sizeof h->http.message, "%s: %s", wm_status_name(status), error.text);
    hub_repo_close(repo);
    return CLI_FAILED;
}

void hub_repo_close(hub_repo *repo) { wm_arena_free(&repo->arena); }

int hub_look_up(hub *h, hub_repo *repo, hub_file *file) {
    char url[HUB_PATH];
    http_about about;
    if (file->etag && file->size != HTTP_UNKNOWN) return CLI_OK;
    if (!hub_url(h, repo, file, url)) return CLI_FAILED;
    if (http_get_about(&h->http, url, &about) != CLI_OK)
        return cli_fail("%s: %s", repo->id, h->http.message);
    char *etag = wm_arena_alloc(&repo->arena, sizeof about.etag, 1);
    if (!etag) return cli_fail("NOMEM: no memory for a hash");
    strcpy(etag, about.etag);
    if (!is_etag(etag)) return cli_fail("%s: FORMAT: %s has no ETag", repo->id, file->path);
    *file = (hub_file){file->path, etag, about.size, is_hashed(etag, about.linked, about.size)};
    return CLI_OK;
}

// ---- What a model needs -------------------------------------------------------------------------

bool hub_ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n > m && !strcmp(name + n - m, end);
}

hub_file *hub_find(const hub_repo *repo, const char *path) {
    for (size_t i = 0; i < repo->count; i++)
        if (!strcmp(repo->files[i].path, path)) return &repo->files[i];
    return NULL;
}

// Of 2_Dense/pytorch_model.bin: is 2_Dense/model.safetensors there?
static bool has_safetensors_beside(const hub_repo *repo, const char *path) {
    char other[HUB_PATH];
    int folder = (int)(strrchr(path, '/') - path);
    snprintf(other, sizeof other, "%.*s/model.safetensors", folder, path);
    return hub_find(repo, other) != NULL;
}

bool hub_is_small(const hub_repo *repo, const char *path) {
    const char *slash = strchr(path, '/');
    if (path[0] == '.' || hub_ends_with(path, ".index.json")) return false;
    if (hub_ends_with(path, ".json") || hub_ends_with(path, ".txt") ||
        hub_ends_with(path, ".model") || hub_ends_with(path, "chat_template.jinja"))
        return !slash || (isdigit((unsigned char)path[0]) && !strchr(slash + 1, '/'));
    if (!slash || !isdigit((unsigned char)path[0]) || strchr(slash + 1, '/')) return false;
    if (hub_ends_with(path, "/pytorch_model.bin")) return !has_safetensors_beside(repo, path);
    return hub_ends_with(path, ".safetensors");
}

const char *hub_weights(const hub_repo *repo, bool *is_index) {
    static const char *const names[] = {"model.safetensors", "model.safetensors.index.json",
                                        "pytorch_model.bin", "pytorch_model.bin.index.json"};
    const char *only = NULL;
    for (size_t i = 0; i < WM_COUNT(names); i++) {
        *is_index = i % 2 == 1;
        if (hub_find(repo, names[i])) return names[i];
    }
    *is_index = false;
    for (size_t i = 0; i < repo->count; i++) {
        if (!hub_ends_with(repo->files[i].path, ".gguf")) continue;
        if (only) return NULL;
        only = repo->files[i].path;
    }
    return only;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

wm_status hub_shards(wm_span index, const char *name, wm_arena *arena, const char ***names,
                     size_t *count, wm_error *error) {
    wm_json root;
    hub_repo scratch = {.arena = *arena};
    *count = 0;
    WM_TRY(wm_json_check(index, name, WM_JSON_PYTHON, &root, error));
    wm_json map = wm_json_get(root, "weight_map");
    size_t all = 0, kept = 0;
    for (wm_json_iter i = wm_json_each(map); wm_json_next(&i);) all++;
    if (all > WM_LIMIT_TENSORS)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "%z: too many tensors", name);
    if (!all) return wm_fail(error, WM_ERROR_FORMAT, 0, "%z: no weight_map", name);
    wm_status status = WM_ALLOC(&scratch.arena, *names, all, error);
    size_t at = 0;
    for (wm_json_iter i = wm_json_each(map); status == WM_OK && wm_json_next(&i); at++) {
        status = copy_string(&scratch, i.value, &(*names)[at], error);
        if (status == WM_OK && !(*names)[at])
            status = wm_fail(error, WM_ERROR_FORMAT, 0, "%z: a shard's name is no string", name);
        if (status == WM_OK) status = wm_path_check(wm_span_of((*names)[at]), name, error);
    }
    *arena = scratch.arena;
    if (status != WM_OK) return status;
    qsort(*names, all, sizeof **names, by_text);
    for (size_t i = 0; i < all; i++)
        if (!kept || strcmp((*names)[i], (*names)[kept - 1])) (*names)[kept++] = (*names)[i];
    if (kept > WM_LIMIT_SHARDS)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "%z: too many shards", name);
    *count = kept;
    return WM_OK;
}
