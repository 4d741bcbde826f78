// SPDX-License-Identifier: MIT OR Apache-2.0
// Decoding against the peers, as a Markdown report on stdout, in bench/results/ and, in short, in README.md's table:
// node decode.mjs GPT2_FOLDER SMOLLM2_FOLDER Q4_1.gguf BUILD LLAMA_FOLDER PYTHON [SECONDS [PARTS]]. PARTS: of node, chromium and
// native those wanted, parted by commas; fewer than all are printed and written nowhere.
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import init, { Tokenizer } from '../../npm/tokenizer.js';
import { ROOT, date, machine, measured, times, versionOf, writeReadme, writeReport } from './report.mjs';

const [gpt2, smollm2, gguf, build, llama, python, seconds = '40', wanted = 'node,chromium,native'] = process.argv.slice(2);
const script = (path) => join(import.meta.dirname, path),
  library = join(build, 'libwasmicro.so');
const rate = ({ median }) => (1000 / median).toFixed(1),
  best = ({ min }) => (1000 / min).toFixed(1);

// Rows of tokens a second; `against` gives the peers that a row is a multiple of.
function table(rows, against, more = { head: [], of: () => [] }) {
  const head = ['', 'decode', '(best)', 'prompt', '(best)', 'turns', ...more.head, 'decode against', 'prompt against'];
  const lines = Object.entries(rows).map(([name, row]) => {
    const { prompt, token } = row,
      peers = against(name);
    const ratios = (what) =>
      peers.map((peer) => `${times(rows[peer][what].median / row[what].median)} ${peer}`).join(', ');
    return [name, rate(token), best(token), rate(prompt), best(prompt), prompt.turns, ...more.of(row, name), ratios('token'), ratios('prompt')];
  });
  const rule = head.map((_, i) => (i && i < head.length - 2 ? '--:' : '--'));
  return [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
const ours = (name) => name.startsWith('wasmicro');

function inNode() {
  const result = measured([process.execPath, script('decode_node.mjs'), gpt2, join(build, 'bench/peak.wasm'), seconds]);
  const { rows, pass } = result;
  const gbs = ({ read }, time) => read / time / 1e6;
  const share = (row, what) => `${((100 * gbs(row, row.token[what])) / gbs(pass, pass[what])).toFixed(0)} %`;
  const more = {
    head: ['GB/s read', 'of the bandwidth', '(best)', "cosine to f32's logits"],
    of: (row) => [gbs(row, row.token.median).toFixed(1), share(row, 'median'), share(row, 'min'), row.cosine.toFixed(6)],
  };
  const [F32, Q8] = ['onnxruntime-web f32', 'onnxruntime-web q8'];
  const text = `## GPT-2 small's shapes, in Node, one thread

Random weights (124 M); a prompt of ${result.prompt} tokens, then ${result.tokens} one by one, greedily; wasmicro ${result.isa}, onnxruntime-web ${result.onnxruntime}
(wasm) fed its cache as transformers.js does, q8 by quantize_dynamic with the settings of transformers.js' files. The bandwidth:
a wasm loop that does nothing but read, 128 bits at a time in four streams, 512 MB after each engine's turn (${pass.turns} passes):
${gbs(pass, pass.median).toFixed(1)} GB/s, ${gbs(pass, pass.min).toFixed(1)} at best. GB/s read: the weights' bytes over a token's time; of the bandwidth: medians against its median,
(best) the best token against the best pass. Every other turn goes backwards.

${table(rows, (name) => (ours(name) ? [F32, Q8] : []), more)}
`;
  const fast = (what) =>
    [F32, Q8].map((peer, i) => (rows[peer][what].median / rows[`wasmicro ${['f32', 'i8, int8'][i]}`][what].median).toFixed(2)).join(', ');
  const kinds = ['f32', 'bf16', 'f16', 'i8', 'i8, int8', 'q4'].map((kind) => rate(rows[`wasmicro ${kind}`].token));
  const figures = {
    "GPT-2's shapes in Node, decoding in f32 / bf16 / f16 / i8 / i8 with int8 / q4":
      `${kinds.join(' / ')} tokens/s; onnxruntime-web ${rate(rows[F32].token)} (f32), ${rate(rows[Q8].token)} (q8)`,
    'the same, f32 against its f32 and i8 with int8 against its q8': `${fast('token')} × as fast; a prompt of ${result.prompt} tokens ${fast('prompt')} ×`,
  };
  return { text, figures };
}

const PAIRS = { q4: 'Q4_1', i8: 'Q8_0' };
// Of the file, tokenizer and all for a GGUF.
function megabytes(row, name) {
  const file = ours(name) ? join(name.slice(9, 11), 'model.safetensors') : 'q8_0.gguf';
  return [(statSync(name.endsWith('Q4_1') ? gguf : join(smollm2, file)).size / 1e6).toFixed(0)];
}
const size = { head: ['MB'], of: megabytes };
const pairOf = (peer) => (name) => (ours(name) ? [`${peer} ${PAIRS[name.slice(9, 11)]}`] : []);
const smollm2Figure = (rows, peer) =>
  Object.entries(rows)
    .filter(([name]) => ours(name))
    .map(([name, { token }]) => `${name.slice(9)} ${rate(token)} (${(rows[pairOf(peer)(name)[0]].token.median / token.median).toFixed(2)} ×)`)
    .join(', ');

function inChromium() {
  const result = measured([process.execPath, script('decode_chromium.mjs'), smollm2, gguf, seconds]);
  const text = `## SmolLM2-135M-Instruct, in Chromium, one thread

${result.chromium}; wllama ${versionOf(script('node_modules/@wllama/wllama'))}, on the GGUF in Q4_1 that wasmicro's q4 and i8 were converted from, and on
one in Q8_0; a prompt of ${result.prompt} tokens, then ${result.tokens} one by one, greedily; wasmicro ${result.isa}.

${table(result.rows, pairOf('wllama'), size)}
`;
  return { text, figures: { 'SmolLM2-135M in Chromium, tokens/s, and against wllama': smollm2Figure(result.rows, 'wllama') } };
}

async function natively() {
  await init();
  const tokenizer = Tokenizer.fromBytes(readFileSync(join(smollm2, 'i8/tokenizer.json')));
  const ids = tokenizer.tokenize(readFileSync(join(ROOT, 'demo/corpus.txt')).toString().replaceAll('\n', ' '));
  const command = [python, script('decode_native.py'), library, smollm2, gguf, llama, seconds];
  const result = measured(command, JSON.stringify(Array.from(ids)));
  const same = { head: ['MB', 'same ids'], of: (row, name) => [...megabytes(row, name), `${(100 * row.same).toFixed(0)} %`] };
  const text = `## SmolLM2-135M-Instruct, natively, one thread

llama.cpp ${result.llama} as node-llama-cpp ${versionOf(script('node_modules/@node-llama-cpp/linux-x64'))} ships it, with its code for this processor; the same files; a prompt of
${result.prompt} tokens, then ${result.tokens} one by one, greedily. Same ids: of all turns' ids before the first that
differs from llama.cpp's on the GGUF in Q4_1.

${table(result.rows, pairOf('llama.cpp'), same)}
`;
  return { text, figures: { 'SmolLM2-135M natively, tokens/s, and against llama.cpp': smollm2Figure(result.rows, 'llama.cpp') } };
}

const PARTS = { node: inNode, chromium: inChromium, native: natively };
const parts = [];
for (const name of wanted.split(',')) parts.push(await PARTS[name]());
const report = `# Decoding: ${date}

${machine()}.
wasmicro ${versionOf(join(ROOT, 'npm'))}. By \`make bench-peers-decode\`. Tokens a second, medians (best) of tokens and of
prompts, by turns in one process; against: how many
times as fast, by medians; **bold** where the other is faster.

${parts.map(({ text }) => text).join('\n')}`;
console.log(report);
if (parts.length === Object.keys(PARTS).length) {
  writeReport(report, 'decode');
  writeReadme(Object.assign({}, ...parts.map(({ figures }) => figures)), 'make bench-peers-decode', 'MiniLM natively in int8, against onnxruntime (q8)');
}
