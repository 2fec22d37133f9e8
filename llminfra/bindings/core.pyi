# ruff: noqa: F403
"""CDKTF itself and the construct tree: everything `cdktf` exports, and `Construct`, `Node` and friends."""

from cdktf import *
from constructs import *
