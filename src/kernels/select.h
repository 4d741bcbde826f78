// SPDX-License-Identifier: MIT OR Apache-2.0
// Which instruction sets this build has a table for, and the tables.
#ifndef WMK_SELECT_H
#define WMK_SELECT_H

#include "kernels.h"

#if defined(__wasm_simd128__)
#define WMK_HAVE_SIMD128
#elif defined(__x86_64__)
#define WMK_HAVE_X86
#define WMK_HAVE_SCALAR
#elif defined(__aarch64__)
#define WMK_HAVE_NEON
#define WMK_HAVE_SCALAR
// Older compilers have no more instructions in any function than the whole file may use.
#if defined(__clang__) ? __clang_major__ >= 16 - defined(__APPLE__) : __GNUC__ >= 10
#define WMK_HAVE_NEONDOT
#define WMK_HAVE_NEONI8MM
#endif
#ifdef __ARM_FEATURE_DOTPROD
#define WMK_HAVE_NEONDOT
#ifdef __ARM_FEATURE_MATMUL_INT8
#define WMK_HAVE_NEONI8MM
#endif
#endif
#else
#define WMK_HAVE_SCALAR
#endif

extern const wm_kernels wmk_kernels_scalar, wmk_kernels_simd128, wmk_kernels_sse2, wmk_kernels_avx2,
    wmk_kernels_avx512, wmk_kernels_avx512vnni, wmk_kernels_neon, wmk_kernels_neondot,
    wmk_kernels_neoni8mm, wmk_kernels_relaxed;

#endif
