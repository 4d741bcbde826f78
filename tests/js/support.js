// SPDX-License-Identifier: MIT OR Apache-2.0
// What the JavaScript tests share: the tiny checkpoints, and ways to damage a wasm module.
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const ROOT = join(import.meta.dirname, '../..');
export const WASM = join(ROOT, 'npm/dist/wasmicro.wasm');
export const MINILM = join(ROOT, 'models/all-MiniLM-L6-v2');
export const NO_MINILM = existsSync(join(MINILM, 'model.safetensors'))
  ? false
  : 'models/all-MiniLM-L6-v2 is not here: make run fetches it';

const listOf = (name) => JSON.parse(readFileSync(join(ROOT, 'tests/tiny', name), 'utf8'));
export const CHECKPOINTS = listOf('index.json'), // embed
  LATER = listOf('later.json'), // more families; most generate
  HEADS = listOf('heads.json');

// The files of a folder of tests/tiny by their paths, but for the golden.
export function filesOf(name) {
  const { files } = [...CHECKPOINTS, ...LATER, ...HEADS].find((checkpoint) => checkpoint.name === name);
  return Object.fromEntries(
    files.map((path) => [path, readFileSync(join(ROOT, 'tests/tiny', name, path))]),
  );
}

export const goldenOf = (name) =>
  JSON.parse(readFileSync(join(ROOT, 'tests/tiny', name, 'golden.json'), 'utf8'));

export function floats(base64) {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

export const bits = (vector) =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('hex');

// A library of its own: its init has not been called. A copy, as a query would renew one module of
// it alone.
export function freshLibrary() {
  const folder = mkdtempSync(join(tmpdir(), 'wasmicro-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  for (const name of readdirSync(join(ROOT, 'npm')).filter((name) => name.endsWith('.js')))
    copyFileSync(join(ROOT, 'npm', name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'npm/dist'), join(folder, 'dist'));
  return import(pathToFileURL(join(folder, 'index.js')).href);
}

// What a call throws or rejects with.
export async function errorOf(call) {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

// ---- Modules, damaged ---------------------------------------------------------------------------

function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function leb(value) {
  const out = [];
  do {
    out.push((value & 127) | (value > 127 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value);
  return out;
}

// {id, start, at, end} of each section: the header begins at start, the contents at `at`.
function sections(bytes) {
  const list = [];
  for (let start = 8; start < bytes.length;) {
    const [size, at] = number(bytes, start + 1);
    list.push({ id: bytes[start], start, at, end: at + size });
    start = at + size;
  }
  return list;
}

const sectionOf = (bytes, id) => sections(bytes).find((section) => section.id === id);

// The module with a memory that cannot grow by more than `pages`.
export function withMemoryLimit(bytes, pages) {
  const { start, at, end } = sectionOf(bytes, 5);
  const [count, flags] = number(bytes, at);
  if (count !== 1 || bytes[flags] !== 0) throw new Error('a memory without maximum was expected');
  const [minimum] = number(bytes, flags + 1);
  const body = [1, 1, ...leb(minimum), ...leb(minimum + pages)];
  return Buffer.concat([
    bytes.subarray(0, start),
    Buffer.from([5, ...leb(body.length), ...body]),
    bytes.subarray(end),
  ]);
}

// The module with an export that traps as soon as it is called.
export function withTrap(bytes, name) {
  const copy = Buffer.from(bytes);
  const exported = sectionOf(bytes, 7);
  let [count, at] = number(bytes, exported.at),
    index;
  while (count--) {
    const [length, from] = number(bytes, at);
    const found = bytes.toString('utf8', from, from + length) === name;
    const [target, next] = number(bytes, from + length + 1);
    if (found) index = target;
    at = next;
  }
  if (index === undefined) throw new Error(`no export ${name}`);
  let [, body] = number(bytes, sectionOf(bytes, 10).at);
  for (; ; index--) {
    const [size, from] = number(bytes, body);
    if (index === 0) {
      copy.fill(0x01, from, from + size); // nop
      copy[from] = 0; // no locals
      copy[from + 1] = 0x00; // unreachable
      copy[from + size - 1] = 0x0b; // end
      return copy;
    }
    body = from + size;
  }
}

export const wasmBytes = () => readFileSync(WASM);
