"""AWS quotas and limits that a platform needs at its most."""
