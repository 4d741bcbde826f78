// SPDX-License-Identifier: MIT OR Apache-2.0
// hidden MODEL --ids 1,2,3 and logits MODEL --ids 1,2,3: numbers for comparing with another
// implementation. They need no tokenizer, and so no pipeline, but for an encoder beside a decoder.
#include "cli.h"

#include <stdlib.h>
#include <string.h>

// Whole numbers with commas between; the caller frees *ids.
static int parse_ids(const char *name, const char *text, int32_t **ids, size_t *count) {
    size_t capacity = 1;
    for (const char *c = text; c && *c; c++) capacity += *c == ',';
    *count = 0;
    if (!text) return CLI_OK;
    *ids = malloc(capacity * sizeof **ids);
    if (!*ids) return cli_fail("NOMEM: no memory for %zu ids", capacity);
    for (const char *c = text;; c++) {
        bool negative = *c == '-';
        if (negative) c++;
        int64_t id = 0;
        const char *first = c;
        for (; *c >= '0' && *c <= '9' && id <= INT32_MAX; c++) id = id * 10 + (*c - '0');
        if (c == first || id > INT32_MAX || (*c && *c != ','))
            return cli_usage("%s: expected whole numbers with commas between, got \"%s\"", name,
                             text);
        (*ids)[(*count)++] = (int32_t)(negative ? -id : id);
        if (!*c) return CLI_OK;
    }
}

static wm_status open_session(const cli_folder *folder, const char *isa, wm_model **model,
                              wm_session **session, wm_error *error) {
    wm_span json = {NULL, 0};
    for (size_t i = 0; i < folder->count; i++)
        if (!strcmp((const char *)folder->files[i].path.p, "config.json"))
            json = folder->files[i].bytes;
    if (!json.p) {
        *error = (wm_error){.status = WM_ERROR_MISSING, .text = "config.json is missing"};
        return error->status;
    }
    wm_config *config;
    wm_status status = wm_config_from_json(&config, json, NULL, error);
    if (status != WM_OK) return status;
    wm_pipeline_options options = {
        .size = sizeof options, .isa = isa, .compute = cli_compute(), .threads = cli_threads};
    status = wm_model_open(model, config, folder->files, folder->count, &options, error);
    wm_config_close(config);
    if (status != WM_OK) return status;
    status = wm_session_open(session, *model, NULL, error);
    if (status != WM_OK) wm_model_close(*model);
    return status;
}

typedef struct numbers_run {
    bool logits;
    int32_t *ids, *decoder_ids;
    size_t count, decoder_count;
} numbers_run;

// [rows, width] of one call, as JSON.
static int put_numbers(const float *numbers, size_t rows, size_t width) {
    printf("{\"shape\":[%zu,%zu],\"data\":", rows, width);
    int result = cli_put_floats(numbers, rows * width);
    puts("}");
    return result;
}

static float *allocate_numbers(size_t rows, size_t width) {
    bool fits = rows <= SIZE_MAX / sizeof(float) / width;
    float *numbers = fits ? malloc(rows * width * sizeof *numbers) : NULL;
    if (!numbers) cli_fail("NOMEM: no memory for %zu × %zu values", rows, width);
    return numbers;
}

static int run_session(const numbers_run *run, const cli_folder *folder, const char *path,
                       const char *isa) {
    wm_model *model;
    wm_session *session;
    wm_error error;
    if (open_session(folder, isa, &model, &session, &error) != WM_OK)
        return cli_model_error(folder, path, &error);
    size_t width = run->logits ? wm_model_vocabulary(model) : wm_model_width(model);
    float *numbers = allocate_numbers(run->count, width);
    int result = numbers ? CLI_OK : CLI_FAILED;
    if (numbers && (run->logits ? wm_logits : wm_session_hidden)(session, run->ids, run->count,
                                                                 numbers, &error) != WM_OK)
        result = cli_error("--ids", &error);
    if (result == CLI_OK) result = put_numbers(numbers, run->count, width);
    free(numbers);
    wm_session_close(session);
    wm_model_close(model);
    return result;
}

static int run_pipeline(const numbers_run *run, const char *path, const char *isa) {
    cli_folder folder;
    wm_pipeline *pipeline;
    wm_pipeline_info info;
    wm_error error;
    int result = cli_model_open(path, isa, &folder, &pipeline);
    if (result != CLI_OK) return result;
    wm_pipeline_info_get(pipeline, &info);
    float *logits = allocate_numbers(run->decoder_count, info.vocabulary);
    if (!logits)
        result = CLI_FAILED;
    else if (wm_pipeline_logits(pipeline, run->ids, run->count, run->decoder_ids,
                                run->decoder_count, logits, &error) != WM_OK)
        result = cli_error("--ids, --decoder-ids", &error);
    else
        result = put_numbers(logits, run->decoder_count, info.vocabulary);
    free(logits);
    cli_model_close(&folder, pipeline);
    return result;
}

static int run_numbers(bool logits, char **arguments, int count) {
    const char *list = NULL, *decoder_list = NULL, *isa = NULL;
    const cli_option options[] = {
        {"--ids", CLI_TEXT, &list, NULL},
        {"--isa", CLI_TEXT, &isa, NULL},
        {"--decoder-ids", CLI_TEXT, &decoder_list, NULL},
    };
    int result = cli_parse(arguments, &count, options, logits ? 3 : 2);
    if (result != CLI_OK) return result;
    if (count != 1 || !list)
        return cli_usage("%s MODEL --ids 1,2,3%s", logits ? "logits" : "hidden",
                         logits ? " [--decoder-ids 0,5]" : "");
    numbers_run run = {.logits = logits};
    result = parse_ids("--ids", list, &run.ids, &run.count);
    if (result == CLI_OK)
        result = parse_ids("--decoder-ids", decoder_list, &run.decoder_ids, &run.decoder_count);
    if (result == CLI_OK && decoder_list) {
        result = run_pipeline(&run, arguments[0], isa);
    } else if (result == CLI_OK) {
        cli_folder folder;
        result = cli_folder_open_weights(&folder, arguments[0]);
        if (result == CLI_OK) result = run_session(&run, &folder, arguments[0], isa);
        cli_folder_close(&folder);
    }
    free(run.ids);
    free(run.decoder_ids);
    return result;
}

int cli_hidden(char **arguments, int count) { return run_numbers(false, arguments, count); }

int cli_logits(char **arguments, int count) { return run_numbers(true, arguments, count); }
