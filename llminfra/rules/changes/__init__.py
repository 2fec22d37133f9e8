"""What a Terraform plan does to resources, and what is lost by it: one answer for real plans and rehearsed ones."""
