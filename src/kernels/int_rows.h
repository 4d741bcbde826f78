// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of whole numbers: rows of i8 or q4 times rows of x in 14 bits, in sums of 32 bits that
// cannot overflow. Included by kernels_body.h.

// The larger of two floats' bits, none of them below zero.
WMK_INLINE vint WMK(larger)(vint a, vint b) {
#ifdef v_int_max
    return v_int_max(a, b);
#else
    vint less = a - b;
    return a - (less & less >> 31);
#endif
}

// The largest number of a row of x, without its sign; a NaN or an infinity before others. Four by
// turns: none waits for the last.
WMK_APART float WMK(row_most)(const float *x, size_t K) {
    vint most[4] = {v_bits(v_set(0.0f)), v_bits(v_set(0.0f)), v_bits(v_set(0.0f)),
                    v_bits(v_set(0.0f))};
    size_t k = 0;
    WMK_ROLLED for (; k + 4 * LANES <= K; k += 4 * LANES) {
        WMK_UNROLL for (size_t i = 0; i < 4; i++) {
            most[i] = WMK(larger)(most[i], v_bits(WMK(abs)(v_load(x + k + i * LANES))));
        }
    }
    WMK_ROLLED for (; k < K; k += LANES) {
        most[0] = WMK(larger)(most[0], v_bits(WMK(abs)(WMK(load)(x + k, K - k, 0))));
    }
    most[0] = WMK(larger)(WMK(larger)(most[0], most[1]), WMK(larger)(most[2], most[3]));
    float lanes[LANES];
    uint32_t all = 0;
    v_store(lanes, v_float(most[0]));
    WMK_ROLLED for (size_t i = 0; i < LANES; i++) all = WM_MAX(all, wm_read_u32(lanes + i));
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

// Two vectors of whole numbers with WMK_ROUND added; `turned`: two of them here, two 8 further, ….
WMK_INLINE void WMK(store_whole)(int16_t *to, const vec shifted[2], bool turned) {
#ifdef v_couple
    vint round = v_bits(v_set(WMK_ROUND));
    vint all = (vint)v_narrow(v_bits(shifted[0]) - round, v_bits(shifted[1]) - round);
    if (!turned) {
        memcpy(to, &all, sizeof all);
        return;
    }
    WMK_UNROLL for (size_t i = 0; i < 4; i++) {
        int32_t two = all[i];
        memcpy(to + 8 * i, &two, sizeof two);
    }
#else
    (void)turned;
    WMK_UNROLL for (size_t i = 0; i < 2; i++, to += LANES) {
#if LANES > 1
        WMK(few_halves) few = __builtin_convertvector(v_bits(shifted[i]), WMK(few_halves));
        memcpy(to, &few, sizeof few);
#else
        *to = (int16_t)v_bits(shifted[i]);
#endif
    }
#endif
}

// to [n, and zeros up to `all`] = x / step to the nearest, ties to even. With `rest` what is left,
// times that, goes behind it. turned: … or between three other rows, by twos. For q4 the numbers of
// 8 · LANES change places: those whose nibbles stand at one place of their 16 bits come together.
WMK_APART void WMK(quantise)(int16_t *to, const float *x, float step, size_t n, size_t all,
                             float rest, wm_weight_type type, bool turned) {
    enum { SPAN = 8 * LANES, STEP = 2 * LANES };
    const vec round = v_set(WMK_ROUND), per_step = v_set(step > 0x1p-100f ? 1 / step : 0);
    WMK_ROLLED for (size_t k = 0; k < all; k += STEP, x += STEP) {
        float few[STEP] = {0};
        if (k + STEP > n) {
            if (k < n) WMK(copy_few)(few, x, n - k);
            x = few;
        }
        vec v[2], shifted[2];
        WMK_UNROLL for (size_t i = 0; i < 2; i++) {
            v[i] = v_load(x + i * LANES) * per_step;
            shifted[i] = v[i] + round;
        }
        int16_t *at = to + (turned ? 4 * k : k);
        WMK(store_whole)(at, shifted, turned);
        if (rest == 0) continue;
        WMK_UNROLL for (size_t i = 0; i < 2; i++) {
            shifted[i] = (v[i] - (shifted[i] - round)) * v_set(rest) + round;
        }
        WMK(store_whole)(at + (turned ? 2 : all), shifted, turned);
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
#ifdef v_couple
        wmk_quad all = v_convert(v_int_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]));
#else
        wmk_quad all = v_sums(v_convert(sum[r][0]), v_convert(sum[r][1]), v_convert(sum[r][2]),
                              v_convert(sum[r][3]));
#endif
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

// 8 · LANES numbers of a row of x.
WMK_INLINE vec WMK(q4_block)(vec sum, const int16_t *x, const v_half w[4], vec scale) {
    vint all = v_bits(v_set(0.0f));
    WMK_UNROLL for (size_t m = 0; m < 4; m++) {
        all = v_dot(all, v_load_half(x + m * 2 * LANES), w[m]);
    }
    return v_fma(v_convert(all), scale, sum);
}

// sums [rows, 4] as q4_tile's: four rows of x and one of w at a time, whose numbers are unpacked
// once. Each row of x has a block of its own (dot_tile).
WMK_APART void WMK(q4_many)(float *sums, const int16_t *x, size_t ldx, const WMK(int_rows) * from,
                            size_t K, size_t rows) {
    enum { SPAN = 8 * LANES };
    typedef uint16_t nibbles __attribute__((vector_size(4 * LANES)));
    const v_half flip = (v_half)WMK(everywhere)(0x88888888);
    const v_half top = (v_half)WMK(everywhere)(0xF000F000);
    for (size_t n = 0; n < 4 * ((rows + 3) / 4); n++) {
        size_t c = n % 4, first = WM_MIN(n - c, rows - 4); // the last do some rows again
        const uint8_t *w = from->w[c];
        const int16_t *at[4];
        vec sum[4];
        WMK_UNROLL for (size_t r = 0; r < 4; r++) {
            at[r] = x + (first + r) * ldx;
            sum[r] = v_set(0.0f);
        }
        for (size_t i = 0, left = K; left; i++, left -= SPAN) {
            nibbles q = (nibbles)(v_load_half(w) ^ flip);
            vec scale = v_load_scales(from->scale[c], i);
            v_half b[4];
            WMK_UNROLL for (size_t m = 0; m < 4; m++) b[m] = (v_half)(q << (12 - 4 * m)) & top;
            sum[0] = WMK(q4_block)(sum[0], at[0], b, scale);
            if (left == 1) break;
            sum[1] = WMK(q4_block)(sum[1], at[1], b, scale);
            if (left == 2) break;
            sum[2] = WMK(q4_block)(sum[2], at[2], b, scale);
            if (left == 3) break;
            sum[3] = WMK(q4_block)(sum[3], at[3], b, scale);
            WMK_UNROLL for (size_t r = 0; r < 4; r++) WMK_ADVANCE(at[r], SPAN);
            WMK_ADVANCE(w, 4 * LANES);
        }
        wmk_quad all = v_sums(sum[0], sum[1], sum[2], sum[3]);
        WMK_ROLLED for (size_t r = 0; r < 4; r++) sums[4 * (first + r) + c] = all[r];
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

#ifdef v_couple
// Many rows of x: each four of them turned, [K / 2, 4, 2], so that sums have lanes over rows of x,
// and none is added up across a vector.
typedef struct WMK(turned) {
    float *y;
    size_t ldy, K;
    const int16_t *x, *w;
    const float *steps, *scale, *b;
    const uint8_t *soon; // what is wanted of w next: `pace` bytes for each four numbers of K
    size_t pace;
} WMK(turned);

// y [4, 4] = sums of four rows of x in their lanes, times steps and scales, + b.
WMK_INLINE void WMK(turned_end)(const WMK(turned) * tile, size_t r, vint a, vint b, vint c,
                                vint d) {
    vec unit = v_load(tile->scale), bias = v_load(tile->b);
    vint sum[4] = {a, b, c, d};
    float *y = tile->y + r * tile->ldy;
    v_turn(sum);
    WMK_UNROLL for (size_t i = 0; i < 4; i++, y += tile->ldy) {
        v_store(y, v_convert(sum[i]) * (v_set(tile->steps[r + i]) * unit) + bias);
    }
}

WMK_APART void WMK(turned_last)(const WMK(turned) * tile, size_t r, vint a, vint b, vint c,
                                vint d) {
    WMK(turned_end)(tile, r, a, b, c, d);
}

WMK_INLINE void WMK(turned_step)(vint sum[2][4], const int16_t *const group[2],
                                 const int16_t *const row[4], size_t k, const size_t groups) {
    v_half a[2];
    WMK_UNROLL for (size_t g = 0; g < groups; g++) a[g] = v_load_half(group[g] + 4 * k);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        v_half b = v_couple(row[c] + k);
        WMK_UNROLL for (size_t g = 0; g < groups; g++) sum[g][c] = v_dot(sum[g][c], a[g], b);
    }
}

// y [4 groups, 4] = x, groups of four rows turned, times w [4, K], times steps and scales, + b:
// lanes over rows of x.
WMK_INLINE void WMK(turned_tile)(const WMK(turned) * tile, const size_t groups) {
    const int16_t *row[4], *group[2];
    vint sum[2][4];
    size_t left = tile->K, pace = tile->pace;
    const uint8_t *soon = tile->soon;
    WMK_UNROLL for (size_t g = 0; g < groups; g++) group[g] = tile->x + 4 * g * left;
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        row[c] = tile->w + c * left;
        WMK_UNROLL for (size_t g = 0; g < groups; g++) sum[g][c] = v_bits(v_set(0.0f));
    }
    for (; left; left -= 4) {
        v_prefetch(soon);
        soon += pace;
        WMK(turned_step)(sum, group, row, 0, groups);
        if (left == 2) break;
        WMK(turned_step)(sum, group, row, 2, groups);
        WMK_UNROLL for (size_t g = 0; g < groups; g++) WMK_ADVANCE(group[g], 16);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(row[c], 4);
    }
    // a call for the last group; over one for the first the other's sums would go by memory
    size_t last = groups - 1;
    if (last) WMK(turned_end)(tile, 0, sum[0][0], sum[0][1], sum[0][2], sum[0][3]);
    WMK(turned_last)(tile, 4 * last, sum[last][0], sum[last][1], sum[last][2], sum[last][3]);
}

WMK_APART void WMK(turned_two)(const WMK(turned) * tile) { WMK(turned_tile)(tile, 2); }
WMK_APART void WMK(turned_one)(const WMK(turned) * tile) { WMK(turned_tile)(tile, 1); }

// wide [rows, pitch] = n numbers of each row of w and zeros; rows without a gap in one stream.
WMK_APART void WMK(widen_rows)(int16_t *wide, size_t pitch, const uint8_t *w, size_t K, size_t rows,
                               size_t n) {
    if (pitch == K) n = pitch = K *= rows, rows = 1;
    for (; rows; rows--, w += K, wide += pitch) {
        size_t i = 0;
        for (; i + 32 <= n; i += 32) {
            WMK_UNROLL for (size_t j = i; j < i + 32; j += 8) {
                v_half b = v_load_half_i8(w + j);
                memcpy(wide + j, &b, sizeof b);
            }
        }
        WMK_ROLLED for (; i < pitch; i++) wide[i] = i < n ? (int8_t)w[i] : 0;
    }
}
#else
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
#endif

// sums [count, 4] = x [count, K] · w [4, K]ᵀ
WMK_INLINE void WMK(int_tiles)(float *sums, const int16_t *x, size_t ldx,
                               const WMK(int_rows) * from, size_t K, size_t count,
                               wm_weight_type type) {
    const bool q4 = type == WM_Q4;
#ifndef v_couple
    if (!q4 && count >= WM_MAX(TILE_T, WMK_FEW)) {
        WMK(i8_many)(sums, x, ldx, from, K, count);
        return;
    }
#endif
    if (q4 && count >= 4) {
        WMK(q4_many)(sums, x, ldx, from, K, count);
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
WMK_APART void WMK(int_finish)(float *y, size_t ldy, size_t apart, size_t columns,
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

#ifdef v_couple
// y [T, N] = x, turned, times w from number k on, some columns of w at a time, widened once.
WMK_APART void WMK(i8_many)(float *y, size_t ldy, const int16_t *x, size_t pitch,
                            const float *steps, int16_t *wide, const wm_quantized *w,
                            const float *b, size_t T, size_t N, size_t k, size_t n_k, size_t K,
                            float rest) {
    static const float plain[12] = {1, 1, 1, 1, 1, 1, 1, 1};
    const float *scale = (const float *)(const void *)w->scale;
    size_t halves = rest == 0 ? 1 : 2, some;
    // the tiles of some columns fetch the next ones, each its share
    size_t pace = WM_MIN(16, 127 / (T * halves) + 1), share = pitch / 4 * pace;
    for (size_t n = 0; n < N; n += some) {
        some = WM_MIN(WM_MIN(16, WMK_TURNED_W / pitch & ~(size_t)3), N - n);
        size_t next = (n + some) * K + k;
        WMK(widen_rows)(wide, pitch, w->data + n * K + k, K, some, n_k);
        for (size_t t = 0, count; t < T; t += count) {
            count = WM_MIN(8 / halves, T - t);
            for (size_t c = 0; c < some; c += 4) {
                size_t columns = WM_MIN(4, some - c), at = n + c;
                float sums[32], *to = y + t * ldy + at;
                bool whole = columns == 4 && count % 4 == 0 && rest == 0 && k == 0;
                WMK(turned) tile = {.y = sums, .ldy = 4, .K = pitch, .pace = pace};
                tile.x = x + t * halves * pitch, tile.w = wide + c * pitch;
                tile.soon = (const uint8_t *)tile.w;
                if (next + share <= N * K) tile.soon = w->data + next, next += share;
                tile.steps = tile.scale = plain, tile.b = plain + 8;
                if (whole) {
                    tile.y = to, tile.ldy = ldy;
                    tile.steps = steps + t, tile.scale = scale + at;
                    if (b) tile.b = b + at;
                }
                (count * halves > 4 ? WMK(turned_two) : WMK(turned_one))(&tile);
                if (whole) continue;
                WMK(int_finish)(to, ldy, 1, columns, sums, steps + t, count, scale + at,
                                b ? b + at : NULL, k > 0, rest);
            }
        }
    }
}
#endif

// Rows of x that fit on the stack at a time, as much of K as there is room for, that a few rows
// read w in one go; a sum's block of it each. halves: 1, or 2, which lie one after another as two
// rows and are added at last.
static void WMK(linear_whole)(float *y, size_t ldy, const float *x, size_t ldx,
                              const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                              size_t N, size_t K, const size_t halves) {
#ifdef v_couple
    enum { ROOM = WMK_TURNED_X, MOST = WMK_TURNED_MOST };
    int16_t wide[WMK_TURNED_W];
    const bool turn = T * halves >= WMK_TURNED_T && K;
    type = WM_I8; // for Q4 there is linear_woven: what is said of it here is left out
#else
    enum { ROOM = WMK_INT_X, MOST = WMK_INT_T };
    const bool turn = false;
#endif
    int16_t whole[ROOM];
    float steps[MOST] = {0}, sums[MOST * 4];
    WMK(int_rows) rows;
    const bool q4 = type == WM_Q4;
    const float rest = halves == 1 ? 0 : q4 ? 0x1p13f : 0x1p14f;
    const float *scale = (const float *)(const void *)w->scale;
    size_t by = T == 1 ? N / 4 : 1, span = (q4 ? 8 : 4) * LANES;
    size_t room = ROOM / WMK_INT_K / halves / WM_MIN(T, ROOM / WMK_INT_K / halves);
    if (turn) room = 1;
    for (size_t from = 0; from == 0 || from < K; from += room * WMK_INT_K) {
        size_t n = WM_MIN(room * WMK_INT_K, K - from), pitch = (n + span - 1) / span * span;
        size_t most = WM_MIN(MOST, ROOM / WM_MAX(pitch, 1) & ~(size_t)(turn ? 7 : 0)) / halves;
        for (size_t t = 0, block; t < T; t += block) {
            block = WM_MIN(most, T - t);
            for (size_t r = 0; r < block; r++) {
                const float *row = x + (t + r) * ldx;
                steps[r] = WMK(row_step)(row, K, rest, type);
                size_t line = r * halves, column = turn ? line % 4 : 0;
                WMK(quantise)(whole + (line - column) * pitch + 2 * column, row + from, steps[r], n,
                              pitch, rest, type, turn);
                if (q4) steps[r] *= 0x1p-12f;
            }
#ifdef v_couple
            if (turn) {
                WMK(i8_many)(y + t * ldy, ldy, whole, pitch, steps, wide, w, b, block, N, from, n,
                             K, rest);
                continue;
            }
#endif
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

#ifdef v_couple
#include "woven_rows.h"
#endif

// halves: 1, or 2 of each number of x
WMK_INLINE void WMK(linear_ints)(float *y, size_t ldy, const float *x, size_t ldx,
                                 const wm_quantized *w, wm_weight_type type, const float *b,
                                 size_t T, size_t N, size_t K, const size_t halves) {
#ifdef v_couple
    (type == WM_I8 ? WMK(linear_whole) : WMK(linear_woven))(y, ldy, x, ldx, w, type, b, T, N, K,
                                                            halves);
#else
    WMK(linear_whole)(y, ldy, x, ldx, w, type, b, T, N, K, halves);
#endif
}

static void WMK(linear_int8)(float *y, size_t ldy, const float *x, size_t ldx,
                             const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                             size_t N, size_t K) {
#ifdef v_dot4
    (type == WM_Q4 ? WMK(linear_nibbles) : WMK(linear_bytes))(y, ldy, x, ldx, w, b, T, N, K);
    return;
#endif
    WMK(linear_ints)(y, ldy, x, ldx, w, type, b, T, N, K, 1);
}

#ifdef BY_HALVES
static void WMK(linear_halves)(float *y, size_t ldy, const float *x, size_t ldx,
                               const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                               size_t N, size_t K) {
    WMK(linear_ints)(y, ldy, x, ldx, w, type, b, T, N, K, 2);
}
#endif
