// SPDX-License-Identifier: MIT OR Apache-2.0
// Signals that end a command which has something to clean up first.
#include "cli.h"

#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>

static volatile sig_atomic_t stop_signal;

static void remember(int signal_number) { stop_signal = signal_number; }

void cli_stop_gently(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction gently = {.sa_handler = remember, .sa_flags = (int)SA_RESETHAND}, before;
    sigemptyset(&gently.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (!sigaction(signals[i], NULL, &before) && before.sa_handler == SIG_DFL)
            sigaction(signals[i], &gently, NULL);
}

bool cli_stopped(void) { return stop_signal != 0; }

void cli_stop_now(void) {
    if (stop_signal) raise(stop_signal);
}

// ---- What is half done -------------------------------------------------------------------------

static const char *half[2];
static size_t halves;

void cli_half_done(const char *path) {
    if (path)
        half[halves++] = path;
    else
        halves--;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
    (void)about, (void)kind, (void)where;
    remove(path);
    return 0;
}

void cli_remove(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

void cli_drop_half(void) {
    while (halves) cli_remove(half[--halves]);
}
