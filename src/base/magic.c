// SPDX-License-Identifier: MIT OR Apache-2.0
#include "magic.h"

#define NOT_IT "download the file itself"

static const struct {
    char bytes[20];
    uint8_t n, status;
    const char *what, *hint;
} magics[] = {
    {"version https://git", 19, WM_ERROR_FORMAT, "an LFS pointer", NOT_IT " (git lfs pull)"},
    {"<!doctype", 9, WM_ERROR_FORMAT, "an HTML page", NOT_IT},
    {"<html", 5, WM_ERROR_FORMAT, "an HTML page", NOT_IT},
    {"\x1F\x8B", 2, WM_ERROR_UNSUPPORTED, "gzip data", "unpack it first"},
    {"pk\3\4", 4, WM_ERROR_UNSUPPORTED, "a PyTorch pickle or another zip", WM_MAGIC_CONVERT},
    {"\x80\2", 2, WM_ERROR_UNSUPPORTED, "a pickle", WM_MAGIC_CONVERT},
    {"\x80\3", 2, WM_ERROR_UNSUPPORTED, "a pickle", WM_MAGIC_CONVERT},
    {"\x80\4", 2, WM_ERROR_UNSUPPORTED, "a pickle", WM_MAGIC_CONVERT},
    {"\x80\5", 2, WM_ERROR_UNSUPPORTED, "a pickle", WM_MAGIC_CONVERT},
    {"gguf", 4, WM_ERROR_UNSUPPORTED, "a GGUF file", WM_MAGIC_CONVERT},
    {"\x89hdf", 4, WM_ERROR_UNSUPPORTED, "an HDF5 (Keras) file", WM_MAGIC_ORIGINAL},
};

wm_status wm_magic_fail(wm_error *error, wm_status status, wm_span path, const char *what,
                        const char *hint) {
    return wm_fail(error, status, 0, "%s is %z: %z", &path, what, hint);
}

static bool is_blank_byte(uint8_t byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// A header length within the limit, then JSON: any two bytes may stand first in a true safetensors.
static bool looks_like_safetensors(wm_span bytes) {
    return bytes.n > 8 && wm_read_u64(bytes.p) <= WM_LIMIT_HEADER &&
           (bytes.p[8] == '{' || is_blank_byte(bytes.p[8]));
}

// A protobuf with ONNX's first fields: ir_version, then producer_name, producer_version, graph or
// opset.
static bool looks_like_onnx(wm_span bytes) {
    if (bytes.n < 4 || bytes.p[0] != 0x08 || bytes.p[1] == 0 || bytes.p[1] > 0x20) return false;
    uint8_t tag = bytes.p[2];
    return tag == 0x12 || tag == 0x1A || tag == 0x3A || tag == 0x42;
}

wm_status wm_magic_check(wm_span bytes, wm_span path, wm_error *error) {
    if (looks_like_safetensors(bytes)) return WM_OK;
    if (looks_like_onnx(bytes))
        return wm_magic_fail(error, WM_ERROR_UNSUPPORTED, path, "an ONNX model", WM_MAGIC_ORIGINAL);
    while (bytes.n && is_blank_byte(*bytes.p)) bytes = (wm_span){bytes.p + 1, bytes.n - 1};
    for (size_t i = 0; i < WM_COUNT(magics); i++)
        if (bytes.n >= magics[i].n && wm_letters_equal(bytes.p, magics[i].bytes, magics[i].n))
            return wm_magic_fail(error, (wm_status)magics[i].status, path, magics[i].what,
                                 magics[i].hint);
    return WM_OK;
}
