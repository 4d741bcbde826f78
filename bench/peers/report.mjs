// SPDX-License-Identifier: MIT OR Apache-2.0
// What the comparisons share: statistics, the machine, the files that results are written to.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
const [cpu] = cpus();

export const versionOf = (folder) => JSON.parse(readFileSync(join(folder, 'package.json'))).version;

// What a command prints, parsed.
export function measured([command, ...rest], input = '') {
  const { stdout, status } = spawnSync(command, rest, {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(1);
  return JSON.parse(stdout);
}

export function summary(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1], min: sorted[0], turns: sorted.length };
}

export function cosine(a, b) {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) ((ab += a[i] * b[i]), (aa += a[i] * a[i]), (bb += b[i] * b[i]));
  return ab / Math.sqrt(aa * bb);
}

export const ms = (value) => value.toFixed(value < 100 ? 2 : 0);
// How many times as fast wasmicro is; bold where it is the slower one.
export const times = (value) => (value < 1 ? `**${value.toFixed(2)}×**` : `${value.toFixed(2)}×`);
export const date = new Date().toISOString().slice(0, 10);

export const machine = () =>
  `${cpu.model}, ${cpus().length} cores, ${(totalmem() / 2 ** 30).toFixed(1)} GB, ` +
  `load ${loadavg()[0].toFixed(1)} at the end; Node ${process.version}`;

// bench/results/DATE-CPU[-part].md
export function writeReport(report, part = '') {
  const folder = join(ROOT, 'bench/results');
  const label = cpu.model
    .replace(/\b(processor|cpu|\d+-core|\(r\)|\(tm\))/gi, '')
    .replace(/@.*/, '')
    .trim()
    .replace(/[^a-z0-9]+/gi, '-')
    .toLowerCase();
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${date}-${label}${part && `-${part}`}.md`), report);
}

// README.md's rows, by the words they begin with. A new one comes after the one before it, the first after `last`, or
// after all that a benchmark wrote.
export function writeReadme(figures, command, last) {
  const readme = join(ROOT, 'README.md');
  const lines = readFileSync(readme, 'utf8').split('\n');
  let at = lines.findIndex((line) => line.startsWith(`| ${last} |`));
  if (at < 0) at = lines.findLastIndex((line) => /^\|.*`make bench-[a-z-]+` \|$/.test(line));
  for (const [what, figure] of Object.entries(figures)) {
    const row = `| ${what} | ${figure} | \`${command}\` |`,
      found = lines.findIndex((line) => line.startsWith(`| ${what} |`));
    if (found < 0) lines.splice(++at, 0, row);
    else lines[(at = found)] = row;
  }
  writeFileSync(readme, lines.join('\n'));
}
