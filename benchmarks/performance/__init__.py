"""Accuracy of the latency and throughput estimate."""
