// SPDX-License-Identifier: MIT OR Apache-2.0
// The engine, dist/wasmicro.wasm, which imports nothing: this file brings bytes into its memory,
// copies results out, and turns status codes and traps into errors. One WebAssembly instance holds
// one pipeline or one tokenizer. For the package's own files: index.js is what others import.

const VERSION = '0.1.0'; // of the wasm that this file speaks to
export const ADDRESSABLE = 2 ** 32 - 2 ** 16;

export const encoder = new TextEncoder();
export const decoder = new TextDecoder('utf8', { ignoreBOM: true });

export class WasmicroError extends Error {
  name = 'WasmicroError'; // defined, not assigned: Error.prototype may be frozen
  constructor(code, message, offset = 0, cause) {
    super(message, { cause });
    this.code = code;
    this.offset = offset;
  }
}

export const fail = (code, message, cause) => {
  throw new WasmicroError(code, message, 0, cause);
};

// Turns another's failure into ours.
const failed = (code, name) => (cause) => {
  if (cause instanceof WasmicroError) throw cause;
  fail(code, `${name}: ${cause.message}`, cause);
};

export const wrong = (what) => fail('ARG', what);

export const heed = (signal) =>
  signal == null || (signal.throwIfAborted ?? wrong('signal is no AbortSignal')).call(signal);

export const pause = async (ms, signal) => {
  await new Promise((wake) => setTimeout(wake, ms));
  heed(signal);
};

// What the promise gives, or the signal's reason as soon as there is one.
export const unlessAborted = (signal, promise) => {
  let stop;
  const stopped = new Promise((_, reject) => {
    heed(signal);
    signal?.addEventListener('abort', (stop = () => reject(signal.reason)));
  });
  return Promise.race([stopped, promise]).finally(
    () => stop && signal.removeEventListener('abort', stop),
  );
};

// ---- Arguments: judged by what they can do; instanceof would fail those of another realm --------

const NOTHING = { __proto__: null };

// Every option of whatever call; hub.js, worker.js and tokenizer.js add theirs. First the numbers of
// every call, in the order of exports.c, and what else than a number one can be.
export const OPTIONS = (
  'maxLength pooling normalize truncate special specialAsText skipSpecial raw all maxAnswer ' +
  'stride maxNewTokens minNewTokens minLength doSample temperature topK topP minP typicalP ' +
  'repetitionPenalty presencePenalty frequencyPenalty noRepeatNgramSize numBeams lengthPenalty ' +
  'earlyStopping numReturnSequences ' +
  'prompt promptName truncateDim pair seed stop eosTokenId sequenceBias signal onProgress model ' +
  'tokenizer config merges files compute'
).split(' ');
const WORDS = [false, true, 'mean', 'cls', 'max', 'last', 'end', 'start', 'error', 'never'];

// The own properties of an object: what sits on Object.prototype has no say.
export const recordOf = (given) =>
  (given ??= NOTHING) === NOTHING
    ? NOTHING
    : typeof given === 'object'
      ? { __proto__: null, ...given }
      : wrong('options must be an object');

// As recordOf, of known names. A number in its place is the option `short`.
export const optionsOf = (options, short) => {
  options = recordOf(short && typeof options === 'number' ? { [short]: options } : options);
  for (const name in options)
    if (!OPTIONS.includes(name)) {
      // How many pairs of letters the two have in common.
      const likeness = (other) =>
        [...other].filter((letter, i) => RegExp(letter + other[i + 1], 'i').test(name)).length /
        (name + other).length;
      wrong(`no option ${name}: ${OPTIONS.reduce((a, b) => (likeness(a) < likeness(b) ? b : a))}?`);
    }
  return options;
};

const NOTHING_GIVEN = new Float64Array(28);

// The options as numbers: words as those below 0; 0 for undefined and null, which are not given; a 0
// that is given as -0.
export const numbersOf = (options) =>
  (options = optionsOf(options)) === NOTHING
    ? NOTHING_GIVEN
    : NOTHING_GIVEN.map((_, i) => {
        const name = OPTIONS[i],
          value = options[name];
        return value == null
          ? 0
          : typeof value === 'number'
            ? value || -value
            : -1 - WORDS.indexOf(value) || wrong(`${name} cannot be ${String(value)}`);
      });

// How many numbers of a vector are asked for.
export const widthOf = ({ truncateDim: most }, dim) =>
  (most ?? 0) === most >>> 0 ? Math.min(most || dim, dim) : wrong(`truncateDim cannot be ${most}`);

export const textsOf = (texts) =>
  Array.isArray(texts) ? [...texts] : wrong('texts must be an array');

export const idsOf = (ids) =>
  Int32Array.from((ids ??= []).length >= 0 ? ids : [NaN], (id) =>
    id === (Number(id) | 0) ? id : wrong('ids must be 32-bit integers'),
  );

const tag = (value) => value?.[Symbol.toStringTag];

// A view of a string's UTF-8, or of a typed array's, DataView's or ArrayBuffer's bytes. Else
// undefined.
export const bytesOf = (source, name) => {
  if (typeof source === 'string') return encoder.encode(source);
  try {
    if (ArrayBuffer.isView(source))
      return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
    if (tag(source)?.endsWith('ArrayBuffer')) return new Uint8Array(source);
  } catch (cause) {
    failed('ARG', name)(cause); // detached, or resized
  }
};

// ---- Engine: one WebAssembly instance -----------------------------------------------------------

const AT = Symbol(); // what has an address in memory has it by this: no option from JSON can claim one

export const ABSENT = { [AT]: 0, length: 0 }; // in a list

const engineOf = ({ exports }) => {
  let trap, heap, out;
  if (!exports[VERSION]) fail('UNSUPPORTED', `wasmicro.wasm is not of version ${VERSION}`);

  // Whatever is thrown inside is a trap: the module imports nothing.
  const call = (name, ...args) => {
    try {
      if (!trap) return exports[name](...args) >>> 0;
    } catch (cause) {
      trap = cause;
      exports = null;
    }
    fail('STATE', `the engine stopped (${trap.message}): reopen the model`, trap);
  };

  // Memory may grow in any call: a view is for use before the next.
  const view = (at, length, Type = Uint8Array) => new Type(exports.memory.buffer, at, length);

  // A text in memory; without a length it ends with NUL.
  const text = (at, length = view(0).indexOf(0, at) - at) => decoder.decode(view(at, length));

  // Calls what answers with a status; the numbers that it left, until the next call.
  const run = (name, ...args) => {
    const status = call(name, ...args);
    if (status) call('error');
    if (!out?.length) out = view(exports[VERSION](), 16, Float64Array); // the memory has grown
    if (status) throw new WasmicroError(text(out[1]), text(out[2]), out[0]);
    return out;
  };

  const noMemory = (bytes) =>
    fail(bytes > ADDRESSABLE ? 'LIMIT' : 'NOMEM', `out of memory: ${bytes} bytes wanted`);

  const malloc = (bytes) => (bytes <= ADDRESSABLE && call('malloc', bytes)) || noMemory(bytes);

  // A block of the items' (address, bytes) pairs and of the items, but for those that have an
  // address already. A short string is encoded where it is to lie: at most three bytes a unit.
  const list = (items) => {
    let room = 16 * items.length;
    const parts = items.map((item) => {
      if (typeof item !== 'string' || item.length > 2 ** 16) {
        if (item?.[AT] >= 0) return item;
        item = bytesOf(item) ?? wrong('texts must be strings');
      }
      room += item.byteLength ?? 3 * item.length;
      return item;
    });
    const block = malloc(room),
      pairs = view(block, 2 * parts.length, Uint32Array);
    if (!heap?.length) heap = view(0);
    let to = block + 8 * parts.length,
      i = 0;
    for (const part of parts) {
      let { length } = part;
      const at = part[AT] ?? to;
      if (typeof part === 'string') length = encoder.encodeInto(part, heap.subarray(at)).written;
      else if (at === to) heap.set(part, at);
      if (at === to) to += length + (-length & 7);
      pairs[i++] = at;
      pairs[i++] = length;
    }
    return block;
  };

  // As run, with a list.
  const give = (name, items, ...args) => {
    const block = list(items);
    try {
      return run(name, block, items.length, ...args);
    } finally {
      call('free', block);
    }
  };

  // prettier-ignore
  return {
    call, view, text, run, list, give,
    close() {
      exports = heap = out = null; // the instance and its memory go with the last reference
      trap ??= Error('closed');
    },
    // As give: a copy of the array that it leaves.
    array(name, items, Type) {
      const [at, count] = give(name, items);
      return view(at, count, Type).slice();
    },
    // A block that takes bytes as they come. It grows where it lies, at the end of the heap. The first
    // eight bytes of a safetensors file are the length of its header: it is put where the weights,
    // behind that, begin at a multiple of 64, lest loads of theirs cross lines of the cache.
    sink(room) {
      if (!(room >= 0)) room = 2 ** 20;
      const block = malloc(room + 64);
      const fit = (bytes) =>
        (room = bytes) <= ADDRESSABLE && call('resize', block, bytes + 64);
      const sink = {
        [AT]: block,
        length: 0,
        fit,
        // The place of the next `bytes`, or of some: fill it, then add them to `length`.
        next(bytes) {
          const need = sink.length + bytes;
          if (need > room) fit(need + 2 ** 23) || fit(need) || noMemory(need);
          if (sink.length === 8) {
            const from = sink[AT],
              [header, more] = view(from, 2, Uint32Array);
            if (!more) sink[AT] = block + (-(block + 8 + header) & 60);
            view(0).copyWithin(sink[AT], from, from + 8);
          }
          return view(sink[AT] + sink.length, sink.length < 8 ? Math.min(bytes, 8 - sink.length) : bytes);
        },
        put(bytes) {
          for (let place; bytes.length; bytes = bytes.subarray(place.length)) {
            place = sink.next(bytes.length);
            place.set(bytes.subarray(0, place.length));
            sink.length += place.length;
          }
        },
      };
      return sink;
    },
  };
};

// ---- The module ---------------------------------------------------------------------------------

let starting; // the promise of init
let compiled; // the WebAssembly.Module, once there
let spare; // init's own engine, for the first pipeline

// Where the entries of some hosts put the module.
export const own = {};

// For a file: URL, if the host reads files. Else it is fetched like any other.
const fileSystemFor = (url) =>
  /^file:/.test(url) && globalThis.process?.getBuiltinModule?.('node:fs/promises');

// The response itself or that of a URL, checked.
const respond = async (source, name, options) => {
  const response = source.headers ? source : await fetch(source, options);
  if (!response.ok) fail('HTTP', `${name}: HTTP ${response.status} from ${response.url}`);
  if (response.bodyUsed) fail('STATE', `${name}: already read`);
  return response;
};

// Of a function's result in SIMD: an engine without refuses it, and gets the module without.
const ownFile = () =>
  WebAssembly.validate(encoder.encode('\0asm\x01\0\0\0\x01\x05\x01`\0\x01{'))
    ? new URL('./dist/wasmicro.wasm', import.meta.url)
    : new URL('./dist/wasmicro-scalar.wasm', import.meta.url);

// The module is small: it is taken whole, so that no server's media type matters.
const compile = async (input) => {
  if (typeof input === 'string') input = new URL(input, globalThis.location?.href);
  input ??= own.wasm ?? ownFile();
  if (tag(input) === 'WebAssembly.Module') return input;
  const name = input.href ?? input.url ?? 'init';
  const read = async () =>
    fileSystemFor(name)?.readFile?.(input) ?? (await respond(input, name)).arrayBuffer();
  const bytes = bytesOf(bytesOf(input, name) ?? (await read().catch(failed('IO', name))));
  if (decoder.decode(bytes).trim()[0] === '<')
    fail(
      'FORMAT',
      `${name} is HTML: init() wants the URL of dist/wasmicro.wasm ` +
        "(Vite: optimizeDeps.exclude = ['wasmicro'])",
    );
  return WebAssembly.compile(bytes);
};

const start = async (input) => {
  try {
    const module = await compile(await Promise.resolve(input).catch(failed('IO', 'init')));
    spare = engineOf(await WebAssembly.instantiate(module));
    compiled = module;
  } catch (cause) {
    starting = undefined; // the next call may try again
    failed('UNSUPPORTED', 'wasmicro.wasm needs WebAssembly (in a bundle: init(url), or wasmicro/inline)')(cause);
  }
};

export default function init(input) {
  return (starting ??= start(input));
}

export const newEngine = () => {
  if (!compiled) fail('STATE', 'await init() first');
  const engine = spare ?? engineOf(new WebAssembly.Instance(compiled));
  spare = undefined;
  return engine;
};

// ---- Files --------------------------------------------------------------------------------------

// Frees what a stream of our own has brought: a browser would do it late, but a message that reaches
// nobody takes it along at once. Elsewhere it may be part of something larger.
let nobody;
export const release = ({ buffer }) => {
  try {
    if (globalThis.process) return;
    if (!nobody) (nobody = new MessageChannel()).port2.close();
    nobody.port1.postMessage(0, [buffer]);
  } catch {}
};

const unknown = (name) => wrong(`${name} must be bytes, Response, stream, Blob or URL`);

// What can be read: {bytes}, or {async read(sink), which tells whether it has ended, close()}; and
// its size, if that is known.
const openSource = async (source, name, signal) => {
  source = await source;
  const bytes = bytesOf(source, name);
  if (bytes) return { bytes, size: bytes.length };
  const files = fileSystemFor(source?.href);
  if (files) {
    const handle = await files.open(source);
    const { size } = await handle.stat();
    let left = size;
    return {
      size,
      close: () => handle.close(),
      async read(sink) {
        const { bytesRead } = await handle.read(sink.next(Math.min(left, 2 ** 24)));
        left -= bytesRead;
        sink.length += bytesRead;
        return !bytesRead;
      },
    };
  }
  const own = source?.href || source?.headers?.get('x-file'); // of the net, or of our Cache
  if (own || source?.headers)
    source = await respond(source, name, { __proto__: null, signal });
  const stream = source?.body ?? source?.stream?.() ?? source;
  const reader = stream?.getReader?.() ?? stream?.[Symbol.asyncIterator]?.() ?? unknown(name);
  const header = (key) => source.headers?.get(key);
  return {
    size: source.size ?? parseInt(!header('content-encoding') && header('content-length')),
    close: () => (reader.cancel ?? reader.return)?.call(reader),
    async read(sink) {
      const { done, value } = await (reader.read ?? reader.next).call(reader);
      if (!done) sink.put(bytesOf(value, name) ?? unknown(name));
      if (own && !done) release(value);
      return done;
    },
  };
};

// The files that the options name, each as {path, parts}.
const filesOf = ({ model, tokenizer, config, merges, files }) => {
  if (typeof model === 'string') unknown('model'); // a path, it may be, as is a tokenizer of one word
  if (typeof tokenizer === 'string' && /^[^\s{]+$/.test(tokenizer)) unknown('tokenizer');
  const given = { 'config.json': config, tokenizer, 'merges.txt': merges, ...recordOf(files) };
  return [...Object.entries(given), ['model.safetensors', model]]
    .filter(([, parts]) => parts != null)
    .map(([path, parts]) => ({ path, parts: [parts].flat() }));
};

const sizeOf = (parts) => parts.reduce((sum, { size }) => sum + size, 0);

// Opens a new engine on files whose parts are open: a generator, which yields what is to be awaited.
function* place(files, onProgress, kind) {
  const engine = newEngine(),
    items = [],
    total = sizeOf(files.flatMap(({ parts }) => parts));
  let before = 0;
  for (const { path, parts } of files) {
    const sink = engine.sink(sizeOf(parts));
    const progress = () => {
      const loaded = before + sink.length;
      onProgress?.({ loaded, total: loaded <= total ? total : null, file: path });
    };
    progress();
    for (const part of parts)
      if (part.bytes) sink.put(bytesOf(part.bytes, path)); // which may be detached by now
      else while (!(yield part.read(sink).catch(failed('IO', path)))) progress();
    sink.fit(sink.length);
    before += sink.length;
    items.push(path, sink);
  }
  engine.run('open', engine.list(items), items.length, kind);
  return engine;
}

// How `open` opens: 0 a model, 1 a tokenizer alone, 2 a model with compute: "int8".
const kindOf = ({ compute }) => {
  const kind = ['f32', , 'int8'].indexOf(compute ?? 'f32');
  return kind < 0 ? wrong(`compute cannot be ${String(compute)}`) : kind;
};

// An engine opened on files that are at hand.
export const openNow = (options, kind = kindOf(options)) => {
  const files = filesOf(options);
  for (const { path, parts } of files)
    parts.forEach((part, i) => {
      const bytes = bytesOf(part, path) ?? wrong('fromBytes wants bytes: use load');
      parts[i] = { bytes, size: bytes.length };
    });
  return place(files, undefined, kind).next().value;
};

// An engine opened on files from anywhere.
export const openLater = async (options, kind = kindOf(options)) => {
  const { signal, onProgress } = options,
    files = filesOf(options);
  const opening = files.flatMap(({ path, parts }) =>
    parts.map(
      async (part, i) =>
        (parts[i] = await openSource(part, path, signal).catch(failed('IO', path))),
    ),
  );
  try {
    await unlessAborted(signal, Promise.all([init(), ...opening]));
    const placing = place(files, onProgress, kind);
    for (let read; ;) {
      const { done, value } = placing.next(read);
      if (done) return value;
      read = await unlessAborted(signal, value);
    }
  } finally {
    for (const part of opening) part.then(({ close }) => close?.()).catch(() => {});
    heed(signal); // an aborted read may have failed in its own words
  }
};
