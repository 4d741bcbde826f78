// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of whole numbers by dot products of bytes, four to a lane: what int_rows.h does, on
// machines with such an instruction. Included by kernels_body.h.
//
// A row of x is 256 · high + low in its own steps. They are fine enough for its usual numbers to
// fill `low`; `high` is what its few large ones need, and products with it are left out where it
// is zero. One operand of the instruction has no sign: w has BYTE_FLIP added to it, and a sum
// begins with that many times the sum of x below zero.

typedef int32_t WMK(ints) __attribute__((vector_size(4 * LANES)));
typedef int8_t WMK(few_bytes) __attribute__((vector_size(LANES)));

enum { WMK(BYTES) = 4 * LANES, WMK(SPANS) = WMK_BYTE_K / WMK(BYTES) };

// Rows of x, WMK_BYTE_K whole numbers each, the last ones zero.
typedef struct WMK(byte_rows) {
    int8_t low[WMK_BYTE_T][WMK_BYTE_K], high[WMK_BYTE_T][WMK_BYTE_K];
    float step[WMK_BYTE_T];
    int32_t start[WMK_BYTE_T];             // -BYTE_FLIP · their sum
    uint32_t busy[WMK_BYTE_T][WMK(SPANS)]; // bit i: not all zero are the four of `high` from 4 i on
} WMK(byte_rows);

// ---- x in whole numbers -------------------------------------------------------------------------

// WMK_BYTE_SPREAD times a row's root mean square fills a byte, but its largest number fits 14 bits
// and fills a byte at least. A NaN or an infinity makes the step one.
WMK_APART float WMK(byte_step)(const float *x, size_t K) {
    vec squares = v_set(0.0f), most = v_set(0.0f);
    WMK_ROLLED for (size_t k = 0; k < K; k += LANES) {
        vec v = WMK(load)(x + k, K - k, 0);
        squares = v_fma(v, v, squares);
        most = v_max(most, WMK(abs)(v));
    }
    float lanes[LANES], largest = 0;
    v_store(lanes, most);
    for (size_t i = 0; i < LANES; i++) largest = WM_MAX(largest, lanes[i]);
    v_store(lanes, v_sqrt(v_set(WMK(sum)(squares) / (float)WM_MAX(K, 1))));
    float step = lanes[0] * ((float)WMK_BYTE_SPREAD / 254), byte = largest / 127;
    if (step > byte) step = byte;
    return step < byte / 64 ? byte / 64 : step;
}

// LANES numbers to the nearest, ties to even.
WMK_INLINE WMK(ints) WMK(whole)(const float *x, size_t n, vec per_step) {
    const vec round = v_set(0x1.8p23f);
    return (WMK(ints))(v_bits(WMK(load)(x, n, 0) * per_step + round) - v_bits(round));
}

// Row r of `to` = x / step, with zeros up to whole vectors.
WMK_APART void WMK(byte_row)(WMK(byte_rows) * to, size_t r, const float *x, size_t n, float step) {
    to->step[r] = step;
    vec per_step = v_set(step > 0x1p-100f ? 1 / step : 0);
    WMK(ints) total = {0};
    for (size_t span = 0; span * WMK(BYTES) < n; span++) {
        int8_t *low = to->low[r] + span * WMK(BYTES), *high = to->high[r] + span * WMK(BYTES);
        for (size_t k = span * WMK(BYTES), i = 0; i < WMK(BYTES); i += LANES, k += LANES) {
            WMK(ints) q = {0};
            if (k < n) q = WMK(whole)(x + k, n - k, per_step);
            total += q;
            WMK(few_bytes) bytes = __builtin_convertvector(q, WMK(few_bytes));
            memcpy(low + i, &bytes, sizeof bytes);
            bytes = __builtin_convertvector((q + 128) >> 8, WMK(few_bytes));
            memcpy(high + i, &bytes, sizeof bytes);
        }
        to->busy[r][span] = v_nonzero(v_bits(v_load(high)));
    }
    uint32_t sum = 0;
    for (size_t i = 0; i < LANES; i++) sum += (uint32_t)total[i];
    to->start[r] = (int32_t)(0 - BYTE_FLIP * sum);
}

// ---- Many rows of x: lanes over N ---------------------------------------------------------------

// to [K / 4, PANEL_N · LANES] = the groups of four of as many rows of w, the last of `rows` again
// and again where there are fewer; numbers from K on stand for anything, those of x are zero. The
// next panel is fetched meanwhile.
WMK_APART void WMK(byte_pack)(uint8_t *to, const uint8_t *w, size_t ldw, size_t rows, size_t K) {
    enum { WIDTH = PANEL_N * WMK(BYTES) };
    uint8_t padded[LANES][WMK(BYTES)];
    for (size_t k = 0; k < K; k += WMK(BYTES), to += LANES * WIDTH) {
        size_t n = WM_MIN(K - k, WMK(BYTES));
        for (size_t c = 0; c < PANEL_N; c++) {
            const uint8_t *row[LANES];
            for (size_t i = 0; i < LANES; i++) {
                row[i] = w + WM_MIN(c * LANES + i, rows - 1) * ldw + k;
                v_prefetch(row[i] + PANEL_N * LANES * ldw);
                if (n < WMK(BYTES)) row[i] = memcpy(padded[i], row[i], n);
            }
            vec lines[LANES];
            v_transpose(lines, row);
            for (size_t i = 0; i < LANES; i++)
                v_store((float *)(void *)(to + i * WIDTH + c * WMK(BYTES)),
                        v_float(v_bits(lines[i]) ^ BYTE_FLIPS));
        }
    }
}

#ifdef v_dot8
enum { WMK(GROUP) = 8 };

// By pairs of rows: until v_part, a vector of a pair's first row holds the sums of both with two
// rows of w, and that of its second row those with the next two.
WMK_INLINE void WMK(byte_dots)(vint sum[PANEL_T][PANEL_N], const int8_t *x, const uint8_t *w,
                               const size_t rows) {
    vint a[PANEL_T / 2];
    WMK_UNROLL for (size_t r = 0; r < rows; r += 2) {
        a[r / 2] = v_pair(x + r * WMK_BYTE_K, x + WM_MIN(r + 1, rows - 1) * WMK_BYTE_K);
    }
    WMK_UNROLL for (size_t i = 0; i < 2 * PANEL_N; i++) {
        vint b = v_bits(v_load(w + i * WMK(BYTES)));
        WMK_UNROLL for (size_t r = 0; r < rows; r += 2) {
            vint *to = &sum[r + i / PANEL_N][i % PANEL_N];
            *to = v_dot8(*to, a[r / 2], b);
        }
    }
}
#else
enum { WMK(GROUP) = 4 };

WMK_INLINE void WMK(byte_dots)(vint sum[PANEL_T][PANEL_N], const int8_t *x, const uint8_t *w,
                               const size_t rows) {
    vint b[PANEL_N];
    WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) b[c] = v_bits(v_load(w + c * WMK(BYTES)));
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        vint a = v_bits(v_set(wm_read_f32(x + r * WMK_BYTE_K)));
        WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) sum[r][c] = v_dot4(sum[r][c], b[c], a);
    }
}
#endif

// sums [rows, PANEL_N · LANES] = rows r … of x times a panel of w
WMK_INLINE void WMK(byte_tile)(vint sum[PANEL_T][PANEL_N], const WMK(byte_rows) * x, size_t t,
                               const uint8_t *w, size_t K, const size_t rows) {
    enum { WIDTH = PANEL_N * WMK(BYTES) };
    WMK_UNROLL for (size_t i = 0; i < PANEL_T * PANEL_N; i++) {
        sum[i / PANEL_N][i % PANEL_N] = v_bits(v_set(0.0f));
    }
    for (size_t span = 0; span * WMK(BYTES) < K; span++) {
        uint32_t busy = 0;
        WMK_UNROLL for (size_t r = 0; r < rows; r++) busy |= x->busy[t + r][span];
        for (; busy; busy &= busy - 1) {
            size_t i = span * LANES + (size_t)__builtin_ctz(busy);
            WMK(byte_dots)(sum, x->high[t] + 4 * i, w + i * WIDTH, rows);
        }
    }
    WMK_UNROLL for (size_t i = 0; i < PANEL_T * PANEL_N; i++) {
        sum[i / PANEL_N][i % PANEL_N] = v_shift(sum[i / PANEL_N][i % PANEL_N], 8);
    }
    const int8_t *low = x->low[t];
    for (size_t left = (K + WMK(GROUP) - 1) / WMK(GROUP); left; left--) {
        WMK(byte_dots)(sum, low, w, rows);
        WMK_ADVANCE(low, WMK(GROUP));
        w += WMK(GROUP) / 4 * WIDTH;
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        vint start = v_bits(v_set(wm_read_f32(&x->start[t + r])));
        WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
#ifdef v_dot8
            if (r % 2 == 0) v_part(&sum[r][c], &sum[r + 1][c]);
#endif
            sum[r][c] += start;
        }
    }
}

// y [rows, columns] = sums · step · scale + from
WMK_INLINE void WMK(byte_panel)(float *y, size_t ldy, const float *from, size_t ld_from,
                                const float *scale, const WMK(byte_rows) * x, size_t t,
                                const uint8_t *w, size_t K, size_t columns, const size_t rows) {
    vint sum[PANEL_T][PANEL_N];
    WMK(byte_tile)(sum, x, t, w, K, rows);
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        float *to = y + r * ldy;
        const float *add = from + r * ld_from;
        WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
            if (c * LANES >= columns) break;
            size_t n = columns - c * LANES;
            vec unit = v_set(x->step[t + r]) * WMK(load)(scale + c * LANES, n, 0);
            vec all = v_convert(sum[r][c]) * unit;
            WMK(store)(to + c * LANES, all + WMK(load)(add + c * LANES, n, 0), n);
        }
    }
}

WMK_INLINE void WMK(byte_panels)(float *y, size_t ldy, const float *from, size_t ld_from,
                                 const float *scale, const WMK(byte_rows) * x, size_t T,
                                 const uint8_t *w, size_t K, size_t columns) {
    for (size_t t = 0, tiles = (T + PANEL_T - 1) / PANEL_T, rows; t < T; t += rows, tiles--) {
        rows = (T - t + tiles - 1) / tiles;
        switch (rows) {
#define WMK_CASE(n) \
    case n: WMK(byte_panel)(y, ldy, from, ld_from, scale, x, t, w, K, columns, n); break;
            WMK_CASE(1)
            WMK_CASE(2)
            WMK_CASE(3) WMK_CASE(4) WMK_CASE(5)
#if PANEL_T > 6
                WMK_CASE(6) WMK_CASE(7)
#endif
#undef WMK_CASE
                    default
                : WMK(byte_panel)(y, ldy, from, ld_from, scale, x, t, w, K, columns, PANEL_T);
        }
        y += rows * ldy;
        from += rows * ld_from;
    }
}

#ifdef QUADS
// ---- Some rows of x: w where it is --------------------------------------------------------------
// A vector holds 16 bytes of each of QUADS rows of x (quad_rows.h).

// Rows of x, packed.
typedef struct WMK(byte_quads) {
    int8_t low[WMK_BYTE_K / 16][QUAD_T][WMK(BYTES)], high[WMK_BYTE_K / 16][QUAD_T][WMK(BYTES)];
    uint32_t busy[QUAD_T]; // bit i: not all zero is high[i]
    float step[WMK(QUAD_ROWS)], start[WMK(QUAD_ROWS)]; // start: the whole number's bits
} WMK(byte_quads);

// All `rows` of x, the last again where there are fewer.
WMK_APART void WMK(byte_quad_pack)(WMK(byte_quads) * to, const WMK(byte_rows) * x,
                                   size_t rows, size_t K) {
    for (size_t r = 0; r < (rows + QUADS - 1) / QUADS * QUADS; r++) {
        size_t row = WM_MIN(r, rows - 1), g = r / QUADS, at = r % QUADS * 16;
        to->step[r] = x->step[row];
        memcpy(to->start + r, x->start + row, sizeof *to->start);
        for (size_t i = 0; i < (K + 15) / 16; i++) {
            memcpy(to->low[i][g] + at, x->low[row] + 16 * i, 16);
            memcpy(to->high[i][g] + at, x->high[row] + 16 * i, 16);
        }
    }
    for (size_t g = 0; g < (rows + QUADS - 1) / QUADS; g++) {
        to->busy[g] = 0;
        for (size_t i = 0; i < (K + 15) / 16; i++)
            to->busy[g] |= (uint32_t)!!v_nonzero(v_bits(v_load(to->high[i][g]))) << i;
    }
}

WMK_INLINE void WMK(byte_quad_step)(vint sum[][4], const int8_t *x, const uint8_t *const w[4],
                                    const size_t groups) {
    vint a[QUAD_T];
    WMK_UNROLL for (size_t g = 0; g < groups; g++) a[g] = v_bits(v_load(x + g * WMK(BYTES)));
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        vint b = v_bits(v_repeat(w[c])) ^ BYTE_FLIPS;
        WMK_UNROLL for (size_t g = 0; g < groups; g++) sum[g][c] = v_dot4(sum[g][c], b, a[g]);
    }
}

// sums [groups · QUADS, 4] = packed rows of x times four rows of w, whose scales are `scale`, + from
WMK_INLINE void WMK(byte_quad_tile)(float *sums, const float *from, const WMK(byte_quads) * x,
                                    const uint8_t *const w[4], const float scale[4],
                                    const WMK(quads) * q, const size_t groups) {
    size_t K = q->K, ahead = 16 * q->pitch;
    vint sum[QUAD_T][4];
    uint8_t last[4][16];
    const uint8_t *at[4];
    for (size_t c = 0; c < 4 && K % 16; c++) memcpy(last[c], w[c] + K / 16 * 16, K % 16);
    WMK_UNROLL for (size_t i = 0; i < 4 * groups; i++) sum[i / 4][i % 4] = v_bits(v_set(0.0f));
    WMK_UNROLL for (size_t g = 0; g < groups; g++) {
        for (uint32_t busy = x->busy[g]; busy; busy &= busy - 1) {
            size_t i = (size_t)__builtin_ctz(busy);
            for (size_t c = 0; c < 4; c++) at[c] = i < K / 16 ? w[c] + 16 * i : last[c];
            WMK(byte_quad_step)(sum + g, x->high[i][g], at, 1);
        }
    }
    WMK_UNROLL for (size_t i = 0; i < 4 * groups; i++) {
        sum[i / 4][i % 4] = v_shift(sum[i / 4][i % 4], 8);
    }
    for (size_t i = 0; i < K / 16; i++) {
        WMK_UNROLL for (size_t c = 0; c < 4; c++) at[c] = w[c] + 16 * i;
        if (i % 4 == 0) {
            WMK_UNROLL for (size_t c = 0; c < 4; c++) v_prefetch_far(at[c] + ahead);
        }
        WMK(byte_quad_step)(sum, x->low[i][0], at, groups);
    }
    for (size_t c = 0; c < 4; c++) at[c] = last[c];
    if (K % 16) WMK(byte_quad_step)(sum, x->low[K / 16][0], at, groups);
    WMK_UNROLL for (size_t g = 0; g < groups; g++) {
        vint all = v_int_quad_sums(sum[g][0], sum[g][1], sum[g][2], sum[g][3]);
        all += v_bits(v_load_scales(x->start, g));
        vec y = v_convert(all) * (v_load_scales(x->step, g) * v_repeat(scale));
        v_store(sums + g * LANES, y + v_repeat(from));
    }
}

// Rows of x, packed, against all rows of w: q's are its bytes.
WMK_APART void WMK(byte_quad_rows)(const WMK(quads) * q, const WMK(byte_quads) * x,
                                   const float *scale, size_t N) {
    for (size_t n = 0; n < N; n += 4) {
        size_t columns = WM_MIN(4, N - n);
        const uint8_t *w[4];
        float scales[4], sums[WMK(QUAD_ROWS) * 4], few[4] = {0};
        const float *from = WMK(quad_from)(few, q, n, columns, q->first);
        for (size_t c = 0; c < 4; c++) {
            size_t row = n + WM_MIN(c, columns - 1);
            w[c] = q->w + row * q->pitch;
            scales[c] = scale[row];
        }
        switch ((q->T + QUADS - 1) / QUADS) {
        case 1: WMK(byte_quad_tile)(sums, from, x, w, scales, q, 1); break;
        case 2: WMK(byte_quad_tile)(sums, from, x, w, scales, q, 2); break;
        case 3: WMK(byte_quad_tile)(sums, from, x, w, scales, q, 3); break;
        default: WMK(byte_quad_tile)(sums, from, x, w, scales, q, QUAD_T); break;
        }
        WMK(quad_end)(q, sums, n, columns, q->first);
    }
}
#endif

// ---- Few rows of x: lanes over K ----------------------------------------------------------------

// sums [4] = row t of x times four rows of w, K in whole vectors
WMK_INLINE wmk_quad_int WMK(byte_row_dots)(const WMK(byte_rows) * x, size_t t,
                                           const uint8_t *const w[4], size_t K) {
    vint low[4], high[4];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) low[c] = high[c] = v_bits(v_set(0.0f));
    for (size_t k = 0; k < K; k += WMK(BYTES)) {
        vint a = v_bits(v_load(x->low[t] + k)), b = v_bits(v_load(x->high[t] + k));
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            vint v = v_bits(v_load(w[c] + k)) ^ BYTE_FLIPS;
            low[c] = v_dot4(low[c], v, a);
            high[c] = v_dot4(high[c], v, b);
        }
    }
    WMK_UNROLL for (size_t c = 0; c < 4; c++) low[c] += v_shift(high[c], 8);
    return v_int_sums(low[0], low[1], low[2], low[3]);
}

// The same of few rows: row t's blocks of K are rows t · blocks … of x.
WMK_APART void WMK(byte_few)(float *y, size_t ldy, const WMK(byte_rows) * x, const wm_quantized *w,
                             const float *b, size_t T, size_t N, size_t K) {
    const float *scale = (const float *)(const void *)w->scale;
    size_t blocks = (K + WMK_BYTE_K - 1) / WMK_BYTE_K, by = N / 4;
    uint8_t padded[4][WMK_BYTE_K];
    for (size_t i = 0; i < (N + 3) / 4; i++) {
        size_t columns = WM_MIN(4, N - 4 * i), apart = columns < 4 ? 1 : by;
        size_t n = apart == 1 ? 4 * i : i;
        for (size_t t = 0; t < T; t++) {
            float sums[4];
            for (size_t c = 0; c < 4; c++) sums[c] = b && c < columns ? b[n + c * apart] : 0;
            for (size_t k = 0; k < K; k += WMK_BYTE_K) {
                size_t row = t * blocks + k / WMK_BYTE_K, n_k = WM_MIN(WMK_BYTE_K, K - k);
                const uint8_t *from[4];
                for (size_t c = 0; c < 4; c++) {
                    from[c] = w->data + (n + WM_MIN(c, columns - 1) * apart) * K + k;
                    if (n_k % WMK(BYTES)) from[c] = memcpy(padded[c], from[c], n_k);
                }
                wmk_quad_int dots = WMK(byte_row_dots)(x, row, from, n_k) + x->start[row];
                for (size_t c = 0; c < columns; c++)
                    sums[c] = (float)dots[c] * (x->step[row] * scale[n + c * apart]) + sums[c];
            }
            for (size_t c = 0; c < columns; c++) y[t * ldy + n + c * apart] = sums[c];
        }
    }
}

static void WMK(linear_bytes)(float *y, size_t ldy, const float *x, size_t ldx,
                              const wm_quantized *w, const float *b, size_t T, size_t N, size_t K) {
    enum { WIDTH = PANEL_N * LANES };
    static const float zeros[WIDTH];
    const float *scale = (const float *)(const void *)w->scale;
    WMK(byte_rows) rows;
    _Alignas(64) union {
        uint8_t panel[WMK_BYTE_K * WIDTH];
#ifdef QUADS
        WMK(byte_quads) x;
#endif
    } packed;
    float steps[WMK_BYTE_T];
    size_t blocks = (K + WMK_BYTE_K - 1) / WMK_BYTE_K;
    bool few = T <= WMK_BYTE_FEW && T * blocks <= WMK_BYTE_T;
    for (size_t t = 0, n_t; t < T; t += n_t, x += n_t * ldx, y += n_t * ldy) {
        n_t = WM_MIN(T - t, WMK_BYTE_T);
        for (size_t r = 0; r < n_t; r++) steps[r] = WMK(byte_step)(x + r * ldx, K);
        for (size_t k = 0; k == 0 || k < K; k += WMK_BYTE_K) {
            size_t n_k = WM_MIN(WMK_BYTE_K, K - k);
            for (size_t r = 0; r < n_t; r++)
                WMK(byte_row)(&rows, few ? r * blocks + k / WMK_BYTE_K : r, x + r * ldx + k, n_k,
                              steps[r]);
#ifdef QUADS
            if (!few && T <= WMK(QUAD_ROWS)) {
                WMK(quads) q = {y, NULL, b, w->data + k, ldy, K, T, n_k, !k};
                WMK(byte_quad_pack)(&packed.x, &rows, T, n_k);
                WMK(byte_quad_rows)(&q, &packed.x, scale, N);
                continue;
            }
#endif
            for (size_t n = 0; n < N && !few; n += WIDTH) {
                size_t columns = WM_MIN(WIDTH, N - n);
                const float *from = k ? y + n : b ? b + n : zeros;
                WMK(byte_pack)(packed.panel, w->data + n * K + k, K, columns, n_k);
                WMK(byte_panels)(y + n, ldy, from, k ? ldy : 0, scale + n, &rows, n_t,
                                 packed.panel, n_k, columns);
            }
        }
        if (few) WMK(byte_few)(y, ldy, &rows, w, b, T, N, K);
    }
}
