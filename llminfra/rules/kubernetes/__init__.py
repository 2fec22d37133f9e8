"""Rules on rendered Kubernetes objects."""
