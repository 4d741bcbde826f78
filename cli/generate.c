// SPDX-License-Identifier: MIT OR Apache-2.0
// generate MODEL PROMPT: the continuation, as it comes.
#include "cli.h"

#include <errno.h>
#include <stdlib.h>

typedef struct generate_run {
    cli_sampling sampling;
    wm_span stop;
    bool ids;  // print them instead of the text,
    bool json; // or the text as a JSON string, once it is whole
    const char *isa;
} generate_run;

// Numbers that options give as texts: temperature 0.7, seed 42.
static int set_real(const char *name, const char *text, double *number) {
    char *end;
    if (!text) return CLI_OK;
    errno = 0;
    *number = strtod(text, &end);
    if (end == text || *end || errno)
        return cli_usage("%s: expected a number, got \"%s\"", name, text);
    return CLI_OK;
}

static int set_whole(const char *name, const char *text, uint64_t most, uint64_t *number) {
    char *end;
    if (!text) return CLI_OK;
    errno = 0;
    *number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || errno || *number > most)
        return cli_usage("%s: expected a whole number, got \"%s\"", name, text);
    return CLI_OK;
}

int cli_sampling_read(cli_sampling *sampling) {
    wm_generate_options *o = &sampling->options;
    uint64_t most = 0;
    o->size = sizeof *o;
    int result = set_whole("-n", sampling->most, UINT32_MAX, &most);
    o->max_new_tokens = (uint32_t)most;
    sampling->nothing = sampling->most && !most;
    if (result == CLI_OK)
        result = set_real("--temperature", sampling->temperature, &o->temperature);
    if (result == CLI_OK) result = set_real("--top-p", sampling->top_p, &o->top_p);
    if (result == CLI_OK) result = set_real("--min-p", sampling->min_p, &o->min_p);
    if (result == CLI_OK)
        result = set_real("--repetition-penalty", sampling->penalty, &o->repetition_penalty);
    if (result == CLI_OK) result = set_whole("--seed", sampling->seed, UINT64_MAX, &o->seed);
    // A temperature of 0 means the best token, which 0 in the options does not: there it is "not
    // given".
    if (sampling->temperature && o->temperature == 0) o->do_sample = WM_OFF;
    if (sampling->top_p && o->top_p == 0) o->top_k = 1; // the narrowest choice, likewise
    if (result == CLI_OK && sampling->penalty && o->repetition_penalty == 0)
        return cli_usage("--repetition-penalty: expected a number above 0");
    return result;
}

static int put_tokens(const generate_run *run, wm_generation *generation, FILE *to) {
    wm_generated token = {.finish = run->sampling.nothing ? WM_FINISH_LENGTH : WM_FINISH_NONE};
    wm_error error;
    bool ids = run->ids;
    if (ids) putc('[', to);
    for (size_t count = 0; token.finish == WM_FINISH_NONE; count++) {
        if (wm_generation_next(generation, &token, &error) != WM_OK)
            return cli_error("generate", &error);
        if (!ids) {
            fwrite(token.text.p, 1, token.text.n, to);
            if (fflush(to)) return cli_flush(); // nobody reads: no need to go on
        } else if (token.id >= 0) {
            fprintf(to, "%s%ld", count ? "," : "", (long)token.id);
        }
    }
    if (ids) putc(']', to);
    return CLI_OK;
}

static int put_json(const generate_run *run, wm_generation *generation) {
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);
    if (!to) return cli_fail("generate: NOMEM: no memory for the text");
    int result = put_tokens(run, generation, to);
    if (fclose(to) && result == CLI_OK)
        result = cli_fail("generate: NOMEM: no memory for the text");
    if (result == CLI_OK) cli_put_string((wm_span){(const uint8_t *)text, n});
    free(text);
    return result;
}

static int generate(const generate_run *run, const char *model, const char *prompt) {
    cli_folder folder;
    wm_pipeline *pipeline;
    wm_generation *generation;
    wm_error error;
    int result = cli_model_open(model, run->isa, &folder, &pipeline);
    if (result != CLI_OK) return result;
    if (wm_generation_open(&generation, pipeline, cli_span(prompt), &run->sampling.options,
                           &error) != WM_OK) {
        result = cli_error(model, &error);
    } else {
        result = run->json && !run->ids ? put_json(run, generation)
                                        : put_tokens(run, generation, stdout);
        if (result == CLI_OK) putchar('\n');
        wm_generation_close(generation);
    }
    cli_model_close(&folder, pipeline);
    return result;
}

int cli_generate(char **arguments, int count) {
    generate_run run = {0};
    wm_generate_options *o = &run.sampling.options;
    const char *stop = NULL;
    const cli_option options[] = {
        CLI_SAMPLING_OPTIONS(run.sampling),    {"--beams", CLI_COUNT, &o->num_beams, NULL},
        {"--stop", CLI_TEXT, &stop, NULL},     {"--ids", CLI_FLAG, &run.ids, NULL},
        {"--json", CLI_FLAG, &run.json, NULL}, {"--isa", CLI_TEXT, &run.isa, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result == CLI_OK) result = cli_sampling_read(&run.sampling);
    if (result != CLI_OK) return result;
    if (count != 2) return cli_usage("generate MODEL PROMPT");
    run.stop = cli_span(stop);
    if (stop) o->stop = &run.stop, o->stop_count = 1;
    return generate(&run, arguments[0], arguments[1]);
}
