"""Where endpoints run: the cluster and its GPU pools, EC2, SageMaker, and how their machines are bought and shared."""
