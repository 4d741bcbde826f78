// SPDX-License-Identifier: MIT OR Apache-2.0
// The one stack: embeddings, then layers of attention and feed-forward, as the descriptor says.
// Tokens of all sequences stand in one matrix [T, …]; only attention knows where a sequence ends.
#include "session.h"

void wm_model_linear(const wm_model *model, float *y, const float *x, const wm_matrix *w,
                     size_t T) {
    WM_AS_POINTER(model);
    wm_linear(model->kernels, y, w->rows, x, w->cols, w, T);
}

// y [T, E] = token + position + type embeddings of one sequence, normed; row [E] is scratch
static void embed_sequence(const wm_model *model, float *y, float *row, const wm_sequence *sequence,
                           size_t past) {
    const wm_arch *arch = &model->arch;
    const wm_kernels *kernels = model->kernels;
    const wm_model_weights *weights = &model->weights;
    uint32_t E = arch->embedding_width, seen = 0;
    for (size_t t = 0; t < sequence->count; t++) {
        float *to = y + t * E;
        wm_table_row(kernels, to, &weights->token, (uint32_t)sequence->ids[t]);
        if (weights->type.data) {
            wm_table_row(kernels, row, &weights->type, sequence->types ? sequence->types[t] : 0);
            kernels->add(to, row, E);
        }
        if (weights->position.data) {
            uint32_t position = (uint32_t)(past + t);
            if (arch->position == WM_POSITION_LEARNED_PADDED) {
                bool pad = sequence->ids[t] == arch->pad_id;
                position = (uint32_t)arch->pad_id + (pad ? 0 : ++seen);
            }
            wm_table_row(kernels, row, &weights->position, position);
            kernels->add(to, row, E);
        }
    }
    if (weights->embedding_norm.weight)
        wm_normalize_rows(kernels, y, y, NULL, &weights->embedding_norm, sequence->count, E);
}

static size_t past_of(const wm_pass *pass, size_t i) { return pass->past ? pass->past[i] : 0; }

// hidden [T, D] = the embeddings of all sequences, projected where the widths differ;
// angles [T, rotary_width] of every token's place
static void embed(const wm_pass *pass) {
    const wm_model *model = pass->session->model;
    const wm_buffers *buffers = &pass->session->buffers;
    uint32_t E = model->arch.embedding_width;
    bool project = model->weights.project.data != NULL;
    float *to = project ? buffers->branch : buffers->hidden, *angles = buffers->angles;
    for (size_t i = 0; i < pass->count; i++) {
        const wm_sequence *sequence = &pass->sequences[i];
        size_t past = past_of(pass, i), width = model->arch.rotary_width;
        embed_sequence(model, to, buffers->wide, sequence, past);
        to += sequence->count * E;
        for (size_t t = 0; width && t < sequence->count; t++, angles += width)
            wm_rotary_angles(angles, model->frequencies, width, past + t);
    }
    if (project)
        wm_model_linear(model, buffers->hidden, buffers->branch, &model->weights.project, pass->T);
}

// Where the heads of q, k and v lie in the rows of `wide`.
typedef struct head_layout {
    float *q, *k, *v;
    size_t row, q_head, kv_head;
} head_layout;

// normed [T, …] = the side keys' inputs: the norms of the sums of each block of rows of `normed`,
// the last block of a sequence with what remains behind it.
//     transformers, models/longt5/modeling_longt5.py, _create_global_aggregates
static void sum_blocks(const wm_pass *pass, const wm_layer_weights *layer) {
    const wm_model *model = pass->session->model;
    size_t D = model->arch.width, block = model->arch.side_block;
    const float *row = pass->session->buffers.normed;
    float *sums = pass->session->buffers.normed + pass->T * D, *sum = sums;
    for (size_t i = 0; i < pass->count; i++) {
        size_t n = pass->sequences[i].count, blocks = n / block;
        for (size_t t = 0; t < n; t++, row += D) {
            if (!blocks) continue;
            if (t % block || t / block == blocks)
                model->kernels->add(sum - D, row, D);
            else
                memcpy(sum, row, D * sizeof *sum), sum += D;
        }
    }
    wm_normalize_rows(model->kernels, sums, sums, NULL, &layer->side_norm, pass->side, D);
}

// The norms and turns of the heads of each token.
static void turn_heads(const wm_pass *pass, float *row, size_t W, uint32_t heads, size_t stride,
                       const wm_norm *norm) {
    const wm_model *model = pass->session->model;
    const float *angles = pass->session->buffers.angles;
    size_t turned = model->arch.rotary_width, dh = model->arch.head_width;
    if (!norm->weight && !turned) return;
    for (size_t t = 0; t < pass->T; t++, row += W, angles += turned) {
        for (size_t h = 0; norm->weight && h < heads; h++)
            wm_normalize_rows(model->kernels, row + h * stride, row + h * stride, NULL, norm, 1,
                              dh);
        if (turned) wm_rotate(row, angles, turned, heads, stride);
    }
}

// wide [T + side, W] = q, k and v of in [T + side, D], with the norms and turns of their heads
static head_layout project_heads(const wm_pass *pass, const wm_layer_weights *layer,
                                 const float *in) {
    const wm_model *model = pass->session->model;
    const wm_arch *arch = &model->arch;
    const wm_kernels *kernels = model->kernels;
    size_t D = arch->width, dh = arch->head_width, A = arch->heads * dh, K = arch->kv_heads * dh,
           W = A + 2 * K;
    size_t T = pass->T + pass->side;
    float *wide = pass->session->buffers.wide;
    head_layout at = {wide, wide + A, wide + A + K, W, dh, dh};
    if (layer->qkv.data) {
        wm_model_linear(model, wide, in, &layer->qkv, T);
        if (arch->fused == WM_FUSED_PER_HEAD)
            at = (head_layout){wide, wide + dh, wide + 2 * dh, W, 3 * dh, 3 * dh};
    } else {
        wm_linear(kernels, at.q, W, in, D, &layer->q, T);
        wm_linear(kernels, at.k, W, in, D, &layer->k, T);
        wm_linear(kernels, at.v, W, in, D, &layer->v, T);
    }
    turn_heads(pass, at.q, W, arch->heads, at.q_head, &layer->q_norm);
    turn_heads(pass, at.k, W, arch->kv_heads, at.kv_head, &layer->k_norm);
    return at;
}

// Puts k and v of one sequence's rows behind those that its lane's cache has.
static void store_heads(const wm_pass *pass, wm_cache_rows rows, const head_layout *at,
                        size_t first, size_t count) {
    const wm_arch *arch = &pass->session->model->arch;
    size_t dh = arch->head_width, bytes = dh * sizeof(float);
    for (size_t t = first; t < first + count; t++) {
        for (size_t h = 0; h < arch->kv_heads; h++, rows.keys += dh, rows.values += dh) {
            memcpy(rows.keys, at->k + t * at->row + h * at->kv_head, bytes);
            memcpy(rows.values, at->v + t * at->row + h * at->kv_head, bytes);
        }
    }
}

// Full attention of heads that stand side by side in rows of q_row and kv_row numbers.
static WM_NOINLINE wm_attention_spec plain_spec(const wm_arch *arch, size_t q_row, size_t kv_row) {
    size_t dh = arch->head_width;
    return (wm_attention_spec){
        .heads = arch->heads,
        .kv_heads = arch->kv_heads,
        .width = dh,
        .q_row = q_row,
        .q_head = dh,
        .kv_row = kv_row,
        .kv_head = dh,
        .y_row = arch->heads * dh,
        .scale = arch->attention_scale,
        .before = SIZE_MAX,
        .after = SIZE_MAX,
    };
}

// Which keys a layer's queries see, by distance or of blocks, and with what bias.
static void restrict_spec(const wm_pass *pass, uint32_t depth, wm_attention_spec *spec) {
    const wm_arch *arch = &pass->session->model->arch;
    const wm_bias_rows *bias = &pass->session->bias[pass->stack];
    if (pass->stack == 0 && (arch->local_encoder || (depth < 64 && arch->local >> depth & 1)))
        spec->before = spec->after = arch->window - 1;
    if (pass->causal) spec->after = 0;
    spec->whole = !pass->causal;
    if (arch->attention_scale_by_layer) spec->scale /= (float)(depth + 1);
    spec->bias = bias->values;
    spec->bias_row = bias->row;
    spec->bias_zero = bias->zero;
    bias = &pass->session->bias[2];
    spec->side_bias = bias->values;
    spec->side_row = bias->row;
    spec->side_zero = bias->zero;
    spec->side_block = arch->side_block;
}

// branch [T, D] = attention(in [T, D]) of each sequence over itself and what its lane remembers
static void attend(const wm_pass *pass, const wm_layer_weights *layer, uint32_t depth,
                   const float *in) {
    wm_session *session = pass->session;
    const wm_model *model = session->model;
    const wm_arch *arch = &model->arch;
    size_t A = (size_t)arch->heads * arch->head_width;
    head_layout at = project_heads(pass, layer, in);
    float *context = session->buffers.wide + (pass->T + pass->side) * at.row;
    wm_attention_spec spec = plain_spec(arch, at.row, (size_t)arch->kv_heads * arch->head_width);
    restrict_spec(pass, depth, &spec);
    spec.q_head = at.q_head;
    spec.side_k = at.k + pass->T * at.row;
    spec.side_v = at.v + pass->T * at.row;
    for (size_t i = 0, row = 0; i < pass->count; row += pass->sequences[i++].count) {
        size_t n = pass->sequences[i].count;
        spec.past = past_of(pass, i);
        wm_cache_rows rows = {at.k + row * at.row, at.v + row * at.row};
        if (pass->cached) {
            store_heads(pass, wm_session_cache(session, depth, i, spec.past), &at, row, n);
            rows = wm_session_cache(session, depth, i, 0);
        } else {
            spec.kv_row = at.row;
            spec.kv_head = at.kv_head;
        }
        if (pass->side) spec.side = n / arch->side_block;
        wm_attention(model->kernels, context + row * A, at.q + row * at.row, rows.keys, rows.values,
                     session->buffers.scores, &spec, n, spec.past + n);
        spec.side_k += spec.side * at.row;
        spec.side_v += spec.side * at.row;
    }
    wm_model_linear(model, session->buffers.branch, context, &layer->o, pass->T);
}

// branch [T, D] = attention of in [T, D] over what the encoder made of its text
static void attend_across(const wm_pass *pass, const wm_layer_weights *layer, uint32_t depth,
                          const float *in) {
    wm_session *session = pass->session;
    const wm_model *model = session->model;
    const wm_arch *arch = &model->arch;
    size_t A = (size_t)arch->heads * arch->head_width;
    float *q = session->buffers.wide, *context = q + pass->T * A;
    wm_cache_rows rows = wm_session_encoded(session, depth);
    wm_attention_spec spec = plain_spec(arch, A, (size_t)arch->kv_heads * arch->head_width);
    wm_model_linear(model, q, in, &layer->cross_q, pass->T);
    wm_attention(model->kernels, context, q, rows.keys, rows.values, session->buffers.scores, &spec,
                 pass->T, session->encoded);
    wm_model_linear(model, session->buffers.branch, context, &layer->cross_o, pass->T);
}

// y [T, D] = down(act(up(in))), gated: down(act(gate(in)) · up(in))
static void feed_forward(const wm_pass *pass, const wm_layer_weights *layer, float *y,
                         const float *in) {
    const wm_model *model = pass->session->model;
    size_t T = pass->T, floats = T * model->arch.ffn_width;
    float *inside = pass->session->buffers.wide, *up = inside;
    if (model->arch.gated) {
        up += floats;
        wm_model_linear(model, inside, in, &layer->gate, T);
    }
    wm_model_linear(model, up, in, &layer->up, T);
    wm_activate(model->kernels, inside, model->arch.activation, floats);
    if (up != inside) model->kernels->mul(inside, up, floats);
    wm_model_linear(model, y, inside, &layer->down, T);
}

// hidden += more; to = its norm (wm_normalize_rows)
static WM_NOINLINE void norm_hidden(const wm_pass *pass, float *to, const float *more,
                                    const wm_norm *norm) {
    WM_AS_POINTER(pass);
    const wm_model *model = pass->session->model;
    wm_normalize_rows(model->kernels, to, pass->session->buffers.hidden, more, norm, pass->T,
                      model->arch.width);
}

static void run_layer(const wm_pass *pass, const wm_layer_weights *layer, uint32_t depth) {
    const wm_arch *arch = &pass->session->model->arch;
    const wm_buffers *buffers = &pass->session->buffers;
    bool pre = arch->norm_place == WM_NORM_PRE, parallel = arch->parallel_residual;
    float *x = buffers->hidden, *branch = buffers->branch, *in = pre ? buffers->normed : x;
    if (pre) norm_hidden(pass, in, NULL, &layer->attention_norm);
    if (pass->side) sum_blocks(pass, layer);
    attend(pass, layer, depth, in);
    if (parallel) norm_hidden(pass, in, NULL, &layer->ffn_norm); // of x before it changes
    norm_hidden(pass, x, branch, pre ? NULL : &layer->attention_norm);
    if (layer->cross_q.data) {
        norm_hidden(pass, in, NULL, &layer->cross_norm);
        attend_across(pass, layer, depth, in);
        norm_hidden(pass, x, branch, NULL);
    }
    if (pre && !parallel) norm_hidden(pass, in, NULL, &layer->ffn_norm);
    feed_forward(pass, layer, branch, in);
    norm_hidden(pass, x, branch, pre ? NULL : &layer->ffn_norm);
}

// Where the caller wants all hidden states: those before layer `i`, or the last.
static void copy_states(const wm_pass *pass, uint32_t i) {
    size_t floats = pass->T * pass->session->model->arch.width;
    uint32_t inner = pass->session->model->arch.inner;
    if (pass->session->states && i % inner == 0)
        memcpy(pass->session->states + i / inner * floats, pass->session->buffers.hidden,
               floats * sizeof(float));
}

void wm_pass_stack(const wm_pass *pass) {
    const wm_model *model = pass->session->model;
    const wm_arch *arch = &model->arch;
    const wm_stack *stack = &model->stacks[pass->stack];
    embed(pass);
    for (uint32_t i = 0; i < stack->depth; i++) {
        // ALBERT: layer i / inner has the weights of its group, which holds `inner` layers one
        // after another.
        uint32_t depth =
            stack->stored == stack->depth
                ? i
                : i / arch->inner * arch->groups / arch->layers * arch->inner + i % arch->inner;
        copy_states(pass, i);
        run_layer(pass, &stack->layers[depth], i);
    }
    if (stack->weights.final_norm.weight)
        norm_hidden(pass, pass->session->buffers.hidden, NULL, &stack->weights.final_norm);
    copy_states(pass, stack->depth);
}

void wm_pass_cross(wm_session *session) {
    const wm_model *model = session->model;
    const float *hidden = session->buffers.hidden;
    for (uint32_t i = 0; i < model->stacks[1].depth; i++) {
        const wm_layer_weights *layer = &model->stacks[1].layers[i];
        wm_cache_rows rows = wm_session_encoded(session, i);
        wm_model_linear(model, rows.keys, hidden, &layer->cross_k, session->encoded);
        wm_model_linear(model, rows.values, hidden, &layer->cross_v, session->encoded);
    }
}
