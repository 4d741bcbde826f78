// SPDX-License-Identifier: MIT OR Apache-2.0
// GGUF, version 2 and 3: values by name, then what tensors there are, then their bytes.
#include "../src/base/half.h"
#include "../src/load/tensors.h"
#include "weights.h"

enum { MAX_VALUES = 1 << 16, MAX_NAME = 1024 };
enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, VALUE_TYPES };

static const uint8_t value_sizes[VALUE_TYPES] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

typedef struct reader {
    const uint8_t *start, *p, *end;
    wm_span path;
    wm_arena *arena;
    wm_error *error;
} reader;

static wm_status broken(const reader *r, wm_status status, const char *what) {
    return wm_fail(r->error, status, (uint64_t)(r->p - r->start), "%s: GGUF: %z at byte %u",
                   &r->path, what, (uint64_t)(r->p - r->start));
}

static wm_status take(reader *r, uint64_t n, wm_span *bytes) {
    if (n > (uint64_t)(r->end - r->p)) return broken(r, WM_ERROR_TRUNC, "it ends early");
    *bytes = (wm_span){r->p, (size_t)n};
    r->p += n;
    return WM_OK;
}

static wm_status take_u32(reader *r, uint32_t *number) {
    wm_span bytes = {NULL, 0};
    *number = 0;
    WM_TRY(take(r, 4, &bytes));
    *number = wm_read_u32(bytes.p);
    return WM_OK;
}

static wm_status take_u64(reader *r, uint64_t *number) {
    wm_span bytes = {NULL, 0};
    *number = 0;
    WM_TRY(take(r, 8, &bytes));
    *number = wm_read_u64(bytes.p);
    return WM_OK;
}

static wm_status take_text(reader *r, wm_span *text) {
    uint64_t n;
    *text = (wm_span){NULL, 0};
    WM_TRY(take_u64(r, &n));
    return take(r, n, text);
}

// ---- Values -------------------------------------------------------------------------------------

static wm_status take_array(reader *r, gguf_value *value) {
    wm_span text;
    WM_TRY(take_u32(r, &value->element));
    WM_TRY(take_u64(r, &value->count));
    const uint8_t *first = r->p;
    if (value->element >= VALUE_TYPES || value->element == ARRAY)
        return broken(r, WM_ERROR_UNSUPPORTED, "an array of arrays");
    uint64_t left = (uint64_t)(r->end - r->p);
    uint32_t size = value->element == STRING ? 8 : value_sizes[value->element];
    if (value->count > left / size) return broken(r, WM_ERROR_TRUNC, "an array");
    if (value->element != STRING) return take(r, value->count * size, &value->bytes);
    for (uint64_t i = 0; i < value->count; i++) WM_TRY(take_text(r, &text));
    value->bytes = (wm_span){first, (size_t)(r->p - first)};
    return WM_OK;
}

static wm_status take_value(reader *r, gguf_value *value) {
    *value = (gguf_value){0};
    WM_TRY(take_text(r, &value->key));
    WM_TRY(take_u32(r, &value->type));
    if (value->type >= VALUE_TYPES) return broken(r, WM_ERROR_FORMAT, "a value of an unknown kind");
    if (value->type == ARRAY) return take_array(r, value);
    if (value->type == STRING) return take_text(r, &value->bytes);
    return take(r, value_sizes[value->type], &value->bytes);
}

const gguf_value *gguf_find(const gguf *file, const char *key) {
    for (size_t i = 0; i < file->value_count; i++)
        if (wm_span_is(file->values[i].key, key)) return &file->values[i];
    return NULL;
}

bool gguf_text(const gguf *file, const char *key, wm_span *text) {
    const gguf_value *value = gguf_find(file, key);
    if (!value || value->type != STRING) return false;
    *text = value->bytes;
    return true;
}

bool gguf_u64(const gguf *file, const char *key, uint64_t *number) {
    const gguf_value *value = gguf_find(file, key);
    if (!value || (value->type > I32 && value->type != U64 && value->type != I64)) return false;
    uint64_t n = 0;
    memcpy(&n, value->bytes.p, value->bytes.n);
    bool is_signed =
        value->type == I8 || value->type == I16 || value->type == I32 || value->type == I64;
    if (is_signed && n >> (8 * value->bytes.n - 1)) return false;
    *number = n;
    return true;
}

bool gguf_f32(const gguf *file, const char *key, float *number) {
    const gguf_value *value = gguf_find(file, key);
    if (!value || value->type != F32) return false;
    *number = wm_read_f32(value->bytes.p);
    return true;
}

bool gguf_flag(const gguf *file, const char *key, bool fallback) {
    const gguf_value *value = gguf_find(file, key);
    return value && value->type == BOOL ? value->bytes.p[0] != 0 : fallback;
}

// ---- Tensors ------------------------------------------------------------------------------------

// By GGUF's number; plain types have the dtype they are in, blocks become F32, others are refused.
static const struct {
    const char *name;
    uint8_t known, type, dtype, numbers, bytes; // numbers: of a block, 0 stands for 256
} types[] = {
    [0] = {"F32", 1, GGUF_PLAIN, WM_DTYPE_F32, 1, 4},
    [1] = {"F16", 1, GGUF_PLAIN, WM_DTYPE_F16, 1, 2},
    [2] = {"Q4_0", 1, GGUF_Q4_0, WM_DTYPE_F32, 32, 18},
    [3] = {"Q4_1", 1, GGUF_Q4_1, WM_DTYPE_F32, 32, 20},
    [6] = {"Q5_0", 1, GGUF_Q5_0, WM_DTYPE_F32, 32, 22},
    [7] = {"Q5_1", 1, GGUF_Q5_1, WM_DTYPE_F32, 32, 24},
    [8] = {"Q8_0", 1, GGUF_Q8_0, WM_DTYPE_F32, 32, 34},
    [9] = {"Q8_1", 0, 0, 0, 0, 0},
    [10] = {"Q2_K", 0, 0, 0, 0, 0},
    [11] = {"Q3_K", 0, 0, 0, 0, 0},
    [12] = {"Q4_K", 1, GGUF_Q4_K, WM_DTYPE_F32, 0, 144},
    [13] = {"Q5_K", 1, GGUF_Q5_K, WM_DTYPE_F32, 0, 176},
    [14] = {"Q6_K", 1, GGUF_Q6_K, WM_DTYPE_F32, 0, 210},
    [15] = {"Q8_K", 0, 0, 0, 0, 0},
    [16] = {"IQ2_XXS", 0, 0, 0, 0, 0},
    [17] = {"IQ2_XS", 0, 0, 0, 0, 0},
    [18] = {"IQ3_XXS", 0, 0, 0, 0, 0},
    [19] = {"IQ1_S", 0, 0, 0, 0, 0},
    [20] = {"IQ4_NL", 0, 0, 0, 0, 0},
    [21] = {"IQ3_S", 0, 0, 0, 0, 0},
    [22] = {"IQ2_S", 0, 0, 0, 0, 0},
    [23] = {"IQ4_XS", 0, 0, 0, 0, 0},
    [24] = {"I8", 1, GGUF_PLAIN, WM_DTYPE_I8, 1, 1},
    [25] = {"I16", 1, GGUF_PLAIN, WM_DTYPE_I16, 1, 2},
    [26] = {"I32", 1, GGUF_PLAIN, WM_DTYPE_I32, 1, 4},
    [27] = {"I64", 1, GGUF_PLAIN, WM_DTYPE_I64, 1, 8},
    [28] = {"F64", 1, GGUF_PLAIN, WM_DTYPE_F64, 1, 8},
    [29] = {"IQ1_M", 0, 0, 0, 0, 0},
    [30] = {"BF16", 1, GGUF_PLAIN, WM_DTYPE_BF16, 1, 2},
    [34] = {"TQ1_0", 0, 0, 0, 0, 0},
    [35] = {"TQ2_0", 0, 0, 0, 0, 0},
    [39] = {"MXFP4", 0, 0, 0, 0, 0},
};

const char *gguf_type_name(uint32_t type) {
    return type < WM_COUNT(types) && types[type].name ? types[type].name : "?";
}

// Shape and sizes from GGUF's, whose first dimension is the innermost.
static wm_status take_shape(reader *r, wm_tensor *tensor, uint64_t *count) {
    uint32_t rank;
    uint64_t size;
    *count = 1;
    WM_TRY(take_u32(r, &rank));
    if (rank > 4) return broken(r, WM_ERROR_LIMIT, "a tensor of over 4 dimensions");
    tensor->rank = rank;
    for (uint32_t i = rank; i-- > 0;) {
        WM_TRY(take_u64(r, &size));
        if (size > WM_LIMIT_DIMENSION) return broken(r, WM_ERROR_LIMIT, "a dimension");
        if (!wm_mul(*count, size, count)) return broken(r, WM_ERROR_OVERFLOW, "a tensor's shape");
        tensor->shape[i] = size;
    }
    return WM_OK;
}

// stored.p is the offset for now: where the data begins is known only behind the last of these.
static wm_status take_tensor(reader *r, weight *w, uint32_t *number, uint64_t *offset) {
    uint64_t count, bytes;
    *w = (weight){0};
    wm_tensor *tensor = &w->tensor;
    WM_TRY(take_text(r, &tensor->name));
    if (tensor->name.n > MAX_NAME) return broken(r, WM_ERROR_LIMIT, "a tensor's name");
    WM_TRY(take_shape(r, tensor, &count));
    WM_TRY(take_u32(r, number));
    WM_TRY(take_u64(r, offset));
    if (*number >= WM_COUNT(types) || !types[*number].known)
        return wm_fail(r->error, WM_ERROR_UNSUPPORTED, 0,
                       "%s: tensor %s: its numbers are %z (type %u), which is not known here",
                       &r->path, &tensor->name, gguf_type_name(*number), (uint64_t)*number);
    uint32_t block = types[*number].numbers ? types[*number].numbers : 256;
    uint64_t row = tensor->rank ? tensor->shape[tensor->rank - 1] : 1;
    if (row % block)
        return wm_fail(r->error, WM_ERROR_SHAPE, 0, "%s: tensor %s: rows of %u in blocks of %u",
                       &r->path, &tensor->name, row, (uint64_t)block);
    w->type = (gguf_type)types[*number].type;
    tensor->dtype = (wm_dtype)types[*number].dtype;
    if (!wm_mul(count / block, types[*number].bytes, &bytes) || bytes > SIZE_MAX)
        return broken(r, WM_ERROR_OVERFLOW, "a tensor's size");
    w->stored.n = (size_t)bytes;
    if (!wm_mul(count, wm_dtype_bits(tensor->dtype) / 8, &bytes) || bytes > SIZE_MAX)
        return broken(r, WM_ERROR_OVERFLOW, "a tensor's size");
    tensor->bytes.n = (size_t)bytes;
    return WM_OK;
}

static wm_status place_tensors(reader *r, gguf *to, const uint64_t *offsets) {
    uint64_t alignment = 32, place;
    if (gguf_find(to, "general.alignment") &&
        (!gguf_u64(to, "general.alignment", &alignment) || alignment < 1 || alignment > 1 << 16 ||
         alignment & (alignment - 1)))
        return broken(r, WM_ERROR_FORMAT, "general.alignment");
    uint64_t data = ((uint64_t)(r->p - r->start) + alignment - 1) / alignment * alignment;
    uint64_t size = (uint64_t)(r->end - r->start);
    for (size_t i = 0; i < to->tensors.count; i++) {
        weight *w = &to->tensors.all[i];
        if (offsets[i] % alignment || !wm_add(data, offsets[i], &place))
            return wm_fail(r->error, WM_ERROR_FORMAT, 0, "%s: tensor %s: its place", &r->path,
                           &w->tensor.name);
        if (place > size || w->stored.n > size - place)
            return wm_fail(r->error, WM_ERROR_TRUNC, 0, "%s: tensor %s is not there whole",
                           &r->path, &w->tensor.name);
        w->stored.p = r->start + place;
        if (!w->type) w->tensor.bytes.p = w->stored.p;
    }
    return WM_OK;
}

wm_status gguf_read(gguf *to, wm_span bytes, wm_span path, wm_arena *arena, wm_error *error) {
    reader r = {bytes.p, bytes.p, bytes.p + bytes.n, path, arena, error};
    uint64_t tensor_count, value_count, *offsets;
    uint32_t magic, version, *numbers;
    *to = (gguf){0};
    WM_TRY(take_u32(&r, &magic));
    WM_TRY(take_u32(&r, &version));
    if (magic != 0x46554747) return broken(&r, WM_ERROR_FORMAT, "no GGUF");
    if (version != 2 && version != 3)
        return broken(&r, WM_ERROR_UNSUPPORTED, "a version other than 2 and 3");
    WM_TRY(take_u64(&r, &tensor_count));
    WM_TRY(take_u64(&r, &value_count));
    if (tensor_count > WM_LIMIT_TENSORS || value_count > MAX_VALUES)
        return broken(&r, WM_ERROR_LIMIT, "too many tensors or values");
    uint64_t left = (uint64_t)(r.end - r.p); // each takes 12 bytes at the least, and 24
    if (value_count > left / 12 || tensor_count > left / 24)
        return broken(&r, WM_ERROR_TRUNC, "it ends early");
    WM_TRY(WM_ALLOC(arena, to->values, value_count, error));
    WM_TRY(WM_ALLOC(arena, to->tensors.all, tensor_count, error));
    WM_TRY(WM_ALLOC(arena, offsets, tensor_count, error));
    WM_TRY(WM_ALLOC(arena, numbers, tensor_count, error));
    for (; to->value_count < value_count; to->value_count++)
        WM_TRY(take_value(&r, &to->values[to->value_count]));
    for (size_t i = 0; i < tensor_count; i++)
        WM_TRY(take_tensor(&r, &to->tensors.all[i], &numbers[i], &offsets[i]));
    to->tensors.count = (size_t)tensor_count;
    to->types = numbers;
    return place_tensors(&r, to, offsets);
}

// ---- Blocks -------------------------------------------------------------------------------------

static float half(const uint8_t *p) { return wm_f16_to_f32(wm_read_u16(p)); }

// 32 numbers of 4 bits, the first 16 in the low halves. high: a fifth bit of each, or NULL; least:
// what all have in common, or NULL.
static void unpack_32(const uint8_t *packed, const uint8_t *high, float scale, int zero,
                      const uint8_t *least, float *y) {
    uint32_t bits = high ? wm_read_u32(high) : 0;
    for (uint32_t i = 0; i < 16; i++) {
        int low = (packed[i] & 15) | (int)(bits >> i & 1) << 4;
        int top = packed[i] >> 4 | (int)(bits >> (i + 16) & 1) << 4;
        y[i] = scale * (float)(low - zero);
        y[i + 16] = scale * (float)(top - zero);
    }
    for (uint32_t i = 0; least && i < 32; i++) y[i] += half(least);
}

// Scale and least of 32 numbers, of 6 bits each: eight pairs in 12 bytes.
static void unpack_scale(const uint8_t *p, int i, float *scale, float *least) {
    int low = i < 4 ? p[i] & 63 : (p[i + 4] & 15) | (p[i - 4] >> 6) << 4;
    int high = i < 4 ? p[i + 4] & 63 : p[i + 4] >> 4 | (p[i] >> 6) << 4;
    *scale *= (float)low;
    *least *= (float)high;
}

// Q4_K and Q5_K: 256 numbers; two runs of 32 share 32 bytes, and a fifth bit of each is in `high`.
static void unpack_k(const uint8_t *block, bool five, float *y) {
    const uint8_t *high = block + 16, *packed = five ? high + 32 : high;
    for (int run = 0; run < 8; run++) {
        float scale = half(block), least = half(block + 2);
        unpack_scale(block + 4, run, &scale, &least);
        const uint8_t *from = packed + run / 2 * 32;
        for (int i = 0; i < 32; i++) {
            int q = run % 2 ? from[i] >> 4 : from[i] & 15;
            if (five) q |= (high[i] >> run & 1) << 4;
            *y++ = scale * (float)q - least;
        }
    }
}

// 256 numbers of 6 bits: the low four in 128 bytes, the high two in 64; 16 share a scale.
static void unpack_q6(const uint8_t *block, float *y) {
    float scale = half(block + 208);
    for (int i = 0; i < 256; i++) {
        int part = i / 128, run = i % 128 / 32, at = i % 32;
        int low = block[64 * part + 32 * (run % 2) + at] >> (run < 2 ? 0 : 4) & 15;
        int high = block[128 + 32 * part + at] >> (2 * run) & 3;
        int8_t factor = (int8_t)block[192 + i / 16];
        y[i] = scale * (float)factor * (float)((low | high << 4) - 32);
    }
}

static void unpack_q8(const uint8_t *block, float *y) {
    for (int i = 0; i < 32; i++) y[i] = half(block) * (float)(int8_t)block[2 + i];
}

uint32_t gguf_block(gguf_type type, uint32_t *size) {
    static const uint8_t sizes[GGUF_TYPES] = {0, 18, 20, 22, 24, 34, 144, 176, 210};
    *size = sizes[type];
    return type >= GGUF_Q4_K ? 256 : 32;
}

void gguf_numbers(gguf_type type, const uint8_t *block, uint64_t count, float *y) {
    uint32_t size, numbers = gguf_block(type, &size);
    for (; count >= numbers; count -= numbers, block += size, y += numbers) {
        switch (type) {
        case GGUF_Q4_0: unpack_32(block + 2, NULL, half(block), 8, NULL, y); break;
        case GGUF_Q4_1: unpack_32(block + 4, NULL, half(block), 0, block + 2, y); break;
        case GGUF_Q5_0: unpack_32(block + 6, block + 2, half(block), 16, NULL, y); break;
        case GGUF_Q5_1: unpack_32(block + 8, block + 4, half(block), 0, block + 2, y); break;
        case GGUF_Q8_0: unpack_q8(block, y); break;
        case GGUF_Q4_K: unpack_k(block, false, y); break;
        case GGUF_Q5_K: unpack_k(block, true, y); break;
        default: unpack_q6(block, y); break;
        }
    }
}
