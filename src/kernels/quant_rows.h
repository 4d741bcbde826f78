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

// Number k of a row; of I8 and U8 without the row's scale.
WMK_INLINE float WMK(number)(const wmk_row *row, size_t k, wm_weight_type type) {
    if (type == WM_I8) return (float)(int8_t)row->data[k];
    if (type == WM_U8) return (float)(row->data[k] - row->zero);
    uint16_t half = wm_read_u16(row->scales + k / WM_Q4_BLOCK * 2);
    return (float)((row->data[k / 2] >> k % 2 * 4 & 15) - 8) * wm_f16_to_f32(half);
}

#if LANES > 1
// y [16] = bytes · scale - less
WMK_INLINE void WMK(store16)(float *y, v_bytes bytes, float scale, float less) {
    vec wide[16 / LANES];
    v_from_bytes(wide, bytes);
    WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) {
        v_store(y + i * LANES, wide[i] * v_set(scale * I8_UNIT) - v_set(less));
    }
}

// y [32] = a block of q4. With its upper bit turned a nibble is q - 8 in two's complement.
WMK_INLINE void WMK(store_block)(float *y, const uint8_t *p, float scale) {
    v_bytes q = v_load_bytes(p), low = (q << 4) ^ -128, high = (q & -16) ^ -128;
    WMK(store16)(
        y,
        __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
        scale / 16, 0);
    WMK(store16)(y + 16,
                 __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29,
                                         14, 30, 15, 31),
                 scale / 16, 0);
}
#endif

// y [n] = a row's numbers from the k-th on, the first of a block.
WMK_APART void WMK(fill)(float *y, const wmk_row *row, size_t k, size_t n, wm_weight_type type) {
    size_t i = 0;
    if (type == WM_F16) {
        WMK(widen_f16)(y, row->data + 2 * k, n);
        return;
    }
    if (type == WM_BF16) {
        WMK(widen_bf16)(y, row->data + 2 * k, n);
        return;
    }
#if LANES > 1
    int8_t flip = type == WM_U8 ? -128 : 0;
    float less = type == WM_U8 ? (float)(row->zero - 128) : 0;
    WMK_ROLLED for (; type != WM_Q4 && i + 16 <= n; i += 16)
        WMK(store16)(y + i, v_load_bytes(row->data + k + i) ^ flip, 1, less);
    WMK_ROLLED for (; type == WM_Q4 && i + WM_Q4_BLOCK <= n; i += WM_Q4_BLOCK) {
        uint16_t half = wm_read_u16(row->scales + (k + i) / WM_Q4_BLOCK * 2);
        WMK(store_block)(y + i, row->data + (k + i) / 2, wm_f16_to_f32(half));
    }
#endif
    WMK_ROLLED for (; i < n; i++) y[i] = WMK(number)(row, k + i, type);
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

// ---- Inside the tile ----------------------------------------------------------------------------
// One row of x against four of w, K a multiple of 32: no tails.

#if LANES > 1
#ifdef F16C
#define F16_LIFT 1
#define F16_UNIT 1
#define v_load_thin_f16(p) v_load_f16(p)
#else
// The exponent's bias is left to x and the sum, in two steps of which none goes out of range.
#define F16_LIFT 0x1p90f
#define F16_UNIT 0x1p22f
#define v_load_thin_f16(p) v_float(v_shift(v_load_i16(p), 13) & (int32_t)0x8FFFE000)
#endif

// An infinity or a NaN takes the exponent's own bits, which the tile leaves out.
WMK_INLINE bool WMK(halves_are_finite)(const wmk_tile *tile) {
#ifdef F16C
    (void)tile;
#else
    typedef int16_t halves __attribute__((vector_size(16)));
    int16_t lanes[8];
    WMK_ROLLED for (size_t c = 0; c < 4; c++) {
        halves most = {0}, large;
        WMK_ROLLED for (size_t k = 0; k < tile->K; k += 8) {
            halves h = (halves)v_load_bytes(tile->w[c] + 2 * k) & 0x7FFF;
            large = h > most;
            most = (h & large) | (most & ~large);
        }
        memcpy(lanes, &most, sizeof lanes);
        WMK_ROLLED for (size_t i = 0; i < 8; i++) {
            if (lanes[i] >= 0x7C00) return false;
        }
    }
#endif
    return true;
}

// y = sums · unit + what they are added to.
WMK_APART void WMK(thin_end)(const wmk_tile *tile, const vec sum[4], float unit) {
    wmk_quad sums = v_sums(sum[0], sum[1], sum[2], sum[3]), from;
    memcpy(&from, tile->from, sizeof from);
    sums = sums * unit + from;
    memcpy(tile->y, &sums, sizeof sums);
}

// F16 and BF16: LANES numbers of each row. As in dot_tile, V8 should not mix the steps.
WMK_INLINE void WMK(halves_step)(vec sum[4], const float *x, const uint8_t *const w[4], size_t k,
                                 const wm_weight_type type, const float lift) {
    vec a = v_load(x + k), b = a;
    if (lift != 1) a *= v_set(lift);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        if (type == WM_F16) b = v_load_thin_f16(w[c] + 2 * k);
        if (type == WM_BF16) b = WMK(load_bf16)(w[c] + 2 * k);
        sum[c] = v_fma(a, b, sum[c]);
    }
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

WMK_INLINE void WMK(thin_tile)(const wmk_tile *tile, const wm_weight_type type, const float lift,
                               const float unit) {
    const size_t step = type == WM_I8 ? 16 : 2 * LANES, size = type == WM_I8 ? 1 : 2;
    const float *x = tile->x;
    const uint8_t *w[4];
    vec sum[4];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) w[c] = tile->w[c], sum[c] = v_set(0.0f);
    for (size_t left = tile->K / step; left; left--) {
        if (type == WM_I8) {
            WMK(bytes_step)(sum, x, w);
        } else {
            WMK(halves_step)(sum, x, w, 0, type, lift);
            if (left == SIZE_MAX) break;
            WMK(halves_step)(sum, x, w, LANES, type, lift);
        }
        WMK_ADVANCE(x, step);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(w[c], step * size);
    }
    WMK(thin_end)(tile, sum, unit);
}

// False where there is no such tile, or it cannot hold these numbers.
WMK_APART bool WMK(thin)(const wmk_tile *tile, wm_weight_type type) {
    switch (type) {
    case WM_F16:
        if (!WMK(halves_are_finite)(tile)) return false;
        WMK(thin_tile)(tile, WM_F16, F16_LIFT, F16_UNIT);
        return true;
    case WM_BF16: WMK(thin_tile)(tile, WM_BF16, 1, 1); return true;
    case WM_I8: WMK(thin_tile)(tile, WM_I8, 1, I8_UNIT); return true;
    default: return false;
    }
}
#undef F16_LIFT
#undef F16_UNIT
#undef v_load_thin_f16
#else
WMK_INLINE bool WMK(thin)(const wmk_tile *tile, wm_weight_type type) {
    return (void)tile, (void)type, false;
}
#endif
