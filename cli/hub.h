// SPDX-License-Identifier: MIT OR Apache-2.0
// Repositories of the hub: their files, which of them a model needs, and the cache folder that
// huggingface_hub keeps them in.
#ifndef WM_HUB_H
#define WM_HUB_H

#include "../src/base/arena.h"
#include "cli.h"
#include "http.h"

enum { HUB_PATH = 4096, HUB_MAX_FILES = 8192 };

// ---- Surroundings ------------------------------------------------------------------------------

// From HF_ENDPOINT, HF_TOKEN, HF_TOKEN_PATH, HF_HUB_CACHE, HF_HOME, HF_HUB_OFFLINE,
// HF_HUB_DOWNLOAD_TIMEOUT, HF_HUB_ETAG_TIMEOUT, HF_HUB_DISABLE_PROGRESS_BARS and
// HF_HUB_DISABLE_IMPLICIT_TOKEN, as the huggingface_hub library reads them.
typedef struct hub {
    char endpoint[512], cache[HUB_PATH], token[512];
    bool offline;
    http http;
    struct hub_bar *bar; // progress, or NULL
} hub;

int hub_open(hub *h); // no request yet
void hub_close(hub *h);
int hub_set_endpoint(hub *h, const char *endpoint);
int hub_set_token(hub *h, const char *token);

bool hub_is_id(const char *text);                      // "name" or "owner/name"
bool hub_is_hash(const char *text, size_t digits);     // 64: SHA-256; 40: git's of a blob
bool hub_ends_with(const char *name, const char *end); // and is longer

// ---- Repositories ------------------------------------------------------------------------------

typedef struct hub_file {
    const char *path; // in the repository
    const char *etag; // its name in the cache; NULL: not known yet
    uint64_t size;    // HTTP_UNKNOWN: not known yet
    bool hashed;      // the etag is of its bytes, see hub_is_hash
} hub_file;

typedef struct hub_repo {
    const char *id, *revision, *commit;
    hub_file *files; // [count]
    size_t count;
    wm_arena arena;
} hub_repo;

// Asks the hub for the files at `revision` (NULL: main). On failure h->http.message says why,
// nothing is printed, and there is nothing to close.
int hub_list(hub *h, const char *id, const char *revision, hub_repo *repo);
void hub_repo_close(hub_repo *repo);

// The same of a listing's text: an object with "sha" and "siblings".
wm_status hub_read_listing(hub_repo *repo, wm_span text, wm_error *error);

// Where the listing is, or a file of it.
bool hub_url(const hub *h, const hub_repo *repo, const hub_file *file, char url[HUB_PATH]);

// Fills etag and size by asking the hub, where the listing has left them out.
int hub_look_up(hub *h, hub_repo *repo, hub_file *file);

hub_file *hub_find(const hub_repo *repo, const char *path);

// Which files a model needs beside its weights: configurations, tokenizers, modules.
bool hub_is_small(const hub_repo *repo, const char *path);

// What the weights are in: "model.safetensors", its index, "pytorch_model.bin", its index, else the
// only *.gguf; NULL: none of these, or several GGUF files. *is_index: it names the files.
const char *hub_weights(const hub_repo *repo, bool *is_index);

// The names in an index's weight_map, each once, in `arena`; they have passed the rules for paths.
wm_status hub_shards(wm_span index, const char *name, wm_arena *arena, const char ***names,
                     size_t *count, wm_error *error);

// ---- Bringing them ------------------------------------------------------------------------------

typedef enum hub_need {
    HUB_TOKENIZER, // all but the weights
    HUB_RUN,       // with weights that run
    HUB_CONVERT,   // with weights of any kind that convert reads
} hub_need;

// Brings one file to where it belongs, and says where that is.
typedef int (*hub_place_fn)(void *context, hub_file *file, char path[HUB_PATH]);

// Everything that `need` asks for, the weights last; or what matches one of the patterns
// `include`, a NULL behind them.
int hub_get(hub *h, hub_repo *repo, hub_need need, const char *const *include, hub_place_fn place,
            void *context);

// One file at `path`, by way of `part`; lengths and hashes are checked.
int hub_fetch(hub *h, const hub_repo *repo, const hub_file *file, const char *part,
              const char *path);

// One progress over all files, on stderr.
typedef struct hub_bar {
    uint64_t total, done, now; // bytes: of all files, of those that are done, of this one
    uint64_t fetched;          // done and now without what was there before
    double start, shown;
    bool terminal;
} hub_bar;

// ---- The cache ---------------------------------------------------------------------------------

// The snapshot's folder of `id` in the cache, downloaded where it is not there. Prints what fails.
int hub_snapshot(hub *h, const char *id, const char *revision, hub_need need,
                 char folder[HUB_PATH]);

bool hub_has_snapshot(hub *h, const char *id, hub_need need, char folder[HUB_PATH]);

// A command's MODEL: a folder or file as it is, else a repository's snapshot.
int hub_find_model(const char *model, const char *revision, hub_need need, char folder[HUB_PATH]);

// The blob of a file in the cache; false where it is not there whole.
bool hub_cached(const hub *h, const hub_repo *repo, const hub_file *file, char blob[HUB_PATH]);

// ---- Files -------------------------------------------------------------------------------------

// A whole file; NULL, and nothing printed, where it cannot be read. The caller frees it.
char *hub_read(const char *path, size_t *n);

bool hub_is_file(const char *path, uint64_t size);   // and of that size, where it is known
bool hub_can_write(const char *folder);              // which is made where it is not there
int hub_make_folders(const char *path);              // those above the last "/"
int hub_sync_folder(const char *path);               // in which `path` is
int hub_lock(const char *path, bool quiet, int *fd); // until hub_unlock; a file or a folder
void hub_unlock(int fd);

// "format" into a path; false, printed, where it is too long.
__attribute__((format(printf, 2, 3))) bool hub_path(char path[HUB_PATH], const char *format, ...);

#endif
