// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro/tokenizer: the tokenizer without a model.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';
import init, { Tokenizer, WasmicroError } from '../../npm/tokenizer.js';
import { CHECKPOINTS, ROOT, errorOf, filesOf, goldenOf } from './support.js';

await init();
const TEXT = 'Naïve señor — 😀😀 the old mill, unbelievably. '.repeat(5);
const WEIGHTS = /\.safetensors/;
const tokenizerOf = (name) =>
  Tokenizer.fromBytes(null, {
    files: Object.fromEntries(
      Object.entries(filesOf(name)).filter(([path]) => !WEIGHTS.test(path)),
    ),
  });
const bert = tokenizerOf('bert-f32'),
  roberta = tokenizerOf('roberta-f32');

const ITS_FILE = /^(tokenizer\.json|vocab\.(txt|json))$/;
for (const { name } of CHECKPOINTS.filter(({ files }) => files.some((path) => ITS_FILE.test(path))))
  test(name, () => {
    const tokenizer = tokenizerOf(name);
    for (const { text, ids } of goldenOf(name).texts) {
      assert.deepEqual([...tokenizer.tokenize(text)], ids, text);
      assert.equal(tokenizer.count(text), ids.length);
    }
  });

test('from the one file alone, by its content, and from anywhere', async () => {
  const files = filesOf('roberta-f16'),
    want = [...tokenizerOf('roberta-f16').tokenize(TEXT)];
  const one = Tokenizer.fromBytes(files['tokenizer.json']);
  assert.deepEqual([...one.tokenize(TEXT)], want);
  const from = (path) => pathToFileURL(join(ROOT, 'tests/tiny/roberta-f16', path));
  const two = await Tokenizer.load({
    tokenizer: from('vocab.json'),
    merges: from('merges.txt'),
    config: from('config.json'),
  });
  assert.deepEqual([...two.tokenize(TEXT)], want);
  const stopped = Tokenizer.load({ tokenizer: from('vocab.json'), signal: AbortSignal.abort() });
  assert.equal((await errorOf(() => stopped)).name, 'AbortError');
});

test('offsets: UTF-16 for slice, code points, bytes', () => {
  for (const tokenizer of [bert, roberta]) {
    const units = tokenizer.encode(TEXT, { special: false }),
      points = tokenizer.encode(TEXT, { special: false, offsets: 'code-points' }),
      bytes = tokenizer.encode(TEXT, { special: false, offsets: 'bytes' });
    const all = [...TEXT],
      utf8 = Buffer.from(TEXT);
    units.starts.forEach((start, i) => {
      const part = TEXT.slice(start, units.ends[i]);
      assert.equal(all.slice(points.starts[i], points.ends[i]).join(''), part);
      assert.equal(utf8.subarray(bytes.starts[i], bytes.ends[i]).toString(), part);
    });
    assert.equal(units.ends.at(-1), TEXT.trimEnd().length + (tokenizer === roberta));
  }
});

test('pairs, types, truncation', () => {
  const pair = bert.encode('the old mill', { pair: 'the river' });
  assert.equal(pair.types[0], 0);
  assert.equal(pair.types.at(-1), 1);
  assert.equal(pair.truncated, false);
  const cut = bert.encode(TEXT, 10);
  assert.equal(cut.ids.length, 10);
  assert.equal(cut.truncated, true);
  const first = bert.encode(TEXT, { pair: 'the river', strategy: 'first', maxLength: 20 });
  const second = bert.encode('the river', { pair: TEXT, strategy: 'second', maxLength: 20 });
  assert.equal(first.ids.length, 20);
  assert.deepEqual([...first.ids].slice(-4), [...pair.ids].slice(-4));
  assert.deepEqual([...second.ids].slice(0, 2), [...bert.encode('the river').ids].slice(0, 2));
});

test('windows: each with the special tokens, a stride in common', () => {
  const whole = bert.encode(TEXT, { special: false });
  const windows = bert.encodeWindows(TEXT, { maxLength: 12, stride: 3 });
  assert.ok(windows.length > 2);
  let reached = 0;
  for (const [i, { ids, starts, ends, types, truncated }] of windows.entries()) {
    assert.equal(ids.length === 12 || i === windows.length - 1, true);
    assert.deepEqual([ids[0], ids.at(-1), truncated], [bert.encode('').ids[0], bert.encode('').ids[1], true]);
    const from = i ? reached - 3 : 0;
    reached = from + ids.length - 2;
    assert.deepEqual(ids.slice(1, -1), whole.ids.slice(from, reached));
    assert.deepEqual(starts.slice(1, -1), whole.starts.slice(from, reached));
    assert.deepEqual(ends.slice(1, -1), whole.ends.slice(from, reached));
    assert.equal(types.length, ids.length);
  }
  assert.equal(reached, whole.ids.length);
  assert.deepEqual(bert.encodeWindows('a', 12), [bert.encode('a')]);
  assert.deepEqual(bert.encodeWindows(TEXT, { maxLength: 9 })[0].ids, bert.encode(TEXT, 9).ids);
  const pairs = bert.encodeWindows('the river', { pair: TEXT, strategy: 'second', maxLength: 16, stride: 2 });
  for (const { ids } of pairs) assert.deepEqual(ids.slice(0, 4), pairs[0].ids.slice(0, 4));
});

test('decode gives the text back', () => {
  assert.equal(roberta.decode(roberta.encode(TEXT).ids, { skipSpecial: true }), TEXT);
  assert.match(roberta.decode(roberta.encode('a').ids), /^<s>.*<\/s>$/);
});

test('chunks: within the limit by themselves, exact places, no token left out', () => {
  for (const tokenizer of [bert, roberta])
    for (const maxTokens of [8, 13, 40, 1000])
      for (const overlap of [0, 3])
        for (const special of [true, false]) {
          const chunks = tokenizer.chunk(TEXT, { maxTokens, overlap, special });
          let reached = 0;
          for (const { text, start, end, tokens } of chunks) {
            assert.equal(text, TEXT.slice(start, end));
            assert.equal(tokens, tokenizer.count(text, { special }));
            assert.ok(tokens <= maxTokens);
            assert.equal(TEXT.slice(reached, Math.max(start, reached)).trim(), '');
            assert.ok(end > reached);
            reached = end;
          }
          assert.equal(TEXT.slice(reached).trim(), '');
          if (maxTokens === 1000) assert.equal(chunks.length, 1);
        }
  assert.deepEqual(bert.chunk('', 8), []);
  assert.deepEqual(bert.chunk([TEXT, ''], 8), [bert.chunk(TEXT, 8), []]);
  const [one, two] = bert.chunk('the old mill the old mill', { maxTokens: 7, overlap: 2 });
  assert.ok(two.start < one.end);
});

test('truncate: the beginning or the end', () => {
  const start = bert.truncate(TEXT, 12),
    end = bert.truncate(TEXT, { maxTokens: 12, truncate: 'start' });
  assert.ok(TEXT.startsWith(start) && TEXT.trimEnd().endsWith(end));
  assert.ok(start.length > 5 && end.length > 5 && start.length < TEXT.length);
  for (const text of [start, end]) assert.ok(bert.count(text) <= 12);
  assert.equal(bert.truncate('the mill', 100), 'the mill');
  assert.equal(bert.truncate('', 100), '');
});

const wrong = {
  'no text': () => bert.encode(),
  'a number': () => bert.count(5),
  'an unknown unit': () => bert.encode('a', { offsets: 'chars' }),
  'a stride as long as the window': () => bert.encodeWindows(TEXT, { maxLength: 5, stride: 3 }),
  'a fractional stride': () => bert.encodeWindows(TEXT, { maxLength: 5, stride: 0.5 }),
  'an unknown strategy': () => bert.encode('a', { strategy: 'best' }),
  'no limit': () => bert.chunk('a', {}),
  'a limit of 0': () => bert.chunk('a', 0),
  'a limit for the special tokens alone': () => bert.chunk('a', 2),
  'an overlap that leaves no step': () => bert.chunk('a', { maxTokens: 5, overlap: 3 }),
  'a fractional limit': () => bert.truncate('a', 1.5),
  'ids that are none': () => bert.decode('12'),
  'texts that are one': () => bert.encodeBatch('a'),
  'texts that are a length of 10^9': () => bert.encodeBatch({ length: 1e9 }),
  'texts that are lists': () => bert.encodeBatch([['a']]),
  'a list of characters': () => bert.encode(['a', 'b']),
  'ids that are a length of 10^9': () => bert.decode({ length: 1e9 }),
  'the constructor': () => new Tokenizer(),
};
for (const [name, call] of Object.entries(wrong))
  test(`ARG for ${name}`, async () => {
    const error = await errorOf(call);
    assert.ok(error instanceof WasmicroError, error.stack);
    assert.equal(error.code, 'ARG', error.message);
  });

test('files that are missing or wrong, and a closed one', async () => {
  assert.equal((await errorOf(() => Tokenizer.fromBytes(null))).code, 'MISSING');
  assert.equal((await errorOf(() => Tokenizer.fromBytes('{"version":'))).code, 'JSON');
  const tokenizer = tokenizerOf('bert-f32');
  tokenizer.close();
  assert.equal((await errorOf(() => tokenizer.count('a'))).code, 'STATE');
});
