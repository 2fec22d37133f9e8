"""Every rule on Kubernetes objects: what production renders passes, and breaking it fires one rule and no other."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from llminfra.rules import LooksAt, rules, run_kubernetes
from llminfra.rules.views.kubernetes_view import KubernetesObject, KubernetesObjects

pytestmark = pytest.mark.helm

Objects = list[KubernetesObject]
Body = dict[str, Any]


def pick(objects: Objects, kind: str, name: str = "chat") -> Body:
    """The manifest of one object."""
    return next(item.body for item in objects if item.kind == kind and item.name == name)  # type: ignore[return-value]  # the body is a mapping


def drop(objects: Objects, kind: str, name: str = "chat") -> None:
    objects[:] = [item for item in objects if (item.kind, item.name) != (kind, name)]


def add(objects: Objects, body: Body) -> None:
    objects.append(KubernetesObject(body=body, spec_path="endpoints.chat", stack="acme-prod-serving", release="chat"))


def pod(objects: Objects) -> Body:
    template: Body = pick(objects, "Deployment")["spec"]["template"]["spec"]
    return template


def container(objects: Objects) -> Body:
    first: Body = pod(objects)["containers"][0]
    return first


def srv_1(o: Objects) -> None:
    container(o)["image"] = "vllm/vllm-openai:latest"


def srv_4(o: Objects) -> None:
    for volume in pod(o)["volumes"]:
        if volume.get("emptyDir", {}).get("medium") == "Memory":
            del volume["emptyDir"]["medium"]


def srv_5(o: Objects) -> None:
    pick(o, "Service")["spec"]["type"] = "LoadBalancer"


def srv_9(o: Objects) -> None:
    pick(o, "ScaledObject")["spec"]["triggers"] = [{"type": "cpu", "metadata": {"value": "60"}}]


def srv_15(o: Objects) -> None:
    container(o)["env"] = [item for item in container(o)["env"] if item["name"] not in ("HOME", "XDG_CACHE_HOME")]


def srv_16(o: Objects) -> None:
    del pod(o)["enableServiceLinks"]


def srv_17(o: Objects) -> None:
    del container(o)["startupProbe"]


def srv_18(o: Objects) -> None:
    drop(o, "PodDisruptionBudget")


def srv_19(o: Objects) -> None:
    drop(o, "NetworkPolicy")
    drop(o, "NetworkPolicy", "default-deny-ingress")


def srv_61(o: Objects) -> None:
    container(o)["securityContext"]["privileged"] = True


def dist_13(o: Objects) -> None:
    container(o)["args"].append('--kv-transfer-config={"kv_connector":"NixlConnector","kv_role":"kv_both"}')


def dist_14(o: Objects) -> None:
    for role, name in (("prefill", "chat"), ("decode", "assistant")):
        template = pick(o, "Deployment", name)["spec"]["template"]
        template["metadata"]["labels"] |= {"llminfra.io/endpoint": "pair", "llm-d.ai/role": role}


def dist_15(o: Objects) -> None:
    template = pick(o, "Deployment")["spec"]["template"]
    template["metadata"]["labels"] |= {"llminfra.io/endpoint": "chat", "llm-d.ai/role": "decode"}
    part = {"name": "picker", "image": "acme/picker:1", "args": ["--endpoint-selector=llminfra.io/endpoint=chat"]}
    labels = {"app.kubernetes.io/name": "pd-router"}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [part]}}
    add(o, {"kind": "Deployment", "metadata": {"name": "r", "namespace": "llm-serving"}, "spec": {"template": pods}})


def srv_62(o: Objects) -> None:
    pod(o)["volumes"].append({"name": "infiniband", "hostPath": {"path": "/dev/infiniband"}})


def srv_63(o: Objects) -> None:
    pod(o)["volumes"].append({"name": "scratch", "emptyDir": {}})


def srv_73(o: Objects) -> None:
    pick(o, "NetworkPolicy")["spec"]["ingress"].append({"ports": [{"port": 8000}]})


def node_volume(path: str) -> Body:
    claim = {"namespace": "llm-serving", "name": "chat-weights"}
    spec = {"hostPath": {"path": path, "type": "Directory"}, "claimRef": claim}
    return {"kind": "PersistentVolume", "metadata": {"name": "node"}, "spec": spec}


def sto_12(o: Objects) -> None:
    add(o, node_volume("/etc"))


def sec_9(o: Objects) -> None:
    container(o)["env"].append({"name": "HF_TOKEN", "value": "not-a-real-one"})


def sec_12(o: Objects) -> None:
    add(o, {"kind": "Secret", "metadata": {"name": "key"}, "stringData": {"key": "x"}})


def cap_8(o: Objects) -> None:
    pick(o, "NodePool", "l40s")["spec"]["disruption"]["consolidationPolicy"] = "WhenEmptyOrUnderutilized"


def cap_11(o: Objects) -> None:
    container(o)["resources"]["requests"]["memory"] = "1Gi"


def cap_14(o: Objects) -> None:
    pick(o, "NodePool", "l40s")["spec"]["template"]["spec"]["taints"] = []


def cap_16(o: Objects) -> None:
    pick(o, "EC2NodeClass", "l40s")["spec"]["amiSelectorTerms"] = [{"alias": "al2023@latest"}]


def obs_4(o: Objects) -> None:
    drop(o, "ServiceMonitor")


def obs_5(o: Objects) -> None:
    trigger = pick(o, "ScaledObject")["spec"]["triggers"][0]
    trigger["metadata"]["query"] = "avg(vllm:gpu_cache_usage_perc)"


def obs_6(o: Objects) -> None:
    del pick(o, "ScaledObject")["spec"]["triggers"][0]["metadata"]["ignoreNullValues"]


MUTANTS: dict[str, Callable[[Objects], None]] = {
    "LLM_SRV_1": srv_1,
    "LLM_SRV_4": srv_4,
    "LLM_SRV_5": srv_5,
    "LLM_SRV_9": srv_9,
    "LLM_SRV_15": srv_15,
    "LLM_SRV_16": srv_16,
    "LLM_SRV_17": srv_17,
    "LLM_SRV_18": srv_18,
    "LLM_SRV_19": srv_19,
    "LLM_SRV_61": srv_61,
    "LLM_DIST_13": dist_13,
    "LLM_DIST_14": dist_14,
    "LLM_DIST_15": dist_15,
    "LLM_SRV_62": srv_62,
    "LLM_SRV_63": srv_63,
    "LLM_SRV_73": srv_73,
    "LLM_STO_12": sto_12,
    "LLM_SEC_9": sec_9,
    "LLM_SEC_12": sec_12,
    "LLM_CAP_8": cap_8,
    "LLM_CAP_11": cap_11,
    "LLM_CAP_14": cap_14,
    "LLM_CAP_16": cap_16,
    "LLM_OBS_4": obs_4,
    "LLM_OBS_5": obs_5,
    "LLM_OBS_6": obs_6,
}


def broken(objects: KubernetesObjects, code: str) -> KubernetesObjects:
    copies = [replace(item, body=copy.deepcopy(item.body)) for item in objects]
    MUTANTS[code](copies)
    return KubernetesObjects(tuple(copies))


def test_production_passes_every_rule(objects: KubernetesObjects) -> None:
    assert len(objects.gpu_workloads) == 2
    assert run_kubernetes(objects) == ()


@pytest.mark.parametrize("code", MUTANTS)
def test_exactly_this_rule_kills_its_mutant(objects: KubernetesObjects, code: str) -> None:
    assert {item.diagnostic.code for item in run_kubernetes(broken(objects, code))} == {code}


def test_every_rule_on_kubernetes_has_a_mutant() -> None:
    codes = {item.code for item in rules() if item.looks_at is LooksAt.KUBERNETES and item.check is not None}
    assert codes == set(MUTANTS)


@pytest.mark.parametrize("code", MUTANTS)
def test_a_finding_says_where_and_what(objects: KubernetesObjects, code: str) -> None:
    for item in run_kubernetes(broken(objects, code)):
        assert item.diagnostic.message
        assert item.diagnostic.found
        assert item.diagnostic.expected
        assert item.diagnostic.fix
        assert item.diagnostic.path
        assert item.stack.startswith("acme-prod-")
        assert item.address.count(".") == 2


def test_pools_of_karpenter_are_pools_of_the_spec(objects: KubernetesObjects) -> None:
    (finding,) = run_kubernetes(broken(objects, "LLM_CAP_14"))
    assert finding.diagnostic.path == "pools.l40s"


@pytest.mark.parametrize(("where", "codes"), [("containers", {"LLM_STO_12"}), ("initContainers", set())])
def test_only_what_runs_before_the_engine_writes_models(
    objects: KubernetesObjects, where: str, codes: set[str]
) -> None:
    copies = [replace(item, body=copy.deepcopy(item.body)) for item in objects]
    add(copies, node_volume("/mnt/k8s-disks/0/llminfra"))
    pod(copies)["volumes"].append({"name": "node", "persistentVolumeClaim": {"claimName": "chat-weights"}})
    helper = copy.deepcopy(container(copies))
    for each in (*pod(copies)["containers"], helper):
        each["volumeMounts"].append({"name": "node", "mountPath": "/cache", "readOnly": True})
    writer = {**helper, "name": "writer", "resources": {}}
    writer["volumeMounts"] = [{"name": "node", "mountPath": "/cache"}]
    if where == "containers":
        pod(copies)["containers"][0]["volumeMounts"][-1] = {"name": "node", "mountPath": "/cache"}
    else:
        pod(copies)["initContainers"] = [writer]
    found = {item.diagnostic.code for item in run_kubernetes(KubernetesObjects(tuple(copies)))}
    assert found == codes


def test_a_server_whose_plan_says_that_nothing_reads_it_needs_no_monitor(objects: KubernetesObjects) -> None:
    copies = [replace(item, body=copy.deepcopy(item.body)) for item in objects]
    drop(copies, "ServiceMonitor")
    pick(copies, "Deployment")["metadata"]["annotations"]["llminfra.io/waiver.metrics"] = "mii shows no metrics"
    assert {item.diagnostic.code for item in run_kubernetes(KubernetesObjects(tuple(copies)))} == set()
