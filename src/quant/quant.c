// SPDX-License-Identifier: MIT OR Apache-2.0
// f32 → quantised and back, one row after another. Rounding is to nearest, ties to even, of
// quotients in f32: another reader of the same definition gets the same bytes.
#include "../base/half.h"
#include "quant.h"

const char *wm_quant_name(wm_quant kind) {
    static const char *const names[] = {"i8", "u8", "q4", "f16"};
    return kind < WM_QUANT_KINDS ? names[kind] : "?";
}

float wm_tensor_number(const wm_tensor *tensor, uint64_t i) {
    const uint8_t *p = tensor->bytes.p;
    double wide;
    switch (tensor->dtype) {
    case WM_DTYPE_F16: return wm_f16_to_f32(wm_read_u16(p + 2 * i));
    case WM_DTYPE_BF16: return wm_bf16_to_f32(wm_read_u16(p + 2 * i));
    case WM_DTYPE_F64: memcpy(&wide, p + 8 * i, sizeof wide); return (float)wide;
    default: return wm_read_f32(p + 4 * i);
    }
}

// ---- Layout -------------------------------------------------------------------------------------

static bool lay_out(wm_tensor *part, wm_dtype dtype, uint32_t bytes, uint64_t rows, uint64_t cols) {
    uint64_t count;
    *part = (wm_tensor){.dtype = dtype, .rank = cols ? 2 : 1, .shape = {rows, cols}};
    if (!wm_mul(rows, cols ? cols : 1, &count) || !wm_mul(count, bytes, &count)) return false;
    part->bytes.n = (size_t)count;
    return part->bytes.n == count;
}

wm_status wm_quantize_plan(wm_quant_plan *plan, const wm_tensor *tensor, wm_quant kind,
                           wm_quant_role role, wm_error *error) {
    if (tensor->rank != 2)
        return wm_fail(error, WM_ERROR_SHAPE, 0, "tensor %s: rank %u, expected a matrix",
                       &tensor->name, (uint64_t)tensor->rank);
    if (tensor->dtype != WM_DTYPE_F32 && tensor->dtype != WM_DTYPE_F16 &&
        tensor->dtype != WM_DTYPE_BF16 && tensor->dtype != WM_DTYPE_F64)
        return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "tensor %s: not of floats", &tensor->name);
    bool turned = role == WM_QUANT_TRANSPOSE && kind != WM_QUANT_F16, fits;
    uint64_t N = tensor->shape[turned], K = tensor->shape[!turned];
    uint64_t blocks = K / WM_Q4_BLOCK + (K % WM_Q4_BLOCK != 0);
    *plan = (wm_quant_plan){.kind = kind, .role = role, .rows = N, .cols = K};
    switch (kind) {
    case WM_QUANT_I8:
        fits = lay_out(&plan->data, WM_DTYPE_I8, 1, N, K) &&
               lay_out(&plan->scale, WM_DTYPE_F32, 4, N, 0);
        break;
    case WM_QUANT_U8:
        fits = lay_out(&plan->data, WM_DTYPE_U8, 1, N, K) &&
               lay_out(&plan->scale, WM_DTYPE_F32, 4, N, 0) &&
               lay_out(&plan->zero, WM_DTYPE_U8, 1, N, 0);
        break;
    case WM_QUANT_Q4:
        fits = lay_out(&plan->data, WM_DTYPE_U8, 1, N, blocks * WM_Q4_BYTES) &&
               lay_out(&plan->scale, WM_DTYPE_F16, 2, N, blocks);
        break;
    default: fits = lay_out(&plan->data, WM_DTYPE_F16, 2, N, K); break;
    }
    plan->data.name = tensor->name;
    if (fits && K) return WM_OK;
    return wm_fail(error, WM_ERROR_OVERFLOW, 0, "tensor %s: %u × %u", &tensor->name, N, K);
}

// ---- Packing ------------------------------------------------------------------------------------

// A row of the tensor: number k at `at` + k · `step`.
typedef struct source_row {
    const wm_tensor *tensor;
    uint64_t at, step, n;
} source_row;

static float number(const source_row *row, uint64_t k) {
    return wm_tensor_number(row->tensor, row->at + k * row->step);
}

// The nearest integer, of two the even one; |x| < 2²².
static int32_t nearest_integer(float x) {
    float shifted = x + 0x1.8p23f;
    uint32_t bits = wm_read_u32(&shifted);
    return (int32_t)(bits & 0x7FFFFF) - 0x400000;
}

static int32_t clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

static void range_of(const source_row *row, float *low, float *high) {
    *low = *high = 0;
    for (uint64_t k = 0; k < row->n; k++) {
        float w = number(row, k);
        *low = WM_MIN(*low, w);
        *high = WM_MAX(*high, w);
    }
}

// scale = max |w| / 127, q = w / scale
static void pack_i8(uint8_t *to, float *scale, const source_row *row) {
    float low, high;
    range_of(row, &low, &high);
    *scale = WM_MAX(-low, high) / 127;
    for (uint64_t k = 0; k < row->n; k++)
        to[k] = (uint8_t)(*scale > 0 ? clamp(nearest_integer(number(row, k) / *scale), -127, 127) : 0);
}

// [min, max] with 0 in it in 255 steps, q = w / scale + zero
static void pack_u8(uint8_t *to, float *scale, uint8_t *zero, const source_row *row) {
    float low, high;
    range_of(row, &low, &high);
    *scale = high / 255 - low / 255;
    *zero = (uint8_t)(*scale > 0 ? clamp(nearest_integer(-low / *scale), 0, 255) : 0);
    for (uint64_t k = 0; k < row->n; k++) {
        int32_t q = *scale > 0 ? nearest_integer(number(row, k) / *scale) : 0;
        to[k] = (uint8_t)clamp(q + *zero, 0, 255);
    }
}

// Of a block: q + 8.
static int32_t q4_of(float w, float scale) {
    return scale != 0 ? clamp(nearest_integer(w / scale), -8, 7) + 8 : 8;
}

// The scale, an f16, that leaves the least sum of squared errors of those that put the block's
// largest number at -9.5, -9.25, … -6.5; the first of equals.
static uint16_t q4_scale(const float *block) {
    float most = 0;
    uint16_t best = 0;
    double least = 0;
    for (size_t i = 0; i < WM_Q4_BLOCK; i++)
        if (WM_MAX(block[i], -block[i]) > WM_MAX(most, -most)) most = block[i];
    for (int32_t quarter = -38; quarter <= -26; quarter++) {
        uint16_t half = wm_f32_to_f16(most / ((float)quarter / 4));
        float scale = wm_f16_to_f32(half);
        double sum = 0;
        for (size_t i = 0; i < WM_Q4_BLOCK; i++) {
            double off = (double)block[i] - (double)scale * (double)(q4_of(block[i], scale) - 8);
            sum += off * off;
        }
        if (quarter == -38 || sum < least) least = sum, best = half;
    }
    return best;
}

static void pack_q4(uint8_t *to, uint8_t *scales, const source_row *row) {
    for (uint64_t start = 0; start < row->n; start += WM_Q4_BLOCK, to += WM_Q4_BYTES, scales += 2) {
        float block[WM_Q4_BLOCK] = {0};
        for (size_t i = 0; i < WM_Q4_BLOCK && start + i < row->n; i++)
            block[i] = number(row, start + i);
        uint16_t half = q4_scale(block);
        float scale = wm_f16_to_f32(half);
        memcpy(scales, &half, sizeof half);
        for (size_t i = 0; i < WM_Q4_BYTES; i++)
            to[i] = (uint8_t)(q4_of(block[2 * i], scale) | q4_of(block[2 * i + 1], scale) << 4);
    }
}

static void pack_f16(uint8_t *to, const source_row *row) {
    for (uint64_t k = 0; k < row->n; k++) {
        uint16_t half = wm_f32_to_f16(number(row, k));
        memcpy(to + 2 * k, &half, sizeof half);
    }
}

// Numbers that the layout can hold: none that rounds to f16's infinity.
static bool is_in_range(const source_row *row, wm_quant kind) {
    float most = kind == WM_QUANT_F16  ? 65520.0f
                 : kind == WM_QUANT_Q4 ? 65520.0f * 6.5f
                                       : __builtin_inff();
    for (uint64_t k = 0; k < row->n; k++) {
        float w = number(row, k);
        if (!(w < most && -w < most)) return false;
    }
    return true;
}

wm_status wm_quantize(const wm_quant_plan *plan, const wm_tensor *tensor, void *data, void *scale,
                      void *zero, wm_error *error) {
    bool turned = plan->role == WM_QUANT_TRANSPOSE && plan->kind != WM_QUANT_F16;
    uint64_t bytes = plan->data.bytes.n / WM_MAX(plan->rows, 1), blocks = bytes / WM_Q4_BYTES;
    for (uint64_t i = 0; i < plan->rows; i++) {
        source_row row = {tensor, turned ? i : i * plan->cols, turned ? plan->rows : 1, plan->cols};
        uint8_t *to = (uint8_t *)data + i * bytes;
        if (!is_in_range(&row, plan->kind))
            return wm_fail(error, WM_ERROR_NUMERIC, 0, "tensor %s, row %u: NaN or too large for %z",
                           &tensor->name, i, wm_quant_name(plan->kind));
        switch (plan->kind) {
        case WM_QUANT_I8: pack_i8(to, (float *)scale + i, &row); break;
        case WM_QUANT_U8: pack_u8(to, (float *)scale + i, (uint8_t *)zero + i, &row); break;
        case WM_QUANT_Q4: pack_q4(to, (uint8_t *)scale + i * blocks * 2, &row); break;
        default: pack_f16(to, &row); break;
        }
    }
    return WM_OK;
}

void wm_dequantize_row(const wm_quant_plan *plan, const void *data, const void *scale,
                       const void *zero, uint64_t row, float *y) {
    uint64_t bytes = plan->data.bytes.n / WM_MAX(plan->rows, 1), blocks = bytes / WM_Q4_BYTES;
    const uint8_t *from = (const uint8_t *)data + row * bytes, *scales = scale;
    for (uint64_t k = 0; k < plan->cols; k++) {
        switch (plan->kind) {
        case WM_QUANT_I8: y[k] = (float)(int8_t)from[k] * wm_read_f32(scales + 4 * row); break;
        case WM_QUANT_U8:
            y[k] = (float)(from[k] - ((const uint8_t *)zero)[row]) * wm_read_f32(scales + 4 * row);
            break;
        case WM_QUANT_Q4:
            y[k] = (float)((from[k / 2] >> k % 2 * 4 & 15) - 8) *
                   wm_f16_to_f32(wm_read_u16(scales + (row * blocks + k / WM_Q4_BLOCK) * 2));
            break;
        default: y[k] = wm_f16_to_f32(wm_read_u16(from + 2 * k)); break;
        }
    }
}
