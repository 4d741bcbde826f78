// SPDX-License-Identifier: MIT OR Apache-2.0
import type {
  AbortSignalLike, Given, LoadOptions, Prompt, ResponseLike, Source, StreamOptions, WasmPipeline,
} from './index.js';

/** Where files are kept: find a file, or put it there whole. */
export interface Store {
  find(file: StoredFile): Promise<Given<Source>>;
  /**
   * Nothing is asked of the hub before the chunks are read. They throw where the download fails or `signal` says so: what
   * has come then is no file.
   */
  put(file: StoredFile, chunks: AsyncIterable<Uint8Array>, signal?: AbortSignalLike | null): Promise<unknown>;
  /** For a load without the hub: what `keep` was last given of the revision. */
  list?(repo: string, revision: string): Promise<HubList | null | undefined>;
  keep?(repo: string, revision: string, list: HubList): Promise<unknown>;
}

/** A commit, and path, size and hash of each file. Plain data: JSON can carry it. */
export type HubList = [commit: string, files: [path: string, size: number, hash?: string][]];

export interface StoredFile {
  repo: string;
  /** The commit. */
  revision: string;
  path: string;
  size: number;
  /** SHA-256 of what the hub keeps in LFS, 64 digits; of other files git's SHA-1 of the blob, 40. */
  hash: string;
  url: string;
}

export interface HubOptions extends Omit<LoadOptions, 'model' | 'tokenizer' | 'config' | 'merges' | 'files'> {
  /** A branch, tag or commit. Default: "main". */
  revision?: string;
  /**
   * Smaller weights, if the repository has them beside its own under the names model.i8.safetensors, model.u8.safetensors,
   * model.q4.safetensors, model.f16.safetensors (or model.fp16.safetensors); true: the first of i8, u8, q4. MISSING if it
   * has none. `wasmicro convert --quantize` makes such files.
   */
  quantized?: 'i8' | 'u8' | 'q4' | 'f16' | boolean;
  /** Sent to the endpoint alone. Default: HF_TOKEN. */
  token?: string;
  /** Default: HF_ENDPOINT, else https://huggingface.co. */
  endpoint?: string;
  /** In place of the global fetch. */
  fetch?: (url: string, options: any) => Promise<ResponseLike>;
  /**
   * Browsers: the name of a Cache. Node, Deno, Bun: a folder, laid out as huggingface_hub does (default: its own).
   * A Store; one without `list` and `keep` has the hub asked for the repository's files each time. false: nothing is kept.
   */
  cache?: string | Store | false;
  /** Asks no host: what is not in the cache is an error. Default: HF_HUB_OFFLINE. */
  offline?: boolean;
  /** Milliseconds without a byte after which a request is taken up again. Default: 30,000. */
  idle?: number;
  /** How often in a row a request is taken up again. Default: 3. */
  retries?: number;
}

/**
 * Opens a model by the name of its repository: asks for its files, fetches what the cache lacks, checks sizes and
 * SHA-256, streams it into the engine.
 * @throws WasmicroError: ARG, IO, HTTP, HASH, FORMAT, UNSUPPORTED, and whatever WasmPipeline.load throws; an abort
 * rejects with the signal's reason.
 * @example const p = await fromHub('BAAI/bge-small-en-v1.5', { onProgress: console.log });
 */
export function fromHub(repo: string, options?: HubOptions): Promise<WasmPipeline>;

export interface CacheEntry {
  repo: string;
  revision: string;
  path: string;
  size: number;
}

type CacheOptions = Pick<HubOptions, 'cache'>;

/** What is kept. */
export const cache: {
  list(options?: CacheOptions): Promise<CacheEntry[]>;
  /** Bytes, of one repository or of all. */
  size(repo?: string, options?: CacheOptions): Promise<number>;
  delete(repo: string, options?: CacheOptions): Promise<void>;
  /** The entries whose bytes are no longer those that were promised. */
  verify(options?: CacheOptions): Promise<CacheEntry[]>;
};

/**
 * What SmolLM2-135M-Instruct (257 MB, fetched on first use, checked by SHA-256) writes after a prompt, or answers in a
 * conversation; arguments as WasmPipeline.generate, and a `signal` for the wait until the model is there.
 * @example await generate([{ role: 'user', content: 'What is the capital of France?' }], 50);
 */
export function generate(prompt: Prompt, options: StreamOptions & { numReturnSequences: number }): Promise<string | string[]>;
export function generate(prompt: Prompt, options?: StreamOptions | number | null): Promise<string>;
