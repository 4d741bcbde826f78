// SPDX-License-Identifier: MIT OR Apache-2.0
#define _DEFAULT_SOURCE // strncasecmp, with _XOPEN_SOURCE
#include "http.h"

#include "../src/base/base.h"
#include "../src/base/magic.h"
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

// One line: what goes into it may come from a server.
__attribute__((format(printf, 2, 3))) static int refuse(http *h, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(h->message, sizeof h->message, format, arguments);
    va_end(arguments);
    for (char *c = h->message; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
    return CLI_FAILED;
}

#ifndef WM_CURL

static int no_curl(http *h) {
    return refuse(h, "UNSUPPORTED: this wasmicro was built without libcurl and cannot reach the "
                     "hub (libcurl4-openssl-dev, then build again)");
}

int http_open(http *h) { return no_curl(h); }
void http_close(http *h) { (void)h; }

int http_get_text(http *h, const char *url, http_text *text) {
    (void)url, (void)text;
    return no_curl(h);
}
int http_get_about(http *h, const char *url, http_about *about) {
    (void)url, (void)about;
    return no_curl(h);
}
int http_get_file(http *h, const char *url, const http_file *file, bool *keep) {
    (void)url, (void)file, (void)keep;
    return no_curl(h);
}

#else

#include <curl/curl.h>

// One GET or HEAD with its redirects and retries. The headers are of the answer at hand.
typedef struct transfer {
    http *h;
    const char *url;       // that was asked for first
    const http_file *file; // or
    http_text *text;       // or
    http_about *about;
    size_t capacity;     // of text
    sha hash;            // of what the file has,
    uint64_t have;       // so many bytes
    char validator[140]; // the ETag of the answer that they came from
    char etag[140], linked_etag[140], commit[140], range[80], said[240];
    uint64_t length, linked_size;
    bool encoded, stopped; // Content-Encoding; we did not want the rest
    bool looked;           // at the answer's headers, before its body
    curl_off_t seen;       // so many bytes came in,
    time_t moved;          // and none since then
    char body[200];        // the beginning of an answer that is none
    size_t body_size;
} transfer;

typedef enum outcome { DONE, RETRY, GIVE_UP } outcome;

// ---- What comes in -----------------------------------------------------------------------------

static void copy_text(char *to, size_t size, const char *from, size_t n) {
    if (n >= size) n = 0; // an ETag that is cut short is none
    memcpy(to, from, n);
    to[n] = 0;
}

// Numbers alone; anything else is HTTP_UNKNOWN.
static uint64_t number_of(const char *text, size_t n) {
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9' || number > UINT64_MAX / 10 - 9) return HTTP_UNKNOWN;
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return n ? number : HTTP_UNKNOWN;
}

static void forget_headers(transfer *t) {
    t->etag[0] = t->linked_etag[0] = t->range[0] = t->said[0] = 0;
    t->length = t->linked_size = HTTP_UNKNOWN;
    t->encoded = t->stopped = t->looked = false;
    t->body_size = 0;
}

static size_t take_header(char *line, size_t size, size_t count, void *context) {
    transfer *t = context;
    size_t n = size * count, name = 0;
    while (name < n && line[name] != ':') name++;
    if (n >= 5 && !memcmp(line, "HTTP/", 5)) forget_headers(t);
    if (name == n) return size * count;
    const char *value = line + name + 1;
    size_t length = n - name - 1;
    while (length && (*value == ' ' || *value == '\t')) value++, length--;
    while (length && (unsigned char)value[length - 1] <= ' ') length--;
    const struct {
        const char *name;
        char *to;
        size_t size;
    } texts[] = {
        {"etag", t->etag, sizeof t->etag},
        {"x-linked-etag", t->linked_etag, sizeof t->linked_etag},
        {"x-repo-commit", t->commit, sizeof t->commit},
        {"content-range", t->range, sizeof t->range},
        {"x-error-message", t->said, sizeof t->said},
    };
    for (size_t i = 0; i < WM_COUNT(texts); i++)
        if (name == strlen(texts[i].name) && !strncasecmp(line, texts[i].name, name))
            copy_text(texts[i].to, texts[i].size, value, length);
    if (name == 14 && !strncasecmp(line, "content-length", 14))
        t->length = number_of(value, length);
    if (name == 13 && !strncasecmp(line, "x-linked-size", 13))
        t->linked_size = number_of(value, length);
    if (name == 16 && !strncasecmp(line, "content-encoding", 16))
        t->encoded = !(length == 8 && !strncasecmp(value, "identity", 8));
    return size * count;
}

static bool take_text(transfer *t, const char *bytes, size_t n) {
    http_text *text = t->text;
    if (n > HTTP_MAX_TEXT - text->n) {
        refuse(t->h, "LIMIT: %s: more than %d MB", t->url, HTTP_MAX_TEXT >> 20);
        return false;
    }
    if (text->n + n + 1 > t->capacity) {
        size_t capacity = 2 * (text->n + n + 1);
        char *grown = realloc(text->p, capacity);
        if (!grown) {
            refuse(t->h, "NOMEM: no memory for %s", t->url);
            return false;
        }
        text->p = grown;
        t->capacity = capacity;
    }
    memcpy(text->p + text->n, bytes, n);
    text->n += n;
    text->p[text->n] = 0;
    return true;
}

static bool empty_file(transfer *t) {
    t->have = 0;
    sha_start(&t->hash, t->file->hash, t->file->size);
    if (ftruncate(t->file->fd, 0) == 0 && lseek(t->file->fd, 0, SEEK_SET) == 0) return true;
    refuse(t->h, "IO: %s", strerror(errno));
    return false;
}

static bool take_bytes(transfer *t, const char *bytes, size_t n) {
    if (n > t->file->size - t->have) { // never of HTTP_UNKNOWN
        refuse(t->h, "HASH: %s: longer than the %llu bytes promised", t->url,
               (unsigned long long)t->file->size);
        return false;
    }
    sha_add(&t->hash, bytes, n);
    for (size_t done = 0; done < n;) {
        ssize_t written = write(t->file->fd, bytes + done, n - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            refuse(t->h, "IO: cannot write: %s", strerror(errno));
            return false;
        }
        done += (size_t)written;
    }
    t->have += n;
    if (t->file->progress) t->file->progress(t->file->context, t->have);
    return true;
}

// What goes on where the file ends: the right Content-Range, of a file as long as was promised.
static bool is_continuation(const transfer *t, uint64_t from) {
    char want[40];
    int n = snprintf(want, sizeof want, "bytes %llu-", (unsigned long long)from);
    if (strncasecmp(t->range, want, (size_t)n) || t->encoded) return false;
    const char *total = strchr(t->range, '/');
    if (!total || t->file->size == HTTP_UNKNOWN) return total != NULL;
    return number_of(total + 1, strlen(total + 1)) == t->file->size;
}

static bool is_page(const transfer *t) {
    char *type = NULL;
    curl_easy_getinfo(t->h->curl, CURLINFO_CONTENT_TYPE, &type);
    return type && !strncasecmp(type, "text/html", 9);
}

// Is this answer what the file needs next? Asked before its first byte is taken.
static bool look_at(transfer *t, long status) {
    t->looked = true;
    if (status == 206 && !is_continuation(t, t->have)) {
        refuse(t->h, "HTTP: %s: asked for bytes from %llu on, got \"%s\"", t->url,
               (unsigned long long)t->have, t->range);
        t->stopped = !empty_file(t);
        return false; // from the beginning, then
    }
    if (status != 200) return true;
    t->stopped = (t->file->data && is_page(t)) || (t->have && !empty_file(t));
    if (t->file->data && is_page(t)) refuse(t->h, "FORMAT: %s gave an HTML page", t->url);
    copy_text(t->validator, sizeof t->validator, t->etag, strlen(t->etag));
    if (!strncmp(t->validator, "W/", 2) || t->encoded) t->validator[0] = 0;
    return !t->stopped;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    transfer *t = context;
    long status = 0;
    curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
    size_t n = size * count;
    if (t->about || (status != 200 && status != 206)) {
        size_t taken = WM_MIN(n, sizeof t->body - 1 - t->body_size);
        memcpy(t->body + t->body_size, bytes, taken);
        t->body_size += taken;
        t->body[t->body_size] = 0;
        return n;
    }
    if (t->file && !t->looked && !look_at(t, status)) return 0;
    t->stopped = !(t->text ? take_text(t, bytes, n) : take_bytes(t, bytes, n));
    return t->stopped ? 0 : n;
}

// ---- One request -------------------------------------------------------------------------------

// "https://host:443", into `origin`.
static bool origin_of(const char *url, char *origin, size_t size) {
    CURLU *parsed = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    bool good = parsed && !curl_url_set(parsed, CURLUPART_URL, url, 0) &&
                !curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) &&
                !curl_url_get(parsed, CURLUPART_HOST, &host, 0) &&
                !curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    good = good && (size_t)snprintf(origin, size, "%s://%s:%s", scheme, host, port) < size;
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return good;
}

static bool add_line(struct curl_slist **lines, const char *format, const char *value) {
    char line[1200];
    if ((size_t)snprintf(line, sizeof line, format, value) >= sizeof line) return false;
    struct curl_slist *longer = curl_slist_append(*lines, line);
    if (longer) *lines = longer;
    return longer != NULL;
}

static bool add_headers(const transfer *t, bool own_host, struct curl_slist **lines) {
    char first[24];
    snprintf(first, sizeof first, "%llu", (unsigned long long)t->have);
    if (own_host && t->h->token && !add_line(lines, "Authorization: Bearer %s", t->h->token))
        return false;
    if (!t->file || !t->have) return true;
    return add_line(lines, "Range: bytes=%s-", first) &&
           (!t->validator[0] || add_line(lines, "If-Range: %s", t->validator));
}

static unsigned patience(const transfer *t) {
    return t->file ? t->h->idle_seconds : t->h->answer_seconds;
}

// libcurl's own limit is on a mean of some seconds: this one is on silence.
static int watch(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                 curl_off_t up) {
    (void)total, (void)up_total, (void)up;
    transfer *t = context;
    struct timespec clock;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    if (now != t->seen) t->moved = 0;
    if (!t->moved) t->moved = clock.tv_sec + 1;
    t->seen = now;
    return clock.tv_sec + 1 - t->moved > (time_t)patience(t);
}

// Certificates besides the system's, where Python's libraries look for them.
static const char *certificates(void) {
    static const char *const names[] = {"REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    const char *path = NULL;
    for (size_t i = 0; i < WM_COUNT(names) && !(path && *path); i++) path = getenv(names[i]);
    return path && *path ? path : NULL;
}

static CURLcode perform(transfer *t, const char *url, bool own_host) {
    CURL *curl = t->h->curl;
    struct curl_slist *lines = NULL;
    forget_headers(t);
    t->seen = 0, t->moved = 0;
    curl_easy_reset(curl);
    if (!add_headers(t, own_host, &lines)) {
        curl_slist_free_all(lines);
        return CURLE_OUT_OF_MEMORY;
    }
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOBODY, t->about ? 1L : 0L);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "wasmicro/" WM_VERSION);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, t->text ? "" : "identity");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)patience(t));
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
    if (certificates()) curl_easy_setopt(curl, CURLOPT_CAINFO, certificates());
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    CURLcode code = curl_easy_perform(curl);
    curl_slist_free_all(lines);
    return code;
}

// Where an answer sends us: *next, to be freed; NULL where it does not. The hub's own answer to
// HEAD tells what is asked, so that no other host is.
static bool find_redirect(transfer *t, const char *url, const char *first_origin, char **next) {
    char *target = NULL, origin[1200];
    long status = 0;
    *next = NULL;
    curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 300 || status > 399) return true;
    curl_easy_getinfo(t->h->curl, CURLINFO_REDIRECT_URL, &target);
    if (!target || !origin_of(target, origin, sizeof origin)) {
        refuse(t->h, "HTTP: %ld for %s without a place to go", status, url);
        return false;
    }
    if (t->about && (t->linked_etag[0] || strcmp(origin, first_origin))) return true;
    size_t scheme = strcspn(url, ":");
    if (strncmp(url, target, scheme + 1)) {
        refuse(t->h, "HTTP: %s redirects to another scheme: %.100s", t->url, target);
        return false;
    }
    *next = strdup(target);
    if (!*next) refuse(t->h, "NOMEM: no memory for an address");
    return *next != NULL;
}

// A request and its redirects; false: given up.
static bool follow(transfer *t, CURLcode *code) {
    char first[1200], origin[1200];
    char *url = strdup(t->url), *next = NULL;
    bool good = url && origin_of(url, first, sizeof first);
    if (!good) refuse(t->h, "ARG: not an address: %.200s", t->url);
    for (int hops = 0; good; hops++) {
        good = origin_of(url, origin, sizeof origin);
        *code = perform(t, url, !strcmp(first, origin));
        if (*code != CURLE_OK || !good) break;
        good = find_redirect(t, url, first, &next);
        if (!good || !next) break;
        if (hops == HTTP_REDIRECTS) {
            refuse(t->h, "HTTP: more than %d redirects from %s", HTTP_REDIRECTS, t->url);
            good = false;
        }
        free(url);
        url = next;
        next = NULL;
    }
    free(next);
    free(url);
    return good;
}

// ---- What an answer means -----------------------------------------------------------------------

static outcome status_outcome(transfer *t, long status) {
    const char *hint = "";
    if (status == 401)
        hint = t->h->token ? " (is the token right?)"
                           : " (no such repository, or one that needs a token: HF_TOKEN, --token)";
    if (status == 403) hint = " (the token has no access: ask for it on the repository's page)";
    bool html = t->body_size && t->body[0] == '<';
    refuse(t->h, "HTTP: %ld for %s%s%s%s", status, t->url,
           t->said[0] || (t->body_size && !html) ? ": " : "",
           t->said[0]              ? t->said
           : t->body_size && !html ? t->body
                                   : "",
           hint);
    return status == 408 || status == 429 || status >= 500 ? RETRY : GIVE_UP;
}

static outcome curl_outcome(transfer *t, CURLcode code) {
    if (t->stopped) return GIVE_UP; // and the reason is there
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_OUT_OF_MEMORY:
        refuse(t->h, "HTTP: %s: %s", t->url, curl_easy_strerror(code));
        return GIVE_UP;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
        refuse(t->h, "HTTP: %s: silent for %u seconds", t->url, patience(t));
        return RETRY;
    default: refuse(t->h, "HTTP: %s: %s", t->url, curl_easy_strerror(code)); return RETRY;
    }
}

static outcome attempt(transfer *t) {
    CURLcode code = CURLE_OK;
    long status = 0;
    if (!follow(t, &code)) return GIVE_UP;
    curl_easy_getinfo(t->h->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->looked && code == CURLE_WRITE_ERROR && !t->stopped) return RETRY; // a wrong 206
    if (code != CURLE_OK) return curl_outcome(t, code);
    if (t->file && status == 416 && t->have) {
        refuse(t->h, "HTTP: 416 for %s", t->url);
        return empty_file(t) ? RETRY : GIVE_UP;
    }
    if (t->about && status >= 300 && status < 400) return DONE;
    if (status != 200 && status != 206) return status_outcome(t, status);
    if (t->file && !t->looked) return look_at(t, status) ? DONE : GIVE_UP; // it has no body
    return DONE;
}

// ---- Retries -----------------------------------------------------------------------------------

// Doubling from a quarter of a second, with jitter; or as long as the server asks for.
static bool wait_before(transfer *t, int tries) {
    struct timespec now;
    curl_off_t asked = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)(1 << tries) * (0.25 + (double)(now.tv_nsec % 1000) / 8000);
#if LIBCURL_VERSION_NUM >= 0x074200
    curl_easy_getinfo(t->h->curl, CURLINFO_RETRY_AFTER, &asked);
#endif
    if (asked > 300) return false;
    if (asked > 0 && (double)asked > seconds) seconds = (double)asked;
    if (!t->h->quiet) fprintf(stderr, "wasmicro: %s; again in %.1f s\n", t->h->message, seconds);
    struct timespec pause = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&pause, &pause) && errno == EINTR) {}
    return true;
}

// A try that brought the file on by a megabyte is not counted.
static int run_transfer(transfer *t) {
    uint64_t best = t->have;
    for (int tries = 0;; tries++) {
        outcome result = attempt(t);
        if (t->file && t->have && t->have == t->file->size) return CLI_OK; // the rest is noise
        if (result != RETRY) return result == DONE ? CLI_OK : CLI_FAILED;
        if (t->have >= best + (1 << 20)) {
            best = t->have;
            tries = 0;
        }
        if (tries == HTTP_RETRIES || !wait_before(t, tries)) return CLI_FAILED;
        if (t->text) t->text->n = 0;
    }
}

int http_open(http *h) {
    if (!h->curl && !curl_global_init(CURL_GLOBAL_DEFAULT)) h->curl = curl_easy_init();
    return h->curl ? CLI_OK : refuse(h, "NOMEM: libcurl does not start");
}

void http_close(http *h) {
    if (!h->curl) return;
    curl_easy_cleanup(h->curl);
    curl_global_cleanup();
    h->curl = NULL;
}

int http_get_text(http *h, const char *url, http_text *text) {
    transfer t = {.h = h, .url = url, .text = text};
    *text = (http_text){0};
    int result = run_transfer(&t);
    if (result == CLI_OK && !text->p && !(text->p = calloc(1, 1)))
        result = refuse(h, "NOMEM: no memory for an answer");
    if (result == CLI_OK) return CLI_OK;
    free(text->p);
    *text = (http_text){0};
    return result;
}

// An ETag without its quotes and W/.
static void plain_etag(char *to, const char *etag) {
    if (!strncmp(etag, "W/", 2)) etag += 2;
    if (*etag == '"') etag++;
    size_t n = strcspn(etag, "\"");
    memcpy(to, etag, n);
    to[n] = 0;
}

int http_get_about(http *h, const char *url, http_about *about) {
    transfer t = {.h = h, .url = url, .about = about};
    int result = run_transfer(&t);
    if (result != CLI_OK) return result;
    *about = (http_about){.linked = t.linked_etag[0] != 0};
    plain_etag(about->etag, about->linked ? t.linked_etag : t.etag);
    about->size = about->linked ? t.linked_size : t.encoded ? HTTP_UNKNOWN : t.length;
    memcpy(about->commit, t.commit, sizeof about->commit);
    return CLI_OK;
}

// ---- Files -------------------------------------------------------------------------------------

// Hashes what an earlier run has left.
static bool read_beginning(transfer *t) {
    uint8_t block[1 << 16];
    if (lseek(t->file->fd, 0, SEEK_SET)) return false;
    for (ssize_t n; (n = read(t->file->fd, block, sizeof block)) != 0;) {
        if (n < 0) return false;
        sha_add(&t->hash, block, (size_t)n);
        t->have += (uint64_t)n;
    }
    return true;
}

static int check_file(transfer *t) {
    char got[65];
    uint8_t start[64] = {0};
    wm_error error;
    const http_file *file = t->file;
    if (file->size != HTTP_UNKNOWN && t->have != file->size)
        return refuse(t->h, "HASH: %s has %llu bytes, %llu were promised", t->url,
                      (unsigned long long)t->have, (unsigned long long)file->size);
    sha_hex(&t->hash, got);
    ssize_t n = pread(file->fd, start, sizeof start, 0);
    wm_span head = {start, n > 0 ? (size_t)n : 0};
    wm_span name = wm_span_of(t->url);
    if (file->data && wm_magic_check(head, name, &error) == WM_ERROR_FORMAT)
        return refuse(t->h, "FORMAT: %s", error.text);
    if (file->hash && strcmp(got, file->hash))
        return refuse(t->h, "HASH: %s has SHA-%s %s, promised is %s", t->url, got[40] ? "256" : "1",
                      got, file->hash);
    return CLI_OK;
}

int http_get_file(http *h, const char *url, const http_file *file, bool *keep) {
    transfer t = {.h = h, .url = url, .file = file};
    sha_start(&t.hash, file->hash, file->size);
    *keep = true;
    if (!read_beginning(&t)) return refuse(h, "IO: %s", strerror(errno));
    if (t.have > file->size && !empty_file(&t)) return CLI_FAILED;
    uint64_t before = t.have;
    int result = before && before == file->size ? CLI_OK : run_transfer(&t);
    if (result == CLI_OK) result = check_file(&t);
    // Bytes that are not those promised; what an earlier run has left may be to blame.
    *keep =
        result != CLI_OK && !!strncmp(h->message, "HASH", 4) && !!strncmp(h->message, "FORMAT", 6);
    if (result == CLI_OK || *keep || !before) return result;
    t.validator[0] = 0;
    if (!empty_file(&t) || run_transfer(&t) != CLI_OK) return CLI_FAILED;
    return check_file(&t);
}

#endif
