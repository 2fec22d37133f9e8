"""Endpoints on GPU pools, gateways in front of them, and the contract that applications read."""
