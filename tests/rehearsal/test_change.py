"""Changing a platform."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from llminfra.rehearsal import Change, ChangeStep, rehearse_change
from llminfra.rehearsal.change_order import Effect, change_order
from tests.rehearsal.synthesis import Stacks, write_synthesis


def _changed(stacks: Stacks) -> None:
    cluster = stacks["cluster"]["resource"]
    cluster["aws_eks_cluster"]["main"]["version"] = "1.35"
    cluster["aws_fsx_lustre_file_system"]["weights"]["storage_type"] = "HDD"
    cluster["aws_fsx_lustre_file_system"]["weights"]["deployment_type"] = "PERSISTENT_1"
    cluster["aws_fsx_lustre_file_system"]["weights"]["per_unit_storage_throughput"] = 40
    cluster["aws_fsx_lustre_file_system"]["weights"]["storage_capacity"] = 5400
    cluster["aws_launch_template"]["gpu"]["metadata_options"]["http_put_response_hop_limit"] = 2
    del stacks["network"]["resource"]["aws_s3_bucket_versioning"]
    stacks["serving"]["resource"]["helm_release"]["web"]["values"] = ["replicas: 3\n"]


@pytest.mark.terraform
def test_changes_come_with_spec_path_cause_and_danger(tmp_path: Path) -> None:
    old = write_synthesis(tmp_path / "old")
    report = rehearse_change(old, write_synthesis(tmp_path / "new", _changed))
    assert report.ok, [str(item) for item in report.findings]
    assert report.converged is True
    changes = {item.address: item for item in report.changes}
    assert {address: item.action for address, item in changes.items()} == {
        "aws_s3_bucket_versioning.weights": "delete",
        "aws_eks_cluster.main": "update",
        "aws_eks_node_group.gpu": "update",
        "aws_fsx_lustre_file_system.weights": "replace",
        "aws_launch_template.gpu": "update",
        "helm_release.web": "update",
    }
    lustre = changes["aws_fsx_lustre_file_system.weights"]
    assert lustre.spec_path == "storage.weights"
    assert lustre.because == ("deployment_type", "storage_type")
    assert "loses the file system" in lustre.danger
    assert {item.address for item in report.dangerous} == {
        "aws_eks_cluster.main",
        "aws_fsx_lustre_file_system.weights",
    }


@pytest.mark.terraform
def test_plan_only_tells_the_change_and_applies_nothing(tmp_path: Path) -> None:
    def change(stacks: Stacks) -> None:
        stacks["serving"]["resource"]["helm_release"]["web"]["values"] = ["replicas: 3\n"]

    old, new = write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", change)
    kept = tmp_path / "kept"
    report = rehearse_change(old, new, plan_only=True, keep=kept)
    assert report.ok, [str(item) for item in report.findings]
    assert report.converged is None, "nothing was applied, so nothing is known of a second plan"
    assert [(item.address, item.action) for item in report.changes] == [("helm_release.web", "update")]
    states = "".join(file.read_text(encoding="utf-8") for file in kept.rglob("*.tfstate"))
    assert "replicas: 3" not in states
    assert "helm_release" in states


@pytest.mark.terraform
def test_the_same_spec_changes_nothing(tmp_path: Path) -> None:
    old, new = write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new")
    report = rehearse_change(old, new)
    assert report.ok, [str(item) for item in report.findings]
    assert report.changes == ()


@pytest.mark.terraform
def test_a_new_name_replaces_the_cluster(tmp_path: Path) -> None:
    def rename(stacks: Stacks) -> None:
        stacks["cluster"]["resource"]["aws_eks_cluster"]["main"]["name"] = "demo-2"

    old, new = write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", rename)
    report = rehearse_change(old, new, only=["cluster"])
    changes = {item.address: item for item in report.changes}
    assert changes["aws_eks_cluster.main"].action == "replace"
    assert changes["aws_eks_cluster.main"].because == ("name",)
    assert changes["aws_eks_node_group.gpu"].action == "replace"
    assert all(item.danger for item in changes.values())


@pytest.mark.terraform
def test_a_stack_that_the_new_spec_lacks_stays_in_aws(tmp_path: Path) -> None:
    def drop(stacks: Stacks) -> None:
        del stacks["serving"]

    report = rehearse_change(write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", drop))
    left = [item for item in report.changes if item.stack == "serving"]
    assert {item.address for item in left} == {"helm_release.keda", "helm_release.web"}
    assert all("stays in AWS" in item.danger for item in left)
    assert {item.rule for item in left} == {"LLM_GUARD_8"}
    assert report.order == (ChangeStep(stack="serving", action="destroy"),)
    assert report.ok, [str(item) for item in report.findings]


@pytest.mark.terraform
def test_what_goes_leaves_before_what_it_stands_on(tmp_path: Path) -> None:
    """A release, then its nodes, then their security rule: as the manifest read backwards."""

    def drop(stacks: Stacks) -> None:
        del stacks["serving"]["resource"]["helm_release"]["web"]
        del stacks["cluster"]["resource"]["aws_eks_node_group"]
        del stacks["network"]["resource"]["aws_vpc_security_group_egress_rule"]

    report = rehearse_change(write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", drop))
    assert report.ok, [str(item) for item in report.findings]
    assert report.order == tuple(ChangeStep(stack=name, action="apply") for name in ("serving", "cluster", "network"))
    assert [item.address for item in report.changes] == [
        "helm_release.web",
        "aws_eks_node_group.gpu",
        "aws_vpc_security_group_egress_rule.out",
    ]


@pytest.mark.terraform
def test_stacks_of_the_old_spec_go_the_last_one_first(tmp_path: Path) -> None:
    def drop(stacks: Stacks) -> None:
        del stacks["serving"], stacks["cluster"]

    report = rehearse_change(write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", drop))
    assert report.ok, [str(item) for item in report.findings]
    assert report.order == tuple(ChangeStep(stack=name, action="destroy") for name in ("serving", "cluster"))
    lost = next(item for item in report.changes if item.address == "aws_fsx_lustre_file_system.weights")
    assert lost.rule == "LLM_GUARD_1", "that its stack goes hides nothing of what is lost with it"
    assert "loses the file system" in lost.danger
    assert "stays in AWS" in lost.danger
    planned = rehearse_change(tmp_path / "old", tmp_path / "new", plan_only=True)
    assert [item.stack for item in planned.changes] == [item.stack for item in report.changes]


@pytest.mark.terraform
def test_a_new_stack_comes_after_what_it_reads(tmp_path: Path) -> None:
    def later(stacks: Stacks) -> None:
        del stacks["serving"], stacks["cluster"]["output"]

    report = rehearse_change(write_synthesis(tmp_path / "old", later), write_synthesis(tmp_path / "new"))
    assert report.ok, [str(item) for item in report.findings]
    assert report.order == tuple(ChangeStep(stack=name, action="apply") for name in ("cluster", "serving"))


@pytest.mark.terraform
def test_what_goes_too_early_is_told(tmp_path: Path) -> None:
    """The cluster gets a new group for the release and loses the old one: no order of two stacks does both."""

    def rename(stacks: Stacks) -> None:
        groups = stacks["cluster"]["resource"]["aws_eks_node_group"]
        groups["other"] = {**groups.pop("gpu"), "node_group_name": "other"}
        stacks["serving"]["resource"]["helm_release"]["web"]["values"] = ["replicas: 3\n"]

    report = rehearse_change(write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", rename))
    assert report.ok, [str(item) for item in report.findings]
    (finding,) = report.findings
    assert finding.severity == "warning"
    assert finding.summary == "aws_eks_node_group.gpu goes before serving was changed"
    assert finding.spec_path == "pools.gpu"
    assert "one that only adds, and one that only removes" in finding.detail


@pytest.mark.terraform
def test_a_network_is_not_replaced_under_other_stacks(tmp_path: Path) -> None:
    def other_block(stacks: Stacks) -> None:
        stacks["network"]["resource"]["aws_vpc"]["main"]["cidr_block"] = "10.1.0.0/16"
        for name, block in (("a", "10.1.0.0/20"), ("b", "10.1.16.0/20")):
            stacks["network"]["resource"]["aws_subnet"][name]["cidr_block"] = block

    report = rehearse_change(write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", other_block))
    (told,) = [item for item in report.findings if item.severity == "warning"]
    assert told.summary == "aws_subnet.a, aws_subnet.b, aws_vpc.main cannot be replaced under cluster, serving"
    assert "destroy these stacks first" in told.detail
    assert report.converged is False, "AWS refuses it, as the finding says"


@pytest.mark.terraform
def test_another_region_makes_everything_anew(tmp_path: Path) -> None:
    """The AWS provider holds the region of each resource; one that names none moves with the provider's."""

    def move(stacks: Stacks) -> None:
        stacks["network"]["provider"] = {"aws": [{"region": "us-west-2"}]}
        stacks["network"]["resource"]["aws_subnet"]["a"]["availability_zone"] = "us-west-2a"

    old, new = write_synthesis(tmp_path / "old"), write_synthesis(tmp_path / "new", move)
    report = rehearse_change(old, new, only=["network"])
    changes = {item.address: item for item in report.changes}
    assert changes["aws_vpc.main"].action == "replace"
    assert changes["aws_vpc.main"].because == ("region",)
    assert "takes everything inside it along" in changes["aws_vpc.main"].danger
    assert changes["aws_s3_bucket.weights"].action == "replace"
    assert report.converged, [str(item) for item in report.findings]


@pytest.mark.terraform
def test_a_smaller_file_system_is_another_one(tmp_path: Path) -> None:
    """The provider replaces it, with what lies in it; a larger one grows in place."""

    def resize(gib: int) -> Callable[[Stacks], None]:
        def change(stacks: Stacks) -> None:
            stacks["cluster"]["resource"]["aws_fsx_lustre_file_system"]["weights"]["storage_capacity"] = gib

        return change

    for name, before, after, action in (("less", 4800, 2400, "replace"), ("more", 2400, 4800, "update")):
        old = write_synthesis(tmp_path / f"old-{name}", resize(before))
        report = rehearse_change(old, write_synthesis(tmp_path / f"new-{name}", resize(after)), plan_only=True)
        (lustre,) = report.changes
        assert lustre.action == action
        assert ("loses the file system" in lustre.danger) is (action == "replace")
        assert lustre.because == (("storage_capacity",) if action == "replace" else ())


@pytest.mark.terraform
@pytest.mark.parametrize(("after", "is_refused"), [("1.35", False), ("1.33", True), ("1.36", True)])
def test_a_control_plane_goes_up_by_one(after: str, is_refused: bool, tmp_path: Path) -> None:
    def version(text: str) -> Callable[[Stacks], None]:
        def change(stacks: Stacks) -> None:
            stacks["cluster"]["resource"]["aws_eks_cluster"]["main"]["version"] = text

        return change

    old, new = write_synthesis(tmp_path / "old", version("1.34")), write_synthesis(tmp_path / "new", version(after))
    report = rehearse_change(old, new, only=["cluster"])
    assert report.converged is not is_refused
    errors = [item.summary for item in report.findings if item.severity == "error"]
    refusal = f"InvalidParameterException: Unsupported Kubernetes minor version update from 1.34 to {after}"
    assert errors == ([refusal] if is_refused else [])


@pytest.mark.terraform
def test_nodes_that_become_others_come_before_pods(tmp_path: Path) -> None:
    """A pool goes while another one changes: the release may wait for the changed one."""

    def two(stacks: Stacks) -> None:
        groups = stacks["cluster"]["resource"]["aws_eks_node_group"]
        groups["other"] = {**groups["gpu"], "node_group_name": "other"}

    def change(stacks: Stacks) -> None:
        template = stacks["cluster"]["resource"]["aws_launch_template"]["gpu"]
        template["metadata_options"]["http_put_response_hop_limit"] = 2
        stacks["serving"]["resource"]["helm_release"]["web"]["values"] = ["replicas: 3\n"]

    report = rehearse_change(write_synthesis(tmp_path / "old", two), write_synthesis(tmp_path / "new", change))
    assert report.converged, [str(item) for item in report.findings]
    assert [step.stack for step in report.order] == ["cluster", "serving"]
    assert [item.summary for item in report.findings] == ["aws_eks_node_group.other goes before serving was changed"]


@pytest.mark.terraform
def test_what_reads_a_stack_that_changes_last_is_planned_again(tmp_path: Path) -> None:
    """The cluster loses a group after its endpoint left it, and says something else from then on."""

    def spec(other: bool, replicas: int) -> Callable[[Stacks], None]:
        def edit(stacks: Stacks) -> None:
            cluster, serving = stacks["cluster"], stacks["serving"]
            groups = cluster["resource"]["aws_eks_node_group"]
            if other:
                groups["other"] = {**groups["gpu"], "node_group_name": "other"}
            cluster["output"]["words"] = {"value": "two groups" if other else "one group"}
            text = f"replicas: {replicas}\nwords: ${{data.terraform_remote_state.cluster.outputs.words}}\n"
            serving["resource"]["helm_release"]["web"]["values"] = [text]

        return edit

    old, new = write_synthesis(tmp_path / "old", spec(True, 2)), write_synthesis(tmp_path / "new", spec(False, 3))
    report = rehearse_change(old, new)
    assert [step.stack for step in report.order] == ["serving", "cluster", "serving"]
    assert report.converged, [str(item) for item in report.findings]


def _effects(**effects: Effect) -> dict[str, Effect]:
    return effects


def test_the_order_of_stacks() -> None:
    names = ["network", "storage", "cluster", "serving"]
    network = Effect("network")
    storage = Effect("storage", frozenset({"network"}), changes=True, removes=True)
    cluster = Effect("cluster", frozenset({"network"}), changes=True, adds=True)
    serving = Effect("serving", frozenset({"storage", "cluster"}), changes=True, adds=True)
    order = change_order(names, names, _effects(network=network, storage=storage, cluster=cluster, serving=serving))
    assert order.first == ()
    assert order.then == ("network", "cluster", "serving")
    assert order.again == ("serving",), "it reads the storage stack, which comes after it"
    assert order.last == ("storage",), "serving lets go of the file system, and needs the new pool for it"
    assert order.torn == {}
    gone = Effect("serving", serving.before, changes=True, removes=True)
    order = change_order(names, names[:3], _effects(network=network, storage=storage, cluster=cluster, serving=gone))
    assert order.first == ("serving", "storage")
    both = Effect("cluster", cluster.before, changes=True, adds=True, removes=True)
    order = change_order(names, names, _effects(network=network, storage=storage, cluster=both, serving=serving))
    assert order.torn == {"cluster": ("serving",)}


def test_what_goes_waits_for_what_comes_below() -> None:
    """A pool moves from Karpenter to a node group: its new nodes come before the old ones go."""
    names = ["network", "cluster", "platform"]
    below = frozenset({"network"})
    gains = Effect("cluster", below, changes=True, adds=True)
    effects = _effects(
        network=Effect("network"),
        cluster=gains,
        platform=Effect("platform", frozenset({"cluster"}), changes=True, removes=True),
    )
    order = change_order(names, names, effects)
    assert (order.first, order.then, order.last) == ((), tuple(names), ())
    loses = Effect("cluster", below, changes=True, removes=True)
    order = change_order(names, names, {**effects, "cluster": loses})
    assert order.first == ("platform", "cluster")
    order = change_order(names, ["network", "cluster"], effects)
    assert order.first == ("platform",), "a stack that the new spec lacks goes first"


def test_a_change_without_danger_is_quiet() -> None:
    assert Change(stack="a", address="b", action="update").danger == ""


def _with_pools(*pools: str, replicas: int) -> Callable[[Stacks], None]:
    """A stack between cluster and serving with Karpenter's pools, and an endpoint in its own."""

    def edit(stacks: Stacks) -> None:
        serving = stacks.pop("serving")
        release = {
            "name": "karpenter-pools",
            "chart": "karpenter-pools",
            "repository": "https://charts.example.com",
            "version": "0.1.0",
            "namespace": "karpenter",
            "create_namespace": True,
            "values": [json.dumps({"pools": [{"name": name} for name in pools]})],
            "//": {"llminfra": {"spec_path": "pools"}},
        }
        stacks["platform"] = {**copy.deepcopy(serving), "resource": {"helm_release": {"karpenter-pools": release}}}
        stacks["platform"]["terraform"]["backend"]["s3"]["key"] = "demo/platform.tfstate"
        stacks["serving"] = serving
        serving["resource"]["helm_release"]["web"]["values"] = [f"replicas: {replicas}\n"]

    return edit


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("pools", "order", "told"),
    [
        (("l40s",), ["serving", "platform"], []),
        (("l40s", "l4", "h100"), ["platform", "serving"], []),
        (
            ("l40s", "h100"),
            ["platform", "serving"],
            ["a pool of helm_release.karpenter-pools goes before serving was changed"],
        ),
    ],
    ids=["goes after its endpoint left", "comes before", "another one comes and it goes"],
)
def test_a_pool_of_karpenter_goes_as_a_node_group_does(
    tmp_path: Path, pools: tuple[str, ...], order: list[str], told: list[str]
) -> None:
    old = write_synthesis(tmp_path / "old", _with_pools("l4", "l40s", replicas=2))
    report = rehearse_change(old, write_synthesis(tmp_path / "new", _with_pools(*pools, replicas=3)))
    assert report.converged, [str(item) for item in report.findings]
    assert [step.stack for step in report.order] == order
    assert [item.summary for item in report.findings if "goes before" in item.summary] == told
