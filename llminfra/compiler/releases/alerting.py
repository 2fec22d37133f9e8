"""Who hears of alerts: Alertmanager's routes and receivers, with credentials in files that it mounts."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from llminfra.charts.llm_server import ExternalSecret, ExternalSecretItem
from llminfra.compiler.releases.names import secret_store
from llminfra.planning.controllers.needs import credential
from llminfra.spec.foundation.alert_receiver import SlackAlerts, SnsAlerts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import JsonValue

    from llminfra.planning.plan import Plan
    from llminfra.spec.base.secret import Secret
    from llminfra.spec.foundation.alert_receiver import AlertReceiver, AlertSeverity

ALERTMANAGER_ACCOUNT = "alertmanager"
# Where the Prometheus operator mounts ``alertmanagerSpec.secrets``.
_MOUNT = "/etc/alertmanager/secrets"
_KEY = "value"
# Alertmanager's own text for Slack is empty (template/default.tmpl, "slack.default.text"), while those for SNS and
# PagerDuty list all annotations. Alerts of the chart have an address of their runbook and no command.
_SLACK_TEXT = (
    "{{ range .Alerts }}*{{ .Annotations.summary }}*\n{{ .Annotations.description }}\n"
    "{{ if .Annotations.runbook_url }}{{ .Annotations.runbook_url }}"
    "{{ else if .Annotations.runbook }}`{{ .Annotations.runbook }}`{{ end }}\n{{ end }}"
)
_SEVERITIES: tuple[AlertSeverity, ...] = ("info", "warning", "critical")


def alertmanager_config(receivers: Sequence[AlertReceiver], *, region: str) -> dict[str, JsonValue] | None:
    """Routes and receivers; every receiver hears of its severities, whoever else does. ``None`` without receivers."""
    if not receivers:
        return None
    names = [f"{item.kind}-{index}" for index, item in enumerate(receivers)]
    routes: list[JsonValue] = [{"receiver": "null", "matchers": ['alertname =~ "Watchdog|InfoInhibitor"']}]
    routes += [
        {"receiver": name, "matchers": [f'severity =~ "{"|".join(_at_least(item.at_least))}"'], "continue": True}
        for name, item in zip(names, receivers, strict=True)
    ]
    return {
        "route": {
            "receiver": "null",
            "group_by": ["namespace", "alertname", "endpoint"],
            "group_wait": "30s",
            "group_interval": "5m",
            "repeat_interval": "12h",
            "routes": routes,
        },
        "receivers": [
            {"name": "null"},
            *({"name": name, **_receiver(item, region)} for name, item in zip(names, receivers, strict=True)),
        ],
    }


def alert_secrets(receivers: Sequence[AlertReceiver], plan: Plan) -> list[ExternalSecret]:
    """The credentials that receivers need, as Secrets beside Alertmanager."""
    declared = [item for receiver in receivers if (item := credential(receiver)) is not None]
    return [
        ExternalSecret(
            name=_mounted(item),
            store_name=secret_store(plan),
            data=[ExternalSecretItem(secret_key=_KEY, remote_key=item.name, remote_property=item.key)],
        )
        for item in dict.fromkeys(declared)
    ]


def topics(receivers: Sequence[AlertReceiver]) -> list[str]:
    """ARNs of the SNS topics that Alertmanager publishes to."""
    return list(dict.fromkeys(item.topic_arn for item in receivers if isinstance(item, SnsAlerts)))


def _at_least(lowest: AlertSeverity) -> Sequence[AlertSeverity]:
    return _SEVERITIES[_SEVERITIES.index(lowest) :]


def _receiver(receiver: AlertReceiver, region: str) -> dict[str, JsonValue]:
    if isinstance(receiver, SnsAlerts):
        topic_region = receiver.topic_arn.split(":")[3] or region
        sns: JsonValue = [{"topic_arn": receiver.topic_arn, "sigv4": {"region": topic_region}, "send_resolved": True}]
        return {"sns_configs": sns}
    if isinstance(receiver, SlackAlerts):
        file = f"{_MOUNT}/{_mounted(receiver.webhook)}/{_KEY}"
        slack: JsonValue = [
            {"api_url_file": file, "channel": receiver.channel, "send_resolved": True, "text": _SLACK_TEXT}
        ]
        return {"slack_configs": slack}
    file = f"{_MOUNT}/{_mounted(receiver.routing_key)}/{_KEY}"
    return {"pagerduty_configs": [{"routing_key_file": file, "send_resolved": True}]}


def _mounted(secret: Secret) -> str:
    """A Kubernetes name for a secret of Secrets Manager, whose names know more characters."""
    digest = hashlib.sha256(f"{secret.name}\0{secret.key or ''}".encode()).hexdigest()[:10]
    return f"alert-receiver-{digest}"
