"""What is served: models, their adapters, and where weights lie."""
