"""Whether an instance type is offered in the platform's region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import instances, regions

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.base.spec import Spec


def check_offered(name: str, region: str, at: Spec, path: str, findings: Findings, *, hosted: bool = False) -> None:
    """Report a type that was not offered in the region; a region that does not exist is reported by itself.

    Args:
        name: EC2 instance type.
        region: The platform's region.
        at: Declared object that names the type.
        path: Spec path of the name.
        findings: Takes the finding.
        hosted: Whether SageMaker runs it, which has its own types in each region.
    """
    offered = regions.offered_in(name)
    if offered and region not in offered and regions.zones(region):
        here = instances.get(name)
        like = instances.with_gpus_like(here, regions.types_in(region)) if here is not None and not hosted else ""
        findings.warning(
            "LLM_CAP_29",
            at,
            path,
            f"{name} was not offered in {region} when the catalog was made",
            found=f"{name} in {region}",
            expected=regions.nearest_offers(name, region),
            fix=f"use {like}, which {region} offers, or another region; ignore this if {name} has arrived since"
            if like
            else "use another region or type, or ignore this if the type has arrived since",
        )
