// SPDX-License-Identifier: MIT OR Apache-2.0
// A restricted pickle machine. A pickle is a program; this one knows the instructions that build
// numbers, texts, lists and dictionaries, and of all that a pickle can name only what stands for
// tensors. It calls nothing: a "call" of those makes a note of its arguments.
#include "weights.h"

enum { MAX_NODES = 200000 };

typedef enum kind {
    OTHER, // None, booleans, fractions
    NUMBER,
    TEXT,
    GLOBAL,  // `tag` of globals
    TUPLE,   // items [first, count]
    LIST,    // cells, the last one first
    DICT,    // cells
    STORAGE, // text: its key; number: of numbers; tag: their dtype
    TENSOR,  // first: the items of the call that makes it
    MARK,
} kind;

typedef struct node {
    uint8_t kind, tag;
    uint32_t first, count;
    int64_t number;
    wm_span text;
} node;

// Of a list or a dictionary; before: the one before, + 1.
typedef struct cell {
    uint32_t before, key, value;
} cell;

typedef struct machine {
    const uint8_t *start, *p, *end;
    node *nodes; // [limit]
    cell *cells;
    uint32_t *items, *stack, *memo; // nodes
    uint32_t limit, node_count, cell_count, item_count, depth, memo_count;
    wm_span path;
    wm_error *error;
} machine;

// ---- What a pickle may name ---------------------------------------------------------------------

typedef enum tag { ORDERED, REBUILD, PARAMETER, SIZE, FIRST_STORAGE } tag;

static const struct {
    const char *module, *name;
    uint8_t tag, dtype;
} globals[] = {
    {"collections", "OrderedDict", ORDERED, 0},
    {"torch._utils", "_rebuild_tensor_v2", REBUILD, 0},
    {"torch._utils", "_rebuild_tensor", REBUILD, 0},
    {"torch._utils", "_rebuild_parameter", PARAMETER, 0},
    {"torch", "Size", SIZE, 0},
    {"torch", "FloatStorage", FIRST_STORAGE, WM_DTYPE_F32},
    {"torch", "HalfStorage", FIRST_STORAGE, WM_DTYPE_F16},
    {"torch", "BFloat16Storage", FIRST_STORAGE, WM_DTYPE_BF16},
    {"torch", "DoubleStorage", FIRST_STORAGE, WM_DTYPE_F64},
    {"torch", "LongStorage", FIRST_STORAGE, WM_DTYPE_I64},
    {"torch", "IntStorage", FIRST_STORAGE, WM_DTYPE_I32},
    {"torch", "ShortStorage", FIRST_STORAGE, WM_DTYPE_I16},
    {"torch", "CharStorage", FIRST_STORAGE, WM_DTYPE_I8},
    {"torch", "ByteStorage", FIRST_STORAGE, WM_DTYPE_U8},
    {"torch", "BoolStorage", FIRST_STORAGE, WM_DTYPE_BOOL},
};

// Instructions that a dictionary of tensors does not need, or that make objects of any class.
static const struct {
    uint8_t code;
    const char *name;
} refused[] = {
    {'0', "POP"},
    {'1', "POP_MARK"},
    {'2', "DUP"},
    {'F', "FLOAT"},
    {'I', "INT"},
    {'L', "LONG"},
    {'P', "PERSID"},
    {'S', "STRING"},
    {'V', "UNICODE"},
    {'d', "DICT"},
    {'g', "GET"},
    {'i', "INST"},
    {'l', "LIST"},
    {'o', "OBJ"},
    {'p', "PUT"},
    {'B', "BINBYTES"},
    {'C', "SHORT_BINBYTES"},
    {0x81, "NEWOBJ"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x8B, "LONG4"},
    {0x8E, "BINBYTES8"},
    {0x8F, "EMPTY_SET"},
    {0x90, "ADDITEMS"},
    {0x91, "FROZENSET"},
    {0x92, "NEWOBJ_EX"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

static wm_status broken(const machine *m, wm_status status, const char *what) {
    return wm_fail(m->error, status, (uint64_t)(m->p - m->start), "%s: pickle: %z at byte %u",
                   &m->path, what, (uint64_t)(m->p - m->start));
}

static wm_status refuse_opcode(machine *m, uint8_t code) {
    m->p--;
    for (size_t i = 0; i < WM_COUNT(refused); i++)
        if (refused[i].code == code)
            return wm_fail(m->error, WM_ERROR_UNSUPPORTED, (uint64_t)(m->p - m->start),
                           "%s: pickle: the instruction %z is refused: only tensors are read",
                           &m->path, refused[i].name);
    return wm_fail(m->error, WM_ERROR_FORMAT, (uint64_t)(m->p - m->start),
                   "%s: pickle: no instruction has the number %u", &m->path, (uint64_t)code);
}

// ---- The machine's parts ------------------------------------------------------------------------

static wm_status take(machine *m, uint64_t n, const uint8_t **bytes) {
    if (n > (uint64_t)(m->end - m->p)) return broken(m, WM_ERROR_TRUNC, "it ends early");
    *bytes = m->p;
    m->p += n;
    return WM_OK;
}

// A little-endian number of n bytes.
static wm_status take_number(machine *m, uint32_t n, uint64_t *number) {
    const uint8_t *bytes = NULL;
    WM_TRY(take(m, n, &bytes));
    *number = 0;
    for (uint32_t i = 0; i < n; i++) *number |= (uint64_t)bytes[i] << (8 * i);
    return WM_OK;
}

static wm_status push(machine *m, node value) {
    if (m->node_count == m->limit) return broken(m, WM_ERROR_LIMIT, "too many values");
    m->nodes[m->node_count] = value;
    m->stack[m->depth++] = m->node_count++; // the stack is never higher than there are nodes
    return WM_OK;
}

static wm_status push_again(machine *m, uint32_t index) {
    if (m->depth == m->limit) return broken(m, WM_ERROR_LIMIT, "too many values");
    m->stack[m->depth++] = index;
    return WM_OK;
}

static wm_status pop(machine *m, uint32_t *index) {
    if (!m->depth || m->nodes[m->stack[m->depth - 1]].kind == MARK)
        return broken(m, WM_ERROR_FORMAT, "nothing to take");
    *index = m->stack[--m->depth];
    return WM_OK;
}

static wm_status top(machine *m, kind wanted, node **value) {
    *value = m->depth ? &m->nodes[m->stack[m->depth - 1]] : NULL;
    if (!*value || (*value)->kind != wanted)
        return broken(m, WM_ERROR_FORMAT, "a value of another kind");
    return WM_OK;
}

// The values above the mark: items [first, count] of the pool, both gone from the stack.
static wm_status take_marked(machine *m, uint32_t *first, uint32_t *count) {
    uint32_t mark = m->depth;
    while (mark && m->nodes[m->stack[mark - 1]].kind != MARK) mark--;
    if (!mark) return broken(m, WM_ERROR_FORMAT, "no mark");
    *first = m->item_count;
    *count = m->depth - mark;
    if (*count > m->limit - m->item_count) return broken(m, WM_ERROR_LIMIT, "too many values");
    memcpy(m->items + m->item_count, m->stack + mark, *count * sizeof *m->items);
    m->item_count += *count;
    m->depth = mark - 1;
    return WM_OK;
}

static wm_status add_cell(machine *m, node *to, uint32_t key, uint32_t value) {
    if (m->cell_count == m->limit) return broken(m, WM_ERROR_LIMIT, "too many values");
    m->cells[m->cell_count] = (cell){to->first, key, value};
    to->first = ++m->cell_count;
    to->count++;
    return WM_OK;
}

// The last n values as a tuple.
static wm_status make_tuple(machine *m, uint32_t n) {
    uint32_t first = m->item_count, index = 0;
    if (n > m->limit - m->item_count) return broken(m, WM_ERROR_LIMIT, "too many values");
    for (uint32_t i = n; i-- > 0;) {
        WM_TRY(pop(m, &index));
        m->items[first + i] = index;
    }
    m->item_count += n;
    return push(m, (node){.kind = TUPLE, .first = first, .count = n});
}

static wm_status add_marked(machine *m, bool pairs) {
    uint32_t first, count;
    node *to;
    WM_TRY(take_marked(m, &first, &count));
    WM_TRY(top(m, pairs ? DICT : LIST, &to));
    if (pairs && count % 2) return broken(m, WM_ERROR_FORMAT, "a key without a value");
    for (uint32_t i = 0; i < count; i += 1 + pairs)
        WM_TRY(add_cell(m, to, m->items[first + i], m->items[first + i + pairs]));
    m->item_count = first;
    return WM_OK;
}

static wm_status add_one(machine *m, bool pair) {
    uint32_t key, value;
    node *to;
    WM_TRY(pop(m, &value));
    key = value;
    if (pair) WM_TRY(pop(m, &key));
    WM_TRY(top(m, pair ? DICT : LIST, &to));
    return add_cell(m, to, key, value);
}

// ---- Names and calls ----------------------------------------------------------------------------

static wm_status push_global(machine *m, wm_span module, wm_span name) {
    for (size_t i = 0; i < WM_COUNT(globals); i++)
        if (wm_span_is(module, globals[i].module) && wm_span_is(name, globals[i].name))
            return push(m,
                        (node){.kind = GLOBAL, .tag = globals[i].tag, .first = globals[i].dtype});
    return wm_fail(m->error, WM_ERROR_UNSUPPORTED, (uint64_t)(m->p - m->start),
                   "%s: pickle: it names %s.%s, which is refused: only tensors are read", &m->path,
                   &module, &name);
}

static wm_status take_line(machine *m, wm_span *line) {
    const uint8_t *end = memchr(m->p, '\n', (size_t)(m->end - m->p));
    if (!end) return broken(m, WM_ERROR_TRUNC, "it ends early");
    *line = (wm_span){m->p, (size_t)(end - m->p)};
    m->p = end + 1;
    return WM_OK;
}

static const node *item(const machine *m, const node *tuple, uint32_t i, kind wanted) {
    if (tuple->kind != TUPLE || i >= tuple->count) return NULL;
    const node *found = &m->nodes[m->items[tuple->first + i]];
    return found->kind == wanted ? found : NULL;
}

// ("storage", torch.FloatStorage, "0", "cpu", numbers[, a view, of old files: None])
static wm_status make_storage(machine *m) {
    uint32_t index;
    WM_TRY(pop(m, &index));
    const node *tuple = &m->nodes[index], *word = item(m, tuple, 0, TEXT);
    const node *type = item(m, tuple, 1, GLOBAL), *key = item(m, tuple, 2, TEXT);
    const node *numbers = item(m, tuple, 4, NUMBER);
    if (!word || !wm_span_is(word->text, "storage") || !type || type->tag != FIRST_STORAGE ||
        !key || !numbers || numbers->number < 0 || (tuple->count > 5 && !item(m, tuple, 5, OTHER)))
        return broken(m, WM_ERROR_UNSUPPORTED, "a storage of an unknown form");
    return push(m, (node){.kind = STORAGE,
                          .tag = (uint8_t)type->first,
                          .text = key->text,
                          .number = numbers->number});
}

static wm_status call(machine *m) {
    uint32_t index, called;
    WM_TRY(pop(m, &index));
    WM_TRY(pop(m, &called));
    const node *function = &m->nodes[called], *arguments = &m->nodes[index];
    if (function->kind != GLOBAL || arguments->kind != TUPLE)
        return broken(m, WM_ERROR_FORMAT, "a call of what is no name");
    switch (function->tag) {
    case ORDERED:
        if (arguments->count) break;
        return push(m, (node){.kind = DICT});
    case SIZE:
        if (!item(m, arguments, 0, TUPLE)) break;
        return push_again(m, m->items[arguments->first]);
    case PARAMETER:
        if (!item(m, arguments, 0, TENSOR)) break;
        return push_again(m, m->items[arguments->first]);
    case REBUILD:
        if (!item(m, arguments, 0, STORAGE) || !item(m, arguments, 1, NUMBER) ||
            !item(m, arguments, 2, TUPLE) || !item(m, arguments, 3, TUPLE))
            break;
        return push(m, (node){.kind = TENSOR, .first = arguments->first});
    default: break;
    }
    return broken(m, WM_ERROR_UNSUPPORTED, "a call with other arguments than tensors have");
}

// An object's state. A dictionary of tensors carries torch's version numbers; nothing else may.
static wm_status build(machine *m) {
    uint32_t state;
    node *object;
    WM_TRY(pop(m, &state));
    if (top(m, DICT, &object) == WM_OK) return WM_OK;
    return broken(m, WM_ERROR_UNSUPPORTED, "an object's state");
}

// ---- Instructions -------------------------------------------------------------------------------

static wm_status put_memo(machine *m, uint64_t place) {
    if (!m->depth) return broken(m, WM_ERROR_FORMAT, "nothing to keep");
    if (place >= m->limit) return broken(m, WM_ERROR_LIMIT, "too many values");
    while (m->memo_count <= place) m->memo[m->memo_count++] = UINT32_MAX;
    m->memo[place] = m->stack[m->depth - 1];
    return WM_OK;
}

static wm_status get_memo(machine *m, uint64_t place) {
    if (place >= m->memo_count || m->memo[place] == UINT32_MAX)
        return broken(m, WM_ERROR_FORMAT, "a value that was never kept");
    return push_again(m, m->memo[place]);
}

static wm_status push_text(machine *m, uint32_t size) {
    uint64_t n;
    const uint8_t *bytes = NULL;
    WM_TRY(take_number(m, size, &n));
    WM_TRY(take(m, n, &bytes));
    return push(m, (node){.kind = TEXT, .text = {bytes, (size_t)n}});
}

static wm_status push_number(machine *m, uint32_t size) {
    uint64_t n;
    WM_TRY(take_number(m, size, &n));
    return push(m, (node){.kind = NUMBER, .number = size == 4 ? (int32_t)(uint32_t)n : (int64_t)n});
}

// A number of up to 8 bytes; a longer one (the magic number of old files) is only a value.
static wm_status push_long(machine *m) {
    uint64_t size, n;
    const uint8_t *bytes = NULL;
    WM_TRY(take_number(m, 1, &size));
    if (size <= 8) {
        WM_TRY(take_number(m, (uint32_t)size, &n));
        if (size && size < 8 && n >> (8 * size - 1)) n |= UINT64_MAX << (8 * size);
        return push(m, (node){.kind = NUMBER, .number = (int64_t)n});
    }
    WM_TRY(take(m, size, &bytes));
    return push(m, (node){.kind = OTHER});
}

static wm_status stack_global(machine *m) {
    uint32_t name, module;
    WM_TRY(pop(m, &name));
    WM_TRY(pop(m, &module));
    if (m->nodes[name].kind != TEXT || m->nodes[module].kind != TEXT)
        return broken(m, WM_ERROR_FORMAT, "a name that is no text");
    return push_global(m, m->nodes[module].text, m->nodes[name].text);
}

static wm_status skip(machine *m, uint64_t n) {
    const uint8_t *bytes = NULL;
    return take(m, n, &bytes);
}

static wm_status step(machine *m, uint8_t code) {
    uint64_t n;
    uint32_t first, count;
    wm_span module, name;
    switch (code) {
    case 0x80: return skip(m, 1); // PROTO
    case 0x95: return skip(m, 8); // FRAME
    case '(': return push(m, (node){.kind = MARK});
    case 'N':
    case 0x88:
    case 0x89: return push(m, (node){.kind = OTHER});
    case 'G': WM_TRY(skip(m, 8)); return push(m, (node){.kind = OTHER});
    case 'K': return push_number(m, 1);
    case 'M': return push_number(m, 2);
    case 'J': return push_number(m, 4);
    case 0x8A: return push_long(m);
    case 0x8C:
    case 'U': return push_text(m, 1);
    case 'X':
    case 'T': return push_text(m, 4);
    case 0x8D: return push_text(m, 8);
    case '}': return push(m, (node){.kind = DICT});
    case ']': return push(m, (node){.kind = LIST});
    case ')': return make_tuple(m, 0);
    case 0x85:
    case 0x86:
    case 0x87: return make_tuple(m, code - 0x84u);
    case 't':
        WM_TRY(take_marked(m, &first, &count));
        return push(m, (node){.kind = TUPLE, .first = first, .count = count});
    case 'a': return add_one(m, false);
    case 's': return add_one(m, true);
    case 'e': return add_marked(m, false);
    case 'u': return add_marked(m, true);
    case 'q': WM_TRY(take_number(m, 1, &n)); return put_memo(m, n);
    case 'r': WM_TRY(take_number(m, 4, &n)); return put_memo(m, n);
    case 0x94: return put_memo(m, m->memo_count);
    case 'h': WM_TRY(take_number(m, 1, &n)); return get_memo(m, n);
    case 'j': WM_TRY(take_number(m, 4, &n)); return get_memo(m, n);
    case 'c':
        WM_TRY(take_line(m, &module));
        WM_TRY(take_line(m, &name));
        return push_global(m, module, name);
    case 0x93: return stack_global(m);
    case 'Q': return make_storage(m);
    case 'R': return call(m);
    case 'b': return build(m);
    default: return refuse_opcode(m, code);
    }
}

static wm_status run(machine *m, wm_span bytes, wm_span path, wm_arena *arena, uint32_t *root,
                     size_t *used, wm_error *error) {
    *m = (machine){
        .start = bytes.p, .p = bytes.p, .end = bytes.p + bytes.n, .path = path, .error = error};
    m->limit = (uint32_t)WM_MIN(bytes.n + 1, (size_t)MAX_NODES);
    WM_TRY(WM_ALLOC(arena, m->nodes, m->limit, error));
    WM_TRY(WM_ALLOC(arena, m->cells, m->limit, error));
    WM_TRY(WM_ALLOC(arena, m->items, m->limit, error));
    WM_TRY(WM_ALLOC(arena, m->stack, m->limit, error));
    WM_TRY(WM_ALLOC(arena, m->memo, m->limit, error));
    for (;;) {
        const uint8_t *code = NULL;
        WM_TRY(take(m, 1, &code));
        if (*code == '.') break;
        WM_TRY(step(m, *code));
    }
    *used = (size_t)(m->p - m->start);
    return pop(m, root);
}

// ---- What it has built --------------------------------------------------------------------------

static wm_status read_sizes(machine *m, const node *tuple, uint64_t *sizes, uint32_t *rank) {
    if (tuple->count > WM_MAX_RANK)
        return broken(m, WM_ERROR_LIMIT, "a tensor of over 8 dimensions");
    *rank = tuple->count;
    for (uint32_t i = 0; i < tuple->count; i++) {
        const node *size = item(m, tuple, i, NUMBER);
        if (!size || size->number < 0) return broken(m, WM_ERROR_FORMAT, "a tensor's shape");
        sizes[i] = (uint64_t)size->number;
    }
    return WM_OK;
}

static wm_status read_tensor(machine *m, const node *name, const node *value,
                             pickle_tensor *tensor) {
    const uint32_t *arguments = m->items + value->first;
    const node *storage = &m->nodes[arguments[0]], *offset = &m->nodes[arguments[1]];
    uint32_t rank;
    *tensor = (pickle_tensor){.name = name->text,
                              .key = storage->text,
                              .dtype = (wm_dtype)storage->tag,
                              .numbers = (uint64_t)storage->number,
                              .offset = (uint64_t)offset->number};
    WM_TRY(read_sizes(m, &m->nodes[arguments[2]], tensor->shape, &tensor->rank));
    WM_TRY(read_sizes(m, &m->nodes[arguments[3]], tensor->strides, &rank));
    if (rank != tensor->rank || offset->number < 0)
        return broken(m, WM_ERROR_FORMAT, "a tensor's strides");
    return WM_OK;
}

wm_status pickle_read(wm_span bytes, wm_span path, wm_arena *arena, pickle_tensor **tensors,
                      size_t *count, size_t *used, wm_error *error) {
    machine m;
    uint32_t root;
    *count = 0;
    *used = 0;
    WM_TRY(run(&m, bytes, path, arena, &root, used, error));
    const node *dict = &m.nodes[root];
    if (dict->kind != DICT) return WM_OK;
    WM_TRY(WM_ALLOC(arena, *tensors, dict->count, error));
    size_t at = dict->count; // cells come last first
    for (uint32_t next = dict->first; next;) {
        const cell *c = &m.cells[next - 1];
        const node *key = &m.nodes[c->key], *value = &m.nodes[c->value];
        if (key->kind == TEXT && value->kind == TENSOR)
            WM_TRY(read_tensor(&m, key, value, &(*tensors)[--at]));
        next = c->before;
    }
    *count = dict->count - at;
    *tensors += at;
    return WM_OK;
}

wm_status pickle_read_keys(wm_span bytes, wm_span path, wm_arena *arena, wm_span **keys,
                           size_t *count, size_t *used, wm_error *error) {
    machine m;
    uint32_t root;
    WM_TRY(run(&m, bytes, path, arena, &root, used, error));
    const node *list = &m.nodes[root];
    if (list->kind != LIST) return broken(&m, WM_ERROR_FORMAT, "no list of storages");
    WM_TRY(WM_ALLOC(arena, *keys, list->count, error));
    *count = list->count;
    size_t at = list->count;
    for (uint32_t next = list->first; next; next = m.cells[next - 1].before) {
        const node *key = &m.nodes[m.cells[next - 1].value];
        if (key->kind != TEXT) return broken(&m, WM_ERROR_FORMAT, "a storage's name is no text");
        (*keys)[--at] = key->text;
    }
    return WM_OK;
}
