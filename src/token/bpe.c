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

#define NO_RANK UINT32_MAX

typedef struct bpe_symbol {
    int32_t id;          // -1: SentencePiece has no such piece
    uint32_t at, length; // its bytes of the piece; no length: merged into the one before
    uint32_t prev, next; // UINT32_MAX: none
    uint32_t rank;       // of the merge with the next one
    int32_t into;        // what that makes
} bpe_symbol;

// The rank of two neighbours' merge, the lower the sooner, and in left->into what they become.
static uint32_t rank_of(const wm_token_model *model, const uint8_t *p, bpe_symbol *left,
                        const bpe_symbol *right) {
    if (!model->types) {
        uint32_t rank = (*find_merge(model, left->id, right->id) & RANK_MASK) - 1;
        if (rank != NO_RANK) left->into = model->merges[rank].into;
        return rank;
    }
    wm_span text = {p + left->at, left->length + right->length};
    left->into = -1;
    if (text.n <= model->vocabulary.longest)
        left->into = wm_vocabulary_find(&model->vocabulary, text);
    if (left->into < 0) return NO_RANK;
    float score = (float)model->scores[left->into] + 0.0f; // no -0
    uint32_t bits = wm_read_u32(&score);
    return bits >> 31 ? bits : ~bits & 0x7FFFFFFFu; // the highest score first
}

// There is room for it.
static void add_symbol(wm_token_sink *sink, int32_t id, size_t start, size_t length) {
    uint32_t at = (uint32_t)(sink->symbols.n / sizeof(bpe_symbol));
    bpe_symbol *symbols = sink->symbols.p;
    symbols[at] = (bpe_symbol){id, (uint32_t)start, (uint32_t)length, at - 1, at + 1, NO_RANK, -1};
    sink->symbols.n += sizeof *symbols;
}

// The id of one character of a word, written as the vocabulary has it there.
static int32_t find_character(const wm_token_model *model, wm_span c, bool first, bool last) {
    const wm_span parts[] = {first ? (wm_span){0} : model->prefix, c,
                             last ? model->suffix : (wm_span){0}};
    uint8_t whole[2 * WM_BPE_AFFIX + 4];
    wm_span text = {whole, 0};
    for (int i = 0; i < 3; text.n += parts[i++].n)
        if (parts[i].n) memcpy(whole + text.n, parts[i].p, parts[i].n);
    return wm_vocabulary_find(&model->vocabulary, text);
}

// Symbols of all characters, or bytes, of the piece. What the vocabulary lacks becomes <0xXX>
// pieces, else the unknown token (several in a row one, with fuse_unknown), else nothing: *lost.
static bool add_symbols(const wm_token_model *model, wm_span piece, wm_token_sink *sink,
                        bool *lost) {
    size_t unknown = 0; // bytes of the unknown token that is still open
    sink->symbols.n = 0;
    if (!wm_array_reserve(&sink->symbols, sink->host, (uint64_t)piece.n * sizeof(bpe_symbol)))
        return false;
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
        bool found = id >= 0 || model->types, fallback = !found && model->byte_fallback;
        for (size_t i = 0; fallback && i < length; i++)
            fallback = model->bytes[piece.p[at + i]] >= 0;
        for (size_t i = 0; fallback && i < length; i++)
            add_symbol(sink, model->bytes[piece.p[at + i]], at + i, 1);
        if (fallback) continue;
        if (unknown && (found || !model->fuse_unknown)) {
            add_symbol(sink, model->unk, at - unknown, unknown);
            unknown = 0;
        }
        if (found)
            add_symbol(sink, id, at, length);
        else if (model->unk >= 0)
            unknown += length;
        else
            *lost = true;
    }
    if (unknown) add_symbol(sink, model->unk, piece.n - unknown, unknown);
    return true;
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

// A piece whose symbols are merged: a linked list, and a heap of the merges that were possible when
// they were put there; few symbols have none, all are looked through.
typedef struct bpe_merging {
    const wm_token_model *model;
    const uint8_t *p;
    bpe_symbol *symbols;
    uint64_t *heap;
    size_t waiting;
} bpe_merging;

// Notes the merge of a symbol with the next one, and puts it on the heap, if there is any.
static void offer_merge(bpe_merging *merging, uint32_t first) {
    uint64_t *heap = merging->heap;
    if (first == UINT32_MAX) return;
    bpe_symbol *left = &merging->symbols[first];
    left->rank = NO_RANK;
    if (left->next == UINT32_MAX) return;
    left->rank = rank_of(merging->model, merging->p, left, &merging->symbols[left->next]);
    if (left->rank == NO_RANK || !heap) return;
    uint64_t value = (uint64_t)left->rank << 32 | first;
    size_t at = merging->waiting++;
    for (; at && heap[(at - 1) / 2] > value; at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = value;
}

static bool merge_symbols(const wm_token_model *model, const uint8_t *p, wm_token_sink *sink,
                          uint32_t count) {
    bpe_symbol *symbols = sink->symbols.p;
    sink->queue.n = 0;
    if (count > SHORT_WORD &&
        !wm_array_reserve(&sink->queue, sink->host, (uint64_t)count * 2 * sizeof(uint64_t)))
        return false;
    uint64_t *heap = count > SHORT_WORD ? sink->queue.p : NULL;
    bpe_merging merging = {model, p, symbols, heap, 0};
    symbols[count - 1].next = UINT32_MAX;
    for (uint32_t i = 0; i < count; i++) offer_merge(&merging, i);
    for (;;) {
        uint32_t rank = NO_RANK, at = 0;
        if (merging.waiting) {
            rank = (uint32_t)(heap[0] >> 32);
            at = (uint32_t)heap[0];
            heap[0] = heap[--merging.waiting];
            if (merging.waiting) sift_down(heap, merging.waiting, 0);
        }
        for (uint32_t i = 0; !heap && i < count; i++)
            if (symbols[i].rank < rank) rank = symbols[at = i].rank;
        if (rank == NO_RANK) return true;
        bpe_symbol *left = &symbols[at];
        if (left->rank != rank && // changed since; one that makes the same will do
            (model->types || left->rank == NO_RANK || model->merges[rank].into != left->into))
            continue;
        bpe_symbol *right = &symbols[left->next];
        left->id = left->into;
        left->length += right->length;
        left->next = right->next;
        right->length = 0;
        right->rank = NO_RANK;
        if (left->next != UINT32_MAX) symbols[left->next].prev = at;
        offer_merge(&merging, at);
        offer_merge(&merging, left->prev);
    }
}

// With ignore_merges a piece that the vocabulary has is that one token.
static int32_t find_whole(const wm_token_model *model, wm_span piece, wm_token_sink *sink) {
    if (!model->ignore_merges || piece.n > model->vocabulary.longest) return -1;
    if (!model->byte_level) return wm_vocabulary_find(&model->vocabulary, piece);
    sink->queue.n = 0;
    if (!wm_array_reserve(&sink->queue, sink->host, piece.n * 2)) return -1;
    uint8_t *written = sink->queue.p;
    size_t n = 0;
    for (size_t i = 0; i < piece.n; i++) n += wm_byte_level_write(piece.p[i], written + n);
    return wm_vocabulary_find(&model->vocabulary, (wm_span){written, n});
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
    if (!add_symbols(model, text, sink, &lost)) return false;
    uint32_t count = (uint32_t)(sink->symbols.n / sizeof(bpe_symbol));
    if (count > 1 && !merge_symbols(model, text.p, sink, count)) return false;
    return emit_symbols(model, piece, count, lost, sink);
}
