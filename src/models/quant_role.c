// SPDX-License-Identifier: MIT OR Apache-2.0
// Which tensors of a file are worth quantising: those that a family's slots read as large matrices.
#include "model.h"

// Takes `pattern` from the front of *rest, where % is a number, and @ how LongT5 attends.
static bool take(wm_span *rest, const char *pattern) {
    wm_span at = *rest;
    for (const char *c = pattern; *c; c++) {
        if (*c == '@') {
            size_t name = wm_span_starts(at, "Local") ? 5 : wm_span_starts(at, "Trans") ? 15 : 0;
            at = (wm_span){at.p + name, at.n - name};
            continue;
        }
        size_t n = *c != '%' && at.n && at.p[0] == (uint8_t)*c;
        while (*c == '%' && n < at.n && at.p[n] >= '0' && at.p[n] <= '9') n++;
        if (!n) return false;
        at.p += n;
        at.n -= n;
    }
    *rest = at;
    return true;
}

static wm_quant_role role_in(const wm_slot *slots, const char *layer_prefix, wm_span name) {
    for (const wm_slot *slot = slots; slot && slot->name; slot++) {
        wm_span rest = name;
        char rows = slot->rows;
        if (!take(&rest, layer_prefix) || !take(&rest, slot->name) || !wm_span_is(rest, ".weight"))
            continue;
        // Positions, token types and relative biases are small, and added to everything.
        if (slot->kind == WM_SLOT_NORM || rows == 'P' || rows == 'Y' || rows == 'R') break;
        return slot->kind == WM_SLOT_CONV1D ? WM_QUANT_TRANSPOSE : WM_QUANT_ROWS;
    }
    return WM_QUANT_KEEP;
}

wm_quant_role wm_config_quant_role(const wm_config *config, wm_span tensor) {
    const wm_family *family = config->family;
    take(&tensor, family->prefix);
    wm_quant_role role = role_in(family->model_slots, "", tensor);
    size_t stacks = !family->stacks ? 0 : config->arch.kind == WM_ENCODER_DECODER ? 2 : 1;
    for (size_t i = 0; i < stacks && role == WM_QUANT_KEEP; i++) {
        const wm_stack_table *stack = &family->stacks[i];
        role = role_in(stack->layer_slots, stack->layer_prefix, tensor);
    }
    return role;
}
