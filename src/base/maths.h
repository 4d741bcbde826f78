// SPDX-License-Identifier: MIT OR Apache-2.0
// Scalar functions in double, the same bits on every platform: only IEEE arithmetic, no libm.
// Within 1 ulp but where a line says otherwise; NaN in, NaN out. For one number, not for rows.
#ifndef WM_MATHS_H
#define WM_MATHS_H

#include "base.h"

#define WM_INFINITY __builtin_inff()
#define WM_NAN __builtin_nanf("")

// A number as high + low, low being what rounding to `high` lost.
typedef struct wm_two_doubles {
    double high, low;
} wm_two_doubles;

wm_two_doubles wm_two_product(double a, double b); // exactly a · b

double wm_exp(double x); // infinity above 709.8, 0 below -745.2, subnormals between
double wm_log(double x); // -infinity of 0, NaN below
double wm_pow(double x,
              double y); // x > 0, else NaN; 1 ulp where |y · log x| < 32, 16 ulp elsewhere
double wm_sin(double x); // |x| <= 2^22, else NaN
double wm_cos(double x);

#endif
