// SPDX-License-Identifier: MIT OR Apache-2.0
// Free functions over f32 activations: what a transformer is made of, in terms of the kernels.
// Letters: T tokens, D width, H heads, dh head width, N outputs, K inputs; row-major; out, in,
// weights, sizes. Outputs alias no input unless a line says so. Nothing here fails or allocates.
#ifndef WM_OPS_H
#define WM_OPS_H

#include "../kernels/kernels.h"

// A weight where the file has it, at any alignment: [rows, cols], or [cols, rows] if transposed.
typedef struct wm_matrix {
    const uint8_t *data;         // NULL: the model has no such weight
    const float *bias;           // [rows]; NULL: none
    const uint8_t *scale, *zero; // of a quantised one, as in wm_quantized
    uint32_t rows, cols;         // outputs, inputs
    uint32_t stride;             // elements from one stored row to the next
    wm_weight_type type;
    bool transposed;
    bool int8;   // I8 or Q4, with activations in whole numbers
    bool halves; // … which are two halves
} wm_matrix;

typedef struct wm_norm {
    const float *weight,
        *bias; // [D]; weight NULL: the model has no such norm; bias NULL for RMS norms
    float eps;
} wm_norm;

typedef enum wm_activation {
    WM_IDENTITY,
    WM_GELU_ERF,
    WM_GELU_TANH,
    WM_RELU,
    WM_SILU,
    WM_TANH,
    WM_SIGMOID,
} wm_activation;

// y [T, rows] = x [T, cols] · wᵀ + bias. With threads their parts are multiples of so many outputs,
// or so many rows of x at least.
enum { WM_LINEAR_STEP = 16, WM_LINEAR_ROWS = 64 };
void wm_linear(const wm_kernels *kernels, float *y, size_t ldy, const float *x, size_t ldx,
               const wm_matrix *w, size_t T);

// y [w.cols] = row `row` of a table (not transposed), widened
void wm_table_row(const wm_kernels *kernels, float *y, const wm_matrix *w, uint32_t row);

// x [T, D] += more [T, D], if not NULL; then y [T, D] = norm of each row of x, if not NULL. y may
// be x.
void wm_normalize_rows(const wm_kernels *kernels, float *y, float *x, const float *more,
                       const wm_norm *norm, size_t T, size_t D);

void wm_activate(const wm_kernels *kernels, float *x, wm_activation activation, size_t n);

// Which keys a query sees, and where q, k, v and y lie. Head h of row t of q stands at
// q + t · q_row + h · q_head; of k and v at + t · kv_row + (h / (heads / kv_heads)) · kv_head.
typedef struct wm_attention_spec {
    size_t heads, kv_heads, width; // of a head
    size_t q_row, q_head, kv_row, kv_head, y_row;
    float scale;
    size_t past;   // the first query stands at this key
    size_t before; // keys before its own place that a query sees, SIZE_MAX: all
    size_t after;  // keys after it, 0: causal
    // [heads, bias_row]: of a key `d` places after the query at bias_zero + d; NULL: none
    const float *bias;
    size_t bias_row, bias_zero;
    // Further keys that every query sees, each of `side_block` tokens (the last of more), laid out
    // as the others; side_bias [heads, …]: of one `d` blocks after the query's own, as above.
    const float *side_k, *side_v, *side_bias;
    size_t side, side_block, side_row, side_zero;
    // All queries of a text come at once, so that sums need not be those of one query alone.
    bool whole;
} wm_attention_spec;

// y [T, heads · width] = softmax(scale · q · kᵀ + bias) · v for T queries and `keys` keys; y may be
// q. Where there are side keys, y is not q, q is overwritten, and scale is 1.
// scratch [WM_ATTENTION_ROWS, keys + side + 2 WM_SCORES].    "Attention Is All You Need", eq. 1
enum { WM_ATTENTION_ROWS = 64, WM_ATTENTION_WORK = 8192 };
void wm_attention(const wm_kernels *kernels, float *y, float *q, const float *k, const float *v,
                  float *scratch, const wm_attention_spec *spec, size_t T, size_t keys);

// Rotary positions' frequencies: transformers, modeling_rope_utils.py
typedef enum wm_rotary_kind { WM_ROTARY_PLAIN, WM_ROTARY_LINEAR, WM_ROTARY_LLAMA3 } wm_rotary_kind;
typedef struct wm_rotary_scaling {
    wm_rotary_kind kind;
    float factor, low, high, original; // low … original: LLAMA3
} wm_rotary_scaling;

// frequencies [width / 2]
void wm_rotary_frequencies(float *frequencies, size_t width, float theta,
                           const wm_rotary_scaling *scaling);

// Turns the first `width` numbers of each head of one row, i with i + width / 2, for a token at
// `position`. angles [width] is scratch: wm_rotary_angles has filled it with width / 2 cosines,
// then sines.
void wm_rotary_angles(float *angles, const float *frequencies, size_t width, size_t position);
void wm_rotate(float *x, const float *angles, size_t width, size_t heads, size_t head_stride);

// The bucket of a key `distance` places after the query (before: negative).  T5's
// _relative_position_bucket
uint32_t wm_relative_bucket(int64_t distance, bool both_ways, uint32_t buckets,
                            uint32_t max_distance);

// Pooling of hidden [T, D] over the tokens from `first` on, first < T:
// sentence_transformers.models.Pooling
typedef enum wm_pool {
    WM_POOL_CLS, // hidden 0, whatever `first` is
    WM_POOL_MAX,
    WM_POOL_MEAN,
    WM_POOL_MEAN_SQRT_LEN,
    WM_POOL_WEIGHTED_MEAN, // token t weighs t + 1
    WM_POOL_LAST,
    WM_POOL_KINDS,
} wm_pool;

void wm_pool_rows(const wm_kernels *kernels, float *y, const float *hidden, wm_pool pool,
                  size_t first, size_t T, size_t D);

// x [n] /= max(‖x‖₂, 1e-12)    torch.nn.functional.normalize
void wm_l2_normalize(const wm_kernels *kernels, float *x, size_t n);

// x [n] = softmax(x)
void wm_softmax(const wm_kernels *kernels, float *x, size_t n);

#endif
