// SPDX-License-Identifier: MIT OR Apache-2.0
// Results. The program never calls setlocale, so a decimal point is a point everywhere.
#include "cli.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_put_floats(const float *values, size_t count) {
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] - values[i] == 0.0f))
            return cli_fail("NUMERIC: value %zu is not a finite number", i);
        printf(i ? ",%.9g" : "%.9g", (double)values[i]);
    }
    putchar(']');
    return CLI_OK;
}

void cli_put_ids(const int32_t *ids, size_t count) {
    putchar('[');
    for (size_t i = 0; i < count; i++) printf(i ? ",%ld" : "%ld", (long)ids[i]);
    putchar(']');
}

void cli_write_string(FILE *to, wm_span text) {
    putc('"', to);
    for (size_t i = 0; i < text.n; i++) {
        int c = text.p[i];
        if (c == '"' || c == '\\')
            fprintf(to, "\\%c", c);
        else if (c < 0x20)
            fprintf(to, "\\u%04x", (unsigned)c);
        else
            putc(c, to);
    }
    putc('"', to);
}

void cli_put_string(wm_span text) { cli_write_string(stdout, text); }

int cli_flush(void) {
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout)) return CLI_OK;
    // Whoever read has had enough: no message, but what was asked for was not all written.
    struct pollfd pipe = {STDOUT_FILENO, POLLOUT, 0};
    if (errno == EPIPE || (poll(&pipe, 1, 0) == 1 && pipe.revents & POLLERR)) return CLI_FAILED;
    return cli_fail("cannot write the results%s%s", errno ? ": " : "",
                    errno ? strerror(errno) : "");
}

// The header's length is fixed, so that the number of rows can be filled in at the end.
enum { NPY_HEADER = 128 };

static bool put_npy_header(const cli_npy *npy) {
    char header[NPY_HEADER + 1];
    int n =
        snprintf(header, sizeof header,
                 "\x93NUMPY%c%c%c%c{'descr': '<f4', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 1, 0, NPY_HEADER - 10, 0, npy->rows, npy->width);
    memset(header + n, ' ', (size_t)(NPY_HEADER - n));
    header[NPY_HEADER - 1] = '\n';
    return fwrite(header, 1, NPY_HEADER, npy->file) == NPY_HEADER;
}

static int npy_failed(const cli_npy *npy) {
    return cli_fail("%s: IO: %s", npy->path, strerror(errno));
}

static void npy_end(const cli_npy *npy, int result) {
    if (result != CLI_OK && npy->regular) remove(npy->path);
    cli_half_done(NULL);
}

int cli_npy_open(cli_npy *npy, const char *path, size_t width) {
    *npy = (cli_npy){.file = fopen(path, "wb"), .path = path, .width = width};
    if (!npy->file) return npy_failed(npy);
    struct stat about;
    npy->regular = !fstat(fileno(npy->file), &about) && S_ISREG(about.st_mode);
    cli_stop_gently();
    cli_half_done(npy->regular ? path : "");
    if (put_npy_header(npy) && fflush(npy->file) == 0 &&
        fseek(npy->file, NPY_HEADER, SEEK_SET) == 0)
        return CLI_OK;
    int result = cli_fail("%s: IO: %s (a file is needed: its first bytes are written last)", path,
                          strerror(errno));
    fclose(npy->file);
    npy_end(npy, result);
    return result;
}

int cli_npy_row(cli_npy *npy, const float *row) {
    if (cli_stopped()) return CLI_FAILED;
    if (fwrite(row, sizeof *row, npy->width, npy->file) != npy->width) return npy_failed(npy);
    npy->rows++;
    return CLI_OK;
}

int cli_npy_close(cli_npy *npy, int result) {
    if (result == CLI_OK && (fseek(npy->file, 0, SEEK_SET) || !put_npy_header(npy)))
        result = npy_failed(npy);
    if (fclose(npy->file) && result == CLI_OK) result = npy_failed(npy);
    npy_end(npy, result);
    cli_stop_now();
    return result;
}
