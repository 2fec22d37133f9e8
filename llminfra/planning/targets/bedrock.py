"""Models that Bedrock hosts: where each request may go, and whether callers can be given roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import bedrock
from llminfra.planning.plan import CostLine
from llminfra.planning.plan.targets import BedrockModelPlan, BedrockPlan, ModelUnitsPlan, TokenPricePlan

if TYPE_CHECKING:
    from llminfra.planning.findings import Findings
    from llminfra.spec.platform import Platform
    from llminfra.spec.services.bedrock import BedrockModel, ProvisionedThroughput


def plan_bedrock(platform: Platform, findings: Findings) -> BedrockPlan | None:
    """Plan the platform's Bedrock, where it has one; models that cannot be planned leave findings."""
    spec = platform.bedrock
    if spec is None or spec.broken:
        return None
    models = [_model(item, platform, findings) for item in spec.models if not item.broken]
    pods = tuple(item for item in spec.access if item.kind == "pod")
    if pods and not platform.needs_cluster:
        findings.error(
            "LLM_BED_4",
            spec,
            "bedrock.access",
            "a service account belongs to a cluster, and the platform has none",
            found=", ".join(f"{item.namespace}/{item.service_account}" for item in pods),
            expected="RoleAccess(…), or a cluster",
            fix="give cluster=Cluster(), or name the callers' roles by RoleAccess(role_name=…)",
        )
    units = [_units(item, platform, findings) for item in spec.throughput if not item.broken and not item.model.broken]
    return BedrockPlan(
        spec=spec,
        models=tuple(item for item in models if item is not None),
        units=tuple(item for item in units if item is not None),
        pods=pods,
        roles=tuple(item for item in spec.access if item.kind == "role"),
    )


def bedrock_costs(plan: BedrockPlan | None) -> tuple[CostLine, ...]:
    """Provisioned throughput has no public price list; tokens are paid by use."""
    if plan is None:
        return ()
    return tuple(
        CostLine(
            spec_path="bedrock.throughput",
            what=f"{item.units} model units of {item.model.name}",
            usd_per_hour_min=None,
            usd_per_hour_max=None,
            price_date=None,
            note="AWS tells prices of model units on request only",
            on_request=True,
        )
        for item in plan.spec.throughput
    )


def _model(item: BedrockModel, platform: Platform, findings: Findings) -> BedrockModelPlan | None:
    path = f"bedrock.models.{item.name}"
    known = bedrock.model(item.id)
    if known is None:
        here = _callable_from(platform.region)
        close = [near for near in bedrock.suggest(item.id) if near in here or not here]
        findings.error(
            "LLM_BED_2",
            item,
            f"{path}.id",
            "the catalog does not know where requests for this model may go, so no role can be narrow enough",
            found=item.id,
            expected=", ".join(close or here or bedrock.names()),
            fix="use a model of the catalog, without a geography such as us. before its id",
        )
        return None
    if item.routing == "region":
        if platform.region in known.regions:
            return BedrockModelPlan(
                name=item.name,
                spec=item,
                profile=None,
                regions=(platform.region,),
                tokens=_tokens(item, None, platform.region),
            )
        where = ", ".join(known.regions) or "no region: it is called through profiles only"
        _unreachable(item, path, platform, findings, expected=where)
        return None
    found = known.route(platform.region, everywhere=item.routing == "global")
    if found is None:
        ways = ", ".join(known.ways(platform.region)) or _where(known)
        _unreachable(item, path, platform, findings, expected=ways)
        return None
    others = tuple(region for region in found.destinations if region != platform.region)
    return BedrockModelPlan(
        name=item.name,
        spec=item,
        profile=found.profile,
        regions=(platform.region, *others),
        tokens=_tokens(item, found.profile, platform.region),
    )


def _callable_from(region: str) -> tuple[str, ...]:
    """Models of the catalog that are called from a region in any way."""
    known = ((name, bedrock.model(name)) for name in bedrock.names())
    return tuple(name for name, facts in known if facts is not None and facts.ways(region))


def _tokens(item: BedrockModel, profile: str | None, region: str) -> TokenPricePlan | None:
    price = bedrock.token_price(item.id, profile, region)
    if price is None:
        return None
    note = "unverified price" if price.unverified else ""
    return TokenPricePlan(usd_input=price.usd_input, usd_output=price.usd_output, date=price.date, note=note)


def _where(known: bedrock.BedrockModelFacts) -> str:
    """Regions from which a model is called, by the way; for one that cannot be called from here at all."""
    ways = {"region": known.regions}
    for item in known.profiles:
        way = "global" if item.id.startswith("global.") else "geography"
        ways[way] = (*ways.get(way, ()), *item.destinations)
    found = [f"routing={way!r} in {', '.join(dict.fromkeys(regions))}" for way, regions in ways.items() if regions]
    return "; ".join(found) or "another model"


def _unreachable(item: BedrockModel, path: str, platform: Platform, findings: Findings, *, expected: str) -> None:
    known, here = bedrock.model(item.id), _callable_from(platform.region)
    others = (
        "" if known is None or known.ways(platform.region) or not here else f"; or call {', '.join(here)} from there"
    )
    findings.error(
        "LLM_BED_3",
        item,
        f"{path}.routing",
        f"{item.id} cannot be called in this way from {platform.region}, as far as the catalog knows",
        found=f"routing={item.routing!r} in {platform.region}",
        expected=expected,
        fix=f"choose a routing or a region that the finding lists{others}",
        runtime_message="ValidationException: The provided model identifier is invalid.",
    )


def _units(item: ProvisionedThroughput, platform: Platform, findings: Findings) -> ModelUnitsPlan | None:
    """Model units as AWS sells them; ``None`` leaves a finding."""
    if item.model.routing != "region":
        findings.error(
            "LLM_BED_5",
            item,
            "bedrock.throughput",
            "provisioned throughput belongs to one region; inference profiles over several regions cannot use it",
            found=f"{item.model.name} with routing={item.model.routing!r}",
            expected="routing='region'",
            fix="set routing='region' for the model, or drop its throughput",
        )
        return None
    known = bedrock.model(item.model.id)
    if known is None:
        return None  # told of the model itself
    sold = known.contexts(platform.region)
    context = item.context or (sold[-1] if sold else None)
    if context is not None and context in sold:
        return ModelUnitsPlan(spec=item, model_id=f"{known.id}:{context}")
    lengths = f"context={' or '.join(repr(each) for each in sold)}" if sold else _sold()
    findings.error(
        "LLM_BED_6",
        item,
        "bedrock.throughput",
        f"AWS sells no such model units of {known.id} in {platform.region}, as far as the catalog knows",
        found=f"context={item.context!r} in {platform.region}" if item.context else f"{known.id} in {platform.region}",
        expected=lengths,
        fix="set context to a length that the finding lists" if sold else "use a model of the list, or drop throughput",
        runtime_message="ValidationException: The provided model identifier is invalid.",
    )
    return None


def _sold() -> str:
    """Models of which units are sold, and where."""
    found = {name: facts for name in bedrock.names() if (facts := bedrock.model(name)) is not None and facts.units}
    return ", ".join(
        f"{name} in {', '.join(dict.fromkeys(region for where in facts.units.values() for region in where))}"
        for name, facts in found.items()
    )
