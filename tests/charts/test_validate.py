"""Validation finds what the API server would refuse or silently drop."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llminfra.assets import chart_dir
from llminfra.catalog.datafile import read_data
from llminfra.diagnostics import ToolError
from llminfra.helm.render import render
from llminfra.helm.validate import Problem, validate_objects
from tests.charts.objects import one
from tests.charts.server_samples import autoscaled, multi_node
from tests.helpers.tools import require_helm

Obj = dict[str, Any]


@pytest.fixture(scope="module")
def rendered() -> list[Obj]:
    require_helm()
    return render(chart_dir("llm-server"), autoscaled().to_values(), release="r", namespace="llm")


@pytest.fixture
def objects(rendered: list[Obj]) -> list[Obj]:
    return copy.deepcopy(rendered)


def _container(objects: list[Obj]) -> Obj:
    container: Obj = one(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    return container


BREAKS: dict[str, tuple[Callable[[list[Obj]], object], str, str]] = {
    "a misspelt field": (
        lambda o: _container(o).update(imagePullPolice="Always"),
        "spec.template.spec.containers[0]",
        "imagePullPolice",
    ),
    "a number where text belongs": (
        lambda o: _container(o)["env"][0].update(value=1),
        "spec.template.spec.containers[0].env[0].value",
        "not of type",
    ),
    "a missing selector": (lambda o: one(o, "Deployment")["spec"].pop("selector"), "spec", "required"),
    "a selector that selects nothing": (
        lambda o: one(o, "Deployment")["spec"]["selector"]["matchLabels"].update(a="b"),
        "spec.selector",
        "lacks the selected labels a",
    ),
    "a misspelt field of a custom resource": (
        lambda o: one(o, "ScaledObject")["spec"].update(minReplicas=1),
        "spec",
        "minReplicas",
    ),
    "a custom resource without what it needs": (
        lambda o: one(o, "ScaledObject")["spec"].pop("triggers"),
        "spec",
        "triggers",
    ),
    "a trigger value that is not text": (
        lambda o: one(o, "ScaledObject")["spec"]["triggers"][0]["metadata"].update(threshold=8),
        "spec.triggers[0].metadata.threshold",
        "not of type",
    ),
    "an unknown kind": (lambda o: one(o, "Service").update(kind="Servise"), "kind", "no schema"),
    "a version that is gone": (
        lambda o: one(o, "PodDisruptionBudget").update(apiVersion="policy/v1beta1"),
        "kind",
        "no schema",
    ),
    "two objects of one name": (lambda o: o.append(copy.deepcopy(one(o, "Service"))), "metadata.name", "another"),
    "a name with capitals": (lambda o: one(o, "Service")["metadata"].update(name="Chat"), "metadata.name", "DNS"),
    "a label that is too long": (
        lambda o: one(o, "Service")["metadata"]["labels"].update(a="x" * 64),
        "metadata.labels.a",
        "label value",
    ),
    "a label key with a space": (
        lambda o: one(o, "Service")["metadata"]["labels"].update({"a b": "x"}),
        "metadata.labels",
        "not a valid key",
    ),
    "a mount without a volume": (
        lambda o: _container(o)["volumeMounts"].append({"name": "nope", "mountPath": "/x"}),
        "spec.template.spec.containers[0].volumeMounts",
        "no volume 'nope'",
    ),
    "a probe of a port that is not there": (
        lambda o: _container(o)["livenessProbe"]["httpGet"].update(port="web"),
        "spec.template.spec.containers[0].livenessProbe.httpGet.port",
        "no port named 'web'",
    ),
    "GPUs requested but not limited": (
        lambda o: _container(o)["resources"]["limits"].pop("nvidia.com/gpu"),
        "spec.template.spec.containers[0].resources.limits",
        "needs a limit",
    ),
    "GPUs limited to something else": (
        lambda o: _container(o)["resources"]["limits"].update({"nvidia.com/gpu": "4"}),
        "spec.template.spec.containers[0].resources",
        "differ",
    ),
    "an amount with a wrong unit": (
        lambda o: _container(o)["resources"]["limits"].update(memory="16GB"),
        "spec.template.spec.containers[0].resources.limits.memory",
        "not a quantity",
    ),
    "privileged without escalation": (
        lambda o: _container(o)["securityContext"].update(privileged=True),
        "spec.template.spec.containers[0].securityContext",
        "cannot refuse",
    ),
    "no name": (lambda o: one(o, "Service")["metadata"].pop("name"), "", "metadata.name"),
    "no metadata": (lambda o: one(o, "Service").pop("metadata"), "", "metadata.name"),
}


def test_the_chart_itself_is_fine(objects: list[Obj]) -> None:
    assert validate_objects(objects, "1.34") == []


@pytest.mark.parametrize("what", sorted(BREAKS))
def test_finds(what: str, objects: list[Obj]) -> None:
    damage, path, message = BREAKS[what]
    damage(objects)
    found = validate_objects(objects, "1.34")
    assert [problem for problem in found if problem.path == path and message in problem.message], list(map(str, found))


def test_all_problems_come_at_once(objects: list[Obj]) -> None:
    _container(objects).update(imagePullPolice="Always")
    one(objects, "Service")["metadata"]["name"] = "Chat"
    one(objects, "ScaledObject")["spec"].pop("triggers")
    assert {problem.kind for problem in validate_objects(objects)} == {"Deployment", "Service", "ScaledObject"}


def test_pods_of_a_leader_worker_set_are_looked_into() -> None:
    require_helm()
    objects = render(chart_dir("llm-server"), multi_node().to_values(), release="r", namespace="llm")
    assert validate_objects(objects) == []
    group = one(objects, "LeaderWorkerSet")["spec"]["leaderWorkerTemplate"]
    container = group["workerTemplate"]["spec"]["containers"][0]
    container["resources"]["requests"].pop("cpu")
    container["resources"]["requests"].pop("memory")
    container["resources"]["limits"].pop("memory")
    container["volumeMounts"].append({"name": "nope", "mountPath": "/x"})
    messages = [problem.message for problem in validate_objects(objects)]
    assert any("huge pages" in message for message in messages)
    assert any("no volume 'nope'" in message for message in messages)


def test_a_problem_reads_well() -> None:
    problem = Problem(kind="Service", name="llm/chat", path="spec.type", message="is wrong")
    assert str(problem) == "Service llm/chat: spec.type: is wrong"


def test_an_unknown_kubernetes_version(objects: list[Obj]) -> None:
    with pytest.raises(ToolError, match=r"no schemas of Kubernetes 1\.99"):
        validate_objects(objects, "1.99")


def test_patch_versions_and_a_leading_v_are_fine(objects: list[Obj]) -> None:
    assert validate_objects(objects, "v1.34.2") == []


def test_schemas_name_their_source() -> None:
    rows = read_data("crds/index.json")["schemas"]
    kinds = {key.rpartition("/")[2] for key in rows}
    assert {
        *("NodePool", "EC2NodeClass", "ScaledObject", "LeaderWorkerSet", "ServiceMonitor", "PrometheusRule"),
        *("ExternalSecret", "InferencePool", "ClusterSecretStore", "TriggerAuthentication", "PodMonitor"),
    } <= kinds
    for key, row in rows.items():
        assert "@" in row["_source"]
        schema = read_data(row["file"])
        assert f"{schema['x-group']}/{schema['x-version']}/{schema['x-kind']}" == key


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "apiVersion": st.sampled_from(["apps/v1", "v1", "batch/v1", "leaderworkerset.x-k8s.io/v1", 1]),
            "kind": st.sampled_from(["Deployment", "Pod", "CronJob", "LeaderWorkerSet", "Service", None]),
            "metadata": st.fixed_dictionaries({"name": st.text(max_size=4)}) | JSON,
            "spec": st.dictionaries(st.sampled_from(["template", "selector", "jobTemplate", "containers"]), JSON)
            | JSON,
        }
    )
)
def test_nonsense_is_a_problem_and_not_a_crash(item: Obj) -> None:
    assert all(isinstance(problem, Problem) for problem in validate_objects([item]))
