// SPDX-License-Identifier: MIT OR Apache-2.0
// A model's folder as the library wants it: the files that matter, mapped and not copied. Links
// stay inside the folder, or lead to the blobs of the hub cache that the folder is a snapshot of.
#include "hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILES = 8192 };

// Weights, configurations, vocabularies: by their names alone. The last two are convert's.
static bool matters(const cli_folder *folder, const char *name) {
    static const char *const ends[] = {".json",  ".txt", ".safetensors", ".model",
                                       ".jinja", ".bin", ".gguf"};
    size_t count = sizeof ends / sizeof *ends - (folder->foreign ? 0 : 2);
    for (size_t i = 0; name[0] != '.' && i < count; i++)
        if (hub_ends_with(name, ends[i])) return true;
    return false;
}

static char *join(const char *folder, const char *name) {
    size_t n = strlen(folder), m = strlen(name);
    char *path = malloc(n + m + 2);
    if (!path) return NULL;
    memcpy(path, folder, n);
    path[n] = '/';
    memcpy(path + n + (n > 0), name, m + 1);
    return path;
}

static bool is_inside(const char *path, const char *folder) {
    size_t n = folder ? strlen(folder) : 0;
    return folder && !strncmp(path, folder, n) && (path[n] == '/' || (n && folder[n - 1] == '/'));
}

// A snapshot of the hub cache, …/snapshots/REVISION, has its bytes in …/blobs.
static char *blobs_of(const char *root) {
    const char *revision = strrchr(root, '/');
    static const char parent[] = "/snapshots";
    size_t n = revision ? (size_t)(revision - root) : 0;
    if (n < sizeof parent || strncmp(revision - (sizeof parent - 1), parent, sizeof parent - 1))
        return NULL;
    char *blobs = malloc(n + 1);
    if (!blobs) return NULL;
    memcpy(blobs, root, n);
    strcpy(blobs + n - (sizeof parent - 1), "/blobs");
    return blobs;
}

static int check_link(const cli_folder *folder, const char *path) {
    char *real = realpath(path, NULL);
    if (!real) return cli_fail("%s: IO: %s", path, strerror(errno));
    bool inside = is_inside(real, folder->root) || is_inside(real, folder->blobs);
    free(real);
    return inside ? CLI_OK
                  : cli_fail("%s: PATH: a link that leads out of the model's folder", path);
}

static int map_file(const char *path, wm_span *bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not keep us waiting
    struct stat about;
    if (fd < 0 || fstat(fd, &about)) {
        int reason = errno;
        if (fd >= 0) close(fd);
        return cli_fail("%s: IO: %s", path, strerror(reason));
    }
    static const uint8_t nothing[1];
    void *mapped = (void *)(uintptr_t)nothing;
    bool regular = S_ISREG(about.st_mode), fits = (uint64_t)about.st_size <= SIZE_MAX;
    if (regular && fits && about.st_size > 0)
        mapped = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int reason = errno;
    close(fd);
    if (!regular) return cli_fail("%s: IO: not a regular file", path);
    if (!fits || mapped == MAP_FAILED)
        return cli_fail("%s: IO: cannot be mapped: %s", path, strerror(reason));
    *bytes = (wm_span){mapped, (size_t)about.st_size};
    return CLI_OK;
}

// Takes over `relative`, the file's path in the repository.
static int add_file(cli_folder *folder, char *relative, const char *path, bool is_link) {
    if (folder->count == folder->capacity) {
        size_t capacity = folder->capacity ? 2 * folder->capacity : 32;
        wm_source *files =
            capacity > MAX_FILES ? NULL : realloc(folder->files, capacity * sizeof *files);
        if (!files) {
            free(relative);
            return cli_fail("%s: LIMIT: more than %d files", folder->root, MAX_FILES);
        }
        folder->files = files;
        folder->capacity = capacity;
    }
    wm_span bytes = {NULL, 0};
    int result = is_link ? check_link(folder, path) : CLI_OK;
    if (result == CLI_OK) result = map_file(path, &bytes);
    if (result != CLI_OK) {
        free(relative);
        return result;
    }
    folder->files[folder->count++] = (wm_source){cli_span(relative), bytes};
    return CLI_OK;
}

static int scan(cli_folder *folder, const char *under);

static int scan_entry(cli_folder *folder, const char *under, const char *name) {
    char *relative = join(under, name), *path = relative ? join(folder->root, relative) : NULL;
    struct stat about;
    int result = CLI_OK;
    if (!path)
        result = cli_fail("%s: NOMEM: no memory", folder->root);
    else if (lstat(path, &about))
        result = cli_fail("%s: IO: %s", path, strerror(errno));
    else if (S_ISDIR(about.st_mode) && !*under)
        result = scan(folder, relative);
    else if (!S_ISDIR(about.st_mode) && matters(folder, name)) {
        result = add_file(folder, relative, path, S_ISLNK(about.st_mode));
        relative = NULL;
    } else if (!*under && !folder->other &&
               ((!strncmp(name, "pytorch_model", 13) && hub_ends_with(name, ".bin")) ||
                hub_ends_with(name, ".gguf"))) {
        folder->other = relative;
        relative = NULL;
    }
    free(relative);
    free(path);
    return result;
}

// The files of the root and of the folders in it (1_Pooling, 2_Dense): none lies deeper.
static int scan(cli_folder *folder, const char *under) {
    char *path = join(folder->root, under);
    DIR *directory = path ? opendir(path) : NULL;
    if (!directory) {
        int result = *under ? CLI_OK : cli_fail("%s: IO: %s", folder->root, strerror(errno));
        free(path);
        return result;
    }
    int result = CLI_OK;
    for (struct dirent *entry; result == CLI_OK && (entry = readdir(directory));)
        if (entry->d_name[0] != '.') result = scan_entry(folder, under, entry->d_name);
    closedir(directory);
    free(path);
    return result;
}

// A file by itself, which brings all that belongs to it.
static int open_file(cli_folder *folder, const char *path) {
    const char *slash = strrchr(path, '/');
    char *name = strdup(slash ? slash + 1 : path);
    if (!name) return cli_fail("%s: NOMEM: no memory", path);
    int result = add_file(folder, name, path, false);
    if (result != CLI_OK) cli_folder_close(folder);
    return result;
}

static int open_folder(cli_folder *folder, const char *model, hub_need need) {
    *folder = (cli_folder){.foreign = need == HUB_CONVERT};
    char path[HUB_PATH];
    struct stat about;
    int result = hub_find_model(model, NULL, need, path);
    if (result != CLI_OK) return result;
    if (stat(path, &about)) return cli_fail("%s: IO: %s", path, strerror(errno));
    if (S_ISREG(about.st_mode) && folder->foreign) return open_file(folder, path);
    if (!S_ISDIR(about.st_mode))
        return cli_fail("%s: IO: not a folder: wasmicro convert makes one of a file", path);
    folder->root = realpath(path, NULL);
    if (!folder->root) return cli_fail("%s: IO: %s", path, strerror(errno));
    folder->blobs = blobs_of(folder->root);
    result = scan(folder, "");
    if (result != CLI_OK) cli_folder_close(folder);
    return result;
}

int cli_folder_open(cli_folder *folder, const char *model) {
    return open_folder(folder, model, HUB_TOKENIZER);
}

int cli_folder_open_weights(cli_folder *folder, const char *model) {
    return open_folder(folder, model, HUB_RUN);
}

int cli_folder_open_any(cli_folder *folder, const char *path) {
    return open_folder(folder, path, HUB_CONVERT);
}

void cli_folder_close(cli_folder *folder) {
    for (size_t i = 0; i < folder->count; i++) {
        wm_source *file = &folder->files[i];
        if (file->bytes.n) munmap((void *)(uintptr_t)file->bytes.p, file->bytes.n);
        free((void *)(uintptr_t)file->path.p);
    }
    free(folder->files);
    free(folder->root);
    free(folder->blobs);
    free(folder->other);
    *folder = (cli_folder){0};
}

bool cli_has_weights(const cli_folder *folder) {
    return wm_source_find(folder->files, folder->count, "model.safetensors") ||
           wm_source_find(folder->files, folder->count, "model.safetensors.index.json");
}

int cli_model_error(const cli_folder *folder, const char *path, const wm_error *error) {
    if (!folder->other || cli_has_weights(folder)) return cli_error(path, error);
    return cli_fail("%s: UNSUPPORTED: its weights are in %s: wasmicro convert %s DIR rewrites them",
                    path, folder->other, path);
}

int cli_model_open(const char *path, const char *isa, cli_folder *folder, wm_pipeline **pipeline) {
    int result = cli_folder_open_weights(folder, path);
    if (result != CLI_OK) return result;
    wm_error error;
    wm_pipeline_options options = {
        .threads = cli_threads, .size = sizeof options, .isa = isa, .compute = cli_compute()};
    if (wm_pipeline_open(pipeline, folder->files, folder->count, &options, &error) == WM_OK)
        return CLI_OK;
    result = cli_model_error(folder, path, &error);
    cli_folder_close(folder);
    return result;
}

void cli_model_close(cli_folder *folder, wm_pipeline *pipeline) {
    wm_pipeline_close(pipeline);
    cli_folder_close(folder);
}
