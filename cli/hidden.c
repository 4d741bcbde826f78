// SPDX-License-Identifier: MIT OR Apache-2.0
// hidden MODEL --ids 1,2,3: the last hidden states, for comparing with another implementation.
// Needs no tokenizer, and so no pipeline.
#include "cli.h"

#include <stdlib.h>
#include <string.h>

// Whole numbers with commas between; the caller frees *ids.
static int parse_ids(const char *text, int32_t **ids, size_t *count) {
    size_t capacity = 1;
    for (const char *c = text; *c; c++) capacity += *c == ',';
    *ids = malloc(capacity * sizeof **ids);
    if (!*ids) return cli_fail("NOMEM: no memory for %zu ids", capacity);
    *count = 0;
    for (const char *c = text;; c++) {
        bool negative = *c == '-';
        if (negative) c++;
        int64_t id = 0;
        const char *first = c;
        for (; *c >= '0' && *c <= '9' && id <= INT32_MAX; c++) id = id * 10 + (*c - '0');
        if (c == first || id > INT32_MAX || (*c && *c != ','))
            return cli_usage("--ids: expected whole numbers with commas between, got \"%s\"", text);
        (*ids)[(*count)++] = (int32_t)(negative ? -id : id);
        if (!*c) return CLI_OK;
    }
}

static int put_hidden(wm_session *session, size_t width, const int32_t *ids, size_t count) {
    wm_error error;
    if (count > SIZE_MAX / sizeof(float) / width) return cli_fail("--ids: LIMIT: too many ids");
    float *hidden = malloc(count * width * sizeof *hidden);
    if (!hidden) return cli_fail("NOMEM: no memory for %zu × %zu values", count, width);
    int result = CLI_OK;
    if (wm_session_hidden(session, ids, count, hidden, &error) != WM_OK) {
        result = cli_error("--ids", &error);
    } else {
        printf("{\"shape\":[%zu,%zu],\"data\":", count, width);
        result = cli_put_floats(hidden, count * width);
        puts("}");
    }
    free(hidden);
    return result;
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
    wm_pipeline_options options = {.size = sizeof options, .isa = isa};
    status = wm_model_open(model, config, folder->files, folder->count, &options, error);
    wm_config_close(config);
    if (status != WM_OK) return status;
    status = wm_session_open(session, *model, NULL, error);
    if (status != WM_OK) wm_model_close(*model);
    return status;
}

int cli_hidden(char **arguments, int count) {
    const char *list = NULL, *isa = NULL;
    const cli_option options[] = {
        {"--ids", CLI_TEXT, &list, NULL},
        {"--isa", CLI_TEXT, &isa, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count != 1 || !list) return cli_usage("hidden MODEL --ids 1,2,3");
    int32_t *ids = NULL;
    size_t id_count = 0;
    result = parse_ids(list, &ids, &id_count);
    cli_folder folder = {0};
    if (result == CLI_OK) result = cli_folder_open(&folder, arguments[0]);
    if (result == CLI_OK) {
        wm_model *model;
        wm_session *session;
        wm_error error;
        if (open_session(&folder, isa, &model, &session, &error) != WM_OK) {
            result = cli_error(arguments[0], &error);
        } else {
            result = put_hidden(session, wm_model_width(model), ids, id_count);
            wm_session_close(session);
            wm_model_close(model);
        }
    }
    cli_folder_close(&folder);
    free(ids);
    return result;
}
