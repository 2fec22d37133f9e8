"""The digests of many images at once: each registry is asked, and everything that went wrong is told together."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from llminfra.diagnostics import LlminfraError, ToolError, UsageError
from llminfra.registries.address import Address, address_of
from llminfra.registries.client import ask
from llminfra.registries.credentials import Credentials, DockerConfig, docker_config, ecr_credentials, ecr_region

if TYPE_CHECKING:
    from httpx2 import Client

TIMEOUT_S = 30
_AT_ONCE = 8


class RegistryError(ToolError):
    """Digests could not be had; ``problems`` says why, by image."""

    def __init__(self, problems: dict[str, str]) -> None:
        self.problems = problems
        lines = "".join(f"\n  {image}: {reason}" for image, reason in sorted(problems.items()))
        count = f"{len(problems)} image{'' if len(problems) == 1 else 's'}"
        super().__init__(f"the digest of {count} could not be had, and nothing was written{lines}")


def ask_digests(images: Iterable[str], *, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """The digest of each image: that of the index, where there are several architectures.

    Args:
        images: Full names with tag, such as ``docker.io/vllm/vllm-openai:v0.27.1``.
        timeout_s: How long one answer may take.

    Raises:
        UsageError: A library is not installed, or Docker's configuration cannot be read.
        RegistryError: Some could not be had; it names all of them.
    """
    wanted = [address_of(image) for image in sorted(set(images))]
    config = docker_config()
    found: dict[str, str] = {}
    problems: dict[str, str] = {}
    with _client(timeout_s) as client, ThreadPoolExecutor(_AT_ONCE) as pool:
        who = _credentials(wanted, config)
        asked = {item: pool.submit(_one, client, item, who[item.host]) for item in wanted}
        for item, answer in asked.items():
            outcome = answer.result()
            if isinstance(outcome, LlminfraError):
                problems[item.image] = str(outcome)
            else:
                found[item.image] = outcome
    if problems:
        raise RegistryError(problems)
    return found


def _one(client: Client, address: Address, who: Credentials | LlminfraError | None) -> str | LlminfraError:
    from httpx2 import HTTPError, InvalidURL  # noqa: PLC0415  # an extra

    if isinstance(who, LlminfraError):
        return who
    try:
        return ask(client, address, who)
    except LlminfraError as error:
        return error
    except (HTTPError, InvalidURL) as error:
        return ToolError(f"{address.host} cannot be reached: {str(error) or type(error).__name__}")


def _credentials(wanted: Iterable[Address], config: DockerConfig) -> dict[str, Credentials | LlminfraError | None]:
    """Who asks each host; an error is told for each of its images."""
    found: dict[str, Credentials | LlminfraError | None] = {}
    for host in dict.fromkeys(item.host for item in wanted):
        found[host] = config.credentials(host)
        if found[host] is None and (region := ecr_region(host)) is not None:
            try:
                found[host] = ecr_credentials(region)
            except LlminfraError as error:
                found[host] = error
    return found


def _client(timeout_s: float) -> Client:
    try:
        import httpx2  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        msg = f"asking registries needs the module {error.name!r}, which is not installed; "
        msg += "pip install 'llminfra[registry]'"
        raise UsageError(msg) from None
    # registry.k8s.io sends to a mirror nearby; a header with credentials does not go along to another host.
    return httpx2.Client(timeout=timeout_s, follow_redirects=True, headers={"User-Agent": "llminfra"})
