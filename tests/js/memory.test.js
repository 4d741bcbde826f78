// SPDX-License-Identifier: MIT OR Apache-2.0
// Linear memory: the allocator itself, growth, refusal, and that nothing leaks. SOAK=1 runs the
// long ones in full: 10,000 openings and 100,000 embeddings in place of 1,000 and 2,000.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';
import {
  MINILM,
  NO_MINILM,
  ROOT,
  bits,
  errorOf,
  filesOf,
  freshLibrary,
  wasmBytes,
  withMemoryLimit,
} from './support.js';

await init();
WasmPipeline.detectedModelType('{"model_type":"bert"}'); // takes the instance that init has made
const OPENINGS = process.env.SOAK ? 10000 : 1000,
  EMBEDDINGS = process.env.SOAK ? 100000 : 2000;
const PAGE = 65536;
const mib = (bytes) => (bytes / 2 ** 20).toFixed(1);
const TEXT = 'The river runs past the old mill.';

const newInstance = (bytes = wasmBytes()) =>
  new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;

// The instances that a library makes while `call` runs.
async function instancesOf(call) {
  const made = [],
    { Instance } = WebAssembly;
  WebAssembly.Instance = class extends Instance {
    constructor(...parts) {
      super(...parts);
      made.push(this.exports);
    }
  };
  try {
    await call();
  } finally {
    WebAssembly.Instance = Instance;
  }
  return made;
}

// A small random number generator, so that a failure comes again.
function randomizer(seed) {
  return (below) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

// ---- The allocator ------------------------------------------------------------------------------

test('blocks are aligned, apart, and keep what is in them', () => {
  const { malloc, free, resize, memory } = newInstance();
  const random = randomizer(1),
    blocks = [];
  const view = (block) => new Uint8Array(memory.buffer, block.at, block.size);
  const check = (block) =>
    assert.ok(
      view(block).every((byte) => byte === block.mark),
      `block of ${block.size}`,
    );
  for (let i = 0; i < 20000; i++) {
    const choice = random(10);
    if (choice < 5 || !blocks.length) {
      const size = random(10) ? random(300) : random(200000),
        at = malloc(size) >>> 0;
      assert.ok(at && at % 16 === 0);
      const block = { at, size, mark: i & 255 };
      view(block).fill(block.mark);
      blocks.push(block);
    } else if (choice < 9) {
      const [block] = blocks.splice(random(blocks.length), 1);
      check(block);
      free(block.at);
    } else {
      const block = blocks[random(blocks.length)],
        size = random(2 * block.size + 20);
      if (resize(block.at, size)) {
        check({ ...block, size: Math.min(size, block.size) });
        block.size = size;
        view(block).fill(block.mark);
      } else {
        assert.ok(size > block.size, 'shrinking succeeds');
        check(block);
      }
    }
  }
  const sorted = blocks.sort((a, b) => a.at - b.at);
  sorted.forEach((block, i) => i && assert.ok(sorted[i - 1].at + sorted[i - 1].size <= block.at));
  sorted.forEach(check);
});

test('freed blocks merge: the whole heap is one block again', () => {
  for (const order of ['forward', 'backward', 'shuffled']) {
    const { malloc, free, memory } = newInstance(),
      random = randomizer(2);
    const blocks = Array.from({ length: 500 }, () => malloc(1000 + random(5000)));
    if (order === 'backward') blocks.reverse();
    if (order === 'shuffled')
      blocks.sort((a, b) => (Math.imul(a, 2654435761) >>> 0) - (Math.imul(b, 2654435761) >>> 0));
    const bytes = memory.buffer.byteLength;
    blocks.forEach(free);
    assert.ok(malloc(500 * 1000) && malloc(500 * 1500));
    assert.equal(memory.buffer.byteLength, bytes, order);
  }
});

test('odd requests: none, huge, and NULL', () => {
  const { malloc, free, resize, memory } = newInstance();
  const bytes = memory.buffer.byteLength;
  for (const size of [-1, -16, -65535, -65536, -65537, 2 ** 31]) {
    const at = malloc(size) >>> 0;
    if (size < 0 && size > -65536) assert.equal(at, 0, `malloc(${size >>> 0})`);
    free(at);
  }
  const [a, b] = [malloc(0), malloc(0)];
  assert.ok(a && b && a !== b);
  free(0);
  free(b);
  free(a);
  assert.equal(resize(malloc(10), -1), 0);
  assert.ok(memory.buffer.byteLength >= bytes);
});

test('a refused grow is NULL, and what was there stays usable', () => {
  const { malloc, free, resize, memory } = newInstance(withMemoryLimit(wasmBytes(), 3));
  const bytes = memory.buffer.byteLength;
  assert.equal(malloc(4 * PAGE), 0);
  const a = malloc(PAGE);
  assert.ok(a);
  assert.equal(resize(a, 10 * PAGE), 0);
  assert.equal(resize(a, 2 * PAGE), 1);
  const rest = [];
  for (let at; (at = malloc(1000));) rest.push(at);
  assert.equal(memory.buffer.byteLength, bytes + 3 * PAGE);
  assert.ok(rest.length > 50);
  rest.forEach(free);
  free(a);
  assert.ok(malloc(2.5 * PAGE));
});

test('a block at the end of the heap grows where it lies', () => {
  const { malloc, resize, memory } = newInstance();
  const at = malloc(10);
  new Uint8Array(memory.buffer, at, 10).fill(7);
  for (let size = 10; size < 2e7; size *= 3) assert.equal(resize(at, size), 1);
  assert.ok(new Uint8Array(memory.buffer, at, 10).every((byte) => byte === 7));
  malloc(10);
  assert.equal(resize(at, 1e8), 0, 'not past a neighbour');
});

// ---- Pipelines ----------------------------------------------------------------------------------

test('a host that grows memory itself does no harm', async () => {
  let pipeline;
  const [engine] = await instancesOf(async () => {
    pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  });
  const want = bits(pipeline.embed(TEXT));
  for (let i = 0; i < 20; i++) {
    engine.memory.grow(1);
    assert.equal(bits(pipeline.embed(TEXT)), want);
    assert.equal(pipeline.embed(`${TEXT} `.repeat(i + 1)).length, pipeline.info.dim);
  }
});

test('a stream of unknown length whose first piece is larger than the first block', async () => {
  const { 'model.safetensors': file, ...rest } = filesOf('bert-f32'),
    first = 3 * 2 ** 19,
    header = file.subarray(8, 8 + Number(file.readBigUInt64LE())),
    data = file.subarray(8 + header.length);
  for (let more = 0; more < 64; more += 8) {
    const spaces = first + 2 ** 23 - file.length - more,
      length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length + spaces));
    const bytes = Buffer.concat([length, header, Buffer.alloc(spaces, ' '), data]);
    const stream = ReadableStream.from([bytes.subarray(0, first), bytes.subarray(first)]);
    const pipeline = await WasmPipeline.load({ files: { 'model.safetensors': stream, ...rest } });
    const whole = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
    assert.equal(bits(pipeline.embed(TEXT)), bits(whole.embed(TEXT)));
    pipeline.close();
    whole.close();
  }
});

test('the weights of a safetensors file begin at a multiple of 64, whatever brings it', async () => {
  const { 'model.safetensors': file, ...rest } = filesOf('bert-f32'),
    header = file.subarray(8, 8 + Number(file.readBigUInt64LE())),
    data = file.subarray(8 + header.length),
    expected = bits(WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') }).embed(TEXT));
  for (let spaces = 0; spaces < 64; spaces += 4) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length + spaces));
    const bytes = Buffer.concat([length, header, Buffer.alloc(spaces, ' '), data]);
    const ways = {
      bytes,
      parts: [bytes.subarray(0, 5), bytes.subarray(5, 100), new Uint8Array(0), bytes.subarray(100)],
      blob: new Blob([bytes]),
      stream: ReadableStream.from([0, 3, 8, 8, 9, 200].map((from, i, all) => bytes.subarray(from, all[i + 1]))),
    };
    for (const [name, source] of Object.entries(ways)) {
      const files = { ...rest, 'model.safetensors': source };
      let pipeline;
      const [engine] = await instancesOf(async () => (pipeline = await WasmPipeline.load({ files })));
      const at = Buffer.from(engine.memory.buffer).indexOf(bytes.subarray(0, 8 + header.length));
      assert.ok(at > 0 && (at + 8 + header.length + spaces) % 64 === 0, `${name}: ${at}`);
      assert.equal(bits(pipeline.embed(TEXT)), expected);
      pipeline.close();
    }
  }
});

test('memory grows in the middle of work, and views follow', async () => {
  let pipeline;
  const [engine] = await instancesOf(() => {
    pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  });
  const want = bits(pipeline.embed(TEXT)),
    before = engine.memory.buffer.byteLength;
  const batch = pipeline.embedBatch([TEXT, 'word '.repeat(200000), TEXT]);
  assert.ok(engine.memory.buffer.byteLength > before);
  assert.equal(bits(batch.subarray(0, batch.length / 3)), want);
  assert.equal(bits(batch.subarray((batch.length * 2) / 3)), want);
});

test('memory refused is NOMEM at any size, and the pipeline works on', async () => {
  const files = filesOf('bert-f32'),
    codes = new Set();
  for (let pages = 0; pages < 40; pages++) {
    const library = await freshLibrary();
    const limited = withMemoryLimit(wasmBytes(), pages);
    await library.default(limited);
    try {
      const pipeline = library.WasmPipeline.fromBytes(null, null, null, null, { files });
      const want = bits(pipeline.embed('a'));
      const error = await errorOf(() => pipeline.embed('word '.repeat(2e6)));
      codes.add(error.code);
      assert.match(error.message, /memory/);
      assert.equal(bits(pipeline.embed('a')), want);
    } catch (error) {
      assert.ok(error instanceof library.WasmicroError, error.stack);
      codes.add(error.code);
    }
  }
  assert.deepEqual([...codes], ['NOMEM']);
});

test('embeddings of varying length leave memory flat', async () => {
  let pipeline;
  const [engine] = await instancesOf(() => {
    pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  });
  const random = randomizer(3),
    words = 'the old mill by the river runs past nobody noticed '.repeat(100);
  const text = () => words.slice(0, 1 + random(random(4) ? 60 : 3000));
  const once = () =>
    random(8) ? pipeline.embed(text()) : pipeline.embedBatch([text(), text(), text()]);
  pipeline.embedBatch(Array(64).fill(words.slice(0, 3000)));
  for (let i = 0; i < 500; i++) once();
  const before = engine.memory.buffer.byteLength;
  for (let i = 0; i < EMBEDDINGS; i++) once();
  assert.equal(engine.memory.buffer.byteLength, before);
});

test('a closed pipeline keeps no memory, whoever keeps the pipeline', () => {
  const program = `
    import init, { WasmPipeline } from './npm/index.js';
    import { filesOf } from './tests/js/support.js';
    await init();
    const made = [], kept = [], { Instance } = WebAssembly;
    WebAssembly.Instance = class extends Instance {
      constructor(...parts) {
        super(...parts);
        made.push(new WeakRef(this));
      }
    };
    for (let i = 0; i < 10; i++) {
      const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
      pipeline.embed('the old mill');
      pipeline.close();
      kept.push(pipeline);
    }
    for (let i = 0; i < 5; i++) {
      await new Promise((done) => setTimeout(done, 10));
      gc();
    }
    console.log(made.filter((instance) => instance.deref()).length, 'of', made.length, kept.length);`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', program],
    { cwd: ROOT, encoding: 'utf8' },
  );
  assert.equal(stdout, '0 of 9 10\n', stderr);
});

test('opening and closing leaves memory flat', { timeout: 600000 }, () => {
  const program = `
    import { WasmPipeline } from './npm/index.js';
    import init from './npm/index.js';
    import { filesOf } from './tests/js/support.js';
    await init();
    const files = filesOf('bert-f32');
    const rss = [], cycles = ${OPENINGS};
    for (let i = 0; i < cycles; i++) {
      const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
      pipeline.embed('the old mill');
      pipeline.close();
      if (i % 100 === 99) {
        await new Promise((done) => setImmediate(done));
        gc();
        rss.push(process.memoryUsage().rss / 2 ** 20);
      }
    }
    console.log(JSON.stringify(rss));`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '-e', program],
    { cwd: ROOT, encoding: 'utf8' },
  );
  assert.ok(stdout, stderr);
  const rss = JSON.parse(stdout);
  assert.ok(rss.at(-1) < rss[0] + 40, `resident MB: ${rss.map(Math.round)}`);
});

test('MiniLM in f32 fits 128 MB, streamed without a second copy', { skip: NO_MINILM }, async () => {
  const program = `
    import init, { WasmPipeline } from './npm/index.js';
    import { pathToFileURL } from 'node:url';
    import { createReadStream, statSync } from 'node:fs';
    const engines = [];
    const { instantiate } = WebAssembly;
    WebAssembly.instantiate = async (...parts) => { // Node's own fetch makes one as well
      const made = await instantiate(...parts);
      if (made.exports?.embed) engines.push(made.exports);
      return made;
    };
    await init();
    const path = (name) => pathToFileURL(${JSON.stringify(MINILM)} + '/' + name);
    const stream = () => ReadableStream.from(createReadStream(path('model.safetensors')));
    const headers = { 'content-length': String(statSync(path('model.safetensors')).size) };
    const sources = {
      length: new Response(stream(), { headers }),
      unknown: new Response(stream()),
      file: path('model.safetensors'),
    };
    const pipeline = await WasmPipeline.load({
      model: sources[process.argv[1]],
      tokenizer: path('tokenizer.json'),
      config: path('config.json'),
    });
    pipeline.embed('word '.repeat(600));
    const { heapUsed } = process.memoryUsage();
    const memory = engines[0].memory.buffer.byteLength, weights = pipeline.info.weightBytes;
    console.log(JSON.stringify({ memory, heapUsed, weights, ...pipeline.last }));`;
  for (const way of ['length', 'file', 'unknown']) {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '-e', program, way],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.ok(stdout, stderr);
    const { memory, heapUsed, weights, tokens, truncated } = JSON.parse(stdout);
    assert.deepEqual({ tokens, truncated }, { tokens: 512, truncated: true });
    console.log(
      `# ${way}: wasm ${mib(memory)} MiB, JS heap ${mib(heapUsed)}, of it weights ${mib(weights)}`,
    );
    assert.ok(memory + heapUsed < 128e6, `${way}: ${memory} + ${heapUsed} bytes`);
  }
});
