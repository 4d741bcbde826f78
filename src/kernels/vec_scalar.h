// SPDX-License-Identifier: MIT OR Apache-2.0
// The vector vocabulary with one lane: plain C, the reference. What each word means is said here.

typedef float wmk_vec_scalar;
typedef int32_t wmk_int_scalar;

#define WMK_ISA scalar
#define vec wmk_vec_scalar   // LANES floats; + - * / are the compiler's
#define vint wmk_int_scalar  // LANES integers of 32 bits; + - & | ~ >> and comparisons likewise
#define LANES 1
#define TILE_T 2  // rows of x in a tile of row dots (their tile is 4 rows of w wide)
#define PANEL_T 2 // rows of x in a tile with lanes over N …
#define PANEL_N 4 // … and its vectors of w

static inline int32_t wmk_bits_scalar(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float wmk_float_scalar(int32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Correctly rounded but for ties, whatever the machine: Newton's steps in f64 from a halved
// exponent.
static inline float wmk_sqrt_scalar(float x) {
    if (!(x > 0) || x > 0x1.fffffep127f) return x < 0 ? __builtin_nanf("") : x;
    float scaled = x < 0x1p-100f ? x * 0x1p100f : x;
    double root = wmk_float_scalar((wmk_bits_scalar(scaled) >> 1) + 0x1FC00000);
    for (int i = 0; i < 4; i++) root = (root + (double)scaled / root) / 2;
    return (float)(x < 0x1p-100f ? root * 0x1p-50 : root);
}

typedef int16_t wmk_half_scalar __attribute__((vector_size(4)));

static inline wmk_half_scalar wmk_load_half_scalar(const void *p) {
    wmk_half_scalar pair;
    memcpy(&pair, p, sizeof pair);
    return pair;
}

static inline wmk_half_scalar wmk_load_half_i8_scalar(const uint8_t *p) {
    return (wmk_half_scalar){(int8_t)p[0], (int8_t)p[1]};
}

// Four vectors to the four sums of their lanes, each by the same order of additions.
static inline wmk_quad wmk_sums_scalar(float a, float b, float c, float d) {
    return (wmk_quad){a, b, c, d};
}

#define v_load(p) wm_read_f32(p)                      // at any alignment
#define v_store(p, v) (*(p) = (v))                    // to floats
#define v_set(s) ((vec)(s))                           // s in every lane
#define v_bits(v) wmk_bits_scalar(v)                  // the same bits as integers
#define v_float(i) wmk_float_scalar(i)                // and as floats
#define v_shift(i, n) ((vint)((uint32_t)(i) << (n)))  // to the left
#define v_less(a, b) (-(vint)((a) < (b)))             // all ones where a < b, else zero
#define v_fma(a, b, c) ((a) * (b) + (c))              // fused where the instruction set does it
#define v_prefetch(p) ((void)(p))                     // into the cache; p may lead anywhere
#define v_min(a, b) ((a) < (b) ? (a) : (b))           // b where either is NaN
#define v_max(a, b) ((a) > (b) ? (a) : (b))           // b where either is NaN
#define v_sqrt(v) wmk_sqrt_scalar(v)
#define v_load_i16(p) ((vint)(int16_t)wm_read_u16(p)) // LANES halves, sign-extended
#define v_half wmk_half_scalar                        // 2 · LANES integers of 16 bits
#define v_load_half(p) wmk_load_half_scalar(p)        // from int16_t
#define v_load_half_i8(p) wmk_load_half_i8_scalar(p)  // from int8_t, extended
#define v_dot(sum, a, b) ((sum) + (a)[0] * (b)[0] + (a)[1] * (b)[1]) // each lane: + two products
#define v_load_scales(p, i) ((p)[(i) / 4])            // of q4's numbers 8 · LANES · i … as they lie in v_dot's sum
#define v_convert(i) ((float)(i))                     // integers to floats
#define v_sums(a, b, c, d) wmk_sums_scalar(a, b, c, d)

// Where LANES > 1 also, for tiles that widen 16 numbers at a time:
//     F16C                 defined where v_load_f16 is an instruction
//     v_bytes              16 signed bytes; v_load_bytes(p) loads them from any address
//     v_from_bytes(to, b)  16 signed bytes to vec to[16 / LANES], times 1 / I8_UNIT

// Where linear_halves pays for one row of x: BY_HALVES. Where F16 is rebased:
// REBASED, and v_any(i), whether any bit is set.

// Where rows of x are turned for products of whole numbers:
//     v_couple(p)          two integers of 16 bits in each lane
//     v_turn(v)            vint v[LANES]: lane j of v[i] becomes lane i of v[j]
//     v_narrow(a, b)       the integers of both in 16 bits
//     v_int_max(a, b)
//     v_int_sums           v_sums of integers

// Where there are dot products of bytes:
//     v_dot4(sum, w, x)    each lane: + four products of w's bytes and x's, which are signed
//     BYTE_FLIP            what w's have too much, since they are not
//     BYTE_FLIPS           four of them, for ^
//     v_nonzero(i)         bit j: lane j is not zero
//     v_transpose(to, w)   LANES pointers to rows: lane j of to[i] is lane i of row j
//     v_int_sums           v_sums of integers
// and where there are products of two rows of eight bytes by two:
//     v_dot8(sum, x, w)    lane 2 i + j: + the eight products of x's half i and w's half j
//     v_pair(a, b)         eight bytes of a and of b
//     v_part(a, b)         the first halves of both to a, the last to b
//     v_nonzero(i)         has even bits alone, each for two lanes
//     v_transpose(to, w)   halves of rows 0 and 1, then of 2 and 3: the first, then the last ones
