"""Models on the nodes' NVMe, kept kernels and image snapshots: what is planned, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from llminfra import (
    TGI,
    VLLM,
    Ec2,
    Endpoint,
    GpuPool,
    ImageSnapshot,
    LocalNvme,
    Model,
    ModelBucket,
    Platform,
    SGLang,
    SpecError,
)
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.facts import number, numbers
from llminfra.planning.findings import Findings
from llminfra.planning.plan import Plan
from llminfra.planning.plan.endpoint import EndpointPlan
from llminfra.planning.plan.infrastructure import PoolPlan
from llminfra.planning.start.image_snapshot import _full
from llminfra.planning.storage.load_rates import nvme_copy_rate, nvme_read_rate
from llminfra.planning.storage.node_cache import check_node_caches, nvme_weights
from tests.helpers.example_plans import EXAMPLES, example_plan
from tests.helpers.yaml_spec import to_yaml

DAY = dt.date(2026, 11, 23)
BUCKET = ModelBucket(name="acme-weights")
NVME = LocalNvme(source=BUCKET)
ALONE = Ec2(
    instance_type="g6e.2xlarge",
    domain_name="chat.acme.example",
    certificate_arn="arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d-0000-4000-8000-0123456789ab",
)
IMAGE = "vllm/vllm-openai:v0.27.1"


def platform(pool: GpuPool, storage: list[ModelBucket] | None = None, **endpoint: Any) -> Platform:
    fields = {
        "name": "chat",
        "model": Model(id="Qwen/Qwen3-8B"),
        "engine": VLLM(version="0.27.1", max_model_len=8192),
        "on": pool,
        **endpoint,
    }
    on_pool = isinstance(fields["on"], GpuPool)
    return Platform(
        name="p",
        region="us-east-1",
        pools=[pool] if on_pool else [],
        storage=[BUCKET] if storage is None else storage,
        endpoints=[Endpoint(**fields)],
    )


def pool(**changes: Any) -> GpuPool:
    return GpuPool(**{"name": "l40s", "instance_types": ["g6e.12xlarge"], "nodes": (1, 2), **changes})


def plan(spec: Platform) -> Plan:
    return plan_platform(spec, today=DAY)


def one(spec: Platform) -> EndpointPlan:
    (endpoint,) = plan(spec).endpoints
    return endpoint


def refused(spec: Platform) -> dict[str, str]:
    with pytest.raises(SpecError) as caught:
        plan(spec)
    return {item.code: item.message for item in caught.value.diagnostics if item.severity.value == "error"}


def warned(spec: Platform) -> dict[str, str]:
    return {item.code: item.expected for item in plan(spec).diagnostics if item.severity.value == "warning"}


def phases(endpoint: EndpointPlan) -> dict[str, float]:
    return {phase.name: phase.seconds for phase in endpoint.startup.phases}


# Models on nodes


def test_a_node_copies_first_and_the_engine_reads_its_disks() -> None:
    spec = platform(pool(), weights=NVME)
    endpoint = one(spec)
    weights = endpoint.weights
    assert (weights.kind, weights.storage) == ("nvme", "acme-weights")
    assert weights.model_argument == weights.mount_path == f"/mnt/weights/{weights.key}"
    instance = plan(spec).pools[0].main_type
    seconds, gigabytes = phases(endpoint), weights.bytes_total / 1e6
    assert seconds["copy"] == pytest.approx(gigabytes / nvme_copy_rate(instance).mb_per_s)
    assert seconds["weights"] == pytest.approx(gigabytes / nvme_read_rate(instance, streams=True).mb_per_s)
    assert "--load-format=runai_streamer" in endpoint.invocation.args
    assert endpoint.invocation.env["HF_HUB_OFFLINE"] == "1"
    assert "RUNAI_STREAMER_MEMORY_LIMIT" in endpoint.invocation.env


def test_an_engine_whose_streaming_of_files_is_not_known_loads_them_its_own_way() -> None:
    endpoint = one(platform(pool(), engine=SGLang(max_model_len=8192), weights=NVME))
    assert not any("runai" in argument for argument in endpoint.invocation.args)
    assert endpoint.weights.read_mb_per_s == number("cold_start", "local_load_mb_per_s")


def test_the_first_pod_is_the_plan_and_a_later_one_is_beside_it() -> None:
    endpoint = one(platform(pool(), weights=NVME))
    choices = {choice.kind: choice for choice in endpoint.startup.choices}
    assert choices["nvme"].chosen
    assert not choices["nvme-warm"].chosen
    seconds = phases(endpoint)
    assert choices["nvme"].seconds == pytest.approx(seconds["copy"] + seconds["weights"])
    assert choices["nvme-warm"].seconds == pytest.approx(seconds["weights"])
    assert endpoint.startup.container_s == pytest.approx(
        endpoint.startup.estimate_s - seconds["node"] - seconds["image"] - seconds["copy"]
    )


def test_only_pools_that_keep_models_are_prepared_for_it() -> None:
    assert plan(platform(pool(), weights=NVME)).pools[0].node_cache
    assert not plan(platform(pool(), weights=BUCKET)).pools[0].node_cache


def test_the_probe_does_not_wait_for_the_copy_and_the_rollout_does() -> None:
    cached, streamed = (one(platform(pool(), weights=item)).startup for item in (NVME, BUCKET))
    assert cached.budget_s == streamed.budget_s
    assert cached.copy_patience_s >= 2 * phases(one(platform(pool(), weights=NVME)))["copy"]
    assert streamed.copy_patience_s == 0


def _nvme(spec: Platform, planned: PoolPlan, revision: str | None) -> tuple[bool, set[str]]:
    findings = Findings()
    (endpoint,) = spec.workloads
    weights = nvme_weights(
        endpoint, NVME, planned, findings, mount="/m", revision=revision, bytes_total=10**10, streams=True
    )
    return weights is not None, {item.code for item in findings.items}


def test_a_type_without_instance_storage_is_refused() -> None:
    spec = platform(pool(), weights=NVME)
    (planned,) = plan(spec).pools
    diskless = planned.main_type.model_copy(update={"nvme_gb": 0, "nvme_disks": 0})
    mixed = replace(planned, instance_types=(planned.main_type, diskless))
    assert _nvme(spec, planned, "0" * 40) == (True, set())
    assert _nvme(spec, mixed, "0" * 40) == (False, {"LLM_STO_23"})


@pytest.mark.parametrize("revision", [None, "main", "v1.0", "9216db5"])
def test_a_model_that_may_change_under_its_name_is_refused(revision: str | None) -> None:
    spec = platform(pool(), weights=NVME)
    assert _nvme(spec, plan(spec).pools[0], revision) == (False, {"LLM_STO_24"})


@pytest.mark.parametrize(("nvme_gb", "codes"), [(3800, set()), (125, {"LLM_STO_26"}), (100, {"LLM_STO_25"})])
def test_models_images_and_pods_must_fit_on_a_node(nvme_gb: int, codes: set[str]) -> None:
    """About 16 GB of model, 20 of image and 54 of each pod's own files, in 82 % of the disks."""
    planned = plan(platform(pool(instance_types=["g6e.2xlarge"]), weights=NVME))
    small = planned.pools[0].main_type.model_copy(update={"nvme_gb": nvme_gb})
    findings = Findings()
    check_node_caches(list(planned.endpoints), {"l40s": replace(planned.pools[0], instance_types=(small,))}, findings)
    assert {item.code for item in findings.items} == codes


def test_a_node_keeps_a_model_once_for_all_endpoints_that_share_it() -> None:
    spec = platform(pool(instance_types=["g6e.2xlarge"]), weights=NVME)
    planned = plan(spec)
    twice = [*planned.endpoints, replace(planned.endpoints[0], name="again")]
    small = planned.pools[0].main_type.model_copy(update={"nvme_gb": 150})
    findings = Findings()
    check_node_caches(twice, {"l40s": replace(planned.pools[0], instance_types=(small,))}, findings)
    assert findings.items == []


def test_outside_the_cluster_a_bucket_is_copied_anyway() -> None:
    spec = platform(pool(), on=ALONE, weights=NVME)
    assert "LocalNvme" in refused(spec)["LLM_STO_22"]


@pytest.mark.parametrize("field", ["weights", "compile_cache"])
def test_buckets_belong_to_the_platform(field: str) -> None:
    spec = platform(pool(), storage=[], **{field: NVME if field == "weights" else BUCKET})
    assert "LLM_REF_2" in refused(spec)


# Kernels


def test_kernels_have_a_key_of_engine_model_gpu_and_command_line() -> None:
    key = one(platform(pool(), compile_cache=BUCKET)).compile_cache
    assert key is not None
    assert key.bucket == "acme-weights"
    folder, _, name = key.key.rpartition("/")
    assert folder.startswith("compile-cache/vllm-0.27.1/Qwen/Qwen3-8B/")
    assert folder.endswith("/l40s-amd64")
    assert name.endswith(".tar")
    others = [
        platform(pool(), compile_cache=BUCKET, engine=VLLM(version="0.26.0", max_model_len=8192)),
        platform(pool(), compile_cache=BUCKET, engine=VLLM(version="0.27.1", max_model_len=4096)),
        platform(pool(), compile_cache=BUCKET, model=Model(id="Qwen/Qwen3-4B")),
        platform(pool(instance_types=["g6.12xlarge"]), compile_cache=BUCKET),
    ]
    keys = {cache.key for spec in others if (cache := one(spec).compile_cache)}
    assert len(keys) == len(others)
    assert key.key not in keys
    assert one(platform(pool(), compile_cache=BUCKET)).compile_cache == key


def test_kept_kernels_shorten_the_plan_but_not_the_patience() -> None:
    cached, plain = one(platform(pool(), compile_cache=BUCKET)), one(platform(pool()))
    times = numbers("engine_start")["vllm"]["compile_s_per_layer"]
    assert phases(cached)["compile"] == pytest.approx(phases(plain)["compile"] * times["kept"] / times["first"])
    # The first pod compiles, and the probe waits for it as ever.
    assert cached.startup.budget_s == plain.startup.budget_s


def test_the_container_beside_the_engine_is_paid_from_its_share() -> None:
    cached, plain = one(platform(pool(), compile_cache=BUCKET)), one(platform(pool()))
    assert cached.resources.cpu_millis + 100 <= plain.resources.cpu_millis + 99
    assert cached.resources.memory_mib <= plain.resources.memory_mib


def test_kernels_of_deep_gemm_are_kept_with_the_others() -> None:
    cached = one(platform(pool(), compile_cache=BUCKET))
    assert {"vllm/torch_compile_cache", "vllm/deep_gemm"} <= set(cached.invocation.kernel_folders)
    assert cached.invocation.cache_env["VLLM_CACHE_ROOT"] == "vllm"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"engine": TGI(max_model_len=8192)}, "tgi has no such cache"),
        ({"engine": VLLM(version="0.27.1", max_model_len=8192, enforce_eager=True)}, "enforce_eager"),
        ({"compile_cache": ModelBucket(name="theirs", existing=True)}, "only reads the bucket"),
        ({"compile_cache": ModelBucket(name="ours", prefix="compile-cache/models")}, "lie under compile-cache/"),
        ({"on": ALONE}, "outside the cluster"),
    ],
)
def test_kernels_that_cannot_be_kept_are_refused(changes: dict[str, Any], why: str) -> None:
    fields = {"compile_cache": BUCKET, **changes}
    assert why in refused(platform(pool(), [fields["compile_cache"]], **fields))["LLM_STO_27"]


def test_every_engine_that_keeps_kernels_says_where_they_are() -> None:
    for endpoint in example_plan("nvme-cache").endpoints:
        folders, caches = endpoint.invocation.kernel_folders, set(endpoint.invocation.cache_env.values())
        assert folders
        assert {folder.partition("/")[0] for folder in folders} <= caches
        assert not any(folder.startswith("huggingface") for folder in folders)


# Images


def snapshot(**changes: Any) -> ImageSnapshot:
    return ImageSnapshot(**{"id": "snap-0123456789abcdef0", "images": [IMAGE], **changes})


def test_a_snapshot_shortens_the_image_phase() -> None:
    pulled, filled, restored = (
        phases(one(platform(pool(image_snapshot=item))))["image"]
        for item in (None, snapshot(), snapshot(fast_restore=True))
    )
    assert restored == number("cold_start", "snapshot_ready_s")
    assert restored < filled < pulled
    assert filled == pytest.approx(number("cold_start", "image_gib") * 1024 / 300)


def test_a_snapshot_that_lacks_the_image_slows_a_start_and_warns() -> None:
    spec = platform(pool(image_snapshot=snapshot(images=["vllm/vllm-openai:v0.26.0"])))
    assert warned(spec)["LLM_STO_28"] == IMAGE
    assert phases(one(spec))["image"] > phases(one(platform(pool())))["image"]
    assert "LLM_STO_28" not in warned(platform(pool(image_snapshot=snapshot())))


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("vllm/vllm-openai:v1", "docker.io/vllm/vllm-openai:v1"),
        ("docker.io/vllm/vllm-openai:v1", "docker.io/vllm/vllm-openai:v1"),
        ("python:3.12", "docker.io/library/python:3.12"),
        ("public.ecr.aws/a/b:1@sha256:ff", "public.ecr.aws/a/b@sha256:ff"),
        ("registry:5000/a/b@sha256:ff", "registry:5000/a/b@sha256:ff"),
    ],
)
def test_image_names_are_compared_as_containerd_has_them(name: str, full: str) -> None:
    assert _full(name) == full


def test_the_volume_of_images_is_part_of_the_cost() -> None:
    with_it, without = (
        next(line for line in plan(platform(pool(image_snapshot=item))).costs if line.what.startswith("gp3 volumes"))
        for item in (snapshot(volume_gib=200), None)
    )
    assert with_it.usd_per_hour_max is not None
    assert without.usd_per_hour_max is not None
    assert with_it.usd_per_hour_max > without.usd_per_hour_max


@pytest.mark.parametrize(
    "changes", [{"id": "vol-0123456789abcdef0"}, {"images": []}, {"initialization_mib_per_s": 400}, {"volume_gib": 1}]
)
def test_a_snapshot_that_cannot_be(changes: dict[str, Any]) -> None:
    with pytest.raises(SpecError):
        snapshot(**changes)


# Advice


def test_advice_names_what_would_be_faster_and_nothing_that_is_there() -> None:
    plain = " ".join(one(platform(pool(), weights=BUCKET, model=Model(id="Qwen/Qwen3-32B"))).startup.advice)
    assert "image_snapshot=ImageSnapshot" in plain
    assert "compile_cache=" in plain
    fields = {"weights": BUCKET, "model": Model(id="Qwen/Qwen3-32B"), "compile_cache": BUCKET}
    short = " ".join(one(platform(pool(image_snapshot=snapshot()), **fields)).startup.advice)
    assert "image_snapshot" not in short
    assert "compile_cache" not in short


# Files


def test_the_same_in_yaml(tmp_path: Path) -> None:
    spec = platform(pool(image_snapshot=snapshot()), weights=NVME, compile_cache=BUCKET)
    text = to_yaml(spec)
    assert yaml.safe_load(text)["endpoints"]["chat"]["weights"] == {"kind": "nvme", "source": "acme-weights"}
    (tmp_path / "spec.yaml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "spec.yaml").platforms == (spec,)


def _documents(stack: str) -> dict[str, Any]:
    text = (EXAMPLES / "nvme-cache/expected" / f"{stack}.tf.json").read_text(encoding="utf-8")
    documents: dict[str, Any] = json.loads(text)["data"]["aws_iam_policy_document"]
    return documents


def test_the_role_reads_one_model_and_keeps_one_object() -> None:
    statements = {
        item["sid"]: item
        for document in _documents("nvme-serving").values()
        for item in document["statement"]
        if "endpoints.chat" in json.dumps(document.get("//", {})) or item["sid"].endswith("Kernels")
    }
    (kernels,) = statements["KeepKernels"]["resources"]
    assert kernels.endswith(".tar")
    assert "/compile-cache/" in kernels
    assert set(statements["KeepKernels"]["actions"]) == {"s3:GetObject", "s3:PutObject"}
    reads = [
        item
        for document in _documents("nvme-serving").values()
        for item in document["statement"]
        if item["sid"] == "ReadWeights"
    ]
    assert all(len(item["resources"]) == 2 for item in reads)
    assert all(item["resources"][1].endswith(".complete.json") for item in reads)


def test_models_of_every_engine_are_copied_by_an_image_that_can() -> None:
    serving = json.loads((EXAMPLES / "nvme-cache/expected/nvme-serving.tf.json").read_text(encoding="utf-8"))
    releases = serving["resource"]["helm_release"]
    images = {
        (values := json.loads(release["values"][0]))["modelId"]: values["image"]
        for name, release in releases.items()
        if name.startswith("copy-")
    }
    assert set(images) == {"Qwen/Qwen3-32B", "Qwen/Qwen3-8B"}
    assert {image["repository"] for image in images.values()} == {"vllm/vllm-openai"}


def test_outside_the_cluster_nothing_of_pods_is_advised() -> None:
    (item,) = plan(platform(pool(), on=ALONE, weights=BUCKET)).ec2
    startup = item.serving.startup
    assert not {choice.kind for choice in startup.choices} & {"lustre", "mountpoint", "nvme", "nvme-warm"}
    assert startup.images == ()
    assert len(startup.kernels) == 1
    assert not any("GpuPool" in advice or "LocalNvme" in advice or "Lustre" in advice for advice in startup.advice)
