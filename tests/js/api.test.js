// SPDX-License-Identifier: MIT OR Apache-2.0
// The package's manners: what it takes, what it refuses and with which error, and that it stays
// usable.
import assert from 'node:assert/strict';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import vm from 'node:vm';
import init, { WasmPipeline, WasmicroError, embed, search, similarity } from '../../npm/index.js';
import { ROOT, bits, errorOf, filesOf, freshLibrary, wasmBytes, withTrap } from './support.js';

await init();
const FILES = filesOf('bert-f32');
const { 'model.safetensors': MODEL, 'tokenizer.json': TOKENIZER, 'config.json': CONFIG } = FILES;
const FILES_BY_NAME = { model: MODEL, tokenizer: TOKENIZER, config: CONFIG };
const TEXT = 'The river runs past the old mill.';
const openBert = (options) => WasmPipeline.fromBytes(MODEL, TOKENIZER, CONFIG, null, options);
const bert = openBert(),
  WANT = bits(bert.embed(TEXT));

async function assertFails(code, call, message = /./) {
  const error = await errorOf(call);
  assert.ok(error instanceof WasmicroError, String(error?.stack ?? error));
  assert.equal(error.name, 'WasmicroError');
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
  assert.equal(typeof error.offset, 'number');
}

// ---- Arguments ----------------------------------------------------------------------------------

const wrongCalls = {
  'a text that is none': () => bert.embed(5),
  'no text': () => bert.embed(),
  'a String object': () => bert.embed(new String('a')),
  'an object with an address': () => bert.embed({ at: 1024, length: 64 }),
  'a pair with an address': () => bert.tokenize('a', { pair: { at: 1024, length: 64 } }),
  'messages that are no list': () => bert.generate({ 0: {} }),
  'options that are none': () => bert.embed(TEXT, 'mean'),
  'a negative length': () => bert.embed(TEXT, -1),
  'a fractional length': () => bert.embed(TEXT, { maxLength: 1.5 }),
  'a length that is no number': () => bert.embed(TEXT, NaN),
  'a length in text': () => bert.embed(TEXT, { maxLength: '8' }),
  'an unknown pooling': () => bert.embed(TEXT, { pooling: 'median' }),
  'a normalize that is no boolean': () => bert.embed(TEXT, { normalize: 1 }),
  'an unknown truncate': () => bert.embed(TEXT, { truncate: true }),
  'a prompt that is no text': () => bert.embed(TEXT, { prompt: 7 }),
  'a prompt name that is not in the files': () => bert.embed(TEXT, { promptName: 'query' }),
  'texts that are one text': () => bert.embedBatch(TEXT),
  'texts of which one is none': () => bert.embedBatch(['a', null]),
  'texts that are a length of 10^9': () => bert.embedBatch({ length: 1e9 }),
  'texts that are lists': () => bert.embedBatch([['a'], ['b']]),
  'texts with a hole': () => bert.embedBatch(['a', , 'b']), // eslint-disable-line no-sparse-arrays
  'a tokenize of nothing': () => bert.tokenize(null),
  'ids that are none': () => bert.hidden('12'),
  'no ids': () => bert.hidden([]),
  'an id outside the vocabulary': () => bert.hidden([1e6]),
  'a negative id': () => bert.hidden([-1]),
  'a fractional id': () => bert.hidden([1.5]),
  'an id past 32 bits': () => bert.hidden([2 ** 32 + 1]),
  'a bigint': () => bert.hidden([1n]),
  'too many ids': () => bert.hidden(new Int32Array(1000)),
  'the constructor': () => new WasmPipeline(),
  'a path for a model': () => WasmPipeline.fromBytes('model.safetensors', TOKENIZER, CONFIG),
  'a path for a tokenizer': () => WasmPipeline.fromBytes(MODEL, '/models/tokenizer.json', CONFIG),
  'an option as transformers.js has it': () => bert.embed(TEXT, { max_length: 5 }),
  'an option of no call': () => bert.embed(TEXT, { maxlength: undefined }),
  'an option of no call to open with': () => openBert({ poolings: 'cls' }),
  'a signal that is none': () => WasmPipeline.load({ ...FILES_BY_NAME, signal: 5 }),
  'a signal that is none, of embed': () => embed(TEXT, { signal: {} }),
  'an option of no call of embed': () => embed(TEXT, { maxLengths: 5 }),
  'vectors of different lengths': () => similarity([1, 2, 3], [1, 2]),
  'a vector that is none': () => similarity(5, 6),
  'no vector': () => similarity([1, 2], null),
  'a query that is none': () => search(null, [[1, 2]]),
  'an empty query': () => search([], new Float32Array(4)),
  'rows of another length': () => search([1, 2], [[1, 2], [1, 2, 3]]),
  'rows that are no whole number': () => search([1, 2], new Float32Array(5)),
  'a negative truncateDim': () => bert.embed(TEXT, { truncateDim: -1 }),
  'a fractional truncateDim': () => bert.embedBatch([TEXT], { truncateDim: 1.5 }),
  'a truncateDim that is no number': () => bert.embed(TEXT, { truncateDim: '8' }),
  'an encoding for its ids': () => bert.decode({ ids: [1], starts: [0], ends: [1] }),
  'an id for ids': () => bert.decode(5),
  'a response for fromBytes': () => WasmPipeline.fromBytes(new Response('x'), TOKENIZER, CONFIG),
  'a number for a config': () => WasmPipeline.fromBytes(MODEL, TOKENIZER, 7),
  'files that are none': () => openBert({ files: 'modules.json' }),
  'a config that is none': () => WasmPipeline.detectedModelType(null),
  'a load of nothing but a number': () => WasmPipeline.load(7),
  'a stream of numbers': () => WasmPipeline.load({ model: ReadableStream.from([1, 2]) }),
  'a stream of nothing known': () => WasmPipeline.load({ model: {} }),
};
for (const [name, call] of Object.entries(wrongCalls))
  test(`ARG for ${name}`, async () => {
    await assertFails('ARG', call);
    assert.equal(bits(bert.embed(TEXT)), WANT, 'the pipeline works on');
  });

test('a name that no option has: the message has the nearest', async () => {
  const near = {
    maxNewToken: 'maxNewTokens',
    max_new_tokens: 'maxNewTokens',
    maxTokens: 'maxNewTokens',
    temprature: 'temperature',
    top_k: 'topK',
    logitBias: 'sequenceBias',
    onprogress: 'onProgress',
    '': 'maxLength',
  };
  for (const [name, nearest] of Object.entries(near))
    await assertFails('ARG', () => bert.embed(TEXT, { [name]: 1 }), RegExp(`^no option ${name}: ${nearest}\\?$`));
});

test('an option of undefined or null is not given', () => {
  const none = {
    maxLength: undefined,
    pooling: null,
    normalize: null,
    truncate: undefined,
    prompt: null,
  };
  assert.equal(bits(bert.embed(TEXT, none)), WANT);
  assert.equal(bits(bert.embed(TEXT, null)), WANT);
  assert.equal(bits(openBert(none).embed(TEXT)), WANT);
});

test("a pipeline's own options hold until a call's override them", () => {
  const cls = openBert({ pooling: 'cls', maxLength: 5 });
  assert.equal(bits(cls.embed(TEXT)), bits(bert.embed(TEXT, { pooling: 'cls', maxLength: 5 })));
  assert.deepEqual(cls.last, { tokens: 5, truncated: true });
  assert.equal(bits(cls.embed(TEXT, { pooling: 'mean', maxLength: 512 })), WANT);
});

test('truncate: "error" throws LIMIT', () =>
  assertFails('LIMIT', () => bert.embed(TEXT, { maxLength: 5, truncate: 'error' })));

test('an empty batch is empty', () => assert.equal(bert.embedBatch([]).length, 0));

test('lone surrogates are U+FFFD, as TextEncoder has it', () => {
  assert.deepEqual(bert.tokenize('a\ud800b\udc00'), bert.tokenize('a\ufffdb\ufffd'));
  assert.equal(bits(bert.embed('\udfff')), bits(bert.embed('\ufffd')));
});

test('NUL bytes and astral characters go through', () => {
  assert.deepEqual(bert.tokenize('a\0b'), bert.tokenize('ab'));
  assert.ok(bert.tokenize('😀').length > 2);
});

test('results are copies: a later call changes none', () => {
  const first = bert.embed(TEXT),
    before = bits(first),
    ids = bert.tokenize(TEXT),
    list = [...ids];
  bert.embedBatch(['other', 'texts', 'x '.repeat(300)]);
  bert.tokenize('something else');
  assert.equal(bits(first), before);
  assert.deepEqual([...ids], list);
  assert.equal(first.buffer.byteLength, first.byteLength);
});

// ---- Files --------------------------------------------------------------------------------------

const damaged = (at, byte) => {
  const copy = Buffer.from(MODEL);
  copy[at] = byte;
  return copy;
};
const wrongFiles = {
  'no config': ['MISSING', () => WasmPipeline.fromBytes(MODEL, TOKENIZER)],
  'no weights': ['MISSING', () => WasmPipeline.fromBytes(null, TOKENIZER, CONFIG)],
  'no tokenizer': ['MISSING', () => WasmPipeline.fromBytes(MODEL, null, CONFIG)],
  'a config that is no JSON': ['JSON', () => WasmPipeline.fromBytes(MODEL, TOKENIZER, '{"a":}')],
  'a tokenizer that is no JSON': [
    'JSON',
    () => WasmPipeline.fromBytes(MODEL, '{"version":', CONFIG),
  ],
  'an unknown family': [
    'UNSUPPORTED',
    () => WasmPipeline.fromBytes(MODEL, TOKENIZER, '{"model_type":"whisper"}'),
  ],
  'weights cut short': [
    'TRUNC',
    () => WasmPipeline.fromBytes(MODEL.subarray(0, -1), TOKENIZER, CONFIG),
  ],
  'empty weights': ['TRUNC', () => WasmPipeline.fromBytes(new Uint8Array(), TOKENIZER, CONFIG)],
  'a web page in place of the weights': [
    'FORMAT',
    () => WasmPipeline.load({ model: new Response('<!doctype html>'), tokenizer: TOKENIZER, config: CONFIG }),
  ],
  'a header that is no JSON': [
    'JSON',
    () => WasmPipeline.fromBytes(damaged(9, 0x78), TOKENIZER, CONFIG),
  ],
};
for (const [name, [code, call]] of Object.entries(wrongFiles))
  test(`${code} for ${name}`, () => assertFails(code, call));

test('detectedModelType', async () => {
  for (const family of ['bert', 'roberta', 'distilbert', 'electra'])
    assert.equal(WasmPipeline.detectedModelType(filesOf(`${family}-f32`)['config.json']), family);
  assert.equal(WasmPipeline.detectedModelType(CONFIG.toString()), 'bert');
  await assertFails('UNSUPPORTED', () =>
    WasmPipeline.detectedModelType('{"model_type":"whisper"}'),
  );
  await assertFails('JSON', () => WasmPipeline.detectedModelType('{'));
});

test('over 4 GiB is refused before a byte is copied', async () => {
  const huge = new Uint8Array(2 ** 31),
    started = performance.now(); // calloc: not a page of it is touched
  await assertFails(
    'LIMIT',
    () => WasmPipeline.fromBytes([huge, huge], TOKENIZER, CONFIG),
    /4294967296|42949\d+ bytes/,
  );
  await assertFails('LIMIT', () =>
    WasmPipeline.load({ model: new Response('', { headers: { 'content-length': '5000000000' } }) }),
  );
  assert.ok(performance.now() - started < 2000);
});

// ---- load ---------------------------------------------------------------------------------------

const server = createServer((request, response) => {
  const body = FILES[request.url.slice(1)];
  if (!body) return response.writeHead(404).end('no');
  if (request.headers.stall)
    return response.writeHead(200, { 'content-length': body.length }).write(body.subarray(0, 99));
  response
    .writeHead(200, request.url.endsWith('json') ? {} : { 'content-length': body.length })
    .end(body);
}).listen(0, '127.0.0.1');
await new Promise((ready) => server.on('listening', ready));
after(() => server.close() && server.closeAllConnections());
const origin = `http://127.0.0.1:${server.address().port}/`;
const disk = (path) => pathToFileURL(join(ROOT, 'tests/tiny/bert-f32', path));
const pieces = (bytes, size) =>
  ReadableStream.from(
    (function* () {
      for (let i = 0; i < bytes.length; i += size)
        yield new Uint8Array(bytes.subarray(i, i + size));
    })(),
  );

const ways = {
  responses: () => ({
    model: fetch(origin + 'model.safetensors'),
    tokenizer: fetch(origin + 'tokenizer.json'),
    config: fetch(origin + 'config.json'),
  }),
  'http: URLs': () => ({
    model: new URL('model.safetensors', origin),
    tokenizer: new URL('vocab.txt', origin),
    config: new URL('config.json', origin),
    files: { 'tokenizer_config.json': new URL('tokenizer_config.json', origin) },
  }),
  'file: URLs': () => ({
    model: disk('model.safetensors'),
    tokenizer: disk('tokenizer.json'),
    config: disk('config.json'),
  }),
  blobs: () => ({
    model: new Blob([MODEL]),
    tokenizer: new Blob([TOKENIZER]),
    config: new Blob([CONFIG]),
  }),
  'streams of odd pieces': () => ({
    model: pieces(MODEL, 777),
    tokenizer: pieces(TOKENIZER, 1),
    config: pieces(CONFIG, 5),
  }),
  "Node's streams": () => ({
    model: createReadStream(disk('model.safetensors')),
    tokenizer: createReadStream(disk('tokenizer.json')),
    config: CONFIG,
  }),
  'bytes and text': () => ({
    model: MODEL,
    tokenizer: TOKENIZER.toString(),
    config: CONFIG.toString(),
  }),
  'parts of all kinds': () => ({
    model: [
      MODEL.subarray(0, 100),
      new Blob([MODEL.subarray(100, 300)]),
      pieces(MODEL.subarray(300, 900), 7),
      new Response(MODEL.subarray(900)),
    ],
    tokenizer: TOKENIZER,
    config: CONFIG,
  }),
  'files alone': () => ({
    files: {
      'model.safetensors': disk('model.safetensors'),
      'tokenizer.json': TOKENIZER,
      'config.json': Promise.resolve(CONFIG),
    },
  }),
};
for (const [name, way] of Object.entries(ways))
  test(`load takes ${name}`, async () => {
    const pipeline = await WasmPipeline.load(way());
    assert.equal(bits(pipeline.embed(TEXT)), WANT);
  });

test('load reports progress: from 0, rising, to the total', async () => {
  const seen = [];
  await WasmPipeline.load({ ...ways.blobs(), onProgress: (progress) => seen.push(progress) });
  const total = MODEL.length + TOKENIZER.length + CONFIG.length;
  assert.equal(seen[0].loaded, 0);
  seen.forEach((progress, i) =>
    assert.ok(progress.total === total && (!i || progress.loaded >= seen[i - 1].loaded)),
  );
  assert.deepEqual(seen.at(-1), { loaded: total, total, file: 'model.safetensors' });
  seen.length = 0;
  await WasmPipeline.load({
    ...ways['streams of odd pieces'](),
    onProgress: (progress) => seen.push(progress),
  });
  assert.ok(seen.every((progress) => progress.total === null));
});

test('a callback that throws fails the load with its own error', async () => {
  const mine = new Error('mine');
  const onProgress = ({ loaded }) => {
    if (loaded) throw mine;
  };
  assert.equal(await errorOf(() => WasmPipeline.load({ ...ways.responses(), onProgress })), mine);
});

test('an aborted load is AbortError: before, between, and while the server stalls', async () => {
  const before = await errorOf(() =>
    WasmPipeline.load({ ...ways.blobs(), signal: AbortSignal.abort() }),
  );
  assert.equal(before.name, 'AbortError');
  const between = new AbortController();
  const onProgress = ({ loaded }) => loaded && between.abort();
  assert.equal(
    (
      await errorOf(() =>
        WasmPipeline.load({ ...ways.blobs(), onProgress, signal: between.signal }),
      )
    ).name,
    'AbortError',
  );
  for (const theirs of [false, true]) {
    const stalled = new AbortController(),
      { signal } = stalled;
    const model = await fetch(origin + 'model.safetensors', {
      headers: { stall: '1' },
      ...(theirs && { signal }),
    });
    const started = performance.now();
    setTimeout(() => stalled.abort(), 20);
    const error = await errorOf(() =>
      WasmPipeline.load({ model, tokenizer: TOKENIZER, config: CONFIG, signal }),
    );
    assert.equal(error.name, 'AbortError');
    assert.ok(performance.now() - started < 500);
  }
  const late = new AbortController();
  const pipeline = await WasmPipeline.load({ ...ways.blobs(), signal: late.signal });
  late.abort();
  assert.equal(bits(pipeline.embed(TEXT)), WANT);
});

test('what cannot be read is IO or HTTP, by the name of the file', async () => {
  const load = (model) => () => WasmPipeline.load({ model, tokenizer: TOKENIZER, config: CONFIG });
  await assertFails('IO', load(pathToFileURL('none.safetensors')), /model\.safetensors: ENOENT/);
  await assertFails('IO', load(new URL('http://127.0.0.1:9/')), /model\.safetensors/);
  await assertFails(
    'IO',
    load(
      ReadableStream.from(
        (function* () {
          yield MODEL.subarray(0, 100);
          throw new Error('the line is cut');
        })(),
      ),
    ),
    /the line is cut/,
  );
  await assertFails('HTTP', load(fetch(origin + 'none')), /model\.safetensors.*404/);
  const used = await fetch(origin + 'config.json');
  await used.text();
  await assertFails('STATE', load(used));
});

test('a source that fails before its turn fails the load, and nothing else', async () => {
  const config = new Promise((done) => setTimeout(done, 30, CONFIG));
  const model = Promise.reject(new Error('no line'));
  await assertFails('IO', () => WasmPipeline.load({ model, tokenizer: TOKENIZER, config }), /no line/);
});

test('a wrong content-length does no harm', async () => {
  for (const length of [1, MODEL.length - 1, MODEL.length + 1e6]) {
    const model = new Response(pieces(MODEL, 5000), {
      headers: { 'content-length': String(length) },
    });
    const seen = [];
    const pipeline = await WasmPipeline.load({
      model,
      tokenizer: TOKENIZER,
      config: CONFIG,
      onProgress: (p) => seen.push(p),
    });
    assert.equal(bits(pipeline.embed(TEXT)), WANT);
    assert.ok(seen.every(({ loaded, total }) => total === null || loaded <= total));
  }
});

test('several loads at once do not mix', async () => {
  const names = ['bert-f32', 'roberta-f32', 'distilbert-f32', 'electra-f32'];
  const one = (name) =>
    bits(WasmPipeline.fromBytes(null, null, null, null, { files: filesOf(name) }).embed(TEXT));
  const together = await Promise.all(
    names.map(async (name) => {
      const files = Object.entries(filesOf(name)).map(([path, bytes]) => [
        path,
        pieces(bytes, 1000),
      ]);
      return bits((await WasmPipeline.load({ files: Object.fromEntries(files) })).embed(TEXT));
    }),
  );
  assert.deepEqual(together, names.map(one));
});

// ---- Other realms, hostile surroundings ---------------------------------------------------------

test('arrays, buffers and options of another realm do', () => {
  const context = vm.createContext({
    model: [...MODEL],
    tokenizer: TOKENIZER.toString(),
    config: CONFIG.toString(),
    text: TEXT,
  });
  const { model, tokenizer, options, texts, ids } = vm.runInContext(
    `({
      model: new Uint8Array(model).buffer,
      tokenizer: new DataView(Uint8Array.from(tokenizer, (c) => c.charCodeAt(0)).buffer),
      options: { files: {}, pooling: 'mean' },
      texts: [text, text],
      ids: new Int32Array([1, 2]),
    })`,
    context,
  );
  assert.ok(!(model instanceof ArrayBuffer));
  const ascii = [...TOKENIZER.toString()].every((c) => c < '\x80');
  const pipeline = WasmPipeline.fromBytes(
    [model],
    ascii ? tokenizer : TOKENIZER,
    CONFIG,
    null,
    options,
  );
  assert.equal(bits(pipeline.embed(TEXT, options)), WANT);
  assert.equal(bits(pipeline.embedBatch(texts)), WANT + WANT);
  assert.equal(pipeline.hidden(ids).shape[0], 2);
});

test('shared buffers do; detached ones are ARG', async () => {
  const shared = new Uint8Array(new SharedArrayBuffer(MODEL.length));
  shared.set(MODEL);
  assert.equal(bits(WasmPipeline.fromBytes(shared, TOKENIZER, CONFIG).embed(TEXT)), WANT);
  const gone = new Uint8Array(MODEL);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  await assertFails(
    'ARG',
    () => WasmPipeline.fromBytes(gone, TOKENIZER, CONFIG),
    /model\.safetensors/,
  );
});

test('bytes that go away while a file is read are ARG, a buffer that shrinks does no harm', async () => {
  const gone = new Uint8Array(MODEL),
    shrinking = new ArrayBuffer(MODEL.length, { maxByteLength: MODEL.length });
  const during = (model, once) => {
    const onProgress = () => (once &&= void once());
    return WasmPipeline.load({ model, tokenizer: TOKENIZER, config: CONFIG, onProgress });
  };
  const transfer = () => structuredClone(gone.buffer, { transfer: [gone.buffer] });
  await assertFails('ARG', () => during(gone, transfer), /model\.safetensors/);
  const view = new Uint8Array(shrinking, 0, MODEL.length);
  await assertFails('TRUNC', () => during(view, () => shrinking.resize(9)));
});

test('the bytes given are neither kept nor changed', () => {
  const model = Buffer.from(MODEL),
    tokenizer = Buffer.from(TOKENIZER);
  const pipeline = WasmPipeline.fromBytes(model, tokenizer, CONFIG);
  pipeline.embed(TEXT);
  assert.ok(model.equals(MODEL));
  model.fill(0);
  tokenizer.fill(0);
  assert.equal(bits(pipeline.embed(TEXT)), WANT);
});

test('polluted prototypes have no say', async () => {
  const poison = {
    maxLength: 2,
    pooling: 'max',
    normalize: true,
    prompt: 'boo',
    truncate: 'error',
    files: 7,
    signal: 7,
    onProgress: 7,
    merges: 7,
    pair: 'boo',
    topK: 7,
    truncateDim: 2,
  };
  const ids = bert.tokenize(TEXT);
  for (const [key, value] of Object.entries(poison))
    Object.defineProperty(Object.prototype, key, { value, configurable: true, writable: true });
  Array.prototype.extra = () => {};
  try {
    assert.equal(bits(bert.embed(TEXT)), WANT);
    assert.equal(bits(bert.embed(TEXT, {})), WANT);
    assert.equal(bits(bert.embed(TEXT, 512)), WANT);
    assert.deepEqual(bert.tokenize(TEXT, {}), ids);
    assert.equal(bits(WasmPipeline.fromBytes(MODEL, TOKENIZER, CONFIG).embed(TEXT)), WANT);
    assert.equal(
      bits(
        (await WasmPipeline.load({ model: MODEL, tokenizer: TOKENIZER, config: CONFIG })).embed(
          TEXT,
        ),
      ),
      WANT,
    );
  } finally {
    for (const key of Object.keys(poison)) delete Object.prototype[key];
    delete Array.prototype.extra;
  }
});

test('frozen intrinsics are no hindrance', () => {
  const program = `
    import { readFileSync } from 'node:fs';
    import init, { WasmPipeline, WasmicroError } from './npm/index.js';
    await init(readFileSync('npm/dist/wasmicro.wasm'));
    const read = (name) => readFileSync('tests/tiny/bert-f32/' + name);
    const [model, tokenizer, config] = ['model.safetensors', 'tokenizer.json', 'config.json'].map(read);
    const pipeline = await WasmPipeline.load({ model, tokenizer, config });
    let thrown;
    try { pipeline.embed(5); } catch (error) { thrown = error; }
    if (!(thrown instanceof WasmicroError) || thrown.code + thrown.name !== 'ARGWasmicroError') throw thrown;
    console.log(Buffer.from(pipeline.embed(${JSON.stringify(TEXT)}).buffer).toString('hex'));`;
  return import('node:child_process').then(({ spawnSync }) => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--frozen-intrinsics', '--input-type=module', '-e', program],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.equal(stdout.trim(), WANT, stderr);
  });
});

// ---- Life and death -----------------------------------------------------------------------------

test('close, twice; then everything is STATE', async () => {
  const pipeline = openBert();
  pipeline.close();
  pipeline.close();
  for (const call of [
    () => pipeline.embed(TEXT),
    () => pipeline.embedBatch([TEXT]),
    () => pipeline.tokenize(TEXT),
    () => pipeline.hidden([1]),
  ])
    await assertFails('STATE', call, /closed/);
  assert.equal(pipeline.info.modelType, 'bert');
});

test('Symbol.dispose closes', async () => {
  const pipeline = openBert();
  pipeline[Symbol.dispose ?? 'dispose']();
  await assertFails('STATE', () => pipeline.embed(TEXT));
});

test('a trap is STATE, then and afterwards, and kills that pipeline alone', async () => {
  const library = await freshLibrary();
  await library.default(withTrap(wasmBytes(), 'embed'));
  const open = () => library.WasmPipeline.fromBytes(MODEL, TOKENIZER, CONFIG);
  const pipeline = open(),
    other = open();
  assert.ok(pipeline.tokenize(TEXT).length > 2);
  const error = await errorOf(() => pipeline.embed(TEXT));
  assert.ok(error instanceof library.WasmicroError);
  assert.equal(error.code, 'STATE');
  assert.ok(error.cause instanceof WebAssembly.RuntimeError);
  assert.equal((await errorOf(() => pipeline.tokenize(TEXT))).code, 'STATE');
  assert.ok(other.tokenize(TEXT).length > 2);
  pipeline.close();
});

test('failures between them leave a pipeline as it was', async () => {
  for (let i = 0; i < 50; i++) {
    await errorOf(() => bert.embed(TEXT, { maxLength: 3, truncate: 'error' }));
    await errorOf(() => bert.hidden([1e6]));
    await errorOf(() => openBert({ files: { 'modules.json': '[' } }));
  }
  assert.equal(bits(bert.embed(TEXT)), WANT);
});

test('queries and documents have their prompts, of the files or given', () => {
  const files = filesOf('st-prompts');
  const open = (given) => WasmPipeline.fromBytes(null, null, null, null, { files: { ...files, ...given } });
  const named = open();
  assert.deepEqual(named.embedQuery(TEXT), named.embed(TEXT, { promptName: 'query' }));
  assert.deepEqual(named.embedDocuments([TEXT]), named.embed(TEXT, { promptName: 'passage' }));
  const plain = open({ 'config_sentence_transformers.json': null });
  assert.deepEqual(plain.embedQuery(TEXT), plain.embed(TEXT));
  plain.prompts = { query: 'ask: ', document: '' };
  assert.deepEqual(plain.embedQuery(TEXT), plain.embed(`ask: ${TEXT}`));
  assert.deepEqual(plain.embedDocuments([TEXT]), plain.embed(TEXT));
});

test('vectors cut short, compared and searched', () => {
  const texts = ['one', 'two words', TEXT];
  const whole = bert.embedBatch(texts),
    { dim } = bert.info,
    short = bert.embedBatch(texts, { truncateDim: 5 });
  texts.forEach((_, i) =>
    assert.deepEqual(short.subarray(5 * i, 5 * i + 5), whole.subarray(i * dim, i * dim + 5)),
  );
  const rows = texts.map((_, i) => whole.subarray(i * dim, (i + 1) * dim));
  assert.ok(Math.abs(similarity(rows[1], rows[1]) - 1) < 1e-6);
  assert.equal(similarity([1, 0], [0, 2]), 0);
  assert.equal(similarity([0, 0], [0, 2]), 0);
  const found = search(rows[2], whole, 2);
  assert.equal(found.length, 2);
  assert.equal(found[0].index, 2);
  assert.ok(found[0].score >= found[1].score);
  assert.deepEqual(search(rows[2], rows, 2), found);
});
