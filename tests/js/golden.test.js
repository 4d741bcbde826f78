// SPDX-License-Identifier: MIT OR Apache-2.0
// Every tiny checkpoint through the package, against what Hugging Face computes from it in float64.
import assert from 'node:assert/strict';
import test from 'node:test';
import init, { WasmPipeline } from '../../npm/index.js';
import { CHECKPOINTS, bits, filesOf, floats, goldenOf } from './support.js';

await init();

// Each row within 5e-5 of the largest of 1 and the row's own numbers.
function assertNear(got, want, width, what) {
  assert.equal(got.length, want.length, what);
  for (let row = 0; row < want.length; row += width) {
    const scale = Math.max(1, ...want.subarray(row, row + width).map(Math.abs));
    for (let i = row; i < row + width; i++)
      assert.ok(
        Math.abs(got[i] - want[i]) <= 5e-5 * scale,
        `${what}: [${i}] is ${got[i]}, should be ${want[i]}`,
      );
  }
}

const optionsOf = ({
  prompt,
  prompt_name: promptName,
  pooling,
  normalize,
  max_length: maxLength,
  truncate,
}) => ({
  prompt,
  promptName,
  pooling,
  normalize,
  maxLength,
  truncate,
});

for (const { name } of CHECKPOINTS) {
  test(name, () => {
    const golden = goldenOf(name),
      files = filesOf(name);
    const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files });
    assert.equal(pipeline.info.width, golden.width);
    assert.equal(pipeline.info.dim, golden.dim);
    const config = files['config.json'] ?? '{"model_type": "static"}'; // StaticEmbedding has none
    assert.equal(pipeline.info.modelType, WasmPipeline.detectedModelType(config));
    for (const { ids, states } of golden.hidden) {
      const { data, shape } = pipeline.hidden(ids);
      assert.deepEqual(shape, [ids.length, golden.width]);
      assertNear(data, floats(states), golden.width, `hidden of ${ids.length} ids`);
    }
    for (const golden of goldenOf(name).texts) {
      const what = JSON.stringify({ ...golden, ids: undefined, embedding: undefined });
      assert.deepEqual([...pipeline.tokenize(golden.text)], golden.ids, what);
      const want = floats(golden.embedding);
      assertNear(pipeline.embed(golden.text, optionsOf(golden)), want, want.length, what);
      assert.deepEqual(pipeline.last, { tokens: golden.tokens, truncated: golden.truncated }, what);
    }
    const texts = golden.texts.map(({ text }) => text);
    const batch = pipeline.embedBatch(texts),
      sum = { tokens: 0, truncated: false },
      { last } = pipeline;
    texts.forEach((text, i) => {
      const one = pipeline.embed(text);
      assert.equal(bits(batch.subarray(i * one.length, (i + 1) * one.length)), bits(one), text);
      sum.tokens += pipeline.last.tokens;
      sum.truncated ||= pipeline.last.truncated;
    });
    assert.deepEqual(last, sum);
    pipeline.close();
  });
}

test('the three or four files by name give what the folder gives', () => {
  const bert = filesOf('bert-f32'),
    roberta = filesOf('roberta-f32');
  const text = 'The river runs past the old mill.';
  const folder = (files) =>
    bits(WasmPipeline.fromBytes(null, null, null, null, { files }).embed(text));
  const named = (...parts) => bits(WasmPipeline.fromBytes(...parts).embed(text));
  const weights = bert['model.safetensors'],
    config = bert['config.json'];
  const [a, b, c] = [weights.subarray(0, 5), weights.subarray(5, 4001), weights.subarray(4001)];
  const want = folder(bert);
  assert.equal(named(weights, bert['tokenizer.json'], config), want);
  assert.equal(
    named(weights, bert['vocab.txt'], config, null, {
      files: { 'tokenizer_config.json': bert['tokenizer_config.json'] },
    }),
    want,
  );
  assert.equal(named([a, b, c], bert['tokenizer.json'].toString(), config.toString()), want);
  assert.equal(
    named(
      roberta['model.safetensors'],
      roberta['vocab.json'],
      roberta['config.json'],
      roberta['merges.txt'],
    ),
    folder(roberta),
  );
});

test('a batch is bit for bit its texts one by one, at lengths 1 to 512 and in any order', () => {
  const pipeline = WasmPipeline.fromBytes(null, null, null, null, { files: filesOf('bert-odd') });
  const texts = Array.from({ length: 150 }, (_, i) =>
    'the old mill '.repeat((i * 37) % 171).slice(0, (i * 37) % 512),
  );
  const { dim } = pipeline.info,
    batch = pipeline.embedBatch(texts),
    back = pipeline.embedBatch([...texts].reverse());
  texts.forEach((text, i) => {
    const one = bits(pipeline.embed(text)),
      j = texts.length - 1 - i;
    assert.equal(bits(batch.subarray(i * dim, (i + 1) * dim)), one);
    assert.equal(bits(back.subarray(j * dim, (j + 1) * dim)), one);
  });
});
