"""User data of EC2 endpoints: a cloud-config that writes scripts, units and settings, and starts the units.

The scripts are files of ``modules/userdata`` and the same on every instance (those of ``replica`` where a replica spans
instances); what differs is in settings beside them, so that no value of a spec is ever part of a script. Everything is
known before anything exists.

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
from llminfra.compiler.steady_gzip import steady_gzip
from llminfra.planning.network.mirror import engine_image, image_names
from llminfra.planning.storage.copied_weights import EC2_MODELS

if TYPE_CHECKING:
    from llminfra.planning.plan import Plan
    from llminfra.planning.plan.serving import Ec2EndpointPlan, Ec2Group

LOCAL_DIR = "/mnt/llminfra"
ROUND_TAG, READY_TAG, LEAVING_TAG = "llminfra:round", "llminfra:ready", "llminfra:leaving"
"""Tags by which the instances of a replica agree on a common start."""
DRAIN_HOOK = "drain"
MOST_BYTES = 16_384
"""Size that EC2 accepts, before base64 (Amazon EC2 User Guide, "Run commands when you launch an EC2 instance")."""
_CACHE = "/cache"
_UNITS = ("llminfra-disk", "llminfra-weights", "llminfra-engine", "llminfra-drain", "llminfra-dcgm", "llminfra-metrics")
_STARTED = ("llminfra-drain", "llminfra-dcgm", "llminfra-metrics", "llminfra-engine")
_REPLICA = "llminfra-replica"
# What Kubernetes' LeaderWorkerSet calls leader and rank; on EC2 both are known when the engine starts.
_RENDEZVOUS = {"$(LWS_LEADER_ADDRESS)": "$(LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)": "$(RANK)"}
# Interfaces have other names on EC2 than in a pod.
_INTERFACES = frozenset({"NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME"})
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


def group_name(plan: Plan, endpoint: str, group: Ec2Group | None = None) -> str:
    """An Auto Scaling group of an endpoint."""
    return f"{plan.platform.name}-{endpoint}{group.suffix if group else ''}"


def standby_name(plan: Plan, endpoint: str) -> str:
    """The group that buys on demand what spot does not have."""
    return f"{group_name(plan, endpoint)}-standby"


def metric_namespace(plan: Plan) -> str:
    """CloudWatch namespace of a platform's metrics."""
    return f"llminfra/{plan.platform.name}"


def user_data(item: Ec2EndpointPlan, plan: Plan, group: Ec2Group | None = None, name: str = "") -> str:
    """The cloud-config for the instances of a group, base64.

    Args:
        item: The endpoint.
        plan: The plan it belongs to.
        group: Its group; ``None``: the first one.
        name: Name of the group in AWS, where it is another one than usual.

    Raises:
        UserDataTooLargeError: It is larger than EC2 accepts.
    """
    data = cloud_config(item, plan, group, name).encode()
    if len(data) > MOST_BYTES:
        # cloud-init unpacks gzip by itself (cloud-init documentation, "User data formats").
        data = steady_gzip(data)
    if (size := len(data)) > MOST_BYTES:
        what = f"user data of endpoint {item.name!r} has {size} bytes, packed"
        msg = f"{what}; EC2 accepts {MOST_BYTES}: shorten env or args"
        raise UserDataTooLargeError(msg)
    return base64.b64encode(data).decode()


def cloud_config(item: Ec2EndpointPlan, plan: Plan, group: Ec2Group | None = None, name: str = "") -> str:
    """The cloud-config as text."""
    folder = user_data_dir()
    several = item.serving.nodes > 1
    folders = (folder, folder / "replica") if several else (folder,)
    scripts = sorted(path for each in folders for path in each.glob("*.sh"))
    units = [folder / f"{unit}.service" for unit in _UNITS]
    started = [f"{unit}.service" for unit in _STARTED]
    files = [_file(f"/opt/llminfra/{path.name}", _bare(path.read_text(encoding="utf-8")), "0755") for path in scripts]
    if several:
        units.append(folder / "replica" / f"{_REPLICA}.service")
        started.append(f"{_REPLICA}.service")
        join = (folder / "replica" / "join.conf").read_text(encoding="utf-8")
        files.append(_file("/etc/systemd/system/llminfra-engine.service.d/join.conf", join))
    files += [_file(f"/etc/systemd/system/{path.name}", path.read_text(encoding="utf-8")) for path in units]
    written = settings(item, plan, group, name)
    files += [_file(f"/etc/llminfra/{file}", text, "0600") for file, text in written.items()]
    config: dict[str, Any] = {
        "write_files": files,
        "runcmd": [
            ["mkdir", "-p", "/var/log/llminfra"],
            ["systemctl", "daemon-reload"],
            # Not waited for: the model alone may take minutes, and cloud-init should end.
            ["systemctl", "enable", *started],
            ["systemctl", "start", "--no-block", *started],
        ],
    }
    # JSON is YAML, and cloud-init reads YAML.
    return "#cloud-config\n" + json.dumps(config, separators=(",", ":"), ensure_ascii=False) + "\n"


def settings(item: Ec2EndpointPlan, plan: Plan, group: Ec2Group | None = None, name: str = "") -> dict[str, str]:
    """Files of ``/etc/llminfra`` by name."""
    serving = item.serving
    group = group or item.groups[0]
    invocation = serving.invocation
    names = image_names(plan)
    copied = serving.weights.kind == "copied"
    several = serving.nodes > 1
    instance = {
        "DCGM_IMAGE": names.pulled(dcgm_exporter()),
        "DRAIN_HOOK": DRAIN_HOOK,
        "DRAIN_S": str(serving.drain.engine_s + 10),
        "ENTRYPOINT": invocation.command[0] if invocation.command else "",
        "GROUP": name or group_name(plan, item.name, group),
        "IMAGE": names.pulled(engine_image(invocation)),
        "LOCAL_DIR": LOCAL_DIR,
        "LOG_GROUP": log_group_name(plan, item.name),
        "PORT": str(invocation.port),
        "PRE_STOP_S": str(serving.drain.pre_stop_s),
        "REGION": plan.platform.region,
        "RUN_AS_USER": str(invocation.run_as_user),
        "SHM_MIB": str(serving.resources.shm_mib),
        **({"SPOT": "yes"} if item.on.capacity.kind == "spot" else {}),
        "WEIGHTS_BUCKET": (serving.weights.storage or "") if copied else "",
        "WEIGHTS_KEY": (serving.weights.key or "") if copied else "",
        "WEIGHTS_MOUNT": EC2_MODELS,
        **(_replica(item, plan, group) if several else {}),
    }
    env = {**invocation.env, **{key: f"{_CACHE}/{folder}" for key, folder in invocation.cache_env.items()}}
    if several:
        env = {key: value for key, value in env.items() if key not in _INTERFACES}
    ranks = {"engine.args": [_ranked(value, item) for value in (*invocation.command[1:], *invocation.args)]}
    if several:
        worker = (invocation.worker_command or invocation.command)[1:]
        ranks["worker.args"] = [_worker(value, item) for value in (*worker, *invocation.worker_args)]
    secrets = [f"{ref.name}\t{ref.secret_name}\t{ref.secret_key or ''}" for ref in invocation.secret_env]
    return {
        "instance.env": "".join(f"{key}={shlex.quote(value)}\n" for key, value in instance.items()),
        "engine.env": "".join(f"{key}={_line(value)}\n" for key, value in sorted(env.items())),
        **{file: "".join(f"{_line(value)}\n" for value in arguments) for file, arguments in ranks.items()},
        "secrets.tsv": "".join(f"{line}\n" for line in secrets),
        "prometheus.json": _prometheus(item),
        "cloudwatch-agent.json": _agent(item, plan),
    }


def _replica(item: Ec2EndpointPlan, plan: Plan, group: Ec2Group) -> dict[str, str]:
    """What the instances of one replica need to know to start together, and after the other replicas."""
    invocation = item.serving.invocation
    names = [group_name(plan, item.name, each) for each in item.groups]
    here = group_name(plan, item.name, group)
    return {
        "ADDRESS_ENV": " ".join(_own_address(item)),
        "CAPABILITIES": " ".join(invocation.added_capabilities),
        "EARLIER_GROUPS": " ".join(names[: names.index(here)]),
        "HEALTH_PATH": invocation.liveness.path or "/health",
        "NODES": str(item.serving.nodes),
        "OTHER_GROUPS": " ".join(each for each in names if each != here),
    }


def _own_address(item: Ec2EndpointPlan) -> list[str]:
    """Variables that hold the address of the rank itself."""
    return [name for name, field in item.serving.invocation.field_env.items() if field == "status.podIP"]


def _ranked(value: str, item: Ec2EndpointPlan) -> str:
    own = {f"$({name})": "$(ADDRESS)" for name in _own_address(item)}
    for name, known in {**_RENDEZVOUS, **own, "$(LWS_GROUP_SIZE)": str(item.serving.nodes)}.items():
        value = value.replace(name, known)
    return value


def _worker(value: str, item: Ec2EndpointPlan) -> str:
    # Only the leader takes requests: SGLang answers health checks on every rank, and the load balancer must not see it.
    return "--host=127.0.0.1" if value == "--host=0.0.0.0" else _ranked(value, item)


def _bare(script: str) -> str:
    """A script without its comments: user data is small."""
    first, *rest = script.splitlines(keepends=True)
    return first + "".join(line for line in rest if not line.lstrip().startswith("#"))


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
                            {
                                "file_path": path,
                                "log_group_name": group,
                                "log_stream_name": "{instance_id}-" + name,
                                # Otherwise the agent follows one of the files: that which was written to last
                                # (aws/amazon-cloudwatch-agent plugins/inputs/logfile/logfile.go, getTargetFiles).
                                **({"publish_multi_logs": True} if "*" in path else {}),
                            }
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
