// SPDX-License-Identifier: MIT OR Apache-2.0
// GGUF files: every number of what is taken is read, and so are the files that it stands for.
#include "../cli/weights.h"
#include "../src/base/json.h"
#include "fuzz.h"

static void read_all(const weights *w) {
    for (size_t i = 0; i < w->count; i++) {
        const wm_tensor *t = &w->all[i].tensor;
        FUZZ_CHECK(t->bytes.n <= 16 * w->all[i].stored.n);
        void *numbers = malloc(t->bytes.n + 1);
        FUZZ_CHECK(numbers);
        if (t->bytes.n) weight_rows(&w->all[i], 0, t->rank ? t->shape[0] : 1, numbers);
        free(numbers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_host host = fuzz_host_for(size);
    wm_allocator allocator = fuzz_allocator(&host);
    wm_span path = WM_TEXT("fuzz.gguf");
    gguf file;
    gguf_file texts[GGUF_FILES] = {{0}};
    wm_error error;
    wm_arena arena;
    wm_json root;
    wm_arena_init(&arena, &allocator);
    wm_status status = gguf_read(&file, (wm_span){data, size}, path, &arena, &error);
    fuzz_check_error(status, &error);
    if (status == WM_OK) {
        read_all(&file.tensors);
        status = gguf_to_repository(&file, path, texts, &arena, &error);
        fuzz_check_error(status, &error);
        if (status == WM_OK) read_all(&file.tensors);
    }
    for (int i = 0; i < GGUF_FILES; i++) {
        wm_span text = {(const uint8_t *)texts[i].p, texts[i].n};
        if (status == WM_OK) {
            wm_status checked = wm_json_check(text, texts[i].path, 0, &root, &error);
            FUZZ_CHECK(checked == WM_OK || checked == WM_ERROR_LIMIT);
        }
        free(texts[i].p);
    }
    wm_arena_free(&arena);
    FUZZ_CHECK(host.live == 0);
    return 0;
}
