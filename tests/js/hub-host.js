// SPDX-License-Identifier: MIT OR Apache-2.0
// What the hub's cases ask of a host: in Node and in a page the same file, plain data in, plain data
// out. `node hub-host.js ACTION ARGUMENT` is another process, as another tab is in a browser.
import init, { WasmPipeline } from '../../npm/index.js';
import { cache, fromHub } from '../../npm/hub.js';

export const TEXT = 'some text';

const hexOf = (vector) => Array.from(new Uint32Array(vector.buffer), (word) => word.toString(16)).join();
const plain = ({ name, code, message }) => ({ error: { name, code, message } });

const warnings = [];
const warn = console.warn;
console.warn = (text, ...more) =>
  String(text).startsWith('wasmicro') ? warnings.push(text) : warn(text, ...more);

// A fetch whose bodies come a few bytes at a time, among them none.
async function dribble(url, options) {
  const response = await fetch(url, options),
    bytes = new Uint8Array(await response.arrayBuffer());
  let at = 0;
  const pull = (controller) => {
    if (at >= bytes.length) return controller.close();
    const n = at % 3 ? 4096 : at % 2;
    controller.enqueue(bytes.subarray(at, (at += Math.max(n, 1))));
  };
  return new Response(new ReadableStream({ pull }), response);
}

// Opens a repository and embeds. `abort`: ms until the signal says so; `abortFrom`: bytes until then;
// `dribble`: see above.
async function once(repo, { abort, abortFrom, dribble: slowly, ...options }) {
  const events = [],
    controller = new AbortController();
  let late;
  const stop = () => {
    late ??= performance.now();
    controller.abort();
  };
  if (slowly) options.fetch = dribble;
  if (abort !== undefined || abortFrom) options.signal = controller.signal;
  if (abort < 0) stop();
  if (abort >= 0) setTimeout(stop, abort);
  try {
    const onProgress = ({ loaded, total, file }) => {
      events.push([loaded, total, file]);
      if (loaded >= abortFrom) stop();
    };
    const pipeline = await fromHub(repo, { onProgress, ...options });
    const vector = hexOf(pipeline.embed(TEXT));
    pipeline.close();
    return { vector, events };
  } catch (error) {
    return { ...plain(error), late: performance.now() - late, events };
  }
}

// Opens with each of several options at once.
export async function open({ repo, all }) {
  warnings.length = 0;
  const outcomes = await Promise.all(all.map((options) => once(repo, options)));
  return { outcomes, warnings: [...warnings] };
}

// What of the public surface of the cache says.
export async function look({ repo, options }) {
  const entries = await cache.list(options),
    damaged = await cache.verify(options);
  return {
    paths: entries.map(({ path }) => path).sort(),
    revisions: [...new Set(entries.map(({ revision }) => revision))],
    sum: entries.reduce((sum, { size }) => sum + size, 0),
    size: [await cache.size(repo, options), await cache.size(undefined, options)],
    damaged: damaged.map(({ path }) => path),
  };
}

export const remove = ({ repo, options }) => cache.delete(repo, options).then(() => ({}), plain);

// How far the library comes with a wasm, then with a model whose files are at an address.
export async function start({ wasm, folder, paths }) {
  try {
    await init(wasm?.url ? fetch(wasm.url, { integrity: wasm.integrity }) : wasm);
    const files = Object.fromEntries(paths.map((path) => [path, new URL(path, folder)]));
    const pipeline = await WasmPipeline.load({ files });
    return { vector: hexOf(pipeline.embed(TEXT)), ids: [...pipeline.tokenize(TEXT)] };
  } catch (error) {
    return plain(error);
  }
}

// Arrays and buffers of another realm.
export async function foreign({ folder, paths }) {
  let realm;
  if (globalThis.document) {
    const frame = document.body.appendChild(document.createElement('iframe'));
    realm = frame.contentWindow;
  } else {
    const { runInNewContext } = await import('node:vm');
    realm = runInNewContext('({ Array, Object, Uint8Array })');
  }
  const files = new realm.Object();
  for (const path of paths) {
    const url = new URL(path, folder);
    const bytes = realm.process || globalThis.document
      ? await (await fetch(url)).arrayBuffer()
      : await (await import('node:fs/promises')).readFile(url);
    files[path] = realm.Uint8Array.from(new Uint8Array(bytes));
  }
  await init();
  const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
  const texts = realm.Array.from([TEXT]);
  const ids = realm.Array.from(pipeline.tokenize(TEXT));
  return { vector: hexOf(pipeline.embedBatch(texts)), text: pipeline.decode(ids) };
}

if (globalThis.process?.argv[1] && import.meta.url.endsWith(process.argv[1])) {
  const [action, argument] = process.argv.slice(2);
  const actions = { open, look, remove, start };
  console.log(JSON.stringify(await actions[action](JSON.parse(argument))));
}
