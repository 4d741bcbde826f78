// SPDX-License-Identifier: MIT OR Apache-2.0
#include "sha.h"

#include <stdio.h>
#include <string.h>

static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t word_of(const uint8_t *block, int i) {
    const uint8_t *p = block + 4 * i;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t rotate(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void add_block_256(uint32_t state[8], const uint8_t *block) {
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) w[i] = word_of(block, i);
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7] +
               (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
    }
    memcpy(s, state, sizeof s);
    // Instead of moving the eight words on, each round names them one place further.
#define S(k) s[((k) - i) & 7]
#pragma GCC unroll 8
    for (int i = 0; i < 64; i++) {
        uint32_t e = S(4), a = S(0);
        uint32_t sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
        uint32_t sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
        uint32_t first = S(7) + sum1 + ((e & S(5)) ^ (~e & S(6))) + constants[i] + w[i];
        S(3) += first;
        S(7) = first + sum0 + ((a & S(1)) ^ (a & S(2)) ^ (S(1) & S(2)));
    }
#undef S
    for (int i = 0; i < 8; i++) state[i] += s[i];
}

static void add_block_1(uint32_t state[8], const uint8_t *block) {
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++)
        w[i] = i < 16 ? word_of(block, i) : rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 31);
    for (int i = 0; i < 80; i++) {
        uint32_t mixed = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                         : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                         : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                                  : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t next = rotate(a, 27) + mixed + e + w[i];
        e = d, d = c, c = rotate(b, 2), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

static void sha256_start(sha *hash) {
    *hash = (sha){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
                            0x1f83d9ab, 0x5be0cd19},
                  .words = 8};
}

static void sha1_start(sha *hash) {
    *hash =
        (sha){.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, .words = 5};
}

static void add_block(sha *hash, const uint8_t *block) {
    (hash->words == 8 ? add_block_256 : add_block_1)(hash->state, block);
}

void sha_add(sha *hash, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    while (n) {
        size_t used = hash->length % 64, taken = 64 - used < n ? 64 - used : n;
        if (taken == 64) {
            add_block(hash, p);
        } else {
            memcpy(hash->block + used, p, taken);
            if (used + taken == 64) add_block(hash, hash->block);
        }
        hash->length += taken;
        p += taken;
        n -= taken;
    }
}

void sha_hex(const sha *hash, char hex[65]) {
    sha end = *hash;
    uint8_t bits[8];
    for (int i = 0; i < 8; i++) bits[i] = (uint8_t)(hash->length * 8 >> (56 - 8 * i));
    sha_add(&end, "\x80", 1);
    while (end.length % 64 != 56) sha_add(&end, "", 1);
    sha_add(&end, bits, 8);
    for (int i = 0; i < end.words; i++) snprintf(hex + 8 * i, 9, "%08x", (unsigned)end.state[i]);
}

void sha_start(sha *hash, const char *wanted, uint64_t size) {
    char head[32];
    sha256_start(hash);
    if (!wanted || strlen(wanted) != 40) return;
    int n = snprintf(head, sizeof head, "blob %llu", (unsigned long long)size);
    sha1_start(hash);
    sha_add(hash, head, (size_t)n + 1);
}
