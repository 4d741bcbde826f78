// SPDX-License-Identifier: MIT OR Apache-2.0
// The reader of an arithmetic coder's bits. What it reads knows how likely each is.
#ifndef WM_RANGE_H
#define WM_RANGE_H

#include "base.h"

typedef struct wm_range {
    const uint8_t *next;
    uint32_t range, code; // 1 and 0 to begin with
} wm_range;

// The next bit, which is 1 with a likelihood of `likely` in 65,536, 1 to 65535.
uint32_t wm_range_bit(wm_range *in, uint32_t likely);

#endif
