// SPDX-License-Identifier: MIT OR Apache-2.0
// Opens tokenizers for tests: a folder of tests/vectors/tokenizers, or one text as one file.
#ifndef TOKENIZER_FOLDER_H
#define TOKENIZER_FOLDER_H

#include "harness.h"

#define TEST_TOKENIZERS "tests/vectors/tokenizers/"

// Opens files named by a NULL-terminated list.
static inline wm_tokenizer *open_folder(const char *folder, const char *const *names) {
    wm_source files[8];
    size_t count = 0;
    for (; names[count]; count++) {
        char path[128];
        size_t a = strlen(TEST_TOKENIZERS), b = strlen(folder), c = strlen(names[count]);
        assert_true(a + b + c + 2 < sizeof path && count < WM_COUNT(files));
        memcpy(path, TEST_TOKENIZERS, a);
        memcpy(path + a, folder, b);
        path[a + b] = '/';
        memcpy(path + a + b + 1, names[count], c + 1);
        files[count] = (wm_source){{(const uint8_t *)names[count], c}, test_file(path)};
    }
    wm_tokenizer *tokenizer = NULL;
    wm_error error = {0};
    if (wm_tokenizer_open(&tokenizer, files, count, NULL, &error) != WM_OK) fail_msg("%s: %s", folder, error.text);
    return tokenizer;
}

static inline wm_status open_text(wm_tokenizer **tokenizer, const char *name, wm_span text,
                                  const wm_allocator *host, wm_error *error) {
    wm_source file = {{(const uint8_t *)name, strlen(name)}, text};
    return wm_tokenizer_open(tokenizer, &file, 1, host, error);
}

#endif
