// SPDX-License-Identifier: MIT OR Apache-2.0
// SHA-256 and SHA-1 (FIPS 180-4), piece by piece: what the hub says of large files, and of small
// ones as git names a blob. A hundred lines rather than a dependency: a build without libcurl
// checks its cache too, and libcurl promises no hash.
#ifndef WM_SHA_H
#define WM_SHA_H

#include <stddef.h>
#include <stdint.h>

typedef struct sha {
    uint32_t state[8];
    int words;       // of state: 8, or 5 of SHA-1
    uint64_t length; // bytes so far
    uint8_t block[64];
} sha;

// The kind of hash that `wanted` is in hexadecimal: of 40 digits git's of a blob of `size` bytes,
// else (NULL too) SHA-256.
void sha_start(sha *hash, const char *wanted, uint64_t size);
void sha_add(sha *hash, const void *bytes, size_t n);
void sha_hex(const sha *hash, char hex[65]); // of what has been added; more may follow

#endif
