"""Each mistake that a spec can hold gets its own code, spec path, finding and fix; nothing is written."""

import json
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.cli.specs import GOOD, PREAMBLE, write

PLATFORM = 'platform = Platform(name="p", region="us-east-1", pools=[pool]{rest})\n'


def pool(arguments: str, rest: str = "") -> str:
    return f'{PREAMBLE}pool = GpuPool(name="gpu", {arguments})\n{PLATFORM.format(rest=rest)}'


def endpoint(arguments: str, types: str = "g6.2xlarge", before: str = "") -> str:
    return (
        f'{PREAMBLE}pool = GpuPool(name="gpu", instance_types=["{types}"])\n{before}'
        f"chat = Endpoint(name='chat', {arguments})\n{PLATFORM.format(rest=', endpoints=[chat]')}"
    )


SMALL = 'model=Model(id="Qwen/Qwen3-8B", quantization="fp8"), engine=VLLM(max_model_len=2048)'
YAML = "name: p\nregion: us-east-1\npools:\n  gpu: {instance_types: [g6.2xlarge]"

TWINS = f"""{PREAMBLE}
a = GpuPool(name="gpu", instance_types=["g6.xlarge"])
b = GpuPool(name="gpu", instance_types=["g6.2xlarge"])
Platform(name="p", region="us-east-1", pools=[a, b])
"""
MISTAKES = {
    "unknown instance type": (
        "spec.py",
        pool('instance_types=["g6.3xlarge"]'),
        "LLM_CAP_20",
        "pools.gpu.instance_types[0]",
    ),
    "EFA on a type without it": (
        "spec.py",
        pool('instance_types=["g6.2xlarge"], efa=True'),
        "LLM_CAP_21",
        "pools.gpu.instance_types[0]",
    ),
    "several types in an EFA pool": (
        "spec.py",
        pool('instance_types=["p5.48xlarge", "p4d.24xlarge"], efa=True'),
        "LLM_CAP_22",
        "pools.gpu.instance_types",
    ),
    "model that does not fit": (
        "spec.py",
        endpoint('model=Model(id="meta-llama/Llama-3.3-70B-Instruct"), engine=VLLM(), on=pool'),
        "LLM_FIT_1",
        "endpoints.chat",
    ),
    "heads not divisible by tensor parallelism": (
        "spec.py",
        endpoint(f"{SMALL}, on=pool, parallelism=Parallelism(tensor=3)", types="g6.12xlarge"),
        "LLM_SHAPE_1",
        "endpoints.chat.parallelism",
    ),
    "zone outside the region": (
        "spec.py",
        pool('instance_types=["g6.2xlarge"], zones=["eu-west-1a"]'),
        "LLM_NET_20",
        "pools.gpu.zones[0]",
    ),
    "zone of the network outside the region": (
        "spec.py",
        pool('instance_types=["g6.2xlarge"]', ', network=Network(zones=["us-east-1a", "eu-west-1a"])'),
        "LLM_NET_20",
        "network.zones[1]",
    ),
    "overlapping CIDRs": (
        "spec.py",
        pool(
            'instance_types=["g6.2xlarge"]',
            ', network=Network(zones=["us-east-1a", "us-east-1b"], private_subnets=["10.0.0.0/18", "10.0.32.0/19"])',
        ),
        "LLM_NET_21",
        "network",
    ),
    "duplicate names": (
        "spec.py",
        TWINS,
        "LLM_SPEC_4",
        "pools.gpu",
    ),
    "literal token where a Secret belongs": (
        "spec.py",
        endpoint(
            'model=Model(id="Qwen/Qwen3-8B", quantization="fp8", token="hf_abcdefghijklmnopqrst"), '
            "engine=VLLM(max_model_len=2048), on=pool"
        ),
        "LLM_SEC_1",
        "endpoints.chat.model.token",
    ),
    "plain word where a Secret belongs": (
        "spec.py",
        endpoint(f'{SMALL}, on=pool, api_key="swordfish"'),
        "LLM_SEC_1",
        "endpoints.chat.api_key",
    ),
    "endpoint on a pool of another platform": (
        "spec.py",
        endpoint(f"{SMALL}, on=other", before='other = GpuPool(name="other", instance_types=["g6.2xlarge"])\n'),
        "LLM_REF_1",
        "endpoints.chat.on",
    ),
    "missing reference": (
        "spec.yaml",
        f"{YAML}}}\nendpoints:\n  chat: {{model: {{id: Qwen/Qwen3-8B}}, engine: vllm, on: cpu}}\n",
        "LLM_REF_3",
        "endpoints.chat.on",
    ),
    "cyclic reference": (
        "spec.yaml",
        f"{YAML}, extends: two}}\n  two: {{extends: gpu}}\n",
        "LLM_REF_4",
        "pools.two.extends",
    ),
    "recursive alias": ("spec.yaml", f"{YAML}}}\ntags: &tags {{a: *tags}}\n", "LLM_REF_4", "tags.a"),
    "syntax error in Python": ("spec.py", f"{PREAMBLE}platform = Platform(name=\n", "LLM_SPEC_5", ""),
    "syntax error in YAML": ("spec.yaml", "name: [p\nregion: us-east-1\n", "LLM_SPEC_5", "name"),
    "exception in the spec": ("spec.py", f"{PREAMBLE}Platform(name=undefined)\n", "LLM_SPEC_6", ""),
    "no platform": ("spec.py", PREAMBLE, "LLM_SPEC_7", ""),
    "unknown region": ("spec.py", f'{PREAMBLE}Platform(name="p", region="us-east-9")\n', "LLM_NET_22", "region"),
}
SECRETS = ("hf_abcdefghijklmnopqrst", "swordfish")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_has_its_code_path_finding_and_fix(mistake: str, workdir: Path, run: Run) -> None:
    name, text, code, path = MISTAKES[mistake]
    spec = write(workdir, text, name)
    result = run("plan", spec, "--json")
    assert result.code == 1
    document = json.loads(result.out)
    assert document["ok"] is False
    (found,) = [item for item in document["diagnostics"] if item["code"] == code]
    assert found["path"] == path
    assert found["severity"] == "error"
    assert found["message"]
    assert found["found"]
    assert found["fix"]
    assert Path(found["file"]) == spec
    assert not any(secret in result.out + result.err for secret in SECRETS)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_to_people_and_writes_nothing(mistake: str, workdir: Path, run: Run) -> None:
    name, text, code, path = MISTAKES[mistake]
    spec = write(workdir, text, name)
    for command in (["synth", spec, "-o", workdir / "out"], ["plan", spec], ["check", spec]):
        result = run(*command)
        assert result.code == 1
        assert result.out == ""
        assert f"error {code}" in result.err
        assert path in result.err
        assert "Traceback" not in result.err
        assert not any(secret in result.err for secret in SECRETS)
    assert sorted(item.name for item in workdir.iterdir()) == [name]


def test_all_mistakes_of_all_specs_come_in_one_run(workdir: Path, run: Run) -> None:
    specs = []
    for index, (name, text, _, _) in enumerate(MISTAKES.values()):
        renamed = text.replace('name="p"', f'name="p{index}"').replace("name: p\n", f"name: p{index}\n")
        specs.append(write(workdir, renamed, f"spec_{index}{Path(name).suffix}"))
    result = run("plan", *specs, "--json")
    assert result.code == 1
    found = {(Path(item["file"]), item["code"]) for item in json.loads(result.out)["diagnostics"]}
    expected = {(spec, code) for spec, (_, _, code, _) in zip(specs, MISTAKES.values(), strict=True)}
    assert expected <= found


def test_all_mistakes_of_one_platform_come_in_one_run(workdir: Path, run: Run) -> None:
    text = f"""{PREAMBLE}
unknown = GpuPool(name="unknown", instance_types=["g6.3xlarge"])
no_efa = GpuPool(name="no-efa", instance_types=["g6.2xlarge"], efa=True)
several = GpuPool(name="several", instance_types=["p5.48xlarge", "p4d.24xlarge"], efa=True)
small = GpuPool(name="small", instance_types=["g6.2xlarge"])
four = GpuPool(name="four", instance_types=["g6.12xlarge"])
elsewhere = GpuPool(name="elsewhere", instance_types=["g6.2xlarge"], zones=["eu-west-1a"])
twin = GpuPool(name="small", instance_types=["g6.xlarge"])
foreign = GpuPool(name="foreign", instance_types=["g6.2xlarge"])
def at(name, on, model=Model(id="Qwen/Qwen3-8B", quantization="fp8"), **more):
    return Endpoint(name=name, model=model, engine=VLLM(max_model_len=2048), on=on, **more)
Platform(
    name="bad", region="us-east-1",
    network=Network(zones=["us-east-1a", "us-east-1b"], private_subnets=["10.0.0.0/18", "10.0.32.0/19"]),
    pools=[unknown, no_efa, several, small, four, elsewhere, twin],
    endpoints=[
        at("large", small, Model(id="meta-llama/Llama-3.3-70B-Instruct")),
        at("heads", four, parallelism=Parallelism(tensor=3)),
        at("token", small, Model(id="Qwen/Qwen3-8B", quantization="fp8", token="hf_abcdefghijklmnopqrst")),
        at("foreign", foreign),
        at("typo", small, replcias=2),
    ],
)
"""
    result = run("plan", write(workdir, text), "--json")
    assert result.code == 1
    assert {item["code"] for item in json.loads(result.out)["diagnostics"] if item["severity"] == "error"} == {
        "LLM_CAP_20",
        "LLM_CAP_21",
        "LLM_CAP_22",
        "LLM_FIT_1",
        "LLM_NET_20",
        "LLM_NET_21",
        "LLM_REF_1",
        "LLM_SEC_1",
        "LLM_SHAPE_1",
        "LLM_SHAPE_2",
        "LLM_SPEC_2",
        "LLM_SPEC_4",
    }


def test_a_failed_synth_leaves_an_earlier_result_alone(workdir: Path, run: Run) -> None:
    old = workdir / "out"
    old.mkdir()
    (old / "manifest.json").write_text("{}", encoding="utf-8")
    assert run("synth", write(workdir, pool('instance_types=["g6.3xlarge"]')), "-o", old).code == 1
    assert (old / "manifest.json").read_text(encoding="utf-8") == "{}"
    assert len(list(old.iterdir())) == 1


def test_every_code_of_a_mistake_has_a_page(run: Run) -> None:
    for _, _, code, _ in MISTAKES.values():
        result = run("explain", code)
        assert result.code == 0
        assert result.out.startswith(code)


@pytest.mark.parametrize("form", ["json", "sarif", "junit", "github"])
def test_check_reports_a_failed_spec_in_the_asked_format(form: str, workdir: Path, run: Run) -> None:
    result = run("check", write(workdir, pool('instance_types=["g6.3xlarge"]')), "--format", form)
    assert result.code == 1
    assert "LLM_CAP_20" in result.out
    assert result.err == ""


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("sepc.py", "there is no file sepc.py; did you mean spec.py?"),
        ("other/spec.py", "there is no file other/spec.py, and no folder other"),
        ("-", "a spec is read from a file, whose name tells Python from YAML"),
        ("empty", "empty is a directory; there is no spec file in it"),
        (".", ". is a directory; name a spec file in it, such as spec.py"),
    ],
)
def test_a_spec_that_is_not_there_names_what_is(name: str, told: str, workdir: Path, run: Run) -> None:
    write(workdir, GOOD)
    (workdir / "empty").mkdir()
    result = run("plan", name)
    assert (result.code, result.out) == (2, "")
    assert told in result.err


def test_a_spec_that_cannot_be_read(workdir: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: Path, *_given: object, **_named: object) -> bytes:
        raise PermissionError(13, "Permission denied")

    write(workdir, GOOD)
    write(workdir, "name: x\n", "spec.yaml")
    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr(Path, "read_text", refuse)
    for name in ("spec.py", "spec.yaml"):
        result = run("plan", name)
        assert (result.code, result.err) == (2, f"llminfra: cannot read {name}: Permission denied\n")


def test_a_misspelt_import_of_llminfra(workdir: Path, run: Run) -> None:
    write(workdir, "import llminfa\n")
    assert "did you mean llminfra?" in run("plan", "spec.py").err


@pytest.mark.parametrize(("count", "told"), [(3, 3), (40, 1)])
def test_what_a_loop_does_wrong_is_told_once(workdir: Path, run: Run, count: int, told: int) -> None:
    """JSON has every finding; the summary counts them all."""
    text = (
        "from llminfra import *\nb = ModelBucket(name='acme-w')\n"
        f"made = [LoraAdapter(name=f'a{{n}}', bucket=b, key='k', rank='x') for n in range({count})]\n"
        "Platform(name='one', region='us-east-1', storage=[b])\nprint(made)\n"
    )
    result = run("plan", write(workdir, text))
    assert result.code == 1
    assert result.err.count("error LLM_SPEC_1 at") == told
    assert (f"and {count - 1} more like it at this line, the last at adapters.a{count - 1}.rank" in result.err) is (
        told == 1
    )
    assert f"{count} errors" in result.err
    assert len(json.loads(run("plan", "spec.py", "--json").out)["diagnostics"]) == count
