// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ops.h"

void wm_linear(const wm_kernels *kernels, float *y, size_t ldy, const float *x, size_t ldx,
               const wm_matrix *w, size_t T) {
    wm_quantized parts = {w->data, w->scale, w->zero};
    if (w->int8) {
        kernels->linear_int8(y, ldy, x, ldx, &parts, w->type, w->bias, T, w->rows, w->cols);
        return;
    }
    const void *from = w->scale ? (const void *)&parts : w->data;
    (w->transposed ? kernels->linear_t : kernels->linear)[w->type](
        y, ldy, x, ldx, from, w->stride, w->bias, T, w->rows, w->cols);
}

void wm_table_row(const wm_kernels *kernels, float *y, const wm_matrix *w, uint32_t row) {
    size_t at = row, blocks = (w->cols + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    if (!w->scale) {
        kernels->widen[w->type](y, w->data + at * w->stride * (w->type == WM_F32 ? 4 : 2), w->cols);
        return;
    }
    bool q4 = w->type == WM_Q4;
    wm_quantized parts = {w->data + at * (q4 ? blocks * WM_Q4_BYTES : w->cols),
                          w->scale + at * (q4 ? blocks * 2 : sizeof(float)),
                          w->zero ? w->zero + at : NULL};
    kernels->widen[w->type](y, &parts, w->cols);
}

void wm_normalize_rows(const wm_kernels *kernels, float *y, const float *x, const wm_norm *norm,
                       size_t T, size_t D) {
    for (size_t t = 0; t < T; t++, y += D, x += D) {
        if (norm->bias)
            kernels->layer_norm(y, x, norm->weight, norm->bias, norm->eps, D);
        else
            kernels->rms_norm(y, x, norm->weight, norm->eps, D);
    }
}

void wm_activate(const wm_kernels *kernels, float *x, wm_activation activation, size_t n) {
    switch (activation) {
    case WM_IDENTITY: break;
    case WM_GELU_ERF: kernels->gelu_erf(x, n); break;
    case WM_GELU_TANH: kernels->gelu_tanh(x, n); break;
    case WM_RELU: kernels->relu(x, n); break;
    case WM_SILU: kernels->silu(x, n); break;
    case WM_TANH: kernels->tanh(x, n); break;
    case WM_SIGMOID: kernels->sigmoid(x, n); break;
    }
}

void wm_pool_rows(const wm_kernels *kernels, float *y, const float *hidden, wm_pool pool,
                  size_t first, size_t T, size_t D) {
    size_t from = pool == WM_POOL_CLS ? 0 : pool == WM_POOL_LAST ? T - 1 : first;
    kernels->widen[WM_F32](y, hidden + from * D, D);
    if (pool == WM_POOL_CLS || pool == WM_POOL_LAST) return;
    if (pool == WM_POOL_WEIGHTED_MEAN) {
        double total = 0;
        for (size_t t = first; t < T; t++) total += (double)(t + 1);
        for (size_t d = 0; d < D; d++) {
            double sum = 0;
            for (size_t t = first; t < T; t++) sum += (double)(t + 1) * (double)hidden[t * D + d];
            y[d] = (float)(sum / total);
        }
        return;
    }
    for (size_t t = from + 1; t < T; t++)
        (pool == WM_POOL_MAX ? kernels->max : kernels->add)(y, hidden + t * D, D);
    double n = (double)(T - first);
    if (pool == WM_POOL_MEAN) kernels->scale(y, (float)(1 / n), D);
    if (pool == WM_POOL_MEAN_SQRT_LEN) kernels->scale(y, 1 / __builtin_sqrtf((float)n), D);
}

void wm_l2_normalize(const wm_kernels *kernels, float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    double norm = __builtin_sqrt(sum);
    kernels->scale(x, (float)(1 / WM_MAX(norm, 1e-12)), n);
}
