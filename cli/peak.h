// SPDX-License-Identifier: MIT OR Apache-2.0
// Loops that do nothing but arithmetic, or nothing but reading: what the kernels are measured
// against.
#ifndef WM_CLI_PEAK_H
#define WM_CLI_PEAK_H

#include "../src/base/base.h"

// `rounds` rounds of independent multiply-adds as the instruction set has them (fused where it has
// that); the result only keeps the compiler from dropping them.
double peak_run(const char *isa, long rounds);
double peak_work(const char *isa); // floating-point operations of one round

// Reads n floats once.
double peak_read(const float *p, size_t n);

#endif
