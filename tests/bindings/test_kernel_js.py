"""kernel.js against a small program in the place of jsii's."""

import base64
import json
import os
import subprocess
from pathlib import Path

import llminfra.bindings
from llminfra.bindings.node import node_of_wheel

KERNEL = Path(llminfra.bindings.__file__).with_name("kernel.js")

PROGRAM = """
const fs = require("fs");
const buffer = Buffer.alloc(100);
const length = fs.readSync(3, buffer, 0, 100, null);
console.log("said on stdout");
console.error("said on stderr");
fs.writeSync(3, JSON.stringify({
  heard: buffer.toString("utf8", 0, length),
  options: process.env.NODE_OPTIONS ?? null,
  links: process.execArgv.includes("--preserve-symlinks"),
  ours: Object.keys(process.env).filter((name) => name.startsWith("LLMINFRA_NODE")),
}) + "\\n");
process.exit(7);
"""


def run_kernel(tmp_path: Path, program: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    path = tmp_path / "program.js"
    path.write_text(program)
    return subprocess.run(
        [node_of_wheel(), "--max-old-space-size=4069", KERNEL],
        input=b"request\n",
        env={"PATH": os.environ["PATH"], "LLMINFRA_JSII_PROGRAM": str(path), **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_requests_and_answers_go_through_the_pipes_and_prints_do_not(tmp_path):
    result = run_kernel(tmp_path, PROGRAM, NODE_OPTIONS="--preserve-symlinks")
    assert json.loads(result.stdout) == {"heard": "request\n", "options": None, "links": True, "ours": []}
    said = [json.loads(line) for line in result.stderr.splitlines()]
    assert [(name, base64.b64decode(text)) for line in said for name, text in line.items()] == [
        ("stdout", b"said on stdout\n"),
        ("stderr", b"said on stderr\n"),
    ]
    assert result.returncode == 7


def test_the_options_of_the_user_come_back(tmp_path):
    mine = "--max-http-header-size=9000"
    result = run_kernel(tmp_path, PROGRAM, NODE_OPTIONS=f"{mine} --preserve-symlinks", LLMINFRA_NODE_OPTIONS=mine)
    assert json.loads(result.stdout)["options"] == mine


def test_only_cdktf_gets_its_archiver_late(tmp_path):
    for owner in ("cdktf", "other"):
        package = tmp_path / "node_modules" / owner
        (package / "lib").mkdir(parents=True)
        (package / "lib" / "index.js").write_text("exports.archiver = require('archiver');")
        (package / "package.json").write_text(json.dumps({"name": owner, "main": "lib/index.js"}))
    archiver = tmp_path / "node_modules" / "archiver"
    archiver.mkdir()
    (archiver / "index.js").write_text("global.loaded = true; module.exports = (kind) => 'zipped ' + kind;")
    program = """
    const late = require("cdktf").archiver;
    const before = global.loaded === true;
    const made = late("tar");
    const early = require("other").archiver;
    require("fs").writeSync(3, JSON.stringify({ before, made, same: early("zip") }) + "\\n");
    """
    result = run_kernel(tmp_path, program, NODE_OPTIONS="--preserve-symlinks")
    assert json.loads(result.stdout) == {"before": False, "made": "zipped tar", "same": "zipped zip"}


def test_tokens_of_cdktf_keep_no_stack_and_others_do(tmp_path):
    for owner in ("cdktf", "other"):
        lib = tmp_path / "node_modules" / owner / "lib"
        lib.mkdir(parents=True)
        (lib / "index.js").write_text("exports.stack = require('./stack-trace').captureStackTrace();")
        (lib / "stack-trace.js").write_text("exports.captureStackTrace = () => ['a frame'];")
        (lib.parent / "package.json").write_text(json.dumps({"name": owner, "main": "lib/index.js"}))
    program = """
    const stacks = [require("cdktf").stack, require("other").stack];
    require("fs").writeSync(3, JSON.stringify(stacks) + "\\n");
    """
    result = run_kernel(tmp_path, program, NODE_OPTIONS="--preserve-symlinks")
    assert json.loads(result.stdout) == [[], ["a frame"]]
