// SPDX-License-Identifier: MIT OR Apache-2.0
// hidden MODEL --ids 1,2,3: the last hidden states, for comparing with another implementation.
#include "cli.h"

#include <stdlib.h>

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

static int put_hidden(wm_pipeline *pipeline, const int32_t *ids, size_t count) {
    wm_pipeline_info info;
    wm_pipeline_info_get(pipeline, &info);
    size_t values = count * info.width;
    wm_error error;
    if (values / info.width != count || values > SIZE_MAX / sizeof(float))
        return cli_fail("--ids: LIMIT: too many ids");
    float *hidden = malloc(values * sizeof *hidden);
    if (!hidden) return cli_fail("NOMEM: no memory for %zu × %u values", count, (unsigned)info.width);
    int result = CLI_OK;
    if (wm_pipeline_hidden(pipeline, ids, count, hidden, &error) != WM_OK) {
        result = cli_error("--ids", &error);
    } else {
        printf("{\"shape\":[%zu,%u],\"data\":", count, (unsigned)info.width);
        result = cli_put_floats(hidden, values);
        puts("}");
    }
    free(hidden);
    return result;
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
    cli_folder folder;
    wm_pipeline *pipeline;
    if (result == CLI_OK) result = cli_model_open(arguments[0], isa, &folder, &pipeline);
    if (result == CLI_OK) {
        result = put_hidden(pipeline, ids, id_count);
        cli_model_close(&folder, pipeline);
    }
    free(ids);
    return result;
}
