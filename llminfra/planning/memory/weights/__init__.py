"""Weights on one rank: the parameters of each module, their cut, and the bytes of their format."""
