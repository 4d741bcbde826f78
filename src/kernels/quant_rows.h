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

// y [n] = a row's numbers from the k-th on, an even one; of I8 and U8 without the row's scale.
WMK_APART void WMK(fill)(float *y, const wmk_row *row, size_t k, size_t n, wm_weight_type type) {
    const uint8_t *p = row->data + k;
    switch (type) {
    case WM_F16: WMK(widen_f16)(y, p + k, n); break;
    case WM_BF16: WMK(widen_bf16)(y, p + k, n); break;
    case WM_I8: {
        for (size_t i = 0; i < n; i++) y[i] = (float)(int8_t)p[i];
        break;
    }
    case WM_U8: {
        for (size_t i = 0; i < n; i++) y[i] = (float)(p[i] - row->zero);
        break;
    }
    default: // Q4
        for (size_t i = 0; i < n; i += WM_Q4_BLOCK) {
            float scale = wm_f16_to_f32(wm_read_u16(row->scales + (k + i) / WM_Q4_BLOCK * 2));
            p = row->data + (k + i) / 2;
            for (size_t j = 0; j < WM_Q4_BLOCK && i + j < n; j++)
                y[i + j] = (float)((p[j / 2] >> j % 2 * 4 & 15) - 8) * scale;
        }
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
    for (size_t c = 0; c < 4; c++) {
        halves most = {0}, large;
        for (size_t k = 0; k < tile->K; k += 8) {
            halves h = (halves)v_load_bytes(tile->w[c] + 2 * k) & 0x7FFF;
            large = h > most;
            most = (h & large) | (most & ~large);
        }
        for (size_t i = 0; i < 8; i++)
            if (most[i] >= 0x7C00) return false;
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

WMK_INLINE void WMK(thin_step)(vec *sum, const vec a[], const vec b[]) {
    WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) *sum = v_fma(a[i], b[i], *sum);
}

// F16, BF16 and I8: 16 numbers of each row at a time.
WMK_INLINE void WMK(thin_tile)(const wmk_tile *tile, const wm_weight_type type, const float lift,
                               const float unit) {
    const float *x = tile->x;
    const size_t size = type == WM_I8 ? 1 : 2;
    const uint8_t *w[4];
    vec sum[4], a[16 / LANES], b[16 / LANES];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) w[c] = tile->w[c], sum[c] = v_set(0.0f);
    for (size_t left = tile->K / 16; left; left--) {
        WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) {
            a[i] = v_load(x + i * LANES);
            if (lift != 1) a[i] *= v_set(lift);
        }
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            if (type == WM_I8) v_from_bytes(b, v_load_bytes(w[c]));
            WMK_UNROLL for (size_t i = 0; i < 16 / LANES; i++) {
                if (type == WM_F16) b[i] = v_load_thin_f16(w[c] + 2 * i * LANES);
                if (type == WM_BF16) b[i] = WMK(load_bf16)(w[c] + 2 * i * LANES);
            }
            WMK(thin_step)(&sum[c], a, b);
            w[c] += 16 * size;
        }
        x += 16;
    }
    WMK(thin_end)(tile, sum, unit);
}

// Q4: a block at a time. The numbers come as (q - 8) · 16 in bytes, the scales make up for it.
WMK_INLINE void WMK(thin_q4)(const wmk_tile *tile, const wmk_row rows[4], size_t k) {
    typedef int8_t bytes __attribute__((vector_size(16)));
    float scale[4][WMK_K_BLOCK / WM_Q4_BLOCK];
    const float *x = tile->x;
    vec sum[4], a[16 / LANES], b[16 / LANES];
    size_t blocks = tile->K / WM_Q4_BLOCK;
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        sum[c] = v_set(0.0f);
        WMK(widen_f16)(scale[c], rows[c].scales + k / WM_Q4_BLOCK * 2, blocks);
    }
    for (size_t i = 0; i < blocks; i++, x += WM_Q4_BLOCK) {
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            bytes q = (bytes)v_load_bytes(tile->w[c] + i * WM_Q4_BYTES), half[2];
            bytes low = (q << 4) ^ -128, high = (q & -16) ^ -128;
            half[0] = __builtin_shufflevector(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                              6, 22, 7, 23);
            half[1] = __builtin_shufflevector(low, high, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                              29, 14, 30, 15, 31);
            vec s = v_set(scale[c][i] * (I8_UNIT / 16));
            WMK_UNROLL for (size_t h = 0; h < 2; h++) {
                v_from_bytes(b, half[h]);
                WMK_UNROLL for (size_t j = 0; j < 16 / LANES; j++) {
                    b[j] *= s;
                    a[j] = v_load(x + h * 16 + j * LANES);
                }
                WMK(thin_step)(&sum[c], a, b);
            }
        }
    }
    WMK(thin_end)(tile, sum, 1);
}

// The rows' numbers from the k-th on; false where the tile has no such numbers.
WMK_APART bool WMK(thin)(const wmk_tile *tile, const wmk_row rows[4], size_t k,
                         wm_weight_type type) {
    switch (type) {
    case WM_F16:
        if (!WMK(halves_are_finite)(tile)) return false;
        WMK(thin_tile)(tile, WM_F16, F16_LIFT, F16_UNIT);
        return true;
    case WM_BF16: WMK(thin_tile)(tile, WM_BF16, 1, 1); return true;
    case WM_I8: WMK(thin_tile)(tile, WM_I8, 1, I8_UNIT); return true;
    case WM_Q4: WMK(thin_q4)(tile, rows, k); return true;
    default: return false;
    }
}
#undef F16_LIFT
#undef F16_UNIT
#undef v_load_thin_f16
#else
WMK_INLINE bool WMK(thin)(const wmk_tile *tile, const wmk_row rows[4], size_t k,
                          wm_weight_type type) {
    return (void)tile, (void)rows, (void)k, (void)type, false;
}
#endif
