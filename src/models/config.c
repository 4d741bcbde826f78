// SPDX-License-Identifier: MIT OR Apache-2.0
// config.json → descriptor, by the family's table of keys.
#include "model.h"

extern const wm_family wm_family_bert, wm_family_roberta, wm_family_electra, wm_family_distilbert;

static const wm_family *const families[] = {
    &wm_family_bert, &wm_family_roberta, &wm_family_electra, &wm_family_distilbert,
};

static const struct {
    const char *name;
    wm_activation activation;
} activation_names[] = {
    // transformers/activations.py, ACT2FN
    {"gelu", WM_GELU_ERF},      {"gelu_python", WM_GELU_ERF}, {"gelu_new", WM_GELU_TANH},
    {"gelu_fast", WM_GELU_TANH}, {"gelu_pytorch_tanh", WM_GELU_TANH}, {"relu", WM_RELU},
    {"silu", WM_SILU},          {"swish", WM_SILU},           {"tanh", WM_TANH},
    {"sigmoid", WM_SIGMOID},    {"linear", WM_IDENTITY},
};

// The value as it stands in the file, for messages.
static wm_span json_text(wm_json value) { return (wm_span){value.p, value.n}; }

static wm_status read_size(const wm_key *key, wm_json value, uint32_t *field, wm_error *error) {
    uint64_t number;
    wm_span text = json_text(value);
    if (!wm_json_u64(value, &number) || number == 0) {
        double real;
        if (wm_json_f64(value, &real) && real > key->limit)
            return wm_fail(error, WM_ERROR_LIMIT, 0, "config.json: %z is %s, the limit is %u", key->key,
                           &text, (uint64_t)key->limit);
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: %z must be an integer from 1 on, got %s",
                       key->key, &text);
    }
    if (number > key->limit)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "config.json: %z is %u, the limit is %u", key->key, number,
                       (uint64_t)key->limit);
    *field = (uint32_t)number;
    return WM_OK;
}

static wm_status read_eps(const wm_key *key, wm_json value, float *field, wm_error *error) {
    double number;
    wm_span text = json_text(value);
    if (!wm_json_f64(value, &number) || !(number >= 0 && number < 1))
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: %z must be a number in [0, 1), got %s",
                       key->key, &text);
    *field = (float)number;
    return WM_OK;
}

static wm_status read_id(const wm_key *key, wm_json value, uint32_t vocabulary, int32_t *field,
                         wm_error *error) {
    uint64_t number;
    wm_span text = json_text(value);
    if (wm_json_type_of(value) == WM_JSON_NULL) {
        *field = -1;
        return WM_OK;
    }
    if (!wm_json_u64(value, &number) || number >= vocabulary)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: %z must be an id below %u or null, got %s",
                       key->key, (uint64_t)vocabulary, &text);
    *field = (int32_t)number;
    return WM_OK;
}

static wm_status read_activation(const wm_key *key, wm_json value, wm_activation *field, wm_error *error) {
    for (size_t i = 0; i < WM_COUNT(activation_names); i++) {
        if (wm_json_string_is(value, activation_names[i].name)) {
            *field = activation_names[i].activation;
            return WM_OK;
        }
    }
    wm_span text = json_text(value);
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: %z %s is not supported", key->key, &text);
}

static wm_status check_equal(const wm_key *key, wm_json value, wm_error *error) {
    wm_span text = json_text(value);
    if (wm_json_string_is(value, key->value) || wm_span_is(text, key->value) || wm_span_is(text, "null"))
        return WM_OK;
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: %z %s is not supported, only %z", key->key,
                   &text, key->value);
}

static wm_status read_key(wm_arch *arch, const wm_key *key, wm_json value, wm_error *error) {
    void *field = (char *)arch + key->field;
    switch (key->kind) {
    case WM_KEY_SIZE: return read_size(key, value, field, error);
    case WM_KEY_EPS: return read_eps(key, value, field, error);
    case WM_KEY_ID: return read_id(key, value, arch->vocabulary, field, error);
    case WM_KEY_ACTIVATION: return read_activation(key, value, field, error);
    case WM_KEY_EQUAL: return check_equal(key, value, error);
    }
    return WM_OK;
}

static wm_status find_family(wm_json config, const wm_family **family, wm_error *error) {
    if (wm_json_type_of(config) != WM_JSON_OBJECT)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: expected an object");
    wm_json type = wm_json_get(config, "model_type");
    wm_span text = json_text(type);
    if (!wm_json_present(type))
        return wm_fail(error, WM_ERROR_MISSING, 0, "config.json: model_type is missing");
    for (size_t i = 0; i < WM_COUNT(families); i++) {
        if (wm_json_string_is(type, families[i]->model_type)) {
            *family = families[i];
            return WM_OK;
        }
    }
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: model_type %s is not supported", &text);
}

wm_status wm_arch_from_json(wm_arch *arch, const wm_family **family, wm_json config, wm_error *error) {
    WM_TRY(find_family(config, family, error));
    *arch = (*family)->defaults;
    for (const wm_key *key = (*family)->keys; key->key; key++) {
        wm_json value = wm_json_get(config, key->key);
        if (wm_json_present(value)) WM_TRY(read_key(arch, key, value, error));
    }
    if (!arch->embedding_width) arch->embedding_width = arch->width;
    if (arch->width % arch->heads)
        return wm_fail(error, WM_ERROR_SHAPE, 0, "config.json: the width %u is not divisible by %u heads",
                       (uint64_t)arch->width, (uint64_t)arch->heads);
    arch->head_width = arch->width / arch->heads;
    arch->attention_scale = 1 / __builtin_sqrtf((float)arch->head_width);
    if (arch->position == WM_POSITION_LEARNED_PADDED && arch->pad_id < 0)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: pad_token_id is null, positions count from it");
    if (!wm_arch_max_tokens(arch))
        return wm_fail(error, WM_ERROR_SHAPE, 0, "config.json: %u positions leave none for a text, pad_token_id is %u",
                       (uint64_t)arch->positions, (uint64_t)arch->pad_id);
    return WM_OK;
}

uint32_t wm_arch_max_tokens(const wm_arch *arch) {
    uint32_t offset = arch->position == WM_POSITION_LEARNED_PADDED ? (uint32_t)arch->pad_id + 1 : 0;
    return arch->positions > offset ? arch->positions - offset : 0;
}

static wm_status check_config(wm_span json, wm_json *root, wm_error *error) {
    if (json.n > WM_LIMIT_CONFIG)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "config.json: %u bytes, the limit is %u", (uint64_t)json.n,
                       (uint64_t)WM_LIMIT_CONFIG);
    return wm_json_check(json, "config.json", WM_JSON_PYTHON, root, error);
}

wm_status wm_config_from_json(wm_config **config, wm_span json, const wm_allocator *allocator,
                              wm_error *error) {
    *config = NULL;
    wm_json root;
    WM_TRY(check_config(json, &root, error));
    wm_config read = {.host = allocator ? *allocator : wm_allocator_default};
    WM_TRY(wm_arch_from_json(&read.arch, &read.family, root, error));
    wm_config *made = read.host.allocate(read.host.context, sizeof *made);
    if (!made)
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted", (uint64_t)sizeof *made);
    *made = read;
    *config = made;
    return WM_OK;
}

void wm_config_close(wm_config *config) {
    if (config) config->host.release(config->host.context, config);
}

const char *wm_config_model_type(const wm_config *config) { return config->family->model_type; }

const char *wm_detect_model_type(wm_span json, wm_error *error) {
    wm_json config;
    const wm_family *family;
    if (check_config(json, &config, error) != WM_OK ||
        find_family(config, &family, error) != WM_OK)
        return NULL;
    return family->model_type;
}
