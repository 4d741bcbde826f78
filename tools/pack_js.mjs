// SPDX-License-Identifier: MIT OR Apache-2.0
// What of the package is made at build: npm/dist/inline.js, the main entry with the wasm inside, and
// npm/dist/index.cjs, for require, with its types. node tools/pack_js.mjs DIST
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const dist = process.argv[2];
const wasm = readFileSync(join(dist, 'wasmicro.wasm')).toString('base64');
const URL_OF_WASM = 'new URL("./dist/wasmicro.wasm", import.meta.url)';

const bundle = (...flags) =>
  execFileSync(
    join(ROOT, 'tools/npm/node_modules/.bin/esbuild'),
    [
      join(ROOT, 'npm/index.js'),
      '--bundle',
      '--log-level=error',
      '--legal-comments=none',
      ...flags,
    ],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );

function replaced(text, what, by) {
  const [before, after, ...more] = text.split(what);
  if (after === undefined || more.length) throw new Error(`${what} is not there once`);
  return before + by + after;
}

const LICENCE = '// SPDX-License-Identifier: MIT OR Apache-2.0\n';
const bytes = `Uint8Array.from(atob("${wasm}"), (c) => c.charCodeAt(0))`;
writeFileSync(
  join(dist, 'inline.js'),
  LICENCE +
    replaced(bundle('--format=esm', '--platform=neutral', '--external:node:*'), URL_OF_WASM, bytes),
);
const cjs = bundle('--format=cjs', '--platform=node', '--define:import.meta.url=hereUrl');
writeFileSync(
  join(dist, 'index.cjs'),
  LICENCE +
    'const hereUrl = require("node:url").pathToFileURL(__filename).href;\n' +
    replaced(cjs, './dist/wasmicro.wasm', './wasmicro.wasm'),
);
copyFileSync(join(ROOT, 'npm/index.d.ts'), join(dist, 'index.d.cts'));
