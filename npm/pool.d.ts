// SPDX-License-Identifier: MIT OR Apache-2.0
import { AsyncPipeline, WorkerLoadOptions } from './worker.js';

export { WasmicroError } from './worker.js';

export interface PoolOptions extends WorkerLoadOptions {
  /** Workers, each with the model in its own memory; default: one a core, at most 4. */
  size?: number | null;
  worker?: (() => object) | null;
}

/**
 * A model in several Workers: embedBatch and rerank are split among them, with the same bits as one;
 * other calls go to the least busy.
 * @example
 * const pool = await WasmPool.load({ model, tokenizer, config, size: 4 });
 * const vectors = await pool.embedBatch(texts);
 */
export class WasmPool implements AsyncPipeline {
  private constructor();
  static load(options: PoolOptions): Promise<WasmPool>;
  readonly size: number;
}
export interface WasmPool extends AsyncPipeline {}
