// SPDX-License-Identifier: MIT OR Apache-2.0
// The weights of a folder or file, whatever they are in.
#ifndef WM_SOURCE_H
#define WM_SOURCE_H

#include "../src/base/json.h"
#include "hub.h"
#include "weights.h"

typedef enum source_kind { SOURCE_SAFETENSORS, SOURCE_TORCH, SOURCE_GGUF } source_kind;

typedef struct source {
    source_kind kind;
    weights weights;
    gguf gguf;                   // of a GGUF file,
    gguf_file texts[GGUF_FILES]; // and the files it stands for; of others the paths are NULL
    const wm_source *file;       // the one file of the weights; NULL: shards, safetensors
    wm_arena arena;
} source;

// Owner: the folder's bytes stay as they are until close. Nothing to close on failure.
wm_status source_read(source *s, const cli_folder *folder, wm_error *error);
void source_close(source *s);

#endif
