// Starts the jsii kernel in this process. jsii's own entry point starts a second Node.js for it and relays every message
// between the two; here the kernel reads and writes the pipes of the first one. Argument: the kernel's `program.js`.
"use strict";

const fs = require("fs");
const Module = require("module");
const { Writable } = require("stream");
const v8 = require("v8");

// A synthesis is over before optimised code pays for its compilation: without it, less memory and no more time (measured
// with 20 and with 500 resources).
v8.setFlagsFromString("--no-opt");

// The kernel talks on descriptor 3, which its own entry point would have opened: requests are on 0, answers go to 1.
// Descriptor 3 cannot be a file that something else has opened, as Node.js holds it from its start.
const KERNEL_DESCRIPTOR = 3;
const { readSync, writeSync } = fs;
fs.readSync = (descriptor, ...rest) => readSync(descriptor === KERNEL_DESCRIPTOR ? 0 : descriptor, ...rest);
fs.writeSync = (descriptor, ...rest) => writeSync(descriptor === KERNEL_DESCRIPTOR ? 1 : descriptor, ...rest);

// What a construct prints must not end up between the answers: jsii expects it on stderr, wrapped in JSON.
for (const name of ["stdout", "stderr"]) {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      writeSync(2, JSON.stringify({ [name]: Buffer.from(chunk).toString("base64") }) + "\n");
      done();
    },
  });
  Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
}

// Two things that cdktf does and a synthesis does not need. It loads `archiver` and the 290 files behind it to zip assets,
// which it does in a process of its own. And each token keeps the whole JavaScript stack that made it, a tenth of the
// time, for error messages; those frames are of cdktf and jsii, as the caller is in Python.
const load = Module._load;
Module._load = function (request, parent, isMain) {
  const fromCdktf = /[\\/]cdktf[\\/]lib[\\/]/.test(parent?.filename ?? "");
  if (fromCdktf && request === "archiver") return (...options) => load(request, parent, isMain)(...options);
  if (fromCdktf && request.endsWith("/stack-trace")) return { captureStackTrace: () => [] };
  return load(request, parent, isMain);
};

// The kernel keeps the whole file of type descriptions in memory, and takes a hundredth of it, one `toString` of a range
// for each type: here it gets an object that reads the range when it is asked.
const readWhole = fs.readFileSync;
fs.readFileSync = (path, options) => {
  if (options !== undefined || typeof path !== "string" || !/[\\/]\.jsii\.runtime-defs\.v\d+\.jsonl$/.test(path)) {
    return readWhole(path, options);
  }
  const descriptor = fs.openSync(path, "r");
  return {
    toString(encoding, start, end) {
      const range = Buffer.allocUnsafe(end - start);
      let filled = 0;
      while (filled < range.length) {
        const read = readSync(descriptor, range, filled, range.length - filled, start + filled);
        if (read === 0) throw new Error(`${path} ends before byte ${end}`);
        filled += read;
      }
      return range.toString(encoding);
    },
  };
};

// cdktf's files carry their source maps, two thirds of their size, which V8 would keep with the source.
const compile = Module.prototype._compile;
Module.prototype._compile = function (content, filename, ...rest) {
  const map = content.lastIndexOf("\n//# sourceMappingURL=data:");
  const code = map < 0 ? content : Buffer.from(content.slice(0, map)).toString();
  return compile.call(this, code, filename, ...rest);
};

// `--preserve-symlinks` comes through NODE_OPTIONS, which processes started from here shall not inherit; the kernel looks
// for it among the arguments.
const before = process.env.LLMINFRA_NODE_OPTIONS ?? "";
delete process.env.LLMINFRA_NODE_OPTIONS;
if (before) process.env.NODE_OPTIONS = before;
else delete process.env.NODE_OPTIONS;
process.execArgv.push("--preserve-symlinks");

require(process.env.LLMINFRA_JSII_PROGRAM);
