// SPDX-License-Identifier: MIT OR Apache-2.0
// decode MODEL ID…: the text of token ids. Needs no weights.
#include "cli.h"

#include <stdlib.h>
#include <string.h>

typedef struct decode_run {
    wm_tokenizer *tokenizer;
    bool skip_special, json;
    int32_t *ids;
    size_t count, capacity;
    wm_decoding decoding;
} decode_run;

static int add_id(decode_run *run, int32_t id) {
    if (run->count == run->capacity) {
        run->capacity = run->capacity ? 2 * run->capacity : 256;
        int32_t *ids = realloc(run->ids, run->capacity * sizeof *ids);
        if (!ids) return cli_fail("NOMEM: no memory for %zu ids", run->capacity);
        run->ids = ids;
    }
    run->ids[run->count++] = id;
    return CLI_OK;
}

// Adds the ids of a text: whole numbers with spaces or commas between, or a JSON array of them.
static int add_ids(decode_run *run, wm_span text, const char *name) {
    const uint8_t *p = text.p, *end = p + text.n;
    for (int result = CLI_OK; p < end;) {
        if (memchr(" \t\r,[]", *p, 6)) {
            p++;
            continue;
        }
        uint64_t number = 0;
        const uint8_t *start = p;
        for (; p < end && *p >= '0' && *p <= '9' && number <= INT32_MAX; p++)
            number = number * 10 + (uint64_t)(*p - '0');
        if (p == start || number > INT32_MAX || (p < end && !memchr(" \t\r,[]", *p, 6)))
            return cli_fail("%s: ARG: expected ids, got \"%.*s\"", name,
                            end - start < 20 ? (int)(end - start) : 20, (const char *)start);
        result = add_id(run, (int32_t)number);
        if (result != CLI_OK) return result;
    }
    return CLI_OK;
}

static int put_text(decode_run *run, const char *name) {
    wm_error error;
    if (wm_tokenizer_decode(run->tokenizer, run->ids, run->count, run->skip_special, &run->decoding,
                            &error) != WM_OK)
        return cli_error(name, &error);
    run->count = 0;
    if (run->json)
        cli_put_string((wm_span){(const uint8_t *)run->decoding.text, run->decoding.n});
    else
        fwrite(run->decoding.text, 1, run->decoding.n, stdout);
    putchar('\n');
    return CLI_OK;
}

static int decode_line(void *context, wm_span text, const char *name) {
    int result = add_ids(context, text, name);
    return result == CLI_OK ? put_text(context, name) : result;
}

static int decode_all(decode_run *run, char **words, int count) {
    int result = CLI_OK;
    if (!count) return cli_each_text(words, 0, decode_line, run);
    for (int i = 0; i < count && result == CLI_OK; i++)
        result = add_ids(run, cli_span(words[i]), "decode");
    return result == CLI_OK ? put_text(run, "decode") : result;
}

int cli_decode(char **arguments, int count) {
    decode_run run = {0};
    bool from_stdin = false;
    const cli_option options[] = {
        {"--stdin", CLI_FLAG, &from_stdin, NULL},
        {"--no-special", CLI_FLAG, &run.skip_special, NULL},
        {"--json", CLI_FLAG, &run.json, NULL},
    };
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result != CLI_OK) return result;
    if (count < 1) return cli_usage("decode MODEL ID…: MODEL is missing");
    if (from_stdin != (count == 1)) return cli_usage("decode MODEL: either ID… or --stdin");
    cli_folder folder;
    result = cli_folder_open(&folder, arguments[0]);
    if (result != CLI_OK) return result;
    wm_error error;
    if (wm_tokenizer_open(&run.tokenizer, folder.files, folder.count, NULL, &error) != WM_OK)
        result = cli_error(arguments[0], &error);
    else
        result = decode_all(&run, arguments + 1, count - 1);
    wm_decoding_free(&run.decoding);
    wm_tokenizer_close(run.tokenizer);
    free(run.ids);
    cli_folder_close(&folder);
    return result;
}
