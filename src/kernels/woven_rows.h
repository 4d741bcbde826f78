// SPDX-License-Identifier: MIT OR Apache-2.0
// Q4 times rows of x as whole numbers, sixteen rows of w woven together. Included by int_rows.h.
//
// Woven, numbers 8j … 8j + 7 of a block stand as [4, 16, 8]: j, row, numbers; so four vectors of
// four rows each are for the same eight numbers of x. Behind one another stand the 16 scales of a
// block, too. Of four numbers, 16 bits of which the uppermost is turned,
//     v = q0 + 16 q1 + 256 q2 + 4096 (q3 - 8),
// v >> 4, v >> 8 and v >> 12 lack one more each, so that x0 q0 + x1 q1 + x2 q2 + x3 (q3 - 8) is
//     x0 v + (x1 - 16 x0) (v >> 4) + (x2 - 16 x1) (v >> 8) + (x3 - 16 x2) (v >> 12);
// 8 (x0 + x1 + x2) less is what is wanted, and of x alone. All of it is exact: a block's sum fits
// in 32 bits, and what overflows on the way there comes back.

#define WOVEN_MOST 1927.0f // of x as whole numbers: 17 · 1927 < 2¹⁵
#define WOVEN_REST 3854    // second halves in a step: 32 · 8 · 1927 · 3855 < 2³¹
#define WOVEN_LIFT 0x1p90f // of steps, for scales have the exponents of F16, which is times 2⁻¹¹²
#define WOVEN_UNIT 0x1p22f
#define WOVEN_LESS offsetof(WMK(woven_x), less)
#define WOVEN_BY offsetof(WMK(woven_x), by)

enum {
    WOVEN_N = 16,
    WOVEN_K = 8192, // numbers of a row of w at a time, and at most of one that is woven in place
    WOVEN_W = WOVEN_N * WOVEN_K / 2,
    WOVEN_X = 896 // blocks of x on the stack
};

// A block of a row of x: what two times v, v >> 4, … are multiplied by, for each j. Second halves
// stand in a block of their own behind it.
typedef struct WMK(woven_x) {
    float step;
    int32_t less;
    int16_t by[WM_Q4_BLOCK];
} WMK(woven_x);

// Sixteen rows of w, `pitch` blocks apart; past `columns` the last one again.
WMK_APART void WMK(weave_rows)(uint8_t *to, uint8_t *to_scale, const uint8_t *w,
                               const uint8_t *scale, size_t blocks, size_t pitch, size_t columns) {
    for (size_t i = 0; i < blocks; i++, to += WOVEN_N * WM_Q4_BYTES) {
        WMK_ROLLED for (size_t n = 0; n < WOVEN_N; n++, to_scale += 2) {
            size_t at = WM_MIN(n, columns - 1) * pitch + i;
            memcpy(to_scale, scale + 2 * at, 2);
            WMK_ROLLED for (size_t j = 0; j < 4; j++) {
                uint32_t eight = wm_read_u32(w + at * WM_Q4_BYTES + 4 * j) ^ 0x80008000;
                memcpy(to + (j * WOVEN_N + n) * sizeof eight, &eight, sizeof eight);
            }
        }
    }
}

static bool WMK(weave)(uint8_t *w, uint8_t *scale, size_t N, size_t K) {
    uint8_t rows[WOVEN_W], scales[WOVEN_W / 8];
    size_t blocks = K / WM_Q4_BLOCK, bytes = WOVEN_N * K / 2;
    if (N % WOVEN_N || K % WM_Q4_BLOCK || K > WOVEN_K) return false;
    for (size_t n = 0; n < N; n += WOVEN_N, w += bytes, scale += bytes / 8) {
        memcpy(rows, w, bytes);
        memcpy(scales, scale, bytes / 8);
        WMK(weave_rows)(w, scale, rows, scales, blocks, blocks, WOVEN_N);
    }
    return true;
}

// x [n], a block at most, in steps of its largest number.
WMK_APART void WMK(woven_block)(WMK(woven_x) * to, const float *x, size_t n, size_t halves) {
    float block[WM_Q4_BLOCK] = {0};
    if (n < WM_Q4_BLOCK) {
        WMK(copy_few)(block, x, n);
        x = block;
    }
    float step = WMK(row_most)(x, WM_Q4_BLOCK) / WOVEN_MOST;
    const vec round = v_set(WMK_ROUND), per_step = v_set(step > 0x1p-100f ? 1 / step : 0);
    const vint zero = {0};
    vint sum = zero;
    WMK_ROLLED for (size_t j = 0; j < WM_Q4_BLOCK; j += 8) {
        vec v[2] = {v_load(x + j) * per_step, v_load(x + j + 4) * per_step};
        vint all = zero;
        WMK_ROLLED for (size_t h = 0; h < halves; h++) {
            vint q[2], less[2];
            WMK_UNROLL for (size_t i = 0; i < 2; i++) {
                vec near = v[i] + round;
                q[i] = v_bits(near) - v_bits(round);
                less[i] = q[i] - 16 * __builtin_shufflevector(zero, q[i], 0, 4, 5, 6);
                v[i] = (v[i] - (near - round)) * v_set(WOVEN_REST);
            }
            v_half by = v_narrow(less[0], less[1]);
            by = __builtin_shufflevector(by, by, 0, 4, 1, 5, 2, 6, 3, 7);
            memcpy(to[h].by + j, &by, sizeof by);
            all = all * WOVEN_REST + (q[0] + q[1]);
        }
        sum += all;
    }
    if (halves == 2) step /= WOVEN_REST;
    to->step = step * WOVEN_LIFT;
    to->less = 8 * (sum[0] + sum[1] + sum[2]);
}

// sums [16] of one row of x, in one piece or two halves. The inner loop stays a loop: in a larger
// block V8 is short of registers.
WMK_INLINE void WMK(woven_tile)(float *sums, const uint8_t *x, const uint8_t *w,
                                const uint8_t *scale, size_t blocks, const size_t halves) {
    const vint mask = WMK(everywhere)(0x8FFFE000), zero = {0};
    vec sum[4];
    WMK_UNROLL for (size_t g = 0; g < 4; g++) sum[g] = v_float(zero);
    for (; blocks; blocks--) {
        vint all[2][4];
        WMK_UNROLL for (size_t i = 0; i < 4 * halves; i++) all[i / 4][i % 4] = zero;
        WMK_ROLLED for (size_t j = 0; j < 4; j++) {
            v_half v[4];
            WMK_UNROLL for (size_t g = 0; g < 4; g++) v[g] = v_load_half(w + 16 * g);
            WMK_UNROLL for (size_t i = 0; i < 4 * halves; i++) { // v >> 4 · m, half h
                size_t m = i / halves, h = i % halves;
                v_half by = v_couple(x + WOVEN_BY + 4 * m + h * sizeof(WMK(woven_x)));
                WMK_UNROLL for (size_t g = 0; g < 4; g++) {
                    all[h][g] = v_dot(all[h][g], by, v[g] >> (4 * m));
                }
            }
            WMK_ADVANCE(x, 16);
            WMK_ADVANCE(w, 64);
        }
        WMK_ADVANCE(x, -64);
        WMK_UNROLL for (size_t g = 0; g < 4; g++) {
            vec unit = v_float(v_shift(v_load_i16(scale + 8 * g), 13) & mask) * (vec)v_couple(x);
            vint whole = all[0][g];
            if (halves == 2) whole = whole * WOVEN_REST + all[1][g];
            whole -= (vint)v_couple(x + WOVEN_LESS);
            sum[g] = v_fma(v_convert(whole), unit, sum[g]);
        }
        WMK_ADVANCE(x, halves * sizeof(WMK(woven_x)));
        WMK_ADVANCE(scale, 32);
    }
    WMK_UNROLL for (size_t g = 0; g < 4; g++) v_store(sums + 4 * g, sum[g]);
}

WMK_APART void WMK(woven_one)(float *sums, const uint8_t *x, const uint8_t *w, const uint8_t *scale,
                              size_t blocks) {
    WMK(woven_tile)(sums, x, w, scale, blocks, 1);
}

WMK_APART void WMK(woven_halves)(float *sums, const uint8_t *x, const uint8_t *w,
                                 const uint8_t *scale, size_t blocks) {
    WMK(woven_tile)(sums, x, w, scale, blocks, 2);
}

static void WMK(linear_woven)(float *y, size_t ldy, const float *x, size_t ldx,
                              const wm_quantized *w, wm_weight_type type, const float *b, size_t T,
                              size_t N, size_t K, size_t halves) {
    WMK(woven_x) whole[WOVEN_X];
    uint8_t rows[WOVEN_W], scales[WOVEN_W / 8];
    float sums[WOVEN_N];
    const size_t pitch = (K + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    for (size_t k = 0; k == 0 || k < pitch; k += WOVEN_K / WM_Q4_BLOCK) {
        size_t blocks = WM_MIN(WOVEN_K / WM_Q4_BLOCK, pitch - k), line = blocks * halves;
        for (size_t t = 0, some; t < T; t += some) {
            some = WM_MIN(WOVEN_X / WM_MAX(line, 1), T - t);
            for (size_t i = 0; i < some * blocks; i++) {
                size_t from = (k + i % blocks) * WM_Q4_BLOCK;
                WMK(woven_block)(whole + i * halves, x + (t + i / blocks) * ldx + from, K - from,
                                 halves);
            }
            for (size_t n = 0; n < N; n += WOVEN_N) {
                size_t columns = WM_MIN(WOVEN_N, N - n), at = n * pitch + k;
                const uint8_t *some_w = w->data + at * WM_Q4_BYTES, *scale = w->scale + at * 2;
                if (type == WM_Q4) {
                    WMK(weave_rows)(rows, scales, some_w, scale, blocks, pitch, columns);
                    some_w = rows, scale = scales;
                }
                for (size_t r = 0; r < some; r++) {
                    float *to = y + (t + r) * ldy + n;
                    (halves == 1 ? WMK(woven_one) : WMK(woven_halves))(
                        sums, (const uint8_t *)(whole + r * line), some_w, scale, blocks);
                    WMK_ROLLED for (size_t c = 0; c < columns; c++) {
                        to[c] = sums[c] * WOVEN_UNIT + (k ? to[c] : b ? b[n + c] : 0);
                    }
                }
            }
        }
    }
}
#undef WOVEN_MOST
#undef WOVEN_REST
#undef WOVEN_LIFT
#undef WOVEN_UNIT
#undef WOVEN_LESS
#undef WOVEN_BY
