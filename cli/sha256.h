// SPDX-License-Identifier: MIT OR Apache-2.0
// SHA-256 (FIPS 180-4), piece by piece. Seventy lines rather than a dependency: a build without
// libcurl checks its cache too, and libcurl promises no hash.
#ifndef WM_SHA256_H
#define WM_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct sha256 {
    uint32_t state[8];
    uint64_t length; // bytes so far
    uint8_t block[64];
} sha256;

void sha256_start(sha256 *hash);
void sha256_add(sha256 *hash, const void *bytes, size_t n);
void sha256_hex(const sha256 *hash, char hex[65]); // of what has been added; more may follow

#endif
