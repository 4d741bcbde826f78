// SPDX-License-Identifier: MIT OR Apache-2.0
// What of the package is made at build: npm/dist/inline.js, the main entry with the wasm inside, and
// npm/dist/index.cjs, for require, with its types. node tools/pack_js.mjs DIST
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const dist = process.argv[2];
const wasm = readFileSync(join(dist, 'wasmicro.wasm')).toString('base64');
const urlOf = (name) => `new URL("./dist/${name}", import.meta.url)`;

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
const write = (name, text) => writeFileSync(join(dist, name), LICENCE + text);

// Without SIMD, inline has nothing to give.
let inline = bundle('--format=esm', '--platform=neutral', '--external:node:*');
const bytes = `Uint8Array.from(atob("${wasm}"), (c) => c.charCodeAt(0))`;
inline = replaced(inline, urlOf('wasmicro.wasm'), bytes);
write('inline.js', replaced(inline, urlOf('wasmicro-scalar.wasm'), 'new Uint8Array()'));

let cjs = bundle('--format=cjs', '--platform=node', '--define:import.meta.url=hereUrl');
for (const name of ['wasmicro.wasm', 'wasmicro-scalar.wasm'])
  cjs = replaced(cjs, `"./dist/${name}"`, `"./${name}"`);
write('index.cjs', `const hereUrl = require("node:url").pathToFileURL(__filename).href;\n${cjs}`);
copyFileSync(join(ROOT, 'npm/index.d.ts'), join(dist, 'index.d.cts'));
