"""Typed values of every Helm chart that is installed, the pins of the upstream charts, and their known keys.

A values type holds only the keys that are set. ``to_values()`` gives the plain mapping for ``helm_release``; the same
declaration always gives the same mapping. The in-repo charts (``modules/charts``) take their ``values.schema.json``
from these types, so that Helm checks at install time what Python checked at compile time.
"""
