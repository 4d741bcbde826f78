// SPDX-License-Identifier: MIT OR Apache-2.0
// The module: whence it comes, and what is said when it is not what it should be.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import test, { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { WASM, errorOf, filesOf, freshLibrary, wasmBytes } from './support.js';

const HTML = '<!doctype html><title>not found</title>';
const answers = {
  '/wasmicro.wasm': [200, 'application/wasm', wasmBytes()],
  '/plain.wasm': [200, 'text/plain', wasmBytes()],
  '/html.wasm': [200, 'text/html', HTML],
  '/lies.wasm': [200, 'application/wasm', `\n ${HTML}`],
  '/short.wasm': [200, 'application/wasm', wasmBytes().subarray(0, 3000)],
  '/text.wasm': [200, 'text/plain', 'no such file'],
  '/empty.wasm': [200, 'application/wasm', ''],
};
const server = createServer((request, response) => {
  const [status, type, body] = answers[request.url] ?? [404, 'text/html', HTML];
  response.writeHead(status, { 'content-type': type }).end(body);
}).listen(0, '127.0.0.1');
await new Promise((ready) => server.on('listening', ready));
after(() => server.close());
const origin = `http://127.0.0.1:${server.address().port}`;

const works = ({ WasmPipeline }) => {
  const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  assert.equal(pipeline.embed('Hello').length, pipeline.info.dim);
};

const sources = {
  nothing: () => undefined,
  bytes: () => wasmBytes(),
  'an ArrayBuffer': () => new Uint8Array(wasmBytes()).buffer,
  'a module': () => new WebAssembly.Module(wasmBytes()),
  'a file: URL': () => pathToFileURL(WASM),
  'the text of a file: URL': () => pathToFileURL(WASM).href,
  'a URL': () => new URL('/wasmicro.wasm', origin),
  'the text of a URL': () => `${origin}/wasmicro.wasm`,
  'a wrong media type': () => `${origin}/plain.wasm`,
  'a response': () => fetch(`${origin}/wasmicro.wasm`).then((response) => response),
  'a promise': () => Promise.resolve(wasmBytes()),
};
for (const [name, source] of Object.entries(sources))
  test(`init takes ${name}`, async () => {
    const library = await freshLibrary();
    await library.default(source());
    works(library);
  });

const faults = {
  'HTML in place of the wasm': [
    '/html.wasm',
    'FORMAT',
    /http.*html\.wasm.*dist\/wasmicro\.wasm/,
  ],
  'HTML as application/wasm': ['/lies.wasm', 'FORMAT', /is HTML/],
  'a truncated file': ['/short.wasm', 'UNSUPPORTED', /WebAssembly/],
  'some text': ['/text.wasm', 'UNSUPPORTED', /magic/],
  'nothing at all': ['/empty.wasm', 'UNSUPPORTED', /WebAssembly/],
  'a 404': ['/none.wasm', 'HTTP', /404/],
};
for (const [name, [path, code, message]] of Object.entries(faults))
  test(`init refuses ${name}, and may be called again`, async () => {
    const library = await freshLibrary();
    const error = await errorOf(() => library.default(origin + path));
    assert.ok(error instanceof library.WasmicroError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    await library.default();
    works(library);
  });

test('init refuses a file that is not there, and a port that nobody listens at', async () => {
  const { default: init } = await freshLibrary();
  const integrity = `sha256-${'A'.repeat(43)}=`; // not the file's
  for (const response of [fetch('http://127.0.0.1:9/'), fetch(`${origin}/wasmicro.wasm`, { integrity })])
    assert.equal((await errorOf(() => init(response))).code, 'IO');
  assert.equal((await errorOf(() => init(new URL('none.wasm', import.meta.url)))).code, 'IO');
  assert.equal((await errorOf(() => init('http://127.0.0.1:9/wasmicro.wasm'))).code, 'IO');
});

test('a wasm of another version is refused', async () => {
  const library = await freshLibrary();
  const version = Buffer.from('0.1.0'), // the name of an export
    other = wasmBytes();
  const at = other.indexOf(version);
  assert.ok(at > 0);
  other[at] = '9'.charCodeAt(0);
  const error = await errorOf(() => library.default(other));
  assert.equal(error.code, 'UNSUPPORTED');
  assert.match(error.message, /not of version 0\.1\.0/);
});

test('a foreign wasm module is refused', async () => {
  const { default: init } = await freshLibrary();
  const empty = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
  assert.equal((await errorOf(() => init(empty))).code, 'UNSUPPORTED');
});

test('a host without WebAssembly is told so', async () => {
  const { default: init } = await freshLibrary(),
    real = globalThis.WebAssembly;
  delete globalThis.WebAssembly;
  const error = await errorOf(() => init(wasmBytes()));
  globalThis.WebAssembly = real;
  assert.equal(error.code, 'UNSUPPORTED');
  assert.match(error.message, /WebAssembly/);
});

test('before init everything but load says STATE; load calls it', async () => {
  const { default: init, WasmPipeline } = await freshLibrary(),
    files = filesOf('bert-f32');
  assert.equal(
    (await errorOf(() => WasmPipeline.fromBytes(null, null, null, null, { files }))).code,
    'STATE',
  );
  assert.equal((await errorOf(() => WasmPipeline.detectedModelType('{}'))).code, 'STATE');
  assert.equal((await WasmPipeline.load({ files })).embed('Hello').length, 24);
  assert.equal(init(), init(), 'memoised');
});
