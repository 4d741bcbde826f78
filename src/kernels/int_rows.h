// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of whole numbers: rows of i8 or q4 times rows of x in 14 bits, in sums of 32 bits that
// cannot overflow. Included by kernels_body.h.

// The largest number of a row of x, without its sign; a NaN or an infinity before others.
WMK_APART float WMK(row_most)(const float *x, size_t K) {
    vint most[4] = {v_bits(v_set(0.0f)), v_bits(v_set(0.0f)), v_bits(v_set(0.0f)),
                    v_bits(v_set(0.0f))};
    WMK_ROLLED for (size_t k = 0; k < K; k += LANES) { // four by turns: none waits for the last
        vint less = most[0] - v_bits(WMK(abs)(WMK(load)(x + k, K - k, 0)));
        less = most[0] - (less & less >> 31);
        most[0] = most[1], most[1] = most[2], most[2] = most[3], most[3] = less;
    }
    float lanes[4 * LANES];
    uint32_t all = 0;
    WMK_UNROLL for (size_t i = 0; i < 4; i++) v_store(lanes + i * LANES, v_float(most[i]));
    WMK_ROLLED for (size_t i = 0; i < 4 * LANES; i++) all = WM_MAX(all, wm_read_u32(lanes + i));
    return wm_read_f32(&all);
}

// The step of 14 bits or, with `rest`, of two halves: a power of two, of which the largest number
// is less than 2¹⁴ (q4: 2¹²). A NaN or an infinity makes the step one.
WMK_INLINE float WMK(row_step)(const float *x, size_t K, float rest, wm_weight_type type) {
    float most = WMK(row_most)(x, K);
    if (rest == 0) return most / (float)WMK_INT_MOST;
    uint32_t power = wm_read_u32(&most) & 0x7F800000;
    return wm_read_f32(&power) * (type == WM_Q4 ? 0x1p-11f : 0x1p-13f);
}

#if LANES > 1
typedef int16_t WMK(few_halves) __attribute__((vector_size(2 * LANES)));
#endif

WMK_INLINE void WMK(store_whole)(int16_t *to, vint whole) {
#if LANES > 1
    WMK(few_halves) few = __builtin_convertvector(whole, WMK(few_halves));
    memcpy(to, &few, sizeof few);
#else
    *to = (int16_t)whole;
#endif
}

// to [n, and zeros up to `all`] = x / step to the nearest, ties to even. With `rest` what is left,
// times that, goes behind it. For q4 the numbers of 8 · LANES change places: those whose nibbles
// stand at one place of their 16 bits come together.
WMK_APART void WMK(quantise)(int16_t *to, const float *x, float step, size_t n, size_t all,
                             float rest, wm_weight_type type) {
    enum { SPAN = 8 * LANES };
    const vec round = v_set(0x1.8p23f), per_step = v_set(step > 0x1p-100f ? 1 / step : 0);
    WMK_ROLLED for (size_t k = 0; k < all; k += LANES) {
        vec v = v_set(0.0f);
        if (k < n) v = WMK(load)(x + k, n - k, 0) * per_step;
        vec shifted = v + round;
        WMK(store_whole)(to + k, v_bits(shifted));
        if (rest == 0) continue;
        shifted = (v - (shifted - round)) * v_set(rest) + round;
        WMK(store_whole)(to + all + k, v_bits(shifted));
    }
    if (type != WM_Q4) return;
    for (size_t k = 0; k < (rest == 0 ? all : 2 * all); k += SPAN, to += SPAN) {
        int16_t span[SPAN];
        memcpy(span, to, sizeof span);
        WMK_ROLLED for (size_t i = 0; i < SPAN; i++) to[i % 4 * (2 * LANES) + i / 4] = span[i];
    }
}

// Four rows of w from one place on, whole steps of them, and the scales of their blocks.
typedef struct WMK(int_rows) {
    const uint8_t *w[4];
    float scale[4][WMK_INT_K / WM_Q4_BLOCK + LANES / 4];
    uint8_t padded[4][WMK_INT_K + 4 * LANES]; // a row whose last step is not whole
} WMK(int_rows);

WMK_INLINE void WMK(i8_step)(vint sum[][4], const int16_t *x, size_t ldx, const uint8_t *const w[4],
                             const int16_t *panel, const bool packed, const size_t rows) {
    v_half a[TILE_T];
    WMK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = v_load_half(x + r * ldx);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        v_half b = packed ? v_load_half(panel + c * 2 * LANES) : v_load_half_i8(w[c]);
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_dot(sum[r][c], a[r], b);
    }
}

// sums [rows, 4] = x [rows, K] · w [4, K]ᵀ, K in whole steps; w as a panel [K / (2 · LANES), 4,
// 2 · LANES] of widened numbers where it is `packed`
WMK_INLINE void WMK(i8_tile)(float *sums, const int16_t *x, size_t ldx, const WMK(int_rows) * from,
                             const int16_t *panel, const bool packed, size_t K, const size_t rows) {
    const size_t step = rows == 1 ? 4 * LANES : 2 * LANES;
    const uint8_t *w[4];
    vint sum[TILE_T][4];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        if (!packed) w[c] = from->w[c];
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_bits(v_set(0.0f));
    }
    for (; K; K -= step) {
        WMK(i8_step)(sum, x, ldx, w, panel, packed, rows);
        if (step > 2 * LANES) {
            const uint8_t *const next[4] = {w[0] + 2 * LANES, w[1] + 2 * LANES, w[2] + 2 * LANES,
                                            w[3] + 2 * LANES};
            WMK(i8_step)(sum, x + 2 * LANES, ldx, next, panel, packed, rows);
        }
        WMK_ADVANCE(x, step);
        if (packed) WMK_ADVANCE(panel, 8 * LANES);
        WMK_UNROLL for (size_t c = 0; c < 4 && !packed; c++) WMK_ADVANCE(w[c], step);
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        wmk_quad all = v_sums(v_convert(sum[r][0]), v_convert(sum[r][1]), v_convert(sum[r][2]),
                              v_convert(sum[r][3]));
        memcpy(sums + 4 * r, &all, sizeof all);
    }
}

// 8 · LANES numbers of a row of w. With its upper bit turned a nibble is q - 8 in two's complement;
// at the top of its 16 bits that is times 4096, and four products of 8 · 4096 · 8191 · 2 still fit.
WMK_INLINE void WMK(q4_step)(vec sum[], const v_half a[][4], const uint8_t *w, vec scale,
                             v_half flip, v_half top, const size_t rows) {
    typedef uint16_t nibbles __attribute__((vector_size(4 * LANES)));
    nibbles q = (nibbles)(v_load_half(w) ^ flip);
    vint all[TILE_T];
    WMK_UNROLL for (size_t m = 0; m < 4; m++) {
        v_half e = (v_half)(q << (12 - 4 * m));
        if (m) e &= top;
        WMK_UNROLL for (size_t r = 0; r < rows; r++) {
            all[r] = v_dot(m ? all[r] : v_bits(v_set(0.0f)), a[r][m], e);
        }
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        sum[r] = v_fma(v_convert(all[r]), scale, sum[r]);
    }
}

// As i8_tile, for q4: two rows of w at a time.
WMK_INLINE void WMK(q4_tile)(float *sums, const int16_t *x, size_t ldx, const WMK(int_rows) * from,
                             size_t K, const size_t rows) {
    enum { SPAN = 8 * LANES, BYTES = 4 * LANES };
    const v_half flip = (v_half)WMK(everywhere)(0x88888888);
    const v_half top = (v_half)WMK(everywhere)(0xF000F000);
    for (size_t c = 0; c < 4; c += 2) {
        const uint8_t *w[2] = {from->w[c], from->w[c + 1]};
        const int16_t *at = x;
        vec sum[2][TILE_T];
        WMK_UNROLL for (size_t i = 0; i < 2 * rows; i++) sum[i / rows][i % rows] = v_set(0.0f);
        for (size_t i = 0; i * SPAN < K; i++) {
            v_half a[TILE_T][4];
            WMK_UNROLL for (size_t j = 0; j < 4 * rows; j++) {
                a[j / 4][j % 4] = v_load_half(at + j / 4 * ldx + j % 4 * 2 * LANES);
            }
            WMK_UNROLL for (size_t j = 0; j < 2; j++) {
                vec scale = v_load_scales(from->scale[c + j], i);
                WMK(q4_step)(sum[j], (const v_half(*)[4])a, w[j], scale, flip, top, rows);
                WMK_ADVANCE(w[j], BYTES);
            }
            WMK_ADVANCE(at, SPAN);
        }
        WMK_UNROLL for (size_t r = 0; r < rows; r++) {
            wmk_quad all = v_sums(sum[0][r], sum[1][r], sum[0][r], sum[1][r]);
            memcpy(sums + 4 * r + c, &all, sizeof all / 2);
        }
    }
}

// Each a function of its own: V8 is short of registers in a larger one.
#define WMK_INT_TILE(name, of, ...)                                     \
    WMK_APART void WMK(name)(float *sums, const int16_t *x, size_t ldx, \
                             const WMK(int_rows) * from, size_t K) {    \
        WMK(of)(sums, x, ldx, from, __VA_ARGS__);                       \
    }
WMK_INT_TILE(i8_one, i8_tile, NULL, false, K, 1)
WMK_INT_TILE(i8_some, i8_tile, NULL, false, K, TILE_T)
WMK_INT_TILE(q4_one, q4_tile, K, 1)
WMK_INT_TILE(q4_some, q4_tile, K, TILE_T)
#undef WMK_INT_TILE

// As i8_tile for many rows: w is widened once and read in one stream.
WMK_APART void WMK(i8_many)(float *sums, const int16_t *x, size_t ldx, const WMK(int_rows) * from,
                            size_t K, size_t rows) {
    int16_t panel[4 * WMK_INT_K], *to = panel;
    for (size_t k = 0; k < K; k += 2 * LANES) {
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            v_half wide = v_load_half_i8(from->w[c] + k);
            memcpy(to + c * 2 * LANES, &wide, sizeof wide);
        }
        WMK_ADVANCE(to, 8 * LANES);
    }
    for (size_t r = 0; r < rows; r += TILE_T) {
        size_t first = WM_MIN(r, rows - TILE_T); // the last tile does some rows again
        WMK(i8_tile)(sums + 4 * first, x + first * ldx, ldx, NULL, panel, true, K, TILE_T);
    }
}

// sums [count, 4] = x [count, K] · w [4, K]ᵀ
WMK_INLINE void WMK(int_tiles)(float *sums, const int16_t *x, size_t ldx,
                               const WMK(int_rows) * from, size_t K, size_t count,
                               wm_weight_type type) {
    const bool q4 = type == WM_Q4;
    if (!q4 && count >= WM_MAX(TILE_T, WMK_FEW)) {
        WMK(i8_many)(sums, x, ldx, from, K, count);
        return;
    }
    for (size_t r = 0, some; r < count; r += some, sums += 4 * some, x += some * ldx) {
        some = count - r < TILE_T ? 1 : TILE_T;
        if (some == 1)
            (q4 ? WMK(q4_one) : WMK(i8_one))(sums, x, ldx, from, K);
        else
            (q4 ? WMK(q4_some) : WMK(i8_some))(sums, x, ldx, from, K);
    }
}

// The scales of n blocks, which are finite.
WMK_INLINE void WMK(widen_scales)(float *to, const uint8_t *scales, size_t n) {
#ifdef F16C
    WMK(widen_f16)(to, scales, n);
#else
    const vint mask = WMK(everywhere)(0x8FFFE000);
    const vec unit = v_float(WMK(everywhere)((127 + 112) << 23));
    if (n < LANES) {
        WMK(widen_f16)(to, scales, n);
        return;
    }
    for (size_t i = 0; i < n; i += LANES) { // the last few again
        size_t at = WM_MIN(i, n - LANES);
        v_store(to + at, v_float(v_shift(v_load_i16(scales + 2 * at), 13) & mask) * unit);
    }
#endif
}

// Rows n, n + apart, … of w from number k on; past `columns` the last one again.
WMK_APART void WMK(int_rows_at)(WMK(int_rows) * rows, const wm_quantized *w, wm_weight_type type,
                                size_t n, size_t apart, size_t columns, size_t k, size_t n_k,
                                size_t K) {
    const bool q4 = type == WM_Q4;
    size_t row_blocks = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    size_t blocks = (n_k + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    size_t bytes = q4 ? blocks * WM_Q4_BYTES : n_k, step = 4 * LANES;
    WMK_ROLLED for (size_t c = 0; c < 4; c++, n += c < columns ? apart : 0) {
        uint8_t *padded = rows->padded[c];
        rows->w[c] = w->data + (q4 ? n * row_blocks * WM_Q4_BYTES + k / 2 : n * K + k);
        if (bytes % step) {
            memset(padded + bytes, 0, step);
            rows->w[c] = memcpy(padded, rows->w[c], bytes);
        }
        if (!q4) continue;
        memset(rows->scale[c] + blocks, 0, LANES / 4 * sizeof(float));
        WMK(widen_scales)(rows->scale[c], w->scale + (n * row_blocks + k / WM_Q4_BLOCK) * 2,
                          blocks);
    }
}

// y [rows, columns] = sums · step · scale + b, or of further numbers of K + y. Four columns side by
// side at once; one row's, which are apart, one by one.
WMK_INLINE void WMK(int_finish)(float *y, size_t ldy, size_t apart, size_t columns,
                                const float *sums, const float *steps, size_t rows,
                                const float *scale, const float *b, bool further, float rest) {
    wmk_quad unit = {1, 1, 1, 1}, bias = {0}, all;
    bool adjoin = columns == 4 && apart == 1;
    if (adjoin && scale) memcpy(&unit, scale, sizeof unit);
    if (adjoin && b) memcpy(&bias, b, sizeof bias);
    size_t pitch = rest == 0 ? 4 : 8;
    WMK_ROLLED for (size_t r = 0; r < rows; r++, y += ldy, sums += pitch) {
        WMK_ROLLED for (size_t c = 0, at = 0; c < columns && !adjoin; c++, at += apart) {
            float sum = sums[c];
            if (rest != 0) sum += sums[4 + c] * (1 / rest);
            y[at] = sum * (scale ? steps[r] * scale[at] : steps[r]) + (further ? y[at]
                                                                       : b     ? b[at]
                                                                               : 0);
        }
        if (!adjoin) continue;
        memcpy(&all, sums, sizeof all);
        if (rest != 0) {
            wmk_quad low;
            memcpy(&low, sums + 4, sizeof low);
            all += low * (1 / rest);
        }
        if (further) memcpy(&bias, y, sizeof bias);
        all = all * (steps[r] * unit) + bias;
        memcpy(y, &all, sizeof all);
    }
}

// Rows of x that fit on the stack at a time, as much of K as there is room for, that a few rows
// read w in one go; a sum's block of it each. halves: 1, or 2, which lie one after another as two
// rows and are added at last.
static void WMK(linear_whole)(float *y, size_t ldy, const float *x, size_t ldx,
                              const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                              size_t N, size_t K, const size_t halves) {
    int16_t whole[WMK_INT_X];
    float steps[WMK_INT_T], sums[WMK_INT_T * 4];
    WMK(int_rows) rows;
    const bool q4 = type == WM_Q4;
    const float rest = halves == 1 ? 0 : q4 ? 0x1p13f : 0x1p14f;
    const float *scale = (const float *)(const void *)w->scale;
    size_t by = T == 1 ? N / 4 : 1, span = (q4 ? 8 : 4) * LANES;
    size_t room = WMK_INT_X / WMK_INT_K / halves / WM_MIN(T, WMK_INT_X / WMK_INT_K / halves);
    for (size_t from = 0; from == 0 || from < K; from += room * WMK_INT_K) {
        size_t n = WM_MIN(room * WMK_INT_K, K - from), pitch = (n + span - 1) / span * span;
        size_t most = WM_MIN(WMK_INT_T, WMK_INT_X / WM_MAX(pitch, 1)) / halves;
        for (size_t t = 0, block; t < T; t += block) {
            block = WM_MIN(most, T - t);
            for (size_t r = 0; r < block; r++) {
                const float *row = x + (t + r) * ldx;
                steps[r] = WMK(row_step)(row, K, rest, type);
                WMK(quantise)(whole + r * halves * pitch, row + from, steps[r], n, pitch, rest,
                              type);
                if (q4) steps[r] *= 0x1p-12f;
            }
            for (size_t i = 0; i < (N + 3) / 4; i++) {
                size_t columns = WM_MIN(4, N - 4 * i), apart = columns < 4 ? 1 : by;
                size_t at = apart == 1 ? 4 * i : i, count = block * halves;
                for (size_t k = 0; k == 0 || k < n; k += WMK_INT_K) {
                    size_t n_k = WM_MIN(WMK_INT_K, n - k), whole_k = WM_MIN(WMK_INT_K, pitch - k);
                    WMK(int_rows_at)(&rows, w, type, at, apart, columns, from + k, n_k, K);
                    WMK(int_tiles)(sums, whole + k, pitch, &rows, whole_k, count, type);
                    WMK(int_finish)(y + t * ldy + at, ldy, apart, columns, sums, steps, block,
                                    q4 ? NULL : scale + at, b ? b + at : NULL, from + k > 0, rest);
                }
            }
        }
    }
}

#ifdef v_dot4
#include "byte_rows.h"
#include "nibble_rows.h"
#endif

static void WMK(linear_int8)(float *y, size_t ldy, const float *x, size_t ldx,
                             const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                             size_t N, size_t K) {
#ifdef v_dot4
    (type == WM_Q4 ? WMK(linear_nibbles) : WMK(linear_bytes))(y, ldy, x, ldx, w, b, T, N, K);
    return;
#endif
    WMK(linear_whole)(y, ldy, x, ldx, w, type, b, T, N, K, 1);
}

#ifdef BY_HALVES
static void WMK(linear_halves)(float *y, size_t ldy, const float *x, size_t ldx,
                               const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                               size_t N, size_t K) {
    WMK(linear_whole)(y, ldy, x, ldx, w, type, b, T, N, K, 2);
}
#endif
