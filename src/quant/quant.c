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
    uint64_t i = row->at + k * row->step;
    if (row->tensor->dtype == WM_DTYPE_F32) return wm_read_f32(row->tensor->bytes.p + 4 * i);
    return wm_tensor_number(row->tensor, i);
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
        to[k] =
            (uint8_t)(*scale > 0 ? clamp(nearest_integer(number(row, k) / *scale), -127, 127) : 0);
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

// Four numbers at once, in the compiler's own terms. Sums of a block are eight lanes, each in its
// order, and then lane after lane.
typedef float q4_floats __attribute__((vector_size(16)));
typedef int32_t q4_integers __attribute__((vector_size(16)));

enum { Q4_PARTS = WM_Q4_BLOCK / 4 };

// The nearest integers, of two the even ones, but not below -8 nor above 7.
static q4_integers q4_round(q4_floats x) {
    q4_integers q = (q4_integers)(x + 0x1.8p23f) - 0x4B400000, low = q < -8, high = q > 7;
    return (q & ~(low | high)) | (-8 & low) | (7 & high);
}

// With q = w · factor, rounded: *wq = Σ w · q, *qq = Σ q².
static void q4_sums(const q4_floats *block, float factor, float *wq, float *qq) {
    q4_floats by_w[2] = {{0}}, by_q[2] = {{0}};
    for (size_t i = 0; i < Q4_PARTS; i++) {
        q4_floats q = __builtin_convertvector(q4_round(block[i] * factor), q4_floats);
        by_w[i % 2] += block[i] * q;
        by_q[i % 2] += q * q;
    }
    *wq = *qq = 0;
    for (size_t j = 0; j < 8; j++) *wq += by_w[j / 4][j % 4], *qq += by_q[j / 4][j % 4];
}

// The scale, an f16. Each of nine, which put the block's largest number at -9.5, -9.125, … -6.5,
// rounds it to whole numbers q. These are best scaled by Σ w · q / Σ q², and leave squared errors
// of Σ w² - (Σ w · q)² / Σ q². The best of them; of equals, the first.
static uint16_t q4_scale(const q4_floats *block) {
    float most = 0, scale = 0, wq, qq;
    double gain = 0;
    for (size_t i = 0; i < WM_Q4_BLOCK; i++) {
        float w = block[i / 4][i % 4];
        if (WM_MAX(w, -w) > WM_MAX(most, -most)) most = w;
    }
    if (!(wm_f32_to_f16(most / 6) & 0x7FFF)) return 0;
    for (int32_t eighths = -76; eighths <= -52; eighths += 3) {
        q4_sums(block, (float)eighths / 8 / most, &wq, &qq);
        double now = (double)wq * (double)wq / (double)qq;
        if (now > gain) gain = now, scale = wq / qq;
    }
    return wm_f32_to_f16(scale);
}

static void pack_q4(uint8_t *to, uint8_t *scales, const source_row *row) {
    for (uint64_t start = 0; start < row->n; start += WM_Q4_BLOCK, scales += 2) {
        q4_floats block[Q4_PARTS] = {{0}};
        for (size_t i = 0; i < WM_Q4_BLOCK && start + i < row->n; i++)
            block[i / 4][i % 4] = number(row, start + i);
        uint16_t half = q4_scale(block);
        float scale = wm_f16_to_f32(half);
        memcpy(scales, &half, sizeof half);
        if (scale == 0) scale = __builtin_inff();
        for (size_t i = 0; i < Q4_PARTS; i++) {
            q4_integers q = q4_round(block[i] / scale) + 8;
            *to++ = (uint8_t)(q[0] | q[1] << 4);
            *to++ = (uint8_t)(q[2] | q[3] << 4);
        }
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
                 : kind == WM_QUANT_Q4 ? 65520.0f * 6
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

static void unpack_q4(const uint8_t *from, const uint8_t *scales, uint64_t cols, float *y) {
    for (uint64_t start = 0; start < cols; start += WM_Q4_BLOCK, from += WM_Q4_BYTES, scales += 2) {
        float scale = wm_f16_to_f32(wm_read_u16(scales));
        for (size_t i = 0; i < WM_Q4_BLOCK && start + i < cols; i++)
            y[start + i] = (float)((from[i / 2] >> i % 2 * 4 & 15) - 8) * scale;
    }
}

void wm_dequantize_row(const wm_quant_plan *plan, const void *data, const void *scale,
                       const void *zero, uint64_t row, float *y) {
    uint64_t bytes = plan->data.bytes.n / WM_MAX(plan->rows, 1), blocks = bytes / WM_Q4_BYTES;
    const uint8_t *from = (const uint8_t *)data + row * bytes, *scales = scale;
    if (plan->kind == WM_QUANT_Q4) {
        unpack_q4(from, scales + row * blocks * 2, plan->cols, y);
        return;
    }
    for (uint64_t k = 0; k < plan->cols; k++) {
        switch (plan->kind) {
        case WM_QUANT_I8: y[k] = (float)(int8_t)from[k] * wm_read_f32(scales + 4 * row); break;
        case WM_QUANT_U8:
            y[k] = (float)(from[k] - ((const uint8_t *)zero)[row]) * wm_read_f32(scales + 4 * row);
            break;
        default: y[k] = wm_f16_to_f32(wm_read_u16(from + 2 * k)); break;
        }
    }
}
