// SPDX-License-Identifier: MIT OR Apache-2.0
// Which table to use: asked once, when a model is opened.
#include "select.h"

#ifdef WMK_HAVE_X86
static bool wmk_cpu_has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("f16c");
}

static bool wmk_cpu_has_avx512(void) {
    return wmk_cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

#ifdef WMK_HAVE_NEONDOT
#if defined(__linux__)
#include <sys/auxv.h>
#elif defined(__APPLE__)
// <sys/sysctl.h>, which is none for strict POSIX.
int sysctlbyname(const char *name, void *value, size_t *size, void *new_value, size_t new_size);

__attribute__((unused)) static bool wmk_apple_has(const char *name) {
    int32_t value = 0;
    size_t size = sizeof value;
    return sysctlbyname(name, &value, &size, NULL, 0) == 0 && value != 0;
}
#endif

// What the compiler may take for granted need not be asked for; elsewhere there is nobody to ask.
static bool wmk_cpu_has_dotprod(void) {
#if defined(__ARM_FEATURE_DOTPROD)
    return true;
#elif defined(__linux__)
    return getauxval(AT_HWCAP) >> 20 & 1; // HWCAP_ASIMDDP
#elif defined(__APPLE__)
    return wmk_apple_has("hw.optional.arm.FEAT_DotProd");
#else
    return false;
#endif
}
#endif

#ifdef WMK_HAVE_NEONI8MM
static bool wmk_cpu_has_i8mm(void) {
#if defined(__ARM_FEATURE_MATMUL_INT8)
    return true;
#elif defined(__linux__)
    return getauxval(AT_HWCAP2) >> 13 & 1; // HWCAP2_I8MM
#elif defined(__APPLE__)
    return wmk_apple_has("hw.optional.arm.FEAT_I8MM");
#else
    return false;
#endif
}
#endif

const wm_kernels *wm_kernels_select(const char *isa) {
    const wm_kernels *found[6]; // best first
    size_t count = 0;
#ifdef WMK_HAVE_X86
    if (wmk_cpu_has_avx512() && __builtin_cpu_supports("avx512vnni"))
        found[count++] = &wmk_kernels_avx512vnni;
    if (wmk_cpu_has_avx512()) found[count++] = &wmk_kernels_avx512;
    if (wmk_cpu_has_avx2()) found[count++] = &wmk_kernels_avx2;
    found[count++] = &wmk_kernels_sse2;
#endif
#ifdef WMK_HAVE_NEONI8MM
    if (wmk_cpu_has_dotprod() && wmk_cpu_has_i8mm()) found[count++] = &wmk_kernels_neoni8mm;
#endif
#ifdef WMK_HAVE_NEONDOT
    if (wmk_cpu_has_dotprod()) found[count++] = &wmk_kernels_neondot;
#endif
#ifdef WMK_HAVE_NEON
    found[count++] = &wmk_kernels_neon;
#endif
#ifdef __wasm_relaxed_simd__
    found[count++] = &wmk_kernels_relaxed;
#elif defined(WMK_HAVE_SIMD128)
    found[count++] = &wmk_kernels_simd128;
#endif
#ifdef WMK_HAVE_SCALAR
    found[count++] = &wmk_kernels_scalar;
#endif
    if (!isa) return found[0];
    for (size_t i = 0; i < count; i++) {
        if (wm_span_is(wm_span_of(isa), found[i]->isa)) return found[i];
    }
    return NULL;
}
