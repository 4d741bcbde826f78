// SPDX-License-Identifier: MIT OR Apache-2.0
// What runs in the Worker of worker.js.
import init, { WasmPipeline, WasmicroError } from './index.js';

const port =
  globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort ?? globalThis;
const stops = new Map(); // an AbortController for each call that has not ended
let pipeline,
  queue = Promise.resolve();

// URLs were posted as {href}.
const revive = (given) =>
  Array.isArray(given) ? given.map(revive) : given?.href ? new URL(given.href) : given;

const reviveAll = (record) =>
  Object.fromEntries(Object.entries(record).map(([key, given]) => [key, revive(given)]));

const methods = {
  async load(post, signal, { wasm, files, ...options }) {
    await init(revive(wasm));
    pipeline = await WasmPipeline.load({
      ...reviveAll(options),
      files: reviveAll(files),
      signal,
      onProgress: (progress) => post({ event: progress }),
    });
    return pipeline.info;
  },
  async stream(post, signal, prompt, options) {
    for await (const piece of pipeline.stream(prompt, { ...options, signal }))
      post({ event: piece });
  },
};

// An error as it can be posted.
const told = (error) =>
  error instanceof WasmicroError
    ? { code: error.code, message: error.message, offset: error.offset }
    : { name: error?.name, message: String(error?.message ?? error) };

async function run({ id, op, args }) {
  const post = (message, transfer) => port.postMessage({ id, ...message }, transfer ?? []);
  const { signal } = stops.get(id);
  try {
    signal.throwIfAborted();
    const value = await (methods[op]?.(post, signal, ...args) ?? pipeline[op](...args));
    const buffer = (value?.data ?? value)?.buffer;
    post({ value, last: pipeline.last }, buffer && [buffer]);
  } catch (error) {
    post({ error: told(error), last: pipeline?.last });
  } finally {
    stops.delete(id);
  }
}

port.onmessage = ({ data }) => {
  if (data.op === 'stop') return stops.get(data.id)?.abort();
  stops.set(data.id, new AbortController());
  queue = queue.then(() => run(data));
};
