"""The consumer with its AWS clients."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import Any

import boto3
from botocore.config import Config

from .backend import Backend, HttpBackend, SageMakerBackend
from .consumer import Consumer
from .secret import ApiKey
from .settings import Settings, SettingsError


class App:
    """Clients, backend and consumer; ``close`` is for processes that end in an orderly way."""

    def __init__(self, settings: Settings) -> None:
        """Make the clients.

        Raises:
            SettingsError: boto3 is too old for conditional writes.
        """
        self.settings = settings
        self._open = ExitStack()
        s3 = self._open.enter_context(closing(self._client("s3")))
        if "IfMatch" not in s3.meta.service_model.operation_model("PutObject").input_shape.members:
            raise SettingsError(f"boto3 {boto3.__version__} is too old: conditional writes came with 1.36")
        self.sqs = self._open.enter_context(closing(self._client("sqs", read_timeout=settings.wait_s + 10)))
        self.backend = self._backend()
        sns = self._open.enter_context(closing(self._client("sns")))
        self.consumer = Consumer(settings, self.backend, s3, sns)

    def close(self) -> None:
        """Close the clients."""
        self._open.close()

    def _client(self, service: str, *, read_timeout: float = 30, attempts: int = 4) -> Any:
        config = Config(
            connect_timeout=5,
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=max(10, 2 * self.settings.concurrency),
        )
        return boto3.client(service, config=config)

    def _backend(self) -> Backend:
        settings = self.settings
        if settings.sagemaker_endpoint:

            def make(timeout_s: float) -> Any:
                return self._client("sagemaker-runtime", read_timeout=timeout_s, attempts=1)

            name, component = settings.sagemaker_endpoint, settings.sagemaker_component
            return self._open.enter_context(
                closing(SageMakerBackend(make, name, component, settings.request_timeout_s))
            )
        key = None
        if settings.api_key_secret:
            secrets = self._open.enter_context(closing(self._client("secretsmanager")))
            key = ApiKey(secrets, settings.api_key_secret, settings.secret_ttl_s)
        return HttpBackend(settings.endpoint_url, settings.health_path, key)
