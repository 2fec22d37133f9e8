"""Inference engines as a user declares them: one per file, the same words for the same setting in all."""
