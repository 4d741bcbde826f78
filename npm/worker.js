// SPDX-License-Identifier: MIT OR Apache-2.0
// The pipeline off the main thread: the same methods, each a promise. One Worker a pipeline; calls
// queue there in order.
// prettier-ignore
import {
  ADDRESSABLE, OPTIONS, WasmicroError, bytesOf, fail, heed, optionsOf, recordOf, unlessAborted, wrong,
} from './engine.js';

export { WasmicroError };

OPTIONS.push('worker', 'wasm', 'size'); // size: of a pool

// prettier-ignore
export const METHODS = [
  'embed', 'embedBatch', 'embedQuery', 'embedDocuments', 'tokenize', 'decode', 'hidden', 'encodeT5',
  'logits', 'generate',
  'classify', 'rerank', 'fillMask', 'answer', 'tag',
];

const newWorker = () => {
  // Bundlers know it by this very form.
  if (globalThis.Worker)
    return new Worker(new URL('./worker-thread.js', import.meta.url), { type: 'module' });
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  if (!threads) fail('UNSUPPORTED', 'this host has no Worker');
  return new threads.Worker(new URL('./worker-thread.js', import.meta.url));
};

// What is no use, or too large, is refused before it is read.
export const checkSource = ({ headers, ok, size, status, url }, name) => {
  if (headers && !ok) fail('HTTP', `${name}: HTTP ${status} from ${url}`);
  const bytes = headers ? headers.get('content-length') : size;
  if (bytes > ADDRESSABLE) fail('LIMIT', `${name}: ${bytes} bytes`);
};

// Waits for a promise, but no longer than until the signal says so.
async function portable(source, name) {
  source = await source;
  if (typeof source === 'string' || bytesOf(source, name)) return source;
  if (source?.href && !source.headers) return { href: source.href };
  checkSource(source ?? {}, name);
  if (source?.size >= 0 && !source.headers) return source; // a Blob
  const stream = source?.body ?? source,
    reader = stream?.getReader?.() ?? stream?.[Symbol.asyncIterator]?.();
  if (!reader) wrong(`${name} must be bytes, Response, stream, Blob or URL`);
  const chunks = [];
  for (;;) {
    const { done, value } = await (reader.read ?? reader.next).call(reader);
    if (done) return new Blob(chunks).arrayBuffer();
    chunks.push(bytesOf(value, name) ?? wrong(`${name}: the stream gives no bytes`));
  }
}

const portableParts = (given, name) =>
  Array.isArray(given)
    ? Promise.all(given.map((source) => portable(source, name)))
    : given == null
      ? given
      : portable(given, name);

// The files of load's options with what each source has become by `convert`.
export async function convertFiles(options, convert) {
  const { model, tokenizer, config, merges } = options,
    named = { model, tokenizer, config, merges },
    files = { ...recordOf(options.files) };
  if (typeof model === 'string') wrong('model must not be a string: a URL object names a file');
  const all = (record) =>
    Promise.all(
      Object.entries(record).map(async ([key, value]) => [key, await convert(value, key)]),
    );
  const [top, rest] = await Promise.all([all(named), all(files)]);
  return { ...options, ...Object.fromEntries(top), files: Object.fromEntries(rest) };
}

const errorOf = ({ code, message, offset, name, other }) => {
  if (code) return new WasmicroError(code, message, offset);
  return other ?? Object.assign(new Error(message), { name });
};

export class WasmPipeline {
  #worker;
  #calls = new Map(); // id → {resolve, reject, onEvent}
  #ids = 0;
  #stopped;
  info;
  last = { tokens: 0, truncated: false };

  static {
    for (const name of METHODS)
      this.prototype[name] = function (...args) {
        const last = args.at(-1) ?? {},
          signal = Object.hasOwn(last, 'signal') ? last.signal : undefined;
        if (signal) args[args.length - 1] = { ...last, signal: undefined };
        return this.#call(name, args, signal);
      };
  }

  constructor(worker) {
    if (!worker?.postMessage) wrong('use load');
    this.#worker = worker;
    const stop = (event) => {
      event.preventDefault?.();
      this.#stop(`the worker stopped: ${event.message ?? event.error?.message ?? `exit ${event}`}`);
    };
    if (worker.on)
      worker
        .on('message', (data) => this.#receive(data))
        .on('error', stop)
        .on('exit', stop);
    else
      Object.assign(worker, {
        onmessage: ({ data }) => this.#receive(data),
        onerror: stop,
        onmessageerror: stop,
      });
    worker.unref?.();
  }

  static async load(options) {
    const { signal, onProgress, worker, wasm, ...rest } = optionsOf(options);
    heed(signal);
    const pipeline = new WasmPipeline(
      typeof worker === 'function' ? worker() : (worker ?? newWorker()),
    );
    try {
      const files = await unlessAborted(signal, convertFiles(rest, portableParts));
      files.wasm = wasm?.href ? { href: wasm.href } : wasm;
      pipeline.info = await pipeline.#call('load', [files], signal, onProgress);
      return pipeline;
    } catch (error) {
      pipeline.close();
      throw error;
    }
  }

  async *stream(prompt, options) {
    const { signal, ...rest } = optionsOf(options, 'maxNewTokens'),
      pieces = [],
      stop = new AbortController();
    let wake,
      ended = false;
    heed(signal);
    const leaving = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const call = this.#call('stream', [prompt, rest], leaving, (piece) => {
      pieces.push(piece);
      wake?.();
    });
    call.then(
      () => ((ended = true), wake?.()),
      () => ((ended = true), wake?.()),
    );
    try {
      for (;;) {
        heed(signal);
        if (pieces.length) yield pieces.shift();
        else if (ended) return await call;
        else await new Promise((done) => (wake = done));
      }
    } finally {
      if (!ended) stop.abort();
    }
  }

  close() {
    this.#stop('the pipeline is closed');
  }

  [Symbol.dispose ?? 'dispose']() {
    this.close();
  }

  #stop(message) {
    if (this.#stopped) return;
    this.#stopped = message;
    this.#worker.terminate();
    for (const { reject } of this.#calls.values()) reject(new WasmicroError('STATE', message));
    this.#calls.clear();
  }

  async #call(op, args, signal, onEvent) {
    if (this.#stopped) fail('STATE', this.#stopped);
    heed(signal);
    const id = this.#ids++;
    let abort;
    try {
      return await new Promise((resolve, reject) => {
        this.#calls.set(id, { resolve, reject, onEvent });
        this.#worker.ref?.();
        signal?.addEventListener(
          'abort',
          (abort = () => {
            reject(signal.reason);
            if (!this.#stopped) this.#worker.postMessage({ id, op: 'stop' });
          }),
        );
        this.#worker.postMessage({ id, op, args });
      });
    } catch (error) {
      throw error?.name === 'DataCloneError'
        ? new WasmicroError('ARG', error.message, 0, error)
        : error;
    } finally {
      signal?.removeEventListener('abort', abort);
      this.#calls.delete(id);
      if (!this.#calls.size) this.#worker.unref?.();
    }
  }

  #receive({ id, event, error, value, last }) {
    const call = this.#calls.get(id);
    if (last) this.last = last;
    if (!call) return;
    if (event !== undefined)
      try {
        call.onEvent?.(event);
      } catch (cause) {
        call.reject(cause);
      }
    else if (error) call.reject(errorOf(error));
    else call.resolve(value);
  }
}
