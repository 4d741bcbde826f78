// SPDX-License-Identifier: MIT OR Apache-2.0
// Several Workers with a model each: batches are split among them, other calls go to the least busy.
// A vector does not depend on its neighbours, so the results are those of one pipeline bit for bit.
import { bytesOf, optionsOf, textsOf, unlessAborted, widthOf, wrong } from './engine.js';
import { METHODS, WasmPipeline, WasmicroError, checkSource, convertFiles } from './worker.js';

export { WasmicroError };

const GROUP = 16; // texts that a Worker takes at a time

const cores = () =>
  globalThis.navigator?.hardwareConcurrency ??
  globalThis.process?.getBuiltinModule?.('node:os').availableParallelism() ??
  1;

// Bytes that all Workers can read without a copy each: shared memory, else a Blob.
async function sharable(source, name) {
  source = await source;
  if (Array.isArray(source)) return Promise.all(source.map((part) => sharable(part, name)));
  if (source == null || typeof source === 'string') return source;
  if (source.href && !source.headers) return source;
  checkSource(source, name);
  const bytes =
    bytesOf(source, name) ??
    new Uint8Array(await (source.arrayBuffer?.() ?? new Response(source).arrayBuffer()));
  if (typeof SharedArrayBuffer !== 'function' || globalThis.crossOriginIsolated === false)
    return new Blob([bytes]);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return shared;
}

export class WasmPool {
  #workers;
  #busy; // calls that each is at
  last = { tokens: 0, truncated: false };

  static {
    for (const name of METHODS)
      this.prototype[name] ??= function (...args) {
        return this.#with((worker) => worker[name](...args));
      };
  }

  constructor(workers) {
    if (!Array.isArray(workers)) wrong('use load');
    this.#workers = workers;
    this.#busy = workers.map(() => 0);
    this.info = workers[0].info;
    this.size = workers.length;
  }

  static async load(options) {
    const { size = Math.min(4, cores()), onProgress, signal, ...rest } = optionsOf(options);
    if (!(size >= 1 && size === size >>> 0)) wrong('size must be a whole number above 0');
    const files = await unlessAborted(signal, convertFiles(rest, sharable));
    const loading = Array.from({ length: size }, (_, i) =>
      WasmPipeline.load({ ...files, signal, onProgress: i ? undefined : onProgress }),
    );
    const settled = await Promise.allSettled(loading),
      failed = settled.find(({ reason }) => reason);
    if (!failed) return new WasmPool(settled.map(({ value }) => value));
    for (const { value } of settled) value?.close();
    throw failed.reason;
  }

  async embedBatch(texts, options) {
    const { dim } = this.info,
      width = widthOf(optionsOf(options, 'maxLength'), dim),
      vectors = new Float32Array(textsOf(texts).length * width);
    await this.#split(texts, (worker, group, from) =>
      worker.embedBatch(group, options).then((part) => vectors.set(part, from * width)),
    );
    return vectors;
  }

  async rerank(query, texts, options) {
    const found = [],
      { topK, ...rest } = optionsOf(options);
    await this.#split(textsOf(texts), async (worker, group, from) => {
      for (const { index, score } of await worker.rerank(query, group, rest))
        found.push({ index: index + from, score });
    });
    found.sort((a, b) => b.score - a.score || a.index - b.index);
    return found.slice(0, topK || undefined);
  }

  async *stream(prompt, options) {
    const i = this.#leastBusy();
    this.#busy[i]++;
    try {
      yield* this.#workers[i].stream(prompt, options);
    } finally {
      this.#busy[i]--;
      this.last = this.#workers[i].last;
    }
  }

  close() {
    for (const worker of this.#workers) worker.close();
  }

  [Symbol.dispose ?? 'dispose']() {
    this.close();
  }

  #leastBusy() {
    return this.#busy.indexOf(Math.min(...this.#busy));
  }

  async #with(call, i = this.#leastBusy()) {
    this.#busy[i]++;
    try {
      return await call(this.#workers[i]);
    } finally {
      this.#busy[i]--;
      this.last = this.#workers[i].last;
    }
  }

  // Each Worker takes the next texts as soon as it is done with its last.
  async #split(texts, call) {
    const total = { tokens: 0, truncated: false };
    let next = 0;
    const take = async (_, i) => {
      while (next < texts.length) {
        const from = next;
        next += GROUP;
        await this.#with((worker) => call(worker, texts.slice(from, from + GROUP), from), i);
        total.tokens += this.#workers[i].last.tokens;
        total.truncated ||= this.#workers[i].last.truncated;
      }
    };
    await Promise.all(this.#workers.map(take));
    this.last = total;
  }
}
