"""``Secret``: a credential by reference. llminfra never sees, stores or prints the value."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from llminfra.spec.base.spec import Spec
from llminfra.spec.errors.shape_errors import looks_like_credential


def _no_credential(value: str) -> str:
    if looks_like_credential(value):
        msg = "this is a credential, not the name of a secret"
        raise ValueError(msg)
    return value


class Secret(Spec):
    """The name of a secret in AWS Secrets Manager; the External Secrets Operator hands it to the pods that need it.

    The secret must exist before the serving stack is applied; its value is never in the spec, the Terraform state,
    the Helm values or the logs.
    """

    spec_section: ClassVar[str] = "secrets"

    name: Annotated[
        str, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9/_+=.@-]+$"), AfterValidator(_no_credential)
    ]
    """Name of the secret in AWS Secrets Manager (letters, digits and ``/_+=.@-``; at most 512 characters)."""
    key: Annotated[str, Field(min_length=1)] | None = None
    """Key inside a JSON secret; ``None`` takes the whole string."""
