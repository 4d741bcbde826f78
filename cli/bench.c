// SPDX-License-Identifier: MIT OR Apache-2.0
// bench MODEL: how fast it is here, against what this machine's arithmetic and memory can do.
#include "cli.h"
#include "peak.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { READ_FLOATS = 16 << 20, LONGEST = 1024, NEW_TOKENS = 32 };

typedef struct bench_run {
    wm_pipeline *pipeline;
    wm_pipeline_info info;
    double peak, bandwidth; // FLOP/s and bytes/s of one thread
    double work;            // FLOP a token: the products with weights alone
    double time;            // seconds for a figure
    wm_error error;
} bench_run;

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

// One thread's own peak, the best of many short runs.
static int measure_machine(bench_run *b) {
    float *numbers = malloc(READ_FLOATS * sizeof *numbers);
    double sink = 0;
    if (!numbers) return cli_fail("out of memory");
    for (size_t i = 0; i < READ_FLOATS; i++) numbers[i] = (float)i;
    double start = seconds(), end = start + b->time / 2, now;
    for (int i = 0; i < 3 || start < end; i++, start = now) {
        sink += peak_run(b->info.isa, 20000);
        now = seconds();
        double rate = 20000 * peak_work(b->info.isa) / (now - start);
        if (rate > b->peak) b->peak = rate;
    }
    end = start + b->time / 2;
    for (int i = 0; i < 3 || start < end; i++, start = now) {
        sink += peak_read(numbers, READ_FLOATS);
        now = seconds();
        double rate = READ_FLOATS * sizeof *numbers / (now - start);
        if (rate > b->bandwidth) b->bandwidth = rate;
    }
    free(numbers);
    printf("{\"isa\":\"%s\",\"threads\":%u,\"peak_gflops\":%.1f,\"read_gbs\":%.1f}\n", b->info.isa,
           (unsigned)(cli_threads ? cli_threads : 1), b->peak * 1e-9, b->bandwidth * 1e-9);
    return sink == 0.125 ? CLI_FAILED : cli_flush();
}

// "word word …", more tokens than any length below
static wm_span long_text(const char *first, size_t words) {
    static char text[64 + 4 * 2 * LONGEST];
    size_t n = strlen(first);
    memcpy(text, first, n);
    for (size_t i = 0; i < words; i++, n += 4) memcpy(text + n, " the", 4);
    return (wm_span){(const uint8_t *)text, n};
}

// ---- Vectors ------------------------------------------------------------------------------------

static int bench_texts(bench_run *b, uint32_t tokens, size_t batch) {
    wm_span text = long_text("bread", 2 * LONGEST), *texts = malloc(batch * sizeof *texts);
    float *vectors = malloc(batch * b->info.dim * sizeof *vectors);
    wm_embed_options options = {.size = sizeof options, .max_length = tokens};
    double best = 1e30, start = seconds(), end = start + b->time;
    wm_status status = WM_OK;
    for (size_t i = 0; texts && i < batch; i++) texts[i] = text;
    if (!texts || !vectors) status = WM_ERROR_NOMEM;
    for (int i = 0; status == WM_OK && (i < 3 || start < end); i++) {
        status =
            wm_pipeline_embed_batch(b->pipeline, texts, batch, &options, vectors, NULL, &b->error);
        double now = seconds();
        if (now - start < best) best = now - start;
        start = now;
    }
    free(texts);
    free(vectors);
    if (status != WM_OK) return cli_error("bench", &b->error);
    double rate = b->work * tokens * (double)batch / best;
    printf("{\"tokens\":%u,\"batch\":%zu,\"ms\":%.3f,\"texts_per_second\":%.1f,\"gflops\":%.1f,"
           "\"of_peak\":%.3f}\n",
           (unsigned)tokens, batch, best * 1e3, (double)batch / best, rate * 1e-9, rate / b->peak);
    return cli_flush();
}

// ---- Text ---------------------------------------------------------------------------------------

// A prompt of so many words, not seen before, then tokens one by one.
static int bench_generation(bench_run *b, const char *first, size_t words) {
    wm_span text = long_text(first, words);
    wm_encoding encoding = {0};
    wm_generation *generation;
    wm_generated token = {0};
    wm_generate_options options = {
        .size = sizeof options, .max_new_tokens = NEW_TOKENS, .min_new_tokens = NEW_TOKENS};
    if (wm_tokenizer_encode(wm_pipeline_tokenizer(b->pipeline), text, NULL, NULL, &encoding,
                            &b->error) != WM_OK)
        return cli_error("bench", &b->error);
    size_t prompt = encoding.count;
    wm_encoding_free(&encoding);
    double start = seconds(), before = 0, best = 1e30;
    wm_status status = wm_generation_open(&generation, b->pipeline, text, &options, &b->error);
    if (status != WM_OK) return cli_error("bench", &b->error);
    for (int i = 0; status == WM_OK && token.finish == WM_FINISH_NONE; i++) {
        status = wm_generation_next(generation, &token, &b->error);
        double now = seconds();
        if (i == 0) before = now - start;
        if (i > 0 && now - start < best) best = now - start;
        start = now;
    }
    wm_generation_close(generation);
    if (status != WM_OK) return cli_error("bench", &b->error);
    double rate = b->work * (double)prompt / before, read = (double)b->info.weight_bytes / best;
    printf("{\"prompt_tokens\":%zu,\"ms\":%.3f,\"tokens_per_second\":%.1f,\"gflops\":%.1f,"
           "\"of_peak\":%.3f}\n",
           prompt, before * 1e3, (double)prompt / before, rate * 1e-9, rate / b->peak);
    printf("{\"after\":%zu,\"ms\":%.3f,\"tokens_per_second\":%.1f,\"gbs\":%.1f,\"of_read\":%.3f}\n",
           prompt, best * 1e3, 1 / best, read * 1e-9, read / b->bandwidth);
    return cli_flush();
}

static bool generates(bench_run *b) {
    wm_generation *generation;
    if (wm_generation_open(&generation, b->pipeline, long_text("One", 1), NULL, &b->error) != WM_OK)
        return false;
    wm_generation_close(generation);
    return true;
}

static int bench(bench_run *b) {
    static const uint32_t lengths[] = {8, 32, 128, 256, 512};
    const wm_pipeline_info *info = &b->info;
    bool encoder = !generates(b);
    b->work = 2 * (double)(info->parameters - (uint64_t)info->vocabulary * info->width * encoder);
    int result = measure_machine(b);
    if (!encoder) {
        if (result == CLI_OK) result = bench_generation(b, "One", 20);
        if (result == CLI_OK && info->max_tokens >= 200) result = bench_generation(b, "Two", 120);
        return result;
    }
    for (size_t i = 0; result == CLI_OK && i < sizeof lengths / sizeof *lengths; i++)
        if (lengths[i] <= info->max_tokens) result = bench_texts(b, lengths[i], 1);
    if (result == CLI_OK && info->max_tokens >= 32) result = bench_texts(b, 32, 32);
    return result;
}

int cli_bench(char **arguments, int count) {
    const char *isa = NULL;
    uint32_t ms = 1000;
    const cli_option options[] = {{"--isa", CLI_TEXT, &isa, NULL}, {"--ms", CLI_COUNT, &ms, NULL}};
    int result = cli_parse(arguments, &count, options, 2);
    if (result != CLI_OK) return result;
    if (count != 1) return cli_usage("bench MODEL");
    bench_run run = {.time = ms * 1e-3};
    cli_folder folder;
    result = cli_model_open(arguments[0], isa, &folder, &run.pipeline);
    if (result != CLI_OK) return result;
    wm_pipeline_info_get(run.pipeline, &run.info);
    result = bench(&run);
    cli_model_close(&folder, run.pipeline);
    return result;
}
