// SPDX-License-Identifier: MIT OR Apache-2.0
// The ES module in a real browser: headless Chromium imports it from a local static server, loads a
// checkpoint by Response, and gives the bits that Node gives.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import test, { after, before } from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';
import { MINILM, NO_MINILM, ROOT, bits, filesOf } from './support.js';

const CHROMIUM =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const skip = CHROMIUM ? false : 'no chromium: tools/setup brings it, or set CHROMIUM';
const TYPES = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
  '.json': 'application/json',
};
const TEXTS = [
  'The river runs past the old mill.',
  '',
  'naïve señor — 今天天气很好 😀',
  'word '.repeat(300),
];

let server, browser, page;
before(async () => {
  if (skip) return;
  server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const policy = path === '/strict' && { 'content-security-policy': "script-src 'self'" };
    if (path === '/' || policy)
      return response
        .writeHead(200, { 'content-type': 'text/html', ...policy })
        .end('<!doctype html>');
    const file = /^\/(npm|models|demo|tests\/tiny)\//.test(path) && join(ROOT, path);
    if (!file || !existsSync(file)) return response.writeHead(404).end();
    response
      .writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
      .end(readFileSync(file));
  }).listen(0, '127.0.0.1');
  const puppeteer = createRequire(join(ROOT, 'tools/npm/package.json'))('puppeteer-core');
  browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
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
  assert.match(got[0].join(' '), /WasmicroError FORMAT the server returned HTML/);
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

test('the demonstration page ranks the corpus', { skip: skip || NO_MINILM }, async () => {
  const demo = await browser.newPage();
  await demo.goto(new URL('/demo/index.html', page.url()).href);
  await demo.waitForSelector('#results li', { timeout: 60000 });
  const { status, first } = await demo.evaluate(() => ({
    status: document.getElementById('status').textContent,
    first: document.querySelector('#results li').textContent,
  }));
  assert.match(status, /\d+ sentences embedded/);
  assert.match(first, /^0\.[4-9]\d\d.*(plant|leaves|photosynthesis)/i);
  await demo.close();
});
