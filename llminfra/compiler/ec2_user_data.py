"""User data of EC2 endpoints: a cloud-config that writes scripts, units and settings, and starts the units.

The scripts are files of ``modules/userdata`` and the same on every instance; what differs is in settings beside them,
so that no value of a spec is ever part of a script. Everything is known before anything exists.

Sources: cloud-init documentation, modules ``write_files`` and ``runcmd``; CloudWatch User Guide, "Set up and configure
Prometheus metrics collection on Amazon EC2 instances".
"""

from __future__ import annotations

import base64
import json
import shlex
from typing import TYPE_CHECKING, Any

from llminfra.assets import user_data_dir
from llminfra.catalog.ec2_images import dcgm_exporter
from llminfra.planning.copied_weights import EC2_MODELS

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.serving_plan import Ec2EndpointPlan

LOCAL_DIR = "/mnt/llminfra"
DRAIN_HOOK = "drain"
MOST_BYTES = 16_384
"""Size that EC2 accepts, before base64 (Amazon EC2 User Guide, "Run commands when you launch an EC2 instance")."""
_CACHE = "/cache"
_UNITS = ("llminfra-disk", "llminfra-weights", "llminfra-engine", "llminfra-drain", "llminfra-dcgm", "llminfra-metrics")
_STARTED = ("llminfra-drain", "llminfra-dcgm", "llminfra-metrics", "llminfra-engine")
# DCGM's own field names (NVIDIA/dcgm-exporter etc/default-counters.csv): use, memory, errors, power, temperature.
_GPU_METRICS = (
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_XID_ERRORS",
    "DCGM_FI_DEV_POWER_USAGE",
    "DCGM_FI_DEV_GPU_TEMP",
)


class UserDataTooLargeError(ValueError):
    """The arguments and variables of an endpoint do not fit into user data."""


def log_group_name(plan: Plan, endpoint: str) -> str:
    """The log group of an endpoint's engine, instances and metrics."""
    return f"/llminfra/{plan.platform.name}/ec2/{endpoint}"


def group_name(plan: Plan, endpoint: str) -> str:
    """The Auto Scaling group of an endpoint."""
    return f"{plan.platform.name}-{endpoint}"


def metric_namespace(plan: Plan) -> str:
    """CloudWatch namespace of a platform's metrics."""
    return f"llminfra/{plan.platform.name}"


def user_data(item: Ec2EndpointPlan, plan: Plan) -> str:
    """The cloud-config, base64.

    Raises:
        UserDataTooLargeError: It is larger than EC2 accepts.
    """
    text = cloud_config(item, plan)
    if (size := len(text.encode())) > MOST_BYTES:
        msg = f"user data of endpoint {item.name!r} has {size} bytes, EC2 accepts {MOST_BYTES}: shorten env or args"
        raise UserDataTooLargeError(msg)
    return base64.b64encode(text.encode()).decode()


def cloud_config(item: Ec2EndpointPlan, plan: Plan) -> str:
    """The cloud-config as text."""
    folder = user_data_dir()
    files = [
        _file(f"/opt/llminfra/{path.name}", path.read_text(encoding="utf-8"), "0755")
        for path in sorted(folder.glob("*.sh"))
    ]
    files += [
        _file(f"/etc/systemd/system/{name}.service", (folder / f"{name}.service").read_text(encoding="utf-8"))
        for name in _UNITS
    ]
    files += [_file(f"/etc/llminfra/{name}", text, "0600") for name, text in settings(item, plan).items()]
    config: dict[str, Any] = {
        "write_files": files,
        "runcmd": [
            ["mkdir", "-p", "/var/log/llminfra"],
            ["systemctl", "daemon-reload"],
            # Not waited for: the model alone may take minutes, and cloud-init should end.
            ["systemctl", "enable", *(f"{name}.service" for name in _STARTED)],
            ["systemctl", "start", "--no-block", *(f"{name}.service" for name in _STARTED)],
        ],
    }
    # JSON is YAML, and cloud-init reads YAML.
    return "#cloud-config\n" + json.dumps(config, indent=1, ensure_ascii=False) + "\n"


def settings(item: Ec2EndpointPlan, plan: Plan) -> dict[str, str]:
    """Files of ``/etc/llminfra`` by name."""
    serving = item.serving
    invocation = serving.invocation
    image = invocation.image_repository
    image += f":{invocation.image_tag}" if invocation.image_tag else ""
    image += f"@{invocation.image_digest}" if invocation.image_digest else ""
    copied = serving.weights.kind == "copied"
    instance = {
        "DCGM_IMAGE": dcgm_exporter(),
        "DRAIN_HOOK": DRAIN_HOOK,
        "DRAIN_S": str(serving.drain.engine_s + 10),
        "ENTRYPOINT": invocation.command[0] if invocation.command else "",
        "GROUP": group_name(plan, item.name),
        "IMAGE": image,
        "LOCAL_DIR": LOCAL_DIR,
        "LOG_GROUP": log_group_name(plan, item.name),
        "PORT": str(invocation.port),
        "PRE_STOP_S": str(serving.drain.pre_stop_s),
        "REGION": plan.platform.region,
        "RUN_AS_USER": str(invocation.run_as_user),
        "SHM_MIB": str(serving.resources.shm_mib),
        "WEIGHTS_BUCKET": (serving.weights.storage or "") if copied else "",
        "WEIGHTS_KEY": (serving.weights.key or "") if copied else "",
        "WEIGHTS_MOUNT": EC2_MODELS,
    }
    env = {**invocation.env, **{name: f"{_CACHE}/{folder}" for name, folder in invocation.cache_env.items()}}
    arguments = (*invocation.command[1:], *invocation.args)
    secrets = [f"{ref.name}\t{ref.secret_name}\t{ref.secret_key or ''}" for ref in invocation.secret_env]
    return {
        "instance.env": "".join(f"{name}={shlex.quote(value)}\n" for name, value in instance.items()),
        "engine.env": "".join(f"{name}={_line(value)}\n" for name, value in sorted(env.items())),
        "engine.args": "".join(f"{_line(value)}\n" for value in arguments),
        "secrets.tsv": "".join(f"{line}\n" for line in secrets),
        "prometheus.json": _prometheus(item),
        "cloudwatch-agent.json": _agent(item, plan),
    }


def _line(value: str) -> str:
    if "\n" in value:
        msg = f"a value with a line break cannot be passed to a container: {value[:40]!r}"
        raise UserDataTooLargeError(msg)
    return value


def _file(path: str, content: str, mode: str = "0644") -> dict[str, str]:
    return {"path": path, "permissions": mode, "content": content}


def _prometheus(item: Ec2EndpointPlan) -> str:
    labels = {"endpoint": item.name}
    jobs: list[dict[str, Any]] = [
        {"job_name": "dcgm", "static_configs": [{"targets": ["127.0.0.1:9400"], "labels": labels}]}
    ]
    if (metrics := item.serving.invocation.metrics) is not None:
        target = f"127.0.0.1:{metrics.port}"
        jobs.append(
            {
                "job_name": "engine",
                "metrics_path": metrics.path,
                "static_configs": [{"targets": [target], "labels": labels}],
            }
        )
    return json.dumps({"global": {"scrape_interval": "30s", "scrape_timeout": "10s"}, "scrape_configs": jobs})


def _agent(item: Ec2EndpointPlan, plan: Plan) -> str:
    group = log_group_name(plan, item.name)
    metrics = item.serving.invocation.metrics
    wanted = [name for name in (metrics.waiting, metrics.running, metrics.kv_usage) if name] if metrics else []
    declarations = [_declaration("dcgm", _GPU_METRICS)]
    if wanted:
        declarations.append(_declaration("engine", wanted))
    return json.dumps(
        {
            "agent": {"region": plan.platform.region},
            "logs": {
                "logs_collected": {
                    "files": {
                        "collect_list": [
                            {"file_path": path, "log_group_name": group, "log_stream_name": "{instance_id}-" + name}
                            for path, name in (
                                ("/var/log/llminfra/*.log", "units"),
                                ("/var/log/cloud-init-output.log", "cloud-init"),
                            )
                        ]
                    }
                },
                "metrics_collected": {
                    "prometheus": {
                        "prometheus_config_path": "/etc/llminfra/prometheus.json",
                        "log_group_name": group,
                        "emf_processor": {
                            "metric_namespace": metric_namespace(plan),
                            "metric_declaration": declarations,
                        },
                    }
                },
            },
        }
    )


def _declaration(job: str, names: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {
        "source_labels": ["job"],
        "label_matcher": f"^{job}$",
        "dimensions": [["endpoint"]],
        "metric_selectors": [f"^({'|'.join(names)})$"],
    }
