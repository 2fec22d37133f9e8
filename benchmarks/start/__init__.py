"""How long starts take: measured, beside the plan."""
