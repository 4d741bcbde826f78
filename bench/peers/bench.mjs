// SPDX-License-Identifier: MIT OR Apache-2.0
// The comparison with onnxruntime-web, transformers.js and, natively, onnxruntime and PyTorch, as a Markdown report on
// stdout, in bench/results/ and, in short, in README.md's table:
// node bench.mjs MODEL_FOLDER ONNX_FOLDER LIBRARY PYTHON [SECONDS]. ONNX_FOLDER/NAME/onnx/model.onnx is export_onnx.py's,
// LIBRARY libwasmicro.so.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, totalmem } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startOnce } from './start_once.mjs';

const HERE = dirname(fileURLToPath(import.meta.url)),
  ROOT = join(HERE, '../..');
const [model, onnx, library, python, seconds = '6'] = process.argv.slice(2),
  name = basename(model);
const STARTS = 7,
  TEXT = 'the old mill by the river';

const script = (path) => join(HERE, path);
const versionOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'))).version;
const transformers = dirname(
  dirname(createRequire(import.meta.url).resolve('@huggingface/transformers')),
);

async function measureStarts() {
  const commands = [
    [script('cold_wasmicro.mjs'), model, TEXT],
    [script('cold_transformers.mjs'), onnx, name, TEXT],
  ];
  const times = [[], []],
    vectors = [];
  for (let i = 0; i <= STARTS; i++)
    // the first time fills the disk's cache
    for (const [which, command] of commands.entries()) {
      const { time, vector } = await startOnce(command);
      vectors[which] = vector;
      if (i) times[which].push(time);
    }
  if (vectors[0].some((value, i) => Math.abs(value - vectors[1][i]) > 1e-5))
    throw new Error('the two vectors differ');
  return times.map((list) => list.sort((a, b) => a - b));
}

function measured(...command) {
  const { stdout, status } = spawnSync(command[0], command.slice(1), {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(1);
  return JSON.parse(stdout);
}

const graph = join(onnx, name, 'onnx/model.onnx');
const speed = measured(process.execPath, script('speed.mjs'), model, graph, seconds),
  native = measured(python, script('native.py'), library, model, graph, seconds),
  starts = await measureStarts();
const ms = (value) => value.toFixed(value < 100 ? 2 : 0),
  times = (value) => `${value.toFixed(2)}×`;
const [cpu] = cpus(),
  date = new Date().toISOString().slice(0, 10);
const median = (list) => list[list.length >> 1];
const three = ({ median, min, processor }) => [median, min, processor].map(ms).join(' | ');
const kb = (path) => (statSync(path).size / 1024).toFixed(1);

const report = `# ${name}, one thread, Node: ${date}

${cpu.model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GB, load ${loadavg()[0].toFixed(1)} at the end; Node ${process.version}.
wasmicro ${versionOf(join(ROOT, 'npm'))} (${speed.isa}, ${kb(join(ROOT, 'npm/dist/wasmicro.wasm'))} KB), onnxruntime-web ${speed.onnxruntime} (wasm, fp32), transformers.js ${versionOf(transformers)} (fp32 on its onnxruntime-web).
By \`make bench-peers\`.

Milliseconds a text, by turns in one process, warm; processor: the median of what the process used of it, which
other load on the machine disturbs least. wasmicro is timed with its tokenizer, onnxruntime-web without.

| tokens | wasmicro median | min | processor | onnxruntime-web median | min | processor | ratio of medians | of minima | of processor time |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
${speed.rows
  .map(
    ({ length, ours, theirs }) =>
      `| ${length} | ${three(ours)} | ${three(theirs)} | ${times(theirs.median / ours.median)} ` +
      `| ${times(theirs.min / ours.min)} | ${times(theirs.processor / ours.processor)} |`,
  )
  .join('\n')}

Natively, from token ids to hidden states: ${Object.entries(native.versions)
  .map((pair) => pair.join(' '))
  .join(', ')}; f32, medians (minima) in milliseconds, by turns in one process. PyTorch without its padding and its module
tree.

| threads | tokens | ${Object.keys(native.rows[0]).slice(2).join(' | ')} | wasmicro is faster by |
|--:|--:|${Object.keys(native.rows[0]).slice(2).map(() => '--:|').join('')}--:|
${native.rows
  .map(({ threads, length, ...engines }) => {
    const cells = Object.values(engines).map(({ median, min }) => `${ms(median)} (${ms(min)})`);
    const [ours, ...others] = Object.values(engines).map(({ median }) => median);
    return `| ${[threads, length, ...cells].join(' | ')} | ${others.map((other) => times(other / ours)).join(', ')} |`;
  })
  .join('\n')}

Milliseconds from process start to the first vector, weights on disk (cached by the system), ${STARTS} starts by turns.

| | median | min |
|--|--:|--:|
| node, which does nothing | ${ms(emptyStart())} | |
| wasmicro | ${ms(median(starts[0]))} | ${ms(starts[0][0])} |
| transformers.js | ${ms(median(starts[1]))} | ${ms(starts[1][0])} |
| ratio | ${times(median(starts[1]) / median(starts[0]))} | ${times(starts[1][0] / starts[0][0])} |
`;

function emptyStart() {
  const list = Array.from({ length: STARTS }, () => {
    const start = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - start;
  });
  return median(list.sort((a, b) => a - b));
}

console.log(report);
const folder = join(ROOT, 'bench/results');
mkdirSync(folder, { recursive: true });
const label = cpu.model
  .replace(/\b(processor|cpu|\d+-core|\(r\)|\(tm\))/gi, '')
  .replace(/@.*/, '')
  .trim()
  .replace(/[^a-z0-9]+/gi, '-')
  .toLowerCase();
writeFileSync(join(folder, `${date}-${label}.md`), report);

// README.md's rows, by the words they begin with.
const list = (numbers, digits) => numbers.map((number) => number.toFixed(digits)).join(' / ');
const figures = {
  'MiniLM in Node, 8 / 32 / 128 / 256 tokens': `${list(speed.rows.map(({ ours }) => ours.median), 1)} ms`,
  'the same against onnxruntime-web (fp32)': `${list(speed.rows.map(({ ours, theirs }) => theirs.median / ours.median), 2)} × as fast`,
  'process start to first vector, weights on disk': `${starts.map((list) => ms(median(list))).join(' ms; transformers.js (wasm, fp32) ')}`,
};
for (const [engine, of] of Object.entries({ onnxruntime: 'onnxruntime (fp32)', PyTorch: 'PyTorch' })) {
  const rows = native.rows.filter((row) => row.threads === 1 && row[engine]);
  if (rows.length)
    figures[`MiniLM natively, against ${of}`] =
      `${list(rows.map((row) => row[engine].median / row.wasmicro.median), 2)} × as fast`;
}
const readme = join(ROOT, 'README.md');
let text = readFileSync(readme, 'utf8');
let last = 'process start to first vector, weights on disk';
for (const [what, figure] of Object.entries(figures)) {
  const row = `| ${what} | ${figure} | \`make bench-peers\` |`;
  const found = text.split('\n').find((line) => line.startsWith(`| ${what} |`));
  const after = text.split('\n').find((line) => line.startsWith(`| ${last} |`));
  text = found ? text.replace(found, () => row) : text.replace(after, () => `${after}\n${row}`);
  last = what;
}
writeFileSync(readme, text);
