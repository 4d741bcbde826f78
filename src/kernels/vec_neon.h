// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of NEON, which every AArch64 has.

typedef float32x4_t wmk_vec_neon;
typedef int32_t wmk_int_neon __attribute__((vector_size(16)));
typedef int16_t wmk_half_neon __attribute__((vector_size(16)));

#define WMK_ISA neon
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
