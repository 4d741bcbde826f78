// SPDX-License-Identifier: MIT OR Apache-2.0
// Byte-pair encoding: a piece's bytes or characters are merged, lowest rank first, then leftmost.
#include "model.h"

enum { RANK_BITS = 22, RANK_MASK = (1 << RANK_BITS) - 1, SHORT_WORD = 48 };

// ---- ByteLevel's alphabet: printable Latin-1 as it is, the other bytes from U+0100 on -----------

static bool is_plain_byte(uint32_t byte) {
    return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

size_t wm_byte_level_write(uint8_t byte, uint8_t *to) {
    uint32_t c = byte;
    if (!is_plain_byte(byte))
        c = byte <= ' ' ? 0x100u + byte : byte <= 0xA0 ? 0x121u + byte - 0x7F : 0x143;
    return wm_utf8_encode(c, to);
}

int wm_byte_level_read(uint32_t c) {
    if (c < 0x100) return is_plain_byte(c) ? (int)c : -1;
    if (c <= 0x120) return (int)c - 0x100;
    return c <= 0x142 ? (int)c - 0x121 + 0x7F : c == 0x143 ? 0xAD : -1;
}

// ---- Merges -------------------------------------------------------------------------------------

static uint32_t hash_pair(int32_t left, int32_t right) {
    uint64_t hash =
        ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9E3779B97F4A7C15);
    return (uint32_t)(hash >> 32) ^ (uint32_t)(hash >> 47);
}

// The slot of the pair's rank, or the free one where it would go.
static uint32_t *find_merge(const wm_token_model *model, int32_t left, int32_t right) {
    uint32_t hash = hash_pair(left, right);
    for (uint32_t i = hash;; i++) {
        uint32_t *slot = &model->merge_slots[i & model->merge_mask];
        if (!*slot) return slot;
        if ((*slot ^ hash) >> RANK_BITS) continue;
        const wm_merge *merge = &model->merges[(*slot & RANK_MASK) - 1];
        if (merge->left == left && merge->right == right) return slot;
    }
}

wm_status wm_bpe_index(wm_token_model *model, wm_arena *arena, const wm_merge *merges,
                       uint64_t count, wm_error *error) {
    if (count >= RANK_MASK)
        return wm_fail(error, WM_ERROR_LIMIT, 0, "merges: %u of them, the limit is %u", count,
                       (uint64_t)RANK_MASK);
    uint32_t slots = 16;
    while (slots < count + count / 2) slots *= 2;
    WM_TRY(WM_ALLOC(arena, model->merge_slots, slots, error));
    memset(model->merge_slots, 0, slots * sizeof *model->merge_slots);
    model->merge_mask = slots - 1;
    model->merges = merges;
    // A pair that is there twice counts as the later one.
    for (uint32_t rank = 0; rank < count; rank++) {
        uint32_t hash = hash_pair(merges[rank].left, merges[rank].right);
        uint32_t *slot = find_merge(model, merges[rank].left, merges[rank].right);
        if ((((uint32_t)(slot - model->merge_slots) - hash) & model->merge_mask) > WM_LIMIT_PROBES)
            return wm_fail(error, WM_ERROR_LIMIT, 0, "merges: too many of one hash");
        *slot = (rank + 1) | (hash & ~(uint32_t)RANK_MASK);
    }
    return WM_OK;
}

// ---- One piece ----------------------------------------------------------------------------------

typedef struct bpe_symbol {
    int32_t id;          // -1: SentencePiece has no such piece
    uint32_t at, length; // its bytes of the piece; no length: merged into the one before
    uint32_t prev, next; // UINT32_MAX: none
} bpe_symbol;

#define NO_RANK UINT32_MAX

// The rank of two neighbours' merge, the lower the sooner, and what they become. NO_RANK: none.
static uint32_t rank_of(const wm_token_model *model, const uint8_t *p, const bpe_symbol *left,
                        const bpe_symbol *right, int32_t *into) {
    if (!model->types) {
        uint32_t rank = (*find_merge(model, left->id, right->id) & RANK_MASK) - 1;
        if (rank != NO_RANK) *into = model->merges[rank].into;
        return rank;
    }
    wm_span text = {p + left->at, left->length + right->length};
    *into = -1;
    if (text.n <= model->vocabulary.longest)
        *into = wm_vocabulary_find(&model->vocabulary, (wm_span){0}, text);
    if (*into < 0) return NO_RANK;
    float score = (float)model->scores[*into] + 0.0f; // no -0
    uint32_t bits = wm_read_u32(&score);
    return bits >> 31 ? bits : ~bits & 0x7FFFFFFFu; // the highest score first
}

static bool add_symbol(wm_token_sink *sink, int32_t id, size_t start, size_t length) {
    uint32_t at = (uint32_t)(sink->symbols.n / sizeof(bpe_symbol));
    bpe_symbol symbol = {id, (uint32_t)start, (uint32_t)length, at - 1, at + 1};
    return wm_array_push(&sink->symbols, sink->host, &symbol, sizeof symbol);
}

// The id of one character of a word, written as the vocabulary has it there.
static int32_t find_character(const wm_token_model *model, wm_span c, bool first, bool last) {
    if (!last || !model->suffix.n)
        return wm_vocabulary_find(&model->vocabulary, first ? (wm_span){0} : model->prefix, c);
    uint8_t whole[WM_BPE_AFFIX + 4];
    size_t n = first ? 0 : model->prefix.n;
    if (n) memcpy(whole, model->prefix.p, n);
    memcpy(whole + n, c.p, c.n);
    return wm_vocabulary_find(&model->vocabulary, (wm_span){whole, n + c.n}, model->suffix);
}

// Symbols of all characters, or bytes, of the piece. What the vocabulary lacks becomes <0xXX>
// pieces, else the unknown token (several in a row one, with fuse_unknown), else nothing: *lost.
static bool add_symbols(const wm_token_model *model, wm_span piece, wm_token_sink *sink,
                        bool *lost) {
    size_t unknown = 0; // bytes of the unknown token that is still open
    for (size_t at = 0, length; at < piece.n; at += length) {
        int32_t id;
        if (model->byte_level) {
            length = 1;
            id = model->bytes[piece.p[at]];
        } else {
            uint32_t c;
            length = wm_utf8_decode(piece.p + at, piece.n - at, &c);
            if (!length) return false;
            id = find_character(model, (wm_span){piece.p + at, length}, at == 0,
                                at + length == piece.n);
        }
        if (id >= 0 || model->types) {
            if (unknown && !add_symbol(sink, model->unk, at - unknown, unknown)) return false;
            unknown = 0;
            if (!add_symbol(sink, id, at, length)) return false;
            continue;
        }
        bool fallback = model->byte_fallback;
        for (size_t i = 0; fallback && i < length; i++)
            fallback = model->bytes[piece.p[at + i]] >= 0;
        if (fallback) {
            for (size_t i = 0; i < length; i++)
                if (!add_symbol(sink, model->bytes[piece.p[at + i]], at + i, 1)) return false;
        } else if (model->unk >= 0) {
            if (unknown && !model->fuse_unknown) {
                if (!add_symbol(sink, model->unk, at - unknown, unknown)) return false;
                unknown = 0;
            }
            unknown += length;
        } else {
            *lost = true;
        }
    }
    return !unknown || add_symbol(sink, model->unk, piece.n - unknown, unknown);
}

// Few symbols: look through all ranks for the lowest. Gives the number of symbols that are left.
static uint32_t merge_short(const wm_token_model *model, const uint8_t *p, bpe_symbol *symbols,
                            uint32_t count) {
    uint32_t ranks[SHORT_WORD];
    int32_t into;
    for (uint32_t i = 0; i + 1 < count; i++)
        ranks[i] = rank_of(model, p, &symbols[i], &symbols[i + 1], &into);
    while (count > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < count; i++)
            if (ranks[i] < ranks[best]) best = i;
        if (rank_of(model, p, &symbols[best], &symbols[best + 1], &into) == NO_RANK) break;
        symbols[best].id = into;
        symbols[best].length += symbols[best + 1].length;
        count--;
        for (uint32_t i = best + 1; i < count; i++) symbols[i] = symbols[i + 1];
        for (uint32_t i = best + 1; i + 1 < count; i++) ranks[i] = ranks[i + 1];
        for (uint32_t i = best ? best - 1 : 0; i <= best && i + 1 < count; i++)
            ranks[i] = rank_of(model, p, &symbols[i], &symbols[i + 1], &into);
    }
    return count;
}

// A binary heap of rank << 32 | position, the least on top.
static void sift_down(uint64_t *heap, size_t count, size_t at) {
    uint64_t value = heap[at];
    for (size_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (value <= heap[child]) break;
        heap[at] = heap[child];
    }
    heap[at] = value;
}

static void heap_push(uint64_t *heap, size_t *count, uint64_t value) {
    size_t at = (*count)++;
    for (; at && heap[(at - 1) / 2] > value; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = value;
}

// Many symbols: a linked list, and a heap of the merges that were possible when they were put
// there.
static bool merge_long(const wm_token_model *model, const uint8_t *p, wm_token_sink *sink,
                       uint32_t count) {
    bpe_symbol *symbols = sink->symbols.p;
    int32_t into;
    sink->queue.n = 0;
    if (!wm_array_reserve(&sink->queue, sink->host, (uint64_t)count * 2 * sizeof(uint64_t)))
        return false;
    uint64_t *heap = sink->queue.p;
    size_t waiting = 0;
    for (uint32_t i = 0; i + 1 < count; i++) {
        uint32_t rank = rank_of(model, p, &symbols[i], &symbols[i + 1], &into);
        if (rank != NO_RANK) heap[waiting++] = (uint64_t)rank << 32 | i;
    }
    for (size_t i = waiting / 2; i-- > 0;) sift_down(heap, waiting, i);
    symbols[count - 1].next = UINT32_MAX;
    while (waiting) {
        uint32_t rank = (uint32_t)(heap[0] >> 32), at = (uint32_t)heap[0];
        heap[0] = heap[--waiting];
        if (waiting) sift_down(heap, waiting, 0);
        bpe_symbol *left = &symbols[at];
        if (!left->length || left->next == UINT32_MAX) continue;
        bpe_symbol *right = &symbols[left->next];
        uint32_t now = rank_of(model, p, left, right, &into);
        bool same =
            now == rank || (!model->types && now != NO_RANK && model->merges[rank].into == into);
        if (!same) continue; // changed since
        left->id = into;
        left->length += right->length;
        left->next = right->next;
        right->length = 0;
        if (left->next != UINT32_MAX) symbols[left->next].prev = at;
        const uint32_t firsts[] = {at, left->prev};
        for (int i = 0; i < 2; i++) {
            const bpe_symbol *first = &symbols[firsts[i]];
            if (firsts[i] == UINT32_MAX || first->next == UINT32_MAX) continue;
            now = rank_of(model, p, first, &symbols[first->next], &into);
            if (now != NO_RANK) heap_push(heap, &waiting, (uint64_t)now << 32 | firsts[i]);
        }
    }
    return true;
}

// With ignore_merges a piece that the vocabulary has is that one token.
static int32_t find_whole(const wm_token_model *model, wm_span piece, wm_token_sink *sink) {
    if (!model->ignore_merges || piece.n > model->vocabulary.longest) return -1;
    if (!model->byte_level) return wm_vocabulary_find(&model->vocabulary, (wm_span){0}, piece);
    sink->queue.n = 0;
    if (!wm_array_reserve(&sink->queue, sink->host, piece.n * 2)) return -1;
    uint8_t *written = sink->queue.p;
    size_t n = 0;
    for (size_t i = 0; i < piece.n; i++) n += wm_byte_level_write(piece.p[i], written + n);
    return wm_vocabulary_find(&model->vocabulary, (wm_span){0}, (wm_span){written, n});
}

// Moves *raw on to the byte of the piece that the `at`-th byte comes from when ByteLevel writes the
// piece; *written is how many bytes those before *raw make.
static size_t find_raw(wm_span piece, size_t at, size_t *raw, size_t *written) {
    uint8_t bytes[2];
    for (size_t length; *raw < piece.n; ++*raw, *written += length) {
        length = wm_byte_level_write(piece.p[*raw], bytes);
        if (at < *written + length) break;
    }
    return *raw;
}

// The symbols as tokens. `tokenizers` counts their places from the piece's start on without what
// was lost, and for ByteLevel in bytes as they are written: then so do we.
static bool emit_symbols(const wm_token_model *model, wm_piece piece, uint32_t count, bool lost,
                         wm_token_sink *sink) {
    const bpe_symbol *symbols = sink->symbols.p;
    wm_span text = {sink->cursor.text->p + piece.start, piece.end - piece.start};
    size_t at = 0, raw = 0, raw_written = 0, unknown = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!symbols[i].length) continue;
        bool written = lost && model->byte_level, open = model->types && symbols[i].id < 0;
        if (unknown && !open &&
            !wm_unknown_emit(model, piece.start + at - unknown, piece.start + at, sink))
            return false;
        unknown = open ? unknown + symbols[i].length : 0;
        size_t start = at, end = written ? at + model->vocabulary.pieces[symbols[i].id].n
                                         : at + symbols[i].length;
        at = end;
        if (open) continue;
        if (written) {
            start = find_raw(text, start, &raw, &raw_written);
            end = find_raw(text, end - 1, &raw, &raw_written) + 1;
        }
        if (!wm_token_emit(sink, symbols[i].id, piece.start + start, piece.start + end))
            return false;
    }
    return !unknown || wm_unknown_emit(model, piece.end - unknown, piece.end, sink);
}

bool wm_bpe_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink) {
    wm_span text = {sink->cursor.text->p + piece.start, piece.end - piece.start};
    bool lost = false;
    int32_t whole = find_whole(model, text, sink);
    if (whole >= 0) return wm_token_emit(sink, whole, piece.start, piece.end);
    sink->symbols.n = 0;
    if (!add_symbols(model, text, sink, &lost)) return false;
    uint32_t count = (uint32_t)(sink->symbols.n / sizeof(bpe_symbol));
    if (count > 1 && count <= SHORT_WORD)
        count = merge_short(model, text.p, sink->symbols.p, count);
    else if (count > 1 && !merge_long(model, text.p, sink, count))
        return false;
    return emit_symbols(model, piece, count, lost, sink);
}
