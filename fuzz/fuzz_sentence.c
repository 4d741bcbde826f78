// SPDX-License-Identifier: MIT OR Apache-2.0
// The small files of a sentence-transformers folder: the first byte says which of them the rest
// stands for. What is taken must embed.
#include "fuzz.h"

#define FOLDER "tests/tiny/st-dense/"

static const char *const paths[] = {
    "modules.json",
    "1_Pooling/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "2_Dense/config.json",
    "tokenizer_config.json",
    "config.json",
    "special_tokens_map.json",
    "3_Dense/config.json",
    "2_Dense/model.safetensors",
    "model.safetensors",
    "vocab.txt", // instead of tokenizer.json, which has to be the last
    "tokenizer.json",
};

static void embed(wm_pipeline *pipeline, wm_span text, const wm_embed_options *options,
                  float *vector) {
    wm_error error;
    wm_embed_info info;
    wm_status status = wm_pipeline_embed(pipeline, text, options, vector, &info, &error);
    fuzz_check_error(status, &error);
    for (size_t i = 0; status == WM_OK && i < wm_pipeline_dim(pipeline); i++)
        FUZZ_CHECK(vector[i] - vector[i] == 0); // neither NaN nor infinite
}

static void run_pipeline(wm_pipeline *pipeline) {
    static const wm_embed_options ways[] = {
        {.size = sizeof(wm_embed_options), .max_length = 3, .truncate = WM_TRUNCATE_START},
        {.size = sizeof(wm_embed_options), .max_length = 3, .truncate = WM_TRUNCATE_ERROR},
        {.size = sizeof(wm_embed_options), .pooling = WM_POOLING_LAST, .normalize = WM_OFF},
        {.size = sizeof(wm_embed_options), .pooling = WM_POOLING_MAX, .normalize = WM_ON},
        {.size = sizeof(wm_embed_options), .prompt_name = {(const uint8_t *)"query", 5}},
        {.size = sizeof(wm_embed_options), .prompt = {(const uint8_t *)"a: ", 3}},
    };
    size_t dim = wm_pipeline_dim(pipeline);
    wm_pipeline_info info;
    wm_pipeline_info_get(pipeline, &info);
    FUZZ_CHECK(dim > 0 && info.dim == dim && info.max_tokens > 0);
    float *vector = malloc(dim * sizeof *vector);
    FUZZ_CHECK(vector);
    embed(pipeline, WM_TEXT("The quick brown fox; [MASK] \xC3\xA9!"), NULL, vector);
    embed(pipeline, WM_TEXT(""), NULL, vector);
    for (size_t i = 0; i < WM_COUNT(ways); i++)
        embed(pipeline, WM_TEXT("a b c d e f"), &ways[i], vector);
    free(vector);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static wm_source files[WM_COUNT(paths)];
    if (!files[0].path.p) {
        for (size_t i = 0; i < WM_COUNT(paths); i++) {
            char path[256];
            snprintf(path, sizeof path, FOLDER "%s", paths[i]);
            files[i] = (wm_source){wm_span_of(paths[i]), fuzz_file(path)};
        }
    }
    if (!size) return 0;
    size_t which = data[0] % WM_COUNT(paths), count = WM_COUNT(paths), total = size;
    if (which + 2 == WM_COUNT(paths)) count--;
    wm_source given[WM_COUNT(paths)];
    memcpy(given, files, sizeof given);
    given[which].bytes = (wm_span){data + 1, size - 1};
    for (size_t i = 0; i < count; i++) total += given[i].bytes.n;
    fuzz_host host = fuzz_host_for(total);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_pipeline_options options = {
        .size = sizeof options, .allocator = &allocator, .isa = "scalar"};
    wm_pipeline *pipeline = NULL;
    wm_error error;
    wm_status status = wm_pipeline_open(&pipeline, given, count, &options, &error);
    fuzz_check_error(status, &error);
    FUZZ_CHECK((status == WM_OK) == (pipeline != NULL));
    if (pipeline) run_pipeline(pipeline);
    wm_pipeline_close(pipeline);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
