"""An engine's flags as the variables that the entry points of SageMaker images read.

The entry points turn variables back into flags: what they read stands with its source in
``catalog/data/sagemaker_images.json``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llminfra.catalog import sagemaker
from llminfra.planning.storage.copied_weights import SAGEMAKER_MODEL

if TYPE_CHECKING:
    from llminfra.planning.plan.serving import ServingPlan
    from llminfra.spec.endpoint import Endpoint

# What the entry points set themselves, or SageMaker does not have: callers are checked by IAM, not by a key.
_OWN = frozenset({"--host", "--hostname", "--port", "--api-key", "--model-id", "--disable-access-log-for-endpoints"})
# Flags of TGI's launcher whose variables the entry point names otherwise.
_TGI_NAMES = {"--num-shard": "SM_NUM_GPUS", "--quantize": "HF_MODEL_QUANTIZE", "--revision": "HF_MODEL_REVISION",
              "--trust-remote-code": "HF_MODEL_TRUST_REMOTE_CODE"}  # fmt: skip
# Where each entry point reads the model.
_MODEL_NAMES = {"vllm": "SM_VLLM_MODEL", "sglang": "SM_SGLANG_MODEL_PATH", "tgi": "HF_MODEL_ID"}


def container_environment(endpoint: Endpoint, serving: ServingPlan) -> dict[str, str]:
    """Variables of the container; an own image gets the engine's own flags where its entry point is not known."""
    kind, invocation = serving.engine, serving.invocation
    copied = serving.weights.kind == "copied"
    # Caches go where the user of the container may write.
    env = {name: value for name, value in invocation.env.items() if name != "AWS_DEFAULT_REGION"}
    if kind == "djl-lmi":
        env["HF_MODEL_ID"] = SAGEMAKER_MODEL if copied else endpoint.model.id
        return dict(sorted(env.items()))
    if kind not in sagemaker.engines():
        return dict(sorted(env.items()))
    for flag, value in _flags(invocation.args).items():
        if flag in _OWN:
            continue
        name = _TGI_NAMES.get(flag) if kind == "tgi" else None
        env[name or sagemaker.variable_prefix(kind) + flag.removeprefix("--").replace("-", "_").upper()] = value
    env[_MODEL_NAMES[kind]] = SAGEMAKER_MODEL if copied else endpoint.model.id
    return dict(sorted(env.items()))


def _flags(args: tuple[str, ...]) -> dict[str, str]:
    """Flags with their values; a bare flag is ``true``, and positional arguments are left out."""
    found: dict[str, str] = {}
    last = None
    for item in args:
        if item.startswith("--"):
            name, equals, value = item.partition("=")
            found[name] = value if equals else "true"
            last = None if equals else name
        elif last is not None:
            found[last] = item
            last = None
    return found
