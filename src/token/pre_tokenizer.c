// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pre_tokenizer.h"

#include "normalizer.h"

// What a step works on: one piece of `text`, and where its parts go.
typedef struct splitter_job {
    const wm_unicode *unicode;
    const wm_char_sets *sets;
    const wm_allocator *host;
    const wm_text *text;
    const wm_splitter *step;
    const char *pattern; // of the step; NULL: a literal
    uint32_t only;       // the set, if it is of one item
    wm_span list;        // of its class i
    wm_array *to;
    size_t end; // of the piece
    bool failed;
    // A part that may still grow, [open_start, open_end) where they differ.
    size_t open_start, open_end;
    bool open_match;
} splitter_job;

static void add_piece(splitter_job *job, size_t start, size_t end) {
    if (start == end || job->failed) return;
    wm_piece *piece = wm_array_add(job->to, job->host, sizeof *piece);
    job->failed = !piece;
    if (piece) *piece = (wm_piece){(uint32_t)start, (uint32_t)end};
}

static void close_part(splitter_job *job) {
    add_piece(job, job->open_start, job->open_end);
    job->open_start = job->open_end;
}

// A part of the piece, a match or what lies between two.
static void add_part(splitter_job *job, size_t start, size_t end, bool match) {
    if (start == end) return;
    match ^= job->step->invert;
    bool open = job->open_start < job->open_end, joins = false;
    switch (job->step->behavior) {
    case WM_SPLIT_REMOVED:
        if (match) return;
        break;
    case WM_SPLIT_ISOLATED: break;
    case WM_SPLIT_CONTIGUOUS: joins = match == job->open_match; break;
    case WM_SPLIT_WITH_PREVIOUS: joins = match && !job->open_match; break;
    case WM_SPLIT_WITH_NEXT: joins = !match && job->open_match; break;
    }
    if (!open || !joins) {
        close_part(job);
        job->open_start = start;
    }
    job->open_end = end;
    job->open_match = match;
}

// ---- Patterns -----------------------------------------------------------------------------------

// A pattern is alternatives, the first one that matches counts; an alternative is items, each a
// class of characters (see below) and how many of them: 1, ?, *, + as in regular expressions, 3 is
// {1,3}, ! looks ahead for one or the text's end. ' is a contraction, " one in any case.
#define PATTERN_SPACES "|s+s!|s+\0"
#define PATTERN_LINES "|s*r+" PATTERN_SPACES
#define PATTERN_CASED(short, numbers) \
    "b?u*v+" short "|b?u+v*" short "|" numbers "|_?o+h*" PATTERN_LINES
static const char splitter_patterns[] = // by wm_splitter_kind
    "'1|_?l+|_?n+|_?o+" PATTERN_SPACES  // GPT2
    "s1\0x1\0n1\0"                      // SPACES, PUNCTUATION, NUMBERS
    "\"1|b?l+|n1|_?o+r*" PATTERN_LINES  // QWEN
    "\"1|b?m+|n1|_?f+r*" PATTERN_LINES  // QWEN35
    "\"1|b?l+|n3|_?o+r*" PATTERN_LINES  // CL100K
        PATTERN_CASED("\"?", "n3")      // O200K
    PATTERN_CASED("", "n1")             // TEKKEN
    "p1a+|e?m+|_?g+r*" PATTERN_LINES    // DEEPSEEK
    "n3\0r1\0s?l+\0s?d+\0" // THREE_NUMBERS, LINE_ENDS, SPACE_LETTERS, SPACE_PUNCTUATION
    "s+z!\0i+\0s?i+\0"     // END_SPACES, LIST, SPACE_LIST
    "k+|y+\0";             // WORD_RUNS

enum { // flags beside those of wm_char_flag
    IS_ANY = 1 << 29,
    IS_BEYOND = 1 << 30, // ASCII
    IS_BODY = WM_CHAR_LETTER | WM_CHAR_NUMBER,
    IS_CASED = WM_CHAR_LETTER | WM_CHAR_MARK,
    IS_SIGN = WM_CHAR_PUNCTUATION | WM_CHAR_SYMBOL,
};

// What is of a class has one of the first flags and none of the second ones. Then there are _, a
// blank; h, [\r\n/]; i, what the pattern lists; r, [\r\n]; z, \n.
#define SET_OF(name) (1u << ((name) - '_'))
#define CHAR_CLASS(name) [name - '_']
static const uint32_t char_classes[][2] = {
    CHAR_CLASS('a') = {WM_CHAR_LETTER, IS_BEYOND},                      // [A-Za-z]
    CHAR_CLASS('b') = {IS_ANY, IS_BODY},                                // [^\r\n\p{L}\p{N}]
    CHAR_CLASS('d') = {WM_CHAR_PUNCTUATION, 0},                         // \p{P}
    CHAR_CLASS('e') = {IS_ANY, WM_CHAR_LETTER | IS_SIGN},               // [^\r\n\p{L}\p{P}\p{S}]
    CHAR_CLASS('f') = {IS_ANY, WM_CHAR_SPACE | WM_CHAR_MARK | IS_BODY}, // [^\s\p{L}\p{M}\p{N}]
    CHAR_CLASS('g') = {IS_SIGN, 0},                                     // [\p{P}\p{S}]
    CHAR_CLASS('k') = {WM_CHAR_WORD, 0},                                // \w
    CHAR_CLASS('l') = {WM_CHAR_LETTER, 0},                              // \p{L}
    CHAR_CLASS('m') = {IS_CASED, 0},                                    // [\p{L}\p{M}]
    CHAR_CLASS('n') = {WM_CHAR_NUMBER, 0},                              // \p{N}
    CHAR_CLASS('o') = {IS_ANY, WM_CHAR_SPACE | IS_BODY},                // [^\s\p{L}\p{N}]
    CHAR_CLASS('p') = {WM_CHAR_SPLITS, IS_BEYOND},                      // [!-/:-@[-`{-~]
    CHAR_CLASS('s') = {WM_CHAR_SPACE, 0},                               // \s
    CHAR_CLASS('u') = {IS_CASED, WM_CHAR_LOWER},              // [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
    CHAR_CLASS('v') = {IS_CASED, WM_CHAR_UPPER},              // [\p{Ll}\p{Lm}\p{Lo}\p{M}]
    CHAR_CLASS('x') = {WM_CHAR_SPLITS, 0},                    // BERT's punctuation
    CHAR_CLASS('y') = {IS_ANY, WM_CHAR_WORD | WM_CHAR_SPACE}, // [^\w\s]
};

// The patterns' texts by wm_hash and length.
static const struct {
    uint32_t hash;
    uint16_t length, kind;
} splitters_known[] = {
    {0xC03EA5B4, 74, WM_SPLITTER_GPT2},
    {0x480DD619, 110, WM_SPLITTER_QWEN},
    {0x2B82CDDE, 122, WM_SPLITTER_QWEN35},
    {0x38AC9C20, 115, WM_SPLITTER_CL100K},
    {0xC130D551, 274, WM_SPLITTER_O200K},
    {0xD50780AB, 211, WM_SPLITTER_TEKKEN},
    {0x382CCB1A, 126, WM_SPLITTER_DEEPSEEK},
    {0x34DB2BCC, 132, WM_SPLITTER_DEEPSEEK},
    {0x4855D405, 10, WM_SPLITTER_THREE_NUMBERS},
    {0xE5BF9D89, 4, WM_SPLITTER_LINE_ENDS},
    {0x71A716EF, 6, WM_SPLITTER_LINE_ENDS},
    {0x776FA806, 9, WM_SPLITTER_SPACE_LETTERS},
    {0x90701510, 9, WM_SPLITTER_SPACE_PUNCTUATION},
    {0x6D1D756E, 4, WM_SPLITTER_END_SPACES},
    {0x578C3179, 5, WM_SPLITTER_NUMBERS},
    {0x6E53277E, 2, WM_SPLITTER_SPACES},
};

int wm_splitter_find(wm_span pattern, wm_span *list) {
    uint32_t hash = wm_hash(pattern);
    for (size_t i = 0; i < WM_COUNT(splitters_known); i++)
        if (splitters_known[i].hash == hash && splitters_known[i].length == pattern.n)
            return splitters_known[i].kind;
    if (!pattern.n) return -1;
    size_t space = pattern.n > 3 && memcmp(pattern.p, "\\s?", 3) == 0 ? 3 : 0,
           n = pattern.n - space;
    const uint8_t *p = pattern.p + space;
    if (n < 4 || *p != '[' || memcmp(p + n - 2, "]+", 2) != 0 || p[n - 3] == '-') return -1;
    *list = (wm_span){p + 1, n - 3};
    for (size_t i = 1; i < n - 2; i++)
        if ((p[i] >= '[' && p[i] <= '^') || p[i] == '&') return -1; // it is more than a list
    return space ? WM_SPLITTER_SPACE_LIST : WM_SPLITTER_LIST;
}

wm_status wm_splitter_list(wm_splitter *step, wm_span list, wm_arena *arena, wm_error *error) {
    uint32_t *ranges, n = 0;
    WM_TRY(WM_ALLOC(arena, ranges, (uint64_t)list.n * 2, error));
    for (size_t at = 0; at < list.n; n += 2) {
        at += wm_utf8_decode(list.p + at, 4, &ranges[n]);
        ranges[n + 1] = ranges[n];
        if (list.p[at] == '-') at += 1 + wm_utf8_decode(list.p + at + 1, 4, &ranges[n + 1]);
    }
    step->content = (wm_span){(const uint8_t *)ranges, n * sizeof *ranges};
    return WM_OK;
}

void wm_char_sets_fill(wm_char_sets *to, const wm_unicode *unicode) {
    const uint32_t line = SET_OF('b') | SET_OF('e') | SET_OF('h') | SET_OF('r');
    uint32_t *sets = to->sets;
    for (uint32_t i = 0; i < WM_COUNT(to->sets); i++) {
        uint32_t flags = unicode->flags[i < 128 ? unicode->classes[i] : i - 128] | IS_ANY;
        if (i >= 128) flags |= IS_BEYOND;
        sets[i] = 0;
        for (uint32_t k = 0; k < WM_COUNT(char_classes); k++)
            if (flags & char_classes[k][0] && !(flags & char_classes[k][1])) sets[i] |= 1u << k;
    }
    sets[' '] ^= SET_OF('_');
    sets['/'] ^= SET_OF('h');
    sets['\r'] ^= line;
    sets['\n'] ^= line | SET_OF('z');
}

// Whether a list has the character, alone or in a range.
static bool is_listed(wm_span list, uint32_t c) {
    const uint32_t *range = (const uint32_t *)(const void *)list.p;
    for (size_t n = list.n / 8; n--; range += 2)
        if (c - range[0] <= range[1] - range[0]) return true;
    return false;
}

// Where the run of characters from `at` on ends that are in one of the sets, or not `inside`; at
// most so many.
static WM_NOINLINE size_t run_end(const splitter_job *job, size_t at, uint32_t sets, bool inside,
                                  size_t most) {
    const uint8_t *p = job->text->p;
    for (size_t length; most-- && at < job->end; at += length) {
        uint32_t c = p[at], class = c;
        length = 1;
        if (c >= 0x80) {
            length = wm_utf8_decode(p + at, job->end - at, &c);
            if (!length) break;
            class = 128u + wm_char_class(job->unicode, c);
        }
        bool in = job->sets->sets[class] & sets;
        if (job->list.n && sets == SET_OF('i')) in = is_listed(job->list, c);
        if (in != inside) break;
    }
    return at;
}

// The length of the contraction at `at`; 0: there is none.
static size_t contraction(const splitter_job *job, size_t at, bool any_case) {
    const uint8_t *p = job->text->p + at;
    size_t left = job->end - at;
    uint8_t fold = any_case ? 0x20 : 0;
    if (left < 2 || *p != '\'') return 0;
    uint8_t first = p[1] | fold, second = left > 2 ? p[2] | fold : 0;
    if (first == 's' || first == 't' || first == 'm' || first == 'd') return 2;
    if (any_case && left > 2 && p[1] == 0xC5 && p[2] == 0xBF) return 3; // U+017F, a long s
    return (first == 'r' && second == 'e') || (first == 'v' && second == 'e') ||
                   (first == 'l' && second == 'l')
               ? 3
               : 0;
}

// Where one item matches from `at` on: to *end, and all after *floor can be given back.
static bool match_item(const splitter_job *job, const char *item, size_t at, size_t *floor,
                       size_t *end) {
    char many = item[1];
    bool optional = many == '*' || many == '?', greedy = many == '*' || many == '+';
    size_t most = greedy ? SIZE_MAX : many == '3' ? 3 : 1;
    size_t to = *item < '_' ? at + contraction(job, at, *item == '"')
                            : run_end(job, at, SET_OF(*item), true, most);
    *floor = *end = at;
    if (many == '!') return to > at || at == job->end;
    *end = to;
    if (!optional && to > at) do
            ++*floor;
        while (*floor < to && (job->text->p[*floor] & 0xC0) == 0x80);
    return optional || to > at;
}

// The end of what the pattern matches at `at`; 0: nothing.
static size_t match_pattern(const splitter_job *job, const char *items, size_t at) {
    size_t floors[4], ends[4], n = 0, end = at;
    for (;;) {
        if (match_item(job, items + n * 2, end, &floors[n], &ends[n])) {
            end = ends[n++];
            if (items[n * 2] == '|' || !items[n * 2]) return end;
            continue;
        }
        while (n > 0 && ends[n - 1] == floors[n - 1]) n--;
        if (n) { // the last item that can gives one character back
            do end = --ends[n - 1];
            while ((job->text->p[end] & 0xC0) == 0x80);
            continue;
        }
        while (*items != '|')
            if (!*items++) return 0;
        items++;
        end = at;
    }
}

static size_t match_literal(const splitter_job *job, size_t at) {
    wm_span content = job->step->content;
    const uint8_t *p = job->text->p + at;
    bool same = *p == *content.p && content.n <= job->end - at && !memcmp(p, content.p, content.n);
    return same ? at + content.n : 0;
}

// ---- The chain ----------------------------------------------------------------------------------

// Rewrites all pieces of job->text into `to`: PREFIX_SPACE and METASPACE.
static void rewrite_pieces(splitter_job *job, const wm_piece *pieces, size_t count, wm_writer *to) {
    const wm_splitter *step = job->step;
    bool meta = step->kind == WM_SPLITTER_METASPACE;
    const wm_normalizer spaces = {
        .kind = WM_NORMALIZER_REPLACE, .pattern = WM_TEXT(" "), .content = step->content};
    wm_writer_clear(to);
    for (size_t i = 0; i < count && !to->failed; i++) {
        size_t begin = to->bytes.n;
        wm_span piece = {job->text->p + pieces[i].start, pieces[i].end - pieces[i].start},
                content = step->content;
        wm_cursor cursor = wm_cursor_from(job->text, pieces[i].start, pieces[i].end),
                  first = cursor;
        uint32_t c;
        wm_cursor_next(&first, &c);
        bool has = c == ' ' || (piece.n >= content.n && memcmp(piece.p, content.p, content.n) == 0);
        bool wanted = step->options & WM_METASPACE_ALWAYS ||
                      (step->options & WM_METASPACE_FIRST && first.start == 0);
        if (wanted && !has) wm_normalizer_put(to, content, first.start, first.end);
        if (meta)
            wm_normalizer_replace(&spaces, &cursor, to);
        else
            wm_writer_copy(to, &cursor, cursor.stop);
        add_piece(job, begin, to->bytes.n);
    }
    job->failed |= to->failed;
}

static void split_piece(splitter_job *job, size_t start) {
    job->open_start = job->open_end = start;
    job->open_match = false;
    for (size_t at = start, end; at < job->end;) {
        if (job->only) at = run_end(job, at, job->only, false, SIZE_MAX);
        if (at == job->end) break;
        end = job->pattern ? match_pattern(job, job->pattern, at) : match_literal(job, at);
        if (!end) {
            at++;
            continue;
        }
        add_part(job, start, at, false);
        add_part(job, at, end, true);
        start = at = end;
    }
    add_part(job, start, job->end, false);
    close_part(job);
}

void wm_splitting_free(wm_splitting *state) {
    for (int i = 0; i < 2; i++) {
        wm_array_free(&state->pieces[i], state->writers[i].host);
        wm_writer_free(&state->writers[i]);
    }
}

bool wm_pre_tokenize(const wm_splitter *steps, size_t count, wm_splitting *state, wm_text *text,
                     size_t start, size_t stop, const wm_array **pieces) {
    splitter_job job = {.unicode = state->unicode,
                        .sets = state->sets,
                        .host = state->writers[0].host,
                        .text = text};
    job.to = &state->pieces[0];
    int turn = 0, writer = 0;
    job.to->n = 0;
    add_piece(&job, start, stop);
    for (size_t i = 0; i < count && !job.failed; i++) {
        const wm_array *from = job.to;
        const wm_piece *piece = from->p;
        size_t piece_count = from->n / sizeof *piece;
        turn ^= 1;
        job.to = &state->pieces[turn];
        job.to->n = 0;
        job.step = &steps[i];
        if (steps[i].kind >= WM_SPLITTER_PREFIX_SPACE) {
            rewrite_pieces(&job, piece, piece_count, &state->writers[writer]);
            *text = wm_writer_text(&state->writers[writer]);
            writer ^= 1;
            continue;
        }
        const char *pattern = splitter_patterns;
        for (uint32_t k = 0; k < (uint32_t)steps[i].kind; k++) pattern += strlen(pattern) + 1;
        job.pattern = steps[i].kind < WM_SPLITTER_LITERAL ? pattern : NULL;
        job.list = job.pattern ? steps[i].content : (wm_span){0};
        job.only = job.pattern && !pattern[2] ? SET_OF(*pattern) : 0;
        for (size_t k = 0; k < piece_count; k++) {
            job.end = piece[k].end;
            split_piece(&job, piece[k].start);
        }
    }
    *pieces = job.to;
    return !job.failed;
}
