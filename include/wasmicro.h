// SPDX-License-Identifier: MIT OR Apache-2.0
//
// wasmicro: Hugging Face transformer checkpoints, run from the files as they are.
//
//     wm_source files[] = {{WM_TEXT("config.json"), config}, {WM_TEXT("vocab.txt"), vocab},
//                          {WM_TEXT("model.safetensors"), weights}};
//     wm_pipeline *pipeline;
//     wm_error error;
//     if (wm_pipeline_open(&pipeline, files, 3, NULL, &error) != WM_OK) return fail(error.text);
//     float *vector = malloc(wm_pipeline_dim(pipeline) * sizeof(float));
//     wm_pipeline_embed(pipeline, WM_TEXT("Hello world"), NULL, vector, NULL, &error);
//     wm_pipeline_close(pipeline);
//
// The library takes bytes, never paths; it never prints, exits, aborts, or keeps global state.
// Every fallible function returns a wm_status and, if `error` is not NULL, fills it on failure.
// Options structs start with `size`: set it to sizeof the struct, leave the rest zero for defaults;
// NULL in place of options means all defaults.
// Threads: a model and a tokenizer may be shared by any number of threads once they are open; a
// pipeline (its tokenizer too) and a session are one timeline each, used by one thread at a time.

#ifndef WASMICRO_H
#define WASMICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(WM_SHARED) && defined(__GNUC__)
#define WM_API __attribute__((visibility("default")))
#else
#define WM_API
#endif

#define WM_VERSION "0.1.0"

// ---- Errors ---------------------------------------------------------------------------------

// Codes are grouped in tens by topic; a number, once given, is never changed.
typedef enum wm_status {
    WM_OK = 0,
    WM_ERROR_TRUNC = 10,       // a file ends early
    WM_ERROR_FORMAT = 11,      // malformed content
    WM_ERROR_JSON = 12,        // not JSON
    WM_ERROR_UTF8 = 13,        // not UTF-8
    WM_ERROR_LIMIT = 14,       // over a stated limit
    WM_ERROR_OVERFLOW = 15,    // a product or sum of sizes does not fit
    WM_ERROR_SHAPE = 16,       // two sizes that must agree do not
    WM_ERROR_MISSING = 17,     // a file, key, tensor or token is absent
    WM_ERROR_UNSUPPORTED = 18, // well-formed, but not something wasmicro runs
    WM_ERROR_DUP = 19,         // a name given twice
    WM_ERROR_NOMEM = 20,       // the host gave no memory
    WM_ERROR_ARG = 30,         // a caller's argument is out of its range
    WM_ERROR_STATE = 31,       // the call does not fit the object's state
    WM_ERROR_CANCEL = 32,      // cancelled by the caller
    WM_ERROR_IO = 40,          // the host could not read or write
    WM_ERROR_HTTP = 41,        // a server refused
    WM_ERROR_HASH = 42,        // bytes are not those that were promised
    WM_ERROR_PATH = 43,        // a path that leads outside its root
    WM_ERROR_NUMERIC = 50,     // NaN or infinity where a number is needed
} wm_status;

// What went wrong. `text` is NUL-terminated UTF-8: what, where, expected, got, what to do.
typedef struct wm_error {
    wm_status status;
    uint64_t offset; // byte offset in the file that `text` names, 0 where none applies
    char text[240];
} wm_error;

// The code's name as in the enum without its prefix: "TRUNC"; "OK" for WM_OK. Static storage.
WM_API const char *wm_status_name(wm_status status);

// ---- Bytes ----------------------------------------------------------------------------------

// A run of bytes owned by somebody else; text is UTF-8 and not NUL-terminated.
typedef struct wm_span {
    const uint8_t *p;
    size_t n;
} wm_span;

// A file of the repository: its path there ("model.safetensors", "1_Pooling/config.json") and
// bytes.
typedef struct wm_source {
    wm_span path;
    wm_span bytes;
} wm_source;

#ifdef __cplusplus
#define WM_TEXT(literal) (wm_span{(const uint8_t *)(literal), sizeof(literal) - 1})
#else
#define WM_TEXT(literal) ((wm_span){(const uint8_t *)(literal), sizeof(literal) - 1})
#endif

// The host's memory. `allocate` returns NULL when there is none, otherwise memory aligned for any
// type; `release` takes what `allocate` gave, never NULL. Used by one thread at a time per object,
// but for a tokenizer's: by all the threads that share it, at once.
typedef struct wm_allocator {
    void *context;
    void *(*allocate)(void *context, size_t size);
    void (*release)(void *context, void *memory);
} wm_allocator;

// ---- Pipeline: files in, vectors out --------------------------------------------------------

typedef struct wm_pipeline wm_pipeline;

typedef enum wm_pooling {
    WM_POOLING_FILES = 0, // as the repository's own files say; mean where they say nothing
    WM_POOLING_MEAN,
    WM_POOLING_CLS,
    WM_POOLING_MAX,
    WM_POOLING_LAST,
} wm_pooling;

typedef enum wm_toggle { WM_FROM_FILES = 0, WM_ON, WM_OFF } wm_toggle;

typedef enum wm_truncate {
    WM_TRUNCATE_END = 0, // cut the end off, and say so in wm_embed_info
    WM_TRUNCATE_START,   // keep the end of the text
    WM_TRUNCATE_ERROR,   // WM_ERROR_LIMIT
} wm_truncate;

typedef enum wm_compute {
    WM_COMPUTE_F32 = 0,
    // Weights of I8 and Q4 times activations rounded to 14 bits, row by row; all else in f32. For
    // quantised files: ARG where the model has no such weights.
    WM_COMPUTE_INT8,
} wm_compute;

typedef struct wm_pipeline_options {
    size_t size;
    const wm_allocator *allocator; // NULL: malloc and free
    const char *isa;               // NULL: the best the machine has; "scalar", "avx2", "neon", …
    uint64_t max_bytes;            // 0: no limit; else LIMIT rather than allocate more than this
    wm_compute compute;
    // That work on one call side by side, the caller's own counted; 0 and 1: the caller's alone.
    // The results are bit for bit the same.
    uint32_t threads;
} wm_pipeline_options;

typedef struct wm_embed_options {
    size_t size;
    // Tokens, special ones counted; 0: the files' limit; never above the model's.
    uint32_t max_length;
    wm_pooling pooling;
    wm_toggle normalize;
    wm_truncate truncate;
    wm_span prompt;      // put before the text; p NULL: by prompt_name
    wm_span prompt_name; // of config_sentence_transformers.json's prompts; p NULL: its default
} wm_embed_options;

// What became of one text.
typedef struct wm_embed_info {
    uint32_t tokens; // embedded, special ones counted
    bool truncated;  // some of the text did not fit
} wm_embed_info;

// Opens a model from the files of its repository: config.json, model.safetensors (or the shards
// that model.safetensors.index.json names), the tokenizer's files, and whichever of modules.json,
// 1_Pooling/config.json, sentence_bert_config.json, … there are. Unknown files are ignored.
// Owner: the caller keeps `files`' bytes unchanged until close; the weights are used in place.
// Errors: every code of a malformed file, UNSUPPORTED, MISSING, SHAPE, NOMEM, ARG.
WM_API wm_status wm_pipeline_open(wm_pipeline **pipeline, const wm_source *files, size_t file_count,
                                  const wm_pipeline_options *options, wm_error *error);

// Frees all that the pipeline allocated; the files' bytes are the caller's. NULL is allowed.
WM_API void wm_pipeline_close(wm_pipeline *pipeline);

// The length of one embedding.
WM_API size_t wm_pipeline_dim(const wm_pipeline *pipeline);

// vector [dim] = the embedding of `text`; `info` may be NULL.
// Errors: UTF8, ARG, LIMIT (WM_TRUNCATE_ERROR), NOMEM, NUMERIC (NaN or infinite weights).
WM_API wm_status wm_pipeline_embed(wm_pipeline *pipeline, wm_span text,
                                   const wm_embed_options *options, float *vector,
                                   wm_embed_info *info, wm_error *error);

// vectors [count, dim], infos [count] or NULL. Bit for bit the vectors that wm_pipeline_embed gives
// one by one: no text is padded. On error neither holds anything of use.
WM_API wm_status wm_pipeline_embed_batch(wm_pipeline *pipeline, const wm_span *texts, size_t count,
                                         const wm_embed_options *options, float *vectors,
                                         wm_embed_info *infos, wm_error *error);

// hidden [count, width] = the last hidden state of each token id, as wm_session_hidden.
WM_API wm_status wm_pipeline_hidden(wm_pipeline *pipeline, const int32_t *ids, size_t count,
                                    float *hidden, wm_error *error);

// *hidden [*count, width] = the last hidden states of a text's tokens, special ones included, none
// cut off (T5 kinds: the encoder's); the pipeline's memory, until its next call.
WM_API wm_status wm_pipeline_encode_t5(wm_pipeline *pipeline, wm_span text, const float **hidden,
                                       size_t *count, wm_error *error);

// logits [count, vocabulary] of each id from an empty memory; encoder-decoders: [decoder_count,
// vocabulary] of the decoder's ids, the encoder reads `ids`. Other models take no decoder_ids.
// Errors: as wm_session_hidden; STATE (the model has no head, or is an encoder), ARG.
WM_API wm_status wm_pipeline_logits(wm_pipeline *pipeline, const int32_t *ids, size_t count,
                                    const int32_t *decoder_ids, size_t decoder_count, float *logits,
                                    wm_error *error);

// values [count], or [decoder_count]: the natural logarithm of each id's probability after those
// before it; 0 for the first, which none stands before. Perplexity is exp(-mean) of the others.
// Arguments and errors as wm_pipeline_logits.
WM_API wm_status wm_pipeline_log_probabilities(wm_pipeline *pipeline, const int32_t *ids,
                                               size_t count, const int32_t *decoder_ids,
                                               size_t decoder_count, float *values,
                                               wm_error *error);

// What the pipeline is made of. Strings are static or owned by the pipeline.
typedef struct wm_pipeline_info {
    const char *model_type; // the family: "bert", "roberta", …
    const char *tokenizer;  // "wordpiece", "bpe", "unigram"
    const char *dtype;      // of the weights: "F32", "F16", "BF16" or "mixed"
    const char *isa;        // of the kernels in use
    const char *pooling;    // "mean", "cls", "max", "last", "mean_sqrt_len", … or "a+b"
    bool normalize;
    uint32_t width; // of a hidden state
    uint32_t dim;   // of an embedding
    uint32_t layers, heads, vocabulary;
    uint32_t max_tokens; // a longer text is truncated
    uint64_t parameters;
    uint64_t weight_bytes;  // read in place
    uint64_t model_bytes;   // allocated at open, the tokenizer's included
    uint64_t session_bytes; // the most that embedding one text of max_tokens allocates on top
} wm_pipeline_info;

WM_API void wm_pipeline_info_get(const wm_pipeline *pipeline, wm_pipeline_info *info);

// The name of the index-th tensor of the weight files that the model does not use (a head, a
// buffer); {NULL, 0} past the last one.
WM_API wm_span wm_pipeline_ignored_tensor(const wm_pipeline *pipeline, size_t index);

// The pipeline's tokenizer; it lives as long as the pipeline, counts into its max_bytes, and is
// used by the pipeline's thread. Threads that share one open it by wm_tokenizer_open.
typedef struct wm_tokenizer wm_tokenizer;
WM_API const wm_tokenizer *wm_pipeline_tokenizer(const wm_pipeline *pipeline);

// The family that a config.json belongs to: a static string, NULL (and `error`) where it is none.
WM_API const char *wm_detect_model_type(wm_span config, wm_error *error);

// ---- Generation ---------------------------------------------------------------------------------

// Why a generation ended.
typedef enum wm_finish {
    WM_FINISH_NONE = 0,  // it has not
    WM_FINISH_EOS,       // an end-of-sequence token
    WM_FINISH_STOP,      // a stop string
    WM_FINISH_LENGTH,    // max_new_tokens, or the context is full
    WM_FINISH_CANCELLED, // by the caller
} wm_finish;

// Adds `bias` to the logit of ids' last token wherever the tokens before it have just been
// generated or prompted: transformers' sequence_bias. -infinity bans the sequence: bad_words_ids.
typedef struct wm_sequence_bias {
    const int32_t *ids; // [count], count >= 1
    size_t count;
    float bias;
} wm_sequence_bias;

typedef enum wm_early_stopping {
    WM_STOP_HEURISTIC = 0, // False: when the running beams are unlikely to do better
    WM_STOP_EARLY,         // True: as soon as num_beams sequences are complete
    WM_STOP_NEVER,         // "never": only when none can do better
} wm_early_stopping;

// Names and meanings are those of transformers' GenerationConfig; filters work in its order. A zero
// switches a filter off. Where 0 itself is meant: temperature 0 is do_sample = WM_OFF, top_p 0 is
// top_k = 1, length_penalty 0 is any number as small as 1e-300.
typedef struct wm_generate_options {
    size_t size;
    uint32_t max_new_tokens; // 0: as many as the context holds
    uint32_t min_new_tokens,
        min_length;      // no eos before; the second counts the prompt and gives way
    wm_toggle do_sample; // WM_FROM_FILES: draw if one of the next five is given, else greedy
    double temperature;
    uint32_t top_k;
    double top_p, min_p, typical_p;             // 1 switches top_p and typical_p off, too
    double repetition_penalty;                  // of all tokens so far, prompt included
    double presence_penalty, frequency_penalty; // of generated tokens: once, or for each occurrence
    uint32_t no_repeat_ngram_size;
    const wm_sequence_bias *sequence_bias;
    size_t sequence_bias_count;
    uint32_t num_beams;    // above 1: beam search, which does not go with sampling
    double length_penalty; // of beams; 0: 1
    wm_early_stopping early_stopping;
    uint32_t num_return_sequences; // 0: 1; drawn ones, or the best beams
    uint64_t seed;       // the same seed and logits draw the same tokens on every platform
    const wm_span *stop; // strings that end the text; they are no part of it
    size_t stop_count;
    const int32_t *eos_ids; // NULL: the files'
    size_t eos_count;
} wm_generate_options;

// One generation: pull a token, or stop pulling. The pipeline does nothing else meanwhile.
typedef struct wm_generation wm_generation;

typedef struct wm_generated {
    int32_t id;        // -1: the prompt left no room for one
    uint32_t sequence; // of num_return_sequences, one after another
    wm_finish finish;  // of this sequence; NONE: more is to come
    wm_span text;      // that goes out with it, whole characters; good until the next call
} wm_generated;

// Runs the prompt. Encoder-decoders (T5): the encoder's text. What the pipeline remembers of a
// prompt's beginning from the last call is not run again.  `options` and what it points to must
// live until close. Errors: STATE (not a model that generates), ARG, LIMIT (a prompt over the
// context), UTF8, NOMEM.
WM_API wm_status wm_generation_open(wm_generation **generation, wm_pipeline *pipeline,
                                    wm_span prompt, const wm_generate_options *options,
                                    wm_error *error);
// The same from the prompt's ids [count], as they stand.
WM_API wm_status wm_generation_open_ids(wm_generation **generation, wm_pipeline *pipeline,
                                        const int32_t *ids, size_t count,
                                        const wm_generate_options *options, wm_error *error);
WM_API void wm_generation_close(wm_generation *generation);

// The next token, and what text is certain now: all texts of a sequence, one after another, are
// what its tokens decode to without special ones, up to a stop string. Beam search runs to its end
// at the first call. Errors: NUMERIC (damaged weights, no token left), STATE (the last sequence is
// finished), NOMEM.
WM_API wm_status wm_generation_next(wm_generation *generation, wm_generated *token,
                                    wm_error *error);

// ---- Heads: what a model says of a text ---------------------------------------------------------

typedef enum wm_task {
    WM_TASK_NONE = 0,
    WM_TASK_CLASSIFY,  // text, or text and its pair → labels, best first
    WM_TASK_RERANK,    // query, then documents → documents, best first; by a CLASSIFY head
    WM_TASK_FILL_MASK, // text → tokens for each of its masks, best first
    WM_TASK_ANSWER,    // question, context → spans of the context, best first
    WM_TASK_TAG,       // text → spans and their labels, in the text's order
} wm_task;

typedef struct wm_predict_options {
    size_t size;
    uint32_t top_k;      // at most so many (of each mask); 0: 5 tokens, 1 answer, all labels
    uint32_t max_length; // tokens of text and pair, special ones counted; 0: the model's limit
    wm_truncate truncate;
    bool raw;            // CLASSIFY, RERANK: logits as they are
    bool all;            // TAG: each token by itself, "O" included; else joined B-, I- spans
    uint32_t max_answer; // ANSWER: tokens of the longest; 0: 15
    uint32_t stride;     // ANSWER: tokens that windows on a long context share; 0: 128
} wm_predict_options;

typedef struct wm_prediction {
    wm_span text;        // the label, the token's text, the answer; empty for RERANK
    float score;         // a probability, but for raw ones, regression, and as RERANK's files say
    int32_t index;       // of the label or the document from 0 on; the token's id; 0 for ANSWER
    uint32_t start, end; // bytes: of the mask or span in the text, of the answer in the context
} wm_prediction;

typedef struct wm_predictions {
    const wm_prediction *items; // [count]; they and their texts are the pipeline's until its next
    size_t count;               // call
    size_t rows;                // of items, one after another: FILL_MASK one a mask, else 1
    uint32_t tokens;            // read, special ones counted, over all texts
    bool truncated;             // some of a text did not fit
} wm_predictions;

// The task that the model's head is for; NONE: it has none.
WM_API wm_task wm_pipeline_task(const wm_pipeline *pipeline);

// texts [count] as the task asks. Errors: STATE (the model has no such head), ARG (the number of
// texts; no mask in the text), UTF8, LIMIT (WM_TRUNCATE_ERROR), NOMEM, NUMERIC.
WM_API wm_status wm_pipeline_predict(wm_pipeline *pipeline, wm_task task, const wm_span *texts,
                                     size_t count, const wm_predict_options *options,
                                     wm_predictions *predictions, wm_error *error);

// ---- Chat ---------------------------------------------------------------------------------------

typedef struct wm_message {
    wm_span role; // "system", "user", "assistant"
    wm_span content;
} wm_message;

// *prompt = the conversation as the model's chat_template writes it, with the opening of the answer
// if `answer`; the pipeline's until its next call. Known templates are formatted in code, none is
// ever evaluated; where one writes today's date (Llama 3.2), it is the one that it has for want of
// a clock, 26 Jul 2024. Errors: MISSING (no template), UNSUPPORTED (an unknown one: give the prompt
// as a text), ARG (messages that the template refuses), NOMEM.
WM_API wm_status wm_pipeline_chat(wm_pipeline *pipeline, const wm_message *messages, size_t count,
                                  bool answer, wm_span *prompt, wm_error *error);

// A generation that answers the conversation. Special tokens are the template's alone. What an
// earlier turn has run is not run again.  Errors: as wm_pipeline_chat and wm_generation_open.
WM_API wm_status wm_generation_open_chat(wm_generation **generation, wm_pipeline *pipeline,
                                         const wm_message *messages, size_t count,
                                         const wm_generate_options *options, wm_error *error);

// ---- Tokenizer: works without a model ---------------------------------------------------------

// What is cut of a pair that is too long.
typedef enum wm_truncation {
    WM_TRUNCATION_LONGEST = 0, // HF's longest_first
    WM_TRUNCATION_FIRST,       // only_first: LIMIT where the second leaves no room
    WM_TRUNCATION_SECOND,      // only_second
} wm_truncation;

typedef enum wm_offsets { WM_OFFSETS_BYTES = 0, WM_OFFSETS_POINTS, WM_OFFSETS_UTF16 } wm_offsets;

typedef struct wm_encode_options {
    size_t size;
    wm_toggle special;   // WM_FROM_FILES and WM_ON: add [CLS], </s>, … as the tokenizer's files say
    uint32_t max_length; // special tokens counted; 0: no truncation
    wm_truncate truncate;
    bool special_as_text; // special tokens written in the text are text; else tokens, as in HF
    bool lower_case;      // lower-case the text first (sentence-transformers' do_lower_case)
    wm_truncation truncation;
    // Of a text that is too long all windows, one after another: max_length tokens each but the
    // last one, the special ones in each. Of a pair, those of the text that `truncation` names.
    bool windows;
    uint32_t stride;    // tokens of the text that a window has in common with the one before
    wm_offsets offsets; // the unit of starts and ends
} wm_encode_options;

// One tokenized text. Owned by the caller, who calls wm_encoding_free; start from {0}.
// Reusing one keeps its memory.
typedef struct wm_encoding {
    int32_t *ids;            // [count]
    uint8_t *types;          // [count] token type: 0, or 1 for the second of a pair
    uint8_t *words;          // [count] 1 where a word of the pre-tokenizers begins, else 0
    uint32_t *starts, *ends; // [count] the token's place in its text, 0 0 for special tokens
    size_t count;
    bool truncated;
    size_t capacity; // private, as is the allocator
    wm_allocator allocator;
} wm_encoding;

// Opens the tokenizer of a repository from tokenizer.json, else vocab.txt, else vocab.json and
// merges.txt, with tokenizer_config.json, special_tokens_map.json and config.json where given.
// Owner: the caller keeps `files`' bytes unchanged until close.
WM_API wm_status wm_tokenizer_open(wm_tokenizer **tokenizer, const wm_source *files,
                                   size_t file_count, const wm_allocator *allocator,
                                   wm_error *error);
WM_API void wm_tokenizer_close(wm_tokenizer *tokenizer);

// Ids of `text`, or of the pair `text`, `pair` (pair NULL: none). Bytes that are not UTF-8: UTF8.
WM_API wm_status wm_tokenizer_encode(const wm_tokenizer *tokenizer, wm_span text,
                                     const wm_span *pair, const wm_encode_options *options,
                                     wm_encoding *encoding, wm_error *error);
WM_API void wm_encoding_free(wm_encoding *encoding);

// The text of some ids. Owned by the caller, who calls wm_decoding_free; start from {0}.
typedef struct wm_decoding {
    char *text; // [n], and a NUL; UTF-8, U+FFFD where the bytes of half a character stand alone
    size_t n;
    wm_allocator allocator; // private
} wm_decoding;

// As `tokenizers` decodes: ids without a piece are nothing. skip_special leaves special tokens out.
WM_API wm_status wm_tokenizer_decode(const wm_tokenizer *tokenizer, const int32_t *ids,
                                     size_t count, bool skip_special, wm_decoding *decoding,
                                     wm_error *error);
WM_API void wm_decoding_free(wm_decoding *decoding);

// Text that grows with its ids, in steps that take no longer the longer it is. Start from {0}; the
// caller adds to `taken` what it takes of `text`, and calls wm_decoding_free(&stream.decoding).
typedef struct wm_text_stream {
    wm_span text;         // not taken yet, and certain: no half of a character
    size_t taken;         // of what `decoding` holds now: no sum of all
    wm_decoding decoding; // private, as are these: of the ids [from, count)
    size_t from, count;
} wm_text_stream;

// `ids` [count]: all so far, of which those of the last call are the first; `last`: no more come.
// All that is taken of the texts is wm_tokenizer_decode of all the ids.
WM_API wm_status wm_tokenizer_decode_next(const wm_tokenizer *tokenizer, const int32_t *ids,
                                          size_t count, bool last, bool skip_special,
                                          wm_text_stream *stream, wm_error *error);

// tokenizer_config.json's model_max_length; 0 where it is not given, or is HF's "unset" (1e30).
WM_API uint32_t wm_tokenizer_model_max_length(const wm_tokenizer *tokenizer);
WM_API size_t wm_tokenizer_vocabulary(const wm_tokenizer *tokenizer); // highest id + 1
WM_API const char *wm_tokenizer_kind(
    const wm_tokenizer *tokenizer); // "wordpiece", "bpe", "unigram"

// ---- Lower level: file → model → session ------------------------------------------------------

// A parsed safetensors container: names to typed views into the caller's bytes.
typedef struct wm_file wm_file;

typedef enum wm_dtype {
    WM_DTYPE_BOOL,
    WM_DTYPE_F4,
    WM_DTYPE_F6_E2M3,
    WM_DTYPE_F6_E3M2,
    WM_DTYPE_U8,
    WM_DTYPE_I8,
    WM_DTYPE_F8_E5M2,
    WM_DTYPE_F8_E4M3,
    WM_DTYPE_F8_E8M0,
    WM_DTYPE_F8_E4M3FNUZ,
    WM_DTYPE_F8_E5M2FNUZ,
    WM_DTYPE_I16,
    WM_DTYPE_U16,
    WM_DTYPE_F16,
    WM_DTYPE_BF16,
    WM_DTYPE_I32,
    WM_DTYPE_U32,
    WM_DTYPE_F32,
    WM_DTYPE_C64,
    WM_DTYPE_F64,
    WM_DTYPE_I64,
    WM_DTYPE_U64,
    WM_DTYPE_COUNT,
} wm_dtype;

#define WM_MAX_RANK 8

typedef struct wm_tensor {
    wm_span name;
    wm_dtype dtype;
    uint32_t rank;
    uint64_t shape[WM_MAX_RANK];
    wm_span bytes; // in the file, at any alignment, little-endian
} wm_tensor;

// Reads the header of one safetensors file; the data is not touched.
// Owner: `bytes` stays the caller's, unchanged until close.
WM_API wm_status wm_file_parse(wm_file **file, wm_span bytes, const wm_allocator *allocator,
                               wm_error *error);
WM_API void wm_file_close(wm_file *file);
WM_API size_t wm_file_count(const wm_file *file);
WM_API const wm_tensor *wm_file_tensor(const wm_file *file, size_t index); // in order of offset
WM_API const wm_tensor *wm_file_find(const wm_file *file, wm_span name);   // NULL: no such tensor
WM_API const char *wm_dtype_name(wm_dtype dtype);                          // "F32"

// What a config.json asks for.  Errors: JSON, FORMAT, MISSING, UNSUPPORTED, LIMIT, SHAPE, NOMEM.
typedef struct wm_config wm_config;
WM_API wm_status wm_config_from_json(wm_config **config, wm_span json,
                                     const wm_allocator *allocator, wm_error *error);
WM_API void wm_config_close(wm_config *config);
WM_API const char *wm_config_model_type(const wm_config *config); // "bert": static

// The weights bound to a configuration: immutable, may serve many sessions on many threads.
// `files` as in wm_pipeline_open, the weight files among them; `config` is not needed afterwards.
typedef struct wm_model wm_model;
WM_API wm_status wm_model_open(wm_model **model, const wm_config *config, const wm_source *files,
                               size_t file_count, const wm_pipeline_options *options,
                               wm_error *error);
WM_API void wm_model_close(wm_model *model); // after its sessions
WM_API uint32_t wm_model_width(const wm_model *model);
WM_API uint32_t wm_model_vocabulary(const wm_model *model);
WM_API uint32_t wm_model_max_tokens(const wm_model *model);

// One timeline of a model: its memory grows to the longest text it has seen and is kept.
typedef struct wm_session wm_session;
WM_API wm_status wm_session_open(wm_session **session, const wm_model *model,
                                 const wm_allocator *allocator, wm_error *error);
WM_API void wm_session_close(wm_session *session);
// The bytes that a session needs for a text of `tokens` tokens.
WM_API uint64_t wm_session_bytes(const wm_model *model, size_t tokens);
// hidden [count, width] = the last hidden state of each id; mask all ones, token types 0.
// Errors: ARG (an id outside the vocabulary, no ids, more ids than the model takes), NOMEM.
WM_API wm_status wm_session_hidden(wm_session *session, const int32_t *ids, size_t count,
                                   float *hidden, wm_error *error);
// states [layers + 1, count, width] = the hidden states before each layer, and the last ones:
// output_hidden_states of transformers. Errors as wm_session_hidden.
WM_API wm_status wm_session_hidden_states(wm_session *session, const int32_t *ids, size_t count,
                                          float *states, wm_error *error);
// logits [count, vocabulary] of each id, going on from what the session remembers; it then
// remembers these ids too.  Errors: as wm_session_hidden; STATE (the model has no head, or is no
// decoder).
WM_API wm_status wm_logits(wm_session *session, const int32_t *ids, size_t count, float *logits,
                           wm_error *error);
// The same, logits [vocabulary] of the last id alone: without the head's work for the others.
WM_API wm_status wm_logits_last(wm_session *session, const int32_t *ids, size_t count,
                                float *logits, wm_error *error);
// The session forgets what stands at `position` and after.
WM_API void wm_session_rewind(wm_session *session, size_t position);

// ---- Quantised weights -------------------------------------------------------------------------

// How a matrix [N, K], N outputs, stands in a file: as tensor X, with X.scale and X.zero beside it.
typedef enum wm_quant {
    WM_QUANT_I8, // q · scale: X I8 [N, K], scale F32 [N]
    WM_QUANT_U8, // (q - zero) · scale: X U8 [N, K], scale F32 [N], zero U8 [N]
    // (q - 8) · scale of each 32: X U8 [N, 16 · ⌈K/32⌉], two a byte, the first in its low half;
    // scale F16 [N, ⌈K/32⌉]
    WM_QUANT_Q4,
    WM_QUANT_F16, // X F16 in its own shape, no scale
    WM_QUANT_KINDS,
} wm_quant;

WM_API const char *wm_quant_name(wm_quant kind); // "i8", "u8", "q4", "f16"

// What quantising does with a tensor.
typedef enum wm_quant_role {
    WM_QUANT_KEEP,      // norms, biases, small tables, what the model does not know
    WM_QUANT_ROWS,      // [N, K] as it stands: linear layers, the token table
    WM_QUANT_TRANSPOSE, // stored [K, N] (GPT-2's Conv1D), quantised as [N, K]
} wm_quant_role;
WM_API wm_quant_role wm_config_quant_role(const wm_config *config, wm_span tensor);
// How a tensor of a model in `kind` is best kept: of q4, what costs most, the first and last layers
// and what the next token is read from, in i8.
WM_API wm_quant wm_config_quant_kind(const wm_config *config, wm_span tensor, wm_quant kind);

// The tensors that take one's place: dtype, shape and bytes.n are what a file's header says;
// bytes.p is NULL, as is the name but of `data`. scale and zero: rank 0 where there is none.
typedef struct wm_quant_plan {
    wm_quant kind;
    wm_quant_role role;
    uint64_t rows, cols; // N, K
    wm_tensor data, scale, zero;
} wm_quant_plan;

// Errors: SHAPE (not a matrix), UNSUPPORTED (dtype other than F64, F32, F16, BF16), OVERFLOW.
WM_API wm_status wm_quantize_plan(wm_quant_plan *plan, const wm_tensor *tensor, wm_quant kind,
                                  wm_quant_role role, wm_error *error);

// Fills the three tensors' bytes [plan->….bytes.n]; scale and zero may be NULL where there is none.
// Rounds to nearest, ties to even.  Errors: NUMERIC (NaN, infinity).
WM_API wm_status wm_quantize(const wm_quant_plan *plan, const wm_tensor *tensor, void *data,
                             void *scale, void *zero, wm_error *error);

// y [cols] = row `row` of what wm_quantize made, in f32.
WM_API void wm_dequantize_row(const wm_quant_plan *plan, const void *data, const void *scale,
                              const void *zero, uint64_t row, float *y);

#ifdef __cplusplus
}
#endif
#endif
