"""Measurements: accuracy against published figures, and speed as ratios against a named baseline of the same run."""
