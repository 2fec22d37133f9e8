"""Terraform and Kubernetes objects as rules read them, whoever wrote them."""
