# CDKTF itself and the construct tree: all that `cdktf` exports, and `Construct`, `Node` and friends.
# ruff: noqa: F403
from cdktf import *
from constructs import *
