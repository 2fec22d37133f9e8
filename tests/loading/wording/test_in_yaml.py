"""Texts of findings in YAML: what is understood is reworded, everything else stays, and no text of llminfra is left."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import llminfra
from llminfra import (
    VLLM,
    Autoscaling,
    CapacityBlock,
    Cluster,
    Disaggregation,
    Image,
    LocalState,
    Mig,
    Model,
    Network,
    Observability,
    OnDemand,
    Parallelism,
    Reservation,
    Role,
    S3State,
    SageMaker,
    Secret,
    SGLang,
    Slo,
    Spot,
    SystemNodes,
)
from llminfra.loading.load import load
from llminfra.loading.wording.in_yaml import _fields, _types, in_yaml
from llminfra.loading.wording.python_text import pieces
from llminfra.rules.registry import rules


@pytest.mark.parametrize(
    ("path", "python", "yaml"),
    [
        ("endpoints.chat", "use VLLM(…)", "use engine: {kind: vllm, …}"),
        ("endpoints.chat", 'set Model(quantization="fp8")', "set model: {quantization: fp8}"),
        ("endpoints.chat", "set Model(revision=…) to the commit", "set model.revision to the commit"),
        ("endpoints.chat", 'Model(token=Secret(name="…"))', "model: {token: {name: …}}"),
        ("endpoints.chat", "raise Endpoint(served_name=…)", "raise served_name"),
        ("gateways.g", "set Endpoint(served_name=…) on one", "set endpoints.*.served_name on one"),
        ("", "GpuPool(root_volume_gib=300)", "pools.*.root_volume_gib: 300"),
        ("pools.a", "GpuPool(root_volume_gib=300, efa=True)", "root_volume_gib: 300, efa: true"),
        ("", "found Lustre(name='fast', …)", "found storage.fast"),
        ("", "set Platform(budget_usd_per_month=…)", "set budget_usd_per_month"),
        ("", "Platform(observability=Observability())", "observability: {}"),
        ("", "llminfra.Platform(name=acme, region=us-east-1)", "name: acme, region: us-east-1"),
        ("", "Cluster(system_nodes=SystemNodes(…))", "cluster: {system_nodes: {…}}"),
        ("", "Waiver(rule=CKV_AWS_18, scope=storage.*, …)", "Waiver(rule=CKV_AWS_18, scope=storage.*, …)"),
        ("", "Waiver(rule='CKV_AWS_18', …)", "waivers: [{rule: CKV_AWS_18, …}]"),
        ("", "put it on SageMaker(…)", "put it on: {kind: sagemaker, …}"),
        ("", "on Ec2(…) or SageMaker(…)", "on: {kind: ec2, …} or on: {kind: sagemaker, …}"),
        ("", "weights=LocalNvme(source=…)", "weights: {kind: nvme, source: …}"),
        ("", "name it with Image(…, ray=True)", "name it with image: {…, ray: true}"),
        ("", "name it with Secret(name=…)", "name it with {name: …}"),
        ("", "nodes=(0, 4), zones=['us-east-1a']", "nodes: [0, 4], zones: [us-east-1a]"),
        ("", "cluster=None, nodes=(0, n)", "cluster: null, nodes: [0, n]"),
        ("", "max_model_len=32_768.", "max_model_len: 32768."),
        ("", "version=0.27.1, version='1.30'", 'version: 0.27.1, version: "1.30"'),
        ("", "set min=1: callers wait", "set `min: 1`: callers wait"),
        ("", """extra_args=['--hf-overrides', '{"a": 1}']""", """extra_args: [--hf-overrides, '{"a": 1}']"""),
        ("", "env={'A': 'b c', 'D': '#'}", 'env: {A: "b c", D: "#"}'),
        ("", "a GpuPool, or A ModelBucket", "an item of `pools`, or A {kind: bucket} in `storage`"),
        ("", "VLLM, SGLang, DJLServing or TGI", "{kind: vllm}, {kind: sglang}, {kind: djl-lmi} or {kind: tgi}"),
        (
            "",
            "an endpoint on Ec2, SageMaker or a GpuPool",
            "an endpoint on {kind: ec2}, {kind: sagemaker} or an item of `pools`",
        ),
    ],
)
def test_python_becomes_yaml(path: str, python: str, yaml: str) -> None:
    assert in_yaml(python, path) == yaml
    assert in_yaml(yaml, path) == yaml


@pytest.mark.parametrize(
    "text",
    [
        "",
        "max_position_embeddings=40960, tp_size=2",  # an engine's own words
        "Model(s) and GPU(s)",
        "Model(nonsense=1)",  # no field
        "Model(id='a' 'b')",
        "Model(quantization='fp8'",  # not closed
        "GpuPool(*types)",
        "weights=Lustre(capacity_gib=1200)",  # an item of a section has to be named
        "torch.load(efa=True)",
        "f(a, efa=True)",
        "nodes=f(2), nodes=x[0], nodes=a=b, efa==True",
        "--max-num-seqs=4 --kv-cache-dtype=fp8, LLMINFRA_PRICES=x",
        "https://example.com/?region=us-east-1&name=x, up{name='a'}",
        "run `llminfra plan --set efa=True` and `GpuPool`",
        "found 'efa=True' and \"nodes=3\"",
        "SageMaker hosts SGLang and Lustre; a Model, a Cluster, an Endpoint",
        "vLLM, TGI's own README; Amazon SageMakerAsync",
        "set internal = true",
        "nodes=" + "[" * 3000,
        "name='\\d'",
    ],
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert in_yaml(text) == text


_MARKS = st.sampled_from(
    [
        "Model(",
        "GpuPool(",
        "VLLM",
        "efa=",
        "nodes=",
        "True",
        "…",
        "'",
        '"',
        "`",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ", ",
        ": ",
        "\\",
        "=",
        " ",
        "7",
        "x",
        "a ",
        ".",
        "Secret(name=…)",
    ]
)


@given(st.lists(_MARKS, max_size=25).map("".join) | st.text(max_size=60))
def test_no_text_is_lost_or_reworded_twice(text: str) -> None:
    assert "".join(written for _, written in pieces(text, _types().keys(), _fields())) == text
    once = in_yaml(text)
    if "=" not in once and "(" not in once:
        assert in_yaml(once) == once


def test_the_schema_knows_what_is_written(tmp_path: Path) -> None:
    """YAML that was made of Python is read as the same object."""
    spec = (
        "name: p\nregion: us-east-1\npools:\n  gpu: {{instance_types: [g6.xlarge]{pool}}}\n"
        "endpoints:\n  chat: {{model: {{id: Qwen/Qwen3-8B}}, engine: vllm, on: gpu{endpoint}}}\n{platform}\n"
    )
    blocks: list[tuple[str, str, Any]] = [
        ("pool", "capacity", Spot(fallback_on_demand=False)),
        ("pool", "capacity", OnDemand()),
        ("pool", "sharing", Mig(profile="3g.40gb", tenants=["a", "b"])),
        ("endpoint", "replicas", Autoscaling(min=0, max=3, cooldown_s=900)),
        ("endpoint", "parallelism", Parallelism(tensor=2, expert=True)),
        ("endpoint", "slo", Slo(time_to_first_token_ms=2.5)),
        ("endpoint", "disaggregation", Disaggregation(prefill=Role(replicas=2), decode=Role(max_num_seqs=8))),
        ("platform", "state", S3State(bucket="acme-state")),
        ("platform", "state", LocalState()),
        ("platform", "network", Network(cidr="10.20.0.0/16", nat="none")),
        ("platform", "cluster", Cluster(version="1.34", public_access_cidrs=[], system_nodes=SystemNodes())),
        ("platform", "observability", Observability()),
        ("engine", "engine", VLLM(version="0.10", extra_args=["--x", "a: b"], env={"A": "1", "B": "true"})),
        ("engine", "engine", SGLang(image=Image(repository="lmsysorg/sglang", tag="v0.5.5", efa=True))),
        ("model", "model", Model(id="Qwen/Qwen3-8B", token=Secret(name="a/b"), trust_remote_code=False)),
        ("on", "on", SageMaker(instance_type="ml.g6.2xlarge", zones=["us-east-1a"])),
    ]
    for place, field, item in blocks:
        written = in_yaml(_python(item))
        assert written.startswith(f"{field}: {{"), written
        parts = {"pool": "", "endpoint": "", "platform": ""}
        text = spec
        if place in parts:
            parts[place] = written if place == "platform" else f", {written}"
        else:
            text = re.sub(rf"\b{place}: (\{{\{{[^}}]*\}}\}}|\w+)", written.replace("{", "{{").replace("}", "}}"), spec)
        file = tmp_path / "spec.yaml"
        file.write_text(text.format(**parts), encoding="utf-8")
        loaded = load(file)
        assert not loaded.diagnostics, written
        (platform,) = loaded.platforms
        holder: Any = {"pool": platform.pools[0], "platform": platform}.get(place, platform.workloads[0])
        assert getattr(holder, field) == item


@pytest.mark.parametrize(
    ("item", "written"),
    [
        (
            CapacityBlock(reservation_id="cr-0123456789abcdef0"),
            "{kind: capacity-block, reservation_id: cr-0123456789abcdef0}",
        ),
        (
            Reservation(reservation_id="cr-0123456789abcdef0"),
            "{kind: reservation, reservation_id: cr-0123456789abcdef0}",
        ),
        (Secret(name="hf-token"), "{name: hf-token}"),
    ],
)
def test_what_several_fields_hold_has_no_field(item: object, written: str) -> None:
    assert in_yaml(_python(item)) == written


def _python(item: Any) -> str:
    """The call that makes an object."""
    if hasattr(item, "model_fields_set"):
        given = [
            f"{name}={_python(getattr(item, name))}"
            for name in type(item).model_fields
            if name in item.model_fields_set
        ]
        return f"{type(item).__name__}({', '.join(given)})"
    return repr(list(item)) if isinstance(item, tuple) else repr(item)


# Every text of llminfra.

_PACKAGE = Path(llminfra.__file__).parent
_ROOMS = ("planning", "rules", "engines", "policy", "observability", "loading")
_OTHERS = {
    "loading/load.py",  # says what a Python file must have
    "loading/python_file.py",  # of Python specs alone, as the next ones
    "loading/python_fixes.py",
    "loading/left_out.py",
    "loading/yaml/objects.py",
}
_NOT_REWORDED = {"runtime_message", "seen", "source"}
_CALLED = re.compile(rf"\b({'|'.join(_types())})\(")
_ASSIGNED = re.compile(rf"(?<![\w.`@/$?&:{{<'\"-])({'|'.join(sorted(_fields()))})=(?!=)")
_CLASSES = re.compile(
    r"\b(GpuPool|ModelBucket|LocalNvme|Ec2|AsyncEndpoint|BatchInference|SageMakerAsync|CapacityBlock)\b"
)


def _texts() -> Iterator[tuple[str, str]]:
    """Texts of the source that say Python, with a word in the place of what is filled in."""
    for path in sorted(path for room in _ROOMS for path in (_PACKAGE / room).rglob("*.py")):
        where = path.relative_to(_PACKAGE).as_posix()
        if where in _OTHERS:
            continue
        for node in _strings(ast.parse(path.read_text(encoding="utf-8"))):
            text = _filled(node)
            if "\n" in text:
                continue  # a script
            if _CALLED.search(text) or _ASSIGNED.search(text) or (" " in text and _CLASSES.search(text)):
                yield f"{where}:{node.lineno}", text


def _strings(node: ast.AST) -> Iterator[ast.JoinedStr | ast.Constant]:
    """The strings under a node, without docstrings, what engines say, and parts of other strings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.keyword) and child.arg in _NOT_REWORDED:
            continue
        if isinstance(child, ast.JoinedStr) or (isinstance(child, ast.Constant) and isinstance(child.value, str)):
            yield child
        else:
            yield from _strings(child)


def _filled(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    text = ""
    for part in node.values:
        if isinstance(part, ast.Constant) and text.endswith("7") and str(part.value)[:1].isupper():
            text += " "  # what is filled in ends with one
        if isinstance(part, ast.Constant):
            text += str(part.value)
        elif (called := re.search(r"(\w+)\($", text)) and called[1] in _types():  # the arguments of a call
            text += f"{next(name for name in _types()[called[1]].model_fields if name != 'kind')}=7"
        else:
            text += "7"
    return text


TEXTS = dict(_texts())


def test_there_are_texts() -> None:
    assert len(TEXTS) > 150


@pytest.mark.parametrize("where", TEXTS)
def test_no_text_of_llminfra_leaves_python(where: str) -> None:
    told = in_yaml(TEXTS[where])
    rest = re.sub(r"`[^`]*`", "", told)
    assert not _CALLED.search(rest), told
    assert not _ASSIGNED.search(rest), told
    assert not _CLASSES.search(rest), told
    assert not re.search(r"(?<!_)\b(True|False|None)\b", rest), told


def test_every_rule_can_be_told_in_yaml() -> None:
    for rule in rules():
        told = in_yaml(rule.fix)
        assert not _CALLED.search(told), rule.code
        assert not _ASSIGNED.search(told), rule.code
        assert not _CLASSES.search(told), rule.code
