// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of NEON, which every AArch64 has, with WMK_DOTPROD of its dot products of
// bytes, and with WMK_I8MM of its products of 2 × 8 by 8 × 2 bytes besides.

#ifdef WMK_DOTPROD
#ifdef WMK_I8MM
#define WMK_ISA neoni8mm
#define v_dot8(sum, x, w) ((vint)vmmlaq_s32((int32x4_t)(sum), (int8x16_t)(x), (int8x16_t)(w)))
#define v_pair(a, b) ((vint)vcombine_s8(vld1_s8(a), vld1_s8(b)))
#define v_part(a, b) wmk_part_neon(a, b)
#define v_nonzero(i) wmk_nonzero_pairs_neon((uint64x2_t)(i))
#define v_transpose(to, rows) wmk_pairs_neon(to, rows)
#else
#define WMK_ISA neondot
#define v_nonzero(i) wmk_nonzero_neon((uint32x4_t)(i))
#define v_transpose(to, rows) wmk_transpose_neon(to, rows)
#endif
#define v_dot4(sum, w, x) ((vint)vdotq_s32((int32x4_t)(sum), (int8x16_t)(w), (int8x16_t)(x)))
#define v_load_half_scales(p) vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(wm_read_u16(p))))
#define v_int_sums(a, b, c, d) \
    ((wmk_quad_int)vpaddq_s32(vpaddq_s32((a), (b)), vpaddq_s32((c), (d))))
#define BYTE_FLIP 0 // both operands have a sign
#define BYTE_FLIPS 0
#else
#define WMK_ISA neon
#endif
#define vec wmk_vec_neon
#define vint wmk_int_neon
#define LANES 4
#define TILE_T 4
#define PANEL_T 6
#define PANEL_N 4

#define v_load(p) vreinterpretq_f32_u8(vld1q_u8((const uint8_t *)(const void *)(p)))
#define v_store(p, v) vst1q_f32((p), (v))
#define v_set(s) vdupq_n_f32(s)
#define v_bits(v) ((vint)(v))
#define v_float(i) ((vec)(i))
#define v_shift(i, n) ((i) << (n))
#define v_less(a, b) ((vint)((a) < (b)))
#define v_fma(a, b, c) vfmaq_f32((c), (a), (b))
#define v_prefetch(p) __builtin_prefetch(p)
#define v_min(a, b) wmk_lesser_neon((a), (b))
#define v_max(a, b) wmk_greater_neon((a), (b))
#define v_sqrt(v) vsqrtq_f32(v)
#define v_load_i16(p) ((vint)vmovl_s16(vreinterpret_s16_u8(vld1_u8((const void *)(p)))))
#define v_load_f16(p) vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8((const void *)(p))))
#define F16C
#define I8_UNIT 1.0f
#define v_bytes wmk_bytes
#define v_load_bytes(p) ((v_bytes)vld1q_u8((const void *)(p)))
#define v_from_bytes(to, b) wmk_from_bytes_neon(to, (int8x16_t)(b))
#define v_half wmk_half_neon
#define v_load_half(p) ((v_half)vld1q_u8((const void *)(p)))
#define v_load_half_i8(p) ((v_half)vmovl_s8(vreinterpret_s8_u8(vld1_u8((const void *)(p)))))
#define v_dot(sum, a, b) wmk_dot_neon(sum, (int16x8_t)(a), (int16x8_t)(b))
#define v_load_scales(p, i) v_set((p)[i])
#define v_convert(i) vcvtq_f32_s32((int32x4_t)(i))
#define v_sums(a, b, c, d) ((wmk_quad)vpaddq_f32(vpaddq_f32((a), (b)), vpaddq_f32((c), (d))))

#ifndef WMK_VEC_NEON_H
#define WMK_VEC_NEON_H
typedef float32x4_t wmk_vec_neon;
typedef int32_t wmk_int_neon __attribute__((vector_size(16)));
typedef int16_t wmk_half_neon __attribute__((vector_size(16)));

// The instructions' own give a NaN for either's.
static inline vec wmk_lesser_neon(vec a, vec b) { return vbslq_f32(vcltq_f32(a, b), a, b); }
static inline vec wmk_greater_neon(vec a, vec b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }

static inline vint wmk_dot_neon(vint sum, int16x8_t a, int16x8_t b) {
    int32x4_t low = vmull_s16(vget_low_s16(a), vget_low_s16(b)), high = vmull_high_s16(a, b);
    return sum + (vint)vpaddq_s32(low, high);
}

static inline void wmk_from_bytes_neon(vec *to, int8x16_t b) {
    int16x8_t low = vmovl_s8(vget_low_s8(b)), high = vmovl_high_s8(b);
    to[0] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(low)));
    to[1] = vcvtq_f32_s32(vmovl_high_s16(low));
    to[2] = vcvtq_f32_s32(vmovl_s16(vget_low_s16(high)));
    to[3] = vcvtq_f32_s32(vmovl_high_s16(high));
}

// Bit i: lane i is not zero.
static inline uint32_t wmk_nonzero_neon(uint32x4_t lanes) {
    const uint32_t bits[4] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vtstq_u32(lanes, lanes), vld1q_u32(bits)));
}

// Bit 2 i: lanes 2 i and 2 i + 1 are not both zero.
static inline uint32_t wmk_nonzero_pairs_neon(uint64x2_t pairs) {
    const uint64_t bits[2] = {1, 4};
    return (uint32_t)vaddvq_u64(vandq_u64(vtstq_u64(pairs, pairs), vld1q_u64(bits)));
}

// Lane j of to[i] is lane i of row j.
static inline void wmk_transpose_neon(vec *to, const uint8_t *const *rows) {
    vec a = v_load(rows[0]), b = v_load(rows[1]), c = v_load(rows[2]), d = v_load(rows[3]);
    float64x2_t low = vreinterpretq_f64_f32(vtrn1q_f32(a, b)); // a0 b0 a2 b2
    float64x2_t high = vreinterpretq_f64_f32(vtrn2q_f32(a, b));
    float64x2_t low2 = vreinterpretq_f64_f32(vtrn1q_f32(c, d));
    float64x2_t high2 = vreinterpretq_f64_f32(vtrn2q_f32(c, d));
    to[0] = vreinterpretq_f32_f64(vtrn1q_f64(low, low2));
    to[1] = vreinterpretq_f32_f64(vtrn1q_f64(high, high2));
    to[2] = vreinterpretq_f32_f64(vtrn2q_f64(low, low2));
    to[3] = vreinterpretq_f32_f64(vtrn2q_f64(high, high2));
}

// The first eight bytes of rows 0 and 1, of rows 2 and 3, the last eight of either.
static inline void wmk_pairs_neon(vec *to, const uint8_t *const *rows) {
    for (size_t i = 0; i < 4; i += 2) {
        float64x2_t a = vreinterpretq_f64_u8(vld1q_u8(rows[i]));
        float64x2_t b = vreinterpretq_f64_u8(vld1q_u8(rows[i + 1]));
        to[i / 2] = vreinterpretq_f32_f64(vzip1q_f64(a, b));
        to[2 + i / 2] = vreinterpretq_f32_f64(vzip2q_f64(a, b));
    }
}

// Two vectors of which each has halves of two rows: the first, the second row's.
static inline void wmk_part_neon(vint *a, vint *b) {
    float64x2_t first = (float64x2_t)*a, second = (float64x2_t)*b;
    *a = (vint)vzip1q_f64(first, second);
    *b = (vint)vzip2q_f64(first, second);
}
#endif
