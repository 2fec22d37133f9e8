"""The VPC, its endpoints and logs, and load balancers."""
