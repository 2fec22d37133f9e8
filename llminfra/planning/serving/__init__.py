"""A model and its engine on one kind of machine: what no target of an endpoint changes."""
