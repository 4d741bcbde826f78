// SPDX-License-Identifier: MIT OR Apache-2.0
#include "range.h"

uint32_t wm_range_bit(wm_range *in, uint32_t likely) {
    while (in->range < 1u << 24) {
        in->range <<= 8;
        in->code = in->code << 8 | *in->next++;
    }
    uint32_t bound = (in->range >> 16) * likely;
    if (in->code < bound) {
        in->range = bound;
        return 1;
    }
    in->range -= bound;
    in->code -= bound;
    return 0;
}
