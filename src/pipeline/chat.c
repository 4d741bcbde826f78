// SPDX-License-Identifier: MIT OR Apache-2.0
// Conversations as the model's chat_template writes them. A template is code, and is never run: the
// common ones are known by hash and length, and written by a row of a table.
// Oracle: transformers, PreTrainedTokenizerBase.apply_chat_template
#include "../base/utf8.h"
#include "../token/tokenizer.h"
#include "pipeline.h"

// In a row's formats.
#define CONTENT "\1"
#define TRIMMED "\2" // the content as str.strip leaves it
#define ROLE "\3"
#define EOS "\4"

enum {
    CHAT_BOS = 1,       // the bos token first
    CHAT_ALTERNATE = 2, // every second message is the user's, from the first on
    CHAT_MODEL = 4,     // the assistant is called "model"
    CHAT_JOIN = 8,      // a system message is put before the first one of the user
    CHAT_THINK = 16,    // what the assistant thought before the user's last message is left out
    CHAT_ANSWER = 32,   // the answer's opening stands there even if it is not asked for
};

typedef struct chat_row {
    const char *message;   // of every role, but for …
    const char *assistant; // … the assistant's, where it is not NULL
    const char *system;    // … the first message's if it is the system's, likewise
    const char *first;     // the system's content where it says nothing; NULL: no message then
    uint8_t rules;
} chat_row;

#define CHATML "<|im_start|>" ROLE "\n" CONTENT "<|im_end|>\n"
#define LLAMA3 "<|start_header_id|>" ROLE "<|end_header_id|>\n\n" TRIMMED "<|eot_id|>"
#define GEMMA "<start_of_turn>" ROLE "\n" TRIMMED "<end_of_turn>\n"
#define MISTRAL "[INST] " CONTENT " [/INST]"

static const chat_row chat_rows[] = {
    {CHATML, NULL, NULL, NULL, 0},
    {CHATML, NULL, NULL, "You are a helpful AI assistant named SmolLM, trained by Hugging Face", 0},
    {CHATML, NULL, NULL, "You are a helpful assistant.", 0}, // Qwen1.5, Qwen2
    {CHATML, NULL, NULL, "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", 0},
    {CHATML, NULL, NULL, NULL, CHAT_THINK}, // Qwen3
    {LLAMA3, NULL, NULL, NULL, CHAT_BOS},
    {LLAMA3, NULL, NULL, NULL, CHAT_BOS | CHAT_ANSWER},
    {LLAMA3, NULL, // Llama 3.2, with the date that it has where no clock is
     "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
     "Today Date: 26 Jul 2024\n\n" TRIMMED "<|eot_id|>",
     "", CHAT_BOS},
    {GEMMA, NULL, NULL, NULL, CHAT_BOS | CHAT_ALTERNATE | CHAT_MODEL},
    {GEMMA, NULL, NULL, NULL, CHAT_BOS | CHAT_ALTERNATE | CHAT_MODEL | CHAT_JOIN}, // Gemma 3
    {MISTRAL, CONTENT EOS, NULL, NULL, CHAT_BOS | CHAT_ALTERNATE},
    {MISTRAL, CONTENT EOS " ", NULL, NULL, CHAT_BOS | CHAT_ALTERNATE},
    {"<|" ROLE "|>\n" CONTENT EOS "\n", NULL, NULL, NULL, 0}, // Zephyr, TinyLlama
};

// wm_hash and length of a template's text, \n for a line's end in it, none at its end.
static const struct {
    uint32_t hash;
    uint16_t length;
    uint8_t row;
} chat_known[] = {
    {0xF6777B10u, 196, 0},  // ChatML …
    {0x3698F6AEu, 291, 0},  // … with a default of no answer
    {0x3D682766u, 368, 1},  // SmolLM2
    {0xE0FC64DEu, 328, 2},  // Qwen1.5, Qwen2
    {0xD9BEB164u, 2474, 3}, // Qwen2.5 …
    {0xA1647EA4u, 2476, 3}, // … 0.5B
    {0xB23C6381u, 4071, 4}, // Qwen3
    {0x4467E9D8u, 389, 5},  // Llama 3 …
    {0x10487FA8u, 348, 6},  // … as it first was
    {0x989BA985u, 3800, 7}, // Llama 3.2
    {0x4519EFA7u, 591, 8},  // Gemma, Gemma 2
    {0xEF90E689u, 1531, 9}, // Gemma 3
    {0x9D97E617u, 470, 10}, // Mistral, Mixtral …
    {0xBD0DC1E0u, 477, 11}, // … as it first was
    {0x2E9D41BDu, 410, 12}, // Zephyr, TinyLlama
};

// ---- What the files say -------------------------------------------------------------------------

static wm_status decode_text(wm_pipeline *p, wm_json string, wm_span *text, wm_error *error) {
    uint8_t *room;
    WM_TRY(WM_ALLOC(&p->results, room, string.n, error));
    *text = wm_json_string_decode(string, room);
    return WM_OK;
}

wm_status wm_pipeline_setting(wm_pipeline *p, const char *key, wm_span *text, wm_error *error) {
    static const char *const names[] = {"tokenizer_config.json", "special_tokens_map.json"};
    *text = (wm_span){NULL, 0};
    for (size_t i = 0; !text->n && i < WM_COUNT(names); i++) {
        const wm_source *file = wm_source_find(p->sentence.files, p->sentence.file_count, names[i]);
        wm_json root;
        if (!file) continue;
        WM_TRY(wm_json_check(file->bytes, names[i], WM_JSON_PYTHON, &root, error));
        wm_json value = wm_json_get(root, key), content = wm_json_get(value, "content");
        // several templates: [{"name": "default", "template": …}, …]
        for (wm_json_iter list = wm_json_each(value); wm_json_next(&list);)
            if (wm_json_string_is(wm_json_get(list.value, "name"), "default"))
                content = wm_json_get(list.value, "template");
        WM_TRY(decode_text(p, wm_json_present(content) ? content : value, text, error));
    }
    return WM_OK;
}

// *row = the row that writes the template; its line ends may be written \n.
static wm_status know_template(wm_pipeline *p, wm_span text, const chat_row **row,
                               wm_error *error) {
    uint8_t *plain;
    size_t n = 0;
    WM_TRY(WM_ALLOC(&p->results, plain, text.n, error));
    for (size_t i = 0; i < text.n; i++, n++) {
        bool escaped = text.p[i] == '\\' && i + 1 < text.n && text.p[i + 1] == 'n';
        plain[n] = escaped ? '\n' : text.p[i];
        i += escaped;
    }
    while (n && plain[n - 1] == '\n') n--;
    uint32_t hash = wm_hash((wm_span){plain, n});
    for (size_t i = 0; i < WM_COUNT(chat_known); i++) {
        if (chat_known[i].hash != hash || chat_known[i].length != n) continue;
        *row = &chat_rows[chat_known[i].row];
        return WM_OK;
    }
    text.n = WM_MIN(text.n, (size_t)80);
    return wm_fail(error, WM_ERROR_UNSUPPORTED, 0, "chat_template %s… is not known", &text);
}

static wm_status find_row(wm_pipeline *p, const chat_row **row, wm_error *error) {
    const wm_source *file =
        wm_source_find(p->sentence.files, p->sentence.file_count, "chat_template.jinja");
    wm_span text;
    if (file)
        text = file->bytes;
    else
        WM_TRY(wm_pipeline_setting(p, "chat_template", &text, error));
    if (!text.n) return wm_fail(error, WM_ERROR_MISSING, 0, "the model has no chat_template");
    return know_template(p, text, row, error);
}

// ---- Writing ------------------------------------------------------------------------------------

typedef struct chat_writer {
    wm_pipeline *pipeline;
    const chat_row *row;
    wm_span eos;
    bool failed;
} chat_writer;

static void put(chat_writer *w, wm_span text) {
    wm_pipeline *p = w->pipeline;
    if (text.n && !wm_array_push(&p->chat, &p->allocator, text.p, text.n)) w->failed = true;
}

// The format, up to the content if there is none.
static void put_message(chat_writer *w, const char *format, wm_span role, const wm_span *content) {
    if (w->row->rules & CHAT_MODEL && wm_span_is(role, "assistant")) role = WM_TEXT("model");
    for (const char *c = format; *c; c++) {
        if (*c > *EOS) {
            put(w, (wm_span){(const uint8_t *)c, 1});
        } else if (*c == *ROLE) {
            put(w, role);
        } else if (*c == *EOS) {
            put(w, w->eos);
        } else {
            if (!content) return;
            put(w, *c == *TRIMMED ? wm_python_strip(*content) : *content);
        }
    }
}

static wm_span strip_lines(wm_span text) {
    while (text.n && *text.p == '\n') text = (wm_span){text.p + 1, text.n - 1};
    while (text.n && text.p[text.n - 1] == '\n') text.n--;
    return text;
}

// Where `mark` stands in the text: first or last; text.n: nowhere.
static size_t find_mark(wm_span text, const char *mark, bool last) {
    size_t found = text.n, n = strlen(mark);
    for (size_t i = 0; i + n <= text.n && (last || found == text.n); i++)
        if (!memcmp(text.p + i, mark, n)) found = i;
    return found;
}

// Qwen3's assistant: <think> … </think> stays after the user's last message alone.
static void put_thinker(chat_writer *w, wm_span role, wm_span content, bool recent, bool last) {
    static const char open[] = "<think>", close[] = "</think>";
    wm_span thought = {content.p, find_mark(content, close, false)}, answer = content;
    if (thought.n < content.n) {
        size_t end = find_mark(content, close, true) + sizeof close - 1;
        size_t start = find_mark(thought, open, true);
        if (start < thought.n) {
            start += sizeof open - 1;
            thought = (wm_span){thought.p + start, thought.n - start};
        }
        answer = (wm_span){content.p + end, content.n - end};
        while (answer.n && *answer.p == '\n') answer = (wm_span){answer.p + 1, answer.n - 1};
    } else {
        thought.n = 0;
    }
    thought = strip_lines(thought);
    if (!recent || (!last && !thought.n)) {
        put_message(w, w->row->message, role, &answer);
        return;
    }
    put_message(w, w->row->message, role, NULL);
    put(w, WM_TEXT("<think>\n"));
    put(w, thought);
    put(w, WM_TEXT("\n</think>\n\n"));
    while (answer.n && *answer.p == '\n') answer = (wm_span){answer.p + 1, answer.n - 1};
    put(w, answer);
    put(w, WM_TEXT("<|im_end|>\n"));
}

static wm_status check_messages(const chat_row *row, const wm_message *messages, size_t count,
                                wm_error *error) {
    size_t first = 0;
    if (row->rules & CHAT_JOIN && count && wm_span_is(messages[0].role, "system")) first = 1;
    for (size_t i = 0; i < count; i++) {
        bool user = wm_span_is(messages[i].role, "user");
        bool assistant = wm_span_is(messages[i].role, "assistant");
        bool fits = user || assistant || wm_span_is(messages[i].role, "system");
        if (row->rules & CHAT_ALTERNATE && i >= first)
            fits = (i - first) % 2 ? assistant || (fits && !user && !row->assistant) : user;
        if (!fits)
            return wm_fail(error, WM_ERROR_ARG, 0,
                           "message %u: the chat template refuses the role %s here", (uint64_t)i,
                           &messages[i].role);
        if (wm_utf8_check(messages[i].content) < messages[i].content.n)
            return wm_fail(error, WM_ERROR_UTF8, 0, "message %u is not UTF-8", (uint64_t)i);
    }
    return count > first ? WM_OK : wm_fail(error, WM_ERROR_ARG, 0, "the conversation is empty");
}

static void put_conversation(chat_writer *w, const wm_message *messages, size_t count) {
    const chat_row *row = w->row;
    const char *system = row->system ? row->system : row->message;
    bool given = wm_span_is(messages[0].role, "system");
    size_t i = 0, asked = 0; // the user's last message
    for (size_t m = 0; m < count; m++)
        if (wm_span_is(messages[m].role, "user")) asked = m;
    if (row->rules & CHAT_JOIN && given) { // the system's message opens the user's
        wm_span content = wm_python_strip(messages[1].content);
        put_message(w, row->message, messages[1].role, NULL);
        put(w, messages[0].content);
        put(w, WM_TEXT("\n\n"));
        put(w, content);
        put(w, WM_TEXT("<end_of_turn>\n"));
        i = 2;
    } else if (given || row->first) {
        wm_span content = given ? messages[0].content : wm_span_of(row->first);
        put_message(w, system, WM_TEXT("system"), &content);
        i = given;
    }
    for (; i < count; i++) {
        bool assistant = wm_span_is(messages[i].role, "assistant");
        if (assistant && row->rules & CHAT_THINK)
            put_thinker(w, messages[i].role, messages[i].content, i > asked, i + 1 == count);
        else
            put_message(w, assistant && row->assistant ? row->assistant : row->message,
                        messages[i].role, &messages[i].content);
    }
}

static wm_status write_chat(wm_pipeline *p, const wm_message *messages, size_t count, bool answer,
                            wm_error *error) {
    chat_writer w = {.pipeline = p};
    wm_span bos;
    WM_TRY(find_row(p, &w.row, error));
    WM_TRY(check_messages(w.row, messages, count, error));
    WM_TRY(wm_pipeline_setting(p, "bos_token", &bos, error));
    WM_TRY(wm_pipeline_setting(p, "eos_token", &w.eos, error));
    if (w.row->rules & CHAT_BOS) put(&w, bos);
    put_conversation(&w, messages, count);
    if (answer || w.row->rules & CHAT_ANSWER)
        put_message(&w, w.row->assistant ? w.row->assistant : w.row->message, WM_TEXT("assistant"),
                    NULL);
    return w.failed ? wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory") : WM_OK;
}

wm_status wm_pipeline_chat(wm_pipeline *p, const wm_message *messages, size_t count, bool answer,
                           wm_span *prompt, wm_error *error) {
    wm_arena_free(&p->results);
    p->chat.n = 0;
    p->budget.refused = false;
    wm_status status =
        wm_pipeline_within_budget(p, write_chat(p, messages, count, answer, error), error);
    wm_arena_free(&p->results);
    *prompt = (wm_span){p->chat.p, status == WM_OK ? p->chat.n : 0};
    return status;
}

wm_status wm_generation_open_chat(wm_generation **generation, wm_pipeline *p,
                                  const wm_message *messages, size_t count,
                                  const wm_generate_options *options, wm_error *error) {
    wm_encoding *encoding = &p->encodings[0];
    wm_encode_options plain = {.size = sizeof plain, .special = WM_OFF};
    wm_span prompt;
    *generation = NULL;
    WM_TRY(wm_pipeline_chat(p, messages, count, true, &prompt, error));
    WM_TRY(wm_tokenizer_encode(p->tokenizer, prompt, NULL, &plain, encoding, error));
    return wm_generation_open_ids(generation, p, encoding->ids, encoding->count, options, error);
}
