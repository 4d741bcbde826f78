// SPDX-License-Identifier: MIT OR Apache-2.0
// Texts from arguments and from lines.
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINE = 64 << 20 };

wm_span cli_span(const char *text) {
    return (wm_span){(const uint8_t *)text, text ? strlen(text) : 0};
}

static bool grow(cli_lines *lines) {
    size_t capacity = lines->capacity ? 2 * lines->capacity : 4096;
    char *buffer = capacity > MAX_LINE ? NULL : realloc(lines->buffer, capacity);
    if (!buffer) {
        cli_fail("%s: LIMIT: line %lu is too long", lines->name, lines->number + 1);
        lines->failed = true;
        return false;
    }
    lines->buffer = buffer;
    lines->capacity = capacity;
    return true;
}

bool cli_lines_next(cli_lines *lines, wm_span *line) {
    size_t n = 0;
    int c = EOF;
    while ((c = getc_unlocked(lines->file)) != EOF && c != '\n') {
        if (n == lines->capacity && !grow(lines)) return false;
        lines->buffer[n++] = (char)c;
    }
    if (ferror(lines->file)) {
        cli_fail("%s: IO: %s", lines->name, strerror(errno));
        lines->failed = true;
        return false;
    }
    if (c == EOF && n == 0) return false;
    lines->number++;
    *line = (wm_span){(const uint8_t *)(n ? lines->buffer : ""), n};
    return true;
}

void cli_warn_cut(const char *name, const wm_embed_info *info) {
    if (info->truncated)
        fprintf(stderr, "wasmicro: warning: %s was cut to its first %u tokens\n", name,
                (unsigned)info->tokens);
}

void cli_lines_free(cli_lines *lines) { free(lines->buffer); }

int cli_each_text(char **arguments, int count, cli_text_fn one, void *context) {
    char name[32];
    int result = CLI_OK;
    for (int i = 0; i < count && result == CLI_OK; i++) {
        snprintf(name, sizeof name, "text %d", i + 1);
        result = one(context, cli_span(arguments[i]), name);
    }
    if (count) return result;

    if (isatty(STDIN_FILENO)) fputs("wasmicro: one text a line, Ctrl-D ends\n", stderr);
    cli_lines lines = {.file = stdin, .name = "stdin"};
    wm_span line;
    while (result == CLI_OK && cli_lines_next(&lines, &line)) {
        snprintf(name, sizeof name, "line %lu", lines.number);
        result = one(context, line, name);
        if (result == CLI_OK)
            result = cli_flush(); // whoever writes the lines may wait for the answer
    }
    cli_lines_free(&lines);
    return lines.failed ? CLI_FAILED : result;
}
