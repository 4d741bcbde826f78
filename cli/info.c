// SPDX-License-Identifier: MIT OR Apache-2.0
// info MODEL: what it is and what it needs.
#include "cli.h"

#include <inttypes.h>

static void put_text(const char *key, const char *value) {
    printf("\"%s\":", key);
    cli_put_string(cli_span(value));
    putchar(',');
}

static void put_number(const char *key, uint64_t value) {
    printf("\"%s\":%" PRIu64 ",", key, value);
}

// Tensors of the files that the model does not use: a head, a buffer.
static void put_ignored(const wm_pipeline *pipeline) {
    fputs("\"ignored_tensors\":[", stdout);
    wm_span name;
    for (size_t i = 0; (name = wm_pipeline_ignored_tensor(pipeline, i)).p; i++) {
        if (i) putchar(',');
        cli_put_string(name);
    }
    fputs("],", stdout);
}

int cli_info(char **arguments, int count) {
    const char *isa = NULL;
    const cli_option options[] = {{"--isa", CLI_TEXT, &isa, NULL}};
    int result = cli_parse(arguments, &count, options, 1);
    if (result != CLI_OK) return result;
    if (count != 1) return cli_usage("info MODEL");
    cli_folder folder;
    wm_pipeline *pipeline;
    result = cli_model_open(arguments[0], isa, &folder, &pipeline);
    if (result != CLI_OK) return result;
    wm_pipeline_info info;
    wm_pipeline_info_get(pipeline, &info);
    putchar('{');
    put_text("model_type", info.model_type);
    put_number("layers", info.layers);
    put_number("hidden_size", info.width);
    put_number("heads", info.heads);
    put_number("vocab_size", info.vocabulary);
    put_number("dim", info.dim);
    put_number("max_tokens", info.max_tokens);
    put_number("parameters", info.parameters);
    put_text("dtype", info.dtype);
    put_text("tokenizer", info.tokenizer);
    put_text("pooling", info.pooling);
    printf("\"normalize\":%s,", info.normalize ? "true" : "false");
    put_text("isa", info.isa);
    put_ignored(pipeline);
    put_number("weight_bytes", info.weight_bytes);
    put_number("model_bytes", info.model_bytes);
    put_number("session_bytes", info.session_bytes);
    printf("\"needed_bytes\":%" PRIu64 "}\n",
           info.weight_bytes + info.model_bytes + info.session_bytes);
    cli_model_close(&folder, pipeline);
    return CLI_OK;
}
