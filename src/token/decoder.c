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
    uint8_t low = 0x80, high = 0xBF;
    size_t length = p[0] < 0xC2 ? 1 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 1;
    if (p[0] == 0xE0) low = 0xA0;
    if (p[0] == 0xED) high = 0x9F;
    if (p[0] == 0xF0) low = 0x90;
    if (p[0] == 0xF4) high = 0x8F;
    size_t n = 1;
    for (; n < length && n < left && p[n] >= low && p[n] <= high; n++) {
        low = 0x80;
        high = 0xBF;
    }
    return n;
}

// Bytes as text, what is not UTF-8 as U+FFFD.
static void put_lossy(decoder_job *job, wm_span bytes) {
    while (bytes.n) {
        size_t good = wm_utf8_check(bytes);
        put_bytes(job, bytes.p, good);
        bytes = (wm_span){bytes.p + good, bytes.n - good};
        if (!bytes.n) return;
        if (!job->step->flag) put_replacement(job);
        good = broken_length(bytes.p, bytes.n);
        bytes = (wm_span){bytes.p + good, bytes.n - good};
    }
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

// Joins all pieces' bytes, then makes them text.
static void decode_byte_level(decoder_job *job, const wm_pieces *from) {
    wm_pieces bytes = {{0}, {0}}, *to = job->to;
    const uint32_t *ends = from->ends.p;
    job->to = &bytes;
    for (size_t i = 0, start = 0; i < from->ends.n / sizeof *ends; start = ends[i++])
        put_byte_level(job, (wm_span){(const uint8_t *)from->bytes.p + start, ends[i] - start});
    job->to = to;
    if (!job->failed) put_lossy(job, (wm_span){bytes.bytes.p, bytes.bytes.n});
    wm_array_free(&bytes.bytes, job->host);
    end_piece(job);
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

// Puts U+FFFD in the place of each byte of the output's last `n` that is of no character.
static void put_characters(decoder_job *job, size_t start, size_t n) {
    wm_array broken = job->to->bytes;
    const uint8_t *p = (const uint8_t *)broken.p + start;
    uint32_t c;
    job->to->bytes = (wm_array){0};
    put_bytes(job, broken.p, start);
    for (size_t at = 0, length; at < n; at += length) {
        length = wm_utf8_decode(p + at, n - at, &c);
        if (length)
            put_bytes(job, p + at, length);
        else
            put_replacement(job);
        length += !length;
    }
    end_piece(job);
    wm_array_free(&broken, job->host);
}

// Ends a run of bytes that began at `start` of the output: a piece of text, or U+FFFD for each
// byte.
static void end_byte_run(decoder_job *job, size_t start) {
    wm_array *bytes = &job->to->bytes;
    size_t n = bytes->n - start;
    if (job->failed || !n) return;
    if (wm_utf8_check((wm_span){(uint8_t *)bytes->p + start, n}) == n) {
        end_piece(job);
        return;
    }
    if (job->step->flag) {
        put_characters(job, start, n);
        return;
    }
    bytes->n = start;
    for (; n > 0; n--) {
        put_replacement(job);
        end_piece(job);
    }
}

static void decode_byte_fallback(decoder_job *job, const wm_pieces *from) {
    const uint32_t *ends = from->ends.p;
    size_t run = 0; // where the run of bytes begins
    for (size_t i = 0, start = 0; i < from->ends.n / sizeof *ends; start = ends[i++]) {
        wm_span piece = {(const uint8_t *)from->bytes.p + start, ends[i] - start};
        int byte = wm_byte_piece_read(piece);
        uint8_t value = (uint8_t)byte;
        if (byte >= 0) {
            put_bytes(job, &value, 1);
            continue;
        }
        end_byte_run(job, run);
        put_bytes(job, piece.p, piece.n);
        end_piece(job);
        run = job->to->bytes.n;
    }
    end_byte_run(job, run);
}

// ---- Piece by piece -----------------------------------------------------------------------------

static bool begins_with(wm_span text, wm_span what) {
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

// What the last `n` bytes of the output are is replaced, as `tokenizers` cleans up English.
static void clean_up(decoder_job *job, size_t start) {
    static const char rules[] =
        " .\0.\0 ?\0?\0 !\0!\0 ,\0,\0 ' \0'\0 n't\0n't\0 'm\0'm\0 do not\0 don't\0 's\0's\0"
        " 've\0've\0 're\0're\0";
    wm_array *bytes = &job->to->bytes;
    for (const char *rule = rules; *rule && !job->failed;) {
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

static void put_stripped(decoder_job *job, wm_span piece) {
    wm_span content = job->step->content;
    for (uint32_t i = 0; i < job->step->start && begins_with(piece, content); i++)
        piece = (wm_span){piece.p + content.n, piece.n - content.n};
    for (uint32_t i = 0; i < job->step->stop && piece.n >= content.n &&
                         memcmp(piece.p + piece.n - content.n, content.p, content.n) == 0;
         i++)
        piece.n -= content.n;
    put_bytes(job, piece.p, piece.n);
}

static void decode_piece(decoder_job *job, wm_span piece, bool first, bool last) {
    const wm_decoder *step = job->step;
    const wm_span meta = WM_TEXT("\xE2\x96\x81");
    size_t start = job->to->bytes.n;
    switch (step->kind) {
    case WM_DECODER_WORDPIECE:
        if (!first && (!step->content.n || begins_with(piece, step->content)))
            piece = (wm_span){piece.p + step->content.n, piece.n - step->content.n};
        else if (!first)
            put_bytes(job, " ", 1);
        put_bytes(job, piece.p, piece.n);
        if (step->flag) clean_up(job, start);
        break;
    case WM_DECODER_METASPACE:
        put_replaced(job, piece, step->content,
                     first && !step->flag ? (wm_span){piece.p, 0} : WM_TEXT(" "));
        break;
    case WM_DECODER_BPE:
        put_replaced(job, piece, step->content, last ? (wm_span){piece.p, 0} : WM_TEXT(" "));
        break;
    case WM_DECODER_REPLACE: put_replaced(job, piece, step->pattern, step->content); break;
    case WM_DECODER_STRIP: put_stripped(job, piece); break;
    case WM_DECODER_SENTENCE:
        if (step->start && !job->begun && !start && begins_with(piece, meta)) {
            piece = (wm_span){piece.p + meta.n, piece.n - meta.n};
            job->begun = !step->flag;
        }
        put_replaced(job, piece, meta, WM_TEXT(" "));
        break;
    case WM_DECODER_SPACED:
        if (!first) put_bytes(job, " ", 1);
        put_bytes(job, piece.p, piece.n);
        break;
    default: put_bytes(job, piece.p, piece.n); break;
    }
}

bool wm_decoder_run(const wm_decoder *step, const wm_pieces *from, wm_pieces *to,
                    const wm_allocator *host) {
    decoder_job job = {.step = step, .host = host, .to = to};
    const uint32_t *ends = from->ends.p;
    size_t count = from->ends.n / sizeof *ends;
    to->bytes.n = to->ends.n = 0;
    if (step->kind == WM_DECODER_BYTE_LEVEL)
        decode_byte_level(&job, from);
    else if (step->kind == WM_DECODER_BYTE_FALLBACK)
        decode_byte_fallback(&job, from);
    else {
        for (size_t i = 0, start = 0; i < count && !job.failed; start = ends[i++]) {
            decode_piece(&job, (wm_span){(const uint8_t *)from->bytes.p + start, ends[i] - start},
                         i == 0, i + 1 == count);
            if (step->kind != WM_DECODER_FUSE || i + 1 == count) end_piece(&job);
        }
    }
    return !job.failed;
}
