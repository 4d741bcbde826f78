// SPDX-License-Identifier: MIT OR Apache-2.0
// Types of wasmicro. They name no type of the DOM or of Node, so that they hold under any `lib`.

declare global {
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
}

/** Bytes at hand. A string stands for its UTF-8. Not kept after the call. */
export type Bytes = string | ArrayBufferView | ArrayBufferLike;

/** What a Response of fetch has. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly url: string;
  readonly bodyUsed: boolean;
  readonly headers: { get(name: string): string | null };
  readonly body: StreamLike | null;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A ReadableStream of bytes. */
export interface StreamLike {
  getReader(): { read(): Promise<{ done: boolean; value?: unknown }> };
}

/** A Blob or File. */
export interface BlobLike {
  readonly size: number;
  stream(): StreamLike;
}

/** A URL object: `file:` is read from disk (Node, Deno, Bun), all else is fetched. */
export interface URLLike {
  readonly href: string;
}

/** What `load` can read. */
export type Source =
  | Bytes | ResponseLike | StreamLike | BlobLike | URLLike | AsyncIterable<Uint8Array>;

export type Given<T> = T | readonly T[] | null | undefined;
export type Promised<T> = T | PromiseLike<T>;

/** A name of `wm_status` in wasmicro.h. */
export type ErrorCode =
  | 'TRUNC' | 'FORMAT' | 'JSON' | 'UTF8' | 'LIMIT' | 'OVERFLOW' | 'SHAPE' | 'MISSING'
  | 'UNSUPPORTED' | 'DUP' | 'NOMEM' | 'ARG' | 'STATE' | 'CANCEL' | 'IO' | 'HTTP' | 'HASH' | 'PATH' | 'NUMERIC';

/** Every failure of wasmicro. An aborted `load` or `stream` rejects with the signal's reason instead. */
export class WasmicroError extends Error {
  constructor(code: ErrorCode, message: string, offset?: number, cause?: unknown);
  readonly code: ErrorCode;
  /** Byte offset in the file that the message names, 0 where none applies. */
  readonly offset: number;
}

export interface EmbedOptions {
  /** Tokens, special ones counted; default and upper bound: the model's own limit. */
  maxLength?: number | null;
  /** Default: as the repository's files say; the mean where they say nothing. */
  pooling?: 'mean' | 'cls' | 'max' | 'last' | null;
  /** Default: as the repository's files say. */
  normalize?: boolean | null;
  /** For a text that is too long: cut its end off (default), its start, or throw LIMIT. */
  truncate?: 'end' | 'start' | 'error' | null;
  /** Put before the text; "" for none. Default: the repository's default prompt. */
  prompt?: string | null;
  /** A prompt of the repository's config_sentence_transformers.json by its name. */
  promptName?: string | null;
  /** The first numbers of each vector alone: for models trained so (Matryoshka). They are not normalised anew. */
  truncateDim?: number | null;
}

export interface PipelineOptions<S = Bytes> extends EmbedOptions {
  /** Of a model quantised to i8: `int8` rounds activations to 14 bits and is faster. Default: `f32`. */
  compute?: 'f32' | 'int8' | null;
  /** More files of the repository by their path there: "modules.json", shards, … */
  files?: { readonly [path: string]: Given<S> } | null;
}

/** Of all files together; `total` is null where a size is not known. */
export interface Progress {
  readonly loaded: number;
  readonly total: number | null;
  /** The file being read. */
  readonly file: string;
}

export interface LoadOptions extends PipelineOptions<Promised<Source>> {
  /** model.safetensors, whole or in parts. Streams go straight into WebAssembly memory. */
  model?: Given<Promised<Exclude<Source, string>>>;
  /** tokenizer.json, vocab.txt or vocab.json: recognised by its content. */
  tokenizer?: Given<Promised<Source>>;
  /** config.json */
  config?: Given<Promised<Source>>;
  /** merges.txt, beside a vocab.json. */
  merges?: Given<Promised<Source>>;
  signal?: AbortSignalLike | null;
  onProgress?: ((progress: Progress) => void) | null;
}

/** An AbortSignal. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: any;
  throwIfAborted(): void;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface PipelineInfo {
  /** The family: "bert", "gpt2", "t5", … */
  readonly modelType: string;
  readonly tokenizer: string;
  /** Of the weights: "F32", "F16", "BF16" or "mixed". */
  readonly dtype: string;
  readonly isa: string;
  readonly pooling: string;
  readonly normalize: boolean;
  /** Of a hidden state. */
  readonly width: number;
  /** Of an embedding. */
  readonly dim: number;
  readonly layers: number;
  readonly heads: number;
  readonly vocabulary: number;
  /** A longer text is truncated. */
  readonly maxTokens: number;
  readonly parameters: number;
  readonly weightBytes: number;
  /** Allocated at opening, beside the weights. */
  readonly modelBytes: number;
  /** The most that one embedding allocates on top. */
  readonly sessionBytes: number;
}

/**
 * Compiles the engine, once: later calls give the first one's promise. Without an argument it takes
 * the wasmicro.wasm of this package; else a URL, a Response, bytes, or a WebAssembly.Module.
 */
export default function init(
  input?: Promised<Bytes | ResponseLike | URLLike | object | undefined>,
): Promise<void>;

/** Numbers row by row. */
export interface Rows {
  data: Float32Array;
  shape: [number, number];
}

/** What became of a call. */
export interface Last {
  /** Read, of all texts together; of a generation: new ones. */
  readonly tokens: number;
  /** Whether any text was cut. */
  readonly truncated: boolean;
  /** Why a generation ended; "cancelled": its reader stopped. */
  readonly finish?: 'eos' | 'stop' | 'length' | 'cancelled';
  /** The new token ids of a generation, of all sequences one after another. */
  readonly ids?: readonly number[];
}

export interface TokenizeOptions {
  /** The second text of a pair. */
  pair?: string | null;
  /** Whether [CLS], </s>, … are added; default: as the tokenizer's files say. */
  special?: boolean | null;
  /** Take special tokens that are written in the text as text; default: as the tokens they name. */
  specialAsText?: boolean | null;
  /** Tokens, special ones counted; default: no limit. */
  maxLength?: number | null;
  truncate?: 'end' | 'start' | 'error' | null;
}

export interface DecodeOptions {
  /** Leave special tokens out. Default: false, as in transformers. */
  skipSpecial?: boolean | null;
}

/** A message of a conversation, for models that have a known chat template. */
export interface Message {
  role: string;
  content: string;
}

/** A text, token ids as they stand, or a conversation. */
export type Prompt = string | ArrayLike<number> | readonly Message[];

/** Named and meant as in transformers' GenerationConfig; filters work in its order. */
export interface GenerateOptions {
  /** Default: until an end token comes or the context is full. 0: an empty text. */
  maxNewTokens?: number | null;
  minNewTokens?: number | null;
  /** As minNewTokens, but the prompt counts. */
  minLength?: number | null;
  /** Default: true if temperature, topK, topP, minP or typicalP is given. */
  doSample?: boolean | null;
  /** 0: always the best token. */
  temperature?: number | null;
  topK?: number | null;
  topP?: number | null;
  minP?: number | null;
  typicalP?: number | null;
  repetitionPenalty?: number | null;
  presencePenalty?: number | null;
  frequencyPenalty?: number | null;
  noRepeatNgramSize?: number | null;
  /** Added to the logit of the last of `ids` where those before it have just been written;
   * -Infinity bans it. */
  sequenceBias?: readonly { ids: readonly number[]; bias: number }[] | null;
  /** Above 1: beam search. */
  numBeams?: number | null;
  lengthPenalty?: number | null;
  earlyStopping?: boolean | 'never' | null;
  /** Above 1: generate gives an array, stream one sequence after another. */
  numReturnSequences?: number | null;
  /** A whole number, 0 if none is given. The same seed draws the same text on every platform. */
  seed?: number | bigint | null;
  /** Texts that end it; they are no part of it. */
  stop?: string | readonly string[] | null;
  /** Default: those of the model's files. */
  eosTokenId?: number | readonly number[] | null;
}

export interface StreamOptions extends GenerateOptions {
  signal?: AbortSignalLike | null;
}

export interface PredictOptions {
  /** At most so many. */
  topK?: number | null;
  /** Tokens that are read, special ones counted; default: the model's limit. */
  maxLength?: number | null;
  truncate?: 'end' | 'start' | 'error' | null;
}
export interface RerankOptions extends PredictOptions {
  /** Logits as they are. */
  raw?: boolean | null;
}
export interface ClassifyOptions extends RerankOptions {
  /** The second text of a pair. */
  pair?: string | null;
}
export interface AnswerOptions extends PredictOptions {
  /** Tokens of the longest answer; default 15. */
  maxAnswer?: number | null;
  /** Tokens that windows on a long context share; default 128. */
  stride?: number | null;
}
export interface TagOptions extends PredictOptions {
  /** Each token by itself, "O" included; default: joined B- and I- spans. */
  all?: boolean | null;
}
export interface Filled {
  token: string;
  id: number;
  score: number;
}
/** `start` and `end` are for `context.slice`. */
export interface Answer {
  answer: string;
  score: number;
  start: number;
  end: number;
}
/** `start` and `end` are for `text.slice`, which is `word`. */
export interface Tag {
  label: string;
  score: number;
  word: string;
  start: number;
  end: number;
}

/** A model with its tokenizer, in a WebAssembly instance of its own. Only load is asynchronous. */
export class WasmPipeline {
  private constructor();

  /** Opens a model from bytes; `await init()` first. */
  static fromBytes(
    model: Given<ArrayBufferView | ArrayBufferLike>,
    tokenizer: Given<Bytes>,
    config: Given<Bytes>,
    merges?: Given<Bytes>,
    options?: PipelineOptions | null,
  ): WasmPipeline;

  /** Opens a model from whatever holds its files. */
  static load(options: LoadOptions): Promise<WasmPipeline>;

  /** The family that a config.json belongs to: "bert", …; UNSUPPORTED where it is none. */
  static detectedModelType(config: Bytes): string;

  readonly info: PipelineInfo;
  /** Of the last embed, embedBatch, generate, stream or head. */
  readonly last: Last;

  /** The embedding of a text, [info.dim]. A number in place of options is maxLength. */
  embed(text: string, options?: EmbedOptions | number | null): Float32Array;
  /** [texts.length × info.dim]: bit for bit what `embed` gives one by one. */
  embedBatch(texts: readonly string[], options?: EmbedOptions | number | null): Float32Array;
  /** As `embed`, with the prompt called "query" of the model's files, else with `prompts.query`. */
  embedQuery(text: string, options?: EmbedOptions | number | null): Float32Array;
  /** As `embedBatch`, with the prompt called "document", "passage" or "corpus", else with `prompts.document`. */
  embedDocuments(texts: readonly string[], options?: EmbedOptions | number | null): Float32Array;
  /** What goes before queries and documents where the files name no prompt; `fromHub` knows some models. */
  prompts: { query?: string; document?: string };
  /** The token ids of a text, special ones included, not truncated unless asked. */
  tokenize(text: string, options?: TokenizeOptions | null): Int32Array;
  /** The text of token ids. */
  decode(ids: ArrayLike<number>, options?: DecodeOptions | null): string;
  /** The last hidden states of token ids as they stand: shape [ids.length, info.width]. */
  hidden(ids: ArrayLike<number>): Rows;
  /** The encoder's hidden states of a text (T5 kinds), shape [tokens, info.width]. */
  encodeT5(text: string): Rows;
  /**
   * The logits after each token id, shape [ids.length, info.vocabulary]; T5 kinds: of decoderIds.
   * @example p.logits(p.tokenize('translate English to German: Hello'), [0]).shape // [1, 32128]
   */
  logits(ids: ArrayLike<number>, decoderIds?: ArrayLike<number> | null): Rows;

  /**
   * The text that goes on from the prompt (T5 kinds: that answers it), without the prompt itself. A
   * number in place of options is maxNewTokens. Greedy unless a sampling option is given.
   * @example p.generate('Once upon a time', 50)
   * @example p.generate([{ role: 'user', content: 'What is a llama?' }], { temperature: 0.7, seed: 1 })
   */
  generate(prompt: Prompt, options: GenerateOptions & { numReturnSequences: number }): string | string[];
  generate(prompt: Prompt, options?: GenerateOptions | number | null): string;
  /**
   * The same in pieces as they come: whole characters, never a part of a stop string. Lets the event
   * loop run now and then; an aborted one throws the signal's reason. While it runs, every other call
   * but tokenize and decode throws STATE; leaving the loop ends it.
   * @example for await (const piece of p.stream('Once upon a time', { signal })) write(piece);
   */
  stream(prompt: Prompt, options?: StreamOptions | number | null): AsyncGenerator<string, void, void>;

  /** The labels of a text, or of a pair, best first: softmax, or sigmoid where config.json says so. */
  classify(text: string, options?: ClassifyOptions | null): { label: string; score: number }[];
  /** The documents' order by a cross-encoder, best first; `raw`: logits. */
  rerank(query: string, documents: readonly string[], options?: RerankOptions | null): { index: number; score: number }[];
  /** The best tokens for the mask in a text (5, or topK); for several masks an array each. */
  fillMask(text: string, options?: PredictOptions | null): Filled[] | Filled[][];
  /** The span of `context` that answers best, undefined for none; with topK above 1 as many. */
  answer(question: string, context: string, options: AnswerOptions & { topK: number }): Answer[] | Answer | undefined;
  answer(question: string, context: string, options?: AnswerOptions | null): Answer | undefined;
  /** The labelled spans of a text; `all`: every token by itself. */
  tag(text: string, options?: TagOptions | null): Tag[];

  /** Gives the model's memory back. Every later call throws STATE. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * The vector of a text, or those of an array of texts, with nothing to configure: fetches all-MiniLM-L6-v2 (87 MB,
 * checked by SHA-256) on first use and keeps it, in a browser's Cache or in huggingface_hub's folder.
 * An aborted call rejects with the signal's reason; what is being fetched stops if no other call waits for it.
 * @example const [a, b] = await embed(['a cat', 'a kitten']);
 */
export function embed(text: string, options?: EmbedCall | number | null): Promise<Float32Array>;
export function embed(texts: readonly string[], options?: EmbedCall | number | null): Promise<Float32Array[]>;

export interface EmbedCall extends EmbedOptions {
  signal?: AbortSignalLike | null;
}

/** The cosine of two vectors of one length, 0 where one of them is 0; ARG for different lengths. */
export function similarity(a: ArrayLike<number>, b: ArrayLike<number>): number;
/**
 * The k nearest of some vectors, an array of them or one after another as `embedBatch` gives them, best first. ARG
 * where one is not as long as the query.
 * @example search(p.embedQuery('tea'), p.embedDocuments(texts), 3)
 */
export function search(
  query: Float32Array,
  vectors: Float32Array | readonly ArrayLike<number>[],
  k?: number,
): { index: number; score: number }[];
