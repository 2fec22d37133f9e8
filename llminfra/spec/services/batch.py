"""``BatchInference``: offline inference over files, on AWS Batch."""

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from llminfra.spec.base.names import InBucket, KmsKeyArn, Schedule
from llminfra.spec.base.spec import Distinct, Many, Name, Spec
from llminfra.spec.compute.capacity import CapacityBlock, Reservation
from llminfra.spec.endpoint import Parallelism
from llminfra.spec.engines.base import Image
from llminfra.spec.engines.engine import Engine
from llminfra.spec.errors.expectations import refused
from llminfra.spec.models.model import Model
from llminfra.spec.models.storage import ModelBucket

S3_PREFIX = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([A-Za-z0-9!_.*'()-]+/)*[A-Za-z0-9!_.*'()-]+/?$"


class BatchQueue(Spec):
    """GPU instances that AWS Batch starts for jobs and gives back after them.

    It becomes managed compute environments, spot first and then on demand, and a job queue over them. A model that is
    larger than an instance becomes a multi-node parallel job over EFA.
    """

    instance_types: Annotated[Many[str], Field(min_length=1, max_length=20)]
    """EC2 instance types with the same GPUs, for example ``["g6e.12xlarge", "g6e.24xlarge"]``."""
    max_instances: Annotated[int, Field(ge=1, le=1000)] = 4
    """Most instances at once of each way to buy, so that spot and on demand together may have twice as many; none run
    without jobs."""
    spot: bool = True
    """Whether spot instances come first."""
    on_demand: bool = True
    """Whether jobs run on demand, alone or where spot has no capacity."""
    zones: Distinct[str] = ()
    """Availability zones whose private subnets are used; empty: all of the network, one with EFA or a reservation."""
    efa: bool = False
    """Whether a job may span instances, over all EFA cards of the one type (a multi-node parallel job, no spot)."""
    reservation: Annotated[Reservation | CapacityBlock, Field(discriminator="kind")] | None = None
    """Reservation or capacity block that the instances come from, in the place of spot and on demand."""
    root_volume_gib: Annotated[int, Field(ge=50, le=16384)] | None = None
    """Size of the encrypted gp3 volume; ``None``: large enough for the image and what the engine writes."""

    @model_validator(mode="after")
    def _buys_something(self) -> Self:
        if not (self.spot or self.on_demand):
            raise refused(
                "spot=False and on_demand=False leave no way to get an instance",
                "spot",
                "on_demand",
                expected="spot, on_demand or both",
                fix="set on_demand=True or spot=True",
            )
        if self.reservation is not None and (self.spot or not self.on_demand):
            raise refused(
                "instances of a reservation are on-demand instances",
                "reservation",
                "spot",
                "on_demand",
                expected="spot=False and on_demand=True beside reservation",
                fix="set spot=False and on_demand=True, or leave reservation out",
            )
        return self


class BatchInference(Spec):
    """A model over every line of the files under an S3 prefix (OpenAI batch format), on AWS Batch.

    The job starts the engine beside the runner, works shard by shard, and continues where it was interrupted.
    """

    spec_section: ClassVar[str] = "batches"

    name: Name
    """Name of the job."""
    model: Model
    """The model."""
    engine: Engine
    """The engine: vLLM or SGLang."""
    input: Annotated[str, Field(pattern=S3_PREFIX), InBucket]
    """Prefix of ``.jsonl`` files in an existing bucket, for example ``s3://acme-batch/in/``."""
    output: Annotated[str, Field(pattern=S3_PREFIX), InBucket]
    """Prefix for results in an existing bucket, for example ``s3://acme-batch/out/``."""
    on: BatchQueue
    """Instances that it runs on."""
    input_kms_key_arn: KmsKeyArn | None = None
    """Key that encrypts the input, where it is a customer-managed one."""
    output_kms_key_arn: KmsKeyArn | None = None
    """Key that encrypts the output bucket, where it is a customer-managed one."""
    parallelism: Parallelism | None = None
    """How the model is spread over GPUs; ``None``: chosen by the planner."""
    weights: ModelBucket | None = None
    """Bucket of the weights; ``None``: the first declared one, else the Hugging Face Hub."""
    jobs: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Jobs that share the files among them (an array job); each loads the model once. Without ``schedule`` the output
    ``<name>_submit_command`` starts so many."""
    concurrency: Annotated[int, Field(ge=1, le=4096)] = 64
    """Requests in flight to one engine."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 5
    """Times that a job is started, interruptions included."""
    timeout_s: Annotated[int, Field(ge=60)] = 86_400
    """Seconds that one attempt may run before AWS Batch ends it."""
    runner_image: Image | None = None
    """Image with Python 3.11, boto3 and no entry point for the runner, which is in the engine's container where a job
    spans instances; ``None``: the official Python image, in which pinned packages are installed from PyPI when a job
    starts."""
    schedule: Schedule | None = None
    """When EventBridge submits the job (UTC), for example ``cron(0 2 * * ? *)``; ``None``: by hand or by a pipeline."""
    log_days: Annotated[int, Field(ge=1)] = 365
    """Days that logs are kept."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        source, target = (f"{value.rstrip('/')}/" for value in (self.input, self.output))
        if source.startswith(target) or target.startswith(source):
            raise refused(
                "input and output lie in one another: results would become input",
                "input",
                "output",
                expected="two prefixes of which neither starts with the other",
                fix=f"change output, for example to {self.input.rstrip('/')}-results/",
            )
        return self
