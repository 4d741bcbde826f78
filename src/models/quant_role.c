// SPDX-License-Identifier: MIT OR Apache-2.0
// Which tensors of a file are worth quantising: those that a family's slots read as large matrices.
#include "model.h"

// Takes `pattern` from the front of *rest, where % is a number, and @ how LongT5 attends. *number
// is the first number, if there is one.
static bool take(wm_span *rest, const char *pattern, uint32_t *number) {
    wm_span at = *rest;
    bool first = true;
    for (const char *c = pattern; *c; c++) {
        if (*c == '@') {
            size_t name = wm_span_starts(at, "Local") ? 5 : wm_span_starts(at, "Trans") ? 15 : 0;
            at = (wm_span){at.p + name, at.n - name};
            continue;
        }
        size_t n = *c != '%' && at.n && at.p[0] == (uint8_t)*c;
        if (*c == '%' && first) *number = 0;
        for (; *c == '%' && n < at.n && at.p[n] >= '0' && at.p[n] <= '9'; n++)
            if (first) *number = *number * 10 + (at.p[n] - '0');
        if (*c == '%') first = false;
        if (!n) return false;
        at.p += n;
        at.n -= n;
    }
    *rest = at;
    return true;
}

static const wm_slot *slot_named(const wm_slot *slots, const char *layer_prefix, wm_span name,
                                 uint32_t *layer) {
    for (const wm_slot *slot = slots; slot && slot->name; slot++) {
        wm_span rest = name;
        uint32_t none;
        if (take(&rest, layer_prefix, layer) && take(&rest, slot->name, &none) &&
            wm_span_is(rest, ".weight"))
            return slot;
    }
    return NULL;
}

// The slot that reads a tensor, or NULL; a layer's: *layer of *layers.
static const wm_slot *slot_of(const wm_config *config, wm_span tensor, uint32_t *layer,
                              uint32_t *layers) {
    const wm_family *family = config->family;
    const wm_arch *arch = &config->arch;
    *layer = *layers = 0;
    take(&tensor, family->prefix, layer);
    const wm_slot *slot = slot_named(family->model_slots, "", tensor, layer);
    size_t stacks = !family->stacks ? 0 : arch->kind == WM_ENCODER_DECODER ? 2 : 1;
    for (size_t i = 0; i < stacks && !slot; i++) {
        *layers = i ? arch->decoder_layers : arch->groups;
        slot = slot_named(family->stacks[i].layer_slots, family->stacks[i].layer_prefix, tensor,
                          layer);
    }
    return slot;
}

wm_quant_role wm_config_quant_role(const wm_config *config, wm_span tensor) {
    uint32_t layer, layers;
    const wm_slot *slot = slot_of(config, tensor, &layer, &layers);
    // Positions, token types and relative biases are small, and added to everything.
    if (!slot || slot->kind == WM_SLOT_NORM || slot->rows == 'P' || slot->rows == 'Y')
        return WM_QUANT_KEEP;
    return slot->kind == WM_SLOT_CONV1D ? WM_QUANT_TRANSPOSE : WM_QUANT_ROWS;
}

wm_quant wm_config_quant_kind(const wm_config *config, wm_span tensor, wm_quant kind) {
    enum { FEW = 4 }; // layers, of which the first and the last are no small part
    const wm_arch *arch = &config->arch;
    uint32_t layer, layers;
    const wm_slot *slot = slot_of(config, tensor, &layer, &layers);
    if (!slot || kind != WM_QUANT_Q4) return kind;
    bool edge = layers >= FEW && (layer == 0 || layer + 1 == layers);
    bool head = slot->rows == 'V' && arch->kind != WM_ENCODER &&
                (arch->tied_head || slot->field == WM_MODEL(head));
    return edge || head ? WM_QUANT_I8 : kind;
}
