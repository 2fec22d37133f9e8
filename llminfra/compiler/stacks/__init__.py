"""One module per stack: which constructs make it, from which parts of the plan."""
