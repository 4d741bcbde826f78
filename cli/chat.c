// SPDX-License-Identifier: MIT OR Apache-2.0
// chat MODEL: a conversation, a line of stdin a message.
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct chat_run {
    wm_pipeline *pipeline;
    cli_sampling sampling;
    wm_message *messages; // all that was said; the contents are ours
    size_t count, capacity;
} chat_run;

static int out_of_memory(void) { return cli_fail("NOMEM: no memory for the conversation"); }

// Adds bytes to the last message.
static bool say(chat_run *run, wm_span text) {
    wm_span *content = &run->messages[run->count - 1].content;
    uint8_t *grown = realloc((void *)(uintptr_t)content->p, content->n + text.n + 1);
    if (!grown) return false;
    if (text.n) memcpy(grown + content->n, text.p, text.n);
    *content = (wm_span){grown, content->n + text.n};
    return true;
}

// Begins a message.
static bool begin(chat_run *run, const char *role, wm_span text) {
    if (run->count == run->capacity) {
        size_t capacity = 2 * run->capacity + 8;
        wm_message *grown = realloc(run->messages, capacity * sizeof *grown);
        if (!grown) return false;
        run->messages = grown;
        run->capacity = capacity;
    }
    run->messages[run->count++] = (wm_message){cli_span(role), {NULL, 0}};
    return say(run, text);
}

static int answer(chat_run *run, wm_generation *generation) {
    wm_generated token = {.finish = run->sampling.nothing ? WM_FINISH_LENGTH : WM_FINISH_NONE};
    wm_error error;
    if (!begin(run, "assistant", (wm_span){NULL, 0})) return out_of_memory();
    while (token.finish == WM_FINISH_NONE) {
        if (wm_generation_next(generation, &token, &error) != WM_OK)
            return cli_error("chat", &error);
        if (!say(run, token.text)) return out_of_memory();
        fwrite(token.text.p, 1, token.text.n, stdout);
        if (fflush(stdout)) return cli_flush(); // nobody reads: no need to go on
    }
    putchar('\n');
    return cli_flush();
}

static int take_turn(chat_run *run, wm_span line) {
    wm_generation *generation;
    wm_error error;
    if (!begin(run, "user", line)) return out_of_memory();
    if (wm_generation_open_chat(&generation, run->pipeline, run->messages, run->count,
                                &run->sampling.options, &error) != WM_OK)
        return cli_error("chat", &error);
    int result = answer(run, generation);
    wm_generation_close(generation);
    return result;
}

static int converse(chat_run *run, const char *system) {
    cli_lines lines = {.file = stdin, .name = "stdin"};
    bool terminal = isatty(STDIN_FILENO);
    wm_span line;
    int result = CLI_OK;
    if (system && !begin(run, "system", cli_span(system))) result = out_of_memory();
    if (terminal) fputs("wasmicro: a line a message, /exit or Ctrl-D ends\n", stderr);
    while (result == CLI_OK) {
        if (terminal) fputs("> ", stderr);
        if (!cli_lines_next(&lines, &line) || (line.n == 5 && !memcmp(line.p, "/exit", 5))) break;
        if (line.n) result = take_turn(run, line);
    }
    for (size_t i = 0; i < run->count; i++) free((void *)(uintptr_t)run->messages[i].content.p);
    free(run->messages);
    cli_lines_free(&lines);
    return lines.failed ? CLI_FAILED : result;
}

int cli_chat(char **arguments, int count) {
    const char *system = NULL, *isa = NULL;
    chat_run run = {0};
    const cli_option options[] = {
        CLI_SAMPLING_OPTIONS(run.sampling),
        {"--system", CLI_TEXT, &system, NULL},
        {"--isa", CLI_TEXT, &isa, NULL},
    };
    cli_folder folder;
    int result = cli_parse(arguments, &count, options, sizeof options / sizeof *options);
    if (result == CLI_OK) result = cli_sampling_read(&run.sampling);
    if (result != CLI_OK) return result;
    if (count != 1) return cli_usage("chat MODEL");
    result = cli_model_open(arguments[0], isa, &folder, &run.pipeline);
    if (result != CLI_OK) return result;
    result = converse(&run, system);
    cli_model_close(&folder, run.pipeline);
    return result;
}
