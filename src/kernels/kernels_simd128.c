// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for WebAssembly's 128-bit SIMD.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_SIMD128
#include "vec_simd128.h"

#include "kernels_body.h"
#include "vec_end.h"
#endif
