// SPDX-License-Identifier: MIT OR Apache-2.0
// The demonstration page: all-MiniLM-L6-v2 embeds corpus.txt once, then each query as it is typed.
import { WasmPipeline } from '../npm/index.js';

const MODEL = '../models/all-MiniLM-L6-v2/';
const FILES = ['modules.json', '1_Pooling/config.json', 'sentence_bert_config.json'];
const SHOWN = 10;
const [status, progress, query, results] = ['status', 'progress', 'query', 'results'].map((id) =>
  document.getElementById(id),
);

async function start() {
  const began = performance.now();
  const pipeline = await WasmPipeline.load({
    model: fetch(`${MODEL}model.safetensors`),
    tokenizer: fetch(`${MODEL}tokenizer.json`),
    config: fetch(`${MODEL}config.json`),
    files: Object.fromEntries(FILES.map((path) => [path, fetch(MODEL + path)])),
    onProgress({ loaded, total }) {
      if (total) progress.value = loaded / total;
    },
  });
  const corpus = (await (await fetch('corpus.txt')).text()).split('\n').filter(Boolean);
  const opened = performance.now();
  const vectors = pipeline.embedBatch(corpus);
  const embedded = performance.now();
  const seconds = (from, to) => ((to - from) / 1000).toFixed(1);
  status.textContent =
    `Loaded in ${seconds(began, opened)} s; ` +
    `${corpus.length} sentences embedded in ${seconds(opened, embedded)} s.`;
  progress.hidden = true;
  query.disabled = false;
  query.addEventListener('input', () => show(pipeline, corpus, vectors));
  show(pipeline, corpus, vectors);
}

function show(pipeline, corpus, vectors) {
  const wanted = pipeline.embed(query.value);
  const scores = corpus.map((_, i) =>
    wanted.reduce((sum, value, k) => sum + value * vectors[i * wanted.length + k], 0),
  );
  const best = [...corpus.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, SHOWN);
  results.replaceChildren(
    ...best.map((i) => {
      const score = Object.assign(document.createElement('span'), { className: 'score' });
      score.textContent = scores[i].toFixed(3);
      const item = document.createElement('li');
      item.append(score, corpus[i]);
      return item;
    }),
  );
}

start().catch((error) => {
  status.textContent = `${error.code ?? error.name}: ${error.message}`;
});
