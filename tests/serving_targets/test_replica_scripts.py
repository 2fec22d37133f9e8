"""A replica over several instances: the scripts meet through a simulated EC2 and start as one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from llminfra import VLLM, Model, Parallelism
from llminfra.assets import user_data_dir
from llminfra.compiler.ec2_user_data import settings
from llminfra.planning.plan import Plan
from tests.serving_targets.platforms import ec2, endpoint, plan
from tests.serving_targets.test_user_data import BASH

_AWS = f"""#!{sys.executable}
import fcntl, os, sys
arguments = sys.argv[1:]
state = os.environ["STATE"]
with open(state + "/lock", "w") as lock, open(state + "/calls", "a") as calls:
    fcntl.flock(lock, fcntl.LOCK_EX)
    calls.write(" ".join(arguments) + "\\n")
    rows = [line.rstrip("\\n").split("\\t") for line in open(state + "/instances")]
    if "describe-instances" in arguments:
        group = next(item for item in arguments if "groupName" in item).rpartition("=")[2]
        print("\\n".join("\\t".join(row[:5]) for row in rows if row[5] == group))
    elif "create-tags" in arguments:
        row = next(row for row in rows if row[0] == arguments[arguments.index("--resources") + 1])
        for item in arguments[arguments.index("--tags") + 1 :]:
            key, value = item.removeprefix("Key=llminfra:").split(",Value=")
            row[("round", "ready", "leaving").index(key) + 2] = value
        with open(state + "/new", "w") as new:
            new.writelines("\\t".join(row) + "\\n" for row in rows)
        os.replace(state + "/new", state + "/instances")
    elif "describe-auto-scaling-groups" in arguments:
        name = arguments[arguments.index("--auto-scaling-group-names") + 1]
        print(open(state + "/wanted-" + name).read().strip() if os.path.exists(state + "/wanted-" + name) else 0)
"""


def planned(replicas: int = 1) -> Plan:
    return plan(
        endpoint(
            ec2(instance_type="p5.48xlarge", efa=True),
            model=Model(id="deepseek-ai/DeepSeek-R1"),
            engine=VLLM(max_model_len=16_384),
            parallelism=Parallelism(tensor=8, pipeline=2),
            replicas=replicas,
        )
    )


class Fleet:
    """Instances of one endpoint, as far as their scripts see AWS."""

    def __init__(self, folder: Path, replicas: int) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.tools = folder / "bin"
        for each in (self.state, self.tools):
            each.mkdir()
        self._tool("aws", _AWS)
        self._tool("sleep", '#!/bin/bash\nif [[ -e "$HERE/stop" ]]; then kill $PPID; fi\nexec /bin/sleep 0.02\n')
        self._tool("ip", "#!/bin/bash\necho 'default via 10.0.0.1 dev ens32 proto dhcp src 10.0.0.5 metric 512'\n")
        for name in ("iptables", "docker", "curl", "systemctl"):
            self._tool(
                name,
                f'#!/bin/bash\necho "{name} $*" >>"$STATE/$NAME.calls"\n'
                f'if [[ -f "$STATE/{name}.sh" ]]; then . "$STATE/{name}.sh"; fi\n',
            )
        self.plan = planned(replicas)
        self.processes: list[subprocess.Popen[str]] = []
        self.rows: list[list[str]] = []
        self.write()

    def _tool(self, name: str, text: str) -> None:
        path = self.tools / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def add(
        self, name: str, group: int = 0, *, round_: str = "None", ready: str = "None", leaving: str = "None"
    ) -> None:
        self.rows.append([name, f"10.0.0.{len(self.rows) + 1}", round_, ready, leaving, f"acme-chat-{group}"])
        self.write()
        here = self.folder / name
        here.mkdir(exist_ok=True)
        (here / "instance-id").write_text(name, encoding="utf-8")
        item = self.plan.ec2[0]
        for file, text in settings(item, self.plan, item.groups[group]).items():
            (here / file).write_text(text, encoding="utf-8")
        (self.state / f"wanted-acme-chat-{group}").write_text("2", encoding="utf-8")

    def write(self) -> None:
        text = "".join("\t".join(row) + "\n" for row in self.rows)
        (self.state / "next").write_text(text, encoding="utf-8")
        (self.state / "next").replace(self.state / "instances")

    def now(self) -> dict[str, list[str]]:
        lines = (self.state / "instances").read_text(encoding="utf-8").splitlines()
        self.rows = [line.split("\t") for line in lines]
        return {row[0]: row[2:5] for row in self.rows}

    def start(self, script: str, name: str) -> subprocess.Popen[str]:
        here = self.folder / name
        env = {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            "STATE": str(self.state),
            "HERE": str(here),
            "NAME": name,
            "LLMINFRA_ETC": str(here),
            "LLMINFRA_RUN": str(here),
            "LLMINFRA_BIN": str(user_data_dir() / "replica"),
            "LLMINFRA_EFA": str(here),
            "LLMINFRA_INSTANCE_ID": str(here / "instance-id"),
        }
        folder = user_data_dir() if script == "run-engine.sh" else user_data_dir() / "replica"
        with (here / "errors").open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [BASH, str(folder / script)], env=env, text=True, stdout=subprocess.DEVNULL, stderr=errors
            )
        self.processes.append(process)
        return process

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait(timeout=30)

    def run(self, script: str, *names: str) -> None:
        running = {name: self.start(script, name) for name in names}
        for name, process in running.items():
            assert process.wait(timeout=30) == 0, (self.folder / name / "errors").read_text(encoding="utf-8")

    def replica(self, name: str) -> dict[str, str]:
        lines = (self.folder / name / "replica.env").read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def calls(self, name: str) -> list[str]:
        path = self.state / f"{name}.calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def make(replicas: int = 1) -> Fleet:
        made.append(Fleet(tmp_path, replicas))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def test_instances_meet_in_one_round_with_ranks_of_their_own(fleet: Any) -> None:
    here = fleet()
    here.add("i-b")
    here.add("i-a")
    here.run("join-replica.sh", "i-a", "i-b")
    found = {name: here.replica(name) for name in ("i-a", "i-b")}
    assert {name: each["RANK"] for name, each in found.items()} == {"i-a": "0", "i-b": "1"}
    assert len({each["ROUND"] for each in found.values()}) == 1
    assert {each["LEADER_ADDRESS"] for each in found.values()} == {"10.0.0.2"}
    assert found["i-b"]["ADDRESS"] == "10.0.0.1"
    assert found["i-a"]["MEMBERS"] == "'i-a i-b'"
    assert found["i-a"]["INTERFACE"] == "ens32"
    assert "iptables --check OUTPUT --destination 169.254.169.254 --match owner --uid-owner 10001 --jump REJECT" in (
        here.calls("i-a")
    )


def test_one_that_starts_again_takes_the_others_along(fleet: Any) -> None:
    here = fleet()
    here.add("i-a")
    here.add("i-b")
    here.run("join-replica.sh", "i-a", "i-b")
    first = int(here.replica("i-a")["ROUND"])
    here.run("join-replica.sh", "i-b", "i-a")
    assert {int(here.replica(name)["ROUND"]) for name in ("i-a", "i-b")} == {first + 1}


def test_a_replacement_waits_for_the_others_to_start_again(fleet: Any) -> None:
    here = fleet()
    here.add("i-a")
    here.add("i-b")
    here.run("join-replica.sh", "i-a", "i-b")
    here.now()
    here.rows = [row for row in here.rows if row[0] != "i-b"]
    here.add("i-c")
    joining = here.start("join-replica.sh", "i-c")
    with pytest.raises(subprocess.TimeoutExpired):
        joining.wait(timeout=0.5)
    here.run("join-replica.sh", "i-a")
    assert joining.wait(timeout=30) == 0
    assert here.replica("i-c") | {"ADDRESS": "", "RANK": ""} == here.replica("i-a") | {"ADDRESS": "", "RANK": ""}


def test_nothing_starts_while_an_instance_is_missing_or_leaves(fleet: Any) -> None:
    here = fleet()
    here.add("i-a")
    here.add("i-b", round_="1", leaving="now")
    joining = here.start("join-replica.sh", "i-a")
    with pytest.raises(subprocess.TimeoutExpired):
        joining.wait(timeout=0.5)
    assert not (here.folder / "i-a" / "replica.env").exists()


def test_leader_and_worker_are_told_apart(fleet: Any) -> None:
    here = fleet()
    here.add("i-a")
    here.add("i-b")
    for name in ("i-a", "i-b"):
        (here.folder / name / "secrets.env").write_text("HF_TOKEN=x\n", encoding="utf-8")
        for device in ("uverbs0", "uverbs1"):
            (here.folder / name / device).touch()
    here.run("join-replica.sh", "i-a", "i-b")
    here.run("run-engine.sh", "i-a", "i-b")
    leader, worker = (here.calls(name)[-1] for name in ("i-a", "i-b"))
    for run in (leader, worker):
        assert run.startswith("docker run")
        assert "--network host" in run
        assert "--publish" not in run
        assert "--master-addr=10.0.0.1 " in run
        assert "--nnodes=2" in run
        assert run.count("--device ") == 2
        assert "--cap-drop ALL" in run
        assert "--cap-add IPC_LOCK" in run
        assert "NCCL_SOCKET_IFNAME=ens32" in run
        assert "$(" not in run
    assert "--node-rank=0" in leader
    assert "--host=0.0.0.0" in leader
    assert "VLLM_HOST_IP=10.0.0.1" in leader
    assert "--node-rank=1 --headless" in worker
    assert "--host=127.0.0.1" in worker
    assert "VLLM_HOST_IP=10.0.0.2" in worker


def _watch(here: Fleet, name: str, until: Callable[[], bool]) -> None:
    watching = here.start("watch-replica.sh", name)
    for _ in range(300):
        if until():
            break
        assert watching.poll() is None
        subprocess.run(["/bin/sleep", "0.02"], check=True)
    else:
        pytest.fail("the watcher did not do what it should")
    (here.folder / name / "stop").touch()
    watching.wait(timeout=30)


def _joined(here: Fleet) -> None:
    here.add("i-a")
    here.add("i-b")
    here.run("join-replica.sh", "i-a", "i-b")
    here.now()
    (here.state / "systemctl.sh").write_text("echo active\n", encoding="utf-8")
    (here.state / "curl.sh").write_text("exit 22\n", encoding="utf-8")


def _killed(here: Fleet, name: str) -> bool:
    return "docker kill llminfra-engine" in here.calls(name)


def test_the_leader_says_when_it_answers_and_only_then(fleet: Any) -> None:
    here = fleet()
    _joined(here)
    (here.state / "curl.sh").unlink()
    _watch(here, "i-a", lambda: here.now()["i-a"][1] == "yes")
    assert here.now()["i-b"][1] == "no"
    assert not _killed(here, "i-a")


def test_a_leader_that_stops_answering_starts_again(fleet: Any) -> None:
    here = fleet()
    _joined(here)
    (here.state / "curl.sh").write_text(
        'n=$(wc -l <"$STATE/$NAME.calls")\nif ((n > 8)); then exit 22; fi\n', encoding="utf-8"
    )
    _watch(here, "i-a", lambda: _killed(here, "i-a"))


def test_a_leader_that_has_not_answered_yet_is_left_alone(fleet: Any) -> None:
    here = fleet()
    _joined(here)
    asked = "curl -sf --max-time 10 --output /dev/null http://127.0.0.1:8000/health"
    _watch(here, "i-a", lambda: here.calls("i-a").count(asked) > 10)
    assert not _killed(here, "i-a")


@pytest.mark.parametrize("change", ["round", "instance"])
def test_a_new_round_or_another_instance_ends_the_engine(change: str, fleet: Any) -> None:
    here = fleet()
    _joined(here)
    if change == "round":
        here.rows[0][2] = "7"
    else:
        here.rows[0][0] = "i-x"
    here.write()
    _watch(here, "i-b", lambda: _killed(here, "i-b"))


def test_replicas_leave_one_after_the_other(fleet: Any) -> None:
    here = fleet(2)
    here.add("i-a", 0, round_="1", ready="yes")
    here.add("i-b", 1, round_="1", ready="yes")
    second = here.start("await-turn.sh", "i-b")
    here.run("await-turn.sh", "i-a")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=0.5)
    assert here.now()["i-a"][2] == "now"
    assert here.now()["i-b"][2] == "waits"
    here.rows = [row for row in here.rows if row[0] != "i-a"]
    here.add("i-n", 0, round_="1", ready="no")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=0.5)
    here.now()
    here.rows[-1][3] = "yes"
    here.write()
    assert second.wait(timeout=30) == 0
    assert here.now()["i-b"][2] == "now"
    calls = (here.state / "calls").read_text(encoding="utf-8")
    assert "record-lifecycle-action-heartbeat --region us-east-1 --auto-scaling-group-name acme-chat-1" in calls


def test_a_replica_that_is_given_up_waits_for_nobody(fleet: Any) -> None:
    here = fleet(2)
    here.add("i-a", 0)
    here.add("i-b", 1, leaving="None")
    (here.state / "wanted-acme-chat-1").write_text("0", encoding="utf-8")
    here.run("await-turn.sh", "i-b")
    assert here.now()["i-b"][2] == "now"
