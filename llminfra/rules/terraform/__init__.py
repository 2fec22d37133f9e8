"""Rules on the synthesized Terraform."""
