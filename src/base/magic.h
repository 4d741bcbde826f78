// SPDX-License-Identifier: MIT OR Apache-2.0
// Files that are something else than their name promises, told by their first bytes.
#ifndef WM_MAGIC_H
#define WM_MAGIC_H

#include "base.h"

#define WM_MAGIC_ORIGINAL "wasmicro reads the original model.safetensors"
#define WM_MAGIC_CONVERT "the command wasmicro convert rewrites it"

// FORMAT or UNSUPPORTED where `bytes` are recognisably something else than `path` promises (HTML
// page, LFS pointer, gzip, zip or pickle, GGUF, ONNX, HDF5); WM_OK otherwise.
wm_status wm_magic_check(wm_span bytes, wm_span path, wm_error *error);

// "PATH is WHAT: HINT".
wm_status wm_magic_fail(wm_error *error, wm_status status, wm_span path, const char *what,
                        const char *hint);

#endif
