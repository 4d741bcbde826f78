// SPDX-License-Identifier: MIT OR Apache-2.0
// A model quantised to i8 here, from the layout's definition (docs/quantised.md): in f32 and by compute: "int8".
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';

const file = (name) => new Uint8Array(readFileSync(new URL(`../tiny/bert-f32/${name}`, import.meta.url)));
const TEXTS = ['Hello world', 'a longer text, about nothing at all', 'x'];

// The safetensors file with each matrix of [N, K] as I8 and its scales.
const quantised = (bytes) => {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))),
    parts = [],
    out = { __metadata__: { 'wasmicro.quant': 'i8:1' } };
  let at = 0;
  const put = (name, dtype, shape, data) => {
    out[name] = { dtype, shape, data_offsets: [at, (at += data.byteLength)] };
    parts.push(new Uint8Array(data.buffer));
  };
  delete header.__metadata__;
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(header)) {
    const data = bytes.slice(8 + length + from, 8 + length + to);
    if (shape.length < 2 || /position|type/.test(name)) {
      put(name, dtype, shape, data);
      continue;
    }
    const [N, K] = shape, w = new Float32Array(data.buffer), q = new Int8Array(N * K), scale = new Float32Array(N);
    for (let n = 0; n < N; n++) {
      const row = w.subarray(n * K, (n + 1) * K);
      scale[n] = row.reduce((most, x) => Math.max(most, Math.abs(x)), 0) / 127;
      row.forEach((x, k) => (q[n * K + k] = Math.round(x / scale[n])));
    }
    put(name, 'I8', shape, q);
    put(`${name}.scale`, 'F32', [N], scale);
  }
  const text = new TextEncoder().encode(JSON.stringify(out)), file = new Uint8Array(8 + text.length + at);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  let place = 8 + text.length;
  for (const part of parts) file.set(part, place), (place += part.length);
  return file;
};

const open = (model, compute) =>
  WasmPipeline.fromBytes(model, file('tokenizer.json'), file('config.json'), null, { compute });

const cosine = (a, b) => {
  const dot = (x, y) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

before(() => init(readFileSync(new URL('../../npm/dist/wasmicro.wasm', import.meta.url))));

test('i8 is near f32, and int8 near i8', () => {
  const plain = open(file('model.safetensors')),
    i8 = open(quantised(file('model.safetensors'))),
    int8 = open(quantised(file('model.safetensors')), 'int8');
  assert.equal(i8.info.dtype, 'I8');
  for (const text of TEXTS) {
    assert.ok(cosine(plain.embed(text), i8.embed(text)) > 0.998);
    assert.ok(cosine(i8.embed(text), int8.embed(text)) > 0.9999);
  }
  assert.notDeepEqual(i8.embed(TEXTS[1]), int8.embed(TEXTS[1]));
});

test('a batch is bit for bit its texts, by int8 too', () => {
  for (const compute of ['f32', 'int8']) {
    const pipeline = open(quantised(file('model.safetensors')), compute);
    const batch = pipeline.embedBatch(TEXTS), dim = pipeline.info.dim;
    TEXTS.forEach((text, i) => assert.deepEqual(batch.slice(i * dim, (i + 1) * dim), pipeline.embed(text)));
  }
});

test('compute is checked', () => {
  assert.throws(() => open(file('model.safetensors'), 'int8'), { code: 'ARG' });
  assert.throws(() => open(file('model.safetensors'), 'int4'), { code: 'ARG', message: /compute/ });
});
