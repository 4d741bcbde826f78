// SPDX-License-Identifier: MIT OR Apache-2.0
// The files of a model, from a folder beside the page or from one of the reader's.

// What a repository may hold besides its weights.
const FILES = [
  'config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json',
  'special_tokens_map.json', 'chat_template.jinja', 'vocab.txt', 'vocab.json', 'merges.txt',
  'spiece.model', 'modules.json', '1_Pooling/config.json', '2_Dense/config.json',
  'sentence_bert_config.json', 'config_sentence_transformers.json',
]; // prettier-ignore
const WEIGHTS = ['model.safetensors', '2_Dense/model.safetensors'];

// The files that there are at an address, as URLs: they stream into the Worker.
export async function filesAt(address) {
  const base = new URL(address.endsWith('/') ? address : `${address}/`, location.href);
  const found = await Promise.all(
    [...FILES, ...WEIGHTS].map(async (path) => {
      const url = new URL(path, base);
      return (await fetch(url, { method: 'HEAD' })).ok ? [path, url] : undefined;
    }),
  );
  const files = Object.fromEntries(found.filter(Boolean));
  if (!files['config.json']) throw new Error(`there is no config.json at ${base}`);
  return files;
}

// The files of a folder that the reader chose, without the folder's own name.
export function filesOf(list) {
  const known = /(\.json|\.txt|\.model|\.jinja|\.safetensors)$/;
  const paths = [...list].map((file) => [file.webkitRelativePath.replace(/^[^/]*\//, ''), file]);
  return Object.fromEntries(paths.filter(([path]) => known.test(path)));
}
