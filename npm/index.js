// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro: Hugging Face transformer checkpoints in JavaScript, from the files as they are.
// The engine is dist/wasmicro.wasm, which imports nothing. This file brings bytes into its memory,
// copies results out, and turns status codes and traps into errors. One WebAssembly instance holds
// one pipeline.

const VERSION = '0.1.0'; // of the wasm that this file speaks to
const ADDRESSABLE = 2 ** 32 - 2 ** 16;
// prettier-ignore
const FACTS = [
  'modelType', 'tokenizer', 'dtype', 'isa', 'pooling', 'normalize', 'width', 'dim', 'layers',
  'heads', 'vocabulary', 'maxTokens', 'parameters', 'weightBytes', 'modelBytes', 'sessionBytes',
];
const OPTIONS = ['maxLength', 'pooling', 'normalize', 'truncate', 'prompt', 'promptName'];
const CHOICES = {
  pooling: ['mean', 'cls', 'max', 'last'],
  normalize: [true, false],
  truncate: ['end', 'start', 'error'],
};
const GROUP = 64; // texts of one call into the engine: a longer batch takes several

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class WasmicroError extends Error {
  name = 'WasmicroError'; // defined, not assigned: Error.prototype may be frozen
  constructor(code, message, offset = 0, cause) {
    super(message, cause && { cause });
    this.code = code;
    this.offset = offset;
  }
}

const fail = (code, message, cause) => {
  throw new WasmicroError(code, message, 0, cause);
};

// Turns another's failure into ours.
const failed = (code, name) => (cause) => {
  throw cause instanceof WasmicroError
    ? cause
    : new WasmicroError(code, `${name}: ${cause.message}`, 0, cause);
};

// ---- Arguments: judged by what they can do; instanceof would fail those of another realm --------

const tag = (value) => value?.[Symbol.toStringTag];

// The own properties of an options object: what sits on Object.prototype has no say.
const bare = (options) =>
  typeof (options ?? {}) === 'object'
    ? { __proto__: null, ...options }
    : fail('ARG', 'options must be an object');

const checkText = (text, name) =>
  typeof text === 'string' ? text : fail('ARG', `${name} must be a string`);

// An option that is undefined or null is not given, which is 0 to the engine.
const checkLength = (length) =>
  (length ??= 0) === length >>> 0 ? length : fail('ARG', 'maxLength must be a positive integer');

const checkChoice = (value, name) =>
  value === undefined
    ? 0
    : CHOICES[name].indexOf(value) + 1 ||
      fail('ARG', `${name} must be one of ${CHOICES[name].join(', ')}`);

// A view of a string's UTF-8, or of a typed array's, DataView's or ArrayBuffer's bytes. Else
// undefined.
const bytesOf = (source, name) => {
  if (typeof source === 'string') return encoder.encode(source);
  try {
    if (ArrayBuffer.isView(source))
      return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    if (tag(source)?.endsWith('ArrayBuffer')) return new Uint8Array(source);
  } catch (cause) {
    failed('ARG', name)(cause); // detached, or resized
  }
};

const noMemory = (bytes) => fail('NOMEM', `out of memory: ${bytes} bytes wanted`);

const headOf = (bytes) => decoder.decode(bytes.subarray(0, 4096));

const checkTotal = (bytes) => {
  if (bytes > ADDRESSABLE) fail('LIMIT', `${bytes} bytes exceed WebAssembly memory`);
  return bytes;
};

// ---- Engine: one WebAssembly instance -----------------------------------------------------------

class Engine {
  #exports;
  #trap;

  constructor(instance) {
    this.#exports = instance.exports;
    const version = this.#exports.version && this.text('version');
    if (version !== VERSION)
      fail('UNSUPPORTED', `wasmicro.wasm is of version ${version}, index.js of ${VERSION}`);
  }

  // Whatever is thrown inside is a trap: the module imports nothing.
  call(name, ...args) {
    try {
      if (!this.#trap) return this.#exports[name](...args);
    } catch (cause) {
      this.#trap = cause;
      this.#exports = undefined;
    }
    fail('STATE', `the engine stopped (${this.#trap.message}): reopen the model`, this.#trap);
  }

  // Calls what answers with a status.
  try(name, ...args) {
    if (this.call(name, ...args)) this.throw();
  }

  throw() {
    throw new WasmicroError(
      this.text('error_code'),
      this.text('error_text'),
      this.call('error_offset'),
    );
  }

  // Memory may grow in any call: a view is for use before the next.
  view(at, length, Type = Uint8Array) {
    return new Type(this.#exports.memory.buffer, at, length);
  }

  // The NUL-terminated string that an export points to; undefined for NULL.
  text(name, ...args) {
    const at = this.call(name, ...args) >>> 0;
    return at ? decoder.decode(this.view(at, this.view(0).indexOf(0, at) - at)) : undefined;
  }

  // Frees `block`, an export's first argument, after the call, and returns a copy of its result.
  run(Type, name, block, ...args) {
    try {
      this.try(name, block, ...args);
      return this.view(this.call('result') >>> 0, this.call('result_count'), Type).slice();
    } finally {
      this.call('free', block);
    }
  }

  malloc(bytes) {
    return this.call('malloc', checkTotal(bytes)) >>> 0 || noMemory(bytes);
  }

  // A block that holds the strings' (address, length) pairs, 0 0 for undefined, then their UTF-8.
  pack(strings) {
    let to = 8 * strings.length;
    const at = this.malloc(strings.reduce((sum, text) => sum + 3 * (text?.length ?? 0), to));
    const list = this.view(at, 2 * strings.length, Uint32Array);
    strings.forEach((text, i) => {
      list[2 * i] = text === undefined ? 0 : at + to;
      list[2 * i + 1] = text
        ? encoder.encodeInto(text, this.view(at + to, 3 * text.length)).written
        : 0;
      to += list[2 * i + 1];
    });
    return at;
  }
}

// ---- The module ---------------------------------------------------------------------------------

let starting; // the promise of init
let compiled; // the WebAssembly.Module, once there
let spare; // init's own engine, for the first pipeline

const isFile = (url) => /^file:/.test(url);

const fileSystem = () =>
  globalThis.process?.getBuiltinModule?.('node:fs/promises') ??
  fail('UNSUPPORTED', 'no file: URLs on this host');

// The response itself or that of a URL, checked.
const respond = async (source, name, options) => {
  const response = source.headers ? source : await fetch(source, options).catch(failed('IO', name));
  if (!response.ok) fail('HTTP', `${name}: HTTP ${response.status} from ${response.url}`);
  if (response.bodyUsed) fail('STATE', `${name}: the response has been read`);
  return response;
};

// The module is small: it is taken whole, so that no server's media type matters.
const compile = async (input) => {
  if (tag(input) === 'WebAssembly.Module') return input;
  if (typeof input === 'string') input = new URL(input, globalThis.location?.href);
  input ??= new URL('./dist/wasmicro.wasm', import.meta.url);
  const name = input.href ?? input.url ?? 'init';
  const bytes =
    bytesOf(input, name) ??
    (isFile(name)
      ? await fileSystem().readFile(input).catch(failed('IO', name))
      : new Uint8Array(await (await respond(input, name)).arrayBuffer()));
  if (/^\s*</.test(headOf(bytes)))
    fail(
      'FORMAT',
      `the server returned HTML for ${name}: serve dist/wasmicro.wasm there, or give init() ` +
        "its URL or bytes (Vite: optimizeDeps.exclude = ['wasmicro'])",
    );
  return WebAssembly.compile(bytes);
};

const start = async (input) => {
  try {
    const module = await compile(await input);
    spare = new Engine(await WebAssembly.instantiate(module));
    compiled = module;
  } catch (cause) {
    starting = undefined; // the next call may try again
    failed('UNSUPPORTED', 'wasmicro.wasm needs WebAssembly with SIMD')(cause);
  }
};

export default function init(input) {
  return (starting ??= start(input));
}

const newEngine = () => {
  if (!compiled) fail('STATE', 'await init() first');
  const engine = spare ?? new Engine(new WebAssembly.Instance(compiled));
  spare = undefined;
  return engine;
};

// ---- Files: generators, which yield what is to be awaited; for bytes they yield nothing ---------

// A block that takes bytes as they come. It grows where it lies, at the end of the heap.
class Sink {
  length = 0;
  #engine;
  #room;

  constructor(engine, size) {
    this.#engine = engine;
    this.#room = size >= 0 ? size : 2 ** 20;
    this.at = engine.malloc(this.#room);
  }

  // The place of the next `bytes`: fill it, then add them to `length`.
  next(bytes) {
    const need = checkTotal(this.length + bytes);
    if (
      need > this.#room &&
      !this.#resize(need + Math.max(2 ** 23, need / 8)) &&
      !this.#resize(need)
    )
      noMemory(need);
    return this.#engine.view(this.at + this.length, bytes);
  }

  put(bytes) {
    this.next(bytes.length).set(bytes);
    this.length += bytes.length;
  }

  #resize(room) {
    return (this.#room = room) <= ADDRESSABLE && this.#engine.call('resize', this.at, room);
  }
}

// What can be read, as {size (not known: not a number), *read(sink, progress), close()}.
function* openSource(source, name, signal) {
  if (typeof source?.then === 'function') source = yield source;
  const bytes = bytesOf(source, name);
  if (bytes) return { size: bytes.length, read: (sink) => sink.put(bytes) };
  if (isFile(source?.href)) return yield* openFile(source);
  if (source?.href || source?.headers)
    source = yield respond(source, name, { __proto__: null, signal });
  const stream = source?.body ?? source?.stream?.() ?? source;
  const reader = stream?.getReader?.() ?? stream?.[Symbol.asyncIterator]?.();
  const wrong = () => fail('ARG', `${name} must be bytes, Response, stream, Blob or URL`);
  if (!reader) wrong();
  return {
    size:
      source.size ??
      parseInt(!source.headers?.get('content-encoding') && source.headers?.get('content-length')),
    close: async () => (reader.cancel ?? reader.return)?.call(reader),
    *read(sink, progress) {
      for (;;) {
        const { done, value } = yield (reader.read ?? reader.next).call(reader);
        if (done) return;
        sink.put(bytesOf(value, name) ?? wrong());
        progress();
      }
    },
  };
}

function* openFile(url) {
  const handle = yield fileSystem().open(url);
  const { size } = yield handle.stat();
  return {
    size,
    close: () => handle.close(),
    *read(sink, progress) {
      for (let left = size; left > 0; progress()) {
        const room = Math.min(left, 2 ** 24);
        const { bytesRead } = yield handle.read(sink.next(room), 0, room);
        if (!bytesRead) return; // it shrank: the engine will say what is missing
        sink.length += bytesRead;
        left -= bytesRead;
      }
    },
  };
}

// vocab.json maps names to numbers, tokenizer.json has no number at its top; the rest is vocab.txt.
const tokenizerPath = (bytes) => {
  const head = headOf(bytes);
  if (/^\s*\{\s*"(\\.|[^"\\])*"\s*:\s*-?\d/.test(head)) return 'vocab.json';
  return /^\s*\{\s*["}]/.test(head) ? 'tokenizer.json' : 'vocab.txt';
};

// Brings all files into a new engine and opens the model there.
function* openModel({ model, tokenizer, config, merges, files, signal, onProgress }, reading) {
  if (typeof model === 'string')
    fail('ARG', 'model must not be a string: a URL object names a file');
  const placed = [];
  let total = 0,
    loaded = 0;
  const all = Object.entries({
    'config.json': config,
    tokenizer,
    'merges.txt': merges,
    ...bare(files),
  });
  for (const [path, given] of [...all, ['model.safetensors', model]]) {
    if (given == null) continue;
    const sources = Array.isArray(given) ? given : [given];
    sources.forEach((source) => source?.catch?.(() => {})); // awaited below, in its turn
    placed.push({ path, sources, parts: [], size: 0 });
  }
  for (const file of placed) {
    for (const source of file.sources) {
      reading.file = file.path;
      const part = yield* openSource(source, file.path, signal);
      reading.push(part);
      file.parts.push(part);
      file.size += part.size;
    }
    total += file.size;
  }
  checkTotal(total);
  const engine = newEngine(),
    spans = engine.malloc(8 * placed.length);
  for (const [i, file] of placed.entries()) {
    const sink = new Sink(engine, file.size);
    const progress = () => {
      const now = loaded + sink.length;
      onProgress?.({ loaded: now, total: now <= total ? total : null, file: file.path });
    };
    progress();
    reading.file = file.path;
    for (const part of file.parts) yield* part.read(sink, progress) ?? [];
    engine.call('resize', sink.at, sink.length);
    loaded += sink.length;
    engine.view(spans + 8 * i, 2, Uint32Array).set([sink.at, sink.length]);
    if (file.path === 'tokenizer') file.path = tokenizerPath(engine.view(sink.at, sink.length));
  }
  engine.try('open', engine.pack(placed.map((file) => file.path)), spans, placed.length);
  return engine;
}

// ---- Pipeline -----------------------------------------------------------------------------------

export class WasmPipeline {
  #engine;
  #defaults;
  info = {};
  last = { tokens: 0, truncated: false };

  constructor(engine, options) {
    if (!(engine instanceof Engine)) fail('ARG', 'use fromBytes or load');
    this.#engine = engine;
    this.#defaults = OPTIONS.map((name) => options[name]); // the model's bytes are not kept
    FACTS.forEach(
      (name, i) => (this.info[name] = engine.text('info_text', i) ?? engine.call('info_number', i)),
    );
    this.info.normalize = !!this.info.normalize;
  }

  static fromBytes(model, tokenizer, config, merges, options) {
    options = Object.assign(bare(options), { model, tokenizer, config, merges });
    const { done, value } = openModel(options, []).next();
    if (!done) fail('ARG', 'fromBytes takes bytes: use load');
    return new WasmPipeline(value, options);
  }

  static async load(options) {
    options = bare(options);
    const { signal } = options,
      reading = [];
    let stop;
    const stopped = new Promise((_, reject) =>
      signal?.addEventListener('abort', (stop = () => reject(signal.reason))),
    );
    try {
      const opening = openModel(options, reading);
      for (let awaited; ;) {
        signal?.throwIfAborted();
        const next = Promise.resolve(awaited ?? init()).catch(failed('IO', reading.file));
        const { done, value } = opening.next(await Promise.race([next, stopped]));
        if (done) return new WasmPipeline(value, options);
        awaited = value;
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      for (const source of reading) source.close?.().catch(() => {});
      signal?.throwIfAborted(); // an aborted read may have failed in its own words
    }
  }

  static detectedModelType(config) {
    const bytes = bytesOf(config, 'config') ?? fail('ARG', 'config must be text or bytes');
    const engine = newEngine(),
      sink = new Sink(engine, bytes.length);
    sink.put(bytes);
    return engine.text('detect', sink.at, bytes.length) ?? engine.throw();
  }

  embed(text, options) {
    return this.#embed([text], options);
  }

  embedBatch(texts, options) {
    if (!Array.isArray(texts)) fail('ARG', 'texts must be an array of strings');
    return this.#embed(texts, options);
  }

  tokenize(text) {
    const engine = this.#open();
    return engine.run(Int32Array, 'tokenize', engine.pack([checkText(text, 'text')]));
  }

  hidden(ids) {
    const engine = this.#open();
    const numbers = Int32Array.from(ids ?? [], Number),
      count = numbers.length;
    numbers.forEach((id, i) => id === ids[i] || fail('ARG', `ids[${i}] must be a 32-bit integer`));
    const block = engine.malloc(4 * count);
    engine.view(block, count, Int32Array).set(numbers);
    return {
      data: engine.run(Float32Array, 'hidden', block, count),
      shape: [count, this.info.width],
    };
  }

  close() {
    this.#engine = undefined; // the instance and its memory go with the last reference
  }

  [Symbol.dispose ?? 'dispose']() {
    this.close();
  }

  #open() {
    return this.#engine ?? fail('STATE', 'the pipeline is closed');
  }

  #embed(given, options) {
    const texts = Array.from(given, (text, i) => checkText(text, `text ${i}`));
    const engine = this.#open(),
      { dim } = this.info;
    const own = bare(typeof options === 'number' ? { maxLength: options } : options);
    const [maxLength, pooling, normalize, truncate, ...prompts] = OPTIONS.map(
      (name, i) => own[name] ?? this.#defaults[i] ?? undefined,
    );
    prompts.forEach((prompt, i) => prompt === undefined || checkText(prompt, OPTIONS[4 + i]));
    const settings = [
      checkLength(maxLength),
      checkChoice(pooling, 'pooling'),
      checkChoice(normalize, 'normalize'),
      checkChoice(truncate, 'truncate'),
    ];
    const vectors = new Float32Array(texts.length * dim),
      last = { tokens: 0, truncated: false };
    for (let from = 0; from < texts.length; from += GROUP) {
      const group = texts.slice(from, from + GROUP),
        block = engine.pack([...prompts, ...group]);
      vectors.set(engine.run(Float32Array, 'embed', block, group.length, ...settings), from * dim);
      last.tokens += engine.call('last_tokens');
      last.truncated ||= !!engine.call('last_truncated');
    }
    this.last = last;
    return vectors;
  }
}

export { embed } from './fetch.js';
