// SPDX-License-Identifier: MIT OR Apache-2.0
// BERT and the families that keep its names: RoBERTa (XLM-RoBERTa, CamemBERT), ELECTRA.
// Source: transformers, models/{bert,roberta,electra}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key bert_keys[] = {
    {"vocab_size", WM_ARCH(vocabulary), WM_KEY_VOCABULARY},
    {"hidden_size", WM_ARCH(width), WM_KEY_WIDTH},
    {"embedding_size", WM_ARCH(embedding_width), WM_KEY_WIDTH}, // ELECTRA alone has it
    {"num_hidden_layers", WM_ARCH(layers), WM_KEY_LAYERS},
    {"num_attention_heads", WM_ARCH(heads), WM_KEY_HEADS},
    {"intermediate_size", WM_ARCH(ffn_width), WM_KEY_FFN_WIDTH},
    {"max_position_embeddings", WM_ARCH(positions), WM_KEY_POSITIONS},
    {"type_vocab_size", WM_ARCH(token_types), WM_KEY_WIDTH},
    {"pad_token_id", WM_ARCH(pad_id), WM_KEY_ID},
    {"hidden_act", WM_ARCH(activation), WM_KEY_ACTIVATION},
    {"layer_norm_eps", WM_ARCH(norm_eps), WM_KEY_EPS},
    {"position_embedding_type", 0, WM_KEY_ABSOLUTE},
    {"is_decoder", 0, WM_KEY_FALSE},
    {"add_cross_attention", 0, WM_KEY_FALSE},
    {"tie_word_embeddings", WM_ARCH(tied_head), WM_KEY_FLAG},
    {0},
};

static const wm_slot bert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), WM_SLOT_TABLE, "VE", WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), WM_SLOT_TABLE, "PE", WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), WM_SLOT_TABLE, "YE", WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), WM_SLOT_NORM, "E", WM_ALWAYS},
    {"embeddings_project", WM_MODEL(project), WM_SLOT_LINEAR, "DE", WM_IF_WIDTHS_DIFFER},
    {0},
};

static const wm_slot bert_layer[] = {
    {"attention.self.query", WM_LAYER(q), WM_SLOT_LINEAR, "AD", WM_ALWAYS},
    {"attention.self.key", WM_LAYER(k), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.self.value", WM_LAYER(v), WM_SLOT_LINEAR, "KD", WM_ALWAYS},
    {"attention.output.dense", WM_LAYER(o), WM_SLOT_LINEAR, "DA", WM_ALWAYS},
    {"attention.output.LayerNorm", WM_LAYER(attention_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {"intermediate.dense", WM_LAYER(up), WM_SLOT_LINEAR, "FD", WM_ALWAYS},
    {"output.dense", WM_LAYER(down), WM_SLOT_LINEAR, "DF", WM_ALWAYS},
    {"output.LayerNorm", WM_LAYER(ffn_norm), WM_SLOT_NORM, "D", WM_ALWAYS},
    {0},
};

static const wm_head_table bert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "pooler.dense", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm",
     "cls.predictions.decoder", "cls.predictions"},
};

// MPNet's, too.
const wm_head_table wm_roberta_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "classifier.dense", NULL, "classifier.out_proj", NULL},
    {WM_TASK_FILL_MASK, WM_GELU_ERF, "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder", "lm_head"},
};

static const wm_head_table electra_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_GELU_ERF, "classifier.dense", NULL, "classifier.out_proj", NULL},
    {WM_TASK_FILL_MASK, WM_GELU_ERF, "generator_predictions.dense", "generator_predictions.LayerNorm",
     "generator_lm_head", NULL},
};

const wm_family wm_family_bert = {
    "bert.",
    {.vocabulary = 30522, .positions = 512, .token_types = 2, .layers = 12, .width = 768, .heads = 12,
     .ffn_width = 3072, .pad_id = 0, .position = WM_POSITION_LEARNED, .activation = WM_GELU_ERF,
     .norm_eps = 1e-12f, .tied_head = true, .head_tables = bert_heads},
    bert_keys, bert_model, {{NULL, "encoder.layer.%.", bert_layer}},
};

const wm_family wm_family_roberta = {
    "roberta.",
    {.vocabulary = 50265, .positions = 512, .token_types = 2, .layers = 12, .width = 768, .heads = 12,
     .ffn_width = 3072, .pad_id = 1, .position = WM_POSITION_LEARNED_PADDED, .activation = WM_GELU_ERF,
     .norm_eps = 1e-12f, .tied_head = true, .head_tables = wm_roberta_heads},
    bert_keys, bert_model, {{NULL, "encoder.layer.%.", bert_layer}},
};

const wm_family wm_family_electra = {
    "electra.",
    {.vocabulary = 30522, .positions = 512, .token_types = 2, .layers = 12, .width = 256,
     .embedding_width = 128, .heads = 4, .ffn_width = 1024, .pad_id = 0, .position = WM_POSITION_LEARNED,
     .activation = WM_GELU_ERF, .norm_eps = 1e-12f, .tied_head = true, .head_tables = electra_heads},
    bert_keys, bert_model, {{NULL, "encoder.layer.%.", bert_layer}},
};
