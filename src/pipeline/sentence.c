// SPDX-License-Identifier: MIT OR Apache-2.0
// Source: sentence_transformers, SentenceTransformer.py and
// models/{Transformer,Pooling,Dense,Normalize}.py
#include "sentence.h"

typedef struct sentence_reader {
    wm_sentence *sentence;
    const wm_source *files;
    size_t file_count;
    wm_arena *arena;
    wm_error *error;
    wm_span path;  // of the file in work
    size_t folder; // bytes of its folder's path, which files_under cut
} sentence_reader;

static wm_status refuse_file(const sentence_reader *r, wm_status status, const char *what) {
    return wm_fail(r->error, status, 0, "%s: %z", &r->path, what);
}

// The files under `folder`, their paths cut to what follows it; all of them for the empty folder.
static wm_status files_under(sentence_reader *r, wm_span folder, const wm_source **files,
                             size_t *count) {
    *files = r->files;
    *count = r->file_count;
    if (!folder.n) return WM_OK;
    wm_source *found;
    size_t n = 0;
    WM_TRY(WM_ALLOC(r->arena, found, r->file_count, r->error));
    for (size_t i = 0; i < r->file_count; i++) {
        wm_span path = r->files[i].path;
        if (path.n <= folder.n || path.p[folder.n] != '/' || memcmp(path.p, folder.p, folder.n))
            continue;
        size_t cut = folder.n + 1;
        found[n++] = (wm_source){{path.p + cut, path.n - cut}, r->files[i].bytes};
    }
    *files = found;
    *count = n;
    return WM_OK;
}

static wm_status read_string(const sentence_reader *r, wm_json string, const char *name,
                             wm_span *text) {
    WM_TRY(wm_json_text(string, r->arena, text, r->error));
    if (text->p) return WM_OK;
    return wm_fail(r->error, WM_ERROR_FORMAT, 0, "%s: %z is no string", &r->path, name);
}

static wm_status check_json(sentence_reader *r, const wm_source *file, wm_json *root) {
    r->path = (wm_span){file->path.p - r->folder, file->path.n + r->folder};
    r->folder = 0;
    uint8_t name[96]; // NUL-terminated for the messages
    size_t n = WM_MIN(r->path.n, sizeof name - 1);
    memcpy(name, r->path.p, n);
    name[n] = 0;
    WM_TRY(wm_json_check(file->bytes, (const char *)name, WM_JSON_PYTHON, root, r->error));
    if (wm_json_type_of(*root) != WM_JSON_OBJECT && wm_json_type_of(*root) != WM_JSON_ARRAY)
        return refuse_file(r, WM_ERROR_FORMAT, "expected an object");
    return WM_OK;
}

// ---- Steps --------------------------------------------------------------------------------------

static wm_status add_step(sentence_reader *r, wm_step_kind kind, wm_step **step) {
    wm_sentence *sentence = r->sentence;
    if (sentence->step_count == WM_MAX_STEPS)
        return refuse_file(r, WM_ERROR_LIMIT, "a module too many");
    *step = &sentence->steps[sentence->step_count++];
    **step = (wm_step){.kind = kind};
    return WM_OK;
}

static const struct {
    const char *key, *mode;
} pool_modes[WM_POOL_KINDS] = {
    [WM_POOL_CLS] = {"pooling_mode_cls_token", "cls"},
    [WM_POOL_MAX] = {"pooling_mode_max_tokens", "max"},
    [WM_POOL_MEAN] = {"pooling_mode_mean_tokens", "mean"},
    [WM_POOL_MEAN_SQRT_LEN] = {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens"},
    [WM_POOL_WEIGHTED_MEAN] = {"pooling_mode_weightedmean_tokens", "weightedmean"},
    [WM_POOL_LAST] = {"pooling_mode_lasttoken", "lasttoken"},
};

static wm_status add_pooling(sentence_reader *r, const wm_source *file) {
    wm_json config;
    wm_step *step = NULL;
    WM_TRY(check_json(r, file, &config));
    WM_TRY(add_step(r, WM_STEP_POOL, &step));
    wm_json mode = wm_json_get(config, "pooling_mode"); // one by name goes before the flags
    bool named = !wm_json_null(mode);
    for (uint32_t i = 0; i < WM_POOL_KINDS; i++)
        if (named ? wm_json_string_is(mode, pool_modes[i].mode)
                  : wm_json_flag(config, pool_modes[i].key, i == WM_POOL_MEAN))
            step->pools |= 1u << i;
    if (!step->pools)
        return refuse_file(r, WM_ERROR_FORMAT,
                           "no pooling_mode_… is true, or pooling_mode is unknown");
    step->without_prompt = !wm_json_flag(config, "include_prompt", true);
    uint64_t width;
    if (wm_json_u64_of(config, "word_embedding_dimension", &width))
        step->width = (uint32_t)WM_MIN(width, UINT32_MAX); // checked by wm_sentence_fit
    return WM_OK;
}

// torch.nn modules by the last part of their names
static const struct {
    const char *name;
    wm_activation activation;
} dense_activations[] = {
    {"Identity", WM_IDENTITY}, {"Tanh", WM_TANH}, {"ReLU", WM_RELU},
    {"GELU", WM_GELU_ERF},     {"SiLU", WM_SILU}, {"Sigmoid", WM_SIGMOID},
};

static wm_span last_part(wm_span dotted) {
    size_t start = dotted.n;
    while (start && dotted.p[start - 1] != '.') start--;
    return (wm_span){dotted.p + start, dotted.n - start};
}

bool wm_sentence_activation(wm_span name, wm_activation *activation) {
    for (size_t i = 0; i < WM_COUNT(dense_activations); i++) {
        *activation = dense_activations[i].activation;
        if (wm_span_is(last_part(name), dense_activations[i].name)) return true;
    }
    return false;
}

static wm_status dense_weight(sentence_reader *r, const wm_source *files, size_t count,
                              wm_step *step, bool bias) {
    wm_tensors tensors;
    WM_TRY(wm_tensors_open(&tensors, files, count, r->arena, r->error));
    uint32_t weight = wm_tensors_index(&tensors, WM_TEXT("linear.weight"));
    uint32_t vector = wm_tensors_index(&tensors, WM_TEXT("linear.bias"));
    if (weight == tensors.count || (bias && vector == tensors.count))
        return refuse_file(r, WM_ERROR_MISSING,
                           "its model.safetensors lacks linear.weight or linear.bias");
    WM_TRY(wm_matrix_view(&step->dense, tensors.all[weight], step->width, step->dense.cols,
                          r->arena, r->error));
    return bias ? wm_vector_f32(&step->dense.bias, tensors.all[vector], step->width, r->arena,
                                r->error)
                : WM_OK;
}

static wm_status add_dense(sentence_reader *r, const wm_source *file, const wm_source *files,
                           size_t count) {
    wm_json config;
    wm_step *step = NULL;
    WM_TRY(check_json(r, file, &config));
    WM_TRY(add_step(r, WM_STEP_DENSE, &step));
    uint64_t in, out;
    if (!wm_json_u64_of(config, "in_features", &in) || in == 0 ||
        in > WM_LIMIT_WIDTH * WM_POOL_KINDS || !wm_json_u64_of(config, "out_features", &out) ||
        out == 0 || out > WM_LIMIT_WIDTH)
        return refuse_file(r, WM_ERROR_FORMAT,
                           "in_features or out_features is missing or too large");
    wm_json name = wm_json_get(config, "activation_function");
    wm_span text = WM_TEXT("Tanh"); // sentence_transformers.models.Dense's default
    if (wm_json_present(name)) WM_TRY(read_string(r, name, "activation_function", &text));
    if (!wm_sentence_activation(text, &step->activation))
        return wm_fail(r->error, WM_ERROR_UNSUPPORTED, 0,
                       "%s: activation_function %s is not supported", &r->path, &text);
    step->width = (uint32_t)out;
    step->dense.cols = (uint32_t)in;
    return dense_weight(r, files, count, step, wm_json_flag(config, "bias", true));
}

enum {
    MODULE_TRANSFORMER,
    MODULE_STATIC,
    MODULE_NORMALIZE,
    MODULE_DROPOUT,
    MODULE_POOLING,
    MODULE_DENSE
};

static const char *const module_names[] = {
    [MODULE_TRANSFORMER] = "Transformer", [MODULE_STATIC] = "StaticEmbedding",
    [MODULE_NORMALIZE] = "Normalize",     [MODULE_DROPOUT] = "Dropout",
    [MODULE_POOLING] = "Pooling",         [MODULE_DENSE] = "Dense",
};

static wm_status add_module(sentence_reader *r, wm_json module, bool first) {
    wm_span name, folder;
    const wm_source *files;
    size_t count, kind = 0;
    wm_step *step = NULL;
    WM_TRY(read_string(r, wm_json_get(module, "type"), "a module's type", &name));
    WM_TRY(read_string(r, wm_json_get(module, "path"), "a module's path", &folder));
    if (wm_span_is(folder, ".")) folder.n = 0;
    if (folder.n) WM_TRY(wm_path_check(folder, "modules.json", r->error));
    while (kind < WM_COUNT(module_names) && !wm_span_is(last_part(name), module_names[kind]))
        kind++;
    if (kind == WM_COUNT(module_names) || first != (kind <= MODULE_STATIC))
        return wm_fail(r->error, WM_ERROR_UNSUPPORTED, 0,
                       "modules.json: module %s is not supported here", &name);
    if (kind == MODULE_DROPOUT) return WM_OK; // does nothing at inference
    if (kind == MODULE_NORMALIZE) return add_step(r, WM_STEP_NORMALIZE, &step);
    WM_TRY(files_under(r, folder, &files, &count));
    if (first) {
        r->sentence->files = files;
        r->sentence->file_count = count;
        if (kind == MODULE_TRANSFORMER) return WM_OK;
        r->sentence->strip = false;
        r->sentence->without_config = folder.n;
        WM_TRY(add_step(r, WM_STEP_POOL, &step));
        step->pools = 1u << WM_POOL_MEAN;
        return WM_OK;
    }
    const wm_source *config = wm_source_find(files, count, "config.json");
    if (!config)
        return wm_fail(r->error, WM_ERROR_MISSING, 0, "modules.json: %s/config.json is missing",
                       &folder);
    r->folder = folder.n ? folder.n + 1 : 0;
    return kind == MODULE_POOLING ? add_pooling(r, config) : add_dense(r, config, files, count);
}

static wm_status read_modules(sentence_reader *r) {
    const wm_source *modules = wm_source_find(r->files, r->file_count, "modules.json");
    const wm_source *pooling = wm_source_find(r->files, r->file_count, "1_Pooling/config.json");
    wm_step *step = NULL;
    if (modules) {
        wm_json list;
        bool first = true;
        WM_TRY(check_json(r, modules, &list));
        r->sentence->strip = true;
        for (wm_json_iter i = wm_json_each(list); wm_json_next(&i); first = false) {
            r->path = modules->path;
            WM_TRY(add_module(r, i.value, first));
        }
        if (first) return refuse_file(r, WM_ERROR_FORMAT, "no module");
    } else if (pooling) {
        WM_TRY(add_pooling(r, pooling));
    }
    if (!r->sentence->step_count) {
        WM_TRY(add_step(r, WM_STEP_POOL, &step));
        step->pools = 1u << WM_POOL_MEAN;
    }
    for (uint32_t i = 0; i < r->sentence->step_count; i++)
        if ((r->sentence->steps[i].kind == WM_STEP_POOL) != (i == 0))
            return refuse_file(r, WM_ERROR_UNSUPPORTED,
                               "one Pooling right after the Transformer is supported");
    return WM_OK;
}

// ---- Text settings ------------------------------------------------------------------------------

// sentence_bert_config.json, and the older names of it: sentence_roberta_config.json, …
static wm_status read_settings(sentence_reader *r) {
    wm_sentence *sentence = r->sentence;
    for (size_t i = 0; i < sentence->file_count; i++) {
        wm_span path = sentence->files[i].path;
        if (!wm_span_starts(path, "sentence_") || !wm_span_ends(path, "_config.json")) continue;
        wm_json config;
        WM_TRY(check_json(r, &sentence->files[i], &config));
        wm_json length = wm_json_get(config, "max_seq_length");
        uint64_t number = 0;
        if (!wm_json_null(length) && (!wm_json_u64(length, &number) || number == 0))
            return refuse_file(r, WM_ERROR_FORMAT, "max_seq_length must be an integer from 1 on");
        sentence->max_length = (uint32_t)WM_MIN(number, WM_LIMIT_TOKENS);
        sentence->lower = wm_json_flag(config, "do_lower_case", false);
        return WM_OK;
    }
    return WM_OK;
}

static wm_status read_prompts(sentence_reader *r) {
    const wm_source *file =
        wm_source_find(r->files, r->file_count, "config_sentence_transformers.json");
    wm_sentence *sentence = r->sentence;
    wm_json config;
    if (!file) return WM_OK;
    WM_TRY(check_json(r, file, &config));
    wm_json prompts = wm_json_get(config, "prompts"),
            name = wm_json_get(config, "default_prompt_name");
    uint32_t count = wm_json_count(prompts);
    wm_prompt *list;
    WM_TRY(WM_ALLOC(r->arena, list, count, r->error));
    for (wm_json_iter i = wm_json_each(prompts); wm_json_next(&i);) {
        wm_prompt *prompt = &list[sentence->prompt_count++];
        WM_TRY(read_string(r, i.key, "a name of the prompts", &prompt->name));
        WM_TRY(read_string(r, i.value, "one of the prompts", &prompt->text));
    }
    sentence->prompts = list;
    if (wm_json_null(name)) return WM_OK;
    wm_span text;
    WM_TRY(read_string(r, name, "default_prompt_name", &text));
    for (uint32_t i = 0; i < count; i++)
        if (wm_span_equal(list[i].name, text)) sentence->default_prompt = &list[i];
    if (!sentence->default_prompt)
        return wm_fail(r->error, WM_ERROR_FORMAT, 0, "%s: default_prompt_name %s is no prompt",
                       &file->path, &text);
    return WM_OK;
}

wm_status wm_sentence_open(wm_sentence *sentence, const wm_source *files, size_t file_count,
                           wm_arena *arena, wm_error *error) {
    *sentence = (wm_sentence){.files = files, .file_count = file_count};
    sentence_reader reader = {sentence, files, file_count, arena, error, {NULL, 0}, 0};
    WM_TRY(read_modules(&reader));
    WM_TRY(read_settings(&reader));
    return read_prompts(&reader);
}

wm_status wm_sentence_fit(wm_sentence *sentence, uint32_t width, wm_error *error) {
    for (uint32_t i = 0; i < sentence->step_count; i++) {
        wm_step *step = &sentence->steps[i];
        uint32_t want = step->kind == WM_STEP_DENSE ? step->dense.cols
                        : step->width               ? step->width
                                                    : width;
        if (want != width)
            return wm_fail(error, WM_ERROR_SHAPE, 0,
                           "module %u takes %u numbers, the one before it gives %u",
                           (uint64_t)i + 1, (uint64_t)want, (uint64_t)width);
        if (step->kind == WM_STEP_POOL) {
            uint32_t pools = 0;
            for (uint32_t bits = step->pools; bits; bits &= bits - 1) pools++;
            width *= pools;
        } else if (step->kind == WM_STEP_DENSE) {
            width = step->width;
        }
        step->width = width;
    }
    return WM_OK;
}

wm_status wm_sentence_prompt(const wm_sentence *sentence, wm_span name, wm_span *text,
                             wm_error *error) {
    *text = (wm_span){NULL, 0};
    if (!name.p) {
        if (sentence->default_prompt) *text = sentence->default_prompt->text;
        return WM_OK;
    }
    for (uint32_t i = 0; i < sentence->prompt_count; i++) {
        if (wm_span_equal(sentence->prompts[i].name, name)) {
            *text = sentence->prompts[i].text;
            return WM_OK;
        }
    }
    return wm_fail(error, WM_ERROR_ARG, 0, "the model's files name no prompt %s", &name);
}
