"""Reading spec files, Python and YAML: from a path to platforms, with everything that was wrong on the way."""
