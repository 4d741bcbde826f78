// SPDX-License-Identifier: MIT OR Apache-2.0
// Milliseconds a text, one thread, in this process: wasmicro and onnxruntime-web (fp32) by turns.
// node speed.mjs MODEL_FOLDER MODEL.onnx [SECONDS]: prints one JSON object.
//
// wasmicro is timed from text to vector: tokenizer, model, pooling. onnxruntime-web is given the
// ids: model and pooling.
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as ort from 'onnxruntime-web';
import init, { WasmPipeline } from '../../npm/index.js';

const [folder, graph, seconds = '6'] = process.argv.slice(2);
const LENGTHS = [8, 32, 128, 256];

const url = (path) => pathToFileURL(join(resolve(folder), path));
await init();
const pipeline = await WasmPipeline.load({
  model: url('model.safetensors'),
  tokenizer: url('tokenizer.json'),
  config: url('config.json'),
  normalize: false,
});
ort.env.wasm.numThreads = 1;
const session = await ort.InferenceSession.create(readFileSync(graph), {
  executionProviders: ['wasm'],
  graphOptimizationLevel: 'all',
});

// A text of `length` tokens, and what each engine takes of it.
const WORDS =
  'the old mill by the river was sold in spring to two sisters who bake bread and play music at night'
    .split(' ')
    .filter((word) => pipeline.tokenize(word).length === 3);
function textOf(length) {
  const text = Array.from({ length: length - 2 }, (_, i) => WORDS[i % WORDS.length]).join(' ');
  const ids = pipeline.tokenize(text);
  if (ids.length !== length) throw new Error(`${length} tokens wanted, got ${ids.length}`);
  return { text, ids: BigInt64Array.from(ids, BigInt) };
}

const wasmicro = ({ text }) => pipeline.embed(text);
async function onnxruntime({ ids }) {
  const tensor = (data) => new ort.Tensor('int64', data, [1, ids.length]);
  const inputs = {
    input_ids: tensor(ids),
    attention_mask: tensor(ids.map(() => 1n)),
    token_type_ids: tensor(ids.map(() => 0n)),
  };
  const { last_hidden_state: states } = await session.run(inputs);
  const width = states.dims[2],
    mean = new Float32Array(width);
  states.data.forEach((value, i) => (mean[i % width] += value));
  return mean.map((value) => value / ids.length);
}

function cosine(a, b) {
  const dot = (x, y) => x.reduce((sum, value, i) => sum + value * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

// By turns for so many seconds; the first half of them past V8's tier-up is not counted.
async function measure(text) {
  const times = [[], []],
    processor = [[], []], // what another program takes of the machine does not count here
    engines = [wasmicro, onnxruntime];
  const until = performance.now() + 1000 * Number(seconds),
    counted = until - 500 * Number(seconds);
  while (performance.now() < until || times[1].length < 5)
    for (const [which, engine] of engines.entries()) {
      const used = process.cpuUsage(),
        start = performance.now();
      await engine(text);
      const end = performance.now(),
        { user, system } = process.cpuUsage(used);
      if (start < counted) continue;
      times[which].push(end - start);
      processor[which].push((user + system) / 1000);
    }
  const sorted = (list) => list.sort((a, b) => a - b);
  const median = (list) => sorted(list)[list.length >> 1];
  return times.map((list, which) => ({
    median: median(list),
    min: sorted(list)[0],
    processor: median(processor[which]),
  }));
}

const rows = [];
for (const length of LENGTHS) await measure(textOf(length)); // both engines' hot code is compiled by now
for (const length of LENGTHS) {
  const text = textOf(length);
  const agreement = cosine(wasmicro(text), await onnxruntime(text));
  if (!(agreement > 0.99999))
    throw new Error(`the two do not agree at ${length} tokens: cosine ${agreement}`);
  const [ours, theirs] = await measure(text);
  rows.push({ length, ours, theirs, agreement });
}
console.log(JSON.stringify({ isa: pipeline.info.isa, onnxruntime: ort.env.versions.web, rows }));
