// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro/worker and wasmicro/pool in Node's worker_threads: the same results, off the main thread.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import init, { WasmPipeline as Here } from '../../npm/index.js';
import { WasmPool } from '../../npm/pool.js';
import { WasmPipeline, WasmicroError } from '../../npm/worker.js';
import { ROOT, bits, errorOf, filesOf, wasmBytes } from './support.js';

await init();
const local = (name) => Here.fromBytes(null, null, null, null, { files: filesOf(name) });
const bert = local('bert-f32'),
  gpt2 = local('gpt2-f32');
const remoteBert = await WasmPipeline.load({ files: filesOf('bert-f32') }),
  remoteGpt2 = await WasmPipeline.load({ files: filesOf('gpt2-f32') });
after(() => (remoteBert.close(), remoteGpt2.close()));
const PROMPT = 'The river runs past';
const TEXTS = Array.from({ length: 40 }, (_, i) => 'the old mill '.repeat((i * 37) % 171));

test('every method as here', async () => {
  assert.deepEqual(remoteBert.info, bert.info);
  assert.equal(bits(await remoteBert.embed('a mill', 5)), bits(bert.embed('a mill', 5)));
  assert.deepEqual(remoteBert.last, bert.last);
  assert.equal(bits(await remoteBert.embedBatch(TEXTS)), bits(bert.embedBatch(TEXTS)));
  const ids = await remoteBert.tokenize('a mill');
  assert.deepEqual(ids, bert.tokenize('a mill'));
  assert.deepEqual(await remoteBert.hidden(ids), bert.hidden(ids));
  assert.equal(await remoteGpt2.generate(PROMPT, 20), gpt2.generate(PROMPT, 20));
  assert.deepEqual(remoteGpt2.last, gpt2.last);
  assert.deepEqual(await remoteGpt2.logits([1, 2]), gpt2.logits([1, 2]));
  assert.equal(await remoteGpt2.decode([5, 6]), gpt2.decode([5, 6]));
});

test('errors come over as they are; the pipeline works on', async () => {
  const error = await errorOf(() => remoteBert.embed(5));
  assert.ok(error instanceof WasmicroError);
  assert.equal(error.code, 'ARG');
  assert.equal(error.message, (await errorOf(() => bert.embed(5))).message);
  assert.equal((await errorOf(() => remoteBert.embed(() => {}))).code, 'ARG');
  assert.equal((await errorOf(() => remoteBert.generate('a'))).code, 'STATE');
  assert.equal((await errorOf(() => WasmPipeline.load({ model: 'path' }))).code, 'ARG');
  assert.equal((await errorOf(() => WasmPipeline.load({ config: '{' }))).code, 'JSON');
  assert.ok((await remoteBert.embed('a')).length);
});

test('load takes what load takes here: bytes, URLs, responses, streams, parts; it tells of progress', async () => {
  const files = filesOf('bert-f32'),
    want = bits(bert.embed('a mill')),
    seen = [];
  const model = files['model.safetensors'];
  const at = (path) => pathToFileURL(join(ROOT, 'tests/tiny/bert-f32', path));
  const ways = [
    {
      model: at('model.safetensors'),
      tokenizer: at('vocab.txt'),
      config: at('config.json'),
      wasm: wasmBytes(),
    },
    {
      model: new Response(model),
      tokenizer: new Blob([files['tokenizer.json']]),
      wasm: at('../../../npm/dist/wasmicro.wasm'),
    },
    {
      model: [model.subarray(0, 99), ReadableStream.from([model.subarray(99)])],
      tokenizer: files['tokenizer.json'],
    },
  ];
  for (const way of ways) {
    const one = await WasmPipeline.load({
      config: files['config.json'],
      files: { 'tokenizer_config.json': files['tokenizer_config.json'] },
      ...way,
      onProgress: (progress) => seen.push(progress),
    });
    assert.equal(bits(await one.embed('a mill')), want);
    one.close();
  }
  assert.equal(model.length, filesOf('bert-f32')['model.safetensors'].length, 'not taken away');
  assert.ok(seen.length > 9 && seen.every(({ loaded }) => loaded >= 0));
});

test('a callback that throws fails the load with its own error', async () => {
  const mine = new Error('mine');
  const onProgress = () => {
    throw mine;
  };
  const options = { files: filesOf('bert-f32'), onProgress };
  assert.equal(await errorOf(() => WasmPipeline.load(options)), mine);
  assert.equal(await errorOf(() => WasmPool.load({ ...options, size: 2 })), mine);
});

test('what cannot be addressed is refused before it is read', async () => {
  for (const Remote of [WasmPipeline, WasmPool]) {
    const body = new ReadableStream({ pull: () => assert.fail() }, { highWaterMark: 0 });
    const model = new Response(body, { headers: { 'content-length': '5000000000' } });
    assert.equal((await errorOf(() => Remote.load({ model, size: 1 }))).code, 'LIMIT');
  }
});

test('polluted prototypes have no say', async () => {
  const want = bits(bert.embed('a mill'));
  Object.prototype.signal = 7;
  try {
    assert.equal(bits(await remoteBert.embed('a mill')), want);
    assert.equal(bits(await remoteBert.embed('a mill', {})), want);
  } finally {
    delete Object.prototype.signal;
  }
});

test('stream, its end, and calls that queue behind it', async () => {
  const pieces = [];
  let after;
  for await (const piece of remoteGpt2.stream(PROMPT, 40)) {
    pieces.push(piece);
    after ??= remoteGpt2.generate(PROMPT, 5);
  }
  assert.equal(pieces.join(''), gpt2.generate(PROMPT, 40));
  assert.equal(await after, gpt2.generate(PROMPT, 5));
  for await (const piece of remoteGpt2.stream(PROMPT, 1000)) {
    assert.ok(piece);
    break;
  }
  assert.equal(await remoteGpt2.generate(PROMPT, 5), gpt2.generate(PROMPT, 5));
  assert.equal((await errorOf(() => remoteBert.stream('a').next())).code, 'STATE');
});

test('an abort rejects at once: a stream, a call, a load', async () => {
  const abortIn = (ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    return controller.signal;
  };
  const aborted = async (call) => {
    const began = performance.now(),
      error = await errorOf(call);
    assert.equal(error.name, 'AbortError');
    assert.ok(performance.now() - began < 70, `${performance.now() - began} ms`);
  };
  await aborted(async () => {
    const signal = abortIn(20);
    for (;;)
      for await (const piece of remoteGpt2.stream(PROMPT, { maxNewTokens: 100, signal }))
        void piece;
  });
  await aborted(() => remoteBert.embedBatch(Array(3000).fill(TEXTS[5]), { signal: abortIn(20) }));
  await aborted(() => WasmPipeline.load({ model: new Promise(() => {}), signal: abortIn(20) }));
  await aborted(() => WasmPool.load({ model: new Promise(() => {}), size: 2, signal: abortIn(20) }));
  await aborted(() => remoteBert.embed('a', { signal: AbortSignal.abort() }));
  assert.equal(await remoteGpt2.generate(PROMPT, 5), gpt2.generate(PROMPT, 5));
});

test('close rejects what is under way', async () => {
  const one = await WasmPipeline.load({ files: filesOf('bert-f32') });
  const call = errorOf(() => one.embedBatch(TEXTS));
  one.close();
  one.close();
  assert.equal((await call).code, 'STATE');
  assert.match((await errorOf(() => one.embed('a'))).message, /closed/);
});

test('a pool gives the bits of one pipeline, and the order of one', async () => {
  const pool = await WasmPool.load({ files: filesOf('bert-f32'), size: 3 });
  assert.equal(pool.size, 3);
  assert.equal(bits(await pool.embedBatch(TEXTS)), bits(bert.embedBatch(TEXTS)));
  assert.deepEqual(pool.last, bert.last);
  const several = await Promise.all(TEXTS.slice(0, 9).map((text) => pool.embed(text)));
  assert.equal(several.map(bits).join(''), bits(bert.embedBatch(TEXTS.slice(0, 9))));
  assert.equal((await errorOf(() => pool.embedBatch('a'))).code, 'ARG');
  assert.equal((await errorOf(() => pool.embedBatch(['a', 5]))).code, 'ARG');
  assert.equal((await pool.embedBatch([])).length, 0);
  pool.close();
  assert.equal((await errorOf(() => pool.embed('a'))).code, 'STATE');
  assert.equal((await errorOf(() => WasmPool.load({ size: 0 }))).code, 'ARG');
  assert.equal((await errorOf(() => WasmPool.load({ config: '{', size: 2 }))).code, 'JSON');
});

test("a pool's rerank is one pipeline's", async () => {
  const pool = await WasmPool.load({ files: filesOf('head-rerank'), size: 2 }),
    one = local('head-rerank');
  assert.deepEqual(await pool.rerank('a mill', TEXTS), one.rerank('a mill', TEXTS));
  assert.deepEqual(await pool.rerank('a', TEXTS, { topK: 3 }), one.rerank('a', TEXTS, { topK: 3 }));
  pool.close();
});
