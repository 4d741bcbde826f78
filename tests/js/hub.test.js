// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro/hub against the double of the hub: what goes right, and every way it can go wrong. One
// table of cases, run in Node and in headless Chromium (hosts.js).
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { sha256 } from '../../npm/fetch.js';
import { cache, fromHub, generate } from '../../npm/hub.js';
import init, { WasmPipeline } from '../../npm/index.js';
import { startHub } from '../hub/server.mjs';
import { NO_CHROMIUM, chromiumHost, nodeHost, serve } from './hosts.js';
import { TEXT } from './hub-host.js';
import { errorOf, filesOf, wasmBytes } from './support.js';

const REPO = 'org/tiny';
const MODEL = 'model.safetensors';
const FILES = filesOf('bert-f32');
const SIZE = FILES[MODEL].length;
const HALF = SIZE >> 1;
const CDN = `cdn:${MODEL}`;

await init();
const hexOf = (vector) => Array.from(new Uint32Array(vector.buffer), (word) => word.toString(16)).join();
const vectorOf = (files) =>
  hexOf(WasmPipeline.fromBytes(null, null, null, null, { files }).embed(TEXT));
const EXPECTED = vectorOf(FILES);

// ---- Of one case: a hub, and a cache of its own -------------------------------------------------

class Case {
  constructor(host, hub, cache) {
    Object.assign(this, { host, hub, cache, name: host.name, expected: EXPECTED });
    this.options = { endpoint: hub.endpoint, cache };
  }

  // Opens with each of `all` at once, in `way`: here, elsewhere, …
  async open(all = [{}], way = 'run', ...more) {
    all = all.map((options) => ({ ...this.options, ...options }));
    return this.host[way]('open', { repo: REPO, all }, ...more);
  }

  async works(...all) {
    const { outcomes, warnings } = await this.open(all.length ? all : [{}]);
    for (const { vector, error } of outcomes) assert.equal(vector, this.expected, JSON.stringify(error));
    return { ...outcomes[0], warnings };
  }

  async fails(code, pattern, options) {
    const { outcomes } = await this.open([options]);
    const { error } = outcomes[0];
    assert.equal(error?.code, code, JSON.stringify([outcomes[0], this.hub.log]));
    assert.match(error.message, pattern);
    return outcomes[0];
  }

  // With these faults it still works, or does not, and then does without them.
  async survives(faults, options) {
    this.hub.faults = structuredClone(faults); // which the hub uses up
    const outcome = await this.works(options);
    await this.whole();
    return outcome;
  }

  async failsOnce(faults, code, pattern) {
    const [refused] = Object.keys(faults).map((key) => key.split(':')[1]);
    this.hub.faults = structuredClone(faults); // which the hub uses up
    await this.fails(code, pattern);
    assert.ok(!(await this.look()).paths.includes(refused));
    this.hub.faults = {};
    await this.works();
    await this.whole();
  }

  look() {
    return this.host.run('look', { options: this.options });
  }

  // Nothing in the cache is half-written, and all of it is what was promised.
  async whole() {
    assert.deepEqual(await this.host.leftovers(this.cache), []);
    assert.deepEqual((await this.look()).damaged, []);
  }

  asked(pattern) {
    return this.hub.log.filter(({ where, url }) => pattern.test(where + url));
  }

  ranges() {
    return this.asked(/^cdn.*safetensors/).map(({ range }) => range);
  }
}

async function run(host, repo, body) {
  const hub = await startHub({ repos: { [REPO]: repo } });
  const cache = await host.newCache();
  const test = new Case(host, hub, cache);
  try {
    await body(test);
    assert.deepEqual(hub.leaks, [], 'no token goes to another host');
  } finally {
    await hub.close();
    await host.dropCache(cache);
  }
}

// ---- The table: row of what may go wrong, what it is, the case, the repository -------------------

const plain = { files: FILES };
const of = (changes) => ({ files: { ...FILES, ...changes } });
const committed = (content) => ({ files: { ...FILES, [MODEL]: content }, lfs: [] });
const POINTER = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n';

// A repository whose weights are in two shards.
function sharded(change) {
  const { [MODEL]: weights, ...files } = FILES;
  return { files: { ...files, [SHARD]: weights, ...change } };
}
const INDEX = 'model.safetensors.index.json';
const tensors = Object.keys(JSON.parse(FILES[MODEL].subarray(8, 8 + Number(FILES[MODEL].readBigUInt64LE()))));
const names = tensors.filter((name) => name !== '__metadata__');
const SHARD = 'model-00001-of-00002.safetensors';
const OTHER = 'model-00002-of-00002.safetensors';
const indexOf = (changes = {}, more = {}) =>
  JSON.stringify({ weight_map: { ...Object.fromEntries(names.map((name) => [name, SHARD])), ...changes }, ...more });
const withoutShard = () => {
  const { [SHARD]: weights, ...files } = sharded({ [INDEX]: indexOf() }).files;
  return { files: { ...files, [OTHER]: weights } };
};
const OTHERS = Buffer.from(FILES[MODEL]); // other weights: some signs
for (let at = OTHERS.length - 1; at > OTHERS.length / 2; at -= 28) OTHERS[at] ^= 0x80;
const BY_OTHERS = vectorOf({ ...FILES, [MODEL]: OTHERS });
assert.notEqual(BY_OTHERS, EXPECTED);

// The weights with a tensor of 24 MB beside them that no model needs.
const LARGE = (() => {
  const end = 8 + Number(FILES[MODEL].readBigUInt64LE()),
    header = JSON.parse(FILES[MODEL].subarray(8, end)),
    data = FILES[MODEL].subarray(end),
    unused = randomBytes(24e6);
  header.unused = { dtype: 'U8', shape: [24e6], data_offsets: [data.length, data.length + 24e6] };
  const text = Buffer.from(JSON.stringify(header)),
    length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data, unused]);
})();
const BY_LARGE = vectorOf({ ...FILES, [MODEL]: LARGE });
const POLLUTED = `
  Array.prototype.extra = () => {};
  Object.assign(Object.prototype, {
    maxLength: 2, pooling: 'max', normalize: true, prompt: 'boo', truncate: 'error', files: 7, merges: 7,
    onProgress: 7, revision: 'x', token: 'x', endpoint: 'x', offline: true, quantized: true, idle: 1, retries: 0,
    got: 7, sum: 7, problem: 7, isa: 'none', compute: 'int8',
  });`;
const refuses = (code, pattern) => (t) => t.fails(code, pattern);
const works = (t) => t.works();

const survivals = [
  ['98 500 twice, 503', { api: [{ status: 500, times: 2 }], [CDN]: [{ status: 503 }] }],
  ['98 408', { [CDN]: [{ status: 408 }] }],
  ['98 a reset at half', { [CDN]: [{ cut: HALF, linger: 500 }, { cut: 100 }] }, {}, (t) => assert.equal(t.ranges()[1], `bytes=${HALF}-`)],
  ['98 a reset at half of what a browser keeps', { [CDN]: [{ cut: HALF, cacheable: true }, { cut: 100, cacheable: true }, { cacheable: true, times: -1 }] }],
  ['98 a reset at once', { [CDN]: [{ cut: 0 }] }, {}, (t) => assert.deepEqual(t.ranges(), [null, null])],
  ['98 a stall', { [CDN]: [{ stall: HALF }] }, { idle: 500 }, (t) => assert.equal(t.ranges()[1], `bytes=${HALF}-`)],
  ['98 no length', { [CDN]: [{ chunked: true }], api: [{ chunked: true }] }],
  ['98 a length too long', { [CDN]: [{ length: SIZE + 1000 }] }],
  ['98 gzip', { 'hub:config.json': [{ gzip: true }], [CDN]: [{ gzip: true }], api: [{ gzip: true, chunked: true }] }],
  ['98 416', { [CDN]: [{ cut: HALF }, { status: 416 }] }, {}, (t) => assert.equal(t.ranges()[2], null)],
  ['101 200 in place of 206', { [CDN]: [{ cut: HALF }, { range: 'ignore' }] }],
  ['101 another ETag', { [CDN]: [{ cut: HALF }, { etag: 'other' }] }],
  ['101 another ETag, another file: begun anew', { [CDN]: [{ cut: HALF + 100, linger: 500, corrupt: true, etag: 'other' }] }, {}, (t) =>
    assert.deepEqual(t.ranges(), [null, `bytes=${HALF + 100}-`, null])],
  ['101 the same of what a browser keeps', { [CDN]: [
    { cut: HALF + 100, corrupt: true, etag: 'other', cacheable: true }, { cacheable: true, times: -1 }] }],
  ['101 the same of a small file', { 'hub:tokenizer.json': [{ cut: 2500, corrupt: true, etag: 'other' }] }],
  ['101 a wrong Content-Range', { [CDN]: [{ cut: HALF }, { range: 'wrong' }] }, {}, (t) => assert.equal(t.ranges()[2], null)],
  ['97 a few bytes at a time', {}, { dribble: true }],
];

const refusals = [
  ['98 404', { [CDN]: [{ status: 404 }] }, 'HTTP', /404/],
  ['98 500 for ever', { [CDN]: [{ status: 500, times: -1 }] }, 'HTTP', /500/],
  ['98 429 for an hour', { [CDN]: [{ status: 429, headers: { 'retry-after': '3600' } }] }, 'HTTP', /429/],
  ['98 redirected for ever', { [CDN]: [{ location: 'loop', times: -1 }] }, 'IO', /fetch/i],
  ['98 redirected to another scheme', { [CDN]: [{ location: 'file:' + '///etc/passwd', times: -1 }] }, 'IO', /fetch/i],
  ['98 a length too short', { [CDN]: [{ length: HALF }] }, 'HASH', /not of \d+ bytes/],
  ['99 HTML', { [CDN]: [{ html: true }] }, 'FORMAT', /HTML/],
  ['99 HTML as the listing', { api: [{ html: true }] }, 'FORMAT', /HTML/],
  ['99 JSON that is no listing', { api: [{ status: 200, body: '[]' }] }, 'FORMAT', /no list of files/],
  ['99 HTML, said to be text', { 'hub:config.json': [{ status: 200, headers: { 'content-type': 'text/plain' }, body: '<!DOCTYPE html>' }] }, 'HASH', /not of \d+ bytes/],
  ['99 an error in JSON', { [CDN]: [{ status: 200, body: '{"error":"quota"}' }] }, 'HASH', /not of \d+ bytes/],
  ['37 an LFS pointer sent', { [CDN]: [{ status: 200, body: POINTER }] }, 'HASH', /not of \d+ bytes/],
  ['100 another SHA-256', { [CDN]: [{ corrupt: true }] }, 'HASH', /not of \d+ bytes and hash/],
  ['100 too long', { [CDN]: [{ status: 200, body: 'x'.repeat(2e6) }] }, 'HASH', /not of \d+ bytes/],
  ["100 a small file of other bytes, by git's hash", { 'hub:tokenizer.json': [{ corrupt: true }] }, 'HASH', /not of \d+ bytes and hash [0-9a-f]{40}$/],
];

const cases = [
  ...survivals.map(([name, faults, options, check]) => [
    name,
    async (t) => {
      await t.survives(faults, options);
      check?.(t);
    },
  ]),
  ...refusals.map(([name, faults, code, pattern]) => [name, (t) => t.failsOnce(faults, code, pattern)]),

  ['fetched once, then the list alone; progress', async (t) => {
    const { events } = await t.works();
    const total = events[0][1];
    assert.ok(events.every((event, i) => event[1] === total && event[0] > (events[i - 1]?.[0] ?? 0)));
    assert.equal(events.at(-1)[0], total);
    t.hub.log.length = 0;
    await t.works();
    assert.deepEqual(t.hub.log.map(({ url }) => url.split('?')[0]), [`/api/models/${REPO}/revision/main`]);
    await t.whole();
  }],
  ['progress counts what the cache has', async (t) => {
    t.hub.faults = { [CDN]: [{ status: 404 }] };
    await t.fails('HTTP', /404/);
    const { events } = await t.works();
    assert.equal(events.at(-1)[0], events[0][1]);
  }],
  ['from the cache when the hub is gone, or is not to be asked', async (t) => {
    await t.works();
    await t.hub.close();
    await t.works({ offline: true }, {});
    t.options.revision = 'v9';
    await t.fails('IO', /v9.*not in the cache/, { offline: true });
  }],
  ['an interrupted load is no model, offline', async (t) => {
    t.hub.faults = { [CDN]: [{ status: 404 }] };
    await t.fails('HTTP', /404/);
    await t.fails('IO', /not in the cache/, { offline: true });
  }],
  ['98 401 and 403: a token opens what is gated, and goes to no other host', async (t) => {
    await t.fails('HTTP', /401.*gated/);
    await t.fails('HTTP', /403/, { token: 'x' });
    assert.equal(t.asked(/^hub/).length, 2, 'neither is tried again');
    await t.works({ token: 'secret' });
    const answered = t.hub.log.slice(2);
    assert.ok(answered.some(({ where }) => where === 'cdn'));
    assert.ok(answered.every(({ where, token }) => (token === 'Bearer secret') === (where === 'hub')));
  }, { ...plain, gated: 'secret' }],
  ['a token that the CDN would see by a redirect of its own', async (t) => {
    t.hub.faults = { 'hub:config.json': [{ location: `${t.hub.cdn}/${REPO}/config.json` }] };
    await t.works({ token: 'secret' });
  }],
  ['98 429 with Retry-After is waited for', async (t) => {
    const start = performance.now();
    await t.survives({ [`hub:${MODEL}`]: [{ status: 429, headers: { 'retry-after': '1' } }] });
    assert.ok(performance.now() - start >= 1000);
  }],
  ['98 301 and 307 are followed', (t) =>
    t.survives({
      'hub:config.json': [{ status: 307, location: `${t.hub.endpoint}/${REPO}/resolve/main/config.json` }],
      'hub:tokenizer.json': [{ status: 301, location: `${t.hub.endpoint}/${REPO}/resolve/main/tokenizer.json` }],
    })],
  ['99 a portal at another address', (t) =>
    t.failsOnce(
      { 'hub:config.json': [{ location: `${t.hub.cdn}/${REPO}/config.json` }], 'cdn:config.json': [{ html: true }] },
      'FORMAT',
      /HTML/,
    )],
  ['98 no cache: straight into the engine, broken off or not', async (t) => {
    t.hub.faults = { [CDN]: [{ cut: HALF }, { cut: 100 }] };
    const { events } = await t.works({ cache: false });
    const [loaded, total] = events.at(-1);
    assert.ok(loaded === total && events.every((event, i) => event[1] === total && event[0] > (events[i - 1]?.[0] ?? 0)));
    assert.deepEqual((await t.look()).paths, []);
    t.hub.faults = { [CDN]: [{ corrupt: true }] };
    await t.fails('HASH', /not of \d+ bytes and hash/, { cache: false });
  }],
  ['103 twenty at once share one download', async (t) => {
    await t.works(...Array(20).fill({}));
    assert.equal(t.asked(/^cdn/).length, 1);
  }],
  ['103 who shares a download does not share its end', async (t) => {
    t.hub.faults = { [CDN]: [{ rate: SIZE, times: -1 }] };
    const { outcomes } = await t.open([{ abort: 300 }, {}, { abort: 400 }]);
    assert.deepEqual(outcomes.map(({ error }) => error?.name), ['AbortError', undefined, 'AbortError']);
    assert.equal(outcomes[1].vector, EXPECTED);
    assert.deepEqual((await t.open()).warnings, []);
    await t.whole();
  }],
  ['103 who waits for another tries by itself where that one fails', async (t) => {
    t.hub.faults = { [CDN]: [{ corrupt: true }] };
    const { outcomes } = await t.open([{}, {}, {}]);
    const failed = outcomes.filter(({ error }) => error);
    assert.deepEqual(failed.map(({ error }) => error.code), ['HASH']);
    assert.equal(t.asked(/^cdn/).length, 2);
    await t.whole();
  }],
  ['103 two processes, or tabs, read no part of a file', async (t) => {
    t.hub.faults = { [CDN]: [{ rate: 4 * SIZE, times: -1 }] };
    const both = await Promise.all([t.open([{}], 'elsewhere'), t.open([{}, {}], 'elsewhere')]);
    for (const { outcomes } of both) for (const { vector, error } of outcomes) assert.equal(vector, EXPECTED, JSON.stringify(error));
    assert.equal(t.asked(/^cdn/).length, 1);
    await t.whole();
  }],
  ['104 killed while it downloads', async (t) => {
    const wait = t.name === 'Node' ? 150 : 30; // until it has begun
    for (let i = 0; i < 12; i++) {
      t.hub.faults = { [CDN]: [{ rate: 2 * SIZE }] };
      await t.open([{}], 'kill', wait + 25 * i);
      assert.deepEqual((await t.look()).damaged, []);
    }
    t.hub.faults = {};
    await t.works();
    assert.deepEqual((await t.look()).damaged, []);
  }],
  ['102 no room: in memory, and it is said', async (t) => {
    const { outcomes, warnings } = await t.open([{}], 'full', 40_000);
    assert.equal(outcomes[0].vector, EXPECTED, JSON.stringify(outcomes[0]));
    assert.match(warnings.join(), /model\.safetensors is not cached: /);
    await t.works();
    await t.whole();
  }],
  ['102 a cache that another version filled', async (t) => {
    await t.works();
    await t.host.poison(t.cache);
    await t.works();
    await t.whole();
    assert.ok(t.asked(/^cdn/).length > 1);
  }],
  ['97 what broke off is taken up by the next load', async (t) => {
    t.hub.faults = { [CDN]: [{ cut: HALF, linger: 500 }, { status: 404 }] };
    await t.fails('HTTP', /404/);
    assert.ok(!(await t.look()).paths.includes(MODEL));
    t.hub.log.length = 0;
    const { outcomes, warnings } = await t.open([{}], 'elsewhere'); // another process, another page
    assert.equal(outcomes[0].vector, EXPECTED, JSON.stringify(outcomes[0]));
    assert.deepEqual(warnings, []);
    assert.deepEqual(t.ranges(), [`bytes=${HALF}-`]);
    assert.equal(outcomes[0].events.at(-1)[0], outcomes[0].events[0][1]);
    await t.whole();
  }],
  ['97 and what an abort broke off', async (t) => {
    t.hub.faults = { [CDN]: [{ rate: SIZE }] };
    const { outcomes } = await t.open([{ abortFrom: HALF }]);
    assert.equal(outcomes[0].error?.name, 'AbortError');
    assert.ok(outcomes[0].late < 300, `${outcomes[0].late} ms`);
    await t.works();
    const [, range] = t.ranges();
    assert.match(range, /^bytes=[1-9]\d*-$/);
    await t.whole();
  }],
  ['101 what broke off was another file: the next load begins anew', async (t) => {
    t.hub.faults = { [CDN]: [{ cut: HALF + 100, linger: 500, corrupt: true }, { status: 404 }] };
    await t.fails('HTTP', /404/);
    t.hub.log.length = 0;
    await t.works({}, {});
    assert.deepEqual(t.ranges(), [`bytes=${HALF + 100}-`, null]);
    await t.whole();
  }],
  ['97 a large file is kept as it comes, whatever becomes of who loads it', async (t) => {
    t.hub.faults = { [CDN]: [{ stall: 20e6, times: -1 }] };
    let begun;
    await t.open([{}], 'kill', async () => {
      while (!((begun = await t.host.begun(t.cache)) > 8e6)) await new Promise((wake) => setTimeout(wake, 50));
    });
    assert.ok(!(await t.look()).paths.includes(MODEL));
    t.hub.faults = {};
    t.hub.log.length = 0;
    t.expected = BY_LARGE;
    await t.works();
    const from = Number(/^bytes=(\d+)-$/.exec(t.ranges()[0])?.[1]);
    assert.ok(from >= begun && from <= 20e6, `${begun} ${t.ranges()}`);
    await t.whole();
    t.hub.log.length = 0;
    await t.works({ offline: true });
  }, of({ [MODEL]: LARGE })],
  ['102 no room in the middle of a file', async (t) => {
    t.expected = BY_LARGE;
    const { outcomes, warnings } = await t.open([{}], 'full', 14_000_000);
    assert.equal(outcomes[0].vector, BY_LARGE, JSON.stringify(outcomes[0]));
    assert.match(warnings.join(), /model\.safetensors is not cached: /);
    assert.ok(!(await t.look()).paths.includes(MODEL));
    await t.works();
    await t.whole();
  }, of({ [MODEL]: LARGE })],
  ['106 polluted prototypes have no say', async (t) => {
    const { outcomes } = await t.open([{}], 'elsewhere', POLLUTED);
    assert.equal(outcomes[0].vector, EXPECTED, JSON.stringify(outcomes[0]));
  }],
  ['quantized: the kind that is asked for, or the first that is there', async (t) => {
    const exact = t.expected;
    t.expected = BY_OTHERS;
    await t.works({ quantized: 'q4' }, { quantized: true }, { quantized: 'f16' });
    assert.equal(t.asked(/resolve.*\/model\.safetensors/).length, 0);
    await t.works({ quantized: 'q4', offline: true });
    await t.fails('IO', /not in the cache/, { offline: true });
    await t.fails('MISSING', /org\/tiny has no model\.u8\.safetensors.*convert --quantize/, { quantized: 'u8' });
    for (const quantized of ['int8', 'toString', 7]) await t.fails('ARG', /quantized/, { quantized });
    t.expected = exact;
    await t.works({ quantized: false }, {});
  }, of({ 'model.q4.safetensors': OTHERS, 'model.fp16.safetensors': OTHERS })],
  ['a revision, pinned', async (t) => {
    await t.works();
    const [revision] = (await t.look()).revisions;
    await t.works({ revision });
    await t.fails('HTTP', /404/, { revision: 'v9' });
    await t.fails('ARG', /revision/, { revision: '../x' });
  }],
  ['94 an abort at any time is quick and leaves nothing half-written', async (t) => {
    const late = [];
    for (const abort of [-1, 0, 20, 60, 200, 300]) {
      t.hub.faults = { [CDN]: [{ rate: SIZE }], api: [{ wait: 30 }] };
      const { outcomes } = await t.open([{ abort }]);
      assert.equal(outcomes[0].error?.name, 'AbortError', JSON.stringify(outcomes[0]));
      late.push(outcomes[0].late);
      assert.ok(!(await t.look()).paths.includes(MODEL));
    }
    late.sort((a, b) => a - b);
    assert.ok(late[3] < 50, `${late} ms`); // the machine may be busy once or twice
    t.hub.faults = {};
    await t.works({ abort: 60_000 });
    await t.whole();
  }],
  ['the cache: list, size, verify, delete', async (t) => {
    await t.works();
    const { paths, sum, size, damaged } = await t.look();
    const taken = Object.keys(FILES).filter((path) => path !== 'vocab.txt'); // tokenizer.json has it all
    assert.deepEqual(paths, taken.sort());
    assert.deepEqual([size, damaged], [[sum, sum], []]);
    assert.equal(sum, taken.reduce((sum, path) => sum + FILES[path].length, 0));
    assert.equal((await t.host.run('remove', { repo: '..', options: t.options })).error.code, 'ARG');
    await t.host.run('remove', { repo: 'org/other', options: t.options });
    assert.deepEqual((await t.look()).paths, paths);
    await t.host.run('remove', { repo: REPO, options: t.options });
    assert.deepEqual((await t.look()).paths, []);
    await t.fails('IO', /not in the cache/, { offline: true });
  }],
  ['the cache: verify names what is no longer what was promised', async (t) => {
    await t.works();
    const { paths } = await t.look();
    for (const path of ['config.json', MODEL]) await t.host.damage(t.cache, path);
    const { damaged, paths: after } = await t.look();
    assert.deepEqual([damaged.sort(), after], [['config.json', MODEL], paths]);
    await t.host.run('remove', { repo: REPO, options: t.options });
    await t.works();
    await t.whole();
  }],
  ['names that are no repository', async (t) => {
    for (const repo of ['../x', 'a/b/c', 'a b', '', 'a/..', 'https://x', 'a--b', 'a/b%2f', '-a', 'x'.repeat(97)]) {
      const { outcomes } = await t.host.run('open', { repo, all: [t.options] });
      assert.equal(outcomes[0].error?.code, 'ARG', repo);
    }
    assert.deepEqual(t.hub.log, []);
  }],
  ['names in a listing that lead elsewhere', async (t) => {
    const body = (sha, ...paths) =>
      JSON.stringify({ sha, siblings: paths.map((rfilename) => ({ rfilename, size: 2, blobId: '0'.repeat(40) })) });
    const odd = ['../../config.json', '/config.json', 'a/../config.json', '1_x/../config.json', 'C:config.json', '%2e%2e/config.json'];
    t.hub.faults.api = [
      { status: 200, body: body('0'.repeat(40), ...odd) },
      { status: 200, body: body('../../x', 'config.json') },
      { status: 200, body: body('0'.repeat(40), MODEL).replace('0"}', '/../x"}') },
    ];
    await t.fails('UNSUPPORTED', /no model\.safetensors/);
    await t.fails('FORMAT', /no list/);
    await t.fails('FORMAT', /no list/);
    assert.deepEqual(t.asked(/resolve/), []);
  }],

  ['31 a shard that is absent', refuses('MISSING', /model-00001/), withoutShard()],
  ...['../../etc/passwd', '/abs', 'C:\\x', 'a\\..\\b', '%2e%2e/', 'https://example.org/x', ''].map((path) => [
    `32 a shard called ${JSON.stringify(path)}`, refuses('PATH', /./), sharded({ [INDEX]: indexOf({ [names[0]]: path }) }),
  ]),
  ['33 a tensor in two shards', refuses('DUP', /./), sharded({ [INDEX]: indexOf({ [names[0]]: OTHER }), [OTHER]: FILES[MODEL] })],
  ['33 a tensor that its shard has not', refuses('MISSING', /nowhere/), sharded({ [INDEX]: indexOf({ nowhere: SHARD }) })],
  ['34 a wrong total_size', works, sharded({ [INDEX]: indexOf({}, { metadata: { total_size: -1 } }) })],
  ['35 100,000 shards', refuses('LIMIT', /./), sharded({
    [INDEX]: JSON.stringify({ weight_map: Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`t${i}`, `model-${i}-of-100000.safetensors`])) }),
  })],
  ['36 pytorch_model.bin alone', refuses('UNSUPPORTED', /convert/), { files: { 'config.json': '{}', 'pytorch_model.bin': 'x' } }],
  ['37 an LFS pointer committed', refuses('FORMAT', /LFS pointer/), committed(POINTER)],
  ['38 HTML as the model', refuses('FORMAT', /HTML/), committed('<!DOCTYPE html><html></html>')],
  ['38 HTML as the tokenizer', refuses('FORMAT', /HTML/), of({ 'tokenizer.json': '<!DOCTYPE html><html></html>' })],
  ['39 gzip', refuses('UNSUPPORTED', /gzip/i), committed(gzipSync(FILES[MODEL]))],
  ['39 GGUF', refuses('UNSUPPORTED', /GGUF/), committed(Buffer.concat([Buffer.from('GGUF'), randomBytes(100)]))],
  ['39 ONNX', refuses('UNSUPPORTED', /ONNX/), committed(Buffer.from('\x08\x07\x12\x07pytorch\x1a\x051.0.0:\x80\x01', 'latin1'))],
];

// ---- What a host lacks, or serves in place of the wasm -------------------------------------------

const otherVersion = () => {
  const wasm = wasmBytes(),
    at = wasm.indexOf(Buffer.from('0.1.0')); // the name of an export
  wasm[at] = '9'.charCodeAt(0);
  return wasm;
};
const cors = { 'access-control-allow-origin': '*' };
const HTML = '<!doctype html><title>not found</title>';
const WASMS = {
  '/good.wasm': [200, 'application/wasm', wasmBytes(), cors],
  '/plain.wasm': [200, 'text/plain', wasmBytes(), cors],
  '/html.wasm': [200, 'text/html', HTML, cors],
  '/lies.wasm': [200, 'application/wasm', HTML, cors],
  '/short.wasm': [200, 'application/wasm', wasmBytes().subarray(0, 3000), cors],
  '/other.wasm': [200, 'application/wasm', otherVersion(), cors],
  '/none.wasm': [404, 'text/html', HTML, cors],
};
const fine = ({ vector, error }) => assert.equal(vector, EXPECTED, JSON.stringify(error));
const says = (code, pattern) => ({ error }) => {
  assert.equal(error?.code, code, JSON.stringify(error));
  assert.match(error.message, pattern);
  assert.ok(!error.message.includes('\n'));
};
const integrity = (bytes) => `sha256-${createHash('sha256').update(bytes).digest('base64')}`;
const starts = [
  ['105 the wasm as text/plain', '', '/plain.wasm', fine],
  ['105 the wasm by its hash', '', { url: '/good.wasm', integrity: integrity(wasmBytes()) }, fine],
  ['105 the wasm, another hash', '', { url: '/good.wasm', integrity: integrity('x') }, says('IO', /fetch/)],
  ['105 HTML', '', '/html.wasm', says('FORMAT', /HTML/)],
  ['105 HTML as application/wasm', '', '/lies.wasm', says('FORMAT', /HTML/)],
  ['105 a wasm cut short', '', '/short.wasm', says('UNSUPPORTED', /WebAssembly/)],
  ['105 a wasm of another version', '', '/other.wasm', says('UNSUPPORTED', /not of version/)],
  ['105 no wasm', '', '/none.wasm', says('HTTP', /404/)],
  ['106 no BigInt', 'delete globalThis.BigInt', undefined, fine],
  ['106 no streaming compile', 'delete WebAssembly.compileStreaming; delete WebAssembly.instantiateStreaming', undefined, fine],
  ['106 no SIMD', 'WebAssembly.validate = () => false', undefined, ({ ids, error }) => assert.ok(ids, JSON.stringify(error))],
  ['106 no WebAssembly', 'delete globalThis.WebAssembly', undefined, says('UNSUPPORTED', /WebAssembly/)],
  ['106 no fetch', 'delete globalThis.fetch', undefined, (outcome, host) =>
    host === 'Node' ? fine(outcome) : says('IO', /fetch/)(outcome)],
  ['106 frozen intrinsics', `
    for (const it of [Object, Array, Function, Error, Promise, Map, Uint8Array, Float32Array, ArrayBuffer, String, RegExp])
      Object.freeze(it.prototype) && Object.freeze(it);`, undefined, fine],
  ['106 polluted prototypes', POLLUTED, undefined, fine],
];

for (const [host, skip] of [
  ['Node', false],
  ['Chromium', NO_CHROMIUM],
])
  describe(`the hub in ${host}`, { skip, concurrency: 6 }, () => {
    let static_, open;
    before(async () => {
      static_ = await serve({ '/page': [200, 'text/html', '<!doctype html>'], ...WASMS });
      open = host === 'Node' ? await nodeHost() : await chromiumHost(static_.origin);
    });
    after(async () => {
      await open.close?.();
      static_.close();
    });
    for (const [name, body, repo = plain] of cases) test(name, { timeout: 60_000 }, () => run(open, repo, body));
    for (const [name, prelude, wasm, check] of starts)
      test(name, async () => {
        const argument = { folder: `${open.folders}bert-f32/`, paths: ['model.safetensors', 'tokenizer.json', 'config.json'] };
        if (wasm) argument.wasm = typeof wasm === 'string' ? static_.origin + wasm : { ...wasm, url: static_.origin + wasm.url };
        check(await open.elsewhere('start', argument, prelude), open.name);
      });
    test('107 arrays of another realm', async () => {
      const paths = ['model.safetensors', 'tokenizer.json', 'config.json'];
      const { vector, text } = await open.run('foreign', { folder: `${open.folders}bert-f32/`, paths });
      assert.equal(vector, EXPECTED);
      assert.match(text, /some/);
    });
  });

test('93 a callback that throws fails the load with its own error, and at once', async () => {
  const hub = await startHub({ repos: { [REPO]: plain } }),
    folder = mkdtempSync(join(tmpdir(), 'wasmicro-hub-'));
  try {
    for (const cache of [false, folder, folder]) {
      const own = new Error('mine');
      const onProgress = ({ file }) => {
        if (file === MODEL) throw own;
      };
      const start = performance.now();
      assert.equal(await errorOf(() => fromHub(REPO, { endpoint: hub.endpoint, cache, onProgress, offline: false })), own);
      assert.ok(performance.now() - start < 2000);
    }
    const pipeline = await fromHub(REPO, { endpoint: `${hub.endpoint}/`, cache: folder, offline: false }); // as HF_ENDPOINT may end
    assert.equal(hexOf(pipeline.embed(TEXT)), EXPECTED);
  } finally {
    await hub.close();
    rmSync(folder, { recursive: true });
  }
});

test('ARG for a repository, revision or cache that is none', async () => {
  const wrong = [
    ...[undefined, null, 5, {}, Symbol('x')].map((repo) => () => fromHub(repo)),
    ...[5, {}, '', '../x'].map((revision) => () => fromHub(REPO, { revision })),
    ...[5, true, {}, new URL('https://example.org/')].map((cache) => () => fromHub(REPO, { cache })),
    () => cache.delete(),
    () => cache.size({ cache: 'x' }),
    () => cache.list({ cache: true }),
  ];
  for (const call of wrong) assert.equal((await errorOf(call)).code, 'ARG', String(call));
});

test('103 loads at once through a store of one\'s own share one download, not its end', async () => {
  const hub = await startHub({ repos: { [REPO]: plain } }),
    stores = [new Map(), new Map()].map((kept) => ({
      find: async ({ url }) => kept.get(url),
      async put({ url }, chunks) {
        const parts = [];
        for await (const chunk of chunks) parts.push(chunk.slice());
        kept.set(url, new Blob(parts));
      },
    }));
  const open = async (cache, signal) => {
    const pipeline = await fromHub(REPO, { endpoint: hub.endpoint, cache, signal, offline: false });
    return hexOf(pipeline.embed(TEXT));
  };
  const asked = (pattern) => hub.log.filter(({ where, url }) => pattern.test(where + url)).length;
  hub.faults = { [CDN]: [{ corrupt: true }, { rate: 2 * SIZE, times: -1 }] };
  const [one, other] = stores,
    ends = await Promise.allSettled([...[one, one, one, one].map((store) => open(store)), open(one, AbortSignal.timeout(200))]);
  assert.equal(ends.filter(({ value }) => value === EXPECTED).length, 3);
  assert.deepEqual(ends.map(({ reason }) => reason?.code ?? reason?.name).filter(Boolean).sort(), [23, 'HASH']);
  assert.deepEqual([asked(/^cdn/), asked(/\/tokenizer\.json/)], [2, 1], 'other bytes, then the right ones');
  await Promise.all([open(other), open(false), open(false)]);
  await hub.close();
  assert.equal(asked(/^cdn/), 5);
});

test("a store of one's own that keeps the lists serves without the hub; one that does not says so", async () => {
  const hub = await startHub({ repos: { [REPO]: plain } }),
    kept = new Map(),
    files = {
      find: async ({ url }) => kept.get(url),
      async put({ url }, chunks) {
        const parts = [];
        for await (const chunk of chunks) parts.push(chunk.slice());
        kept.set(url, new Blob(parts));
      },
    },
    lists = {
      list: async (...key) => JSON.parse(kept.get(key.join()) ?? 'null'),
      keep: async (repo, revision, list) => kept.set(`${repo},${revision}`, JSON.stringify(list)),
    };
  const open = async (cache, offline) =>
    hexOf((await fromHub(REPO, { endpoint: hub.endpoint, cache, offline })).embed(TEXT));
  const store = { ...files, ...lists };
  assert.match((await errorOf(() => open(store, true))).message, /not in the cache, and the hub is not asked/);
  assert.equal(await open(store, false), EXPECTED);
  hub.log.length = 0;
  assert.equal(await open(store, true), EXPECTED);
  const error = await errorOf(() => open(files, true));
  assert.equal(error.code, 'IO');
  assert.match(error.message, /the store has no `list`/);
  assert.deepEqual(hub.log, []);
  await hub.close();
  assert.equal(await open(store, false), EXPECTED, 'a hub that cannot be reached');
});

test('in Node a damaged part is given up, and the load begins anew', async () => {
  const host = await nodeHost();
  await run(host, plain, async (t) => {
    const hash = createHash('sha256').update(FILES[MODEL]).digest('hex');
    const part = join(t.cache, 'models--org--tiny/blobs', `${hash}.wasmicro.incomplete`);
    mkdirSync(dirname(part), { recursive: true });
    for (const damage of ['other bytes', 'x'.repeat(SIZE - 1), 'x'.repeat(SIZE), 'x'.repeat(SIZE + 1)]) {
      writeFileSync(part, damage);
      const { warnings } = await t.works();
      assert.deepEqual(warnings, []);
      assert.ok(!existsSync(part));
      await t.whole();
      await host.run('remove', { repo: REPO, options: t.options });
      mkdirSync(dirname(part), { recursive: true });
    }
  });
});

test('in Node a lock of a process that is no more, or of none, does not hold', async () => {
  const host = await nodeHost();
  await run(host, plain, async (t) => {
    const hash = createHash('sha256').update(FILES[MODEL]).digest('hex');
    const lock = join(t.cache, '.locks/models--org--tiny/blobs', `${hash}.wasmicro`);
    mkdirSync(dirname(lock), { recursive: true });
    const { pid } = spawnSync('true');
    writeFileSync(lock, `${pid} ${hostname()}`);
    await t.works();
    await host.run('remove', { repo: REPO, options: t.options });
    writeFileSync(lock, 'another machine');
    utimesSync(lock, 0, 0);
    await t.works();
    await host.run('remove', { repo: REPO, options: t.options });
    writeFileSync(lock, ''); // of a process that was killed before it wrote its name
    const start = performance.now();
    await t.works();
    assert.ok(performance.now() - start < 20_000);
    await host.run('remove', { repo: REPO, options: t.options });
    writeFileSync(lock, `${process.pid} ${hostname()}`); // alive: waited for, until the signal
    const { outcomes } = await t.open([{ abort: 100 }]);
    assert.equal(outcomes[0].error?.name, 'AbortError');
  });
});

test('generate writes by SmolLM2 of a pinned revision, which an empty cache has not', async () => {
  const { HF_HUB_OFFLINE, HF_HUB_CACHE } = process.env,
    empty = mkdtempSync(join(tmpdir(), 'wasmicro-hub-'));
  Object.assign(process.env, { HF_HUB_OFFLINE: '1', HF_HUB_CACHE: empty });
  try {
    const error = await errorOf(() => generate('Once upon a time'));
    assert.equal(error.code, 'IO');
    assert.match(error.message, /config\.json of HuggingFaceTB\/SmolLM2-135M-Instruct is not in the cache/);
  } finally {
    for (const [name, value] of Object.entries({ HF_HUB_OFFLINE, HF_HUB_CACHE }))
      value === undefined ? delete process.env[name] : (process.env[name] = value);
    rmSync(empty, { recursive: true });
  }
});

test('queries and documents have the prompts of well-known models whose files name none', async () => {
  const { [MODEL]: weights, 'tokenizer.json': tokenizer, 'config.json': config } = FILES,
    files = { [MODEL]: weights, 'tokenizer.json': tokenizer, 'config.json': config };
  const sentence = 'Represent this sentence for searching relevant passages: ';
  const prompts = {
    'intfloat/e5-small-v2': ['query: ', 'passage: '],
    'intfloat/multilingual-e5-base': ['query: ', 'passage: '],
    'nomic-ai/nomic-embed-text-v1': ['search_query: ', 'search_document: '],
    'intfloat/multilingual-e5-large-instruct': ['', ''], // a query's names the task
    'BAAI/bge-small-en-v1.5': [sentence, ''],
    'mixedbread-ai/mxbai-embed-large-v1': [sentence, ''],
    'BAAI/bge-small-zh-v1.5': ['为这个句子生成表示以用于检索相关文章：', ''],
    'BAAI/bge-m3': ['', ''],
    'org/e5': ['', ''],
  };
  const named = { prompts: { query: 'ask: ', document: 'tell: ' } };
  const hub = await startHub({
    repos: {
      ...Object.fromEntries(Object.keys(prompts).map((repo) => [repo, { files }])),
      'intfloat/e5-small': { files: { ...files, 'config_sentence_transformers.json': JSON.stringify(named) } },
    },
  });
  for (const [repo, [query, document]] of Object.entries({ ...prompts, 'intfloat/e5-small': ['ask: ', 'tell: '] })) {
    const pipeline = await fromHub(repo, { endpoint: hub.endpoint, cache: false });
    assert.deepEqual(pipeline.embedQuery(TEXT), pipeline.embed(query + TEXT), repo);
    assert.deepEqual(pipeline.embedDocuments([TEXT, 'a']), pipeline.embedBatch([document + TEXT, `${document}a`]), repo);
  }
  await hub.close();
});

test('96 over 4 GB is refused before a file is fetched', async () => {
  const hub = await startHub({ repos: { [REPO]: { files: FILES } } }),
    asked = [];
  const larger = async (url, options) => {
    asked.push(url);
    const list = await (await fetch(url, options)).json();
    for (const file of list.siblings) if (file.rfilename === MODEL) (file.lfs ?? file).size = 5e9;
    return Response.json(list);
  };
  const options = { endpoint: hub.endpoint, fetch: larger, cache: false };
  const error = await errorOf(() => fromHub(REPO, options));
  await hub.close();
  assert.equal(error.code, 'LIMIT');
  assert.match(error.message, /bytes/);
  assert.equal(asked.length, 1);
});

test('SHA-256 is that of node:crypto', () => {
  for (let n = 0; n < 260; n++) {
    const bytes = randomBytes(n),
      sum = sha256(),
      cut = n && randomBytes(1)[0] % n;
    sum.update(bytes.subarray(0, cut));
    sum.update(bytes.subarray(cut));
    assert.equal(sum.digest(), createHash('sha256').update(bytes).digest('hex'));
  }
});
