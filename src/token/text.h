// SPDX-License-Identifier: MIT OR Apache-2.0
// A text under way through the tokenizer, each byte of which knows the bytes of the caller's text
// that it came from; and the growing arrays that one call of encode needs.
#ifndef WM_TEXT_H
#define WM_TEXT_H

#include "../base/base.h"
#include "../base/utf8.h"

// ---- Arrays of one call -------------------------------------------------------------------------

// A growing array of bytes, runs, tokens, …; memory from the host, freed by wm_array_free.
typedef struct wm_array {
    void *p;
    size_t n, capacity; // in bytes
    uint32_t limit;     // of n; 0: 4 GB
} wm_array;

// Room for `bytes` more; false: no memory, or over the limit.
bool wm_array_reserve(wm_array *array, const wm_allocator *host, uint64_t bytes);
bool wm_array_push(wm_array *array, const wm_allocator *host, const void *bytes, size_t n);
// The place of a new element, which the caller fills; NULL: as above.
void *wm_array_add(wm_array *array, const wm_allocator *host, size_t size);
void wm_array_free(wm_array *array, const wm_allocator *host);

// Part of a text: its bytes [start, end).
typedef struct wm_piece {
    uint32_t start, end;
} wm_piece;

// The characters of a text that is UTF-8.
size_t wm_count_characters(wm_span text);

// ---- Texts --------------------------------------------------------------------------------------

// From byte `at` of a text on: each byte is that of the source from `start` on, if `end` is
// WM_RUN_SAME; else all of them stand for the source's bytes [start, end).
typedef struct wm_run {
    uint32_t at, start, end;
} wm_run;

#define WM_RUN_SAME UINT32_MAX

typedef struct wm_text {
    const uint8_t *p;
    size_t n;
    const wm_run *runs; // the first one at 0
    size_t run_count;
} wm_text;

// Goes over a range of a text character by character: [start, end) is the last one's source.
typedef struct wm_cursor {
    const wm_text *text;
    size_t at, stop;
    size_t run;
    uint32_t start, end;
} wm_cursor;

wm_cursor wm_cursor_from(const wm_text *text, size_t at, size_t stop);
bool wm_cursor_next(wm_cursor *cursor, uint32_t *c);

// The source's bytes of [start, end) of the cursor's text, which begins no earlier than the call
// before it. A character that the range cuts counts as a whole.
void wm_cursor_source(wm_cursor *cursor, size_t start, size_t end, uint32_t *from, uint32_t *to);

// ---- Writing a text -----------------------------------------------------------------------------

typedef struct wm_writer {
    const wm_allocator *host;
    wm_array bytes, runs;
    bool failed; // no memory: the text is not to be used
} wm_writer;

void wm_writer_clear(wm_writer *writer);
void wm_writer_free(wm_writer *writer);
wm_text wm_writer_text(const wm_writer *writer); // valid until the next write

// One character that stands for the source's [start, end).
void wm_writer_put(wm_writer *writer, uint32_t c, uint32_t start, uint32_t end);

// The cursor's text up to `stop`, as it is.
void wm_writer_copy(wm_writer *writer, wm_cursor *cursor, size_t stop);

// As `tokenizers` aligns what a transformation makes: `change` 0 puts `c` in the place of the
// cursor's next character, -n also takes n more away, 1 adds `c` beside the one before.
void wm_writer_change(wm_writer *writer, wm_cursor *cursor, uint32_t c, int change);

#endif
