// SPDX-License-Identifier: MIT OR Apache-2.0
// Row dots of f32 for wide vectors: lanes hold four numbers of QUADS rows of x, so that a sum's
// lanes are four whatever the vector's width, and few additions end it. Included by kernels_body.h.

enum { WMK(QUAD_ROWS) = QUADS * QUAD_T };

// to [K / 4, groups, QUADS, 4] = rows of x, the last of `rows` again where there are fewer; zeros
// past K.
WMK_APART void WMK(quad_pack)(float *to, const float *x, size_t ldx, size_t rows, size_t K,
                              size_t groups) {
    for (size_t r = 0; r < groups * QUADS; r += QUADS, to += LANES) {
        const float *from[QUADS];
        float *p = to;
        size_t k = 0;
        for (size_t i = 0; i < QUADS; i++) from[i] = x + WM_MIN(r + i, rows - 1) * ldx;
        for (; k + 4 <= K; k += 4, p += groups * LANES) {
            WMK_UNROLL for (size_t i = 0; i < QUADS; i++) memcpy(p + 4 * i, from[i] + k, 16);
        }
        if (k == K) continue;
        v_store(p, v_set(0.0f));
        for (size_t i = 0; i < QUADS; i++) WMK(copy_few)(p + 4 * i, from[i] + k, K - k);
    }
}

WMK_INLINE void WMK(quad_step)(vec sum[QUAD_T][4], const float *x, const void *const w[4],
                               const size_t groups) {
    vec a[QUAD_T];
    WMK_UNROLL for (size_t g = 0; g < groups; g++) a[g] = v_load(x + g * LANES);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        vec b = v_repeat(w[c]);
        WMK_UNROLL for (size_t g = 0; g < groups; g++) sum[g][c] = v_fma(a[g], b, sum[g][c]);
    }
}

// sums [groups · QUADS, 4] = packed rows of x times four rows of w, + from [4]; what lies `ahead`
// bytes after these is fetched meanwhile, to L2: L1 waits for fewer lines at once than memory brings.
WMK_INLINE void WMK(quad_tile)(float *sums, const float *from, const float *x,
                               const uint8_t *const w[4], size_t ahead, size_t K,
                               const size_t groups) {
    vec sum[QUAD_T][4];
    WMK_UNROLL for (size_t i = 0; i < 4 * groups; i++) sum[i / 4][i % 4] = v_set(0.0f);
    size_t k = 0;
    for (; k + 4 <= K; k += 4, x += groups * LANES) {
        const void *at[4];
        WMK_UNROLL for (size_t c = 0; c < 4; c++) at[c] = w[c] + 4 * k;
        if (k % 16 == 0) {
            WMK_UNROLL for (size_t c = 0; c < 4; c++) v_prefetch_far(w[c] + 4 * k + ahead);
        }
        WMK(quad_step)(sum, x, at, groups);
    }
    if (k < K) {
        float last[4][4] = {{0}};
        const void *at[4];
        for (size_t c = 0; c < 4; c++) {
            WMK(copy_few)(last[c], w[c] + 4 * k, K - k);
            at[c] = last[c];
        }
        WMK(quad_step)(sum, x, at, groups);
    }
    WMK_UNROLL for (size_t g = 0; g < groups; g++) {
        vec all = v_quad_sums(sum[g][0], sum[g][1], sum[g][2], sum[g][3]);
        v_store(sums + g * LANES, all + v_repeat(from));
    }
}

// Rows of x, packed, against rows of w.
typedef struct WMK(quads) {
    float *y;
    const float *x, *bias;
    const uint8_t *w;
    size_t ldy, pitch, T, K;
    bool first; // block of K; y goes on to be added to in the others
} WMK(quads);

// What sums of the columns from n on begin with: at first the bias, then what changes nothing.
WMK_INLINE const float *WMK(quad_from)(float few[4], const WMK(quads) * q, size_t n, size_t columns,
                                       bool first) {
    static const float none[2][4] = {{-0.0f, -0.0f, -0.0f, -0.0f}, {0}};
    if (!first || !q->bias) return none[first];
    if (columns == 4) return q->bias + n;
    WMK(copy_few)(few, q->bias + n, columns);
    return few;
}

// y's columns from n on = sums, += after the first.
WMK_INLINE void WMK(quad_end)(const WMK(quads) * q, const float *sums, size_t n, size_t columns,
                              bool first) {
    float *y = q->y + n;
    wmk_quad four, add;
    for (size_t t = 0; t < q->T; t++, y += q->ldy, sums += 4) {
        if (columns == 4) {
            memcpy(&four, sums, sizeof four);
            if (!first) memcpy(&add, y, sizeof add), four += add;
            memcpy(y, &four, sizeof four);
        } else {
            for (size_t c = 0; c < columns; c++) y[c] = first ? sums[c] : sums[c] + y[c];
        }
    }
}

// Four columns of y.
WMK_APART void WMK(quad_columns)(const WMK(quads) * q, size_t n, size_t columns) {
    size_t groups = (q->T + QUADS - 1) / QUADS, ahead = 8 * q->pitch;
    for (size_t k = 0; k == 0 || k < q->K; k += WMK_QUAD_K) {
        const float *x = q->x + k * groups * QUADS, *from;
        const uint8_t *w[4];
        float sums[WMK(QUAD_ROWS) * 4], few[4] = {0};
        size_t n_k = WM_MIN(WMK_QUAD_K, q->K - k);
        bool first = q->first && !k;
        for (size_t c = 0; c < 4; c++)
            w[c] = q->w + (n + WM_MIN(c, columns - 1)) * q->pitch + 4 * k;
        from = WMK(quad_from)(few, q, n, columns, first);
        switch (groups) {
        case 1: WMK(quad_tile)(sums, from, x, w, ahead, n_k, 1); break;
        case 2: WMK(quad_tile)(sums, from, x, w, ahead, n_k, 2); break;
#if QUAD_T > 3
        case 3: WMK(quad_tile)(sums, from, x, w, ahead, n_k, 3); break;
#endif
        default: WMK(quad_tile)(sums, from, x, w, ahead, n_k, QUAD_T); break;
        }
        WMK(quad_end)(q, sums, n, columns, first);
    }
}

// One row of x, not packed, against eight of w.
WMK_APART void WMK(quad_row)(const WMK(quads) * q, size_t n, size_t columns, size_t by) {
    const uint8_t *w[8];
    float sums[8] = {0};
    size_t k = 0, end;
    for (size_t c = 0; c < columns && q->bias; c++) sums[c] = q->bias[n + c * by];
    do {
        wmk_quad sum[8] = {{0}}, a, b;
        end = WM_MIN(k + WMK_QUAD_K, q->K);
        WMK_UNROLL for (size_t c = 0; c < 8; c++) w[c] =
            q->w + (n + WM_MIN(c, columns - 1) * by) * q->pitch;
        for (; k + 4 <= end; k += 4) {
            memcpy(&a, q->x + k, sizeof a);
            WMK_UNROLL for (size_t c = 0; c < 8; c++) {
                memcpy(&b, w[c] + 4 * k, sizeof b);
                sum[c] = v_quad_fma(a, b, sum[c]);
            }
        }
        for (size_t c = 0; c < columns; c++) {
            if (k < end) {
                float last[2][4] = {{0}};
                WMK(copy_few)(last[0], q->x + k, end - k);
                WMK(copy_few)(last[1], w[c] + 4 * k, end - k);
                memcpy(&a, last[0], sizeof a);
                memcpy(&b, last[1], sizeof b);
                sum[c] = v_quad_fma(a, b, sum[c]);
            }
            sums[c] = (sum[c][0] + sum[c][2]) + (sum[c][1] + sum[c][3]) + sums[c];
        }
        k = end;
    } while (k < q->K);
    for (size_t c = 0; c < columns; c++) q->y[n + c * by] = sums[c];
}

// All columns for one row of x: of a long w, from memory, in eight long streams (see linear).
WMK_INLINE void WMK(quad_thin)(const WMK(quads) * q, size_t N) {
    size_t by = N * q->K > WMK_STREAM ? N / 8 : 1;
    for (size_t i = 0; i < (N + 7) / 8; i++) {
        size_t columns = WM_MIN(8, N - 8 * i), apart = columns < 8 ? 1 : by;
        WMK(quad_row)(q, apart == 1 ? 8 * i : i, columns, apart);
    }
}

// Blocks of w that L2 keeps, or all of one that L3 does, times rows of x, packed, that L1 keeps.
static void WMK(linear_f32)(float *y, size_t ldy, const float *x, size_t ldx, const void *w,
                            size_t ldw, const float *b, size_t T, size_t N, size_t K) {
    _Alignas(64) float packed[WMK(QUAD_ROWS) * WMK_QUAD_K];
    WMK(quads) q = {.y = y, .x = x, .bias = b, .w = w, .ldy = ldy, .pitch = 4 * ldw};
    q.T = T, q.K = K, q.first = true;
    if (T == 1) {
        WMK(quad_thin)(&q, N);
        return;
    }
    size_t few = T <= QUADS ? QUAD_T : T <= 2 * QUADS ? QUAD_T / 2 : 1, n_k = few * WMK_QUAD_K;
    size_t block = T <= WMK(QUAD_ROWS) || N * K <= WMK_QUAD_W ? N : WMK_QUAD_N;
    q.x = packed;
    for (size_t k = 0; k == 0 || k < K; k += n_k, q.first = false) {
        q.K = WM_MIN(n_k, K - k);
        q.w = (const uint8_t *)w + 4 * k;
        for (size_t n = 0; n < N; n += block) {
            size_t tiles = (T + WMK(QUAD_ROWS) - 1) / WMK(QUAD_ROWS);
            for (size_t t = 0; t < T; t += q.T, tiles--) {
                size_t groups = (T - t + QUADS - 1) / QUADS;
                groups = (groups + tiles - 1) / tiles;
                q.T = WM_MIN(groups * QUADS, T - t);
                q.y = y + t * ldy;
                WMK(quad_pack)(packed, x + t * ldx + k, ldx, q.T, q.K, groups);
                for (size_t i = n, end = WM_MIN(n + block, N); i < end; i += 4)
                    WMK(quad_columns)(&q, i, WM_MIN(4, end - i));
            }
        }
    }
}
