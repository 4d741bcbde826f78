// SPDX-License-Identifier: MIT OR Apache-2.0
// Rows of weights that are not f32: widened into memory once for many rows of x, or inside the tile
// for one row, where the bytes read are what takes the time. Either way the sums are those of
// linear's contract. Included by kernels_body.h.

// ---- Halves -------------------------------------------------------------------------------------

#if LANES > 1
// What loads of halves need besides.
typedef struct WMK(halves) {
    v_half shift; // 13 bits up for the lower half of a lane
    vint mask;    // F16's sign, exponent and mantissa in a float
    vint zero;
} WMK(halves);

WMK_INLINE WMK(halves) WMK(no_halves)(void) {
    WMK(halves)
    none = {.shift = (v_half)WMK(everywhere)(1 << 13),
            .mask = WMK(everywhere)(0x8FFFE000),
            .zero = WMK(everywhere)(0)};
    return none;
}

// 2 · LANES numbers; REBASED: times 2⁻¹⁰², as its exponents stand in a float.
#ifdef REBASED
#define REBASED_UNIT 0x1p102f
#define REBASED_LIFT 0x1p90f // of one row of x beforehand, lest a product goes out of range
WMK_INLINE void WMK(load_halves)(vec to[2], const uint8_t *p, const wm_weight_type type,
                                 const WMK(halves) * halves) {
    v_half b = v_load_half(p), zero = (v_half)halves->zero;
    if (type == WM_BF16) {
        to[0] = (vec)__builtin_shufflevector(zero, b, 0, 8, 1, 9, 2, 10, 3, 11);
        to[1] = (vec)__builtin_shufflevector(zero, b, 4, 12, 5, 13, 6, 14, 7, 15);
    } else {
        to[0] = v_float(v_dot((vint){0}, b, halves->shift) & halves->mask);
        to[1] = v_float((vint)b >> 3 & halves->mask);
    }
}

static void WMK(widen_rebased)(float *y, const void *a, size_t n) {
    WMK(halves) halves = WMK(no_halves)();
    vec wide[2], unit = v_float(WMK(everywhere)((127 + 102) << 23)); // REBASED_UNIT
    WMK_ROLLED for (size_t i = 0; i < n; i += 2 * LANES) {
        WMK(load_halves)(wide, (const uint8_t *)a + 2 * i, WM_REBASED, &halves);
        v_store(y + i, wide[0] * unit);
        v_store(y + i + LANES, wide[1] * unit);
    }
}

// Eight halves of which some are subnormal or zero, with REBASED's exponents.
WMK_APART v_half WMK(rebase_small)(v_half few) {
    uint16_t lanes[8];
    memcpy(lanes, &few, sizeof lanes);
    WMK_ROLLED for (size_t i = 0; i < 8; i++) {
        uint32_t size = lanes[i] & 0x7FFF;
        float whole = (float)size; // a subnormal's: its exponent counts from 2⁻²⁴
        uint32_t bits = (wm_read_u32(&whole) >> 13) - (126 << 10);
        if (size)
            lanes[i] = (uint16_t)(size < 0x400 ? bits | (lanes[i] & 0x8000) : lanes[i] + 0x2800u);
    }
    memcpy(&few, lanes, sizeof few);
    return few;
}

static bool WMK(rebase)(uint8_t *w, size_t n) {
    uint64_t over = 0; // the upper bit: 0x5800 and more
    WMK_ROLLED for (size_t i = 0; i < n; i += 4) {
        over |= (wm_read_u64(w + 2 * i) & 0x7FFF7FFF7FFF7FFF) + 0x2800280028002800;
    }
    if (over & 0x8000800080008000) return false;
    WMK_ROLLED for (size_t i = 0; i < n; i += 8, w += 16) {
        v_half b = v_load_half(w);
        b = v_any((b & 0x7FFF) < 0x400) ? WMK(rebase_small)(b) : b + 0x2800;
        b = __builtin_shufflevector(b, b, 0, 4, 1, 5, 2, 6, 3, 7);
        memcpy(w, &b, sizeof b);
    }
    return true;
}
#else
#define REBASED_UNIT 1
#define REBASED_LIFT 1
WMK_INLINE void WMK(load_halves)(vec to[2], const uint8_t *p, const wm_weight_type type,
                                 const WMK(halves) * halves) {
    (void)halves;
    WMK_UNROLL for (size_t i = 0; i < 2; i++, p += 2 * LANES) {
        to[i] = type == WM_F16 ? v_load_f16(p) : WMK(load_bf16)(p);
    }
}
#endif
#endif

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
#ifdef REBASED
    } else if (type == WM_REBASED) {
        WMK(widen_rebased)(y, row->data + 2 * k, n);
#endif
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

#if LANES > 1
// 2 · LANES numbers of two rows.
WMK_INLINE void WMK(halves_step)(vec sum[2], const vec a[2], const uint8_t *const w[2],
                                 const wm_weight_type type, const WMK(halves) * halves) {
    vec b[2];
    WMK_UNROLL for (size_t c = 0; c < 2; c++) {
        WMK(load_halves)(b, w[c], type, halves);
        WMK_UNROLL for (size_t i = 0; i < 2; i++) sum[c] = v_fma(a[i], b[i], sum[c]);
    }
}

// F32: LANES numbers of each row, from the k-th on.
WMK_INLINE void WMK(floats_step)(vec sum[4], const float *x, const uint8_t *const w[4],
                                 const size_t k) {
    vec a = v_load(x + k);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) sum[c] = v_fma(a, v_load(w[c] + 4 * k), sum[c]);
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

// Sums of n products, for four rows of w that are `apart` bytes apart. V8: see dot_tile; two
// ways out on the same condition are one to it.
WMK_INLINE void WMK(thin_sums)(vec to[4], const float *x, const uint8_t *data, size_t apart,
                               size_t n, const wm_weight_type type) {
    const size_t size = type == WM_F32 ? 4 : type == WM_I8 ? 1 : 2;
    const size_t step = type == WM_F32 ? LANES : type == WM_I8 ? 16 : 2 * LANES;
    const size_t steps = type == WM_F32 ? 4 : 1;
    size_t never = 0;
    const uint8_t *w[4];
    const WMK(halves) halves = WMK(no_halves)();
    const vec zero = v_float(halves.zero);
    vec sum[4] = {zero, zero, zero, zero};
    WMK_OPAQUE(never);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) w[c] = data + c * apart;
    for (size_t left = n / step; left; left -= steps) {
        if (type == WM_I8) {
            WMK(bytes_step)(sum, x, w);
        } else if (type == WM_F32) {
            WMK(floats_step)(sum, x, w, 0);
            if (left == 1) break;
            WMK(floats_step)(sum, x, w, LANES);
            if (left == 2) break;
            WMK(floats_step)(sum, x, w, 2 * LANES);
            if (left == 3) break;
            WMK(floats_step)(sum, x, w, 3 * LANES);
        } else {
            vec a[2] = {v_load(x), v_load(x + LANES)};
            WMK(halves_step)(sum, a, w, type, &halves);
            if (left == never) break;
            WMK(halves_step)(sum + 2, a, w + 2, type, &halves);
        }
        WMK_ADVANCE(x, steps * step);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(w[c], steps * step * size);
    }
    WMK_UNROLL for (size_t c = 0; c < 4; c++) to[c] = sum[c];
}

// Each a function of its own: V8 is short of registers in a larger one.
#define WMK_THIN(name, type)                                                                    \
    WMK_APART void WMK(thin_##name)(vec sum[4], const float *x, const uint8_t *w, size_t apart, \
                                    size_t n) {                                                 \
        WMK(thin_sums)(sum, x, w, apart, n, type);                                              \
    }
#ifndef QUADS
WMK_THIN(f32, WM_F32)
#endif
WMK_THIN(bf16, WM_BF16)
#ifdef REBASED
WMK_THIN(rebased, WM_REBASED)
#else
WMK_THIN(f16, WM_F16)
#endif
#ifndef BY_HALVES
WMK_THIN(i8, WM_I8)
#endif
#undef WMK_THIN

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
    wmk_quad from;
    memcpy(&from, tile->from, sizeof from);
    from += v_sums(sum[0], sum[1], sum[2], sum[3]);
    memcpy(tile->y, &from, sizeof from);
}
#endif

// One row of x, K a multiple of 32, by four rows of w N / 4 apart: long streams, which processors
// fetch ahead where short ones stall. The last N % 4 go one by one. False where there are no sums
// of such rows.
WMK_INLINE bool WMK(thin)(float *y, const float *x, const wmk_weight *w, const float *b, size_t N,
                          size_t K) {
    size_t groups = N / 4;
    float unit = w->type == WM_I8 ? I8_UNIT : 1;
    if (w->type == WM_REBASED) unit = REBASED_UNIT / REBASED_LIFT;
    if (!b) b = memset(y, 0, N * sizeof *y);
    for (size_t i = 0; i < groups + N % 4; i++) {
        size_t apart = i < groups ? groups : 0, n = apart ? i : i + 3 * groups;
        const uint8_t *data = w->data + n * w->pitch;
        const float *from = b;
        for (size_t k = 0; k == 0 || k < K; k += WMK_K_BLOCK, from = y) {
            size_t count = WM_MIN(WMK_K_BLOCK, K - k), by = apart * w->pitch;
            vec sum[4];
            wmk_quad sums;
            switch (w->type) {
#ifndef QUADS
            case WM_F32: WMK(thin_f32)(sum, x + k, data, by, count); break;
#endif
            case WM_BF16: WMK(thin_bf16)(sum, x + k, data, by, count); break;
#ifdef REBASED
            case WM_REBASED: WMK(thin_rebased)(sum, x + k, data, by, count); break;
#else
            case WM_F16: WMK(thin_f16)(sum, x + k, data, by, count); break;
#endif
#ifndef BY_HALVES
            case WM_I8: WMK(thin_i8)(sum, x + k, data, by, count); break;
#endif
            default: return false;
            }
            sums = v_sums(sum[0], sum[1], sum[2], sum[3]) * unit;
            WMK_UNROLL for (size_t c = 0; c < 4; c++) sums[c] += from[n + c * apart];
            WMK_UNROLL for (size_t c = 0; c < 4; c++) y[n + c * apart] = sums[c];
            data += count * w->bits >> 3;
        }
    }
    return true;
}
#else
WMK_INLINE bool WMK(thin)(float *y, const float *x, const wmk_weight *w, const float *b, size_t N,
                          size_t K) {
    return (void)y, (void)x, (void)w, (void)b, (void)N, (void)K, false;
}
#endif
