"""What the dashboards show; ``scripts/dashboards.py`` makes Grafana's JSON of them."""

from boards.efa import EFA
from boards.endpoint import ENDPOINT
from boards.fleet import FLEET
from boards.gpus import GPUS

BOARDS = (FLEET, ENDPOINT, GPUS, EFA)
