// SPDX-License-Identifier: MIT OR Apache-2.0
// The command line: finds the command, runs it, sees to it that its output has been written.
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef struct command {
    const char *name;
    int (*run)(char **arguments, int count);
    const char *help;
} command;

static const command commands[] = {
    {"embed", cli_embed,
     "wasmicro embed MODEL [TEXT…]\n"
     "  One JSON array a text; without TEXT each line of stdin is one.\n"
     "    --max-len N       cut a text to N tokens, special ones counted\n"
     "    --pooling P       mean, cls, max or last, instead of what the model's files say\n"
     "    --normalize, --no-normalize\n"
     "    --prompt NAME     one of the model's own prompts\n"
     "    --npy FILE        a NumPy file of float32 [texts, dimensions] instead of JSON\n"},
    {"search", cli_search,
     "wasmicro search MODEL FILE QUERY…\n"
     "  The lines of FILE (- is stdin) nearest to QUERY: cosine, line number, line, with tabs "
     "between.\n"
     "  Blank lines are left out. With several queries each table has its query above it.\n"
     "    -k N              how many lines (10)\n"
     "    --json            an array of {\"score\", \"line\", \"text\"} a query\n"
     "    --time            say on stderr how long it took\n"
     "    --prompt NAME     for the queries; --max-len N, --pooling P as in embed\n"},
    {"generate", cli_generate,
     "wasmicro generate MODEL PROMPT\n"
     "  The text that follows PROMPT, as it comes: greedy unless a sampling option is given.\n"
     "    -n N              at most N new tokens; 0: none\n"
     "    --temperature T, --top-k K, --top-p P, --min-p P, --seed S\n"
     "    --repetition-penalty R, --no-repeat-ngram N, --beams B\n"
     "    --stop TEXT       end before TEXT\n"
     "    --ids             the new token ids as a JSON array instead\n"
     "    --json            the text as a JSON string, once it is whole\n"},
    {"chat", cli_chat,
     "wasmicro chat MODEL\n"
     "  A conversation: each line of stdin is a message, /exit or Ctrl-D ends.\n"
     "    --system TEXT     the system's message\n"
     "    -n N              at most N tokens an answer; the sampling options of generate\n"},
    {"classify", cli_classify,
     "wasmicro classify MODEL [TEXT…]\n"
     "  Labels and scores, best first; without TEXT each line of stdin is one.\n"
     "    --pair B          classify each text together with B\n"
     "    -k N              the N best alone; --max-len N as in embed\n"},
    {"rerank", cli_rerank,
     "wasmicro rerank MODEL QUERY DOCUMENT…\n"
     "  The documents by a cross-encoder's score, best first: {\"index\", \"score\"} each.\n"
     "    --raw             logits instead of scores; -k N, --max-len N as in classify\n"},
    {"fill-mask", cli_fill_mask,
     "wasmicro fill-mask MODEL [TEXT…]\n"
     "  The tokens that fit the mask token in TEXT best; an array for each of several masks.\n"
     "    -k N              how many (5)\n"},
    {"answer", cli_answer,
     "wasmicro answer MODEL QUESTION CONTEXT\n"
     "  The part of CONTEXT that answers, in characters from start to end.\n"
     "    -k N              an array of the N best\n"
     "    --max-len N       tokens of a window on a long context (384)\n"},
    {"tag", cli_tag,
     "wasmicro tag MODEL [TEXT…]\n"
     "  Labelled words or spans: B- and I- joined, \"O\" left out.\n"
     "    --all             every token by itself\n"},
    {"tokenize", cli_tokenize,
     "wasmicro tokenize MODEL TEXT…\n"
     "  The token ids of each text, one JSON array a line. Needs the tokenizer's files alone.\n"
     "    --stdin           each line of stdin is a text\n"
     "    --pair B          tokenize each text with B as its second part\n"
     "    --no-special      without [CLS], </s> and their like\n"
     "    --max-len N       cut to N tokens, special ones counted\n"},
    {"decode", cli_decode,
     "wasmicro decode MODEL ID…\n"
     "  The text of token ids. Needs the tokenizer's files alone.\n"
     "    --stdin           each line of stdin is a text's ids, with spaces between or a JSON "
     "array\n"
     "    --no-special      without [CLS], </s> and their like\n"
     "    --json            a JSON string\n"},
    {"hidden", cli_hidden,
     "wasmicro hidden MODEL --ids 1,2,3\n"
     "  The last hidden state of each token id: {\"shape\":[ids, width], \"data\":[…]}.\n"},
    {"logits", cli_logits,
     "wasmicro logits MODEL --ids 1,2,3 [--decoder-ids 0,5]\n"
     "  The scores of the next token after each: {\"shape\":[ids, vocabulary], \"data\":[…]}.\n"},
    {"info", cli_info,
     "wasmicro info MODEL\n"
     "  What the model is and the bytes it needs, as one JSON object.\n"},
    {"bench", cli_bench,
     "wasmicro bench MODEL\n"
     "  How fast it is here: texts a second at several lengths, or tokens a second, and their "
     "share\n"
     "  of what one thread's arithmetic and memory can do. One JSON object a line.\n"
     "    --ms N            how long each figure is measured (1000)\n"},
    {"download", cli_download,
     "wasmicro download REPO DIR\n"
     "  The files of a repository of the hub that a model needs, checked; goes on where it was "
     "broken off.\n"
     "    --revision R      a branch, tag or commit (main)\n"
     "    --include GLOB    these files instead; may be given several times\n"
     "    --token T, --endpoint URL   instead of HF_TOKEN and HF_ENDPOINT\n"
     "    --quiet           no progress\n"},
    {"convert", cli_convert,
     "wasmicro convert MODEL DIR\n"
     "  The weights of a folder, repository or file (safetensors, pytorch_model.bin, GGUF) as one\n"
     "  model.safetensors, with the configuration and the tokenizer beside it; a report in JSON.\n"
     "    --quantize K      i8, u8, q4 or f16\n"
     "    --check           embed or generate with both, and say how far they agree\n"
     "    --revision R      of a repository\n"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void put_help(FILE *to) {
    fprintf(to,
            "wasmicro %s: Hugging Face models from their own files. MODEL is a folder,\n"
            "or a repository of the hub, which is kept in the cache of huggingface_hub.\n\n",
            WM_VERSION);
    for (size_t i = 0; i < COMMANDS; i++) fprintf(to, "%s\n", commands[i].help);
    fputs("Every command that runs the model takes --isa NAME (scalar, avx2, avx512, neon, …): "
          "which\n"
          "kernels; --threads N: how many work on one call; --compute int8.\n"
          "-- ends the options. Results go to stdout, messages to stderr; exit 0, 1 failed, 2 "
          "usage.\n",
          to);
}

// A mapped file that another program cuts short: reading past its new end raises SIGBUS, where our
// own code reads, so that what the clean-up calls is not in the middle of anything.
static void file_shrank(int signal_number) {
    (void)signal_number;
    static const char text[] =
        "wasmicro: IO: a file of the model became shorter while it was read\n";
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    (void)written;
    cli_drop_half();
    _exit(CLI_FAILED);
}

static int prepare(void) {
    // A file opened later must not become stdin or stderr.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && (fd == STDOUT_FILENO || open("/dev/null", O_RDWR) < 0))
            return cli_fail("standard output is closed");
    // Large enough for any help: what a failed write was about is known only when it is flushed.
    static char buffer[1 << 16];
    if (!isatty(STDOUT_FILENO)) setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    signal(SIGPIPE, SIG_IGN); // a closed pipe is a failed write, see cli_flush
    signal(SIGBUS, file_shrank);
    return CLI_OK;
}

static const command *find_command(const char *name) {
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(name, commands[i].name)) return &commands[i];
    return NULL;
}

static bool asks_for_help(char *const *arguments, int count) {
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++)
        if (!strcmp(arguments[i], "--help") || !strcmp(arguments[i], "-h")) return true;
    return false;
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        put_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    bool help = asks_for_help(argv + 1, 1) || !strcmp(name, "help");
    if (help && argc > 2) name = argv[2];
    if (!strcmp(name, "--version")) {
        printf("wasmicro %s\n", WM_VERSION);
        return CLI_OK;
    }
    const command *found = find_command(name);
    if (found && (help || asks_for_help(argv + 2, argc - 2)))
        fputs(found->help, stdout);
    else if (found)
        return found->run(argv + 2, argc - 2);
    else if (help && argc == 2)
        put_help(stdout);
    else
        return cli_usage("no command \"%s\"; wasmicro --help lists them", name);
    return CLI_OK;
}

int main(int argc, char **argv) {
    int result = prepare();
    if (result == CLI_OK) result = run(argc, argv);
    int flushed = cli_flush();
    return result == CLI_OK ? flushed : result;
}
