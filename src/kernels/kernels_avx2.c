// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for AVX2 with FMA and F16C.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_X86
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,f16c")
#endif

#include "vec_avx2.h"

#include "kernels_body.h"
#include "vec_end.h"

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
