// SPDX-License-Identifier: MIT OR Apache-2.0
// Unigram: the pieces whose scores add up to the most, by Viterbi over the places between
// characters.
#include "model.h"

// The best way to reach a place.
typedef struct unigram_node {
    double score;
    int32_t id;
    uint32_t start; // where its last piece begins; UINT32_MAX: no way yet
} unigram_node;

static void offer(const wm_token_model *model, unigram_node *node, double score, uint32_t start,
                  int32_t id) {
    if (model->types) score = (double)(float)score; // SentencePiece adds in 32 bits
    if (node->start != UINT32_MAX && score <= node->score) return;
    *node = (unigram_node){score, id, start};
}

// As SentencePiece does where 32 bits become few: the scores begin at 0 again.
static void reset_scores(const wm_token_model *model, unigram_node *nodes, size_t at, size_t end) {
    double score = nodes[at].score;
    if (!model->types || (score >= -1e5 && score <= 1e5)) return;
    for (; at <= end; at++) nodes[at].score = (double)(float)(nodes[at].score - score);
}

// Every place's best way, from the first place on.
static void find_ways(const wm_token_model *model, wm_span text, unigram_node *nodes) {
    size_t frontier = 0; // the furthest place with a way
    for (size_t i = 0; i <= text.n; i++) nodes[i] = (unigram_node){0, -1, UINT32_MAX};
    for (size_t at = 0, length; at < text.n; at += length) {
        bool single = false;
        int32_t id;
        reset_scores(model, nodes, at, frontier);
        for (length = 1; at + length < text.n && (text.p[at + length] & 0xC0) == 0x80;) length++;
        wm_walk walk =
            wm_walk_from(&model->vocabulary, (wm_span){0}, (wm_span){text.p + at, text.n - at});
        while ((id = wm_walk_next(&walk)) >= 0) {
            single = single || walk.at == length;
            frontier = WM_MAX(frontier, at + walk.at);
            offer(model, &nodes[at + walk.at], nodes[at].score + model->scores[id], (uint32_t)at,
                  id);
        }
        if (single) continue;
        frontier = WM_MAX(frontier, at + length);
        offer(model, &nodes[at + length], nodes[at].score + model->unknown_score, (uint32_t)at,
              model->unk);
    }
}

// `tokenizers` takes the piece that they happen to be, if there is one.
bool wm_unknown_emit(const wm_token_model *model, size_t start, size_t end, wm_token_sink *sink) {
    const uint8_t *p = sink->cursor.text->p;
    wm_span text = {p + start, end - start};
    int32_t id = model->types ? -1 : wm_vocabulary_find(&model->vocabulary, text);
    bool fallback = model->byte_fallback && id < 0;
    for (size_t i = start; fallback && i < end; i++) fallback = model->bytes[p[i]] >= 0;
    if (!fallback) return wm_token_emit(sink, id >= 0 ? id : model->unk, start, end);
    for (size_t i = start; i < end; i++)
        if (!(model->types ? wm_token_emit(sink, model->bytes[p[i]], i, i + 1) // its character's
                           : wm_token_emit(sink, model->bytes[p[i]], start, end)))
            return false;
    return true;
}

bool wm_unigram_encode(const wm_token_model *model, wm_piece piece, wm_token_sink *sink) {
    wm_span text = {sink->cursor.text->p + piece.start, piece.end - piece.start};
    sink->symbols.n = 0;
    if (!wm_array_reserve(&sink->symbols, sink->host,
                          (uint64_t)(text.n + 1) * sizeof(unigram_node)))
        return false;
    unigram_node *nodes = sink->symbols.p;
    find_ways(model, text, nodes);
    // Back along the best way, leaving in each place where its piece ends.
    uint32_t end = (uint32_t)text.n, next = end;
    for (uint32_t at = end; at > 0;) {
        uint32_t start = nodes[at].start;
        int32_t id = nodes[at].id;
        nodes[at].start = next;
        next = at;
        nodes[next].id = id;
        at = start;
    }
    for (uint32_t at = 0; at < end;) {
        uint32_t stop = next;
        int32_t id = nodes[stop].id;
        next = nodes[stop].start;
        while (id == model->unk && stop < end && nodes[next].id == model->unk) {
            stop = next;
            next = nodes[stop].start;
        }
        bool emitted = id == model->unk
                           ? wm_unknown_emit(model, piece.start + at, piece.start + stop, sink)
                           : wm_token_emit(sink, id, piece.start + at, piece.start + stop);
        if (!emitted) return false;
        at = stop;
    }
    return true;
}
