"""``Gateway``: one address in front of endpoints on GPU pools, with callers that are known and limited."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from llminfra.spec.base.secret import Secret
from llminfra.spec.base.spec import Distinct, Many, Name, Spec
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.errors.expectations import refused
from llminfra.spec.foundation.network import Cidr

_HTTPS = r"^https://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"


class Tenant(Spec):
    """A group of callers with a budget of its own."""

    name: Name
    """Name in limits, logs and metrics."""
    api_key: Secret | None = None
    """The key that its callers send as ``Authorization: Bearer …``; ``None`` where callers bring tokens (``oidc``)."""
    claim: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """Value of ``Oidc.tenant_claim`` in its callers' tokens; ``None``: the tenant's name."""
    requests_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Requests a minute over all endpoints of the gateway."""
    tokens_per_minute: Annotated[int, Field(ge=1, le=2_000_000_000)] | None = None
    """Input and output tokens a minute over all endpoints that are told by model; what an answer took counts against
    the requests after it. Requests to rerank, classify and reward use up none."""


class Oidc(Spec):
    """Callers that bring a JSON Web Token of an identity provider."""

    issuer: Annotated[str, Field(pattern=_HTTPS)]
    """Issuer (``iss``) of the tokens, for example ``https://login.example.com``."""
    audiences: Annotated[Distinct[str], Field(min_length=1, max_length=8)]
    """Audiences (``aud``), one of which a token must be for."""
    jwks_uri: Annotated[str, Field(pattern=_HTTPS, max_length=253)]
    """Where the issuer publishes its keys; Envoy fetches them over HTTPS."""
    tenant_claim: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$")] = "sub"
    """Claim that says which tenant a caller belongs to; a dot goes into a nested claim."""


class Gateway(Spec):
    """Envoy with Envoy AI Gateway in front of endpoints: TLS, authentication, limits, routing by model name or path.

    It becomes an Application Load Balancer whose targets are Envoy's pods, a ``Gateway`` with its routes and policies,
    and for each endpoint an ``InferencePool`` with an endpoint picker that knows queues and prefix caches.
    """

    spec_section: ClassVar[str] = "gateways"

    name: Name
    """Name of the gateway: its load balancer, and its part of the contract for applications."""
    endpoints: Annotated[Many[Endpoint], Field(min_length=1, max_length=15)]
    """Endpoints on GPU pools; requests go to the one that serves the model that they name. Those that rerank, classify
    or give rewards are told by their path: ``/endpoints/<name>/v1/rerank``."""
    exposure: Literal["cluster", "internal", "public"] = "internal"
    """Who can reach it: pods of the cluster alone, the VPC by an internal load balancer, or the internet."""
    hostname: Annotated[str, Field(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$")] | None = None
    """Name that callers use and that the certificate is for, for example ``llm.example.com``."""
    certificate_arn: (
        Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$")] | None
    ) = None
    """ARN of the certificate in AWS Certificate Manager, in the platform's region."""
    hosted_zone_id: Annotated[str, Field(pattern=r"^Z[A-Z0-9]+$")] | None = None
    """Route 53 zone in which ``hostname`` is made; ``None``: the name is made elsewhere."""
    web_acl_arn: (
        Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:wafv2:[a-z0-9-]+:[0-9]{12}:regional/webacl/.+$")] | None
    ) = None
    """ARN of an AWS WAF web ACL that reads requests first. Its rules must let prompts through: a rule on the size of
    bodies, as in the managed core rule set, refuses what is longer than 8 KB."""
    allow_from_cidrs: Distinct[Cidr] = ()
    """Blocks that may call the load balancer; empty: the VPC's own, or everyone where it is public."""
    tenants: Many[Tenant] = ()
    """Who may call. Without tenants everyone who reaches the gateway may."""
    oidc: Oidc | None = None
    """Identity provider whose tokens callers bring, instead of API keys."""
    routing: Literal["prefix", "load"] = "prefix"
    """How a replica is chosen: by the beginning of the prompt in its cache, its queue and its cache use, or by the last
    two alone."""
    request_timeout_s: Annotated[int, Field(ge=1, le=3600)] = 900
    """Seconds from request to the last token of the answer, streamed or not."""
    only_way_in: bool = True
    """Whether the endpoints refuse pods that do not come through the gateway, but those of an `AsyncEndpoint`."""
    replicas: Annotated[int, Field(ge=1, le=20)] = 2
    """Envoy pods."""

    @model_validator(mode="after")
    def _one_kind_of_credential(self) -> Self:
        if self.oidc is not None:
            if keyed := [item.name for item in self.tenants if item.api_key is not None]:
                raise refused(
                    f"oidc and the API keys of {', '.join(keyed)} exclude each other",
                    "oidc",
                    "tenants",
                    expected="oidc, or tenants with API keys",
                    fix="leave oidc out, or the api_key of every tenant",
                )
            return self
        if claimed := [item.name for item in self.tenants if item.claim is not None]:
            raise refused(
                f"claim of {', '.join(claimed)} says nothing without oidc",
                "tenants",
                expected="oidc, which says who issues the tokens with these claims",
                fix="set oidc, or leave claim out",
            )
        return self
