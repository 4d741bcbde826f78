// SPDX-License-Identifier: MIT OR Apache-2.0
// The same by transformers.js, f32 on onnxruntime-web: node cold_transformers.mjs MODELS_FOLDER
// MODEL TEXT In Node that package offers onnxruntime-node alone; it takes the web runtime if it
// finds it under this symbol.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [models, model, text] = process.argv.slice(2);
const main = createRequire(import.meta.url).resolve('@huggingface/transformers');
const folder = dirname(createRequire(main).resolve('onnxruntime-web'));
const ort = await import(pathToFileURL(join(folder, 'ort.node.min.mjs')));
ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmBinary = readFileSync(join(folder, 'ort-wasm-simd-threaded.wasm')); // else it asks a CDN
ort.env.wasm.wasmPaths = `${pathToFileURL(folder)}/`;
globalThis[Symbol.for('onnxruntime')] = ort;
const { env, pipeline } = await import('@huggingface/transformers');
env.allowRemoteModels = false;
env.localModelPath = resolve(models);
const embed = await pipeline('feature-extraction', model, {
  device: 'auto',
  dtype: 'fp32',
  session_options: { executionProviders: ['wasm'] },
});
const vector = await embed(text, { pooling: 'mean', normalize: true });
console.log(JSON.stringify(Array.from(vector.data.subarray(0, 4))));
process.exit(0);
