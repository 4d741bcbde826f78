// SPDX-License-Identifier: MIT OR Apache-2.0
// The tokenizer alone: from a repository's tokenizer files, without a model.
// prettier-ignore
import {
  ABSENT, OPTIONS, idsOf, numbersOf, openLater, openNow, optionsOf, textsOf, wrong,
} from './engine.js';

export { default, WasmicroError } from './engine.js';

OPTIONS.push('offsets', 'strategy', 'maxTokens', 'overlap');

const UNITS = ['utf16', 'code-points', 'bytes'];
const CODES = [2, 1, 0]; // wm_offsets
const STRATEGIES = ['longest', 'first', 'second']; // wm_truncation

const choice = (value, choices, name) => {
  const index = choices.indexOf(value ?? choices[0]);
  return index < 0 ? wrong(`${name} must be one of ${choices.join(', ')}`) : index;
};

const unitOf = (options) => CODES[choice(options.offsets, UNITS, 'offsets')];

const count = (value, name) =>
  value === value >>> 0 ? value : wrong(`${name} must be a whole number`);

export class Tokenizer {
  #engine;

  constructor(engine) {
    if (!engine?.give) wrong('use load');
    this.#engine = engine;
  }

  static fromBytes(tokenizer, options) {
    return new Tokenizer(openNow({ ...optionsOf(options), tokenizer, __proto__: null }, 1));
  }

  static async load(options) {
    return new Tokenizer(await openLater(optionsOf(options), 1));
  }

  // The engine's answer to one text: where its arrays lie. Bytes are the unit that costs nothing.
  #encode(text, options, windows = 0, stride = 0, unit = unitOf(options)) {
    const items = [numbersOf(options), text, options.pair ?? ABSENT];
    const strategy = choice(options.strategy, STRATEGIES, 'strategy');
    return this.#engine.give('encode', items, unit, strategy, windows, stride);
  }

  #encoding(text, options, windows, stride) {
    const engine = this.#engine;
    const [ids, n, types, starts, ends, truncated] = this.#encode(text, options, windows, stride);
    return {
      ids: engine.view(ids, n, Int32Array).slice(),
      types: engine.view(types, n).slice(),
      starts: engine.view(starts, n, Uint32Array).slice(),
      ends: engine.view(ends, n, Uint32Array).slice(),
      truncated: truncated > 0,
    };
  }

  encode(text, options) {
    return this.#encoding(text, optionsOf(options, 'maxLength'));
  }

  encodeWindows(text, options) {
    options = optionsOf(options, 'maxLength');
    const all = this.#encoding(text, options, 1, count(options.stride ?? 0, 'stride'));
    const total = all.ids.length,
      size = (all.truncated && options.maxLength) || total || 1;
    return Array.from({ length: Math.ceil(total / size) || 1 }, (_, i) => {
      const part = { ...all };
      for (const name of ['ids', 'types', 'starts', 'ends'])
        part[name] = all[name].slice(i * size, i * size + size);
      return part;
    });
  }

  encodeBatch(texts, options) {
    return textsOf(texts).map((text) => this.encode(text, options));
  }

  tokenize(text, options) {
    const [ids, n] = this.#encode(text, optionsOf(options, 'maxLength'), 0, 0, 0);
    return this.#engine.view(ids, n, Int32Array).slice();
  }

  decode(ids, options) {
    const items = [numbersOf(options), idsOf(ids)];
    const [at, length] = this.#engine.give('decode', items);
    return this.#engine.text(at, length);
  }

  count(text, options) {
    if (Array.isArray(text)) return text.map((one) => this.count(one, options));
    return this.#encode(text, optionsOf(options), 0, 0, 0)[1];
  }

  // The text's beginning of at most maxTokens tokens; its end with truncate: 'start'.
  truncate(text, options) {
    options = optionsOf(options, 'maxTokens');
    const [piece] = this.#cut(text, options, options.truncate === 'start' ? -1 : 1);
    return piece?.text ?? '';
  }

  chunk(text, options) {
    if (Array.isArray(text)) return text.map((one) => this.chunk(one, options));
    return [...this.#cut(text, optionsOf(options, 'maxTokens'), 0)];
  }

  // Pieces of the text, each of at most maxTokens tokens when it is encoded by itself: from the first
  // character of one of the text's tokens to the last of another. All of them, or with `only` the
  // first (1) or last (-1).
  *#cut(text, { maxTokens, overlap = 0, special = true }, only) {
    const most = count(maxTokens, 'maxTokens') - this.count('', { special });
    if (!(most > count(overlap, 'overlap')))
      wrong('maxTokens must be above overlap and the special tokens together');
    const { starts, ends } = this.encode(text, { special: false });
    const total = starts.length;
    let from = only < 0 ? Math.max(0, total - most) : 0,
      reached = -1;
    while (from < total) {
      let to = Math.min(from + most, total),
        piece;
      for (;;) {
        const start = starts.subarray(from, to).reduce((a, b) => Math.min(a, b)),
          end = ends.subarray(from, to).reduce((a, b) => Math.max(a, b)),
          part = text.slice(start, end);
        piece = { text: part, start, end, tokens: this.count(part, { special }) };
        // A part of a text may have more tokens by itself than within it.
        if (piece.tokens <= maxTokens || to - from === 1) break;
        if (only < 0) from++;
        else to--;
      }
      if (piece.end > reached) yield piece; // else it is a part of a character that has been
      reached = piece.end;
      if (only || to === total) return;
      from = Math.max(from + 1, to - overlap);
    }
  }

  close() {
    this.#engine.close();
  }

  [Symbol.dispose ?? 'dispose']() {
    this.close();
  }
}
