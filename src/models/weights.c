// SPDX-License-Identifier: MIT OR Apache-2.0
// Tensors' names → slots, by the family's table. Every shape is checked against the descriptor
// before anything is allocated for it. Matrices stay where the file has them; norms and biases
// become f32.
#include "../quant/quant.h"
#include "model.h"

typedef struct binder {
    wm_model *model;
    wm_tensors tensors;
    const char *prefix;       // of every name in this file
    const char *layer_prefix; // … of the layer in work, else ""
    const char *attention;    // what @ stands for in the stack in work
    uint8_t *used;            // [tensors.count]
    uint32_t dtypes;          // a bit for each wm_weight_type seen
    bool int8;                // wm_pipeline_options.compute
    wm_error *error;
    uint8_t name[WM_LIMIT_NAME];
} binder;

static size_t put_number(uint8_t *to, uint32_t number) {
    size_t n = 0;
    uint32_t power = 1;
    while (number / power >= 10) power *= 10;
    for (; power; power /= 10) to[n++] = (uint8_t)('0' + number / power % 10);
    return n;
}

// prefixes + name + suffix, the first % as the group of layer `layer`, the second as its place
// there. The tables' names are short, so it always fits.
static wm_span tensor_name(binder *b, const char *pattern, uint32_t layer, const char *suffix) {
    const char *parts[] = {b->prefix, b->layer_prefix, pattern, suffix};
    uint32_t inner = b->model->arch.inner, numbers[] = {layer / inner, layer % inner}, next = 0;
    size_t n = 0;
    for (size_t i = 0; i < WM_COUNT(parts); i++) {
        for (const char *c = parts[i]; *c; c++) {
            if (*c == '%')
                n += put_number(b->name + n, numbers[next++ & 1]);
            else if (*c == '@')
                for (const char *a = b->attention; *a;) b->name[n++] = (uint8_t)*a++;
            else
                b->name[n++] = (uint8_t)*c;
        }
    }
    return (wm_span){b->name, n};
}

static const wm_tensor *find_tensor(binder *b, const char *pattern, uint32_t layer,
                                    const char *suffix) {
    uint32_t index = wm_tensors_index(&b->tensors, tensor_name(b, pattern, layer, suffix));
    return index < b->tensors.count ? b->tensors.all[index] : NULL;
}

static uint32_t letter_size(const wm_arch *arch, char letter) {
    switch (letter) {
    case 'V': return arch->vocabulary;
    case 'P': return arch->positions;
    case 'Y': return arch->token_types;
    case 'E': return arch->embedding_width;
    case 'D': return arch->width;
    case 'L': return arch->labels;
    case 'F': return arch->ffn_width;
    case 'd': return arch->head_width;
    case 'H': return arch->heads;
    case 'R': return arch->relative_buckets;
    case 'K': return arch->kv_heads * arch->head_width;
    case 'W': return (arch->heads + 2 * arch->kv_heads) * arch->head_width;
    default: return arch->heads * arch->head_width; // A
    }
}

// cols 0: a vector
static wm_status check_shape(const wm_tensor *tensor, uint64_t rows, uint64_t cols,
                             wm_error *error) {
    uint64_t got[2] = {tensor->rank > 0 ? tensor->shape[0] : 1,
                       tensor->rank > 1 ? tensor->shape[1] : 1};
    if (tensor->rank != (cols ? 2u : 1u) || got[0] != rows || got[1] != WM_MAX(cols, 1))
        return wm_fail(error, WM_ERROR_SHAPE, 0,
                       "tensor %s: config.json asks for %u × %u, the file has %u × %u (rank %u)",
                       &tensor->name, rows, WM_MAX(cols, (uint64_t)1), got[0], got[1],
                       (uint64_t)tensor->rank);
    return WM_OK;
}

static wm_status wrong_dtype(const wm_tensor *tensor, wm_error *error) {
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0,
                   "tensor %s: dtype %z is not supported for a weight", &tensor->name,
                   wm_dtype_name(tensor->dtype));
}

static wm_status check_tensor(const wm_tensor *tensor, uint64_t rows, uint64_t cols,
                              wm_error *error) {
    WM_TRY(check_shape(tensor, rows, cols, error));
    bool floats = tensor->dtype == WM_DTYPE_F32 || tensor->dtype == WM_DTYPE_F16 ||
                  tensor->dtype == WM_DTYPE_BF16 || tensor->dtype == WM_DTYPE_F64;
    return floats ? WM_OK : wrong_dtype(tensor, error);
}

static wm_status copy_f32(float **copy, const wm_tensor *tensor, uint64_t count, wm_arena *arena,
                          wm_error *error) {
    WM_TRY(WM_ALLOC(arena, *copy, count, error));
    for (uint64_t i = 0; i < count; i++) (*copy)[i] = wm_tensor_number(tensor, i);
    return WM_OK;
}

wm_status wm_vector_f32(const float **vector, const wm_tensor *tensor, uint32_t n, wm_arena *arena,
                        wm_error *error) {
    float *copy;
    WM_TRY(check_tensor(tensor, n, 0, error));
    WM_TRY(copy_f32(&copy, tensor, n, arena, error));
    *vector = copy;
    return WM_OK;
}

wm_status wm_matrix_view(wm_matrix *matrix, const wm_tensor *tensor, uint32_t rows, uint32_t cols,
                         wm_arena *arena, wm_error *error) {
    WM_TRY(check_tensor(tensor, rows, cols, error));
    *matrix = (wm_matrix){.data = tensor->bytes.p, .rows = rows, .cols = cols, .stride = cols};
    matrix->type = tensor->dtype == WM_DTYPE_F16    ? WM_F16
                   : tensor->dtype == WM_DTYPE_BF16 ? WM_BF16
                                                    : WM_F32;
    if (tensor->dtype == WM_DTYPE_F64) {
        float *copy;
        WM_TRY(copy_f32(&copy, tensor, (uint64_t)rows * cols, arena, error));
        matrix->data = (const uint8_t *)copy;
    }
    return WM_OK;
}

// Says that the model uses this tensor.
static void count_tensor(binder *b, const wm_tensor *tensor) {
    b->used[wm_tensors_index(&b->tensors, tensor->name)] = 1;
    b->model->weight_bytes += tensor->bytes.n;
    b->model->parameters += tensor->bytes.n / (wm_dtype_bits(tensor->dtype) / 8);
}

static wm_status missing(binder *b, const wm_slot *slot, uint32_t layer, const char *suffix) {
    wm_span name = tensor_name(b, slot->name, layer, suffix);
    return wm_fail(b->error, WM_ERROR_MISSING, 0, "tensor %s is not in the file", &name);
}

// *to = the weight of a norm, or a bias; it stays NULL where there is none and need not be.
static wm_status bind_vector(binder *b, const wm_slot *slot, uint32_t layer, bool bias,
                             const float **to) {
    const char *suffix = bias ? ".bias" : ".weight";
    const wm_tensor *tensor = find_tensor(b, slot->name, layer, suffix);
    if (!tensor && slot->kind == WM_SLOT_NORM)
        tensor = find_tensor(b, slot->name, layer, bias ? ".beta" : ".gamma");
    if (!tensor) return slot->kind == WM_SLOT_LINEAR_FREE ? WM_OK : missing(b, slot, layer, suffix);
    uint32_t n = letter_size(&b->model->arch, slot->rows);
    WM_TRY(wm_vector_f32(to, tensor, n, &b->model->arena, b->error));
    count_tensor(b, tensor);
    return WM_OK;
}

static wm_status bind_norm(binder *b, const wm_slot *slot, uint32_t layer, wm_norm *norm) {
    norm->eps = b->model->arch.norm_eps;
    WM_TRY(bind_vector(b, slot, layer, false, &norm->weight));
    if (b->model->arch.norm == WM_NORM_RMS) return WM_OK;
    return bind_vector(b, slot, layer, true, &norm->bias);
}

// X.scale or X.zero of a quantised tensor.
static wm_status bind_part(binder *b, const wm_slot *slot, uint32_t layer, const char *suffix,
                           uint64_t rows, uint64_t cols, const wm_tensor **part) {
    *part = find_tensor(b, slot->name, layer, suffix);
    if (!*part) return missing(b, slot, layer, suffix);
    WM_TRY(check_shape(*part, rows, cols, b->error));
    count_tensor(b, *part);
    b->model->parameters -= (*part)->bytes.n / (wm_dtype_bits((*part)->dtype) / 8);
    return WM_OK;
}

// A tensor of I8 or U8, [outputs, inputs] whatever the slot's layout: see wm_quant.
static wm_status bind_quantised(binder *b, const wm_slot *slot, uint32_t layer,
                                const wm_tensor *tensor, wm_matrix *matrix) {
    uint32_t blocks = (matrix->cols + WM_Q4_BLOCK - 1) / WM_Q4_BLOCK;
    const wm_tensor *scale = find_tensor(b, slot->name, layer, ".weight.scale"), *zero;
    bool q4 = scale && scale->dtype == WM_DTYPE_F16 && tensor->dtype == WM_DTYPE_U8;
    WM_TRY(check_shape(tensor, matrix->rows, q4 ? blocks * WM_Q4_BYTES : matrix->cols, b->error));
    WM_TRY(bind_part(b, slot, layer, ".weight.scale", matrix->rows, q4 ? blocks : 0, &scale));
    matrix->data = tensor->bytes.p;
    matrix->scale = scale->bytes.p;
    matrix->type = q4 ? WM_Q4 : tensor->dtype == WM_DTYPE_U8 ? WM_U8 : WM_I8;
    matrix->int8 = b->int8 && matrix->type != WM_U8;
    matrix->halves = b->model->kernels->linear_halves && b->model->arch.kind != WM_ENCODER &&
                     matrix->type != WM_U8;
    if (q4) {
        b->model->parameters += (uint64_t)matrix->rows * matrix->cols - tensor->bytes.n;
        return WM_OK;
    }
    float *scales;
    if (scale->dtype != WM_DTYPE_F32) return wrong_dtype(scale, b->error);
    WM_TRY(copy_f32(&scales, scale, matrix->rows, &b->model->arena, b->error)); // aligned
    matrix->scale = (const uint8_t *)scales;
    if (matrix->type == WM_I8) return WM_OK;
    WM_TRY(bind_part(b, slot, layer, ".weight.zero", matrix->rows, 0, &zero));
    matrix->zero = zero->bytes.p;
    return zero->dtype == WM_DTYPE_U8 ? WM_OK : wrong_dtype(zero, b->error);
}

// The sizes of a table that config.json says nothing of.
static wm_status adopt_sizes(wm_arch *arch, const wm_tensor *tensor, wm_error *error) {
    if (tensor->rank != 2 || tensor->shape[0] - 1 >= WM_LIMIT_VOCABULARY ||
        tensor->shape[1] - 1 >= WM_LIMIT_WIDTH)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "tensor %s: no table of tokens", &tensor->name);
    arch->vocabulary = (uint32_t)tensor->shape[0];
    arch->embedding_width = arch->width = (uint32_t)tensor->shape[1];
    return WM_OK;
}

static wm_status bind_matrix(binder *b, const wm_slot *slot, uint32_t layer, wm_matrix *matrix) {
    const char *suffix = slot->kind == WM_SLOT_WHOLE ? "" : ".weight";
    const wm_tensor *tensor = find_tensor(b, slot->name, layer, suffix);
    if (!tensor) return missing(b, slot, layer, suffix);
    if (!b->model->arch.vocabulary) WM_TRY(adopt_sizes(&b->model->arch, tensor, b->error));
    uint32_t rows = letter_size(&b->model->arch, slot->rows);
    uint32_t cols = letter_size(&b->model->arch, slot->cols);
    if (tensor->dtype == WM_DTYPE_I8 || tensor->dtype == WM_DTYPE_U8) {
        *matrix = (wm_matrix){.rows = rows, .cols = cols};
        WM_TRY(bind_quantised(b, slot, layer, tensor, matrix));
    } else if (slot->kind == WM_SLOT_CONV1D) {
        WM_TRY(wm_matrix_view(matrix, tensor, cols, rows, &b->model->arena, b->error));
        matrix->transposed = true;
        matrix->rows = rows;
        matrix->cols = cols;
    } else {
        WM_TRY(wm_matrix_view(matrix, tensor, rows, cols, &b->model->arena, b->error));
    }
    count_tensor(b, tensor);
    b->dtypes |= 1u << matrix->type;
    return slot->kind <= WM_SLOT_WHOLE ? WM_OK : bind_vector(b, slot, layer, true, &matrix->bias);
}

static bool slot_is_there(const wm_arch *arch, uint32_t when) {
    switch (when) {
    case WM_IF_WIDTHS_DIFFER: return arch->embedding_width != arch->width;
    case WM_IF_UNTIED: return !arch->tied_head;
    case WM_IF_GATED: return arch->gated;
    case WM_IF_NOT_GATED: return !arch->gated;
    case WM_IF_HEAD_NORMS: return arch->head_norms;
    case WM_IF_SIDE: return arch->side;
    default: return true;
    }
}

// Where a slot's tensor goes, in the weights of a model or of a layer.
static void *field_of(void *weights, const wm_slot *slot) {
    return (char *)weights + slot->field * sizeof(void *);
}

static wm_status bind_slots(binder *b, const wm_slot *slots, uint32_t layer, void *weights) {
    for (const wm_slot *slot = slots; slot && slot->name; slot++) {
        void *field = field_of(weights, slot);
        if (!slot_is_there(&b->model->arch, slot->when)) continue;
        if (slot->kind == WM_SLOT_REFUSED) {
            const wm_tensor *tensor = find_tensor(b, slot->name, layer, "");
            if (tensor)
                return wm_fail(b->error, WM_ERROR_UNSUPPORTED, 0, "tensor %s is not supported",
                               &tensor->name);
        } else if (slot->kind == WM_SLOT_NORM) {
            WM_TRY(bind_norm(b, slot, layer, field));
        } else if (slot->when == WM_IF_UNTIED || slot->when == WM_IF_THERE) {
            // the head stands outside the base model, if it is there at all
            const char *prefix = b->prefix;
            b->prefix = "";
            if (find_tensor(b, slot->name, 0, ".weight")) WM_TRY(bind_matrix(b, slot, 0, field));
            b->prefix = prefix;
        } else {
            WM_TRY(bind_matrix(b, slot, layer, field));
        }
    }
    return WM_OK;
}

static wm_status bind_stack(binder *b, uint32_t index) {
    wm_stack *stack = &b->model->stacks[index];
    const wm_arch *arch = &b->model->arch;
    const wm_stack_table *table = &b->model->family->stacks[index];
    b->attention = index || !arch->local_encoder ? "" : arch->side ? "TransientGlobal" : "Local";
    stack->stored = index ? arch->decoder_layers : arch->groups * arch->inner;
    stack->depth = index ? arch->decoder_layers : arch->layers * arch->inner;
    WM_TRY(bind_slots(b, table->stack_slots, 0, &stack->weights));
    b->layer_prefix = table->layer_prefix;
    // A depth that the file does not bear out is found here, before it is allocated.
    if (stack->stored > b->tensors.count ||
        !find_tensor(b, table->layer_slots->name, stack->stored - 1, ".weight"))
        return missing(b, table->layer_slots, stack->stored - 1, ".weight");
    WM_TRY(WM_ALLOC(&b->model->arena, stack->layers, stack->stored, b->error));
    memset(stack->layers, 0, stack->stored * sizeof *stack->layers);
    for (uint32_t i = 0; i < stack->stored; i++)
        WM_TRY(bind_slots(b, table->layer_slots, i, &stack->layers[i]));
    b->layer_prefix = "";
    return WM_OK;
}

// ---- Head ---------------------------------------------------------------------------------------

// Whether `name` has a weight: outside the base model, or in it. Leaves the prefix that it has.
static bool head_has(binder *b, const char *name) {
    b->prefix = "";
    if (find_tensor(b, name, 0, ".weight")) return true;
    b->prefix = b->model->family->prefix;
    return find_tensor(b, name, 0, ".weight") != NULL;
}

static wm_status bind_head_of(binder *b, const wm_head_table *table) {
    wm_model *model = b->model;
    wm_head *head = &model->head;
    bool fill = table->task == WM_TASK_FILL_MASK;
    wm_slot slot = {table->dense, 0, fill ? 'E' : 'D', 'D', WM_SLOT_LINEAR, WM_ALWAYS};
    if (table->dense && head_has(b, table->dense)) WM_TRY(bind_matrix(b, &slot, 0, &head->dense));
    b->prefix = "";
    slot = (wm_slot){table->norm, 0, 'E', 0, WM_SLOT_NORM, WM_ALWAYS};
    if (table->norm) WM_TRY(bind_norm(b, &slot, 0, &head->norm));
    slot = (wm_slot){table->out,          0,        fill ? 'V' : 'L', fill ? 'E' : 'D',
                     WM_SLOT_LINEAR_FREE, WM_ALWAYS};
    if (!fill || !model->arch.tied_head) {
        WM_TRY(bind_matrix(b, &slot, 0, &head->out));
    } else {
        head->out = model->weights.token;
        WM_TRY(bind_vector(b, &slot, 0, true, &head->out.bias));
    }
    slot.name = table->bias;
    if (slot.name && !head->out.bias) WM_TRY(bind_vector(b, &slot, 0, true, &head->out.bias));
    head->activation = table->activation ? table->activation : model->arch.activation;
    head->task = (wm_task)table->task;
    return WM_OK;
}

// The first head that `architectures` allows and whose tensors are there.
static wm_status bind_head(binder *b) {
    static const wm_head_table plain[] = {
        {WM_TASK_ANSWER, WM_IDENTITY, NULL, NULL, "qa_outputs", NULL},
        {WM_TASK_TAG, WM_IDENTITY, NULL, NULL, "classifier", NULL},
    };
    const wm_arch *arch = &b->model->arch;
    const wm_head_table *own = b->model->family->head_tables;
    for (size_t i = 0; own && i < WM_FAMILY_HEADS + WM_COUNT(plain); i++) {
        const wm_head_table *table = i < WM_FAMILY_HEADS ? &own[i] : &plain[i - WM_FAMILY_HEADS];
        bool tied = table->task == WM_TASK_FILL_MASK && arch->tied_head;
        if (arch->tasks >> table->task & 1 && (!table->dense || head_has(b, table->dense)) &&
            (tied || head_has(b, table->out)))
            return bind_head_of(b, table);
    }
    return WM_OK;
}

// The names of tensors that no slot asked for, so that a user can see what was left out.
static wm_status list_ignored(binder *b) {
    wm_model *model = b->model;
    for (uint32_t i = 0; i < b->tensors.count; i++) model->ignored_count += !b->used[i];
    WM_TRY(WM_ALLOC(&model->arena, model->ignored, model->ignored_count, b->error));
    for (uint32_t i = 0, n = 0; i < b->tensors.count; i++)
        if (!b->used[i]) model->ignored[n++] = b->tensors.all[i]->name;
    return WM_OK;
}

static wm_status bind_model(binder *b, const wm_source *files, size_t file_count) {
    wm_model *model = b->model;
    const wm_arch *arch = &model->arch;
    WM_TRY(wm_tensors_open(&b->tensors, files, file_count, &model->arena, b->error));
    WM_TRY(WM_ALLOC(&model->arena, b->used, b->tensors.count, b->error));
    memset(b->used, 0, b->tensors.count);
    b->prefix = model->family->prefix;
    b->layer_prefix = "";
    if (!find_tensor(b, model->family->model_slots->name, 0, ".weight")) b->prefix = "";
    WM_TRY(bind_slots(b, model->family->model_slots, 0, &model->weights));
    if (arch->tied_head && !model->weights.head.data) model->weights.head = model->weights.token;
    if (model->family->stacks) WM_TRY(bind_stack(b, 0));
    if (arch->kind == WM_ENCODER_DECODER) WM_TRY(bind_stack(b, 1));
    WM_TRY(bind_head(b));
    if (arch->position == WM_POSITION_ROTARY) {
        WM_TRY(WM_ALLOC(&model->arena, model->frequencies, arch->rotary_width / 2, b->error));
        wm_rotary_frequencies(model->frequencies, arch->rotary_width, arch->rotary_theta,
                              &arch->rotary_scaling);
    }
    // Of a quantised model some tables stay f32.
    static const char *const names[] = {"F32", "F16", "BF16", "I8", "U8", "Q4"};
    uint32_t quantised = b->dtypes >> WM_I8 << WM_I8, types = quantised ? quantised : b->dtypes;
    model->dtype = types & (types - 1) ? "mixed" : names[__builtin_ctz(types)];
    return list_ignored(b);
}

// Gives a model with threads its own table, with the pool.
static wm_status share_work(wm_model *model, const wm_pipeline_options *options, wm_error *error) {
#ifdef WM_THREADS
    wm_kernels *own;
    if (!options || options->threads < 2) return WM_OK;
    WM_TRY(WM_ALLOC(&model->arena, own, 1, error));
    *own = *model->kernels;
    WM_TRY(wm_threads_open(&own->threads, options->threads, &model->arena.host, error));
    model->kernels = own;
#else
    (void)model, (void)options, (void)error;
#endif
    return WM_OK;
}

wm_status wm_model_open(wm_model **model, const wm_config *config, const wm_source *files,
                        size_t file_count, const wm_pipeline_options *options, wm_error *error) {
    *model = NULL;
    wm_arena arena;
    wm_arena_init(&arena, options ? options->allocator : NULL);
    const char *isa = options ? options->isa : NULL;
    const wm_kernels *kernels = wm_kernels_select(isa);
    if (!kernels)
        return wm_fail(error, WM_ERROR_ARG, 0, "isa: this machine or this build has no %z", isa);
    wm_model *made;
    WM_TRY(WM_ALLOC(&arena, made, 1, error));
    *made = (wm_model){.kernels = kernels, .arena = arena};
    made->model_type = config->model_type;
    made->family = config->family;
    made->arch = config->arch;
    binder b = {.model = made, .error = error};
    b.int8 = options && options->compute == WM_COMPUTE_INT8;
    wm_status status = bind_model(&b, files, file_count);
    if (status == WM_OK && b.int8 && !(b.dtypes & (1u << WM_I8 | 1u << WM_Q4)))
        status = wm_fail(error, WM_ERROR_ARG, 0, "compute: int8 needs weights of I8 or Q4, not %z",
                         made->dtype);
    if (status == WM_OK) status = share_work(made, options, error);
    if (status == WM_OK)
        *model = made;
    else
        wm_model_close(made);
    return status;
}

// Rows of `from`, `pitch` bytes apart, become columns of `to`: sixteen of each at a time.
static void turn(uint8_t *to, const uint8_t *from, size_t pitch, const wm_matrix *w, size_t size) {
    enum { BLOCK = 16 };
    for (size_t n = 0; n < w->rows; n += BLOCK) {
        for (size_t k = 0; k < w->cols; k += BLOCK) {
            for (size_t i = n; i < n + BLOCK && i < w->rows; i++) {
                const uint8_t *p = from + k * pitch + i * size;
                uint8_t *q = to + (i * w->cols + k) * size;
                for (size_t j = k; j < k + BLOCK && j < w->cols; j++, p += pitch, q += size)
                    size == 4 ? memcpy(q, p, 4) : memcpy(q, p, 2);
            }
        }
    }
}

static void straighten(const wm_allocator *host, wm_matrix *w) {
    size_t size = w->type == WM_F32 ? 4 : 2, row = w->rows * size;
    size_t pitch = row + 64; // rows of 4 KB apart would drive each other out of the cache
    uint8_t *copy = w->transposed ? host->allocate(host->context, pitch * w->cols) : NULL;
    if (!copy) return;
    for (size_t k = 0; k < w->cols; k++) memcpy(copy + k * pitch, w->data + k * row, row);
    turn((uint8_t *)(uintptr_t)w->data, copy, pitch, w, size);
    host->release(host->context, copy);
    w->transposed = false;
    w->stride = w->cols;
}

static void rebase(const wm_kernels *kernels, wm_matrix *w) {
    if (w->type == WM_F16 && !w->transposed && w->cols % 8 == 0 && kernels->rebase &&
        kernels->rebase((uint8_t *)(uintptr_t)w->data, (size_t)w->rows * w->cols))
        w->type = WM_REBASED;
}

static void weave(const wm_kernels *kernels, wm_matrix *w) {
    if (w->type == WM_Q4 && (w->int8 || w->halves) && kernels->weave &&
        kernels->weave((uint8_t *)(uintptr_t)w->data, (uint8_t *)(uintptr_t)w->scale, w->rows,
                       w->cols))
        w->type = WM_WOVEN;
}

void wm_model_settle(wm_model *model) {
    wm_matrix *head = &model->weights.head, *token = &model->weights.token;
    for (size_t s = 0; s < WM_COUNT(model->stacks); s++) {
        for (uint32_t i = 0; i < model->stacks[s].stored; i++) {
            const wm_slot *slot = model->family->stacks[s].layer_slots;
            for (; slot->name; slot++) {
                wm_matrix *w = field_of(&model->stacks[s].layers[i], slot);
                if (slot->kind > WM_SLOT_CONV1D) continue;
                weave(model->kernels, w);
                if (model->arch.kind == WM_ENCODER) continue;
                straighten(&model->arena.host, w);
                rebase(model->kernels, w);
            }
        }
    }
    if (head->data != token->data) weave(model->kernels, head);
    if (model->arch.kind == WM_ENCODER) return;
    rebase(model->kernels, head);
    if (head->data == token->data) token->type = head->type;
}

void wm_model_close(wm_model *model) {
    if (!model) return;
    wm_arena arena = model->arena; // the model lies in it
    wm_threads_close(model->kernels->threads);
    wm_arena_free(&arena);
}

uint32_t wm_model_width(const wm_model *model) { return model->arch.width; }

uint32_t wm_model_vocabulary(const wm_model *model) { return model->arch.vocabulary; }

uint32_t wm_model_max_tokens(const wm_model *model) { return wm_arch_max_tokens(&model->arch); }
