"""Rules on a plan: arithmetic and promises that need no Terraform."""
