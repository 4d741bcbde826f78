// SPDX-License-Identifier: MIT OR Apache-2.0
// BERT and the families that keep its names: RoBERTa (XLM-RoBERTa, CamemBERT), ELECTRA.
// Source: transformers, models/{bert,roberta,electra}/{configuration,modeling}_*.py
#include "../arch.h"

static const wm_key bert_keys[] = {
    {WM_KEY(vocab_size), 30522},
    {WM_KEY(hidden_size), 768},
    {WM_KEY(embedding_size), 0}, // ELECTRA alone has it
    {WM_KEY(num_hidden_layers), 12},
    {WM_KEY(num_attention_heads), 12},
    {WM_KEY(intermediate_size), 3072},
    {WM_KEY(max_position_embeddings), 512},
    {WM_KEY(type_vocab_size), 2},
    {WM_KEY(pad_token_id), 1},
    {WM_KEY(hidden_act), WM_GELU_ERF},
    {WM_KEY(layer_norm_eps), 12},
    {WM_KEY(position_embedding_type), 0},
    {WM_KEY(is_decoder), 0},
    {WM_KEY(add_cross_attention), 0},
    {WM_KEY(tie_word_embeddings), 1},
    {WM_SET(position), WM_POSITION_LEARNED},
    {0, 0},
};

static const wm_slot bert_model[] = {
    {"embeddings.word_embeddings", WM_MODEL(token), 'V', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.position_embeddings", WM_MODEL(position), 'P', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.token_type_embeddings", WM_MODEL(type), 'Y', 'E', WM_SLOT_TABLE, WM_ALWAYS},
    {"embeddings.LayerNorm", WM_MODEL(embedding_norm), 'E', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"embeddings_project", WM_MODEL(project), 'D', 'E', WM_SLOT_LINEAR, WM_IF_WIDTHS_DIFFER},
    {0},
};

static const wm_slot bert_layer[] = {
    {"attention.self.query", WM_LAYER(q), 'A', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.self.key", WM_LAYER(k), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.self.value", WM_LAYER(v), 'K', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.output.dense", WM_LAYER(o), 'D', 'A', WM_SLOT_LINEAR, WM_ALWAYS},
    {"attention.output.LayerNorm", WM_LAYER(attention_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {"intermediate.dense", WM_LAYER(up), 'F', 'D', WM_SLOT_LINEAR, WM_ALWAYS},
    {"output.dense", WM_LAYER(down), 'D', 'F', WM_SLOT_LINEAR, WM_ALWAYS},
    {"output.LayerNorm", WM_LAYER(ffn_norm), 'D', 0, WM_SLOT_NORM, WM_ALWAYS},
    {0},
};

static const wm_head_table bert_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "pooler.dense", NULL, "classifier", NULL},
    {WM_TASK_FILL_MASK, WM_IDENTITY, "cls.predictions.transform.dense",
     "cls.predictions.transform.LayerNorm", "cls.predictions.decoder", "cls.predictions"},
};

// MPNet's, too.
const wm_head_table wm_roberta_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_TANH, "classifier.dense", NULL, "classifier.out_proj", NULL},
    {WM_TASK_FILL_MASK, WM_GELU_ERF, "lm_head.dense", "lm_head.layer_norm", "lm_head.decoder",
     "lm_head"},
};

static const wm_head_table electra_heads[WM_FAMILY_HEADS] = {
    {WM_TASK_CLASSIFY, WM_GELU_ERF, "classifier.dense", NULL, "classifier.out_proj", NULL},
    {WM_TASK_FILL_MASK, WM_GELU_ERF, "generator_predictions.dense",
     "generator_predictions.LayerNorm", "generator_lm_head", NULL},
};

static const wm_stack_table bert_stacks[] = {{NULL, "encoder.layer.%.", bert_layer}};

const wm_family wm_family_bert = {"bert.", bert_keys, NULL, bert_model, bert_stacks, bert_heads};

static const wm_key roberta_more[] = {
    {WM_KEY(vocab_size), 50265},
    {WM_KEY(pad_token_id), 2},
    {WM_SET(position), WM_POSITION_LEARNED_PADDED},
    {0, 0},
};

const wm_family wm_family_roberta = {"roberta.", bert_keys,   roberta_more,
                                     bert_model, bert_stacks, wm_roberta_heads};

static const wm_key electra_more[] = {
    {WM_KEY(hidden_size), 256},
    {WM_KEY(embedding_size), 128},
    {WM_KEY(num_attention_heads), 4},
    {WM_KEY(intermediate_size), 1024},
    {0, 0},
};

const wm_family wm_family_electra = {"electra.", bert_keys,   electra_more,
                                     bert_model, bert_stacks, electra_heads};
