// SPDX-License-Identifier: MIT OR Apache-2.0
// The package as it is shipped: the wasm's exports, index.js and index.d.ts agree; what npm would
// pack.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import * as library from '../../npm/index.js';
import { ROOT, filesOf, wasmBytes } from './support.js';

const read = (path) => readFileSync(join(ROOT, path), 'utf8');
const SOURCES = ['engine', 'index', 'tokenizer'].map((name) => read(`npm/${name}.js`)),
  TYPES = read('npm/index.d.ts'),
  PACKAGE = JSON.parse(read('npm/package.json'));
const sorted = (names) => [...new Set(names)].sort();

test('the wasm imports nothing, and exports what the package uses: no more, no less', () => {
  const module = new WebAssembly.Module(wasmBytes());
  assert.deepEqual(WebAssembly.Module.imports(module), []);
  const calls = /(?:call|run|give|array|rows)\('(\w+)'|\bexports\.(\w+)/g;
  const used = [...SOURCES.join().replace(/\.c\b/g, '').matchAll(calls)].map(
    (match) => match[1] ?? match[2],
  );
  assert.deepEqual(
    sorted(WebAssembly.Module.exports(module).map(({ name }) => name)),
    sorted([...used, PACKAGE.version]),
  );
});

test('index.d.ts declares what index.js exports, and every method', async () => {
  const declared = [
    ...TYPES.matchAll(/^export (?:default function|class|const|function) (\w+)/gm),
  ].map((match) => match[1]);
  assert.deepEqual(
    sorted(declared),
    sorted(
      Object.entries(library).map(([name, value]) => (name === 'default' ? value.name : name)),
    ),
  );
  const [body] = /^export class WasmPipeline [^]*?^}/m.exec(TYPES);
  const members = [...body.matchAll(/^ {2}(?:readonly )?(static )?(\w+)[(:?]/gm)].filter(
    (match) => match[2] !== 'constructor',
  );
  const own = (object) =>
    Object.getOwnPropertyNames(object).filter(
      (name) => !['constructor', 'length', 'name', 'prototype'].includes(name),
    );
  const { WasmPipeline } = library;
  assert.deepEqual(
    sorted(members.filter((match) => match[1]).map((match) => match[2])),
    sorted(own(WasmPipeline)),
  );
  await library.default();
  const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  const there = sorted([...own(WasmPipeline.prototype), ...Object.keys(pipeline)]).filter(
    (name) => name !== 'dispose',
  );
  assert.deepEqual(sorted(members.filter((match) => !match[1]).map((match) => match[2])), there);
  const facts = [
    ...TYPES.match(/interface PipelineInfo \{([^]*?)\n\}/)[1].matchAll(/readonly (\w+): (\w+)/g),
  ];
  assert.deepEqual(
    Object.fromEntries(facts.map((match) => [match[1], match[2]])),
    Object.fromEntries(Object.entries(pipeline.info).map(([name, value]) => [name, typeof value])),
  );
});

test('the error codes of index.d.ts are those of wasmicro.h', () => {
  const header = [...read('include/wasmicro.h').matchAll(/WM_ERROR_(\w+) =/g)].map(
    (match) => match[1],
  );
  const types = [...TYPES.match(/type ErrorCode =([^;]*)/)[1].matchAll(/'(\w+)'/g)].map(
    (match) => match[1],
  );
  assert.deepEqual(types, header);
  for (const source of SOURCES)
    for (const [, code] of source.matchAll(/fail(?:ed)?\('(\w+)'/g))
      assert.ok(header.includes(code), code);
});

test('one version', () => {
  const version = read('VERSION').trim();
  assert.equal(PACKAGE.version, version);
  assert.equal(SOURCES[0].match(/const VERSION = '(.*)'/)[1], version);
});

test('the wasm holds no relaxed SIMD: iOS refuses a module for one such instruction', () => {
  const text = spawnSync(
    join(ROOT, 'tools/npm/node_modules/.bin/wasm-dis'),
    ['--all-features', join(ROOT, 'npm/dist/wasmicro.wasm')],
    { encoding: 'utf8', maxBuffer: 2 ** 30 },
  );
  assert.ok(text.stdout.includes('f32x4.'), text.stderr);
  assert.ok(!text.stdout.includes('relaxed'));
});

test('npm packs the few files that are meant, under 1 MB, with no dependency', () => {
  const { stdout, stderr } = spawnSync('npm', ['pack', '--dry-run', '--json', '--offline'], {
    cwd: join(ROOT, 'npm'),
    encoding: 'utf8',
  });
  const [{ files, unpackedSize }] = JSON.parse(stdout || stderr);
  assert.deepEqual(files.map(({ path }) => path).sort(), [
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'dist/index.cjs',
    'dist/index.d.cts',
    'dist/inline.js',
    'dist/wasmicro-relaxed.wasm',
    'dist/wasmicro-scalar.wasm',
    'dist/wasmicro.wasm',
    'engine.js',
    'fetch.js',
    'folder.js',
    'hub.d.ts',
    'hub.js',
    'index.d.ts',
    'index.js',
    'package.json',
    'pool.d.ts',
    'pool.js',
    'tokenizer.d.ts',
    'tokenizer.js',
    'worker-thread.js',
    'worker.d.ts',
    'worker.js',
    'workerd.js',
  ]);
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) assert.equal(read(`npm/${name}`), read(name));
  assert.ok(unpackedSize < 1e6, `${unpackedSize} bytes`);
  assert.equal(PACKAGE.dependencies, undefined);
  assert.equal(PACKAGE.scripts, undefined);
});

// A project that has the package in its node_modules.
const consumer = (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'wasmicro-'));
  context.after(() => rmSync(folder, { recursive: true }));
  cpSync(join(ROOT, 'npm'), join(folder, 'node_modules/wasmicro'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
};

test('installed, it is found by import, by require, inline, and its wasm by subpath', (context) => {
  const folder = consumer(context);
  writeFileSync(
    join(folder, 'a.js'),
    `import init, { WasmPipeline } from 'wasmicro';
    await init();
    const found = import.meta.resolve('wasmicro/wasm').endsWith('dist/wasmicro.wasm');
    console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'), found);`,
  );
  writeFileSync(
    join(folder, 'b.cjs'),
    `const { default: init, WasmPipeline } = require('wasmicro');
    const found = require.resolve('wasmicro/wasm').endsWith('wasmicro.wasm');
    init().then(() => console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'), found));`,
  );
  writeFileSync(
    join(folder, 'c.cjs'), // as Node before 20.19 and Jest have it
    readFileSync(join(folder, 'b.cjs'), 'utf8').replace("'wasmicro')", "'./node_modules/wasmicro/dist/index.cjs')"),
  );
  writeFileSync(
    join(folder, 'd.mjs'),
    `import init, { WasmPipeline } from 'wasmicro/inline';
    globalThis.process = globalThis.fetch = undefined; // it needs neither files nor a server
    await init();
    console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'), true);`,
  );
  for (const name of ['a.js', 'b.cjs', 'c.cjs', 'd.mjs']) {
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, name)], {
      encoding: 'utf8',
    });
    assert.equal(stdout.trim(), 'bert true', stderr);
  }
});

test("README's examples run as they stand", (context) => {
  const folder = consumer(context),
    blocks = [...read('npm/README.md').matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);
  cpSync(join(ROOT, 'tests/tiny'), join(folder, 'tiny'), { recursive: true });
  const [first, hub, own, text, heads, tokens, worker, ...more] = blocks;
  assert.deepEqual(more, []);
  const given = `
    import { readFileSync } from 'node:fs';
    const files = (name, ...paths) =>
      Object.fromEntries(paths.map((path) => [path, readFileSync('tiny/' + name + '/' + path)]));
    const open = (name) => Library.load({ files: files(name, 'model.safetensors', 'config.json', 'tokenizer.json') });
    import { WasmPipeline as Library } from 'wasmicro';
    const { signal } = new AbortController(), shown = [], show = (part) => shown.push(part);
    const document = { body: { append: show } }, book = 'A long book. '.repeat(500);`;
  const at = (code) => code.replace(/const at = .*/, "const at = (path) => new URL(`tiny/st-mean/${path}`, import.meta.url);");
  const programs = [
    own,
    `const { 'model.safetensors': model, 'tokenizer.json': tokenizer, 'config.json': config, 'generation_config.json': generation } =
      files('qwen3-f32', 'model.safetensors', 'tokenizer.json', 'config.json', 'generation_config.json');
    import { WasmPipeline } from 'wasmicro';
    ${text}
    if (!shown.length) throw Error('nothing was written');`,
    `const [classifier, reranker] = await Promise.all(['head-bert', 'head-rerank'].map(open));
    const masked = { fillMask: Library.prototype.fillMask.bind }, // their models are not here
      reader = { answer: Library.prototype.answer.bind },
      tagger = { tag: Library.prototype.tag.bind };
    ${heads.replace(/^(masked|reader|tagger)/gm, "if (typeof $1 !== 'object') $1")}`,
    `const at = 0;\n${tokens}`,
    `const at = 0;\n${worker} far.close();`,
  ];
  for (const [i, program] of programs.entries()) {
    const path = join(folder, `readme${i}.mjs`);
    writeFileSync(path, given + at(program));
    const { status, stderr } = spawnSync(process.execPath, [path], { cwd: folder, encoding: 'utf8' });
    assert.equal(status, 0, `${program}\n${stderr}`);
  }
  // What these two fetch is not here.
  const names = (code) => [...code.matchAll(/import \{ (.*?) \} from '(.*?)'/g)].map(([, list, from]) => `import { ${list} } from '${from}';`);
  writeFileSync(join(folder, 'names.mjs'), [...names(first), ...names(hub)].join('\n'));
  const { status, stderr } = spawnSync(process.execPath, ['names.mjs'], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
});

test('bundled by esbuild, it runs with the wasm given', (context) => {
  const folder = consumer(context);
  writeFileSync(
    join(folder, 'a.js'),
    `import init, { WasmPipeline } from 'wasmicro';
    import wasm from 'wasmicro/wasm';
    await init(wasm);
    console.log(WasmPipeline.detectedModelType('{"model_type":"bert"}'));`,
  );
  const esbuild = join(ROOT, 'tools/npm/node_modules/.bin/esbuild');
  const built = spawnSync(
    esbuild,
    [
      'a.js',
      '--bundle',
      '--format=esm',
      '--loader:.wasm=binary',
      '--target=es2022',
      '--outfile=out.mjs',
      '--platform=browser',
      '--log-level=warning',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  assert.equal(built.stderr, '');
  const { stdout, stderr } = spawnSync(process.execPath, ['out.mjs'], {
    cwd: folder,
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), 'bert', stderr);
});

test('bundled for require without its wasm, it says what to do', (context) => {
  const folder = consumer(context);
  const code = "import init from 'wasmicro'; init().catch(({ code, message }) => console.log(code, message));";
  writeFileSync(join(folder, 'b.js'), code);
  const esbuild = join(ROOT, 'tools/npm/node_modules/.bin/esbuild');
  const flags = ['--bundle', '--format=cjs', '--platform=node', '--outfile=out.cjs', '--log-level=error'];
  spawnSync(esbuild, ['b.js', ...flags], { cwd: folder });
  const { stdout } = spawnSync(process.execPath, ['out.cjs'], { cwd: folder, encoding: 'utf8' });
  assert.match(stdout, /^UNSUPPORTED .*init\(url\), or wasmicro\/inline/);
});

const CONSUMER = `
import init, { WasmPipeline, WasmicroError, type AbortSignalLike, type EmbedOptions, type PipelineInfo, type Progress } from 'wasmicro';
import { embed, search, similarity } from 'wasmicro';
import { cache, fromHub, generate, type CacheEntry, type HubList, type Store } from 'wasmicro/hub';
import inline, { WasmPipeline as Inline } from 'wasmicro/inline';
import { WasmPool } from 'wasmicro/pool';
import { Tokenizer, type Chunk, type Encoding } from 'wasmicro/tokenizer';
import { WasmPipeline as Remote } from 'wasmicro/worker';
declare const signal: AbortSignalLike;
await init();
await init(new Uint8Array(8));
const pipeline: WasmPipeline = WasmPipeline.fromBytes([new Uint8Array(1)], 'vocab', '{}', null, {
  maxLength: 3,
  files: { 'modules.json': '[]' },
});
const vector: Float32Array = pipeline.embed('a', 128);
const options: EmbedOptions = { pooling: 'cls', normalize: true, prompt: null };
const batch: number = pipeline.embedBatch(['a', 'b'] as const, options).length;
const ids: Int32Array = pipeline.tokenize('a');
const [rows, width]: [number, number] = pipeline.hidden(ids).shape;
const info: PipelineInfo = pipeline.info;
const { tokens, truncated } = pipeline.last;
const family: string = WasmPipeline.detectedModelType('{}');
try {
  pipeline.close();
} catch (error) {
  if (error instanceof WasmicroError && error.code === 'STATE') error.offset.toFixed();
}
let known: number | null = 0;
const onProgress = ({ total }: Progress) => void (known = total);
const loaded = await WasmPipeline.load({ model: new Uint8Array(1), config: '{}', onProgress });
loaded[Symbol.dispose]();
const text: string = pipeline.generate('a', { maxNewTokens: 5, seed: 3n, stop: ['b'], earlyStopping: 'never' });
const many: string | string[] = pipeline.generate([1, 2], { numReturnSequences: 2, numBeams: 2 });
for await (const piece of pipeline.stream([{ role: 'user', content: 'a' }], { topP: 0.9 })) piece.trim();
const { data, shape: [, vocabulary] } = pipeline.logits(ids, [0]);
const back: string = pipeline.decode(new Int32Array(2), { skipSpecial: true });
const { label } = pipeline.classify('a', { pair: 'b', raw: true })[0]!;
const [{ index }] = pipeline.rerank('a', ['b', 'c']) as [{ index: number; score: number }];
const answer: string | undefined = pipeline.answer('a', 'b')?.answer;
const words: string[] = pipeline.tag('a').map(({ word }) => word);
const finish: 'eos' | 'stop' | 'length' | 'cancelled' | undefined = pipeline.last.finish;
const tokenizer: Tokenizer = await Tokenizer.load({ tokenizer: '{}', files: { 'tokenizer_config.json': '{}' } });
const encoding: Encoding = tokenizer.encode('a', { offsets: 'bytes', pair: 'b', strategy: 'first' });
const chunks: Chunk[] = tokenizer.chunk('a', { maxTokens: 5, overlap: 2 });
const counts: number[] = tokenizer.count(['a']);
const remote: Remote = await Remote.load({ model: new Uint8Array(1), wasm: 'https://example.org/w.wasm' });
const far: Float32Array = await remote.embed('a', { maxLength: 3 });
for await (const piece of remote.stream('a', 5)) piece.trim();
const pool = await WasmPool.load({ size: 2 });
const both: Float32Array = await pool.embedBatch(['a']);
await inline();
Inline.detectedModelType('{}');
const one: Float32Array = await embed('a');
const several: Float32Array[] = await embed(['a', 'b'], { truncateDim: 64 });
const nearest: { index: number; score: number }[] = search(one, several, 3);
const cosine: number = similarity(one, several[0]!);
const query: Float32Array = pipeline.embedQuery('a');
const documents: Float32Array = pipeline.embedDocuments(['a'], { truncateDim: 64 });
class Mine implements Store {
  async find() {
    return undefined;
  }
  async put(file: { path: string }, chunks: AsyncIterable<Uint8Array>) {
    for await (const bytes of chunks) bytes.slice();
  }
  async list(repo: string, revision: string) {
    return JSON.parse(repo + revision) as HubList;
  }
}
const hubbed = await fromHub('a/b', { revision: 'v1', cache: new Mine(), quantized: 'i8', onProgress: ({ loaded }) => void loaded });
hubbed.close();
const entries: CacheEntry[] = await cache.list();
const held: number = await cache.size('a/b', { cache: 'mine' });
const wrong: CacheEntry[] = await cache.verify();
await cache.delete('a/b');
const written: string = await generate('a', { maxNewTokens: 3, signal });
await embed('a', { signal, maxLength: 3 });
export { nearest, cosine, query, documents, entries, held, wrong, written };
export { text, many, data, vocabulary, back, label, index, answer, words, finish, encoding, chunks, counts, far, both };
// @ts-expect-error
pipeline.generate('a', { max_new_tokens: 5 });
// @ts-expect-error
tokenizer.encode('a', { offsets: 'chars' });
// @ts-expect-error
pipeline.embed(5);
// @ts-expect-error
pipeline.embed('a', { pooling: 'median' });
// @ts-expect-error
embed('a', { maxLengths: 5 });
// @ts-expect-error
new WasmPipeline();
// @ts-expect-error
WasmPipeline.load({ model: 'path' });
// @ts-expect-error
pipeline.last.tokens = 5;
export { known, vector, batch, rows, width, info, tokens, truncated, family };
`;
const IN_A_PAGE = `
import init, { WasmPipeline } from 'wasmicro';
import { fromHub } from 'wasmicro/hub';
await init(new URL('x:y'));
await init(fetch('x'));
await init(new WebAssembly.Module(new Uint8Array()));
const { signal } = new AbortController();
const files = { a: new ReadableStream<Uint8Array>() };
await fromHub('a/b', { fetch, signal });
await WasmPipeline.load({ model: fetch('x'), tokenizer: new Blob([]), config: new URL('a:b'), signal, files });
`;
const REQUIRED = `
import wasmicro = require('wasmicro');
wasmicro.default().then(() => wasmicro.WasmPipeline.detectedModelType('{}').trim());
`;
test('tsc --strict takes the types, with and without the DOM', (context) => {
  const folder = consumer(context),
    tsc = join(ROOT, 'tools/npm/node_modules/.bin/tsc');
  assert.ok(existsSync(tsc));
  writeFileSync(join(folder, 'a.ts'), CONSUMER);
  writeFileSync(join(folder, 'b.cts'), REQUIRED);
  writeFileSync(join(folder, 'page.ts'), IN_A_PAGE);
  const kinds = [
    ['node16', 'node16', 'es2022'],
    ['nodenext', 'nodenext', 'esnext'],
    ['esnext', 'bundler', 'es2022,dom'],
    ['esnext', 'bundler', 'esnext,webworker'],
  ];
  for (const [module, resolution, lib] of kinds) {
    const files = ['a.ts', /dom|worker/.test(lib) ? 'page.ts' : 'b.cts'];
    const { stdout, status } = spawnSync(
      tsc,
      [
        '--strict',
        '--noEmit',
        '--types',
        '',
        '--target',
        'es2022',
        '--module',
        module,
        '--moduleResolution',
        resolution,
        '--lib',
        lib,
        ...files,
      ],
      { cwd: folder, encoding: 'utf8' },
    );
    assert.equal(status, 0, `${module} ${lib}: ${stdout}`);
  }
});
