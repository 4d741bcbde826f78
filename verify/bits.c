// SPDX-License-Identifier: MIT OR Apache-2.0
// bits ISA f32|int8 FOLDER FILE...: what a model computes, as raw bytes, for bits.py to compare:
// every layer's hidden states, the vector and the logits of a text, and tokens that are drawn.
#include "../include/wasmicro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT WM_TEXT("The river runs past the old mill, naïve 42 times!")
enum { MAX_FILES = 16, TOKENS = 24 };

static wm_span text_of(const char *text) { return (wm_span){(const uint8_t *)text, strlen(text)}; }

static void *need(void *memory, const char *what) {
    if (memory) return memory;
    fprintf(stderr, "bits: %s\n", what);
    exit(1);
}

static void check(wm_status status, const wm_error *error) {
    if (status != WM_OK) need(NULL, error->text);
}

static wm_span read_file(const char *folder, const char *name) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = need(fopen(path, "rb"), path);
    fseek(file, 0, SEEK_END);
    size_t n = (size_t)ftell(file);
    uint8_t *bytes = need(malloc(n + 1), path);
    rewind(file);
    if (fread(bytes, 1, n, file) != n) need(NULL, path);
    fclose(file);
    return (wm_span){bytes, n};
}

static void write_floats(const float *numbers, size_t count) {
    fwrite(numbers, sizeof *numbers, count, stdout);
}

// The hidden states of every layer.
static void write_states(wm_span config, const wm_source *files, size_t count,
                         const wm_pipeline_options *options, const wm_encoding *tokens,
                         uint32_t layers) {
    wm_error error;
    wm_config *read;
    wm_model *model;
    wm_session *session;
    check(wm_config_from_json(&read, config, NULL, &error), &error);
    check(wm_model_open(&model, read, files, count, options, &error), &error);
    check(wm_session_open(&session, model, NULL, &error), &error);
    size_t numbers = (layers + 1) * tokens->count * wm_model_width(model);
    float *states = need(malloc(numbers * sizeof *states), "memory");
    check(wm_session_hidden_states(session, tokens->ids, tokens->count, states, &error), &error);
    write_floats(states, numbers);
    free(states);
    wm_session_close(session);
    wm_model_close(model);
    wm_config_close(read);
}

// What comes of logits; nothing of a model that does not generate.
static void write_generated(wm_pipeline *pipeline, const wm_encoding *tokens, uint32_t vocabulary) {
    wm_error error;
    wm_generation *generation;
    wm_generate_options drawn = {.size = sizeof drawn,
                                 .max_new_tokens = TOKENS,
                                 .do_sample = WM_ON,
                                 .temperature = 1.5,
                                 .top_p = 0.95,
                                 .repetition_penalty = 1.1,
                                 .seed = 7};
    static const int32_t start[] = {0, 1, 2};
    wm_status status = wm_generation_open(&generation, pipeline, TEXT, &drawn, &error);
    if (status == WM_ERROR_STATE) return;
    check(status, &error);
    wm_generated token = {.finish = WM_FINISH_NONE};
    for (uint32_t i = 0; i < TOKENS && token.finish == WM_FINISH_NONE; i++) {
        check(wm_generation_next(generation, &token, &error), &error);
        fwrite(&token.id, sizeof token.id, 1, stdout);
    }
    wm_generation_close(generation);
    float *logits = need(malloc((tokens->count + 3) * vocabulary * sizeof *logits), "memory");
    size_t rows = tokens->count;
    status = wm_pipeline_logits(pipeline, tokens->ids, rows, NULL, 0, logits, &error);
    if (status != WM_OK) { // an encoder-decoder
        rows = 3;
        status =
            wm_pipeline_logits(pipeline, tokens->ids, tokens->count, start, rows, logits, &error);
    }
    check(status, &error);
    write_floats(logits, rows * vocabulary);
    free(logits);
}

int main(int count, char **arguments) {
    wm_source files[MAX_FILES];
    wm_span config = {NULL, 0};
    size_t file_count = 0;
    if (count < 5 || count - 4 > MAX_FILES) need(NULL, "ISA f32|int8 FOLDER FILE...");
    for (; file_count < (size_t)count - 4; file_count++) {
        const char *name = arguments[4 + file_count];
        files[file_count] = (wm_source){text_of(name), read_file(arguments[3], name)};
        if (!strcmp(name, "config.json")) config = files[file_count].bytes;
    }
    wm_pipeline_options options = {.size = sizeof options,
                                   .isa = arguments[1],
                                   .compute = strcmp(arguments[2], "int8") ? WM_COMPUTE_F32
                                                                           : WM_COMPUTE_INT8};
    wm_error error;
    wm_pipeline *pipeline;
    check(wm_pipeline_open(&pipeline, files, file_count, &options, &error), &error);
    wm_pipeline_info info;
    wm_pipeline_info_get(pipeline, &info);
    float *vector = need(malloc(info.dim * sizeof *vector), "memory");
    check(wm_pipeline_embed(pipeline, TEXT, NULL, vector, NULL, &error), &error);
    write_floats(vector, info.dim);
    wm_encoding tokens = {0};
    check(wm_tokenizer_encode(wm_pipeline_tokenizer(pipeline), TEXT, NULL, NULL, &tokens, &error),
          &error);
    if (config.p) write_states(config, files, file_count, &options, &tokens, info.layers);
    write_generated(pipeline, &tokens, info.vocabulary);
    wm_encoding_free(&tokens);
    wm_pipeline_close(pipeline);
    for (size_t i = 0; i < file_count; i++) free((void *)(uintptr_t)files[i].bytes.p);
    free(vector);
    return 0;
}
