// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of AVX-512 (F, BW, DQ, VL), and with WMK_VNNI of its dot products of bytes.

#ifdef WMK_VNNI
#define WMK_ISA avx512vnni
#define v_dot4(sum, w, x) ((vint)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(w), (__m512i)(x)))
#define v_nonzero(i) _mm512_test_epi32_mask((__m512i)(i), (__m512i)(i))
#define v_transpose(to, rows) wmk_transpose_avx512(to, rows)
#define v_load_half_scales(p) wmk_half_scales_avx512(p)
#define v_int_quad_sums(a, b, c, d) wmk_int_quad_sums_avx512(a, b, c, d)
#define v_int_sums(a, b, c, d) wmk_int_sums_avx512(a, b, c, d)
#define BYTE_FLIP 128
#define BYTE_FLIPS ((int32_t)0x80808080)
#else
#define WMK_ISA avx512
#endif
#define vec wmk_vec_avx512
#define vint wmk_int_avx512
#define LANES 16
#define TILE_T 4
#define QUADS 4
#define QUAD_T 4
#define PANEL_T 8
#define PANEL_N 2

#define v_load(p) _mm512_loadu_ps(p)
#define v_store(p, v) _mm512_storeu_ps((p), (v))
#define v_set(s) _mm512_set1_ps(s)
#define v_bits(v) ((vint)(v))
#define v_float(i) ((vec)(i))
#define v_shift(i, n) ((i) << (n))
#define v_less(a, b) ((vint)((a) < (b)))
#define v_fma(a, b, c) _mm512_fmadd_ps((a), (b), (c))
#define v_prefetch(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#define v_prefetch_far(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#define v_min(a, b) _mm512_min_ps((a), (b))
#define v_max(a, b) _mm512_max_ps((a), (b))
#define v_sqrt(v) _mm512_sqrt_ps(v)
#define v_load_i16(p) ((vint)_mm512_cvtepi16_epi32(_mm256_loadu_si256((const void *)(p))))
#define v_load_f16(p) _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(p)))
#define F16C
#define I8_UNIT 1.0f
#define v_bytes wmk_bytes
#define v_load_bytes(p) ((v_bytes)_mm_loadu_si128((const void *)(p)))
#define v_from_bytes(to, b) (*(to) = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32((__m128i)(b))))
#define v_from_nibbles(to, p, scale) wmk_from_nibbles_avx512(to, p, scale)
#define v_half wmk_half_avx512
#define v_load_half(p) ((v_half)_mm512_loadu_si512(p))
#define v_load_half_i8(p) ((v_half)_mm512_cvtepi8_epi16(_mm256_loadu_si256((const void *)(p))))
#define v_dot(sum, a, b) ((sum) + (vint)_mm512_madd_epi16((__m512i)(a), (__m512i)(b)))
#define v_load_scales(p, i) wmk_scales_avx512((p) + 4 * (i))
#define v_convert(i) _mm512_cvtepi32_ps((__m512i)(i))
#define v_repeat(p) _mm512_broadcast_f32x4(_mm_loadu_ps((const float *)(p)))
#define v_quad_fma(a, b, c) ((wmk_quad)_mm_fmadd_ps((__m128)(a), (__m128)(b), (__m128)(c)))
#define v_quad_sums(a, b, c, d) wmk_quad_sums_avx512(a, b, c, d)
#define v_sums(a, b, c, d) wmk_sums_avx512(a, b, c, d)

#ifndef WMK_VEC_AVX512_H
#define WMK_VEC_AVX512_H
typedef __m512 wmk_vec_avx512;
typedef int32_t wmk_int_avx512 __attribute__((vector_size(64)));
typedef int16_t wmk_half_avx512 __attribute__((vector_size(64)));

// As in 128 bits, within each quarter.
static inline __m512 wmk_quad_sums_avx512(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_unpacklo_ps(a, b) + _mm512_unpackhi_ps(a, b);
    __m512 cd = _mm512_unpacklo_ps(c, d) + _mm512_unpackhi_ps(c, d);
    return _mm512_shuffle_ps(ab, cd, 0x44) + _mm512_shuffle_ps(ab, cd, 0xEE);
}

// Then the quarters.
static inline wmk_quad wmk_sums_avx512(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 abcd = wmk_quad_sums_avx512(a, b, c, d);
    __m256 half = _mm512_castps512_ps256(abcd) + _mm512_extractf32x8_ps(abcd, 1);
    return _mm256_castps256_ps128(half) + _mm256_extractf128_ps(half, 1);
}

// The 32 numbers of a block of q4: nibble by nibble from a table of what sixteen of them mean.
static inline void wmk_from_nibbles_avx512(__m512 *to, const uint8_t *p, const uint8_t *scale) {
    const __m512i places =
        _mm512_set_epi32(28, 24, 20, 16, 12, 8, 4, 0, 28, 24, 20, 16, 12, 8, 4, 0);
    __m512 table = _mm512_set_ps(7, 6, 5, 4, 3, 2, 1, 0, -1, -2, -3, -4, -5, -6, -7, -8);
    table *= _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)wm_read_u16(scale)));
    WMK_UNROLL for (size_t i = 0; i < 2; i++, p += 8) {
        __m512i eight = _mm512_set1_epi32((int32_t)wm_read_u32(p));
        eight = _mm512_mask_set1_epi32(eight, 0xFF00, (int32_t)wm_read_u32(p + 4));
        to[i] = _mm512_permutexvar_ps(_mm512_srlv_epi32(eight, places), table);
    }
}

// Four scales, each of four lanes.
static inline __m512 wmk_scales_avx512(const float *p) {
    __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    return _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(_mm_loadu_ps(p)));
}

static inline __m512 wmk_half_scales_avx512(const uint8_t *p) {
    __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    return _mm512_permutexvar_ps(
        lanes, _mm512_castps128_ps512(_mm_cvtph_ps(_mm_loadl_epi64((const void *)p))));
}

static inline vint wmk_int_quad_sums_avx512(vint a, vint b, vint c, vint d) {
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32((__m512i)a, (__m512i)b),
                                  _mm512_unpackhi_epi32((__m512i)a, (__m512i)b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32((__m512i)c, (__m512i)d),
                                  _mm512_unpackhi_epi32((__m512i)c, (__m512i)d));
    return (vint)_mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

static inline wmk_quad_int wmk_int_sums_avx512(vint a, vint b, vint c, vint d) {
    __m512i all = (__m512i)wmk_int_quad_sums_avx512(a, b, c, d);
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return (wmk_quad_int)_mm_add_epi32(_mm256_castsi256_si128(half),
                                       _mm256_extracti128_si256(half, 1));
}

// Lane j of to[i] is lane i of row j: fours within each quarter, then quarters.
static inline void wmk_transpose_avx512(__m512 *to, const uint8_t *const *rows) {
    __m512 a[16], b[16];
    WMK_UNROLL for (size_t i = 0; i < 4; i++) { // rows 4 i …: quarter q has the numbers 4 q …
        __m512 r0 = _mm512_loadu_ps(rows[4 * i]), r1 = _mm512_loadu_ps(rows[4 * i + 1]);
        __m512 r2 = _mm512_loadu_ps(rows[4 * i + 2]), r3 = _mm512_loadu_ps(rows[4 * i + 3]);
        __m512 low = _mm512_unpacklo_ps(r0, r1), high = _mm512_unpackhi_ps(r0, r1);
        __m512 low2 = _mm512_unpacklo_ps(r2, r3), high2 = _mm512_unpackhi_ps(r2, r3);
        a[4 * i] = _mm512_shuffle_ps(low, low2, 0x44);
        a[4 * i + 1] = _mm512_shuffle_ps(low, low2, 0xEE);
        a[4 * i + 2] = _mm512_shuffle_ps(high, high2, 0x44);
        a[4 * i + 3] = _mm512_shuffle_ps(high, high2, 0xEE);
    }
    WMK_UNROLL for (size_t i = 0; i < 4; i++) { // a[4 j + i]: rows 4 j …, numbers i, 4 + i, …
        b[i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0x88);
        b[4 + i] = _mm512_shuffle_f32x4(a[i], a[4 + i], 0xDD);
        b[8 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0x88);
        b[12 + i] = _mm512_shuffle_f32x4(a[8 + i], a[12 + i], 0xDD);
    }
    WMK_UNROLL for (size_t i = 0; i < 4; i++) { // b[i]: rows 0 …, numbers i, 8 + i of each four
        to[i] = _mm512_shuffle_f32x4(b[i], b[8 + i], 0x88);
        to[8 + i] = _mm512_shuffle_f32x4(b[i], b[8 + i], 0xDD);
        to[4 + i] = _mm512_shuffle_f32x4(b[4 + i], b[12 + i], 0x88);
        to[12 + i] = _mm512_shuffle_f32x4(b[4 + i], b[12 + i], 0xDD);
    }
}
#endif
