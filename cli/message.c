// SPDX-License-Identifier: MIT OR Apache-2.0
// Messages, on stderr.
#include "cli.h"

#include <stdarg.h>

static int message(int code, const char *format, va_list arguments) {
    fflush(stdout);
    fputs("wasmicro: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    return code;
}

int cli_fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int code = message(CLI_FAILED, format, arguments);
    va_end(arguments);
    return code;
}

int cli_usage(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int code = message(CLI_USAGE, format, arguments);
    va_end(arguments);
    return code;
}

int cli_error(const char *what, const wm_error *error) {
    return cli_fail("%s: %s: %s", what, wm_status_name(error->status), error->text);
}
