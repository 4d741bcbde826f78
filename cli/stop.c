// SPDX-License-Identifier: MIT OR Apache-2.0
// Signals that end a command which has something to clean up first.
#include "cli.h"

#include <signal.h>

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
