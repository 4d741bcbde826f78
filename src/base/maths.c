// SPDX-License-Identifier: MIT OR Apache-2.0
#include "maths.h"

// 1/n!: Taylor's series is short enough on the intervals that the reductions leave.
static const double inverse_factorial[] = {
    1.0,
    1.0,
    1.0 / 2,
    1.0 / 6,
    1.0 / 24,
    1.0 / 120,
    1.0 / 720,
    1.0 / 5040,
    1.0 / 40320,
    1.0 / 362880,
    1.0 / 3628800,
    1.0 / 39916800,
    1.0 / 479001600,
    1.0 / 6227020800,
    1.0 / 87178291200,
    1.0 / 1307674368000,
    1.0 / 20922789888000,
    1.0 / 355687428096000,
};

// 1/first! + x/(first + step)! + x²/(first + 2·step)! + … + x^…/last!
static double factorial_series(double x, int first, int last, int step) {
    double sum = inverse_factorial[last];
    for (int n = last - step; n >= first; n -= step) sum = sum * x + inverse_factorial[n];
    return sum;
}

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t to_bits(double value) { return wm_read_u64(&value); }

static int64_t nearest(double x) { return (int64_t)(x < 0 ? x - 0.5 : x + 0.5); }

static wm_two_doubles two_sum(double a, double b) {
    double sum = a + b, part = sum - a;
    return (wm_two_doubles){sum, (a - (sum - part)) + (b - part)};
}

// The upper 26 bits, so that products of such halves are exact.
static double upper(double x) { return from_bits(to_bits(x) & ~UINT64_C(0x7FFFFFF)); }

wm_two_doubles wm_two_product(double a, double b) {
    double product = a * b, a1 = upper(a), b1 = upper(b), a0 = a - a1, b0 = b - b1;
    return (wm_two_doubles){product, ((a1 * b1 - product) + a1 * b0 + a0 * b1) + a0 * b0};
}

static const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33; // high: 32 bits

// e^(high + low) for a small low
static double exp_of(double high, double low) {
    if (!(high < 710)) return high * (double)WM_INFINITY;
    if (high < -746) return 0;
    int64_t k = nearest(high * 0x1.71547652b82fep0); // 1 / ln 2
    double r = (high - (double)k * ln2_high) - ((double)k * ln2_low - low);
    double power = 1 + (r + r * r * factorial_series(r, 2, 13, 1));
    int64_t half = k / 2; // in two steps: 2^k itself may lie outside the exponents
    return power * from_bits((uint64_t)(1023 + half) << 52) *
           from_bits((uint64_t)(1023 + k - half) << 52);
}

double wm_exp(double x) { return exp_of(x, 0); }

// x = 2^k · (1 + f), sqrt(1/2) <= 1 + f < sqrt 2, x > 0 and finite. Returns f.
static double split_power(double x, int64_t *k) {
    int64_t scale = 0;
    if (x < 0x1p-1022) x *= 0x1p54, scale = 54;
    uint64_t bits = to_bits(x) + (0x3FF0000000000000 - 0x3FE6A09E667F3BCD);
    *k = (int64_t)(bits >> 52) - 1023 - scale;
    return from_bits((bits & 0xFFFFFFFFFFFFF) + 0x3FE6A09E667F3BCD) - 1;
}

// log((1 + s) / (1 - s)) = 2s + s · z · (2/3 + 2/5 z + 2/7 z² …), z = s²; this is z · (…).
static double log_series(double z) {
    double sum = 0;
    for (int n = 21; n > 1; n -= 2) sum = (sum + 2.0 / n) * z;
    return sum;
}

double wm_log(double x) {
    if (!(x > 0)) return x == 0 ? -(double)WM_INFINITY : (double)WM_NAN;
    if (x > 0x1.fffffffffffffp1023) return x;
    int64_t k;
    double f = split_power(x, &k), s = f / (2 + f);
    // 2s = f - s·f, and f is exact
    return (double)k * ln2_high + (f - (s * (f - log_series(s * s)) - (double)k * ln2_low));
}

double wm_pow(double x, double y) {
    if (!(x > 0) || x > 0x1.fffffffffffffp1023 || y != y) return (double)WM_NAN;
    if (x == 1 || y == 0) return 1;
    int64_t k;
    double f = split_power(x, &k);
    wm_two_doubles divisor = two_sum(2, f);
    double s = f / divisor.high;
    wm_two_doubles product = wm_two_product(s, divisor.high);
    double s_low = ((f - product.high) - product.low - s * divisor.low) / divisor.high;
    wm_two_doubles log = two_sum((double)k * ln2_high, 2 * s);
    log = two_sum(log.high, log.low + (2 * s_low + s * log_series(s * s) + (double)k * ln2_low));
    if (!(log.high * y < 710)) return (double)WM_INFINITY;
    if (log.high * y < -746) return 0;
    wm_two_doubles exponent = wm_two_product(log.high, y);
    return exp_of(exponent.high, exponent.low + log.low * y);
}

// x less the nearest multiple of π/2, which is n·π/2. π/2 in four parts, the first three of 31
// bits.
static wm_two_doubles reduce_angle(double x, int64_t *n) {
    static const double parts[] = {0x1.921fb544p0, 0x1.0b4611a4p-34, 0x1.13198a2cp-65,
                                   0x1.01b839a25204ap-96};
    *n = nearest(x * 0x1.45f306dc9c883p-1); // 2/π
    wm_two_doubles angle = {x, 0};
    for (size_t i = 0; i < WM_COUNT(parts); i++) {
        wm_two_doubles rest = two_sum(angle.high, -((double)*n * parts[i]));
        angle = two_sum(rest.high, rest.low + angle.low);
    }
    return angle;
}

// sin(x + quarters · π/2)
static double sine(double x, int64_t quarters) {
    if (!(x <= 0x1p22 && x >= -0x1p22)) return (double)WM_NAN;
    int64_t n;
    wm_two_doubles angle = reduce_angle(x, &n);
    double r = angle.high, z = r * r, value;
    n += quarters;
    if (n & 1) {
        double half = z / 2, head = 1 - half;
        value =
            head + ((1 - head - half) + (z * z * factorial_series(-z, 4, 16, 2) - r * angle.low));
    } else {
        value = r + (angle.low * (1 - z / 2) - r * z * factorial_series(-z, 3, 17, 2));
    }
    return n & 2 ? -value : value;
}

double wm_sin(double x) { return sine(x, 0); }

double wm_cos(double x) { return sine(x, 1); }
