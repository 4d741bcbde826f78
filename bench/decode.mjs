// SPDX-License-Identifier: MIT OR Apache-2.0
// Tokens a second of greedy generation, by kind of weights, in this JavaScript engine and natively:
//     node bench/decode.mjs MODEL_FOLDER [build/wasmicro]
// Rounds take turns among the kinds; the best counts: other processes only ever slow a round down.
// Natively the command line runs for two lengths, and their difference is what the tokens took.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import init, { WasmPipeline } from '../npm/index.js';

const [source, cli = 'build/wasmicro'] = process.argv.slice(2);
const KINDS = [
  ['as it is', null, 'f32'], ['f16', 'f16', 'f32'], ['i8', 'i8', 'f32'], ['q4', 'q4', 'f32'],
  ['i8, int8', 'i8', 'int8'], ['q4, int8', 'q4', 'int8'],
];
const PROMPT = 'The history of the lighthouse begins', ROUNDS = 3, TOKENS = 24;
const scratch = mkdtempSync(join(tmpdir(), 'decode-'));

const folderOf = (quantize) => (quantize ? join(scratch, quantize) : source);

const open = (folder, compute) => {
  const bytes = (name) => readFileSync(join(folder, name));
  const files = Object.fromEntries(
    readdirSync(folder).filter((n) => n.endsWith('.json') && n !== 'config.json' && n !== 'tokenizer.json')
      .map((n) => [n, bytes(n)]));
  return WasmPipeline.fromBytes(bytes('model.safetensors'), bytes('tokenizer.json'), bytes('config.json'), null,
    { compute, files });
};

const inNode = async (pipeline) => {
  let from = 0, count = 0;
  for await (const _ of pipeline.stream(PROMPT, { maxNewTokens: TOKENS, minNewTokens: TOKENS })) {
    if (!count++) from = performance.now();
  }
  return ((count - 1) * 1000) / (performance.now() - from);
};

const seconds = (folder, compute, n) => {
  const from = performance.now();
  execFileSync(cli, ['generate', folder, '--ids', '-n', String(n), ...(compute === 'int8' ? ['--compute', compute] : []),
    '--', PROMPT]);
  return (performance.now() - from) / 1000;
};

try {
  await init();
  const best = new Map(KINDS.map(([kind]) => [kind, { node: 0, short: 1e9, long: 1e9 }]));
  for (const [, quantize] of KINDS)
    if (quantize && !readdirSync(scratch).includes(quantize))
      execFileSync(cli, ['convert', source, folderOf(quantize), '--quantize', quantize]);
  for (const [kind, quantize, compute] of KINDS) {
    const folder = folderOf(quantize), row = best.get(kind), pipeline = open(folder, compute);
    for (let round = 0; round < ROUNDS; round++) {
      row.node = Math.max(row.node, await inNode(pipeline));
      row.short = Math.min(row.short, seconds(folder, compute, 2));
      row.long = Math.min(row.long, seconds(folder, compute, 2 + TOKENS));
    }
    pipeline.close();
    const native = TOKENS / (row.long - row.short);
    console.log(`${kind.padEnd(10)} ${row.node.toFixed(1).padStart(7)} tokens/s in Node  ${native.toFixed(1).padStart(7)} natively`);
  }
} finally {
  rmSync(scratch, { recursive: true });
}
