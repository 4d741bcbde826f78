// SPDX-License-Identifier: MIT OR Apache-2.0
// download REPO DIR: a repository's files in a folder of one's own.
#include "hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct download {
    hub *h;
    hub_repo *repo;
    const char *folder;
    char *root; // its real path
    size_t files;
    uint64_t bytes;
} download;

static bool has_hash(const char *path, const hub_file *file) {
    uint8_t block[1 << 16];
    char got[65];
    sha state;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;
    sha_start(&state, file->etag, file->size);
    while (n >= 0 && (n = read(fd, block, sizeof block)) > 0) sha_add(&state, block, (size_t)n);
    if (fd >= 0) close(fd);
    sha_hex(&state, got);
    return n == 0 && !strcmp(got, file->etag);
}

static int copy_file(const char *from, const char *part, const char *path) {
    uint8_t block[1 << 16];
    ssize_t n = 0;
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    bool good = in >= 0 && out >= 0;
    while (good && (n = read(in, block, sizeof block)) > 0)
        good = write(out, block, (size_t)n) == n;
    good = good && n == 0 && fsync(out) == 0 && rename(part, path) == 0;
    int reason = errno;
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    if (good) return hub_sync_folder(path);
    unlink(part);
    return cli_fail("%s: IO: %s", path, strerror(reason));
}

// What broken runs have left of other versions of the file: PATH.ETAG.part, but not `part`.
static void drop_older_parts(const char *path, const char *part) {
    char folder[HUB_PATH], other[HUB_PATH];
    size_t n = strlen(path);
    if (!hub_path(folder, "%s", path)) return;
    strrchr(folder, '/')[1] = 0;
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (!hub_path(other, "%s%s", folder, entry->d_name)) break;
        if (!strncmp(other, path, n) && other[n] == '.' &&
            strspn(other + n + 1, "0123456789abcdef") == 16 && !strcmp(other + n + 17, ".part") &&
            strcmp(other, part) != 0)
            unlink(other);
    }
    if (directory) closedir(directory);
}

// A link in the folder must not lead the files out of it.
static int check_inside(const download *d, const char *path) {
    char folder[HUB_PATH];
    if (!hub_path(folder, "%s", path)) return CLI_FAILED;
    *strrchr(folder, '/') = 0;
    char *real = realpath(folder, NULL);
    size_t n = strlen(d->root);
    bool inside = real && !strncmp(real, d->root, n) && (real[n] == '/' || !real[n]);
    free(real);
    return inside ? CLI_OK : cli_fail("%s: PATH: a link that leads out of the folder", folder);
}

static int place_in_folder(void *context, hub_file *file, char path[HUB_PATH]) {
    download *d = context;
    char part[HUB_PATH], blob[HUB_PATH];
    int result = hub_look_up(d->h, d->repo, file);
    if (result != CLI_OK) return result;
    if (!hub_path(path, "%s/%s", d->folder, file->path) ||
        !hub_path(part, "%s.%.16s.part", path, file->etag))
        return CLI_FAILED;
    result = hub_make_folders(path);
    if (result == CLI_OK) result = check_inside(d, path);
    if (result != CLI_OK) return result;
    if (!file->hashed || !hub_is_file(path, file->size) || !has_hash(path, file)) {
        drop_older_parts(path, part);
        result = hub_cached(d->h, d->repo, file, blob) ? copy_file(blob, part, path)
                                                       : hub_fetch(d->h, d->repo, file, part, path);
    }
    struct stat about;
    if (result == CLI_OK && !stat(path, &about)) d->bytes += (uint64_t)about.st_size;
    d->files++;
    return result;
}

static int run(hub *h, hub_repo *repo, const char *folder, const char *const *include) {
    char below[HUB_PATH];
    int lock;
    if (!hub_path(below, "%s/.", folder)) return CLI_FAILED;
    int result = hub_make_folders(below);
    if (result == CLI_OK) result = hub_lock(folder, h->http.quiet, &lock);
    if (result != CLI_OK) return result;
    download d = {h, repo, folder, realpath(folder, NULL), 0, 0};
    result = d.root ? hub_get(h, repo, HUB_CONVERT, include, place_in_folder, &d)
                    : cli_fail("%s: IO: %s", folder, strerror(errno));
    hub_unlock(lock);
    free(d.root);
    if (result != CLI_OK) return result;
    printf("{\"repository\":\"%s\",\"commit\":\"%s\",\"folder\":", repo->id, repo->commit);
    cli_put_string(cli_span(folder));
    printf(",\"files\":%zu,\"bytes\":%" PRIu64 "}\n", d.files, d.bytes);
    return CLI_OK;
}

int cli_download(char **arguments, int count) {
    const char *revision = NULL, *token = NULL, *endpoint = NULL, *include[CLI_MOST + 1] = {NULL};
    bool quiet = false;
    const cli_option options[] = {
        {"--revision", CLI_TEXT, &revision, NULL}, {"--include", CLI_TEXTS, include, NULL},
        {"--token", CLI_TEXT, &token, NULL},       {"--endpoint", CLI_TEXT, &endpoint, NULL},
        {"--quiet", CLI_FLAG, &quiet, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count != 2) return cli_usage("download REPO DIR");
    if (!hub_is_id(arguments[0]))
        return cli_usage("download: \"%s\" is no name of a repository: owner/name", arguments[0]);
    hub h;
    hub_repo repo;
    result = hub_open(&h);
    h.http.quiet |= quiet;
    if (result == CLI_OK && endpoint) result = hub_set_endpoint(&h, endpoint);
    if (result == CLI_OK && token) result = hub_set_token(&h, token);
    if (result == CLI_OK && h.offline)
        result = cli_fail("%s: HTTP: HF_HUB_OFFLINE forbids downloads", arguments[0]);
    if (result == CLI_OK) {
        result = hub_list(&h, arguments[0], revision, &repo);
        if (result == CLI_OK) {
            result = run(&h, &repo, arguments[1], include);
            hub_repo_close(&repo);
        } else {
            cli_fail("%s: %s", arguments[0], h.http.message);
        }
    }
    hub_close(&h);
    return result;
}
