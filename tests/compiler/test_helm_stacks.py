"""Platform and serving: which releases are there, in which order, with which values."""

import json

import pytest
from msgspec.structs import replace

from llminfra import VLLM, CapacityBlock, Endpoint, Model
from llminfra.catalog.charts import chart_pin, unknown_keys
from llminfra.charts.registry import IN_REPO_CHARTS
from llminfra.compiler.stacks.serving import timeout_s
from llminfra.engines.invocation import Probe
from llminfra.planning.plan.infrastructure import NetworkPlan
from tests.compiler import plans


@pytest.fixture(scope="module")
def releases(stacks):
    return stacks["platform"]["resource"]["helm_release"]


@pytest.fixture(scope="module")
def endpoints(stacks):
    return stacks["serving"]["resource"]["helm_release"]


def _values(release):
    (text,) = release["values"]
    return json.loads(text)


def test_every_upstream_chart_is_at_its_pin(releases):
    for name, release in releases.items():
        if name in IN_REPO_CHARTS:
            assert release["chart"] == f"./charts/{name}"
            assert "repository" not in release
        else:
            pin = chart_pin(name)
            assert (release["repository"], release["version"]) == (pin.repository, pin.version)


def test_every_value_is_known_to_its_chart(releases):
    for name, release in releases.items():
        if name not in IN_REPO_CHARTS and "values" in release:
            assert unknown_keys(name, _values(release)) == ()


def test_what_is_installed_follows_from_the_plan(releases):
    assert set(releases) == {
        *("cluster-base", "kube-prometheus-stack", "karpenter-crd", "karpenter", "karpenter-pools"),
        *("nvidia-device-plugin", "aws-efa-k8s-device-plugin", "dcgm-exporter", "keda"),
        *("aws-fsx-csi-driver", "external-secrets", "cluster-secrets", "llm-observability"),
    }


def test_nothing_that_nobody_needs_is_installed(synth):
    plan = plans.plan(
        platform=plans.platform_spec(observability=None), pools=(plans.l40s_pool(),), buckets=(), lustre=()
    )
    stacks = synth(plan)
    assert set(stacks["platform"]["resource"]["helm_release"]) == {
        *("cluster-base", "karpenter-crd", "karpenter", "karpenter-pools", "nvidia-device-plugin"),
    }
    assert "serving" not in stacks


def test_order_follows_crds_namespaces_and_identities(releases):
    assert releases["karpenter-pools"]["depends_on"] == ["helm_release.karpenter"]
    assert "helm_release.karpenter-crd" in releases["karpenter"]["depends_on"]
    assert "helm_release.kube-prometheus-stack" in releases["karpenter"]["depends_on"]
    assert "terraform_data.external-secrets" in releases["external-secrets"]["depends_on"]
    assert releases["cluster-secrets"]["depends_on"] == ["helm_release.external-secrets"]
    for name, release in releases.items():
        assert name == "cluster-base" or release["depends_on"]


def test_daemonsets_tolerate_the_taints_of_the_pools(releases):
    wanted = {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
    for name in ("nvidia-device-plugin", "aws-efa-k8s-device-plugin", "dcgm-exporter"):
        assert wanted in _values(releases[name])["tolerations"]
    everything = [{"operator": "Exists", "effect": effect} for effect in ("NoSchedule", "NoExecute")]
    assert _values(releases["kube-prometheus-stack"])["prometheus-node-exporter"]["tolerations"] == everything


def test_the_device_plugin_leaves_efa_alone(releases):
    assert _values(releases["nvidia-device-plugin"])["mofedEnabled"] is False


def test_the_efa_plugin_comes_from_the_regions_registry(releases):
    image = _values(releases["aws-efa-k8s-device-plugin"])["image"]
    assert image["repository"] == "602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/aws-efa-k8s-device-plugin"


def test_karpenter_pools_name_subnets_groups_and_a_pinned_image(releases):
    (pool,) = _values(releases["karpenter-pools"])["pools"]
    assert pool["name"] == "l40s"
    assert pool["amiAlias"] == "al2023@v20260903"
    assert pool["subnetIds"] == [
        "${data.terraform_remote_state.network.outputs.private_subnet_us-east-1a}",
        "${data.terraform_remote_state.network.outputs.private_subnet_us-east-1b}",
    ]
    assert pool["instanceProfile"] == "${data.terraform_remote_state.cluster.outputs.karpenter_node_profile}"
    assert pool["capacityTypes"] == ["spot", "on-demand"]
    assert pool["limits"] == {"nodes": 8, "nvidia.com/gpu": 32}
    assert pool["disruption"]["consolidationPolicy"] == "WhenEmpty"
    assert json.loads(pool["userData"])["spec"]["featureGates"] == {"FastImagePull": True}


def test_a_karpenter_pool_with_efa_has_cards_groups_and_reservations(synth):
    pool = replace(plans.h100_pool(), provisioner="karpenter")
    release = synth(plans.plan(pools=(pool,), buckets=(), lustre=()))["platform"]["resource"]["helm_release"]
    (values,) = _values(release["karpenter-pools"])["pools"]
    assert len(values["networkInterfaces"]) == 33
    assert values["capacityReservationIds"] == ["cr-0123456789abcdef0"]
    assert values["securityGroupIds"][1] == "${data.terraform_remote_state.cluster.outputs.efa_security_group_h100}"


def test_karpenter_asks_for_no_prices_in_a_closed_network(synth):
    network: NetworkPlan = plans.network_plan(
        nat="none", subnets=tuple(item for item in plans.network_plan().subnets if item.kind == "private")
    )
    release = synth(plans.plan(network=network, buckets=(), lustre=()))["platform"]["resource"]["helm_release"]
    assert _values(release["karpenter"])["settings"]["isolatedVPC"] is True


def test_with_irsa_service_accounts_carry_roles(synth):
    plan = plans.plan(plans.assistant(), cluster=plans.cluster_plan(identity="irsa"))
    stacks = synth(plan)
    releases = stacks["platform"]["resource"]["helm_release"]
    annotations = _values(releases["external-secrets"])["serviceAccount"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": "${aws_iam_role.external-secrets.arn}"}
    karpenter = _values(releases["karpenter"])["serviceAccount"]["annotations"]
    assert karpenter == {
        "eks.amazonaws.com/role-arn": "${data.terraform_remote_state.cluster.outputs.karpenter_role_arn}"
    }
    endpoint = _values(stacks["serving"]["resource"]["helm_release"]["assistant"])
    assert endpoint["serviceAccount"]["roleArn"] == "${aws_iam_role.endpoint-assistant.arn}"
    assert not {"aws_eks_pod_identity_association", "terraform_data"} & set(stacks["serving"]["resource"])


def test_the_cluster_autoscaler_replaces_karpenter(synth):
    pool = replace(plans.h100_pool(), provisioner="cluster-autoscaler")
    plan = plans.plan(pools=(pool,), cluster=plans.cluster_plan(autoscaler="cluster-autoscaler"), buckets=(), lustre=())
    platform = synth(plan)["platform"]
    assert "karpenter" not in platform["resource"]["helm_release"]
    release = platform["resource"]["helm_release"]["cluster-autoscaler"]
    assert unknown_keys("cluster-autoscaler", _values(release)) == ()
    resize = platform["data"]["aws_iam_policy_document"]["cluster-autoscaler-resize"]["statement"][0]
    assert resize["condition"][0]["variable"] == "aws:ResourceTag/k8s.io/cluster-autoscaler/acme"


def test_pods_come_when_eks_knows_their_identity(stacks):
    """The webhook looks at a pod once: one that comes a second after its association never gets credentials."""
    for stack in (stacks["platform"]["resource"], stacks["serving"]["resource"]):
        waits = stack["terraform_data"]
        assert set(waits) == set(stack["aws_eks_pod_identity_association"])
        waiting = {after for release in stack["helm_release"].values() for after in release.get("depends_on", ())}
        for name, wait in waits.items():
            assert wait["triggers_replace"] == {
                "association": f"${{aws_eks_pod_identity_association.{name}.association_id}}"
            }
            assert wait["provisioner"] == [{"local-exec": {"command": "sleep $${LLMINFRA_SETTLE_S:-20}"}}]
            assert f"terraform_data.{name}" in waiting


def test_external_secrets_reads_only_what_is_declared(stacks):
    read, decrypt = stacks["platform"]["data"]["aws_iam_policy_document"]["external-secrets-read"]["statement"]
    secrets = [
        "arn:aws:secretsmanager:us-east-1:${data.aws_caller_identity.account.account_id}:secret:acme/hf-token-??????"
    ]
    assert read["actions"] == ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"]
    assert read["resources"] == secrets
    # A secret may lie under a customer's own key, which may be used to read it and for nothing else.
    assert decrypt["actions"] == ["kms:Decrypt"]
    (condition,) = decrypt["condition"]
    assert (condition["test"], condition["variable"]) == ("StringEquals", "kms:ViaService")
    assert condition["values"] == ["secretsmanager.us-east-1.amazonaws.com"]


def test_an_endpoint_reads_its_own_model_and_nothing_else(stacks):
    document = stacks["serving"]["data"]["aws_iam_policy_document"]["endpoint-assistant-weights"]["statement"]
    read, listing, decrypt = document
    assert read["actions"] == ["s3:GetObject"]
    (resource,) = read["resources"]
    assert resource.endswith(f"/models/Qwen/Qwen3-32B/{'0' * 40}/*")
    assert listing["condition"][0]["variable"] == "s3:prefix"
    assert decrypt["actions"] == ["kms:Decrypt"]
    assert decrypt["resources"] == ["${data.terraform_remote_state.storage.outputs.storage_key_arn}"]


def test_an_endpoint_on_lustre_has_a_volume_and_no_role(stacks, endpoints):
    assert "endpoint-chat" not in stacks["serving"]["resource"]["aws_iam_role"]
    (volume,) = _values(endpoints["chat"])["volumes"]
    assert volume["fileSystemId"] == "${data.terraform_remote_state.storage.outputs.lustre_fast_id}"
    assert _values(endpoints["chat"])["networkPolicy"]["egress"] == []


def test_secrets_are_references(endpoints):
    values = _values(endpoints["assistant"])
    assert values["secretEnv"] == [
        {"name": "HF_TOKEN", "optional": False, "secretName": "assistant-secrets", "secretKey": "HF_TOKEN"}
    ]
    (secret,) = values["externalSecrets"]
    assert secret["storeName"] == "aws-secrets-manager"
    assert secret["data"] == [{"secretKey": "HF_TOKEN", "remoteKey": "acme/hf-token"}]
    assert "HF_TOKEN" not in values["env"]


def test_scaling_asks_prometheus_for_the_engines_own_queue(endpoints):
    scaling = _values(endpoints["assistant"])["autoscaling"]
    (trigger,) = scaling["triggers"]
    assert trigger["query"] == ('sum(vllm:num_requests_waiting{namespace="llm-serving",service="assistant"})')
    assert (scaling["minReplicas"], scaling["maxReplicas"]) == (1, 6)
    assert scaling["fallback"]["replicas"] == 1
    assert "autoscaling" not in _values(endpoints["chat"])


def test_pods_go_to_their_pool_and_tolerate_its_taints(endpoints):
    scheduling = _values(endpoints["chat"])["scheduling"]
    assert scheduling["nodeSelector"] == {"llminfra.io/pool": "h100"}
    assert scheduling["tolerations"][0]["key"] == "nvidia.com/gpu"


def test_helm_waits_longer_than_the_startup_budget(endpoints):
    budget = plans.assistant().startup.budget_s
    assert endpoints["assistant"]["timeout"] > budget
    assert endpoints["assistant"]["wait"] is True


def test_pods_that_start_in_turn_get_time_each():
    one, four = timeout_s(plans.assistant(min_replicas=1)), timeout_s(plans.assistant(min_replicas=4))
    assert four - one == 3 * (600 + 150)
    assert timeout_s(plans.assistant(min_replicas=4, rollout="surge")) == one


def test_an_apply_does_not_wait_for_a_capacity_block(endpoints):
    assert isinstance(plans.H100.capacity, CapacityBlock)
    assert endpoints["chat"]["wait"] is False


def test_a_rollout_without_spare_gpus_takes_one_away_first(synth, endpoints):
    assert _values(endpoints["chat"])["rollout"]["maxSurge"] == 0
    assert _values(endpoints["chat"])["rollout"]["maxUnavailable"] == 1
    surge = synth(plans.plan(plans.chat(rollout="surge")))["serving"]["resource"]["helm_release"]["chat"]
    assert (_values(surge)["rollout"]["maxSurge"], _values(surge)["rollout"]["maxUnavailable"]) == (1, 0)


def test_a_replica_over_two_nodes_is_a_group_with_probed_workers(synth):
    worker = Probe(path=None, port=29501, period_s=10, timeout_s=10, failure_threshold=6, command=("true",))
    call = plans.invocation(worker_probe=worker, worker_args=("--headless",), added_capabilities=("IPC_LOCK",))
    resources = replace(plans.chat().resources, efa=32, gpus=8)
    plan = plans.plan(plans.chat(nodes=2, invocation=call, resources=resources))
    stacks = synth(plan)
    values = _values(stacks["serving"]["resource"]["helm_release"]["chat"])
    assert values["group"]["size"] == 2
    assert values["group"]["workerArgs"] == ["--headless"]
    assert values["group"]["workerProbes"]["startup"]["failureThreshold"] == 60
    assert values["resources"]["efaInterfaces"] == 32
    assert list(values["security"]["capabilities"]) == ["IPC_LOCK"]
    releases = stacks["platform"]["resource"]["helm_release"]
    assert "lws" in releases
    namespaces = {item["name"]: item for item in _values(releases["cluster-base"])["namespaces"]}
    assert namespaces["llm-serving"]["podSecurity"] == "privileged"
    assert "chat" in namespaces["llm-serving"]["reason"]


def test_weights_are_copied_before_the_endpoint_that_reads_them(stacks, endpoints):
    (name,) = (item for item in endpoints if item.startswith("copy-qwen3"))
    release = endpoints[name]
    assert f"helm_release.{name}" in endpoints["assistant"]["depends_on"]
    assert release["wait_for_jobs"] is True
    values = _values(release)
    assert values["modelId"] == "Qwen/Qwen3-32B"
    assert values["prefix"] == f"models/Qwen/Qwen3-32B/{'0' * 40}/"
    assert values["nodeSelector"] == {"llminfra.io/pool": "system"}
    assert release["timeout"] > values["activeDeadlineSeconds"]
    assert values["token"]["secretName"] == values["externalSecrets"][0]["name"]
    write = stacks["serving"]["data"]["aws_iam_policy_document"][f"{name}-weights"]["statement"][0]
    assert write["resources"][0].endswith(f"/models/Qwen/Qwen3-32B/{'0' * 40}/*")
    assert "s3:DeleteObject" not in write["actions"]


def test_weights_behind_lustre_are_copied_into_its_bucket(endpoints):
    (name,) = (item for item in endpoints if item.startswith("copy-llama"))
    assert f"helm_release.{name}" in endpoints["chat"]["depends_on"]
    assert _values(endpoints[name])["bucket"] == "acme-weights"


def test_endpoints_of_one_model_share_a_copy(synth):
    plan = plans.plan(plans.assistant(), plans.assistant(name="second", service_account="second"))
    releases = synth(plan)["serving"]["resource"]["helm_release"]
    assert len([item for item in releases if item.startswith("copy-")]) == 1


def test_one_model_in_two_buckets_is_copied_twice(synth):
    other = plans.BucketPlan(
        name="acme-other", spec=plans.WEIGHTS.model_copy(update={"name": "acme-other"}), existing=False
    )
    second = plans.assistant(
        name="second", service_account="second", weights=replace(plans.assistant().weights, storage="acme-other")
    )
    plan = plans.plan(plans.assistant(), second)
    releases = synth(replace(plan, buckets=(*plan.buckets, other)))["serving"]["resource"]["helm_release"]
    copies = {_values(release)["bucket"]: name for name, release in releases.items() if name.startswith("copy-")}
    assert set(copies) == {"acme-weights", "acme-other"}
    assert f"helm_release.{copies['acme-other']}" in releases["second"]["depends_on"]


@pytest.mark.parametrize("why", ["existing bucket", "no commit", "closed network"])
def test_nothing_is_copied_where_it_cannot_or_must_not_be(synth, why):
    endpoint = plans.assistant(revision=None) if why == "no commit" else plans.assistant()
    plan = plans.plan(endpoint, lustre=())
    if why == "existing bucket":
        plan = replace(plan, buckets=tuple(replace(item, existing=True) for item in plan.buckets))
    if why == "closed network":
        private = tuple(item for item in plan.network.subnets if item.kind == "private")
        plan = replace(plan, network=plans.network_plan(nat="none", subnets=private))
    releases = synth(plan)["serving"]["resource"]["helm_release"]
    assert set(releases) == {"assistant"}


def test_serving_namespaces_are_restricted_and_deny_by_default(releases):
    namespaces = {item["name"]: item for item in _values(releases["cluster-base"])["namespaces"]}
    assert namespaces["llm-serving"]["podSecurity"] == "restricted"
    assert namespaces["llm-serving"]["defaultDenyIngress"] is True


def test_text_that_looks_like_terraform_reaches_helm_unchanged(synth):
    spec = Endpoint(name="odd", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(), on=plans.L40S)
    call = plans.invocation(env={"GREETING": "${HOME} and %{if}"})
    stack = synth(plans.plan(plans.endpoint_plan(spec, invocation=call)))["serving"]
    (text,) = stack["resource"]["helm_release"]["odd"]["values"]
    assert "$${HOME} and %%{if}" in text


def test_an_endpoint_may_be_called_like_our_own_things(synth):
    spec = Endpoint(name="cluster", model=Model(id="Qwen/Qwen3-32B"), engine=VLLM(), on=plans.L40S)
    stack = synth(plans.plan(plans.endpoint_plan(spec)))["serving"]
    assert stack["resource"]["helm_release"]["cluster"]["name"] == "cluster"
    assert stack["data"]["terraform_remote_state"]["cluster"]["backend"] == "local"


def test_pods_on_spot_are_protected_until_they_serve(endpoints):
    """On a capacity block that a node group holds, Karpenter has no say."""
    startup = plans.assistant().startup
    scheduling = _values(endpoints["assistant"])["scheduling"]
    assert scheduling["protectedSeconds"] == startup.budget_s + startup.copy_patience_s
    assert "protectedSeconds" not in _values(endpoints["chat"])["scheduling"]
