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

type Given<T> = T | readonly T[] | null | undefined;
type Promised<T> = T | PromiseLike<T>;

/** A name of `wm_status` in wasmicro.h. */
export type ErrorCode =
  | 'TRUNC' | 'FORMAT' | 'JSON' | 'UTF8' | 'LIMIT' | 'OVERFLOW' | 'SHAPE' | 'MISSING'
  | 'UNSUPPORTED' | 'DUP' | 'NOMEM' | 'ARG' | 'STATE' | 'CANCEL' | 'IO' | 'HTTP' | 'HASH' | 'PATH' | 'NUMERIC';

/** Every failure of wasmicro. An aborted `load` rejects with the signal's reason instead. */
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
}

export interface PipelineOptions<S = Bytes> extends EmbedOptions {
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
  /** The family: "bert", "roberta", "distilbert", "electra". */
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
  /** Of the last embed or embedBatch: tokens of all texts together; whether any text was cut. */
  readonly last: { readonly tokens: number; readonly truncated: boolean };

  /** The embedding of a text, [info.dim]. A number in place of options is maxLength. */
  embed(text: string, options?: EmbedOptions | number | null): Float32Array;
  /** [texts.length × info.dim]: bit for bit what `embed` gives one by one. */
  embedBatch(texts: readonly string[], options?: EmbedOptions | number | null): Float32Array;
  /** The token ids of a text, special ones included, not truncated. */
  tokenize(text: string): Int32Array;
  /** The last hidden states of token ids as they stand: shape [ids.length, info.width]. */
  hidden(ids: ArrayLike<number>): { data: Float32Array; shape: [number, number] };
  /** Gives the model's memory back. Every later call throws STATE. */
  close(): void;
  [Symbol.dispose](): void;
}

/**
 * The vector of a text, or those of an array of texts, with nothing to configure: fetches all-MiniLM-L6-v2 (87 MB,
 * checked by SHA-256) on first use and keeps it, in a browser's Cache or in huggingface_hub's folder.
 * @example const [a, b] = await embed(['a cat', 'a kitten']);
 */
export function embed(text: string, options?: number | EmbedOptions): Promise<Float32Array>;
export function embed(texts: readonly string[], options?: number | EmbedOptions): Promise<Float32Array[]>;
