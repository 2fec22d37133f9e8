"""The simulated AWS: what is created, what is refused, what data sources answer. One concept per file."""
