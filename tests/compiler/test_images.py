"""A mirror of images: what is listed is what is emitted, and nothing is pulled from elsewhere."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llminfra import ImageMirror, Platform
from llminfra.catalog.chart_images import chart_images
from llminfra.catalog.charts import chart_pin, pinned_charts, unknown_keys
from llminfra.catalog.datafile import read_data
from llminfra.charts.images import moved
from llminfra.compiler import compile_platforms
from llminfra.loading.load import load
from llminfra.planning import plan_platform
from llminfra.planning.images.used import chart_uses, image_uses
from llminfra.planning.network.mirror import by_digest_or_tag, full_name, mirrored, repository_of
from llminfra.planning.plan import Plan
from llminfra.planning.plan.image_lock import ImageLock

ROOT = Path(__file__).parents[2]
TODAY = dt.date(2026, 11, 23)
ACCOUNT = "111122223333"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
# Between them: every controller, both kinds of workers, gateways, routers, instances without Kubernetes, and jobs.
SPECS = ("stacks/prod.py", *(
    f"examples/{name}/spec.py"
    for name in ("async-workers", "batch-inference", "cluster-autoscaler", "closed-network", "deepseek-r1-two-nodes",
                 "disaggregated", "ec2", "gateway", "lora", "nvme-cache", "sagemaker", "tgi", "vllm-lustre")
))  # fmt: skip
_HOST = re.compile(r"^(?:[a-z0-9-]+\.)+[a-z]{2,}/")


def mirror_in(region: str, **changes: Any) -> ImageMirror:
    return ImageMirror(registry=f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com", **changes)


def planned(spec: str, *, with_mirror: bool = True) -> list[Plan]:
    found = load(ROOT / spec)
    plans = []
    for platform in found.platforms:
        images = mirror_in(platform.region) if with_mirror else None
        plans.append(plan_platform(platform.model_copy(update={"images": images}), today=TODAY))
    return plans


def emitted(folder: Path) -> tuple[set[str], set[str]]:
    """Every image that the stacks name, and where their upstream charts come from."""
    images: set[str] = set()
    charts: set[str] = set()
    for file in folder.glob("stacks/*/cdk.tf.json"):
        resources = json.loads(file.read_text(encoding="utf-8")).get("resource", {})
        for release in resources.get("helm_release", {}).values():
            values = json.loads(release["values"][0]) if "values" in release else {}
            if (source := release.get("repository")) is not None:
                charts.add(f"{source}/{release['chart']}:{release['version']}")
                images |= of_chart(release["chart"], values)
            images |= declared(values)
        for job in resources.get("aws_batch_job_definition", {}).values():
            images |= set(re.findall(r'"image\\?":\s*\\?"([^"\\]+)', json.dumps(job)))
        for model in resources.get("aws_sagemaker_model", {}).values():
            images.add(model["primary_container"]["image"])
        for template in resources.get("aws_launch_template", {}).values():
            images |= of_user_data(template.get("user_data"))
    return images, charts


def declared(values: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(values, list):
        for item in values:
            found |= declared(item)
    elif isinstance(values, dict):
        for key, item in values.items():
            found |= declared(item)
            if key in {"image", "proxyImage"} and isinstance(item, str):
                found.add(item)
        if {"repository", "pullPolicy", "tag"} <= values.keys():
            digest = values.get("digest")
            found.add(f"{values['repository']}:{values['tag']}" + (f"@{digest}" if digest else ""))
    return found


def value_at(values: Any, key: str) -> Any:
    for part in key.split("."):
        values = values.get(part) if isinstance(values, dict) else None
    return values


def of_chart(chart: str, values: dict[str, Any]) -> set[str]:
    """What the chart makes of its values, by the keys of the catalog."""
    found: set[str] = set()
    grafana = value_at(values, "grafana.enabled") is not False
    for image in chart_images(chart, without=() if grafana else ("grafana",)):
        value = value_at(values, image.whole or image.registry or image.repository or "")
        tag = (image.tag_value and value_at(values, image.tag_value)) or image.tag
        digest = image.digest or (image.digest_value and value_at(values, image.digest_value))
        if image.sha_value and (bare := value_at(values, image.sha_value)):
            digest = f"sha256:{bare}"
        tail = f":{tag}" + (f"@{digest}" if digest else "")
        if value is None:
            found.add(image.image + tail)
        elif image.whole:
            found.add(value)
        else:
            found.add((value if image.repository else f"{value}/{image.image.partition('/')[2]}") + tail)
    return found


def of_user_data(text: str | None) -> set[str]:
    if not text or text.startswith("${"):
        return set()
    raw = base64.b64decode(text)
    plain = gzip.decompress(raw).decode() if raw[:2] == b"\x1f\x8b" else raw.decode()
    return set(re.findall(r"(?:^|\n|\\n|\")(?:DCGM_)?IMAGE='?([^'\s\\]+)", plain))


def locked(plan: Plan) -> Plan:
    """The plan with a digest of its own for each image that is named by tag."""
    keys = [key for item in image_uses(plan) if (key := item.lock_key) is not None]
    digests = {key: f"sha256:{hashlib.sha256(key.encode()).hexdigest()}" for key in keys}
    return replace(plan, image_lock=ImageLock(file="images.lock.json", digests=digests))


@pytest.mark.parametrize("spec", SPECS)
def test_what_is_listed_is_what_is_emitted(spec: str, tmp_path: Path) -> None:
    """Everything from the mirror and by a digest."""
    plans = [locked(plan) for plan in planned(spec)]
    compile_platforms(plans, tmp_path)
    images, charts = emitted(tmp_path)
    # ECS and SageMaker take a digest instead of the tag.
    listed = {by_digest_or_tag(item.pulled) for plan in plans for item in image_uses(plan)}
    assert {by_digest_or_tag(full_name(item)) for item in images} == listed
    assert [item for item in images if "@sha256:" not in item] == []
    assert charts == {f"{item.pulled}/{item.name}:{item.version}" for plan in plans for item in chart_uses(plan)}
    strangers = [item for item in images if _HOST.match(full_name(item)) and ".dkr.ecr." not in item]
    assert strangers == []


@pytest.mark.parametrize("spec", ["stacks/prod.py", "examples/gateway/spec.py", "examples/vllm-lustre/spec.py"])
def test_without_a_mirror_the_list_holds_the_publishers_names(spec: str, tmp_path: Path) -> None:
    plans = planned(spec, with_mirror=False)
    compile_platforms(plans, tmp_path)
    images, charts = emitted(tmp_path)
    listed = [item for plan in plans for item in image_uses(plan)]
    assert {full_name(item) for item in images} == {item.source for item in listed}
    assert all(item.repository is None and item.way in {"publisher", "in-region"} for item in listed)
    assert charts == {f"{item.source}/{item.name}:{item.version}" for plan in plans for item in chart_uses(plan)}


def test_a_repository_for_each_image_and_chart_comes_first(tmp_path: Path) -> None:
    plans = planned("examples/closed-network/spec.py")
    result = compile_platforms(plans, tmp_path)
    stack = json.loads((tmp_path / "stacks/sealed-images/cdk.tf.json").read_text(encoding="utf-8"))
    made = {item["name"]: item for item in stack["resource"]["aws_ecr_repository"].values()}
    uses = [*image_uses(plans[0]), *chart_uses(plans[0])]
    assert set(made) == {item.repository for item in uses}
    assert all(item["image_tag_mutability"] == "IMMUTABLE" and item["force_delete"] for item in made.values())
    assert "aws_ecr_pull_through_cache_rule" not in stack["resource"]
    first, *others = result.stacks
    assert first.name == "sealed-images"
    after = {item.name for item in others if first.name in item.dependencies}
    assert after == {"sealed-platform", "sealed-serving"}
    # ECR's own rule for names (CreateRepository, repositoryName).
    name = r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*"
    assert all(re.fullmatch(name, item) and len(item) <= 256 for item in made)


def test_ecr_fetches_what_its_rules_cover(tmp_path: Path) -> None:
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:ecr-pullthroughcache/docker-hub-AbCdEf"
    images = mirror_in("us-east-1", pull_through=True, credentials={"docker.io": secret})
    platform = load(ROOT / "stacks/prod.py").platforms[0].model_copy(update={"images": images})
    plan = plan_platform(platform, today=TODAY)
    compile_platforms([plan], tmp_path)
    stack = json.loads((tmp_path / "stacks/acme-prod-images/cdk.tf.json").read_text(encoding="utf-8"))
    rules = {
        item["ecr_repository_prefix"]: (item["upstream_registry_url"], item.get("credential_arn"))
        for item in stack["resource"]["aws_ecr_pull_through_cache_rule"].values()
    }
    assert rules == {
        "mirror/docker.io": ("registry-1.docker.io", secret),
        "mirror/public.ecr.aws": ("public.ecr.aws", None),
        "mirror/quay.io": ("quay.io", None),
        "mirror/registry.k8s.io": ("registry.k8s.io", None),
    }
    assert all(len(prefix) <= 30 for prefix in rules)
    ways = {item.source.partition("/")[0]: item.way for item in image_uses(plan)}
    assert ways["quay.io"] == ways["docker.io"] == "cache"
    assert ways["ghcr.io"] == ways["nvcr.io"] == "copy"
    assert ways["602401143452.dkr.ecr.us-east-1.amazonaws.com"] == "in-region"


def test_a_registry_that_others_fill_has_no_stack(tmp_path: Path) -> None:
    platform = load(ROOT / "examples/closed-network/spec.py").platforms[0]
    images = mirror_in("us-east-1", create=False, charts=False)
    plan = plan_platform(platform.model_copy(update={"images": images}), today=TODAY)
    result = compile_platforms([plan], tmp_path)
    assert "sealed-images" not in {item.name for item in result.stacks}
    _, charts = emitted(tmp_path)
    assert all(ACCOUNT not in item for item in charts)


@pytest.mark.parametrize("chart", pinned_charts())
def test_keys_of_images_are_keys_of_the_chart(chart: str) -> None:
    values = moved(chart, {}, lambda image: f"registry.example/{image}", lambda _: DIGEST)
    assert unknown_keys(chart, values) == ()
    for image in chart_images(chart):
        assert len([key for key in (image.whole, image.registry, image.repository) if key]) == 1
        takes = [key for key in (image.whole, image.digest_value, image.sha_value, image.tag_value) if key]
        assert len(takes) == 1, "a digest goes into one value"


def test_tags_follow_the_pins() -> None:
    """Where a chart takes the tag from its own version, a new pin must not leave the list behind."""
    own = {
        "ai-gateway-helm": "", "aws-fsx-csi-driver": "v", "aws-load-balancer-controller": "", "cluster-autoscaler": "v",
        "aws-mountpoint-s3-csi-driver": "", "external-secrets": "", "gateway-helm": "", "karpenter": "", "keda": "",
        "kube-prometheus-stack": "", "lws": "", "metrics-server": "v", "nvidia-device-plugin": "v",
        "aws-efa-k8s-device-plugin": "",
    }  # fmt: skip
    for chart, letter in own.items():
        assert chart_images(chart)[0].tag == f"{letter}{chart_pin(chart).app_version}", chart
    assert chart_pin("dcgm-exporter").app_version in chart_images("dcgm-exporter")[0].tag
    assert set(read_data("charts/chart_images.json")["charts"]) == set(pinned_charts())


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("redis:8", "docker.io/library/redis:8"),
        ("vllm/vllm-openai:v1", "docker.io/vllm/vllm-openai:v1"),
        ("quay.io/a/b@sha256:0", "quay.io/a/b@sha256:0"),
        ("localhost:5000/a", "localhost:5000/a"),
    ],
)
def test_names_are_completed_as_container_runtimes_do(image: str, name: str) -> None:
    assert full_name(image) == name
    mirror = mirror_in("us-east-1", prefix="team-a")
    assert mirrored(mirror, "us-east-1", image) == f"{mirror.registry}/team-a/{name}"
    assert repository_of(mirror, "quay.io/a/b:v1@sha256:0") == "team-a/quay.io/a/b"


def test_images_of_the_region_stay() -> None:
    here = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/own:v1"
    assert mirrored(mirror_in("us-east-1"), "us-east-1", here) == here
    abroad = here.replace("us-east-1", "eu-west-1")
    assert mirrored(mirror_in("us-east-1"), "us-east-1", abroad).endswith(f"/mirror/{abroad}")


def test_the_default_is_no_mirror() -> None:
    assert Platform(name="p", region="us-east-1").images is None
