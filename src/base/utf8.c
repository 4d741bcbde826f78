// SPDX-License-Identifier: MIT OR Apache-2.0
#include "utf8.h"

size_t wm_utf8_decode(const uint8_t *p, size_t n, uint32_t *code) {
    if (!n) return 0;
    uint32_t lead = p[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) return 0;
    size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (n < length) return 0;
    uint32_t value = lead & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (p[i] & 0x3Fu);
    }
    if (length == 3 && (value < 0x800 || (value >= 0xD800 && value < 0xE000))) return 0;
    if (length == 4 && (value < 0x10000 || value > 0x10FFFF)) return 0;
    *code = value;
    return length;
}

size_t wm_utf8_encode(uint32_t code, uint8_t *to) {
    if (code < 0x80) {
        to[0] = (uint8_t)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, code >>= 6) to[i] = (uint8_t)(0x80 | (code & 0x3F));
    to[0] = (uint8_t)((0xF00u >> length & 0xF0) | code);
    return length;
}

size_t wm_utf8_check(wm_span text) {
    size_t i = 0;
    while (i < text.n) {
        if (text.n - i >= 8 && !(wm_read_u64(text.p + i) & UINT64_C(0x8080808080808080))) {
            i += 8;
            continue;
        }
        uint32_t code;
        size_t length = wm_utf8_decode(text.p + i, text.n - i, &code);
        if (!length) break;
        i += length;
    }
    return i;
}
