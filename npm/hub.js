// SPDX-License-Identifier: MIT OR Apache-2.0
// wasmicro/hub: a model by the name of its repository, and what the cache holds.
import { OPTIONS, encoder, fail, optionsOf, wrong } from './engine.js';
import { download, openFrom, openStore, pipelineOf, sha256 } from './fetch.js';

OPTIONS.push(
  ...['revision', 'quantized', 'token', 'endpoint', 'fetch', 'cache', 'offline', 'idle', 'retries'],
);

const REPO = /^[A-Za-z0-9][\w.-]{0,95}(\/[A-Za-z0-9][\w.-]{0,95})?$/;
const PLAIN = /^(?!.*(^|\/)\.{0,2}(\/|$))[^\0-\x1f\x7f\\:%]+$/; // leads nowhere else

// What a model is opened from, at the root or in a module's folder: no name leads elsewhere.
const NAMES = new RegExp(
  '^(\\d+_\\w+/)?(' +
    '(config(_sentence_transformers)?|generation_config|modules|sentence_\\w+_config|vocab|' +
    'tokenizer(_config)?|special_tokens_map|added_tokens|model\\.safetensors\\.index)\\.json|' +
    '(vocab|merges)\\.txt|(spiece|sentencepiece\\.bpe|tokenizer)\\.model|chat_template\\.jinja|' +
    'model(-\\d+-of-\\d+)?\\.safetensors)$',
);

// Smaller weights that a repository may have beside its own, in the files' names: model.i8.safetensors.
const QUANTIZED = { i8: ['i8'], u8: ['u8'], q4: ['q4'], f16: ['f16', 'fp16'], true: ['i8', 'u8', 'q4'] };

const smaller = (repo, files, quantized) => {
  const names = (Object.hasOwn(QUANTIZED, quantized) ? QUANTIZED[quantized] : wrong(`quantized cannot be ${quantized}`))
    .map((kind) => `model.${kind}.safetensors`);
  for (const name of names)
    for (const [path, size, hash] of files)
      if (path === name) return [path, size, hash, 'model.safetensors'];
  fail('MISSING', `${repo} has no ${names.join(' or ')}: \`wasmicro convert --quantize\` makes one`);
};

// Of a repository's files, [path, size, …] each, those that its model is opened from.
const needed = (repo, files, quantized) => {
  const has = (name) => files.some(([path]) => path === name);
  const chosen = quantized && smaller(repo, files, quantized);
  const wanted = files.filter(
    ([path]) =>
      NAMES.test(path) &&
      !(has('tokenizer.json') && /^(vocab|merges)\.|\.model$/.test(path)) &&
      !((chosen || has('model.safetensors')) && /^model(-|.*index)/.test(path)) &&
      !(chosen && path === 'model.safetensors'),
  );
  if (chosen) wanted.push(chosen);
  if (!wanted.some(([path]) => path.endsWith('.safetensors')))
    fail(
      'UNSUPPORTED',
      `${repo} has no model.safetensors: \`wasmicro convert\` makes one of pytorch_model.bin or GGUF`,
    );
  return wanted;
};

const textOf = async (chunks) => {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true });
  return text;
};

// The commit that the hub has at a revision, and its files.
const ask = async (repo, revision, o) => {
  const url = `${o.endpoint}/api/models/${repo}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const text = await textOf(download({ __proto__: null, url }, o, () => {}));
  try {
    const { sha, siblings } = JSON.parse(text);
    const hex = (hash) => (/^[0-9a-f]{40,64}$/.test(hash) ? hash : fail('FORMAT', `not a hash: ${hash}`));
    const entry = ({ rfilename, size, blobId, lfs }) =>
      lfs ? [rfilename, lfs.size, hex(lfs.sha256)] : [rfilename, size, hex(blobId)];
    return [hex(sha), siblings.map(entry)];
  } catch (cause) {
    fail('FORMAT', `${url} is no list of files: is the endpoint right?`, cause);
  }
};

// The hash that git names a file by, which has some MB at most: crypto.subtle takes it whole. A page
// that is not secure has none, and there the size alone counts.
const blobSum = (size) => {
  const { subtle } = globalThis.crypto ?? {},
    parts = [encoder.encode(`blob ${size}\0`)];
  const digest = async () => {
    const hash = await subtle.digest('SHA-1', await new Blob(parts).arrayBuffer());
    return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, 0)).join('');
  };
  return subtle && { update: (bytes) => parts.push(bytes.slice()), digest };
};

// What a browser's Cache can say beyond find and put.
const full = (store) => {
  const { kept, find } = store ?? {};
  if (!kept) return store;
  const place = (repo, revision) => `https://wasmicro.invalid/${repo}/${encodeURIComponent(revision)}`;

  // Every file of which there is something.
  const begun = async () => {
    const entries = [];
    for (const request of await kept.keys())
      if (request.url.endsWith('?0')) {
        const { headers } = (await kept.match(request)) ?? {};
        const { repo, revision, path, size, hash, url } = JSON.parse(headers?.get('x-file') ?? '{}');
        if (url) entries.push({ repo, revision, path, size, hash, url });
      }
    return entries;
  };
  const all = async () => {
    const entries = [];
    for (const entry of await begun()) if (await find(entry)) entries.push(entry);
    return entries;
  };
  return {
    ...store,
    all,
    list: async (repo, revision) => (await kept.match(place(repo, revision)))?.json(),
    keep: (repo, revision, list) => kept.put(place(repo, revision), Response.json(list)),
    remove: async (repo) => {
      for (const { url } of await kept.keys()) if (url.startsWith(place(repo, ''))) await kept.delete(url);
      for (const entry of await begun())
        if (entry.repo === repo) await kept.delete(entry.url, { ignoreSearch: true });
    },
    intact: async (entry) => {
      const sum = entry.hash.length > 40 ? sha256() : blobSum(entry.size);
      for (const part of await find(entry)) sum.update(new Uint8Array(await part.arrayBuffer()));
      return (await sum.digest()) === entry.hash;
    },
  };
};

const storeOf = async (options) => {
  const { cache } = options;
  if (cache && typeof cache !== 'string' && !cache.find) fail('ARG', 'cache must be a name, a folder, a store or false');
  return full(await openStore(options));
};

// The hub's list, or where it cannot be reached, what is here.
const listOf = (repo, revision) => async (o) => {
  const store = await storeOf(o);
  const kept = await store?.list?.(repo, revision);
  try {
    if (o.offline) {
      const why = store && !store.list ? 'the store has no `list` to know it by' : 'the hub is not asked';
      fail('IO', `${repo} at ${revision} is not in the cache, and ${why}`);
    }
    const list = await ask(repo, revision, { __proto__: null, ...o, ...(kept && { retries: 0 }) });
    await store?.keep?.(repo, revision, list).catch(() => {});
    return [list[0], needed(repo, list[1], o.quantized), blobSum];
  } catch (cause) {
    if (cause.code !== 'IO' || !kept) throw cause;
    try {
      return [kept[0], needed(repo, kept[1], o.quantized), blobSum];
    } catch {
      throw cause; // what is here is not all that there is
    }
  }
};

const checkRepo = (repo) =>
  typeof repo === 'string' && REPO.test(repo) && !/--|\.\./.test(repo) ? repo : fail('ARG', `not a repository's name: ${String(repo)}`);

// What models whose files name no prompts want before a query and before a document.
const PROMPTS = [
  [/\/(multilingual-)?e5-(small|base|large)(?!-instruct)/, 'query: ', 'passage: '],
  [/\/nomic-embed-text/, 'search_query: ', 'search_document: '],
  [/\/(bge-.*-en|mxbai-embed)/, 'Represent this sentence for searching relevant passages: ', ''],
  [/\/bge-.*-zh/, '为这个句子生成表示以用于检索相关文章：', ''],
];

// A model from a hub: options of WasmPipeline.load, and revision, token, endpoint, fetch,
// quantized, cache (a Cache's name, a folder, a store, or false), offline, signal, onProgress.
export const fromHub = async (repo, options) => {
  options = optionsOf(options);
  const revision = options.revision ?? 'main';
  if (typeof revision !== 'string' || !PLAIN.test(revision)) fail('ARG', `not a revision: ${String(revision)}`);
  const pipeline = await openFrom(repo, listOf(checkRepo(repo), revision), options);
  const [, query, document] = PROMPTS.find(([name]) => name.test(repo)) ?? [];
  pipeline.prompts = { query, document };
  return pipeline;
};

const storeFor = async (options) => {
  const store = await storeOf(optionsOf(options));
  return store?.all ? store : fail('UNSUPPORTED', store ? 'this store has no list' : 'this host has no cache');
};

// What is kept. Each takes {cache} as fromHub does.
export const cache = {
  // [{repo, revision, path, size}]
  list: async (options) => (await storeFor(options)).all(),
  // bytes of all files, or of one repository's
  size: async (repo, options) =>
    (repo && checkRepo(repo), await cache.list(options)).reduce(
      (sum, entry) => sum + (repo && entry.repo !== repo ? 0 : entry.size),
      0,
    ),
  delete: async (repo, options) => (await storeFor(options)).remove(checkRepo(repo)),
  // The entries whose bytes are not those that were promised.
  verify: async (options) => {
    const store = await storeFor(options),
      damaged = [];
    for (const entry of await store.all()) if (!(await store.intact(entry))) damaged.push(entry);
    return damaged;
  },
};

// ---- With nothing to configure ------------------------------------------------------------------

// prettier-ignore
const WRITER = ['HuggingFaceTB/SmolLM2-135M-Instruct', () => ['12fd25f77366fa6b3b4b768ec3050bf629380bac', [
  ['config.json', 861, '8eb740e8bbe4cff95ea7b4588d17a2432deb16e8075bc5828ff7ba9be94d982a'],
  ['generation_config.json', 132, '87b916edaaab66b3899b9d0dd0752727dff6666686da0504d89ae0a6e055a013'],
  ['tokenizer.json', 2104556, '9ca9acddb6525a194ec8ac7a87f24fbba7232a9a15ffa1af0c1224fcd888e47c'],
  ['tokenizer_config.json', 3764, '4ec77d44f62efeb38d7e044a1db318f6a939438425312dfa333b8382dbad98df'],
  ['model.safetensors', 269060552, '5af571cbf074e6d21a03528d2330792e532ca608f24ac70a143f6b369968ab8c'],
]]];

// What SmolLM2-135M-Instruct writes after a prompt, or answers in a conversation.
export const generate = async (prompt, options) =>
  (await pipelineOf(WRITER, optionsOf(options, 'maxNewTokens').signal)).generate(prompt, options);
