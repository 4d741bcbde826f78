// SPDX-License-Identifier: MIT OR Apache-2.0
// What the hub says: a listing of files, the index of shards, and names on their way into addresses
// and paths.
#include "../cli/hub.h"
#include "fuzz.h"

// No name leads out of the folder that it is put under.
static void check_path(const char *path) {
    FUZZ_CHECK(*path && *path != '/' && !strstr(path, "//") && !strchr(path, '\\'));
    FUZZ_CHECK(strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && !strstr(path, "/../"));
    FUZZ_CHECK(!hub_ends_with(path, "/..") && !hub_ends_with(path, "/"));
    for (const char *c = path; *c; c++) FUZZ_CHECK((unsigned char)*c >= 0x20);
}

// An address is one line of plain ASCII under the endpoint.
static void check_url(const char *url) {
    static const char start[] = "https://hub/owner/name/resolve/";
    FUZZ_CHECK(!strncmp(url, start, sizeof start - 1) && !strstr(url, "/../"));
    for (const char *c = url; *c; c++) FUZZ_CHECK(*c > ' ' && *c <= '~' && *c != '?' && *c != '#');
}

static void read_listing(wm_span text) {
    hub h = {.endpoint = "https://hub"};
    hub_repo repo = {.id = "owner/name", .revision = "main"};
    fuzz_host host = fuzz_host_for(8 * text.n);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_error error;
    char url[HUB_PATH];
    bool is_index;
    wm_arena_init(&repo.arena, &allocator);
    wm_status status = hub_read_listing(&repo, text, &error);
    fuzz_check_error(status, &error);
    for (size_t i = 0; status == WM_OK && i < repo.count; i++) {
        const hub_file *file = &repo.files[i];
        check_path(file->path);
        FUZZ_CHECK(!file->etag || (!strchr(file->etag, '/') && file->etag[0] != '.'));
        if (strlen(file->path) < 1000 && hub_url(&h, &repo, file, url)) check_url(url);
        hub_is_small(&repo, file->path);
    }
    if (status == WM_OK) hub_weights(&repo, &is_index);
    hub_repo_close(&repo);
    FUZZ_CHECK(host.live == 0);
}

static void read_shards(wm_span text) {
    fuzz_host host = fuzz_host_for(64 * text.n);
    wm_allocator allocator = fuzz_allocator(&host);
    const char **names;
    size_t count = 0;
    wm_error error;
    wm_arena arena;
    wm_arena_init(&arena, &allocator);
    wm_status status = hub_shards(text, "index.json", &arena, &names, &count, &error);
    fuzz_check_error(status, &error);
    for (size_t i = 0; status == WM_OK && i < count; i++) {
        check_path(names[i]);
        FUZZ_CHECK(!i || strcmp(names[i - 1], names[i]) < 0);
    }
    wm_arena_free(&arena);
    FUZZ_CHECK(host.live == 0);
}

static void check_id(const uint8_t *data, size_t size) {
    char *id = calloc(1, size + 1);
    FUZZ_CHECK(id);
    memcpy(id, data, size);
    if (hub_is_id(id)) check_path(id);
    free(id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    wm_span rest = {data + 1, size - 1};
    switch (data[0]) {
    case 'l': read_listing(rest); break;
    case 's': read_shards(rest); break;
    case 'i': check_id(rest.p, rest.n); break;
    }
    return 0;
}
