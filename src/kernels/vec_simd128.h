// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary of WebAssembly's 128-bit SIMD. No relaxed instruction but in the relaxed
// build, where the engine chooses whether a multiply-add is fused: its results differ in their last
// bits from one engine to another.
#include <wasm_simd128.h>

typedef float wmk_vec_simd128 __attribute__((vector_size(16)));
typedef int32_t wmk_int_simd128 __attribute__((vector_size(16)));
typedef int16_t wmk_half_simd128 __attribute__((vector_size(16)));

#ifdef __wasm_relaxed_simd__
#define WMK_ISA relaxed
#define v_fma(a, b, c) ((vec)wasm_f32x4_relaxed_madd((v128_t)(a), (v128_t)(b), (v128_t)(c)))
#else
#define WMK_ISA simd128
#define v_fma(a, b, c) ((a) * (b) + (c))
#endif
#define vec wmk_vec_simd128
#define vint wmk_int_simd128
#define LANES 4
#define TILE_T 2
#define PANEL_T 2
#define PANEL_N 4

#define v_load(p) ((vec)wasm_v128_load(p))
#define v_store(p, v) wasm_v128_store((p), (v128_t)(v))
#define v_set(s) ((vec)wasm_f32x4_splat(s))
#define v_bits(v) ((vint)(v))
#define v_float(i) ((vec)(i))
#define v_shift(i, n) ((i) << (n))
#define v_less(a, b) ((vint)((a) < (b)))
#define v_prefetch(p) ((void)*(const volatile uint8_t *)(p))
#define v_after(v, other) ((vec)wmk_after_simd128((v128_t)(v), (v128_t)(other)))
#define v_min(a, b) ((vec)wasm_f32x4_pmin((v128_t)(b), (v128_t)(a)))
#define v_max(a, b) ((vec)wasm_f32x4_pmax((v128_t)(b), (v128_t)(a)))
#define v_sqrt(v) ((vec)wasm_f32x4_sqrt((v128_t)(v)))
#define v_load_i16(p) ((vint)wasm_i32x4_load16x4(p))
#define I8_UNIT 0x1p-24f
#define v_bytes wmk_bytes
#define v_load_bytes(p) ((v_bytes)wasm_v128_load(p))
#define v_from_bytes(to, b) wmk_from_bytes_simd128(to, (v128_t)(b))
#define BY_HALVES
#define REBASED
#define v_any(i) wasm_v128_any_true((v128_t)(i))
#define v_half wmk_half_simd128
#define v_load_half(p) ((v_half)wasm_v128_load(p))
#define v_load_half_i8(p) ((v_half)wasm_i16x8_load8x8(p))
#define v_dot(sum, a, b) ((sum) + (vint)wasm_i32x4_dot_i16x8((v128_t)(a), (v128_t)(b)))
#define v_load_scales(p, i) v_set((p)[i])
#define v_convert(i) ((vec)wasm_f32x4_convert_i32x4((v128_t)(i)))
#define v_sums(a, b, c, d) wmk_sums_simd128(a, b, c, d)
#define v_int_sums(a, b, c, d) wmk_int_sums_simd128(a, b, c, d)
#define v_int_max(a, b) ((vint)wasm_i32x4_max((v128_t)(a), (v128_t)(b)))
#define v_narrow(a, b) ((v_half)wasm_i16x8_narrow_i32x4((v128_t)(a), (v128_t)(b)))
#define v_couple(p) ((v_half)wasm_v128_load32_splat(p))
#define v_turn(v) wmk_turn_simd128(v)

// v, which to a compiler needs the other, too: V8 makes no instruction of it, but puts what v is
// for behind what makes the other. LLVM emits the first operand's code first.
static inline v128_t wmk_after_simd128(v128_t v, v128_t other) {
    return wasm_i8x16_shuffle(other, v, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,
                              31);
}

// [a0 b0 a1 b1] + [a2 b2 a3 b3], the same of c and d, then their halves: two levels for each sum.
static inline wmk_quad wmk_sums_simd128(vec a, vec b, vec c, vec d) {
    vec ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    vec cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) +
           __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static inline vint wmk_int_sums_simd128(vint a, vint b, vint c, vint d) {
    vint ab = __builtin_shufflevector(a, b, 0, 4, 1, 5) + __builtin_shufflevector(a, b, 2, 6, 3, 7);
    vint cd = __builtin_shufflevector(c, d, 0, 4, 1, 5) + __builtin_shufflevector(c, d, 2, 6, 3, 7);
    return __builtin_shufflevector(ab, cd, 0, 1, 4, 5) +
           __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

static inline void wmk_turn_simd128(vint v[4]) {
    vint a = __builtin_shufflevector(v[0], v[1], 0, 4, 1, 5);
    vint b = __builtin_shufflevector(v[2], v[3], 0, 4, 1, 5);
    vint c = __builtin_shufflevector(v[0], v[1], 2, 6, 3, 7);
    vint d = __builtin_shufflevector(v[2], v[3], 2, 6, 3, 7);
    v[0] = __builtin_shufflevector(a, b, 0, 1, 4, 5);
    v[1] = __builtin_shufflevector(a, b, 2, 3, 6, 7);
    v[2] = __builtin_shufflevector(c, d, 0, 1, 4, 5);
    v[3] = __builtin_shufflevector(c, d, 2, 3, 6, 7);
}

// Each byte to the top of a lane: the swizzle gives zeros for indices above 15.
static inline void wmk_from_bytes_simd128(vec *to, v128_t b) {
    const int8_t o = -128;
    to[0] = (vec)wasm_f32x4_convert_i32x4(
        wasm_i8x16_swizzle(b, wasm_i8x16_const(o, o, o, 0, o, o, o, 1, o, o, o, 2, o, o, o, 3)));
    to[1] = (vec)wasm_f32x4_convert_i32x4(
        wasm_i8x16_swizzle(b, wasm_i8x16_const(o, o, o, 4, o, o, o, 5, o, o, o, 6, o, o, o, 7)));
    to[2] = (vec)wasm_f32x4_convert_i32x4(
        wasm_i8x16_swizzle(b, wasm_i8x16_const(o, o, o, 8, o, o, o, 9, o, o, o, 10, o, o, o, 11)));
    to[3] = (vec)wasm_f32x4_convert_i32x4(wasm_i8x16_swizzle(
        b, wasm_i8x16_const(o, o, o, 12, o, o, o, 13, o, o, o, 14, o, o, o, 15)));
}
