// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ops.h"

// What a kernel takes for w's stored rows from `row` on, of a transposed one the columns.
static const void *rows_from(const wm_matrix *w, size_t row, wm_quantized *parts) {
    size_t blocks = (w->cols + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    if (!w->scale)
        return w->data + row * (w->transposed ? 1 : w->stride) * (w->type == WM_F32 ? 4 : 2);
    bool q4 = w->type == WM_Q4 || w->type == WM_WOVEN;
    *parts = (wm_quantized){w->data + row * (q4 ? blocks * WM_Q4_BYTES : w->cols),
                            w->scale + row * (q4 ? blocks * 2 : sizeof(float)),
                            w->zero ? w->zero + row : NULL};
    return parts;
}

typedef struct linear_task {
    const wm_kernels *kernels;
    float *y;
    const float *x;
    const wm_matrix *w;
    size_t ldy, ldx, T;
    size_t rows, step, across; // of a part: rows of x and outputs; parts side by side
} linear_task;

static void linear_part(void *context, size_t part, size_t lane) {
    const linear_task *task = context;
    const wm_kernels *kernels = task->kernels;
    const wm_matrix *w = task->w;
    size_t n = part % task->across * task->step, N = WM_MIN(task->step, w->rows - n);
    size_t t = part / task->across * task->rows, T = WM_MIN(task->rows, task->T - t);
    const float *bias = w->bias ? w->bias + n : NULL, *x = task->x + t * task->ldx;
    wm_quantized parts;
    const void *from = rows_from(w, n, &parts);
    float *y = task->y + t * task->ldy + n;
    (void)lane;
    if (w->int8 || w->halves)
        (w->int8 ? kernels->linear_int8 : kernels->linear_halves)(y, task->ldy, x, task->ldx, from,
                                                                  w->type, bias, T, N, w->cols);
    else
        (w->transposed ? kernels->linear_t : kernels->linear)[w->type](
            y, task->ldy, x, task->ldx, from, w->stride, bias, T, N, w->cols);
}

// Each part packs its rows of x, or turns them into whole numbers: many rows are cut up, so that
// none does it twice; but each part also reads w, which takes too long for few, and int8 packs it.
void wm_linear(const wm_kernels *kernels, float *y, size_t ldy, const float *x, size_t ldx,
               const wm_matrix *w, size_t T) {
    linear_task task = {kernels, y, x, w, ldy, ldx, T, T, w->rows, 1};
    size_t lanes = wm_threads_lanes(kernels->threads), many = T / WM_LINEAR_ROWS;
    // One row of x takes as long as some: it is w's way from memory that counts.
    size_t parts = wm_threads_parts(kernels->threads, (uint64_t)WM_MAX(T, 4) * w->rows * w->cols,
                                    many < lanes ? w->rows / WM_LINEAR_STEP : many);
    if (w->int8) parts = WM_MIN(parts, lanes);
    if (parts > 1 && many >= lanes && !w->int8) {
        task.rows = ((T + parts - 1) / parts + 3) & ~(size_t)3;
        parts = (T + task.rows - 1) / task.rows;
    } else if (parts > 1) {
        task.step = (w->rows / parts + WM_LINEAR_STEP - 1) & ~(size_t)(WM_LINEAR_STEP - 1);
        parts = task.across = (w->rows + task.step - 1) / task.step;
    }
    wm_threads_run(kernels->threads, linear_part, &task, parts);
}

void wm_table_row(const wm_kernels *kernels, float *y, const wm_matrix *w, uint32_t row) {
    wm_quantized parts;
    kernels->widen[w->type](y, rows_from(w, row, &parts), w->cols);
}

typedef struct norm_task {
    const wm_kernels *kernels;
    float *y, *x;
    const float *more;
    const wm_norm *norm;
    size_t T, D, step; // step: rows of a part
} norm_task;

static void norm_part(void *context, size_t part, size_t lane) {
    const norm_task *task = context;
    const wm_kernels *kernels = task->kernels;
    const wm_norm *norm = task->norm;
    size_t t = part * task->step, D = task->D, end = WM_MIN(t + task->step, task->T);
    (void)lane;
    for (; t < end; t++) {
        float *y = task->y + t * D, *x = task->x + t * D;
        if (task->more) kernels->add(x, task->more + t * D, D);
        if (!norm) continue;
        if (norm->bias)
            kernels->layer_norm(y, x, norm->weight, norm->bias, norm->eps, D);
        else
            kernels->rms_norm(y, x, norm->weight, norm->eps, D);
    }
}

void wm_normalize_rows(const wm_kernels *kernels, float *y, float *x, const float *more,
                       const wm_norm *norm, size_t T, size_t D) {
    size_t parts = wm_threads_parts(kernels->threads, (uint64_t)64 * T * D, T);
    norm_task task = {kernels, y, x, more, norm, T, D, (T + parts - 1) / parts};
    wm_threads_run(kernels->threads, norm_part, &task, parts);
}

static void activate(const wm_kernels *kernels, float *x, wm_activation activation, size_t n) {
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

typedef struct activation_task {
    const wm_kernels *kernels;
    float *x;
    wm_activation activation;
    size_t n, step;
} activation_task;

static void activate_part(void *context, size_t part, size_t lane) {
    const activation_task *task = context;
    size_t at = part * task->step;
    (void)lane;
    activate(task->kernels, task->x + at, task->activation, WM_MIN(task->step, task->n - at));
}

void wm_activate(const wm_kernels *kernels, float *x, wm_activation activation, size_t n) {
    size_t parts = wm_threads_parts(kernels->threads, 16 * (uint64_t)n, n);
    // Whole vectors but for the last: an element's bits do not depend on where it stands.
    activation_task task = {kernels, x, activation, n,
                            parts > 1 ? (n / parts + 64) & ~(size_t)63 : n};
    wm_threads_run(kernels->threads, activate_part, &task,
                   parts > 1 ? (n + task.step - 1) / task.step : 1);
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

void wm_softmax(const wm_kernels *kernels, float *x, size_t n) {
    kernels->scale(x, kernels->softmax(x, NULL, 1, n), n);
}
