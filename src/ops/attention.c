// SPDX-License-Identifier: MIT OR Apache-2.0
// Attention over any mask that is an interval of keys, and the two positions that act inside it.
#include "../base/maths.h"
#include "ops.h"

typedef struct key_range {
    size_t first, end;
} key_range;

// The keys that query `t` sees.
static key_range keys_seen(const wm_attention_spec *spec, size_t t, size_t keys) {
    size_t own = spec->past + t;
    key_range seen = {own > spec->before ? own - spec->before : 0, keys};
    if (spec->after < keys - WM_MIN(own, keys - 1)) seen.end = own + spec->after + 1;
    return seen;
}

// A row of scores [block] as powers of e, zeros where the query does not see; returns what makes
// probabilities of them.
static float weigh_row(const wm_kernels *kernels, float *scores, const wm_attention_spec *spec,
                       size_t h, size_t t, key_range block, size_t keys) {
    key_range seen = keys_seen(spec, t, keys);
    const float *bias = NULL;
    if (spec->bias)
        bias = spec->bias + h * spec->bias_row + (spec->bias_zero + seen.first - (spec->past + t));
    for (size_t i = block.first; i < seen.first; i++) scores[i - block.first] = 0;
    for (size_t i = seen.end; i < block.end; i++) scores[i - block.first] = 0;
    return kernels->softmax(scores + (seen.first - block.first), bias, spec->scale,
                            seen.end - seen.first);
}

// The same of scores [block, side]: what the query does not see is as good as minus infinity.
static float weigh_row_and_side(const wm_kernels *kernels, float *scores,
                                const wm_attention_spec *spec, size_t h, size_t t, key_range block,
                                size_t keys) {
    key_range seen = keys_seen(spec, t, keys);
    size_t n = block.end - block.first, own = WM_MIN(t / spec->side_block, spec->side - 1);
    for (size_t i = block.first; i < block.end; i++)
        if (i < seen.first || i >= seen.end) scores[i - block.first] = -1e30f;
    kernels->add(scores + (seen.first - block.first),
                 spec->bias + h * spec->bias_row + (spec->bias_zero + seen.first - t),
                 seen.end - seen.first);
    kernels->add(scores + n, spec->side_bias + h * spec->side_row + (spec->side_zero - own),
                 spec->side);
    return kernels->softmax(scores, NULL, 1, n + spec->side);
}

typedef struct attention_task {
    const wm_kernels *kernels;
    float *y, *q;
    const float *k, *v;
    float *scratch;
    const wm_attention_spec *spec;
    size_t T, keys, step; // step: (head, block of queries) pairs of a part
} attention_task;

// Queries t, … of head h, a block of them. The side keys' scores stand behind those of as many keys
// as `dots` writes.
static void attend_block(const attention_task *task, float *scratch, size_t h, size_t t) {
    const wm_kernels *kernels = task->kernels;
    const wm_attention_spec *spec = task->spec;
    size_t dh = spec->width, shared = spec->heads / spec->kv_heads, kv = h / shared * spec->kv_head;
    size_t rows = WM_MIN(task->T - t, (size_t)WM_ATTENTION_ROWS), keys = task->keys;
    key_range block = {keys_seen(spec, t, keys).first, keys_seen(spec, t + rows - 1, keys).end};
    size_t n = block.end - block.first, at = block.first * spec->kv_row + kv;
    size_t side_at = n + -n % WM_SCORES, row_size = side_at + spec->side + -spec->side % WM_SCORES;
    float *q = task->q + t * spec->q_row + h * spec->q_head,
          *y = task->y + t * spec->y_row + h * dh, *side = scratch + side_at;
    float factors[WM_ATTENTION_ROWS];
    wm_dots *dots = spec->whole ? kernels->scores : kernels->linear[WM_F32];
    dots(scratch, row_size, q, spec->q_row, task->k + at, spec->kv_row, NULL, rows, n, dh);
    if (spec->side) {
        dots(side, row_size, q, spec->q_row, spec->side_k + kv, spec->kv_row, NULL, rows,
             spec->side, dh);
        block.end = block.first + side_at;
    }
    for (size_t row = 0; row < rows; row++)
        factors[row] = (spec->side ? weigh_row_and_side : weigh_row)(
            kernels, scratch + row * row_size, spec, h, t + row, block, keys);
    kernels->linear_t[WM_F32](y, spec->y_row, scratch, row_size, task->v + at, spec->kv_row, NULL,
                              rows, dh, n);
    if (spec->side)
        kernels->linear_t[WM_F32](q, spec->q_row, side, row_size, spec->side_v + kv, spec->kv_row,
                                  NULL, rows, dh, spec->side);
    for (size_t row = 0; row < rows; row++, y += spec->y_row, q += spec->q_row) {
        if (spec->side) kernels->add(y, q, dh);
        kernels->scale(y, factors[row], dh);
    }
}

static void attention_part(void *context, size_t part, size_t lane) {
    const attention_task *task = context;
    size_t blocks = (task->T + WM_ATTENTION_ROWS - 1) / WM_ATTENTION_ROWS;
    size_t first = part * task->step, end = WM_MIN(first + task->step, task->spec->heads * blocks);
    float *scratch =
        task->scratch + lane * WM_ATTENTION_ROWS * (task->keys + task->spec->side + 2 * WM_SCORES);
    for (size_t i = first; i < end; i++)
        attend_block(task, scratch, i / blocks, i % blocks * WM_ATTENTION_ROWS);
}

void wm_attention(const wm_kernels *kernels, float *y, float *q, const float *k, const float *v,
                  float *scratch, const wm_attention_spec *spec, size_t T, size_t keys) {
    size_t all = spec->heads * ((T + WM_ATTENTION_ROWS - 1) / WM_ATTENTION_ROWS);
    // A row's softmax and its share of two short products take as long as some products.
    uint64_t work = (uint64_t)T * spec->heads * (2 * keys * spec->width + WM_ATTENTION_WORK);
    size_t parts = wm_threads_parts(kernels->threads, work, all);
    attention_task task = {kernels, y, q, k, v, scratch, spec, T, keys, (all + parts - 1) / parts};
    wm_threads_run(kernels->threads, attention_part, &task, (all + task.step - 1) / task.step);
}

void wm_rotary_frequencies(float *frequencies, size_t width, float theta,
                           const wm_rotary_scaling *scaling) {
    const double turn = 6.283185307179586;
    for (size_t i = 0; i < width / 2; i++) {
        // Rounded to f32 where transformers rounds.
        float exponent = (float)(2 * i) / (float)width;
        double f = (double)(1 / (float)wm_pow((double)theta, (double)exponent));
        if (scaling->kind == WM_ROTARY_LINEAR) {
            f /= (double)scaling->factor;
        } else if (scaling->kind == WM_ROTARY_LLAMA3) {
            // Wavelengths above original / low are stretched, below original / high kept, between:
            // blended.
            double waves = (double)scaling->original * f / turn;
            double low = (double)scaling->low, high = (double)scaling->high;
            double kept = waves < low ? 0 : waves > high ? 1 : (waves - low) / (high - low);
            f = kept * f + (1 - kept) * f / (double)scaling->factor;
        }
        frequencies[i] = (float)f;
    }
}

void wm_rotary_angles(float *angles, const float *frequencies, size_t width, size_t position) {
    for (size_t i = 0; i < width / 2; i++) {
        double angle =
            (double)((float)position * frequencies[i]); // f32, as transformers multiplies
        angles[i] = (float)wm_cos(angle);
        angles[width / 2 + i] = (float)wm_sin(angle);
    }
}

void wm_rotate(float *x, const float *angles, size_t width, size_t heads, size_t head_stride) {
    size_t half = width / 2;
    for (size_t h = 0; h < heads; h++, x += head_stride) {
        for (size_t i = 0; i < half; i++) {
            float a = x[i], b = x[half + i], c = angles[i], s = angles[half + i];
            x[i] = a * c - b * s;
            x[half + i] = b * c + a * s;
        }
    }
}

uint32_t wm_relative_bucket(int64_t distance, bool both_ways, uint32_t buckets,
                            uint32_t max_distance) {
    uint32_t start = 0;
    if (both_ways) {
        buckets /= 2;
        if (distance > 0) start = buckets;
        distance = distance < 0 ? -distance : distance;
    } else {
        distance = distance < 0 ? -distance : 0;
    }
    uint32_t exact = buckets / 2;
    if (distance < exact) return start + (uint32_t)distance;
    // In f32, as HF computes it: the borders between buckets depend on the rounding.
    float ratio = (float)wm_log((double)((float)distance / (float)exact));
    float far = ratio / (float)wm_log((double)max_distance / exact) * (float)(buckets - exact);
    return start + (far < (float)(buckets - exact - 1) ? exact + (uint32_t)far : buckets - 1);
}
