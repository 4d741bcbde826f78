// SPDX-License-Identifier: MIT OR Apache-2.0
// Tokenizers' throughput in Node against transformers.js: node bench/tokenizer_speed.mjs PACKAGES FOLDER…
// PACKAGES holds @huggingface/transformers. Processor time, the least of five runs by turns.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import init, { Tokenizer } from '../npm/tokenizer.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [packages, ...folders] = process.argv.slice(2);
const peer = createRequire(resolve(packages, 'x.js')).resolve('@huggingface/transformers');
const { PreTrainedTokenizer } = await import(pathToFileURL(peer));

const lines = ['verify/texts.txt', 'demo/corpus.txt'].flatMap((f) => readFileSync(join(root, f), 'utf8').split('\n'));
const english = Array.from({ length: 500 }, (_, i) => [0, 1, 2, 3].map((k) => lines[(i + k) % lines.length]).join(' '));
const cldr = join(root, 'models/cldr-annotations');
const languages = readdirSync(cldr).sort().flatMap((file) =>
  Object.entries(JSON.parse(readFileSync(join(cldr, file), 'utf8')).annotations.annotations ?? {})
    .map(([emoji, names]) => `${emoji} ${(names.tts ?? []).join(', ')}: ${(names.default ?? []).join(' | ')}`))
  .filter((_, i) => i % 160 === 0);

const seconds = (work) => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

const least = (runs, ...works) => {
  const best = works.map(() => Infinity);
  for (let run = 0; run < runs; run++) works.forEach((work, i) => { best[i] = Math.min(best[i], seconds(work)); });
  return best;
};

await init();
const version = JSON.parse(readFileSync(join(dirname(peer), '../package.json'))).version;
console.log(`## In Node ${process.version}, against transformers.js ${version}\n\nOne thread; MB/s of processor time.\n`);
console.log('| tokenizer | load ms | transformers.js | English MB/s | transformers.js | ratio | 45 languages MB/s | transformers.js | ratio |');
console.log('|---|' + '--:|'.repeat(8));
for (const folder of folders.map((f) => resolve(f))) {
  const bytes = readFileSync(join(folder, 'tokenizer.json'));
  let ours;
  const [load] = least(3, () => { ours?.close(); ours = Tokenizer.fromBytes(bytes); });
  const config = join(folder, 'tokenizer_config.json');
  let theirs;
  const [peerLoad] = least(3, () => {
    theirs = new PreTrainedTokenizer(JSON.parse(bytes), existsSync(config) ? JSON.parse(readFileSync(config)) : {});
  });
  const row = [basename(folder), (load * 1e3).toFixed(0), (peerLoad * 1e3).toFixed(0)];
  for (const texts of [english, languages]) {
    const size = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
    const [mine, peers] = least(5, () => { for (const text of texts) ours.tokenize(text); },
      () => { for (const text of texts) theirs.encode(text); });
    row.push((size / mine).toFixed(1), (size / peers).toFixed(2), (peers / mine).toFixed(1) + '×');
  }
  ours.close();
  console.log(`| ${row.join(' | ')} |`);
}
