// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for NEON: the baseline of AArch64.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_NEON
#include <arm_neon.h>
#ifndef __clang__
#pragma GCC push_options
#pragma GCC optimize("no-schedule-insns") // it would load so far ahead that sums go to memory
#endif

#include "vec_neon.h"

#include "kernels_body.h"
#include "vec_end.h"

#ifndef __clang__
#pragma GCC pop_options
#endif
#endif
