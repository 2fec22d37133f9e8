"""The lock of images: how it is read, and what it changes in a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llminfra import VLLM, Endpoint, GpuPool, Image, ImageMirror, ImageSnapshot, Model, ModelBucket, Platform
from llminfra.cli.diff_page.changes import platform_changes
from llminfra.planning import plan_platform
from llminfra.planning.images.locks import locks_of
from llminfra.planning.images.used import image_uses
from llminfra.planning.network.image_lock import lock_text, read_image_lock
from llminfra.planning.network.mirror import ImageNames, by_digest_or_tag
from llminfra.planning.plan import Plan

DIGEST, OTHER = (f"sha256:{letter * 64}" for letter in "ab")
ENGINE = "docker.io/vllm/vllm-openai:v0.27.1"
REGISTRY = "111122223333.dkr.ecr.us-east-1.amazonaws.com"
BUCKET = ModelBucket(name="acme-weights")


def platform(lock: Path | None, *, engine: VLLM | None = None, **pool: Any) -> Platform:
    gpus = GpuPool(name="l40s", instance_types=["g6e.xlarge"], nodes=(0, 2), **pool)
    return Platform(
        name="p",
        region="us-east-1",
        image_lock=None if lock is None else str(lock),
        pools=[gpus],
        storage=[BUCKET],
        endpoints=[
            Endpoint(
                name="chat",
                model=Model(id="Qwen/Qwen3-8B"),
                engine=engine or VLLM(version="0.27.1", max_model_len=8192),
                on=gpus,
                compile_cache=BUCKET,
            )
        ],
    )


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "images.lock.json"
    file.write_text(lock_text({ENGINE: DIGEST}), encoding="utf-8")
    return file


def engine_of(plan: Plan) -> tuple[str, str]:
    found = next(item for item in image_uses(plan) if "chat" in item.used_by)
    return found.pulled, found.pinned_by


def test_the_engine_is_pulled_by_the_locked_digest(lock: Path) -> None:
    plan = plan_platform(platform(lock))
    assert plan.image_lock == read_image_lock(plan.platform)
    assert engine_of(plan) == (f"{ENGINE}@{DIGEST}", "lock")
    assert {item.pinned_by for item in image_uses(plan)} == {"lock", "tag", "digest"}
    assert engine_of(plan_platform(platform(None))) == (ENGINE, "tag")


def test_a_digest_in_the_spec_wins(lock: Path) -> None:
    own = VLLM(image=Image(repository="vllm/vllm-openai", tag="v0.27.1", digest=OTHER), max_model_len=8192)
    assert engine_of(plan_platform(platform(lock, engine=own))) == (f"{ENGINE}@{OTHER}", "digest")


def test_another_content_has_other_kernels_and_is_told_as_a_change(lock: Path) -> None:
    plain, locked = plan_platform(platform(None)), plan_platform(platform(lock))
    lock.write_text(lock_text({ENGINE: OTHER}), encoding="utf-8")
    moved = plan_platform(platform(lock))
    keys = {item.endpoints[0].compile_cache for item in (plain, locked, moved)}
    assert len(keys) == 3
    told = [item for item in platform_changes(locked, moved).changes if item.what == "image"]
    assert [(item.old, item.new) for item in told] == [
        (f"vllm/vllm-openai:v0.27.1@{DIGEST}", f"vllm/vllm-openai:v0.27.1@{OTHER}")
    ]


@pytest.mark.parametrize(("name", "holds"), [(f"{ENGINE}@{DIGEST}", True), (ENGINE, False)])
def test_a_snapshot_of_images_holds_what_is_locked(lock: Path, name: str, holds: bool) -> None:
    snapshot = ImageSnapshot(id="snap-0123456789abcdef0", images=[name])
    plan = plan_platform(platform(lock, image_snapshot=snapshot))
    assert ("LLM_STO_28" not in {item.code for item in plan.diagnostics}) == holds


def test_platforms_may_share_a_lock(lock: Path) -> None:
    (lock.parent / "other").mkdir()
    older = VLLM(version="0.26.0", max_model_len=8192)
    plans = [
        plan_platform(platform(lock)),
        plan_platform(platform(lock.parent / "other" / ".." / lock.name, engine=older)),
        plan_platform(platform(None)),
    ]
    (shared,) = locks_of(plans)
    assert (shared.file, shared.unused) == (lock.resolve(), ())
    assert {ENGINE, ENGINE.replace("0.27.1", "0.26.0")} <= shared.needed
    (alone,) = locks_of(plans[1:])
    assert alone.unused == (ENGINE,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "there is no file"),
        ("{", "Expecting property name"),
        ("[]", "no lock of version 1"),
        ('{"version": 2, "images": {}}', "no lock of version 1"),
        ('{"version": 1}', "no object 'images'"),
        (json.dumps({"version": 1, "images": {ENGINE: "sha256:0"}}), f"of {ENGINE}"),
    ],
)
def test_what_is_no_lock_says_why(tmp_path: Path, text: str | None, problem: str) -> None:
    file = tmp_path / "images.lock.json"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    found = read_image_lock(platform(file))
    assert problem in found.problem
    assert found.digests == {}


def test_a_mirror_keeps_the_digest() -> None:
    names = ImageNames(region="us-east-1", mirror=ImageMirror(registry=REGISTRY), digests={ENGINE: DIGEST})
    assert names.pulled("vllm/vllm-openai:v0.27.1") == f"{REGISTRY}/mirror/{ENGINE}@{DIGEST}"
    assert names.pulled("vllm/vllm-openai") == f"{REGISTRY}/mirror/docker.io/vllm/vllm-openai"
    assert names.pulled(f"vllm/vllm-openai:v0.27.1@{OTHER}").endswith(OTHER)
    assert by_digest_or_tag(f"{REGISTRY}/a/b:v1@{DIGEST}") == f"{REGISTRY}/a/b@{DIGEST}"
    assert by_digest_or_tag("localhost:5000/a:v1") == "localhost:5000/a:v1"
