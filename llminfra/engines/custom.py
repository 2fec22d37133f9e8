"""A server of the user's own: their image and arguments, llminfra's probes, resources and network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.engines.invocation import Invocation, Metrics, Probe
from llminfra.engines.shared import LIBRARY_CACHES, secret_env, startup_probe
from llminfra.spec.engines.custom import CustomServer

if TYPE_CHECKING:
    from llminfra.catalog.engines import EngineRelease
    from llminfra.engines.job import ServingJob, UnknownOption
    from llminfra.spec.endpoint import Endpoint


class CustomAdapter:
    """Adapter for :class:`llminfra.spec.engines.custom.CustomServer`."""

    def invoke(self, job: ServingJob) -> Invocation:
        """The user's container, with its placeholders filled in."""
        server = job.endpoint.engine
        if not isinstance(server, CustomServer):
            msg = f"the custom adapter was given {type(server).__name__}"
            raise TypeError(msg)
        return Invocation(
            image_repository=server.image.repository,
            image_tag=server.image.tag,
            image_digest=server.image.digest,
            command=tuple(_filled(item, job, server) for item in server.command),
            args=tuple(_filled(item, job, server) for item in server.args),
            env=dict(server.env),
            cache_env=dict(LIBRARY_CACHES),
            secret_env=secret_env(job, api_key="API_KEY"),
            port=server.port,
            startup=startup_probe(job, server.ready.path, server.port, timeout_s=server.ready.timeout_s),
            readiness=Probe(
                path=server.ready.path,
                port=server.port,
                period_s=server.ready.period_s,
                timeout_s=server.ready.timeout_s,
                failure_threshold=3,
            ),
            liveness=Probe(
                path=server.live.path,
                port=server.port,
                period_s=server.live.period_s,
                timeout_s=server.live.timeout_s,
                failure_threshold=6,
            ),
            metrics=Metrics(
                port=server.metrics.port or server.port,
                path=server.metrics.path,
                waiting=server.metrics.waiting,
                running=server.metrics.running,
                kv_usage=None,
                max_running=server.metrics.max_running,
                model_label=server.metrics.model_label,
            )
            if server.metrics
            else None,
            drain_flag_s=server.drain_s,
            run_as_user=server.run_as_user,
        )

    def unknown_options(self, endpoint: Endpoint, release: EngineRelease | None) -> tuple[UnknownOption, ...]:
        """Nothing is known about the server's options."""
        del endpoint, release
        return ()


def _filled(text: str, job: ServingJob, server: CustomServer) -> str:
    """Plain replacement, not ``str.format``: arguments may hold JSON."""
    values = {
        "{model}": job.model_argument,
        "{served_name}": job.served_name,
        "{gpus}": str(job.parallelism.gpus),
        "{port}": str(server.port),
    }
    for name, value in values.items():
        text = text.replace(name, value)
    return text
