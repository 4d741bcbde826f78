// SPDX-License-Identifier: MIT OR Apache-2.0
// The entry of Cloudflare's Workers, which compile no WebAssembly but what a module imports.
import wasm from './dist/wasmicro.wasm';
import { own } from './engine.js';

own.wasm = wasm;

export * from './index.js';
export { default } from './index.js';
