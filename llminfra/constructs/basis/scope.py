"""``Scope``: one stack, the names its resources share, and the spec path that each of them came from."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast

from msgspec import Struct, field

from llminfra.bindings.references import has_address
from llminfra.constructs.basis.names import IAM_NAME_LIMIT, dns_suffix, partition, same_name
from llminfra.diagnostics import SpecError
from llminfra.planning.network.mirror import ImageNames
from llminfra.planning.plan.made_names import bounded
from llminfra.spec.foundation.encryption import CustomerKey, PlatformKeys

if TYPE_CHECKING:
    from llminfra.bindings import core

P = ParamSpec("P")
Element = TypeVar("Element")

METADATA_KEY = "llminfra"
"""Key under ``//`` of a resource that holds ``spec_path``."""


class Maker(Struct, frozen=True):
    """Creates resources on behalf of one place in the spec."""

    scope: Scope
    spec_path: str

    def __call__(
        self, kind: Callable[Concatenate[core.Construct, str, P], Element], id_: str, *args: P.args, **kwargs: P.kwargs
    ) -> Element:
        """Create a resource or data source directly in the stack, so that its address is its id and stays so.

        Terraform tells resources of different types with one name apart, the construct tree does not: there, all but
        the first get their type too.

        Raises:
            SpecError: another object of the spec makes a resource of this type and name.
            ValueError: this one makes it twice.
        """
        scope = self.scope
        mode, terraform_type = _terraform_type(cast("type", kind))
        paths = scope.spec_paths.setdefault(mode, {}).setdefault(terraform_type, {})
        if id_ in paths:
            other = paths[id_]["//"][METADATA_KEY]["spec_path"]
            if other != self.spec_path:
                raise SpecError([same_name(self.spec_path, other, f"{terraform_type}.{id_}")])
            msg = f"{mode} {terraform_type}.{id_} is made twice: one would silently replace the other"
            raise ValueError(msg)
        paths[id_] = {"//": {METADATA_KEY: {"spec_path": self.spec_path}}}
        if id_ not in scope.taken:
            scope.taken.add(id_)
            element = kind(scope.stack, id_, *args, **kwargs)
        else:
            element = kind(scope.stack, f"{id_}-{mode}-{terraform_type}", *args, **kwargs)
            cast("core.TerraformElement", element).override_logical_id(id_)
        has_address(element, f"{'data.' if mode == 'data' else ''}{terraform_type}.{id_}")
        return element


class Scope(Struct, frozen=True, kw_only=True):
    """A stack and what all its resources share.

    Attributes:
        stack: The CDKTF stack.
        platform: Platform name, the prefix of every AWS name.
        region: AWS region.
        account_id: Account number, or the Terraform expression that finds it.
        tags: Tags of every resource (already escaped for Terraform).
        images: What is pulled for images.
        encryption: Whose keys encrypt everything that is stored, where that is declared.
        spec_paths: Spec path of each resource, collected by its makers.
        taken: Names in the construct tree.
    """

    stack: core.TerraformStack
    platform: str
    region: str
    account_id: str
    tags: dict[str, str]
    images: ImageNames
    encryption: PlatformKeys | CustomerKey | None = None
    spec_paths: dict[str, dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]]] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def under(self, spec_path: str) -> Maker:
        """The maker of everything that one place in the spec causes."""
        return Maker(self, spec_path)

    def name(self, suffix: str) -> str:
        """A name that is unique in the account and region."""
        return f"{self.platform}-{suffix}"

    def iam_name(self, suffix: str) -> str:
        """A name that is unique in the account: IAM knows no regions."""
        return bounded(f"{self.platform}-{suffix}-{self.region}", IAM_NAME_LIMIT)

    def arn(self, service: str, resource: str, *, account: bool = True, region: bool = True) -> str:
        """ARN in this region and account."""
        where = f"{self.region if region else ''}:{self.account_id if account else ''}"
        return f"arn:{self.partition}:{service}:{where}:{resource}"

    def foreign_arn(self, service: str, resource: str) -> str:
        """ARN in this region and any account: what another account owns and shares by AWS RAM has its owner's."""
        return f"arn:{self.partition}:{service}:{self.region}:*:{resource}"

    def managed_policy(self, name: str) -> str:
        """ARN of an AWS managed IAM policy."""
        return f"arn:{self.partition}:iam::aws:policy/{name}"

    @property
    def customer_key(self) -> CustomerKey | None:
        """The one key that somebody else manages, if any."""
        return self.encryption if isinstance(self.encryption, CustomerKey) else None

    @property
    def partition(self) -> str:
        """AWS partition of the region."""
        return partition(self.region)

    @property
    def dns_suffix(self) -> str:
        """Domain of the partition's EC2 service principal."""
        return dns_suffix(self.region)

    def has(self, address: str) -> bool:
        """Whether the stack has made this resource (``aws_vpc.main``) or data source (``data.aws_subnet.a``)."""
        mode = "data" if address.startswith("data.") else "resource"
        terraform_type, _, id_ = address.removeprefix("data.").partition(".")
        return id_ in self.spec_paths.get(mode, {}).get(terraform_type, {})

    def finish(self) -> None:
        """Write the spec paths into the stack; call once, after the last resource."""
        for mode, by_type in self.spec_paths.items():
            self.stack.add_override(mode, by_type)
        if self.encryption is not None:
            # Rules read what is declared here: resources alone do not tell whether a key was forgotten.
            declared = self.customer_key.arn if self.customer_key else self.encryption.kind
            self.stack.add_override("//", {METADATA_KEY: {"encryption": declared}})


@cache
def _terraform_type(kind: type) -> tuple[str, str]:
    """Mode and Terraform type of a generated class, read off its module: asking the class costs a call to Node each.

    ``cdktf_cdktf_provider_aws.data_aws_subnet`` is the data source ``aws_subnet``, ``….vpc`` the resource ``aws_vpc``.
    CDKTF's own ``DataResource`` is Terraform's ``terraform_data``.
    """
    if kind.__name__ == "DataResource":
        return "resource", "terraform_data"
    package, _, module = kind.__module__.rpartition(".")
    provider = package.rpartition("_")[2]
    if module.startswith(f"data_{provider}_"):
        return "data", module.removeprefix("data_")
    return "resource", f"{provider}_{module}"
