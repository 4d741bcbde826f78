// SPDX-License-Identifier: MIT OR Apache-2.0
// The modules beside the usual one: without SIMD, and with relaxed SIMD.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import test from 'node:test';
import { ROOT, filesOf, freshLibrary, wasmBytes } from './support.js';

const TEXT = 'Hello, World! Ünïcödé 42';
const vectorOf = ({ WasmPipeline }) => {
  const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
  return { isa: pipeline.info.isa, vector: Array.from(pipeline.embed(TEXT)) };
};

async function usual() {
  const library = await freshLibrary();
  await library.default(wasmBytes());
  return vectorOf(library);
}

const assertNear = (got, want) =>
  want.forEach((value, i) => assert.ok(Math.abs(value - got[i]) < 1e-5, `number ${i}: ${got[i]}, ${value}`));

test('an engine without SIMD gets the scalar module by itself', async () => {
  const { validate } = WebAssembly;
  const library = await freshLibrary();
  assert.ok(validate(new TextEncoder().encode('\0asm\x01\0\0\0\x01\x05\x01`\0\x01{')));
  assert.ok(!validate(new TextEncoder().encode('\0asm\x01\0\0\0\x01\x05\x01`\0\x01t')), 'no such type');
  WebAssembly.validate = () => false;
  try {
    await library.default();
  } finally {
    WebAssembly.validate = validate;
  }
  const { isa, vector } = vectorOf(library);
  assert.equal(isa, 'scalar');
  assertNear(vector, (await usual()).vector);
});

test('the relaxed module runs where it is asked for', async () => {
  const code = `
    import { readFileSync } from 'node:fs';
    import { filesOf } from './tests/js/support.js';
    import init, { WasmPipeline } from './npm/index.js';
    await init(readFileSync('npm/dist/wasmicro-relaxed.wasm'));
    const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-f32') });
    console.log(JSON.stringify({ isa: pipeline.info.isa, vector: Array.from(pipeline.embed(${JSON.stringify(TEXT)})) }));`;
  const run = (...flags) =>
    spawnSync(process.execPath, [...flags, '--input-type=module', '-e', code], {
      cwd: ROOT,
      encoding: 'utf8',
    });
  let { stdout, stderr } = run();
  if (!stdout) ({ stdout, stderr } = run('--experimental-wasm-relaxed-simd')); // Node 20
  assert.ok(stdout, stderr);
  const { isa, vector } = JSON.parse(stdout);
  assert.equal(isa, 'relaxed');
  assertNear(vector, (await usual()).vector); // fused or not: the last bits differ
});
