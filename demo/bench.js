// SPDX-License-Identifier: MIT OR Apache-2.0
// The page of the measurement: a Worker runs the model, rows come in, and the whole can be copied.
import { filesAt, filesOf } from './files.js';

const section = document.getElementById('bench');
const [form, progress, status, work, body, text, copy] = [
  '.model', 'progress', '.status', '.work', 'tbody', '.text', '.copy',
].map((name) => section.querySelector(name)); // prettier-ignore
const rows = [];
const seconds = Number(new URLSearchParams(location.search).get('seconds') ?? 2);
let engine;

// A table that can be put into an issue.
const report = () => `${navigator.userAgent}
${navigator.hardwareConcurrency} processors; wasmicro (${engine}), one thread; ${new Date().toISOString().slice(0, 10)}

| model | work | ms, median | best | sentences/s | tokens/s |
|--|--|--:|--:|--:|--:|
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}
`;

function show(row) {
  const line = document.createElement('tr');
  line.append(
    ...row.map((value) => Object.assign(document.createElement('td'), { textContent: value })),
  );
  rows.push(row);
  body.append(line);
  text.textContent = report();
  work.hidden = false;
}

function say(words, wrong = false) {
  status.textContent = words;
  status.classList.toggle('error', wrong);
}

// One message after another until 'done'.
function run(files, name) {
  const worker = new Worker(new URL('bench-worker.js', import.meta.url), { type: 'module' });
  const digits = (value, n) => (value === undefined ? '' : value.toFixed(n));
  return new Promise((done, failed) => {
    worker.onerror = ({ message }) => failed(new Error(message));
    worker.onmessage = ({ data: { kind, ...data } }) => {
      if (kind === 'progress') progress.value = data.value;
      if (kind === 'opened') {
        engine = data.isa;
        progress.removeAttribute('value');
        say('Measuring …');
        name += ` (${data.dtype}${data.compute === 'int8' ? ', int8' : ''})`;
      }
      if (kind === 'row')
        show([name, data.work, digits(data.median, 2), digits(data.best, 2),
          digits(data.sentences, 1), digits(data.tokens, 0)]); // prettier-ignore
      if (kind === 'failed') failed(new Error(data.message));
      if (kind === 'done') done();
    };
    const compute = form.elements.int8.checked ? 'int8' : 'f32';
    worker.postMessage({ files, compute, seconds });
  }).finally(() => worker.terminate());
}

async function measure(getFiles, name) {
  const controls = form.querySelectorAll('button, input');
  controls.forEach((control) => (control.disabled = true));
  progress.hidden = false;
  progress.value = 0;
  say('Loading …');
  try {
    const files = Object.entries(await getFiles());
    const plain = files.map(([path, file]) => [path, file instanceof URL ? file.href : file]);
    await run(Object.fromEntries(plain), name);
    say('Done. Measure another, or copy what is below.');
  } catch (error) {
    say(error.message, true);
  }
  progress.hidden = true;
  controls.forEach((control) => (control.disabled = false));
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const { value } = form.elements.url;
  measure(() => filesAt(value), value.replace(/\/+$/, '').replace(/^.*\//, ''));
});
const folder = form.querySelector('[type=file]');
folder.addEventListener('change', () => {
  const { files } = folder;
  if (files.length) measure(() => filesOf(files), files[0].webkitRelativePath.split('/')[0]);
});
copy.addEventListener('click', async () => {
  await navigator.clipboard.writeText(text.textContent);
  say('Copied.');
});

// ?model=address measures it at once.
const asked = new URLSearchParams(location.search).get('model');
if (asked) {
  form.elements.url.value = asked;
  form.requestSubmit();
}
