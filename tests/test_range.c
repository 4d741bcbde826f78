// SPDX-License-Identifier: MIT OR Apache-2.0
#include "harness.h"

#include "../src/base/range.h"

enum { BITS = 40 };

static uint32_t likely_of(int i) { return i % 4 ? 64000 : 1 + (uint32_t)i * 1600; }

// The other way round, up to eight bytes.
static size_t write_bits(uint64_t bits, uint8_t *out) {
    uint64_t low = 0;
    uint32_t range = 1;
    size_t size = 0;
    for (int i = 0; i < BITS; i++) {
        for (; range < 1u << 24; range <<= 8, low <<= 8) size++;
        uint32_t bound = (range >> 16) * likely_of(i);
        bool bit = bits >> i & 1;
        low += bit ? 0 : bound;
        range = bit ? bound : range - bound;
    }
    assert_true(size <= 8);
    for (size_t i = 0; i < size; i++) out[i] = (uint8_t)(low >> 8 * (size - 1 - i));
    return size;
}

static void bits_come_back_and_no_byte_is_read_too_many(void **state) {
    (void)state;
    uint64_t all = (UINT64_C(1) << BITS) - 1;
    const uint64_t texts[] = {all, all ^ 1, all ^ 0x11, all ^ 0x2000100000, all ^ 0x8000000003};
    for (size_t k = 0; k < WM_COUNT(texts); k++) {
        uint8_t bytes[8];
        size_t size = write_bits(texts[k], bytes);
        wm_range in = {bytes, 1, 0};
        uint64_t back = 0;
        for (int i = 0; i < BITS; i++) back |= (uint64_t)wm_range_bit(&in, likely_of(i)) << i;
        assert_int_equal(back, texts[k]);
        assert_int_equal(in.next - bytes, size);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_come_back_and_no_byte_is_read_too_many),
    };
    return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
