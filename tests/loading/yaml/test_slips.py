"""Slips in a YAML spec are told once, with what was meant, and nothing follows from what was not read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llminfra.cli.app import app
from llminfra.diagnostics import Diagnostic
from llminfra.loading.load import load

HEAD = "name: acme\nregion: us-east-1\n"
POOL = "pools:\n  gpu: {instance_types: [g6.xlarge], nodes: [0, 4]}\n"
QWEN, LLAMA = "Qwen/Qwen3-8B", "meta-llama/Llama-3.3-70B-Instruct"
ARN = "arn:aws:acm:us-east-1:111122223333:certificate/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"


@pytest.mark.parametrize(
    ("line", "path", "fix"),
    [
        ("engine: {kind: vllm, max_num_seqs: 1,024}", "endpoints.chat.engine.max_num_seqs", "write max_num_seqs: 1024"),
        ("engine: {kind: vLLM}", "endpoints.chat.engine.kind", "did you mean 'vllm'?"),
        ("engine: VLLM", "endpoints.chat.engine", "did you mean 'vllm'?"),
        (
            "engine: {kind: tei}",
            "endpoints.chat.engine.kind",
            "write 'custom', with image, port and probes: llminfra knows no arguments of this server",
        ),
        ("engine: {kind: vllm, max_model_len: true}", "endpoints.chat.engine.max_model_len", None),
        ("engine: {kind: vllm, tensor_parallel_size: 2}", "endpoints.chat.engine.tensor_parallel_size", None),
    ],
)
def test_slips_of_yaml_are_one_finding_with_what_was_meant(tmp_path, line, path, fix):
    text = f"""name: x
region: us-east-1
pools: {{l4: {{instance_types: [g6.xlarge]}}}}
endpoints:
  chat:
    model: {{id: Qwen/Qwen3-8B}}
    on: l4
    {line}
"""
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    (found,) = load(file).diagnostics
    assert (found.path, found.line) == (path, 8)
    assert fix is None or found.fix == fix
    assert "(" not in found.fix


def test_a_file_of_another_kind_is_not_sent_to_the_state(tmp_path):
    file = tmp_path / "spec.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\n", encoding="utf-8")
    fixes = {item.path: item.fix for item in load(file).diagnostics}
    assert "state" not in fixes["kind"]


def told_by_path(tmp_path: Path, text: str) -> dict[str, Diagnostic]:
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    return {item.path: item for item in load(file).diagnostics}


def test_a_bucket_under_another_key_is_told_both_ways_out(tmp_path):
    found = told_by_path(tmp_path, HEAD + "storage: {weights: {kind: bucket, name: acme-weights}}\n")
    assert found["storage.weights.name"].fix == (
        "remove name, or call the item 'acme-weights' here and wherever it is named"
    )


def test_a_short_name_of_a_bucket_gets_no_name_of_a_machine(tmp_path):
    found = told_by_path(tmp_path, HEAD + "storage: {w: {kind: bucket}}\n")
    assert "ml." not in found["storage.w.name"].fix


def test_a_model_named_by_its_id_is_told_what_to_write(tmp_path):
    declared = "models: {qwen: {id: Qwen/Qwen3-8B}}\n" + POOL
    ends = "  {0}: {{model: {1}, engine: vllm, on: gpu}}\n"
    text = HEAD + declared + "endpoints:\n" + ends.format("one", QWEN) + ends.format("two", LLAMA)
    found = told_by_path(tmp_path, text)
    assert found["endpoints.one.model"].fix == "write qwen, which has this id"
    assert found["endpoints.two.model"].fix == f"write {{id: {LLAMA}}}"


def test_an_item_without_a_name_is_the_only_finding_about_it(tmp_path):
    text = HEAD + "pools: [{instance_types: [g6.xlarge]}]\nendpoints:\n"
    found = told_by_path(tmp_path, text + f"  chat: {{model: {{id: {QWEN}}}, engine: vllm, on: l4}}\n")
    assert list(found) == ["pools[0].name"]


def test_a_missing_field_says_what_goes_there(tmp_path):
    text = HEAD + f"endpoints: {{chat: {{model: {{id: {QWEN}}}, engine: vllm}}}}\n"
    assert told_by_path(tmp_path, text)["endpoints.chat.on"].expected.startswith("the name of an item of `pools`")


BASE_ITEMS = {
    "pools": "pools: {gpu: {instance_types: [g6.xlarge], nodes: [0, 1]}}",
    "storage": "storage: {acme-weights: {kind: bucket}}",
    "endpoints": f"endpoints: {{chat: {{model: {{id: {LLAMA}}}, engine: {{kind: vllm, max_model_len: 2048}}, on: gpu, "
    "weights: acme-weights}}",
}


def changed_chat(old: str, new: str) -> dict[str, str]:
    return {"endpoints": BASE_ITEMS["endpoints"].replace(old, new)}


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"pools": "poolz: {gpu: {instance_types: [g6.xlarge]}}"}, "poolz"),
        ({"pools": "pools: 5"}, "pools"),
        ({"pools": "pools: {gpu: 5}"}, "pools.gpu"),
        ({"storage": "storaage: {acme-weights: {kind: bucket}}"}, "storaage"),
        ({"storage": "storage: {acme-weights: []}"}, "storage.acme-weights"),
        ({"storage": "storage: {acme-weights: {}}"}, "storage.acme-weights.kind"),
        (changed_chat("max_model_len", "max_model_lem"), "endpoints.chat.engine.max_model_lem"),
        (changed_chat("2048", "2,048"), "endpoints.chat.engine.max_model_len"),
        (changed_chat("on: gpu", "on: gpu, foo: 1"), "endpoints.chat.foo"),
    ],
)  # fmt: skip
def test_what_was_not_read_has_no_followers(tmp_path, changed, path):
    """A gated 70B model does not fit one L4, which is not known while pool, length or any key is open."""
    text = HEAD + "\n".join({**BASE_ITEMS, **changed}.values())
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["plan", str(file), "--json"])
    assert isinstance(result.exception, SystemExit)
    found = [item["path"] for item in json.loads(result.stdout)["diagnostics"] if item["severity"] == "error"]
    followers = [each for each in found if each != path]
    assert path in found
    if "storage" in changed:  # what fits does not depend on it
        assert followers == ["endpoints.chat"]
    else:
        assert followers == []


def test_a_credential_in_a_spec_is_one_finding(tmp_path):
    text = (
        HEAD + "\n".join(BASE_ITEMS.values()) + "\ngateways:\n  llm:\n    hostname: llm.acme.com\n"
        f"    certificate_arn: {ARN}\n    endpoints: [chat]\n    tenants: [{{name: a, api_key: hf_abcdefghijklmnop}}]\n"
    ).replace(LLAMA, QWEN)
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["plan", str(file), "--json"])
    codes = [item["code"] for item in json.loads(result.stdout)["diagnostics"] if item["severity"] == "error"]
    assert "LLM_SEC_1" in codes
    assert "LLM_GW_10" not in codes


@pytest.mark.parametrize(
    ("section", "path", "code"),
    [
        ("endpoints: {b: {extends: c}, c: {extends: b}}", "endpoints.c.extends", "LLM_REF_4"),
        ("endpoints: {b: {extends: nobody}}", "endpoints.b.extends", "LLM_REF_3"),
        ("storage: {b: {extends: nobody}}", "storage.b.extends", "LLM_REF_3"),
        ("endpoints: {b: {extends: nobody}, c: {extends: b}}", "endpoints.b.extends", "LLM_REF_3"),
    ],
)
def test_what_an_item_would_have_inherited_is_not_asked_for(tmp_path: Path, section: str, path: str, code: str) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"{HEAD}{section}\n", encoding="utf-8")
    (found,) = load(file).diagnostics
    assert (found.path, found.code) == (path, code)


def test_a_date_is_asked_for_with_an_example(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    waiver = "{rule: LLM_CAP_7, reason: nobody pays for this one, owner: me, expires: soon}"
    file.write_text(f"{HEAD}waivers: [{waiver}]\n", encoding="utf-8")
    (found,) = load(file).diagnostics
    assert found.fix == "set expires to a date, such as 2027-06-30"


def test_keys_beside_platforms_are_told_at_once(tmp_path):
    text = "platforms:\n  a: {region: us-east-1}\n  b: {region: us-east-1}\nmodels: {}\ntags: {a: b}\nx-own: 1\n"
    (item,) = told_by_path(tmp_path, text).values()
    assert (item.code, item.line, item.found) == ("LLM_SPEC_2", 4, "models, tags")
    assert item.fix == "move them into each platform that is to have them"


def test_one_key_beside_one_platform_has_its_place(tmp_path):
    told = told_by_path(tmp_path, "platforms:\n  a: {region: us-east-1}\ntags: {a: b}\n")
    assert told["tags"].fix == "move it into platforms.a"


@pytest.mark.parametrize(
    ("text", "key", "fix"),
    [
        (
            "platform:\n  name: a\n  region: us-east-1\n",
            "platform",
            "remove platform: and move what is in it to the left",
        ),
        ("platfroms:\n  a: {region: us-east-1}\n", "platfroms", "did you mean 'platforms'?"),
    ],
)
def test_a_wrong_word_for_platforms_is_one_finding(tmp_path, text, key, fix):
    told = told_by_path(tmp_path, text)
    assert {path: item.fix for path, item in told.items()} == {key: fix}


def test_what_stands_under_a_wrong_word_is_read_all_the_same(tmp_path):
    assert set(told_by_path(tmp_path, "platform:\n  a: {region: us-east-1, regoin: x}\n")) == {"platform", "regoin"}


def test_a_platform_beside_its_sections_is_one_finding(tmp_path):
    pools = "pools:\n  p: {instance_types: [g6.xlarge], nodes: [0, 1]}\n"
    text = "platform:\n  name: a\n  region: us-east-1\n  budget: 5\n" + pools
    found = told_by_path(tmp_path, text)
    assert set(found) == {"platform", "budget"}
    assert found["platform"].fix == "remove platform: and move what is in it to the left"


def test_platforms_without_a_name_are_told_by_their_place_alone(tmp_path):
    text = "platforms:\n  - {name: a, region: us-east-1}\n  - region: us-east-1\n  - region: us-east-1\n"
    assert set(told_by_path(tmp_path, text)) == {"platforms[1].name", "platforms[2].name"}


def test_waivers_are_called_by_their_rule(tmp_path):
    waiver = "reason: short, owner: me, expires: 2099-01-01"
    rules = ("LLM_SRV_2", "CKV_AWS_1", "CKV_AWS_1")
    text = HEAD + "waivers:\n" + "".join(f"  - {{rule: {rule}, {waiver}}}\n" for rule in rules)
    told = told_by_path(tmp_path, text)
    assert {path: item.line for path, item in told.items()} == {
        "waivers.LLM_SRV_2.reason": 4,
        "waivers[1].reason": 5,
        "waivers[2].reason": 6,
    }


@pytest.mark.parametrize("key", ["pool", "runs_where"])
def test_a_key_is_known_by_what_it_names(tmp_path, key):
    text = f"{HEAD}{POOL}endpoints:\n  chat: {{model: {{id: {QWEN}}}, engine: vllm, {key}: gpu}}\n"
    told = told_by_path(tmp_path, text)
    assert {path: item.fix for path, item in told.items()} == {f"endpoints.chat.{key}": "did you mean 'on'?"}


def test_a_model_may_stand_where_it_is_used(tmp_path):
    told = told_by_path(tmp_path, f"{HEAD}{POOL}endpoints:\n  chat: {{engine: vllm, on: gpu}}\n")
    item = told["endpoints.chat.model"]
    assert (item.expected, item.fix) == ("{id: …} or the name of an item of `models`", "add model: {id: …}")


@pytest.mark.parametrize(
    ("text", "path", "fix"),
    [
        ("storage: {kind: bucket, name: acme-w}\n", "storage", "write storage: {acme-w: {kind: bucket}}"),
        (f"models: {{q: {QWEN}}}\n", "models.q", f"write q: {{id: {QWEN}}}"),
        ("- a: 1\n", "", "write platforms: above the list"),
    ],
)
def test_an_item_without_its_name_and_a_name_without_its_item(tmp_path, text, path, fix):
    told = told_by_path(tmp_path, text if text.startswith("-") else HEAD + text)
    assert {path: item.fix for path, item in told.items()} == {path: fix}


def test_an_address_of_a_bucket_is_no_name_of_one(tmp_path):
    serve = f"endpoints:\n  chat: {{model: {{id: {QWEN}}}, engine: vllm, on: gpu, weights: s3://acme-w/models}}\n"
    item = told_by_path(tmp_path, HEAD + POOL + serve)["endpoints.chat.weights"]
    assert "acme-w: {kind: bucket, existing: true}, and write acme-w here" in item.fix
    known = told_by_path(tmp_path, HEAD + POOL + "storage: {acme-w: {kind: bucket}}\n" + serve)
    assert known["endpoints.chat.weights"].fix == "write acme-w"
