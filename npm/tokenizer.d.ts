// SPDX-License-Identifier: MIT OR Apache-2.0
import { Bytes, DecodeOptions, Given, LoadOptions, Promised, Source, TokenizeOptions } from './index.js';

export { default, WasmicroError } from './index.js';

export interface EncodeOptions extends TokenizeOptions {
  /** The unit of starts and ends; default "utf16", which is JavaScript's. */
  offsets?: 'utf16' | 'code-points' | 'bytes' | null;
  /** Which of a pair is cut: "longest" (default), "first", "second". */
  strategy?: 'longest' | 'first' | 'second' | null;
}

export interface WindowOptions extends EncodeOptions {
  /** Tokens of each window but the last, special ones counted. */
  maxLength: number;
  /** Tokens of the text that a window has in common with the one before; default 0. */
  stride?: number | null;
}

/** One number a token. */
export interface Encoding {
  ids: Int32Array;
  /** 0, or 1 for the second of a pair. */
  types: Uint8Array;
  /** Each token's place in its text; 0 and 0 for special tokens. */
  starts: Uint32Array;
  ends: Uint32Array;
  truncated: boolean;
}

export interface ChunkOptions {
  /** Tokens of the largest chunk when it is encoded by itself. */
  maxTokens: number;
  /** Tokens that a chunk has in common with the one before; default 0. */
  overlap?: number | null;
  /** Whether maxTokens counts the special tokens that encoding adds; default true. */
  special?: boolean | null;
}

export interface Chunk {
  /** text.slice(start, end) */
  text: string;
  start: number;
  end: number;
  tokens: number;
}

export interface TokenizerFiles<S> {
  /** config.json and merges.txt, where the tokenizer's file is not tokenizer.json. */
  config?: Given<S>;
  merges?: Given<S>;
  /** More files by their path: "tokenizer_config.json", "special_tokens_map.json". */
  files?: { readonly [path: string]: Given<S> } | null;
}

export interface TokenizerLoadOptions
  extends TokenizerFiles<Promised<Source>>, Pick<LoadOptions, 'tokenizer' | 'signal' | 'onProgress'> {}

/**
 * A repository's tokenizer without its model.
 * @example
 * const tokenizer = await Tokenizer.load({ tokenizer: new URL('tokenizer.json', folder) });
 * tokenizer.count('How many tokens?');
 * tokenizer.chunk(book, { maxTokens: 512, overlap: 64 });
 */
export class Tokenizer {
  private constructor();
  /** tokenizer.json, vocab.txt, vocab.json or spiece.model; `await init()` first. */
  static fromBytes(tokenizer: Given<Bytes>, options?: TokenizerFiles<Bytes> | null): Tokenizer;
  static load(options: TokenizerLoadOptions): Promise<Tokenizer>;

  encode(text: string, options?: EncodeOptions | number | null): Encoding;
  /**
   * A text that is too long in windows, each with the special tokens; of a pair the text that
   * strategy names, with all of the other in each.
   */
  encodeWindows(text: string, options: WindowOptions | number): Encoding[];
  encodeBatch(texts: readonly string[], options?: EncodeOptions | number | null): Encoding[];
  /** encode(text).ids */
  tokenize(text: string, options?: EncodeOptions | number | null): Int32Array;
  decode(ids: ArrayLike<number>, options?: DecodeOptions | null): string;
  /** How many tokens there are, special ones included. */
  count(text: string, options?: EncodeOptions | null): number;
  count(texts: readonly string[], options?: EncodeOptions | null): number[];
  /** The beginning of a text that has at most maxTokens tokens; its end with truncate: "start". */
  truncate(text: string, options: (Omit<ChunkOptions, 'overlap'> & { truncate?: 'end' | 'start' | null }) | number): string;
  /** A text in pieces of at most maxTokens tokens. */
  chunk(text: string, options: ChunkOptions | number): Chunk[];
  chunk(texts: readonly string[], options: ChunkOptions | number): Chunk[][];
  /** Gives the memory back. Every later call throws STATE. */
  close(): void;
  [Symbol.dispose](): void;
}
