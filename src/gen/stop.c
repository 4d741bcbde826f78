// SPDX-License-Identifier: MIT OR Apache-2.0
#include "stop.h"

#include "../base/utf8.h"

// The bytes of a stop string that ends at text's end; 0: none does.
static size_t stop_at_end(wm_span text, const wm_span *stops, size_t stop_count) {
    size_t longest = 0;
    for (size_t i = 0; i < stop_count; i++) {
        size_t n = stops[i].n;
        if (n > longest && n <= text.n && !memcmp(text.p + text.n - n, stops[i].p, n)) longest = n;
    }
    return longest;
}

// Whether text is the beginning of a stop string.
static bool begins_stop(wm_span text, const wm_span *stops, size_t stop_count) {
    for (size_t i = 0; i < stop_count; i++)
        if (text.n < stops[i].n && !memcmp(text.p, stops[i].p, text.n)) return true;
    return false;
}

// Whether text is the beginning of a character, which more bytes could complete.
static bool begins_character(wm_span text) {
    uint8_t low[4] = {0x80, 0x80, 0x80, 0x80}, high[4] = {0xBF, 0xBF, 0xBF, 0xBF};
    uint32_t code;
    memcpy(low, text.p, text.n);
    memcpy(high, text.p, text.n);
    return wm_utf8_decode(low, 4, &code) > text.n || wm_utf8_decode(high, 4, &code) > text.n;
}

size_t wm_stop_scan(wm_span text, const wm_span *stops, size_t stop_count, bool last,
                    bool *stopped) {
    size_t most = 4; // that are held back, and one
    for (size_t i = 0; i < stop_count; i++) most = WM_MAX(most, stops[i].n);
    *stopped = false;
    for (size_t end = 1; stop_count && end <= text.n; end++) {
        size_t n = stop_at_end((wm_span){text.p, end}, stops, stop_count);
        *stopped = n > 0;
        if (n) return end - n;
    }
    if (last) return text.n;
    for (size_t from = text.n < most ? 0 : text.n - most + 1; from < text.n; from++) {
        wm_span end = {text.p + from, text.n - from};
        if (begins_stop(end, stops, stop_count) || (end.n < 4 && begins_character(end)))
            return from;
    }
    return text.n;
}
