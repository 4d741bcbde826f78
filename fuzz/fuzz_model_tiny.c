// SPDX-License-Identifier: MIT OR Apache-2.0
// A tiny checkpoint with values of its config.json and tensors of its file changed by the input,
// and ids: what opens must run, one forward of each kind that the model has.
#include "../src/base/json.h"
#include "../src/models/model.h"
#include "fuzz.h"

static const char *const folders[] = {
    "bert-f32",  "roberta-f32", "distilbert-f32", "electra-f32",   "mpnet-f32",   "albert-bf16",
    "gpt2-f32",  "gpt_neo-f16", "gpt_neox-f16",   "llama-bf16",    "llama-rope3", "qwen2-bf16",
    "qwen3-f32", "t5-f32",      "longt5-local",   "longt5-global", "model2vec",   "mt5-f16",
};

enum { MOST_TENSORS = 128, MOST_BYTES = 1 << 19, IDS = 24 };

typedef struct input {
    const uint8_t *p;
    size_t n;
} input;

static uint8_t take_byte(input *in) {
    if (!in->n) return 0;
    in->n--;
    return *in->p++;
}

typedef struct output {
    uint8_t *p;
    size_t n, room;
} output;

static void put(output *out, const void *bytes, size_t n) {
    FUZZ_CHECK(n <= out->room - out->n);
    if (n) memcpy(out->p + out->n, bytes, n);
    out->n += n;
}

static void put_text(output *out, const char *text) { put(out, text, strlen(text)); }

// The config with up to three of its values replaced.
static void make_config(input *in, output *out, wm_span source) {
    static const char *const values[] = {"0",
                                         "1",
                                         "2",
                                         "3",
                                         "4",
                                         "5",
                                         "8",
                                         "16",
                                         "31",
                                         "64",
                                         "null",
                                         "true",
                                         "-1",
                                         "false",
                                         "1e9",
                                         "[]",
                                         "\"linear\"",
                                         "0.5",
                                         "1e-9",
                                         "\"gated-gelu\"",
                                         "\"transient-global\"",
                                         "{}"};
    uint8_t keys[3], fresh[3], edits = take_byte(in) % 4;
    for (size_t i = 0; i < edits; i++) {
        keys[i] = take_byte(in);
        fresh[i] = take_byte(in) % WM_COUNT(values);
    }
    wm_json root;
    size_t place = 0;
    FUZZ_CHECK(wm_json_check(source, "config.json", WM_JSON_PYTHON, &root, NULL) == WM_OK);
    put_text(out, "{");
    for (wm_json_iter i = wm_json_each(root); wm_json_next(&i); place++) {
        wm_span key = wm_json_span(i.key), value = wm_json_span(i.value);
        for (size_t e = 0; e < edits; e++)
            if (keys[e] % 40 == place) value = wm_span_of(values[fresh[e]]);
        if (place) put_text(out, ",");
        put(out, key.p, key.n);
        put_text(out, ":");
        put(out, value.p, value.n);
    }
    put_text(out, "}");
}

typedef struct change {
    uint8_t tensor, what, by;
} change;

// One tensor's name, dtype or shape, as the changes have it.
static void change_tensor(wm_tensor *tensor, const change *edit, uint8_t *name) {
    static const wm_dtype dtypes[] = {WM_DTYPE_F32, WM_DTYPE_F16, WM_DTYPE_BF16, WM_DTYPE_F64,
                                      WM_DTYPE_I8,  WM_DTYPE_U8,  WM_DTYPE_I32,  WM_DTYPE_I64};
    switch (edit->what % 6) {
    case 0: name[tensor->name.n - 1] = (uint8_t)('a' + edit->by % 26); break;
    case 1: tensor->dtype = dtypes[edit->by % WM_COUNT(dtypes)]; break;
    case 2: tensor->shape[0] = edit->by; break;
    case 3: tensor->shape[tensor->rank - 1] = edit->by; break;
    case 4: tensor->rank = 1 + edit->by % 3; break;
    default: tensor->shape[0] *= 2; break;
    }
    for (uint32_t i = 0; i < tensor->rank; i++)
        if (!tensor->shape[i]) tensor->shape[i] = 1;
}

// A safetensors file of the old one's tensors, up to three of them changed, filled as `fill` says.
static void make_weights(input *in, output *out, const wm_file *file) {
    change changes[3];
    uint8_t edits = take_byte(in) % 4, fill = take_byte(in);
    for (size_t i = 0; i < edits; i++)
        changes[i] = (change){take_byte(in), take_byte(in), take_byte(in)};
    output data = {malloc(MOST_BYTES), 0, MOST_BYTES};
    FUZZ_CHECK(data.p);
    uint64_t zero = 0;
    put(out, &zero, 8);
    put_text(out, "{");
    for (size_t t = 0; t < wm_file_count(file) && t < MOST_TENSORS; t++) {
        wm_tensor tensor = *wm_file_tensor(file, t);
        char text[160];
        uint8_t name[128];
        FUZZ_CHECK(tensor.name.n < sizeof name);
        memcpy(name, tensor.name.p, tensor.name.n);
        for (size_t e = 0; e < edits; e++)
            if (changes[e].tensor % wm_file_count(file) == t)
                change_tensor(&tensor, &changes[e], name);
        uint64_t bytes = wm_dtype_bits(tensor.dtype) / 8;
        for (uint32_t i = 0; i < tensor.rank; i++) bytes *= tensor.shape[i];
        if (bytes > MOST_BYTES - data.n) break;
        put_text(out, t ? ",\"" : "\"");
        put(out, name, tensor.name.n);
        int n = snprintf(text, sizeof text, "\":{\"dtype\":\"%s\",\"shape\":[",
                         wm_dtype_name(tensor.dtype));
        put(out, text, (size_t)n);
        for (uint32_t i = 0; i < tensor.rank; i++) {
            n = snprintf(text, sizeof text, i ? ",%u" : "%u", (unsigned)tensor.shape[i]);
            put(out, text, (size_t)n);
        }
        n = snprintf(text, sizeof text, "],\"data_offsets\":[%zu,%zu]}", data.n,
                     data.n + (size_t)bytes);
        put(out, text, (size_t)n);
        for (size_t i = 0; i < bytes; i++)
            data.p[data.n++] = fill == 1   ? 0
                               : fill == 2 ? 0xFF
                               : fill == 3 ? take_byte(in)
                                           : tensor.bytes.p[i % tensor.bytes.n];
    }
    put_text(out, "}");
    uint64_t header = out->n - 8;
    memcpy(out->p, &header, 8);
    put(out, data.p, data.n);
    free(data.p);
}

static void run_model(input *in, const wm_model *model, const wm_allocator *allocator) {
    int32_t ids[IDS];
    size_t count = 1 + take_byte(in) % IDS;
    uint32_t V = model->arch.vocabulary;
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)(take_byte(in) * 3u % (V + (i == 9)));
    float *out = malloc(IDS * (size_t)WM_MAX(V, model->arch.width) * sizeof *out);
    const float *hidden;
    wm_session *session;
    wm_error error;
    wm_status status = wm_session_open(&session, model, allocator, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(out && status == WM_OK);
    status = wm_session_hidden(session, ids, count, out, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK(status == WM_OK || status == WM_ERROR_ARG);
    wm_sequence sequence = {ids, NULL, count};
    status = wm_session_encode(session, &sequence, &hidden, &error);
    fuzz_check_error(status, &error);
    for (size_t done = 0; done < count; done += 7) {
        status = wm_logits(session, ids + done, WM_MIN(count - done, 7), out, &error);
        fuzz_check_error(status, &error);
        FUZZ_CHECK(status == WM_OK || status == WM_ERROR_ARG || status == WM_ERROR_STATE);
    }
    wm_session_close(session);
    free(out);
}

static void run_folder(input *in, const char *name, fuzz_host *host) {
    char path[96];
    wm_allocator allocator = fuzz_allocator(host);
    wm_error error;
    wm_file *file;
    wm_config *config;
    wm_model *model;
    output json = {malloc(MOST_BYTES), 0, MOST_BYTES},
           weights = {malloc(2 * MOST_BYTES), 0, 2 * MOST_BYTES};
    snprintf(path, sizeof path, "tests/tiny/%s/config.json", name);
    wm_span source = fuzz_file(path);
    make_config(in, &json, source);
    free((void *)(uintptr_t)source.p);
    snprintf(path, sizeof path, "tests/tiny/%s/model.safetensors", name);
    source = fuzz_file(path);
    FUZZ_CHECK(wm_file_parse(&file, source, NULL, NULL) == WM_OK);
    make_weights(in, &weights, file);
    wm_file_close(file);
    free((void *)(uintptr_t)source.p);
    host->limit += 2 * weights.n;
    wm_status status = wm_config_from_json(&config, (wm_span){json.p, json.n}, &allocator, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) {
        wm_source files = {WM_TEXT("model.safetensors"), {weights.p, weights.n}};
        wm_pipeline_options options = {
            .size = sizeof options, .allocator = &allocator, .isa = "scalar"};
        status = wm_model_open(&model, config, &files, 1, &options, &error);
        fuzz_check_error(status, &error);
        wm_config_close(config);
        if (status == WM_OK) run_model(in, model, &allocator);
        wm_model_close(model);
    }
    free(json.p);
    free(weights.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    fuzz_host host = fuzz_host_for(size);
    run_folder(&in, folders[take_byte(&in) % WM_COUNT(folders)], &host);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
