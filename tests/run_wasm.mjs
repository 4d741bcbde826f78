// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs C tests that were built as wasm, and prints TAP: node tests/run_wasm.mjs build/wasm-tests/*.wasm
// The imports of module "test" are all that a test has of the host; harness.c is their other side.
import { readFileSync } from "node:fs";
import { basename } from "node:path";

class Failure extends Error {}
class Skip extends Error {}

const utf8 = new TextDecoder();
let count = 0;
let failures = 0;

for (const path of process.argv.slice(2)) runFile(path);
console.log(`1..${count}`);
process.exitCode = failures || !count ? 1 : 0;

function runFile(path) {
  let exports;
  let file;
  let messages = [];
  const bytes = () => new Uint8Array(exports.memory.buffer);
  const text = (at) => utf8.decode(bytes().subarray(at, bytes().indexOf(0, at)));
  const suite = basename(path, ".wasm");

  const imports = {
    run(name, place) {
      const stack = exports.__stack_pointer.value;
      messages = [];
      let failure = null;
      let skipped = false;
      try {
        exports.__indirect_function_table.get(place)(0);
      } catch (error) {
        if (error instanceof Skip) skipped = true;
        else failure = error instanceof Failure ? error.message : error.stack;
      }
      exports.__stack_pointer.value = stack;
      report(`${suite}: ${text(name)}`, failure, skipped, messages);
      return failure === null ? 0 : 1;
    },
    fail(at, line, pattern, list) {
      throw new Failure(`${text(at)}:${line}: ${format(exports.memory.buffer, text, pattern, list)}`);
    },
    skip() {
      throw new Skip();
    },
    print(pattern, list) {
      messages.push(format(exports.memory.buffer, text, pattern, list));
    },
    file_open(at) {
      try {
        file = readFileSync(text(at));
        return file.length;
      } catch {
        return -1;
      }
    },
    file_read(to) {
      bytes().set(file, to);
    },
  };

  const before = count;
  try {
    const module = new WebAssembly.Module(readFileSync(path));
    exports = new WebAssembly.Instance(module, { test: imports }).exports;
    exports.main();
    if (count === before) report(`${suite}: ran no test`, "its main ran none", false, []);
  } catch (error) {
    report(`${suite}: crashed`, error.stack, false, messages);
  }
}

function report(name, failure, skipped, messages) {
  count++;
  if (failure !== null) failures++;
  for (const message of messages) console.log(message.trimEnd().replace(/^/gm, "# "));
  console.log(`${failure === null ? "ok" : "not ok"} ${count} - ${name}${skipped ? " # SKIP" : ""}`);
  if (failure !== null) console.log(failure.replace(/^/gm, "# "));
}

// printf's conversions, with the arguments as clang lays them out for wasm32: each at its own alignment.
function format(buffer, text, pattern, list) {
  const view = new DataView(buffer);
  let at = list;
  const take = (size) => {
    at = (at + size - 1) & -size;
    at += size;
    return at - size;
  };
  const int = (signed) => view[signed ? "getInt32" : "getUint32"](take(4), true);
  const long = (signed) => view[signed ? "getBigInt64" : "getBigUint64"](take(8), true);
  return text(pattern).replace(/%([-+ 0#]*)(\d+)?(?:\.(\d+|\*))?(hh|h|ll|l|z|t|j)?([a-zA-Z%])/g, (all, flags, width, precision, size, kind) => {
    if (kind === "%") return "%";
    if (precision === "*") precision = int(true);
    const wide = size === "ll" || size === "j";
    let out;
    if (kind === "d" || kind === "i") out = String(wide ? long(true) : int(true));
    else if (kind === "u") out = String(wide ? long(false) : int(false));
    else if (kind === "x" || kind === "X") out = (wide ? long(false) : int(false)).toString(16);
    else if (kind === "c") out = String.fromCharCode(int(false));
    else if (kind === "p") out = "0x" + int(false).toString(16);
    else if (kind === "s") out = sized(buffer, text, int(false), precision);
    else if ("aefgEG".includes(kind)) out = String(view.getFloat64(take(8), true));
    else return all;
    return width ? out.padStart(Number(width), flags.includes("0") ? "0" : " ") : out;
  });
}

function sized(buffer, text, at, precision) {
  return precision === undefined ? text(at) : utf8.decode(new Uint8Array(buffer, at, Number(precision)));
}
