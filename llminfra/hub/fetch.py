"""Reads a model's ``config.json`` and the headers of its safetensors files from the Hub, through its own client."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from llminfra.catalog.container_env import HUB_TOKEN
from llminfra.diagnostics import ToolError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_CONFIG = "config.json"
_QUANTIZATION = "hf_quant_config.json"


class FetchedModel(Struct, frozen=True, kw_only=True):
    """What the Hub says about a model.

    Attributes:
        model_id: Name of the repository.
        revision: Commit that was read, 40 hexadecimal digits.
        config: The ``config.json``; a ModelOpt ``hf_quant_config.json`` is in it as ``quantization_config``.
        gated: Whether the Hub asks for accepted terms.
        weights_bytes: Exact bytes of all tensors; ``None`` where the repository has no safetensors.
        parameters: Tensor elements by safetensors type.
        files: Names of the safetensors files.
        endpoint: The Hub that was asked.
    """

    model_id: str
    revision: str
    config: dict[str, Any]
    gated: bool
    weights_bytes: int | None
    parameters: dict[str, int] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    endpoint: str = ""


def fetch_model(
    model_id: str,
    revision: str | None = None,
    *,
    endpoint: str | None = None,
    token_env: str = HUB_TOKEN,
) -> FetchedModel:
    """Read a model's configuration and exact size; no weights are downloaded.

    Args:
        model_id: Repository such as ``Qwen/Qwen3-32B``.
        revision: Branch, tag or commit; ``None``: the head of ``main``, whose commit is recorded.
        endpoint: URL of the Hub; ``None``: ``HF_ENDPOINT``, else the public Hub.
        token_env: Environment variable that holds the token; an empty or missing one means no token. A token that the
            Hub's command line has stored is not used, so that the same call asks the same way everywhere.

    Raises:
        UsageError: The extra is missing, the model or revision is unknown or not open to the caller, or the repository
            is none that can be served.
        ToolError: The Hub cannot be reached, or answers with an error.
    """
    api = _client(endpoint, token_env)
    with _explained(model_id, revision, api.endpoint, token_env):
        info = api.model_info(model_id, revision=revision)
        commit = str(info.sha)
        config = _json(api, model_id, _CONFIG, commit)
        names = {item.rfilename for item in info.siblings or ()}
        if _QUANTIZATION in names and "quantization_config" not in config:
            config["quantization_config"] = _json(api, model_id, _QUANTIZATION, commit)
        total, parameters, files = _tensors(api, model_id, commit)
    return FetchedModel(
        model_id=model_id,
        revision=commit,
        config=config,
        gated=bool(info.gated),
        weights_bytes=total,
        parameters=parameters,
        files=files,
        endpoint=api.endpoint,
    )


def _client(endpoint: str | None, token_env: str) -> HfApi:
    try:
        from huggingface_hub import HfApi  # noqa: PLC0415  # the extra is needed for this alone
    except ModuleNotFoundError as error:
        msg = f"reading from the Hub needs the module {error.name!r}, which is not installed; "
        msg += "pip install 'llminfra[hub]'"
        raise UsageError(msg) from None
    # The client reads HF_ENDPOINT when it is imported; here it counts when it is asked.
    address = endpoint or os.environ.get("HF_ENDPOINT") or None
    return HfApi(
        endpoint=address.rstrip("/") if address else None,
        token=os.environ.get(token_env) or False,
        library_name="llminfra",
    )


def _json(api: HfApi, model_id: str, name: str, commit: str) -> dict[str, Any]:
    path = api.hf_hub_download(model_id, name, revision=commit)
    parsed: Any = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(parsed, dict):
        msg = f"{name} of {model_id} is no JSON object"
        raise UsageError(msg)
    return parsed


def _tensors(api: HfApi, model_id: str, commit: str) -> tuple[int | None, dict[str, int], tuple[str, ...]]:
    """Exact bytes, elements by type and file names, from the headers of the safetensors files."""
    from huggingface_hub.errors import NotASafetensorsRepoError  # noqa: PLC0415  # an extra brings it

    try:
        found = api.get_safetensors_metadata(model_id, revision=commit)
    except NotASafetensorsRepoError:
        return None, {}, ()
    total = 0
    elements: Counter[str] = Counter()
    for header in found.files_metadata.values():
        for tensor in header.tensors.values():
            start, end = tensor.data_offsets
            total += end - start
            elements[tensor.dtype] += tensor.parameter_count
    return total, dict(sorted(elements.items())), tuple(sorted(found.files_metadata))


@contextmanager
def _explained(model_id: str, revision: str | None, endpoint: str, token_env: str) -> Iterator[None]:
    """The client's exceptions as what a user can do about them."""
    from huggingface_hub import errors  # noqa: PLC0415  # an extra brings it

    by_hand = "or download config.json on another machine and name it in the model's field config"
    try:
        yield
    except errors.GatedRepoError:
        msg = f"{model_id} is gated: accept its terms at {endpoint}/{model_id} and put a token into ${token_env}"
        raise UsageError(msg) from None
    except errors.RevisionNotFoundError:
        msg = f"{model_id} has no revision {revision!r} at {endpoint}"
        raise UsageError(msg) from None
    except errors.RepositoryNotFoundError:
        msg = (
            f"{endpoint} has no model {model_id!r}, or it is private: check the name, or put a token into ${token_env}"
        )
        raise UsageError(msg) from None
    except errors.OfflineModeIsEnabled:
        msg = f"HF_HUB_OFFLINE is set, so the Hub is not asked: unset it, {by_hand}"
        raise ToolError(msg) from None
    except errors.LocalEntryNotFoundError as error:
        msg = f"the Hub at {endpoint} cannot be reached ({_cause(error)}): check the network and HF_ENDPOINT, {by_hand}"
        raise ToolError(msg) from None
    except errors.EntryNotFoundError:
        msg = f"{model_id} has no {_CONFIG}: it is no model that transformers or an engine could load"
        raise UsageError(msg) from None
    except errors.HFValidationError as error:
        msg = f"{model_id!r} is no name of a model: {error}"
        raise UsageError(msg) from None
    except errors.SafetensorsParsingError as error:
        msg = f"the Hub's safetensors headers of {model_id} cannot be read: {error}"
        raise ToolError(msg) from None
    except errors.HfHubHTTPError as error:
        msg = f"the Hub at {endpoint} answered with an error: {error}"
        raise ToolError(msg) from None
    except errors.HTTPError as error:  # type: ignore[attr-defined]  # of the HTTP library the client was built on
        msg = f"the Hub at {endpoint} cannot be reached ({error}): check the network and HF_ENDPOINT, {by_hand}"
        raise ToolError(msg) from None


def _cause(error: BaseException) -> str:
    return str(error.__cause__ or error)
