// SPDX-License-Identifier: MIT OR Apache-2.0
// The same by transformers.js as it is in Node, f32 on onnxruntime-node: node cold_native.mjs
// MODELS_FOLDER MODEL TEXT
import { resolve } from 'node:path';
import { env, pipeline } from '@huggingface/transformers';

const [models, model, text] = process.argv.slice(2);
env.allowRemoteModels = false;
env.localModelPath = resolve(models);
const session_options = { intraOpNumThreads: 1, interOpNumThreads: 1 };
const embed = await pipeline('feature-extraction', model, { device: 'cpu', dtype: 'fp32', session_options });
const vector = await embed(text, { pooling: 'mean', normalize: true });
console.log(JSON.stringify(Array.from(vector.data.subarray(0, 4))));
process.exit(0);
