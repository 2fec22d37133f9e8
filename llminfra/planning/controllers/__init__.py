"""The cluster's own parts: which of them a plan needs, and what they ask of the system nodes."""
