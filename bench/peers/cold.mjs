// SPDX-License-Identifier: MIT OR Apache-2.0
// Milliseconds from process start to the vector of one text, by turns: embed() from a warm cache, and
// transformers.js on onnxruntime-web and on onnxruntime-node, all f32. Markdown on stdout and in
// bench/results: node cold.mjs MODEL_FOLDER ONNX_FOLDER [STARTS]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { startHub } from '../../tests/hub/server.mjs';
import { startOnce } from './start_once.mjs';

const [model, onnx, starts = '9'] = process.argv.slice(2),
  name = basename(model);
const TEXT = 'the old mill by the river';
const REPO = 'sentence-transformers/all-MiniLM-L6-v2',
  COMMIT = '1110a243fdf4706b3f48f1d95db1a4f5529b4d41'; // that embed() asks for
const script = (path) => join(import.meta.dirname, path);

const cache = mkdtempSync(join(tmpdir(), 'wasmicro-cold-'));
try {
  // The cache is filled by embed() itself; then there is no hub.
  const hub = await startHub({ repos: { [REPO]: { folder: model, commit: COMMIT } } });
  const embed = [script('cold_embed.mjs'), TEXT];
  await startOnce(embed, { HF_HUB_CACHE: cache, HF_ENDPOINT: hub.endpoint });
  await hub.close();
  const engines = [
    ['wasmicro: embed(), warm cache', embed],
    ['transformers.js, wasm', [script('cold_transformers.mjs'), onnx, name, TEXT]],
    ['transformers.js, native', [script('cold_native.mjs'), onnx, name, TEXT]],
  ];
  const times = engines.map(() => []),
    vectors = [];
  for (let i = 0; i <= starts; i++)
    for (const [which, [, command]] of engines.entries()) {
      const { time, vector } = await startOnce(command, { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: '1' });
      vectors[which] = vector;
      if (i) times[which].push(time); // the first fills the disk's cache
    }
  for (const vector of vectors)
    if (vector.some((value, i) => Math.abs(value - vectors[0][i]) > 1e-5)) throw new Error('the vectors differ');
  const [cpu] = cpus();
  const rows = times.map((list, which) => {
    list.sort((a, b) => a - b);
    const median = list[list.length >> 1];
    return { name: engines[which][0], median, min: list[0] };
  });
  const report = `# From process start to the first vector: ${new Date().toISOString().slice(0, 10)}

${cpu.model}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)} at the end; Node ${process.version}. ${name} in f32, one text,
${starts} starts by turns, milliseconds. By \`make bench-cold\`.

| | median | min | median, of wasmicro's | min, of wasmicro's |
|--|--:|--:|--:|--:|
${rows.map(({ name, median, min }) => `| ${name} | ${median.toFixed(0)} | ${min.toFixed(0)} | ${(median / rows[0].median).toFixed(2)}× | ${(min / rows[0].min).toFixed(2)}× |`).join('\n')}
`;
  console.log(report);
  writeFileSync(join(import.meta.dirname, '../results', `${new Date().toISOString().slice(0, 10)}-cold.md`), report);
} finally {
  rmSync(cache, { recursive: true });
}
