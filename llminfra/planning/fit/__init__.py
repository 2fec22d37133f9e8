"""Whether an endpoint fits where it is declared, and what would help where it does not."""
