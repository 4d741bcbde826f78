// SPDX-License-Identifier: MIT OR Apache-2.0
// The cache folder of huggingface_hub, for Node, Deno and Bun: blobs by their hash, snapshots of
// links to them, refs. What either of the two wrote, the other finds.

const node = process.getBuiltinModule; // not imports, which bundlers for browsers would stumble over
const { createHash } = node('node:crypto');
const fs = node('node:fs/promises');
const { homedir, hostname } = node('node:os');
const { dirname, join, relative } = node('node:path');
const { pathToFileURL } = node('node:url');

const STALE = 60_000; // ms after which a lock that nobody touched is nobody's

const env = process.env;

const defaultRoot = () =>
  env.HF_HUB_CACHE ||
  join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'huggingface'), 'hub');

const exists = (path) => fs.stat(path).catch(() => undefined);

// For a hash as it names a blob: the SHA-256 of a file, or of a small one git's SHA-1.
const hashOf = (name, size) =>
  name.length > 40 ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);

// Whether a process of this machine left the lock behind that is no more.
const isOrphan = async (lock) => {
  const [pid, host] = (await fs.readFile(lock, 'utf8').catch(() => '')).split(' ');
  try {
    return host === hostname() && !process.kill(pid, 0);
  } catch (cause) {
    return cause.code === 'ESRCH';
  }
};

// Runs `work` as the only one of all processes that hold `lock`, unless `done` says it is done.
const alone = async (lock, signal, done, work) => {
  await fs.mkdir(dirname(lock), { recursive: true });
  for (;;) {
    signal?.throwIfAborted();
    if (await done()) return;
    const handle = await fs.open(lock, 'wx').catch((cause) => {
      if (cause.code !== 'EEXIST') throw cause;
    });
    if (handle) {
      await handle.writeFile(`${process.pid} ${hostname()}`);
      const alive = setInterval(() => fs.utimes(lock, new Date(), new Date()).catch(() => {}), STALE / 4);
      alive.unref();
      try {
        return (await done()) ? undefined : await work();
      } finally {
        clearInterval(alive);
        await handle.close();
        await fs.rm(lock, { force: true });
      }
    }
    const held = await exists(lock);
    // An empty one: its maker was killed before it wrote its name.
    const patience = held?.size ? STALE : STALE / 30;
    if (held && (Date.now() - held.mtimeMs > patience || (await isOrphan(lock))))
      await fs.rm(lock, { force: true });
    await new Promise((wake) => setTimeout(wake, 25));
  }
};

const beside = (path) => `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.incomplete`;

const writeWhole = async (path, chunks) => {
  const part = beside(path);
  await fs.mkdir(dirname(path), { recursive: true });
  try {
    const handle = await fs.open(part, 'wx');
    try {
      for await (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(part, path);
  } finally {
    await fs.rm(part, { force: true });
  }
};

// As writeWhole, for a file whose hash is known: where the chunks break off its part stays, and the
// next call, of whatever process, goes on behind it.
const grow = async (path, file, chunks, signal) => {
  const part = `${path}.wasmicro.incomplete`,
    hash = hashOf(file.hash, file.size);
  await fs.mkdir(dirname(path), { recursive: true });
  const handle = await fs.open(part, 'a+');
  try {
    let { size } = await handle.stat();
    if (size >= file.size) await handle.truncate((size = 0));
    if (size)
      for await (const chunk of handle.createReadStream({ start: 0, end: size - 1, autoClose: false })) {
        signal?.throwIfAborted();
        hash.update(chunk);
      }
    file.got = size;
    file.sum = { update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex') };
    for await (const chunk of chunks) await handle.writeFile(chunk);
    await handle.sync();
    ({ size } = await handle.stat());
    if (size !== file.size) throw Error(`${part} has ${size} bytes: does another write to it?`);
    await fs.rename(part, path);
  } catch (cause) {
    const stays = signal?.aborted || /^(IO|HTTP|FORMAT|CANCEL)$/.test(cause.code);
    if (!stays || !(await handle.stat()).size) await fs.rm(part, { force: true });
    throw cause;
  } finally {
    await handle.close();
  }
};

export const open = async (folder) => {
  const root = folder ? String(folder) : defaultRoot();
  const at = (repo, ...parts) => join(root, `models--${repo.replace('/', '--')}`, ...parts);
  const placeOf = ({ repo, revision, path }) => at(repo, 'snapshots', revision, path);

  const find = async (file) => {
    const found = await exists(placeOf(file));
    return found?.isFile() && found.size === file.size ? pathToFileURL(placeOf(file)) : undefined;
  };

  const put = async (file, chunks, signal) => {
    const blob = at(file.repo, 'blobs', file.hash),
      place = placeOf(file);
    const lock = join(root, '.locks', `${blob.slice(root.length + 1)}.wasmicro`);
    await alone(
      lock,
      signal,
      async () => (await exists(blob))?.size === file.size,
      () => grow(blob, file, chunks, signal),
    );
    const fresh = beside(place);
    await fs.mkdir(dirname(place), { recursive: true });
    await fs
      .symlink(relative(dirname(place), blob), fresh)
      .catch(() => fs.copyFile(blob, fresh)); // no right to make links
    await fs.rename(fresh, place);
  };

  // The commit and the files that are here of a revision.
  const list = async (repo, revision) => {
    const ref = await fs.readFile(at(repo, 'refs', revision), 'utf8').catch(() => revision);
    const snapshot = at(repo, 'snapshots', ref.trim());
    const names = await fs.readdir(snapshot, { recursive: true }).catch(() => []);
    const files = [];
    for (const name of names.filter((name) => !name.endsWith('.incomplete'))) {
      const { size, ...found } = (await exists(join(snapshot, name))) ?? {};
      if (size !== undefined && (found.mode & 0o170000) === 0o100000)
        files.push([name.replaceAll('\\', '/'), size]);
    }
    return files.length ? [ref.trim(), files] : undefined;
  };

  const keep = async (repo, revision, [commit]) => {
    if (revision !== commit) await writeWhole(at(repo, 'refs', revision), [commit]);
  };

  // Every file that is kept, as [{repo, revision, path, size}].
  const all = async () => {
    const entries = [];
    for (const folder of await fs.readdir(root).catch(() => [])) {
      if (!folder.startsWith('models--')) continue;
      const repo = folder.slice(8).replace('--', '/');
      for (const revision of await fs.readdir(at(repo, 'snapshots')).catch(() => []))
        for (const [path, size] of (await list(repo, revision))?.[1] ?? [])
          entries.push({ repo, revision, path, size });
    }
    return entries;
  };

  const remove = (repo) => fs.rm(at(repo), { recursive: true, force: true });

  // Whether a blob is what its name says.
  const intact = async (entry) => {
    const blob = await fs.realpath(placeOf(entry));
    const name = blob.slice(dirname(blob).length + 1);
    if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(name)) return true; // a copy where no links can be made
    const hash = hashOf(name, entry.size);
    const handle = await fs.open(blob);
    for await (const chunk of handle.createReadStream()) hash.update(chunk);
    return hash.digest('hex') === name;
  };

  return { find, put, list, keep, all, remove, intact };
};
