"""Models of Amazon Bedrock: where they run, and through which system-defined inference profiles they are called."""

from difflib import get_close_matches
from functools import cache

from pydantic import Field

from llminfra.catalog.datafile import Fact, read_data
from llminfra.catalog.price_file import refreshed_service

_FILE = "bedrock.json"
_PRICES = "bedrock_prices.json"


class Profile(Fact):
    """A system-defined inference profile: by source region, the regions that may answer a request.

    Attributes:
        id: Id of the profile, for example ``us.amazon.nova-pro-v1:0``.
        destinations: Destination regions by source region.
    """

    id: str
    destinations: dict[str, tuple[str, ...]]


class Route(Fact):
    """Where requests from one region go.

    Attributes:
        profile: Id of the system-defined inference profile.
        destinations: Regions that may answer.
    """

    profile: str
    destinations: tuple[str, ...]


class BedrockModelFacts(Fact):
    """A foundation model.

    Attributes:
        id: Model id, without a geography.
        regions: Regions where it can be called on demand by itself.
        profiles: Its profiles, those of a geography first.
        units: Regions in which model units are sold, by the context length that they serve, the shortest first.
        source: Where this was read.
        unverified: No first-hand source was read.
    """

    id: str
    regions: tuple[str, ...] = ()
    profiles: tuple[Profile, ...] = Field(default=())
    units: dict[str, tuple[str, ...]] = Field(default={})
    source: str
    unverified: bool = False

    def route(self, region: str, *, everywhere: bool) -> Route | None:
        """The profile for requests from a region: the global one, or that of the region's geography."""
        for item in self.profiles:
            if item.id.startswith("global.") == everywhere and region in item.destinations:
                return Route(profile=item.id, destinations=item.destinations[region])
        return None

    def contexts(self, region: str) -> tuple[str, ...]:
        """Context lengths in which model units are sold in a region, the shortest first."""
        return tuple(length for length, where in self.units.items() if region in where)

    def ways(self, region: str) -> tuple[str, ...]:
        """Ways to call the model from a region, as ``BedrockModel.routing`` names them."""
        ways = {
            "region": region in self.regions,
            "geography": self.route(region, everywhere=False) is not None,
            "global": self.route(region, everywhere=True) is not None,
        }
        return tuple(f"routing={name!r}" for name, there in ways.items() if there)


def model(id_: str) -> BedrockModelFacts | None:
    """Facts of a model, or ``None`` where the catalog lacks it."""
    return _models().get(id_)


def names() -> tuple[str, ...]:
    """Ids of all models, sorted."""
    return tuple(sorted(_models()))


def suggest(id_: str) -> tuple[str, ...]:
    """Ids that look like the given one; a geography before an id is left out."""
    bare = id_.partition(".")[2] if id_.partition(".")[0] in {"us", "eu", "apac", "jp", "au", "global"} else id_
    return (bare,) if bare in _models() else tuple(get_close_matches(bare, names(), n=3))


class TokenPrice(Fact):
    """US dollars per million tokens of text, on demand, before discounts of batches and of cached prompts.

    Attributes:
        usd_input: Of prompts.
        usd_output: Of answers.
        date: Day the source states it for, ISO form.
        source: Where it was read.
        unverified: No first-hand source was read.
    """

    usd_input: float
    usd_output: float
    date: str
    source: str
    unverified: bool = False


def token_price(id_: str, profile: str | None, region: str) -> TokenPrice | None:
    """What tokens of a model cost from a region, by itself or through a profile; ``None``: not known.

    A file of refreshed prices wins. It has models by themselves; a geography's profile costs as much, from where it is
    called (Amazon Bedrock User Guide, Cross-Region inference).
    """
    ways = [refreshed_service(f"{id_} {way}", region) for way in ("input", "output")]
    if profile is None or not profile.startswith("global."):
        match ways:
            case [(paid, date), (earned, _)]:
                return TokenPrice(usd_input=paid.usd, usd_output=earned.usd, date=date, source=paid.source)
    data = read_data(_PRICES)
    row = data["usd_per_million_tokens"].get(profile or id_)
    if row is None or (profile is None and region not in row["regions"]):
        return None
    return TokenPrice(
        usd_input=row["input"], usd_output=row["output"], date=data["_date"], source=data["_source"], unverified=True
    )


@cache
def _models() -> dict[str, BedrockModelFacts]:
    data = read_data(_FILE)
    sets: dict[str, dict[str, tuple[str, ...]]] = {
        name: {source: tuple(targets) for source, targets in row.items()} for name, row in data["routes"].items()
    }
    return {
        id_: BedrockModelFacts(
            id=id_,
            regions=tuple(row["regions"]),
            profiles=tuple(
                Profile(id=f"{prefix}.{id_}", destinations=sets[route]) for prefix, route in row["profiles"].items()
            ),
            units={length: tuple(where) for length, where in row.get("units", {}).items()},
            source=data["sources"][row["source"]],
            unverified=row.get("unverified", False),
        )
        for id_, row in data["models"].items()
    }
