"""Plugin protocol 6 for any simulated provider."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from tf.gen import tfplugin_pb2 as pb
from tf.gen import tfplugin_pb2_grpc as rpc

from llminfra.rehearsal.provider.contract import Applied, Problem, Session, SimulatedProvider
from llminfra.rehearsal.provider.planning import unconfigurable
from llminfra.rehearsal.provider.values import Path, decode, encode
from llminfra.rehearsal.schema.wire import schema_message

_SEVERITY = {"error": pb.Diagnostic.ERROR, "warning": pb.Diagnostic.WARNING}


def _reported(method: Callable[..., Any]) -> Callable[..., Any]:
    """A bug in the simulation becomes a diagnostic that says so, not a lost connection."""

    @wraps(method)
    def call(self: Servicer, request: Any, context: Any) -> Any:
        try:
            return method(self, request, context)
        except Exception as error:  # noqa: BLE001  the last line before gRPC
            traceback.print_exc(file=sys.stderr)
            name = method.__name__
            answer = getattr(pb, "ValidateResourceConfig" if name == "ValidateResourceConfig" else name).Response()
            detail = f"{type(error).__name__}: {error} (in {name}, {getattr(request, 'type_name', '')})"
            answer.diagnostics.append(_diagnostic(Problem("The rehearsal's simulated provider failed", detail)))
            return answer

    return call


class Servicer(rpc.ProviderServicer):  # type: ignore[misc]  # generated code has no types
    """One provider; its instances (aliases) are told apart by their connection."""

    def __init__(self, provider: SimulatedProvider) -> None:
        self._provider = provider
        self._sessions: dict[str, Session] = {}
        self._schema_response: Any = None

    def GetMetadata(self, request: Any, context: Any) -> Any:
        """Not offered: Terraform then asks for the schema."""
        del request
        import grpc  # already loaded by the server

        context.abort(grpc.StatusCode.UNIMPLEMENTED, "ask GetProviderSchema")

    @_reported
    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        """The schemas of the types that the rehearsed stacks use."""
        del request, context
        if self._schema_response is None:
            schema = self._provider.schema
            self._schema_response = pb.GetProviderSchema.Response(
                provider=schema_message(schema.provider),
                resource_schemas={name: schema_message(block) for name, block in schema.resources.items()},
                data_source_schemas={name: schema_message(block) for name, block in schema.data_sources.items()},
                server_capabilities=pb.ServerCapabilities(get_provider_schema_optional=True),
            )
        return self._schema_response

    @_reported
    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        """The provider block."""
        del context
        problems = self._provider.validate_provider(decode(request.config))
        return pb.ValidateProviderConfig.Response(diagnostics=_diagnostics(problems))

    @_reported
    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        """The provider block, for this connection."""
        session, problems = self._provider.configure(decode(request.config))
        self._sessions[context.peer()] = session
        return pb.ConfigureProvider.Response(diagnostics=_diagnostics(problems))

    @_reported
    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        """A resource block, before any plan."""
        del context
        name, config = request.type_name, decode(request.config)
        refused = unconfigurable(self._provider.schema.resources[name], config)
        problems = [*refused, *self._provider.validate_resource(name, config)]
        return pb.ValidateResourceConfig.Response(diagnostics=_diagnostics(problems))

    @_reported
    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        """A data block."""
        del context
        name, config = request.type_name, decode(request.config)
        refused = unconfigurable(self._provider.schema.data_sources[name], config)
        problems = [*refused, *self._provider.validate_data(name, config)]
        return pb.ValidateDataResourceConfig.Response(diagnostics=_diagnostics(problems))

    @_reported
    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        """Stored state is JSON of the same schema."""
        del context
        return pb.UpgradeResourceState.Response(upgraded_state=pb.DynamicValue(json=request.raw_state.json))

    @_reported
    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        """Plan one resource."""
        planned = self._provider.plan(
            self._session(context),
            request.type_name,
            decode(request.prior_state),
            decode(request.proposed_new_state),
            decode(request.config),
        )
        return pb.PlanResourceChange.Response(
            planned_state=encode(planned.state),
            requires_replace=[_attribute_path(path) for path in planned.replace],
            planned_private=request.prior_private,
            diagnostics=_diagnostics(planned.problems),
        )

    @_reported
    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        """Create, update or delete one resource."""
        session, name = self._session(context), request.type_name
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        key = _key(request.planned_private)
        if planned is None:
            problems = self._provider.delete(session, name, key, prior)
            remains = prior if any(item.severity == "error" for item in problems) else None
            applied = Applied(remains, tuple(problems), key)
        elif prior is None:
            applied = self._provider.create(session, name, planned, decode(request.config))
        else:
            applied = self._provider.update(session, name, key, prior, planned, decode(request.config))
        return pb.ApplyResourceChange.Response(
            new_state=encode(applied.state),
            private=_private(applied.key or key),
            diagnostics=_diagnostics(applied.problems),
        )

    @_reported
    def ReadResource(self, request: Any, context: Any) -> Any:
        """Refresh one resource."""
        state = decode(request.current_state)
        key = _key(request.private)
        applied = self._provider.read(self._session(context), request.type_name, key, state)
        return pb.ReadResource.Response(
            new_state=encode(applied.state),
            private=_private(applied.key or key),
            diagnostics=_diagnostics(applied.problems),
        )

    @_reported
    def ReadDataSource(self, request: Any, context: Any) -> Any:
        """Answer a data source."""
        applied = self._provider.read_data(self._session(context), request.type_name, decode(request.config))
        return pb.ReadDataSource.Response(state=encode(applied.state), diagnostics=_diagnostics(applied.problems))

    @_reported
    def ImportResourceState(self, request: Any, context: Any) -> Any:
        """Adopt what exists in the simulated world."""
        applied = self._provider.import_state(self._session(context), request.type_name, request.id)
        answer = pb.ImportResourceState.Response(diagnostics=_diagnostics(applied.problems))
        if applied.state is not None:
            answer.imported_resources.append(
                pb.ImportResourceState.ImportedResource(
                    type_name=request.type_name, state=encode(applied.state), private=_private(applied.key)
                )
            )
        return answer

    @_reported
    def GetFunctions(self, request: Any, context: Any) -> Any:
        """No provider functions."""
        del request, context
        return pb.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        """Nothing runs longer than a call."""
        del request, context
        return pb.StopProvider.Response()

    def _session(self, context: Any) -> Session:
        return self._sessions.get(context.peer()) or Session()


def _key(private: bytes) -> str:
    if not private:
        return ""
    stored: str = json.loads(private)["key"]
    return stored


def _private(key: str) -> bytes:
    return json.dumps({"key": key}).encode()


def _diagnostics(problems: Iterable[Problem]) -> list[Any]:
    return [_diagnostic(problem) for problem in problems]


def _diagnostic(problem: Problem) -> Any:
    message = pb.Diagnostic(severity=_SEVERITY[problem.severity], summary=problem.summary, detail=problem.detail)
    if problem.path:
        message.attribute.CopyFrom(_attribute_path(problem.path))
    return message


def _attribute_path(path: Path) -> Any:
    steps = [
        pb.AttributePath.Step(element_key_int=step)
        if isinstance(step, int)
        else pb.AttributePath.Step(attribute_name=step)
        for step in path
    ]
    return pb.AttributePath(steps=steps)
