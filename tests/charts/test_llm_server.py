"""The serving chart, object by object; each test is a defect of a chart that people use today."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from llminfra.assets import chart_dir
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
    ServiceMonitor,
)
from llminfra.diagnostics import ToolError
from llminfra.helm.render import render
from tests.charts.conftest import Render
from tests.charts.objects import engine, env_of, of_kind, one, pod_specs
from tests.charts.samples import HTTP_PROBES, autoscaled, multi_node, single_node

SAMPLES = [single_node, autoscaled, multi_node]


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


@pytest.mark.parametrize("sample", [single_node, autoscaled])
def test_restricted_pod_security(render_chart: Render, sample: Any) -> None:
    assert sample().pod_security_level == "restricted"
    spec = pod_specs(render_chart("llm-server", sample()))[0]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = engine(spec)["securityContext"]
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert "privileged" not in context


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


def test_privileges_are_recorded_with_their_reason(render_chart: Render) -> None:
    values = multi_node()
    assert values.pod_security_level == "privileged"
    objects = render_chart("llm-server", values)
    notes = one(objects, "LeaderWorkerSet")["metadata"]["annotations"]
    assert "locks the memory" in notes["llminfra.io/waiver.ipc-lock"]
    assert "ambient" in notes["llminfra.io/waiver.run-as-root"]
    for spec in pod_specs(objects):
        assert engine(spec)["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["IPC_LOCK"]}


def test_privileged_container(render_chart: Render) -> None:
    security = Security(privileged_reason="NIXL registers GPU memory with the network card")
    objects = render_chart("llm-server", single_node().replace(security=security))
    context = engine(pod_specs(objects)[0])["securityContext"]
    assert context["privileged"] is True
    assert "allowPrivilegeEscalation" not in context
    assert "llminfra.io/waiver.privileged" in one(objects, "Deployment")["metadata"]["annotations"]


def test_root_needs_a_reason() -> None:
    with pytest.raises(ValidationError, match="run_as_root_reason"):
        Security(run_as_user=0)


@pytest.mark.parametrize(
    ("security", "level"),
    [
        (Security(), "restricted"),
        (Security(capabilities={"NET_BIND_SERVICE": "serves on port 80"}), "restricted"),
        (Security(capabilities={"CHOWN": "changes owners at start"}), "baseline"),
        (Security(run_as_user=0, run_as_root_reason="the image runs as root only"), "baseline"),
        (Security(capabilities={"IPC_LOCK": "locks memory for EFA"}), "privileged"),
        (Security(privileged_reason="NIXL registers GPU memory"), "privileged"),
    ],
)
def test_pod_security_level(security: Security, level: str) -> None:
    assert security.pod_security_level == level


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
    assert group["metadata"]["name"] == multi_node().workload_name == "r1-lws"
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


def test_network_policy_denies_by_default(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    spec = one(objects, "NetworkPolicy")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    for rule in spec["ingress"] + spec["egress"]:
        assert rule.get("from") or rule.get("to"), "a rule without peers admits everybody"
    scraped = [rule for rule in spec["ingress"] if rule.get("ports") == [{"port": 9090, "protocol": "TCP"}]]
    namespace = scraped[0]["from"][0]["namespaceSelector"]["matchLabels"]
    assert namespace == {"kubernetes.io/metadata.name": "monitoring"}
    served = [rule for rule in spec["ingress"] if rule.get("ports") == [{"port": 8000, "protocol": "TCP"}]]
    assert served[0]["from"] == [{"podSelector": {}}]


def test_network_policy_without_callers_still_denies(render_chart: Render) -> None:
    closed = single_node().network_policy.replace(from_same_namespace=False, metrics_from_namespaces=[], egress=[])
    spec = one(render_chart("llm-server", single_node().replace(network_policy=closed)), "NetworkPolicy")["spec"]
    assert len(spec["ingress"]) == 1
    own = spec["ingress"][0]["from"]
    assert own == [{"podSelector": spec["podSelector"]}]


def test_a_load_balancer_reaches_pods_by_address(render_chart: Render) -> None:
    policy = single_node().network_policy.replace(from_cidrs=["10.20.0.0/16"], from_same_namespace=False)
    spec = one(render_chart("llm-server", single_node().replace(network_policy=policy)), "NetworkPolicy")["spec"]
    assert spec["ingress"][1] == {
        "from": [{"ipBlock": {"cidr": "10.20.0.0/16"}}],
        "ports": [{"port": 8000, "protocol": "TCP"}],
    }


def test_a_scrape_longer_than_its_interval() -> None:
    with pytest.raises(ValidationError, match="refuses the whole monitor"):
        ServiceMonitor(interval_seconds=5, scrape_timeout_seconds=10)


def test_prefill_and_decode_reach_each_other(render_chart: Render) -> None:
    policy = single_node().network_policy.replace(peer_endpoints=["decode"])
    spec = one(render_chart("llm-server", single_node().replace(network_policy=policy)), "NetworkPolicy")["spec"]
    for rules, key in ((spec["ingress"], "from"), (spec["egress"], "to")):
        peers = [peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] for peer in rules[0][key]]
        assert peers == ["chat", "decode"]


def test_service_is_internal_and_its_ports_are_named(render_chart: Render) -> None:
    service = one(render_chart("llm-server", autoscaled()), "Service")["spec"]
    assert service["type"] == "ClusterIP"
    assert {port["name"]: port["port"] for port in service["ports"]} == {"http": 8000, "metrics": 9090}


def test_service_monitor_finds_the_service(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    monitor, service = one(objects, "ServiceMonitor"), one(objects, "Service")
    selected = monitor["spec"]["selector"]["matchLabels"]
    assert selected.items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "monitoring"
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_metrics_on_the_serving_port(render_chart: Render) -> None:
    values = single_node().replace(service_monitor=autoscaled().service_monitor)
    objects = render_chart("llm-server", values)
    assert one(objects, "ServiceMonitor")["spec"]["endpoints"][0]["port"] == "http"
    assert [port["name"] for port in one(objects, "Service")["spec"]["ports"]] == ["http"]


def test_identity(render_chart: Render) -> None:
    irsa = one(render_chart("llm-server", autoscaled()), "ServiceAccount")
    assert irsa["metadata"]["annotations"]["eks.amazonaws.com/role-arn"].endswith("role/acme-chat")
    pod_identity = one(render_chart("llm-server", single_node()), "ServiceAccount")
    assert "annotations" not in pod_identity["metadata"]


def test_secrets_are_references(render_chart: Render) -> None:
    objects = render_chart("llm-server", autoscaled())
    token = env_of(engine(pod_specs(objects)[0]))["HF_TOKEN"]
    assert token["valueFrom"]["secretKeyRef"] == {"name": "hf-token", "key": "token"}
    assert "value" not in token
    secret = one(objects, "ExternalSecret")
    assert secret["apiVersion"] == "external-secrets.io/v1"
    assert secret["spec"]["target"]["name"] == "hf-token"
    assert not of_kind(objects, "Secret")


@pytest.mark.parametrize(
    "change",
    [
        {"env": {"HF_TOKEN": "anything"}},
        {"env": {"HUGGING_FACE_HUB_TOKEN": "anything"}},
        {"env": {"VLLM_API_KEY": "anything"}},
        {"env": {"SOMETHING": "hf_abcdefghijklmnopqrstuvwxyz0123"}},
        {"args": ["--api-key", "s3cret"]},
        {"args": ["--api-key=s3cret"]},
        {"command": ["sh", "-c", "HF_TOKEN=hf_abcdefghijklmnopqrstuvwxyz0123 vllm serve"]},
    ],
)
def test_literal_secrets_are_refused_and_not_repeated(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        single_node().replace(**change)
    assert "secret" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "hf_abc" not in str(caught.value)


def test_the_chart_itself_refuses_a_literal_token(render_chart: Render) -> None:
    values = {**single_node().to_values(), "env": {"HF_TOKEN": "anything"}}
    with pytest.raises(ToolError, match="HF_TOKEN"):
        render(chart_dir("llm-server"), values, release="r", namespace="llm")


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
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
