"""Whatever is combined: values that the type accepts render to objects that Kubernetes accepts."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llminfra.assets import chart_dir
from llminfra.charts.llm_server import (
    ClaimVolume,
    Disruption,
    LlmServerValues,
    Metrics,
    NetworkPolicy,
    Rollout,
    Scheduling,
    Security,
    ServiceAccount,
    ServiceMonitor,
    TopologySpread,
)
from llminfra.helm.render import render
from llminfra.helm.validate import validate_objects
from tests.charts.objects import engine, env_of, pod_specs
from tests.charts.server_samples import autoscaled, multi_node, single_node
from tests.helpers.tools import require_helm

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn")), max_size=20)
LABEL = st.from_regex(r"[a-z]([-a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)
CLAIM = ClaimVolume(name="claimed", mount_path="/claimed", claim_name="shared", read_only=False)
BASES = st.sampled_from([single_node(), autoscaled(), multi_node()])


@st.composite
def endpoints(draw: st.DrawFn) -> LlmServerValues:
    base = draw(BASES)
    volumes = autoscaled().volumes
    return base.replace(
        name=draw(LABEL),
        labels=draw(st.dictionaries(LABEL, LABEL, max_size=2)),
        annotations=draw(st.dictionaries(LABEL.map("example.com/{}".format), TEXT, max_size=2)),
        args=draw(st.lists(TEXT, max_size=3)),
        env=draw(st.dictionaries(st.from_regex(r"[A-Z]{1,8}_X", fullmatch=True), TEXT, max_size=3)),
        metrics=draw(st.sampled_from([None, Metrics(port=8000), Metrics(port=9090)])),
        replicas=draw(st.integers(0, 3)),
        volumes=draw(st.lists(st.sampled_from([*volumes, CLAIM]), unique_by=lambda item: item.name)),
        rollout=draw(
            st.sampled_from(
                [
                    Rollout(strategy="Recreate", progress_deadline_seconds=3600),
                    Rollout(max_surge=1, max_unavailable=0, progress_deadline_seconds=3600, min_ready_seconds=10),
                ]
            )
        ),
        scheduling=draw(
            st.sampled_from(
                [
                    Scheduling(do_not_disrupt=False),
                    Scheduling(
                        topology_spread=[TopologySpread(topology_key="topology.kubernetes.io/zone")],
                        runtime_class_name="nvidia",
                        priority_class_name="high",
                    ),
                ]
            )
        ),
        security=draw(
            st.sampled_from(
                [
                    Security(read_only_root_filesystem=True),
                    Security(run_as_user=0, run_as_group=0, run_as_root_reason="the image runs as root only"),
                    Security(privileged_reason="NIXL registers GPU memory with the card"),
                ]
            )
        ),
        service_account=ServiceAccount(
            name=draw(LABEL), role_arn=draw(st.sampled_from([None, "arn:aws:iam::1:role/r"]))
        ),
        network_policy=draw(
            st.builds(
                lambda same, dns, names: NetworkPolicy(
                    from_same_namespace=same,
                    egress_dns=dns,
                    from_namespaces=names,
                    metrics_from_namespaces=names,
                    peer_endpoints=names,
                ),
                st.booleans(),
                st.booleans(),
                st.lists(LABEL, max_size=2, unique=True),
            )
        ),
        disruption=draw(st.sampled_from([None, Disruption(max_unavailable=0)])),
        service_monitor=draw(st.sampled_from([None, ServiceMonitor()])),
        autoscaling=draw(st.sampled_from([None, autoscaled().autoscaling])),
    )


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(endpoints())
def test_any_combination_is_valid(values: LlmServerValues) -> None:
    require_helm()
    objects = render(chart_dir("llm-server"), values.to_values(), release="r", namespace="llm")
    assert [str(problem) for problem in validate_objects(objects)] == []
    kinds = [item["kind"] for item in objects]
    assert kinds.count("ServiceMonitor") == (values.service_monitor is not None and values.metrics is not None)
    assert kinds.count("ScaledObject") == (values.autoscaling is not None)
    assert kinds.count("PodDisruptionBudget") == (values.disruption is not None)
    assert kinds.count("LeaderWorkerSet") + kinds.count("Deployment") == 1
    for spec in pod_specs(objects):
        env = env_of(engine(spec))
        assert {name: env[name]["value"] for name in values.env} == values.env
    assert engine(pod_specs(objects)[0]).get("args", []) == values.args
    again = LlmServerValues.model_validate(values.to_values())
    assert again == values
