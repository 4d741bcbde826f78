// SPDX-License-Identifier: MIT OR Apache-2.0
// SmolLM2-135M-Instruct in headless Chromium, one thread: wasmicro and wllama (llama.cpp), in one page by turns.
// node decode_chromium.mjs MODELS Q4_1.gguf [SECONDS]: prints one JSON object. MODELS has wasmicro's conversions (i8, q4) of
// Q4_1.gguf, and q8_0.gguf. CHROMIUM names the browser.
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join, normalize } from 'node:path';
import { ROOT, summary } from './report.mjs';

const [models, gguf, seconds = '40'] = process.argv.slice(2);
const puppeteer = createRequire(join(ROOT, 'tools/npm/package.json'))('puppeteer-core');
const wllama = join(import.meta.dirname, 'node_modules/@wllama/wllama/esm');
const FOLDERS = { wasmicro: join(ROOT, 'npm'), wllama, models };
const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.json': 'application/json' };

// Isolated, as wllama's memory wants it.
const server = createServer((request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname).slice(1);
  const [top, ...rest] = path.split('/');
  const file = path === 'q4_1.gguf' ? gguf : FOLDERS[top] && join(FOLDERS[top], ...rest);
  const found = file && existsSync(file) && statSync(file).isFile();
  response.writeHead(found || !path ? 200 : 404, {
    'content-type': found ? (TYPES[extname(file)] ?? 'application/octet-stream') : 'text/html',
    ...(found && { 'content-length': statSync(file).size }),
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
  });
  if (found) createReadStream(file).pipe(response);
  else response.end('<!doctype html><title>decoding</title>');
});

async function inPage(seconds) {
  const TOKENS = 16,
    { origin } = location;
  const promptOf = (turn) => `Turn ${turn}. ${'The quick brown fox jumps over the lazy dog. '.repeat(6)}`;
  const { default: init, WasmPipeline } = await import(`${origin}/wasmicro/index.js`);
  const { Wllama, LoggerWithoutDebug } = await import(`${origin}/wllama/index.js`);
  await init();
  let prompt, isa;

  async function wasmicro(folder, compute) {
    const url = (name) => new URL(`${origin}/models/${folder}/${name}`);
    const pipeline = await WasmPipeline.load({
      model: url('model.safetensors'),
      tokenizer: url('tokenizer.json'),
      config: url('config.json'),
      compute,
    });
    isa = pipeline.info.isa;
    // What it read before is remembered: of the ids so far it runs the last.
    return async (text) => {
      const ids = Array.from(pipeline.tokenize(text)),
        times = [];
      prompt = ids.length;
      for (let i = 0; i <= TOKENS; i++) {
        const start = performance.now();
        pipeline.generate(ids, { maxNewTokens: 1, minNewTokens: 1 });
        times.push(performance.now() - start);
        ids.push(pipeline.last.ids[0]);
      }
      return [times[0] / prompt, times.slice(1), pipeline.decode(ids.slice(prompt))];
    };
  }

  // By its own clock, which begins with the first token.
  async function wllama(url) {
    const settings = { suppressNativeLog: true, logger: LoggerWithoutDebug };
    const engine = new Wllama({ default: `${origin}/wllama/wasm/wllama.wasm` }, settings);
    const blob = await (await fetch(url)).blob();
    await engine.loadModel([blob], { n_threads: 1, n_ctx: 512, n_batch: 512, n_gpu_layers: 0 });
    return async (text) => {
      const chunks = await engine.createCompletion({
        prompt: text,
        max_tokens: TOKENS + 1,
        temperature: 0,
        cache_prompt: false,
        timings_per_token: true,
        stream: true,
        ignore_eos: true,
      });
      const clock = [];
      let written = '',
        read;
      for await (const { timings, choices } of chunks) {
        written += choices[0]?.text ?? '';
        if (timings) clock[timings.predicted_n] = timings.predicted_ms;
        if (timings?.prompt_n) read = timings.prompt_ms / timings.prompt_n;
      }
      const times = clock.map((time, n) => time - clock[n - 1]).filter((time) => time > 0);
      return [read, times, written];
    };
  }

  const engines = {
    'wllama Q4_1': await wllama(`${origin}/q4_1.gguf`),
    'wasmicro q4': await wasmicro('q4'),
    'wasmicro q4, int8': await wasmicro('q4', 'int8'),
    'wllama Q8_0': await wllama(`${origin}/models/q8_0.gguf`),
    'wasmicro i8': await wasmicro('i8'),
    'wasmicro i8, int8': await wasmicro('i8', 'int8'),
  };
  const rows = Object.fromEntries(Object.keys(engines).map((name) => [name, { prompt: [], token: [] }]));
  const end = performance.now() + 1000 * seconds;
  for (let turn = 0; performance.now() < end || turn < 4; turn++) // the first one warms up
    for (const [name, engine] of Object.entries(engines)) {
      const [prompt, tokens, text] = await engine(promptOf(turn));
      rows[name].text = text;
      if (!turn) continue;
      rows[name].prompt.push(prompt);
      rows[name].token.push(...tokens);
    }
  return { prompt, tokens: TOKENS, isa, rows };
}

await new Promise((done) => server.listen(0, '127.0.0.1', done));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  protocolTimeout: 900000,
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
try {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error));
  await page.goto(`http://localhost:${server.address().port}/`);
  const result = await page.evaluate(inPage, Number(seconds));
  for (const row of Object.values(result.rows)) Object.assign(row, { prompt: summary(row.prompt), token: summary(row.token) });
  console.log(JSON.stringify({ chromium: await browser.version(), ...result }));
} finally {
  await browser.close();
  server.close();
}
process.exit(0);
