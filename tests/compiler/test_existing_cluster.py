"""A cluster that is there: it is read, nothing of it is changed, and what it lacks is added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llminfra import (
    VLLM,
    Autoscaling,
    Cluster,
    Endpoint,
    ExistingCluster,
    Gateway,
    GpuPool,
    Lustre,
    Mig,
    Model,
    ModelBucket,
    Network,
    Platform,
    Secret,
    SpecError,
    Tenant,
    plan_specs,
)
from llminfra.compiler import compile_platforms
from llminfra.planning import plan_platform
from llminfra.planning.controllers.cluster_charts import upstream_charts
from llminfra.planning.plan import Plan
from llminfra.rehearsal.assumed import assumed_objects
from llminfra.rehearsal.stacks import read_stacks
from llminfra.rules import run_plan
from tests.compiler.shared_cluster import EFA, SPOT, VPC, existing

GROUP = "sg-0123456789abcdef0"


def plan_of(cluster: ExistingCluster, *pools: GpuPool, **fields: Any) -> Plan:
    used = pools or (SPOT,)
    chat = Endpoint(
        name="chat",
        model=Model(id="Qwen/Qwen3-8B"),
        engine=VLLM(max_model_len=8192),
        on=used[0],
        replicas=Autoscaling(min=1, max=2),
        api_key=Secret(name="acme/key"),
    )
    plain = {"name": "acme", "region": "us-east-1", "account_id": "111122223333", "network": VPC}
    return plan_platform(Platform(**{**plain, "cluster": cluster, "pools": used, "endpoints": [chat], **fields}))


def stacks_of(plan: Plan, folder: Path) -> Mapping[str, Any]:
    compile_platforms([plan], folder)
    files = (folder / "stacks").glob("*/cdk.tf.json")
    return {file.parent.name.removeprefix("acme-"): json.loads(file.read_text(encoding="utf-8")) for file in files}


def releases(stacks: Mapping[str, Any]) -> set[str]:
    return set(stacks["platform"]["resource"]["helm_release"])


def test_nothing_of_the_cluster_is_made_or_changed(tmp_path: Path) -> None:
    cluster = stacks_of(plan_of(existing()), tmp_path)["cluster"]
    kinds = set(cluster["resource"])
    assert not kinds & {"aws_eks_cluster", "aws_eks_addon", "aws_eks_node_group", "aws_iam_openid_connect_provider"}
    assert not kinds & {"aws_security_group", "aws_vpc_security_group_ingress_rule"}
    # Karpenter is missing there: its nodes join by an access entry, the only one that is made.
    assert set(cluster["resource"]["aws_eks_access_entry"]) == {"karpenter-node"}
    read = cluster["data"]["aws_eks_cluster"]["cluster"]
    assert read["name"] == "shared"
    conditions = [item["condition"] for item in read["lifecycle"]["postcondition"]]
    assert conditions[0] == '${self.version == "1.35"}'
    assert "network.outputs.vpc_id" in conditions[1]
    assert "CONFIG_MAP" in conditions[2]
    group = cluster["output"]["node_security_group_id"]["value"]
    assert group == "${data.aws_eks_cluster.cluster.vpc_config[0].cluster_security_group_id}"


def test_nodes_get_the_group_that_is_named(tmp_path: Path) -> None:
    stacks = stacks_of(plan_of(existing(node_security_group_id=GROUP), EFA), tmp_path)
    assert stacks["cluster"]["data"]["aws_security_group"]["nodes"]["id"] == GROUP
    (template,) = stacks["cluster"]["resource"]["aws_launch_template"].values()
    groups = {group for item in template["network_interfaces"] for group in item["security_groups"]}
    assert "${data.aws_security_group.nodes.id}" in groups
    # A pool of its own needs a role of its own, and no Karpenter.
    assert "node" in stacks["cluster"]["resource"]["aws_iam_role"]
    assert "karpenter" not in stacks["cluster"]["resource"]["aws_iam_role"]
    assert "karpenter" not in releases(stacks)


def test_a_karpenter_that_is_there_starts_nodes_with_its_own_role(tmp_path: Path) -> None:
    stacks = stacks_of(plan_of(existing(installed=["karpenter"], karpenter_node_role="shared-node")), tmp_path)
    cluster = stacks["cluster"]
    assert "aws_eks_access_entry" not in cluster["resource"]
    assert cluster["data"]["aws_iam_role"]["karpenter-node"]["name"] == "shared-node"
    (profile,) = cluster["resource"]["aws_iam_instance_profile"].values()
    assert profile["role"] == "${data.aws_iam_role.karpenter-node.name}"
    assert "karpenter-pools" in releases(stacks)
    assert not releases(stacks) & {"karpenter", "karpenter-crd"}
    alerts = stacks["platform"]["resource"]["helm_release"]["llm-observability"]["values"][0]
    assert "KarpenterDown" not in alerts  # nobody scrapes it


@pytest.mark.parametrize(
    "chart",
    [
        "keda",
        "external-secrets",
        "nvidia-device-plugin",
        "aws-mountpoint-s3-csi-driver",
        "aws-load-balancer-controller",
    ],
)
def test_what_is_installed_is_left_out_and_what_uses_it_is_not(chart: str, tmp_path: Path) -> None:
    tenants = [Tenant(name="a", api_key=Secret(name="acme/a"), requests_per_minute=9, tokens_per_minute=999)]
    certificate = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"

    def plan_with(*installed: str) -> Plan:
        plan = plan_of(existing(installed=installed), storage=[ModelBucket(name="acme-w")])
        (chat,) = plan.platform.endpoints
        front = Gateway(
            name="llm", endpoints=[chat], tenants=tenants, hostname="l.example.com", certificate_arn=certificate
        )
        return plan_platform(plan.platform.model_copy(update={"gateways": (front,)}))

    without, plain = plan_with(chart), plan_with()
    assert set(upstream_charts(plain)) - set(upstream_charts(without)) == {chart} & set(upstream_charts(plain))
    stacks = stacks_of(without, tmp_path)
    assert chart not in releases(stacks)
    assert not any(chart.split("-", 1)[-1] in name for name in stacks["platform"]["resource"].get("aws_iam_role", {}))
    assert "cluster-secrets" in releases(stacks)
    assert "autoscaling" in json.loads(stacks["serving"]["resource"]["helm_release"]["chat"]["values"][0])


def test_a_gpu_operator_brings_the_agents_and_leaves_alone_what_images_and_boot_have_done(tmp_path: Path) -> None:
    mig = GpuPool(
        name="mig", instance_types=["p4d.24xlarge"], nodes=(0, 1), sharing=Mig(profile="3g.20gb", tenants=["a"])
    )
    plan = plan_of(existing(installed=["gpu-operator"]), SPOT, mig)
    stacks = stacks_of(plan, tmp_path)
    assert not {"nvidia-device-plugin", "dcgm-exporter"} & releases(stacks)
    assert "karpenter" in releases(stacks)
    for pool in plan.pools:
        # The operator keeps a value that a node has, and writes the first label itself.
        assert "nvidia.com/gpu.present" not in pool.labels
        off = {key: value for key, value in pool.labels.items() if key.startswith("nvidia.com/gpu.deploy.")}
        assert off == {
            f"nvidia.com/gpu.deploy.{part}": "false" for part in ("driver", "container-toolkit", "mig-manager")
        }
    told = {item.code: item for item in run_plan(plan)}
    assert told["LLM_OBS_17"].expected.startswith("dcgmExporter.serviceMonitor with enabled=true, honorLabels=true")
    assert told["LLM_CAP_57"].found == "nvidia.com/device-plugin.config=mig"


@pytest.mark.parametrize(
    ("cluster", "namespace"),
    [(existing(), "acme-serving"), (existing(serving_namespace="ml"), "ml"), (None, "llm-serving")],
)
def test_endpoints_are_in_a_namespace_of_the_platforms_own(cluster: ExistingCluster | None, namespace: str) -> None:
    plan = plan_of(existing())
    platform = plan.platform.model_copy(update={"cluster": cluster or Cluster()})
    assert {item.namespace for item in plan_platform(platform).endpoints} == {namespace}


def test_names_that_others_may_have_taken_are_the_platforms_own(tmp_path: Path) -> None:
    stacks = stacks_of(plan_of(existing(), storage=[ModelBucket(name="acme-w")]), tmp_path)
    base = json.loads(stacks["platform"]["resource"]["helm_release"]["cluster-base"]["values"][0])
    assert base["storageClasses"] == [{"name": "acme-gp3", "default": False}]
    monitoring = stacks["platform"]["resource"]["helm_release"]["kube-prometheus-stack"]["values"][0]
    assert '"storageClassName": "acme-gp3"' in monitoring
    copies = [
        text["values"][0] for name, text in stacks["serving"]["resource"]["helm_release"].items() if "copy" in name
    ]
    assert copies
    assert not any("llminfra.io/pool" in text for text in copies)


def test_roles_of_service_accounts_trust_the_clusters_provider(tmp_path: Path) -> None:
    stacks = stacks_of(plan_of(existing(identity="irsa")), tmp_path)
    assert "aws_iam_openid_connect_provider" not in stacks["cluster"]["resource"]
    provider = stacks["cluster"]["output"]["oidc_provider_arn"]["value"]
    assert provider.startswith(
        "arn:aws:iam::111122223333:oidc-provider/${replace(data.aws_eks_cluster.cluster.identity"
    )


def test_the_cluster_and_its_nodes_cost_the_platform_nothing() -> None:
    plan = plan_of(existing())
    paid = [line.what for line in plan.costs if line.spec_path.startswith("cluster")]
    assert paid == ["KMS key of the stack cluster, without requests"]
    assert plan.eks.system_nodes is None


@pytest.mark.parametrize(
    ("cluster", "fields", "code"),
    [
        (existing(), {"network": Network()}, "LLM_CAP_50"),
        (existing(installed=["karpenter"]), {}, "LLM_CAP_51"),
        (existing(karpenter_node_role="shared-node"), {}, "LLM_CAP_51"),
        (existing(version="1.20"), {}, "LLM_CAP_26"),
    ],
)
def test_what_does_not_go_with_it_is_told(cluster: ExistingCluster, fields: dict[str, Any], code: str) -> None:
    with pytest.raises(SpecError) as raised:
        plan_of(cluster, **fields)
    assert [item.code for item in raised.value.diagnostics if item.severity == "error"] == [code]


def test_a_misspelt_chart_says_nothing_of_the_role_beside_it(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "name: p\nregion: us-east-1\ncluster: {name: shared, version: '1.35', installed: [karpentr],"
        " karpenter_node_role: nodes}\nnetwork: {vpc_id: vpc-0123456789abcdef0, cidr: 10.40.0.0/16,"
        " private_subnet_ids: {us-east-1a: subnet-0123456789abcdef0, us-east-1b: subnet-0123456789abcdef1}}\n"
        "pools: {l40s: {instance_types: [g6e.xlarge], nodes: [0, 2]}}\n",
        encoding="utf-8",
    )
    with pytest.raises(SpecError) as raised:
        plan_specs([spec])
    assert [item.code for item in raised.value.diagnostics if item.severity == "error"] == ["LLM_SPEC_1"]


def test_a_rehearsal_assumes_the_cluster_that_the_spec_describes(tmp_path: Path) -> None:
    storage = [ModelBucket(name="acme-w"), Lustre(name="fast", zone="us-east-1a")]
    stacks_of(plan_of(existing(node_security_group_id=GROUP), storage=storage), tmp_path)
    found = {(item.type_name, item.id): item.attributes for item in assumed_objects(read_stacks(tmp_path))}
    cluster = found["aws_eks_cluster", "shared"]
    assert cluster["version"] == "1.35"
    (inside,) = cluster["vpc_config"]
    assert inside["vpc_id"] == VPC.vpc_id
    assert ("aws_security_group", inside["cluster_security_group_id"]) in found
    assert found["aws_security_group", GROUP]["vpc_id"] == VPC.vpc_id


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "spec.py",
            'from llminfra import *\nPlatform(name="p", region="us-east-1", cluster=ExistingCluster(name="c"))\n',
        ),
        ("spec.yaml", "name: p\nregion: us-east-1\ncluster: {name: c}\n"),
    ],
)
def test_a_mistake_in_it_is_told_at_the_cluster(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as raised:
        plan_specs([tmp_path / name])
    assert ("LLM_SPEC_3", "cluster.version") in {(item.code, item.path) for item in raised.value.diagnostics}
