// SPDX-License-Identifier: MIT OR Apache-2.0
// embed with nothing to configure, in Node and in Chromium, against the double of the hub that has the
// real model; and how much memory a load takes at most.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before, beforeEach, describe } from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';
import { startHub } from '../hub/server.mjs';
import { NO_CHROMIUM, serve, startChromium } from './hosts.js';
import { MINILM, NO_MINILM, ROOT, bits, filesOf } from './support.js';

const REPO = 'sentence-transformers/all-MiniLM-L6-v2';
const COMMIT = '1110a243fdf4706b3f48f1d95db1a4f5529b4d41';
const PATHS = [
  '1_Pooling/config.json', 'config.json', 'modules.json', 'sentence_bert_config.json', 'tokenizer.json',
  'model.safetensors',
]; // prettier-ignore
const TEXTS = ['The river runs past the old mill.', 'a kitten'];

// What a host does: many calls at once, of one text and of several.
const WORK = `
  const hexOf = (v) => Array.from(new Uint8Array(v.buffer, v.byteOffset, v.byteLength), (b) => b.toString(16).padStart(2, '0')).join('');
  const [one, two] = ${JSON.stringify(TEXTS)};
  const many = await Promise.all(Array.from({ length: 20 }, () => embed(one)));
  const both = await embed([one, two]);
  const short = await embed([one, two], { truncateDim: 5 });
  const result = {
    many: [...new Set(many.map(hexOf))],
    both: both.map(hexOf),
    short: short.map(hexOf),
    none: (await embed([])).length,
  };`;

describe('embed', { skip: NO_MINILM }, () => {
  let hub, want, total;
  before(async () => {
    const files = Object.fromEntries(PATHS.map((path) => [path, readFileSync(join(MINILM, path))]));
    total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
    hub = await startHub({ repos: { [REPO]: { files, commit: COMMIT }, 'org/tiny': { files: filesOf('bert-f32') } } });
    await init();
    const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
    const vectors = TEXTS.map((text) => pipeline.embed(text));
    want = {
      many: [bits(vectors[0])],
      both: vectors.map(bits),
      short: vectors.map((vector) => bits(vector.subarray(0, 5))),
      none: 0,
    };
    pipeline.close();
  });
  after(() => hub.close());
  beforeEach(() => (hub.log.length = 0));

  const fetches = () => hub.log.filter(({ where }) => where === 'cdn').length;

  const inNode = (program, env = {}, flags = []) =>
    new Promise((done, failed) => {
      const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', program], {
        cwd: ROOT,
        env: { ...process.env, HF_TOKEN: '', HF_HUB_OFFLINE: '', HF_ENDPOINT: hub.endpoint, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (part) => (text += part));
      child.on('error', failed);
      child.on('close', () => done(JSON.parse(text)));
    });

  describe('in Node', () => {
    let cache;
    before(() => (cache = mkdtempSync(join(tmpdir(), 'wasmicro-'))));
    after(() => rmSync(cache, { recursive: true }));
    const program = `import { embed } from './npm/index.js'; ${WORK} console.log(JSON.stringify(result));`;

    test('two processes that call it at once share one download; then the cache is enough', async () => {
      const env = { HF_HUB_CACHE: cache };
      const both = await Promise.all([inNode(program, env), inNode(program, env)]);
      assert.deepEqual(both, [want, want]);
      assert.equal(fetches(), 1);
      hub.log.length = 0;
      assert.deepEqual(await inNode(program, { ...env, HF_ENDPOINT: 'http://127.0.0.1:9' }), want);
      assert.deepEqual(hub.log, []);
    });

    test('a call that is aborted ends at once, the download with the last that waits for it', async () => {
      const stopping = `
        import { embed } from './npm/index.js';
        const fails = (promise) => promise.then(() => 'no', (error) => error.name ?? error);
        const one = new AbortController(), other = new AbortController();
        const calls = [fails(embed('a', { signal: one.signal })), fails(embed('a', { signal: other.signal }))];
        setTimeout(() => one.abort(), 300);
        const first = await Promise.race(calls.map((call, i) => call.then((name) => [i, name])));
        setTimeout(() => other.abort('mine'), 300);
        const all = await Promise.all(calls);
        await new Promise((wake) => setTimeout(wake, 100));
        const alive = process.getActiveResourcesInfo().filter((kind) => /^TCP/.test(kind)).length;
        const before = await fails(embed('a', { signal: AbortSignal.abort() }));
        console.log(JSON.stringify({ first, all, before, alive }));`;
      hub.faults = { 'cdn:model.safetensors': [{ rate: 1e6, times: -1 }] };
      const empty = mkdtempSync(join(tmpdir(), 'wasmicro-'));
      const got = await inNode(stopping, { HF_HUB_CACHE: empty });
      hub.faults = {};
      rmSync(empty, { recursive: true });
      assert.deepEqual(got, { first: [0, 'AbortError'], all: ['AbortError', 'mine'], before: 'AbortError', alive: 0 });
      assert.equal(fetches(), 1);
    });

    test('who is aborted takes no other call along', async () => {
      const sharing = `
        import { embed } from './npm/index.js';
        const stop = new AbortController();
        const calls = [embed('${TEXTS[0]}'), embed('a', { signal: stop.signal }).catch(({ name }) => name)];
        setTimeout(() => stop.abort(), 50);
        const [vector, name] = await Promise.all(calls);
        console.log(JSON.stringify([Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex'), name]));`;
      hub.faults = { 'cdn:model.safetensors': [{ wait: 300 }] };
      const empty = mkdtempSync(join(tmpdir(), 'wasmicro-'));
      assert.deepEqual(await inNode(sharing, { HF_HUB_CACHE: empty }), [want.both[0], 'AbortError']);
      rmSync(empty, { recursive: true });
    });

    test('the cache folder cannot be made: in memory, fetched once by all calls', async () => {
      const env = { HF_HUB_CACHE: join(ROOT, 'VERSION/none') };
      const quiet = `console.warn = () => {}; ${program}`;
      assert.deepEqual(await inNode(quiet, env), want);
      assert.equal(fetches(), 1);
    });

    // The kernel's own account of the process, against a load of a small model before it.
    const peak = (options) => `
      import { readFileSync } from 'node:fs';
      import { fromHub } from './npm/hub.js';
      const peak = () => 1024 * /VmHWM:\\s+(\\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1];
      const options = ${JSON.stringify(options)};
      for (let i = 0; i < 3; i++) (await fromHub('org/tiny', options)).embed('warm');
      gc();
      const before = peak(), seen = [];
      const p = await fromHub('${REPO}', { ...options, onProgress: ({ loaded, total }) => seen.push([loaded, total]) });
      console.log(JSON.stringify({ taken: peak() - before, first: seen[0], last: seen.at(-1), weights: p.info.weightBytes }));`;
    for (const [name, options, most] of [
      ['from the net, without a cache', () => ({ cache: false, endpoint: hub.endpoint }), 1.3],
      ['from the cache', (cache) => ({ cache, endpoint: hub.endpoint }), 1.1],
    ])
      test(`memory ${name}; the total is known from the first`, { skip: process.platform !== 'linux' }, async () => {
        const given = options(cache);
        if (given.cache) await inNode(peak(given), {}, ['--expose-gc']);
        const { taken, first, last } = await inNode(peak(given), {}, ['--expose-gc']);
        console.log(`# ${name}: ${(taken / total).toFixed(3)} of ${total} bytes`);
        assert.ok(taken < most * total, `${taken} of ${total}`);
        assert.ok(first[0] < total / 10 && first[1] === total, first.join());
        assert.deepEqual(last, [total, total]);
      });
  });

  describe('in Chromium', { skip: NO_CHROMIUM }, () => {
    let server, browser;
    before(async () => {
      server = await serve({ '/page': [200, 'text/html', '<!doctype html>'] });
      browser = await startChromium();
    });
    after(async () => {
      await browser?.close();
      server?.close();
    });

    // In a page of its own, to which the double is the hub.
    const inPage = async (origin, prelude = '') => {
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(`
        const real = fetch;
        globalThis.fetch = (url, options) => real(String(url).replace('https://huggingface.co', '${hub.endpoint}'), options);
        ${prelude}`);
      await page.goto(`${origin}/page`);
      try {
        return await page.evaluate(`(async () => { const { embed } = await import('/npm/index.js'); ${WORK} return result; })()`);
      } finally {
        await page.close();
      }
    };

    test('two pages that call it at once share one download; then nothing is asked', async () => {
      const both = await Promise.all([inPage(server.origin), inPage(server.origin)]);
      assert.deepEqual(both, [want, want]);
      assert.equal(fetches(), 1);
      hub.log.length = 0;
      assert.deepEqual(await inPage(server.origin), want);
      assert.deepEqual(hub.log, []);
    });

    test('no Cache: in memory, fetched once by all calls', async () => {
      const prelude = `Object.defineProperty(globalThis, 'caches', { value: undefined });`;
      assert.deepEqual(await inPage(server.origin, prelude), want);
      assert.equal(fetches(), 1);
    });

    test('a page that is not secure: no Cache, no locks, no crypto.subtle', async () => {
      const origin = server.origin.replace('127.0.0.1', 'insecure.test');
      const lacks = `if (isSecureContext || globalThis.caches || navigator.locks || crypto.subtle) throw Error('secure');`;
      assert.deepEqual(await inPage(origin, lacks), want);
    });

    // The kernel's account of the largest renderer.
    const renderers = () => {
      const peaks = {};
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name)))
        try {
          if (/--type=renderer/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1')))
            peaks[pid] = 1024 * /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1];
        } catch {} // it has ended
      return peaks;
    };
    const LOAD = async (endpoint, repo, times) => {
      const { fromHub } = await import('/npm/hub.js');
      for (let i = 0; i < times; i++) globalThis.pipeline = await fromHub(repo, { endpoint });
    };
    // Without release() in engine.js it is twice the weights.
    test('memory, at the first time and from the cache', { skip: process.platform !== 'linux' }, async () => {
      for (const [name, most] of [['first', 1.2], ['from the cache', 1.2]]) {
        const page = await browser.newPage();
        await page.goto(`${server.origin}/page`);
        await page.evaluate(LOAD, hub.endpoint, 'org/tiny', 3);
        const before = renderers();
        await page.evaluate(LOAD, hub.endpoint, REPO, 1);
        const after = renderers();
        await page.close();
        const taken = Math.max(...Object.keys(after).map((pid) => after[pid] - (before[pid] ?? Infinity)));
        console.log(`# ${name}: ${(taken / total).toFixed(3)} of ${total} bytes`);
        assert.ok(taken > total / 2 && taken < most * total, `${taken} of ${total}`);
      }
    });
  });
});
