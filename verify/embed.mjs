// SPDX-License-Identifier: MIT OR Apache-2.0
// The npm package on a folder and a file of texts: node embed.mjs MODEL TEXTS OUT
// Writes OUT/one.f32 (embed), OUT/batch.f32 (embedBatch) and OUT/ids.txt (tokenize).
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import init, { WasmPipeline } from "../npm/index.js";

const [model, path, out] = process.argv.slice(2);
const files = {};
const walk = (folder) => {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name);
    if (statSync(file).isDirectory()) walk(file);
    else files[relative(model, file)] = readFileSync(file);
  }
};
walk(model);

await init();
const pipeline = WasmPipeline.fromBytes(files["model.safetensors"], files["tokenizer.json"], files["config.json"], null, { files });
const texts = readFileSync(path, "utf8").replace(/\n$/, "").split("\n");
const one = texts.map((text) => pipeline.embed(text));
writeFileSync(join(out, "one.f32"), Buffer.concat(one.map((v) => Buffer.from(v.buffer, v.byteOffset, v.byteLength))));
writeFileSync(join(out, "batch.f32"), pipeline.embedBatch(texts));
writeFileSync(join(out, "ids.txt"), texts.map((text) => `[${pipeline.tokenize(text).join(",")}]\n`).join(""));
pipeline.close();
