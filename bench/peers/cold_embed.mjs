// SPDX-License-Identifier: MIT OR Apache-2.0
// embed() with nothing configured, from process start to the vector, out of the cache that HF_HUB_CACHE
// names: node cold_embed.mjs TEXT
import { embed } from '../../npm/index.js';

const vector = await embed(process.argv[2]);
console.log(JSON.stringify(Array.from(vector.subarray(0, 4))));
