// SPDX-License-Identifier: MIT OR Apache-2.0
// The ES module in a real browser: headless Chromium imports it from a local static server, loads a
// checkpoint by Response, and gives the bits that Node gives.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';
import { NO_CHROMIUM, serve, startChromium } from './hosts.js';
import { MINILM, NO_MINILM, bits, filesOf } from './support.js';

const skip = NO_CHROMIUM;
const TEXTS = [
  'The river runs past the old mill.',
  '',
  'naïve señor — 今天天气很好 😀',
  'word '.repeat(300),
];

let server, browser, page;
before(async () => {
  if (skip) return;
  const policy = { 'content-security-policy': "script-src 'self'" };
  server = await serve({
    '/': [200, 'text/html', '<!doctype html>'],
    '/strict': [200, 'text/html', '<!doctype html>', policy],
  });
  browser = await startChromium();
  page = await browser.newPage();
  await page.goto(`${server.origin}/`);
});
after(async () => {
  await browser?.close();
  server?.close();
});

// Runs in the page: loads a folder by fetch, embeds the texts together, returns their bits.
async function embedInPage(folder, paths, texts) {
  const { WasmPipeline } = await import('/npm/index.js');
  const files = Object.fromEntries(paths.map((path) => [path, fetch(`${folder}/${path}`)]));
  const progress = [];
  const pipeline = await WasmPipeline.load({
    files,
    onProgress: ({ loaded, total }) => progress.push([loaded, total]),
  });
  const vectors = new Uint8Array(pipeline.embedBatch(texts).buffer);
  const { info, last } = pipeline;
  pipeline.close();
  return {
    hex: Array.from(vectors, (byte) => byte.toString(16).padStart(2, '0')).join(''),
    info,
    last,
    progress: progress.length,
  };
}

for (const name of ['bert-f32', 'roberta-f16', 'st-dense'])
  test(`Chromium and Node agree bit for bit: ${name}`, { skip }, async () => {
    const files = filesOf(name);
    const got = await page.evaluate(embedInPage, `/tests/tiny/${name}`, Object.keys(files), TEXTS);
    await init();
    const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
    assert.equal(got.hex, bits(pipeline.embedBatch(TEXTS)));
    assert.deepEqual(got.info, pipeline.info);
    assert.deepEqual(got.last, pipeline.last);
    assert.ok(got.progress > 1);
  });

test(
  'Chromium and Node agree bit for bit: all-MiniLM-L6-v2',
  { skip: skip || NO_MINILM },
  async () => {
    const paths = ['model.safetensors', 'tokenizer.json', 'config.json'];
    const got = await page.evaluate(embedInPage, '/models/all-MiniLM-L6-v2', paths, TEXTS);
    await init();
    const files = Object.fromEntries(paths.map((path) => [path, readFileSync(join(MINILM, path))]));
    assert.equal(
      got.hex,
      bits(WasmPipeline.fromBytes(null, null, null, null, { files }).embedBatch(TEXTS)),
    );
  },
);

test('in the page: a 404 is HTTP, HTML for the wasm is explained', { skip }, async () => {
  const fresh = await browser.newPage(); // whose init has not been called
  await fresh.goto(page.url());
  const got = await fresh.evaluate(async () => {
    const seen = [];
    const note = (error) => seen.push([error.name, error.code, error.message]);
    const { default: init, WasmPipeline } = await import('/npm/index.js');
    await init('/').catch(note);
    await init(fetch('/none.wasm')).catch(note);
    await init();
    await WasmPipeline.load({ model: fetch('/none') }).catch(note);
    return seen;
  });
  assert.match(got[0].join(' '), /WasmicroError FORMAT \S+ is HTML/);
  assert.match(got[1].join(' '), /WasmicroError HTTP .*404/);
  assert.match(got[2].join(' '), /WasmicroError HTTP model\.safetensors.*404/);
  await fresh.close();
});

test('a page whose policy forbids WebAssembly is told so', { skip }, async () => {
  const strict = await browser.newPage();
  await strict.goto(new URL('/strict', page.url()).href);
  const error = await strict.evaluate(async () => {
    const { default: init } = await import('/npm/index.js');
    return init().catch(({ code, message }) => `${code} ${message}`);
  });
  assert.match(error, /^UNSUPPORTED .*wasm-unsafe-eval|^UNSUPPORTED .*Content Security Policy/);
  await strict.close();
});

// Runs in the page: a Worker generates, streams, is stopped.
async function generateInPage(folder, paths) {
  const { WasmPipeline } = await import('/npm/worker.js');
  const url = (path) => new URL(`${folder}/${path}`, location.href);
  const files = Object.fromEntries(paths.map((path) => [path, url(path)]));
  const pipeline = await WasmPipeline.load({ files });
  const prompt = 'The river runs past',
    pieces = [];
  for await (const piece of pipeline.stream(prompt, 30)) pieces.push(piece);
  const text = await pipeline.generate(prompt, { maxNewTokens: 30, temperature: 1, seed: 7 });
  const { last } = pipeline;
  const controller = new AbortController();
  let name, late;
  try {
    for (;;) {
      const { signal } = controller;
      for await (const piece of pipeline.stream(prompt, { maxNewTokens: 60, signal }))
        late ??= piece && setTimeout(() => ((late = performance.now()), controller.abort()), 30);
    }
  } catch (error) {
    [name, late] = [error.name, performance.now() - late];
  }
  const after = await pipeline.generate(prompt, 30);
  pipeline.close();
  return { pieces, text, last, name, late, after };
}

test('Chromium: a Worker generates what Node does, streams, and stops', { skip }, async () => {
  const files = filesOf('gpt2-f32');
  const got = await page.evaluate(generateInPage, '/tests/tiny/gpt2-f32', Object.keys(files));
  await init();
  const here = WasmPipeline.fromBytes(null, null, null, null, { files });
  const want = here.generate('The river runs past', 30);
  assert.equal(got.pieces.join(''), want);
  assert.ok(got.pieces.length > 5);
  assert.equal(got.after, want);
  const drawn = here.generate('The river runs past', { maxNewTokens: 30, temperature: 1, seed: 7 });
  assert.equal(got.text, drawn);
  assert.deepEqual(got.last, here.last);
  assert.equal(got.name, 'AbortError');
  assert.ok(got.late < 50, `${got.late} ms`);
});

test('Chromium: a pool of Workers gives the bits of one pipeline', { skip }, async () => {
  const files = filesOf('bert-f32');
  const hex = await page.evaluate(
    async (folder, paths, texts) => {
      const { WasmPool } = await import('/npm/pool.js');
      const sources = paths.map((path) => [path, fetch(`${folder}/${path}`)]);
      const pool = await WasmPool.load({ files: Object.fromEntries(sources), size: 2 });
      const vectors = new Uint8Array((await pool.embedBatch(texts)).buffer);
      pool.close();
      return Array.from(vectors, (byte) => byte.toString(16).padStart(2, '0')).join('');
    },
    '/tests/tiny/bert-f32',
    Object.keys(files),
    Array(12).fill(TEXTS).flat(),
  );
  await init();
  const here = WasmPipeline.fromBytes(null, null, null, null, { files });
  assert.equal(hex, bits(here.embedBatch(Array(12).fill(TEXTS).flat())));
});

test('Chromium: the main thread stays responsive while it streams', { skip }, async () => {
  const longest = await page.evaluate(
    async (folder, paths) => {
      const { WasmPipeline } = await import('/npm/index.js');
      const sources = paths.map((path) => [path, fetch(`${folder}/${path}`)]);
      const pipeline = await WasmPipeline.load({ files: Object.fromEntries(sources) });
      let last = performance.now(),
        longest = 0;
      const timer = setInterval(() => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      }, 1);
      for (let i = 0; i < 60; i++)
        for await (const piece of pipeline.stream('The river runs past', 60)) void piece;
      clearInterval(timer);
      return longest;
    },
    '/tests/tiny/gpt2-f32',
    Object.keys(filesOf('gpt2-f32')),
  );
  assert.ok(longest < 100, `${longest} ms`);
});

// ---- The demonstration page ---------------------------------------------------------------------

async function openDemo(query, file = 'index.html') {
  const demo = await browser.newPage(),
    errors = [];
  demo.on('pageerror', (error) => errors.push(error.message));
  await demo.goto(new URL(`/demo/${file}?${query}`, page.url()).href);
  return { demo, errors };
}

const textOf = (demo, selector) =>
  demo.evaluate((selector) => document.querySelector(selector).textContent, selector);

test('the demonstration page writes, and says what is missing', { skip }, async () => {
  const query = 'search=/tests/none&write=/tests/tiny/gpt2-f32';
  const { demo, errors } = await openDemo(query);
  await demo.waitForSelector('#write .work:not([hidden])', { timeout: 60000 });
  await demo.evaluate(() => {
    const { elements } = document.querySelector('.prompt');
    elements.text.value = 'The river runs past';
    elements.tokens.value = 20;
  });
  await demo.click('.go');
  await demo.waitForFunction(() => document.querySelector('.rate').textContent);
  assert.match(await textOf(demo, '.rate'), /^20 tokens, .*end: length$/);
  const here = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('gpt2-f32') });
  assert.equal(await textOf(demo, '.text'), here.generate('The river runs past', 20));
  assert.match(await textOf(demo, '#search .status'), /no config\.json/);
  assert.deepEqual(errors, []);
  await demo.close();
});

test('the demonstration page ranks the corpus', { skip: skip || NO_MINILM }, async () => {
  const { demo, errors } = await openDemo('');
  await demo.waitForSelector('.results li', { timeout: 60000 });
  assert.match(await textOf(demo, '#search .status'), /\d+ sentences embedded/);
  assert.match(await textOf(demo, '.results li'), /^0\.[4-9]\d\d.*(plant|leaves|photosynthesis)/i);
  assert.deepEqual(errors, []);
  await demo.close();
});

test('the page of the measurement embeds or writes, and says what is wrong', { skip }, async () => {
  const { demo, errors } = await openDemo('model=/tests/tiny/bert-f32&seconds=0.05', 'bench.html');
  const said = (words) =>
    demo.waitForFunction(
      (words) => document.querySelector('.status').textContent.startsWith(words),
      { timeout: 60000 },
      words,
    );
  const measure = (address) =>
    demo.evaluate((address) => {
      const form = document.querySelector('.model');
      form.elements.url.value = address;
      form.requestSubmit();
    }, address);
  await said('Done');
  await measure('/tests/none');
  await said('there is no config.json');
  await measure('/tests/tiny/gpt2-f32');
  await said('Done');
  const { length, cells, copied, agent } = await demo.evaluate(() => {
    const rows = [...document.querySelectorAll('tbody tr')];
    return {
      length: rows.length,
      cells: rows.map((row) => [...row.cells].map((cell) => cell.textContent)),
      copied: document.querySelector('.text').textContent,
      agent: navigator.userAgent,
    };
  });
  assert.deepEqual([cells[0].slice(0, 2), cells[length - 1].slice(0, 2)], [
    ['bert-f32 (F32)', 'embed 1 × 8 tokens'],
    ['gpt2-f32 (F32)', 'write 16 tokens'],
  ]);
  for (const [, work, median, best, sentences, tokens] of cells) {
    assert.ok(Number(median) >= Number(best) && Number(tokens) > 0, `${work}: ${median} ${best} ${tokens}`);
    assert.equal(sentences === '', !work.startsWith('embed'));
    assert.ok(copied.includes(`| ${work} |`));
  }
  assert.ok(copied.startsWith(agent));
  assert.deepEqual(errors, []);
  await demo.close();
});
