// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for NEON with dot products of bytes.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_NEONDOT
#include <arm_neon.h>
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("arch=armv8.2-a+dotprod")
#pragma GCC optimize("no-schedule-insns") // see kernels_neon.c
#endif

#define WMK_DOTPROD
#include "vec_neon.h"

#include "kernels_body.h"
#include "vec_end.h"
#undef WMK_DOTPROD

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
