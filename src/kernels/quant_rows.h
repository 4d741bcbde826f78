// SPDX-License-Identifier: MIT OR Apache-2.0
// Rows of weights that are not f32: widened into memory once for many rows of x, or inside the tile
// for one row, where the bytes read are what takes the time. Either way the sums are those of
// linear's contract. Included by kernels_body.h.

// ---- Into memory --------------------------------------------------------------------------------

WMK_INLINE wmk_row WMK(row_at)(const wmk_weight *w, size_t n) {
    wmk_row row = {.data = w->data + n * w->pitch};
    if (w->type == WM_U8) row.zero = w->zero[n];
    if (w->type == WM_Q4) row.scales = w->scale + n * (w->pitch / WM_Q4_BYTES) * 2;
    return row;
}

#if LANES == 1
// Number k of a row; of I8 and U8 without the row's scale.
static float WMK(number)(const wmk_row *row, size_t k, wm_weight_type type) {
    if (type == WM_I8) return (float)(int8_t)row->data[k];
    if (type == WM_U8) return (float)(row->data[k] - row->zero);
    uint16_t half = wm_read_u16(row->scales + k / WM_Q4_BLOCK * 2);
    return (float)((row->data[k / 2] >> k % 2 * 4 & 15) - 8) * wm_f16_to_f32(half);
}
#else
// y [16] = bytes · scale - less
WMK_INLINE void WMK(store16)(float *y, v_bytes bytes, vec scale, vec less) {
    vec wide[16 / LANES];
    v_from_bytes(wide, bytes);
    WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) {
        v_store(y + i * LANES, wide[i] * scale - less);
    }
}

// I8 and U8: sixteen at a time, the last few through buffers.
WMK_INLINE void WMK(fill_bytes)(float *y, const uint8_t *p, size_t n, int8_t flip, vec less) {
    uint8_t bytes[16];
    float few[16];
    WMK_ROLLED for (size_t i = 0; i < n; i += 16, p += 16) {
        bool last = n - i < 16;
        WMK_ROLLED for (size_t j = 0; last && j < n - i; j++) bytes[j] = p[j];
        WMK(store16)(last ? few : y + i, v_load_bytes(last ? bytes : p) ^ flip, v_set(I8_UNIT),
                     less);
        if (last) WMK(copy_few)(y + i, few, n - i);
    }
}

// Q4: a block at a time. With its upper bit turned a nibble is q - 8 in two's complement.
WMK_INLINE void WMK(fill_blocks)(float *y, const uint8_t *p, const uint8_t *scales, size_t n) {
    float few[WM_Q4_BLOCK];
    vec zero = v_set(0.0f);
    WMK_ROLLED for (size_t i = 0; i < n; i += WM_Q4_BLOCK, p += WM_Q4_BYTES, scales += 2) {
        bool last = n - i < WM_Q4_BLOCK;
        float *to = last ? few : y + i;
        vec scale = v_set(wm_f16_to_f32(wm_read_u16(scales)) * (I8_UNIT / 16));
        v_bytes q = v_load_bytes(p), low = (q << 4) ^ -128, high = (q & -16) ^ -128;
        v_bytes first = __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                                6, 22, 7, 23);
        v_bytes second = __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                                 13, 29, 14, 30, 15, 31);
        WMK(store16)(to, first, scale, zero);
        WMK(store16)(to + 16, second, scale, zero);
        if (last) WMK(copy_few)(y + i, few, n - i);
    }
}
#endif

// y [n] = a row's numbers from the k-th on, the first of a block; of I8 and U8 without the scale.
WMK_APART void WMK(fill)(float *y, const wmk_row *row, size_t k, size_t n, wm_weight_type type) {
    if (type == WM_F16) {
        WMK(widen_f16)(y, row->data + 2 * k, n);
    } else if (type == WM_BF16) {
        WMK(widen_bf16)(y, row->data + 2 * k, n);
    } else {
#if LANES == 1
        for (size_t i = 0; i < n; i++) y[i] = WMK(number)(row, k + i, type);
#else
        if (type == WM_Q4) {
            WMK(fill_blocks)(y, row->data + k / 2, row->scales + k / WM_Q4_BLOCK * 2, n);
            return;
        }
        int8_t flip = type == WM_U8 ? -128 : 0;
        WMK(fill_bytes)(y, row->data + k, n, flip, v_set((float)(flip ? row->zero - 128 : 0)));
#endif
    }
}

// A row of a table.
WMK_APART void WMK(widen_row)(float *y, const wm_quantized *w, size_t n, wm_weight_type type) {
    wmk_row row = {w->data, w->scale, w->zero ? *w->zero : 0};
    WMK(fill)(y, &row, 0, n, type);
    if (type != WM_Q4) WMK(scale)(y, *(const float *)(const void *)w->scale, n);
}

static void WMK(widen_i8)(float *y, const void *a, size_t n) { WMK(widen_row)(y, a, n, WM_I8); }
static void WMK(widen_u8)(float *y, const void *a, size_t n) { WMK(widen_row)(y, a, n, WM_U8); }
static void WMK(widen_q4)(float *y, const void *a, size_t n) { WMK(widen_row)(y, a, n, WM_Q4); }

// ---- In registers -------------------------------------------------------------------------------
// For one row of x.

// Without an instruction for it F16 keeps its exponent's bias, which is left to x, lifted before,
// and to the sum, in two steps of which none goes out of range.
#if LANES == 4 && !defined(F16C)
#define F16_LIFT 0x1p90f
#define F16_UNIT 0x1p22f
#else
#define F16_UNIT 1.0f
#endif

#if LANES > 1
// What loads of halves need besides.
typedef struct WMK(halves) {
    v_half shift; // 13 bits up for the lower half of a lane
    vint mask;    // F16's sign, exponent and mantissa in a float
    v_half odd;   // all bits that there were
    vint zero;
} WMK(halves);

WMK_INLINE WMK(halves) WMK(no_halves)(void) {
    WMK(halves)
    none = {.shift = (v_half)WMK(everywhere)(1 << 13),
            .mask = WMK(everywhere)(0x8FFFE000),
            .odd = (v_half)WMK(everywhere)(0),
            .zero = WMK(everywhere)(0)};
    return none;
}

// 2 · LANES numbers of two rows.
#ifdef F16_LIFT
WMK_INLINE void WMK(halves_step)(vec sum[2], const vec a[2], const uint8_t *const w[2],
                                 const wm_weight_type type, WMK(halves) * halves) {
    v_half b[2] = {v_load_half(w[0]), v_load_half(w[1])}, zero = (v_half)halves->zero;
    if (type == WM_F16) halves->odd |= b[0] | b[1];
    WMK_UNROLL for (size_t i = 0; i < 2; i++) {
        if (type == WM_BF16) {
            sum[i] = v_fma(a[0], (vec)__builtin_shufflevector(zero, b[i], 0, 8, 1, 9, 2, 10, 3, 11),
                           sum[i]);
            sum[i] = v_fma(
                a[1], (vec)__builtin_shufflevector(zero, b[i], 4, 12, 5, 13, 6, 14, 7, 15), sum[i]);
        } else {
            // Both rows' numbers in the halves of a lane: one goes up, the other down.
            vint both = (vint)(i ? __builtin_shufflevector(b[0], b[1], 4, 12, 5, 13, 6, 14, 7, 15)
                                 : __builtin_shufflevector(b[0], b[1], 0, 8, 1, 9, 2, 10, 3, 11));
            vint low = v_dot((vint){0}, (v_half)both, halves->shift);
            sum[0] = v_fma(a[i], v_float(low & halves->mask), sum[0]);
            sum[1] = v_fma(a[i], v_float(both >> 3 & halves->mask), sum[1]);
        }
    }
}
#else
WMK_INLINE void WMK(halves_step)(vec sum[2], const vec a[2], const uint8_t *const w[2],
                                 const wm_weight_type type, WMK(halves) * halves) {
    (void)halves;
    WMK_UNROLL for (size_t c = 0; c < 2; c++) {
        WMK_UNROLL for (size_t i = 0; i < 2; i++) {
            const uint8_t *p = w[c] + 2 * LANES * i;
            sum[c] = v_fma(a[i], type == WM_F16 ? v_load_f16(p) : WMK(load_bf16)(p), sum[c]);
        }
    }
}
#endif

// 2 and more has the exponent's upper bit, as have infinity and NaN.
WMK_INLINE bool WMK(are_odd)(const WMK(halves) * halves) {
    uint32_t lanes[LANES], all = 0;
    memcpy(lanes, &halves->odd, sizeof lanes);
    WMK_ROLLED for (size_t i = 0; i < LANES; i++) all |= lanes[i];
    return all & 0x40004000;
}

// y = sums · unit + what they are added to.
WMK_APART void WMK(thin_end)(const wmk_tile *tile, vec a, vec b, vec c, vec d, float unit) {
    wmk_quad sums = v_sums(a, b, c, d), from;
    memcpy(&from, tile->from, sizeof from);
    sums = sums * unit + from;
    memcpy(tile->y, &sums, sizeof sums);
}

// I8: 16 numbers of each row.
WMK_INLINE void WMK(bytes_step)(vec sum[4], const float *x, const uint8_t *const w[4]) {
    vec a[16 / LANES], b[16 / LANES];
    WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) a[i] = v_load(x + i * LANES);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        v_from_bytes(b, v_load_bytes(w[c]));
        WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) sum[c] = v_fma(a[i], b[i], sum[c]);
    }
}

// False where the numbers are not what the loads can widen.
WMK_INLINE bool WMK(thin_tile)(const wmk_tile *tile, const wm_weight_type type, const float unit) {
    const size_t step = type == WM_I8 ? 16 : 2 * LANES, size = type == WM_I8 ? 1 : 2;
    size_t never = 0;
    const float *x = type == WM_F16 && tile->lifted ? tile->lifted : tile->x;
    const uint8_t *w[4];
    WMK(halves) halves = WMK(no_halves)();
    WMK_OPAQUE(never);
    vec zero = (vec)halves.zero, sum[4] = {zero, zero, zero, zero};
    WMK_UNROLL for (size_t c = 0; c < 4; c++) w[c] = tile->w[c];
    for (size_t left = tile->K / step; left; left--) {
        if (type == WM_I8) {
            WMK(bytes_step)(sum, x, w);
        } else {
            vec a[2] = {v_load(x), v_load(x + LANES)};
            WMK(halves_step)(sum, a, w, type, &halves);
            if (left == never) break;
            WMK(halves_step)(sum + 2, a, w + 2, type, &halves);
        }
        WMK_ADVANCE(x, step);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(w[c], step * size);
    }
#ifdef F16_LIFT
    if (type == WM_F16 && WMK(are_odd)(&halves)) return false;
#endif
    WMK(thin_end)(tile, sum[0], sum[1], sum[2], sum[3], unit);
    return true;
}

// Each a function of its own: V8 is short of registers in a larger one.
WMK_APART bool WMK(thin_f16)(const wmk_tile *tile) {
    return WMK(thin_tile)(tile, WM_F16, F16_UNIT);
}
WMK_APART bool WMK(thin_bf16)(const wmk_tile *tile) { return WMK(thin_tile)(tile, WM_BF16, 1); }
#ifndef BY_HALVES
WMK_APART bool WMK(thin_i8)(const wmk_tile *tile) { return WMK(thin_tile)(tile, WM_I8, I8_UNIT); }
#endif

#ifdef v_from_nibbles
// Q4, from the k-th number on.
WMK_APART void WMK(thin_nibbles)(const wmk_tile *tile, const wmk_row rows[4], size_t k) {
    enum { PARTS = WM_Q4_BLOCK / LANES };
    const uint8_t *w[4], *scales[4];
    const float *x = tile->x;
    vec sum[4], b[PARTS];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        w[c] = tile->w[c], scales[c] = rows[c].scales + k / WM_Q4_BLOCK * 2;
        sum[c] = v_set(0.0f);
    }
    for (size_t i = 0; i < tile->K / WM_Q4_BLOCK; i++, x += WM_Q4_BLOCK) {
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            v_from_nibbles(b, w[c] + i * WM_Q4_BYTES, scales[c] + 2 * i);
            WMK_UNROLL for (size_t j = 0; j < PARTS; j++) {
                sum[c] = v_fma(v_load(x + j * LANES), b[j], sum[c]);
            }
        }
    }
    WMK(thin_end)(tile, sum[0], sum[1], sum[2], sum[3], 1);
}
#endif

// False where there is no such tile, or it cannot hold these numbers.
WMK_INLINE bool WMK(thin)(const wmk_tile *tile, wm_weight_type type) {
    switch (type) {
    case WM_F16: return WMK(thin_f16)(tile);
    case WM_BF16: return WMK(thin_bf16)(tile);
#ifndef BY_HALVES
    case WM_I8: return WMK(thin_i8)(tile);
#endif
    default: return false;
    }
}
#else
WMK_INLINE bool WMK(thin)(const wmk_tile *tile, wm_weight_type type) {
    return (void)tile, (void)type, false;
}
#endif
