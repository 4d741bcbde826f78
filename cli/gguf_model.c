// SPDX-License-Identifier: MIT OR Apache-2.0
// From GGUF's names and values to a repository's: tensors, config.json and the tokenizer's files.
#include "../src/base/utf8.h"
#include "cli.h"
#include "weights.h"

#include <inttypes.h>
#include <math.h>

// GGUF's name for something and Hugging Face's; a list ends with NULL.
typedef struct pair {
    const char *from, *to;
} pair;

typedef struct family {
    const char *name, *class; // general.architecture; Hugging Face's
    const char *layers;       // in front of a layer's number
    const pair *tensors;      // those with a "." in front are a layer's
    const pair *sizes;        // in config.json
} family;

typedef struct model {
    gguf *file;
    const family *kin;
    wm_span path, family;
    wm_arena *arena;
    wm_error *error;
} model;

static wm_status broken(const model *m, wm_status status, const char *what, wm_span name) {
    return wm_fail(m->error, status, 0, "%s: GGUF: %z %s", &m->path, what, &name);
}

// "llama.block_count": a value of the family's.
static bool family_u64(const model *m, const char *name, uint64_t *number) {
    char key[96];
    int n = snprintf(key, sizeof key, "%.*s.%s", (int)m->family.n, (const char *)m->family.p, name);
    return n > 0 && (size_t)n < sizeof key && gguf_u64(m->file, key, number);
}

static bool family_f32(const model *m, const char *name, float *number) {
    char key[96];
    int n = snprintf(key, sizeof key, "%.*s.%s", (int)m->family.n, (const char *)m->family.p, name);
    return n > 0 && (size_t)n < sizeof key && gguf_f32(m->file, key, number);
}

static wm_status need_u64(const model *m, const char *name, uint64_t *number) {
    if (family_u64(m, name, number) && *number <= INT32_MAX) return WM_OK;
    return broken(m, WM_ERROR_MISSING, "no good value of", wm_span_of(name));
}

// ---- Tensors ------------------------------------------------------------------------------------

static const pair llama_tensors[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {".attn_norm", ".input_layernorm"},
    {".attn_q", ".self_attn.q_proj"},
    {".attn_k", ".self_attn.k_proj"},
    {".attn_v", ".self_attn.v_proj"},
    {".attn_output", ".self_attn.o_proj"},
    {".attn_q_norm", ".self_attn.q_norm"},
    {".attn_k_norm", ".self_attn.k_norm"},
    {".ffn_norm", ".post_attention_layernorm"},
    {".ffn_gate", ".mlp.gate_proj"},
    {".ffn_up", ".mlp.up_proj"},
    {".ffn_down", ".mlp.down_proj"},
    {NULL, NULL},
};
static const pair gpt2_tensors[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
    {".attn_norm", ".ln_1"},
    {".attn_qkv", ".attn.c_attn"},
    {".attn_output", ".attn.c_proj"},
    {".ffn_norm", ".ln_2"},
    {".ffn_up", ".mlp.c_fc"},
    {".ffn_down", ".mlp.c_proj"},
    {NULL, NULL},
};

static const pair llama_sizes[] = {
    {"embedding_length", "hidden_size"},           {"block_count", "num_hidden_layers"},
    {"feed_forward_length", "intermediate_size"},  {"attention.head_count", "num_attention_heads"},
    {"context_length", "max_position_embeddings"}, {NULL, NULL},
};
static const pair gpt2_sizes[] = {
    {"embedding_length", "n_embd"},     {"block_count", "n_layer"},
    {"feed_forward_length", "n_inner"}, {"attention.head_count", "n_head"},
    {"context_length", "n_positions"},  {NULL, NULL},
};

static const family families[] = {
    {"llama", "LlamaForCausalLM", "model.layers.", llama_tensors, llama_sizes},
    {"qwen2", "Qwen2ForCausalLM", "model.layers.", llama_tensors, llama_sizes},
    {"qwen3", "Qwen3ForCausalLM", "model.layers.", llama_tensors, llama_sizes},
    {"gpt2", "GPT2LMHeadModel", "transformer.h.", gpt2_tensors, gpt2_sizes},
};

static bool is_gpt2(const model *m) { return m->kin->tensors == gpt2_tensors; }

// `name` less "blk.N": *prefix is that long, and 0 where it is no layer's.
static wm_span strip_layer(wm_span name, size_t *prefix) {
    size_t n = 4;
    *prefix = 0;
    if (!wm_span_starts(name, "blk.")) return name;
    while (n < name.n && name.p[n] >= '0' && name.p[n] <= '9') n++;
    if (n == 4 || n == name.n) return name;
    *prefix = n;
    return (wm_span){name.p + n, name.n - n};
}

static wm_status rename_tensor(const model *m, wm_tensor *tensor, const char **found) {
    size_t prefix, dot;
    wm_span rest = strip_layer(tensor->name, &prefix);
    for (dot = rest.n; dot && rest.p[dot - 1] != '.'; dot--) {}
    wm_span stem = {rest.p, dot ? dot - 1 : 0}, end = {rest.p + stem.n, rest.n - stem.n};
    const pair *own = m->kin->tensors;
    while (own->from && !wm_span_is(stem, own->from)) own++;
    if (!own->from || (prefix != 0) != (own->from[0] == '.') ||
        !(wm_span_is(end, ".weight") || wm_span_is(end, ".bias")))
        return broken(m, WM_ERROR_UNSUPPORTED, "no place for the tensor", tensor->name);
    uint8_t *name;
    size_t room = tensor->name.n + 64;
    WM_TRY(WM_ALLOC(m->arena, name, room, m->error));
    int n = snprintf((char *)name, room, "%s%.*s%s%.*s", prefix ? m->kin->layers : "",
                     prefix ? (int)prefix - 4 : 0, (const char *)tensor->name.p + 4, own->to,
                     (int)end.n, (const char *)end.p);
    tensor->name = (wm_span){name, (size_t)n};
    *found = own->from;
    return WM_OK;
}

// llama's rows of q and k are stored for rotations of neighbours; Hugging Face rotates halves.
static wm_status set_order(const model *m, weight *w, uint64_t heads) {
    uint64_t rows = w->tensor.rank ? w->tensor.shape[0] : 0;
    if (!heads || heads > UINT32_MAX || rows % (2 * heads))
        return broken(m, WM_ERROR_SHAPE, "heads do not divide", w->tensor.name);
    if (!rows) return WM_OK;
    w->heads = (uint32_t)heads;
    w->tensor.bytes.p = NULL;
    return WM_OK;
}

// GPT-2's layers have their weights [in, out].
static void turn(weight *w) {
    wm_tensor *t = &w->tensor;
    if (t->rank != 2) return;
    uint64_t rows = t->shape[0], cols = t->shape[1];
    t->shape[0] = cols, t->shape[1] = rows;
    w->strides[0] = 1, w->strides[1] = cols;
    w->strided = true;
    t->bytes.p = NULL;
}

static weight *find_tensor(const model *m, const char *name) {
    for (size_t i = 0; i < m->file->tensors.count; i++)
        if (wm_span_is(m->file->tensors.all[i].tensor.name, name)) return &m->file->tensors.all[i];
    return NULL;
}

static void drop_tensor(const model *m, const weight *w) {
    gguf *file = m->file;
    size_t at = (size_t)(w - file->tensors.all), after = --file->tensors.count - at;
    memmove(file->tensors.all + at, file->tensors.all + at + 1, after * sizeof *w);
    memmove(file->types + at, file->types + at + 1, after * sizeof *file->types);
}

// A head that is the token table over again is tied, as one that is not there.
static void drop_tied_head(const model *m) {
    const weight *head = find_tensor(m, "output.weight"),
                 *table = find_tensor(m, "token_embd.weight");
    if (head && table && head->type == table->type && head->stored.n == table->stored.n &&
        head->tensor.dtype == table->tensor.dtype &&
        !memcmp(head->stored.p, table->stored.p, head->stored.n))
        drop_tensor(m, head);
}

static wm_status convert_tensors(const model *m, uint64_t heads, uint64_t kv_heads, bool *tied) {
    bool by_turns = wm_span_is(m->family, "llama");
    *tied = true;
    drop_tied_head(m);
    for (size_t i = 0; i < m->file->tensors.count; i++) {
        weight *w = &m->file->tensors.all[i];
        const char *found = NULL;
        WM_TRY(rename_tensor(m, &w->tensor, &found));
        bool q = !strcmp(found, ".attn_q"), k = !strcmp(found, ".attn_k");
        if (!strcmp(found, "output")) *tied = false;
        if (by_turns && (q || k)) WM_TRY(set_order(m, w, q ? heads : kv_heads));
        if (is_gpt2(m) && found[0] == '.') turn(w);
    }
    return WM_OK;
}

// ---- config.json --------------------------------------------------------------------------------

// As few digits as give the same f32 again: 1e-05.
static void put_f32(FILE *to, const char *key, float number) {
    char digits[32];
    for (int n = 1; n <= 9; n++) {
        snprintf(digits, sizeof digits, "%.*g", n, (double)number);
        if (strtof(digits, NULL) == number) break;
    }
    fprintf(to, "  \"%s\": %s,\n", key, digits);
}

static void put_id(const gguf *file, FILE *to, const char *from, const char *key) {
    uint64_t id;
    if (gguf_u64(file, from, &id) && id <= INT32_MAX)
        fprintf(to, "  \"%s\": %" PRIu64 ",\n", key, id);
}

// What would change the numbers and is not written down here.
static wm_status check_kind(model *m) {
    uint64_t experts;
    for (size_t i = 0; i < WM_COUNT(families); i++)
        if (wm_span_is(m->family, families[i].name)) m->kin = &families[i];
    if (!m->kin) return broken(m, WM_ERROR_UNSUPPORTED, "general.architecture is", m->family);
    if (family_u64(m, "expert_count", &experts) && experts)
        return broken(m, WM_ERROR_UNSUPPORTED, "experts in", m->family);
    return WM_OK;
}

// ---- Rotary positions ---------------------------------------------------------------------------

// Llama 3 stretches its rotations by what Hugging Face has four numbers for. GGUF has the outcome:
// a divisor of each frequency.
typedef struct stretch {
    double factor, low, high, original;
} stretch;

// How far frequency i of `count` turns a token on from the one before.
static double turn_of(double theta, size_t i, size_t count) {
    return pow(theta, -(double)i / (double)count) / (2 * 3.14159265358979323846);
}

static double divisor_of(const stretch *s, double turn) {
    if (turn > s->high / s->original) return 1;
    if (turn < s->low / s->original) return s->factor;
    double smooth = (s->original * turn - s->low) / (s->high - s->low);
    return 1 / ((1 - smooth) / s->factor + smooth);
}

static bool is_stretch(const stretch *s, const float *divisors, size_t count, double theta) {
    for (size_t i = 0; i < count; i++) {
        double want = divisor_of(s, turn_of(theta, i, count));
        if (!(fabs((double)divisors[i] / want - 1) < 1e-5)) return false;
    }
    return true;
}

// Between its ends `smooth` is a line, which two divisors give. low may be any number: 1.
static bool solve_stretch(stretch *s, const float *divisors, size_t count, double theta) {
    double turns[2] = {0}, smooth[2] = {0}; // of the first and of the last in between
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        double divisor = (double)divisors[i];
        if (!(divisor > 1 && divisor < s->factor)) continue;
        size_t which = found++ > 0;
        turns[which] = turn_of(theta, i, count);
        smooth[which] = (1 / divisor - 1 / s->factor) / (1 - 1 / s->factor);
    }
    if (found < 2) return false;
    double slope = (smooth[0] - smooth[1]) / (turns[0] - turns[1]);
    double start = slope * turns[0] - smooth[0];
    s->low = 1;
    s->high = round((1 + 1 / start) * 1e4) / 1e4;
    s->original = round(slope / start);
    return start > 0 && slope > 0 && s->high < 1e6 && s->original < 1e9;
}

// With a point in it, for which transformers asks.
static void put_real(FILE *to, const char *key, double number) {
    char digits[40];
    snprintf(digits, sizeof digits, "%.9g", number);
    fprintf(to, "\"%s\": %s%s", key, digits, strpbrk(digits, ".e") ? "" : ".0");
}

static wm_status put_stretch(const model *m, const weight *table, size_t width, double theta,
                             FILE *to) {
    stretch s = {0, 1, 4, 8192}; // as all of Llama 3 has them
    const wm_tensor *t = &table->tensor;
    size_t count = width / 2;
    float *divisors;
    if (t->dtype != WM_DTYPE_F32 || table->type || t->rank != 1 || t->shape[0] != count || !count)
        return broken(m, WM_ERROR_SHAPE, "not a number for each rotation:", t->name);
    WM_TRY(WM_ALLOC(m->arena, divisors, count, m->error));
    memcpy(divisors, t->bytes.p, t->bytes.n);
    for (size_t i = 0; i < count; i++) s.factor = WM_MAX(s.factor, (double)divisors[i]);
    if (s.factor == 1 && is_stretch(&s, divisors, count, theta)) return WM_OK;
    if (!(s.factor > 1 && s.factor < 1e9) ||
        (!is_stretch(&s, divisors, count, theta) &&
         !(solve_stretch(&s, divisors, count, theta) && is_stretch(&s, divisors, count, theta))))
        return broken(m, WM_ERROR_UNSUPPORTED, "rotations not scaled as Llama 3's:", t->name);
    fputs("  \"rope_scaling\": {\"rope_type\": \"llama3\", ", to);
    put_real(to, "factor", s.factor);
    fputs(", \"low_freq_factor\": 1.0, ", to);
    put_real(to, "high_freq_factor", s.high);
    fprintf(to, ", \"original_max_position_embeddings\": %.0f},\n", s.original);
    return WM_OK;
}

// rope_scaling, where there is one. Without a type a factor means "linear".
static wm_status put_scaling(const model *m, uint64_t width, double theta, FILE *to) {
    char key[96];
    wm_span kind = WM_TEXT("linear");
    uint64_t turned;
    float factor = 1;
    const weight *table = find_tensor(m, "rope_freqs.weight");
    snprintf(key, sizeof key, "%s.rope.scaling.type", m->kin->name);
    gguf_text(m->file, key, &kind);
    if (!family_f32(m, "rope.scaling.factor", &factor)) family_f32(m, "rope.scale_linear", &factor);
    if (family_u64(m, "rope.dimension_count", &turned) && turned != width)
        return broken(m, WM_ERROR_UNSUPPORTED, "rotations of a part of each head in", m->family);
    if (wm_span_is(kind, "none"))
        factor = 1;
    else if (!wm_span_is(kind, "linear"))
        return broken(m, WM_ERROR_UNSUPPORTED, "rope.scaling.type is", kind);
    if (!(factor > 0 && factor - factor == 0) || (table && factor != 1))
        return broken(m, WM_ERROR_UNSUPPORTED, "rope.scaling.factor in", m->family);
    if (table) {
        WM_TRY(put_stretch(m, table, (size_t)width, theta, to));
        drop_tensor(m, table);
    } else if (factor != 1) {
        fputs("  \"rope_scaling\": {\"type\": \"linear\", \"rope_type\": \"linear\", ", to);
        put_real(to, "factor", (double)factor);
        fputs("},\n", to);
    }
    return WM_OK;
}

// ---- config.json, of a family -------------------------------------------------------------------

static wm_status put_llama(const model *m, uint64_t width, uint64_t heads, uint64_t kv_heads,
                           FILE *to) {
    uint64_t head_width = heads ? width / heads : 0, value;
    float eps = 1e-5f, theta = 10000;
    fprintf(to, "  \"num_key_value_heads\": %" PRIu64 ",\n", kv_heads);
    if (family_u64(m, "attention.key_length", &value) && value != head_width) {
        head_width = value;
        fprintf(to, "  \"head_dim\": %" PRIu64 ",\n", value);
    }
    family_f32(m, "attention.layer_norm_rms_epsilon", &eps);
    family_f32(m, "rope.freq_base", &theta);
    if (!(eps - eps == 0 && theta - theta == 0)) // JSON has no word for it
        return broken(m, WM_ERROR_NUMERIC, "an epsilon or a rope.freq_base of", m->family);
    put_f32(to, "rms_norm_eps", eps);
    put_f32(to, "rope_theta", theta);
    WM_TRY(put_scaling(m, head_width, (double)theta, to));
    fprintf(to, "  \"attention_bias\": %s,\n  \"hidden_act\": \"silu\",\n",
            find_tensor(m, "blk.0.attn_q.bias") ? "true" : "false");
    return WM_OK;
}

static wm_status put_gpt2(const model *m, FILE *to) {
    float eps = 1e-5f;
    family_f32(m, "attention.layer_norm_epsilon", &eps);
    if (!(eps - eps == 0)) return broken(m, WM_ERROR_NUMERIC, "an epsilon of", m->family);
    put_f32(to, "layer_norm_epsilon", eps);
    fputs("  \"activation_function\": \"gelu_new\",\n", to);
    return WM_OK;
}

static wm_status put_config(model *m, FILE *to) {
    uint64_t value, heads = 0, kv_heads, width = 0;
    bool tied;
    WM_TRY(check_kind(m));
    fprintf(to, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", m->kin->class,
            m->kin->name);
    for (const pair *size = m->kin->sizes; size->from; size++) {
        WM_TRY(need_u64(m, size->from, &value));
        if (!strcmp(size->from, "embedding_length")) width = value;
        if (!strcmp(size->from, "attention.head_count")) heads = value;
        fprintf(to, "  \"%s\": %" PRIu64 ",\n", size->to, value);
    }
    if (!family_u64(m, "attention.head_count_kv", &kv_heads)) kv_heads = heads;
    WM_TRY(is_gpt2(m) ? put_gpt2(m, to) : put_llama(m, width, heads, kv_heads, to));
    WM_TRY(convert_tensors(m, heads, kv_heads, &tied));
    const gguf_value *tokens = gguf_find(m->file, "tokenizer.ggml.tokens");
    if (!family_u64(m, "vocab_size", &value)) value = tokens ? tokens->count : 0;
    fprintf(to, "  \"vocab_size\": %" PRIu64 ",\n", value);
    put_id(m->file, to, "tokenizer.ggml.bos_token_id", "bos_token_id");
    put_id(m->file, to, "tokenizer.ggml.eos_token_id", "eos_token_id");
    put_id(m->file, to, "tokenizer.ggml.padding_token_id", "pad_token_id");
    fprintf(to, "  \"tie_word_embeddings\": %s,\n  \"torch_dtype\": \"float32\"\n}\n",
            tied ? "true" : "false");
    return WM_OK;
}

// ---- tokenizer.json -----------------------------------------------------------------------------

#define LETTERS "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|\\\\p{N}"
#define MARKS "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define BYTE_LEVEL(regex)                                                             \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_" \
    "regex\":" regex "}"
#define SPLIT(regex)                                                                        \
    "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":" \
    "\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false}," BYTE_LEVEL("false") "]}"

// GGUF names the splitting of texts by the model that had it first.
static const struct {
    const char *name, *splitter;
    bool ignore_merges, nfc, bos; // bos: unless add_bos_token says otherwise
} splitters[] = {
    {"gpt-2", BYTE_LEVEL("true"), false, false, false},
    {"default", BYTE_LEVEL("true"), false, false, false},
    {"smollm",
     "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\",\"individual_digits\":true}"
     "," BYTE_LEVEL("true") "]}",
     false, false, false},
    {"llama-bpe", SPLIT(LETTERS "{1,3}" MARKS), true, false, true},
    {"llama3", SPLIT(LETTERS "{1,3}" MARKS), true, false, true},
    {"qwen2", SPLIT(LETTERS MARKS), false, true, false},
};

static wm_status next_text(const model *m, wm_span *array, wm_span *text) {
    uint64_t n = wm_read_u64(array->p); // gguf_read has checked the lengths
    *text = (wm_span){array->p + 8, (size_t)n};
    *array = (wm_span){text->p + n, array->n - 8 - (size_t)n};
    if (wm_utf8_check(*text) == text->n) return WM_OK;
    return broken(m, WM_ERROR_UTF8, "a token is no UTF-8:", *text);
}

static const gguf_value *texts_of(const model *m, const char *key) {
    const gguf_value *value = gguf_find(m->file, key);
    return value && value->type == 9 && value->element == 8 ? value : NULL;
}

static bool token_of(const model *m, const char *key, uint64_t *id, wm_span *text) {
    const gguf_value *tokens = texts_of(m, "tokenizer.ggml.tokens");
    if (!tokens || !gguf_u64(m->file, key, id) || *id >= tokens->count) return false;
    wm_span left = tokens->bytes;
    for (uint64_t i = 0; i <= *id; i++)
        if (next_text(m, &left, text) != WM_OK) return false;
    return true;
}

// Kinds of tokens: 2 unknown, 3 control, 4 given by the user.
static uint32_t kind_of(const gguf_value *kinds, uint64_t id) {
    return kinds ? wm_read_u32(kinds->bytes.p + 4 * id) : 1;
}

static wm_status put_added(const model *m, const gguf_value *tokens, const gguf_value *kinds,
                           FILE *to) {
    wm_span left = tokens->bytes, text;
    bool first = true;
    fputs("  \"added_tokens\": [", to);
    for (uint64_t id = 0; id < tokens->count; id++) {
        WM_TRY(next_text(m, &left, &text));
        uint32_t kind = kind_of(kinds, id);
        if (kind < 2 || kind > 4) continue;
        fprintf(to, "%s\n    {\"id\": %" PRIu64 ", \"content\": ", first ? "" : ",", id);
        cli_write_string(to, text);
        fprintf(to,
                ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                "\"normalized\": false, \"special\": %s}",
                kind == 4 ? "false" : "true");
        first = false;
    }
    fputs("],\n", to);
    return WM_OK;
}

static wm_status put_vocabulary(const model *m, const gguf_value *tokens, FILE *to) {
    wm_span left = tokens->bytes, text;
    fputs("\"vocab\": {", to);
    for (uint64_t id = 0; id < tokens->count; id++) {
        WM_TRY(next_text(m, &left, &text));
        fputs(id ? "," : "", to);
        cli_write_string(to, text);
        fprintf(to, ":%" PRIu64, id);
    }
    fputs("}, \"merges\": [", to);
    return WM_OK;
}

static wm_status put_model(const model *m, const gguf_value *tokens, const gguf_value *merges,
                           bool ignore_merges, FILE *to) {
    wm_span left = merges->bytes, text;
    fprintf(to,
            "  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
            "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": "
            "false, \"byte_fallback\": false, \"ignore_merges\": %s, ",
            ignore_merges ? "true" : "false");
    WM_TRY(put_vocabulary(m, tokens, to));
    for (uint64_t i = 0; i < merges->count; i++) {
        WM_TRY(next_text(m, &left, &text));
        fputs(i ? "," : "", to);
        cli_write_string(to, text);
    }
    fputs("]}\n}\n", to);
    return WM_OK;
}

static void put_post_processor(const model *m, bool bos, const char *other, FILE *to) {
    uint64_t id;
    wm_span text;
    if (!bos || !token_of(m, "tokenizer.ggml.bos_token_id", &id, &text)) {
        fprintf(to, "  \"post_processor\": %s,\n", other);
        return;
    }
    fputs(
        "  \"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": "
        "{\"id\": ",
        to);
    cli_write_string(to, text);
    fputs(", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], \"pair\": "
          "[{\"SpecialToken\": {\"id\": ",
          to);
    cli_write_string(to, text);
    fputs(", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"Sequence\": "
          "{\"id\": \"B\", \"type_id\": 1}}], \"special_tokens\": {",
          to);
    cli_write_string(to, text);
    fputs(": {\"id\": ", to);
    cli_write_string(to, text);
    fprintf(to, ", \"ids\": [%" PRIu64 "], \"tokens\": [", id);
    cli_write_string(to, text);
    fputs("]}}},\n", to);
}

static wm_status put_byte_level(const model *m, const gguf_value *tokens, const gguf_value *kinds,
                                FILE *to) {
    wm_span pre = WM_TEXT("default");
    size_t i = 0;
    gguf_text(m->file, "tokenizer.ggml.pre", &pre);
    const gguf_value *merges = texts_of(m, "tokenizer.ggml.merges");
    while (i < WM_COUNT(splitters) && !wm_span_is(pre, splitters[i].name)) i++;
    if (i == WM_COUNT(splitters))
        return broken(m, WM_ERROR_UNSUPPORTED, "tokenizer.ggml.pre is", pre);
    if (!merges) return broken(m, WM_ERROR_MISSING, "no merges of", pre);
    WM_TRY(put_added(m, tokens, kinds, to));
    fprintf(to, "  \"normalizer\": %s,\n  \"pre_tokenizer\": %s,\n",
            splitters[i].nfc ? "{\"type\": \"NFC\"}" : "null", splitters[i].splitter);
    bool bos = gguf_flag(m->file, "tokenizer.ggml.add_bos_token", splitters[i].bos);
    put_post_processor(m, bos, BYTE_LEVEL("true"), to);
    fputs("  \"decoder\": " BYTE_LEVEL("true") ",\n", to);
    return put_model(m, tokens, merges, splitters[i].ignore_merges, to);
}

// ---- SentencePiece's BPE ------------------------------------------------------------------------

// It joins the neighbours whose joint piece has the best score. tokenizer.json has rules instead:
// each way to make a piece of two others, best score first, as transformers writes them.

enum { MAX_PIECE = 256 }; // bytes of a piece that is split: longer ones are never made of two

typedef struct merge {
    uint32_t left, right, order;
    float score;
} merge;

typedef struct pieces {
    wm_span *texts;  // [count]
    uint32_t *table; // [mask + 1] of numbers + 1, by hash
    uint32_t count, mask;
} pieces;

static uint32_t find_piece(const pieces *p, wm_span text) { // count: none
    for (uint32_t at = wm_hash(text) & p->mask;; at = (at + 1) & p->mask) {
        if (!p->table[at]) return p->count;
        if (wm_span_equal(p->texts[p->table[at] - 1], text)) return p->table[at] - 1;
    }
}

static wm_status read_pieces(const model *m, const gguf_value *tokens, pieces *p) {
    wm_span left = tokens->bytes;
    uint32_t size = 2;
    if (tokens->count > WM_LIMIT_VOCABULARY)
        return broken(m, WM_ERROR_LIMIT, "too many tokens:", tokens->key);
    *p = (pieces){.count = (uint32_t)tokens->count};
    while (size < 2 * p->count + 2) size *= 2;
    p->mask = size - 1;
    WM_TRY(WM_ALLOC(m->arena, p->texts, p->count, m->error));
    WM_TRY(WM_ALLOC(m->arena, p->table, size, m->error));
    memset(p->table, 0, size * sizeof *p->table);
    for (uint32_t i = 0; i < p->count; i++) {
        WM_TRY(next_text(m, &left, &p->texts[i]));
        if (find_piece(p, p->texts[i]) < p->count) continue; // the first of two counts
        uint32_t at = wm_hash(p->texts[i]) & p->mask;
        while (p->table[at]) at = (at + 1) & p->mask;
        p->table[at] = i + 1;
    }
    return WM_OK;
}

// Every split of piece i into two pieces; counted alone where `to` is NULL.
static uint32_t split_piece(const pieces *p, uint32_t i, float score, merge *to) {
    wm_span text = p->texts[i];
    uint32_t found = 0;
    for (size_t at = 1; at < text.n && text.n <= MAX_PIECE; at++) {
        if ((text.p[at] & 0xC0) == 0x80) continue; // inside a character
        uint32_t left = find_piece(p, (wm_span){text.p, at});
        uint32_t right =
            left < p->count ? find_piece(p, (wm_span){text.p + at, text.n - at}) : p->count;
        if (right == p->count) continue;
        if (to) to[found] = (merge){left, right, 0, score};
        found++;
    }
    return found;
}

static int by_score(const void *a, const void *b) {
    const merge *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? 1 : -1;
    return (x->order > y->order) - (x->order < y->order);
}

static int by_parts(const void *a, const void *b) {
    const merge *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

static wm_status put_merges(const model *m, const pieces *p, const gguf_value *scores, FILE *to) {
    merge *merges;
    uint64_t count = 0, filled = 0;
    for (uint32_t i = 0; i < p->count; i++) count += split_piece(p, i, 0, NULL);
    if (count > UINT32_MAX) return broken(m, WM_ERROR_LIMIT, "too many merges:", scores->key);
    WM_TRY(WM_ALLOC(m->arena, merges, count, m->error));
    for (uint32_t i = 0; i < p->count; i++) {
        float score = wm_read_f32(scores->bytes.p + 4 * (size_t)i);
        if (!(score - score == 0)) return broken(m, WM_ERROR_NUMERIC, "a score of", scores->key);
        uint32_t found = split_piece(p, i, score, merges + filled);
        qsort(merges + filled, found, sizeof *merges, by_parts);
        filled += found;
    }
    for (uint32_t i = 0; i < count; i++) merges[i].order = i;
    qsort(merges, (size_t)count, sizeof *merges, by_score);
    for (uint64_t i = 0; i < count; i++) {
        fputs(i ? ",[" : "[", to);
        cli_write_string(to, p->texts[merges[i].left]);
        putc(',', to);
        cli_write_string(to, p->texts[merges[i].right]);
        putc(']', to);
    }
    return WM_OK;
}

static wm_status put_sentence_pieces(const model *m, const gguf_value *tokens,
                                     const gguf_value *kinds, FILE *to) {
    static const char strip[] = ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}";
    pieces p;
    uint64_t id;
    wm_span unknown = {NULL, 0};
    const gguf_value *scores = gguf_find(m->file, "tokenizer.ggml.scores");
    if (!scores || scores->type != 9 || scores->element != 6 || scores->count != tokens->count)
        return broken(m, WM_ERROR_MISSING, "no scores of", tokens->key);
    WM_TRY(read_pieces(m, tokens, &p));
    WM_TRY(put_added(m, tokens, kinds, to));
    bool prefix = gguf_flag(m->file, "tokenizer.ggml.add_space_prefix", true);
    fprintf(to,
            "  \"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [%s{\"type\": "
            "\"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\u2581\"}]},\n"
            "  \"pre_tokenizer\": null,\n",
            prefix ? "{\"type\": \"Prepend\", \"prepend\": \"\u2581\"}, " : "");
    put_post_processor(m, gguf_flag(m->file, "tokenizer.ggml.add_bos_token", true), "null", to);
    fprintf(
        to,
        "  \"decoder\": {\"type\": \"Sequence\", \"decoders\": [{\"type\": \"Replace\", "
        "\"pattern\": {\"String\": \"\u2581\"}, \"content\": \" \"},{\"type\":\"ByteFallback\"},"
        "{\"type\":\"Fuse\"}%s]},\n",
        prefix ? strip : "");
    fputs("  \"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": ", to);
    if (token_of(m, "tokenizer.ggml.unknown_token_id", &id, &unknown))
        cli_write_string(to, unknown);
    else
        fputs("null", to);
    fputs(
        ", \"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": true, "
        "\"byte_fallback\": true, ",
        to);
    WM_TRY(put_vocabulary(m, tokens, to));
    WM_TRY(put_merges(m, &p, scores, to));
    fputs("]}\n}\n", to);
    return WM_OK;
}

static wm_status put_tokenizer(model *m, FILE *to) {
    wm_span kind = {NULL, 0};
    gguf_text(m->file, "tokenizer.ggml.model", &kind);
    const gguf_value *tokens = texts_of(m, "tokenizer.ggml.tokens");
    const gguf_value *kinds = gguf_find(m->file, "tokenizer.ggml.token_type");
    bool byte_level = wm_span_is(kind, "gpt2");
    if (!byte_level && !wm_span_is(kind, "llama"))
        return broken(m, WM_ERROR_UNSUPPORTED, "tokenizer.ggml.model is", kind);
    if (!tokens) return broken(m, WM_ERROR_MISSING, "no tokens of", kind);
    if (kinds && (kinds->type != 9 || kinds->element != 5 || kinds->count != tokens->count))
        return broken(m, WM_ERROR_SHAPE, "tokenizer.ggml.token_type of", kind);
    if (gguf_flag(m->file, "tokenizer.ggml.add_eos_token", false))
        return broken(m, WM_ERROR_UNSUPPORTED, "add_eos_token of", kind);
    fputs("{\n  \"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n", to);
    return byte_level ? put_byte_level(m, tokens, kinds, to)
                      : put_sentence_pieces(m, tokens, kinds, to);
}

static wm_status put_tokenizer_config(model *m, FILE *to) {
    static const struct {
        const char *from, *to;
    } ids[] = {{"tokenizer.ggml.bos_token_id", "bos_token"},
               {"tokenizer.ggml.eos_token_id", "eos_token"},
               {"tokenizer.ggml.padding_token_id", "pad_token"},
               {"tokenizer.ggml.unknown_token_id", "unk_token"}};
    uint64_t id, length;
    wm_span text;
    fputs("{\n", to);
    for (size_t i = 0; i < WM_COUNT(ids); i++) {
        if (!token_of(m, ids[i].from, &id, &text)) continue;
        fprintf(to, "  \"%s\": ", ids[i].to);
        cli_write_string(to, text);
        fputs(",\n", to);
    }
    if (gguf_text(m->file, "tokenizer.chat_template", &text) && wm_utf8_check(text) == text.n) {
        fputs("  \"chat_template\": ", to);
        cli_write_string(to, text);
        fputs(",\n", to);
    }
    WM_TRY(need_u64(m, "context_length", &length));
    fprintf(to,
            "  \"model_max_length\": %" PRIu64 ",\n  \"clean_up_tokenization_spaces\": false,\n"
            "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n",
            length);
    return WM_OK;
}

wm_status gguf_to_repository(gguf *from, wm_span path, gguf_file files[GGUF_FILES], wm_arena *arena,
                             wm_error *error) {
    static const struct {
        const char *path;
        wm_status (*put)(model *m, FILE *to);
    } writers[GGUF_FILES] = {{"config.json", put_config},
                             {"tokenizer.json", put_tokenizer},
                             {"tokenizer_config.json", put_tokenizer_config}};
    model m = {.file = from, .path = path, .arena = arena, .error = error};
    for (int i = 0; i < GGUF_FILES; i++) files[i] = (gguf_file){0};
    if (!gguf_text(from, "general.architecture", &m.family))
        return broken(&m, WM_ERROR_MISSING, "no", WM_TEXT("general.architecture"));
    for (int i = 0; i < GGUF_FILES; i++) {
        files[i].path = writers[i].path;
        FILE *to = open_memstream(&files[i].p, &files[i].n);
        wm_status status = to ? writers[i].put(&m, to) : WM_OK;
        bool written = to && !ferror(to);
        if (to && fclose(to)) written = false;
        if (status != WM_OK) return status;
        if (!written) return wm_fail(error, WM_ERROR_NOMEM, 0, "no memory for %z", files[i].path);
    }
    return WM_OK;
}
