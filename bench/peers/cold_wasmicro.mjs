// SPDX-License-Identifier: MIT OR Apache-2.0
// From process start to the first vector, weights on disk: node cold_wasmicro.mjs MODEL_FOLDER TEXT
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { WasmPipeline } from '../../npm/index.js';

const [folder, text] = process.argv.slice(2);
const url = (path) => pathToFileURL(join(resolve(folder), path));
const pipeline = await WasmPipeline.load({
  model: url('model.safetensors'),
  tokenizer: url('tokenizer.json'),
  config: url('config.json'),
});
const vector = pipeline.embed(text, { normalize: true });
console.log(JSON.stringify(Array.from(vector.subarray(0, 4))));
