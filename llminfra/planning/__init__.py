"""Pure functions from a spec and the catalog to a plan: fit, parallelism, placement, network cards, cost."""
