"""Speed of the policy check."""
