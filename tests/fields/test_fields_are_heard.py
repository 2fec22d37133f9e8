"""No field of a spec is ignored without a word: another value changes what is emitted, or leaves a finding there.

Every field of every object of the platforms in :mod:`tests.fields.looked` is changed, one at a time. Fields are
found by introspection: one that is new has another value in :mod:`tests.fields.values`, or a reason below.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Literal

import pytest

from llminfra import Platform, SpecError
from llminfra.diagnostics import Diagnostic
from llminfra.planning import plan_platform
from llminfra.planning.plan import Plan
from llminfra.rules.plan_rules import plan_rules
from llminfra.rules.run import run_plan
from llminfra.spec.base.spec import Spec
from llminfra.spec.endpoint import Scaled
from llminfra.spec.engines.base import LlmEngine
from tests.fields.emission import emitted, stacks_of
from tests.fields.looked import LOOKED
from tests.fields.values import others
from tests.fields.walk import changed, fields_of, objects

TODAY = dt.date(2026, 11, 23)
Outcome = Literal["emitted", "told", "refused", "ignored"]

# Objects and lists of objects that are looked at part by part, and what tells one platform of this test from another.
BY_PARTS = {
    *(f"Platform.{name}" for name in ("endpoints", "pools", "storage", "gateways", "async_endpoints", "batches")),
    *("Gateway.endpoints", "Gateway.oidc", "AsyncEndpoint.behind", "Endpoint.on", "Endpoint.disaggregation"),
    *("Endpoint.overflow", "Overflow.on"),
}

_CHECKED = "read by `llminfra check`, which tests/policy shows"
_FACT = "a fact about the image: it lifts a refusal where an engine needs it"
_SHOWN = "a figure of the plan, which is shown"
# What changes nothing that is emitted, and is right to do so.
QUIET: Mapping[str, str] = {
    "Platform.waivers": _CHECKED,
    **dict.fromkeys((f"Waiver.{name}" for name in ("rule", "scope", "reason", "owner", "expires")), _CHECKED),
    **dict.fromkeys((f"Image.{name}" for name in ("efa", "ray", "audio")), _FACT),
    "Endpoint.concurrency": "what must fit at once: more than fits is refused, which tests/planning shows",
    **dict.fromkeys(
        ("Slo.time_to_first_token_ms", "Slo.time_per_output_token_ms"),
        "a promise: one that no hardware keeps is refused, which tests/planning shows",
    ),
    "Slo.prompt_tokens": _SHOWN,
    "Slo.output_tokens": _SHOWN,
    "CustomServer.max_model_len": _SHOWN,
    "Mig.tenants": _SHOWN,
    "TimeSlicing.tenants": _SHOWN,
}
# Where a field is heard that the first platform with its type refuses for another reason.
HEARD_AT: Mapping[str, str] = {
    "BatchQueue.reservation": "batch-reserved",
    "Endpoint.task": "spanning",
    "GpuPool.efa": "managed",
    "GpuPool.sharing": "spanning",
    "ImageMirror.create": "mirror-sagemaker",
    "LoraAdapter.id": "spot",
    "LoraAdapter.revision": "spot",
    "Lustre.efa": "spanning",
    "ModelBucket.existing": "ec2",
    "ModelBucket.kms_key_arn": "adopted",
    "Observability.grafana_admin_groups": "spot",
    "Parallelism.expert": "spanning",
    "Platform.state": "ec2",
    "Reservation.resource_group_arn": "batch-reserved",
    "Tenant.claim": "gateway-public",
    "VLLM.enforce_eager": "spanning",
}
# Where fields of a section end, which is looked at first because emitting is what takes time.
LIKELY: Mapping[str, tuple[str, ...]] = {
    "": ("storage", "images"),
    "state": ("storage",),
    "cluster": ("cluster",),
    "network": ("network",),
    "observability": ("platform",),
    "pools": ("platform", "cluster"),
    "images": ("images",),
}
_IGNORED = "LLM_SPEC_8"
"""Nothing reads this, or what is below it."""
_OWN_IMAGE = "LLM_SRV_50"
"""SageMaker starts the image by its own entry point: no setting of the engine reaches it."""


class Look:
    """A platform, what is said of it, and the stacks that were emitted for it so far."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.plan, self.said = _planned(platform)
        self.emitted = cache(lambda name: emitted(self.plan, name))

    def outcome(self, path: str, item: Spec, field: str) -> tuple[Outcome, Any]:
        """What becomes of other values: the first that is heard, else one that was taken without a word, if any."""
        silent: tuple[Outcome, Any] = "refused", None
        for value in others(item, field):
            plan: Plan | None = None
            try:
                plan, said = _planned(changed(self.platform, item, field, value))
            except SpecError as error:
                said = list(error.diagnostics)
            if any(_is_about(found, f"{path}.{field}".lstrip(".")) for found in _told(said, self.said)):
                return "told", value
            if plan is not None:
                if self._differs(plan, path):
                    return "emitted", value
                silent = "ignored", value
        return silent

    def _differs(self, plan: Plan, path: str) -> bool:
        stacks = stacks_of(plan)
        likely = LIKELY.get(path.partition(".")[0], ())
        in_order = sorted(stacks, key=lambda name: name not in likely)
        return stacks_of(self.plan).keys() != stacks.keys() or any(
            emitted(plan, name) != self.emitted(name) for name in in_order
        )


def _planned(platform: Platform) -> tuple[Plan, list[Diagnostic]]:
    plan = plan_platform(platform, today=TODAY)
    return plan, [*plan.diagnostics, *run_plan(plan, plan_rules())]


def _told(said: Iterable[Diagnostic], before: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Findings that came or went with the change, and those that stand and say that nothing is read."""
    then, now = ({(item.code, item.path, item.found): item for item in found} for found in (before, said))
    yield from (then[key] for key in then.keys() - now.keys())
    yield from (item for key, item in now.items() if key not in then or item.code in (_IGNORED, _OWN_IMAGE))


def _is_about(found: Diagnostic, path: str) -> bool:
    """Whether a finding stands at the field, at a part of it, or says of something around it that nobody reads it."""
    if found.code == _OWN_IMAGE:
        return path.startswith(f"{found.path.rpartition('.')[0]}.")
    below = found.path == path or found.path.startswith((f"{path}.", f"{path}["))
    return below or (found.code == _IGNORED and path.startswith(f"{found.path}."))


def _fields(name: str, platform: Platform) -> Iterator[tuple[str, Spec, str, str]]:
    """Path and object, field, and the field with its type, of all that is changed on a platform."""
    for path, item in objects(platform).items():
        for field in fields_of(type(item)) if LOOKED[name].has(path) else ():
            own = f"{type(item).__name__}.{field}"
            if own not in BY_PARTS and own not in QUIET:
                yield path, item, field, own


@cache
def _homes() -> dict[str, str]:
    """Where each field must be heard: on the platform that is named for it, or on the first that has the type."""
    homes: dict[str, str] = {}
    for name, looked in LOOKED.items():
        for _, _, _, own in _fields(name, looked.platform()):
            homes.setdefault(own, HEARD_AT.get(own, name))
    return homes


@pytest.mark.parametrize("name", LOOKED)
def test_every_field_is_emitted_or_told(name: str) -> None:
    look = Look(LOOKED[name].platform())
    heard: set[str] = set()
    ignored = []
    for path, item, field, own in _fields(name, look.platform):
        outcome, value = look.outcome(path, item, field)
        if outcome == "ignored":
            ignored.append(f"{path}: {own}={value!r}")
        elif outcome != "refused":
            heard.add(own)
    assert ignored == []
    # A refusal for another reason, for example of a reference, shows nothing of the field.
    assert {own for own, home in _homes().items() if home == name} - heard == set()


def test_every_type_is_looked_at() -> None:
    """A type that is new is on none of the platforms."""
    seen = {
        type(item)
        for name, looked in LOOKED.items()
        for path, item in objects(looked.platform()).items()
        if looked.has(path)
    }
    assert set(_declared(Spec)) - seen == {LlmEngine, Scaled}


def _declared(base: type[Spec]) -> Iterator[type[Spec]]:
    for kind in base.__subclasses__():
        if kind.__module__.startswith("llminfra."):
            yield kind
            yield from _declared(kind)


def test_what_is_left_out_is_there() -> None:
    fields = {f"{kind.__name__}.{name}" for kind in _declared(Spec) for name in kind.model_fields}
    assert (BY_PARTS | QUIET.keys() | HEARD_AT.keys()) - fields == set()


def test_a_figure_that_is_only_shown_counts_as_ignored() -> None:
    """The look sees what is not emitted: a server of one's own is not told its context length."""
    look = Look(LOOKED["ec2-custom"].platform())
    path = "endpoints.chat.engine"
    assert look.outcome(path, objects(look.platform)[path], "max_model_len")[0] == "ignored"
