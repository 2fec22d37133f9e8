"""What the picture of a platform is made of: boxes, the frames they stand in, and what flows between them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

BoxKind = Literal["caller", "queue", "gateway", "model", "storage", "service", "outside"]
FrameKind = Literal["region", "network", "cluster", "pool", "machines", "managed"]
EdgeKind = Literal["requests", "cache", "weights", "results"]


class Box(Struct, frozen=True, kw_only=True):
    """One thing: ``used`` of ``gpus`` GPUs are shown as squares, ``zones`` as marks."""

    id: str
    kind: BoxKind
    title: str
    lines: tuple[str, ...] = ()
    gpus: int = 0
    used: int = 0
    zones: tuple[str, ...] = ()
    href: str | None = None


class Frame(Struct, frozen=True, kw_only=True):
    """Things that stand together: a pool with its endpoints, a cluster with its pools, a managed service."""

    kind: FrameKind
    title: str
    note: str = ""
    zones: tuple[str, ...] = ()
    boxes: tuple[Box, ...] = ()
    frames: tuple[Frame, ...] = ()


class Edge(Struct, frozen=True, kw_only=True):
    """Something flows from one box to another."""

    start: str
    end: str
    kind: EdgeKind


class Architecture(Struct, frozen=True, kw_only=True):
    """A platform by where its parts are.

    Attributes:
        region: AWS region.
        network: Heading of the VPC.
        zones: Zone and its private block, in order.
        callers: Who sends requests.
        queues: SQS queues in front of endpoints.
        gateways: Gateways in the VPC.
        inside: Frames in the VPC.
        managed: Frames outside the VPC.
        file_systems: Storage in the VPC.
        services: Regional services, and what is outside of AWS.
        edges: What flows.
    """

    region: str
    network: str
    zones: tuple[tuple[str, str], ...]
    callers: tuple[Box, ...] = ()
    queues: tuple[Box, ...] = ()
    gateways: tuple[Box, ...] = ()
    inside: tuple[Frame, ...] = ()
    managed: tuple[Frame, ...] = ()
    file_systems: tuple[Box, ...] = ()
    services: tuple[Box, ...] = ()
    edges: tuple[Edge, ...] = ()
