// SPDX-License-Identifier: MIT OR Apache-2.0
// Section B of the hostile inputs: shards, and repositories that hold something else.
#include "harness.h"

#include "../src/load/tensors.h"

#define ENTRY(name, begin, end) \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #end "],\"data_offsets\":[" #begin "," #end "]}"

static bool contains(const char *text, const char *word) {
    size_t n = strlen(word);
    for (; strlen(text) >= n; text++)
        if (memcmp(text, word, n) == 0) return true;
    return false;
}

// The length, the header, `data` zero bytes; to be freed.
static wm_span container(const char *header, size_t data) {
    uint64_t size = strlen(header);
    uint8_t *bytes = malloc(8 + (size_t)size + data);
    assert_non_null(bytes);
    memcpy(bytes, &size, 8);
    memcpy(bytes + 8, header, (size_t)size);
    memset(bytes + 8 + size, 0, data);
    return (wm_span){bytes, 8 + (size_t)size + data};
}

static wm_source source(const char *path, wm_span bytes) {
    return (wm_source){wm_span_of(path), bytes};
}

static wm_status open_status(const wm_source *files, size_t count, wm_error *error) {
    wm_allocator counted = test_failing_allocator(0);
    wm_arena arena;
    wm_tensors tensors;
    wm_arena_init(&arena, &counted);
    wm_status status = wm_tensors_open(&tensors, files, count, &arena, error);
    if (status == WM_OK)
        for (uint32_t i = 0; i < tensors.count; i++)
            assert_int_equal(wm_tensors_index(&tensors, tensors.all[i]->name), i);
    else
        assert_true(error->status == status && error->text[0]);
    wm_arena_free(&arena);
    assert_int_equal(test_live_allocations(), 0);
    return status;
}

static void shards_are_one_collection(void **state) {
    (void)state;
    wm_source files[] = {
        source("b.safetensors", container("{" ENTRY("x", 0, 2) "}", 2)),
        source("model.safetensors.index.json",
               WM_TEXT("{\"metadata\":{\"total_size\":-1},\"weight_map\":{\"y\":\"a.safetensors\","
                       "\"x\":\"b.safet\\u0065nsors\",\"\\u007a\":\"a.safetensors\"}}")),
        source("a.safetensors",
               container("{" ENTRY("y", 0, 3) ",\"z\":{\"dtype\":\"F32\",\"shape\":[1],"
                                              "\"data_offsets\":[3,7]}}",
                         7)),
    };
    wm_arena arena;
    wm_tensors tensors;
    wm_error error;
    wm_arena_init(&arena, NULL);
    if (wm_tensors_open(&tensors, files, 3, &arena, &error) != WM_OK) fail_msg("%s", error.text);
    assert_int_equal(tensors.count, 3);
    assert_int_equal(tensors.bytes, 9);
    const wm_tensor *z = tensors.all[wm_tensors_index(&tensors, WM_TEXT("z"))];
    assert_true(z->bytes.n == 4 && z->bytes.p + 4 == files[2].bytes.p + files[2].bytes.n);
    assert_int_equal(wm_tensors_index(&tensors, WM_TEXT("w")), 3);
    wm_arena_free(&arena);

    // One file with that very name goes before the index.
    wm_source both[] = {files[1], source("model.safetensors", files[0].bytes)};
    assert_int_equal(open_status(both, 2, &error), WM_OK);
    assert_int_equal(open_status(files, 2, &error), WM_ERROR_MISSING); // row 31
    assert_true(contains(error.text, "a.safetensors"));
    free((void *)files[0].bytes.p);
    free((void *)files[2].bytes.p);
}

static const struct {
    const char *index;
    wm_status status;
    const char *word;
} indexes[] = {
    {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"2.safetensors\"}}", WM_OK, ""},
    {"{\"weight_map\":{}}", WM_OK, ""},
    // 34
    {"{\"metadata\":{\"total_size\":\"x\"},\"weight_map\":{\"a\":\"1.safetensors\"}}", WM_OK, ""},
    {"{\"metadata\":null,\"weight_map\":{\"a\":\"1.safetensors\"}}", WM_OK, ""},
    {"{\"metadata\":{\"total_size\":NaN},\"weight_map\":{\"a\":\"1.safetensors\"}}", WM_OK, ""},
    // 31, 33
    {"{\"weight_map\":{\"a\":\"3.safetensors\"}}", WM_ERROR_MISSING, "3.safetensors"},
    {"{\"weight_map\":{\"a\":\"1.safetensors\",\"b\":\"same.safetensors\"}}", WM_ERROR_DUP,
     "tensor a"},
    {"{\"weight_map\":{\"c\":\"1.safetensors\"}}", WM_ERROR_MISSING, "tensor c"},
    {"{\"weight_map\":{\"a\":\"2.safetensors\",\"b\":\"1.safetensors\"}}", WM_ERROR_MISSING,
     "tensor a"},
    {"{\"weight_map\":{\"a\":\"broken.safetensors\"}}", WM_ERROR_TRUNC, "broken.safetensors"},
    // 32
    {"{\"weight_map\":{\"a\":\"../../etc/passwd\"}}", WM_ERROR_PATH, "../../etc/passwd"},
    {"{\"weight_map\":{\"a\":\"/abs\"}}", WM_ERROR_PATH, "/abs"},
    {"{\"weight_map\":{\"a\":\"C:\\\\x\"}}", WM_ERROR_PATH, "C:"},
    {"{\"weight_map\":{\"a\":\"a\\\\..\\\\b\"}}", WM_ERROR_PATH, ".."},
    {"{\"weight_map\":{\"a\":\"%2e%2e/\"}}", WM_ERROR_PATH, "%2e"},
    {"{\"weight_map\":{\"a\":\"https://example.org/x\"}}", WM_ERROR_PATH, "https"},
    {"{\"weight_map\":{\"a\":\"\"}}", WM_ERROR_PATH, "\"\""},
    {"{\"weight_map\":{\"a\":\"x/./y\"}}", WM_ERROR_PATH, "x/./y"},
    {"{\"weight_map\":{\"a\":\"x//y\"}}", WM_ERROR_PATH, "x//y"},
    {"{\"weight_map\":{\"a\":\"x/\"}}", WM_ERROR_PATH, "x/"},
    {"{\"weight_map\":{\"a\":\"x\\u0000\"}}", WM_ERROR_PATH, "x?"},
    {"{\"weight_map\":{\"a\":\"..\"}}", WM_ERROR_PATH, ".."},
    {"{\"weight_map\":{\"a\":\"nul.safetensors\"}}", WM_ERROR_PATH, "nul"},
    // Malformed
    {"", WM_ERROR_JSON, "the end"},
    {"{\"weight_map\":", WM_ERROR_JSON, "index.json"},
    {"{}", WM_ERROR_FORMAT, "weight_map"},
    {"[]", WM_ERROR_FORMAT, "weight_map"},
    {"{\"weight_map\":[]}", WM_ERROR_FORMAT, "weight_map"},
    {"{\"weight_map\":{\"a\":1}}", WM_ERROR_FORMAT, "not a string"},
    {"{\"weight_map\":{\"a\":null}}", WM_ERROR_FORMAT, "not a string"},
    {"{\"weight_map\":{\"\xFF\":\"x\"}}", WM_ERROR_UTF8, "index.json"},
    {"<!DOCTYPE html><title>404</title>", WM_ERROR_FORMAT, "HTML"},
};

static void each_index_is_decided_and_explained(void **state) {
    (void)state;
    wm_span one = container("{" ENTRY("a", 0, 2) "}", 2);
    wm_source files[] = {
        source("model.safetensors.index.json", WM_TEXT("")),
        source("1.safetensors", one),
        source("2.safetensors", container("{" ENTRY("b", 0, 2) "}", 2)),
        source("same.safetensors", container("{" ENTRY("a", 0, 2) "}", 2)),
        source("broken.safetensors", (wm_span){one.p, one.n - 1}),
    };
    for (size_t i = 0; i < WM_COUNT(indexes); i++) {
        wm_error error = {0};
        files[0].bytes = wm_span_of(indexes[i].index);
        wm_status status = open_status(files, WM_COUNT(files), &error);
        if (status != indexes[i].status || !contains(error.text, indexes[i].word))
            fail_msg("%s: %s %s", indexes[i].index, wm_status_name(status), error.text);
        assert_int_equal(open_status(files, WM_COUNT(files), &error), status);
    }
    for (size_t i = 1; i < 4; i++) free((void *)files[i].bytes.p);
}

// Row 35: as many shards as `count`, each with one tensor.
static wm_status open_many(uint32_t count, bool present, wm_error *error) {
    char *index = malloc((size_t)count * 32 + 32);
    wm_source *files = malloc((count + 1) * sizeof *files);
    assert_true(index && files);
    memcpy(index, "{\"weight_map\":{", 15);
    size_t n = 15;
    for (uint32_t i = 0; i < count; i++) {
        char *member = index + n;
        memcpy(member, "\"000000\":\"000000.safetensors\",", 30);
        uint32_t digits = i;
        for (size_t digit = 6; digit > 0; digit--, digits /= 10)
            member[digit] = member[digit + 9] = (char)('0' + digits % 10);
        char header[] = "{" ENTRY("000000", 0, 1) "}";
        memcpy(header + 2, member + 1, 6);
        files[i + 1] = (wm_source){{(uint8_t *)member + 10, 18}, {NULL, 0}};
        if (present) files[i + 1].bytes = container(header, 1);
        n += 30;
    }
    index[n - 1] = '}';
    index[n++] = '}';
    files[0] = source("model.safetensors.index.json", (wm_span){(uint8_t *)index, n});
    wm_status status = open_status(files, present ? count + 1 : 1, error);
    for (uint32_t i = 0; present && i < count; i++) free((void *)files[i + 1].bytes.p);
    free(files);
    free(index);
    return status;
}

static void shards_are_limited(void **state) {
    (void)state;
    wm_error error;
    assert_int_equal(open_many(1, true, &error), WM_OK);
    assert_int_equal(open_many(100, true, &error), WM_OK);
    assert_int_equal(open_many(WM_LIMIT_SHARDS + 1, true, &error), WM_ERROR_LIMIT);
    assert_true(contains(error.text, "shards"));
    assert_int_equal(open_many(100000, false, &error), WM_ERROR_LIMIT);
    assert_int_equal(open_many(1000, false, &error), WM_ERROR_MISSING);
}

static void paths_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"a",        "a/b.c", "1_Pooling/config.json",
                                       ".env",     "...",   "a..b",
                                       "console",  "com",   "lpt10",
                                       "\xC3\xBC", "a b",   "model-00001-of-00002.safetensors"};
    static const char *const bad[] = {
        "",       ".",     "..",      "/",     "/a",   "a/",   "a//b",     "./a",   "a/..",
        "a/../b", "..\\a", "a\\b",    "c:",    "c:/a", "a%2f", "%",        "a\nb",  "a\x7F",
        "con",    "CON",   "Con.txt", "a/AUX", "nul.", "com1", "LPT9.txt", "prn/a", "file:a"};
    wm_error error;
    for (size_t i = 0; i < WM_COUNT(good); i++)
        if (wm_path_check(wm_span_of(good[i]), "x.json", &error) != WM_OK)
            fail_msg("%s: %s", good[i], error.text);
    for (size_t i = 0; i < WM_COUNT(bad); i++)
        if (wm_path_check(wm_span_of(bad[i]), "x.json", &error) != WM_ERROR_PATH)
            fail_msg("%s", bad[i]);
    uint8_t segment[258];
    memset(segment, 'a', sizeof segment);
    segment[0] = 'b';
    segment[1] = '/';
    assert_int_equal(wm_path_check((wm_span){segment, 257}, "x.json", &error), WM_OK);
    assert_int_equal(wm_path_check((wm_span){segment, 258}, "x.json", &error), WM_ERROR_PATH);
    assert_int_equal(wm_path_check((wm_span){segment, 0}, "x.json", NULL), WM_ERROR_PATH);
    segment[0] = 0;
    assert_int_equal(wm_path_check((wm_span){segment, 1}, "x.json", NULL), WM_ERROR_PATH);
}

// Rows 37, 38, 39: as model.safetensors, and as the index.
static void other_formats_are_called_by_their_name(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        wm_status status;
        const char *word;
    } others[] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n", 71,
         WM_ERROR_FORMAT, "LFS pointer"},
        {"<!DOCTYPE html>\n<html>", 22, WM_ERROR_FORMAT, "HTML"},
        {"\n  <!doctype HTML>", 18, WM_ERROR_FORMAT, "HTML"},
        {"<html lang=\"en\">", 16, WM_ERROR_FORMAT, "HTML"},
        {"\x1F\x8B\x08\0\0\0\0\0\0\x03", 10, WM_ERROR_UNSUPPORTED, "gzip"},
        {"PK\3\4\0\0\x08\x08\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "pickle"},
        {"\x80\2\x8A\x0Al\xFC\x9C\x46\xF9 j\xA8P\x19.", 15, WM_ERROR_UNSUPPORTED, "pickle"},
        {"\x80\4\x95\0\0\0\0\0\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "wasmicro convert"},
        {"GGUF\3\0\0\0\0\0\0\0", 12, WM_ERROR_UNSUPPORTED, "GGUF"},
        {"\x08\x08\x12\x07pytorch\x1A\x05", 13, WM_ERROR_UNSUPPORTED, "ONNX"},
        {"\x08\x07\x3A\xFF\x01", 5, WM_ERROR_UNSUPPORTED, "ONNX"},
        {"\x89HDF\r\n\x1A\n", 8, WM_ERROR_UNSUPPORTED, "HDF5"},
    };
    wm_error error;
    static const char *const paths[] = {"model.safetensors", "model.safetensors.index.json"};
    for (size_t i = 0; i < WM_COUNT(others); i++) {
        for (size_t j = 0; j < WM_COUNT(paths); j++) {
            wm_source file =
                source(paths[j], (wm_span){(const uint8_t *)others[i].bytes, others[i].n});
            wm_status status = open_status(&file, 1, &error);
            if (status != others[i].status || !contains(error.text, others[i].word) ||
                !contains(error.text, paths[j]))
                fail_msg("%s: %s %s", others[i].word, wm_status_name(status), error.text);
        }
    }
    // Row 36, and nothing at all.
    wm_source pickle = source("pytorch_model.bin", WM_TEXT("PK\3\4"));
    assert_int_equal(open_status(&pickle, 1, &error), WM_ERROR_UNSUPPORTED);
    assert_true(contains(error.text, "pytorch_model.bin") &&
                contains(error.text, "wasmicro convert"));
    wm_source onnx = source("onnx/model.onnx", WM_TEXT(""));
    assert_int_equal(open_status(&onnx, 1, &error), WM_ERROR_UNSUPPORTED);
    wm_source gguf = source("tiny-q4.gguf", WM_TEXT("GGUF\3"));
    assert_int_equal(open_status(&gguf, 1, &error), WM_ERROR_UNSUPPORTED);
    assert_true(contains(error.text, "tiny-q4.gguf"));
    assert_int_equal(open_status(NULL, 0, &error), WM_ERROR_MISSING);
    assert_true(contains(error.text, "model.safetensors"));
}

// A header's length may begin with any two bytes: those of gzip and of a pickle too.
static void a_header_of_an_unlucky_length_is_no_other_format(void **state) {
    (void)state;
    static const size_t lengths[] = {0x8B1F, 0x0280, 0x088B1F};
    for (size_t i = 0; i < WM_COUNT(lengths); i++) {
        size_t n = lengths[i];
        uint8_t *file = malloc(8 + n);
        assert_non_null(file);
        memset(file, ' ', 8 + n);
        memset(file, 0, 8);
        memcpy(file, &n, sizeof n);
        memcpy(file + 8, "{}", 2);
        wm_source model = source("model.safetensors", (wm_span){file, 8 + n});
        wm_error error;
        assert_int_equal(open_status(&model, 1, &error), WM_OK);
        free(file);
    }
}

// Row 85, with shards.
static void each_failed_allocation_of_shards_is_survived(void **state) {
    (void)state;
    wm_source files[] = {
        source(
            "model.safetensors.index.json",
            WM_TEXT(
                "{\"weight_map\":{\"\\u0061\":\"1\\u002esafetensors\",\"b\":\"2.safetensors\"}}")),
        source("1.safetensors", container("{" ENTRY("\\u0061", 0, 2) "}", 2)),
        source("2.safetensors", container("{" ENTRY("b", 0, 2) "}", 2)),
    };
    for (long sign = -1; sign <= 1; sign += 2) {
        for (long n = 1; n < 20; n++) {
            wm_allocator failing = test_failing_allocator(sign * n);
            wm_arena arena;
            wm_tensors tensors;
            wm_error error;
            wm_arena_init(&arena, &failing);
            wm_status status = wm_tensors_open(&tensors, files, 3, &arena, &error);
            assert_true(status == WM_OK || status == WM_ERROR_NOMEM);
            if (sign < 0 && n == 1) assert_int_equal(status, WM_ERROR_NOMEM);
            wm_arena_free(&arena);
            assert_int_equal(test_live_allocations(), 0);
        }
    }
    free((void *)files[1].bytes.p);
    free((void *)files[2].bytes.p);
}

static wm_tensor numbered[1000];

static bool less_by_rank(const wm_tensor *a, const wm_tensor *b) { return a->rank < b->rank; }

static void order_sorts_every_length(void **state) {
    (void)state;
    static const wm_tensor *all[1000];
    static uint32_t order[1000];
    uint32_t random = 1;
    for (uint32_t count = 0; count <= 1000; count += count < 70 ? 1 : 93) {
        for (uint32_t pattern = 0; pattern < 4; pattern++) {
            for (uint32_t i = 0; i < count; i++) {
                random = random * 1664525u + 1013904223u;
                uint32_t keys[] = {i, count - i, 7, random >> 20};
                numbered[i].rank = keys[pattern];
                all[i] = &numbered[i];
            }
            wm_tensors_order(order, count, all, less_by_rank);
            uint32_t seen = 0, sum = 0;
            for (uint32_t i = 0; i < count; i++) {
                assert_true(order[i] < count);
                if (i) assert_false(less_by_rank(all[order[i]], all[order[i - 1]]));
                seen ^= order[i] * 2654435761u;
                sum ^= i * 2654435761u;
            }
            assert_int_equal(seen, sum);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_one_collection),
        cmocka_unit_test(each_index_is_decided_and_explained),
        cmocka_unit_test(shards_are_limited),
        cmocka_unit_test(paths_are_checked),
        cmocka_unit_test(other_formats_are_called_by_their_name),
        cmocka_unit_test(a_header_of_an_unlucky_length_is_no_other_format),
        cmocka_unit_test(each_failed_allocation_of_shards_is_survived),
        cmocka_unit_test(order_sorts_every_length),
    };
    return cmocka_run_group_tests_name("tensors", tests, NULL, NULL);
}
