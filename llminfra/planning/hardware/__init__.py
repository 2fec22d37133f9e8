"""What GPUs and network cards of an instance type can do; usable without a spec."""
