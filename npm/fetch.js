// SPDX-License-Identifier: MIT OR Apache-2.0
// Files from a hub into a cache and from there into a model; `embed` with nothing to configure.
// hub.js adds what any repository needs. Node, Deno and Bun keep files as huggingface_hub does
// (folder.js), browsers in a Cache; where there is neither, each load fetches them anew.

// prettier-ignore
import {
  ADDRESSABLE, fail, heed, optionsOf, pause, release, unlessAborted, WasmicroError,
} from './engine.js';
import { WasmPipeline } from './index.js';

// Repository; what gives its revision, and of each file path, bytes and SHA-256; what its small files
// say, as options.
// prettier-ignore
const EMBEDDER = ['sentence-transformers/all-MiniLM-L6-v2', () => ['1110a243fdf4706b3f48f1d95db1a4f5529b4d41', [
  ['config.json', 612, '953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41'],
  ['tokenizer.json', 466247, 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037'],
  ['model.safetensors', 90868376, '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db'],
]], { maxLength: 256, pooling: 'mean', normalize: true }];

// ---- SHA-256 of what streams by: crypto.subtle takes whole buffers alone ------------------------

// FIPS 180-4; its constants are fractions of the first primes' roots.
const roots = (count, power) => {
  const primes = [];
  for (let n = 2; primes.length < count; n++) if (primes.every((p) => n % p)) primes.push(n);
  return Int32Array.from(primes, (p) => (p ** power % 1) * 2 ** 32);
};

const turned = (x, by) => (x >>> by) | (x << -by);
const turn = (x, a, b, c) => turned(x, a) ^ turned(x, b) ^ c;

// Outside the closure below: V8 optimises it once for all.
const mix = (state, rounds, w, words) => {
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    if (i < 16) w[i] = words.getInt32(4 * i);
    else {
      const x = w[i - 15],
        y = w[i - 2];
      w[i] = w[i - 16] + w[i - 7] + turn(x, 7, 18, x >>> 3) + turn(y, 17, 19, y >>> 10);
    }
    h = (h + turn(e, 6, 11, turned(e, 25)) + (g ^ (e & (f ^ g))) + rounds[i] + w[i]) | 0;
    d = (d + h) | 0;
    const next = (h + turn(a, 2, 13, turned(a, 22)) + ((a & b) | (c & (a | b)))) | 0;
    h = g;
    g = f;
    f = e;
    e = d;
    d = c;
    c = b;
    b = a;
    a = next;
  }
  [a, b, c, d, e, f, g, h].forEach((word, i) => (state[i] += word));
};

export const sha256 = () => {
  const state = roots(8, 1 / 2),
    rounds = roots(64, 1 / 3),
    w = new Int32Array(64),
    block = new Uint8Array(64),
    words = new DataView(block.buffer);
  let length = 0;
  const update = (bytes) => {
    for (let from = 0; from < bytes.length;) {
      const held = length % 64,
        some = bytes.subarray(from, (from += 64 - held));
      block.set(some, held);
      length += some.length;
      if (!(length % 64)) mix(state, rounds, w, words);
    }
  };
  const digest = () => {
    const bits = BigInt(length * 8);
    for (let pad = 128; pad || length % 64 !== 56; pad = 0) update(Uint8Array.of(pad));
    words.setBigUint64(56, bits);
    mix(state, rounds, w, words);
    return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, 0)).join('');
  };
  return { update, digest };
};

// ---- One file -----------------------------------------------------------------------------------

// The bytes behind a URL, taken up again where a connection broke; a store that has the first `got`
// already says so in the file, with their sum. Where size and hash are known, the last bytes go out
// only if they fit: no ETag need be heeded. `got` is then where the last answer began.
export async function* download(file, o, progress) {
  const { url, size, hash, sum } = file,
    { fetch = globalThis.fetch, token, signal, idle = 30_000, retries = 3 } = o;
  let { got = 0 } = file,
    whole; // Range was of no use: what is here already is skipped
  const misfit = () => fail('HASH', `${url} is not of ${size} bytes and hash ${hash}`);
  progress(got);
  for (let tries = 1; ; tries++) {
    file.got = got;
    const silence = new AbortController(),
      headers = {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(got && !whole && { range: `bytes=${got}-` }), // no If-Range, which a preflight would ask about
      };
    let timer, status, after;
    const wait = (promise) => {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(Error(`nothing for ${idle} ms`)), idle);
      return promise;
    };
    try {
      heed(signal);
      signal?.addEventListener('abort', () => silence.abort(signal.reason), silence);
      const response = await wait(fetch(url, { headers, signal: silence.signal })),
        header = (name) => response.headers.get(name);
      status = response.status;
      after = header('retry-after') * 1000;
      // Of a whole file, and of a part that begins too early, what is here.
      let skip = status === 206 ? got - (/\d+/.exec(header('content-range')) ?? got) : got;
      whole ||= status === 416 || skip < 0;
      if (!response.ok || skip < 0)
        throw Error(`HTTP ${status}${status % 401 < 3 ? ': gated or not there?' : ''}`);
      if (/^text.html/.test(header('content-type'))) fail('FORMAT', `${url} is an HTML page`);
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await wait(reader.read());
        if (done) break;
        const bytes = value.subarray(skip);
        skip -= value.length - bytes.length;
        got += bytes.length;
        sum?.update(bytes);
        if (got > size || (got === size && sum && (await sum.digest()) !== hash)) misfit();
        if (bytes.length) {
          tries = 0;
          progress(bytes.length);
          clearTimeout(timer);
          yield bytes;
        }
        if (!o.fetch) release(value);
        if (got === size) return; // however the connection ends
      }
      return got < size && misfit();
    } catch (cause) {
      heed(signal);
      if (cause instanceof WasmicroError) throw cause;
      if (tries > retries || after > 60_000 || /^4(?!08|16|29)/.test(status))
        fail(status >= 400 ? 'HTTP' : 'IO', `${url}: ${cause.message}`, cause);
    } finally {
      clearTimeout(timer);
      silence.abort(); // whatever is still on its way, and the listener
    }
    after = Date.now() + (after || 2 ** tries * 250 * (1 + Math.random()));
    while (Date.now() < after) await pause(20, signal);
  }
}

// ---- Where files are kept -----------------------------------------------------------------------

const PART = 2 ** 23; // bytes of an entry of the Cache at most

// A browser's Cache, which has a file in parts, each by the file's URL and where it begins. What broke
// off stays, and the next load, of whatever page, goes on behind it. All is there once the lengths add
// up, as the last bytes come only if the hash is right.
const openCache = async (name) => {
  const kept = await caches.open(name);

  // The parts of a file if they are all, or what there is.
  const find = async ({ url, size }, some) => {
    const parts = [];
    let at = 0;
    for (let part; (part = await kept.match(`${url}?${at}`)); parts.push(part))
      at += +part.headers.get('content-length') || NaN;
    return (some || at === size) && parts;
  };

  // Of all pages and all calls one at a time fetches a file.
  const put = (file, chunks, signal) =>
    navigator.locks.request(file.url, { signal }, async () => {
      if (await find(file)) return;
      const { url } = file,
        held = new Uint8Array(PART);
      let at = 0,
        length = 0;
      const keep = async () => {
        const headers = { 'content-length': length, 'x-file': JSON.stringify(file) };
        if (length) await kept.put(`${url}?${at}`, new Response(held.subarray(0, length), { headers }));
        at += length;
        length = 0;
      };
      try {
        for (const part of await find(file, true)) {
          const bytes = new Uint8Array(await part.arrayBuffer());
          heed(signal);
          file.sum?.update(bytes);
          at += bytes.length;
          release(bytes);
        }
        file.got = at;
        for await (const bytes of chunks)
          for (let from = 0; from < bytes.length;) {
            const some = bytes.subarray(from, (from += PART - length));
            held.set(some, length);
            length += some.length;
            if (length === PART) await keep();
          }
        await keep();
      } catch (cause) {
        if (cause.code !== 'HASH') await keep();
        else await kept.delete(url, { ignoreSearch: true });
        throw cause;
      }
    });

  return { kept, find, put };
};

// A store: find(file) → a source or undefined, put(file, chunks, signal), which leaves all of it or
// nothing that find would find; the rest is for hub.js. `file` is {repo, revision, path, size, hash, url}.
export const openStore = async ({ cache }) => {
  try {
    if (cache === false || cache?.find) return cache;
    if (globalThis.process?.getBuiltinModule) return (await import('./folder.js')).open(cache);
    return navigator.locks && (await openCache(cache ?? 'wasmicro'));
  } catch {} // neither: files go straight into the engine
};

const fetching = new Map(); // URL → the store that a call is putting it into

// The sources of `files`, [path, size, hash] each, for WasmPipeline.load, put among the options.
const gather = async (repo, o, [revision, files, blobSum]) => {
  const { offline, onProgress, signal } = o,
    store = await openStore(o),
    total = files.reduce((sum, file) => sum + file[1], 0),
    found = (o.files = {});
  let loaded = 0;
  if (total > ADDRESSABLE) fail('LIMIT', `${repo}: ${total} bytes`);
  for (const [path, size, hash, as = path] of files) {
    const url = `${o.endpoint}/${repo}/resolve/${revision}/${encodeURI(path)}`,
      before = loaded,
      file = { __proto__: null, repo, revision, path, size, hash, url };
    const progress = (bytes) => {
      try {
        if (bytes) onProgress?.({ loaded: (loaded += bytes), total, file: path });
      } catch (cause) {
        fail('CANCEL', path, cause); // no failure of the network, nor of the store
      }
    };
    const chunks = () => {
      o.onProgress = undefined; // one progress alone
      loaded = before;
      file.got = 0;
      file.sum = hash?.length > 40 ? sha256() : blobSum?.(size);
      return download(file, o, progress);
    };
    const put = () => store.put(file, chunks(), signal);
    while (!(found[as] = await store?.find?.(file)) && store && fetching.get(url) === store)
      while (fetching.get(url) === store) await pause(20, signal);
    if (!found[as] && store && !offline)
      try {
        fetching.set(url, store);
        await put().catch((cause) => {
          if (cause.code !== 'HASH' || !file.got) throw cause;
          return put(); // what was here, or came before, was of another file
        });
        found[as] = await store.find(file);
      } catch (cause) {
        heed(signal);
        if (cause instanceof WasmicroError) throw cause;
        console.warn(`wasmicro: ${path} is not cached: ${cause.message}`); // a quota, a full disk
      } finally {
        fetching.delete(url);
      }
    if (found[as]) o.onProgress ? (loaded += size) : progress(size + before - loaded);
    else if (offline) fail('IO', `${path} of ${repo} is not in the cache`);
    else found[as] = chunks();
  }
};

// A pipeline from a hub's files, with the surroundings' settings where `options` has none.
export const openFrom = async (repo, list, options) => {
  const env = globalThis.process?.env ?? {};
  const o = {
    __proto__: null,
    endpoint: env.HF_ENDPOINT || 'https://huggingface.co',
    token: env.HF_TOKEN,
    offline: /^(1|true|yes|on)$/i.test(env.HF_HUB_OFFLINE),
    ...options,
  };
  o.endpoint = o.endpoint.replace(/\/+$/, '');
  try {
    await gather(repo, o, await list(o));
    return await WasmPipeline.load({ ...options, files: o.files, onProgress: o.onProgress });
  } catch (error) {
    throw error?.code === 'CANCEL' ? error.cause : error;
  }
};

// ---- With nothing to configure ------------------------------------------------------------------

// The one pipeline of a model. After a failure the next call tries again; when the last of the calls
// that wait for it is aborted, so is its load.
export const pipelineOf = async (model, signal) => {
  const stop = new AbortController(),
    shared = (model[3] ??= [
      openFrom(model[0], model[1], { ...model[2], signal: stop.signal }),
      stop,
      0, // calls
    ]);
  shared[2]++;
  try {
    return await unlessAborted(signal, shared[0]);
  } catch (cause) {
    if (!--shared[2] || !signal?.aborted) {
      if (model[3] === shared) model[3] = undefined;
      shared[1].abort();
    }
    throw cause;
  }
};

// The vector of a text, or those of an array of texts, by all-MiniLM-L6-v2.
export const embed = async (text, options) => {
  options = optionsOf(options, 'maxLength');
  const p = await pipelineOf(EMBEDDER, options.signal);
  if (!Array.isArray(text)) return p.embed(text, options);
  const vectors = p.embedBatch(text, options),
    width = vectors.length / text.length;
  return text.map((_, i) => vectors.subarray(i * width, (i + 1) * width));
};
