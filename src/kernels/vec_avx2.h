// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of AVX2 with FMA and F16C.

typedef __m256 wmk_vec_avx2;
typedef int32_t wmk_int_avx2 __attribute__((vector_size(32)));
typedef int16_t wmk_half_avx2 __attribute__((vector_size(32)));

#define WMK_ISA avx2
#define vec wmk_vec_avx2
#define vint wmk_int_avx2
#define LANES 8
#define TILE_T 3
#define QUADS 2
#define QUAD_T 3
#define PANEL_T 6
#define PANEL_N 2

#define v_load(p) _mm256_loadu_ps((const float *)(const void *)(p))
#define v_store(p, v) _mm256_storeu_ps((p), (v))
#define v_set(s) _mm256_set1_ps(s)
#define v_bits(v) ((vint)(v))
#define v_float(i) ((vec)(i))
#define v_shift(i, n) ((i) << (n))
#define v_less(a, b) ((vint)((a) < (b)))
#define v_fma(a, b, c) _mm256_fmadd_ps((a), (b), (c))
#define v_prefetch(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#define v_prefetch_far(p) _mm_prefetch((const char *)(p), _MM_HINT_T1)
#define v_min(a, b) _mm256_min_ps((a), (b))
#define v_max(a, b) _mm256_max_ps((a), (b))
#define v_sqrt(v) _mm256_sqrt_ps(v)
#define v_load_i16(p) ((vint)_mm256_cvtepi16_epi32(_mm_loadu_si128((const void *)(p))))
#define v_load_f16(p) _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p)))
#define F16C
#define I8_UNIT 1.0f
#define v_bytes wmk_bytes
#define v_load_bytes(p) ((v_bytes)_mm_loadu_si128((const void *)(p)))
#define v_from_bytes(to, b) wmk_from_bytes_avx2(to, (__m128i)(b))
#define v_half wmk_half_avx2
#define v_load_half(p) ((v_half)_mm256_loadu_si256((const void *)(p)))
#define v_load_half_i8(p) ((v_half)_mm256_cvtepi8_epi16(_mm_loadu_si128((const void *)(p))))
#define v_dot(sum, a, b) ((sum) + (vint)_mm256_madd_epi16((__m256i)(a), (__m256i)(b)))
#define v_load_scales(p, i) \
    _mm256_set_m128(_mm_set1_ps((p)[2 * (i) + 1]), _mm_set1_ps((p)[2 * (i)]))
#define v_convert(i) _mm256_cvtepi32_ps((__m256i)(i))
#define v_repeat(p) _mm256_broadcast_ps((const __m128 *)(const void *)(p))
#define v_quad_fma(a, b, c) ((wmk_quad)_mm_fmadd_ps((__m128)(a), (__m128)(b), (__m128)(c)))
#define v_quad_sums(a, b, c, d) wmk_quad_sums_avx2(a, b, c, d)
#define v_sums(a, b, c, d) wmk_sums_avx2(a, b, c, d)

// As in 128 bits, within each half.
static inline __m256 wmk_quad_sums_avx2(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 ab = _mm256_unpacklo_ps(a, b) + _mm256_unpackhi_ps(a, b);
    __m256 cd = _mm256_unpacklo_ps(c, d) + _mm256_unpackhi_ps(c, d);
    return _mm256_shuffle_ps(ab, cd, 0x44) + _mm256_shuffle_ps(ab, cd, 0xEE);
}

// Then the halves.
static inline wmk_quad wmk_sums_avx2(__m256 a, __m256 b, __m256 c, __m256 d) {
    __m256 abcd = wmk_quad_sums_avx2(a, b, c, d);
    return _mm256_castps256_ps128(abcd) + _mm256_extractf128_ps(abcd, 1);
}

static inline void wmk_from_bytes_avx2(__m256 *to, __m128i b) {
    to[0] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(b));
    to[1] = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(b, 8)));
}
