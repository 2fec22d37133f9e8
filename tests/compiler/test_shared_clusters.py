"""Several platforms on one cluster: no name is given twice, and nobody's pods are on others' nodes."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace
from rich.console import Console

from llminfra import Cluster, GpuPool, Platform, SharedWith, SpecError, TimeSlicing, Waiver
from llminfra.bindings.folder_cache import find_or_build
from llminfra.cli.plan_page.for_others import for_others
from llminfra.cli.plan_page.view import plan_view
from llminfra.cli.work.releases import render_releases
from llminfra.compiler import compile_platforms
from llminfra.compiler.own_names import UNIQUE
from llminfra.diagnostics import Severity
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.controllers.cluster_charts import installs
from llminfra.planning.controllers.neighbours import with_neighbours
from llminfra.planning.plan import Plan
from llminfra.policy import check
from llminfra.rehearsal import rehearse
from llminfra.rehearsal.assumed import GIVEN_ID, assumed_objects
from llminfra.rehearsal.stacks import read_stacks
from llminfra.rules.plan_rules import plan_rules
from llminfra.rules.run import run_plan
from tests.compiler.shared_cluster import VPC, existing
from tests.compiler.teams import ONCE, TEAMS, maker, team
from tests.helpers.synthesized import run_folder
from tests.helpers.tools import require_helm

PLANS = (maker(), *(team(name) for name in TEAMS))
TYPES = ("ExistingNetwork", "ExistingCluster", "ExistingPrometheus")
Key = tuple[str, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What all of them compile to, once for all processes."""
    return (
        find_or_build(run_folder(tmp_path_factory), "teams", lambda out: compile_platforms(PLANS, out / "out")) / "out"
    )


def resources(folder: Path, kind: str, platform: str) -> Iterator[Mapping[str, Any]]:
    for file in folder.glob(f"stacks/{platform}-*/cdk.tf.json"):
        yield from json.loads(file.read_text(encoding="utf-8")).get("resource", {}).get(kind, {}).values()


def values(folder: Path, platform: str, release: str) -> dict[str, Any]:
    (found,) = [item for item in resources(folder, "helm_release", platform) if item["name"] == release]
    content: dict[str, Any] = json.loads(found["values"][0])
    return content


def given_by(names: Callable[[str], Iterator[Key]]) -> dict[Key, set[str]]:
    found: dict[Key, set[str]] = defaultdict(set)
    for plan in PLANS:
        for key in names(plan.platform.name):
            found[key].add(plan.platform.name)
    return found


def test_no_name_of_aws_or_helm_is_given_twice(folder: Path) -> None:
    def names(platform: str) -> Iterator[Key]:
        for kind, attributes in UNIQUE.items():
            for item in resources(folder, kind, platform):
                yield kind, *(str(item.get(attribute)) for attribute in attributes)

    found = given_by(names)
    assert {kind for kind, *_ in found} >= {"helm_release", "aws_eks_pod_identity_association", "aws_ssm_parameter"}
    assert {key for key, platforms in found.items() if len(platforms) > 1} == set()


@pytest.mark.helm
def test_no_object_of_kubernetes_is_made_twice(folder: Path) -> None:
    require_helm()
    rendered = render_releases(folder, PLANS).releases

    def names(platform: str) -> Iterator[Key]:
        for release in rendered:
            if release.stack.startswith(f"{platform}-"):
                for item in yaml.load_all(release.text, Loader=yaml.CSafeLoader):
                    if item:
                        about = item["metadata"]
                        yield item["kind"], about.get("namespace", ""), about["name"]

    found = given_by(names)
    once = {"GatewayClass", "PersistentVolume", "NodePool", "EC2NodeClass", "PriorityClass", "ClusterSecretStore"}
    assert {kind for kind, *_ in found} >= {*once, "StorageClass", "Namespace", "TargetGroupBinding"}
    assert {key for key, platforms in found.items() if len(platforms) > 1} == set()
    boards = [
        json.loads(text)
        for release in rendered
        for item in yaml.load_all(release.text, Loader=yaml.CSafeLoader)
        if item and item["kind"] == "ConfigMap" and item["metadata"]["name"].startswith("dashboard-")
        for text in item["data"].values()
    ]
    uids = [board["uid"] for board in boards]
    assert {"llm-fleet", "assistants-llm-fleet", "search-llm-fleet"} <= set(uids)
    assert len(uids) == len(set(uids))
    assert all(len(uid) <= 40 for uid in uids)  # Grafana's limit
    of = {board["uid"]: {item["name"]: item["query"] for item in board["templating"]["list"]} for board in boards}
    assert (of["llm-fleet"]["platform"], of["search-llm-fleet"]["platform"]) == (".*", "search")


def test_pods_of_a_team_are_on_its_nodes_alone(folder: Path) -> None:
    for name in TEAMS:
        mine = {"llminfra.io/pool": "l40s", "llminfra.io/platform": name}
        (pool,) = [item for item in values(folder, name, f"{name}-karpenter-pools")["pools"] if "l40s" in item["name"]]
        assert pool["labels"].items() >= mine.items()
        assert values(folder, name, "chat")["scheduling"]["nodeSelector"] == mine


def test_what_the_cluster_has_once_acts_for_the_teams_alone(folder: Path) -> None:
    (stack,) = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("stacks/shared-platform/*.json")]
    charts = {item["chart"].rpartition("/")[2] for item in stack["resource"]["helm_release"].values()}
    assert charts >= {*ONCE} - {"envoy-ai-gateway"} | {"gateway-helm", "ai-gateway-helm", "gateway-base"}
    policies = stack["data"]["aws_iam_policy_document"]
    allowed = {
        name: json.dumps([item.get("resources") for item in found.get("statement", ())])
        for name, found in policies.items()
    }
    secrets = next(text for name, text in allowed.items() if name.startswith("external-secrets"))
    assert "secret:acme/assistants/*-??????" in secrets
    assert "secret:*" not in secrets
    assert "search-async-*" in next(text for name, text in allowed.items() if name.startswith("keda"))
    assert "targetgroup/search*/*" in next(text for name, text in allowed.items() if "load-balancer" in name)
    agents = json.loads(stack["resource"]["helm_release"]["nvidia-device-plugin"]["values"][0])
    assert agents["tolerations"]
    assert {"mig", "time-slicing-2", "time-slicing-16"} <= set(agents["config"]["map"])


def test_what_is_told_to_teams_is_what_they_have_to_say(tmp_path: Path) -> None:
    said = "\n".join(for_others(PLANS[0])).replace("vpc-…", VPC.vpc_id).replace("sg-…", "sg-0123456789abcdef0")
    while "subnet-…" in said:
        said = said.replace("subnet-…", f"subnet-0123456789abcdef{said.count('…')}", 1)
    file = tmp_path / "spec.py"
    file.write_text(
        "from llminfra import *\nl40s = GpuPool(name='l40s', instance_types=['g6e.xlarge'], nodes=(0, 2))\n"
        f"Platform(name='search', region='us-east-1', pools=[l40s],\n{said}\n)",
        encoding="utf-8",
    )
    loaded = load(file)
    assert loaded.ok
    (platform,) = loaded.platforms
    told = plan_platform(platform)
    assert with_neighbours([PLANS[0], told])[1].diagnostics == told.diagnostics
    assert not {"nvidia-device-plugin", "dcgm-exporter", "karpenter"} & {*installs(told)}
    assert list(for_others(PLANS[1])) == []


def test_it_is_told_in_the_language_of_the_spec(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(
        "name: shared\nregion: us-east-1\ncluster: {install: [keda], shared_with: [{name: search, secrets: [a/*]}]}\n",
        encoding="utf-8",
    )
    loaded = load(file)
    assert loaded.ok
    (platform,) = loaded.platforms
    told = yaml.safe_load("\n".join(for_others(plan_platform(platform))))
    assert told["cluster"]["installed"] == ["karpenter", "keda", "kube-prometheus-stack"]


@pytest.mark.parametrize("yaml_", [False, True])
def test_what_is_told_to_teams_is_printed_whole(yaml_: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llminfra.cli.plan_page.for_others.declared_in_yaml", lambda _: yaml_)
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as printed:
        console.print(plan_view(PLANS[0], 80))
    whole = "\n".join(for_others(PLANS[0]))
    assert whole in "\n".join(line.rstrip() for line in printed.get().splitlines())
    said = yaml.safe_load(whole) if yaml_ else eval(f"dict({whole})", dict.fromkeys(TYPES, dict))
    assert [*said["network"]["private_subnet_ids"]] == ["us-east-1a", "us-east-1b", "us-east-1c"]
    assert {*ONCE} < {*said["cluster"]["installed"]}


@pytest.mark.parametrize(
    ("plans", "told"),
    [
        ((maker(), team("search")), []),
        ((team("assistants"), team("search")), []),
        # What the cluster has once.
        (
            (maker(), team("search", cluster={"installed": ["karpenter", "kube-prometheus-stack", *ONCE[1:]]})),
            [("LLM_CAP_55", "cluster.installed", "the release keda")],
        ),
        # Namespaces that both name, and what is in them.
        (
            tuple(team(name, cluster={"serving_namespace": "ml"}) for name in TEAMS),
            [("LLM_CAP_55", "cluster.serving_namespace", "the namespace ml")],
        ),
        (
            tuple(team(name, cluster={"serving_namespace": "ml", "namespaces": ["ml"]}) for name in TEAMS),
            [
                ("LLM_CAP_55", "endpoints.chat", "endpoint chat"),
                ("LLM_CAP_55", "endpoints.code", "endpoint code"),
                ("LLM_CAP_55", "gateways.llm", "gateway llm"),
            ],
        ),
        # Another region's cluster, or another account's, is another one.
        ((maker(), team("search", account_id="444455556666", cluster={"installed": ["karpenter"]})), []),
        # What the maker's spec says otherwise.
        *(
            ((maker(**made), team("search", gateways=[], cluster=said)), [("LLM_CAP_56", f"cluster.{path}", what)])
            for made, said, path, what in (
                ({"install": ONCE[:-1]}, {}, "installed", "envoy-ai-gateway"),
                ({"shared_with": []}, {}, "installed", "acme/search/chat"),
                ({}, {"version": "1.34"}, "version", "version='1.34'"),
                ({}, {"node_security_group_id": None}, "node_security_group_id", "the group that EKS makes"),
                ({"shared_with": [SharedWith(name="search")]}, {}, "installed", "acme/search/chat"),
                ({}, {"karpenter_node_role": "other"}, "karpenter_node_role", "karpenter_node_role='other'"),
            )
        ),
    ],
)
def test_what_does_not_go_together_is_told_once(plans: tuple[Plan, Plan], told: list[tuple[str, str, str]]) -> None:
    before = {item for plan in plans for item in plan.diagnostics}
    found = [item for plan in with_neighbours(plans) for item in plan.diagnostics if item not in before]
    assert len(found) == len(told)
    for item, (code, path, what) in zip(found, told, strict=True):
        assert (item.code, item.path) == (code, path)
        assert item.found.startswith(what)
        assert item.fix
        assert item.expected


ASKED = {"LLM_CAP_52", "LLM_CAP_57", "LLM_OBS_16", "LLM_OBS_17"}


def asked(plan: Plan) -> set[str]:
    return {item.code for item in run_plan(plan, plan_rules())} & ASKED


def test_what_a_spec_alone_cannot_know_is_asked_of_the_spec_that_makes_the_cluster() -> None:
    slices = TimeSlicing(replicas=4, tenants=["search"])
    half = GpuPool(name="half", instance_types=["g6e.xlarge"], nodes=(1, 1), sharing=slices)
    alone = team("search", pools=[half, *PLANS[2].platform.pools])
    assert asked(alone) == ASKED
    theirs, known = with_neighbours([maker(), alone])
    assert asked(known) == set()
    assert known.installed_by["external-secrets"] == theirs.platform.name
    assert asked(with_neighbours([team("assistants"), alone])[1]) == ASKED, "another team knows no better"
    other = replace(alone, platform=alone.platform.model_copy(update={"account_id": "444455556666"}))
    assert asked(with_neighbours([maker(), other])[1]) == ASKED, "another account's cluster"


def test_a_waiver_of_what_is_known_here_is_not_called_unused(folder: Path) -> None:
    kept = Waiver(
        rule="LLM_CAP_52", reason="What the team's own pipeline asks.", owner="search", expires=dt.date(2999, 1, 1)
    )
    plan = replace(PLANS[2], platform=PLANS[2].platform.model_copy(update={"waivers": (kept,)}))
    found = [item.rule for item in check(with_neighbours([PLANS[0], plan]), folder, use_checkov=False).findings]
    assert {"LLM_CAP_52", "LLM_WAIVER_2"}.isdisjoint(found)


def test_a_stack_that_does_not_show_the_nodes_of_teams_is_told() -> None:
    says = {"installed": ["karpenter", "kube-prometheus-stack"]}
    _, known = with_neighbours(
        [maker(install=[], shared_with=[]), team("search", gateways=[], endpoints=[], cluster=says)]
    )
    (found,) = [item for item in known.diagnostics if item.code == "LLM_CAP_56"]
    assert (found.path, found.severity) == ("observability", Severity.ERROR)
    assert "of 'shared'" in found.fix
    assert "'search'" in found.message


def test_a_rehearsal_of_both_gives_the_network_the_id_that_the_teams_name(folder: Path) -> None:
    found = assumed_objects(read_stacks(folder))
    assert {(item.id, item.attributes["id"]) for item in found if item.type_name == GIVEN_ID} == {
        ("aws_vpc/shared", VPC.vpc_id)
    }
    assert not [item for item in found if item.type_name in {"aws_vpc", "aws_eks_cluster"}]


@pytest.mark.terraform
def test_a_cluster_and_the_pools_on_it_are_rehearsed_together(folder: Path) -> None:
    report = rehearse(folder, only=["shared-cluster", "search-cluster"])
    assert report.ok, report.stacks
    assert {stack.name for stack in report.stacks} >= {"shared-network", "shared-cluster", "search-cluster"}


@pytest.mark.parametrize(
    ("cluster", "fields", "told"),
    [
        ({"install": ["dcgm-exporter", "keda"]}, {"observability": None}, ("cluster.install[0]", "dcgm-exporter")),
        (
            {"install": ["keda", "karpenter"], "autoscaler": "cluster-autoscaler"},
            {},
            ("cluster.install[1]", "karpenter"),
        ),
        ({"install": ["karpenter", "keda"]}, {}, None),
    ],
)
def test_what_would_have_no_work_is_told(
    cluster: dict[str, Any], fields: dict[str, Any], told: tuple[str, str] | None
) -> None:
    plan = plan_platform(Platform(name="p", region="us-east-1", cluster=Cluster(**cluster), **fields))
    found = [(item.path, item.found) for item in plan.diagnostics if item.code == "LLM_SPEC_8"]
    assert found == ([told] if told else [])


def test_a_platform_team_may_bring_controllers_to_a_cluster_of_others() -> None:
    brings = existing(installed=["keda"], install=["karpenter", "keda", "external-secrets"])
    plan = plan_platform(Platform(name="p", region="us-east-1", network=VPC, cluster=brings, observability=None))
    assert [item.found for item in plan.diagnostics if item.code == "LLM_SPEC_8"] == ["keda"]
    assert set(installs(plan)) == {"karpenter", "external-secrets"}
    said = "\n".join(for_others(plan))
    assert 'installed=["karpenter", "keda", "external-secrets"]' in said
    assert 'karpenter_node_role="p-karpenter-node-us-east-1"' in said


def test_two_of_one_name_share_nothing() -> None:
    twice = [SharedWith(name="search"), SharedWith(name="search", secrets=["a"])]
    with pytest.raises(SpecError) as raised:
        plan_platform(Platform(name="p", region="us-east-1", cluster=Cluster(shared_with=twice)))
    assert [(item.code, item.path) for item in raised.value.diagnostics] == [
        ("LLM_SPEC_4", "cluster.shared_with.search")
    ]
