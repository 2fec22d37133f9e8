"""``images --lock`` and ``--check`` on a platform with two images, and what other commands say of the lock."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llminfra.cli.main import main
from llminfra.registries.address import Address
from tests.registries.conftest import digest_of

if TYPE_CHECKING:
    from tests.registries.conftest import FakeRegistry

ROOT = Path(__file__).parents[2]
ENGINE, EXPORTER = (
    "docker.io/vllm/vllm-openai:v0.27.1",
    "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless",
)
Captured = pytest.CaptureFixture[str]


def called(capsys: Captured, *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main([str(item) for item in arguments])
    return code, *capsys.readouterr()


@pytest.fixture
def spec(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The example on EC2 with a lock; every registry is the local one."""

    def url(self: Address) -> str:
        return f"http://{registry.host}/v2/{self.image.rpartition(':')[0]}/manifests/{self.tag}"

    monkeypatch.setattr(Address, "url", property(url))
    registry.images = {ENGINE: b"engine", EXPORTER: b"exporter"}
    text = (ROOT / "examples/ec2/spec.py").read_text(encoding="utf-8")
    file = tmp_path / "spec.py"
    file.write_text(text.replace('name="ec2",', 'name="ec2",\n    image_lock="images.lock.json",', 1), encoding="utf-8")
    return file


def test_a_lock_from_its_first_line_to_a_tag_that_moved(spec: Path, registry: FakeRegistry, capsys: Captured) -> None:
    lock = spec.with_name("images.lock.json")

    code, _, err = called(capsys, "plan", spec)
    assert code == 1
    assert "LLM_IMG_1 at image_lock" in err
    assert "--lock" in err
    code, out, _ = called(capsys, "images", spec, "--check")
    assert (code, lock.exists()) == (1, False)
    assert "2 new" in out

    code, out, _ = called(capsys, "images", spec, "--lock")
    assert code == 0
    assert "2 images, 2 new" in out
    held = json.loads(lock.read_text(encoding="utf-8"))
    assert held["images"] == {ENGINE: digest_of(b"engine"), EXPORTER: digest_of(b"exporter")}
    first = lock.read_bytes()
    assert called(capsys, "images", spec, "--check")[0] == 0
    assert "nothing changed" in called(capsys, "images", spec, "--lock")[1]
    assert lock.read_bytes() == first, "the same digests are the same bytes"
    asked = len(registry.asked)
    assert called(capsys, "plan", spec)[0] == 0
    code, out, _ = called(capsys, "images", spec, "--json")
    listed = json.loads(out)["platforms"][0]["images"]
    assert [(item["pinned_by"], item["pulled"]) for item in listed] == [
        ("lock", f"{image}@{digest}") for image, digest in sorted(held["images"].items())
    ]
    assert len(registry.asked) == asked, "nobody but --lock and --check asks"

    registry.images[ENGINE] = b"engine, built again"
    code, out, _ = called(capsys, "images", spec, "--check", "--json")
    told = json.loads(out)
    assert (code, told["ok"]) == (1, False)
    moved = {"from": digest_of(b"engine"), "to": digest_of(b"engine, built again")}
    assert told["locks"][0]["moved"] == {ENGINE: moved}
    assert lock.read_bytes() == first
    code, out, _ = called(capsys, "images", spec, "--lock")
    assert (code, "1 moved" in out) == (0, True)
    assert json.loads(lock.read_text(encoding="utf-8"))["images"][ENGINE] == moved["to"]


def test_an_upgrade_needs_a_new_lock_and_what_is_left_over_is_told(spec: Path, capsys: Captured) -> None:
    lock = spec.with_name("images.lock.json")
    old = "docker.io/vllm/vllm-openai:v0.26.0"
    content = {"version": 1, "images": {old: digest_of(b"old"), EXPORTER: digest_of(b"exporter")}}
    lock.write_text(json.dumps(content), encoding="utf-8")
    code, _, err = called(capsys, "plan", spec)
    assert code == 1
    assert "LLM_IMG_2 at image_lock" in err
    assert ENGINE in err
    code, out, _ = called(capsys, "images", spec)
    assert code == 0
    assert f"unused      {old}" in out
    _, out, _ = called(capsys, "images", spec, "--lock")
    assert "1 new, 1 removed" in out
    assert old not in lock.read_text(encoding="utf-8")
    assert called(capsys, "plan", spec)[0] == 0


def test_nothing_is_written_where_a_digest_is_missing(spec: Path, registry: FakeRegistry, capsys: Captured) -> None:
    lock = spec.with_name("images.lock.json")
    lock.write_text("{}", encoding="utf-8")
    registry.images.clear()
    code, out, err = called(capsys, "images", spec, "--lock")
    assert (code, out) == (1, "")
    assert ENGINE in err
    assert EXPORTER in err
    assert lock.read_text(encoding="utf-8") == "{}"


@pytest.mark.parametrize("options", [("--lock", "--check"), ("--lock", "--to-copy")])
def test_one_question_at_a_time(spec: Path, capsys: Captured, options: tuple[str, ...]) -> None:
    code, _, err = called(capsys, "images", spec, *options)
    assert (code, "one at a time" in err) == (2, True)


def test_without_a_lock_in_the_spec_it_is_said_how(capsys: Captured) -> None:
    code, _, err = called(capsys, "images", ROOT / "examples/ec2/spec.py", "--lock")
    assert (code, "image_lock" in err) == (2, True)
