// SPDX-License-Identifier: MIT OR Apache-2.0
// Options: --name VALUE, --name=VALUE, -k N.
#include "cli.h"

#include <string.h>

const char *const cli_poolings[] = {"mean", "cls", "max", "last", NULL}; // as wm_pooling, from 1 on

static int set_count(const cli_option *option, const char *value) {
    uint64_t number = 0;
    const char *c = value;
    for (; *c >= '0' && *c <= '9' && number <= UINT32_MAX; c++)
        number = number * 10 + (uint64_t)(*c - '0');
    if (*c || c == value || number == 0 || number > UINT32_MAX)
        return cli_usage("%s: expected a whole number from 1 on, got \"%s\"", option->name, value);
    *(uint32_t *)option->value = (uint32_t)number;
    return CLI_OK;
}

static int set_choice(const cli_option *option, const char *value) {
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(value, option->choices[i])) continue;
        *(int *)option->value = i + 1;
        return CLI_OK;
    }
    fprintf(stderr, "wasmicro: %s: expected one of", option->name);
    for (int i = 0; option->choices[i]; i++)
        fprintf(stderr, "%s %s", i ? "," : "", option->choices[i]);
    fprintf(stderr, "; got \"%s\"\n", value);
    return CLI_USAGE;
}

static int add_text(const cli_option *option, const char *value) {
    const char **texts = option->value;
    size_t count = 0;
    while (texts[count]) count++;
    if (count == CLI_MOST) return cli_usage("%s: more than %d times", option->name, (int)CLI_MOST);
    texts[count] = value;
    return CLI_OK;
}

static int set_value(const cli_option *option, const char *value) {
    switch (option->kind) {
    case CLI_COUNT: return set_count(option, value);
    case CLI_CHOICE: return set_choice(option, value);
    case CLI_TEXTS: return add_text(option, value);
    default: *(const char **)option->value = value; return CLI_OK;
    }
}

static bool set_flag(const cli_option *option) {
    switch (option->kind) {
    case CLI_FLAG: *(bool *)option->value = true; return true;
    case CLI_ON: *(wm_toggle *)option->value = WM_ON; return true;
    case CLI_OFF: *(wm_toggle *)option->value = WM_OFF; return true;
    default: return false;
    }
}

static int compute;
static const char *const computes[] = {"f32", "int8", NULL}; // as wm_compute, from 1 on
wm_compute cli_compute(void) { return (wm_compute)(compute ? compute - 1 : 0); }
uint32_t cli_threads;
static const cli_option common[] = {
    {"--compute", CLI_CHOICE, &compute, computes},
    {"--threads", CLI_COUNT, &cli_threads, NULL},
};

static const cli_option *find(const char *argument, const cli_option *options, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t n = strlen(options[i].name);
        if (!strncmp(argument, options[i].name, n) && (!argument[n] || argument[n] == '='))
            return &options[i];
    }
    return NULL;
}

int cli_parse(char **arguments, int *count, const cli_option *options, size_t option_count) {
    int kept = 0;
    bool only_words = false;
    for (int i = 0; i < *count; i++) {
        char *argument = arguments[i];
        if (only_words || argument[0] != '-' || !argument[1]) {
            arguments[kept++] = argument;
            continue;
        }
        if (!strcmp(argument, "--")) {
            only_words = true;
            continue;
        }
        const cli_option *option = find(argument, options, option_count);
        if (!option) option = find(argument, common, sizeof common / sizeof *common);
        if (!option)
            return cli_usage("no option \"%s\" here (-- before a text that begins with -)",
                             argument);
        const char *value = strchr(argument, '=');
        if (set_flag(option)) {
            if (value) return cli_usage("%s takes no value", option->name);
            continue;
        }
        if (!value && i + 1 == *count) return cli_usage("%s needs a value", option->name);
        int result = set_value(option, value ? value + 1 : arguments[++i]);
        if (result != CLI_OK) return result;
    }
    arguments[kept] = NULL;
    *count = kept;
    return CLI_OK;
}

wm_embed_options cli_embed_options(const cli_embedding *embedding) {
    return (wm_embed_options){
        .size = sizeof(wm_embed_options),
        .max_length = embedding->max_length,
        .pooling = (wm_pooling)embedding->pooling,
        .normalize = embedding->normalize,
        .prompt_name = cli_span(embedding->prompt),
    };
}
