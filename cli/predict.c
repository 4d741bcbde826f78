// SPDX-License-Identifier: MIT OR Apache-2.0
// The heads: classify, rerank, fill-mask, answer, tag.
#include "cli.h"

#include <limits.h>
#include <stdlib.h>

typedef struct predict_run {
    wm_pipeline *pipeline;
    wm_task task;
    wm_predict_options options;
    wm_span pair; // p NULL: none
} predict_run;

// Bytes → characters, which is what the offsets of Hugging Face count.
static unsigned long characters(wm_span text, size_t bytes) {
    unsigned long count = 0;
    for (size_t i = 0; i < bytes; i++) count += (text.p[i] & 0xC0) != 0x80;
    return count;
}

static void put_named(const char *name, wm_span text) {
    printf("\"%s\":", name);
    cli_put_string(text);
    putchar(',');
}

// One prediction on `text`, the one that offsets are of.
static void put_prediction(wm_task task, const wm_prediction *item, wm_span text) {
    wm_span word = {text.p + item->start, item->end - item->start};
    putchar('{');
    switch (task) {
    case WM_TASK_RERANK: printf("\"index\":%ld,", (long)item->index); break;
    case WM_TASK_FILL_MASK:
        put_named("token", item->text);
        printf("\"id\":%ld,", (long)item->index);
        break;
    case WM_TASK_ANSWER: put_named("answer", item->text); break;
    default: put_named("label", item->text);
    }
    printf("\"score\":%.9g", (double)item->score);
    if (task == WM_TASK_TAG) {
        putchar(',');
        put_named("word", word);
        printf("\"start\":%lu,\"end\":%lu", characters(text, item->start),
               characters(text, item->end));
    }
    if (task == WM_TASK_ANSWER)
        printf(",\"start\":%lu,\"end\":%lu", characters(text, item->start),
               characters(text, item->end));
    putchar('}');
}

static void put_row(wm_task task, const wm_prediction *items, size_t count, wm_span text) {
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        if (i) putchar(',');
        put_prediction(task, &items[i], text);
    }
    putchar(']');
}

static int predict(const predict_run *run, const wm_span *texts, size_t count, const char *name) {
    wm_predictions found;
    wm_error error;
    if (wm_pipeline_predict(run->pipeline, run->task, texts, count, &run->options, &found,
                            &error) != WM_OK)
        return cli_error(name, &error);
    cli_warn_cut(name, &(wm_embed_info){found.tokens, found.truncated});
    wm_span text = texts[run->task == WM_TASK_ANSWER];
    if (run->task == WM_TASK_ANSWER && !run->options.top_k) {
        put_prediction(run->task, found.items, text);
    } else if (found.rows > 1) { // several masks
        size_t each = found.count / found.rows;
        for (size_t i = 0; i < found.rows; i++) {
            putchar(i ? ',' : '[');
            put_row(run->task, found.items + i * each, each, text);
        }
        putchar(']');
    } else {
        put_row(run->task, found.items, found.count, text);
    }
    putchar('\n');
    return CLI_OK;
}

static int predict_one(void *context, wm_span text, const char *name) {
    const predict_run *run = context;
    const wm_span texts[] = {text, run->pair};
    return predict(run, texts, run->pair.p ? 2 : 1, name);
}

// All of the arguments together: a query and documents, a question and a context.
static int predict_all(predict_run *run, char **arguments, int count) {
    wm_span *texts = malloc((size_t)count * sizeof *texts);
    if (!texts) return cli_fail("NOMEM: no memory for %d texts", count);
    for (int i = 0; i < count; i++) texts[i] = cli_span(arguments[i]);
    int result = predict(run, texts, (size_t)count, "text");
    free(texts);
    return result;
}

static int run_command(wm_task task, const char *usage, char **arguments, int count, int least,
                       int most) {
    predict_run run = {.task = task, .options = {.size = sizeof run.options}};
    const char *isa = NULL, *pair = NULL;
    // Those that this task does not have stand behind.
    const cli_option options[] = {
        {"--isa", CLI_TEXT, &isa, NULL},
        {"--max-len", CLI_COUNT, &run.options.max_length, NULL},
        {task == WM_TASK_TAG ? "--all" : "-k", task == WM_TASK_TAG ? CLI_FLAG : CLI_COUNT,
         task == WM_TASK_TAG ? (void *)&run.options.all : &run.options.top_k, NULL},
        {task == WM_TASK_CLASSIFY ? "--pair" : "--raw",
         task == WM_TASK_CLASSIFY ? CLI_TEXT : CLI_FLAG,
         task == WM_TASK_CLASSIFY ? (void *)&pair : &run.options.raw, NULL},
    };
    size_t there = task == WM_TASK_CLASSIFY || task == WM_TASK_RERANK ? 4 : 3;
    int result = cli_parse(arguments, &count, options, there);
    if (result != CLI_OK) return result;
    if (count - 1 < least || count - 1 > most) return cli_usage("%s", usage);
    run.pair = cli_span(pair);
    cli_folder folder;
    result = cli_model_open(arguments[0], isa, &folder, &run.pipeline);
    if (result != CLI_OK) return result;
    result = least ? predict_all(&run, arguments + 1, count - 1)
                   : cli_each_text(arguments + 1, count - 1, predict_one, &run);
    cli_model_close(&folder, run.pipeline);
    return result;
}

int cli_classify(char **arguments, int count) {
    return run_command(WM_TASK_CLASSIFY, "classify MODEL [TEXT…]: MODEL is missing", arguments,
                       count, 0, INT_MAX);
}

int cli_fill_mask(char **arguments, int count) {
    return run_command(WM_TASK_FILL_MASK, "fill-mask MODEL [TEXT…]: MODEL is missing", arguments,
                       count, 0, INT_MAX);
}

int cli_tag(char **arguments, int count) {
    return run_command(WM_TASK_TAG, "tag MODEL [TEXT…]: MODEL is missing", arguments, count, 0,
                       INT_MAX);
}

int cli_rerank(char **arguments, int count) {
    return run_command(WM_TASK_RERANK, "rerank MODEL QUERY DOCUMENT…", arguments, count, 2,
                       INT_MAX);
}

int cli_answer(char **arguments, int count) {
    return run_command(WM_TASK_ANSWER, "answer MODEL QUESTION CONTEXT", arguments, count, 2, 2);
}
