// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro/hub against the double of the hub: what goes right, and every way it can go wrong.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { sha256 } from '../../npm/fetch.js';
import { cache, fromHub } from '../../npm/hub.js';
import init, { WasmPipeline } from '../../npm/index.js';
import { startHub } from '../hub/server.mjs';
import { errorOf, filesOf, ROOT } from './support.js';

const REPO = 'org/tiny';
const FILES = filesOf('bert-f32');
const MODEL = 'model.safetensors';
const TEXT = 'some text';

await init();
const EXPECTED = WasmPipeline.fromBytes(null, null, null, null, { files: FILES }).embed(TEXT);

// A hub with one repository, and a cache folder of its own.
async function withHub(run, repo = { files: FILES }) {
  const hub = await startHub({ repos: { [REPO]: repo } });
  const folder = mkdtempSync(join(tmpdir(), 'wasmicro-hub-'));
  try {
    await run(hub, { endpoint: hub.endpoint, cache: folder }, folder);
    assert.deepEqual(hub.leaks, [], 'no token goes to another host');
  } finally {
    await hub.close();
    rmSync(folder, { recursive: true });
  }
}

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name);

const works = async (options) =>
  assert.deepEqual((await fromHub(REPO, options)).embed(TEXT), EXPECTED);

// Loading fails with this code, and leaves no file of `path` nor part of one; then it works.
const failsOnce = (faults, code, pattern) =>
  withHub(async (hub, options, folder) => {
    hub.faults = faults;
    const error = await errorOf(() => fromHub(REPO, options));
    assert.equal(error.code, code, error.stack);
    assert.match(error.message, pattern);
    assert.deepEqual(
      filesIn(folder).filter((name) => /incomplete|\.safetensors$|wasmicro/.test(name)),
      [],
    );
    hub.faults = {};
    await works(options);
  });

const survives = (faults, check = () => {}, idle = undefined) =>
  withHub(async (hub, options) => {
    hub.faults = faults;
    await works({ ...options, idle });
    check(hub);
  });

describe('fromHub', { concurrency: 8 }, () => {
  test('fetches once, then asks for the list alone', () =>
    withHub(async (hub, options) => {
      const seen = [];
      await works({ ...options, onProgress: (event) => seen.push(event) });
      const total = seen[0].total;
      assert.ok(seen.every((event, i) => event.total === total && event.loaded > (seen[i - 1]?.loaded ?? 0)));
      assert.equal(seen.at(-1).loaded, total);
      hub.log.length = 0;
      await works(options);
      assert.deepEqual(hub.log.map(({ url }) => url.split('?')[0]), [`/api/models/${REPO}/revision/main`]);
    }));

  test('works from the cache when the hub is gone, or is not to be asked', () =>
    withHub(async (hub, options) => {
      await works(options);
      await hub.close();
      await works({ ...options, offline: true });
      await works({ ...options, endpoint: hub.endpoint });
      const error = await errorOf(() => fromHub('org/other', { ...options, offline: true }));
      assert.equal(error.code, 'IO');
    }));

  test('a token opens what is gated, and goes to no other host', () =>
    withHub(
      async (hub, options) => {
        const closed = await errorOf(() => fromHub(REPO, options));
        assert.equal(closed.code, 'HTTP');
        assert.match(closed.message, /401.*gated/);
        assert.match((await errorOf(() => fromHub(REPO, { ...options, token: 'x' }))).message, /403/);
        await works({ ...options, token: 'secret' });
        assert.ok(hub.log.some(({ where }) => where === 'cdn'));
      },
      { files: FILES, gated: 'secret' },
    ));

  test('without a cache, straight into the engine', () =>
    withHub(async (hub, options, folder) => {
      await works({ ...options, cache: false });
      assert.deepEqual(filesIn(folder), []);
    }));

  test('twenty at once share one download', () =>
    withHub(async (hub, options) => {
      await Promise.all(Array.from({ length: 20 }, () => works(options)));
      assert.equal(hub.log.filter(({ where }) => where === 'cdn').length, 1);
    }));

  test('a revision, pinned', () =>
    withHub(async (hub, options) => {
      await works(options);
      const [{ revision }] = await cache.list(options);
      await works({ ...options, revision });
      assert.match((await errorOf(() => fromHub(REPO, { ...options, revision: 'v9' }))).message, /404/);
    }));

  test('what is retried: 500 twice, 429 with Retry-After, a reset at half, a stall', async () => {
    const half = FILES[MODEL].length >> 1;
    await Promise.all([
      survives({ api: [{ status: 500, times: 2 }], [`cdn:${MODEL}`]: [{ status: 503 }] }),
      survives({ [`hub:${MODEL}`]: [{ status: 429, headers: { 'retry-after': '1' } }] }),
      survives({ [`cdn:${MODEL}`]: [{ cut: half }, { cut: 100 }] }, (hub) =>
        assert.ok(hub.log.some(({ where, range }) => where === 'cdn' && range === `bytes=${half}-`)),
      ),
      survives({ [`cdn:${MODEL}`]: [{ stall: half }] }, () => {}, 500),
      survives({ [`cdn:${MODEL}`]: [{ cut: half }, { range: 'ignore' }] }),
      survives({ [`cdn:${MODEL}`]: [{ chunked: true }] }),
      survives({ 'hub:config.json': [{ gzip: true }] }),
    ]);
  });

  test('what is refused, and not kept', async () => {
    const half = FILES[MODEL].length >> 1;
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n';
    await Promise.all([
      failsOnce({ [`cdn:${MODEL}`]: [{ corrupt: true }] }, 'HASH', /SHA-256/),
      failsOnce({ [`cdn:${MODEL}`]: [{ html: true }] }, 'FORMAT', /HTML/),
      failsOnce({ api: [{ html: true }] }, 'FORMAT', /HTML/),
      failsOnce({ api: [{ status: 200, body: '[]' }] }, 'FORMAT', /no list of files/),
      failsOnce({ [`cdn:${MODEL}`]: [{ status: 404 }] }, 'HTTP', /404/),
      failsOnce({ [`cdn:${MODEL}`]: [{ status: 500, times: -1 }] }, 'HTTP', /500/),
      failsOnce({ [`cdn:${MODEL}`]: [{ status: 200, body: pointer, times: -1 }] }, 'IO', /bytes of/),
      failsOnce({ [`cdn:${MODEL}`]: [{ status: 200, body: 'x'.repeat(2e6) }] }, 'HASH', /not the/),
      failsOnce({ [`cdn:${MODEL}`]: [{ cut: half }, { etag: 'other' }] }, 'HASH', /changed/),
      failsOnce({ [`cdn:${MODEL}`]: [{ cut: half }, { range: 'wrong' }] }, 'HTTP', /Content-Range/),
      failsOnce({ [`cdn:${MODEL}`]: [{ location: 'loop', times: -1 }] }, 'IO', /fetch/),
    ]);
  });

  test('names that lead elsewhere', async () => {
    for (const repo of ['../x', 'a/b/c', 'a b', '', 'a/..', 'https://x', 'a--b'])
      assert.equal((await errorOf(() => fromHub(repo))).code, 'ARG');
    assert.equal((await errorOf(() => fromHub(REPO, { revision: '../x' }))).code, 'ARG');
    await withHub(async (hub, options) => {
      const sibling = { rfilename: '../../config.json', size: 2, blobId: '0'.repeat(40) };
      const body = (sha) => JSON.stringify({ sha, siblings: [sibling] });
      hub.faults.api = [
        { status: 200, body: body('0'.repeat(40)) },
        { status: 200, body: body('../../x') },
      ];
      assert.equal((await errorOf(() => fromHub(REPO, options))).code, 'UNSUPPORTED');
      assert.equal((await errorOf(() => fromHub(REPO, options))).code, 'FORMAT');
    });
  });

  test('a repository without safetensors', () =>
    withHub(
      async (hub, options) => {
        const error = await errorOf(() => fromHub(REPO, options));
        assert.equal(error.code, 'UNSUPPORTED');
        assert.match(error.message, /convert/);
      },
      { files: { 'config.json': '{}', 'pytorch_model.bin': 'x' } },
    ));

  test('a cache that cannot be written: a warning, and the model all the same', (t) =>
    withHub(async (hub, options, folder) => {
      const warn = t.mock.method(console, 'warn', () => {});
      writeFileSync(join(folder, 'file'), '');
      await works({ ...options, cache: join(folder, 'file', 'below') });
      assert.match(warn.mock.calls[0].arguments[0], /not cached/);
    }));
});

test('an abort at any time is quick and leaves nothing half-written', () =>
  withHub(async (hub, options, folder) => {
    for (const wait of [0, 20, 60]) {
      hub.faults = { [`cdn:${MODEL}`]: [{ rate: 20_000 }], api: [{ wait: 30 }] };
      const signal = AbortSignal.timeout(wait);
      let aborted;
      signal.addEventListener('abort', () => (aborted = performance.now()));
      const error = await errorOf(() => fromHub(REPO, { ...options, signal }));
      assert.equal(error.name, 'TimeoutError');
      assert.ok(performance.now() - aborted < 50);
      assert.deepEqual(filesIn(folder).filter((name) => /incomplete/.test(name)), []);
    }
    hub.faults = {};
    await works(options);
  }));

test('the cache: list, size, verify, delete', () =>
  withHub(async (hub, options, folder) => {
    await works(options);
    const entries = await cache.list(options);
    assert.deepEqual(new Set(entries.map(({ path }) => path)).has(MODEL), true);
    assert.equal(await cache.size(REPO, options), await cache.size(undefined, options));
    assert.deepEqual(await cache.verify(options), []);
    const { revision } = entries[0];
    const model = join(folder, 'models--org--tiny/snapshots', revision, MODEL);
    const bytes = readFileSync(model);
    bytes[bytes.length - 1] ^= 1;
    writeFileSync(model, bytes);
    assert.deepEqual((await cache.verify(options)).map(({ path }) => path), [MODEL]);
    await cache.delete(REPO, options);
    assert.deepEqual(await cache.list(options), []);
    assert.equal((await errorOf(() => cache.delete('..', options))).code, 'ARG');
  }));

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
