"""States that Terraform reaches over HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from llminfra.rehearsal.provider.states import serve_states
from llminfra.rehearsal.stacks import prepare, read_stacks
from tests.rehearsal.synthesis import write_synthesis

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def test_a_state_comes_back_and_is_the_file(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.tfstate" for name in ("network", "cluster")}
    addresses = serve_states(files)
    with pytest.raises(HTTPError, match="404"):
        urlopen(addresses["network"])
    for text in (b'{"serial": 1}', b'{"serial": 2}'):
        with urlopen(Request(addresses["network"], text, method="POST")) as answer:
            assert answer.status == 200
        with urlopen(addresses["network"]) as answer:
            assert answer.read() == files["network"].read_bytes() == text
    assert not files["cluster"].exists()


def test_no_other_file_is_reached(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x", encoding="utf-8")
    address = serve_states({"network": tmp_path / "network.tfstate"})["network"].rpartition("/")[0]
    for path in ("/", "/1", "/secret", f"/..{tmp_path}/secret"):
        for body in (None, b"{}"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(Request(address + path, body))
    assert [item.name for item in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize("served", [True, False])
def test_states_that_are_kept_are_local_files(tmp_path: Path, served: bool) -> None:
    stacks = read_stacks(write_synthesis(tmp_path / "synth"), ())
    for item in prepare(stacks, tmp_path / "work", served=served):
        content = json.loads((item.directory / item.stack.file.name).read_text(encoding="utf-8"))
        local = {"local": {"path": str(item.state_file)}}
        assert content["terraform"]["backend"] == ({"http": {}} if served else local)
