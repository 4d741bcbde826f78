// SPDX-License-Identifier: MIT OR Apache-2.0
// tokenize MODEL TEXT…: the ids of each text. Needs no weights.
#include "cli.h"

typedef struct tokenize_run {
    wm_tokenizer *tokenizer;
    wm_encode_options options;
    wm_span second;
    wm_encoding encoding;
} tokenize_run;

static int tokenize_one(void *context, wm_span text, const char *name) {
    tokenize_run *run = context;
    wm_error error;
    const wm_span *second = run->second.p ? &run->second : NULL;
    if (wm_tokenizer_encode(run->tokenizer, text, second, &run->options, &run->encoding, &error) !=
        WM_OK)
        return cli_error(name, &error);
    wm_embed_info info = {(uint32_t)run->encoding.count, run->encoding.truncated};
    cli_warn_cut(name, &info);
    cli_put_ids(run->encoding.ids, run->encoding.count);
    putchar('\n');
    return CLI_OK;
}

static int tokenize_all(const cli_folder *folder, const char *model, tokenize_run *run,
                        char **texts, int count) {
    wm_error error;
    if (wm_tokenizer_open(&run->tokenizer, folder->files, folder->count, NULL, &error) != WM_OK)
        return cli_error(model, &error);
    int result = cli_each_text(texts, count, tokenize_one, run);
    wm_encoding_free(&run->encoding);
    wm_tokenizer_close(run->tokenizer);
    return result;
}

int cli_tokenize(char **arguments, int count) {
    tokenize_run run = {.options = {.size = sizeof run.options}};
    const char *second = NULL;
    bool from_stdin = false;
    const cli_option options[] = {
        {"--stdin", CLI_FLAG, &from_stdin, NULL},
        {"--no-special", CLI_OFF, &run.options.special, NULL},
        {"--pair", CLI_TEXT, &second, NULL},
        {"--max-len", CLI_COUNT, &run.options.max_length, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count < 1) return cli_usage("tokenize MODEL TEXT…: MODEL is missing");
    if (from_stdin != (count == 1)) return cli_usage("tokenize MODEL: either TEXT… or --stdin");
    run.second = cli_span(second);
    cli_folder folder;
    result = cli_folder_open(&folder, arguments[0]);
    if (result != CLI_OK) return result;
    result = tokenize_all(&folder, arguments[0], &run, arguments + 1, count - 1);
    cli_folder_close(&folder);
    return result;
}
