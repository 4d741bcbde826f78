// SPDX-License-Identifier: MIT OR Apache-2.0
// The encoder stack against Hugging Face in float64, on every tiny checkpoint and every instruction
// set.
#include "../src/models/model.h"
#include "tiny.h"

#define TOLERANCE 2e-5

typedef struct opened {
    wm_model *model;
    wm_session *session;
} opened;

static opened open_session(const tiny *folder, const char *isa) {
    opened o = {NULL, NULL};
    wm_config *config;
    wm_error error = {0};
    const wm_source *json = wm_source_find(folder->files, folder->count, "config.json");
    wm_pipeline_options options = {.size = sizeof options, .isa = isa};
    if (wm_config_from_json(&config, json->bytes, NULL, &error) != WM_OK ||
        wm_model_open(&o.model, config, folder->files, folder->count, &options, &error) != WM_OK ||
        wm_session_open(&o.session, o.model, NULL, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    wm_config_close(config);
    return o;
}

static void close_session(opened o) {
    wm_session_close(o.session);
    wm_model_close(o.model);
}

static double hidden_distance(wm_arena *arena, const tiny *folder, const char *isa) {
    opened o = open_session(folder, isa);
    size_t width = tiny_number(wm_json_get(folder->golden, "width"));
    double worst = 0;
    assert_int_equal(wm_model_width(o.model), width);
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "hidden")); wm_json_next(&i);) {
        size_t count;
        const int32_t *ids = tiny_ids(arena, wm_json_get(i.value, "ids"), &count);
        const float *want = tiny_floats(arena, wm_json_get(i.value, "states"), count * width);
        float *got = tiny_allocate(arena, count * width, sizeof *got);
        wm_error error = {0};
        if (wm_session_hidden(o.session, ids, count, got, &error) != WM_OK)
            fail_msg("%s: %s", folder->name, error.text);
        double distance = tiny_distance(got, want, count, width);
        if (!(distance <= TOLERANCE))
            fail_msg("%s on %s, %zu ids: off by %g of a row's largest", folder->name, isa, count,
                     distance);
        worst = WM_MAX(worst, distance);
    }
    close_session(o);
    return worst;
}

static void all_folders(const char *isa) {
    static const char *const lists[] = {"tests/tiny/index.json", "tests/tiny/later.json"};
    double worst = 0;
    size_t folders = 0;
    for (size_t l = 0; l < WM_COUNT(lists); l++) {
        for (wm_json_iter i = wm_json_each(tiny_json(lists[l])); wm_json_next(&i); folders++) {
            wm_arena arena = tiny_arena();
            tiny folder = tiny_of(&arena, i.value);
            double distance = 0; // StaticEmbedding has no config.json
            if (wm_source_find(folder.files, folder.count, "config.json"))
                distance = hidden_distance(&arena, &folder, isa);
            worst = WM_MAX(worst, distance);
            wm_arena_free(&arena);
        }
    }
    assert_true(folders >= 40);
    print_message("%s: %zu folders, worst distance to float64 %g of a row's largest\n", isa,
                  folders, worst);
}

static void hidden_states_on_every_instruction_set(void **state) {
    (void)state;
    static const char *const isas[] = {WM_ISAS};
    size_t there = 0;
    for (size_t i = 0; i < WM_COUNT(isas); i++) {
        if (!wm_kernels_select(isas[i])) continue;
        all_folders(isas[i]);
        there++;
    }
    assert_true(there > 0);
}

// A fresh timeline; the two-stack kinds read `ids` in their encoder, and start their decoder with
// id 0. Gives the ids that the decoder itself is to read.
static const int32_t *start(const tiny *folder, opened o, const int32_t *ids, size_t *count) {
    static const int32_t start_id[] = {0};
    const float *hidden;
    wm_sequence sequence = {ids, NULL, *count};
    wm_error error = {0};
    wm_session_rewind(o.session, 0);
    if (o.model->arch.kind != WM_ENCODER_DECODER) return ids;
    if (wm_session_encode(o.session, &sequence, &hidden, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    *count = 1;
    return start_id;
}

static const float *logits_of(const tiny *folder, opened o, const int32_t *ids, size_t count,
                              size_t vocabulary) {
    float *logits = tiny_allocate(folder->arena, count * vocabulary, sizeof *logits);
    wm_error error = {0};
    if (wm_logits(o.session, ids, count, logits, &error) != WM_OK)
        fail_msg("%s: %s", folder->name, error.text);
    return logits;
}

static double logits_distance(const tiny *folder, opened o, size_t vocabulary) {
    double worst = 0;
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "logits")); wm_json_next(&i);) {
        size_t count, decoder_count;
        const int32_t *ids = tiny_ids(folder->arena, wm_json_get(i.value, "ids"), &count);
        const int32_t *decoder_ids =
            tiny_ids(folder->arena, wm_json_get(i.value, "decoder_ids"), &decoder_count);
        ids = start(folder, o, ids, &count);
        if (decoder_count) {
            ids = decoder_ids;
            count = decoder_count;
        }
        const float *want =
            tiny_floats(folder->arena, wm_json_get(i.value, "values"), count * vocabulary);
        double distance =
            tiny_distance(logits_of(folder, o, ids, count, vocabulary), want, count, vocabulary);
        if (!(distance <= TOLERANCE))
            fail_msg("%s: %zu logits off by %g of a row's largest", folder->name, count, distance);
        worst = WM_MAX(worst, distance);
    }
    return worst;
}

static size_t best_of(const float *row, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (row[i] > row[best]) best = i;
    return best;
}

// The best token after each, one at a time, is Hugging Face's greedy continuation.
static size_t check_greedy(const tiny *folder, opened o, size_t vocabulary) {
    size_t checked = 0;
    for (wm_json_iter i = wm_json_each(wm_json_get(folder->golden, "greedy")); wm_json_next(&i);) {
        size_t count, wanted;
        const int32_t *ids = tiny_ids(folder->arena, wm_json_get(i.value, "ids"), &count);
        const int32_t *want = tiny_ids(folder->arena, wm_json_get(i.value, "tokens"), &wanted);
        ids = start(folder, o, ids, &count);
        const float *logits =
            logits_of(folder, o, ids, count, vocabulary) + (count - 1) * vocabulary;
        for (size_t n = 0; n < wanted; n++, checked++) {
            if (best_of(logits, vocabulary) != (size_t)want[n])
                fail_msg("%s: greedy token %zu is %zu, expected %zu", folder->name, n,
                         best_of(logits, vocabulary), (size_t)want[n]);
            if (n + 1 < wanted) logits = logits_of(folder, o, &want[n], 1, vocabulary);
        }
    }
    return checked;
}

static void decoders_continue_as_hugging_face(void **state) {
    (void)state;
    double worst = 0;
    size_t tokens = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/later.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        wm_json config;
        const wm_source *file = wm_source_find(folder.files, folder.count, "config.json");
        assert_int_equal(wm_json_check(file->bytes, "config.json", 0, &config, NULL), WM_OK);
        if (wm_json_present(wm_json_get(folder.golden, "logits"))) {
            size_t vocabulary = tiny_number(wm_json_get(config, "vocab_size"));
            opened o = open_session(&folder, NULL);
            double distance = logits_distance(&folder, o, vocabulary);
            worst = WM_MAX(worst, distance);
            tokens += check_greedy(&folder, o, vocabulary);
            close_session(o);
        }
        wm_arena_free(&arena);
    }
    assert_true(tokens > 1000);
    print_message("%zu greedy tokens; logits at most %g of a row's largest from float64\n", tokens,
                  worst);
}

static void the_limits_of_ids_hold(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int32_t vocabulary;
        uint32_t tokens;
    } models[] = {{"bert-f32", 200, 131}, {"roberta-pad3", 381, 60}, {"distilbert-f32", 200, 64}};
    for (size_t m = 0; m < WM_COUNT(models); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, models[m].name);
        opened o = open_session(&folder, NULL);
        uint32_t limit = models[m].tokens;
        int32_t *ids = tiny_allocate(&arena, limit + 1, sizeof *ids);
        float *hidden =
            tiny_allocate(&arena, (limit + 1) * wm_model_width(o.model), sizeof *hidden);
        for (uint32_t i = 0; i <= limit; i++) ids[i] = 7;
        wm_error error = {0};
        assert_int_equal(wm_model_max_tokens(o.model), limit);
        assert_int_equal(wm_session_hidden(o.session, ids, limit, hidden, &error), WM_OK);
        assert_int_equal(wm_session_hidden(o.session, ids, limit + 1, hidden, &error),
                         WM_ERROR_ARG);
        assert_int_equal(wm_session_hidden(o.session, ids, 0, hidden, &error), WM_ERROR_ARG);
        ids[1] = models[m].vocabulary - 1;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_OK);
        ids[1] = models[m].vocabulary;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_ERROR_ARG);
        ids[1] = -1;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_ERROR_ARG);
        ids[1] = 7;
        assert_int_equal(wm_session_hidden(o.session, ids, 3, hidden, &error), WM_OK);
        close_session(o);
        wm_arena_free(&arena);
    }
}

// Weights may lie at any offset of a file: the whole file shifted by one byte gives the same bits.
static void odd_offsets_change_nothing(void **state) {
    (void)state;
    static const char *const names[] = {"bert-f32", "bert-f16", "roberta-bf16"};
    for (size_t m = 0; m < WM_COUNT(names); m++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[m]);
        static const int32_t ids[] = {3, 17, 90, 4, 55};
        float got[2][WM_COUNT(ids) * 32];
        for (int shift = 0; shift < 2; shift++) {
            wm_span *bytes = &tiny_file(&folder, "model.safetensors")->bytes;
            uint8_t *copy = (uint8_t *)tiny_allocate(&arena, bytes->n + 1, 1) + shift;
            memcpy(copy, bytes->p, bytes->n);
            bytes->p = copy;
            opened o = open_session(&folder, NULL);
            assert_true(wm_model_width(o.model) <= 32);
            memset(got[shift], 0, sizeof got[shift]);
            assert_int_equal(wm_session_hidden(o.session, ids, WM_COUNT(ids), got[shift], NULL),
                             WM_OK);
            close_session(o);
        }
        assert_memory_equal(got[0], got[1], sizeof got[0]);
        wm_arena_free(&arena);
    }
}

// The logits of a text in one pass, against those of its beginning and then its ids one by one.
static double prefix_distance(const tiny *folder, const char *isa) {
    opened o = open_session(folder, isa);
    size_t V = o.model->arch.vocabulary, count = 40, prefix = 23;
    int32_t *ids = tiny_allocate(folder->arena, count, sizeof *ids);
    const float *hidden;
    for (size_t i = 0; i < count; i++) ids[i] = (int32_t)((i * i * 37 + 11 * i + 5) % V);
    wm_sequence text = {ids, NULL, 30};
    if (o.model->arch.kind == WM_ENCODER_DECODER)
        assert_int_equal(wm_session_encode(o.session, &text, &hidden, NULL), WM_OK);
    const float *whole = logits_of(folder, o, ids, count, V);
    wm_session_rewind(o.session, 0);
    double worst = tiny_distance(logits_of(folder, o, ids, prefix, V), whole, prefix, V);
    for (size_t i = prefix; i < count; i++) {
        double distance = tiny_distance(logits_of(folder, o, ids + i, 1, V), whole + i * V, 1, V);
        worst = WM_MAX(worst, distance);
    }
    close_session(o);
    return worst;
}

static void a_prefix_and_the_next_ids_are_the_whole(void **state) {
    (void)state;
    static const char *const isas[] = {WM_ISAS};
    double worst = 0;
    size_t tried = 0;
    for (wm_json_iter i = wm_json_each(tiny_json("tests/tiny/later.json")); wm_json_next(&i);) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_of(&arena, i.value);
        bool decodes = wm_json_present(wm_json_get(folder.golden, "logits"));
        for (size_t s = 0; s < WM_COUNT(isas) && decodes; s++) {
            if (!wm_kernels_select(isas[s])) continue;
            double distance = prefix_distance(&folder, isas[s]);
            if (distance > 0)
                fail_msg("%s on %s: off by %g of a row's largest", folder.name, isas[s], distance);
            worst = WM_MAX(worst, distance);
            tried++;
        }
        wm_arena_free(&arena);
    }
    assert_true(tried >= 17);
    print_message("prefix and next ids: at most %g of a row's largest from one pass\n", worst);
}

// Two sessions on one model, turn by turn: each its own timeline, which may go back.
static void sessions_have_their_own_memory(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32", "llama-f16", "gpt_neo-bf16"};
    for (size_t n = 0; n < WM_COUNT(names); n++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[n]);
        opened o = open_session(&folder, NULL);
        size_t V = o.model->arch.vocabulary;
        int32_t one[] = {7, 30, 11, 4, 25, 9}, two[] = {7, 12, 40, 3, 3, 21};
        float *want[2], *got = tiny_allocate(&arena, 6 * V, sizeof *got);
        wm_session *other;
        assert_int_equal(wm_session_open(&other, o.model, NULL, NULL), WM_OK);
        want[0] = tiny_allocate(&arena, 6 * V, sizeof *got);
        want[1] = tiny_allocate(&arena, 6 * V, sizeof *got);
        assert_int_equal(wm_logits(o.session, one, 6, want[0], NULL), WM_OK);
        wm_session_rewind(o.session, 0);
        assert_int_equal(wm_logits(o.session, two, 6, want[1], NULL), WM_OK);
        wm_session_rewind(o.session, 0);
        for (size_t i = 0; i < 6; i++) {
            assert_int_equal(wm_logits(o.session, one + i, 1, got, NULL), WM_OK);
            assert_memory_equal(got, want[0] + i * V, V * sizeof *got);
            assert_int_equal(wm_logits_last(other, two + i, 1, got, NULL), WM_OK);
            assert_memory_equal(got, want[1] + i * V, V * sizeof *got);
        }
        wm_session_rewind(o.session, 1); // the first id is the same in both
        wm_session_rewind(o.session, 99);
        assert_int_equal(wm_logits_last(o.session, two + 1, 5, got, NULL), WM_OK);
        assert_memory_equal(got, want[1] + 5 * V, V * sizeof *got);
        wm_session_close(other);
        close_session(o);
        wm_arena_free(&arena);
    }
}

// Weights in another form where they lie: the same numbers but, of GPT-2's, which are turned round,
// for the order of the sums; the tied head and the table of tokens are one tensor.
static void settled_weights_say_the_same(void **state) {
    (void)state;
    static const char *const names[] = {"gpt2-f32",    "gpt2-f16",   "gpt2-bf16",
                                        "bert-f32",    "llama-f16",  "gpt_neox-f16",
                                        "gpt_neo-f16", "albert-f16", "mt5-f16"};
    for (size_t n = 0; n < WM_COUNT(names); n++) {
        wm_arena arena = tiny_arena();
        tiny folder = tiny_open(&arena, names[n]);
        for (size_t i = 0; i < folder.count; i++) {
            wm_span *bytes = &folder.files[i].bytes;
            uint8_t *own = tiny_allocate(&arena, bytes->n + 1, 1);
            bytes->p = memcpy(own, bytes->p, bytes->n);
        }
        opened o = open_session(&folder, NULL);
        bool decodes = o.model->arch.kind == WM_DECODER;
        bool turned = o.model->stacks[0].layers[0].qkv.transposed;
        size_t D = decodes ? o.model->arch.vocabulary : o.model->arch.width;
        int32_t ids[] = {7, 30, 11, 4, 25, 9};
        float *want = tiny_allocate(&arena, 6 * D, sizeof *want),
              *got = tiny_allocate(&arena, 6 * D, sizeof *got);
        wm_status (*run)(wm_session *, const int32_t *, size_t, float *, wm_error *) =
            decodes ? wm_logits : wm_session_hidden;
        assert_int_equal(run(o.session, ids, 6, want, NULL), WM_OK);
        wm_model_settle(o.model);
        assert_false(o.model->stacks[0].layers[0].qkv.transposed);
        const wm_matrix *first = &o.model->stacks[0].layers[0].o, *token = &o.model->weights.token;
        bool rebased = o.model->kernels->rebase && o.model->arch.kind != WM_ENCODER &&
                       wm_span_is(wm_span_of(o.model->dtype), "F16");
        assert_int_equal(first->type == WM_REBASED, rebased && first->cols % 8 == 0);
        if (decodes && o.model->arch.tied_head)
            assert_int_equal(token->type == WM_REBASED, rebased && token->cols % 8 == 0);
        for (size_t one = 0; one < 2; one++) { // in one pass, or id by id
            if (decodes) wm_session_rewind(o.session, 0);
            for (size_t i = 0; i < 6; i += one && decodes ? 1 : 6)
                assert_int_equal(run(o.session, ids + i, one && decodes ? 1 : 6, got + i * D, NULL),
                                 WM_OK);
            if (turned)
                assert_true(tiny_distance(got, want, 6, D) <= 2e-6);
            else
                assert_memory_equal(got, want, 6 * D * sizeof *got);
        }
        close_session(o);
        wm_arena_free(&arena);
    }
}

// [16, cols] of Q4, any numbers.
static void make_q4(wm_arena *arena, const wm_model *model, wm_matrix *w, uint32_t cols) {
    size_t bytes = 8 * cols, blocks = 16 * cols / WM_Q4_BLOCK;
    uint8_t *data = tiny_allocate(arena, bytes, 1);
    uint16_t *scale = tiny_allocate(arena, blocks, sizeof *scale);
    for (size_t i = 0; i < bytes; i++) data[i] = (uint8_t)(i * 40503 >> 5);
    for (size_t i = 0; i < blocks; i++) scale[i] = (uint16_t)(0x2800 + i * 977 % 0x400);
    *w = (wm_matrix){.data = data, .scale = (const uint8_t *)scale, .bias = w->bias, .type = WM_Q4};
    w->rows = 16, w->cols = w->stride = cols;
    w->halves = model->kernels->linear_halves != NULL;
}

// Q4 is woven where there is such a form, and every logit is the same bit for bit; but not what
// the table of tokens shares with the head.
static void woven_weights_say_the_same(void **state) {
    (void)state;
    enum { COUNT = 5 };
    wm_arena arena = tiny_arena();
    tiny folder = tiny_open(&arena, "gpt2-f32");
    opened o = open_session(&folder, NULL);
    wm_layer_weights *layers = o.model->stacks[0].layers;
    wm_model_weights *weights = &o.model->weights;
    wm_weight_type woven = o.model->kernels->weave ? WM_WOVEN : WM_Q4;
    int32_t ids[COUNT] = {7, 30, 11, 4, 25};
    size_t V = o.model->arch.vocabulary, bytes = COUNT * V * sizeof(float);
    float *want = tiny_allocate(&arena, bytes, 1), *got = tiny_allocate(&arena, bytes, 1);
    wm_model_settle(o.model); // whatever else changes
    for (size_t i = 0; i < 2; i++) make_q4(&arena, o.model, &layers[i].down, layers[i].down.cols);
    assert_int_equal(wm_logits(o.session, ids, COUNT, want, NULL), WM_OK);
    wm_model_settle(o.model);
    assert_int_equal(layers[0].down.type, woven);
    assert_int_equal(layers[1].down.type, woven);
    wm_session_rewind(o.session, 0);
    assert_int_equal(wm_logits(o.session, ids, COUNT, got, NULL), WM_OK);
    assert_memory_equal(got, want, bytes);
    make_q4(&arena, o.model, &weights->token, 32);
    weights->head = weights->token;
    wm_model_settle(o.model);
    assert_int_equal(weights->head.type, WM_Q4);
    make_q4(&arena, o.model, &weights->head, 32);
    wm_model_settle(o.model);
    assert_int_equal(weights->head.type, woven);
    assert_int_equal(weights->token.type, WM_Q4);
    close_session(o);
    wm_arena_free(&arena);
}

// tests/vectors/hidden_states.jsonl, made by tools/make_hidden_states.py
static void the_hidden_states_of_every_layer(void **state) {
    (void)state;
    wm_span rest = test_file("tests/vectors/hidden_states.jsonl");
    size_t models = 0;
    for (wm_span line = rest; rest.n; models++) {
        line.p = rest.p;
        for (line.n = 0; line.n < rest.n && rest.p[line.n] != '\n';) line.n++;
        rest = (wm_span){rest.p + line.n + 1, rest.n - line.n - 1};
        wm_arena arena = tiny_arena();
        wm_json root;
        assert_int_equal(wm_json_check(line, "hidden_states.jsonl", 0, &root, NULL), WM_OK);
        wm_span name = tiny_string(&arena, wm_json_get(root, "folder"));
        tiny folder = tiny_open(&arena, tiny_join(&arena, name, "", (wm_span){NULL, 0}));
        opened o = open_session(&folder, NULL);
        size_t count, width = o.model->arch.width, rows;
        const int32_t *ids = tiny_ids(&arena, wm_json_get(root, "ids"), &count);
        rows = (o.model->arch.layers + 1) * count;
        const float *want = tiny_floats(&arena, wm_json_get(root, "states"), rows * width);
        float *got = tiny_allocate(&arena, rows * width, sizeof *got);
        assert_int_equal(wm_session_hidden_states(o.session, ids, count, got, NULL), WM_OK);
        if (!(tiny_distance(got, want, rows, width) <= TOLERANCE))
            fail_msg("%s: off by %g", folder.name, tiny_distance(got, want, rows, width));
        close_session(o);
        wm_arena_free(&arena);
    }
    assert_int_equal(models, 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_states_on_every_instruction_set),
        cmocka_unit_test(decoders_continue_as_hugging_face),
        cmocka_unit_test(the_limits_of_ids_hold),
        cmocka_unit_test(odd_offsets_change_nothing),
        cmocka_unit_test(a_prefix_and_the_next_ids_are_the_whole),
        cmocka_unit_test(sessions_have_their_own_memory),
        cmocka_unit_test(settled_weights_say_the_same),
        cmocka_unit_test(woven_weights_say_the_same),
        cmocka_unit_test(the_hidden_states_of_every_layer),
    };
    return cmocka_run_group_tests_name("models", tests, NULL, NULL);
}
