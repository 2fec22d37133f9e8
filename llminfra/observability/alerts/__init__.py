"""Alerts of endpoints, of GPUs, of the fleet and of EFA; each with its runbook in ``docs/runbooks``."""
