// SPDX-License-Identifier: MIT OR Apache-2.0
// Generation, logits and heads through the package: the tiny checkpoints against what Hugging Face
// computes from them in float64, and the manners of a stream.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import init, { WasmPipeline, WasmicroError } from '../../npm/index.js';
import { HEADS, LATER, ROOT, errorOf, filesOf, floats, goldenOf } from './support.js';

await init();
const open = (files) => WasmPipeline.fromBytes(null, null, null, null, { files });
const openTiny = (name) => open(filesOf(name));
const gpt2 = openTiny('gpt2-f32'),
  t5 = openTiny('t5-f32');
const PROMPT = 'The river runs past';

async function collect(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

// ---- Against Hugging Face -----------------------------------------------------------------------

function assertLogits(pipeline, { ids, decoder_ids: decoderIds, values }, name) {
  const { data, shape } = pipeline.logits(ids, decoderIds),
    want = floats(values);
  assert.deepEqual(shape, [(decoderIds ?? ids).length, pipeline.info.vocabulary]);
  want.forEach((value, i) =>
    assert.ok(Math.abs(data[i] - value) <= 1e-3, `${name}: logit ${i}: ${data[i]}, not ${value}`),
  );
}

for (const { name } of LATER)
  test(name, () => {
    const golden = goldenOf(name),
      pipeline = openTiny(name);
    for (const one of golden.logits ?? []) assertLogits(pipeline, one, name);
    for (const { ids, tokens } of golden.greedy ?? []) {
      const text = pipeline.generate(ids, tokens.length);
      assert.deepEqual(pipeline.last.ids, tokens);
      // What goes out at once may be half of a run of bytes that later is no character.
      if (pipeline.info.modelType !== 'llama')
        assert.equal(text, pipeline.decode(tokens, { skipSpecial: true }));
      assert.equal(pipeline.last.tokens, tokens.length);
    }
    for (const { text, ids } of golden.texts)
      assert.deepEqual([...pipeline.tokenize(text)], ids, text);
    pipeline.close();
  });

const CAMEL = {
  top_k: 'topK',
  max_length: 'maxLength',
  stride: 'stride',
  max_answer: 'maxAnswer',
  raw: 'raw',
  all: 'all',
};
const METHODS = [
  undefined,
  (p, [text, pair], options) => p.classify(text, { ...options, pair }),
  (p, [query, ...texts], options) => p.rerank(query, texts, options),
  (p, [text], options) => p.fillMask(text, options),
  (p, [question, context], options) => p.answer(question, context, options),
  (p, [text], options) => p.tag(text, options),
];

// A head's golden in the form that the method gives. Its places are bytes.
function shown(task, texts, items) {
  const units = (bytes) =>
    Buffer.from(texts[+(task === 4)])
      .subarray(0, bytes)
      .toString().length;
  return items.map(([text, score, index, from, to]) => {
    const [start, end] = [units(from), units(to)];
    if (task === 1) return { label: text, score };
    if (task === 2) return { index, score };
    if (task === 3) return { token: text, id: index, score };
    if (task === 4) return { answer: text, score, start, end };
    return { label: text, score, word: texts[0].slice(start, end), start, end };
  });
}

function assertFound(got, want, what) {
  assert.equal(got.length, want.length, what);
  want.forEach((item, i) => {
    assert.ok(Math.abs(got[i].score - item.score) < 2e-5, `${what}: score ${i}`);
    assert.deepEqual({ ...got[i], score: 0 }, { ...item, score: 0 }, what);
  });
}

for (const { name } of HEADS)
  test(name, () => {
    const files = filesOf(name);
    for (const golden of goldenOf(name).predictions) {
      const { task, texts, rows, items, architecture } = golden;
      const config = { ...JSON.parse(files['config.json']), ...golden.config };
      const given = Object.entries(golden.options).map(([key, value]) => [CAMEL[key], value]);
      const pipeline = open({
        ...files,
        'config.json': JSON.stringify({ ...config, architectures: [architecture] }),
      });
      const got = METHODS[task](pipeline, texts, Object.fromEntries(given));
      const flat = rows > 1 ? got.flat() : [got ?? []].flat();
      assertFound(flat, shown(task, texts, items), `${name} ${JSON.stringify(golden.options)}`);
      if (rows > 1) assert.equal(got.length, rows);
      assert.ok(pipeline.last.tokens > 0);
      pipeline.close();
    }
  });

test('a conversation is a prompt, by the template of the files', () => {
  const read = (path) => readFileSync(join(ROOT, 'tests/vectors', path), 'utf8');
  let checked = 0;
  for (const { template, cases } of JSON.parse(read('chat.json'))) {
    const p = open({
      ...filesOf('gpt2-f32'),
      'tokenizer_config.json': '{"bos_token": "<bos>", "eos_token": "</s>"}',
      'chat_template.jinja': read(`chat/${template}.jinja`),
    });
    for (const { talk, answer, prompt } of cases.filter(({ answer, prompt }) => answer && prompt)) {
      const messages = talk.map((line) => {
        const [role, ...content] = line.split(': ');
        return { role, content: content.join(': ') };
      });
      const ids = p.tokenize(prompt, { special: false });
      if (ids.length > 75) continue; // the context holds 80
      assert.equal(p.generate(messages, 5), p.generate(ids, 5), template);
      checked++;
    }
    p.close();
  }
  assert.ok(checked > 15, `${checked}`);
});

// ---- Text ---------------------------------------------------------------------------------------

test('stream gives the pieces of generate, and last tells why it ended', async () => {
  const text = gpt2.generate(PROMPT, 40),
    { ids, ...last } = gpt2.last;
  assert.equal(ids.length, 40);
  assert.deepEqual(last, { tokens: 40, truncated: false, finish: 'length' });
  const pieces = await collect(gpt2.stream(PROMPT, 40));
  assert.equal(pieces.join(''), text);
  assert.ok(pieces.length > 5);
  assert.ok(pieces.every(Boolean), 'no empty piece');
  assert.deepEqual(gpt2.last, { ids, ...last });
});

test('a stop string ends the text before it', () => {
  const text = gpt2.generate(PROMPT, 40),
    stop = text.slice(10, 13);
  assert.equal(
    gpt2.generate(PROMPT, { maxNewTokens: 40, stop }),
    text.slice(0, text.indexOf(stop)),
  );
  assert.equal(gpt2.last.finish, 'stop');
  gpt2.generate(PROMPT, { maxNewTokens: 40, stop: ['\u{1F999}', stop] });
  assert.equal(gpt2.last.finish, 'stop');
});

test('eosTokenId and sequenceBias', () => {
  gpt2.generate(PROMPT, 9);
  const { ids } = gpt2.last;
  gpt2.generate(PROMPT, { maxNewTokens: 9, eosTokenId: ids[3] });
  assert.equal(gpt2.last.finish, 'eos');
  assert.deepEqual(gpt2.last.ids, ids.slice(0, ids.indexOf(ids[3]) + 1));
  gpt2.generate(PROMPT, { maxNewTokens: 9, sequenceBias: [{ ids: [ids[0]], bias: -Infinity }] });
  assert.ok(!gpt2.last.ids.includes(ids[0]));
  gpt2.generate(PROMPT, { maxNewTokens: 3, sequenceBias: [{ ids: [5], bias: 1e4 }] });
  assert.deepEqual(gpt2.last.ids, [5, 5, 5]);
});

test('seeds: the same one draws the same; numbers and bigints; several sequences', () => {
  const draw = (seed, more) =>
    gpt2.generate(PROMPT, { maxNewTokens: 20, temperature: 1, seed, ...more });
  assert.equal(draw(7), draw(7n));
  assert.equal(draw(0), draw());
  assert.notEqual(draw(7), draw(8));
  assert.notEqual(draw(2n ** 64n - 1n), draw(2n ** 64n - 2n));
  const three = draw(7, { numReturnSequences: 3 });
  assert.equal(three.length, 3);
  assert.equal(three[0], draw(7));
  assert.equal(new Set(three).size, 3);
});

test('beams; several of them', () => {
  const options = { maxNewTokens: 12, numBeams: 3, lengthPenalty: 0, earlyStopping: 'never' };
  const best = t5.generate('a', options);
  const all = t5.generate('a', { ...options, numReturnSequences: 3 });
  assert.equal(all.length, 3);
  assert.equal(all[0], best);
});

test('0 where it is given: no token, the best token, the narrowest choice', () => {
  const greedy = gpt2.generate(PROMPT, 12);
  assert.equal(gpt2.generate(PROMPT, 0), '');
  assert.deepEqual(gpt2.last, { tokens: 0, truncated: false, finish: 'length', ids: [] });
  assert.equal(gpt2.generate(PROMPT, { maxNewTokens: 12, temperature: 0, topK: 50 }), greedy);
  assert.equal(gpt2.generate(PROMPT, { maxNewTokens: 12, temperature: 3, topP: 0 }), greedy);
  assert.equal(gpt2.generate(PROMPT, { maxNewTokens: 12, temperature: null, seed: 4 }), greedy);
});

test('encodeT5 is the hidden states of the tokens; decode takes ids of any kind', () => {
  const text = 'The river runs',
    ids = t5.tokenize(text);
  assert.deepEqual(t5.encodeT5(text), t5.hidden(ids));
  assert.equal(t5.encodeT5(text).shape[1], t5.info.width);
  assert.equal(gpt2.decode(gpt2.tokenize(text)), text);
  assert.equal(gpt2.decode([...gpt2.tokenize(text)]), text);
  assert.equal(gpt2.decode([]), '');
});

test('tokenize: pairs, special tokens, length', () => {
  const p = openTiny('bert-f32'),
    text = 'the old mill';
  const whole = p.tokenize(text),
    plain = p.tokenize(text, { special: false });
  assert.deepEqual([...plain], [...whole.subarray(1, -1)]);
  assert.equal(p.tokenize(text, { pair: text }).length, 2 * whole.length - 1);
  assert.deepEqual(
    [...p.tokenize(text, { maxLength: 4 })],
    [...whole.subarray(0, 3), whole.at(-1)],
  );
  assert.ok(p.tokenize('[SEP]', { specialAsText: true }).length > p.tokenize('[SEP]').length);
});

// ---- Manners ------------------------------------------------------------------------------------

test('while a stream runs the pipeline does nothing else; leaving it ends it', async () => {
  for await (const piece of gpt2.stream(PROMPT, 30)) {
    assert.ok(piece);
    assert.equal((await errorOf(() => gpt2.generate('x', 1))).code, 'STATE');
    assert.equal((await errorOf(() => gpt2.hidden([1]))).code, 'STATE');
    assert.ok(gpt2.tokenize('x').length);
    break;
  }
  assert.equal(gpt2.last.finish, 'cancelled');
  assert.equal(gpt2.generate(PROMPT, 5), gpt2.generate(PROMPT, 5));
  gpt2.stream(PROMPT); // never begun: it holds nothing
  assert.ok(gpt2.generate(PROMPT, 5));
});

test('a pipeline that is closed in a stream: STATE for more, nothing for a break', async () => {
  const one = openTiny('gpt2-f32');
  for await (const piece of one.stream(PROMPT, 20)) {
    assert.ok(piece);
    one.close();
    break;
  }
  const other = openTiny('gpt2-f32');
  const on = async () => {
    for await (const piece of other.stream(PROMPT, 20)) other.close(piece);
  };
  assert.equal((await errorOf(on)).code, 'STATE');
});

test('an aborted stream rejects with AbortError, soon, and the pipeline works on', async () => {
  const want = gpt2.generate(PROMPT, 20);
  const before = await errorOf(() => collect(gpt2.stream(PROMPT, { signal: AbortSignal.abort() })));
  assert.equal(before.name, 'AbortError');
  const controller = new AbortController(),
    { signal } = controller;
  // The tiny model needs microseconds a token: a turn of the event loop comes all the same.
  let aborted;
  setTimeout(() => ((aborted = performance.now()), controller.abort()), 30);
  const endless = async () => {
    for (;;) await collect(gpt2.stream(PROMPT, { maxNewTokens: 200, eosTokenId: [], signal }));
  };
  assert.equal((await errorOf(endless)).name, 'AbortError');
  assert.ok(performance.now() - aborted < 50, `${performance.now() - aborted} ms`);
  assert.equal(gpt2.generate(PROMPT, 20), want);
});

test('an abort in the last step, and after the end', async () => {
  const want = gpt2.generate(PROMPT, 6),
    options = { maxNewTokens: 6, eosTokenId: [] },
    count = (await collect(gpt2.stream(PROMPT, options))).length,
    controller = new AbortController(),
    { signal } = controller;
  let pieces = 0;
  const inTheLastStep = async () => {
    for await (const piece of gpt2.stream(PROMPT, { ...options, signal }))
      if (piece && ++pieces === count) controller.abort();
  };
  assert.equal((await errorOf(inTheLastStep)).name, 'AbortError');
  assert.equal(gpt2.generate(PROMPT, 6), want);
  const late = new AbortController();
  await collect(gpt2.stream(PROMPT, { ...options, signal: late.signal }));
  const { last } = gpt2;
  late.abort();
  assert.equal(last.finish, 'length');
  assert.equal(gpt2.last, last);
  assert.equal(gpt2.generate(PROMPT, 6), want);
});

const wrong = {
  'a prompt that is none': () => gpt2.generate(5),
  'no prompt': () => gpt2.generate(),
  'an empty list of ids': () => gpt2.generate([]),
  'a message without content': () => gpt2.generate([{ role: 'user' }]),
  'a null message': () => gpt2.generate([null]),
  'a negative length': () => gpt2.generate(PROMPT, -1),
  'a fractional length': () => gpt2.generate(PROMPT, 1.5),
  'a length of NaN': () => gpt2.generate(PROMPT, NaN),
  'a length in text': () => gpt2.generate(PROMPT, { maxNewTokens: '5' }),
  'an option of no call': () => gpt2.generate(PROMPT, { maxNewToken: 5 }),
  'a bias that is none': () => gpt2.generate(PROMPT, { sequenceBias: [null] }),
  'a bias of no number': () => gpt2.generate(PROMPT, { sequenceBias: [{ ids: [5] }] }),
  'a bias of no ids': () => gpt2.generate(PROMPT, { sequenceBias: [{ bias: 5 }] }),
  'a signal that is none': () => gpt2.stream(PROMPT, { signal: 5 }).next(),
  'a negative temperature': () => gpt2.generate(PROMPT, { temperature: -1 }),
  'a temperature of NaN': () => gpt2.generate(PROMPT, { temperature: NaN }),
  'a topP above 1': () => gpt2.generate(PROMPT, { topP: 1.1 }),
  'a topK below 0': () => gpt2.generate(PROMPT, { topK: -1 }),
  'a doSample that is no boolean': () => gpt2.generate(PROMPT, { doSample: 1 }),
  'an unknown earlyStopping': () => gpt2.generate(PROMPT, { earlyStopping: 'soon' }),
  'beams that draw': () => gpt2.generate(PROMPT, { numBeams: 2, doSample: true }),
  'a repetitionPenalty of 0': () => gpt2.generate(PROMPT, { repetitionPenalty: 0 }),
  'a repetitionPenalty of NaN': () => gpt2.generate(PROMPT, { repetitionPenalty: NaN }),
  'a typicalP of 0': () => gpt2.generate(PROMPT, { typicalP: 0 }),
  'a minP above 1': () => gpt2.generate(PROMPT, { minP: 2 }),
  'an infinite temperature': () => gpt2.generate(PROMPT, { temperature: Infinity }),
  'a length of 2^31': () => gpt2.generate(PROMPT, 2 ** 31),
  'no beam': () => gpt2.generate(PROMPT, { numBeams: 0 }),
  'no sequence': () => gpt2.generate(PROMPT, { numReturnSequences: 0 }),
  'more sequences than beams': () => gpt2.generate(PROMPT, { numReturnSequences: 2 }),
  'a noRepeatNgramSize below 0': () => gpt2.generate(PROMPT, { noRepeatNgramSize: -1 }),
  'a bias of NaN': () => gpt2.generate(PROMPT, { sequenceBias: [{ ids: [1], bias: NaN }] }),
  'a bias for no ids': () => gpt2.generate(PROMPT, { sequenceBias: [{ ids: [], bias: 1 }] }),
  'an eosTokenId outside the vocabulary': () => gpt2.generate(PROMPT, { eosTokenId: -1 }),
  'a seed of NaN': () => gpt2.generate(PROMPT, { seed: NaN }),
  'a seed of 2^64': () => gpt2.generate(PROMPT, { seed: 2n ** 64n }),
  'a negative bigint as seed': () => gpt2.generate(PROMPT, { seed: -1n }),
  'a fractional seed': () => gpt2.generate(PROMPT, { seed: 1.5 }),
  'a negative seed': () => gpt2.generate(PROMPT, { seed: -1 }),
  'a seed that is no number': () => gpt2.generate(PROMPT, { seed: 'abc' }),
  'an empty stop string': () => gpt2.generate(PROMPT, { stop: '' }),
  'a stop that is no string': () => gpt2.generate(PROMPT, { stop: [5] }),
  'ids outside the vocabulary': () => gpt2.generate([1e6]),
  'fractional ids': () => gpt2.decode([1.5]),
  'decoder ids for a decoder': () => gpt2.logits([1], [1]),
  'no decoder ids for T5': () => t5.logits([1]),
  'a pair that is no text': () => gpt2.tokenize('a', { pair: 5 }),
  'an unknown truncate': () => gpt2.tokenize('a', { truncate: 'mean' }),
  'documents that are none': () => gpt2.rerank('a', 'b'),
};
for (const [name, call] of Object.entries(wrong))
  test(`ARG for ${name}`, async () => {
    const error = await errorOf(call);
    assert.ok(error instanceof WasmicroError, error.stack);
    assert.equal(error.code, 'ARG', error.message);
    assert.equal(gpt2.generate(PROMPT, 3).length > 0, true);
  });

test('LIMIT: beams, sequences, stop strings; NUMERIC: no token is left', async () => {
  const codeOf = async (options) => (await errorOf(() => gpt2.generate(PROMPT, options))).code;
  assert.equal(await codeOf({ numBeams: 1e6 }), 'LIMIT');
  assert.equal(await codeOf({ temperature: 1, numReturnSequences: 1e6 }), 'LIMIT');
  assert.equal(await codeOf({ stop: Array(10_000).fill('a') }), 'LIMIT');
  assert.equal(await codeOf({ stop: 'a'.repeat(5000) }), 'LIMIT');
  const sequenceBias = Array.from({ length: gpt2.info.vocabulary }, (_, id) => ({
    ids: [id],
    bias: -Infinity,
  }));
  for (const options of [{}, { temperature: 1 }, { numBeams: 2 }])
    assert.equal(await codeOf({ ...options, sequenceBias }), 'NUMERIC');
  assert.ok(gpt2.generate(PROMPT, { temperature: 1e-30, topK: 1e6, seed: 3 }));
});

test('what a model cannot do is STATE', async () => {
  const bert = openTiny('bert-f32');
  for (const call of [
    () => bert.generate('a'),
    () => bert.logits([1]),
    () => gpt2.classify('a'),
    () => gpt2.tag('a'),
    () => bert.answer('a', 'b'),
  ])
    assert.equal((await errorOf(call)).code, 'STATE');
});
