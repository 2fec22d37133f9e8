"""The derived schemas against the struct types of the Python packages, and their wire form."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tf.gen import tfplugin_pb2 as pb

from llminfra.bindings.cache_dir import CacheUnwritableWarning
from llminfra.rehearsal.schema import cache
from llminfra.rehearsal.schema.model import Attribute, Block, NestedBlock, block_from_json, block_to_json
from llminfra.rehearsal.schema.package import PACKAGES
from llminfra.rehearsal.schema.typescript import SchemaError, read_module
from llminfra.rehearsal.schema.wire import schema_message

_CONFIG = re.compile(
    r"^class (\w+ConfigA?)\(\n?[^\n]*TerraformMetaArguments,?\n?\):\n    def __init__\(\n(.*?)\n    \) -> None:",
    re.MULTILINE | re.DOTALL,
)
# What CDKTF's generator calls differently, because the names would clash in some language.
_RENAMED = {"fetchpassworddata": "getpassworddata", "fetchuserdata": "getuserdata", "selfattribute": "self"}
_ARGUMENT = re.compile(r"^        (?P<name>\w+): (?P<type>.+?)(?P<default> = None)?,$", re.MULTILINE)
_META = frozenset({"connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioners"})


def _structs() -> Iterator[tuple[str, str, dict[str, tuple[str, bool]]]]:
    """Submodule, configuration class and arguments of every resource and data source of the Python package."""
    spec = importlib.util.find_spec(PACKAGES["aws"].python_package)
    assert spec is not None
    assert spec.origin is not None
    for folder in sorted(Path(spec.origin).parent.iterdir()):
        source = folder / "__init__.py"
        if folder.name.startswith("_") or folder.name == "provider" or not source.is_file():
            continue
        for match in _CONFIG.finditer(source.read_text(encoding="utf-8")):
            arguments = {
                item["name"]: (item["type"], item["default"] is None)
                for item in _ARGUMENT.finditer(match[2])
                if item["name"] not in _META
            }
            yield folder.name, match[1], arguments


def _plain(name: str) -> str:
    """A name without the ways in which languages write it."""
    plain = name.replace("_", "").lower()
    return _RENAMED.get(plain, plain)


def _kind(text: str) -> str:
    """What a Python annotation says about the Terraform type."""
    inner = text.removeprefix("typing.Optional[")
    for mark, kind in (
        ("builtins.str", "string"),
        ("jsii.Number", "number"),
        ("typing.Union[builtins.bool", "bool"),
        ("typing.Mapping[builtins.str, builtins.str]", "map"),
        ("typing.Sequence[builtins.str]", "strings"),
        ("typing.Sequence[jsii.Number]", "numbers"),
    ):
        if inner.startswith(mark):
            return kind
    return "struct"


def _own_kind(item: Attribute | NestedBlock) -> str:
    if isinstance(item, NestedBlock) or item.nested is not None:
        return "struct"
    kind = item.type
    if isinstance(kind, str):
        return "struct" if kind == "dynamic" else kind
    assert kind is not None
    if kind[0] in ("list", "set") and isinstance(kind[1], str):
        return f"{kind[1]}s"
    return "map" if kind == ["map", "string"] else "struct"


def test_every_struct_of_the_python_package_has_the_same_arguments() -> None:
    resources = set(cache.type_names("aws", "resource"))
    data = set(cache.type_names("aws", "data"))
    schema = cache.read("aws", resources, data)
    by_plain = {("resource", _plain(name.removeprefix("aws_"))): block for name, block in schema.resources.items()}
    by_plain |= {("data", _plain(name.removeprefix("aws_"))): block for name, block in schema.data_sources.items()}
    seen = 0
    wrong: list[str] = []
    for folder, name, arguments in _structs():
        section = "data" if folder.startswith("data_aws_") else "resource"
        block = by_plain.get((section, _plain(folder.removeprefix("data_aws_"))))
        assert block is not None, f"{folder}: no schema"
        seen += 1
        settable: dict[str, tuple[str, bool]] = {}
        for key, item in {**block.attributes, **block.blocks}.items():
            if isinstance(item, NestedBlock):
                settable[_plain(key)] = ("struct", item.min_items > 0)
            elif item.optional or item.required:
                settable[_plain(key)] = (_own_kind(item), item.required)
        theirs = {_plain(key): (_kind(kind), required) for key, (kind, required) in arguments.items()}
        if theirs != settable:
            differing = set(theirs.items()) ^ set(settable.items())
            wrong.append(f"{folder} {name}: {sorted(differing)[:4]}")
    assert not wrong, "\n".join(wrong[:40]) + f"\n{len(wrong)} of {seen}"
    assert seen == len(resources) + len(data)


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("aws_fsx_lustre_file_system", "storage_capacity", Attribute("number", optional=True)),
        ("aws_fsx_lustre_file_system", "arn", Attribute("string", computed=True)),
        ("aws_fsx_lustre_file_system", "subnet_ids", Attribute(["list", "string"], required=True)),
        ("aws_vpc", "tags_all", Attribute(["map", "string"], optional=True, computed=True)),
        ("aws_route_table", "propagating_vgws", Attribute(["set", "string"], optional=True, computed=True)),
        ("aws_instance", "ipv6_addresses", Attribute(["list", "string"], optional=True, computed=True)),
    ],
)
def test_known_attributes(name: str, path: str, expected: Attribute) -> None:
    assert cache.read("aws", [name], ()).resources[name].attributes[path] == expected


@pytest.mark.parametrize(
    ("name", "path", "nesting", "least", "most"),
    [
        ("aws_eks_cluster", "vpc_config", "list", 1, 1),
        ("aws_launch_template", "network_interfaces", "list", 0, 0),
        ("aws_eks_node_group", "taint", "set", 0, 0),
        ("aws_eks_node_group", "timeouts", "single", 0, 0),
        ("aws_s3_bucket_versioning", "versioning_configuration", "list", 1, 1),
    ],
)
def test_known_blocks(name: str, path: str, nesting: str, least: int, most: int) -> None:
    block = cache.read("aws", [name], ()).resources[name].blocks[path]
    assert (block.nesting, block.min_items, block.max_items) == (nesting, least, most)


def test_blocks_that_the_sdk_serves_as_attributes_are_attributes() -> None:
    group = cache.read("aws", ["aws_security_group"], ()).resources["aws_security_group"]
    ingress = group.attributes["ingress"]
    assert (ingress.optional, ingress.computed) == (True, True)
    assert isinstance(ingress.type, list)
    assert ingress.type[0] == "set"
    assert ingress.type[1][1]["cidr_blocks"] == ["list", "string"]


def test_helm_has_nested_attributes() -> None:
    schema = cache.read("helm", ["helm_release"], ())
    kubernetes = schema.provider.attributes["kubernetes"].nested
    assert kubernetes is not None
    assert kubernetes.nesting == "single"
    assert kubernetes.attributes["exec"].nested is not None
    values = schema.resources["helm_release"].attributes["set"].nested
    assert values is not None
    assert (values.nesting, values.attributes["name"].required) == ("list", True)


def test_json_form_keeps_everything() -> None:
    for name in ("aws", "helm"):
        schema = cache.read(name, ["aws_eks_cluster", "helm_release", "aws_wafv2_web_acl"], ["aws_eks_cluster"])
        for block in (schema.provider, *schema.resources.values(), *schema.data_sources.values()):
            assert block_from_json(json.loads(json.dumps(block_to_json(block)))) == block


def test_wire_form_carries_flags_and_write_only() -> None:
    block = cache.read("aws", ["aws_secretsmanager_secret_version"], ()).resources["aws_secretsmanager_secret_version"]
    message = schema_message(block)
    attributes = {item.name: item for item in message.block.attributes}
    assert attributes["secret_string"].sensitive
    assert attributes["secret_id"].required
    # Field 11, bool: known to Terraform, unknown to this copy of the protocol, and therefore kept as it is.
    assert attributes["secret_string_wo"].SerializeToString().endswith(b"\x58\x01")
    again = pb.Schema.FromString(message.SerializeToString())
    assert again == message


def test_every_attribute_has_a_type() -> None:
    schema = cache.read("aws", cache.type_names("aws", "resource"), cache.type_names("aws", "data"))
    assert len(schema.resources) > 1500
    for name, block in {**schema.resources, **schema.data_sources}.items():
        for path, item in block.walk():
            assert item.value_type(), (name, path)
            if isinstance(item, Attribute):
                assert item.required or item.optional or item.computed, (name, path)
                assert not (item.required and (item.optional or item.computed)), (name, path)


@pytest.mark.parametrize("text", ["", "export class A extends cdktf.ComplexObject {\n}", 'tfResourceType = "aws_x";'])
def test_text_that_is_no_module_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="thing: expected one resource"):
        read_module(text, "thing")


def test_the_cache_is_built_once_and_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMINFRA_CACHE_DIR", str(tmp_path))
    first = cache.database(PACKAGES["helm"])
    stamp = first.stat().st_mtime_ns
    assert cache.database(PACKAGES["helm"]) == first
    assert first.stat().st_mtime_ns == stamp
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    assert Block() == block_from_json({"a": {}})


def test_a_cache_that_cannot_be_written_is_done_without_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LLMINFRA_CACHE_DIR", str(tmp_path / "file"))
    with pytest.warns(CacheUnwritableWarning, match="LLMINFRA_CACHE_DIR"):
        found = cache.database(PACKAGES["helm"])
    assert found.is_file()
    assert "helm_release" in cache.type_names("helm", "resource")
    assert cache.database(PACKAGES["helm"]) == found
