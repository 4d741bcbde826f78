// SPDX-License-Identifier: MIT OR Apache-2.0
// search MODEL FILE QUERY…: the lines of a file nearest to each query.
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct search_line {
    char *text;
    size_t n;
    unsigned long number;
    double score;
} search_line;

typedef struct search_index {
    wm_pipeline *pipeline;
    wm_embed_options options; // of the lines
    size_t dim;
    search_line *lines;
    float *vectors; // [count, dim], of length 1
    size_t count, capacity;
} search_index;

enum { GROUP = 64 }; // lines that run through the model together

static void scale_to_unit(float *vector, size_t dim) {
    double square = 0;
    for (size_t i = 0; i < dim; i++) square += (double)vector[i] * (double)vector[i];
    double scale = square > 0 ? 1 / sqrt(square) : 0;
    for (size_t i = 0; i < dim; i++) vector[i] = (float)(vector[i] * scale);
}

static int embed_unit(const search_index *index, wm_span text, const wm_embed_options *options,
                      const char *name, float *vector) {
    wm_error error;
    wm_embed_info info;
    if (wm_pipeline_embed(index->pipeline, text, options, vector, &info, &error) != WM_OK)
        return cli_error(name, &error);
    cli_warn_cut(name, &info);
    scale_to_unit(vector, index->dim);
    return CLI_OK;
}

static bool reserve(search_index *index) {
    if (index->count < index->capacity) return true;
    size_t capacity = index->capacity ? 2 * index->capacity : 64;
    if (capacity > SIZE_MAX / sizeof(float) / index->dim) return false;
    search_line *lines = realloc(index->lines, capacity * sizeof *lines);
    if (!lines) return false;
    index->lines = lines;
    float *vectors = realloc(index->vectors, capacity * index->dim * sizeof *vectors);
    if (!vectors) return false;
    index->vectors = vectors;
    index->capacity = capacity;
    return true;
}

static bool is_blank(wm_span text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] != ' ' && (text.p[i] < '\t' || text.p[i] > '\r')) return false;
    return true;
}

static int add_line(search_index *index, wm_span text, unsigned long number) {
    char *copy = malloc(text.n + 1);
    if (!copy || !reserve(index)) {
        free(copy);
        return cli_fail("NOMEM: no memory for line %lu", number);
    }
    memcpy(copy, text.p, text.n);
    index->lines[index->count++] = (search_line){copy, text.n, number, 0};
    return CLI_OK;
}

static wm_span text_of(const search_line *line) {
    return (wm_span){(const uint8_t *)line->text, line->n};
}

// A group at once; where that fails, line by line, to name the one that is to blame.
static int embed_group(search_index *index, size_t first, size_t count) {
    const search_line *lines = index->lines + first;
    float *vectors = index->vectors + first * index->dim;
    wm_span texts[GROUP];
    wm_embed_info infos[GROUP];
    char name[32];
    for (size_t i = 0; i < count; i++) texts[i] = text_of(&lines[i]);
    bool done = wm_pipeline_embed_batch(index->pipeline, texts, count, &index->options, vectors,
                                        infos, NULL) == WM_OK;
    for (size_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "line %lu", lines[i].number);
        float *vector = vectors + i * index->dim;
        if (done) {
            cli_warn_cut(name, &infos[i]);
            scale_to_unit(vector, index->dim);
            continue;
        }
        int result = embed_unit(index, texts[i], &index->options, name, vector);
        if (result != CLI_OK) return result;
    }
    return CLI_OK;
}

static int embed_lines(search_index *index) {
    int result = CLI_OK;
    for (size_t i = 0; i < index->count && result == CLI_OK; i += GROUP)
        result = embed_group(index, i, index->count - i < GROUP ? index->count - i : GROUP);
    return result;
}

static int add_file_lines(search_index *index, const char *path) {
    bool from_stdin = !strcmp(path, "-");
    FILE *file = from_stdin ? stdin : fopen(path, "rb");
    if (!file) return cli_fail("%s: IO: %s", path, strerror(errno));
    cli_lines lines = {.file = file, .name = path};
    int result = CLI_OK;
    for (wm_span line; result == CLI_OK && cli_lines_next(&lines, &line);) {
        if (line.n && line.p[line.n - 1] == '\r') line.n--;
        if (!is_blank(line)) result = add_line(index, line, lines.number);
    }
    cli_lines_free(&lines);
    if (!from_stdin) fclose(file);
    return lines.failed ? CLI_FAILED : result;
}

// Best first; of equal ones the earlier line.
static int by_score(const void *a, const void *b) {
    const search_line *x = *(search_line *const *)a, *y = *(search_line *const *)b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return x->number < y->number ? -1 : 1;
}

static void put_hits(search_line *const *hits, size_t count, bool json) {
    if (json) putchar('[');
    for (size_t i = 0; i < count; i++) {
        const search_line *line = hits[i];
        if (json) {
            printf("%s{\"score\":%.9g,\"line\":%lu,\"text\":", i ? "," : "", line->score,
                   line->number);
            cli_put_string(text_of(line));
            putchar('}');
        } else {
            printf("%.6f\t%lu\t", line->score, line->number);
            fwrite(line->text, 1, line->n, stdout);
            putchar('\n');
        }
    }
    if (json) puts("]");
}

static int answer(search_index *index, const char *query, const wm_embed_options *options, size_t k,
                  bool json) {
    float *vector = malloc(index->dim * sizeof *vector);
    search_line **order = malloc((index->count + 1) * sizeof *order);
    int result = vector && order ? CLI_OK : cli_fail("NOMEM: no memory for the query");
    if (result == CLI_OK) result = embed_unit(index, cli_span(query), options, "the query", vector);
    for (size_t i = 0; result == CLI_OK && i < index->count; i++) {
        double dot = 0;
        const float *row = index->vectors + i * index->dim;
        for (size_t j = 0; j < index->dim; j++) dot += (double)row[j] * (double)vector[j];
        index->lines[i].score = dot;
        order[i] = &index->lines[i];
    }
    if (result == CLI_OK) {
        qsort(order, index->count, sizeof *order, by_score);
        put_hits(order, k < index->count ? k : index->count, json);
    }
    free(order);
    free(vector);
    return result;
}

static double milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

typedef struct search_options {
    uint32_t k;
    bool json, time;
} search_options;

static int search(search_index *index, char **arguments, int count, const char *prompt,
                  search_options options) {
    double start = milliseconds();
    int result = add_file_lines(index, arguments[0]);
    if (result == CLI_OK) result = embed_lines(index);
    double indexed = milliseconds();
    wm_embed_options query_options = index->options;
    query_options.prompt_name = cli_span(prompt);
    for (int i = 1; i < count && result == CLI_OK; i++) {
        if (count > 2 && !options.json) printf("%s%s\n", i > 1 ? "\n" : "", arguments[i]);
        result = answer(index, arguments[i], &query_options, options.k, options.json);
    }
    if (result == CLI_OK && options.time) {
        fflush(stdout);
        fprintf(stderr, "%zu lines embedded in %.0f ms, %d %s answered in %.1f ms\n", index->count,
                indexed - start, count - 1, count == 2 ? "query" : "queries",
                milliseconds() - indexed);
    }
    return result;
}

int cli_search(char **arguments, int count) {
    cli_embedding embedding = {0};
    search_options options = {.k = 10};
    const cli_option known[] = {
        {"-k", CLI_COUNT, &options.k, NULL},
        {"--json", CLI_FLAG, &options.json, NULL},
        {"--time", CLI_FLAG, &options.time, NULL},
        {"--max-len", CLI_COUNT, &embedding.max_length, NULL},
        {"--pooling", CLI_CHOICE, &embedding.pooling, cli_poolings},
        {"--prompt", CLI_TEXT, &embedding.prompt, NULL},
        {"--isa", CLI_TEXT, &embedding.isa, NULL},
    };
    int result = cli_parse(arguments, &count, known, sizeof known / sizeof *known);
    if (result != CLI_OK) return result;
    if (count < 3) return cli_usage("search MODEL FILE QUERY…: %d of them given", count);
    cli_folder folder;
    search_index index = {.pipeline = NULL};
    result = cli_model_open(arguments[0], embedding.isa, &folder, &index.pipeline);
    if (result != CLI_OK) return result;
    const char *prompt = embedding.prompt;
    embedding.prompt = NULL;
    index.options = cli_embed_options(&embedding);
    index.dim = wm_pipeline_dim(index.pipeline);
    result = search(&index, arguments + 1, count - 1, prompt, options);
    for (size_t i = 0; i < index.count; i++) free(index.lines[i].text);
    free(index.lines);
    free(index.vectors);
    cli_model_close(&folder, index.pipeline);
    return result;
}
