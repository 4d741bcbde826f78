// SPDX-License-Identifier: MIT OR Apache-2.0
// The generated tables; unicode.c reads them, nothing else does.
#ifndef WM_UNICODE_TABLES_H
#define WM_UNICODE_TABLES_H

#include "../base/base.h"

extern const uint16_t wm_unicode_counts[]; // rows of each map, then the parts of all
extern const uint8_t wm_unicode_data[];

#endif
