"""``AsyncEndpoint``: a queue in front of an endpoint, for requests whose answers may come later."""

from typing import Annotated, ClassVar

from pydantic import Field

from llminfra.spec.base.spec import Name, Spec
from llminfra.spec.endpoint import Endpoint
from llminfra.spec.engines.base import Image


class AsyncEndpoint(Spec):
    """Requests by SQS, answers in S3, a notice by SNS.

    It becomes an encrypted queue with a dead-letter queue, a consumer that calls the endpoint, a bucket of answers, a
    topic that tells of each answer, and alarms on what is stuck. The consumer is an AWS Lambda function in the private
    subnets; for an endpoint on a pool without ``address`` it is pods beside the endpoint, which KEDA scales from zero.
    """

    spec_section: ClassVar[str] = "async_endpoints"

    name: Name
    """Name of the queue."""
    behind: Endpoint
    """The endpoint that answers: on ``Ec2``, ``SageMaker`` or a ``GpuPool``."""
    address: Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$")] | None = None
    """URL under which the VPC reaches an endpoint on a GPU pool, for example an internal load balancer of your own:
    then a function is the consumer, and not pods of the cluster. ``None``: the endpoint's own address."""
    request_timeout_s: Annotated[int, Field(ge=1, le=840)] = 300
    """Seconds that one request may take; Lambda allows 900 for everything."""
    max_concurrency: Annotated[int, Field(ge=2, le=1000)] = 8
    """Requests at once; about what the endpoint holds in one batch."""
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    """Times that a request is tried before it goes to the dead-letter queue."""
    retention_days: Annotated[int, Field(ge=1, le=14)] = 4
    """Days that a request may wait in the queue."""
    results_days: Annotated[int, Field(ge=1)] = 30
    """Days that answers are kept."""
    log_days: Annotated[int, Field(ge=1)] = 365
    """Days that the function's logs are kept; they hold no prompts and no answers."""
    trace: bool = True
    """Whether AWS X-Ray traces the function, where one is the consumer."""
    worker_image: Image | None = None
    """Image with Python 3.11, boto3 and no entry point, where pods are the consumer; ``None``: the official Python
    image, in which pinned packages are installed from PyPI when a pod starts."""
