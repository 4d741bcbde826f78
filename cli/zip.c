// SPDX-License-Identifier: MIT OR Apache-2.0
// A zip's central directory, the 64-bit form included. Files that are packed or encrypted are
// refused: torch.save writes neither.
#include "weights.h"

enum { END = 22, END64 = 56, LOCATOR = 20, CENTRAL = 46, LOCAL = 30, MAX_ENTRIES = 1 << 17 };

typedef struct reader {
    wm_span bytes, path;
    wm_error *error;
} reader;

static wm_status broken(const reader *r, wm_status status, uint64_t offset, const char *what) {
    return wm_fail(r->error, status, offset, "%s: zip: %z", &r->path, what);
}

// n bytes at `at`, or NULL.
static const uint8_t *at(const reader *r, uint64_t offset, uint64_t n) {
    return offset <= r->bytes.n && n <= r->bytes.n - offset ? r->bytes.p + offset : NULL;
}

static bool is(const uint8_t *p, const char *signature) {
    return p && memcmp(p, signature, 4) == 0;
}

// The end record, before a comment of at most 64 KB.
static const uint8_t *find_end(const reader *r) {
    for (uint64_t back = END; back <= END + 0xFFFF && back <= r->bytes.n; back++) {
        const uint8_t *p = r->bytes.p + (r->bytes.n - back);
        if (is(p, "PK\5\6") && wm_read_u16(p + 20) == back - END) return p;
    }
    return NULL;
}

static wm_status find_directory(const reader *r, uint64_t *start, uint64_t *size, uint64_t *count) {
    const uint8_t *end = find_end(r);
    if (!end) return broken(r, WM_ERROR_TRUNC, r->bytes.n, "no central directory at the end");
    uint64_t place = (uint64_t)(end - r->bytes.p);
    *count = wm_read_u16(end + 10);
    *size = wm_read_u32(end + 12);
    *start = wm_read_u32(end + 16);
    const uint8_t *locator = place >= LOCATOR ? end - LOCATOR : NULL;
    if (!is(locator, "PK\6\7")) return WM_OK;
    const uint8_t *end64 = at(r, wm_read_u64(locator + 8), END64);
    if (!is(end64, "PK\6\6")) return broken(r, WM_ERROR_FORMAT, place, "no 64-bit end record");
    *count = wm_read_u64(end64 + 32);
    *size = wm_read_u64(end64 + 40);
    *start = wm_read_u64(end64 + 48);
    return WM_OK;
}

// What does not fit in 32 bits stands in the extra field 1, in this order and only if it is needed.
static bool read_zip64(const uint8_t *extra, size_t n, uint64_t numbers[3]) {
    while (n >= 4) {
        uint16_t id = wm_read_u16(extra), size = wm_read_u16(extra + 2);
        if (size > n - 4) return false;
        size_t used = 0;
        for (int i = 0; id == 1 && i < 3; i++) {
            if (numbers[i] != UINT32_MAX) continue;
            if (size - used < 8) return false;
            numbers[i] = wm_read_u64(extra + 4 + used);
            used += 8;
        }
        if (id == 1) return true;
        extra += 4 + size;
        n -= 4 + size;
    }
    return true;
}

static wm_status read_entry(const reader *r, const uint8_t *p, uint64_t left, zip_entry *entry,
                            uint64_t *used) {
    uint64_t place = (uint64_t)(p - r->bytes.p);
    if (left < CENTRAL || !is(p, "PK\1\2"))
        return broken(r, WM_ERROR_FORMAT, place, "no entry of the central directory");
    uint16_t name = wm_read_u16(p + 28), extra = wm_read_u16(p + 30);
    *used = (uint64_t)CENTRAL + name + extra + wm_read_u16(p + 32);
    if (*used > left) return broken(r, WM_ERROR_TRUNC, place, "an entry's name");
    if (wm_read_u16(p + 10) != 0 || wm_read_u16(p + 8) & 0x2041)
        return broken(r, WM_ERROR_UNSUPPORTED, place, "a packed or encrypted file");
    uint64_t numbers[3] = {wm_read_u32(p + 24), wm_read_u32(p + 20), wm_read_u32(p + 42)};
    if (!read_zip64(p + CENTRAL + name, extra, numbers))
        return broken(r, WM_ERROR_FORMAT, place, "an extra field");
    const uint8_t *local = at(r, numbers[2], LOCAL);
    if (!is(local, "PK\3\4")) return broken(r, WM_ERROR_FORMAT, place, "no local header");
    uint64_t data = LOCAL + (uint64_t)wm_read_u16(local + 26) + wm_read_u16(local + 28);
    if (numbers[0] != numbers[1] || !wm_add(data, numbers[2], &data) || !at(r, data, numbers[0]))
        return broken(r, WM_ERROR_TRUNC, place, "a file that is not there whole");
    *entry = (zip_entry){{p + CENTRAL, name}, {r->bytes.p + data, (size_t)numbers[0]}};
    return WM_OK;
}

static int by_name(const void *a, const void *b) {
    const zip_entry *x = a, *y = b;
    size_t n = WM_MIN(x->name.n, y->name.n);
    int difference = n ? memcmp(x->name.p, y->name.p, n) : 0;
    return difference ? difference : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

wm_status zip_read(zip *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error) {
    reader r = {bytes, path, error};
    uint64_t start = 0, size = 0, count = 0, used = 0;
    *to = (zip){0};
    WM_TRY(find_directory(&r, &start, &size, &count));
    const uint8_t *p = at(&r, start, size);
    if (!p || count > size / CENTRAL)
        return broken(&r, WM_ERROR_TRUNC, start, "the central directory");
    if (count > MAX_ENTRIES) return broken(&r, WM_ERROR_LIMIT, start, "too many files");
    WM_TRY(WM_ALLOC(arena, to->entries, count, error));
    for (; to->count < count; p += used, size -= used)
        WM_TRY(read_entry(&r, p, size, &to->entries[to->count++], &used));
    qsort(to->entries, to->count, sizeof *to->entries, by_name);
    for (size_t i = 1; i < to->count; i++)
        if (wm_span_equal(to->entries[i].name, to->entries[i - 1].name))
            return wm_fail(error, WM_ERROR_DUP, 0, "%s: zip: %s is there twice", &path,
                           &to->entries[i].name);
    return WM_OK;
}

// The order of `folder` + `under` + `name` against an entry's name.
static int compare_parts(const wm_span *parts, wm_span name) {
    for (int i = 0; i < 3; i++) {
        size_t n = WM_MIN(parts[i].n, name.n);
        int difference = n ? memcmp(parts[i].p, name.p, n) : 0;
        if (difference || n < parts[i].n) return difference ? difference : 1;
        name = (wm_span){name.p + n, name.n - n};
    }
    return name.n ? -1 : 0;
}

const zip_entry *zip_find(const zip *from, wm_span folder, const char *under, wm_span name) {
    const wm_span parts[3] = {folder, wm_span_of(under), name};
    size_t low = 0, high = from->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int difference = compare_parts(parts, from->entries[middle].name);
        if (!difference) return &from->entries[middle];
        if (difference < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
