// SPDX-License-Identifier: MIT OR Apache-2.0
// Static embeddings: a table of tokens, and no layers. As model2vec saves them (Model2Vec, potion),
// and as sentence-transformers' StaticEmbedding does, which has no config.json of its own. The
// sizes are the table's.
// Source: model2vec 0.10, model.py; sentence_transformers, models/StaticEmbedding.py
#include "../arch.h"

static const wm_key model2vec_keys[] = {
    {WM_KEY(normalize), 0},
    {WM_KEY(max_length), 512},
    {WM_SET(plain_text), 1},
    {WM_SET(without_unknown), 1},
    {0, 0},
};

static const wm_slot model2vec_model[] = {
    {"embeddings", WM_MODEL(token), 'V', 'E', WM_SLOT_WHOLE, WM_ALWAYS},
    // Of a vocabulary that was clustered.
    {"mapping", 0, 0, 0, WM_SLOT_REFUSED, WM_ALWAYS},
    {"weights", 0, 0, 0, WM_SLOT_REFUSED, WM_ALWAYS},
    {0},
};

const wm_family wm_family_model2vec = {"", model2vec_keys, NULL, model2vec_model, NULL, NULL};

static const wm_key static_keys[] = {
    {WM_SET(positions), WM_LIMIT_POSITIONS},
    {WM_SET(plain_text), 1},
    {0, 0},
};

static const wm_slot static_model[] = {
    {"embedding", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {0},
};

const wm_family wm_family_static = {"", static_keys, NULL, static_model, NULL, NULL};
