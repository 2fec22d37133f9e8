"""The page that ``llminfra plan`` prints, and the same plan as plain data."""
