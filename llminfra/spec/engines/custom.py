"""A server of one's own."""

import difflib
import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.spec import Many, Spec
from llminfra.spec.engines.base import Image
from llminfra.spec.errors.expectations import refused

PLACEHOLDERS = ("{model}", "{served_name}", "{gpus}", "{port}")
"""What is filled in where it stands in ``command`` and ``args``."""


class HttpProbe(Spec):
    """An HTTP health check."""

    path: Annotated[str, Field(pattern=r"^/")] = "/health"
    """Path that answers 200."""
    period_s: Annotated[int, Field(ge=1)] = 10
    """Seconds between two checks."""
    timeout_s: Annotated[int, Field(ge=1)] = 5
    """Seconds a check waits for an answer."""


class CustomMetrics(Spec):
    """Prometheus metrics of a server."""

    path: Annotated[str, Field(pattern=r"^/")] = "/metrics"
    """Path of the metrics."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port of the metrics; ``None``: the server's."""
    waiting: str | None = None
    """Name of the gauge of waiting requests, which autoscaling follows."""
    running: str | None = None
    """Name of the gauge of running requests; with ``max_running`` autoscaling keeps replicas that have work."""
    max_running: Annotated[int, Field(ge=1)] | None = None
    """Requests that one replica runs at once."""
    model_label: str | None = None
    """Label that carries the model's name, where the server tells of several models and this endpoint is one of them;
    ``None``: all that its pods tell is counted."""

    @model_validator(mode="after")
    def _most_of_what_runs(self) -> Self:
        if self.max_running is not None and self.running is None:
            raise refused(
                "max_running says how many requests run at most, and nothing tells how many do",
                "running",
                "max_running",
                expected="running beside max_running",
                fix="name the gauge of running requests, for example running='running', or leave max_running out",
            )
        return self


class CustomServer(Spec):
    """Any container that serves a model over HTTP.

    llminfra owns probes, GPUs, memory, identity and the network around it; what it loads is its own business, so the
    plan shows the weights' size and makes no promise about the rest.
    """

    kind: Literal["custom"] = "custom"
    spec_section: ClassVar[str] = "engines"

    image: Image
    """The container image."""
    command: Many[str] = ()
    """Entry point; empty: the image's. ``{model}`` stands for where the weights are."""
    args: Many[str] = ()
    """Arguments; ``{model}``, ``{served_name}``, ``{gpus}`` and ``{port}`` are filled in."""
    port: Annotated[int, Field(ge=1024, le=65535)] = 8000
    """Port of the HTTP server."""
    env: dict[str, str] = {}
    """Environment variables; never a secret."""
    ready: HttpProbe = HttpProbe()
    """Answers 200 when it takes requests."""
    live: HttpProbe = HttpProbe()
    """Answers 200 while it lives."""
    metrics: CustomMetrics | None = None
    """Where its metrics are; without them there is no autoscaling."""
    run_as_user: Annotated[int, Field(ge=1)] = 10001
    """User id of the process; never root."""
    drain_s: Annotated[int, Field(ge=0, le=3600)] = 60
    """Seconds it needs to finish running requests after SIGTERM."""
    max_model_len: Annotated[int, Field(ge=1)] | None = None
    """Context length in tokens, for the plan."""

    @model_validator(mode="after")
    def _placeholders_are_known(self) -> Self:
        for field in ("command", "args"):
            for text in getattr(self, field):
                # Other braces are the server's own business: JSON, templates.
                for word in re.findall(r"(?<!\{)\{[a-z_]+\}(?!\})", text):
                    close = difflib.get_close_matches(word, PLACEHOLDERS, n=1, cutoff=0.7)
                    if close and word not in PLACEHOLDERS:
                        raise refused(
                            f"{word} in {field} is not filled in",
                            field,
                            expected=", ".join(PLACEHOLDERS),
                            fix=f"did you mean {close[0]}?",
                        )
        return self
