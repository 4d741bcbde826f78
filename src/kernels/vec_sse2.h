// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of SSE2, which every x86-64 has.

typedef __m128 wmk_vec_sse2;
typedef int32_t wmk_int_sse2 __attribute__((vector_size(16)));
typedef int16_t wmk_half_sse2 __attribute__((vector_size(16)));

#define WMK_ISA sse2
#define vec wmk_vec_sse2
#define vint wmk_int_sse2
#define LANES 4
#define TILE_T 2
#define PANEL_T 2
#define PANEL_N 4

#define v_load(p) _mm_loadu_ps((const float *)(const void *)(p))
#define v_store(p, v) _mm_storeu_ps((p), (v))
#define v_set(s) _mm_set1_ps(s)
#define v_bits(v) ((vint)(v))
#define v_float(i) ((vec)(i))
#define v_shift(i, n) ((i) << (n))
#define v_less(a, b) ((vint)((a) < (b)))
#define v_fma(a, b, c) ((a) * (b) + (c))
#define v_prefetch(p) _mm_prefetch((const char *)(p), _MM_HINT_T0)
#define v_min(a, b) _mm_min_ps((a), (b))
#define v_max(a, b) _mm_max_ps((a), (b))
#define v_sqrt(v) _mm_sqrt_ps(v)
#define v_load_i16(p) \
    ((vint)_mm_srai_epi32(                \
        _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadl_epi64((const void *)(p))), 16))
#define I8_UNIT 0x1p-24f
#define v_bytes wmk_bytes
#define v_load_bytes(p) ((v_bytes)_mm_loadu_si128((const void *)(p)))
#define v_from_bytes(to, b) wmk_from_bytes_sse2(to, (__m128i)(b))
#define v_half wmk_half_sse2
#define v_load_half(p) ((v_half)_mm_loadu_si128((const void *)(p)))
#define v_load_half_i8(p)   \
    ((v_half)_mm_srai_epi16( \
        _mm_unpacklo_epi8(_mm_setzero_si128(), _mm_loadl_epi64((const void *)(p))), 8))
#define v_dot(sum, a, b) ((sum) + (vint)_mm_madd_epi16((__m128i)(a), (__m128i)(b)))
#define v_load_scales(p, i) v_set((p)[i])
#define v_convert(i) _mm_cvtepi32_ps((__m128i)(i))
#define v_sums(a, b, c, d) wmk_sums_sse2(a, b, c, d)

static inline wmk_quad wmk_sums_sse2(__m128 a, __m128 b, __m128 c, __m128 d) {
    __m128 ab = _mm_unpacklo_ps(a, b) + _mm_unpackhi_ps(a, b);
    __m128 cd = _mm_unpacklo_ps(c, d) + _mm_unpackhi_ps(c, d);
    return _mm_movelh_ps(ab, cd) + _mm_movehl_ps(cd, ab);
}

// Each byte to the top of a lane.
static inline void wmk_from_bytes_sse2(__m128 *to, __m128i b) {
    __m128i zero = _mm_setzero_si128(), low = _mm_unpacklo_epi8(zero, b),
            high = _mm_unpackhi_epi8(zero, b);
    to[0] = _mm_cvtepi32_ps(_mm_unpacklo_epi16(zero, low));
    to[1] = _mm_cvtepi32_ps(_mm_unpackhi_epi16(zero, low));
    to[2] = _mm_cvtepi32_ps(_mm_unpacklo_epi16(zero, high));
    to[3] = _mm_cvtepi32_ps(_mm_unpackhi_epi16(zero, high));
}
