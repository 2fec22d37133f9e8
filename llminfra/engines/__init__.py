"""One adapter per inference engine: container, arguments, environment, probes and metrics by engine version."""
