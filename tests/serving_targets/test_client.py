"""The example client, with contracts that the planner made and services that answer from memory."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from llminfra import Secret
from llminfra.planning.endpoints.contract import contract, gateway_parameter_name, parameter_name
from scripts import targets_page
from tests.serving_targets.platforms import TARGETS, endpoint, plan

ROOT = Path(__file__).parents[2]
ANSWER = json.dumps({"choices": [{"message": {"content": "42"}}]}).encode()


@pytest.fixture(scope="module")
def client() -> ModuleType:
    file = ROOT / "examples" / "client" / "client.py"
    spec = importlib.util.spec_from_file_location("example_client", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Services:
    """What a boto3 session hands out: a parameter, a secret, a bucket and SageMaker, all in memory."""

    def __init__(self, value: str, *, fails: bool = False) -> None:
        self.value, self.fails = value, fails
        self.objects: dict[str, bytes] = {}
        self.called: list[tuple[str, Any]] = []
        missing = type("NoSuchKey", (Exception,), {})
        self.clients: dict[str, Any] = {
            "ssm": SimpleNamespace(get_parameter=self._parameter),
            "secretsmanager": SimpleNamespace(
                get_secret_value=lambda **call: {"SecretString": f"value of {call['SecretId']}"}
            ),
            "s3": SimpleNamespace(
                put_object=self._put, get_object=self._get, exceptions=SimpleNamespace(NoSuchKey=missing)
            ),
            "sagemaker-runtime": SimpleNamespace(
                invoke_endpoint=self._invoke, invoke_endpoint_async=self._invoke_async
            ),
        }
        self.missing = missing

    def client(self, name: str, **_: Any) -> Any:
        return self.clients[name]

    def _parameter(self, **call: str) -> Any:
        assert call["Name"] == parameter_name("acme", "chat")
        return {"Parameter": {"Value": self.value}}

    def _put(self, **call: Any) -> None:
        self.objects[f"s3://{call['Bucket']}/{call['Key']}"] = call["Body"]

    def _get(self, **call: str) -> Any:
        if (found := self.objects.get(f"s3://{call['Bucket']}/{call['Key']}")) is None:
            raise self.missing
        return {"Body": io.BytesIO(found)}

    def _invoke(self, **call: Any) -> Any:
        self.called.append((call["EndpointName"], json.loads(call["Body"])))
        return {"Body": io.BytesIO(ANSWER)}

    def _invoke_async(self, **call: str) -> Any:
        self.called.append((call["EndpointName"], json.loads(self.objects[call["InputLocation"]])))
        places = {
            "OutputLocation": "s3://acme-answers/chat/1.out",
            "FailureLocation": "s3://acme-answers/chat-failed/1.out",
        }
        self.objects[places["FailureLocation" if self.fails else "OutputLocation"]] = (
            b"no memory" if self.fails else ANSWER
        )
        return places


def _services(name: str, **changes: Any) -> Services:
    planned = plan(endpoint(TARGETS[name], api_key=Secret(name="acme/key")))
    item = [*planned.endpoints, *planned.ec2, *planned.sagemaker][0]
    return Services(contract(item, planned).as_json(), **changes)


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_one_client_for_every_target(name: str, client: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    services = _services(name)
    sent: list[Any] = []

    def urlopen(request: Any, timeout: float) -> Any:
        sent.append(request)
        return io.BytesIO(ANSWER)

    monkeypatch.setattr(client.urllib.request, "urlopen", urlopen)
    found = client.read_contract(services, "acme", "chat")
    assert client.chat(services, found, [{"role": "user", "content": "6 × 7?"}]) == "42"
    if name in {"eks", "ec2"}:
        assert sent[0].full_url == found["address"] + "/chat/completions"
        assert sent[0].get_header("Authorization") == "Bearer value of acme/key"
        assert json.loads(sent[0].data)["model"] == "Qwen/Qwen3-8B"
    else:
        assert services.called == [
            ("acme-chat", {"model": "Qwen/Qwen3-8B", "messages": [{"role": "user", "content": "6 × 7?"}]})
        ]


def test_a_failed_asynchronous_request_is_an_error(client: ModuleType) -> None:
    services = _services("sagemaker-async", fails=True)
    with pytest.raises(RuntimeError, match="no memory"):
        client.chat(services, client.read_contract(services, "acme", "chat"), [])


def test_an_unknown_version_is_refused(client: ModuleType) -> None:
    with pytest.raises(ValueError, match="version 2"):
        client.read_contract(Services('{"version": 2}'), "acme", "chat")


def test_figures_in_the_page_are_the_planners() -> None:
    text = targets_page.PAGE.read_text(encoding="utf-8")
    assert targets_page.figures() in text
    assert targets_page.page(text) == text


def test_a_tenant_takes_its_key_from_the_gateways_contract(client: ModuleType) -> None:
    told = json.dumps({"tenants": {"search": {"secret": "llm/search", "key": None}}})
    asked: list[str] = []

    def parameter(**call: str) -> Any:
        asked.append(call["Name"])
        return {"Parameter": {"Value": told}}

    session = SimpleNamespace(client=lambda _: SimpleNamespace(get_parameter=parameter))
    several = {"address": "https://llm.example.com/v1", "auth": {"kind": "bearer", "secret": None, "key": None}}
    mine = client.as_tenant(session, several, "acme", "llm", "search")
    assert asked == [gateway_parameter_name("acme", "llm")]
    assert mine["auth"]["secret"] == "llm/search"
    with pytest.raises(ValueError, match="as_tenant"):
        client.chat(session, {**several, "protocol": "openai", "model": "chat"}, [])
