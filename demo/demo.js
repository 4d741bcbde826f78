// SPDX-License-Identifier: MIT OR Apache-2.0
// The demonstration page: one model embeds sentences and each query as it is typed, another writes
// as it streams. Both run in Workers; files come from a folder beside the page, or of the reader's.
import { WasmPipeline } from '../npm/worker.js';
import { filesAt, filesOf } from './files.js';

const SHOWN = 10;

// ---- Models -------------------------------------------------------------------------------------

// A section's form: opens what it names and hands it to `use`.
function modelForm(section, use) {
  const [form, progress, status, work] = ['.model', 'progress', '.status', '.work'].map((name) =>
    section.querySelector(name),
  );
  let pipeline;
  const say = (text, wrong = false) => {
    status.textContent = text;
    status.classList.toggle('error', wrong);
  };
  const open = async (getFiles) => {
    pipeline?.close();
    work.hidden = true;
    progress.hidden = false;
    progress.removeAttribute('value');
    say('Loading …');
    try {
      const began = performance.now();
      pipeline = await WasmPipeline.load({
        files: await getFiles(),
        onProgress: ({ loaded, total }) => total && (progress.value = loaded / total),
      });
      const { modelType, parameters, dtype } = pipeline.info;
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      say(
        `${modelType}, ${(parameters / 1e6).toFixed(1)} million parameters in ${dtype}, loaded in ${seconds} s.`,
      );
      await use(pipeline, say);
      work.hidden = false;
    } catch (error) {
      say(`${error.code ?? error.name}: ${error.message}`, true);
    }
    progress.hidden = true;
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    open(() => filesAt(form.elements.url.value));
  });
  const folder = form.querySelector('[type=file]');
  folder.addEventListener('change', () => open(() => filesOf(folder.files)));
  return { say };
}

// ---- Search -------------------------------------------------------------------------------------

{
  const section = document.getElementById('search');
  const [query, results, corpus, embed] = ['.query', '.results', '.corpus', '.embed'].map((name) =>
    section.querySelector(name),
  );
  let pipeline,
    sentences = [],
    vectors;

  const cosine = (a, b) => {
    let [ab, aa, bb] = [0, 0, 0];
    a.forEach((x, i) => ((ab += x * b[i]), (aa += x * x), (bb += b[i] * b[i])));
    return ab / Math.sqrt(aa * bb) || 0;
  };

  const row = (score, text) => {
    const item = document.createElement('li'),
      number = document.createElement('span');
    number.className = 'score';
    number.textContent = score.toFixed(3);
    item.style.setProperty('--score', Math.max(0, score));
    item.append(number, text);
    return item;
  };

  const show = async () => {
    const asked = query.value,
      wanted = await pipeline.embed(asked);
    if (asked !== query.value) return; // typed on meanwhile
    const { dim } = pipeline.info;
    const scores = sentences.map((_, i) =>
      cosine(wanted, vectors.subarray(i * dim, (i + 1) * dim)),
    );
    const best = [...sentences.keys()].sort((a, b) => scores[b] - scores[a]).slice(0, SHOWN);
    results.replaceChildren(...best.map((i) => row(scores[i], sentences[i])));
  };

  const embedAll = async (say) => {
    sentences = corpus.value.split('\n').filter(Boolean);
    const began = performance.now();
    vectors = await pipeline.embedBatch(sentences);
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    say(`${pipeline.info.modelType}: ${sentences.length} sentences embedded in ${seconds} s.`);
    await show();
  };

  const { say } = modelForm(section, async (opened, say) => {
    pipeline = opened;
    corpus.value ||= await (await fetch('corpus.txt')).text();
    await embedAll(say);
  });
  query.addEventListener('input', show);
  embed.addEventListener('click', () => embedAll(say));
}

// ---- Write --------------------------------------------------------------------------------------

{
  const section = document.getElementById('write');
  const [form, go, stop, output, rate] = ['.prompt', '.go', '.stop', '.text', '.rate'].map((name) =>
    section.querySelector(name),
  );
  let pipeline, controller;

  const write = async () => {
    const { text, temperature, tokens, chat } = form.elements;
    const prompt = chat.checked ? [{ role: 'user', content: text.value }] : text.value;
    const began = performance.now();
    controller = new AbortController();
    output.textContent = rate.textContent = '';
    for await (const piece of pipeline.stream(prompt, {
      maxNewTokens: tokens.valueAsNumber,
      temperature: temperature.valueAsNumber,
      signal: controller.signal,
    }))
      output.textContent += piece;
    const { tokens: count, finish } = pipeline.last;
    const seconds = (performance.now() - began) / 1000;
    rate.textContent = `${count} tokens, ${(count / seconds).toFixed(1)} a second; end: ${finish}`;
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    go.disabled = !(stop.disabled = false);
    try {
      await write();
    } catch (error) {
      rate.textContent =
        error.name === 'AbortError' ? 'Stopped.' : `${error.code}: ${error.message}`;
    }
    go.disabled = !(stop.disabled = true);
  });
  stop.addEventListener('click', () => controller.abort());
  modelForm(section, (opened) => {
    pipeline = opened;
    form.elements.chat.checked = pipeline.info.modelType === 'llama';
  });
}

// ---- Start: ?search=address&write=address, or what lies beside the page ---------------------------

const asked = new URLSearchParams(location.search);
for (const name of ['search', 'write']) {
  const form = document.querySelector(`#${name} .model`);
  if (asked.has(name)) form.elements.url.value = asked.get(name);
  if (asked.has(name) || name === 'search') form.requestSubmit();
}
