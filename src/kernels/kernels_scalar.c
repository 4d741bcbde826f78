// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels in plain C: the reference, and what runs where nothing else does.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_SCALAR
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("no-tree-vectorize")
#endif

#include "vec_scalar.h"

#include "kernels_body.h"
#include "vec_end.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
#endif
