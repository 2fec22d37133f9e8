"""A rule on the release that an endpoint is planned for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from llminfra.catalog.engines import known_versions
from llminfra.diagnostics import Severity
from llminfra.rules.rule import Hit, rule

if TYPE_CHECKING:
    from llminfra.catalog.engine_facts import EngineName
    from llminfra.planning.plan import Plan

_RELEASE = re.compile(r"\d+\.\d+\.\d+(?:\.post\d+)?")
_UNKNOWN = frozenset({"custom"})


@rule(
    code="LLM_SRV_78",
    title="An own image is of the release that is planned for",
    severity=Severity.WARNING,
    looks_at="plan",
    why="Flags, variables, metrics and memory differ from release to release. An engine that is told those of another "
    "one ends with an unknown argument, or does not fit where the plan says that it does.",
    fix="set the engine's version to the release that the image holds",
    source=("vllm-project/vllm vllm/engine/arg_utils.py of releases 0.8.5 to 0.33.0: flags come and go",),
    seen=("vllm: error: unrecognized arguments: …",),
)
def image_is_of_release(plan: Plan) -> Iterator[Hit]:
    """Images of the user whose tag names a release that is known, beside an engine without ``version``."""
    for path, served in plan.served:
        engine = served.spec.engine
        image = engine.image
        if image is None or engine.kind in _UNKNOWN or getattr(engine, "version", None) is not None:
            continue
        known = known_versions(cast("EngineName", engine.kind))
        told = next((each for each in _RELEASE.findall(image.tag or "") if each in known), served.engine_version)
        if told != served.engine_version:
            yield Hit(
                path=f"{path}.engine.version",
                message=f"the image is tagged as {engine.kind} {told}, and is started as {served.engine_version}",
                found=f"tag {image.tag!r}, and no version",
                expected=told,
                fix=f"set version={told!r}",
            )


RULES = (image_is_of_release,)
