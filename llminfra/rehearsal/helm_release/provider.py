"""The simulated Helm provider."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from llminfra.rehearsal.faults import FaultInjector
from llminfra.rehearsal.helm_release import charts
from llminfra.rehearsal.helm_release.unchangeable import refused_changes
from llminfra.rehearsal.helm_release.yaml_text import parse
from llminfra.rehearsal.namespaces import NAMESPACE
from llminfra.rehearsal.provider.contract import Applied, Planned, Problem, Session
from llminfra.rehearsal.provider.planning import fill_unknown, plan_create, plan_update, replacements, shape
from llminfra.rehearsal.provider.values import UNKNOWN, State, is_known, normal
from llminfra.rehearsal.provider.values import Path as ValuePath
from llminfra.rehearsal.schema.model import ProviderSchema
from llminfra.rehearsal.world import Taken, WorldStore

_TYPE = "helm_release"
_DEFAULT_KUBE_VERSION = "1.34"
# helm.sh/docs, "Release names": a DNS-1123 label list of at most 53 characters.
_NAME = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_NAME_LENGTH = 53
# Defaults that the provider sets at plan time (terraform-provider-helm 3.1, helm_release argument reference).
_DEFAULTS: Mapping[str, Any] = {
    "atomic": False,
    "cleanup_on_fail": False,
    "create_namespace": False,
    "dependency_update": False,
    "disable_crd_hooks": False,
    "disable_openapi_validation": False,
    "disable_webhooks": False,
    "force_update": False,
    "lint": False,
    "max_history": 0,
    "namespace": "default",
    "pass_credentials": False,
    "recreate_pods": False,
    "render_subchart_notes": True,
    "replace": False,
    "reset_values": False,
    "reuse_values": False,
    "skip_crds": False,
    "take_ownership": False,
    "timeout": 300,
    "upgrade_install": False,
    "verify": False,
    "wait": True,
    "wait_for_jobs": False,
}
_IMMUTABLE = frozenset({"name", "namespace"})
_BUILT_IN_NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})


@dataclass(frozen=True, slots=True)
class HelmProvider:
    """Keeps releases in the world after their charts rendered to valid objects.

    Attributes:
        schema: Schemas to serve.
        world: What exists.
        faults: Which calls fail on purpose.
        directory: What a chart's relative path is relative to.
    """

    schema: ProviderSchema
    world: WorldStore
    faults: FaultInjector
    directory: Path

    def validate_provider(self, config: State) -> Sequence[Problem]:
        """Nothing to refuse before values are known."""
        del config
        return ()

    def configure(self, config: State) -> tuple[Session, Sequence[Problem]]:
        """Remember which cluster the provider points to."""
        kubernetes = config.get("kubernetes")
        host = kubernetes.get("host") if isinstance(kubernetes, dict) else None
        return Session({"host": host}), ()

    def validate_resource(self, type_name: str, config: State) -> Sequence[Problem]:
        """Names, and values that are not YAML."""
        del type_name
        return tuple(_config_problems(config))

    def validate_data(self, type_name: str, config: State) -> Sequence[Problem]:
        """Data sources are not simulated."""
        del config
        return (Problem(f"the rehearsal does not simulate data.{type_name}"),)

    def plan(
        self, session: Session, type_name: str, prior: State | None, proposed: State | None, config: State
    ) -> Planned:
        """Plan a release; a local chart whose values are known is rendered already here."""
        del session
        block = self.schema.resources[type_name]
        if proposed is None:
            return Planned(None)
        for name, value in _DEFAULTS.items():
            if proposed.get(name) is None:
                proposed[name] = value
        _default_set_types(proposed)
        if prior is None:
            state = plan_create(block, proposed)
            return Planned(self._known(state), (), tuple(self._chart_problems(state)))
        if normal(proposed) == normal(prior) and prior.get("version") in (proposed.get("version"), None):
            return Planned(prior)
        state = plan_update(block, prior, proposed, ("metadata", "manifest", "status", "resources"))
        if config.get("version") is None:
            state["version"] = UNKNOWN
        replace = replacements(prior, state, _IMMUTABLE, lambda name: config.get(name) is None)
        return Planned(self._known(state), replace, tuple(self._chart_problems(state)))

    def create(self, session: Session, type_name: str, planned: State, config: State) -> Applied:
        """Install a release."""
        del config
        return self._install(session, type_name, planned, revision=1)

    def update(
        self, session: Session, type_name: str, key: str, prior: State, planned: State, config: State
    ) -> Applied:
        """Upgrade a release."""
        del config
        before = prior.get("metadata") or {}
        revision = int(before.get("revision") or 1) + 1
        applied = self._install(session, type_name, planned, revision, was=str(prior.get("manifest") or ""))
        return applied if applied.state is not None else Applied(prior, applied.problems, key)

    def delete(self, session: Session, type_name: str, key: str, prior: State) -> Sequence[Problem]:
        """Uninstall a release."""
        key = key or self._key_of(session, prior)
        if refused := self.faults.before("delete", type_name):
            return (refused,)
        self.world.remove(type_name, key, "")
        self.world.record("delete", type_name, key, "done")
        late = self.faults.after("delete", type_name)
        return (late,) if late else ()

    def read(self, session: Session, type_name: str, key: str, state: State) -> Applied:
        """The release as it is."""
        key = key or self._key_of(session, state)
        found = self.world.get(type_name, key)
        if found is None:
            return Applied(None)
        current = shape(self.schema.resources[type_name], found.attributes)
        return Applied(state if normal(current) == normal(state) else current, (), key)

    def read_data(self, session: Session, type_name: str, config: State) -> Applied:
        """Data sources are not simulated."""
        del session, config
        return Applied(None, (Problem(f"the rehearsal does not simulate data.{type_name}"),))

    def import_state(self, session: Session, type_name: str, identifier: str) -> Applied:
        """Adopt a release by ``namespace/name``."""
        del session
        for found in self.world.all(type_name):
            if found.key.rpartition("|")[2] == identifier:
                self.world.adopt(type_name, found.key)
                return Applied(shape(self.schema.resources[type_name], found.attributes), (), found.key)
        return Applied(None, (Problem("Cannot import non-existent remote object", f"no release {identifier!r}"),))

    def _known(self, state: State) -> State:
        """What follows from the chart alone is known at plan time."""
        path = charts.local_chart(state, self.directory)
        if path is not None and state.get("version") is UNKNOWN:
            state["version"] = str(charts.chart_info(path).get("version", ""))
        return state

    def _chart_problems(self, state: State) -> list[Problem]:
        """A chart that is neither here nor in a repository."""
        chart = state.get("chart")
        if not isinstance(chart, str) or not is_known(state.get("repository")):
            return []
        if charts.looks_local(chart) and charts.local_chart(state, self.directory) is None:
            return [Problem("could not download chart", f"path {chart!r} holds no Chart.yaml", ("chart",))]
        return []

    def _install(self, session: Session, type_name: str, planned: State, revision: int, was: str = "") -> Applied:
        cluster, problems = self._cluster(session)
        if problems:
            return Applied(None, tuple(problems))
        kube_version = str((cluster or {}).get("version") or _DEFAULT_KUBE_VERSION)
        path = charts.local_chart(planned, self.directory)
        rendered = charts.render(planned, path, kube_version) if path else charts.check_known_keys(planned)
        problems = [*_config_problems(planned), *rendered.problems, *self._namespace_problems(planned, cluster)]
        problems += self._taken_problems(session, planned, rendered.manifest, cluster)
        problems += refused_changes(was, rendered.manifest)
        if any(item.severity == "error" for item in problems):
            return Applied(None, tuple(problems))
        verb = "create" if revision == 1 else "update"
        if refused := self.faults.before(verb, type_name):
            return Applied(None, (*problems, refused))
        state = self._filled(deepcopy(planned), rendered, revision)
        name, namespace = str(state["name"]), str(state["namespace"])
        key = self._key_of(session, state)
        if revision == 1:
            try:
                self.world.add(type_name, key, "", state)
            except Taken:
                summary = "cannot re-use a name that is still in use"
                return Applied(
                    None, (*problems, Problem(summary, f"release {name!r} in {namespace!r} exists", ("name",)))
                )
        else:
            self.world.change(type_name, key, "", state)
        self.world.record(verb, type_name, key, "rendered" if rendered.rendered else "known keys")
        if late := self.faults.after(verb, type_name):
            return Applied(state, (*problems, late), key)
        return Applied(state, tuple(problems), key)

    def _key_of(self, session: Session, state: State) -> str:
        """Cluster, namespace and name: what makes a release one of a kind."""
        return f"{session.values.get('host') or ''}|{state.get('namespace')}/{state.get('name')}"

    def _cluster(self, session: Session) -> tuple[Mapping[str, Any] | None, list[Problem]]:
        """The simulated cluster that the provider points to."""
        host = session.values.get("host")
        if not isinstance(host, str) or not host:
            return None, []
        for item in self.world.all("aws_eks_cluster"):
            if item.attributes.get("endpoint") == host:
                return item.attributes, []
        detail = f"no cluster of the simulated world has the endpoint {host}"
        return None, [Problem("Kubernetes cluster unreachable", detail)]

    def _namespace_problems(self, planned: State, cluster: Mapping[str, Any] | None) -> list[Problem]:
        namespace = str(planned.get("namespace") or "default")
        if cluster is None or planned.get("create_namespace") or namespace in _BUILT_IN_NAMESPACES:
            return []
        if namespace in self._there(cluster):
            return []
        for item in self.world.all(_TYPE):
            attributes = item.attributes
            if attributes.get("namespace") == namespace and attributes.get("create_namespace"):
                return []
            if namespace in _created_namespaces(attributes):
                return []
        detail = "set create_namespace, or install a release before it that creates the namespace"
        return [Problem(f'create: failed to create: namespaces "{namespace}" not found', detail, ("namespace",))]

    def _there(self, cluster: Mapping[str, Any] | None) -> frozenset[str]:
        """Namespaces of the cluster that no release made."""
        name = (cluster or {}).get("name") or (cluster or {}).get("id")
        found = (item.attributes for item in self.world.all(NAMESPACE))
        return frozenset(
            str(each.get("name") or each["id"]) for each in found if each.get("cluster") in (None, "", name)
        )

    def _taken_problems(
        self, session: Session, planned: State, manifest: str, cluster: Mapping[str, Any] | None
    ) -> list[Problem]:
        """Namespaces of the release that are there by somebody else's hand: Helm takes over nothing.

        Source: helm/helm pkg/action/validate.go, ``existingResourceConflict`` and ``checkOwnership``.
        """
        key = self._key_of(session, planned)
        there = set(self._there(cluster))
        for item in self.world.all(_TYPE):
            if item.key != key and item.key.partition("|")[0] == key.partition("|")[0]:
                there |= _created_namespaces(item.attributes)
        return [
            Problem(
                "Unable to continue with install: "
                f'Namespace "{name}" in namespace "" exists and cannot be imported into the current release',
                "invalid ownership metadata: name it in ExistingCluster(namespaces=…), and it is not made",
                ("values",),
            )
            for name in sorted(_created_namespaces({"manifest": manifest}) & there)
        ]

    def _filled(self, state: State, rendered: charts.Rendered, revision: int) -> State:
        namespace, name = str(state.get("namespace")), str(state.get("name"))
        chart = str(state.get("chart") or "").rstrip("/").rpartition("/")[2]
        version = state.get("version") if isinstance(state.get("version"), str) else rendered.version
        values: dict[str, Any] = {}
        for document in charts.value_documents(state):
            values.update(document)
        known: dict[str, Any] = {
            "id": name,
            "status": "deployed",
            "version": version,
            "manifest": rendered.manifest or "{}",
            "resources": {},
            "metadata": {
                "app_version": rendered.app_version,
                "chart": chart,
                "first_deployed": 1735689600,
                "last_deployed": 1735689600,
                "name": name,
                "namespace": namespace,
                "notes": "",
                "revision": revision,
                "values": json.dumps(values, sort_keys=True),
                "version": version,
            },
        }

        def fill(path: ValuePath, kind: Any) -> Any:
            if len(path) == 1 and path[0] in known:
                return known[str(path[0])]
            return {"string": "", "number": 0, "bool": False}.get(kind) if isinstance(kind, str) else None

        return fill_unknown(self.schema.resources[_TYPE], state, fill)


def _default_set_types(state: State) -> None:
    for item in state.get("set") or []:
        if isinstance(item, dict) and item.get("type") is None:
            item["type"] = ""


def _config_problems(config: State) -> list[Problem]:
    problems = []
    name = config.get("name")
    if isinstance(name, str) and (not _NAME.match(name) or len(name) > _NAME_LENGTH):
        detail = f"got {name!r}; lower case letters, digits, '-' and '.', at most {_NAME_LENGTH} characters"
        problems.append(Problem("invalid release name", detail, ("name",)))
    for index, text in enumerate(config.get("values") or []):
        if isinstance(text, str):
            problems += _yaml_problems(text, index)
    return problems


def _yaml_problems(text: str, index: int) -> list[Problem]:
    try:
        parsed = parse(text)
    except ValueError as error:
        return [Problem("values are not YAML", str(error), ("values", index))]
    if parsed is not None and not isinstance(parsed, dict):
        return [Problem("values must be a YAML mapping", f"got {type(parsed).__name__}", ("values", index))]
    return []


def _created_namespaces(attributes: Mapping[str, Any]) -> frozenset[str]:
    """Namespaces among the objects of a rendered release."""
    manifest = str(attributes.get("manifest") or "")
    return _namespaces_in(manifest) if "kind: Namespace" in manifest else frozenset()


@lru_cache(maxsize=64)  # every release after one with namespaces asks again
def _namespaces_in(manifest: str) -> frozenset[str]:
    import yaml  # only where a release holds a namespace

    return frozenset(
        str(item["metadata"]["name"])
        for item in yaml.load_all(manifest, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if isinstance(item, dict) and item.get("kind") == "Namespace"
    )
