// SPDX-License-Identifier: MIT OR Apache-2.0
// UTF-8, strict: no overlong form, no surrogate, nothing above U+10FFFF.
#ifndef WM_UTF8_H
#define WM_UTF8_H

#include "base.h"

// The code point at `p`, of which `n` bytes are left. Returns its length, 1 to 4; 0 where there is
// none (n is 0, or the bytes are not UTF-8), and *code is then not written.
size_t wm_utf8_decode(const uint8_t *p, size_t n, uint32_t *code);

// Writes `code` (a Unicode scalar value) to `to`, which has room for 4 bytes. Returns its length.
size_t wm_utf8_encode(uint32_t code, uint8_t *to);

// The offset of the first byte that begins no UTF-8 sequence; text.n where all of it is UTF-8.
size_t wm_utf8_check(wm_span text);

#endif
