"""Where a stack keeps its state, and how another stack reads its outputs."""

from __future__ import annotations

from msgspec import Struct

from llminfra.bindings import core
from llminfra.constructs.basis.names import identifier
from llminfra.spec.foundation.state import S3State, State


class StateLocation(Struct, frozen=True, kw_only=True):
    """State of one stack.

    Attributes:
        state: What the platform declares.
        platform: Platform name.
        region: The platform's region, for a state bucket that names none.
        stack: Short stack name such as ``network``.
        customer_key: Key of a state in S3 that names none.
    """

    state: State
    platform: str
    region: str
    stack: str
    customer_key: str | None = None

    @property
    def key(self) -> str:
        """Object key in the state bucket: ``<prefix>/<platform>/<stack>.tfstate``."""
        prefix = f"{self.state.prefix.strip('/')}/" if isinstance(self.state, S3State) and self.state.prefix else ""
        return f"{prefix}{self.platform}/{self.stack}.tfstate"

    @property
    def kms_key_id(self) -> str | None:
        """Key of a state in S3; ``None``: what the bucket has by default."""
        own = self.state.kms_key_arn if isinstance(self.state, S3State) else None
        return own or self.customer_key

    @property
    def path(self) -> str:
        """Local state file, relative to the stack's folder: beside ``stacks``, so that a new synth leaves it alone."""
        return f"../../state/{self.platform}-{self.stack}.tfstate"


def set_backend(stack: core.TerraformStack, location: StateLocation) -> None:
    """Give the stack a backend: S3 with encryption and native locking, or a local file by relative path."""
    state = location.state
    if not isinstance(state, S3State):
        core.LocalBackend(stack, path=location.path)
        return
    core.S3Backend(
        stack,
        bucket=state.bucket,
        key=location.key,
        region=state.region or location.region,
        encrypt=True,
        kms_key_id=location.kms_key_id,
    )
    # CDKTF 0.21 does not know the argument; Terraform does from 1.10 on.
    stack.add_override("terraform.backend.s3.use_lockfile", value=True)


class Outputs(Struct, frozen=True):
    """Outputs of another stack, read from its state."""

    reference: str

    def __getitem__(self, name: str) -> str:
        """Expression of an output. It has no quotes, so that it can stand inside JSON and YAML text."""
        return f"${{{self.reference}.outputs.{name}}}"


def read_outputs(stack: core.TerraformStack, location: StateLocation) -> Outputs:
    """Read another stack's state; nothing but its outputs is visible."""
    id_ = identifier(location.stack)
    state = location.state
    if isinstance(state, S3State):
        element: core.TerraformElement = core.DataTerraformRemoteStateS3(
            stack,
            f"state-{id_}",
            bucket=state.bucket,
            key=location.key,
            region=state.region or location.region,
            encrypt=True,
            kms_key_id=location.kms_key_id,
        )
    else:
        element = core.DataTerraformRemoteStateLocal(stack, f"state-{id_}", path=location.path)
    element.override_logical_id(id_)
    return Outputs(f"data.terraform_remote_state.{id_}")


def write_outputs(stack: core.TerraformStack, values: dict[str, str]) -> None:
    """Write named outputs; none is secret, because state readers see them all."""
    for name, value in values.items():
        core.TerraformOutput(stack, f"output-{name}", value=value).override_logical_id(name)
