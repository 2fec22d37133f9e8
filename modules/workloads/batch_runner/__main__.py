"""Entry point: ``python3 -m batch_runner``."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from . import exit_codes
from .endpoint import Endpoint
from .http_client import HttpClient
from .metrics import metrics_line
from .node import run_node
from .plan import NoInputError
from .run import Run, ServerDidNotStartError, log
from .server import fill_in
from .settings import Settings, SettingsError, read_settings
from .spot import watch_spot
from .stop import Stop, StoppedError, watch_signals
from .store import InputChangedError, Store, error_code

# A retry does not give a permission or make a bucket.
HOPELESS = frozenset(
    {"AccessDenied", "AccessDeniedException", "NoSuchBucket", "PermanentRedirect", "ResourceNotFoundException"}
)
CLIENT = Config(retries={"mode": "standard", "total_max_attempts": 8}, connect_timeout=5, read_timeout=60)


def api_key(secret_name: str) -> str:
    """The key in the secret: the whole text, or the field ``api_key`` of a JSON object."""
    with closing(boto3.client("secretsmanager", config=CLIENT)) as client:
        text: str = client.get_secret_value(SecretId=secret_name)["SecretString"]
    try:
        item = json.loads(text)
    except ValueError:
        return text.strip()
    return str(item["api_key"]) if isinstance(item, dict) else text.strip()


def run_batch(settings: Settings, stop: Stop) -> int:
    """Do the work of this child and print the metrics; the exit code."""
    headers = {"Authorization": f"Bearer {api_key(settings.api_key_secret)}"} if settings.api_key_secret else {}

    def make_endpoint(server_died: Callable[[], bool]) -> Endpoint:
        return Endpoint(HttpClient(settings.endpoint_url, headers), settings, stop, server_died)

    settings = replace(settings, server_command=tuple(fill_in(settings.server_command, settings)))
    with closing(boto3.client("s3", config=CLIENT)) as s3:
        if "IfNoneMatch" not in s3.meta.service_model.operation_model("PutObject").input_shape.members:
            raise SettingsError(f"boto3 {boto3.__version__} is too old: conditional writes came with 1.36")
        source, target = Store(s3, settings.input.bucket), Store(s3, settings.output.bucket)
        run = Run(settings, source, target, stop, make_endpoint)
        code, reason = judge(run.run)
    counts = run.counts
    if code == exit_codes.DONE and counts.failed and counts.failed >= settings.max_error_fraction * counts.lines:
        code, reason = exit_codes.BAD_INPUT, f"{counts.failed} of {counts.lines} lines failed"
    line = metrics_line(settings.name, settings.run_id, settings.array_index, code, reason, counts)
    print(line, flush=True)  # noqa: T201  # the metrics are the output of this process
    return code


def judge(work: Callable[[], Any]) -> tuple[int, str]:
    """Do the work; the exit code and the reason."""
    try:
        work()
    except StoppedError as error:
        return exit_codes.TRY_AGAIN, str(error)
    except ServerDidNotStartError as error:
        return exit_codes.SERVER_DID_NOT_START, str(error)
    except NoInputError as error:
        return exit_codes.NO_INPUT, str(error)
    except InputChangedError as error:
        return exit_codes.BAD_INPUT, str(error)
    except ClientError as error:
        hopeless = error_code(error) in HOPELESS
        return (exit_codes.BAD_SETTINGS if hopeless else exit_codes.TRY_AGAIN), str(error)
    except BotoCoreError as error:
        return exit_codes.TRY_AGAIN, str(error)
    except SettingsError as error:
        return exit_codes.BAD_SETTINGS, str(error)
    except Exception:  # noqa: BLE001  # the last word of the process: a traceback and an exit code of its own
        traceback.print_exc()
        return exit_codes.INTERNAL, "internal error"
    return exit_codes.DONE, "done"


def main() -> int:
    """Run with the settings of the environment."""
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        log(str(error))
        return exit_codes.BAD_SETTINGS
    stop = Stop()
    watch_signals(stop, settings.drain_timeout_s)
    if settings.watch_spot:
        watch_spot(stop, settings.spot_drain_timeout_s)
    results: list[int] = []
    task = run_batch if settings.is_main_node else run_node
    code, reason = judge(lambda: results.append(task(settings, stop)))
    if results:
        return results[0]
    log(reason)
    return code


if __name__ == "__main__":
    sys.exit(main())
