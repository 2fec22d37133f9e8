"""A server on 127.0.0.1 that speaks the Hub's protocol, for the Hub's own client."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from tests.helpers.local_server import serving

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "vocab_size": 256,
    "max_position_embeddings": 512,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}


def safetensors(tensors: dict[str, tuple[str, list[int], int]]) -> bytes:
    """A safetensors file with a true header and no more data than a client that reads headers needs."""
    offset, header = 0, {}
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


@dataclass
class FakeHub:
    """Repositories, who may read them, and what was asked."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    gated: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    broken: bool = False


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        token = self.headers.get("authorization")
        path = unquote(self.path.partition("?")[0])
        self.hub.asked.append((self.command, path, token))
        if self.hub.broken:
            self._send(500, b"{}", body=body)
            return
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            self._model("/".join(parts[2:4]), parts[5] if len(parts) > 5 else None, body=body)
            return
        repository, _, revision, *name = ("/".join(parts[:2]), *parts[2:])
        self._file(repository, revision, "/".join(name), token, body=body)

    def _model(self, repository: str, revision: str | None, *, body: bool) -> None:
        files = self.hub.repositories.get(repository)
        if files is None:
            self._send(404, b"{}", body=body, code="RepoNotFound")
            return
        if revision not in {None, "main", COMMIT}:
            self._send(404, b"{}", body=body, code="RevisionNotFound")
            return
        info = {
            "_id": "1",
            "id": repository,
            "modelId": repository,
            "sha": COMMIT,
            "private": False,
            "gated": "manual" if repository in self.hub.gated else False,
            "siblings": [{"rfilename": name} for name in files],
            "tags": [],
            "downloads": 0,
            "likes": 0,
        }
        self._send(200, json.dumps(info).encode(), body=body)

    def _file(self, repository: str, revision: str, name: str, token: str | None, *, body: bool) -> None:
        files = self.hub.repositories.get(repository)
        if files is None:
            self._send(404, b"", body=body, code="RepoNotFound")
            return
        wanted = self.hub.gated.get(repository)
        if wanted is not None and token != f"Bearer {wanted}":
            self._send(401, b"", body=body, code="GatedRepo")
            return
        if name not in files:
            self._send(404, b"", body=body, code="EntryNotFound")
            return
        content = files[name]
        status, total = 200, len(content)
        if ranged := self.headers.get("range"):
            first, _, last = ranged.removeprefix("bytes=").partition("-")
            content = content[int(first) : int(last) + 1]
            status = 206
        self._send(status, content, body=body, etag=hashlib.sha1(files[name]).hexdigest(), total=total)

    def _send(
        self, status: int, content: bytes, *, body: bool, code: str = "", etag: str = "", total: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content) if body or total is None else total))
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        if etag:
            self.send_header("ETag", f'"{etag}"')
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture
def hub(socket_enabled: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """The server, with one model of two files, one gated model and one without safetensors."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    for name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    first = safetensors({"model.embed_tokens.weight": ("BF16", [256, 64], 32768)})
    second = safetensors({"lm_head.weight": ("BF16", [256, 64], 32768), "model.norm.weight": ("F32", [64], 256)})
    index = {
        "metadata": {"total_size": 1},
        "weight_map": {
            "model.embed_tokens.weight": "model-1.safetensors",
            "lm_head.weight": "model-2.safetensors",
            "model.norm.weight": "model-2.safetensors",
        },
    }
    config = json.dumps(CONFIG).encode()
    held = FakeHub(
        repositories={
            "acme/two-files": {
                "config.json": config,
                "model.safetensors.index.json": json.dumps(index).encode(),
                "model-1.safetensors": first,
                "model-2.safetensors": second,
            },
            "acme/one-file": {
                "config.json": config,
                "hf_quant_config.json": b'{"quantization": {"quant_algo": "FP8"}}',
                "model.safetensors": first,
            },
            "acme/gated": {"config.json": config, "model.safetensors": first},
            "acme/pickle": {"config.json": config, "pytorch_model.bin": b"x"},
            "acme/dataset": {"README.md": b"x"},
        },
        gated={"acme/gated": "hf_secret"},
    )
    with serving(type("Handler", (_Handler,), {"hub": held})) as host:
        held.url = f"http://{host}"
        yield held
