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
    CHAT_JOIN = 8,      // a system message is put before the content of the user's first one
    CHAT_THINK = 16,    // of the assistant's content only what follows its thoughts …
    CHAT_LINES = 32,    // … and the line ends after them; a user's message must be the last
    CHAT_ANSWER = 64,   // the answer's opening stands there even if it is not asked for
    CHAT_END = 128,     // the eos token where no answer is asked for
    CHAT_LAST = 256, // with CHAT_JOIN: before the content of the user's last one, if it is the last
    CHAT_SAYS = 512, // a system message that says nothing is left out
};

typedef struct chat_row {
    const char *message;   // of every role, but for …
    const char *assistant; // … the assistant's, where it is not NULL
    const char *system;    // … the first message's if it is the system's, likewise
    const char *first;     // the system's content where it says nothing; NULL: no message then
    const char *answer; // the answer's opening; NULL: of the assistant's message, up to the content
    uint16_t rules;
} chat_row;

#define CHATML "<|im_start|>" ROLE "\n" CONTENT "<|im_end|>\n"
#define LLAMA3 "<|start_header_id|>" ROLE "<|end_header_id|>\n\n" TRIMMED "<|eot_id|>"
#define GEMMA "<start_of_turn>" ROLE "\n" TRIMMED "<end_of_turn>\n"
#define MISTRAL "[INST] " CONTENT " [/INST]"
#define PHI "<|" ROLE "|>\n" CONTENT "<|end|>\n"
#define PHI_USER "<|user|>\n" CONTENT "<|end|>\n<|assistant|>\n"
#define PHI_ASSISTANT CONTENT "<|end|>\n"
#define DEEPSEEK_USER "<｜User｜>" CONTENT
#define DEEPSEEK "<｜Assistant｜>"
#define DEEPSEEK_ASSISTANT DEEPSEEK CONTENT "<｜end▁of▁sentence｜>"

static const chat_row chat_rows[] = {
    {.message = CHATML},
    {.message = CHATML,
     .first = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"},
    {.message = CHATML, .first = "You are a helpful assistant."}, // Qwen1.5, Qwen2
    {.message = CHATML,
     .first = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."},
    {.message = CHATML, .rules = CHAT_THINK | CHAT_LINES}, // Qwen3
    {.message = LLAMA3, .rules = CHAT_BOS},
    {.message = LLAMA3, .rules = CHAT_BOS | CHAT_ANSWER},
    {.message = LLAMA3, // Llama 3.1 to 3.3, with the date that they have where no clock is
     .system =
         "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
         "Today Date: 26 Jul 2024\n\n" TRIMMED "<|eot_id|>",
     .first = "",
     .rules = CHAT_BOS},
    {.message = GEMMA, .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_MODEL},
    {.message = GEMMA, .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_MODEL | CHAT_JOIN}, // Gemma 3
    {.message = MISTRAL, .assistant = CONTENT EOS, .rules = CHAT_BOS | CHAT_ALTERNATE},
    {.message = MISTRAL, .assistant = CONTENT EOS " ", .rules = CHAT_BOS | CHAT_ALTERNATE},
    {.message = "<|" ROLE "|>\n" CONTENT EOS "\n"}, // Zephyr, TinyLlama
    {.message = "[INST] " CONTENT "[/INST]",
     .assistant = " " TRIMMED EOS,
     .answer = "",
     .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_JOIN | CHAT_LAST},
    {.message = "[INST]" CONTENT "[/INST]",
     .assistant = CONTENT EOS,
     .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_JOIN | CHAT_LAST},
    {.message = PHI, .rules = CHAT_END},
    {.message = PHI, .rules = CHAT_END | CHAT_SAYS},
    {.message = PHI, .rules = CHAT_END | CHAT_BOS},
    {.message = PHI_USER, .assistant = PHI_ASSISTANT, .rules = CHAT_ALTERNATE},
    {.message = PHI_USER, .assistant = PHI_ASSISTANT, .rules = CHAT_ALTERNATE | CHAT_BOS},
    {.message = DEEPSEEK_USER,
     .assistant = DEEPSEEK_ASSISTANT,
     .system = CONTENT,
     .rules = CHAT_BOS | CHAT_ALTERNATE},
    {.message = DEEPSEEK_USER,
     .assistant = DEEPSEEK_ASSISTANT,
     .system = CONTENT,
     .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_THINK},
    {.message = DEEPSEEK_USER,
     .assistant = DEEPSEEK_ASSISTANT,
     .system = CONTENT,
     .answer = DEEPSEEK "<think>\n",
     .rules = CHAT_BOS | CHAT_ALTERNATE | CHAT_THINK},
    {.message = "User: " CONTENT "\n\n",
     .assistant = "Assistant: " CONTENT EOS,
     .system = CONTENT "\n\n",
     .answer = "Assistant:",
     .rules = CHAT_BOS | CHAT_ALTERNATE},
    {.message = CHATML, .rules = CHAT_BOS},
    {.message = CHATML, .first = "You are a helpful assistant"}, // Qwen1.5
    {.message = CHATML,
     .answer = "<|im_start|>assistant\n<think>\n",
     .rules = CHAT_THINK | CHAT_LINES}, // QwQ, Qwen3 that always thinks
};

// FNV-1a and length of a template's text, \n for a line's end in it, none at its end.
static const struct {
    uint32_t hash;
    uint16_t length;
    uint8_t row;
} chat_known[] = {
    {0x1AF2F7D0u, 196, 0},   // ChatML …
    {0x4D6255D7u, 291, 0},   // … with a default of no answer …
    {0x8FE18963u, 2600, 0},  // … with tools: Qwen3 Instruct
    {0x09739D7Au, 368, 1},   // SmolLM2
    {0xED4EEA45u, 328, 2},   // Qwen1.5, Qwen2
    {0xF30BE16Bu, 2396, 2},  // Qwen2.5 Coder
    {0xACBD8895u, 2474, 3},  // Qwen2.5 …
    {0x2D36E667u, 2476, 3},  // … 0.5B
    {0x1A2985FAu, 4071, 4},  // Qwen3 …
    {0x60BF7D12u, 4100, 4},  // … later
    {0xF01A0749u, 3999, 4},  // … 2507
    {0x8DD2058Eu, 389, 5},   // Llama 3 …
    {0x9B3C84A2u, 348, 6},   // … as it first was
    {0xA371351Cu, 4583, 7},  // Llama 3.1, 3.3
    {0xF60BD0F4u, 3800, 7},  // Llama 3.2
    {0x0C8FEBF3u, 591, 8},   // Gemma, Gemma 2
    {0xA9F6FFE5u, 1531, 9},  // Gemma 3
    {0xC5B4942Du, 470, 10},  // Mistral, Mixtral …
    {0x08628420u, 477, 11},  // … as it first was
    {0x0277DBECu, 410, 12},  // Zephyr, TinyLlama
    {0x0557C77Fu, 3956, 13}, // Mistral 0.3
    {0xB63F85E3u, 3942, 14}, // Mistral Nemo …
    {0x04E41196u, 3775, 14}, // … as it first was
    {0xDD2B9DBDu, 407, 15},  // Phi-3 mini
    {0x63734528u, 430, 16},  // Phi-3.5 mini
    {0x6241886Fu, 218, 17},  // Phi-3 small
    {0x37930299u, 254, 18},  // Phi-3 medium
    {0x50971971u, 269, 19},  // Phi-3 mini as it first was
    {0x98B3C86Au, 2301, 20}, // DeepSeek V3
    {0xA900FD89u, 2744, 21}, // DeepSeek R1
    {0xD4F321BAu, 2237, 22}, // DeepSeek R1 as it first was, its distilled models …
    {0xC4DD5615u, 2752, 22}, // … later
    {0x70F27C62u, 459, 23},  // DeepSeek LLM, V2
    {0x4C9E5928u, 209, 24},  // ChatML behind the bos token …
    {0x3F267BD1u, 306, 24},  // … with a default of no answer
    {0x63EFA79Fu, 327, 25},  // Qwen1.5 as it first was
    {0x64ED5CDDu, 4007, 26}, // Qwen3 Thinking
    {0xFD8B662Fu, 2523, 26}, // QwQ
};

// ---- What the files say -------------------------------------------------------------------------

wm_status wm_pipeline_setting(wm_pipeline *p, const char *key, wm_span *text, wm_error *error) {
    wm_json root;
    WM_TRY(wm_pipeline_json(p, "tokenizer_config.json", &root, error));
    root = wm_json_get(root, key);
    // several templates: [{"name": "default", "template": …}, …]
    for (wm_json_iter i = wm_json_each(root); wm_json_next(&i);)
        if (wm_json_string_is(wm_json_get(i.value, "name"), "default"))
            root = wm_json_get(i.value, "template");
    wm_json content = wm_json_get(root, "content");
    if (wm_json_present(content)) root = content;
    return wm_json_text(root, &p->results, text, error);
}

static wm_status find_row(wm_pipeline *p, const chat_row **row, wm_error *error) {
    const wm_source *file =
        wm_source_find(p->sentence.files, p->sentence.file_count, "chat_template.jinja");
    wm_span text;
    uint32_t hash = 2166136261u, length = 0;
    if (file)
        text = file->bytes;
    else
        WM_TRY(wm_pipeline_setting(p, "chat_template", &text, error));
    while (text.n && text.p[text.n - 1] == '\n') text.n--;
    for (size_t i = 0; i < text.n; i++, length++) { // a line's end may be written \n
        uint8_t byte = text.p[i];
        if (byte == '\\' && i + 1 < text.n && text.p[i + 1] == 'n') byte = '\n', i++;
        hash = (hash ^ byte) * 16777619u;
    }
    for (size_t i = 0; i < WM_COUNT(chat_known); i++) {
        if (chat_known[i].hash != hash || chat_known[i].length != length) continue;
        *row = &chat_rows[chat_known[i].row];
        return WM_OK;
    }
    text.n = WM_MIN(text.n, (size_t)80);
    return wm_fail(error, length ? WM_ERROR_UNSUPPORTED : WM_ERROR_MISSING, 0,
                   "no known chat_template (\"%s\"): use generate with a text", &text);
}

// ---- Writing ------------------------------------------------------------------------------------

typedef struct chat_writer {
    wm_pipeline *pipeline;
    const chat_row *row;
    wm_span eos, before; // `before` waits for a content that it goes before
    bool joins, failed;
} chat_writer;

static void put(chat_writer *w, wm_span text) {
    wm_pipeline *p = w->pipeline;
    if (text.n && !wm_array_push(&p->chat, &p->allocator, text.p, text.n)) w->failed = true;
}

// The format, up to the content if there is none.
static void put_message(chat_writer *w, const char *format, const wm_message *message) {
    for (const char *c = format; *c; c++) {
        wm_span text = {(const uint8_t *)c, 1};
        if (*c == *ROLE) {
            bool model = w->row->rules & CHAT_MODEL && *message->role.p == 'a';
            text = model ? WM_TEXT("model") : message->role;
        } else if (*c == *EOS) {
            text = w->eos;
        } else if (*text.p < *ROLE) {
            text = message->content;
            if (!text.p) return;
            if (w->before.p && w->joins) {
                put(w, w->before);
                put(w, WM_TEXT("\n\n"));
                w->before.p = NULL;
            }
            if (*c == *TRIMMED) text = wm_python_strip(w->pipeline, text);
        }
        put(w, text);
    }
}

// What follows "</think>", and line ends.
static wm_span answer_of(wm_span text, bool lines) {
    static const char mark[] = "</think>";
    for (size_t n = sizeof mark - 1, i = text.n; i-- > 0;) {
        if (i + n > text.n || memcmp(text.p + i, mark, n)) continue;
        for (i += n; lines && i < text.n && text.p[i] == '\n';) i++;
        return (wm_span){text.p + i, text.n - i};
    }
    return text;
}

static wm_status put_messages(chat_writer *w, const wm_message *messages, size_t count,
                              wm_error *error) {
    const chat_row *row = w->row;
    uint32_t rules = row->rules;
    size_t turns = 0;
    if (!count) return wm_fail(error, WM_ERROR_ARG, 0, "no messages");
    if (row->first && !wm_span_is(messages->role, "system"))
        put_message(w, row->system ? row->system : row->message,
                    &(wm_message){WM_TEXT("system"), wm_span_of(row->first)});
    for (size_t i = 0; i < count; i++) {
        wm_message message = messages[i];
        if (!message.content.n) message.content.p = (const uint8_t *)"";
        bool user = wm_span_is(message.role, "user"), system = wm_span_is(message.role, "system");
        bool assistant = wm_span_is(message.role, "assistant"), last = i + 1 == count;
        bool opening = system && !i, fits = user || system || assistant;
        const char *format = row->message;
        if (opening && row->system) format = row->system;
        if (assistant && row->assistant) format = row->assistant;
        if (assistant && rules & CHAT_THINK)
            message.content = answer_of(message.content, rules & CHAT_LINES);
        if (rules & CHAT_ALTERNATE && !(opening && (row->system || rules & CHAT_JOIN)))
            fits = turns++ % 2 ? assistant || (system && !row->assistant) : user;
        if (rules & CHAT_LINES && last && !user) fits = false;
        if (!fits || wm_utf8_check(message.content) < message.content.n)
            return wm_fail(error, fits ? WM_ERROR_UTF8 : WM_ERROR_ARG, 0,
                           "message %u of role %s does not go here", (uint64_t)i, &message.role);
        w->joins = !(rules & CHAT_LAST) || (last && user);
        if (opening && rules & CHAT_JOIN)
            w->before = message.content;
        else if (!(system && rules & CHAT_SAYS && !message.content.n))
            put_message(w, format, &message);
    }
    return WM_OK;
}

static wm_status write_chat(wm_pipeline *p, const wm_message *messages, size_t count, bool answer,
                            wm_error *error) {
    chat_writer w = {.pipeline = p};
    wm_span bos;
    WM_TRY(find_row(p, &w.row, error));
    WM_TRY(wm_pipeline_setting(p, "bos_token", &bos, error));
    WM_TRY(wm_pipeline_setting(p, "eos_token", &w.eos, error));
    if (w.row->rules & CHAT_BOS) put(&w, bos);
    WM_TRY(put_messages(&w, messages, count, error));
    const char *format = w.row->assistant ? w.row->assistant : w.row->message;
    if (w.row->answer) format = w.row->answer;
    if (answer || w.row->rules & CHAT_ANSWER)
        put_message(&w, format, &(wm_message){WM_TEXT("assistant"), {NULL, 0}});
    else if (w.row->rules & CHAT_END)
        put(&w, w.eos);
    return w.failed ? wm_fail(error, WM_ERROR_NOMEM, 0, "out of memory") : WM_OK;
}

wm_status wm_pipeline_chat(wm_pipeline *p, const wm_message *messages, size_t count, bool answer,
                           wm_span *prompt, wm_error *error) {
    wm_arena_free(&p->results);
    p->chat.n = 0;
    wm_status status =
        wm_pipeline_within_budget(p, write_chat(p, messages, count, answer, error), error);
    wm_arena_free(&p->results);
    *prompt = (wm_span){p->chat.p, status == WM_OK ? p->chat.n : 0};
    return status;
}

wm_status wm_generation_open_chat(wm_generation **generation, wm_pipeline *p,
                                  const wm_message *messages, size_t count,
                                  const wm_generate_options *options, wm_error *error) {
    const wm_encoding *encoding = &p->encodings[0];
    wm_encode_options plain = {.size = sizeof plain, .special = WM_OFF};
    wm_span prompt;
    *generation = NULL;
    WM_TRY(wm_pipeline_chat(p, messages, count, true, &prompt, error));
    WM_TRY(wm_pipeline_encode(p, prompt, &plain, error));
    return wm_generation_open_ids(generation, p, encoding->ids, encoding->count, options, error);
}
