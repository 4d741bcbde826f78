// SPDX-License-Identifier: MIT OR Apache-2.0
// The comparison with onnxruntime-web, transformers.js and, natively, onnxruntime, candle and PyTorch, as a Markdown report
// on stdout, in bench/results/ and, in short, in README.md's table:
// node bench.mjs MODEL_FOLDER ONNX_FOLDER I8_FOLDER LIBRARY CANDLE PYTHON [SECONDS]. ONNX_FOLDER/NAME/onnx has
// export_onnx.py's model.onnx and quantize.py's model_q8.onnx of it, I8_FOLDER is wasmicro's conversion, LIBRARY
// libwasmicro.so, CANDLE candle/'s program, if it could be built.
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { ROOT, date, machine, measured, ms, times, versionOf, writeReadme, writeReport } from './report.mjs';
import { startOnce } from './start_once.mjs';

const [model, onnx, i8, library, candle, python, seconds = '3'] = process.argv.slice(2),
  name = basename(model);
const STARTS = 7,
  TEXT = 'the old mill by the river';

const script = (path) => join(import.meta.dirname, path);
const transformers = dirname(dirname(createRequire(import.meta.url).resolve('@huggingface/transformers')));

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

function emptyStart() {
  const list = Array.from({ length: STARTS }, () => {
    const start = performance.now();
    spawnSync(process.execPath, ['-e', '0']);
    return performance.now() - start;
  });
  return median(list.sort((a, b) => a - b));
}

const graph = join(onnx, name, 'onnx/model.onnx'),
  q8 = join(onnx, name, 'onnx/model_q8.onnx');
const median = (list) => list[list.length >> 1];
const speed = measured([process.execPath, script('speed.mjs'), model, graph, i8, q8, seconds]),
  native = measured([python, script('native.py'), library, model, graph, i8, q8, candle, seconds], JSON.stringify(speed.ids)),
  starts = await measureStarts();
const two = ({ median, min }) => [median, min].map(ms).join(' | ');
const kb = (path) => (statSync(path).size / 1024).toFixed(1);
const candleVersion = /name = "candle-core"\nversion = "(.*)"/.exec(readFileSync(script('candle/Cargo.lock'), 'utf8'))[1];

const webTable = (rows, theirs) => `| texts × tokens | wasmicro median | min | ${theirs} median | min | ratio of medians | of minima | of pairs | pairs |
|--:|--:|--:|--:|--:|--:|--:|--:|--:|
${rows
  .map(
    ({ batch, length, ours, theirs, pairs }) =>
      `| ${batch} × ${length} | ${two(ours)} | ${two(theirs)} | ${times(theirs.median / ours.median)} ` +
      `| ${times(theirs.min / ours.min)} | ${times(pairs)} | ${ours.turns} |`,
  )
  .join('\n')}`;

const nativeTable = (rows) => {
  const names = Object.keys(rows[0]).slice(2);
  return `| threads | tokens | ${names.join(' | ')} | ratios of medians | of processor time | turns |
|--:|--:|${names.map(() => '--:|').join('')}--:|--:|--:|
${rows
  .map(({ threads, length, ...engines }) => {
    const list = Object.values(engines),
      [ours, ...others] = list;
    const ratios = (what) => others.map((other) => (other[what] === null ? '–' : times(other[what] / ours[what]))).join(', ');
    const cells = list.map(({ median, min }) => `${ms(median)} (${ms(min)})`);
    const processor = threads === 1 ? ratios('processor') : '';
    return `| ${[threads, length, ...cells, ratios('median'), processor, ours.turns].join(' | ')} |`;
  })
  .join('\n')}`;
};

const cosines = ({ mean, min }) => `${mean.toFixed(5)}, at least ${min.toFixed(5)}`;
const { int8 } = speed;
const versions = { onnxruntime: native.versions.onnxruntime, ...(native.rows[0].candle && { candle: candleVersion }), ...native.versions };

const report = `# ${name}: ${date}

${machine()}.
wasmicro ${versionOf(join(ROOT, 'npm'))} (${speed.isa}, ${kb(join(ROOT, 'npm/dist/wasmicro.wasm'))} KB), onnxruntime-web ${speed.onnxruntime} (wasm), transformers.js ${versionOf(transformers)} (fp32 on its onnxruntime-web).
By \`make bench-peers\`. Ratios: how many times as fast wasmicro is; **bold** where the other is faster.

## In Node, one thread, f32

Milliseconds a call, by turns in one process, warm. Of pairs: the median of the ratios of two calls that followed each
other, which a machine that changes its speed disturbs least. wasmicro is timed with its tokenizer, onnxruntime-web without.

${webTable(speed.rows, 'onnxruntime-web')}

## In Node, one thread, 8-bit products

wasmicro: weights in i8, \`compute: "int8"\`; onnxruntime-web: quantize_dynamic with the settings of transformers.js' q8 files.
Cosine to the vectors in f32 of ${int8.texts} sentences, mean: wasmicro ${cosines(int8.ours)}; onnxruntime-web ${cosines(int8.theirs)}.

${webTable(int8.rows, 'onnxruntime-web q8')}

## Natively, f32

From token ids to hidden states: ${Object.entries(versions)
  .map((pair) => pair.join(' '))
  .join(', ')}. Medians (minima) in milliseconds, call
by call by turns, each turn beginning with another; candle and PyTorch take part in every fourth. PyTorch without
its padding and its module tree, candle in a process of its own, by its own clock. Turns: of wasmicro and onnxruntime.

${nativeTable(native.rows)}

## Natively, 8-bit products

The same two kinds of weights as in Node. Cosine to the vectors in f32: wasmicro ${cosines(native.cosines.wasmicro)};
onnxruntime ${cosines(native.cosines.onnxruntime)}.

${nativeTable(native.int8)}

## Start

Milliseconds from process start to the first vector, weights on disk (cached by the system), ${STARTS} starts by turns.

| | median | min |
|--|--:|--:|
| node, which does nothing | ${ms(emptyStart())} | |
| wasmicro | ${ms(median(starts[0]))} | ${ms(starts[0][0])} |
| transformers.js | ${ms(median(starts[1]))} | ${ms(starts[1][0])} |
| ratio | ${times(median(starts[1]) / median(starts[0]))} | ${times(starts[1][0] / starts[0][0])} |
`;
console.log(report);
writeReport(report);

const list = (numbers, digits) => numbers.map((number) => number.toFixed(digits)).join(' / ');
const ratios = (rows) => `${list(rows.map(({ ours, theirs }) => theirs.median / ours.median), 2)} × as fast`;
const START = 'process start to first vector, weights on disk';
const figures = {
  'MiniLM in Node, 8 / 32 / 128 / 256 tokens': `${list(speed.rows.slice(0, 4).map(({ ours }) => ours.median), 1)} ms`,
  'the same against onnxruntime-web (fp32), and 32 texts of 128 at once': ratios(speed.rows),
  'the same in int8, against its q8': `${ratios(int8.rows)}, at cosine ${int8.ours.mean.toFixed(4)} for its ${int8.theirs.mean.toFixed(4)}`,
  [START]: `${starts.map((list) => ms(median(list))).join(' ms; transformers.js (wasm, fp32) ')}`,
};
const nativeRatios = (rows, engine) =>
  `${list(rows.filter(({ threads }) => threads === 1).map((row) => row[engine].median / row.wasmicro.median), 2)} × as fast`;
for (const [engine, of] of Object.entries({ onnxruntime: 'onnxruntime (fp32)', candle: 'candle', PyTorch: 'PyTorch' }))
  if (native.rows[0][engine]) figures[`MiniLM natively, against ${of}`] = nativeRatios(native.rows, engine);
figures['MiniLM natively in int8, against onnxruntime (q8)'] =
  `${nativeRatios(native.int8, 'onnxruntime')}, at cosine ${native.cosines.wasmicro.mean.toFixed(4)} for its ${native.cosines.onnxruntime.mean.toFixed(4)}`;
writeReadme(figures, 'make bench-peers', "JavaScript of the main entry, the hub's part included, minified");
