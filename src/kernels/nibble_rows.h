// SPDX-License-Identifier: MIT OR Apache-2.0
// Products of whole numbers with rows of q4 by dot products of bytes, four to a lane: what
// int_rows.h does, on machines with such an instruction. Included by kernels_body.h.
//
// A row of x is 256 · high + low in steps of its largest number's 8191st part. The nibbles of w,
// which have 8 added to them, are the operand without a sign; a sum begins with as many times that
// of x below zero.

enum { WMK(NIBBLES) = 8 * LANES }; // a span: 4 · LANES bytes of w

typedef int64_t WMK(pairs) __attribute__((vector_size(4 * LANES)));
typedef int8_t WMK(half_bytes) __attribute__((vector_size(LANES / 2)));

// A span of x: the numbers at even and at odd places.
typedef struct WMK(span) {
    int8_t low[2][4 * LANES], high[2][4 * LANES];
    int32_t start[LANES]; // -8 · the sum of a lane's
} WMK(span);

// The step of a row of x. A NaN or an infinity makes it one.
WMK_APART float WMK(nibble_step)(const float *x, size_t K) {
    int32_t lanes[LANES], largest = 0;
    vint most = v_bits(v_set(0.0f));
    WMK_ROLLED for (size_t k = 0; k < K; k += LANES) {
        vint size = v_bits(WMK(abs)(WMK(load)(x + k, K - k, 0))), more = size > most;
        most = (size & more) | (most & ~more);
    }
    memcpy(lanes, &most, sizeof lanes);
    for (size_t i = 0; i < LANES; i++) largest = WM_MAX(largest, lanes[i]);
    return wm_read_f32(&largest) / (float)WMK_INT_MOST;
}

// to = x / step to the nearest, ties to even, and zeros up to whole spans.
WMK_APART void WMK(nibble_row)(WMK(span) * to, const float *x, size_t n, float step) {
    vec per_step = v_set(step > 0x1p-100f ? 1 / step : 0);
    for (size_t at = 0; at < n; at += WMK(NIBBLES), to++) {
        vint sum[2] = {v_bits(v_set(0.0f)), v_bits(v_set(0.0f))};
        for (size_t i = 0; i < WMK(NIBBLES); i += LANES) {
            WMK(ints) q = {0};
            if (at + i < n) q = WMK(whole)(x + at + i, n - at - i, per_step);
            WMK(pairs) low = (WMK(pairs))q, high = (WMK(pairs))((q + 128) >> 8);
            for (size_t odd = 0; odd < 2; odd++, low >>= 32, high >>= 32) {
                WMK(half_bytes) bytes = __builtin_convertvector(low, WMK(half_bytes));
                memcpy(to->low[odd] + i / 2, &bytes, sizeof bytes);
                bytes = __builtin_convertvector(high, WMK(half_bytes));
                memcpy(to->high[odd] + i / 2, &bytes, sizeof bytes);
            }
        }
        for (size_t odd = 0; odd < 2; odd++) {
            vint eights = v_bits(v_set(0.0f)) + 0x08080808;
            sum[0] = v_dot4(sum[0], eights, v_bits(v_load(to->low[odd])));
            sum[1] = v_dot4(sum[1], eights, v_bits(v_load(to->high[odd])));
        }
        v_store((float *)(void *)to->start, v_float(-(v_shift(sum[1], 8) + sum[0])));
    }
}

// sums [rows, columns of w] in f32: rows of x, `pitch` spans apart; all but the last `few` blocks
// of w are whole spans.
WMK_INLINE void WMK(nibble_tile)(float *sums, const WMK(span) * x, size_t pitch,
                                 const uint8_t *const w[4], const uint8_t *const scale[4],
                                 size_t blocks, const size_t rows) {
    enum { BLOCKS = LANES / 4 };
    vec sum[TILE_T][4];
    WMK_UNROLL for (size_t i = 0; i < 4 * rows; i++) sum[i / 4][i % 4] = v_set(0.0f);
    for (size_t i = 0; i < blocks; i += BLOCKS, x++) {
        uint8_t nibbles[4][4 * LANES] = {{0}}, halves[4][2 * BLOCKS] = {{0}};
        const uint8_t *from[4], *scales[4];
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            from[c] = w[c] + i * WM_Q4_BYTES, scales[c] = scale[c] + 2 * i;
            v_prefetch(from[c] + 4096);
            if (blocks - i >= BLOCKS) continue;
            from[c] = memcpy(nibbles[c], from[c], (blocks - i) * WM_Q4_BYTES);
            scales[c] = memcpy(halves[c], scales[c], (blocks - i) * 2);
        }
        WMK_UNROLL for (size_t c = 0; c < 4; c++) {
            vint q = v_bits(v_load(from[c])), even = q & 0x0F0F0F0F, odd = (q >> 4) & 0x0F0F0F0F;
            vec unit = v_load_half_scales(scales[c]);
            WMK_UNROLL for (size_t r = 0; r < rows; r++) {
                const WMK(span) *a = x + r * pitch;
                vint high = v_dot4(v_bits(v_set(0.0f)), even, v_bits(v_load(a->high[0])));
                vint low = v_dot4(v_bits(v_load(a->start)), even, v_bits(v_load(a->low[0])));
                high = v_dot4(high, odd, v_bits(v_load(a->high[1])));
                low = v_dot4(low, odd, v_bits(v_load(a->low[1])));
                sum[r][c] = v_fma(v_convert(v_shift(high, 8) + low), unit, sum[r][c]);
            }
        }
    }
    WMK_UNROLL for (size_t r = 0; r < rows; r++) {
        wmk_quad all = v_sums(sum[r][0], sum[r][1], sum[r][2], sum[r][3]);
        memcpy(sums + 4 * r, &all, sizeof all);
    }
}

// Columns n, n + by, … of y, of `rows` rows.
WMK_APART void WMK(nibble_columns)(float *y, size_t ldy, const WMK(span) * x, size_t pitch,
                                   const float *steps, const wm_quantized *w, const float *b,
                                   size_t T, size_t n, size_t columns, size_t by, size_t k,
                                   size_t blocks, size_t K) {
    size_t row_blocks = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    const uint8_t *from[4], *scale[4];
    for (size_t c = 0; c < 4; c++) {
        size_t at = (n + WM_MIN(c, columns - 1) * by) * row_blocks + k / WM_Q4_BLOCK;
        from[c] = w->data + at * WM_Q4_BYTES, scale[c] = w->scale + 2 * at;
    }
    for (size_t t = 0, count; t < T; t += count) {
        float sums[TILE_T * 4];
        count = T - t < TILE_T ? 1 : TILE_T;
        if (count == 1)
            WMK(nibble_tile)(sums, x + t * pitch, pitch, from, scale, blocks, 1);
        else
            WMK(nibble_tile)(sums, x + t * pitch, pitch, from, scale, blocks, TILE_T);
        for (size_t i = 0; i < count * columns; i++) {
            size_t row = t + i / columns, c = i % columns, at = n + c * by;
            float *to = y + row * ldy + at;
            *to = sums[i / columns * 4 + c] * steps[row] + (k ? *to : b ? b[at] : 0);
        }
    }
}

// Rows of x that fit on the stack at a time.
static void WMK(linear_nibbles)(float *y, size_t ldy, const float *x, size_t ldx,
                                const wm_quantized *w, const float *b, size_t T, size_t N,
                                size_t K) {
    enum { SPANS = WMK_NIBBLE_X / sizeof(WMK(span)) };
    _Alignas(64) WMK(span) whole[SPANS];
    float steps[WMK_INT_T];
    size_t by = T == 1 ? N / 4 : 1;
    for (size_t k = 0; k == 0 || k < K; k += WMK_INT_K) {
        size_t n_k = WM_MIN(WMK_INT_K, K - k), pitch = (n_k + WMK(NIBBLES) - 1) / WMK(NIBBLES);
        size_t most = WM_MIN(WMK_INT_T, SPANS / WM_MAX(pitch, 1));
        size_t blocks = (n_k + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
        for (size_t t = 0, rows; t < T; t += rows) {
            rows = WM_MIN(most, T - t);
            for (size_t r = 0; r < rows; r++) {
                const float *row = x + (t + r) * ldx;
                steps[r] = WMK(nibble_step)(row, K);
                WMK(nibble_row)(whole + r * pitch, row + k, n_k, steps[r]);
            }
            for (size_t i = 0; i < (N + 3) / 4; i++) {
                size_t columns = WM_MIN(4, N - 4 * i), apart = columns < 4 ? 1 : by;
                WMK(nibble_columns)(y + t * ldy, ldy, whole, pitch, steps, w, b, rows,
                                    apart == 1 ? 4 * i : i, columns, apart, k, blocks, K);
            }
        }
    }
}
