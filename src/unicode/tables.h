// SPDX-License-Identifier: MIT OR Apache-2.0
// The generated tables and their order in the data; unicode.c reads them, nothing else does.
#ifndef WM_UNICODE_TABLES_H
#define WM_UNICODE_TABLES_H

#include "../base/base.h"

enum { // sections of the data, one flag of wm_char_flag each; those from WM_TABLE_LOWER on have values
    WM_TABLE_LETTER, WM_TABLE_NUMBER, WM_TABLE_SPACE, WM_TABLE_PUNCTUATION, WM_TABLE_MARK, WM_TABLE_DROPPED,
    WM_TABLE_WORD, WM_TABLE_JOINS, WM_TABLE_PREPENDS, WM_TABLE_BREAKS, WM_TABLE_ACCENT, WM_TABLE_EXCLUDED,
    WM_TABLE_LOWER, WM_TABLE_COMBINING, WM_TABLE_DECOMPOSITION,
};

extern const uint16_t wm_unicode_starts[];
extern const uint8_t wm_unicode_data[];

#endif
