// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro: Hugging Face transformer checkpoints in JavaScript, from the files as they are.
// prettier-ignore
import {
  ABSENT, heed, idsOf, newEngine, numbersOf, openLater, openNow, optionsOf, pause, textsOf, widthOf,
  wrong,
} from './engine.js';

export { default, WasmicroError } from './engine.js';

// The engine's facts, in the order of exports.c.
const FACTS = (
  'modelType tokenizer dtype isa pooling normalize width dim layers heads vocabulary maxTokens ' +
  'parameters weightBytes modelBytes sessionBytes'
).split(' ');
const FINISH = ['cancelled', 'eos', 'stop', 'length'];
const GROUP = 64; // texts of one call into the engine: a longer batch takes several
const TURN = 20; // milliseconds that a stream keeps the event loop waiting

const arrayOf = (value) => [value ?? []].flat();

// A prompt's items: its text, or nothing and its ids, or role and content of each message.
const promptOf = (prompt) =>
  typeof prompt === 'string'
    ? [prompt]
    : typeof prompt?.[0] === 'object'
      ? textsOf(prompt).flatMap((message) => ['role', 'content'].map((key) => message?.[key]))
      : [ABSENT, idsOf(prompt)];

export class WasmPipeline {
  #engine;
  #given; // at opening: numbers, prompt, promptName
  info = {};
  prompts = {};
  last = { tokens: 0, truncated: false };

  constructor(engine, options) {
    if (!engine?.give) wrong('use load');
    this.#engine = engine;
    this.#given = [numbersOf(options), options.prompt, options.promptName];
    engine.run('info').forEach((fact, i) => {
      this.info[FACTS[i]] = i < 5 ? engine.text(fact) : i > 5 ? fact : !!fact;
    });
  }

  static fromBytes(model, tokenizer, config, merges, options) {
    options = { ...optionsOf(options), model, tokenizer, config, merges, __proto__: null };
    return new WasmPipeline(openNow(options), options);
  }

  static async load(options) {
    options = optionsOf(options);
    return new WasmPipeline(await openLater(options), options);
  }

  static detectedModelType(config) {
    const engine = newEngine();
    return engine.text(engine.give('detect', [config])[0]);
  }

  embed(text, options) {
    return this.embedBatch([text], options);
  }

  embedBatch(texts, options) {
    const engine = this.#engine,
      { dim } = this.info,
      [numbers, prompt, promptName] = this.#given,
      last = { tokens: 0, truncated: false };
    texts = textsOf(texts);
    options = optionsOf(options, 'maxLength');
    const width = widthOf(options, dim),
      vectors = new Float32Array(texts.length * width),
      items = [
        numbersOf(options).map((number, i) => (number === 0 ? numbers[i] : number)),
        options.prompt ?? prompt ?? ABSENT,
        options.promptName ?? promptName ?? ABSENT,
      ];
    for (let from = 0; from < texts.length; from += GROUP) {
      const out = engine.give('embed', [...items, ...texts.slice(from, from + GROUP)]);
      const rows = engine.view(out[0], out[1], Float32Array);
      for (let i = 0; i * dim < rows.length; i++)
        vectors.set(rows.subarray(i * dim, i * dim + width), (from + i) * width);
      last.tokens += out[2];
      last.truncated ||= out[3] > 0;
    }
    this.last = last;
    return vectors;
  }

  embedQuery(text, options) {
    return this.#prompted(['query'], [text], options);
  }

  embedDocuments(texts, options) {
    return this.#prompted(['document', 'passage', 'corpus'], texts, options);
  }

  hidden(ids) {
    return this.#rows('hidden', this.info.width, ids);
  }

  encodeT5(text) {
    return this.hidden(this.tokenize(text));
  }

  logits(ids, decoderIds) {
    return this.#rows('logits', this.info.vocabulary, ids, decoderIds);
  }

  tokenize(text, options) {
    const items = [numbersOf(options), text, optionsOf(options).pair ?? ABSENT];
    return this.#engine.array('encode', items, Int32Array);
  }

  decode(ids, options) {
    const [at, length] = this.#engine.give('decode', [numbersOf(options), idsOf(ids)]);
    return this.#engine.text(at, length);
  }

  generate(prompt, options) {
    const texts = [''];
    for (const [text, sequence] of this.#generate(prompt, options))
      texts[sequence] = (texts[sequence] ?? '') + text;
    return texts.length > 1 ? texts : texts[0];
  }

  async *stream(prompt, options) {
    const { signal } = optionsOf(options, 'maxNewTokens');
    let from = 0;
    heed(signal);
    for (const [text] of this.#generate(prompt, options)) {
      if (text) yield text;
      if (performance.now() - from > TURN) {
        await pause();
        from = performance.now();
      }
      heed(signal);
    }
  }

  classify(text, options) {
    const texts = [text, ...arrayOf(optionsOf(options).pair)];
    return this.#predict(1, texts, options, 'label score');
  }

  rerank(query, texts, options) {
    return this.#predict(2, [query, ...textsOf(texts)], options, ' score index');
  }

  fillMask(text, options) {
    return this.#predict(3, [text], options, 'token score id');
  }

  answer(question, context, options) {
    const answers = this.#predict(4, [question, context], options, 'answer score  start end');
    return optionsOf(options).topK > 1 ? answers : answers[0];
  }

  tag(text, options) {
    const tags = this.#predict(5, [text], options, 'label score  start end');
    for (const tag of tags) tag.word = text.slice(tag.start, tag.end);
    return tags;
  }

  close() {
    this.#engine.close();
  }

  [Symbol.dispose ?? 'dispose']() {
    this.close();
  }

  // With the first of these prompts that the files have, else with what `prompts` says.
  #prompted(names, texts, options) {
    options = optionsOf(options, 'maxLength');
    for (const promptName of names)
      try {
        return this.embedBatch(texts, { ...options, promptName });
      } catch (error) {
        if (!/no prompt/.test(error.message)) throw error;
      }
    return this.embedBatch(texts, { prompt: this.prompts[names[0]], ...options });
  }

  #rows(name, width, ...lists) {
    const data = this.#engine.array(name, lists.map(idsOf), Float32Array);
    return { data, shape: [data.length / width, width] };
  }

  *#generate(prompt, options) {
    const engine = this.#engine,
      ids = [];
    options = optionsOf(options, 'maxNewTokens');
    const { eosTokenId } = options,
      stop = arrayOf(options.stop),
      biases = arrayOf(options.sequenceBias),
      items = [
        numbersOf(options),
        (options.seed ?? 0) + ' ',
        eosTokenId == null ? ABSENT : idsOf(arrayOf(eosTokenId)),
        Float64Array.from(biases, (one) => one?.bias),
        ...biases.map((one) => idsOf(one?.ids)),
        ...stop,
        ...promptOf(prompt),
      ];
    let finish = 3;
    engine.run('generate', engine.list(items), items.length, stop.length);
    try {
      for (;;) {
        const [at, length, id, sequence, state] = engine.run('next');
        if (state < 0) break;
        finish = state;
        if (id >= 0) ids.push(id);
        yield [engine.text(at, length), sequence];
      }
    } finally {
      this.last = { tokens: ids.length, truncated: false, finish: FINISH[finish], ids };
      try {
        engine.call('end');
      } catch {} // closed meanwhile
    }
  }

  // Predictions, of whose fields some have names: text, score, index, start, end.
  #predict(task, texts, options, names) {
    const engine = this.#engine,
      items = [numbersOf(options), ...texts];
    const [at, count, rows, tokens, truncated] = engine.give('predict', items, task);
    this.last = { tokens, truncated: truncated > 0 };
    const found = Array.from({ length: count }, (_, i) => {
      const one = {},
        [from, ...fields] = engine.view(at + 48 * i, 6, Float64Array);
      fields[0] = engine.text(from, fields[0]);
      names.split(' ').forEach((name, j) => name && (one[name] = fields[j]));
      return one;
    });
    return rows > 1 ? Array.from({ length: rows }, () => found.splice(0, count / rows)) : found;
  }
}

// The cosine of two vectors.
export const similarity = (a, b) => {
  let ab = 0,
    aa = 0,
    bb = 0,
    n = a?.length;
  if (!(n >= 0) || n !== b?.length) wrong(`expected ${n} numbers, got ${b?.length}`);
  while (n--) {
    ab += a[n] * b[n];
    aa += a[n] * a[n];
    bb += b[n] * b[n];
  }
  return (aa = Math.sqrt(aa * bb)) && ab / aa;
};

// The k nearest of some vectors, an array of them or one after another, best first.
export const search = (query, vectors, k = 10) => {
  const n = query?.length || wrong('no query'),
    rows = ArrayBuffer.isView(vectors) ? { length: Math.ceil(vectors.length / n) } : vectors;
  return Array.from(rows, (row, index) => ({
    index,
    score: similarity(query, row ?? vectors.subarray(index * n, (index + 1) * n)),
  }))
    .sort((a, b) => b.score - a.score)
    .slice(0, k);
};

export { embed } from './fetch.js';
