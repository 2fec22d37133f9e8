"""The example client, with contracts that the planner made and services that answer from memory."""

from __future__ import annotations

import importlib.util
import io
import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from llminfra import VLLM, Model, Secret
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

    def __init__(self, value: str, *, fails: bool = False, answer: bytes = ANSWER) -> None:
        self.value, self.fails, self.answer = value, fails, answer
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
        return {"Body": io.BytesIO(self.answer)}

    def _invoke_async(self, **call: str) -> Any:
        self.called.append((call["EndpointName"], json.loads(self.objects[call["InputLocation"]])))
        places = {
            "OutputLocation": "s3://acme-answers/chat/1.out",
            "FailureLocation": "s3://acme-answers/chat-failed/1.out",
        }
        self.objects[places["FailureLocation" if self.fails else "OutputLocation"]] = (
            b"no memory" if self.fails else self.answer
        )
        return places


def _services(name: str, *, fails: bool = False, answer: bytes = ANSWER, **changes: Any) -> Services:
    planned = plan(endpoint(TARGETS[name], api_key=Secret(name="acme/key"), **changes))
    item = [*planned.endpoints, *planned.ec2, *planned.sagemaker][0]
    return Services(contract(item, planned).as_json(), fails=fails, answer=answer)


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


VECTORS = json.dumps({"data": [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]}).encode()
SCORES = json.dumps({"results": [{"index": 0, "relevance_score": 0.1}, {"index": 1, "relevance_score": 0.9}]}).encode()


def _answering(client: ModuleType, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> list[Any]:
    sent: list[Any] = []

    def urlopen(request: Any, timeout: float) -> Any:
        sent.append(request)
        return io.BytesIO(answer)

    monkeypatch.setattr(client.urllib.request, "urlopen", urlopen)
    return sent


@pytest.mark.parametrize("target", ["eks", "ec2"])
def test_vectors_and_ranks_are_asked_for_on_the_path_of_the_contract(
    target: str, client: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = _services(target, model=Model(id="Qwen/Qwen3-Embedding-4B"), engine=VLLM(max_model_len=8192))
    found = client.read_contract(embedder, "acme", "chat")
    sent = _answering(client, monkeypatch, VECTORS)
    assert client.embed(embedder, found, ["a", "b"]) == [[1.0], [2.0]]
    assert sent[0].full_url == found["address"] + "/embeddings"
    assert json.loads(sent[0].data) == {"model": "Qwen/Qwen3-Embedding-4B", "input": ["a", "b"]}

    ranker = _services(target, model=Model(id="BAAI/bge-reranker-v2-m3"), engine=VLLM(max_model_len=8192))
    found = client.read_contract(ranker, "acme", "chat")
    sent = _answering(client, monkeypatch, SCORES)
    assert client.rerank(ranker, found, "q", ["a", "b"]) == [(1, 0.9), (0, 0.1)]
    assert sent[0].full_url == found["address"] + "/rerank"


def test_sagemaker_takes_the_same_body_for_vectors(client: ModuleType) -> None:
    services = _services(
        "sagemaker", model=Model(id="Qwen/Qwen3-Embedding-4B"), engine=VLLM(max_model_len=8192), answer=VECTORS
    )
    assert client.embed(services, client.read_contract(services, "acme", "chat"), ["a", "b"]) == [[1.0], [2.0]]
    assert services.called == [("acme-chat", {"model": "Qwen/Qwen3-Embedding-4B", "input": ["a", "b"]})]


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


def test_a_path_at_a_gateway_is_called_behind_its_prefix(client: ModuleType) -> None:
    told = {"address": "https://llm.example.com/endpoints/rerank/v1", "paths": ["/v1/rerank", "/v1/score"]}
    assert client._url(told) == "https://llm.example.com/endpoints/rerank/v1/rerank"
