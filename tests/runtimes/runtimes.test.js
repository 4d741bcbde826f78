// SPDX-License-Identifier: MIT OR Apache-2.0
// make test-runtimes: the package as it is installed, in Deno, Bun and workerd, and as Vite, webpack
// and Rollup bundle it, against the bits that Node gives.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import init, { WasmPipeline } from '../../npm/index.js';
import { startHub } from '../hub/server.mjs';
import { ROOT, bits, filesOf } from '../js/support.js';

const MODULES = join(import.meta.dirname, 'node_modules');
const ESBUILD = join(ROOT, 'tools/npm/node_modules/.bin/esbuild');
const CHROMIUM =
  process.env.CHROMIUM ??
  ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
const FIREFOX =
  process.env.FIREFOX ?? ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find(existsSync);
const TEXT = 'The river runs past the old mill.';

await init();
const open = (name) => WasmPipeline.fromBytes(null, null, null, null, { files: filesOf(name) });
const WANT = {
  vector: bits(open('bert-f32').embed(TEXT)),
  text: open('gpt2-f32').generate(TEXT, 20),
};

// A project with the package in its node_modules.
const project = mkdtempSync(join(tmpdir(), 'wasmicro-'));
after(() => rmSync(project, { recursive: true }));
cpSync(join(ROOT, 'npm'), join(project, 'node_modules/wasmicro'), { recursive: true });
cpSync(join(ROOT, 'tests/tiny'), join(project, 'tiny'), { recursive: true });
writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
const write = (name, text) => (writeFileSync(join(project, name), text), join(project, name));

const paths = (name) => JSON.stringify(Object.keys(filesOf(name)));
// files(name) of each platform gives what `load` takes.
const WORK = `
const hex = (v) => Array.from(new Uint8Array(v.buffer), (b) => b.toString(16).padStart(2, '0')).join('');
const files = (name, list) => Object.fromEntries(list.map((path) => [path, new URL('tiny/' + name + '/' + path, BASE)]));
export async function work(WasmPipeline) {
  const bert = await WasmPipeline.load({ files: files('bert-f32', ${paths('bert-f32')}) });
  const gpt2 = await WasmPipeline.load({ files: files('gpt2-f32', ${paths('gpt2-f32')}) });
  let text = '';
  for await (const piece of gpt2.stream(${JSON.stringify(TEXT)}, 20)) text += piece;
  const vector = hex(await bert.embed(${JSON.stringify(TEXT)}));
  bert.close();
  gpt2.close();
  return { vector, text };
}
`;

// ---- On their own -------------------------------------------------------------------------------

const ON_DISK = write(
  'disk.js',
  `const BASE = import.meta.url;
${WORK}
import { WasmPipeline } from 'wasmicro';
import { WasmPipeline as Remote } from 'wasmicro/worker';
import { Tokenizer } from 'wasmicro/tokenizer';
const tokenizer = await Tokenizer.load({ tokenizer: new URL('tiny/bert-f32/tokenizer.json', BASE) });
const result = [await work(WasmPipeline), await work(Remote), tokenizer.count('the mill')];
console.log(JSON.stringify(result));
process.exit();
`,
);
const runtimes = {
  Node: [process.execPath],
  Deno: [
    join(MODULES, '@deno/linux-x64-glibc/deno'),
    'run',
    '--no-config',
    '--allow-all',
    '--node-modules-dir=manual',
  ],
  Bun: [join(MODULES, '@oven/bun-linux-x64/bin/bun')],
};
for (const [name, [command, ...flags]] of Object.entries(runtimes))
  test(`${name}: here and in a Worker, from files on disk`, () => {
    const { stdout, stderr } = spawnSync(command, [...flags, ON_DISK], {
      cwd: project,
      encoding: 'utf8',
    });
    assert.ok(stdout, stderr);
    assert.deepEqual(JSON.parse(stdout), [WANT, WANT, 5]);
  });

// Where huggingface_hub keeps its files, what one fetched the next finds.
test('the hub in Node, Deno and Bun: one cache folder for all', async () => {
  const files = filesOf('bert-f32'),
    hub = await startHub({ repos: { 'org/tiny': { files } } });
  const program = write(
    'hub.js',
    `import { cache, fromHub } from 'wasmicro/hub';
    const open = () => fromHub('org/tiny');
    const [p] = await Promise.all([open(), open(), open()]);
    const vector = Array.from(new Uint8Array(p.embed(${JSON.stringify(TEXT)}).buffer), (b) => b.toString(16).padStart(2, '0')).join('');
    console.log(JSON.stringify([vector, await cache.size(), await cache.verify()]));
    process.exit();
    `,
  );
  const env = { ...process.env, HF_ENDPOINT: hub.endpoint, HF_TOKEN: '', HF_HUB_OFFLINE: '' };
  const run = promisify(execFile);
  try {
    for (const [name, [command, ...flags]] of Object.entries(runtimes)) {
      env.HF_HUB_CACHE = join(project, `hub-${name}`);
      for (const again of [false, true]) {
        const { stdout } = await run(command, [...flags, program], { cwd: project, env });
        const [vector, size, damaged] = JSON.parse(stdout);
        assert.deepEqual([vector, damaged], [WANT.vector, []], name);
        assert.ok(size > files['model.safetensors'].length);
        const fetched = hub.log.splice(0).filter(({ where }) => where === 'cdn').length;
        assert.equal(fetched, again ? 0 : 1, name);
      }
    }
  } finally {
    await hub.close();
  }
});

test('publint finds nothing wrong with what npm packs', () => {
  const { stdout, status } = spawnSync(process.execPath, [join(MODULES, 'publint/src/cli.js'), '--strict', join(ROOT, 'npm')], {
    encoding: 'utf8',
  });
  assert.equal(status, 0, stdout);
});

test('Bun: compiled into one file with wasmicro/inline', async () => {
  const entry = write(
    'inline.js',
    `import init, { WasmPipeline } from 'wasmicro/inline';
    await init();
    console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'));`,
  );
  const out = join(project, 'compiled');
  const built = spawnSync(runtimes.Bun[0], ['build', '--compile', entry, '--outfile', out], {
    cwd: project,
    encoding: 'utf8',
  });
  assert.equal(built.status, 0, built.stderr);
  assert.equal(spawnSync(out, { cwd: tmpdir(), encoding: 'utf8' }).stdout.trim(), 'bert');
});

test('workerd: the wasm by import, the weights in the request, a stream of text', async () => {
  write(
    'cloud.js',
    `import { WasmPipeline } from 'wasmicro';
    let pipeline;
    export default {
      async fetch(request) {
        const form = await request.formData();
        const files = Object.fromEntries(await Promise.all([...form].map(async ([path, file]) =>
          [path, typeof file === 'string' ? file : file.stream()])));
        pipeline = await WasmPipeline.load({ files });
        if (pipeline.info.modelType === 'bert') return new Response(pipeline.embed(${JSON.stringify(TEXT)}).buffer);
        const { readable, writable } = new TransformStream();
        const writer = writable.getWriter(), encoder = new TextEncoder();
        (async () => {
          for await (const piece of pipeline.stream(${JSON.stringify(TEXT)}, 20)) await writer.write(encoder.encode(piece));
          await writer.close();
        })();
        return new Response(readable);
      },
    };`,
  );
  const bundle = [
    'cloud.js',
    '--bundle',
    '--format=esm',
    '--outdir=cloud',
    '--conditions=workerd,worker,browser',
    '--loader:.wasm=copy',
    '--external:node:*',
    '--log-level=warning',
  ];
  const built = spawnSync(ESBUILD, bundle, { cwd: project, encoding: 'utf8' });
  assert.equal(built.stderr, '');
  const { Miniflare } = createRequire(join(MODULES, 'x.js'))('miniflare');
  const out = join(project, 'cloud'),
    wasm = readdirSync(out).find((name) => name.endsWith('.wasm'));
  const worker = new Miniflare({
    modules: [
      { type: 'ESModule', path: 'cloud.js', contents: readFileSync(join(out, 'cloud.js'), 'utf8') },
      { type: 'CompiledWasm', path: wasm, contents: readFileSync(join(out, wasm)) },
    ],
    compatibilityDate: '2026-04-01',
  });
  try {
    for (const [name, read] of [
      [
        'bert-f32',
        async (response) =>
          assert.equal(bits(new Float32Array(await response.arrayBuffer())), WANT.vector),
      ],
      ['gpt2-f32', async (response) => assert.equal(await response.text(), WANT.text)],
    ]) {
      const body = new FormData();
      for (const [path, bytes] of Object.entries(filesOf(name)))
        body.set(path, new Blob([bytes]), path);
      const request = new Request('http://localhost/', { method: 'POST', body });
      const response = await worker.dispatchFetch('http://localhost/', {
        method: 'POST',
        headers: { 'content-type': request.headers.get('content-type') },
        body: await request.arrayBuffer(),
      });
      assert.equal(response.status, 200);
      await read(response);
    }
  } finally {
    await worker.dispose();
  }
});

// ---- Bundled, in Chromium -----------------------------------------------------------------------

const PAGE = `
import { WasmPipeline } from 'wasmicro';
import { WasmPipeline as Remote } from 'wasmicro/worker';
import { work } from './work.js';
window.done = Promise.all([work(WasmPipeline), work(Remote)]).catch((error) => error.stack);
`;
write('work.js', `const BASE = location.origin + '/';\n${WORK}`);
write('page.js', PAGE);
write('index.html', '<!doctype html><script type="module" src="/page.js"></script>');

const TYPES = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
  '.json': 'application/json',
};

async function runPage(folder, launch = { executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] }) {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://x');
    const file = join(
      pathname.startsWith('/tiny/') ? project : folder,
      pathname === '/' ? 'index.html' : pathname,
    );
    if (!existsSync(file)) return response.writeHead(404).end();
    response
      .writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' })
      .end(readFileSync(file));
  }).listen(0, '127.0.0.1');
  const puppeteer = createRequire(join(ROOT, 'tools/npm/package.json'))('puppeteer-core');
  const browser = await puppeteer.launch(launch);
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    await page.waitForFunction(() => window.done);
    return await page.evaluate(() => window.done);
  } finally {
    await browser.close();
    server.close();
  }
}

test('Vite: built without a word of configuration', { skip: !CHROMIUM }, async () => {
  const { build } = await import(pathToFileURL(join(MODULES, 'vite/dist/node/index.js')).href);
  const worker = { format: 'es' };
  await build({
    root: project,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    worker,
    build: { outDir: 'vite', target: 'es2022' },
  });
  assert.deepEqual(await runPage(join(project, 'vite')), [WANT, WANT]);
});

test('Vite: its development server, with optimizeDeps.exclude', { skip: !CHROMIUM }, async () => {
  const { createServer } = await import(
    pathToFileURL(join(MODULES, 'vite/dist/node/index.js')).href
  );
  const server = await createServer({
    root: project,
    configFile: false,
    logLevel: 'error',
    server: { port: 0, host: '127.0.0.1' },
    optimizeDeps: { exclude: ['wasmicro'] },
  });
  const puppeteer = createRequire(join(ROOT, 'tools/npm/package.json'))('puppeteer-core');
  const browser = await puppeteer.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  try {
    await server.listen();
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.httpServer.address().port}/`);
    await page.waitForFunction(() => window.done);
    assert.deepEqual(await page.evaluate(() => window.done), [WANT, WANT]);
  } finally {
    await browser.close();
    await server.close();
  }
});

test('webpack: built without a word of configuration', { skip: !CHROMIUM }, async () => {
  const webpack = createRequire(join(MODULES, 'x.js'))('webpack');
  const path = join(project, 'webpack');
  const run = promisify((options, done) => webpack(options, done));
  const stats = await run({
    mode: 'production',
    context: project,
    entry: './page.js',
    output: { path, filename: 'page.js' },
    experiments: { outputModule: false },
  });
  assert.ok(!stats.hasErrors(), stats.toString());
  writeFileSync(join(path, 'index.html'), '<!doctype html><script defer src="/page.js"></script>');
  assert.deepEqual(await runPage(path), [WANT, WANT]);
});

// By WebDriver BiDi; needs no driver of its own.
test('Firefox: here and in a Worker, by an import map', { skip: !FIREFOX && 'no firefox-esr' }, async () => {
  const out = join(project, 'firefox'),
    from = join(project, 'node_modules/wasmicro');
  cpSync(from, join(out, 'wasmicro'), { recursive: true });
  for (const name of ['page.js', 'work.js']) cpSync(join(project, name), join(out, name));
  const names = { wasmicro: '/wasmicro/index.js', 'wasmicro/worker': '/wasmicro/worker.js' };
  writeFileSync(
    join(out, 'index.html'),
    `<!doctype html><script type="importmap">${JSON.stringify({ imports: names })}</script>
    <script type="module" src="/page.js"></script>`,
  );
  const launch = { browser: 'firefox', executablePath: FIREFOX };
  assert.deepEqual(await runPage(out, launch), [WANT, WANT]);
});

test('Rollup: with the wasm given by its address', async () => {
  const { rollup } = createRequire(join(MODULES, 'x.js'))('rollup');
  const { nodeResolve } = createRequire(join(MODULES, 'x.js'))('@rollup/plugin-node-resolve');
  const input = write(
    'rolled.js',
    `import init, { WasmPipeline } from 'wasmicro';
    await init(new URL('./node_modules/wasmicro/dist/wasmicro.wasm', import.meta.url));
    console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'));`,
  );
  const warnings = [];
  const bundle = await rollup({
    input,
    plugins: [nodeResolve()],
    onwarn: ({ code, message }) => warnings.push(`${code} ${message}`),
  });
  await bundle.write({
    file: join(project, 'rolled.out.mjs'),
    format: 'es',
    inlineDynamicImports: true,
  });
  const { stdout } = await promisify(execFile)(process.execPath, ['rolled.out.mjs'], {
    cwd: project,
  });
  assert.equal(stdout.trim(), 'bert');
  assert.deepEqual(
    warnings.filter((warning) => !/CIRCULAR/.test(warning)),
    [],
  );
});
