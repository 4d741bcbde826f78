// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of whole numbers: rows of i8 times rows of x in 14 bits, with sums of 32 bits that
// cannot overflow. Included by kernels_body.h.

// A row of x in steps of its largest number's 8191st part; returns the step. A NaN or an infinity
// makes the step one.
WMK_APART float WMK(row_step)(const float *x, size_t K) {
    uint32_t most = 0;
    for (size_t k = 0; k < K; k++) {
        uint32_t size = wm_read_u32(x + k) & 0x7FFFFFFF;
        most = WM_MAX(most, size);
    }
    return wm_read_f32(&most) / (float)WMK_INT_MOST;
}

// to [n, and zeros up to `all`] = x / step to the nearest, ties to even
WMK_APART void WMK(quantise)(int16_t *to, const float *x, float step, size_t n, size_t all) {
    float per_step = step > 0x1p-100f ? 1 / step : 0;
    for (size_t k = 0; k < n; k++) {
        float shifted = x[k] * per_step + 0x1.8p23f;
        to[k] = (int16_t)wm_read_u32(&shifted);
    }
    for (; n < all; n++) to[n] = 0;
}

WMK_INLINE void WMK(int_step)(vint sum[][4], const int16_t *x, size_t ldx,
                              const uint8_t *const w[4], const size_t rows) {
    v_half a[TILE_T], b;
    WMK_UNROLL for (size_t r = 0; r < rows; r++) a[r] = v_load_half(x + r * ldx);
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        b = v_load_half_i8(w[c]);
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_dot(sum[r][c], a[r], b);
    }
}

// sums [rows, 4] = x [rows, K] · w [4, K]ᵀ; x has zeros up to a whole step.
WMK_INLINE void WMK(int_tile)(float *sums, const int16_t *x, size_t ldx, const uint8_t *const rows4[4],
                              size_t K, const size_t rows) {
    const uint8_t *w[4];
    vint sum[TILE_T][4];
    WMK_UNROLL for (size_t c = 0; c < 4; c++) {
        w[c] = rows4[c];
        WMK_UNROLL for (size_t r = 0; r < rows; r++) sum[r][c] = v_bits(v_set(0.0f));
    }
    for (; K >= 2 * LANES; K -= 2 * LANES) {
        WMK(int_step)(sum, x, ldx, w, rows);
        WMK_ADVANCE(x, 2 * LANES);
        WMK_UNROLL for (size_t c = 0; c < 4; c++) WMK_ADVANCE(w[c], 2 * LANES);
    }
    if (K) {
        uint8_t few[4][2 * LANES] = {{0}};
        for (size_t i = 0; i < 4 * K; i++) few[i / K][i % K] = w[i / K][i % K];
        for (size_t c = 0; c < 4; c++) w[c] = few[c];
        WMK(int_step)(sum, x, ldx, w, rows);
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        wmk_quad all = v_sums(v_convert(sum[r][0]), v_convert(sum[r][1]), v_convert(sum[r][2]),
                              v_convert(sum[r][3]));
        memcpy(sums + 4 * r, &all, sizeof all);
    }
}

// Rows of x that fit on the stack at a time, K in blocks whose sums fit.
static void WMK(linear_int8)(float *y, size_t ldy, const float *x, size_t ldx, const wm_quantized *w,
                             const float *b, size_t T, size_t N, size_t K) {
    int16_t whole[WMK_INT_X];
    float steps[WMK_INT_T], sums[TILE_T * 4];
    const float *scale = (const float *)(const void *)w->scale;
    size_t by = T == 1 ? N / 4 : 1;
    for (size_t k = 0; k == 0 || k < K; k += WMK_INT_K) {
        size_t n_k = WM_MIN(WMK_INT_K, K - k), pitch = (n_k + 2 * LANES - 1) / (2 * LANES) * (2 * LANES);
        size_t most = WM_MIN(WMK_INT_T, WMK_INT_X / WM_MAX(pitch, 1));
        for (size_t t = 0; t < T; t += most) {
            size_t block = WM_MIN(most, T - t);
            for (size_t r = 0; r < block; r++) {
                const float *row = x + (t + r) * ldx;
                steps[r] = WMK(row_step)(row, K);
                WMK(quantise)(whole + r * pitch, row + k, steps[r], n_k, pitch);
            }
            for (size_t i = 0; i < (N + 3) / 4; i++) {
                size_t columns = WM_MIN(4, N - 4 * i), apart = columns < 4 ? 1 : by;
                size_t n = apart == 1 ? 4 * i : i;
                const uint8_t *rows[4];
                for (size_t c = 0; c < 4; c++)
                    rows[c] = w->data + (n + WM_MIN(c, columns - 1) * apart) * K + k;
                for (size_t r = 0, count; r < block; r += count) {
                    count = block - r < TILE_T ? 1 : TILE_T;
                    if (count == 1) WMK(int_tile)(sums, whole + r * pitch, pitch, rows, n_k, 1);
                    else WMK(int_tile)(sums, whole + r * pitch, pitch, rows, n_k, TILE_T);
                    for (size_t j = 0; j < 4 * count; j++) {
                        size_t c = n + j % 4 * apart;
                        float *to = y + (t + r + j / 4) * ldy + c;
                        if (j % 4 < columns)
                            *to = sums[j] * (steps[r + j / 4] * scale[c]) + (k ? *to : b ? b[c] : 0);
                    }
                }
            }
        }
    }
}
