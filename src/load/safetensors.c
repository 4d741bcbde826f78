// SPDX-License-Identifier: MIT OR Apache-2.0
// The safetensors container: 8 bytes of header length, the header's JSON, the tensors' data.
// Accepts and refuses what the reference reader (huggingface/safetensors) does, but for names given
// twice, which that one overlooks, NUL in names, and the limits of base.h and rank 8.
#include "../base/json.h"
#include "tensors.h"

static const struct {
    char name[12];
    uint8_t bits;
} dtypes[WM_DTYPE_COUNT] = {
    [WM_DTYPE_BOOL] = {"BOOL", 8},
    [WM_DTYPE_F4] = {"F4", 4},
    [WM_DTYPE_F6_E2M3] = {"F6_E2M3", 6},
    [WM_DTYPE_F6_E3M2] = {"F6_E3M2", 6},
    [WM_DTYPE_U8] = {"U8", 8},
    [WM_DTYPE_I8] = {"I8", 8},
    [WM_DTYPE_F8_E5M2] = {"F8_E5M2", 8},
    [WM_DTYPE_F8_E4M3] = {"F8_E4M3", 8},
    [WM_DTYPE_F8_E8M0] = {"F8_E8M0", 8},
    [WM_DTYPE_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8},
    [WM_DTYPE_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [WM_DTYPE_I16] = {"I16", 16},
    [WM_DTYPE_U16] = {"U16", 16},
    [WM_DTYPE_F16] = {"F16", 16},
    [WM_DTYPE_BF16] = {"BF16", 16},
    [WM_DTYPE_I32] = {"I32", 32},
    [WM_DTYPE_U32] = {"U32", 32},
    [WM_DTYPE_F32] = {"F32", 32},
    [WM_DTYPE_C64] = {"C64", 64},
    [WM_DTYPE_F64] = {"F64", 64},
    [WM_DTYPE_I64] = {"I64", 64},
    [WM_DTYPE_U64] = {"U64", 64},
};

const char *wm_dtype_name(wm_dtype dtype) { return dtypes[dtype].name; }

uint32_t wm_dtype_bits(wm_dtype dtype) { return dtypes[dtype].bits; }

// ---- The header's parts ------------------------------------------------------------------------

typedef struct header_reader {
    wm_span file, header, data, path;
    wm_arena *arena;
    wm_error *error;
    const wm_tensor *tensor; // in work, with its name; or NULL
} header_reader;

static wm_status header_fail(const header_reader *h, wm_status status, const uint8_t *at,
                             const char *what) {
    uint64_t offset = (uint64_t)(at - h->file.p);
    if (!h->tensor) return wm_fail(h->error, status, offset, "%s: %z", &h->path, what);
    return wm_fail(h->error, status, offset, "%s: tensor %s: %z", &h->path, &h->tensor->name, what);
}

static wm_status field_fail(const header_reader *h, wm_status status, const uint8_t *at,
                            const char *what, const char *field) {
    return wm_fail(h->error, status, (uint64_t)(at - h->file.p), "%s: tensor %s: %z %z", &h->path,
                   &h->tensor->name, what, field);
}

// Digits and nothing else, as the reference takes integers; UINT64_MAX where they are more.
static bool header_integer(wm_json value, uint64_t *number) {
    wm_span digits = wm_json_span(value);
    for (size_t i = 0; i < digits.n; i++)
        if (digits.p[i] < '0' || digits.p[i] > '9') return false;
    if (!wm_json_u64(value, number)) *number = UINT64_MAX;
    return true;
}

static wm_status read_name(const header_reader *h, wm_json key, wm_tensor *tensor) {
    wm_span *name = &tensor->name;
    if (wm_json_span(key).n <= 6 * WM_LIMIT_NAME + 2) // all of it \u escapes
        WM_TRY(wm_json_text(key, h->arena, name, h->error));
    if (!name->p || name->n > WM_LIMIT_NAME)
        return header_fail(h, WM_ERROR_LIMIT, key.p, "its name is too long");
    for (size_t i = 0; i < name->n; i++)
        if (!name->p[i]) return header_fail(h, WM_ERROR_FORMAT, key.p, "a NUL in its name");
    return WM_OK;
}

static wm_status read_dtype(const header_reader *h, wm_tensor *tensor, wm_json value) {
    if (wm_json_type_of(value) != WM_JSON_STRING)
        return header_fail(h, WM_ERROR_FORMAT, value.p, "dtype is not a string");
    for (uint32_t i = 0; i < WM_DTYPE_COUNT; i++) {
        if (!wm_json_string_is(value, dtypes[i].name)) continue;
        tensor->dtype = (wm_dtype)i;
        return WM_OK;
    }
    wm_span got = wm_json_span(value);
    return wm_fail(h->error, WM_ERROR_UNSUPPORTED, (uint64_t)(value.p - h->file.p),
                   "%s: tensor %s: unknown dtype %s", &h->path, &tensor->name, &got);
}

static wm_status read_shape(const header_reader *h, wm_tensor *tensor, wm_json value) {
    if (wm_json_type_of(value) != WM_JSON_ARRAY)
        return header_fail(h, WM_ERROR_FORMAT, value.p, "shape is not an array");
    for (wm_json_iter i = wm_json_each(value); wm_json_next(&i);) {
        if (tensor->rank == WM_MAX_RANK)
            return header_fail(h, WM_ERROR_LIMIT, value.p, "more than 8 dimensions");
        if (!header_integer(i.value, &tensor->shape[tensor->rank++]))
            return header_fail(h, WM_ERROR_FORMAT, i.value.p, "a dimension is no whole number");
    }
    return WM_OK;
}

static wm_status read_offsets(const header_reader *h, wm_json value, uint64_t *offsets) {
    size_t count = 0;
    for (wm_json_iter i = wm_json_each(value); count < 3 && wm_json_next(&i); count++)
        if (count == 2 || !header_integer(i.value, &offsets[count])) count = 2;
    if (count != 2 || offsets[0] > offsets[1] || value.p[0] != '[')
        return header_fail(h, WM_ERROR_FORMAT, value.p, "data_offsets are not [begin, end]");
    if (offsets[1] > UINT64_C(1) << 53) // JavaScript's exact integers: no file is that long
        return header_fail(h, WM_ERROR_OVERFLOW, value.p, "data_offsets are over 2^53");
    return WM_OK;
}

// The bytes that dtype and shape ask for must be those between the offsets, and in the file.
static wm_status check_extent(const header_reader *h, wm_tensor *tensor, wm_json entry,
                              const uint64_t offsets[2]) {
    uint64_t bits = 1, bytes = offsets[1] - offsets[0];
    bool fits = true;
    for (uint32_t i = 0; i < tensor->rank; i++)
        fits = fits && wm_mul(bits, tensor->shape[i], &bits);
    fits = fits && wm_mul(bits, dtypes[tensor->dtype].bits, &bits);
    if (!fits || bits / 8 > SIZE_MAX)
        return header_fail(h, WM_ERROR_OVERFLOW, entry.p, "shape × dtype does not fit");
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] > WM_LIMIT_DIMENSION)
            return header_fail(h, WM_ERROR_LIMIT, entry.p, "a dimension is over 2^31");
    if (bits % 8) return header_fail(h, WM_ERROR_FORMAT, entry.p, "misaligned: no whole bytes");
    if (bits / 8 != bytes)
        return wm_fail(h->error, WM_ERROR_SHAPE, (uint64_t)(entry.p - h->file.p),
                       "%s: tensor %s: shape × %z wants %u bytes, data_offsets hold %u", &h->path,
                       &tensor->name, dtypes[tensor->dtype].name, bits / 8, bytes);
    if (offsets[1] > h->data.n)
        return wm_fail(h->error, WM_ERROR_TRUNC, h->file.n,
                       "%s: tensor %s ends at byte %u of the data, the file has %u: cut short?",
                       &h->path, &tensor->name, offsets[1], (uint64_t)h->data.n);
    tensor->bytes = (wm_span){h->data.p + offsets[0], (size_t)bytes};
    return WM_OK;
}

static wm_status read_tensor(header_reader *h, wm_json key, wm_json entry, wm_tensor *tensor) {
    static const char *const fields[] = {"dtype", "shape", "data_offsets"};
    wm_json values[WM_COUNT(fields)] = {{NULL}};
    uint64_t offsets[2] = {0, 0};
    *tensor = (wm_tensor){.rank = 0};
    h->tensor = tensor;
    WM_TRY(read_name(h, key, tensor));
    if (wm_json_type_of(entry) != WM_JSON_OBJECT)
        return header_fail(h, WM_ERROR_FORMAT, entry.p, "its entry is not an object");
    for (wm_json_iter i = wm_json_each(entry); wm_json_next(&i);) {
        for (size_t field = 0; field < WM_COUNT(fields); field++) {
            if (!wm_json_string_is(i.key, fields[field])) continue;
            if (wm_json_present(values[field]))
                return field_fail(h, WM_ERROR_DUP, i.key.p, "twice", fields[field]);
            values[field] = i.value;
        }
    }
    for (size_t field = 0; field < WM_COUNT(fields); field++)
        if (!wm_json_present(values[field]))
            return field_fail(h, WM_ERROR_FORMAT, entry.p, "no", fields[field]);
    WM_TRY(read_dtype(h, tensor, values[0]));
    WM_TRY(read_shape(h, tensor, values[1]));
    WM_TRY(read_offsets(h, values[2], offsets));
    return check_extent(h, tensor, entry, offsets);
}

// __metadata__: text to text, or null. The name of our quantised layouts ends in their version.
static wm_status check_metadata(const header_reader *h, wm_json value) {
    bool good = wm_json_type_of(value) == WM_JSON_OBJECT || wm_json_type_of(value) == WM_JSON_NULL;
    for (wm_json_iter i = wm_json_each(value); good && wm_json_next(&i);) {
        good = wm_json_type_of(i.value) == WM_JSON_STRING;
        if (wm_json_string_is(i.key, "wasmicro.quant") &&
            !wm_span_ends(wm_json_span(i.value), ":1\""))
            return header_fail(h, WM_ERROR_UNSUPPORTED, i.value.p, "unknown wasmicro.quant");
    }
    if (good) return WM_OK;
    return header_fail(h, WM_ERROR_FORMAT, value.p, "__metadata__ is no object of strings");
}

// ---- The file ----------------------------------------------------------------------------------

static wm_status split_file(header_reader *h) {
    wm_span file = h->file;
    if (file.n < 8) return header_fail(h, WM_ERROR_TRUNC, file.p, "no 8 bytes of header length");
    uint64_t size = wm_read_u64(file.p);
    if (size > WM_LIMIT_HEADER)
        return wm_fail(h->error, WM_ERROR_LIMIT, 0, "%s: a header of %u bytes is over the limit",
                       &h->path, size);
    if (size > file.n - 8)
        return wm_fail(h->error, WM_ERROR_TRUNC, file.n,
                       "%s: a header of %u bytes, in a file of %u", &h->path, size,
                       (uint64_t)file.n);
    h->header = (wm_span){file.p + 8, (size_t)size};
    h->data = (wm_span){h->header.p + h->header.n, file.n - 8 - h->header.n};
    return WM_OK;
}

static wm_status check_header(const header_reader *h, wm_json *root) {
    for (size_t i = 0; i < h->header.n; i++)
        if (!h->header.p[i])
            return header_fail(h, WM_ERROR_FORMAT, h->header.p + i, "a NUL byte in the header");
    wm_error inner;
    wm_status status = wm_json_check(h->header, "header", 0, root, &inner);
    if (status != WM_OK) return header_fail(h, status, h->header.p + inner.offset, inner.text);
    if (wm_json_type_of(*root) != WM_JSON_OBJECT)
        return header_fail(h, WM_ERROR_FORMAT, h->header.p, "the header is not an object");
    return WM_OK;
}

static bool is_metadata(wm_json key) { return wm_json_string_is(key, "__metadata__"); }

static wm_status count_tensors(const header_reader *h, wm_json root, uint32_t *count) {
    bool metadata = false;
    *count = 0;
    for (wm_json_iter i = wm_json_each(root); wm_json_next(&i);) {
        if (!is_metadata(i.key)) {
            if (++*count > WM_LIMIT_TENSORS)
                return header_fail(h, WM_ERROR_LIMIT, i.key.p, "too many tensors");
            continue;
        }
        if (metadata) return header_fail(h, WM_ERROR_DUP, i.key.p, "__metadata__ is given twice");
        metadata = true;
        WM_TRY(check_metadata(h, i.value));
    }
    return WM_OK;
}

static bool starts_before(const wm_tensor *a, const wm_tensor *b) {
    return a->bytes.p != b->bytes.p ? a->bytes.p < b->bytes.p : a->bytes.n < b->bytes.n;
}

// Every byte of the data belongs to exactly one tensor.
static wm_status check_coverage(const header_reader *h, const wm_tensors *tensors) {
    const uint8_t *end = h->data.p;
    for (uint32_t i = 0; i < tensors->count; i++) {
        const wm_tensor *tensor = tensors->all[i];
        if (tensor->bytes.p != end)
            return wm_fail(h->error, WM_ERROR_FORMAT, (uint64_t)(tensor->bytes.p - h->file.p),
                           "%s: tensor %s starts at byte %u of the data, expected %u: %z", &h->path,
                           &tensor->name, (uint64_t)(tensor->bytes.p - h->data.p),
                           (uint64_t)(end - h->data.p),
                           tensor->bytes.p < end ? "it overlaps another" : "a hole before it");
        end += tensor->bytes.n;
    }
    uint64_t rest = (uint64_t)(h->data.p + h->data.n - end);
    if (!rest) return WM_OK;
    return wm_fail(h->error, WM_ERROR_FORMAT, h->file.n - rest,
                   "%s: the last %u bytes belong to no tensor", &h->path, rest);
}

wm_status wm_tensors_read(wm_tensors *tensors, wm_span bytes, wm_span path, wm_arena *arena,
                          wm_error *error) {
    header_reader h = {.file = bytes, .path = path, .arena = arena, .error = error};
    wm_json root;
    WM_TRY(wm_magic_check(bytes, path, error));
    WM_TRY(split_file(&h));
    WM_TRY(check_header(&h, &root));
    *tensors = (wm_tensors){.bytes = h.data.n};
    WM_TRY(count_tensors(&h, root, &tensors->count));

    wm_tensor *list;
    const wm_tensor **all;
    uint32_t *order;
    WM_TRY(WM_ALLOC(arena, list, tensors->count, error));
    WM_TRY(WM_ALLOC(arena, all, tensors->count, error));
    uint32_t filled = 0;
    for (wm_json_iter i = wm_json_each(root); filled < tensors->count && wm_json_next(&i);) {
        if (is_metadata(i.key)) continue;
        all[filled] = &list[filled];
        WM_TRY(read_tensor(&h, i.key, i.value, &list[filled++]));
    }
    tensors->count = filled;
    tensors->all = all;
    wm_mark mark = wm_arena_mark(arena);
    WM_TRY(WM_ALLOC(arena, order, filled, error));
    wm_tensors_order(order, filled, all, starts_before);
    for (uint32_t i = 0; i < filled; i++) all[i] = &list[order[i]];
    wm_arena_reset(arena, mark);
    WM_TRY(wm_tensors_sort(tensors, arena, error));
    return check_coverage(&h, tensors);
}

// ---- The public view of one file ---------------------------------------------------------------

struct wm_file {
    wm_arena arena;
    wm_tensors tensors;
};

static wm_status parse_file(wm_file **file, wm_span bytes, wm_arena *arena, wm_error *error) {
    wm_tensors tensors;
    WM_TRY(wm_tensors_read(&tensors, bytes, WM_TEXT("safetensors"), arena, error));
    WM_TRY(WM_ALLOC(arena, *file, 1, error));
    **file = (wm_file){*arena, tensors};
    return WM_OK;
}

wm_status wm_file_parse(wm_file **file, wm_span bytes, const wm_allocator *allocator,
                        wm_error *error) {
    wm_arena arena;
    wm_arena_init(&arena, allocator);
    *file = NULL;
    wm_status status = parse_file(file, bytes, &arena, error);
    if (status != WM_OK) wm_arena_free(&arena);
    return status;
}

void wm_file_close(wm_file *file) {
    if (!file) return;
    wm_arena arena = file->arena; // which holds the file
    wm_arena_free(&arena);
}

size_t wm_file_count(const wm_file *file) { return file->tensors.count; }

const wm_tensor *wm_file_tensor(const wm_file *file, size_t index) {
    return index < file->tensors.count ? file->tensors.all[index] : NULL;
}

const wm_tensor *wm_file_find(const wm_file *file, wm_span name) {
    return wm_file_tensor(file, wm_tensors_index(&file->tensors, name));
}
