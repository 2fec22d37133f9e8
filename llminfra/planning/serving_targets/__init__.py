"""Endpoints outside the cluster: on EC2 instances of their own, and on SageMaker."""
