// SPDX-License-Identifier: MIT OR Apache-2.0
// GET over libcurl: redirects, retries, resuming, and the checks that a download must pass.
#ifndef WM_HTTP_H
#define WM_HTTP_H

#include "../include/wasmicro.h"
#include "sha.h"

#define HTTP_UNKNOWN UINT64_MAX

enum { HTTP_MAX_TEXT = 64 << 20, HTTP_REDIRECTS = 5, HTTP_RETRIES = 3 };

// Called with how many bytes of the file are there, whenever that changes.
typedef void (*http_progress_fn)(void *context, uint64_t bytes);

typedef struct http {
    void *curl;        // CURL *
    const char *token; // or NULL; goes to the origin of the URL asked for and nowhere else
    // A connection that is silent for so long is given up: a file's, and any other.
    unsigned idle_seconds, answer_seconds;
    bool quiet;        // no word about retries
    char message[600]; // what went wrong: "HTTP: …"
} http;

// What the hub says of a file in its headers, on the way to the bytes.
typedef struct http_about {
    char etag[140], commit[140];
    uint64_t size; // HTTP_UNKNOWN: it does not say
    bool linked;   // the ETag is of a large file: its SHA-256
} http_about;

typedef struct http_text {
    char *p; // [n], and a NUL; the caller's to free
    size_t n;
} http_text;

typedef struct http_file {
    int fd;           // for reading and writing; what is in it is the file's beginning
    uint64_t size;    // promised, or HTTP_UNKNOWN
    const char *hash; // promised, as sha_start takes it, or NULL
    bool data;        // a page of HTML instead of it is an error
    http_progress_fn progress;
    void *context;
} http_file;

// All but these two return CLI_OK, or CLI_FAILED with `message` filled.
int http_open(http *h);
void http_close(http *h);

int http_get_text(http *h, const char *url, http_text *text);
int http_get_about(http *h, const char *url, http_about *about); // by HEAD, at the first host

// Fills file->fd with the whole file, checked by what is promised. *keep: what is in it may be gone
// on with after a failure.
int http_get_file(http *h, const char *url, const http_file *file, bool *keep);

#endif
