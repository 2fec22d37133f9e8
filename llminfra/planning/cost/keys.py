"""What the keys cost that a platform's stacks make: each has one, and the mirror of images where keys are declared.

Requests come on top: S3 asks once for a bucket key, SQS and SNS keep a data key for minutes, EBS asks when a volume is
attached. AWS KMS Pricing has both; the catalog has the price of a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from llminfra.catalog import prices
from llminfra.catalog.prices import HOURS_PER_MONTH
from llminfra.planning.cost.hourly import cost_line
from llminfra.spec.foundation.encryption import CustomerKey, PlatformKeys

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llminfra.planning.plan import CostLine
    from llminfra.planning.plan.infrastructure import ClusterPlan, NetworkPlan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, SageMakerEndpointPlan
    from llminfra.planning.plan.targets import BedrockPlan
    from llminfra.spec.platform import Platform

_MADE_ANYWAY = "made without the declaration, too"
_KEY_OF = "KMS key of the stack "
_WITHOUT = ", without requests"


def key_costs(
    platform: Platform,
    network: NetworkPlan,
    cluster: ClusterPlan | None,
    bedrock: BedrockPlan | None,
    on_ec2: Sequence[Ec2EndpointPlan],
    on_sagemaker: Sequence[SageMakerEndpointPlan],
) -> tuple[CostLine, ...]:
    """One line per stack that makes a key; none where somebody else manages the key, and pays for it."""
    if isinstance(platform.encryption, CustomerKey):
        return ()
    declared = isinstance(platform.encryption, PlatformKeys)
    mirror = platform.images
    stored = [item for item in platform.storage if not item.broken]
    hosted = bedrock.spec if bedrock else None
    made = (
        ("images", "images", declared and mirror is not None and mirror.create),
        ("network", "network", network.there and network.existing_vpc_id is None and bool(network.flow_logs_days)),
        ("cluster", "cluster", cluster is not None),
        ("storage", "storage", any(item.kind == "lustre" or not item.existing for item in stored)),
        *(("ec2", f"endpoints.{item.name}", True) for item in on_ec2[:1]),
        *(("sagemaker", f"endpoints.{item.name}", True) for item in _with_key(on_sagemaker, declared=declared)[:1]),
        ("async", "async_endpoints", bool(platform.async_endpoints)),
        ("batch", "batches", bool(platform.batches)),
        ("bedrock", "bedrock", hosted is not None and (hosted.guardrail is not None or hosted.logging != "existing")),
    )
    price = prices.service_price("kms_key_month", platform.region)
    each = 1 / HOURS_PER_MONTH
    return tuple(
        cost_line(
            path,
            f"{_KEY_OF}{stack}{_WITHOUT}",
            price,
            each,
            each,
            _MADE_ANYWAY if declared and stack != "images" else "",
        )
        for stack, path, is_made in made
        if is_made
    )


def is_key(line: CostLine) -> bool:
    """Whether a line of the costs is a key of a stack."""
    return line.what.startswith(_KEY_OF)


def with_keys_as_one(costs: Iterable[CostLine]) -> tuple[CostLine, ...]:
    """The lines as a table tells them: the keys of several stacks, a dollar a month each, in one."""
    given = tuple(costs)
    kinds: dict[str, list[CostLine]] = {}
    for line in given:
        if is_key(line):
            kinds.setdefault(line.note, []).append(line)
    told: list[CostLine] = []
    for line in given:
        kind = kinds.get(line.note, []) if is_key(line) else []
        if len(kind) < 2:
            told.append(line)
        elif line is kind[0]:
            told.append(_as_one(kind))
    return tuple(told)


def _as_one(keys: Sequence[CostLine]) -> CostLine:
    stacks = [line.what.removeprefix(_KEY_OF).removesuffix(_WITHOUT) for line in keys]
    least, most = ([getattr(line, f"usd_per_hour_{end}") for line in keys] for end in ("min", "max"))
    return replace(
        keys[0],
        spec_path="encryption",
        what=f"KMS keys of the stacks {', '.join(stacks[:-1])} and {stacks[-1]}{_WITHOUT}",
        usd_per_hour_min=None if None in least else sum(least),
        usd_per_hour_max=None if None in most else sum(most),
    )


def _with_key(hosted: Sequence[SageMakerEndpointPlan], *, declared: bool) -> Sequence[SageMakerEndpointPlan]:
    return hosted if declared else [item for item in hosted if item.wants_key]
