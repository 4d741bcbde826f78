// SPDX-License-Identifier: MIT OR Apache-2.0
// Opens a model and times it: {files, compute, seconds} → progress, opened, row …, then done or failed.
import { WasmPipeline } from '../npm/index.js';

// texts × tokens
const SHAPES = [[1, 8], [1, 32], [1, 128], [1, 256], [16, 32]]; // prettier-ignore
const PROMPT = 64,
  TOKENS = 16;

// Milliseconds a call. A browser's clock is coarse: a sample is as many calls as fill 20 ms. What runs
// in the first half of the time is not counted: the engine is still compiled meanwhile.
function time(call, seconds) {
  const samples = [],
    start = performance.now(),
    end = start + 1000 * seconds;
  for (let now = start; now < end || samples.length < 3; ) {
    const from = now;
    let calls = 0;
    do {
      call();
      calls++;
      now = performance.now();
    } while (now - from < 20);
    if (from - start >= 500 * seconds) samples.push((now - from) / calls);
  }
  samples.sort((a, b) => a - b);
  return { median: samples[samples.length >> 1], best: samples[0] };
}

const row = (work, { median, best }, texts, tokens) =>
  postMessage({
    kind: 'row',
    work,
    median,
    best,
    sentences: texts && (1000 * texts) / median,
    tokens: (1000 * tokens) / median,
  });

function embedding(pipeline, seconds) {
  for (const [batch, length] of SHAPES) {
    if (length > pipeline.info.maxTokens) continue;
    const texts = Array(batch).fill(`bread${' the'.repeat(length)}`),
      options = { maxLength: length };
    const call = batch > 1 ? () => pipeline.embedBatch(texts, options) : () => pipeline.embed(texts[0], options);
    row(`embed ${batch} × ${length} tokens`, time(call, seconds), batch, batch * length);
  }
}

function writing(pipeline, seconds) {
  const { vocabulary, maxTokens } = pipeline.info,
    length = Math.min(PROMPT, maxTokens - TOKENS);
  let turn = 0;
  const prompt = () => Array.from({ length }, (_, i) => (turn * 7919 + i * 977 + 1) % vocabulary);
  const write = (n) => pipeline.generate(prompt(), { maxNewTokens: n, minNewTokens: n });
  // Another prompt each time, for what was read before is remembered.
  const read = time(() => (turn++, write(1)), seconds);
  row(`read ${length} tokens`, read, undefined, length);
  // The same prompt each time: it is remembered but for its last token.
  row(`write ${TOKENS} tokens`, time(() => write(TOKENS), seconds), undefined, TOKENS);
}

function writes(pipeline) {
  try {
    pipeline.generate('a', { maxNewTokens: 1 });
    return true;
  } catch {
    return false;
  }
}

addEventListener('message', async ({ data: { files, compute, seconds } }) => {
  try {
    const sources = Object.entries(files).map(([path, file]) => [path, typeof file === 'string' ? new URL(file) : file]);
    const pipeline = await WasmPipeline.load({
      files: Object.fromEntries(sources),
      compute,
      onProgress: ({ loaded, total }) => total && postMessage({ kind: 'progress', value: loaded / total }),
    });
    const { isa, dtype } = pipeline.info;
    postMessage({ kind: 'opened', isa, dtype, compute });
    (writes(pipeline) ? writing : embedding)(pipeline, seconds);
    postMessage({ kind: 'done' });
  } catch ({ code, name, message }) {
    postMessage({ kind: 'failed', message: `${code ?? name}: ${message}` });
  }
});
