// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels, written once over the vocabulary of a vec_<isa>.h. Contracts: kernels.h. Included by
// each kernels_<isa>.c; knows no intrinsic.

// ---- Rows of any length -----------------------------------------------------------------------

// A short memcpy: element by element, for V8's memory.copy is a call that costs as much as a row.
WMK_APART void WMK(copy_few)(float *to, const void *from, size_t n) {
    WMK_ROLLED for (size_t i = 0; i < n; i++) {
        uint32_t bits = wm_read_u32((const uint8_t *)from + 4 * i);
        WMK_OPAQUE(bits);
        memcpy(to + i, &bits, sizeof bits);
    }
}

// n < LANES floats, `fill` in the other lanes. No byte past the n-th is read.
WMK_APART vec WMK(load_tail)(const void *p, size_t n, float fill) {
    float lanes[LANES];
    v_store(lanes, v_set(fill));
    WMK(copy_few)(lanes, p, n);
    return v_load(lanes);
}

WMK_APART void WMK(store_tail)(float *p, vec v, size_t n) {
    float lanes[LANES];
    v_store(lanes, v);
    WMK(copy_few)(p, lanes, n);
}

// n of LANES floats, as many as there are left.
WMK_INLINE vec WMK(load)(const void *p, size_t n, float fill) {
    return n < LANES ? WMK(load_tail)(p, n, fill) : v_load(p);
}

WMK_INLINE void WMK(store)(float *p, vec v, size_t n) {
    if (n < LANES) {
        WMK(store_tail)(p, v, n);
    } else {
        v_store(p, v);
    }
}

// By halves: the same order for every row.
WMK_INLINE float WMK(sum)(vec v) {
    float lanes[LANES];
    v_store(lanes, v);
    WMK_UNROLL for (size_t half = LANES / 2; half; half /= 2) {
        WMK_UNROLL for (size_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}

WMK_INLINE vec WMK(select)(vint where, vec yes, vec no) {
    return v_float((where & v_bits(yes)) | (~where & v_bits(no)));
}

WMK_INLINE vint WMK(everywhere)(uint32_t value) {
    WMK_OPAQUE(value); // V8 would make a constant anew wherever it is used
    return (vint)((vint){0} + (int32_t)value);
}

WMK_INLINE vec WMK(abs)(vec x) { return v_float(v_bits(x) & 0x7FFFFFFF); }

WMK_INLINE vec WMK(copy_sign)(vec x, vec sign) {
    return v_float(v_bits(x) | (v_bits(sign) & INT32_MIN)); // x ≥ 0
}

// ---- Widening ---------------------------------------------------------------------------------

WMK_INLINE vec WMK(load_bf16)(const void *p) { return v_float(v_shift(v_load_i16(p), 16)); }

#ifndef v_load_f16
// Sign, exponent and mantissa to their places; a multiplication moves the exponent's bias, which
// also normalises subnormals. Infinity and NaN then lack the exponent's upper bits.
WMK_INLINE vec WMK(load_f16)(const void *p) {
    vint half = v_shift(v_load_i16(p), 13) & (int32_t)0x8FFFE000;
    vint infinite = v_less(v_set(0x1.ffcp-97f), WMK(abs)(v_float(half)));
    return v_float(v_bits(v_float(half) * v_set(0x1p112f)) | (infinite & 0x7F800000));
}
#define v_load_f16(p) WMK(load_f16)(p)
#endif

static void WMK(widen_f32)(float *y, const void *a, size_t n) { memcpy(y, a, n * sizeof *y); }

#define WMK_WIDEN(type)                                                       \
    WMK_APART void WMK(widen_##type)(float *y, const void *a, size_t n) {     \
        const uint8_t *p = a;                                                 \
        size_t i = 0;                                                         \
        WMK_ROLLED for (; i + LANES <= n; i += LANES) {                       \
            v_store(y + i, v_load_##type(p + 2 * i));                         \
        }                                                                     \
        if (i == n) return;                                                   \
        uint16_t lanes[LANES] = {0};                                          \
        memcpy(lanes, p + 2 * i, (n - i) * 2);                                \
        WMK(store_tail)(y + i, v_load_##type(lanes), n - i);                  \
    }
#define v_load_bf16(p) WMK(load_bf16)(p)
WMK_WIDEN(f16)
WMK_WIDEN(bf16)
#undef v_load_bf16
#undef WMK_WIDEN

typedef void WMK(widener)(float *y, const void *a, size_t n);

WMK_APART void WMK(scale)(float *y, float s, size_t n);
WMK_APART void WMK(mul)(float *y, const float *a, size_t n);
WMK_APART void WMK(add)(float *y, const float *a, size_t n);
#include "quant_rows.h"

// ---- Row dots: lanes over K --------------------------------------------------------------------

// The last K % LANES products of each sum.
WMK_APART void WMK(dot_tail)(float *lanes, const wmk_tile *tile, size_t t, size_t rows) {
    size_t n = tile->K % LANES, k = tile->K - n;
    WMK_ROLLED for (size_t i = 0; i < 4 * rows; i++, lanes += LANES) {
        vec a = WMK(load_tail)(tile->x + (t + i / 4) * tile->ldx + k, n, 0);
        vec b = WMK(load_tail)(tile->w[i % 4] + 4 * k, n, 0);
        v_store(lanes, v_fma(a, b, v_load(lanes)));
    }
}

WMK_INLINE void WMK(dot_step)(vec sum[TILE_T][4], const float *const x[TILE_T],
                              const uint8_t *const w[4], size_t k, const size_t rows) {
    vec a[TILE_T];
    WMK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = v_load(x[r] + k);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        vec b = v_load(w[c] + 4 * k);
#ifdef v_after
        if (rows == 2) b = v_after(b, sum[0][(c + 3) % 4]);
#endif
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_fma(a[r], b, sum[r][c]);
#ifdef v_after
        if (rows == 2) sum[0][c] = v_after(sum[0][c], sum[1][c]);
#endif
    }
}

// Rows t … t + rows of the tile. A sum has one accumulator, LANES apart, whatever `rows` is. V8
// gathers a block's loads at its head and then runs out of registers: every step is a block of its
// own by its way out, or goes by v_after (two rows, whole loops alone).
WMK_INLINE void WMK(dot_tile)(const wmk_tile *tile, size_t t, const size_t rows) {
    const float *x[TILE_T];
    const uint8_t *w[4];
    vec sum[TILE_T][4];
#ifdef v_after
    const bool whole = rows == 2;
    const size_t steps = whole ? 4 : 1;
#else
    const bool whole = false;
    const size_t steps = 4;
#endif
    WMK_UNROLL for (size_t c = 0; c < 4; c++) w[c] = tile->w[c];
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        x[r] = tile->x + (t + r) * tile->ldx;
        WMK_UNROLL for (size_t c = 0; c < 4; c++) sum[r][c] = v_set(0.0f);
    }
    for (size_t left = tile->K / LANES; left; left -= steps) {
        WMK(dot_step)(sum, x, w, 0, rows);
        if (!whole && left == 1) break;
        if (steps > 1) {
            WMK(dot_step)(sum, x, w, LANES, rows);
            if (!whole && left == 2) break;
            WMK(dot_step)(sum, x, w, 2 * LANES, rows);
            if (!whole && left == 3) break;
            WMK(dot_step)(sum, x, w, 3 * LANES, rows);
        }
        WMK_UNROLL for (size_t r = 0; r < rows; r++) WMK_ADVANCE(x[r], steps * LANES);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(w[c], steps * 4 * LANES);
    }
    if (!whole && tile->K % LANES) {
        float lanes[TILE_T * 4 * LANES];
        WMK_UNROLL for (size_t i = 0; i < 4 * rows; i++) {
            v_store(lanes + i * LANES, sum[i / 4][i % 4]);
        }
        WMK(dot_tail)(lanes, tile, t, rows);
        WMK_UNROLL for (size_t i = 0; i < 4 * rows; i++) {
            sum[i / 4][i % 4] = v_load(lanes + i * LANES);
        }
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        wmk_quad sums = v_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]), from;
        memcpy(&from, tile->from + (t + r) * tile->ld_from, sizeof from);
        sums += from;
        memcpy(tile->y + (t + r) * tile->ldy, &sums, sizeof sums);
    }
}

// All rows, in tiles as equal as can be. Each fetches its share of the rows of w that come next.
WMK_INLINE void WMK(dot_rows)(wmk_tile *tile, size_t T) {
    size_t tiles = (T + TILE_T - 1) / TILE_T;
#ifdef v_after
    if (tile->K % (4 * LANES)) tiles = T;
#endif
    for (size_t t = 0, rows; t < T; t += rows, tiles--) {
        for (size_t i = 0; i < tile->share && tile->soon < tile->end; i++, tile->soon += 64) {
            v_prefetch(tile->soon);
        }
        rows = (T - t + tiles - 1) / tiles;
        switch (rows) {
        case 1: WMK(dot_tile)(tile, t, 1); break;
#if TILE_T > 2
        case 2: WMK(dot_tile)(tile, t, 2); break;
#endif
#if TILE_T > 3
        case 3: WMK(dot_tile)(tile, t, 3); break;
#endif
        default: WMK(dot_tile)(tile, t, TILE_T); break;
        }
    }
}

// T rows of the tile, K in blocks. What is not f32 is widened: inside the tile for one row of x,
// else first, once for all rows.
WMK_INLINE void WMK(dot_blocks)(wmk_tile *tile, const wmk_row rows[4], size_t T, size_t K,
                                const wmk_weight *w) {
    float wide[4 * WMK_K_BLOCK];
    for (size_t k = 0; k == 0 || k < K; k += WMK_K_BLOCK) {
        tile->K = WM_MIN(WMK_K_BLOCK, K - k);
        for (size_t c = 0; c < 4; c++) tile->w[c] = rows[c].data + (k * w->bits >> 3);
#ifdef v_from_nibbles
        if (w->type == WM_Q4 && T == 1 && K % WM_Q4_BLOCK == 0) {
            WMK(thin_nibbles)(tile, rows, k);
        } else
#endif
        {
            for (size_t c = 0; c < 4 && w->type != WM_F32; c++) {
                WMK(fill)(wide + c * WMK_K_BLOCK, &rows[c], k, tile->K, w->type);
                tile->w[c] = (const uint8_t *)(wide + c * WMK_K_BLOCK);
            }
            WMK(dot_rows)(tile, T);
        }
        tile->x += WMK_K_BLOCK;
        tile->from = tile->y;
        tile->ld_from = tile->ldy;
    }
}

// Four columns of y at a time, of WMK_T_BLOCK rows of x: x stays in L2, and w's rows in L1, where
// the next four come one line after another. For few rows of x w is read in four long streams N / 4
// rows apart, which processors fetch ahead where short ones stall; y's columns are then apart, too.
WMK_APART void WMK(linear)(float *y, size_t ldy, const float *x, size_t ldx, const wmk_weight *w,
                           const float *b, size_t T, size_t N, size_t K) {
    if (T == 1 && K % WM_Q4_BLOCK == 0 && WMK(thin)(y, x, w, b, N, K)) return;
    size_t step = T <= WMK_STREAM_T && N * K > WMK_STREAM ? N / 4 : 1;
    for (size_t t = 0; t < T; t += WMK_T_BLOCK) {
        size_t t_rows = WM_MIN(WMK_T_BLOCK, T - t);
        size_t visits = (K + WMK_K_BLOCK - 1) / WMK_K_BLOCK * t_rows;
        size_t share = w->pitch / 16 * TILE_T / WM_MAX(visits, 1) + 1;
        for (size_t i = 0; i < (N + 3) / 4; i++) {
            size_t columns = WM_MIN(4, N - 4 * i), by = columns < 4 ? 1 : step;
            size_t n = by == 1 ? 4 * i : i;
            float bias[4], apart[4 * WMK_T_BLOCK];
            wmk_row rows[4];
            for (size_t c = 0; c < 4; c++) {
                size_t row = n + WM_MIN(c, columns - 1) * by;
                rows[c] = WMK(row_at)(w, row);
                bias[c] = b ? b[row] : 0;
            }
            bool adjoin = by == 1 && columns == 4;
            wmk_tile tile = {.y = apart, .ldy = 4, .x = x, .ldx = ldx, .from = bias};
            if (adjoin) tile.y = y + n, tile.ldy = ldy;
            if (by == 1 && 8 * w->pitch == K * w->bits) {
                tile.soon = w->data + WM_MIN(n + 4, N) * w->pitch;
                tile.end = w->data + WM_MIN(n + 8, N) * w->pitch;
                tile.share = share;
            }
            WMK(dot_blocks)(&tile, rows, t_rows, K, w);
            for (size_t r = 0; r < t_rows && !adjoin; r++) {
                WMK_ROLLED for (size_t c = 0; c < columns; c++) {
                    y[r * ldy + n + c * by] = apart[4 * r + c];
                }
            }
        }
        x += WMK_T_BLOCK * ldx;
        y += WMK_T_BLOCK * ldy;
    }
}

// ---- Panels: lanes over N ----------------------------------------------------------------------

WMK_INLINE void WMK(panel_step)(vec sum[PANEL_T][PANEL_N], const float *const x[PANEL_T],
                                const uint8_t *w, size_t k, const size_t rows) {
    vec a[PANEL_T];
    WMK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = v_set(x[r][k]);
    WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
        vec b = v_load(w + c * LANES * 4);
#ifdef v_after
        if (rows == 2) b = v_after(b, sum[0][(c + PANEL_N - 1) % PANEL_N]);
#endif
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_fma(a[r], b, sum[r][c]);
#ifdef v_after
        if (rows == 2) sum[0][c] = v_after(sum[0][c], sum[1][c]);
#endif
    }
}

// y [rows, PANEL_N · LANES] = from + x [rows, K] · w [K, …]: k in ascending order, one accumulator.
WMK_INLINE void WMK(panel_tile)(const wmk_panel *panel, size_t t, const size_t rows) {
    const float *x[PANEL_T], *from = panel->from + t * panel->ld_from;
    const uint8_t *w = panel->w;
    float *y = panel->y + t * panel->ldy;
    vec sum[PANEL_T][PANEL_N];
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        x[r] = panel->x + (t + r) * panel->ldx;
        WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
            sum[r][c] = v_load(from + r * panel->ld_from + c * LANES);
        }
    }
    for (size_t k = 0; k < panel->K; k++, w += panel->ldw) WMK(panel_step)(sum, x, w, k, rows);
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
            v_store(y + r * panel->ldy + c * LANES, sum[r][c]);
        }
    }
}

// All rows of x, in tiles as equal as can be.
WMK_INLINE void WMK(panel_rows)(const wmk_panel *panel, size_t T) {
    size_t tiles = (T + PANEL_T - 1) / PANEL_T;
    for (size_t t = 0, rows; t < T; t += rows, tiles--) {
        rows = (T - t + tiles - 1) / tiles;
        switch (rows) {
        case 1: WMK(panel_tile)(panel, t, 1); break;
#if PANEL_T > 2
        case 2: WMK(panel_tile)(panel, t, 2); break;
        case 3: WMK(panel_tile)(panel, t, 3); break;
        case 4: WMK(panel_tile)(panel, t, 4); break;
        case 5: WMK(panel_tile)(panel, t, 5); break;
#endif
#if PANEL_T > 6
        case 6: WMK(panel_tile)(panel, t, 6); break;
        case 7: WMK(panel_tile)(panel, t, 7); break;
#endif
        default: WMK(panel_tile)(panel, t, PANEL_T); break;
        }
    }
}

// As many columns of y as a panel has; fewer go by a row of the panel's width, one by one.
WMK_INLINE void WMK(panel_columns)(const wmk_panel *panel, size_t columns, size_t T) {
    enum { WIDTH = PANEL_N * LANES };
    if (columns == WIDTH) {
        WMK(panel_rows)(panel, T);
        return;
    }
    float row[WIDTH] = {0};
    wmk_panel narrow = *panel;
    narrow.y = row;
    narrow.from = row;
    for (size_t t = 0; t < T; t++, narrow.x += panel->ldx) {
        WMK(copy_few)(row, panel->from + t * panel->ld_from, columns);
        WMK(panel_tile)(&narrow, 0, 1);
        WMK(copy_few)(panel->y + t * panel->ldy, row, columns);
    }
}

// Rows of w as a panel: widened, or those of many rows of x together, where the cache keeps them.
WMK_APART void WMK(panel_pack)(float *to, const uint8_t *w, size_t ldw, size_t columns, size_t K,
                               WMK(widener) *widen) {
    for (size_t k = 0; k < K; k++, w += ldw, to += PANEL_N * LANES) {
        if (widen) {
            widen(to, w, columns);
        } else if (columns < PANEL_N * LANES) {
            WMK(copy_few)(to, w, columns);
        } else {
            WMK_UNROLL for (size_t c = 0; c < PANEL_N; c++) {
                v_store(to + c * LANES, v_load(w + c * LANES * 4));
            }
        }
    }
}

// Rows of w turned round as a panel's columns, four at a time; the last again where there are fewer.
WMK_APART void WMK(panel_turn)(float *to, const uint8_t *w, size_t ldw, size_t columns, size_t K) {
    for (size_t n = 0; n < PANEL_N * LANES; n += 4) {
        const float *from[4];
        float *p = to + n;
        WMK_UNROLL for (size_t i = 0; i < 4; i++) {
            from[i] = (const float *)(const void *)w;
            if (n + i + 1 < columns) w += ldw;
        }
        WMK_ROLLED for (size_t k = 0; k < K; k++, p += PANEL_N * LANES) {
            wmk_quad four = {from[0][k], from[1][k], from[2][k], from[3][k]};
            memcpy(p, &four, sizeof four);
        }
    }
}

// w [K, N], or [N, K] turned: then y's last panel is written whole.
WMK_APART void WMK(linear_t)(float *y, size_t ldy, const float *x, size_t ldx, const void *w,
                             size_t ldw, const float *b, size_t T, size_t N, size_t K,
                             WMK(widener) *widen, bool turned) {
    enum { WIDTH = PANEL_N * LANES };
    static const float zeros[WIDTH];
    float packed[WMK_PANEL_K * WIDTH] = {0};
    size_t size = widen ? 2 : 4, k_block = T <= WMK_FEW ? WMK_STREAM_K : WMK_PANEL_K;
    for (size_t k = 0; k == 0 || k < K; k += k_block) {
        for (size_t n = 0; n < N; n += WIDTH) {
            size_t columns = WM_MIN(WIDTH, N - n);
            wmk_panel panel = {.y = y + n, .ldy = ldy, .x = x + k, .ldx = ldx};
            panel.K = WM_MIN(k_block, K - k);
            panel.from = k ? y + n : b ? b + n : zeros;
            panel.ld_from = k ? ldy : 0;
            panel.w = (const uint8_t *)w + size * (turned ? n * ldw + k : k * ldw + n);
            panel.ldw = size * ldw;
            if (turned || widen || columns < WIDTH || T > WMK_FEW) {
                if (turned) {
                    WMK(panel_turn)(packed, panel.w, panel.ldw, columns, panel.K);
                    columns = WIDTH;
                } else {
                    WMK(panel_pack)(packed, panel.w, panel.ldw, columns, panel.K, widen);
                }
                panel.w = (const uint8_t *)packed;
                panel.ldw = WIDTH * sizeof *packed;
            }
            WMK(panel_columns)(&panel, columns, T);
        }
    }
}

#define WMK_LINEAR(name, weight, size)                                                          \
    static void WMK(linear_##name)(float *y, size_t ldy, const float *x, size_t ldx,            \
                                   const void *w, size_t ldw, const float *b, size_t T,         \
                                   size_t N, size_t K) {                                        \
        wmk_weight rows = {.type = weight, .bits = size * 8, .data = w, .pitch = size * ldw};   \
        WMK(linear)(y, ldy, x, ldx, &rows, b, T, N, K);                                         \
    }
#define WMK_LINEAR_T(name, size)                                                                \
    static void WMK(linear_t_##name)(float *y, size_t ldy, const float *x, size_t ldx,          \
                                     const void *w, size_t ldw, const float *b, size_t T,       \
                                     size_t N, size_t K) {                                      \
        WMK(linear_t)(y, ldy, x, ldx, w, ldw, b, T, N, K,                                       \
                      size == 4 ? NULL : WMK(widen_##name), false);                             \
    }
#ifdef QUADS
#include "quad_rows.h"
#else
WMK_LINEAR(f32, WM_F32, 4)
#endif
WMK_LINEAR(f16, WM_F16, 2)
#ifdef REBASED
// One row of x is lifted for thin_rebased.
static void WMK(linear_rebased)(float *y, size_t ldy, const float *x, size_t ldx, const void *w,
                            size_t ldw, const float *b, size_t T, size_t N, size_t K) {
    float lifted[WMK_LIFT_K];
    bool thin = T == 1 && K % WM_Q4_BLOCK == 0;
    size_t step = thin ? WMK_LIFT_K : WM_MAX(K, 1);
    for (size_t k = 0; k == 0 || k < K; k += step, b = y) {
        const uint8_t *data = (const uint8_t *)w + 2 * k;
        wmk_weight rows = {.type = WM_REBASED, .bits = 16, .data = data, .pitch = 2 * ldw};
        size_t n = WM_MIN(step, K - k);
        if (thin) {
            WMK_ROLLED for (size_t i = 0; i < n; i++) lifted[i] = x[k + i] * REBASED_LIFT;
        }
        WMK(linear)(y, ldy, thin ? lifted : x + k, ldx, &rows, b, T, N, n);
    }
}
#endif
WMK_LINEAR(bf16, WM_BF16, 2)
WMK_LINEAR_T(f32, 4)
WMK_LINEAR_T(f16, 2)
WMK_LINEAR_T(bf16, 2)
static void WMK(scores)(float *y, size_t ldy, const float *x, size_t ldx, const void *w, size_t ldw,
                        const float *b, size_t T, size_t N, size_t K) {
    WMK(linear_t)(y, ldy, x, ldx, w, ldw, b, T, N, K, NULL, true);
}
#undef WMK_LINEAR_T
#undef WMK_LINEAR

// I8 and U8: sums of whole numbers first, then each column's scale and bias.
WMK_APART void WMK(linear_quantized)(float *y, size_t ldy, const float *x, size_t ldx,
                                     const wm_quantized *w, const float *b, size_t T, size_t N,
                                     size_t K, wm_weight_type type) {
    wmk_weight rows = {type, 8, w->data, w->scale, w->zero, K};
    if (type == WM_Q4) {
        rows.bits = 4;
        rows.pitch = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK * WM_Q4_BYTES;
    }
    WMK(linear)(y, ldy, x, ldx, &rows, type == WM_Q4 ? b : NULL, T, N, K);
    for (size_t t = 0; t < T && type != WM_Q4; t++, y += ldy) {
        WMK(mul)(y, (const float *)(const void *)w->scale, N);
        if (b) WMK(add)(y, b, N);
    }
}

#define WMK_LINEAR(name, type)                                                                  \
    static void WMK(linear_##name)(float *y, size_t ldy, const float *x, size_t ldx,            \
                                   const void *w, size_t ldw, const float *b, size_t T,         \
                                   size_t N, size_t K) {                                        \
        (void)ldw;                                                                              \
        WMK(linear_quantized)(y, ldy, x, ldx, w, b, T, N, K, type);                             \
    }
WMK_LINEAR(i8, WM_I8)
WMK_LINEAR(u8, WM_U8)
WMK_LINEAR(q4, WM_Q4)
#undef WMK_LINEAR

#include "int_rows.h"

// ---- The exponential and what is made of it ----------------------------------------------------

// to [n] = c [n], each in every lane: before a loop, in which a store may change what c is at.
WMK_INLINE void WMK(spread)(vec *to, const float *c, const size_t n) {
    WMK_UNROLL for (size_t i = 0; i < n; i++) to[i] = v_set(c[i]);
}

// c[0] xⁿ⁻¹ + … + c[n - 1]; of an odd n by pairs, of an even one the odd and the even powers side by
// side: in half the time of one after another.
WMK_INLINE vec WMK(polynomial)(vec x, const vec *c, const size_t n) {
    vec s = x * x, p = c[0], q = c[1];
    WMK_UNROLL for (size_t i = 2 - n % 2; i < n; i += 2) {
        if (n % 2) {
            p = v_fma(p, s, v_fma(c[i], x, c[i + 1]));
        } else {
            p = v_fma(p, s, c[i]);
            q = v_fma(q, s, c[i + 1]);
        }
    }
    if (n % 2 == 0) p = v_fma(p, x, q);
    return p;
}

// p [n] = e^((p - top) s), whole vectors; returns their sum. (p - top) s = k ln 2 + r; a polynomial
// for eʳ. Added to 1.5 · 2²³ + 254, k stands in the lowest bits with twice an exponent's bias, which two
// scales halve: so results among the subnormals are rounded once. In two goes: a processor looks
// some hundred operations ahead, so that short chains run side by side, long ones do not.
WMK_APART float WMK(exp_whole)(float *p, size_t n, float top, float s, const wmk_maths *c) {
    vec total = v_set(0.0f);
    for (size_t at = 0; at < n; at += WMK_MAP, p += WMK_MAP) {
        float powers[WMK_MAP];
        size_t count = WM_MIN(WMK_MAP, n - at);
        vec most = v_set(c->most), least = v_set(c->least), log2_e = v_set(c->log2_e);
        vec round = v_set(c->round), ln2 = v_set(c->ln2), ln2_rest = v_set(c->ln2_rest);
        WMK_ROLLED for (size_t i = 0; i < count; i += LANES) {
            vec v = (v_load(p + i) - v_set(top)) * v_set(s);
            // beyond the limits infinity, zero; a NaN stays one
            v = v_min(most, v_max(least, v));
            vec shifted = v_fma(v, log2_e, round), k = shifted - round;
            v_store(powers + i, shifted);
            v_store(p + i, v_fma(k, ln2_rest, v_fma(k, ln2, v)));
        }
        vec terms[WM_COUNT(c->exp)], one = v_set(c->one);
        WMK(spread)(terms, c->exp, WM_COUNT(c->exp));
        WMK_ROLLED for (size_t i = 0; i < count; i += LANES) {
            vec r = v_load(p + i), v = WMK(polynomial)(r, terms, WM_COUNT(c->exp));
            vint bits = v_bits(v_load(powers + i)), half = bits >> 1;
            v = v_fma(v, r * r, r) + one;
            v = v * v_float(v_shift(half, 23)) * v_float(v_shift(bits - half, 23));
            total += v;
            v_store(p + i, v);
        }
    }
    return WMK(sum)(total);
}

// What the functions need e's power of. The gates, y · sigmoid(v): y = 1, v = x (SIGMOID); y = v = x
// (SILU); y = x, v = √(8/π) (x + 0.044715 x³) (GELU_TANH), for 1 + tanh(u) = 2 sigmoid(2 u).
WMK_INLINE vec WMK(exponent)(vec x, int kind, const wmk_maths *c) {
    vec t = WMK(abs)(x);
    if (kind == WMK_TANH) return t + t;
    if (kind == WMK_GELU_TANH) t *= v_fma(t * t, v_set(c->cubic), v_set(c->linear));
    return -t;
}

// y e / (1 + e) or y / (1 + e), e = e^-|v|
WMK_INLINE vec WMK(gate)(vec y, vec x, vec e, const wmk_maths *c) {
    vec below = v_max(v_set(c->least), y) * e; // -∞ · 0 is none
    return WMK(select)(v_bits(x) >> 31, below, y) / (v_set(c->one) + e);
}

// x Φ(x) = x (1/2 + u P(u²) / Q(u²)), u = x within the limits from which on that is 0 or x.
WMK_APART void WMK(gelu_whole)(float *x, size_t n, const wmk_maths *c) {
    vec p[6], q[6], limit = v_set(c->gelu_limit), half = v_set(c->half), least = v_set(c->least);
    WMK(spread)(p, c->gelu_p, 6);
    WMK(spread)(q, c->gelu_q, 6);
    WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {
        vec v = v_load(x + i), u = v_max(-limit, v_min(limit, v)), s = u * u;
        u = u * WMK(polynomial)(s, p, 6) / WMK(polynomial)(s, q, 6) + half;
        v_store(x + i, v_max(least, v) * u); // -∞ · 0 is none
    }
}

WMK_INLINE vec WMK(hyperbolic)(vec x, vec e, const wmk_maths *c) {
    const vec one = v_set(c->one);
    vec terms[WM_COUNT(c->tanh)], s = x * x;
    WMK(spread)(terms, c->tanh, WM_COUNT(c->tanh));
    vec small = WMK(polynomial)(s, terms, WM_COUNT(c->tanh)) * s;
    vec large = WMK(copy_sign)(one - (one + one) / (e + one), x);
    return WMK(select)(v_less(WMK(abs)(x), v_set(c->near)), v_fma(small, x, x), large);
}

// Whole vectors: some at a time, their powers of e in one go.
WMK_APART void WMK(map_whole)(float *x, size_t n, int kind, const wmk_maths *c) {
    if (kind == WMK_GELU) {
        WMK(gelu_whole)(x, n, c);
        return;
    }
    for (size_t at = 0; at < n; at += WMK_MAP, x += WMK_MAP) {
        float powers[WMK_MAP];
        size_t count = WM_MIN(WMK_MAP, n - at);
        WMK_ROLLED for (size_t i = 0; i < count; i += LANES) {
            v_store(powers + i, WMK(exponent)(v_load(x + i), kind, c));
        }
        WMK(exp_whole)(powers, count, 0, 1, c);
        WMK_ROLLED for (size_t i = 0; i < count; i += LANES) {
            vec v = v_load(x + i), e = v_load(powers + i);
            if (kind == WMK_TANH) {
                v = WMK(hyperbolic)(v, e, c);
            } else {
                v = WMK(gate)(kind == WMK_SIGMOID ? v_set(c->one) : v, v, e, c);
            }
            v_store(x + i, v);
        }
    }
}

// The last few numbers go by a vector of their own. c: an address that no compiler knows goes with
// an offset into one load, where a constant is three instructions of V8's.
WMK_APART void WMK(map)(float *x, size_t n, int kind) {
    size_t few = n % LANES;
    const wmk_maths *c = &wmk_numbers;
    WMK_OPAQUE(c);
    WMK(map_whole)(x, n - few, kind, c);
    if (!few) return;
    float lanes[LANES];
    v_store(lanes, WMK(load_tail)(x + n - few, few, 0));
    WMK(map_whole)(lanes, LANES, kind, c);
    WMK(copy_few)(x + n - few, lanes, few);
}

// x [n] = e^((x - top) s); returns their sum.
WMK_INLINE float WMK(exp)(float *x, size_t n, float top, float s) {
    size_t few = n % LANES;
    const wmk_maths *c = &wmk_numbers;
    WMK_OPAQUE(c);
    float sum = WMK(exp_whole)(x, n - few, top, s, c);
    if (!few) return sum;
    float lanes[LANES];
    v_store(lanes, WMK(load_tail)(x + n - few, few, -__builtin_inff()));
    sum += WMK(exp_whole)(lanes, LANES, top, s, c);
    WMK(copy_few)(x + n - few, lanes, few);
    return sum;
}

static void WMK(gelu_erf)(float *x, size_t n) { WMK(map)(x, n, WMK_GELU); }
static void WMK(tanh)(float *x, size_t n) { WMK(map)(x, n, WMK_TANH); }
static void WMK(sigmoid)(float *x, size_t n) { WMK(map)(x, n, WMK_SIGMOID); }
static void WMK(silu)(float *x, size_t n) { WMK(map)(x, n, WMK_SILU); }
static void WMK(gelu_tanh)(float *x, size_t n) { WMK(map)(x, n, WMK_GELU_TANH); }

static void WMK(relu)(float *x, size_t n) {
    WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {
        WMK(store)(x + i, v_max(v_set(0.0f), WMK(load)(x + i, n - i, 0)), n - i);
    }
}

#define WMK_MAP2(name, expression)                                                    \
    static void WMK(name)(float *y, const float *a, size_t n) {                       \
        WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {                                       \
            vec left = WMK(load)(y + i, n - i, 0), right = WMK(load)(a + i, n - i, 0); \
            WMK(store)(y + i, expression, n - i);                                     \
        }                                                                             \
    }
WMK_MAP2(add, left + right)
WMK_MAP2(mul, left *right)
WMK_MAP2(max, v_max(left, right))
#undef WMK_MAP2

static void WMK(scale)(float *y, float s, size_t n) {
    const vec by = v_set(s);
    size_t i = 0;
    WMK_ROLLED for (; i + LANES <= n; i += LANES) v_store(y + i, v_load(y + i) * by);
    if (i < n) WMK(store_tail)(y + i, WMK(load_tail)(y + i, n - i, 0) * by, n - i);
}

// ---- Rows: softmax and norms -------------------------------------------------------------------

static float WMK(softmax)(float *x, const float *bias, float s, size_t n) {
    const float none = -__builtin_inff();
    vec top = v_set(none);
    size_t few = n % LANES;
    if (bias) {
        WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {
            vec v = WMK(load)(x + i, n - i, 0) * v_set(s) + WMK(load)(bias + i, n - i, 0);
            WMK(store)(x + i, v, n - i);
        }
        s = 1;
    }
    if (few) top = WMK(load_tail)(x + n - few, few, none);
    WMK_ROLLED for (size_t i = 0; i < n - few; i += LANES) top = v_max(top, v_load(x + i));
    float lanes[LANES], most = none;
    v_store(lanes, top);
    WMK_UNROLL for (size_t i = 0; i < LANES; i++) most = lanes[i] > most ? lanes[i] : most;
    return 1.0f / WMK(exp)(x, n, most, s);
}

// Σ (x - center)² or, with no squares, Σ (x - center): four accumulators.
WMK_APART float WMK(row_sum)(const float *x, size_t n, float center, bool squares) {
    vec sum[4] = {v_set(0.0f), v_set(0.0f), v_set(0.0f), v_set(0.0f)}, one = v_set(1.0f), v;
    vint which = v_less(v_set(0.0f), v_set((float)squares));
    size_t i = 0;
    for (; i + 4 * LANES <= n; i += 4 * LANES) {
        WMK_UNROLL for (size_t j = 0; j < 4; j++) {
            v = v_load(x + i + j * LANES) - v_set(center);
            sum[j] = v_fma(v, WMK(select)(which, v, one), sum[j]);
        }
    }
    WMK_ROLLED for (; i < n; i += LANES) {
        v = WMK(load)(x + i, n - i, center) - v_set(center);
        sum[0] = v_fma(v, WMK(select)(which, v, one), sum[0]);
    }
    return WMK(sum)((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static void WMK(layer_norm)(float *y, const float *x, const float *w, const float *b, float eps,
                            size_t n) {
    float mean = WMK(row_sum)(x, n, 0, false) / (float)n;
    float variance = WMK(row_sum)(x, n, mean, true) / (float)n;
    vec inverse = v_set(1.0f) / v_sqrt(v_set(variance + eps));
    WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {
        vec v = (WMK(load)(x + i, n - i, 0) - v_set(mean)) * inverse;
        v = v_fma(v, WMK(load)(w + i, n - i, 0), WMK(load)(b + i, n - i, 0));
        WMK(store)(y + i, v, n - i);
    }
}

static void WMK(rms_norm)(float *y, const float *x, const float *w, float eps, size_t n) {
    float square = WMK(row_sum)(x, n, 0, true) / (float)n;
    vec inverse = v_set(1.0f) / v_sqrt(v_set(square + eps));
    WMK_ROLLED for (size_t i = 0; i < n; i += LANES) {
        vec v = WMK(load)(x + i, n - i, 0) * inverse * WMK(load)(w + i, n - i, 0);
        WMK(store)(y + i, v, n - i);
    }
}

// ---- The table ---------------------------------------------------------------------------------

#define WMK_TEXT_OF(name) #name
#define WMK_TEXT(name) WMK_TEXT_OF(name)
const wm_kernels WMK(kernels) = {
    .isa = WMK_TEXT(WMK_ISA),
    .linear = {WMK(linear_f32), WMK(linear_f16), WMK(linear_bf16), WMK(linear_i8), WMK(linear_u8),
               WMK(linear_q4),
#ifdef REBASED
               WMK(linear_rebased)
#endif
    },
    .linear_t = {WMK(linear_t_f32), WMK(linear_t_f16), WMK(linear_t_bf16)},
    .scores = WMK(scores),
    .linear_int8 = WMK(linear_int8),
#ifdef BY_HALVES
    .linear_halves = WMK(linear_halves),
#endif
#ifdef REBASED
    .rebase = WMK(rebase),
    .weave = WMK(weave),
#endif
    .widen = {WMK(widen_f32), WMK(widen_f16), WMK(widen_bf16), WMK(widen_i8), WMK(widen_u8),
              WMK(widen_q4),
#ifdef REBASED
              WMK(widen_rebased)
#endif
    },
    .add = WMK(add),
    .max = WMK(max),
    .scale = WMK(scale),
    .mul = WMK(mul),
    .softmax = WMK(softmax),
    .layer_norm = WMK(layer_norm),
    .rms_norm = WMK(rms_norm),
    .gelu_erf = WMK(gelu_erf),
    .gelu_tanh = WMK(gelu_tanh),
    .relu = WMK(relu),
    .silu = WMK(silu),
    .tanh = WMK(tanh),
    .sigmoid = WMK(sigmoid),
};
#undef WMK_TEXT
#undef WMK_TEXT_OF
#undef v_load_f16
#undef REBASED_LIFT
#undef REBASED_UNIT
