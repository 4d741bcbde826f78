// SPDX-License-Identifier: MIT OR Apache-2.0
#include "decoder.h"

#include "model.h"

// What a step works on.
typedef struct decoder_job {
    const wm_decoder *step;
    const wm_allocator *host;
    wm_pieces *to;
    bool failed;
    bool begun; // SENTENCE: what is dropped has been
    size_t run; // BYTE_FALLBACK: where the run of bytes begins
} decoder_job;

static void put_bytes(decoder_job *job, const void *bytes, size_t n) {
    if (!job->failed && !wm_array_push(&job->to->bytes, job->host, bytes, n)) job->failed = true;
}

static void put_replacement(decoder_job *job) { put_bytes(job, "\xEF\xBF\xBD", 3); }

static void end_piece(decoder_job *job) {
    put_bytes(job, "", 0); // so that there is an array
    uint32_t end = (uint32_t)job->to->bytes.n;
    if (!job->failed && !wm_array_push(&job->to->ends, job->host, &end, sizeof end))
        job->failed = true;
}

bool wm_pieces_push(wm_pieces *pieces, const wm_allocator *host, wm_span piece) {
    decoder_job job = {.host = host, .to = pieces};
    put_bytes(&job, piece.p, piece.n);
    end_piece(&job);
    return !job.failed;
}

// ---- Bytes to text ------------------------------------------------------------------------------

// How many bytes at `p` could begin a character but do not: what one U+FFFD stands for.
static size_t broken_length(const uint8_t *p, size_t left) {
    uint8_t whole[4] = {p[0], 0x80, 0x80, 0x80};
    uint32_t c;
    size_t n = 1;
    for (; n < WM_MIN(left, sizeof whole); n++) {
        whole[n] = p[n];
        if (!wm_utf8_decode(whole, sizeof whole, &c)) break;
    }
    return n;
}

// Makes the output's bytes from `start` on text. What is not UTF-8 becomes U+FFFD: for byte
// fallback each byte, else what could begin a character.
static void mend(decoder_job *job, size_t start) {
    bool each = job->step->kind == WM_DECODER_BYTE_FALLBACK;
    wm_array broken = job->to->bytes;
    if (job->failed || broken.n == start) return;
    wm_span bytes = {(const uint8_t *)broken.p + start, broken.n - start};
    if (wm_utf8_check(bytes) == bytes.n) return;
    job->to->bytes = (wm_array){0};
    put_bytes(job, broken.p, start);
    while (bytes.n) {
        size_t n = wm_utf8_check(bytes);
        put_bytes(job, bytes.p, n);
        if (n < bytes.n) {
            if (each || !job->step->flag) put_replacement(job);
            n += each ? 1 : broken_length(bytes.p + n, bytes.n - n);
        }
        bytes = (wm_span){bytes.p + n, bytes.n - n};
    }
    wm_array_free(&broken, job->host);
}

// A piece in ByteLevel's alphabet as its bytes; another one as it is.
static void put_byte_level(decoder_job *job, wm_span piece) {
    uint32_t c;
    size_t start = job->to->bytes.n;
    for (size_t at = 0, length; at < piece.n; at += length) {
        length = wm_utf8_decode(piece.p + at, piece.n - at, &c);
        int byte = length ? wm_byte_level_read(c) : -1;
        if (byte < 0) {
            job->to->bytes.n = start;
            put_bytes(job, piece.p, piece.n);
            return;
        }
        uint8_t value = (uint8_t)byte;
        put_bytes(job, &value, 1);
    }
}

int wm_byte_piece_read(wm_span piece) {
    int value = 0;
    if (piece.n != 6 || memcmp(piece.p, "<0x", 3) != 0 || piece.p[5] != '>') return -1;
    for (size_t i = 3; i < 5; i++) {
        uint8_t digit = piece.p[i], letter = digit | 0x20;
        if (digit >= '0' && digit <= '9')
            value = value * 16 + digit - '0';
        else if (letter >= 'a' && letter <= 'f')
            value = value * 16 + letter - 'a' + 10;
        else
            return -1;
    }
    return value;
}

// Ends a run of bytes: a piece of text, or U+FFFD for each byte.
static void end_byte_run(decoder_job *job) {
    wm_array *bytes = &job->to->bytes;
    if (job->failed || bytes->n == job->run) return;
    wm_span run = {(const uint8_t *)bytes->p + job->run, bytes->n - job->run};
    if (job->step->flag || wm_utf8_check(run) == run.n) {
        mend(job, job->run);
        end_piece(job);
        return;
    }
    bytes->n = job->run;
    for (; run.n > 0; run.n--) {
        put_replacement(job);
        end_piece(job);
    }
}

// ---- Piece by piece -----------------------------------------------------------------------------

static WM_NOINLINE bool begins_with(wm_span text, wm_span what) {
    return what.n && text.n >= what.n && memcmp(text.p, what.p, what.n) == 0;
}

static void put_replaced(decoder_job *job, wm_span text, wm_span pattern, wm_span content) {
    while (text.n) {
        bool match = begins_with(text, pattern);
        size_t n = match ? pattern.n : 1;
        put_bytes(job, match ? content.p : text.p, match ? content.n : 1);
        text = (wm_span){text.p + n, text.n - n};
    }
}

// The output from `start` on, cleaned up: English as `tokenizers` does; transformers has not the
// first rule.
static void clean_up(decoder_job *job, size_t start) {
    static const char rules[] =
        " do not\0 don't\0 .\0.\0 ?\0?\0 !\0!\0 ,\0,\0 ' \0'\0 n't\0n't\0 'm\0'm\0 's\0's\0"
        " 've\0've\0 're\0're\0";
    wm_array *bytes = &job->to->bytes;
    if (bytes->n == start) return;
    const char *rule =
        job->step->kind == WM_DECODER_CLEAN ? rules + sizeof " do not\0 don't" : rules;
    while (*rule && !job->failed) {
        wm_span pattern = wm_span_of(rule), content = wm_span_of(rule + pattern.n + 1);
        uint8_t *p = (uint8_t *)bytes->p + start;
        size_t n = bytes->n - start, kept = 0;
        for (size_t at = 0; at < n;) { // never longer than it was
            bool match = begins_with((wm_span){p + at, n - at}, pattern);
            if (match)
                memcpy(p + kept, content.p, content.n);
            else
                p[kept] = p[at];
            kept += match ? content.n : 1;
            at += match ? pattern.n : 1;
        }
        bytes->n = start + kept;
        rule += pattern.n + content.n + 2;
    }
}

static wm_span strip_piece(const wm_decoder *step, wm_span piece) {
    wm_span content = step->content;
    for (uint32_t i = 0; i < step->start && begins_with(piece, content); i++)
        piece = (wm_span){piece.p + content.n, piece.n - content.n};
    for (uint32_t i = 0; i < step->stop && piece.n >= content.n &&
                         memcmp(piece.p + piece.n - content.n, content.p, content.n) == 0;
         i++)
        piece.n -= content.n;
    return piece;
}

static void decode_piece(decoder_job *job, wm_span piece, bool first, bool last) {
    const wm_decoder *step = job->step;
    size_t start = job->to->bytes.n, drop = 0;
    wm_span pattern = {0}, content = WM_TEXT(" "); // what is replaced, by what
    switch (step->kind) {
    case WM_DECODER_BYTE_LEVEL: put_byte_level(job, piece); return;
    case WM_DECODER_WORDPIECE:
        if (!first && (!step->content.n || begins_with(piece, step->content)))
            drop = step->content.n;
        else if (!first)
            put_bytes(job, " ", 1);
        break;
    case WM_DECODER_METASPACE:
        pattern = step->content;
        content.n = !first || step->flag;
        break;
    case WM_DECODER_BPE:
        pattern = step->content;
        content.n = !last;
        break;
    case WM_DECODER_REPLACE:
        pattern = step->pattern;
        content = step->content;
        break;
    case WM_DECODER_STRIP: piece = strip_piece(step, piece); break;
    case WM_DECODER_SENTENCE:
        pattern = WM_TEXT("\xE2\x96\x81");
        if (step->start && !job->begun && !start && begins_with(piece, pattern)) {
            drop = pattern.n;
            job->begun = !step->flag;
        }
        break;
    case WM_DECODER_SPACED:
        if (!first) put_bytes(job, " ", 1);
        break;
    default: break;
    }
    piece = (wm_span){piece.p + drop, piece.n - drop};
    if (pattern.n)
        put_replaced(job, piece, pattern, content);
    else
        put_bytes(job, piece.p, piece.n);
    if (step->kind == WM_DECODER_WORDPIECE && step->flag) clean_up(job, start);
}

bool wm_decoder_run(const wm_decoder *step, const wm_pieces *from, wm_pieces *to,
                    const wm_allocator *host) {
    decoder_job job = {.step = step, .host = host, .to = to};
    const uint32_t *ends = from->ends.p;
    size_t count = from->ends.n / sizeof *ends;
    bool clean = step->kind == WM_DECODER_CLEAN;
    bool joined = step->kind == WM_DECODER_BYTE_LEVEL || step->kind == WM_DECODER_FUSE || clean;
    bool bytes = step->kind == WM_DECODER_BYTE_FALLBACK;
    to->bytes.n = to->ends.n = 0;
    for (size_t i = 0, start = 0; i < count && !job.failed; start = ends[i++]) {
        wm_span piece = {(const uint8_t *)from->bytes.p + start, ends[i] - start};
        int byte = bytes ? wm_byte_piece_read(piece) : -1;
        uint8_t value = (uint8_t)byte;
        if (byte >= 0) {
            put_bytes(&job, &value, 1);
            continue;
        }
        if (bytes) end_byte_run(&job);
        decode_piece(&job, piece, i == 0, i + 1 == count);
        if (!joined) end_piece(&job);
        job.run = to->bytes.n;
    }
    if (bytes) end_byte_run(&job);
    if (step->kind == WM_DECODER_BYTE_LEVEL) mend(&job, 0);
    if (clean) clean_up(&job, 0);
    if (joined) end_piece(&job);
    return !job.failed;
}
