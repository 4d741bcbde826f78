// SPDX-License-Identifier: MIT OR Apache-2.0
// embed MODEL [TEXT…]: a vector a text.
#include "cli.h"

#include <stdlib.h>

typedef struct embed_run {
    wm_pipeline *pipeline;
    wm_embed_options options;
    float *vector;
    cli_npy *npy; // NULL: JSON on stdout
} embed_run;

static int embed_one(void *context, wm_span text, const char *name) {
    embed_run *run = context;
    wm_error error;
    wm_embed_info info;
    if (wm_pipeline_embed(run->pipeline, text, &run->options, run->vector, &info, &error) != WM_OK)
        return cli_error(name, &error);
    cli_warn_cut(name, &info);
    size_t dim = wm_pipeline_dim(run->pipeline);
    if (run->npy) return cli_npy_row(run->npy, run->vector);
    int result = cli_put_floats(run->vector, dim);
    putchar('\n');
    return result;
}

static int embed_all(wm_pipeline *pipeline, const cli_embedding *embedding, const char *npy_path,
                     char **texts, int count) {
    size_t dim = wm_pipeline_dim(pipeline);
    cli_npy npy;
    embed_run run = {pipeline, cli_embed_options(embedding), malloc(dim * sizeof(float)), NULL};
    if (!run.vector) return cli_fail("NOMEM: no memory for a vector");
    int result = npy_path ? cli_npy_open(&npy, npy_path, dim) : CLI_OK;
    if (result == CLI_OK) {
        if (npy_path) run.npy = &npy;
        result = cli_each_text(texts, count, embed_one, &run);
        if (npy_path) result = cli_npy_close(&npy, result);
    }
    free(run.vector);
    return result;
}

int cli_embed(char **arguments, int count) {
    cli_embedding embedding = {0};
    const char *npy = NULL;
    const cli_option options[] = {
        {"--max-len", CLI_COUNT, &embedding.max_length, NULL},
        {"--pooling", CLI_CHOICE, &embedding.pooling, cli_poolings},
        {"--normalize", CLI_ON, &embedding.normalize, NULL},
        {"--no-normalize", CLI_OFF, &embedding.normalize, NULL},
        {"--prompt", CLI_TEXT, &embedding.prompt, NULL},
        {"--npy", CLI_TEXT, &npy, NULL},
        {"--isa", CLI_TEXT, &embedding.isa, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count < 1) return cli_usage("embed MODEL [TEXT…]: MODEL is missing");
    cli_folder folder;
    wm_pipeline *pipeline;
    result = cli_model_open(arguments[0], embedding.isa, &folder, &pipeline);
    if (result != CLI_OK) return result;
    result = embed_all(pipeline, &embedding, npy, arguments + 1, count - 1);
    cli_model_close(&folder, pipeline);
    return result;
}
