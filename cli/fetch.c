// SPDX-License-Identifier: MIT OR Apache-2.0
// Which files a model needs, one after another, each by way of a part; and how far that has come.
#include "../src/load/tensors.h"
#include "hub.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// ---- Files -------------------------------------------------------------------------------------

char *hub_read(const char *path, size_t *n) {
    FILE *file = hub_is_file(path, HTTP_UNKNOWN) ? fopen(path, "rb") : NULL;
    size_t capacity = 1 << 12, read = 0;
    char *text = file ? malloc(capacity + 1) : NULL;
    *n = 0;
    while (text && (read = fread(text + *n, 1, capacity - *n, file)) > 0) {
        *n += read;
        if (*n < capacity) continue;
        char *grown = capacity > HTTP_MAX_TEXT ? NULL : realloc(text, 2 * capacity + 1);
        if (!grown) free(text);
        text = grown;
        capacity *= 2;
    }
    if (text) text[*n] = 0;
    if (file) fclose(file);
    return text;
}

bool hub_is_file(const char *path, uint64_t size) {
    struct stat about;
    return !stat(path, &about) && S_ISREG(about.st_mode) &&
           (size == HTTP_UNKNOWN || (uint64_t)about.st_size == size);
}

// false: errno says why, `folder` where.
static bool make_folders(const char *path, char folder[HUB_PATH]) {
    strcpy(folder, path); // shorter than HUB_PATH, see hub_path
    for (char *at = folder + 1; *at; at++) {
        if (*at != '/') continue;
        *at = 0;
        if (mkdir(folder, 0777) && errno != EEXIST) return false;
        *at = '/';
    }
    return true;
}

int hub_make_folders(const char *path) {
    char folder[HUB_PATH];
    if (!hub_path(folder, "%s", path)) return CLI_FAILED;
    return make_folders(path, folder) ? CLI_OK : cli_fail("%s: IO: %s", folder, strerror(errno));
}

bool hub_can_write(const char *folder) {
    char inside[HUB_PATH], made[HUB_PATH];
    return hub_path(inside, "%s/.", folder) && make_folders(inside, made) &&
           access(inside, W_OK) == 0;
}

int hub_sync_folder(const char *path) {
    char folder[HUB_PATH];
    if (!hub_path(folder, "%s", path)) return CLI_FAILED;
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    int fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return cli_fail("%s: IO: %s", folder, strerror(errno));
    fsync(fd); // some file systems cannot, and it is no loss of theirs
    close(fd);
    return CLI_OK;
}

int hub_lock(const char *path, bool quiet, int *fd) {
    struct stat held, named;
    for (bool waited = false;; waited = true) {
        bool folder = !stat(path, &named) && S_ISDIR(named.st_mode);
        *fd = open(path, folder ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (*fd < 0) return cli_fail("%s: IO: %s", path, strerror(errno));
        int locked = flock(*fd, LOCK_EX | LOCK_NB);
        if (locked && errno == EWOULDBLOCK) {
            if (!quiet && !waited)
                fprintf(stderr, "wasmicro: another process is downloading it: waiting\n");
            while ((locked = flock(*fd, LOCK_EX)) && errno == EINTR) {}
        }
        if (locked && errno != ENOLCK && errno != EOPNOTSUPP) {
            int reason = errno;
            close(*fd);
            return cli_fail("%s: IO: cannot be locked: %s", path, strerror(reason));
        }
        // Whoever held it may have removed it: then the lock is on a file without a name.
        if (!fstat(*fd, &held) && !stat(path, &named) && held.st_ino == named.st_ino) return CLI_OK;
        close(*fd);
    }
}

void hub_unlock(int fd) { close(fd); }

// ---- Progress ----------------------------------------------------------------------------------

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void show_bar(void *context, uint64_t bytes) {
    hub_bar *bar = context;
    double now = seconds_now();
    if (bytes > bar->now) bar->fetched += bytes - bar->now;
    bar->now = bytes;
    if (!bar->terminal || now - bar->shown < 0.1) return;
    bar->shown = now;
    double all = (double)bar->total, there = (double)(bar->done + bytes);
    double rate = now > bar->start ? (double)bar->fetched / (now - bar->start) : 0;
    int filled = all > 0 && there < all ? (int)(20 * there / all) : 20;
    fprintf(stderr, "\r[%-20.*s] %.1f of %.1f MB, %.1f MB/s", filled,
            "====================", there / 1e6, all / 1e6, rate / 1e6);
    if (rate > 0 && there <= all) {
        unsigned left = (unsigned)((all - there) / rate);
        fprintf(stderr, ", %u:%02u left", left / 60, left % 60);
    }
    fputs("\033[K", stderr);
}

static void clear_bar(const hub_bar *bar) {
    if (bar && bar->terminal) fputs("\r\033[K", stderr);
}

// ---- One file -----------------------------------------------------------------------------------

static int fetch_part(hub *h, const hub_repo *repo, const hub_file *file, int fd, bool *keep) {
    char url[HUB_PATH];
    if (!hub_url(h, repo, file, url)) return CLI_FAILED;
    http_file wanted = {.fd = fd,
                        .size = file->size,
                        .hash = file->hashed ? file->etag : NULL,
                        .data = !hub_ends_with(file->path, ".md") &&
                                !hub_ends_with(file->path, ".html"),
                        .progress = h->bar ? show_bar : NULL,
                        .context = h->bar};
    if (h->bar) h->bar->now = 0;
    int result = http_get_file(&h->http, url, &wanted, keep);
    clear_bar(h->bar);
    if (result != CLI_OK) return cli_fail("%s: %s", repo->id, h->http.message);
    while ((result = fsync(fd)) && errno == EINTR) {}
    if (result) return cli_fail("%s: IO: %s", file->path, strerror(errno));
    return CLI_OK;
}

int hub_fetch(hub *h, const hub_repo *repo, const hub_file *file, const char *part,
              const char *path) {
    // Without a hash nobody can tell whether what is there belongs to the rest.
    int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (file->hashed ? 0 : O_TRUNC);
    bool keep = false;
    int fd = open(part, flags, 0666);
    if (fd < 0) return cli_fail("%s: IO: %s", part, strerror(errno));
    int result = http_open(&h->http) == CLI_OK ? fetch_part(h, repo, file, fd, &keep)
                                               : cli_fail("%s: %s", repo->id, h->http.message);
    if (close(fd) && result == CLI_OK) result = cli_fail("%s: IO: %s", part, strerror(errno));
    if (result == CLI_OK && rename(part, path))
        result = cli_fail("%s: IO: %s", path, strerror(errno));
    if (result != CLI_OK) {
        if (!keep || !file->hashed) unlink(part);
        return result;
    }
    uint64_t bytes = h->bar ? h->bar->now : file->size;
    if (!h->http.quiet && bytes != HTTP_UNKNOWN && !(h->bar && h->bar->terminal))
        fprintf(stderr, "wasmicro: %s: %s, %.1f KB\n", repo->id, file->path, (double)bytes / 1e3);
    return hub_sync_folder(path);
}

// ---- All of them --------------------------------------------------------------------------------

typedef struct plan {
    hub_file **files;
    size_t count;
} plan;

static void add(plan *p, hub_file *file) {
    for (size_t i = 0; i < p->count; i++)
        if (p->files[i] == file) return;
    p->files[p->count++] = file;
}

// The index itself is brought first: it names the shards, and only then the whole is known.
static int add_shards(const char *index, plan *p, hub_repo *repo, hub_place_fn place,
                      void *context) {
    char path[HUB_PATH];
    const char **names;
    size_t n = 0, count = 0;
    wm_error error = {0};
    int result = place(context, hub_find(repo, index), path);
    if (result != CLI_OK) return result;
    char *text = hub_read(path, &n);
    if (!text) return cli_fail("%s: IO: cannot be read", path);
    wm_span bytes = {(const uint8_t *)text, n};
    if (hub_shards(bytes, index, &repo->arena, &names, &count, &error) != WM_OK)
        result = cli_error(repo->id, &error);
    free(text);
    for (size_t i = 0; i < count && result == CLI_OK; i++) {
        hub_file *file = hub_find(repo, names[i]);
        if (file)
            add(p, file);
        else
            result = cli_fail("%s: MISSING: %s names %s, which the repository has not", repo->id,
                              index, names[i]);
    }
    return result;
}

static int add_weights(plan *p, hub_repo *repo, hub_need need, hub_place_fn place, void *context) {
    bool is_index;
    const char *weights = hub_weights(repo, &is_index);
    if (!weights)
        return cli_fail("%s: MISSING: no weights that are known (one of several GGUF files: "
                        "wasmicro download %s DIR --include NAME)",
                        repo->id, repo->id);
    if (need == HUB_RUN && strncmp(weights, "model.safetensors", 17))
        return cli_fail("%s: UNSUPPORTED: its weights are %s: wasmicro convert %s DIR rewrites "
                        "them",
                        repo->id, weights, repo->id);
    if (is_index) return add_shards(weights, p, repo, place, context);
    add(p, hub_find(repo, weights));
    return CLI_OK;
}

static int add_matching(plan *p, hub_repo *repo, const char *pattern) {
    bool found = false;
    for (size_t i = 0; i < repo->count; i++) {
        if (fnmatch(pattern, repo->files[i].path, 0) != 0) continue;
        add(p, &repo->files[i]);
        found = true;
    }
    return found ? CLI_OK : cli_fail("%s: MISSING: no file matches \"%s\"", repo->id, pattern);
}

static int make_plan(plan *p, hub_repo *repo, hub_need need, const char *const *include,
                     hub_place_fn place, void *context) {
    int result = CLI_OK;
    for (; include && *include && result == CLI_OK; include++)
        result = add_matching(p, repo, *include);
    if (result != CLI_OK || p->count) return result;
    for (size_t i = 0; i < repo->count; i++)
        if (hub_is_small(repo, repo->files[i].path)) add(p, &repo->files[i]);
    return need == HUB_TOKENIZER ? CLI_OK : add_weights(p, repo, need, place, context);
}

static int bring(hub *h, hub_repo *repo, const plan *p, hub_place_fn place, void *context) {
    char path[HUB_PATH];
    hub_bar bar = {.start = seconds_now(), .terminal = !h->http.quiet && isatty(STDERR_FILENO)};
    int result = CLI_OK;
    for (size_t i = 0; i < p->count && result == CLI_OK; i++) {
        result = hub_look_up(h, repo, p->files[i]);
        if (p->files[i]->size != HTTP_UNKNOWN) bar.total += p->files[i]->size;
    }
    h->bar = &bar;
    for (size_t i = 0; i < p->count && result == CLI_OK; i++) {
        result = place(context, p->files[i], path);
        if (p->files[i]->size != HTTP_UNKNOWN) bar.done += p->files[i]->size;
        bar.now = 0;
    }
    h->bar = NULL;
    return result;
}

int hub_get(hub *h, hub_repo *repo, hub_need need, const char *const *include, hub_place_fn place,
            void *context) {
    plan p = {.files = calloc(repo->count + 1, sizeof *p.files)};
    if (!p.files) return cli_fail("NOMEM: no memory for %zu files", repo->count);
    int result = make_plan(&p, repo, need, include, place, context);
    if (result == CLI_OK) result = bring(h, repo, &p, place, context);
    free(p.files);
    return result;
}
