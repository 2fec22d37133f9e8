"""A request queue with its dead-letter queue, a topic with an inbox, and Lambda's polling between them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from async_consumer.clients import App
from async_consumer.handler import consume
from async_consumer.settings import read_settings

from tests.workloads.conftest import Bucket


@dataclass
class Desk:
    """Everything around the consumer, in moto."""

    client: Callable[[str], Any]
    bucket: Bucket
    endpoint_url: str
    max_receive_count: int = 3
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.sqs, sns = self.client("sqs"), self.client("sns")
        self.dlq = self.sqs.create_queue(QueueName=f"dlq-{self.name}")["QueueUrl"]
        redrive = {"deadLetterTargetArn": self.arn(self.dlq), "maxReceiveCount": self.max_receive_count}
        attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "60"}
        self.queue = self.sqs.create_queue(QueueName=f"requests-{self.name}", Attributes=attributes)["QueueUrl"]
        self.inbox = self.sqs.create_queue(QueueName=f"inbox-{self.name}")["QueueUrl"]
        self.topic = sns.create_topic(Name=f"results-{self.name}")["TopicArn"]
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=self.arn(self.inbox), Attributes=raw)

    @staticmethod
    def arn(url: str) -> str:
        account, name = url.split("/")[-2:]
        return f"arn:aws:sqs:us-east-1:{account}:{name}"

    def env(self, **extra: str) -> dict[str, str]:
        return {
            "ASYNC_ENDPOINT_URL": self.endpoint_url,
            "ASYNC_RESULT_BUCKET": self.bucket.name,
            "ASYNC_RESULT_PREFIX": "async",
            "ASYNC_TOPIC_ARN": self.topic,
            "ASYNC_QUEUE_URL": self.queue,
            "ASYNC_BODY_BUCKET": self.bucket.name,
            "ASYNC_BODY_PREFIX": "bodies",
            "ASYNC_MAX_BODY_MIB": "1",
            "ASYNC_REQUEST_TIMEOUT_S": "5",
            "ASYNC_MIN_CALL_S": "0.1",
            "ASYNC_MARGIN_S": "0.2",
            "ASYNC_CALL_ATTEMPTS": "1",
            "ASYNC_BACKOFF_S": "0",
            **extra,
        }

    def app(self, **extra: str) -> App:
        return App(read_settings(self.env(**extra)))

    def send(self, name: str, *, key: str | None = None, **extra: Any) -> str:
        body = {"model": "m", "prompt": f"say {name}", "user": name, **extra}
        message = {"version": 1, "url": "/v1/completions", "body": body, "metadata": {"name": name}}
        return self.send_raw(json.dumps({**message, **({} if key is None else {"idempotency_key": key})}))

    def send_raw(self, text: str) -> str:
        return str(self.sqs.send_message(QueueUrl=self.queue, MessageBody=text)["MessageId"])

    def records(self, count: int = 10) -> list[dict[str, Any]]:
        reply = self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=count, AttributeNames=["ApproximateReceiveCount"]
        )
        return [
            {
                "messageId": item["MessageId"],
                "receiptHandle": item["ReceiptHandle"],
                "body": item["Body"],
                "attributes": item["Attributes"],
                "eventSource": "aws:sqs",
            }
            for item in reply.get("Messages", [])
        ]

    def deliver(self, app: App, remaining_s: float = 20) -> list[str]:
        """One poll of Lambda's: the function is called, and what it does not name is deleted. The failed ids."""
        if not (records := self.records()):
            return []
        failed = [item["itemIdentifier"] for item in consume(app, records, remaining_s)["batchItemFailures"]]
        for record in records:
            if record["messageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=record["receiptHandle"])
        return failed

    def take_all(self, url: str) -> list[str]:
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.take_all(self.inbox)]

    def results(self) -> dict[str, dict[str, Any]]:
        keys = self.bucket.keys("async/results/")
        return {
            key.removeprefix("async/results/").removesuffix(".json"): json.loads(self.bucket.get(key)) for key in keys
        }

    def waiting(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        reply = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)
        return sum(int(value) for value in reply["Attributes"].values())


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What the consumer logged."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]
