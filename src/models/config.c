// SPDX-License-Identifier: MIT OR Apache-2.0
// config.json → descriptor, by the family's table of keys.
#include "model.h"

extern const wm_family wm_family_bert, wm_family_roberta, wm_family_electra, wm_family_distilbert,
    wm_family_mpnet, wm_family_albert, wm_family_gpt2, wm_family_gpt_neo, wm_family_gpt_neox,
    wm_family_llama, wm_family_qwen2, wm_family_qwen3, wm_family_t5, wm_family_mt5,
    wm_family_longt5, wm_family_model2vec, wm_family_static;

static const struct {
    const char *model_type;
    const wm_family *family;
} families[] = {
    {"bert", &wm_family_bert},
    {"roberta", &wm_family_roberta},
    {"xlm-roberta", &wm_family_roberta},
    {"camembert", &wm_family_roberta},
    {"electra", &wm_family_electra},
    {"distilbert", &wm_family_distilbert},
    {"mpnet", &wm_family_mpnet},
    {"albert", &wm_family_albert},
    {"gpt2", &wm_family_gpt2},
    {"gpt_neo", &wm_family_gpt_neo},
    {"gpt_neox", &wm_family_gpt_neox},
    {"llama", &wm_family_llama},
    {"qwen2", &wm_family_qwen2},
    {"qwen3", &wm_family_qwen3},
    {"t5", &wm_family_t5},
    {"mt5", &wm_family_mt5},
    {"longt5", &wm_family_longt5},
    {"model2vec", &wm_family_model2vec},
    {"static", &wm_family_static},
};

static const struct {
    const char *name;
    wm_activation activation;
} activation_names[] = {
    // transformers/activations.py, ACT2FN
    {"gelu", WM_GELU_ERF},
    {"gelu_python", WM_GELU_ERF},
    {"gelu_new", WM_GELU_TANH},
    {"gelu_fast", WM_GELU_TANH},
    {"gelu_pytorch_tanh", WM_GELU_TANH},
    {"relu", WM_RELU},
    {"silu", WM_SILU},
    {"swish", WM_SILU},
    {"tanh", WM_TANH},
    {"sigmoid", WM_SIGMOID},
    {"linear", WM_IDENTITY},
};

#define KEY_NAME(name, field, kind) #name "\0"
#define KEY_FIELD(name, field, kind) {offsetof(wm_arch, field), WM_KEY_##kind},
#define CHOICE_FIELD(field, kind) {offsetof(wm_arch, field), WM_KEY_##kind},

// Of the enum of arch.h that a family's list counts by: the keys' names, one after another, and
// the field and kind of each key and choice.
static const char key_names[] = WM_KEYS(KEY_NAME);
static const struct key_field {
    uint8_t field, kind;
} key_fields[] = {{0, 0}, WM_KEYS(KEY_FIELD) WM_CHOICES(CHOICE_FIELD)};
_Static_assert(sizeof(wm_arch) <= UINT8_MAX, "a field's offset does not fit a byte");

// NULL: a choice, which has none.
static const char *key_name(uint32_t key) {
    const char *name = key_names;
    while (--key && name < key_names + sizeof key_names - 1) name += strlen(name) + 1;
    return name < key_names + sizeof key_names - 1 ? name : NULL;
}

// A key and its value, as they stand in the file.
typedef struct setting {
    const char *key;
    wm_json value;
    wm_span text;
    wm_error *error;
} setting;

static wm_status refuse_value(const setting *it) {
    return wm_fail(it->error, WM_ERROR_UNSUPPORTED, 0, "config.json: %z %s is not supported",
                   it->key, &it->text);
}

static wm_status bad_value(const setting *it, const char *expected) {
    return wm_fail(it->error, WM_ERROR_FORMAT, 0, "config.json: %z must be %z, got %s", it->key,
                   expected, &it->text);
}

static wm_status misfit(const char *what, uint32_t size, const char *other, uint32_t its,
                        wm_error *error) {
    return wm_fail(error, WM_ERROR_SHAPE, 0, "config.json: %z %u does not go with %z %u", what,
                   (uint64_t)size, other, (uint64_t)its);
}

static wm_status read_size(const setting *it, uint32_t kind, uint32_t *field) {
    static const uint32_t limits[] = {
        [WM_KEY_VOCABULARY] = WM_LIMIT_VOCABULARY, [WM_KEY_POSITIONS] = WM_LIMIT_POSITIONS,
        [WM_KEY_LAYERS] = WM_LIMIT_LAYERS,         [WM_KEY_HEADS] = WM_LIMIT_HEADS,
        [WM_KEY_WIDTH] = WM_LIMIT_WIDTH,           [WM_KEY_FFN_WIDTH] = WM_LIMIT_WIDTH * 16,
    };
    uint64_t number;
    double real;
    if (wm_json_type_of(it->value) == WM_JSON_NULL && !*field)
        return WM_OK; // a size that follows from others
    if (wm_json_f64(it->value, &real) && real > limits[kind])
        return wm_fail(it->error, WM_ERROR_LIMIT, 0, "config.json: %z is %s, the limit is %u",
                       it->key, &it->text, (uint64_t)limits[kind]);
    if (!wm_json_u64(it->value, &number) || number == 0)
        return bad_value(it, "an integer from 1 on");
    *field = (uint32_t)number;
    return WM_OK;
}

static wm_status read_real(const setting *it, bool eps, float *field) {
    double number;
    if (!wm_json_f64(it->value, &number) || !(number >= 0 && number < (eps ? 1 : 1e12)) ||
        !(eps || number > 0))
        return bad_value(it, eps ? "a number in [0, 1)" : "a number in (0, 1e12)");
    *field = (float)number;
    return WM_OK;
}

static wm_status read_id(const setting *it, uint32_t vocabulary, int32_t *field) {
    uint64_t number = UINT64_MAX; // null: -1
    if (wm_json_type_of(it->value) != WM_JSON_NULL &&
        (!wm_json_u64(it->value, &number) || number >= vocabulary))
        return bad_value(it, "an id of the vocabulary or null");
    *field = (int32_t)number;
    return WM_OK;
}

// What stands between the quotes of a string without escapes; empty for other types.
static wm_span plain_text(wm_json value) {
    wm_span text = {NULL, 0};
    if (wm_json_type_of(value) == WM_JSON_STRING) wm_json_string_plain(value, &text);
    return text;
}

static wm_status read_activation(const setting *it, wm_span name, uint8_t *field) {
    for (size_t i = 0; i < WM_COUNT(activation_names); i++) {
        if (wm_span_is(name, activation_names[i].name)) {
            *field = (uint8_t)activation_names[i].activation;
            return WM_OK;
        }
    }
    return refuse_value(it);
}

// T5's feed_forward_proj: an activation, or "gated-" and an activation, of which "gelu" is
// gelu_new.
static wm_status read_t5_ffn(const setting *it, wm_arch *arch) {
    wm_span name = plain_text(it->value);
    arch->gated = wm_span_starts(name, "gated-");
    if (arch->gated) name = (wm_span){name.p + 6, name.n - 6};
    WM_TRY(read_activation(it, name, &arch->activation));
    if (arch->gated && arch->activation == WM_GELU_ERF) arch->activation = WM_GELU_TANH;
    return WM_OK;
}

// GPT-Neo's attention_types: [[["global", "local"], 6]] is that pair, six times over.
static wm_status read_windows(const setting *it, wm_arch *arch) {
    uint32_t layer = 0;
    arch->local = 0;
    if (arch->layers > 64) return misfit(it->key, 64, "layers", arch->layers, it->error);
    for (wm_json_iter i = wm_json_each(it->value); wm_json_next(&i);) {
        wm_json_iter pair = wm_json_each(i.value);
        wm_json kinds = {NULL};
        uint64_t times = 0;
        if (wm_json_next(&pair)) kinds = pair.value;
        if (!wm_json_next(&pair) || !wm_json_u64(pair.value, &times)) return refuse_value(it);
        for (; times && layer < arch->layers; times--) {
            uint32_t before = layer;
            for (wm_json_iter kind = wm_json_each(kinds);
                 wm_json_next(&kind) && layer < arch->layers; layer++) {
                if (wm_json_string_is(kind.value, "local"))
                    arch->local |= UINT64_C(1) << layer;
                else if (!wm_json_string_is(kind.value, "global"))
                    return refuse_value(it);
            }
            if (layer == before) return refuse_value(it);
        }
    }
    return layer < arch->layers ? misfit(it->key, layer, "layers", arch->layers, it->error) : WM_OK;
}

// rope_scaling; or rope_parameters, as transformers 5 writes it: with the base and the fraction
// beside.
static wm_status read_rope(const setting *it, wm_arch *arch) {
    wm_rotary_scaling *scaling = &arch->rotary_scaling;
    static const struct {
        const char *name;
        uint8_t field;
    } numbers[] = {
        {"rope_theta", offsetof(wm_arch, rotary_theta)},
        {"partial_rotary_factor", offsetof(wm_arch, rotary_fraction)},
        {"factor", offsetof(wm_arch, rotary_scaling.factor)},
        {"low_freq_factor", offsetof(wm_arch, rotary_scaling.low)},
        {"high_freq_factor", offsetof(wm_arch, rotary_scaling.high)},
        {"original_max_position_embeddings", offsetof(wm_arch, rotary_scaling.original)},
    };
    if (wm_json_type_of(it->value) == WM_JSON_NULL) return WM_OK;
    wm_json kind = wm_json_get(it->value, "rope_type");
    if (!wm_json_present(kind)) kind = wm_json_get(it->value, "type");
    size_t end = 2; // of the numbers: the first two may be absent, the kind asks for the others
    if (wm_json_string_is(kind, "linear")) {
        scaling->kind = WM_ROTARY_LINEAR;
        end = 3;
    } else if (wm_json_string_is(kind, "llama3")) {
        scaling->kind = WM_ROTARY_LLAMA3;
        end = 6;
    } else if (!wm_json_string_is(kind, "default")) {
        return refuse_value(it);
    }
    for (size_t i = 0; i < end; i++) {
        wm_json number = wm_json_get(it->value, numbers[i].name);
        if (i < 2 && !wm_json_present(number)) continue;
        setting part = {numbers[i].name, number, wm_json_span(number), it->error};
        WM_TRY(read_real(&part, false, (float *)((char *)arch + numbers[i].field)));
    }
    return end == 6 && !(scaling->low < scaling->high) ? refuse_value(it) : WM_OK;
}

static wm_status read_key(const setting *it, struct key_field to, wm_arch *arch) {
    void *field = (char *)arch + to.field;
    wm_json_type type = wm_json_type_of(it->value);
    switch (to.kind) {
    case WM_KEY_REAL:
    case WM_KEY_EPS: return read_real(it, to.kind == WM_KEY_EPS, field);
    case WM_KEY_FLAG:
    case WM_KEY_NOT:
        if (!wm_json_bool(it->value, field)) return bad_value(it, "true or false");
        *(bool *)field ^= to.kind == WM_KEY_NOT;
        return WM_OK;
    case WM_KEY_ID: return read_id(it, arch->vocabulary, field);
    case WM_KEY_ACTIVATION: return read_activation(it, plain_text(it->value), field);
    case WM_KEY_T5_FFN: return read_t5_ffn(it, arch);
    case WM_KEY_WINDOWS: return read_windows(it, arch);
    case WM_KEY_ROPE: return read_rope(it, arch);
    case WM_KEY_SIDE:
        arch->side = wm_json_string_is(it->value, "transient-global");
        return arch->side || wm_json_string_is(it->value, "local") ? WM_OK : refuse_value(it);
    case WM_KEY_USUAL:
        return type <= WM_JSON_FALSE || wm_json_string_is(it->value, "absolute") ? WM_OK
                                                                                 : refuse_value(it);
    default: return read_size(it, to.kind, field);
    }
}

static void set_default(wm_arch *arch, const wm_key *key) {
    struct key_field to = key_fields[key->key];
    void *field = (char *)arch + to.field;
    double tenths = 1;
    switch (to.kind) {
    case WM_KEY_REAL: *(float *)field = (float)key->value / 100; break;
    case WM_KEY_EPS:
        for (uint32_t i = 0; i < key->value; i++) tenths *= 10;
        *(float *)field = (float)(1 / tenths);
        break;
    case WM_KEY_ID: *(int32_t *)field = (int32_t)key->value - 1; break;
    case WM_KEY_WINDOWS: *(uint64_t *)field = key->value; break;
    case WM_KEY_ROPE:
    case WM_KEY_USUAL: break;
    default:
        if (to.kind <= WM_KEY_FFN_WIDTH)
            *(uint32_t *)field = key->value;
        else
            *(uint8_t *)field = (uint8_t)key->value;
    }
}

// Defaults first, so that what a family adds to its list of keys changes nothing that was read.
static wm_status read_keys(wm_arch *arch, const wm_family *family, wm_json config,
                           wm_error *error) {
    const wm_key *const lists[] = {family->keys, family->more};
    for (size_t i = 0; i < 4; i++) {
        for (const wm_key *key = lists[i & 1]; key && key->key; key++) {
            const char *name = key_name(key->key);
            if (i < 2) {
                set_default(arch, key);
            } else if (name) {
                wm_json value = wm_json_get(config, name);
                setting it = {name, value, wm_json_span(value), error};
                if (wm_json_present(value)) WM_TRY(read_key(&it, key_fields[key->key], arch));
            }
        }
    }
    return WM_OK;
}

static wm_status find_family(wm_config *made, wm_json config, wm_error *error) {
    if (wm_json_type_of(config) != WM_JSON_OBJECT)
        return wm_fail(error, WM_ERROR_FORMAT, 0, "config.json: expected an object");
    wm_json type = wm_json_get(config, "model_type");
    wm_span text = wm_json_span(type);
    if (!wm_json_present(type))
        return wm_fail(error, WM_ERROR_MISSING, 0, "config.json: model_type is missing");
    for (size_t i = 0; i < WM_COUNT(families); i++) {
        if (wm_json_string_is(type, families[i].model_type)) {
            made->family = families[i].family;
            made->model_type = families[i].model_type;
            return WM_OK;
        }
    }
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "config.json: model_type %s is not supported",
                   &text);
}

// What does not go together of what follows from the file.
static const struct {
    const char *what, *other;
    uint8_t field, its;
} misfits[] = {
#define MISFIT(what, field, other, its) \
    {what, other, offsetof(wm_arch, field), offsetof(wm_arch, its)}
    MISFIT("width", width, "heads", heads),
    MISFIT("heads", heads, "head width", head_width),
    MISFIT("heads", heads, "key/value heads", kv_heads),
    MISFIT("layers", layers, "groups", groups),
    MISFIT("rotary width", rotary_width, "head width", head_width),
    MISFIT("relative buckets", relative_buckets, "distance", relative_distance),
    MISFIT("positions", positions, "pad_token_id", pad_id),
#undef MISFIT
};

// Sizes that follow from others; the place in `misfits` of what must hold between them and does
// not, else WM_COUNT(misfits).
static size_t settle_sizes(wm_arch *arch) {
    if (!arch->embedding_width) arch->embedding_width = arch->width;
    if (!arch->ffn_width) arch->ffn_width = arch->ffn_factor * arch->width;
    if (!arch->kv_heads) arch->kv_heads = arch->heads;
    if (!arch->groups) arch->groups = arch->layers;
    if (!arch->inner) arch->inner = 1;
    if (!arch->heads) return WM_COUNT(misfits); // static embeddings have no layers
    arch->window += arch->local_encoder;        // LongT5's radius leaves the token itself out
    if (!arch->decoder_layers) arch->decoder_layers = arch->layers;
    if (!arch->head_width) {
        arch->head_width = arch->width / arch->heads;
        if (arch->width % arch->heads) return 0;
    }
    if ((uint64_t)arch->heads * arch->head_width > WM_LIMIT_WIDTH * 4) return 1;
    if (arch->heads % arch->kv_heads) return 2;
    if (arch->groups > arch->layers) return 3;
    arch->attention_scale =
        arch->unscaled_attention ? 1 : 1 / __builtin_sqrtf((float)arch->head_width);
    if (arch->position == WM_POSITION_ROTARY) {
        float fraction = arch->rotary_fraction < 2 ? arch->rotary_fraction : 2;
        arch->rotary_width = (uint32_t)((float)arch->head_width * fraction);
        if (arch->rotary_width > arch->head_width || arch->rotary_width % 2) return 4;
    }
    uint32_t buckets = arch->relative_buckets;
    if (buckets && (buckets < 4 || arch->relative_distance <= buckets / 2)) return 5;
    return wm_arch_max_tokens(arch) ? WM_COUNT(misfits) : 6;
}

static wm_status settle_arch(wm_arch *arch, wm_error *error) {
    size_t i = settle_sizes(arch);
    if (arch->position == WM_POSITION_LEARNED_PADDED && arch->pad_id < 0)
        return wm_fail(error, WM_ERROR_FORMAT, 0,
                       "config.json: pad_token_id is null, positions count from it");
    if (i == WM_COUNT(misfits)) return WM_OK;
    const uint8_t *fields = (const uint8_t *)arch;
    return misfit(misfits[i].what, wm_read_u32(fields + misfits[i].field), misfits[i].other,
                  wm_read_u32(fields + misfits[i].its), error);
}

// What the class of transformers that saved the files says.
static void read_class(wm_arch *arch, wm_json config) {
    static const struct {
        const char *end;
        wm_task task;
    } classes[] = {{"SequenceClassification\"", WM_TASK_CLASSIFY},
                   {"TokenClassification\"", WM_TASK_TAG},
                   {"QuestionAnswering\"", WM_TASK_ANSWER},
                   {"MaskedLM\"", WM_TASK_FILL_MASK},
                   {"PreTraining\"", WM_TASK_FILL_MASK}};
    wm_json_iter names = wm_json_each(wm_json_get(config, "architectures"));
    arch->tasks = UINT8_MAX;
    if (!wm_json_next(&names)) return;
    wm_span name = wm_json_span(names.value);
    // T5EncoderModel's files hold the encoder alone.
    if (arch->kind == WM_ENCODER_DECODER && wm_span_ends(name, "EncoderModel\""))
        arch->kind = WM_ENCODER;
    arch->tasks = 0;
    for (size_t i = 0; i < WM_COUNT(classes); i++)
        if (wm_span_ends(name, classes[i].end)) arch->tasks = (uint8_t)(1u << classes[i].task);
}

static void count_labels(wm_arch *arch, wm_json config) {
    uint64_t count = wm_json_count(wm_json_get(config, "id2label"));
    if (!count && !wm_json_u64_of(config, "num_labels", &count)) count = 2;
    arch->labels = (uint32_t)WM_MIN(count, (uint64_t)UINT32_MAX); // the head's rows must agree
}

uint32_t wm_arch_max_tokens(const wm_arch *arch) {
    uint32_t offset = arch->position == WM_POSITION_LEARNED_PADDED ? (uint32_t)arch->pad_id + 1 : 0;
    return arch->positions > offset ? arch->positions - offset : 0;
}

wm_status wm_config_read(wm_config *config, wm_span json, wm_error *error) {
    wm_arch *arch = &config->arch;
    wm_json root;
    if (json.n > WM_LIMIT_CONFIG)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "config.json: %u bytes, the limit is %u",
                       (uint64_t)json.n, (uint64_t)WM_LIMIT_CONFIG);
    WM_TRY(wm_json_check(json, "config.json", WM_JSON_PYTHON, &root, error));
    WM_TRY(find_family(config, root, error));
    *arch = (wm_arch){.pad_id = -1};
    WM_TRY(read_keys(arch, config->family, root, error));
    read_class(arch, root);
    count_labels(arch, root);
    return settle_arch(arch, error);
}

wm_status wm_config_from_json(wm_config **config, wm_span json, const wm_allocator *allocator,
                              wm_error *error) {
    wm_config read = {.host = allocator ? *allocator : wm_allocator_default};
    *config = NULL;
    WM_TRY(wm_config_read(&read, json, error));
    wm_config *made = read.host.allocate(read.host.context, sizeof *made);
    if (!made)
        return wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory: %u bytes wanted",
                       (uint64_t)sizeof *made);
    *made = read;
    *config = made;
    return WM_OK;
}

void wm_config_close(wm_config *config) {
    if (config) config->host.release(config->host.context, config);
}

const char *wm_config_model_type(const wm_config *config) { return config->model_type; }

const char *wm_detect_model_type(wm_span json, wm_error *error) {
    wm_json root;
    wm_config found;
    if (wm_json_check(json, "config.json", WM_JSON_PYTHON, &root, error) != WM_OK ||
        find_family(&found, root, error) != WM_OK)
        return NULL;
    return found.model_type;
}
