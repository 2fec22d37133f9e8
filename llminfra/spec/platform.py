"""``Platform``: everything that is deployed together in one region of one account."""

from typing import Annotated, ClassVar, TypeVar

from pydantic import Field, PrivateAttr

from llminfra.diagnostics import Diagnostic, Severity
from llminfra.spec.base.names import TagKey, TagValue
from llminfra.spec.base.spec import Many, Prefix, Spec, declared_at, report
from llminfra.spec.compute.cluster import Cluster
from llminfra.spec.compute.existing_cluster import ExistingCluster
from llminfra.spec.compute.gpu_pool import GpuPool
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.errors.shape_errors import show
from llminfra.spec.foundation.encryption import CustomerKey, Encryption
from llminfra.spec.foundation.existing_prometheus import ExistingPrometheus
from llminfra.spec.foundation.images import ImageMirror
from llminfra.spec.foundation.network import ExistingNetwork, Network
from llminfra.spec.foundation.observability import Observability
from llminfra.spec.foundation.state import LocalState, State
from llminfra.spec.foundation.waiver import Waiver
from llminfra.spec.models.storage import Storage
from llminfra.spec.services.async_endpoint import AsyncEndpoint
from llminfra.spec.services.batch import BatchInference
from llminfra.spec.services.bedrock import Bedrock
from llminfra.spec.services.gateway import Gateway

AnyWorkload = Endpoint | Gateway | AsyncEndpoint | BatchInference
Workload = TypeVar("Workload", bound=AnyWorkload)


class Platform(Spec):
    """A platform becomes Terraform stacks: network, cluster, storage, platform (Helm) and serving (endpoints)."""

    spec_section: ClassVar[str] = "platforms"

    name: Prefix
    """Prefix of every AWS name (at most 24 characters)."""
    region: str
    """AWS region, for example ``us-east-1``."""
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    """AWS account that Terraform must run in, 12 digits, for example ``111122223333``; ``None``: any."""
    network: Network | ExistingNetwork = Network()
    """The VPC that everything runs in. Unless it is named there is none where nothing is in it: models of Bedrock that
    roles call need none."""
    images: ImageMirror | None = None
    """Where copies of all images and charts are; ``None``: each comes from its publisher."""
    image_lock: Annotated[str, Field(min_length=1)] | None = None
    """Path of a file with the digest of every image, relative to the spec file, which `llminfra images SPEC --lock`
    writes, for example ``images.lock.json``; ``None``: images are pulled by their tags."""
    cluster: Cluster | ExistingCluster | None = Cluster()
    """The EKS cluster, to make or already there; ``None`` for no cluster. Unless it is named there is none where no
    endpoint needs one."""
    pools: Many[GpuPool] = ()
    """GPU nodes of the cluster."""
    storage: Many[Storage] = ()
    """Buckets and file systems of weights."""
    observability: Observability | ExistingPrometheus | None = Observability()
    """Metrics, dashboards and alerts, by a Prometheus to install or one that is there; ``None``: none of them."""
    endpoints: Many[Endpoint] = ()
    """Models that are served."""
    gateways: Many[Gateway] = ()
    """Addresses in front of endpoints on pools, with TLS, authentication and limits."""
    async_endpoints: Many[AsyncEndpoint] = ()
    """Queues in front of endpoints, for answers that may come later."""
    batches: Many[BatchInference] = ()
    """Offline inference over files, on AWS Batch."""
    bedrock: Bedrock | None = None
    """Models that Amazon Bedrock hosts."""
    encryption: Encryption | None = None
    """Whose keys encrypt everything that is stored; ``None``: keys of the platform's stacks encrypt models, secrets,
    logs, queues and topics, and keys of AWS the rest. An object's own key, where it has a field, is used instead."""
    state: State = LocalState()
    """Where Terraform keeps its state."""
    tags: Annotated[dict[TagKey, TagValue], Field(max_length=40)] = {}
    """Tags of every resource, at most 40 besides those llminfra sets: AWS takes 50 on one."""
    budget_usd_per_month: Annotated[float, Field(gt=0)] | None = None
    """What the platform may cost a month with every pool at its maximum, by the catalog's prices."""
    waivers: Many[Waiver] = ()
    """Findings that are accepted, each with its reason and end."""

    _added: list[Endpoint] = PrivateAttr(default_factory=list)

    def add(self, workload: Workload, *more: AnyWorkload) -> Workload:
        """Put workloads on the platform and return the first.

        Raises:
            SpecError: One is none; where a spec file is read, that is told with its other errors.
        """
        for each in (workload, *more):
            self._put(each)
        return workload

    def _put(self, workload: object) -> None:
        if isinstance(workload, Endpoint):
            self._added.append(workload)
        elif isinstance(workload, Gateway | AsyncEndpoint | BatchInference):
            section = type(workload).spec_section
            self.__dict__[section] = (*getattr(self, section), workload)
        else:
            report(self._no_workload(workload))

    def _no_workload(self, value: object) -> Diagnostic:
        """What is wrong with something else than a workload; other objects belong to a field."""
        field = getattr(type(value), "spec_section", "")
        file, line = declared_at() or (None, None)
        return Diagnostic(
            code="LLM_SPEC_1",
            severity=Severity.ERROR,
            path=f"platforms.{self.name}",
            message="add() takes workloads, and this is none",
            found=show(value),
            expected="Endpoint(…), Gateway(…), AsyncEndpoint(…) or BatchInference(…)",
            fix=f"give it to Platform({field}=…)" if field in type(self).model_fields else "add an Endpoint(…)",
            file=file,
            line=line,
        )

    def __eq__(self, other: object) -> bool:
        """Endpoints count as the platform's however they came to it."""
        if not isinstance(other, Platform):
            return NotImplemented
        mine, theirs = ({**item.__dict__, "endpoints": item.workloads} for item in (self, other))
        return mine == theirs

    __hash__ = Spec.__hash__

    @property
    def needs_cluster(self) -> bool:
        """Whether there is an EKS cluster: named, or needed by a pool, or nothing else is declared."""
        if self.cluster is None:
            return False
        elsewhere = any(not isinstance(item.on, GpuPool) for item in self.workloads if not item.broken)
        if self.batches or self.bedrock is not None:
            pods = self.bedrock is not None and any(item.kind == "pod" for item in self.bedrock.access)
            elsewhere = elsewhere or not (self.workloads or pods)
        return "cluster" in self.model_fields_set or bool(self.pools) or not elsewhere

    @property
    def needs_network(self) -> bool:
        """Whether there is a VPC: named, or something of the platform is in it."""
        inside = self.needs_cluster or self.workloads or self.batches or self.async_endpoints
        return "network" in self.model_fields_set or bool(inside) or any(item.kind == "lustre" for item in self.storage)

    @property
    def serving_namespace(self) -> str:
        """Namespace of endpoints: the platform's own where others may be on the cluster."""
        cluster = self.cluster
        if isinstance(cluster, ExistingCluster):
            return cluster.serving_namespace or f"{self.name}-serving"
        return "llm-serving"

    @property
    def cluster_prefix(self) -> str:
        """Start of names that are one in all of a cluster; empty where the platform makes it."""
        return f"{self.name}-" if isinstance(self.cluster, ExistingCluster) else ""

    @property
    def own_observability(self) -> Observability | None:
        """The Prometheus that llminfra installs, if any."""
        return self.observability if isinstance(self.observability, Observability) else None

    @property
    def customer_key(self) -> CustomerKey | None:
        """The one key that somebody else manages, if any."""
        found = self.encryption
        return found if isinstance(found, CustomerKey) and not found.broken else None

    @property
    def scales_by_metrics(self) -> bool:
        """Whether a Prometheus answers what the autoscaler asks."""
        found = self.observability
        return isinstance(found, Observability) or (found is not None and found.url is not None)

    @property
    def workloads(self) -> tuple[Endpoint, ...]:
        """All endpoints, declared and added, in order."""
        return (*self.endpoints, *self._added)
