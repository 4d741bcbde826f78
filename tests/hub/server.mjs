// SPDX-License-Identifier: MIT OR Apache-2.0
// A double of the hub for tests: the API's listing, resolve with redirects to a second port (the
// "CDN"), ETags, Range, gates, and faults that a test asks for.
//
//     const hub = await startHub({ repos: { "org/name": { files: { "config.json": "{}" }, lfs: ["model.safetensors"] } } });
//     hub.faults["cdn:model.safetensors"] = [{ status: 500 }, { cut: 1000 }];   // one a request, then none
//     hub.endpoint, hub.log, hub.leaks, await hub.close()
//
// or as a program for tests in other languages, `node server.mjs <SPEC.json`: prints {"endpoint","cdn"}, then
// POST /_test/faults sets the faults, GET /_test/log gives {log, leaks} and empties it. It ends with its stdin.
//
// Browsers may ask from any origin; the hub allows a token, the CDN no header of the asker's own.
//
// repos[ID]: files {path: string | Uint8Array} or folder; lfs: paths that are served by the CDN (default: *.safetensors
// and *.bin); commit; refs {name: commit}; gated: the token that opens it; sizes: false leaves blobs out of the listing.
// Keys of faults: "api" (listing), "hub:PATH" (resolve), "cdn:PATH". A fault, all parts optional:
//     status, headers, body     answer this instead
//     cut: N, stall: N          close the connection, or say nothing more, after N bytes
//     linger: ms                before it is closed (20): a page that reads later never sees the bytes
//     wait: ms, rate: B/s       before the answer; of the answer
//     length: N                 announce this Content-Length;  chunked: announce none
//     gzip, html, corrupt       Content-Encoding: gzip; 200 and an HTML page; one bit is wrong
//     etag: "…"                 another one;  location: "…" redirect there ("loop": to itself)
//     range: "ignore"|"wrong"   200 in spite of Range; 206 with another Content-Range
//     cacheable                 a browser may keep the answer, and split later requests for it; else the log has none but ours
//     times: N                  requests that it is for (1); -1: all
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const hash = (kind, ...parts) => parts.reduce((h, part) => h.update(part), createHash(kind)).digest("hex");
const HTML = "<!DOCTYPE html><html><body>Please log in</body></html>";

function readFolder(folder) {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const root = folder.endsWith("/") ? folder : folder + "/";
  return Object.fromEntries(names.map((entry) => {
    const path = join(entry.path ?? entry.parentPath, entry.name);
    return [path.slice(root.length), readFileSync(path)];
  }));
}

function makeRepo(id, { files, folder, lfs, commit, refs, gated, sizes = true }) {
  const entries = Object.entries(files ?? readFolder(folder)).map(([path, content]) => {
    const bytes = Buffer.from(content);
    const isLfs = lfs ? lfs.includes(path) : /\.(safetensors|bin)$/.test(path);
    const oid = hash("sha1", `blob ${bytes.length}\0`, bytes);
    return [path, { path, bytes, oid, sha256: isLfs ? hash("sha256", bytes) : null }];
  });
  commit ??= hash("sha1", id, ...entries.map(([path, file]) => path + file.oid));
  return { id, files: new Map(entries), commit, refs: { main: commit, ...refs }, gated, sizes };
}

export async function startHub({ repos = {} } = {}) {
  const state = { repos: new Map(), faults: {}, log: [], leaks: [] };
  for (const [id, repo] of Object.entries(repos)) state.repos.set(id, makeRepo(id, repo));
  const hub = createServer((request, response) => answerHub(state, request, response));
  const cdn = createServer((request, response) => answerCdn(state, request, response));
  for (const server of [hub, cdn]) {
    server.keepAliveTimeout = 20_000; // no connection is closed while a request is on its way
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
  }
  state.endpoint = `http://127.0.0.1:${hub.address().port}`;
  state.cdn = `http://127.0.0.1:${cdn.address().port}`;
  state.close = () => Promise.all([hub, cdn].map((server) => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  }));
  return state;
}

function takeFault(state, key) {
  const fault = state.faults[key]?.[0];
  if (!fault) return {};
  fault.times = (fault.times ?? 1) - 1;
  if (fault.times === 0) state.faults[key].shift();
  return fault;
}

function note(state, where, request) {
  const { method, url, headers } = request;
  const { range = null, "if-range": ifRange = null, authorization: token = null } = headers;
  state.log.push({ where, method, url, range, ifRange, token });
}

// ---- The hub itself ------------------------------------------------------------------------------

async function answerHub(state, request, response) {
  const { pathname, searchParams } = new URL(request.url, "http://hub");
  if (pathname.startsWith("/_test/")) return answerTest(state, request, response, pathname);
  if (request.method === "OPTIONS") return allow(response, "authorization");
  note(state, "hub", request);
  const api = /^\/api\/models\/(.+?)(?:\/(revision|tree)\/([^/]+))?$/.exec(pathname);
  const resolve = /^\/(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
  if (!api && !resolve) return refuse(request, response, 404, "NotFound", "no such page");
  const repo = state.repos.get(api ? api[1] : resolve[1]);
  const revision = decodeURIComponent((api ? api[3] : resolve[2]) ?? "main");
  const path = resolve && decodeURIComponent(resolve[3]);
  const fault = takeFault(state, api ? "api" : `hub:${path}`);
  if (Object.keys(fault).length && (await applyFault(state, fault, request, response))) return;
  const token = request.headers.authorization;
  if (!repo) return refuse(request, response, token ? 404 : 401, "RepoNotFound", "Repository not found");
  if (repo.gated && !token)
    return refuse(request, response, 401, "GatedRepo", `Access to model ${repo.id} is restricted`);
  if (repo.gated && token !== `Bearer ${repo.gated}`)
    return refuse(request, response, 403, "GatedRepo", `You are not in the authorized list of ${repo.id}`);
  const commit = repo.refs[revision] ?? Object.values(repo.refs).find((known) => known === revision);
  if (!commit) return refuse(request, response, 404, "RevisionNotFound", `Invalid rev id: ${revision}`);
  if (api) return send(state, fault, request, response, listing(repo, commit, api[2], searchParams), {
    "content-type": "application/json" });
  const file = repo.files.get(path);
  if (!file) return refuse(request, response, 404, "EntryNotFound", "Entry not found");
  const headers = { "x-repo-commit": commit, etag: `"${fault.etag ?? file.sha256 ?? file.oid}"` };
  if (!file.sha256) return send(state, fault, request, response, file.bytes, headers);
  headers["x-linked-etag"] = headers.etag;
  headers["x-linked-size"] = String(file.bytes.length);
  headers.location = `${state.cdn}/${repo.id}/${encodeURI(path)}?signature=${file.sha256.slice(0, 16)}`;
  response.writeHead(302, { ...cors, ...headers, "content-length": 0 }).end();
}

function listing(repo, commit, kind, query) {
  const files = [...repo.files.values()];
  const lfs = (file) => file.sha256 && { sha256: file.sha256, oid: file.sha256, size: file.bytes.length, pointerSize: 134 };
  if (kind === "tree")
    return JSON.stringify(files.map((file) => ({
      type: "file", path: file.path, size: file.bytes.length, oid: file.oid, ...(file.sha256 && { lfs: lfs(file) }) })));
  const blobs = repo.sizes && query.get("blobs");
  return JSON.stringify({
    id: repo.id, modelId: repo.id, sha: commit, private: false, gated: repo.gated ? "auto" : false, tags: [], downloads: 0,
    siblings: files.map((file) => ({
      rfilename: file.path,
      ...(blobs && { size: file.bytes.length, blobId: file.oid, ...(file.sha256 && { lfs: lfs(file) }) }),
    })),
  });
}

const cors = { "access-control-allow-origin": "*", "access-control-expose-headers": "*" };

// A browser's question before a request of another origin that is not plain.
const allow = (response, headers) => response.writeHead(204, { ...cors, "access-control-allow-headers": headers }).end();

function refuse(request, response, status, code, message) {
  const body = JSON.stringify({ error: message });
  response.writeHead(status, { ...cors, "x-error-code": code, "x-error-message": message, "content-type": "application/json",
    "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
}

// ---- The second host -----------------------------------------------------------------------------

async function answerCdn(state, request, response) {
  const { authorization, cookie, "access-control-request-headers": asked } = request.headers;
  if (authorization || cookie || /authorization|cookie/i.test(asked)) state.leaks.push(request.url);
  if (request.method === "OPTIONS") return allow(response, "none");
  note(state, "cdn", request);
  const path = decodeURIComponent(new URL(request.url, "http://cdn").pathname).slice(1);
  for (const repo of state.repos.values()) {
    const file = path.startsWith(repo.id + "/") && repo.files.get(path.slice(repo.id.length + 1));
    if (!file) continue;
    const fault = takeFault(state, `cdn:${file.path}`);
    if (Object.keys(fault).length && (await applyFault(state, fault, request, response))) return;
    const etag = `"${fault.etag ?? hash("md5", file.bytes)}"`;
    return send(state, fault, request, response, file.bytes, { etag, "content-type": "application/octet-stream" });
  }
  refuse(request, response, 404, "EntryNotFound", "no such object");
}

// ---- Answers and faults --------------------------------------------------------------------------

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// Whether the fault is the whole answer.
async function applyFault(state, fault, request, response) {
  if (fault.wait) await pause(fault.wait);
  let { status, headers = {}, body = "" } = fault;
  if (fault.html) [status, headers, body] = [200, { "content-type": "text/html" }, HTML];
  if (fault.location) {
    status ??= 302;
    headers = { ...headers, location: fault.location === "loop" ? request.url : fault.location };
  }
  if (!status) return false;
  response.writeHead(status, { ...cors, ...headers, "content-length": Buffer.byteLength(body) });
  response.end(request.method === "HEAD" ? undefined : body);
  return true;
}

function send(state, fault, request, response, content, headers) {
  let bytes = Buffer.from(content);
  let status = 200;
  headers = { ...cors, "accept-ranges": "bytes", ...(!fault.cacheable && { "cache-control": "no-store" }), ...headers };
  const first = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? NaN);
  const fresh = !request.headers["if-range"] || request.headers["if-range"] === headers.etag;
  if (fault.corrupt) bytes[bytes.length >> 1] ^= 1;
  if (first >= 0 && fresh && fault.range !== "ignore") {
    if (first >= bytes.length) {
      response.writeHead(416, { ...headers, "content-range": `bytes */${bytes.length}`, "content-length": 0 }).end();
      return;
    }
    status = 206;
    const claimed = fault.range === "wrong" ? first + 1 : first;
    headers["content-range"] = `bytes ${claimed}-${bytes.length - 1}/${bytes.length}`;
    bytes = bytes.subarray(first);
  }
  if (fault.gzip) {
    bytes = gzipSync(bytes);
    headers["content-encoding"] = "gzip";
  }
  if (!fault.chunked) headers["content-length"] = fault.length ?? bytes.length;
  response.strictContentLength = false;
  response.writeHead(status, headers);
  if (request.method === "HEAD") return response.end();
  const stop = fault.cut ?? fault.stall;
  if (stop !== undefined) {
    response.write(bytes.subarray(0, stop), () => fault.cut !== undefined && setTimeout(() => response.destroy(), fault.linger ?? 20));
    if (stop === 0) response.flushHeaders();
    return;
  }
  if (fault.rate) return sendSlowly(response, bytes, fault.rate);
  if (fault.length != null && fault.length < bytes.length) bytes = bytes.subarray(0, fault.length);
  response.write(bytes, () => (fault.length > bytes.length ? response.destroy() : response.end()));
}

async function sendSlowly(response, bytes, rate) {
  const step = Math.max(1, Math.ceil(rate / 50));
  for (let at = 0; at < bytes.length && !response.destroyed; at += step) {
    response.write(bytes.subarray(at, at + step));
    await pause(20);
  }
  response.end();
}

// ---- For tests in other languages ----------------------------------------------------------------

async function answerTest(state, request, response, pathname) {
  const body = [];
  for await (const part of request) body.push(part);
  if (pathname === "/_test/faults") state.faults = JSON.parse(Buffer.concat(body));
  const answer = pathname === "/_test/log" ? { log: state.log.splice(0), leaks: state.leaks.splice(0) } : {};
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  let text = "";
  process.stdin.setEncoding("utf8");
  process.stdin.on("end", () => process.exit());
  process.stdin.on("data", async (part) => {
    text += part;
    if (!text.endsWith("\n")) return;
    const hub = await startHub(JSON.parse(text));
    console.log(JSON.stringify({ endpoint: hub.endpoint, cdn: hub.cdn }));
  });
}
