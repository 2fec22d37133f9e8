"""The simulated AWS provider."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from llminfra.rehearsal.assumed import given_id
from llminfra.rehearsal.aws import data_sources, deletion, eks, recomputed, rules, side_effects
from llminfra.rehearsal.aws.identity import Namer, generic_value, identities, identity_of
from llminfra.rehearsal.aws.immutable import immutable_attributes, shrunk
from llminfra.rehearsal.aws.scene import Place, Scene, Subject
from llminfra.rehearsal.faults import FaultInjector
from llminfra.rehearsal.provider.contract import Applied, Planned, Problem, Session
from llminfra.rehearsal.provider.planning import fill_unknown, plan_create, plan_update, replacements, shape
from llminfra.rehearsal.provider.values import UNKNOWN, Path, State, is_known, normal
from llminfra.rehearsal.schema.model import Block, ProviderSchema
from llminfra.rehearsal.world import Taken, WorldStore

_SALTS = 64


@dataclass(frozen=True, slots=True)
class AwsProvider:
    """Creates in the world what Terraform asks for, unless AWS would refuse it.

    Attributes:
        schema: Schemas to serve.
        world: What exists.
        account: The account's id.
        region: Region of a provider block without one.
        faults: Which calls fail on purpose.
        turn: Held from the look at the world to the change of it: Terraform asks for several resources at once, and
            two that contradict each other would each find a world without the other.
    """

    schema: ProviderSchema
    world: WorldStore
    account: str
    region: str
    faults: FaultInjector
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def validate_provider(self, config: State) -> Sequence[Problem]:
        """The provider block."""
        return rules.provider_problems(config)

    def configure(self, config: State) -> tuple[Session, Sequence[Problem]]:
        """Region and default tags of this instance."""
        tags: dict[str, str] = {}
        for block in config.get("default_tags") or []:
            if isinstance(block, dict) and is_known(block):
                tags.update(block.get("tags") or {})
        region = config.get("region")
        place = Place(region if isinstance(region, str) else self.region, self.account, tags)
        return Session({"place": place}), rules.provider_problems(config)

    def validate_resource(self, type_name: str, config: State) -> Sequence[Problem]:
        """What AWS or the provider refuses whatever exists."""
        return tuple(rules.config_problems(Subject(type_name, config)))

    def validate_data(self, type_name: str, config: State) -> Sequence[Problem]:
        """What a data source refuses whatever exists."""
        return tuple(data_sources.config_problems(Subject(type_name, config)))

    def plan(
        self, session: Session, type_name: str, prior: State | None, proposed: State | None, config: State
    ) -> Planned:
        """Plan one resource."""
        block = self.schema.resources[type_name]
        if proposed is None:
            return Planned(None)
        if prior is not None and _region_is_the_providers(block, config):
            proposed = {**proposed, "region": self._place(session, {}).region}
        place = self._place(session, proposed)
        if prior is None:
            state = self._common(block, plan_create(block, proposed), place)
            return Planned(state, (), tuple(rules.config_problems(Subject(type_name, config))))
        if normal(self._common(block, deepcopy(proposed), place)) == normal(prior):
            return Planned(prior)
        changed = plan_update(block, prior, proposed, recomputed.attributes(type_name, prior, proposed))
        state = self._common(block, changed, place)
        replace = replacements(prior, state, immutable_attributes(type_name, block), lambda path: _unset(config, path))
        replace = (*replace, *shrunk(type_name, prior, state))
        return Planned(state, replace, tuple(rules.config_problems(Subject(type_name, config))))

    def create(self, session: Session, type_name: str, planned: State, config: State) -> Applied:
        """Create one resource in the world."""
        with self.turn:
            return self._create(session, type_name, planned, config)

    def _create(self, session: Session, type_name: str, planned: State, config: State) -> Applied:
        scene = self._scene(session, planned)
        subject = Subject(type_name, planned)
        problems = [*rules.config_problems(Subject(type_name, config)), *rules.world_problems(scene, subject)]
        if any(item.severity == "error" for item in problems):
            return Applied(None, tuple(problems))
        if refused := self.faults.before("create", type_name):
            return Applied(None, (*problems, refused))
        region = "" if identity_of(type_name).everywhere else scene.place.region
        given = given_id(self.world, type_name, planned)
        for salt in range(_SALTS):
            namer = Namer(scene, type_name, planned, salt, given)
            state = self._filled(type_name, deepcopy(planned), namer)
            eks.know_network(scene, Subject(type_name, state))
            key = namer.key()
            try:
                self.world.add(type_name, key, region, _stored(state))
            except Taken:
                if not _random_key(namer, planned):
                    return Applied(None, (*problems, Problem(namer.taken(), f"{type_name}: {key} is not free")))
                continue
            self.world.populate(side_effects.made_with(scene, type_name, key, state))
            self.world.record("create", type_name, key, "done")
            if late := self.faults.after("create", type_name):
                return Applied(state, (*problems, late), key)
            return Applied(state, tuple(problems), key)
        return Applied(None, (Problem("no free id", f"{type_name}: {_SALTS} equal resources"),))

    def update(
        self, session: Session, type_name: str, key: str, prior: State, planned: State, config: State
    ) -> Applied:
        """Change one resource in place."""
        with self.turn:
            return self._update(session, type_name, key, prior, planned, config)

    def _update(
        self, session: Session, type_name: str, key: str, prior: State, planned: State, config: State
    ) -> Applied:
        scene = self._scene(session, planned)
        subject = Subject(type_name, planned)
        problems = [
            *rules.config_problems(Subject(type_name, config)),
            *rules.world_problems(scene, subject),
            *eks.check_upgrade(Subject(type_name, prior), subject),
        ]
        if any(item.severity == "error" for item in problems):
            return Applied(prior, tuple(problems), key)
        if refused := self.faults.before("update", type_name):
            return Applied(prior, (*problems, refused), key)
        state = recomputed.fill(type_name, prior, deepcopy(planned))
        state = self._filled(type_name, state, Namer(scene, type_name, planned))
        if not self.world.change(type_name, key, scene.place.region, _stored(state)):
            gone = Problem("ResourceNotFoundException: the resource does not exist", f"{type_name}: {key}")
            return Applied(prior, (*problems, gone), key)
        self.world.record("update", type_name, key, "done")
        if late := self.faults.after("update", type_name):
            return Applied(state, (*problems, late), key)
        return Applied(state, tuple(problems), key)

    def delete(self, session: Session, type_name: str, key: str, prior: State) -> Sequence[Problem]:
        """Remove one resource, unless something that AWS protects still needs it."""
        with self.turn:
            return self._delete(session, type_name, key, prior)

    def _delete(self, session: Session, type_name: str, key: str, prior: State) -> Sequence[Problem]:
        scene = self._scene(session, prior)
        key = key or self._key(type_name, prior)
        problems = tuple(deletion.problems(scene, Subject(type_name, prior), key))
        if problems:
            return problems
        if refused := self.faults.before("delete", type_name):
            return (refused,)
        self.world.remove(type_name, key, scene.place.region)
        self.world.remove_marked(*side_effects.owner_mark(type_name, key))
        self.world.record("delete", type_name, key, "done")
        late = self.faults.after("delete", type_name)
        return (late,) if late else ()

    def read(self, session: Session, type_name: str, key: str, state: State) -> Applied:
        """The state Terraform knows, or what the world holds where somebody changed it, or nothing where it is gone."""
        del session
        key = key or self._key(type_name, state)
        found = self.world.get(type_name, key)
        if found is None:
            return Applied(None)
        current = shape(self.schema.resources[type_name], found.attributes)
        return Applied(state if normal(current) == normal(state) else current, (), key)

    def read_data(self, session: Session, type_name: str, config: State) -> Applied:
        """Answer a data source from the world."""
        block = self.schema.data_sources[type_name]
        scene = self._scene(session, config)
        if refused := self.faults.before("read", type_name):
            return Applied(None, (refused,))
        answer, problems = data_sources.answer(scene, Subject(type_name, config))
        if any(item.severity == "error" for item in problems):
            return Applied(None, tuple(problems))
        known = {
            name: value
            for name, value in answer.items()
            if name in block.attributes and (block.attributes[name].computed or config.get(name) is None)
        }
        state = self._common(block, {**config, **known}, scene.place)
        return Applied(self._filled_data(block, state, scene, type_name), tuple(problems))

    def import_state(self, session: Session, type_name: str, identifier: str) -> Applied:
        """Adopt an object of the world by its id."""
        del session
        for found in self.world.all(type_name):
            if identifier in (found.key, found.attributes.get("id"), found.attributes.get("arn")):
                self.world.adopt(type_name, found.key)
                return Applied(shape(self.schema.resources[type_name], found.attributes), (), found.key)
        detail = f"no {type_name} {identifier!r} in the simulated world"
        return Applied(None, (Problem("Cannot import non-existent remote object", detail),))

    def _key(self, type_name: str, state: State) -> str:
        """The key of a tainted resource: Terraform drops a provider's private data when a create ends in an error."""
        for found in self.world.all(type_name):
            mine = [name for name in ("id", "arn") if state.get(name)]
            if mine and all(found.attributes.get(name) == state[name] for name in mine):
                return found.key
            if not mine and normal(found.attributes) == normal(_stored(state)):
                return found.key
        return ""

    def _place(self, session: Session, state: Mapping[str, Any]) -> Place:
        place: Place = session.values.get("place") or Place(self.region, self.account)
        own = state.get("region")
        return Place(own, place.account, place.default_tags) if isinstance(own, str) and own else place

    def _scene(self, session: Session, state: Mapping[str, Any]) -> Scene:
        return Scene(self.world, self._place(session, state))

    def _common(self, block: Block, state: State, place: Place) -> State:
        """What the provider itself computes for every resource: the region and the merged tags."""
        region = block.attributes.get("region")
        if region is not None and region.computed and state.get("region") in (None, UNKNOWN):
            state["region"] = place.region
        if "tags_all" in block.attributes and "tags" in block.attributes:
            tags = state.get("tags")
            state["tags_all"] = UNKNOWN if tags is UNKNOWN else {**place.default_tags, **(tags or {})}
        return state

    def _filled(self, type_name: str, state: State, namer: Namer) -> State:
        block = self.schema.resources[type_name]
        identity = namer.identity

        def fill(path: Path, kind: Any) -> Any:
            dotted = ".".join(str(step) for step in path if isinstance(step, str))
            if dotted == "id":
                return namer.id()
            if dotted == "arn" and identity.arn:
                return namer.arn()
            value = namer.value(dotted)
            return generic_value(path, kind, namer) if value is UNKNOWN else _conform(value, kind)

        return fill_unknown(block, state, fill)

    def _filled_data(self, block: Block, state: State, scene: Scene, type_name: str) -> State:
        namer = Namer(scene, type_name, state)
        for name, attribute in block.attributes.items():
            if attribute.computed and state.get(name) is None:
                state[name] = _data_value(name, attribute.value_type(), namer, type_name)
            elif attribute.computed:
                state[name] = _conform(state[name], attribute.value_type())
        return state


def _region_is_the_providers(block: Block, config: State) -> bool:
    """Whether a resource names no region: it then moves with its provider's, which replaces it.

    Source: AWS provider 6, guide "Enhanced Region Support": ``region`` defaults to the provider's, and another value
    forces replacement.
    """
    region = block.attributes.get("region")
    return region is not None and region.computed and config.get("region") is None


def _data_value(name: str, kind: Any, namer: Namer, type_name: str) -> Any:
    """A data source's value that the world does not hold: as the resource of the same name would have it."""
    if name == "id":
        return namer.random("hex", 17)
    if type_name in identities():
        if name == "arn":
            return namer.arn()
        value = namer.value(name)
        if value is not UNKNOWN:
            return _conform(value, kind)
    return generic_value((name,), kind, namer)


def _conform(value: Any, kind: Any) -> Any:
    """A value from a table with every member its type has; what the table leaves out is null."""
    if isinstance(kind, list) and kind[0] == "object" and isinstance(value, Mapping):
        return {name: _conform(value.get(name), inner) for name, inner in kind[1].items()}
    if isinstance(kind, list) and kind[0] in ("list", "set") and isinstance(value, list):
        return [_conform(item, kind[1]) for item in value]
    return value


def _stored(state: State) -> dict[str, Any]:
    return {name: value for name, value in state.items() if value is not UNKNOWN}


def _random_key(namer: Namer, planned: State) -> bool:
    """Whether another draw could give a free key: it has random parts, or names that the provider makes up."""
    template = namer.identity.key or namer.identity.id
    for name, value in (namer.identity.values or {}).items():
        if isinstance(value, str) and planned.get(name) is UNKNOWN:
            template = template.replace(f"{{{name}}}", value)
    return any(mark in template for mark in ("{hex", "{digits", "{alnum", "{upper", "{uuid}"))


def _unset(config: State, dotted: str) -> bool:
    """Whether the configuration leaves a path open, so a difference is the provider's own doing; not so its region."""
    if dotted == "region":
        return False
    head: Any = config.get(dotted.partition(".")[0])
    return head is None
