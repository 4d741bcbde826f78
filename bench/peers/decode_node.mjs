// SPDX-License-Identifier: MIT OR Apache-2.0
// GPT-2 small's shapes in Node, one thread: wasmicro and onnxruntime-web, each with its cache, in one process by turns.
// node decode_node.mjs FOLDER PEAK.wasm [SECONDS]: prints one JSON object. FOLDER is export_gpt2.py's with model_q8.onnx and
// wasmicro's conversions beside it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import init, { WasmPipeline } from '../../npm/index.js';
import { cosine, summary } from './report.mjs';

const [folder, peak, seconds = '40'] = process.argv.slice(2),
  PROMPT = 64,
  TOKENS = 16,
  LAYERS = 12,
  HEADS = 12,
  WIDTH = 64,
  VOCABULARY = 50257,
  HIDDEN = HEADS * WIDTH;

// Another one each turn, so that nothing of the last one helps.
const promptOf = (turn) => Array.from({ length: PROMPT }, (_, i) => (turn * 7919 + i * 977 + 1) % VOCABULARY);

// Milliseconds to read the prompt, and of each token after its first.
async function timed(next, prompt) {
  const ids = [...prompt],
    times = [];
  for (let i = 0; i <= TOKENS; i++) {
    const start = performance.now();
    ids.push(await next(ids, i));
    times.push(performance.now() - start);
  }
  return [times[0], times.slice(1)];
}

// A token reads every weight but the positions' table, of which one row.
function bytesOf(safetensors) {
  const header = JSON.parse(safetensors.toString('utf8', 8, 8 + safetensors.readUInt32LE()));
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__' && name !== 'wpe.weight')
    .reduce((sum, [, { data_offsets }]) => sum + data_offsets[1] - data_offsets[0], 0);
}

function wasmicro(kind, compute) {
  const bytes = (name) => readFileSync(join(folder, kind, name));
  const pipeline = WasmPipeline.fromBytes(bytes('model.safetensors'), bytes('tokenizer.json'), bytes('config.json'), null, { compute });
  const next = (ids) => {
    pipeline.generate(ids, { maxNewTokens: 1, minNewTokens: 1 });
    return pipeline.last.ids[0];
  };
  return {
    isa: pipeline.info.isa,
    read: bytesOf(bytes('model.safetensors')),
    logits: async (prompt) => pipeline.logits(prompt).data.slice(-VOCABULARY),
    // What it read before is remembered: of the ids so far it runs the last.
    turn: (prompt) => timed((ids) => next(ids), prompt),
  };
}

function best(logits) {
  let at = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[at]) at = i;
  return at;
}

async function onnxruntime(file, bytesEach) {
  const session = await ort.InferenceSession.create(readFileSync(join(folder, file)), { executionProviders: ['wasm'] });
  const tensor = (list) => new ort.Tensor('int64', BigInt64Array.from(list, BigInt), [1, list.length]);
  const parts = Array.from({ length: LAYERS }, (_, i) => [`${i}.key`, `${i}.value`]).flat();
  const empty = () => new ort.Tensor('float32', new Float32Array(0), [1, HEADS, 0, WIDTH]);
  let past, total;
  const run = async (ids) => {
    const positions = ids.map((_, i) => total + i);
    total += ids.length;
    const out = await session.run({
      input_ids: tensor(ids),
      attention_mask: tensor(Array(total).fill(1)),
      position_ids: tensor(positions),
      ...past,
    });
    past = Object.fromEntries(parts.map((n) => [`past_key_values.${n}`, out[`present.${n}`]]));
    return out.logits.data.subarray(-VOCABULARY);
  };
  const begin = (prompt) => {
    past = Object.fromEntries(parts.map((n) => [`past_key_values.${n}`, empty()]));
    total = 0;
    return run(prompt);
  };
  return {
    read: bytesEach * (HIDDEN * VOCABULARY + LAYERS * 12 * HIDDEN * HIDDEN),
    logits: begin,
    turn: (prompt) => timed(async (ids, i) => best(await (i ? run(ids.slice(-1)) : begin(ids))), prompt),
  };
}

// A pass over 512 MB, as much as a token of f32 reads, by 128 bits in four streams: 256 MB twice, far beyond any cache, in short
// calls, that V8 compiles the loop for good. Gives its milliseconds.
function reader() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(peak)));
  const part = 1 << 18,
    start = exports.memory.grow(4096) << 16;
  new Uint8Array(exports.memory.buffer, start).fill(1);
  return () => {
    const from = performance.now();
    for (let i = 0; i < 512; i++) exports.peak_read(start + 4 * part * (i % 256), part);
    return performance.now() - from;
  };
}

ort.env.wasm.numThreads = 1;
await init();
const engines = {
  'onnxruntime-web f32': await onnxruntime('model.onnx', 4),
  'wasmicro f32': wasmicro('f32'),
  'wasmicro bf16': wasmicro('bf16'),
  'wasmicro f16': wasmicro('f16'),
  'onnxruntime-web q8': await onnxruntime('model_q8.onnx', 1),
  'wasmicro i8': wasmicro('i8'),
  'wasmicro i8, int8': wasmicro('i8', 'int8'),
  'wasmicro q4': wasmicro('q4'),
  'wasmicro q4, int8': wasmicro('q4', 'int8'),
};
const rows = {},
  passes = [],
  read = reader(),
  order = Object.entries(engines);
let exact;
for (const [name, engine] of order) {
  const logits = await engine.logits(promptOf(0));
  exact ??= logits.slice();
  rows[name] = { cosine: cosine(logits, exact), read: engine.read, prompt: [], token: [] };
}
for (const name of ['wasmicro f32', 'wasmicro bf16'])
  if (!(rows[name].cosine > 0.999999)) throw new Error(`${name}: not the logits of onnxruntime-web`);
const warm = performance.now() + 200 * seconds; // V8's tier-up is over by then
// After each engine a pass: the bandwidth is that of the same seconds. Every other turn goes backwards.
for (let turn = 1; performance.now() < warm + 800 * seconds || rows['wasmicro q4'].prompt.length < 3; turn++) {
  for (const [name, engine] of order) {
    const counts = performance.now() > warm,
      [prompt, tokens] = await engine.turn(promptOf(turn)),
      pass = read();
    if (!counts) continue;
    rows[name].prompt.push(prompt / PROMPT);
    rows[name].token.push(...tokens);
    passes.push(pass);
  }
  order.reverse();
}
for (const row of Object.values(rows)) Object.assign(row, { prompt: summary(row.prompt), token: summary(row.token) });
const { isa } = engines['wasmicro f32'],
  pass = { read: 1 << 29, ...summary(passes) };
console.log(JSON.stringify({ prompt: PROMPT, tokens: TOKENS, isa, onnxruntime: ort.env.versions.web, pass, rows }));
process.exit(0);
