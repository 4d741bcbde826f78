// SPDX-License-Identifier: MIT OR Apache-2.0
// torch.save's files: a pickle that names tensors as views of storages, and the storages.
#include "../src/load/tensors.h"
#include "weights.h"

typedef struct torch_file {
    wm_span bytes, path;
    wm_arena *arena;
    wm_error *error;
} torch_file;

static wm_status broken(const torch_file *f, wm_status status, wm_span name, const char *what) {
    return wm_fail(f->error, status, 0, "%s: tensor %s: %z", &f->path, &name, what);
}

// One number after another, or with gaps: none may be read twice, or a small file could ask for any
// size.
static wm_status lay_out(const torch_file *f, const pickle_tensor *from, weight *to) {
    uint64_t size = wm_dtype_bits(from->dtype) / 8, count = 1, last = from->offset, far, bytes;
    bool dense = true;
    for (uint32_t i = from->rank; i-- > 0;) {
        dense = dense && (from->shape[i] == 1 || from->strides[i] == count);
        if (!wm_mul(count, from->shape[i], &count))
            return broken(f, WM_ERROR_OVERFLOW, from->name, "its shape");
    }
    for (uint32_t i = 0; count && i < from->rank; i++)
        if (!wm_mul(from->shape[i] - 1, from->strides[i], &far) || !wm_add(last, far, &last))
            return broken(f, WM_ERROR_OVERFLOW, from->name, "its strides");
    if (count > from->numbers || (count && last >= from->numbers))
        return broken(f, WM_ERROR_SHAPE, from->name, "it is larger than its storage");
    if (!wm_mul(count, size, &bytes) || bytes > SIZE_MAX)
        return broken(f, WM_ERROR_OVERFLOW, from->name, "its size");
    *to = (weight){.tensor = {.name = from->name,
                              .dtype = from->dtype,
                              .rank = from->rank,
                              .bytes = {NULL, (size_t)bytes}}};
    memcpy(to->tensor.shape, from->shape, sizeof from->shape);
    to->strided = !dense && count;
    memcpy(to->strides, from->strides, sizeof from->strides);
    return WM_OK;
}

// The tensor's numbers in its storage.
static wm_status place(const torch_file *f, const pickle_tensor *from, wm_span storage,
                       weight *to) {
    uint64_t size = wm_dtype_bits(from->dtype) / 8;
    WM_TRY(lay_out(f, from, to));
    if (from->numbers > storage.n / size)
        return broken(f, WM_ERROR_TRUNC, from->name, "its storage is not there whole");
    uint64_t start = to->tensor.bytes.n ? from->offset * size : 0;
    to->stored = (wm_span){storage.p + start, storage.n - (size_t)start};
    if (!to->strided) to->tensor.bytes.p = to->stored.p;
    return WM_OK;
}

static wm_status check_order(const torch_file *f, const zip *files, wm_span folder) {
    const zip_entry *order = zip_find(files, folder, "byteorder", (wm_span){NULL, 0});
    if (!order || wm_span_is(order->bytes, "little")) return WM_OK;
    return wm_fail(f->error, WM_ERROR_UNSUPPORTED, 0, "%s: saved by a big-endian machine",
                   &f->path);
}

static wm_status read_zip(const torch_file *f, weights *to) {
    zip files;
    wm_span folder = {NULL, 0};
    const zip_entry *pickle = NULL;
    pickle_tensor *tensors = NULL;
    size_t used;
    WM_TRY(zip_read(&files, f->bytes, f->path, f->arena, f->error));
    for (size_t i = 0; i < files.count && !pickle; i++) {
        wm_span name = files.entries[i].name;
        if (name.n < 9 || memcmp(name.p + name.n - 9, "/data.pkl", 9)) continue;
        folder = (wm_span){name.p, name.n - 8};
        pickle = &files.entries[i];
    }
    if (!pickle)
        return wm_fail(f->error, WM_ERROR_UNSUPPORTED, 0, "%s: a zip without data.pkl: not torch's",
                       &f->path);
    WM_TRY(check_order(f, &files, folder));
    WM_TRY(pickle_read(pickle->bytes, f->path, f->arena, &tensors, &to->count, &used, f->error));
    WM_TRY(WM_ALLOC(f->arena, to->all, to->count, f->error));
    for (size_t i = 0; i < to->count; i++) {
        const zip_entry *storage = zip_find(&files, folder, "data/", tensors[i].key);
        if (!storage) return broken(f, WM_ERROR_MISSING, tensors[i].name, "it has no storage");
        WM_TRY(place(f, &tensors[i], storage->bytes, &to->all[i]));
    }
    return WM_OK;
}

// ---- The form before 1.6: five pickles, then the storages ---------------------------------------

typedef struct old_storage {
    wm_span key, bytes;
} old_storage;

static int by_key(const void *a, const void *b) {
    const old_storage *x = a, *y = b;
    size_t n = WM_MIN(x->key.n, y->key.n);
    int difference = n ? memcmp(x->key.p, y->key.p, n) : 0;
    return difference ? difference : (x->key.n > y->key.n) - (x->key.n < y->key.n);
}

static wm_span rest(wm_span bytes, size_t used) {
    return (wm_span){bytes.p + used, bytes.n - used};
}

// Each storage: how many numbers, and they. What one of them is, only its tensors know.
static wm_status read_storages(const torch_file *f, wm_span bytes, const wm_span *keys,
                               size_t count, const pickle_tensor *tensors, size_t tensor_count,
                               old_storage *storages) {
    // By key: of any tensor with that storage.
    old_storage *known;
    WM_TRY(WM_ALLOC(f->arena, known, tensor_count, f->error));
    for (size_t i = 0; i < tensor_count; i++)
        known[i] = (old_storage){tensors[i].key, {(const uint8_t *)&tensors[i], 0}};
    qsort(known, tensor_count, sizeof *known, by_key);
    for (size_t i = 0; i < count; i++) {
        old_storage wanted = {keys[i], {NULL, 0}};
        const old_storage *found = bsearch(&wanted, known, tensor_count, sizeof wanted, by_key);
        if (!found || bytes.n < 8)
            return wm_fail(f->error, found ? WM_ERROR_TRUNC : WM_ERROR_UNSUPPORTED, 0,
                           "%s: storage %s %z", &f->path, &keys[i],
                           found ? "is not there whole" : "is no tensor's");
        const pickle_tensor *tensor = (const void *)found->bytes.p;
        uint64_t n = wm_read_u64(bytes.p), size = wm_dtype_bits(tensor->dtype) / 8;
        bytes = rest(bytes, 8);
        if (n > bytes.n / size)
            return wm_fail(f->error, WM_ERROR_TRUNC, 0, "%s: storage %s is not there whole",
                           &f->path, &keys[i]);
        storages[i] = (old_storage){keys[i], {bytes.p, (size_t)(n * size)}};
        bytes = rest(bytes, (size_t)(n * size));
    }
    qsort(storages, count, sizeof *storages, by_key);
    return WM_OK;
}

static wm_status read_old(const torch_file *f, weights *to) {
    wm_span bytes = f->bytes, *keys = NULL;
    pickle_tensor *tensors = NULL;
    size_t used = 0, count = 0;
    old_storage *storages;
    for (int i = 0; i < 4; i++) { // magic number, version, the machine's sizes, the dictionary
        wm_mark mark = wm_arena_mark(f->arena);
        WM_TRY(pickle_read(bytes, f->path, f->arena, &tensors, &to->count, &used, f->error));
        bytes = rest(bytes, used);
        if (i < 3) wm_arena_reset(f->arena, mark);
    }
    WM_TRY(pickle_read_keys(bytes, f->path, f->arena, &keys, &count, &used, f->error));
    WM_TRY(WM_ALLOC(f->arena, storages, count, f->error));
    WM_TRY(read_storages(f, rest(bytes, used), keys, count, tensors, to->count, storages));
    WM_TRY(WM_ALLOC(f->arena, to->all, to->count, f->error));
    for (size_t i = 0; i < to->count; i++) {
        old_storage wanted = {tensors[i].key, {NULL, 0}};
        const old_storage *found = bsearch(&wanted, storages, count, sizeof wanted, by_key);
        if (!found) return broken(f, WM_ERROR_MISSING, tensors[i].name, "it has no storage");
        WM_TRY(place(f, &tensors[i], found->bytes, &to->all[i]));
    }
    return WM_OK;
}

wm_status torch_read(weights *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error) {
    torch_file f = {bytes, path, arena, error};
    *to = (weights){0};
    if (bytes.n >= 4 && !memcmp(bytes.p, "PK\3\4", 4)) {
        WM_TRY(read_zip(&f, to));
    } else {
        wm_status status = wm_magic_check(bytes, path, error);
        bool pickle = bytes.n > 1 && bytes.p[0] == 0x80;
        if (status != WM_OK && !pickle) return status; // a page, an LFS pointer, ONNX
        if (!pickle)
            return wm_fail(error, WM_ERROR_FORMAT, 0,
                           "%s: no weights: not of torch.save, safetensors or GGUF", &path);
        WM_TRY(read_old(&f, to));
    }
    if (to->count) return WM_OK;
    return wm_fail(error, WM_ERROR_MISSING, 0, "%s: no dictionary of tensors", &path);
}

// ---- Numbers -----------------------------------------------------------------------------------

// Row by row through the strides: the last dimension inside, the others as an odometer.
static void gather(const weight *w, uint64_t first, uint64_t rows, uint8_t *to) {
    const wm_tensor *t = &w->tensor;
    uint64_t size = wm_dtype_bits(t->dtype) / 8, index[WM_MAX_RANK] = {first};
    uint64_t count = rows, at = first * w->strides[0];
    for (uint32_t i = 1; i < t->rank; i++) count *= t->shape[i];
    for (; count; count--, to += size) {
        memcpy(to, w->stored.p + at * size, size);
        for (uint32_t i = t->rank; i-- > 0;) {
            at += w->strides[i];
            if (++index[i] < t->shape[i] || i == 0) break;
            at -= w->strides[i] * t->shape[i];
            index[i] = 0;
        }
    }
}

// GGUF's llama files have the two halves of each head's rows of q and k by turns.
static uint64_t stored_row(const weight *w, uint64_t row) {
    if (!w->heads) return row;
    uint64_t head = w->tensor.shape[0] / w->heads, in_head = row % head;
    return row - in_head + 2 * (in_head % (head / 2)) + in_head / (head / 2);
}

// A turned matrix of blocks: some columns of what is stored, whose rows are in blocks.
static void gather_blocks(const weight *w, uint64_t first, uint64_t rows, float *to) {
    uint64_t cols = w->tensor.shape[1], row = w->stored.n / cols;
    uint32_t size, numbers = gguf_block(w->type, &size);
    float block[256];
    for (uint64_t col = 0; col < cols; col++) {
        const uint8_t *from = w->stored.p + col * row;
        for (uint64_t at = first / numbers * numbers; at < first + rows; at += numbers) {
            gguf_numbers(w->type, from + at / numbers * size, numbers, block);
            for (uint64_t i = WM_MAX(at, first); i < WM_MIN(at + numbers, first + rows); i++)
                to[(i - first) * cols + col] = block[i - at];
        }
    }
}

void weight_rows(const weight *w, uint64_t first, uint64_t rows, void *numbers) {
    const wm_tensor *t = &w->tensor;
    uint8_t *to = numbers;
    uint64_t all = t->rank ? t->shape[0] : 1, row = all ? t->bytes.n / all : 0;
    if (t->bytes.p) {
        memcpy(to, t->bytes.p + first * row, (size_t)(rows * row));
    } else if (w->strided && w->type) {
        gather_blocks(w, first, rows, numbers);
    } else if (w->strided) {
        gather(w, first, rows, to);
    } else {
        uint64_t stored = w->stored.n / all;
        for (uint64_t i = 0; i < rows; i++, to += row) {
            const uint8_t *from = w->stored.p + stored_row(w, first + i) * stored;
            if (w->type)
                gguf_numbers(w->type, from, row / sizeof(float), (float *)(void *)to);
            else
                memcpy(to, from, row);
        }
    }
}
