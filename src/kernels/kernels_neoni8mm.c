// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for NEON with dot products of bytes and products of 2 × 8 by 8 × 2 of them.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_NEONI8MM
#include <arm_neon.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("dotprod,i8mm"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod+i8mm")
#pragma GCC optimize("no-schedule-insns") // see kernels_neon.c
#endif

#define WMK_DOTPROD
#define WMK_I8MM
#include "vec_neon.h"

#include "kernels_body.h"
#include "vec_end.h"
#undef WMK_I8MM
#undef WMK_DOTPROD

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
