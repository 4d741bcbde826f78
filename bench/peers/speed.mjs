// SPDX-License-Identifier: MIT OR Apache-2.0
// Milliseconds a call, one thread, in this process: wasmicro and onnxruntime-web by turns, in f32 and with 8-bit products.
// node speed.mjs MODEL_FOLDER MODEL.onnx I8_FOLDER Q8.onnx [SECONDS]: prints one JSON object.
//
// wasmicro is timed from text to vector: tokenizer, model, pooling. onnxruntime-web is given the
// ids: model and pooling.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-web';
import init, { WasmPipeline } from '../../npm/index.js';
import { ROOT, cosine, summary } from './report.mjs';

const [folder, graph, i8, q8, seconds = '3'] = process.argv.slice(2);
const SHAPES = [8, 32, 128, 256].map((length) => ({ batch: 1, length })).concat({ batch: 32, length: 128 });

function open(folder, compute) {
  const url = (path) => pathToFileURL(join(resolve(folder), path));
  return WasmPipeline.load({
    model: url('model.safetensors'),
    tokenizer: url('tokenizer.json'),
    config: url('config.json'),
    normalize: false,
    compute,
  });
}
const session = (graph) =>
  ort.InferenceSession.create(readFileSync(graph), { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });

await init();
ort.env.wasm.numThreads = 1;
const pipeline = await open(folder);

// `batch` texts of `length` tokens, and what each engine takes of them.
const WORDS = 'the old mill by the river was sold in spring to two sisters who bake bread and play music at night'
  .split(' ')
  .filter((word) => pipeline.tokenize(word).length === 3);
function inputOf({ batch, length }) {
  const texts = Array.from({ length: batch }, (_, at) =>
    Array.from({ length: length - 2 }, (_, i) => WORDS[(at + i) % WORDS.length]).join(' '),
  );
  const ids = texts.map((text) => pipeline.tokenize(text));
  if (ids.some((row) => row.length !== length)) throw new Error(`${length} tokens wanted`);
  return { batch, length, texts, ids: BigInt64Array.from(ids.map((row) => [...row]).flat(), BigInt) };
}

const wasmicro =
  (pipeline) =>
  ({ texts }) =>
    texts.length === 1 ? pipeline.embed(texts[0]) : pipeline.embedBatch(texts);
const onnxruntime =
  (session) =>
  async ({ ids, batch, length }) => {
    const tensor = (data) => new ort.Tensor('int64', data, [batch, length]);
    const { last_hidden_state: states } = await session.run({
      input_ids: tensor(ids),
      attention_mask: tensor(new BigInt64Array(ids.length).fill(1n)),
      token_type_ids: tensor(new BigInt64Array(ids.length)),
    });
    const width = states.dims[2],
      { data } = states,
      mean = new Float32Array(batch * width);
    for (let row = 0; row < batch * length; row++) {
      const to = Math.floor(row / length) * width;
      for (let i = 0; i < width; i++) mean[to + i] += data[row * width + i] / length;
    }
    return mean;
  };

// By turns for so many seconds, every other one backwards; the first half of them past V8's tier-up is not counted.
async function measure(engines, input, seconds, least) {
  const times = [[], []],
    order = [0, 1];
  const until = performance.now() + 1000 * seconds,
    counted = until - 500 * seconds;
  while (performance.now() < until || times[0].length < least) {
    const counts = performance.now() >= counted;
    for (const which of order) {
      const start = performance.now();
      await engines[which](input);
      if (counts) times[which].push(performance.now() - start);
    }
    order.reverse();
  }
  const [ours, theirs] = times.map(summary);
  return { ours, theirs, pairs: summary(times[1].map((time, i) => time / times[0][i])).median };
}

// The pair's rows, and the vectors of texts that each makes.
async function compare(engines) {
  const rows = [];
  for (const shape of SHAPES.slice(0, 4)) await measure(engines, inputOf(shape), seconds / 2, 5); // hot code is compiled by now
  for (const shape of SHAPES) {
    const input = inputOf(shape);
    const agreement = cosine(await engines[0](input), await engines[1](input));
    const long = seconds * (shape.length < 128 ? 1 : 3);
    rows.push({ ...shape, agreement, ...(await measure(engines, input, long, shape.batch > 1 ? 3 : 5)) });
  }
  return rows;
}

const texts = readFileSync(join(ROOT, 'demo/corpus.txt'), 'utf8').split('\n').filter(Boolean);
const inputs = texts.map((text) => {
  const ids = BigInt64Array.from(pipeline.tokenize(text), BigInt);
  return { texts: [text], ids, batch: 1, length: ids.length };
});
async function closeness(engine, exact) {
  const cosines = [];
  for (const [i, input] of inputs.entries()) cosines.push(cosine(await engine(input), exact[i]));
  return { mean: cosines.reduce((sum, value) => sum + value) / cosines.length, min: Math.min(...cosines) };
}

const f32 = [wasmicro(pipeline), onnxruntime(await session(graph))],
  int8 = [wasmicro(await open(i8, 'int8')), onnxruntime(await session(q8))];
const rows = await compare(f32),
  rows8 = await compare(int8);
if (rows.some(({ agreement }) => !(agreement > 0.99999))) throw new Error('the two do not agree');
const exact = inputs.map((input) => f32[0](input).slice());
console.log(
  JSON.stringify({
    isa: pipeline.info.isa,
    onnxruntime: ort.env.versions.web,
    rows,
    int8: { rows: rows8, texts: texts.length, ours: await closeness(int8[0], exact), theirs: await closeness(int8[1], exact) },
    ids: texts.map((text) => Array.from(pipeline.tokenize(text))),
  }),
);
