// SPDX-License-Identifier: MIT OR Apache-2.0
// Node and headless Chromium as one kind of thing: each runs the actions of hub-host.js here, in
// another process or tab, or in one that is killed.
import { spawn } from 'node:child_process';
import {
  existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync,
} from 'node:fs'; // prettier-ignore
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, extname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './support.js';

export const CHROMIUM =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
export const NO_CHROMIUM = CHROMIUM ? false : 'no chromium: tools/setup brings it, or set CHROMIUM';
const SCRIPT = join(import.meta.dirname, 'hub-host.js');
const TYPES = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
  '.json': 'application/json',
  '.css': 'text/css',
};

// A static server of the repository; `answers` has [status, type, body, headers?] of further paths.
export async function serve(answers = {}) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname));
    const [status, type, body, headers] = answers[path] ?? [];
    if (status)
      return response.writeHead(status, { 'content-type': type, ...headers }).end(body);
    const file = /^\/(npm|models|demo|tests\/(tiny|js))\//.test(path) && join(ROOT, path);
    if (!file || !existsSync(file)) return response.writeHead(404).end();
    response
      .writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
      .end(request.method === 'HEAD' ? undefined : readFileSync(file));
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// Milliseconds later, or once something has come about.
const after = (when) =>
  typeof when === 'function' ? when() : new Promise((done) => setTimeout(done, when));

export function startChromium() {
  const puppeteer = createRequire(join(ROOT, 'tools/npm/package.json'))('puppeteer-core');
  const quiet = ['gpu', 'background-networking', 'component-update', 'sync'];
  const insecure = '--host-resolver-rules=MAP insecure.test 127.0.0.1'; // by http: no secure context
  const args = ['--no-sandbox', '--no-first-run', insecure, ...quiet.map((what) => `--disable-${what}`)];
  return puppeteer.launch({ executablePath: CHROMIUM, args });
}

// ---- Node ---------------------------------------------------------------------------------------

const runIn = (child) =>
  new Promise((done, failed) => {
    let text = '';
    child.stdout.on('data', (part) => (text += part));
    child.on('error', failed);
    child.on('close', () => done(text && JSON.parse(text)));
  });

const NO_NETWORK = { ...process.env, HF_TOKEN: '', HF_HUB_OFFLINE: '' };

const inProcess = (action, argument, prelude, before = []) => {
  const imported = prelude ? ['--import', `data:text/javascript,${encodeURIComponent(prelude)}`] : [];
  const [command, ...rest] = [...before, process.execPath, ...imported, SCRIPT];
  return spawn(command, [...rest, action, JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: NO_NETWORK,
  });
};

export async function nodeHost() {
  const actions = await import('./hub-host.js');
  return {
    name: 'Node',
    folders: pathToFileURL(join(ROOT, 'tests/tiny/')).href,
    newCache: () => mkdtempSync(join(tmpdir(), 'wasmicro-hub-')),
    dropCache: (cache) => rmSync(cache, { recursive: true, force: true }),
    run: (action, argument) => actions[action](argument),
    elsewhere: (action, argument, prelude) => runIn(inProcess(action, argument, prelude)),
    async kill(action, argument, when) {
      const child = inProcess(action, argument);
      const ended = runIn(child).catch(() => {});
      await after(when);
      child.kill('SIGKILL');
      await ended;
    },
    // How many bytes there are of the largest file that is not whole.
    begun: (cache) =>
      Math.max(
        ...readdirSync(cache, { recursive: true })
          .filter((name) => name.endsWith('.incomplete'))
          .map((name) => statSync(join(cache, name)).size),
      ),
    // Other bytes in place of the model that it keeps.
    poison(cache) {
      for (const entry of readdirSync(cache, { recursive: true }))
        if (entry.endsWith('.safetensors')) {
          const path = realpathSync(join(cache, entry));
          writeFileSync(path, 'of another version');
        }
    },
    // One bit of a file is another.
    damage(cache, name) {
      for (const entry of readdirSync(cache, { recursive: true }))
        if (basename(entry) === name) {
          const path = realpathSync(join(cache, entry)),
            bytes = readFileSync(path);
          bytes[bytes.length >> 1] ^= 1;
          writeFileSync(path, bytes);
        }
    },
    // In a process that can write no file longer than that.
    full: (action, argument, bytes) => {
      const limit = `ulimit -f ${Math.floor(bytes / 512)} && exec "$@"`;
      return runIn(inProcess(action, argument, '', ['sh', '-c', limit, 'sh']));
    },
    // What is in the cache and is no whole file of the repository.
    leftovers: (cache) =>
      readdirSync(cache, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory() && /\.locks|incomplete/.test(join(entry.parentPath ?? entry.path, entry.name)))
        .map((entry) => entry.name),
  };
}

// ---- Chromium -----------------------------------------------------------------------------------

const act = async (action, argument) => (await import('/tests/js/hub-host.js'))[action](argument);

export async function chromiumHost(origin) {
  const browser = await startChromium();
  const newPage = async (prelude) => {
    const page = await browser.newPage();
    if (prelude) await page.evaluateOnNewDocument(prelude);
    await page.goto(`${origin}/page`);
    return page;
  };
  const page = await newPage();
  let made = 0;
  const elsewhere = async (action, argument, prelude) => {
    const other = await newPage(prelude);
    try {
      return await other.evaluate(act, action, argument);
    } finally {
      await other.close();
    }
  };
  return {
    name: 'Chromium',
    folders: `${origin}/tests/tiny/`,
    newCache: () => `hub-${made++}`,
    dropCache: (cache) => page.evaluate((cache) => caches.delete(cache), cache),
    run: (action, argument) => page.evaluate(act, action, argument),
    elsewhere,
    async kill(action, argument, when) {
      const other = await newPage();
      other.evaluate(act, action, argument).catch(() => {});
      await after(when);
      await other.close();
    },
    begun: (cache) =>
      page.evaluate(async (cache) => {
        const kept = await caches.open(cache),
          sums = {};
        for (const { url } of await kept.keys()) {
          const [file] = url.split('?');
          sums[file] = (sums[file] ?? 0) + (await (await kept.match(url)).blob()).size;
        }
        return Math.max(...Object.values(sums));
      }, cache),
    poison: (cache) =>
      page.evaluate(async (cache) => {
        const kept = await caches.open(cache);
        for (const request of await kept.keys())
          if (/\.safetensors\?\d+$/.test(request.url))
            await kept.put(request, new Response('of another version', { headers: { 'content-length': 18 } }));
      }, cache),
    damage: (cache, name) =>
      page.evaluate(async (cache, name) => {
        const kept = await caches.open(cache);
        for (const request of await kept.keys())
          if (request.url.endsWith(`/${name}?0`)) {
            const response = await kept.match(request),
              bytes = new Uint8Array(await response.arrayBuffer());
            bytes[bytes.length >> 1] ^= 1;
            await kept.put(request, new Response(bytes, response));
          }
      }, cache, name),
    // In a page of another origin, which the browser grants no more than that.
    async full(action, argument, bytes) {
      const other = await browser.newPage(),
        elsewhere = origin.replace('127.0.0.1', 'localhost');
      const session = await other.createCDPSession();
      await session.send('Storage.overrideQuotaForOrigin', { origin: elsewhere, quotaSize: bytes });
      await other.goto(`${elsewhere}/page`);
      try {
        return await other.evaluate(act, action, argument);
      } finally {
        await other.close();
      }
    },
    leftovers: (cache) =>
      page.evaluate(async (cache) => {
        const kept = await caches.open(cache),
          wrong = [];
        for (const request of await kept.keys()) {
          const response = await kept.match(request),
            size = response.headers.get('content-length');
          const { byteLength } = await response.arrayBuffer();
          if (size !== null && byteLength !== Number(size)) wrong.push(request.url);
        }
        return wrong;
      }, cache),
    close: () => browser.close(),
  };
}
