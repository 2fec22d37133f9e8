"""The serving chart, object by object; each test is a defect of a chart that people use today."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.charts.llm_server import (
    Autoscaling,
    Drain,
    Fallback,
    LlmServerValues,
    Probe,
    Probes,
    QueueTrigger,
    Resources,
    Rollout,
    Security,
)
from tests.charts.conftest import Render
from tests.charts.objects import engine, env_of, of_kind, one, pod_specs
from tests.charts.server_samples import (
    HTTP_PROBES,
    autoscaled,
    multi_node,
    overflow,
    single_node,
    with_overflow,
)

SAMPLES = [single_node, autoscaled, multi_node, overflow]


@pytest.mark.parametrize("sample", SAMPLES)
def test_service_links_are_off(render_chart: Render, sample: Any) -> None:
    for spec in pod_specs(render_chart("llm-server", sample())):
        assert spec["enableServiceLinks"] is False
        assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize("sample", SAMPLES)
def test_shm_is_always_there_and_sized(render_chart: Render, sample: Any) -> None:
    """production-stack mounts it only if a tensor-parallel key exists."""
    for spec in pod_specs(render_chart("llm-server", sample())):
        volume = next(item for item in spec["volumes"] if item["name"] == "shm")
        assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": f"{sample().shm_mib}Mi"}
        assert {"name": "shm", "mountPath": "/dev/shm"} in engine(spec)["volumeMounts"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_every_empty_dir_has_a_size_limit(render_chart: Render, sample: Any) -> None:
    for spec in pod_specs(render_chart("llm-server", sample())):
        for volume in spec["volumes"]:
            assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})
        assert "ephemeral-storage" in engine(spec)["resources"]["requests"]


@pytest.mark.parametrize("sample", SAMPLES)
def test_three_probes_and_the_startup_probe_holds_the_others_back(render_chart: Render, sample: Any) -> None:
    """A liveness probe with an initial delay instead kills a model that loads longer."""
    for spec in pod_specs(render_chart("llm-server", sample())):
        container = engine(spec)
        budget = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
        assert budget >= 600
        assert "initialDelaySeconds" not in container["livenessProbe"]


def test_slow_health_endpoints_keep_their_timeout(render_chart: Render) -> None:
    """SGLang's /health takes seconds; Kubernetes' default of one second fails it."""
    slow = Probe(path="/health", period_seconds=30, timeout_seconds=25, failure_threshold=30)
    values = single_node().replace(probes=Probes(startup=slow, readiness=slow, liveness=slow))
    container = engine(pod_specs(render_chart("llm-server", values))[0])
    assert [container[f"{name}Probe"]["timeoutSeconds"] for name in ("startup", "readiness", "liveness")] == [25] * 3


def test_probe_can_use_another_port(render_chart: Render) -> None:
    other = Probe(path="/readyz", port=8008, period_seconds=5, timeout_seconds=5, failure_threshold=3)
    values = single_node().replace(probes=HTTP_PROBES.replace(readiness=other))
    container = engine(pod_specs(render_chart("llm-server", values))[0])
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": 8008}


def test_caches_are_writable_for_a_user_that_is_not_root(render_chart: Render) -> None:
    spec = pod_specs(render_chart("llm-server", autoscaled()))[0]
    env = env_of(engine(spec))
    assert env["HOME"]["value"] == "/var/cache/llm"
    assert env["USER"]["value"] == "vllm"
    for name in ("HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME"):
        assert env[name]["value"].startswith("/var/cache/llm/")
    assert spec["securityContext"]["fsGroup"] == 1000
    assert spec["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"


def test_the_user_name_can_be_given(render_chart: Render) -> None:
    values = single_node().replace(env={"USER": "me"})
    container = engine(pod_specs(render_chart("llm-server", values))[0])
    assert [item["value"] for item in container["env"] if item["name"] == "USER"] == ["me"]


def test_gpus_and_memory_are_the_same_in_requests_and_limits(render_chart: Render) -> None:
    resources = engine(pod_specs(render_chart("llm-server", autoscaled()))[0])["resources"]
    assert resources["requests"].pop("cpu") == "180500m"
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["nvidia.com/gpu"] == "8"


def test_large_numbers_are_not_in_exponent_form(render_chart: Render) -> None:
    """Helm reads every number as a float: 2 TiB in MiB would become 2.097152e+06."""
    values = single_node().replace(
        resources=Resources(cpu_millis=1_920_000, memory_mib=2_097_152, ephemeral_storage_gib=30_000, gpus=8),
        shm_mib=1_048_576,
    )
    container = engine(pod_specs(render_chart("llm-server", values))[0])
    assert container["resources"]["requests"]["cpu"] == "1920000m"
    assert container["resources"]["limits"]["memory"] == "2097152Mi"
    big_id = single_node().replace(security=Security(run_as_user=1_000_660_000, run_as_group=1_000_660_000))
    assert pod_specs(render_chart("llm-server", big_id))[0]["securityContext"]["runAsUser"] == 1_000_660_000


def test_rollout_without_spare_gpus(render_chart: Render) -> None:
    spec = one(render_chart("llm-server", single_node()), "Deployment")["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}
    assert spec["progressDeadlineSeconds"] > 900
    recreate = single_node().replace(rollout=Rollout(strategy="Recreate", progress_deadline_seconds=1200))
    assert one(render_chart("llm-server", recreate), "Deployment")["spec"]["strategy"] == {"type": "Recreate"}


def test_progress_deadline_outlasts_startup() -> None:
    with pytest.raises(ValidationError, match="startup budget of 900 s"):
        single_node().replace(rollout=Rollout(progress_deadline_seconds=900))


def test_a_rollout_that_can_never_start() -> None:
    with pytest.raises(ValidationError, match="could never start"):
        Rollout(max_surge=0, max_unavailable=0, progress_deadline_seconds=10)


def test_drain(render_chart: Render) -> None:
    spec = pod_specs(render_chart("llm-server", single_node()))[0]
    assert engine(spec)["lifecycle"] == {"preStop": {"sleep": {"seconds": 15}}}
    assert spec["terminationGracePeriodSeconds"] > 15 + 60


def test_grace_is_longer_than_the_drain() -> None:
    with pytest.raises(ValidationError, match="requests would be cut off"):
        Drain(pre_stop_sleep_seconds=15, engine_drain_seconds=45, termination_grace_period_seconds=60)


def test_workers_outlive_the_drain_of_their_leader(render_chart: Render) -> None:
    leader, worker = pod_specs(render_chart("llm-server", multi_node()))
    assert engine(leader)["lifecycle"]["preStop"]["sleep"]["seconds"] == 15
    assert engine(worker)["lifecycle"]["preStop"]["sleep"]["seconds"] == 15 + 60
    assert worker["terminationGracePeriodSeconds"] > 75


def test_leader_and_workers_have_the_same_fabric(render_chart: Render) -> None:
    """ai-on-eks renders EFA on the workers only."""
    leader, worker = pod_specs(render_chart("llm-server", multi_node()))
    assert engine(leader)["resources"]["limits"]["vpc.amazonaws.com/efa"] == "32"
    assert engine(leader)["resources"]["limits"]["hugepages-2Mi"] == "5120Mi"
    role_specific = {"command", "args", "ports", "startupProbe", "readinessProbe", "livenessProbe", "lifecycle"}
    same = [{k: v for k, v in engine(spec).items() if k not in role_specific} for spec in (leader, worker)]
    assert same[0] == same[1]
    assert {k: v for k, v in leader.items() if k != "containers"} == {
        k: v for k, v in worker.items() if k != "containers"
    }


def test_headless_workers_are_probed_by_command(render_chart: Render) -> None:
    _, worker = pod_specs(render_chart("llm-server", multi_node()))
    container = engine(worker)
    assert "httpGet" not in container["startupProbe"]
    assert "LWS_LEADER_ADDRESS" in container["livenessProbe"]["exec"]["command"][-1]
    assert "readinessProbe" not in container
    assert "ports" not in container


def test_the_set_does_not_take_the_name_of_the_service(render_chart: Render) -> None:
    """The controller makes a headless Service of the set's name."""
    objects = render_chart("llm-server", multi_node())
    service, group = one(objects, "Service"), one(objects, "LeaderWorkerSet")
    assert service["metadata"]["name"] == "r1"
    assert group["metadata"]["name"] == "r1-lws"
    labels = group["spec"]["leaderWorkerTemplate"]["leaderTemplate"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()
    worker_labels = group["spec"]["leaderWorkerTemplate"]["workerTemplate"]["metadata"]["labels"]
    assert not service["spec"]["selector"].items() <= worker_labels.items()


def test_startup_policy_does_not_wait_for_a_leader_that_waits(render_chart: Render) -> None:
    spec = one(render_chart("llm-server", multi_node()), "LeaderWorkerSet")["spec"]
    assert spec["startupPolicy"] == "LeaderCreated"
    assert spec["leaderWorkerTemplate"]["restartPolicy"] == "RecreateGroupOnPodRestart"


def test_autoscaler(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    spec = one(objects, "ScaledObject")["spec"]
    trigger = spec["triggers"][0]["metadata"]
    assert trigger["ignoreNullValues"] == "false"
    assert "metricName" not in trigger
    assert 'model_name="chat"' in trigger["query"]
    assert all(isinstance(value, str) for value in trigger.values())
    assert spec["fallback"]["replicas"] == 2
    assert spec["scaleTargetRef"]["name"] == one(objects, "Deployment")["metadata"]["name"]


def test_a_release_does_not_undo_the_autoscaler(render_chart: Render) -> None:
    assert "replicas" not in one(render_chart("llm-server", autoscaled()), "Deployment")["spec"]
    assert one(render_chart("llm-server", single_node()), "Deployment")["spec"]["replicas"] == 1


def test_autoscaler_of_a_group(render_chart: Render) -> None:
    values = multi_node().replace(autoscaling=autoscaled().autoscaling)
    objects = render_chart("llm-server", values)
    target = one(objects, "ScaledObject")["spec"]["scaleTargetRef"]
    group = one(objects, "LeaderWorkerSet")
    assert target == {"apiVersion": group["apiVersion"], "kind": group["kind"], "name": group["metadata"]["name"]}
    assert "replicas" not in group["spec"]


def test_scale_to_zero_needs_a_metric_that_exists_at_zero() -> None:
    triggers = autoscaled().autoscaling.triggers
    with pytest.raises(ValidationError, match="nothing could wake"):
        Autoscaling(min_replicas=0, max_replicas=2, fallback=Fallback(replicas=1), triggers=triggers)
    waking = [triggers[0].replace(wakes_from_zero=True)]
    assert not Autoscaling(min_replicas=0, max_replicas=2, fallback=Fallback(replicas=1), triggers=waking).min_replicas


def test_a_queue_wakes_from_zero_and_is_asked_with_the_role_of_keda(render_chart: Render) -> None:
    url = "https://sqs.us-east-1.amazonaws.com/111122223333/acme-async-documents"
    queue = QueueTrigger(name="queued", queue_url=url, region="us-east-1", queue_length=5, in_flight=False)
    scaling = Autoscaling(min_replicas=0, max_replicas=2, fallback=Fallback(replicas=1), queue_triggers=[queue])
    objects = render_chart("llm-server", autoscaled().replace(autoscaling=scaling))
    (trigger,) = one(objects, "ScaledObject")["spec"]["triggers"]
    assert trigger["metadata"]["queueURL"] == url
    assert (trigger["metadata"]["queueLength"], trigger["metadata"]["scaleOnInFlight"]) == ("5", "false")
    identity = one(objects, "TriggerAuthentication")
    assert identity["metadata"]["name"] == trigger["authenticationRef"]["name"]
    assert identity["spec"]["podIdentity"] == {"provider": "aws", "identityOwner": "keda"}
    with pytest.raises(ValidationError, match="nothing to scale on"):
        Autoscaling(min_replicas=1, max_replicas=2, fallback=Fallback(replicas=1))


def test_volumes_are_static_and_nobody_else_can_claim_them(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    lustre, bucket = of_kind(objects, "PersistentVolume")
    assert lustre["spec"]["csi"]["driver"] == "fsx.csi.aws.com"
    assert lustre["spec"]["csi"]["volumeAttributes"] == {
        "dnsname": "fs-0123456789abcdef0.fsx.us-east-1.amazonaws.com",
        "mountname": "abcdefgh",
    }
    assert lustre["spec"]["mountOptions"] == ["flock"]
    assert {"read-only", "prefix adapters/", "uid=1000"} <= set(bucket["spec"]["mountOptions"])
    assert lustre["spec"]["csi"]["volumeHandle"] != bucket["spec"]["csi"]["volumeHandle"]
    for volume, claim in zip((lustre, bucket), of_kind(objects, "PersistentVolumeClaim"), strict=True):
        assert volume["spec"]["storageClassName"] == claim["spec"]["storageClassName"] == ""
        assert volume["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
        assert volume["spec"]["claimRef"]["name"] == claim["metadata"]["name"]
        assert claim["spec"]["volumeName"] == volume["metadata"]["name"]
        assert claim["spec"]["accessModes"] == volume["spec"]["accessModes"]


def test_a_chart_upgrade_alone_restarts_nothing(render_chart: Render) -> None:
    template = one(render_chart("llm-server", single_node()), "Deployment")["spec"]["template"]
    assert not any("chart" in key for key in template["metadata"]["labels"])
    reworded = single_node().replace(annotations={"llminfra.io/startup-budget": "other words"})
    assert one(render_chart("llm-server", reworded), "Deployment")["spec"]["template"] == template


def test_karpenter_leaves_a_loading_model_alone(render_chart: Render) -> None:
    template = one(render_chart("llm-server", single_node()), "Deployment")["spec"]["template"]
    assert template["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "true"


def test_a_pod_whose_node_may_be_taken_back_drains_once_it_has_loaded(render_chart: Render) -> None:
    """Karpenter does not evict a pod while the annotation holds, not even when EC2 takes its node back."""
    values = single_node()
    short = values.replace(scheduling=values.scheduling.replace(protected_seconds=900))
    template = one(render_chart("llm-server", short), "Deployment")["spec"]["template"]
    assert template["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] == "900s"


def test_tolerations_of_the_pool(render_chart: Render) -> None:
    spec = pod_specs(render_chart("llm-server", single_node()))[0]
    assert spec["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    ]
    assert spec["nodeSelector"] == {"llminfra.io/pool": "l4"}


@pytest.mark.parametrize("name", ["on", "no", "yes", "y", "null", "true", "e1", "off"])
def test_names_that_yaml_would_read_as_something_else(render_chart: Render, name: str) -> None:
    values = single_node().replace(
        name=name,
        service_account=single_node().service_account.replace(name=name),
        env={name: "yes"},
        secret_env=autoscaled().secret_env,
    )
    objects = render_chart("llm-server", values)
    assert one(objects, "Service")["metadata"]["name"] == name
    assert one(objects, "ServiceAccount")["metadata"]["name"] == name
    assert env_of(engine(pod_specs(objects)[0]))[name]["value"] == "yes"


def test_one_service_has_the_pods_of_both_releases_and_each_workload_its_own(render_chart: Render) -> None:
    """Two Deployments whose selectors overlap would count each other's pods."""
    base, beyond = (render_chart("llm-server", sample()) for sample in (with_overflow, overflow))
    deployments = [one(objects, "Deployment") for objects in (base, beyond)]
    labels = [item["spec"]["template"]["metadata"]["labels"].items() for item in deployments]
    called = one(base, "Service")["spec"]["selector"].items()
    assert [called <= each for each in labels] == [True, True]
    assert of_kind(beyond, "Service") == of_kind(beyond, "ServiceMonitor") == []
    # To add an overflow changes nothing that selects or restarts the pods that are there.
    alone = one(render_chart("llm-server", single_node()), "Deployment")
    assert deployments[0] == alone
    for objects, own, other in ((base, *labels), (beyond, *reversed(labels))):
        selecting = [one(objects, "Deployment")["spec"]["selector"]["matchLabels"]]
        selecting += [item["spec"]["selector"]["matchLabels"] for item in of_kind(objects, "PodDisruptionBudget")]
        selecting.append(one(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"])
        assert all(each.items() <= own and not each.items() <= other for each in selecting)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"overflow_of": "chat", "has_overflow": True}, "in its own release"),
        ({"shm_mib": 24576}, "not less than the pod's memory"),
        ({"resources": Resources(cpu_millis=1, memory_mib=24576, ephemeral_storage_gib=20)}, "would be evicted"),
        ({"field_env": {"HOME": "status.podIP"}}, "environment variable used more than once: HOME"),
        ({"caches": [single_node().caches[0], single_node().caches[0].replace(env={})]}, "volume name used more"),
        ({"name": "a" * 46}, "at most 45"),
        ({"nonsense": 1}, "Extra inputs"),
    ],
)
def test_impossible_values_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        single_node().replace(**change)


def test_probe_has_one_handler() -> None:
    numbers = {"period_seconds": 1, "timeout_seconds": 1, "failure_threshold": 1}
    for handlers in ({}, {"path": "/health", "command": ["true"]}):
        with pytest.raises(ValidationError, match="either a path"):
            Probe.model_validate({**numbers, **handlers})


def test_values_are_camel_case_and_hold_no_null() -> None:
    values = LlmServerValues.to_values(autoscaled())
    text = str(values)
    assert "None" not in text
    assert values["resources"] == {
        "cpuMillis": 180_500,
        "memoryMib": 1_900_000,
        "ephemeralStorageGib": 400,
        "gpus": 8,
        "gpuResource": "nvidia.com/gpu",
        "efaInterfaces": 0,
        "hugePagesMib": 0,
    }
