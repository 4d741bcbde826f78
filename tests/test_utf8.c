// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/utf8.h"

static bool is_scalar(uint32_t code) {
    return code < 0xD800 || (code >= 0xE000 && code <= 0x10FFFF);
}

static void every_scalar_value_survives_the_round_trip(void **state) {
    (void)state;
    for (uint32_t code = 0; code <= 0x10FFFF; code++) {
        if (!is_scalar(code)) continue;
        uint8_t bytes[4];
        uint32_t back = 0xFFFFFFFF;
        size_t length = wm_utf8_encode(code, bytes);
        size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (length != expected || wm_utf8_decode(bytes, length, &back) != length || back != code)
            fail_msg("U+%X: length %d, back U+%X", code, (int)length, back);
        for (size_t cut = 0; cut < length; cut++)
            if (wm_utf8_decode(bytes, cut, &back)) fail_msg("U+%X cut to %d bytes", code, (int)cut);
        if (wm_utf8_check((wm_span){bytes, length}) != length) fail_msg("U+%X is refused", code);
    }
}

// Every string of up to three bytes, and every one of four that has a lead byte and a second byte
// where a decision falls: exactly the encodings of scalar values are accepted.
static void nothing_else_is_accepted(void **state) {
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    uint32_t accepted = 0;
    for (uint32_t lead = 0; lead < 256; lead++) {
        for (uint32_t second = 0; second < 256; second++) {
            for (size_t i = 0; i < WM_COUNT(edges) * WM_COUNT(edges); i++) {
                uint8_t bytes[4] = {(uint8_t)lead, (uint8_t)second, edges[i / 10], edges[i % 10]};
                uint8_t back[4];
                uint32_t code = 0;
                size_t length = wm_utf8_decode(bytes, 4, &code);
                if (!length) continue;
                accepted++;
                if (!is_scalar(code) || wm_utf8_encode(code, back) != length ||
                    memcmp(back, bytes, length) != 0)
                    fail_msg("%02x %02x %02x %02x gave U+%X", bytes[0], bytes[1], bytes[2],
                             bytes[3], code);
            }
        }
    }
    // One byte, then any three; two, then any two; three: E0, E1-EC and EE-EF, ED; four: F0, F1-F3,
    // F4. Of the ten edges six are continuation bytes.
    assert_int_equal(accepted, (128 * 256 + 30 * 64) * 100 + (32 + 12 * 64 + 32 + 2 * 64) * 60 +
                                   (48 + 3 * 64 + 16) * 36);
}

static void check_gives_the_offset_of_the_first_bad_byte(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t n, good;
    } cases[] = {
        {"", 0, 0},
        {"plain ASCII, longer than eight bytes", 36, 36},
        {"gr\xC3\xBC\xC3\x9F", 6, 6},
        {"\xF0\x9F\x98\x80!", 5, 5},
        {"a\0b", 3, 3},
        {"12345678\xFF", 9, 8},
        {"\x80", 1, 0},
        {"abc\xC3", 4, 3},
        {"abc\xE2\x82", 5, 3},
        {"abc\xC0\x80", 5, 3},
        {"abc\xED\xA0\x80", 6, 3},
        {"abc\xF4\x90\x80\x80", 7, 3},
        {"abc\xF5\x80\x80\x80", 7, 3},
        {"\xEF\xBF\xBD\xE0\x9F\xBF", 6, 3},
    };
    for (size_t i = 0; i < WM_COUNT(cases); i++) {
        size_t good = wm_utf8_check((wm_span){(const uint8_t *)cases[i].text, cases[i].n});
        if (good != cases[i].good)
            fail_msg("case %d: expected %d, got %d", (int)i, (int)cases[i].good, (int)good);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_value_survives_the_round_trip),
        cmocka_unit_test(nothing_else_is_accepted),
        cmocka_unit_test(check_gives_the_offset_of_the_first_bad_byte),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
