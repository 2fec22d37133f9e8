"""The two minutes' notice of a spot interruption, asked from the instance metadata service (IMDSv2).

AWS Batch stops the container late or not at all before the instance goes, so waiting for SIGTERM is not enough. From a
container with its own network the service answers only when the launch template's hop limit is at least 2.
Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

import threading

from .http_client import ExchangeBrokenError, ExchangeTimeoutError, HttpClient
from .stop import Stop

METADATA_URL = "http://169.254.169.254"
PERIOD_S = 5.0
TIMEOUT_S = 2.0


def is_interrupted(client: HttpClient) -> bool | None:
    """Whether the notice is there; None when the service does not answer."""
    try:
        header = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}
        token = client.request("PUT", "/latest/api/token", b"", TIMEOUT_S, header)
        if token.status != 200:
            return None
        header = {"X-aws-ec2-metadata-token": token.body.decode("ascii", "replace")}
        notice = client.request("GET", "/latest/meta-data/spot/instance-action", None, TIMEOUT_S, header)
    except (ExchangeTimeoutError, ExchangeBrokenError):
        return None
    return notice.status == 200


def watch_spot(stop: Stop, drain_s: float, base_url: str = METADATA_URL, period_s: float = PERIOD_S) -> None:
    """Ask until there is a notice, in a thread."""
    client = HttpClient(base_url)

    def poll() -> None:
        while not stop.requested:
            if is_interrupted(client):
                stop.request("spot_interruption", drain_s)
            stop.wait(period_s)

    threading.Thread(target=poll, name="spot", daemon=True).start()
