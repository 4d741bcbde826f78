// SPDX-License-Identifier: MIT OR Apache-2.0
// The kernels for SSE2: the baseline of x86-64.
#include "select.h"
#include "vec.h"

#ifdef WMK_HAVE_X86
#include <immintrin.h>

#include "vec_sse2.h"

#include "kernels_body.h"
#include "vec_end.h"
#endif
