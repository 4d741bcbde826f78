// SPDX-License-Identifier: MIT OR Apache-2.0
// What the commands share: exit codes, options, a model's folder as mapped files, lines in, numbers
// out. Models run through the library's public header; the hub and convert also stand on its lower
// layers, base, load and quant.
#ifndef WM_CLI_H
#define WM_CLI_H

#include "../include/wasmicro.h"

#include <stdio.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

// "wasmicro: …" on stderr; the code that follows is returned, so that a check reads
//     return cli_fail("%s: %s", path, strerror(errno));
__attribute__((format(printf, 1, 2))) int cli_fail(const char *format, ...);  // CLI_FAILED
__attribute__((format(printf, 1, 2))) int cli_usage(const char *format, ...); // CLI_USAGE
int cli_error(const char *what, const wm_error *error);                       // CLI_FAILED

// ---- Signals -----------------------------------------------------------------------------------

// From here on the first SIGINT, SIGTERM or SIGHUP only makes cli_stopped() true, for what is half
// done to be removed; then cli_stop_now() ends the process by it. A second one does so at once.
void cli_stop_gently(void);
bool cli_stopped(void);
void cli_stop_now(void);

// A path that has only half of what is to be there: cli_drop_half removes it, a file or a folder
// with all that is in it. NULL takes the last one back. There may be two at a time.
void cli_half_done(const char *path);
void cli_drop_half(void);
void cli_remove(const char *path);

// ---- Options ----------------------------------------------------------------------------------

enum { CLI_MOST = 32 };

typedef enum cli_kind {
    CLI_FLAG,   // bool *
    CLI_COUNT,  // uint32_t *: a whole number from 1 on
    CLI_TEXT,   // const char **
    CLI_TEXTS,  // const char *[CLI_MOST + 1]: each time one more, a NULL behind them
    CLI_CHOICE, // int *: the place in `choices`, from 1 on
    CLI_ON,     // wm_toggle * = WM_ON
    CLI_OFF,    // wm_toggle * = WM_OFF
} cli_kind;

typedef struct cli_option {
    const char *name; // "--max-len", "-k"
    cli_kind kind;
    void *value;
    const char *const *choices; // NULL-terminated
} cli_option;

// What --compute says, an option of every command: WM_COMPUTE_F32 unless it is there.
wm_compute cli_compute(void);
extern uint32_t cli_threads; // and --threads, likewise

// Reads options wherever they stand before a "--", and leaves the other arguments in front of
// `arguments`, their number in *count, a NULL behind them.
int cli_parse(char **arguments, int *count, const cli_option *options, size_t option_count);

// The options that embed and search have in common.
typedef struct cli_embedding {
    const char *isa, *prompt;
    uint32_t max_length;
    int pooling;
    wm_toggle normalize;
} cli_embedding;

extern const char *const cli_poolings[];

wm_embed_options cli_embed_options(const cli_embedding *embedding);

// The options that generate and chat have in common: those of the sampler.
typedef struct cli_sampling {
    wm_generate_options options;
    const char *most, *temperature, *top_p, *min_p, *penalty, *seed;
    bool nothing; // -n 0, which in the options would be: as many as the context holds
} cli_sampling;

#define CLI_SAMPLING_OPTIONS(s)                                                                    \
    {"-n", CLI_TEXT, &(s).most, NULL}, {"--temperature", CLI_TEXT, &(s).temperature, NULL},        \
        {"--top-k", CLI_COUNT, &(s).options.top_k, NULL}, {"--top-p", CLI_TEXT, &(s).top_p, NULL}, \
        {"--min-p", CLI_TEXT, &(s).min_p, NULL},                                                   \
        {"--repetition-penalty", CLI_TEXT, &(s).penalty, NULL},                                    \
        {"--no-repeat-ngram", CLI_COUNT, &(s).options.no_repeat_ngram_size, NULL}, {               \
        "--seed", CLI_TEXT, &(s).seed, NULL                                                        \
    }

// Fills `options` after cli_parse.
int cli_sampling_read(cli_sampling *sampling);

// ---- A model's folder --------------------------------------------------------------------------

// The files that matter, mapped read-only, under their paths in the repository.
typedef struct cli_folder {
    wm_source *files;
    size_t count, capacity;
    char *root, *blobs; // where links may lead; blobs NULL: no hub cache
    char *other;        // a file of weights that only convert reads,
    bool foreign;       // unless these are in `files` too
} cli_folder;

// MODEL: a folder, else a repository of the hub, whose weights are not asked for here.
int cli_folder_open(cli_folder *folder, const char *model);
// The same with weights that run.
int cli_folder_open_weights(cli_folder *folder, const char *model);
// The same with weights of every kind; a single file will do.
int cli_folder_open_any(cli_folder *folder, const char *model);
void cli_folder_close(cli_folder *folder);
bool cli_has_weights(const cli_folder *folder); // that run as they are

// Says why a model did not open.
int cli_model_error(const cli_folder *folder, const char *path, const wm_error *error);

// The folder and its pipeline; on failure both are closed.
int cli_model_open(const char *path, const char *isa, cli_folder *folder, wm_pipeline **pipeline);
void cli_model_close(cli_folder *folder, wm_pipeline *pipeline);

// ---- Texts ------------------------------------------------------------------------------------

// Lines of a file, each up to its LF; the last needs none. Start from {.file, .name}.
typedef struct cli_lines {
    FILE *file;
    const char *name; // for messages
    char *buffer;
    size_t capacity;
    unsigned long number; // of the line last read, from 1 on
    bool failed;
} cli_lines;

// false at the end and on failure, which is then printed. The line is good until the next call.
bool cli_lines_next(cli_lines *lines, wm_span *line);
void cli_lines_free(cli_lines *lines);

wm_span cli_span(const char *text); // NULL gives {NULL, 0}

// Says on stderr that a text did not fit.
void cli_warn_cut(const char *name, const wm_embed_info *info);

// The texts of a command: its arguments, or where there are none the lines of stdin. `one` says how
// the run goes on; `name` is the text's for messages: "text 2", "line 7".
typedef int (*cli_text_fn)(void *context, wm_span text, const char *name);
int cli_each_text(char **arguments, int count, cli_text_fn one, void *context);

// ---- Results ----------------------------------------------------------------------------------

int cli_put_floats(const float *values, size_t count); // "[0.1,…]", 9 significant digits
void cli_put_ids(const int32_t *ids, size_t count);    // "[101,…]"
void cli_put_string(wm_span text);                     // a JSON string
void cli_write_string(FILE *to, wm_span text);
int cli_flush(void); // what was printed has been written, or CLI_FAILED

// A NumPy file of float32 [rows, width], row by row.
typedef struct cli_npy {
    FILE *file;
    const char *path;
    size_t rows, width;
    bool regular; // no device, which is never removed
} cli_npy;

int cli_npy_open(cli_npy *npy, const char *path, size_t width);
int cli_npy_row(cli_npy *npy, const float *row);
int cli_npy_close(cli_npy *npy, int result); // an unfinished file is removed

// ---- Commands: the arguments behind the command's name, NULL at the end
// --------------------------

int cli_embed(char **arguments, int count);
int cli_search(char **arguments, int count);
int cli_tokenize(char **arguments, int count);
int cli_decode(char **arguments, int count);
int cli_generate(char **arguments, int count);
int cli_chat(char **arguments, int count);
int cli_hidden(char **arguments, int count);
int cli_logits(char **arguments, int count);
int cli_classify(char **arguments, int count);
int cli_rerank(char **arguments, int count);
int cli_fill_mask(char **arguments, int count);
int cli_answer(char **arguments, int count);
int cli_tag(char **arguments, int count);
int cli_info(char **arguments, int count);
int cli_bench(char **arguments, int count);
int cli_download(char **arguments, int count);
int cli_convert(char **arguments, int count);

#endif
