"""Who hears of alerts: an SNS topic, a Slack channel, a PagerDuty service. Credentials by reference."""

from typing import Annotated, Literal

from pydantic import Field

from llminfra.spec.base.secret import Secret
from llminfra.spec.base.spec import Spec

AlertSeverity = Literal["info", "warning", "critical"]


class SnsAlerts(Spec):
    """Alerts to an SNS topic, signed with the identity of Alertmanager's service account."""

    kind: Literal["sns"] = "sns"
    topic_arn: Annotated[str, Field(pattern=r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$")]
    """ARN of a topic that is already there, for example ``arn:aws:sns:us-east-1:111122223333:llm-alerts``."""
    at_least: AlertSeverity = "warning"
    """Lowest severity that is sent."""


class SlackAlerts(Spec):
    """Alerts to a Slack channel, through an incoming webhook."""

    kind: Literal["slack"] = "slack"
    webhook: Secret
    """Secret that holds the webhook's URL."""
    channel: Annotated[str, Field(pattern=r"^[#@]?[^\s#@]{1,80}$")]
    """Channel, for example ``#llm-alerts``."""
    at_least: AlertSeverity = "warning"
    """Lowest severity that is sent."""


class PagerDutyAlerts(Spec):
    """Alerts to a PagerDuty service (Events API v2)."""

    kind: Literal["pagerduty"] = "pagerduty"
    routing_key: Secret
    """Secret that holds the integration's routing key."""
    at_least: AlertSeverity = "critical"
    """Lowest severity that is sent."""


AlertReceiver = Annotated[SnsAlerts | SlackAlerts | PagerDutyAlerts, Field(discriminator="kind")]
"""Anyone who hears of alerts."""
