"""The settings, read from the environment, all mistakes reported at once. No secret is among them, only names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit


class SettingsError(Exception):
    """The environment cannot work; one line for each mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the consumer does. Times are seconds; an empty text is a thing that is not used."""

    endpoint_url: str
    health_path: str
    sagemaker_endpoint: str
    sagemaker_component: str
    result_bucket: str
    result_prefix: str
    topic_arn: str
    queue_url: str
    body_bucket: str
    body_prefix: str
    max_body_mib: int
    api_key_secret: str
    secret_ttl_s: float
    request_timeout_s: float
    min_call_s: float
    margin_s: float
    call_attempts: int
    call_backoff_s: float
    backoff_s: float
    backoff_max_s: float
    concurrency: int
    visibility_s: int
    wait_s: int
    drain_timeout_s: float
    idle_exit_s: float
    alive_file: str


def _number(kind: type[int | float], least: float, most: float = float("inf")) -> Callable[[str], float]:
    def read(text: str) -> float:
        limits = f"at least {least:g}" if most == float("inf") else f"{least:g} to {most:g}"
        expected = f"{'a whole' if kind is int else 'a'} number, {limits}"
        try:
            value = kind(text)
        except ValueError:
            raise ValueError(expected) from None
        if not least <= value <= most or value == float("inf"):
            raise ValueError(expected)
        return value

    return read


def _text(text: str) -> str:
    return text


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path.strip("/"):
        raise ValueError("http(s)://host[:port] without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _prefix(text: str) -> str:
    if text.startswith("/"):
        raise ValueError("a prefix without a slash at its start")
    return text.rstrip("/") + "/" if text else ""


_READERS: dict[str, tuple[Callable[[str], str | float], str | None]] = {
    "endpoint_url": (_url, ""),
    "health_path": (_text, "/health"),
    "sagemaker_endpoint": (_text, ""),
    "sagemaker_component": (_text, ""),
    "result_bucket": (_text, None),
    "result_prefix": (_prefix, ""),
    "topic_arn": (_text, ""),
    "queue_url": (_text, ""),
    "body_bucket": (_text, ""),
    "body_prefix": (_prefix, ""),
    "max_body_mib": (_number(int, 1), "16"),
    "api_key_secret": (_text, ""),
    "secret_ttl_s": (_number(float, 0), "300"),
    "request_timeout_s": (_number(float, 0.1), "300"),
    "min_call_s": (_number(float, 0), "5"),
    "margin_s": (_number(float, 0), "5"),
    "call_attempts": (_number(int, 1), "2"),
    "call_backoff_s": (_number(float, 0), "1"),
    "backoff_s": (_number(float, 0), "15"),
    # SQS takes at most 12 hours; longer than 15 minutes helps nobody here.
    "backoff_max_s": (_number(float, 0, 43_200), "900"),
    "concurrency": (_number(int, 1), "5"),
    "visibility_s": (_number(int, 1, 43_200), "60"),
    "wait_s": (_number(int, 0, 20), "10"),
    "drain_timeout_s": (_number(float, 0), "30"),
    "idle_exit_s": (_number(float, 0), "0"),
    "alive_file": (_text, ""),
}


def read_settings(env: Mapping[str, str]) -> Settings:
    """Settings from ``ASYNC_*``.

    Raises:
        SettingsError: with every mistake, not only the first.
    """
    mistakes: list[str] = []
    values: dict[str, str | float] = {}
    for field, (read, default) in _READERS.items():
        name = f"ASYNC_{field.upper()}"
        text = env.get(name) or default
        if text is None:
            mistakes.append(f"{name} is not set")
        elif text == "":
            values[field] = ""
        else:
            try:
                values[field] = read(text)
            except ValueError as error:
                mistakes.append(f"{name}: found {text!r}, expected {error}")
    if bool(env.get("ASYNC_ENDPOINT_URL")) == bool(env.get("ASYNC_SAGEMAKER_ENDPOINT")):
        mistakes.append("expected one of ASYNC_ENDPOINT_URL and ASYNC_SAGEMAKER_ENDPOINT")
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**values)  # type: ignore[arg-type]  # every field was read by its reader
