// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for AVX-512 with dot products of bytes.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_X86
#include <immintrin.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")
#endif

#define WMK_VNNI
#include "vec_avx512.h"

#include "kernels_body.h"
#include "vec_end.h"
#undef WMK_VNNI

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
