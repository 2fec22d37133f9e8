"""A Python spec runs in isolation, and whatever goes wrong in it is a finding with its line."""

import subprocess
import sys
from pathlib import Path

import pytest

from llminfra.diagnostics import UsageError
from llminfra.loading.load import load, load_all
from tests.loading.python_specs import MINIMAL, codes, spec


def test_platform_at_module_level(tmp_path: Path) -> None:
    loaded = load(spec(tmp_path, MINIMAL))
    assert [item.name for item in loaded.platforms] == ["one"]
    assert loaded.ok
    assert loaded.platforms[0].origin == (str(tmp_path / "spec.py"), 3)


def test_every_platform_counts_wherever_it_is_built(tmp_path: Path) -> None:
    text = """
from llminfra import Platform
def make(name): return Platform(name=name, region="us-east-1")
made = [make("a"), make("b")]
make("c")
d = made[0].model_copy(update={"name": "d"})
again = d
"""
    assert [item.name for item in load(spec(tmp_path, text)).platforms] == ["a", "b", "c", "d"]


def test_neighbours_can_be_imported_and_are_forgotten(tmp_path: Path) -> None:
    for folder, region in (("x", "us-east-1"), ("y", "eu-west-1")):
        (tmp_path / folder).mkdir()
        spec(tmp_path / folder, f"REGION = {region!r}\n", "shared_settings.py")
        spec(
            tmp_path / folder,
            "from shared_settings import REGION\nfrom llminfra import Platform\n"
            f"Platform(name={folder!r}, region=REGION)\n",
        )
    before = list(sys.path)
    loaded = load_all([tmp_path / "x" / "spec.py", tmp_path / "y" / "spec.py"])
    assert [item.region for item in loaded.platforms] == ["us-east-1", "eu-west-1"]
    assert sys.path == before
    assert "shared_settings" not in sys.modules
    assert "llminfra_spec" not in sys.modules


def test_spec_in_a_package_imports_by_the_package_name(tmp_path: Path) -> None:
    package = tmp_path / "my_stacks"
    package.mkdir()
    spec(package, "", "__init__.py")
    spec(package, "NAME = 'packaged'\n", "common.py")
    text = "from my_stacks.common import NAME\nfrom llminfra import Platform\nPlatform(name=NAME, region='us-east-1')\n"
    assert [item.name for item in load(spec(package, text)).platforms] == ["packaged"]


def test_a_dataclass_in_a_spec_finds_its_module(tmp_path: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n"
    assert load(spec(tmp_path, text + MINIMAL)).ok


def test_prints_of_a_spec_do_not_reach_stdout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(spec(tmp_path, MINIMAL + "print('hello')\n"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hello\n"


def test_no_bytecode_is_left_beside_the_spec(tmp_path: Path) -> None:
    spec(tmp_path, "X = 1\n", "neighbour.py")
    load(spec(tmp_path, "import neighbour\n" + MINIMAL))
    assert sorted(item.name for item in tmp_path.iterdir()) == ["neighbour.py", "spec.py"]


def test_shape_errors_of_all_objects_come_in_one_run(tmp_path: Path) -> None:
    text = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Platform
pool = GpuPool(name="gpu", instance_types=["g6.xlarge"], node=(0, 1))
endpoint = Endpoint(
    name="chat",
    model=Model(id="Qwen/Qwen3-8B", token="hf_abcdefghijklmnop"),
    engine=VLLM(max_model_len=0),
    on=pool,
)
Platform(name="Upper", region="us-east-1", pools=[pool], endpoints=[endpoint])
"""
    loaded = load(spec(tmp_path, text))
    assert [(item.code, item.path, item.line) for item in loaded.diagnostics] == [
        ("LLM_SPEC_2", "pools.gpu.node", 3),
        ("LLM_SEC_1", "endpoints.chat.model.token", 6),
        ("LLM_SPEC_1", "endpoints.chat.engine.max_model_len", 7),
        ("LLM_SPEC_1", "name", 10),
    ]
    assert all(item.fix for item in loaded.diagnostics)
    assert not any("hf_abcdefghijklmnop" in str(item) for item in loaded.diagnostics)


def test_objects_of_one_line_are_told_apart(tmp_path: Path) -> None:
    text = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Platform, Waiver
pool = GpuPool(name="gpu", instance_types=["g6.xlarge"])
platform = Platform(name="p", region="us-east-1", pools=[pool], waivers=[
    Waiver(rule=rule, reason="short", owner="ml", expires="2027-01-31") for rule in ("LLM_SRV_2", "LLM_CAP_7")])
for name in ("a", "b"):
    platform.add(Endpoint(name=name, model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(max_model_len=0), on=pool))
"""
    loaded = load(spec(tmp_path, text))
    assert [item.path for item in loaded.diagnostics] == [
        "waivers.LLM_SRV_2.reason",
        "waivers.LLM_CAP_7.reason",
        "endpoints.a.engine.max_model_len",
        "endpoints.b.engine.max_model_len",
    ]


def test_objects_with_names_inside_others_are_told_where_they_stand_as_in_yaml(tmp_path: Path) -> None:
    text = """
from llminfra import *
pool = GpuPool(name="gpu", instance_types=["g6.xlarge"])
bucket = ModelBucket(name="acme-weights")
platform = Platform(name="p", region="us-east-1", pools=[pool], storage=[bucket],
    observability=Observability(receivers=[SlackAlerts(webhook=Secret(name="a b"), channel="#a")]))
chat = platform.add(Endpoint(name="chat", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=pool,
    api_key=Secret(name="c d"), adapters=[LoraAdapter(name="sql", bucket=bucket, rank=600, key="sql")]))
platform.add(Gateway(name="edge", endpoints=[chat], tenants=[Tenant(name="web", requests_per_minute=0)]))
"""
    assert [item.path for item in load(spec(tmp_path, text)).diagnostics] == [
        "observability.receivers[0].webhook.name",
        "endpoints.chat.api_key.name",
        "endpoints.chat.adapters.sql.rank",
        "gateways.edge.tenants.web.requests_per_minute",
    ]


def test_parts_of_an_object_that_contradicts_itself_keep_their_paths(tmp_path: Path) -> None:
    """What is left of the endpoint has no replicas any more; what was wrong with them stands in it all the same."""
    text = """
from llminfra import VLLM, Autoscaling, Endpoint, GpuPool, Model, Overflow, Platform, WorkingHours
pool = GpuPool(name="gpu", instance_types=["g6.xlarge"])
platform = Platform(name="p", region="us-east-1", pools=[pool])
hours = WorkingHours(min=1, time_zone="Europe/Berlin", start="20:00", end="08:00")
platform.add(Endpoint(name="a", model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=pool,
    overflow=Overflow(max=1, on=pool), replicas=Autoscaling(min=0, max=2, cooldown_s=1, working_hours=[hours])))
"""
    paths = [item.path for item in load(spec(tmp_path, text)).diagnostics]
    assert paths[0] == "endpoints.a.replicas.working_hours[0]"
    assert "endpoints.a.replicas.cooldown_s" in paths
    assert not any(path.startswith(("Autoscaling", "WorkingHours")) for path in paths)


@pytest.mark.parametrize("name", ["'p'", "'No Name'", "''", "None"])
def test_fields_of_the_only_platform_have_no_prefix_as_in_yaml(tmp_path: Path, name: str) -> None:
    loaded = load(spec(tmp_path, f"from llminfra import Platform\nPlatform(name={name}, region=3)\n"))
    assert {item.path for item in loaded.diagnostics} == {"region"} | ({"name"} if name != "'p'" else set())


def test_fields_of_several_platforms_say_whose_they_are(tmp_path: Path) -> None:
    text = "from llminfra import Platform\nfor name in ('a', 'b'): Platform(name=name, region=3)\n"
    assert [item.path for item in load(spec(tmp_path, text)).diagnostics] == [
        "platforms.a.region",
        "platforms.b.region",
    ]


def test_what_is_sound_is_kept_for_planning(tmp_path: Path) -> None:
    text = """
from llminfra import VLLM, Endpoint, GpuPool, Model, Platform
good = GpuPool(name="good", instance_types=["g6.xlarge"], root_volume_gib=1)
bad = GpuPool(name="bad", nodes=(0, 1))
def endpoint(name, on): return Endpoint(name=name, model=Model(id="Qwen/Qwen3-8B"), engine=VLLM(), on=on)
both = [endpoint("a", good), endpoint("b", bad)]
platform = Platform(name="p", region="us-east-1", pools=[good, bad], endpoints=both)
platform.add(endpoint("c", bad))
platform.add(endpoint("d", good))
"""
    loaded = load(spec(tmp_path, text))
    assert [item.code for item in loaded.diagnostics] == ["LLM_SPEC_1", "LLM_SPEC_3"]
    assert [item.name for item in loaded.platforms[0].pools] == ["good"]
    assert [item.name for item in loaded.platforms[0].workloads] == ["a", "d"]


def test_syntax_error_has_its_line(tmp_path: Path) -> None:
    path = spec(tmp_path, "x = 1\nplatform = Platform(\n")
    (found,) = load(path).diagnostics
    assert (found.code, found.file, found.line) == ("LLM_SPEC_5", str(path), 2)
    assert found.found == "platform = Platform("


def test_syntax_error_in_an_imported_neighbour_names_that_file(tmp_path: Path) -> None:
    other = spec(tmp_path, "def f(:\n", "broken_neighbour.py")
    (found,) = load(spec(tmp_path, "import broken_neighbour\n")).diagnostics
    assert (found.code, found.file, found.line) == ("LLM_SPEC_5", str(other), 1)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"x = '\x00'\n"])
def test_bytes_that_are_no_source_are_a_syntax_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spec.py"
    path.write_bytes(content)
    assert [item.code for item in load(path).diagnostics] == ["LLM_SPEC_5"]


@pytest.mark.parametrize(
    "line",
    [
        "undefined_name",
        "import no_such_module_at_all",
        "1 / 0",
        "raise SystemExit(3)",
        "open('missing')",
        "assert False",
    ],
)
def test_an_exception_is_a_finding_at_the_users_line(tmp_path: Path, line: str) -> None:
    path = spec(tmp_path, f"{MINIMAL}\ndef f():\n    {line}\n\nf()\n")
    loaded = load(path)
    assert [(item.code, item.file, item.line) for item in loaded.diagnostics] == [("LLM_SPEC_6", str(path), 6)]
    assert loaded.diagnostics[0].found == line


def test_shape_errors_before_an_exception_are_kept(tmp_path: Path) -> None:
    text = "from llminfra import Model\nModel(id='no thing')\nboom\n"
    assert codes(spec(tmp_path, text)) == [("LLM_SPEC_1", 2), ("LLM_SPEC_6", 3)]


def test_a_spec_without_platform_is_an_error(tmp_path: Path) -> None:
    assert codes(spec(tmp_path, "x = 1\n")) == [("LLM_SPEC_7", None)]


def test_two_platforms_of_one_name_are_an_error(tmp_path: Path) -> None:
    first, second = spec(tmp_path, MINIMAL, "a.py"), spec(tmp_path, MINIMAL, "b.py")
    (found,) = load_all([first, second]).diagnostics
    assert (found.code, found.path, found.file) == ("LLM_SPEC_4", "platforms.one", str(second))
    assert str(first) in found.message


def test_two_platforms_do_not_create_one_bucket(tmp_path: Path) -> None:
    text = (
        "from llminfra import *\n"
        "bucket, there = (ModelBucket(name='acme-weights', existing=each) for each in (False, True))\n"
        "Platform(name='one', region='us-east-1', storage=[bucket])\n"
        "Platform(name='two', region='us-west-2', storage=[{}])\n"
    )
    (found,) = load_all([spec(tmp_path, text.format("bucket"))]).diagnostics
    assert (found.code, found.path) == ("LLM_SPEC_4", "platforms.two.storage.acme-weights")
    assert "acme-weights-us-west-2" in found.fix
    assert not load_all([spec(tmp_path, text.format("there"))]).diagnostics
    unnamed = text.format("bucket").replace("name='two'", "name='Two!'")
    assert [item.code for item in load_all([spec(tmp_path, unnamed)]).diagnostics] == ["LLM_SPEC_1", "LLM_SPEC_4"]


def test_one_bucket_in_two_files_is_a_warning_for_they_may_be_of_two_accounts(tmp_path: Path) -> None:
    for name in ("one", "two"):
        text = f"Platform(name='{name}', region='us-east-1', storage=[ModelBucket(name='acme-weights')])\n"
        (tmp_path / f"{name}.py").write_text(f"from llminfra import *\n{text}", encoding="utf-8")
    (found,) = load_all([tmp_path / "one.py", tmp_path / "two.py"]).diagnostics
    assert (found.code, str(found.severity.value)) == ("LLM_SPEC_4", "warning")
    assert found.path == "platforms.two.storage.acme-weights"


def test_values_without_the_names_of_their_fields_are_told_with_them(tmp_path: Path) -> None:
    text = "from llminfra import *\nx = Model('Qwen/Qwen3-8B', dtype='auto')\ny = Secret('hf_abcdefghijklmnop')\n"
    path = spec(tmp_path, f"{text}Platform(name='one', region='us-east-1')\n")
    model, secret, refused = load_all([path]).diagnostics
    assert (model.code, model.line, model.fix) == ("LLM_SPEC_1", 2, "write Model(id='Qwen/Qwen3-8B', …)")
    assert (secret.line, refused.code) == (3, "LLM_SEC_1")
    assert "hf_" not in f"{secret.found}{secret.expected}{secret.fix}"


@pytest.mark.filterwarnings("ignore:can't resolve package:ImportWarning")
def test_a_relative_import_is_told_what_works(tmp_path: Path) -> None:
    (found,) = load_all([spec(tmp_path, "from .pools import l4\n")]).diagnostics[:1]
    assert "without the dots" in found.fix


def test_a_mistyped_import_is_corrected(tmp_path: Path) -> None:
    (found,) = load(spec(tmp_path, "from llminfra import Platfrom\n")).diagnostics
    assert found.fix == "did you mean Platform?"
    assert "__init__.py" not in found.message


def test_the_same_file_twice_counts_once(tmp_path: Path) -> None:
    path = spec(tmp_path, MINIMAL)
    assert len(load_all([path, path]).platforms) == 1


@pytest.mark.parametrize("name", ["missing.py", ".", "spec.txt"])
def test_what_is_no_spec_file_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "spec.txt").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="file"):
        load(tmp_path / name)


def test_a_shape_error_of_a_part_is_told_at_the_section_that_declares_it(tmp_path: Path) -> None:
    """Endpoints hold the same pool object; the pool's own place comes first."""
    text = (
        "from llminfra import *\n"
        "l4 = GpuPool(name='l4', instance_types=['g6.xlarge'], capacity=CapacityBlock(reservation_id='cr-123'))\n"
        "p = Platform(name='x', region='us-east-1', pools=[l4])\n"
        "p.add(Endpoint(name='chat', model=Model(id='Qwen/Qwen3-8B'), engine=VLLM(), on=l4))\n"
    )
    (tmp_path / "spec.py").write_text(text, encoding="utf-8")
    (item,) = load(tmp_path / "spec.py").diagnostics
    assert item.path == "pools.l4.capacity.reservation_id"


@pytest.mark.parametrize(
    ("line", "code", "text"),
    [
        ("l4.nodes = (1, 2)", "LLM_SPEC_6", "give nodes where the GpuPool is built"),
        ("p.add(dict(name='x'))", "LLM_SPEC_1", "Endpoint(…), Gateway(…), AsyncEndpoint(…) or BatchInference(…)"),
        ("p.add(l4)", "LLM_SPEC_1", "give it to Platform(pools=…)"),
    ],
)
def test_changing_what_is_declared_or_adding_what_is_no_workload(
    tmp_path: Path, line: str, code: str, text: str
) -> None:
    spec = (
        "from llminfra import *\n"
        "l4 = GpuPool(name='l4', instance_types=['g6.xlarge'])\n"
        "p = Platform(name='x', region='us-east-1', pools=[l4])\n"
    )
    (tmp_path / "spec.py").write_text(spec + line + "\n", encoding="utf-8")
    (item,) = load(tmp_path / "spec.py").diagnostics
    assert (item.code, item.line) == (code, 4)
    assert text in (item.expected, item.fix)
    assert "\n" not in item.message
    assert "http" not in str(item)


def test_defaults_have_no_line_of_their_own(tmp_path: Path) -> None:
    """They are made while llminfra is imported, by whatever line imports it."""
    text = (
        "from llminfra import *\n"
        "p = Platform(name='x', region='us-east-1', bedrock=Bedrock(models=[BedrockModel(name='a', id='a.b')]))\n"
    )
    (tmp_path / "spec.py").write_text(text, encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from llminfra.loading.load import load\n"
        "(p,) = load(Path(sys.argv[1])).platforms\n"
        "print(p.bedrock.guardrail.origin, p.network.origin, p.bedrock.origin[1])\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "spec.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["None", "None", "2"]
