// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs the kernels' benchmark (bench/kernels.c) as wasm: node bench/kernels_wasm.mjs FILE.wasm…
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";

setFlagsFromString("--experimental-wasm-relaxed-simd"); // before Node 22

const text = (memory, at) => {
    const bytes = new Uint8Array(memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
};

let memory;
const bench = {
    now: () => performance.now() / 1000,
    row: (what, isa, T, N, K, value, share) => {
        const shape = N ? ` T ${`${T}`.padStart(4)}  ${`${K}`.padStart(4)} -> ${`${N}`.padStart(4)}` : T ? ` n ${`${T}`.padStart(4)}` : "";
        const part = share > 0 ? `  ${(share * 100).toFixed(1).padStart(5)} %` : "";
        console.log(`${text(memory, what).padEnd(24)} ${text(memory, isa).padEnd(8)}${shape}  ${value.toFixed(2).padStart(8)}${part}`);
    },
};
for (const file of process.argv.slice(2)) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(file)), { bench });
    memory = exports.memory;
    exports.bench();
}
