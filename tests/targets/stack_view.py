"""Reading a compiled stack."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from llminfra.assets import modules_dir


def only(stack: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The one resource of a type."""
    found: dict[str, Any] = stack["resource"][kind]
    assert len(found) == 1, sorted(found)
    return next(iter(found.values()))


def statements(stack: Mapping[str, Any], document: str) -> dict[str, dict[str, Any]]:
    """Statements of a policy document by their name."""
    found = stack["data"]["aws_iam_policy_document"][document]["statement"]
    return {item["sid"]: item for item in found}


def allowed(stack: Mapping[str, Any]) -> list[tuple[str, str, list[str]]]:
    """Document, action and resources of everything that a role may do."""
    return [
        (name, action, item.get("resources", []))
        for name, document in stack["data"]["aws_iam_policy_document"].items()
        for item in document["statement"]
        if item["effect"] == "Allow" and not item.get("principals")
        for action in item["actions"]
    ]


def without_expressions(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with something plain for what Terraform fills in."""
    return {name: "from-terraform" if value.startswith("${") else value for name, value in environment.items()}


def reader(workload: str) -> Callable[[Mapping[str, str]], Any]:
    """The function by which a workload reads its settings: what it refuses here, it would refuse when it runs."""
    folder = str(modules_dir() / "workloads")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    read: Callable[[Mapping[str, str]], Any] = import_module(f"{workload}.settings").read_settings
    return read


def task(stack: Mapping[str, Any]) -> dict[str, Any]:
    """The ECS task of the one job definition."""
    found: dict[str, Any] = json.loads(only(stack, "aws_batch_job_definition")["ecs_properties"])["taskProperties"][0]
    return found
