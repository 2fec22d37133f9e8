"""Checking Kubernetes objects against the schemas of the API server and of the CRDs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from llminfra.catalog.datafile import read_data
from llminfra.diagnostics import ToolError
from llminfra.helm.object_rules import broken_rules
from llminfra.helm.render import DEFAULT_KUBE_VERSION, KubernetesObject

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_INDEX = "crds/index.json"
_MESSAGE_LIMIT = 300
_NO_EXTRA = "validating Kubernetes objects needs an extra: run `pip install 'llminfra[helm]'`"


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that the API server would refuse or silently drop.

    Attributes:
        kind: Kind of the object.
        name: ``namespace/name``, or the name alone for cluster-wide objects.
        path: Where in the object, for example ``spec.template.spec.containers[0].image``.
        message: What is wrong.
    """

    kind: str
    name: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.path or 'object'}: {self.message}"


def validate_objects(objects: Iterable[KubernetesObject], kube_version: str = DEFAULT_KUBE_VERSION) -> list[Problem]:
    """Every problem of every object; unknown fields and unknown kinds are problems too.

    Native kinds are checked against the strict schemas of ``kube_version`` (wheel ``kubernetes-validate``), custom
    resources against the CRD schemas in ``catalog/data/crds``. Rules written in CEL are not run.

    Raises:
        ToolError: the validation libraries are not installed, or do not know the Kubernetes version.
    """
    problems: list[Problem] = []
    seen: set[tuple[str, str, str]] = set()
    for item in objects:
        problems.extend(_validate_object(item, kube_version))
        key = (str(item.get("apiVersion")).split("/")[0], str(item.get("kind")), _name(item))
        if key in seen:
            problems.append(_problem(item, "metadata.name", "another object of this kind has the same name"))
        seen.add(key)
    return problems


def _validate_object(item: KubernetesObject, kube_version: str) -> list[Problem]:
    missing = [key for key in ("apiVersion", "kind") if not isinstance(item.get(key), str)]
    metadata = item.get("metadata")
    if missing or not isinstance(metadata, Mapping) or not isinstance(metadata.get("name"), str):
        what = ", ".join(missing) or "metadata.name"
        return [_problem(item, "", f"{what} is missing or not a string")]
    custom = f"{item['apiVersion']}/{item['kind']}"
    if custom in read_data(_INDEX)["schemas"]:
        validator: Draft202012Validator | None = _custom_validator(custom)
    else:
        validator = _native_validator(item["apiVersion"], item["kind"], kube_version)
    if validator is None:
        return [_problem(item, "kind", f"no schema for {custom}: not in Kubernetes {kube_version}, nor a known CRD")]
    found = [_problem(item, _dotted(error.absolute_path), error.message) for error in validator.iter_errors(item)]
    found += [_problem(item, path, message) for path, message in broken_rules(item)]
    return sorted(found, key=lambda problem: problem.path)


@cache
def _custom_validator(key: str) -> Draft202012Validator:
    """Validator of a custom resource, closed: what the API server would prune without a word is an error here."""
    schema = read_data(read_data(_INDEX)["schemas"][key]["file"])
    return _validator(_closed(schema))


@cache
def _native_validator(api_version: str, kind: str, kube_version: str) -> Draft202012Validator | None:
    """Validator of a kind that Kubernetes brings along; ``None`` where that version has no such kind."""
    definitions = _definitions(".".join(kube_version.removeprefix("v").split(".")[:2]))
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "kind": kind, "version": version}
    name = next(
        (
            name
            for name, schema in definitions["$defs"].items()
            if wanted in schema.get("x-kubernetes-group-version-kind", ()) and name.endswith(f".{kind}")
        ),
        None,
    )
    if name is None:
        return None
    return _validator({**definitions, "$ref": f"#/$defs/{name}"})


@cache
def _definitions(kube_version: str) -> dict[str, Any]:
    """The strict definitions of a Kubernetes minor version, from the wheel ``kubernetes-validate``."""
    try:
        package = files("kubernetes_validate")
    except ImportError as error:
        raise ToolError(_NO_EXTRA) from error
    folder = package / "kubernetes-json-schema" / f"v{kube_version}.0-local-strict"
    try:
        text = (folder / "_definitions.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        msg = f"the installed kubernetes-validate has no schemas of Kubernetes {kube_version}: upgrade it"
        raise ToolError(msg) from None
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def _validator(schema: dict[str, Any]) -> Draft202012Validator:
    try:
        from jsonschema import Draft202012Validator  # noqa: PLC0415  # heavy, and an extra
    except ImportError as error:
        raise ToolError(_NO_EXTRA) from error
    return Draft202012Validator(schema)


def _closed(schema: Any) -> Any:
    """The schema with every object closed whose properties are listed, unless it says that unknown ones are kept."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    listed = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if listed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        closed.setdefault("additionalProperties", False)
    return closed


def _problem(item: KubernetesObject, path: str, message: str) -> Problem:
    shown = message if len(message) <= _MESSAGE_LIMIT else f"{message[:_MESSAGE_LIMIT]}…"
    return Problem(kind=str(item.get("kind", "?")), name=_name(item), path=path, message=shown)


def _name(item: KubernetesObject) -> str:
    metadata = item.get("metadata")
    if not isinstance(metadata, Mapping):
        return "?"
    return "/".join(str(metadata[key]) for key in ("namespace", "name") if metadata.get(key)) or "?"


def _dotted(path: Iterable[str | int]) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")
