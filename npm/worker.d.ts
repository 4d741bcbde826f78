// SPDX-License-Identifier: MIT OR Apache-2.0
import {
  AbortSignalLike, Answer, AnswerOptions, ClassifyOptions, DecodeOptions, EmbedOptions, Filled,
  GenerateOptions, Last, LoadOptions, PipelineInfo, PredictOptions, Prompt, RerankOptions, Rows,
  StreamOptions, Tag, TagOptions, TokenizeOptions,
} from './index.js';

export { WasmicroError } from './index.js';

/** An aborted call rejects at once; what the Worker is at goes on to its next token. */
type Stoppable<T> = T & { signal?: AbortSignalLike | null };

/** The methods of WasmPipeline as promises. */
export interface AsyncPipeline {
  readonly info: PipelineInfo;
  /** Of the last call that has ended. */
  readonly last: Last;
  embed(text: string, options?: Stoppable<EmbedOptions> | number | null): Promise<Float32Array>;
  embedBatch(texts: readonly string[], options?: Stoppable<EmbedOptions> | number | null): Promise<Float32Array>;
  embedQuery(text: string, options?: Stoppable<EmbedOptions> | number | null): Promise<Float32Array>;
  embedDocuments(texts: readonly string[], options?: Stoppable<EmbedOptions> | number | null): Promise<Float32Array>;
  tokenize(text: string, options?: Stoppable<TokenizeOptions> | null): Promise<Int32Array>;
  decode(ids: ArrayLike<number>, options?: Stoppable<DecodeOptions> | null): Promise<string>;
  hidden(ids: ArrayLike<number>): Promise<Rows>;
  encodeT5(text: string): Promise<Rows>;
  logits(ids: ArrayLike<number>, decoderIds?: ArrayLike<number> | null): Promise<Rows>;
  generate(prompt: Prompt, options: Stoppable<GenerateOptions> & { numReturnSequences: number }): Promise<string | string[]>;
  generate(prompt: Prompt, options?: Stoppable<GenerateOptions> | number | null): Promise<string>;
  stream(prompt: Prompt, options?: StreamOptions | number | null): AsyncGenerator<string, void, void>;
  classify(text: string, options?: Stoppable<ClassifyOptions> | null): Promise<{ label: string; score: number }[]>;
  rerank(query: string, documents: readonly string[], options?: Stoppable<RerankOptions> | null): Promise<{ index: number; score: number }[]>;
  fillMask(text: string, options?: Stoppable<PredictOptions> | null): Promise<Filled[] | Filled[][]>;
  answer(question: string, context: string, options: Stoppable<AnswerOptions> & { topK: number }): Promise<Answer[] | Answer | undefined>;
  answer(question: string, context: string, options?: Stoppable<AnswerOptions> | null): Promise<Answer | undefined>;
  tag(text: string, options?: Stoppable<TagOptions> | null): Promise<Tag[]>;
  /** Ends the Worker and gives its memory back. Every other call rejects with STATE. */
  close(): void;
  [Symbol.dispose](): void;
}

export interface WorkerLoadOptions extends LoadOptions {
  /** The engine, as init takes it: a URL, bytes, a WebAssembly.Module. Default: the package's own. */
  wasm?: string | object | null;
  /** A Worker that runs wasmicro's worker-thread.js, or what makes one; where the bundler does not
   * find it by itself. */
  worker?: object | (() => object) | null;
}

/**
 * A model in a Worker of its own.
 * @example
 * const p = await WasmPipeline.load({ model: new URL('model.safetensors', folder), tokenizer, config });
 * const vector = await p.embed('Hello world');
 */
export class WasmPipeline implements AsyncPipeline {
  private constructor();
  /** URLs stream in the Worker; bytes are copied to it, a Response or stream is read and moved. */
  static load(options: WorkerLoadOptions): Promise<WasmPipeline>;
}
export interface WasmPipeline extends AsyncPipeline {}
