// SPDX-License-Identifier: MIT OR Apache-2.0
// The collection: tensors by name, the shards of an index, and what a file is when it is no
// safetensors.
#include "tensors.h"

#include "../base/json.h"

#define INDEX_FILE "model.safetensors.index.json"

// ---- Order and names ---------------------------------------------------------------------------

// Heapsort: no recursion, no bad case.
void wm_tensors_order(uint32_t *order, uint32_t count, const wm_tensor *const *all,
                      wm_tensor_less *less) {
    for (uint32_t i = 0; i < count; i++) order[i] = i;
    for (uint32_t start = count / 2, end = count; end > 1;) {
        if (start) {
            start--;
        } else {
            end--;
            uint32_t last = order[end];
            order[end] = order[0];
            order[0] = last;
        }
        uint32_t parent = start, moved = order[start];
        for (uint32_t child; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && less(all[order[child]], all[order[child + 1]])) child++;
            if (!less(all[moved], all[order[child]])) break;
            order[parent] = order[child];
        }
        order[parent] = moved;
    }
}

static int compare_spans(wm_span a, wm_span b) {
    size_t n = WM_MIN(a.n, b.n);
    int difference = n ? memcmp(a.p, b.p, n) : 0;
    return difference ? difference : (a.n > b.n) - (a.n < b.n);
}

static bool named_before(const wm_tensor *a, const wm_tensor *b) {
    return compare_spans(a->name, b->name) < 0;
}

wm_status wm_tensors_sort(wm_tensors *tensors, wm_arena *arena, wm_error *error) {
    uint32_t *order;
    WM_TRY(WM_ALLOC(arena, order, tensors->count, error));
    wm_tensors_order(order, tensors->count, tensors->all, named_before);
    tensors->by_name = order;
    for (uint32_t i = 1; i < tensors->count; i++) {
        const wm_tensor *tensor = tensors->all[order[i]];
        if (wm_span_equal(tensor->name, tensors->all[order[i - 1]]->name))
            return wm_fail(error, WM_ERROR_DUP, 0, "tensor %s is there twice", &tensor->name);
    }
    return WM_OK;
}

uint32_t wm_tensors_index(const wm_tensors *tensors, wm_span name) {
    uint32_t low = 0, high = tensors->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2, index = tensors->by_name[middle];
        int difference = compare_spans(name, tensors->all[index]->name);
        if (!difference) return index;
        if (difference < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return tensors->count;
}

// ---- Paths -------------------------------------------------------------------------------------

// CON, nul.txt, COM1, …: Windows opens a device by these, in any folder.
static bool is_device_name(wm_span segment) {
    static const char devices[] = "con\0prn\0aux\0nul\0com\0lpt";
    size_t n = 0;
    while (n < segment.n && segment.p[n] != '.') n++;
    bool numbered = n == 4 && segment.p[3] >= '0' && segment.p[3] <= '9';
    if (n != 3 && !numbered) return false;
    for (size_t at = numbered ? 16 : 0; at < (numbered ? 24u : 16u); at += 4)
        if (wm_letters_equal(segment.p, devices + at, 3)) return true;
    return false;
}

static bool is_safe_segment(wm_span segment) {
    if (!segment.n || segment.n > 255 || wm_span_is(segment, ".") || wm_span_is(segment, ".."))
        return false;
    for (size_t i = 0; i < segment.n; i++) {
        uint8_t byte = segment.p[i];
        if (byte < 0x20 || byte == 0x7F || byte == '\\' || byte == ':' || byte == '%') return false;
    }
    return !is_device_name(segment);
}

wm_status wm_path_check(wm_span path, const char *file, wm_error *error) {
    for (size_t start = 0, end = 0; end <= path.n; end++) {
        if (end < path.n && path.p[end] != '/') continue;
        if (!is_safe_segment((wm_span){path.p + start, end - start}))
            return wm_fail(error, WM_ERROR_PATH, 0,
                           "%z names a file outside the repository: \"%s\"", file, &path);
        start = end + 1;
    }
    return WM_OK;
}

// ---- Repositories without safetensors ----------------------------------------------------------

// The repository has no safetensors: says what it has instead.
static wm_status no_weights(const wm_source *files, size_t file_count, wm_error *error) {
    static const struct {
        const char *path, *what, *hint;
    } others[] = {
        {"pytorch_model.bin", "a PyTorch pickle", WM_MAGIC_CONVERT},
        {"pytorch_model.bin.index.json", "a PyTorch pickle", WM_MAGIC_CONVERT},
        {"model.onnx", "an ONNX model", WM_MAGIC_ORIGINAL},
        {"onnx/model.onnx", "an ONNX model", WM_MAGIC_ORIGINAL},
        {"tf_model.h5", "an HDF5 (Keras) file", WM_MAGIC_ORIGINAL},
        {"flax_model.msgpack", "a Flax model", WM_MAGIC_ORIGINAL},
    };
    for (size_t i = 0; i < WM_COUNT(others); i++) {
        const wm_source *file = wm_source_find(files, file_count, others[i].path);
        if (!file) continue;
        return wm_magic_fail(error, WM_ERROR_UNSUPPORTED, file->path, others[i].what,
                             others[i].hint);
    }
    for (size_t i = 0; i < file_count; i++)
        if (files[i].bytes.n >= 4 && memcmp(files[i].bytes.p, "GGUF", 4) == 0)
            return wm_magic_check(files[i].bytes, files[i].path, error);
    return wm_fail(error, WM_ERROR_MISSING, 0, "model.safetensors and " INDEX_FILE " are missing");
}

// ---- Shards ------------------------------------------------------------------------------------

typedef struct shard_reader {
    const wm_source *files;
    size_t file_count;
    uint8_t *used; // [file_count]: the file is a shard
    wm_arena *arena;
    wm_error *error;
} shard_reader;

static wm_status index_fail(const shard_reader *r, wm_status status, const char *what) {
    return wm_fail(r->error, status, 0, INDEX_FILE ": %z", what);
}

// A string of the index: a view, or decoded in the arena.
static wm_status index_string(const shard_reader *r, wm_json value, wm_span *text) {
    WM_TRY(wm_json_text(value, r->arena, text, r->error));
    return text->p ? WM_OK : index_fail(r, WM_ERROR_FORMAT, "a shard's name is not a string");
}

// The shard's place in `files`. Its neighbour in the index mostly has the same: `guess`.
static wm_status find_shard(const shard_reader *r, wm_json value, size_t *guess) {
    wm_mark mark = wm_arena_mark(r->arena);
    wm_span path;
    WM_TRY(index_string(r, value, &path));
    if (!wm_span_equal(path, r->files[*guess].path)) {
        WM_TRY(wm_path_check(path, INDEX_FILE, r->error));
        size_t i = 0;
        while (i < r->file_count && !wm_span_equal(path, r->files[i].path)) i++;
        if (i == r->file_count)
            return wm_fail(r->error, WM_ERROR_MISSING, 0, "%s is missing: " INDEX_FILE " names it",
                           &path);
        *guess = i;
    }
    wm_arena_reset(r->arena, mark);
    return WM_OK;
}

// Marks the files that are shards; *count = how many.
static wm_status mark_shards(const shard_reader *r, wm_json map, uint32_t *count) {
    size_t shard = 0;
    if (wm_json_count(map) > WM_LIMIT_TENSORS)
        return index_fail(r, WM_ERROR_LIMIT, "too many tensors");
    memset(r->used, 0, r->file_count);
    *count = 0;
    for (wm_json_iter i = wm_json_each(map); wm_json_next(&i);) {
        WM_TRY(find_shard(r, i.value, &shard));
        if (r->used[shard]) continue;
        r->used[shard] = 1;
        if (++*count > WM_LIMIT_SHARDS) return index_fail(r, WM_ERROR_LIMIT, "too many shards");
    }
    return WM_OK;
}

// All shards' tensors as one collection.
static wm_status join_shards(const shard_reader *r, uint32_t shard_count, wm_tensors *tensors) {
    wm_tensors *shards;
    const wm_tensor **all;
    uint64_t count = 0;
    uint32_t filled = 0;
    *tensors = (wm_tensors){0};
    WM_TRY(WM_ALLOC(r->arena, shards, shard_count, r->error));
    for (size_t i = 0; i < r->file_count; i++) {
        if (!r->used[i]) continue;
        WM_TRY(wm_tensors_read(&shards[filled], r->files[i].bytes, r->files[i].path, r->arena,
                               r->error));
        count += shards[filled].count;
        tensors->bytes += shards[filled++].bytes;
        if (count > WM_LIMIT_TENSORS) return index_fail(r, WM_ERROR_LIMIT, "too many tensors");
    }
    WM_TRY(WM_ALLOC(r->arena, all, count, r->error));
    for (uint32_t i = 0; i < shard_count; i++)
        for (uint32_t j = 0; j < shards[i].count; j++) all[tensors->count++] = shards[i].all[j];
    tensors->all = all;
    return wm_tensors_sort(tensors, r->arena, r->error);
}

// Each tensor of the index is in the shard that it names.
static wm_status check_index(const shard_reader *r, wm_json map, const wm_tensors *tensors) {
    size_t shard = 0;
    for (wm_json_iter i = wm_json_each(map); wm_json_next(&i);) {
        wm_mark mark = wm_arena_mark(r->arena);
        wm_span name;
        WM_TRY(find_shard(r, i.value, &shard));
        WM_TRY(index_string(r, i.key, &name));
        wm_span bytes = r->files[shard].bytes;
        uint32_t index = wm_tensors_index(tensors, name);
        const uint8_t *data = index < tensors->count ? tensors->all[index]->bytes.p : NULL;
        if (!data || data < bytes.p || data > bytes.p + bytes.n)
            return wm_fail(r->error, WM_ERROR_MISSING, 0,
                           "tensor %s is not in %s, where " INDEX_FILE " has it", &name,
                           &r->files[shard].path);
        wm_arena_reset(r->arena, mark);
    }
    return WM_OK;
}

static wm_status open_shards(wm_tensors *tensors, wm_span index, const shard_reader *r) {
    wm_json root;
    uint32_t count = 0;
    if (index.n > WM_LIMIT_CONFIG) return index_fail(r, WM_ERROR_LIMIT, "over 16 MB");
    WM_TRY(wm_json_check(index, INDEX_FILE, WM_JSON_PYTHON, &root, r->error));
    wm_json map = wm_json_get(root, "weight_map");
    if (wm_json_type_of(map) != WM_JSON_OBJECT)
        return index_fail(r, WM_ERROR_FORMAT, "no weight_map, or it is not an object");
    WM_TRY(mark_shards(r, map, &count));
    WM_TRY(join_shards(r, count, tensors));
    return check_index(r, map, tensors);
}

wm_status wm_tensors_open(wm_tensors *tensors, const wm_source *files, size_t file_count,
                          wm_arena *arena, wm_error *error) {
    const wm_source *file = wm_source_find(files, file_count, "model.safetensors");
    if (file) return wm_tensors_read(tensors, file->bytes, file->path, arena, error);
    file = wm_source_find(files, file_count, INDEX_FILE);
    if (!file) return no_weights(files, file_count, error);
    WM_TRY(wm_magic_check(file->bytes, file->path, error));
    shard_reader reader = {files, file_count, NULL, arena, error};
    WM_TRY(WM_ALLOC(arena, reader.used, file_count, error));
    return open_shards(tensors, file->bytes, &reader);
}
