"""The real client against a local server that speaks the Hub's protocol."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llminfra.cli.main import main
from llminfra.diagnostics import ToolError, UsageError
from llminfra.hub import fetch_model, read_model_file, write_model_file

if TYPE_CHECKING:
    from tests.hub.conftest import FakeHub

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_sharded_model_has_exact_bytes_from_the_headers(hub: FakeHub) -> None:
    found = fetch_model("acme/two-files", endpoint=hub.url)
    assert found.weights_bytes == 32768 + 32768 + 256, "not the index's total_size, which may be wrong"
    assert found.parameters == {"BF16": 2 * 256 * 64, "F32": 64}
    assert found.files == ("model-1.safetensors", "model-2.safetensors")
    assert found.revision == COMMIT
    assert found.config["model_type"] == "llama"
    assert found.gated is False


def test_no_weights_are_downloaded(hub: FakeHub) -> None:
    fetch_model("acme/two-files", endpoint=hub.url)
    whole = [path for method, path, _ in hub.asked if method == "GET" and path.endswith(".safetensors")]
    assert len(whole) == 2, "one ranged read of each header"


def test_modelopt_quantization_comes_along(hub: FakeHub) -> None:
    found = fetch_model("acme/one-file", "main", endpoint=hub.url)
    assert found.config["quantization_config"] == {"quantization": {"quant_algo": "FP8"}}
    assert found.weights_bytes == 32768


def test_hf_endpoint_is_honoured(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.url}/")
    assert fetch_model("acme/one-file").endpoint == hub.url


def test_token_comes_from_the_named_variable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_HUB_TOKEN", "hf_secret")
    found = fetch_model("acme/gated", endpoint=hub.url, token_env="MY_HUB_TOKEN")
    assert found.gated is True
    assert {token for _, _, token in hub.asked} == {"Bearer hf_secret"}


def test_without_a_token_none_is_sent(hub: FakeHub) -> None:
    fetch_model("acme/one-file", endpoint=hub.url)
    assert {token for _, _, token in hub.asked} == {None}


def test_gated_model_says_what_to_do(hub: FakeHub) -> None:
    with pytest.raises(UsageError, match=r"acme/gated is gated: accept its terms .* \$HF_TOKEN"):
        fetch_model("acme/gated", endpoint=hub.url)


@pytest.mark.parametrize(
    ("model", "revision", "text"),
    [
        ("acme/nothing", None, "has no model 'acme/nothing'"),
        ("acme/one-file", "v9", "has no revision 'v9'"),
        ("acme/dataset", None, "has no config.json"),
        ("not a name", None, "is no name of a model"),
    ],
)
def test_wrong_names_are_usage_errors(hub: FakeHub, model: str, revision: str | None, text: str) -> None:
    with pytest.raises(UsageError, match=text):
        fetch_model(model, revision, endpoint=hub.url)


def test_model_without_safetensors_has_no_size(hub: FakeHub) -> None:
    assert fetch_model("acme/pickle", endpoint=hub.url).weights_bytes is None


def test_server_error_is_a_tool_error(hub: FakeHub) -> None:
    hub.broken = True
    with pytest.raises(ToolError, match="answered with an error"):
        fetch_model("acme/one-file", endpoint=hub.url)


def test_offline_says_what_to_do_instead(socket_enabled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    with pytest.raises(ToolError, match=r"cannot be reached .* in the model's field config"):
        fetch_model("acme/one-file", endpoint="http://127.0.0.1:9")


def test_offline_mode_of_the_client_is_respected(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()  # the session decides when it is made
    try:
        with pytest.raises(ToolError, match="HF_HUB_OFFLINE"):
            fetch_model("acme/one-file", endpoint=hub.url)
    finally:
        monkeypatch.undo()
        close_session()


def test_without_the_extra_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    true_import = builtins.__import__

    def without(name: str, *args: object, **options: object) -> object:
        if name == "huggingface_hub":
            raise ModuleNotFoundError("no", name=name)
        return true_import(name, *args, **options)  # type: ignore[arg-type]  # passes on what it got

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UsageError, match=r"pip install 'llminfra\[hub\]'"):
        fetch_model("acme/one-file")


def test_model_file_goes_round(hub: FakeHub, tmp_path: Path) -> None:
    found = fetch_model("acme/two-files", endpoint=hub.url)
    path = tmp_path / "models" / "two.json"
    write_model_file(found, path)
    config, origin = read_model_file(path)
    assert config == found.config
    assert origin["weights_bytes"] == found.weights_bytes
    assert origin["revision"] == COMMIT
    assert [item.name for item in path.parent.iterdir()] == ["two.json"], "no temporary file is left"


def test_model_file_problems_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(UsageError, match="no JSON object"):
        read_model_file(tmp_path / "list.json")
    with pytest.raises(UsageError, match="cannot read"):
        read_model_file(tmp_path / "missing.json")


def test_command_writes_a_file_that_a_plan_takes(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["model", "fetch", "acme/two-files", "-o", "two.json", "--endpoint", hub.url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights_bytes"] == 65792
    spec = tmp_path / "spec.py"
    spec.write_text(
        "from llminfra import *\n"
        "pool = GpuPool(name='l4', instance_types=['g6.xlarge'], nodes=(0, 1))\n"
        "platform = Platform(name='p', region='us-east-1', pools=[pool], storage=[ModelBucket(name='acme-weights')],\n"
        "    endpoints=[Endpoint(name='a', on=pool, engine=VLLM(),\n"
        "        model=Model(id='acme/two-files', config='two.json'))])\n"
    )
    assert main(["plan", str(spec), "--json"]) == 0
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    endpoint = plan["endpoints"][0]
    assert endpoint["weights"]["bytes_total"] == 65792
    assert endpoint["revision"] == COMMIT, "the commit that was read is the one that is served"


def test_command_names_the_spec_line(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["model", "fetch", "acme/one-file", "--endpoint", hub.url]) == 0
    out = capsys.readouterr().out
    assert f"  id:       acme/one-file\n  revision: {COMMIT}\n  config:   one-file.json\n" in out
    assert "Model(" not in out  # specs are Python or YAML
