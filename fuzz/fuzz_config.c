// SPDX-License-Identifier: MIT OR Apache-2.0
// config.json, over the weights of a tiny checkpoint of the family that it names: what is taken
// must run.
#include "fuzz.h"

static const struct {
    const char *type, *weights;
} models[] = {
    {"bert", "tests/tiny/bert-f32/model.safetensors"},
    {"roberta", "tests/tiny/roberta-f32/model.safetensors"},
    {"electra", "tests/tiny/electra-f32/model.safetensors"},
    {"distilbert", "tests/tiny/distilbert-f32/model.safetensors"},
};

static wm_span weights_of(const char *type) {
    static wm_span files[WM_COUNT(models)];
    for (size_t i = 0; i < WM_COUNT(models); i++) {
        if (strcmp(models[i].type, type) != 0) continue;
        if (!files[i].p) files[i] = fuzz_file(models[i].weights);
        return files[i];
    }
    return WM_TEXT("");
}

static void run_model(const wm_model *model, const wm_allocator *allocator) {
    static const int32_t ids[] = {0, 1, 2, 3, 199, 200, 7, -1, 5, 5};
    uint32_t width = wm_model_width(model), most = wm_model_max_tokens(model);
    FUZZ_CHECK(width > 0 && most > 0);
    float *hidden = malloc(WM_COUNT(ids) * width * sizeof *hidden);
    wm_session *session;
    wm_error error;
    FUZZ_CHECK(hidden);
    wm_status status = wm_session_open(&session, model, allocator, &error);
    fuzz_check_error(status, &error);
    for (size_t n = 0; status == WM_OK && n <= WM_COUNT(ids); n++) {
        wm_status ran = wm_session_hidden(session, ids, n, hidden, &error);
        fuzz_check_error(ran, &error);
        FUZZ_CHECK(n != 0 || ran == WM_ERROR_ARG);
        FUZZ_CHECK(n < 8 || ran == WM_ERROR_ARG);
    }
    wm_session_close(session);
    free(hidden);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    wm_span json = {data, size};
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_config *config;
    wm_error error;
    const char *type = wm_detect_model_type(json, NULL);
    wm_status status = wm_config_from_json(&config, json, &allocator, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) {
        FUZZ_CHECK(type && strcmp(type, wm_config_model_type(config)) == 0);
        wm_source file = {WM_TEXT("model.safetensors"), weights_of(type)};
        wm_pipeline_options options = {
            .size = sizeof options, .allocator = &allocator, .isa = "scalar"};
        wm_model *model;
        status = wm_model_open(&model, config, &file, 1, &options, &error);
        fuzz_check_error(status, &error);
        wm_config_close(config);
        if (status == WM_OK) run_model(model, &allocator);
        wm_model_close(model);
    }
    FUZZ_CHECK(host.live == 0);
    return 0;
}
